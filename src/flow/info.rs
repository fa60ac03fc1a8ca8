//! A packet's envelope as the followers read it: number, time, addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::capture::Frame;
use crate::decode::{Header, Layer, Packet};

/// What the followers ask of every packet.
#[derive(Debug, Clone, Copy)]
pub struct PacketInfo {
    /// Packet number.
    pub number: u64,
    /// Its time.
    pub time_ns: i64,
    /// Its capture point.
    pub interface: u32,
    /// Bytes it had on the wire.
    pub wire_len: u64,
    /// Hardware addresses, where the link has them: source, destination.
    pub macs: Option<([u8; 6], [u8; 6])>,
    /// Network addresses of the innermost IP header: source, destination.
    pub addresses: Option<(IpAddr, IpAddr)>,
    /// TTL or hop limit.
    pub ttl: u8,
    /// IPv4 identification.
    pub ip_id: Option<u16>,
}

impl PacketInfo {
    /// Reads the envelope.
    pub fn new(frame: &Frame<'_>, packet: &Packet<'_>) -> PacketInfo {
        // In a tunnel that carries Ethernet, those of the frame inside.
        let macs = packet.layers.iter().rev().filter(|l| !l.quoted).find_map(|l| match &l.header {
            Header::Ethernet(e) => Some((e.src, e.dst)),
            _ => None,
        });
        let (addresses, ttl, ip_id) = match packet.ip() {
            Some(layer) => envelope(layer),
            None => (None, 0, None),
        };
        PacketInfo {
            number: frame.number,
            time_ns: frame.in_time().time_ns,
            interface: frame.interface,
            wire_len: frame.wire_len.into(),
            macs,
            addresses,
            ttl,
            ip_id,
        }
    }
}

/// Addresses, TTL and identification of an IP layer.
pub fn envelope(layer: &Layer<'_>) -> (Option<(IpAddr, IpAddr)>, u8, Option<u16>) {
    match &layer.header {
        Header::Ipv4(h) => {
            let (s, d) = (Ipv4Addr::from(h.source()), Ipv4Addr::from(h.destination()));
            (Some((s.into(), d.into())), h.ttl(), Some(h.identification()))
        }
        Header::Ipv6(h) => {
            let (s, d) = (Ipv6Addr::from(h.source()), Ipv6Addr::from(h.destination()));
            (Some((s.into(), d.into())), h.hop_limit(), None)
        }
        _ => (None, 0, None),
    }
}
