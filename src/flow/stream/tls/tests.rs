//! Connections by hand and from bundled captures, with keys, without, and with wrong ones.

use super::*;
use crate::capture::{self, Source};
use crate::decode;
use crate::flow::stream::wire::Wire;
use crate::flow::{Kind, Outcome, Tracker};

/// All events of a bundled capture; `keys` changes its secrets.
fn told(name: &str, keys: impl Fn(&str) -> String) -> Vec<Event> {
    let mut source = capture::open(&format!("@{name}")).unwrap();
    let secrets = source.secrets();
    let (mut tracker, mut outcome) =
        (Tracker::default(), Outcome { wants_context: true, ..Outcome::default() });
    let mut events = Vec::new();
    while let Some(frame) = source.next().unwrap() {
        for text in secrets.take() {
            tracker.add_secrets(keys(std::str::from_utf8(&text).unwrap()).as_bytes());
        }
        tracker.process(&frame, &decode::decode(&frame), &mut outcome);
        events.append(&mut outcome.events);
    }
    tracker.finish(&mut outcome);
    events.append(&mut outcome.events);
    events
}

fn as_they_are(text: &str) -> String {
    text.to_owned()
}

fn requests(events: &[Event]) -> Vec<(u64, String)> {
    let inside = events.iter().filter(|e| e.kind == Kind::HttpRequest && e.get("decrypted").is_some());
    inside.map(|e| (e.packet, e.get("uri").unwrap().to_string())).collect()
}

fn of(events: &[Event], kind: Kind) -> Vec<(u64, &'static str)> {
    events.iter().filter(|e| e.kind == kind).map(|e| (e.packet, e.variant)).collect()
}

/// The same requests in the same packets as tshark finds: it reads the same secrets by itself.
#[test]
fn with_keys_the_requests_inside_are_told() {
    let uris = |name| requests(&told(name, as_they_are)).into_iter().map(|(n, _)| n).collect::<Vec<_>>();
    assert_eq!(uris("tls12"), [11, 14, 31, 46, 64, 81]);
    assert_eq!(uris("tls13"), [19, 39, 59, 72, 96]);
    assert_eq!(requests(&told("tls12", as_they_are))[1].1, "/login?user=alice&password=not-a-secret");
}

#[test]
fn without_keys_nothing_is_told_of_what_is_inside() {
    for name in ["tls12", "tls13", "browser-visit", "tls-bad-cert"] {
        let events = told(name, |_| String::new());
        assert!(events.iter().all(|e| e.get("decrypted").is_none()), "{name}");
        assert!(events.iter().any(|e| e.variant.starts_with("hidden")), "{name}");
        assert!(of(&events, Kind::TlsNotAuthentic).is_empty(), "{name}");
    }
}

/// A secret with one bit changed opens nothing, and says so.
#[test]
fn wrong_keys_show_nothing() {
    for name in ["tls12", "tls13"] {
        let events = told(name, |text| {
            let lines = text.lines().map(|line| match line.strip_suffix('0') {
                Some(rest) => format!("{rest}1"),
                None => format!("{}0", &line[..line.len() - 1]),
            });
            lines.collect::<Vec<_>>().join("\n")
        });
        assert!(events.iter().all(|e| e.get("decrypted").is_none()), "{name}");
        assert!(!of(&events, Kind::TlsNotAuthentic).is_empty(), "{name}");
    }
}

/// What was changed on its way is not shown, although what surrounds it is.
#[test]
fn a_record_that_was_changed_is_not_shown() {
    let events = told("tls-bad-cert", as_they_are);
    let changed = of(&events, Kind::TlsNotAuthentic);
    assert_eq!(changed.iter().map(|(n, _)| *n).collect::<Vec<_>>(), [81, 101]);
    let alerts = of(&events, Kind::TlsAlert);
    assert!(alerts.contains(&(83, "bad-record-mac")) && alerts.contains(&(103, "bad-record-mac")));
}

#[test]
fn certificates_are_held_against_the_time_and_the_name() {
    let events = told("tls-bad-cert", |_| String::new());
    let variants: Vec<_> = of(&events, Kind::TlsCertificate).into_iter().map(|(_, v)| v).collect();
    assert!(variants.contains(&"expired") && variants.contains(&"other-name"), "{variants:?}");
    assert!(variants.contains(&"self-signed"), "{variants:?}");
}

#[test]
fn resumption_and_round_trips() {
    let events = told("tls13", as_they_are);
    let hellos = of(&events, Kind::TlsServerHello);
    assert_eq!(hellos[..4], [(16, "tls13"), (36, "tls13"), (56, "tls13-resumed"), (74, "tls13-resumed")]);
    assert_eq!(of(&events, Kind::TlsHelloRetry), [(90, "")]);
    let data: Vec<_> = events
        .iter()
        .filter(|e| e.kind == Kind::TlsData && e.get("round_trips").is_some())
        .map(|e| (e.packet, e.get("round_trips").unwrap().to_string()))
        .collect();
    let expected = [(19, "1"), (39, "1"), (59, "1"), (72, "0"), (96, "2")].map(|(n, r)| (n, r.to_owned()));
    assert_eq!(data, expected);
}

/// ClientHello in a record of its own, naming no host.
fn hello() -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0, 2, 0xc0, 0x2f, 1, 0]);
    message(1, &body)
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u32).to_be_bytes();
    [&[kind], &length[1..], body].concat()
}

fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u16).to_be_bytes();
    [&[kind, 3, 3], &length[..], body].concat()
}

fn server_flight() -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([8; 32]);
    body.extend([0, 0xc0, 0x2f, 0]);
    [message(2, &body), message(11, &[0, 0, 0]), message(14, &[])].concat()
}

fn kinds(wire: &Wire) -> Vec<Kind> {
    wire.events.iter().map(|e| e.kind).collect()
}

#[test]
fn however_records_and_segments_are_cut_the_same_is_told() {
    let flight = server_flight();
    let whole = [Kind::TlsClientHello, Kind::TlsServerHello, Kind::TlsCertificate];
    for size in [1, 2, 3, 5, 40, 64, 1000] {
        // The server's messages in records of this size, the bytes of both sides in segments of it.
        let records: Vec<u8> = flight.chunks(size).flat_map(|part| record(22, part)).collect();
        let mut wire = Wire::new(reader());
        record(22, &hello()).chunks(size).for_each(|part| _ = wire.client(part));
        records.chunks(size).for_each(|part| _ = wire.server(part));
        assert_eq!(kinds(&wire), whole, "{size}");
    }
}

#[test]
fn lost_bytes_and_garbage_end_nothing_but_reading() {
    let mut wire = Wire::new(reader());
    wire.client(&record(22, &hello()));
    wire.reader.lost(false, 100);
    wire.server(b"in the middle of something");
    // A segment that is one record: reading goes on.
    wire.server(&record(21, &[2, 40]));
    assert_eq!(wire.events.last().map(|e| e.variant), Some("handshake-failure"));
    wire.client(&[0xff; 300]).client(&record(23, &[1; 30]));
}

#[test]
fn a_capture_that_begins_within_a_connection() {
    assert_eq!(probe(&record(23, &[9; 40]), true), Certainty::Yes);
    assert_eq!(probe(&record(23, &[9; 40])[..30], true), Certainty::Undecided);
    assert_eq!(probe(b"GET / HTTP/1.1\r\n", true), Certainty::No);
    assert_eq!(probe(&[22, 3, 9, 0, 5, 1], true), Certainty::No);
    assert_eq!(probe(&record(22, &hello()), true), Certainty::Yes);
    let mut wire = Wire::new(reader());
    wire.client(&record(23, &[9; 40]));
    assert_eq!(wire.events.last().map(|e| (e.kind, e.variant)), Some((Kind::TlsData, "mid-connection")));
}
