//! `packets CAPTURE`: one line a packet, with its meaning.

use std::io::{self, IsTerminal, Write};

use clap::{Args, ValueEnum};

use super::json::{JsonSink, Records};
use super::options::{self, Choice, Common, FormatName, Inputs};
use super::output::{self, Done, Problem};
use crate::capture::Frame;
use crate::render::text::Page;
use crate::render::text::list::Rows;
use crate::session::{Go, Seen, Sink, Want};
use crate::view::annotate::Only;
use crate::view::list::{Lister, titles};
use crate::view::time::TimeFormat;
use crate::wire::Value;

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
        let mut sink = JsonSink::new(output::out(), lang, records);
        (sink.only, sink.count) = (flags.flow, flags.choice.count());
        let ending = session.run(&files, &mut sink)?;
        sink.lines.flush()?;
        return Ok(ending.into());
    }
    let format = flags.time.format();
    let titles = titles(lang);
    let mut sink = List {
        page: output::page(common),
        rows: Rows::new(titles, io::stdout().is_terminal()),
        lister: Lister::new(lang, format, flags.absolute_seq),
        only: flags.flow,
        count: flags.choice.count(),
    };
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
}

impl<W: Write> Sink for List<W> {
    fn wants(&self, _: &Frame<'_>) -> Want {
        Want::Context
    }

    fn packet(&mut self, seen: &Seen<'_>) -> io::Result<Go> {
        let of_flow = match self.only {
            None => true,
            Some(Only::Flow(id)) => seen.outcome.flow == Some(id),
            Some(Only::Stream(protocol, stream)) => seen.outcome.context.computed.iter().any(|c| {
                c.field.name.strip_suffix(".stream") == Some(protocol.name())
                    && c.value == Value::Uint(stream)
            }),
        };
        if seen.chosen && of_flow {
            let row = self.lister.row(&seen.frame, seen.packet, seen.outcome);
            self.rows.push(&mut self.page, row)?;
        } else {
            self.lister.skip(&seen.frame);
        }
        Ok(if seen.frame.number >= self.count { Go::Break(()) } else { Go::Continue(()) })
    }
}
