//! The ledger of claims and its checks: events and fields in, shown, contradicted or not observed out.
//!
//! [`ledger`] reads what the notes claim (docs/notes), [`check`] puts it to packets in the language of [`expression`],
//! [`facts`] and [`surroundings`] are what it asks about, [`vocabulary`] the names there are.
//! Leaves out: how a result is shown.

pub mod check;
pub mod expression;
pub mod facts;
pub mod ledger;
mod memory;
pub mod surroundings;
pub mod syllabus;
pub mod vocabulary;

pub use check::{Checker, ClaimResult, Evidence, Finding, Moment, Status, Wants};
pub use ledger::{Check, Claim, Right, Topic, Verdict};
