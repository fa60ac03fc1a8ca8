//! Conversations made of constants: whole, cut anywhere, begun late, with bytes lost, hostile.

use super::super::wire::Wire;
use super::*;

/// A frame.
fn frame(kind: u8, flags: u8, stream: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = (body.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(body);
    bytes
}

/// GET, http, /, and `:authority: www.example.com`, which becomes entry 62 (RFC 7541 appendix C.3.1).
const REQUEST: &[u8] = b"\x82\x86\x84\x41\x0fwww.example.com";
/// The same, by numbers alone.
const REQUEST_AGAIN: &[u8] = b"\x82\x86\x84\xbe";
/// 200, and a content type that becomes entry 62.
const RESPONSE: &[u8] = b"\x88\x5f\x0atext/plain";

fn client() -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(frame(kind::SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 10]));
    bytes.extend(frame(kind::HEADERS, 0x05, 1, REQUEST));
    bytes.extend(frame(kind::HEADERS, 0x05, 3, REQUEST_AGAIN));
    bytes
}

fn server() -> Vec<u8> {
    let mut bytes = frame(kind::SETTINGS, 0, 0, &[]);
    bytes.extend(frame(kind::SETTINGS, 1, 0, &[]));
    bytes.extend(frame(kind::HEADERS, 0x04, 3, RESPONSE));
    bytes.extend(frame(kind::DATA, 0, 3, b"0123456789"));
    bytes.extend(frame(kind::HEADERS, 0x04, 1, b"\x8d\xbe"));
    bytes.extend(frame(kind::DATA, 1, 1, b"no"));
    bytes
}

fn wire() -> Wire {
    Wire::new(reader())
}

fn told(wire: &Wire) -> Vec<(&'static str, &'static str)> {
    wire.events.iter().map(|e| (e.kind.name(), e.variant)).collect()
}

fn text(event: &Event, key: &str) -> String {
    event.get(key).map_or(String::new(), ToString::to_string)
}

const STORY: &[(&str, &str)] = &[
    ("http2.preface", ""),
    ("http2.settings", ""),
    ("http.request", "http2"),
    ("http.request", "http2"),
    ("http2.settings", "defaults"),
    ("http2.settings", "ack"),
    ("http.response", "http2"),
    ("http2.window-exhausted", ""),
    ("http.response", "http2"),
];

#[test]
fn two_streams_answered_out_of_order() {
    let mut wire = wire();
    wire.client(&client()).server(&server());
    assert_eq!(told(&wire), STORY);
    assert_eq!(wire.application, Some("http2"));
    assert_eq!(text(&wire.events[3], "open"), "1");
    assert_eq!(text(&wire.events[3], "host"), "www.example.com");
    let answers: Vec<_> = wire.events.iter().filter(|e| e.kind == Kind::HttpResponse).collect();
    assert_eq!((text(answers[0], "stream_id"), text(answers[0], "code")), ("3".into(), "200".into()));
    assert_eq!((text(answers[1], "stream_id"), text(answers[1], "code")), ("1".into(), "404".into()));
    assert_eq!(text(answers[1], "content_type"), "text/plain");
    // The window of stream 3 is filled again.
    wire.client(&frame(kind::WINDOW_UPDATE, 0, 3, &[0, 0, 0, 5]));
    let update = wire.events.last().unwrap();
    assert_eq!((update.kind, text(update, "first_packet")), (Kind::Http2WindowUpdate, "2".into()));
}

#[test]
fn cut_anywhere_the_story_is_the_same() {
    let (client, server) = (client(), server());
    for size in [1, 2, 5, 9, 10, 23, 24, 25, 40] {
        let mut wire = wire();
        for part in client.chunks(size) {
            wire.client(part);
        }
        for part in server.chunks(size) {
            wire.server(part);
        }
        assert_eq!(told(&wire), STORY, "{size}");
    }
}

#[test]
fn begun_late_nothing_is_guessed() {
    assert_eq!(probe(&frame(kind::HEADERS, 0x05, 7, REQUEST_AGAIN), true), Certainty::Yes);
    let mut wire = wire();
    wire.client(&frame(kind::HEADERS, 0x05, 7, REQUEST_AGAIN));
    assert_eq!(told(&wire), [("http.request", "http2")]);
    assert_eq!(wire.events[0].get("host"), None);
    wire.server(&frame(kind::HEADERS, 0x05, 7, b"\xc0"));
    assert_eq!(told(&wire)[1..], [("http.response", "http2-unknown")]);
    // What is sent from now on is known.
    wire.client(&frame(kind::HEADERS, 0x05, 9, REQUEST)).client(&frame(
        kind::HEADERS,
        0x05,
        11,
        REQUEST_AGAIN,
    ));
    assert_eq!(text(wire.events.last().unwrap(), "host"), "www.example.com");
}

#[test]
fn lost_bytes_make_the_table_unknown() {
    let mut wire = wire();
    wire.client(&client());
    wire.reader.lost(true, 100);
    wire.client(&frame(kind::HEADERS, 0x05, 5, REQUEST_AGAIN));
    let last = wire.events.last().unwrap();
    assert_eq!((last.kind, text(last, "host")), (Kind::HttpRequest, String::new()));
    // Lost within the data of a frame, nothing of the table is.
    let mut wire = Wire::new(reader());
    wire.client(&client()).server(&server());
    wire.server(&frame(kind::DATA, 0, 1, &[0; 100])[..20]);
    wire.reader.lost(false, 89);
    wire.server(&frame(kind::HEADERS, 0x04, 1, b"\x88\xbe"));
    assert_eq!(text(wire.events.last().unwrap(), "content_type"), "text/plain");
}

#[test]
fn a_block_in_several_frames_is_put_together() {
    let mut wire = wire();
    wire.client(MAGIC)
        .client(&frame(kind::HEADERS, 0x01, 1, &REQUEST[..5]))
        .client(&frame(kind::CONTINUATION, 0, 1, &REQUEST[5..9]))
        .client(&frame(kind::CONTINUATION, 0x04, 1, &REQUEST[9..]));
    assert_eq!(text(&wire.events[1], "host"), "www.example.com");
    assert!(wire.units().any(|unit| matches!(unit, Unit::Http2(Part::Block(_)))));
}

#[test]
fn an_endless_block_is_given_up() {
    let mut wire = wire();
    wire.client(MAGIC).client(&frame(kind::HEADERS, 0x01, 1, &REQUEST[..5]));
    let more = frame(kind::CONTINUATION, 0, 1, &[0; 16_000]);
    for _ in 0..40 {
        wire.client(&more);
    }
    // A frame of another kind within a block.
    wire.client(&frame(kind::HEADERS, 0x01, 3, &REQUEST[..5])).client(&frame(kind::PING, 0, 0, &[7; 8]));
    assert_eq!(wire.events.last().unwrap().kind, Kind::Http2Ping);
}

#[test]
fn hostile_frames() {
    let mut wire = wire();
    wire.client(MAGIC).client(&frame(kind::HEADERS, 0x05, 1, b"\xff\xff\xff\xff\xff\xff\xff"));
    assert_eq!(told(&wire)[1..], [("malformed", "http2-compression")]);
    wire.client(&frame(kind::RST_STREAM, 0, 1, &[0]));
    assert_eq!(wire.events.last().unwrap().variant, "http2-frame");
    // More streams than are remembered, and a body that is longer than what is put together.
    for stream in 0..3000u32 {
        wire.client(&frame(kind::HEADERS, 0x04, 2 * stream + 1, REQUEST));
    }
    let body = vec![0; 300 * 1024];
    wire.client(&frame(kind::DATA, 0x01, 5999, &body)[..200_000]);
    wire.client(&frame(kind::DATA, 0x01, 5999, &body)[200_000..]);
    wire.client(&frame(kind::HEADERS, 0x04, 6001, REQUEST));
    assert_eq!(text(wire.events.last().unwrap(), "stream_id"), "6001");
    // Bytes of any kind.
    for seed in 0..64u32 {
        let mut wire = Wire::new(reader());
        let noise: Vec<u8> = (0..400u32)
            .map(|i| (i.wrapping_mul(seed * 2 + 1).wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect();
        wire.client(&noise).server(&noise);
    }
}

#[test]
fn pings_promises_and_ends() {
    let mut wire = wire();
    wire.client(&client()).client(&frame(kind::PING, 0, 0, b"12345678"));
    wire.server(&frame(kind::PING, 1, 0, b"12345678"));
    assert_eq!(text(wire.events.last().unwrap(), "request_packet"), "2");
    let mut promise = vec![0, 0, 0, 2];
    promise.extend(REQUEST);
    wire.server(&frame(kind::PUSH_PROMISE, 0x04, 1, &promise));
    wire.server(&frame(kind::HEADERS, 0x05, 2, RESPONSE));
    assert_eq!(wire.events.last().unwrap().variant, "http2-pushed");
    wire.client(&frame(kind::RST_STREAM, 0, 3, &[0, 0, 0, 8]));
    assert_eq!(text(wire.events.last().unwrap(), "error"), "CANCEL");
    wire.server(&frame(kind::GOAWAY, 0, 0, b"\0\0\0\x03\0\0\0\x0bcalm"));
    let last = wire.events.last().unwrap();
    assert_eq!((last.variant, text(last, "debug")), ("error", "calm".into()));
}

#[test]
fn the_request_that_asked_for_the_upgrade_is_stream_1() {
    let mut wire = Wire::new(reader_after_upgrade(4, 0, "GET", "/old"));
    wire.server(&frame(kind::SETTINGS, 0, 0, &[])).client(MAGIC).server(&frame(
        kind::HEADERS,
        0x05,
        1,
        RESPONSE,
    ));
    let last = wire.events.last().unwrap();
    assert_eq!((text(last, "request_packet"), text(last, "uri")), ("4".into(), "/old".into()));
}

#[test]
fn what_is_no_http2() {
    for first in [
        &b"GET / HTTP/1.1\r\n"[..],
        b"SSH-2.0-x\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
        &[0; 40],
        // Modbus: transaction 0, protocol 0, 3 bytes for unit 255, an exception.
        b"\x00\x00\x00\x00\x00\x03\xff\xab\x04",
    ] {
        assert_eq!(probe(first, true), Certainty::No);
        assert_eq!(probe(first, false), Certainty::No);
    }
    assert_eq!(probe(b"PRI * H", true), Certainty::Undecided);
    assert_eq!(probe(MAGIC, true), Certainty::Yes);
}
