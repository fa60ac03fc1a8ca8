//! What decides a claim in a capture: the sentence with the packet's own numbers, the fields that were asked, and their bytes.
//!
//! Leaves out: deciding (`notes::check`), the claim itself (`claims`), columns (`render::text::evidence`).

use super::claims;
use super::hex::{self, HexLine};
use super::packet::{self, FieldView};
use super::say;
use super::span::{Line, Role};
use crate::capture::Frame;
use crate::notes::check::{ClaimResult, Evidence, On, Status};
use crate::notes::ledger::Right;
use crate::wire::{Node, NodeKind, Tree};
use crate::words::Lang;

/// Most fields that are shown of a packet: a check asks for a few.
const MAX_FIELDS: usize = 12;
/// Most fields that are shown where they are named one by one.
const MAX_NAMED: usize = 40;

/// What says where a frame goes next, for checks of that.
const HOP: [&str; 5] = ["eth.dst", "eth.src", "ip.src", "ip.dst", "ip.ttl"];
/// The fields that say most of a packet.
const TELLING: [&str; 14] = [
    "tcp.seq_raw",
    "tcp.ack_raw",
    "tcp.flags.ack",
    "tcp.flags.reset",
    "tcp.flags.syn",
    "tcp.flags.fin",
    "arp.opcode",
    "arp.src.proto_ipv4",
    "arp.dst.proto_ipv4",
    "icmp.type",
    "icmp.code",
    "dns.qry.name",
    "http.request.method",
    "http.response.code",
];

/// The evidence of one claim in one capture.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EvidenceView {
    /// In which capture.
    pub capture: String,
    /// One a check and status.
    pub exhibits: Vec<Exhibit>,
    /// What is said where there is none.
    pub none: Line,
}

/// One packet that decides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exhibit {
    /// The packet.
    pub packet: u64,
    /// What it shows.
    pub line: Line,
    /// The packet's number, size and time.
    pub head: Line,
    /// The fields that were asked.
    pub fields: Vec<FieldView>,
    /// The bytes they stand in.
    pub bytes: Vec<HexLine>,
    /// Names that the check asks for, as it was put.
    names: Vec<String>,
}

/// What a capture says of a claim; packets are put in by [`EvidenceView::packet`].
pub fn of(lang: Lang, capture: &str, result: &ClaimResult) -> EvidenceView {
    let exhibits: Vec<Exhibit> = result.evidence.iter().map(|evidence| exhibit(lang, evidence)).collect();
    let none = match exhibits.is_empty() {
        true => Line::new().with(say::word(lang, "claims.nothing-here"), Role::Dim),
        false => Line::new(),
    };
    EvidenceView { capture: capture.to_owned(), exhibits, none }
}

fn exhibit(lang: Lang, evidence: &Evidence) -> Exhibit {
    let (sign, role, id) = match evidence.status {
        Status::Contradicted if evidence.check.right == Right::Both => ("≈", Role::Note, "status.exception"),
        Status::Contradicted => ("✗", Role::Bad, "status.contradicted"),
        _ => ("✓", Role::Good, "status.shown"),
    };
    let mut line = Line::new().with(format!("{sign} {}  ", say::word(lang, id)), role);
    let sentence = claims::sentence(lang, evidence);
    line.push(if sentence.is_empty() { format!("#{}", evidence.packet) } else { sentence }, Role::Plain);
    if evidence.status == Status::Contradicted {
        line.push(format!("  {}", claims::right(lang, Some(evidence.check.right))), Role::Note);
    }
    let told = evidence.check.placeholders().map(str::to_owned);
    let hop = HOP.iter().filter(|_| evidence.check.on == On::Hop).map(|name| (*name).to_owned());
    let names = evidence.check.names().map(str::to_owned).chain(told).chain(hop).collect();
    Exhibit { packet: evidence.packet, line, names, ..Exhibit::default() }
}

impl EvidenceView {
    /// Whether the fields of a packet are wanted.
    pub fn wants(&self, number: u64) -> bool {
        self.exhibits.iter().any(|exhibit| exhibit.packet == number)
    }

    /// A packet was taken apart: its fields go to the exhibits that are about it.
    pub fn packet(&mut self, lang: Lang, frame: &Frame<'_>, tree: &Tree) {
        for exhibit in self.exhibits.iter_mut().filter(|exhibit| exhibit.packet == frame.number) {
            let asked = |node: &&Node| {
                matches!(node.kind, NodeKind::Leaf | NodeKind::Derived)
                    && exhibit.names.iter().any(|name| node.field.name == name)
            };
            let mut nodes: Vec<&Node> = tree.nodes.iter().filter(asked).take(MAX_FIELDS).collect();
            if nodes.iter().all(|node| node.kind != NodeKind::Leaf) {
                // The check asked what following found out, not what stands in a field: then what it was found from.
                let telling =
                    |node: &&Node| TELLING.contains(&node.field.name) && node.kind == NodeKind::Leaf;
                nodes.extend(tree.nodes.iter().filter(telling).take(MAX_FIELDS));
            }
            exhibit.draw(lang, frame, tree, &nodes);
        }
    }
}

/// Some fields of a packet and the bytes they stand in.
pub fn fields(lang: Lang, frame: &Frame<'_>, tree: &Tree, names: &[String]) -> Exhibit {
    let asked = |node: &&Node| {
        matches!(node.kind, NodeKind::Leaf | NodeKind::Derived)
            && names.iter().any(|name| node.field.name == name)
    };
    let nodes: Vec<&Node> = tree.nodes.iter().filter(asked).take(MAX_NAMED).collect();
    let mut exhibit = Exhibit { packet: frame.number, ..Exhibit::default() };
    exhibit.draw(lang, frame, tree, &nodes);
    exhibit
}

impl Exhibit {
    fn draw(&mut self, lang: Lang, frame: &Frame<'_>, tree: &Tree, nodes: &[&Node]) {
        let mut roles = vec![Role::Dim; frame.bytes.len()];
        for node in nodes.iter().filter(|node| node.kind == NodeKind::Leaf && node.buffer == 0) {
            let role = Role::Field(packet::part_of(node), false);
            roles.iter_mut().skip(node.offset()).take(node.length()).for_each(|r| *r = role);
        }
        self.head = packet::head(lang, frame);
        let field = |node: &&Node| {
            let role = Role::Field(packet::part_of(node), false);
            FieldView { depth: 0, ..packet::field(lang, frame, tree, node, role) }
        };
        self.fields = nodes.iter().map(field).collect();
        let marked = |line: &HexLine| line.bytes.iter().any(|(_, role)| *role != Role::Dim);
        self.bytes = hex::dump(frame.bytes, &roles).into_iter().filter(marked).take(MAX_FIELDS).collect();
    }
}
