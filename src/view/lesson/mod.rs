//! A lesson as it is told with one capture's packets: text, evidence, claims, questions, and what could not be shown.
//!
//! Leaves out: binding (`lesson`), writing (`render::text::lesson`, `render::markdown`).

pub mod claims;
pub mod exhibits;
pub mod markdown;
pub mod question;

use std::collections::BTreeMap;

use crate::flow::Datum;
use crate::lesson::join::{Bound, Missing};
use crate::lesson::question::Question;
use crate::lesson::slots::{Form, Slot, Value};
use crate::lesson::values::{Gathered, Here};
use crate::lesson::{Bind, Lesson, Mistake, Part, Prose};
use crate::notes::check::ClaimResult;
use crate::view::ends;
use crate::view::packet;
use crate::view::say::{self, thousands};
use crate::view::{Line, Role};
use crate::words::{self, Lang};
use claims::ClaimView;
use exhibits::Exhibit;
use markdown::Block;
use question::QuestionView;

/// A lesson, told.
#[derive(Debug, Clone)]
pub struct LessonView {
    /// Its heading.
    pub title: Line,
    /// The captures it is told with.
    pub captures: Line,
    /// Its sections; the first may be without a title.
    pub sections: Vec<SectionView>,
}

/// A section.
#[derive(Debug, Clone, Default)]
pub struct SectionView {
    /// Its heading.
    pub title: Line,
    /// Which step it is, from 1; `None` for text around the steps.
    pub step: Option<usize>,
    /// What stands in it.
    pub items: Vec<Item>,
}

/// A piece of a section.
#[derive(Debug, Clone)]
pub enum Item {
    /// Text.
    Text(Vec<Block>),
    /// Evidence.
    Evidence(Exhibit),
    /// What the capture says of claims.
    Claims(Vec<ClaimView>),
    /// A question with its answer.
    Question(Box<QuestionView>),
    /// Why there is nothing to show, and what would help.
    Missing(Vec<Line>),
}

/// What passes over the captures have brought together.
#[derive(Debug, Default)]
pub struct Material<'l> {
    /// Which packets are meant.
    pub bound: Bound<'l>,
    /// What they say.
    pub gathered: Gathered,
    /// Evidence, by part of the lesson.
    pub exhibits: BTreeMap<usize, Exhibit>,
    /// What the captures say of claims, by the capture's name in the lesson.
    pub results: BTreeMap<String, Vec<ClaimResult>>,
    /// Questions, by part of the lesson.
    pub questions: BTreeMap<usize, Question>,
    /// The user's own capture, where there is one.
    pub file: Option<String>,
    /// The lesson, as the user named it: for commands.
    pub named: String,
}

impl Material<'_> {
    /// How the user would name the capture of a section.
    pub fn file_of(&self, lesson: &Lesson, section: Option<usize>) -> String {
        let capture = section.map_or(lesson.capture.as_str(), |at| lesson.capture_of(at));
        self.file.clone().unwrap_or_else(|| format!("@{capture}"))
    }
}

/// Tells a lesson.
pub fn of(lang: Lang, lesson: &Lesson, material: &Material<'_>) -> LessonView {
    let mut sections: Vec<SectionView> = vec![SectionView::default()];
    sections.extend(lesson.sections.iter().enumerate().map(|(at, section)| {
        let mut title = Line::new().with(section.title.as_str(), Role::Title);
        let capture = lesson.capture_of(at);
        if material.file.is_none() && capture != lesson.capture {
            title.push(format!("  @{capture}"), Role::Dim);
        }
        let before = lesson.sections[..at].iter().filter(|section| section.step.is_some()).count();
        SectionView { title, step: section.step.as_ref().map(|_| before + 1), items: Vec::new() }
    }));
    for (index, (section, part)) in lesson.parts().enumerate() {
        let view = &mut sections[section.map_or(0, |at| at + 1)];
        if let Some(missing) = section.and_then(|at| material.bound.missing.get(&at)) {
            if view.items.is_empty() {
                view.items.push(Item::Missing(missed(lang, lesson, section.unwrap_or(0), missing, material)));
            }
            continue;
        }
        let file = material.file_of(lesson, section);
        // What closes a lesson may speak of all that was bound before.
        let here =
            Here { lesson, section, bound: &material.bound, gathered: &material.gathered, file: &file };
        let text = |prose: &Prose| {
            let value = |at: usize| slot(lang, &prose.slots[at], &here);
            markdown::blocks(lang, prose, &value)
        };
        match part {
            Part::Prose(prose) => view.items.push(Item::Text(text(prose))),
            Part::Branch(branch) => {
                let told = match branch.condition.holds(&here) {
                    true => Some(&branch.then),
                    false => branch.otherwise.as_ref(),
                };
                view.items.extend(told.map(|prose| Item::Text(text(prose))));
            }
            Part::Show(_) => {
                view.items.extend(material.exhibits.get(&index).cloned().map(Item::Evidence));
            }
            Part::Claims(block) => {
                let capture = section.map_or(lesson.capture.as_str(), |at| lesson.capture_of(at));
                let results = material.results.get(capture).map_or(&[][..], Vec::as_slice);
                view.items.push(Item::Claims(claims::of(lang, &block.ids, results)));
            }
            Part::Ask(_) => {
                let question = material.questions.get(&index).map(|question| question::of(lang, question));
                view.items.extend(question.map(|question| Item::Question(Box::new(question))));
            }
            Part::Bind(_) => {}
        }
    }
    sections.retain(|section| !section.title.is_empty() || !section.items.is_empty());
    let files: Vec<String> = match &material.file {
        Some(file) => vec![file.clone()],
        None => lesson.captures().iter().map(|name| format!("@{name}")).collect(),
    };
    LessonView {
        title: Line::new().with(lesson.title.as_str(), Role::Title),
        captures: Line::new().with(said(lang, "told-with", &[("captures", &files.join(" "))]), Role::Dim),
        sections,
    }
}

/// A slot's value, and how it is written.
pub fn slot(lang: Lang, slot: &Slot, here: &Here<'_>) -> Option<(Value, String)> {
    let value = slot.value(here)?;
    let text = text(lang, &value);
    (!text.is_empty()).then_some((value, text))
}

/// How a value is written.
pub fn text(lang: Lang, value: &Value) -> String {
    match value {
        Value::Number(n, Form::Grouped) => {
            let text = u64::try_from(n.unsigned_abs()).map_or_else(|_| n.to_string(), thousands);
            if *n < 0 { format!("-{text}") } else { text }
        }
        Value::Number(n, Form::Hex(digits)) => format!("0x{n:0digits$x}", digits = usize::from(*digits)),
        Value::Number(n, Form::Packet) => format!("#{n}"),
        Value::Number(n, Form::Plain | Form::Sequence) => n.to_string(),
        Value::Time(ns) => {
            let ns = i64::try_from(*ns).unwrap_or(if *ns < 0 { i64::MIN } else { i64::MAX });
            say::duration(lang, ns)
        }
        Value::Bytes(bytes) => packet::raw(lang, bytes),
        Value::Other(Datum::Flag(flag)) => {
            say::word(lang, if *flag { "screen.flag.set" } else { "screen.flag.clear" }).to_owned()
        }
        Value::Other(Datum::Text(text)) => match text.as_str() {
            "client" => say::word(lang, "role.client").to_owned(),
            "server" => say::word(lang, "role.server").to_owned(),
            "both" => say::word(lang, "role.both").to_owned(),
            text => text.to_owned(),
        },
        Value::Other(Datum::Mac(address)) => ends::mac(*address),
        Value::Other(datum) => say::datum(lang, "", datum),
    }
}

/// What a step lacks, and how to get it.
fn missed(
    lang: Lang,
    lesson: &Lesson,
    at: usize,
    missing: &Missing<'_>,
    material: &Material<'_>,
) -> Vec<Line> {
    let file = material.file_of(lesson, Some(at));
    let bind = missing.bind;
    let what = kind(lang, bind.on.name());
    let step = missing.earlier.map_or("", |at| lesson.sections[at].title.as_str());
    let id = match missing.earlier {
        Some(_) => "missing-earlier",
        None if missing.alone => "missing-together",
        None => "missing",
    };
    let values = [("what", what.as_str()), ("capture", &file), ("step", step)];
    let mut lines = vec![Line::new().with(said(lang, id, &values), Role::Note)];
    let named = |bind: &Bind| format!("{} = {}", bind.name, bind.source);
    let is_one = missing.others.is_empty() && missing.also.is_empty();
    let wanted = if is_one { bind.source.clone() } else { named(bind) };
    lines.push(Line::new().with(said(lang, "looked-for", &[]), Role::Dim).with(wanted, Role::Command));
    for other in &missing.others {
        lines.push(
            Line::new()
                .with("  ", Role::Plain)
                .with(said(lang, "looked-for.where", &[]), Role::Dim)
                .with(named(other), Role::Command),
        );
    }
    for other in &missing.also {
        lines.push(
            Line::new().with(said(lang, "looked-for.also", &[]), Role::Dim).with(named(other), Role::Command),
        );
    }
    let capture = lesson.capture_of(at);
    let named = &material.named;
    if let Some(record) = lesson.sections[at].step.as_ref().and_then(|step| step.record.as_ref()) {
        lines.push(Line::plain(said(lang, "record", &[])));
        for command in [
            "pcaplain live -i IFACE -w my.pcapng".to_owned(),
            record.clone(),
            format!("pcaplain lesson {named} --on my.pcapng"),
        ] {
            lines.push(Line::new().with("  ", Role::Plain).with(command, Role::Command));
        }
    }
    lines.push(
        Line::plain(said(lang, "see-bundled", &[]))
            .with(format!("pcaplain lesson {named} --on @{capture}"), Role::Command),
    );
    lines
}

/// The name of what a directive is on, in words.
pub fn kind(lang: Lang, on: &str) -> String {
    words::find(lang, "lesson", &format!("kind.{on}")).unwrap_or(on).to_owned()
}

/// A text of docs/words/lesson.toml, filled.
pub fn said(lang: Lang, id: &str, values: &[(&str, &str)]) -> String {
    let template = words::find(lang, "lesson", id).unwrap_or(id);
    words::fill(template, &|key| values.iter().find(|(k, _)| *k == key).map(|(_, v)| (*v).to_owned()))
}

/// What is told of a mistake in a lesson's file.
pub fn mistake(lang: Lang, mistake: &Mistake) -> String {
    let values: Vec<(&str, &str)> = mistake.values.iter().map(|(k, v)| (*k, v.as_str())).collect();
    let reason = said(lang, &format!("mistake.{}", mistake.id), &values);
    match mistake.line {
        0 => format!("{}: {reason}", mistake.file),
        line => format!("{}:{line}: {reason}", mistake.file),
    }
}
