//! Geneve: frames or packets of virtual networks inside UDP, with options.
//!
//! RFC 8926 sections 3.4 (header) and 3.5 (options).
//! Leaves out: what options mean; they are told as class, type, length, bytes.

use super::{Carries, Key};
use crate::wire::{Cursor, Field, Malformed, Recorder, Value};

static VERSION: Field = Field::new("geneve.version");
static OPT_LEN: Field = Field::new("geneve.option.length");
static FLAGS: Field = Field::hex("geneve.flags", 2);
static OAM: Field = Field::new("geneve.flags.oam");
static CRITICAL: Field = Field::new("geneve.flags.critical");
static FLAGS_RESERVED: Field = Field::new("geneve.flags.reserved");
static PROTO: Field = Field::hex("geneve.proto_type", 4);
static VNI: Field = Field::hex("geneve.vni", 6);
static RESERVED: Field = Field::hex("geneve.reserved", 2);
static OPTION: Field = Field::new("geneve.option");
static CLASS: Field = Field::hex("geneve.option.class", 4);
static TYPE: Field = Field::hex("geneve.option.type", 2);
static TYPE_CRITICAL: Field = Field::new("geneve.option.type.critical");
static OPTION_RESERVED: Field = Field::new("geneve.option.flags.reserved");
static LENGTH: Field = Field::new("geneve.option.length");
static DATA: Field = Field::new("geneve.option.unknown.data");
static UNREADABLE: Field = Field::new("geneve.option.unreadable");

/// Reads the header and its options.
///
/// # Errors
/// [`Malformed`] where they are cut, or the version is not the only one there is: then this is not Geneve.
pub fn dissect<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Carries, Malformed> {
    if c.peek_u8().is_some_and(|b| b >> 6 != 0) {
        return Err(c.nonsense(&VERSION));
    }
    // Lengths are counted in units of 4 bytes and told in bytes.
    let first = c.bits_told(1, &[(&VERSION, 2), (&OPT_LEN, 6)], |i, n| if i == 1 { n * 4 } else { n })?;
    if let Some(flags) = c.peek_u8() {
        c.derived(&FLAGS, || Value::Uint(flags.into()));
    }
    c.bits(1, &[(&OAM, 1), (&CRITICAL, 1), (&FLAGS_RESERVED, 6)])?;
    let proto = c.u16(&PROTO)?;
    c.bits(3, &[(&VNI, 24)])?;
    c.u8(&RESERVED)?;
    let _ = c.region_as_captured((first & 0x3f) as usize * 4, &UNREADABLE, |c| {
        while c.left() > 0 {
            c.group(&OPTION, |c| {
                c.u16(&CLASS)?;
                let kind = c.u8(&TYPE)?;
                c.derived(&TYPE_CRITICAL, || Value::Flag(kind & 0x80 != 0));
                let parts = [(&OPTION_RESERVED, 3), (&LENGTH, 5)];
                // Counted without the option's own four bytes, told with them.
                let last = c.bits_told(1, &parts, |i, n| if i == 1 { n * 4 + 4 } else { n })?;
                c.bytes(&DATA, (last & 0x1f) as usize * 4)
            })?;
        }
        Ok(())
    })?;
    let key = if proto == 0x6558 { Key::Link(1) } else { Key::EtherType(proto) };
    Ok(Carries { key, length: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Tree;

    #[test]
    fn a_header_with_an_option() {
        let bytes = [0x02, 0, 0x65, 0x58, 0, 0, 1, 0, 0x01, 0x02, 0x80, 0x01, 9, 9, 9, 9];
        let mut tree = Tree::default();
        let mut c = Cursor::new(&bytes, 0, 16, &mut tree);
        assert_eq!((dissect(&mut c).unwrap().key, c.left()), (Key::Link(1), 0));
        assert_eq!(tree.find("geneve.option.unknown.data").next().unwrap().length(), 4);
    }
}
