//! libpcap's classic container (draft-ietf-opsawg-pcap): microseconds and nanoseconds, either byte order.
//!
//! `pcap-file` reads what the draft describes. Two older dialects are read here beside it: Kuznetzov's "modified"
//! format (magic a1b2cd34), whose record headers are eight bytes longer, and files of versions before 2.4, which have
//! the two lengths of a record the other way round.
//!
//! Leaves out: the time zone and accuracy fields (every tool ignores them), the FCS length in the upper bits of the
//! link type, the formats of AIX, Nokia, Red Hat 6.1 and SuSE 6.3, which have the same magic number and can only be
//! guessed, and those of IXIA.

use pcap_file::Endianness;
use pcap_file::pcap::{PcapHeader, PcapParseError, PcapParser, PcapTsResolution};

use super::buffer::{Buffer, LONGEST};
use super::{Reason, Record};

/// Magic numbers in the byte order of the file: microseconds, nanoseconds, modified.
const MICRO: [u8; 4] = [0xa1, 0xb2, 0xc3, 0xd4];
const NANO: [u8; 4] = [0xa1, 0xb2, 0x3c, 0x4d];
const MODIFIED: [u8; 4] = [0xa1, 0xb2, 0xcd, 0x34];

const FILE_HEADER: usize = 24;
const RECORD_HEADER: usize = 16;
/// A modified record header has an interface index, a protocol, a packet type and a pad byte more.
const MODIFIED_HEADER: usize = 24;

/// Whether a file that begins so is one.
pub(super) fn recognise(head: &[u8]) -> bool {
    let Ok(mut magic) = <[u8; 4]>::try_from(head) else { return false };
    if magic[0] != MICRO[0] {
        magic.reverse();
    }
    matches!(magic, MICRO | NANO | MODIFIED)
}

/// State of reading one file.
pub(super) struct Pcap {
    parser: PcapParser,
    dialect: Dialect,
    /// First interface of this file among all of the call.
    interface: u32,
    link_type: u16,
    /// Nanoseconds in a unit of the second time field.
    fraction: i64,
}

/// How the records lie in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    /// As the draft says.
    Standard,
    /// Length of the header; whether the lengths are swapped.
    Odd { header: usize, swapped: Swapped },
}

/// Which of a record's two lengths comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Swapped {
    /// Captured, then on the wire: versions 2.4 and later.
    No,
    /// Version 2.3 was written both ways; the captured length is the smaller one.
    Maybe,
    /// On the wire, then captured: before 2.3.
    Yes,
}

/// A record's header, in whichever dialect.
struct Header {
    seconds: u32,
    fraction: u32,
    captured: u32,
    wire: u32,
}

impl Pcap {
    /// Read the file header. Gives the link type and snaplen of the one interface beside the state.
    pub(super) fn open(buffer: &mut Buffer, interface: u32) -> Result<(Self, u16, u32), Reason> {
        if !buffer.want(FILE_HEADER as u64)? {
            return Err(Reason::Empty);
        }
        let mut bytes = [0; FILE_HEADER];
        bytes.copy_from_slice(&buffer.unread()[..FILE_HEADER]);
        let modified = if bytes.starts_with(&MODIFIED) {
            bytes[..4].copy_from_slice(&MICRO);
            true
        } else if bytes[..4].iter().rev().eq(&MODIFIED) {
            bytes[..4].copy_from_slice(&MICRO);
            bytes[..4].reverse();
            true
        } else {
            false
        };
        let (_, parser) =
            PcapParser::new(&bytes).map_err(|error| Reason::Malformed { detail: error.to_string() })?;
        let header = parser.header();
        let dialect = Dialect::of(&header, modified)?;
        buffer.consume(FILE_HEADER);
        // The lower 16 bits are the link type: above them stand the FCS length and whether it is known.
        let link_type = u32::from(header.datalink) as u16;
        let fraction = match header.ts_resolution {
            PcapTsResolution::MicroSecond => 1000,
            PcapTsResolution::NanoSecond => 1,
        };
        Ok((Self { parser, dialect, interface, link_type, fraction }, link_type, header.snaplen))
    }

    /// The next record; `None` at the end of the file.
    #[inline]
    pub(super) fn advance(&mut self, buffer: &mut Buffer) -> Result<Option<Record>, Reason> {
        loop {
            let need = match self.record(buffer.unread()) {
                Ok((header, length)) => {
                    let mut bytes = buffer.consume(length);
                    bytes.start = bytes.end - header.captured as usize;
                    return Ok(Some(Record {
                        time_ns: i64::from(header.seconds) * 1_000_000_000
                            + i64::from(header.fraction) * self.fraction,
                        interface: self.interface,
                        link_type: self.link_type,
                        wire_len: header.wire,
                        bytes,
                    }));
                }
                Err(need) => need,
            };
            if need > LONGEST {
                return Err(Reason::RecordLength { length: need, limit: LONGEST });
            }
            if !buffer.want(need)? {
                return Ok(None);
            }
        }
    }

    /// The record at the beginning of `data` and its length with its header, or how many bytes it takes to see it.
    #[inline]
    fn record(&self, data: &[u8]) -> Result<(Header, usize), u64> {
        let Dialect::Odd { header, swapped } = self.dialect else {
            return match self.parser.next_raw_packet(data) {
                Ok((rest, packet)) => Ok((
                    Header {
                        seconds: packet.ts_sec,
                        fraction: packet.ts_frac,
                        captured: packet.incl_len,
                        wire: packet.orig_len,
                    },
                    data.len() - rest.len(),
                )),
                // The crate counts what is missing of the data from behind the header.
                Err(PcapParseError::IncompleteBuffer(need, _)) if data.len() >= RECORD_HEADER => {
                    Err(need as u64 + RECORD_HEADER as u64)
                }
                Err(_) => Err(RECORD_HEADER as u64),
            };
        };
        let Some((fields, after)) = data.split_at_checked(header) else { return Err(header as u64) };
        let field = |at: usize| {
            let bytes = [fields[at], fields[at + 1], fields[at + 2], fields[at + 3]];
            match self.parser.header().endianness {
                Endianness::Big => u32::from_be_bytes(bytes),
                Endianness::Little => u32::from_le_bytes(bytes),
            }
        };
        let (first, second) = (field(8), field(12));
        let (captured, wire) = match swapped {
            Swapped::Yes => (second, first),
            Swapped::Maybe if first > second => (second, first),
            Swapped::Maybe | Swapped::No => (first, second),
        };
        match after.len() as u64 >= u64::from(captured) {
            true => {
                let header = Header { seconds: field(0), fraction: field(4), captured, wire };
                Ok((header, data.len() - after.len() + captured as usize))
            }
            false => Err(header as u64 + u64::from(captured)),
        }
    }
}

impl Dialect {
    fn of(header: &PcapHeader, modified: bool) -> Result<Self, Reason> {
        let swapped = match (header.version_major, header.version_minor) {
            // 543.0 is what DG/UX's tcpdump writes.
            (2, 0..=2) | (543, 0) => Swapped::Yes,
            (2, 3) => Swapped::Maybe,
            // Above 4 nothing is defined; a major number that stays says that the layout does.
            (2, _) => Swapped::No,
            (major, minor) => return Err(Reason::Version { major, minor }),
        };
        Ok(match (modified, swapped) {
            (false, Swapped::No) => Dialect::Standard,
            (false, swapped) => Dialect::Odd { header: RECORD_HEADER, swapped },
            (true, swapped) => Dialect::Odd { header: MODIFIED_HEADER, swapped },
        })
    }
}
