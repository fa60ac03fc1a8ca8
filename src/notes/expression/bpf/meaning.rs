//! What an expression comes down to where it is known which headers a frame has: comparisons of bytes, or nothing more to ask.
//!
//! Where a frame may hold more than is known, an expression has two bounds: whether it **can** hold, and whether it **must**. They change
//! places under `not`. Follows `eval`, which says what is true.
//!
//! Where whole conversations are to be kept ([`Keep::Conversations`]), a question is put to all packets of one at once. What they have in
//! common (addresses, ports, protocols) is known from any of them; what may differ from packet to packet (flags, lengths, whatever lies
//! behind the headers) is open.

use super::super::ast::{Name, Operation, Relation, Test, Value};
use super::super::literal::Literal;
use super::Keep;
use super::headers::{Fact, Load, Sort, is_known};

/// What is known of a frame.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    /// Names of its headers.
    pub headers: Vec<&'static str>,
    /// Their fields.
    pub facts: Vec<Fact>,
    /// Whether there may be more.
    pub open: bool,
}

/// Fields that change places in the other direction.
const DIRECTIONS: [(&str, &str); 4] = [
    ("ip.src", "ip.dst"),
    ("ipv6.src", "ipv6.dst"),
    ("tcp.srcport", "tcp.dstport"),
    ("udp.srcport", "udp.dstport"),
];

/// Whether all packets of a conversation that have a field have the same value, or the other direction's.
fn is_common(name: &str) -> bool {
    matches!(name, "ip.proto" | "ip.version" | "ipv6.version")
        || DIRECTIONS.iter().any(|(from, to)| name == *from || name == *to)
}

/// Whether names count what was seen before: with fewer packets other numbers.
pub(super) fn counts(name: &str) -> bool {
    name.ends_with(".stream") || matches!(name, "frame.number" | "flow.id")
}

impl Known {
    /// The same packet in the other direction.
    pub fn turned(&self) -> Known {
        let other = |name: &'static str| {
            let pair = DIRECTIONS.iter().find(|(from, to)| name == *from || name == *to);
            pair.map_or(name, |(from, to)| if name == *from { to } else { from })
        };
        let facts = self.facts.iter().map(|fact| Fact { name: other(fact.name), ..*fact }).collect();
        Known { facts, ..self.clone() }
    }

    fn has(&self, name: &str) -> bool {
        self.headers.contains(&name) || self.facts.iter().any(|fact| fact.name == name)
    }

    fn of<'k>(&'k self, name: &'k Name) -> impl Iterator<Item = &'k Fact> {
        name.asks().flat_map(|asked| self.facts.iter().filter(move |fact| fact.name == asked))
    }
}

/// Which bound of an expression's truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    /// Whether it can hold.
    Can,
    /// Whether it must.
    Must,
}

impl Bound {
    fn other(self) -> Bound {
        match self {
            Bound::Can => Bound::Must,
            Bound::Must => Bound::Can,
        }
    }
}

/// A question about a frame's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ask {
    Always(bool),
    /// Whether a number lies between two, both included.
    Within(Load, u32, u32),
    Not(Box<Ask>),
    All(Vec<Ask>),
    Any(Vec<Ask>),
}

/// Expressions of more alternatives in an exclusive or than this are left to others: each doubles what is to be asked.
const ODD: usize = 4;

/// The question that an expression is. `None` where it asks for what programs do not see.
pub(super) fn ask(test: &Test, names: &[Name], known: &Known, keep: Keep, bound: Bound) -> Option<Ask> {
    Asker { names, known, keep }.test(test, bound)
}

struct Asker<'a> {
    names: &'a [Name],
    known: &'a Known,
    keep: Keep,
}

/// A field, or some bits of one as a number.
struct Subject<'a> {
    name: &'a Name,
    bits: Option<u32>,
}

impl Asker<'_> {
    fn test(&self, test: &Test, bound: Bound) -> Option<Ask> {
        match self.decided(test, bound) {
            // It may be so of one packet of the conversation, and not of another.
            None if self.keep == Keep::Conversations => Some(Ask::Always(bound == Bound::Can)),
            decided => decided,
        }
    }

    fn decided(&self, test: &Test, bound: Bound) -> Option<Ask> {
        let each = |tests: &[Test]| tests.iter().map(|one| self.test(one, bound)).collect::<Option<Vec<_>>>();
        match test {
            Test::Exists(value) => {
                let Subject { name, bits: None } = self.subject(value)? else { return None };
                // A tag may be on one direction only.
                if self.keep == Keep::Conversations && name.asks().any(is_of_tag) {
                    return None;
                }
                let is_there = name.asks().any(|name| self.known.has(name));
                Some(Ask::Always(is_there || self.known.open && bound == Bound::Can))
            }
            Test::NonZero(value) => {
                let zero = Literal { int: Some(0), nanos: Some(0), ..Literal::default() };
                let holds = |fact: &Fact| Some(not(compare(fact, Relation::Equal, &zero)?));
                self.quantify(&self.subject(value)?, false, bound, &holds)
            }
            Test::Compare { relation, every, left, right } => {
                let (subject, relation, literal) = match (left, right) {
                    (left, Value::Literal(literal, _)) => (self.subject(left)?, *relation, literal),
                    (Value::Literal(literal, _), right) => (self.subject(right)?, turned(*relation), literal),
                    _ => return None,
                };
                self.quantify(&subject, *every, bound, &|fact| compare(fact, relation, literal))
            }
            Test::In { every, left, set } => {
                let holds = |fact: &Fact| {
                    let member = |low: &Value, high: Option<&Value>| {
                        let Value::Literal(low, _) = low else { return None };
                        match high {
                            None => compare(fact, Relation::Equal, low),
                            Some(Value::Literal(high, _)) => Some(all(vec![
                                compare(fact, Relation::GreaterEqual, low)?,
                                compare(fact, Relation::LessEqual, high)?,
                            ])),
                            Some(_) => None,
                        }
                    };
                    let members = set.iter().map(|one| member(&one.low, one.high.as_ref()));
                    members.collect::<Option<Vec<_>>>().map(any)
                };
                self.quantify(&self.subject(left)?, *every, bound, &holds)
            }
            Test::Not(test) => self.test(test, bound.other()).map(not),
            Test::And(tests) => each(tests).map(all),
            Test::Or(tests) => each(tests).map(any),
            Test::Xor(tests) if tests.len() <= ODD => {
                // Both bounds of what was asked so far: either holds and the next does not, or the other way round.
                let mut odd = [Ask::Always(false), Ask::Always(false)];
                for one in tests {
                    let (can, must) = (self.test(one, Bound::Can)?, self.test(one, Bound::Must)?);
                    let [before_can, before_must] = odd;
                    let either = |a: Ask, b: Ask, not_a: Ask, not_b: Ask| {
                        any(vec![all(vec![a, not(not_b)]), all(vec![not(not_a), b])])
                    };
                    odd = [
                        either(before_can.clone(), can.clone(), before_must.clone(), must.clone()),
                        either(before_must, must, before_can, can),
                    ];
                }
                let [can, must] = odd;
                Some(if bound == Bound::Can { can } else { must })
            }
            Test::Xor(_) | Test::Contains { .. } => None,
        }
    }

    /// Puts a question to each value of a field that is known, and says what that makes of all of them.
    fn quantify(
        &self,
        subject: &Subject<'_>,
        every: bool,
        bound: Bound,
        holds: &dyn Fn(&Fact) -> Option<Ask>,
    ) -> Option<Ask> {
        if self.keep == Keep::Conversations {
            let mut asked = subject.name.asks();
            // That a header is missing is common to all, too: all of its fields are.
            let is_common = |name: &str| is_common(name) || !is_of_tag(name) && !self.known.has(name);
            if !asked.all(is_common) {
                return None;
            }
        }
        let mut answers = Vec::new();
        for fact in self.known.of(subject.name) {
            answers.push(holds(&masked(*fact, subject.bits)?)?);
        }
        Some(match (every, self.known.open, bound) {
            (false, true, Bound::Can) => Ask::Always(true),
            (false, _, _) => any(answers),
            (true, true, Bound::Must) => Ask::Always(false),
            (true, true, Bound::Can) => all(answers),
            (true, false, _) if answers.is_empty() => Ask::Always(false),
            (true, false, _) => all(answers),
        })
    }

    fn subject(&self, value: &Value) -> Option<Subject<'_>> {
        match value {
            Value::Field(at, _) => {
                let name = &self.names[*at];
                let is_readable = name.layer.is_none() && name.asks().all(is_known);
                is_readable.then_some(Subject { name, bits: None })
            }
            Value::Arithmetic(Operation::BitAnd, left, right, _) => {
                let (field, literal) = match (&**left, &**right) {
                    (field @ Value::Field(..), Value::Literal(literal, _))
                    | (Value::Literal(literal, _), field @ Value::Field(..)) => (field, literal),
                    _ => return None,
                };
                let bits = literal.int.and_then(|bits| u32::try_from(bits).ok())?;
                Some(Subject { bits: Some(bits), ..self.subject(field)? })
            }
            _ => None,
        }
    }
}

fn is_of_tag(name: &str) -> bool {
    name == "vlan" || name.starts_with("vlan.")
}

/// Some bits of a field, as a number.
fn masked(fact: Fact, bits: Option<u32>) -> Option<Fact> {
    let Some(bits) = bits else { return Some(fact) };
    if !matches!(fact.sort, Sort::Number(1) | Sort::Flag) {
        return None;
    }
    let mask = fact.load.mask & (bits << fact.load.mask.trailing_zeros());
    // What is left of the number keeps its place in it: as many times as great as the lowest bit says.
    let times = if mask == 0 { 1 } else { 1 << (mask.trailing_zeros() - fact.load.mask.trailing_zeros()) };
    Some(Fact { sort: Sort::Number(times), load: Load { mask, ..fact.load }, ..fact })
}

fn turned(relation: Relation) -> Relation {
    match relation {
        Relation::Less => Relation::Greater,
        Relation::LessEqual => Relation::GreaterEqual,
        Relation::Greater => Relation::Less,
        Relation::GreaterEqual => Relation::LessEqual,
        same => same,
    }
}

/// A field beside a literal. What cannot be compared is not so.
fn compare(fact: &Fact, relation: Relation, literal: &Literal) -> Option<Ask> {
    let load = fact.load;
    let never = Some(Ask::Always(false));
    match fact.sort {
        Sort::Flag => {
            let Some(wanted) = literal.int else { return never };
            Some(flag(load, relation, wanted != 0))
        }
        Sort::Number(times) => match (literal.flag, literal.int, literal.nanos) {
            (Some(wanted), ..) => Some(flag(load, relation, wanted)),
            (_, Some(wanted), _) => Some(number(load, relation, times, wanted, true)),
            (.., Some(nanos)) => {
                let whole = nanos.rem_euclid(1_000_000_000) == 0;
                Some(number(load, relation, times, nanos.div_euclid(1_000_000_000), whole))
            }
            _ => never,
        },
        Sort::V4 => {
            let Some((wanted, prefix)) = literal.v4 else { return never };
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            let shift = if mask == 0 { 0 } else { mask.trailing_zeros() };
            let load = Load { mask, ..load };
            Some(number(load, relation, 1, i128::from((wanted & mask) >> shift), true))
        }
        Sort::V6 => {
            let Some((wanted, prefix)) = literal.v6 else { return never };
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
            equal(relation, load, wanted.to_be_bytes(), mask.to_be_bytes())
        }
        Sort::Mac => {
            let Some(wanted) = literal.as_bytes() else { return never };
            match <[u8; 6]>::try_from(wanted) {
                Ok(wanted) => equal(relation, load, wanted, [0xff; 6]),
                // Other lengths are less or greater whatever they say.
                Err(_) => match relation {
                    Relation::Equal => never,
                    Relation::Unequal => Some(Ask::Always(true)),
                    _ => None,
                },
            }
        }
    }
}

/// Whether a value that is not zero stands so to a flag; true is the greater.
fn flag(load: Load, relation: Relation, wanted: bool) -> Ask {
    let holds = |set: bool| match relation {
        Relation::Equal => set == wanted,
        Relation::Unequal => set != wanted,
        Relation::Less => !set & wanted,
        Relation::LessEqual => set <= wanted,
        Relation::Greater => set & !wanted,
        Relation::GreaterEqual => set >= wanted,
    };
    let zero = within(load, 0, 0);
    match (holds(false), holds(true)) {
        (true, false) => zero,
        (false, true) => not(zero),
        (always, _) => Ask::Always(always),
    }
}

/// A number beside one that is `floor`, or, where it is not `whole`, lies above it.
fn number(load: Load, relation: Relation, times: u32, floor: i128, whole: bool) -> Ask {
    let ceiling = if whole { floor } else { floor + 1 };
    let (low, high) = match relation {
        Relation::Equal | Relation::Unequal if !whole => return Ask::Always(relation == Relation::Unequal),
        Relation::Equal => (floor, floor),
        Relation::Unequal => return not(number(load, Relation::Equal, times, floor, true)),
        Relation::Less => (0, ceiling - 1),
        Relation::LessEqual => (0, floor),
        Relation::Greater => (floor + 1, i128::MAX),
        Relation::GreaterEqual => (ceiling, i128::MAX),
    };
    // As the number stands, before it is multiplied.
    let times = i128::from(times);
    let low = low.div_euclid(times) + i128::from(low.rem_euclid(times) != 0);
    within(load, low, high.div_euclid(times))
}

fn within(load: Load, low: i128, high: i128) -> Ask {
    let most = i128::from(load.most());
    let (low, high) = (low.max(0), high.min(most));
    if low > high {
        Ask::Always(false)
    } else if (low, high) == (0, most) {
        Ask::Always(true)
    } else {
        Ask::Within(load, low as u32, high as u32)
    }
}

/// Bytes beside bytes, as far as the mask says; words of four as long as there are any.
fn equal<const N: usize>(relation: Relation, load: Load, wanted: [u8; N], mask: [u8; N]) -> Option<Ask> {
    let word = |bytes: &[u8]| bytes.iter().fold(0u32, |n, byte| n << 8 | u32::from(*byte));
    let words = wanted.chunks(4).zip(mask.chunks(4)).enumerate().map(|(at, (wanted, mask))| {
        let load = Load { mask: word(mask), ..load.further(4 * at as u32, mask.len() as u32) };
        let shift = if load.mask == 0 { 0 } else { load.mask.trailing_zeros() };
        let wanted = i128::from((word(wanted) & load.mask) >> shift);
        within(load, wanted, wanted)
    });
    let same = all(words.collect());
    match relation {
        Relation::Equal => Some(same),
        Relation::Unequal => Some(not(same)),
        _ => None,
    }
}

fn not(ask: Ask) -> Ask {
    match ask {
        Ask::Always(always) => Ask::Always(!always),
        Ask::Not(ask) => *ask,
        ask => Ask::Not(Box::new(ask)),
    }
}

pub(super) fn all(mut asks: Vec<Ask>) -> Ask {
    if asks.contains(&Ask::Always(false)) {
        return Ask::Always(false);
    }
    asks.retain(|ask| *ask != Ask::Always(true));
    match asks.len() {
        0 => Ask::Always(true),
        1 => asks.remove(0),
        _ => Ask::All(asks),
    }
}

pub(super) fn any(mut asks: Vec<Ask>) -> Ask {
    if asks.contains(&Ask::Always(true)) {
        return Ask::Always(true);
    }
    asks.retain(|ask| *ask != Ask::Always(false));
    match asks.len() {
        0 => Ask::Always(false),
        1 => asks.remove(0),
        _ => Ask::Any(asks),
    }
}
