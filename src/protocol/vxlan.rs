//! VXLAN: Ethernet frames inside UDP, so that virtual networks can share a routed one.
//!
//! RFC 7348 section 5; the group policy extension of draft-smith-vxlan-group-policy.
//! Leaves out: the generic protocol extension (its own port).

use super::{Carries, Key};
use crate::wire::{Cursor, Field, Malformed, Recorder, Value};

static FLAGS: Field = Field::hex("vxlan.flags", 4);
static RESERVED: Field = Field::new("vxlan.flags_reserved");
static G: Field = Field::new("vxlan.flag_g");
static I: Field = Field::new("vxlan.flag_i");
static D: Field = Field::new("vxlan.flag_d");
static A: Field = Field::new("vxlan.flag_a");
static GBP: Field = Field::new("vxlan.gbp");
static VNI: Field = Field::new("vxlan.vni");
static RESERVED8: Field = Field::new("vxlan.reserved8");

/// Reads the 8 bytes of the header.
///
/// # Errors
/// [`Malformed`] where they are cut, or the flag that must be set is not: then this is not VXLAN.
pub fn dissect<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Carries, Malformed> {
    match c.peek_u16() {
        Some(flags) if flags & 0x0800 == 0 => return Err(c.nonsense(&FLAGS)),
        Some(flags) => c.derived(&FLAGS, || Value::Uint(flags.into())),
        None => {}
    }
    let parts =
        [(&G, 1), (&RESERVED, 3), (&I, 1), (&RESERVED, 4), (&D, 1), (&RESERVED, 2), (&A, 1), (&RESERVED, 3)];
    c.bits(2, &parts)?;
    c.u16(&GBP)?;
    c.bits(3, &[(&VNI, 24)])?;
    c.u8(&RESERVED8)?;
    Ok(Carries { key: Key::Link(1), length: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Tree, Value};

    #[test]
    fn a_header_and_something_else() {
        let mut tree = Tree::default();
        let bytes = [0x08, 0, 0, 0, 0, 0, 0x7b, 0];
        assert_eq!(dissect(&mut Cursor::new(&bytes, 0, 8, &mut tree)).unwrap().key, Key::Link(1));
        assert_eq!(tree.find("vxlan.vni").next().unwrap().value, Value::Uint(123));
        assert!(dissect(&mut Cursor::new(&[0; 8], 0, 8, &mut tree)).is_err());
    }
}
