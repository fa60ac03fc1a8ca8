//! NTP: what time it is, asked of a server, with all that is needed to tell how long asking took.
//!
//! RFC 5905 section 7.3 (header), 6 (forms of time), 7.5 with RFC 7822 (extension fields and the code that proves the sender); RFC 9327
//! section 2 for control messages (mode 6). Versions 1 to 4 have the same header.
//! Leaves out: what control and private messages (modes 6 and 7) carry behind their headers, what extension fields hold: bytes.

use crate::wire::{Cursor, Field, Malformed, Recorder, Value};

macro_rules! fields {
    ($($name:ident = $text:literal;)*) => { $(static $name: Field = Field::new($text);)* };
}

fields! {
    LI = "ntp.flags.li";
    VN = "ntp.flags.vn";
    MODE = "ntp.flags.mode";
    STRATUM = "ntp.stratum";
    PPOLL = "ntp.ppoll";
    PRECISION = "ntp.precision";
    ROOT_DELAY = "ntp.rootdelay";
    ROOT_DELAY_SECONDS = "ntp.rootdelay.seconds";
    ROOT_DISPERSION = "ntp.rootdispersion";
    ROOT_DISPERSION_SECONDS = "ntp.rootdispersion.seconds";
    REFID = "ntp.refid";
    REFID_CODE = "ntp.refid.code";
    REFID_ADDRESS = "ntp.refid.address";
    REFTIME = "ntp.reftime";
    ORG = "ntp.org";
    REC = "ntp.rec";
    XMT = "ntp.xmt";
    EXT = "ntp.ext";
    EXT_LENGTH = "ntp.ext.length";
    EXT_VALUE = "ntp.ext.value";
    KEYID = "ntp.keyid";
    MAC = "ntp.mac";
    CTRL_R = "ntp.ctrl.flags2.r";
    CTRL_ERROR = "ntp.ctrl.flags2.error";
    CTRL_MORE = "ntp.ctrl.flags2.more";
    CTRL_OPCODE = "ntp.ctrl.flags2.opcode";
    CTRL_SEQUENCE = "ntp.ctrl.sequence";
    CTRL_ASSOCID = "ntp.ctrl.associd";
    CTRL_OFFSET = "ntp.ctrl.offset";
    CTRL_COUNT = "ntp.ctrl.count";
    CTRL_DATA = "ntp.ctrl.data";
    PRIV_R = "ntp.priv.flags.r";
    PRIV_MORE = "ntp.priv.flags.more";
    PRIV_AUTH = "ntp.priv.auth";
    PRIV_SEQ = "ntp.priv.seq";
    PRIV_IMPL = "ntp.priv.impl";
    PRIV_REQCODE = "ntp.priv.reqcode";
    PRIV_ERR = "ntp.priv.err";
    PRIV_ITEMS = "ntp.priv.numitems";
    PRIV_RESERVED = "ntp.priv.reserved";
    PRIV_ITEM_SIZE = "ntp.priv.itemsize";
    PRIV_DATA = "ntp.priv.data";
}
static EXT_TYPE: Field = Field::hex("ntp.ext.type", 4);
static CTRL_STATUS: Field = Field::hex("ntp.ctrl.status", 4);

/// Seconds from 1900 to 1970.
const TO_1970: i64 = 2_208_988_800;
/// Seconds after which NTP's count begins anew, in 2036.
const ERA: i64 = 1 << 32;
/// Longer than any code that proves the sender: what is longer begins with an extension field (RFC 7822 section 3).
const LONGEST_MAC: usize = 24;

/// What a message says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Message {
    /// 3: the sender's clock is not set.
    pub leap: u8,
    /// Version.
    pub version: u8,
    /// 3 client, 4 server, 1 and 2 peers, 5 broadcast, 6 control, 7 private.
    pub mode: u8,
    /// How far from a reference clock; 0: a word from the server instead of the time.
    pub stratum: u8,
    /// The server's source, or that word.
    pub reference: [u8; 4],
    /// When the request left, as the client said: four bytes seconds, four bytes fraction.
    pub origin: u64,
    /// When it arrived at the server.
    pub receive: u64,
    /// When this message left.
    pub transmit: u64,
}

/// Reads one message: all that the cursor spans.
///
/// # Errors
/// [`Malformed`] where it is cut, or of a version that there is not.
pub fn dissect<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Message, Malformed> {
    let first = c.peek_u8().unwrap_or(0x23);
    if !(1..=4).contains(&(first >> 3 & 7)) {
        return Err(c.nonsense(&VN));
    }
    let mut said =
        Message { leap: first >> 6, version: first >> 3 & 7, mode: first & 7, ..Message::default() };
    match said.mode {
        6 => control(c)?,
        7 => private(c)?,
        _ => time(c, &mut said)?,
    }
    Ok(said)
}

fn time<R: Recorder>(c: &mut Cursor<'_, '_, R>, said: &mut Message) -> Result<(), Malformed> {
    c.bits(1, &[(&LI, 2), (&VN, 3), (&MODE, 3)])?;
    said.stratum = c.u8(&STRATUM)?;
    c.u8(&PPOLL)?;
    c.u8(&PRECISION)?;
    let delay = c.u32(&ROOT_DELAY)?;
    c.derived(&ROOT_DELAY_SECONDS, || Value::Text(short(delay)));
    let dispersion = c.u32(&ROOT_DISPERSION)?;
    c.derived(&ROOT_DISPERSION_SECONDS, || Value::Text(short(dispersion)));
    let reference = c.bytes(&REFID, 4)?;
    said.reference.copy_from_slice(reference);
    if said.stratum <= 1 {
        c.derived(&REFID_CODE, || Value::Text(code(said.reference)));
    } else {
        c.derived(&REFID_ADDRESS, || Value::Ipv4(said.reference));
    }
    stamp(c, &REFTIME)?;
    said.origin = stamp(c, &ORG)?;
    said.receive = stamp(c, &REC)?;
    said.transmit = stamp(c, &XMT)?;
    while c.left() > LONGEST_MAC {
        let length = c.peek().get(2..4).map_or(0, |b| usize::from(b[0]) << 8 | usize::from(b[1]));
        if length < 16 || length % 4 != 0 {
            break;
        }
        c.group(&EXT, |c| {
            c.u16(&EXT_TYPE)?;
            c.u16(&EXT_LENGTH)?;
            c.bytes(&EXT_VALUE, length - 4).map(drop)
        })?;
    }
    if c.left() > 0 {
        c.bytes(&KEYID, 4)?;
        c.rest(&MAC);
    }
    Ok(())
}

fn control<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    c.bits(1, &[(&LI, 2), (&VN, 3), (&MODE, 3)])?;
    c.bits(1, &[(&CTRL_R, 1), (&CTRL_ERROR, 1), (&CTRL_MORE, 1), (&CTRL_OPCODE, 5)])?;
    c.u16(&CTRL_SEQUENCE)?;
    c.u16(&CTRL_STATUS)?;
    c.u16(&CTRL_ASSOCID)?;
    c.u16(&CTRL_OFFSET)?;
    c.u16(&CTRL_COUNT)?;
    c.rest(&CTRL_DATA);
    Ok(())
}

fn private<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    c.bits(1, &[(&PRIV_R, 1), (&PRIV_MORE, 1), (&VN, 3), (&MODE, 3)])?;
    c.bits(1, &[(&PRIV_AUTH, 1), (&PRIV_SEQ, 7)])?;
    c.u8(&PRIV_IMPL)?;
    c.u8(&PRIV_REQCODE)?;
    c.bits(2, &[(&PRIV_ERR, 4), (&PRIV_ITEMS, 12)])?;
    c.bits(2, &[(&PRIV_RESERVED, 4), (&PRIV_ITEM_SIZE, 12)])?;
    c.rest(&PRIV_DATA);
    Ok(())
}

/// A time: seconds since 1900 and a fraction (RFC 5905 section 6); zero where it is not known.
fn stamp<R: Recorder>(c: &mut Cursor<'_, '_, R>, field: &'static Field) -> Result<u64, Malformed> {
    let Some(bytes) = c.peek().first_chunk::<8>() else {
        return c.bytes(field, 8).map(|_| 0);
    };
    let stamp = u64::from_be_bytes(*bytes);
    c.told(field, 8, || if stamp == 0 { Value::Uint(0) } else { Value::Text(date(stamp)) });
    Ok(stamp)
}

/// Nanoseconds since 1970. The count begins anew in 2036, which must be known from elsewhere (RFC 5905 section 6):
/// its first half is taken for the time after.
pub fn nanoseconds(stamp: u64) -> i64 {
    let seconds = (stamp >> 32) as i64;
    let era = if seconds < ERA / 2 { ERA } else { 0 };
    let fraction = ((stamp & 0xffff_ffff) * 1_000_000_000) >> 32;
    (seconds + era - TO_1970) * 1_000_000_000 + fraction as i64
}

/// A four-letter word: a kind of clock, or a server's refusal.
pub fn code(bytes: [u8; 4]) -> String {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(4);
    bytes[..end].iter().map(|b| if b.is_ascii_graphic() { char::from(*b) } else { '.' }).collect()
}

/// A span in NTP's short form: 16 bits of seconds, 16 of fraction.
fn short(value: u32) -> String {
    let micros = (u64::from(value) * 1_000_000) >> 16;
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

/// A time as a date, UTC.
fn date(stamp: u64) -> String {
    let ns = nanoseconds(stamp);
    let (seconds, ns) = (ns.div_euclid(1_000_000_000), ns.rem_euclid(1_000_000_000));
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Days since March of a year 0: months have a regular length then.
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (h, m, s) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02} {h:02}:{m:02}:{s:02}.{ns:09} UTC")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{NodeKind, Off, Problem, Tree};

    #[rustfmt::skip]
    const REPLY: &[u8] = &[
        0x24, 2, 6, 0xec,                               // no warning, version 4, server; stratum 2, 64 s, 2^-20 s
        0, 0, 0x0b, 0xd9,                               // root delay 0.046280 s
        0, 0, 0x06, 0x30,                               // root dispersion 0.024169 s
        192, 0, 2, 1,                                   // reference
        0xe0, 0x9a, 0x3a, 0x40, 0, 0, 0, 0,             // reference time
        0xe0, 0x9a, 0x3a, 0x4b, 0x80, 0, 0, 0,          // origin: half a second
        0xe0, 0x9a, 0x3a, 0x4c, 0, 0, 0, 0,             // receive
        0x83, 0xaa, 0x7e, 0x80, 0, 0, 0, 0,             // transmit: 1970-01-01
        0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, // key 1 and its code
    ];

    fn both(bytes: &[u8]) -> (Result<Message, Malformed>, Tree) {
        let off = dissect(&mut Cursor::new(bytes, 0, bytes.len(), &mut Off));
        let mut tree = Tree::default();
        let mut c = Cursor::new(bytes, 0, bytes.len(), &mut tree);
        let on = dissect(&mut c);
        static REST: Field = Field::new("ntp.unreadable");
        c.rest(&REST);
        assert_eq!(off, on);
        let mut at = 0;
        for node in tree.nodes.iter().filter(|n| n.kind == NodeKind::Leaf) {
            assert_eq!(node.bit, at, "{}", node.field.name);
            at += node.bits;
        }
        assert_eq!(at, bytes.len() * 8);
        (on, tree)
    }

    #[test]
    fn reads_a_reply() {
        let (said, tree) = both(REPLY);
        let said = said.unwrap();
        assert_eq!((said.mode, said.version, said.stratum), (4, 4, 2));
        assert_eq!(nanoseconds(said.transmit), 0);
        assert_eq!(nanoseconds(said.receive) - nanoseconds(said.origin), 500_000_000);
        let text = |name: &str| tree.find(name).next().unwrap().value.clone();
        assert_eq!(text("ntp.xmt"), Value::Text("1970-01-01 00:00:00.000000000 UTC".into()));
        assert_eq!(text("ntp.org"), Value::Text("2019-05-30 11:17:31.500000000 UTC".into()));
        assert_eq!(text("ntp.rootdelay.seconds"), Value::Text("0.046279".into()));
    }

    #[test]
    fn every_cut_has_its_owners() {
        for end in 0..REPLY.len() {
            let (said, _) = both(&REPLY[..end]);
            assert_eq!(said.is_ok(), end == 48 || end >= 52, "{end}");
        }
        for mode in [0x16, 0x97] {
            let mut bytes = REPLY.to_vec();
            bytes[0] = mode;
            (0..bytes.len()).for_each(|end| drop(both(&bytes[..end])));
        }
    }

    #[test]
    fn lengths_that_lie_and_versions_that_are_not() {
        let mut bytes = REPLY[..48].to_vec();
        bytes.extend([0, 1, 0xff, 0xfc].into_iter().chain([0; 40]));
        assert_eq!(both(&bytes).0.unwrap_err().field, "ntp.ext.value");
        assert_eq!(both(&[0; 48]).0.unwrap_err().problem, Problem::Content);
        assert!(date(u64::MAX).starts_with("2036-02-07") && date(1 << 63).starts_with("1968-01-20"));
        assert!(date(1).starts_with("2036-02-07"), "{}", date(1));
    }
}
