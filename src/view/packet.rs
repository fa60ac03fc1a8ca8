//! One packet: its layers, every field with its bytes, value and meaning, and a dump in the same order and roles.
//!
//! Leaves out: columns and colours (`render::text::packet`), what the fields mean (docs/words/fields).

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::ends;
use super::hex::{self, HexLine};
use super::osi;
use super::say::{self, thousands};
use super::span::{Line, Part, Role};
use super::time::moment;
use crate::capture::Frame;
use crate::flow::{Event, Kind};
use crate::protocol::{Protocol, ports};
use crate::wire::{Node, NodeKind, Show, Tree, Value};
use crate::words::{self, Lang};

/// A packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PacketView {
    /// Number, sizes, time, link.
    pub head: Line,
    /// What happened in it, why, and the specification.
    pub told: Vec<(String, String, String)>,
    /// Its layers, outermost first.
    pub layers: Vec<LayerView>,
    /// Work of OSI's layers 5 and 6 that fields of the layers above do.
    pub work: Vec<WorkView>,
    /// What that is.
    pub work_title: String,
    /// The frame's bytes, then what was put together from several frames.
    pub dumps: Vec<Dump>,
}

/// Work that OSI puts at a layer of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkView {
    /// OSI layer; empty for a remark on what is none.
    pub osi: String,
    /// Its name.
    pub layer: String,
    /// The field that does it, with its place.
    pub field: String,
    /// The field's value.
    pub value: String,
    /// What it does.
    pub text: String,
}

/// A layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerView {
    /// OSI layer, or the sign of a dispute.
    pub osi: String,
    /// TCP/IP layer.
    pub tcpip: String,
    /// Name of the protocol.
    pub title: String,
    /// `bytes 0–13`.
    pub range: String,
    /// What the protocol is for.
    pub purpose: String,
    /// Where it is specified.
    pub spec: String,
    /// Its fields.
    pub fields: Vec<FieldView>,
}

/// A field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldView {
    /// How deep it stands in its layer, from 0.
    pub depth: usize,
    /// `0–5`; empty for what owns no bytes.
    pub range: String,
    /// Which bits of its bytes, where they are not whole: `0100 ....`.
    pub bits: String,
    /// Wireshark's name.
    pub name: String,
    /// Its value; empty for groups.
    pub value: String,
    /// What that means.
    pub meaning: String,
    /// Its role, the same as in the dump.
    pub role: Role,
}

/// Bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dump {
    /// What they are, where they are not the frame itself.
    pub title: String,
    /// The bytes.
    pub lines: Vec<HexLine>,
    /// How much of it is not shown, where it is long.
    pub rest: Option<String>,
}

/// So many bytes of what was put together or decoded are dumped: its fields have said what it is.
const MAX_DUMP: usize = 1024;

/// The view of a packet that was taken apart; `names`: with the registered names of ports and makers.
pub fn of(lang: Lang, names: bool, frame: &Frame<'_>, tree: &Tree, events: &[Event]) -> PacketView {
    let mut layers: Vec<LayerView> = Vec::new();
    let mut before = None;
    let mut roles: Vec<Vec<Role>> = vec![vec![Role::Plain; frame.bytes.len()]];
    roles.extend(tree.buffers.iter().map(|buffer| vec![Role::Plain; buffer.len()]));
    for node in &tree.nodes {
        if node.kind == NodeKind::Layer {
            layers.push(layer(lang, node));
            continue;
        }
        let Some(layer) = layers.last_mut() else { continue };
        if !names && node.kind == NodeKind::Derived && node.field.name.ends_with("_resolved") {
            continue;
        }
        let mut role = Role::Plain;
        if node.kind == NodeKind::Leaf {
            let part = part_of(node);
            // Two neighbours of one kind must be told apart.
            let second = before == Some((part, false));
            before = Some((part, second));
            role = Role::Field(part, second);
            let owned = roles[usize::from(node.buffer).min(tree.buffers.len())].iter_mut();
            for byte in owned.skip(node.offset()).take(node.length()) {
                if *byte == Role::Plain {
                    *byte = role;
                }
            }
        }
        let mut field = field(lang, frame, tree, node, role);
        if let Some(name) = port_name(node).filter(|_| names) {
            field.value = format!("{} ({name})", field.value);
        }
        layer.fields.push(field);
    }
    tell_once(&mut layers);
    let mut dumps = vec![Dump { title: String::new(), lines: hex::dump(frame.bytes, &roles[0]), rest: None }];
    for (at, buffer) in tree.buffers.iter().enumerate() {
        // What stands in the frame as it is need not be shown twice.
        let is_there = buffer.len() <= frame.bytes.len()
            && frame.bytes.windows(buffer.len().max(1)).any(|window| window == &buffer[..]);
        if is_there || buffer.is_empty() {
            continue;
        }
        let bytes = thousands(buffer.len() as u64);
        let of_several =
            tree.nodes.iter().any(|n| usize::from(n.buffer) == at + 1 && n.field.name == "tcp.segment");
        let decoded = tree
            .nodes
            .iter()
            .any(|n| usize::from(n.buffer) == at + 1 && n.field.name == "http.body.coded_length");
        let id = if decoded && !of_several { "screen.assembled-decoded" } else { "screen.reassembled" };
        let shown = buffer.len().min(MAX_DUMP);
        let lines = hex::dump(&buffer[..shown], &roles[at + 1]);
        let rest = (shown < buffer.len()).then(|| {
            say::text(lang, "screen.more-bytes", &[("n", &thousands((buffer.len() - shown) as u64))])
        });
        dumps.push(Dump { title: say::text(lang, id, &[("bytes", &bytes)]), lines, rest });
    }
    let told = events.iter().map(|event| {
        let said = say::event(lang, event);
        (said.line, said.why, say::spec(said.spec))
    });
    PacketView {
        head: head(lang, frame),
        told: told.collect(),
        layers,
        work: work(lang, frame, tree, events),
        work_title: say::word(lang, "osi-work.head").to_owned(),
        dumps,
    }
}

/// In one layer the same words are said once: the second header line is no news.
fn tell_once(layers: &mut [LayerView]) {
    for layer in layers {
        let mut said: HashSet<(String, String)> = HashSet::new();
        for field in &mut layer.fields {
            if !field.meaning.is_empty() && !said.insert((field.name.clone(), field.meaning.clone())) {
                field.meaning = String::new();
            }
        }
    }
}

/// Work of OSI's layers 5 and 6.
fn work(lang: Lang, frame: &Frame<'_>, tree: &Tree, events: &[Event]) -> Vec<WorkView> {
    let mut views: Vec<WorkView> = osi::work_of(tree)
        .into_iter()
        .map(|work| {
            let id = if work.node.buffer == 0 { "osi-work.bytes" } else { "osi-work.decoded-bytes" };
            let place = match work.node.kind {
                NodeKind::Leaf => say::text(lang, id, &[("range", &range(work.node))]),
                _ => String::new(),
            };
            WorkView {
                osi: work.osi.to_string(),
                layer: say::word(lang, if work.osi == 5 { "osi.5" } else { "osi.6" }).to_owned(),
                field: format!("{}  {place}", work.node.field.name).trim_end().to_owned(),
                value: value(lang, work.node, tree.bytes_of(work.node, frame.bytes)),
                text: words::find(lang, "interface", &format!("osi-work.{}", work.job))
                    .unwrap_or("")
                    .to_owned(),
            }
        })
        .collect();
    if events.iter().any(|e| matches!(e.kind, Kind::TcpKeepAlive | Kind::TcpKeepAliveAck)) {
        let text = say::word(lang, "osi-work.not-session").to_owned();
        let (osi, layer, field, value) = Default::default();
        views.push(WorkView { osi, layer, field, value, text });
    }
    views
}

pub(super) fn head(lang: Lang, frame: &Frame<'_>) -> Line {
    let (captured, length) = (thousands(frame.bytes.len() as u64), thousands(frame.wire_len.into()));
    let size = say::text(lang, "packet.captured", &[("captured", &captured), ("wire", &length)]);
    let link = say::link(lang, frame.link_type);
    Line::new()
        .with(format!("#{}", frame.number), Role::Packet)
        .with(format!("  {size}"), Role::Plain)
        .with(format!("     {} UTC", moment(frame.time_ns, false)), Role::Plain)
        .with(format!("     {link}"), Role::Dim)
}

fn layer(lang: Lang, node: &Node) -> LayerView {
    let protocol = Protocol::ALL.iter().find(|p| p.field().name == node.field.name);
    let words = words::field(node.field.name);
    let disputed = protocol == Some(&Protocol::Arp);
    let range = match node.length() {
        0 => String::new(),
        _ if node.buffer != 0 => {
            format!("{}{}", byte_range(lang, node), say::word(lang, "packet.in-buffer"))
        }
        _ => byte_range(lang, node),
    };
    LayerView {
        osi: if disputed { "⚖".to_owned() } else { protocol.map_or(7, |p| p.osi()).to_string() },
        tcpip: match protocol {
            _ if disputed => say::word(lang, "packet.arp-layer").to_owned(),
            Some(protocol) => layer_name(lang, *protocol).to_owned(),
            None => String::new(),
        },
        title: protocol.map_or(node.field.name, |p| p.title()).to_owned(),
        range,
        purpose: words.map_or("", |w| &w.text[lang.index()]).to_owned(),
        spec: words.map_or(String::new(), |w| say::spec(&w.spec)),
        fields: Vec::new(),
    }
}

/// Names of the OSI and the TCP/IP layer.
pub(super) fn layer_name(lang: Lang, protocol: Protocol) -> &'static str {
    let id = match protocol.osi() {
        1 => "osi.1",
        2 => "osi.2",
        3 => "osi.3",
        4 => "osi.4",
        5 => "osi.5",
        6 => "osi.6",
        _ => "osi.7",
    };
    say::word(lang, id)
}

pub(super) fn field(lang: Lang, frame: &Frame<'_>, tree: &Tree, node: &Node, role: Role) -> FieldView {
    let is_leaf = node.kind == NodeKind::Leaf;
    let bytes = tree.bytes_of(node, frame.bytes);
    FieldView {
        depth: usize::from(node.depth.saturating_sub(1)),
        range: if is_leaf { range(node) } else { String::new() },
        bits: if is_leaf { bit_pattern(node, bytes) } else { String::new() },
        name: node.field.name.to_owned(),
        value: if node.kind == NodeKind::Group { String::new() } else { value(lang, node, bytes) },
        meaning: match meaning(lang, node) {
            said if said.is_empty() && node.kind == NodeKind::Derived => {
                say::word(lang, "packet.derived").to_owned()
            }
            said => said,
        },
        role: if is_leaf { role } else { Role::Dim },
    }
}

fn range(node: &Node) -> String {
    match (node.offset(), node.length()) {
        (offset, 0 | 1) => offset.to_string(),
        (offset, length) => format!("{offset}–{}", offset + length - 1),
    }
}

/// The bytes of a layer's header.
pub(super) fn byte_range(lang: Lang, node: &Node) -> String {
    let (first, last) = (node.offset(), node.offset() + node.length().saturating_sub(1));
    let values = [("first", &*first.to_string()), ("last", &*last.to_string())];
    say::text(lang, if first == last { "bytes.one" } else { "bytes.range" }, &values)
}

/// The bits of a field that is not made of whole bytes, dots for its neighbours'. Longer ones tell only how many.
fn bit_pattern(node: &Node, bytes: &[u8]) -> String {
    if !node.is_partial() || bytes.len() > 2 {
        return String::new();
    }
    let (first, last) = (node.bit % 8, node.bit % 8 + node.bits);
    let mut text = String::new();
    for bit in 0..bytes.len() * 8 {
        if bit > 0 && bit % 4 == 0 {
            text.push(' ');
        }
        let set = bytes[bit / 8] >> (7 - bit % 8) & 1 == 1;
        text.push(match (first..last).contains(&bit) {
            true if set => '1',
            true => '0',
            false => '.',
        });
    }
    text
}

/// How a value is written.
pub(super) fn value(lang: Lang, node: &Node, bytes: &[u8]) -> String {
    match (&node.value, node.field.show) {
        (Value::Uint(n), Show::Hex(digits)) => format!("0x{n:0digits$x}", digits = usize::from(digits)),
        (Value::Uint(n), Show::Plain) => n.to_string(),
        (Value::Int(n), _) => n.to_string(),
        (Value::Time(ns), _) => say::duration(lang, *ns),
        (Value::Flag(flag), _) => {
            say::word(lang, if *flag { "screen.flag.set" } else { "screen.flag.clear" }).to_owned()
        }
        (Value::Mac(address), _) => ends::mac(*address),
        (Value::Ipv4(address), _) => Ipv4Addr::from(*address).to_string(),
        (Value::Ipv6(address), _) => Ipv6Addr::from(*address).to_string(),
        (Value::Text(text), _) => text.trim_end_matches(['\r', '\n']).to_owned(),
        (Value::Bytes, _) => raw(lang, bytes),
    }
}

/// The name that a port is registered under.
fn port_name(node: &Node) -> Option<&'static str> {
    let tcp = match node.field.name {
        "tcp.srcport" | "tcp.dstport" => true,
        "udp.srcport" | "udp.dstport" => false,
        _ => return None,
    };
    let Value::Uint(number) = node.value else { return None };
    ports::name(u16::try_from(number).ok()?, tcp)
}

/// Bytes: text where they are text, else hexadecimal; only the beginning of many.
pub(super) fn raw(lang: Lang, bytes: &[u8]) -> String {
    const MOST: usize = 24;
    let shown = &bytes[..bytes.len().min(MOST)];
    let printable = |b: &u8| b.is_ascii_graphic() || matches!(b, b' ' | b'\r' | b'\n' | b'\t');
    let text = if bytes.len() > 3 && shown.iter().all(printable) {
        format!("“{}”", String::from_utf8_lossy(shown))
    } else {
        shown.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(" ")
    };
    if bytes.len() <= MOST {
        return text;
    }
    let more = thousands((bytes.len() - MOST) as u64);
    format!("{text} {}", say::text(lang, "screen.more-bytes", &[("n", &more)]))
}

/// What a value means: of this value if there are words for it, of its sort of address, else of the field.
fn meaning(lang: Lang, node: &Node) -> String {
    let name = node.field.name;
    let key = match &node.value {
        Value::Uint(n) => n.to_string(),
        Value::Int(n) | Value::Time(n) => n.to_string(),
        Value::Flag(flag) => flag.to_string(),
        Value::Mac(address) => ends::mac(*address),
        Value::Ipv4(address) => Ipv4Addr::from(*address).to_string(),
        Value::Ipv6(address) => Ipv6Addr::from(*address).to_string(),
        Value::Text(text) => text.clone(),
        Value::Bytes => String::new(),
    };
    if let Some(said) = words::value(lang, name, &key) {
        return said.to_owned();
    }
    let sort = match &node.value {
        Value::Mac(address) => mac_sort(*address),
        Value::Ipv4(address) => ip_sort(IpAddr::from(*address)),
        Value::Ipv6(address) => ip_sort(IpAddr::from(*address)),
        _ => None,
    };
    let of_field = words::field(name).map_or("", |words| &words.text[lang.index()]);
    match sort.map(|id| say::word(lang, id)) {
        Some(sort) if of_field.is_empty() => sort.to_owned(),
        Some(sort) => format!("{of_field}{}{sort}", say::word(lang, "screen.clause-gap")),
        None => of_field.to_owned(),
    }
}

fn mac_sort(address: [u8; 6]) -> Option<&'static str> {
    match address {
        [0xff, 0xff, 0xff, 0xff, 0xff, 0xff] => Some("packet.broadcast"),
        [0, 0, 0, 0, 0, 0] => None,
        [first, ..] if first & 1 == 1 => Some("packet.multicast"),
        _ => None,
    }
}

fn ip_sort(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(ip) if ip.is_unspecified() => Some("screen.ip.unspecified"),
        IpAddr::V4(ip) if ip.is_loopback() => Some("screen.ip.loopback"),
        IpAddr::V4(ip) if ip.is_broadcast() => Some("screen.ip.broadcast"),
        IpAddr::V4(ip) if ip.is_multicast() => Some("screen.ip.multicast"),
        IpAddr::V4(ip) if ip.is_link_local() => Some("screen.ip.link-local"),
        IpAddr::V4(ip) if ip.is_private() => Some("screen.ip.private"),
        IpAddr::V4(ip) if ip.is_documentation() => Some("screen.ip.documentation"),
        IpAddr::V6(ip) if ip.is_unspecified() => Some("screen.ip.unspecified"),
        IpAddr::V6(ip) if ip.is_loopback() => Some("screen.ip.loopback"),
        IpAddr::V6(ip) if ip.is_multicast() => Some("screen.ip.multicast"),
        IpAddr::V6(ip) if ip.is_unicast_link_local() => Some("screen.ip.link-local"),
        IpAddr::V6(ip) if ip.is_unique_local() => Some("screen.ip.private"),
        _ => None,
    }
}

/// What kind of field it is, from what its value is and how its name ends: the same kind looks the same everywhere.
pub(super) fn part_of(node: &Node) -> Part {
    match node.value {
        Value::Mac(_) | Value::Ipv4(_) | Value::Ipv6(_) => return Part::Address,
        Value::Flag(_) => return Part::Flag,
        _ => {}
    }
    let last = node.field.name.rsplit('.').next().unwrap_or("");
    let is = |names: &[&str]| names.iter().any(|name| last.contains(name));
    if is(&["checksum"]) {
        Part::Check
    } else if is(&["port"]) {
        Part::Address
    } else if is(&["padding", "trailer", "reserved", "unreadable", "unused"]) {
        Part::Filler
    } else if is(&["len", "size", "offset", "window", "ttl", "hlim", "count", "mss"]) {
        Part::Size
    } else if is(&["type", "proto", "nxt", "opcode", "version", "code", "kind", "method"]) {
        Part::Kind
    } else if matches!(node.value, Value::Bytes | Value::Text(_)) {
        Part::Data
    } else {
        Part::Number
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Field, Recorder};

    static VERSION: Field = Field::new("ip.version");
    static OFFSET: Field = Field::new("ip.frag_offset");

    fn node(field: &'static Field, bit: usize, bits: usize) -> Node {
        let mut tree = Tree::default();
        tree.leaf(field, bit, bits, Value::Uint(4));
        tree.nodes.remove(0)
    }

    #[test]
    fn bits_are_drawn_where_bytes_are_shared() {
        assert_eq!(bit_pattern(&node(&VERSION, 0, 4), &[0x45]), "0100 ....");
        assert_eq!(bit_pattern(&node(&OFFSET, 51, 13), &[0x20, 0xb9]), "...0 0000 1011 1001");
        assert_eq!(bit_pattern(&node(&VERSION, 8, 8), &[0x45]), "");
    }

    #[test]
    fn every_byte_takes_the_role_of_its_first_owner() {
        let mut tree = Tree::default();
        tree.layer(Protocol::Ipv4.field(), 0, 2);
        tree.leaf(&VERSION, 0, 4, Value::Uint(4));
        tree.leaf(&OFFSET, 4, 12, Value::Uint(0));
        let frame =
            Frame { number: 1, time_ns: 0, interface: 0, link_type: 228, wire_len: 2, bytes: &[0x40, 0] };
        let view = of(Lang::En, true, &frame, &tree, &[]);
        let roles: Vec<Role> = view.dumps[0].lines[0].bytes.iter().map(|(_, role)| *role).collect();
        assert_eq!(roles, [Role::Field(Part::Kind, false), Role::Field(Part::Size, false)]);
        assert_eq!(view.layers[0].fields[0].role, roles[0]);
    }
}
