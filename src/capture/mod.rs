//! Where frames come from: capture files, compressed or not, bundled captures, standard input.
//!
//! A [`Source`] hands out one [`Frame`] after another and never holds more than its read buffer, so
//! memory does not grow with the file. Damage in the middle of a capture is a value, not a panic:
//! every frame before it has been handed out when [`Source::next`] says where the damage is.
//!
//! Live capture (`live`, on Linux only) feeds the same [`Source`]. Leaves out: decoding (see `decode`).

mod buffer;
pub mod bundled;
pub mod compressed;
pub mod file;
pub mod growing;
pub mod interfaces;
#[cfg(target_os = "linux")]
pub mod live;
mod pcap;
mod pcapng;
mod record;
mod secrets;
#[cfg(test)]
mod tests;

pub use file::{Files, open, open_all};
use record::{Met, Record};
pub use secrets::Secrets;

/// One record of a capture: what was on the wire, as far as it was kept.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// Counts from 1 over all files of one call, as Wireshark's `frame.number`.
    pub number: u64,
    /// Nanoseconds since 1970-01-01 00:00:00 UTC; 0 where the record carries no time (pcapng simple packets).
    pub time_ns: i64,
    /// Index into [`Source::interfaces`].
    pub interface: u32,
    /// What the first byte is the beginning of (the `LINKTYPE_` registry, e.g. 1 = Ethernet).
    pub link_type: u16,
    /// Bytes the frame had on the wire; more than `bytes.len()` where the capture cut it (snaplen).
    pub wire_len: u32,
    /// The bytes that were captured.
    pub bytes: &'a [u8],
}

impl Frame<'_> {
    /// The same frame, its time kept within 2^62 nanoseconds of 1970 (1823 to 2116): the time between any two such
    /// frames is a number, whatever a file says.
    pub fn in_time(self) -> Self {
        const MAX_NS: i64 = i64::MAX / 2;
        Self { time_ns: self.time_ns.clamp(-MAX_NS, MAX_NS), ..self }
    }
}

/// An interface that frames were captured on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// Counts from 0 over all sections and files of one call.
    pub id: u32,
    /// Number in the `LINKTYPE_` registry.
    pub link_type: u16,
    /// `if_name` of pcapng, where given.
    pub name: Option<String>,
    /// `if_description` of pcapng, where given.
    pub description: Option<String>,
    /// Longest record the capture was set to keep; 0 = no limit.
    pub snaplen: u32,
}

/// Container format of a capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// libpcap's classic format.
    Pcap,
    /// pcapng (draft-ietf-opsawg-pcapng).
    Pcapng,
    /// None: packets as they pass, without a file.
    Live,
}

impl Format {
    /// The name used in the JSON contract.
    pub fn name(self) -> &'static str {
        match self {
            Format::Pcap => "pcap",
            Format::Pcapng => "pcapng",
            Format::Live => "live",
        }
    }
}

/// Why reading stopped. `reason` is an id under `error.` in docs/words, with its numbers beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The file as the user named it (`-` for standard input, `@name` for bundled).
    pub file: String,
    /// Byte offset in the (decompressed) file of the record that could not be read.
    pub offset: u64,
    /// The frame that could not be read: one more than the frames handed out before from this file.
    pub frame: u64,
    /// What was wrong.
    pub reason: Reason,
}

/// What was wrong with a capture, with the numbers that show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// Zero bytes long.
    Empty,
    /// Neither pcap nor pcapng; the first bytes (up to 4).
    NotACapture {
        /// As they stand in the file.
        magic: Vec<u8>,
    },
    /// The operating system's own words for why it cannot be opened or read.
    Io {
        /// Not translated: it comes from the system.
        message: String,
    },
    /// A directory was named.
    Directory,
    /// No bundled capture of that name; the nearest names.
    NoSuchBundled {
        /// As the user wrote it, without the `@`.
        name: String,
        /// What they may have meant, the likeliest first; may be empty.
        nearest: Vec<String>,
    },
    /// The file is of a version of its format that nobody knows how to read.
    Version {
        /// 2 is the one of pcap, 1 that of pcapng.
        major: u16,
        /// Compatible versions differ here only.
        minor: u16,
    },
    /// The record says `need` bytes, the file has `have` left.
    Cut {
        /// The record's length with its header; its header's length where that itself is cut.
        need: u64,
        /// Bytes from the record's beginning to the end of the file.
        have: u64,
    },
    /// A pcapng block's length field is impossible: not a multiple of four, or too short for what the block holds.
    BlockLength {
        /// The field's value.
        length: u64,
    },
    /// A pcapng block gives its length before and after its body, and the two differ.
    BlockTrailer {
        /// The one before the body.
        length: u64,
        /// The one after it.
        trailer: u64,
    },
    /// A packet in a pcapng block claims more bytes than the block holds.
    PacketLength {
        /// What it claims.
        captured: u64,
        /// What there is in the block.
        room: u64,
    },
    /// A record claims a length that no capture tool writes.
    RecordLength {
        /// The record's length with its header.
        length: u64,
        /// The longest that is read.
        limit: u64,
    },
    /// A packet names an interface that no block describes.
    NoSuchInterface {
        /// Counts from 0 within its section.
        interface: u32,
        /// How many the section had described so far.
        known: u32,
    },
    /// A block or record that makes no sense in some other way; the reader's own words.
    Malformed {
        /// Not translated: it comes from a library.
        detail: String,
    },
    /// The compressed data itself is damaged; the decompressor's own words.
    Compression {
        /// Not translated: it comes from a library.
        detail: String,
    },
}

impl Reason {
    /// Its name: the id of its text among docs/words/errors.toml.
    pub fn id(&self) -> &'static str {
        match self {
            Reason::Empty => "empty",
            Reason::NotACapture { .. } => "not-a-capture",
            Reason::Io { .. } => "io",
            Reason::Directory => "directory",
            Reason::NoSuchBundled { .. } => "no-such-bundled",
            Reason::Version { .. } => "version",
            Reason::Cut { .. } => "cut",
            Reason::BlockLength { .. } => "block-length",
            Reason::BlockTrailer { .. } => "block-trailer",
            Reason::PacketLength { .. } => "packet-length",
            Reason::RecordLength { .. } => "record-length",
            Reason::NoSuchInterface { .. } => "no-such-interface",
            Reason::Malformed { .. } => "malformed",
            Reason::Compression { .. } => "compression",
        }
    }
}

/// A stream of frames.
pub trait Source {
    /// The next frame, `None` at the end. After an error nothing more comes from that file: where several
    /// are read as one, the next call goes on with the file after it; with one it gives `None`.
    ///
    /// # Errors
    /// [`Damage`] where the capture is cut or corrupt; all frames before it have been handed out.
    #[allow(clippy::should_implement_trait)] // it lends its buffer: an Iterator cannot
    fn next(&mut self) -> Result<Option<Frame<'_>>, Damage>;
    /// All interfaces met so far; grows as sections and files are read. Those described before the first frame
    /// are known from the beginning.
    fn interfaces(&self) -> &[Interface];
    /// The file as the user named it; of several, the one that the last frame came from.
    fn name(&self) -> &str;
    /// Container format of that file.
    fn format(&self) -> Format;
    /// Packets that whoever recorded says to have lost, as far as was read.
    fn dropped(&self) -> u64;
    /// Comments of section headers met so far, sanitising left to the renderer.
    fn comments(&self) -> &[String];
    /// Where secrets appear that come along with the frames.
    fn secrets(&self) -> Secrets {
        Secrets::default()
    }
}

/// Name of a link type as Wireshark and tcpdump users know it, or `None` for one that has no decoder here.
pub fn link_name(link_type: u16) -> Option<&'static str> {
    Some(match link_type {
        0 => "NULL",
        1 => "EN10MB",
        12 | 14 | 101 => "RAW",
        108 => "LOOP",
        113 => "LINUX_SLL",
        228 => "IPV4",
        229 => "IPV6",
        276 => "LINUX_SLL2",
        _ => return None,
    })
}
