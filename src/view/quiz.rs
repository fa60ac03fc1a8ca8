//! A question as a JSON record.
//!
//! Leaves out: screens (`lesson::question`).

use serde::Serialize;

use crate::lesson::question::Question;

/// The `question` record.
#[derive(Debug, Serialize)]
pub struct QuestionRecord<'a> {
    record: &'static str,
    number: usize,
    kind: &'a str,
    packet: u64,
    stem: &'a str,
    shown: Vec<Field<'a>>,
    options: Vec<OptionRecord<'a>>,
    reason: &'a str,
    spec: &'a str,
    key: KeyRecord<'a>,
}

#[derive(Debug, Serialize)]
struct Field<'a> {
    packet: u64,
    name: &'a str,
    value: &'a str,
}

#[derive(Debug, Serialize)]
struct OptionRecord<'a> {
    letter: char,
    text: &'a str,
    right: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    why_not: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct KeyRecord<'a> {
    packet: u64,
    letter: char,
    value: &'a str,
    fields: Vec<Field<'a>>,
}

impl<'a> QuestionRecord<'a> {
    /// Of a question, with its number in the quiz.
    pub fn new(number: usize, question: &'a Question) -> QuestionRecord<'a> {
        let letters = || 'A'..='Z';
        let key = &question.key;
        QuestionRecord {
            record: "question",
            number,
            kind: question.kind,
            packet: question.packet,
            stem: &question.stem,
            shown: question
                .shown
                .iter()
                .map(|s| Field { packet: s.packet, name: &s.name, value: &s.value })
                .collect(),
            options: question
                .options
                .iter()
                .zip(letters())
                .map(|(option, letter)| OptionRecord {
                    letter,
                    text: &option.text,
                    right: option.right,
                    why_not: option.why_not.as_deref(),
                })
                .collect(),
            reason: &question.reason,
            spec: &question.spec,
            key: KeyRecord {
                packet: key.packet,
                letter: letters().nth(question.right()).unwrap_or('A'),
                value: &key.value,
                fields: key
                    .fields
                    .iter()
                    .map(|(packet, name, value)| Field { packet: *packet, name, value })
                    .collect(),
            },
        }
    }
}
