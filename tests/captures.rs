//! The bundled captures tell what captures/index.json says they show, and their packets are counted right.

use std::collections::BTreeSet;
use std::path::Path;

use pcaplain::capture::bundled::BUNDLED;
use pcaplain::capture::{self, Source};
use pcaplain::decode;
use pcaplain::flow::{Outcome, Tracker};

fn index() -> Vec<serde_json::Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures/index.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn the_index_and_the_program_have_the_same_captures() {
    let listed: BTreeSet<String> = index().iter().map(|c| c["name"].as_str().unwrap().to_owned()).collect();
    let bundled: BTreeSet<String> = BUNDLED.iter().map(|b| b.name.to_owned()).collect();
    assert_eq!(listed, bundled);
}

#[test]
fn captures_show_what_they_are_said_to_show() {
    let mut missing = Vec::new();
    for entry in index() {
        let name = entry["name"].as_str().unwrap();
        let mut source = capture::open(&format!("@{name}")).unwrap();
        let (mut tracker, mut outcome) = (Tracker::default(), Outcome::default());
        let (mut told, mut frames) = (BTreeSet::new(), 0);
        while let Some(frame) = source.next().unwrap() {
            frames += 1;
            tracker.process(&frame, &decode::decode(&frame), &mut outcome);
            told.extend(outcome.events.iter().map(|e| e.kind.name()));
        }
        tracker.finish(&mut outcome);
        told.extend(outcome.events.iter().map(|e| e.kind.name()));
        assert_eq!(entry["packets"].as_u64(), Some(frames), "@{name}");
        for kind in entry["expect"].as_array().unwrap().iter().filter_map(|k| k.as_str()) {
            if !told.contains(kind) {
                missing.push(format!("@{name} tells of no {kind}"));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}
