//! IEEE 802.2 logical link control, and its SNAP extension: what an 802.3 frame, which has a length where
//! Ethernet II has a type, says about what it carries.
//!
//! IEEE Std 802.2 clauses 3.2 (addresses), 5.4 (control field); RFC 1042 (SNAP: 0xaa 0xaa 0x03, an
//! organisation, a protocol).
//! Leaves out: LLC's own connections (type 2): their I and S frames are named, not followed. Protocols of
//! organisations other than 00-00-00 (whose numbers are EtherTypes) and 00-80-C2 (bridged frames).

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
static OUI: Field = Field::hex("llc.oui", 6);
static TYPE: Field = Field::hex("llc.type", 4);
static PID: Field = Field::hex("llc.pid", 4);

/// Service access point of SNAP.
const SAP_SNAP: u8 = 0xaa;

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
    c.derived(&FTYPE, || Value::Uint(if first & 1 == 0 { 0 } else { u64::from(first & 3) }));
    let carries = unnumbered && control & !0x10 == 0x03 || !unnumbered && first & 1 == 0;
    if !carries {
        return Ok(Key::Unknown);
    }
    Ok(match (dsap, ssap & 0xfe) {
        (SAP_SNAP, SAP_SNAP) => return snap(c),
        (0x06, _) => Key::EtherType(0x0800),
        (0x98, _) => Key::EtherType(0x0806),
        _ => Key::Unknown,
    })
}

/// RFC 1042: three bytes of organisation, two of its own numbering.
fn snap<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Key, Malformed> {
    let oui = c.bits(3, &[(&OUI, 24)])?;
    // 00-00-00: the number is an EtherType. 00-00-F8: the same, from bridges that follow 802.1H.
    if oui == 0x00_0000 || oui == 0x00_00f8 {
        return c.u16(&TYPE).map(Key::EtherType);
    }
    let pid = c.u16(&PID)?;
    // RFC 2684 section 5.2: 0x0007 under the 802.1 committee's number is an Ethernet frame without its check.
    Ok(if oui == 0x00_80c2 && pid == 0x0007 { Key::Link(1) } else { Key::Unknown })
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
