//! Connections in TIME-WAIT: since when, who waits, how many of one host wait at once, and which were opened again.
//!
//! RFC 9293 section 3.6.1. Names: `wait.since`, `wait.packet`, `wait.endpoint` of the packet's own connection, once one of its ends
//! waits; `wait.count`, how many connections of the host that begins to wait have begun within [`LINUX_NS`]; `wait.server_count`, the
//! same of the server's host in any packet of a connection; `wait.reused_gap`, `wait.reused_packet`, `wait.reused_endpoint` in a
//! connection on the addresses and ports of one that waited: how long before it that wait began, with which packet, who waited.
//!
//! Bounded: [`MAX_KNOWN`] connections, then all are forgotten; [`MAX_TIMES`] beginnings a host.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use foldhash::fast::RandomState;

use crate::capture::Frame;
use crate::decode::Packet;
use crate::flow::{Datum, FlowId, Kind, Outcome};
use crate::notes::expression::{self, Operand};

use super::Memory;

/// Connections remembered.
const MAX_KNOWN: usize = 16_384;
/// Beginnings of waits remembered of a host.
const MAX_TIMES: usize = 4_096;
/// How long Linux waits (TCP_TIMEWAIT_LEN).
const LINUX_NS: i64 = 60_000_000_000;

/// The names, and the kinds of their values.
pub const NAMES: &[(&str, expression::Kind)] = &[
    ("wait.since", expression::Kind::Time),
    ("wait.packet", expression::Kind::Number),
    ("wait.endpoint", expression::Kind::Text),
    ("wait.count", expression::Kind::Number),
    ("wait.server_count", expression::Kind::Number),
    ("wait.reused_gap", expression::Kind::Time),
    ("wait.reused_packet", expression::Kind::Number),
    ("wait.reused_endpoint", expression::Kind::Text),
];

#[derive(Debug, Clone, Copy)]
struct Wait {
    since_ns: i64,
    packet: u64,
    endpoint: &'static str,
}

#[derive(Debug, Default)]
struct Now {
    time_ns: i64,
    wait: Option<Wait>,
    reused: Option<Wait>,
    count: Option<u64>,
    server_count: Option<u64>,
}

/// The memory.
#[derive(Debug, Default)]
pub struct Lingering {
    now: Now,
    waits: HashMap<FlowId, Wait, RandomState>,
    /// Of a connection that was opened again, the wait before it.
    reused: HashMap<FlowId, Wait, RandomState>,
    begun: HashMap<IpAddr, VecDeque<i64>, RandomState>,
    servers: HashMap<FlowId, IpAddr, RandomState>,
}

impl Lingering {
    /// How many waits of a host began within the time that Linux waits.
    fn count(&mut self, host: IpAddr, now_ns: i64) -> u64 {
        let Some(times) = self.begun.get_mut(&host) else { return 0 };
        while times.front().is_some_and(|began| now_ns - began > LINUX_NS) {
            times.pop_front();
        }
        times.len() as u64
    }

    fn begins(
        &mut self,
        flow: FlowId,
        endpoint: &'static str,
        packet: u64,
        host: Option<IpAddr>,
        now_ns: i64,
    ) {
        if self.waits.len() >= MAX_KNOWN {
            self.waits.clear();
        }
        self.waits.insert(flow, Wait { since_ns: now_ns, packet, endpoint });
        let Some(host) = host else { return };
        if self.begun.len() >= MAX_KNOWN && !self.begun.contains_key(&host) {
            self.begun.clear();
        }
        let times = self.begun.entry(host).or_default();
        if times.len() >= MAX_TIMES {
            times.pop_front();
        }
        times.push_back(now_ns);
        self.now.count = Some(self.count(host, now_ns));
    }
}

impl Memory for Lingering {
    fn packet(&mut self, frame: &Frame<'_>, packet: &Packet<'_>, outcome: &Outcome) {
        let now_ns = frame.time_ns;
        self.now = Now { time_ns: now_ns, ..Now::default() };
        let Some(flow) = outcome.flow else { return };
        let hosts = packet.addresses();
        for event in outcome.events.iter().filter(|event| event.flow == Some(flow)) {
            match event.kind {
                Kind::TcpSyn if event.variant != "again" => {
                    if let Some((_, server)) = hosts {
                        if self.servers.len() >= MAX_KNOWN {
                            self.servers.clear();
                        }
                        self.servers.insert(flow, server);
                    }
                }
                Kind::TcpReusedPorts => {
                    if let Some(Datum::Uint(previous)) = event.get("previous_flow")
                        && let Some(wait) = self.waits.get(previous).copied()
                    {
                        if self.reused.len() >= MAX_KNOWN {
                            self.reused.clear();
                        }
                        self.reused.insert(flow, wait);
                    }
                }
                Kind::TcpTimeWait => {
                    let Some(&Datum::Name(endpoint)) = event.get("endpoint") else { continue };
                    // The one that waits sends the last ACK, in this packet; told late, it is the other's that is at hand.
                    let host = hosts.map(|(src, dst)| if event.packet == frame.number { src } else { dst });
                    self.begins(flow, endpoint, event.packet, host, now_ns);
                }
                _ => {}
            }
        }
        self.now.wait = self.waits.get(&flow).copied();
        self.now.reused = self.reused.get(&flow).copied();
        if let Some(server) = self.servers.get(&flow).copied() {
            self.now.server_count = Some(self.count(server, now_ns));
        }
    }

    fn values(&self, name: &str, _: Option<FlowId>, each: &mut dyn FnMut(Operand<'_>)) {
        let now = &self.now;
        let since = |wait: Wait| i128::from(now.time_ns - wait.since_ns);
        match (name, now.wait, now.reused) {
            ("wait.since", Some(wait), _) => each(Operand::Time(since(wait))),
            ("wait.packet", Some(wait), _) => each(Operand::Int(wait.packet.into())),
            ("wait.endpoint", Some(wait), _) => each(Operand::Text(wait.endpoint)),
            ("wait.reused_gap", _, Some(wait)) => each(Operand::Time(since(wait))),
            ("wait.reused_packet", _, Some(wait)) => each(Operand::Int(wait.packet.into())),
            ("wait.reused_endpoint", _, Some(wait)) => each(Operand::Text(wait.endpoint)),
            ("wait.count", ..) => now.count.iter().for_each(|n| each(Operand::Int((*n).into()))),
            ("wait.server_count", ..) => {
                now.server_count.iter().for_each(|n| each(Operand::Int((*n).into())))
            }
            _ => {}
        }
    }
}
