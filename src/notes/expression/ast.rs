//! The parsed form of an expression, and how it is written out again.
//!
//! Leaves out: what it means (see `eval`).

use std::cmp::Ordering;
use std::fmt::{self, Formatter};

use super::literal::Literal;

/// Where something stands in the source, in characters. Any two places are equal: the same
/// expression written with other spaces is the same expression.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place {
    pub column: usize,
    pub length: usize,
}

impl PartialEq for Place {
    fn eq(&self, _: &Place) -> bool {
        true
    }
}

impl Place {
    /// From the beginning of one to the end of another.
    pub fn to(self, end: Place) -> Place {
        Place { column: self.column, length: (end.column + end.length).saturating_sub(self.column) }
    }
}

/// A name, once per expression.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Name {
    pub written: Box<str>,
    /// What it stands for, where it is an alias.
    pub alias: Option<&'static [&'static str]>,
    /// `#n` after the name: only that layer of its protocol.
    pub layer: Option<u16>,
    /// Its numbers are 32-bit sequence numbers.
    pub sequence: bool,
}

/// As in Wireshark: either end's.
const ALIASES: [(&str, &[&str]); 6] = [
    ("eth.addr", &["eth.dst", "eth.src"]),
    ("ip.addr", &["ip.src", "ip.dst"]),
    ("ipv6.addr", &["ipv6.src", "ipv6.dst"]),
    ("tcp.port", &["tcp.srcport", "tcp.dstport"]),
    ("udp.port", &["udp.srcport", "udp.dstport"]),
    ("sctp.port", &["sctp.srcport", "sctp.dstport"]),
];

/// The names that are aliases of others.
pub(super) fn alias_names<'a>() -> impl Iterator<Item = &'a str> {
    ALIASES.iter().map(|(name, _)| *name)
}

impl Name {
    pub fn new(written: &str, layer: Option<u16>) -> Name {
        Name {
            written: written.into(),
            alias: ALIASES.iter().find(|(name, _)| *name == written).map(|(_, of)| *of),
            layer,
            sequence: written.ends_with("_raw") || written.ends_with(".isn") || written == "isn",
        }
    }

    /// The names whose facts are asked for.
    pub fn asks(&self) -> impl Iterator<Item = &str> {
        let own = if self.alias.is_none() { Some(&*self.written) } else { None };
        own.into_iter().chain(self.alias.unwrap_or(&[]).iter().copied())
    }
}

/// What is true or false.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Test {
    /// A field or a slice of one occurs.
    Exists(Value),
    /// A computed number is not zero.
    NonZero(Value),
    Compare {
        relation: Relation,
        every: bool,
        left: Value,
        right: Value,
    },
    Contains {
        every: bool,
        left: Value,
        right: Value,
    },
    In {
        every: bool,
        left: Value,
        set: Vec<Member>,
    },
    Not(Box<Test>),
    And(Vec<Test>),
    Or(Vec<Test>),
    Xor(Vec<Test>),
}

impl Test {
    /// Every mention of a name, left to right.
    pub fn each_field(&mut self, each: &mut dyn FnMut(&mut usize)) {
        match self {
            Test::Exists(value) | Test::NonZero(value) => value.each_field(each),
            Test::Compare { left, right, .. } | Test::Contains { left, right, .. } => {
                left.each_field(each);
                right.each_field(each);
            }
            Test::In { left, set, .. } => {
                left.each_field(each);
                for member in set {
                    member.low.each_field(each);
                    member.high.iter_mut().for_each(|high| high.each_field(each));
                }
            }
            Test::Not(test) => test.each_field(each),
            Test::And(tests) | Test::Or(tests) | Test::Xor(tests) => {
                tests.iter_mut().for_each(|test| test.each_field(each));
            }
        }
    }
}

/// A member of the set after `in`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Member {
    pub low: Value,
    /// The last value, where it is a range.
    pub high: Option<Value>,
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// `==`
    Equal,
    /// `!=`
    Unequal,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
}

impl Relation {
    const ALL: [Relation; 6] = [
        Relation::Equal,
        Relation::Unequal,
        Relation::Less,
        Relation::LessEqual,
        Relation::Greater,
        Relation::GreaterEqual,
    ];

    /// `!=` asks all occurrences, the others any.
    pub fn every(self) -> bool {
        self == Relation::Unequal
    }

    /// Whether it holds between two values that stand in this order.
    pub fn holds(self, order: Ordering) -> bool {
        match self {
            Relation::Equal => order.is_eq(),
            Relation::Unequal => order.is_ne(),
            Relation::Less => order.is_lt(),
            Relation::LessEqual => order.is_le(),
            Relation::Greater => order.is_gt(),
            Relation::GreaterEqual => order.is_ge(),
        }
    }

    /// The one that a sign stands for.
    pub fn of_sign(sign: &str) -> Option<Relation> {
        Relation::ALL.into_iter().find(|relation| relation.sign() == sign)
    }

    fn sign(self) -> &'static str {
        match self {
            Relation::Equal => "==",
            Relation::Unequal => "!=",
            Relation::Less => "<",
            Relation::LessEqual => "<=",
            Relation::Greater => ">",
            Relation::GreaterEqual => ">=",
        }
    }
}

/// What has values.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Literal(Box<Literal>, Place),
    /// An index into the expression's names.
    Field(usize, Place),
    Slice(Box<Value>, Range, Place),
    Negative(Box<Value>, Place),
    Arithmetic(Operation, Box<Value>, Box<Value>, Place),
    Call(Function, Box<Value>, Place),
}

impl Value {
    pub fn place(&self) -> Place {
        match self {
            Value::Literal(_, place)
            | Value::Field(_, place)
            | Value::Slice(_, _, place)
            | Value::Negative(_, place)
            | Value::Arithmetic(_, _, _, place)
            | Value::Call(_, _, place) => *place,
        }
    }

    fn each_field(&mut self, each: &mut dyn FnMut(&mut usize)) {
        match self {
            Value::Literal(..) => {}
            Value::Field(field, _) => each(field),
            Value::Slice(of, ..) | Value::Negative(of, _) | Value::Call(_, of, _) => of.each_field(each),
            Value::Arithmetic(_, left, right, _) => {
                left.each_field(each);
                right.each_field(each);
            }
        }
    }

    /// Whether no field occurs in it.
    pub fn is_constant(&self) -> bool {
        match self {
            Value::Literal(..) => true,
            Value::Field(..) => false,
            Value::Slice(of, ..) | Value::Negative(of, _) | Value::Call(_, of, _) => of.is_constant(),
            Value::Arithmetic(_, left, right, _) => left.is_constant() && right.is_constant(),
        }
    }
}

/// An arithmetic operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    BitAnd,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Operation {
    fn sign(self) -> &'static str {
        match self {
            Operation::BitAnd => "&",
            Operation::Add => "+",
            Operation::Subtract => "-",
            Operation::Multiply => "*",
            Operation::Divide => "/",
            Operation::Remainder => "%",
        }
    }
}

/// A function of one field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    /// How often it occurs; nothing where it does not.
    Count,
    /// Length in bytes.
    Len,
    /// Text in lower case (ASCII letters).
    Lower,
}

/// The names of the functions, in the order of the language's description.
pub(super) const FUNCTIONS: [&str; 3] = ["count", "len", "lower"];

impl Function {
    pub fn named(name: &str) -> Option<Function> {
        [Function::Count, Function::Len, Function::Lower].into_iter().find(|f| f.name() == name)
    }

    fn name(self) -> &'static str {
        FUNCTIONS[self as usize]
    }
}

/// Part of a run of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    /// Offset of the first byte; negative: from the end.
    pub from: i32,
    pub extent: Extent,
}

/// Where a range ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    Length(u16),
    /// Offset of the last byte; negative: from the end.
    Through(i32),
    Rest,
}

/// Write a test; what binds more loosely than its surroundings is put in parentheses.
pub(super) fn write_test(test: &Test, names: &[Name], out: &mut Formatter<'_>) -> fmt::Result {
    let joined = |tests: &[Test], word: &str, loose: fn(&Test) -> bool, out: &mut Formatter<'_>| {
        for (at, test) in tests.iter().enumerate() {
            if at > 0 {
                write!(out, " {word} ")?;
            }
            wrapped(test, loose(test), names, out)?;
        }
        Ok(())
    };
    let quantifier = |every: bool, usual: bool, out: &mut Formatter<'_>| match (every, usual) {
        (true, false) => out.write_str("all "),
        (false, true) => out.write_str("any "),
        _ => Ok(()),
    };
    match test {
        Test::Exists(value) | Test::NonZero(value) => write_value(value, names, out),
        Test::Compare { relation, every, left, right } => {
            quantifier(*every, relation.every(), out)?;
            write_value(left, names, out)?;
            write!(out, " {} ", relation.sign())?;
            write_value(right, names, out)
        }
        Test::Contains { every, left, right } => {
            quantifier(*every, false, out)?;
            write_value(left, names, out)?;
            out.write_str(" contains ")?;
            write_value(right, names, out)
        }
        Test::In { every, left, set } => {
            quantifier(*every, false, out)?;
            write_value(left, names, out)?;
            out.write_str(" in {")?;
            for (at, member) in set.iter().enumerate() {
                out.write_str(if at > 0 { ", " } else { "" })?;
                write_value(&member.low, names, out)?;
                if let Some(high) = &member.high {
                    out.write_str("..")?;
                    write_value(high, names, out)?;
                }
            }
            out.write_str("}")
        }
        Test::Not(test) => {
            out.write_str("not ")?;
            wrapped(test, matches!(**test, Test::And(_) | Test::Or(_) | Test::Xor(_)), names, out)
        }
        Test::And(tests) => joined(tests, "and", |t| matches!(t, Test::Or(_) | Test::Xor(_)), out),
        Test::Xor(tests) => joined(tests, "xor", |t| matches!(t, Test::Or(_)), out),
        Test::Or(tests) => joined(tests, "or", |_| false, out),
    }
}

fn wrapped(test: &Test, parentheses: bool, names: &[Name], out: &mut Formatter<'_>) -> fmt::Result {
    if !parentheses {
        return write_test(test, names, out);
    }
    out.write_str("(")?;
    write_test(test, names, out)?;
    out.write_str(")")
}

/// A value as it is written, for telling of it.
pub(super) struct Shown<'a> {
    pub value: &'a Value,
    pub names: &'a [Name],
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        write_value(self.value, self.names, out)
    }
}

fn write_value(value: &Value, names: &[Name], out: &mut Formatter<'_>) -> fmt::Result {
    match value {
        Value::Literal(literal, _) => write!(out, "{literal}"),
        Value::Field(name, _) => {
            out.write_str(&names[*name].written)?;
            names[*name].layer.map_or(Ok(()), |layer| write!(out, "#{layer}"))
        }
        Value::Slice(of, range, _) => {
            write_value(of, names, out)?;
            match range.extent {
                Extent::Length(length) => write!(out, "[{}:{length}]", range.from),
                Extent::Through(last) => write!(out, "[{}-{last}]", range.from),
                Extent::Rest => write!(out, "[{}:]", range.from),
            }
        }
        Value::Negative(of, _) => {
            out.write_str("-")?;
            write_part(of, names, out)
        }
        Value::Arithmetic(operation, left, right, _) => {
            write_part(left, names, out)?;
            write!(out, " {} ", operation.sign())?;
            write_part(right, names, out)
        }
        Value::Call(function, of, _) => {
            write!(out, "{}(", function.name())?;
            write_value(of, names, out)?;
            out.write_str(")")
        }
    }
}

/// A part of arithmetic; arithmetic within arithmetic always shows its grouping.
fn write_part(value: &Value, names: &[Name], out: &mut Formatter<'_>) -> fmt::Result {
    if !matches!(value, Value::Arithmetic(..)) {
        return write_value(value, names, out);
    }
    out.write_str("(")?;
    write_value(value, names, out)?;
    out.write_str(")")
}
