//! Telling as it happens: one line a packet with what it means, one line a conversation when it ends. For live captures, and for files that
//! grow.
//!
//! Leaves out: where the packets come from.

use std::io::{self, Write};

use super::options;
use crate::capture::Frame;
use crate::flow::{FlowRecord, Outcome};
use crate::render::text::{Page, line_width};
use crate::session::{Go, Seen, Sink, Want};
use crate::view::Line;
use crate::view::annotate::Only;
use crate::view::live::Narrator;

/// Columns that what stands under a packet's line is moved in.
const INDENT: usize = 4;

/// A sink that tells.
pub(super) struct Telling<W: Write> {
    /// Where to.
    pub page: Page<W>,
    /// Who finds the words.
    pub narrator: Narrator,
    /// Whether long lines are broken: not where a program may look for something in them.
    pub wraps: bool,
    /// Only one conversation.
    pub only: Option<Only>,
    /// Frames to read at most.
    pub count: u64,
    /// Whether claims are still to be checked.
    pub claims: Box<dyn FnMut() -> bool>,
}

impl<W: Write> Telling<W> {
    fn paragraph(&mut self, line: &Line, indent: usize) -> io::Result<()> {
        self.page.blanks(indent)?;
        if !self.wraps || indent + line_width(line) <= self.page.width() {
            return self.page.line(line);
        }
        self.page.paragraph(line, indent, indent + 2)
    }
}

impl<W: Write> Sink for Telling<W> {
    fn wants(&self, _: &Frame<'_>) -> Want {
        Want::Context
    }

    fn wants_claims(&mut self) -> bool {
        (self.claims)()
    }

    fn packet(&mut self, seen: &Seen<'_>) -> io::Result<Go> {
        let go = if seen.frame.number >= self.count { Go::Break(()) } else { Go::Continue(()) };
        if !seen.chosen || !self.only.is_none_or(|only| options::is_of(only, seen.outcome)) {
            self.narrator.skip(&seen.frame);
            return Ok(go);
        }
        let told = self.narrator.packet(&seen.frame, seen.packet, seen.outcome, seen.findings);
        self.paragraph(&told.line, 0)?;
        for line in &told.under {
            self.paragraph(line, INDENT)?;
        }
        Ok(go)
    }

    fn flow(&mut self, record: &FlowRecord) -> io::Result<()> {
        if !self.only.is_none_or(|only| only.is(record)) {
            return Ok(());
        }
        let line = self.narrator.flow(record);
        self.paragraph(&line, 0)
    }

    fn end(&mut self, last: &Outcome) -> io::Result<()> {
        for line in self.narrator.late(last) {
            self.paragraph(&line, 0)?;
        }
        Ok(())
    }
}
