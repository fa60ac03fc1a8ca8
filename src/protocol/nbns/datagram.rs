//! NetBIOS datagram service: a message from one NetBIOS name to another, or to all of a group.
//!
//! RFC 1002 section 4.4. What it carries (mostly SMB's mailslots, by which Windows announces its machines) is one field of
//! bytes. Leaves out: that content, and putting fragments together, which Windows never sends.

use super::encoded;
use crate::wire::{Cursor, Field, Malformed, Recorder, Value};

static TYPE: Field = Field::hex("nbdgm.type", 2);
static FLAGS: Field = Field::hex("nbdgm.flags", 2);
static RESERVED: Field = Field::new("nbdgm.flags.reserved");
static NODE_TYPE: Field = Field::new("nbdgm.node_type");
static FIRST: Field = Field::new("nbdgm.first");
static NEXT: Field = Field::new("nbdgm.next");
static DGRAM_ID: Field = Field::hex("nbdgm.dgram_id", 4);
static SRC_IP: Field = Field::new("nbdgm.src.ip");
static SRC_PORT: Field = Field::new("nbdgm.src.port");
static DGRAM_LEN: Field = Field::new("nbdgm.dgram_len");
static PKT_OFFSET: Field = Field::new("nbdgm.pkt_offset");
static ERROR_CODE: Field = Field::hex("nbdgm.error_code", 2);
static SOURCE_NAME: Field = Field::new("nbdgm.source_name");
static DESTINATION_NAME: Field = Field::new("nbdgm.destination_name");
static DATA: Field = Field::new("nbdgm.data");

/// Reads one datagram.
///
/// # Errors
/// [`Malformed`] where the bytes end early, or a name makes no sense; what stands before is recorded.
pub fn dissect<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    let kind = c.u8(&TYPE)?;
    let flags =
        c.group(&FLAGS, |c| c.bits(1, &[(&RESERVED, 4), (&NODE_TYPE, 2), (&FIRST, 1), (&NEXT, 1)]))?;
    c.derived(&FLAGS, || Value::Uint(flags));
    c.u16(&DGRAM_ID)?;
    c.ipv4(&SRC_IP)?;
    c.u16(&SRC_PORT)?;
    match kind {
        0x10..=0x12 => {
            // Section 4.4.2: what is counted begins behind the offset; names are sent in the first fragment only.
            let length = usize::from(c.u16(&DGRAM_LEN)?);
            let offset = c.u16(&PKT_OFFSET)?;
            let (message, base) = (c.peek(), c.at());
            c.region_as_captured(length, &DATA, |c| {
                if offset == 0 {
                    encoded(c, &SOURCE_NAME, message, base)?;
                    encoded(c, &DESTINATION_NAME, message, base)?;
                }
                c.rest(&DATA);
                Ok(())
            })??;
        }
        0x13 => drop(c.u8(&ERROR_CODE)?),
        0x14..=0x16 => {
            let (message, base) = (c.peek(), c.at());
            encoded(c, &DESTINATION_NAME, message, base)?;
        }
        _ => {}
    }
    c.rest(&DATA);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{NodeKind, Tree};

    #[rustfmt::skip]
    const HEADER: &[u8] = &[
        0x11, 0x02, 0x80, 0xde,             // direct group, first and only fragment of a B node, datagram id
        10, 10, 1, 20, 0, 138,              // source address and port
        0, 70, 0, 0,                        // length of names and data, offset
    ];

    fn datagram() -> Vec<u8> {
        let mut bytes = HEADER.to_vec();
        for _ in 0..2 {
            bytes.push(32);
            bytes.extend(b"FHEPFCELEHFCEPFFFACACACACACACABN"); // WORKGROUP<1d>
            bytes.push(0);
        }
        bytes.extend([1, 2]);
        bytes
    }

    #[test]
    fn names_and_data() {
        let bytes = datagram();
        let mut tree = Tree::default();
        dissect(&mut Cursor::new(&bytes, 0, bytes.len(), &mut tree)).unwrap();
        assert_eq!(tree.find("nbdgm.source_name").next().unwrap().value, Value::Text("WORKGROUP<1d>".into()));
        assert_eq!(tree.find("nbdgm.data").next().unwrap().length(), 2);
        let bits: usize = tree.nodes.iter().filter(|n| n.kind == NodeKind::Leaf).map(|n| n.bits).sum();
        assert_eq!(bits, bytes.len() * 8);
    }

    #[test]
    fn cut_and_hostile() {
        let bytes = datagram();
        for end in 0..81 {
            let mut tree = Tree::default();
            assert!(dissect(&mut Cursor::new(&bytes, 0, end, &mut tree)).is_err(), "cut at {end}");
        }
    }
}
