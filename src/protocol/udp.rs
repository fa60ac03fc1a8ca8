//! UDP: ports, length, checksum.
//!
//! RFC 768. The fast lane reads the header with etherparse.
//! Leaves out: UDP-Lite (RFC 3828), whose length field means something else.

use crate::wire::{Cursor, Field, Malformed, Tree};

static SRCPORT: Field = Field::new("udp.srcport");
static DSTPORT: Field = Field::new("udp.dstport");
static LENGTH: Field = Field::new("udp.length");
static CHECKSUM: Field = Field::hex("udp.checksum", 4);

/// Bytes of the header.
pub const HEADER: usize = 8;

/// Names each part of a UDP header.
///
/// # Errors
/// [`Malformed`] where the header is cut.
pub fn describe(c: &mut Cursor<'_, '_, Tree>) -> Result<(), Malformed> {
    c.u16(&SRCPORT)?;
    c.u16(&DSTPORT)?;
    c.u16(&LENGTH)?;
    c.u16(&CHECKSUM).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Value;

    #[rustfmt::skip]
    const HEADER: &[u8] = &[
        0x00, 0x35, // udp.srcport 53
        0xd4, 0x31, // udp.dstport 54321
        0x00, 0x20, // udp.length 32
        0xbe, 0xef, // udp.checksum
    ];

    #[test]
    fn reads_the_header() {
        let mut tree = Tree::default();
        assert_eq!(describe(&mut Cursor::new(HEADER, 0, 8, &mut tree)), Ok(()));
        let values: Vec<_> = tree.nodes.iter().map(|n| n.value.clone()).collect();
        assert_eq!(values, [53, 54321, 32, 0xbeef].map(Value::Uint));
    }

    #[test]
    fn cut() {
        let mut tree = Tree::default();
        let cut = describe(&mut Cursor::new(HEADER, 0, 5, &mut tree)).unwrap_err();
        assert_eq!((cut.field, cut.at, cut.need, cut.have), ("udp.length", 4, 2, 1));
        assert_eq!(tree.nodes.len(), 2);
    }
}
