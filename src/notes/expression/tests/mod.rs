//! Tests of the language: what expressions mean (`meaning`), what is told of mistakes (`mistakes`), what
//! holds for any text (`properties`).

mod meaning;
mod mistakes;
mod properties;

use super::{Expression, Facts, Operand};

/// Facts from a list, as a test needs them.
pub(super) struct Listed<'a>(pub &'a [(&'a str, Operand<'a>)]);

impl Facts for Listed<'_> {
    fn values(&self, name: &str, each: &mut dyn FnMut(Operand<'_>)) {
        self.0.iter().filter(|(known, _)| *known == name).for_each(|(_, value)| each(*value));
    }
}

pub(super) fn parsed(source: &str) -> Expression {
    Expression::parse(source).unwrap_or_else(|error| panic!("{source}: {error}"))
}
