//! Reasons as text: what happened, the verdict, the rules.

use std::io::{self, Write};

use super::Page;
use crate::view::why::WhyView;

/// Writes why a segment has its labels.
///
/// # Errors
/// Those of the writer.
pub fn write<W: Write>(page: &mut Page<W>, view: &WhyView) -> io::Result<()> {
    for line in &view.events {
        page.paragraph(line, 0, 6)?;
    }
    page.paragraph(&view.verdict, 0, 2)?;
    if view.rules.is_empty() {
        return Ok(());
    }
    page.end()?;
    page.line(&view.asked)?;
    for line in &view.rules {
        page.blanks(2)?;
        page.paragraph(line, 2, 4)?;
    }
    Ok(())
}
