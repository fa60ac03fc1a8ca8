//! Generic routing encapsulation: any protocol inside IP.
//!
//! RFC 2784 (header), RFC 2890 (key and sequence number), RFC 1701 (routing, as bytes), RFC 2637 section 4.1
//! (version 1, which carries PPP for PPTP), RFC 8086 (over UDP).
//! Leaves out: checking the checksum; WCCP's and other vendors' additions.

use super::{Carries, Key};
use crate::wire::{Cursor, Field, Malformed, Recorder, Value};

static FLAGS: Field = Field::hex("gre.flags_and_version", 4);
static F_CHECKSUM: Field = Field::new("gre.flags.checksum");
static F_ROUTING: Field = Field::new("gre.flags.routing");
static F_KEY: Field = Field::new("gre.flags.key");
static F_SEQUENCE: Field = Field::new("gre.flags.sequence_number");
static F_STRICT: Field = Field::new("gre.flags.strict_source_route");
static F_RECURSION: Field = Field::new("gre.flags.recursion_control");
static F_ACK: Field = Field::new("gre.flags.ack");
static F_RESERVED: Field = Field::new("gre.flags.reserved");
static F_VERSION: Field = Field::new("gre.flags.version");
static PROTO: Field = Field::hex("gre.proto", 4);
static CHECKSUM: Field = Field::hex("gre.checksum", 4);
static OFFSET: Field = Field::new("gre.offset");
static KEY: Field = Field::hex("gre.key", 8);
static PAYLOAD_LENGTH: Field = Field::new("gre.key.payload_length");
static CALL_ID: Field = Field::new("gre.key.call_id");
static SEQUENCE: Field = Field::new("gre.sequence_number");
static ACK: Field = Field::new("gre.ack_number");
static ROUTING: Field = Field::new("gre.routing");
static R_FAMILY: Field = Field::new("gre.routing.address_family");
static R_OFFSET: Field = Field::new("gre.routing.sre_offset");
static R_LENGTH: Field = Field::new("gre.routing.src_length");
static R_INFORMATION: Field = Field::new("gre.routing.information");

/// Reads the header with what its flags announce.
///
/// # Errors
/// [`Malformed`] where it is cut.
pub fn dissect<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Carries, Malformed> {
    if let Some(flags) = c.peek_u16() {
        c.derived(&FLAGS, || Value::Uint(flags.into()));
    }
    // Only version 1 has acknowledgements (RFC 2637 section 4.1).
    let first =
        [(&F_CHECKSUM, 1), (&F_ROUTING, 1), (&F_KEY, 1), (&F_SEQUENCE, 1), (&F_STRICT, 1), (&F_RECURSION, 3)];
    let high = c.bits(1, &first)?;
    let low = match c.peek_u8() {
        Some(second) if second & 7 == 1 => c.bits(1, &[(&F_ACK, 1), (&F_RESERVED, 4), (&F_VERSION, 3)])?,
        _ => c.bits(1, &[(&F_RESERVED, 5), (&F_VERSION, 3)])?,
    };
    let flags = high << 8 | low;
    let has = |bit: u64| flags & bit != 0;
    let proto = c.u16(&PROTO)?;
    if has(0xc000) {
        c.u16(&CHECKSUM)?;
        c.u16(&OFFSET)?;
    }
    let mut length = None;
    if has(0x2000) {
        // RFC 2637: version 1 splits the key into the payload's length and the call.
        if flags & 7 == 1 {
            length = Some(usize::from(c.u16(&PAYLOAD_LENGTH)?));
            c.u16(&CALL_ID)?;
        } else {
            c.u32(&KEY)?;
        }
    }
    if has(0x1000) {
        c.u32(&SEQUENCE)?;
    }
    if has(0x0080) && flags & 7 == 1 {
        c.u32(&ACK)?;
    }
    if has(0x4000) {
        // Entries until one of length zero (RFC 1701).
        loop {
            let last = c.group(&ROUTING, |c| {
                c.u16(&R_FAMILY)?;
                c.u8(&R_OFFSET)?;
                let length = usize::from(c.u8(&R_LENGTH)?);
                c.bytes(&R_INFORMATION, length)?;
                Ok(length == 0)
            })?;
            if last {
                break;
            }
        }
    }
    let key = match proto {
        0x6558 => Key::Link(1), // transparent Ethernet bridging
        // ERSPAN type I has no header of its own, and no sequence number (draft-foschiano-erspan).
        0x88be if !has(0x1000) => Key::Link(1),
        0x8200..=0x83ff => Key::Link(105), // Aruba's wireless controllers: IEEE 802.11 frames
        _ => Key::EtherType(proto),
    };
    Ok(Carries { key, length })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Off;

    #[rustfmt::skip]
    const HEADER: &[u8] = &[
        0x30, 0x00,             // key and sequence number present, version 0
        0x08, 0x00,             // gre.proto: IPv4
        0x00, 0x00, 0x00, 0x2a, // gre.key
        0x00, 0x00, 0x00, 0x01, // gre.sequence_number
    ];

    #[test]
    fn optional_parts_follow_the_flags() {
        let mut off = Off;
        let mut c = Cursor::new(HEADER, 0, HEADER.len(), &mut off);
        assert_eq!(dissect(&mut c).unwrap().key, Key::EtherType(0x0800));
        assert_eq!(c.left(), 0);
    }

    #[test]
    fn pptp_counts_its_payload() {
        let bytes = [0x20, 0x01, 0x88, 0x0b, 0x00, 0x05, 0x00, 0x07];
        let carries = dissect(&mut Cursor::new(&bytes, 0, 8, &mut Off)).unwrap();
        assert_eq!((carries.key, carries.length), (Key::EtherType(0x880b), Some(5)));
    }
}
