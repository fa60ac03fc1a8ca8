//! The upper part of the story: the file, the conversations by kind, what to look at.

use std::collections::BTreeMap;

use super::{Read, Wish, is_finding};
use crate::decode::Packet;
use crate::flow::{Datum, Event, FlowProtocol, FlowRecord, Kind, Severity};
use crate::view::conversation::is_said_twice;
use crate::view::ends;
use crate::view::say::{self, thousands};
use crate::view::span::{Line, Role};
use crate::words::Lang;

/// Counts over the whole capture; bounded by the kinds there are.
#[derive(Debug, Default)]
pub(super) struct Summary {
    flows: BTreeMap<FlowProtocol, Kin>,
    findings: Vec<Finding>,
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
pub(super) struct Finding {
    pub(super) first: Event,
    pub(super) count: u64,
}

/// Counts an event among the findings, if it is one.
pub(super) fn count(findings: &mut Vec<Finding>, event: &Event) {
    if !is_finding(event) || is_said_twice(event) {
        return;
    }
    let same = |known: &&mut Finding| known.first.kind == event.kind && known.first.variant == event.variant;
    match findings.iter_mut().find(same) {
        Some(known) => known.count += 1,
        None => findings.push(Finding { first: event.clone(), count: 1 }),
    }
}

impl Summary {
    pub(super) fn events(&mut self, events: &[Event]) {
        for event in events {
            count(&mut self.findings, event);
        }
    }

    pub(super) fn take_findings(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.findings)
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
            if is_opened(tcp.opening) {
                *kin.closings.entry(tcp.closing).or_default() += 1;
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
            let mut line =
                Line::plain(say::text(lang, "annotate.summary.other", &[("n", &thousands(total))]));
            line.push(format!("  {}", kinds.join(say::word(lang, "word.comma"))), Role::Dim);
            lines.push(line);
        }
        lines
    }
}

/// The most important findings; `others` are worked out from conversations.
pub(super) fn findings(
    lang: Lang,
    damages: &[String],
    others: Vec<(u64, Line)>,
    mut found: Vec<Finding>,
) -> Vec<Line> {
    const MOST: usize = 6;
    found.sort_by_key(|f| (std::cmp::Reverse(f.first.severity), f.first.packet));
    let left = found.len().saturating_sub(MOST);
    // Damage stands before everything else: it says how far the rest can be trusted.
    let mut lines: Vec<Line> =
        damages.iter().map(|text| Line::new().with(text.as_str(), Role::Warn)).collect();
    // What is worked out is worth a look, no more: it stands with the findings of that severity, by frame number.
    let others = others.into_iter().map(|(packet, line)| (Severity::Note, packet, line));
    let found = found.iter().take(MOST).map(|f| (f.first.severity, f.first.packet, finding(lang, f)));
    let mut told: Vec<_> = others.chain(found).collect();
    told.sort_by_key(|(severity, packet, _)| (std::cmp::Reverse(*severity), *packet));
    lines.extend(told.into_iter().map(|(.., line)| line));
    if left > 0 {
        let text = say::text(lang, "screen.more-findings", &[("n", &left.to_string())]);
        lines.push(Line::new().with(text, Role::Dim));
    }
    if lines.is_empty() {
        lines.push(Line::plain(say::word(lang, "annotate.look.nothing")));
    }
    lines
}

fn finding(lang: Lang, finding: &Finding) -> Line {
    let event = &finding.first;
    let role = if event.severity >= Severity::Warn { Role::Warn } else { Role::Note };
    let mut line = Line::new().with(format!("#{}  ", event.packet), Role::Packet);
    let text = look(lang, event).unwrap_or_else(|| say::line(lang, event));
    if finding.count > 1 {
        let more = thousands(finding.count - 1);
        let like_it = say::text(lang, "screen.like-it", &[("n", &more)]);
        // A Chinese bracket stands before the full stop, an English one after it.
        match text.strip_suffix('。') {
            Some(text) => {
                line.push(text, role);
                line.push(like_it, Role::Dim);
                line.push("。", role);
            }
            None => {
                line.push(text, role);
                line.push(" ", Role::Plain);
                line.push(like_it, Role::Dim);
            }
        }
    } else {
        line.push(text, role);
    }
    line
}

/// A finding in words that do not need the packets around it, where there are such words and all they ask for.
fn look(lang: Lang, event: &Event) -> Option<String> {
    let id = match event.kind {
        Kind::TcpRefused => "annotate.look.refused",
        Kind::ArpConflict => "annotate.look.conflict",
        Kind::ArpUnanswered => "annotate.look.arp-unanswered",
        Kind::DnsUnanswered => "annotate.look.dns-unanswered",
        Kind::DnsResponse if matches!(event.variant, "nxdomain" | "error") => "annotate.look.dns-failed",
        Kind::IcmpUnreachable if matches!(event.variant, "net" | "host") => "annotate.look.unreachable",
        _ => return None,
    };
    let value = |key: &str| {
        let other = match key {
            "ip" => "target_ip",
            "asker" => "sender_ip",
            "target" => "quoted_dst",
            _ => key,
        };
        say::datum_of(lang, event, key).or_else(|| say::datum_of(lang, event, other))
    };
    say::complete(lang, id, &value)
}

fn kin_line(lang: Lang, protocol: FlowProtocol, kin: &Kin) -> Line {
    let id = match protocol {
        FlowProtocol::Arp => "annotate.summary.arp",
        FlowProtocol::Icmp => "annotate.summary.icmp",
        FlowProtocol::Udp => "annotate.summary.udp",
        FlowProtocol::Tcp => "annotate.summary.tcp",
    };
    let mut line = Line::new().with(say::text(lang, id, &[("n", &thousands(kin.count))]), Role::Strong);
    let mut part = |text: String| {
        line.push("   ", Role::Plain);
        line.push(text, Role::Plain);
    };
    if let Some(only) = &kin.single {
        let (client, server) = (name(&only.client), name(&only.server));
        if protocol == FlowProtocol::Arp && only.server.addr.is_some() {
            let id = match only.packets[1] {
                0 => "annotate.summary.not-learned",
                _ => "annotate.summary.learned",
            };
            part(say::text(lang, id, &[("asker", &client), ("target", &server)]));
            return line;
        }
        part(format!("{client} → {server}"));
    }
    if protocol == FlowProtocol::Tcp {
        let payload = [thousands(kin.payload[0]), thousands(kin.payload[1])];
        part(say::text(
            lang,
            "annotate.summary.payload",
            &[("asked", &payload[0]), ("answered", &payload[1])],
        ));
        let initiator =
            kin.single.as_ref().and_then(|only| only.tcp.as_ref()).and_then(|tcp| tcp.initiator_of_close);
        part(counted(lang, "opening", kin.count, &kin.openings, None));
        if !kin.closings.is_empty() {
            part(counted(lang, "closing", kin.count, &kin.closings, initiator));
        }
    } else {
        let (packets, bytes) = (thousands(kin.packets), thousands(kin.bytes));
        let packets = say::text(lang, "unit.packets", &[("n", &packets)]);
        let bytes = say::text(lang, "unit.bytes", &[("n", &bytes)]);
        part(format!("{packets}{}{bytes}", say::word(lang, "word.comma")));
    }
    if !kin.applications.is_empty() {
        let names: Vec<String> = kin
            .applications
            .iter()
            .map(
                |(name, n)| {
                    if kin.count == 1 { (*name).to_owned() } else { format!("{name} {}", thousands(*n)) }
                },
            )
            .collect();
        part(names.join(say::word(lang, "word.comma")));
    }
    line
}

/// Whether a connection came about at all, so that there was something to close.
pub(in crate::view) fn is_opened(opening: &str) -> bool {
    !matches!(opening, "refused" | "unanswered")
}

/// "opened in three segments", or how many of each kind.
fn counted(
    lang: Lang,
    area: &str,
    all: u64,
    kinds: &BTreeMap<&'static str, u64>,
    initiator: Option<&'static str>,
) -> String {
    // One of several connections that closed: not all did.
    let single = kinds.len() == 1 && kinds.values().sum::<u64>() == all;
    let mut kinds: Vec<_> = kinds.iter().collect();
    kinds.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
    let said = kinds.iter().map(|(kind, n)| {
        let text = manner(lang, area, kind, initiator);
        if single {
            text
        } else {
            say::text(lang, "screen.counted", &[("n", &thousands(**n)), ("text", &text)])
        }
    });
    said.collect::<Vec<_>>().join(say::word(lang, "word.comma"))
}

/// How a connection opened or closed, in a few words; with who began, where that is known and said.
pub(in crate::view) fn manner(lang: Lang, area: &str, kind: &str, initiator: Option<&'static str>) -> String {
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
    let initiator = initiator.map(|who| say::datum(lang, "initiator", &Datum::Name(who)));
    let values: Vec<(&str, &str)> = initiator.iter().map(|who| ("initiator", who.as_str())).collect();
    say::text(lang, id, &values)
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

/// File, format, link, frames, duration; then what the recording says of itself.
pub(super) fn head(wish: &Wish, files: &[Read], frames: u64, span: Option<(i64, i64)>) -> Vec<Line> {
    let lang = wish.lang;
    let mut lines = Vec::new();
    for (at, file) in files.iter().enumerate() {
        let links: Vec<String> = file.links.iter().map(|link| say::link(lang, *link)).collect();
        let links = links.join(" + ");
        let mut line = Line::new().with(&file.name, Role::Title).with("  ", Role::Plain);
        if at + 1 == files.len() {
            let spent = span.map_or(0, |(early, late)| late.saturating_sub(early));
            let duration = say::duration(lang, spent);
            let frames = thousands(frames);
            let values = [("format", file.format.name()), ("link", &*links), ("frames", &*frames)];
            let duration = [("duration", (spent > 0).then_some(&*duration))];
            line.push(say::some(lang, "annotate.file", &values, &duration), Role::Plain);
        } else {
            line.push(
                format!("{}{}{links}", file.format.name(), say::word(lang, "screen.comma")),
                Role::Plain,
            );
        }
        lines.push(line);
        for comment in &file.comments {
            // The first line is what it shows, the others how it was made.
            let most = if wish.verbose { usize::MAX } else { 1 };
            let comment = comment.lines().take(most).collect::<Vec<_>>().join(" ");
            let text = say::text(lang, "annotate.comment", &[("comment", &comment)]);
            lines.push(Line::new().with("  ", Role::Plain).with(text, Role::Dim));
        }
    }
    if frames == 0 {
        lines.push(Line::plain(say::word(lang, "annotate.empty")));
    }
    lines
}

/// What was left out, and the commands that show it.
pub(super) fn rest(lang: Lang, files: &[Read], chosen: u64, shown: u64) -> Vec<Line> {
    if chosen <= shown {
        return Vec::new();
    }
    let left = thousands(chosen - shown);
    let file = files.last().map_or("-", |file| file.name.as_str());
    let command = format!("pcaplain flows {file}");
    let mut line = Line::plain(say::text(lang, "annotate.more", &[("n", &left), ("command", &command)]));
    let one = format!("pcaplain annotate {file} --flow N");
    line.push(say::word(lang, "word.semicolon"), Role::Plain);
    line.push(say::text(lang, "screen.one-flow", &[("command", &one)]), Role::Plain);
    vec![line]
}
