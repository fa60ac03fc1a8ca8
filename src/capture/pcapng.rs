//! The pcapng container (draft-ietf-opsawg-pcapng): sections of either byte order, each with its own interfaces; Enhanced,
//! Simple and obsolete Packet Blocks.
//!
//! `pcap-file` finds the blocks and proves their lengths. What is in a block is read here: the crate's typed blocks refuse
//! a whole section for one odd option (a name that is not UTF-8, a filter of no bytes), and lose its packets.
//!
//! Leaves out: name resolution, statistics, decryption secrets other than TLS key logs, custom blocks and journal entries, which are stepped over;
//! options of packets; section lengths (the blocks themselves say where a section ends).

use byteorder_slice::{BigEndian, ByteOrder, LittleEndian};
use pcap_file::Endianness;
use pcap_file::pcapng::blocks::{
    ENHANCED_PACKET_BLOCK, INTERFACE_DESCRIPTION_BLOCK, INTERFACE_STATISTIC_BLOCK, PACKET_BLOCK,
    SECTION_HEADER_BLOCK, SIMPLE_PACKET_BLOCK,
};
use pcap_file::pcapng::{PcapNgFormatError, RawBlock, RawBlockParseError};

use super::buffer::{Buffer, LONGEST};
use super::{Met, Reason, Record};

/// Block type, twice the total length, and no body.
const EMPTY_BLOCK: usize = 12;

/// Option codes. `opt_endofopt` and `opt_comment` belong to every block, the others to interface descriptions and statistics.
const END_OF_OPTIONS: u16 = 0;
const COMMENT: u16 = 1;
const IF_NAME: u16 = 2;
const IF_DESCRIPTION: u16 = 3;
const IF_TSRESOL: u16 = 9;
const IF_TSOFFSET: u16 = 14;
/// Decryption Secrets Block, and the kind of secrets that is a TLS key log (draft-ietf-opsawg-pcapng section 4.7).
const DECRYPTION_SECRETS_BLOCK: u32 = 0x0000_000a;
const TLS_KEY_LOG: u32 = 0x544c_534b;
const ISB_IFDROP: u16 = 5;
const ISB_OSDROP: u16 = 7;

/// Whether a file that begins so is one: every file begins with a section header.
pub(super) fn recognise(head: &[u8]) -> bool {
    head == SECTION_HEADER_BLOCK.to_be_bytes()
}

/// State of reading one file.
pub(super) struct Pcapng {
    endianness: Endianness,
    /// First interface of this section among all of the call.
    first: u32,
    /// What packets need to know of this section's interfaces.
    interfaces: Vec<Interface>,
}

struct Interface {
    link_type: u16,
    snaplen: u32,
    clock: Clock,
}

/// What became of a block.
enum Step {
    Packet(Record),
    Other,
    End,
}

impl Pcapng {
    /// Read the first section header.
    pub(super) fn open(buffer: &mut Buffer, met: &mut Met) -> Result<Self, Reason> {
        let mut this = Self { endianness: Endianness::Big, first: 0, interfaces: Vec::new() };
        while buffer.offset() == 0 {
            this.step::<BigEndian>(buffer, met)?;
        }
        Ok(this)
    }

    /// The next packet; `None` at the end of the file.
    #[inline]
    pub(super) fn advance(&mut self, buffer: &mut Buffer, met: &mut Met) -> Result<Option<Record>, Reason> {
        loop {
            let step = match self.endianness {
                Endianness::Big => self.step::<BigEndian>(buffer, met)?,
                Endianness::Little => self.step::<LittleEndian>(buffer, met)?,
            };
            match step {
                Step::Packet(record) => return Ok(Some(record)),
                Step::Other => {}
                Step::End => return Ok(None),
            }
        }
    }

    /// Take one block, or read on where there is not yet a whole one.
    #[inline]
    fn step<B: ByteOrder>(&mut self, buffer: &mut Buffer, met: &mut Met) -> Result<Step, Reason> {
        let data = buffer.unread();
        let block = match RawBlock::from_slice::<B>(data) {
            Ok((_, block)) => block,
            Err(error) => {
                let need = missing(error, data.len())?;
                return Ok(if buffer.want(need)? { Step::Other } else { Step::End });
            }
        };
        let length = block.initial_len as usize;
        let body: &[u8] = &block.body;
        let packet = match block.type_ {
            ENHANCED_PACKET_BLOCK => {
                let (fixed, data) = split(body, 20)?;
                let interface = B::read_u32(fixed);
                Some((self.packet::<B>(interface, &fixed[4..], data.len())?, 20))
            }
            PACKET_BLOCK => {
                let (fixed, data) = split(body, 20)?;
                // Two bytes of interface, two of a drop count.
                let interface = u32::from(B::read_u16(fixed));
                Some((self.packet::<B>(interface, &fixed[4..], data.len())?, 20))
            }
            SIMPLE_PACKET_BLOCK => {
                let (fixed, data) = split(body, 4)?;
                Some((self.simple_packet(B::read_u32(fixed), data.len())?, 4))
            }
            INTERFACE_DESCRIPTION_BLOCK => {
                self.interface::<B>(body, met)?;
                None
            }
            INTERFACE_STATISTIC_BLOCK => {
                self.statistics::<B>(body, met)?;
                None
            }
            SECTION_HEADER_BLOCK => {
                self.section(body, met)?;
                None
            }
            DECRYPTION_SECRETS_BLOCK => {
                Self::decryption_secrets::<B>(body, met);
                None
            }
            _ => None,
        };
        let start = buffer.consume(length).start;
        Ok(match packet {
            Some((mut record, fixed)) => {
                let data = start + 8 + fixed;
                record.bytes = data..data + record.bytes.len();
                Step::Packet(record)
            }
            None => Step::Other,
        })
    }

    /// The fields that Enhanced Packet Blocks and Packet Blocks share: time, captured length, length on the wire.
    #[inline]
    fn packet<B: ByteOrder>(&self, interface: u32, fixed: &[u8], room: usize) -> Result<Record, Reason> {
        let known = self.known(interface)?;
        let ticks = u64::from(B::read_u32(fixed)) << 32 | u64::from(B::read_u32(&fixed[4..]));
        let captured = B::read_u32(&fixed[8..]);
        let wire_len = B::read_u32(&fixed[12..]);
        let time_ns = known.clock.nanoseconds(ticks);
        self.record(interface, known, time_ns, wire_len, captured, room)
    }

    /// A Simple Packet Block belongs to the first interface, has no time, and is cut at the interface's snaplen.
    fn simple_packet(&self, wire_len: u32, room: usize) -> Result<Record, Reason> {
        let known = self.known(0)?;
        let captured = match known.snaplen {
            0 => wire_len,
            snaplen => snaplen.min(wire_len),
        };
        self.record(0, known, 0, wire_len, captured, room)
    }

    #[inline]
    fn known(&self, interface: u32) -> Result<&Interface, Reason> {
        self.interfaces
            .get(interface as usize)
            .ok_or(Reason::NoSuchInterface { interface, known: self.interfaces.len() as u32 })
    }

    /// `bytes` of the record counts from 0: where they lie is known when the block is consumed.
    #[inline]
    fn record(
        &self,
        interface: u32,
        known: &Interface,
        time_ns: i64,
        wire_len: u32,
        captured: u32,
        room: usize,
    ) -> Result<Record, Reason> {
        if u64::from(captured) > room as u64 {
            return Err(Reason::PacketLength { captured: u64::from(captured), room: room as u64 });
        }
        let (interface, link_type) = (self.first + interface, known.link_type);
        Ok(Record { time_ns, interface, link_type, wire_len, bytes: 0..captured as usize })
    }

    fn interface<B: ByteOrder>(&mut self, body: &[u8], met: &mut Met) -> Result<(), Reason> {
        // Link type, two reserved bytes that some writers do not clear, snaplen.
        let (fixed, rest) = split(body, 8)?;
        let (link_type, snaplen) = (B::read_u16(fixed), B::read_u32(&fixed[4..]));
        let (mut name, mut description, mut resolution, mut offset) = (None, None, 6, 0);
        for (code, value) in options::<B>(rest) {
            match (code, value) {
                (IF_NAME, text) => name = met.text(text),
                (IF_DESCRIPTION, text) => description = met.text(text),
                (IF_TSRESOL, &[value]) => resolution = value,
                (IF_TSOFFSET, value) if value.len() == 8 => offset = B::read_i64(value),
                _ => {}
            }
        }
        met.interface(link_type, snaplen, name, description)?;
        self.interfaces.push(Interface { link_type, snaplen, clock: Clock::new(resolution, offset) });
        Ok(())
    }

    /// Of statistics only what was lost: by the interface or its driver, and by the system between it and the program.
    fn statistics<B: ByteOrder>(&self, body: &[u8], met: &mut Met) -> Result<(), Reason> {
        let (fixed, rest) = split(body, 12)?; // interface, time
        let lost = options::<B>(rest)
            .filter(|(code, value)| matches!(*code, ISB_IFDROP | ISB_OSDROP) && value.len() == 8)
            .fold(0u64, |sum, (_, value)| sum.saturating_add(B::read_u64(value)));
        met.statistics(self.first.saturating_add(B::read_u32(fixed)), lost);
        Ok(())
    }

    /// Kind, length, secrets. A block that is none is no reason to read no further.
    fn decryption_secrets<B: ByteOrder>(body: &[u8], met: &Met) {
        let Some((fixed, rest)) = body.split_at_checked(8) else { return };
        let (kind, length) = (B::read_u32(fixed), B::read_u32(&fixed[4..]) as usize);
        if kind == TLS_KEY_LOG {
            met.secrets.put(rest.get(..length).unwrap_or(rest));
        }
    }

    fn section(&mut self, body: &[u8], met: &mut Met) -> Result<(), Reason> {
        // Byte-order magic, version, section length. A block whose magic is neither is refused by the crate.
        let (fixed, rest) = split(body, 16)?;
        self.endianness = match fixed[0] {
            0x1a => Endianness::Big,
            _ => Endianness::Little,
        };
        self.first = met.interfaces.len() as u32;
        self.interfaces.clear();
        match self.endianness {
            Endianness::Big => Self::header::<BigEndian>(fixed, rest, met),
            Endianness::Little => Self::header::<LittleEndian>(fixed, rest, met),
        }
    }

    fn header<B: ByteOrder>(fixed: &[u8], rest: &[u8], met: &mut Met) -> Result<(), Reason> {
        let (major, minor) = (B::read_u16(&fixed[4..]), B::read_u16(&fixed[6..]));
        if major != 1 {
            return Err(Reason::Version { major, minor });
        }
        for (_, text) in options::<B>(rest).filter(|(code, _)| *code == COMMENT) {
            let text = met.text(text);
            met.comments.extend(text);
        }
        Ok(())
    }
}

/// How many bytes the block that begins here takes, or what is wrong with its lengths.
#[cold]
fn missing(error: RawBlockParseError, have: usize) -> Result<u64, Reason> {
    let length = |length: usize| Reason::BlockLength { length: length as u64 };
    match error {
        RawBlockParseError::IncompleteBuffer(..) if have < EMPTY_BLOCK => Ok(EMPTY_BLOCK as u64),
        // The crate counts from behind the type and the length.
        RawBlockParseError::IncompleteBuffer(need, _) => match need as u64 + 8 {
            need if need > LONGEST => Err(Reason::RecordLength { length: need, limit: LONGEST }),
            need => Ok(need),
        },
        RawBlockParseError::InvalidFormat(format) => Err(match format {
            PcapNgFormatError::BlockNotAligned(given) | PcapNgFormatError::BlockTooShort(_, given) => {
                length(given)
            }
            PcapNgFormatError::BlockLengthMismatch(length, trailer) => {
                Reason::BlockTrailer { length: u64::from(length), trailer: u64::from(trailer) }
            }
            other => Reason::Malformed { detail: other.to_string() },
        }),
    }
}

/// The fixed fields of a block and what follows them; a block without room for them has an impossible length.
#[inline]
fn split(body: &[u8], fixed: usize) -> Result<(&[u8], &[u8]), Reason> {
    body.split_at_checked(fixed).ok_or(Reason::BlockLength { length: (body.len() + EMPTY_BLOCK) as u64 })
}

/// Options as far as they can be read: a list that runs out of its block just ends.
fn options<B: ByteOrder>(mut rest: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (head, after) = rest.split_at_checked(4)?;
        let (code, length) = (B::read_u16(head), usize::from(B::read_u16(&head[2..])));
        let (value, after) = after.split_at_checked(length)?;
        // Each value is padded to 32 bits; the padding of the last one may be missing.
        rest = after.get(length.next_multiple_of(4) - length..).unwrap_or_default();
        (code != END_OF_OPTIONS).then_some((code, value))
    })
}

/// How an interface counts time: `if_tsresol` and `if_tsoffset`.
struct Clock {
    unit: Unit,
    offset_ns: i128,
}

/// A tick in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// Powers of ten down to a nanosecond: so many nanoseconds.
    Many(u32),
    /// Finer powers of ten: so many ticks are a nanosecond.
    Part(u128),
    /// Powers of two: so many halvings of a second.
    Halvings(u32),
}

impl Clock {
    fn new(resolution: u8, offset: i64) -> Self {
        let exponent = u32::from(resolution & 0x7f);
        let unit = if resolution & 0x80 != 0 {
            Unit::Halvings(exponent)
        } else if exponent <= 9 {
            Unit::Many(10u32.pow(9 - exponent))
        } else {
            // Beyond u128 no count of ticks makes a nanosecond: the time is 0, as it is with the greatest u128.
            Unit::Part(10u128.checked_pow(exponent - 9).unwrap_or(u128::MAX))
        };
        Self { unit, offset_ns: i128::from(offset) * 1_000_000_000 }
    }

    /// Nanoseconds since 1970, rounded down; times beyond what 64 bits hold stand at the end of the range.
    #[inline]
    fn nanoseconds(&self, ticks: u64) -> i64 {
        let ticks = u128::from(ticks);
        let since = match self.unit {
            Unit::Many(nanoseconds) => ticks * u128::from(nanoseconds),
            Unit::Part(ticks_each) => ticks / ticks_each,
            Unit::Halvings(count) => (ticks * 1_000_000_000) >> count,
        };
        (since as i128 + self.offset_ns).clamp(i64::MIN.into(), i64::MAX.into()) as i64
    }
}
