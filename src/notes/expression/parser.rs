//! Tokens into an expression, by operator precedence.
//!
//! From loose to tight, as in Wireshark: `or`, `xor`, `and`, `not`, comparisons, `&`, `+ -`, `* / %`, sign.
//! Whether something is a condition or a value follows from what it is made of, so parentheses serve both.

use super::ast::{FUNCTIONS, Function, Member, Name, Operation, Place, Relation, Test, Value};
use super::lexer::{Token, tokens};
use super::literal::Literal;
use super::{Error, Expression, Reason};

/// Parentheses, negations and arithmetic may nest this deep: evaluation recurses as deep as they do.
const DEPTH: usize = 64;

pub(super) fn parse(source: &str) -> Result<Expression, Error> {
    let tokens = tokens(source)?;
    let end = Place { column: source.trim_end().chars().count(), length: 1 };
    if tokens.is_empty() {
        return Err(Error::new(Place { column: 0, length: source.chars().count() }, Reason::Empty));
    }
    let mut parser = Parser { tokens, at: 0, end, names: Vec::new(), depth: 0, operations: 0 };
    let item = parser.item(0)?;
    if let Some((token, place)) = parser.peek() {
        return Err(unexpected(&token.clone(), *place));
    }
    let mut test = condition(item, &parser.names)?;
    let names = forget_unused(&mut test, &parser.names);
    Ok(Expression { names, test })
}

/// Only the names that are still in the expression: a word may have become a byte.
fn forget_unused(test: &mut Test, all: &[Name]) -> Vec<Name> {
    let mut names = Vec::new();
    test.each_field(&mut |field| {
        let name = &all[*field];
        *field = names.iter().position(|kept| kept == name).unwrap_or_else(|| {
            names.push(name.clone());
            names.len() - 1
        });
    });
    names
}

/// What has been read: not yet known whether a value will be compared or stands for its existence.
enum Item {
    Test(Test, Place),
    Value(Value),
}

impl Item {
    fn place(&self) -> Place {
        match self {
            Item::Test(_, place) => *place,
            Item::Value(value) => value.place(),
        }
    }
}

/// What an infix token does.
#[derive(Clone, Copy)]
enum Infix {
    Or,
    Xor,
    And,
    Relation(Relation, Option<bool>),
    Contains,
    In,
    NotIn,
    Matches,
    Arithmetic(Operation),
}

impl Infix {
    fn binding(self) -> u8 {
        match self {
            Infix::Or => 1,
            Infix::Xor => 2,
            Infix::And => 3,
            Infix::Relation(..) | Infix::Contains | Infix::In | Infix::NotIn | Infix::Matches => COMPARISON,
            Infix::Arithmetic(Operation::BitAnd) => 6,
            Infix::Arithmetic(Operation::Add | Operation::Subtract) => 7,
            Infix::Arithmetic(_) => 8,
        }
    }
}

const NOT: u8 = 4;
const COMPARISON: u8 = 5;
const SIGN: u8 = 9;

struct Parser {
    tokens: Vec<(Token, Place)>,
    at: usize,
    end: Place,
    names: Vec<Name>,
    depth: usize,
    operations: usize,
}

impl Parser {
    fn peek(&self) -> Option<&(Token, Place)> {
        self.tokens.get(self.at)
    }

    fn is_sign(&self, sign: &str) -> bool {
        matches!(self.peek(), Some((Token::Sign(s), _)) if *s == sign)
    }

    fn is_word(&self, ahead: usize, word: &str) -> bool {
        matches!(self.tokens.get(self.at + ahead), Some((Token::Word(w), _)) if w == word)
    }

    /// The token that comes next, which must come.
    fn take(&mut self) -> Result<(Token, Place), Error> {
        let taken = self.peek().cloned().ok_or_else(|| Error::new(self.end, Reason::UnexpectedEnd))?;
        self.at += 1;
        Ok(taken)
    }

    /// The closing bracket of one that was opened at `open`.
    fn close(&mut self, sign: &'static str, open: Place, unclosed: Reason) -> Result<Place, Error> {
        match self.peek() {
            Some((Token::Sign(s), place)) if *s == sign => {
                let place = *place;
                self.at += 1;
                Ok(place)
            }
            Some((token, place)) => Err(unexpected(&token.clone(), *place)),
            None => Err(Error::new(open, unclosed)),
        }
    }

    fn infix(&self) -> Result<Option<Infix>, Error> {
        let Some((token, place)) = self.peek() else { return Ok(None) };
        let relation = |r| Infix::Relation(r, None);
        let spelt = match token {
            Token::Word(word) => word,
            Token::Sign(sign) => *sign,
            _ => return Ok(None),
        };
        Ok(Some(match spelt {
            "or" | "||" => Infix::Or,
            "xor" | "^^" => Infix::Xor,
            "and" | "&&" => Infix::And,
            "==" | "eq" | "any_eq" => relation(Relation::Equal),
            "!=" | "ne" | "all_ne" => relation(Relation::Unequal),
            "===" | "all_eq" => Infix::Relation(Relation::Equal, Some(true)),
            "!==" | "~=" | "any_ne" => Infix::Relation(Relation::Unequal, Some(false)),
            "<" | "lt" => relation(Relation::Less),
            "<=" | "le" => relation(Relation::LessEqual),
            ">" | "gt" => relation(Relation::Greater),
            ">=" | "ge" => relation(Relation::GreaterEqual),
            "contains" => Infix::Contains,
            "in" => Infix::In,
            "not" if self.is_word(1, "in") => Infix::NotIn,
            "matches" | "~" => Infix::Matches,
            "&" | "bitand" | "bitwise_and" => Infix::Arithmetic(Operation::BitAnd),
            "+" => Infix::Arithmetic(Operation::Add),
            "-" => Infix::Arithmetic(Operation::Subtract),
            "*" => Infix::Arithmetic(Operation::Multiply),
            "/" => Infix::Arithmetic(Operation::Divide),
            "%" => Infix::Arithmetic(Operation::Remainder),
            "AND" | "And" => return Err(operator(*place, spelt, "and")),
            "OR" | "Or" => return Err(operator(*place, spelt, "or")),
            "NOT" | "Not" => return Err(operator(*place, spelt, "not")),
            "XOR" | "Xor" => return Err(operator(*place, spelt, "xor")),
            "IN" | "In" => return Err(operator(*place, spelt, "in")),
            "CONTAINS" | "Contains" => return Err(operator(*place, spelt, "contains")),
            "is" | "IS" => return Err(operator(*place, spelt, "==")),
            _ => return Ok(None),
        }))
    }

    /// Everything that binds at least as tightly as `least`.
    fn item(&mut self, least: u8) -> Result<Item, Error> {
        self.depth += 1;
        if self.depth > DEPTH {
            let place = self.peek().map_or(self.end, |(_, place)| *place);
            return Err(Error::new(place, Reason::TooDeep { limit: DEPTH }));
        }
        let mut left = self.prefix()?;
        while let Some(infix) = self.infix()?.filter(|infix| infix.binding() >= least) {
            left = match infix {
                Infix::And | Infix::Xor | Infix::Or => self.logical(infix, left)?,
                Infix::Arithmetic(operation) => self.arithmetic(operation, left, infix.binding())?,
                _ => self.comparison(value(left)?, None)?,
            };
        }
        self.depth -= 1;
        Ok(left)
    }

    /// A chain of one word (`a and b and c`) is one list, so that its length is no depth.
    fn logical(&mut self, infix: Infix, left: Item) -> Result<Item, Error> {
        self.at += 1;
        let right = self.item(infix.binding() + 1)?;
        let place = left.place().to(right.place());
        let (left, right) = (condition(left, &self.names)?, condition(right, &self.names)?);
        let mut tests = Vec::new();
        for test in [left, right] {
            match (infix, test) {
                (Infix::And, Test::And(more))
                | (Infix::Or, Test::Or(more))
                | (Infix::Xor, Test::Xor(more)) => {
                    // Moved, not copied: a chain of n is n steps, not n squared.
                    if tests.is_empty() { tests = more } else { tests.extend(more) }
                }
                (_, test) => tests.push(test),
            }
        }
        let test = match infix {
            Infix::And => Test::And(tests),
            Infix::Or => Test::Or(tests),
            _ => Test::Xor(tests),
        };
        Ok(Item::Test(test, place))
    }

    fn arithmetic(&mut self, operation: Operation, left: Item, binding: u8) -> Result<Item, Error> {
        let left = value(left)?;
        let (_, sign) = self.take()?;
        self.operations += 1;
        if self.operations > DEPTH {
            return Err(Error::new(sign, Reason::TooDeep { limit: DEPTH }));
        }
        let right = value(self.item(binding + 1)?)?;
        let place = left.place().to(right.place());
        Ok(Item::Value(Value::Arithmetic(operation, Box::new(left), Box::new(right), place)))
    }

    /// What follows the first value of a comparison; `a < b < c` is `a < b and b < c`.
    fn comparison(&mut self, first: Value, every: Option<bool>) -> Result<Item, Error> {
        let start = first.place();
        let mut left = first;
        let mut tests = Vec::new();
        let mut place = start;
        loop {
            let Some(infix) = self.infix()?.filter(|infix| infix.binding() == COMPARISON) else {
                let found = self.peek().cloned();
                if tests.is_empty() {
                    // After `any` or `all`: something to compare must follow.
                    return Err(match found {
                        Some((token, place)) => unexpected(&token, place),
                        None => Error::new(self.end, Reason::UnexpectedEnd),
                    });
                }
                break;
            };
            let (_, sign) = self.take()?;
            match infix {
                Infix::In | Infix::NotIn => {
                    if matches!(infix, Infix::NotIn) {
                        self.at += 1;
                    }
                    let (set, end) = self.set(&left)?;
                    place = start.to(end);
                    let constant =
                        |m: &Member| m.low.is_constant() && m.high.as_ref().is_none_or(Value::is_constant);
                    if left.is_constant() && set.iter().all(constant) {
                        return Err(Error::new(place, Reason::NoField));
                    }
                    let test = Test::In { every: every.unwrap_or(false), left, set };
                    tests.push(if matches!(infix, Infix::In) { test } else { Test::Not(Box::new(test)) });
                    break;
                }
                Infix::Matches => return Err(Error::new(sign, Reason::Matches)),
                _ => {}
            }
            let right = value(self.item(COMPARISON + 1)?)?;
            place = start.to(right.place());
            let (before, after) = self.bytes_beside_slices(left, right);
            if before.is_constant() && after.is_constant() {
                return Err(Error::new(before.place().to(after.place()), Reason::NoField));
            }
            left = after.clone();
            tests.push(match infix {
                Infix::Relation(relation, own) => Test::Compare {
                    relation,
                    every: every.or(own).unwrap_or(relation.every()),
                    left: before,
                    right: after,
                },
                _ => Test::Contains { every: every.unwrap_or(false), left: before, right: after },
            });
        }
        let test = if tests.len() == 1 { tests.remove(0) } else { Test::And(tests) };
        Ok(Item::Test(test, place))
    }

    /// `eth.src[0] == ff`: beside a slice two hexadecimal digits are a byte, not a name.
    fn bytes_beside_slices(&self, left: Value, right: Value) -> (Value, Value) {
        let byte = |value: Value, other: bool| match &value {
            Value::Field(name, place) if other => match Literal::byte(&self.names[*name].written) {
                Some(literal) => literal_value(literal, *place),
                None => value,
            },
            _ => value,
        };
        let (sliced_left, sliced_right) = (is_slice(&left), is_slice(&right));
        (byte(left, sliced_right), byte(right, sliced_left))
    }

    fn set(&mut self, left: &Value) -> Result<(Vec<Member>, Place), Error> {
        let open = match self.take()? {
            (Token::Sign("{"), place) => place,
            (token, place) => return Err(unexpected(&token, place)),
        };
        let mut set = Vec::new();
        if self.is_sign("}") {
            let (_, end) = self.take()?;
            return Err(Error::new(open.to(end), Reason::EmptySet));
        }
        loop {
            if self.peek().is_none() {
                return Err(Error::new(open, Reason::UnclosedBrace));
            }
            let low = value(self.item(COMPARISON + 1)?)?;
            let low = if is_slice(left) { self.bytes_beside_slices(left.clone(), low).1 } else { low };
            let high = if self.is_sign("..") {
                self.at += 1;
                Some(value(self.item(COMPARISON + 1)?)?)
            } else {
                None
            };
            set.push(Member { low, high });
            if !self.is_sign(",") {
                let end = self.close("}", open, Reason::UnclosedBrace)?;
                return Ok((set, end));
            }
            self.at += 1;
        }
    }

    fn prefix(&mut self) -> Result<Item, Error> {
        let (token, place) = self.take()?;
        match token {
            Token::Sign("!") => self.not(place),
            Token::Sign("(") => {
                let item = self.item(0)?;
                let place = place.to(self.close(")", place, Reason::UnclosedParenthesis)?);
                match item {
                    Item::Test(test, _) => Ok(Item::Test(test, place)),
                    Item::Value(value) => Ok(Item::Value(value)),
                }
            }
            // Wireshark's way to group arithmetic.
            Token::Sign("{") => {
                let inside = value(self.item(0)?)?;
                self.close("}", place, Reason::UnclosedBrace)?;
                Ok(Item::Value(inside))
            }
            Token::Sign("-") => {
                let of = value(self.item(SIGN)?)?;
                let place = place.to(of.place());
                let negated = match &of {
                    Value::Literal(literal, _) => literal.negated(),
                    _ => None,
                };
                Ok(Item::Value(match negated {
                    Some(literal) => {
                        literal_value(literal.map_err(|reason| Error::new(place, reason))?, place)
                    }
                    None => Value::Negative(Box::new(of), place),
                }))
            }
            Token::Sign("+") => Ok(Item::Value(value(self.item(SIGN)?)?)),
            Token::Text(bytes) => Ok(Item::Value(literal_value(Literal::text(bytes), place))),
            Token::Word(word) => self.word(word, place),
            token => Err(unexpected(&token, place)),
        }
    }

    fn not(&mut self, place: Place) -> Result<Item, Error> {
        let item = self.item(NOT)?;
        let place = place.to(item.place());
        Ok(Item::Test(Test::Not(Box::new(condition(item, &self.names)?)), place))
    }

    fn word(&mut self, word: String, place: Place) -> Result<Item, Error> {
        match &*word {
            "not" => return self.not(place),
            "NOT" | "Not" => return Err(operator(place, &word, "not")),
            "any" | "all" => {
                let left = value(self.item(COMPARISON + 1)?)?;
                return self.comparison(left, Some(word == "all"));
            }
            "true" | "True" | "TRUE" => {
                return Ok(Item::Value(literal_value(Literal::flag(&word, true), place)));
            }
            "false" | "False" | "FALSE" => {
                return Ok(Item::Value(literal_value(Literal::flag(&word, false), place)));
            }
            _ => {}
        }
        if self.infix_word(&word) {
            return Err(Error::new(place, Reason::UnexpectedWord { found: word }));
        }
        let hexadecimal = word.contains(':') || super::literal::byte_string(&word).is_some();
        if hexadecimal || word.starts_with(|c: char| c.is_ascii_digit()) {
            let literal = Literal::word(&word).map_err(|reason| Error::new(place, reason))?;
            return Ok(Item::Value(literal_value(literal, place)));
        }
        if self.is_sign("(") {
            return self.call(&word, place).map(Item::Value);
        }
        let layer = match self.peek() {
            Some((Token::Layer(layer), _)) => Some(*layer),
            _ => None,
        };
        let place = if layer.is_some() { place.to(self.take()?.1) } else { place };
        let field = Value::Field(self.intern(Name::new(&word, layer)), place);
        self.sliced(field).map(Item::Value)
    }

    fn infix_word(&self, word: &str) -> bool {
        matches!(
            word,
            "and" | "or" | "xor" | "eq" | "ne" | "lt" | "le" | "gt" | "ge" | "in" | "contains" | "matches"
        ) || matches!(word, "any_eq" | "any_ne" | "all_eq" | "all_ne" | "bitand" | "bitwise_and")
    }

    fn sliced(&mut self, of: Value) -> Result<Value, Error> {
        let Some((Token::Slice(range), end)) = self.peek().cloned() else { return Ok(of) };
        self.at += 1;
        let place = of.place().to(end);
        Ok(Value::Slice(Box::new(of), range, place))
    }

    fn call(&mut self, name: &str, place: Place) -> Result<Value, Error> {
        let Some(function) = Function::named(name) else {
            let reason = Reason::UnknownFunction { name: name.to_owned(), known: &FUNCTIONS };
            return Err(Error::new(place, reason));
        };
        let (_, open) = self.take()?;
        let of = value(self.item(COMPARISON + 1)?)?;
        let end = self.close(")", open, Reason::UnclosedParenthesis)?;
        let fits = match function {
            Function::Count => matches!(of, Value::Field(..)),
            Function::Len | Function::Lower => matches!(of, Value::Field(..) | Value::Slice(..)),
        };
        if !fits {
            return Err(Error::new(of.place(), Reason::NoField));
        }
        Ok(Value::Call(function, Box::new(of), place.to(end)))
    }

    fn intern(&mut self, name: Name) -> usize {
        self.names.iter().position(|known| *known == name).unwrap_or_else(|| {
            self.names.push(name);
            self.names.len() - 1
        })
    }
}

fn literal_value(literal: Literal, place: Place) -> Value {
    Value::Literal(Box::new(literal), place)
}

fn is_slice(value: &Value) -> bool {
    matches!(value, Value::Slice(..))
}

/// A value that stands alone says that it exists, or that it is not zero.
fn condition(item: Item, names: &[Name]) -> Result<Test, Error> {
    match item {
        Item::Test(test, _) => Ok(test),
        Item::Value(value @ (Value::Field(..) | Value::Slice(..))) => Ok(Test::Exists(value)),
        Item::Value(value) if value.is_constant() => {
            let text = match &value {
                Value::Literal(literal, _) => literal.to_string(),
                other => super::ast::Shown { value: other, names }.to_string(),
            };
            Err(Error::new(value.place(), Reason::NotACondition { text }))
        }
        Item::Value(value) => Ok(Test::NonZero(value)),
    }
}

fn value(item: Item) -> Result<Value, Error> {
    match item {
        Item::Value(value) => Ok(value),
        Item::Test(_, place) => Err(Error::new(place, Reason::NotAValue)),
    }
}

fn operator(place: Place, found: &str, meant: &'static str) -> Error {
    Error::new(place, Reason::Operator { found: found.to_owned(), meant })
}

fn unexpected(token: &Token, place: Place) -> Error {
    let found = match token {
        Token::Word(word) => word.clone(),
        Token::Text(bytes) => Literal::text(bytes.clone()).to_string(),
        Token::Sign(sign) => (*sign).to_owned(),
        Token::Slice(_) => "[".to_owned(),
        Token::Layer(layer) => format!("#{layer}"),
    };
    Error::new(place, Reason::UnexpectedWord { found })
}
