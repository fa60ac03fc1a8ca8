//! `quiz CAPTURE`: questions that the capture answers; graded in a terminal, as a sheet, or for other programs.

use std::fs;
use std::io::{self, IsTerminal, Write, stdin, stdout};

use clap::{Args, ValueEnum};

use super::lesson::walk::Walk;
use super::options::{Common, Inputs};
use super::output::{self, Done, Problem};
use crate::capture::Frame;
use crate::flow::{FlowRecord, Outcome};
use crate::lesson::question::{self, Collector, Kept, Question, Quiz};
use crate::render::json::Lines;
use crate::render::text::{self, clean};
use crate::render::{gift, markdown};
use crate::session::{Go, Seen, Sink, Want};
use crate::view::lesson::question::{self as view, QuestionView};
use crate::view::quiz::QuestionRecord;
use crate::view::{Line, Role, say};
use crate::words::{self, Lang};

/// Raw flags.
#[derive(Debug, Args)]
pub struct Flags {
    #[command(flatten)]
    inputs: Inputs,
    #[arg(short = 'c', long, value_name = "N", default_value_t = 10)]
    count: usize,
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    #[arg(long, value_name = "KIND")]
    kind: Vec<String>,
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    format: QuizFormat,
    #[arg(long, value_name = "FILE")]
    key: Option<String>,
}

/// How questions are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum QuizFormat {
    #[default]
    Text,
    Json,
    Gift,
    Md,
}

/// Asks.
///
/// # Errors
/// [`Problem`] where it cannot.
pub fn run(common: &Common, flags: &Flags) -> Result<Done, Problem> {
    let lang = common.lang();
    let files = flags.inputs.files(lang)?;
    for prefix in &flags.kind {
        if !question::kinds().any(|kind| kind.starts_with(&**prefix)) {
            return Err(unknown(lang, prefix));
        }
    }
    let mut sink = Collecting { collector: Collector::sampling(flags.seed) };
    let ending = common.session(None)?.run(&files, &mut sink)?;
    let kept = sink.collector.kept();
    let quiz = question::quiz(&kept, flags.count, &flags.kind, lang, flags.seed);
    let questions: Vec<Question> =
        quiz.questions.iter().map(|q| q.clone().map(&|text| clean(text).into_owned())).collect();
    let note = short_of(lang, flags.count, &quiz, &kept);
    let key = match flags.format {
        QuizFormat::Text => {
            text_form(common, flags, &questions, note.as_deref())?;
            None
        }
        QuizFormat::Json => {
            let mut lines = Lines::new(output::out());
            for (at, question) in questions.iter().enumerate() {
                lines.line(&QuestionRecord::new(at + 1, question))?;
            }
            lines.flush()?;
            None
        }
        QuizFormat::Gift => {
            let mut out = output::out();
            for question in &questions {
                let title = format!("{} #{}", question.kind, question.packet);
                writeln!(out, "{}", gift::question(&title, &view::of(lang, question)))?;
            }
            out.flush()?;
            None
        }
        QuizFormat::Md => {
            let (sheet, key) = sheet(lang, &files, &questions);
            let mut out = output::out();
            out.write_all(sheet.as_bytes())?;
            if flags.key.is_none() {
                out.write_all(b"\n---\n\n")?;
                out.write_all(key.as_bytes())?;
            }
            out.flush()?;
            Some(key)
        }
    };
    if let Some(file) = &flags.key {
        let key = key.unwrap_or_else(|| sheet(lang, &files, &questions).1);
        fs::write(file, key)?;
    }
    if let Some(note) = note.filter(|_| flags.format != QuizFormat::Text) {
        let _ = writeln!(io::stderr().lock(), "{}", clean(&note));
    }
    Ok(ending.into())
}

/// What a prefix that no kind begins with is answered with: the families there are.
fn unknown(lang: Lang, prefix: &str) -> Problem {
    let mut families: Vec<&str> = question::kinds().filter_map(|kind| kind.split('.').next()).collect();
    families.dedup();
    families.sort_unstable();
    families.dedup();
    let families = families.join(say::word(lang, "word.comma"));
    Problem::said(lang, "no-such-question", &[("kind", prefix), ("kinds", &families)])
}

/// A text of the quiz's own.
fn said(lang: Lang, id: &'static str, values: &[(&str, &str)]) -> String {
    words::fill(words::text(lang, "questions", id), &|key| {
        values.iter().find(|(known, _)| *known == key).map(|(_, value)| (*value).to_owned())
    })
}

/// Why there are fewer questions than wanted.
fn short_of(lang: Lang, wanted: usize, quiz: &Quiz, kept: &Kept) -> Option<String> {
    let asked = quiz.questions.len();
    if asked >= wanted {
        return None;
    }
    let kinds = quiz.askable.iter().filter(|(_, count)| *count > 0).count();
    let values = [
        ("asked", asked.to_string()),
        ("wanted", wanted.to_string()),
        ("kinds", kinds.to_string()),
        ("all", quiz.askable.len().to_string()),
        ("packets", say::thousands(kept.seen)),
        ("unsound", say::thousands(kept.unsound)),
    ];
    let values: Vec<(&str, &str)> = values.iter().map(|(name, value)| (*name, &**value)).collect();
    let mut text = said(lang, "quiz.short", &values);
    if kept.unsound > 0 {
        text.push_str(&said(lang, "quiz.unsound", &values));
    }
    Some(text)
}

/// A question as it is shown, under its number.
fn numbered(lang: Lang, at: usize, question: &Question) -> QuestionView {
    QuestionView { label: format!("{}.", at + 1), ..view::of(lang, question) }
}

/// In a terminal one after the other, graded; else all, and then the key.
fn text_form(
    common: &Common,
    flags: &Flags,
    questions: &[Question],
    note: Option<&str>,
) -> Result<(), Problem> {
    let lang = common.lang();
    let mut page = output::page(common);
    let views: Vec<QuestionView> =
        questions.iter().enumerate().map(|(at, q)| numbered(lang, at, q)).collect();
    if let Some(note) = note {
        page.paragraph(&Line::new().with(note, Role::Dim), 0, 0)?;
    }
    if stdin().is_terminal() && stdout().is_terminal() {
        let mut input = stdin().lock();
        let titles = std::array::from_fn(|_| String::new());
        let walk = Walk { page: &mut page, input: &mut input, lang, titles, asked: 0, right: 0 };
        walk.questions(&views)?;
        return Ok(());
    }
    for view in &views {
        text::lesson::question(&mut page, view)?;
    }
    if flags.key.is_none() && !views.is_empty() {
        page.end()?;
        page.paragraph(&Line::new().with(said(lang, "quiz.key", &[]), Role::Strong), 0, 0)?;
        for view in views {
            let answer = QuestionView { answer: view.label.clone(), ..view };
            page.end()?;
            text::lesson::answer(&mut page, &answer)?;
        }
    }
    page.flush()?;
    Ok(())
}

/// A sheet in Markdown, and its key.
fn sheet(lang: Lang, files: &[String], questions: &[Question]) -> (String, String) {
    let names = files.join(" ");
    let name = clean(&names).replace(['<', '>', '`', '\n'], "_");
    let mut sheet = format!("# {}\n", said(lang, "quiz.title", &[("capture", &name)]));
    let mut key = format!("# {}\n", said(lang, "quiz.key-of", &[("capture", &name)]));
    for (at, question) in questions.iter().enumerate() {
        let view = numbered(lang, at, question);
        sheet.push('\n');
        sheet.push_str(&markdown::asked(&view));
        key.push_str(&format!("\n## {}\n\n", at + 1));
        key.push_str(&markdown::answered(&view));
    }
    (sheet, key)
}

/// Shows packets to the collector.
struct Collecting {
    collector: Collector,
}

impl Sink for Collecting {
    fn wants(&self, _: &Frame<'_>) -> Want {
        Want::Context
    }

    fn packet(&mut self, seen: &Seen<'_>) -> io::Result<Go> {
        self.collector.packet(seen);
        Ok(Go::Continue(()))
    }

    fn flow(&mut self, record: &FlowRecord) -> io::Result<()> {
        self.collector.flow(record);
        Ok(())
    }

    fn end(&mut self, last: &Outcome) -> io::Result<()> {
        self.collector.end(last);
        Ok(())
    }
}
