//! Conversations fed whole, in pieces, with gaps, and as garbage.

use proptest::prelude::*;

use super::*;
use crate::flow::Severity;
use crate::flow::stream::wire::{SECOND, Wire};

mod bodies;

fn new() -> Wire {
    Wire::new(Box::new(HttpStream::new()))
}

fn stream(wire: &Wire) -> &HttpStream {
    (&*wire.reader as &dyn std::any::Any).downcast_ref().unwrap()
}

impl Wire {
    /// Kind, variant and one telling value of each event.
    fn told(&self) -> Vec<String> {
        let value = |e: &Event, key: &str| e.get(key).map_or_else(|| "-".to_owned(), Datum::to_string);
        self.events
            .iter()
            .filter(|e| e.kind != Kind::HttpBody)
            .map(|e| match e.kind {
                Kind::HttpRequest => {
                    format!("{} {} {}", value(e, "number"), value(e, "method"), value(e, "uri"))
                }
                Kind::HttpResponse => format!("{} {} {}", value(e, "number"), value(e, "code"), e.variant),
                _ => format!("{} {}", e.variant, value(e, "missing")),
            })
            .collect()
    }

    fn has(&self, what: fn(&PieceKind) -> bool) -> bool {
        self.kinds.iter().any(what)
    }
}

/// Events without the packet and time that depend on how bytes are cut into segments.
fn substance(events: &[Event]) -> Vec<Event> {
    let mut events = events.to_vec();
    for event in &mut events {
        event.packet = 0;
        event.data.retain(|(key, _)| {
            !matches!(*key, "after" | "request_packet" | "head_packet" | "packets" | "frames")
        });
    }
    events
}

const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/plain\r\n\r\n\
    5\r\nhello\r\n00C;name=\"value\"\r\n, chunked wo\r\n1 \nr\n0\r\nTrailer: x\r\n\r\n\
    HTTP/1.1 204 No Content\r\n\r\n";

#[test]
fn a_request_and_its_response() {
    let mut wire = new();
    wire.client(b"GET /a HTTP/1.1\r\nHost: example.com\r\n\r\n");
    wire.server(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: text/html\r\n\r\nhel").server(b"lo");
    assert_eq!(wire.told(), ["1 GET /a", "1 200 "]);
    let [request, response, body] = &wire.events[..] else { panic!() };
    assert_eq!((body.kind, body.get("packets")), (Kind::HttpBody, Some(&Datum::Uint(2))));
    assert_eq!((request.packet, request.flow), (1, Some(7)));
    assert_eq!(request.get("host"), Some(&Datum::Text("example.com".into())));
    assert_eq!(response.get("request_packet"), Some(&Datum::Uint(1)));
    assert_eq!(response.get("after"), Some(&Datum::Duration(SECOND)));
    assert_eq!(response.get("content_length"), Some(&Datum::Uint(5)));
    assert!(matches!(
        wire.kinds[..],
        [
            PieceKind::Unit(Unit::HttpHead(_)),
            PieceKind::Unit(Unit::HttpHead(_)),
            PieceKind::Unit(Unit::HttpBody),
            PieceKind::Unit(Unit::HttpBody),
            PieceKind::Assembled { unit: Unit::HttpContent(_), .. }
        ]
    ));
}

#[test]
fn response_time_counts_from_the_last_byte_of_the_request() {
    let mut wire = new();
    wire.client(b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nab").client(b"cd");
    wire.server(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(wire.told(), ["1 POST /", "1 100 interim", "1 201 "]);
    assert_eq!(wire.events[2].get("after"), Some(&Datum::Duration(SECOND)));
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let mut wire = new();
    wire.client(b"GET /1 HTTP/1.1\r\n\r\nHEAD /2 HTTP/1.1\r\n\r\nGET /3 HTTP/1.1\r\n\r\n");
    wire.server(
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n\
          HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
    );
    let told = ["1 GET /1", "2 HEAD /2", "3 GET /3", "1 200 ", "2 200 ", "3 404 client-error"];
    assert_eq!(wire.told(), told);
    let waiting: Vec<_> = wire.events[..3].iter().map(|e| e.get("pipelined").cloned()).collect();
    assert_eq!(waiting, [0, 1, 2].map(|n| Some(Datum::Uint(n))));
    assert_eq!(wire.events[4].get("method"), Some(&Datum::Text("HEAD".into())));
}

#[test]
fn chunks_cut_anywhere_tell_the_same() {
    let request = b"GET / HTTP/1.1\r\n\r\nDELETE / HTTP/1.1\r\n\r\n";
    let mut whole = new();
    whole.client(request).server(CHUNKED);
    assert_eq!(whole.told(), ["1 GET /", "2 DELETE /", "1 200 ", "2 204 "]);
    assert!(!whole.has(|k| matches!(k, PieceKind::Unit(Unit::Opaque))));
    for cut in 1..CHUNKED.len() {
        let mut wire = new();
        wire.client(request).server(&CHUNKED[..cut]).server(&CHUNKED[cut..]);
        assert_eq!(substance(&wire.events), substance(&whole.events), "cut at {cut}");
        assert!(!wire.has(|k| matches!(k, PieceKind::Unit(Unit::Opaque))), "cut at {cut}");
    }
    let mut drip = new();
    drip.client(request);
    for byte in CHUNKED.chunks(1) {
        drip.server(byte);
    }
    assert_eq!(substance(&drip.events), substance(&whole.events));
}

#[test]
fn a_head_of_which_the_rest_was_not_captured_is_shown_as_far_as_it_goes() {
    let mut wire = new();
    wire.send_cut(true, b"GET /a HTTP/1.1\r\nHost: exam", 100);
    assert!(matches!(wire.kinds[..], [PieceKind::Unit(Unit::HttpHead(None))]), "{:?}", wire.kinds);
    assert_eq!(wire.told(), [""; 0], "what it asks for in all is not known");
}

#[test]
fn a_head_cut_anywhere_is_put_together() {
    let request = b"POST /form HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n";
    for cut in 1..request.len() {
        let mut wire = new();
        wire.client(&request[..cut]).client(&[&request[cut..], b"xyz"].concat());
        assert_eq!(wire.told(), ["1 POST /form"], "cut at {cut}");
        assert_eq!(wire.events[0].packet, 2, "the packet that completes it");
        let [
            PieceKind::Segment { began: 1 },
            PieceKind::Segment { began: 1 },
            PieceKind::Assembled { unit: Unit::HttpHead(_), bytes, frames },
            PieceKind::Unit(Unit::HttpBody),
        ] = &wire.kinds[..]
        else {
            panic!("cut at {cut}: {:?}", wire.kinds)
        };
        assert_eq!((&bytes[..], &frames[..]), (&request[..], &[1, 2][..]));
    }
}

#[test]
fn bytes_that_waited_make_no_pieces() {
    let mut wire = new();
    assert!(wire.waited(true, b"GET / HTTP/1.1\r\n\r\nGET /b HT").is_empty());
    wire.client(b"TP/1.1\r\n\r\n");
    assert_eq!(wire.told(), ["1 GET /", "2 GET /b"]);
    let [PieceKind::Segment { .. }, PieceKind::Assembled { bytes, .. }] = &wire.kinds[..] else { panic!() };
    assert!(bytes.starts_with(b"GET /b"));
}

#[test]
fn a_body_until_close_is_complete_then() {
    let mut wire = new();
    wire.client(b"GET / HTTP/1.0\r\n\r\n").server(b"HTTP/1.0 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n");
    wire.server(b"more").end(false);
    assert_eq!(wire.told(), ["1 GET /", "1 200 "]);
    assert_eq!(wire.events[1].get("until_close"), Some(&Datum::Flag(true)));
}

#[test]
fn a_message_that_ends_early_is_incomplete() {
    let mut wire = new();
    wire.client(b"GET / HTTP/1.1\r\n\r\n").server(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1234");
    wire.end(false);
    assert_eq!(wire.told(), ["1 GET /", "1 200 ", "http-incomplete 5"]);
}

#[test]
fn a_head_that_ends_early_is_incomplete_unless_it_is_one_line_of_old() {
    for (head, told) in [(&b"GET / HTTP/1.1\r\nHost: a\r\n"[..], 1), (b"GET /\r\n", 0), (b"GE", 0)] {
        let mut wire = new();
        wire.client(head).end(true);
        assert_eq!(wire.events.len(), told, "{}", head.escape_ascii());
    }
}

#[test]
fn behind_an_upgrade_bytes_are_not_http() {
    let mut wire = new();
    wire.client(b"GET /chat HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: strange\r\n\r\n");
    wire.server(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: strange\r\n\r\nHTTP/1.1 200 OK\r\n\r\n");
    wire.client(b"GET / HTTP/1.1\r\n\r\n");
    assert_eq!(wire.events.len(), 2);
    assert_eq!(wire.events[1].variant, "switching");
    assert!(matches!(wire.kinds[2..], [PieceKind::Unit(Unit::Opaque), PieceKind::Unit(Unit::Opaque)]));
}

#[test]
fn in_a_tunnel_whoever_knows_what_begins_there_reads_on() {
    let mut wire = new();
    wire.client(b"CONNECT a:443 HTTP/1.1\r\n\r\n");
    wire.server(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    assert_eq!(wire.events[1].variant, "tunnel");
    wire.client(b"\x01\x02").server(b"\x03");
    assert!(matches!(wire.kinds[2..], [PieceKind::Unit(Unit::Opaque), PieceKind::Unit(Unit::Opaque)]));
    wire.client(b"GET / HTTP/1.1\r\n\r\n").server(b"HTTP/1.1 204 No Content\r\n\r\n");
    assert_eq!(wire.told()[2..], ["1 GET /", "1 204 "]);
}

#[test]
fn a_gap_within_a_body_of_known_length_is_counted() {
    let mut wire = new();
    wire.client(b"GET / HTTP/1.1\r\n\r\n").server(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n12345");
    wire.reader.lost(false, 90);
    wire.server(b"67890").client(b"GET /b HTTP/1.1\r\n\r\n");
    wire.server(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(wire.told(), ["1 GET /", "1 200 ", "2 GET /b", "2 200 "]);
}

#[test]
fn a_gap_that_may_hide_a_head_is_not_guessed_over() {
    let mut wire = new();
    wire.client(b"GET / HTTP/1.1\r\n\r\n");
    wire.reader.lost(false, 1000);
    wire.server(b"the end of something").client(b"GET /b HTTP/1.1\r\n\r\n");
    wire.server(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(wire.told(), ["1 GET /", "2 GET /b", "2 200 "], "the response answers the second request");
    wire.reader.lost(true, 50);
    wire.server(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(wire.told()[3], "- 500 request-not-seen");
}

#[test]
fn what_is_no_http_is_opaque_until_a_head_begins() {
    let mut wire = new();
    wire.client(b"\x16\x03\x01\x02").client(b"nothing").client(b"GET / HTTP/1.1\r\n\r\n");
    assert_eq!(wire.told(), ["1 GET /"]);
    assert!(matches!(
        wire.kinds[..],
        [PieceKind::Unit(Unit::Opaque), PieceKind::Unit(Unit::Opaque), PieceKind::Unit(Unit::HttpHead(_))]
    ));
}

#[test]
fn a_head_without_end_is_given_up() {
    let mut wire = new();
    wire.client(b"GET / HTTP/1.1\r\n");
    for _ in 0..100 {
        wire.client(&[b'a'; 1000]);
    }
    assert!(stream(&wire).sides[0].head.is_empty() && wire.told().is_empty());
    wire.client(b"GET / HTTP/1.1\r\n\r\n");
    assert_eq!(wire.told(), ["1 GET /"]);
}

#[test]
fn unanswered_requests_are_forgotten_at_a_limit() {
    let mut wire = new();
    for _ in 0..MAX_PENDING + 10 {
        wire.client(b"GET / HTTP/1.1\r\n\r\n");
    }
    assert_eq!(stream(&wire).pending.len(), MAX_PENDING);
    wire.server(b"HTTP/1.1 204 x\r\n\r\n");
    assert_eq!(wire.events.last().unwrap().variant, "request-not-seen", "which one is not known any more");
}

#[test]
fn two_lengths_in_one_message_are_told() {
    let mut wire = new();
    wire.client(b"POST / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    assert_eq!(wire.events[0].get("ambiguous_length"), Some(&Datum::Flag(true)));
    assert_eq!(wire.events[0].severity, Severity::Warn);
    assert_eq!(stream(&wire).sides[0].reading, Reading::Head, "chunks decide");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_stream_in_any_segments_is_borne(
        parts in prop::collection::vec(
            (any::<bool>(), prop_oneof![
                Just(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec()),
                Just(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n".to_vec()),
                Just(CHUNKED.to_vec()),
                prop::collection::vec(any::<u8>(), 1..20),
                "[0-9a-f\r\n;]{1,12}".prop_map(String::into_bytes),
            ], 1usize..40, 0u64..200),
            1..12,
        )
    ) {
        let mut wire = new();
        for (from_client, bytes, size, gap) in parts {
            for segment in bytes.chunks(size) {
                wire.send(from_client, segment);
            }
            if gap < 20 {
                wire.reader.lost(from_client, gap);
            }
        }
        wire.end(true);
        wire.end(false);
    }

    #[test]
    fn segments_do_not_change_what_is_told(cuts in prop::collection::vec(1usize..30, 1..40)) {
        let request = b"GET / HTTP/1.1\r\n\r\nDELETE / HTTP/1.1\r\n\r\n";
        let mut whole = new();
        whole.client(request).server(CHUNKED);
        let mut wire = new();
        wire.client(request);
        let mut rest = CHUNKED;
        for cut in cuts.into_iter().cycle() {
            let (segment, after) = rest.split_at(cut.min(rest.len()));
            wire.server(segment);
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(substance(&wire.events), substance(&whole.events));
    }
}
