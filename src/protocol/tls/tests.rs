//! Records and messages by hand: they read, they are cut, they lie.

use super::handshake::{Message, dissect};
use super::registry::{KeyExchange, alert_name, group_name, is_grease, key_exchange, suite_name};
use super::*;
use crate::protocol::x509;
use crate::wire::{NodeKind, Off, Tree};

#[rustfmt::skip]
const CLIENT_HELLO: &[u8] = &[
    0x16, 0x03, 0x01, 0x00, 0x5a,       // handshake, TLS 1.0 for old devices, 90 bytes
    0x01, 0x00, 0x00, 0x56,             // ClientHello, 86 bytes
    0x03, 0x03,                         // "TLS 1.2"
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, // random
    0x00,                               // no session ID
    0x00, 0x06, 0x1a, 0x1a, 0x13, 0x01, 0xc0, 0x2f, // GREASE, TLS_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
    0x01, 0x00,                         // no compression
    0x00, 0x27,                         // 39 bytes of extensions
    0x00, 0x00, 0x00, 0x0b, 0x00, 0x09, 0x00, 0x00, 0x06, b'a', b'.', b't', b'e', b's', b't', // server_name: a.test
    0x00, 0x2b, 0x00, 0x05, 0x04, 0x03, 0x04, 0x03, 0x03, // supported_versions: 1.3, 1.2
    0x00, 0x10, 0x00, 0x05, 0x00, 0x03, 0x02, b'h', b'2', // ALPN: h2
    0x12, 0x34, 0x00, 0x02, 0xff, 0xff, // an extension nobody knows
];

fn described(part: Part, bytes: &[u8]) -> (Tree, Result<(), Malformed>) {
    let mut tree = Tree::default();
    let result = describe(&part, &mut Cursor::new(bytes, 0, bytes.len(), &mut tree));
    (tree, result)
}

fn texts(tree: &Tree, name: &str) -> Vec<Value> {
    tree.nodes.iter().filter(|n| n.field.name == name).map(|n| n.value.clone()).collect()
}

/// Each byte that was reached has one owner, in order.
fn owned(tree: &Tree) -> usize {
    let mut at = 0;
    for node in tree.nodes.iter().filter(|n| n.kind == NodeKind::Leaf) {
        assert_eq!(node.bit, at, "{}", node.field.name);
        at += node.bits;
    }
    at / 8
}

const CLEAR: Part = Part::Clear { era: Era { version: 0, suite: 0, encrypt_then_mac: false }, skip: 0 };

#[test]
fn a_client_hello_reads() {
    let (tree, result) = described(CLEAR, CLIENT_HELLO);
    assert_eq!((result, owned(&tree)), (Ok(()), CLIENT_HELLO.len()));
    assert_eq!(texts(&tree, "tls.handshake.extensions_server_name"), [Value::Text("a.test".into())]);
    assert_eq!(texts(&tree, "tls.handshake.extensions_alpn_str"), [Value::Text("h2".into())]);
    assert_eq!(texts(&tree, "tls.handshake.ciphersuite").len(), 3);
    let body = &CLIENT_HELLO[HEADER..];
    let said = dissect(&mut Cursor::new(body, 0, body.len(), &mut Off), Era::default()).unwrap();
    let Message::ClientHello(hello) = said else { panic!("{said:?}") };
    assert_eq!(hello.extensions.server_name.as_deref(), Some("a.test"));
    assert_eq!(hello.extensions.versions, [0x0304, 0x0303]);
    assert_eq!(
        fingerprint::ja3_full(hello.version, &hello.suites, &hello.extensions),
        "771,4865-49199,0-43-16-4660,,"
    );
    let ja4 = fingerprint::ja4(hello.version, &hello.suites, &hello.extensions);
    assert!(ja4.starts_with("t13d0204h2_"), "{ja4}");
}

#[test]
fn cut_anywhere_it_shows_what_is_before_the_cut() {
    for length in 0..CLIENT_HELLO.len() {
        let (tree, result) = described(CLEAR, &CLIENT_HELLO[..length]);
        assert!(result.is_err(), "{length}");
        // What is left over gets a leaf from the caller; nothing before it has two owners or none.
        assert!(owned(&tree) <= length);
    }
}

#[test]
fn lengths_that_lie_stay_inside() {
    for at in 0..CLIENT_HELLO.len() {
        for value in [0, 1, 0x7f, 0xff] {
            let mut bytes = CLIENT_HELLO.to_vec();
            bytes[at] = value;
            let (tree, _) = described(CLEAR, &bytes);
            assert!(owned(&tree) <= bytes.len());
        }
    }
}

#[test]
fn heartbleed_reads_no_further_than_its_record() {
    // A heartbeat of 3 bytes that claims 16,384.
    let (tree, result) = described(CLEAR, &[24, 3, 2, 0, 3, 1, 0x40, 0x00]);
    assert!(result.is_err());
    assert_eq!(texts(&tree, "tls.heartbeat_message.payload_length"), [Value::Uint(0x4000)]);
}

#[test]
fn a_message_in_two_records_is_told_as_parts() {
    // Six bytes of an earlier message, then ServerHelloDone.
    let bytes = [22, 3, 3, 0, 10, 1, 2, 3, 4, 5, 6, 14, 0, 0, 0];
    let era = Era { version: 0x0303, ..Era::default() };
    let (tree, result) = described(Part::Clear { era, skip: 6 }, &bytes);
    assert_eq!((result, owned(&tree)), (Ok(()), bytes.len()));
    assert_eq!(texts(&tree, "tls.handshake.fragment.data").len(), 1);
    assert_eq!(texts(&tree, "tls.handshake.type"), [Value::Uint(14)]);
}

#[test]
fn an_encrypted_record_shows_its_frame() {
    let era = Era { version: 0x0304, suite: 0x1301, encrypt_then_mac: false };
    let mut bytes = vec![23, 3, 3, 0, 20];
    bytes.extend([0xee; 20]);
    let (tree, result) = described(Part::Sealed { era, protection: Protection::NoKeys }, &bytes);
    assert_eq!((result, owned(&tree)), (Ok(()), bytes.len()));
    assert_eq!(texts(&tree, "tls.record.opaque_type"), [Value::Uint(23)]);
    let lengths = |name: &str| tree.find(name).map(|n| n.length()).collect::<Vec<_>>();
    assert_eq!((lengths("tls.app_data"), lengths("tls.record.tag")), (vec![4], vec![16]));
}

#[test]
fn names_are_found() {
    assert_eq!(suite_name(0x1301), Some("TLS_AES_128_GCM_SHA256"));
    assert_eq!(group_name(0x11ec), Some("X25519MLKEM768"));
    assert_eq!(alert_name(48), Some("unknown_ca"));
    assert_eq!(key_exchange(0xc02f), KeyExchange::Ecdhe { signed: true });
    assert_eq!(key_exchange(0x009c), KeyExchange::Rsa);
    assert_eq!(key_exchange(0x1301), KeyExchange::Other);
    assert!(is_grease(0x0a0a) && is_grease(0xfafa) && !is_grease(0x0a1a) && !is_grease(0x1301));
}

/// The names in docs/words are the registry's.
#[test]
fn words_and_registry_agree() {
    let words = crate::words::field("tls.handshake.ciphersuite").unwrap();
    let mut count = 0;
    for (value, [en, _]) in &words.values {
        if let Some(name) = suite_name(value.parse().unwrap()) {
            assert!(en.starts_with(name), "{value}: {en}");
            count += 1;
        }
    }
    assert!(count > 300, "{count}");
}

#[test]
fn ssl2_hellos_are_known() {
    let mut hello = vec![0x80, 9 + 3 + 16, 1, 3, 1, 0, 3, 0, 0, 0, 16, 0, 0, 4];
    hello.extend([9; 16]);
    assert_eq!(ssl2_hello(&hello), Some(hello.len()));
    let (tree, result) = described(Part::Ssl2Hello, &hello);
    assert_eq!((result, owned(&tree)), (Ok(()), hello.len()));
    assert_eq!(ssl2_hello(b"\x80\x1cGET / HTTP/1.1"), None);
}

#[rustfmt::skip]
const CERTIFICATE: &[u8] = &[
    0x30, 0x74,                                     // certificate
    0x30, 0x66,                                     //   what is signed
    0xa0, 0x03, 0x02, 0x01, 0x02,                   //     version 3
    0x02, 0x01, 0x07,                               //     serial number 7
    0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70,       //     Ed25519
    0x30, 0x0c, 0x31, 0x0a, 0x30, 0x08, 0x06, 0x03, 0x55, 0x04, 0x03, 0x0c, 0x01, b'a', // issuer CN=a
    0x30, 0x1e,                                     //     validity
    0x17, 0x0d, b'2', b'4', b'0', b'2', b'2', b'9', b'0', b'0', b'0', b'0', b'0', b'0', b'Z',
    0x17, 0x0d, b'2', b'5', b'0', b'1', b'0', b'1', b'0', b'0', b'0', b'0', b'0', b'0', b'Z',
    0x30, 0x0c, 0x31, 0x0a, 0x30, 0x08, 0x06, 0x03, 0x55, 0x04, 0x03, 0x0c, 0x01, b'a', // subject CN=a
    0x30, 0x0b, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x02, 0x00, 0x05, // the key: Ed25519
    0xa3, 0x0c, 0x30, 0x0a, 0x30, 0x08,             //     extensions
    0x06, 0x03, 0x55, 0x1d, 0x13, 0x04, 0x01, 0x00, //       basic constraints, broken
    0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70,       //   Ed25519
    0x03, 0x03, 0x00, 0xaa, 0xbb,                   //   signature
];

#[test]
fn a_certificate_reads_as_far_as_it_is_whole() {
    let mut tree = Tree::default();
    let result = x509::dissect(&mut Cursor::new(CERTIFICATE, 0, CERTIFICATE.len(), &mut tree));
    assert!(result.is_err(), "the extension is broken");
    assert_eq!(texts(&tree, "x509af.utcTime")[0], Value::Text("2024-02-29 00:00:00 (UTC)".into()));
    // With an extension of another kind it is whole.
    let mut whole = CERTIFICATE.to_vec();
    let at = whole.windows(3).position(|w| w == [0x55, 0x1d, 0x13]).unwrap();
    whole[at + 2] = 0x63;
    let said = x509::dissect(&mut Cursor::new(&whole, 0, whole.len(), &mut Off)).unwrap();
    assert_eq!(
        (&*said.subject, said.key, said.signature, said.is_self_issued),
        ("CN=a", "Ed25519", "Ed25519", true)
    );
    assert_eq!(said.valid, [Some(1_709_164_800), Some(1_735_689_600)]);
    for length in 0..whole.len() {
        let mut tree = Tree::default();
        let _ = x509::dissect(&mut Cursor::new(&whole, 0, length, &mut tree));
        assert!(owned(&tree) <= length);
    }
}

#[test]
fn names_of_certificates_match_hosts() {
    let certificate = |names: &[&str]| x509::Certificate {
        names: names.iter().map(|n| (*n).to_owned()).collect(),
        common_name: Some("old.test".into()),
        ..x509::Certificate::default()
    };
    let one = certificate(&["*.a.test", "b.test"]);
    assert!(x509::is_for(&one, "x.a.test") && x509::is_for(&one, "B.test."));
    assert!(
        !x509::is_for(&one, "a.test") && !x509::is_for(&one, "x.y.a.test") && !x509::is_for(&one, "old.test")
    );
    assert!(x509::is_for(&certificate(&[]), "old.test"));
}
