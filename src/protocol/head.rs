//! Messages with a head as HTTP's, of other protocols: a start line, header fields, an empty line, a body of a told length.
//!
//! RFC 3261 section 7 (SIP) and RFC 7826 section 5 (RTSP) take the form over from HTTP. Leaves out: which start lines and fields
//! there are, which is each protocol's; HTTP itself, which has more (`http/`).

use super::{lines, sdp};
use crate::wire::{Cursor, Field, Malformed, Problem, Recorder, Value};

/// A header field that has a name of its own: long form, short form (or empty), field.
pub type Known = (&'static str, &'static str, Field);

/// What a protocol calls the parts.
pub struct Names {
    /// Word of the request that says what is to be done.
    pub method: Field,
    /// With what.
    pub uri: Field,
    /// Protocol and version.
    pub version: Field,
    /// Number of the response.
    pub status: Field,
    /// Its words.
    pub phrase: Field,
    /// Name of a header field.
    pub name: Field,
    /// Value of one that is not in `known`.
    pub other: Field,
    /// A line that is no field.
    pub not_a_header: Field,
    /// Blanks, colons, line ends.
    pub separator: Field,
    /// What follows the head, where it is no SDP.
    pub body: Field,
    /// Fields with names of their own.
    pub known: &'static [Known],
    /// Those of them that are numbers.
    pub numbers: &'static [&'static str],
    /// How versions begin: `SIP/`.
    pub mark: &'static [u8],
}

/// Whether bytes begin a message: its first line begins or ends with the version.
pub fn looks_like(bytes: &[u8], mark: &[u8]) -> bool {
    let line = lines::content(bytes);
    let last = line.iter().rposition(|b| *b == b' ').map_or(0, |blank| blank + 1);
    let digit = |rest: &[u8]| rest.first().is_some_and(u8::is_ascii_digit);
    let is_version = |word: &[u8]| word.strip_prefix(mark).is_some_and(digit);
    is_version(line) || (last > 0 && is_version(&line[last..]) && line[0].is_ascii_uppercase())
}

/// Reads a message: head and body.
///
/// # Errors
/// [`Malformed`] where the first line is none of the protocol's, or the message ends within its head.
pub fn dissect<R: Recorder>(names: &'static Names, c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    let (content, end) = lines::extent(c.peek());
    let line = &c.peek()[..content];
    if !looks_like(c.peek(), names.mark) {
        return Err(c.nonsense(&names.method));
    }
    let separator = &names.separator;
    let (first, gap) = lines::word(line);
    let (second, second_gap) = lines::word(&line[first + gap..]);
    let response = line.starts_with(names.mark);
    let rest = content - first - gap - second - second_gap;
    c.text(if response { &names.version } else { &names.method }, first)?;
    c.bytes(separator, gap)?;
    if response {
        let code = lines::number(&line[first + gap..first + gap + second]).unwrap_or(0);
        c.told(&names.status, second, || Value::Uint(code));
    } else {
        c.text(&names.uri, second)?;
    }
    c.bytes(separator, second_gap)?;
    c.text(if response { &names.phrase } else { &names.version }, rest)?;
    c.bytes(separator, end - content)?;
    if fields(names, c)? {
        return sdp::describe(c);
    }
    c.rest(&names.body);
    Ok(())
}

/// The header fields, and the empty line; whether the body is SDP.
fn fields<R: Recorder>(names: &'static Names, c: &mut Cursor<'_, '_, R>) -> Result<bool, Malformed> {
    let separator = &names.separator;
    let mut sdp = false;
    loop {
        let bytes = c.peek();
        let (mut content, mut end) = lines::extent(bytes);
        if end == 0 {
            let (at, have) = (c.at(), c.left());
            let field = names.name.name;
            return Err(Malformed { field, at, need: have + 1, have, problem: Problem::Cut });
        }
        if content == 0 {
            c.bytes(separator, end)?;
            return Ok(sdp);
        }
        let Some(colon) = bytes[..content].iter().position(|b| *b == b':') else {
            c.text(&names.not_a_header, content)?;
            c.bytes(separator, end - content)?;
            continue;
        };
        while matches!(bytes.get(end), Some(b' ' | b'\t')) {
            let (more, next) = lines::extent(&bytes[end..]);
            (content, end) = (end + more, end + next);
        }
        let name = bytes[..colon].trim_ascii_end();
        let blanks = |b: &u8| matches!(b, b' ' | b'\t' | b'\r' | b'\n');
        let value_at = colon + 1 + bytes[colon + 1..content].iter().take_while(|b| blanks(b)).count();
        let value = &bytes[value_at..content];
        let known = names.known.iter().find(|known| is(name, known));
        sdp |= known.is_some_and(|(long, ..)| *long == "content-type")
            && value.to_ascii_lowercase().starts_with(b"application/sdp");
        let counts = known.is_some_and(|(long, ..)| names.numbers.contains(long));
        c.text(&names.name, name.len())?;
        c.bytes(separator, value_at - name.len())?;
        c.told(known.map_or(&names.other, |(.., field)| field), value.len(), || {
            match lines::number(value.trim_ascii()).filter(|_| counts) {
                Some(number) => Value::Uint(number),
                None => Value::Text(String::from_utf8_lossy(value).into_owned()),
            }
        });
        c.bytes(separator, end - content)?;
    }
}

fn is(name: &[u8], (long, short, _): &Known) -> bool {
    let is = |known: &str| !known.is_empty() && name.eq_ignore_ascii_case(known.as_bytes());
    is(long) || is(short)
}

/// The value of a header field in a head.
pub fn value<'h>(head: &'h [u8], names: &[&str]) -> Option<&'h [u8]> {
    head.split(|b| *b == b'\n').skip(1).find_map(|line| {
        let colon = line.iter().position(|b| *b == b':')?;
        let name = line[..colon].trim_ascii_end();
        let named = names.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()));
        named.then(|| line[colon + 1..].trim_ascii())
    })
}

/// Length of the head and of the body that it tells of; `None` where the head does not end here.
pub fn lengths(bytes: &[u8]) -> Option<(usize, u64)> {
    let mut at = 0;
    loop {
        let (content, end) = lines::extent(&bytes[at..]);
        if content == end {
            return None;
        }
        at += end;
        if content == 0 {
            let body = value(&bytes[..at], &["content-length", "l"]).and_then(lines::number);
            return Some((at, body.unwrap_or(0)));
        }
    }
}
