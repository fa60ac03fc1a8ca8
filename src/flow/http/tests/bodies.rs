//! Bodies cut anywhere, with gaps, bombs, wrong lengths; cookies, copies and credentials across exchanges.

use std::io::Write;

use super::*;
use crate::protocol::http::{Content, Shape, Trouble};

/// What was put together or decoded: its description and its bytes.
fn contents(wire: &Wire) -> Vec<(&Content, &[u8])> {
    wire.kinds
        .iter()
        .filter_map(|kind| match kind {
            PieceKind::Assembled { unit: Unit::HttpContent(content), bytes, .. } => {
                Some((&**content, &bytes[..]))
            }
            _ => None,
        })
        .collect()
}

fn events(wire: &Wire, kind: Kind) -> Vec<&Event> {
    wire.events.iter().filter(|e| e.kind == kind).collect()
}

fn value(event: &Event, key: &str) -> String {
    event.get(key).map_or_else(|| "-".to_owned(), Datum::to_string)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut e = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    e.write_all(bytes).unwrap();
    e.finish().unwrap()
}

fn response(fields: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{fields}\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn asked() -> Wire {
    let mut wire = new();
    wire.client(b"GET /a HTTP/1.1\r\nHost: a.example\r\n\r\n");
    wire
}

#[test]
fn chunks_are_put_together_wherever_they_are_cut() {
    for cut in 1..CHUNKED.len() {
        let mut wire = asked();
        wire.server(&CHUNKED[..cut]).server(&CHUNKED[cut..]);
        let [(content, bytes)] = contents(&wire)[..] else { panic!("cut at {cut}") };
        assert_eq!(bytes, b"hello, chunked wor", "cut at {cut}");
        assert_eq!((content.chunks, &content.shape), (3, &Shape::Text(None)));
        let body = events(&wire, Kind::HttpBody)[0];
        assert_eq!((value(body, "chunks"), value(body, "body_length")), ("3".into(), "18".into()));
    }
}

#[test]
fn a_coding_is_undone_wherever_the_body_is_cut() {
    let text = b"Tea, tea and tea. ".repeat(20);
    let message = response("Content-Type: text/plain\r\nContent-Encoding: gzip\r\n", &gzip(&text));
    for cut in 1..message.len() {
        let mut wire = asked();
        wire.server(&message[..cut]).server(&message[cut..]);
        let shown = contents(&wire);
        let (content, bytes) = shown.last().unwrap();
        assert_eq!(bytes, &text, "cut at {cut}");
        assert_eq!(content.decoded.as_ref().map(|(coding, _)| coding.as_str()), Some("gzip"));
        let body = events(&wire, Kind::HttpBody)[0];
        assert_eq!((body.variant, value(body, "decoded_length")), ("decoded", text.len().to_string()));
    }
}

#[test]
fn codings_are_undone_one_after_the_other() {
    let text = b"both ways, both ways, both ways, both ways";
    let twice = gzip(&gzip(text));
    let mut wire = asked();
    wire.server(&response("Content-Encoding: gzip, x-gzip\r\nContent-Type: text/plain\r\n", &twice));
    let shown = contents(&wire);
    assert_eq!(shown.len(), 2);
    assert_eq!((shown[0].0.coding.as_str(), &shown[0].0.shape), ("gzip", &Shape::Opaque));
    assert_eq!(shown[1].1, text);
    let many = "Content-Encoding: gzip, gzip, gzip, gzip, gzip\r\n";
    let mut wire = asked();
    wire.server(&response(many, &twice));
    assert_eq!(value(events(&wire, Kind::HttpBody)[0], "trouble"), "unknown-coding");
}

#[test]
fn a_bomb_is_stopped_and_said_to_be_one() {
    let bomb = gzip(&vec![0; 30_000_000]);
    let mut wire = asked();
    wire.server(&response("Content-Encoding: gzip\r\n", &bomb));
    let (content, bytes) = contents(&wire)[0];
    assert_eq!(content.trouble, Some(Trouble::TooLong));
    assert!(bytes.len() <= crate::flow::content::MAX_DECODED);
    assert_eq!(events(&wire, Kind::HttpBody)[0].variant, "trouble");
}

#[test]
fn what_was_decoded_before_the_damage_is_shown() {
    let text: Vec<u8> = (0..40_000u32).flat_map(|n| format!("{n} ").into_bytes()).collect();
    let mut coded = gzip(&text);
    let middle = coded.len() / 2;
    coded[middle..middle + 8].fill(0xff);
    let mut wire = asked();
    wire.server(&response("Content-Encoding: gzip\r\nContent-Type: text/plain\r\n", &coded));
    let (content, bytes) = contents(&wire)[0];
    assert!(bytes.len() > 10_000 && text.starts_with(&bytes[..10_000]));
    assert_eq!(content.trouble, Some(Trouble::Corrupt));
}

#[test]
fn a_hole_is_said_and_what_came_before_it_is_shown() {
    let mut wire = asked();
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\nContent-Type: text/plain\r\n\r\n";
    wire.server(&[&head[..], b"0123456789"].concat());
    wire.reader.lost(false, 50);
    wire.server(&[b'x'; 40]);
    let (content, bytes) = contents(&wire)[0];
    assert_eq!((bytes, content.missing), (&b"0123456789"[..], Some(50)));
    let body = events(&wire, Kind::HttpBody)[0];
    assert_eq!(
        (body.variant, value(body, "missing"), value(body, "body_length")),
        ("gap", "50".into(), "100".into())
    );
    // A gap up to the end: told with the next segment.
    let mut wire = asked();
    wire.server(&[&head[..], b"0123456789"].concat());
    wire.reader.lost(false, 90);
    assert!(contents(&wire).is_empty());
    wire.server(b"HTTP/1.1 204 No Content\r\n\r\n");
    assert_eq!(contents(&wire)[0].0.missing, Some(90));
    // A gap in the lines between chunks: nobody knows what follows, but what came is shown.
    let mut wire = asked();
    wire.server(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    wire.reader.lost(false, 20);
    wire.server(b"rest");
    assert_eq!(contents(&wire)[0].1, b"hello");
}

#[test]
fn a_coded_body_with_a_hole_is_decoded_up_to_it() {
    let text: Vec<u8> = (0..40_000u32).flat_map(|n| format!("{n} ").into_bytes()).collect();
    let message = response("Content-Encoding: gzip\r\nContent-Type: text/plain\r\n", &gzip(&text));
    let half = message.len() / 2;
    let mut wire = asked();
    wire.server(&message[..half]);
    wire.reader.lost(false, 100);
    wire.server(&message[half + 100..]);
    let shown = contents(&wire);
    let (content, bytes) = shown.last().unwrap();
    assert!(!bytes.is_empty() && text.starts_with(bytes));
    assert_eq!((content.missing, content.trouble), (Some(100), None));
}

#[test]
fn a_connection_that_ends_early_leaves_what_came() {
    let mut wire = asked();
    wire.server(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123").server(b"4567");
    wire.end(false);
    assert!(events(&wire, Kind::HttpBody).is_empty(), "it is told as incomplete");
    assert_eq!(events(&wire, Kind::Malformed).len(), 1);
}

#[test]
fn a_long_body_is_counted_and_not_kept() {
    let mut wire = asked();
    wire.server(b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n");
    for _ in 0..3000 {
        wire.server(&[b'a'; 1000]);
    }
    let (content, bytes) = contents(&wire)[0];
    assert_eq!((bytes.len(), content.trouble), (MAX_BODY, Some(Trouble::NotKept)));
    let body = events(&wire, Kind::HttpBody)[0];
    assert_eq!(value(body, "body_length"), "3000000");
    assert_eq!((value(body, "packets"), value(body, "trouble")), ("3000".into(), "size-limit".into()));
}

#[test]
fn a_trailer_cut_in_two_is_put_together() {
    let mut wire = asked();
    wire.server(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: ").server(b"b\r\n\r\n");
    let trailer = wire.kinds.iter().find_map(|kind| match kind {
        PieceKind::Assembled { unit: Unit::HttpChunk(ChunkPart::Trailer), bytes, .. } => Some(&bytes[..]),
        _ => None,
    });
    assert_eq!(trailer, Some(&b"A: b\r\n\r\n"[..]));
}

#[test]
fn cookies_lead_back_to_who_set_them() {
    let mut wire = asked();
    wire.server(b"HTTP/1.1 204 x\r\nSet-Cookie: id=7; Path=/\r\nSet-Cookie: old=; Max-Age=0\r\n\r\n");
    wire.client(b"GET /b HTTP/1.1\r\nHost: a.example\r\nCookie: id=7; other=1\r\n\r\n");
    wire.client(b"GET /c HTTP/1.1\r\nHost: a.example\r\nCookie: id=7\r\n\r\n");
    wire.client(b"GET /d HTTP/1.1\r\nHost: b.example\r\nCookie: id=7\r\n\r\n");
    let told: Vec<_> =
        events(&wire, Kind::HttpCookie).iter().map(|e| (e.packet, e.variant, value(e, "names"))).collect();
    assert_eq!(told, [(2, "", "id".into()), (2, "removed", "old".into()), (3, "returned", "id".into())]);
    let from: Vec<_> = events(&wire, Kind::HttpRequest).iter().map(|e| value(e, "cookies_from")).collect();
    assert_eq!(from, ["-", "#2", "#2", "-"]);
}

#[test]
fn a_304_says_which_copy_is_still_good() {
    let mut wire = asked();
    wire.server(b"HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nContent-Length: 1\r\n\r\nx");
    wire.client(b"GET /a HTTP/1.1\r\nHost: a.example\r\nIf-None-Match: \"v1\"\r\n\r\n");
    wire.server(b"HTTP/1.1 304 Not Modified\r\n\r\n");
    wire.client(b"GET /a HTTP/1.1\r\nHost: a.example\r\nIf-None-Match: \"v0\"\r\n\r\n");
    wire.server(b"HTTP/1.1 304 Not Modified\r\n\r\n");
    let told: Vec<_> = wire.events[2..].iter().map(|e| (e.variant, value(e, "stored_packet"))).collect();
    let expected = [("conditional", "2"), ("not-modified-known", "2"), ("", "-"), ("not-modified", "-")];
    assert_eq!(told, expected.map(|(variant, packet)| (variant, packet.to_owned())));
}

#[test]
fn who_is_asked_for_a_name_gives_it_and_everybody_can_read_it() {
    let mut wire = asked();
    wire.server(
        b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n",
    );
    let basic =
        b"GET /a HTTP/1.1\r\nHost: a.example\r\nAuthorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n";
    wire.client(basic);
    assert_eq!((wire.events[1].variant, value(&wire.events[1], "auth_scheme")), ("who", "Basic".into()));
    assert_eq!(
        (wire.events[2].variant, value(&wire.events[2], "challenge_packet")),
        ("authorized", "2".into())
    );
    let credentials = events(&wire, Kind::HttpCredentials)[0];
    assert_eq!(value(credentials, "user"), "Aladdin");
    assert!(!format!("{:?}", wire.events).contains("sesame"), "the password is nobody's news");
}

#[test]
fn a_password_in_a_form_is_told() {
    let form = b"user=alice&new%20Password=x+y";
    let head = format!(
        "POST /login?pwd=1 HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n",
        form.len()
    );
    let mut wire = new();
    wire.client(&[head.as_bytes(), form].concat());
    let told: Vec<_> =
        events(&wire, Kind::HttpCredentials).iter().map(|e| (e.variant, value(e, "field"))).collect();
    assert_eq!(told, [("query", "pwd".into()), ("form", "new Password".into())]);
    assert_eq!(contents(&wire)[0].0.shape, Shape::Form);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_body_in_any_coding_is_borne(
        body in prop::collection::vec(any::<u8>(), 0..300),
        coding in prop::sample::select(vec!["gzip", "deflate", "br", "zstd", "deflate, br", "what"]),
        kind in prop::sample::select(vec![
            "text/html; charset=gbk", "text/plain; charset=utf-16le", "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=a", "image/png", "application/json",
        ]),
        cut in 1usize..400,
    ) {
        for fields in [format!("Content-Type: {kind}\r\n"), format!("Content-Type: {kind}\r\nContent-Encoding: {coding}\r\n")] {
            let message = response(&fields, &body);
            let mut wire = asked();
            for part in message.chunks(cut) {
                wire.server(part);
            }
            for (content, bytes) in contents(&wire) {
                let mut tree = crate::wire::Tree::default();
                let mut c = Cursor::new(bytes, 0, bytes.len(), &mut tree);
                let _ = http::body::describe(content, &mut c);
                let left = c.left();
                let owned: usize = tree.nodes.iter().filter(|n| n.kind == crate::wire::NodeKind::Leaf).map(|n| n.bits / 8).sum();
                prop_assert_eq!(owned + left, bytes.len());
            }
        }
    }
}
