//! `why CAPTURE --packet N`: why does packet N carry its label, and not its neighbours?

use std::io;

use clap::Args;

use super::options::{Common, Nothing};
use super::output::{self, Done, Problem};
use super::packet::missing;
use crate::capture::Frame;
use crate::render::text;
use crate::session::{Go, Seen, Sink, Want};
use crate::view::why::{self, WhyView};
use crate::words::Lang;

/// Raw flags.
#[derive(Debug, Args)]
pub struct Flags {
    #[arg(value_name = "CAPTURE", required_unless_present = "read")]
    capture: Option<String>,
    #[arg(short = 'r', value_name = "FILE", conflicts_with = "capture")]
    read: Option<String>,
    #[arg(long, value_name = "N")]
    packet: u64,
    #[command(flatten)]
    nothing: Nothing,
}

/// Shows the rules that were put to one packet.
///
/// # Errors
/// [`Problem`] where it cannot, there is no such packet, or it has no TCP segment.
pub fn run(common: &Common, flags: &Flags) -> Result<Done, Problem> {
    let lang = common.lang();
    let file = flags.capture.clone().or_else(|| flags.read.clone()).unwrap_or_default();
    let files = [file];
    let mut sink = Asking { lang, number: flags.packet, found: None, passed: false };
    let ending = common.session(None)?.run(&files, &mut sink)?;
    let Some(view) = sink.found else {
        if !sink.passed {
            return Err(missing(lang, &files[0], flags.packet, ending.frames));
        }
        let number = flags.packet.to_string();
        return Err(Problem::said(lang, "why-not-tcp", &[("packet", &number), ("file", &files[0])]));
    };
    let mut page = output::page(common);
    text::why::write(&mut page, &view)?;
    page.flush()?;
    Ok(ending.into())
}

struct Asking {
    lang: Lang,
    number: u64,
    found: Option<WhyView>,
    passed: bool,
}

impl Sink for Asking {
    fn wants(&self, _: &Frame<'_>) -> Want {
        Want::Outcome
    }

    fn asks_why(&self, frame: &Frame<'_>) -> bool {
        frame.number == self.number
    }

    fn packet(&mut self, seen: &Seen<'_>) -> io::Result<Go> {
        if seen.frame.number != self.number {
            return Ok(Go::Continue(()));
        }
        self.passed = true;
        self.found = why::of(self.lang, self.number, seen.packet, seen.outcome);
        Ok(Go::Break(()))
    }
}
