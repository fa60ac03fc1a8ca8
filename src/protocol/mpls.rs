//! MPLS: labels in front of a packet, by which routers forward it without looking at its addresses.
//!
//! RFC 3032 section 2.1 (the label stack entry). What follows the last label is not said anywhere (RFC 3032
//! section 2.2: the label's meaning tells); its first nibble is the usual way to know (RFC 4928 section 3).
//! Leaves out: pseudowires, with and without control word; their payload is data.

use super::{Carries, Key};
use crate::wire::{Cursor, Field, Malformed, Recorder};

static ENTRY: Field = Field::new("mpls.entry");
static LABEL: Field = Field::new("mpls.label");
static EXP: Field = Field::new("mpls.exp");
static BOTTOM: Field = Field::new("mpls.bottom");
static TTL: Field = Field::new("mpls.ttl");

/// Reads the whole stack, down to the label that says it is the last.
///
/// # Errors
/// [`Malformed`] where it is cut.
pub fn dissect<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Carries, Malformed> {
    loop {
        let entry = c.group(&ENTRY, |c| c.bits(4, &[(&LABEL, 20), (&EXP, 3), (&BOTTOM, 1), (&TTL, 8)]))?;
        if entry & 0x100 != 0 {
            break;
        }
    }
    let key = match c.peek_u8().map(|b| b >> 4) {
        Some(4 | 6) => Key::IpVersion,
        _ => Key::Unknown,
    };
    Ok(Carries { key, length: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Tree, Value};

    #[test]
    fn a_stack_of_two() {
        let bytes = [0x00, 0x01, 0x00, 0x40, 0x00, 0x02, 0x01, 0x40, 0x45];
        let mut tree = Tree::default();
        let mut c = Cursor::new(&bytes, 0, 9, &mut tree);
        assert_eq!((dissect(&mut c).unwrap().key, c.left()), (Key::IpVersion, 1));
        let labels: Vec<_> = tree.find("mpls.label").map(|n| n.value.clone()).collect();
        assert_eq!(labels, [16, 32].map(Value::Uint));
    }
}
