//! A packet's headers as boxes in boxes.
//!
//! Leaves out: what stands in them (`view::layers`).

use std::io::{self, Write};

use super::wrap::wrap;
use super::{Page, line_width};
use crate::view::layers::{LayerBox, LayersView};
use crate::view::{Line, Role};

/// The narrowest box; further ones stand at the same place as the one around them.
const NARROW: usize = 36;
/// Columns that a box takes from what is inside it.
const FRAME: usize = 4;

/// Writes a packet's boxes.
///
/// # Errors
/// Those of the writer.
pub fn write<W: Write>(page: &mut Page<W>, view: &LayersView, notes: &str) -> io::Result<()> {
    stacked(page, view)?;
    page.end()?;
    page.line(&Line::new().with(notes, Role::Title))?;
    for line in &view.claims {
        page.blanks(2)?;
        page.paragraph(line, 2, 4)?;
    }
    Ok(())
}

/// Writes the boxes without what the notes claim of them.
///
/// # Errors
/// Those of the writer.
pub(super) fn stacked<W: Write>(page: &mut Page<W>, view: &LayersView) -> io::Result<()> {
    page.paragraph(&view.head, 0, 0)?;
    page.paragraph(&view.stack, 0, 0)?;
    page.end()?;
    draw(page, &view.boxes)?;
    for line in &view.outside {
        page.paragraph(line, 0, 0)?;
    }
    for (line, boxes) in &view.decoded {
        page.end()?;
        page.paragraph(line, 0, 0)?;
        draw(page, boxes)?;
    }
    if !view.upper.is_empty() {
        page.end()?;
        page.paragraph(&view.upper, 0, 0)?;
    }
    Ok(())
}

fn draw<W: Write>(page: &mut Page<W>, boxes: &[LayerBox]) -> io::Result<()> {
    let deepest = page.width().saturating_sub(NARROW) / FRAME;
    let mut open = 0;
    for one in boxes {
        let depth = one.depth.min(deepest);
        while open > depth {
            open -= 1;
            edge(page, open, '└', '┘')?;
        }
        edge(page, depth, '┌', '┐')?;
        open = depth + 1;
        for line in [&one.title, &one.own, &one.peer] {
            if !line.is_empty() {
                inside(page, depth + 1, line)?;
            }
        }
    }
    while open > 0 {
        open -= 1;
        edge(page, open, '└', '┘')?;
    }
    Ok(())
}

/// Columns between the sides of so many boxes.
fn room<W: Write>(page: &Page<W>, depth: usize) -> usize {
    page.width().saturating_sub(depth * FRAME).max(8)
}

fn sides<W: Write>(page: &mut Page<W>, depth: usize, text: &str) -> io::Result<()> {
    (0..depth).try_for_each(|_| page.put(text, Role::Dim))
}

fn edge<W: Write>(page: &mut Page<W>, depth: usize, left: char, right: char) -> io::Result<()> {
    sides(page, depth, "│ ")?;
    let width = room(page, depth).saturating_sub(2);
    page.put(&format!("{left}{}{right}", "─".repeat(width)), Role::Dim)?;
    sides(page, depth, " │")?;
    page.end()
}

fn inside<W: Write>(page: &mut Page<W>, depth: usize, line: &Line) -> io::Result<()> {
    let width = room(page, depth);
    for part in wrap(line, width, 0, 0) {
        sides(page, depth, "│ ")?;
        page.spans(&part)?;
        page.blanks(width.saturating_sub(line_width(&part)))?;
        sides(page, depth, " │")?;
        page.end()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::text::tests::written;
    use crate::render::text::width;

    fn a_box(depth: usize, title: &str) -> LayerBox {
        let (own, peer) = (Line::plain("what it is for ".repeat(8)), Line::plain("对方把它取下再往上交"));
        LayerBox { depth, title: Line::plain(title), own, peer }
    }

    #[test]
    fn boxes_close_and_every_line_has_the_pages_width() {
        let boxes =
            [a_box(0, "Ethernet"), a_box(1, "IPv4"), a_box(2, "TCP"), a_box(3, "HTTP"), a_box(3, "HTTP")];
        for columns in [40, 60, 80, 120] {
            let text = written(columns, |page| draw(page, &boxes));
            assert!(text.lines().all(|line| width(line) == columns), "{columns}:\n{text}");
            assert_eq!(text.matches('┌').count(), text.matches('└').count());
            assert_eq!(text.matches('┌').count(), boxes.len());
        }
    }
}
