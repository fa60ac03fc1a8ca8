//! IMAP: commands with tags, replies that name the tag, and texts of a length that is said before (literals).
//!
//! RFC 9051 and RFC 3501 section 2.2 (lines and tags), 4.3 (literals `{n}`), 6.2.3 (LOGIN), 7.1 (OK, NO, BAD), RFC 7888
//! (`{n+}`). Leaves out: what FETCH brings, taken apart.

use super::lines;
use crate::wire::{Cursor, Field, Malformed, Recorder, Value};

static IS_REQUEST: Field = Field::new("imap.isrequest");
static REQUEST_TAG: Field = Field::new("imap.request_tag");
static COMMAND: Field = Field::new("imap.request.command");
static USERNAME: Field = Field::new("imap.request.username");
static PASSWORD: Field = Field::new("imap.request.password");
static ARGUMENTS: Field = Field::new("imap.request.arguments");
static RESPONSE_TAG: Field = Field::new("imap.response_tag");
static STATUS: Field = Field::new("imap.response.status");
static RESPONSE: Field = Field::new("imap.response.command");
static TEXT: Field = Field::new("imap.response.text");
static LITERAL: Field = Field::new("imap.literal");
static LOGIN: Field = Field::new("imap.request.login");
static SEPARATOR: Field = Field::new("imap.separator");

/// What a part of a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// A client's line.
    Command,
    /// A client's line within a command: behind a literal, or of a login.
    More,
    /// A server's line.
    Reply,
    /// A server's line that goes on behind a literal.
    ReplyMore,
    /// A part of a literal.
    Literal,
}

/// What a client's line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Command<'a> {
    /// What its reply will begin with.
    pub tag: &'a [u8],
    /// What is to be done.
    pub verb: &'a [u8],
    /// With what.
    pub arguments: &'a [u8],
}

/// Takes a client's line apart.
pub fn command(content: &[u8]) -> Command<'_> {
    let (tag, rest) = lines::split(content);
    let (verb, arguments) = lines::split(rest);
    Command { tag, verb, arguments }
}

/// The bytes that are announced at the end of a line: `{17}` or `{17+}`.
pub fn literal(content: &[u8]) -> Option<u64> {
    let inner = content.strip_suffix(b"}")?;
    let open = inner.iter().rposition(|b| *b == b'{')?;
    lines::number(inner[open + 1..].strip_suffix(b"+").unwrap_or(&inner[open + 1..]))
}

/// The first text of a list of arguments, with its quotes taken off, and what stands behind.
pub fn argument(bytes: &[u8]) -> (&[u8], &[u8]) {
    if let Some(quoted) = bytes.strip_prefix(b"\"")
        && let Some(end) = quoted.iter().position(|b| *b == b'"')
    {
        return (&quoted[..end], quoted[end + 1..].trim_ascii_start());
    }
    lines::split(bytes)
}

/// Names a part.
///
/// # Errors
/// None that a line of its own length could cause.
pub fn describe<R: Recorder>(part: Part, c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    if part == Part::Literal {
        let left = c.left();
        return c.text(&LITERAL, left).map(drop);
    }
    let (content, end) = lines::extent(c.peek());
    let line = &c.peek()[..content];
    let from_client = matches!(part, Part::Command | Part::More);
    c.derived(&IS_REQUEST, || Value::Flag(from_client));
    match part {
        Part::Command => {
            word(c, &REQUEST_TAG, line)?;
            let (_, rest) = lines::split(line);
            let (verb, arguments) = lines::split(rest);
            word(c, &COMMAND, rest)?;
            if verb.eq_ignore_ascii_case(b"LOGIN") && literal(line).is_none() {
                let (name, behind) = argument(arguments);
                login(c, arguments, name, behind)?;
            } else {
                c.text(&ARGUMENTS, arguments.len())?;
            }
        }
        Part::More => {
            c.text(&LOGIN, content)?;
        }
        Part::Reply => {
            word(c, &RESPONSE_TAG, line)?;
            let (tag, rest) = lines::split(line);
            let (first, text) = lines::split(rest);
            let is_status =
                [&b"OK"[..], b"NO", b"BAD", b"BYE", b"PREAUTH"].iter().any(|s| first.eq_ignore_ascii_case(s));
            if tag == b"+" {
                c.text(&TEXT, rest.len())?;
            } else {
                word(c, if is_status { &STATUS } else { &RESPONSE }, rest)?;
                c.text(&TEXT, text.len())?;
            }
        }
        Part::ReplyMore | Part::Literal => {
            c.text(&TEXT, content)?;
        }
    }
    c.bytes(&SEPARATOR, end - content).map(drop)
}

/// A word and the blanks behind it.
fn word<R: Recorder>(c: &mut Cursor<'_, '_, R>, field: &'static Field, from: &[u8]) -> Result<(), Malformed> {
    let (length, gap) = lines::word(from);
    c.text(field, length)?;
    c.bytes(&SEPARATOR, gap).map(drop)
}

/// Name and password, with or without quotes.
fn login<R: Recorder>(
    c: &mut Cursor<'_, '_, R>,
    arguments: &[u8],
    name: &[u8],
    behind: &[u8],
) -> Result<(), Malformed> {
    let quote = usize::from(arguments.starts_with(b"\"") && !name.starts_with(b"\""));
    c.bytes(&SEPARATOR, quote)?;
    c.text(&USERNAME, name.len())?;
    c.bytes(&SEPARATOR, arguments.len() - quote - name.len() - behind.len())?;
    let (password, _) = argument(behind);
    let quote = usize::from(behind.starts_with(b"\"") && !password.starts_with(b"\""));
    c.bytes(&SEPARATOR, quote)?;
    c.text(&PASSWORD, password.len())?;
    c.bytes(&SEPARATOR, behind.len() - quote - password.len()).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Tree;

    fn value(part: Part, bytes: &[u8], name: &str) -> Option<Value> {
        let mut tree = Tree::default();
        describe(part, &mut Cursor::new(bytes, 0, bytes.len(), &mut tree)).unwrap();
        assert_eq!(tree.nodes.iter().map(|n| n.bits).sum::<usize>(), bytes.len() * 8);
        tree.nodes.iter().find(|n| n.field.name == name).map(|n| n.value.clone())
    }

    #[test]
    fn a_login_cut_anywhere() {
        let line = b"a1 LOGIN \"alice smith\" \"sec ret\"\r\n";
        assert_eq!(
            value(Part::Command, line, "imap.request.username"),
            Some(Value::Text("alice smith".into()))
        );
        assert_eq!(value(Part::Command, line, "imap.request.password"), Some(Value::Text("sec ret".into())));
        for end in 0..line.len() {
            for part in [Part::Command, Part::More, Part::Reply, Part::ReplyMore, Part::Literal] {
                value(part, &line[..end], "");
            }
        }
    }

    #[test]
    fn literals() {
        assert_eq!(literal(b"* 1 FETCH (BODY {120}"), Some(120));
        assert_eq!(literal(b"a LOGIN {5+}"), Some(5));
        assert_eq!(literal(b"a LOGIN x"), None);
        assert_eq!(literal(b"{x}"), None);
        assert_eq!(literal(b"}"), None);
    }
}
