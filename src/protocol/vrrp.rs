//! VRRP: several routers stand for one address; the one with the highest priority speaks, the others wait for its silence.
//!
//! RFC 3768 section 5.3 (version 2), RFC 9568 section 5.2 (version 3, over IPv4 and IPv6).
//! Leaves out: checking the checksum; checking the password of version 2, which has no use since RFC 3768.

use super::{Carries, Key};
use crate::wire::{Cursor, Field, Malformed, Recorder, Value};

static TYPEVER: Field = Field::hex("vrrp.typever", 2);
static VERSION: Field = Field::new("vrrp.version");
static TYPE: Field = Field::new("vrrp.type");
static ID: Field = Field::new("vrrp.virt_rtr_id");
static PRIO: Field = Field::new("vrrp.prio");
static COUNT: Field = Field::new("vrrp.addr_count");
static AUTH_TYPE: Field = Field::new("vrrp.auth_type");
static INTERVAL: Field = Field::new("vrrp.adver_int");
static RESERVED: Field = Field::new("vrrp.reserved_mbz");
static SHORT_INTERVAL: Field = Field::new("vrrp.short_adver_int");
static CHECKSUM: Field = Field::hex("vrrp.checksum", 4);
static IP: Field = Field::new("vrrp.ip_addr");
static IP6: Field = Field::new("vrrp.ipv6_addr");
static AUTH: Field = Field::new("vrrp.auth_string");
static MD5: Field = Field::new("vrrp.md5_auth_data");

/// What an advertisement says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vrrp {
    /// Version.
    pub version: u8,
    /// Type; 1 is the only one, an advertisement.
    pub kind: u8,
    /// Number of the virtual router.
    pub id: u8,
    /// Priority of the sender: 255 owns the addresses, 0 gives up.
    pub priority: u8,
    /// How often it advertises, in hundredths of a second.
    pub interval: u16,
    /// The first IPv4 address that the virtual router has.
    pub address: Option<[u8; 4]>,
}

/// Reads an advertisement; for the table of protocols.
///
/// # Errors
/// [`Malformed`] where it is cut.
pub fn dissect_carrier<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Carries, Malformed> {
    dissect(c).map(|_| Carries { key: Key::End, length: None })
}

/// Reads an advertisement.
///
/// # Errors
/// [`Malformed`] where it is cut.
pub fn dissect<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Vrrp, Malformed> {
    if let Some(first) = c.peek_u8() {
        c.derived(&TYPEVER, || Value::Uint(first.into()));
    }
    let first = c.bits(1, &[(&VERSION, 4), (&TYPE, 4)])? as u8;
    let version = first >> 4;
    let id = c.u8(&ID)?;
    let priority = c.u8(&PRIO)?;
    let count = usize::from(c.u8(&COUNT)?);
    let interval;
    let mut auth = 0;
    if version >= 3 {
        interval = c.bits(2, &[(&RESERVED, 4), (&SHORT_INTERVAL, 12)])? as u16 & 0xfff;
    } else {
        auth = c.u8(&AUTH_TYPE)?;
        interval = u16::from(c.u8(&INTERVAL)?) * 100;
    }
    c.u16(&CHECKSUM)?;
    // Nothing in the header says which kind of addresses follow. RFC 9568 section 5.2.9: those of the IP that carries it;
    // sizes alone tell, because no other part has a length that varies.
    let six = version >= 3 && c.left() >= count * 16;
    let mut address = None;
    for _ in 0..count {
        if six {
            c.ipv6(&IP6)?;
        } else {
            let ip = c.ipv4(&IP)?;
            address.get_or_insert(ip);
        }
    }
    // Version 2 ends with 8 bytes for a password, which have no use since RFC 3768.
    if version == 2 && auth == 1 && c.left() >= 8 {
        let text = c.peek()[..8].split(|b| *b == 0).next().unwrap_or_default();
        c.told(&AUTH, 8, || Value::Text(String::from_utf8_lossy(text).into_owned()));
    } else if version == 2 && auth == 254 {
        c.rest(&MD5);
    }
    Ok(Vrrp { version, kind: first & 0xf, id, priority, interval, address })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Off, Tree};

    #[rustfmt::skip]
    const SECOND: &[u8] = &[
        0x21,          // version 2, advertisement
        0x33,          // vrrp.virt_rtr_id 51
        0x6e,          // vrrp.prio 110
        0x01,          // vrrp.addr_count
        0x01, 0x01,    // a password; each second
        0x66, 0x66,    // vrrp.checksum
        10, 0, 0, 100, // vrrp.ip_addr
        b'k', b'e', b'y', 0, 0, 0, 0, 0, // vrrp.auth_string
    ];

    #[test]
    fn second_version() {
        let mut tree = Tree::default();
        let mut c = Cursor::new(SECOND, 0, SECOND.len(), &mut tree);
        let vrrp = dissect(&mut c).unwrap();
        assert_eq!((vrrp.id, vrrp.priority, vrrp.interval, c.left()), (51, 110, 100, 0));
        assert_eq!(vrrp.address, Some([10, 0, 0, 100]));
        assert_eq!(tree.find("vrrp.auth_string").next().unwrap().value, Value::Text("key".to_owned()));
    }

    #[test]
    fn third_version_of_either_family() {
        let mut bytes = vec![0x31, 1, 200, 1, 0x00, 0x64, 0, 0];
        bytes.extend_from_slice(&[0xfe; 16]);
        let mut tree = Tree::default();
        dissect(&mut Cursor::new(&bytes, 0, 24, &mut tree)).unwrap();
        assert!(tree.find("vrrp.ipv6_addr").next().is_some());
        let four = dissect(&mut Cursor::new(&bytes, 0, 12, &mut Off)).unwrap();
        assert_eq!((four.address, four.interval), (Some([0xfe; 4]), 100));
    }

    #[test]
    fn a_cut_one() {
        let cut = dissect(&mut Cursor::new(SECOND, 0, 10, &mut Off)).unwrap_err();
        assert_eq!((cut.field, cut.at), ("vrrp.ip_addr", 8));
    }
}
