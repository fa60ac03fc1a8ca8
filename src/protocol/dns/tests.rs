//! What the dissector says of whole messages, of cut ones and of damaged ones.

use proptest::prelude::*;

use super::*;
use crate::wire::{NodeKind, Off, Tree};

/// A query with EDNS, as dig sends it.
#[rustfmt::skip]
const QUERY: &[u8] = &[
    0x1a, 0x2b,                         // dns.id
    0x01, 0x20,                         // flags: recursion desired, authenticated data wanted
    0, 1, 0, 0, 0, 0, 0, 1,             // counts: one question, one additional record
    3, b'w', b'w', b'w', 7, b'e', b'x', b'a', b'm', b'p', b'l', b'e', 0, // www.example
    0, 1, 0, 1,                         // A, IN
    0, 0, 41, 0x04, 0xd0, 0, 0, 0x80, 0, // OPT: root, UDP payload size 1232, DO
    0, 6, 0, 3, 0, 2, b'n', b's',       // data length 6, NSID option, 2 bytes
];

/// A response with an alias, addresses, mail, text, service, signature and more.
#[rustfmt::skip]
const RESPONSE: &[u8] = &[
    0x1a, 0x2b,                         // dns.id
    0x81, 0x80,                         // flags: response, recursion desired and available
    0, 1, 0, 9, 0, 2, 0, 2,             // counts
    3, b'w', b'w', b'w', 7, b'e', b'x', b'a', b'm', b'p', b'l', b'e', 0, // 12: www.example
    0, 1, 0, 1,                         // A, IN
    0xc0, 12, 0, 5, 0, 1, 0, 0, 1, 44, 0, 4, 1, b'h', 0xc0, 16, // CNAME h.example
    0xc0, 41, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7,      // A 192.0.2.7
    0xc0, 41, 0, 28, 0, 1, 0, 0, 0, 61, 0, 16,                  // AAAA
    0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7,    // 2001:db8::7
    0xc0, 16, 0, 15, 0, 1, 0, 0, 0, 62, 0, 7, 0, 10, 2, b'm', b'x', 0xc0, 16, // MX 10 mx.example
    0xc0, 16, 0, 16, 0, 1, 0, 0, 0, 63, 0, 6, 2, b'a', b'b', 2, b'c', b'd',   // TXT "ab" "cd"
    0xc0, 16, 0, 33, 0, 1, 0, 0, 0, 64, 0, 8, 0, 1, 0, 2, 0, 53, 0xc0, 12,    // SRV 1 2 53
    0xc0, 16, 1, 1, 0, 1, 0, 0, 0, 65, 0, 10, 128, 5, b'i', b's', b's', b'u', b'e', b'a', b'.', b'b', // CAA
    0xc0, 16, 0, 65, 0, 1, 0, 0, 0, 66, 0, 10, 0, 1, 0, 0, 1, 0, 3, 2, b'h', b'2', // HTTPS 1 . alpn=h2
    0xc0, 16, 0, 46, 0, 1, 0, 0, 0, 67, 0, 21,                  // RRSIG
    0, 1, 8, 2, 0, 0, 0, 60, 0x60, 0, 0, 1, 0x60, 0, 0, 0, 0x12, 0x34, 0, 0xee, 0xff,
    0xc0, 16, 0, 2, 0, 1, 0, 0, 0, 68, 0, 5, 2, b'n', b's', 0xc0, 16, // NS ns.example
    0xc0, 16, 0, 6, 0, 1, 0, 0, 0, 69, 0, 24,                   // SOA
    0xc0, 16, 0xc0, 12, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5,
    0xc0, 16, 0x12, 0x34, 0, 1, 0, 0, 0, 70, 0, 3, 1, 2, 3,     // a type without a name
    0, 0, 41, 0x04, 0xd0, 1, 0, 0, 0, 0, 0,                     // OPT: upper bits of the response code are 1
];

/// Reads in both lanes and holds them to each other, and the leaves to the bytes: each bit in exactly one.
fn both(bytes: &[u8], start: usize) -> (Message, Option<Malformed>, Tree) {
    both_as(bytes, start, Dialect::Unicast)
}

fn both_as(bytes: &[u8], start: usize, dialect: Dialect) -> (Message, Option<Malformed>, Tree) {
    let off = read_as(&mut Cursor::new(bytes, start, bytes.len(), &mut Off), dialect);
    let mut tree = Tree::default();
    let mut c = Cursor::new(bytes, start, bytes.len(), &mut tree);
    let on = read_as(&mut c, dialect);
    static REST: Field = Field::new("dns.unreadable");
    c.rest(&REST);
    assert_eq!(off, on, "both lanes say the same");
    let mut at = start * 8;
    for node in tree.nodes.iter().filter(|n| n.kind == NodeKind::Leaf) {
        assert_eq!(node.bit, at, "{} begins where the leaf before ends", node.field.name);
        assert!(node.bits > 0);
        at += node.bits;
    }
    assert_eq!(at, bytes.len().max(start) * 8, "the leaves reach the end");
    (on.0, on.1, tree)
}

fn texts(tree: &Tree, name: &str) -> Vec<String> {
    tree.find(name)
        .map(|n| match &n.value {
            Value::Text(text) => text.clone(),
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn reads_a_query() {
    let (said, bad, tree) = both(QUERY, 0);
    assert_eq!(bad, None);
    assert_eq!((said.id, said.response, said.recursion_desired), (0x1a2b, false, true));
    assert_eq!(said.question, Some(Question { name: "www.example".into(), rtype: 1, class: 1 }));
    assert_eq!(tree.find("dns.rr.udp_payload_size").next().unwrap().value, Value::Uint(1232));
    assert_eq!(tree.find("dns.resp.z.do").next().unwrap().value, Value::Flag(true));
    assert_eq!(texts(&tree, "dns.resp.name"), ["<Root>"]);
    assert!(tree.find("dns.flags.rcode").next().is_none(), "a query has no response code");
    assert_eq!(tree.find("dns.flags").next().unwrap().value, Value::Uint(0x0120));
}

#[test]
fn reads_a_response() {
    let (said, bad, tree) = both(RESPONSE, 0);
    assert_eq!(bad, None);
    assert_eq!(said.rcode, 16, "the upper bits come from EDNS");
    assert_eq!(said.counts, [1, 9, 2, 2]);
    assert_eq!(said.min_ttl, Some(60));
    assert!(said.authority_ns && said.authority_soa);
    let short: Vec<_> = said.answers.iter().map(|a| (a.name.as_str(), a.ttl, a.text.as_str())).collect();
    assert_eq!(
        short,
        [
            ("www.example", 300, "h.example"),
            ("h.example", 60, "192.0.2.7"),
            ("h.example", 61, "2001:db8::7"),
            ("example", 62, "10 mx.example"),
            ("example", 63, "abcd"),
            ("example", 64, "1 2 53 www.example"),
            ("example", 65, "issue a.b"),
            ("example", 66, "1 <Root> alpn=h2"),
            ("example", 67, ""),
        ]
    );
    assert_eq!(texts(&tree, "dns.txt"), ["ab", "cd"]);
    assert_eq!(texts(&tree, "dns.soa.rname"), ["www.example"]);
    assert_eq!(tree.find("dns.svcb.svcparam.key").next().unwrap().value, Value::Uint(1));
    assert_eq!(tree.find("dns.rrsig.key_tag").next().unwrap().value, Value::Uint(0x1234));
    assert_eq!(tree.find("dns.data").count(), 1, "only the type without a name is left as bytes");
}

#[test]
fn pointers_count_from_the_message_not_from_the_frame() {
    let mut frame = vec![0x55; 42];
    frame.extend_from_slice(RESPONSE);
    let (said, bad, _) = both(&frame, 42);
    assert_eq!((bad, said), (None, both(RESPONSE, 0).0));
}

#[test]
fn a_circle_of_pointers_is_content_and_does_not_hide_what_follows() {
    let mut message = QUERY[..12].to_vec();
    message[11] = 0;
    message.extend([0xc0, 12, 0, 1, 0, 1]);
    let (said, bad, tree) = both(&message, 0);
    let bad = bad.unwrap();
    assert_eq!((bad.field, bad.at, bad.problem), ("dns.qry.name", 12, Problem::Content));
    assert_eq!(said.question, Some(Question { name: String::new(), rtype: 1, class: 1 }));
    assert_eq!(tree.find("dns.qry.type").count(), 1);
}

#[test]
fn data_shorter_than_its_type_needs_is_noted_and_passed() {
    let mut message = RESPONSE[..29].to_vec();
    message[4..12].copy_from_slice(&[0, 1, 0, 2, 0, 0, 0, 0]);
    message.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 2, 1, 2]);
    message.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 6, 1, 2, 3, 4, 5, 6]);
    let (said, bad, tree) = both(&message, 0);
    let bad = bad.unwrap();
    assert_eq!((bad.field, bad.at, bad.need, bad.have), ("dns.a", 41, 4, 2));
    assert_eq!(said.answers[1].text, "1.2.3.4");
    assert_eq!(tree.find("dns.data").map(|n| n.length()).collect::<Vec<_>>(), [2, 2]);
}

#[test]
fn multicast_bits_are_told_apart_from_the_class() {
    let mut message = QUERY[..29].to_vec();
    message[11] = 0;
    message[27] = 0x80;
    let (said, _, tree) = both_as(&message, 0, Dialect::Multicast);
    assert_eq!(said.question.unwrap().class, 1);
    assert_eq!(tree.find("dns.qry.qu").next().unwrap().value, Value::Flag(true));
}

#[test]
fn an_update_counts_zones_and_may_have_empty_data() {
    let mut message = RESPONSE[..29].to_vec();
    message[2..12].copy_from_slice(&[0x28, 0, 0, 1, 0, 0, 0, 1, 0, 0]);
    message.extend([0xc0, 12, 0, 1, 0, 255, 0, 0, 0, 0, 0, 0]);
    let (_, bad, tree) = both(&message, 0);
    assert_eq!(bad, None);
    assert_eq!(tree.find("dns.count.zones").next().unwrap().value, Value::Uint(1));
}

#[test]
fn bytes_behind_the_message_have_an_owner() {
    let mut message = QUERY.to_vec();
    message.extend([0; 3]);
    let (_, bad, tree) = both(&message, 0);
    assert_eq!(bad, None);
    assert_eq!(tree.find("dns.extraneous.data").next().unwrap().length(), 3);
}

#[test]
fn every_cut_says_where_and_keeps_what_was_before() {
    for message in [QUERY, RESPONSE] {
        for end in 0..message.len() {
            let (_, bad, _) = both(&message[..end], 0);
            let bad = bad.unwrap_or_else(|| panic!("cut at {end} goes unnoticed"));
            assert!(bad.need > bad.have && bad.at + bad.have <= end, "{end}: {bad:?}");
        }
    }
}

/// A response with one record of this type and data, at the root.
fn with_record(rtype: u16, data: &[u8]) -> Vec<u8> {
    let mut message = vec![0, 1, 0x80, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0];
    message.extend(rtype.to_be_bytes());
    message.extend([0, 1, 0, 0, 0, 60]);
    message.extend((data.len() as u16).to_be_bytes());
    message.extend(data);
    message
}

#[test]
fn rare_records_are_taken_apart_to_their_last_byte() {
    // Type, data, and the short form that is told.
    #[rustfmt::skip]
    let records: &[(u16, &[u8], &str)] = &[
        (10, &[1, 2], ""),                                                // NULL
        (13, &[3, b'a', b'b', b'c', 1, b'd'], "abc d"),                   // HINFO
        (14, &[1, b'a', 0, 1, b'b', 0], "a b"),                           // MINFO
        (17, &[1, b'a', 0, 0], "a <Root>"),                               // RP
        (18, &[0, 1, 1, b'a', 0], "1 a"),                                 // AFSDB
        (20, &[1, b'1', 1, b'2'], "1"),                                   // ISDN
        (25, &[1, 0, 3, 8, 9, 9], ""),                                    // KEY
        (29, &[0, 0x12, 0x16, 0x13, 0x80, 0, 0, 0, 0x80, 0, 0, 0, 0, 0x98, 0x96, 0x80],
            "0 0 0.000 N 0 0 0.000 E 0.00m"),                             // LOC
        (35, &[0, 1, 0, 2, 1, b's', 1, b'x', 0, 1, b'a', 0], "1 2 \"s\" \"x\" \"\" a"), // NAPTR
        (36, &[0, 1, 1, b'a', 0], "1 a"),                                 // KX
        (37, &[0, 1, 0, 2, 8, 9], ""),                                    // CERT
        (38, &[120, 7, 1, b'a', 0], ""),                                  // A6
        (42, &[0, 1, 24, 0x83, 192, 0, 2], ""),                           // APL: !192.0.2.0/24
        (43, &[0x12, 0x34, 8, 2, 9, 9], "4660 8 2"),                      // DS
        (44, &[4, 2, 9, 9], "4 2"),                                       // SSHFP
        (45, &[10, 1, 2, 192, 0, 2, 1, 9], ""),                           // IPSECKEY
        (47, &[1, b'a', 0, 0, 1, 0x40], "a A"),                           // NSEC
        (48, &[1, 1, 3, 8, 9, 9], "257 3 8"),                             // DNSKEY
        (50, &[1, 0, 0, 0, 0, 5, 1, 2, 3, 4, 5, 0, 1, 0x40], ""),         // NSEC3
        (51, &[1, 0, 0, 5, 1, 7], ""),                                    // NSEC3PARAM
        (52, &[3, 1, 1, 9, 9], "3 1 1"),                                  // TLSA
        (55, &[1, 2, 0, 1, 7, 8, 1, b'a', 0], ""),                        // HIP
        (61, &[9, 9], ""),                                                // OPENPGPKEY
        (62, &[0, 0, 0, 1, 0, 3, 0, 1, 0x40], ""),                        // CSYNC
        (63, &[0, 0, 0, 1, 1, 1, 9, 9], ""),                              // ZONEMD
        (65, &[0, 1, 0, 0, 3, 0, 2, 1, 0xbb, 0, 4, 0, 4, 192, 0, 2, 1],
            "1 <Root> port=443 ipv4hint=192.0.2.1"),                      // HTTPS
        (108, &[0, 1, 2, 3, 4, 5], ""),                                   // EUI48
        (249, &[1, b'a', 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 3, 0, 0, 0, 1, 7, 0, 0], ""), // TKEY
        (250, &[1, b'a', 0, 0, 0, 0, 0, 0, 1, 1, 44, 0, 1, 7, 0, 1, 0, 0, 0, 0], ""), // TSIG
        (256, &[0, 1, 0, 2, b'x', b':'], "x:"),                           // URI
    ];
    for (rtype, data, text) in records {
        let message = with_record(*rtype, data);
        let (said, bad, tree) = both(&message, 0);
        assert_eq!(bad, None, "type {rtype}");
        assert_eq!(said.answers[0].text, *text, "type {rtype}");
        assert_eq!(tree.find("dns.data").count(), 0, "type {rtype}");
        // Cut anywhere, and claiming less than there is: told, never a panic.
        for end in 0..message.len() {
            assert!(both(&message[..end], 0).1.is_some(), "type {rtype} cut at {end}");
        }
        for claimed in 0..data.len() {
            both(&with_record(*rtype, &data[..claimed]), 0);
        }
    }
}

#[test]
fn options_are_taken_apart() {
    #[rustfmt::skip]
    let options: &[u8] = &[
        0, 8, 0, 7, 0, 1, 24, 0, 192, 0, 2,             // client subnet 192.0.2.0/24
        0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8,            // cookie
        0, 11, 0, 2, 0, 10,                             // keepalive: 1 s
        0, 15, 0, 4, 0, 18, b'n', b'o',                 // extended error: prohibited
        0, 8, 0, 1, 0,                                  // a client subnet that is none
        0, 12, 0, 2, 0, 0,                              // padding
    ];
    let mut message = QUERY[..40].to_vec();
    message[38..40].copy_from_slice(&(options.len() as u16).to_be_bytes());
    message.extend(options);
    let (_, bad, tree) = both(&message, 0);
    assert_eq!(bad.unwrap().field, "dns.opt.client.family", "noted, and the next one is read all the same");
    assert_eq!(tree.find("dns.opt.client.addr4").next().unwrap().value, Value::Ipv4([192, 0, 2, 0]));
    assert_eq!(tree.find("dns.opt.ext_error.info_code").next().unwrap().value, Value::Uint(18));
    assert_eq!(tree.find("dns.opt.padding").next().unwrap().length(), 2);
}

#[test]
fn llmnr_has_flags_of_its_own() {
    let mut message = QUERY[..29].to_vec();
    message[2..4].copy_from_slice(&[0x85, 0]);
    message[11] = 0;
    let (said, bad, tree) = both_as(&message, 0, Dialect::Llmnr);
    assert_eq!((bad, said.authoritative, said.recursion_desired), (None, false, false));
    assert_eq!(tree.find("dns.flags.conflict").next().unwrap().value, Value::Flag(true));
    assert_eq!(tree.find("dns.flags.tentative").next().unwrap().value, Value::Flag(true));
}

#[test]
fn stateful_operations_are_read() {
    let message = [0, 1, 0x30, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 8, 0, 0, 0, 1, 0, 0, 0, 2];
    let (_, bad, tree) = both(&message, 0);
    assert_eq!(bad, None);
    assert_eq!(tree.find("dns.dso.tlv.keepalive.interval").next().unwrap().value, Value::Uint(2));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damage_is_borne(
        response in any::<bool>(),
        cut in 0usize..300,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut message = if response { RESPONSE } else { QUERY }.to_vec();
        for (at, value) in changes {
            let at = at.index(message.len());
            message[at] = value;
        }
        message.truncate(cut.max(1));
        both(&message, 0);
    }

    #[test]
    fn any_bytes_are_borne(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        both(&bytes, 0);
    }
}
