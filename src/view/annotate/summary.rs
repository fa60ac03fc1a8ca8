//! The upper part of the story: the file, the conversations by kind, what to look at.

use std::collections::BTreeMap;

use super::{Read, is_finding};
use crate::capture::link_name;
use crate::decode::Packet;
use crate::flow::{Event, FlowProtocol, FlowRecord, Kind, Severity};
use crate::view::ends;
use crate::view::say::{self, thousands};
use crate::view::span::{Line, Role};
use crate::words::Lang;

/// Counts over the whole capture; bounded by the kinds there are.
#[derive(Debug, Default)]
pub(super) struct Summary {
    flows: BTreeMap<FlowProtocol, Kin>,
    findings: Vec<Finding>,
    half_closed: Option<FlowRecord>,
    alone: BTreeMap<&'static str, u64>,
}

/// Conversations of one protocol.
#[derive(Debug, Default)]
struct Kin {
    count: u64,
    packets: u64,
    bytes: u64,
    payload: [u64; 2],
    /// The only one, where there is only one.
    single: Option<FlowRecord>,
    openings: BTreeMap<&'static str, u64>,
    closings: BTreeMap<&'static str, u64>,
    applications: BTreeMap<&'static str, u64>,
}

/// A kind of remarkable event.
#[derive(Debug)]
struct Finding {
    first: Event,
    count: u64,
}

impl Summary {
    pub(super) fn events(&mut self, events: &[Event]) {
        for event in events.iter().filter(|event| is_finding(event)) {
            let known = self
                .findings
                .iter_mut()
                .find(|known| known.first.kind == event.kind && known.first.variant == event.variant);
            match known {
                Some(known) => known.count += 1,
                None => self.findings.push(Finding { first: event.clone(), count: 1 }),
            }
        }
    }

    pub(super) fn flow(&mut self, record: &FlowRecord) {
        let kin = self.flows.entry(record.protocol).or_default();
        kin.count += 1;
        kin.packets += record.packets.iter().sum::<u64>();
        kin.bytes += record.bytes.iter().sum::<u64>();
        kin.single = (kin.count == 1).then(|| record.clone());
        if let Some(application) = record.application {
            *kin.applications.entry(application).or_default() += 1;
        }
        if let Some(tcp) = &record.tcp {
            kin.payload = [kin.payload[0] + tcp.payload[0], kin.payload[1] + tcp.payload[1]];
            *kin.openings.entry(tcp.opening).or_default() += 1;
            *kin.closings.entry(tcp.closing).or_default() += 1;
            if tcp.closing == "half-closed" && self.half_closed.is_none() {
                self.half_closed = Some(record.clone());
            }
        }
    }

    /// A packet of no conversation.
    pub(super) fn alone(&mut self, packet: &Packet<'_>) {
        let name = ends::protocol(packet).map_or("data", |protocol| protocol.title());
        *self.alone.entry(name).or_default() += 1;
    }

    pub(super) fn lines(&self, lang: Lang) -> Vec<Line> {
        // Down in the layers first: ARP finds the way for the rest.
        let order = [FlowProtocol::Arp, FlowProtocol::Icmp, FlowProtocol::Udp, FlowProtocol::Tcp];
        let mut lines: Vec<Line> = order
            .iter()
            .filter_map(|protocol| self.flows.get(protocol).map(|kin| kin_line(lang, *protocol, kin)))
            .collect();
        if !self.alone.is_empty() {
            let kinds: Vec<String> =
                self.alone.iter().map(|(name, n)| format!("{name} {}", thousands(*n))).collect();
            let total: u64 = self.alone.values().sum();
            let mut line = Line::plain(say::text(lang, "summary.alone", &[("n", &thousands(total))]));
            line.push(format!("  {}", kinds.join(say::word(lang, "list.separator"))), Role::Dim);
            lines.push(line);
        }
        lines
    }

    pub(super) fn findings(&self, lang: Lang) -> Vec<Line> {
        const MOST: usize = 6;
        let mut found: Vec<&Finding> = self.findings.iter().collect();
        found.sort_by_key(|f| (std::cmp::Reverse(f.first.severity), f.first.packet));
        let left = found.len().saturating_sub(MOST);
        let mut lines: Vec<Line> = found.iter().take(MOST).map(|f| finding(lang, f)).collect();
        if left > 0 {
            let text = say::text(lang, "look.more", &[("n", &left.to_string())]);
            lines.push(Line::new().with(text, Role::Dim));
        }
        if lines.is_empty() {
            lines.push(Line::plain(say::word(lang, "look.nothing")));
        }
        lines
    }
}

fn finding(lang: Lang, finding: &Finding) -> Line {
    let event = &finding.first;
    let role = if event.severity >= Severity::Warn { Role::Warn } else { Role::Note };
    let sign = match event.severity {
        Severity::Error => "look.error",
        Severity::Warn => "look.warn",
        _ => "look.note",
    };
    let mut line = Line::new().with(say::word(lang, sign), role).with(" ", Role::Plain);
    if event.kind != Kind::CaptureDamaged {
        line.push(format!("#{} ", event.packet), Role::Packet);
    }
    line.push(say::line(lang, event), Role::Plain);
    if finding.count > 1 {
        let more = thousands(finding.count - 1);
        line.push(" ", Role::Plain);
        line.push(say::text(lang, "look.like-it", &[("n", &more)]), Role::Dim);
    }
    line
}

fn kin_line(lang: Lang, protocol: FlowProtocol, kin: &Kin) -> Line {
    let id = match protocol {
        FlowProtocol::Arp => "summary.arp",
        FlowProtocol::Icmp => "summary.icmp",
        FlowProtocol::Udp => "summary.udp",
        FlowProtocol::Tcp => "summary.tcp",
    };
    let mut line = Line::new().with(say::text(lang, id, &[("n", &thousands(kin.count))]), Role::Strong);
    let mut part = |text: String| {
        line.push("   ", Role::Plain);
        line.push(text, Role::Plain);
    };
    if let Some(only) = &kin.single {
        part(format!("{} → {}", name(&only.client), name(&only.server)));
    }
    if protocol == FlowProtocol::Tcp {
        let payload = [thousands(kin.payload[0]), thousands(kin.payload[1])];
        part(say::text(lang, "summary.payload", &[("up", &payload[0]), ("down", &payload[1])]));
        part(counted(lang, "opening", &kin.openings));
        part(counted(lang, "closing", &kin.closings));
    } else {
        let (packets, bytes) = (thousands(kin.packets), thousands(kin.bytes));
        part(say::text(lang, "summary.size", &[("n", &packets), ("bytes", &bytes)]));
    }
    if !kin.applications.is_empty() {
        let names: Vec<String> = kin
            .applications
            .iter()
            .map(|(name, n)| if kin.count == 1 { (*name).to_owned() } else { format!("{name} {}", thousands(*n)) })
            .collect();
        part(names.join(say::word(lang, "list.separator")));
    }
    line
}

/// "opened in three segments", or how many of each kind.
fn counted(lang: Lang, area: &str, kinds: &BTreeMap<&'static str, u64>) -> String {
    let single = kinds.len() == 1;
    let mut kinds: Vec<_> = kinds.iter().collect();
    kinds.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
    let said = kinds.iter().map(|(kind, n)| {
        let text = manner(lang, area, kind);
        if single { text.to_owned() } else { format!("{} {text}", thousands(**n)) }
    });
    said.collect::<Vec<_>>().join(say::word(lang, "list.separator"))
}

/// How a connection opened or closed, in a few words.
pub(in crate::view) fn manner(lang: Lang, area: &str, kind: &str) -> &'static str {
    let id = match (area, kind) {
        ("opening", "three-way") => "opening.three-way",
        ("opening", "simultaneous") => "opening.simultaneous",
        ("opening", "fast-open") => "opening.fast-open",
        ("opening", "refused") => "opening.refused",
        ("opening", "unanswered") => "opening.unanswered",
        ("opening", "reset-during") => "opening.reset-during",
        ("opening", _) => "opening.not-captured",
        (_, "four-segment") => "closing.four-segment",
        (_, "three-segment") => "closing.three-segment",
        (_, "simultaneous") => "closing.simultaneous",
        (_, "half-closed") => "closing.half-closed",
        (_, "reset-by-client") => "closing.reset-by-client",
        (_, "reset-by-server") => "closing.reset-by-server",
        (_, _) => "closing.not-captured",
    };
    say::word(lang, id)
}

/// Name of an end as people write it.
pub(in crate::view) fn name(party: &crate::flow::Party) -> String {
    let address = match (party.addr, party.mac) {
        (Some(ip), _) => ip.to_string(),
        (None, Some(mac)) => ends::mac(mac),
        (None, None) => "?".to_owned(),
    };
    ends::with_port(&address, party.port)
}

pub(super) fn head(lang: Lang, files: &[Read], frames: u64, first: Option<i64>, last: i64) -> Vec<Line> {
    let mut lines = Vec::new();
    for (at, file) in files.iter().enumerate() {
        let links: Vec<String> = file
            .links
            .iter()
            .map(|link| link_name(*link).map_or_else(|| link.to_string(), str::to_owned))
            .collect();
        let mut line = Line::new().with(&file.name, Role::Title).with("  ", Role::Plain);
        line.push(file.format.name(), Role::Dim);
        for link in &links {
            line.push(say::word(lang, "list.separator"), Role::Dim);
            line.push(link, Role::Dim);
        }
        if at + 1 == files.len() {
            let duration = last.saturating_sub(first.unwrap_or(last));
            let values = [("n", &*thousands(frames)), ("time", &*say::duration(lang, duration))];
            line.push(say::word(lang, "list.separator"), Role::Dim);
            line.push(say::text(lang, "head.frames", &values), Role::Plain);
        }
        lines.push(line);
        for comment in &file.comments {
            for text in comment.lines() {
                lines.push(Line::new().with("  “", Role::Dim).with(text, Role::Dim).with("”", Role::Dim));
            }
        }
    }
    lines
}

pub(super) fn rest(lang: Lang, files: &[Read], chosen: u64, shown: u64) -> Vec<Line> {
    if chosen <= shown {
        return Vec::new();
    }
    let left = thousands(chosen - shown);
    let file = files.last().map_or("-", |file| file.name.as_str());
    let text = say::text(lang, "rest.conversations", &[("n", &left), ("shown", &thousands(shown))]);
    let mut lines = vec![Line::plain(text)];
    for (id, command) in [
        ("rest.flows", format!("pcaplain flows {file}")),
        ("rest.one", format!("pcaplain annotate {file} --flow N")),
        ("rest.limit", format!("pcaplain annotate {file} --limit {chosen}")),
    ] {
        let line = Line::new().with("  ", Role::Plain).with(command, Role::Command);
        lines.push(line.with("   ", Role::Plain).with(say::word(lang, id), Role::Dim));
    }
    lines
}

/// Damage stands before everything else: it says how far the rest can be trusted.
pub(super) fn damages(lang: Lang, damages: &[String], findings: Vec<Line>) -> Vec<Line> {
    let sign = say::word(lang, "look.error");
    let damaged = damages.iter().map(|text| {
        Line::new().with(sign, Role::Bad).with(" ", Role::Plain).with(text.as_str(), Role::Plain)
    });
    damaged.chain(findings).collect()
}
