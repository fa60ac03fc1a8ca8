//! GTP: packets of mobile phones, inside UDP, between the parts of a mobile network.
//!
//! 3GPP TS 29.060 section 6 (version 1), TS 29.281 section 5 (user plane and extension headers), GSM 09.60
//! section 6 (version 0).
//! Leaves out: the information elements of signalling messages, and version 2: their bytes are data.

use super::{Carries, Key};
use crate::wire::{Cursor, Field, Malformed, Recorder, Value};

static FLAGS: Field = Field::hex("gtp.flags", 2);
static VERSION: Field = Field::new("gtp.flags.version");
static PAYLOAD: Field = Field::new("gtp.flags.payload");
static RESERVED: Field = Field::new("gtp.flags.reserved");
static SNN: Field = Field::new("gtp.flags.snn");
static E: Field = Field::new("gtp.flags.e");
static S: Field = Field::new("gtp.flags.s");
static PN: Field = Field::new("gtp.flags.pn");
static MESSAGE: Field = Field::hex("gtp.message", 2);
static LENGTH: Field = Field::new("gtp.length");
static TEID: Field = Field::hex("gtp.teid", 8);
static SEQ: Field = Field::hex("gtp.seq_number", 4);
static NPDU: Field = Field::hex("gtp.npdu_number", 2);
static NEXT: Field = Field::hex("gtp.next", 2);
static EXT: Field = Field::new("gtp.ext_hdr");
static EXT_LENGTH: Field = Field::new("gtp.ext_hdr.length");
static EXT_DATA: Field = Field::new("gtp.ext_hdr.data");
static EXT_NEXT: Field = Field::hex("gtp.ext_hdr.next", 2);
static FLOW_LABEL: Field = Field::hex("gtp.flow_label", 4);
static SNDCP: Field = Field::hex("gtp.sndcp_number", 2);
static SPARE: Field = Field::new("gtp.spare");
static TID: Field = Field::new("gtp.tid");

/// The message that carries a user's packet.
const T_PDU: u8 = 255;

/// Reads the header of version 0 or 1.
///
/// # Errors
/// [`Malformed`] where it is cut, or has another version: then its beginning cannot be told from other protocols.
pub fn dissect<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Carries, Malformed> {
    let Some(flags) = c.peek_u8() else { return Err(c.nonsense(&FLAGS)) };
    if flags >> 5 > 1 {
        return Err(c.nonsense(&VERSION));
    }
    c.derived(&FLAGS, || Value::Uint(flags.into()));
    let message = if flags >> 5 == 1 { version_1(c)? } else { version_0(c)? };
    // A user's packet is IP of either version, or PPP.
    let key = match (message, c.peek_u8().map(|b| b >> 4)) {
        (T_PDU, Some(4 | 6)) => Key::IpVersion,
        _ => Key::Unknown,
    };
    Ok(Carries { key, length: None })
}

fn version_1<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<u8, Malformed> {
    let parts = [(&VERSION, 3), (&PAYLOAD, 1), (&RESERVED, 1), (&E, 1), (&S, 1), (&PN, 1)];
    let flags = c.bits(1, &parts)?;
    let message = c.u8(&MESSAGE)?;
    c.u16(&LENGTH)?;
    c.u32(&TEID)?;
    // One of the three flags brings all three fields (TS 29.281 section 5.1).
    if flags & 7 != 0 {
        c.u16(&SEQ)?;
        c.u8(&NPDU)?;
        let mut next = c.u8(&NEXT)?;
        while next != 0 && flags & 4 != 0 {
            next = c.group(&EXT, |c| {
                // Counted in units of 4 bytes, this byte and the last one included.
                let length = usize::from(c.u8(&EXT_LENGTH)?) * 4;
                if length == 0 {
                    return Err(c.nonsense(&EXT_LENGTH));
                }
                c.bytes(&EXT_DATA, length - 2)?;
                c.u8(&EXT_NEXT)
            })?;
        }
    }
    Ok(message)
}

fn version_0<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<u8, Malformed> {
    c.bits(1, &[(&VERSION, 3), (&PAYLOAD, 1), (&RESERVED, 3), (&SNN, 1)])?;
    let message = c.u8(&MESSAGE)?;
    c.u16(&LENGTH)?;
    c.u16(&SEQ)?;
    c.u16(&FLOW_LABEL)?;
    c.u8(&SNDCP)?;
    c.bytes(&SPARE, 3)?;
    c.bytes(&TID, 8)?;
    Ok(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Off;

    fn key(bytes: &[u8]) -> (Key, usize) {
        let mut off = Off;
        let mut c = Cursor::new(bytes, 0, bytes.len(), &mut off);
        (dissect(&mut c).unwrap().key, c.left())
    }

    #[test]
    fn user_packets() {
        assert_eq!(key(&[0x30, 0xff, 0, 1, 0, 0, 0, 9, 0x45]), (Key::IpVersion, 1));
        // An extension header of four bytes: its length, two of data, nothing next.
        let extended = [0x34, 0xff, 0, 9, 0, 0, 0, 9, 0, 0, 0, 0x85, 1, 0, 5, 0, 0x60];
        assert_eq!(key(&extended), (Key::IpVersion, 1));
        assert_eq!(key(&[0x32, 0x01, 0, 4, 0, 0, 0, 0, 0, 7, 0, 0]), (Key::Unknown, 0));
    }

    #[test]
    fn version_2_is_not_read() {
        assert!(dissect(&mut Cursor::new(&[0x48, 0x20, 0, 0], 0, 4, &mut Off)).is_err());
    }
}
