//! `packets CAPTURE`: one line a packet, with its meaning.

use std::io::{self, IsTerminal, Write};

use clap::{Args, ValueEnum};

use super::follow;
use super::json::{self, Records};
use super::options::{self, Choice, Common, FormatName, Inputs};
use super::output::{self, Done, Problem};
use crate::capture::Frame;
use crate::render::text::Page;
use crate::render::text::list::Rows;
use crate::session::{Go, Seen, Sink, Want};
use crate::view::annotate::Only;
use crate::view::list::{Lister, titles};
use crate::view::time::TimeFormat;

/// Raw flags.
#[derive(Debug, Args)]
pub struct Flags {
    #[command(flatten)]
    inputs: Inputs,
    #[command(flatten)]
    choice: Choice,
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    format: FormatName,
    #[arg(long, value_name = "N", value_parser = options::only)]
    flow: Option<Only>,
    #[arg(long)]
    follow: bool,
    #[arg(short = 't', value_enum, value_name = "TIME", default_value = "r")]
    time: TimeName,
    #[arg(short = 'S')]
    absolute_seq: bool,
}

/// tshark's names. What it writes in local time is UTC here: a capture tells the same story everywhere.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum TimeName {
    R,
    A,
    Ad,
    D,
    Dd,
    E,
    U,
    Ud,
}

impl TimeName {
    pub(super) fn format(self) -> TimeFormat {
        match self {
            TimeName::R => TimeFormat::Relative,
            TimeName::A | TimeName::U => TimeFormat::Time,
            TimeName::Ad | TimeName::Ud => TimeFormat::Date,
            TimeName::D => TimeFormat::Delta,
            TimeName::Dd => TimeFormat::DeltaShown,
            TimeName::E => TimeFormat::Epoch,
        }
    }
}

/// Lists packets.
///
/// # Errors
/// [`Problem`] where it cannot.
pub fn run(common: &Common, flags: &Flags) -> Result<Done, Problem> {
    let lang = common.lang();
    let files = flags.inputs.files(lang)?;
    let session = common.session(flags.choice.filter(lang)?)?;
    if flags.format == FormatName::Json {
        let records = Records { packet: true, ..Records::default() };
        let choice = (flags.flow, flags.choice.count());
        let (done, ..) = json::write(lang, session, &files, records, choice, flags.follow)?;
        return Ok(done);
    }
    let format = flags.time.format();
    let rows = Rows::new(titles(lang), io::stdout().is_terminal());
    let lister = Lister::new(lang, format, flags.absolute_seq);
    let (only, count) = (flags.flow, flags.choice.count());
    if flags.follow {
        let out = output::shared();
        let page = Page::new(out.clone(), common.width(), common.colour());
        let mut sink = List { page, rows, lister, only, count, waits: false };
        sink.rows.flush(&mut sink.page)?;
        return follow::run(lang, session, &files, out, &mut sink);
    }
    let mut sink = List { page: output::page(common), rows, lister, only, count, waits: true };
    let ending = session.run(&files, &mut sink)?;
    sink.rows.flush(&mut sink.page)?;
    sink.page.flush()?;
    Ok(ending.into())
}

struct List<W: Write> {
    page: Page<W>,
    rows: Rows,
    lister: Lister,
    only: Option<Only>,
    count: u64,
    /// Whether rows wait for others, so that columns fit all of them.
    waits: bool,
}

impl<W: Write> Sink for List<W> {
    fn wants(&self, _: &Frame<'_>) -> Want {
        Want::Context
    }

    fn packet(&mut self, seen: &Seen<'_>) -> io::Result<Go> {
        let of_flow = self.only.is_none_or(|only| options::is_of(only, seen.outcome));
        if seen.chosen && of_flow {
            let row = self.lister.row(&seen.frame, seen.packet, seen.outcome);
            self.rows.push(&mut self.page, row)?;
            if !self.waits {
                self.rows.flush(&mut self.page)?;
            }
        } else {
            self.lister.skip(&seen.frame);
        }
        Ok(if seen.frame.number >= self.count { Go::Break(()) } else { Go::Continue(()) })
    }
}
