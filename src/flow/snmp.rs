//! Following SNMP: which response answers which request, and what was never answered.
//!
//! RFC 3416 section 4.1 (the request-id pairs them), 3 (errors), RFC 3412 section 6.4 (reports).
//! Leaves out: what is encrypted; walks over many requests.
//!
//! Memory is bounded by [`super::open::MAX_OPEN`].

use std::net::{Ipv4Addr, SocketAddr};

use super::dns::MessageInfo;
use super::event::{Datum, Event, FlowId, Kind, Severity};
use super::open::Open;
use crate::protocol::snmp::{self, Binding, Message, ber, pdu};
use crate::wire::{Cursor, Off};

/// How long a response is waited for, in capture time.
pub const PATIENCE_NS: i64 = 5_000_000_000;
/// Longest value that is told.
const MAX_TEXT: usize = 60;

/// What makes a response that request's.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    manager: SocketAddr,
    agent: SocketAddr,
    request_id: i64,
}

#[derive(Debug)]
struct Asked {
    flow: FlowId,
    packet: u64,
    first_packet: u64,
    attempts: u64,
    what: &'static str,
    name: Option<String>,
}

/// Pairs SNMP's requests and responses.
#[derive(Debug)]
pub struct SnmpTracker {
    open: Open<Key, Asked>,
}

impl Default for SnmpTracker {
    fn default() -> Self {
        SnmpTracker { open: Open::new(PATIENCE_NS) }
    }
}

impl SnmpTracker {
    /// One message.
    pub fn message(&mut self, info: &MessageInfo, bytes: &[u8], events: &mut Vec<Event>) {
        let (mut bad, mut off) = (None, Off);
        let read = snmp::dissect_noting(&mut Cursor::new(bytes, 0, bytes.len(), &mut off), &mut bad);
        let Ok(said) = read else { return };
        events.push(match said.pdu {
            Some(pdu::RESPONSE) => self.response(info, &said),
            Some(pdu::TRAP) => about(Kind::SnmpTrap, info, &said)
                .variant("v1")
                .with("code", Datum::Uint(said.generic_trap.unsigned_abs())),
            Some(pdu::TRAP2) => about(Kind::SnmpTrap, info, &said),
            Some(pdu::REPORT) => about(Kind::SnmpOther, info, &said).variant("report"),
            Some(_) => self.request(info, &said),
            None if said.encrypted => about(Kind::SnmpOther, info, &said).variant("encrypted"),
            None => about(Kind::SnmpOther, info, &said),
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

    fn request(&mut self, info: &MessageInfo, said: &Message<'_>) -> Event {
        let what = match said.pdu {
            Some(pdu::GET) => "get",
            Some(pdu::GET_NEXT) => "get-next",
            Some(pdu::SET) => "set",
            Some(pdu::GET_BULK) => "get-bulk",
            _ => "inform",
        };
        let mut event = about(Kind::SnmpRequest, info, said);
        // A set and an inform carry the values; what asks for them has nothing there.
        let sets = matches!(what, "set" | "inform");
        event = event.variant(if said.first.is_none() { "empty" } else { what });
        if sets && let Some(first) = &said.first {
            event = event.with("value", Datum::Text(text(first)));
        }
        if what == "get-bulk" {
            event = event.with("repetitions", Datum::Uint(said.error_index.unsigned_abs()));
        }
        let key = Key { manager: info.from, agent: info.to, request_id: said.request_id };
        let mut now = Asked {
            flow: info.flow,
            packet: info.packet,
            first_packet: info.packet,
            attempts: 1,
            what,
            name: said.first.map(|b| ber::dotted(b.name)),
        };
        // Time runs on from the last attempt.
        if let Some((before, _)) = self.open.get(&key).filter(|(before, _)| before.what == what) {
            (now.first_packet, now.attempts) = (before.first_packet, before.attempts + 1);
            event = event
                .severity(Severity::Note)
                .with("attempts", Datum::Uint(now.attempts))
                .with("first_packet", Datum::Uint(now.first_packet));
        }
        self.open.put(key, info.time_ns, now);
        event
    }

    fn response(&mut self, info: &MessageInfo, said: &Message<'_>) -> Event {
        let mut event = about(Kind::SnmpResponse, info, said);
        if let Some(first) = &said.first {
            event = event.with("value", Datum::Text(text(first)));
        }
        let key = Key { manager: info.to, agent: info.from, request_id: said.request_id };
        let asked = self.open.take(&key);
        if let Some((asked, since_ns)) = &asked {
            event = event
                .with("request_packet", Datum::Uint(asked.packet))
                .with("after", Datum::Duration(info.time_ns.saturating_sub(*since_ns)));
        }
        if said.error_status != 0 {
            return event
                .variant("error")
                .severity(Severity::Note)
                .with("status", Datum::Int(said.error_status))
                .with("index", Datum::Int(said.error_index));
        }
        match (asked.is_some(), said.first.is_some()) {
            (_, false) => event.variant("empty"),
            (false, _) => event.variant("request-not-seen"),
            (true, true) => event,
        }
    }
}

fn unanswered(key: &Key, asked: &Asked, waited: i64) -> Event {
    let event = Event::new(Kind::SnmpUnanswered, asked.packet, Some(asked.flow))
        .with("agent", Datum::Ip(key.agent.ip()))
        .with("request_id", Datum::Int(key.request_id))
        .with("first_packet", Datum::Uint(asked.first_packet))
        .with("attempts", Datum::Uint(asked.attempts))
        .with("waited", Datum::Duration(waited));
    match &asked.name {
        Some(name) => event.with("name", Datum::Text(name.clone())),
        None => event,
    }
}

fn about(kind: Kind, info: &MessageInfo, said: &Message<'_>) -> Event {
    let version = ["1", "2c", "?", "3"][usize::from(said.version & 3)];
    let mut event = Event::new(kind, info.packet, Some(info.flow))
        .with("src", Datum::Ip(info.from.ip()))
        .with("dst", Datum::Ip(info.to.ip()))
        .with("version", Datum::Text(version.to_owned()));
    if !said.who.is_empty() {
        event = event.with("who", Datum::Text(String::from_utf8_lossy(said.who).into_owned()));
    }
    if said.pdu.is_some() {
        event = event.with("request_id", Datum::Int(said.request_id));
    }
    if let Some(first) = &said.first {
        event = event.with("name", Datum::Text(ber::dotted(first.name)));
        if said.bindings > 1 {
            event = event.with("more", Datum::Uint(said.bindings - 1));
        }
    }
    event
}

/// A value in short.
fn text(binding: &Binding<'_>) -> String {
    use ber::tag;
    let bytes = binding.value;
    let number = || bytes.iter().fold(0u64, |n, b| n << 8 | u64::from(*b)).to_string();
    match binding.tag {
        tag::INTEGER => {
            let sign = if bytes.first().is_some_and(|b| b & 0x80 != 0) { -1 } else { 0 };
            bytes.iter().fold(sign, |n: i64, b| n << 8 | i64::from(*b)).to_string()
        }
        tag::OID => ber::dotted(bytes),
        tag::IP_ADDRESS if bytes.len() == 4 => {
            Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3]).to_string()
        }
        tag::COUNTER32 | tag::COUNTER64 | tag::UNSIGNED32 | tag::TIME_TICKS => number(),
        tag::NULL => "NULL".to_owned(),
        tag::NO_SUCH_OBJECT => "noSuchObject".to_owned(),
        tag::NO_SUCH_INSTANCE => "noSuchInstance".to_owned(),
        tag::END_OF_MIB_VIEW => "endOfMibView".to_owned(),
        tag::OCTET_STRING if bytes.iter().all(|b| matches!(b, b' '..=b'~' | b'\r' | b'\n' | b'\t')) => {
            let text: String = bytes.iter().take(MAX_TEXT).map(|b| char::from(*b)).collect();
            if bytes.len() > MAX_TEXT { format!("“{text}…”") } else { format!("“{text}”") }
        }
        _ => {
            let hex: String = bytes.iter().take(MAX_TEXT / 3).map(|b| format!("{b:02x}")).collect();
            if bytes.len() > MAX_TEXT / 3 { format!("0x{hex}…") } else { format!("0x{hex}") }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(pdu: u8, id: u8, status: u8, value: &[u8]) -> Vec<u8> {
        let mut binding = vec![0x06, 2, 0x2b, 6];
        binding.extend(value);
        let mut bytes = vec![0x02, 1, 0, 0x04, 1, b'p', 0xa0 | pdu, 13 + binding.len() as u8];
        bytes.extend([0x02, 1, id, 0x02, 1, status, 0x02, 1, 0]);
        bytes.extend([0x30, 2 + binding.len() as u8, 0x30, binding.len() as u8]);
        bytes.extend(binding);
        bytes.splice(..0, [0x30, bytes.len() as u8]);
        bytes
    }

    fn info(packet: u64, second: i64, from_manager: bool) -> MessageInfo {
        let ends = (SocketAddr::from(([192, 0, 2, 7], 40000)), SocketAddr::from(([192, 0, 2, 1], 161)));
        let (from, to) = if from_manager { ends } else { (ends.1, ends.0) };
        let time_ns = second * 1_000_000_000;
        MessageInfo { packet, time_ns, flow: 0, from, to, over_tcp: false, whole: true }
    }

    #[test]
    fn pairs_repeats_and_silence() {
        let (mut tracker, mut events) = (SnmpTracker::default(), Vec::new());
        tracker.message(&info(1, 0, true), &message(pdu::GET, 1, 0, &[5, 0]), &mut events);
        tracker.message(&info(2, 1, true), &message(pdu::GET, 1, 0, &[5, 0]), &mut events);
        tracker.message(&info(3, 2, false), &message(pdu::RESPONSE, 1, 0, &[2, 1, 0xff]), &mut events);
        assert_eq!((events[0].variant, events[1].get("attempts")), ("get", Some(&Datum::Uint(2))));
        assert_eq!(events[2].get("request_packet"), Some(&Datum::Uint(2)));
        assert_eq!(events[2].get("value"), Some(&Datum::Text("-1".into())));
        tracker.message(&info(4, 3, true), &message(pdu::SET, 2, 0, &[4, 1, b'x']), &mut events);
        tracker.message(&info(5, 4, false), &message(pdu::RESPONSE, 2, 17, &[4, 1, b'x']), &mut events);
        assert_eq!((events[3].variant, events[4].variant), ("set", "error"));
        tracker.message(&info(6, 5, true), &message(pdu::GET, 3, 0, &[5, 0]), &mut events);
        tracker.expire(10_000_000_000, &mut events);
        assert_eq!((events[6].kind, events[6].packet), (Kind::SnmpUnanswered, 6));
        tracker.message(&info(7, 11, false), &message(pdu::RESPONSE, 3, 0, &[5, 0]), &mut events);
        assert_eq!(events[7].variant, "request-not-seen");
    }
}
