//! `layers CAPTURE [N]`: packet N as nested boxes; without N, which stacks of headers the capture has.

use std::io;

use clap::Args;

use super::options::{Common, Nothing};
use super::output::{self, Done, Problem};
use super::packet::missing;
use crate::capture::Frame;
use crate::render::text;
use crate::session::{Go, Seen, Sink, Want};
use crate::view::layers::{self, LayersView, Stacks};
use crate::words::Lang;

/// Raw flags.
#[derive(Debug, Args)]
pub struct Flags {
    #[arg(value_name = "CAPTURE")]
    capture: String,
    #[arg(value_name = "N")]
    number: Option<String>,
    #[command(flatten)]
    nothing: Nothing,
}

/// Shows the layers of one packet, or of all.
///
/// # Errors
/// [`Problem`] where it cannot, or there is no such packet.
pub fn run(common: &Common, flags: &Flags) -> Result<Done, Problem> {
    let lang = common.lang();
    let files = [flags.capture.clone()];
    let mut page = output::page(common);
    let Some(number) = &flags.number else {
        let mut sink = All::default();
        let ending = common.session(None)?.run(&files, &mut sink)?;
        text::table::write(&mut page, &sink.stacks.table(lang, &flags.capture))?;
        page.flush()?;
        return Ok(ending.into());
    };
    let Ok(number) = number.strip_prefix('#').unwrap_or(number).parse() else {
        return Err(Problem::said(lang, "no-packet-given", &[("file", &flags.capture)]));
    };
    let mut sink = One { lang, number, file: &flags.capture, view: None };
    let ending = common.session(None)?.with_claims().run(&files, &mut sink)?;
    let Some(view) = sink.view else { return Err(missing(lang, &files[0], number, ending.frames)) };
    text::layers::write(&mut page, &view, &layers::notes_heading(lang))?;
    page.flush()?;
    Ok(ending.into())
}

#[derive(Default)]
struct All {
    stacks: Stacks,
}

impl Sink for All {
    fn wants(&self, _: &Frame<'_>) -> Want {
        Want::Context
    }

    fn packet(&mut self, seen: &Seen<'_>) -> io::Result<Go> {
        self.stacks.take(&seen.frame, seen.packet, seen.outcome);
        Ok(Go::Continue(()))
    }
}

struct One<'f> {
    lang: Lang,
    number: u64,
    file: &'f str,
    view: Option<LayersView>,
}

impl Sink for One<'_> {
    fn wants(&self, frame: &Frame<'_>) -> Want {
        if frame.number == self.number { Want::Tree } else { Want::Outcome }
    }

    fn packet(&mut self, seen: &Seen<'_>) -> io::Result<Go> {
        let Some(tree) = seen.tree.filter(|_| seen.frame.number == self.number) else {
            return Ok(Go::Continue(()));
        };
        self.view = Some(layers::of(self.lang, self.file, &seen.frame, seen.packet, tree, seen.findings));
        Ok(Go::Break(()))
    }
}
