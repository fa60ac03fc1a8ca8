//! ICMP: echo requests and their replies; errors, and the packets they are about.
//!
//! RFC 792, RFC 4443 (ICMPv6), RFC 1191 (fragmentation needed), RFC 4861 (neighbour discovery), RFC 1256 (router
//! discovery of IPv4), RFC 950 (address masks). An error is told
//! in the conversation whose packet it quotes, where that is known.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use foldhash::fast::RandomState;

use super::arp::Numbers;
use super::event::{Datum, Event, FlowId, Kind, Severity};
use super::info::{PacketInfo, envelope};
use super::record::{FlowProtocol, FlowRecord, Party};
use super::table::{Base, Follow, Key, Table};
use crate::decode::Packet;
use crate::protocol::Protocol;

/// How long a reply is waited for, nanoseconds: ping's own default is longer, its interval one second.
const WAIT_NS: i64 = 5_000_000_000;
/// A capture that ends sooner after a request says nothing about its answer, nanoseconds: ping itself sends the next after a second.
const EARLY_NS: i64 = 1_000_000_000;
/// Requests open at once.
const MAX_OPEN: usize = 65_536;

/// Echoes of one identifier between two hosts, or their other messages.
#[derive(Debug)]
pub struct Messages {
    base: Base,
    packets: [u64; 2],
    bytes: [u64; 2],
}

impl Follow for Messages {
    fn base(&self) -> &Base {
        &self.base
    }

    fn is_over(&self) -> bool {
        true
    }
}

impl Messages {
    /// The conversation summed up.
    pub fn record(&self) -> FlowRecord {
        self.base.record(FlowProtocol::Icmp, self.packets, self.bytes)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct EchoKey {
    asker: IpAddr,
    asked: IpAddr,
    ident: u16,
    seq: u16,
}

#[derive(Debug, Clone, Copy)]
struct Echo {
    packet: u64,
    time_ns: i64,
    flow: FlowId,
}

/// Follows ICMP.
#[derive(Debug, Default)]
pub struct Icmp {
    /// All conversations.
    pub table: Table<Messages>,
    open: HashMap<EchoKey, Echo, RandomState>,
    order: VecDeque<EchoKey>,
}

/// An ICMP message of either version, as this file reads it.
#[derive(Debug, Clone, Copy)]
pub struct Message<'p> {
    /// ICMPv6.
    pub v6: bool,
    /// Type.
    pub kind: u8,
    /// Code.
    pub code: u8,
    /// Identifier and sequence number of an echo.
    pub echo: Option<(u16, u16)>,
    /// The message from its first byte, as captured.
    pub bytes: &'p [u8],
}

impl Message<'_> {
    /// Whether it says that a packet could not be delivered at all: not that it was too large, or on its way too long.
    pub fn is_unreachable(&self) -> bool {
        matches!((self.v6, self.kind), (false, 3) | (true, 1)) && error_kind(self) == Kind::IcmpUnreachable
    }
}

/// The packet that an error quotes.
#[derive(Debug, Clone, Copy)]
pub struct Quoted {
    /// Who sent it.
    pub src: IpAddr,
    /// To whom.
    pub dst: IpAddr,
    /// IP protocol.
    pub protocol: u8,
    /// Ports, where enough is quoted.
    pub ports: Option<(u16, u16)>,
    /// Identifier and sequence number, where it is an echo request.
    pub echo: Option<(u16, u16)>,
    /// Total length of the quoted datagram.
    pub length: u64,
}

/// Reads what an error quotes out of the layers.
pub fn quoted(bytes: &[u8], packet: &Packet<'_>) -> Option<Quoted> {
    let ip = packet.layers.iter().find(|l| l.quoted)?;
    let (addresses, _, _) = envelope(ip);
    let (src, dst) = addresses?;
    let (protocol, length) = match &ip.header {
        crate::decode::Header::Ipv4(h) => (h.protocol().0, u64::from(h.total_len())),
        crate::decode::Header::Ipv6(h) => (h.next_header().0, 40 + u64::from(h.payload_length())),
        _ => return None,
    };
    let transport =
        packet.layers.iter().find(|l| l.quoted && matches!(l.protocol, Protocol::Tcp | Protocol::Udp));
    let ports = transport
        .and_then(|l| bytes.get(l.start..l.start + 4))
        .map(|b| (u16::from_be_bytes([b[0], b[1]]), u16::from_be_bytes([b[2], b[3]])));
    let echo = packet.layers.iter().filter(|l| l.quoted).find_map(|l| match &l.header {
        crate::decode::Header::Icmp(h) if h.kind == 8 => h.ident.zip(h.seq),
        crate::decode::Header::Icmpv6(h) if h.kind == 128 => h.ident.zip(h.seq),
        _ => None,
    });
    Some(Quoted { src, dst, protocol, ports, echo, length })
}

impl Icmp {
    /// Takes in a message. `about`: the conversation that the quoted packet belongs to.
    #[allow(clippy::too_many_arguments)] // what a message is told with, each used once
    pub fn message(
        &mut self,
        info: &PacketInfo,
        m: &Message<'_>,
        quoted: Option<Quoted>,
        about: Option<(FlowId, u64)>,
        mut numbers: Numbers<'_>,
        events: &mut Vec<Event>,
        ended: &mut Vec<FlowRecord>,
    ) -> Option<FlowId> {
        let (src, dst) = info.addresses?;
        let ident = m.echo.map_or(0, |(ident, _)| ident);
        let is_reply = matches!((m.v6, m.kind), (false, 0) | (true, 129));
        let flow = self.conversation(info, src, dst, ident, is_reply, &mut numbers, ended);
        let between = |kind: Kind, flow| {
            Event::new(kind, info.number, Some(flow)).with("src", Datum::Ip(src)).with("dst", Datum::Ip(dst))
        };
        let event = match (m.v6, m.kind) {
            (false, 8) | (true, 128) => {
                self.request(info, src, dst, m, flow, between(Kind::IcmpEchoRequest, flow))
            }
            (false, 0) | (true, 129) => self.reply(info, src, dst, m, between(Kind::IcmpEchoReply, flow)),
            (false, 3 | 5 | 11 | 12) | (true, 1..=4) => {
                let about = about.or_else(|| self.answered_by_error(quoted));
                let event = between(error_kind(m), about.map_or(flow, |(flow, _)| flow));
                let event = match about {
                    Some((_, cause)) => event.with("cause_packet", Datum::Uint(cause)),
                    None => event,
                };
                error(m, quoted, event)
            }
            (true, 133) => between(Kind::IcmpRouterSolicitation, flow),
            (true, 134) => between(Kind::IcmpRouterAdvertisement, flow),
            (true, 135) => target(m, src, between(Kind::IcmpNeighborSolicitation, flow)),
            (true, 136) => target(m, src, between(Kind::IcmpNeighborAdvertisement, flow)),
            (true, 137) => better_way(m, between(Kind::IcmpRedirect, flow)),
            (true, 130) => between(Kind::IcmpOther, flow).variant("listener-query"),
            (true, 131 | 143) => between(Kind::IcmpOther, flow).variant("listener-report"),
            (true, 132) => between(Kind::IcmpOther, flow).variant("listener-done"),
            (false, 9) => between(Kind::IcmpRouterAdvertisement, flow).variant("ipv4"),
            (false, 10) => between(Kind::IcmpRouterSolicitation, flow).variant("ipv4"),
            (false, 4) => between(Kind::IcmpOther, flow).variant("source-quench"),
            (false, 13) => between(Kind::IcmpOther, flow).variant("timestamp-request"),
            (false, 14) => between(Kind::IcmpOther, flow).variant("timestamp-reply"),
            (false, 17) => between(Kind::IcmpOther, flow).variant("mask-request"),
            (false, 18) => between(Kind::IcmpOther, flow).variant("mask-reply"),
            _ => between(Kind::IcmpOther, flow),
        };
        events.push(event.with("type", Datum::Uint(m.kind.into())).with("code", Datum::Uint(m.code.into())));
        Some(flow)
    }

    #[allow(clippy::too_many_arguments)]
    fn conversation(
        &mut self,
        info: &PacketInfo,
        src: IpAddr,
        dst: IpAddr,
        ident: u16,
        is_reply: bool,
        numbers: &mut Numbers<'_>,
        ended: &mut Vec<FlowRecord>,
    ) -> FlowId {
        let key = Key::new((src, ident), (dst, ident));
        if let Some(m) = self.table.live(&key) {
            let side = usize::from(m.base.client.addr != Some(src));
            m.base.goes_on(info);
            m.packets[side] += 1;
            m.bytes[side] += info.wire_len;
            return m.base.id;
        }
        let (id, stream) = numbers.take();
        let (src_mac, dst_mac) = (info.macs.map(|m| m.0), info.macs.map(|m| m.1));
        let sender = Party { addr: Some(src), port: None, mac: src_mac };
        let receiver = Party { addr: Some(dst), port: None, mac: dst_mac };
        let (client, server) = if is_reply { (receiver, sender) } else { (sender, receiver) };
        let base = Base::new(info, (id, stream), client, server);
        let mut messages = Messages { base, packets: [0; 2], bytes: [0; 2] };
        messages.packets[usize::from(is_reply)] = 1;
        messages.bytes[usize::from(is_reply)] = info.wire_len;
        self.table.insert(key, messages);
        self.table.sweep(info.time_ns, &mut |m| ended.push(m.record()));
        id
    }

    fn request(
        &mut self,
        info: &PacketInfo,
        src: IpAddr,
        dst: IpAddr,
        m: &Message<'_>,
        flow: FlowId,
        event: Event,
    ) -> Event {
        let Some((ident, seq)) = m.echo else { return event };
        let key = EchoKey { asker: src, asked: dst, ident, seq };
        if !dst.is_multicast()
            && self.open.insert(key, Echo { packet: info.number, time_ns: info.time_ns, flow }).is_none()
        {
            self.order.push_back(key);
            if self.order.len() > MAX_OPEN
                && let Some(oldest) = self.order.pop_front()
            {
                self.open.remove(&oldest);
            }
        }
        echo(event, info, m, ident, seq)
    }

    fn reply(&mut self, info: &PacketInfo, src: IpAddr, dst: IpAddr, m: &Message<'_>, event: Event) -> Event {
        let Some((ident, seq)) = m.echo else { return event };
        let event = echo(event, info, m, ident, seq);
        match self.open.remove(&EchoKey { asker: dst, asked: src, ident, seq }) {
            Some(asked) => event
                .with("request_packet", Datum::Uint(asked.packet))
                .with("rtt", Datum::Duration(info.time_ns - asked.time_ns)),
            None => event.variant("unasked"),
        }
    }

    /// The echo request that an error is the answer to: nothing more is waited for.
    fn answered_by_error(&mut self, quoted: Option<Quoted>) -> Option<(FlowId, u64)> {
        let q = quoted?;
        let (ident, seq) = q.echo?;
        let asked = self.open.remove(&EchoKey { asker: q.src, asked: q.dst, ident, seq })?;
        Some((asked.flow, asked.packet))
    }

    /// Tells of requests that were waited for long enough; at the end of the capture (`all`), of all.
    pub fn expire(&mut self, now_ns: i64, all: bool, events: &mut Vec<Event>) {
        while let Some(key) = self.order.front().copied() {
            if let Some(asked) = self.open.get(&key) {
                let waited = now_ns - asked.time_ns;
                if !all && waited <= WAIT_NS {
                    return;
                }
                let early = waited < EARLY_NS;
                let event = Event::new(Kind::IcmpUnanswered, asked.packet, Some(asked.flow));
                let event =
                    if early { event.variant("capture-ended").severity(Severity::Chat) } else { event };
                events.push(
                    event
                        .with("src", Datum::Ip(key.asker))
                        .with("dst", Datum::Ip(key.asked))
                        .with("ident", Datum::Uint(key.ident.into()))
                        .with("seq", Datum::Uint(key.seq.into()))
                        .with("waited", Datum::Duration(waited)),
                );
                self.open.remove(&key);
            }
            self.order.pop_front();
        }
    }
}

fn echo(event: Event, info: &PacketInfo, m: &Message<'_>, ident: u16, seq: u16) -> Event {
    event
        .with("ident", Datum::Uint(ident.into()))
        .with("seq", Datum::Uint(seq.into()))
        .with("len", Datum::Uint(m.bytes.len().saturating_sub(8) as u64))
        .with("ttl", Datum::Uint(info.ttl.into()))
}

fn error_kind(m: &Message<'_>) -> Kind {
    match (m.v6, m.kind, m.code) {
        (false, 3, 4) | (true, 2, _) => Kind::IcmpFragmentationNeeded,
        (false, 5, _) => Kind::IcmpRedirect,
        (false, 11, _) | (true, 3, _) => Kind::IcmpTimeExceeded,
        (false, 12, _) | (true, 4, _) => Kind::IcmpParameterProblem,
        _ => Kind::IcmpUnreachable,
    }
}

fn error(m: &Message<'_>, quoted: Option<Quoted>, mut event: Event) -> Event {
    // RFC 792 and RFC 1812 section 5.2.7.1; RFC 4443 sections 3.1 and 3.4; RFC 1122 section 3.2.2.5.
    event.variant = match (event.kind, m.v6, m.code) {
        (Kind::IcmpUnreachable, false, 0 | 6 | 11) | (Kind::IcmpUnreachable, true, 0) => "net",
        (Kind::IcmpUnreachable, false, 1 | 7 | 12) | (Kind::IcmpUnreachable, true, 3) => "host",
        (Kind::IcmpUnreachable, false, 2) => "protocol",
        (Kind::IcmpUnreachable, false, 3) | (Kind::IcmpUnreachable, true, 4) => "port",
        (Kind::IcmpUnreachable, false, 9 | 10 | 13) | (Kind::IcmpUnreachable, true, 1) => "prohibited",
        (Kind::IcmpUnreachable, ..) => "other",
        (Kind::IcmpTimeExceeded, _, 1) => "reassembly",
        (Kind::IcmpParameterProblem, true, 1) => "next-header",
        (Kind::IcmpParameterProblem, true, 2) => "option",
        (Kind::IcmpParameterProblem, false, 1) => "missing-option",
        (Kind::IcmpParameterProblem, ..) if m.code != 0 => "other",
        _ => "",
    };
    match m.bytes {
        [_, _, _, _, a, b, c, d, ..] if event.kind == Kind::IcmpFragmentationNeeded => {
            let mtu = if m.v6 {
                u32::from_be_bytes([*a, *b, *c, *d])
            } else {
                u32::from(u16::from_be_bytes([*c, *d])) // RFC 1191 section 4
            };
            event = event.with("mtu", Datum::Uint(mtu.into()));
        }
        [_, _, _, _, a, b, c, d, ..] if event.kind == Kind::IcmpRedirect => {
            event = event.with("gateway", Datum::Ip(Ipv4Addr::new(*a, *b, *c, *d).into()));
        }
        [_, _, _, _, a, b, c, d, ..] if event.kind == Kind::IcmpParameterProblem && (m.v6 || m.code == 0) => {
            let pointer = if m.v6 { u32::from_be_bytes([*a, *b, *c, *d]) } else { u32::from(*a) };
            event = event.with("pointer", Datum::Uint(pointer.into()));
        }
        _ => {}
    }
    match quoted {
        Some(q) => {
            if event.variant == "port" && q.protocol == 6 {
                event.variant = "port-tcp";
            }
            event = event
                .with("quoted_src", Datum::Ip(q.src))
                .with("quoted_dst", Datum::Ip(q.dst))
                .with("quoted_protocol", Datum::Uint(q.protocol.into()))
                .with("quoted_len", Datum::Uint(q.length));
            match q.ports {
                Some((sport, dport)) => event
                    .with("quoted_sport", Datum::Uint(sport.into()))
                    .with("quoted_port", Datum::Uint(dport.into())),
                None if event.variant.starts_with("port") => event.variant("other"),
                None => event,
            }
        }
        None => event.variant("unquoted"),
    }
}

/// An IPv6 address in a message.
fn address(m: &Message<'_>, at: usize) -> Option<Datum> {
    let bytes = m.bytes.get(at..at + 16).and_then(|b| <[u8; 16]>::try_from(b).ok())?;
    Some(Datum::Ip(Ipv6Addr::from(bytes).into()))
}

/// The address a neighbour message is about (RFC 4861 sections 4.3 and 4.4).
fn target(m: &Message<'_>, src: IpAddr, event: Event) -> Event {
    let solicits_own = m.kind == 135 && src.is_unspecified();
    let event = if solicits_own { event.variant("dad") } else { event };
    match address(m, 8) {
        Some(target) => event.with("target", target),
        None => event.variant("cut"),
    }
}

/// RFC 4861 section 4.5: IPv6's redirect has both addresses in fields of its own; where they are equal the destination is a neighbor.
fn better_way(m: &Message<'_>, event: Event) -> Event {
    let Some((by, to)) = address(m, 8).zip(address(m, 24)) else { return event.variant("cut") };
    event.variant(if by == to { "neighbor" } else { "" }).with("gateway", by).with("quoted_dst", to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::Frame;
    use crate::decode::decode;
    use crate::flow::{Outcome, Tracker};

    /// What is told of the only packet of a capture without link headers.
    fn events(bytes: &[u8], wire_len: u32) -> Vec<Event> {
        let frame = Frame { number: 1, time_ns: 0, interface: 0, link_type: 101, wire_len, bytes };
        let mut outcome = Outcome::default();
        Tracker::default().process(&frame, &decode(&frame), &mut outcome);
        outcome.events
    }

    /// A Linux host that has just come up reports its groups (MLD version 2), without a link header.
    const REPORT: [u8; 76] = [
        0x60, 0, 0, 0, 0, 36, 0, 1, // IPv6: 36 bytes, a hop-by-hop header first, hop limit 1
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, // from ::
        0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x16, // to ff02::16
        58, 0, 5, 2, 0, 0, 1, 0, // hop-by-hop: ICMPv6 follows, router alert
        143, 0, 0xd6, 0x9a, 0, 0, 0, 1, // report of version 2, checksum, one record
        4, 0, 0, 0, 0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, // to exclude nobody in ...
        0xff, 0x45, 0xe2, 0xa1, // ... ff02::1:ff45:e2a1
    ];

    #[test]
    fn a_better_way_is_told() {
        let mut bytes = [0; 80];
        bytes[..8].copy_from_slice(&[0x60, 0, 0, 0, 0, 40, 58, 255]); // IPv6: 40 bytes of ICMPv6
        bytes[8..10].copy_from_slice(&[0xfe, 0x80]); // from fe80::
        bytes[24..26].copy_from_slice(&[0xfe, 0x80]); // to fe80::1
        bytes[39] = 1;
        bytes[40] = 137; // redirect
        bytes[63] = 2; // by ::2
        bytes[79] = 3; // to ::3
        for (last, length, told) in [(3, 80, ""), (2, 80, "neighbor"), (3, 70, "cut")] {
            bytes[79] = last;
            let events = events(&bytes[..length], 80);
            let event = events.iter().find(|e| e.kind.name() == "icmp.redirect").unwrap();
            assert_eq!((event.variant, event.get("gateway").is_some()), (told, told != "cut"));
        }
    }

    #[test]
    fn multicast_listeners_are_told_as_such() {
        for (kind, variant) in [
            (130, "listener-query"),
            (131, "listener-report"),
            (132, "listener-done"),
            (143, "listener-report"),
        ] {
            let mut bytes = REPORT;
            bytes[48] = kind;
            let events = events(&bytes, 76);
            let told: Vec<_> = events.iter().map(|e| (e.kind.name(), e.variant)).collect();
            assert!(told.contains(&("icmp.other", variant)), "type {kind}: {told:?}");
        }
    }

    /// A router of IPv6 does not know what follows the header.
    const PROBLEM: [u8; 96] = [
        0x60, 0, 0, 0, 0, 56, 58, 64, // IPv6: 56 bytes of ICMPv6, hop limit 64
        0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, // from fe80::2
        0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, // to fe80::1
        4, 1, 0, 0, 0, 0, 0, 6, // parameter problem, unknown next header, byte 6
        0x60, 0, 0, 0, 0, 8, 200, 64, // the packet it is about: 8 bytes of protocol 200
        0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, // from fe80::1
        0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, // to fe80::2
        1, 2, 3, 4, 5, 6, 7, 8, // its payload
    ];

    #[test]
    fn what_is_wrong_with_a_header_is_told_with_its_place() {
        for (code, variant) in [(0, ""), (1, "next-header"), (2, "option"), (3, "other")] {
            let mut bytes = PROBLEM;
            bytes[41] = code;
            let events = events(&bytes, 96);
            let told = events.iter().find(|e| e.kind.name() == "icmp.parameter-problem").unwrap();
            assert_eq!((told.variant, told.uint("pointer")), (variant, Some(6)), "code {code}");
            assert!(told.get("quoted_dst").is_some());
        }
    }

    /// A host asks another what time it is; the other messages of IPv4 that are only named have the same form.
    const TIMESTAMP: [u8; 40] = [
        0x45, 0, 0, 40, 0, 1, 0, 0, 64, 1, 0, 0, // IPv4: 40 bytes, TTL 64, ICMP
        10, 0, 0, 1, 10, 0, 0, 2, // from 10.0.0.1 to 10.0.0.2
        13, 0, 0, 0, 0, 7, 0, 1, // timestamp request, identifier 7, number 1
        0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, // sent at 9 ms after midnight
    ];

    #[test]
    fn the_older_messages_have_their_names() {
        for (kind, name, variant) in [
            (4, "icmp.other", "source-quench"),
            (9, "icmp.router-advertisement", "ipv4"),
            (10, "icmp.router-solicitation", "ipv4"),
            (13, "icmp.other", "timestamp-request"),
            (14, "icmp.other", "timestamp-reply"),
            (17, "icmp.other", "mask-request"),
            (18, "icmp.other", "mask-reply"),
        ] {
            let mut bytes = TIMESTAMP;
            bytes[20] = kind;
            let events = events(&bytes, 40);
            let told: Vec<_> = events.iter().map(|e| (e.kind.name(), e.variant)).collect();
            assert!(told.contains(&(name, variant)), "type {kind}: {told:?}");
        }
    }

    /// A ping, and nothing after it.
    const PING: [u8; 28] = [
        0x45, 0, 0, 28, 0, 1, 0, 0, 64, 1, 0, 0, // IPv4: 28 bytes, TTL 64, ICMP
        10, 0, 0, 1, 10, 0, 0, 2, // from 10.0.0.1 to 10.0.0.2
        8, 0, 0xf7, 0xf7, 0, 7, 0, 1, // echo request, identifier 7, number 1
    ];

    #[test]
    fn silence_counts_only_where_somebody_waited() {
        for (last_ns, variant) in [(0, "capture-ended"), (EARLY_NS - 1, "capture-ended"), (EARLY_NS, "")] {
            let mut tracker = Tracker::default();
            let mut outcome = Outcome::default();
            let mut events = Vec::new();
            let mut other = PING;
            (other[19], other[20]) = (9, 0); // something else, that shows how late it is
            for (number, time_ns, bytes) in [(1, 0, &PING), (2, last_ns, &other)] {
                let frame =
                    Frame { number, time_ns, interface: 0, link_type: 101, wire_len: 28, bytes: &bytes[..] };
                tracker.process(&frame, &decode(&frame), &mut outcome);
                events.append(&mut outcome.events);
            }
            tracker.finish(&mut outcome);
            events.append(&mut outcome.events);
            let told: Vec<_> = events.iter().filter(|e| e.kind == Kind::IcmpUnanswered).collect();
            assert_eq!(told.len(), 1);
            assert_eq!((told[0].packet, told[0].variant), (1, variant));
        }
    }
}
