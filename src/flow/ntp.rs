//! Following NTP: which reply answers which request, and what the two say of the clocks.
//!
//! RFC 5905 section 8 (a reply repeats the request's transmit timestamp as its origin; offset and delay from four times), 7.4 (what
//! a server says with stratum 0).
//! Leaves out: the filters that a client puts many such measurements through; peers (modes 1 and 2).
//!
//! Two of the four times are the capture's: when request and reply passed. So the offset is that of the server's clock to the
//! capturing machine's. What the client writes as its own time need not be one (it may be drawn at random).
//! Memory is bounded by [`super::open::MAX_OPEN`].

use std::net::SocketAddr;

use super::dns::MessageInfo;
use super::event::{Datum, Event, FlowId, Kind, Severity};
use super::open::Open;
use crate::protocol::ntp::{self, Message};
use crate::wire::{Cursor, Off};

/// How long a reply is waited for, in capture time.
pub const PATIENCE_NS: i64 = 5_000_000_000;

/// What makes a reply that request's.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    client: SocketAddr,
    server: SocketAddr,
    transmit: u64,
}

#[derive(Debug)]
struct Asked {
    flow: FlowId,
    packet: u64,
}

/// Pairs NTP's requests and replies.
#[derive(Debug)]
pub struct NtpTracker {
    open: Open<Key, Asked>,
}

impl Default for NtpTracker {
    fn default() -> Self {
        NtpTracker { open: Open::new(PATIENCE_NS) }
    }
}

impl NtpTracker {
    /// One message.
    pub fn message(&mut self, info: &MessageInfo, bytes: &[u8], events: &mut Vec<Event>) {
        let Ok(said) = ntp::dissect(&mut Cursor::new(bytes, 0, bytes.len(), &mut Off)) else { return };
        events.push(match said.mode {
            3 => self.request(info, &said),
            4 => self.reply(info, &said),
            other => about(Kind::NtpOther, info, &said).variant(match other {
                5 => "broadcast",
                6 => "control",
                7 => "private",
                _ => "",
            }),
        });
    }

    /// Time has stepped far back.
    pub fn back_to(&mut self, now_ns: i64) {
        self.open.back_to(now_ns);
    }

    /// Tells what has been waiting too long.
    pub fn expire(&mut self, now_ns: i64, events: &mut Vec<Event>) {
        self.open.expire(now_ns, &mut |key, asked, waited| events.push(unanswered(&key, &asked, waited)));
    }

    /// The capture has ended.
    pub fn finish(&mut self, events: &mut Vec<Event>) {
        self.open.finish(&mut |key, asked, waited| {
            let event = unanswered(&key, &asked, waited).severity(Severity::Note);
            events.push(event.with("capture_ended", Datum::Flag(true)));
        });
    }

    fn request(&mut self, info: &MessageInfo, said: &Message) -> Event {
        let key = Key { client: info.from, server: info.to, transmit: said.transmit };
        self.open.put(key, info.time_ns, Asked { flow: info.flow, packet: info.packet });
        about(Kind::NtpRequest, info, said)
    }

    fn reply(&mut self, info: &MessageInfo, said: &Message) -> Event {
        let mut event = about(Kind::NtpReply, info, said).with("stratum", Datum::Uint(said.stratum.into()));
        let key = Key { client: info.to, server: info.from, transmit: said.origin };
        let asked = self.open.take(&key);
        if let Some((asked, since_ns)) = &asked {
            event = event
                .with("request_packet", Datum::Uint(asked.packet))
                .with("after", Datum::Duration(info.time_ns.saturating_sub(*since_ns)));
        }
        if said.stratum == 0 {
            return event
                .variant("kiss")
                .severity(Severity::Note)
                .with("code", Datum::Text(ntp::code(said.reference)));
        }
        if said.leap == 3 || said.transmit == 0 || said.receive == 0 {
            return event.variant("not-synchronized").severity(Severity::Note);
        }
        let Some((_, since_ns)) = asked else { return event.variant("request-not-seen") };
        // T2 - T1 and T4 - T3: the way there and the way back, each off by the difference of the clocks, with opposite
        // signs. So their difference is twice the offset, and their sum the delay.
        let (t1, t2) = (i128::from(since_ns), i128::from(ntp::nanoseconds(said.receive)));
        let (t3, t4) = (i128::from(ntp::nanoseconds(said.transmit)), i128::from(info.time_ns));
        let span = |ns: i128| Datum::Duration(ns.clamp(i64::MIN.into(), i64::MAX.into()) as i64);
        event
            .with("forward", span(t2 - t1))
            .with("back", span(t4 - t3))
            .with("offset", span(((t2 - t1) + (t3 - t4)) / 2))
            .with("delay", span((t4 - t1) - (t3 - t2)))
            .with("in_server", span(t3 - t2))
    }
}

fn unanswered(key: &Key, asked: &Asked, waited: i64) -> Event {
    Event::new(Kind::NtpUnanswered, asked.packet, Some(asked.flow))
        .with("server", Datum::Ip(key.server.ip()))
        .with("waited", Datum::Duration(waited))
}

fn about(kind: Kind, info: &MessageInfo, said: &Message) -> Event {
    Event::new(kind, info.packet, Some(info.flow))
        .with("src", Datum::Ip(info.from.ip()))
        .with("dst", Datum::Ip(info.to.ip()))
        .with("version", Datum::Uint(said.version.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds since 1970 in NTP's form.
    fn stamp(ns: i64) -> [u8; 8] {
        let seconds = (ns / 1_000_000_000 + 2_208_988_800) as u64;
        let fraction = ((ns % 1_000_000_000) as u64) * (1 << 32) / 1_000_000_000;
        (seconds << 32 | fraction).to_be_bytes()
    }

    fn message(mode: u8, stratum: u8, stamps: [[u8; 8]; 3]) -> Vec<u8> {
        let mut bytes = vec![0x20 | mode, stratum];
        bytes.resize(24, 0);
        stamps.iter().for_each(|s| bytes.extend(s));
        bytes
    }

    fn info(packet: u64, time_ns: i64, from_client: bool) -> MessageInfo {
        let ends = (SocketAddr::from(([192, 0, 2, 7], 40000)), SocketAddr::from(([192, 0, 2, 1], 123)));
        let (from, to) = if from_client { ends } else { (ends.1, ends.0) };
        MessageInfo { packet, time_ns, flow: 0, from, to, over_tcp: false, whole: true }
    }

    const T: i64 = 1_600_000_000_000_000_000;
    const MS: i64 = 1_000_000;

    #[test]
    fn offset_and_delay_are_those_of_the_rfc() {
        let (mut tracker, mut events) = (NtpTracker::default(), Vec::new());
        // The server's clock is 100 ms ahead; 10 ms there, 2 ms at the server, 30 ms back. The client draws its stamp.
        let drawn = [7; 8];
        tracker.message(&info(1, T, true), &message(3, 0, [[0; 8], [0; 8], drawn]), &mut events);
        let stamps = [drawn, stamp(T + 110 * MS), stamp(T + 112 * MS)];
        tracker.message(&info(2, T + 42 * MS, false), &message(4, 2, stamps), &mut events);
        let of = |key: &str| match events[1].get(key) {
            Some(Datum::Duration(ns)) => (*ns + 500).div_euclid(1000),
            other => panic!("{key}: {other:?}"),
        };
        assert_eq!((of("forward"), of("back")), (110_000, -70_000));
        assert_eq!((of("offset"), of("delay"), of("in_server")), (90_000, 40_000, 2_000));
        tracker.finish(&mut events);
        assert_eq!(events.len(), 2, "nothing is open");
    }

    #[test]
    fn silence_and_refusals() {
        let (mut tracker, mut events) = (NtpTracker::default(), Vec::new());
        tracker.message(&info(1, T, true), &message(3, 0, [[0; 8], [0; 8], [1; 8]]), &mut events);
        tracker.expire(T + PATIENCE_NS, &mut events);
        assert_eq!(events[1].kind, Kind::NtpUnanswered);
        tracker.message(&info(2, T, false), &message(4, 0, [[1; 8]; 3]), &mut events);
        assert_eq!(events[2].variant, "kiss");
        tracker.message(&info(3, T, false), &message(4, 1, [[1; 8]; 3]), &mut events);
        assert_eq!(events[3].variant, "request-not-seen");
    }
}
