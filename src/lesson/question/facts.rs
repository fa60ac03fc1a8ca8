//! What is kept of a packet so that questions can be asked about it later, and of a capture: a sample of its packets.
//!
//! One pass in bounded memory: of each kind of question a reservoir of packets that look askable (Vitter's algorithm R), chosen
//! by the seed. A packet's fields are taken apart only when a reservoir takes it. What is told later (states that were assumed,
//! how the conversation ended) is added when it comes.
//! Leaves out: whether a question can be asked (each family's file).

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::dice::Dice;
use super::{KINDS, When};
use crate::decode::{self, Header};
use crate::flow::{Basis, Datum, Endpoint, Event, FlowId, FlowRecord, Kind, Outcome, StateChange};
use crate::notes::expression::{Facts as _, Operand};
use crate::notes::facts;
use crate::notes::surroundings::Surroundings;
use crate::protocol::Protocol;
use crate::session::Seen;
use crate::wire::{NodeKind, Show, Tree, Value};

/// Packets kept for each kind of question.
const RESERVOIR: usize = 32;
/// Texts of packets are kept up to here: longer ones are not asked about.
const MAX_TEXT: usize = 400;
/// Conversations whose ends are waited for.
const MAX_FLOWS: usize = 65_536;

/// What earlier packets say of a packet, as far as questions ask.
const AROUND: &[&str] = &[
    "hop.gateway",
    "hop.gateway_packet",
    "names.used_address",
    "names.used_packet",
    "nat.packet",
    "nat.kind",
    "nat.src",
    "nat.sport",
    "nat.dst",
    "nat.dport",
    "relay.client",
    "relay.front",
    "relay.packet",
];

/// A layer of a packet.
#[derive(Debug, Clone, Copy)]
pub struct Layer {
    /// Whose header it is.
    pub protocol: Protocol,
    /// Offset of its first byte in the frame.
    pub start: usize,
    /// Offset after the header.
    pub header_end: usize,
}

/// A value of a packet.
#[derive(Debug, Clone)]
struct Known {
    name: &'static str,
    value: Value,
    show: Show,
    /// In the packet that an ICMP error quotes.
    quoted: bool,
}

/// A packet as questions need it.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Its number.
    pub number: u64,
    /// Its time.
    pub time_ns: i64,
    /// Its conversation.
    pub flow: Option<FlowId>,
    /// Its layers, outermost first, without what is quoted.
    pub layers: Vec<Layer>,
    /// What happened in it.
    pub events: Vec<Event>,
    /// The changes of state that it causes or proves.
    pub states: Vec<StateChange>,
    /// Its conversation as it ended.
    pub record: Option<Rc<FlowRecord>>,
    /// Whether it is whole, undamaged and understood to its end: only of such packets anything is asked.
    pub sound: bool,
    /// Whether the capture has it a second time: nothing was followed, so only its headers can be asked about.
    pub copy: bool,
    /// Whether it is a piece of an IP datagram.
    pub fragment: bool,
    /// Whether an ICMP error came that is about it.
    pub complained: bool,
    head: Option<u64>,
    fields: Vec<Known>,
    around: Vec<(&'static str, Datum)>,
}

impl Facts {
    fn new(seen: &Seen<'_>, around: &dyn crate::notes::expression::Facts) -> Facts {
        let mut tree = Tree::default();
        decode::build(&seen.frame, seen.packet, &seen.outcome.context, &mut tree);
        let quoted_from = seen.packet.layers.iter().filter(|l| l.quoted).map(|l| l.start).min();
        let mut unreadable = false;
        let mut fields = Vec::with_capacity(tree.nodes.len());
        for node in &tree.nodes {
            unreadable |= node.field.name.ends_with(".unreadable");
            let value = match &node.value {
                Value::Text(text) if text.len() > MAX_TEXT => continue,
                value => value.clone(),
            };
            if node.kind != NodeKind::Group {
                fields.push(Known {
                    name: node.field.name,
                    value,
                    show: node.field.show,
                    quoted: node.buffer == 0
                        && quoted_from.is_some_and(|from| node.length() > 0 && node.offset() >= from),
                });
            }
        }
        let layers = seen.packet.layers.iter().filter(|layer| !layer.quoted);
        let layers = layers
            .map(|l| Layer { protocol: l.protocol, start: l.start, header_end: l.header_end })
            .collect();
        let mut of_around = Vec::new();
        for name in AROUND {
            let mut first = None;
            around.values(name, &mut |value: Operand<'_>| {
                first = first.take().or_else(|| facts::operand(value))
            });
            of_around.extend(first.map(|value| (*name, value)));
        }
        let number = seen.frame.number;
        Facts {
            number,
            time_ns: seen.frame.time_ns,
            flow: seen.outcome.flow,
            layers,
            events: seen.outcome.events.iter().filter(|event| event.packet == number).cloned().collect(),
            states: Vec::new(),
            record: None,
            sound: is_sound(seen) && !unreadable,
            copy: is_copy(seen),
            fragment: seen.packet.fragment.is_some(),
            complained: false,
            head: head(seen),
            fields,
            around: of_around,
        }
    }

    /// The values of a field that are the packet's own, as text.
    fn own<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Known> {
        self.fields.iter().filter(move |known| known.name == name && !known.quoted)
    }

    /// The first value of a field, a number.
    pub fn uint(&self, name: &str) -> Option<u64> {
        match self.own(name).next()?.value {
            Value::Uint(n) => Some(n),
            Value::Int(n) => u64::try_from(n).ok(),
            Value::Flag(flag) => Some(flag.into()),
            _ => None,
        }
    }

    /// All values of a field that are numbers.
    pub fn uints(&self, name: &str) -> Vec<u64> {
        let number = |known: &Known| match known.value {
            Value::Uint(n) => Some(n),
            _ => None,
        };
        self.own(name).filter_map(number).collect()
    }

    /// Whether a flag is set.
    pub fn flag(&self, name: &str) -> bool {
        self.uint(name) == Some(1)
    }

    /// Whether a field or layer is there.
    pub fn has(&self, name: &str) -> bool {
        self.own(name).next().is_some()
    }

    /// How many values a field has.
    pub fn count(&self, name: &str) -> usize {
        self.own(name).count()
    }

    /// Bytes of the head of the HTTP message that a segment begins with, the blank line included.
    pub fn head_length(&self) -> Option<u64> {
        self.head
    }

    /// The first value of a field, as it is shown.
    pub fn text(&self, name: &str) -> Option<String> {
        self.own(name).next().and_then(|known| written(&known.value, known.show))
    }

    /// All values of a field, as they are shown.
    pub fn texts(&self, name: &str) -> Vec<String> {
        self.own(name).filter_map(|known| written(&known.value, known.show)).collect()
    }

    /// The same, in the packet that an ICMP error quotes.
    pub fn quoted(&self, name: &str) -> Option<String> {
        let known = self.fields.iter().find(|known| known.name == name && known.quoted)?;
        written(&known.value, known.show)
    }

    /// What earlier packets say of this one.
    pub fn around(&self, name: &str) -> Option<&Datum> {
        self.around.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// What happened, of that kind.
    pub fn event(&self, kind: Kind) -> Option<&Event> {
        self.events.iter().find(|event| event.kind == kind)
    }

    /// The first event of one of these kinds.
    pub fn any(&self, kinds: &[Kind]) -> Option<&Event> {
        self.events.iter().find(|event| kinds.contains(&event.kind))
    }

    /// A layer of its own.
    pub fn layer(&self, protocol: Protocol) -> Option<&Layer> {
        self.layers.iter().find(|layer| layer.protocol == protocol)
    }

    /// What a TCP conversation was, as it ended.
    pub fn tcp(&self) -> Option<&crate::flow::TcpRecord> {
        self.record.as_ref()?.tcp.as_deref()
    }

    /// Whose segment or datagram it is.
    pub fn from(&self) -> Option<Endpoint> {
        let record = self.record.as_ref()?;
        let (src, port) = (self.text("ip.src").or_else(|| self.text("ipv6.src"))?, self.port("srcport")?);
        let is = |party: &crate::flow::Party| {
            party.addr.is_some_and(|addr| addr.to_string() == src) && party.port.map(u64::from) == Some(port)
        };
        match (is(&record.client), is(&record.server)) {
            (true, false) => Some(Endpoint::Client),
            (false, true) => Some(Endpoint::Server),
            _ => None,
        }
    }

    fn port(&self, which: &str) -> Option<u64> {
        ["tcp", "udp"].iter().find_map(|protocol| self.uint(&format!("{protocol}.{which}")))
    }

    /// Whether nothing happened to a TCP segment that would make its numbers doubtful.
    pub fn is_clean_segment(&self) -> bool {
        const DOUBT: &str = "tcp.analysis.";
        const FINE: &[Kind] = &[Kind::TcpWindowUpdate, Kind::TcpReusedPorts];
        self.layer(Protocol::Tcp).is_some()
            && !self.events.iter().any(|e| e.kind.name().starts_with(DOUBT) && !FINE.contains(&e.kind))
            && self.event(Kind::TcpConflict).is_none()
            && !self.events.iter().any(|event| matches!(event.variant, "again" | "stale"))
    }
}

/// A value as it is shown: flags are 1 and 0, as filters have them. Bytes are not shown.
fn written(value: &Value, show: Show) -> Option<String> {
    let mac = |m: &[u8; 6]| Datum::Mac(*m).to_string();
    Some(match (value, show) {
        (Value::Uint(n), Show::Hex(digits)) => format!("0x{n:0width$x}", width = usize::from(digits)),
        (Value::Uint(n), Show::Plain) => n.to_string(),
        (Value::Int(n), _) => n.to_string(),
        (Value::Time(ns), _) => Datum::Duration(*ns).to_string(),
        (Value::Flag(flag), _) => u8::from(*flag).to_string(),
        (Value::Mac(address), _) => mac(address),
        (Value::Ipv4(address), _) => std::net::Ipv4Addr::from(*address).to_string(),
        (Value::Ipv6(address), _) => std::net::Ipv6Addr::from(*address).to_string(),
        (Value::Text(text), _) => text.trim_end_matches(['\r', '\n']).to_owned(),
        (Value::Bytes, _) => return None,
    })
}

/// How long the head is that a TCP segment begins with, if it begins with one of HTTP/1 and has it whole.
fn head(seen: &Seen<'_>) -> Option<u64> {
    let layer = seen.packet.transport().filter(|layer| layer.protocol == Protocol::Tcp)?;
    let payload = seen.frame.bytes.get(layer.header_end..layer.end)?;
    let line = &payload[..payload.iter().position(|b| *b == b'\r')?];
    if !line.starts_with(b"HTTP/1.") && !line.windows(8).any(|part| part.starts_with(b" HTTP/1.")) {
        return None;
    }
    payload.windows(4).position(|part| part == b"\r\n\r\n").map(|at| at as u64 + 4)
}

/// Whether a packet is whole, undamaged, understood, and no tunnel.
fn is_sound(seen: &Seen<'_>) -> bool {
    const BAD: &[Kind] = &[Kind::ChecksumBad, Kind::Malformed, Kind::Truncated];
    let number = seen.frame.number;
    let own = || seen.packet.layers.iter().filter(|layer| !layer.quoted);
    let once = |is: fn(Protocol) -> bool| own().filter(|layer| is(layer.protocol)).count() <= 1;
    seen.packet.malformed.is_none()
        && seen.frame.bytes.len() == seen.frame.wire_len as usize
        && !seen.outcome.events.iter().any(|event| event.packet == number && BAD.contains(&event.kind))
        && once(|p| matches!(p, Protocol::Ipv4 | Protocol::Ipv6))
        && once(|p| matches!(p, Protocol::Ethernet | Protocol::Pbb))
        && once(|p| p == Protocol::Tcp || p == Protocol::Udp)
}

/// Whether it was captured before.
fn is_copy(seen: &Seen<'_>) -> bool {
    seen.outcome
        .events
        .iter()
        .any(|event| event.packet == seen.frame.number && event.kind == Kind::CaptureCopy)
}

/// Keeps the facts of packets as a capture goes by.
#[derive(Debug)]
pub struct Collector {
    /// `None`: a sample for each kind.
    wanted: Option<BTreeSet<u64>>,
    kinds: Vec<Reservoir>,
    kept: BTreeMap<u64, (Facts, u32)>,
    by_flow: BTreeMap<FlowId, BTreeSet<u64>>,
    surroundings: Surroundings,
    packets: u64,
    unsound: u64,
}

#[derive(Debug)]
struct Reservoir {
    dice: Dice,
    seen: u64,
    packets: Vec<u64>,
}

impl Collector {
    /// Keeps a sample for each kind of question; the same seed keeps the same.
    pub fn sampling(seed: u64) -> Collector {
        let of = |(at, _)| Reservoir { dice: Dice::new(&[seed, at as u64]), seen: 0, packets: Vec::new() };
        Collector { kinds: KINDS.iter().enumerate().map(of).collect(), ..Collector::of(std::iter::empty()) }
            .without_list()
    }

    /// Keeps these packets.
    pub fn of(packets: impl IntoIterator<Item = u64>) -> Collector {
        Collector {
            wanted: Some(packets.into_iter().collect()),
            kinds: Vec::new(),
            kept: BTreeMap::new(),
            by_flow: BTreeMap::new(),
            surroundings: Surroundings::default(),
            packets: 0,
            unsound: 0,
        }
    }

    fn without_list(self) -> Collector {
        Collector { wanted: None, ..self }
    }

    /// A packet goes by, followed with its context ([`crate::session::Want::Context`]).
    pub fn packet(&mut self, seen: &Seen<'_>) {
        let number = seen.frame.number;
        self.packets += 1;
        self.surroundings.packet(&seen.frame, seen.packet, seen.outcome);
        let holders = match &self.wanted {
            Some(wanted) => u32::from(wanted.contains(&number)),
            None => self.sample(seen),
        };
        if holders > 0 {
            let facts = Facts::new(seen, &self.surroundings.facts(None));
            if let Some(flow) = facts.flow
                && self.by_flow.len() < MAX_FLOWS
            {
                self.by_flow.entry(flow).or_default().insert(number);
            }
            self.kept.insert(number, (facts, holders));
        }
        self.told(seen.outcome, number);
        let causes = seen.outcome.events.iter().filter_map(|event| event.uint("cause_packet"));
        for cause in causes {
            if let Some((facts, _)) = self.kept.get_mut(&cause) {
                facts.complained = true;
            }
        }
        for record in &seen.outcome.ended {
            self.surroundings.forget(record.id);
        }
    }

    /// How many kinds take the packet.
    fn sample(&mut self, seen: &Seen<'_>) -> u32 {
        if !is_sound(seen) || is_copy(seen) {
            self.unsound += 1;
            return 0;
        }
        let mut gateway = false;
        self.surroundings.facts(None).values("hop.gateway", &mut |_| gateway = true);
        let mut holders = 0;
        let mut gone = Vec::new();
        for (kind, reservoir) in KINDS.iter().zip(&mut self.kinds) {
            if !kind.when.may(seen, gateway) {
                continue;
            }
            reservoir.seen += 1;
            if reservoir.packets.len() < RESERVOIR {
                reservoir.packets.push(seen.frame.number);
                holders += 1;
            } else {
                let at = reservoir.dice.below(reservoir.seen) as usize;
                if at < RESERVOIR {
                    gone.push(std::mem::replace(&mut reservoir.packets[at], seen.frame.number));
                    holders += 1;
                }
            }
        }
        for number in gone {
            self.let_go(number);
        }
        holders
    }

    fn let_go(&mut self, number: u64) {
        let Some((facts, holders)) = self.kept.get_mut(&number) else { return };
        *holders -= 1;
        if *holders == 0 {
            let flow = facts.flow;
            self.kept.remove(&number);
            if let Some(flow) = flow
                && let Some(packets) = self.by_flow.get_mut(&flow)
            {
                packets.remove(&number);
                if packets.is_empty() {
                    self.by_flow.remove(&flow);
                }
            }
        }
    }

    /// What is told of packets that have gone by.
    fn told(&mut self, outcome: &Outcome, now: u64) {
        for event in outcome.events.iter().filter(|event| event.packet != now) {
            if let Some((facts, _)) = self.kept.get_mut(&event.packet) {
                facts.events.push(event.clone());
            }
        }
        for change in &outcome.states {
            if let Some((facts, _)) = self.kept.get_mut(&change.packet) {
                facts.states.push(*change);
            }
        }
    }

    /// A conversation ended.
    pub fn flow(&mut self, record: &FlowRecord) {
        let Some(packets) = self.by_flow.remove(&record.id) else { return };
        let record = Rc::new(record.clone());
        for number in packets {
            if let Some((facts, _)) = self.kept.get_mut(&number) {
                facts.record = Some(Rc::clone(&record));
            }
        }
    }

    /// The capture is over: what did not come is told. Conversations that were still open are told by [`Collector::flow`] next.
    pub fn end(&mut self, last: &Outcome) {
        self.told(last, u64::MAX);
    }

    /// What was kept.
    pub fn kept(self) -> Kept {
        let kinds = KINDS.iter().zip(self.kinds);
        let mut by_kind: Vec<_> = kinds.map(|(kind, reservoir)| (kind.name, reservoir.packets)).collect();
        by_kind.iter_mut().for_each(|(_, packets)| packets.sort_unstable());
        let packets = self.kept.into_iter().map(|(number, (facts, _))| (number, facts)).collect();
        Kept { packets, by_kind, seen: self.packets, unsound: self.unsound }
    }
}

/// What was kept of a capture.
#[derive(Debug, Default)]
pub struct Kept {
    packets: BTreeMap<u64, Facts>,
    /// Of each kind the packets that it may be asked about.
    pub by_kind: Vec<(&'static str, Vec<u64>)>,
    /// How many packets went by.
    pub seen: u64,
    /// How many of them are cut, damaged or in a tunnel.
    pub unsound: u64,
}

impl Kept {
    /// A packet.
    pub fn packet(&self, number: u64) -> Option<&Facts> {
        self.packets.get(&number)
    }
}

impl When {
    /// Whether a question of the kind may be asked about a packet: seen from its headers and events, cheaply.
    fn may(self, seen: &Seen<'_>, gateway: bool) -> bool {
        let number = seen.frame.number;
        match self {
            When::Layer(protocol) => seen.packet.layer(protocol).is_some(),
            When::Data => seen.packet.layers.iter().any(|layer| match &layer.header {
                Header::Tcp(tcp) if !layer.quoted => seen.packet.transport_len > tcp.header_len(),
                _ => false,
            }),
            When::Event(kinds) => {
                seen.outcome.events.iter().any(|event| event.packet == number && kinds.contains(&event.kind))
            }
            When::State => seen.outcome.states.iter().any(|s| s.packet == number && s.basis == Basis::Sent),
            When::Fragment => seen.packet.fragment.is_some(),
            When::NoData => seen.packet.layers.iter().any(|layer| match &layer.header {
                Header::Tcp(tcp) if !layer.quoted => seen.packet.transport_len <= tcp.header_len(),
                _ => false,
            }),
            When::Ip => seen.packet.ip().is_some(),
            When::Gateway => gateway,
        }
    }
}
