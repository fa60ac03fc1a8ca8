//! Where recorded packets go: one file, standard output, or a ring of files named as tshark names them.
//!
//! Blocks reach the file whole: the program may be killed at any time, and what is there can be read. Where there is no room left, the
//! file is cut behind its last whole block. Leaves out: what is in the blocks (`writer`).

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::frame::Parts;
use super::writer::{self, Counted};
use crate::capture::Interface;

/// Bytes gathered before they are written.
const GATHERED: usize = 1 << 20;

/// When to go on to the next file, as tshark's `-b`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rotation {
    /// When it has so many bytes.
    pub bytes: Option<u64>,
    /// After so long.
    pub duration: Option<Duration>,
    /// When it has so many packets.
    pub packets: Option<u64>,
    /// How many files to keep; older ones are removed.
    pub files: Option<usize>,
}

impl Rotation {
    /// Whether there is to be more than one file.
    pub fn is_wanted(&self) -> bool {
        self.bytes.is_some() || self.duration.is_some() || self.packets.is_some()
    }
}

/// Where to write.
#[derive(Debug, Clone)]
pub struct Output {
    /// A file; `-` is standard output.
    pub path: String,
    /// Several files instead.
    pub rotation: Rotation,
}

/// Why writing had to end.
#[derive(Debug)]
pub struct Unwritten {
    /// The file.
    pub file: String,
    /// The system's words.
    pub error: io::Error,
}

/// The file that is being written.
#[derive(Debug)]
pub(super) struct Files {
    output: Output,
    interfaces: Vec<Interface>,
    filter: Option<String>,
    target: File,
    name: String,
    buffer: Vec<u8>,
    /// Bytes and packets of this file, those in the buffer included.
    length: u64,
    packets: u64,
    /// Bytes that the system has taken.
    stored: u64,
    opened: Instant,
    opened_ns: i64,
    /// How many files there have been, and those that are still there.
    number: u64,
    kept: VecDeque<String>,
    /// Packets in all files that the system has taken.
    stored_packets: u64,
}

/// Now, as stamps count.
pub(super) fn now_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

impl Files {
    /// Opens the first file and writes its head.
    pub(super) fn create(
        output: Output,
        interfaces: Vec<Interface>,
        filter: Option<String>,
    ) -> Result<Files, Unwritten> {
        let now = now_ns();
        let name = name_of(&output, 1, now);
        let target = open(&name).map_err(|error| Unwritten { file: name.clone(), error })?;
        let mut this = Files {
            output,
            interfaces,
            filter,
            target,
            kept: VecDeque::from([name.clone()]),
            name,
            buffer: Vec::with_capacity(GATHERED + (256 << 10)),
            length: 0,
            packets: 0,
            stored: 0,
            opened: Instant::now(),
            opened_ns: now,
            number: 1,
            stored_packets: 0,
        };
        this.begin()?;
        Ok(this)
    }

    fn begin(&mut self) -> Result<(), Unwritten> {
        writer::head(&mut self.buffer, &self.interfaces, self.filter.as_deref());
        self.length = self.buffer.len() as u64;
        self.flush()
    }

    /// The name of the first file.
    pub(super) fn first(&self) -> &str {
        self.kept.front().map_or("", String::as_str)
    }

    /// The files there are now.
    pub(super) fn kept(&self) -> impl Iterator<Item = &str> {
        self.kept.iter().map(String::as_str)
    }

    /// How many files there have been.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Packets that the system has taken.
    pub(super) fn stored_packets(&self) -> u64 {
        self.stored_packets
    }

    /// Bytes of the file at hand.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// One more packet.
    #[inline]
    pub(super) fn packet(&mut self, interface: u32, frame: &Parts<'_>) -> Result<(), Unwritten> {
        let before = self.buffer.len();
        writer::packet(&mut self.buffer, interface, frame);
        self.length += (self.buffer.len() - before) as u64;
        self.packets += 1;
        if self.buffer.len() >= GATHERED { self.flush() } else { Ok(()) }
    }

    /// Whether it is time for the next file.
    #[inline]
    pub(super) fn is_due(&self) -> bool {
        let rotation = &self.output.rotation;
        self.packets > 0
            && (rotation.bytes.is_some_and(|most| self.length >= most)
                || rotation.packets.is_some_and(|most| self.packets >= most)
                || rotation.duration.is_some_and(|most| self.opened.elapsed() >= most))
    }

    /// Ends this file with what was counted since it began, and goes on to the next.
    pub(super) fn next(&mut self, counted: &[Counted]) -> Result<(), Unwritten> {
        self.finish(counted)?;
        self.number += 1;
        let now = now_ns();
        self.name = name_of(&self.output, self.number, now);
        self.target = open(&self.name).map_err(|error| self.unwritten(error))?;
        self.kept.push_back(self.name.clone());
        if let Some(most) = self.output.rotation.files {
            while self.kept.len() > most.max(1) {
                // That one of them is gone already is nobody's trouble.
                let _ = self.kept.pop_front().map(fs::remove_file);
            }
        }
        (self.packets, self.stored) = (0, 0);
        (self.opened, self.opened_ns) = (Instant::now(), now);
        self.begin()
    }

    /// Ends the file.
    pub(super) fn finish(&mut self, counted: &[Counted]) -> Result<(), Unwritten> {
        let now = now_ns();
        for (interface, counted) in counted.iter().enumerate() {
            writer::statistics(&mut self.buffer, interface as u32, counted, self.opened_ns, now);
        }
        self.flush()
    }

    /// Gives the system all that was gathered.
    pub(super) fn flush(&mut self) -> Result<(), Unwritten> {
        let mut taken = 0;
        while taken < self.buffer.len() {
            match self.target.write(&self.buffer[taken..]) {
                Ok(0) => return Err(self.give_up(taken, io::ErrorKind::WriteZero.into())),
                Ok(count) => taken += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.give_up(taken, error)),
            }
        }
        let (bytes, packets) = whole(&self.buffer, taken);
        self.stored += bytes as u64;
        self.stored_packets += packets;
        self.buffer.clear();
        Ok(())
    }

    /// Cuts off what the system took of a block that it did not take whole.
    fn give_up(&mut self, taken: usize, error: io::Error) -> Unwritten {
        let (bytes, packets) = whole(&self.buffer, taken);
        self.stored += bytes as u64;
        self.stored_packets += packets;
        if self.name != "-" {
            // What cannot be cut is a pipe, and whoever reads it sees that it ends early.
            let _ = self.target.set_len(self.stored);
        }
        self.buffer.clear();
        self.unwritten(error)
    }

    fn unwritten(&self, error: io::Error) -> Unwritten {
        Unwritten { file: self.name.clone(), error }
    }
}

/// Bytes and packets of the whole blocks among the first `taken` bytes.
fn whole(blocks: &[u8], taken: usize) -> (usize, u64) {
    let (mut at, mut packets) = (0, 0);
    let word = |at: usize| u32::from_ne_bytes([blocks[at], blocks[at + 1], blocks[at + 2], blocks[at + 3]]);
    while at + 8 <= blocks.len() {
        let length = word(at + 4) as usize;
        if at + length > taken || length == 0 {
            break;
        }
        packets += u64::from(word(at) == 6);
        at += length;
    }
    (at, packets)
}

/// For the user alone: packets may hold what nobody else should read.
fn open(name: &str) -> io::Result<File> {
    if name == "-" {
        return Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?));
    }
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(name)
}

/// `trace.pcapng` is `trace_00001_20261125074825.pcapng`, as tshark names files of a ring; the time is UTC.
fn name_of(output: &Output, number: u64, now_ns: i64) -> String {
    if !output.rotation.is_wanted() || output.path == "-" {
        return output.path.clone();
    }
    let path = Path::new(&output.path);
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let ending = path.extension().map_or(String::new(), |ending| format!(".{}", ending.to_string_lossy()));
    let name = format!("{stem}_{:05}_{}{ending}", number % 100_000, moment(now_ns));
    path.parent()
        .map_or_else(|| PathBuf::from(&name), |parent| parent.join(&name))
        .to_string_lossy()
        .into_owned()
}

/// Year, month, day, hour, minute, second in UTC, without anything between. The calendar is computed as in Howard Hinnant's
/// `civil_from_days`: years begin in March, so that the leap day is their last.
fn moment(now_ns: i64) -> String {
    let seconds = now_ns.div_euclid(1_000_000_000);
    let (days, of_day) = (seconds.div_euclid(86_400) + 719_468, seconds.rem_euclid(86_400));
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = year + era * 400 + next;
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_a_ring_are_named_as_tshark_names_them() {
        assert_eq!(moment(0), "19700101000000");
        assert_eq!(moment(951_782_400_000_000_000), "20000229000000");
        assert_eq!(moment(1_795_592_905_999_999_999), "20261125074825");
        assert_eq!(moment(1_798_761_599_000_000_000), "20261231235959");
        let output = |path: &str, packets| Output {
            path: path.to_owned(),
            rotation: Rotation { packets, ..Rotation::default() },
        };
        assert_eq!(name_of(&output("a/b.x.pcapng", Some(1)), 12, 0), "a/b.x_00012_19700101000000.pcapng");
        assert_eq!(name_of(&output("trace", Some(1)), 100_001, 0), "trace_00001_19700101000000");
        assert_eq!(name_of(&output("a/b.pcapng", None), 1, 0), "a/b.pcapng");
    }

    #[test]
    fn only_whole_blocks_count() {
        let mut blocks = Vec::new();
        for (kind, length) in [(1_u32, 12_u32), (6, 16), (6, 20)] {
            blocks.extend(kind.to_ne_bytes());
            blocks.extend(length.to_ne_bytes());
            blocks.resize(blocks.len() + length as usize - 8, 0);
        }
        let counts: Vec<_> = [0, 11, 12, 27, 28, 47, 48].map(|taken| whole(&blocks, taken)).into();
        assert_eq!(counts, [(0, 0), (0, 0), (12, 0), (12, 0), (28, 1), (28, 1), (48, 2)]);
    }
}
