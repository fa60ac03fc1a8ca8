//! The story of a capture as text.

use std::io::{self, Write};

use super::{Page, ladder, line_width, width};
use crate::view::annotate::{Phase, Screen, Story, Told};
use crate::view::{Line, Role};

/// Left of steps.
const MARGIN: usize = 3;

/// Writes the story.
///
/// # Errors
/// Those of the writer.
pub fn write<W: Write>(page: &mut Page<W>, screen: &Screen) -> io::Result<()> {
    for line in &screen.head {
        page.paragraph(line, 0, 2)?;
    }
    for line in &screen.summary {
        page.blanks(2)?;
        page.paragraph(line, 2, 6)?;
    }
    if !screen.findings.is_empty() {
        page.blanks(2)?;
        page.put(&screen.look.text(), Role::Strong)?;
        page.end()?;
        for line in &screen.findings {
            page.blanks(4)?;
            page.paragraph(line, 4, 6)?;
        }
    }
    for one in &screen.stories {
        page.end()?;
        story(page, one)?;
    }
    if !screen.rest.is_empty() {
        page.end()?;
        for line in &screen.rest {
            page.paragraph(line, 0, 4)?;
        }
    }
    Ok(())
}

fn story<W: Write>(page: &mut Page<W>, story: &Story) -> io::Result<()> {
    page.paragraph(&story.title, 0, 2)?;
    if let Some(drawn) = &story.ladder {
        ladder::write(page, drawn, false)?;
    }
    for one in &story.phases {
        if story.ladder.is_some() {
            page.end()?;
        }
        phase(page, one)?;
    }
    Ok(())
}

fn phase<W: Write>(page: &mut Page<W>, phase: &Phase) -> io::Result<()> {
    if !phase.title.is_empty() {
        page.blanks(MARGIN)?;
        page.paragraph(&phase.title, MARGIN, MARGIN)?;
    }
    let number = phase.steps.iter().map(|told| width(&told.number)).max().unwrap_or(0);
    for told in &phase.steps {
        step(page, told, MARGIN + number + 2)?;
    }
    let indent = MARGIN + number + 2;
    for line in &phase.claims {
        page.blanks(indent)?;
        page.paragraph(line, indent, indent + 2)?;
    }
    specs(page, &phase.specs)
}

fn step<W: Write>(page: &mut Page<W>, told: &Told, indent: usize) -> io::Result<()> {
    page.blanks(MARGIN)?;
    page.put(&told.number, Role::Packet)?;
    page.blanks(indent - MARGIN - width(&told.number))?;
    let mut line = told.head.clone();
    if !line.is_empty() {
        line.push("   ", Role::Plain);
    }
    line.spans.extend(told.line.spans.iter().cloned());
    page.paragraph(&line, indent, indent)?;
    if !told.why.is_empty() {
        page.blanks(indent)?;
        page.paragraph(&Line::plain(told.why.as_str()), indent, indent)?;
    }
    Ok(())
}

/// At the right, where the eye finds them when it looks for them.
fn specs<W: Write>(page: &mut Page<W>, specs: &[String]) -> io::Result<()> {
    if specs.is_empty() {
        return Ok(());
    }
    let line = Line::new().with(specs.join("; "), Role::Spec);
    let indent = MARGIN * 2;
    let at = page.width().saturating_sub(line_width(&line)).max(indent);
    page.blanks(at)?;
    page.paragraph(&line, at, indent)
}
