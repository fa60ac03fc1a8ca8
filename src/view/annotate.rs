//! The story of a capture: what is in it, what to look at, then the conversations step by step.
//!
//! [`Collector`] watches the capture go by and keeps, within a budget, the conversations that matter most;
//! [`Collector::screen`] tells of them when it is over.
//!
//! Leaves out: writing (`render::text::annotate`), drawing of ladders (`ladder`).

mod summary;
mod tell;

use std::collections::HashMap;

use super::conversation::{Conversation, Limits, Manner, has_ladder};
use super::ladder::{self, Ladder, Numbers};
use super::span::Line;
use crate::capture::{Damage, Format, Frame, Interface};
use crate::decode::Packet;
use crate::flow::{Event, FlowId, FlowProtocol, FlowRecord, Outcome, Severity};
use crate::notes::check::Finding;
use crate::words::Lang;
use summary::Summary;
pub(super) use summary::{is_opened, manner, name as party_name};
pub(super) use tell::title;

/// A whole screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Screen {
    /// File, format, link, frames, duration; one line a file.
    pub head: Vec<Line>,
    /// One line for each kind of conversation.
    pub summary: Vec<Line>,
    /// Before the findings, e.g. "What to look at:".
    pub look: Line,
    /// The most important findings.
    pub findings: Vec<Line>,
    /// The conversations.
    pub stories: Vec<Story>,
    /// What was left out, and the command that shows it.
    pub rest: Vec<Line>,
}

/// One conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Story {
    /// Protocol, stream, packets.
    pub title: Line,
    /// The ladder, for TCP.
    pub ladder: Option<Ladder>,
    /// Its steps, in phases.
    pub phases: Vec<Phase>,
}

/// A part of a conversation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Phase {
    /// What part; empty where the whole is one.
    pub title: Line,
    /// Its steps.
    pub steps: Vec<Told>,
    /// What the notes claim of it.
    pub claims: Vec<Line>,
    /// Where it is specified.
    pub specs: Vec<String>,
}

/// A step, told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// `#7`, or a range.
    pub number: String,
    /// When, who to whom; empty where the ladder shows it.
    pub head: Line,
    /// What happened.
    pub line: Line,
    /// Why; may be empty.
    pub why: String,
}

/// What is wanted on the screen.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    /// In which language.
    pub lang: Lang,
    /// At most so many conversations; where it is not said, few, but all of a small capture.
    pub limit: Option<usize>,
    /// Only this one.
    pub only: Option<Only>,
    /// Every step with its reasons.
    pub verbose: bool,
    /// Raw sequence numbers.
    pub raw: bool,
}

/// One conversation among all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Only {
    /// By its number over all protocols.
    Flow(FlowId),
    /// By its number in its protocol, as `tcp.stream` counts.
    Stream(FlowProtocol, u64),
}

impl Only {
    /// Whether this is the one.
    pub fn is(&self, record: &FlowRecord) -> bool {
        match *self {
            Only::Flow(id) => record.id == id,
            Only::Stream(protocol, stream) => record.protocol == protocol && record.stream == stream,
        }
    }
}

/// A file that was read.
#[derive(Debug, Clone)]
struct Read {
    name: String,
    format: Format,
    links: Vec<u16>,
    comments: Vec<String>,
}

/// Watches a capture go by.
#[derive(Debug)]
pub struct Collector {
    wish: Wish,
    limits: Limits,
    files: Vec<Read>,
    summary: Summary,
    alive: HashMap<FlowId, Conversation>,
    finished: Vec<Conversation>,
    /// Conversations that ended.
    flows: u64,
    /// Those of them that were asked for.
    chosen: u64,
    weight: usize,
    damages: Vec<String>,
    frames: u64,
    first_ns: Option<i64>,
    /// Earliest and latest time; frames need not come in order.
    span_ns: Option<(i64, i64)>,
}

/// Conversations told where the user does not say how many.
const FEW: usize = 10;
/// A capture of no more frames than this is told whole.
const SMALL: u64 = 150;

/// Events and steps kept of conversations that are still going on; beyond it the less important are forgotten.
const BUDGET: usize = 60_000;

impl Collector {
    /// Nothing seen yet.
    pub fn new(wish: Wish) -> Collector {
        let close = wish.only.is_some() || wish.verbose;
        Collector {
            wish,
            limits: if close { Limits::CLOSE } else { Limits::SCREEN },
            files: Vec::new(),
            summary: Summary::default(),
            alive: HashMap::new(),
            finished: Vec::new(),
            flows: 0,
            chosen: 0,
            weight: 0,
            damages: Vec::new(),
            frames: 0,
            first_ns: None,
            span_ns: None,
        }
    }

    /// A file begins.
    pub fn begin(&mut self, name: &str, format: Format, interfaces: &[Interface], comments: &[String]) {
        let mut links: Vec<u16> = interfaces.iter().map(|interface| interface.link_type).collect();
        links.dedup();
        self.files.push(Read { name: name.to_owned(), format, links, comments: comments.to_vec() });
    }

    /// A packet went by.
    pub fn packet(&mut self, frame: &Frame<'_>, packet: &Packet<'_>, outcome: &Outcome, chosen: bool) {
        self.frames += 1;
        self.first_ns.get_or_insert(frame.time_ns);
        let (early, late) = self.span_ns.unwrap_or((frame.time_ns, frame.time_ns));
        self.span_ns = Some((early.min(frame.time_ns), late.max(frame.time_ns)));
        if chosen {
            self.summary.events(&outcome.events);
        }
        if let Some(id) = outcome.flow {
            let limits = match self.wish.only {
                Some(Only::Flow(only)) if only != id => Limits::NOTHING,
                _ => self.limits,
            };
            let conversation =
                self.alive.entry(id).or_insert_with(|| Conversation::new(id, limits, frame, packet));
            let forgotten = conversation.is_forgotten();
            let weight = conversation.take(frame, packet, outcome);
            self.weight += if forgotten { 0 } else { weight };
        } else if chosen && self.wish.only.is_none() {
            self.summary.alone(packet);
        }
        self.elsewhere(outcome, Some((frame, packet)));
        if self.weight > BUDGET {
            self.slim();
        }
    }

    /// Claims that the packet at hand bears on, or packets told late (`flow` is unknown then).
    pub fn findings(&mut self, findings: &[Finding], flow: Option<FlowId>) {
        for finding in findings {
            let conversation = match flow {
                Some(id) => self.alive.get_mut(&id),
                None => self.alive.values_mut().find(|c| c.has_step(finding.packet)),
            };
            if let Some(conversation) = conversation {
                conversation.mark(finding);
            }
        }
    }

    /// The capture is over; [`Collector::flow`] is told of the rest next.
    pub fn end(&mut self, last: &Outcome) {
        self.summary.events(&last.events);
        self.elsewhere(last, None);
    }

    /// A conversation ended and was chosen.
    pub fn flow(&mut self, record: &FlowRecord) {
        self.flows += 1;
        if self.wish.only.is_some_and(|only| !only.is(record)) {
            return;
        }
        self.chosen += 1;
        self.summary.flow(record);
        let Some(mut conversation) = self.alive.remove(&record.id) else { return };
        conversation.record = Some(record.clone());
        self.finished.push(conversation);
        if self.finished.len() > self.limit().saturating_mul(2).saturating_add(64) {
            self.rank();
        }
    }

    /// A file ends before it should.
    pub fn damaged(&mut self, damage: &Damage, event: &Event) {
        let lang = self.wish.lang;
        self.damages.push(super::error::damaged(lang, damage));
        let _ = event;
    }

    /// The ladder of the one conversation that was asked for, with its title.
    pub fn ladder(self) -> Option<(Vec<Line>, Ladder)> {
        let conversation = self.finished.first()?;
        let record = conversation.record.as_ref()?;
        let numbers = if self.wish.raw { Numbers::Raw } else { Numbers::Both };
        let lang = self.wish.lang;
        let mut heading = vec![tell::title(lang, record)];
        if !has_ladder(record.protocol) {
            let (flow, protocol) = (record.id.to_string(), record.protocol.name().to_uppercase());
            let text = super::say::text(lang, "ladder.not-tcp", &[("flow", &flow), ("protocol", &protocol)]);
            heading.push(Line::new().with(text, super::Role::Dim));
        }
        Some((heading, ladder::of(lang, conversation, record, numbers)))
    }

    /// Whether no conversation was chosen.
    pub fn is_empty(&self) -> bool {
        self.chosen == 0
    }

    /// Conversations that ended so far.
    pub fn flows(&self) -> u64 {
        self.flows
    }

    /// Frames seen.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Events and states of conversations other than the packet's own, or told late.
    fn elsewhere(&mut self, outcome: &Outcome, now: Option<(&Frame<'_>, &Packet<'_>)>) {
        for event in outcome.events.iter().filter(|e| e.flow.is_some() && e.flow != outcome.flow) {
            let Some(conversation) = event.flow.and_then(|id| self.alive.get_mut(&id)) else { continue };
            match now {
                Some((frame, packet)) if frame.number == event.packet => {
                    conversation.guest(frame, packet, outcome, event);
                }
                _ => conversation.late(event),
            }
        }
        for change in outcome.states.iter().filter(|change| Some(change.flow) != outcome.flow) {
            if let Some(conversation) = self.alive.get_mut(&change.flow) {
                conversation.change(*change);
            }
        }
        // Conversations that end with this packet and are not chosen need not be kept.
        for record in &outcome.ended {
            if Some(record.id) != outcome.flow && self.wish.only.is_some_and(|only| !only.is(record)) {
                self.alive.remove(&record.id);
            }
        }
    }

    /// Over budget: what matters less is forgotten.
    fn slim(&mut self) {
        let mut ids: Vec<_> = self.alive.values().map(|c| (c.importance(), c.packets, c.id)).collect();
        ids.sort();
        for (_, _, id) in &ids[..ids.len() - ids.len() / 4] {
            if let Some(conversation) = self.alive.get_mut(id) {
                conversation.forget();
            }
        }
        self.weight /= 4;
    }

    fn limit(&self) -> usize {
        self.wish.limit.unwrap_or(if self.frames <= SMALL { usize::MAX } else { FEW })
    }

    /// Only the most important of those that are over are kept, and of those that went alike first one each: ten
    /// different stories tell more than ten times the same.
    fn rank(&mut self) {
        let limit = self.limit();
        self.finished.sort_by_key(|c| std::cmp::Reverse((c.importance(), std::cmp::Reverse(c.id))));
        let mut alike: HashMap<Manner, usize> = HashMap::new();
        let mut ranked: Vec<(usize, usize, Conversation)> = Vec::with_capacity(self.finished.len());
        for (rank, conversation) in self.finished.drain(..).enumerate() {
            let before = alike.entry(conversation.manner()).or_default();
            ranked.push((*before, rank, conversation));
            *before += 1;
        }
        ranked.sort_by_key(|(before, rank, _)| (*before, *rank));
        ranked.truncate(limit);
        self.finished.extend(ranked.into_iter().map(|(_, _, conversation)| conversation));
    }

    /// What there is to show.
    pub fn screen(mut self) -> Screen {
        let many = self.chosen > self.limit() as u64;
        if many {
            self.rank();
        }
        // Trouble first where there is much to read, and otherwise in the order in which it happened.
        self.finished.sort_by_key(|c| (!(many && c.is_trouble()), c.id));
        let half_closes =
            self.finished.iter().filter_map(|c| tell::half_close(self.wish.lang, c)).take(1).collect();
        let findings = match self.wish.only {
            Some(_) => self.finished.iter().flat_map(tell::remarkable).collect(),
            None => self.summary.take_findings(),
        };
        let mut teller = tell::Teller::new(self.wish, self.first_ns);
        let stories = self.finished.iter().filter_map(|c| teller.story(c)).collect();
        Screen {
            head: summary::head(&self.wish, &self.files, self.frames, self.span_ns),
            summary: self.summary.lines(self.wish.lang),
            look: Line::plain(super::say::word(self.wish.lang, "annotate.look")),
            // Nothing was seen, so nothing can be said to be in order.
            findings: if self.frames == 0 && self.damages.is_empty() {
                Vec::new()
            } else {
                summary::findings(self.wish.lang, &self.damages, half_closes, findings)
            },
            stories,
            rest: summary::rest(self.wish.lang, &self.files, self.chosen, self.finished.len() as u64),
        }
    }
}

/// Whether an event is worth a line among the findings.
fn is_finding(event: &Event) -> bool {
    event.severity >= Severity::Note
}
