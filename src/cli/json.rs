//! The sink that writes the contract's records as they come; serves every command that has `--format json`.

use std::io::{self, Write};

use super::output::{self, Done, Problem};
use super::{follow, options};
use crate::capture::{Damage, Frame};
use crate::flow::{Datum, Event, FlowRecord, Outcome};
use crate::notes::check::{ClaimResult, Finding};
use crate::render::json::Lines;
use crate::session::{Begun, Go, Seen, Session, Sink, Want};
use crate::view::annotate::Only;
use crate::view::claims::ClaimRecord;
use crate::view::record::{CaptureRecord, EventRecord, FlowObject, PacketRecord, StateRecord};
use crate::view::{error, say};
use crate::words::Lang;

/// Which kinds of records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Records {
    /// A file begins.
    pub capture: bool,
    /// One a frame.
    pub packet: bool,
    /// What happened.
    pub event: bool,
    /// Who changed state.
    pub state: bool,
    /// Conversations summed up.
    pub flow: bool,
    /// What the notes' claims come to.
    pub claim: bool,
}

impl Records {
    /// All kinds.
    pub const ALL: Records =
        Records { capture: true, packet: true, event: true, state: true, flow: true, claim: true };

    /// Those that `--records` names, and what begins every answer.
    pub fn named(kinds: &[String]) -> Records {
        let wants = |kind: &str| kinds.iter().any(|wanted| wanted == kind);
        Records {
            capture: true,
            packet: wants("packet"),
            event: wants("event"),
            state: wants("state"),
            flow: wants("flow"),
            claim: wants("claim"),
        }
    }
}

/// Writes records.
#[derive(Debug)]
pub struct JsonSink<W: Write> {
    /// Where they go.
    pub lines: Lines<W>,
    /// Language of the sentences.
    pub lang: Lang,
    /// Kinds.
    pub records: Records,
    /// Only one conversation.
    pub only: Option<Only>,
    /// Only one packet.
    pub packet: Option<u64>,
    /// Frames to read at most.
    pub count: u64,
    /// Whether anything that was asked for by number was met.
    pub met: bool,
    /// Conversations told of.
    pub flows: u64,
    /// Claims that the events of the end bear on: index of the event, id.
    late: Vec<(Option<usize>, &'static str)>,
}

/// Writes the records of captures; of one that is followed, or comes through a pipe, as they come, which makes them no others.
/// Besides: whether anything of `only` was met, and how many conversations there were.
///
/// # Errors
/// [`Problem`] where a capture cannot be read, or standard output not be written.
pub(super) fn write(
    lang: Lang,
    session: Session,
    files: &[String],
    records: Records,
    (only, count): (Option<Only>, u64),
    follows: bool,
) -> Result<(Done, bool, u64), Problem> {
    if follows || files == ["-"] {
        let out = output::shared();
        let mut sink = JsonSink { only, count, ..JsonSink::new(out.clone(), lang, records) };
        let done = follow::run(lang, session, files, out, &mut sink)?;
        return Ok((done, sink.met, sink.flows));
    }
    let mut sink = JsonSink { only, count, ..JsonSink::new(output::out(), lang, records) };
    let ending = session.run(files, &mut sink)?;
    sink.lines.flush()?;
    Ok((ending.into(), sink.met, sink.flows))
}

impl<W: Write> JsonSink<W> {
    /// A sink for all packets and conversations.
    pub fn new(out: W, lang: Lang, records: Records) -> JsonSink<W> {
        let lines = Lines::new(out);
        JsonSink {
            lines,
            lang,
            records,
            only: None,
            packet: None,
            count: u64::MAX,
            met: false,
            flows: 0,
            late: Vec::new(),
        }
    }

    fn event(&mut self, event: &Event, claims: &[&str]) -> io::Result<()> {
        let text = say::line(self.lang, event);
        self.lines.line(&EventRecord { event, text: &text, claims })
    }

    fn events(
        &mut self,
        outcome: &Outcome,
        claims: &[(Option<usize>, &'static str)],
        wanted: impl Fn(&Event) -> bool,
    ) -> io::Result<()> {
        if !self.records.event {
            return Ok(());
        }
        for (index, event) in outcome.events.iter().enumerate().filter(|(_, event)| wanted(event)) {
            let of_it = claims.iter().filter(|(at, _)| *at == Some(index)).map(|(_, id)| *id);
            let mut ids: Vec<&str> = of_it.collect();
            ids.dedup();
            self.event(event, &ids)?;
        }
        Ok(())
    }

    fn states(&mut self, outcome: &Outcome) -> io::Result<()> {
        if self.records.state {
            // What is merely proved was told when it was assumed.
            for change in outcome.states.iter().filter(|change| change.from != change.to) {
                self.lines.line(&StateRecord(change))?;
            }
        }
        Ok(())
    }

    /// Whether a packet belongs to what was asked for.
    fn wants_packet(&self, seen: &Seen<'_>) -> bool {
        let outcome = seen.outcome;
        let of_flow = self.only.is_none_or(|only| options::is_of(only, outcome));
        seen.chosen && of_flow && self.packet.is_none_or(|number| number == seen.frame.number)
    }
}

impl<W: Write> Sink for JsonSink<W> {
    fn begin(&mut self, begun: &Begun<'_>) -> io::Result<()> {
        if !self.records.capture {
            return Ok(());
        }
        self.lines.line(&CaptureRecord {
            file: begun.file,
            format: begun.format,
            interfaces: begun.interfaces,
            comments: begun.comments,
        })
    }

    fn wants(&self, frame: &Frame<'_>) -> Want {
        let wanted = self.packet.is_none_or(|number| number == frame.number);
        if self.records.packet && wanted {
            Want::Tree
        } else if self.only.is_some() {
            Want::Context
        } else {
            Want::Outcome
        }
    }

    fn packet(&mut self, seen: &Seen<'_>) -> io::Result<Go> {
        if self.wants_packet(seen) {
            self.met = true;
            if let (true, Some(tree)) = (self.records.packet, seen.tree) {
                self.lines.line(&PacketRecord { frame: &seen.frame, tree })?;
            }
            self.events(seen.outcome, &ids(seen.findings), |_| true)?;
            self.states(seen.outcome)?;
        }
        let enough =
            seen.frame.number >= self.count || self.packet.is_some_and(|number| number <= seen.frame.number);
        Ok(if enough { Go::Break(()) } else { Go::Continue(()) })
    }

    fn damaged(&mut self, damage: &Damage, event: &Event) -> io::Result<()> {
        if !self.records.event {
            return Ok(());
        }
        // The record has the reason's id, the sentence its words.
        let mut told = event.clone();
        for (key, value) in &mut told.data {
            if *key == "reason" {
                *value = Datum::Text(error::reason(self.lang, &damage.reason));
            }
        }
        let text = say::line(self.lang, &told);
        self.lines.line(&EventRecord { event, text: &text, claims: &[] })
    }

    fn flow(&mut self, record: &FlowRecord) -> io::Result<()> {
        self.flows += 1;
        if self.records.flow && self.only.is_none_or(|only| only.is(record)) {
            self.met = true;
            self.lines.line(&FlowObject(record))?;
        }
        Ok(())
    }

    fn late(&mut self, findings: &[Finding]) -> io::Result<()> {
        self.late = ids(findings);
        Ok(())
    }

    fn claims(&mut self, results: &[ClaimResult]) -> io::Result<()> {
        if self.records.claim && self.only.is_none() && self.packet.is_none() {
            results.iter().try_for_each(|result| self.lines.line(&ClaimRecord::new(result)))?;
        }
        Ok(())
    }

    fn end(&mut self, last: &Outcome) -> io::Result<()> {
        if self.packet.is_some() {
            return Ok(());
        }
        let only = self.only;
        let late = std::mem::take(&mut self.late);
        self.events(last, &late, |event| match only {
            None => true,
            Some(Only::Flow(id)) => event.flow == Some(id),
            Some(Only::Stream(..)) => false,
        })?;
        if only.is_none() { self.states(last) } else { Ok(()) }
    }
}

/// Which event each finding is of, and the claim's id.
fn ids(findings: &[Finding]) -> Vec<(Option<usize>, &'static str)> {
    findings.iter().map(|finding| (finding.event, finding.claim.id.as_str())).collect()
}
