//! Tables: comfy-table, and only here.

use std::io::{self, Write};

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table as Comfy, presets};

use super::{Page, clean};
use crate::view::flows::Table;
use crate::view::{Line, Role};

/// Writes a table; columns share what room there is.
///
/// # Errors
/// Those of the writer.
pub fn write<W: Write>(page: &mut Page<W>, table: &Table) -> io::Result<()> {
    // A column without a value in any row says nothing.
    let used: Vec<usize> = (0..table.columns.len())
        .filter(|at| table.rows.iter().any(|row| row.get(*at).is_some_and(|(text, _)| !text.is_empty())))
        .collect();
    let mut comfy = Comfy::new();
    comfy.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    comfy.set_width(page.width().min(u16::MAX.into()) as u16).force_no_tty();
    if page.colour() {
        comfy.enforce_styling();
    }
    comfy.set_header(used.iter().map(|at| cell(page.colour(), &table.columns[*at].0, Role::Dim)));
    for row in &table.rows {
        comfy.add_row(used.iter().map(|at| {
            let (text, role) = &row[*at];
            cell(page.colour(), text, *role)
        }));
    }
    for (column, at) in used.iter().enumerate() {
        if table.columns[*at].1
            && let Some(column) = comfy.column_mut(column)
        {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for line in comfy.lines() {
        page.out.write_all(line.trim_end().as_bytes())?;
        page.end()?;
    }
    for text in &table.rest {
        page.end()?;
        page.paragraph(&Line::plain(text.as_str()), 0, 0)?;
    }
    Ok(())
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
