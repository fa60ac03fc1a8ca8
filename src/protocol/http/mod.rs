//! The head of an HTTP/1.x message: start line, header fields, empty line.
//!
//! RFC 9112 section 2 (message), 3 (request line), 4 (status line), 5 (field syntax), 6.1 to 6.3 (what says how
//! long the body is); RFC 9110 section 5 (fields), 7.6.1 (Connection), 8.6 (Content-Length).
//! Leaves out: where bodies and chunks are (the follower of the connection knows, see `flow/http.rs`); what they say is in
//! `body.rs`, `form.rs`, `multipart.rs` and `chunk.rs`. HTTP/0.9 has no head, HTTP/2 and 3 are binary.
//!
//! Tolerant, as RFC 9112 section 2.2 lets a recipient be: a line may end in a bare LF, empty lines before the start
//! line are passed over, a folded field is one value; a line that is no field is shown as what it is. Groups:
//! `http.request.line` or `http.response.line` for the start line, `http.header` for each field. (Wireshark calls
//! every header line so; here the name means what RFC 9112 means by request-line.)

use crate::wire::{Cursor, Field, Malformed, Problem, Recorder, Value};

pub mod body;
pub mod chunk;
pub mod cookie;
pub mod credentials;
pub mod fields;
pub mod form;
mod guess;
mod multipart;
mod target;
#[cfg(test)]
mod tests;

pub use body::{Content, Shape, Trouble};
pub use chunk::ChunkPart;
pub use guess::{looks_like_request, looks_like_response};
pub use target::{Exchange, address};

static REQUEST_LINE: Field = Field::new("http.request.line");
static METHOD: Field = Field::new("http.request.method");
static URI: Field = Field::new("http.request.uri");
static REQUEST_VERSION: Field = Field::new("http.request.version");
static RESPONSE_LINE: Field = Field::new("http.response.line");
static RESPONSE_VERSION: Field = Field::new("http.response.version");
static CODE: Field = Field::new("http.response.code");
static PHRASE: Field = Field::new("http.response.phrase");
static IS_REQUEST: Field = Field::new("http.request");
static IS_RESPONSE: Field = Field::new("http.response");
static HEADER: Field = Field::new("http.header");
static HEADER_NAME: Field = Field::new("http.header.name");
static NOT_A_HEADER: Field = Field::new("http.not_a_header");
static SEPARATOR: Field = Field::new("http.separator");

/// The first line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start<'a> {
    /// `GET /index.html HTTP/1.1`
    Request {
        /// What is to be done.
        method: &'a [u8],
        /// With what.
        uri: &'a [u8],
        /// Of which version the message is; empty where the line does not say.
        version: &'a [u8],
    },
    /// `HTTP/1.1 404 Not Found`
    Response {
        /// Of which version the message is.
        version: &'a [u8],
        /// Status code.
        code: u16,
        /// Its words; may be empty.
        phrase: &'a [u8],
    },
}

/// What Content-Length says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ContentLength {
    /// Nothing: there is none.
    #[default]
    Absent,
    /// So many bytes.
    Bytes(u64),
    /// Something that is no number, or several that differ: the message cannot be framed by it
    /// (RFC 9112 section 6.3 rule 5).
    Invalid,
}

/// What Transfer-Encoding says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TransferEncoding {
    /// Nothing: there is none.
    #[default]
    Absent,
    /// Chunked is the last coding: the body says itself where it ends.
    Chunked,
    /// Another coding is the last: nothing says where the body ends but the end of the connection.
    Other,
}

/// What a head says, as far as following needs it. Slices lie in the head's own bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head<'a> {
    /// Request or status line.
    pub start: Start<'a>,
    /// Host, the first.
    pub host: Option<&'a [u8]>,
    /// Content-Type, the first.
    pub content_type: Option<&'a [u8]>,
    /// All Content-Length fields together.
    pub content_length: ContentLength,
    /// All Transfer-Encoding fields together.
    pub transfer: TransferEncoding,
    /// Connection has the option `close`.
    pub close: bool,
    /// Connection has the option `keep-alive`.
    pub keep_alive: bool,
    /// Upgrade, the first.
    pub upgrade: Option<&'a [u8]>,
    /// Content-Encoding, the first.
    pub content_encoding: Option<&'a [u8]>,
    /// Authorization or Proxy-Authorization, the first.
    pub authorization: Option<&'a [u8]>,
    /// WWW-Authenticate or Proxy-Authenticate, the first.
    pub challenge: Option<&'a [u8]>,
    /// Cookie, the first.
    pub cookie: Option<&'a [u8]>,
    /// Set-Cookie, the first; all of them by [`values_of`].
    pub set_cookie: Option<&'a [u8]>,
    /// ETag.
    pub etag: Option<&'a [u8]>,
    /// Last-Modified.
    pub last_modified: Option<&'a [u8]>,
    /// If-None-Match.
    pub if_none_match: Option<&'a [u8]>,
    /// If-Modified-Since.
    pub if_modified_since: Option<&'a [u8]>,
    /// Location.
    pub location: Option<&'a [u8]>,
    /// Content-Range.
    pub content_range: Option<&'a [u8]>,
}

/// Offset after the empty line that ends the head that begins at the first byte, or `None` where it has not come.
pub fn head_end(bytes: &[u8]) -> Option<usize> {
    head_end_from(bytes, 0)
}

/// As [`head_end`], for a head whose first `searched` bytes are known to hold no end: nothing is looked at twice.
pub fn head_end_from(bytes: &[u8], searched: usize) -> Option<usize> {
    // Empty lines before the start line end nothing (RFC 9112 section 2.2).
    let begin = bytes.iter().position(|b| !matches!(b, b'\r' | b'\n'))?;
    // Step back over what may be the beginning of the end: a line feed and a carriage return.
    let mut at = begin.max(searched.saturating_sub(2));
    while let Some(feed) = bytes[at..].iter().position(|b| *b == b'\n') {
        match bytes[at + feed + 1..] {
            [b'\n', ..] => return Some(at + feed + 2),
            [b'\r', b'\n', ..] => return Some(at + feed + 3),
            _ => at += feed + 1,
        }
    }
    None
}

/// Reads one head: what the cursor spans, up to the empty line.
///
/// # Errors
/// [`Malformed`] where the first line is neither a request nor a status line (nothing but empty lines has been
/// taken then), or the bytes end before the empty line does; the fields before are recorded.
pub fn dissect<'a, R: Recorder>(c: &mut Cursor<'a, '_, R>) -> Result<Head<'a>, Malformed> {
    let empty = c.peek().iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
    c.bytes(&SEPARATOR, empty)?;
    let start = start_line(c)?;
    let mut head = Head {
        start,
        host: None,
        content_type: None,
        content_length: ContentLength::Absent,
        transfer: TransferEncoding::Absent,
        close: false,
        keep_alive: false,
        upgrade: None,
        content_encoding: None,
        authorization: None,
        challenge: None,
        cookie: None,
        set_cookie: None,
        etag: None,
        last_modified: None,
        if_none_match: None,
        if_modified_since: None,
        location: None,
        content_range: None,
    };
    loop {
        let line = line(c.peek());
        if line.end == 0 {
            return Err(cut(c, &HEADER));
        }
        if line.content == 0 {
            c.bytes(&SEPARATOR, line.end)?;
            return Ok(head);
        }
        let complete = line.complete;
        if let Some((name, value)) = header(c)? {
            head.learn(name, value);
        }
        if !complete {
            return Err(cut(c, &HEADER));
        }
    }
}

/// The bytes end within the head.
fn cut<R: Recorder>(c: &Cursor<'_, '_, R>, field: &Field) -> Malformed {
    Malformed { field: field.name, at: c.at(), need: c.left() + 1, have: c.left(), problem: Problem::Cut }
}

/// Where a line ends.
struct Line {
    /// Offset of its end of line.
    content: usize,
    /// Offset after its end of line.
    end: usize,
    /// Whether it has one: else the bytes ended first.
    complete: bool,
}

fn line(bytes: &[u8]) -> Line {
    match bytes.iter().position(|b| *b == b'\n') {
        Some(feed) => {
            let content = if feed > 0 && bytes[feed - 1] == b'\r' { feed - 1 } else { feed };
            Line { content, end: feed + 1, complete: true }
        }
        None => Line { content: bytes.len(), end: bytes.len(), complete: false },
    }
}

fn is_blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Length of the word at the beginning, and of the blanks after it.
fn word(bytes: &[u8]) -> (usize, usize) {
    let word = bytes.iter().position(is_blank).unwrap_or(bytes.len());
    (word, bytes[word..].iter().take_while(|b| is_blank(b)).count())
}

/// How much is left of the bytes when blanks at the end are taken off.
fn without_blanks_behind(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|b| !is_blank(b)).map_or(0, |last| last + 1)
}

/// RFC 9110 section 5.6.2: what methods and field names are made of.
fn is_token(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte)
}

/// RFC 9112 section 2.3; the minor version is not insisted on.
fn is_version(bytes: &[u8]) -> bool {
    matches!(bytes, [b'H', b'T', b'T', b'P', b'/', major, rest @ ..]
        if major.is_ascii_digit() && matches!(rest, [] | [b'.', ..]))
}

/// RFC 9112 section 3 and 4. Any run of blanks separates words, as a recipient may have it.
fn start_line<'a, R: Recorder>(c: &mut Cursor<'a, '_, R>) -> Result<Start<'a>, Malformed> {
    let line = line(c.peek());
    let content = &c.peek()[..line.content];
    let (first, _) = word(content);
    let start = if is_version(&content[..first]) {
        c.derived(&IS_RESPONSE, || Value::Flag(true));
        c.group(&RESPONSE_LINE, |c| status_line(c, content, line.end))?
    } else if first > 0
        && content[..first].iter().all(is_token)
        && (!line.complete || first < without_blanks_behind(content))
    {
        c.derived(&IS_REQUEST, || Value::Flag(true));
        c.group(&REQUEST_LINE, |c| request_line(c, content, line.end))?
    } else {
        return Err(c.nonsense(&REQUEST_LINE));
    };
    if line.complete { Ok(start) } else { Err(cut(c, &REQUEST_LINE)) }
}

/// `content` is the line without its end, which is at `end`.
fn request_line<'a, R: Recorder>(
    c: &mut Cursor<'a, '_, R>,
    content: &'a [u8],
    end: usize,
) -> Result<Start<'a>, Malformed> {
    let (method_len, gap) = word(content);
    let method = c.text(&METHOD, method_len)?;
    c.bytes(&SEPARATOR, gap)?;
    let rest = &content[method_len + gap..];
    let rest = &rest[..without_blanks_behind(rest)];
    // The version is the last word, if that is one: a target with blanks in it is an error, but one that
    // shows best as a target with blanks in it.
    let last = rest.iter().rposition(is_blank).map_or(0, |blank| blank + 1);
    // Of a line that is cut in its version, the last word is the version's beginning.
    let is_its_beginning = end == content.len() && last > 0 && b"HTTP/1.1".starts_with(&rest[last..]);
    let (target, version) =
        if is_version(&rest[last..]) || is_its_beginning { rest.split_at(last) } else { (rest, &rest[..0]) };
    let uri = c.text(&URI, without_blanks_behind(target))?;
    if R::ON {
        target::describe(c, uri);
    }
    c.bytes(&SEPARATOR, target.len() - uri.len())?;
    c.text(&REQUEST_VERSION, version.len())?;
    c.bytes(&SEPARATOR, end - method_len - gap - rest.len())?;
    Ok(Start::Request { method, uri, version })
}

/// As [`request_line`].
fn status_line<'a, R: Recorder>(
    c: &mut Cursor<'a, '_, R>,
    content: &'a [u8],
    end: usize,
) -> Result<Start<'a>, Malformed> {
    let (version_len, gap) = word(content);
    let version = c.text(&RESPONSE_VERSION, version_len)?;
    c.bytes(&SEPARATOR, gap)?;
    let rest = &content[version_len + gap..];
    let (code_len, code_gap) = word(rest);
    let digits = &rest[..code_len];
    let code = match digits {
        [a, b, c] if digits.iter().all(u8::is_ascii_digit) => {
            Some(u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0'))
        }
        _ => None,
    };
    c.told(&CODE, code_len, || code.map_or_else(|| lossy(digits), |code| Value::Uint(code.into())));
    c.bytes(&SEPARATOR, code_gap)?;
    let rest = &rest[code_len + code_gap..];
    let phrase = c.text(&PHRASE, without_blanks_behind(rest))?;
    c.bytes(&SEPARATOR, end - (content.len() - rest.len()) - phrase.len())?;
    Ok(Start::Response { version, code: code.unwrap_or(0), phrase })
}

fn lossy(bytes: &[u8]) -> Value {
    Value::Text(String::from_utf8_lossy(bytes).into_owned())
}

/// A header field, as it stands in the head.
type NameAndValue<'a> = (&'a [u8], &'a [u8]);

/// How the parts of a header field are called: in a head, or in a part of a multipart body.
struct Names {
    group: &'static Field,
    name: &'static Field,
    separator: &'static Field,
    value: fn(&[u8]) -> &'static Field,
    /// Whether values of the head's fields are taken apart.
    inside: bool,
}

static OF_HEAD: Names = Names {
    group: &HEADER,
    name: &HEADER_NAME,
    separator: &SEPARATOR,
    value: fields::field_of,
    inside: true,
};

/// One header field with the lines it is folded into; `None` where the line is no field.
fn header<'a, R: Recorder>(c: &mut Cursor<'a, '_, R>) -> Result<Option<NameAndValue<'a>>, Malformed> {
    header_as(c, &OF_HEAD)
}

fn header_as<'a, R: Recorder>(
    c: &mut Cursor<'a, '_, R>,
    names: &Names,
) -> Result<Option<NameAndValue<'a>>, Malformed> {
    let bytes = c.peek();
    let first = line(bytes);
    let colon = bytes[..first.content].iter().position(|b| *b == b':');
    let name_len = colon.map_or(0, |colon| without_blanks_behind(&bytes[..colon]));
    let (Some(colon), false) = (colon, name_len == 0 || is_blank(&bytes[0])) else {
        return c.group(names.group, |c| {
            c.text(&NOT_A_HEADER, first.content)?;
            c.bytes(names.separator, first.end - first.content).map(|_| None)
        });
    };
    // RFC 9112 section 5.2: a line that begins with a blank goes on with the value of the line before.
    let (mut content, mut end) = (first.content, first.end);
    while bytes.get(end).is_some_and(is_blank) {
        let next = line(&bytes[end..]);
        (content, end) = (end + next.content, end + next.end);
    }
    let is_filling = |b: &u8| is_blank(b) || matches!(b, b'\r' | b'\n');
    let value_at = colon + 1 + bytes[colon + 1..content].iter().take_while(|b| is_filling(b)).count();
    let value_end = bytes[..content].iter().rposition(|b| !is_filling(b)).map_or(0, |last| last + 1);
    let value = &bytes[value_at..value_end.max(value_at)];
    c.group(names.group, |c| {
        let name = c.text(names.name, name_len)?;
        c.bytes(names.separator, value_at - name_len)?;
        let field = if R::ON { (names.value)(name) } else { names.name };
        c.told(field, value.len(), || told_value(name, value));
        if R::ON && names.inside {
            cookie::describe(c, name, value);
            credentials::describe(c, name, value);
        }
        c.bytes(names.separator, end - value_at - value.len())?;
        Ok(Some((name, value)))
    })
}

/// Header fields up to an empty line, or to the end: a trailer, or the head of a part.
fn header_fields<'a, R: Recorder>(
    c: &mut Cursor<'a, '_, R>,
    names: &Names,
    mut each: impl FnMut(&'a [u8], &'a [u8]),
) -> Result<(), Malformed> {
    while c.left() > 0 {
        let next = line(c.peek());
        if next.content == 0 {
            return c.bytes(names.separator, next.end).map(drop);
        }
        if let Some((name, value)) = header_as(c, names)? {
            each(name, value);
        }
    }
    Ok(())
}

/// The values of all header fields of this name in a head, in order.
pub fn values_of<'a>(head: &'a [u8], name: &[u8]) -> Vec<&'a [u8]> {
    let mut values = Vec::new();
    let begin = head.iter().position(|b| !matches!(b, b'\r' | b'\n')).unwrap_or(0);
    let after = begin + line(&head[begin..]).end;
    let mut off = crate::wire::Off;
    let mut c = Cursor::new(head, after, head.len(), &mut off);
    let _ = header_fields(&mut c, &OF_HEAD, |found, value| {
        if found.eq_ignore_ascii_case(name) {
            values.push(value);
        }
    });
    values
}

/// A parameter of a field's value (RFC 9110 section 5.6.6): `; name=value`, the value quoted or not.
pub fn param(value: &[u8], name: &[u8]) -> Option<Vec<u8>> {
    let mut rest = value;
    loop {
        // Semicolons within quotes separate nothing.
        let mut quoted = false;
        let end = rest.iter().enumerate().position(|(at, b)| {
            quoted ^= *b == b'"' && (at == 0 || rest[at - 1] != b'\\');
            *b == b';' && !quoted
        });
        let this = &rest[..end.unwrap_or(rest.len())];
        if let Some(equals) = this.iter().position(|b| *b == b'=')
            && this[..equals].trim_ascii().eq_ignore_ascii_case(name)
        {
            let value = this[equals + 1..].trim_ascii();
            return Some(match value.strip_prefix(b"\"").map(|v| v.strip_suffix(b"\"").unwrap_or(v)) {
                Some(inside) => unescaped(inside),
                None => value.to_vec(),
            });
        }
        rest = &rest[end? + 1..];
    }
}

/// RFC 9110 section 5.6.4: a backslash before a quote or a backslash. Elsewhere it stands for itself: browsers send Windows paths.
fn unescaped(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter().copied().peekable();
    while let Some(byte) = rest.next() {
        match rest.peek() {
            Some(next @ (b'"' | b'\\')) if byte == b'\\' => {
                out.push(*next);
                rest.next();
            }
            _ => out.push(byte),
        }
    }
    out
}

/// A field's value as it is shown: a number where it must be one, folds as one blank each.
fn told_value(name: &[u8], value: &[u8]) -> Value {
    if name.eq_ignore_ascii_case(b"content-length")
        && let Some(number) = number(value)
    {
        return Value::Uint(number);
    }
    if !value.contains(&b'\n') {
        return lossy(value);
    }
    let lines: Vec<_> =
        value.split(|b| *b == b'\n').map(|l| String::from_utf8_lossy(l.trim_ascii())).collect();
    Value::Text(lines.join(" "))
}

/// Decimal digits and nothing else: a sign or a blank within makes it another number to another reader.
fn number(bytes: &[u8]) -> Option<u64> {
    let digits = !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(bytes).ok().filter(|_| digits)?.parse().ok()
}

/// The members of a list (RFC 9110 section 5.6.1), empty ones left out.
fn members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|b| *b == b',').map(<[u8]>::trim_ascii).filter(|m| !m.is_empty())
}

impl<'a> Head<'a> {
    /// What one more header field says.
    fn learn(&mut self, name: &[u8], value: &'a [u8]) {
        let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
        if is(b"host") {
            self.host.get_or_insert(value);
        } else if is(b"content-type") {
            self.content_type.get_or_insert(value);
        } else if is(b"upgrade") {
            self.upgrade.get_or_insert(value);
        } else if is(b"content-length") {
            self.learn_length(value);
        } else if is(b"transfer-encoding") {
            // `identity` meant "none" before RFC 7230 took it out.
            for coding in members(value).filter(|m| !m.eq_ignore_ascii_case(b"identity")) {
                let name = coding.split(|b| *b == b';').next().unwrap_or(coding).trim_ascii();
                let chunked = name.eq_ignore_ascii_case(b"chunked");
                self.transfer = if chunked { TransferEncoding::Chunked } else { TransferEncoding::Other };
            }
        } else if is(b"connection") {
            for option in members(value) {
                self.close |= option.eq_ignore_ascii_case(b"close");
                self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
            }
        } else if let Some(place) = self.place(name) {
            place.get_or_insert(value);
        }
    }

    /// Where the first value of a field is kept that only the story needs.
    fn place(&mut self, name: &[u8]) -> Option<&mut Option<&'a [u8]>> {
        let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
        Some(match name.first()?.to_ascii_lowercase() {
            b'a' if is(b"authorization") => &mut self.authorization,
            b'c' if is(b"content-encoding") => &mut self.content_encoding,
            b'c' if is(b"cookie") => &mut self.cookie,
            b'c' if is(b"content-range") => &mut self.content_range,
            b'e' if is(b"etag") => &mut self.etag,
            b'i' if is(b"if-none-match") => &mut self.if_none_match,
            b'i' if is(b"if-modified-since") => &mut self.if_modified_since,
            b'l' if is(b"last-modified") => &mut self.last_modified,
            b'l' if is(b"location") => &mut self.location,
            b'p' if is(b"proxy-authorization") => &mut self.authorization,
            b'p' if is(b"proxy-authenticate") => &mut self.challenge,
            b's' if is(b"set-cookie") => &mut self.set_cookie,
            b'w' if is(b"www-authenticate") => &mut self.challenge,
            _ => return None,
        })
    }

    /// RFC 9112 section 6.3 rule 5: the same number several times is that number.
    fn learn_length(&mut self, value: &[u8]) {
        if members(value).next().is_none() {
            self.content_length = ContentLength::Invalid;
        }
        for member in members(value) {
            self.content_length = match (self.content_length, number(member)) {
                (ContentLength::Absent, Some(n)) => ContentLength::Bytes(n),
                (ContentLength::Bytes(before), Some(n)) if before == n => ContentLength::Bytes(n),
                _ => ContentLength::Invalid,
            };
        }
    }
}
