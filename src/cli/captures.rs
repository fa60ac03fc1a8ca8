//! `captures list`, `captures extract NAME`: the recordings that are part of the program.

use std::fs;
use std::io::{self, Write};

use clap::{Args, Subcommand};

use super::options::{Common, FormatName};
use super::output::{self, Done, Problem};
use crate::capture::bundled::{self, BUNDLED, Bundled};
use crate::capture::{self, Damage, Source};
use crate::notes::ledger::{self, Claim};
use crate::notes::syllabus;
use crate::render::json::Lines;
use crate::render::text;
use crate::view::Role;
use crate::view::flows::{Column, Table};
use crate::view::record::BundledRecord;
use crate::view::say::{self, thousands};

/// Raw flags.
#[derive(Debug, Args)]
pub struct Flags {
    #[command(subcommand)]
    command: What,
}

#[derive(Debug, Subcommand)]
enum What {
    List {
        #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
        format: FormatName,
    },
    Extract {
        #[arg(value_name = "NAME")]
        name: String,
        #[arg(short = 'o', long, value_name = "FILE")]
        output: Option<String>,
    },
}

/// Lists or extracts bundled captures.
///
/// # Errors
/// [`Problem`] where it cannot.
pub fn run(common: &Common, flags: &Flags) -> Result<Done, Problem> {
    match &flags.command {
        What::List { format: FormatName::Json } => {
            let mut lines = Lines::new(output::out());
            for bundled in BUNDLED {
                let (title, packets) = look(bundled)?;
                let bytes = bundled.bytes.len() as u64;
                let decided = |claim: &&Claim| claim.captures.iter().any(|name| name == bundled.name);
                let mut claims: Vec<String> = syllabus::claims(bundled.name).to_vec();
                for claim in ledger::all().iter().filter(decided) {
                    if !claims.contains(&claim.id) {
                        claims.push(claim.id.clone());
                    }
                }
                lines.line(&BundledRecord { name: bundled.name, title: &title, packets, bytes, claims })?;
            }
            lines.flush()?;
        }
        What::List { format: FormatName::Text } => list(common)?,
        What::Extract { name, output } => extract(name, output.as_deref())?,
    }
    Ok(Done::default())
}

fn list(common: &Common) -> Result<(), Problem> {
    let lang = common.lang();
    let columns = [
        ("captures.name", false),
        ("captures.packets", true),
        ("captures.bytes", true),
        ("captures.title", false),
    ];
    let mut table = Table {
        columns: columns.map(|(id, number)| Column::new(say::word(lang, id), number)).into(),
        ..Table::default()
    };
    for bundled in BUNDLED {
        let (title, packets) = look(bundled)?;
        table.rows.push(vec![
            (format!("@{}", bundled.name), Role::Command),
            (thousands(packets), Role::Plain),
            (thousands(bundled.bytes.len() as u64), Role::Plain),
            (title, Role::Plain),
        ]);
    }
    table.rest.push(say::text(lang, "captures.use", &[("command", "pcaplain annotate @NAME")]));
    let mut page = output::page(common);
    text::table::write(&mut page, &table)?;
    Ok(page.flush()?)
}

/// Title and number of packets. The title is the first line of the capture's own comment.
fn look(bundled: &Bundled) -> Result<(String, u64), Problem> {
    let mut source = capture::open(&format!("@{}", bundled.name)).map_err(Problem::Unreadable)?;
    let mut packets = 0;
    while source.next().map_err(Problem::Unreadable)?.is_some() {
        packets += 1;
    }
    let comment = source.comments().first().map_or("", |comment| comment.lines().next().unwrap_or(""));
    Ok((comment.to_owned(), packets))
}

fn extract(name: &str, output: Option<&str>) -> Result<(), Problem> {
    let name = name.strip_prefix('@').unwrap_or(name);
    let unknown =
        |reason| Problem::Unreadable(Damage { file: format!("@{name}"), offset: 0, frame: 1, reason });
    let bundled = bundled::find(name).map_err(unknown)?;
    match output {
        Some("-") => {
            let mut out = output::out();
            out.write_all(bundled.bytes)?;
            out.flush()?;
        }
        Some(path) => write(path, bundled.bytes)?,
        None => write(&format!("{name}.pcapng"), bundled.bytes)?,
    }
    Ok(())
}

fn write(path: &str, bytes: &[u8]) -> Result<(), Problem> {
    let named = |error: io::Error| Problem::Output(io::Error::new(error.kind(), format!("{path}: {error}")));
    fs::write(path, bytes).map_err(named)
}
