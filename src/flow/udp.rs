//! UDP: datagrams between two ports. There is no connection; what is followed is who sent to whom.
//!
//! RFC 768. The first datagram each way is told, unless an application's event tells it better.

use std::net::IpAddr;

use etherparse::UdpSlice;

use super::arp::Numbers;
use super::event::{Datum, Event, FlowId, Kind};
use super::info::PacketInfo;
use super::record::{Endpoint, FlowProtocol, FlowRecord, Party};
use super::table::{Base, Follow, Key, Table};

/// Silence after which a conversation of datagrams is taken to be over, nanoseconds.
const OVER_NS: i64 = 30_000_000_000;

/// Datagrams between two ports.
#[derive(Debug)]
pub struct Datagrams {
    /// Numbers and times.
    pub base: Base,
    /// What was recognised inside.
    pub application: Option<&'static str>,
    packets: [u64; 2],
    bytes: [u64; 2],
}

impl Follow for Datagrams {
    fn base(&self) -> &Base {
        &self.base
    }

    fn is_over(&self) -> bool {
        // Nothing says that datagrams are done; a pair of question and answer mostly is.
        self.packets[0] > 0 && self.packets[1] > 0 && self.base.end_ns - self.base.start_ns < OVER_NS
    }
}

impl Datagrams {
    /// The conversation summed up.
    pub fn record(&self) -> FlowRecord {
        let mut record = self.base.record(FlowProtocol::Udp, self.packets, self.bytes);
        record.application = self.application;
        record
    }
}

/// Follows UDP.
#[derive(Debug, Default)]
pub struct Udp {
    /// All conversations.
    pub table: Table<Datagrams>,
}

/// Where a datagram belongs.
pub struct Place {
    /// The conversation.
    pub flow: FlowId,
    /// Its number as `udp.stream`.
    pub stream: u64,
    /// Who sent it.
    pub from: Endpoint,
    /// How many the sender had sent before.
    pub earlier: u64,
}

impl Udp {
    /// Finds or opens the conversation of a datagram.
    pub fn place(
        &mut self,
        info: &PacketInfo,
        udp: &UdpSlice<'_>,
        mut numbers: Numbers<'_>,
        ended: &mut Vec<FlowRecord>,
    ) -> Option<Place> {
        let (src, dst) = info.addresses?;
        let (sport, dport) = (udp.source_port(), udp.destination_port());
        let key = Key::new((src, sport), (dst, dport));
        let (src_mac, dst_mac) = (info.macs.map(|m| m.0), info.macs.map(|m| m.1));
        if let Some(d) = self.table.live(&key) {
            let from = if (d.base.client.addr, d.base.client.port) == (Some(src), Some(sport)) {
                Endpoint::Client
            } else {
                Endpoint::Server
            };
            let earlier = d.packets[from.index()];
            d.base.goes_on(info);
            d.packets[from.index()] += 1;
            d.bytes[from.index()] += info.wire_len;
            return Some(Place { flow: d.base.id, stream: d.base.stream, from, earlier });
        }
        // A conversation that was let go goes on under its stream's number, as Wireshark counts.
        let past = self.table.past(&key);
        let (id, stream) = match past {
            Some(past) => {
                let id = *numbers.flow;
                *numbers.flow += 1;
                (id, past.stream)
            }
            None => numbers.take(),
        };
        let end = |addr: IpAddr, port, mac| Party { addr: Some(addr), port: Some(port), mac };
        let (client, server) = (end(src, sport, src_mac), end(dst, dport, dst_mac));
        let base = Base::new(info, (id, stream), client, server);
        let d = Datagrams { base, application: None, packets: [1, 0], bytes: [info.wire_len, 0] };
        self.table.insert(key, d);
        self.table.sweep(info.time_ns, &mut |d| ended.push(d.record()));
        Some(Place { flow: id, stream, from: Endpoint::Client, earlier: 0 })
    }

    /// The conversation between two ends and its latest packet, for an ICMP error that quotes one of its datagrams.
    pub fn flow_between(&mut self, a: (IpAddr, u16), b: (IpAddr, u16)) -> Option<(FlowId, u64)> {
        self.table.live(&Key::new(a, b)).map(|d| (d.base.id, d.base.last))
    }

    /// Notes what was recognised inside.
    pub fn recognise(&mut self, a: (IpAddr, u16), b: (IpAddr, u16), application: &'static str) {
        if let Some(d) = self.table.live(&Key::new(a, b)) {
            d.application = Some(application);
        }
    }
}

/// The event of a datagram that nothing else tells.
pub fn datagram_event(info: &PacketInfo, udp: &UdpSlice<'_>, place: &Place) -> Option<Event> {
    if place.earlier > 0 {
        return None;
    }
    let (src, dst) = info.addresses?;
    let multicast = dst.is_multicast();
    let broadcast = match dst {
        IpAddr::V4(v4) => v4.is_broadcast() || info.macs.is_some_and(|(_, m)| m == [0xff; 6]),
        IpAddr::V6(_) => false,
    };
    let variant = match (place.from, broadcast, multicast, udp.checksum()) {
        (Endpoint::Server, ..) => "reply",
        (_, true, ..) => "broadcast",
        (_, _, true, _) => "multicast",
        (_, _, _, 0) => "no-checksum",
        _ => "",
    };
    Some(
        Event::new(Kind::UdpDatagram, info.number, Some(place.flow))
            .variant(variant)
            .with("endpoint", Datum::Name(place.from.name()))
            .with("src", Datum::Ip(src))
            .with("sport", Datum::Uint(udp.source_port().into()))
            .with("dst", Datum::Ip(dst))
            .with("dport", Datum::Uint(udp.destination_port().into()))
            .with("len", Datum::Uint(u64::from(udp.length()).saturating_sub(8)))
            .with("stream", Datum::Uint(place.stream))
            .with("number", Datum::Uint(place.earlier + 1)),
    )
}
