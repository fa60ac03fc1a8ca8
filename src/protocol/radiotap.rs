//! Radiotap: what a capturing driver tells of the radio. It was never sent.
//!
//! radiotap.org: words that say which fields are present, then the fields in the order of their bits, each at a place that
//! its size divides, counted from the header's beginning; numbers are little-endian.
//! Leaves out: fields of vendors, and those of 802.11ax and later: told as bytes.

use super::{Carries, Key};
use crate::wire::{Cursor, Field, Malformed, Recorder, Value};

static VERSION: Field = Field::new("radiotap.version");
static PAD: Field = Field::new("radiotap.pad");
static LENGTH: Field = Field::new("radiotap.length");
static PRESENT: Field = Field::hex("radiotap.present.word", 8);
static ALIGN: Field = Field::new("radiotap.align");
static DATA: Field = Field::new("radiotap.data");
static MACTIME: Field = Field::new("radiotap.mactime");
static FLAGS: Field = Field::hex("radiotap.flags", 2);
static FLAG: [Field; 8] = [
    Field::new("radiotap.flags.shortgi"),
    Field::new("radiotap.flags.badfcs"),
    Field::new("radiotap.flags.datapad"),
    Field::new("radiotap.flags.fcs"),
    Field::new("radiotap.flags.frag"),
    Field::new("radiotap.flags.wep"),
    Field::new("radiotap.flags.preamble"),
    Field::new("radiotap.flags.cfp"),
];
static RATE: Field = Field::new("radiotap.datarate");
static FREQUENCY: Field = Field::new("radiotap.channel.freq");
static CHANNEL_FLAGS: Field = Field::hex("radiotap.channel.flags", 4);
/// With the bit of each.
static CHANNEL_FLAG: [(u16, Field); 8] = [
    (0x0010, Field::new("radiotap.channel.flags.turbo")),
    (0x0020, Field::new("radiotap.channel.flags.cck")),
    (0x0040, Field::new("radiotap.channel.flags.ofdm")),
    (0x0080, Field::new("radiotap.channel.flags.2ghz")),
    (0x0100, Field::new("radiotap.channel.flags.5ghz")),
    (0x0200, Field::new("radiotap.channel.flags.passive")),
    (0x0400, Field::new("radiotap.channel.flags.dynamic")),
    (0x0800, Field::new("radiotap.channel.flags.gfsk")),
];
static HOP_SET: Field = Field::new("radiotap.fhss.hopset");
static HOP_PATTERN: Field = Field::new("radiotap.fhss.pattern");
static SIGNAL: Field = Field::new("radiotap.dbm_antsignal");
static NOISE: Field = Field::new("radiotap.dbm_antnoise");
static QUALITY: Field = Field::new("radiotap.quality");
static ATTENUATION: Field = Field::new("radiotap.txattenuation");
static DB_ATTENUATION: Field = Field::new("radiotap.db_txattenuation");
static POWER: Field = Field::new("radiotap.txpower");
static ANTENNA: Field = Field::new("radiotap.antenna");
static DB_SIGNAL: Field = Field::new("radiotap.db_antsignal");
static DB_NOISE: Field = Field::new("radiotap.db_antnoise");
static RX_FLAGS: Field = Field::hex("radiotap.rxflags", 4);
static TX_FLAGS: Field = Field::hex("radiotap.txflags", 4);
static RTS_RETRIES: Field = Field::new("radiotap.rts_retries");
static RETRIES: Field = Field::new("radiotap.data_retries");
static X_FLAGS: Field = Field::hex("radiotap.xchannel.flags", 8);
static X_FREQUENCY: Field = Field::new("radiotap.xchannel.freq");
static X_CHANNEL: Field = Field::new("radiotap.xchannel.channel");
static X_POWER: Field = Field::new("radiotap.xchannel.max_power");
static MCS_KNOWN: Field = Field::hex("radiotap.mcs.known", 2);
static MCS_NESS: Field = Field::new("radiotap.mcs.ness_bit0");
static MCS_STBC: Field = Field::new("radiotap.mcs.stbc");
static MCS_FEC: Field = Field::new("radiotap.mcs.fec");
static MCS_FORMAT: Field = Field::new("radiotap.mcs.format");
static MCS_GI: Field = Field::new("radiotap.mcs.gi");
static MCS_BW: Field = Field::new("radiotap.mcs.bw");
static MCS_INDEX: Field = Field::new("radiotap.mcs.index");
static AMPDU_REFERENCE: Field = Field::new("radiotap.ampdu.reference");
static AMPDU_FLAGS: Field = Field::hex("radiotap.ampdu.flags", 4);
static AMPDU_CRC: Field = Field::hex("radiotap.ampdu.delim_crc", 2);
static AMPDU_RESERVED: Field = Field::new("radiotap.ampdu.reserved");
static VHT_KNOWN: Field = Field::hex("radiotap.vht.known", 4);
static VHT_FLAGS: Field = Field::hex("radiotap.vht.flags", 2);
static VHT_BW: Field = Field::new("radiotap.vht.bw");
static VHT_MCS: [Field; 4] = [
    Field::new("radiotap.vht.mcs.0"),
    Field::new("radiotap.vht.mcs.1"),
    Field::new("radiotap.vht.mcs.2"),
    Field::new("radiotap.vht.mcs.3"),
];
static VHT_NSS: [Field; 4] = [
    Field::new("radiotap.vht.nss.0"),
    Field::new("radiotap.vht.nss.1"),
    Field::new("radiotap.vht.nss.2"),
    Field::new("radiotap.vht.nss.3"),
];
static VHT_CODING: Field = Field::hex("radiotap.vht.coding", 2);
static VHT_GROUP: Field = Field::new("radiotap.vht.gid");
static VHT_AID: Field = Field::new("radiotap.vht.p_aid");
static TIMESTAMP: Field = Field::new("radiotap.timestamp.ts");
static TIMESTAMP_ACCURACY: Field = Field::new("radiotap.timestamp.accuracy");
static TIMESTAMP_UNIT: Field = Field::hex("radiotap.timestamp.unit", 2);
static TIMESTAMP_FLAGS: Field = Field::hex("radiotap.timestamp.flags", 2);

/// Alignment of the fields whose form is known, by their bit.
const ALIGNMENT: [usize; 23] = [8, 1, 1, 2, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 2, 2, 1, 1, 4, 1, 4, 2, 8];

/// Reads the header, which gives its own length; a frame follows.
///
/// # Errors
/// [`Malformed`] where it is cut or its length makes no sense.
pub fn dissect<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Carries, Malformed> {
    let start = c.at();
    c.u8(&VERSION)?;
    c.u8(&PAD)?;
    if c.peek().first_chunk::<2>().is_some_and(|length| u16::from_le_bytes(*length) < 8) {
        return Err(c.nonsense(&LENGTH));
    }
    let length = usize::from(c.u16_le(&LENGTH)?);
    let mut fcs = false;
    // Trouble inside leaves the frame readable.
    let _ = c.region_as_captured(length - 4, &DATA, |c| fields(c, start, &mut fcs))?;
    Ok(Carries { key: if fcs { Key::WlanFcs } else { Key::Link(105) }, length: None })
}

fn fields<R: Recorder>(c: &mut Cursor<'_, '_, R>, start: usize, fcs: &mut bool) -> Result<(), Malformed> {
    // The highest bit of a word says that another follows: the header's length bounds them.
    let mut words = [0; 8];
    let mut count = 0;
    loop {
        let word = c.u32_le(&PRESENT)?;
        if let Some(place) = words.get_mut(count) {
            *place = word;
        }
        count += 1;
        if word & 0x8000_0000 == 0 {
            break;
        }
    }
    if count > words.len() {
        return Ok(());
    }
    for word in &words[..count] {
        for (bit, alignment) in ALIGNMENT.into_iter().enumerate() {
            if word >> bit & 1 == 1 {
                let off = (c.at() - start) % alignment;
                if off > 0 {
                    c.bytes(&ALIGN, alignment - off)?;
                }
                field(c, bit, fcs)?;
            }
        }
        // What stands behind fields of unknown form, or in a vendor's words, cannot be found.
        if word & 0x5f80_0000 != 0 {
            break;
        }
    }
    Ok(())
}

fn field<R: Recorder>(c: &mut Cursor<'_, '_, R>, bit: usize, fcs: &mut bool) -> Result<(), Malformed> {
    match bit {
        0 => long(c, &MACTIME)?,
        1 => {
            if let Some(flags) = c.peek_u8() {
                c.derived(&FLAGS, || Value::Uint(flags.into()));
            }
            *fcs = c.bits(1, &FLAG.each_ref().map(|bit| (bit, 1)))? & 0x10 != 0;
        }
        2 => {
            // Counted in 500 kbit/s, told in Mbit/s.
            if let Some(rate) = c.peek_u8() {
                let text = || Value::Text(format!("{}.5", rate / 2));
                c.told(&RATE, 1, || if rate % 2 == 0 { Value::Uint((rate / 2).into()) } else { text() });
            } else {
                c.u8(&RATE)?;
            }
        }
        3 => {
            c.u16_le(&FREQUENCY)?;
            let flags = c.u16_le(&CHANNEL_FLAGS)?;
            for (bit, field) in &CHANNEL_FLAG {
                c.derived(field, || Value::Flag(flags & bit != 0));
            }
        }
        4 => {
            c.u8(&HOP_SET)?;
            c.u8(&HOP_PATTERN)?;
        }
        5 => decibel(c, &SIGNAL)?,
        6 => decibel(c, &NOISE)?,
        7 => drop(c.u16_le(&QUALITY)?),
        8 => drop(c.u16_le(&ATTENUATION)?),
        9 => drop(c.u16_le(&DB_ATTENUATION)?),
        10 => decibel(c, &POWER)?,
        11 => drop(c.u8(&ANTENNA)?),
        12 => drop(c.u8(&DB_SIGNAL)?),
        13 => drop(c.u8(&DB_NOISE)?),
        14 => drop(c.u16_le(&RX_FLAGS)?),
        15 => drop(c.u16_le(&TX_FLAGS)?),
        16 => drop(c.u8(&RTS_RETRIES)?),
        17 => drop(c.u8(&RETRIES)?),
        18 => {
            c.u32_le(&X_FLAGS)?;
            c.u16_le(&X_FREQUENCY)?;
            c.u8(&X_CHANNEL)?;
            c.u8(&X_POWER)?;
        }
        19 => {
            c.u8(&MCS_KNOWN)?;
            let parts =
                [(&MCS_NESS, 1), (&MCS_STBC, 2), (&MCS_FEC, 1), (&MCS_FORMAT, 1), (&MCS_GI, 1), (&MCS_BW, 2)];
            c.bits(1, &parts)?;
            c.u8(&MCS_INDEX)?;
        }
        20 => {
            c.u32_le(&AMPDU_REFERENCE)?;
            c.u16_le(&AMPDU_FLAGS)?;
            c.u8(&AMPDU_CRC)?;
            c.u8(&AMPDU_RESERVED)?;
        }
        21 => {
            c.u16_le(&VHT_KNOWN)?;
            c.u8(&VHT_FLAGS)?;
            c.u8(&VHT_BW)?;
            for user in 0..4 {
                c.bits(1, &[(&VHT_MCS[user], 4), (&VHT_NSS[user], 4)])?;
            }
            c.u8(&VHT_CODING)?;
            c.u8(&VHT_GROUP)?;
            c.u16_le(&VHT_AID)?;
        }
        _ => {
            long(c, &TIMESTAMP)?;
            c.u16_le(&TIMESTAMP_ACCURACY)?;
            c.u8(&TIMESTAMP_UNIT)?;
            c.u8(&TIMESTAMP_FLAGS)?;
        }
    }
    Ok(())
}

fn long<R: Recorder>(c: &mut Cursor<'_, '_, R>, field: &'static Field) -> Result<(), Malformed> {
    match c.peek().first_chunk::<8>() {
        Some(bytes) => c.told(field, 8, || Value::Uint(u64::from_le_bytes(*bytes))),
        None => drop(c.bytes(field, 8)?),
    }
    Ok(())
}

/// A signed byte.
fn decibel<R: Recorder>(c: &mut Cursor<'_, '_, R>, field: &'static Field) -> Result<(), Malformed> {
    match c.peek_u8() {
        Some(byte) => c.told(field, 1, || Value::Int((byte as i8).into())),
        None => drop(c.u8(field)?),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Tree;

    #[rustfmt::skip]
    const HEADER: &[u8] = &[
        0x00, 0x00, 0x14, 0x00, // version 0, 20 bytes
        0x2e, 0x08, 0x00, 0x00, // flags, rate, channel, signal, antenna
        0x10, 0x0b,             // a check sequence at the end; 5.5 Mbit/s
        0x6c, 0x09, 0xa0, 0x00, // 2412 MHz
        0xc4, 0x01,             // -60 dBm, antenna 1
        0x00, 0x00, 0x00, 0x00, // not announced
    ];

    #[test]
    fn fields_in_the_order_of_their_bits() {
        let mut tree = Tree::default();
        let mut c = Cursor::new(HEADER, 0, HEADER.len(), &mut tree);
        assert_eq!((dissect(&mut c).unwrap().key, c.left()), (Key::WlanFcs, 0));
        let value = |name| tree.find(name).next().unwrap().value.clone();
        assert_eq!(value("radiotap.dbm_antsignal"), Value::Int(-60));
        assert_eq!(value("radiotap.channel.freq"), Value::Uint(2412));
        assert_eq!(value("radiotap.datarate"), Value::Text("5.5".to_owned()));
        assert_eq!(tree.find("radiotap.data").next().unwrap().length(), 4);
    }

    #[test]
    fn filling_before_a_wide_field() {
        let mut bytes = vec![0, 0, 24, 0, 0x01, 0, 0, 0x80, 0, 0, 0, 0x00, 0, 0, 0, 0];
        bytes.extend_from_slice(&[1, 0, 0, 0, 0, 0, 0, 0]);
        let mut tree = Tree::default();
        dissect(&mut Cursor::new(&bytes, 0, 24, &mut tree)).unwrap();
        assert_eq!(tree.find("radiotap.mactime").next().unwrap().value, Value::Uint(1));
        assert_eq!(tree.find("radiotap.align").next().unwrap().length(), 4);
    }

    #[test]
    fn a_cut_one_and_one_that_lies() {
        let mut tree = Tree::default();
        assert!(dissect(&mut Cursor::new(HEADER, 0, 13, &mut tree)).is_err());
        assert!(tree.find("radiotap.channel.freq").next().is_some());
        let words = [&[0, 0, 40, 0][..], &[0xff; 36]].concat(); // words without end
        assert!(dissect(&mut Cursor::new(&words, 0, 40, &mut tree)).is_ok());
        assert!(dissect(&mut Cursor::new(&[0, 0, 3, 0], 0, 4, &mut tree)).is_err());
    }
}
