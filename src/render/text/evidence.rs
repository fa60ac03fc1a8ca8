//! Evidence as text: the sentence, the fields that were asked, the bytes they stand in with a mark under each.
//!
//! Leaves out: what decides (`notes`), the claim itself (`claims`).

use std::io::{self, Write};

use super::{Page, packet};
use crate::view::evidence::EvidenceView;
use crate::view::hex::HexLine;
use crate::view::{Line, Role};

/// Writes the evidence of one capture.
///
/// # Errors
/// Those of the writer.
pub fn write<W: Write>(page: &mut Page<W>, view: &EvidenceView) -> io::Result<()> {
    page.end()?;
    page.line(&Line::new().with(view.capture.as_str(), Role::Command))?;
    if !view.none.is_empty() {
        page.blanks(2)?;
        page.paragraph(&view.none, 2, 4)?;
    }
    for exhibit in &view.exhibits {
        page.blanks(2)?;
        page.paragraph(&exhibit.line, 2, 4)?;
        if !exhibit.head.is_empty() {
            page.blanks(4)?;
            page.paragraph(&exhibit.head, 4, 6)?;
        }
        packet::fields(page, &exhibit.fields)?;
        exhibit.bytes.iter().try_for_each(|line| bytes(page, line))?;
    }
    Ok(())
}

/// A line of bytes with marks under those that were asked for.
///
/// # Errors
/// Those of the writer.
pub(super) fn bytes<W: Write>(page: &mut Page<W>, line: &HexLine) -> io::Result<()> {
    packet::hex(page, line)?;
    marks(page, line)
}

/// A line of marks under the bytes that were asked for: it must be seen without colours, too.
fn marks<W: Write>(page: &mut Page<W>, line: &HexLine) -> io::Result<()> {
    let last = line.bytes.iter().rposition(|(_, role)| *role != Role::Dim);
    let Some(last) = last else { return Ok(()) };
    page.blanks(4)?;
    for (at, (_, role)) in line.bytes.iter().enumerate().take(last + 1) {
        page.blanks(if at % 8 == 0 { 2 } else { 1 })?;
        page.put(if *role == Role::Dim { "  " } else { "^^" }, *role)?;
    }
    page.end()
}
