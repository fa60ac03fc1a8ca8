//! Events, states, conversations and headers as facts of the expression language.
//!
//! Every name here is listed in `vocabulary`; a test holds the two together.
//! Leaves out: a packet's fields (`expression::TreeFacts`), what earlier packets say of this one (`surroundings`).

use std::net::IpAddr;

use crate::capture::Frame;
use crate::decode::{Header, Packet};
use crate::flow::{Basis, Datum, Endpoint, Event, FlowRecord, StateChange};

use crate::protocol::Protocol;

use super::expression::{Facts, Operand};

/// What an event says: its data under their keys, and `event.kind`, `event.variant`, `event.packet`,
/// `event.severity`.
#[derive(Debug, Clone, Copy)]
pub struct EventFacts<'a>(pub &'a Event);

impl Facts for EventFacts<'_> {
    fn values(&self, name: &str, each: &mut dyn FnMut(Operand<'_>)) {
        let event = self.0;
        match name {
            "event.kind" => each(Operand::Text(event.kind.name())),
            "event.variant" => each(Operand::Text(event.variant)),
            "event.packet" => each(Operand::Int(event.packet.into())),
            "event.severity" => each(Operand::Text(event.severity.name())),
            _ => {
                if let Some(value) = event.get(name) {
                    datum(value, each);
                }
            }
        }
    }
}

/// What happened in a packet, for filters: `event.kind`, `event.severity`, and a kind by its own name.
#[derive(Debug, Clone, Copy)]
pub struct Happened<'a>(pub &'a [Event]);

impl Facts for Happened<'_> {
    fn values(&self, name: &str, each: &mut dyn FnMut(Operand<'_>)) {
        for event in self.0 {
            match name {
                "event.kind" => each(Operand::Text(event.kind.name())),
                "event.severity" => each(Operand::Text(event.severity.name())),
                _ if event.kind.name() == name => each(Operand::Bool(true)),
                _ => {}
            }
        }
    }
}

/// Hands a value on as the language knows it. A socket is its text, frames are their numbers.
pub fn datum(value: &Datum, each: &mut dyn FnMut(Operand<'_>)) {
    match value {
        Datum::Uint(n) => each(Operand::Int((*n).into())),
        Datum::Int(n) => each(Operand::Int((*n).into())),
        Datum::Duration(ns) => each(Operand::Time((*ns).into())),
        Datum::Flag(flag) => each(Operand::Bool(*flag)),
        Datum::Text(text) => each(Operand::Text(text)),
        Datum::Name(name) => each(Operand::Text(name)),
        Datum::Mac(mac) => each(Operand::Mac(*mac)),
        Datum::Ip(ip) => each(address(*ip)),
        Datum::Socket(..) => each(Operand::Text(&value.to_string())),
        Datum::Frames(frames) => frames.iter().for_each(|n| each(Operand::Int((*n).into()))),
    }
}

/// The way back: a value as a sentence is filled with it. `None` for what no sentence shows.
pub fn operand(value: Operand<'_>) -> Option<Datum> {
    Some(match value {
        Operand::Bool(flag) => Datum::Flag(flag),
        Operand::Int(n) => {
            u64::try_from(n).map(Datum::Uint).or_else(|_| i64::try_from(n).map(Datum::Int)).ok()?
        }
        Operand::Time(ns) => Datum::Duration(i64::try_from(ns).ok()?),
        Operand::Text(text) => Datum::Text(text.to_owned()),
        Operand::Mac(mac) => Datum::Mac(mac),
        Operand::V4(ip) => Datum::Ip(ip.into()),
        Operand::V6(ip) => Datum::Ip(ip.into()),
        Operand::Float(_) | Operand::Bytes(_) => return None,
    })
}

fn address(ip: IpAddr) -> Operand<'static> {
    match ip {
        IpAddr::V4(ip) => Operand::V4(ip.octets()),
        IpAddr::V6(ip) => Operand::V6(ip.octets()),
    }
}

/// A change of state, with what became of an assumption: `basis` is `proved` where a state that was assumed when the
/// segment passed was shown by a later one, whose packet is `proof`.
#[derive(Debug, Clone, Copy)]
pub struct StateFacts<'a> {
    /// The change.
    pub change: &'a StateChange,
    /// The packet that proved it, where it was assumed first.
    pub proof: Option<u64>,
}

impl Facts for StateFacts<'_> {
    fn values(&self, name: &str, each: &mut dyn FnMut(Operand<'_>)) {
        let change = self.change;
        match name {
            "endpoint" => each(Operand::Text(change.endpoint.name())),
            "peer" => each(Operand::Text(change.endpoint.peer().name())),
            "from" => each(Operand::Text(change.from.name())),
            "to" => each(Operand::Text(change.to.name())),
            "basis" => each(Operand::Text(match (change.basis, self.proof) {
                (Basis::Received, Some(_)) => "proved",
                (basis, _) => basis.name(),
            })),
            "proof" => self.proof.into_iter().for_each(|packet| each(Operand::Int(packet.into()))),
            _ => {}
        }
    }
}

/// A conversation summed up, under `flow.*`; of none, nothing.
#[derive(Debug, Clone, Copy)]
pub struct FlowFacts<'a>(pub Option<&'a FlowRecord>);

impl Facts for FlowFacts<'_> {
    fn values(&self, name: &str, each: &mut dyn FnMut(Operand<'_>)) {
        let (Some(flow), Some(name)) = (self.0, name.strip_prefix("flow.")) else { return };
        for end in [Endpoint::Client, Endpoint::Server] {
            if let Some(of) = name.strip_prefix(end.name()).and_then(|n| n.strip_prefix('.')) {
                return party(flow, end, of, each);
            }
        }
        let mut int = |n: u64| each(Operand::Int(n.into()));
        match name {
            "id" => return int(flow.id),
            "stream" => return int(flow.stream),
            "first" => return int(flow.first),
            "last" => return int(flow.last),
            "packets" => return int(flow.packets.iter().sum()),
            "bytes" => return int(flow.bytes.iter().sum()),
            _ => {}
        }
        match name {
            "protocol" => return each(Operand::Text(flow.protocol.name())),
            "start" => return each(Operand::Time(flow.start_ns.into())),
            "end" => return each(Operand::Time(flow.end_ns.into())),
            "duration" => return each(Operand::Time(i128::from(flow.end_ns) - i128::from(flow.start_ns))),
            "application" => return flow.application.into_iter().for_each(|a| each(Operand::Text(a))),
            _ => {}
        }
        let Some(tcp) = &flow.tcp else { return };
        match name {
            "opening" => each(Operand::Text(tcp.opening)),
            "closing" => each(Operand::Text(tcp.closing)),
            "initiator_of_close" => tcp.initiator_of_close.into_iter().for_each(|i| each(Operand::Text(i))),
            "completeness" => each(Operand::Int(tcp.completeness.into())),
            "payload" => each(Operand::Int(tcp.payload.iter().map(|n| i128::from(*n)).sum())),
            "retransmitted" => each(Operand::Int(tcp.retransmitted.iter().map(|n| i128::from(*n)).sum())),
            "troubles" => each(Operand::Int(tcp.troubles.into())),
            "rtt" | "rtt.handshake" => {
                tcp.rtt_handshake.into_iter().for_each(|t| each(Operand::Time(t.into())))
            }
            "rtt.min" | "rtt.median" | "rtt.max" => {
                let at = ["rtt.min", "rtt.median", "rtt.max"].iter().position(|n| *n == name);
                if let (Some(rtt), Some(at)) = (tcp.rtt, at) {
                    each(Operand::Time(rtt[at].into()));
                }
            }
            _ => {}
        }
    }
}

fn party(flow: &FlowRecord, end: Endpoint, name: &str, each: &mut dyn FnMut(Operand<'_>)) {
    let party = if end == Endpoint::Client { &flow.client } else { &flow.server };
    let at = end.index();
    match name {
        "addr" => party.addr.into_iter().for_each(|ip| each(address(ip))),
        "port" => party.port.into_iter().for_each(|port| each(Operand::Int(port.into()))),
        "mac" => party.mac.into_iter().for_each(|mac| each(Operand::Mac(mac))),
        "packets" => each(Operand::Int(flow.packets[at].into())),
        "bytes" => each(Operand::Int(flow.bytes[at].into())),
        _ => {}
    }
    let Some(tcp) = &flow.tcp else { return };
    match name {
        "isn" => tcp.isn[at].into_iter().for_each(|isn| each(Operand::Int(isn.into()))),
        "mss" => tcp.mss[at].into_iter().for_each(|mss| each(Operand::Int(mss.into()))),
        "window_scale" => tcp.window_scale[at].into_iter().for_each(|w| each(Operand::Int(w.into()))),
        "state" => each(Operand::Text(tcp.states[at].name())),
        "payload" => each(Operand::Int(tcp.payload[at].into())),
        "retransmitted" => each(Operand::Int(tcp.retransmitted[at].into())),
        _ => {}
    }
}

/// Protocols that are found in a stream: only a packet's tree has them.
const IN_STREAMS: &[&str] = &["http"];

/// Protocols that are never found but in a header. All others may be in a stream (TLS, DNS over TCP), where only a tree
/// has them.
const HEADERS: &[&str] = &["eth", "arp", "ip", "ipv6", "icmp", "icmpv6", "tcp", "udp"];

/// What the headers of a packet say, as the fast lane reads them: the fields that most checks ask for, without a
/// tree. Quoted packets (in ICMP errors) are left out; of nested headers of one protocol the innermost answers.
#[derive(Debug, Clone, Copy)]
pub struct HeaderFacts<'a> {
    /// The packet's layers.
    pub packet: &'a Packet<'a>,
    /// The frame it was taken from.
    pub frame: &'a Frame<'a>,
}

impl HeaderFacts<'_> {
    /// The names that it answers for; where a packet has no value under one of them, its tree has none either.
    pub const NAMES: &'static [&'static str] = &[
        "frame.number",
        "eth.dst",
        "eth.src",
        "eth.type",
        "arp.opcode",
        "arp.hw.type",
        "arp.hw.size",
        "arp.proto.type",
        "arp.src.hw_mac",
        "arp.src.proto_ipv4",
        "arp.dst.hw_mac",
        "arp.dst.proto_ipv4",
        "ip.src",
        "ip.dst",
        "ip.ttl",
        "ip.proto",
        "ip.len",
        "ip.hdr_len",
        "tcp.srcport",
        "tcp.dstport",
        "tcp.seq_raw",
        "tcp.ack_raw",
        "tcp.hdr_len",
        "tcp.len",
        "tcp.flags.syn",
        "tcp.flags.ack",
        "tcp.flags.fin",
        "tcp.flags.reset",
        "tcp.flags.push",
        "udp.srcport",
        "udp.dstport",
        "udp.length",
        "udp.checksum",
        "tcp.flags.ece",
        "tcp.flags.cwr",
    ];

    /// Whether it answers for a name, so that no tree is needed.
    pub fn knows(name: &str) -> bool {
        Self::NAMES.contains(&name)
            || Protocol::ALL.iter().any(|p| p.field().name == name && !IN_STREAMS.contains(&name))
    }

    /// Whether what it does not find is not in the packet's tree either.
    pub fn decides(name: &str) -> bool {
        Self::NAMES.contains(&name) || HEADERS.contains(&name)
    }
}

impl Facts for HeaderFacts<'_> {
    fn values(&self, name: &str, each: &mut dyn FnMut(Operand<'_>)) {
        if name == "frame.number" {
            return each(Operand::Int(self.frame.number.into()));
        }
        let mut layers = self.packet.layers.iter().rev().filter(|l| !l.quoted);
        let Some((protocol, field)) = name.split_once('.') else {
            // A protocol's own bytes: its header, of what ends a packet all.
            let layer = layers.find(|l| l.protocol.field().name == name);
            let bytes = layer.and_then(|l| self.frame.bytes.get(l.start..l.header_end));
            return bytes.into_iter().for_each(|bytes| each(Operand::Bytes(bytes)));
        };
        let Some(layer) = layers.find(|l| l.protocol.field().name == protocol) else { return };
        let mut int = |n: usize| each(Operand::Int(n as i128));
        match (&layer.header, field) {
            (Header::Ethernet(e), _) => ethernet(e, field, each),
            (Header::Arp(a), _) => arp(a, field, each),
            (Header::Ipv4(h), "src") => each(Operand::V4(h.source())),
            (Header::Ipv4(h), "dst") => each(Operand::V4(h.destination())),
            (Header::Ipv4(h), "ttl") => int(h.ttl().into()),
            (Header::Ipv4(h), "proto") => int(h.protocol().0.into()),
            (Header::Ipv4(h), "len") => int(h.total_len().into()),
            (Header::Ipv4(h), "hdr_len") => int(h.slice().len()),
            (Header::Tcp(h), "srcport") => int(h.source_port().into()),
            (Header::Tcp(h), "dstport") => int(h.destination_port().into()),
            (Header::Tcp(h), "seq_raw") => int(h.sequence_number() as usize),
            (Header::Tcp(h), "ack_raw") => int(h.acknowledgment_number() as usize),
            (Header::Tcp(h), "hdr_len") => int(h.header_len()),
            (Header::Tcp(h), "len") => {
                int(self.packet.transport_len.saturating_sub(h.header_len()));
            }
            (Header::Tcp(h), "flags.syn") => each(Operand::Bool(h.syn())),
            (Header::Tcp(h), "flags.ack") => each(Operand::Bool(h.ack())),
            (Header::Tcp(h), "flags.fin") => each(Operand::Bool(h.fin())),
            (Header::Tcp(h), "flags.reset") => each(Operand::Bool(h.rst())),
            (Header::Tcp(h), "flags.push") => each(Operand::Bool(h.psh())),
            (Header::Tcp(h), "flags.ece") => each(Operand::Bool(h.ece())),
            (Header::Tcp(h), "flags.cwr") => each(Operand::Bool(h.cwr())),
            (Header::Udp(h), "srcport") => int(h.source_port().into()),
            (Header::Udp(h), "dstport") => int(h.destination_port().into()),
            (Header::Udp(h), "length") => int(h.length().into()),
            (Header::Udp(h), "checksum") => int(h.checksum().into()),
            _ => {}
        }
    }

    fn has(&self, name: &str) -> bool {
        if name.contains('.') {
            let mut any = false;
            self.values(name, &mut |_| any = true);
            return any;
        }
        self.packet.layers.iter().any(|l| !l.quoted && l.protocol.field().name == name)
    }
}

fn ethernet(e: &crate::protocol::ethernet::Ethernet, field: &str, each: &mut dyn FnMut(Operand<'_>)) {
    match field {
        "dst" => each(Operand::Mac(e.dst)),
        "src" => each(Operand::Mac(e.src)),
        // Below 0x0600 the field is a length and not a type (IEEE 802.3 clause 3.2.6).
        "type" if e.type_or_length >= 0x0600 => each(Operand::Int(e.type_or_length.into())),
        _ => {}
    }
}

fn arp(a: &etherparse::ArpPacketSlice<'_>, field: &str, each: &mut dyn FnMut(Operand<'_>)) {
    let v4 = a.proto_addr_type().0 == 0x0800;
    let mac = |bytes: &[u8]| <[u8; 6]>::try_from(bytes).ok().map(Operand::Mac);
    let ip = |bytes: &[u8]| <[u8; 4]>::try_from(bytes).ok().filter(|_| v4).map(Operand::V4);
    let value = match field {
        "opcode" => Some(Operand::Int(a.operation().0.into())),
        "hw.type" => Some(Operand::Int(a.hw_addr_type().0.into())),
        "hw.size" => Some(Operand::Int(a.hw_addr_size().into())),
        "proto.type" => Some(Operand::Int(a.proto_addr_type().0.into())),
        "src.hw_mac" => mac(a.sender_hw_addr()),
        "dst.hw_mac" => mac(a.target_hw_addr()),
        "src.proto_ipv4" => ip(a.sender_protocol_addr()),
        "dst.proto_ipv4" => ip(a.target_protocol_addr()),
        _ => None,
    };
    value.into_iter().for_each(each);
}
