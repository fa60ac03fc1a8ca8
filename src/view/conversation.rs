//! What is kept of a conversation while a capture goes by, so that its story can be told at the end.
//!
//! Steps that matter (events, changes of state) are kept; what is routine between them is folded into counts. So a
//! transfer of a million segments takes as little room as its opening, its troubles and its closing.
//!
//! Leaves out: the telling (`annotate`, `ladder`), and which conversations are worth it.

use std::collections::VecDeque;

use super::claims::Mark;
use super::ends::{self, End};
use crate::capture::Frame;
use crate::decode::{Header, Packet};
use crate::flow::{
    Datum, Endpoint, Event, FlowId, FlowProtocol, FlowRecord, Kind, Outcome, Severity, StateChange,
};
use crate::notes::check::Finding;
use crate::protocol::Protocol;
use crate::wire::Value;

/// How much of one conversation is kept.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Routine steps kept at the beginning, unfolded.
    pub head: usize,
    /// The last steps, kept until later ones push them out: a change of state may still be told of them.
    pub tail: usize,
    /// Steps of one event kind that are kept; more are counted.
    pub per_kind: u32,
    /// Steps kept in all.
    pub steps: usize,
}

impl Limits {
    /// For a screen with several conversations.
    pub const SCREEN: Limits = Limits { head: 12, tail: 12, per_kind: 4, steps: 120 };
    /// For one conversation looked at closely.
    pub const CLOSE: Limits = Limits { head: 40, tail: 40, per_kind: 200, steps: 4000 };
    /// For a conversation of which nobody wants to know more than that it was there.
    pub const NOTHING: Limits = Limits { head: 0, tail: 0, per_kind: 0, steps: 0 };
}

/// A packet of a conversation.
#[derive(Debug, Clone)]
pub struct Step {
    /// Its number.
    pub number: u64,
    /// Its time.
    pub time_ns: i64,
    /// Whether the sender of the conversation's first packet sent it.
    pub from_first: bool,
    /// Names of sender and receiver, where the ladder's two sides do not tell.
    pub ends: Option<Box<(End, End)>>,
    /// What it is, for the arrow.
    pub shape: Shape,
    /// What happened in it.
    pub events: Vec<Event>,
    /// The packet that it is a copy of, captured elsewhere on the way.
    pub copy_of: Option<CopyOf>,
    /// Whether what happened in it is told with the conversation that it is about.
    pub told_elsewhere: bool,
    /// Who changed state because of it.
    pub states: Vec<Change>,
}

/// The packet that another one repeats because there was more than one capture point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopyOf {
    /// Number of the original.
    pub original: u64,
    /// What lies between: the variant of the event that tells of it, see docs/events.md.
    pub variant: &'static str,
}

/// A change of state, and what proved it.
#[derive(Debug, Clone, Copy)]
pub struct Change {
    /// The change.
    pub change: StateChange,
    /// The later packet that proved an assumed change.
    pub proved_by: Option<u64>,
}

/// What a packet is, for its arrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A TCP segment.
    Tcp(Segment),
    /// Anything else: bytes it carries above the network layer.
    Other {
        /// Bytes.
        len: u64,
    },
}

/// A TCP segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Segment {
    /// SYN.
    pub syn: bool,
    /// ACK.
    pub ack_flag: bool,
    /// FIN.
    pub fin: bool,
    /// RST.
    pub rst: bool,
    /// Sequence number on the wire.
    pub seq_raw: u32,
    /// Acknowledgment number on the wire.
    pub ack_raw: u32,
    /// Relative sequence number, where the follower knows it.
    pub seq: Option<u64>,
    /// Relative acknowledgment number.
    pub ack: Option<u64>,
    /// Payload bytes.
    pub len: u64,
    /// Window as the follower scales it.
    pub window: u64,
}

/// Routine packets in a row, counted.
#[derive(Debug, Clone, Default)]
pub struct Fold {
    /// First packet.
    pub first: u64,
    /// Last packet.
    pub last: u64,
    /// How many.
    pub packets: u64,
    /// Copies among them, which are not counted otherwise.
    pub copies: u64,
    /// How many carry payload.
    pub with_data: u64,
    /// Payload bytes, by whether the conversation's first sender sent them: from the other, from the first.
    pub bytes: [u64; 2],
    /// Events among them that were counted instead of kept.
    pub events: Vec<(Kind, u64)>,
}

/// A step, or many.
#[derive(Debug, Clone)]
pub enum Item {
    /// A packet that matters, or one of few.
    Step(Step),
    /// Packets that do not, counted.
    Fold(Fold),
}

/// How a conversation went, as far as it makes a story different from others.
pub type Manner = (Option<FlowProtocol>, Option<(&'static str, &'static str)>, Option<(Kind, &'static str)>);

/// A conversation, as far as its story is kept.
#[derive(Debug)]
pub struct Conversation {
    /// Its number over all protocols.
    pub id: FlowId,
    /// How it is summed up, once it has ended.
    pub record: Option<FlowRecord>,
    /// The worst of its events.
    pub severity: Severity,
    /// Events that are worth a look or worse.
    pub remarkable: u64,
    /// Whether it was cut off by a reset or a refusal.
    pub cut_off: bool,
    /// Packets so far.
    pub packets: u64,
    /// Time of the first.
    pub start_ns: i64,
    limits: Limits,
    first_sender: End,
    items: Vec<Item>,
    recent: VecDeque<Step>,
    kinds: Vec<(Kind, &'static str, u32)>,
    kept: usize,
    settled: u64,
    worst: Option<(Kind, &'static str)>,
    quiet: Vec<Kind>,
    /// Claims that its packets bear on, each once as shown and once as contradicted.
    marks: Vec<Mark>,
}

impl Conversation {
    /// A conversation begins with this packet.
    pub fn new(id: FlowId, limits: Limits, frame: &Frame<'_>, packet: &Packet<'_>) -> Conversation {
        Conversation {
            id,
            record: None,
            severity: Severity::Chat,
            remarkable: 0,
            cut_off: false,
            packets: 0,
            start_ns: frame.time_ns,
            limits,
            first_sender: ends::of(packet).from,
            items: Vec::new(),
            recent: VecDeque::new(),
            kinds: Vec::new(),
            kept: 0,
            settled: 0,
            worst: None,
            quiet: Vec::new(),
            marks: Vec::new(),
        }
    }

    /// One more packet of it. Returns how much more is kept, in events and steps.
    pub fn take(&mut self, frame: &Frame<'_>, packet: &Packet<'_>, outcome: &Outcome) -> usize {
        self.packets += 1;
        let mine = |event: &&Event| event.flow.is_none_or(|flow| flow == self.id);
        let mut weight = 1;
        let mut step = self.step(frame, packet, outcome);
        for event in outcome.events.iter().filter(mine).filter(|event| !is_said_twice(event)) {
            if is_quiet(event.kind) {
                if self.quiet.contains(&event.kind) {
                    continue;
                }
                self.quiet.push(event.kind);
            }
            step.events.push(event.clone());
            weight += 2;
        }
        step.told_elsewhere = step.events.is_empty() && outcome.events.iter().any(|event| !mine(&event));
        // What it does comes before what it leads to.
        step.events.sort_by_key(|event| event.kind == Kind::TcpTimeWait);
        for event in &step.events {
            self.weigh(event);
        }
        self.recent.push_back(step);
        let id = self.id;
        for change in outcome.states.iter().filter(|change| change.flow == id) {
            self.change(*change);
        }
        while self.recent.len() > self.limits.tail.max(1) {
            self.settle();
        }
        weight
    }

    /// A packet of another conversation that is about this one: an ICMP error.
    pub fn guest(&mut self, frame: &Frame<'_>, packet: &Packet<'_>, outcome: &Outcome, event: &Event) {
        self.weigh(event);
        let mut step = self.step(frame, packet, outcome);
        step.events.push(event.clone());
        self.recent.push_back(step);
    }

    fn step(&self, frame: &Frame<'_>, packet: &Packet<'_>, outcome: &Outcome) -> Step {
        let ends = ends::of(packet);
        let shape = shape(packet, outcome);
        Step {
            number: frame.number,
            time_ns: frame.time_ns,
            from_first: self.is_first_sender(&ends.from),
            ends: (!matches!(shape, Shape::Tcp(_))).then(|| Box::new((ends.from, ends.to))),
            shape,
            events: Vec::new(),
            copy_of: copy_of(frame.number, outcome),
            told_elsewhere: false,
            states: Vec::new(),
        }
    }

    /// A change of state that is told without a packet of its own, or of an earlier one.
    pub fn change(&mut self, change: StateChange) {
        if change.from == change.to {
            let assumed = self
                .steps_mut()
                .rev()
                .flat_map(|step| step.states.iter_mut().rev())
                .find(|known| known.change.endpoint == change.endpoint && known.change.to == change.to);
            if let Some(known) = assumed
                && known.change.packet != change.packet
            {
                known.proved_by.get_or_insert(change.packet);
            }
            return;
        }
        let known = Change { change, proved_by: None };
        if let Some(step) = self.steps_mut().rev().find(|step| step.number == change.packet) {
            step.states.push(known);
        } else if let Some(step) =
            self.steps_mut().rev().find(|step| step.number < change.packet && step.copy_of.is_none())
        {
            step.states.push(known);
        }
    }

    /// An event that is told when its packet is long past, or when the capture is over.
    pub fn late(&mut self, event: &Event) {
        self.weigh(event);
        if let Some(step) = self.steps_mut().rev().find(|step| step.number == event.packet) {
            step.events.push(event.clone());
        } else if let Some(step) = self.steps_mut().next_back() {
            step.events.push(event.clone());
        }
    }

    /// One of its packets bears on a claim.
    pub fn mark(&mut self, finding: &Finding) {
        let known = |mark: &Mark| std::ptr::eq(mark.claim, finding.claim) && mark.status == finding.status;
        if self.limits.steps > 0 && !self.marks.iter().any(known) {
            self.marks.push(Mark::from(finding));
        }
    }

    /// The claims its packets bear on, in the order in which they did.
    pub fn marks(&self) -> &[Mark] {
        &self.marks
    }

    /// Whether a packet is among the steps that are kept.
    pub fn has_step(&self, packet: u64) -> bool {
        let kept = self.items.iter().any(|item| matches!(item, Item::Step(step) if step.number == packet));
        kept || self.recent.iter().any(|step| step.number == packet)
    }

    /// Keep nothing of its steps any more: others matter more.
    pub fn forget(&mut self) {
        (self.items, self.recent, self.kept) = (Vec::new(), VecDeque::new(), 0);
        self.limits = Limits::NOTHING;
    }

    /// Whether its steps were given up.
    pub fn is_forgotten(&self) -> bool {
        self.limits.steps == 0
    }

    /// How much it matters: what failed, what was cut off, what is remarkable, what is big.
    pub fn importance(&self) -> (Severity, bool, u64, u64) {
        let bytes = self.record.as_ref().map_or(0, |record| record.bytes.iter().sum());
        (self.severity.max(Severity::Note), self.cut_off, self.remarkable.min(1), bytes)
    }

    /// Whether all of its packets are told with the conversations that they are about.
    pub fn is_told_elsewhere(&self) -> bool {
        let mut items = self.items.iter();
        self.packets > 0
            && items.all(|item| matches!(item, Item::Step(step) if step.told_elsewhere))
            && self.recent.iter().all(|step| step.told_elsewhere)
            && !(self.items.is_empty() && self.recent.is_empty())
    }

    /// Whether something went wrong in it.
    pub fn is_trouble(&self) -> bool {
        self.severity >= Severity::Warn || self.cut_off
    }

    /// How it went: what it was carried by, how it opened and closed, the worst that happened.
    pub fn manner(&self) -> Manner {
        let record = self.record.as_ref();
        let tcp = record.and_then(|record| record.tcp.as_ref());
        (record.map(|r| r.protocol), tcp.map(|tcp| (tcp.opening, tcp.closing)), self.worst)
    }

    /// Which endpoint sent a step; needs the record.
    pub fn sender(&self, step: &Step) -> Endpoint {
        let client_was_first = self.record.as_ref().is_none_or(|record| {
            let first = &self.first_sender;
            let same_ip = record.client.addr.is_none() || record.client.addr == first.ip;
            let same_port = record.client.port.is_none() || record.client.port == first.port;
            same_ip && same_port
        });
        if step.from_first == client_was_first { Endpoint::Client } else { Endpoint::Server }
    }

    /// The story so far, in order. Runs of routine steps are folded where there are many.
    pub fn items(&self) -> Vec<Item> {
        let mut items = self.items.clone();
        items.extend(self.recent.iter().cloned().map(Item::Step));
        let routine =
            items.iter().filter(|item| matches!(item, Item::Step(step) if is_routine(step))).count();
        // A ladder is read at a glance, and its first rungs are worth seeing; a list of equal lines is not.
        let is_ladder = self.record.as_ref().is_some_and(|record| has_ladder(record.protocol));
        if routine <= if is_ladder { self.limits.head } else { 3 } {
            return items;
        }
        fold_runs(items)
    }

    fn is_first_sender(&self, end: &End) -> bool {
        let first = &self.first_sender;
        first.ip == end.ip && first.port == end.port && (first.ip.is_some() || first.mac == end.mac)
    }

    fn weigh(&mut self, event: &Event) {
        if event.severity > self.severity || self.worst.is_none() && event.severity >= Severity::Note {
            self.worst = Some((event.kind, event.variant));
        }
        self.severity = self.severity.max(event.severity);
        self.remarkable += u64::from(event.severity >= Severity::Note);
        self.cut_off |= matches!(event.kind, Kind::TcpReset | Kind::TcpRefused);
    }

    fn steps_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut Step> {
        let settled = self.items.iter_mut().filter_map(|item| match item {
            Item::Step(step) => Some(step),
            Item::Fold(_) => None,
        });
        settled.chain(self.recent.iter_mut())
    }

    /// Decides on the oldest of the recent steps: keep or fold.
    fn settle(&mut self) {
        let Some(step) = self.recent.pop_front() else { return };
        let mut matters = !step.states.is_empty() || step.events.iter().any(|e| e.severity >= Severity::Warn);
        for event in &step.events {
            let at = self.kinds.iter().position(|(k, v, _)| *k == event.kind && *v == event.variant);
            let at = at.unwrap_or_else(|| {
                self.kinds.push((event.kind, event.variant, 0));
                self.kinds.len() - 1
            });
            let count = &mut self.kinds[at].2;
            *count += 1;
            matters |= *count <= self.limits.per_kind;
        }
        let early = self.settled < self.limits.head as u64;
        self.settled += 1;
        if (matters || early) && self.kept < self.limits.steps {
            self.kept += 1;
            self.items.push(Item::Step(step));
        } else if let Some(Item::Fold(fold)) = self.items.last_mut() {
            fold.add(&step);
        } else if self.limits.steps > 0 {
            let mut fold = Fold { first: step.number, ..Fold::default() };
            fold.add(&step);
            self.items.push(Item::Fold(fold));
        }
    }
}

impl Fold {
    fn add(&mut self, step: &Step) {
        self.last = step.number;
        if step.copy_of.is_some() {
            self.copies += 1;
            return;
        }
        self.packets += 1;
        let len = match step.shape {
            Shape::Tcp(segment) => segment.len,
            Shape::Other { len } => len,
        };
        self.with_data += u64::from(len > 0);
        self.bytes[usize::from(step.from_first)] += len;
        for event in &step.events {
            match self.events.iter_mut().find(|(kind, _)| *kind == event.kind) {
                Some((_, count)) => *count += 1,
                None => self.events.push((event.kind, 1)),
            }
        }
    }

    fn join(&mut self, other: &Fold) {
        self.last = other.last;
        self.packets += other.packets;
        self.copies += other.copies;
        self.with_data += other.with_data;
        self.bytes = [self.bytes[0] + other.bytes[0], self.bytes[1] + other.bytes[1]];
        for (kind, count) in &other.events {
            match self.events.iter_mut().find(|(known, _)| known == kind) {
                Some((_, known)) => *known += count,
                None => self.events.push((*kind, *count)),
            }
        }
    }
}

/// A repeated SYN or FIN is an event of its own, and a retransmission besides: once is enough for people.
pub fn is_said_twice(event: &Event) -> bool {
    event.kind == Kind::TcpRetransmission && matches!(event.variant, "syn" | "syn-ack" | "fin")
}

/// Events of which the first in a conversation tells all: they say something of the capture, or go on and on.
pub(super) fn is_quiet(kind: Kind) -> bool {
    matches!(kind, Kind::ChecksumOffloaded | Kind::CaptureCopy | Kind::Truncated | Kind::TcpWindowUpdate)
}

/// Whether a step has nothing to tell but itself.
pub fn is_routine(step: &Step) -> bool {
    step.states.is_empty() && step.events.is_empty()
}

/// Folds four or more routine steps in a row, with the folds beside them.
fn fold_runs(items: Vec<Item>) -> Vec<Item> {
    const RUN: usize = 4;
    let mut out: Vec<Item> = Vec::with_capacity(items.len());
    let mut run: Vec<Step> = Vec::new();
    let end_run = |run: &mut Vec<Step>, out: &mut Vec<Item>| {
        let beside_fold = matches!(out.last(), Some(Item::Fold(_)));
        if run.len() < RUN && !beside_fold {
            out.extend(run.drain(..).map(Item::Step));
            return;
        }
        let mut fold = Fold { first: run.first().map_or(0, |s| s.number), ..Fold::default() };
        for step in run.drain(..) {
            fold.add(&step);
        }
        match out.last_mut() {
            Some(Item::Fold(before)) if fold.last > 0 => before.join(&fold),
            _ if fold.last > 0 => out.push(Item::Fold(fold)),
            _ => {}
        }
    };
    for item in items {
        match item {
            Item::Step(step) if is_routine(&step) => run.push(step),
            Item::Step(step) => {
                end_run(&mut run, &mut out);
                out.push(Item::Step(step));
            }
            Item::Fold(mut fold) => {
                // A fold takes in the routine steps before it.
                let mut before =
                    Fold { first: run.first().map_or(fold.first, |s| s.number), ..Fold::default() };
                for step in run.drain(..) {
                    before.add(&step);
                }
                before.join(&fold);
                std::mem::swap(&mut before, &mut fold);
                match out.last_mut() {
                    Some(Item::Fold(known)) => known.join(&fold),
                    _ => out.push(Item::Fold(fold)),
                }
            }
        }
    }
    end_run(&mut run, &mut out);
    out
}

/// The original of a packet that is a copy.
fn copy_of(number: u64, outcome: &Outcome) -> Option<CopyOf> {
    let event = outcome.events.iter().find(|e| e.kind == Kind::CaptureCopy && e.packet == number)?;
    match event.get("original") {
        Some(Datum::Uint(original)) => Some(CopyOf { original: *original, variant: event.variant }),
        _ => None,
    }
}

fn shape(packet: &Packet<'_>, outcome: &Outcome) -> Shape {
    let Some(layer) = packet.transport() else {
        let len = packet.innermost().map_or(0, |layer| layer.end - layer.start);
        return Shape::Other { len: len as u64 };
    };
    let Header::Tcp(tcp) = &layer.header else {
        return Shape::Other { len: (layer.end - layer.header_end) as u64 };
    };
    let computed = |name: &str| {
        outcome
            .context
            .computed
            .iter()
            .find(|c| c.protocol == Protocol::Tcp && c.field.name == name)
            .and_then(|c| match c.value {
                Value::Uint(n) => Some(n),
                _ => None,
            })
    };
    Shape::Tcp(Segment {
        syn: tcp.syn(),
        ack_flag: tcp.ack(),
        fin: tcp.fin(),
        rst: tcp.rst(),
        seq_raw: tcp.sequence_number(),
        ack_raw: tcp.acknowledgment_number(),
        seq: computed("tcp.seq"),
        ack: computed("tcp.ack"),
        len: computed("tcp.len").unwrap_or((layer.end - layer.header_end) as u64),
        window: computed("tcp.window_size").unwrap_or_else(|| tcp.window_size().into()),
    })
}

/// Whether conversations of a protocol are drawn as a ladder.
pub fn has_ladder(protocol: FlowProtocol) -> bool {
    protocol == FlowProtocol::Tcp
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(number: u64, events: Vec<Event>) -> Step {
        let shape = Shape::Tcp(Segment { len: 10, ..Segment::default() });
        let (from_first, told_elsewhere) = (number.is_multiple_of(2), false);
        Step {
            number,
            time_ns: 0,
            from_first,
            ends: None,
            shape,
            events,
            copy_of: None,
            told_elsewhere,
            states: Vec::new(),
        }
    }

    fn shape_of(items: &[Item]) -> Vec<String> {
        let name = |item: &Item| match item {
            Item::Step(step) => format!("#{}", step.number),
            Item::Fold(fold) => format!("#{}-#{}: {}", fold.first, fold.last, fold.packets),
        };
        items.iter().map(name).collect()
    }

    #[test]
    fn runs_of_routine_are_folded_and_what_matters_stays() {
        let happened = || vec![Event::new(Kind::TcpRetransmission, 6, None)];
        let items = (1..=12).map(|n| Item::Step(step(n, if n == 6 { happened() } else { Vec::new() })));
        let folded = fold_runs(items.collect());
        assert_eq!(shape_of(&folded), ["#1-#5: 5", "#6", "#7-#12: 6"]);
        let Item::Fold(fold) = &folded[2] else { panic!("a fold") };
        assert_eq!((fold.with_data, fold.bytes), (6, [30, 30]));
    }

    #[test]
    fn copies_are_folded_but_not_counted() {
        let copy = CopyOf { original: 1, variant: "" };
        let items = (1..=6_u64).map(|n| {
            let copy_of = n.is_multiple_of(2).then_some(copy);
            Item::Step(Step { copy_of, ..step(n, Vec::new()) })
        });
        let folded = fold_runs(items.collect());
        assert_eq!(shape_of(&folded), ["#1-#6: 3"]);
        let Item::Fold(fold) = &folded[0] else { panic!("a fold") };
        assert_eq!((fold.copies, fold.with_data, fold.bytes), (3, 3, [30, 0]));
    }

    #[test]
    fn few_routine_steps_stay() {
        let folded = fold_runs((1..=3).map(|n| Item::Step(step(n, Vec::new()))).collect());
        assert_eq!(shape_of(&folded), ["#1", "#2", "#3"]);
    }

    #[test]
    fn folds_beside_each_other_become_one() {
        let fold = Fold { first: 4, last: 9, packets: 6, ..Fold::default() };
        let mut items: Vec<Item> = (2..=3).map(|n| Item::Step(step(n, Vec::new()))).collect();
        items.push(Item::Fold(fold));
        items.extend((10..=11).map(|n| Item::Step(step(n, Vec::new()))));
        assert_eq!(shape_of(&fold_runs(items)), ["#2-#11: 10"]);
    }
}
