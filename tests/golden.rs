//! What people read, kept beside the tests: every bundled capture told in both languages, as files that can be
//! reviewed as text. A change of a sentence shows up as a change of these files.
//!
//! `BLESS=1 cargo test --test golden` writes them anew; read the difference before it is kept.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Of captures with more frames only the stories are kept: the rest is long and much the same.
const SHORT: u64 = 60;

/// Screens kept of each capture: file name, and the words of the command line before the capture's name. The first two are
/// the stories.
const SCREENS: &[Screen] = &[
    ("annotate.en.txt", &["annotate", "--lang", "en"]),
    ("annotate.zh.txt", &["annotate", "--lang", "zh"]),
    ("packets.en.txt", &["packets", "--lang", "en"]),
    ("packets.zh.txt", &["packets", "--lang", "zh"]),
    ("flows.en.txt", &["flows", "--lang", "en"]),
    ("claims.en.txt", &["claims", "--lang", "en"]),
    ("claims.zh.txt", &["claims", "--lang", "zh"]),
    (
        "events.en.json",
        &["annotate", "--lang", "en", "--format", "json", "--records", "event,state,flow,claim"],
    ),
];

/// A file's name, and the words of the command line that writes it.
type Screen = (&'static str, &'static [&'static str]);

/// The bundled captures, and the screens that are kept of each.
fn captures() -> Vec<(String, &'static [Screen])> {
    let index = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures/index.json");
    let index: serde_json::Value = serde_json::from_slice(&fs::read(index).unwrap()).unwrap();
    let screens = |entry: &serde_json::Value| {
        let short = entry["packets"].as_u64().unwrap() <= SHORT;
        (entry["name"].as_str().unwrap().to_owned(), if short { SCREENS } else { &SCREENS[..2] })
    };
    index.as_array().unwrap().iter().map(screens).collect()
}

fn shown(arguments: &[&str], capture: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_pcaplain"))
        .args(arguments)
        .args(["--width", "100"])
        .arg(format!("@{capture}"))
        .env_remove("LANG")
        .env_remove("LC_ALL")
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?} @{capture}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The first line that differs, for the message.
fn difference(expected: &str, actual: &str) -> String {
    let mut lines = expected.lines().zip(actual.lines()).enumerate();
    match lines.find(|(_, (e, a))| e != a) {
        Some((n, (e, a))) => format!("line {}:\n  kept {e}\n  now  {a}", n + 1),
        None => format!("{} lines kept, {} now", expected.lines().count(), actual.lines().count()),
    }
}

#[test]
fn every_bundled_capture_is_told_as_it_was() {
    let bless = std::env::var_os("BLESS").is_some();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut wrong = Vec::new();
    for (capture, screens) in captures() {
        for (name, arguments) in screens {
            let file: PathBuf = root.join(&capture).join(name);
            let actual = shown(arguments, &capture);
            if bless {
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                fs::write(&file, actual).unwrap();
                continue;
            }
            match fs::read_to_string(&file) {
                Ok(expected) if expected == actual => {}
                Ok(expected) => wrong.push(format!("{capture}/{name}: {}", difference(&expected, &actual))),
                Err(_) => wrong.push(format!("{capture}/{name}: not there")),
            }
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}
