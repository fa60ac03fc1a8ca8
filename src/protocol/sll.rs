//! Linux cooked capture, versions 1 and 2: what libpcap writes in place of a link header where there is
//! none that all interfaces share (capturing on `any`).
//!
//! The tcpdump group's LINKTYPE_LINUX_SLL (16 bytes) and LINKTYPE_LINUX_SLL2 (20 bytes).
//! Leaves out: netlink, CAN and other captures whose protocol field is no EtherType; their payload is data.

use super::Key;
use crate::wire::{Cursor, Field, Malformed, Recorder};

static PKTTYPE: Field = Field::new("sll.pkttype");
static HATYPE: Field = Field::new("sll.hatype");
static HALEN: Field = Field::new("sll.halen");
static SRC_ETH: Field = Field::new("sll.src.eth");
static SRC_IPV4: Field = Field::new("sll.src.ipv4");
static SRC_OTHER: Field = Field::new("sll.src.other");
static UNUSED: Field = Field::new("sll.unused");
static IFINDEX: Field = Field::new("sll.ifindex");
static ETYPE: Field = Field::hex("sll.etype", 4);
static LTYPE: Field = Field::hex("sll.ltype", 4);
static GRETYPE: Field = Field::hex("sll.gretype", 4);

/// Hardware type of GRE tunnels (Linux if_arp.h ARPHRD_IPGRE): the protocol is GRE's protocol type.
const ARPHRD_IPGRE: u16 = 778;
/// Smallest number that is an EtherType; below it are Linux's own (if_ether.h ETH_P_802_2 and others).
const MIN_ETHER_TYPE: u16 = 0x0600;

/// Version 1: packet type, hardware type, address with its length, protocol.
///
/// # Errors
/// [`Malformed`] where fewer than 16 bytes are left.
pub fn dissect_v1<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Key, Malformed> {
    c.u16(&PKTTYPE)?;
    let hatype = c.u16(&HATYPE)?;
    let halen = c.u16(&HALEN)?;
    address(c, halen)?;
    protocol(c, hatype)
}

/// Version 2: the protocol first, then the interface's index, which version 1 does not tell.
///
/// # Errors
/// [`Malformed`] where fewer than 20 bytes are left.
pub fn dissect_v2<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Key, Malformed> {
    // The hardware type, which tells what kind of number the protocol is, stands 8 bytes further on.
    let hatype = c.peek().get(8..10).map_or(0, |b| u16::from_be_bytes([b[0], b[1]]));
    let key = protocol(c, hatype)?;
    c.bytes(&UNUSED, 2)?;
    c.u32(&IFINDEX)?;
    c.u16(&HATYPE)?;
    c.u8(&PKTTYPE)?;
    let halen = c.u8(&HALEN)?;
    address(c, halen.into())?;
    Ok(key)
}

/// Eight bytes for the sender's address, of which the length field counts how many are used.
fn address<R: Recorder>(c: &mut Cursor<'_, '_, R>, length: u16) -> Result<(), Malformed> {
    let used = usize::from(length.min(8));
    match used {
        0 => {}
        4 => drop(c.ipv4(&SRC_IPV4)?),
        6 => drop(c.mac(&SRC_ETH)?),
        _ => drop(c.bytes(&SRC_OTHER, used)?),
    }
    c.bytes(&UNUSED, 8 - used).map(drop)
}

fn protocol<R: Recorder>(c: &mut Cursor<'_, '_, R>, hatype: u16) -> Result<Key, Malformed> {
    if hatype == ARPHRD_IPGRE {
        return c.u16(&GRETYPE).map(Key::EtherType);
    }
    let is_ether_type = c.peek_u16().is_none_or(|p| p >= MIN_ETHER_TYPE);
    let protocol = c.u16(if is_ether_type { &ETYPE } else { &LTYPE })?;
    Ok(match protocol {
        MIN_ETHER_TYPE.. => Key::EtherType(protocol),
        0x0004 => Key::Llc, // ETH_P_802_2
        _ => Key::Unknown,  // 0x0001 is 802.3 without LLC (IPX), 0x000c CAN
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Tree, Value};

    #[rustfmt::skip]
    const V1: &[u8] = &[
        0x00, 0x04,                         // sll.pkttype: sent by us
        0x03, 0x04,                         // sll.hatype: loopback
        0x00, 0x06,                         // sll.halen
        0x00, 0x00, 0x00, 0x00, 0x00, 0x01, // sll.src.eth
        0x00, 0x00,                         // sll.unused
        0x08, 0x00,                         // sll.etype: IPv4
    ];

    #[rustfmt::skip]
    const V2: &[u8] = &[
        0x86, 0xdd,                                     // sll.etype: IPv6
        0x00, 0x00,                                     // sll.unused
        0x00, 0x00, 0x00, 0x03,                         // sll.ifindex
        0x02, 0x00,                                     // sll.hatype: PPP
        0x00,                                           // sll.pkttype: to us
        0x00,                                           // sll.halen: no address
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, // sll.unused
    ];

    #[test]
    fn version_1() {
        let mut tree = Tree::default();
        let mut c = Cursor::new(V1, 0, 16, &mut tree);
        assert_eq!(dissect_v1(&mut c), Ok(Key::EtherType(0x0800)));
        assert_eq!(tree.find("sll.src.eth").next().unwrap().value, Value::Mac([0, 0, 0, 0, 0, 1]));
    }

    #[test]
    fn version_2() {
        let mut tree = Tree::default();
        let mut c = Cursor::new(V2, 0, 20, &mut tree);
        assert_eq!(dissect_v2(&mut c), Ok(Key::EtherType(0x86dd)));
        assert_eq!(c.left(), 0);
        assert_eq!(tree.find("sll.ifindex").next().unwrap().value, Value::Uint(3));
    }

    #[test]
    fn linux_numbers_are_no_ether_types() {
        let mut frame = V1.to_vec();
        frame[14..].copy_from_slice(&[0x00, 0x04]);
        let mut tree = Tree::default();
        assert_eq!(dissect_v1(&mut Cursor::new(&frame, 0, 16, &mut tree)), Ok(Key::Llc));
        assert!(tree.find("sll.ltype").next().is_some());
    }

    #[test]
    fn cut() {
        let mut tree = Tree::default();
        let cut = dissect_v1(&mut Cursor::new(V1, 0, 9, &mut tree)).unwrap_err();
        assert_eq!((cut.field, cut.at, cut.need, cut.have), ("sll.src.eth", 6, 6, 3));
        assert!(tree.find("sll.halen").next().is_some());
    }
}
