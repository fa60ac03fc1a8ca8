//! Management frames of IEEE 802.11: how a station finds a network, joins and leaves it.
//!
//! IEEE Std 802.11-2020 clauses 9.3.3 (which frame has what), 9.4.1 (fixed fields), 9.4.2 (elements).
//! Leaves out: most elements (rates of 802.11n and later, measurements, mesh): told as number, length, bytes.

use crate::wire::{Cursor, Field, Malformed, Recorder, Value};

static TIMESTAMP: Field = Field::new("wlan.fixed.timestamp");
static INTERVAL: Field = Field::new("wlan.fixed.beacon");
static LISTEN: Field = Field::new("wlan.fixed.listen_ival");
static CURRENT_AP: Field = Field::new("wlan.fixed.current_ap");
static STATUS: Field = Field::new("wlan.fixed.status_code");
static REASON: Field = Field::new("wlan.fixed.reason_code");
static AID: Field = Field::hex("wlan.fixed.aid", 4);
static AUTH_ALG: Field = Field::new("wlan.fixed.auth.alg");
static AUTH_SEQ: Field = Field::new("wlan.fixed.auth_seq");
static CATEGORY: Field = Field::new("wlan.fixed.category_code");
static ACTION: Field = Field::new("wlan.fixed.action_data");
/// What a body has that its frame does not use.
pub static REST: Field = Field::new("wlan.body_rest");

static CAPABILITIES: Field = Field::hex("wlan.fixed.capabilities", 4);
/// The first byte's bits, then the second's, each most significant first.
static CAPABILITY: [Field; 16] = [
    Field::new("wlan.fixed.capabilities.reserved4"),
    Field::new("wlan.fixed.capabilities.reserved3"),
    Field::new("wlan.fixed.capabilities.short_preamble"),
    Field::new("wlan.fixed.capabilities.privacy"),
    Field::new("wlan.fixed.capabilities.reserved2"),
    Field::new("wlan.fixed.capabilities.reserved1"),
    Field::new("wlan.fixed.capabilities.ibss"),
    Field::new("wlan.fixed.capabilities.ess"),
    Field::new("wlan.fixed.capabilities.reserved6"),
    Field::new("wlan.fixed.capabilities.reserved5"),
    Field::new("wlan.fixed.capabilities.epd"),
    Field::new("wlan.fixed.capabilities.radio_measurement"),
    Field::new("wlan.fixed.capabilities.apsd"),
    Field::new("wlan.fixed.capabilities.short_slot_time"),
    Field::new("wlan.fixed.capabilities.qos"),
    Field::new("wlan.fixed.capabilities.spec_man"),
];

static TAG: Field = Field::new("wlan.tag");
static TAG_NUMBER: Field = Field::new("wlan.tag.number");
static TAG_LENGTH: Field = Field::new("wlan.tag.length");
static TAG_DATA: Field = Field::new("wlan.tag.data");
static SSID: Field = Field::new("wlan.ssid");
static RATES: Field = Field::hex("wlan.supported_rates", 2);
static MORE_RATES: Field = Field::hex("wlan.extended_supported_rates", 2);
static CHANNEL: Field = Field::new("wlan.ds.current_channel");
static DTIM_COUNT: Field = Field::new("wlan.tim.dtim_count");
static DTIM_PERIOD: Field = Field::new("wlan.tim.dtim_period");
static BITMAP_CONTROL: Field = Field::hex("wlan.tim.bmapctl", 2);
static BITMAP_OFFSET: Field = Field::new("wlan.tim.bmapctl.offset");
static BITMAP_MULTICAST: Field = Field::new("wlan.tim.bmapctl.multicast");
static BITMAP: Field = Field::new("wlan.tim.partial_virtual_bitmap");
static COUNTRY: Field = Field::new("wlan.country_info.code");
static ENVIRONMENT: Field = Field::hex("wlan.country_info.environment", 2);
static FIRST_CHANNEL: Field = Field::new("wlan.country_info.fnm.fcn");
static CHANNELS: Field = Field::new("wlan.country_info.fnm.nc");
static POWER: Field = Field::new("wlan.country_info.fnm.mtpl");
static COUNTRY_PADDING: Field = Field::new("wlan.country_info.padding");
static RSN_VERSION: Field = Field::new("wlan.rsn.version");
static GROUP_OUI: Field = Field::hex("wlan.rsn.gcs.oui", 6);
static GROUP_TYPE: Field = Field::new("wlan.rsn.gcs.type");
static PAIRWISE_COUNT: Field = Field::new("wlan.rsn.pcs.count");
static PAIRWISE_OUI: Field = Field::hex("wlan.rsn.pcs.oui", 6);
static PAIRWISE_TYPE: Field = Field::new("wlan.rsn.pcs.type");
static AKM_COUNT: Field = Field::new("wlan.rsn.akms.count");
static AKM_OUI: Field = Field::hex("wlan.rsn.akms.oui", 6);
static AKM_TYPE: Field = Field::new("wlan.rsn.akms.type");
static RSN_CAPABILITIES: Field = Field::hex("wlan.rsn.capabilities", 4);
static PMKID_COUNT: Field = Field::new("wlan.rsn.pmkid.count");
static PMKID: Field = Field::new("wlan.rsn.pmkid");
static GROUP_MANAGEMENT_OUI: Field = Field::hex("wlan.rsn.gmcs.oui", 6);
static GROUP_MANAGEMENT_TYPE: Field = Field::new("wlan.rsn.gmcs.type");
static VENDOR: Field = Field::hex("wlan.tag.oui", 6);
static VENDOR_TYPE: Field = Field::new("wlan.tag.vendor.oui.type");
static VENDOR_DATA: Field = Field::new("wlan.tag.vendor.data");

/// Reads the body of a management frame.
///
/// # Errors
/// [`Malformed`] where it is cut.
pub fn body<R: Recorder>(c: &mut Cursor<'_, '_, R>, subtype: u64) -> Result<(), Malformed> {
    match subtype {
        0 | 2 => {
            capabilities(c)?;
            c.u16_le(&LISTEN)?;
            if subtype == 2 {
                c.mac(&CURRENT_AP)?;
            }
        }
        1 | 3 => {
            capabilities(c)?;
            c.u16_le(&STATUS)?;
            c.u16_le(&AID)?;
        }
        4 => {}
        5 | 8 => {
            match c.peek().first_chunk::<8>() {
                Some(bytes) => c.told(&TIMESTAMP, 8, || Value::Uint(u64::from_le_bytes(*bytes))),
                None => drop(c.bytes(&TIMESTAMP, 8)?),
            }
            c.u16_le(&INTERVAL)?;
            capabilities(c)?;
        }
        10 | 12 => drop(c.u16_le(&REASON)?),
        11 => {
            c.u16_le(&AUTH_ALG)?;
            c.u16_le(&AUTH_SEQ)?;
            c.u16_le(&STATUS)?;
        }
        13 | 14 => {
            c.u8(&CATEGORY)?;
            c.rest(&ACTION);
        }
        _ => drop(c.rest(&REST)),
    }
    while c.left() > 0 {
        c.group(&TAG, element)?;
    }
    Ok(())
}

fn capabilities<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    if let Some(both) = c.peek().first_chunk::<2>() {
        c.derived(&CAPABILITIES, || Value::Uint(u16::from_le_bytes(*both).into()));
    }
    let parts = CAPABILITY.each_ref().map(|bit| (bit, 1));
    c.bits(1, &parts[..8])?;
    c.bits(1, &parts[8..]).map(drop)
}

fn element<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    let number = c.u8(&TAG_NUMBER)?;
    let length = usize::from(c.u8(&TAG_LENGTH)?);
    // Trouble inside one element leaves the next readable.
    let _ = c.region_as_captured(length, &TAG_DATA, |c| {
        match number {
            0 => drop(c.text(&SSID, c.left())?),
            1 | 50 => {
                while c.left() > 0 {
                    c.u8(if number == 1 { &RATES } else { &MORE_RATES })?;
                }
            }
            3 => drop(c.u8(&CHANNEL)?),
            5 => {
                c.u8(&DTIM_COUNT)?;
                c.u8(&DTIM_PERIOD)?;
                if let Some(control) = c.peek_u8() {
                    c.derived(&BITMAP_CONTROL, || Value::Uint(control.into()));
                }
                c.bits(1, &[(&BITMAP_OFFSET, 7), (&BITMAP_MULTICAST, 1)])?;
                c.rest(&BITMAP);
            }
            7 => country(c)?,
            48 => security(c)?,
            221 => {
                c.bits(3, &[(&VENDOR, 24)])?;
                c.u8(&VENDOR_TYPE)?;
                c.rest(&VENDOR_DATA);
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok(())
}

/// Which channels may be used in a country, and how loud (clause 9.4.2.8).
fn country<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    c.text(&COUNTRY, 2)?;
    c.u8(&ENVIRONMENT)?;
    while c.left() >= 3 {
        c.u8(&FIRST_CHANNEL)?;
        c.u8(&CHANNELS)?;
        c.u8(&POWER)?;
    }
    c.rest(&COUNTRY_PADDING);
    Ok(())
}

/// How the network is encrypted (clause 9.4.2.24): each part may be the last.
fn security<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    c.u16_le(&RSN_VERSION)?;
    if c.left() > 0 {
        suite(c, &GROUP_OUI, &GROUP_TYPE)?;
    }
    let lists = [(&PAIRWISE_COUNT, &PAIRWISE_OUI, &PAIRWISE_TYPE), (&AKM_COUNT, &AKM_OUI, &AKM_TYPE)];
    for (count, organisation, kind) in lists {
        if c.left() > 0 {
            for _ in 0..c.u16_le(count)? {
                suite(c, organisation, kind)?;
            }
        }
    }
    if c.left() > 0 {
        c.u16_le(&RSN_CAPABILITIES)?;
    }
    if c.left() > 0 {
        for _ in 0..c.u16_le(&PMKID_COUNT)? {
            c.bytes(&PMKID, 16)?;
        }
    }
    if c.left() > 0 {
        suite(c, &GROUP_MANAGEMENT_OUI, &GROUP_MANAGEMENT_TYPE)?;
    }
    Ok(())
}

/// An algorithm: who defined it, and its number there.
fn suite<R: Recorder>(
    c: &mut Cursor<'_, '_, R>,
    organisation: &'static Field,
    kind: &'static Field,
) -> Result<(), Malformed> {
    c.bits(3, &[(organisation, 24)])?;
    c.u8(kind).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Tree;

    #[rustfmt::skip]
    const BEACON: &[u8] = &[
        1, 0, 0, 0, 0, 0, 0, 0,       // wlan.fixed.timestamp
        0x64, 0x00, 0x11, 0x04,       // every 100 units; a network with encryption, short slots
        0, 3, b'l', b'a', b'b',       // wlan.ssid
        1, 2, 0x82, 0x0c,             // 1 and 6 Mbit/s
        3, 1, 11,                     // channel 11
        5, 4, 0, 2, 0x01, 0x00,       // traffic indication
        48, 20, 1, 0, 0, 0x0f, 0xac, 4, 1, 0, 0, 0x0f, 0xac, 4, 1, 0, 0, 0x0f, 0xac, 2, 0, 0, // WPA2
        221, 4, 0x00, 0x50, 0xf2, 2,  // a vendor's
    ];

    #[test]
    fn a_beacon() {
        let mut tree = Tree::default();
        let mut c = Cursor::new(BEACON, 0, BEACON.len(), &mut tree);
        body(&mut c, 8).unwrap();
        assert_eq!(c.left(), 0);
        let value = |name| tree.find(name).next().unwrap().value.clone();
        assert_eq!(value("wlan.ssid"), Value::Text("lab".to_owned()));
        assert_eq!(value("wlan.fixed.capabilities.privacy"), Value::Flag(true));
        assert_eq!(value("wlan.rsn.akms.type"), Value::Uint(2));
        assert_eq!(value("wlan.tim.bmapctl.multicast"), Value::Flag(true));
    }

    #[test]
    fn a_cut_one_and_one_that_lies() {
        let mut tree = Tree::default();
        assert!(body(&mut Cursor::new(BEACON, 0, 40, &mut tree), 8).is_err());
        assert!(tree.find("wlan.ds.current_channel").next().is_some());
        let mut bytes = BEACON.to_vec();
        bytes[38] = 0xff; // more pairwise suites than the element holds
        bytes[39] = 0xff;
        let mut tree = Tree::default();
        body(&mut Cursor::new(&bytes, 0, bytes.len(), &mut tree), 8).unwrap();
        assert!(tree.find("wlan.tag.oui").next().is_some());
    }
}
