//! IGMP: a host tells the routers of its link which IPv4 multicast groups it wants, and they ask again now and then.
//!
//! RFC 2236 (version 2), RFC 3376 section 4 (version 3), RFC 1112 appendix I (version 1). Which version a query has
//! follows from its length and its second byte (RFC 3376 section 7.1).
//! Leaves out: DVMRP and PIM of version 1, and multicast traceroute, which share the protocol number: bytes.

use super::{Carries, Key};
use crate::wire::{Cursor, Field, Malformed, Recorder, Value};

static VERSION: Field = Field::new("igmp.version");
static TYPE: Field = Field::hex("igmp.type", 2);
static RESERVED: Field = Field::new("igmp.reserved");
static MAX_RESP: Field = Field::new("igmp.max_resp");
static CHECKSUM: Field = Field::hex("igmp.checksum", 4);
static GROUP: Field = Field::new("igmp.maddr");
static QUERY_RESERVED: Field = Field::new("igmp.query_reserved");
static SUPPRESS: Field = Field::new("igmp.s");
static QRV: Field = Field::new("igmp.qrv");
static QQIC: Field = Field::new("igmp.qqic");
static SOURCES: Field = Field::new("igmp.num_src");
static SOURCE: Field = Field::new("igmp.saddr");
static RECORDS: Field = Field::new("igmp.num_grp_recs");
static RECORD: Field = Field::new("igmp.group_record");
static RECORD_TYPE: Field = Field::new("igmp.record_type");
static AUX_LENGTH: Field = Field::new("igmp.aux_data_len");
static AUX: Field = Field::new("igmp.aux_data");
static DATA: Field = Field::new("igmp.data");

/// Types.
pub const QUERY: u8 = 0x11;
/// A report of version 1.
pub const REPORT_V1: u8 = 0x12;
/// A report of version 2.
pub const REPORT_V2: u8 = 0x16;
/// A group is left (version 2).
pub const LEAVE: u8 = 0x17;
/// A report of version 3.
pub const REPORT_V3: u8 = 0x22;

/// What a message says, without its lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Igmp {
    /// Type.
    pub kind: u8,
    /// Version of the message: 0 where the type is none of IGMP's own.
    pub version: u8,
    /// How long answers may take, in tenths of a second.
    pub max_resp: u16,
    /// The group, zero in a general query and in version 3 reports.
    pub group: [u8; 4],
}

/// A record of a version 3 report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// 1 is include, 2 exclude, 3 change to include, 4 change to exclude, 5 allow new, 6 block old.
    pub kind: u8,
    /// The group.
    pub group: [u8; 4],
    /// How many senders it names.
    pub sources: u16,
}

/// Reads a message to its end; for the table of protocols.
///
/// # Errors
/// [`Malformed`] where it is cut.
pub fn dissect_carrier<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Carries, Malformed> {
    dissect(c, |_| {}).map(|_| Carries { key: Key::End, length: None })
}

/// Reads a message to its end; `record` hears of each group record of a version 3 report.
///
/// # Errors
/// [`Malformed`] where it is cut.
pub fn dissect<R: Recorder>(
    c: &mut Cursor<'_, '_, R>,
    mut record: impl FnMut(Record),
) -> Result<Igmp, Malformed> {
    let version = version(c.peek());
    c.derived(&VERSION, || Value::Uint(version.into()));
    let kind = c.u8(&TYPE)?;
    let mut igmp = Igmp { kind, version, max_resp: 0, group: [0; 4] };
    match (kind, version) {
        (_, 0) => drop(c.rest(&DATA)),
        (REPORT_V3, _) => {
            c.bytes(&RESERVED, 1)?;
            c.u16(&CHECKSUM)?;
            c.bytes(&RESERVED, 2)?;
            let records = c.u16(&RECORDS)?;
            for _ in 0..records {
                record(c.group(&RECORD, group_record)?);
            }
        }
        (_, 1) => {
            c.bytes(&RESERVED, 1)?;
            c.u16(&CHECKSUM)?;
            igmp.group = c.ipv4(&GROUP)?;
        }
        _ => {
            // Version 3 counts long times as a floating point number of 3 and 4 bits (RFC 3376 section 4.1.1).
            if let Some(code) = c.peek_u8() {
                igmp.max_resp = if version == 3 { floating(code) } else { code.into() };
                c.told(&MAX_RESP, 1, || Value::Uint(igmp.max_resp.into()));
            } else {
                c.u8(&MAX_RESP)?;
            }
            c.u16(&CHECKSUM)?;
            igmp.group = c.ipv4(&GROUP)?;
            if version == 3 {
                c.bits(1, &[(&QUERY_RESERVED, 4), (&SUPPRESS, 1), (&QRV, 3)])?;
                if let Some(code) = c.peek_u8() {
                    c.told(&QQIC, 1, || Value::Uint(floating(code).into()));
                }
                let sources = c.u16(&SOURCES)?;
                for _ in 0..sources {
                    c.ipv4(&SOURCE)?;
                }
            }
        }
    }
    Ok(igmp)
}

/// Which version a message is of (RFC 3376 section 7.1).
fn version(message: &[u8]) -> u8 {
    match message {
        [REPORT_V3, ..] => 3,
        [QUERY, ..] if message.len() >= 12 => 3,
        [QUERY, 0, ..] | [REPORT_V1, ..] => 1,
        [QUERY | REPORT_V2 | LEAVE, ..] => 2,
        _ => 0,
    }
}

/// Codes from 128 on: a mantissa of 4 bits and an exponent of 3.
fn floating(code: u8) -> u16 {
    match code {
        0..128 => code.into(),
        _ => (u16::from(code & 0xf) | 0x10) << ((code >> 4 & 7) + 3),
    }
}

fn group_record<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Record, Malformed> {
    let kind = c.u8(&RECORD_TYPE)?;
    let aux = usize::from(c.u8(&AUX_LENGTH)?) * 4;
    let sources = c.u16(&SOURCES)?;
    let group = c.ipv4(&GROUP)?;
    for _ in 0..sources {
        c.ipv4(&SOURCE)?;
    }
    c.bytes(&AUX, aux)?;
    Ok(Record { kind, group, sources })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Off, Tree};

    #[rustfmt::skip]
    const REPORT: &[u8] = &[
        0x22, 0x00,             // version 3 report
        0x12, 0x34,             // igmp.checksum
        0x00, 0x00, 0x00, 0x01, // igmp.num_grp_recs
        0x04, 0x00, 0x00, 0x01, // change to exclude, one source
        239, 1, 2, 3,           // igmp.maddr
        10, 0, 0, 9,            // igmp.saddr
    ];

    #[test]
    fn a_report() {
        let mut tree = Tree::default();
        let mut records = Vec::new();
        let mut c = Cursor::new(REPORT, 0, REPORT.len(), &mut tree);
        dissect(&mut c, |r| records.push(r)).unwrap();
        assert_eq!(c.left(), 0);
        assert_eq!(records, [Record { kind: 4, group: [239, 1, 2, 3], sources: 1 }]);
        assert_eq!(tree.find("igmp.saddr").next().unwrap().value, Value::Ipv4([10, 0, 0, 9]));
    }

    #[test]
    fn versions_of_a_query() {
        let read = |bytes: &[u8]| dissect(&mut Cursor::new(bytes, 0, bytes.len(), &mut Off), |_| {}).unwrap();
        assert_eq!(read(&[0x11, 0, 0, 0, 0, 0, 0, 0]).version, 1);
        assert_eq!(read(&[0x11, 100, 0, 0, 0, 0, 0, 0]).version, 2);
        let third = read(&[0x11, 0x8a, 0, 0, 0, 0, 0, 0, 2, 125, 0, 0]);
        assert_eq!((third.version, third.max_resp), (3, (0x1a) << 3));
    }

    #[test]
    fn a_cut_one_and_one_that_lies() {
        let mut tree = Tree::default();
        let cut = dissect(&mut Cursor::new(REPORT, 0, 14, &mut tree), |_| {}).unwrap_err();
        assert_eq!((cut.field, cut.at), ("igmp.maddr", 12));
        let mut bytes = REPORT.to_vec();
        bytes[7] = 200; // two hundred records in a message of one
        assert!(dissect(&mut Cursor::new(&bytes, 0, bytes.len(), &mut Off), |_| {}).is_err());
    }
}
