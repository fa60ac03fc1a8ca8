//! Lessons: Markdown files whose directives name packets by what happens in them, so that one text is told with the packets
//! of any capture.
//!
//! [`parse()`] reads a file, [`bind`] looks for the packets that its steps name, [`values`] for what its sentences say of them,
//! [`fill`] writes them into the file, [`check`] tells what is wrong with it. [`shelf`] has the lessons of the program.
//! How one is written: docs/write-a-lesson.md. Leaves out: how a lesson is shown (`view::lesson`).

pub mod bind;
pub mod check;
mod directive;
pub mod fill;
pub mod join;
pub mod parse;
pub mod question;
pub mod shelf;
pub mod slots;
mod source;
pub mod values;

use std::ops::Range;

use crate::notes::check::On;
use crate::notes::expression::Expression;
use crate::words::Lang;
pub use parse::parse;
use slots::{Condition, Slot};

/// A lesson as it is written.
#[derive(Debug, Clone)]
pub struct Lesson {
    /// The file, as it was named.
    pub file: String,
    /// What it is called: the file's name without number, language and ending.
    pub name: String,
    /// Its place among the lessons, from the file's name.
    pub order: Option<u32>,
    /// Its language, from the file's name.
    pub lang: Option<Lang>,
    /// Its heading.
    pub title: String,
    /// The bundled capture it is bound to where the user names none.
    pub capture: String,
    /// What stands before the first section.
    pub intro: Vec<Part>,
    /// Its sections.
    pub sections: Vec<Section>,
}

impl Lesson {
    /// The capture that a section is bound to where the user names none.
    pub fn capture_of(&self, section: usize) -> &str {
        let step = self.sections.get(section).and_then(|section| section.step.as_ref());
        step.and_then(|step| step.capture.as_deref()).unwrap_or(&self.capture)
    }

    /// All captures that it is bound to by default, each once, the lesson's first.
    pub fn captures(&self) -> Vec<&str> {
        let mut names = vec![self.capture.as_str()];
        for section in 0..self.sections.len() {
            let name = self.capture_of(section);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// The language that it is told in, where its name does not say: what the user reads.
    pub fn lang_or(&self, lang: Lang) -> Lang {
        self.lang.unwrap_or(lang)
    }

    /// How many sections are steps.
    pub fn steps(&self) -> usize {
        self.sections.iter().filter(|section| section.step.is_some()).count()
    }

    /// The parts of the introduction and of all sections, with the section's index.
    pub fn parts(&self) -> impl Iterator<Item = (Option<usize>, &Part)> {
        let intro = self.intro.iter().map(|part| (None, part));
        let sections = self.sections.iter().enumerate();
        intro.chain(sections.flat_map(|(at, section)| section.parts.iter().map(move |part| (Some(at), part))))
    }

    /// The names that a section's directives and sentences may use: of its own binds, and of those before it that are
    /// bound to the same capture. What comes after the last step may use all.
    pub fn binds_for(&self, section: Option<usize>) -> impl Iterator<Item = &Bind> {
        let at = section.unwrap_or(0);
        let capture = section.map_or(self.capture.as_str(), |at| self.capture_of(at));
        let before =
            move |index: usize| section.is_some() && index <= at && self.capture_of(index) == capture;
        let sections = self.sections.iter().enumerate().filter(move |(index, _)| before(*index));
        sections.flat_map(|(_, section)| section.binds())
    }
}

/// What stands under a heading.
#[derive(Debug, Clone, Default)]
pub struct Section {
    /// The heading.
    pub title: String,
    /// Where it stands.
    pub line: usize,
    /// What makes it a step.
    pub step: Option<Step>,
    /// What stands in it.
    pub parts: Vec<Part>,
}

impl Section {
    /// The packets that it shows, asks about or speaks of.
    pub fn speaks_of(&self) -> impl Iterator<Item = &str> {
        fn in_slots<'s>(slots: impl Iterator<Item = &'s Slot>) -> impl Iterator<Item = &'s str> {
            slots.flat_map(|slot| slot.facts().map(|(bind, _)| bind))
        }
        self.parts.iter().flat_map(|part| -> Vec<&str> {
            match part {
                Part::Show(show) => show.what.names(),
                Part::Ask(ask) => ask.names.iter().map(String::as_str).collect(),
                Part::Prose(prose) => in_slots(prose.slots.iter()).collect(),
                Part::Branch(branch) => {
                    let texts = std::iter::once(&branch.then).chain(&branch.otherwise);
                    let slots = texts.flat_map(|prose| &prose.slots);
                    in_slots(branch.condition.slots().chain(slots)).collect()
                }
                Part::Bind(_) | Part::Claims(_) => Vec::new(),
            }
        })
    }

    /// The packets it names.
    pub fn binds(&self) -> impl Iterator<Item = &Bind> {
        self.parts.iter().filter_map(|part| match part {
            Part::Bind(bind) => Some(bind),
            _ => None,
        })
    }
}

/// A step of a lesson.
#[derive(Debug, Clone, Default)]
pub struct Step {
    /// Its name within the lesson.
    pub id: String,
    /// The line of its directive.
    pub line: usize,
    /// The capture it is bound to, where that is not the lesson's.
    pub capture: Option<String>,
    /// What to do while one's own capture is recorded.
    pub record: Option<String>,
}

/// A piece of a section.
#[derive(Debug, Clone)]
pub enum Part {
    /// Text.
    Prose(Prose),
    /// A name for a packet.
    Bind(Bind),
    /// Evidence.
    Show(Show),
    /// Claims of the notes.
    Claims(Claims),
    /// A question with its answer.
    Ask(Ask),
    /// Text that holds only on some captures.
    Branch(Branch),
}

/// Text with slots in it.
#[derive(Debug, Clone, Default)]
pub struct Prose {
    /// The text; a slot is [`Prose::mark`] of its index.
    pub text: String,
    /// The slots.
    pub slots: Vec<Slot>,
    /// Where each stands in the file, with what the program has written there.
    pub places: Vec<Range<usize>>,
    /// The line it begins on.
    pub line: usize,
}

impl Prose {
    /// The character that stands for a slot: of a plane that no text uses.
    pub fn mark(index: usize) -> char {
        char::from_u32(0xF_0000 + (index as u32).min(0xFFFD)).unwrap_or('\u{F_0000}')
    }

    /// Which slot a character stands for.
    pub fn slot(&self, mark: char) -> Option<&Slot> {
        let index = (mark as u32).checked_sub(0xF_0000)?;
        self.slots.get(index as usize)
    }
}

/// A name for a packet, and which one is meant.
#[derive(Debug, Clone)]
pub struct Bind {
    /// The name.
    pub name: String,
    /// What happens in it.
    pub on: On,
    /// What must be true of it.
    pub filter: Option<Expression>,
    /// The packet whose conversation it belongs to.
    pub within: Option<String>,
    /// A packet it comes after.
    pub after: Option<String>,
    /// A packet it comes before.
    pub before: Option<String>,
    /// What it must have in common with packets bound before it.
    pub with: Vec<With>,
    /// Whether the step can be told without it.
    pub optional: bool,
    /// Where it stands.
    pub line: usize,
    /// The directive as it is written, without the name.
    pub source: String,
}

impl Bind {
    /// The packets it is bound to, in the order in which they are written, each once.
    pub fn others(&self) -> Vec<&str> {
        let places = [&self.within, &self.after, &self.before].into_iter().flatten();
        let mut others: Vec<&str> = Vec::new();
        for other in places.chain(self.with.iter().map(|with| &with.other)) {
            if !others.contains(&other.as_str()) {
                others.push(other);
            }
        }
        others
    }
}

/// What a packet must have in common with another: the answer's `query_packet` is the question's number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct With {
    /// What the packet says.
    pub key: String,
    /// The other packet.
    pub other: String,
    /// What that one says.
    pub of: String,
}

/// A place in a file that the program writes to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// The line of the directive.
    pub line: usize,
    /// The bytes between it and its end.
    pub body: Range<usize>,
}

/// Evidence.
#[derive(Debug, Clone)]
pub struct Show {
    /// Which.
    pub what: What,
    /// Where it goes.
    pub place: Place,
}

/// What can be shown.
#[derive(Debug, Clone)]
pub enum What {
    /// A packet's tree, or some layers of it.
    Packet {
        /// Whose.
        name: String,
        /// Short names of layers; all where there are none.
        layers: Vec<String>,
    },
    /// Some fields with their bytes.
    Fields {
        /// Whose.
        name: String,
        /// Their names.
        fields: Vec<String>,
    },
    /// All bytes, those of a layer marked.
    Bytes {
        /// Whose.
        name: String,
        /// Which are marked.
        layer: Option<String>,
    },
    /// Boxes in boxes.
    Layers {
        /// Whose.
        name: String,
    },
    /// A conversation as a ladder.
    Ladder {
        /// A packet of it.
        name: String,
        /// At most so many rungs.
        max: usize,
        /// The first packet that is drawn.
        from: Option<String>,
        /// The last.
        to: Option<String>,
    },
    /// One line a packet.
    Packets {
        /// Of this packet's conversation.
        within: Option<String>,
        /// Which.
        filter: Option<Expression>,
        /// The first that is shown.
        from: Option<String>,
        /// The last; it is shown whatever is left out.
        to: Option<String>,
        /// At most so many.
        max: usize,
    },
    /// One line a conversation.
    Flows {
        /// Which.
        filter: Option<Expression>,
        /// At most so many.
        max: usize,
    },
    /// Which stacks of headers there are.
    Stack,
}

impl What {
    /// The packets it names.
    pub fn names(&self) -> Vec<&str> {
        match self {
            What::Packet { name, .. }
            | What::Fields { name, .. }
            | What::Bytes { name, .. }
            | What::Layers { name } => vec![name],
            What::Ladder { name, from, to, .. } => {
                [Some(name), from.as_ref(), to.as_ref()].into_iter().flatten().map(String::as_str).collect()
            }
            What::Packets { within, from, to, .. } => {
                [within, from, to].into_iter().flatten().map(String::as_str).collect()
            }
            What::Flows { .. } | What::Stack => Vec::new(),
        }
    }
}

/// Claims of the notes, and what the capture says of them.
#[derive(Debug, Clone)]
pub struct Claims {
    /// Their ids.
    pub ids: Vec<String>,
    /// Where they go.
    pub place: Place,
}

/// A question.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Which.
    pub kind: String,
    /// About which packets.
    pub names: Vec<String>,
    /// Where it goes.
    pub place: Place,
}

/// Text that is told where something holds, and perhaps another where it does not.
#[derive(Debug, Clone)]
pub struct Branch {
    /// What must hold.
    pub condition: Condition,
    /// Told where it does.
    pub then: Prose,
    /// Told where it does not.
    pub otherwise: Option<Prose>,
    /// The whole, from `if` to `end`.
    pub range: Range<usize>,
    /// Where it stands.
    pub line: usize,
}

/// Something wrong with a lesson: a text of docs/words/lesson.toml and its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Which file, as it was named.
    pub file: String,
    /// The line; 0 where it is about the whole file.
    pub line: usize,
    /// Id of what is said.
    pub id: &'static str,
    /// What it is filled with.
    pub values: Vec<(&'static str, String)>,
}
