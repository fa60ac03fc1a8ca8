//! ERSPAN: Ethernet frames that a switch mirrors to an analyser through GRE.
//!
//! draft-foschiano-erspan-03 sections 4.2 (type II, version 1) and 4.3 (type III, version 2).
//! Leaves out: what the platform-specific subheader means; its bytes are told as they are.

use super::{Carries, Key};
use crate::wire::{Cursor, Field, Malformed, Recorder};

static VERSION: Field = Field::new("erspan.version");
static VLAN: Field = Field::new("erspan.vlan");
static COS: Field = Field::new("erspan.cos");
static ENCAP: Field = Field::new("erspan.encap");
static BSO: Field = Field::new("erspan.bso");
static TRUNCATED: Field = Field::new("erspan.truncated");
static SPANID: Field = Field::new("erspan.spanid");
static RESERVED: Field = Field::new("erspan.reserved");
static INDEX: Field = Field::new("erspan.index");
static TIMESTAMP: Field = Field::new("erspan.timestamp");
static SGT: Field = Field::new("erspan.sgt");
static P: Field = Field::new("erspan.p");
static FT: Field = Field::new("erspan.ft");
static HW: Field = Field::new("erspan.hw");
static DIRECTION: Field = Field::new("erspan.direction");
static GRA: Field = Field::new("erspan.gra");
static O: Field = Field::new("erspan.o");
static PLATFORM: Field = Field::new("erspan.platid");
static RSVD1: [Field; 4] = [
    Field::new("erspan.pid1.rsvd1"),
    Field::new("erspan.pid3.rsvd1"),
    Field::new("erspan.pid4.rsvd1"),
    Field::new("erspan.pid7.rsvd1"),
];
static VSMID: Field = Field::new("erspan.pid1.vsmid");
static PORT1: Field = Field::new("erspan.pid1.port_index");
static PORT3: Field = Field::new("erspan.pid3.port_index");
static STAMP3: Field = Field::new("erspan.pid3.timestamp");
static RSVD2: Field = Field::new("erspan.pid4.rsvd2");
static RSVD3: Field = Field::new("erspan.pid4.rsvd3");
static SWITCH: Field = Field::new("erspan.pid5.switchid");
static PORT5: Field = Field::new("erspan.pid5.port_index");
static STAMP5: Field = Field::new("erspan.pid5.timestamp");
static SOURCE7: Field = Field::new("erspan.pid7.source_index");
static STAMP7: Field = Field::new("erspan.pid7.timestamp");
static RSVD: Field = Field::new("erspan.pid.rsvd");

/// Reads the header of either version.
///
/// # Errors
/// [`Malformed`] where it is cut.
pub fn dissect<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Carries, Malformed> {
    let version = c.bits(2, &[(&VERSION, 4), (&VLAN, 12)])? >> 12;
    let second = if version == 1 { &ENCAP } else { &BSO };
    c.bits(2, &[(&COS, 3), (second, 2), (&TRUNCATED, 1), (&SPANID, 10)])?;
    let key = match version {
        1 => {
            c.bits(4, &[(&RESERVED, 12), (&INDEX, 20)])?;
            Key::Link(1)
        }
        2 => {
            c.u32(&TIMESTAMP)?;
            c.u16(&SGT)?;
            let last = c.bits(2, &[(&P, 1), (&FT, 5), (&HW, 6), (&DIRECTION, 1), (&GRA, 2), (&O, 1)])?;
            if last & 1 == 1 {
                subheader(c)?;
            }
            match last >> 10 & 0x1f {
                0 => Key::Link(1),
                2 => Key::IpVersion,
                _ => Key::Unknown,
            }
        }
        _ => Key::Unknown,
    };
    Ok(Carries { key, length: None })
}

/// Eight bytes in the form of the platform that the first six bits name.
fn subheader<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    let (first, second): ([(&'static Field, usize); 2], &'static Field) = match c.peek_u8().map(|b| b >> 2) {
        Some(1) => ([(&RSVD1[0], 14), (&VSMID, 12)], &PORT1),
        Some(3) => ([(&RSVD1[1], 12), (&PORT3, 14)], &STAMP3),
        Some(4) => ([(&RSVD1[2], 12), (&RSVD2, 14)], &RSVD3),
        Some(5 | 6) => ([(&SWITCH, 10), (&PORT5, 16)], &STAMP5),
        Some(7) => ([(&RSVD1[3], 6), (&SOURCE7, 20)], &STAMP7),
        _ => return c.bits(8, &[(&PLATFORM, 6), (&RSVD, 58)]).map(drop),
    };
    c.bits(4, &[(&PLATFORM, 6), first[0], first[1]])?;
    c.u32(second).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Tree;

    #[test]
    fn both_versions() {
        let second = [0x10, 0x05, 0x00, 0x07, 0x00, 0x00, 0x00, 0x09]; // VLAN 5, session 7, index 9
        let mut tree = Tree::default();
        let mut c = Cursor::new(&second, 0, 8, &mut tree);
        assert_eq!((dissect(&mut c).unwrap().key, c.left()), (Key::Link(1), 0));
        let third = [0x20, 5, 0, 7, 0, 0, 0, 1, 0, 0, 0, 0x01, 1, 2, 3, 4, 5, 6, 7, 8]; // with a subheader
        let mut c = Cursor::new(&third, 0, 20, &mut tree);
        assert_eq!((dissect(&mut c).unwrap().key, c.left()), (Key::Link(1), 0));
        assert_eq!(tree.find("erspan.platid").count(), 1);
    }
}
