//! A lesson as a worksheet in Markdown: what to think about, the evidence, room to write, the questions; and apart the key with
//! the explanations and answers.
//!
//! Leaves out: the files it goes to (`cli::lesson`).

use std::io;

use super::markdown::{self, text};
use crate::view::Role;
use crate::view::lesson::markdown::Block;
use crate::view::lesson::{Item, LessonView, SectionView};

/// What a sheet says besides the lesson.
#[derive(Debug, Clone)]
pub struct Labels {
    /// Before the room to write in.
    pub space: String,
    /// The heading of the key.
    pub key: String,
    /// Titles of lists of packets.
    pub titles: [String; 7],
}

/// A worksheet and its key.
///
/// # Errors
/// Never: both are written to memory.
pub fn write(view: &LessonView, labels: &Labels) -> io::Result<(String, String)> {
    let captures = text(&view.captures.text());
    let mut sheet = format!("# {}\n\n{captures}\n", text(&view.title.text()));
    let mut key = format!("# {}\n\n{captures}\n", text(&labels.key));
    for section in &view.sections {
        self::section(section, labels, &mut sheet, &mut key)?;
    }
    Ok((sheet, key))
}

fn section(view: &SectionView, labels: &Labels, sheet: &mut String, key: &mut String) -> io::Result<()> {
    // What has neither evidence nor questions explains: it belongs to the key. What stands before the first heading says what
    // is to come.
    let works =
        view.items.iter().any(|i| matches!(i, Item::Evidence(_) | Item::Question(_) | Item::Missing(_)));
    if !view.title.is_empty() {
        let heading = format!("\n## {}\n", text(&view.title.text()));
        key.push_str(&heading);
        if works {
            sheet.push_str(&heading);
        }
    }
    let mut before = works || view.title.is_empty();
    let last = view.items.iter().rposition(|item| matches!(item, Item::Evidence(_)));
    for (at, item) in view.items.iter().enumerate() {
        match item {
            // Up to the first evidence a section asks, or says what is to come; after it, it explains.
            Item::Text(blocks) => self::blocks(blocks, if before { &mut *sheet } else { &mut *key }),
            Item::Evidence(exhibit) => {
                before = false;
                sheet.push_str(&format!("\n{}", markdown::exhibit(exhibit, &labels.titles)?));
                if last == Some(at) {
                    sheet.push_str(&format!(
                        "\n{}\n\n{}\n",
                        text(&labels.space),
                        "<br>\n".repeat(4).trim_end()
                    ));
                }
            }
            Item::Claims(claims) => key.push_str(&format!("\n{}", markdown::claims(claims))),
            Item::Question(view) => {
                before = false;
                sheet.push_str(&format!("\n{}", markdown::asked(view)));
                key.push_str(&format!(
                    "\n**{}** {}\n\n{}",
                    view.label,
                    text(&view.stem),
                    markdown::answered(view)
                ));
            }
            Item::Missing(lines) => {
                for line in lines {
                    sheet.push_str(&format!("\n{}\n", inline(line).trim()));
                }
            }
        }
    }
    Ok(())
}

fn blocks(blocks: &[Block], out: &mut String) {
    let mut in_list = false;
    for block in blocks {
        let is_item = matches!(block, Block::Item { .. });
        if !(in_list && is_item) {
            out.push('\n');
        }
        in_list = is_item;
        match block {
            Block::Paragraph(line) => out.push_str(&format!("{}\n", inline(line))),
            Block::Heading(line) => out.push_str(&format!("### {}\n", inline(line))),
            Block::Quote(line) => out.push_str(&format!("> {}\n", inline(line))),
            Block::Item { depth, mark, line } => {
                let mark = if mark == "•" { "-" } else { mark.as_str() };
                out.push_str(&format!("{}{mark} {}\n", "  ".repeat(*depth), inline(line)));
            }
            Block::Code(lines) => out.push_str(&format!("```text\n{}\n```\n", lines.join("\n"))),
            Block::Table(table) => {
                let titles: Vec<String> = table.columns.iter().map(|column| text(&column.title)).collect();
                out.push_str(&format!("| {} |\n|{}\n", titles.join(" | "), "---|".repeat(titles.len())));
                for row in &table.rows {
                    let cells: Vec<String> = row.iter().map(|(cell, _)| text(cell)).collect();
                    out.push_str(&format!("| {} |\n", cells.join(" | ")));
                }
            }
        }
    }
}

fn inline(line: &crate::view::Line) -> String {
    let mut out = String::new();
    for (at, span) in line.spans.iter().enumerate() {
        match span.role {
            Role::Strong => {
                out.push_str(&format!("**{}**", text(&span.text)));
                // Behind punctuation the stars end nothing where a letter follows at once: so Markdown reads them.
                let next = line.spans.get(at + 1).and_then(|span| span.text.chars().next());
                let closes = span.text.ends_with(char::is_alphanumeric);
                if !closes && next.is_some_and(char::is_alphanumeric) {
                    out.push(' ');
                }
            }
            Role::Command => {
                out.push_str(&format!("`{}`", super::text::clean(&span.text).trim().replace('`', "'")));
            }
            _ => out.push_str(&text(&span.text)),
        }
    }
    out
}
