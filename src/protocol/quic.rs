//! QUIC: connections over UDP, encrypted from the first packet on. What stands outside the encryption.
//!
//! RFC 8999 (what holds for all versions), RFC 9000 section 17 (packets of version 1), RFC 9369 section 3.2 (version 2 numbers
//! their types differently).
//! Leaves out: taking the encryption off; in short headers the length of the connection's identifier, which only the two
//! ends know.

use super::{Carries, Key};
use crate::wire::{Cursor, Field, Malformed, Recorder, Value};

static PACKET: Field = Field::new("quic.packet");
static FORM: Field = Field::new("quic.header_form");
static FIXED: Field = Field::new("quic.fixed_bit");
static TYPE: Field = Field::new("quic.long.packet_type");
static TYPE_V2: Field = Field::new("quic.long.packet_type_v2");
static PROTECTED_BITS: Field = Field::new("quic.protected_bits");
static UNUSED: Field = Field::new("quic.vn.unused");
static VERSION: Field = Field::hex("quic.version", 8);
static DCIL: Field = Field::new("quic.dcil");
static DCID: Field = Field::new("quic.dcid");
static SCIL: Field = Field::new("quic.scil");
static SCID: Field = Field::new("quic.scid");
static SUPPORTED: Field = Field::hex("quic.supported_version", 8);
static TOKEN_LENGTH: Field = Field::new("quic.token_length");
static TOKEN: Field = Field::new("quic.token");
static LENGTH: Field = Field::new("quic.length");
static RETRY_TOKEN: Field = Field::new("quic.retry_token");
static RETRY_TAG: Field = Field::new("quic.retry_integrity_tag");
static PROTECTED: Field = Field::new("quic.protected_payload");
static OTHER_VERSION: Field = Field::new("quic.version_specific_data");
static SPIN: Field = Field::new("quic.spin_bit");
static COALESCED: Field = Field::new("quic.coalesced_padding_data");

const VERSION_1: u32 = 1;
const VERSION_2: u32 = 0x6b33_43cf;
/// The longest identifier of a connection in versions 1 and 2 (RFC 9000 section 17.2).
const MAX_ID: u8 = 20;

/// Whether a datagram begins as a packet with a long header does, of a version that is known here: so QUIC is found on
/// any port.
pub fn is_long(bytes: &[u8]) -> bool {
    let Some([first, version @ .., dcil]) = bytes.first_chunk::<6>() else { return false };
    let version = u32::from_be_bytes(*version);
    let draft = version >> 8 == 0x00ff_0000;
    first & 0xc0 == 0xc0 && (version == VERSION_1 || version == VERSION_2 || draft) && *dcil <= MAX_ID
}

/// Reads the packets of a datagram.
///
/// # Errors
/// [`Malformed`] where one is cut, or the first is none of QUIC's.
pub fn dissect<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Carries, Malformed> {
    let long_or_fixed = c.peek_u8().is_some_and(|first| first & 0xc0 != 0);
    // Bytes 1 to 4 of a long header are zero where versions are negotiated: the second bit means nothing there.
    let known = c.peek_u8().is_some_and(|first| first & 0x80 == 0)
        || c.peek().get(1..5).is_none_or(|version| version == [0; 4])
        || is_long(c.peek())
        || c.left() < 6;
    if !long_or_fixed || !known {
        return Err(c.nonsense(&FORM));
    }
    while c.left() > 0 {
        // Filling behind the last packet, or a packet of another kind, which nobody can tell apart.
        if c.peek_u8().is_some_and(|first| first & 0xc0 == 0) {
            c.rest(&COALESCED);
            break;
        }
        c.group(&PACKET, packet)?;
    }
    Ok(Carries { key: Key::End, length: None })
}

fn packet<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    if c.peek_u8().is_some_and(|first| first & 0x80 == 0) {
        c.bits(1, &[(&FORM, 1), (&FIXED, 1), (&SPIN, 1), (&PROTECTED_BITS, 5)])?;
        c.rest(&PROTECTED);
        return Ok(());
    }
    let version = c.peek().get(1..5).map_or(VERSION_1, |v| u32::from_be_bytes([v[0], v[1], v[2], v[3]]));
    // Version 2 moved the types on by one, so that nothing on the way relies on their numbers (RFC 9369 section 3.2).
    let kind_field = if version == VERSION_2 { &TYPE_V2 } else { &TYPE };
    let first = if version == 0 {
        c.bits(1, &[(&FORM, 1), (&UNUSED, 7)])?
    } else {
        c.bits(1, &[(&FORM, 1), (&FIXED, 1), (kind_field, 2), (&PROTECTED_BITS, 4)])?
    };
    c.u32(&VERSION)?;
    for (length, id) in [(&DCIL, &DCID), (&SCIL, &SCID)] {
        let length = usize::from(c.u8(length)?);
        c.bytes(id, length)?;
    }
    if version == 0 {
        while c.left() > 0 {
            c.u32(&SUPPORTED)?;
        }
        return Ok(());
    }
    if version != VERSION_1 && version != VERSION_2 && version >> 8 != 0x00ff_0000 {
        c.rest(&OTHER_VERSION);
        return Ok(());
    }
    let kind = first >> 4 & 3;
    match if version == VERSION_2 { (kind + 3) & 3 } else { kind } {
        0 => {
            let length = variable(c, &TOKEN_LENGTH)?;
            c.bytes(&TOKEN, length)?;
        }
        3 => {
            let token = c.left().saturating_sub(16);
            c.bytes(&RETRY_TOKEN, token)?;
            c.bytes(&RETRY_TAG, 16)?;
            return Ok(());
        }
        _ => {}
    }
    let length = variable(c, &LENGTH)?;
    let captured = length.min(c.left());
    c.bytes(&PROTECTED, captured)?;
    if captured < length { c.bytes(&PROTECTED, length - captured).map(drop) } else { Ok(()) }
}

/// A number whose first two bits say how many bytes it has (RFC 9000 section 16).
fn variable<R: Recorder>(c: &mut Cursor<'_, '_, R>, field: &'static Field) -> Result<usize, Malformed> {
    let size = c.peek_u8().map_or(1, |first| 1usize << (first >> 6));
    let Some(bytes) = c.peek().get(..size) else { return c.bytes(field, size).map(|_| 0) };
    let whole = bytes.iter().fold(0u64, |n, b| n << 8 | u64::from(*b));
    let value = whole & (u64::MAX >> (64 - size * 8 + 2));
    c.told(field, size, || Value::Uint(value));
    Ok(usize::try_from(value).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Off, Tree};

    #[rustfmt::skip]
    const COALESCED: &[u8] = &[
        0xc3, 0x00, 0x00, 0x00, 0x01, // Initial, version 1
        0x02, 0xaa, 0xbb, 0x01, 0xcc, // both identifiers
        0x00, 0x40, 0x03, 1, 2, 3,    // no token; three bytes
        0xe0, 0x00, 0x00, 0x00, 0x01, // Handshake, version 1
        0x02, 0xaa, 0xbb, 0x01, 0xcc,
        0x02, 4, 5,
        0x60, 6, 7,                   // a short header: spin bit
    ];

    #[test]
    fn packets_in_one_datagram() {
        let mut tree = Tree::default();
        let mut c = Cursor::new(COALESCED, 0, COALESCED.len(), &mut tree);
        dissect(&mut c).unwrap();
        assert_eq!(c.left(), 0);
        let kinds: Vec<_> = tree.find("quic.long.packet_type").map(|n| n.value.clone()).collect();
        assert_eq!(kinds, [0, 2].map(Value::Uint));
        assert_eq!(tree.find("quic.length").next().unwrap().value, Value::Uint(3));
        assert_eq!(tree.find("quic.spin_bit").next().unwrap().value, Value::Flag(true));
        assert_eq!(tree.find("quic.protected_payload").count(), 3);
    }

    #[test]
    fn versions_are_offered() {
        let bytes = [0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        let mut tree = Tree::default();
        dissect(&mut Cursor::new(&bytes, 0, 11, &mut tree)).unwrap();
        assert_eq!(tree.find("quic.supported_version").next().unwrap().value, Value::Uint(1));
    }

    #[test]
    fn a_cut_one_and_what_is_none() {
        let mut tree = Tree::default();
        let cut = dissect(&mut Cursor::new(COALESCED, 0, 14, &mut tree)).unwrap_err();
        assert_eq!((cut.field, cut.need), ("quic.protected_payload", 2));
        assert!(tree.find("quic.scid").next().is_some());
        assert!(dissect(&mut Cursor::new(&[0x16, 3, 1, 0, 5, 1], 0, 6, &mut Off)).is_err());
        // A length beyond every packet.
        let huge = [&COALESCED[..11], &[0xff; 12]].concat();
        assert!(dissect(&mut Cursor::new(&huge, 0, huge.len(), &mut Off)).is_err());
    }
}
