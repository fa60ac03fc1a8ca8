//! Which packets of a capture could be meant by the names of a lesson: one pass, one list of candidates a name.
//!
//! A candidate is a few numbers, so a list may be long (`MAX`); what a sentence says of the chosen ones is collected in a
//! later pass (`values`). `flow.*` means the whole conversation, as it ended: [`Flows`] is filled by a pass of its own, which
//! is only made where a name asks for it ([`asks_flows`]).
//! Leaves out: which set of candidates fits together (`join`).

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;

use foldhash::fast::RandomState;

use super::{Bind, Lesson};
use crate::capture::Frame;
use crate::decode::{self, Context, Packet};
use crate::flow::{Basis, FlowId, FlowRecord, Kind, Outcome, StateChange};
use crate::notes::check::On;
use crate::notes::expression::{Chain, Expression, Facts, Operand, TreeFacts};
use crate::notes::facts::{EventFacts, FlowFacts, HeaderFacts, StateFacts};
use crate::notes::surroundings::Surroundings;
use crate::session::{Go, Seen, Sink, Want};
use crate::wire::Tree;

/// Candidates kept of a name.
const MAX: usize = 100_000;
/// Conversations remembered.
const MAX_FLOWS: usize = 65_536;
/// What one name can have in common with others: so many of its facts.
pub const MAX_KEYS: usize = 4;

/// A packet that a name could mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Candidate {
    /// The packet.
    pub packet: u64,
    /// The packet at which it was told; `u64::MAX` for the end of the capture.
    pub told: u64,
    /// Which of the events, states or conversations told there.
    pub index: usize,
    /// Its conversation.
    pub flow: Option<FlowId>,
    /// What others are compared with ([`Named::keys`]), as marks that are equal where the values are; 0 is no value.
    pub marks: [u64; MAX_KEYS],
}

/// Conversations as they ended.
pub type Records = HashMap<FlowId, FlowRecord, RandomState>;

/// A lesson's names for one of its captures, with their candidates.
#[derive(Debug, Default)]
pub struct Scope<'l> {
    /// The capture that is meant where the user names none.
    pub capture: String,
    /// Each name once.
    pub names: Vec<Named<'l>>,
}

/// A name with the packets that it could mean.
#[derive(Debug)]
pub struct Named<'l> {
    /// The name.
    pub bind: &'l Bind,
    /// What it, or a name bound to it, is compared by.
    pub keys: Vec<&'l str>,
    /// The packets.
    pub candidates: Vec<Candidate>,
}

/// A lesson's names, by the capture each is bound to.
pub fn scopes(lesson: &Lesson) -> Vec<Scope<'_>> {
    let mut scopes: Vec<Scope<'_>> = lesson
        .captures()
        .iter()
        .map(|name| Scope { capture: (*name).to_owned(), names: Vec::new() })
        .collect();
    for (at, section) in lesson.sections.iter().enumerate() {
        let capture = lesson.capture_of(at);
        let Some(scope) = scopes.iter_mut().find(|scope| scope.capture == capture) else { continue };
        for bind in section.binds() {
            if !scope.names.iter().any(|known| known.bind.name == bind.name) {
                scope.names.push(Named { bind, keys: Vec::new(), candidates: Vec::new() });
            }
        }
    }
    for scope in &mut scopes {
        let all: Vec<&Bind> = scope.names.iter().map(|named| named.bind).collect();
        for named in &mut scope.names {
            let own = named.bind.with.iter().map(|with| with.key.as_str());
            let asked = all.iter().flat_map(|bind| &bind.with).filter(|with| with.other == named.bind.name);
            for key in own.chain(asked.map(|with| with.of.as_str())) {
                if !named.keys.contains(&key) {
                    named.keys.push(key);
                }
            }
        }
    }
    scopes
}

/// Whether a name asks how conversations ended.
pub fn asks_flows(scopes: &[Scope<'_>]) -> bool {
    let mut names = scopes.iter().flat_map(|scope| &scope.names);
    names.any(|named| {
        named.bind.filter.as_ref().is_some_and(asks_flow)
            || named.keys.iter().any(|key| key.starts_with("flow."))
    })
}

/// Whether an expression does.
pub fn asks_flow(filter: &Expression) -> bool {
    filter.names().any(|name| name.starts_with("flow."))
}

/// Waits for conversations to end.
#[derive(Debug, Default)]
pub struct Flows {
    /// Those that have.
    pub records: Records,
}

impl Sink for Flows {
    fn packet(&mut self, _: &Seen<'_>) -> io::Result<Go> {
        Ok(Go::Continue(()))
    }

    fn flow(&mut self, record: &FlowRecord) -> io::Result<()> {
        if self.records.len() < MAX_FLOWS {
            self.records.insert(record.id, record.clone());
        }
        Ok(())
    }
}

/// A packet's fields, taken apart when first asked for.
pub struct Lazy<'a> {
    frame: &'a Frame<'a>,
    packet: &'a Packet<'a>,
    context: &'a Context,
    tree: std::cell::OnceCell<Tree>,
}

impl<'a> Lazy<'a> {
    /// Of a packet that was followed with its context.
    pub fn new(frame: &'a Frame<'a>, packet: &'a Packet<'a>, context: &'a Context) -> Lazy<'a> {
        Lazy { frame, packet, context, tree: std::cell::OnceCell::new() }
    }

    /// The fields.
    pub fn tree(&self) -> &Tree {
        self.tree.get_or_init(|| {
            let mut tree = Tree::default();
            decode::build(self.frame, self.packet, self.context, &mut tree);
            tree
        })
    }

    fn facts(&self) -> TreeFacts<'_> {
        TreeFacts { tree: self.tree(), frame: self.frame }
    }
}

impl Facts for Lazy<'_> {
    fn values(&self, name: &str, each: &mut dyn FnMut(Operand<'_>)) {
        let headers = HeaderFacts { packet: self.packet, frame: self.frame };
        match HeaderFacts::decides(name) || HeaderFacts::knows(name) && headers.has(name) {
            true => headers.values(name, each),
            false => self.facts().values(name, each),
        }
    }

    fn has(&self, name: &str) -> bool {
        let headers = HeaderFacts { packet: self.packet, frame: self.frame };
        headers.has(name) || !HeaderFacts::decides(name) && self.facts().has(name)
    }

    fn layer_values(&self, name: &str, layer: u16, each: &mut dyn FnMut(Operand<'_>)) {
        self.facts().layer_values(name, layer, each);
    }
}

/// Watches a capture go by and writes down who could be meant.
pub struct Scout<'l> {
    scopes: Vec<Scope<'l>>,
    records: Records,
    surroundings: Surroundings,
    /// Whether any name needs what following finds out of a packet.
    wants: Want,
}

impl<'l> Scout<'l> {
    /// For these names; `records` may be empty where none of them asks for `flow.*`.
    pub fn new(scopes: Vec<Scope<'l>>, records: Records) -> Scout<'l> {
        let fields = scopes
            .iter()
            .flat_map(|s| &s.names)
            .any(|named| named.bind.filter.is_some() || !named.keys.is_empty());
        let wants = if fields { Want::Context } else { Want::Outcome };
        Scout { scopes, records, surroundings: Surroundings::default(), wants }
    }

    /// The names with their candidates, in capture order.
    pub fn scopes(mut self) -> Vec<Scope<'l>> {
        for named in self.scopes.iter_mut().flat_map(|scope| &mut scope.names) {
            named.candidates.sort_unstable();
        }
        self.scopes
    }

    /// Puts the names that are `on` this to one packet, event, state or conversation.
    fn ask(
        &mut self,
        on: On,
        candidate: Candidate,
        facts: impl Fn(&Records, &Surroundings, &mut dyn FnMut(&dyn Facts)),
    ) {
        let Scout { scopes, records, surroundings, .. } = self;
        for Named { bind, keys, candidates } in scopes.iter_mut().flat_map(|scope| &mut scope.names) {
            if bind.on != on || candidates.len() >= MAX {
                continue;
            }
            facts(records, surroundings, &mut |facts| {
                if bind.filter.as_ref().is_none_or(|filter| filter.holds(facts)) {
                    let mut candidate = candidate;
                    for (mark, key) in candidate.marks.iter_mut().zip(keys.iter()) {
                        *mark = mark_of(candidate.packet, key, facts);
                    }
                    candidates.push(candidate);
                }
            });
        }
    }

    fn any(&self, on: On) -> bool {
        self.scopes.iter().flat_map(|scope| &scope.names).any(|named| named.bind.on == on)
    }

    fn states(&mut self, outcome: &Outcome, told: u64) {
        if !self.any(On::State) {
            return;
        }
        for (index, change, proof) in changes(&outcome.states) {
            let candidate = candidate(change.packet, told, index, Some(change.flow));
            self.ask(On::State, candidate, |records, _, each| {
                let facts = StateFacts { change, proof };
                each(&Chain(&[&facts, &FlowFacts(records.get(&change.flow))]));
            });
        }
    }

    fn ended(&mut self, outcome: &Outcome, told: u64) {
        for (index, record) in outcome.ended.iter().enumerate() {
            let candidate = candidate(record.last, told, index, Some(record.id));
            self.ask(On::Flow, candidate, |_, surroundings, each| {
                each(&Chain(&[&FlowFacts(Some(record)), &surroundings.facts(Some(record.id))]));
            });
            self.surroundings.forget(record.id);
        }
    }
}

fn candidate(packet: u64, told: u64, index: usize, flow: Option<FlowId>) -> Candidate {
    Candidate { packet, told, index, flow, marks: [0; MAX_KEYS] }
}

/// What stands for the first value of a key: equal for equal values, 0 where there is none.
fn mark_of(packet: u64, key: &str, facts: &dyn Facts) -> u64 {
    let mut mark = 0;
    let mut of = |value: Operand<'_>| {
        if mark != 0 {
            return;
        }
        let mut hasher = DefaultHasher::new();
        match value {
            Operand::Bool(flag) => (0, i128::from(flag)).hash(&mut hasher),
            Operand::Int(n) => (0, n).hash(&mut hasher),
            Operand::Time(ns) => (1, ns).hash(&mut hasher),
            Operand::Float(number) => (2, number.to_bits()).hash(&mut hasher),
            Operand::Text(text) => (3, text).hash(&mut hasher),
            Operand::Mac(bytes) => (4, &bytes[..]).hash(&mut hasher),
            Operand::V4(bytes) => (4, &bytes[..]).hash(&mut hasher),
            Operand::V6(bytes) => (4, &bytes[..]).hash(&mut hasher),
            Operand::Bytes(bytes) => (4, bytes).hash(&mut hasher),
        }
        mark = hasher.finish() | 1;
    };
    match key {
        "packet" => of(Operand::Int(packet.into())),
        _ => facts.values(key, &mut of),
    }
    mark
}

/// Changes of state with their indices, and the packet that proved each: as checks of claims are put to them.
pub fn changes(states: &[StateChange]) -> impl Iterator<Item = (usize, &StateChange, Option<u64>)> {
    states.iter().enumerate().filter(|(_, change)| change.from != change.to).map(|(at, change)| {
        let proves = |later: &&StateChange| {
            (later.flow, later.endpoint, later.from, later.to, later.basis)
                == (change.flow, change.endpoint, change.to, change.to, Basis::Confirmed)
        };
        (at, change, states[at + 1..].iter().find(proves).map(|later| later.packet))
    })
}

impl Sink for Scout<'_> {
    fn wants(&self, _: &Frame<'_>) -> Want {
        self.wants
    }

    fn packet(&mut self, seen: &Seen<'_>) -> io::Result<Go> {
        let (frame, outcome, told) = (&seen.frame, seen.outcome, seen.frame.number);
        self.surroundings.packet(frame, seen.packet, outcome);
        let lazy = Lazy::new(frame, seen.packet, &outcome.context);
        let here = candidate(told, told, 0, outcome.flow);
        let ons = [
            (On::Packet, true),
            (On::Hop, self.surroundings.is_hop()),
            (On::HalfClose, self.surroundings.is_half_close()),
        ];
        for (on, _) in ons.into_iter().filter(|(_, holds)| *holds) {
            self.ask(on, here, |records, surroundings, each| {
                let flow = FlowFacts(here.flow.and_then(|id| records.get(&id)));
                each(&Chain(&[&surroundings.facts(None), &flow, &lazy]));
            });
        }
        for (index, event) in outcome.events.iter().enumerate() {
            let candidate = candidate(event.packet, told, index, event.flow);
            self.ask(On::Event(event.kind), candidate, |records, surroundings, each| {
                let of_event = EventFacts(event);
                let flow = FlowFacts(event.flow.and_then(|id| records.get(&id)));
                // What is told late is told of another packet than this one.
                if event.packet == told {
                    each(&Chain(&[&of_event, &surroundings.facts(None), &flow, &lazy]));
                } else {
                    each(&Chain(&[&of_event, &flow]));
                }
            });
        }
        self.states(outcome, told);
        self.ended(outcome, told);
        Ok(Go::Continue(()))
    }

    fn end(&mut self, last: &Outcome) -> io::Result<()> {
        let told = u64::MAX;
        for (index, event) in last.events.iter().enumerate().filter(|(_, e)| e.kind != Kind::CaptureDropped) {
            let candidate = candidate(event.packet, told, index, event.flow);
            self.ask(On::Event(event.kind), candidate, |records, _, each| {
                let flow = FlowFacts(event.flow.and_then(|id| records.get(&id)));
                each(&Chain(&[&EventFacts(event), &flow]));
            });
        }
        self.states(last, told);
        self.ended(last, told);
        Ok(())
    }
}
