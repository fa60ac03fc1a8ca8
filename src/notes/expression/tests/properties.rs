//! What holds for any text and any expression.

use proptest::prelude::*;

use super::super::{Expression, Kind, Operand, Vocabulary};
use super::Listed;

const FACTS: &[(&str, Operand<'_>)] = &[
    ("tcp", Operand::Bytes(&[1, 2, 3])),
    ("tcp.len", Operand::Int(7)),
    ("tcp.len", Operand::Int(i128::MAX)),
    ("tcp.seq_raw", Operand::Int(u32::MAX as i128)),
    ("ip.src", Operand::V4([1, 2, 3, 4])),
    ("http.host", Operand::Text("中文")),
    ("f", Operand::Float(f64::NAN)),
    ("t", Operand::Time(i128::MIN)),
    ("b", Operand::Bool(true)),
];

/// Pieces that make expressions, right and wrong ones.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "tcp",
        "tcp.len",
        "tcp.seq_raw",
        "ip.src",
        "ip.addr",
        "http.host",
        "f",
        "t",
        "b",
        "ff",
        "10",
        "0x1f",
        "010",
        "1.5",
        "-",
        "-",
        "+",
        "*",
        "/",
        "%",
        "&",
        "==",
        "!=",
        "<",
        ">=",
        "===",
        "~=",
        "and",
        "or",
        "not",
        "xor",
        "!",
        "any",
        "all",
        "in",
        "not in",
        "{",
        "}",
        "{1, 2..5}",
        "(",
        ")",
        "(",
        ")",
        "[0]",
        "[0:2]",
        "[-2--1]",
        "[1:]",
        "contains",
        "matches",
        "\"text\"",
        "\"\\x00\\xff\\\"\"",
        "r\"\\\"",
        "1.2.3.4",
        "10.0.0.0/8",
        "fe80::/10",
        "::",
        "02:7d:9b",
        "02-7d-9b",
        "true",
        "False",
        "count(",
        "len(",
        "lower(",
        "#2",
        "..",
        ",",
        "port",
        "host",
        "“",
        "（",
        "中",
        "=",
        "tcp[tcpflags]",
        "tcp-syn",
        "9223372036854775808",
        "a-b",
    ]);
    prop::collection::vec((piece, prop::bool::weighted(0.8)), 0..14).prop_map(|pieces| {
        pieces.into_iter().map(|(piece, space)| format!("{piece}{}", if space { " " } else { "" })).collect()
    })
}

/// A correct value.
fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        prop::sample::select(vec![
            "tcp.len",
            "tcp.seq_raw",
            "ip.src",
            "ip.addr#2",
            "http.host",
            "f",
            "t",
            "b",
            "tcp[0:2]",
            "http.host[-1:]",
            "eth.src[0]",
            "tcp[1-2]",
            "count(tcp.len)",
            "len(http.host)",
            "lower(http.host)",
        ])
        .prop_map(str::to_owned),
        any::<i64>().prop_map(|n| n.to_string()),
        any::<[u8; 4]>().prop_map(|a| std::net::Ipv4Addr::from(a).to_string()),
        any::<u128>().prop_map(|a| std::net::Ipv6Addr::from(a).to_string()),
        "[ -~中“]{0,6}".prop_map(|t| format!("\"{}\"", t.replace('\\', "\\\\").replace('"', "\\\""))),
        (any::<u32>(), 0..1_000_000_000u32).prop_map(|(a, b)| format!("{a}.{b:09}")),
    ];
    leaf.prop_recursive(4, 16, 2, |inner| {
        let sign = prop::sample::select(vec!["+", "-", "*", "/", "%", "&"]);
        prop_oneof![
            (inner.clone(), sign, inner.clone()).prop_map(|(a, sign, b)| format!("{a} {sign} {b}")),
            inner.clone().prop_map(|a| format!("({a})")),
            inner.prop_map(|a| format!("-{a}")),
        ]
    })
}

/// A correct expression.
fn expression() -> impl Strategy<Value = String> {
    let relation = prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">=", "===", "!==", "contains"]);
    let leaf = prop_oneof![
        prop::sample::select(vec!["tcp", "udp", "ip.addr", "tcp[0]"]).prop_map(str::to_owned),
        (value(), relation, value()).prop_map(|(a, r, b)| format!("tcp.len + {a} {r} {b}")),
        (value(), value(), value()).prop_map(|(a, b, c)| format!("all tcp.len - ({a}) in {{{b}, {b}..{c}}}")),
        (value(), value()).prop_map(|(a, b)| format!("{a} < tcp.len <= {b}")),
    ];
    leaf.prop_recursive(4, 24, 2, |inner| {
        let word = prop::sample::select(vec!["and", "or", "xor", "&&"]);
        prop_oneof![
            (inner.clone(), word, inner.clone()).prop_map(|(a, word, b)| format!("{a} {word} {b}")),
            inner.clone().prop_map(|a| format!("({a})")),
            inner.prop_map(|a| format!("not {a}")),
        ]
    })
}

fn try_everything(source: &str) {
    let known = |name: &str| FACTS.iter().find(|(n, _)| *n == name).map(|_| Kind::Any);
    match Expression::parse(source) {
        Ok(expression) => {
            expression.holds(&Listed(FACTS));
            let _ = expression.check(&Vocabulary { kind_of: &known, names: &["tcp", "tcp.len"] });
            let written = expression.to_string();
            match Expression::parse(&written) {
                Ok(again) => assert_eq!(again, expression, "{source} was written as {written}"),
                Err(error) => panic!("{source} was written as {written}: {error}"),
            }
        }
        Err(error) => {
            let characters = source.chars().count();
            assert!(error.column <= characters, "{source}: {error}");
            assert!(error.length >= 1, "{source}: {error}");
            assert!(error.column + error.length <= characters.max(error.column + 1), "{source}: {error}");
            error.cells(source);
            error.reason.arguments();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_text_panics(source in any::<String>()) {
        try_everything(&source);
    }

    #[test]
    fn no_row_of_pieces_panics(source in pieces()) {
        try_everything(&source);
    }

    #[test]
    fn what_is_written_out_parses_back(source in expression()) {
        prop_assert!(Expression::parse(&source).is_ok(), "{} {:?}", source, Expression::parse(&source));
        try_everything(&source);
    }
}
