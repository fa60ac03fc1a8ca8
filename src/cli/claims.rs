//! `claims CAPTURE`, `claims list`, `claims show ID`, `claims conflicts`: what the study notes claim, and what packets say of it.

use std::io;

use clap::{Args, Subcommand};

use super::options::{Common, FormatName, Inputs};
use super::output::{self, Done, Out, Problem};
use crate::capture::Frame;
use crate::notes::check::ClaimResult;
use crate::notes::ledger::{self, Claim};
use crate::render::json::Lines;
use crate::render::text::{self, Page};
use crate::session::{Go, Seen, Sink, Want};
use crate::view::claims::{self, ClaimRecord, ListedRecord};
use crate::view::evidence::{self, EvidenceView};
use crate::view::ledger::{EvidenceRecord, LedgerRecord};
use crate::view::{Line, Role, say};
use crate::words::Lang;

/// Raw flags.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Flags {
    #[command(subcommand)]
    command: Option<What>,
    #[command(flatten)]
    inputs: Inputs,
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    format: FormatName,
}

#[derive(Debug, Subcommand)]
enum What {
    List {
        #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
        format: FormatName,
        #[arg(long, value_name = "TOPIC")]
        topic: Option<String>,
    },
    Show {
        #[arg(value_name = "ID")]
        id: String,
        #[arg(long, value_name = "CAPTURE")]
        on: Vec<String>,
        #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
        format: FormatName,
    },
    Conflicts {
        #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
        format: FormatName,
    },
}

/// Shows claims.
///
/// # Errors
/// [`Problem`] where it cannot.
pub fn run(common: &Common, flags: &Flags) -> Result<Done, Problem> {
    let lang = common.lang();
    match &flags.command {
        Some(What::Show { id, on, format }) => {
            let claim = ledger::by_id(id).map_err(|nearest| {
                let values = [("id", id.as_str()), ("nearest", &nearest.join(", "))];
                Problem::said(lang, "no-such-claim", &values)
            })?;
            if *format == FormatName::Json {
                return records(common, claim, on);
            }
            let mut page = output::page(common);
            text::claims::write(&mut page, &claims::claim(lang, claim))?;
            let done = evidence(common, claim, on, &mut page)?;
            page.flush()?;
            Ok(done)
        }
        Some(What::Conflicts { format: FormatName::Json }) => {
            let mut done = Done::default();
            for claim in ledger::all().iter().filter(|claim| claim.is_conflict()) {
                done.damages.extend(records(common, claim, &[])?.damages);
            }
            Ok(done)
        }
        Some(What::Conflicts { .. }) => {
            let mut page = output::page(common);
            let decided = decided(common)?;
            text::claims::write(&mut page, &claims::conflicts(lang, &decided))?;
            page.flush()?;
            Ok(Done::default())
        }
        Some(What::List { format, topic }) => {
            let known: Vec<&str> = ledger::topics().iter().map(|t| t.name).collect();
            if let Some(topic) = topic
                && !known.contains(&topic.as_str())
            {
                let values = [
                    ("topic", topic.as_str()),
                    ("topics", &*known.join(crate::view::say::word(lang, "word.comma"))),
                ];
                return Err(Problem::said(lang, "no-such-topic", &values));
            }
            if *format == FormatName::Json {
                let mut lines = Lines::new(output::out());
                let wanted = |name: &str| topic.as_ref().is_none_or(|topic| topic == name);
                for claim in ledger::all().iter().filter(|claim| wanted(claim.topic_name())) {
                    lines.line(&ListedRecord::new(lang, claim))?;
                }
                lines.flush()?;
            } else {
                let mut page = output::page(common);
                text::claims::write(&mut page, &claims::list(lang, topic.as_deref()))?;
                page.flush()?;
            }
            Ok(Done::default())
        }
        None => {
            let files = flags.inputs.files(lang)?;
            let mut sink = Results::default();
            let ending = common.session(None)?.with_claims().run(&files, &mut sink)?;
            if flags.format == FormatName::Json {
                let mut lines = Lines::new(output::out());
                sink.results.iter().try_for_each(|result| lines.line(&ClaimRecord::new(result)))?;
                lines.flush()?;
            } else {
                let mut page = output::page(common);
                text::claims::write(&mut page, &claims::summary(lang, &sink.results))?;
                page.flush()?;
            }
            Ok(ending.into())
        }
    }
}

/// A claim as records: the claim, then what each capture says of it.
fn records(common: &Common, claim: &Claim, on: &[String]) -> Result<Done, Problem> {
    let mut lines = Lines::new(output::out());
    lines.line(&LedgerRecord::new(claim))?;
    let bundled = claim.captures.iter().map(|name| format!("@{name}"));
    let captures: Vec<String> = if on.is_empty() { bundled.collect() } else { on.to_vec() };
    let mut done = Done::default();
    for capture in captures {
        let mut sink = Results::default();
        let ending = common.session(None)?.with_claims().run(std::slice::from_ref(&capture), &mut sink)?;
        done.damages.extend(ending.damages);
        for result in sink.results.iter().filter(|result| result.claim.id == claim.id) {
            lines.line(&EvidenceRecord::new(&capture, result))?;
        }
    }
    lines.flush()?;
    Ok(done)
}

/// Bundled captures whose evidence is drawn out, at most: the others are named.
const DRAWN: usize = 2;

/// Draws what decides a claim: in the captures given, else in bundled ones.
fn evidence(common: &Common, claim: &Claim, on: &[String], page: &mut Page<Out>) -> Result<Done, Problem> {
    let lang = common.lang();
    let bundled = claim.captures.iter().take(DRAWN).map(|name| format!("@{name}"));
    let captures: Vec<String> = if on.is_empty() { bundled.collect() } else { on.to_vec() };
    let mut done = Done::default();
    for capture in captures {
        let files = [capture.clone()];
        let mut sink = Results::default();
        let ending = common.session(None)?.with_claims().run(&files, &mut sink)?;
        done.damages.extend(ending.damages);
        let Some(result) = sink.results.iter().find(|result| result.claim.id == claim.id) else { continue };
        let mut view = evidence::of(lang, &capture, result);
        if capture == "-" {
            view.none = Line::new().with(say::word(lang, "claims.only-sentence"), Role::Dim);
        } else if view.exhibits.is_empty() {
            // Nothing to draw.
        } else {
            common.session(None)?.run(&files, &mut Drawing { lang, view: &mut view })?;
        }
        text::evidence::write(page, &view)?;
    }
    Ok(done)
}

/// Takes apart the packets that decide.
struct Drawing<'v> {
    lang: Lang,
    view: &'v mut EvidenceView,
}

impl Sink for Drawing<'_> {
    fn wants(&self, frame: &Frame<'_>) -> Want {
        if self.view.wants(frame.number) { Want::Tree } else { Want::Outcome }
    }

    fn packet(&mut self, seen: &Seen<'_>) -> io::Result<Go> {
        if let Some(tree) = seen.tree {
            self.view.packet(self.lang, &seen.frame, tree);
        }
        Ok(Go::Continue(()))
    }
}

/// What the bundled captures say where the notes disagree.
fn decided(common: &Common) -> Result<Vec<(&'static str, Line)>, Problem> {
    let conflicts: Vec<&Claim> = ledger::all().iter().filter(|claim| claim.is_conflict()).collect();
    let mut captures: Vec<&str> = conflicts.iter().flat_map(|c| &c.captures).map(String::as_str).collect();
    captures.sort_unstable();
    captures.dedup();
    let mut lines = Vec::new();
    for name in captures {
        let capture = format!("@{name}");
        let mut sink = Results::default();
        common.session(None)?.with_claims().run(std::slice::from_ref(&capture), &mut sink)?;
        let named = |claim: &Claim| claim.is_conflict() && claim.captures.iter().any(|c| c == name);
        for result in sink.results.iter().filter(|result| named(result.claim)) {
            if let Some(line) = claims::decided(common.lang(), &capture, result) {
                lines.push((result.claim.id.as_str(), line));
            }
        }
    }
    Ok(lines)
}

/// Waits for the results.
#[derive(Default)]
struct Results {
    results: Vec<ClaimResult>,
}

impl Sink for Results {
    fn packet(&mut self, _: &Seen<'_>) -> io::Result<Go> {
        Ok(Go::Continue(()))
    }

    fn claims(&mut self, results: &[ClaimResult]) -> io::Result<()> {
        self.results = results.to_vec();
        Ok(())
    }
}
