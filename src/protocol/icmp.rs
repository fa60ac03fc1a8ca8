//! To come.

use super::Key;
use crate::wire::{Cursor, Malformed, Recorder};

/// What the header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Icmp {
    /// Type.
    pub kind: u8,
    /// Code.
    pub code: u8,
    /// Checksum as sent.
    pub checksum: u16,
    /// Identifier of an echo, where there is one.
    pub ident: Option<u16>,
    /// Sequence number of an echo, where there is one.
    pub seq: Option<u16>,
    /// What follows the header.
    pub next: Key,
}
impl Icmp {
    /// What follows.
    pub fn key(&self) -> Key {
        self.next
    }
}
/// To come.
///
/// # Errors
/// [`Malformed`] where the header is cut.
pub fn dissect<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Icmp, Malformed> {
    let _ = c;
    Ok(Icmp { kind: 0, code: 0, checksum: 0, ident: None, seq: None, next: Key::Unknown })
}
