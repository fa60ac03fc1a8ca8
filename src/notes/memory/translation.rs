//! Addresses that are translated on the way (NAT): the same SYN seen again under other addresses or ports.
//!
//! RFC 3022 section 2. A SYN with the same initial sequence number at another capture point, with a smaller TTL, is the same SYN.
//!
//! * `nat.*`, with the SYN that comes behind the translator: `packet` the one before it; `kind` which end's address it changed (source,
//!   destination); `src`, `sport`, `dst`, `dport` what they were; `sharers` how many sources have been put behind this one address by now,
//!   `sharer` one of the others, `sharer_packet` its SYN behind the translator.
//! * `nat.elsewhere`, with any SYN: whether it was seen under other addresses, too, be it before or behind the translator.
//!
//! Bounded: [`MAX_OPEN`] SYNs, [`MAX_KNOWN`] outside addresses with [`MAX_SHARERS`] sources each, then all are forgotten.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use arrayvec::ArrayVec;
use foldhash::fast::RandomState;

use crate::capture::Frame;
use crate::decode::{Header, Packet};
use crate::flow::{Event, FlowId, Kind, Outcome};
use crate::notes::expression::{self, Operand};

use super::Memory;

/// SYNs remembered.
const MAX_OPEN: usize = 256;
/// Outside addresses remembered.
const MAX_KNOWN: usize = 4_096;
/// Sources remembered of an outside address.
const MAX_SHARERS: usize = 32;
/// How long a SYN may be on its way between two capture points, nanoseconds.
const CROSSING_NS: i64 = 1_000_000_000;

/// The names, and the kinds of their values.
pub const NAMES: &[(&str, expression::Kind)] = &[
    ("nat.packet", expression::Kind::Number),
    ("nat.kind", expression::Kind::Text),
    ("nat.src", expression::Kind::Any),
    ("nat.sport", expression::Kind::Number),
    ("nat.dst", expression::Kind::Any),
    ("nat.dport", expression::Kind::Number),
    ("nat.sharers", expression::Kind::Number),
    ("nat.sharer", expression::Kind::Any),
    ("nat.sharer_packet", expression::Kind::Number),
    ("nat.elsewhere", expression::Kind::Flag),
];

#[derive(Debug, Clone, Copy)]
struct Syn {
    packet: u64,
    time_ns: i64,
    interface: u32,
    ttl: u8,
    isn: u32,
    src: IpAddr,
    sport: u16,
    dst: IpAddr,
    dport: u16,
}

#[derive(Debug, Clone, Copy)]
struct Translated {
    before: Syn,
    kind: &'static str,
    sharers: usize,
    sharer: Option<(IpAddr, u64)>,
}

/// The memory.
#[derive(Debug, Default)]
pub struct Translation {
    now: Option<Translated>,
    elsewhere: Option<bool>,
    open: VecDeque<Syn>,
    sharers: HashMap<IpAddr, ArrayVec<(IpAddr, u64), MAX_SHARERS>, RandomState>,
}

impl Memory for Translation {
    fn packet(&mut self, frame: &Frame<'_>, packet: &Packet<'_>, outcome: &Outcome) {
        (self.now, self.elsewhere) = (None, None);
        let asks = |e: &&Event| e.kind == Kind::TcpSyn && e.packet == frame.number;
        let Some(event) = outcome.events.iter().find(asks) else { return };
        let Some(syn) = syn(frame, packet) else { return };
        let other = |o: &Syn| o.isn == syn.isn && (o.src, o.dst) != (syn.src, syn.dst);
        self.elsewhere = Some(self.open.iter().any(other));
        if event.variant == "again" {
            return;
        }
        let same = |before: &&Syn| {
            other(before)
                && before.interface != syn.interface
                && before.ttl > syn.ttl
                && (syn.time_ns - before.time_ns).abs() < CROSSING_NS
        };
        if let Some(before) = self.open.iter().rev().find(same).copied() {
            let kind = match (before.src == syn.src, before.dst == syn.dst) {
                (false, true) => "source",
                (true, false) => "destination",
                _ => "both",
            };
            let mut translated = Translated { before, kind, sharers: 0, sharer: None };
            if kind != "destination" {
                if self.sharers.len() >= MAX_KNOWN && !self.sharers.contains_key(&syn.src) {
                    self.sharers.clear();
                }
                let known = self.sharers.entry(syn.src).or_default();
                if !known.iter().any(|(ip, _)| *ip == before.src) {
                    let _ = known.try_push((before.src, syn.packet));
                }
                translated.sharers = known.len();
                translated.sharer = known.iter().rev().find(|(ip, _)| *ip != before.src).copied();
            }
            self.now = Some(translated);
        }
        if self.open.len() >= MAX_OPEN {
            self.open.pop_front();
        }
        self.open.push_back(syn);
    }

    fn values(&self, name: &str, _: Option<FlowId>, each: &mut dyn FnMut(Operand<'_>)) {
        if name == "nat.elsewhere" {
            return self.elsewhere.iter().for_each(|e| each(Operand::Bool(*e)));
        }
        let Some(now) = &self.now else { return };
        let before = &now.before;
        match (name, now.sharer) {
            ("nat.packet", _) => each(Operand::Int(before.packet.into())),
            ("nat.kind", _) => each(Operand::Text(now.kind)),
            ("nat.src", _) => each(address(before.src)),
            ("nat.sport", _) => each(Operand::Int(before.sport.into())),
            ("nat.dst", _) => each(address(before.dst)),
            ("nat.dport", _) => each(Operand::Int(before.dport.into())),
            ("nat.sharers", _) => each(Operand::Int(now.sharers as i128)),
            ("nat.sharer", Some((ip, _))) => each(address(ip)),
            ("nat.sharer_packet", Some((_, packet))) => each(Operand::Int(packet.into())),
            _ => {}
        }
    }
}

fn syn(frame: &Frame<'_>, packet: &Packet<'_>) -> Option<Syn> {
    let Header::Tcp(tcp) = &packet.transport()?.header else { return None };
    let (src, dst, ttl) = match &packet.ip()?.header {
        Header::Ipv4(h) => (IpAddr::from(h.source()), IpAddr::from(h.destination()), h.ttl()),
        Header::Ipv6(h) => (IpAddr::from(h.source()), IpAddr::from(h.destination()), h.hop_limit()),
        _ => return None,
    };
    Some(Syn {
        packet: frame.number,
        time_ns: frame.time_ns,
        interface: frame.interface,
        ttl,
        isn: tcp.sequence_number(),
        src,
        sport: tcp.source_port(),
        dst,
        dport: tcp.destination_port(),
    })
}

fn address(ip: IpAddr) -> Operand<'static> {
    match ip {
        IpAddr::V4(ip) => Operand::V4(ip.octets()),
        IpAddr::V6(ip) => Operand::V6(ip.octets()),
    }
}
