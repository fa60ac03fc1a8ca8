//! A claim in a lesson: its text, whether it holds in general, and what this capture says of it.
//!
//! Leaves out: deciding (`notes::check`).

use crate::notes::check::{ClaimResult, Status};
use crate::notes::ledger::{self, Claim};
use crate::view::{Role, claims};
use crate::words::Lang;

/// A claim and its outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimView {
    /// Its id.
    pub id: String,
    /// What the notes say.
    pub text: String,
    /// Whether that holds, in general.
    pub verdict: String,
    /// How the verdict is to be seen.
    pub verdict_role: Role,
    /// What is right instead, or what limits it; may be empty.
    pub right: String,
    /// `✓ shown`.
    pub status: String,
    /// How that is to be seen.
    pub role: Role,
    /// What this capture says, with its own numbers; may be empty.
    pub told: String,
    /// Its packets.
    pub frames: String,
    /// Who says what is right.
    pub spec: String,
}

/// The claims of a lesson; one that there is not is left out.
pub fn of(lang: Lang, ids: &[String], results: &[ClaimResult]) -> Vec<ClaimView> {
    let known = ids.iter().filter_map(|id| ledger::by_id(id).ok());
    known.map(|claim| one(lang, claim, results.iter().find(|r| std::ptr::eq(r.claim, claim)))).collect()
}

fn one(lang: Lang, claim: &Claim, result: Option<&ClaimResult>) -> ClaimView {
    let l = lang.index();
    let right = match claim.correction[l].is_empty() {
        true => claim.rider[l].clone(),
        false => claim.correction[l].clone(),
    };
    let (verdict, verdict_role) = claims::judged(lang, claim.verdict);
    let (status, role) = claims::stands(lang, result);
    let status_is = result.map_or(Status::NotObserved, |result| result.status);
    let found = result.and_then(ClaimResult::first);
    let told = match found {
        Some(evidence) => claims::sentence(lang, evidence),
        None => claims::elsewhere(lang, claim),
    };
    let frames = match (status_is, result) {
        (Status::NotObserved, _) | (_, None) => String::new(),
        (_, Some(result)) => claims::frames(result.packets(), result.count()),
    };
    ClaimView {
        id: claim.id.clone(),
        text: claim.text[l].clone(),
        verdict: super::said(lang, "verdict", &[("verdict", verdict)]),
        verdict_role,
        right,
        status,
        role,
        told,
        frames,
        spec: claims::authority(claim),
    }
}
