//! To come.
use crate::wire::{Cursor, Malformed, Recorder};
/// To come.
///
/// # Errors
/// None yet.
pub fn dissect<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    let _ = c;
    Ok(())
}
