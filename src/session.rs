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
use crate::flow::{Compat, Datum, Event, FlowRecord, Kind, Outcome, Tracker};
use crate::notes::check::{Checker, ClaimResult, Finding, Moment};
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
    /// Its fields, where [`Sink::wants`] or the filter asked for them.
    pub tree: Option<&'a Tree>,
    /// Which claims of the notes it bears on, where [`Session::with_claims`] asked for them.
    pub findings: &'a [Finding],
    /// Whether the filter holds; true where there is none.
    pub chosen: bool,
}

/// How much is to be worked out for a packet, each including those before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Want {
    /// Events, states, conversations.
    Outcome,
    /// What the follower knows of the packet: relative numbers, pieces of a stream.
    Context,
    /// Every field. Costs far more than everything else.
    Tree,
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

    /// How much is to be worked out for this packet.
    fn wants(&self, frame: &Frame<'_>) -> Want {
        let _ = frame;
        Want::Outcome
    }

    /// Whether the rules put to this packet's TCP segment are to be kept ([`Outcome::why`]).
    fn asks_why(&self, frame: &Frame<'_>) -> bool {
        let _ = frame;
        false
    }

    /// Whether the notes' claims are still to be put to what is seen, where they were asked for. Once not, never again.
    fn wants_claims(&mut self) -> bool {
        true
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

    /// A conversation ended, and the filter chose it. Told after the packet that ended it.
    ///
    /// # Errors
    /// Those of writing; they end the session.
    fn flow(&mut self, record: &FlowRecord) -> io::Result<()> {
        let _ = record;
        Ok(())
    }

    /// What `last` of [`Sink::end`] bears on; told right before it.
    ///
    /// # Errors
    /// Those of writing.
    fn late(&mut self, findings: &[Finding]) -> io::Result<()> {
        let _ = findings;
        Ok(())
    }

    /// What the captures say of the notes' claims, in the ledger's order. Told last, where they were asked for.
    ///
    /// # Errors
    /// Those of writing.
    fn claims(&mut self, results: &[ClaimResult]) -> io::Result<()> {
        let _ = results;
        Ok(())
    }

    /// The captures are over, or the sink has broken off: what was waited for did not come. What was still open is
    /// told by [`Sink::flow`] next.
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
    checker: Option<Checker>,
    findings: Vec<Finding>,
    frames: u64,
    interfaces: u32,
    /// Packets that the recordings themselves lost.
    dropped: u64,
}

impl Session {
    /// A session that looks at every packet, and says of each whether `filter` holds.
    pub fn new(filter: Option<Filter>) -> Session {
        Session { filter, ..Session::default() }
    }

    /// The same session, labelling TCP segments as another tool does.
    pub fn with_compat(mut self, compat: Option<Compat>) -> Session {
        self.tracker = Tracker::with_compat(compat);
        self
    }

    /// The same session, with a TLS key log: what it has secrets of is decrypted.
    pub fn with_secrets(mut self, text: &[u8]) -> Session {
        self.tracker.add_secrets(text);
        self
    }

    /// The same session, putting the notes' claims to what it sees.
    pub fn with_claims(mut self) -> Session {
        self.checker = Some(Checker::default());
        self
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
                (Go::Break(()), _) => break,
                (Go::Continue(()), damage) => damages.extend(damage),
            }
        }
        self.finish(sink)?;
        Ok(Ending { frames: self.frames, damages })
    }

    /// The same for a source that is open already.
    ///
    /// # Errors
    /// [`Failure::Output`] where the sink cannot write.
    pub fn run_source(mut self, source: &mut impl Source, sink: &mut impl Sink) -> Result<Ending, Failure> {
        let (_, damage) = self.read(source, sink)?;
        self.finish(sink)?;
        Ok(Ending { frames: self.frames, damages: damage.into_iter().collect() })
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
        let secrets = source.secrets();
        let damage = loop {
            match source.next() {
                Ok(Some(frame)) => {
                    for text in secrets.take() {
                        self.tracker.add_secrets(&text);
                    }
                    let frame = Frame {
                        // A live source leaves out what it has no time for; its numbers go on.
                        number: first_frame + frame.number,
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
        self.dropped += source.dropped();
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
        let frame = frame.in_time();
        let mut want = sink.wants(&frame);
        if self.filter.as_ref().is_some_and(Filter::needs_tree) {
            want = Want::Tree;
        }
        if self.checker.is_some() && !sink.wants_claims() {
            self.checker = None;
        }
        let packet = decode::decode(&frame);
        self.outcome.wants_why = sink.asks_why(&frame);
        self.outcome.wants_context = want >= Want::Context || self.checker.is_some();
        self.tracker.process(&frame, &packet, &mut self.outcome);
        let outcome = &self.outcome;
        let claims = self.checker.as_mut().map(|checker| checker.wants(&frame, &packet, outcome));
        let tree = if want == Want::Tree || claims.is_some_and(|wants| wants.tree) {
            decode::build(&frame, &packet, &outcome.context, &mut self.tree);
            Some(&self.tree)
        } else {
            None
        };
        let chosen = match &mut self.filter {
            Some(filter) => filter.holds(&frame, tree, outcome, &mut self.tracker),
            None => true,
        };
        self.findings.clear();
        if let (Some(checker), Some(wants)) = (&mut self.checker, claims) {
            let flow = match outcome.flow {
                Some(id) if wants.flow => self.tracker.snapshot(id),
                _ => None,
            };
            let moment = Moment { frame: &frame, packet: &packet, outcome, tree, flow: flow.as_ref() };
            checker.packet(&moment, &mut self.findings);
        }
        let seen = Seen { frame, packet: &packet, outcome, tree, findings: &self.findings, chosen };
        let go = sink.packet(&seen)?;
        self.ended(sink)?;
        Ok(go)
    }

    /// The capture is over.
    ///
    /// # Errors
    /// Those of the sink's writing.
    pub fn finish(&mut self, sink: &mut impl Sink) -> io::Result<()> {
        self.tracker.finish(&mut self.outcome);
        if self.dropped > 0 {
            let event = Event::new(Kind::CaptureDropped, self.frames, None);
            self.outcome.events.push(event.with("count", Datum::Uint(self.dropped)));
        }
        self.findings.clear();
        if let Some(checker) = &mut self.checker {
            checker.end(&self.outcome, &mut self.findings);
            sink.late(&self.findings)?;
        }
        sink.end(&self.outcome)?;
        self.ended(sink)?;
        match &self.checker {
            Some(checker) => sink.claims(&checker.results()),
            None => Ok(()),
        }
    }

    fn ended(&mut self, sink: &mut impl Sink) -> io::Result<()> {
        for record in &self.outcome.ended {
            if self.filter.as_mut().is_none_or(|filter| filter.chose(record)) {
                sink.flow(record)?;
            }
        }
        Ok(())
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
        .with("reason", Datum::Text(damage.reason.id().to_owned()))
}
