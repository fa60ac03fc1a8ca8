//! Text from packets made safe for a terminal: nothing in it can move the cursor, change colours, or
//! turn the reading direction.
//!
//! Leaves out: HTML, which has its own rules.

use std::borrow::Cow;

/// The text with every character that is not printed replaced by one that shows it: `␛` for an escape, `␊` for a line
/// end, `\u{202e}` for a mark that turns the reading direction.
pub fn clean(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|b| (0x20..0x7f).contains(&b)) || !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\0'..='\u{1f}' => out.push(char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}')),
            '\u{7f}' => out.push('\u{2421}'),
            c if is_unsafe(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Control characters, and characters that are not seen but change what is.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}'          // soft hyphen, Arabic letter mark, Mongolian separator
            | '\u{200b}'..='\u{200f}'                   // zero width, left-to-right and right-to-left marks
            | '\u{2028}'..='\u{202e}'                   // line and paragraph separators, embeddings, overrides
            | '\u{2060}'..='\u{206f}'                   // word joiner, isolates, deprecated formats
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}'      // byte order mark, interlinear annotations
            | '\u{1d173}'..='\u{1d17a}'                 // musical formats
            | '\u{e0000}'..='\u{e0fff}') // tags, variation selectors supplement
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_stays() {
        for text in ["", "GET / HTTP/1.1", "三次握手", "é ü ß 😀", "a “b” — c"] {
            assert!(matches!(clean(text), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn escapes_do_not_reach_the_terminal() {
        assert_eq!(clean("\x1b[31mred\x1b[0m"), "␛[31mred␛[0m");
        assert_eq!(clean("a\r\nb\tc\0\u{7f}"), "a␍␊b␉c␀␡");
        assert_eq!(clean("\u{9b}31m"), "\\u{9b}31m");
    }

    #[test]
    fn reading_direction_cannot_be_turned() {
        assert_eq!(clean("exe\u{202e}gpj.txt"), "exe\\u{202e}gpj.txt");
        assert_eq!(clean("\u{2066}a\u{2069}"), "\\u{2066}a\\u{2069}");
        assert_eq!(clean("a\u{200b}b\u{feff}"), "a\\u{200b}b\\u{feff}");
        assert_eq!(clean("\u{2028}"), "\\u{2028}");
    }

    #[test]
    fn nothing_unsafe_is_left_of_any_character() {
        for c in (0..=0x10_ffff).filter_map(char::from_u32) {
            let mut one = [0; 4];
            let cleaned = clean(c.encode_utf8(&mut one)).into_owned();
            assert!(!cleaned.chars().any(is_unsafe), "U+{:04X}", u32::from(c));
            assert_eq!(clean(&cleaned), cleaned, "cleaning twice changes nothing");
        }
    }
}
