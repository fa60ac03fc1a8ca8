//! A packet as nested boxes, one a header: what each is for, and what the other side does with it; and the stacks of headers
//! that a whole capture has.
//!
//! RFC 1122 section 1.1.3 (the four layers of hosts). Leaves out: drawing (`render::text::layers`), single fields (`packet`), the
//! sentences (docs/words/layers.toml).

use std::collections::HashMap;

use super::claims::{self, Mark};
use super::flows::{Column, Table};
use super::packet;
use super::say::{self, thousands};
use super::span::{Line, Role};
use crate::capture::Frame;
use crate::decode::{Packet, PieceKind};
use crate::flow::Outcome;
use crate::notes::check::Finding;
use crate::protocol::{Protocol, TcpIp};
use crate::wire::{Node, NodeKind, Tree, Value};
use crate::words::{self, Lang};

/// Most stacks that are listed.
const MAX_STACKS: usize = 200;

/// A packet's boxes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayersView {
    /// How much of it is headers.
    pub head: Line,
    /// The order of its headers.
    pub stack: Line,
    /// The boxes, outermost first.
    pub boxes: Vec<LayerBox>,
    /// What was put together or decoded from it; depths begin anew.
    pub decoded: Vec<(Line, Vec<LayerBox>)>,
    /// What stands outside the boxes.
    pub outside: Vec<Line>,
    /// That OSI's upper layers have no box; empty where the packet carries no application's bytes.
    pub upper: Line,
    /// What the notes claim and this packet decides.
    pub claims: Vec<Line>,
}

/// A header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerBox {
    /// How many boxes it stands in.
    pub depth: usize,
    /// Protocol, bytes, layers.
    pub title: Line,
    /// What it is for.
    pub own: Line,
    /// What the other side does with it.
    pub peer: Line,
}

fn text(lang: Lang, id: &str, values: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    words::find(lang, "layers", id).map(|template| words::fill(template, values))
}

fn said(lang: Lang, id: &'static str, values: &[(&str, String)]) -> String {
    let value = |key: &str| values.iter().find(|(name, _)| *name == key).map(|(_, value)| value.clone());
    text(lang, id, &value).unwrap_or_else(|| id.to_owned())
}

/// A layer as the tree has it, with its fields.
struct Found<'t> {
    protocol: Option<Protocol>,
    node: &'t Node,
    fields: &'t [Node],
    quoted: bool,
}

/// The layers of one buffer, outermost first.
fn found(tree: &Tree, buffer: u8) -> Vec<Found<'_>> {
    let begins: Vec<usize> =
        (0..tree.nodes.len()).filter(|at| tree.nodes[*at].kind == NodeKind::Layer).collect();
    let mut quoted = false;
    let mut layers = Vec::new();
    for (index, at) in begins.iter().enumerate() {
        let node = &tree.nodes[*at];
        if node.buffer != buffer {
            continue;
        }
        let end = begins.get(index + 1).copied().unwrap_or(tree.nodes.len());
        let protocol = Protocol::ALL.iter().copied().find(|p| p.field().name == node.field.name);
        layers.push(Found { protocol, node, fields: &tree.nodes[at + 1..end], quoted });
        quoted |= matches!(protocol, Some(Protocol::Icmp | Protocol::Icmpv6));
    }
    layers
}

fn is_application(found: &Found<'_>) -> bool {
    found.protocol.is_none_or(|p| p.tcpip() == TcpIp::Application)
}

/// The view of a packet that was taken apart.
pub fn of(
    lang: Lang,
    file: &str,
    frame: &Frame<'_>,
    packet: &Packet<'_>,
    tree: &Tree,
    findings: &[Finding],
) -> LayersView {
    let layers = found(tree, 0);
    // An application's bytes are what headers carry; without any, what is behind the last header.
    let headers_end = layers
        .iter()
        .find(|l| is_application(l) && !l.quoted)
        .map(|l| l.node.offset())
        .or_else(|| layers.iter().map(|l| l.node.offset() + l.node.length()).max())
        .unwrap_or(0);
    // What the innermost length field counts; behind it stands filling.
    let counted =
        packet.layers.iter().filter(|l| !l.quoted).map(|l| l.end).min().unwrap_or(frame.bytes.len());
    let carried = counted.max(headers_end) - headers_end;
    let sizes = [
        ("number", frame.number.to_string()),
        ("headers", thousands(headers_end as u64)),
        ("carried", thousands(carried as u64)),
    ];
    let head = said(lang, if carried == 0 { "title-bare" } else { "title" }, &sizes);
    let titles: Vec<&str> = layers.iter().map(title).collect();
    let mut outside = Vec::new();
    let mut note = |id: &'static str, bytes: usize| {
        if bytes > 0 {
            outside.push(Line::new().with(said(lang, id, &[("bytes", thousands(bytes as u64))]), Role::Dim));
        }
    };
    note("trailer", frame.bytes.len() - counted.max(headers_end).min(frame.bytes.len()));
    note("missing", (frame.wire_len as usize).saturating_sub(frame.bytes.len()));
    let decoded = (1..=tree.buffers.len()).filter_map(|number| {
        let number = u8::try_from(number).ok()?;
        let inside = found(tree, number);
        let bytes = tree.buffers.get(usize::from(number) - 1)?.len();
        let line =
            Line::new().with(said(lang, "decoded", &[("bytes", thousands(bytes as u64))]), Role::Strong);
        (!inside.is_empty())
            .then(|| (line, boxes(lang, &inside, bytes, &tree.buffers[usize::from(number) - 1])))
    });
    let inner = layers.iter().find(|l| is_application(l) && !l.quoted && l.protocol != Some(Protocol::Data));
    let upper = inner.map_or_else(Line::new, |inner| {
        let spec = say::spec(words::spec("layers", "upper"));
        let line = said(lang, "upper", &[("next", title(inner).to_owned())]);
        Line::new().with(line, Role::Plain).with("  ", Role::Plain).with(spec, Role::Spec)
    });
    let marks: Vec<Mark> = findings.iter().filter(|f| f.packet == frame.number).map(Mark::from).collect();
    let mut claims = claims::marks(lang, &marks.iter().collect::<Vec<_>>(), true);
    if claims.is_empty() {
        claims.push(Line::new().with(said(lang, "no-notes", &[("file", file.to_owned())]), Role::Dim));
    }
    LayersView {
        head: Line::new().with(head, Role::Title),
        stack: Line::plain(said(lang, "stack", &[("stack", titles.join(" ▸ "))])),
        boxes: boxes(lang, &layers, counted, frame.bytes),
        decoded: decoded.collect(),
        outside,
        upper,
        claims,
    }
}

/// The heading over the notes' claims.
pub fn notes_heading(lang: Lang) -> String {
    said(lang, "notes", &[])
}

fn title<'f>(found: &Found<'f>) -> &'f str {
    found.protocol.map_or(found.node.field.name, Protocol::title)
}

fn boxes(lang: Lang, layers: &[Found<'_>], end: usize, bytes: &[u8]) -> Vec<LayerBox> {
    let mut depth = 0;
    let mut made: Vec<LayerBox> = Vec::new();
    for (at, layer) in layers.iter().enumerate() {
        // Units of a stream stand side by side, all else in what was before.
        let beside = at > 0 && is_application(layer) && is_application(&layers[at - 1]);
        if at > 0 && !beside {
            depth += 1;
        }
        let next = layers.get(at + 1).map_or_else(String::new, |next| title(next).to_owned());
        made.push(one(lang, layer, depth, &next, end, bytes));
    }
    made
}

fn one(lang: Lang, layer: &Found<'_>, depth: usize, next: &str, end: usize, bytes: &[u8]) -> LayerBox {
    let length = layer.node.length();
    let carried = end.saturating_sub(layer.node.offset() + length);
    let prefix = layer.node.field.name;
    let value = |key: &str| match key {
        "bytes" => Some(thousands(length as u64)),
        "carried" => (carried > 0).then(|| thousands(carried as u64)),
        "empty" => (carried == 0).then(|| "0".to_owned()),
        "group" | "single" => {
            let station = layer.fields.iter().find_map(|node| match node.value {
                Value::Mac(address) => Some(address),
                _ => None,
            })?;
            (is_group(station) == (key == "group")).then(|| "1".to_owned())
        }
        "next" => Some(next.to_owned()).filter(|next| !next.is_empty()),
        _ => {
            let name = |node: &Node| {
                node.field
                    .name
                    .strip_prefix(prefix)
                    .map(|rest| rest.trim_start_matches('.').replace('.', "_"))
            };
            let node = layer.fields.iter().find(|node| name(node).as_deref() == Some(key))?;
            let at = node.offset().min(bytes.len());
            let own = bytes.get(at..(at + node.length()).min(bytes.len())).unwrap_or(&[]);
            Some(packet::value(lang, node, own))
        }
    };
    // A header that was cut, or that carries nothing known, cannot fill every text; then the general one of its layer is said.
    let fits = |id: &str| {
        let template = words::find(lang, "layers", id)?;
        let lacks = words::placeholders(template).iter().any(|p| !p.optional && value(p.name).is_none());
        (!lacks).then(|| words::fill(template, &value))
    };
    let general = match layer.protocol.map_or(7, Protocol::osi) {
        _ if layer.quoted => "quoted",
        _ if layer.protocol == Some(Protocol::Data) => "data",
        1 | 2 => "osi2",
        3 => "osi3",
        4 => "osi4",
        _ => "osi7",
    };
    let told = |which: &str| {
        let own = (!layer.quoted).then(|| fits(&format!("{prefix}.{which}"))).flatten();
        own.or_else(|| fits(&format!("{general}.{which}"))).unwrap_or_default()
    };
    let (own, peer) = (told("own"), told("peer"));
    LayerBox {
        depth,
        title: box_title(lang, layer, length),
        own: Line::plain(own),
        peer: if peer.is_empty() {
            Line::new()
        } else {
            Line::plain(said(lang, "box.peer", &[("text", peer)]))
        },
    }
}

/// Whether more than one station is meant: the first bit on the wire (IEEE 802 clause 8.2.2).
fn is_group(address: [u8; 6]) -> bool {
    address[0] & 1 == 1
}

fn box_title(lang: Lang, layer: &Found<'_>, length: usize) -> Line {
    let values = [("range", packet::byte_range(lang, layer.node)), ("bytes", thousands(length as u64))];
    let bytes = said(lang, "box.bytes", &values);
    let tcpip = match layer.protocol.map_or(TcpIp::Application, Protocol::tcpip) {
        TcpIp::Link => "tcpip.link",
        TcpIp::Internet => "tcpip.internet",
        TcpIp::Transport => "tcpip.transport",
        TcpIp::Application => "tcpip.application",
    };
    let number = layer.protocol.map_or(7, Protocol::osi).to_string();
    let osi = layer.protocol.map_or_else(String::new, |p| packet::layer_name(lang, p).to_owned());
    let values = [("number", number), ("osi", osi), ("tcpip", said(lang, tcpip, &[]))];
    let disputed = layer.protocol == Some(Protocol::Arp);
    let model = said(lang, if disputed { "box.disputed" } else { "box.layers" }, &values);
    Line::new()
        .with(title(layer), Role::Title)
        .with("  ", Role::Plain)
        .with(bytes, Role::Dim)
        .with("  ", Role::Plain)
        .with(model, Role::Note)
}

/// The stacks of headers of a capture, counted.
#[derive(Debug, Default)]
pub struct Stacks {
    counted: HashMap<Vec<Protocol>, Counted>,
    /// Packets whose stack was not counted for want of room.
    others: u64,
}

#[derive(Debug, Clone, Copy)]
struct Counted {
    packets: u64,
    bytes: u64,
    headers: u64,
    first: u64,
}

impl Stacks {
    /// One more packet, with what its follower knows of it.
    pub fn take(&mut self, frame: &Frame<'_>, packet: &Packet<'_>, outcome: &Outcome) {
        let mut stack: Vec<Protocol> =
            packet.layers.iter().filter(|l| !l.quoted).map(|l| l.protocol).collect();
        let innermost = packet.layers.iter().rfind(|l| !l.quoted);
        let mut headers = innermost.map_or(0, |l| if l.protocol.osi() < 7 { l.header_end } else { l.start });
        for piece in &outcome.context.pieces {
            if let PieceKind::Unit(unit) | PieceKind::Assembled { unit, .. } = &piece.kind
                && unit.protocol() != Protocol::Data
                && stack.last() != Some(&unit.protocol())
                && stack.len() < 32
            {
                stack.push(unit.protocol());
            }
        }
        headers = headers.min(frame.bytes.len());
        if !self.counted.contains_key(&stack) && self.counted.len() >= MAX_STACKS {
            self.others += 1;
            return;
        }
        let number = frame.number;
        let counted =
            self.counted.entry(stack).or_insert(Counted { packets: 0, bytes: 0, headers: 0, first: number });
        counted.packets += 1;
        counted.bytes += u64::from(frame.wire_len);
        counted.headers += headers as u64;
    }

    /// The table, most packets first.
    pub fn table(&self, lang: Lang, file: &str) -> Table {
        let word = |id| said(lang, id, &[]);
        let mut rows: Vec<_> = self.counted.iter().collect();
        rows.sort_by_key(|(_, c)| (std::cmp::Reverse(c.packets), c.first));
        let columns = vec![
            Column::new(&word("overview.packets"), true),
            Column::new(&word("overview.bytes"), true),
            Column::new(&word("overview.headers"), true),
            Column::new(&word("overview.first"), true),
            Column::new(&word("overview.stack"), false),
        ];
        let rows = rows.iter().map(|(stack, c)| {
            let titles: Vec<&str> = stack.iter().map(|p| p.title()).collect();
            let share = format!("{:.1} %", 100.0 * c.headers as f64 / c.bytes.max(1) as f64);
            vec![
                (thousands(c.packets), Role::Strong),
                (thousands(c.bytes), Role::Plain),
                (share, Role::Plain),
                (format!("#{}", c.first), Role::Packet),
                (titles.join(" ▸ "), Role::Protocol),
            ]
        });
        let mut rest = vec![said(lang, "overview.rest", &[("file", file.to_owned())])];
        if self.others > 0 {
            rest.push(format!("+{}", thousands(self.others)));
        }
        Table { columns, rows: rows.collect(), rest, narrow: String::new() }
    }
}
