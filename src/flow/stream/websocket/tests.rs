//! Conversations made of constants: whole, cut anywhere, with bytes lost, hostile.

use super::super::wire::Wire;
use super::*;
use crate::flow::http::HttpStream;

/// RFC 6455 section 1.3, with compression.
const REQUEST: &[u8] = b"GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
const RESPONSE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n";

fn frame(first: u8, payload: &[u8], key: Option<[u8; 4]>) -> Vec<u8> {
    let mut bytes = vec![first];
    let mask = if key.is_some() { 0x80 } else { 0 };
    match payload.len() {
        short @ ..126 => bytes.push(mask | short as u8),
        length => {
            bytes.push(mask | 126);
            bytes.extend((length as u16).to_be_bytes());
        }
    }
    match key {
        Some(key) => {
            bytes.extend(key);
            bytes.extend(unmask(payload, key));
        }
        None => bytes.extend(payload),
    }
    bytes
}

const KEY: Option<[u8; 4]> = Some([0x37, 0xfa, 0x21, 0x3d]);

fn open() -> Wire {
    let mut wire = Wire::new(Box::<HttpStream>::default());
    wire.client(REQUEST).server(RESPONSE);
    wire
}

fn text(event: &Event, key: &str) -> String {
    event.get(key).map_or(String::new(), ToString::to_string)
}

fn last(wire: &Wire) -> &Event {
    wire.events.last().unwrap()
}

#[test]
fn the_servers_proof() {
    assert_eq!((last(&open()).kind, last(&open()).variant), (Kind::WebsocketOpen, ""));
    let mut wire = Wire::new(Box::<HttpStream>::default());
    let wrong = String::from_utf8(RESPONSE.to_vec()).unwrap().replace("s3p", "s3q");
    wire.client(REQUEST).server(wrong.as_bytes());
    assert_eq!((last(&wire).variant, last(&wire).severity), ("wrong-accept", Severity::Error));
    let mut wire = Wire::new(Box::<HttpStream>::default());
    wire.server(RESPONSE);
    assert_eq!(last(&wire).variant, "unchecked");
}

#[test]
fn messages_pings_and_closes() {
    let mut wire = open();
    wire.client(&frame(0x81, b"Hello", KEY));
    assert_eq!((text(last(&wire), "text"), last(&wire).variant), ("Hello".into(), ""));
    assert_eq!(wire.application, Some("websocket"));
    // In three fragments, with a ping between them.
    wire.server(&frame(0x01, b"Hel", None)).server(&frame(0x89, b"?", None));
    wire.server(&frame(0x00, b"l", None)).server(&frame(0x80, b"o", None));
    assert_eq!((text(last(&wire), "text"), text(last(&wire), "fragments")), ("Hello".into(), "3".into()));
    assert!(wire.units().any(|unit| *unit == Unit::Websocket(Part::Message(1))));
    wire.client(&frame(0x8a, b"?", KEY));
    assert_eq!((last(&wire).variant, text(last(&wire), "request_packet")), ("pong", "5".into()));
    wire.client(&frame(0x88, b"\x03\xe8bye", KEY)).server(&frame(0x88, b"\x03\xe8", None));
    assert_eq!((last(&wire).variant, text(last(&wire), "meaning")), ("answer", "Normal Closure".into()));
    assert!(wire.events.iter().all(|event| event.kind != Kind::Malformed));
}

#[test]
fn compressed_messages_build_on_each_other() {
    // RFC 7692 section 7.2.3.2.
    let mut wire = open();
    wire.client(&frame(0xc1, &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00], KEY));
    wire.client(&frame(0xc1, &[0xf2, 0x00, 0x11, 0x00, 0x00], KEY));
    assert_eq!((text(last(&wire), "text"), text(last(&wire), "sent")), ("Hello".into(), "5".into()));
    assert!(wire.units().any(|unit| *unit == Unit::Websocket(Part::Inflated(1))));
    // A message was lost: what builds on it cannot be read.
    wire.reader.lost(true, 13);
    wire.client(&frame(0xc1, &[0xf2, 0x00, 0x11, 0x00, 0x00], KEY));
    assert_eq!(last(&wire).variant, "unreadable");
}

#[test]
fn cut_anywhere_the_story_is_the_same() {
    let mut stream = Vec::new();
    for bytes in [frame(0x81, &[b'a'; 300], KEY), frame(0x82, b"", KEY), frame(0x89, b"xy", KEY)] {
        stream.extend(bytes);
    }
    let story = |wire: &Wire| wire.events[3..].iter().map(|e| (e.kind, text(e, "len"))).collect::<Vec<_>>();
    let mut whole = open();
    whole.client(&stream);
    for size in [1, 2, 3, 7, 100] {
        let mut wire = open();
        stream.chunks(size).for_each(|part| {
            wire.client(part);
        });
        assert_eq!(story(&wire), story(&whole), "{size}");
    }
}

#[test]
fn hostile_frames() {
    // Longer than anything: 2^63 and more is no frame, less is passed by.
    let mut wire = open();
    wire.client(&[0x82, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]);
    let mut wire = open();
    wire.client(&[0x82, 0xff, 0x7f, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6]).client(&[0; 100]);
    // Fragments without end, control frames that are too long, a message without a beginning.
    let mut wire = open();
    wire.client(&frame(0x01, &[b'x'; 60_000], KEY));
    for _ in 0..10 {
        wire.client(&frame(0x00, &[b'x'; 60_000], KEY));
    }
    wire.client(&frame(0x80, b"", KEY));
    assert_eq!((text(last(&wire), "len"), last(&wire).get("text")), ("660000".into(), None));
    wire.client(&frame(0x80, b"x", KEY)).client(&frame(0x88, &[3; 3000], KEY));
    for _ in 0..100 {
        wire.client(&frame(0x89, b"x", KEY));
    }
    // Who masks, and who does not.
    let mut wire = open();
    wire.client(&frame(0x81, b"x", None)).server(&frame(0x81, b"x", KEY));
    let told: Vec<_> = wire.events.iter().filter(|e| e.kind == Kind::Malformed).map(|e| e.variant).collect();
    assert_eq!(told, ["websocket-unmasked", "websocket-masked"]);
}

#[test]
fn behind_a_gap_a_whole_frame_is_found() {
    let mut wire = open();
    wire.reader.lost(false, 1000);
    wire.server(&[0x11; 20]).server(&frame(0x81, b"again", None));
    assert_eq!(text(last(&wire), "text"), "again");
}
