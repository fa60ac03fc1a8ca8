//! A lesson's prose as blocks: paragraphs, lists, quotations, code, tables; bold, code and links within them.
//!
//! What of Markdown lessons use, and no more. A block whose slot has no value on this capture is left out: a sentence without
//! its number says nothing, and may be false.
//! Leaves out: HTML, nested quotations, images.

use crate::lesson::Prose;
use crate::lesson::slots::Value;
use crate::view::flows::{Column, Table};
use crate::view::{Line, Role};
use crate::words::Lang;

/// A block of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// A paragraph.
    Paragraph(Line),
    /// A heading below that of a section.
    Heading(Line),
    /// An item of a list.
    Item {
        /// How deep, from 0.
        depth: usize,
        /// `•`, or a number.
        mark: String,
        /// What it says.
        line: Line,
    },
    /// A quotation.
    Quote(Line),
    /// Lines as they are.
    Code(Vec<String>),
    /// A table.
    Table(Table),
}

/// The blocks of a text; `value` gives its slots their text.
pub fn blocks(lang: Lang, prose: &Prose, value: &dyn Fn(usize) -> Option<(Value, String)>) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = prose.text.lines().peekable();
    let inline = |text: &str| inline(lang, prose, text, value);
    while let Some(line) = lines.next() {
        let trimmed = line.trim();
        if trimmed.is_empty() {
            continue;
        }
        if let Some(mark) = fence(trimmed) {
            let inside = lines.by_ref().take_while(|line| !line.trim().starts_with(mark));
            blocks.push(Block::Code(inside.map(str::to_owned).collect()));
            continue;
        }
        if let Some(heading) = trimmed.strip_prefix("###") {
            blocks.extend(inline(heading.trim_start_matches('#').trim()).map(Block::Heading));
            continue;
        }
        if trimmed.starts_with('|') && lines.peek().is_some_and(|next| is_rule(next)) {
            let title = cells(trimmed);
            lines.next();
            let mut rows = Vec::new();
            while let Some(row) = lines.next_if(|line| line.trim().starts_with('|')) {
                rows.push(cells(row.trim()));
            }
            blocks.push(table(title, &rows, &inline));
            continue;
        }
        let start = Start::of(line);
        let mut text = start.text.to_owned();
        while let Some(next) = lines.peek() {
            let follows = Start::of(next);
            let next = next.trim();
            let quoted = start.quote && follows.quote;
            if next.is_empty()
                || fence(next).is_some()
                || next.starts_with('#')
                || follows.mark.is_some()
                || follows.quote != start.quote && follows.quote
                || quoted && follows.text.is_empty()
            {
                break;
            }
            join(&mut text, follows.text.trim());
            lines.next();
        }
        let Some(line) = inline(&text) else { continue };
        blocks.push(match (start.quote, start.mark) {
            (true, _) => Block::Quote(line),
            (false, Some(mark)) => Block::Item { depth: start.depth, mark, line },
            (false, None) => Block::Paragraph(line),
        });
    }
    blocks
}

/// How a line begins.
struct Start<'s> {
    quote: bool,
    depth: usize,
    mark: Option<String>,
    text: &'s str,
}

impl<'s> Start<'s> {
    fn of(line: &'s str) -> Start<'s> {
        let text = line.trim_start();
        let depth = (line.len() - text.len()) / 2;
        if let Some(text) = text.strip_prefix('>') {
            return Start { quote: true, depth: 0, mark: None, text: text.trim_start() };
        }
        if let Some(text) = ["- ", "* ", "+ "].iter().find_map(|mark| text.strip_prefix(mark)) {
            return Start { quote: false, depth, mark: Some("•".to_owned()), text: text.trim_start() };
        }
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        if (1..4).contains(&digits)
            && let Some(rest) = text[digits..].strip_prefix(". ")
        {
            let mark = format!("{}.", &text[..digits]);
            return Start { quote: false, depth, mark: Some(mark), text: rest.trim_start() };
        }
        Start { quote: false, depth: 0, mark: None, text }
    }
}

fn fence(line: &str) -> Option<&'static str> {
    ["```", "~~~"].into_iter().find(|mark| line.starts_with(mark))
}

/// Lines of one paragraph: a blank between them, between Chinese characters none.
fn join(text: &mut String, next: &str) {
    let chinese = |c: Option<char>| c.is_some_and(is_wide);
    if !(chinese(text.chars().last()) && chinese(next.chars().next())) {
        text.push(' ');
    }
    text.push_str(next);
}

fn is_wide(c: char) -> bool {
    matches!(c, '\u{2e80}'..='\u{9fff}' | '\u{ff00}'..='\u{ffef}' | '\u{20000}'..='\u{3ffff}')
}

/// A rule under the titles of a table.
fn is_rule(line: &str) -> bool {
    let line = line.trim();
    line.starts_with('|') && line.contains('-') && line.chars().all(|c| matches!(c, '|' | '-' | ':' | ' '))
}

fn cells(line: &str) -> Vec<String> {
    line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
}

fn table(titles: Vec<String>, rows: &[Vec<String>], inline: &dyn Fn(&str) -> Option<Line>) -> Block {
    let text = |cell: &str| inline(cell).map(|line| line.text());
    let columns = titles.iter().map(|title| Column::new(&text(title).unwrap_or_default(), false)).collect();
    let row = |row: &Vec<String>| -> Option<Vec<(String, Role)>> {
        let cell = |at: usize| Some((text(row.get(at).map_or("", String::as_str))?, Role::Plain));
        (0..titles.len()).map(cell).collect()
    };
    Block::Table(Table { columns, rows: rows.iter().filter_map(row).collect(), ..Table::default() })
}

/// A text with its slots filled; `None` where one has no value.
fn inline(
    lang: Lang,
    prose: &Prose,
    text: &str,
    value: &dyn Fn(usize) -> Option<(Value, String)>,
) -> Option<Line> {
    let mut line = Line::new();
    let mut plain = String::new();
    let mut strong = false;
    let mut at = 0;
    let role = |strong: bool| if strong { Role::Strong } else { Role::Plain };
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        at += c.len_utf8();
        match c {
            '\\' => {
                let escaped = rest[1..].chars().next();
                match escaped.filter(char::is_ascii_punctuation) {
                    Some(c) => {
                        plain.push(c);
                        at += c.len_utf8();
                    }
                    None => plain.push('\\'),
                }
            }
            '`' => {
                let ticks = rest.len() - rest.trim_start_matches('`').len();
                match rest[ticks..].find(&"`".repeat(ticks)) {
                    Some(end) => {
                        line.push(std::mem::take(&mut plain), role(strong));
                        line.push(rest[ticks..ticks + end].trim(), Role::Command);
                        at += ticks + end + ticks - 1;
                    }
                    None => plain.push('`'),
                }
            }
            '*' if rest.starts_with("**") => {
                line.push(std::mem::take(&mut plain), role(strong));
                strong = !strong;
                at += 1;
            }
            '*' => {
                // Emphasis is not drawn; a star between blanks is one.
                let before = text[..at - 1].chars().last().is_none_or(char::is_whitespace);
                let after = rest[1..].chars().next().is_none_or(char::is_whitespace);
                if before && after {
                    plain.push('*');
                }
            }
            '[' => match link(rest) {
                Some((label, length)) => {
                    plain.push_str(label);
                    at += length - 1;
                }
                None => plain.push('['),
            },
            mark if prose.slot(mark).is_some() => {
                let index = mark as usize - 0xF_0000;
                let (value, text) = value(index)?;
                let text = text.replace(['\n', '\r'], " ");
                line.push(std::mem::take(&mut plain), role(strong));
                line.push(text, role_of(&value));
            }
            c => plain.push(c),
        }
    }
    line.push(plain, role(strong));
    Some(if lang == Lang::Zh { without_gaps(line) } else { line })
}

/// A blank between two Chinese characters is taken out: behind a bold word, around a Chinese value.
fn without_gaps(line: Line) -> Line {
    let text: Vec<char> = line.spans.iter().flat_map(|span| span.text.chars()).collect();
    let is_gap = |at: usize| {
        at > 0
            && text[at] == ' '
            && is_wide(text[at - 1])
            && text.get(at + 1).is_some_and(|next| is_wide(*next))
    };
    let mut at = 0;
    let mut out = Line::new();
    for span in line.spans {
        let length = span.text.chars().count();
        let kept = span.text.chars().enumerate().filter(|(offset, _)| !is_gap(at + offset));
        out.push(kept.map(|(_, c)| c).collect::<String>(), span.role);
        at += length;
    }
    out
}

fn role_of(value: &Value) -> Role {
    match value {
        Value::Number(_, crate::lesson::slots::Form::Packet) => Role::Packet,
        _ => Role::Strong,
    }
}

/// The label of a link, and how long it is in all.
fn link(text: &str) -> Option<(&str, usize)> {
    let label = text.find("](")?;
    let end = text[label..].find(')')? + label;
    (!text[1..label].contains('[')).then(|| (&text[1..label], end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lesson::slots::Form;

    fn read(text: &str) -> Vec<Block> {
        let (lesson, _) = crate::lesson::parse("x.md", &format!("# t\n\n{text}"));
        let crate::lesson::Part::Prose(prose) = &lesson.intro[0] else { panic!("prose") };
        blocks(Lang::Zh, prose, &|at| {
            let known = prose.slots[at].source != "a.no";
            known.then(|| (Value::Number(5, Form::Plain), if at == 0 { "5".into() } else { "客户端".into() }))
        })
    }

    #[test]
    fn prose_becomes_blocks() {
        let blocks =
            read("one\ntwo **three** `f{our`\n\n- a\n  b\n2. c\n\n> d\n\n### E\n\n```sh\nx **y**\n```\n");
        let text: Vec<String> = blocks
            .iter()
            .map(|block| match block {
                Block::Paragraph(line) => format!("p {}", line.text()),
                Block::Item { mark, line, .. } => format!("{mark} {}", line.text()),
                Block::Quote(line) => format!("q {}", line.text()),
                Block::Heading(line) => format!("h {}", line.text()),
                Block::Code(lines) => format!("c {}", lines.join("/")),
                Block::Table(table) => format!("t {}", table.rows.len()),
            })
            .collect();
        assert_eq!(text, ["p one two three f{our", "• a b", "2. c", "q d", "h E", "c x **y**"]);
    }

    #[test]
    fn slots_are_filled_and_what_lacks_one_is_left_out() {
        let blocks = read(
            "**数。** 是 {a.x} 由 {a.y} 发出\n\n没有 {a.no}\n\n| a | b |\n|---|---|\n| 1 | {a.no} |\n| 2 | 3 |\n",
        );
        assert_eq!(blocks.len(), 2);
        let Block::Paragraph(line) = &blocks[0] else { panic!() };
        assert_eq!(line.text(), "数。是 5 由客户端发出");
        let Block::Table(table) = &blocks[1] else { panic!() };
        assert_eq!(table.rows.len(), 1);
    }
}
