//! `packet CAPTURE N`: what is in packet N?

use std::io;

use clap::Args;

use super::json::{JsonSink, Records};
use super::options::{Common, FormatName, Nothing};
use super::output::{self, Done, Problem};
use crate::capture::Frame;
use crate::render::text;
use crate::session::{Go, Seen, Sink, Want};
use crate::view::packet::{self, PacketView};
use crate::words::Lang;

/// Raw flags.
#[derive(Debug, Args)]
pub struct Flags {
    #[arg(value_name = "CAPTURE")]
    capture: String,
    #[arg(value_name = "N")]
    number: Option<String>,
    #[arg(short = 'r', value_name = "FILE")]
    read: Option<String>,
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    format: FormatName,
    #[command(flatten)]
    nothing: Nothing,
}

/// Shows one packet.
///
/// # Errors
/// [`Problem`] where it cannot, or there is no such packet.
pub fn run(common: &Common, flags: &Flags) -> Result<Done, Problem> {
    let lang = common.lang();
    let (file, number) = plan(lang, flags)?;
    let files = [file];
    if flags.format == FormatName::Json {
        let records = Records { packet: true, ..Records::default() };
        let mut sink = JsonSink::new(output::out(), lang, records);
        sink.packet = Some(number);
        let ending = common.session(None)?.run(&files, &mut sink)?;
        sink.lines.flush()?;
        return if sink.met {
            Ok(ending.into())
        } else {
            Err(missing(lang, &files[0], number, ending.frames))
        };
    }
    let mut sink = One { lang, names: !flags.nothing.given(), number, view: None };
    let ending = common.session(None)?.run(&files, &mut sink)?;
    let Some(view) = sink.view else { return Err(missing(lang, &files[0], number, ending.frames)) };
    let mut page = output::page(common);
    text::packet::write(&mut page, &view)?;
    page.flush()?;
    Ok(ending.into())
}

/// `CAPTURE N`, or with `-r` only `N`.
fn plan(lang: Lang, flags: &Flags) -> Result<(String, u64), Problem> {
    let (file, number) = match (&flags.read, &flags.number) {
        (Some(file), None) => (file, &flags.capture),
        (None, Some(number)) => (&flags.capture, number),
        (Some(read), Some(_)) => {
            return Err(Problem::said(lang, "two-captures", &[("first", &flags.capture), ("second", read)]));
        }
        (None, None) => return Err(Problem::said(lang, "no-packet-given", &[("file", &flags.capture)])),
    };
    let digits = number.strip_prefix('#').unwrap_or(number);
    match digits.parse() {
        Ok(number) => Ok((file.clone(), number)),
        Err(_) => Err(Problem::said(lang, "no-packet-given", &[("file", file)])),
    }
}

/// There is no packet of that number.
pub(super) fn missing(lang: Lang, file: &str, number: u64, frames: u64) -> Problem {
    let values = [("number", &*number.to_string()), ("file", file), ("count", &*frames.to_string())];
    Problem::said(lang, "no-such-packet", &values)
}

struct One {
    lang: Lang,
    names: bool,
    number: u64,
    view: Option<PacketView>,
}

impl Sink for One {
    fn wants(&self, frame: &Frame<'_>) -> Want {
        if frame.number == self.number { Want::Tree } else { Want::Outcome }
    }

    fn packet(&mut self, seen: &Seen<'_>) -> io::Result<Go> {
        let Some(tree) = seen.tree.filter(|_| seen.frame.number == self.number) else {
            return Ok(Go::Continue(()));
        };
        let mut events = seen.outcome.events.clone();
        events.retain(|event| event.packet == self.number);
        self.view = Some(packet::of(self.lang, self.names, &seen.frame, tree, &events));
        Ok(Go::Break(()))
    }
}
