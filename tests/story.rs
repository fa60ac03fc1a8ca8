//! What people and programs read is safe and whole, whatever the packets contain. What must hold is in `common/story.rs`.

mod common;
#[path = "common/mutants.rs"]
mod mutants;
#[path = "common/story.rs"]
mod story;

use mutants::{Kept, apply, captures, change, search, telling};
use pcaplain::capture::bundled::BUNDLED;
use pcaplain::words::Lang;
use proptest::collection::vec;
use proptest::prelude::*;

fn tell(lang: Lang, frames: &[Kept]) -> Result<String, String> {
    story::tell(lang, frames.iter().enumerate().map(|(i, f)| f.frame(i as u64 + 1)))
}

#[test]
fn bundled_captures_as_they_are() {
    let mut gaps = Vec::new();
    for (name, frames) in captures() {
        for lang in [Lang::En, Lang::Zh] {
            let text = tell(lang, frames).unwrap_or_else(|e| panic!("@{name}: {e}"));
            if let Some(gap) = story::gap(&text) {
                let line = text.lines().find(|line| line.contains(gap)).unwrap_or("");
                gaps.push(format!("@{name}: {}", line.trim()));
            }
        }
    }
    assert!(gaps.is_empty(), "sentences that lack a value: {gaps:#?}");
}

/// Snap lengths that end in the middle of each header there is.
#[test]
fn captures_cut_short() {
    for (name, frames) in telling() {
        for length in (0..100).step_by(3) {
            let short = |f: &Kept| f.bytes[..f.bytes.len().min(length)].to_vec();
            let cut: Vec<Kept> = frames.iter().map(|f| Kept { bytes: short(f), ..f.clone() }).collect();
            let lang = if length % 2 == 0 { Lang::En } else { Lang::Zh };
            tell(lang, &cut).unwrap_or_else(|e| panic!("@{name} cut to {length} bytes a frame: {e}"));
        }
    }
}

#[test]
fn changed_frames() {
    let mutants = (0..BUNDLED.len(), vec(change(), 1..12), prop::sample::select(&[Lang::En, Lang::Zh][..]));
    search("told of changed frames", 15, mutants, |(capture, changes, lang)| {
        let mut frames = captures()[*capture].1.clone();
        for change in changes {
            apply(&mut frames, change);
        }
        tell(*lang, &frames).map(drop)
    });
}
