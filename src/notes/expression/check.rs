//! Whether an expression makes sense before any packet is seen: its names exist, and what it compares is comparable.

use super::ast::{Function, Member, Place, Shown, Test, Value, alias_names};
use super::{Error, Expression, Kind, Reason};

/// The names an expression may use.
#[derive(Clone, Copy)]
pub struct Vocabulary<'a> {
    /// The kind of a name's values; `None` where there is no such name, [`Kind::Any`] where its kind is not fixed.
    pub kind_of: &'a dyn Fn(&str) -> Option<Kind>,
    /// All names, to suggest the nearest from.
    pub names: &'a [&'a str],
}

impl Expression {
    /// Whether its names exist and its comparisons can be made.
    ///
    /// # Errors
    /// [`Error`] at the first name or comparison that is wrong.
    pub fn check(&self, vocabulary: &Vocabulary<'_>) -> Result<(), Error> {
        Checker { expression: self, vocabulary }.test(&self.test)
    }
}

struct Checker<'a> {
    expression: &'a Expression,
    vocabulary: &'a Vocabulary<'a>,
}

impl Checker<'_> {
    fn test(&self, test: &Test) -> Result<(), Error> {
        match test {
            Test::Exists(value) | Test::NonZero(value) => self.kind(value).map(|_| ()),
            Test::Compare { left, right, .. } => self.comparable(left, right),
            Test::Contains { left, right, .. } => {
                let kind = self.kind(left)?;
                if !matches!(kind, Kind::Text | Kind::Bytes | Kind::Protocol | Kind::Mac | Kind::Any) {
                    return Err(self.wrong(left, |name| Reason::NotSearchable { name, kind }));
                }
                let part = self.kind(right)?;
                let fits = match right {
                    Value::Literal(literal, _) => literal.as_bytes().is_some(),
                    _ => matches!(part, Kind::Text | Kind::Bytes | Kind::Protocol | Kind::Mac | Kind::Any),
                };
                if fits { Ok(()) } else { Err(mismatch(left.place().to(right.place()), kind, part)) }
            }
            Test::In { left, set, .. } => set.iter().try_for_each(|Member { low, high }| {
                self.comparable(left, low)?;
                high.as_ref().map_or(Ok(()), |high| self.comparable(left, high))
            }),
            Test::Not(test) => self.test(test),
            Test::And(tests) | Test::Or(tests) | Test::Xor(tests) => {
                tests.iter().try_for_each(|t| self.test(t))
            }
        }
    }

    fn comparable(&self, left: &Value, right: &Value) -> Result<(), Error> {
        let (a, b) = (self.kind(left)?, self.kind(right)?);
        let fits = match (left, right) {
            (Value::Literal(literal, _), _) => literal.reads_as(b),
            (_, Value::Literal(literal, _)) => literal.reads_as(a),
            _ => a == Kind::Any || b == Kind::Any || family(a) == family(b),
        };
        // In a set the left side may stand far away: the place is what does not fit.
        if fits { Ok(()) } else { Err(mismatch(right.place(), a, b)) }
    }

    /// The kind of a value whose parts fit together.
    fn kind(&self, value: &Value) -> Result<Kind, Error> {
        match value {
            Value::Literal(literal, _) => Ok(literal.kind()),
            Value::Field(name, place) => self.name(&self.expression.names[*name], *place),
            Value::Slice(of, ..) => self.bytes(of).map(|_| Kind::Bytes),
            Value::Negative(of, _) => self.number(of),
            Value::Arithmetic(_, left, right, _) => {
                let (left, right) = (self.number(left)?, self.number(right)?);
                Ok(if left == Kind::Time || right == Kind::Time { Kind::Time } else { Kind::Number })
            }
            Value::Call(Function::Count, of, _) => self.kind(of).map(|_| Kind::Number),
            Value::Call(Function::Len, of, _) => self.bytes(of).map(|_| Kind::Number),
            Value::Call(Function::Lower, of, _) => {
                let kind = self.kind(of)?;
                match kind {
                    Kind::Text | Kind::Bytes | Kind::Protocol | Kind::Any => Ok(kind),
                    _ => Err(self.wrong(of, |name| Reason::NotSliceable { name, kind })),
                }
            }
        }
    }

    fn bytes(&self, value: &Value) -> Result<Kind, Error> {
        let kind = self.kind(value)?;
        match kind {
            Kind::Flag | Kind::Number | Kind::Time => {
                Err(self.wrong(value, |name| Reason::NotSliceable { name, kind }))
            }
            kind => Ok(kind),
        }
    }

    fn number(&self, value: &Value) -> Result<Kind, Error> {
        let kind = self.kind(value)?;
        let fits = match (value, kind) {
            (Value::Literal(literal, _), _) => literal.nanos.is_some() || literal.flag.is_some(),
            // One byte or a few of a header, as one number.
            (Value::Slice(..), _) => true,
            (_, kind) => matches!(kind, Kind::Number | Kind::Flag | Kind::Time | Kind::Any),
        };
        if fits { Ok(kind) } else { Err(self.wrong(value, |name| Reason::NotArithmetic { name, kind })) }
    }

    fn wrong(&self, value: &Value, reason: impl FnOnce(String) -> Reason) -> Error {
        let name = Shown { value, names: &self.expression.names }.to_string();
        Error::new(value.place(), reason(name))
    }

    fn name(&self, name: &super::ast::Name, place: Place) -> Result<Kind, Error> {
        if let Some(kind) = name.asks().find_map(|asked| (self.vocabulary.kind_of)(asked)) {
            return Ok(kind);
        }
        let known = |n: &str| (self.vocabulary.kind_of)(n).is_some();
        let written = &*name.written;
        for (at, _) in written.match_indices('-') {
            let (left, right) = (&written[..at], &written[at + 1..]);
            if known(left) && known(right) {
                let (left, right) = (left.to_owned(), right.to_owned());
                return Err(Error::new(place, Reason::MinusNeedsSpaces { left, right }));
            }
        }
        let nearest = nearest(written, self.vocabulary.names);
        Err(Error::new(place, Reason::UnknownName { name: written.to_owned(), nearest }))
    }
}

fn mismatch(place: Place, left: Kind, right: Kind) -> Error {
    Error::new(place, Reason::Mismatch { left, right })
}

/// Kinds of one family are compared with each other.
fn family(kind: Kind) -> u8 {
    match kind {
        Kind::Flag | Kind::Number | Kind::Time => 0,
        Kind::Text | Kind::Mac | Kind::Bytes | Kind::Protocol => 1,
        Kind::Ipv4 => 2,
        Kind::Ipv6 => 3,
        Kind::Any => 4,
    }
}

/// Up to three names that may have been meant, best first: parts left out (`tcp.syn` for `tcp.flags.syn`) or typing
/// mistakes.
fn nearest(wanted: &str, listed: &[&str]) -> Vec<String> {
    let wanted = wanted.to_ascii_lowercase();
    // One or two letters begin too many names to help anyone.
    let long = wanted.len() > 2;
    let allowed = 1 + wanted.chars().count() / 8;
    let mut found: Vec<(usize, usize, &str)> = listed
        .iter()
        .copied()
        .chain(alias_names())
        .filter_map(|name| {
            let typing = strsim::osa_distance(&wanted, name);
            if typing <= allowed {
                return Some((typing * 2, 0, name));
            }
            let extra = name.len().saturating_sub(wanted.len());
            (long && parts_left_out(&wanted, name)).then_some((3, extra, name))
        })
        .collect();
    found.sort();
    found.dedup();
    found.into_iter().take(3).map(|(.., name)| name.to_owned()).collect()
}

/// Whether the parts of `wanted` are the beginnings of parts of `name`, in order.
fn parts_left_out(wanted: &str, name: &str) -> bool {
    let mut parts = name.split(['.', '_']);
    wanted.split(['.', '_']).all(|w| !w.is_empty() && parts.any(|part| part.starts_with(w)))
}
