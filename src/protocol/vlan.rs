//! To come.

use super::Key;
use crate::wire::{Cursor, Malformed, Recorder};

/// What a tag says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vlan {
    /// VLAN identifier, 12 bits.
    pub id: u16,
    /// EtherType after the tag (or an 802.3 length).
    pub ether_type: u16,
}
impl Vlan {
    /// What follows.
    pub fn key(&self) -> Key {
        Key::EtherType(self.ether_type)
    }
}
/// To come.
///
/// # Errors
/// [`Malformed`] where the header is cut.
pub fn dissect<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Vlan, Malformed> {
    let _ = c;
    Ok(Vlan { id: 0, ether_type: 0 })
}
