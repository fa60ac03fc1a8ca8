//! Tags of providers' and data centres' switches: a whole Ethernet header behind another (provider backbone
//! bridges, FabricPath), and the port of a virtual machine (VN-Tag).
//!
//! IEEE Std 802.1ah-2008, in IEEE 802.1Q-2018 clause 9.7 (I-TAG); Cisco's VN-Tag, proposed as IEEE 802.1Qbh, and
//! FabricPath, which has no public standard.
//! Leaves out: the switch numbers that FabricPath puts into the outer Ethernet addresses.

use super::{Carries, Key, ethernet};
use crate::wire::{Cursor, Field, Malformed, Recorder};

static PRIORITY: Field = Field::new("ieee8021ah.priority");
static DROP: Field = Field::new("ieee8021ah.drop");
static NCA: Field = Field::new("ieee8021ah.nca");
static RES1: Field = Field::new("ieee8021ah.res1");
static RES2: Field = Field::new("ieee8021ah.res2");
static ISID: Field = Field::new("ieee8021ah.isid");
static CDST: Field = Field::new("ieee8021ah.cdst");
static CSRC: Field = Field::new("ieee8021ah.csrc");
static ETYPE: Field = Field::hex("ieee8021ah.etype", 4);

static VN_DIR: Field = Field::new("vntag.dir");
static VN_PTR: Field = Field::new("vntag.ptr");
static VN_DST: Field = Field::new("vntag.dst");
static VN_LOOPED: Field = Field::new("vntag.looped");
static VN_R: Field = Field::new("vntag.r");
static VN_VERSION: Field = Field::new("vntag.version");
static VN_SRC: Field = Field::new("vntag.src");
static VN_ETYPE: Field = Field::hex("vntag.etype", 4);

static CFP_FTAG: Field = Field::new("cfp.ftag");
static CFP_TTL: Field = Field::new("cfp.ttl");

/// Reads FabricPath's forwarding tag; the frame that it carries follows.
///
/// # Errors
/// [`Malformed`] where it is cut.
pub fn dissect_fabric_path<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Carries, Malformed> {
    c.bits(2, &[(&CFP_FTAG, 10), (&CFP_TTL, 6)])?;
    Ok(Carries { key: Key::Link(1), length: None })
}

/// Reads the service instance tag and the customer's Ethernet header.
///
/// # Errors
/// [`Malformed`] where it is cut.
pub fn dissect_pbb<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Carries, Malformed> {
    c.bits(4, &[(&PRIORITY, 3), (&DROP, 1), (&NCA, 1), (&RES1, 1), (&RES2, 2), (&ISID, 24)])?;
    c.mac(&CDST)?;
    c.mac(&CSRC)?;
    Ok(carries(c.u16(&ETYPE)?))
}

/// Reads a VN-Tag.
///
/// # Errors
/// [`Malformed`] where it is cut.
pub fn dissect_vntag<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Carries, Malformed> {
    let parts = [
        (&VN_DIR, 1),
        (&VN_PTR, 1),
        (&VN_DST, 14),
        (&VN_LOOPED, 1),
        (&VN_R, 1),
        (&VN_VERSION, 2),
        (&VN_SRC, 12),
    ];
    c.bits(4, &parts)?;
    Ok(carries(c.u16(&VN_ETYPE)?))
}

fn carries(type_or_length: u16) -> Carries {
    let key = ethernet::key(type_or_length);
    let length = (type_or_length <= ethernet::MAX_LENGTH).then_some(usize::from(type_or_length));
    Carries { key, length }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Off;

    #[test]
    fn both_lead_on() {
        let vntag = [0, 0, 0, 0, 0x81, 0x00];
        let carries = dissect_vntag(&mut Cursor::new(&vntag, 0, 6, &mut Off)).unwrap();
        assert_eq!(carries.key, Key::EtherType(0x8100));
        let mut pbb = vec![0, 0x1e, 0xbb, 0x30];
        pbb.extend_from_slice(&[2; 12]);
        pbb.extend_from_slice(&[0x08, 0x00]);
        let carries = dissect_pbb(&mut Cursor::new(&pbb, 0, 18, &mut Off)).unwrap();
        assert_eq!(carries.key, Key::EtherType(0x0800));
    }
}
