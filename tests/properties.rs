//! The whole path, reader to tree, over what the bundled captures can be made into: cut at every length, changed
//! at random, mixed with each other. What must hold is in `common`.
//!
//! The random part takes about a minute; `PROPTEST_CASES` sets how many mutants each test makes at most. Of frames that
//! are alike only a few are cut; with `EVERY_FRAME=1` all are.

mod common;
#[path = "common/mutants.rs"]
mod mutants;

use std::io::Cursor;

use common::Walk;
use mutants::{Kept, apply, captures, change, every_cut, search, telling};
use pcaplain::capture;
use pcaplain::capture::bundled::BUNDLED;
use pcaplain::decode::{self, Context};
use pcaplain::wire::{Node, NodeKind, Tree};
use proptest::collection::vec;
use proptest::prelude::*;

fn walk<'f>(frames: impl Iterator<Item = &'f Kept>) -> Result<Walk, String> {
    let mut walk = Walk::default();
    for (i, kept) in frames.enumerate() {
        walk.frame(&kept.frame(i as u64 + 1))?;
    }
    walk.finish()?;
    Ok(walk)
}

#[test]
fn bundled_captures_as_they_are() {
    for (name, frames) in captures() {
        let walked = walk(frames.iter()).unwrap_or_else(|e| panic!("@{name}: {e}"));
        assert!(walked.frames > 0, "@{name} is empty");
    }
}

/// As if the capture had been taken with every snap length there is: each frame is seen cut at every length,
/// and the followers see whole conversations of such frames.
#[test]
fn every_truncation_of_every_frame() {
    for (name, frames) in telling() {
        let short = |f: &Kept, length: usize| Kept { bytes: f.bytes[..length].to_vec(), ..f.clone() };
        for (length, cut) in every_cut(frames, short) {
            if let Err(e) = walk(cut.iter()) {
                panic!("@{name} cut to {length} bytes a frame: {e}");
            }
        }
    }
}

/// A cut takes away what it cuts, and nothing before it: every header field that ends before the cut is still told,
/// under the same name and with the same value. (Of bit fields that share bytes, those that end with a byte: the others
/// cannot be told without the rest of it.)
#[test]
fn a_cut_leaves_every_field_before_it() {
    let build = |kept: &Kept, tree: &mut Tree| {
        let frame = kept.frame(1);
        decode::build(&frame, &decode::decode(&frame), &Context::default(), tree);
    };
    let (mut whole, mut cut_tree) = (Tree::default(), Tree::default());
    for (name, frames) in telling() {
        for (number, kept) in frames.iter().enumerate() {
            build(kept, &mut whole);
            // A payload is told as what its bytes are, and that changes with how many there are.
            let header = |n: &&Node| {
                n.kind == NodeKind::Leaf
                    && !["data.", "tcp.payload"].iter().any(|p| n.field.name.starts_with(p))
                    && !n.field.name.ends_with(".trailer")
                    && (n.bit + n.bits).is_multiple_of(8)
            };
            let fields: Vec<&Node> = whole.nodes.iter().filter(header).collect();
            for length in 1..kept.bytes.len() {
                build(&Kept { bytes: kept.bytes[..length].to_vec(), ..kept.clone() }, &mut cut_tree);
                for field in fields.iter().filter(|f| f.bit + f.bits <= length * 8) {
                    let is_told = cut_tree.nodes.iter().any(|n| {
                        n.kind == NodeKind::Leaf
                            && (n.field.name, n.bit, n.bits) == (field.field.name, field.bit, field.bits)
                            && n.value == field.value
                    });
                    let told = |f: &Node| format!("{} {}+{} {:?}", f.field.name, f.bit, f.bits, f.value);
                    assert!(
                        is_told,
                        "@{name} frame {} cut to {length} bytes has no {}",
                        number + 1,
                        told(field)
                    );
                }
            }
        }
    }
}

/// The same cuts, where nothing says that the frames were longer: a length field then points beyond the frame.
#[test]
fn every_frame_shortened_on_the_wire() {
    for (name, frames) in telling() {
        let short = |f: &Kept, length: usize| Kept {
            bytes: f.bytes[..length].to_vec(),
            wire_len: length as u32,
            ..f.clone()
        };
        for (length, cut) in every_cut(frames, short) {
            if let Err(e) = walk(cut.iter()) {
                panic!("@{name} shortened to {length} bytes a frame: {e}");
            }
        }
    }
}

#[test]
fn changed_frames() {
    let mutants = (0..BUNDLED.len(), vec(change(), 1..12));
    search("changed frames", 20, mutants, |(capture, changes)| {
        let mut frames = captures()[*capture].1.clone();
        for change in changes {
            apply(&mut frames, change);
        }
        walk(frames.iter()).map(drop)
    });
}

#[test]
fn changed_files() {
    let edits = vec((any::<prop::sample::Index>(), any::<u8>()), 1..8);
    let mutants = (0..BUNDLED.len(), edits, prop::option::of(any::<prop::sample::Index>()));
    search("changed files", 20, mutants, |(capture, edits, cut)| {
        let mut bytes = BUNDLED[*capture].bytes.to_vec();
        for (at, value) in edits {
            let at = at.index(bytes.len());
            bytes[at] = *value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        match capture::file::from_reader("mutant", Box::new(Cursor::new(bytes))) {
            Ok(mut source) => Walk::default().source(&mut source).map(drop),
            Err(_) => Ok(()), // said to be unreadable: that is an answer
        }
    });
}

/// Bytes that no capture ever held, under every link type that has a decoder.
#[test]
fn any_bytes() {
    let links = prop::sample::select(vec![0u16, 1, 8, 9, 10, 51, 101, 105, 108, 113, 127, 228, 229, 276]);
    search("any bytes", 20, (links, vec(any::<u8>(), 0..200)), |(link_type, bytes)| {
        let (interface, wire_len) = (0, bytes.len() as u32);
        let frame = Kept { time_ns: 0, interface, link_type: *link_type, wire_len, bytes: bytes.clone() };
        walk(std::iter::once(&frame)).map(drop)
    });
}
