//! NFLOG: packets that Linux's netfilter hands to a program, with what it knows of them.
//!
//! The tcpdump group's LINKTYPE_NFLOG; types of the values: linux/netfilter/nfnetlink_log.h.
//! Leaves out: the values' meanings; they are told as length, type, bytes.

use super::{Carries, Key};
use crate::wire::{Cursor, Field, Malformed, Recorder};

static FAMILY: Field = Field::new("nflog.family");
static VERSION: Field = Field::new("nflog.version");
static RES_ID: Field = Field::new("nflog.res_id");
static TLV: Field = Field::new("nflog.tlv");
static TLV_LENGTH: Field = Field::new("nflog.tlv_length");
static TLV_TYPE: Field = Field::new("nflog.tlv_type");
static TLV_VALUE: Field = Field::new("nflog.tlv_value");

/// NFULA_PAYLOAD: the packet itself.
const PAYLOAD: u16 = 9;

/// Reads the header and the values before the packet.
///
/// # Errors
/// [`Malformed`] where it is cut.
pub fn dissect<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Carries, Malformed> {
    let family = c.u8(&FAMILY)?;
    c.u8(&VERSION)?;
    c.u16(&RES_ID)?;
    // Values are in the byte order of the machine that captured: the first length is small in the right one.
    let little = c.peek().first_chunk::<2>().is_none_or(|b| u16::from_le_bytes(*b) <= u16::from_be_bytes(*b));
    while c.left() > 0 {
        let payload = c.group(&TLV, |c| {
            let length = usize::from(if little { c.u16_le(&TLV_LENGTH)? } else { c.u16(&TLV_LENGTH)? });
            let kind = if little { c.u16_le(&TLV_TYPE)? } else { c.u16(&TLV_TYPE)? };
            let Some(length) = length.checked_sub(4) else { return Err(c.nonsense(&TLV_LENGTH)) };
            if kind & 0x7fff == PAYLOAD {
                return Ok(Some(length));
            }
            // Filled up to a multiple of 4, except at the end.
            c.bytes(&TLV_VALUE, length.next_multiple_of(4).min(c.left().max(length)))?;
            Ok(None)
        })?;
        if payload.is_some() {
            let key = match family {
                2 => Key::EtherType(0x0800),
                10 => Key::EtherType(0x86dd),
                _ => Key::Unknown,
            };
            return Ok(Carries { key, length: payload });
        }
    }
    Ok(Carries { key: Key::End, length: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Off;

    #[test]
    fn the_packet_is_one_of_the_values() {
        let bytes = [2, 0, 0, 42, 5, 0, 10, 0, 0, 0, 0, 0, 5, 0, 9, 0, 0x45, 0, 0, 0];
        let mut off = Off;
        let mut c = Cursor::new(&bytes, 0, bytes.len(), &mut off);
        let carries = dissect(&mut c).unwrap();
        assert_eq!((carries.key, carries.length, c.at()), (Key::EtherType(0x0800), Some(1), 16));
    }
}
