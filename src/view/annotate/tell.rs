//! One conversation told: its ladder, then its steps in phases.

use std::collections::HashSet;

use super::summary::{Finding, count, name};
use super::{Phase, Story, Told, Wish};
use crate::flow::{Datum, Event, FlowProtocol, FlowRecord, Kind};
use crate::notes::check::Status;
use crate::view::claims::{self, Mark};
use crate::view::conversation::{Conversation, Fold, Item, Shape, Step, has_ladder};
use crate::view::ends;
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
    /// Claims that were told before: id, and whether as contradicted.
    claimed: HashSet<(&'static str, bool)>,
}

/// The part of a TCP connection an event belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Opening,
    Between,
    Closing,
    Whole,
}

/// A phase in the making: which part it is, and the packets it tells of with their times.
#[derive(Debug)]
struct Chapter {
    part: Part,
    phase: Phase,
    packets: Vec<(u64, i64)>,
    /// Copies told with their originals.
    copies: Vec<u64>,
}

impl Teller {
    pub(super) fn new(wish: Wish, first_ns: Option<i64>) -> Teller {
        Teller { wish, first_ns, explained: HashSet::new(), claimed: HashSet::new() }
    }

    pub(super) fn story(&mut self, conversation: &Conversation) -> Option<Story> {
        let record = conversation.record.as_ref()?;
        if conversation.is_told_elsewhere() {
            return None;
        }
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
        let mut parts: Vec<Chapter> = Vec::new();
        for item in conversation.items() {
            match item {
                Item::Fold(fold) if !is_ladder => {
                    let Chapter { phase, .. } = Self::part(&mut parts, Part::Whole);
                    phase.steps.push(Told {
                        number: String::new(),
                        head: Line::new(),
                        line: datagrams(self.wish.lang, &fold),
                        why: String::new(),
                    });
                }
                Item::Fold(_) => {}
                Item::Step(step) => {
                    for event in &step.events {
                        let which = if is_ladder { part_of(event.kind) } else { Part::Whole };
                        if is_ladder && event.kind == Kind::CaptureCopy {
                            self.copy(&step, event, &mut parts);
                            continue;
                        }
                        // What happens in one packet may be told in two parts; in each it begins with its number.
                        let told_so_far = Self::part(&mut parts, which).packets.last();
                        let first = told_so_far.is_none_or(|(number, _)| *number != step.number);
                        let (told, spec) = self.told(&step, event, first, is_ladder);
                        let Chapter { phase, packets, .. } = Self::part(&mut parts, which);
                        phase.steps.push(told);
                        packets.push((step.number, step.time_ns));
                        for one in say::specs(spec) {
                            if !phase.specs.contains(&one) {
                                phase.specs.push(one);
                            }
                        }
                    }
                    if step.events.is_empty() && !is_ladder {
                        let told = self.untold(&step);
                        Self::part(&mut parts, Part::Whole).phase.steps.push(told);
                    }
                }
            }
        }
        for Chapter { part, phase, packets, .. } in &mut parts {
            phase.title = self.phase_title(*part, record, packets);
        }
        self.claims(conversation, &mut parts);
        parts.into_iter().map(|chapter| chapter.phase).collect()
    }

    /// A copy is told with its original, or not at all: it is no step of the connection.
    fn copy(&mut self, step: &Step, event: &Event, parts: &mut [Chapter]) {
        let original = step.copy_of.map(|copy| copy.original);
        let holds = |chapter: &&mut Chapter| chapter.packets.iter().any(|(n, _)| Some(*n) == original);
        let Some(chapter) = parts.iter_mut().find(holds) else { return };
        let (told, spec) = self.told(step, event, true, true);
        chapter.phase.steps.push(told);
        chapter.copies.push(step.number);
        for one in say::specs(spec) {
            if !chapter.phase.specs.contains(&one) {
                chapter.phase.specs.push(one);
            }
        }
    }

    /// Puts every claim to the phase whose packets bear on it. What was told of one conversation is not told again
    /// of the next, unless all is wanted.
    fn claims(&mut self, conversation: &Conversation, parts: &mut [Chapter]) {
        let mut of_part: Vec<Vec<&Mark>> = vec![Vec::new(); parts.len()];
        for mark in conversation.marks() {
            let id: &'static str = &mark.claim.id;
            let contradicted = mark.status == Status::Contradicted;
            if !self.claimed.insert((id, contradicted)) && !self.wish.verbose {
                continue;
            }
            let holds = |chapter: &Chapter| {
                let packets = chapter.packets.iter().map(|(number, _)| number);
                packets.chain(&chapter.copies).any(|number| *number == mark.packet)
            };
            if let Some(at) = parts.iter().position(holds).or(parts.len().checked_sub(1)) {
                of_part[at].push(mark);
            }
        }
        for (chapter, marks) in parts.iter_mut().zip(&of_part) {
            chapter.phase.claims = claims::marks(self.wish.lang, marks, self.wish.verbose);
        }
    }

    /// The phase to go on with: a part that was left may be entered again.
    fn part(parts: &mut Vec<Chapter>, which: Part) -> &mut Chapter {
        // An opening or a closing is told in one piece, whatever happens in between.
        let at = parts.iter().position(|chapter| chapter.part == which);
        let at = at.unwrap_or_else(|| {
            let at = parts.iter().position(|chapter| chapter.part > which).unwrap_or(parts.len());
            parts.insert(
                at,
                Chapter { part: which, phase: Phase::default(), packets: Vec::new(), copies: Vec::new() },
            );
            at
        });
        &mut parts[at]
    }

    fn told(&mut self, step: &Step, event: &Event, first: bool, is_ladder: bool) -> (Told, &'static str) {
        let said = say::event(self.wish.lang, event);
        let new = self.explained.insert((event.kind, event.variant));
        let why = if new || self.wish.verbose { said.why } else { String::new() };
        let head = if is_ladder || !first { Line::new() } else { self.head(step) };
        let number = if first { format!("#{}", event.packet) } else { String::new() };
        (Told { number, head, line: Line::plain(said.line), why }, said.spec)
    }

    /// A step that nothing is said of.
    fn untold(&self, step: &Step) -> Told {
        let len = match step.shape {
            Shape::Other { len } => len,
            Shape::Tcp(s) => s.len,
        };
        let line = match step.copy_of {
            Some(copy) => ladder::copy(self.wish.lang, copy),
            None => Line::new()
                .with(say::text(self.wish.lang, "ladder.bytes", &[("n", &thousands(len))]), Role::Dim),
        };
        Told { number: format!("#{}", step.number), head: self.head(step), line, why: String::new() }
    }

    fn head(&self, step: &Step) -> Line {
        let mut line = Line::new().with(seconds(step.time_ns - self.base(step), 6), Role::Dim);
        if let Some(both) = &step.ends {
            let (from, to) = (&both.0, &both.1);
            line.push("  ", Role::Plain);
            line.push(from.address(), if step.from_first { Role::Client } else { Role::Server });
            line.push(" → ", Role::Plain);
            let to = if to.is_everyone() {
                say::word(self.wish.lang, "role.everyone").to_owned()
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

    fn phase_title(&self, part: Part, record: &FlowRecord, packets: &[(u64, i64)]) -> Line {
        let lang = self.wish.lang;
        let (Some(first), Some(last)) = (packets.iter().min(), packets.iter().max()) else {
            return Line::new();
        };
        let mut distinct: Vec<u64> = packets.iter().map(|(number, _)| *number).collect();
        distinct.dedup();
        let tcp = record.tcp.as_ref();
        let id = match part {
            Part::Whole => return Line::new(),
            Part::Opening => match tcp.map_or("", |tcp| tcp.opening) {
                "three-way" if distinct.len() == 3 => "annotate.step.opening-why",
                "refused" => "annotate.step.refused",
                _ => "annotate.step.opening",
            },
            Part::Closing => match tcp.map_or("", |tcp| tcp.closing) {
                "four-segment" => "annotate.step.closing-four",
                "three-segment" => "annotate.step.closing-three",
                "reset-by-client" | "reset-by-server" if distinct.len() == 1 => "annotate.step.reset",
                _ => "annotate.step.closing",
            },
            Part::Between => "annotate.step.data",
        };
        let (duration, n) = (last.1.saturating_sub(first.1), distinct.len());
        let spent = say::duration(lang, duration);
        let text = say::some(
            lang,
            id,
            &[
                ("range", &ends::packets(first.0, last.0)),
                ("packet", &last.0.to_string()),
                ("n", &n.to_string()),
            ],
            &[("duration", (duration > 0).then_some(&*spent))],
        );
        Line::new().with(text, Role::Strong)
    }
}

/// Routine packets that are not TCP's, in one line.
fn datagrams(lang: Lang, fold: &Fold) -> Line {
    let values = [("range", &*ends::packets(fold.first, fold.last)), ("n", &*thousands(fold.packets))];
    Line::new().with(say::text(lang, "annotate.fold.datagrams", &values), Role::Dim)
}

/// What is remarkable in one conversation.
pub(super) fn remarkable(conversation: &Conversation) -> Vec<Finding> {
    let mut findings = Vec::new();
    for item in conversation.items() {
        if let Item::Step(step) = item {
            step.events.iter().for_each(|event| count(&mut findings, event));
        }
    }
    findings
}

/// The client said "no more" and went on receiving: how long, and until which answer.
pub(super) fn half_close(lang: Lang, conversation: &Conversation) -> Option<(u64, Line)> {
    conversation.record.as_ref()?.tcp.as_ref()?;
    if conversation.cut_off {
        return None;
    }
    let items = conversation.items();
    let mut steps = items.iter().filter_map(|item| match item {
        Item::Step(step) => Some(step),
        Item::Fold(_) => None,
    });
    let fin =
        steps.find(|step| step.events.iter().any(|e| e.kind == Kind::TcpFin && e.variant.is_empty()))?;
    let answer = steps.find(|step| {
        step.copy_of.is_none()
            && step.from_first != fin.from_first
            && matches!(step.shape, Shape::Tcp(s) if s.len > 0 && !s.rst)
    })?;
    let endpoint = say::datum(lang, "endpoint", &Datum::Name(conversation.sender(fin).name()));
    let text = say::text(
        lang,
        "annotate.look.half-close",
        &[
            ("endpoint", &endpoint),
            ("fin_packet", &fin.number.to_string()),
            ("data_packet", &answer.number.to_string()),
            ("before", &say::duration(lang, answer.time_ns.saturating_sub(fin.time_ns))),
        ],
    );
    let line = Line::new().with(format!("#{}  ", answer.number), Role::Packet);
    Some((answer.number, line.with(text, Role::Note)))
}

/// Protocol, stream, packets, ends.
pub(in crate::view) fn title(lang: Lang, record: &FlowRecord) -> Line {
    let id = match record.protocol {
        FlowProtocol::Arp => "annotate.conversation.arp",
        FlowProtocol::Icmp => "annotate.conversation.icmp",
        FlowProtocol::Udp => "annotate.conversation.udp",
        FlowProtocol::Tcp => "annotate.conversation.tcp",
    };
    let mut line =
        Line::new().with(say::text(lang, id, &[("stream", &record.stream.to_string())]), Role::Title);
    let range = ends::packets(record.first, record.last);
    line.push(format!("  {range}"), Role::Packet);
    line.push(format!("  {} → {}", name(&record.client), name(&record.server)), Role::Plain);
    if let Some(application) = record.application {
        line.push(format!("  {application}"), Role::Protocol);
    }
    let flow = say::text(lang, "screen.flow", &[("flow", &record.id.to_string())]);
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
