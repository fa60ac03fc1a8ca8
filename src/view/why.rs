//! Why a segment has its labels: the rules that were put to it, one a line.
//!
//! Leaves out: asking them (`flow::tcp::why`).

use super::say;
use super::span::{Line, Role};
use crate::decode::Packet;
use crate::flow::tcp::why::Reason;
use crate::flow::{Event, Kind, Outcome};
use crate::protocol::Protocol;
use crate::words::{self, Lang};

/// What is shown of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WhyView {
    /// The packet and what happened in it, one line an event.
    pub events: Vec<Line>,
    /// Which labels it has.
    pub verdict: Line,
    /// The heading of the rules.
    pub asked: Line,
    /// Each rule, with a sign whether it gives a label.
    pub rules: Vec<Line>,
}

/// The screen of a packet's reasons; `None` where it has no TCP segment.
pub fn of(lang: Lang, number: u64, packet: &Packet<'_>, outcome: &Outcome) -> Option<WhyView> {
    packet.transport().filter(|layer| layer.protocol == Protocol::Tcp)?;
    let (reasons, events) = (&outcome.why, &outcome.events);
    let told = |event: &Event| {
        Line::new()
            .with(format!("#{number}"), Role::Packet)
            .with("  ", Role::Plain)
            .with(say::line(lang, event), Role::Plain)
    };
    let labels: Vec<&str> = reasons.iter().filter_map(|reason| reason.label).map(Kind::name).collect();
    let comma = say::word(lang, "word.comma");
    let verdict = match labels.is_empty() {
        true if reasons.is_empty() => Line::new().with(say::word(lang, "why.not-followed"), Role::Strong),
        true => Line::new().with(say::word(lang, "why.no-label"), Role::Strong),
        false => {
            Line::new().with(say::text(lang, "why.labels", &[("labels", &labels.join(comma))]), Role::Strong)
        }
    };
    Some(WhyView {
        events: events.iter().filter(|event| event.packet == number).map(told).collect(),
        verdict,
        asked: Line::new().with(say::word(lang, "why.asked"), Role::Title),
        rules: reasons.iter().map(|reason| rule(lang, reason)).collect(),
    })
}

fn rule(lang: Lang, reason: &Reason) -> Line {
    let value = |key: &str| {
        reason
            .data
            .iter()
            .rev()
            .find(|(name, _)| *name == key)
            .map(|(name, datum)| say::datum(lang, name, datum))
    };
    let text = words::fill(words::text(lang, "interface", reason.id), &value);
    match reason.label {
        Some(kind) => Line::new()
            .with("✓ ", Role::Good)
            .with(text, Role::Plain)
            .with(format!("  {}", kind.name()), Role::Protocol),
        None => Line::new().with("· ", Role::Dim).with(text, Role::Plain),
    }
}
