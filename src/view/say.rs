//! Events and numbers as people read them: the words of an event's kind, filled with its data.
//!
//! Leaves out: the words themselves (docs/words).

use crate::capture::link_name;
use crate::flow::{Datum, Event};
use crate::protocol::{self, Key, Protocol};
use crate::words::{self, Lang};

/// What is said of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// What happened, in one sentence.
    pub line: String,
    /// Why it must be so; may be empty.
    pub why: String,
    /// Where that is specified; may be empty.
    pub spec: &'static str,
}

/// What is said of an event. One without words is told by its name: a test sees to it that there is none.
pub fn event(lang: Lang, event: &Event) -> Said {
    let value = |key: &str| datum_of(lang, event, key);
    match words::event(event.kind.name(), event.variant) {
        Some(said) => Said {
            line: words::fill(&said.line[lang.index()], &value),
            why: words::fill(&said.why[lang.index()], &value),
            spec: &said.spec,
        },
        None => Said { line: event.kind.name().to_owned(), why: String::new(), spec: "" },
    }
}

/// Only the sentence.
pub fn line(lang: Lang, event: &Event) -> String {
    match words::event(event.kind.name(), event.variant) {
        Some(said) => words::fill(&said.line[lang.index()], &|key| datum_of(lang, event, key)),
        None => event.kind.name().to_owned(),
    }
}

/// A text of the interface, filled.
pub fn text(lang: Lang, id: &'static str, values: &[(&str, &str)]) -> String {
    words::fill(words::text(lang, "interface", id), &|key| {
        values.iter().find(|(k, _)| *k == key).map(|(_, v)| (*v).to_owned())
    })
}

/// The same, with values that may be missing.
pub fn some(
    lang: Lang,
    id: &'static str,
    values: &[(&str, &str)],
    optional: &[(&str, Option<&str>)],
) -> String {
    let there = optional.iter().filter_map(|(key, value)| value.map(|value| (*key, value)));
    let all: Vec<_> = values.iter().copied().chain(there).collect();
    text(lang, id, &all)
}

/// A text of the interface without placeholders.
pub fn word(lang: Lang, id: &'static str) -> &'static str {
    words::text(lang, "interface", id)
}

/// A value of an event under a key, as a sentence shows it.
pub fn datum_of(lang: Lang, event: &Event, key: &str) -> Option<String> {
    match key {
        "packet" => Some(event.packet.to_string()),
        _ => event.get(key).map(|value| datum(lang, key, value)),
    }
}

/// A value as a sentence shows it. Byte counts and windows are grouped in thousands; numbers that name something
/// (ports, sequence numbers, identifiers) are not.
pub fn datum(lang: Lang, key: &str, value: &Datum) -> String {
    match (key, value) {
        (_, Datum::Duration(ns)) => duration(lang, *ns),
        (
            "len" | "missing" | "window" | "before" | "buffered" | "in_flight" | "lost" | "offset"
            | "content_length" | "body_length" | "decoded_length" | "chunks" | "packets" | "flows" | "limit",
            Datum::Uint(n),
        ) => thousands(*n),
        (_, Datum::Name(name)) => self::name(lang, name),
        ("quoted_protocol", Datum::Uint(number)) => u8::try_from(*number)
            .ok()
            .and_then(|number| protocol::child(Key::IpProtocol(number)))
            .map_or_else(|| number.to_string(), |protocol| protocol.title().to_owned()),
        _ => value.to_string(),
    }
}

/// A name of the program's own: an endpoint, a kind of evidence.
fn name(lang: Lang, name: &'static str) -> String {
    let words = |area: &str| words::find(lang, "interface", &format!("{area}.{name}"));
    words("role").or_else(|| words("evidence")).unwrap_or(name).to_owned()
}

/// A span of time, short: three digits that matter, in the unit that fits.
pub fn duration(lang: Lang, ns: i64) -> String {
    let sign = if ns < 0 { "-" } else { "" };
    let ns = ns.unsigned_abs();
    let (per, id) = match ns {
        0..1_000 => (1, "unit.ns"),
        1_000..1_000_000 => (1_000, "unit.us"),
        1_000_000..1_000_000_000 => (1_000_000, "unit.ms"),
        1_000_000_000..120_000_000_000 => (1_000_000_000, "unit.s"),
        120_000_000_000..7_200_000_000_000 => (60_000_000_000, "unit.min"),
        7_200_000_000_000..172_800_000_000_000 => (3_600_000_000_000, "unit.h"),
        _ => (86_400_000_000_000, "unit.days"),
    };
    let whole = ns / per;
    let number = if per == 1 || whole >= 100 {
        (ns + per / 2).checked_div(per).unwrap_or(0).to_string()
    } else {
        let places = if whole >= 10 { 1 } else { 2 };
        let text = format!("{:.places$}", ns as f64 / per as f64);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    text(lang, id, &[("n", &format!("{sign}{number}"))])
}

/// Name of a link type for people.
pub fn link(lang: Lang, link_type: u16) -> String {
    match protocol::child(Key::Link(link_type)) {
        Some(Protocol::Ethernet) => word(lang, "screen.link.ethernet").to_owned(),
        Some(protocol) => protocol.title().to_owned(),
        None => link_name(link_type).map_or_else(|| link_type.to_string(), str::to_owned),
    }
}

/// A number in groups of three.
pub fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Specifications, short: `RFC 9293 §3.5`.
pub fn specs(spec: &str) -> Vec<String> {
    let short = |one: &str| one.replace(" sections ", " §").replace(" section ", " §");
    spec.split("; ").filter(|one| !one.is_empty()).map(short).collect()
}

/// Specifications on one line.
pub fn spec(spec: &str) -> String {
    specs(spec).join("; ")
}

/// A text of the interface, filled, if each value it asks for is there.
pub fn complete(lang: Lang, id: &'static str, value: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let template = words::find(lang, "interface", id)?;
    let asked = words::placeholders(template);
    asked.iter().all(|p| p.optional || value(p.name).is_some()).then(|| words::fill(template, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(1000), "1,000");
        assert_eq!(thousands(65_535), "65,535");
        assert_eq!(thousands(u64::MAX), "18,446,744,073,709,551,615");
    }

    #[test]
    fn durations_take_the_unit_that_fits() {
        let say = |ns| duration(Lang::En, ns);
        assert_eq!(say(0), "0 ns");
        assert_eq!(say(34_000), "34 µs");
        assert_eq!(say(107_049_000), "107 ms");
        assert_eq!(say(1_530_000_000), "1.53 s");
        assert_eq!(say(60_000_000_000), "60 s");
        assert_eq!(say(-1_500_000), "-1.5 ms");
        assert_eq!(say(i64::MAX), "106752 days");
    }
}
