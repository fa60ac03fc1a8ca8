//! What expressions mean, as a table of expression and result over fixed facts.

use crate::capture::Frame;
use crate::wire::{Field, Recorder, Tree, Value};

use super::super::{Chain, TreeFacts};
use super::{Facts, Listed, Operand, parsed};

const SYN_ACK: &[(&str, Operand<'_>)] = &[
    ("frame.number", Operand::Int(4)),
    ("frame.time_epoch", Operand::Time(1_700_000_000_250_000_001)),
    ("eth", Operand::Bytes(&[])),
    ("eth.dst", Operand::Mac([2, 0x7d, 0x9b, 0x80, 0xc0, 0x87])),
    ("eth.src", Operand::Mac([0x8e, 0xb3, 0x6d, 0x7e, 0x5a, 0xaf])),
    ("ip", Operand::Bytes(&[])),
    ("ip.src", Operand::V4([10, 77, 0, 2])),
    ("ip.dst", Operand::V4([10, 77, 0, 1])),
    ("ip.ttl", Operand::Int(64)),
    ("ipv6.src", Operand::V6([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])),
    ("tcp", Operand::Bytes(&[0x0f, 0xa3, 0xe4, 0x6e, 0x12])),
    ("tcp.srcport", Operand::Int(80)),
    ("tcp.dstport", Operand::Int(58478)),
    ("tcp.flags", Operand::Int(0x12)),
    ("tcp.flags.syn", Operand::Bool(true)),
    ("tcp.flags.fin", Operand::Bool(false)),
    ("tcp.len", Operand::Int(0)),
    ("tcp.seq_raw", Operand::Int(0xffff_fff0)),
    ("tcp.ack_raw", Operand::Int(0)),
    ("flow.client.isn", Operand::Int(0xffff_ffff)),
    ("flow.opening", Operand::Text("three-way")),
    ("flow.rtt.min", Operand::Time(34_000)),
    ("flow.rate", Operand::Float(0.5)),
    ("http.request.method", Operand::Text("GET")),
    ("http.host", Operand::Text("Example.COM")),
    ("http.empty", Operand::Text("")),
    ("dns.a", Operand::V4([192, 0, 2, 1])),
    ("dns.a", Operand::V4([192, 0, 2, 2])),
    ("n", Operand::Int(1)),
    ("n", Operand::Int(2)),
    ("n", Operand::Int(3)),
    ("negative", Operand::Int(-5)),
];

fn check(facts: &dyn Facts, table: &[(&str, bool)]) {
    for (source, expected) in table {
        let expression = parsed(source);
        assert_eq!(expression.holds(facts), *expected, "{source}");
        let again = parsed(&expression.to_string());
        assert_eq!(again, expression, "{source} was written as {expression}");
        assert_eq!(again.to_string(), expression.to_string());
    }
}

#[test]
fn existence_is_not_truth() {
    check(
        &Listed(SYN_ACK),
        &[
            ("tcp", true),
            ("udp", false),
            ("tcp.flags.fin", true),
            ("tcp.flags.fin == 1", false),
            ("not udp", true),
            ("!udp&&tcp", true),
            ("http.empty", true),
            ("tcp[0:2]", true),
            ("tcp[40:]", false),
            ("tcp.flags & 0x02", true),
            ("tcp.flags & 0x01", false),
            ("tcp.len + 0", false),
        ],
    );
}

#[test]
fn every_spelling_of_every_comparison() {
    check(
        &Listed(SYN_ACK),
        &[
            ("ip.ttl == 64", true),
            ("ip.ttl eq 0x40", true),
            ("ip.ttl == 0100", true),
            ("ip.ttl == 0b1000000", true),
            ("ip.ttl != 64", false),
            ("ip.ttl ne 63", true),
            ("ip.ttl > 63", true),
            ("ip.ttl gt 64", false),
            ("ip.ttl >= 64", true),
            ("ip.ttl ge 65", false),
            ("ip.ttl < 65", true),
            ("ip.ttl lt 64", false),
            ("ip.ttl <= 64", true),
            ("ip.ttl le 63", false),
            ("64 == ip.ttl", true),
            ("1 < ip.ttl < 65", true),
            ("1 < ip.ttl < 64", false),
            ("negative == -5", true),
            ("negative < -4", true),
            ("tcp.len > -1", true),
        ],
    );
}

#[test]
fn a_field_may_occur_several_times() {
    check(
        &Listed(SYN_ACK),
        &[
            ("n == 2", true),
            ("n == 4", false),
            ("n != 2", false),
            ("n != 4", true),
            ("n ~= 2", true),
            ("n !== 2", true),
            ("n any_ne 2", true),
            ("n all_ne 2", false),
            ("n === 2", false),
            ("n all_eq 2", false),
            ("n any_eq 2", true),
            ("all n > 0", true),
            ("all n > 1", false),
            ("any n > 2", true),
            ("any n != 2", true),
            ("all n == n", false),
            ("n == n + 2", true),
            ("n in {7, 3}", true),
            ("n in {4..9}", false),
            ("n not in {4..9}", true),
            ("all n in {1..3}", true),
            ("all n in {1, 2}", false),
            ("count(n) == 3", true),
            ("count(dns.a) == 2", true),
            ("count(dns.aaaa) == 0", false),
            ("not count(dns.aaaa) > 0", true),
            ("dns.a == 192.0.2.2", true),
            ("dns.a != 192.0.2.2", false),
            ("not dns.a == 192.0.2.2", false),
        ],
    );
}

#[test]
fn what_is_absent_compares_false_and_negates_true() {
    check(
        &Listed(SYN_ACK),
        &[
            ("udp.port == 53", false),
            ("udp.port != 53", false),
            ("not udp.port == 53", true),
            ("not udp.port != 53", true),
            ("all udp.port == 53", false),
            ("udp.length in {1..9}", false),
            ("udp.length + 1 == 1", false),
            ("dns.qry.name contains \"a\"", false),
            ("udp.port == udp.port", false),
        ],
    );
}

#[test]
fn precedence() {
    check(
        &Listed(SYN_ACK),
        &[
            ("tcp or udp and udp", true),
            ("(tcp or udp) and udp", false),
            ("not udp and udp", false),
            ("not (udp and udp)", true),
            ("not tcp or tcp", true),
            ("not ip.ttl == 64 or udp", false),
            ("tcp xor udp", true),
            ("tcp ^^ tcp", false),
            ("tcp xor tcp xor tcp", true),
            ("tcp or tcp xor tcp", true),
            ("tcp xor tcp and udp", true),
            ("ip.ttl == 2 + 2 * 31", true),
            ("ip.ttl == (2 + 2) * 16", true),
            ("ip.ttl == {2 + 2} * 16", true),
            ("(ip.ttl - 4) / 6 == 10", true),
            ("ip.ttl % 10 == 4", true),
            ("ip.ttl - 60 - 3 == 1", true),
            ("ip.ttl-60-3==1", true),
            ("ip.ttl & 64 + 0 == 64", true),
            ("ip.ttl bitand 0x41 == 0x40", true),
            ("ip.ttl bitwise_and 1 == 0", true),
            ("-ip.ttl == -64", true),
            ("not not tcp", true),
            ("ip.ttl / 0 == 0", false),
        ],
    );
}

#[test]
fn sequence_numbers_wrap() {
    check(
        &Listed(SYN_ACK),
        &[
            // 0xffffffff + 1 is 0: the claim of every SYN-ACK, at the worst place.
            ("tcp.ack_raw == flow.client.isn + 1", true),
            ("tcp.ack_raw - 1 == flow.client.isn", true),
            ("tcp.ack_raw - flow.client.isn == 1", true),
            ("flow.client.isn - tcp.ack_raw == -1", true),
            ("tcp.ack_raw > flow.client.isn", true),
            ("tcp.seq_raw < tcp.ack_raw", true),
            ("tcp.seq_raw + 16 + tcp.len == tcp.ack_raw", true),
            ("tcp.ack_raw in {tcp.seq_raw .. tcp.seq_raw + 32}", true),
            // Beside a plain number it is one.
            ("tcp.seq_raw > 5", true),
            ("tcp.seq_raw == 4294967280", true),
            ("tcp.ack_raw == 0", true),
            ("tcp.seq_raw > ip.ttl", true),
        ],
    );
}

#[test]
fn addresses_and_bytes() {
    check(
        &Listed(SYN_ACK),
        &[
            ("ip.src == 10.77.0.2", true),
            ("ip.addr == 10.77.0.1", true),
            ("ip.addr == 10.77.0.3", false),
            ("ip.addr != 10.77.0.1", false),
            ("ip.addr == 10.77.0.0/24", true),
            ("ip.src == 10.78.0.0/16", false),
            ("ip.src == 0.0.0.0/0", true),
            ("ip.addr != 192.168.0.0/16", true),
            ("ip.src > ip.dst", true),
            ("ip.src in {10.77.0.2..10.77.0.9}", true),
            ("ip.addr", true),
            ("udp.port", false),
            ("tcp.port == 80", true),
            ("tcp.port == 80 and tcp.port == 58478", true),
            ("ipv6.src == fe80::1", true),
            ("ipv6.addr == fe80::/10", true),
            ("ipv6.src == ::1", false),
            ("ipv6.src in {fe80::..fe80::ff}", true),
            ("eth.src == 8e:b3:6d:7e:5a:af", true),
            ("eth.src == 8E-B3-6D-7E-5A-AF", true),
            ("eth.addr == ff:ff:ff:ff:ff:ff", false),
            ("eth.dst[0:3] == 02:7d:9b", true),
            ("eth.dst[0:3] == 02-7d-9b", true),
            ("eth.dst[3-5] == 80:c0:87", true),
            ("eth.dst[-3:] == 80:c0:87", true),
            ("eth.dst[-3--2] == 80:c0", true),
            ("eth.dst[:2] == 02:7d", true),
            ("eth.src[5] == af", true),
            ("af == eth.src[5]", true),
            ("eth.src[5] in {ae, af}", true),
            ("eth.dst[0] & 0x02 == 2", true),
            ("eth.dst contains 9b:80", true),
            // Beside bytes, digits are hexadecimal; as a number they are not.
            ("tcp[4] == 12", true),
            ("tcp[4] == 0x12", true),
            ("tcp[4] == 18", false),
            ("tcp[4] + 0 == 18", true),
            ("tcp[0:2] + 0 == 4003", true),
            ("tcp[0:2] < ff", false),
            ("tcp[0:2] < ff:00", true),
            ("tcp[5] == 00", false),
            ("ip.src[0] == 0a", true),
            ("eth.src == ip.src", false),
        ],
    );
}

#[test]
fn texts_times_and_flags() {
    check(
        &Listed(SYN_ACK),
        &[
            ("http.request.method == \"GET\"", true),
            ("http.request.method == \"get\"", false),
            ("http.request.method == \"\\x47\\105\\u0054\"", true),
            ("http.request.method in {\"HEAD\", \"GET\"}", true),
            ("http.host contains \"COM\"", true),
            ("http.host contains \"\"", true),
            ("lower(http.host) == \"example.com\"", true),
            ("len(http.host) == 11", true),
            ("http.host[0:7] == \"Example\"", true),
            ("flow.opening == \"three-way\"", true),
            ("flow.opening == r\"three-way\"", true),
            ("flow.opening < \"z\"", true),
            ("flow.opening == 5", false),
            ("flow.rtt.min < 0.001", true),
            ("flow.rtt.min == 0.000034", true),
            ("flow.rtt.min * 2 == 0.000068", true),
            ("flow.rtt.min < 1", true),
            ("frame.time_epoch == 1700000000.250000001", true),
            ("frame.time_epoch > 1700000000", true),
            ("frame.time_epoch - 1700000000 == 0.250000001", true),
            ("flow.rate == 0.5", true),
            ("flow.rate * 2 == 1", true),
            ("tcp.flags.syn == 1", true),
            ("tcp.flags.syn == true", true),
            ("tcp.flags.syn == TRUE", true),
            ("tcp.flags.syn == 2", true),
            ("tcp.flags.syn != False", true),
            ("tcp.flags.fin == False", true),
            ("tcp.flags.syn == tcp.flags.fin", false),
            ("ip.ttl == true", true),
        ],
    );
}

#[test]
fn names_are_those_asked_for_each_once() {
    let names = |source| parsed(source).names().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(names("flow.client.isn == 1 and flow.client.isn == 2"), ["flow.client.isn"]);
    assert_eq!(names("ip.addr == 1.2.3.4 or ip.src == 1.2.3.4"), ["ip.src", "ip.dst"]);
    assert_eq!(names("eth.src[0] == ff"), ["eth.src"]);
}

#[test]
fn a_packet_tree_has_layers_leaves_groups_and_the_frame() {
    static ETH: Field = Field::new("eth");
    static IP: Field = Field::new("ip");
    static ICMP: Field = Field::new("icmp");
    static SRC: Field = Field::new("ip.src");
    static OPTIONS: Field = Field::new("ip.options");
    static PADDING: Field = Field::new("ip.options.padding");
    static CODE: Field = Field::new("icmp.code");
    static TEXT: Field = Field::new("data.text");
    let mut tree = Tree::default();
    tree.layer(&ETH, 0, 2);
    tree.layer(&IP, 2, 4);
    tree.leaf(&SRC, 16, 32, Value::Ipv4([10, 0, 0, 1]));
    tree.open(&OPTIONS, 48, 0);
    tree.leaf(&PADDING, 48, 8, Value::Uint(0));
    tree.close(56);
    tree.layer(&ICMP, 6, 1);
    tree.leaf(&CODE, 48, 8, Value::Uint(3));
    tree.layer(&IP, 7, 4);
    tree.leaf(&SRC, 56, 32, Value::Ipv4([10, 0, 0, 2]));
    tree.derived(&TEXT, 56, Value::Text("hello".to_owned()));
    let bytes = [0xaa, 0xbb, 10, 0, 0, 1, 3, 10, 0, 0, 2];
    let frame =
        Frame { number: 7, time_ns: 1_500_000_000, interface: 0, link_type: 1, wire_len: 60, bytes: &bytes };
    let packet = TreeFacts { tree: &tree, frame: &frame };
    let flow = Listed(&[("flow.id", Operand::Int(3)), ("ip.src", Operand::V4([1, 1, 1, 1]))]);
    let table = [
        ("icmp and ip and eth", true),
        ("tcp", false),
        ("ip.options", true),
        ("ip.src == 10.0.0.2", true),
        ("ip.src#1 == 10.0.0.2", false),
        ("ip.src#2 == 10.0.0.2", true),
        ("ip.addr#2 == 10.0.0.2", true),
        ("ip.src#3", false),
        ("ip#2", true),
        ("eth[0:2] == aa:bb", true),
        ("eth contains aa:bb:0a", false),
        ("frame contains aa:bb:0a", true),
        ("frame.number == 7 and frame.len == 60 and frame.cap_len == 11", true),
        ("frame.time_epoch == 1.5", true),
        ("frame.foo", false),
        ("icmp.code == 3", true),
        ("data.text contains \"ell\"", true),
        ("len(ip.src) == 4", true),
    ];
    check(&packet, &table);
    let both = [&packet as &dyn Facts, &flow];
    check(&Chain(&both), &table);
    check(&Chain(&both), &[("flow.id == 3 and icmp", true), ("ip.src == 1.1.1.1", false)]);
    let reversed = [&flow as &dyn Facts, &packet];
    check(&Chain(&reversed), &[("ip.src == 1.1.1.1", true), ("ip.src == 10.0.0.2", false)]);
}
