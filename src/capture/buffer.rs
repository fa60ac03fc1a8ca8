//! The read buffer under both container formats: one block of memory that slides over the input.
//!
//! It exists beside the readers of `pcap-file` for three things that those do not give: the exact offset of every
//! record, records longer than the buffer (it grows with what really arrives, up to [`LONGEST`], and shrinks again),
//! and how many bytes of a cut record are there.
//!
//! Leaves out: seeking; an input is read once from its beginning to its end.

use std::io::{self, ErrorKind, Read};
use std::ops::Range;

use super::Reason;
use super::compressed::Input;

/// Bytes asked of the operating system at a time, and the memory of a reader that meets no giant record.
const ROOM: usize = 1 << 20;

/// A record longer than this is taken for damage: no capture tool writes one (libpcap's own limit is 128 MiB).
pub(super) const LONGEST: u64 = 256 << 20;

/// A window on the input.
pub(super) struct Buffer {
    input: Input,
    memory: Vec<u8>,
    /// The bytes read and not yet consumed.
    unread: Range<usize>,
    /// Where `unread` begins in the (decompressed) file.
    offset: u64,
}

impl Buffer {
    pub(super) fn new(input: Input) -> Self {
        Self { input, memory: vec![0; ROOM], unread: 0..0, offset: 0 }
    }

    /// What is read and not yet consumed.
    #[inline]
    pub(super) fn unread(&self) -> &[u8] {
        &self.memory[self.unread.clone()]
    }

    /// Offset in the file of the first unread byte.
    #[inline]
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Step over the first `count` unread bytes; says where they lie, for [`Buffer::consumed`].
    #[inline]
    pub(super) fn consume(&mut self, count: usize) -> Range<usize> {
        let from = self.unread.start;
        self.unread.start = self.unread.end.min(from + count);
        self.offset += (self.unread.start - from) as u64;
        from..self.unread.start
    }

    /// Bytes that were consumed; they stay where they are until the next [`Buffer::want`].
    #[inline]
    pub(super) fn consumed(&self, range: Range<usize>) -> &[u8] {
        &self.memory[range]
    }

    /// Read on until `need` bytes are unread: the length of the record that begins here, as far as it is known.
    /// `false` where the input ends exactly here, so that there is no such record.
    pub(super) fn want(&mut self, need: u64) -> Result<bool, Reason> {
        // No 32-bit overflow: the callers refuse records beyond LONGEST before they ask.
        let enough = self.fill(need.min(LONGEST) as usize).map_err(|error| self.input.reason(&error))?;
        match self.unread.len() as u64 {
            _ if enough => Ok(true),
            0 => Ok(false),
            have => Err(Reason::Cut { need, have }),
        }
    }

    fn fill(&mut self, need: usize) -> io::Result<bool> {
        self.memory.copy_within(self.unread.clone(), 0);
        self.unread = 0..self.unread.len();
        if self.memory.len() > ROOM && need <= ROOM && self.unread.end <= ROOM {
            self.memory.truncate(ROOM);
            self.memory.shrink_to_fit();
        }
        while self.unread.end < need {
            if self.unread.end == self.memory.len() {
                // Double, rather than trust a length field that may lie about what the file holds.
                self.memory.resize(need.min(2 * self.memory.len()), 0);
            }
            match self.input.reader.read(&mut self.memory[self.unread.end..]) {
                Ok(0) => return Ok(false),
                Ok(count) => self.unread.end += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}
