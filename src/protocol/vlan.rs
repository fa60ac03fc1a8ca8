//! IEEE 802.1Q: the four bytes that put a frame into a virtual LAN. Tags stack: each is a layer of its own.
//!
//! IEEE Std 802.1Q-2018 clause 9.6 (tag control information), clause 9.5 (which EtherTypes announce a tag).
//! The announcing EtherType belongs to the header before; what stands here is priority, drop eligibility,
//! identifier, and the EtherType (or 802.3 length) of what follows.
//! Leaves out: what a network does with the priority; names of VLANs.

use super::{Key, ethernet};
use crate::wire::{Cursor, Field, Malformed, Recorder};

static PRIORITY: Field = Field::new("vlan.priority");
static DEI: Field = Field::new("vlan.dei");
static ID: Field = Field::new("vlan.id");
static ETYPE: Field = Field::hex("vlan.etype", 4);
static LEN: Field = Field::new("vlan.len");

/// What a tag says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vlan {
    /// VLAN identifier, 12 bits.
    pub id: u16,
    /// EtherType after the tag (or an 802.3 length).
    pub ether_type: u16,
}

impl Vlan {
    /// What follows.
    pub fn key(&self) -> Key {
        ethernet::key(self.ether_type)
    }

    /// How many bytes follow, where the tag says so.
    pub fn length(&self) -> Option<usize> {
        (self.ether_type <= ethernet::MAX_LENGTH).then_some(usize::from(self.ether_type))
    }
}

/// Reads one tag.
///
/// # Errors
/// [`Malformed`] where fewer than 4 bytes are left.
#[inline(always)]
pub fn dissect<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Vlan, Malformed> {
    let control = c.bits(2, &[(&PRIORITY, 3), (&DEI, 1), (&ID, 12)])?;
    let is_length = matches!(c.peek_u16(), Some(0..=ethernet::MAX_LENGTH));
    let ether_type = c.u16(if is_length { &LEN } else { &ETYPE })?;
    Ok(Vlan { id: control as u16 & 0x0fff, ether_type })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Off, Tree, Value};

    #[rustfmt::skip]
    const TAG: &[u8] = &[
        0xb0, 0x07, // vlan.priority 5, vlan.dei 1, vlan.id 7
        0x08, 0x00, // vlan.etype: IPv4
    ];

    #[test]
    fn reads_a_tag() {
        let mut tree = Tree::default();
        let tag = dissect(&mut Cursor::new(TAG, 0, 4, &mut tree)).unwrap();
        assert_eq!((tag.id, tag.key()), (7, Key::EtherType(0x0800)));
        assert_eq!(tree.find("vlan.priority").next().unwrap().value, Value::Uint(5));
        assert_eq!(tree.find("vlan.dei").next().unwrap().value, Value::Flag(true));
        assert_eq!((tree.nodes[2].bit, tree.nodes[2].bits), (4, 12));
    }

    #[test]
    fn a_length_announces_llc() {
        let tag = dissect(&mut Cursor::new(&[0x00, 0x01, 0x00, 0x26], 0, 4, &mut Off)).unwrap();
        assert_eq!(tag.key(), Key::Llc);
    }

    #[test]
    fn a_cut_tag_keeps_what_came_before() {
        let mut tree = Tree::default();
        let cut = dissect(&mut Cursor::new(TAG, 0, 3, &mut tree)).unwrap_err();
        assert_eq!((cut.field, cut.at, cut.need, cut.have), ("vlan.etype", 2, 2, 1));
        assert!(tree.find("vlan.id").next().is_some());
    }
}
