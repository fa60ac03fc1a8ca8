//! Stations that answer ARP for an address which lies behind them (proxy ARP, RFC 1027; a forger who passes things on does the same).
//!
//! Names, with a packet whose source address was claimed by the station that sends it here: `proxy.packet` the ARP reply that claimed it;
//! `proxy.ttl` what its TTL is, `proxy.initial` what it was when the packet was sent. They are known only where the TTL is a little below
//! one that hosts begin with: then a router has been on the way, and the claim was not the owner's. A host with two addresses sends its own
//! packets, with the TTL that it begins with.
//!
//! Bounded: [`MAX_KNOWN`] addresses, then all are forgotten.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use foldhash::fast::RandomState;

use crate::capture::Frame;
use crate::decode::{Header, Packet};
use crate::flow::{Datum, FlowId, Kind, Outcome};
use crate::notes::expression::{self, Operand};

use super::Memory;

/// Addresses remembered.
const MAX_KNOWN: usize = 4_096;
/// What hosts begin with.
const INITIAL: [u8; 3] = [64, 128, 255];
/// How many routers may lie between a station and one that it answers for.
const HOPS: u8 = 3;

/// The names, and the kinds of their values.
pub const NAMES: &[(&str, expression::Kind)] = &[
    ("proxy.packet", expression::Kind::Number),
    ("proxy.ttl", expression::Kind::Number),
    ("proxy.initial", expression::Kind::Number),
];

/// The memory.
#[derive(Debug, Default)]
pub struct Proxies {
    claimed: HashMap<Ipv4Addr, ([u8; 6], u64), RandomState>,
    now: Option<(u64, u8, u8)>,
}

impl Memory for Proxies {
    fn packet(&mut self, frame: &Frame<'_>, packet: &Packet<'_>, outcome: &Outcome) {
        self.now = None;
        for event in outcome.events.iter().filter(|e| e.kind == Kind::ArpReply && e.packet == frame.number) {
            let (Some(Datum::Ip(ip)), Some(Datum::Mac(mac))) =
                (event.get("sender_ip"), event.get("sender_mac"))
            else {
                continue;
            };
            let std::net::IpAddr::V4(ip) = ip else { continue };
            if self.claimed.len() >= MAX_KNOWN && !self.claimed.contains_key(ip) {
                self.claimed.clear();
            }
            self.claimed.insert(*ip, (*mac, frame.number));
        }
        let Some(Header::Ipv4(ip)) = packet.ip().map(|layer| &layer.header) else { return };
        let Some(mac) = frame.bytes.get(6..12) else { return };
        let Some((claimer, reply)) = self.claimed.get(&Ipv4Addr::from(ip.source())) else { return };
        let below = |initial: &&u8| (1..=HOPS).contains(&initial.wrapping_sub(ip.ttl()));
        if mac == claimer
            && let Some(initial) = INITIAL.iter().find(below)
        {
            self.now = Some((*reply, ip.ttl(), *initial));
        }
    }

    fn values(&self, name: &str, _: Option<FlowId>, each: &mut dyn FnMut(Operand<'_>)) {
        let Some((packet, ttl, initial)) = self.now else { return };
        match name {
            "proxy.packet" => each(Operand::Int(packet.into())),
            "proxy.ttl" => each(Operand::Int(ttl.into())),
            "proxy.initial" => each(Operand::Int(initial.into())),
            _ => {}
        }
    }
}
