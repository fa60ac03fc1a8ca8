//! What the dissector says of whole heads, of cut ones and of damaged ones.

use proptest::prelude::*;

use super::*;
use crate::wire::{NodeKind, Off, Tree};

mod content;

const REQUEST: &[u8] = b"POST /a?b=c HTTP/1.1\r\n\
    Host: example.com:8080\r\n\
    User-Agent: test/1.0\r\n\
    X-Unheard-Of:\tof \r\n\
    Content-Length: 3\r\n\
    Cookie: a=1;\r\n b=2\r\n\
    this line is none\r\n\
    Connection: Keep-Alive, Upgrade\r\n\
    Upgrade: websocket\r\n\
    Empty:\r\n\
    \r\n";
const RESPONSE: &[u8] = b"HTTP/1.0 404 Not  Found\nTransfer-Encoding: gzip\nTransfer-encoding: chunked\n\
    Content-Type: text/html\nConnection: close\n\n";

/// Reads in both lanes and holds them to each other, and the leaves to the bytes: each bit in exactly one.
fn both(bytes: &[u8]) -> (Result<Head<'_>, Malformed>, Tree) {
    let off = dissect(&mut Cursor::new(bytes, 0, bytes.len(), &mut Off));
    let mut tree = Tree::default();
    let mut c = Cursor::new(bytes, 0, bytes.len(), &mut tree);
    let on = dissect(&mut c);
    static REST: Field = Field::new("http.unreadable");
    c.rest(&REST);
    assert_eq!(off, on, "both lanes say the same");
    let mut at = 0;
    for node in tree.nodes.iter().filter(|n| n.kind == NodeKind::Leaf) {
        assert_eq!(node.bit, at, "{} begins where the leaf before ends", node.field.name);
        at += node.bits;
    }
    assert_eq!(at, bytes.len() * 8, "the leaves reach the end");
    (on, tree)
}

fn text(tree: &Tree, name: &str) -> String {
    match &tree.find(name).next().unwrap_or_else(|| panic!("no {name}")).value {
        Value::Text(text) => text.clone(),
        other => panic!("{name} is {other:?}"),
    }
}

#[test]
fn reads_a_request() {
    let (head, tree) = both(REQUEST);
    let head = head.unwrap();
    assert_eq!(head.start, Start::Request { method: b"POST", uri: b"/a?b=c", version: b"HTTP/1.1" });
    assert_eq!(head.host, Some(&b"example.com:8080"[..]));
    assert_eq!(head.content_length, ContentLength::Bytes(3));
    assert_eq!((head.close, head.keep_alive, head.upgrade), (false, true, Some(&b"websocket"[..])));
    assert_eq!(text(&tree, "http.unknown_header"), "of");
    assert_eq!(text(&tree, "http.cookie"), "a=1; b=2", "a fold is one blank");
    assert_eq!(text(&tree, "http.not_a_header"), "this line is none");
    assert_eq!(tree.find("http.content_length_header").next().unwrap().value, Value::Uint(3));
    assert_eq!(head_end(REQUEST), Some(REQUEST.len()));
}

#[test]
fn reads_a_response_with_bare_line_feeds() {
    let (head, tree) = both(RESPONSE);
    let head = head.unwrap();
    assert_eq!(head.start, Start::Response { version: b"HTTP/1.0", code: 404, phrase: b"Not  Found" });
    assert_eq!(head.transfer, TransferEncoding::Chunked);
    assert_eq!((head.close, head.content_type), (true, Some(&b"text/html"[..])));
    assert_eq!(tree.find("http.response.code").next().unwrap().value, Value::Uint(404));
    assert_eq!(head_end(RESPONSE), Some(RESPONSE.len()));
}

#[test]
fn start_lines_out_of_the_ordinary() {
    let start = |line: &'static [u8]| both(line).0.unwrap().start;
    assert_eq!(
        start(b"HTTP/1.1 200\r\n\r\n"),
        Start::Response { version: b"HTTP/1.1", code: 200, phrase: b"" }
    );
    assert_eq!(
        start(b"HTTP/1.1 abc def\r\n\r\n"),
        Start::Response { version: b"HTTP/1.1", code: 0, phrase: b"def" }
    );
    assert_eq!(start(b"GET /x\r\n\r\n"), Start::Request { method: b"GET", uri: b"/x", version: b"" });
    assert_eq!(
        start(b"\r\nGET  /a b  HTTP/1.1 \r\n\r\n"),
        Start::Request { method: b"GET", uri: b"/a b", version: b"HTTP/1.1" }
    );
    for line in [&b"\x16\x03\x01\n\n"[..], b": x\r\n\r\n", b"word\r\n\r\n", b" GET / HTTP/1.1\r\n\r\n"] {
        assert_eq!(both(line).0.unwrap_err().problem, Problem::Content, "{}", line.escape_ascii());
    }
}

#[test]
fn a_version_that_is_cut_is_no_part_of_the_target() {
    let (head, tree) = both(b"GET /images/a.gif HTT");
    assert!(head.is_err());
    assert_eq!(text(&tree, "http.request.uri"), "/images/a.gif");
    assert_eq!(text(&tree, "http.request.version"), "HTT");
}

#[test]
fn lengths_that_agree_and_lengths_that_do_not() {
    let length = |fields: &str| {
        let head = format!("GET / HTTP/1.1\r\n{fields}\r\n\r\n");
        both(head.as_bytes()).0.unwrap().content_length
    };
    assert_eq!(length("Content-Length: 42, 42"), ContentLength::Bytes(42));
    assert_eq!(length("Content-Length: 42\r\ncontent-length:42"), ContentLength::Bytes(42));
    assert_eq!(length("Content-Length: 42\r\nContent-Length: 43"), ContentLength::Invalid);
    assert_eq!(length("Content-Length: +42"), ContentLength::Invalid);
    assert_eq!(length("Content-Length:"), ContentLength::Invalid);
    assert_eq!(length("Content-Length: 99999999999999999999"), ContentLength::Invalid);
}

#[test]
fn the_last_coding_decides() {
    let transfer = |value: &str| {
        let head = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: {value}\r\n\r\n");
        both(head.as_bytes()).0.unwrap().transfer
    };
    assert_eq!(transfer("gzip, Chunked"), TransferEncoding::Chunked);
    assert_eq!(transfer("chunked, gzip"), TransferEncoding::Other);
    assert_eq!(transfer("identity"), TransferEncoding::Absent);
}

#[test]
fn every_cut_is_noticed() {
    for head in [REQUEST, RESPONSE] {
        for end in 0..head.len() {
            let cut = &head[..end];
            assert_eq!(head_end(cut), None, "{end}");
            let bad = both(cut).0.expect_err("a cut head is no head");
            assert!(bad.problem == Problem::Cut || bad.at == 0, "{end}: {bad:?}");
            for searched in 0..=end {
                assert_eq!(head_end_from(head, searched), Some(head.len()), "searched {searched}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damage_is_borne(
        response in any::<bool>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), "[ \t\r\n:,;/0-9aH\u{0}\u{ff}]"), 1..8),
    ) {
        let mut head = if response { RESPONSE } else { REQUEST }.to_vec();
        for (at, with) in changes {
            let at = at.index(head.len());
            head[at] = with.as_bytes()[0];
        }
        let end = head_end(&head);
        let (read, _) = both(&head);
        if end.is_none() {
            prop_assert!(read.is_err());
        }
        if let Some(end) = end {
            // Where the first line is one, reading ends where the search said the head does.
            let (read, tree) = both(&head[..end]);
            if read.is_ok() {
                prop_assert!(tree.find("http.unreadable").next().is_none());
            }
        }
    }

    #[test]
    fn any_bytes_are_borne(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = both(&bytes);
    }
}
