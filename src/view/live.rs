//! Packets told as they pass: a line for each, with what happened in it and why, who changed state, what the notes claim; a line for each
//! conversation when it ends. The words are those of a file's story; only the order is that of time.
//!
//! Keeps nothing of a packet. Leaves out: writing, what the capture itself has to say (`cli::live`).

use std::collections::{HashMap, HashSet};

use super::annotate::{is_opened, manner, title};
use super::claims::{self, Mark};
use super::conversation::{is_quiet, is_said_twice};
use super::list::{Lister, main_event, role};
use super::say::{self, thousands};
use super::span::{Line, Role};
use super::time::TimeFormat;
use crate::capture::Frame;
use crate::decode::Packet;
use crate::flow::{Datum, Event, FlowId, FlowRecord, Kind, Outcome, Severity, StateChange};
use crate::notes::check::{Finding, Status};
use crate::words::{self, Lang};

/// What is told of a packet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// Its line.
    pub line: Line,
    /// What stands under it: reasons, further events, states, claims.
    pub under: Vec<Line>,
}

/// Tells one packet after another. A reason is given with the first event of its kind: the second time the reader knows it.
#[derive(Debug)]
pub struct Narrator {
    lang: Lang,
    verbose: bool,
    lister: Lister,
    explained: HashSet<(Kind, &'static str)>,
    /// Claims that were told before: id, and whether as contradicted.
    claimed: HashSet<(&'static str, bool)>,
    /// Events that say the same of every packet, told once in a conversation; those of conversations that go on.
    quiet: HashMap<FlowId, Vec<Kind>>,
}

/// A text of docs/words/live.toml, filled.
pub fn text(lang: Lang, id: &'static str, values: &[(&str, &str)]) -> String {
    words::fill(words::text(lang, "live", id), &|key| {
        values.iter().find(|(known, _)| *known == key).map(|(_, value)| (*value).to_owned())
    })
}

impl Narrator {
    /// Nothing told yet. `raw` is for sequence numbers as they stand in the header; `verbose` repeats reasons.
    pub fn new(lang: Lang, format: TimeFormat, raw: bool, verbose: bool) -> Narrator {
        Narrator {
            lang,
            verbose,
            lister: Lister::new(lang, format, raw),
            explained: HashSet::new(),
            claimed: HashSet::new(),
            quiet: HashMap::new(),
        }
    }

    /// A packet that is not wanted goes by.
    pub fn skip(&mut self, frame: &Frame<'_>) {
        self.lister.skip(frame);
    }

    /// What is told of a packet.
    pub fn packet(
        &mut self,
        frame: &Frame<'_>,
        packet: &Packet<'_>,
        outcome: &Outcome,
        findings: &[Finding],
    ) -> Told {
        let row = self.lister.row(frame, packet, outcome);
        let mut line = Line::new().with(format!("#{}", row.number), Role::Packet);
        line.push(format!("  {}  ", row.time), Role::Dim);
        line.push(row.source, Role::Client);
        line.push(" → ", Role::Plain);
        line.push(row.destination, Role::Server);
        line.push(format!("  {}  ", row.protocol), Role::Protocol);
        line.spans.extend(row.meaning.spans);
        let mut under = Vec::new();
        let main = main_event(frame, outcome);
        if let Some(event) = main {
            self.why(event, &mut under);
        }
        for event in &outcome.events {
            if !main.is_some_and(|main| std::ptr::eq(main, event)) && !self.is_known(event) {
                under.push(self.event(event, event.packet != frame.number));
                self.why(event, &mut under);
            }
        }
        self.states(frame.number, &outcome.states, &mut under);
        self.claims(findings, &mut under);
        Told { line, under }
    }

    /// What is told when the capture is over: what was waited for did not come.
    pub fn late(&mut self, outcome: &Outcome) -> Vec<Line> {
        let mut lines = Vec::new();
        for event in &outcome.events {
            if !self.is_known(event) {
                lines.push(self.event(event, true));
                self.why(event, &mut lines);
            }
        }
        lines
    }

    /// A conversation has ended.
    pub fn flow(&mut self, record: &FlowRecord) -> Line {
        self.quiet.remove(&record.id);
        let lang = self.lang;
        let mut parts = Vec::new();
        if let Some(tcp) = &record.tcp {
            parts.push(manner(lang, "opening", tcp.opening, None));
            if is_opened(tcp.opening) {
                parts.push(manner(lang, "closing", tcp.closing, tcp.initiator_of_close));
            }
        }
        let both = |n: [u64; 2]| format!("{}/{}", thousands(n[0]), thousands(n[1]));
        let values = [
            ("duration", &*say::duration(lang, record.end_ns.saturating_sub(record.start_ns))),
            ("packets", &*both(record.packets)),
            ("bytes", &*both(record.bytes)),
        ];
        parts.push(text(lang, "flow", &values));
        let mut line = Line::new().with("── ", Role::Dim);
        line.spans.extend(title(lang, record).spans);
        line.push(format!("  {}", parts.join(say::word(lang, "word.semicolon"))), Role::Plain);
        line
    }

    /// Whether an event tells nothing that was not told already.
    fn is_known(&mut self, event: &Event) -> bool {
        if is_said_twice(event) {
            return true;
        }
        let (true, Some(flow)) = (is_quiet(event.kind), event.flow) else { return false };
        let kinds = self.quiet.entry(flow).or_default();
        let known = kinds.contains(&event.kind);
        if !known {
            kinds.push(event.kind);
        }
        known
    }

    fn event(&self, event: &Event, elsewhere: bool) -> Line {
        let mut line = Line::new();
        if elsewhere {
            line.push(format!("#{}  ", event.packet), Role::Packet);
        }
        line.with(say::line(self.lang, event), role(event.severity))
    }

    fn why(&mut self, event: &Event, under: &mut Vec<Line>) {
        let new = self.explained.insert((event.kind, event.variant));
        if !(new || self.verbose && event.severity > Severity::Chat) {
            return;
        }
        let said = say::event(self.lang, event);
        if !said.why.is_empty() {
            let mut line = Line::new().with(said.why, Role::Dim);
            let spec = say::spec(said.spec);
            if !spec.is_empty() {
                line.push(format!("  {spec}"), Role::Spec);
            }
            under.push(line);
        }
    }

    fn states(&self, number: u64, states: &[StateChange], under: &mut Vec<Line>) {
        let lang = self.lang;
        let mut line = Line::new();
        // What is merely proved was told when it was assumed.
        for change in states.iter().filter(|change| change.from != change.to) {
            if !line.is_empty() {
                line.push(say::word(lang, "word.semicolon"), Role::Dim);
            }
            if change.packet != number {
                line.push(format!("#{} ", change.packet), Role::Packet);
            }
            line.push(say::datum(lang, "endpoint", &Datum::Name(change.endpoint.name())), Role::Plain);
            line.push(format!(" {} → {}", change.from.name(), change.to.name()), Role::State);
            let basis = match change.basis.name() {
                "received" => say::word(lang, "state.assumed"),
                "timer" => say::word(lang, "state.timer"),
                _ => "",
            };
            if !basis.is_empty() {
                line.push(format!(" {basis}"), Role::Dim);
            }
        }
        if !line.is_empty() {
            under.push(line);
        }
    }

    fn claims(&mut self, findings: &[Finding], under: &mut Vec<Line>) {
        if findings.is_empty() {
            return;
        }
        let mut marks = Vec::new();
        for finding in findings {
            let id: &'static str = &finding.claim.id;
            if self.claimed.insert((id, finding.status == Status::Contradicted)) || self.verbose {
                marks.push(Mark::from(finding));
            }
        }
        under.extend(claims::marks(self.lang, &marks.iter().collect::<Vec<_>>(), self.verbose));
    }
}
