//! The body of a message once it is put together, and again once its coding is undone: text by lines, a form, parts, or bytes.
//!
//! RFC 9110 section 6.4 (content), 8.3 (Content-Type), 8.3.2 (charset), 8.4 (Content-Encoding); RFC 8259 section 8.1 (JSON is UTF-8);
//! the names of character sets are those of the WHATWG Encoding Standard, by `encoding_rs`. Leaves out: what JSON, XML or pictures
//! say (they are text, or bytes with a type), and a charset that only the document itself names.
//!
//! Bounded: [`MAX_LINES`] lines of [`MAX_LINE`] bytes are shown as text, what is behind as plain data.

use encoding_rs::{Encoding, GB18030, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use super::{form, multipart, param};
use crate::wire::{Cursor, Field, Malformed, Recorder, Value};

static DATA: Field = Field::new("http.file_data");
static LINE: Field = Field::new("http.body.line");
static MARK: Field = Field::new("http.body.bom");
static TYPE: Field = Field::new("http.body.type");
static CODING: Field = Field::new("http.body.coding");
static CODED: Field = Field::new("http.body.coded_length");
static LENGTH: Field = Field::new("http.body.length");
static CHUNKS: Field = Field::new("http.body.chunks");
static MISSING: Field = Field::new("http.body.missing");
static TROUBLE: Field = Field::new("http.body.trouble");
static CHARSET: Field = Field::new("http.body.charset");
static CHARSET_FROM: Field = Field::new("http.body.charset.source");

/// So many lines are shown one by one.
pub const MAX_LINES: usize = 1000;
/// So much of a line is shown as text.
pub const MAX_LINE: usize = 2000;

/// Why a body, or what was decoded of it, is not whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// A content coding that is not known here.
    UnknownCoding,
    /// The compressed data end before they say so.
    EndsEarly,
    /// The compressed data contradict themselves, or their checksum does.
    Corrupt,
    /// More came out than is decoded here.
    TooLong,
    /// More came in than is kept here.
    NotKept,
}

impl Trouble {
    /// Its name in the contract.
    pub fn name(self) -> &'static str {
        match self {
            Trouble::UnknownCoding => "unknown-coding",
            Trouble::EndsEarly => "ends-early",
            Trouble::Corrupt => "corrupt",
            Trouble::TooLong => "output-limit",
            Trouble::NotKept => "size-limit",
        }
    }
}

/// What a body's bytes are.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// `application/x-www-form-urlencoded`.
    Form,
    /// `multipart/...`, with its boundary.
    Multipart(Vec<u8>),
    /// Text; the name of its character set, where one is given.
    Text(Option<Vec<u8>>),
    /// Anything else, or still coded.
    Opaque,
}

/// What the follower knows of a body.
#[derive(Debug, Clone, PartialEq)]
pub struct Content {
    /// What the bytes are.
    pub shape: Shape,
    /// Media type without parameters, in lower case; empty where none was given.
    pub media_type: String,
    /// The coding that was undone to get these bytes, and how many there were before.
    pub decoded: Option<(String, u64)>,
    /// Codings that these bytes are still in, in the order in which they were applied.
    pub coding: String,
    /// In how many chunks it came; 0 where it was not chunked.
    pub chunks: u64,
    /// How many bytes were not captured: behind the last one shown.
    pub missing: Option<u64>,
    /// What else is wrong.
    pub trouble: Option<Trouble>,
}

/// The media type without its parameters.
pub fn essence(content_type: &[u8]) -> String {
    let name = content_type.split(|b| *b == b';').next().unwrap_or(&[]).trim_ascii();
    String::from_utf8_lossy(name).to_ascii_lowercase()
}

/// What bytes of this type are. Where no type is given their look decides, as RFC 9110 section 8.3 allows.
pub fn shape_of(content_type: Option<&[u8]>, bytes: &[u8]) -> Shape {
    let Some(declared) = content_type else {
        let printable = |b: &u8| b.is_ascii_graphic() || matches!(b, b' ' | b'\r' | b'\n' | b'\t');
        let looks_like_text = !bytes.is_empty() && bytes.iter().take(512).all(printable);
        return if looks_like_text { Shape::Text(None) } else { Shape::Opaque };
    };
    let name = essence(declared);
    let charset = || param(declared, b"charset");
    match name.as_str() {
        "application/x-www-form-urlencoded" => Shape::Form,
        _ if name.starts_with("multipart/") => match param(declared, b"boundary") {
            Some(boundary) if !boundary.is_empty() => Shape::Multipart(boundary),
            _ => Shape::Opaque,
        },
        _ if name.starts_with("text/") => Shape::Text(charset()),
        // RFC 8259 section 8.1: JSON has no charset parameter.
        "application/json" | "application/x-ndjson" => Shape::Text(Some(b"utf-8".to_vec())),
        _ if name.ends_with("+json") => Shape::Text(Some(b"utf-8".to_vec())),
        "application/xml"
        | "application/javascript"
        | "application/x-javascript"
        | "application/ecmascript"
        | "application/graphql"
        | "application/soap"
        | "application/ocsp-text"
        | "image/svg+xml" => Shape::Text(charset()),
        _ if name.ends_with("+xml") => Shape::Text(charset()),
        _ => Shape::Opaque,
    }
}

/// The character set that text is in, and how that is known.
pub fn charset_of(label: Option<&[u8]>, bytes: &[u8]) -> (&'static Encoding, &'static str) {
    // A mark at the beginning goes before what the head says (WHATWG Encoding, "BOM sniff").
    if let Some((encoding, _)) = Encoding::for_bom(bytes) {
        return (encoding, "bom");
    }
    match label.and_then(Encoding::for_label) {
        Some(encoding) => (encoding, "declared"),
        None if std::str::from_utf8(bytes).is_ok() => (UTF_8, "assumed"),
        None => (WINDOWS_1252, "assumed"),
    }
}

/// Names every byte of a body.
///
/// # Errors
/// [`Malformed`] where a form or a part is not what it says; what is before is recorded.
pub fn describe<R: Recorder>(content: &Content, c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    let text = |text: &str| Value::Text(text.to_owned());
    if !content.media_type.is_empty() {
        c.derived(&TYPE, || text(&content.media_type));
    }
    if content.chunks > 0 {
        c.derived(&CHUNKS, || Value::Uint(content.chunks));
    }
    if let Some((coding, length)) = &content.decoded {
        c.derived(&CODING, || text(coding));
        c.derived(&CODED, || Value::Uint(*length));
    } else if !content.coding.is_empty() {
        c.derived(&CODING, || text(&content.coding));
    }
    let length = c.left() as u64;
    c.derived(&LENGTH, || Value::Uint(length));
    if let Some(missing) = content.missing {
        c.derived(&MISSING, || Value::Uint(missing));
    }
    if let Some(trouble) = content.trouble {
        c.derived(&TROUBLE, || text(trouble.name()));
    }
    match &content.shape {
        Shape::Form => form::describe(c)?,
        Shape::Multipart(boundary) => multipart::describe(c, boundary, content.missing.is_some())?,
        Shape::Text(charset) => lines(c, charset.as_deref()),
        Shape::Opaque => {}
    }
    c.rest(&DATA);
    Ok(())
}

/// Text, line by line.
pub(super) fn lines<R: Recorder>(c: &mut Cursor<'_, '_, R>, label: Option<&[u8]>) {
    let (encoding, source) = charset_of(label, c.peek());
    c.derived(&CHARSET, || Value::Text(encoding.name().to_owned()));
    c.derived(&CHARSET_FROM, || Value::Text(source.to_owned()));
    if let Some((_, mark)) = Encoding::for_bom(c.peek()) {
        c.told(&MARK, mark, || Value::Bytes);
    }
    for _ in 0..MAX_LINES {
        let bytes = c.peek();
        if bytes.is_empty() {
            return;
        }
        let length = line_length(encoding, bytes);
        let shown = if length <= MAX_LINE { length } else { whole_characters(encoding, &bytes[..MAX_LINE]) };
        c.told(&LINE, shown, || {
            let (text, _) = encoding.decode_without_bom_handling(&bytes[..shown]);
            Value::Text(text.trim_end_matches(['\r', '\n']).to_owned())
        });
        if shown < length {
            let _ = c.bytes(&DATA, length - shown);
        }
    }
}

/// How long the line is that begins here, its end included.
fn line_length(encoding: &'static Encoding, bytes: &[u8]) -> usize {
    if encoding == UTF_16LE || encoding == UTF_16BE {
        let feed = if encoding == UTF_16LE { [b'\n', 0] } else { [0, b'\n'] };
        return bytes.chunks(2).position(|unit| unit == feed).map_or(bytes.len(), |at| at * 2 + 2);
    }
    bytes.iter().position(|b| *b == b'\n').map_or(bytes.len(), |at| at + 1)
}

/// The beginning of a long line, cut where a character ends, as far as that can be told cheaply.
fn whole_characters(encoding: &'static Encoding, bytes: &[u8]) -> usize {
    if encoding == UTF_8 {
        let within = bytes.iter().rev().take(4).take_while(|b| **b & 0xc0 == 0x80).count();
        return bytes.len() - within - usize::from(bytes[bytes.len() - within - 1] >= 0xc0);
    }
    // GB18030 and its like: an odd number of lead bytes at the end leaves a half.
    if encoding == GB18030 || encoding == encoding_rs::GBK {
        let high = bytes.iter().rev().take_while(|b| **b >= 0x80).count();
        return bytes.len() - high % 2;
    }
    bytes.len() & !1
}
