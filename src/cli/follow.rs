//! `--follow`: a capture that is still being written, told as it grows; a stream from standard input, told as it comes.
//!
//! Leaves out: how it is told (`running`, `json`, `packets`); several files; a file that is replaced by another.

use std::fs::File;
use std::io::{self, Write};

use super::output::{Done, Problem, Shared};
use crate::capture::file::from_reader;
use crate::capture::growing::{Growing, Idle, Streaming, Until};
use crate::capture::{self, Damage, Files, Reason};
use crate::session::{Failure, Session, Sink};
use crate::view::live::text;
use crate::words::Lang;

/// Follows the one capture that is named, until it is over or someone asks for the end. What `sink` writes to `out` is shown whenever there
/// is nothing to read.
///
/// # Errors
/// [`Problem`] where it cannot be opened, or standard output not be written.
pub(super) fn run(
    lang: Lang,
    session: Session,
    files: &[String],
    out: Shared,
    sink: &mut impl Sink,
) -> Result<Done, Problem> {
    let [file] = files else { return Err(Problem::said(lang, "follow-one", &[])) };
    if file == "-" {
        return run_stream(lang, session, standard_input()?, out, sink);
    }
    let until = Until::default();
    on_signals(until.clone());
    let idle = shows(out.clone(), until.clone());
    let source = open(file, until.clone(), idle).map_err(Failure::Unreadable)?;
    tell(lang, session, file, source, &until, out, sink)
}

/// The same for standard input, of which something may have been read ahead.
///
/// # Errors
/// As [`run`].
pub(super) fn run_stream(
    lang: Lang,
    session: Session,
    mut stream: Streaming,
    out: Shared,
    sink: &mut impl Sink,
) -> Result<Done, Problem> {
    let until = stream.until();
    on_signals(until.clone());
    stream.when_idle(shows(out.clone(), until.clone()));
    let source = from_reader("-", Box::new(stream)).map_err(Failure::Unreadable)?;
    tell(lang, session, "-", source, &until, out, sink)
}

/// Standard input, read as it comes.
///
/// # Errors
/// [`Problem`] where there can be no thread to read it.
pub(super) fn standard_input() -> Result<Streaming, Problem> {
    let stream = Streaming::new(io::stdin(), Until::default(), Box::new(|| {}));
    Ok(stream.map_err(|error| Failure::Unreadable(failed("-", &error)))?)
}

/// Shows what there is before each pause.
fn shows(mut out: Shared, stop: Until) -> Idle {
    Box::new(move || {
        // Whoever reads has read enough. It is told when the next line is written, which may be never.
        if out.flush().is_err() {
            stop.stop();
        }
    })
}

fn tell(
    lang: Lang,
    session: Session,
    file: &str,
    mut source: Files,
    until: &Until,
    mut out: Shared,
    sink: &mut impl Sink,
) -> Result<Done, Problem> {
    let ending = session.run_source(&mut source, sink)?;
    out.flush()?;
    if until.is_shorter() {
        return Err(Problem::Cut(vec![text(lang, "shorter", &[("file", file)])]));
    }
    // What was still being written when the end was asked for is no damage.
    let unfinished = |damage: &Damage| until.is_asked() && matches!(damage.reason, Reason::Cut { .. });
    Ok(Done { damages: ending.damages.into_iter().filter(|damage| !unfinished(damage)).collect() })
}

fn failed(name: &str, error: &io::Error) -> Damage {
    Damage { file: name.to_owned(), offset: 0, frame: 1, reason: Reason::Io { message: error.to_string() } }
}

/// Bundled captures end by themselves; a file grows, and what comes through a named pipe comes when it comes.
fn open(name: &str, until: Until, idle: Idle) -> Result<Files, Damage> {
    if name.starts_with('@') {
        return capture::open(name);
    }
    match File::open(name) {
        Ok(file) => match file.metadata().map(|it| (it.is_file(), it.is_dir())) {
            Ok((true, _)) => from_reader(name, Box::new(Growing::new(file, until, idle))),
            Ok((false, false)) => {
                let stream = Streaming::new(file, until, idle).map_err(|error| failed(name, &error))?;
                from_reader(name, Box::new(stream))
            }
            // What is wrong with a directory is known already.
            _ => capture::open(name),
        },
        Err(_) => capture::open(name),
    }
}

#[cfg(target_os = "linux")]
fn on_signals(until: Until) {
    // Without it a signal ends the program at once, which is no worse than usual.
    let _ = capture::live::on_signals(move || until.stop());
}

#[cfg(not(target_os = "linux"))]
fn on_signals(_: Until) {}
