//! AYIYA: IPv6 inside UDP, signed, as the SixXS tunnel broker offered it.
//!
//! draft-massar-v6ops-ayiya-02 section 3.
//! Leaves out: checking the signature.

use super::{Carries, Key};
use crate::wire::{Cursor, Field, Malformed, Recorder};

static IDLEN: Field = Field::hex("ayiya.idlen", 2);
static IDTYPE: Field = Field::hex("ayiya.idtype", 2);
static SIGLEN: Field = Field::hex("ayiya.siglen", 2);
static HASH: Field = Field::hex("ayiya.hashmethod", 2);
static AUTH: Field = Field::hex("ayiya.authmethod", 2);
static OPCODE: Field = Field::hex("ayiya.opcode", 2);
static NEXT: Field = Field::hex("ayiya.nextheader", 2);
static EPOCH: Field = Field::new("ayiya.epoch");
static IDENTITY: Field = Field::new("ayiya.identity");
static SIGNATURE: Field = Field::new("ayiya.signature");

/// Reads the header.
///
/// # Errors
/// [`Malformed`] where it is cut.
pub fn dissect<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Carries, Malformed> {
    let parts = [(&IDLEN, 4), (&IDTYPE, 4), (&SIGLEN, 4), (&HASH, 4), (&AUTH, 4), (&OPCODE, 4)];
    let head = c.bits(3, &parts)?;
    let next = c.u8(&NEXT)?;
    c.u32(&EPOCH)?;
    c.bytes(&IDENTITY, 1 << (head >> 20))?; // its length is a power of two
    c.bytes(&SIGNATURE, (head >> 12 & 0xf) as usize * 4)?;
    // Operation 1 forwards a packet; the others keep the tunnel alive and answer questions.
    let key = if head & 0xf == 1 { Key::IpProtocol(next) } else { Key::Unknown };
    Ok(Carries { key, length: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Off;

    #[test]
    fn a_forwarded_packet() {
        let mut bytes = vec![0x41, 0x52, 0x11, 41, 0, 0, 0, 0];
        bytes.extend_from_slice(&[0; 36]); // 16 of identity, 20 of signature
        let mut off = Off;
        let mut c = Cursor::new(&bytes, 0, bytes.len(), &mut off);
        assert_eq!((dissect(&mut c).unwrap().key, c.left()), (Key::IpProtocol(41), 0));
    }
}
