//! A lesson as text: headings, paragraphs, evidence as the other screens draw it, claims.
//!
//! Leaves out: pauses and answers (`cli::lesson`).

use std::io::{self, Write};

use super::list::Rows;
use super::{Page, evidence, ladder, layers, packet, table};
use crate::view::lesson::claims::ClaimView;
use crate::view::lesson::exhibits::Exhibit;
use crate::view::lesson::markdown::Block;
use crate::view::lesson::question::{OptionView, QuestionView};
use crate::view::lesson::{Item, LessonView, SectionView};
use crate::view::{Line, Role};

/// Left of evidence and lists.
const MARGIN: usize = 2;

/// Writes a whole lesson.
///
/// # Errors
/// Those of the writer.
pub fn write<W: Write>(page: &mut Page<W>, view: &LessonView, titles: &[String; 7]) -> io::Result<()> {
    head(page, view)?;
    for one in &view.sections {
        section(page, one, titles)?;
    }
    Ok(())
}

/// Writes the heading of a lesson.
///
/// # Errors
/// Those of the writer.
pub fn head<W: Write>(page: &mut Page<W>, view: &LessonView) -> io::Result<()> {
    page.paragraph(&view.title, 0, 0)?;
    page.paragraph(&view.captures, 0, 2)
}

/// Writes a section.
///
/// # Errors
/// Those of the writer.
pub fn section<W: Write>(page: &mut Page<W>, view: &SectionView, titles: &[String; 7]) -> io::Result<()> {
    heading(page, view)?;
    view.items.iter().try_for_each(|one| item(page, one, titles))
}

/// Writes the heading of a section.
///
/// # Errors
/// Those of the writer.
pub fn heading<W: Write>(page: &mut Page<W>, view: &SectionView) -> io::Result<()> {
    if view.title.is_empty() {
        return Ok(());
    }
    page.end()?;
    page.paragraph(&view.title, 0, 2)
}

/// Writes a piece of a section, a blank line before it.
///
/// # Errors
/// Those of the writer.
pub fn item<W: Write>(page: &mut Page<W>, view: &Item, titles: &[String; 7]) -> io::Result<()> {
    match view {
        Item::Text(blocks) => text(page, blocks),
        Item::Evidence(exhibit) => {
            page.end()?;
            self::exhibit(page, exhibit, titles)
        }
        Item::Claims(claims) => {
            page.end()?;
            claims.iter().try_for_each(|one| claim(page, one))
        }
        Item::Question(view) => {
            question(page, view)?;
            answer(page, view)
        }
        Item::Missing(lines) => {
            page.end()?;
            lines.iter().try_for_each(|line| {
                page.blanks(MARGIN)?;
                page.paragraph(line, MARGIN, MARGIN + 2)
            })
        }
    }
}

/// Writes a question and its options, a blank line before them.
///
/// # Errors
/// Those of the writer.
pub fn question<W: Write>(page: &mut Page<W>, view: &QuestionView) -> io::Result<()> {
    page.end()?;
    let line = Line::new().with(labelled(&view.label), Role::Note).with(view.stem.as_str(), Role::Strong);
    page.paragraph(&line, 0, 2)?;
    for line in &view.shown {
        page.blanks(MARGIN)?;
        page.paragraph(line, MARGIN, MARGIN + 2)?;
    }
    for option in &view.options {
        page.blanks(MARGIN)?;
        page.put(&format!("{}  ", option.letter), Role::Strong)?;
        page.paragraph(&Line::plain(option.text.as_str()), MARGIN + 3, MARGIN + 3)?;
    }
    Ok(())
}

/// Writes the answer: which is right, why, and why the others are not.
///
/// # Errors
/// Those of the writer.
pub fn answer<W: Write>(page: &mut Page<W>, view: &QuestionView) -> io::Result<()> {
    let letter = view.right().map_or(' ', |option| option.letter);
    let line = Line::new().with(format!("{}{letter}. ", labelled(&view.answer)), Role::Good);
    reason(page, line, view)?;
    view.options.iter().filter(|option| !option.right).try_for_each(|option| why_not(page, option))
}

/// A label and what divides it from what follows: a full-width colon brings its own blank.
fn labelled(label: &str) -> String {
    if label.ends_with('：') { label.to_owned() } else { format!("{label} ") }
}

/// Writes a verdict and why the right answer is right.
///
/// # Errors
/// Those of the writer.
pub fn reason<W: Write>(page: &mut Page<W>, mut line: Line, view: &QuestionView) -> io::Result<()> {
    line.push(view.reason.as_str(), Role::Plain);
    if !view.spec.is_empty() {
        line.push(format!("  {}", view.spec), Role::Spec);
    }
    page.paragraph(&line, 0, 2)
}

/// Writes why a wrong answer is wrong.
///
/// # Errors
/// Those of the writer.
pub fn why_not<W: Write>(page: &mut Page<W>, option: &OptionView) -> io::Result<()> {
    if option.why.is_empty() {
        return Ok(());
    }
    page.blanks(MARGIN)?;
    page.put(&format!("{}  ", option.letter), Role::Dim)?;
    page.paragraph(&Line::new().with(option.why.as_str(), Role::Dim), MARGIN + 3, MARGIN + 3)
}

fn text<W: Write>(page: &mut Page<W>, blocks: &[Block]) -> io::Result<()> {
    let mut in_list = false;
    for block in blocks {
        let is_item = matches!(block, Block::Item { .. });
        if !(in_list && is_item) {
            page.end()?;
        }
        in_list = is_item;
        match block {
            Block::Paragraph(line) => page.paragraph(line, 0, 0)?,
            Block::Heading(line) => {
                let strong =
                    line.spans.iter().fold(Line::new(), |to, span| to.with(span.text.as_str(), Role::Strong));
                page.paragraph(&strong, 0, 2)?;
            }
            Block::Item { depth, mark, line } => {
                let at = MARGIN + depth * 2;
                let after = at + super::width(mark) + 1;
                page.blanks(at)?;
                page.put(mark, Role::Dim)?;
                page.blanks(1)?;
                page.paragraph(line, after, after)?;
            }
            Block::Quote(line) => {
                page.put("│ ", Role::Dim)?;
                page.paragraph(line, 2, 2)?;
            }
            Block::Code(lines) => {
                for line in lines {
                    page.blanks(MARGIN * 2)?;
                    page.line(&Line::new().with(line.as_str(), Role::Command))?;
                }
            }
            Block::Table(view) => table::write(page, view)?,
        }
    }
    Ok(())
}

/// Writes evidence.
///
/// # Errors
/// Those of the writer.
pub fn exhibit<W: Write>(page: &mut Page<W>, view: &Exhibit, titles: &[String; 7]) -> io::Result<()> {
    match view {
        Exhibit::Packet(view) => packet::write(page, view),
        Exhibit::Fields(view) => {
            page.paragraph(&view.head, 0, 2)?;
            packet::fields(page, &view.fields)?;
            view.bytes.iter().try_for_each(|line| evidence::bytes(page, line))
        }
        Exhibit::Bytes { head, marked, lines } => {
            page.paragraph(head, 0, 2)?;
            if !marked.is_empty() {
                page.paragraph(marked, 0, 2)?;
            }
            lines.iter().try_for_each(|line| match marked.is_empty() {
                true => packet::hex(page, line),
                false => evidence::bytes(page, line),
            })
        }
        Exhibit::Layers(view) => layers::stacked(page, view),
        Exhibit::Ladder { heading, ladder: view, rest } => {
            for line in heading {
                page.paragraph(line, 0, 2)?;
            }
            ladder::write(page, view, false)?;
            self::rest(page, rest)
        }
        Exhibit::Packets { rows, rest } => {
            let mut list = Rows::new(titles.clone(), false).broken();
            for row in rows {
                list.push(page, row.clone())?;
            }
            list.flush(page)?;
            self::rest(page, rest)
        }
        Exhibit::Table(view) => table::write(page, view),
        Exhibit::Nothing(line) => page.paragraph(line, 0, 0),
    }
}

fn rest<W: Write>(page: &mut Page<W>, line: &Line) -> io::Result<()> {
    if line.is_empty() {
        return Ok(());
    }
    page.blanks(MARGIN)?;
    page.paragraph(line, MARGIN, MARGIN)
}

fn claim<W: Write>(page: &mut Page<W>, view: &ClaimView) -> io::Result<()> {
    let line = Line::new()
        .with(view.status.as_str(), view.role)
        .with("  ", Role::Plain)
        .with(view.text.as_str(), Role::Strong)
        .with(format!("  {}", view.id), Role::Dim);
    page.blanks(MARGIN)?;
    page.paragraph(&line, MARGIN, MARGIN + 2)?;
    let mut told = Line::new().with(view.told.as_str(), Role::Plain);
    if !view.frames.is_empty() {
        told.push(if view.told.is_empty() { "" } else { "  " }, Role::Plain);
        told.push(view.frames.as_str(), Role::Packet);
    }
    let mut general = Line::new().with(view.verdict.as_str(), view.verdict_role);
    if !view.right.is_empty() {
        general.push("  ", Role::Plain);
        general.push(view.right.as_str(), Role::Plain);
    }
    if !view.spec.is_empty() {
        general.push("  ", Role::Plain);
        general.push(view.spec.as_str(), Role::Spec);
    }
    for line in [told, general].iter().filter(|line| !line.is_empty()) {
        page.blanks(MARGIN + 2)?;
        page.paragraph(line, MARGIN + 2, MARGIN + 2)?;
    }
    Ok(())
}
