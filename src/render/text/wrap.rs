//! Lines broken to a width, in columns of a terminal.
//!
//! Latin text breaks at blanks; Chinese between any two characters, but closing punctuation never begins a line and
//! opening punctuation never ends one (the rules of GB/T 15834 and JIS X 4051 that matter here).
//!
//! Leaves out: hyphenation; the full line breaking algorithm of Unicode.

use unicode_width::UnicodeWidthChar;

use super::clean;
use crate::view::{Line, Role};

/// Breaks a line. The first part has `width - at` columns, later ones `width - indent`. Pieces keep their roles.
pub fn wrap(line: &Line, width: usize, at: usize, indent: usize) -> Vec<Line> {
    let chars: Vec<(char, Role)> = line
        .spans
        .iter()
        .flat_map(|span| clean(&span.text).chars().map(|c| (c, span.role)).collect::<Vec<_>>())
        .collect();
    let mut lines = Vec::new();
    let mut start = 0;
    // However narrow the page: a few columns, or nothing would ever fit.
    let mut room = width.saturating_sub(at).max(8);
    while start < chars.len() {
        let end = fit(&chars[start..], room) + start;
        lines.push(join(&chars[start..end]));
        start = end;
        while start < chars.len() && chars[start].0 == ' ' {
            start += 1;
        }
        room = width.saturating_sub(indent).max(8);
    }
    if lines.is_empty() {
        lines.push(Line::new());
    }
    lines
}

/// How many characters fit in so many columns, up to the last place where a line may break.
fn fit(chars: &[(char, Role)], room: usize) -> usize {
    let mut columns = 0;
    let mut last_break = None;
    for (at, (c, _)) in chars.iter().enumerate() {
        if at > 0 && may_break(chars[at - 1].0, *c) {
            last_break = Some(at);
        }
        columns += c.width().unwrap_or(0);
        if columns > room && *c != ' ' {
            // A word longer than the line is cut: it must end somewhere.
            return last_break.unwrap_or(at.max(1));
        }
    }
    chars.len()
}

fn may_break(before: char, after: char) -> bool {
    if after == ' ' {
        return true;
    }
    if before == ' ' {
        return true;
    }
    let never_first = "，。；：？！、）》」』】”’…·,.;:?!)]}%°";
    let never_last = "（《「『【“‘([{#§";
    (is_wide(before) || is_wide(after)) && !never_first.contains(after) && !never_last.contains(before)
}

fn is_wide(c: char) -> bool {
    c.width() == Some(2) || "“”‘’…—".contains(c)
}

fn join(chars: &[(char, Role)]) -> Line {
    let mut line = Line::new();
    let end = chars.iter().rposition(|(c, _)| *c != ' ').map_or(0, |at| at + 1);
    for (c, role) in &chars[..end] {
        match line.spans.last_mut() {
            Some(span) if span.role == *role => span.text.push(*c),
            _ => line.push(*c, *role),
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::text::line_width;

    fn broken(text: &str, width: usize) -> Vec<String> {
        wrap(&Line::plain(text), width, 0, 0).iter().map(Line::text).collect()
    }

    #[test]
    fn latin_breaks_at_blanks() {
        assert_eq!(broken("one two three", 8), ["one two", "three"]);
        assert_eq!(broken("one two three", 13), ["one two three"]);
        assert_eq!(broken("", 8), [""]);
    }

    #[test]
    fn chinese_counts_two_columns_and_keeps_its_punctuation() {
        assert_eq!(broken("客户端说我没有数据", 8), ["客户端说", "我没有数", "据"]);
        assert_eq!(broken("客户端说，我没有", 8), ["客户端", "说，我没", "有"]);
        assert_eq!(broken("他说的“好”是", 8), ["他说的", "“好”是"]);
    }

    #[test]
    fn a_long_word_is_cut() {
        assert_eq!(broken("abcdefghijkl", 8), ["abcdefgh", "ijkl"]);
    }

    #[test]
    fn no_line_is_wider_than_the_page() {
        let text = "Two things in one segment，就是这个 “搭在一起” 的 ACK (SYN+ACK)，seq 1724483222。";
        for width in 8..60 {
            for line in wrap(&Line::plain(text), width, 3, 5) {
                assert!(line_width(&line) <= width, "{width}: {}", line.text());
            }
        }
    }

    #[test]
    fn roles_survive() {
        let line = Line::new().with("one ", Role::Dim).with("two three", Role::Strong);
        let lines = wrap(&line, 8, 0, 0);
        assert_eq!(lines[0].spans.len(), 2);
        assert_eq!(lines[1].spans[0].role, Role::Strong);
    }
}
