//! The library's front door: open captures, take every frame apart, follow its conversation, hand it to a [`Sink`].
//!
//! One pass in constant memory. A sink never sees more than the packet at hand; what it wants to keep it copies. The
//! same loop serves files and, frame by frame through [`Session::frame`], any other source.
//!
//! Leaves out: what is made of it. Screens are `view`, their writing `render`.

pub mod filter;

use std::io;
use std::ops::ControlFlow;

use crate::capture::{self, Damage, Format, Frame, Interface, Reason, Source};
use crate::decode::{self, Packet};
use crate::flow::{Datum, Event, Kind, Outcome, Tracker};
use crate::wire::Tree;

pub use filter::Filter;

/// Whether a sink wants more; breaking off is no error.
pub type Go = ControlFlow<()>;

/// A file that begins.
#[derive(Debug, Clone, Copy)]
pub struct Begun<'a> {
    /// As the user named it.
    pub file: &'a str,
    /// Container format.
    pub format: Format,
    /// Interfaces described before its first frame; ids count over all files.
    pub interfaces: &'a [Interface],
    /// Comments of its section headers, as they stand in the file.
    pub comments: &'a [String],
}

/// A packet, and all that is known of it now.
#[derive(Debug)]
pub struct Seen<'a> {
    /// The frame; numbers and interfaces count over all files.
    pub frame: Frame<'a>,
    /// Its headers.
    pub packet: &'a Packet<'a>,
    /// What it brought.
    pub outcome: &'a Outcome,
    /// Its fields, where [`Sink::wants_tree`] or the filter asked for them.
    pub tree: Option<&'a Tree>,
    /// Whether the filter holds; true where there is none.
    pub chosen: bool,
    /// The follower, for conversations as far as they have come.
    pub tracker: &'a Tracker,
}

/// Who is told what happens, in capture order.
pub trait Sink {
    /// A file begins.
    ///
    /// # Errors
    /// Those of writing; they end the session.
    fn begin(&mut self, begun: &Begun<'_>) -> io::Result<()> {
        let _ = begun;
        Ok(())
    }

    /// Whether [`Seen::tree`] is to be built for this packet. It costs far more than everything else.
    fn wants_tree(&self, frame: &Frame<'_>, outcome: &Outcome) -> bool {
        let _ = (frame, outcome);
        false
    }

    /// A packet was taken in. Breaking ends the session early, without an error.
    ///
    /// # Errors
    /// Those of writing; they end the session.
    fn packet(&mut self, seen: &Seen<'_>) -> io::Result<Go>;

    /// A file ends before it should; everything before has been told.
    ///
    /// # Errors
    /// Those of writing; they end the session.
    fn damaged(&mut self, damage: &Damage, event: &Event) -> io::Result<()> {
        let _ = (damage, event);
        Ok(())
    }

    /// The captures are over: what was waited for did not come, what is still open is summed up. `filter` decides
    /// on conversations, where there is one.
    ///
    /// # Errors
    /// Those of writing.
    fn end(&mut self, last: &Outcome) -> io::Result<()> {
        let _ = last;
        Ok(())
    }
}

/// How a session ended.
#[derive(Debug, Default)]
pub struct Ending {
    /// Frames read.
    pub frames: u64,
    /// Captures that were cut short or corrupt in the middle; everything before was read.
    pub damages: Vec<Damage>,
}

/// Why a session could not go on.
#[derive(Debug)]
pub enum Failure {
    /// A file cannot be read at all.
    Unreadable(Damage),
    /// The sink could not write.
    Output(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Output(error)
    }
}

/// One pass over captures.
#[derive(Debug, Default)]
pub struct Session {
    tracker: Tracker,
    outcome: Outcome,
    tree: Tree,
    filter: Option<Filter>,
    frames: u64,
    interfaces: u32,
}

impl Session {
    /// A session that looks at every packet, and says of each whether `filter` holds.
    pub fn new(filter: Option<Filter>) -> Session {
        Session { filter, ..Session::default() }
    }

    /// Read captures one after the other (`-` standard input, `@name` bundled), to their ends or until `sink` breaks.
    ///
    /// # Errors
    /// [`Failure`] where a file cannot be read at all, or the sink cannot write.
    pub fn run(mut self, files: &[String], sink: &mut impl Sink) -> Result<Ending, Failure> {
        // Better said before hours of work than after: files that are not there at all.
        for file in files.iter().skip(1) {
            exists(file).map_err(Failure::Unreadable)?;
        }
        let mut damages = Vec::new();
        for file in files {
            let mut source = capture::open(file).map_err(Failure::Unreadable)?;
            match self.read(&mut source, sink)? {
                (Go::Break(()), _) => return Ok(Ending { frames: self.frames, damages }),
                (Go::Continue(()), damage) => damages.extend(damage),
            }
        }
        self.tracker.finish(&mut self.outcome);
        sink.end(&self.outcome)?;
        Ok(Ending { frames: self.frames, damages })
    }

    /// Read one source to its end, its damage, or until `sink` breaks.
    ///
    /// # Errors
    /// [`Failure::Output`] where the sink cannot write.
    fn read(
        &mut self,
        source: &mut impl Source,
        sink: &mut impl Sink,
    ) -> Result<(Go, Option<Damage>), Failure> {
        let first_interface = self.interfaces;
        let first_frame = self.frames;
        let mut interfaces = source.interfaces().to_vec();
        for interface in &mut interfaces {
            interface.id += first_interface;
        }
        sink.begin(&Begun {
            file: source.name(),
            format: source.format(),
            interfaces: &interfaces,
            comments: source.comments(),
        })?;
        let damage = loop {
            match source.next() {
                Ok(Some(frame)) => {
                    let frame = Frame {
                        number: self.frames + 1,
                        interface: frame.interface + first_interface,
                        ..frame
                    };
                    if self.frame(frame, sink)?.is_break() {
                        return Ok((Go::Break(()), None));
                    }
                }
                Ok(None) => break None,
                Err(damage) => break Some(damage),
            }
        };
        self.interfaces += source.interfaces().len() as u32;
        if let Some(damage) = &damage {
            sink.damaged(damage, &damaged(damage, first_frame + damage.frame))?;
        }
        Ok((Go::Continue(()), damage))
    }

    /// Take in one frame.
    ///
    /// # Errors
    /// Those of the sink's writing.
    #[inline]
    pub fn frame(&mut self, frame: Frame<'_>, sink: &mut impl Sink) -> io::Result<Go> {
        self.frames = frame.number;
        let packet = decode::decode(&frame);
        self.tracker.process(&frame, &packet, &mut self.outcome);
        let filter_needs = self.filter.as_ref().is_some_and(Filter::needs_tree);
        let tree = if filter_needs || sink.wants_tree(&frame, &self.outcome) {
            decode::build(&frame, &packet, &self.outcome.context, &mut self.tree);
            Some(&self.tree)
        } else {
            None
        };
        let chosen = match &mut self.filter {
            Some(filter) => filter.holds(&frame, &packet, tree, &self.outcome, &self.tracker),
            None => true,
        };
        let outcome = &self.outcome;
        sink.packet(&Seen { frame, packet: &packet, outcome, tree, chosen, tracker: &self.tracker })
    }
}

/// Whether a file that is to be read later is there, as far as that can be seen without opening it.
fn exists(name: &str) -> Result<(), Damage> {
    let reason = match name.strip_prefix('@') {
        Some(bundled) => capture::bundled::find(bundled).err(),
        None if name == "-" => None,
        None => match std::fs::metadata(name) {
            Ok(metadata) if metadata.is_dir() => Some(Reason::Directory),
            Ok(_) => None,
            Err(error) => Some(Reason::Io { message: error.to_string() }),
        },
    };
    match reason {
        Some(reason) => Err(Damage { file: name.to_owned(), offset: 0, frame: 1, reason }),
        None => Ok(()),
    }
}

/// The event that tells of damage. `frame` is the number the unreadable frame would have had.
fn damaged(damage: &Damage, frame: u64) -> Event {
    Event::new(Kind::CaptureDamaged, frame, None)
        .with("file", Datum::Text(damage.file.clone()))
        .with("offset", Datum::Uint(damage.offset))
        .with("frame", Datum::Uint(damage.frame))
        .with("reason", Datum::Text(reason_id(&damage.reason).to_owned()))
}

/// A reason's id: the last part of its text's id under `error.` in docs/words.
pub fn reason_id(reason: &Reason) -> &'static str {
    match reason {
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
