//! The expression language of checks and filters: a subset of Wireshark's display filter language.
//!
//! A claim of the notes says what shows it (`shows = "tcp.ack_raw == flow.client.isn + 1"`) and a user says
//! what to list (`--filter "tcp.port == 443"`) in the same words. Where Wireshark has a construct, it means
//! the same here; `docs/words/expression.toml` holds what is said about mistakes.
//!
//! What differs from Wireshark, each for a reason:
//!
//! * Sequence numbers wrap. A field whose name ends in `_raw`, or whose last part is `isn`, is a 32-bit sequence
//!   number: `isn + 1` stays below 2^32, the difference of two is a signed distance, and two of them
//!   are ordered by that distance (RFC 9293 §3.4). Against any other number it is compared as it stands.
//! * Integers are mathematical: `tcp.len > -1` holds for every TCP packet (Wireshark reads -1 as unsigned).
//! * Parentheses group arithmetic, too (Wireshark wants curly brackets there).
//! * `xor`, `^^` (Wireshark has them since 4.2) and `bitand` are understood by every version of this.
//! * A comparison may begin with a literal: `80 == tcp.port`, `0 < tcp.len < 10`.
//!
//! As in Wireshark: a bare field is true where the field *occurs*, whatever its value (`tcp.flags.syn` holds for
//! every TCP packet; write `tcp.flags.syn == 1`); `==` asks for one occurrence that is equal, `!=` for all to
//! be unequal, `any` and `all` before a comparison say it outright; a comparison with an absent field is
//! false, even `count(dns.a) == 0`; runs of bytes are ordered by their length first; and beside bytes, two
//! digits are a hexadecimal byte: `tcp[13] == 12` is a SYN-ACK.
//!
//! Leaves out: regular expressions (`matches`), `upper`, `string`, `max`, `min`, `abs`, slices of several parts,
//! dotted byte strings, dates, and host names as addresses.

mod ast;
pub mod bpf;
mod capture_filter;
mod check;
mod error;
mod eval;
mod facts;
mod lexer;
mod literal;
mod packet;
mod parser;
#[cfg(test)]
mod tests;

use std::fmt;

pub use ast::Relation;
pub use check::Vocabulary;
pub use error::{Argument, Error, Reason};
pub use facts::{Chain, Facts, Kind, Operand};
pub use packet::TreeFacts;

use ast::{Name, Test};

/// A parsed expression. Cheap to evaluate many times; shared between threads as it is.
///
/// [`fmt::Display`] writes it in one canonical form, which parses back to an equal expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    names: Vec<Name>,
    test: Test,
}

impl Expression {
    /// Read an expression. Whether its names exist is another question: see [`Expression::check`].
    ///
    /// # Errors
    /// [`Error`] with the place and the reason.
    pub fn parse(source: &str) -> Result<Expression, Error> {
        parser::parse(source).map_err(|error| capture_filter::recognise(source, error))
    }

    /// Whether it is true of these facts.
    pub fn holds(&self, facts: &dyn Facts) -> bool {
        eval::test(&self.test, &eval::Scope { names: &self.names, facts })
    }

    /// The names whose facts it asks for, each once; aliases are resolved (`ip.addr` is `ip.src`, `ip.dst`).
    /// A caller learns from them whether flow facts alone will do, or the packet's tree is needed.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let all = || self.names.iter().flat_map(Name::asks);
        all().enumerate().filter(move |(at, name)| !all().take(*at).any(|n| n == *name)).map(|(_, name)| name)
    }
}

impl std::str::FromStr for Expression {
    type Err = Error;

    fn from_str(source: &str) -> Result<Expression, Error> {
        Expression::parse(source)
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        ast::write_test(&self.test, &self.names, out)
    }
}
