//! The reasons that `why` gives are those by which segments are labelled: over every bundled capture, for every segment.

use std::collections::BTreeSet;

use pcaplain::capture::bundled::BUNDLED;
use pcaplain::capture::{self, Source};
use pcaplain::decode;
use pcaplain::flow::{Kind, Outcome, Tracker};
use pcaplain::words::{self, Lang};

#[test]
fn reasons_give_the_labels_that_segments_have() {
    let mut outcome = Outcome { wants_why: true, ..Outcome::default() };
    let (mut asked, mut labelled, mut ids) = (0, 0, BTreeSet::new());
    for bundled in BUNDLED {
        let mut source = capture::open(&format!("@{}", bundled.name)).unwrap();
        let mut tracker = Tracker::default();
        while let Some(frame) = source.next().unwrap() {
            tracker.process(&frame, &decode::decode(&frame), &mut outcome);
            let is_label = |kind: Kind| {
                kind.name().starts_with("tcp.analysis.") && kind != Kind::TcpReusedPorts // told by the tracker
            };
            let labels: Vec<Kind> = outcome
                .events
                .iter()
                .filter(|e| e.packet == frame.number && is_label(e.kind))
                .map(|e| e.kind)
                .collect();
            let mut given: Vec<Kind> = outcome.why.iter().filter_map(|reason| reason.label).collect();
            let mut labels_sorted = labels.clone();
            labels_sorted.sort();
            given.sort();
            assert_eq!(labels_sorted, given, "@{} #{}: {:?}", bundled.name, frame.number, outcome.why);
            asked += outcome.why.len();
            labelled += labels.len();
            ids.extend(outcome.why.iter().map(|reason| reason.id));
        }
    }
    assert!(labelled > 200 && asked > labelled, "{labelled} labels, {asked} rules asked");
    for id in ids {
        for lang in Lang::ALL {
            assert!(words::find(lang, "interface", id).is_some_and(|text| !text.is_empty()), "{id}");
        }
    }
}
