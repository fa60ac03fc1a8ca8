//! The whole path, reader to tree, over what the bundled captures can be made into: cut at every length, changed
//! at random, mixed with each other. What must hold is in `common`.
//!
//! The random part takes about [`BUDGET`]; `PROPTEST_CASES` sets how many mutants each test makes at most.

mod common;

use std::io::Cursor;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use common::Walk;
use pcaplain::capture::bundled::BUNDLED;
use pcaplain::capture::{self, Frame, Source};
use pcaplain::decode::{self, Context};
use pcaplain::wire::{Node, NodeKind, Tree};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};

/// How long each random test goes on.
const BUDGET: Duration = Duration::from_secs(20);

/// A frame that owns its bytes.
#[derive(Debug, Clone)]
struct Kept {
    time_ns: i64,
    interface: u32,
    link_type: u16,
    wire_len: u32,
    bytes: Vec<u8>,
}

impl Kept {
    fn frame(&self, number: u64) -> Frame<'_> {
        Frame {
            number,
            time_ns: self.time_ns,
            interface: self.interface,
            link_type: self.link_type,
            wire_len: self.wire_len,
            bytes: &self.bytes,
        }
    }
}

/// The frames of every bundled capture.
fn captures() -> &'static [(&'static str, Vec<Kept>)] {
    static CAPTURES: OnceLock<Vec<(&str, Vec<Kept>)>> = OnceLock::new();
    CAPTURES.get_or_init(|| BUNDLED.iter().map(|b| (b.name, frames(b.name))).collect())
}

fn frames(name: &str) -> Vec<Kept> {
    let mut source = capture::open(&format!("@{name}")).expect("a bundled capture");
    let mut frames = Vec::new();
    while let Some(f) = source.next().expect("an undamaged capture") {
        frames.push(Kept {
            time_ns: f.time_ns,
            interface: f.interface,
            link_type: f.link_type,
            wire_len: f.wire_len,
            bytes: f.bytes.to_vec(),
        });
    }
    frames
}

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
    for (name, frames) in captures() {
        let longest = frames.iter().map(|f| f.bytes.len()).max().unwrap_or(0);
        for length in 0..longest {
            let cut: Vec<Kept> = frames
                .iter()
                .map(|f| Kept { bytes: f.bytes[..f.bytes.len().min(length)].to_vec(), ..f.clone() })
                .collect();
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
    for (name, frames) in captures() {
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
    for (name, frames) in captures() {
        let longest = frames.iter().map(|f| f.bytes.len()).max().unwrap_or(0);
        for length in 0..longest {
            let short = |f: &Kept| f.bytes.len().min(length);
            let cut: Vec<Kept> = frames
                .iter()
                .map(|f| Kept { bytes: f.bytes[..short(f)].to_vec(), wire_len: short(f) as u32, ..f.clone() })
                .collect();
            if let Err(e) = walk(cut.iter()) {
                panic!("@{name} shortened to {length} bytes a frame: {e}");
            }
        }
    }
}

/// A change to a list of frames. Positions are taken modulo what there is.
#[derive(Debug, Clone)]
enum Change {
    Byte {
        frame: usize,
        offset: usize,
        value: u8,
    },
    /// Headers are where changes bite: the first 96 bytes.
    Header {
        frame: usize,
        offset: usize,
        value: u8,
    },
    Cut {
        frame: usize,
        length: usize,
    },
    Lengthen {
        frame: usize,
        by: Vec<u8>,
    },
    Drop {
        frame: usize,
    },
    Repeat {
        frame: usize,
        at: usize,
    },
    Swap {
        a: usize,
        b: usize,
    },
    Time {
        frame: usize,
        by: i64,
    },
    Link {
        frame: usize,
        link_type: u16,
    },
    Interface {
        frame: usize,
        interface: u32,
    },
    /// From another capture.
    Foreign {
        at: usize,
        capture: usize,
        frame: usize,
    },
}

fn change() -> impl Strategy<Value = Change> {
    use Change::*;
    let (any_frame, any_offset) = (any::<u16>().prop_map(usize::from), any::<u16>().prop_map(usize::from));
    let telling = prop_oneof![Just(0), Just(1), Just(0x7f), Just(0x80), Just(0xff), any::<u8>()];
    let links = prop_oneof![
        Just(0),
        Just(1),
        Just(12),
        Just(101),
        Just(108),
        Just(113),
        Just(228),
        Just(229),
        Just(276),
        any::<u16>()
    ];
    prop_oneof![
        4 => (any_frame.clone(), any_offset.clone(), telling.clone())
            .prop_map(|(frame, offset, value)| Byte { frame, offset, value }),
        12 => (any_frame.clone(), 0usize..96, telling)
            .prop_map(|(frame, offset, value)| Header { frame, offset, value }),
        2 => (any_frame.clone(), any_offset.clone()).prop_map(|(frame, length)| Cut { frame, length }),
        1 => (any_frame.clone(), vec(any::<u8>(), 1..80)).prop_map(|(frame, by)| Lengthen { frame, by }),
        1 => any_frame.clone().prop_map(|frame| Drop { frame }),
        2 => (any_frame.clone(), any_offset.clone()).prop_map(|(frame, at)| Repeat { frame, at }),
        2 => (any_frame.clone(), any_frame.clone()).prop_map(|(a, b)| Swap { a, b }),
        1 => (any_frame.clone(), any::<i64>()).prop_map(|(frame, by)| Time { frame, by }),
        1 => (any_frame.clone(), links).prop_map(|(frame, link_type)| Link { frame, link_type }),
        1 => (any_frame.clone(), 0u32..3).prop_map(|(frame, interface)| Interface { frame, interface }),
        1 => (any_offset, any_frame.clone(), any_frame)
            .prop_map(|(at, capture, frame)| Foreign { at, capture, frame }),
    ]
}

fn apply(frames: &mut Vec<Kept>, change: &Change) {
    let count = frames.len();
    if count == 0 {
        return;
    }
    let mut set = |frame: usize, offset: usize, value: u8| {
        let bytes = &mut frames[frame % count].bytes;
        if let length @ 1.. = bytes.len() {
            bytes[offset % length] = value;
        }
    };
    match change {
        Change::Byte { frame, offset, value } | Change::Header { frame, offset, value } => {
            set(*frame, *offset, *value);
        }
        Change::Cut { frame, length } => {
            let bytes = &mut frames[frame % count].bytes;
            bytes.truncate(length % (bytes.len() + 1));
        }
        Change::Lengthen { frame, by } => {
            let f = &mut frames[frame % count];
            f.bytes.extend_from_slice(by);
            f.wire_len = f.wire_len.max(f.bytes.len() as u32);
        }
        Change::Drop { frame } => drop(frames.remove(frame % count)),
        Change::Repeat { frame, at } => {
            let copy = frames[frame % count].clone();
            frames.insert(at % count, copy);
        }
        Change::Swap { a, b } => frames.swap(a % count, b % count),
        // Stamps come from files: any that the reader can give.
        Change::Time { frame, by } => {
            let time = &mut frames[frame % count].time_ns;
            *time = time.saturating_add(*by);
        }
        Change::Link { frame, link_type } => frames[frame % count].link_type = *link_type,
        Change::Interface { frame, interface } => frames[frame % count].interface = *interface,
        Change::Foreign { at, capture, frame } => {
            let (_, others) = &captures()[capture % captures().len()];
            frames.insert(at % count, others[frame % others.len()].clone());
        }
    }
}

/// Runs a property over mutants until the time is over. A breach is shrunk to the smallest mutant that shows it.
fn search<T: std::fmt::Debug>(
    what: &str,
    strategy: impl Strategy<Value = T>,
    holds: impl Fn(&T) -> Result<(), String>,
) {
    let began = Instant::now();
    let count = std::cell::Cell::new(0u32);
    let mut config = Config { failure_persistence: None, ..Config::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = 200_000;
    }
    let found = TestRunner::new(config).run(&strategy, |mutant| {
        if began.elapsed() < BUDGET {
            count.set(count.get() + 1);
            return holds(&mutant).map_err(TestCaseError::fail);
        }
        Ok(())
    });
    eprintln!("{what}: {} mutants in {:.1} s", count.get(), began.elapsed().as_secs_f64());
    match found {
        Ok(()) => {}
        Err(TestError::Fail(reason, mutant)) => panic!("{what}: {reason}\n{mutant:?}"),
        Err(TestError::Abort(reason)) => panic!("{what}: {reason}"),
    }
}

#[test]
fn changed_frames() {
    let mutants = (0..BUNDLED.len(), vec(change(), 1..12));
    search("changed frames", mutants, |(capture, changes)| {
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
    search("changed files", mutants, |(capture, edits, cut)| {
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
    let links =
        prop_oneof![Just(0u16), Just(1), Just(101), Just(108), Just(113), Just(228), Just(229), Just(276)];
    search("any bytes", (links, vec(any::<u8>(), 0..200)), |(link_type, bytes)| {
        let (interface, wire_len) = (0, bytes.len() as u32);
        let frame = Kept { time_ns: 0, interface, link_type: *link_type, wire_len, bytes: bytes.clone() };
        walk(std::iter::once(&frame)).map(drop)
    });
}
