//! What the program writes into a lesson's file: claims as a list, evidence as blocks of code, values of slots.
//!
//! Lines are broken at [`WIDTH`] columns, but for Chinese sentences. Text from packets is made safe as for a terminal, and cannot end a comment or open one.
//! Leaves out: where it goes in the file (`lesson::fill`).

use std::io;

use super::text::{Page, clean, lesson, wrap};
use crate::view::Line;
use crate::view::lesson::claims::ClaimView;
use crate::view::lesson::exhibits::Exhibit;
use crate::view::lesson::question::QuestionView;

/// Columns of a file.
pub const WIDTH: usize = 100;

/// Evidence as a block of code.
///
/// # Errors
/// Never: it is written to memory.
pub fn exhibit(view: &Exhibit, titles: &[String; 7]) -> io::Result<String> {
    let mut out = Vec::new();
    let mut page = Page::new(&mut out, WIDTH, false);
    lesson::exhibit(&mut page, view, titles)?;
    let text = String::from_utf8_lossy(&out);
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let text = lines.join("\n");
    let fence = fence(&text);
    Ok(format!("{fence}text\n{}\n{fence}\n", text.trim_end_matches('\n')))
}

/// Backticks that the text itself does not have.
fn fence(text: &str) -> String {
    let mut longest = 2;
    let mut run = 0;
    for c in text.chars() {
        run = if c == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    "`".repeat(longest + 1)
}

/// Claims as a list.
pub fn claims(views: &[ClaimView]) -> String {
    views.iter().map(claim).collect()
}

fn claim(view: &ClaimView) -> String {
    let mut out = item(&format!("- **{}** `{}` {}", view.status, view.id, text(&view.text)), 2);
    let told = [text(&view.told), view.frames.clone()];
    let general = [view.verdict.clone(), text(&view.right), view.spec.clone()];
    for parts in [&told[..], &general[..]] {
        let parts: Vec<&str> = parts.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
        if !parts.is_empty() {
            // A line of its own within the item.
            out.insert(out.len() - 1, '\\');
            out.push_str(&item(&format!("  {}", parts.join(" · ")), 2));
        }
    }
    out
}

/// A question with its options, and its answer folded away.
pub fn question(view: &QuestionView) -> String {
    let mut out = asked(view);
    out.push_str(&format!("\n<details><summary>{}</summary>\n\n", view.answer));
    out.push_str(&answered(view));
    out.push_str("\n</details>\n");
    out
}

/// A question with its options.
pub fn asked(view: &QuestionView) -> String {
    let mut out = item(&format!("**{}** {}", view.label, text(&view.stem)), 0);
    out.push('\n');
    let shown: Vec<String> = view.shown.iter().map(|line| text(&line.text())).collect();
    if !shown.is_empty() {
        out.push_str(&item(&shown.join(" · "), 0));
        out.push('\n');
    }
    for option in &view.options {
        out.push_str(&item(&format!("- **{}.** {}", option.letter, text(&option.text)), 2));
    }
    out
}

/// The right answer of a question with its reason, and what is wrong with the others.
pub fn answered(view: &QuestionView) -> String {
    let letter = view.right().map_or(' ', |option| option.letter);
    let spec = if view.spec.is_empty() { String::new() } else { format!(" · {}", view.spec) };
    let mut out = item(&format!("**{letter}.** {}{spec}", text(&view.reason)), 0);
    let wrong: Vec<_> =
        view.options.iter().filter(|option| !option.right && !option.why.is_empty()).collect();
    if !wrong.is_empty() {
        out.push('\n');
    }
    for option in wrong {
        out.push_str(&item(&format!("- **{}.** {}", option.letter, text(&option.why)), 2));
    }
    out
}

/// A paragraph whose later lines are indented. Chinese is not broken: where Markdown joins lines it puts a blank between them.
fn item(text: &str, indent: usize) -> String {
    let is_chinese = text.chars().any(|c| ('\u{3000}'..='\u{9fff}').contains(&c));
    let width = if is_chinese { usize::MAX } else { WIDTH - 1 };
    let lines = wrap::wrap(&Line::plain(text), width, 0, indent);
    let mut out = String::new();
    for (at, line) in lines.iter().enumerate() {
        if at > 0 {
            out.push_str(&" ".repeat(indent));
        }
        out.push_str(line.text().trim_end());
        out.push('\n');
    }
    out
}

/// Text as it stands in Markdown: what would be taken for a mark is escaped.
pub fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let text = text.replace(['\n', '\r'], " ");
    for c in clean(&text).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '*' | '`' | '[' | '\\' | '{' | '|' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_leave_its_place() {
        assert_eq!(text("<!-- *a* `b`\n{c} \x1b"), "&lt;!-- \\*a\\* \\`b\\` \\{c} ␛");
        assert_eq!(fence("a ```` b"), "`````");
        assert_eq!(item(&"确认".repeat(90), 2).lines().count(), 1);
        assert_eq!(item(&"word ".repeat(40), 2).lines().count(), 3);
    }
}
