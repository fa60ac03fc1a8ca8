//! Messages of all versions, cut ones, and lengths that lie.

use super::*;
use crate::wire::{NodeKind, Off, Problem, Tree};

#[rustfmt::skip]
const RESPONSE: &[u8] = &[
    0x30, 0x39,                                     // a message, 57 bytes
    0x02, 1, 1,                                     // version 2c
    0x04, 6, b'p', b'u', b'b', b'l', b'i', b'c',    // community
    0xa2, 0x2c,                                     // response, 44 bytes
    0x02, 2, 0x12, 0x34,                            // request id
    0x02, 1, 0, 0x02, 1, 0,                         // no error
    0x30, 0x20,                                     // variables, 32 bytes
    0x30, 15, 0x06, 8, 0x2b, 6, 1, 2, 1, 1, 3, 0,   // 1.3.6.1.2.1.1.3.0
    0x43, 3, 0x01, 0x00, 0x00,                      // 65,536 hundredths of a second
    0x30, 13, 0x06, 9, 0x2b, 6, 1, 4, 1, 0x83, 0xa0, 0x17, 1, // 1.3.6.1.4.1.53271.1
    0x80, 0,                                        // no such object
];

#[rustfmt::skip]
const V3: &[u8] = &[
    0x30, 0x34, 0x02, 1, 3,                         // version 3
    0x30, 13, 0x02, 1, 7, 0x02, 2, 0x40, 0, 0x04, 1, 3, 0x02, 1, 3, // id, size, flags, users' model
    0x04, 23, 0x30, 21,                             // security parameters
    0x04, 2, 0x80, 1, 0x02, 1, 5, 0x02, 1, 9, 0x04, 1, b'u', 0x04, 2, 1, 2, 0x04, 2, 3, 4,
    0x04, 7, 1, 2, 3, 4, 5, 6, 7,                   // encrypted
];

fn both(bytes: &[u8]) -> (Result<Message<'_>, Malformed>, Option<Malformed>, Tree) {
    let (mut bad, mut bad_again) = (None, None);
    let off = dissect_noting(&mut Cursor::new(bytes, 0, bytes.len(), &mut Off), &mut bad);
    let mut tree = Tree::default();
    let mut c = Cursor::new(bytes, 0, bytes.len(), &mut tree);
    let on = dissect_noting(&mut c, &mut bad_again);
    static REST: Field = Field::new("snmp.unreadable");
    c.rest(&REST);
    assert_eq!((&off, bad), (&on, bad_again));
    let mut at = 0;
    for node in tree.nodes.iter().filter(|n| n.kind == NodeKind::Leaf) {
        assert_eq!(node.bit, at, "{}", node.field.name);
        at += node.bits;
    }
    assert_eq!(at, bytes.len() * 8);
    (on, bad, tree)
}

#[test]
fn reads_a_response() {
    let (said, bad, tree) = both(RESPONSE);
    let said = said.unwrap();
    assert_eq!(bad, None);
    assert_eq!((said.version, said.who, said.pdu), (1, &b"public"[..], Some(pdu::RESPONSE)));
    assert_eq!((said.request_id, said.bindings), (0x1234, 2));
    let names: Vec<_> = tree.find("snmp.name").map(|n| n.value.clone()).collect();
    let text = |t: &str| Value::Text(t.to_owned());
    assert_eq!(names, [text("1.3.6.1.2.1.1.3.0"), text("1.3.6.1.4.1.53271.1")]);
    assert_eq!(tree.find("snmp.value.timeticks").next().unwrap().value, Value::Uint(65_536));
    assert_eq!(tree.find("snmp.noSuchObject").count(), 1);
}

#[test]
fn reads_version_3_up_to_what_is_encrypted() {
    let (said, bad, tree) = both(V3);
    let said = said.unwrap();
    assert_eq!((said.version, said.who, said.encrypted, said.pdu, bad), (3, &b"u"[..], true, None, None));
    assert_eq!(tree.find("snmp.msgAuthoritativeEngineBoots").next().unwrap().value, Value::Uint(5));
}

#[test]
fn every_cut_has_its_owners() {
    for bytes in [RESPONSE, V3] {
        for end in 0..bytes.len() {
            let (said, bad, _) = both(&bytes[..end]);
            assert!(said.is_err() || bad.is_some(), "{end}");
            if let Err(bad) = said {
                assert_eq!(bad.problem, Problem::Cut, "{end}");
            }
        }
    }
}

#[test]
fn lengths_and_tags_that_lie() {
    for (at, byte) in [(1, 0x80), (1, 0x85), (1, 0xff), (0, 0x31), (4, 2), (4, 9)] {
        let mut bytes = RESPONSE.to_vec();
        bytes[at] = byte;
        assert_eq!(both(&bytes).0.unwrap_err().problem, Problem::Content, "{at}");
    }
    // A PDU that is none, an identifier that does not end, a length beyond the message.
    for (at, byte) in [(13, 0xb0), (38, 0x80), (30, 0x84), (28, 0xff)] {
        let mut bytes = RESPONSE.to_vec();
        bytes[at] = byte;
        let (said, bad, _) = both(&bytes);
        assert!(said.is_ok() && bad.is_some(), "{at}");
    }
}

#[test]
fn object_identifiers() {
    assert_eq!(ber::dotted(&[0x2b, 6, 0x8f, 0xff, 0xff, 0xff, 0x7f]), "1.3.6.4294967295");
    assert_eq!(ber::dotted(&[0x88, 0x37, 1]), "2.999.1");
    assert_eq!(ber::dotted(&[]), "");
}
