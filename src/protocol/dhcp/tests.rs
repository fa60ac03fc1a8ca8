//! Whole messages, cut ones, and options that are not what they say.

use super::*;
use crate::wire::{NodeKind, Off, Tree};

/// The fixed header of a reply, with the cookie; options are appended.
fn message(options: &[u8]) -> Vec<u8> {
    #[rustfmt::skip]
    let mut bytes = vec![
        2, 1, 6, 0,                         // reply, Ethernet, 6 bytes, no relay
        0x12, 0x34, 0x56, 0x78,             // dhcp.id
        0, 3, 0x80, 0,                      // 3 s; broadcast
        0, 0, 0, 0, 192, 0, 2, 7,           // ciaddr, yiaddr
        192, 0, 2, 1, 0, 0, 0, 0,           // siaddr, giaddr
        2, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, // chaddr
    ];
    bytes.resize(FIXED, 0); // sname, file
    bytes.extend(MAGIC);
    bytes.extend(options);
    bytes
}

#[rustfmt::skip]
const ACK: &[u8] = &[
    53, 1, 5,                               // DHCPACK
    54, 4, 192, 0, 2, 1,                    // server identifier
    51, 4, 0, 0, 0x0e, 0x10,                // one hour
    1, 4, 255, 255, 255, 0,                 // mask
    3, 4, 192, 0, 2, 1,                     // router
    6, 8, 192, 0, 2, 53, 192, 0, 2, 54,     // two name servers
    2, 4, 0xff, 0xff, 0xff, 0xff,           // time offset -1
    15, 4, b'e', b'x', b'.', 0,             // domain, with a zero byte at its end
    119, 9, 1, b'a', 0, 1, b'b', 0xc0, 0, 0, 0, // a, b.a, two empty names
    121, 8, 24, 10, 0, 1, 192, 0, 2, 1,     // 10.0.1.0/24 via 192.0.2.1
    82, 6, 1, 1, 7, 99, 1, 5,               // circuit 7, an unknown sub-option
    81, 6, 5, 0, 0, 1, b'h', 0,             // full name h
    200, 2, 0xab, 0xcd,                     // unknown
    255, 0, 0,                              // end, filling
];

/// Reads in both lanes and holds them to each other, and the leaves to the bytes: each bit in exactly one.
fn both(bytes: &[u8]) -> (Result<Message<'_>, Malformed>, Option<Malformed>, Tree) {
    let (mut bad, mut bad_again) = (None, None);
    let off = dissect_noting(&mut Cursor::new(bytes, 0, bytes.len(), &mut Off), &mut bad);
    let mut tree = Tree::default();
    let mut c = Cursor::new(bytes, 0, bytes.len(), &mut tree);
    let on = dissect_noting(&mut c, &mut bad_again);
    static REST: Field = Field::new("dhcp.unreadable");
    c.rest(&REST);
    assert_eq!((&off, bad), (&on, bad_again), "both lanes say the same");
    let mut at = 0;
    for node in tree.nodes.iter().filter(|n| n.kind == NodeKind::Leaf) {
        assert_eq!(node.bit, at, "{} begins where the leaf before ends", node.field.name);
        at += node.bits;
    }
    assert_eq!(at, bytes.len() * 8);
    (on, bad, tree)
}

fn values(tree: &Tree, name: &str) -> Vec<Value> {
    tree.find(name).map(|n| n.value.clone()).collect()
}

#[test]
fn reads_an_acknowledgment() {
    let bytes = message(ACK);
    let (said, bad, tree) = both(&bytes);
    let said = said.unwrap();
    assert_eq!(bad, None);
    assert_eq!((said.kind, said.id, said.your), (Some(kind::ACK), 0x1234_5678, [192, 0, 2, 7]));
    assert_eq!((said.lease, said.mask), (Some(3600), Some([255, 255, 255, 0])));
    assert_eq!(said.dns.as_slice(), [[192, 0, 2, 53], [192, 0, 2, 54]]);
    assert_eq!(*said.domain, *b"ex.");
    assert_eq!(values(&tree, "dhcp.option.time_offset"), [Value::Int(-1)]);
    let searched = values(&tree, "dhcp.option.dhcp_dns_domain_search_list_fqdn");
    assert_eq!(searched[..2], [Value::Text("a".into()), Value::Text("b.a".into())]);
    let to = values(&tree, "dhcp.option.classless_static_route.destination");
    assert_eq!(to, [Value::Ipv4([10, 0, 1, 0])]);
    assert_eq!(values(&tree, "dhcp.fqdn.name"), [Value::Text("h".into())]);
    assert_eq!(values(&tree, "dhcp.option.value"), [Value::Bytes], "the unknown option");
}

#[test]
fn overloaded_fields_hold_options() {
    let mut bytes = message(&[52, 1, 3, 53, 1, 2, 255]);
    bytes[44..49].copy_from_slice(&[12, 2, b'p', b'c', 255]); // sname
    bytes[108..115].copy_from_slice(&[51, 4, 0, 0, 0, 60, 255]); // file
    let (said, bad, tree) = both(&bytes);
    let said = said.unwrap();
    assert_eq!((&*said.host, said.lease, said.kind, bad), (&b"pc"[..], Some(60), Some(kind::OFFER), None));
    assert!(values(&tree, "dhcp.file").is_empty());
}

#[test]
fn every_cut_has_its_owners() {
    let bytes = message(ACK);
    for end in 0..bytes.len() {
        let (said, bad, _) = both(&bytes[..end]);
        // Without a cookie, or cut between two options, it is whole as far as it goes.
        assert!(said.is_ok() == (end >= FIXED), "{end}");
        assert!(bad.is_none() || end > FIXED + 4);
    }
}

#[test]
fn hostile_options_stay_in_their_place() {
    // Too short for an address; too long for a flag; a length beyond the end; a search list that points at itself.
    for options in [
        &[1, 2, 9, 9, 53, 1, 1, 255][..],
        &[19, 3, 1, 2, 3, 53, 1, 1, 255],
        &[53, 1, 1, 3, 200, 1],
        &[119, 2, 0xc0, 0, 53, 1, 1, 255],
        &[121, 3, 33, 1, 2, 53, 1, 1, 255],
        &[82, 3, 1, 9, 9, 53, 1, 1, 255],
        &[61, 0, 77, 0, 81, 0, 53, 1, 1, 255],
    ] {
        let bytes = message(options);
        let (said, ..) = both(&bytes);
        assert_eq!(said.unwrap().kind, Some(kind::DISCOVER), "{options:?}");
    }
    assert_eq!(both(&message(&[1, 2, 9, 9])).1.unwrap().field, "dhcp.option.subnet_mask");
}

#[test]
fn what_is_no_bootp_is_left_to_others() {
    let bad = both(&[7; 300]).0.unwrap_err();
    assert_eq!(bad.problem, crate::wire::Problem::Content);
}

#[test]
fn a_value_in_pieces_is_one_value() {
    // RFC 3396 section 8: a boot file's name in two options. A search list is split within a name, two addresses within one.
    #[rustfmt::skip]
    let bytes = message(&[
        67, 7, b'/', b'd', b'i', b's', b'k', b'l', b'e',
        119, 2, 2, b'a',
        6, 6, 192, 0, 2, 53, 192, 0,
        119, 2, b'b', 0,
        53, 1, 5, 53, 1, 5,                     // twice the same, which is no split value
        15, 1, b'e',
        67, 6, b's', b's', b'/', b'f', b'o', b'o',
        6, 2, 2, 54,
        15, 1, b'x',
        255,
    ]);
    let (said, bad, tree) = both(&bytes);
    let said = said.unwrap();
    assert_eq!(bad, None);
    assert_eq!(values(&tree, "dhcp.option.bootfile_name"), [Value::Text("/diskless/foo".into())]);
    assert_eq!(values(&tree, "dhcp.option.dhcp_dns_domain_search_list_fqdn"), [Value::Text("ab".into())]);
    assert_eq!(said.dns.as_slice(), [[192, 0, 2, 53], [192, 0, 2, 54]]);
    assert_eq!((&*said.domain, said.kind), (&b"ex"[..], Some(kind::ACK)));
    assert_eq!(values(&tree, "dhcp.option.piece").len(), 8);
    assert_eq!(values(&tree, "dhcp.option.dhcp").len(), 2);
}

#[test]
fn pieces_are_put_together_in_their_own_order() {
    // RFC 3396 section 5: options first, then the file name, then the server name, which is not their order on the wire.
    let mut bytes = message(&[52, 1, 3, 67, 2, b'a', b'b', 255]);
    bytes[44..50].copy_from_slice(&[67, 2, b'e', b'f', 255, 0]);
    bytes[108..114].copy_from_slice(&[67, 2, b'c', b'd', 255, 0]);
    assert_eq!(values(&both(&bytes).2, "dhcp.option.bootfile_name"), [Value::Text("abcdef".into())]);
}

#[test]
fn of_a_value_whose_piece_is_cut_only_the_pieces_are_shown() {
    let bytes = message(&[67, 2, b'a', b'b', 67, 9, b'c']);
    let (_, bad, tree) = both(&bytes);
    assert!(bad.is_some());
    assert_eq!(values(&tree, "dhcp.option.bootfile_name"), []);
}
