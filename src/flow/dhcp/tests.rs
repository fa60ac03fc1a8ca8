//! What is said of exchanges: four messages, two servers, silence, relays.

use std::net::SocketAddr;

use super::*;
use crate::flow::event::Event;

const SECOND: i64 = 1_000_000_000;
const CLIENT: [u8; 4] = [192, 0, 2, 7];

/// A message of the client 02:00:00:00:00:09.
fn message(reply: bool, ciaddr: [u8; 4], giaddr: [u8; 4], options: &[u8]) -> Vec<u8> {
    let mut bytes = vec![if reply { 2 } else { 1 }, 1, 6, 0, 0, 0, 0, 77, 0, 0, 0, 0];
    bytes.extend(ciaddr);
    bytes.extend(if reply { CLIENT } else { [0; 4] });
    bytes.extend([0; 4]);
    bytes.extend(giaddr);
    bytes.extend([2, 0, 0, 0, 0, 9]);
    bytes.resize(236, 0);
    bytes.extend([99, 130, 83, 99]);
    bytes.extend(options);
    bytes.push(255);
    bytes
}

struct Story {
    tracker: DhcpTracker,
    events: Vec<Event>,
    packet: u64,
}

impl Story {
    fn new() -> Story {
        Story { tracker: DhcpTracker::default(), events: Vec::new(), packet: 0 }
    }

    fn say(&mut self, second: i64, to: &str, bytes: &[u8]) -> &Event {
        self.packet += 1;
        let time_ns = second * SECOND;
        let to: SocketAddr = to.parse().unwrap();
        let from = SocketAddr::from(([192, 0, 2, 1], 67));
        let info =
            MessageInfo { packet: self.packet, time_ns, flow: 0, from, to, over_tcp: false, whole: true };
        self.tracker.expire(time_ns, &mut self.events);
        self.tracker.message(&info, bytes, &mut self.events);
        self.events.last().unwrap()
    }
}

const ALL: &str = "255.255.255.255:67";
const HOST: &str = "192.0.2.7:68";
const NOBODY: [u8; 4] = [0; 4];
const DISCOVER: &[u8] = &[53, 1, 1];
const OFFER: &[u8] = &[53, 1, 2, 54, 4, 192, 0, 2, 1, 51, 4, 0, 0, 0, 60];
const OTHER_OFFER: &[u8] = &[53, 1, 2, 54, 4, 192, 0, 2, 2];
const REQUEST: &[u8] = &[53, 1, 3, 50, 4, 192, 0, 2, 7, 54, 4, 192, 0, 2, 1];
const ACK: &[u8] = &[53, 1, 5, 54, 4, 192, 0, 2, 1, 51, 4, 0, 0, 0, 60];

#[test]
fn four_messages_and_an_offer_not_taken() {
    let mut s = Story::new();
    s.say(0, ALL, &message(false, NOBODY, NOBODY, DISCOVER));
    s.say(1, HOST, &message(true, NOBODY, NOBODY, OFFER));
    assert_eq!(s.say(1, HOST, &message(true, NOBODY, NOBODY, OTHER_OFFER)).variant, "another");
    let request = s.say(2, ALL, &message(false, NOBODY, NOBODY, REQUEST));
    assert_eq!((request.variant, request.get("offer_packet")), ("selecting", Some(&Datum::Uint(2))));
    assert_eq!(request.get("not_taken"), Some(&Datum::Frames(vec![3])));
    let ack = s.say(3, HOST, &message(true, NOBODY, NOBODY, ACK));
    assert_eq!((ack.variant, ack.get("took")), ("", Some(&Datum::Duration(3 * SECOND))));
    assert_eq!(ack.get("frames"), Some(&Datum::Frames(vec![1, 2, 3, 4, 5])));
    assert_eq!(ack.get("lease"), Some(&Datum::Duration(60 * SECOND)));
    // Under the same number, and then again to all: the lease is known.
    let renewing = s.say(30, "192.0.2.1:67", &message(false, CLIENT, NOBODY, &[53, 1, 3]));
    assert_eq!((renewing.variant, renewing.get("held")), ("renewing", Some(&Datum::Duration(27 * SECOND))));
    assert_eq!(s.say(31, HOST, &message(true, CLIENT, NOBODY, ACK)).variant, "renewed");
    assert_eq!(s.say(50, ALL, &message(false, CLIENT, NOBODY, &[53, 1, 3])).variant, "rebinding");
    assert_eq!(s.say(51, HOST, &message(true, CLIENT, NOBODY, &[53, 1, 6])).kind, Kind::DhcpNak);
    s.tracker.finish(&mut s.events);
    assert!(s.events.iter().all(|e| e.kind != Kind::DhcpUnanswered));
}

#[test]
fn silence_is_told_once_and_not_before_time() {
    let mut s = Story::new();
    s.say(0, ALL, &message(false, NOBODY, NOBODY, DISCOVER));
    let again = s.say(4, ALL, &message(false, NOBODY, NOBODY, DISCOVER));
    assert_eq!((again.variant, again.get("attempts")), ("retry", Some(&Datum::Uint(2))));
    s.events.clear();
    s.tracker.expire(13 * SECOND, &mut s.events);
    assert!(s.events.is_empty());
    s.tracker.expire(14 * SECOND, &mut s.events);
    s.tracker.finish(&mut s.events);
    let told: Vec<_> = s.events.iter().map(|e| (e.kind, e.variant, e.packet)).collect();
    assert_eq!(told, [(Kind::DhcpUnanswered, "discover", 2)]);
}

#[test]
fn a_relay_s_copies_are_no_attempts() {
    let relay = [192, 0, 2, 254];
    let mut s = Story::new();
    s.say(0, ALL, &message(false, NOBODY, NOBODY, DISCOVER));
    assert_eq!(s.say(0, "198.51.100.1:67", &message(false, NOBODY, relay, DISCOVER)).variant, "relayed");
    assert_eq!(s.say(1, "192.0.2.254:67", &message(true, NOBODY, relay, OFFER)).variant, "");
    assert_eq!(s.say(1, HOST, &message(true, NOBODY, relay, OFFER)).variant, "relayed");
    s.tracker.finish(&mut s.events);
    assert_eq!(s.events.last().unwrap().variant, "offer", "which nobody took");
}

#[test]
fn answers_without_questions_are_told_as_such() {
    let mut s = Story::new();
    assert_eq!(s.say(0, HOST, &message(true, NOBODY, NOBODY, OFFER)).variant, "discover-not-seen");
    assert_eq!(s.say(0, HOST, &message(true, NOBODY, NOBODY, ACK)).variant, "request-not-seen");
    assert_eq!(s.say(0, HOST, &message(true, NOBODY, NOBODY, &[])).variant, "bootp-reply");
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut s = Story::new();
    let mut bytes = message(false, NOBODY, NOBODY, DISCOVER);
    for id in 0..(MAX_EXCHANGES as u32 + 50) {
        bytes[4..8].copy_from_slice(&id.to_be_bytes());
        s.say(0, ALL, &bytes);
    }
    assert!(s.tracker.exchanges.len() <= MAX_EXCHANGES);
    assert_eq!(s.events.iter().filter(|e| e.kind == Kind::MemoryLimit).count(), 1);
}
