//! Questions in GIFT, the form in which Moodle and other learning platforms take them in.
//!
//! <https://docs.moodle.org/en/GIFT_format>. Its own signs are escaped with a backslash; a line end would end a question, so there
//! is none in a text. Text from packets is made safe as for a terminal.

use super::text::clean;
use crate::view::lesson::question::QuestionView;

/// A text with GIFT's signs escaped.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in clean(text).chars() {
        if matches!(c, '~' | '=' | '#' | '{' | '}' | ':' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// The text of an answer behind its sign: what begins with a percent sign would be taken for a weight, a bracket for a format, and
/// an arrow for a pair to be matched. Behind a weight or a format of their own the first two are safe; the arrow has no escape.
fn answer(text: &str, weight: &str) -> String {
    let text = escape(text).replace("->", "→");
    match text.trim_start().chars().next() {
        Some('%') => format!("%{weight}%{text}"),
        Some('[') => format!("[plain]{text}"),
        _ => text,
    }
}

/// A question under a title, with what is said of each answer.
pub fn question(title: &str, view: &QuestionView) -> String {
    let mut stem = escape(&view.stem);
    let shown: Vec<String> = view.shown.iter().map(|line| escape(&line.text())).collect();
    if !shown.is_empty() {
        stem = format!("{stem} ({})", shown.join("; "));
    }
    let mut out = format!("::{}::[plain]{stem} {{\n", escape(title));
    for option in &view.options {
        let (mark, weight, why) = if option.right { ('=', "100", "") } else { ('~', "0", &*option.why) };
        out.push_str(&format!("{mark}{}", answer(&option.text, weight)));
        if !why.is_empty() {
            out.push_str(&format!(" # {}", escape(why).replace("->", "→")));
        }
        out.push('\n');
    }
    let spec = if view.spec.is_empty() { String::new() } else { format!(" ({})", view.spec) };
    out.push_str(&format!("#### {}\n}}\n", escape(&format!("{}{spec}", view.reason))));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_of_gift_lose_their_meaning() {
        assert_eq!(escape("a=b~c#1{2}3:4\\5"), "a\\=b\\~c\\#1\\{2\\}3\\:4\\\\5");
        assert_eq!(escape("\x1b[31m\n"), "␛[31m␊");
    }

    #[test]
    fn what_begins_an_answer_means_nothing_else() {
        assert_eq!(answer("%20%20a", "0"), "%0%%20%20a");
        assert_eq!(answer("[html]b", "100"), "[plain][html]b");
        assert_eq!(answer("a=1 -> b", "0"), "a\\=1 → b");
    }
}
