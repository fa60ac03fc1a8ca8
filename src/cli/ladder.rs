//! `ladder CAPTURE --flow N`: the sequence diagram of one conversation with both ends' states.

use clap::Args;

use super::annotate::{Watch, finish};
use super::json::{JsonSink, Records};
use super::options::{self, Common, FormatName, Inputs};
use super::output::{self, Done, Problem};
use crate::render::text;
use crate::view::annotate::{Collector, Only, Wish};

/// Raw flags.
#[derive(Debug, Args)]
pub struct Flags {
    #[command(flatten)]
    inputs: Inputs,
    #[arg(long, value_name = "N", value_parser = options::only, default_value = "tcp:0")]
    flow: Only,
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    format: FormatName,
    #[arg(short = 'S')]
    absolute_seq: bool,
}

/// Draws one conversation.
///
/// # Errors
/// [`Problem`] where it cannot, or there is no such conversation.
pub fn run(common: &Common, flags: &Flags) -> Result<Done, Problem> {
    let lang = common.lang();
    let files = flags.inputs.files(lang)?;
    if flags.format == FormatName::Json {
        let records = Records { event: true, state: true, flow: true, ..Records::default() };
        let mut sink = JsonSink::new(output::out(), lang, records);
        sink.only = Some(flags.flow);
        let ending = common.session(None)?.run(&files, &mut sink)?;
        sink.lines.flush()?;
        return finish(lang, sink.only, sink.met, sink.flows, &files, ending.into());
    }
    let wish = Wish { lang, limit: Some(1), only: Some(flags.flow), verbose: true, raw: flags.absolute_seq };
    let mut sink = Watch { collector: Collector::new(wish), count: u64::MAX };
    let ending = common.session(None)?.run(&files, &mut sink)?;
    let flows = sink.collector.flows();
    let Some((heading, ladder)) = sink.collector.ladder() else {
        return finish(lang, Some(flags.flow), false, flows, &files, ending.into());
    };
    let mut page = output::page(common);
    for line in &heading {
        page.paragraph(line, 0, 2)?;
    }
    text::ladder::write(&mut page, &ladder, true)?;
    page.flush()?;
    Ok(ending.into())
}
