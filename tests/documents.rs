//! The documents and what they are about stay in step: events, dependencies, links, commands.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use pcaplain::capture::bundled::BUNDLED;
use pcaplain::capture::{self, Source};
use pcaplain::decode;
use pcaplain::flow::{Event, Kind, Outcome, Tracker};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn walk(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, ending, found);
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
}

/// What stands between backticks.
fn quoted(text: &str) -> BTreeSet<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// What docs/events.md says of a kind.
struct Told<'a> {
    severity: &'a str,
    /// Names of data and variants, those of its chapter included.
    names: BTreeSet<&'a str>,
}

fn told(document: &str) -> BTreeMap<&str, Told<'_>> {
    let mut kinds = BTreeMap::new();
    for chapter in document.split("\n## ").skip(1) {
        let mut sections = chapter.split("\n### ");
        let common = quoted(sections.next().unwrap());
        for section in sections {
            let (heading, body) = section.split_once('\n').unwrap_or((section, ""));
            let (kind, severity) = heading.split_once(" · ").expect("`kind` · severity");
            let names = &common | &quoted(body);
            kinds.insert(kind.trim_matches('`'), Told { severity, names });
        }
    }
    // A section that says "As `other`" has its data, too.
    let clone: BTreeMap<&str, BTreeSet<&str>> = kinds.iter().map(|(k, t)| (*k, t.names.clone())).collect();
    for told in kinds.values_mut() {
        let others: Vec<&str> = told.names.iter().copied().filter(|n| clone.contains_key(n)).collect();
        for other in others {
            told.names.extend(&clone[other]);
        }
    }
    kinds
}

#[test]
fn every_kind_of_event_is_in_the_document() {
    let document = read("docs/events.md");
    let told = told(&document);
    for kind in Kind::ALL {
        let told = told.get(kind.name()).unwrap_or_else(|| panic!("docs/events.md has no {}", kind.name()));
        assert_eq!(told.severity, kind.severity().name(), "{}", kind.name());
    }
    for name in told.keys() {
        assert!(Kind::from_name(name).is_some(), "docs/events.md has {name}, which is no kind");
    }
}

/// What the bundled captures bring to light is described where its kind is.
#[test]
fn data_and_variants_are_in_the_document() {
    let document = read("docs/events.md");
    let told = told(&document);
    let mut missing = BTreeSet::new();
    let mut look = |events: &[Event]| {
        for event in events {
            let names = &told[event.kind.name()].names;
            let of = |what: &str| format!("{} has no `{what}`", event.kind.name());
            if !event.variant.is_empty() && !names.contains(event.variant) {
                missing.insert(of(event.variant));
            }
            missing.extend(event.data.iter().filter(|(k, _)| !names.contains(k)).map(|(k, _)| of(k)));
        }
    };
    for bundled in BUNDLED {
        let mut source = capture::open(&format!("@{}", bundled.name)).unwrap();
        let (mut tracker, mut outcome) = (Tracker::default(), Outcome::default());
        let secrets = source.secrets();
        while let Some(frame) = source.next().unwrap() {
            secrets.take().iter().for_each(|text| tracker.add_secrets(text));
            tracker.process(&frame, &decode::decode(&frame), &mut outcome);
            look(&outcome.events);
        }
        tracker.finish(&mut outcome);
        look(&outcome.events);
    }
    assert!(missing.is_empty(), "docs/events.md: {missing:#?}");
}

/// Also what no bundled capture shows: every literal key and variant of the code that makes events.
#[test]
fn names_in_the_code_are_in_the_document() {
    let document = read("docs/events.md");
    let names = quoted(&document);
    let mut files = Vec::new();
    walk(&root().join("src/flow"), ".rs", &mut files);
    let mut missing = BTreeSet::new();
    for file in files.iter().filter(|f| !f.to_string_lossy().contains("tests")) {
        let text = fs::read_to_string(file).unwrap();
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        for call in [".with(", ".variant("] {
            for (at, _) in text.match_indices(call) {
                let argument = text[at + call.len()..].trim_start();
                let Some(name) = argument.strip_prefix('"').and_then(|a| a.split('"').next()) else {
                    continue;
                };
                if !names.contains(name) {
                    missing.insert(format!("`{name}` ({})", file.strip_prefix(root()).unwrap().display()));
                }
            }
        }
    }
    assert!(missing.is_empty(), "docs/events.md does not tell of {missing:#?}");
}

/// Sentences for what never happens are sentences that are never read.
#[test]
fn sentences_are_for_events_that_there_are() {
    let Ok(words) = fs::read_to_string(root().join("docs/words/events.toml")) else { return };
    let document = read("docs/events.md");
    let told = told(&document);
    let mut stale = Vec::new();
    for id in words.lines().filter_map(|l| l.strip_prefix("[\"")?.strip_suffix("\"]")) {
        let (kind, variant) = id.split_once('/').unwrap_or((id, ""));
        let known = told.get(kind).is_some_and(|t| variant.is_empty() || t.names.contains(variant));
        if !known {
            stale.push(id);
        }
    }
    assert!(
        stale.is_empty(),
        "docs/words/events.toml has sentences for {stale:?}, which docs/events.md has not"
    );
}

#[test]
fn every_dependency_says_why_it_is_here() {
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    let document = read("docs/dependencies.md");
    let named = quoted(&document);
    for table in ["dependencies", "dev-dependencies"] {
        for name in manifest[table].as_table().unwrap().keys() {
            assert!(named.contains(name.as_str()), "docs/dependencies.md does not tell of {name}");
        }
    }
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut files = Vec::new();
    walk(&root().join("docs"), ".md", &mut files);
    walk(&root().join("captures"), ".md", &mut files);
    for entry in fs::read_dir(root()).unwrap() {
        files.extend(Some(entry.unwrap().path()).filter(|p| p.extension().is_some_and(|e| e == "md")));
    }
    let mut broken = Vec::new();
    for file in &files {
        let text = fs::read_to_string(file).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = target.split('#').next().unwrap();
            let elsewhere = path.is_empty() || path.contains("://") || path.contains(' ');
            if !elsewhere && !file.parent().unwrap().join(path).exists() {
                broken.push(format!("{}: {target}", file.strip_prefix(root()).unwrap().display()));
            }
        }
    }
    assert!(files.len() > 8, "the documents were not found");
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// What the captures are said to show, they show.
#[test]
fn bundled_captures_named_in_documents_exist() {
    let mut files =
        vec![root().join("README.md"), root().join("README.zh.md"), root().join("CONTRIBUTING.md")];
    walk(&root().join("docs"), ".md", &mut files);
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        // Hex dumps hold at-signs, too: lines that begin with an offset.
        let is_dump = |line: &&str| {
            line.get(..4).is_some_and(|offset| offset.bytes().all(|b| b.is_ascii_hexdigit()))
                && line.get(4..6) == Some("  ")
        };
        let prose: String =
            text.lines().filter(|line| !is_dump(line)).flat_map(|line| [line, "\n"]).collect();
        for (at, _) in prose.match_indices(" @") {
            let name: String = prose[at + 2..].chars().take_while(|c| is_name(*c)).collect();
            // A resolver is named so by dig (@192.0.2.1), a file by curl (@call.json).
            let is_file =
                prose[at + 2 + name.len()..].strip_prefix('.').is_some_and(|rest| rest.starts_with(is_name));
            let known = is_file
                || name.starts_with(|c: char| c.is_ascii_digit())
                || name == "name"
                || BUNDLED.iter().any(|b| b.name == name);
            assert!(known, "{}: there is no @{name}", file.display());
        }
    }
}
