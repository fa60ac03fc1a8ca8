//! The files of docs/words, read when first asked for and only once.
//!
//! A table with a text `en` (or `line_en`) is an entry, and its path is its id; other tables group entries.
//! Leaves out: which language is wanted, and filling templates.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use toml::{Table, Value};

use super::{EventWords, FieldWords};

/// A text of the program's own.
pub(super) struct Text {
    pub text: [String; 2],
    pub spec: String,
}

pub(super) type Texts = BTreeMap<String, Text>;

macro_rules! words {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/words/", $name, ".toml"))
    };
}

const EVENTS: &str = words!("events");

/// The areas that [`super::text`] knows.
const AREAS: [(&str, &str); 8] = [
    ("interface", words!("interface")),
    ("errors", words!("errors")),
    ("help", words!("help")),
    ("expression", words!("expression")),
    ("layers", words!("layers")),
    ("live", words!("live")),
    ("lesson", words!("lesson")),
    ("questions", words!("questions")),
];

/// The files of fields; a name's first part says which (see [`file_of`]).
const FIELDS: &[(&str, &str)] = &[
    ("eth", words!("fields/eth")),
    ("arp", words!("fields/arp")),
    ("ip", words!("fields/ip")),
    ("ipv6", words!("fields/ipv6")),
    ("icmp", words!("fields/icmp")),
    ("icmpv6", words!("fields/icmpv6")),
    ("tcp", words!("fields/tcp")),
    ("udp", words!("fields/udp")),
    ("dns", words!("fields/dns")),
    ("nbns", words!("fields/nbns")),
    ("dhcp", words!("fields/dhcp")),
    ("ntp", words!("fields/ntp")),
    ("lldp", words!("fields/lldp")),
    ("snmp", words!("fields/snmp")),
    ("http", words!("fields/http")),
    ("link", words!("fields/link")),
    ("network", words!("fields/network")),
    ("ppp", words!("fields/ppp")),
    ("quic", words!("fields/quic")),
    ("wlan", words!("fields/wlan")),
    ("http2", words!("fields/http2")),
    ("websocket", words!("fields/websocket")),
    ("tls", words!("fields/tls")),
    ("http-body", words!("fields/http-body")),
    ("ftp", words!("fields/ftp")),
    ("mail", words!("fields/mail")),
    ("ssh", words!("fields/ssh")),
    ("terminal", words!("fields/terminal")),
    ("database", words!("fields/database")),
    ("talk", words!("fields/talk")),
    ("other", words!("fields/other")),
];

type Fields = BTreeMap<String, FieldWords>;

/// The texts of the events, by kind and `kind/variant`.
pub(super) fn events() -> &'static BTreeMap<String, EventWords> {
    static CELL: OnceLock<BTreeMap<String, EventWords>> = OnceLock::new();
    CELL.get_or_init(|| {
        entries(EVENTS, "line_en").into_iter().map(|(id, table)| (id, event_words(&table))).collect()
    })
}

/// The texts of an area, `None` where there is no such area.
pub(super) fn area(name: &str) -> Option<&'static Texts> {
    static CELLS: [OnceLock<Texts>; AREAS.len()] = [const { OnceLock::new() }; AREAS.len()];
    let at = AREAS.iter().position(|(area, _)| *area == name)?;
    Some(
        CELLS[at]
            .get_or_init(|| entries(AREAS[at].1, "en").into_iter().map(|(id, t)| (id, text(&t))).collect()),
    )
}

/// The texts of a field: from the file of its protocol, else from any other.
pub(super) fn field(name: &str) -> Option<&'static FieldWords> {
    let own = FIELDS.iter().position(|(file, _)| *file == file_of(name)).and_then(|at| fields(at).get(name));
    own.or_else(|| (0..FIELDS.len()).find_map(|at| fields(at).get(name)))
}

/// The names of all fields that have texts.
pub(super) fn field_names() -> Vec<&'static str> {
    let mut names: Vec<_> = (0..FIELDS.len()).flat_map(|at| fields(at).keys().map(String::as_str)).collect();
    names.sort_unstable();
    names
}

fn fields(at: usize) -> &'static Fields {
    static CELLS: [OnceLock<Fields>; FIELDS.len()] = [const { OnceLock::new() }; FIELDS.len()];
    CELLS[at].get_or_init(|| {
        entries(FIELDS[at].1, "en").into_iter().map(|(id, t)| (id, field_words(&t))).collect()
    })
}

/// The file that the fields of a protocol are in.
fn file_of(name: &str) -> &str {
    name.split_once('.').map_or(name, |(protocol, _)| protocol)
}

/// The entries of a file by id: tables that have a text under `mark`.
fn entries(source: &str, mark: &str) -> Vec<(String, Table)> {
    let root: Table = source.parse().unwrap_or_else(|e| panic!("docs/words: {e}"));
    let mut found = Vec::new();
    gather(&mut found, String::new(), root, mark);
    found
}

fn gather(found: &mut Vec<(String, Table)>, path: String, table: Table, mark: &str) {
    for (key, value) in &table {
        if let Value::Table(inner) = value
            && key != "values"
        {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            gather(found, path, inner.clone(), mark);
        }
    }
    if table.get(mark).is_some_and(Value::is_str) {
        found.push((path, table));
    }
}

fn string(table: &Table, key: &str) -> String {
    table.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn pair(table: &Table) -> [String; 2] {
    [string(table, "en"), string(table, "zh")]
}

fn text(table: &Table) -> Text {
    Text { text: pair(table), spec: string(table, "spec") }
}

fn event_words(table: &Table) -> EventWords {
    EventWords {
        line: [string(table, "line_en"), string(table, "line_zh")],
        why: [string(table, "why_en"), string(table, "why_zh")],
        spec: string(table, "spec"),
    }
}

fn field_words(table: &Table) -> FieldWords {
    let empty = Table::new();
    let values = table.get("values").and_then(Value::as_table).unwrap_or(&empty);
    let mut values: Vec<_> =
        values.iter().filter_map(|(value, words)| Some((value.clone(), pair(words.as_table()?)))).collect();
    values.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    FieldWords { text: pair(table), spec: string(table, "spec"), values }
}

/// Every file, for the tests.
#[cfg(test)]
pub(super) fn files() -> Vec<(String, &'static str)> {
    let areas = AREAS.iter().map(|(name, source)| ((*name).to_owned(), *source));
    let fields = FIELDS.iter().map(|(name, source)| (format!("fields/{name}"), *source));
    areas.chain(fields).chain([("events".to_owned(), EVENTS)]).collect()
}
