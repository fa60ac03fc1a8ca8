//! Claims for programs: one in full, and what a capture says of it, piece by piece. Both languages, since they are data.
//!
//! Leaves out: the summary of a capture (`claims::ClaimRecord`) and the list (`claims::ListedRecord`), which the contract has.

use serde::Serialize;

use super::claims;
use crate::notes::check::{ClaimResult, Status};
use crate::notes::ledger::{Check, Claim, Place, Text};
use crate::words::Lang;

/// A text in both languages; nothing where there is none.
#[derive(Debug, Serialize)]
struct Both<'a> {
    en: &'a str,
    zh: &'a str,
}

fn both(text: &Text) -> Option<Both<'_>> {
    (!text[0].is_empty()).then_some(Both { en: &text[0], zh: &text[1] })
}

#[derive(Debug, Serialize)]
struct PlaceRecord<'a> {
    note: &'a str,
    section: &'a str,
}

fn places(places: &[Place]) -> Vec<PlaceRecord<'_>> {
    places.iter().map(|place| PlaceRecord { note: &place.note, section: &place.section }).collect()
}

#[derive(Debug, Serialize)]
struct PositionRecord<'a> {
    sources: Vec<PlaceRecord<'a>>,
    text: Option<Both<'a>>,
    stands: Option<bool>,
}

#[derive(Debug, Serialize)]
struct CheckRecord {
    on: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    when: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shows: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    contradicts: Option<String>,
    right: Option<&'static str>,
}

/// A claim in full, as `claims show` has it.
#[derive(Debug, Serialize)]
pub struct LedgerRecord<'a> {
    record: &'static str,
    id: &'a str,
    topic: &'static str,
    verdict: &'static str,
    text: Option<Both<'a>>,
    correction: Option<Both<'a>>,
    rider: Option<Both<'a>>,
    revised: Option<Both<'a>>,
    sources: Vec<PlaceRecord<'a>>,
    authority: &'a [String],
    positions: Vec<PositionRecord<'a>>,
    checks: Vec<CheckRecord>,
    unobservable: Option<Both<'a>>,
    captures: &'a [String],
}

impl<'a> LedgerRecord<'a> {
    /// The record of a claim.
    pub fn new(claim: &'a Claim) -> LedgerRecord<'a> {
        let text = |of: &Option<crate::notes::expression::Expression>| of.as_ref().map(ToString::to_string);
        let check = |check: &Check| CheckRecord {
            on: check.on.name(),
            when: text(&check.when),
            shows: text(&check.shows),
            contradicts: text(&check.contradicts),
            right: check.contradicts.is_some().then(|| check.right.name()),
        };
        let positions = claim.positions.iter().map(|position| PositionRecord {
            sources: places(&position.sources),
            text: both(&position.text),
            stands: position.stands,
        });
        LedgerRecord {
            record: "ledger",
            id: &claim.id,
            topic: claim.topic_name(),
            verdict: claim.verdict.name(),
            text: both(&claim.text),
            correction: both(&claim.correction),
            rider: both(&claim.rider),
            revised: both(&claim.revised),
            sources: places(&claim.sources),
            authority: &claim.authority,
            positions: positions.collect(),
            checks: claim.checks.iter().map(check).collect(),
            unobservable: both(&claim.unobservable),
            captures: &claim.captures,
        }
    }
}

#[derive(Debug, Serialize)]
struct PieceRecord {
    packet: u64,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    right: Option<&'static str>,
    en: String,
    zh: String,
}

/// What a capture says of a claim.
#[derive(Debug, Serialize)]
pub struct EvidenceRecord<'a> {
    record: &'static str,
    id: &'a str,
    capture: &'a str,
    status: &'static str,
    answer: &'static str,
    shown_packets: &'a [u64],
    shown_count: u64,
    contradicted_packets: &'a [u64],
    contradicted_count: u64,
    evidence: Vec<PieceRecord>,
}

impl<'a> EvidenceRecord<'a> {
    /// The record of one result.
    pub fn new(capture: &'a str, result: &'a ClaimResult) -> EvidenceRecord<'a> {
        let pieces = result.evidence.iter().map(|evidence| PieceRecord {
            packet: evidence.packet,
            status: evidence.status.name(),
            right: (evidence.status == Status::Contradicted).then(|| evidence.check.right.name()),
            en: claims::sentence(Lang::En, evidence),
            zh: claims::sentence(Lang::Zh, evidence),
        });
        EvidenceRecord {
            record: "evidence",
            id: &result.claim.id,
            capture,
            status: result.status.name(),
            answer: result.answer().name(),
            shown_packets: &result.shown_packets,
            shown_count: result.shown_count,
            contradicted_packets: &result.contradicted_packets,
            contradicted_count: result.contradicted_count,
            evidence: pieces.collect(),
        }
    }
}
