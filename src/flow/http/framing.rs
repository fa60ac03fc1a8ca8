//! Where a body ends: by its length, by its chunks, or with the connection.
//!
//! RFC 9112 section 6.3 (how long a body is), 7.1 (chunks). Leaves out: what is in it, see `body.rs`.

use crate::protocol::http::{ContentLength, Head, TransferEncoding};

/// The longest line of a chunk's size, and the longest trailer section.
pub(super) const MAX_CHUNK_LINE: u32 = 16 * 1024;

/// Where one direction stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// A message begins, or its head has begun: [`Side::head`] holds what has come of it.
    Head,
    /// A body of known length.
    Body { left: u64 },
    /// A body that ends with the connection.
    UntilClose,
    /// The line before a chunk.
    ChunkSize { size: u64, digits: u8, extension: bool, length: u32 },
    /// A chunk.
    ChunkData { left: u64 },
    /// The end of line after a chunk.
    ChunkEnd,
    /// The lines after the last chunk; `line` bytes of the present one, without its end, have been read.
    Trailer { line: u32, length: u32 },
    /// Nobody knows where the next message begins; a segment that begins like a head ends this.
    Lost,
}

impl Reading {
    pub(super) const CHUNK: Reading = Reading::ChunkSize { size: 0, digits: 0, extension: false, length: 0 };

    pub(super) fn body(left: u64) -> Reading {
        if left == 0 { Reading::Head } else { Reading::Body { left } }
    }
}

/// One byte of a chunk's size line (RFC 9112 section 7.1), of the end of line after a chunk, or of a trailer.
pub(super) fn between_chunks(reading: Reading, byte: u8) -> Reading {
    match reading {
        Reading::ChunkSize { length: MAX_CHUNK_LINE.., .. } => Reading::Lost,
        Reading::ChunkSize { size, digits, extension, length } => {
            let next =
                |size, digits, extension| Reading::ChunkSize { size, digits, extension, length: length + 1 };
            match byte {
                b'\n' if digits == 0 => Reading::Lost,
                b'\n' if size == 0 => Reading::Trailer { line: 0, length: 0 },
                b'\n' => Reading::ChunkData { left: size },
                _ if extension => next(size, digits, true),
                b';' | b' ' | b'\t' | b'\r' if digits > 0 => next(size, digits, true),
                _ => match char::from(byte).to_digit(16) {
                    // Sixteen digits fill 64 bits; zeros before them are no more than that.
                    Some(digit) if size >> 60 == 0 => {
                        next(size << 4 | u64::from(digit), digits.saturating_add(1), false)
                    }
                    _ => Reading::Lost,
                },
            }
        }
        Reading::ChunkEnd => match byte {
            b'\r' => Reading::ChunkEnd,
            b'\n' => Reading::CHUNK,
            _ => Reading::Lost,
        },
        Reading::Trailer { length: MAX_CHUNK_LINE.., .. } => Reading::Lost,
        Reading::Trailer { line, length } => match byte {
            b'\n' if line == 0 => Reading::Head,
            b'\n' => Reading::Trailer { line: 0, length: length + 1 },
            b'\r' => Reading::Trailer { line, length: length + 1 },
            _ => Reading::Trailer { line: line + 1, length: length + 1 },
        },
        other => other,
    }
}

/// RFC 9112 section 6.3 rules 3 to 7, for a request.
pub(super) fn request_body(head: &Head<'_>) -> Reading {
    match (head.transfer, head.content_length) {
        (TransferEncoding::Chunked, _) => Reading::CHUNK,
        // Rule 4: "the message body length cannot be determined reliably".
        (TransferEncoding::Other, _) | (TransferEncoding::Absent, ContentLength::Invalid) => Reading::Lost,
        (TransferEncoding::Absent, ContentLength::Bytes(n)) => Reading::body(n),
        (TransferEncoding::Absent, ContentLength::Absent) => Reading::Head,
    }
}

/// RFC 9112 section 6.3, for a response; rule 2 (a tunnel) has been seen to.
pub(super) fn response_body(head: &Head<'_>, code: u16, to_head: bool) -> Reading {
    if to_head || matches!(code, 100..=199 | 204 | 304) {
        return Reading::Head;
    }
    match (head.transfer, head.content_length) {
        (TransferEncoding::Chunked, _) => Reading::CHUNK,
        (TransferEncoding::Other, _) => Reading::UntilClose,
        // Rule 5: unrecoverable; the client must close, so what comes until then is this response's.
        (_, ContentLength::Invalid | ContentLength::Absent) => Reading::UntilClose,
        (_, ContentLength::Bytes(n)) => Reading::body(n),
    }
}
