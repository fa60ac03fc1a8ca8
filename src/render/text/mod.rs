//! Views as text for a terminal, a pipe or a file.
//!
//! Everything that is written passes through [`Page`], which makes it safe ([`clean`](clean::clean)), colours it by role
//! where colours are wanted, and knows how many columns there are. Columns are counted as terminals count
//! them: a Chinese character takes two.
//!
//! Leaves out: what is on the screens (`view`); tables are comfy-table's and live in `table`.

pub mod annotate;
pub mod claims;
pub mod clean;
pub mod evidence;
pub mod ladder;
pub mod layers;
pub mod lesson;
pub mod list;
pub mod packet;
pub mod palette;
pub mod table;
pub mod why;
pub mod wrap;

use std::io::{self, Write};

use crate::view::{Line, Role};
pub use clean::clean;

/// Where text is written: a writer, a width, colours or none.
#[derive(Debug)]
pub struct Page<W: Write> {
    out: W,
    width: usize,
    colour: bool,
}

impl<W: Write> Page<W> {
    /// A page `width` columns wide.
    pub fn new(out: W, width: usize, colour: bool) -> Page<W> {
        Page { out, width: width.max(40), colour }
    }

    /// Columns.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Whether roles are shown as colours.
    pub fn colour(&self) -> bool {
        self.colour
    }

    /// Text in a role, made safe. No line end.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn put(&mut self, text: &str, role: Role) -> io::Result<()> {
        let text = clean(text);
        let style = if self.colour { palette::style(role) } else { anstyle::Style::new() };
        if style.is_plain() {
            return self.out.write_all(text.as_bytes());
        }
        write!(self.out, "{style}{text}{style:#}")
    }

    /// A line's pieces. No line end.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn spans(&mut self, line: &Line) -> io::Result<()> {
        line.spans.iter().try_for_each(|span| self.put(&span.text, span.role))
    }

    /// So many blanks.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn blanks(&mut self, count: usize) -> io::Result<()> {
        write!(self.out, "{:count$}", "")
    }

    /// The end of a line.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn end(&mut self) -> io::Result<()> {
        self.out.write_all(b"\n")
    }

    /// A line as it is, longer than the page or not.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn line(&mut self, line: &Line) -> io::Result<()> {
        self.spans(line)?;
        self.end()
    }

    /// A paragraph: broken where it is longer than the page, later lines `indent` columns in. The first begins at
    /// column `at`, where the caller has already written so far.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn paragraph(&mut self, line: &Line, at: usize, indent: usize) -> io::Result<()> {
        for (number, broken) in wrap::wrap(line, self.width, at, indent).iter().enumerate() {
            if number > 0 {
                self.end()?;
                self.blanks(indent)?;
            }
            self.spans(broken)?;
        }
        self.end()
    }

    /// Hand everything on.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Columns that a text takes once it is made safe.
pub fn width(text: &str) -> usize {
    unicode_width::UnicodeWidthStr::width(&*clean(text))
}

/// Columns that a line takes.
pub fn line_width(line: &Line) -> usize {
    line.spans.iter().map(|span| width(&span.text)).sum()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// What is written on a page without colours.
    pub(crate) fn written(
        width: usize,
        write: impl FnOnce(&mut Page<&mut Vec<u8>>) -> io::Result<()>,
    ) -> String {
        let mut out = Vec::new();
        write(&mut Page::new(&mut out, width, false)).expect("memory can be written");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn roles_are_colours_only_where_they_are_wanted() {
        let line = Line::new().with("RST", Role::Bad);
        assert_eq!(written(80, |page| page.line(&line)), "RST\n");
        let mut out = Vec::new();
        Page::new(&mut out, 80, true).line(&line).expect("memory can be written");
        assert_eq!(String::from_utf8(out).expect("text"), "\u{1b}[1m\u{1b}[31mRST\u{1b}[0m\n");
    }

    #[test]
    fn what_is_written_is_safe() {
        assert_eq!(written(80, |page| page.line(&Line::plain("\x1b]0;title\x07"))), "␛]0;title␇\n");
        assert_eq!(width("\x1b"), 1);
        assert_eq!(width("三次"), 4);
    }

    #[test]
    fn a_paragraph_is_indented_from_its_second_line() {
        let text = written(40, |page| page.paragraph(&Line::plain("word ".repeat(12)), 0, 4));
        assert_eq!(text, "word word word word word word word word\n    word word word word\n");
    }
}
