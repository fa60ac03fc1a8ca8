//! What a capture does to packets is not to be told as a fault of the network: each artifact is put into clean captures,
//! and taken as it was recorded.

#[path = "common/mutants.rs"]
mod mutants;

use std::collections::BTreeMap;

use mutants::{Kept, frames};
use pcaplain::decode;
use pcaplain::flow::{Kind, Outcome, Tracker};

/// Recorded without loss, disorder or repetition; one capture point each.
const CLEAN: [&str; 5] = ["tcp-basic", "tcp-duplex", "http11-basic", "http-close", "websocket"];

/// What a network does wrong, or a host that answers it.
const FAULTS: [Kind; 12] = [
    Kind::TcpRetransmission,
    Kind::TcpFastRetransmission,
    Kind::TcpSpuriousRetransmission,
    Kind::TcpOutOfOrder,
    Kind::TcpLostSegment,
    Kind::TcpDuplicateAck,
    Kind::TcpZeroWindow,
    Kind::TcpReusedPorts,
    Kind::TcpRefused,
    Kind::ArpConflict,
    Kind::ArpUnanswered,
    Kind::ChecksumBad,
];

/// How often each kind of event is told.
fn told<'f>(frames: impl IntoIterator<Item = &'f Kept>) -> BTreeMap<Kind, u32> {
    let (mut tracker, mut outcome, mut told) = (Tracker::default(), Outcome::default(), BTreeMap::new());
    let mut count = |outcome: &Outcome| {
        for event in &outcome.events {
            *told.entry(event.kind).or_default() += 1;
        }
    };
    for (at, kept) in frames.into_iter().enumerate() {
        let frame = kept.frame(at as u64 + 1);
        tracker.process(&frame, &decode::decode(&frame), &mut outcome);
        count(&outcome);
    }
    tracker.finish(&mut outcome);
    count(&outcome);
    told
}

fn faults(told: &BTreeMap<Kind, u32>) -> Vec<(Kind, u32)> {
    FAULTS.iter().filter_map(|kind| told.get(kind).map(|count| (*kind, *count))).collect()
}

fn no_faults(what: &str, told: &BTreeMap<Kind, u32>) {
    assert_eq!(faults(told), [], "{what}");
}

/// Whether a frame goes from the host that sent the capture's first IP packet.
fn is_outward(kept: &Kept, first: &[u8]) -> bool {
    kept.bytes.get(26..30) == Some(first)
}

fn first_sender(frames: &[Kept]) -> Vec<u8> {
    let ip = frames.iter().find(|f| f.bytes[12..14] == [0x08, 0x00]).expect("an IP packet");
    ip.bytes[26..30].to_vec()
}

#[test]
fn clean_captures_are_clean() {
    for name in CLEAN {
        no_faults(name, &told(&frames(name)));
    }
}

#[test]
fn a_mirror_of_both_ports_repeats_nothing() {
    for name in CLEAN {
        let once = frames(name);
        let twice: Vec<Kept> =
            once.iter().flat_map(|f| [f.clone(), Kept { time_ns: f.time_ns + 2_000, ..f.clone() }]).collect();
        let (plain, mut doubled) = (told(&once), told(&twice));
        let copies = doubled.remove(&Kind::CaptureCopy).unwrap_or_default();
        assert_eq!(copies as usize, once.len(), "@{name}: every second one is a copy");
        assert_eq!(doubled, plain, "@{name}: the copies change nothing else");
    }
}

#[test]
fn a_mirror_that_is_slow_one_way_loses_nothing() {
    for name in CLEAN {
        let plain = frames(name);
        let first = first_sender(&plain);
        for (outward, late_ns) in [(true, 300_000), (false, 300_000), (true, 5_000_000), (false, 5_000_000)] {
            let mut late = plain.clone();
            for kept in late.iter_mut().filter(|kept| is_outward(kept, &first) == outward) {
                kept.time_ns += late_ns;
            }
            late.sort_by_key(|kept| kept.time_ns);
            no_faults(&format!("@{name}, {outward} {late_ns} ns late"), &told(&late));
        }
    }
}

#[test]
fn one_direction_is_no_loss() {
    for name in CLEAN {
        let plain = frames(name);
        let first = first_sender(&plain);
        for outward in [true, false] {
            let half = told(plain.iter().filter(|kept| is_outward(kept, &first) == outward));
            no_faults(&format!("@{name}, {outward}"), &half);
            assert!(half.contains_key(&Kind::CaptureOneDirection), "@{name}, {outward}: {half:?}");
        }
    }
}

#[test]
fn short_frames_are_no_loss() {
    for name in CLEAN {
        let plain = frames(name);
        for snaplen in [54, 60, 68, 96, 128] {
            let short =
                |f: &Kept| Kept { bytes: f.bytes[..f.bytes.len().min(snaplen)].to_vec(), ..f.clone() };
            let cut: Vec<Kept> = plain.iter().map(short).collect();
            no_faults(&format!("@{name}, {snaplen} bytes a frame"), &told(&cut));
        }
    }
}

#[test]
fn a_late_beginning_is_no_loss() {
    for name in CLEAN {
        let plain = frames(name);
        for from in 1..plain.len() {
            no_faults(&format!("@{name} from #{}", from + 1), &told(&plain[from..]));
        }
    }
}

/// As they were recorded, by real means.
#[test]
fn recorded_artifacts_are_no_faults() {
    for (name, artifact) in [
        ("capture-offload", Kind::CaptureOffload),
        ("capture-reordered", Kind::CaptureReordered),
        ("capture-one-direction", Kind::CaptureOneDirection),
        ("capture-mid-connection", Kind::CaptureMidFlow),
    ] {
        let told = told(&frames(name));
        assert!(told.contains_key(&artifact), "@{name}: {told:?}");
        let faults: Vec<_> =
            faults(&told).into_iter().filter(|(kind, _)| *kind != Kind::TcpRefused).collect();
        assert_eq!(faults, [], "@{name}");
    }
    // The kernel repeated one segment here, and that one is told.
    let told = told(&frames("capture-duplicated"));
    assert_eq!(faults(&told), [(Kind::TcpRetransmission, 1)]);
}
