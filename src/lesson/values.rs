//! What the chosen packets say: the values of a lesson's slots, collected in the pass that also draws its evidence.
//!
//! A name is asked of the event first that the packet was chosen by, then of what earlier packets say of it, of its fields,
//! and of its conversation as it ended. `packet` is its number, `time` the time since the capture began.
//! Leaves out: how a value is written (`view::lesson`).

use std::collections::BTreeMap;

use super::bind::{Candidate, Lazy, changes};
use super::join::Bound;
use super::slots::{Form, Slot, Value, Values};
use super::{Lesson, Part};
use crate::flow::{Datum, Event, FlowRecord, Outcome};
use crate::notes::check::On;
use crate::notes::expression::{Facts, Operand};
use crate::notes::facts::{self, EventFacts, FlowFacts, StateFacts};
use crate::notes::surroundings::Surroundings;
use crate::session::Seen;
use crate::wire::{self, Node, NodeKind, Show, Tree};

/// What a packet is asked, and what it has said.
#[derive(Debug)]
struct Asked {
    capture: String,
    name: String,
    on: On,
    candidate: Candidate,
    keys: Vec<String>,
    /// From the event, from the packet, from the conversation.
    found: [BTreeMap<String, Value>; 3],
}

const EVENT: usize = 0;
const PACKET: usize = 1;
const FLOW: usize = 2;

/// Watches a capture go by and takes down what was asked.
#[derive(Debug, Default)]
pub struct Gatherer {
    asked: Vec<Asked>,
    surroundings: Surroundings,
    first_ns: Option<i64>,
}

/// All slots of a lesson, with their sections: of sentences and of conditions.
pub fn slots(lesson: &Lesson) -> impl Iterator<Item = (Option<usize>, &Slot)> {
    lesson.parts().flat_map(|(section, part)| {
        let slots: Vec<&Slot> = match part {
            Part::Prose(prose) => prose.slots.iter().collect(),
            Part::Branch(branch) => {
                let otherwise = branch.otherwise.iter().flat_map(|prose| &prose.slots);
                branch.condition.slots().chain(&branch.then.slots).chain(otherwise).collect()
            }
            _ => Vec::new(),
        };
        slots.into_iter().map(move |slot| (section, slot))
    })
}

impl Gatherer {
    /// For the slots of a lesson that are about one of its captures (by the name it has in the lesson).
    pub fn new(lesson: &Lesson, bound: &Bound<'_>, captures: &[&str]) -> Gatherer {
        let mut asked: Vec<Asked> = Vec::new();
        for (section, slot) in slots(lesson) {
            let capture = section.map_or(lesson.capture.as_str(), |at| lesson.capture_of(at));
            if !captures.contains(&capture) {
                continue;
            }
            for (name, key) in slot.facts() {
                let Some(candidate) = bound.packet(lesson, section, name) else { continue };
                let known = asked.iter().position(|a| a.capture == capture && a.name == name);
                let at = known.unwrap_or_else(|| {
                    let binds = lesson.sections.iter().flat_map(|section| section.binds());
                    let on =
                        binds.into_iter().find(|bind| bind.name == name).map_or(On::Packet, |bind| bind.on);
                    let (capture, name, keys) = (capture.to_owned(), name.to_owned(), Vec::new());
                    asked.push(Asked { capture, name, on, candidate, keys, found: Default::default() });
                    asked.len() - 1
                });
                if !asked[at].keys.iter().any(|known| known == key) {
                    asked[at].keys.push(key.to_owned());
                }
            }
        }
        Gatherer { asked, ..Gatherer::default() }
    }

    /// Whether a packet is to be followed with its context.
    pub fn wants(&self, number: u64) -> bool {
        self.asked.iter().any(|asked| asked.candidate.packet == number)
    }

    /// A packet goes by.
    pub fn packet(&mut self, seen: &Seen<'_>) {
        let number = seen.frame.number;
        let first_ns = *self.first_ns.get_or_insert(seen.frame.time_ns);
        self.surroundings.packet(&seen.frame, seen.packet, seen.outcome);
        let Gatherer { asked, surroundings, .. } = self;
        let lazy = Lazy::new(&seen.frame, seen.packet, &seen.outcome.context);
        for asked in asked.iter_mut().filter(|asked| asked.candidate.packet == number) {
            let around = surroundings.facts(None);
            let time = seen.frame.time_ns.saturating_sub(first_ns);
            asked.take(PACKET, &|key| match key {
                "packet" => Some(Value::Number(number.into(), Form::Packet)),
                "time" => Some(Value::Time(time.into())),
                _ => first(&around, key)
                    .or_else(|| of_tree(lazy.tree(), &seen.frame, key))
                    .or_else(|| first(&lazy, key)),
            });
        }
        told(asked, surroundings, seen.outcome, number);
    }

    /// A conversation ended.
    pub fn flow(&mut self, record: &FlowRecord) {
        for asked in self.asked.iter_mut().filter(|asked| asked.candidate.flow == Some(record.id)) {
            let facts = FlowFacts(Some(record));
            asked.take(FLOW, &|key| first(&facts, key));
        }
    }

    /// The capture is over.
    pub fn end(&mut self, last: &Outcome) {
        told(&mut self.asked, &mut self.surroundings, last, u64::MAX);
    }

    /// What was asked, by capture, packet and name.
    pub fn gathered(self) -> Gathered {
        let mut gathered = Gathered::default();
        for asked in self.asked {
            for key in asked.keys {
                let value = asked.found.iter().find_map(|found| found.get(&key)).cloned();
                let at = (asked.capture.clone(), asked.name.clone(), key);
                gathered.values.extend(value.map(|value| (at, value)));
            }
        }
        gathered
    }
}

impl Asked {
    fn take(&mut self, of: usize, value: &dyn Fn(&str) -> Option<Value>) {
        for key in &self.keys {
            if let Some(value) = value(key) {
                self.found[of].insert(key.clone(), value);
            }
        }
    }
}

/// What the event, the change of state or the end of the conversation says that a packet was chosen by.
fn told(asked: &mut [Asked], surroundings: &mut Surroundings, outcome: &Outcome, number: u64) {
    for asked in asked.iter_mut().filter(|asked| asked.candidate.told == number) {
        let index = asked.candidate.index;
        match asked.on {
            On::Event(kind) => {
                if let Some(event) = outcome.events.get(index).filter(|event| event.kind == kind) {
                    asked.take(EVENT, &|key| of_event(event, key));
                }
            }
            On::State => {
                if let Some((_, change, proof)) = changes(&outcome.states).find(|(at, ..)| *at == index) {
                    asked.take(EVENT, &|key| first(&StateFacts { change, proof }, key));
                }
            }
            On::Flow => {
                let around = surroundings.facts(asked.candidate.flow);
                asked.take(EVENT, &|key| first(&around, key));
            }
            On::Packet | On::Hop | On::HalfClose => {}
        }
    }
    outcome.ended.iter().for_each(|record| surroundings.forget(record.id));
}

fn of_event(event: &Event, key: &str) -> Option<Value> {
    match event.get(key) {
        Some(Datum::Uint(n)) => Some(Value::Number((*n).into(), form(key))),
        Some(Datum::Int(n)) => Some(Value::Number((*n).into(), form(key))),
        Some(Datum::Duration(ns)) => Some(Value::Time((*ns).into())),
        Some(other) => Some(Value::Other(other.clone())),
        None => first(&EventFacts(event), key),
    }
}

/// The first value under a name.
fn first(facts: &dyn Facts, key: &str) -> Option<Value> {
    let mut found = None;
    facts.values(key, &mut |operand| {
        if found.is_none() {
            found = match operand {
                Operand::Int(n) => Some(Value::Number(n, form(key))),
                Operand::Time(ns) => Some(Value::Time(ns)),
                Operand::Bytes(bytes) => Some(Value::Bytes(bytes.to_vec())),
                other => facts::operand(other).map(Value::Other),
            };
        }
    });
    found
}

/// A field, as it is shown in a packet's tree.
fn of_tree(tree: &Tree, frame: &crate::capture::Frame<'_>, key: &str) -> Option<Value> {
    let is = |node: &&Node| node.field.name == key;
    let node = tree.find(key).next().or_else(|| tree.nodes.iter().find(is))?;
    if matches!(node.kind, NodeKind::Layer | NodeKind::Group) {
        return Some(Value::Other(Datum::Flag(true)));
    }
    Some(match &node.value {
        wire::Value::Uint(n) => Value::Number(
            (*n).into(),
            match node.field.show {
                Show::Hex(digits) => Form::Hex(digits),
                Show::Plain => form(key),
            },
        ),
        wire::Value::Time(ns) => Value::Time((*ns).into()),
        wire::Value::Int(n) => Value::Number((*n).into(), form(key)),
        wire::Value::Flag(flag) => Value::Other(Datum::Flag(*flag)),
        wire::Value::Mac(address) => Value::Other(Datum::Mac(*address)),
        wire::Value::Ipv4(address) => Value::Other(Datum::Ip((*address).into())),
        wire::Value::Ipv6(address) => Value::Other(Datum::Ip((*address).into())),
        wire::Value::Text(text) => Value::Other(Datum::Text(text.trim_end_matches(['\r', '\n']).to_owned())),
        wire::Value::Bytes => Value::Bytes(tree.bytes_of(node, frame.bytes).to_vec()),
    })
}

/// How a number is written, from its name.
fn form(key: &str) -> Form {
    const GROUPED: &[&str] = &[
        "len",
        "length",
        "bytes",
        "payload",
        "packets",
        "window",
        "window_size",
        "window_size_value",
        "missing",
        "buffered",
        "in_flight",
        "lost",
        "offset",
        "content_length",
        "body_length",
        "decoded_length",
        "chunks",
        "cap_len",
        "limit",
    ];
    const PACKETS: &[&str] =
        &["packet", "frame.number", "flow.first", "flow.last", "proof", "original", "hop.earlier"];
    let last = key.rsplit('.').next().unwrap_or(key);
    if key.ends_with("_raw") || last == "isn" || last == "peer_isn" {
        Form::Sequence
    } else if PACKETS.contains(&key) || last == "packet" || last.ends_with("_packet") {
        Form::Packet
    } else if GROUPED.contains(&last)
        || ["_len", "_bytes", "_flight", "_window"].iter().any(|how_much| last.ends_with(how_much))
    {
        Form::Grouped
    } else {
        Form::Plain
    }
}

/// What was asked of packets, and said: by the capture's name in the lesson, the packet's, and the name asked.
#[derive(Debug, Default)]
pub struct Gathered {
    values: BTreeMap<(String, String, String), Value>,
}

impl Gathered {
    /// What another capture said, too.
    pub fn extend(&mut self, other: Gathered) {
        self.values.extend(other.values);
    }
}

/// A section's slots get their values here.
#[derive(Clone, Copy)]
pub struct Here<'a> {
    /// The lesson.
    pub lesson: &'a Lesson,
    /// Which section; `None` before the first.
    pub section: Option<usize>,
    /// Its packets.
    pub bound: &'a Bound<'a>,
    /// What they say.
    pub gathered: &'a Gathered,
    /// The capture, as the user named it.
    pub file: &'a str,
}

impl Values for Here<'_> {
    fn value(&self, bind: &str, key: &str) -> Option<Value> {
        let capture = self.section.map_or(self.lesson.capture.as_str(), |at| self.lesson.capture_of(at));
        let at = (capture.to_owned(), bind.to_owned(), key.to_owned());
        self.gathered.values.get(&at).cloned()
    }

    fn is_bound(&self, bind: &str) -> bool {
        self.bound.packet(self.lesson, self.section, bind).is_some()
    }

    fn capture(&self) -> String {
        self.file.to_owned()
    }
}
