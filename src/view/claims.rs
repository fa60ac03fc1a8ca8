//! What the study notes claim, and what packets say of it: marks beside a conversation's steps, the summary of a
//! capture by topic, one claim in full, and the records of the contract.
//!
//! Leaves out: deciding (`notes::check`), writing (`render::text::claims`).

use serde::Serialize;

use super::say;
use super::span::{Line, Role};
use crate::flow::Datum;
use crate::notes::check::{Answer, ClaimResult, Evidence, Finding, Status};
use crate::notes::ledger::{self, Check, Claim, Right, Verdict};
use crate::words::{self, Lang};

/// Ids told in one line beside a step, where the reader has not asked for all.
const FEW: usize = 6;
/// Contradictions told in full there, and disputes; the rest are counted.
const FULL: usize = 3;

/// A claim that a packet bears on.
#[derive(Debug, Clone)]
pub struct Mark {
    /// The claim.
    pub claim: &'static Claim,
    /// Which of its checks decided.
    pub check: &'static Check,
    /// What the packet does to it.
    pub status: Status,
    /// The packet.
    pub packet: u64,
    /// Values for the check's sentence.
    pub values: Vec<(&'static str, Datum)>,
}

impl From<&Finding> for Mark {
    fn from(finding: &Finding) -> Mark {
        Mark {
            claim: finding.claim,
            check: finding.check,
            status: finding.status,
            packet: finding.packet,
            values: finding.values.clone(),
        }
    }
}

/// The claims a phase bears on, as lines: contradicted ones with the reason, disputed ones, then those shown.
pub fn marks(lang: Lang, marks: &[&Mark], all: bool) -> Vec<Line> {
    let mut lines = Vec::new();
    let full = if all { usize::MAX } else { FULL };
    let mut refuted: Vec<_> = marks.iter().filter(|m| m.status == Status::Contradicted).collect();
    // Where not all is told, what is wrong comes before what is an exception.
    refuted.sort_by_key(|m| m.check.right == Right::Both);
    for mark in refuted.iter().take(full) {
        lines.push(contradicted(lang, mark.claim, mark.check, &mark.values, mark.packet));
    }
    let is_disputed = |m: &&&Mark| m.status == Status::Shown && m.claim.verdict == Verdict::Disputed;
    let disputed: Vec<_> = marks.iter().filter(is_disputed).collect();
    for mark in disputed.iter().take(full.saturating_sub(refuted.len()).max(1)) {
        let mut line = Line::new().with("⚖ ", Role::Disputed);
        line.push(say::word(lang, "claims.disputed"), Role::Disputed);
        line.push(&mark.claim.text[lang.index()], Role::Plain);
        push_sentence(lang, &mut line, &mark.claim.correction[lang.index()]);
        lines.push(line.with(format!("  {}", mark.claim.id), Role::Dim));
    }
    let told = refuted.len().min(full) + disputed.len().min(full.saturating_sub(refuted.len()).max(1));
    let more = refuted.iter().chain(&disputed).count() - told;
    if more > 0 {
        lines.push(Line::new().with(say::text(lang, "claims.more", &[("n", &more.to_string())]), Role::Dim));
    }
    let shown: Vec<_> =
        marks.iter().filter(|m| m.status == Status::Shown && m.claim.verdict != Verdict::Disputed).collect();
    if !shown.is_empty() {
        let told = if all { shown.len() } else { shown.len().min(FEW) };
        let mut line = Line::new().with(format!("✓ {} ", say::word(lang, "sign.shown")), Role::Good);
        let ids: Vec<&str> = shown[..told].iter().map(|m| m.claim.id.as_str()).collect();
        line.push(ids.join("  "), Role::Dim);
        if told < shown.len() {
            line.push(format!("  +{} (-v)", shown.len() - told), Role::Dim);
        }
        lines.push(line);
    }
    lines
}

/// One contradiction: the sentence with the packets' own numbers, who says so, and where the notes say otherwise.
fn contradicted(
    lang: Lang,
    claim: &Claim,
    check: &Check,
    values: &[(&'static str, Datum)],
    packet: u64,
) -> Line {
    let mut line = match check.right {
        Right::Both => Line::new().with(format!("≈ {}  ", say::word(lang, "sign.exception")), Role::Note),
        _ => Line::new().with(format!("✗ {}  ", say::word(lang, "sign.contradicted")), Role::Bad),
    };
    line.push(say::text(lang, "claims.notes-say", &[("claim", &claim.text[lang.index()])]), Role::Plain);
    let sentence = fill(lang, &check.contradicted[lang.index()], values, packet);
    let sentence = if sentence.is_empty() { claim.correction[lang.index()].clone() } else { sentence };
    push_sentence(lang, &mut line, &sentence);
    line.push(sources(lang, claim), Role::Dim);
    line.push(format!("  {}", authority(claim)), Role::Spec);
    line.with(format!("  {}", claim.id), Role::Dim)
}

fn push_sentence(lang: Lang, line: &mut Line, sentence: &str) {
    if !sentence.is_empty() {
        line.push(if lang == Lang::Zh { "" } else { " " }, Role::Plain);
        line.push(sentence, Role::Strong);
    }
}

/// A check's sentence with its values. One whose value is missing is not told at all.
fn fill(lang: Lang, template: &str, values: &[(&'static str, Datum)], packet: u64) -> String {
    let known = |name: &str| name == "packet" || values.iter().any(|(key, _)| *key == name);
    if words::placeholders(template).iter().any(|p| !p.optional && !known(p.name)) {
        return String::new();
    }
    words::fill(template, &|name| match values.iter().find(|(key, _)| *key == name) {
        Some((_, Datum::Text(end))) if end == "client" => Some(say::word(lang, "role.client").to_owned()),
        Some((_, Datum::Text(end))) if end == "server" => Some(say::word(lang, "role.server").to_owned()),
        Some((key, value)) => Some(say::datum(lang, key, value)),
        None => (name == "packet").then(|| packet.to_string()),
    })
}

/// In brackets: the notes that say it, and the section of the first.
fn sources(lang: Lang, claim: &Claim) -> String {
    let mut notes: Vec<&str> = claim.sources.iter().map(|place| place.note.as_str()).collect();
    notes.dedup();
    let section = claim.sources.first().map_or("", |place| place.section.as_str());
    let between = say::word(lang, "claims.and");
    let values = [("note", &*notes.join(between)), ("section", section)];
    let numbered = !section.is_empty() && section.bytes().all(|b| b.is_ascii_digit());
    say::text(lang, if numbered { "claims.source-number" } else { "claims.source" }, &values)
}

pub(super) fn authority(claim: &Claim) -> String {
    claim.authority.iter().take(2).map(|one| say::spec(one)).collect::<Vec<_>>().join("; ")
}

/// A heading and what stands under it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Section {
    /// The heading; may be empty.
    pub title: Line,
    /// Paragraphs.
    pub lines: Vec<Line>,
}

/// All claims by topic: shown, shown with exceptions, contradicted, not seen here.
pub fn summary(lang: Lang, results: &[ClaimResult]) -> Vec<Section> {
    let of =
        |answers: &[Answer]| results.iter().filter(|r| answers.contains(&r.answer())).count().to_string();
    let counts = [
        ("shown", &*of(&[Answer::Shown])),
        ("excepted", &*of(&[Answer::Excepted, Answer::Exception])),
        ("contradicted", &*of(&[Answer::Contradicted])),
        ("rest", &*of(&[Answer::NotObserved])),
    ];
    let head = Line::new().with(say::text(lang, "claims.summary", &counts), Role::Strong);
    let mut sections = vec![Section { title: head, lines: Vec::new() }];
    for (index, topic) in ledger::topics().iter().enumerate() {
        let lines: Vec<Line> =
            results.iter().filter(|r| r.claim.topic == index).map(|r| result(lang, r)).collect();
        if !lines.is_empty() {
            let title = Line::new()
                .with(topic.title[lang.index()].clone(), Role::Title)
                .with(format!("  {}", topic.name), Role::Dim);
            sections.push(Section { title, lines });
        }
    }
    sections
}

/// Packets, and how many more there are.
pub(super) fn frames(packets: &[u64], count: u64) -> String {
    let mut text = packets.iter().map(|n| format!("#{n}")).collect::<Vec<_>>().join(" ");
    if count > packets.len() as u64 {
        text.push_str(&format!(" … ({count})"));
    }
    text
}

/// Sign and word of what a capture says of a claim.
pub(super) fn stands(lang: Lang, result: Option<&ClaimResult>) -> (String, Role) {
    let (sign, id, role) = match result.map(|result| (result.answer(), result.claim.verdict)) {
        Some((Answer::Shown, Verdict::Disputed)) => ("⚖", "status.shown", Role::Disputed),
        Some((Answer::Shown, _)) => ("✓", "status.shown", Role::Good),
        Some((Answer::Excepted, _)) => ("≈", "status.excepted", Role::Note),
        Some((Answer::Exception, _)) => ("≈", "status.exception", Role::Note),
        Some((Answer::Contradicted, _)) => ("✗", "status.contradicted", Role::Bad),
        Some((Answer::NotObserved, _)) | None => ("–", "status.not-observed", Role::Dim),
    };
    (format!("{sign} {}", say::word(lang, id)), role)
}

/// A verdict in words, and how it is to be seen.
pub(super) fn judged(lang: Lang, of: Verdict) -> (&'static str, Role) {
    (verdict(lang, of), verdict_role(of))
}

/// One claim's outcome in a capture.
fn result(lang: Lang, result: &ClaimResult) -> Line {
    let claim = result.claim;
    let (sign, role) = stands(lang, Some(result));
    let mut line = Line::new().with(format!("{sign} "), role);
    let answer = result.answer();
    if answer == Answer::NotObserved {
        line.push(format!("{}  ", claim.id), Role::Dim);
        return line.with(elsewhere(lang, claim), Role::Dim);
    }
    line.push(format!("{}  ", claim.id), Role::Strong);
    line.push(&claim.text[lang.index()], Role::Plain);
    if matches!(answer, Answer::Shown | Answer::Excepted) {
        line.push(format!("  {}", frames(&result.shown_packets, result.shown_count)), Role::Packet);
    }
    if answer == Answer::Shown {
        // What this capture bears out may be wrong in general.
        if matches!(claim.verdict, Verdict::False | Verdict::Conditional) {
            let in_general =
                format!("  {}{}", labelled(lang, "claims.verdict"), verdict(lang, claim.verdict));
            line.push(in_general, verdict_role(claim.verdict));
        }
        return line;
    }
    let found = result.first();
    let sentence = found.map_or_else(String::new, |e| self::sentence(lang, e));
    let sentence = if sentence.is_empty() { claim.correction[lang.index()].clone() } else { sentence };
    if answer == Answer::Excepted {
        line.push(say::word(lang, "claims.except"), Role::Note);
    }
    push_sentence(lang, &mut line, &sentence);
    let packets = frames(&result.contradicted_packets, result.contradicted_count);
    line.push(format!("  {packets}"), Role::Packet);
    line.push(format!("  {}", right(lang, found.map(|e| e.check.right))), Role::Note);
    line.with(format!("  {}", authority(claim)), Role::Spec)
}

/// What a packet says of a claim, with its own numbers; empty where the check has no sentence, or a value is missing.
pub(super) fn sentence(lang: Lang, evidence: &Evidence) -> String {
    let text = match evidence.status {
        Status::Contradicted => &evidence.check.contradicted,
        _ => &evidence.check.shown,
    };
    fill(lang, &text[lang.index()], &evidence.values, evidence.packet)
}

/// Who is right where packets contradict a claim.
pub(super) fn right(lang: Lang, right: Option<Right>) -> &'static str {
    match right {
        None | Some(Right::Rfc) => say::word(lang, "claims.right.rfc"),
        Some(Right::Both) => say::word(lang, "claims.right.both"),
        Some(Right::Note) => say::word(lang, "claims.right.note"),
    }
}

/// Where else to look for it.
pub(super) fn elsewhere(lang: Lang, claim: &Claim) -> String {
    if !claim.captures.is_empty() {
        let names: Vec<String> = claim.captures.iter().map(|name| format!("@{name}")).collect();
        return say::text(lang, "claims.see", &[("captures", &names.join(" "))]);
    }
    claim.unobservable[lang.index()].clone()
}

/// All claims, or those of one topic, with their verdicts.
pub fn list(lang: Lang, topic: Option<&str>) -> Vec<Section> {
    let chosen = |index: usize| topic.is_none_or(|name| ledger::topics()[index].name == name);
    let topics = ledger::topics().iter().enumerate().filter(|(index, _)| chosen(*index));
    topics
        .map(|(index, topic)| Section {
            title: Line::new()
                .with(topic.title[lang.index()].clone(), Role::Title)
                .with(format!("  {}", topic.name), Role::Dim),
            lines: ledger::all()
                .iter()
                .filter(|claim| claim.topic == index)
                .map(|c| listed(lang, c))
                .collect(),
        })
        .collect()
}

fn listed(lang: Lang, claim: &Claim) -> Line {
    Line::new()
        .with(format!("{}  ", claim.id), Role::Strong)
        .with(&claim.text[lang.index()], Role::Plain)
        .with(format!("  {}", verdict(lang, claim.verdict)), verdict_role(claim.verdict))
}

fn verdict(lang: Lang, verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::True => say::word(lang, "verdict.true"),
        Verdict::Conditional => say::word(lang, "verdict.conditional"),
        Verdict::Disputed => say::word(lang, "verdict.disputed"),
        Verdict::False => say::word(lang, "verdict.false"),
        Verdict::OutsideTheWire => say::word(lang, "verdict.outside-the-wire"),
    }
}

fn verdict_role(verdict: Verdict) -> Role {
    match verdict {
        Verdict::True => Role::Good,
        Verdict::Conditional => Role::Note,
        Verdict::Disputed => Role::Disputed,
        Verdict::False => Role::Bad,
        Verdict::OutsideTheWire => Role::Dim,
    }
}

/// One claim in full.
pub fn claim(lang: Lang, claim: &Claim) -> Vec<Section> {
    let l = lang.index();
    let other = 1 - l;
    let entry = |label: &'static str, text: &str| {
        Line::new().with(labelled(lang, label), Role::Dim).with(text, Role::Plain)
    };
    let mut lines =
        vec![Line::plain(claim.text[l].as_str()), Line::new().with(&claim.text[other], Role::Dim)];
    lines.push(
        Line::new()
            .with(labelled(lang, "claims.verdict"), Role::Dim)
            .with(verdict(lang, claim.verdict), verdict_role(claim.verdict)),
    );
    for (label, text) in [
        ("claims.correction", &claim.correction[l]),
        ("claims.rider", &claim.rider[l]),
        ("claims.revised", &claim.revised[l]),
    ] {
        if !text.is_empty() {
            lines.push(entry(label, text));
        }
    }
    for position in &claim.positions {
        let notes: Vec<&str> = position.sources.iter().map(|place| place.note.as_str()).collect();
        let sign = match position.stands {
            Some(true) => ("✓ ", Role::Good),
            Some(false) => ("✗ ", Role::Bad),
            None => ("⚖ ", Role::Disputed),
        };
        lines.push(
            Line::new()
                .with(sign.0, sign.1)
                .with(
                    format!(
                        "{}{}",
                        notes.join(say::word(lang, "claims.and")),
                        say::word(lang, "claims.colon")
                    ),
                    Role::Dim,
                )
                .with(&position.text[l], Role::Plain),
        );
    }
    let places: Vec<String> = claim
        .sources
        .iter()
        .map(|p| say::text(lang, "notes.source", &[("note", &p.note), ("section", &p.section)]))
        .collect();
    lines.push(entry("claims.sources", &places.join("; ")));
    lines.push(
        Line::new().with(labelled(lang, "claims.authority"), Role::Dim).with(
            claim.authority.iter().map(|one| say::spec(one)).collect::<Vec<_>>().join("; "),
            Role::Spec,
        ),
    );
    for check in &claim.checks {
        let mut line = Line::new().with(labelled(lang, "claims.observable"), Role::Dim);
        line.push(check.on.name(), Role::Protocol);
        for (key, expression) in check.expressions() {
            line.push(format!("  {key} "), Role::Dim);
            line.push(expression.to_string(), Role::Command);
        }
        lines.push(line);
    }
    if !claim.unobservable[l].is_empty() {
        lines.push(Line::new().with(&claim.unobservable[l], Role::Note));
    }
    if !claim.captures.is_empty() {
        let names: Vec<String> = claim.captures.iter().map(|name| format!("@{name}")).collect();
        lines.push(
            Line::new()
                .with(labelled(lang, "claims.captures"), Role::Dim)
                .with(names.join("  "), Role::Command),
        );
    }
    let title =
        Line::new().with(claim.id.as_str(), Role::Title).with(format!("  {}", claim.topic_name()), Role::Dim);
    vec![Section { title, lines }]
}

/// What packets of a capture decide where notes disagree, as one line a check.
pub fn decided(lang: Lang, capture: &str, result: &ClaimResult) -> Option<Line> {
    let found = result.first()?;
    let told = sentence(lang, found);
    let told = if told.is_empty() { format!("#{}", found.packet) } else { told };
    let line = Line::new().with(format!("{capture}  "), Role::Command);
    Some(line.with(told, Role::Plain))
}

/// The places where notes contradict each other: who says what, and what packets say. `decided` are lines of
/// [`decided`] by claim.
pub fn conflicts(lang: Lang, decided: &[(&'static str, Line)]) -> Vec<Section> {
    let one = |conflict: &Claim| {
        let mut section = claim(lang, conflict).swap_remove(0);
        let packets = decided.iter().filter(|(id, _)| *id == conflict.id).map(|(_, line)| line.clone());
        section.lines.extend(packets);
        section
    };
    ledger::all().iter().filter(|claim| claim.is_conflict()).map(one).collect()
}

/// A label before what it is the label of.
fn labelled(lang: Lang, label: &'static str) -> String {
    format!("{}{}", say::word(lang, label), say::word(lang, "claims.colon"))
}

/// What a capture says of a claim: the contract's `claim` record, with both counts beside.
#[derive(Debug, Serialize)]
pub struct ClaimRecord<'a> {
    record: &'static str,
    id: &'a str,
    topic: &'static str,
    verdict: &'static str,
    status: &'static str,
    answer: &'static str,
    packets: &'a [u64],
    count: u64,
    shown_count: u64,
    contradicted_count: u64,
}

impl<'a> ClaimRecord<'a> {
    /// The record of one result.
    pub fn new(result: &'a ClaimResult) -> ClaimRecord<'a> {
        ClaimRecord {
            record: "claim",
            id: &result.claim.id,
            topic: result.claim.topic_name(),
            verdict: result.claim.verdict.name(),
            status: result.status.name(),
            answer: result.answer().name(),
            packets: result.packets(),
            count: result.count(),
            shown_count: result.shown_count,
            contradicted_count: result.contradicted_count,
        }
    }
}

/// A claim in the list of them.
#[derive(Debug, Serialize)]
pub struct ListedRecord<'a> {
    id: &'a str,
    topic: &'static str,
    verdict: &'static str,
    text: &'a str,
}

impl<'a> ListedRecord<'a> {
    /// The record of one claim, in a language.
    pub fn new(lang: Lang, claim: &'a Claim) -> ListedRecord<'a> {
        ListedRecord {
            id: &claim.id,
            topic: claim.topic_name(),
            verdict: claim.verdict.name(),
            text: &claim.text[lang.index()],
        }
    }
}
