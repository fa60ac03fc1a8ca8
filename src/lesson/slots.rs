//! Slots: what a sentence says of the packets at hand. `{syn.isn + 1}`, `{ack.time - syn.time}`, `{syn.packet}`, `{capture}`;
//! and conditions, which decide whether a text is told.
//!
//! The words of a slot are divided by blanks: `a-b` is one name. Numbers are sequence numbers, which wrap, where a fact
//! is one (its name ends in `_raw`, or is `isn`), as in checks: see `notes::expression`.
//! Leaves out: how a value is written (`view::lesson`).

use crate::flow::Datum;
use crate::notes::expression::Relation;

/// A value that a sentence can name.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A whole number.
    Number(i128, Form),
    /// A span of time, or a time since the capture began; nanoseconds.
    Time(i128),
    /// Anything else that events know.
    Other(Datum),
    /// Raw bytes.
    Bytes(Vec<u8>),
}

/// How a number is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As it is: ports, identifiers.
    Plain,
    /// In groups of three: how much, how many.
    Grouped,
    /// A 32-bit sequence number.
    Sequence,
    /// Hexadecimal, with so many digits.
    Hex(u8),
    /// A packet's number.
    Packet,
}

/// A sum of facts and numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Slot {
    /// As it is written, without braces.
    pub source: String,
    /// Where it stands.
    pub line: usize,
    first: Term,
    rest: Vec<(Sign, Term)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    Plus,
    Minus,
    Times,
    Per,
}

/// A part of a sum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Term {
    /// What a packet says under a name.
    Fact {
        /// The packet.
        bind: String,
        /// The name.
        key: String,
    },
    /// A packet alone: whether it is there.
    Bind(String),
    /// The capture.
    Capture,
    /// A number.
    Number(i128),
    /// A text in quotes.
    Text(String),
}

/// Where slots get their values.
pub trait Values {
    /// What a packet says under a name.
    fn value(&self, bind: &str, key: &str) -> Option<Value>;
    /// Whether the packet is there.
    fn is_bound(&self, bind: &str) -> bool;
    /// The capture, as the user named it.
    fn capture(&self) -> String;
}

impl Slot {
    /// Reads what stands in the braces.
    pub fn parse(source: &str, line: usize) -> Option<Slot> {
        Slot::of(source, &words(source)?, line)
    }

    fn of(source: &str, words: &[String], line: usize) -> Option<Slot> {
        let mut words = words.iter();
        let first = term(words.next()?)?;
        let mut rest = Vec::new();
        while let Some(sign) = words.next() {
            let sign = match sign.as_str() {
                "+" => Sign::Plus,
                "-" => Sign::Minus,
                "*" => Sign::Times,
                "/" => Sign::Per,
                _ => return None,
            };
            rest.push((sign, term(words.next()?)?));
        }
        Some(Slot { source: source.trim().to_owned(), line, first, rest })
    }

    /// Its facts: packets and the names asked of them.
    pub fn facts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.terms().filter_map(|term| match term {
            Term::Fact { bind, key } => Some((bind.as_str(), key.as_str())),
            _ => None,
        })
    }

    /// Its parts.
    pub fn terms(&self) -> impl Iterator<Item = &Term> {
        std::iter::once(&self.first).chain(self.rest.iter().map(|(_, term)| term))
    }

    /// Its value, if all that it asks for is there.
    pub fn value(&self, values: &dyn Values) -> Option<Value> {
        let of = |term: &Term| match term {
            Term::Fact { bind, key } => values.value(bind, key),
            Term::Number(n) => Some(Value::Number(*n, Form::Plain)),
            Term::Capture => Some(Value::Other(Datum::Text(values.capture()))),
            Term::Text(text) => Some(Value::Other(Datum::Text(text.clone()))),
            Term::Bind(name) => values.is_bound(name).then_some(Value::Other(Datum::Flag(true))),
        };
        let mut sum = of(&self.first)?;
        // Products before sums.
        let mut rest: Vec<(Sign, Value)> = Vec::with_capacity(self.rest.len());
        for (sign, term) in &self.rest {
            let value = of(term)?;
            match sign {
                Sign::Plus | Sign::Minus => rest.push((*sign, value)),
                Sign::Times | Sign::Per => {
                    let last = rest.last_mut().map_or(&mut sum, |(_, value)| value);
                    *last = combine(last, *sign, &value)?;
                }
            }
        }
        for (sign, value) in &rest {
            sum = combine(&sum, *sign, value)?;
        }
        Some(sum)
    }
}

fn combine(left: &Value, sign: Sign, right: &Value) -> Option<Value> {
    let operate = |a: i128, b: i128| match sign {
        Sign::Plus => a.checked_add(b),
        Sign::Minus => a.checked_sub(b),
        Sign::Times => a.checked_mul(b),
        Sign::Per => a.checked_div(b),
    };
    match (left, right) {
        (Value::Number(a, Form::Sequence), Value::Number(b, Form::Sequence)) if sign == Sign::Minus => {
            // A distance: signed, whichever side of the wrap the two lie on (RFC 9293 section 3.4).
            let distance = (*a as u32).wrapping_sub(*b as u32) as i32;
            Some(Value::Number(distance.into(), Form::Plain))
        }
        (Value::Number(a, Form::Sequence), Value::Number(b, _)) => {
            Some(Value::Number(operate(*a, *b)?.rem_euclid(1 << 32), Form::Sequence))
        }
        (Value::Number(a, form), Value::Number(b, other)) => {
            let form = match (form, other) {
                (_, Form::Sequence) => Form::Sequence,
                (Form::Packet, _) | (_, Form::Packet) => Form::Plain,
                (Form::Grouped, _) | (_, Form::Grouped) => Form::Grouped,
                (form, _) => *form,
            };
            Some(Value::Number(operate(*a, *b)?, form))
        }
        (Value::Time(a), Value::Time(b)) => match sign {
            Sign::Plus | Sign::Minus => Some(Value::Time(operate(*a, *b)?)),
            // How many times one goes into the other.
            Sign::Per => Some(Value::Number(operate(*a, *b)?, Form::Grouped)),
            Sign::Times => None,
        },
        (Value::Time(a), Value::Number(b, _)) if matches!(sign, Sign::Times | Sign::Per) => {
            Some(Value::Time(operate(*a, *b)?))
        }
        _ => None,
    }
}

/// What must hold for a text to be told.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// As it is written.
    pub source: String,
    /// All must hold.
    tests: Vec<Test>,
}

#[derive(Debug, Clone, PartialEq)]
struct Test {
    not: bool,
    left: Slot,
    against: Option<(Relation, Slot)>,
}

impl Condition {
    /// Reads `a.x`, `not a.x`, `a.x == b.y + 1`, `a.x == "text"`, several joined by `and`.
    pub fn parse(source: &str, line: usize) -> Option<Condition> {
        let words = words(source)?;
        let mut tests = Vec::new();
        for test in words.split(|word| word == "and") {
            let (not, test) = match test.split_first() {
                Some((first, rest)) if first == "not" => (true, rest),
                _ => (false, test),
            };
            let slot = |words: &[String]| Slot::of(&words.join(" "), words, line);
            let at = test.iter().position(|word| Relation::of_sign(word).is_some());
            let test = match at {
                Some(at) => Test {
                    not,
                    left: slot(&test[..at])?,
                    against: Some((Relation::of_sign(&test[at])?, slot(&test[at + 1..])?)),
                },
                None => Test { not, left: slot(test)?, against: None },
            };
            tests.push(test);
        }
        Some(Condition { source: source.trim().to_owned(), tests })
    }

    /// Its slots.
    pub fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.tests
            .iter()
            .flat_map(|test| std::iter::once(&test.left).chain(test.against.iter().map(|(_, slot)| slot)))
    }

    /// Whether it holds. A comparison with what is not there does not.
    pub fn holds(&self, values: &dyn Values) -> bool {
        self.tests.iter().all(|test| {
            let left = test.left.value(values);
            let holds = match &test.against {
                None => left.is_some_and(|value| !matches!(value, Value::Other(Datum::Flag(false)))),
                Some((relation, right)) => {
                    left.zip(right.value(values)).is_some_and(|(a, b)| compare(&a, *relation, &b))
                }
            };
            holds != test.not
        })
    }
}

fn compare(a: &Value, relation: Relation, b: &Value) -> bool {
    let number = |value: &Value| match value {
        Value::Number(n, _) => Some(*n),
        Value::Other(Datum::Flag(flag)) => Some(i128::from(*flag)),
        _ => None,
    };
    let order = match (a, b) {
        (Value::Number(a, Form::Sequence), Value::Number(b, Form::Sequence)) => {
            ((*a as u32).wrapping_sub(*b as u32) as i32).cmp(&0)
        }
        (Value::Time(a), Value::Time(b)) => a.cmp(b),
        // Times are compared with seconds.
        (Value::Time(a), Value::Number(b, _)) => a.cmp(&(b * 1_000_000_000)),
        _ => match (number(a), number(b)) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => {
                let equal = plain(a) == plain(b);
                return match relation {
                    Relation::Equal => equal,
                    Relation::Unequal => !equal,
                    _ => false,
                };
            }
        },
    };
    relation.holds(order)
}

/// A value as it is compared with a text.
fn plain(value: &Value) -> String {
    match value {
        Value::Number(n, _) => n.to_string(),
        Value::Time(ns) => ns.to_string(),
        Value::Other(datum) => datum.to_string(),
        Value::Bytes(bytes) => bytes.iter().map(|b| format!("{b:02x}")).collect(),
    }
}

/// The words of a slot; a text in quotes is one, with its opening quote.
fn words(source: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = source.trim_start();
    while !rest.is_empty() {
        let end = match rest.strip_prefix('"') {
            Some(inside) => {
                let end = inside.find('"')?;
                words.push(format!("\"{}", &inside[..end]));
                end + 2
            }
            None => {
                let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
                words.push(rest[..end].to_owned());
                end
            }
        };
        rest = rest[end..].trim_start();
    }
    (!words.is_empty()).then_some(words)
}

fn term(word: &str) -> Option<Term> {
    if let Some(text) = word.strip_prefix('"') {
        return Some(Term::Text(text.trim_end_matches('"').to_owned()));
    }
    if word == "capture" {
        return Some(Term::Capture);
    }
    if let Ok(number) = word.parse() {
        return Some(Term::Number(number));
    }
    let (bind, key) = match word.split_once('.') {
        Some((bind, key)) => (bind, Some(key)),
        None => (word, None),
    };
    let is_key = |key: &str| {
        key.split('.').all(|part| !part.is_empty())
            && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
    };
    match key {
        _ if !is_name(bind) => None,
        Some(key) if is_key(key) => Some(Term::Fact { bind: bind.to_owned(), key: key.to_owned() }),
        Some(_) => None,
        None => Some(Term::Bind(bind.to_owned())),
    }
}

/// Whether a packet can be called so.
pub fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Some3;

    impl Values for Some3 {
        fn value(&self, bind: &str, key: &str) -> Option<Value> {
            match (bind, key) {
                ("syn", "isn") => Some(Value::Number(0xffff_ffff, Form::Sequence)),
                ("ack", "tcp.ack_raw") => Some(Value::Number(4, Form::Sequence)),
                ("ack", "tcp.len") => Some(Value::Number(1000, Form::Grouped)),
                ("ack", "time") => Some(Value::Time(5_000_000)),
                ("syn", "time") => Some(Value::Time(1_000_000)),
                ("syn", "flow.closing") => Some(Value::Other(Datum::Text("four-segment".into()))),
                ("syn", "tcp.flags.syn") => Some(Value::Other(Datum::Flag(true))),
                _ => None,
            }
        }

        fn is_bound(&self, bind: &str) -> bool {
            bind == "syn"
        }

        fn capture(&self) -> String {
            "@tcp-basic".into()
        }
    }

    fn value(source: &str) -> Option<Value> {
        Slot::parse(source, 1).expect("a slot").value(&Some3)
    }

    #[test]
    fn sequence_numbers_wrap_and_times_are_subtracted() {
        assert_eq!(value("syn.isn + 1"), Some(Value::Number(0, Form::Sequence)));
        assert_eq!(value("ack.tcp.ack_raw - syn.isn"), Some(Value::Number(5, Form::Plain)));
        assert_eq!(value("ack.tcp.len * 2 + 1"), Some(Value::Number(2001, Form::Grouped)));
        assert_eq!(value("1 + ack.tcp.len * 2"), Some(Value::Number(2001, Form::Grouped)));
        assert_eq!(value("ack.time - syn.time"), Some(Value::Time(4_000_000)));
        assert_eq!(value("syn.nothing"), None);
        assert_eq!(value("ack.tcp.len / 0"), None);
        assert_eq!(value("capture"), Some(Value::Other(Datum::Text("@tcp-basic".into()))));
    }

    #[test]
    fn what_is_no_slot_is_told() {
        for wrong in ["", "syn.", "syn.isn +", "+ 1", "Syn.isn", "syn.isn 1", "a.b.", "\"x"] {
            assert!(Slot::parse(wrong, 1).is_none(), "{wrong:?}");
        }
    }

    #[test]
    fn conditions_ask_whether_and_compare() {
        let holds = |source: &str| Condition::parse(source, 1).expect("a condition").holds(&Some3);
        assert!(holds("syn.isn") && holds("syn") && holds("not ack") && holds("syn.tcp.flags.syn"));
        assert!(holds("syn.flow.closing == \"four-segment\""));
        assert!(holds("ack.tcp.len > 999 and syn.isn != 3"));
        assert!(holds("ack.tcp.ack_raw > syn.isn"), "sequence numbers are ordered by their distance");
        assert!(!holds("syn.nothing") && !holds("syn.nothing != 3") && !holds("ack.tcp.len < 5"));
        assert!(Condition::parse("a.x ==", 1).is_none() && Condition::parse("a.x and", 1).is_none());
    }
}
