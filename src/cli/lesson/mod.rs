//! `lesson list`, `lesson NAME`, `lesson check FILE`, `lesson fill FILE`: learn one subject, on the bundled capture or on one's own.

mod files;
mod study;
pub(super) mod walk;

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use clap::{Args, Subcommand, ValueEnum};

use super::options::{Common, FormatName};
use super::output::{self, Done, Problem};
use crate::lesson::{Lesson, parse, shelf};
use crate::render::json::Lines;
use crate::render::{sheet, text};
use crate::view::Role;
use crate::view::flows::{Column, Table};
use crate::view::lesson::{self, LessonView, said};
use crate::view::list::titles;
use crate::view::record::LessonRecord;
use crate::words::Lang;
use study::{On, Spool};
use walk::Walk;

/// Raw flags.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Flags {
    #[command(subcommand)]
    command: Option<What>,
    #[arg(value_name = "LESSON")]
    lesson: Option<String>,
    #[arg(long, value_name = "CAPTURE")]
    on: Option<String>,
    #[arg(long)]
    all: bool,
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    #[arg(long, value_enum, value_name = "FORMAT")]
    sheet: Option<SheetName>,
    #[arg(short = 'o', long, value_name = "FILE", requires = "sheet")]
    output: Option<String>,
}

/// How a worksheet is written.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum SheetName {
    Md,
}

#[derive(Debug, Subcommand)]
enum What {
    List {
        #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
        format: FormatName,
    },
    Check {
        #[arg(value_name = "FILE", required = true)]
        files: Vec<String>,
    },
    Fill {
        #[arg(value_name = "FILE", required = true)]
        files: Vec<String>,
    },
}

/// Tells lessons, and looks after their files.
///
/// # Errors
/// [`Problem`] where it cannot.
pub fn run(common: &Common, flags: &Flags) -> Result<Done, Problem> {
    let lang = common.lang();
    match &flags.command {
        Some(What::List { format }) => list(common, *format),
        Some(What::Check { files }) => files::check(common, files),
        Some(What::Fill { files }) => files::fill(common, files),
        None => match &flags.lesson {
            Some(named) => tell(common, flags, named),
            None => Err(Problem::said(lang, "no-lesson-given", &[])),
        },
    }
}

fn list(common: &Common, format: FormatName) -> Result<Done, Problem> {
    let lang = common.lang();
    let lessons: Vec<Lesson> = shelf::LESSONS.iter().map(|lesson| lesson.read(lang)).collect();
    if format == FormatName::Json {
        let mut lines = Lines::new(output::out());
        for lesson in &lessons {
            let (name, title) = (lesson.name.as_str(), lesson.title.as_str());
            lines.line(&LessonRecord { name, title, steps: lesson.steps(), captures: lesson.captures() })?;
        }
        lines.flush()?;
        return Ok(Done::default());
    }
    let column = |id: &str, number| Column::new(&said(lang, id, &[]), number);
    let mut table = Table {
        columns: vec![
            column("list.number", true),
            column("list.name", false),
            column("list.steps", true),
            column("list.title", false),
        ],
        ..Table::default()
    };
    for lesson in &lessons {
        table.rows.push(vec![
            (lesson.order.map_or(String::new(), |order| order.to_string()), Role::Dim),
            (lesson.name.clone(), Role::Command),
            (lesson.steps().to_string(), Role::Plain),
            (lesson.title.clone(), Role::Plain),
        ]);
    }
    table.rest.push(said(lang, "list.use", &[("command", "pcaplain lesson NAME")]));
    let mut page = output::page(common);
    text::table::write(&mut page, &table)?;
    page.flush()?;
    Ok(Done::default())
}

/// The lesson that is meant: a file where there is one of that name, else one of the program's.
fn find(lang: Lang, named: &str) -> Result<Lesson, Problem> {
    if named.ends_with(".md") || Path::new(named).is_file() {
        let source = fs::read_to_string(named).map_err(|error| {
            Problem::said(lang, "lesson-unreadable", &[("file", named), ("message", &error.to_string())])
        })?;
        let (lesson, mistakes) = parse(named, &source);
        if mistakes.is_empty() {
            return Ok(lesson);
        }
        return Err(Problem::Told(mistakes.iter().map(|one| lesson::mistake(lang, one)).collect()));
    }
    match shelf::find(named) {
        Ok(bundled) => Ok(bundled.read(lang)),
        Err(nearest) => {
            let values = [("name", named), ("nearest", &*nearest.join(", "))];
            let given: Vec<(&str, &str)> =
                values.into_iter().filter(|(_, value)| !value.is_empty()).collect();
            Err(Problem::said(lang, "no-such-lesson", &given))
        }
    }
}

/// A recording of the user's own, made now: what the lesson's steps ask for is named first, and Ctrl-C ends it.
fn recorded(lang: Lang, lesson: &Lesson, interface: &str) -> Result<Spool, Problem> {
    let mut wanted: Vec<&str> =
        lesson.sections.iter().filter_map(|section| section.step.as_ref()?.record.as_deref()).collect();
    wanted.dedup();
    let mut told = io::stderr().lock();
    if !wanted.is_empty() {
        writeln!(told, "{}", said(lang, "record-now", &[]))?;
        for command in wanted {
            writeln!(told, "  {}", text::clean(command))?;
        }
    }
    drop(told);
    match Spool::recorded(interface, lang)? {
        Some(spool) => Ok(spool),
        // `live` has said why, and how it could.
        None => Err(Problem::Told(Vec::new())),
    }
}

fn tell(common: &Common, flags: &Flags, named: &str) -> Result<Done, Problem> {
    let lesson = find(common.lang(), named)?;
    // A lesson in one language is told in it: its evidence and its labels, too.
    let lang = lesson.lang_or(common.lang());
    let spool = match flags.on.as_deref() {
        Some(on) => Some(match on.strip_prefix("live:") {
            Some(interface) => recorded(lang, &lesson, interface)?,
            None => Spool::of(on)?,
        }),
        None => None,
    };
    let own = flags.on.as_deref().zip(spool.as_ref().map(Spool::path));
    let on = On { own, named, literals: false, seed: flags.seed };
    let (material, _, done) = study::study(common, lang, &lesson, on)?;
    let view = lesson::of(lang, &lesson, &material);
    if flags.sheet.is_some() {
        worksheet(lang, &view, flags.output.as_deref())?;
        return Ok(done);
    }
    let mut page = output::page(common);
    if !flags.all && io::stdin().is_terminal() && io::stdout().is_terminal() {
        let mut input = io::stdin().lock();
        let walk =
            Walk { page: &mut page, input: &mut input, lang, titles: titles(lang), asked: 0, right: 0 };
        walk.lesson(&view)?;
        return Ok(done);
    }
    text::lesson::write(&mut page, &view, &titles(lang))?;
    page.flush()?;
    Ok(done)
}

/// Writes a worksheet, to a file with its key in another beside it, or to standard output without.
fn worksheet(lang: Lang, view: &LessonView, file: Option<&str>) -> Result<(), Problem> {
    let key = said(lang, "sheet.key", &[("title", &view.title.text())]);
    let labels = sheet::Labels { space: said(lang, "sheet.space", &[]), key, titles: titles(lang) };
    let (sheet, key) = sheet::write(view, &labels)?;
    let mut out = output::out();
    let Some(file) = file.filter(|file| *file != "-") else {
        out.write_all(sheet.as_bytes())?;
        return Ok(out.flush()?);
    };
    let key_file = format!("{}.key.md", file.strip_suffix(".md").unwrap_or(file));
    for (path, content) in [(file, &sheet), (key_file.as_str(), &key)] {
        fs::write(path, content).map_err(|error| {
            Problem::said(lang, "lesson-unreadable", &[("file", path), ("message", &error.to_string())])
        })?;
    }
    writeln!(out, "{}", said(lang, "sheet.written", &[("file", file), ("key", &key_file)]))?;
    Ok(out.flush()?)
}
