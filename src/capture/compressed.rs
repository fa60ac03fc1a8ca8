//! Compressed captures: gzip (RFC 1952, several members) and Zstandard (RFC 8878, several frames, skippable frames),
//! told by their first bytes, never by a file's name.
//!
//! Leaves out: lz4, xz, bzip2 and zip; Zstandard dictionaries.

use std::error::Error;
use std::io::{self, BufRead, BufReader, Cursor, ErrorKind, Read};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::Reason;

/// Bytes of any input.
pub type Bytes = Box<dyn Read + Send>;

/// Compressed data inside compressed data: more layers than this are left as they are.
const LAYERS: usize = 3;

/// Compressed bytes read at a time.
const ROOM: usize = 128 << 10;

/// An input with its compression, if any, taken off.
pub struct Input {
    /// The decompressed bytes.
    pub reader: Bytes,
    /// Whether something had to be decompressed: tells a read error from damaged data.
    pub compressed: bool,
}

impl Input {
    /// Look at the first bytes of `raw` and put the decompressor that they ask for in front of it.
    ///
    /// # Errors
    /// Where the input, or a compressed input inside it, cannot be read.
    pub fn detect(raw: Bytes) -> Result<Self, Reason> {
        let mut input = Self { reader: raw, compressed: false };
        for _ in 0..LAYERS {
            let head = head(&mut input.reader).map_err(|error| input.reason(&error))?;
            let kind = Kind::of(&head);
            let whole: Bytes = Box::new(Cursor::new(head).chain(input.reader));
            input.reader = match kind {
                Kind::Plain => return Ok(Self { reader: whole, ..input }),
                Kind::Gzip => Box::new(MultiGzDecoder::new(BufReader::with_capacity(ROOM, whole))),
                Kind::Zstd => Box::new(Zstd::new(BufReader::with_capacity(ROOM, whole))),
            };
            input.compressed = true;
        }
        Ok(input)
    }

    /// Why reading failed. A failed read below a decompressor comes up wrapped in the decompressor's own error; any
    /// other failure of a decompressor is damage in what it was given.
    pub fn reason(&self, error: &io::Error) -> Reason {
        let mut cause: Option<&(dyn Error + 'static)> = Some(error);
        while let Some(this) = cause {
            cause = match this.downcast_ref::<io::Error>() {
                Some(io) if io.raw_os_error().is_some() => return Reason::Io { message: io.to_string() },
                // An io::Error leaves itself out of its source(): what it wraps is behind get_ref().
                Some(io) => io.get_ref().map(|inner| inner as &(dyn Error + 'static)),
                None => this.source(),
            };
        }
        match self.compressed {
            true => Reason::Compression { detail: error.to_string() },
            false => Reason::Io { message: error.to_string() },
        }
    }
}

/// The first four bytes, or fewer where there are no more.
fn head(reader: &mut Bytes) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(4);
    reader.take(4).read_to_end(&mut head)?;
    Ok(head)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Gzip,
    Zstd,
}

impl Kind {
    fn of(head: &[u8]) -> Self {
        match head {
            // ID1, ID2, and CM = deflate: the only method there is. (RFC 1952 section 2.3.1)
            [0x1f, 0x8b, 8, _] => Kind::Gzip,
            // Magic_Number of a frame. (RFC 8878 section 3.1.1)
            [0x28, 0xb5, 0x2f, 0xfd] => Kind::Zstd,
            // A skippable frame: pzstd writes one first. (RFC 8878 section 3.1.2)
            [0x50..=0x5f, 0x2a, 0x4d, 0x18] => Kind::Zstd,
            _ => Kind::Plain,
        }
    }
}

/// All frames of a Zstandard stream as one. `ruzstd` decodes one frame, leaves the check sum to its caller, and holds
/// back a whole window (up to megabytes) until the frame ends, which a cut frame never does: see [`Zstd::give_up`].
struct Zstd<R> {
    source: R,
    decoder: Box<FrameDecoder>,
    inside: bool,
    failed: Option<io::Error>,
}

impl<R: BufRead> Zstd<R> {
    fn new(source: R) -> Self {
        Self { source, decoder: Box::new(FrameDecoder::new()), inside: false, failed: None }
    }

    /// Go to the next frame that holds data; `false` at the end.
    fn next_frame(&mut self) -> io::Result<bool> {
        while !self.source.fill_buf()?.is_empty() {
            match self.decoder.reset(&mut self.source) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let length = u64::from(length);
                    if io::copy(&mut (&mut self.source).take(length), &mut io::sink())? < length {
                        return Err(ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        Ok(false)
    }

    /// The frame is cut or corrupt. End it with an empty last block, so that what was decoded before the damage
    /// comes out first and the error after it.
    fn give_up(&mut self, error: io::Error) -> io::Result<()> {
        // Block_Header: Last_Block, Raw_Block, size 0 (RFC 8878 section 3.1.1.2), then a check sum that nobody checks.
        const END: [u8; 7] = [1, 0, 0, 0, 0, 0, 0];
        match self.decoder.decode_blocks(&END[..], BlockDecodingStrategy::UptoBlocks(1)) {
            Ok(_) => self.failed = Some(error),
            Err(_) => return Err(error),
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.inside && !self.next_frame()? {
                return Ok(0);
            }
            self.inside = true;
            let count = self.decoder.read(buffer)?;
            if count > 0 {
                return Ok(count);
            }
            if !self.decoder.is_finished() {
                let decoded =
                    self.decoder.decode_blocks(&mut self.source, BlockDecodingStrategy::UptoBlocks(1));
                if let Err(error) = decoded {
                    self.give_up(io::Error::other(error))?;
                }
                continue;
            }
            self.inside = false;
            if let Some(error) = self.failed.take() {
                return Err(error);
            }
            let said = self.decoder.get_checksum_from_data();
            if said.is_some() && said != self.decoder.get_calculated_checksum() {
                return Err(io::Error::new(ErrorKind::InvalidData, "checksum mismatch"));
            }
        }
    }
}
