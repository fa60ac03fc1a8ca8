//! Lessons told with captures they were not written for: nothing is left unfilled, no number stands in the text that neither the lesson
//! nor the packets have, and what the text says of a packet is what `annotate --format json` says of it.
//!
//! `PCAPLAIN_CORPUS` names a folder of captures; without it nothing is done. With `PCAPLAIN_CORPUS_STEP=8` each lesson meets every
//! eighth of them, so that all captures are met and all lessons are told; the rest is said by `cargo test --release --test lessons_corpus
//! -- --nocapture` in about ten minutes on two cores.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use pcaplain::lesson::slots::Slot;
use pcaplain::lesson::values;
use pcaplain::lesson::{Lesson, parse};
use serde_json::Value;

#[path = "common/program.rs"]
mod program;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn run(arguments: &[&str]) -> Output {
    let mut command = program::command(arguments);
    command.current_dir(root()).stdin(Stdio::null()).output().expect("the program runs")
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the corpus can be read") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { walk(&path, found) } else { found.push(path) }
    }
}

/// A lesson, and a file with its text alone, each section followed by all that it says of packets, one by one.
struct Probe {
    file: String,
    lesson: Lesson,
    /// Every number and address that the lesson itself has.
    own: BTreeSet<String>,
    path: String,
    asked: Vec<Asked>,
}

/// One thing that is said: a slot as it is written, or one fact of it.
struct Asked {
    section: Option<usize>,
    source: String,
    fact: Option<(String, String)>,
}

/// What begins a probe's line; no lesson has it.
const MARK: char = '§';

impl Probe {
    fn new(file: &str, folder: &Path) -> Probe {
        let text = fs::read_to_string(root().join(file)).expect("a lesson");
        let text = without_blocks(&text);
        let (lesson, mistakes) = parse(file, &text);
        assert!(mistakes.is_empty(), "{mistakes:?}");
        let mut asked: Vec<Asked> = Vec::new();
        for (section, slot) in values::slots(&lesson) {
            let whole = Asked { section, source: slot.source.clone(), fact: None };
            let facts = slot.facts().flat_map(|(bind, key)| {
                let of = |key: &str| Asked {
                    section,
                    source: format!("{bind}.{key}"),
                    fact: Some((bind.to_owned(), key.to_owned())),
                };
                [of(key), of("packet")]
            });
            for one in std::iter::once(whole).chain(facts) {
                let known =
                    |a: &Asked| (a.section, &a.source, &a.fact) == (one.section, &one.source, &one.fact);
                if says_something(&one.source) && !asked.iter().any(known) {
                    asked.push(one);
                }
            }
        }
        let path = folder.join(Path::new(file).file_name().expect("a name")).to_string_lossy().into_owned();
        fs::write(&path, with_probes(&text, &asked)).expect("it can be written");
        Probe { file: file.to_owned(), own: numbers(&text), lesson, path, asked }
    }
}

/// A packet's name alone, or a text in quotes, is no slot.
fn says_something(source: &str) -> bool {
    Slot::parse(source, 1).is_some_and(|slot| slot.facts().next().is_some()) && !source.contains('"')
}

/// A lesson's file without what `fill` has written, and without what is not prose.
fn without_blocks(text: &str) -> String {
    let mut kept = String::new();
    let mut ends: Option<String> = None;
    for line in text.lines() {
        match &ends {
            Some(end) if line.contains(end.as_str()) => ends = None,
            Some(_) => {}
            None => {
                let block =
                    ["show", "claims", "ask"].iter().find(|b| line.starts_with(&format!("<!-- {b} ")));
                match block {
                    Some(block) => ends = Some(format!("<!-- /{block} -->")),
                    None => {
                        kept.push_str(line);
                        kept.push('\n');
                    }
                }
            }
        }
    }
    // Slots are written anew, without the values they had.
    let mut out = String::new();
    let mut rest = kept.as_str();
    while let Some(at) = rest.find("<!--=") {
        let (before, slot) = rest.split_at(at);
        let (source, after) = slot[5..].split_once("-->").expect("a slot ends");
        let (_, after) = after.split_once("<!---->").expect("a slot's value ends");
        out.push_str(before);
        out.push_str(&format!("{{{source}}}"));
        rest = after;
    }
    out + rest
}

/// The same with a line for each thing asked, behind the section that says it.
fn with_probes(text: &str, asked: &[Asked]) -> String {
    let lines = |of: Option<usize>| -> String {
        let mine = asked.iter().enumerate().filter(|(_, one)| one.section == of);
        mine.map(|(at, one)| format!("\n{MARK}{at}: {{{}}}\n", one.source)).collect()
    };
    let mut out = String::new();
    let mut section = None;
    for line in text.lines() {
        if line.starts_with("## ") {
            out.push_str(&lines(section));
            out.push('\n');
            section = Some(section.map_or(0, |at: usize| at + 1));
        }
        out.push_str(line);
        out.push('\n');
    }
    out + &lines(section)
}

/// Numbers and addresses in a text.
fn numbers(text: &str) -> BTreeSet<String> {
    let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | ',' | '-' | '_');
    let words = text.split(|c: char| !part(c)).filter(|word| word.chars().any(|c| c.is_ascii_digit()));
    words.map(|word| word.trim_matches(|c| matches!(c, '.' | ':' | ',' | '-' | '_')).to_owned()).collect()
}

fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && !matches!(c, ',' | '#')).collect::<String>().to_lowercase()
}

/// What a probe said: the prose, and the values by what was asked.
fn answers(output: &str) -> (String, BTreeMap<usize, String>) {
    let (mut prose, mut found) = (String::new(), BTreeMap::new());
    let mut at: Option<usize> = None;
    for line in output.lines() {
        if let Some((number, value)) = line.strip_prefix(MARK).and_then(|rest| rest.split_once(':')) {
            at = number.parse().ok();
            if let Some(at) = at {
                found.insert(at, value.trim().to_owned());
            }
        } else if line.trim().is_empty() {
            at = None;
        } else if let Some(at) = at {
            // A long value goes on in the next line.
            let value = found.entry(at).or_default();
            value.push(' ');
            value.push_str(line.trim());
        } else {
            prose.push_str(line);
            prose.push('\n');
        }
    }
    (prose, found)
}

/// What a program is told of some packets: fields and data of events, by packet and name.
fn of_packets(capture: &str, packets: &BTreeSet<u64>) -> BTreeMap<(u64, String), Vec<Value>> {
    let mut known: BTreeMap<(u64, String), Vec<Value>> = BTreeMap::new();
    let output = run(&["annotate", capture, "--format", "json"]);
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let of = |key: &str| -> Option<u64> {
            let (_, rest) = line.split_once(&format!("\"{key}\":"))?;
            rest[..rest.find(|c: char| !c.is_ascii_digit())?].parse().ok()
        };
        let (number, is_event) = if line.starts_with("{\"record\":\"packet\"") {
            (of("number"), false)
        } else if line.starts_with("{\"record\":\"event\"") {
            (of("packet"), true)
        } else {
            continue;
        };
        let Some(number) = number.filter(|number| packets.contains(number)) else { continue };
        let record: Value = serde_json::from_str(line).expect("JSON");
        if is_event {
            let kind = record["kind"].as_str().unwrap_or_default();
            for (key, value) in record["data"].as_object().into_iter().flatten() {
                known.entry((number, format!("{kind}/{key}"))).or_default().push(value.clone());
            }
        } else {
            for layer in record["layers"].as_array().into_iter().flatten() {
                fields(number, &layer["fields"], &mut known);
            }
        }
    }
    known
}

fn fields(number: u64, list: &Value, known: &mut BTreeMap<(u64, String), Vec<Value>>) {
    for field in list.as_array().into_iter().flatten() {
        if let (Some(name), Some(value)) = (field["name"].as_str(), field.get("value")) {
            known.entry((number, name.to_owned())).or_default().push(value.clone());
        }
        fields(number, &field["fields"], known);
    }
}

/// Whether a text is how a value is written. Times are rounded in texts: only that it is one is seen here.
fn same(text: &str, value: &Value) -> bool {
    let text = plain(text);
    match value {
        Value::Number(n) => {
            let hex = text.strip_prefix("0x").and_then(|digits| u64::from_str_radix(digits, 16).ok());
            n.to_string() == text
                || hex.is_some() && hex == n.as_u64()
                || n.is_f64()
                    && ["s", "ms", "µs", "ns", "min", "h", "d"].iter().any(|unit| text.ends_with(unit))
        }
        Value::String(known) => {
            let known = plain(known);
            // Long texts are cut, words for names are the language's.
            known == text
                || known.starts_with(text.trim_end_matches('…'))
                || known.chars().all(char::is_alphabetic)
        }
        Value::Bool(_) => true,
        _ => true,
    }
}

#[derive(Default)]
struct Tally {
    told: AtomicUsize,
    shown: AtomicUsize,
    said: AtomicUsize,
    compared: AtomicUsize,
    wrong: Mutex<Vec<String>>,
}

impl Tally {
    fn wrong(&self, what: String) {
        self.wrong.lock().expect("no panic").push(what);
    }

    /// The lesson as a reader sees it: it ends well, and nothing is left open.
    fn whole(&self, probe: &Probe, capture: &str, lang: &str) {
        let file = probe.file.replace(".en.md", &format!(".{lang}.md"));
        let output = run(&["lesson", &file, "--all", "--on", capture]);
        let (text, error) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        self.told.fetch_add(1, Ordering::Relaxed);
        // 1: damaged, and all before the damage is told; 2: it cannot be read at all, which is said.
        if !matches!(output.status.code(), Some(0 | 1)) && !error.starts_with("pcaplain")
            || error.contains("panicked")
        {
            self.wrong(format!("{file} --on {capture}: {:?} {error}", output.status.code()));
        }
        let binds = probe.lesson.sections.iter().flat_map(|section| section.binds());
        let open: Vec<String> = binds.map(|bind| format!("{{{}.", bind.name)).collect();
        for line in text.lines() {
            let bad = open.iter().any(|slot| line.contains(slot))
                || line.contains("{capture}")
                || line.contains("<!--")
                || line.chars().any(|c| c >= '\u{f0000}' || c.is_control());
            if bad {
                self.wrong(format!("{file} --on {capture}: {line}"));
            }
        }
        let steps = text.matches("cannot show this step").count() + text.matches("无法展示这一步").count();
        self.shown.fetch_add(probe.lesson.steps().saturating_sub(steps), Ordering::Relaxed);
    }

    /// What it says: the packets' numbers, and no others. Gives what each packet is said to say.
    fn prose<'p>(&self, probe: &'p Probe, capture: &str) -> Vec<(u64, &'p str, &'p str, String)> {
        let output = run(&["lesson", &probe.path, "--all", "--on", capture]);
        let (prose, said) = answers(&String::from_utf8_lossy(&output.stdout));
        let mut known: BTreeSet<String> = numbers(capture);
        known.extend(numbers(&probe.path));
        said.values().for_each(|value| known.extend(numbers(value)));
        for number in numbers(&prose).difference(&known) {
            // What stands between blanks in the lesson may have got a sign from the sentence.
            if !probe.own.contains(number) && !known.iter().any(|k| k.contains(number.as_str())) {
                self.wrong(format!(
                    "{} --on {capture}: {number} is neither the lesson's nor the packets'",
                    probe.file
                ));
            }
        }
        let packet = |section: Option<usize>, bind: &str| {
            let is = |one: &Asked| {
                one.section == section && one.fact.as_ref().is_some_and(|(b, k)| b == bind && k == "packet")
            };
            let at = probe.asked.iter().position(is)?;
            said.get(&at)?.trim_start_matches('#').replace(',', "").parse::<u64>().ok()
        };
        let mut facts = Vec::new();
        for (at, one) in probe.asked.iter().enumerate() {
            let (Some(value), Some((bind, key))) = (said.get(&at), &one.fact) else { continue };
            self.said.fetch_add(1, Ordering::Relaxed);
            if let Some(packet) = packet(one.section, bind).filter(|_| key != "packet") {
                facts.push((packet, bind.as_str(), key.as_str(), value.clone()));
            }
        }
        facts
    }

    fn compare(&self, probe: &Probe, capture: &str, facts: &[(u64, &str, &str, String)], known: &Known) {
        for (packet, bind, key, text) in facts {
            let binds = probe.lesson.sections.iter().flat_map(|section| section.binds());
            let on = binds.into_iter().find(|b| b.name == *bind).map_or("", |b| b.on.name());
            let event = known.get(&(*packet, format!("{on}/{key}")));
            let Some(values) = event.or_else(|| known.get(&(*packet, (*key).to_owned()))) else { continue };
            self.compared.fetch_add(1, Ordering::Relaxed);
            if !values.iter().any(|value| same(text, value)) {
                let file = &probe.file;
                self.wrong(format!(
                    "{file} --on {capture}: {bind}.{key} of #{packet} is told as {text}: {values:?}"
                ));
            }
        }
    }
}

type Known = BTreeMap<(u64, String), Vec<Value>>;

#[test]
fn lessons_say_of_any_capture_what_its_packets_say() {
    let Some(corpus) = std::env::var_os("PCAPLAIN_CORPUS").map(PathBuf::from) else {
        eprintln!("skipped: PCAPLAIN_CORPUS names no folder");
        return;
    };
    let step: usize = std::env::var("PCAPLAIN_CORPUS_STEP").ok().and_then(|n| n.parse().ok()).unwrap_or(1);
    let mut captures = Vec::new();
    walk(&corpus, &mut captures);
    captures.sort();
    let folder = tempfile::tempdir().expect("a folder");
    let mut files: Vec<PathBuf> = Vec::new();
    walk(&root().join("docs/lessons"), &mut files);
    let name =
        |path: &PathBuf| format!("docs/lessons/{}", path.file_name().expect("a name").to_string_lossy());
    let mut names: Vec<String> = files.iter().map(name).filter(|name| name.ends_with(".en.md")).collect();
    names.sort();
    let probes: Vec<Probe> = names.iter().map(|file| Probe::new(file, folder.path())).collect();
    let (tally, next) = (Tally::default(), AtomicUsize::new(0));
    let one = |number: usize, capture: &str| {
        let mut facts = Vec::new();
        for (at, probe) in probes.iter().enumerate() {
            if number % step != at % step {
                continue;
            }
            tally.whole(probe, capture, "en");
            tally.whole(probe, capture, "zh");
            facts.push((probe, tally.prose(probe, capture)));
        }
        let packets: BTreeSet<u64> = facts.iter().flat_map(|(_, f)| f.iter().map(|f| f.0)).collect();
        if !packets.is_empty() {
            let known = of_packets(capture, &packets);
            facts.iter().for_each(|(probe, facts)| tally.compare(probe, capture, facts, &known));
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(capture) = captures.get(number) else { break };
                    one(number, &capture.to_string_lossy());
                }
            });
        }
    });
    let count = |n: &AtomicUsize| n.load(Ordering::Relaxed);
    eprintln!(
        "{} captures, {} tellings, {} steps shown, {} things said of packets, {} of them compared with JSON",
        captures.len(),
        count(&tally.told),
        count(&tally.shown),
        count(&tally.said),
        count(&tally.compared)
    );
    let wrong = tally.wrong.into_inner().expect("no panic");
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(captures.is_empty() || count(&tally.compared) > 0, "nothing was compared");
}
