//! IEEE 802.11: frames by radio. Header, and what announces an encrypted payload.
//!
//! IEEE Std 802.11-2020 clauses 9.2.4 (fields of the header), 9.3.1 (control frames), 9.3.2 (data frames), 12.3 and 12.5
//! (headers of encrypted payloads). Management frames are in `wlan/management.rs`, the radio's own header is `radiotap.rs`.
//! Leaves out: aggregated and encrypted payload, mesh control, bitmaps of block acknowledgements: told as bytes.

mod management;

use super::{Carries, Key};
use crate::wire::{Cursor, Field, Malformed, Recorder, Value};

static FC: Field = Field::hex("wlan.fc", 4);
static FC_TYPE_SUBTYPE: Field = Field::hex("wlan.fc.type_subtype", 4);
static FC_SUBTYPE: Field = Field::new("wlan.fc.subtype");
static FC_TYPE: Field = Field::new("wlan.fc.type");
static FC_VERSION: Field = Field::new("wlan.fc.version");
static FLAGS: Field = Field::hex("wlan.flags", 2);
static FC_DS: Field = Field::new("wlan.fc.ds");
static ORDER: Field = Field::new("wlan.fc.order");
static PROTECTED: Field = Field::new("wlan.fc.protected");
static MORE_DATA: Field = Field::new("wlan.fc.moredata");
static PWRMGT: Field = Field::new("wlan.fc.pwrmgt");
static RETRY: Field = Field::new("wlan.fc.retry");
static FC_FRAG: Field = Field::new("wlan.fc.frag");
static FROMDS: Field = Field::new("wlan.fc.fromds");
static TODS: Field = Field::new("wlan.fc.tods");
static DURATION: Field = Field::new("wlan.duration");
static AID: Field = Field::new("wlan.aid");
static RA: Field = Field::new("wlan.ra");
static TA: Field = Field::new("wlan.ta");
static DA: Field = Field::new("wlan.da");
static SA: Field = Field::new("wlan.sa");
static BSSID: Field = Field::new("wlan.bssid");
static STAA: Field = Field::new("wlan.staa");
static SEQ_CONTROL: Field = Field::hex("wlan.seq_control", 4);
static FRAG: Field = Field::new("wlan.frag");
static SEQ: Field = Field::new("wlan.seq");
static BA_CONTROL: Field = Field::hex("wlan.ba.control", 4);
static BA_SSC: Field = Field::hex("wlan.fixed.ssc", 4);
static BA_SEQUENCE: Field = Field::new("wlan.fixed.ssc.sequence");
static BA_BITMAP: Field = Field::new("wlan.ba.bm");
static CONTROL_REST: Field = Field::new("wlan.control_data");
static QOS: Field = Field::hex("wlan.qos", 4);
static QOS_TID: Field = Field::new("wlan.qos.tid");
static QOS_PRIORITY: Field = Field::new("wlan.qos.priority");
static QOS_EOSP: Field = Field::new("wlan.qos.eosp");
static QOS_BIT4: Field = Field::new("wlan.qos.bit4");
static QOS_ACK: Field = Field::new("wlan.qos.ack");
static QOS_AMSDU: Field = Field::new("wlan.qos.amsdupresent");
static QOS_TXOP: Field = Field::new("wlan.qos.txop_dur_req");
static QOS_QUEUE: Field = Field::new("wlan.qos.queue_size");
static QOS_BUFFER: Field = Field::hex("wlan.qos.ps_buf_state", 2);
static HTC: Field = Field::hex("wlan.htc", 8);
static IV: Field = Field::hex("wlan.wep.iv", 6);
static KEY_HEAD: Field = Field::hex("wlan.key_header", 8);
static KEY_INDEX: Field = Field::new("wlan.wep.key");
static CCMP: Field = Field::new("wlan.ccmp.extiv");
static TKIP: Field = Field::new("wlan.tkip.extiv");
static ENCRYPTED: Field = Field::new("wlan.encrypted_data");
static AGGREGATE: Field = Field::new("wlan.amsdu_data");
static FCS: Field = Field::hex("wlan.fcs", 8);

/// Bytes of the frame check sequence.
const FCS_LENGTH: usize = 4;

/// Reads the header of a frame; what a data frame carries begins with LLC.
///
/// # Errors
/// [`Malformed`] where it is cut.
pub fn dissect<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Carries, Malformed> {
    frame(c, 0)
}

/// Reads the header of a frame that ends with its check sequence.
///
/// # Errors
/// [`Malformed`] where it is cut.
pub fn dissect_with_fcs<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Carries, Malformed> {
    let carries = frame(c, FCS_LENGTH)?;
    Ok(Carries { length: Some(c.left().saturating_sub(FCS_LENGTH)), ..carries })
}

/// The check sequence, which stands behind everything.
pub fn fcs<R: Recorder>(c: &mut Cursor<'_, '_, R>) {
    if c.left() == FCS_LENGTH {
        let _ = c.u32_le(&FCS);
    }
}

/// `behind`: bytes at the end that belong to the check sequence.
fn frame<R: Recorder>(c: &mut Cursor<'_, '_, R>, behind: usize) -> Result<Carries, Malformed> {
    let end = Carries { key: Key::End, length: None };
    if let Some(both) = c.peek_u16() {
        c.derived(&FC, || Value::Uint(both.into()));
    }
    if let Some(first) = c.peek_u8() {
        c.derived(&FC_TYPE_SUBTYPE, || Value::Uint(u64::from(first >> 2 & 3) << 4 | u64::from(first >> 4)));
    }
    let first = c.bits(1, &[(&FC_SUBTYPE, 4), (&FC_TYPE, 2), (&FC_VERSION, 2)])?;
    if let Some(flags) = c.peek_u8() {
        c.derived(&FLAGS, || Value::Uint(flags.into()));
        c.derived(&FC_DS, || Value::Uint((flags & 3).into()));
    }
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
    match (first >> 2 & 3, first >> 4) {
        (0, subtype) => {
            c.u16_le(&DURATION)?;
            addresses(c, [&RA, &TA, &BSSID], [Some(&DA), Some(&SA), None])?;
            sequence(c)?;
            if flags & 0x80 != 0 {
                c.u32_le(&HTC)?;
            }
            if flags & 0x40 != 0 {
                encrypted(c, behind)?;
                return Ok(end);
            }
            let body = c.left().saturating_sub(behind);
            c.region(body, &management::REST, |c| management::body(c, subtype))??;
            Ok(end)
        }
        (1, subtype) => control(c, subtype, behind).map(|()| end),
        (2, subtype) => data(c, subtype, flags, behind),
        // Extension frames (of 60 GHz and of sensors) have headers of other forms.
        _ => Ok(Carries { key: Key::Unknown, length: None }),
    }
}

/// Addresses as the radio uses them, and what they are besides.
fn addresses<R: Recorder, const N: usize>(
    c: &mut Cursor<'_, '_, R>,
    leaves: [&'static Field; N],
    besides: [Option<&'static Field>; N],
) -> Result<(), Malformed> {
    for (leaf, besides) in leaves.into_iter().zip(besides) {
        let mac = c.mac(leaf)?;
        if let Some(field) = besides {
            c.derived(field, || Value::Mac(mac));
        }
    }
    Ok(())
}

/// Number of the packet and of its fragment; the number's bits are not in one piece.
fn sequence<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<u16, Malformed> {
    let control = c.u16_le(&SEQ_CONTROL)?;
    c.derived(&FRAG, || Value::Uint(u64::from(control & 0xf)));
    c.derived(&SEQ, || Value::Uint(u64::from(control >> 4)));
    Ok(control)
}

fn control<R: Recorder>(c: &mut Cursor<'_, '_, R>, subtype: u64, behind: usize) -> Result<(), Malformed> {
    // A poll has the station's number in the place of the duration (clause 9.3.1.5).
    if subtype == 10 {
        if let Some(id) = c.peek().first_chunk::<2>() {
            let id = u16::from_le_bytes(*id) & 0x3fff;
            c.told(&AID, 2, || Value::Uint(id.into()));
        }
        return addresses(c, [&BSSID, &TA], [Some(&RA), None]);
    }
    c.u16_le(&DURATION)?;
    match subtype {
        8 | 9 => {
            addresses(c, [&RA, &TA], [None, None])?;
            c.u16_le(&BA_CONTROL)?;
            let start = c.u16_le(&BA_SSC)?;
            c.derived(&BA_SEQUENCE, || Value::Uint(u64::from(start >> 4)));
            if subtype == 9 {
                let bitmap = c.left().saturating_sub(behind);
                c.bytes(&BA_BITMAP, bitmap)?;
            }
        }
        11 => addresses(c, [&RA, &TA], [None, None])?,
        12 | 13 => drop(c.mac(&RA)?),
        14 | 15 => addresses(c, [&RA, &BSSID], [None, Some(&TA)])?,
        _ => {
            c.mac(&RA)?;
            let rest = c.left().saturating_sub(behind);
            c.bytes(&CONTROL_REST, rest)?;
        }
    }
    Ok(())
}

fn data<R: Recorder>(
    c: &mut Cursor<'_, '_, R>,
    subtype: u64,
    flags: u64,
    behind: usize,
) -> Result<Carries, Malformed> {
    c.u16_le(&DURATION)?;
    // Which address is what else follows from the two distribution system flags (table 9-30).
    match flags & 3 {
        0 => addresses(c, [&RA, &TA, &BSSID], [Some(&DA), Some(&SA), None])?,
        1 => addresses(c, [&RA, &TA, &DA], [Some(&BSSID), Some(&SA), None])?,
        2 => addresses(c, [&RA, &TA, &SA], [Some(&DA), Some(&BSSID), None])?,
        _ => addresses(c, [&RA, &TA, &DA], [None, None, None])?,
    }
    // The station, as the access point's other side.
    let station = match flags & 3 {
        1 => c.buffer().get(c.at() - 12..c.at() - 6),
        2 => c.buffer().get(c.at() - 18..c.at() - 12),
        _ => None,
    };
    if let Some(station) = station.and_then(|bytes| bytes.first_chunk::<6>()) {
        c.derived(&STAA, || Value::Mac(*station));
    }
    let number = sequence(c)?;
    if flags & 3 == 3 {
        c.mac(&SA)?;
    }
    let mut aggregated = false;
    if subtype & 8 != 0 {
        aggregated = quality(c, flags & 2 != 0)?;
        if flags & 0x80 != 0 {
            c.u32_le(&HTC)?;
        }
    }
    // Subtypes with this bit carry nothing.
    if subtype & 4 != 0 {
        return Ok(Carries { key: Key::End, length: None });
    }
    if flags & 0x40 != 0 {
        encrypted(c, behind)?;
        return Ok(Carries { key: Key::End, length: None });
    }
    if aggregated {
        let rest = c.left().saturating_sub(behind);
        c.bytes(&AGGREGATE, rest)?;
        return Ok(Carries { key: Key::End, length: None });
    }
    let whole = flags & 4 == 0 && number & 0xf == 0;
    Ok(Carries { key: if whole { Key::Llc } else { Key::Unknown }, length: None })
}

/// Class of traffic; what the other bits mean depends on who sends (table 9-12). Whether several packets follow in one.
fn quality<R: Recorder>(c: &mut Cursor<'_, '_, R>, from_access_point: bool) -> Result<bool, Malformed> {
    let qos = c.u16_le(&QOS)?;
    let number = |n: u16| Value::Uint(n.into());
    c.derived(&QOS_TID, || number(qos & 0xf));
    c.derived(&QOS_PRIORITY, || number(qos & 7));
    let fourth = qos & 0x10 != 0;
    c.derived(if from_access_point { &QOS_EOSP } else { &QOS_BIT4 }, || Value::Flag(fourth));
    c.derived(&QOS_ACK, || number(qos >> 5 & 3));
    c.derived(&QOS_AMSDU, || Value::Flag(qos & 0x80 != 0));
    c.derived(
        match (from_access_point, fourth) {
            (true, _) => &QOS_BUFFER,
            (false, true) => &QOS_QUEUE,
            (false, false) => &QOS_TXOP,
        },
        || number(qos >> 8),
    );
    Ok(qos & 0x80 != 0)
}

/// What stands in clear before an encrypted payload: a counter that the key is mixed with, and which key.
fn encrypted<R: Recorder>(c: &mut Cursor<'_, '_, R>, behind: usize) -> Result<(), Malformed> {
    let Some(head) = c.peek().first_chunk::<4>() else {
        return c.bytes(&KEY_HEAD, 4).map(drop);
    };
    let index = u64::from(head[3] >> 6);
    // With this bit eight bytes; their second byte tells TKIP, which keeps weak keys away by it, from CCMP (clause 12.5).
    let extended = head[3] & 0x20 != 0;
    let tkip = head[1] == (head[0] | 0x20) & 0x7f;
    if !extended {
        c.bits(3, &[(&IV, 24)])?;
        c.told(&KEY_INDEX, 1, || Value::Uint(index));
    } else if let Some(bytes) = c.peek().first_chunk::<8>() {
        let low = if tkip { [bytes[2], bytes[0]] } else { [bytes[0], bytes[1]] };
        let order = [bytes[7], bytes[6], bytes[5], bytes[4], low[1], low[0]];
        let order = if tkip { [bytes[7], bytes[6], bytes[5], bytes[4], bytes[0], bytes[2]] } else { order };
        let text = || order.iter().map(|b| format!("{b:02X}")).collect::<String>();
        c.derived(&KEY_INDEX, || Value::Uint(index));
        c.told(if tkip { &TKIP } else { &CCMP }, 8, || Value::Text(format!("0x{}", text())));
    } else {
        return c.bytes(&CCMP, 8).map(drop);
    }
    let rest = c.left().saturating_sub(behind);
    c.bytes(&ENCRYPTED, rest).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Off, Tree};

    fn header(first: u8, flags: u8) -> Vec<u8> {
        let mut bytes = vec![first, flags, 0, 0];
        bytes.extend_from_slice(&[2; 18]);
        bytes.extend_from_slice(&[0x80, 0x7d]);
        bytes
    }

    #[test]
    fn a_data_frame_with_priority() {
        let mut bytes = header(0x88, 0x01);
        bytes.extend_from_slice(&[6, 0]);
        let mut tree = Tree::default();
        let mut c = Cursor::new(&bytes, 0, bytes.len(), &mut tree);
        assert_eq!((dissect(&mut c).unwrap().key, c.left()), (Key::Llc, 0));
        assert_eq!(tree.find("wlan.seq").next().unwrap().value, Value::Uint(0x7d8));
        assert_eq!(tree.find("wlan.fc.type_subtype").next().unwrap().value, Value::Uint(0x28));
    }

    #[test]
    fn an_encrypted_frame_and_its_check_sequence() {
        let mut bytes = header(0x08, 0x41);
        bytes.extend_from_slice(&[7, 0, 0, 0x20, 1, 0, 0, 0, 0xde, 0xad, 1, 2, 3, 4]);
        let mut tree = Tree::default();
        let mut c = Cursor::new(&bytes, 0, bytes.len(), &mut tree);
        let carries = dissect_with_fcs(&mut c).unwrap();
        assert_eq!((carries.key, carries.length, c.left()), (Key::End, Some(0), 4));
        fcs(&mut c);
        let value = |name| tree.find(name).next().unwrap().value.clone();
        assert_eq!(value("wlan.ccmp.extiv"), Value::Text("0x000000010007".to_owned()));
        assert_eq!(value("wlan.fcs"), Value::Uint(0x0403_0201));
    }

    #[test]
    fn control_frames_have_short_headers() {
        for (first, length) in [(0xd4, 10), (0xc4, 10), (0xb4, 16), (0xa4, 16), (0x84, 20)] {
            let bytes = vec![first; length];
            let mut off = Off;
            let mut c = Cursor::new(&bytes, 0, length, &mut off);
            assert_eq!((dissect(&mut c).unwrap().key, c.left()), (Key::End, 0));
            assert!(dissect(&mut Cursor::new(&bytes, 0, length - 1, &mut off)).is_err());
        }
    }
}
