//! To come.

use super::Key;
use crate::wire::{Cursor, Malformed, Recorder};

/// To come.
///
/// # Errors
/// [`Malformed`] where the header is cut.
pub fn dissect<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Key, Malformed> {
    let _ = c;
    Ok(Key::Unknown)
}
