//! ARP: who asks for whom, who answers, and who claims what.
//!
//! RFC 826 (request, reply), RFC 5227 (probe, announcement, conflict), RFC 1122 section 2.3.2.1 (refresh by
//! unicast). Told apart by the packet itself: sender 0.0.0.0 is a probe, sender = target in a request an
//! announcement, in a reply a gratuitous reply; a request to one MAC alone a refresh.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};

use etherparse::ArpPacketSlice;
use foldhash::fast::RandomState;

use super::event::{Datum, Event, FlowId, Kind, Severity};
use super::info::PacketInfo;
use super::record::{FlowProtocol, FlowRecord, Party};
use super::table::{Base, Follow, Key, Table};

/// How long an answer is waited for, nanoseconds: Linux asks again after one second.
const WAIT_NS: i64 = 2_000_000_000;
/// A capture that ends sooner after the only request says nothing about its answer, nanoseconds: hosts themselves ask again after a second
/// (RFC 1122 section 2.3.2.1).
const EARLY_NS: i64 = 1_000_000_000;
/// Within this time another reply is the answer to the same question, not a claim out of the blue.
const SECOND_NS: i64 = 1_000_000_000;
/// Addresses remembered; beyond it the oldest claim is forgotten.
const MAX_KNOWN: usize = 16_384;
/// Questions open at once.
const MAX_OPEN: usize = 16_384;

/// One asker's questions for one address.
#[derive(Debug)]
pub struct Resolution {
    base: Base,
    packets: [u64; 2],
    bytes: [u64; 2],
}

impl Follow for Resolution {
    fn base(&self) -> &Base {
        &self.base
    }

    fn is_over(&self) -> bool {
        true // answered or not, the next question is the same conversation only while it is kept
    }
}

impl Resolution {
    /// The conversation summed up.
    pub fn record(&self) -> FlowRecord {
        self.base.record(FlowProtocol::Arp, self.packets, self.bytes)
    }
}

#[derive(Debug, Clone, Copy)]
struct Question {
    asker: Ipv4Addr,
    asker_mac: [u8; 6],
    target: Ipv4Addr,
    flow: FlowId,
    first: u64,
    last: u64,
    first_ns: i64,
    last_ns: i64,
    attempts: u64,
}

/// Follows ARP.
#[derive(Debug, Default)]
pub struct Arp {
    /// One entry an asker and target.
    pub table: Table<Resolution>,
    known: HashMap<Ipv4Addr, ([u8; 6], u64), RandomState>,
    known_order: VecDeque<Ipv4Addr>,
    /// The address that each hardware address spoke for first.
    own: HashMap<[u8; 6], Ipv4Addr, RandomState>,
    open: VecDeque<Question>,
    /// Questions answered lately: a second answer is told as one.
    answered: VecDeque<(Question, [u8; 6], u64)>,
}

/// Numbers for a new conversation.
pub struct Numbers<'n> {
    /// The next over all protocols.
    pub flow: &'n mut u64,
    /// The next of this protocol.
    pub stream: &'n mut u64,
}

impl Numbers<'_> {
    /// Takes the next of both.
    pub fn take(&mut self) -> (FlowId, u64) {
        let taken = (*self.flow, *self.stream);
        *self.flow += 1;
        *self.stream += 1;
        taken
    }
}

impl Arp {
    /// Takes in an ARP packet. Only Ethernet and IPv4 are followed; others are decoded, not told.
    pub fn packet(
        &mut self,
        info: &PacketInfo,
        arp: &ArpPacketSlice<'_>,
        mut numbers: Numbers<'_>,
        events: &mut Vec<Event>,
        ended: &mut Vec<FlowRecord>,
    ) -> Option<FlowId> {
        let (Ok(sender_mac), Ok(target_mac)) =
            (<[u8; 6]>::try_from(arp.sender_hw_addr()), <[u8; 6]>::try_from(arp.target_hw_addr()))
        else {
            return None;
        };
        let (Ok(sender), Ok(target)) = (
            <[u8; 4]>::try_from(arp.sender_protocol_addr()).map(Ipv4Addr::from),
            <[u8; 4]>::try_from(arp.target_protocol_addr()).map(Ipv4Addr::from),
        ) else {
            return None;
        };
        let broadcast = info.macs.is_none_or(|(_, dst)| dst[0] & 1 == 1);
        let request = arp.operation().0 == 1;
        let reply = arp.operation().0 == 2;
        if !request && !reply {
            return None; // RARP and others
        }
        // A reply belongs to the conversation of the one it answers.
        let (asker, asked) = if request { (sender, target) } else { (target, sender) };
        let flow = self.conversation(info, asker, asked, request, sender_mac, &mut numbers, ended);
        // In a request the target's MAC is a blank to be filled in; whom a refresh is for, its frame says.
        let target_mac = match info.macs {
            Some((_, dst)) if request && !broadcast => dst,
            _ => target_mac,
        };
        let names = |e: Event| {
            e.with("sender_ip", Datum::Ip(sender.into()))
                .with("sender_mac", Datum::Mac(sender_mac))
                .with("target_ip", Datum::Ip(target.into()))
                .with("target_mac", Datum::Mac(target_mac))
                .with("broadcast", Datum::Flag(broadcast))
                .with("opcode", Datum::Uint(if request { 1 } else { 2 }))
        };
        let event = |kind| names(Event::new(kind, info.number, Some(flow)));
        if request && sender.is_unspecified() {
            self.ask(info, asker, sender_mac, asked, flow);
            events.push(event(Kind::ArpProbe));
        } else if sender == target {
            events.push(event(if request { Kind::ArpAnnouncement } else { Kind::ArpGratuitous }));
        } else if request {
            let earlier = self.ask(info, asker, sender_mac, asked, flow);
            let kind = if broadcast { Kind::ArpRequest } else { Kind::ArpRefresh };
            let mut e = event(kind).with("again", Datum::Uint(earlier));
            if earlier > 0 && broadcast {
                e = e.variant("again");
            }
            events.push(e);
        } else {
            events.push(self.answer(info, asker, asked, sender_mac, broadcast, event));
        }
        if !sender.is_unspecified() {
            self.claim(info, sender, sender_mac, flow, events);
        }
        Some(flow)
    }

    #[allow(clippy::too_many_arguments)] // the packet's own names, not a design to hide
    fn conversation(
        &mut self,
        info: &PacketInfo,
        asker: Ipv4Addr,
        asked: Ipv4Addr,
        request: bool,
        sender_mac: [u8; 6],
        numbers: &mut Numbers<'_>,
        ended: &mut Vec<FlowRecord>,
    ) -> FlowId {
        // Ports 1 and 2 keep "A asks for B" apart from "B asks for A".
        let key = Key::new((asker.into(), 1), (asked.into(), 2));
        let side = usize::from(!request);
        if let Some(r) = self.table.live(&key) {
            r.base.goes_on(info);
            r.packets[side] += 1;
            r.bytes[side] += info.wire_len;
            if request {
                r.base.client.mac = Some(sender_mac)
            } else {
                r.base.server.mac = Some(sender_mac)
            }
            return r.base.id;
        }
        let (id, stream) = numbers.take();
        let party = |addr: Ipv4Addr, mac| Party { addr: Some(IpAddr::V4(addr)), port: None, mac };
        let (client, server) =
            (party(asker, request.then_some(sender_mac)), party(asked, (!request).then_some(sender_mac)));
        let base = Base::new(info, (id, stream), client, server);
        let mut resolution = Resolution { base, packets: [0; 2], bytes: [0; 2] };
        resolution.packets[side] = 1;
        resolution.bytes[side] = info.wire_len;
        self.table.insert(key, resolution);
        self.table.sweep(info.time_ns, &mut |r| ended.push(r.record()));
        id
    }

    /// Notes a question; how often it was asked before without an answer.
    fn ask(
        &mut self,
        info: &PacketInfo,
        asker: Ipv4Addr,
        asker_mac: [u8; 6],
        target: Ipv4Addr,
        flow: FlowId,
    ) -> u64 {
        let same = |q: &&mut Question| q.asker == asker && q.target == target && q.asker_mac == asker_mac;
        if let Some(q) = self.open.iter_mut().find(same) {
            q.last = info.number;
            q.last_ns = info.time_ns;
            q.attempts += 1;
            return q.attempts - 1;
        }
        if self.open.len() >= MAX_OPEN {
            self.open.pop_front();
        }
        self.open.push_back(Question {
            asker,
            asker_mac,
            target,
            flow,
            first: info.number,
            last: info.number,
            first_ns: info.time_ns,
            last_ns: info.time_ns,
            attempts: 1,
        });
        0
    }

    /// What a reply is the answer to.
    fn answer(
        &mut self,
        info: &PacketInfo,
        asker: Ipv4Addr,
        asked: Ipv4Addr,
        sender_mac: [u8; 6],
        broadcast: bool,
        event: impl Fn(Kind) -> Event,
    ) -> Event {
        let mine = |q: &Question| q.asker == asker && q.target == asked;
        if let Some(i) = self.open.iter().position(mine)
            && let Some(q) = self.open.remove(i)
        {
            self.answered.push_back((q, sender_mac, info.number));
            if self.answered.len() > 64 {
                self.answered.pop_front();
            }
            // The same hardware spoke for another address first: a router standing in (RFC 1027), or a host of two.
            let stands_in = self.own.get(&sender_mac).is_some_and(|own| *own != asked);
            let variant = match (asker.is_unspecified(), broadcast, stands_in) {
                (true, ..) => "probe", // the answer to a probe: the address is taken (RFC 5227 section 2.1.1)
                (_, _, true) => "proxy",
                (_, true, _) => "broadcast",
                _ => "",
            };
            return event(Kind::ArpReply)
                .variant(variant)
                .with("request_packet", Datum::Uint(q.last))
                .with("after", Datum::Duration(info.time_ns - q.last_ns));
        }
        if let Some((q, mac, packet)) = self.answered.iter().rev().find(|(q, ..)| mine(q))
            && info.time_ns - q.last_ns < SECOND_NS
            && *mac != sender_mac
        {
            return event(Kind::ArpReply)
                .variant("second")
                .with("request_packet", Datum::Uint(q.last))
                .with("after", Datum::Duration(info.time_ns - q.last_ns))
                .with("other_packet", Datum::Uint(*packet));
        }
        event(Kind::ArpUnsolicitedReply)
    }

    /// Every ARP packet claims that its sender's address is at its sender's MAC.
    fn claim(
        &mut self,
        info: &PacketInfo,
        ip: Ipv4Addr,
        mac: [u8; 6],
        flow: FlowId,
        events: &mut Vec<Event>,
    ) {
        if self.own.len() < MAX_KNOWN {
            self.own.entry(mac).or_insert(ip);
        }
        match self.known.insert(ip, (mac, info.number)) {
            Some((old, packet)) if old != mac => events.push(
                Event::new(Kind::ArpConflict, info.number, Some(flow))
                    .with("ip", Datum::Ip(ip.into()))
                    .with("old_mac", Datum::Mac(old))
                    .with("new_mac", Datum::Mac(mac))
                    .with("old_packet", Datum::Uint(packet)),
            ),
            Some(_) => {}
            None => {
                self.known_order.push_back(ip);
                if self.known_order.len() > MAX_KNOWN
                    && let Some(oldest) = self.known_order.pop_front()
                {
                    self.known.remove(&oldest);
                }
            }
        }
    }

    /// Who claimed an address last, and in which packet.
    pub fn known(&self, ip: Ipv4Addr) -> Option<([u8; 6], u64)> {
        self.known.get(&ip).copied()
    }

    /// Tells of questions that were waited for long enough; at the end of the capture (`all`), of all. `reaches`: whether
    /// frames to a hardware address pass this capture point; where they do not, a reply would not have been seen.
    pub fn expire(
        &mut self,
        now_ns: i64,
        all: bool,
        reaches: impl Fn(&[u8; 6]) -> bool,
        events: &mut Vec<Event>,
    ) {
        while let Some(i) = self.open.iter().position(|q| all || now_ns - q.last_ns > WAIT_NS) {
            let Some(q) = self.open.remove(i) else { return };
            if q.asker.is_unspecified() {
                continue; // silence is what a probe hopes for
            }
            let event = Event::new(Kind::ArpUnanswered, q.last, Some(q.flow));
            let seen = reaches(&q.asker_mac);
            let early = q.attempts == 1 && now_ns - q.last_ns < EARLY_NS;
            let event = match (seen, early) {
                (false, _) => event.variant("elsewhere").severity(Severity::Chat),
                (true, true) => event.variant("capture-ended").severity(Severity::Chat),
                (true, false) => event,
            };
            events.push(
                event
                    .with("sender_ip", Datum::Ip(q.asker.into()))
                    .with("sender_mac", Datum::Mac(q.asker_mac))
                    .with("target_ip", Datum::Ip(q.target.into()))
                    .with("attempts", Datum::Uint(q.attempts))
                    .with("first_packet", Datum::Uint(q.first))
                    .with("waited", Datum::Duration(now_ns - q.first_ns)),
            );
        }
    }
}
