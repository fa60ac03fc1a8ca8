//! Ethernet II and IEEE 802.3 frames: destination, source, and two bytes that are a type or a length.
//!
//! RFC 894 (IP over Ethernet II), RFC 1042 (IP over IEEE 802), IEEE Std 802.3 clause 3.2.
//! Leaves out: preamble and frame check sequence, which captures rarely hold; bytes after the counted
//! length are `eth.trailer`.

use super::{Key, vendors};
use crate::wire::{Cursor, Field, Malformed, Recorder, Value};

static DST: Field = Field::new("eth.dst");
static SRC: Field = Field::new("eth.src");
static TYPE: Field = Field::hex("eth.type", 4);
static LEN: Field = Field::new("eth.len");
/// 1501 to 1535: too long for a length, too small for a type.
static INVALID: Field = Field::hex("eth.invalid_lentype", 4);
static DST_IG: Field = Field::new("eth.dst.ig");
static DST_LG: Field = Field::new("eth.dst.lg");
static SRC_IG: Field = Field::new("eth.src.ig");
static SRC_LG: Field = Field::new("eth.src.lg");
static DST_VENDOR: Field = Field::new("eth.dst.oui_resolved");
static SRC_VENDOR: Field = Field::new("eth.src.oui_resolved");

/// Values from here on are EtherTypes, up to [`MAX_LENGTH`] lengths (IEEE 802.3 clause 3.2.6).
pub const MIN_ETHER_TYPE: u16 = 0x0600;
/// The longest 802.3 payload.
pub const MAX_LENGTH: u16 = 1500;

/// What an Ethernet header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ethernet {
    /// To whom.
    pub dst: [u8; 6],
    /// From whom.
    pub src: [u8; 6],
    /// EtherType, or an 802.3 length.
    pub type_or_length: u16,
}

impl Ethernet {
    /// What follows the header.
    pub fn key(&self) -> Key {
        key(self.type_or_length)
    }
}

/// What follows a field that is an EtherType or an 802.3 length (here, and behind a VLAN tag).
pub fn key(type_or_length: u16) -> Key {
    match type_or_length {
        0..=MAX_LENGTH => Key::Llc,
        MIN_ETHER_TYPE.. => Key::EtherType(type_or_length),
        _ => Key::Unknown,
    }
}

/// Reads the 14 bytes of the header.
///
/// # Errors
/// [`Malformed`] where the frame is shorter.
#[inline(always)]
pub fn dissect<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Ethernet, Malformed> {
    let dst = c.mac(&DST)?;
    // The two low bits of the first byte (IEEE 802 clause 8.2): who is meant, and who gave the number out.
    c.derived(&DST_IG, || Value::Flag(dst[0] & 1 == 1));
    c.derived(&DST_LG, || Value::Flag(dst[0] & 2 == 2));
    owner(c, &DST_VENDOR, dst);
    let src = c.mac(&SRC)?;
    c.derived(&SRC_IG, || Value::Flag(src[0] & 1 == 1));
    c.derived(&SRC_LG, || Value::Flag(src[0] & 2 == 2));
    owner(c, &SRC_VENDOR, src);
    let type_or_length = c.u16(match c.peek_u16() {
        Some(0..=MAX_LENGTH) => &LEN,
        Some(MIN_ETHER_TYPE..) | None => &TYPE,
        Some(_) => &INVALID,
    })?;
    Ok(Ethernet { dst, src, type_or_length })
}

/// Who was given the block of addresses that this one is from.
fn owner<R: Recorder>(c: &mut Cursor<'_, '_, R>, field: &'static Field, address: [u8; 6]) {
    if R::ON
        && let Some(name) = vendors::vendor(address)
    {
        c.derived(field, || Value::Text(name.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Off, Tree};

    #[rustfmt::skip]
    const FRAME: &[u8] = &[
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, // eth.dst: broadcast
        0x02, 0x7d, 0x9b, 0x80, 0xc0, 0x87, // eth.src: locally administered
        0x08, 0x06,                         // eth.type: ARP
    ];

    #[test]
    fn reads_the_header() {
        let header = dissect(&mut Cursor::new(FRAME, 0, FRAME.len(), &mut Off)).unwrap();
        assert_eq!(header.key(), Key::EtherType(0x0806));
        assert_eq!(header.src, [0x02, 0x7d, 0x9b, 0x80, 0xc0, 0x87]);
    }

    #[test]
    fn a_length_is_not_a_type() {
        let mut frame = FRAME.to_vec();
        frame[12..].copy_from_slice(&[0x00, 0x26]);
        let mut tree = Tree::default();
        let header = dissect(&mut Cursor::new(&frame, 0, frame.len(), &mut tree)).unwrap();
        assert_eq!(header.key(), Key::Llc);
        assert!(tree.find("eth.len").next().is_some() && tree.find("eth.type").next().is_none());
    }

    #[test]
    fn a_cut_header_says_where() {
        let mut tree = Tree::default();
        let cut = dissect(&mut Cursor::new(FRAME, 0, 9, &mut tree)).unwrap_err();
        assert_eq!((cut.field, cut.at, cut.need, cut.have), ("eth.src", 6, 6, 3));
        assert!(tree.find("eth.dst").next().is_some(), "what was read before the cut is kept");
    }
}
