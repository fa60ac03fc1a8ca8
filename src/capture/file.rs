//! The front door for captures that are read, not taken: a path, `-` for standard input, `@name` for a bundled one,
//! or several of them read as one. What a file is, is told by its content.
//!
//! Implements no format of its own: `pcap` (draft-ietf-opsawg-pcap) and `pcapng` (draft-ietf-opsawg-pcapng) do.
//!
//! Leaves out: other containers (snoop, ERF, ...), sorting several files by time: they are read in the order given.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Cursor};

use super::buffer::Buffer;
use super::bundled;
use super::compressed::{Bytes, Input};
use super::pcap::{self, Pcap};
use super::pcapng::{self, Pcapng};
use super::{Damage, Format, Frame, Interface, Met, Reason, Record, Secrets, Source};

/// One or several captures as one stream: frames and interfaces count on from file to file.
pub struct Files {
    now: Opened,
    waiting: VecDeque<String>,
    met: Met,
    /// Frames handed out, of all files.
    frames: u64,
}

/// A file that is being read.
struct Opened {
    name: String,
    buffer: Buffer,
    container: Container,
    /// Frames handed out of this file.
    frames: u64,
    record: Record,
    state: State,
}

enum Container {
    Pcap(Pcap),
    Pcapng(Pcapng),
}

/// What the next call has to do.
enum State {
    /// The first frame, the end or the damage before it is already found.
    Ahead(Result<bool, Damage>),
    Reading,
    Over,
}

/// Open one capture: a path, `-` or `@name`.
///
/// # Errors
/// Where not even the file's header can be read. Damage behind it comes from [`Source::next`].
pub fn open(name: &str) -> Result<Files, Damage> {
    start(name.to_owned(), VecDeque::new(), None)
}

/// Open several captures, to be read one after the other.
///
/// # Errors
/// Where the first cannot be opened, or one of the others is not there at all: better said before hours of work than
/// after. What else is wrong with those is found when their turn comes, in [`Source::next`]. No name at all is an
/// empty capture.
pub fn open_all(names: &[String]) -> Result<Files, Damage> {
    let mut waiting: VecDeque<String> = names.iter().cloned().collect();
    let first = waiting.pop_front().ok_or_else(|| Damage::of_file("", Reason::Empty))?;
    for name in names.iter().skip(1) {
        exists(name).map_err(|reason| Damage::of_file(name, reason))?;
    }
    start(first, waiting, None)
}

/// Read a capture from memory or from any other stream of bytes; `name` is what damage in it is reported under.
///
/// # Errors
/// As [`open`].
pub fn from_reader(name: &str, bytes: Bytes) -> Result<Files, Damage> {
    start(name.to_owned(), VecDeque::new(), Some(bytes))
}

fn start(first: String, waiting: VecDeque<String>, bytes: Option<Bytes>) -> Result<Files, Damage> {
    let mut met = Met::default();
    let now = Opened::new(first, bytes, &mut met)?;
    Ok(Files { now, waiting, met, frames: 0 })
}

/// Whether a file that is to be read later is there, as far as that can be seen without opening it.
fn exists(name: &str) -> Result<(), Reason> {
    if name == "-" {
        return Ok(());
    }
    match name.strip_prefix('@') {
        Some(name) => bundled::find(name).map(drop),
        None if fs::metadata(name).map_err(|error| io_reason(&error))?.is_dir() => Err(Reason::Directory),
        None => Ok(()),
    }
}

fn bytes(name: &str) -> Result<Bytes, Reason> {
    if name == "-" {
        return Ok(Box::new(io::stdin()));
    }
    if let Some(name) = name.strip_prefix('@') {
        return Ok(Box::new(Cursor::new(bundled::find(name)?.bytes)));
    }
    let file = File::open(name).map_err(|error| io_reason(&error))?;
    // A directory opens like a file on Unix and fails only when it is read.
    match file.metadata() {
        Ok(metadata) if metadata.is_dir() => Err(Reason::Directory),
        _ => Ok(Box::new(file)),
    }
}

fn io_reason(error: &io::Error) -> Reason {
    Reason::Io { message: error.to_string() }
}

impl Damage {
    /// Damage that concerns the file as a whole.
    fn of_file(name: &str, reason: Reason) -> Self {
        Self { file: name.to_owned(), offset: 0, frame: 1, reason }
    }
}

impl Opened {
    fn new(name: String, given: Option<Bytes>, met: &mut Met) -> Result<Self, Damage> {
        let open = |met: &mut Met| {
            let raw = given.map_or_else(|| bytes(&name), Ok)?;
            let mut buffer = Buffer::new(Input::detect(raw)?);
            let container = Container::open(&mut buffer, met)?;
            Ok((buffer, container))
        };
        let (buffer, container) = open(met).map_err(|reason| Damage::of_file(&name, reason))?;
        let record = Record::default();
        let mut this = Self { name, buffer, container, frames: 0, record, state: State::Reading };
        // Interfaces are described before the first packet that needs them: go there, so that they are known.
        let first = this.read(met);
        this.state = State::Ahead(first);
        Ok(this)
    }

    /// Go to the next frame; `false` at the end.
    #[inline]
    fn advance(&mut self, met: &mut Met) -> Result<bool, Damage> {
        let found = match std::mem::replace(&mut self.state, State::Reading) {
            State::Reading => self.read(met),
            State::Ahead(found) => found,
            State::Over => Ok(false),
        };
        match found {
            Ok(true) => self.frames += 1,
            _ => self.state = State::Over,
        }
        found
    }

    #[inline]
    fn read(&mut self, met: &mut Met) -> Result<bool, Damage> {
        let next = match &mut self.container {
            Container::Pcap(pcap) => pcap.advance(&mut self.buffer),
            Container::Pcapng(pcapng) => pcapng.advance(&mut self.buffer, met),
        };
        match next {
            Ok(Some(record)) => {
                self.record = record;
                Ok(true)
            }
            Ok(None) => Ok(false),
            // Nothing of a damaged record is consumed: the buffer still stands at its beginning.
            Err(reason) => Err(Damage {
                file: self.name.clone(),
                offset: self.buffer.offset(),
                frame: self.frames + 1,
                reason,
            }),
        }
    }
}

impl Container {
    fn open(buffer: &mut Buffer, met: &mut Met) -> Result<Self, Reason> {
        const MAGIC: usize = 4;
        match buffer.want(MAGIC as u64) {
            Ok(true) => {}
            Ok(false) => return Err(Reason::Empty),
            Err(Reason::Cut { .. }) => return Err(Reason::NotACapture { magic: buffer.unread().to_vec() }),
            Err(reason) => return Err(reason),
        }
        let magic = &buffer.unread()[..MAGIC];
        if pcapng::recognise(magic) {
            return Ok(Self::Pcapng(Pcapng::open(buffer, met)?));
        }
        if pcap::recognise(magic) {
            let (pcap, link_type, snaplen) = Pcap::open(buffer, met.interfaces.len() as u32)?;
            met.interface(link_type, snaplen, None, None)?;
            return Ok(Self::Pcap(pcap));
        }
        Err(Reason::NotACapture { magic: magic.to_vec() })
    }
}

impl Source for Files {
    #[inline]
    fn next(&mut self) -> Result<Option<Frame<'_>>, Damage> {
        while !self.now.advance(&mut self.met)? {
            let Some(name) = self.waiting.pop_front() else { return Ok(None) };
            self.now = Opened::new(name, None, &mut self.met)?;
        }
        self.frames += 1;
        let record = &self.now.record;
        Ok(Some(Frame {
            number: self.frames,
            time_ns: record.time_ns,
            interface: record.interface,
            link_type: record.link_type,
            wire_len: record.wire_len,
            bytes: self.now.buffer.consumed(record.bytes.clone()),
        }))
    }

    fn interfaces(&self) -> &[Interface] {
        &self.met.interfaces
    }

    fn name(&self) -> &str {
        &self.now.name
    }

    fn format(&self) -> Format {
        match self.now.container {
            Container::Pcap(_) => Format::Pcap,
            Container::Pcapng(_) => Format::Pcapng,
        }
    }

    fn dropped(&self) -> u64 {
        self.met.dropped()
    }

    fn comments(&self) -> &[String] {
        &self.met.comments
    }

    fn secrets(&self) -> Secrets {
        self.met.secrets.clone()
    }
}
