//! The reasons that `why` gives are those by which segments are labelled: for every segment of every bundled capture, as it
//! was recorded and as a worse place would have seen it: one capture point only, frames missing, neighbours exchanged.

#[path = "common/mutants.rs"]
mod mutants;

use std::collections::BTreeSet;

use mutants::{Kept, captures};
use pcaplain::decode;
use pcaplain::flow::{Kind, Outcome, Tracker};
use pcaplain::words::{self, Lang};

/// What was asked and what came of it.
#[derive(Default)]
struct Asked {
    rules: usize,
    labels: usize,
    ids: BTreeSet<&'static str>,
}

fn compare(name: &str, frames: &[Kept], asked: &mut Asked) {
    let mut outcome = Outcome { wants_why: true, ..Outcome::default() };
    let mut tracker = Tracker::default();
    for (at, kept) in frames.iter().enumerate() {
        let frame = kept.frame(at as u64 + 1);
        tracker.process(&frame, &decode::decode(&frame), &mut outcome);
        let is_label = |kind: Kind| {
            kind.name().starts_with("tcp.analysis.") && kind != Kind::TcpReusedPorts // told by the tracker
        };
        let mut labels: Vec<Kind> = outcome
            .events
            .iter()
            .filter(|e| e.packet == frame.number && is_label(e.kind))
            .map(|e| e.kind)
            .collect();
        let mut given: Vec<Kind> = outcome.why.iter().filter_map(|reason| reason.label).collect();
        labels.sort();
        given.sort();
        assert_eq!(labels, given, "{name} #{}: {:?}", frame.number, outcome.why);
        asked.rules += outcome.why.len();
        asked.labels += labels.len();
        asked.ids.extend(outcome.why.iter().map(|reason| reason.id));
    }
}

#[test]
fn reasons_give_the_labels_that_segments_have() {
    let mut asked = Asked::default();
    for (name, frames) in captures() {
        compare(&format!("@{name}"), frames, &mut asked);
        let points = frames.iter().map(|f| f.interface).max().map_or(0, |last| last + 1);
        for point in 0..points {
            let seen: Vec<Kept> = frames.iter().filter(|f| f.interface == point).cloned().collect();
            compare(&format!("@{name}, interface {point}"), &seen, &mut asked);
        }
        for every in [3, 7, 20] {
            let seen: Vec<Kept> = frames
                .iter()
                .enumerate()
                .filter(|(at, _)| at % every != every - 1)
                .map(|(_, f)| f.clone())
                .collect();
            compare(&format!("@{name} without every {every}th frame"), &seen, &mut asked);
            let mut seen = frames.clone();
            for at in (every..seen.len()).step_by(every) {
                seen.swap(at - 1, at);
            }
            compare(&format!("@{name}, every {every}th frame before its neighbour"), &seen, &mut asked);
        }
    }
    assert!(
        asked.labels > 200 && asked.rules > asked.labels,
        "{} labels, {} rules",
        asked.labels,
        asked.rules
    );
    for lang in Lang::ALL {
        for id in &asked.ids {
            assert!(words::find(lang, "interface", id).is_some_and(|text| !text.is_empty()), "{id}");
        }
    }
    eprintln!("{} labels, {} rules: {:?}", asked.labels, asked.rules, asked.ids);
    // Each rule is one that some capture puts to the test.
    for id in [
        "why.bytes.fill",
        "why.bytes.beyond",
        "why.reordered.timestamp",
        "why.reordered.no",
        "why.id-jump.no",
    ] {
        assert!(asked.ids.contains(id), "{id} is never asked");
    }
}
