//! Whose turn it is: to which servers one host sends its HTTP requests, in what order and how many to each.
//!
//! Names, with an HTTP request: `turn.total` how many this host has sent by now, `turn.servers` to how many servers on this port;
//! `turn.cycle` how many servers take turns, where the last two rounds went to the same ones in the same order, `turn.first_packet` the
//! beginning of these rounds; `turn.most`, `turn.most_server`, `turn.least`, `turn.least_server` who got how many.
//!
//! Bounded: [`MAX_HOSTS`] hosts, then all are forgotten; [`MAX_SERVERS`] servers of each.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use arrayvec::ArrayVec;
use foldhash::fast::RandomState;

use crate::capture::Frame;
use crate::decode::{Header, Packet};
use crate::flow::{FlowId, Kind, Outcome};
use crate::notes::expression::{self, Operand};

use super::Memory;

/// Hosts (with the servers' port) remembered.
const MAX_HOSTS: usize = 4_096;
/// Servers counted of each.
const MAX_SERVERS: usize = 16;

/// The names, and the kinds of their values.
pub const NAMES: &[(&str, expression::Kind)] = &[
    ("turn.total", expression::Kind::Number),
    ("turn.servers", expression::Kind::Number),
    ("turn.cycle", expression::Kind::Number),
    ("turn.first_packet", expression::Kind::Number),
    ("turn.most", expression::Kind::Number),
    ("turn.most_server", expression::Kind::Any),
    ("turn.least", expression::Kind::Number),
    ("turn.least_server", expression::Kind::Any),
];

#[derive(Debug, Default)]
struct Sender {
    total: u64,
    counts: ArrayVec<(IpAddr, u64), MAX_SERVERS>,
    /// The latest requests: to whom, which packet.
    latest: VecDeque<(IpAddr, u64)>,
}

impl Sender {
    /// How many servers take turns, and with which packet the last two rounds began.
    fn cycle(&self) -> Option<(usize, u64)> {
        let at = |back: usize| self.latest.get(self.latest.len().checked_sub(back)?);
        let servers = self.counts.len();
        if servers < 2 || self.latest.len() < 2 * servers {
            return None;
        }
        let again = (1..=servers).all(|n| match (at(n), at(n + servers)) {
            (Some((now, _)), Some((before, _))) => now == before,
            _ => false,
        });
        let each = (1..=servers).all(|n| (n + 1..=servers).all(|m| at(n).map(|l| l.0) != at(m).map(|l| l.0)));
        (again && each).then(|| at(2 * servers).map(|(_, packet)| (servers, *packet))).flatten()
    }
}

/// The memory.
#[derive(Debug, Default)]
pub struct Turns {
    now: Option<(IpAddr, u16)>,
    senders: HashMap<(IpAddr, u16), Sender, RandomState>,
}

impl Memory for Turns {
    fn packet(&mut self, frame: &Frame<'_>, packet: &Packet<'_>, outcome: &Outcome) {
        self.now = None;
        let asks = outcome.events.iter().filter(|e| e.kind == Kind::HttpRequest && e.packet == frame.number);
        for _ in asks {
            let Some((host, server, port)) = ends(packet) else { return };
            let key = (host, port);
            self.now = Some(key);
            if self.senders.len() >= MAX_HOSTS && !self.senders.contains_key(&key) {
                self.senders.clear();
            }
            let sender = self.senders.entry(key).or_default();
            sender.total += 1;
            match sender.counts.iter_mut().find(|(ip, _)| *ip == server) {
                Some((_, count)) => *count += 1,
                None => {
                    let _ = sender.counts.try_push((server, 1));
                }
            }
            if sender.latest.len() >= 2 * MAX_SERVERS {
                sender.latest.pop_front();
            }
            sender.latest.push_back((server, frame.number));
        }
    }

    fn values(&self, name: &str, _: Option<FlowId>, each: &mut dyn FnMut(Operand<'_>)) {
        let Some(sender) = self.now.and_then(|key| self.senders.get(&key)) else { return };
        let most = sender.counts.iter().rev().max_by_key(|(_, n)| *n);
        let least = sender.counts.iter().min_by_key(|(_, n)| *n);
        let cycle = sender.cycle();
        let value = match (name, cycle, most, least) {
            ("turn.total", ..) => sender.total,
            ("turn.servers", ..) => sender.counts.len() as u64,
            ("turn.cycle", Some((servers, _)), ..) => servers as u64,
            ("turn.first_packet", Some((_, packet)), ..) => packet,
            ("turn.most", _, Some((_, n)), _) | ("turn.least", _, _, Some((_, n))) => *n,
            ("turn.most_server", _, Some((ip, _)), _) | ("turn.least_server", _, _, Some((ip, _))) => {
                return each(address(*ip));
            }
            _ => return,
        };
        each(Operand::Int(value.into()));
    }
}

/// Source, destination, port of the destination.
fn ends(packet: &Packet<'_>) -> Option<(IpAddr, IpAddr, u16)> {
    let Header::Tcp(tcp) = &packet.transport()?.header else { return None };
    let port = tcp.destination_port();
    Some(match &packet.ip()?.header {
        Header::Ipv4(h) => (IpAddr::from(h.source()), IpAddr::from(h.destination()), port),
        Header::Ipv6(h) => (IpAddr::from(h.source()), IpAddr::from(h.destination()), port),
        _ => return None,
    })
}

fn address(ip: IpAddr) -> Operand<'static> {
    match ip {
        IpAddr::V4(ip) => Operand::V4(ip.octets()),
        IpAddr::V6(ip) => Operand::V6(ip.octets()),
    }
}
