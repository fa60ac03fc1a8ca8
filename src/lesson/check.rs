//! What is wrong with a lesson: names that do not exist, steps that differ between its languages, and, once it is bound to its
//! own captures, evidence that binds nowhere, slots without a value, numbers written by hand.
//!
//! Leaves out: what cannot be read at all (`parse`), sentences (docs/words/lesson.toml).

use std::collections::BTreeSet;

use super::bind::MAX_KEYS;
use super::join::Bound;
use super::slots::{Slot, Values as _};
use super::values::{Gathered, Here};
use super::{Bind, Lesson, Mistake, Part, Prose, Section, What, question};
use crate::capture::bundled;
use crate::notes::expression::{Expression, Kind, Vocabulary};
use crate::notes::{ledger, vocabulary};
use crate::protocol::Protocol;
use crate::wire::{NodeKind, Tree, Value};
use crate::words;

struct Checker<'l> {
    lesson: &'l Lesson,
    mistakes: Vec<Mistake>,
}

impl Checker<'_> {
    fn say(&mut self, line: usize, id: &'static str, values: &[(&'static str, &str)]) {
        let values = values.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        let mistake = Mistake { file: self.lesson.file.clone(), line, id, values };
        if !self.mistakes.contains(&mistake) {
            self.mistakes.push(mistake);
        }
    }

    fn capture(&mut self, line: usize, name: &str) {
        if let Err(crate::capture::Reason::NoSuchBundled { nearest, .. }) = bundled::find(name) {
            let nearest = nearest.join(", ");
            self.say(line, "no-capture", &[("found", name), ("nearest", &nearest)]);
        }
    }

    /// Whether a name's packet is known where it is used.
    fn bound(&mut self, line: usize, name: &str, section: Option<usize>) {
        if !self.lesson.binds_for(section).any(|bind| bind.name == name) {
            self.say(line, "unknown-bind", &[("found", name)]);
        }
    }

    fn expression(&mut self, line: usize, expression: &Expression) {
        let names = vocabulary::checks().names;
        if expression.check(&Vocabulary { kind_of: &kind_of, names }).is_err() {
            // A name that does not exist, else two things that cannot be compared.
            let (id, found) = match expression.names().find(|name| kind_of(name).is_none()) {
                Some(name) => ("unknown-field", name.to_owned()),
                None => ("not-comparable", expression.to_string()),
            };
            let nearest = nearest(&found);
            self.say(line, id, &[("found", &found), ("nearest", &nearest)]);
        }
    }

    fn slot(&mut self, slot: &Slot, section: Option<usize>) {
        for (bind, key) in slot.facts() {
            self.bound(slot.line, bind, section);
            if !is_key(key) {
                let nearest = nearest(key);
                self.say(slot.line, "unknown-field", &[("found", key), ("nearest", &nearest)]);
            }
        }
        for term in slot.terms() {
            if let super::slots::Term::Bind(name) = term {
                self.bound(slot.line, name, section);
            }
        }
    }

    fn prose(&mut self, prose: &Prose, section: Option<usize>) {
        for slot in &prose.slots {
            self.slot(slot, section);
            if slot.terms().any(|term| matches!(term, super::slots::Term::Bind(_))) {
                self.say(slot.line, "bad-slot", &[("found", &slot.source)]);
            }
        }
    }

    fn bind(&mut self, bind: &Bind, at: usize) {
        if let Some(filter) = &bind.filter {
            self.expression(bind.line, filter);
        }
        let lesson = self.lesson;
        let before: Vec<&Bind> =
            lesson.binds_for(Some(at)).take_while(|other| other.line < bind.line).collect();
        for other in bind.others() {
            if !before.iter().any(|known| known.name == other) {
                self.say(bind.line, "unknown-bind", &[("found", other)]);
            }
        }
        for key in bind.with.iter().flat_map(|with| [&with.key, &with.of]) {
            if key != "packet" && kind_of(key).is_none() {
                let nearest = nearest(key);
                self.say(bind.line, "unknown-field", &[("found", key), ("nearest", &nearest)]);
            }
        }
        if before.iter().any(|known| known.name == bind.name && known.source != bind.source) {
            self.say(bind.line, "bound-twice", &[("found", &bind.name)]);
        }
    }

    fn part(&mut self, part: &Part, section: Option<usize>) {
        match part {
            Part::Prose(prose) => self.prose(prose, section),
            Part::Bind(bind) => match section.filter(|at| self.lesson.sections[*at].step.is_some()) {
                Some(at) => self.bind(bind, at),
                None => self.say(bind.line, "bind-outside", &[("found", &bind.name)]),
            },
            Part::Show(show) => {
                let line = show.place.line;
                for name in show.what.names() {
                    self.bound(line, name, section);
                }
                match &show.what {
                    What::Packet { layers, .. } => layers.iter().for_each(|layer| self.layer(line, layer)),
                    What::Bytes { layer: Some(layer), .. } => self.layer(line, layer),
                    What::Fields { fields, .. } => {
                        for field in fields.iter().filter(|field| kind_of(field).is_none()) {
                            let nearest = nearest(field);
                            self.say(line, "unknown-field", &[("found", field), ("nearest", &nearest)]);
                        }
                    }
                    What::Packets { filter: Some(filter), .. } | What::Flows { filter: Some(filter), .. } => {
                        self.expression(line, filter);
                    }
                    _ => {}
                }
            }
            Part::Claims(claims) => {
                for id in &claims.ids {
                    if let Err(nearest) = ledger::by_id(id) {
                        let nearest = nearest.join(", ");
                        self.say(claims.place.line, "unknown-claim", &[("found", id), ("nearest", &nearest)]);
                    }
                }
            }
            Part::Ask(ask) => {
                if !question::kinds().any(|kind| kind == ask.kind) {
                    self.say(ask.place.line, "unknown-question", &[("found", &ask.kind)]);
                }
                if ask.names.is_empty() {
                    self.say(ask.place.line, "question-of-nothing", &[("found", &ask.kind)]);
                }
                ask.names.iter().for_each(|name| self.bound(ask.place.line, name, section));
            }
            Part::Branch(branch) => {
                branch.condition.slots().for_each(|slot| self.slot(slot, section));
                self.prose(&branch.then, section);
                branch.otherwise.iter().for_each(|prose| self.prose(prose, section));
            }
        }
    }

    fn layer(&mut self, line: usize, name: &str) {
        if !Protocol::ALL.iter().any(|protocol| protocol.field().name == name) {
            self.say(line, "unknown-layer", &[("found", name)]);
        }
    }
}

/// The kind of a name's values, in lessons: as in checks of claims, and every field that is explained somewhere.
fn kind_of(name: &str) -> Option<Kind> {
    let is_event = crate::flow::Kind::from_name(name).is_some();
    (vocabulary::checks().kind_of)(name)
        .or_else(|| (is_event || words::field(name).is_some()).then_some(Kind::Any))
}

fn is_key(key: &str) -> bool {
    matches!(key, "packet" | "time") || kind_of(key).is_some()
}

/// Names like one that does not exist.
fn nearest(name: &str) -> String {
    let mut found: Vec<(usize, &str)> = vocabulary::checks()
        .names
        .iter()
        .map(|known| (strsim::osa_distance(name, known), *known))
        .filter(|(distance, _)| *distance <= 1 + name.len() / 6)
        .collect();
    found.sort_unstable();
    found.dedup();
    found.iter().take(3).map(|(_, name)| *name).collect::<Vec<_>>().join(", ")
}

/// What is wrong with a lesson by itself.
pub fn names(lesson: &Lesson) -> Vec<Mistake> {
    let mut checker = Checker { lesson, mistakes: Vec::new() };
    if !lesson.capture.is_empty() {
        checker.capture(1, &lesson.capture);
    }
    if lesson.steps() == 0 {
        checker.say(0, "no-steps", &[]);
    }
    for section in &lesson.sections {
        let Some(step) = &section.step else { continue };
        if let Some(capture) = &step.capture {
            checker.capture(step.line, capture);
        }
        if section.binds().next().is_none() && checker_needs_bind(section) {
            checker.say(step.line, "step-without-bind", &[("found", &step.id)]);
        }
        if !section.parts.iter().any(|part| matches!(part, Part::Ask(_))) {
            checker.say(step.line, "step-without-question", &[("found", &step.id)]);
        }
    }
    for (section, part) in lesson.parts() {
        checker.part(part, section);
    }
    for named in super::bind::scopes(lesson).iter().flat_map(|scope| &scope.names) {
        if named.keys.len() > MAX_KEYS {
            let max = MAX_KEYS.to_string();
            checker.say(named.bind.line, "too-many-keys", &[("found", &named.bind.name), ("max", &max)]);
        }
    }
    checker.mistakes
}

/// A step that shows nothing of a single packet needs no name.
fn checker_needs_bind(section: &Section) -> bool {
    !section.parts.iter().any(|part| matches!(part, Part::Show(_)))
}

/// What a lesson's directives say, one line each, with the lines they stand on.
fn outline(lesson: &Lesson) -> Vec<(usize, String)> {
    let mut lines = vec![(1, format!("lesson {} {:?}", lesson.capture, lesson.order))];
    let mut last = None;
    for (section, part) in lesson.parts() {
        if section != last {
            last = section;
            if let Some(section) = section.map(|at| &lesson.sections[at]) {
                let step = section.step.as_ref().map_or_else(
                    || "section".to_owned(),
                    |step| format!("step {} {:?} {:?}", step.id, step.capture, step.record),
                );
                lines.push((section.line, step));
            }
        }
        match part {
            Part::Bind(bind) => lines.push((bind.line, format!("bind {} = {}", bind.name, bind.source))),
            Part::Show(show) => lines.push((show.place.line, format!("show {:?}", show.what))),
            Part::Claims(claims) => {
                lines.push((claims.place.line, format!("claims {}", claims.ids.join(" "))))
            }
            Part::Ask(ask) => {
                lines.push((ask.place.line, format!("ask {} {}", ask.kind, ask.names.join(" "))))
            }
            Part::Prose(_) | Part::Branch(_) => {}
        }
    }
    lines
}

/// Where two languages of one lesson differ: the first directive of the second that is another.
pub fn twins(one: &Lesson, other: &Lesson) -> Option<Mistake> {
    let (a, b) = (outline(one), outline(other));
    let differs = a.iter().zip(&b).position(|((_, a), (_, b))| a != b);
    let at = differs.or_else(|| (a.len() != b.len()).then(|| a.len().min(b.len())))?;
    let short = |lines: &[(usize, String)]| {
        let text = lines.get(at).map_or("–", |(_, text)| text);
        text.chars().take(80).collect::<String>()
    };
    let line = b.get(at).or(b.last()).map_or(0, |(line, _)| *line);
    let values = vec![("found", short(&b)), ("other", one.file.clone()), ("expected", short(&a))];
    Some(Mistake { file: other.file.clone(), line, id: "differs", values })
}

/// What is wrong with a lesson on its own captures.
pub fn on_captures(lesson: &Lesson, bound: &Bound<'_>, gathered: &Gathered) -> Vec<Mistake> {
    let mut checker = Checker { lesson, mistakes: Vec::new() };
    for missing in bound.missing.values().filter(|missing| missing.earlier.is_none()) {
        let (name, source) = (missing.bind.name.as_str(), missing.bind.source.as_str());
        let id = if missing.alone { "binds-not-together" } else { "binds-nowhere" };
        checker.say(missing.bind.line, id, &[("found", name), ("source", source)]);
    }
    for (section, part) in lesson.parts() {
        if section.is_some_and(|at| bound.missing.contains_key(&at)) {
            continue;
        }
        let here = Here { lesson, section, bound, gathered, file: "@" };
        let prose = match part {
            Part::Prose(prose) => Some(prose),
            Part::Branch(branch) if branch.condition.holds(&here) => Some(&branch.then),
            Part::Branch(branch) => branch.otherwise.as_ref(),
            _ => None,
        };
        for slot in prose.iter().flat_map(|prose| &prose.slots) {
            if slot.value(&here).is_none() && slot.facts().all(|(bind, _)| here.is_bound(bind)) {
                checker.say(slot.line, "slot-empty", &[("found", &slot.source)]);
            }
        }
    }
    checker.mistakes
}

/// Numbers and addresses of a capture, against which prose is held.
#[derive(Debug, Default)]
pub struct Literals {
    known: BTreeSet<String>,
}

/// What may be written by hand although a capture has it: constants of the protocols.
const CONSTANTS: &[&str] = &[
    "1024",
    "1280",
    "1460",
    "1500",
    "1514",
    "1518",
    "1536",
    "2048",
    "4096",
    "8080",
    "32768",
    "49152",
    "60999",
    "65495",
    "65515",
    "65535",
    "65536",
    "0.0.0.0",
    "127.0.0.1",
    "255.255.255.255",
    "ff:ff:ff:ff:ff:ff",
    "00:00:00:00:00:00",
    "224.0.0.1",
    "224.0.0.18",
    "8.8.8.8",
    "::1",
];

impl Literals {
    /// A packet that the lesson is about.
    pub fn packet(&mut self, tree: &Tree) {
        for node in tree.nodes.iter().filter(|n| matches!(n.kind, NodeKind::Leaf | NodeKind::Derived)) {
            let text = match &node.value {
                Value::Uint(n) if *n >= 1000 => n.to_string(),
                Value::Ipv4(address) => std::net::Ipv4Addr::from(*address).to_string(),
                Value::Ipv6(address) => std::net::Ipv6Addr::from(*address).to_string(),
                Value::Mac(address) => crate::flow::Datum::Mac(*address).to_string(),
                _ => continue,
            };
            if !CONSTANTS.contains(&text.as_str()) {
                self.known.insert(text);
            }
        }
    }

    /// The numbers and addresses of the prose that the packets have, too, and packet numbers, with their lines.
    pub fn mistakes(&self, lesson: &Lesson) -> Vec<Mistake> {
        let mut checker = Checker { lesson, mistakes: Vec::new() };
        for (_, part) in lesson.parts() {
            let prose: Vec<&Prose> = match part {
                Part::Prose(prose) => vec![prose],
                Part::Branch(branch) => std::iter::once(&branch.then).chain(&branch.otherwise).collect(),
                _ => continue,
            };
            for prose in prose {
                for (offset, line) in prose.text.trim_start_matches('\n').lines().enumerate() {
                    self.line(line, prose.line + offset, &mut checker);
                }
            }
        }
        checker.mistakes
    }

    fn line(&self, line: &str, number: usize, checker: &mut Checker<'_>) {
        let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '#' | ',');
        let mut before = "";
        for word in line.split(|c: char| !part(c)).filter(|word| !word.is_empty()) {
            let word = word.trim_matches(|c| matches!(c, '.' | ':' | ','));
            let plain = word.replace(',', "");
            let is_packet = word
                .strip_prefix('#')
                .is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
            if is_packet || before != "RFC" && self.known.contains(plain.as_str()) {
                checker.say(number, "literal", &[("found", word)]);
            }
            before = word;
        }
    }
}
