//! Frames and header blocks from constants; the examples of RFC 7541 appendix C; what hostile senders try.

use super::*;
use crate::wire::{NodeKind, Off};

fn decode(table: &mut Table, block: &[u8]) -> Result<Vec<(String, String)>, Malformed> {
    let mut out = Vec::new();
    let text = |text: &Text| text.get().map_or("?".to_owned(), |b| String::from_utf8(b.to_vec()).unwrap());
    dissect_block(&mut Cursor::new(block, 0, block.len(), &mut Off), table, &mut |field| {
        out.push((text(&field.name), text(&field.value)));
    })?;
    Ok(out)
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap()).collect()
}

fn check(table: &mut Table, block: &str, fields: &[(&str, &str)], size: usize) {
    let got = decode(table, &hex(block)).unwrap();
    let got: Vec<_> = got.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    assert_eq!(got, fields);
    assert_eq!(table.size(), size);
}

/// RFC 7541 appendix C.2: each representation.
#[test]
fn single_fields() {
    let custom = [("custom-key", "custom-header")];
    check(&mut Table::new(), "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572", &custom, 55);
    check(&mut Table::new(), "040c 2f73 616d 706c 652f 7061 7468", &[(":path", "/sample/path")], 0);
    check(&mut Table::new(), "1008 7061 7373 776f 7264 0673 6563 7265 74", &[("password", "secret")], 0);
    check(&mut Table::new(), "82", &[(":method", "GET")], 0);
}

const REQUESTS: [&[(&str, &str)]; 3] = [
    &[(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "www.example.com")],
    &[
        (":method", "GET"),
        (":scheme", "http"),
        (":path", "/"),
        (":authority", "www.example.com"),
        ("cache-control", "no-cache"),
    ],
    &[
        (":method", "GET"),
        (":scheme", "https"),
        (":path", "/index.html"),
        (":authority", "www.example.com"),
        ("custom-key", "custom-value"),
    ],
];

/// RFC 7541 appendix C.3 and C.4.
#[test]
fn requests_with_and_without_huffman() {
    let plain = [
        "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "8286 84be 5808 6e6f 2d63 6163 6865",
        "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
    ];
    let coded = [
        "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
        "8286 84be 5886 a8eb 1064 9cbf",
        "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
    ];
    for blocks in [plain, coded] {
        let mut table = Table::new();
        for ((block, fields), size) in blocks.iter().zip(REQUESTS).zip([57, 110, 164]) {
            check(&mut table, block, fields, size);
        }
    }
}

/// RFC 7541 appendix C.5 and C.6: a table of 256 bytes, so that entries go.
#[test]
fn responses_with_and_without_huffman() {
    let plain = [
        "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 \
         3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "4803 3330 37c1 c0bf",
    ];
    let coded = [
        "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 \
         63c7 8f0b 97c8 e9ae 82ae 43d3",
        "4883 640e ffc1 c0bf",
    ];
    let rest = [
        ("cache-control", "private"),
        ("date", "Mon, 21 Oct 2013 20:13:21 GMT"),
        ("location", "https://www.example.com"),
    ];
    for blocks in [plain, coded] {
        let mut table = Table::new();
        table.resize(256);
        for (block, status) in blocks.iter().zip(["302", "307"]) {
            let mut fields = vec![(":status", status)];
            fields.extend(rest);
            check(&mut table, block, &fields, 222);
        }
    }
}

/// RFC 7541 appendix C.1.
#[test]
fn integers() {
    // A table of 1337 bytes: 001 11111, 1337 - 31 = 1306 in two bytes.
    let mut tree = Tree::default();
    let block = hex("3f 9a 0a");
    dissect_block(&mut Cursor::new(&block, 0, 3, &mut tree), &mut Table::new(), &mut |_| {}).unwrap();
    let size = tree.find("http2.header_table_size_update.header_table_size").next().unwrap();
    assert_eq!((size.bit, size.bits, size.value.clone()), (3, 21, Value::Uint(1337)));
}

#[test]
fn hostile_blocks() {
    // Numbers that do not end, or are too large.
    for block in ["ff ff ff ff ff ff ff ff ff", "3f ff ff ff ff ff ff 0f", "00 ff ff ff ff ff ff ff ff"] {
        assert!(decode(&mut Table::new(), &hex(block)).is_err());
    }
    // A string longer than the block; an index of nothing; padding that is no padding.
    for block in ["00 7f ff ff ff 07 61", "40 0a 61", "80", "be", "00 81 00 00"] {
        assert!(decode(&mut Table::new(), &hex(block)).is_err());
    }
    // A table that is said to be huge.
    let mut table = Table::new();
    decode(&mut table, &hex("3f ff ff ff ff 07")).unwrap();
    assert!(!table.is_complete());
    // A few bytes that stand for very many: a long value, then its index over and over.
    let mut table = Table::new();
    let mut bomb = hex("40 01 61 7f 81 1e");
    bomb.extend([b'x'; 127 + 1 + (0x1e << 7)]);
    bomb.extend([0xbe; 60_000]);
    let mut heard = 0;
    let read =
        dissect_block(&mut Cursor::new(&bomb, 0, bomb.len(), &mut Off), &mut table, &mut |_| heard += 1);
    assert_eq!(read.unwrap_err().field, "http2.header_size_exceeded");
    assert!(heard < 200);
}

#[test]
fn a_table_that_was_not_seen_is_not_guessed() {
    let mut table = Table::unknown();
    let got = decode(&mut table, &hex("82 be 40 01 61 01 62 be bf 7f 03 01 63")).unwrap();
    let got: Vec<_> = got.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let expected = [(":method", "GET"), ("?", "?"), ("a", "b"), ("a", "b"), ("?", "?"), ("?", "c")];
    assert_eq!(got, expected);
}

#[rustfmt::skip]
const HEADERS: &[u8] = &[
    0x00, 0x00, 0x0b,       // http2.length: 11
    0x01,                   // http2.type: HEADERS
    0x2d,                   // http2.flags: priority, padded, end of headers, end of stream
    0x00, 0x00, 0x00, 0x03, // http2.streamid: 3
    0x02,                   // http2.padding: 2
    0x80, 0x00, 0x00, 0x01, // exclusive, depends on stream 1
    0x0f,                   // http2.headers.weight: 15, which means 16
    0x82, 0x86, 0x84,       // GET, http, /
    0x00, 0x00,             // padding
];

/// Every byte has one owner, in order.
fn owned(tree: &Tree, length: usize) {
    let mut bit = 0;
    for node in tree.nodes.iter().filter(|n| n.kind == NodeKind::Leaf) {
        assert_eq!(node.bit, bit, "{}", node.field.name);
        bit += node.bits;
    }
    assert_eq!(bit, length * 8);
}

#[test]
fn a_frame_with_all_that_may_be_in_it() {
    let mut tree = Tree::default();
    let mut fields = 0;
    let mut c = Cursor::new(HEADERS, 0, HEADERS.len(), &mut tree);
    let frame = dissect(&mut c, &mut Table::new(), &mut |_| fields += 1).unwrap();
    assert_eq!((frame.header.stream, frame.header.kind, fields), (3, kind::HEADERS, 3));
    owned(&tree, HEADERS.len());
    let value = |name: &str| tree.find(name).next().unwrap().value.clone();
    assert_eq!(value("http2.headers.method"), Value::Text("GET".to_owned()));
    assert_eq!(value("http2.headers.weight_real"), Value::Uint(16));
    assert_eq!(value("http2.exclusive"), Value::Flag(true));
    assert_eq!(value("http2.header.table"), Value::Text("static".to_owned()));
}

#[test]
fn cut_anywhere_it_shows_what_is_before() {
    for length in 0..HEADERS.len() {
        let mut tree = Tree::default();
        let mut c = Cursor::new(HEADERS, 0, length, &mut tree);
        dissect(&mut c, &mut Table::new(), &mut |_| {}).unwrap_err();
    }
    let mut tree = Tree::default();
    dissect(&mut Cursor::new(HEADERS, 0, 16, &mut tree), &mut Table::new(), &mut |_| {}).unwrap_err();
    assert!(tree.find("http2.headers.weight").next().is_some());
}

#[test]
fn padding_longer_than_the_frame() {
    let frame = hex("000002 00 08 00000001 05 00");
    let cut = dissect(&mut Cursor::new(&frame, 0, 11, &mut Off), &mut Table::new(), &mut |_| {}).unwrap_err();
    assert_eq!(cut.field, "http2.data.padding");
}

#[test]
fn all_types_have_owners() {
    for kind in 0..=255u8 {
        for flags in [0, 1, 4, 8, 0x0d, 0x2d, 0xff] {
            let mut frame = vec![0, 0, 14, kind, flags, 0, 0, 0, 1];
            frame.extend([0, 1, 0, 0, 0, 2, 0, 4, 0, 0, 0, 9, 1, 1]);
            let mut tree = Tree::default();
            let mut c = Cursor::new(&frame, 0, frame.len(), &mut tree);
            let _ = dissect(&mut c, &mut Table::unknown(), &mut |_| {});
            c.rest(&LEFTOVER);
            owned(&tree, frame.len());
        }
    }
}
