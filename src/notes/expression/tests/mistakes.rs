//! What is told of mistakes: each reason, with its place in characters, and the words for each.

use super::super::{Argument, Error, Expression, Kind, Reason, Vocabulary};

fn kind_of(name: &str) -> Option<Kind> {
    Some(match name {
        "tcp" | "udp" | "ip" | "http" | "frame" => Kind::Protocol,
        "tcp.srcport" | "tcp.dstport" | "tcp.len" | "tcp.seq_raw" | "tcp.options.mss_val" => Kind::Number,
        "tcp.flags.syn" => Kind::Flag,
        "ip.src" | "ip.dst" => Kind::Ipv4,
        "ipv6.src" | "ipv6.dst" => Kind::Ipv6,
        "eth.src" | "eth.dst" => Kind::Mac,
        "http.request.method" | "http.host" => Kind::Text,
        "frame.time_epoch" => Kind::Time,
        "data.data" => Kind::Bytes,
        "flow.anything" => Kind::Any,
        _ => return None,
    })
}

const NAMES: &[&str] = &[
    "tcp",
    "udp",
    "ip",
    "http",
    "tcp.srcport",
    "tcp.dstport",
    "tcp.len",
    "tcp.seq_raw",
    "tcp.options.mss_val",
    "tcp.flags.syn",
    "ip.src",
    "ip.dst",
    "http.request.method",
    "http.host",
    "frame.time_epoch",
];

fn told(source: &str) -> Error {
    let vocabulary = Vocabulary { kind_of: &kind_of, names: NAMES };
    match Expression::parse(source).and_then(|expression| expression.check(&vocabulary)) {
        Ok(()) => panic!("{source}: no mistake was found"),
        Err(error) => error,
    }
}

/// Expression, column, length, reason's id, and the arguments as they are written for tests.
#[test]
fn every_reason_with_its_place() {
    let table: &[(&str, usize, usize, &str, &str)] = &[
        ("", 0, 1, "empty", ""),
        ("   ", 0, 3, "empty", ""),
        ("tcp $ udp", 4, 1, "unexpected-character", r#"found="$""#),
        ("tcp 端口", 4, 1, "unexpected-character", r#"found="端""#),
        ("tcp. == 1", 3, 1, "unexpected-character", r#"found=".""#),
        ("tcp udp", 4, 3, "unexpected-word", r#"found="udp""#),
        ("tcp)", 3, 1, "unexpected-word", r#"found=")""#),
        ("== 5", 0, 2, "unexpected-word", r#"found="==""#),
        ("and tcp", 0, 3, "unexpected-word", r#"found="and""#),
        ("any tcp", 7, 1, "unexpected-end", ""),
        ("tcp.len in 5", 11, 1, "unexpected-word", r#"found="5""#),
        ("tcp and", 7, 1, "unexpected-end", ""),
        ("tcp and  ", 7, 1, "unexpected-end", ""),
        ("tcp.len ==", 10, 1, "unexpected-end", ""),
        ("http.host == \"中文", 13, 3, "unclosed-text", ""),
        ("udp or (tcp and udp", 7, 1, "unclosed-parenthesis", ""),
        ("len(http.host == 3", 14, 2, "unexpected-word", r#"found="==""#),
        ("tcp.len in {1, 2", 11, 1, "unclosed-brace", ""),
        ("eth.src[0:3 == 1", 7, 1, "unclosed-slice", ""),
        ("http.host == “GET”", 13, 1, "smart-quote", r#"found="“""#),
        ("http.host == \"中文\" and （tcp", 22, 1, "full-width", r#"found="（" meant="(""#),
        ("tcp.len ＝＝ 5", 8, 1, "full-width", r#"found="＝" meant="=""#),
        ("tcp.len = 5", 8, 1, "single-equals", ""),
        ("http.host == \"中文\" and tcp.len = 5", 30, 1, "single-equals", ""),
        ("tcp.len => 5", 8, 2, "operator", r#"found="=>" meant=">=""#),
        ("tcp.len <> 5", 8, 2, "operator", r#"found="<>" meant="!=""#),
        ("tcp | udp", 4, 1, "operator", r#"found="|" meant="||""#),
        ("tcp.len ≥ 5", 8, 1, "operator", r#"found="≥" meant=">=""#),
        ("http.host == 'a'", 13, 1, "operator", r#"found="'" meant="\"""#),
        ("tcp AND udp", 4, 3, "operator", r#"found="AND" meant="and""#),
        ("NOT udp", 0, 3, "operator", r#"found="NOT" meant="not""#),
        ("tcp.len is 5", 8, 2, "operator", r#"found="is" meant="==""#),
        ("tcp.len == 0xzz", 11, 4, "bad-number", r#"text="0xzz""#),
        ("tcp.len == 99999999999999999999", 11, 20, "bad-number", r#"text="99999999999999999999""#),
        ("tcp.len == 5x", 11, 2, "bad-number", r#"text="5x""#),
        ("frame.time_epoch > 1.0000000001", 19, 12, "bad-number", r#"text="1.0000000001""#),
        ("ip.src == 300.1.2.3", 10, 9, "bad-address", r#"text="300.1.2.3""#),
        ("eth.src == 1:2:3", 11, 5, "bad-address", r#"text="1:2:3""#),
        ("ip.src == 10.0.0.0/33", 10, 11, "bad-prefix", r#"text="10.0.0.0/33" most="32""#),
        ("ipv6.src == fe80::/129", 12, 10, "bad-prefix", r#"text="fe80::/129" most="128""#),
        (r#"http.host == "a\q""#, 15, 2, "bad-escape", r#"found="\\q""#),
        (r#"http.host == "a\777""#, 15, 4, "bad-escape", r#"found="\\777""#),
        ("eth.src[a] == 1", 7, 3, "bad-slice", r#"text="[a]""#),
        ("ip.src#0 == 1.2.3.4", 6, 2, "bad-slice", r##"text="#0""##),
        ("5", 0, 1, "not-a-condition", r#"text="5""#),
        ("tcp and true", 8, 4, "not-a-condition", r#"text="true""#),
        ("tcp or 1 + 2", 7, 5, "not-a-condition", r#"text="1 + 2""#),
        ("(tcp.len == 1) + 1 == 2", 0, 14, "not-a-value", ""),
        ("tcp.len == (tcp and udp)", 11, 13, "not-a-value", ""),
        ("1 == 1", 0, 6, "no-field", ""),
        ("tcp and 5 in {5, 6}", 8, 11, "no-field", ""),
        ("len(\"abc\") == 3", 4, 5, "no-field", ""),
        ("tcp.len in {}", 11, 2, "empty-set", ""),
        ("http.host matches \"a.*\"", 10, 7, "matches", ""),
        ("http.host ~ \"a.*\"", 10, 1, "matches", ""),
        (
            "upper(http.host) == \"A\"",
            0,
            5,
            "unknown-function",
            r#"name="upper" known=["count", "len", "lower"]"#,
        ),
        ("tcp.lne == 5", 0, 7, "unknown-name-nearest", r#"name="tcp.lne" nearest=["tcp.len"]"#),
        ("tcp and TCP.len == 5", 8, 7, "unknown-name-nearest", r#"name="TCP.len" nearest=["tcp.len"]"#),
        ("tcp.syn == 1", 0, 7, "unknown-name-nearest", r#"name="tcp.syn" nearest=["tcp.flags.syn"]"#),
        ("tcp.mss == 1", 0, 7, "unknown-name-nearest", r#"name="tcp.mss" nearest=["tcp.options.mss_val"]"#),
        (
            "http.method == \"GET\"",
            0,
            11,
            "unknown-name-nearest",
            r#"name="http.method" nearest=["http.request.method"]"#,
        ),
        ("tcp.prt == 1", 0, 7, "unknown-name-nearest", r#"name="tcp.prt" nearest=["tcp.port"]"#),
        ("http.request.method == POST", 23, 4, "unknown-name", r#"name="POST""#),
        ("tcp.len-tcp.srcport == 1", 0, 19, "minus-needs-spaces", r#"left="tcp.len" right="tcp.srcport""#),
        ("ip.src == 5", 10, 1, "mismatch", "left=expression.kind.ipv4 right=expression.kind.number"),
        ("ip.addr == fe80::1", 11, 7, "mismatch", "left=expression.kind.ipv4 right=expression.kind.ipv6"),
        ("ip.src == ipv6.src", 10, 8, "mismatch", "left=expression.kind.ipv4 right=expression.kind.ipv6"),
        ("tcp.len == \"5\"", 11, 3, "mismatch", "left=expression.kind.number right=expression.kind.text"),
        ("http.host == 5", 13, 1, "mismatch", "left=expression.kind.text right=expression.kind.number"),
        (
            "tcp.port in {80, \"http\"}",
            17,
            6,
            "mismatch",
            "left=expression.kind.number right=expression.kind.text",
        ),
        ("tcp == 500", 7, 3, "mismatch", "left=expression.kind.protocol right=expression.kind.number"),
        ("eth.src == 02:7d", 11, 5, "mismatch", "left=expression.kind.mac right=expression.kind.bytes"),
        ("ip.src + 1 == 5", 0, 6, "not-arithmetic", r#"name="ip.src" kind=expression.kind.ipv4"#),
        ("tcp.len + \"a\" == 5", 10, 3, "not-arithmetic", r#"name="\"a\"" kind=expression.kind.text"#),
        ("tcp.port contains 80", 0, 8, "not-searchable", r#"name="tcp.port" kind=expression.kind.number"#),
        ("tcp.len[0] == 5", 0, 7, "not-sliceable", r#"name="tcp.len" kind=expression.kind.number"#),
        ("len(tcp.len) == 5", 4, 7, "not-sliceable", r#"name="tcp.len" kind=expression.kind.number"#),
        ("tcp port 80", 0, 11, "capture-filter", r#"meant="tcp.port == 80""#),
        ("  host www.example.com ", 2, 20, "capture-filter-untranslated", ""),
    ];
    for (source, column, length, word, arguments) in table {
        let error = told(source);
        let space = if arguments.is_empty() { "" } else { " " };
        let expected = format!("expression.{word} @{column}+{length}{space}{arguments}");
        assert_eq!(error.to_string(), expected, "{source}");
    }
}

#[test]
fn nesting_has_a_limit() {
    for source in [
        format!("{}tcp{}", "(".repeat(500_000), ")".repeat(500_000)),
        format!("{}tcp", "not ".repeat(500_000)),
        format!("{}tcp", "!".repeat(500_000)),
        format!("tcp.len == {}1", "-".repeat(500_000)),
        format!("tcp.len == 1{}", " + 1".repeat(500_000)),
        format!("{}tcp.len == 1", "any ".repeat(500_000)),
        format!("{}tcp", "len(".repeat(500_000)),
    ] {
        assert_eq!(told(&source).reason, Reason::TooDeep { limit: 64 }, "{}", &source[..20]);
    }
    // A long list of alternatives is long, not deep.
    let long = format!("tcp{}", " or tcp and udp".repeat(20_000));
    let expression = Expression::parse(&long).unwrap();
    assert_eq!(expression.to_string(), long);
}

#[test]
fn capture_filters_are_translated() {
    for (source, meant) in [
        ("port 53", "tcp.port == 53 or udp.port == 53"),
        ("tcp port http", "tcp.port == 80"),
        ("dst 1.2.3.4", "ip.dst == 1.2.3.4"),
        ("vlan 10", "vlan.id == 10"),
        ("src port 80", "tcp.srcport == 80 or udp.srcport == 80"),
        ("udp dst port 53", "udp.dstport == 53"),
        ("host 1.2.3.4", "ip.addr == 1.2.3.4"),
        ("src host 1.2.3.4", "ip.src == 1.2.3.4"),
        ("host fe80::1", "ipv6.addr == fe80::1"),
        ("src net 10.0.0.0/8", "ip.src == 10.0.0.0/8"),
        ("net 192.168.1", "ip.addr == 192.168.1.0/24"),
        ("net 10/8", "ip.addr == 10.0.0.0/8"),
        ("dst net 10.1.0.0 mask 255.255.0.0", "ip.dst == 10.1.0.0/16"),
        ("ether host 02:7d:9b:80:c0:87", "eth.addr == 02:7d:9b:80:c0:87"),
        ("arp host 10.0.0.1", "arp.src.proto_ipv4 == 10.0.0.1 or arp.dst.proto_ipv4 == 10.0.0.1"),
        ("icmp and host 10.0.0.1", "icmp and ip.addr == 10.0.0.1"),
        ("tcp portrange 1-1023", "tcp.port in {1..1023}"),
        ("ether proto 0x0806", "eth.type == 0x0806"),
        ("ip proto 47", "ip.proto == 47"),
        ("greater 1000", "frame.len >= 1000"),
        ("vlan 10 and tcp port 80", "vlan.id == 10 and tcp.port == 80"),
        ("tcp port 80 or 443", "tcp.port == 80 or tcp.port == 443"),
        ("not port 22", "not (tcp.port == 22 or udp.port == 22)"),
        ("src or dst port 80 and ip6", "(tcp.port == 80 or udp.port == 80) and ipv6"),
        (
            "tcp port 80 and (host 1.2.3.4 or host 5.6.7.8)",
            "tcp.port == 80 and (ip.addr == 1.2.3.4 or ip.addr == 5.6.7.8)",
        ),
        // `and` and `or` bind alike there, from the left; here `and` binds tighter.
        ("arp or icmp and host 1.2.3.4", "(arp or icmp) and ip.addr == 1.2.3.4"),
        ("tcp[tcpflags] & tcp-syn != 0", "tcp.flags.syn == 1"),
        ("tcp[tcpflags] & (tcp-syn|tcp-fin) != 0", "tcp.flags & 0x03 != 0x00"),
        ("tcp[tcpflags]==tcp-syn", "tcp.flags & 0xff == 0x02"),
        (
            "tcp[tcpflags] & tcp-rst = 0 && !port 53",
            "tcp.flags.reset == 0 and not (tcp.port == 53 or udp.port == 53)",
        ),
    ] {
        assert_eq!(told(source).reason, Reason::CaptureFilter { meant: Some(meant.to_owned()) }, "{source}");
        assert_eq!(Expression::parse(meant).map(|e| e.to_string()).as_deref(), Ok(meant));
    }
    // These are display filters with a mistake, or none.
    assert_eq!(told("port == 80").reason.word(), "expression.unknown-name-nearest");
    assert_eq!(told("port eq").reason, Reason::UnexpectedEnd);
    assert_eq!(told("tcp port == 80").reason.word(), "expression.unexpected-word");
    assert!(Expression::parse("tcp[13] & 2 == 2").is_ok());
}

#[test]
fn the_caret_stands_under_the_mistake_whatever_the_width() {
    let cells = |source: &str| told(source).cells(source);
    assert_eq!(cells("tcp.len = 5"), (8, 1));
    assert_eq!(cells("http.host == \"中文\" and tcp.len = 5"), (32, 1));
    assert_eq!(cells("http.host == \"中文\" and （tcp"), (24, 2));
    assert_eq!(cells("tcp and"), (7, 1));
    assert_eq!(cells(""), (0, 1));
    assert_eq!(cells("http.host == \"中文"), (13, 5));
}

#[test]
fn what_makes_sense_passes() {
    let vocabulary = Vocabulary { kind_of: &kind_of, names: NAMES };
    for source in [
        "tcp.port == 80 and ip.addr == 10.0.0.0/8",
        "flow.anything == \"x\" or flow.anything == 5 or flow.anything == tcp.len or flow.anything + 1 > 2",
        "tcp.flags.syn == 1 and tcp.flags.syn == true and tcp.len == 0",
        "frame.time_epoch > 1.5 and frame.time_epoch - 1 > 2",
        "eth.src[0:3] == 02:7d:9b and eth.src[0] == ff and tcp[13] & 2 == 2 and http contains \"GET\"",
        "http.host == \"a\" and lower(http.host) contains \"b\" and len(http.host) > 3 and count(tcp.len) == 1",
        "data.data == 01:02 and data.data contains \"a\" and data.data == 0x01",
    ] {
        let outcome = Expression::parse(source).and_then(|expression| expression.check(&vocabulary));
        assert_eq!(outcome, Ok(()), "{source}");
    }
}

/// Each id that a reason or a kind can have stands in the words, in both languages, with exactly its placeholders.
#[test]
fn the_words_are_complete() {
    let words: toml::Table = include_str!("../../../../docs/words/expression.toml").parse().unwrap();
    let look_up = |id: &str, language: &str| {
        let mut at = &words["expression"];
        for part in id.split('.').skip(1) {
            at = at.get(part).unwrap_or_else(|| panic!("{id} has no words"));
        }
        at[language].as_str().unwrap().to_owned()
    };
    let text = String::new;
    let (left, right) = (Kind::Ipv4, Kind::Any);
    let kind = Kind::Number;
    let reasons = [
        Reason::Empty,
        Reason::UnexpectedCharacter { found: 'x' },
        Reason::UnexpectedWord { found: text() },
        Reason::UnexpectedEnd,
        Reason::UnclosedText,
        Reason::UnclosedParenthesis,
        Reason::UnclosedBrace,
        Reason::UnclosedSlice,
        Reason::TooDeep { limit: 1 },
        Reason::SmartQuote { found: 'x' },
        Reason::FullWidth { found: 'x', meant: 'x' },
        Reason::SingleEquals,
        Reason::Operator { found: text(), meant: "" },
        Reason::BadNumber { text: text() },
        Reason::BadAddress { text: text() },
        Reason::BadPrefix { text: text(), most: 1 },
        Reason::BadEscape { found: text() },
        Reason::BadSlice { text: text() },
        Reason::NotACondition { text: text() },
        Reason::NotAValue,
        Reason::NoField,
        Reason::EmptySet,
        Reason::Matches,
        Reason::UnknownFunction { name: text(), known: &[] },
        Reason::CaptureFilter { meant: None },
        Reason::CaptureFilter { meant: Some(text()) },
        Reason::UnknownName { name: text(), nearest: vec![] },
        Reason::UnknownName { name: text(), nearest: vec![text()] },
        Reason::MinusNeedsSpaces { left: text(), right: text() },
        Reason::Mismatch { left, right },
        Reason::NotArithmetic { name: text(), kind },
        Reason::NotSearchable { name: text(), kind },
        Reason::NotSliceable { name: text(), kind },
    ];
    for reason in &reasons {
        for language in ["en", "zh"] {
            let sentence = look_up(reason.word(), language);
            let mut placeholders: Vec<&str> = sentence
                .split('{')
                .skip(1)
                .filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
                .collect();
            placeholders.sort_unstable();
            let arguments = reason.arguments();
            let mut expected: Vec<&str> = arguments.iter().map(|(name, _)| *name).collect();
            expected.sort_unstable();
            assert_eq!(placeholders, expected, "{} {language}", reason.word());
            for (_, argument) in arguments {
                if let Argument::Word(word) = argument {
                    look_up(word, language);
                }
            }
        }
    }
    let kinds =
        [Kind::Protocol, Kind::Flag, Kind::Number, Kind::Time, Kind::Text, Kind::Mac, Kind::Ipv4, Kind::Ipv6];
    for kind in kinds.into_iter().chain([Kind::Bytes, Kind::Any]) {
        look_up(kind.word(), "en");
        look_up(kind.word(), "zh");
    }
    let told = words["expression"].as_table().unwrap().len() - 1;
    assert_eq!(told, reasons.len(), "words that nothing uses, or a reason that this test forgot");
}
