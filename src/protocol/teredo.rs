//! Teredo: IPv6 inside UDP, through address translators.
//!
//! RFC 4380 section 5.1.1 (authentication and origin indication before the packet).
//! Leaves out: trailers (RFC 6081), which stay bytes behind the IPv6 packet.

use super::{Carries, Key};
use crate::wire::{Cursor, Field, Malformed, Recorder, Value};

static AUTH: Field = Field::new("teredo.auth");
static INDICATOR: Field = Field::hex("teredo.indicator", 4);
static AUTH_IDLEN: Field = Field::new("teredo.auth.idlen");
static AUTH_AULEN: Field = Field::new("teredo.auth.aulen");
static AUTH_ID: Field = Field::new("teredo.auth.id");
static AUTH_VALUE: Field = Field::new("teredo.auth.value");
static AUTH_NONCE: Field = Field::new("teredo.auth.nonce");
static AUTH_CONF: Field = Field::new("teredo.auth.conf");
static ORIG: Field = Field::new("teredo.orig");
static ORIG_PORT: Field = Field::new("teredo.orig.port");
static ORIG_ADDR: Field = Field::new("teredo.orig.addr");

/// Reads what stands before the IPv6 packet, if anything.
///
/// # Errors
/// [`Malformed`] where it is cut, or no IPv6 packet follows: then this is not Teredo.
pub fn dissect<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Carries, Malformed> {
    if c.peek_u16() == Some(0x0001) {
        c.group(&AUTH, |c| {
            c.u16(&INDICATOR)?;
            let id = usize::from(c.u8(&AUTH_IDLEN)?);
            let value = usize::from(c.u8(&AUTH_AULEN)?);
            c.bytes(&AUTH_ID, id)?;
            c.bytes(&AUTH_VALUE, value)?;
            c.bytes(&AUTH_NONCE, 8)?;
            c.bytes(&AUTH_CONF, 1)
        })?;
    }
    if c.peek_u16() == Some(0x0000) {
        c.group(&ORIG, |c| {
            c.u16(&INDICATOR)?;
            // Both are sent inverted, so that address translators do not "correct" them (RFC 4380 section 5.1.1).
            let inverted = c.peek();
            if let (Some(port), Some(address)) = (inverted.first_chunk::<2>(), inverted.get(2..6)) {
                c.told(&ORIG_PORT, 2, || Value::Uint((!u16::from_be_bytes(*port)).into()));
                c.told(&ORIG_ADDR, 4, || Value::Ipv4(std::array::from_fn(|i| !address[i])));
                return Ok(());
            }
            c.bytes(&ORIG_PORT, 2)?;
            c.bytes(&ORIG_ADDR, 4).map(drop)
        })?;
    }
    match c.peek_u8() {
        Some(first) if first >> 4 == 6 => Ok(Carries { key: Key::EtherType(0x86dd), length: None }),
        _ => Err(c.nonsense(&INDICATOR)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Off;

    #[test]
    fn an_origin_before_the_packet() {
        let bytes = [0, 0, 0xf2, 0x27, 0x3f, 0xff, 0xfd, 0xd2, 0x60];
        let mut off = Off;
        let mut c = Cursor::new(&bytes, 0, 9, &mut off);
        assert_eq!((dissect(&mut c).unwrap().key, c.left()), (Key::EtherType(0x86dd), 1));
        assert!(dissect(&mut Cursor::new(&[0x45, 0], 0, 2, &mut Off)).is_err());
    }
}
