//! The rest of the path: the same frames through the session to what people and programs read.
//!
//! Whatever a packet contains: the text has no character that a terminal would obey, and each JSON line is an object.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use pcaplain::capture::{Format, Frame, Interface};
use pcaplain::cli::json::{JsonSink, Records};
use pcaplain::flow::{FlowRecord, Outcome};
use pcaplain::render::text::{self, Page};
use pcaplain::session::{Begun, Go, Seen, Session, Sink, Want};
use pcaplain::view::annotate::{Collector, Wish};
use pcaplain::view::list::Lister;
use pcaplain::view::time::TimeFormat;
use pcaplain::view::{layers, packet};
use pcaplain::words::Lang;

use super::common::Held;

/// A writer whose text can be looked at afterwards.
#[derive(Debug, Default, Clone)]
struct Paper(Rc<RefCell<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Everything at once: records, the story, the list of packets, single packets.
struct All {
    lang: Lang,
    json: JsonSink<Paper>,
    collector: Collector,
    lister: Lister,
    screens: Page<Paper>,
}

impl Sink for All {
    fn begin(&mut self, begun: &Begun<'_>) -> io::Result<()> {
        self.collector.begin(begun.file, begun.format, begun.interfaces, begun.comments);
        self.json.begin(begun)
    }

    fn wants(&self, _: &Frame<'_>) -> Want {
        Want::Tree
    }

    fn packet(&mut self, seen: &Seen<'_>) -> io::Result<Go> {
        self.collector.packet(&seen.frame, seen.packet, seen.outcome, seen.chosen);
        self.lister.row(&seen.frame, seen.packet, seen.outcome);
        if let Some(tree) = seen.tree {
            let view = packet::of(self.lang, false, &seen.frame, tree, &seen.outcome.events);
            text::packet::write(&mut self.screens, &view)?;
            let boxes = layers::of(self.lang, "mutant", &seen.frame, seen.packet, tree, seen.findings);
            if let Some(silent) = boxes.boxes.iter().find(|b| b.own.is_empty() || b.peer.is_empty()) {
                return Err(io::Error::other(format!(
                    "nothing is said of the layer {}",
                    silent.title.text()
                )));
            }
            text::layers::write(&mut self.screens, &boxes, &layers::notes_heading(self.lang))?;
        }
        self.json.packet(seen)
    }

    fn flow(&mut self, record: &FlowRecord) -> io::Result<()> {
        self.collector.flow(record);
        self.json.flow(record)
    }

    fn end(&mut self, last: &Outcome) -> io::Result<()> {
        self.collector.end(last);
        self.json.end(last)
    }
}

/// Takes frames all the way, in one language; gives the text.
pub fn tell<'f>(lang: Lang, frames: impl Iterator<Item = Frame<'f>>) -> Result<String, String> {
    let wish = Wish { lang, limit: Some(10), only: None, verbose: true, raw: false };
    let (text, records) = (Paper::default(), Paper::default());
    let mut all = All {
        lang,
        json: JsonSink::new(records.clone(), lang, Records::ALL),
        collector: Collector::new(wish),
        lister: Lister::new(lang, TimeFormat::default(), false),
        screens: Page::new(text.clone(), 80, false),
    };
    let interface = Interface { id: 0, link_type: 1, name: None, description: None, snaplen: 0 };
    let begun = Begun { file: "mutant", format: Format::Pcap, interfaces: &[interface], comments: &[] };
    let said = |e: io::Error| e.to_string();
    all.begin(&begun).map_err(said)?;
    let mut session = Session::new(None);
    for frame in frames {
        let _ = session.frame(frame, &mut all).map_err(said)?;
    }
    session.finish(&mut all).map_err(said)?;
    text::annotate::write(&mut all.screens, &all.collector.screen()).map_err(said)?;
    all.json.lines.flush().map_err(said)?;
    are_records(&records.0.borrow())?;
    let text = String::from_utf8(text.0.take()).map_err(|e| format!("the text is not UTF-8: {e}"))?;
    is_safe(&text)?;
    Ok(text)
}

/// The first placeholder that no value was found for.
pub fn gap(text: &str) -> Option<&str> {
    text.match_indices('{').map(|(at, _)| &text[at..]).find_map(|rest| {
        let inside = &rest[1..rest.find('}')?];
        let is_name = !inside.is_empty() && inside.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        is_name.then(|| &rest[..inside.len() + 2])
    })
}

/// Nothing that moves the cursor, changes colours or turns the reading direction.
fn is_safe(text: &str) -> Held {
    let obeyed = |c: char| {
        c.is_control() && c != '\n'
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    match text.lines().find(|line| line.contains(obeyed)) {
        Some(line) => Err(format!("a terminal would obey {line:?}")),
        None => Ok(()),
    }
}

fn are_records(json: &[u8]) -> Held {
    for line in json.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
        let record: serde_json::Value =
            serde_json::from_slice(line).map_err(|e| format!("{e}: {}", String::from_utf8_lossy(line)))?;
        if !record["record"].is_string() {
            return Err(format!("no record: {record}"));
        }
    }
    Ok(())
}
