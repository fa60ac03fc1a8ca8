//! What organisations add to LLDP: VLANs (IEEE 802.1), the cable's abilities (IEEE 802.3), telephones (LLDP-MED).
//!
//! IEEE Std 802.1Q annex D.2 (port, protocol and name of VLANs, protocols, link aggregation), IEEE Std 802.3 clause 79.3 (speed, power over the
//! cable, aggregation, frame size), ANSI/TIA-1057 clause 10.2 (abilities, network policy, power, inventory). Leaves out: where a telephone stands;
//! all other organisations: their content is told as bytes.

use super::{ORG_DATA, ORG_SUBTYPE};
use crate::wire::{Cursor, Field, Malformed, Recorder};

static DOT1: Field = Field::new("lldp.ieee.802_1.subtype");
static PORT_VLAN: Field = Field::new("lldp.ieee.802_1.port_vlan.id");
static PROTO_RESERVED: Field = Field::new("lldp.ieee.802_1.port_and_vlan_id_flag.reserved");
static PROTO_SUPPORTED: Field = Field::new("lldp.ieee.802_1.port_and_vlan_id_flag.supported");
static PROTO_ENABLED: Field = Field::new("lldp.ieee.802_1.port_and_vlan_id_flag.enabled");
static PROTO_LOW: Field = Field::new("lldp.ieee.802_1.port_and_vlan_id_flag.unused");
static PROTO_VLAN: Field = Field::new("lldp.ieee.802_1.port_proto_vlan.id");
static VLAN_ID: Field = Field::new("lldp.ieee.802_1.vlan.id");
static VLAN_NAME_LENGTH: Field = Field::new("lldp.ieee.802_1.vlan.name_len");
static VLAN_NAME: Field = Field::new("lldp.ieee.802_1.vlan.name");
static PROTO_ID_LENGTH: Field = Field::new("lldp.ieee.802_1.proto.id_length");
static PROTO_ID: Field = Field::new("lldp.ieee.802_1.proto.id");

static DOT3: Field = Field::new("lldp.ieee.802_3.subtype");
static NEGOTIATION_RESERVED: Field = Field::new("lldp.ieee.802_3.mac_phy_auto_neg_status.reserved");
static NEGOTIATION_ENABLED: Field = Field::new("lldp.ieee.802_3.mac_phy_auto_neg_status.enabled");
static NEGOTIATION_SUPPORTED: Field = Field::new("lldp.ieee.802_3.mac_phy_auto_neg_status.supported");
static ADVERTISED: Field = Field::hex("lldp.ieee.802_3.pmd_auto_neg_advertised_caps", 4);
static MAU: Field = Field::new("lldp.ieee.802_3.pmd_mau_type");
static POWER_RESERVED: Field = Field::new("lldp.ieee.802_3.mdi_power_support.reserved");
static POWER_PAIRS: Field = Field::new("lldp.ieee.802_3.mdi_power_support.pse_pairs");
static POWER_ENABLED: Field = Field::new("lldp.ieee.802_3.mdi_power_support.enabled");
static POWER_SUPPORTED: Field = Field::new("lldp.ieee.802_3.mdi_power_support.supported");
static POWER_CLASS_OF_PORT: Field = Field::new("lldp.ieee.802_3.mdi_power_support.port_class");
static POWER_PAIR: Field = Field::new("lldp.ieee.802_3.mdi_pse_pair");
static POWER_CLASS: Field = Field::new("lldp.ieee.802_3.mdi_power_class");
static POWER_TYPE: Field = Field::new("lldp.ieee.802_3.mdi_power_type");
static POWER_SOURCE: Field = Field::new("lldp.ieee.802_3.mdi_power_source");
static POWER_UNUSED: Field = Field::new("lldp.ieee.802_3.mdi_power_reserved");
static POWER_PRIORITY: Field = Field::new("lldp.ieee.802_3.mdi_power_priority");
static POWER_REQUESTED: Field = Field::new("lldp.ieee.802_3.mdi_pde_requested");
static POWER_ALLOCATED: Field = Field::new("lldp.ieee.802_3.mdi_pse_allocated");
static AGGREGATION_RESERVED: Field = Field::new("lldp.aggregation_status.reserved");
static AGGREGATION: [(Field, Field); 2] = [
    (
        Field::new("lldp.ieee.802_1.aggregation_status.enabled"),
        Field::new("lldp.ieee.802_1.aggregation_status.cap"),
    ),
    (
        Field::new("lldp.ieee.802_3.aggregation_status.enabled"),
        Field::new("lldp.ieee.802_3.aggregation_status.cap"),
    ),
];
static AGGREGATED: [Field; 2] =
    [Field::new("lldp.ieee.802_1.aggregated_port_id"), Field::new("lldp.ieee.802_3.aggregated_port_id")];
static FRAME_SIZE: Field = Field::new("lldp.ieee.802_3.max_frame_size");

static MEDIA: Field = Field::new("lldp.media.subtype");
static MEDIA_RESERVED: Field = Field::new("lldp.media.subtype.caps.reserved");
static MEDIA_INVENTORY: Field = Field::new("lldp.media.subtype.caps.inventory");
static MEDIA_PD: Field = Field::new("lldp.media.subtype.caps.mid_pd");
static MEDIA_PSE: Field = Field::new("lldp.media.subtype.caps.mdi_pse");
static MEDIA_LOCATION: Field = Field::new("lldp.media.subtype.caps.location_id");
static MEDIA_POLICY: Field = Field::new("lldp.media.subtype.caps.network_policy");
static MEDIA_LLDP: Field = Field::new("lldp.media.subtype.caps.llpd");
static MEDIA_CLASS: Field = Field::new("lldp.media.subtype.class");
static APPLICATION: Field = Field::new("lldp.media.app_type");
static UNKNOWN_POLICY: Field = Field::new("lldp.media.policy_flag");
static TAGGED: Field = Field::new("lldp.media.tag_flag");
static POLICY_RESERVED: Field = Field::new("lldp.media.policy_reserved");
static POLICY_VLAN: Field = Field::new("lldp.media.vlan_id");
static PRIORITY: Field = Field::new("lldp.media.l2_prio");
static DSCP: Field = Field::new("lldp.media.dscp");
static MEDIA_POWER_TYPE: Field = Field::new("lldp.media.power.type");
static MEDIA_POWER_SOURCE: Field = Field::new("lldp.media.power.source");
static MEDIA_POWER_PRIORITY: Field = Field::new("lldp.media.power.prio");
static MEDIA_POWER_VALUE: Field = Field::new("lldp.media.power.value");
/// Statements 5 to 11.
static INVENTORY: [Field; 7] = [
    Field::new("lldp.media.hardware"),
    Field::new("lldp.media.firmware"),
    Field::new("lldp.media.software"),
    Field::new("lldp.media.sn"),
    Field::new("lldp.media.manufacturer"),
    Field::new("lldp.media.model"),
    Field::new("lldp.media.asset"),
];

/// Reads what stands behind an organisation's number.
///
/// # Errors
/// [`Malformed`] where it is cut.
pub(super) fn dissect<R: Recorder>(c: &mut Cursor<'_, '_, R>, organisation: u64) -> Result<(), Malformed> {
    match organisation {
        0x00_80c2 => dot1(c)?,
        0x00_120f => dot3(c)?,
        0x00_12bb => media(c)?,
        _ => drop(c.u8(&ORG_SUBTYPE)?),
    }
    c.rest(&ORG_DATA);
    Ok(())
}

fn dot1<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    match c.u8(&DOT1)? {
        1 => drop(c.u16(&PORT_VLAN)?),
        2 => {
            c.bits(1, &[(&PROTO_RESERVED, 5), (&PROTO_ENABLED, 1), (&PROTO_SUPPORTED, 1), (&PROTO_LOW, 1)])?;
            c.u16(&PROTO_VLAN)?;
        }
        3 => {
            c.u16(&VLAN_ID)?;
            let length = usize::from(c.u8(&VLAN_NAME_LENGTH)?);
            c.text(&VLAN_NAME, length)?;
        }
        4 => {
            let length = usize::from(c.u8(&PROTO_ID_LENGTH)?);
            c.bytes(&PROTO_ID, length)?;
        }
        7 => aggregation(c, 0)?,
        _ => {}
    }
    Ok(())
}

fn dot3<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    match c.u8(&DOT3)? {
        1 => {
            c.bits(1, &[(&NEGOTIATION_RESERVED, 6), (&NEGOTIATION_ENABLED, 1), (&NEGOTIATION_SUPPORTED, 1)])?;
            c.u16(&ADVERTISED)?;
            c.u16(&MAU)?;
        }
        2 => {
            c.bits(
                1,
                &[
                    (&POWER_RESERVED, 4),
                    (&POWER_PAIRS, 1),
                    (&POWER_ENABLED, 1),
                    (&POWER_SUPPORTED, 1),
                    (&POWER_CLASS_OF_PORT, 1),
                ],
            )?;
            c.u8(&POWER_PAIR)?;
            c.u8(&POWER_CLASS)?;
            // Added later, by 802.3at.
            if c.left() >= 5 {
                c.bits(1, &[(&POWER_TYPE, 2), (&POWER_SOURCE, 2), (&POWER_UNUSED, 2), (&POWER_PRIORITY, 2)])?;
                c.u16(&POWER_REQUESTED)?;
                c.u16(&POWER_ALLOCATED)?;
            }
        }
        3 => aggregation(c, 1)?,
        4 => drop(c.u16(&FRAME_SIZE)?),
        _ => {}
    }
    Ok(())
}

/// Which of the two organisations' numbers it has says only who described it: it moved from 802.3 to 802.1.
fn aggregation<R: Recorder>(c: &mut Cursor<'_, '_, R>, whose: usize) -> Result<(), Malformed> {
    let (enabled, able) = &AGGREGATION[whose];
    c.bits(1, &[(&AGGREGATION_RESERVED, 6), (enabled, 1), (able, 1)])?;
    c.u32(&AGGREGATED[whose]).map(drop)
}

fn media<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    match c.u8(&MEDIA)? {
        1 => {
            c.bits(
                2,
                &[
                    (&MEDIA_RESERVED, 10),
                    (&MEDIA_INVENTORY, 1),
                    (&MEDIA_PD, 1),
                    (&MEDIA_PSE, 1),
                    (&MEDIA_LOCATION, 1),
                    (&MEDIA_POLICY, 1),
                    (&MEDIA_LLDP, 1),
                ],
            )?;
            c.u8(&MEDIA_CLASS)?;
        }
        2 => {
            c.u8(&APPLICATION)?;
            c.bits(
                3,
                &[
                    (&UNKNOWN_POLICY, 1),
                    (&TAGGED, 1),
                    (&POLICY_RESERVED, 1),
                    (&POLICY_VLAN, 12),
                    (&PRIORITY, 3),
                    (&DSCP, 6),
                ],
            )?;
        }
        4 => {
            c.bits(1, &[(&MEDIA_POWER_TYPE, 2), (&MEDIA_POWER_SOURCE, 2), (&MEDIA_POWER_PRIORITY, 4)])?;
            c.u16(&MEDIA_POWER_VALUE)?;
        }
        kind @ 5..=11 => drop(c.text(&INVENTORY[usize::from(kind) - 5], c.left())?),
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Tree, Value};

    #[rustfmt::skip]
    const STATEMENTS: [(u64, &[u8], &str, Value); 10] = [
        (0x00_80c2, &[1, 0, 7], "lldp.ieee.802_1.port_vlan.id", Value::Uint(7)),
        (0x00_80c2, &[2, 6, 0, 9], "lldp.ieee.802_1.port_proto_vlan.id", Value::Uint(9)),
        (0x00_80c2, &[3, 0, 7, 0], "lldp.ieee.802_1.vlan.name_len", Value::Uint(0)), // a name of no bytes
        (0x00_120f, &[1, 3, 0x6c, 0x01, 0, 0x1e], "lldp.ieee.802_3.pmd_mau_type", Value::Uint(30)),
        (0x00_120f, &[2, 7, 1, 4, 0x12, 0, 130, 0, 120], "lldp.ieee.802_3.mdi_pse_allocated", Value::Uint(120)),
        (0x00_120f, &[3, 1, 0, 0, 0, 0], "lldp.ieee.802_3.aggregated_port_id", Value::Uint(0)),
        (0x00_120f, &[4, 0x05, 0xee], "lldp.ieee.802_3.max_frame_size", Value::Uint(1518)),
        (0x00_12bb, &[1, 0, 0x33, 3], "lldp.media.subtype.class", Value::Uint(3)),
        (0x00_12bb, &[2, 1, 0x40, 0x15, 0x6e], "lldp.media.dscp", Value::Uint(46)),
        (0x00_12bb, &[4, 0x53, 0, 65], "lldp.media.power.value", Value::Uint(65)),
    ];

    #[test]
    fn each_statement_and_each_beginning_of_one() {
        for (organisation, bytes, field, value) in STATEMENTS {
            for end in 0..=bytes.len() {
                let mut tree = Tree::default();
                let read = dissect(&mut Cursor::new(bytes, 0, end, &mut tree), organisation);
                if end == bytes.len() {
                    assert_eq!(read, Ok(()), "{field}");
                    assert_eq!(tree.find(field).next().unwrap().value, value, "{field}");
                    assert_eq!(tree.find("lldp.unknown_subtype.content").count(), 0);
                } else {
                    assert_eq!(
                        tree.find(field).filter(|n| n.bits > 0 && n.value == value).count(),
                        0,
                        "{field} {end}"
                    );
                }
            }
        }
    }
}
