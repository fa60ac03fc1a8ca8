//! The explaining side of a live capture: the queue's packets through a session, like a file's, to standard output.
//!
//! What is written waits in a buffer only as long as there are more packets to explain. Leaves out: the capture itself.

use std::cell::RefCell;
use std::io::{self, IsTerminal, Write};
use std::rc::Rc;

use super::{Flags, telling};
use crate::capture::Frame;
use crate::capture::live::{Backlog, Feed, MakeAccept};
use crate::cli::json::{JsonSink, Records};
use crate::cli::options::{Common, FormatName, Recipe};
use crate::cli::output::{self, Out, Problem};
use crate::cli::running::Telling;
use crate::flow::{FlowRecord, Outcome};
use crate::notes::check::Finding;
use crate::render::text::Page;
use crate::session::{Filter, Go, Seen, Session, Sink, Want};
use crate::view::live::Narrator;

/// Standard output, shared by who writes and who sees that there is time to show it.
#[derive(Clone)]
struct Shared(Rc<RefCell<Out>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.borrow_mut().write_all(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.borrow_mut().flush()
    }
}

/// Explains until the capture ends, or `count` packets were told of.
pub(super) fn run(
    common: &Common,
    flags: &Flags,
    session: Session,
    mut feed: Feed,
    count: Option<u64>,
) -> Result<(), Problem> {
    if flags.quiet {
        return Ok(());
    }
    let out = Shared(Rc::new(RefCell::new(output::out())));
    let mut shown = out.clone();
    feed.when_idle(move || {
        // Where it cannot be shown, the next line fails, too.
        let _ = shown.flush();
    });
    let count = count.unwrap_or(u64::MAX);
    if flags.format == FormatName::Json {
        let records = Records::named(&flags.records);
        let session = if records.claim { session.with_claims() } else { session };
        let sink = JsonSink::new(out.clone(), common.lang(), records);
        session.run_source(&mut feed, &mut Counting { sink, left: count })?;
    } else {
        let narrator =
            Narrator::new(common.lang(), flags.time.format(), flags.absolute_seq, flags.verbose > 0);
        let page = Page::new(out.clone(), common.width(), common.colour());
        let wraps = io::stdout().is_terminal();
        // Checking claims costs more than all else, and each is told once: it is the first to go where explaining lags.
        let (lang, mut backlog) = (common.lang(), Some(feed.backlog()));
        let claims = move || {
            if backlog.as_ref().is_some_and(Backlog::is_heavy) {
                backlog = None;
                telling::claims_end(lang);
            }
            backlog.is_some()
        };
        let (only, count_all) = (None, u64::MAX);
        let sink = Telling { page, narrator, wraps, only, count: count_all, claims: Box::new(claims) };
        session.with_claims().run_source(&mut feed, &mut Counting { sink, left: count })?;
    }
    out.0.borrow_mut().flush()?;
    Ok(())
}

/// Chooses packets to be recorded: each is followed like those that are explained, in the thread that captures.
pub(super) fn accept(recipe: Recipe, filter: Filter) -> MakeAccept {
    Box::new(move || {
        let (mut session, mut verdict) = (recipe.session(Some(filter)), Verdict(false));
        Box::new(move |frame| session.frame(*frame, &mut verdict).is_ok() && verdict.0)
    })
}

struct Verdict(bool);

impl Sink for Verdict {
    fn packet(&mut self, seen: &Seen<'_>) -> io::Result<Go> {
        self.0 = seen.chosen;
        Ok(Go::Continue(()))
    }
}

/// Ends when so many packets have been chosen.
struct Counting<S> {
    sink: S,
    left: u64,
}

impl<S: Sink> Sink for Counting<S> {
    fn begin(&mut self, begun: &crate::session::Begun<'_>) -> io::Result<()> {
        self.sink.begin(begun)
    }

    fn wants(&self, frame: &Frame<'_>) -> Want {
        self.sink.wants(frame)
    }

    fn wants_claims(&mut self) -> bool {
        self.sink.wants_claims()
    }

    fn packet(&mut self, seen: &Seen<'_>) -> io::Result<Go> {
        let go = self.sink.packet(seen)?;
        self.left = self.left.saturating_sub(u64::from(seen.chosen));
        Ok(if self.left == 0 { Go::Break(()) } else { go })
    }

    fn flow(&mut self, record: &FlowRecord) -> io::Result<()> {
        self.sink.flow(record)
    }

    fn late(&mut self, findings: &[Finding]) -> io::Result<()> {
        self.sink.late(findings)
    }

    fn claims(&mut self, results: &[crate::notes::check::ClaimResult]) -> io::Result<()> {
        self.sink.claims(results)
    }

    fn end(&mut self, last: &Outcome) -> io::Result<()> {
        self.sink.end(last)
    }
}
