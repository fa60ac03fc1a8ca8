//! Tables: comfy-table, and only here.

use std::io::{self, Write};

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table as Comfy, presets};

use super::{Page, clean, width};
use crate::view::flows::Table;
use crate::view::{Line, Role};

/// Writes a table; columns share what room there is.
///
/// # Errors
/// Those of the writer.
pub fn write<W: Write>(page: &mut Page<W>, table: &Table) -> io::Result<()> {
    let (used, hidden) = fitting(table, page.width());
    let mut comfy = Comfy::new();
    comfy.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    comfy.set_width(page.width().min(u16::MAX.into()) as u16).force_no_tty();
    if page.colour() {
        comfy.enforce_styling();
    }
    comfy.set_header(used.iter().map(|at| cell(page.colour(), &table.columns[*at].title, Role::Dim)));
    for row in &table.rows {
        comfy.add_row(used.iter().map(|at| {
            let (text, role) = &row[*at];
            cell(page.colour(), text, *role)
        }));
    }
    for (column, at) in used.iter().enumerate() {
        if table.columns[*at].number
            && let Some(column) = comfy.column_mut(column)
        {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for line in comfy.lines() {
        page.out.write_all(line.trim_end().as_bytes())?;
        page.end()?;
    }
    if !hidden.is_empty() {
        page.end()?;
        let line = table.narrow.replace("{columns}", &hidden.join(", "));
        page.paragraph(&Line::new().with(line, Role::Dim), 0, 0)?;
    }
    for text in &table.rest {
        page.end()?;
        page.paragraph(&Line::plain(text.as_str()), 0, 0)?;
    }
    Ok(())
}

/// The columns there is room for, and the titles of the others. A column without a value in any row says nothing.
fn fitting(table: &Table, room: usize) -> (Vec<usize>, Vec<&str>) {
    let cells =
        |at: usize| table.rows.iter().filter_map(move |row| row.get(at).map(|(text, _)| text.as_str()));
    let mut used: Vec<usize> =
        (0..table.columns.len()).filter(|at| cells(*at).any(|text| !text.is_empty())).collect();
    let wide = |at: usize| {
        let title = width(&table.columns[at].title);
        cells(at).map(width).max().unwrap_or(0).max(title) + 2
    };
    let mut hidden = Vec::new();
    while used.iter().map(|at| wide(*at)).sum::<usize>() > room {
        let Some((place, at)) = used
            .iter()
            .enumerate()
            .filter(|(_, at)| table.columns[**at].rank > 0)
            .max_by_key(|(_, at)| table.columns[**at].rank)
        else {
            break;
        };
        hidden.push(table.columns[*at].title.as_str());
        used.remove(place);
    }
    (used, hidden)
}

fn cell(colour: bool, text: &str, role: Role) -> Cell {
    let cell = Cell::new(clean(text));
    if !colour {
        return cell;
    }
    use comfy_table::{Attribute, Color};
    match role {
        Role::Dim => cell.add_attribute(Attribute::Dim),
        Role::Strong | Role::Protocol => cell.add_attribute(Attribute::Bold),
        Role::Client => cell.fg(Color::DarkBlue),
        Role::Server => cell.fg(Color::DarkMagenta),
        Role::State | Role::Note | Role::Disputed => cell.fg(Color::DarkYellow),
        Role::Warn | Role::Bad => cell.fg(Color::DarkRed),
        Role::Good => cell.fg(Color::DarkGreen),
        Role::Packet | Role::Command => cell.fg(Color::DarkCyan),
        _ => cell,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::text::tests::written;
    use crate::view::flows::Column;

    fn table() -> Table {
        let cell = |text: &str| (text.to_owned(), Role::Plain);
        Table {
            columns: vec![
                Column::new("名称", false),
                Column { title: "Bytes".into(), number: true, rank: 0 },
                Column { title: "Remark".into(), number: false, rank: 1 },
                Column::new("Empty", false),
            ],
            rows: vec![
                vec![cell("三次握手"), cell("9"), cell("a remark that takes much room"), cell("")],
                vec![cell("x\x1b[2J"), cell("1,000"), cell(""), cell("")],
            ],
            rest: vec!["and more".into()],
            narrow: "left out: {columns}".into(),
        }
    }

    #[test]
    fn chinese_takes_two_columns_and_numbers_stand_at_the_right() {
        let text = written(100, |page| write(page, &table()));
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        assert_eq!(lines[0], " 名称      Bytes  Remark");
        assert_eq!(lines[1], " 三次握手      9  a remark that takes much room");
        assert_eq!(lines[2], " x␛[2J     1,000");
        assert_eq!(&lines[3..], ["", "and more"]);
    }

    #[test]
    fn columns_that_do_not_fit_are_named() {
        let text = written(40, |page| write(page, &table()));
        assert!(!text.contains("a remark"), "{text}");
        assert!(text.contains("left out: Remark"), "{text}");
    }
}
