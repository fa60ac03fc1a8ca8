//! A question with its options in letters, the reason of each, and its answer.
//!
//! Leaves out: making it (`lesson::question`), grading what is typed (`cli::lesson`).

use super::said;
use crate::lesson::question::Question;
use crate::view::say;
use crate::view::{Line, Role};
use crate::words::Lang;

/// A question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuestionView {
    /// What it is called: `Check:`.
    pub label: String,
    /// What is asked.
    pub stem: String,
    /// Fields that the answer needs and the stem does not say.
    pub shown: Vec<Line>,
    /// The answers there are.
    pub options: Vec<OptionView>,
    /// What the right one is called: `Answer:`.
    pub answer: String,
    /// Why it is right.
    pub reason: String,
    /// Where that is specified.
    pub spec: String,
}

/// A possible answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionView {
    /// `A`.
    pub letter: char,
    /// The answer.
    pub text: String,
    /// Whether it is right.
    pub right: bool,
    /// The mistake behind a wrong one; may be empty.
    pub why: String,
}

impl QuestionView {
    /// The right answer.
    pub fn right(&self) -> Option<&OptionView> {
        self.options.iter().find(|option| option.right)
    }
}

/// A question as it is shown.
pub fn of(lang: Lang, question: &Question) -> QuestionView {
    let shown = question.shown.iter().filter(|shown| !question.stem.contains(shown.value.as_str()));
    let shown = shown.map(|shown| {
        Line::new()
            .with(format!("#{}", shown.packet), Role::Packet)
            .with(format!("  {} = ", shown.name), Role::Dim)
            .with(shown.value.as_str(), Role::Strong)
    });
    let options = question.options.iter().zip('A'..='Z').map(|(option, letter)| OptionView {
        letter,
        text: option.text.clone(),
        right: option.right,
        why: option.why_not.clone().unwrap_or_default(),
    });
    QuestionView {
        label: said(lang, "question", &[]),
        stem: question.stem.clone(),
        shown: shown.collect(),
        options: options.collect(),
        answer: said(lang, "answer", &[]),
        reason: question.reason.clone(),
        spec: say::spec(&question.spec),
    }
}
