//! To come.

use crate::wire::{Cursor, Malformed, Tree};

/// To come.
///
/// # Errors
/// [`Malformed`] where the header is cut.
pub fn describe(c: &mut Cursor<'_, '_, Tree>) -> Result<(), Malformed> {
    let _ = c;
    Ok(())
}
