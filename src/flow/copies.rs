//! The same packet seen twice: at two capture points of one file (on both sides of a router, at both ends of a path), or at
//! one, where a mirror port copies both ports of a conversation.
//!
//! A copy is no retransmission and no second question: it is told as a copy and not followed again. It is known
//! by what no hop changes: addresses, identification and everything behind the IP header. What hops do change is
//! what it shows: TTL (RFC 791 section 3.2, RFC 1812 section 5.3.1) and hardware addresses. On one interface the packet must
//! have an identification, which a sender does not use again so soon (RFC 6864 section 4), or come at once: what is sent again is
//! a new packet.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, Hasher};
use std::net::IpAddr;

use foldhash::fast::RandomState;

use super::event::{Datum, Event, FlowId, Kind};
use super::info::PacketInfo;
use crate::capture::Frame;
use crate::decode::{Header, Packet};
use crate::protocol::Protocol;

/// How far apart two sightings may lie, nanoseconds.
const APART_NS: i64 = 2_000_000_000;
/// How far apart where only the bytes are alike: a sender that repeats itself waits longer (RFC 6298 section 2).
const AT_ONCE_NS: i64 = 1_000_000;
/// How far apart where they take up numbers of a stream: nobody repeats those so soon without having heard the other side.
const UNASKED_NS: i64 = 100_000;
/// How far apart a mirror port may put the copies of two ports. What comes later was held back by the network, or is played
/// back, and its receiver answers it.
const MIRRORED_NS: i64 = 10_000_000;
/// How long a frame may take from one port of a network to another.
const FLOODED_NS: i64 = 200_000_000;
/// Of the packets remembered so many are asked for what lay between.
const LOOKED_BACK: usize = 64;
/// Packets remembered.
const MAX_KNOWN: usize = 8_192;

#[derive(Debug, Clone, Copy)]
struct Sighting {
    packet: u64,
    time_ns: i64,
    interface: u32,
    ttl: u8,
    /// Who sent it to whom, and under which identification.
    ends: Option<(IpAddr, IpAddr)>,
    ip_id: u16,
    src_mac: Option<[u8; 6]>,
    /// A TCP segment that takes up numbers.
    numbered: bool,
    flow: Option<FlowId>,
}

impl Sighting {
    /// The same for an ARP message. It has no identification, and is asked again in the same words after a second.
    fn repeated_as_frame(&self, later: &Sighting) -> Option<&'static str> {
        let apart = (later.time_ns - self.time_ns).abs();
        match self.interface == later.interface {
            false if apart < FLOODED_NS => Some("frame"),
            true if apart < AT_ONCE_NS => Some("twice"),
            _ => None,
        }
    }

    /// Whether a packet with the same bytes is the same packet, and as which variant of the event that is told.
    fn repeated_by(&self, later: &Sighting, mirrored: bool) -> Option<&'static str> {
        let apart = (later.time_ns - self.time_ns).abs();
        let marked = self.ip_id != 0;
        let here_again = self.interface == later.interface;
        match (here_again, self.ttl == later.ttl) {
            (false, true) if apart < APART_NS => Some(""),
            (false, false) if apart < APART_NS => Some("forwarded"),
            (true, true) if mirrored && apart < if marked { MIRRORED_NS } else { AT_ONCE_NS } => {
                Some("twice")
            }
            (true, false) if mirrored && apart < MIRRORED_NS && marked && later.ttl < self.ttl => {
                Some("forwarded")
            }
            _ => None,
        }
    }
}

/// Whether a packet is a TCP segment with data, SYN or FIN.
fn takes_numbers(packet: &Packet<'_>) -> bool {
    packet.transport().zip(packet.ip()).is_some_and(|(layer, ip)| {
        matches!(&layer.header, Header::Tcp(tcp) if tcp.syn() || tcp.fin() || ip.end > layer.header_end)
    })
}

/// Where the transport's checksum stands in its header.
fn checksum_at(protocol: Protocol) -> Option<usize> {
    match protocol {
        Protocol::Tcp => Some(16),
        Protocol::Udp => Some(6),
        _ => None,
    }
}

/// Remembers packets, more of them where a capture has several interfaces.
#[derive(Debug, Default)]
pub struct Copies {
    several: bool,
    /// A packet with an identification of its own was seen twice at one capture point.
    doubles: bool,
    state: RandomState,
    known: HashMap<u64, Sighting, RandomState>,
    order: VecDeque<u64>,
    last: Option<u64>,
}

impl Copies {
    /// The event and conversation of a packet that was seen before elsewhere; `None` for one that is new.
    pub fn look(
        &mut self,
        frame: &Frame<'_>,
        info: &PacketInfo,
        packet: &Packet<'_>,
    ) -> Option<(Event, Option<FlowId>)> {
        self.last = None;
        self.several |= frame.interface > 0;
        let mut hasher = self.state.build_hasher();
        let arp = packet.layers.iter().rev().find(|l| l.protocol == Protocol::Arp && !l.quoted);
        let carried = match (packet.ip(), arp) {
            (Some(ip), _) => {
                std::hash::Hash::hash(&(info.addresses?, info.ip_id), &mut hasher);
                frame.bytes.get(ip.header_end..ip.end)?
            }
            (None, Some(arp)) => frame.bytes.get(arp.start..arp.end)?,
            (None, None) => return None,
        };
        // The beginning tells packets apart; a long payload need not be read for it. A checksum left to the card is filled in
        // by the time the packet comes by the next capture point.
        hasher.write_usize(carried.len());
        let beginning = &carried[..carried.len().min(96)];
        match packet
            .transport()
            .and_then(|layer| checksum_at(layer.protocol))
            .filter(|at| at + 2 <= beginning.len())
        {
            Some(at) => {
                hasher.write(&beginning[..at]);
                hasher.write(&beginning[at + 2..]);
            }
            None => hasher.write(beginning),
        }
        let print = hasher.finish();
        let here = Sighting {
            packet: frame.number,
            time_ns: info.time_ns,
            interface: frame.interface,
            ttl: info.ttl,
            ends: info.addresses,
            ip_id: info.ip_id.unwrap_or(0),
            src_mac: info.macs.map(|m| m.0),
            numbered: takes_numbers(packet),
            flow: None,
        };
        if let Some(first) = self.known.get(&print)
            && let Some(variant) = if arp.is_some() {
                first.repeated_as_frame(&here)
            } else {
                first.repeated_by(&here, self.is_mirror(first, &here, &print))
            }
        {
            self.doubles |= variant == "twice" && (here.ip_id != 0 || here.numbered);
            let event = Event::new(Kind::CaptureCopy, frame.number, first.flow)
                .variant(variant)
                .with("original", Datum::Uint(first.packet))
                .with("after", Datum::Duration(here.time_ns - first.time_ns))
                .with("original_ttl", Datum::Uint(first.ttl.into()))
                .with("ttl", Datum::Uint(here.ttl.into()))
                .with("original_interface", Datum::Uint(first.interface.into()))
                .with("interface", Datum::Uint(here.interface.into()))
                .with("same_macs", Datum::Flag(first.src_mac == here.src_mac));
            let event = match info.addresses {
                Some((src, dst)) => event.with("src", Datum::Ip(src)).with("dst", Datum::Ip(dst)),
                None => event,
            };
            let event = match info.ip_id {
                Some(id @ 1..) => event.with("ip_id", Datum::Uint(id.into())),
                _ => event,
            };
            return Some((event, first.flow));
        }
        // At one capture point a copy comes at once, or not at all.
        if self.known.insert(print, here).is_none() {
            self.order.push_back(print);
            if self.order.len() > if self.several { MAX_KNOWN } else { 64 }
                && let Some(oldest) = self.order.pop_front()
            {
                self.known.remove(&oldest);
            }
        }
        self.last = Some(print);
        None
    }

    /// Whether the same bytes again at one capture point can be a mirror's doing. Not where the other side has spoken in
    /// between: it may have caused the second. Not where the sender gives all its packets one identification, and packets
    /// without one (Linux's SYN+ACKs, say, or IPv6) only where the capture has doubled others for sure; but what takes up numbers of
    /// a stream is never sent again at once.
    fn is_mirror(&self, first: &Sighting, here: &Sighting, print: &u64) -> bool {
        if first.interface != here.interface {
            return true; // another matter
        }
        let others = || {
            self.order
                .iter()
                .rev()
                .take(LOOKED_BACK)
                .filter(|p| *p != print)
                .filter_map(|p| self.known.get(p))
        };
        let answered = others().any(|other| {
            other.packet > first.packet && other.ends.is_some_and(|(a, b)| Some((b, a)) == here.ends)
        });
        let constant = here.ip_id != 0
            && others()
                .any(|other| other.ip_id == here.ip_id && other.ends.map(|e| e.0) == here.ends.map(|e| e.0));
        let at_once = here.numbered && (here.time_ns - first.time_ns).abs() < UNASKED_NS;
        !answered && (at_once || !constant && (here.ip_id != 0 || self.doubles))
    }

    /// The conversation that the packet looked at last belongs to.
    pub fn note_flow(&mut self, flow: Option<FlowId>) {
        if let Some(print) = self.last
            && let Some(sighting) = self.known.get_mut(&print)
        {
            sighting.flow = flow;
        }
    }
}
