//! Templates: `{name}` is a value, `{name|one|many}` a word in singular or plural, `{name?text}` a part that is
//! left out where the value is missing.
//!
//! Knows how Chinese is set: between a Chinese character and a Latin letter or digit stands a space, between two
//! Chinese characters none, whatever a value begins or ends with. So Chinese templates always have the space.
//!
//! Leaves out: formatting of values.

/// A name that a template asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Placeholder<'a> {
    /// The name.
    pub name: &'a str,
    /// Whether the template does without it.
    pub optional: bool,
}

/// What stands between two braces.
pub(super) enum Part<'a> {
    Value(&'a str),
    Plural(&'a str, &'a str, &'a str),
    Optional(&'a str, &'a str),
}

/// Fills a template. `{name}` is replaced by its value; `{name|one|many}` by `one` where the value is 1 and `many`
/// otherwise; `{name?text}` by the filled text where there is a value and it is not empty, by nothing otherwise.
/// A name without a value stays as it stands, braces and all, and a test fails. Other braces stand for themselves.
pub fn fill(template: &str, value: &dyn Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(template.len() + 32);
    fill_into(&mut out, template, value);
    out
}

fn fill_into(out: &mut String, template: &str, value: &dyn Fn(&str) -> Option<String>) {
    let mut rest = template;
    while let Some((before, part, whole, after)) = next_part(rest) {
        append(out, before);
        match part {
            Part::Value(name) => match value(name) {
                Some(v) => append(out, &v),
                None => append(out, whole),
            },
            Part::Plural(name, one, many) => match value(name) {
                Some(v) => append(out, if v == "1" { one } else { many }),
                None => append(out, whole),
            },
            Part::Optional(name, text) => {
                if value(name).is_some_and(|v| !v.is_empty()) {
                    let mut filled = String::new();
                    fill_into(&mut filled, text, value);
                    append(out, &filled);
                }
            }
        }
        rest = after;
    }
    append(out, rest);
}

/// The names a template asks for, in order, repetitions included.
pub fn placeholders(template: &str) -> Vec<Placeholder<'_>> {
    let mut found = Vec::new();
    collect(template, None, &mut found);
    found
}

fn collect<'a>(template: &'a str, given: Option<&'a str>, found: &mut Vec<Placeholder<'a>>) {
    let mut rest = template;
    while let Some((_, part, _, after)) = next_part(rest) {
        match part {
            Part::Value(name) | Part::Plural(name, _, _) => {
                found.push(Placeholder { name, optional: given == Some(name) });
            }
            Part::Optional(name, text) => {
                found.push(Placeholder { name, optional: true });
                collect(text, Some(name), found);
            }
        }
        rest = after;
    }
}

/// The first placeholder: text before it, what it is, how it stands, text after it.
pub(super) fn next_part(text: &str) -> Option<(&str, Part<'_>, &str, &str)> {
    let mut from = 0;
    while let Some(open) = text[from..].find('{').map(|at| from + at) {
        if let Some(close) = closing(text, open)
            && let Some(part) = parse(&text[open + 1..close])
        {
            return Some((&text[..open], part, &text[open..=close], &text[close + 1..]));
        }
        from = open + 1;
    }
    None
}

/// Where the brace opened at `open` is closed.
fn closing(text: &str, open: usize) -> Option<usize> {
    let mut depth = 0usize;
    for (at, c) in text[open..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return Some(open + at),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

fn parse(inside: &str) -> Option<Part<'_>> {
    let end = inside.find(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'));
    let (name, tail) = inside.split_at(end.unwrap_or(inside.len()));
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        return None;
    }
    if tail.is_empty() {
        return Some(Part::Value(name));
    }
    if let Some(text) = tail.strip_prefix('?') {
        return Some(Part::Optional(name, text));
    }
    let (one, many) = tail.strip_prefix('|')?.split_once('|')?;
    Some(Part::Plural(name, one, many))
}

/// Puts `next` behind `out`, with the space that belongs between them where one of them is Chinese.
fn append(out: &mut String, next: &str) {
    let (Some(first), Some(last)) = (next.chars().next(), out.chars().next_back()) else {
        out.push_str(next);
        return;
    };
    if last == ' ' && is_chinese(first) && out[..out.len() - 1].ends_with(is_chinese) {
        out.pop();
    } else if first == ' ' && is_chinese(last) && next[1..].starts_with(is_chinese) {
        out.push_str(&next[1..]);
        return;
    } else if (is_chinese(last) && first.is_ascii_alphanumeric())
        || (last.is_ascii_alphanumeric() && is_chinese(first))
    {
        out.push(' ');
    }
    out.push_str(next);
}

/// Whether a character is a Chinese one (punctuation does not count).
pub(super) fn is_chinese(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}')
}
