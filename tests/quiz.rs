//! Questions that captures answer: each kind is asked by some bundled capture, one option is right, none is twice, both languages
//! ask the same, a seed gives the same again, and whatever a capture holds, asking does not fail.

#[path = "common/mutants.rs"]
mod mutants;

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use mutants::captures;
use pcaplain::capture::Frame;
use pcaplain::flow::{FlowRecord, Outcome};
use pcaplain::lesson::question::{self, Collector, Kept, Question};
use pcaplain::session::{Go, Seen, Session, Sink, Want};
use pcaplain::words::Lang;

struct Collecting(Collector);

impl Sink for Collecting {
    fn wants(&self, _: &Frame<'_>) -> Want {
        Want::Context
    }

    fn packet(&mut self, seen: &Seen<'_>) -> io::Result<Go> {
        self.0.packet(seen);
        Ok(Go::Continue(()))
    }

    fn flow(&mut self, record: &FlowRecord) -> io::Result<()> {
        self.0.flow(record);
        Ok(())
    }

    fn end(&mut self, last: &Outcome) -> io::Result<()> {
        self.0.end(last);
        Ok(())
    }
}

fn kept(frames: &[mutants::Kept], seed: u64) -> Kept {
    let mut sink = Collecting(Collector::sampling(seed));
    let mut session = Session::new(None);
    for (at, kept) in frames.iter().enumerate() {
        let _ = session.frame(kept.frame(at as u64 + 1), &mut sink).unwrap();
    }
    session.finish(&mut sink).unwrap();
    sink.0.kept()
}

/// All that can be asked of what was kept, in one language.
fn all(kept: &Kept, lang: Lang, seed: u64) -> Vec<Question> {
    let pairs = kept.by_kind.iter().flat_map(|(kind, packets)| packets.iter().map(move |p| (*kind, *p)));
    pairs.filter_map(|(kind, packet)| question::ask(kind, packet, kept, lang, seed)).collect()
}

fn check(name: &str, q: &Question) {
    let at = format!("{name} #{} {}", q.packet, q.kind);
    assert!((2..=4).contains(&q.options.len()), "{at}: {} options", q.options.len());
    assert_eq!(q.options.iter().filter(|o| o.right).count(), 1, "{at}");
    let texts: BTreeSet<&str> = q.options.iter().map(|o| o.text.as_str()).collect();
    assert_eq!(texts.len(), q.options.len(), "{at}: {texts:?}");
    for option in &q.options {
        assert_eq!(option.why_not.is_none(), option.right, "{at}: {}", option.text);
        assert!(!option.text.trim().is_empty(), "{at}");
    }
    assert!(q.spec.starts_with("RFC ") || q.spec.starts_with("IEEE "), "{at}: {}", q.spec);
    let why = q.options.iter().filter_map(|o| o.why_not.as_ref());
    for text in [&q.stem, &q.reason].into_iter().chain(q.options.iter().map(|o| &o.text)).chain(why) {
        // A placeholder that nothing was put into.
        assert!(!text.contains("{") || !text.contains("}"), "{at}: {text}");
    }
}

#[test]
fn every_kind_is_asked_and_every_question_is_sound() {
    let mut asked: BTreeMap<&str, usize> = BTreeMap::new();
    let mut total = 0;
    for (name, frames) in captures() {
        let kept = kept(frames, 1);
        let (en, zh) = (all(&kept, Lang::En, 1), all(&kept, Lang::Zh, 1));
        assert_eq!(en.len(), zh.len(), "{name}");
        for (en, zh) in en.iter().zip(&zh) {
            check(name, en);
            check(name, zh);
            assert_eq!((en.kind, en.packet, en.right(), &en.key), (zh.kind, zh.packet, zh.right(), &zh.key));
            assert_eq!((&en.shown, en.options.len()), (&zh.shown, zh.options.len()));
            *asked.entry(en.kind).or_default() += 1;
            total += 1;
        }
    }
    let never: Vec<&str> = question::kinds().filter(|kind| !asked.contains_key(kind)).collect();
    println!("{total} questions of {} kinds: {asked:?}", asked.len());
    assert!(never.is_empty(), "never asked: {never:?}");
}

#[test]
fn a_seed_gives_the_same_again_and_another_gives_others() {
    let frames = &captures().iter().find(|(name, _)| *name == "http11-basic").unwrap().1;
    let quiz = |seed| question::quiz(&kept(frames, seed), 20, &[], Lang::En, seed).questions;
    assert_eq!(quiz(1), quiz(1));
    assert_ne!(quiz(1), quiz(2));
    let tcp = question::quiz(&kept(frames, 1), 50, &["tcp.".to_owned()], Lang::En, 1).questions;
    assert!(!tcp.is_empty() && tcp.iter().all(|q| q.kind.starts_with("tcp.")));
    let kinds: BTreeSet<&str> = quiz(1).iter().map(|q| q.kind).collect();
    assert_eq!(kinds.len(), 20, "spread over kinds");
}

#[test]
fn packets_that_are_named_are_kept_whatever_they_are() {
    let frames = &captures().iter().find(|(name, _)| *name == "tcp-basic").unwrap().1;
    let mut sink = Collecting(Collector::of([1]));
    let mut session = Session::new(None);
    for (at, kept) in frames.iter().enumerate() {
        let _ = session.frame(kept.frame(at as u64 + 1), &mut sink).unwrap();
    }
    session.finish(&mut sink).unwrap();
    let kept = sink.0.kept();
    assert!(question::ask("eth.dst", 1, &kept, Lang::En, 1).is_some());
    assert!(question::ask("eth.dst", 2, &kept, Lang::En, 1).is_none(), "it was not kept");
    assert!(question::ask("no.such", 1, &kept, Lang::En, 1).is_none());
}

/// Frames cut short, and frames with bytes changed, are asked about without failing, and only with sound questions.
#[test]
fn hostile_captures_do_not_break_asking() {
    let mut state = 0x1234_5678_9abc_def0_u64;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    for (name, whole) in captures() {
        let mut frames: Vec<mutants::Kept> = whole.iter().take(150).cloned().collect();
        for kept in &mut frames {
            if kept.bytes.is_empty() {
                continue;
            }
            match next() % 3 {
                0 => kept.bytes.truncate(next() % kept.bytes.len()),
                1 => {
                    for _ in 0..4 {
                        let at = next() % kept.bytes.len();
                        kept.bytes[at] = next() as u8;
                    }
                }
                _ => {}
            }
        }
        let kept = kept(&frames, 3);
        for lang in Lang::ALL {
            for q in all(&kept, lang, 3) {
                assert_eq!(q.options.iter().filter(|o| o.right).count(), 1, "{name} {q:?}");
            }
        }
    }
}
