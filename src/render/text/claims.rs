//! Claims as text: headings and paragraphs.

use std::io::{self, Write};

use super::Page;
use crate::view::claims::Section;

/// Writes sections, a blank line between them.
///
/// # Errors
/// Those of the writer.
pub fn write<W: Write>(page: &mut Page<W>, sections: &[Section]) -> io::Result<()> {
    for (index, section) in sections.iter().enumerate() {
        if index > 0 {
            page.end()?;
        }
        if !section.title.is_empty() {
            page.paragraph(&section.title, 0, 2)?;
        }
        for line in &section.lines {
            page.blanks(2)?;
            page.paragraph(line, 2, 4)?;
        }
    }
    Ok(())
}
