//! Messages that are compressed: raw DEFLATE, each going on from what the messages before left behind.
//!
//! RFC 7692 section 7.2.2 (four bytes are put back behind each message), 7.1.1 (context takeover). Bounded: [`MAX_INFLATED`] a message;
//! a message that was not seen, or is longer, leaves nothing to go on from.

use flate2::{Decompress, FlushDecompress, Status};

/// The longest message that is decompressed.
pub const MAX_INFLATED: usize = 1024 * 1024;
/// What a sender leaves out at the end of each message.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
/// Room that is made at once.
const STEP: usize = 8 * 1024;

/// What decompresses one direction.
#[derive(Debug)]
pub struct Inflate {
    state: Decompress,
    /// Whether each message begins afresh.
    fresh: bool,
    /// Whether what the next message goes on from is not known.
    broken: bool,
}

impl Inflate {
    /// Before the first message.
    pub fn new(fresh: bool) -> Inflate {
        Inflate { state: Decompress::new(false), fresh, broken: false }
    }

    /// A message was not seen.
    pub fn missed(&mut self) {
        self.broken = !self.fresh;
    }

    /// A message decompressed; `None` where it cannot be.
    pub fn message(&mut self, compressed: &[u8]) -> Option<Vec<u8>> {
        if self.broken {
            return None;
        }
        let mut out = Vec::new();
        let done = self.feed(compressed, &mut out) && self.feed(&TAIL, &mut out);
        if self.fresh || !done {
            self.state.reset(false);
        }
        if !done {
            self.missed();
        }
        done.then_some(out)
    }

    fn feed(&mut self, mut input: &[u8], out: &mut Vec<u8>) -> bool {
        loop {
            if out.len() >= MAX_INFLATED {
                return false;
            }
            out.reserve(STEP);
            let (read, written) = (self.state.total_in(), self.state.total_out());
            let Ok(status) = self.state.decompress_vec(input, out, FlushDecompress::Sync) else {
                return false;
            };
            let (read, written) = (self.state.total_in() - read, self.state.total_out() - written);
            input = &input[read as usize..];
            match status {
                // RFC 7692 section 7.2.3.4: a last block ends nothing but itself.
                Status::StreamEnd => {
                    self.state.reset(false);
                    if input.is_empty() {
                        return true;
                    }
                }
                _ if input.is_empty() && out.len() < out.capacity() => return true,
                _ if read == 0 && written == 0 && out.len() < out.capacity() => return false,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7692 section 7.2.3.1 and 7.2.3.2: "Hello", and again by reference to the first.
    const HELLO: &[u8] = &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    const AGAIN: &[u8] = &[0xf2, 0x00, 0x11, 0x00, 0x00];

    #[test]
    fn examples_of_the_rfc() {
        let mut inflate = Inflate::new(false);
        assert_eq!(inflate.message(HELLO).unwrap(), b"Hello");
        assert_eq!(inflate.message(AGAIN).unwrap(), b"Hello");
        let mut inflate = Inflate::new(true);
        assert_eq!(inflate.message(HELLO).unwrap(), b"Hello");
        // Nothing is left to refer to.
        assert_ne!(inflate.message(AGAIN).as_deref(), Some(&b"Hello"[..]));
        assert_eq!(inflate.message(HELLO).unwrap(), b"Hello");
        // 7.2.3.4: a last block; 7.2.3.5: two blocks.
        let mut inflate = Inflate::new(false);
        assert_eq!(inflate.message(&[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00]).unwrap(), b"Hello");
        let two = [0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00];
        assert_eq!(Inflate::new(false).message(&two).unwrap(), b"Hello");
    }

    #[test]
    fn what_was_missed_is_not_made_up() {
        let mut inflate = Inflate::new(false);
        inflate.missed();
        assert_eq!(inflate.message(HELLO), None);
        assert_eq!(Inflate::new(false).message(&[0xff; 20]), None);
    }

    #[test]
    fn a_bomb_stops() {
        use flate2::{Compression, write::DeflateEncoder};
        use std::io::Write;
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&vec![0; 64 << 20]).unwrap();
        let bomb = encoder.finish().unwrap();
        let mut inflate = Inflate::new(false);
        assert_eq!(inflate.message(&bomb), None);
        assert_eq!(inflate.message(HELLO), None);
    }
}
