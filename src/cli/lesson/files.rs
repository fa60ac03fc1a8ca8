//! `lesson check FILE...`, `lesson fill FILE...`: for those who write lessons.

use std::fs;
use std::io::Write;
use std::path::Path;

use super::study::{On, study};
use crate::cli::options::Common;
use crate::cli::output::{self, Done, Problem};
use crate::lesson::fill::{self, Content};
use crate::lesson::slots::{Condition, Slot};
use crate::lesson::values::Here;
use crate::lesson::{Lesson, Mistake, Part, check, parse};
use crate::render::markdown;
use crate::render::text::width;
use crate::view::lesson::exhibits::Exhibit;
use crate::view::lesson::{self, Material, claims, question, said};
use crate::view::list::titles;
use crate::words::Lang;

fn read(lang: Lang, file: &str) -> Result<String, Problem> {
    fs::read_to_string(file).map_err(|error| {
        Problem::said(lang, "lesson-unreadable", &[("file", file), ("message", &error.to_string())])
    })
}

/// Writes what lessons show into their files.
pub(super) fn fill(common: &Common, files: &[String]) -> Result<Done, Problem> {
    let lang = common.lang();
    let mut out = output::out();
    for file in files {
        let source = read(lang, file)?;
        let (lesson, mut mistakes) = parse(file, &source);
        mistakes.extend(check::names(&lesson).into_iter().filter(|mistake| mistake.id == "no-capture"));
        if !mistakes.is_empty() {
            return Err(told(lang, &mistakes));
        }
        let filled = filled(common, &source, &lesson)?;
        let id = if filled == source { "unchanged" } else { "filled" };
        if filled != source {
            fs::write(file, &filled).map_err(|error| {
                Problem::said(lang, "lesson-unreadable", &[("file", file), ("message", &error.to_string())])
            })?;
        }
        writeln!(out, "{}", said(lang, id, &[("file", file)]))?;
    }
    out.flush()?;
    Ok(Done::default())
}

fn told(lang: Lang, mistakes: &[Mistake]) -> Problem {
    Problem::Told(mistakes.iter().map(|mistake| lesson::mistake(lang, mistake)).collect())
}

/// The file as it is when it is filled.
fn filled(common: &Common, source: &str, lesson: &Lesson) -> Result<String, Problem> {
    let lang = lesson.lang_or(common.lang());
    let on = On { own: None, named: &lesson.name, literals: false, seed: 0 };
    let (material, ..) = study(common, lang, lesson, on)?;
    Ok(fill::fill(source, lesson, &Text { lang, lesson, material: &material }))
}

/// What is written into a file.
struct Text<'a> {
    lang: Lang,
    lesson: &'a Lesson,
    material: &'a Material<'a>,
}

impl Text<'_> {
    fn here<'h>(&'h self, section: Option<usize>, file: &'h str) -> Here<'h> {
        let Text { lesson, material, .. } = self;
        Here { lesson, section, bound: &material.bound, gathered: &material.gathered, file }
    }
}

impl Content for Text<'_> {
    fn slot(&self, section: Option<usize>, slot: &Slot) -> Option<String> {
        let file = self.material.file_of(self.lesson, section);
        let (_, text) = lesson::slot(self.lang, slot, &self.here(section, &file))?;
        Some(markdown::text(&text))
    }

    fn block(&self, part: usize) -> Option<String> {
        let (section, what) = self.lesson.parts().nth(part)?;
        match what {
            Part::Show(_) => {
                let exhibit = self.material.exhibits.get(&part)?;
                markdown::exhibit(exhibit, &titles(self.lang)).ok()
            }
            Part::Claims(block) => {
                let capture = section.map_or(self.lesson.capture.as_str(), |at| self.lesson.capture_of(at));
                let results = self.material.results.get(capture)?;
                Some(markdown::claims(&claims::of(self.lang, &block.ids, results)))
            }
            Part::Ask(_) => {
                let asked = self.material.questions.get(&part);
                Some(asked.map_or_else(String::new, |one| markdown::question(&question::of(self.lang, one))))
            }
            _ => None,
        }
    }

    fn holds(&self, section: Option<usize>, condition: &Condition) -> bool {
        let file = self.material.file_of(self.lesson, section);
        condition.holds(&self.here(section, &file))
    }
}

/// Tells what is wrong with lessons.
pub(super) fn check(common: &Common, files: &[String]) -> Result<Done, Problem> {
    let lang = common.lang();
    let mut mistakes = Vec::new();
    let mut good = Vec::new();
    for file in files {
        let source = read(lang, file)?;
        let found = all(common, file, &source)?;
        if found.is_empty() {
            let steps = parse(file, &source).0.steps().to_string();
            good.push(said(lang, "checked", &[("file", file), ("steps", &steps)]));
        }
        mistakes.extend(found);
    }
    let mut out = output::out();
    for line in good {
        writeln!(out, "{line}")?;
    }
    out.flush()?;
    if mistakes.is_empty() { Ok(Done::default()) } else { Err(told(lang, &mistakes)) }
}

/// All that is wrong with one lesson.
fn all(common: &Common, file: &str, source: &str) -> Result<Vec<Mistake>, Problem> {
    let (lesson, mut mistakes) = parse(file, source);
    let here = |line: usize, id: &'static str, values: Vec<(&'static str, String)>| Mistake {
        file: file.to_owned(),
        line,
        id,
        values,
    };
    mistakes.extend(check::names(&lesson));
    match twin(&lesson) {
        Twin::None => {}
        Twin::Missing(other) => mistakes.push(here(0, "no-twin", vec![("other", other)])),
        Twin::There(other) => mistakes.extend(check::twins(&other, &lesson)),
    }
    if mistakes.iter().any(|mistake| mistake.id == "no-capture") || lesson.capture.is_empty() {
        return Ok(mistakes);
    }
    let lang = lesson.lang_or(common.lang());
    let on = On { own: None, named: &lesson.name, literals: true, seed: 0 };
    let (material, literals, _) = study(common, lang, &lesson, on)?;
    mistakes.extend(check::on_captures(&lesson, &material.bound, &material.gathered));
    mistakes.extend(literals.mistakes(&lesson));
    for (index, (section, part)) in lesson.parts().enumerate() {
        if let Part::Ask(ask) = part
            && !mistakes.iter().any(|m| m.line == ask.place.line && m.id == "unknown-question")
            && !lesson_misses(&material, section)
            && !material.questions.contains_key(&index)
            && !ask.names.iter().any(|name| is_optional(&lesson, name))
        {
            mistakes.push(here(ask.place.line, "asks-nothing", vec![("found", ask.kind.clone())]));
        }
        let Part::Show(show) = part else { continue };
        let line = show.place.line;
        if let Some(exhibit) = material.exhibits.get(&index) {
            let drawn = markdown::exhibit(exhibit, &titles(lang))?;
            if let Some(wide) = drawn.lines().map(width).find(|wide| *wide > markdown::WIDTH) {
                mistakes.push(here(line, "too-wide", vec![("columns", wide.to_string())]));
            }
        }
        match (material.exhibits.get(&index), &show.what) {
            (Some(Exhibit::Nothing(_)), what) => {
                let optional = what.names().iter().any(|name| is_optional(&lesson, name));
                if !optional {
                    mistakes.push(here(line, "shows-nothing", Vec::new()));
                }
            }
            (Some(Exhibit::Fields(view)), crate::lesson::What::Fields { fields, .. }) => {
                let there = |name: &String| view.fields.iter().any(|field| field.name == *name);
                for field in fields.iter().filter(|field| !there(field)) {
                    mistakes.push(here(line, "field-absent", vec![("found", field.clone())]));
                }
            }
            _ => {}
        }
    }
    if mistakes.is_empty() {
        let now = fill::fill(source, &lesson, &Text { lang, lesson: &lesson, material: &material });
        if now != source {
            let same = source.lines().zip(now.lines()).take_while(|(a, b)| a == b).count();
            mistakes.push(here(same + 1, "not-filled", vec![("file", file.to_owned())]));
        }
    }
    mistakes.sort_by_key(|mistake| mistake.line);
    Ok(mistakes)
}

/// Whether the section cannot be shown: that is told already.
fn lesson_misses(material: &Material<'_>, section: Option<usize>) -> bool {
    section.is_some_and(|at| material.bound.missing.contains_key(&at))
}

fn is_optional(lesson: &Lesson, name: &str) -> bool {
    lesson.sections.iter().flat_map(|section| section.binds()).any(|bind| bind.name == name && bind.optional)
}

/// The same lesson in the other language.
enum Twin {
    /// The file's name has no language: it stands alone.
    None,
    Missing(String),
    There(Box<Lesson>),
}

fn twin(lesson: &Lesson) -> Twin {
    let Some(lang) = lesson.lang else { return Twin::None };
    let other = if lang == Lang::En { Lang::Zh } else { Lang::En };
    let ending = |lang: Lang| format!(".{}.md", lang.name());
    let Some(stem) = lesson.file.strip_suffix(&ending(lang)) else { return Twin::None };
    let file = format!("{stem}{}", ending(other));
    match fs::read_to_string(Path::new(&file)) {
        Ok(source) => Twin::There(Box::new(parse(&file, &source).0)),
        Err(_) => Twin::Missing(file),
    }
}
