//! A lesson's file read: headings make sections, comments are directives, braces are slots.
//!
//! Everything that is wrong is told, with its line; what can be read is read. What the program wrote into the file
//! (evidence, the values of slots, the text of a branch that does not hold) is read as what it stands for.
//! Leaves out: what single directives say (`directive`), whether names exist (`check`).

use std::path::Path;

use serde::Deserialize;

use super::slots::{Condition, Slot, is_name};
use super::source::{self, Token, fence_of, line_of};
use super::{Ask, Branch, Claims, Lesson, Mistake, Part, Place, Prose, Section, Show, Step, directive};
use crate::words::Lang;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    capture: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StepHead {
    capture: Option<String>,
    record: Option<String>,
}

/// Reads a lesson. `file` is how it is named, for its name, its language and for what is told of mistakes.
pub fn parse(file: &str, source: &str) -> (Lesson, Vec<Mistake>) {
    let (tokens, unclosed) = source::tokens(source);
    let (order, name, lang) = named(file);
    let lesson = Lesson {
        file: file.to_owned(),
        name,
        order,
        lang,
        title: String::new(),
        capture: String::new(),
        intro: Vec::new(),
        sections: Vec::new(),
    };
    let mut parser = Parser { source, lesson, prose: Prose::default(), mistakes: Vec::new(), headed: false };
    if let Some(line) = unclosed {
        parser.mistake(line, "comment-unclosed", &[]);
    }
    parser.read(&tokens);
    parser.flush();
    if parser.lesson.title.is_empty() {
        parser.mistake(1, "no-title", &[]);
    }
    if !parser.headed {
        parser.mistake(0, "no-head", &[]);
    }
    (parser.lesson, parser.mistakes)
}

/// What a file's name says: `08-tcp-open.zh.md` is 8, `tcp-open`, Chinese.
fn named(file: &str) -> (Option<u32>, String, Option<Lang>) {
    let stem = Path::new(file).file_name().map_or(file.into(), |name| name.to_string_lossy());
    let stem = stem.strip_suffix(".md").unwrap_or(&stem);
    let (stem, lang) = match stem.rsplit_once('.') {
        Some((stem, lang)) if Lang::from_name(lang).is_some() => (stem, Lang::from_name(lang)),
        _ => (stem, None),
    };
    match stem.split_once('-') {
        Some((number, name)) if number.bytes().all(|b| b.is_ascii_digit()) && !number.is_empty() => {
            (number.parse().ok(), name.to_owned(), lang)
        }
        _ => (None, stem.to_owned(), lang),
    }
}

struct Parser<'s> {
    source: &'s str,
    lesson: Lesson,
    /// What is being read.
    prose: Prose,
    mistakes: Vec<Mistake>,
    /// Whether the lesson's own directive was there.
    headed: bool,
}

impl Parser<'_> {
    fn mistake(&mut self, line: usize, id: &'static str, values: &[(&'static str, &str)]) {
        let values = values.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        self.mistakes.push(Mistake { file: self.lesson.file.clone(), line, id, values });
    }

    fn read(&mut self, tokens: &[Token<'_>]) {
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            at += 1;
            if !token.comment {
                self.text(token.text, token.range.start, true);
                continue;
            }
            let (word, rest) = directive_of(token.text);
            match word {
                "" => self.mistake(token.line, "slot-end", &[]),
                _ if word.starts_with('=') => at = self.filled(tokens, at),
                "lesson" => self.head(rest, token.line),
                "step" => self.step(rest, token.line),
                "bind" | "bind?" => {
                    self.flush();
                    match directive::bind(rest, word == "bind?", token.line) {
                        Ok(bind) => self.put(Part::Bind(bind)),
                        Err((id, values)) => self.push_mistake(token.line, id, values),
                    }
                }
                "show" | "claims" | "ask" => at = self.block(word, rest, tokens, at),
                "if" => at = self.branch(tokens, at),
                "else" | "end" | "/show" | "/claims" | "/ask" => {
                    self.mistake(token.line, "not-open", &[("found", word)]);
                }
                _ if word.starts_with('#') => {} // a remark
                _ => {
                    let found = token.text.split_whitespace().next().unwrap_or("");
                    self.mistake(token.line, "unknown-directive", &[("found", found)]);
                }
            }
        }
    }

    fn push_mistake(&mut self, line: usize, id: &'static str, values: Vec<(&'static str, String)>) {
        self.mistakes.push(Mistake { file: self.lesson.file.clone(), line, id, values });
    }

    fn head(&mut self, text: &str, line: usize) {
        self.flush();
        if self.headed {
            self.mistake(line, "two-heads", &[]);
        }
        self.headed = true;
        match toml::from_str::<Head>(text) {
            Ok(head) => self.lesson.capture = head.capture,
            Err(error) => self.mistake(line, "bad-toml", &[("message", error.message())]),
        }
    }

    fn step(&mut self, text: &str, line: usize) {
        self.flush();
        let (id, rest) = text.split_once('\n').unwrap_or((text, ""));
        let id = id.trim();
        if !is_name(id) {
            self.mistake(line, "bad-name", &[("found", &format!("step {id}"))]);
        }
        if self.lesson.sections.iter().any(|s| s.step.as_ref().is_some_and(|step| step.id == id)) {
            self.mistake(line, "two-steps", &[("found", id)]);
        }
        let head = toml::from_str::<StepHead>(rest).unwrap_or_else(|error| {
            self.mistake(line, "bad-toml", &[("message", error.message())]);
            StepHead { capture: None, record: None }
        });
        let step = Step { id: id.to_owned(), line, capture: head.capture, record: head.record };
        match self.lesson.sections.last_mut() {
            Some(section) if section.step.is_none() => section.step = Some(step),
            _ => self.mistake(line, "step-without-heading", &[("found", id)]),
        }
    }

    /// A directive that what it shows stands below, up to its end. Returns the next token.
    fn block(&mut self, word: &'static str, rest: &str, tokens: &[Token<'_>], at: usize) -> usize {
        self.flush();
        let open = &tokens[at - 1];
        let end = tokens[at..].iter().position(|token| token.comment).map(|end| at + end);
        let closing = end.filter(|end| tokens[*end].text.trim().strip_prefix('/') == Some(word));
        let Some(closing) = closing else {
            self.mistake(open.line, "unclosed", &[("found", word)]);
            return at;
        };
        let place = Place { line: open.line, body: open.range.end..tokens[closing].range.start };
        let mut words = rest.split_whitespace().map(str::to_owned);
        match word {
            "show" => match directive::show(rest) {
                Ok(what) => self.put(Part::Show(Show { what, place })),
                Err((id, values)) => self.push_mistake(open.line, id, values),
            },
            "claims" => {
                let ids: Vec<String> = words.collect();
                if ids.is_empty() {
                    self.mistake(open.line, "no-claims", &[]);
                }
                self.put(Part::Claims(Claims { ids, place }));
            }
            _ => match words.next() {
                Some(kind) => self.put(Part::Ask(Ask { kind, names: words.collect(), place })),
                None => self.mistake(open.line, "no-question", &[]),
            },
        }
        closing + 1
    }

    /// `if` up to `end`. A text that does not hold on the bundled capture stands within its comment.
    fn branch(&mut self, tokens: &[Token<'_>], mut at: usize) -> usize {
        self.flush();
        let open = &tokens[at - 1];
        let (_, rest) = directive_of(open.text);
        let (condition, hidden) = rest.split_once('\n').unwrap_or((rest, ""));
        let mut texts = [Prose::default(), Prose::default()];
        let mut is_else = false;
        self.prose.line = open.line;
        self.hidden(hidden, open.range.start);
        let end = loop {
            let Some(token) = tokens.get(at) else {
                self.mistake(open.line, "unclosed", &[("found", "if")]);
                break self.source.len();
            };
            at += 1;
            if !token.comment {
                self.text(token.text, token.range.start, false);
                continue;
            }
            let (word, hidden) = directive_of(token.text);
            match word {
                _ if word.starts_with('=') => at = self.filled(tokens, at),
                "else" if !is_else => {
                    texts[0] = std::mem::take(&mut self.prose);
                    is_else = true;
                    self.hidden(hidden, token.range.start);
                }
                "end" => break token.range.end,
                _ => self.mistake(token.line, "in-branch", &[("found", word)]),
            }
        };
        texts[usize::from(is_else)] = std::mem::take(&mut self.prose);
        let [then, otherwise] = texts;
        let otherwise = is_else.then_some(otherwise);
        match Condition::parse(condition, open.line) {
            Some(condition) => {
                let range = open.range.start..end;
                self.put(Part::Branch(Branch { condition, then, otherwise, range, line: open.line }));
            }
            None => self.mistake(open.line, "bad-condition", &[("found", condition.trim())]),
        }
        at
    }

    /// A text that stands in a comment, because it does not hold on the bundled capture.
    fn hidden(&mut self, text: &str, offset: usize) {
        if !text.trim().is_empty() {
            self.text(text, offset, false);
        }
    }

    /// A slot that has been filled: its value is passed over. Returns the next token.
    fn filled(&mut self, tokens: &[Token<'_>], at: usize) -> usize {
        let open = &tokens[at - 1];
        let end = tokens[at..].iter().take(2).position(|token| token.comment).map(|end| at + end);
        let Some(end) = end.filter(|end| tokens[*end].text.is_empty()) else {
            self.mistake(open.line, "slot-unclosed", &[("found", open.text)]);
            return at;
        };
        let range = open.range.start..tokens[end].range.end;
        self.slot(open.text.trim_start_matches('='), open.line, range);
        end + 1
    }

    fn slot(&mut self, text: &str, line: usize, range: std::ops::Range<usize>) {
        let begun = self.prose.text.rsplit('\n').next().unwrap_or("");
        let begins =
            begun.chars().all(|c| matches!(c, ' ' | '-' | '*' | '+' | '>' | '.') || c.is_ascii_digit());
        if begins {
            self.mistake(line, "slot-first", &[("found", text.trim())]);
        }
        match Slot::parse(text, line) {
            Some(slot) => {
                self.prose.text.push(Prose::mark(self.prose.slots.len()));
                self.prose.slots.push(slot);
                self.prose.places.push(range);
            }
            None => self.mistake(line, "bad-slot", &[("found", text.trim())]),
        }
    }

    /// Text: headings, where they may stand, and braces.
    fn text(&mut self, text: &str, offset: usize, headings: bool) {
        if self.prose.text.is_empty() {
            let blank = text.len() - text.trim_start_matches('\n').len();
            self.prose.line = line_of(self.source, offset + blank.min(self.source.len() - offset));
        }
        let mut fence: Option<&str> = None;
        let mut from = 0;
        for line in text.split_inclusive('\n') {
            let begins = offset + from == 0 || from > 0 || self.source[..offset].ends_with('\n');
            let here = offset + from;
            from += line.len();
            match (fence, fence_of(line).filter(|_| begins)) {
                (None, Some(mark)) => fence = Some(mark),
                (Some(open), Some(mark)) if mark.starts_with(open) => fence = None,
                (None, None) => {
                    if headings && begins && self.heading(line, here) {
                        continue;
                    }
                    self.braces(line, here);
                    continue;
                }
                _ => {}
            }
            self.prose.text.push_str(line);
        }
    }

    fn heading(&mut self, line: &str, offset: usize) -> bool {
        let number = line_of(self.source, offset);
        let (title, is_section) = match (line.strip_prefix("# "), line.strip_prefix("## ")) {
            (Some(title), _) => (title, false),
            (_, Some(title)) => (title, true),
            _ => return false,
        };
        let title = title.trim().to_owned();
        if title.contains('{') {
            self.mistake(number, "slot-in-heading", &[("found", &title)]);
        }
        self.flush();
        if is_section {
            self.lesson.sections.push(Section { title, line: number, ..Section::default() });
        } else if self.lesson.title.is_empty() && self.lesson.sections.is_empty() {
            self.lesson.title = title;
        } else {
            self.mistake(number, "two-titles", &[("found", &title)]);
        }
        true
    }

    /// A line of text with its slots.
    fn braces(&mut self, line: &str, offset: usize) {
        let mut at = 0;
        while let Some(c) = line[at..].chars().next() {
            let rest = &line[at..];
            let number = || line_of(self.source, offset);
            match c {
                '`' => {
                    let code = &rest[..source::code_span(rest)];
                    if code.contains("{") && self.is_slot(code) {
                        let number = number();
                        self.mistake(number, "slot-in-code", &[("found", code)]);
                    }
                    self.prose.text.push_str(code);
                    at += code.len();
                }
                '\\' => {
                    let escaped = rest.chars().nth(1).map_or(0, char::len_utf8);
                    self.prose.text.push_str(&rest[..1 + escaped]);
                    at += 1 + escaped;
                }
                '{' => {
                    let number = number();
                    let Some(end) = rest.find('}') else {
                        self.mistake(number, "bad-slot", &[("found", rest.trim())]);
                        self.prose.text.push('{');
                        at += 1;
                        continue;
                    };
                    let range = offset + at..offset + at + end + 1;
                    self.slot(&rest[1..end], number, range);
                    at += end + 1;
                }
                _ => {
                    self.prose.text.push(c);
                    at += c.len_utf8();
                }
            }
        }
    }

    /// Whether code names a packet of this lesson in braces.
    fn is_slot(&self, code: &str) -> bool {
        let names = self.lesson.sections.iter().flat_map(Section::binds);
        let mut names = names.map(|bind| format!("{{{}.", bind.name));
        names.any(|begin| code.contains(&begin)) || code.contains("{capture}")
    }

    /// What has been read becomes a part.
    fn flush(&mut self) {
        let prose = std::mem::take(&mut self.prose);
        if !prose.text.trim().is_empty() {
            self.put(Part::Prose(prose));
        }
    }

    fn put(&mut self, part: Part) {
        match self.lesson.sections.last_mut() {
            Some(section) => section.parts.push(part),
            None => self.lesson.intro.push(part),
        }
    }
}

/// The first word of a comment, and the rest.
fn directive_of(text: &str) -> (&'static str, &str) {
    const WORDS: &[&str] = &[
        "lesson", "step", "bind", "bind?", "show", "claims", "ask", "if", "else", "end", "/show", "/claims",
        "/ask",
    ];
    if text.starts_with('=') {
        return ("=", text);
    }
    let trimmed = text.trim_start();
    let end = trimmed.find(char::is_whitespace).unwrap_or(trimmed.len());
    let (word, rest) = trimmed.split_at(end);
    match WORDS.iter().find(|known| **known == word) {
        Some(known) => (known, rest),
        None if word.starts_with('#') => ("#", rest),
        None if trimmed.is_empty() => ("", ""),
        None => ("?", trimmed),
    }
}
