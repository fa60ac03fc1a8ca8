//! Segments of no connection, and what a device between two capture points does with them: one that keeps account of connections (a
//! stateful firewall) drops them, one that looks at each packet alone lets them pass.
//!
//! Names, with the RST by which a host answers such a segment: `orphan.packet` the segment, `orphan.passed_packet` the same behind the
//! device; `orphan.stopped_packet`, `orphan.stopped_port` an earlier one to the same host that was not seen behind it, `orphan.open_packet` one of the
//! segments to that port that were forwarded.
//!
//! Bounded: [`MAX_ORPHANS`] segments; [`MAX_KNOWN`] ports, then all are forgotten.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use foldhash::fast::RandomState;

use crate::capture::Frame;
use crate::decode::{Header, Packet};
use crate::flow::{Datum, FlowId, Kind, Outcome};
use crate::notes::expression::{self, Operand};

use super::Memory;

/// Segments remembered.
const MAX_ORPHANS: usize = 64;
/// Ports known to be forwarded to.
const MAX_KNOWN: usize = 4_096;
/// By then a segment would have been seen behind the device, nanoseconds.
const SETTLED_NS: i64 = 100_000_000;

/// The names, and the kinds of their values.
pub const NAMES: &[(&str, expression::Kind)] = &[
    ("orphan.packet", expression::Kind::Number),
    ("orphan.passed_packet", expression::Kind::Number),
    ("orphan.stopped_packet", expression::Kind::Number),
    ("orphan.stopped_port", expression::Kind::Number),
    ("orphan.open_packet", expression::Kind::Number),
];

#[derive(Debug, Clone, Copy)]
struct Orphan {
    packet: u64,
    time_ns: i64,
    interface: u32,
    flow: FlowId,
    to: (IpAddr, u16),
    passed: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
struct Now {
    packet: u64,
    passed: u64,
    stopped: (u64, u16, u64),
}

/// The memory.
#[derive(Debug, Default)]
pub struct Orphans {
    now: Option<Now>,
    orphans: VecDeque<Orphan>,
    /// What was forwarded last, by the capture point before the device and where it went.
    open: HashMap<(u32, IpAddr, u16), u64, RandomState>,
}

impl Orphans {
    fn forwarded(&mut self, frame: &Frame<'_>, from: u32, original: u64, to: (IpAddr, u16)) {
        if let Some(orphan) = self.orphans.iter_mut().find(|orphan| orphan.packet == original) {
            orphan.passed = Some(frame.number);
            return;
        }
        let key = (from, to.0, to.1);
        if self.open.len() >= MAX_KNOWN && !self.open.contains_key(&key) {
            self.open.clear();
        }
        self.open.insert(key, frame.number);
    }

    fn refused(&mut self, frame: &Frame<'_>, flow: FlowId) {
        let Some(orphan) = self.orphans.iter().find(|orphan| orphan.flow == flow).copied() else { return };
        let Some(passed) = orphan.passed else { return };
        let stopped = self.orphans.iter().rev().find_map(|other| {
            let open = self.open.get(&(other.interface, other.to.0, other.to.1))?;
            let lost = other.passed.is_none()
                && frame.time_ns - other.time_ns > SETTLED_NS
                && (other.interface, other.to.0) == (orphan.interface, orphan.to.0);
            lost.then_some((other.packet, other.to.1, *open))
        });
        self.now = stopped.map(|stopped| Now { packet: orphan.packet, passed, stopped });
    }
}

impl Memory for Orphans {
    fn packet(&mut self, frame: &Frame<'_>, packet: &Packet<'_>, outcome: &Outcome) {
        self.now = None;
        for event in outcome.events.iter().filter(|e| e.packet == frame.number) {
            if !matches!(event.kind, Kind::CaptureMidFlow | Kind::CaptureCopy | Kind::TcpReset) {
                continue;
            }
            let (Some(flow), Some(to)) = (event.flow, to(packet)) else { continue };
            match event.kind {
                Kind::CaptureMidFlow => {
                    if self.orphans.len() >= MAX_ORPHANS {
                        self.orphans.pop_front();
                    }
                    let (packet, time_ns, interface) = (frame.number, frame.time_ns, frame.interface);
                    self.orphans.push_back(Orphan { packet, time_ns, interface, flow, to, passed: None });
                }
                Kind::CaptureCopy if event.variant == "forwarded" => {
                    if let (Some(&Datum::Uint(original)), Some(&Datum::Uint(from))) =
                        (event.get("original"), event.get("original_interface"))
                    {
                        self.forwarded(frame, from as u32, original, to);
                    }
                }
                Kind::TcpReset => self.refused(frame, flow),
                _ => {}
            }
        }
    }

    fn forget(&mut self, flow: FlowId) {
        // A dropped one is its whole connection: it is still to be told of when that has ended.
        self.orphans.retain(|orphan| orphan.flow != flow || orphan.passed.is_none());
    }

    fn values(&self, name: &str, _: Option<FlowId>, each: &mut dyn FnMut(Operand<'_>)) {
        let Some(now) = &self.now else { return };
        let value = match name {
            "orphan.packet" => now.packet,
            "orphan.passed_packet" => now.passed,
            "orphan.stopped_packet" => now.stopped.0,
            "orphan.stopped_port" => now.stopped.1.into(),
            "orphan.open_packet" => now.stopped.2,
            _ => return,
        };
        each(Operand::Int(value.into()));
    }
}

/// Where a segment goes.
fn to(packet: &Packet<'_>) -> Option<(IpAddr, u16)> {
    let Header::Tcp(tcp) = &packet.transport()?.header else { return None };
    Some(match &packet.ip()?.header {
        Header::Ipv4(h) => (IpAddr::from(h.destination()), tcp.destination_port()),
        Header::Ipv6(h) => (IpAddr::from(h.destination()), tcp.destination_port()),
        _ => return None,
    })
}
