//! SLIP: IP over a serial line, nothing else. Captures put 16 bytes before the datagram, which were never sent.
//!
//! RFC 1055 (the line), the tcpdump link type registry, LINKTYPE_SLIP (the header: direction, kind, the header as it was
//! compressed on the line). Where those bytes are missing, the IP datagram stands alone.
//! Leaves out: headers compressed by RFC 1144: what follows them is bytes.

use super::{Carries, Key};
use crate::wire::{Cursor, Field, Malformed, Recorder};

static DIRECTION: Field = Field::new("slip.direction");
static KIND: Field = Field::hex("slip.kind", 2);
static HEADER: Field = Field::new("slip.line_header");

/// Reads what stands before the datagram.
///
/// # Errors
/// [`Malformed`] where it is cut.
pub fn dissect<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Carries, Malformed> {
    // No IP version is 0: a first byte below 16 is the direction.
    if c.peek_u8().is_some_and(|first| first >= 0x10) {
        return Ok(Carries { key: Key::IpVersion, length: None });
    }
    c.u8(&DIRECTION)?;
    let kind = c.u8(&KIND)?;
    c.bytes(&HEADER, 14)?;
    // From 0x80 on the header on the line was compressed (RFC 1144 section 3.2).
    let key = if kind < 0x80 { Key::IpVersion } else { Key::Unknown };
    Ok(Carries { key, length: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Off;

    #[test]
    fn with_and_without_the_header() {
        let mut bytes = vec![1, 0x45];
        bytes.extend_from_slice(&[0; 14]);
        bytes.push(0x45);
        let mut off = Off;
        let mut c = Cursor::new(&bytes, 0, 17, &mut off);
        assert_eq!((dissect(&mut c).unwrap().key, c.left()), (Key::IpVersion, 1));
        let mut c = Cursor::new(&bytes, 16, 17, &mut off);
        assert_eq!((dissect(&mut c).unwrap().key, c.left()), (Key::IpVersion, 1));
        assert_eq!(dissect(&mut Cursor::new(&bytes, 0, 9, &mut off)).unwrap_err().field, "slip.line_header");
    }
}
