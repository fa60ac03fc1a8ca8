//! Undoing content codings: what a body was before it was compressed for the way.
//!
//! RFC 9110 section 8.4.1 (codings and their names), RFC 1952 (gzip), RFC 1950 and 1951 (deflate), RFC 7932 (Brotli), RFC 8878
//! (Zstandard). Leaves out: `compress` (LZW), which nobody sends any more, and dictionaries agreed on before (RFC 9842).
//!
//! Tolerant: what was decoded before the trouble is kept, and the trouble is a value. Bounded: output is limited in itself and by
//! the input's length, because a few bytes can be made to unfold into gigabytes.

use std::io::Read;

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use flate2::bufread::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use crate::protocol::http::Trouble;

/// The most that is decoded of one body.
pub const MAX_DECODED: usize = 4 * 1024 * 1024;
/// So many times its own length a body may unfold, or to [`ALWAYS`] where that is more. Text seldom passes 20.
const MAX_RATIO: usize = 256;
const ALWAYS: usize = 64 * 1024;
/// More codings than these on one body are not undone: nobody sends them in earnest.
pub const MAX_CODINGS: usize = 4;
/// What is lost where data is found to be corrupt: no more than one step of reading.
const STEP: usize = 1024;

/// A content coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// `gzip`, `x-gzip`.
    Gzip,
    /// `deflate`: zlib's form, or bare deflate, as some send it.
    Deflate,
    /// `br`.
    Brotli,
    /// `zstd`.
    Zstd,
    /// Another one.
    Unknown,
}

impl Coding {
    /// The coding of this name (RFC 9110 section 8.4.1: compared without case).
    pub fn of(name: &[u8]) -> Coding {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        if is("gzip") || is("x-gzip") {
            Coding::Gzip
        } else if is("deflate") {
            Coding::Deflate
        } else if is("br") {
            Coding::Brotli
        } else if is("zstd") {
            Coding::Zstd
        } else {
            Coding::Unknown
        }
    }
}

/// How far `length` bytes may unfold.
pub fn limit(length: usize) -> usize {
    length.saturating_mul(MAX_RATIO).clamp(ALWAYS, MAX_DECODED)
}

/// Undoes one coding; what came before any trouble is there.
pub fn decode(coding: Coding, bytes: &[u8], limit: usize) -> (Vec<u8>, Option<Trouble>) {
    match coding {
        Coding::Gzip => read(MultiGzDecoder::new(bytes), limit),
        // RFC 1950 section 2.2: the method is 8, and the two bytes are a multiple of 31.
        Coding::Deflate => match bytes {
            [cmf, flags, ..] if cmf & 15 == 8 && u16::from_be_bytes([*cmf, *flags]).is_multiple_of(31) => {
                read(ZlibDecoder::new(bytes), limit)
            }
            _ => read(DeflateDecoder::new(bytes), limit),
        },
        Coding::Brotli => brotli(bytes, limit),
        Coding::Zstd => zstd(bytes, limit),
        Coding::Unknown => (Vec::new(), Some(Trouble::UnknownCoding)),
    }
}

fn read(mut decoder: impl Read, limit: usize) -> (Vec<u8>, Option<Trouble>) {
    let mut out = Vec::new();
    let mut step = [0; STEP];
    loop {
        match decoder.read(&mut step) {
            Ok(0) => return (out, None),
            Ok(_) if out.len() >= limit => return (out, Some(Trouble::TooLong)),
            Ok(n) => out.extend_from_slice(&step[..n.min(limit - out.len())]),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                return (out, Some(Trouble::EndsEarly));
            }
            Err(_) => return (out, Some(Trouble::Corrupt)),
        }
    }
}

fn brotli(bytes: &[u8], limit: usize) -> (Vec<u8>, Option<Trouble>) {
    // Strict: windows beyond 16 MiB are no part of RFC 7932, and would be memory at the sender's bidding.
    let alloc = StandardAlloc::default;
    let mut state = BrotliState::new_strict(alloc(), alloc(), alloc());
    let mut out = Vec::new();
    let mut step = vec![0; 16 * STEP];
    let (mut left, mut at, mut total) = (bytes.len(), 0, 0);
    loop {
        let (mut room, mut written) = (step.len(), 0);
        let result = BrotliDecompressStream(
            &mut left,
            &mut at,
            bytes,
            &mut room,
            &mut written,
            &mut step,
            &mut total,
            &mut state,
        );
        let taken = written.min(limit - out.len());
        out.extend_from_slice(&step[..taken]);
        if taken < written {
            return (out, Some(Trouble::TooLong));
        }
        match result {
            BrotliResult::ResultSuccess if left > 0 => return (out, Some(Trouble::Corrupt)),
            BrotliResult::ResultSuccess => return (out, None),
            BrotliResult::NeedsMoreOutput => {}
            BrotliResult::NeedsMoreInput => return (out, Some(Trouble::EndsEarly)),
            BrotliResult::ResultFailure => return (out, Some(Trouble::Corrupt)),
        }
    }
}

fn zstd(bytes: &[u8], limit: usize) -> (Vec<u8>, Option<Trouble>) {
    // RFC 8878 section 3.1.1.2: an empty last block. It makes the decoder hand out what it holds back for its window.
    const END: [u8; 7] = [1, 0, 0, 0, 0, 0, 0];
    let mut source = bytes;
    let mut decoder = FrameDecoder::new();
    let mut out = Vec::new();
    let take = |decoder: &mut FrameDecoder, out: &mut Vec<u8>| {
        let some = decoder.collect().unwrap_or_default();
        let taken = some.len().min(limit - out.len());
        out.extend_from_slice(&some[..taken]);
        taken < some.len()
    };
    while !source.is_empty() {
        if decoder.reset(&mut source).is_err() {
            return (out, Some(if bytes.len() < 4 { Trouble::EndsEarly } else { Trouble::Corrupt }));
        }
        while !decoder.is_finished() {
            if decoder.decode_blocks(&mut source, BlockDecodingStrategy::UptoBlocks(1)).is_err() {
                let ends = source.len() < 4;
                let _ = decoder.decode_blocks(&END[..], BlockDecodingStrategy::UptoBlocks(1));
                take(&mut decoder, &mut out);
                return (out, Some(if ends { Trouble::EndsEarly } else { Trouble::Corrupt }));
            }
            if take(&mut decoder, &mut out) {
                return (out, Some(Trouble::TooLong));
            }
        }
        if take(&mut decoder, &mut out) {
            return (out, Some(Trouble::TooLong));
        }
    }
    (out, None)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const TEXT: &[u8] = b"Tea, tea, tea and more tea. Tea, tea, tea and more tea.";
    /// `TEXT` by the reference encoder.
    #[rustfmt::skip]
    const BROTLI: &[u8] = &[
        0x1b, 0x36, 0x00, 0xf8, 0x8d, 0x84, 0xdc, 0xc4, 0xea, 0x3f, 0x1c, 0x58, 0xa2, 0x4b, 0xba, 0x32, 0xaa, 0x06, 0x61,
        0x71, 0x09, 0x0b, 0x1b, 0x70, 0x04, 0x89, 0x04, 0x2e, 0x81, 0x8c, 0x67, 0x01, 0x2b, 0x1c, 0x94, 0x7e, 0xf8, 0xae,
        0x95, 0x3f, 0x11, 0x33,
    ];

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut e = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        e.write_all(bytes).unwrap();
        e.finish().unwrap()
    }

    fn coded(bytes: &[u8]) -> [(Coding, Vec<u8>); 4] {
        let mut z = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        z.write_all(bytes).unwrap();
        let mut d = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
        d.write_all(bytes).unwrap();
        let zstd = ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest);
        [
            (Coding::Gzip, gzip(bytes)),
            (Coding::Deflate, z.finish().unwrap()),
            (Coding::Deflate, d.finish().unwrap()),
            (Coding::Zstd, zstd),
        ]
    }

    #[test]
    fn each_coding_is_undone() {
        for (coding, bytes) in coded(TEXT) {
            assert_eq!(decode(coding, &bytes, MAX_DECODED), (TEXT.to_vec(), None), "{coding:?}");
        }
        assert_eq!(decode(Coding::Brotli, BROTLI, MAX_DECODED), (TEXT.to_vec(), None));
    }

    #[test]
    fn every_cut_is_said_and_nothing_is_made_up() {
        let all = coded(TEXT).into_iter().chain([(Coding::Brotli, BROTLI.to_vec())]);
        for (coding, bytes) in all {
            for end in 1..bytes.len() {
                let (out, trouble) = decode(coding, &bytes[..end], MAX_DECODED);
                assert!(TEXT.starts_with(&out), "{coding:?} cut to {end}");
                assert!(trouble.is_some(), "{coding:?} cut to {end}");
            }
        }
    }

    #[test]
    fn a_bomb_is_stopped() {
        let zeros = vec![0; 8 * 1024 * 1024];
        for (coding, bytes) in coded(&zeros) {
            let (out, trouble) = decode(coding, &bytes, limit(bytes.len()));
            assert_eq!(trouble, Some(Trouble::TooLong), "{coding:?}");
            assert_eq!(out.len(), limit(bytes.len()), "{coding:?}");
        }
    }

    #[test]
    fn garbage_is_borne() {
        let mut bytes = Vec::new();
        for seed in 0..400u32 {
            bytes.push((seed.wrapping_mul(2_654_435_761) >> 11) as u8);
            for coding in [Coding::Gzip, Coding::Deflate, Coding::Brotli, Coding::Zstd, Coding::Unknown] {
                let (out, _) = decode(coding, &bytes, limit(bytes.len()));
                assert!(out.len() <= limit(bytes.len()));
            }
        }
    }
}
