//! The one reader of packet bytes: [`Cursor`] gives value, position and field name in a single call,
//! a [`Recorder`] keeps them ([`Tree`]) or compiles to nothing ([`Off`]).
//!
//! Recording may describe, never decide: a dissector that is generic over the recorder gives the same
//! result with both, on every input.

mod cursor;
mod field;
mod tree;

pub use cursor::{Cursor, Malformed, Problem, Recorder};
pub use field::{Field, Show, Value};
pub use tree::{Node, NodeKind, Tree};

/// The recorder that records nothing.
#[derive(Debug, Default, Clone, Copy)]
pub struct Off;

impl Recorder for Off {
    const ON: bool = false;
    #[inline(always)]
    fn leaf(&mut self, _: &'static Field, _: usize, _: usize, _: Value) {}
    #[inline(always)]
    fn derived(&mut self, _: &'static Field, _: usize, _: Value) {}
    #[inline(always)]
    fn open(&mut self, _: &'static Field, _: usize, _: usize) {}
    #[inline(always)]
    fn close(&mut self, _: usize) {}
}
