//! To come.

use crate::wire::{Cursor, Malformed, Recorder};

/// To come.
///
/// # Errors
/// [`Malformed`] where the head is not one.
pub fn dissect<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    let _ = c;
    Ok(())
}
