//! Every name that a packet of the bundled captures (and, where PCAPLAIN_CORPUS names a folder, of those) can show is
//! explained in both languages, with its specification.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use pcaplain::capture::{self, Source};
use pcaplain::flow::{Outcome, Tracker};
use pcaplain::wire::Tree;
use pcaplain::{decode, words};

fn names_of(file: &str, names: &mut BTreeSet<&'static str>) {
    let Ok(mut source) = capture::open(file) else { return };
    let mut tracker = Tracker::default();
    let mut outcome = Outcome { wants_context: true, ..Outcome::default() };
    let mut tree = Tree::default();
    let secrets = source.secrets();
    while let Ok(Some(frame)) = source.next() {
        secrets.take().iter().for_each(|text| tracker.add_secrets(text));
        let packet = decode::decode(&frame);
        tracker.process(&frame, &packet, &mut outcome);
        decode::build(&frame, &packet, &outcome.context, &mut tree);
        names.extend(tree.nodes.iter().map(|node| node.field.name));
    }
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

#[test]
fn every_field_that_is_shown_is_explained() {
    let mut names = BTreeSet::new();
    for bundled in capture::bundled::BUNDLED {
        names_of(&format!("@{}", bundled.name), &mut names);
    }
    assert!(names.len() > 100, "only {} names: the captures were not read", names.len());
    match std::env::var_os("PCAPLAIN_CORPUS") {
        Some(folder) => {
            let mut found = Vec::new();
            files(Path::new(&folder), &mut found);
            found.iter().for_each(|path| names_of(&path.to_string_lossy(), &mut names));
        }
        None => eprintln!("PCAPLAIN_CORPUS is not set: only the bundled captures were looked at"),
    }
    let unexplained: Vec<_> = names
        .iter()
        .filter(|name| {
            words::field(name).is_none_or(|w| w.text.iter().any(String::is_empty) || w.spec.is_empty())
        })
        .collect();
    assert!(
        unexplained.is_empty(),
        "of {} names, {} unexplained: {unexplained:?}",
        names.len(),
        unexplained.len()
    );
}
