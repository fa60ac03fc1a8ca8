//! `claims CAPTURE`, `claims list`, `claims show ID`: what the study notes claim, and what packets say of it.

use clap::{Args, Subcommand};

use super::options::{Common, FormatName, Inputs};
use super::output::{Done, Problem};

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
        Some(What::Show { id }) => Err(Problem::said(lang, "no-such-claim", &[("id", id)])),
        Some(What::List { .. }) => Ok(Done::default()),
        None => flags.inputs.files(lang).map(|_| Done::default()),
    }
}
