//! The evidence of a lesson: what its `show` directives draw, collected while the capture goes by.
//!
//! Leaves out: which packets are meant (`lesson::join`), writing (`render::text::lesson`).

use std::collections::VecDeque;

use super::said;
use crate::capture::Frame;
use crate::decode::Packet;
use crate::flow::{FlowId, FlowRecord, Outcome};
use crate::lesson::bind::{Lazy, Records};
use crate::lesson::join::Bound;
use crate::lesson::{Lesson, Part, Show, What};
use crate::notes::expression::{Chain, Expression};
use crate::notes::facts::{FlowFacts, Happened};
use crate::protocol::Protocol;
use crate::view::annotate::{Collector, Only, Wish};
use crate::view::evidence;
use crate::view::flows::{Chooser, Table};
use crate::view::hex::{self, HexLine};
use crate::view::ladder::{Ladder, Rung};
use crate::view::layers::{self, LayersView, Stacks};
use crate::view::list::{Lister, Row};
use crate::view::packet::{self, PacketView};
use crate::view::say::thousands;
use crate::view::time::TimeFormat;
use crate::view::{Line, Role};
use crate::wire::{Node, NodeKind, Tree};
use crate::words::Lang;

/// Evidence, drawn.
#[derive(Debug, Clone)]
pub enum Exhibit {
    /// A packet's fields.
    Packet(Box<PacketView>),
    /// Some of them with their bytes.
    Fields(Box<evidence::Exhibit>),
    /// Bytes; which are marked is said above them.
    Bytes {
        /// The packet's number, size and time.
        head: Line,
        /// What is marked.
        marked: Line,
        /// The bytes.
        lines: Vec<HexLine>,
    },
    /// Boxes in boxes.
    Layers(Box<LayersView>),
    /// A conversation.
    Ladder {
        /// Which.
        heading: Vec<Line>,
        /// Its segments.
        ladder: Box<Ladder>,
        /// What was left out; may be empty.
        rest: Line,
    },
    /// Packets.
    Packets {
        /// One line each.
        rows: Vec<Row>,
        /// What was left out; may be empty.
        rest: Line,
    },
    /// Conversations, or stacks of headers.
    Table(Table),
    /// There is nothing to draw, and why.
    Nothing(Line),
}

/// A directive that waits for its packets.
struct Showing<'l> {
    part: usize,
    show: &'l Show,
    state: State,
}

#[derive(Default)]
enum State {
    /// Of one packet.
    One(u64, Option<Exhibit>),
    Ladder(Box<Collector>),
    Packets(Box<Stretch>),
    Flows(Box<Chooser>),
    Stack(Box<Stacks>),
    #[default]
    Nothing,
}

/// Packets as they are found: of one conversation or of all, from one to another.
#[derive(Default)]
struct Stretch {
    flow: Option<FlowId>,
    first: Option<u64>,
    last: Option<u64>,
    rows: VecDeque<Row>,
    /// The row of `last`, where there was no room for it.
    end: Option<Row>,
    count: u64,
}

impl Stretch {
    fn takes(&self, number: u64, flow: Option<FlowId>) -> bool {
        (self.flow.is_none() || self.flow == flow)
            && self.first.is_none_or(|first| number >= first)
            && self.last.is_none_or(|last| number <= last)
    }

    /// One that is to be shown. Without a first packet those right before the last are wanted.
    fn take(&mut self, number: u64, max: usize, row: impl FnOnce() -> Row) {
        self.count += 1;
        let fits = self.rows.len() < max;
        if fits || self.nearest() {
            if !fits {
                self.rows.pop_front();
            }
            self.rows.push_back(row());
        } else if self.last == Some(number) {
            self.end = Some(row());
        }
    }

    fn nearest(&self) -> bool {
        self.first.is_none() && self.last.is_some()
    }

    fn exhibit(mut self, lang: Lang) -> Exhibit {
        let left = self.count - self.rows.len() as u64;
        let id = match &self.end {
            Some(_) => "packets-between",
            None if self.nearest() => "packets-before",
            None => "packets-more",
        };
        if let Some(end) = self.end {
            // What ends the story takes the place of the last row that there was room for.
            self.rows.pop_back();
            self.rows.push_back(end);
        }
        Exhibit::Packets { rows: self.rows.into(), rest: rest(lang, id, left) }
    }
}

/// Watches a capture go by and draws what is asked for.
pub struct Exhibitor<'l> {
    lang: Lang,
    file: String,
    showings: Vec<Showing<'l>>,
    records: &'l Records,
    lister: Lister,
}

impl<'l> Exhibitor<'l> {
    /// For the evidence that a lesson takes from some of its captures, all of them now in `file`.
    pub fn new(
        lang: Lang,
        file: &str,
        lesson: &'l Lesson,
        bound: &Bound<'_>,
        captures: &[&str],
        records: &'l Records,
    ) -> Exhibitor<'l> {
        let mut showings = Vec::new();
        for (part, (section, piece)) in lesson.parts().enumerate() {
            let Part::Show(show) = piece else { continue };
            let capture = section.map_or(lesson.capture.as_str(), |at| lesson.capture_of(at));
            if !captures.contains(&capture) || section.is_some_and(|at| bound.missing.contains_key(&at)) {
                continue;
            }
            let of = |name: &str| bound.packet(lesson, section, name);
            let state = match &show.what {
                What::Packet { name, .. }
                | What::Fields { name, .. }
                | What::Bytes { name, .. }
                | What::Layers { name } => {
                    of(name).map_or(State::Nothing, |candidate| State::One(candidate.packet, None))
                }
                What::Ladder { name, .. } => match of(name).and_then(|candidate| candidate.flow) {
                    Some(flow) => {
                        let only = Some(Only::Flow(flow));
                        let wish = Wish { lang, limit: Some(1), only, verbose: true, raw: false };
                        State::Ladder(Box::new(Collector::new(wish)))
                    }
                    None => State::Nothing,
                },
                What::Packets { within, from, to, .. } => {
                    let flow = within.as_ref().map(|name| of(name).and_then(|candidate| candidate.flow));
                    let number = |name: &Option<String>| Some(of(name.as_deref()?)?.packet);
                    let stretch = Stretch {
                        flow: flow.flatten(),
                        first: number(from),
                        last: number(to),
                        ..Stretch::default()
                    };
                    match flow {
                        Some(None) => State::Nothing,
                        _ => State::Packets(Box::new(stretch)),
                    }
                }
                What::Flows { max, .. } => State::Flows(Box::new(Chooser::new(*max))),
                What::Stack => State::Stack(Box::default()),
            };
            showings.push(Showing { part, show, state });
        }
        let lister = Lister::new(lang, TimeFormat::Relative, false);
        Exhibitor { lang, file: file.to_owned(), showings, records, lister }
    }

    /// Whether packets are to be followed with their context.
    pub fn wants_context(&self) -> bool {
        !self.showings.is_empty()
    }

    /// Whether a packet is to be taken apart.
    pub fn wants_tree(&self, number: u64) -> bool {
        self.showings.iter().any(|showing| matches!(showing.state, State::One(packet, _) if packet == number))
    }

    /// A packet goes by.
    pub fn packet(&mut self, frame: &Frame<'_>, packet: &Packet<'_>, outcome: &Outcome, tree: Option<&Tree>) {
        let Exhibitor { lang, file, showings, records, lister } = self;
        let mut row: Option<Row> = None;
        for Showing { show, state, .. } in showings {
            match (state, &show.what) {
                (State::One(number, exhibit), what) if *number == frame.number => {
                    if let Some(tree) = tree {
                        *exhibit = Some(one(*lang, file, what, frame, packet, tree));
                    }
                }
                (State::Ladder(collector), _) => collector.packet(frame, packet, outcome, true),
                (State::Packets(part), What::Packets { filter, max, .. }) => {
                    if !part.takes(frame.number, outcome.flow) {
                        continue;
                    }
                    let holds = |filter: &Expression| {
                        let lazy = Lazy::new(frame, packet, &outcome.context);
                        let of_flow = FlowFacts(outcome.flow.and_then(|id| records.get(&id)));
                        filter.holds(&Chain(&[&lazy, &Happened(&outcome.events), &of_flow]))
                    };
                    if filter.as_ref().is_some_and(|filter| !holds(filter)) {
                        continue;
                    }
                    part.take(frame.number, *max, || {
                        row.get_or_insert_with(|| lister.row(frame, packet, outcome)).clone()
                    });
                }
                (State::Stack(stacks), _) => stacks.take(frame, packet, outcome),
                _ => {}
            }
        }
        if row.is_none() {
            lister.skip(frame);
        }
    }

    /// A conversation ended.
    pub fn flow(&mut self, record: &FlowRecord) {
        for showing in &mut self.showings {
            match (&mut showing.state, &showing.show.what) {
                (State::Ladder(collector), _) => collector.flow(record),
                (State::Flows(chooser), What::Flows { filter, .. })
                    if filter.as_ref().is_none_or(|filter| filter.holds(&FlowFacts(Some(record)))) =>
                {
                    chooser.take(record);
                }
                _ => {}
            }
        }
    }

    /// The capture is over; [`Exhibitor::flow`] is told of the rest next.
    pub fn end(&mut self, last: &Outcome) {
        for showing in &mut self.showings {
            if let State::Ladder(collector) = &mut showing.state {
                collector.end(last);
            }
        }
    }

    /// What was drawn, by the part of the lesson.
    pub fn exhibits(self, lesson: &Lesson, bound: &Bound<'_>) -> Vec<(usize, Exhibit)> {
        let (lang, file) = (self.lang, self.file);
        let sections: Vec<Option<usize>> = lesson.parts().map(|(section, _)| section).collect();
        let drawn = self.showings.into_iter().map(|Showing { part, show, state }| {
            let number = |name: &Option<String>| {
                let name = name.as_deref()?;
                Some(bound.packet(lesson, sections[part], name)?.packet)
            };
            let exhibit = match (state, &show.what) {
                (State::One(_, Some(exhibit)), _) => exhibit,
                (State::Ladder(collector), What::Ladder { max, from, to, .. }) => match collector.ladder() {
                    Some((heading, ladder)) => cut(lang, heading, ladder, *max, number(from), number(to)),
                    None => nothing(lang),
                },
                (State::Packets(part), _) if !part.rows.is_empty() => part.exhibit(lang),
                (State::Flows(chooser), _) => {
                    let table = chooser.table(lang, &file);
                    if table.rows.is_empty() { nothing(lang) } else { Exhibit::Table(table) }
                }
                (State::Stack(stacks), _) => {
                    let mut table = stacks.table(lang, &file);
                    table.rest.clear();
                    Exhibit::Table(table)
                }
                _ => nothing(lang),
            };
            (part, exhibit)
        });
        drawn.collect()
    }
}

fn nothing(lang: Lang) -> Exhibit {
    Exhibit::Nothing(Line::new().with(said(lang, "nothing-to-show", &[]), Role::Dim))
}

fn rest(lang: Lang, id: &str, left: u64) -> Line {
    match left {
        0 => Line::new(),
        left => Line::new().with(said(lang, id, &[("n", &thousands(left))]), Role::Dim),
    }
}

/// Evidence from one packet.
fn one(lang: Lang, file: &str, what: &What, frame: &Frame<'_>, packet: &Packet<'_>, tree: &Tree) -> Exhibit {
    match what {
        What::Packet { layers, .. } => {
            let mut tree = tree.clone();
            let mut kept = layers.is_empty();
            tree.nodes.retain(|node| {
                if node.kind == NodeKind::Layer && !layers.is_empty() {
                    kept = layers.iter().any(|layer| layer == node.field.name);
                }
                kept
            });
            let mut view = packet::of(lang, true, frame, &tree, &[]);
            view.dumps.clear();
            view.work.clear();
            Exhibit::Packet(Box::new(view))
        }
        What::Fields { fields, .. } => Exhibit::Fields(Box::new(evidence::fields(lang, frame, tree, fields))),
        What::Bytes { layer, .. } => bytes(lang, layer.as_deref(), frame, tree),
        _ => {
            let mut view = layers::of(lang, file, frame, packet, tree, &[]);
            view.claims.clear();
            Exhibit::Layers(Box::new(view))
        }
    }
}

/// All bytes, those of a layer marked: what its fields own.
fn bytes(lang: Lang, layer: Option<&str>, frame: &Frame<'_>, tree: &Tree) -> Exhibit {
    let mut roles = vec![Role::Dim; frame.bytes.len()];
    let mut inside = layer.is_none();
    let mut span: Option<(usize, usize)> = None;
    for node in &tree.nodes {
        if node.kind == NodeKind::Layer {
            inside = layer.is_none_or(|layer| node.field.name == layer);
        }
        if inside && node.kind == NodeKind::Leaf && node.buffer == 0 && node.length() > 0 {
            let role = Role::Field(packet::part_of(node), false);
            roles.iter_mut().skip(node.offset()).take(node.length()).for_each(|r| *r = role);
            span = Some(wider(span, node));
        }
    }
    let lines = hex::dump(frame.bytes, &roles);
    let marked = layer.zip(span).map_or_else(Line::new, |(layer, (first, last))| {
        let title = Protocol::ALL.iter().find(|p| p.field().name == layer).map_or(layer, |p| p.title());
        let values = [("layer", title), ("first", &*first.to_string()), ("last", &*last.to_string())];
        Line::new().with(said(lang, "marked", &values), Role::Dim)
    });
    Exhibit::Bytes { head: packet::head(lang, frame), marked, lines }
}

fn wider(span: Option<(usize, usize)>, node: &Node) -> (usize, usize) {
    let (first, last) = (node.offset(), node.offset() + node.length() - 1);
    span.map_or((first, last), |(a, b)| (a.min(first), b.max(last)))
}

/// A part of a ladder: from one packet to another, at most so many rungs.
fn cut(
    lang: Lang,
    heading: Vec<Line>,
    mut ladder: Ladder,
    max: usize,
    from: Option<u64>,
    to: Option<u64>,
) -> Exhibit {
    let number = |rung: &Rung| match rung {
        Rung::Arrow(arrow) => Some(arrow.number),
        Rung::Fold(_) => None,
    };
    let first = from.and_then(|from| ladder.rungs.iter().position(|r| number(r).is_some_and(|n| n >= from)));
    let skipped: Vec<Rung> = ladder.rungs.drain(..first.unwrap_or(0)).collect();
    for rung in &skipped {
        if let Rung::Arrow(arrow) = rung {
            for (state, before) in arrow.states.iter().zip(&mut ladder.before) {
                if let Some(cell) = state {
                    before.clone_from(&cell.name);
                }
            }
        }
    }
    let end = to.and_then(|to| ladder.rungs.iter().position(|r| number(r).is_some_and(|n| n > to)));
    ladder.rungs.truncate(end.unwrap_or(usize::MAX));
    let left = ladder.rungs.len().saturating_sub(max);
    ladder.rungs.truncate(max);
    Exhibit::Ladder { heading, ladder: Box::new(ladder), rest: rest(lang, "rungs-more", left as u64) }
}
