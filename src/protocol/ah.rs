//! IP authentication header: proof of who sent a packet, between the IP header and what it carries.
//!
//! RFC 4302 section 2. Serves IPv4 and IPv6, whose layers own it.
//! Leaves out: checking the proof, which needs the keys.

use crate::wire::{Cursor, Field, Malformed, Recorder};

static AH: Field = Field::new("ah");
static NEXT: Field = Field::new("ah.next_header");
static LENGTH: Field = Field::new("ah.length");
static RESERVED: Field = Field::new("ah.reserved");
static SPI: Field = Field::hex("ah.spi", 8);
static SEQUENCE: Field = Field::new("ah.sequence");
static ICV: Field = Field::new("ah.icv");

/// IP protocol number.
pub const PROTOCOL: u8 = 51;

/// Reads one header; gives the protocol after it.
///
/// # Errors
/// [`Malformed`] where it is cut, or its length leaves no room for its own fixed part.
pub fn dissect<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<u8, Malformed> {
    c.group(&AH, |c| {
        let next = c.u8(&NEXT)?;
        // Counted in 32-bit words, minus 2 (section 2.2): the fixed part alone is 12 bytes, thus 1.
        let length = usize::from(c.u8(&LENGTH)?);
        if length == 0 {
            return Err(c.nonsense(&LENGTH));
        }
        c.bytes(&RESERVED, 2)?;
        c.u32(&SPI)?;
        c.u32(&SEQUENCE)?;
        c.bytes(&ICV, (length - 1) * 4)?;
        Ok(next)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Off, Tree};

    #[rustfmt::skip]
    const AH: &[u8] = &[
        0x06,                   // ah.next_header: TCP
        0x02,                   // ah.length: 4 words in all
        0x00, 0x00,             // ah.reserved
        0x00, 0x00, 0x01, 0x00, // ah.spi
        0x00, 0x00, 0x00, 0x07, // ah.sequence
        0xde, 0xad, 0xbe, 0xef, // ah.icv
    ];

    #[test]
    fn reads_a_header() {
        let mut tree = Tree::default();
        let mut c = Cursor::new(AH, 0, AH.len(), &mut tree);
        assert_eq!(dissect(&mut c), Ok(6));
        assert_eq!(c.left(), 0);
        assert_eq!(tree.find("ah.icv").next().unwrap().length(), 4);
    }

    #[test]
    fn an_impossible_length() {
        let bytes = [6, 0, 0, 0];
        assert!(dissect(&mut Cursor::new(&bytes, 0, 4, &mut Off)).is_err());
    }
}
