//! FDDI: token ring on fibre, as older captures have it.
//!
//! ISO 9314-2 (frame control, addresses), RFC 1390 (IP over FDDI).
//! Leaves out: station management and the token itself. Addresses are told in the order they are captured in.

use super::{Carries, Key};
use crate::wire::{Cursor, Field, Malformed, Recorder};

static FC: Field = Field::hex("fddi.fc", 2);
static DST: Field = Field::new("fddi.dst");
static SRC: Field = Field::new("fddi.src");

/// Reads the 13 bytes of the header.
///
/// # Errors
/// [`Malformed`] where it is cut.
pub fn dissect<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Carries, Malformed> {
    let control = c.u8(&FC)?;
    c.mac(&DST)?;
    c.mac(&SRC)?;
    // The format bits 01 in xx01xxxx mark frames that carry LLC.
    let key = if control & 0x30 == 0x10 { Key::Llc } else { Key::Unknown };
    Ok(Carries { key, length: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Off;

    #[test]
    fn carries_llc() {
        let bytes = [0x50, 1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6];
        assert_eq!(dissect(&mut Cursor::new(&bytes, 0, 13, &mut Off)).unwrap().key, Key::Llc);
    }
}
