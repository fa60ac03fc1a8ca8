//! What earlier packets say of this one: facts that no single event carries, for the checks of claims.
//!
//! * `hop.*`, with the first frame of each conversation and station: whom the frame goes to, and how the station
//!   came to know that hardware address.
//! * `half.*`, with the first data that an end sends after it has acknowledged the other's FIN.
//! * `fin.*`: the FIN that is acknowledged. `isn.*`: the sender's initial number beside its previous one.
//! * `link.*`: several capture points in one file. `original.kind`: what a packet seen again was, the first time.
//!
//! Bounded: what is remembered of stations and addresses is forgotten as a whole when it grows beyond
//! `MAX_KNOWN`, and counted anew.
//!
//! Leaves out: judgement. Nothing here is an event that people are told of.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr};

use arrayvec::ArrayVec;
use foldhash::fast::RandomState;

use crate::capture::Frame;
use crate::decode::{Header, Packet};
use crate::flow::{Datum, Endpoint, Event, FlowId, Kind, Outcome};

use super::expression::{Facts, Operand};
use super::memory::{MEMORIES, Memory};

/// Entries remembered of a kind.
const MAX_KNOWN: usize = 16_384;
/// Packets whose events are remembered for their copies.
const MAX_KINDS: usize = 1_024;
/// How long the same ARP question may take to another capture point, nanoseconds.
const CROSSING_NS: i64 = 2_000_000_000;

type Mac = [u8; 6];
type Map<K, V> = HashMap<K, V, RandomState>;

/// How a station came to be told a hardware address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// As the answer to a question.
    Reply,
    /// By a question or announcement of the address's owner.
    Request,
    /// By a reply that nobody had asked for.
    Unasked,
}

impl How {
    fn name(self) -> &'static str {
        match self {
            How::Reply => "reply",
            How::Request => "request",
            How::Unasked => "unasked",
        }
    }
}

/// What ARP said last of an address.
#[derive(Debug, Clone, Copy)]
struct Told {
    mac: Mac,
    packet: u64,
    how: How,
    /// It put another hardware address in place of one that was known.
    replaced: bool,
}

/// The first frame of a conversation from one station.
#[derive(Debug, Clone, Copy)]
struct Hop {
    src_mac: Mac,
    mac: Mac,
    dst: Ipv4Addr,
    told: Option<Told>,
    asked: bool,
    gateway: Option<(Ipv4Addr, Told)>,
    asked_gateway: bool,
    asked_packet: Option<u64>,
    before: Option<(Mac, u64)>,
    earlier: Option<u64>,
    networks: usize,
}

#[derive(Debug, Clone, Copy)]
struct Fin {
    packet: u64,
    seq: u64,
    seq_raw: u64,
    len: u64,
}

/// An end that has acknowledged the other's FIN and sent none itself.
#[derive(Debug, Clone, Copy)]
struct Half {
    endpoint: Endpoint,
    from: (IpAddr, u16),
    next: u32,
    fin_packet: u64,
    ack_packet: u64,
}

#[derive(Debug, Default, Clone, Copy)]
struct Close {
    fins: [Option<Fin>; 2],
    half: Option<Half>,
}

#[derive(Debug, Clone, Copy)]
struct Isn {
    isn: u32,
    time_ns: i64,
    packet: u64,
    ends: (u16, IpAddr, u16),
}

#[derive(Debug, Clone, Copy)]
struct Step {
    step: i32,
    gap_ns: i64,
    packet: u64,
    same_ends: bool,
}

/// What is known around the packet at hand.
#[derive(Debug, Default)]
struct Now {
    hop: Option<Hop>,
    half: Option<(Half, u32)>,
    fin: Option<Fin>,
    step: Option<Step>,
    crossed: Option<bool>,
    address: Option<Ipv4Addr>,
    kinds: ArrayVec<Kind, 4>,
}

/// Remembers what later packets are judged by.
#[derive(Debug)]
pub struct Surroundings {
    memories: Vec<Box<dyn Memory>>,
    now: Now,
    routed: bool,
    told: Map<Ipv4Addr, Told>,
    address_of: Map<Mac, Ipv4Addr>,
    questions: Map<(Mac, Ipv4Addr), u64>,
    used: Map<(Mac, Ipv4Addr), (Mac, u64)>,
    networks: Map<(Mac, Mac), ArrayVec<[u8; 3], 8>>,
    begun: HashSet<(FlowId, Mac), RandomState>,
    seen_arp: VecDeque<(Mac, Ipv4Addr, Ipv4Addr, u32, i64)>,
    closes: Map<FlowId, Close>,
    halves: usize,
    isns: Map<IpAddr, Isn>,
    kinds: VecDeque<(u64, ArrayVec<Kind, 4>)>,
}

impl Default for Surroundings {
    fn default() -> Surroundings {
        Surroundings {
            memories: MEMORIES.iter().map(|row| (row.make)()).collect(),
            now: Now::default(),
            routed: false,
            told: Map::default(),
            address_of: Map::default(),
            questions: Map::default(),
            used: Map::default(),
            networks: Map::default(),
            begun: HashSet::default(),
            seen_arp: VecDeque::new(),
            closes: Map::default(),
            halves: 0,
            isns: Map::default(),
            kinds: VecDeque::new(),
        }
    }
}

impl Surroundings {
    /// Takes in a packet and what it brought.
    pub fn packet(&mut self, frame: &Frame<'_>, packet: &Packet<'_>, outcome: &Outcome) {
        self.memories.iter_mut().for_each(|memory| memory.packet(frame, packet, outcome));
        self.now = Now::default();
        let mut copy = false;
        for event in &outcome.events {
            if event.packet != frame.number {
                continue;
            }
            match event.kind {
                Kind::CaptureCopy => {
                    copy = true;
                    self.copied(event);
                }
                Kind::TcpSyn | Kind::TcpSynAck => self.opens(frame, packet, event),
                Kind::TcpFin | Kind::TcpFinAck | Kind::TcpCloseAck => self.closes(packet, event),
                _ => {}
            }
        }
        if !copy {
            self.data_after_fin(packet, outcome.flow);
            // A question tells how its asker learns the others; a frame, whom it had learnt before.
            self.hop(frame, packet, outcome.flow);
            for event in outcome.events.iter().filter(|e| e.packet == frame.number) {
                self.arp(frame, event);
            }
        }
        if !outcome.events.is_empty() {
            if self.kinds.len() >= MAX_KINDS {
                self.kinds.pop_front();
            }
            let kinds = outcome.events.iter().filter(|e| e.packet == frame.number).map(|e| e.kind);
            self.kinds.push_back((frame.number, kinds.take(4).collect()));
        }
    }

    /// Whether the packet at hand is the first of its conversation from its station.
    pub fn is_hop(&self) -> bool {
        self.now.hop.is_some()
    }

    /// Whether it is the first data sent after the peer's FIN.
    pub fn is_half_close(&self) -> bool {
        self.now.half.is_some()
    }

    /// A conversation is over, and has been asked about.
    pub fn forget(&mut self, flow: FlowId) {
        self.memories.iter_mut().for_each(|memory| memory.forget(flow));
        if let Some(close) = self.closes.remove(&flow) {
            self.halves -= usize::from(close.half.is_some());
        }
    }

    fn copied(&mut self, event: &Event) {
        self.routed |= event.variant == "forwarded";
        let Some(Datum::Uint(original)) = event.get("original") else { return };
        if let Some((_, kinds)) = self.kinds.iter().rev().find(|(packet, _)| packet == original) {
            self.now.kinds.clone_from(kinds);
        }
    }

    fn opens(&mut self, frame: &Frame<'_>, packet: &Packet<'_>, event: &Event) {
        let Some((src, sport, dst, dport)) = ends(packet) else { return };
        let Some(&Datum::Uint(isn)) = event.get("isn") else { return };
        if event.variant == "again" {
            return;
        }
        let here =
            Isn { isn: isn as u32, time_ns: frame.time_ns, packet: frame.number, ends: (sport, dst, dport) };
        if let Some(before) = remember(&mut self.isns, src, here) {
            self.now.step = Some(Step {
                step: here.isn.wrapping_sub(before.isn) as i32,
                gap_ns: here.time_ns - before.time_ns,
                packet: before.packet,
                same_ends: here.ends == before.ends,
            });
        }
    }

    fn closes(&mut self, packet: &Packet<'_>, event: &Event) {
        let (Some(flow), Some(endpoint)) = (event.flow, endpoint(event)) else { return };
        if self.closes.len() >= MAX_KNOWN && !self.closes.contains_key(&flow) {
            return;
        }
        let close = self.closes.entry(flow).or_default();
        let (me, peer) = (endpoint.index(), endpoint.peer().index());
        let uint = |key| match event.get(key) {
            Some(Datum::Uint(n)) => *n,
            _ => 0,
        };
        if event.kind == Kind::TcpCloseAck {
            self.now.fin = close.fins[peer];
            if event.variant == "half"
                && let Some((src, sport, ..)) = ends(packet)
                && let Some(tcp) = packet.transport()
                && let Header::Tcp(header) = &tcp.header
            {
                self.halves += usize::from(close.half.is_none());
                close.half = Some(Half {
                    endpoint,
                    from: (src, sport),
                    next: header.sequence_number(),
                    fin_packet: uint("fin_packet"),
                    ack_packet: event.packet,
                });
            }
            return;
        }
        if event.kind == Kind::TcpFinAck {
            self.now.fin = close.fins[peer];
        }
        if event.variant != "again" {
            close.fins[me] = Some(Fin {
                packet: event.packet,
                seq: uint("seq"),
                seq_raw: uint("seq_raw"),
                len: uint("len"),
            });
        }
    }

    /// Data of an end that has acknowledged the other's FIN: the first of it.
    fn data_after_fin(&mut self, packet: &Packet<'_>, flow: Option<FlowId>) {
        if self.halves == 0 {
            return;
        }
        let Some(close) = flow.and_then(|flow| self.closes.get_mut(&flow)) else { return };
        let Some(half) = close.half else { return };
        let Some((src, sport, ..)) = ends(packet) else { return };
        let Some(tcp) = packet.transport() else { return };
        let Header::Tcp(header) = &tcp.header else { return };
        let len = packet.transport_len.saturating_sub(header.header_len());
        let new = header.sequence_number().wrapping_sub(half.next) < 1 << 31;
        if (src, sport) == half.from && len > 0 && new {
            self.now.half = Some((half, len as u32));
            close.half = None;
            self.halves -= 1;
        }
    }

    fn hop(&mut self, frame: &Frame<'_>, packet: &Packet<'_>, flow: Option<FlowId>) {
        let Some((src_mac, mac)) = packet.layers.first().and_then(|layer| match &layer.header {
            Header::Ethernet(e) => Some((e.src, e.dst)),
            _ => None,
        }) else {
            return;
        };
        let (Some(flow), Some(ip)) = (flow, packet.ip()) else { return };
        let Header::Ipv4(header) = &ip.header else { return };
        let dst = Ipv4Addr::from(header.destination());
        if mac[0] & 1 == 1 || dst.is_multicast() || dst.is_broadcast() {
            return;
        }
        if self.begun.len() >= MAX_KNOWN {
            self.begun.clear();
        }
        if !self.begun.insert((flow, src_mac)) {
            return;
        }
        let told = self.told.get(&dst).copied();
        let direct = told.is_some_and(|t| t.mac == mac);
        let near = |a: Ipv4Addr| a.octets()[..3] == dst.octets()[..3];
        // Another address of the same host looks like a gateway; one of the same network is taken for that.
        let gateway = self
            .address_of
            .get(&mac)
            .filter(|a| !direct && !near(**a))
            .and_then(|a| Some((*a, *self.told.get(a).filter(|t| t.mac == mac)?)));
        let question = |of: Ipv4Addr| self.questions.get(&(src_mac, of)).copied();
        let via = gateway.map_or(dst, |(a, _)| a);
        let last = remember(&mut self.used, (src_mac, dst), (mac, frame.number));
        let mut networks = 0;
        if !direct {
            if self.networks.len() >= MAX_KNOWN {
                self.networks.clear();
            }
            let known = self.networks.entry((src_mac, mac)).or_default();
            let [a, b, c, _] = dst.octets();
            if !known.contains(&[a, b, c]) {
                let _ = known.try_push([a, b, c]);
            }
            networks = known.len();
        }
        self.now.hop = Some(Hop {
            src_mac,
            mac,
            dst,
            told,
            asked: question(dst).is_some(),
            gateway,
            asked_gateway: gateway.is_some_and(|(a, _)| question(a).is_some()),
            asked_packet: question(via),
            before: last.filter(|(before, _)| *before != mac),
            earlier: last.filter(|(before, _)| *before == mac).map(|(_, packet)| packet),
            networks,
        });
    }

    fn arp(&mut self, frame: &Frame<'_>, event: &Event) {
        let how = match event.kind {
            Kind::ArpRequest | Kind::ArpRefresh | Kind::ArpProbe | Kind::ArpAnnouncement => How::Request,
            Kind::ArpReply => How::Reply,
            Kind::ArpUnsolicitedReply | Kind::ArpGratuitous => How::Unasked,
            _ => return,
        };
        let (Some(&Datum::Mac(mac)), Some(&Datum::Ip(IpAddr::V4(ip))), Some(&Datum::Ip(IpAddr::V4(target)))) =
            (event.get("sender_mac"), event.get("sender_ip"), event.get("target_ip"))
        else {
            return;
        };
        if event.kind == Kind::ArpRequest {
            self.now.crossed = Some(self.seen_arp.iter().any(|(m, i, t, interface, time)| {
                (*m, *i, *t) == (mac, ip, target)
                    && *interface != frame.interface
                    && frame.time_ns - time < CROSSING_NS
            }));
            if self.seen_arp.len() >= MAX_KINDS {
                self.seen_arp.pop_front();
            }
            self.seen_arp.push_back((mac, ip, target, frame.interface, frame.time_ns));
        }
        if matches!(event.kind, Kind::ArpRequest | Kind::ArpRefresh) {
            remember(&mut self.questions, (mac, target), frame.number);
        }
        self.now.address = self.address_of.get(&mac).copied();
        if ip.is_unspecified() {
            return;
        }
        let before = self.told.get(&ip).copied();
        let replaced = before.is_some_and(|b| b.mac != mac || (b.replaced && how != How::Reply));
        // What is said again in passing does not make an answer less of one.
        if before.is_none_or(|b| b.mac != mac || how == How::Reply || b.how == How::Request) {
            remember(&mut self.told, ip, Told { mac, packet: frame.number, how, replaced });
        }
        remember(&mut self.address_of, mac, ip);
    }
}

/// Puts a value in place of the one before; forgets all when there are too many.
fn remember<K: Eq + Hash, V>(map: &mut Map<K, V>, key: K, value: V) -> Option<V> {
    if map.len() >= MAX_KNOWN && !map.contains_key(&key) {
        map.clear();
    }
    map.insert(key, value)
}

/// Source and destination of the segment or datagram: address, port, address, port.
fn ends(packet: &Packet<'_>) -> Option<(IpAddr, u16, IpAddr, u16)> {
    let (sport, dport) = match &packet.transport()?.header {
        Header::Tcp(h) => (h.source_port(), h.destination_port()),
        Header::Udp(h) => (h.source_port(), h.destination_port()),
        _ => return None,
    };
    let (from, to) = packet.addresses()?;
    Some((from, sport, to, dport))
}

fn endpoint(event: &Event) -> Option<Endpoint> {
    match event.get("endpoint") {
        Some(Datum::Name("client")) => Some(Endpoint::Client),
        Some(Datum::Name("server")) => Some(Endpoint::Server),
        _ => None,
    }
}

/// The facts around the packet at hand, or around a conversation that has ended.
#[derive(Clone, Copy)]
pub struct Around<'a> {
    surroundings: &'a Surroundings,
    flow: Option<FlowId>,
}

impl Surroundings {
    /// As facts. `flow`: the conversation that ended, for `fin.client.*` and `fin.server.*`.
    pub fn facts(&self, flow: Option<FlowId>) -> Around<'_> {
        Around { surroundings: self, flow }
    }
}

impl Facts for Around<'_> {
    fn values(&self, name: &str, each: &mut dyn FnMut(Operand<'_>)) {
        let Some((area, field)) = name.split_once('.') else {
            if name == "endpoint"
                && let Some((half, _)) = &self.surroundings.now.half
            {
                each(Operand::Text(half.endpoint.name()));
            }
            return;
        };
        let now = &self.surroundings.now;
        match area {
            "hop" => now.hop.iter().for_each(|hop| of_hop(hop, field, each)),
            "link" => match field {
                "routed" => each(Operand::Bool(self.surroundings.routed)),
                "crossed" => now.crossed.iter().for_each(|c| each(Operand::Bool(*c))),
                "address" => now.address.iter().for_each(|a| each(Operand::V4(a.octets()))),
                _ => {}
            },
            "original" if field == "kind" => now.kinds.iter().for_each(|k| each(Operand::Text(k.name()))),
            "isn" => now.step.iter().for_each(|s| match field {
                "step" => each(Operand::Int(s.step.into())),
                "gap" => each(Operand::Time(s.gap_ns.into())),
                "packet" => each(Operand::Int(s.packet.into())),
                "same_ends" => each(Operand::Bool(s.same_ends)),
                _ => {}
            }),
            "half" => now.half.iter().for_each(|(half, len)| match field {
                "fin_packet" => each(Operand::Int(half.fin_packet.into())),
                "ack_packet" => each(Operand::Int(half.ack_packet.into())),
                "len" => each(Operand::Int((*len).into())),
                _ => {}
            }),
            "fin" => self.of_fin(field, each),
            _ => self.surroundings.memories.iter().for_each(|memory| memory.values(name, self.flow, each)),
        }
    }
}

impl Around<'_> {
    fn of_fin(&self, field: &str, each: &mut dyn FnMut(Operand<'_>)) {
        let closes = &self.surroundings.closes;
        let ended = |end: Endpoint| closes.get(&self.flow?).and_then(|close| close.fins[end.index()]);
        let (fin, field) = match field.split_once('.') {
            Some(("client", field)) => (ended(Endpoint::Client), field),
            Some(("server", field)) => (ended(Endpoint::Server), field),
            _ => (self.surroundings.now.fin, field),
        };
        let Some(fin) = fin else { return };
        match field {
            "packet" => each(Operand::Int(fin.packet.into())),
            "seq" => each(Operand::Int(fin.seq.into())),
            "seq_raw" => each(Operand::Int(fin.seq_raw.into())),
            "len" => each(Operand::Int(fin.len.into())),
            _ => {}
        }
    }
}

fn of_hop(hop: &Hop, field: &str, each: &mut dyn FnMut(Operand<'_>)) {
    let swayed = |told: &Told| told.mac == hop.mac && told.how == How::Unasked && told.replaced;
    let mut packet = |n: u64| each(Operand::Int(n.into()));
    match (field, hop) {
        ("told_packet", Hop { told: Some(told), .. }) => return packet(told.packet),
        ("gateway_packet", Hop { gateway: Some((_, told)), .. }) => return packet(told.packet),
        ("asked_packet", Hop { asked_packet: Some(n), .. }) => return packet(*n),
        ("before_packet", Hop { before: Some((_, n)), .. }) => return packet(*n),
        ("earlier", Hop { earlier: Some(n), .. }) => return packet(*n),
        ("networks", _) => return packet(hop.networks as u64),
        _ => {}
    }
    let value = match (field, hop) {
        ("src_mac", _) => Operand::Mac(hop.src_mac),
        ("mac", _) => Operand::Mac(hop.mac),
        ("dst", _) => Operand::V4(hop.dst.octets()),
        ("told", Hop { told: Some(told), .. }) => Operand::Mac(told.mac),
        ("told_by", Hop { told: Some(told), .. }) => Operand::Text(told.how.name()),
        ("asked", _) => Operand::Bool(hop.asked),
        ("gateway", Hop { gateway: Some((ip, _)), .. }) => Operand::V4(ip.octets()),
        ("asked_gateway", _) => Operand::Bool(hop.asked_gateway),
        ("before", Hop { before: Some((mac, _)), .. }) => Operand::Mac(*mac),
        ("swayed", _) => {
            let told = hop.told.filter(|t| t.mac == hop.mac).or(hop.gateway.map(|(_, told)| told));
            Operand::Bool(told.is_some_and(|told| swayed(&told)))
        }
        _ => return,
    };
    each(value);
}
