//! BSD loopback: four bytes of address family before the IP packet, as captured on `lo0` and by some
//! capture drivers.
//!
//! The tcpdump group's LINKTYPE_NULL (family in the byte order of the machine that captured) and
//! LINKTYPE_LOOP (in network byte order).
//! Leaves out: families other than IP; the two bytes of AIX and the PPP variant of BSD/OS.

use super::Key;
use crate::wire::{Cursor, Field, Malformed, Recorder};

static FAMILY: Field = Field::new("null.family");

/// Reads the family. Which byte order it has shows in the value: families are small numbers, so the order
/// in which the upper half is zero is the right one.
///
/// # Errors
/// [`Malformed`] where fewer than 4 bytes are left.
pub fn dissect<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Key, Malformed> {
    let little = c.peek().first_chunk::<4>().is_some_and(|b| b[2] == 0 && b[3] == 0 && b[0] != 0);
    let family = if little { c.u32_le(&FAMILY)? } else { c.u32(&FAMILY)? };
    Ok(match family {
        2 => Key::EtherType(0x0800),
        // AF_INET6 was numbered late, by everyone differently: Linux 10, Windows 23, NetBSD, OpenBSD and
        // BSD/OS 24, FreeBSD 28, macOS 30.
        10 | 23 | 24 | 28 | 30 => Key::EtherType(0x86dd),
        _ => Key::Unknown,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Off, Tree, Value};

    fn family(bytes: [u8; 4]) -> (Key, Value) {
        let mut tree = Tree::default();
        let key = dissect(&mut Cursor::new(&bytes, 0, 4, &mut tree)).unwrap();
        (key, tree.nodes[0].value.clone())
    }

    #[test]
    fn both_byte_orders() {
        assert_eq!(family([2, 0, 0, 0]), (Key::EtherType(0x0800), Value::Uint(2)));
        assert_eq!(family([0, 0, 0, 2]), (Key::EtherType(0x0800), Value::Uint(2)));
        assert_eq!(family([30, 0, 0, 0]), (Key::EtherType(0x86dd), Value::Uint(30)));
        assert_eq!(family([0, 0, 0, 28]), (Key::EtherType(0x86dd), Value::Uint(28)));
        assert_eq!(family([0, 0, 0, 7]).0, Key::Unknown);
    }

    #[test]
    fn cut() {
        let cut = dissect(&mut Cursor::new(&[2, 0], 0, 2, &mut Off)).unwrap_err();
        assert_eq!((cut.need, cut.have), (4, 2));
    }
}
