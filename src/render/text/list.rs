//! One line a packet. The first lines decide how wide the columns are; after that they only grow, so that
//! a list can be written while a capture goes by.

use std::io::{self, Write};

use super::{Page, line_width, width, wrap};
use crate::view::Role;
use crate::view::list::Row;

/// Rows that are looked at before the first is written.
const CHUNK: usize = 256;

/// Writes rows as they come.
#[derive(Debug)]
pub struct Rows {
    waiting: Vec<Row>,
    widths: [usize; 6],
    titles: Option<[String; 7]>,
    cut: bool,
    broken: bool,
}

impl Rows {
    /// A list with titles; with `cut`, lines end at the page's edge.
    pub fn new(titles: [String; 7], cut: bool) -> Rows {
        let mut widths = [0; 6];
        for (column, title) in widths.iter_mut().zip(&titles) {
            *column = width(title);
        }
        Rows { waiting: Vec::new(), widths, titles: Some(titles), cut, broken: false }
    }

    /// The same list with long lines broken, and not cut.
    pub fn broken(self) -> Rows {
        Rows { broken: true, ..self }
    }

    /// One more row.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn push<W: Write>(&mut self, page: &mut Page<W>, row: Row) -> io::Result<()> {
        for (column, text) in self.widths.iter_mut().zip(cells(&row)) {
            *column = (*column).max(width(&text));
        }
        self.waiting.push(row);
        if self.waiting.len() >= CHUNK { self.flush(page) } else { Ok(()) }
    }

    /// Write what is waiting.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn flush<W: Write>(&mut self, page: &mut Page<W>) -> io::Result<()> {
        if let Some(titles) = self.titles.take() {
            self.columns(page, &titles[..6], Role::Dim)?;
            page.put(&titles[6], Role::Dim)?;
            page.end()?;
        }
        for row in std::mem::take(&mut self.waiting) {
            self.columns(page, &cells(&row), Role::Plain)?;
            let taken = self.widths.iter().map(|w| w + 2).sum::<usize>();
            let room = page.width().saturating_sub(taken).max(20);
            if self.broken {
                let indent = taken.min(page.width().saturating_sub(20));
                page.paragraph(&row.meaning, taken, indent)?;
            } else if self.cut && line_width(&row.meaning) > room {
                let lines = wrap::wrap(&row.meaning, room - 1, 0, 0);
                page.spans(&lines[0])?;
                page.put("…", Role::Dim)?;
                page.end()?;
            } else {
                page.line(&row.meaning)?;
            }
        }
        Ok(())
    }

    fn columns<W: Write>(&self, page: &mut Page<W>, cells: &[String], plain: Role) -> io::Result<()> {
        const RIGHT: [bool; 6] = [true, true, false, false, false, true];
        const ROLES: [Role; 6] =
            [Role::Packet, Role::Dim, Role::Client, Role::Server, Role::Protocol, Role::Plain];
        for (at, text) in cells.iter().enumerate() {
            let fill = self.widths[at].saturating_sub(width(text));
            page.blanks(if RIGHT[at] { fill } else { 0 })?;
            page.put(text, if plain == Role::Dim { plain } else { ROLES[at] })?;
            page.blanks(2 + if RIGHT[at] { 0 } else { fill })?;
        }
        Ok(())
    }
}

fn cells(row: &Row) -> [String; 6] {
    [
        row.number.to_string(),
        row.time.clone(),
        row.source.clone(),
        row.destination.clone(),
        row.protocol.clone(),
        row.length.to_string(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Severity;
    use crate::render::text::tests::written;
    use crate::view::Line;

    fn row(number: u64, source: &str, meaning: &str) -> Row {
        Row {
            number,
            time: "0.000000".into(),
            source: source.into(),
            destination: "所有主机".into(),
            protocol: "ARP".into(),
            length: 42,
            meaning: Line::plain(meaning),
            severity: Severity::Chat,
        }
    }

    fn titles() -> [String; 7] {
        ["No.", "Time", "From", "To", "Protocol", "Bytes", "What it means"].map(str::to_owned)
    }

    #[test]
    fn columns_are_as_wide_as_their_widest() {
        let text = written(100, |page| {
            let mut rows = Rows::new(titles(), false);
            rows.push(page, row(9, "10.0.0.1", "asks"))?;
            rows.push(page, row(10, "fe80::1", "answers"))?;
            rows.flush(page)
        });
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "No.      Time  From      To        Protocol  Bytes  What it means");
        assert_eq!(lines[1], "  9  0.000000  10.0.0.1  所有主机  ARP          42  asks");
        assert_eq!(lines[2], " 10  0.000000  fe80::1   所有主机  ARP          42  answers");
    }

    #[test]
    fn lines_are_cut_only_where_someone_looks() {
        let long = "word ".repeat(40);
        let listed = |cut| {
            written(100, |page| {
                let mut rows = Rows::new(titles(), cut);
                rows.push(page, row(1, "10.0.0.1", &long))?;
                rows.flush(page)
            })
        };
        assert!(listed(true).lines().all(|line| width(line) <= 100));
        assert!(listed(true).contains('…'));
        assert!(listed(false).contains(long.trim()));
    }

    #[test]
    fn nothing_is_a_list_with_titles() {
        let text = written(100, |page| Rows::new(titles(), false).flush(page));
        assert_eq!(text.lines().count(), 1);
    }
}
