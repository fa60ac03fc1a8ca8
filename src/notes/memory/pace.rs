//! How far away a server is, and how fast its segments come: two things.
//!
//! Names, of a TCP connection that has ended: `pace.away` the time from its SYN to the SYN+ACK, which is the way from the capture point
//! to the server and back; `pace.home` the time from there to the ACK, the way to the client and back. And of the longest run of
//! segments of one size (at least [`FULL`] bytes) that the server sent one after the other: `pace.segments`, `pace.bytes` behind the first,
//! `pace.time` from the first to the last, `pace.rate` in kbit/s, `pace.first` and `pace.last` packet. Segments of one full size were cut from
//! what was waiting to be sent: their pace is the way's, not the program's. A pause of a quarter of the way there and back ends a run.
//!
//! Bounded: [`MAX_KNOWN`] connections, then all are forgotten.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::capture::Frame;
use crate::decode::{Header, Packet};
use crate::flow::{Datum, Event, FlowId, Kind, Outcome};
use crate::notes::expression::{self, Operand};

use super::Memory;

/// Connections remembered.
const MAX_KNOWN: usize = 8_192;
/// What counts as a full segment, bytes.
const FULL: usize = 1_000;

/// A round trip within this time is near: no pause is for its sake, nanoseconds.
const NEAR_NS: i64 = 2_000_000;

/// The names, and the kinds of their values.
pub const NAMES: &[(&str, expression::Kind)] = &[
    ("pace.away", expression::Kind::Time),
    ("pace.home", expression::Kind::Time),
    ("pace.segments", expression::Kind::Number),
    ("pace.bytes", expression::Kind::Number),
    ("pace.time", expression::Kind::Time),
    ("pace.rate", expression::Kind::Number),
    ("pace.first", expression::Kind::Number),
    ("pace.last", expression::Kind::Number),
];

#[derive(Debug, Default, Clone, Copy)]
struct Run {
    segments: u64,
    size: usize,
    next: u32,
    first: (u64, i64),
    last: (u64, i64),
}

#[derive(Debug, Default, Clone, Copy)]
struct Pace {
    server_port: u16,
    away_ns: Option<i64>,
    home_ns: Option<i64>,
    run: Run,
    best: Run,
}

/// The memory.
#[derive(Debug, Default)]
pub struct Paces {
    known: HashMap<FlowId, Pace, RandomState>,
}

impl Memory for Paces {
    fn packet(&mut self, frame: &Frame<'_>, packet: &Packet<'_>, outcome: &Outcome) {
        let Some(flow) = outcome.flow else { return };
        let Some(Header::Tcp(tcp)) = packet.transport().map(|layer| &layer.header) else { return };
        let here = |e: &&Event| e.packet == frame.number && e.flow == Some(flow);
        for event in outcome.events.iter().filter(here) {
            let after = match event.get("after") {
                Some(Datum::Duration(ns)) => Some(*ns),
                _ => None,
            };
            match event.kind {
                Kind::TcpSynAck if event.variant != "again" => {
                    if self.known.len() >= MAX_KNOWN {
                        self.known.clear();
                    }
                    let pace = Pace { server_port: tcp.source_port(), away_ns: after, ..Pace::default() };
                    self.known.insert(flow, pace);
                }
                Kind::TcpHandshakeAck => {
                    if let Some(pace) = self.known.get_mut(&flow) {
                        pace.home_ns = after;
                    }
                }
                Kind::CaptureCopy => return,
                _ => {}
            }
        }
        let len = packet.transport_len.saturating_sub(tcp.header_len());
        if len == 0 {
            return;
        }
        let Some(pace) = self.known.get_mut(&flow).filter(|p| p.server_port == tcp.source_port()) else {
            return;
        };
        let (seq, at) = (tcp.sequence_number(), (frame.number, frame.time_ns));
        // Far away, a long pause may be the sender's, who waits to be acknowledged.
        let pause = frame.time_ns - pace.run.last.1;
        let waits = pace.away_ns.is_some_and(|away| away > NEAR_NS && pause > away / 4);
        let goes_on = pace.run.segments > 0 && pace.run.next == seq && pace.run.size == len && !waits;
        if !goes_on {
            pace.run = Run { size: len, first: at, ..Run::default() };
        }
        pace.run.segments += 1;
        pace.run.next = seq.wrapping_add(len as u32);
        pace.run.last = at;
        if len >= FULL && pace.run.segments > pace.best.segments {
            pace.best = pace.run;
        }
    }

    fn forget(&mut self, flow: FlowId) {
        self.known.remove(&flow);
    }

    fn values(&self, name: &str, flow: Option<FlowId>, each: &mut dyn FnMut(Operand<'_>)) {
        let Some(pace) = flow.and_then(|flow| self.known.get(&flow)) else { return };
        match name {
            "pace.away" => return pace.away_ns.iter().for_each(|ns| each(Operand::Time((*ns).into()))),
            "pace.home" => return pace.home_ns.iter().for_each(|ns| each(Operand::Time((*ns).into()))),
            _ => {}
        }
        let run = &pace.best;
        let (ns, bytes) = (run.last.1 - run.first.1, run.segments.saturating_sub(1) * run.size as u64);
        if run.segments < 2 || ns <= 0 {
            return;
        }
        match name {
            "pace.segments" => each(Operand::Int(run.segments.into())),
            "pace.bytes" => each(Operand::Int(bytes.into())),
            "pace.time" => each(Operand::Time(ns.into())),
            // Bits a nanosecond are millions of kilobits a second.
            "pace.rate" => each(Operand::Int(i128::from(bytes) * 8 * 1_000_000 / i128::from(ns))),
            "pace.first" => each(Operand::Int(run.first.0.into())),
            "pace.last" => each(Operand::Int(run.last.0.into())),
            _ => {}
        }
    }
}
