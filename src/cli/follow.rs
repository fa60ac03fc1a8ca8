//! `--follow`: a capture that is still being written, told as it grows; a stream from standard input, told as it comes.
//!
//! Leaves out: several files; a file that is replaced by another.

use std::fs::File;
use std::io::{self, IsTerminal};

use super::json::JsonSink;
use super::options::Common;
use super::output::{self, Done, Problem};
use super::running::Telling;
use crate::capture::file::from_reader;
use crate::capture::growing::{Growing, Until};
use crate::capture::{self, Damage, Files, Reason};
use crate::render::text::Page;
use crate::session::{Failure, Session};
use crate::view::live::{Narrator, text};
use crate::view::time::TimeFormat;

/// How packets are told.
pub(super) enum As {
    /// Lines of text.
    Text {
        /// Form of the times.
        time: TimeFormat,
        /// Absolute sequence numbers.
        raw: bool,
        /// All claims, not only the first of each.
        verbose: bool,
    },
    /// Records; written out packet by packet.
    Records(Box<JsonSink<output::Out>>),
}

/// Follows the one capture that is named, until it is over or someone asks for the end.
///
/// # Errors
/// [`Problem`] where it cannot be opened, or standard output not be written.
pub(super) fn run(common: &Common, session: Session, files: &[String], told: As) -> Result<Done, Problem> {
    let lang = common.lang();
    let [file] = files else { return Err(Problem::said(lang, "follow-one", &[])) };
    let until = Until::default();
    on_signals(until.clone());
    let mut source =
        open(file, until.clone()).map_err(|damage| Problem::from(Failure::Unreadable(damage)))?;
    let ending = match told {
        As::Records(mut sink) => {
            sink.prompt = true;
            let ending = session.run_source(&mut source, &mut *sink)?;
            sink.lines.flush()?;
            ending
        }
        As::Text { time, raw, verbose } => {
            let page = Page::new(output::out(), common.width(), common.colour());
            let narrator = Narrator::new(lang, time, raw, verbose);
            let wraps = io::stdout().is_terminal();
            let mut sink = Telling { page, narrator, wraps, prompt: true, claims: Box::new(|| true) };
            let ending = session.with_claims().run_source(&mut source, &mut sink)?;
            sink.page.flush()?;
            ending
        }
    };
    if until.is_shorter() {
        return Err(Problem::Cut(vec![text(lang, "shorter", &[("file", file)])]));
    }
    // What was still being written when the end was asked for is no damage.
    let unfinished = |damage: &Damage| until.is_asked() && matches!(damage.reason, Reason::Cut { .. });
    Ok(Done { damages: ending.damages.into_iter().filter(|damage| !unfinished(damage)).collect() })
}

/// Standard input and bundled captures end by themselves; a file grows.
fn open(name: &str, until: Until) -> Result<Files, Damage> {
    if name == "-" || name.starts_with('@') {
        return capture::open(name);
    }
    match File::open(name) {
        Ok(file) if file.metadata().is_ok_and(|it| it.is_file()) => {
            from_reader(name, Box::new(Growing::new(file, until)))
        }
        // A directory, a pipe with a name, or nothing: what is wrong with it, or how it is read, is known already.
        _ => capture::open(name),
    }
}

#[cfg(target_os = "linux")]
fn on_signals(until: Until) {
    // Without it a signal ends the program at once, which is no worse than usual.
    let _ = capture::live::on_signals(move || until.stop());
}

#[cfg(not(target_os = "linux"))]
fn on_signals(_: Until) {}
