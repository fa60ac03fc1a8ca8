//! IP encapsulating security payload: what follows is encrypted, and only the two ends can read it.
//!
//! RFC 4303 section 2: two numbers stand in clear; padding, protocol number and proof are inside or behind the
//! encryption, and how long they are is known only to those who have the keys.
//! Leaves out: decryption.

use super::{Carries, Key};
use crate::wire::{Cursor, Field, Malformed, Recorder};

static SPI: Field = Field::hex("esp.spi", 8);
static SEQUENCE: Field = Field::new("esp.sequence");
static ENCRYPTED: Field = Field::new("esp.encrypted_data");

/// Reads the two numbers; the rest is one piece.
///
/// # Errors
/// [`Malformed`] where fewer than 8 bytes are left.
pub fn dissect<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Carries, Malformed> {
    c.u32(&SPI)?;
    c.u32(&SEQUENCE)?;
    c.rest(&ENCRYPTED);
    Ok(Carries { key: Key::End, length: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Tree;

    #[test]
    fn two_numbers_in_clear() {
        let bytes = [0, 0, 1, 0, 0, 0, 0, 7, 0xde, 0xad, 0xbe, 0xef];
        let mut tree = Tree::default();
        dissect(&mut Cursor::new(&bytes, 0, 12, &mut tree)).unwrap();
        assert_eq!(tree.find("esp.encrypted_data").next().unwrap().length(), 4);
        let cut = dissect(&mut Cursor::new(&bytes, 0, 6, &mut tree)).unwrap_err();
        assert_eq!((cut.field, cut.at), ("esp.sequence", 4));
    }
}
