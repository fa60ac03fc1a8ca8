//! PPP: one packet on a link between two, with the number of its protocol.
//!
//! RFC 1661 section 2 (protocol field, which may be compressed to one byte), RFC 1662 section 3.1 (address and
//! control, which may be left out).
//! What follows is in `ppp/control.rs` (negotiations) and `ppp/login.rs` (passwords).
//! Leaves out: several links, compression and encryption: their packets are data; escaping and the frame check of
//! asynchronous lines.

pub mod control;
pub mod login;

use super::{Carries, Key};
use crate::wire::{Cursor, Field, Malformed, Recorder};

static ADDRESS: Field = Field::hex("ppp.address", 2);
static CONTROL: Field = Field::hex("ppp.control", 2);
static PROTOCOL: Field = Field::hex("ppp.protocol", 4);

/// Reads address and control, where they stand, and the protocol.
///
/// # Errors
/// [`Malformed`] where the header is cut.
pub fn dissect<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Carries, Malformed> {
    // No protocol number begins with this byte (RFC 1661 section 2): what follows it may be cut off.
    if c.peek_u16().map_or(c.peek_u8() == Some(0xff), |both| both == 0xff03) {
        c.u8(&ADDRESS)?;
        c.u8(&CONTROL)?;
    }
    // The last byte of the number is odd, those before it even: so an odd first byte is the whole.
    let compressed = c.peek_u8().is_some_and(|b| b & 1 == 1);
    let protocol = if compressed { c.u8(&PROTOCOL)?.into() } else { c.u16(&PROTOCOL)? };
    let key = match protocol {
        0x0021 => Key::EtherType(0x0800),
        0x0057 => Key::EtherType(0x86dd),
        0x0281 => Key::EtherType(0x8847),
        other => Key::Ppp(other),
    };
    Ok(Carries { key, length: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Off;

    #[test]
    fn long_and_short_forms() {
        for bytes in [&[0xff, 0x03, 0x00, 0x21][..], &[0x00, 0x21], &[0x21], &[0xff, 0x03, 0x21]] {
            let mut off = Off;
            let mut c = Cursor::new(bytes, 0, bytes.len(), &mut off);
            assert_eq!(dissect(&mut c).unwrap().key, Key::EtherType(0x0800));
            assert_eq!(c.left(), 0);
        }
    }
}
