//! What stands in the comments of a lesson: `bind`, `show`, `claims`, `ask` and their words.
//!
//! Leaves out: where they stand (`parse`), whether what they name exists (`check`).

use super::slots::is_name;
use super::{Bind, What, With};
use crate::notes::check::On;
use crate::notes::expression::Expression;

/// Why a directive cannot be read: an id of docs/words/lesson.toml and its values.
pub(super) type Why = (&'static str, Vec<(&'static str, String)>);

/// Rungs, packets, conversations shown where a lesson does not say how many.
const RUNGS: usize = 24;
const ROWS: usize = 12;

fn why<T>(id: &'static str, found: &str) -> Result<T, Why> {
    Err((id, vec![("found", found.to_owned())]))
}

/// The words of a directive that come before and after an expression: `where` takes all up to a word that cannot be
/// a part of it.
struct Words<'s> {
    rest: &'s str,
}

impl<'s> Words<'s> {
    fn next(&mut self) -> Option<&'s str> {
        self.rest = self.rest.trim_start();
        let end = self.rest.find(char::is_whitespace).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!word.is_empty()).then_some(word)
    }

    /// The name after a word that wants one.
    fn name(&mut self, before: &'static str) -> Result<String, Why> {
        match self.next() {
            Some(name) if is_name(name) => Ok(name.to_owned()),
            found => why("bad-name", format!("{before} {}", found.unwrap_or("")).trim_end()),
        }
    }

    /// What follows `with`: `KEY == OTHER.KEY`.
    fn with(&mut self) -> Result<With, Why> {
        let (key, sign, there) = (self.next(), self.next(), self.next());
        let parts = there.and_then(|there| there.split_once('.'));
        match (key, sign, parts) {
            (Some(key), Some("=="), Some((other, of))) if is_name(other) => {
                Ok(With { key: key.to_owned(), other: other.to_owned(), of: of.to_owned() })
            }
            _ => {
                let found: Vec<&str> = [key, sign, there].into_iter().flatten().collect();
                why("with-form", &found.join(" "))
            }
        }
    }

    fn number(&mut self) -> Result<usize, Why> {
        let word = self.next().unwrap_or("");
        match word.parse() {
            Ok(number) if number > 0 => Ok(number),
            _ => why("bad-number", word),
        }
    }

    /// An expression: up to ` WORD name` of the words that may follow it, outside of quotes and braces.
    fn expression(&mut self, stops: &[&str]) -> Result<Expression, Why> {
        let (mut quoted, mut depth) = (None, 0usize);
        let mut end = self.rest.len();
        for (at, c) in self.rest.char_indices() {
            match (quoted, c) {
                (Some(open), _) if c == open => quoted = None,
                (Some(_), _) => {}
                (None, '"' | '\'') => quoted = Some(c),
                (None, '{' | '(') => depth += 1,
                (None, '}' | ')') => depth = depth.saturating_sub(1),
                (None, c) if c.is_whitespace() && depth == 0 => {
                    let mut ahead = Words { rest: &self.rest[at..] };
                    let stop = ahead.next().filter(|word| stops.contains(word));
                    // `in {1, 2}` belongs to the expression, `in syn` does not.
                    let ends = |w: &str| is_name(w) || w.parse::<usize>().is_ok();
                    if stop == Some("with") || stop.is_some() && ahead.next().is_some_and(ends) {
                        end = at;
                        break;
                    }
                }
                _ => {}
            }
        }
        let (source, rest) = self.rest.split_at(end);
        self.rest = rest;
        let source = source.trim();
        Expression::parse(source).map_err(|error| {
            let column = (error.column + 1).to_string();
            ("bad-expression", vec![("found", source.to_owned()), ("column", column)])
        })
    }
}

/// Reads what follows `bind`.
pub(super) fn bind(text: &str, optional: bool, line: usize) -> Result<Bind, Why> {
    let Some((name, rest)) = text.split_once('=') else { return why("bind-form", text.trim()) };
    let name = name.trim();
    if !is_name(name) || name == "capture" {
        return why("bad-name", name);
    }
    let mut words = Words { rest };
    let on = words.next().unwrap_or("");
    let Some(on) = On::from_name(on) else { return why("unknown-event", on) };
    let mut bind = Bind {
        name: name.to_owned(),
        on,
        filter: None,
        within: None,
        after: None,
        before: None,
        with: Vec::new(),
        optional,
        line,
        source: rest.split_whitespace().collect::<Vec<_>>().join(" "),
    };
    while let Some(word) = words.next() {
        match word {
            "where" => bind.filter = Some(words.expression(&["in", "after", "before", "with"])?),
            "in" => bind.within = Some(words.name("in")?),
            "after" => bind.after = Some(words.name("after")?),
            "before" => bind.before = Some(words.name("before")?),
            "with" => bind.with.push(words.with()?),
            _ => return why("unknown-word", word),
        }
    }
    Ok(bind)
}

/// Reads what follows `show`.
pub(super) fn show(text: &str) -> Result<What, Why> {
    let mut words = Words { rest: text };
    let all = |words: &mut Words<'_>| {
        let mut all = Vec::new();
        while let Some(word) = words.next() {
            all.push(word.to_owned());
        }
        all
    };
    let kind = words.next().unwrap_or("");
    let what = match kind {
        "packet" => What::Packet { name: words.name("packet")?, layers: all(&mut words) },
        "fields" => {
            let (name, fields) = (words.name("fields")?, all(&mut words));
            if fields.is_empty() {
                return why("no-fields", text.trim());
            }
            What::Fields { name, fields }
        }
        "bytes" => What::Bytes { name: words.name("bytes")?, layer: words.next().map(str::to_owned) },
        "layers" => What::Layers { name: words.name("layers")? },
        "ladder" => {
            let name = words.name("ladder")?;
            let (mut max, mut from, mut to) = (RUNGS, None, None);
            while let Some(word) = words.next() {
                match word {
                    "max" => max = words.number()?,
                    "from" => from = Some(words.name("from")?),
                    "to" => to = Some(words.name("to")?),
                    _ => return why("unknown-word", word),
                }
            }
            What::Ladder { name, max, from, to }
        }
        "packets" | "flows" => {
            let (mut within, mut filter, mut max) = (None, None, ROWS);
            let (mut from, mut to) = (None, None);
            while let Some(word) = words.next() {
                match word {
                    "in" if kind == "packets" => within = Some(words.name("in")?),
                    "from" if kind == "packets" => from = Some(words.name("from")?),
                    "to" if kind == "packets" => to = Some(words.name("to")?),
                    "where" => filter = Some(words.expression(&["in", "from", "to", "max"])?),
                    "max" => max = words.number()?,
                    _ => return why("unknown-word", word),
                }
            }
            match kind {
                "packets" => What::Packets { within, filter, from, to, max },
                _ => What::Flows { filter, max },
            }
        }
        "stack" => What::Stack,
        _ => return why("unknown-show", kind),
    };
    match words.next() {
        Some(word) => why("unknown-word", word),
        None => Ok(what),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binds_name_packets_by_what_happens_in_them() {
        let bind = bind(
            " answer = tcp.handshake.syn-ack where tcp.port in {80, 443} and (ip.ttl > 1) in syn after syn ",
            false,
            1,
        )
        .expect("a bind");
        assert_eq!((bind.name.as_str(), bind.on.name()), ("answer", "tcp.handshake.syn-ack"));
        assert_eq!(bind.filter.expect("a filter").to_string(), "tcp.port in {80, 443} and ip.ttl > 1");
        assert_eq!((bind.within.as_deref(), bind.after.as_deref()), (Some("syn"), Some("syn")));
    }

    #[test]
    fn what_packets_have_in_common_is_named() {
        let text =
            " a = dns.response where answers > 1 with query_packet == q.packet with dns.id == q.dns.id";
        let bind = bind(text, false, 1).expect("a bind");
        assert_eq!(bind.filter.as_ref().expect("a filter").to_string(), "answers > 1");
        let with: Vec<_> =
            bind.with.iter().map(|w| (w.key.as_str(), w.other.as_str(), w.of.as_str())).collect();
        assert_eq!(with, [("query_packet", "q", "packet"), ("dns.id", "q", "dns.id")]);
        assert_eq!(bind.others(), ["q"]);
    }

    #[test]
    fn what_is_wrong_with_a_bind_is_told() {
        let wrong = |text: &str| super::bind(text, false, 1).expect_err("a mistake").0;
        assert_eq!(wrong("x"), "bind-form");
        assert_eq!(wrong("X = packet"), "bad-name");
        assert_eq!(wrong("x = tcp.nothing"), "unknown-event");
        assert_eq!(wrong("x = packet where"), "bad-expression");
        assert_eq!(wrong("x = packet where tcp.len >"), "bad-expression");
        assert_eq!(wrong("x = packet in"), "bad-name");
        assert_eq!(wrong("x = packet when y"), "unknown-word");
        assert_eq!(wrong("x = packet with y"), "with-form");
        assert_eq!(wrong("x = packet where a with y = q.z"), "with-form");
        assert_eq!(wrong("x = packet with y == q"), "with-form");
    }

    #[test]
    fn evidence_is_asked_for_in_few_words() {
        assert!(matches!(show("packets in a where tcp.len > 0 max 3"), Ok(What::Packets { max: 3, .. })));
        let part = show("packets in a from b where tcp.len > 0 to c");
        assert!(matches!(part, Ok(What::Packets { from: Some(_), filter: Some(_), to: Some(_), .. })));
        assert!(matches!(show("ladder a max 9 from b to c"), Ok(What::Ladder { max: 9, .. })));
        assert!(matches!(show("stack"), Ok(What::Stack)));
        for wrong in ["", "fields a", "packet", "stack x", "flows in a", "ladder a max 0", "tree a"] {
            assert!(show(wrong).is_err(), "{wrong}");
        }
    }
}
