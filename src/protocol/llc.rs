//! IEEE 802.2 logical link control, and its SNAP extension: what an 802.3 frame, which has a length where
//! Ethernet II has a type, says about what it carries.
//!
//! IEEE Std 802.2 clauses 3.2 (addresses), 5.4 (control field); RFC 1042 (SNAP: 0xaa 0xaa 0x03, an
//! organisation, a protocol).
//! Leaves out: LLC's own connections (type 2): their I and S frames are named, not followed. Which protocol an
//! organisation's number stands for, beyond those in the table (`protocol/mod.rs`).

use super::Key;
use crate::wire::{Cursor, Field, Malformed, Recorder, Value};

static DSAP: Field = Field::hex("llc.dsap", 2);
static DSAP_SAP: Field = Field::hex("llc.dsap.sap", 2);
static DSAP_IG: Field = Field::new("llc.dsap.ig");
static SSAP: Field = Field::hex("llc.ssap", 2);
static SSAP_SAP: Field = Field::hex("llc.ssap.sap", 2);
static SSAP_CR: Field = Field::new("llc.ssap.cr");
static CONTROL: Field = Field::hex("llc.control", 4);
static FTYPE: Field = Field::new("llc.control.ftype");
static N_R: Field = Field::new("llc.control.n_r");
static N_S: Field = Field::new("llc.control.n_s");
static POLL: Field = Field::new("llc.control.p");
static FINAL: Field = Field::new("llc.control.f");
static S_FTYPE: Field = Field::new("llc.control.s_ftype");
static U_COMMAND: Field = Field::hex("llc.control.u_modifier_cmd", 2);
static U_RESPONSE: Field = Field::hex("llc.control.u_modifier_resp", 2);
static OUI: Field = Field::hex("llc.oui", 6);
static TYPE: Field = Field::hex("llc.type", 4);
static PID: Field = Field::hex("llc.pid", 4);
static CISCO_PID: Field = Field::hex("llc.cisco_pid", 4);
static XID_FORMAT: Field = Field::hex("basicxid.llc.xid.format", 2);
static XID_TYPES: Field = Field::hex("basicxid.llc.xid.types", 2);
static XID_WINDOW: Field = Field::new("basicxid.llc.xid.wsize");

/// Service access point of SNAP.
const SAP_SNAP: u8 = 0xaa;
/// Cisco's number.
const OUI_CISCO: u64 = 0x00_000c;

/// Reads the LLC header, and SNAP's five bytes where they follow.
///
/// # Errors
/// [`Malformed`] where the header is cut.
pub fn dissect<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Key, Malformed> {
    if let Some(sap) = c.peek_u8() {
        c.derived(&DSAP, || Value::Uint(sap.into()));
    }
    let dsap = c.bits(1, &[(&DSAP_SAP, 7), (&DSAP_IG, 1)])? as u8;
    if let Some(sap) = c.peek_u8() {
        c.derived(&SSAP, || Value::Uint(sap.into()));
    }
    let ssap = c.bits(1, &[(&SSAP_SAP, 7), (&SSAP_CR, 1)])? as u8;
    // The two low bits tell the format: 3 = unnumbered, one byte; 1 = supervisory and x0 = information, two
    // bytes with sequence numbers (clause 5.4). The lowest bit 0 stands for information alone.
    let unnumbered = c.peek_u8().is_some_and(|b| b & 3 == 3);
    // LLC numbers its bits from the low one on, so the first byte is the low one.
    let control = if unnumbered { u16::from(c.u8(&CONTROL)?) } else { c.u16_le(&CONTROL)? };
    let first = control & 0xff;
    control_parts(c, control, unnumbered, ssap & 1 == 1);
    // XID (with its usual body, clause 5.4.1.1.2): which kinds of service, and how many frames may be under way.
    if unnumbered && control & 0xef == 0xaf && c.left() >= 3 && c.peek_u8() == Some(0x81) {
        c.u8(&XID_FORMAT)?;
        c.u8(&XID_TYPES)?;
        c.u8(&XID_WINDOW)?;
        return Ok(Key::End);
    }
    let carries = unnumbered && control & !0x10 == 0x03 || !unnumbered && first & 1 == 0;
    if !carries {
        return Ok(Key::Unknown);
    }
    Ok(match (dsap, ssap & 0xfe) {
        (SAP_SNAP, SAP_SNAP) => return snap(c),
        (0x06, _) => Key::EtherType(0x0800),
        (0x98, _) => Key::EtherType(0x0806),
        (sap, _) => Key::Sap(sap),
    })
}

/// What the control field says, part by part; all of them share its bytes, which are told whole.
fn control_parts<R: Recorder>(c: &mut Cursor<'_, '_, R>, control: u16, unnumbered: bool, response: bool) {
    let number = |n: u16| Value::Uint(n.into());
    let poll = if response { &FINAL } else { &POLL };
    if unnumbered {
        // Five bits, two below and three above the poll bit; Wireshark keeps the place of that bit empty.
        c.derived(if response { &U_RESPONSE } else { &U_COMMAND }, || number((control & 0xec) >> 2));
        if control & 0x10 != 0 {
            c.derived(poll, || Value::Flag(true));
        }
        c.derived(&FTYPE, || number(3));
        return;
    }
    c.derived(&N_R, || number(control >> 9));
    if control & 0x100 != 0 {
        c.derived(poll, || Value::Flag(true));
    }
    if control & 1 == 0 {
        c.derived(&N_S, || number(control >> 1 & 0x7f));
    } else {
        c.derived(&S_FTYPE, || number(control >> 2 & 3));
    }
    c.derived(&FTYPE, || number(control & 1));
}

/// RFC 1042: three bytes of organisation, two of its own numbering.
fn snap<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Key, Malformed> {
    let oui = c.bits(3, &[(&OUI, 24)])?;
    // 00-00-00: the number is an EtherType. 00-00-F8: the same, from bridges that follow 802.1H.
    if oui == 0x00_0000 || oui == 0x00_00f8 {
        return c.u16(&TYPE).map(Key::EtherType);
    }
    if oui == OUI_CISCO {
        return c.u16(&CISCO_PID).map(|pid| Key::Snap(oui as u32, pid));
    }
    let pid = c.u16(&PID)?;
    // RFC 2684 section 5.2: 0x0007 under the 802.1 committee's number is an Ethernet frame without its check.
    Ok(if oui == 0x00_80c2 && pid == 0x0007 { Key::Link(1) } else { Key::Snap(oui as u32, pid) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Off, Tree, Value};

    #[rustfmt::skip]
    const SNAP: &[u8] = &[
        0xaa,             // llc.dsap: SNAP
        0xaa,             // llc.ssap: SNAP, command
        0x03,             // llc.control: unnumbered information
        0x00, 0x00, 0x00, // llc.oui: EtherType follows
        0x08, 0x06,       // llc.type: ARP
    ];

    #[test]
    fn snap_leads_to_an_ether_type() {
        let mut tree = Tree::default();
        let mut c = Cursor::new(SNAP, 0, SNAP.len(), &mut tree);
        assert_eq!(dissect(&mut c).unwrap(), Key::EtherType(0x0806));
        assert_eq!(c.left(), 0);
        assert_eq!(tree.find("llc.dsap").next().unwrap().value, Value::Uint(0xaa));
    }

    #[test]
    fn supervisory_control_has_two_bytes() {
        let frame = [0xf0, 0xf1, 0x01, 0x14, 0xff]; // NetBIOS, response; receive ready, N(R) 10; a byte more
        assert_eq!(dissect(&mut Cursor::new(&frame, 0, 5, &mut Off)), Ok(Key::Unknown));
        let mut tree = Tree::default();
        let mut c = Cursor::new(&frame, 0, 5, &mut tree);
        dissect(&mut c).unwrap();
        assert_eq!(c.left(), 1);
        assert_eq!(tree.find("llc.control.n_r").next().unwrap().value, Value::Uint(10));
        assert!(tree.find("llc.control.f").next().is_none(), "told where it is set");
        assert_eq!(tree.find("llc.control").next().unwrap().value, Value::Uint(0x1401));
        assert_eq!(tree.find("llc.control.ftype").next().unwrap().value, Value::Uint(1));
    }

    #[test]
    fn ip_has_a_service_access_point() {
        assert_eq!(
            dissect(&mut Cursor::new(&[0x06, 0x06, 0x03], 0, 3, &mut Off)),
            Ok(Key::EtherType(0x0800))
        );
    }
}
