//! `claims CAPTURE`, `claims list`, `claims show ID`: what the study notes claim, and what packets say of it.

use std::io;

use clap::{Args, Subcommand};

use super::options::{Common, FormatName, Inputs};
use super::output::{self, Done, Problem};
use crate::notes::check::ClaimResult;
use crate::notes::ledger;
use crate::render::json::Lines;
use crate::render::text;
use crate::session::{Go, Seen, Sink};
use crate::view::claims::{self, ClaimRecord, ListedRecord};

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
    },
}

/// Shows claims.
///
/// # Errors
/// [`Problem`] where it cannot.
pub fn run(common: &Common, flags: &Flags) -> Result<Done, Problem> {
    let lang = common.lang();
    match &flags.command {
        Some(What::Show { id }) => {
            let claim = ledger::by_id(id).map_err(|nearest| {
                let values = [("id", id.as_str()), ("nearest", &nearest.join(", "))];
                Problem::said(lang, "no-such-claim", &values)
            })?;
            let mut page = output::page(common);
            text::claims::write(&mut page, &claims::claim(lang, claim))?;
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
            let ending = common.session(None).with_claims().run(&files, &mut sink)?;
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
