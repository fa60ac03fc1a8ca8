//! What several capture points say together: two pairs of stations busy on a switch at once, and what a firewall let pass or not.
//!
//! * `port.packet`, `.gap`, `.src`, `.dst`: a frame of two other stations at another port of a switch, shortly before this one. That it is
//!   a switch is known by a frame of those two that was seen at two ports with the same addresses; neither pair was seen at the other's
//!   port of late, as it is where a switch floods.
//! * `gate.stopped_packet`, with a SYN that is repeated: the first one, which no other capture point has, while something else between the
//!   same hosts was forwarded. `gate.stopped`: how many such by now, in any packet.
//!
//! Bounded: [`MAX_KNOWN`] entries of each kind, then all of that kind are forgotten.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::net::IpAddr;

use arrayvec::ArrayVec;
use foldhash::fast::RandomState;

use crate::capture::Frame;
use crate::decode::{Header, Packet};
use crate::flow::{Datum, FlowId, Kind, Outcome};
use crate::notes::expression::{self, Operand};

use super::Memory;

/// Entries of a kind.
const MAX_KNOWN: usize = 4_096;
/// Ports whose latest frame is remembered.
const MAX_PORTS: usize = 16;
/// How close two frames are to be called at once.
const ONCE_NS: i64 = 1_000_000;
/// For how long a pair counts as seen at a port.
const LATELY_NS: i64 = 50_000_000;

/// The names, and the kinds of their values.
pub const NAMES: &[(&str, expression::Kind)] = &[
    ("port.packet", expression::Kind::Number),
    ("port.gap", expression::Kind::Time),
    ("port.src", expression::Kind::Mac),
    ("port.dst", expression::Kind::Mac),
    ("gate.stopped_packet", expression::Kind::Number),
    ("gate.stopped", expression::Kind::Number),
];

type Mac = [u8; 6];
type Set<K> = HashSet<K, RandomState>;

#[derive(Debug, Clone, Copy)]
struct Last {
    interface: u32,
    pair: (Mac, Mac),
    packet: u64,
    time_ns: i64,
}

/// The memory.
#[derive(Debug, Default)]
pub struct Crossing {
    last: ArrayVec<Last, MAX_PORTS>,
    /// When pairs, without direction, were seen at a port last.
    seen: HashMap<((Mac, Mac), u32), i64, RandomState>,
    /// Pairs seen at two ports.
    switched: Set<(Mac, Mac)>,
    /// Frames seen at a second capture point; from which one something was forwarded, and between which hosts.
    copied: Set<u64>,
    from: Set<(u64, (IpAddr, IpAddr))>,
    stopped: u64,
    other: Option<(Last, i64)>,
    first: Option<u64>,
}

fn add<K: Eq + Hash>(set: &mut Set<K>, key: K) {
    if set.len() >= MAX_KNOWN {
        set.clear();
    }
    set.insert(key);
}

fn unordered((a, b): (Mac, Mac)) -> (Mac, Mac) {
    if a <= b { (a, b) } else { (b, a) }
}

impl Memory for Crossing {
    fn packet(&mut self, frame: &Frame<'_>, packet: &Packet<'_>, outcome: &Outcome) {
        (self.other, self.first) = (None, None);
        let interface = u64::from(frame.interface);
        let ends = packet.addresses();
        for event in &outcome.events {
            match (event.kind, event.get("original"), event.get("first_packet")) {
                (Kind::CaptureCopy, Some(Datum::Uint(original)), _) => {
                    add(&mut self.copied, *original);
                    if event.variant == "forwarded"
                        && let Some(&Datum::Uint(from)) = event.get("original_interface")
                        && let Some(ends) = ends
                    {
                        add(&mut self.from, (from, ends));
                    }
                }
                (Kind::TcpSyn, _, Some(Datum::Uint(first)))
                    if event.variant == "again"
                        && event.get("attempt") == Some(&Datum::Uint(2))
                        && ends.is_some_and(|ends| self.from.contains(&(interface, ends)))
                        && !self.copied.contains(first) =>
                {
                    self.stopped += 1;
                    self.first = Some(*first);
                }
                _ => {}
            }
        }
        let Some(Header::Ethernet(e)) = packet.layers.first().map(|layer| &layer.header) else { return };
        if e.dst[0] & 1 == 1 {
            return;
        }
        let pair = unordered((e.src, e.dst));
        let here = Last {
            interface: frame.interface,
            pair: (e.src, e.dst),
            packet: frame.number,
            time_ns: frame.time_ns,
        };
        if self.last.iter().any(|last| unordered(last.pair) == pair && last.interface != frame.interface) {
            add(&mut self.switched, pair);
        }
        let lately =
            |pair, port| self.seen.get(&(pair, port)).is_some_and(|seen| frame.time_ns - seen < LATELY_NS);
        let apart = |last: &&Last| {
            let (a, b) = unordered(last.pair);
            last.interface != frame.interface
                && ![a, b].contains(&pair.0)
                && ![a, b].contains(&pair.1)
                && frame.time_ns - last.time_ns < ONCE_NS
                && self.switched.contains(&(a, b))
                && !lately(pair, last.interface)
                && !lately((a, b), frame.interface)
        };
        self.other = self.last.iter().rev().find(apart).map(|last| (*last, frame.time_ns - last.time_ns));
        if self.seen.len() >= MAX_KNOWN {
            self.seen.clear();
        }
        self.seen.insert((pair, frame.interface), frame.time_ns);
        self.last.retain(|last| last.interface != frame.interface);
        if self.last.is_full() {
            self.last.remove(0);
        }
        self.last.push(here);
    }

    fn values(&self, name: &str, _: Option<FlowId>, each: &mut dyn FnMut(Operand<'_>)) {
        match (name, self.other) {
            ("port.packet", Some((last, _))) => each(Operand::Int(last.packet.into())),
            ("port.gap", Some((_, gap))) => each(Operand::Time(gap.into())),
            ("port.src", Some((last, _))) => each(Operand::Mac(last.pair.0)),
            ("port.dst", Some((last, _))) => each(Operand::Mac(last.pair.1)),
            ("gate.stopped_packet", _) => self.first.iter().for_each(|n| each(Operand::Int((*n).into()))),
            ("gate.stopped", _) if self.stopped > 0 => each(Operand::Int(self.stopped.into())),
            _ => {}
        }
    }
}
