//! A ladder drawn with lines and arrow heads: number, client's state, arrow, server's state.

use std::io::{self, Write};

use super::{Page, line_width, width};
use crate::view::ladder::{Arrow, Ladder, Rung, StateCell};
use crate::view::{Line, Role};

/// Left of everything.
const MARGIN: usize = 3;
/// Between columns.
const GAP: usize = 2;

struct Columns {
    number: usize,
    time: usize,
    left: usize,
    /// Where the server's column begins, and how wide it is.
    right: usize,
    end: usize,
    arrow: usize,
    /// Whether there is no room to say in full how states are known.
    brief: bool,
}

/// Draws a ladder. With `told`, each arrow's sentence stands under it, and its time beside it.
///
/// # Errors
/// Those of the writer.
pub fn write<W: Write>(page: &mut Page<W>, ladder: &Ladder, told: bool) -> io::Result<()> {
    let full = columns(page.width(), ladder, told, false);
    let fits = full.right + full.end <= page.width();
    let columns = if fits { full } else { columns(page.width(), ladder, told, true) };
    head(page, ladder, &columns)?;
    for rung in &ladder.rungs {
        match rung {
            Rung::Arrow(arrow) => draw(page, arrow, &columns, told)?,
            Rung::Fold(line) => {
                page.blanks(MARGIN)?;
                page.put("┊ ", Role::Dim)?;
                page.paragraph(line, MARGIN + 2, MARGIN + 2)?;
            }
        }
    }
    Ok(())
}

fn arrows(ladder: &Ladder) -> impl Iterator<Item = &Arrow> {
    ladder.rungs.iter().filter_map(|rung| match rung {
        Rung::Arrow(arrow) => Some(&**arrow),
        Rung::Fold(_) => None,
    })
}

fn columns(page: usize, ladder: &Ladder, told: bool, brief: bool) -> Columns {
    let widest = |of: &dyn Fn(&Arrow) -> usize| arrows(ladder).map(of).max().unwrap_or(0);
    let number = widest(&|arrow| arrow.number.to_string().len() + 1);
    let time = if told { widest(&|arrow| arrow.time.len()) + GAP } else { 0 };
    let side = |at: usize| {
        let cells = widest(&|arrow| arrow.states[at].as_ref().map_or(0, |cell| cell_width(cell, brief)));
        cells.max(width(&ladder.before[at]))
    };
    // The server's name stands above its states, in the same column.
    let (left, end) = (side(0), side(1).max(line_width(&ladder.ends[1])));
    let label =
        widest(&|arrow| line_width(&arrow.label).max(line_width(&arrow.below))) + if brief { 6 } else { 8 };
    let taken = MARGIN + number + GAP + time + left + GAP * 2 + end;
    // As long as the labels need, and no longer than the eye can follow.
    let arrow = page.saturating_sub(taken).clamp(label.min(60), label.max(46));
    // A long name of the client's must not run into the server's.
    let arrow = arrow.max((line_width(&ladder.ends[0]) + GAP).saturating_sub(left + GAP * 2));
    let right = MARGIN + number + GAP + time + left + GAP + arrow + GAP;
    Columns { number, time, left, right, end, arrow, brief }
}

fn cell_width(cell: &StateCell, brief: bool) -> usize {
    width(&cell.name) + width(gap(cell)) + width(basis(cell, brief))
}

fn basis(cell: &StateCell, brief: bool) -> &str {
    if brief { &cell.brief } else { &cell.basis }
}

/// A blank between a state and what is said of it; a full-width bracket brings its own.
fn gap(cell: &StateCell) -> &'static str {
    if cell.basis.is_empty() || cell.basis.starts_with('（') { "" } else { " " }
}

fn head<W: Write>(page: &mut Page<W>, ladder: &Ladder, c: &Columns) -> io::Result<()> {
    let before = MARGIN + c.number + GAP + c.time;
    let right = c.right;
    let client = line_width(&ladder.ends[0]);
    page.blanks(before)?;
    page.spans(&ladder.ends[0])?;
    page.blanks(right - before - client)?;
    page.spans(&ladder.ends[1])?;
    page.end()?;
    if ladder.before.iter().all(String::is_empty) {
        return Ok(());
    }
    page.blanks(before)?;
    page.put(&ladder.before[0], Role::State)?;
    page.blanks(right - before - width(&ladder.before[0]))?;
    page.put(&ladder.before[1], Role::State)?;
    page.end()
}

fn draw<W: Write>(page: &mut Page<W>, arrow: &Arrow, c: &Columns, told: bool) -> io::Result<()> {
    let number = format!("#{}", arrow.number);
    page.blanks(MARGIN)?;
    page.put(&number, Role::Packet)?;
    page.blanks(c.number - number.len() + GAP)?;
    if told {
        page.put(&arrow.time, Role::Dim)?;
        page.blanks(c.time - arrow.time.len())?;
    }
    let taken = state(page, arrow.states[0].as_ref(), c.brief)?;
    page.blanks(c.left - taken + GAP)?;
    if arrow.copy {
        page.spans(&arrow.label)?;
    } else {
        shaft(page, arrow, c.arrow)?;
    }
    if arrow.states[1].is_some() {
        page.blanks(GAP)?;
        state(page, arrow.states[1].as_ref(), c.brief)?;
    }
    page.end()?;
    let under = MARGIN + c.number + GAP + c.time + c.left + GAP;
    if !arrow.below.is_empty() {
        let long = line_width(&arrow.below);
        let at = if arrow.rightwards { 3 } else { c.arrow.saturating_sub(long + 3) };
        page.blanks(under + at)?;
        page.line(&arrow.below)?;
    }
    if told {
        let indent = MARGIN + c.number + GAP;
        for (sentence, spec) in &arrow.told {
            let mut line = Line::plain(sentence.as_str());
            if !spec.is_empty() {
                line = line.with("  ", Role::Plain).with(spec.as_str(), Role::Spec);
            }
            page.blanks(indent)?;
            page.paragraph(&line, indent, indent)?;
        }
    }
    Ok(())
}

fn state<W: Write>(page: &mut Page<W>, cell: Option<&StateCell>, brief: bool) -> io::Result<usize> {
    let Some(cell) = cell else { return Ok(0) };
    page.put(&cell.name, if cell.changed { Role::State } else { Role::Dim })?;
    if !cell.basis.is_empty() {
        page.put(gap(cell), Role::Plain)?;
        page.put(basis(cell, brief), Role::Dim)?;
    }
    Ok(cell_width(cell, brief))
}

fn shaft<W: Write>(page: &mut Page<W>, arrow: &Arrow, long: usize) -> io::Result<()> {
    let rest = long.saturating_sub(line_width(&arrow.label) + 5).max(1);
    let line = "─".repeat(rest);
    if arrow.rightwards {
        page.put("── ", Role::Client)?;
        page.spans(&arrow.label)?;
        page.put(&format!(" {line}▶"), Role::Client)
    } else {
        page.put(&format!("◀{line} "), Role::Server)?;
        page.spans(&arrow.label)?;
        page.put(" ──", Role::Server)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::text::tests::written;

    fn cell(name: &str, basis: &str) -> Option<StateCell> {
        Some(StateCell { name: name.into(), basis: basis.into(), brief: basis.into(), changed: true })
    }

    fn ladder() -> Ladder {
        let arrow = |number, rightwards, label: &str, below: &str, states| {
            Rung::Arrow(Box::new(Arrow {
                number,
                time: "0.000001".into(),
                rightwards,
                label: Line::plain(label),
                copy: false,
                below: Line::plain(below),
                states,
                told: vec![("It asks.".into(), "RFC 9293 §3.5".into())],
            }))
        };
        Ladder {
            ends: [Line::plain("client 10.0.0.1:5"), Line::plain("server 10.0.0.2:80")],
            before: ["CLOSED".into(), "LISTEN".into()],
            rungs: vec![
                arrow(1, true, "SYN  seq 7", "", [cell("SYN-SENT", ""), cell("SYN-RECEIVED", "(assumed)")]),
                arrow(2, false, "SYN+ACK  seq 9", "ack 8", [cell("ESTABLISHED", "（推定）"), None]),
                Rung::Fold(Line::plain("#3–#9 7 segments")),
            ],
        }
    }

    #[test]
    fn a_ladder_is_drawn() {
        let text = written(80, |page| write(page, &ladder(), false));
        let expected = "\
        client 10.0.0.1:5                         server 10.0.0.2:80
        CLOSED                                    LISTEN
   #1   SYN-SENT             ── SYN  seq 7 ────▶  SYN-RECEIVED (assumed)
   #2   ESTABLISHED（推定）  ◀─ SYN+ACK  seq 9 ──
                                          ack 8
   ┊ #3–#9 7 segments
";
        let straight = |text: &str| text.lines().map(|l| l.trim_end().to_owned()).collect::<Vec<_>>();
        // Columns are what is tested, not how long the arrows are.
        let columns = |text: &str| {
            straight(text).iter().map(|line| line.replace('─', "")).collect::<Vec<_>>().join("\n")
        };
        let squeezed = |text: &str| columns(text).split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(squeezed(&text), squeezed(expected));
        let at = |needle: &str| {
            let line = text.lines().find(|line| line.contains(needle)).expect("a line");
            crate::render::text::width(&line[..line.find(needle).expect("there")])
        };
        assert_eq!(at("LISTEN"), at("SYN-RECEIVED"), "the server's states stand in one column:\n{text}");
        assert_eq!(at("── SYN  seq"), at("◀"), "arrows begin in one column:\n{text}");
    }

    #[test]
    fn sentences_stand_under_their_arrows() {
        let text = written(80, |page| write(page, &ladder(), true));
        assert!(text.contains("It asks.  RFC 9293 §3.5"), "{text}");
        assert!(text.contains("#1  0.000001"), "{text}");
    }
}
