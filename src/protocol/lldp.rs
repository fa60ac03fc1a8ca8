//! Link layer discovery: a device tells its neighbours who it is, on which port, and what it can do.
//!
//! IEEE Std 802.1AB clauses 8.4 (TLVs), 8.5 (chassis, port, time to live, port description, system name, description,
//! capabilities, management address) and 8.6 (organisations' own, whose content is in `lldp/organisations.rs`).

mod organisations;

use super::{Carries, Key};
use crate::wire::{Cursor, Field, Malformed, Recorder, Value};

static TLV: Field = Field::new("lldp.tlv");
static TYPE: Field = Field::new("lldp.tlv.type");
static LENGTH: Field = Field::new("lldp.tlv.len");
static CHASSIS_SUBTYPE: Field = Field::new("lldp.chassis.subtype");
static CHASSIS_ID: Field = Field::new("lldp.chassis.id");
static CHASSIS_MAC: Field = Field::new("lldp.chassis.id.mac");
static CHASSIS_IP4: Field = Field::new("lldp.chassis.id.ip4");
static CHASSIS_IP6: Field = Field::new("lldp.chassis.id.ip6");
static PORT_SUBTYPE: Field = Field::new("lldp.port.subtype");
static PORT_ID: Field = Field::new("lldp.port.id");
static PORT_MAC: Field = Field::new("lldp.port.id.mac");
static PORT_IP4: Field = Field::new("lldp.port.id.ip4");
static PORT_IP6: Field = Field::new("lldp.port.id.ip6");
static ADDRESS_FAMILY: Field = Field::new("lldp.network_address.subtype");
static TTL: Field = Field::new("lldp.time_to_live");
static PORT_DESC: Field = Field::new("lldp.port.desc");
static NAME: Field = Field::new("lldp.tlv.system.name");
static DESC: Field = Field::new("lldp.tlv.system.desc");
static CAP: Field = Field::hex("lldp.tlv.system_cap", 4);
static ENABLED: Field = Field::hex("lldp.tlv.enable_system_cap", 4);
static MGN_LENGTH: Field = Field::new("lldp.mgn.address.len");
static MGN_FAMILY: Field = Field::new("lldp.mgn.address.subtype");
static MGN_IP4: Field = Field::new("lldp.mgn.addr.ip4");
static MGN_IP6: Field = Field::new("lldp.mgn.addr.ip6");
static MGN_HEX: Field = Field::new("lldp.mgn.addr.hex");
static MGN_IF_SUBTYPE: Field = Field::new("lldp.mgn.interface.subtype");
static MGN_IF: Field = Field::new("lldp.mgn.interface.number");
static MGN_OID_LENGTH: Field = Field::new("lldp.mgn.obj.len");
static MGN_OID: Field = Field::new("lldp.mgn.obj.id");
static OUI: Field = Field::hex("lldp.orgtlv.oui", 6);
static ORG_SUBTYPE: Field = Field::new("lldp.unknown_subtype");
static ORG_DATA: Field = Field::new("lldp.unknown_subtype.content");
static UNKNOWN: Field = Field::new("lldp.tlv.value");

macro_rules! capabilities {
    ($name:ident, $prefix:literal) => {
        /// The bits of the field, most significant first (802.1AB table 8-4 counts from the other end).
        static $name: [Field; 12] = [
            Field::new(concat!($prefix, ".reserved")),
            Field::new(concat!($prefix, ".tpmr")),
            Field::new(concat!($prefix, ".s_vlan")),
            Field::new(concat!($prefix, ".c_vlan")),
            Field::new(concat!($prefix, ".station_only")),
            Field::new(concat!($prefix, ".docsis_cable_device")),
            Field::new(concat!($prefix, ".telephone")),
            Field::new(concat!($prefix, ".router")),
            Field::new(concat!($prefix, ".wlan_access_pt")),
            Field::new(concat!($prefix, ".bridge")),
            Field::new(concat!($prefix, ".repeater")),
            Field::new(concat!($prefix, ".other")),
        ];
    };
}

capabilities!(HAS, "lldp.tlv.system_cap");
capabilities!(DOES, "lldp.tlv.enable_system_cap");

/// Reads TLVs up to the one that ends them.
///
/// # Errors
/// [`Malformed`] where one is cut.
pub fn dissect<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Carries, Malformed> {
    while c.left() > 0 {
        let last = c.group(&TLV, |c| {
            let head = c.bits(2, &[(&TYPE, 7), (&LENGTH, 9)])?;
            let (kind, length) = (head >> 9, (head & 0x1ff) as usize);
            // Trouble inside one TLV leaves the next readable: its bytes are told as bytes.
            let _ = c.region_as_captured(length, &UNKNOWN, |c| value(c, kind))?;
            Ok(kind == 0)
        })?;
        if last {
            break;
        }
    }
    Ok(Carries { key: Key::End, length: None })
}

fn value<R: Recorder>(c: &mut Cursor<'_, '_, R>, kind: u64) -> Result<(), Malformed> {
    match kind {
        // Subtypes are numbered differently: an address of the network is 5 of a chassis, 4 of a port (tables 8-2, 8-3).
        1 => match c.u8(&CHASSIS_SUBTYPE)? {
            4 if c.left() == 6 => drop(c.mac(&CHASSIS_MAC)?),
            5 => address(c, [&CHASSIS_IP4, &CHASSIS_IP6, &CHASSIS_ID])?,
            _ => drop(c.rest(&CHASSIS_ID)),
        },
        2 => match c.u8(&PORT_SUBTYPE)? {
            3 if c.left() == 6 => drop(c.mac(&PORT_MAC)?),
            4 => address(c, [&PORT_IP4, &PORT_IP6, &PORT_ID])?,
            _ => drop(c.text(&PORT_ID, c.left())?),
        },
        3 => drop(c.u16(&TTL)?),
        4 => drop(c.text(&PORT_DESC, c.left())?),
        5 => drop(c.text(&NAME, c.left())?),
        6 => drop(c.text(&DESC, c.left())?),
        7 => {
            capabilities(c, &CAP, &HAS)?;
            capabilities(c, &ENABLED, &DOES)?;
        }
        8 => management(c)?,
        127 => {
            let organisation = c.bits(3, &[(&OUI, 24)])?;
            organisations::dissect(c, organisation)?;
        }
        _ => drop(c.rest(&UNKNOWN)),
    }
    Ok(())
}

/// An address family (IANA) and an address of it.
fn address<R: Recorder>(
    c: &mut Cursor<'_, '_, R>,
    [ip4, ip6, other]: [&'static Field; 3],
) -> Result<(), Malformed> {
    match (c.u8(&ADDRESS_FAMILY)?, c.left()) {
        (1, 4) => drop(c.ipv4(ip4)?),
        (2, 16) => drop(c.ipv6(ip6)?),
        _ => drop(c.rest(other)),
    }
    Ok(())
}

fn capabilities<R: Recorder>(
    c: &mut Cursor<'_, '_, R>,
    whole: &'static Field,
    bits: &'static [Field; 12],
) -> Result<(), Malformed> {
    if let Some(all) = c.peek_u16() {
        c.derived(whole, || Value::Uint(all.into()));
    }
    let mut parts = bits.each_ref().map(|bit| (bit, 1));
    parts[0].1 = 5;
    c.bits(2, &parts).map(drop)
}

fn management<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    let length = usize::from(c.u8(&MGN_LENGTH)?); // of subtype and address
    let Some(length) = length.checked_sub(1) else { return Err(c.nonsense(&MGN_LENGTH)) };
    match (c.u8(&MGN_FAMILY)?, length) {
        (1, 4) => drop(c.ipv4(&MGN_IP4)?),
        (2, 16) => drop(c.ipv6(&MGN_IP6)?),
        _ => drop(c.bytes(&MGN_HEX, length)?),
    }
    c.u8(&MGN_IF_SUBTYPE)?;
    c.u32(&MGN_IF)?;
    let length = usize::from(c.u8(&MGN_OID_LENGTH)?);
    c.bytes(&MGN_OID, length).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Tree;

    #[rustfmt::skip]
    const UNIT: &[u8] = &[
        0x02, 0x07, 0x04, 0x02, 0, 0, 0, 0, 1,    // chassis: a MAC address
        0x04, 0x05, 0x05, b'e', b't', b'h', b'0', // port: a name of an interface
        0x06, 0x02, 0x00, 0x78,                   // 120 s
        0x0e, 0x04, 0x00, 0x14, 0x00, 0x10,       // bridge and router; routes
        0x10, 0x0c, 0x05, 0x01, 10, 0, 0, 1, 0x02, 0, 0, 0, 3, 0x00, // management address
        0xfe, 0x06, 0x00, 0x80, 0xc2, 0x01, 0x00, 0x01, // IEEE 802.1: port's VLAN
        0x00, 0x00,                               // end
        0xff,
    ];

    #[test]
    fn who_a_neighbour_is() {
        let mut tree = Tree::default();
        let mut c = Cursor::new(UNIT, 0, UNIT.len(), &mut tree);
        dissect(&mut c).unwrap();
        assert_eq!((c.left(), tree.find("lldp.tlv.type").count()), (1, 7));
        let value = |name| tree.find(name).next().unwrap().value.clone();
        assert_eq!(value("lldp.port.id"), Value::Text("eth0".to_owned()));
        assert_eq!(value("lldp.tlv.system_cap.bridge"), Value::Flag(true));
        assert_eq!(value("lldp.tlv.enable_system_cap.bridge"), Value::Flag(false));
        assert_eq!(value("lldp.mgn.addr.ip4"), Value::Ipv4([10, 0, 0, 1]));
        assert_eq!(value("lldp.mgn.interface.number"), Value::Uint(3));
    }

    #[test]
    fn a_cut_one_and_one_that_lies() {
        let mut tree = Tree::default();
        assert!(dissect(&mut Cursor::new(UNIT, 0, 14, &mut tree)).is_err());
        assert!(tree.find("lldp.chassis.id.mac").next().is_some());
        let mut bytes = UNIT.to_vec();
        bytes[28] = 0; // a management address shorter than its own subtype
        let mut tree = Tree::default();
        assert!(dissect(&mut Cursor::new(&bytes, 0, bytes.len(), &mut tree)).is_ok());
        assert_eq!(tree.find("lldp.tlv.value").count(), 1);
        assert!(tree.find("lldp.orgtlv.oui").next().is_some());
    }
}
