//! A body of several parts, each with a head of its own: forms with files, byte ranges.
//!
//! RFC 2046 section 5.1 (syntax), RFC 7578 (multipart/form-data), RFC 9110 section 14.6 (byteranges). Leaves out: parts within parts,
//! and codings of single parts (RFC 7578 section 4.7 deprecates them).
//!
//! Bounded: [`MAX_PARTS`] parts; the rest is plain data.

use super::body::{self, Shape};
use super::{Names, header_fields, line, param};
use crate::wire::{Cursor, Field, Malformed, Recorder, Value};

static BOUNDARY: Field = Field::new("mime_multipart.boundary");
static FIRST: Field = Field::new("mime_multipart.first_boundary");
static LAST: Field = Field::new("mime_multipart.last_boundary");
static PREAMBLE: Field = Field::new("mime_multipart.preamble");
static EPILOGUE: Field = Field::new("mime_multipart.trailer");
static PART: Field = Field::new("mime_multipart.part");
static NAME: Field = Field::new("mime_multipart.name");
static FILE_NAME: Field = Field::new("mime_multipart.filename");
static CONTENT: Field = Field::new("mime_multipart.content");
static SEPARATOR: Field = Field::new("mime_multipart.separator");

static HEADER: Field = Field::new("mime_multipart.header");
static HEADER_NAME: Field = Field::new("mime_multipart.header.name");
static DISPOSITION: Field = Field::new("mime_multipart.header.content-disposition");
static TYPE: Field = Field::new("mime_multipart.header.content-type");
static ENCODING: Field = Field::new("mime_multipart.header.content-transfer-encoding");
static OTHER: Field = Field::new("mime_multipart.header.value");

static OF_PART: Names =
    Names { group: &HEADER, name: &HEADER_NAME, separator: &SEPARATOR, value: field_of, inside: false };

fn field_of(name: &[u8]) -> &'static Field {
    let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
    if is(b"content-disposition") {
        &DISPOSITION
    } else if is(b"content-type") {
        &TYPE
    } else if is(b"content-transfer-encoding") {
        &ENCODING
    } else {
        &OTHER
    }
}

/// So many parts are shown one by one.
const MAX_PARTS: usize = 200;

/// A line that separates parts.
struct Delimiter {
    /// Where the part before it ends: the end of line before it is its own.
    start: usize,
    /// After its end of line.
    end: usize,
    /// Whether it is the last.
    last: bool,
}

/// The next delimiter: two hyphens and the boundary at the beginning of a line.
fn delimiter(bytes: &[u8], boundary: &[u8], at_line_start: bool) -> Option<Delimiter> {
    let mut at = 0;
    let mut begins = at_line_start;
    loop {
        let rest = &bytes[at..];
        let this = line(rest);
        let content = &rest[..this.content];
        if begins && let Some(tail) = content.strip_prefix(b"--").and_then(|l| l.strip_prefix(boundary)) {
            let (last, tail) = tail.strip_prefix(b"--").map_or((false, tail), |tail| (true, tail));
            if tail.iter().all(|b| matches!(b, b' ' | b'\t')) {
                let before = &bytes[..at];
                let start =
                    before.strip_suffix(b"\n").map_or(at, |b| b.strip_suffix(b"\r").unwrap_or(b).len());
                return Some(Delimiter { start, end: at + this.end, last });
            }
        }
        at += this.end;
        begins = true;
        if this.end == 0 || at >= bytes.len() {
            return None;
        }
    }
}

/// Names every byte of a multipart body. `cut`: the end was not captured.
pub(super) fn describe<R: Recorder>(
    c: &mut Cursor<'_, '_, R>,
    boundary: &[u8],
    cut: bool,
) -> Result<(), Malformed> {
    let Some(first) = delimiter(c.peek(), boundary, true) else {
        return Err(c.nonsense(&FIRST));
    };
    c.bytes(&PREAMBLE, first.start)?;
    c.told(&FIRST, first.end - first.start, || Value::Bytes);
    let mut last = first.last;
    for _ in 0..MAX_PARTS {
        if last {
            c.rest(&EPILOGUE);
            return Ok(());
        }
        let (end, next) = match delimiter(c.peek(), boundary, true) {
            Some(next) => (next.start, Some(next)),
            None => (c.left(), None),
        };
        c.group(&PART, |c| c.region(end, &CONTENT, part))?.ok();
        match next {
            Some(next) => {
                c.told(if next.last { &LAST } else { &BOUNDARY }, next.end - next.start, || Value::Bytes);
                last = next.last;
            }
            None if cut || c.left() == 0 => return Ok(()),
            None => return Err(c.nonsense(&BOUNDARY)),
        }
    }
    Ok(())
}

/// One part: its head, an empty line, its content.
fn part<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    let (mut content_type, mut disposition) = (None, None);
    header_fields(c, &OF_PART, |name, value| {
        if name.eq_ignore_ascii_case(b"content-type") {
            content_type = Some(value);
        } else if name.eq_ignore_ascii_case(b"content-disposition") {
            disposition = Some(value);
        }
    })?;
    // RFC 7578 section 4.2: the name of the form's field, and that of the file.
    if let Some(disposition) = disposition {
        for (field, key) in [(&NAME, &b"name"[..]), (&FILE_NAME, b"filename")] {
            if let Some(value) = param(disposition, key) {
                c.derived(field, || Value::Text(String::from_utf8_lossy(&value).into_owned()));
            }
        }
    }
    // RFC 7578 section 4.4: text where nothing else is said.
    match body::shape_of(content_type.or(Some(b"text/plain")), c.peek()) {
        Shape::Text(charset) => body::lines(c, charset.as_deref()),
        _ => drop(c.rest(&CONTENT)),
    }
    Ok(())
}
