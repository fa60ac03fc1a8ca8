//! Which connections there are beside one another: at one port of a server, between the same two hosts, at other ports.
//!
//! RFC 9293 section 3.3.1. Names: `fellow.open`, how many other connections at the same address and port of the server are open when a
//! SYN+ACK comes, and `fellow.packet`, the SYN+ACK of the latest of them; `fellow.other_port`, `fellow.other_packet`, another port at which
//! the server has answered, and its SYN+ACK; of the conversation, `fellow.beside`, the SYN+ACK of another connection of the same two hosts
//! that was open when it began.
//!
//! A server's number that was seen just before is the same connection on the other side of an address translation, and counts once.
//!
//! Bounded: [`MAX_KNOWN`] connections, servers and pairs, then all are forgotten. Open means: no last ACK and no RST was captured.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use foldhash::fast::RandomState;

use crate::capture::Frame;
use crate::decode::{Header, Packet};
use crate::flow::{FlowId, Kind, Outcome};
use crate::notes::expression::{self, Operand};

use super::Memory;

/// Connections, servers, pairs of hosts remembered.
const MAX_KNOWN: usize = 16_384;
/// Initial numbers of servers remembered.
const MAX_NUMBERS: usize = 64;

use expression::Kind::Number;

/// The names, and the kinds of their values.
pub const NAMES: &[(&str, expression::Kind)] = &[
    ("fellow.open", Number),
    ("fellow.packet", Number),
    ("fellow.other_port", Number),
    ("fellow.other_packet", Number),
    ("fellow.beside", Number),
];

type Socket = (IpAddr, u16);

/// How many are open, and the packet of the latest.
#[derive(Debug, Default, Clone, Copy)]
struct Count {
    open: u64,
    packet: u64,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    client: IpAddr,
    server: Socket,
    beside: Option<u64>,
    is_open: bool,
}

/// The memory.
#[derive(Debug, Default)]
pub struct Fellows {
    known: HashMap<FlowId, Known, RandomState>,
    sockets: HashMap<Socket, Count, RandomState>,
    pairs: HashMap<(IpAddr, IpAddr), Count, RandomState>,
    /// The latest port at which a server answered, and the one before that was another.
    ports: HashMap<IpAddr, [Option<(u16, u64)>; 2], RandomState>,
    numbers: VecDeque<u32>,
    flow: Option<FlowId>,
    now: Option<Count>,
    other: Option<(u16, u64)>,
}

impl Fellows {
    fn is_new(&mut self, number: u32) -> bool {
        let is_new = !self.numbers.contains(&number);
        if self.numbers.len() >= MAX_NUMBERS {
            self.numbers.pop_front();
        }
        self.numbers.push_back(number);
        is_new
    }

    fn opens(&mut self, flow: FlowId, client: IpAddr, server: Socket, packet: u64) {
        let maps = [self.known.len(), self.sockets.len(), self.pairs.len(), self.ports.len()];
        if maps.into_iter().any(|len| len >= MAX_KNOWN) {
            self.known.clear();
            self.sockets.clear();
            self.pairs.clear();
            self.ports.clear();
        }
        let at_socket = self.sockets.entry(server).or_default();
        self.now = Some(*at_socket);
        let pair = self.pairs.entry((client, server.0)).or_default();
        let beside = (pair.open > 0).then_some(pair.packet);
        for count in [at_socket, pair] {
            *count = Count { open: count.open + 1, packet };
        }
        let ports = self.ports.entry(server.0).or_default();
        self.other = ports.iter().flatten().find(|(port, _)| *port != server.1).copied();
        if ports[0].is_none_or(|(port, _)| port != server.1) {
            *ports = [Some((server.1, packet)), ports[0]];
        }
        self.known.insert(flow, Known { client, server, beside, is_open: true });
    }

    fn closes(&mut self, flow: FlowId) {
        let Some(known) = self.known.get_mut(&flow).filter(|known| known.is_open) else { return };
        known.is_open = false;
        let counts =
            [self.sockets.get_mut(&known.server), self.pairs.get_mut(&(known.client, known.server.0))];
        counts.into_iter().flatten().for_each(|count| count.open = count.open.saturating_sub(1));
    }
}

impl Memory for Fellows {
    fn packet(&mut self, frame: &Frame<'_>, packet: &Packet<'_>, outcome: &Outcome) {
        self.flow = outcome.flow;
        self.now = None;
        self.other = None;
        let Some(flow) = outcome.flow else { return };
        for event in outcome.events.iter().filter(|event| event.flow == Some(flow)) {
            match event.kind {
                Kind::TcpSynAck if event.variant != "again" && !self.known.contains_key(&flow) => {
                    if let Some((server, client, number)) = ends(packet)
                        && self.is_new(number)
                    {
                        self.opens(flow, client, server, frame.number);
                    }
                }
                Kind::TcpReset => self.closes(flow),
                Kind::TcpCloseAck if event.variant == "last" => self.closes(flow),
                _ => {}
            }
        }
    }

    fn forget(&mut self, flow: FlowId) {
        self.closes(flow);
        self.known.remove(&flow);
    }

    fn values(&self, name: &str, flow: Option<FlowId>, each: &mut dyn FnMut(Operand<'_>)) {
        let value = match name {
            "fellow.open" => self.now.map(|now| now.open),
            "fellow.packet" => self.now.filter(|now| now.open > 0).map(|now| now.packet),
            "fellow.other_port" => self.other.map(|(port, _)| port.into()),
            "fellow.other_packet" => self.other.map(|(_, packet)| packet),
            "fellow.beside" => flow.or(self.flow).and_then(|flow| self.known.get(&flow)?.beside),
            _ => None,
        };
        value.into_iter().for_each(|n| each(Operand::Int(n.into())));
    }
}

/// Source with its port, the destination's address, and the number.
fn ends(packet: &Packet<'_>) -> Option<(Socket, IpAddr, u32)> {
    let Header::Tcp(tcp) = &packet.transport()?.header else { return None };
    let (from, to) = packet.addresses()?;
    Some(((from, tcp.source_port()), to, tcp.sequence_number()))
}
