//! What protocols of command lines and numbered replies share: where a line ends, where its words do, what a reply's
//! first three digits say.
//!
//! RFC 959 section 4.2 and RFC 5321 section 4.2 (replies, also of several lines: `250-` goes on, `250 ` is the last),
//! RFC 4648 section 4 (base64, as logins are written). Leaves out: which commands there are, which is each protocol's.
//!
//! Tolerant: a line may end in a bare line feed; any run of blanks separates words.

use crate::wire::{Cursor, Field, Malformed, Recorder, Value};

/// What a protocol calls the parts of its lines.
#[derive(Debug)]
pub struct Names {
    /// A line of the client (derived).
    pub request: Field,
    /// Its first word.
    pub command: Field,
    /// The rest of it.
    pub argument: Field,
    /// A line of the server (derived).
    pub response: Field,
    /// Its number, or its first word.
    pub code: Field,
    /// The rest of it.
    pub text: Field,
    /// Blanks, hyphens and line ends between them.
    pub separator: Field,
}

/// Length of a line without its end, and with it; a line that does not end reaches as far as there are bytes.
pub fn extent(bytes: &[u8]) -> (usize, usize) {
    match bytes.iter().position(|b| *b == b'\n') {
        Some(feed) => (if feed > 0 && bytes[feed - 1] == b'\r' { feed - 1 } else { feed }, feed + 1),
        None => (bytes.len(), bytes.len()),
    }
}

/// A line without its end.
pub fn content(bytes: &[u8]) -> &[u8] {
    &bytes[..extent(bytes).0]
}

/// Length of the word at the beginning, and of the blanks after it.
pub fn word(bytes: &[u8]) -> (usize, usize) {
    let is_blank = |b: &u8| matches!(b, b' ' | b'\t');
    let word = bytes.iter().position(is_blank).unwrap_or(bytes.len());
    (word, bytes[word..].iter().take_while(|b| is_blank(b)).count())
}

/// First word and rest of a line without its end.
pub fn split(content: &[u8]) -> (&[u8], &[u8]) {
    let (length, gap) = word(content);
    (&content[..length], &content[length + gap..])
}

/// Decimal digits and nothing else.
pub fn number(bytes: &[u8]) -> Option<u64> {
    let digits = !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(bytes).ok().filter(|_| digits)?.parse().ok()
}

/// The three digits that a reply begins with, and whether more lines of it follow.
pub fn reply(line: &[u8]) -> Option<(u16, bool)> {
    let digits = line.get(..3).filter(|d| d.iter().all(u8::is_ascii_digit))?;
    let code = digits.iter().fold(0, |n, d| n * 10 + u16::from(d - b'0'));
    match line.get(3) {
        Some(b'-') => Some((code, true)),
        Some(b' ' | b'\r' | b'\n') | None => Some((code, false)),
        Some(_) => None,
    }
}

/// Names a client's line: word, blanks, rest.
///
/// # Errors
/// None that a line of its own length could cause.
pub fn describe_command<R: Recorder>(
    c: &mut Cursor<'_, '_, R>,
    names: &'static Names,
) -> Result<(), Malformed> {
    let (content, end) = extent(c.peek());
    let (length, gap) = word(&c.peek()[..content]);
    c.derived(&names.request, || Value::Flag(true));
    c.text(&names.command, length)?;
    c.bytes(&names.separator, gap)?;
    c.text(&names.argument, content - length - gap)?;
    c.bytes(&names.separator, end - content).map(drop)
}

/// Names a server's line: three digits, blank or hyphen, text; or all text, within a reply of several lines.
///
/// # Errors
/// None that a line of its own length could cause.
pub fn describe_reply<R: Recorder>(
    c: &mut Cursor<'_, '_, R>,
    names: &'static Names,
) -> Result<(), Malformed> {
    let (content, end) = extent(c.peek());
    c.derived(&names.response, || Value::Flag(true));
    let mut left = content;
    if let Some((code, _)) = reply(&c.peek()[..content]) {
        c.told(&names.code, 3, || Value::Uint(code.into()));
        let mark = usize::from(content > 3);
        c.bytes(&names.separator, mark)?;
        left -= 3 + mark;
    }
    c.text(&names.text, left)?;
    c.bytes(&names.separator, end - content).map(drop)
}

/// What base64 stands for; `None` where it is none. Short texts only: logins.
pub fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.trim_ascii();
    let body = text.strip_suffix(b"==").or_else(|| text.strip_suffix(b"=")).unwrap_or(text);
    if text.is_empty() || !text.len().is_multiple_of(4) {
        return None;
    }
    let mut out = Vec::with_capacity(body.len() * 3 / 4);
    let (mut bits, mut count) = (0u32, 0);
    for byte in body {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_words() {
        assert_eq!(extent(b"USER x\r\nPASS"), (6, 8));
        assert_eq!(extent(b"USER x\nPASS"), (6, 7));
        assert_eq!(extent(b"USER"), (4, 4));
        assert_eq!(split(b"USER  a b"), (&b"USER"[..], &b"a b"[..]));
    }

    #[test]
    fn replies() {
        assert_eq!(reply(b"220-hello"), Some((220, true)));
        assert_eq!(reply(b"220 hello"), Some((220, false)));
        assert_eq!(reply(b"220\r\n"), Some((220, false)));
        assert_eq!(reply(b"2200"), None);
        assert_eq!(reply(b" 220 x"), None);
    }

    #[test]
    fn base64_is_read() {
        assert_eq!(base64(b"AGFsaWNlAHNlY3JldA==").unwrap(), b"\0alice\0secret");
        assert_eq!(base64(b"YWxpY2U=").unwrap(), b"alice");
        assert_eq!(base64(b"YWxp\r\n").unwrap(), b"ali");
        assert_eq!(base64(b"a*cd"), None);
        assert_eq!(base64(b"abc"), None);
        assert_eq!(base64(b""), None);
    }
}
