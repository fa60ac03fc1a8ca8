//! ARP: who has this protocol address, and under which hardware address.
//!
//! RFC 826 (the packet, with addresses of any size), RFC 903 (reverse ARP, the same packet), RFC 5227
//! (probes and announcements).
//! Leaves out: ATM's variant (RFC 2225), whose size fields have another meaning; frame relay's inverse ARP is
//! named like any other. The fast lane reads the packet with etherparse.

use crate::wire::{Cursor, Field, Malformed, Recorder, Tree, Value};

static HW_TYPE: Field = Field::new("arp.hw.type");
static PROTO_TYPE: Field = Field::hex("arp.proto.type", 4);
static HW_SIZE: Field = Field::new("arp.hw.size");
static PROTO_SIZE: Field = Field::new("arp.proto.size");
static OPCODE: Field = Field::new("arp.opcode");
static SRC_HW: Field = Field::new("arp.src.hw");
static SRC_MAC: Field = Field::new("arp.src.hw_mac");
static SRC_PROTO: Field = Field::new("arp.src.proto");
static SRC_IPV4: Field = Field::new("arp.src.proto_ipv4");
static DST_HW: Field = Field::new("arp.dst.hw");
static DST_MAC: Field = Field::new("arp.dst.hw_mac");
static DST_PROTO: Field = Field::new("arp.dst.proto");
static DST_IPV4: Field = Field::new("arp.dst.proto_ipv4");
static IS_GRATUITOUS: Field = Field::new("arp.isgratuitous");
static IS_PROBE: Field = Field::new("arp.isprobe");
static IS_ANNOUNCEMENT: Field = Field::new("arp.isannouncement");

const REQUEST: u16 = 1;
const REPLY: u16 = 2;

/// Names each part of an ARP packet.
///
/// # Errors
/// [`Malformed`] where the packet is cut.
pub fn describe(c: &mut Cursor<'_, '_, Tree>) -> Result<(), Malformed> {
    let hw_type = c.u16(&HW_TYPE)?;
    let proto_type = c.u16(&PROTO_TYPE)?;
    let hw_size = usize::from(c.u8(&HW_SIZE)?);
    let proto_size = usize::from(c.u8(&PROTO_SIZE)?);
    let opcode = c.u16(&OPCODE)?;
    // 1 is Ethernet, 6 IEEE 802: the same addresses.
    let is_mac = matches!(hw_type, 1 | 6) && hw_size == 6;
    let is_ipv4 = proto_type == 0x0800 && proto_size == 4;

    hardware(c, is_mac, hw_size, [&SRC_MAC, &SRC_HW])?;
    let sender = protocol(c, is_ipv4, proto_size, [&SRC_IPV4, &SRC_PROTO])?;
    let target_hw = hardware(c, is_mac, hw_size, [&DST_MAC, &DST_HW])?;
    let target = protocol(c, is_ipv4, proto_size, [&DST_IPV4, &DST_PROTO])?;

    if is_ipv4 && matches!(opcode, REQUEST | REPLY) {
        let is_zero = |bytes: &[u8]| bytes.iter().all(|b| *b == 0);
        let gratuitous = sender == target;
        // RFC 5227 section 1.1: a probe asks for an address without claiming it, so it names no sender;
        // section 2.3: an announcement is a request that names the sender's own address as target.
        let probe = opcode == REQUEST && is_zero(sender) && !gratuitous;
        let announcement = opcode == REQUEST && gratuitous && is_zero(target_hw);
        for (field, holds) in
            [(&IS_GRATUITOUS, gratuitous), (&IS_PROBE, probe), (&IS_ANNOUNCEMENT, announcement)]
        {
            if holds {
                c.derived(field, || Value::Flag(true));
            }
        }
    }
    Ok(())
}

fn hardware<'a, R: Recorder>(
    c: &mut Cursor<'a, '_, R>,
    is_mac: bool,
    size: usize,
    [mac, other]: [&'static Field; 2],
) -> Result<&'a [u8], Malformed> {
    let bytes = c.peek();
    if is_mac {
        c.mac(mac)?;
        return Ok(&bytes[..6]);
    }
    c.bytes(other, size)
}

fn protocol<'a, R: Recorder>(
    c: &mut Cursor<'a, '_, R>,
    is_ipv4: bool,
    size: usize,
    [ipv4, other]: [&'static Field; 2],
) -> Result<&'a [u8], Malformed> {
    let bytes = c.peek();
    if is_ipv4 {
        c.ipv4(ipv4)?;
        return Ok(&bytes[..4]);
    }
    c.bytes(other, size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rustfmt::skip]
    const REQUEST_PACKET: &[u8] = &[
        0x00, 0x01,                         // arp.hw.type: Ethernet
        0x08, 0x00,                         // arp.proto.type: IPv4
        0x06,                               // arp.hw.size
        0x04,                               // arp.proto.size
        0x00, 0x01,                         // arp.opcode: request
        0x02, 0x00, 0x00, 0x00, 0x00, 0x01, // arp.src.hw_mac
        0x0a, 0x00, 0x00, 0x01,             // arp.src.proto_ipv4
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, // arp.dst.hw_mac: asked for
        0x0a, 0x00, 0x00, 0x02,             // arp.dst.proto_ipv4
    ];

    fn tree(bytes: &[u8]) -> (Tree, Result<(), Malformed>) {
        let mut tree = Tree::default();
        let result = describe(&mut Cursor::new(bytes, 0, bytes.len(), &mut tree));
        (tree, result)
    }

    fn said(tree: &Tree) -> Vec<&'static str> {
        let names = [&IS_GRATUITOUS, &IS_PROBE, &IS_ANNOUNCEMENT].map(|f| f.name);
        names.into_iter().filter(|n| tree.find(n).next().is_some()).collect()
    }

    #[test]
    fn a_request() {
        let (tree, result) = tree(REQUEST_PACKET);
        assert_eq!(result, Ok(()));
        assert_eq!(tree.find("arp.dst.proto_ipv4").next().unwrap().value, Value::Ipv4([10, 0, 0, 2]));
        assert_eq!(said(&tree), [""; 0]);
    }

    #[test]
    fn probe_announcement_gratuitous_reply() {
        let mut packet = REQUEST_PACKET.to_vec();
        packet[14..18].fill(0);
        assert_eq!(said(&tree(&packet).0), ["arp.isprobe"]);
        packet[14..18].copy_from_slice(&[10, 0, 0, 2]);
        assert_eq!(said(&tree(&packet).0), ["arp.isgratuitous", "arp.isannouncement"]);
        packet[7] = 2;
        assert_eq!(said(&tree(&packet).0), ["arp.isgratuitous"]);
    }

    #[test]
    fn addresses_of_other_sizes() {
        let mut packet = REQUEST_PACKET[..8].to_vec();
        (packet[4], packet[5]) = (2, 3);
        packet.extend_from_slice(&[1, 1, 2, 2, 2, 3, 3, 4, 4, 4]);
        let (tree, result) = tree(&packet);
        assert_eq!(result, Ok(()));
        assert_eq!(tree.find("arp.dst.hw").next().unwrap().offset(), 13);
        assert_eq!(tree.find("arp.dst.proto").next().unwrap().length(), 3);
    }

    #[test]
    fn cut() {
        let (tree, result) = tree(&REQUEST_PACKET[..12]);
        let cut = result.unwrap_err();
        assert_eq!((cut.field, cut.at, cut.need, cut.have), ("arp.src.hw_mac", 8, 6, 4));
        assert!(tree.find("arp.opcode").next().is_some());
    }
}
