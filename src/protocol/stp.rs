//! Spanning tree: how bridges agree which links to leave unused, so that frames do not circle for ever.
//!
//! IEEE Std 802.1D-2004 clause 9 (configuration, topology change and RST BPDUs), IEEE Std 802.1Q clause 14 (MST BPDUs).
//! Over SNAP with Cisco's number, one tree a VLAN (PVST+), which a TLV behind the BPDU names.
//! Leaves out: shortest path trees (version 4): what they add is told as bytes.

use super::{Carries, Key};
use crate::wire::{Cursor, Field, Malformed, Recorder, Value};

static PROTOCOL: Field = Field::hex("stp.protocol", 4);
static VERSION: Field = Field::new("stp.version");
static TYPE: Field = Field::hex("stp.type", 2);
static FLAGS: Field = Field::hex("stp.flags", 2);
static TCACK: Field = Field::new("stp.flags.tcack");
static AGREEMENT: Field = Field::new("stp.flags.agreement");
static FORWARDING: Field = Field::new("stp.flags.forwarding");
static LEARNING: Field = Field::new("stp.flags.learning");
static PORT_ROLE: Field = Field::new("stp.flags.port_role");
static PROPOSAL: Field = Field::new("stp.flags.proposal");
static TC: Field = Field::new("stp.flags.tc");
static FLAGS_RESERVED: Field = Field::new("stp.flags.reserved");
static ROOT_PRIO: Field = Field::new("stp.root.prio");
static ROOT_EXT: Field = Field::new("stp.root.ext");
static ROOT_HW: Field = Field::new("stp.root.hw");
static ROOT_COST: Field = Field::new("stp.root.cost");
static BRIDGE_PRIO: Field = Field::new("stp.bridge.prio");
static BRIDGE_EXT: Field = Field::new("stp.bridge.ext");
static BRIDGE_HW: Field = Field::new("stp.bridge.hw");
static PORT: Field = Field::hex("stp.port", 4);
static MSG_AGE: Field = Field::new("stp.msg_age");
static MAX_AGE: Field = Field::new("stp.max_age");
static HELLO: Field = Field::new("stp.hello");
static FORWARD: Field = Field::new("stp.forward");
static VERSION_1_LENGTH: Field = Field::new("stp.version_1_length");
static PVST_TYPE: Field = Field::hex("stp.pvst.tlvtype", 4);
static PVST_LENGTH: Field = Field::new("stp.pvst.tlvlen");
static PVST_VLAN: Field = Field::new("stp.pvst.origvlan");
static PVST_VALUE: Field = Field::new("stp.pvst.tlvval");

static VERSION_3_LENGTH: Field = Field::new("mstp.version_3_length");
static SELECTOR: Field = Field::new("mstp.config_format_selector");
static NAME: Field = Field::new("mstp.config_name");
static REVISION: Field = Field::new("mstp.config_revision_level");
static DIGEST: Field = Field::new("mstp.config_digest");
static INTERNAL_COST: Field = Field::new("mstp.cist_internal_root_path_cost");
static CIST_PRIO: Field = Field::new("mstp.cist_bridge.prio");
static CIST_EXT: Field = Field::new("mstp.cist_bridge.ext");
static CIST_HW: Field = Field::new("mstp.cist_bridge.hw");
static CIST_HOPS: Field = Field::new("mstp.cist_remaining_hops");
static MSTI: Field = Field::new("mstp.msti");
static MSTI_FLAGS: Field = Field::hex("mstp.msti.flags", 2);
static MSTI_PRIO: Field = Field::new("mstp.msti.priority");
static MSTI_ID: Field = Field::new("mstp.msti.msti_id");
static MSTI_ROOT: Field = Field::new("mstp.msti.root.hw");
static MSTI_COST: Field = Field::new("mstp.msti.root_cost");
static MSTI_BRIDGE_PRIO: Field = Field::new("mstp.msti.bridge_priority");
static MSTI_PORT_PRIO: Field = Field::new("mstp.msti.port_priority");
static MSTI_HOPS: Field = Field::new("mstp.msti.remaining_hops");
static MSTI_REST: Field = Field::new("mstp.msti.unreadable");

/// Type of a topology change notification.
pub const NOTIFICATION: u8 = 0x80;

/// What a BPDU says, as far as the one who follows the tree needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bpdu {
    /// 0 configuration, 2 rapid or multiple trees, [`NOTIFICATION`].
    pub kind: u8,
    /// Flags as sent.
    pub flags: u8,
    /// The bridge that the sender takes for the root: priority with extension, address. Zero in a notification.
    pub root: (u16, [u8; 6]),
    /// Cost of the sender's way to it.
    pub cost: u32,
    /// The sender.
    pub bridge: (u16, [u8; 6]),
    /// The sender's port.
    pub port: u16,
}

/// Reads a BPDU to its end; for the table of protocols.
///
/// # Errors
/// [`Malformed`] where it is cut.
pub fn dissect_carrier<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Carries, Malformed> {
    dissect(c).map(|_| Carries { key: Key::End, length: None })
}

/// Reads a BPDU to its end.
///
/// # Errors
/// [`Malformed`] where it is cut.
pub fn dissect<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Bpdu, Malformed> {
    c.u16(&PROTOCOL)?;
    let version = c.u8(&VERSION)?;
    let kind = c.u8(&TYPE)?;
    let mut bpdu = Bpdu { kind, flags: 0, root: (0, [0; 6]), cost: 0, bridge: (0, [0; 6]), port: 0 };
    if kind == NOTIFICATION {
        return Ok(bpdu);
    }
    bpdu.flags = flags(c, &FLAGS, kind)?;
    bpdu.root = bridge(c, [&ROOT_PRIO, &ROOT_EXT, &ROOT_HW])?;
    bpdu.cost = c.u32(&ROOT_COST)?;
    bpdu.bridge = bridge(c, [&BRIDGE_PRIO, &BRIDGE_EXT, &BRIDGE_HW])?;
    bpdu.port = c.u16(&PORT)?;
    for field in [&MSG_AGE, &MAX_AGE, &HELLO, &FORWARD] {
        seconds(c, field)?;
    }
    if kind == 2 {
        c.u8(&VERSION_1_LENGTH)?;
        if version >= 3 && c.left() > 2 {
            multiple(c)?;
        }
    }
    Ok(bpdu)
}

/// Reads a BPDU of one VLAN's tree, and the TLV behind it that says which VLAN's.
///
/// # Errors
/// [`Malformed`] where it is cut.
pub fn dissect_pvst<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Carries, Malformed> {
    dissect(c)?;
    // A configuration BPDU of 35 bytes is followed by one byte of filling.
    while c.left() >= 4 {
        let (kind, length) = (c.u16(&PVST_TYPE)?, usize::from(c.u16(&PVST_LENGTH)?));
        if kind == 0 && length == 2 {
            c.u16(&PVST_VLAN)?;
        } else {
            c.bytes(&PVST_VALUE, length)?;
        }
    }
    Ok(Carries { key: Key::End, length: None })
}

/// One byte; a configuration BPDU knows the first and the last bit only (802.1D clause 9.3.1 and 9.3.3).
fn flags<R: Recorder>(c: &mut Cursor<'_, '_, R>, whole: &'static Field, kind: u8) -> Result<u8, Malformed> {
    if let Some(flags) = c.peek_u8() {
        c.derived(whole, || Value::Uint(flags.into()));
    }
    let rapid = [
        (&TCACK, 1),
        (&AGREEMENT, 1),
        (&FORWARDING, 1),
        (&LEARNING, 1),
        (&PORT_ROLE, 2),
        (&PROPOSAL, 1),
        (&TC, 1),
    ];
    let old = [(&TCACK, 1), (&FLAGS_RESERVED, 6), (&TC, 1)];
    c.bits(1, if kind == 2 { &rapid } else { &old }).map(|flags| flags as u8)
}

/// Priority in steps of 4096, 12 bits that number the tree (its VLAN), an address (802.1D clause 9.2.5).
fn bridge<R: Recorder>(
    c: &mut Cursor<'_, '_, R>,
    [priority, extension, address]: [&'static Field; 3],
) -> Result<(u16, [u8; 6]), Malformed> {
    let parts = [(priority, 4), (extension, 12)];
    let number = c.bits_told(2, &parts, |i, n| if i == 0 { n << 12 } else { n })? as u16;
    Ok((number, c.mac(address)?))
}

/// Times are counted in 1/256 s (802.1D clause 9.2.8) and told in seconds.
fn seconds<R: Recorder>(c: &mut Cursor<'_, '_, R>, field: &'static Field) -> Result<(), Malformed> {
    match c.peek_u16() {
        Some(ticks) => c.told(field, 2, || {
            let text = || format!("{}", f64::from(ticks) / 256.0);
            if ticks % 256 == 0 { Value::Uint(u64::from(ticks / 256)) } else { Value::Text(text()) }
        }),
        None => drop(c.u16(field)?),
    }
    Ok(())
}

/// What a bridge with several trees adds (802.1Q clause 14.4): its region, then 16 bytes a tree.
fn multiple<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    let length = usize::from(c.u16(&VERSION_3_LENGTH)?);
    if length == 0 {
        return Ok(());
    }
    c.region_as_captured(length, &MSTI_REST, |c| {
        c.u8(&SELECTOR)?;
        let name = c.peek();
        let name = &name[..name.len().min(32)];
        if name.len() < 32 {
            c.bytes(&NAME, 32)?;
        }
        let text = name.split(|b| *b == 0).next().unwrap_or_default();
        c.told(&NAME, 32, || Value::Text(String::from_utf8_lossy(text).into_owned()));
        c.u16(&REVISION)?;
        c.bytes(&DIGEST, 16)?;
        c.u32(&INTERNAL_COST)?;
        bridge(c, [&CIST_PRIO, &CIST_EXT, &CIST_HW])?;
        c.u8(&CIST_HOPS)?;
        while c.left() >= 16 {
            c.group(&MSTI, |c| {
                flags(c, &MSTI_FLAGS, 2)?;
                bridge(c, [&MSTI_PRIO, &MSTI_ID, &MSTI_ROOT])?;
                c.u32(&MSTI_COST)?;
                c.u8(&MSTI_BRIDGE_PRIO)?;
                c.u8(&MSTI_PORT_PRIO)?;
                c.u8(&MSTI_HOPS)
            })?;
        }
        Ok(())
    })?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Tree;

    #[rustfmt::skip]
    const RAPID: &[u8] = &[
        0x00, 0x00, 0x02, 0x02,                         // protocol 0, version 2, type 2
        0x3c,                                           // stp.flags: forwarding, learning, designated port
        0x80, 0x01, 0x02, 0x00, 0x00, 0x00, 0x00, 0x01, // root: 32768, 1
        0x00, 0x00, 0x00, 0x04,                         // stp.root.cost
        0x80, 0x01, 0x02, 0x00, 0x00, 0x00, 0x00, 0x02, // bridge
        0x80, 0x02,                                     // stp.port
        0x01, 0x00, 0x14, 0x00, 0x02, 0x00, 0x0f, 0x80, // 1 s, 20 s, 2 s, 15.5 s
        0x00,                                           // stp.version_1_length
    ];

    #[test]
    fn a_rapid_bpdu() {
        let mut tree = Tree::default();
        let mut c = Cursor::new(RAPID, 0, RAPID.len(), &mut tree);
        let bpdu = dissect(&mut c).unwrap();
        assert_eq!((bpdu.root, bpdu.cost, c.left()), ((0x8001, [2, 0, 0, 0, 0, 1]), 4, 0));
        let value = |name| tree.find(name).next().unwrap().value.clone();
        assert_eq!(value("stp.root.prio"), Value::Uint(32768));
        assert_eq!(value("stp.flags.port_role"), Value::Uint(3));
        assert_eq!(value("stp.max_age"), Value::Uint(20));
        assert_eq!(value("stp.forward"), Value::Text("15.5".to_owned()));
    }

    #[test]
    fn a_cut_one_keeps_what_came_before() {
        let mut tree = Tree::default();
        let cut = dissect(&mut Cursor::new(RAPID, 0, 18, &mut tree)).unwrap_err();
        assert_eq!(cut.field, "stp.bridge.prio");
        assert!(tree.find("stp.root.cost").next().is_some());
    }

    #[test]
    fn trees_of_a_region_end_where_their_length_says() {
        let mut bytes = RAPID.to_vec();
        bytes[2] = 3;
        bytes.extend_from_slice(&[0, 80]);
        bytes.extend_from_slice(&[0; 64 + 16]);
        let mut tree = Tree::default();
        let mut c = Cursor::new(&bytes, 0, bytes.len(), &mut tree);
        dissect(&mut c).unwrap();
        assert_eq!((c.left(), tree.find("mstp.msti.root_cost").count()), (0, 1));
        // A length beyond the packet: told as far as it goes.
        bytes[36] = 0xff;
        let mut tree = Tree::default();
        assert!(dissect(&mut Cursor::new(&bytes, 0, bytes.len(), &mut tree)).is_err());
        assert_eq!(tree.find("mstp.msti.root_cost").count(), 1);
    }

    #[test]
    fn a_vlan_behind_the_bpdu() {
        let mut bytes = RAPID.to_vec();
        bytes.extend_from_slice(&[0, 0, 0, 2, 0, 10]);
        let mut tree = Tree::default();
        dissect_pvst(&mut Cursor::new(&bytes, 0, bytes.len(), &mut tree)).unwrap();
        assert_eq!(tree.find("stp.pvst.origvlan").next().unwrap().value, Value::Uint(10));
    }
}
