//! The lines around chunks: size and extensions before each, the end of line behind it, the trailer after the last.
//!
//! RFC 9112 section 7.1 (chunked), 7.1.1 (extensions), 7.1.2 (trailer). Leaves out: which bytes are data; the follower of the
//! connection knows, see `flow/http/framing.rs`.

use super::{OF_HEAD, header_fields, line};
use crate::wire::{Cursor, Field, Malformed, Recorder, Value};

static LINE: Field = Field::new("http.chunk");
static SIZE: Field = Field::new("http.chunk_size");
static EXTENSION: Field = Field::new("http.chunk_extension");
static BOUNDARY: Field = Field::new("http.chunk_boundary");
static TRAILER: Field = Field::new("http.chunked_trailer_part");
static SEPARATOR: Field = Field::new("http.separator");
static PART: Field = Field::new("http.chunk_line_part");

/// What a part of the lines around chunks is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChunkPart {
    /// A size line, whole.
    Size,
    /// The end of line behind a chunk.
    End,
    /// The fields behind the last chunk and the empty line, whole.
    Trailer,
    /// The beginning or the middle of one of these; the rest comes in a later segment.
    Part,
    /// The end of a size line that a segment before began; the size.
    SizeEnd(u64),
}

/// Names every byte of such a part.
///
/// # Errors
/// [`Malformed`] where it is not what it is said to be.
pub fn describe<R: Recorder>(part: ChunkPart, c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    match part {
        ChunkPart::Size => c.group(&LINE, size_line),
        ChunkPart::End => c.bytes(&BOUNDARY, c.left()).map(drop),
        ChunkPart::Trailer => {
            let has_fields = line(c.peek()).content > 0;
            match has_fields {
                true => c.group(&TRAILER, |c| header_fields(c, &OF_HEAD, |_, _| {})),
                false => c.bytes(&SEPARATOR, c.left()).map(drop),
            }
        }
        ChunkPart::Part => c.bytes(&PART, c.left()).map(drop),
        ChunkPart::SizeEnd(size) => {
            c.bytes(&PART, c.left())?;
            c.derived(&SIZE, || Value::Uint(size));
            Ok(())
        }
    }
}

fn size_line<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    let bytes = c.peek();
    let line = line(bytes);
    let digits = bytes.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    let size = std::str::from_utf8(&bytes[..digits]).ok().and_then(|d| u64::from_str_radix(d, 16).ok());
    let Some(size) = size else { return Err(c.nonsense(&SIZE)) };
    c.told(&SIZE, digits, || Value::Uint(size));
    let rest = &bytes[digits..line.content.max(digits)];
    let gap = rest.iter().take_while(|b| matches!(b, b' ' | b'\t' | b'\r' | b';')).count();
    c.bytes(&SEPARATOR, gap)?;
    c.text(&EXTENSION, rest.len() - gap)?;
    c.bytes(&SEPARATOR, c.left()).map(drop)
}
