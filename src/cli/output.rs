//! Where results and complaints go, and with which exit status the program ends.

use std::io::{self, BufWriter, Stdout, StdoutLock, Write};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::options::Common;
use crate::capture::Damage;
use crate::notes::expression::{self, Argument};
use crate::render::text::{Page, clean};
use crate::session::{Ending, Failure};
use crate::view::error;
use crate::words::{self, Lang};

/// How a command ended that did its work.
#[derive(Debug, Default)]
pub struct Done {
    /// Captures that were not read to their ends.
    pub damages: Vec<Damage>,
}

impl From<Ending> for Done {
    fn from(ending: Ending) -> Done {
        Done { damages: ending.damages }
    }
}

/// Why a command could not do its work.
#[derive(Debug)]
pub enum Problem {
    /// Standard output, or a file that was to be written.
    Output(io::Error),
    /// A capture that cannot be read at all.
    Unreadable(Damage),
    /// What the user is told; lines of text.
    Told(Vec<String>),
    /// The same where the work was done up to some point: what there is can be used.
    Cut(Vec<String>),
}

impl Problem {
    /// A text of docs/words/errors.toml, filled.
    pub fn said(lang: Lang, id: &'static str, values: &[(&str, &str)]) -> Problem {
        Problem::Told(vec![error::plain(lang, id, values)])
    }

    /// A filter that cannot be read: what is wrong, the filter, and a line under the place.
    pub fn filter(lang: Lang, source: &str, mistake: &expression::Error) -> Problem {
        let text = |id: &'static str| words::text(lang, "expression", id);
        let arguments = mistake.reason.arguments();
        let said = words::fill(text(mistake.reason.word()), &|key| {
            arguments.iter().find(|(name, _)| *name == key).map(|(_, value)| match value {
                Argument::Text(text) => text.clone(),
                Argument::List(list) => list.join(words::text(lang, "interface", "word.comma")),
                Argument::Word(id) => text(id).to_owned(),
            })
        });
        let (before, wide) = mistake.cells(source);
        let mark = format!("  {:before$}^{:~<rest$}", "", "", rest = wide - 1);
        let column = (mistake.column + 1).to_string();
        let line = error::plain(
            lang,
            "filter",
            &[("column", &column), ("reason", said.trim_end_matches(['.', '。']))],
        );
        Problem::Told(vec![line, format!("  {source}"), mark])
    }
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Problem {
        Problem::Output(error)
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Problem {
        match failure {
            Failure::Unreadable(damage) => Problem::Unreadable(damage),
            Failure::Output(error) => Problem::Output(error),
        }
    }
}

/// Standard output, buffered.
pub type Out = BufWriter<StdoutLock<'static>>;

/// Standard output for records.
pub fn out() -> Out {
    BufWriter::with_capacity(64 * 1024, io::stdout().lock())
}

/// Standard output that is shown by whoever sees that there is time to, while someone else writes.
#[derive(Debug, Clone)]
pub struct Shared(Arc<Mutex<BufWriter<Stdout>>>);

/// Standard output, shared.
pub fn shared() -> Shared {
    Shared(Arc::new(Mutex::new(BufWriter::with_capacity(64 * 1024, io::stdout()))))
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, BufWriter<Stdout>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lock().write(bytes)
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.lock().write_all(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.lock().flush()
    }
}

/// Standard output as a page.
pub fn page(common: &Common) -> Page<Out> {
    Page::new(out(), common.width(), common.colour())
}

/// Tells on standard error what went wrong, and chooses the exit status.
pub fn report(lang: Lang, result: Result<Done, Problem>) -> ExitCode {
    let (lines, status) = match result {
        Ok(done) => {
            let lines = done.damages.iter().map(|damage| error::damaged(lang, damage)).collect::<Vec<_>>();
            let status = u8::from(!lines.is_empty());
            (lines, status)
        }
        // Whoever reads has read enough.
        Err(Problem::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => (Vec::new(), 0),
        Err(Problem::Output(error)) => (vec![format!("pcaplain: {error}")], 2),
        Err(Problem::Unreadable(damage)) => (vec![error::unreadable(lang, &damage)], 2),
        Err(Problem::Told(lines)) => (lines, 2),
        Err(Problem::Cut(lines)) => (lines, 1),
    };
    let mut out = io::stderr().lock();
    for line in &lines {
        // That nobody hears it is no reason to end differently.
        let _ = writeln!(out, "{}", clean(line));
    }
    ExitCode::from(status)
}
