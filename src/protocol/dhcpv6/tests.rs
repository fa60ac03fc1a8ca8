//! Whole messages, messages in those of relays, cut ones, and options that are not what they say.

use super::*;
use crate::wire::{NodeKind, Off, Tree};

#[rustfmt::skip]
const REPLY: &[u8] = &[
    7, 0x12, 0x34, 0x56,                                // reply, transaction id
    0, 1, 0, 10, 0, 3, 0, 1, 2, 0, 0, 0, 0, 9,          // client: hardware address
    0, 2, 0, 14, 0, 1, 0, 1, 0, 0, 0, 60, 2, 0, 0, 0, 0, 1, // server: hardware address and time
    0, 3, 0, 40, 0, 0, 0, 1, 0, 0, 0, 10, 0, 0, 0, 20,  // IA_NA 1, T1 10 s, T2 20 s
    0, 5, 0, 24,                                        // an address
    0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, // 2001:db8::7
    0, 0, 0, 30, 0, 0, 0, 40,                           // preferred, valid
    0, 23, 0, 16, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x53, // name server
    0, 24, 0, 6, 1, b'a', 0, 1, b'b', 0,                // search list: a, b
    0, 39, 0, 4, 1, 2, b'm', b'e',                      // full name, not ended
    0, 14, 0, 0,                                        // rapid commit
    1, 0, 0, 1, 9,                                      // unknown
];

fn both(bytes: &[u8]) -> (Result<Message<'_>, Malformed>, Option<Malformed>, Tree) {
    let (mut bad, mut bad_again) = (None, None);
    let off = dissect_noting(&mut Cursor::new(bytes, 0, bytes.len(), &mut Off), &mut bad);
    let mut tree = Tree::default();
    let mut c = Cursor::new(bytes, 0, bytes.len(), &mut tree);
    let on = dissect_noting(&mut c, &mut bad_again);
    static REST: Field = Field::new("dhcpv6.unreadable");
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
fn reads_a_reply() {
    let (said, bad, tree) = both(REPLY);
    let said = said.unwrap();
    assert_eq!(bad, None);
    assert_eq!((said.kind, said.xid, said.renewal, said.valid), (kind::REPLY, 0x12_3456, Some(10), Some(40)));
    assert!(said.rapid_commit && said.address.is_some() && said.dns.is_some());
    let names: Vec<_> = tree.find("dhcpv6.search_list_entry").map(|n| n.value.clone()).collect();
    assert_eq!(names, [Value::Text("a.".into()), Value::Text("b.".into())]);
    assert_eq!(tree.find("dhcpv6.client_domain").next().unwrap().value, Value::Text("me".into()));
}

/// A message in a relay's.
fn relayed(inner: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind::RELAY_FORW, 0];
    bytes.extend([0; 32]);
    bytes.extend([0, 9]);
    bytes.extend((inner.len() as u16).to_be_bytes());
    bytes.extend(inner);
    bytes
}

#[test]
fn relays_are_looked_through_but_not_for_ever() {
    let once = relayed(&relayed(REPLY));
    let (said, bad, _) = both(&once);
    let said = said.unwrap();
    assert_eq!((said.kind, said.relays, bad), (kind::REPLY, 2, None));
    let mut deep = REPLY.to_vec();
    for _ in 0..100 {
        deep = relayed(&deep);
    }
    let (said, _, tree) = both(&deep);
    assert_eq!(said.unwrap().relays, MAX_DEPTH + 1);
    assert_eq!(tree.find("dhcpv6.option.value").count(), 1, "what is below is bytes");
}

#[test]
fn every_cut_has_its_owners() {
    let bytes = relayed(REPLY);
    for end in 0..bytes.len() {
        let (said, ..) = both(&bytes[..end]);
        assert_eq!(said.is_ok(), end >= 34, "{end}");
    }
}

#[test]
fn hostile_options_stay_in_their_place() {
    for option in [
        &[0, 1, 0, 1, 9][..],
        &[0, 3, 0, 3, 9, 9, 9],
        &[0, 24, 0, 2, 0xc0, 0],
        &[0, 9, 0, 1, 99],
        &[0, 15, 0, 2, 0xff, 0xff],
        &[0, 39, 0, 0],
    ] {
        let mut bytes = vec![1, 0, 0, 1];
        bytes.extend(option);
        bytes.extend([0, 14, 0, 0]);
        let (said, bad, _) = both(&bytes);
        assert!(said.unwrap().rapid_commit && bad.is_some(), "{option:?}");
    }
    assert_eq!(both(&[0; 20]).0.unwrap_err().problem, Problem::Content);
}
