//! A question as its kind makes it, and how it becomes one that people read.
//!
//! A kind gives what is shown, the right answer, and what those answer who have a certain thing wrong. An answer that
//! happens to be the right one, or another's, is no option; a question without a wrong option is none.
//! Leaves out: sentences (docs/words/questions.toml).

use super::dice::Dice;
use super::facts::Facts;
use super::{Choice, Key, Question, Shown};
use crate::words::{self, Lang};

/// Options at most.
const MAX_OPTIONS: usize = 4;
/// Longest option that is asked for.
const MAX_ANSWER: usize = 120;

/// What stands in an option, or in a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A value, the same in each language.
    Value(String),
    /// Words, by their id under `say.`.
    Words(&'static str),
}

impl From<u64> for Answer {
    fn from(n: u64) -> Answer {
        Answer::Value(n.to_string())
    }
}

impl From<u32> for Answer {
    fn from(n: u32) -> Answer {
        Answer::Value(n.to_string())
    }
}

impl From<String> for Answer {
    fn from(text: String) -> Answer {
        Answer::Value(text)
    }
}

/// A shown value's name as sentences ask for it: `tcp[12] >> 4` is `tcp_12_4`.
fn placeholder(name: &str) -> String {
    let parts = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
    parts.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("_")
}

/// Words as an answer.
pub fn say(id: &'static str) -> Answer {
    Answer::Words(id)
}

/// A question in the making.
#[derive(Debug)]
pub struct Draft {
    stem: &'static str,
    values: Vec<(String, Answer)>,
    shown: Vec<Shown>,
    right: Option<Answer>,
    wrong: Vec<(Answer, &'static str)>,
}

impl Draft {
    /// About a packet. `fields` are shown, and fill sentences under their names with `_` for `.`; all must be there.
    pub fn new(stem: &'static str, p: &Facts, fields: &[&'static str]) -> Option<Draft> {
        let mut draft = Draft { stem, values: Vec::new(), shown: Vec::new(), right: None, wrong: Vec::new() };
        for name in fields {
            draft = draft.show(p.number, name, p.text(name)?);
        }
        Some(draft)
    }

    /// Something else that is shown: a value that another packet had, or under a name that no field has.
    pub fn show(mut self, packet: u64, name: &str, value: impl Into<String>) -> Draft {
        let value = value.into();
        self.values.push((placeholder(name), Answer::Value(value.clone())));
        self.shown.push(Shown { packet, name: name.to_owned(), value });
        self
    }

    /// A value for sentences that is not shown by itself.
    pub fn with(mut self, name: &str, value: impl Into<Answer>) -> Draft {
        self.values.push((name.to_owned(), value.into()));
        self
    }

    /// The right answer.
    pub fn right(mut self, answer: impl Into<Answer>) -> Draft {
        self.right = Some(answer.into());
        self
    }

    /// A wrong answer, and the mistake that leads to it: an id under `why.`. The commonest come first.
    pub fn wrong(mut self, answer: impl Into<Answer>, why: &'static str) -> Draft {
        self.wrong.push((answer.into(), why));
        self
    }

    /// The right answer, in words.
    pub fn is(self, id: &'static str) -> Draft {
        self.right(say(id))
    }

    /// A wrong answer in words, whose mistake has the same name.
    pub fn not(self, id: &'static str) -> Draft {
        self.wrong(say(id), id)
    }

    /// The question, in a language.
    pub fn question(
        mut self,
        kind: &'static str,
        packet: u64,
        lang: Lang,
        mut dice: Dice,
    ) -> Option<Question> {
        self.values.push(("packet".to_owned(), packet.into()));
        let right = self.right.clone()?;
        let mut wrong: Vec<(Answer, &'static str)> = Vec::new();
        for (answer, why) in &self.wrong {
            if *answer != right && !wrong.iter().any(|(other, _)| other == answer) {
                wrong.push((answer.clone(), why));
            }
        }
        // The commonest mistake is always offered, the others by chance.
        if wrong.len() > 1 {
            dice.shuffle(&mut wrong[1..]);
        }
        wrong.truncate(MAX_OPTIONS - 1);
        if wrong.is_empty() {
            return None;
        }
        let value = |name: &str, more: &[(&str, &str)]| -> Option<String> {
            let more = more.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
            more.or_else(|| {
                let (_, value) = self.values.iter().find(|(key, _)| key == name)?;
                self.write(value, lang)
            })
        };
        let right_text = self.write(&right, lang)?;
        let filled = |id: &str, more: &[(&str, &str)]| -> Option<String> {
            let template = words::find(lang, "questions", id)?;
            let mut all = vec![("right", &*right_text)];
            all.extend_from_slice(more);
            Some(words::fill(template, &|name| value(name, &all)))
        };
        let mut options = vec![Choice { text: right_text.clone(), right: true, why_not: None }];
        for (answer, why) in &wrong {
            let text = self.write(answer, lang)?;
            let why_not = filled(&format!("why.{why}"), &[("it", &text)]);
            debug_assert!(why_not.is_some(), "why.{why} is not in docs/words/questions.toml");
            options.push(Choice { text, right: false, why_not });
        }
        let same = |at: usize| options[..at].iter().any(|other| other.text == options[at].text);
        if options.iter().any(|option| option.text.chars().count() > MAX_ANSWER)
            || (1..options.len()).any(same)
        {
            return None;
        }
        dice.shuffle(&mut options);
        let base = self.stem.split('/').next().unwrap_or(self.stem);
        let reason = filled(&format!("{}.reason", self.stem), &[])
            .or_else(|| filled(&format!("{base}.reason"), &[]))?;
        let spec = match words::spec("questions", self.stem) {
            "" => words::spec("questions", base),
            spec => spec,
        };
        let fields = self.shown.iter().map(|s| (s.packet, s.name.clone(), s.value.clone())).collect();
        let value = match &right {
            Answer::Value(value) => value.clone(),
            Answer::Words(id) => (*id).to_owned(),
        };
        Some(Question {
            kind,
            packet,
            stem: filled(self.stem, &[])?,
            options,
            reason,
            spec: spec.to_owned(),
            key: Key { packet, fields, value },
            shown: self.shown,
        })
    }

    fn write(&self, answer: &Answer, lang: Lang) -> Option<String> {
        match answer {
            Answer::Value(value) => Some(value.clone()),
            Answer::Words(id) => {
                let template = words::find(lang, "questions", &format!("say.{id}"));
                debug_assert!(template.is_some(), "say.{id} is not in docs/words/questions.toml");
                Some(words::fill(template?, &|name| {
                    let (_, value) = self.values.iter().find(|(key, _)| key == name)?;
                    match value {
                        Answer::Value(value) => Some(value.clone()),
                        Answer::Words(id) => {
                            words::find(lang, "questions", &format!("say.{id}")).map(str::to_owned)
                        }
                    }
                }))
            }
        }
    }
}
