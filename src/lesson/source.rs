//! A lesson's file as text and comments: directives are HTML comments, what stands in code is text.
//!
//! Leaves out: what directives mean (`parse`, `directive`).

use std::ops::Range;

/// A piece of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token<'s> {
    /// Text, or what stands in a comment.
    pub text: &'s str,
    /// Where it stands, the marks of a comment included.
    pub range: Range<usize>,
    /// The line it begins on, from 1.
    pub line: usize,
    /// Which of the two.
    pub comment: bool,
}

/// The pieces of a file, in order. The second value is the line of a comment that does not end.
pub(super) fn tokens(source: &str) -> (Vec<Token<'_>>, Option<usize>) {
    let mut tokens = Vec::new();
    let mut start = 0;
    let mut at = 0;
    let mut fence: Option<&str> = None;
    let text = |tokens: &mut Vec<Token<'_>>, range: Range<usize>| {
        if !range.is_empty() {
            let line = line_of(source, range.start);
            let token = Token { text: "", range: range.clone(), line, comment: false };
            tokens.push(token);
        }
    };
    while at < source.len() {
        let line = &source[at..source[at..].find('\n').map_or(source.len(), |end| at + end + 1)];
        if source[..at].ends_with('\n') || at == 0 {
            match (fence, fence_of(line)) {
                (None, Some(mark)) => {
                    fence = Some(mark);
                    at += line.len();
                    continue;
                }
                (Some(open), found) => {
                    let closes = found.is_some_and(|mark| mark.len() >= open.len() && mark.starts_with(open));
                    if closes && line.trim().chars().all(|c| open.starts_with(c)) {
                        fence = None;
                    }
                    at += line.len();
                    continue;
                }
                (None, None) => {}
            }
        }
        match comment_in(line) {
            None => at += line.len(),
            Some(begin) => {
                let begin = at + begin;
                let Some(length) = source[begin + 4..].find("-->") else {
                    text(&mut tokens, start..begin);
                    return (named(source, tokens), Some(line_of(source, begin)));
                };
                text(&mut tokens, start..begin);
                let end = begin + 4 + length + 3;
                let line = line_of(source, begin);
                tokens.push(Token {
                    text: &source[begin + 4..end - 3],
                    range: begin..end,
                    line,
                    comment: true,
                });
                (start, at) = (end, end);
            }
        }
    }
    text(&mut tokens, start..source.len());
    (named(source, tokens), None)
}

/// Texts get their text.
fn named<'s>(source: &'s str, mut tokens: Vec<Token<'s>>) -> Vec<Token<'s>> {
    for token in tokens.iter_mut().filter(|token| !token.comment) {
        token.text = &source[token.range.clone()];
    }
    tokens
}

/// The line that a byte stands on, from 1.
pub(super) fn line_of(source: &str, at: usize) -> usize {
    source[..at].bytes().filter(|byte| *byte == b'\n').count() + 1
}

/// The marks that open or close a block of code.
pub(super) fn fence_of(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let mark = line.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let length = line.len() - line.trim_start_matches(mark).len();
    (length >= 3).then(|| &line[..length])
}

/// Where a comment begins in a line, outside of code.
fn comment_in(line: &str) -> Option<usize> {
    let mut at = 0;
    while at < line.len() {
        let rest = &line[at..];
        if rest.starts_with("<!--") {
            return Some(at);
        }
        match rest.starts_with('`') {
            true => at += code_span(rest),
            false => at += rest.chars().next().map_or(1, char::len_utf8),
        }
    }
    None
}

/// How long the code is that begins a text; of a lone backtick only itself.
pub(super) fn code_span(text: &str) -> usize {
    let ticks = text.len() - text.trim_start_matches('`').len();
    let mut at = ticks;
    while let Some(next) = text[at..].find('`') {
        let from = at + next;
        let length = text[from..].len() - text[from..].trim_start_matches('`').len();
        at = from + length;
        if length == ticks {
            return at;
        }
    }
    ticks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(source: &str) -> Vec<(bool, &str)> {
        tokens(source).0.iter().map(|token| (token.comment, token.text)).collect()
    }

    #[test]
    fn comments_are_found_outside_of_code() {
        assert_eq!(
            split("a <!-- b --> c\n`<!-- d -->` <!--=e-->1<!---->\n"),
            [
                (false, "a "),
                (true, " b "),
                (false, " c\n`<!-- d -->` "),
                (true, "=e"),
                (false, "1"),
                (true, ""),
                (false, "\n"),
            ]
        );
        assert_eq!(
            split("```text\n<!-- a -->\n````\n<!-- b\nc -->"),
            [(false, "```text\n<!-- a -->\n````\n"), (true, " b\nc ")]
        );
        assert_eq!(tokens("x\n<!-- a").1, Some(2));
    }

    #[test]
    fn code_ends_with_as_many_backticks() {
        assert_eq!(code_span("`a`b"), 3);
        assert_eq!(code_span("``a`b``c"), 7);
        assert_eq!(code_span("`a"), 1);
    }
}
