//! `annotate CAPTURE...`: what happened here?

use std::io::{self, IsTerminal};

use clap::Args;

use super::follow;
use super::json::{self, Records};
use super::options::{self, Choice, Common, FormatName, Inputs};
use super::output::{self, Done, Problem};
use super::running::Telling;
use crate::capture::file::from_reader;
use crate::capture::growing::Streaming;
use crate::capture::{Damage, Frame};
use crate::flow::{Event, FlowRecord, Outcome};
use crate::notes::check::Finding;
use crate::render::text::{self, Page};
use crate::session::{Begun, Failure, Go, Seen, Sink, Want};
use crate::view::annotate::{Collector, Only, Wish};
use crate::view::live::Narrator;
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
    #[arg(long, value_name = "KINDS", value_delimiter = ',', default_value = "packet,flow,event,state,claim",
        value_parser = ["packet", "flow", "event", "state", "claim"])]
    records: Vec<String>,
    #[arg(long, value_name = "N", value_parser = options::only)]
    flow: Option<Only>,
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    #[arg(long)]
    follow: bool,
    #[arg(short = 'S')]
    absolute_seq: bool,
    #[arg(short = 'v', long, action = clap::ArgAction::Count)]
    verbose: u8,
}

/// Tells the story of captures.
///
/// # Errors
/// [`Problem`] where it cannot.
pub fn run(common: &Common, flags: &Flags) -> Result<Done, Problem> {
    let lang = common.lang();
    let files = flags.inputs.files(lang)?;
    let mut session = common.session(flags.choice.filter(lang)?)?;
    if flags.format == FormatName::Json {
        let records = Records::named(&flags.records);
        if records.claim {
            session = session.with_claims();
        }
        let choice = (flags.flow, flags.choice.count());
        let (done, met, flows) = json::write(lang, session, &files, records, choice, flags.follow)?;
        return finish(lang, flags.flow, met, flows, &files, done);
    }
    // Of a capture that is whole the conversations are told one after another; one that is being made is told as it comes.
    let mut stream = match &files[..] {
        [file] if file == "-" && !flags.follow => Some(follow::standard_input()?),
        _ => None,
    };
    if flags.follow || stream.as_mut().is_some_and(Streaming::is_being_made) {
        let out = output::shared();
        let narrator = Narrator::new(lang, TimeFormat::Relative, flags.absolute_seq, flags.verbose > 0);
        let mut sink = Telling {
            page: Page::new(out.clone(), common.width(), common.colour()),
            narrator,
            wraps: io::stdout().is_terminal(),
            only: flags.flow,
            count: flags.choice.count(),
            claims: Box::new(|| true),
        };
        let session = session.with_claims();
        return match stream {
            Some(stream) => follow::run_stream(lang, session, stream, out, &mut sink),
            None => follow::run(lang, session, &files, out, &mut sink),
        };
    }
    let wish = Wish {
        lang,
        limit: flags.limit.map(|limit| if limit == 0 { usize::MAX } else { limit }),
        only: flags.flow,
        verbose: flags.verbose > 0,
        raw: flags.absolute_seq,
    };
    let mut sink = Watch { collector: Collector::new(wish), count: flags.choice.count() };
    let session = session.with_claims();
    let ending = match stream {
        Some(stream) => {
            let mut source = from_reader("-", Box::new(stream)).map_err(Failure::Unreadable)?;
            session.run_source(&mut source, &mut sink)?
        }
        None => session.run(&files, &mut sink)?,
    };
    let (met, flows) = (!sink.collector.is_empty(), sink.collector.flows());
    if flags.flow.is_none() || met {
        let mut page = output::page(common);
        text::annotate::write(&mut page, &sink.collector.screen())?;
        page.flush()?;
    }
    finish(lang, flags.flow, met, flows, &files, ending.into())
}

/// A conversation that was asked for by number must be there.
pub(super) fn finish(
    lang: crate::words::Lang,
    only: Option<Only>,
    met: bool,
    flows: u64,
    files: &[String],
    done: Done,
) -> Result<Done, Problem> {
    match only {
        Some(only) if !met => {
            let (flow, count) = (options::only_name(only), flows.to_string());
            let file = files.join(" ");
            Err(Problem::said(lang, "no-such-flow", &[("flow", &flow), ("file", &file), ("count", &count)]))
        }
        _ => Ok(done),
    }
}

/// Feeds the collector.
pub(super) struct Watch {
    pub(super) collector: Collector,
    pub(super) count: u64,
}

impl Sink for Watch {
    fn begin(&mut self, begun: &Begun<'_>) -> io::Result<()> {
        self.collector.begin(begun.file, begun.format, begun.interfaces, begun.comments);
        Ok(())
    }

    fn wants(&self, _: &Frame<'_>) -> Want {
        Want::Context
    }

    fn packet(&mut self, seen: &Seen<'_>) -> io::Result<Go> {
        self.collector.packet(&seen.frame, seen.packet, seen.outcome, seen.chosen);
        self.collector.findings(seen.findings, seen.outcome.flow);
        Ok(if seen.frame.number >= self.count { Go::Break(()) } else { Go::Continue(()) })
    }

    fn damaged(&mut self, damage: &Damage, event: &Event) -> io::Result<()> {
        self.collector.damaged(damage, event);
        Ok(())
    }

    fn flow(&mut self, record: &FlowRecord) -> io::Result<()> {
        self.collector.flow(record);
        Ok(())
    }

    fn late(&mut self, findings: &[Finding]) -> io::Result<()> {
        self.collector.findings(findings, None);
        Ok(())
    }

    fn end(&mut self, last: &Outcome) -> io::Result<()> {
        self.collector.end(last);
        Ok(())
    }
}
