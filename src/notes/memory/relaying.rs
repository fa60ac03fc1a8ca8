//! Hosts that pass requests on: balancers, proxies, edges with a cache; and what they ask on their own account.
//!
//! A request is passed on where the one that got it, while it owes the answer, asks for the same URI elsewhere: from the address
//! that was asked, or with the client's address in its header, or from an address that did one of these before.
//!
//! * `relay.packet`, `.client`, `.front`, with a request that is passed on: the request behind it, whose it is, who was asked. `.edge`: it
//!   is passed on from the very address that was asked. `.same`: to the last byte. `.servers`: to how many servers requests have gone by now.
//!   `.before_packet`, `.elsewhere_packet`: the same client's request before went to the same server, another client's in between did not.
//! * `relay.for_packet`, in a connection that is opened while a request is owed its answer: that request.
//! * `relay.asked_packet`, `.tried_packet`, with an answer: the request that was made for it; the SYN that was sent for it in vain;
//!   `.tried_edge`: from the very address that was asked.
//! * `cache.filled_packet`, `.filled_after`, with an answer for which nothing was asked: an earlier one to the same request, for which
//!   something was, and how long that took.
//! * `probe.count`, `.before_packet`, `.gap`: how often a host has asked a server the same, or opened and closed a connection without a
//!   byte, on nobody's behalf; the time before, how long ago. `probe.relays`: that host passes requests on as well.
//!
//! Bounded: [`MAX_OPEN`] requests, [`MAX_KNOWN`] entries of each kind, then all of that kind are forgotten.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, Hash};
use std::net::IpAddr;

use foldhash::fast::{FixedState, RandomState};

use crate::capture::Frame;
use crate::decode::{Header, Packet};
use crate::flow::{Datum, Event, FlowId, Kind, Outcome};
use crate::notes::expression::{self, Operand};

use super::Memory;

/// Requests that are owed their answers.
const MAX_OPEN: usize = 256;
/// Entries of a kind.
const MAX_KNOWN: usize = 4_096;
/// Requests passed on that are remembered of a host.
const MAX_PASSES: usize = 64;
/// How long after a request it may be passed on.
const PASSING_NS: i64 = 10_000_000_000;

/// The names, and the kinds of their values.
pub const NAMES: &[(&str, expression::Kind)] = &[
    ("relay.packet", expression::Kind::Number),
    ("relay.client", expression::Kind::Any),
    ("relay.front", expression::Kind::Any),
    ("relay.edge", expression::Kind::Flag),
    ("relay.same", expression::Kind::Flag),
    ("relay.servers", expression::Kind::Number),
    ("relay.before_packet", expression::Kind::Number),
    ("relay.elsewhere_packet", expression::Kind::Number),
    ("relay.for_packet", expression::Kind::Number),
    ("relay.asked_packet", expression::Kind::Number),
    ("relay.tried_packet", expression::Kind::Number),
    ("relay.tried_edge", expression::Kind::Flag),
    ("cache.filled_packet", expression::Kind::Number),
    ("cache.filled_after", expression::Kind::Time),
    ("probe.count", expression::Kind::Number),
    ("probe.before_packet", expression::Kind::Number),
    ("probe.gap", expression::Kind::Time),
    ("probe.relays", expression::Kind::Flag),
];

type Map<K, V> = HashMap<K, V, RandomState>;

/// A request that is owed its answer.
#[derive(Debug)]
struct Open {
    flow: FlowId,
    client: IpAddr,
    server: IpAddr,
    port: u16,
    uri: String,
    packet: u64,
    time_ns: i64,
    digest: u64,
    asked: Option<u64>,
    /// The SYN, and whether it went out from the very address that was asked.
    tried: Option<(u64, bool)>,
    reached: bool,
}

#[derive(Debug, Clone, Copy)]
struct Pass {
    port: u16,
    client: IpAddr,
    server: IpAddr,
    packet: u64,
}

/// What a front address is known for.
#[derive(Debug, Default)]
struct Front {
    /// From where it passes on.
    back: Option<IpAddr>,
    servers: Vec<IpAddr>,
    passes: VecDeque<Pass>,
}

#[derive(Debug, Clone, Copy)]
struct Relay {
    packet: u64,
    client: IpAddr,
    front: IpAddr,
    edge: bool,
    same: bool,
    servers: usize,
    before: Option<u64>,
    elsewhere: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
struct Probe {
    count: u64,
    packet: u64,
    time_ns: i64,
}

#[derive(Debug, Default)]
struct Now {
    time_ns: i64,
    relay: Option<Relay>,
    for_packet: Option<u64>,
    asked: Option<u64>,
    tried: Option<(u64, bool)>,
    filled: Option<(u64, i64)>,
    /// How many by now, and the one before.
    probe: Option<(u64, Option<Probe>, bool)>,
}

/// The memory.
#[derive(Debug, Default)]
pub struct Relaying {
    now: Now,
    open: VecDeque<Open>,
    fronts: Map<IpAddr, Front>,
    /// Connections opened for a request: its packet, its connection.
    tries: Map<FlowId, (u64, FlowId)>,
    fills: Map<(IpAddr, String), (u64, i64)>,
    /// What was asked on nobody's behalf; an empty URI stands for connections without a byte.
    probes: Map<(IpAddr, IpAddr, u16, String), Probe>,
    /// Connections that have carried nothing yet.
    bare: Map<FlowId, ()>,
}

/// Both ends and the payload of a segment.
struct Segment<'a> {
    src: IpAddr,
    dst: IpAddr,
    port: u16,
    payload: &'a [u8],
}

fn segment<'a>(frame: &Frame<'a>, packet: &Packet<'_>) -> Option<Segment<'a>> {
    let tcp = packet.transport()?;
    let Header::Tcp(header) = &tcp.header else { return None };
    let (src, dst) = match &packet.ip()?.header {
        Header::Ipv4(h) => (IpAddr::from(h.source()), IpAddr::from(h.destination())),
        Header::Ipv6(h) => (IpAddr::from(h.source()), IpAddr::from(h.destination())),
        _ => return None,
    };
    let len = packet.transport_len.saturating_sub(header.header_len());
    let end = tcp.header_end.saturating_add(len).min(frame.bytes.len());
    let payload = frame.bytes.get(tcp.header_end..end).unwrap_or_default();
    Some(Segment { src, dst, port: header.destination_port(), payload })
}

fn put<K: Eq + Hash, V>(map: &mut Map<K, V>, key: K, value: V) {
    if map.len() >= MAX_KNOWN && !map.contains_key(&key) {
        map.clear();
    }
    map.insert(key, value);
}

impl Relaying {
    /// Whether a host passes requests on from this address.
    fn passes_on(&self, src: IpAddr) -> bool {
        self.fronts.values().any(|front| front.back == Some(src))
    }

    fn connects(&mut self, flow: FlowId, at: &Segment<'_>, packet: u64) {
        put(&mut self.bare, flow, ());
        let fronts = &self.fronts;
        let from = |open: &Open| {
            open.server == at.src || fronts.get(&open.server).is_some_and(|front| front.back == Some(at.src))
        };
        let owed =
            self.open.iter_mut().rev().find(|open| {
                open.tried.is_none() && open.asked.is_none() && open.client != at.dst && from(open)
            });
        if let Some(open) = owed {
            open.tried = Some((packet, open.server == at.src));
            let known = (open.packet, open.flow);
            put(&mut self.tries, flow, known);
        }
    }

    fn asks(&mut self, flow: FlowId, at: &Segment<'_>, uri: &str, packet: u64) {
        let time_ns = self.now.time_ns;
        let digest = FixedState::default().hash_one(at.payload);
        let fronts = &self.fronts;
        let from = |open: &Open| {
            let client = open.client.to_string();
            open.server == at.src
                || fronts.get(&open.server).is_some_and(|front| front.back == Some(at.src))
                || at.payload.windows(client.len()).any(|bytes| bytes == client.as_bytes())
        };
        let passed = self.open.iter_mut().rev().find(|open| {
            open.asked.is_none()
                && open.uri == uri
                && open.client != at.src
                && open.server != at.dst
                && open.flow != flow
                && time_ns - open.time_ns < PASSING_NS
                && from(open)
        });
        if let Some(open) = passed {
            open.asked = Some(packet);
            open.reached = true;
            let (client, front, port) = (open.client, open.server, open.port);
            let (behind, same) = (open.packet, open.digest == digest);
            if self.fronts.len() >= MAX_KNOWN && !self.fronts.contains_key(&front) {
                self.fronts.clear();
            }
            let known = self.fronts.entry(front).or_default();
            known.back = Some(at.src);
            if !known.servers.contains(&at.dst) && known.servers.len() < MAX_PASSES {
                known.servers.push(at.dst);
            }
            let here = |pass: &&Pass| pass.port == port;
            let own = known.passes.iter().rev().filter(here).find(|pass| pass.client == client).copied();
            let before = own.filter(|pass| pass.server == at.dst);
            let between = |pass: &&Pass| before.is_some_and(|before| pass.packet > before.packet);
            let elsewhere = known.passes.iter().rev().filter(here).filter(between);
            let elsewhere = elsewhere.filter(|pass| pass.server != at.dst).map(|pass| pass.packet).next();
            if known.passes.len() >= MAX_PASSES {
                known.passes.pop_front();
            }
            known.passes.push_back(Pass { port, client, server: at.dst, packet });
            self.now.relay = Some(Relay {
                packet: behind,
                client,
                front,
                edge: front == at.src,
                same,
                servers: known.servers.len(),
                before: before.map(|pass| pass.packet),
                elsewhere,
            });
        } else {
            self.probes(at, uri, packet);
        }
        if self.open.len() >= MAX_OPEN {
            self.open.pop_front();
        }
        self.open.push_back(Open {
            flow,
            client: at.src,
            server: at.dst,
            port: at.port,
            uri: uri.to_owned(),
            packet,
            time_ns,
            digest,
            asked: None,
            tried: None,
            reached: false,
        });
    }

    fn probes(&mut self, at: &Segment<'_>, uri: &str, packet: u64) {
        let key = (at.src, at.dst, at.port, uri.to_owned());
        let before = self.probes.get(&key).copied();
        let count = before.map_or(0, |probe| probe.count) + 1;
        put(&mut self.probes, key, Probe { count, packet, time_ns: self.now.time_ns });
        self.now.probe = Some((count, before, self.passes_on(at.src)));
    }

    fn answers(&mut self, flow: FlowId, packet: u64) {
        let Some(at) = self.open.iter().position(|open| open.flow == flow) else { return };
        let Some(open) = self.open.remove(at) else { return };
        self.now.asked = open.asked;
        self.now.tried = open.tried.filter(|_| !open.reached);
        let key = (open.server, open.uri);
        match (open.asked, open.tried) {
            (Some(_), _) => put(&mut self.fills, key, (packet, self.now.time_ns - open.time_ns)),
            (None, None) => self.now.filled = self.fills.get(&key).copied(),
            _ => {}
        }
    }
}

fn text(event: &Event, key: &str) -> String {
    match event.get(key) {
        Some(Datum::Text(text)) => text.clone(),
        _ => String::new(),
    }
}

impl Memory for Relaying {
    fn packet(&mut self, frame: &Frame<'_>, packet: &Packet<'_>, outcome: &Outcome) {
        self.now = Now { time_ns: frame.time_ns, ..Now::default() };
        let Some(flow) = outcome.flow else { return };
        let Some(at) = segment(frame, packet) else { return };
        let here = || outcome.events.iter().filter(|e| e.flow == Some(flow) && e.packet == frame.number);
        for event in here() {
            match event.kind {
                Kind::TcpSyn if event.variant != "again" => self.connects(flow, &at, frame.number),
                Kind::TcpSynAck => {
                    if let Some((_, front)) = self.tries.get(&flow)
                        && let Some(open) = self.open.iter_mut().find(|open| open.flow == *front)
                    {
                        open.reached = true;
                    }
                }
                Kind::HttpRequest if !event.variant.starts_with("http2") => {
                    self.asks(flow, &at, &text(event, "uri"), frame.number);
                }
                Kind::HttpResponse if event.variant != "interim" && !event.variant.starts_with("http2") => {
                    self.answers(flow, frame.number);
                }
                Kind::TcpReset | Kind::TcpFin
                    if event.get("endpoint") == Some(&Datum::Name("client"))
                        && self.bare.remove(&flow).is_some() =>
                {
                    self.probes(&at, "", frame.number);
                }
                _ => {}
            }
        }
        if !at.payload.is_empty() && !self.bare.is_empty() {
            self.bare.remove(&flow);
        }
        self.now.for_packet = self.tries.get(&flow).map(|(packet, _)| *packet);
    }

    fn forget(&mut self, flow: FlowId) {
        self.bare.remove(&flow);
        self.tries.remove(&flow);
        self.open.retain(|open| open.flow != flow);
    }

    fn values(&self, name: &str, _: Option<FlowId>, each: &mut dyn FnMut(Operand<'_>)) {
        let now = &self.now;
        let packet = |n: Option<u64>| n.map(|n| Operand::Int(n.into()));
        let value = match (name, now.relay, now.probe) {
            ("relay.packet", Some(relay), _) => packet(Some(relay.packet)),
            ("relay.client", Some(relay), _) => Some(address(relay.client)),
            ("relay.front", Some(relay), _) => Some(address(relay.front)),
            ("relay.edge", Some(relay), _) => Some(Operand::Bool(relay.edge)),
            ("relay.same", Some(relay), _) => Some(Operand::Bool(relay.same)),
            ("relay.servers", Some(relay), _) => packet(Some(relay.servers as u64)),
            ("relay.before_packet", Some(relay), _) => packet(relay.before),
            ("relay.elsewhere_packet", Some(relay), _) => packet(relay.elsewhere),
            ("relay.for_packet", ..) => packet(now.for_packet),
            ("relay.asked_packet", ..) => packet(now.asked),
            ("relay.tried_packet", ..) => packet(now.tried.map(|(packet, _)| packet)),
            ("relay.tried_edge", ..) => now.tried.map(|(_, edge)| Operand::Bool(edge)),
            ("cache.filled_packet", ..) => packet(now.filled.map(|(packet, _)| packet)),
            ("cache.filled_after", ..) => now.filled.map(|(_, after)| Operand::Time(after.into())),
            ("probe.count", _, Some((count, ..))) => packet(Some(count)),
            ("probe.before_packet", _, Some((_, Some(before), _))) => packet(Some(before.packet)),
            ("probe.gap", _, Some((_, Some(before), _))) => {
                Some(Operand::Time((now.time_ns - before.time_ns).into()))
            }
            ("probe.relays", _, Some((_, _, relays))) => Some(Operand::Bool(relays)),
            _ => None,
        };
        value.into_iter().for_each(each);
    }
}

fn address(ip: IpAddr) -> Operand<'static> {
    match ip {
        IpAddr::V4(ip) => Operand::V4(ip.octets()),
        IpAddr::V6(ip) => Operand::V6(ip.octets()),
    }
}
