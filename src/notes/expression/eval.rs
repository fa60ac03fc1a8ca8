//! What an expression means: tests over facts.
//!
//! Values are handed on through closures, so nothing is allocated (but the text of `lower`). A part that
//! has no value (an absent field, arithmetic on text, a slice beyond the end) simply hands on nothing.

use std::cmp::Ordering;

use super::ast::{Extent, Function, Name, Operation, Range, Test, Value};
use super::literal::Literal;
use super::{Facts, Operand};

/// What names mean during one evaluation.
pub(super) struct Scope<'a> {
    pub names: &'a [Name],
    pub facts: &'a dyn Facts,
}

/// A value on its way to a comparison.
#[derive(Clone, Copy)]
enum Val<'v> {
    Fact(Operand<'v>),
    /// A 32-bit sequence number, which wraps.
    Sequence(u32),
    Literal(&'v Literal),
}

type Each<'e> = &'e mut dyn FnMut(Val<'_>);

/// Whether a test is true.
pub(super) fn test(test: &Test, scope: &Scope<'_>) -> bool {
    match test {
        Test::Exists(Value::Field(name, _)) => {
            let name = &scope.names[*name];
            match name.layer {
                None => name.asks().any(|name| scope.facts.has(name)),
                Some(_) => any(&mut |found| field(name, scope, &mut |_| *found = true)),
            }
        }
        Test::Exists(value) => any(&mut |found| values(value, scope, &mut |_| *found = true)),
        Test::NonZero(value) => any(&mut |found| {
            values(value, scope, &mut |v| *found |= number(v).is_some_and(|n| !n.is_zero()));
        }),
        Test::Compare { relation, every, left, right } => {
            pairs(left, right, *every, scope, &|a, b| order(a, b).is_some_and(|order| relation.holds(order)))
        }
        Test::Contains { every, left, right } => {
            pairs(left, right, *every, scope, &|haystack, needle| contains(haystack, needle))
        }
        Test::In { every, left, set } => {
            let mut some = false;
            let mut all = true;
            values(left, scope, &mut |value| {
                let member = set.iter().any(|member| {
                    let against = |bound: &Value, wanted: &dyn Fn(Ordering) -> bool| {
                        any(&mut |found| {
                            values(bound, scope, &mut |b| *found |= order(value, b).is_some_and(wanted));
                        })
                    };
                    match &member.high {
                        None => against(&member.low, &Ordering::is_eq),
                        Some(high) => {
                            against(&member.low, &Ordering::is_ge) && against(high, &Ordering::is_le)
                        }
                    }
                });
                some |= member;
                all &= member;
            });
            some && (all || !every)
        }
        Test::Not(inner) => !self::test(inner, scope),
        Test::And(tests) => tests.iter().all(|t| self::test(t, scope)),
        Test::Or(tests) => tests.iter().any(|t| self::test(t, scope)),
        Test::Xor(tests) => tests.iter().fold(false, |odd, t| odd ^ self::test(t, scope)),
    }
}

fn any(run: &mut dyn FnMut(&mut bool)) -> bool {
    let mut found = false;
    run(&mut found);
    found
}

/// Whether `holds` is true of some pair, or of every pair where there is one.
fn pairs(
    left: &Value,
    right: &Value,
    every: bool,
    scope: &Scope<'_>,
    holds: &dyn Fn(Val<'_>, Val<'_>) -> bool,
) -> bool {
    let mut some = false;
    let mut all = true;
    values(left, scope, &mut |a| {
        // Decided already: the rest of the values cannot change it.
        if if every { !all } else { some } {
            return;
        }
        values(right, scope, &mut |b| {
            let held = holds(a, b);
            some |= held;
            all &= held;
        });
    });
    some && (all || !every)
}

fn field(name: &Name, scope: &Scope<'_>, each: Each<'_>) {
    let mut hand_on = |operand: Operand<'_>| match operand {
        Operand::Int(n) if name.sequence => each(match u32::try_from(n) {
            Ok(n) => Val::Sequence(n),
            Err(_) => Val::Fact(operand),
        }),
        operand => each(Val::Fact(operand)),
    };
    for asked in name.asks() {
        match name.layer {
            None => scope.facts.values(asked, &mut hand_on),
            Some(layer) => scope.facts.layer_values(asked, layer, &mut hand_on),
        }
    }
}

fn values(value: &Value, scope: &Scope<'_>, each: Each<'_>) {
    match value {
        Value::Literal(literal, _) => each(Val::Literal(literal)),
        Value::Field(name, _) => field(&scope.names[*name], scope, each),
        Value::Slice(of, range, _) => values(of, scope, &mut |v| {
            if let Some(part) = bytes(&v).and_then(|b| cut(b, *range)) {
                each(Val::Fact(Operand::Bytes(part)));
            }
        }),
        Value::Negative(of, _) => values(of, scope, &mut |v| {
            if let Some(n) = number(v).and_then(|n| arithmetic(Operation::Subtract, Number::Int(0), n)) {
                each(n.into());
            }
        }),
        Value::Arithmetic(operation, left, right, _) => values(left, scope, &mut |a| {
            let Some(a) = number(a) else { return };
            values(right, scope, &mut |b| {
                if let Some(n) = number(b).and_then(|b| arithmetic(*operation, a, b)) {
                    each(n.into());
                }
            });
        }),
        Value::Call(Function::Count, of, _) => {
            let mut count = 0;
            values(of, scope, &mut |_| count += 1);
            // As in Wireshark, what is absent has no count, not the count 0: `not` asks for it.
            if count > 0 {
                each(Val::Fact(Operand::Int(count)));
            }
        }
        Value::Call(Function::Len, of, _) => values(of, scope, &mut |v| {
            if let Some(bytes) = bytes(&v) {
                each(Val::Fact(Operand::Int(bytes.len() as i128)));
            }
        }),
        Value::Call(Function::Lower, of, _) => values(of, scope, &mut |v| match v {
            Val::Fact(Operand::Text(text)) => each(Val::Fact(Operand::Text(&text.to_ascii_lowercase()))),
            Val::Fact(Operand::Bytes(bytes)) => each(Val::Fact(Operand::Bytes(&bytes.to_ascii_lowercase()))),
            _ => {}
        }),
    }
}

/// The bytes of what is made of bytes.
fn bytes<'v>(value: &'v Val<'_>) -> Option<&'v [u8]> {
    match value {
        Val::Fact(Operand::Text(text)) => Some(text.as_bytes()),
        Val::Fact(Operand::Bytes(bytes)) => Some(bytes),
        Val::Fact(Operand::Mac(address)) => Some(address),
        Val::Fact(Operand::V4(address)) => Some(address),
        Val::Fact(Operand::V6(address)) => Some(address),
        Val::Literal(literal) => literal.as_bytes(),
        _ => None,
    }
}

/// The part of `bytes` that a slice means; `None` where it reaches outside.
fn cut(bytes: &[u8], range: Range) -> Option<&[u8]> {
    let offset = |at: i32| match usize::try_from(at) {
        Ok(at) => Some(at),
        Err(_) => bytes.len().checked_sub(at.unsigned_abs() as usize),
    };
    let from = offset(range.from)?;
    let to = match range.extent {
        Extent::Length(length) => from + usize::from(length),
        Extent::Through(last) => offset(last)? + 1,
        Extent::Rest => bytes.len(),
    };
    if from < to { bytes.get(from..to) } else { None }
}

/// Whether the bytes of one lie in the other's. Numbers and IP addresses have no parts, as in Wireshark.
fn contains(haystack: Val<'_>, needle: Val<'_>) -> bool {
    let atomic = |v: &Val<'_>| matches!(v, Val::Fact(Operand::V4(_)));
    let (Some(whole), Some(part)) = (bytes(&haystack), bytes(&needle)) else { return false };
    !atomic(&haystack) && (part.is_empty() || whole.windows(part.len()).any(|window| window == part))
}

/// What can be calculated with.
#[derive(Clone, Copy)]
enum Number {
    Int(i128),
    Sequence(u32),
    /// Nanoseconds.
    Time(i128),
    Float(f64),
}

impl Number {
    fn is_zero(self) -> bool {
        match self {
            Number::Int(n) | Number::Time(n) => n == 0,
            Number::Sequence(n) => n == 0,
            Number::Float(n) => n == 0.0,
        }
    }

    fn float(self) -> f64 {
        match self {
            Number::Int(n) => n as f64,
            Number::Sequence(n) => n.into(),
            Number::Time(n) => n as f64 / 1e9,
            Number::Float(n) => n,
        }
    }
}

impl From<Number> for Val<'_> {
    fn from(number: Number) -> Self {
        match number {
            Number::Int(n) => Val::Fact(Operand::Int(n)),
            Number::Sequence(n) => Val::Sequence(n),
            Number::Time(n) => Val::Fact(Operand::Time(n)),
            Number::Float(n) => Val::Fact(Operand::Float(n)),
        }
    }
}

/// As a number: a flag is 1 or 0, up to eight bytes are one big-endian number (`tcp[13] & 0x02`).
fn number(value: Val<'_>) -> Option<Number> {
    Some(match value {
        Val::Sequence(n) => Number::Sequence(n),
        Val::Fact(Operand::Int(n)) => Number::Int(n),
        Val::Fact(Operand::Bool(b)) => Number::Int(b.into()),
        Val::Fact(Operand::Time(n)) => Number::Time(n),
        Val::Fact(Operand::Float(n)) => Number::Float(n),
        Val::Fact(Operand::Bytes(bytes)) if (1..=8).contains(&bytes.len()) => {
            Number::Int(bytes.iter().fold(0, |n, b| n << 8 | i128::from(*b)))
        }
        // A number with a decimal point counts seconds, or is a plain fraction: the same thing.
        Val::Literal(literal) => match (literal.int, literal.nanos) {
            (Some(n), _) => Number::Int(n),
            (None, Some(n)) => Number::Time(n),
            _ => return None,
        },
        Val::Fact(_) => return None,
    })
}

/// `None` where the result has no meaning or does not fit.
fn arithmetic(operation: Operation, a: Number, b: Number) -> Option<Number> {
    use Number::{Float, Int, Sequence, Time};
    use Operation::{Add, BitAnd, Divide, Multiply, Remainder, Subtract};
    Some(match (operation, a, b) {
        (BitAnd, a, b) => Int(whole(a)? & whole(b)?),
        // RFC 9293 §3.4: sequence numbers are calculated modulo 2^32.
        (Add, Sequence(n), Int(by)) | (Add, Int(by), Sequence(n)) => Sequence(n.wrapping_add(by as u32)),
        (Subtract, Sequence(n), Int(by)) => Sequence(n.wrapping_sub(by as u32)),
        (Subtract, Sequence(a), Sequence(b)) => Int(i128::from(a.wrapping_sub(b) as i32)),
        (Add, Time(a), Time(b)) => Time(a.checked_add(b)?),
        (Subtract, Time(a), Time(b)) => Time(a.checked_sub(b)?),
        (Add, Time(a), Int(b)) | (Add, Int(b), Time(a)) => Time(a.checked_add(seconds(b)?)?),
        (Subtract, Time(a), Int(b)) => Time(a.checked_sub(seconds(b)?)?),
        (Subtract, Int(a), Time(b)) => Time(seconds(a)?.checked_sub(b)?),
        (Multiply, Time(a), Int(b)) | (Multiply, Int(b), Time(a)) => Time(a.checked_mul(b)?),
        (Divide, Time(a), Int(b)) => Time(a.checked_div(b)?),
        (operation, Time(_) | Float(_), b) | (operation, _, b @ (Time(_) | Float(_))) => {
            let (a, b) = (a.float(), b.float());
            Float(match operation {
                Add => a + b,
                Subtract => a - b,
                Multiply => a * b,
                Divide if b != 0.0 => a / b,
                Remainder if b != 0.0 => a % b,
                _ => return None,
            })
        }
        (operation, a, b) => {
            let (a, b) = (whole(a)?, whole(b)?);
            Int(match operation {
                Add => a.checked_add(b)?,
                Subtract => a.checked_sub(b)?,
                Multiply => a.checked_mul(b)?,
                Divide => a.checked_div(b)?,
                _ => a.checked_rem(b)?,
            })
        }
    })
}

fn whole(number: Number) -> Option<i128> {
    match number {
        Number::Int(n) => Some(n),
        Number::Sequence(n) => Some(n.into()),
        Number::Time(_) | Number::Float(_) => None,
    }
}

fn seconds(n: i128) -> Option<i128> {
    n.checked_mul(1_000_000_000)
}

/// How two values stand to each other; `None` where they cannot be compared, which makes any comparison false.
fn order(a: Val<'_>, b: Val<'_>) -> Option<Ordering> {
    match (a, b) {
        (Val::Literal(a), Val::Literal(b)) => a.nanos.zip(b.nanos).map(|(a, b)| a.cmp(&b)),
        (Val::Literal(literal), value) => beside(value, literal).map(Ordering::reverse),
        (value, Val::Literal(literal)) => beside(value, literal),
        // The signed distance decides, so that a number just after the wrap is greater than one just before it.
        (Val::Sequence(a), Val::Sequence(b)) => Some((a.wrapping_sub(b) as i32).cmp(&0)),
        (Val::Sequence(a), b) => order(Val::Fact(Operand::Int(a.into())), b),
        (a, Val::Sequence(b)) => order(a, Val::Fact(Operand::Int(b.into()))),
        (Val::Fact(a), Val::Fact(b)) => facts(a, b),
    }
}

fn facts(a: Operand<'_>, b: Operand<'_>) -> Option<Ordering> {
    use Operand::{Bool, Bytes, Int, Mac, Text, V4, V6};
    match (a, b) {
        (Int(a), Int(b)) => Some(a.cmp(&b)),
        (Bool(a), Bool(b)) => Some(a.cmp(&b)),
        (Bool(a), Int(b)) => Some(a.cmp(&(b != 0))),
        (Int(a), Bool(b)) => Some((a != 0).cmp(&b)),
        (Text(a), Text(b)) => Some(a.cmp(b)),
        (V4(a), V4(b)) => Some(a.cmp(&b)),
        (V6(a), V6(b)) => Some(a.cmp(&b)),
        (Mac(_) | Bytes(_) | Text(_), Mac(_) | Bytes(_) | Text(_)) => {
            let (a, b) = (Val::Fact(a), Val::Fact(b));
            Some(runs(bytes(&a)?, bytes(&b)?))
        }
        (a, b) => match (number(Val::Fact(a))?, number(Val::Fact(b))?) {
            (Number::Time(a), Number::Time(b)) => Some(a.cmp(&b)),
            (Number::Time(a), Number::Int(b)) => Some(a.cmp(&seconds(b)?)),
            (Number::Int(a), Number::Time(b)) => Some(seconds(a)?.cmp(&b)),
            (a, b) => a.float().partial_cmp(&b.float()),
        },
    }
}

/// Runs of bytes are ordered by their length first, as in Wireshark; texts are not.
fn runs(a: &[u8], b: &[u8]) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

/// A value beside a literal, whose reading it chooses.
fn beside(value: Val<'_>, literal: &Literal) -> Option<Ordering> {
    let operand = match value {
        Val::Sequence(n) => Operand::Int(n.into()),
        Val::Fact(operand) => operand,
        Val::Literal(_) => return None,
    };
    match operand {
        Operand::Bool(flag) => literal.int.map(|n| flag.cmp(&(n != 0))),
        Operand::Int(n) => match (literal.flag, literal.int, literal.nanos) {
            (Some(flag), ..) => Some((n != 0).cmp(&flag)),
            (_, Some(wanted), _) => Some(n.cmp(&wanted)),
            (.., nanos) => Some(seconds(n)?.cmp(&nanos?)),
        },
        Operand::Time(nanos) => literal.nanos.map(|wanted| nanos.cmp(&wanted)),
        Operand::Float(n) => n.partial_cmp(&(literal.nanos? as f64 / 1e9)),
        Operand::Text(text) => literal.text.as_deref().map(|wanted| text.as_bytes().cmp(wanted)),
        Operand::Mac(address) => literal.as_bytes().map(|wanted| runs(&address, wanted)),
        Operand::Bytes(bytes) => literal.as_bytes().map(|wanted| runs(bytes, wanted)),
        Operand::V4(address) => {
            let (wanted, prefix) = literal.v4?;
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            Some((u32::from_be_bytes(address) & mask).cmp(&(wanted & mask)))
        }
        Operand::V6(address) => {
            let (wanted, prefix) = literal.v6?;
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
            Some((u128::from_be_bytes(address) & mask).cmp(&(wanted & mask)))
        }
    }
}
