//! One conversation told: its ladder, then its steps in phases.

use std::collections::HashSet;

use super::summary::{manner, name};
use super::{Phase, Story, Told, Wish};
use crate::flow::{Event, FlowProtocol, FlowRecord, Kind};
use crate::view::conversation::{Conversation, Item, Step, has_ladder};
use crate::view::ladder::{self, Numbers};
use crate::view::say::{self, thousands};
use crate::view::span::{Line, Role};
use crate::view::time::seconds;
use crate::words::Lang;

/// Tells one conversation after another, and a reason only once: the second time the reader knows it.
pub(super) struct Teller {
    wish: Wish,
    first_ns: Option<i64>,
    explained: HashSet<(Kind, &'static str)>,
}

/// The part of a TCP connection an event belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Opening,
    Between,
    Closing,
    Whole,
}

impl Teller {
    pub(super) fn new(wish: Wish, first_ns: Option<i64>) -> Teller {
        Teller { wish, first_ns, explained: HashSet::new() }
    }

    pub(super) fn story(&mut self, conversation: &Conversation) -> Option<Story> {
        let record = conversation.record.as_ref()?;
        let numbers = if self.wish.raw { Numbers::Raw } else { Numbers::Relative };
        let is_ladder = has_ladder(record.protocol);
        let ladder = is_ladder
            .then(|| ladder::of(self.wish.lang, conversation, record, numbers))
            .filter(|ladder| !ladder.rungs.is_empty());
        Some(Story {
            title: title(self.wish.lang, record),
            ladder,
            phases: self.phases(conversation, record, is_ladder),
        })
    }

    fn phases(&mut self, conversation: &Conversation, record: &FlowRecord, is_ladder: bool) -> Vec<Phase> {
        let mut parts: Vec<(Part, Phase, Vec<u64>)> = Vec::new();
        for item in conversation.items() {
            match item {
                Item::Fold(fold) if !is_ladder => {
                    let (_, phase, _) = Self::part(&mut parts, Part::Whole);
                    phase.steps.push(Told {
                        number: String::new(),
                        head: Line::new(),
                        line: ladder::folded(self.wish.lang, &fold),
                        why: String::new(),
                    });
                }
                Item::Fold(_) => {}
                Item::Step(step) => {
                    for (at, event) in step.events.iter().enumerate() {
                        let which = if is_ladder { part_of(event.kind) } else { Part::Whole };
                        let (told, spec) = self.told(&step, event, at == 0, is_ladder);
                        let (_, phase, packets) = Self::part(&mut parts, which);
                        phase.steps.push(told);
                        packets.push(step.number);
                        if !spec.is_empty() && !phase.specs.contains(&spec) {
                            phase.specs.push(spec);
                        }
                    }
                    if step.events.is_empty() && !is_ladder {
                        let told = self.untold(&step);
                        Self::part(&mut parts, Part::Whole).1.steps.push(told);
                    }
                }
            }
        }
        for (part, phase, packets) in &mut parts {
            phase.title = self.phase_title(*part, record, packets);
        }
        parts.into_iter().map(|(_, phase, _)| phase).collect()
    }

    /// The phase to go on with: a part that was left may be entered again.
    fn part(parts: &mut Vec<(Part, Phase, Vec<u64>)>, which: Part) -> &mut (Part, Phase, Vec<u64>) {
        // An opening or a closing is told in one piece, whatever happens in between.
        let at = parts.iter().position(|(part, ..)| *part == which);
        let at = at.unwrap_or_else(|| {
            let at = parts.iter().position(|(part, ..)| *part > which).unwrap_or(parts.len());
            parts.insert(at, (which, Phase::default(), Vec::new()));
            at
        });
        &mut parts[at]
    }

    fn told(&mut self, step: &Step, event: &Event, first: bool, is_ladder: bool) -> (Told, String) {
        let said = say::event(self.wish.lang, event);
        let new = self.explained.insert((event.kind, event.variant));
        let why = if new || self.wish.verbose { said.why } else { String::new() };
        let head = if is_ladder || !first { Line::new() } else { self.head(step) };
        let number = if first { format!("#{}", event.packet) } else { String::new() };
        (Told { number, head, line: Line::plain(said.line), why }, say::spec(said.spec))
    }

    /// A step that nothing is said of.
    fn untold(&self, step: &Step) -> Told {
        let len = match step.shape {
            crate::view::conversation::Shape::Other { len } => len,
            crate::view::conversation::Shape::Tcp(s) => s.len,
        };
        Told {
            number: format!("#{}", step.number),
            head: self.head(step),
            line: Line::new().with(
                say::text(self.wish.lang, "ladder.bytes", &[("n", &thousands(len))]),
                Role::Dim,
            ),
            why: String::new(),
        }
    }

    fn head(&self, step: &Step) -> Line {
        let mut line = Line::new().with(seconds(step.time_ns - self.base(step), 6), Role::Dim);
        if let Some(both) = &step.ends {
            let (from, to) = (&both.0, &both.1);
            line.push("  ", Role::Plain);
            line.push(from.address(), if step.from_first { Role::Client } else { Role::Server });
            line.push(" → ", Role::Plain);
            let to = if to.is_everyone() {
                say::word(self.wish.lang, "end.everyone").to_owned()
            } else {
                to.address()
            };
            line.push(to, if step.from_first { Role::Server } else { Role::Client });
        }
        line
    }

    fn base(&self, step: &Step) -> i64 {
        self.first_ns.unwrap_or(step.time_ns)
    }

    fn phase_title(&self, part: Part, record: &FlowRecord, packets: &[u64]) -> Line {
        let lang = self.wish.lang;
        let (id, manner) = match part {
            Part::Whole => return Line::new(),
            Part::Opening => {
                ("phase.opening", record.tcp.as_ref().map(|tcp| manner(lang, "opening", tcp.opening)))
            }
            Part::Closing => {
                ("phase.closing", record.tcp.as_ref().map(|tcp| manner(lang, "closing", tcp.closing)))
            }
            Part::Between => ("phase.between", None),
        };
        let mut line = Line::new().with(say::word(lang, id), Role::Strong);
        let (first, last) = (packets.iter().min(), packets.iter().max());
        match (first, last) {
            (Some(first), Some(last)) if first != last => {
                line.push(format!("  #{first}–#{last}"), Role::Packet);
            }
            (Some(first), _) => line.push(format!("  #{first}"), Role::Packet),
            _ => {}
        }
        if let Some(manner) = manner {
            line.push(format!("  {manner}"), Role::Plain);
        }
        line
    }
}

/// Protocol, stream, packets, ends.
pub(super) fn title(lang: Lang, record: &FlowRecord) -> Line {
        let id = match (record.protocol, record.application) {
            (FlowProtocol::Arp, _) => "title.arp",
            (FlowProtocol::Icmp, _) => "title.icmp",
            (FlowProtocol::Udp, _) => "title.udp",
            (FlowProtocol::Tcp, _) => "title.tcp",
        };
        let mut line = Line::new().with(
            say::text(lang, id, &[("stream", &record.stream.to_string())]),
            Role::Title,
        );
        let range = if record.first == record.last {
            format!("#{}", record.first)
        } else {
            format!("#{}–#{}", record.first, record.last)
        };
        line.push(format!("  {range}"), Role::Packet);
        line.push(format!("  {} → {}", name(&record.client), name(&record.server)), Role::Plain);
        if let Some(application) = record.application {
            line.push(format!("  {application}"), Role::Protocol);
        }
        let flow = say::text(lang, "title.flow", &[("id", &record.id.to_string())]);
        line.with("  ", Role::Plain).with(flow, Role::Dim)
    }

fn part_of(kind: Kind) -> Part {
    let name = kind.name();
    if name.starts_with("tcp.handshake.") || kind == Kind::TcpReusedPorts {
        Part::Opening
    } else if name.starts_with("tcp.close.") {
        Part::Closing
    } else {
        Part::Between
    }
}
