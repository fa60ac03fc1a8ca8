//! A conversation as a ladder: time downwards, an arrow for each segment, the state of each end beside it.
//!
//! Leaves out: columns and arrows (`render::text::ladder`).

use super::conversation::{Change, Conversation, CopyOf, Fold, Item, Segment, Shape, Step};
use super::ends;
use super::say::{self, thousands};
use super::span::{Line, Role};
use super::time::seconds;
use crate::flow::{Basis, Endpoint, FlowRecord, Kind};
use crate::words::{self, Lang};

/// Which numbers stand on the arrows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbers {
    /// Relative ones, and in the opening the raw ones they count from.
    Relative,
    /// Relative ones with the raw ones beside them.
    Both,
    /// Raw ones.
    Raw,
}

/// A ladder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ladder {
    /// Names of client and server.
    pub ends: [Line; 2],
    /// States before the first arrow.
    pub before: [String; 2],
    /// Its rungs.
    pub rungs: Vec<Rung>,
}

/// A rung of a ladder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rung {
    /// A segment.
    Arrow(Box<Arrow>),
    /// Routine segments, counted.
    Fold(Line),
}

/// A segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrow {
    /// Packet number.
    pub number: u64,
    /// Seconds since the conversation began.
    pub time: String,
    /// Whether it goes from client to server.
    pub rightwards: bool,
    /// What is written on it.
    pub label: Line,
    /// Whether it is a copy of an earlier one: `label` says so, and no arrow is drawn.
    pub copy: bool,
    /// What is written under it, e.g. the ack of a SYN+ACK.
    pub below: Line,
    /// States of client and server after it; empty where it changes neither.
    pub states: [Option<StateCell>; 2],
    /// What happened, in sentences, with the specification.
    pub told: Vec<(String, String)>,
}

/// A state beside an arrow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateCell {
    /// RFC 9293's name.
    pub name: String,
    /// How it is known, where that is not from the endpoint's own segment: `(assumed)`, `(proved by #7)`.
    pub basis: String,
    /// The same in few characters, where there is no room: `(✓#7)`.
    pub brief: String,
    /// Whether this segment changed it.
    pub changed: bool,
}

/// The ladder of a conversation that has ended.
pub fn of(lang: Lang, conversation: &Conversation, record: &FlowRecord, numbers: Numbers) -> Ladder {
    let items = conversation.items();
    let first_state = |end: Endpoint| {
        let changes = items.iter().filter_map(|item| match item {
            Item::Step(step) => step.states.iter().find(|c| c.change.endpoint == end),
            Item::Fold(_) => None,
        });
        let at_end = record.tcp.as_ref().map(|tcp| tcp.states[end.index()]);
        changes.map(|c| c.change.from).next().or(at_end).map_or("", |state| state.name()).to_owned()
    };
    let before = [first_state(Endpoint::Client), first_state(Endpoint::Server)];
    let mut now = before.clone();
    let mut rungs = Vec::with_capacity(items.len());
    for item in &items {
        match item {
            Item::Fold(fold) => rungs.push(Rung::Fold(folded(lang, fold))),
            Item::Step(step) => {
                rungs.push(Rung::Arrow(Box::new(arrow(lang, conversation, step, numbers, &mut now))));
            }
        }
    }
    let end = |id, role, party: &crate::flow::Party| {
        let address = party.addr.map_or_else(String::new, |ip| ip.to_string());
        Line::new()
            .with(say::word(lang, id), role)
            .with(" ", Role::Plain)
            .with(ends::with_port(&address, party.port), role)
    };
    let ends =
        [end("role.client", Role::Client, &record.client), end("role.server", Role::Server, &record.server)];
    Ladder { ends, before, rungs }
}

fn arrow(
    lang: Lang,
    conversation: &Conversation,
    step: &Step,
    numbers: Numbers,
    now: &mut [String; 2],
) -> Arrow {
    let mut states = [None, None];
    for change in &step.states {
        let at = change.change.endpoint.index();
        now[at] = change.change.to.name().to_owned();
        states[at] = Some(StateCell {
            name: now[at].clone(),
            basis: basis(lang, change, false),
            brief: basis(lang, change, true),
            changed: true,
        });
    }
    if states.iter().any(Option::is_some) {
        for at in 0..2 {
            states[at].get_or_insert_with(|| StateCell {
                name: now[at].clone(),
                basis: String::new(),
                brief: String::new(),
                changed: false,
            });
        }
    }
    let is = |kind| step.events.iter().any(|e| e.kind == kind);
    let (label, below) = match &step.shape {
        _ if step.copy_of.is_some() => (step.copy_of.map_or_else(Line::new, |c| copy(lang, c)), Line::new()),
        Shape::Tcp(segment) => label(lang, segment, numbers, is(Kind::TcpHandshakeAck), is(Kind::TcpFinAck)),
        Shape::Other { len } => {
            let text = say::text(lang, "ladder.bytes", &[("n", &thousands(*len))]);
            (Line::new().with(text, Role::Strong), Line::new())
        }
    };
    let told = step.events.iter().map(|event| {
        let said = say::event(lang, event);
        (said.line, say::spec(said.spec))
    });
    Arrow {
        number: step.number,
        time: seconds(step.time_ns.saturating_sub(conversation.start_ns), 6),
        rightwards: conversation.sender(step) == Endpoint::Client,
        label,
        copy: step.copy_of.is_some(),
        below,
        states,
        told: told.collect(),
    }
}

/// What is said of a copy instead of what it holds.
pub fn copy(lang: Lang, copy: CopyOf) -> Line {
    let id = match copy.variant {
        "forwarded" => "screen.copy.forwarded",
        "twice" => "screen.copy.twice",
        _ => "screen.copy",
    };
    Line::new().with(say::text(lang, id, &[("packet", &copy.original.to_string())]), Role::Dim)
}

/// How a state is known, where that is worth saying.
fn basis(lang: Lang, change: &Change, brief: bool) -> String {
    match (change.change.basis, change.proved_by) {
        (Basis::Received, Some(packet)) => {
            let id = if brief { "screen.proved" } else { "state.proved" };
            say::text(lang, id, &[("packet", &packet.to_string())])
        }
        (Basis::Received, None) => say::word(lang, "state.assumed").to_owned(),
        (Basis::Timer, _) => say::word(lang, "state.timer").to_owned(),
        (Basis::Sent | Basis::Confirmed, _) => String::new(),
    }
}

/// What is written on an arrow, and under it.
fn label(lang: Lang, s: &Segment, numbers: Numbers, opens: bool, answers_fin: bool) -> (Line, Line) {
    let seq = |line: &mut Line| {
        let raw = numbers == Numbers::Raw || s.syn;
        number(line, "seq", s.seq, s.seq_raw, raw, numbers);
    };
    let ack = |line: &mut Line| {
        let raw = numbers == Numbers::Raw || s.syn || opens;
        number(line, "ack", s.ack, s.ack_raw, raw, numbers);
    };
    let (mut line, mut below) = (Line::new(), Line::new());
    let flags: Vec<&str> = [(s.syn, "SYN"), (s.fin, "FIN"), (s.rst, "RST")]
        .iter()
        .filter_map(|(set, name)| set.then_some(*name))
        .collect();
    if !flags.is_empty() {
        let mut flags = flags.join("+");
        if s.ack_flag && (s.syn || answers_fin) {
            flags.push_str("+ACK");
        }
        line.push(flags, if s.rst { Role::Bad } else { Role::Protocol });
    }
    if s.len > 0 {
        if !line.is_empty() {
            line.push("  ", Role::Plain);
        }
        line.push(say::text(lang, "ladder.bytes", &[("n", &thousands(s.len))]), Role::Strong);
        seq(&mut line);
    } else if !line.is_empty() {
        seq(&mut line);
    } else {
        line.push(if s.ack_flag { "ACK" } else { "-" }, Role::Protocol);
        if s.ack_flag {
            ack(&mut line);
        }
        return (line, below);
    }
    if s.ack_flag && (s.syn || answers_fin || numbers != Numbers::Relative) && !s.rst {
        ack(&mut below);
    }
    (line, below)
}

fn number(line: &mut Line, name: &str, relative: Option<u64>, raw: u32, only_raw: bool, numbers: Numbers) {
    if !line.is_empty() {
        line.push("  ", Role::Plain);
    }
    line.push(format!("{name} "), Role::Dim);
    match relative {
        Some(relative) if !only_raw => {
            line.push(format!("+{relative}"), Role::Plain);
            if numbers == Numbers::Both {
                line.push(format!(" ({raw})"), Role::Dim);
            }
        }
        _ => line.push(raw.to_string(), Role::Plain),
    }
}

/// Routine segments in one line: how many, how much, what was counted among them.
pub fn folded(lang: Lang, fold: &Fold) -> Line {
    let range = ends::packets(fold.first, fold.last);
    let bytes: u64 = fold.bytes.iter().sum();
    let values = [
        ("n", &*thousands(fold.packets)),
        ("data", &*thousands(fold.with_data)),
        ("bytes", &*thousands(bytes)),
    ];
    let id = match (fold.with_data, fold.packets - fold.with_data) {
        (0, 0) => "",
        (0, _) => "screen.fold.acks",
        (_, 0) => "screen.fold.data",
        _ => "screen.fold.both",
    };
    let mut line = Line::new().with(range, Role::Packet).with(" ", Role::Plain);
    if !id.is_empty() {
        line.push(say::text(lang, id, &values), Role::Dim);
    }
    if fold.copies > 0 {
        if !id.is_empty() {
            line.push(say::word(lang, "word.comma"), Role::Dim);
        }
        line.push(say::text(lang, "screen.fold.copies", &[("n", &thousands(fold.copies))]), Role::Dim);
    }
    for (kind, count) in &fold.events {
        line.push(say::word(lang, "word.comma"), Role::Dim);
        line.push(counted(lang, *kind, *count), Role::Note);
    }
    line
}

/// What happened several times among the folded packets: in words, or else by its name.
fn counted(lang: Lang, kind: Kind, count: u64) -> String {
    let count = thousands(count);
    match words::find(lang, "interface", &format!("fold.{}", kind.name())) {
        Some(template) => words::fill(template, &|key| (key == "n").then(|| count.clone())),
        None => format!("{count} × {}", kind.name()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_opening_shows_raw_numbers() {
        let syn = Segment { syn: true, seq_raw: 7, seq: Some(0), ..Segment::default() };
        let (line, below) = label(Lang::En, &syn, Numbers::Relative, false, false);
        assert_eq!((line.text().as_str(), below.text().as_str()), ("SYN  seq 7", ""));
        let both = Segment { ack_flag: true, ack_raw: 9, ack: Some(1), ..syn };
        let (line, below) = label(Lang::En, &both, Numbers::Relative, false, false);
        assert_eq!((line.text().as_str(), below.text().as_str()), ("SYN+ACK  seq 7", "ack 9"));
    }

    #[test]
    fn later_segments_show_relative_numbers() {
        let ack = Segment { ack_flag: true, ack_raw: 9, ack: Some(8), ..Segment::default() };
        assert_eq!(label(Lang::En, &ack, Numbers::Relative, false, false).0.text(), "ACK  ack +8");
        assert_eq!(label(Lang::En, &ack, Numbers::Both, false, false).0.text(), "ACK  ack +8 (9)");
        assert_eq!(label(Lang::En, &ack, Numbers::Raw, false, false).0.text(), "ACK  ack 9");
    }

    #[test]
    fn a_segment_without_any_flag_has_a_label() {
        let nothing = Segment::default();
        assert_eq!(label(Lang::En, &nothing, Numbers::Relative, false, false).0.text(), "-");
    }
}
