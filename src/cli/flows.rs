//! `flows CAPTURE`: which conversations, how opened, how closed, how much, how fast.

use std::io;

use clap::Args;

use super::json::{JsonSink, Records};
use super::options::{Choice, Common, FormatName, Inputs};
use super::output::{self, Done, Problem};
use crate::flow::FlowRecord;
use crate::render::text;
use crate::session::{Go, Seen, Sink};
use crate::view::flows::Chooser;

/// Raw flags.
#[derive(Debug, Args)]
pub struct Flags {
    #[command(flatten)]
    inputs: Inputs,
    #[command(flatten)]
    choice: Choice,
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    format: FormatName,
    #[arg(long, value_name = "N", default_value_t = 200)]
    limit: usize,
}

/// Lists conversations.
///
/// # Errors
/// [`Problem`] where it cannot.
pub fn run(common: &Common, flags: &Flags) -> Result<Done, Problem> {
    let lang = common.lang();
    let files = flags.inputs.files(lang)?;
    let session = common.session(flags.choice.filter(lang)?)?;
    let count = flags.choice.count();
    if flags.format == FormatName::Json {
        let records = Records { flow: true, ..Records::default() };
        let mut sink = JsonSink::new(output::out(), lang, records);
        sink.count = count;
        let ending = session.run(&files, &mut sink)?;
        sink.lines.flush()?;
        return Ok(ending.into());
    }
    let mut sink =
        Gather { chooser: Chooser::new(if flags.limit == 0 { usize::MAX } else { flags.limit }), count };
    let ending = session.run(&files, &mut sink)?;
    let mut page = output::page(common);
    text::table::write(&mut page, &sink.chooser.table(lang, &files[0]))?;
    page.flush()?;
    Ok(ending.into())
}

struct Gather {
    chooser: Chooser,
    count: u64,
}

impl Sink for Gather {
    fn packet(&mut self, seen: &Seen<'_>) -> io::Result<Go> {
        Ok(if seen.frame.number >= self.count { Go::Break(()) } else { Go::Continue(()) })
    }

    fn flow(&mut self, record: &FlowRecord) -> io::Result<()> {
        self.chooser.take(record);
        Ok(())
    }
}
