//! Bytes that no protocol here claims. They still have an owner, and a length.

use crate::wire::{Cursor, Field, Malformed, Recorder, Value};

static DATA: Field = Field::new("data.data");
static LEN: Field = Field::new("data.len");

/// Takes all that is left.
///
/// # Errors
/// None; the type is that of all dissectors.
pub fn dissect<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    let length = c.rest(&DATA).len();
    c.derived(&LEN, || Value::Uint(length as u64));
    Ok(())
}
