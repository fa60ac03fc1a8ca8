//! Following DHCPv6: which answer belongs to which message of a client's, and what nobody answered.
//!
//! RFC 8415 section 16.1 (the transaction id), 18.2 (what a client sends and awaits), 15 (it asks again). Relays' messages
//! around a client's are looked through.
//! Leaves out: leases over several exchanges.
//!
//! Memory is bounded by [`super::open::MAX_OPEN`].

use std::net::Ipv6Addr;

use super::dns::MessageInfo;
use super::event::{Datum, Event, FlowId, Kind, Severity};
use super::open::Open;
use crate::protocol::dhcpv6::{self, Message, kind};
use crate::wire::{Cursor, Off};

/// How long an answer is waited for, in capture time.
pub const PATIENCE_NS: i64 = 10_000_000_000;

#[derive(Debug)]
struct Asked {
    flow: FlowId,
    packet: u64,
    first_packet: u64,
    attempts: u64,
    variant: &'static str,
    relays: usize,
    answered: bool,
}

/// Pairs what DHCPv6 clients and servers say.
#[derive(Debug)]
pub struct Dhcpv6Tracker {
    open: Open<u32, Asked>,
}

impl Default for Dhcpv6Tracker {
    fn default() -> Self {
        Dhcpv6Tracker { open: Open::new(PATIENCE_NS) }
    }
}

impl Dhcpv6Tracker {
    /// One message.
    pub fn message(&mut self, info: &MessageInfo, bytes: &[u8], events: &mut Vec<Event>) {
        let (mut bad, mut off) = (None, Off);
        let read = dhcpv6::dissect_noting(&mut Cursor::new(bytes, 0, bytes.len(), &mut off), &mut bad);
        let Ok(said) = read else { return };
        events.push(match said.kind {
            kind::ADVERTISE | kind::REPLY => self.answer(info, &said),
            _ => self.question(info, &said),
        });
    }

    /// Time has stepped far back.
    pub fn back_to(&mut self, now_ns: i64) {
        self.open.back_to(now_ns);
    }

    /// Tells what has been waiting too long.
    pub fn expire(&mut self, now_ns: i64, events: &mut Vec<Event>) {
        self.open.expire(now_ns, &mut |xid, asked, waited| events.extend(unanswered(xid, &asked, waited)));
    }

    /// The capture has ended.
    pub fn finish(&mut self, events: &mut Vec<Event>) {
        self.open.finish(&mut |xid, asked, waited| {
            let event = unanswered(xid, &asked, waited).map(|e| e.severity(Severity::Note));
            events.extend(event.map(|e| e.with("capture_ended", Datum::Flag(true))));
        });
    }

    fn question(&mut self, info: &MessageInfo, said: &Message<'_>) -> Event {
        let variant = match said.kind {
            kind::SOLICIT => "solicit",
            kind::REQUEST => "request",
            kind::CONFIRM => "confirm",
            kind::RENEW => "renew",
            kind::REBIND => "rebind",
            kind::RELEASE => "release",
            kind::DECLINE => "decline",
            kind::INFORMATION_REQUEST => "information",
            _ => "other",
        };
        let event = about(Kind::Dhcpv6Request, info, said).variant(variant);
        if variant == "other" {
            return event.with("type", Datum::Uint(said.kind.into()));
        }
        let mut now = Asked {
            flow: info.flow,
            packet: info.packet,
            first_packet: info.packet,
            attempts: 1,
            variant,
            relays: said.relays,
            answered: false,
        };
        let before = self.open.get(&said.xid).filter(|(before, _)| before.variant == variant);
        let event = match before {
            // A relay's copy of what the client sent.
            Some((before, _)) if before.relays != said.relays => {
                return event.with("relayed_packet", Datum::Uint(before.packet));
            }
            Some((before, since_ns)) => {
                (now.first_packet, now.attempts) = (before.first_packet, before.attempts + 1);
                event
                    .severity(Severity::Note)
                    .with("attempts", Datum::Uint(now.attempts))
                    .with("first_packet", Datum::Uint(now.first_packet))
                    .with("waited", Datum::Duration(info.time_ns.saturating_sub(since_ns)))
            }
            None => event,
        };
        self.open.put(said.xid, info.time_ns, now);
        event
    }

    fn answer(&mut self, info: &MessageInfo, said: &Message<'_>) -> Event {
        let mut event = about(Kind::Dhcpv6Reply, info, said).with("server", Datum::Ip(info.from.ip()));
        for (name, seconds) in [("t1", said.renewal), ("valid", said.valid)] {
            if let Some(seconds) = seconds.filter(|s| *s != u32::MAX && *s != 0) {
                event = event.with(name, Datum::Duration(i64::from(seconds) * 1_000_000_000));
            }
        }
        if let Some(server) = said.dns {
            event = event.with("dns", Datum::Ip(Ipv6Addr::from(server).into()));
        }
        // Several servers may advertise, and relays hand on: the question stays open for them until its time is over.
        let mut solicited = false;
        if let Some((asked, since_ns)) = self.open.get_mut(&said.xid) {
            asked.answered = true;
            solicited = asked.variant == "solicit";
            event = event
                .with("request_packet", Datum::Uint(asked.packet))
                .with("after", Datum::Duration(info.time_ns.saturating_sub(since_ns)));
        }
        match (said.status, said.kind) {
            (Some(status), _) => {
                event.variant("refused").severity(Severity::Note).with("status", Datum::Uint(status.into()))
            }
            (None, kind::ADVERTISE) => event.variant("advertise"),
            (None, _) if said.address.is_none() && said.prefix.is_none() => event.variant("settings"),
            (None, _) if solicited && said.rapid_commit => event.variant("rapid"),
            _ => event,
        }
    }
}

fn unanswered(xid: u32, asked: &Asked, waited: i64) -> Option<Event> {
    let event = Event::new(Kind::Dhcpv6Unanswered, asked.packet, Some(asked.flow))
        .with("xid", Datum::Text(format!("0x{xid:06x}")))
        .with("first_packet", Datum::Uint(asked.first_packet))
        .with("attempts", Datum::Uint(asked.attempts))
        .with("waited", Datum::Duration(waited));
    (!asked.answered).then_some(event)
}

fn about(kind: Kind, info: &MessageInfo, said: &Message<'_>) -> Event {
    let mut event = Event::new(kind, info.packet, Some(info.flow))
        .with("xid", Datum::Text(format!("0x{:06x}", said.xid)))
        .with("src", Datum::Ip(info.from.ip()));
    if said.relays > 0 {
        event = event.with("relays", Datum::Uint(said.relays as u64));
    }
    if let Some(address) = said.address {
        event = event.with("address", Datum::Ip(Ipv6Addr::from(address).into()));
    }
    if let Some((prefix, length)) = said.prefix {
        event = event.with("prefix", Datum::Text(format!("{}/{length}", Ipv6Addr::from(prefix))));
    }
    event
}
