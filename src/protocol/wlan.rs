//! IEEE 802.11 data frames, and the radiotap header that capture drivers put before them.
//!
//! IEEE Std 802.11-2020 clauses 9.2.4 (fields of the header) and 9.3.2 (data frames); radiotap.org.
//! Leaves out: management and control frames beyond their first fields, aggregated and encrypted payload (data), the
//! frame check sequence (trailer), and what radiotap tells of the radio (bytes).

use super::{Carries, Key};
use crate::wire::{Cursor, Field, Malformed, Recorder, Value};

static FC_SUBTYPE: Field = Field::new("wlan.fc.subtype");
static FC_TYPE: Field = Field::new("wlan.fc.type");
static FC_VERSION: Field = Field::new("wlan.fc.version");
static ORDER: Field = Field::new("wlan.fc.order");
static PROTECTED: Field = Field::new("wlan.fc.protected");
static MORE_DATA: Field = Field::new("wlan.fc.moredata");
static PWRMGT: Field = Field::new("wlan.fc.pwrmgt");
static RETRY: Field = Field::new("wlan.fc.retry");
static FC_FRAG: Field = Field::new("wlan.fc.frag");
static FROMDS: Field = Field::new("wlan.fc.fromds");
static TODS: Field = Field::new("wlan.fc.tods");
static DURATION: Field = Field::new("wlan.duration");
static RA: Field = Field::new("wlan.ra");
static TA: Field = Field::new("wlan.ta");
static DA: Field = Field::new("wlan.da");
static SA: Field = Field::new("wlan.sa");
static BSSID: Field = Field::new("wlan.bssid");
static SEQ_CONTROL: Field = Field::hex("wlan.seq_control", 4);
static FRAG: Field = Field::new("wlan.frag");
static SEQ: Field = Field::new("wlan.seq");
static QOS: Field = Field::hex("wlan.qos", 4);
static HTC: Field = Field::hex("wlan.htc", 8);

static RT_VERSION: Field = Field::new("radiotap.version");
static RT_PAD: Field = Field::new("radiotap.pad");
static RT_LENGTH: Field = Field::new("radiotap.length");
static RT_DATA: Field = Field::new("radiotap.data");

/// Reads the header of a frame; what a data frame carries begins with LLC.
///
/// # Errors
/// [`Malformed`] where it is cut.
pub fn dissect<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Carries, Malformed> {
    let first = c.bits(1, &[(&FC_SUBTYPE, 4), (&FC_TYPE, 2), (&FC_VERSION, 2)])?;
    let parts = [
        (&ORDER, 1),
        (&PROTECTED, 1),
        (&MORE_DATA, 1),
        (&PWRMGT, 1),
        (&RETRY, 1),
        (&FC_FRAG, 1),
        (&FROMDS, 1),
        (&TODS, 1),
    ];
    let flags = c.bits(1, &parts)?;
    c.u16_le(&DURATION)?;
    c.mac(&RA)?;
    let (kind, subtype) = (first >> 2 & 3, first >> 4);
    if kind != 2 {
        return Ok(Carries { key: Key::Unknown, length: None });
    }
    c.mac(&TA)?;
    // Which address the third is follows from the two distribution system flags (table 9-30).
    c.mac(match flags & 3 {
        0 => &BSSID,
        2 => &SA,
        _ => &DA,
    })?;
    let control = c.u16_le(&SEQ_CONTROL)?;
    c.derived(&FRAG, || Value::Uint(u64::from(control & 0xf)));
    c.derived(&SEQ, || Value::Uint(u64::from(control >> 4)));
    if flags & 3 == 3 {
        c.mac(&SA)?;
    }
    let mut aggregated = false;
    if subtype & 8 != 0 {
        aggregated = c.u16_le(&QOS)? & 0x80 != 0;
        if flags & 0x80 != 0 {
            c.u32_le(&HTC)?;
        }
    }
    // Subtypes with this bit carry nothing; fragments, encrypted and aggregated payloads are not taken apart.
    let plain = subtype & 4 == 0 && flags & 0x44 == 0 && control & 0xf == 0 && !aggregated;
    Ok(Carries { key: if plain { Key::Llc } else { Key::Unknown }, length: None })
}

/// Reads the radiotap header, which gives its own length; a frame follows.
///
/// # Errors
/// [`Malformed`] where it is cut or its length makes no sense.
pub fn dissect_radiotap<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Carries, Malformed> {
    c.u8(&RT_VERSION)?;
    c.u8(&RT_PAD)?;
    let length = usize::from(c.u16_le(&RT_LENGTH)?);
    let Some(rest) = length.checked_sub(4) else { return Err(c.nonsense(&RT_LENGTH)) };
    c.bytes(&RT_DATA, rest)?;
    Ok(Carries { key: Key::Link(105), length: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Off;

    #[test]
    fn a_data_frame_with_priority() {
        let mut bytes = vec![0x88, 0x01, 0, 0];
        bytes.extend_from_slice(&[2; 18]);
        bytes.extend_from_slice(&[0x80, 0x7d, 6, 0]);
        let mut off = Off;
        let mut c = Cursor::new(&bytes, 0, bytes.len(), &mut off);
        assert_eq!((dissect(&mut c).unwrap().key, c.left()), (Key::Llc, 0));
    }

    #[test]
    fn radiotap_says_how_long_it_is() {
        let bytes = [0, 0, 8, 0, 0, 0, 0, 0, 0x88];
        let mut off = Off;
        let mut c = Cursor::new(&bytes, 0, 9, &mut off);
        assert_eq!((dissect_radiotap(&mut c).unwrap().key, c.left()), (Key::Link(105), 1));
    }
}
