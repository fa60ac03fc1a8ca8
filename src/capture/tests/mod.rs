//! Tests of the capture room from its front door: images of files go in, frames or damage come out.
//!
//! Here are the tools that all of them use; the images stand beside the tests of their format.

mod compressed;
mod corpus;
mod door;
mod pcap;
mod pcapng;
mod property;

use std::io::{Cursor, Read};

use super::file::from_reader;
use super::{Damage, Files, Interface, Reason, Source};

/// A frame that owns its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Kept {
    number: u64,
    time_ns: i64,
    interface: u32,
    link_type: u16,
    wire_len: u32,
    bytes: Vec<u8>,
}

/// What reading a capture to its end gave.
#[derive(Debug)]
struct Outcome {
    frames: Vec<Kept>,
    damage: Option<Damage>,
    interfaces: Vec<Interface>,
    comments: Vec<String>,
    dropped: u64,
}

/// Read `source` to its end. After damage there must be nothing more.
fn drain(source: &mut dyn Source) -> Outcome {
    let mut frames = Vec::new();
    let mut damage = None;
    loop {
        match source.next() {
            Ok(Some(frame)) => {
                assert!(damage.is_none(), "a frame after damage");
                frames.push(Kept {
                    number: frame.number,
                    time_ns: frame.time_ns,
                    interface: frame.interface,
                    link_type: frame.link_type,
                    wire_len: frame.wire_len,
                    bytes: frame.bytes.to_vec(),
                });
            }
            Ok(None) => break,
            Err(error) => assert!(damage.replace(error).is_none(), "damage twice"),
        }
    }
    Outcome {
        frames,
        damage,
        interfaces: source.interfaces().to_vec(),
        comments: source.comments().to_vec(),
        dropped: source.dropped(),
    }
}

fn open_bytes(bytes: &[u8]) -> Result<Files, Damage> {
    from_reader("test", Box::new(Cursor::new(bytes.to_vec())))
}

/// Read an image that has at least a header.
fn read(bytes: &[u8]) -> Outcome {
    drain(&mut open_bytes(bytes).unwrap())
}

/// Read an image that has to be sound.
fn read_sound(bytes: &[u8]) -> Outcome {
    let outcome = read(bytes);
    assert_eq!(outcome.damage, None);
    outcome
}

/// The damage found at `offset` after `frames` frames.
fn damage(offset: u64, frames: u64, reason: Reason) -> Option<Damage> {
    Some(Damage { file: "test".into(), offset, frame: frames + 1, reason })
}

/// Why an image cannot be opened at all.
fn refused(bytes: &[u8]) -> Reason {
    let damage = open_bytes(bytes).err().expect("opened");
    assert_eq!((damage.offset, damage.frame), (0, 1));
    damage.reason
}

/// A reader that gives its bytes in small portions, as a pipe does, and then what `end` says.
struct Drip {
    bytes: Cursor<Vec<u8>>,
    portion: usize,
    end: Option<i32>,
    interrupt: bool,
}

impl Drip {
    fn new(bytes: &[u8], portion: usize) -> Self {
        Self { bytes: Cursor::new(bytes.to_vec()), portion, end: None, interrupt: false }
    }
}

impl Read for Drip {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.interrupt = !self.interrupt;
        if self.interrupt {
            return Err(std::io::ErrorKind::Interrupted.into());
        }
        let count = buffer.len().min(self.portion);
        match (self.bytes.read(&mut buffer[..count])?, self.end) {
            (0, Some(code)) => Err(std::io::Error::from_raw_os_error(code)),
            (count, _) => Ok(count),
        }
    }
}
