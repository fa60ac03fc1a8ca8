//! What captures can be made into: frames cut, changed, mixed; and the search for a mutant that breaks a property.
#![allow(dead_code)] // each test uses its part

use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use pcaplain::capture::bundled::BUNDLED;
use pcaplain::capture::{self, Frame, Source};
use pcaplain::decode::{self, Context};
use pcaplain::wire::Tree;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};

/// A frame that owns its bytes.
#[derive(Debug, Clone)]
pub struct Kept {
    pub time_ns: i64,
    pub interface: u32,
    pub link_type: u16,
    pub wire_len: u32,
    pub bytes: Vec<u8>,
}

impl Kept {
    pub fn frame(&self, number: u64) -> Frame<'_> {
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
pub fn captures() -> &'static [(&'static str, Vec<Kept>)] {
    static CAPTURES: OnceLock<Vec<(&str, Vec<Kept>)>> = OnceLock::new();
    CAPTURES.get_or_init(|| BUNDLED.iter().map(|b| (b.name, frames(b.name))).collect())
}

/// How many frames of one structure are looked at.
const ALIKE: u32 = 4;
/// Up to this length of the cut, frames that it leaves whole are kept for what they tell of the others' conversations.
const CONTEXT: usize = 128;

/// The frames of every bundled capture, without those that have the same fields in the same order as four before them:
/// a long transfer is made of hundreds of equal frames, and each would be cut at each of its lengths. With EVERY_FRAME in the
/// environment nothing is left out.
pub fn telling() -> &'static [(&'static str, Vec<Kept>)] {
    static TELLING: OnceLock<Vec<(&str, Vec<Kept>)>> = OnceLock::new();
    TELLING.get_or_init(|| {
        let all = std::env::var_os("EVERY_FRAME").is_some();
        let mut seen: HashMap<Vec<&'static str>, u32> = HashMap::new();
        let mut is_new = |kept: &Kept| {
            let frame = kept.frame(1);
            let mut tree = Tree::default();
            decode::build(&frame, &decode::decode(&frame), &Context::default(), &mut tree);
            let count = seen.entry(tree.nodes.iter().map(|node| node.field.name).collect()).or_default();
            *count += 1;
            all || *count <= ALIKE
        };
        captures()
            .iter()
            .map(|(name, frames)| (*name, frames.iter().filter(|f| is_new(f)).cloned().collect()))
            .collect()
    })
}

/// Every cut of a capture: the length, and its frames as `cut` makes them. Beyond the first `CONTEXT` bytes only frames that
/// the cut shortens are there.
pub fn every_cut<'a>(
    frames: &'a [Kept],
    cut: impl Fn(&Kept, usize) -> Kept + 'a,
) -> impl Iterator<Item = (usize, Vec<Kept>)> + 'a {
    let longest = frames.iter().map(|f| f.bytes.len()).max().unwrap_or(0);
    (0..longest).map(move |length| {
        let kept = frames.iter().filter(|f| length < CONTEXT || f.bytes.len() > length);
        (length, kept.map(|f| cut(f, f.bytes.len().min(length))).collect())
    })
}

/// The frames of one of them.
pub fn frames(name: &str) -> Vec<Kept> {
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

/// A change to a list of frames. Positions are taken modulo what there is.
#[derive(Debug, Clone)]
pub enum Change {
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

pub fn change() -> impl Strategy<Value = Change> {
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

pub fn apply(frames: &mut Vec<Kept>, change: &Change) {
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
pub fn search<T: std::fmt::Debug>(
    what: &str,
    seconds: u64,
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
        if began.elapsed() < Duration::from_secs(seconds) {
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
