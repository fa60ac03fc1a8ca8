//! The bundled captures tell what captures/index.json says they show; what captures/README.md says of them is so; and
//! every claim of the notes has a capture, or a reason why no packet can show it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use pcaplain::capture::bundled::BUNDLED;
use pcaplain::capture::{self, Source};
use pcaplain::decode;
use pcaplain::flow::{Outcome, Tracker};

/// All of them together, so that they can be part of the program.
const LIMIT: u64 = 3_000_000;

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

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

/// The figures of the table, by capture: frames and bytes.
fn table() -> BTreeMap<String, (u64, u64)> {
    let page = read("README.md");
    let rows = page.lines().filter(|line| line.starts_with("| ["));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let name = cells[1].strip_prefix('[').and_then(|c| c.split(']').next()).expect("a name");
        (name.to_owned(), (cells[3].parse().expect("frames"), cells[4].parse().expect("bytes")))
    })
    .collect()
}

#[test]
fn the_table_for_people_tells_the_truth() {
    let table = table();
    let mut whole = 0;
    for bundled in BUNDLED {
        let mut source = capture::open(&format!("@{}", bundled.name)).unwrap();
        let mut frames = 0;
        while source.next().unwrap().is_some() {
            frames += 1;
        }
        let bytes = bundled.bytes.len() as u64;
        whole += bytes;
        assert_eq!(table.get(bundled.name), Some(&(frames, bytes)), "@{}", bundled.name);
        let comment = source.comments().first().expect("a comment in the section header");
        for line in comment.lines() {
            // What the file says of itself, the page says too.
            let line = line.strip_suffix('.').unwrap_or(line);
            assert!(
                read("README.md").contains(line),
                "captures/README.md lacks of @{}: {line}",
                bundled.name
            );
        }
    }
    assert_eq!(table.len(), BUNDLED.len());
    assert!(whole < LIMIT, "the bundled captures have {whole} bytes together");
}

#[test]
fn every_claim_has_a_capture_or_a_reason() {
    let syllabus: toml::Table = read("syllabus.toml").parse().unwrap();
    let served = syllabus["claims"].as_table().unwrap();
    let names: BTreeSet<&str> = served.keys().map(String::as_str).collect();
    assert_eq!(names, BUNDLED.iter().map(|b| b.name).collect(), "captures/syllabus.toml and the captures");
    let mut with_capture: BTreeSet<&str> = BTreeSet::new();
    with_capture
        .extend(served.values().flat_map(|list| list.as_array().unwrap()).map(|id| id.as_str().unwrap()));
    for claim in pcaplain::notes::ledger::all() {
        let shown = with_capture.remove(claim.id.as_str());
        let reasoned = !claim.unobservable[0].is_empty();
        assert!(shown != reasoned, "{}: a capture, or a reason why there is none", claim.id);
    }
    assert!(with_capture.is_empty(), "no such claims: {with_capture:?}");
}

#[test]
fn lessons_use_captures_that_there_are() {
    let syllabus: toml::Table = read("syllabus.toml").parse().unwrap();
    let lessons = syllabus["lesson"].as_array().unwrap();
    assert_eq!(lessons.len(), 20);
    for (at, lesson) in lessons.iter().enumerate() {
        assert_eq!(lesson["number"].as_integer(), Some(at as i64 + 1));
        for name in lesson["captures"].as_array().unwrap() {
            let name = name.as_str().unwrap();
            assert!(BUNDLED.iter().any(|b| b.name == name), "lesson {}: there is no @{name}", at + 1);
        }
    }
}
