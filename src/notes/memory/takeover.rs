//! Shared addresses of virtual routers: when one moved to another machine, and how often of late.
//!
//! RFC 9568. Names: `vip.moved_packet`, `vip.moved_since` of an address at either end of the packet: the advertisement with which
//! another router became its master, how long ago; `vip.turns`, with such an advertisement: how many there were of this virtual router
//! within [`TURNS_NS`].
//!
//! Bounded: [`MAX_KNOWN`] addresses, then all are forgotten; [`MAX_TURNS`] changes.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use foldhash::fast::RandomState;

use crate::capture::Frame;
use crate::decode::Packet;
use crate::flow::{Datum, FlowId, Kind, Outcome};
use crate::notes::expression::{self, Operand};

use super::Memory;

/// Addresses remembered.
const MAX_KNOWN: usize = 1_024;
/// Changes of master remembered.
const MAX_TURNS: usize = 256;
/// Within which time changes of master are counted: three advertisements, at one a second.
const TURNS_NS: i64 = 3_000_000_000;

/// The names, and the kinds of their values.
pub const NAMES: &[(&str, expression::Kind)] = &[
    ("vip.moved_packet", expression::Kind::Number),
    ("vip.moved_since", expression::Kind::Time),
    ("vip.turns", expression::Kind::Number),
];

/// The memory.
#[derive(Debug, Default)]
pub struct Takeover {
    moved: HashMap<IpAddr, (u64, i64), RandomState>,
    turns: VecDeque<(u64, i64)>,
    now: (Option<(u64, i64)>, Option<u64>),
}

impl Memory for Takeover {
    fn packet(&mut self, frame: &Frame<'_>, packet: &Packet<'_>, outcome: &Outcome) {
        self.now = (None, None);
        for event in &outcome.events {
            if event.kind != Kind::VrrpAdvertisement || event.variant != "takeover" {
                continue;
            }
            let (Some(&Datum::Uint(id)), Some(&Datum::Ip(ip))) = (event.get("id"), event.get("address"))
            else {
                continue;
            };
            if self.moved.len() >= MAX_KNOWN {
                self.moved.clear();
            }
            self.moved.insert(ip, (frame.number, frame.time_ns));
            if self.turns.len() >= MAX_TURNS {
                self.turns.pop_front();
            }
            self.turns.push_back((id, frame.time_ns));
            let late = |turn: &&(u64, i64)| turn.0 == id && frame.time_ns - turn.1 < TURNS_NS;
            self.now.1 = Some(self.turns.iter().filter(late).count() as u64);
        }
        if self.moved.is_empty() {
            return;
        }
        let Some((src, dst)) = packet.addresses() else { return };
        let moved = self.moved.get(&src).or_else(|| self.moved.get(&dst));
        self.now.0 = moved.map(|(packet, time_ns)| (*packet, frame.time_ns - time_ns));
    }

    fn values(&self, name: &str, _: Option<FlowId>, each: &mut dyn FnMut(Operand<'_>)) {
        match (name, self.now) {
            ("vip.moved_packet", (Some((packet, _)), _)) => each(Operand::Int(packet.into())),
            ("vip.moved_since", (Some((_, since)), _)) => each(Operand::Time(since.into())),
            ("vip.turns", (_, Some(turns))) => each(Operand::Int(turns.into())),
            _ => {}
        }
    }
}
