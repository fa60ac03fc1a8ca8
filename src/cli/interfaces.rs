//! `interfaces`: where packets could be captured.

use clap::Args;

use super::options::{Common, FormatName};
use super::output::{self, Done, Problem};
use super::program;
use crate::capture::interfaces;
use crate::render::json::Lines;
use crate::render::text;
use crate::view::ends;
use crate::view::flows::{Column, Table};
use crate::view::record::InterfaceRecord;
use crate::view::say;
use crate::view::{Line, Role};
use crate::words;

/// Raw flags.
#[derive(Debug, Args)]
pub struct Flags {
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    format: FormatName,
}

/// Lists the machine's network interfaces.
///
/// # Errors
/// [`Problem`] where it cannot write.
pub fn run(common: &Common, flags: &Flags) -> Result<Done, Problem> {
    let capture = may_capture();
    let records = interfaces::list().into_iter().map(|one| InterfaceRecord {
        name: one.name,
        index: one.index,
        mac: one.mac.map(ends::mac),
        addresses: one.addresses.iter().map(|(ip, prefix)| format!("{ip}/{prefix}")).collect(),
        up: one.up,
        loopback: one.loopback,
        capture,
    });
    if flags.format == FormatName::Json {
        let mut lines = Lines::new(output::out());
        for record in records {
            lines.line(&record)?;
        }
        lines.flush()?;
        return Ok(Done::default());
    }
    let lang = common.lang();
    let columns = ["interfaces.name", "interfaces.state", "interfaces.mac", "interfaces.addresses"];
    let mut table = Table {
        columns: columns.map(|id| Column::new(say::word(lang, id), false)).into(),
        ..Table::default()
    };
    for one in records {
        let state = match (one.up, one.loopback) {
            (true, true) => "interfaces.loopback",
            (true, false) => "interfaces.up",
            (false, _) => "interfaces.down",
        };
        let role = if one.up { Role::Good } else { Role::Dim };
        table.rows.push(vec![
            (one.name, Role::Strong),
            (say::word(lang, state).to_owned(), role),
            (one.mac.unwrap_or_default(), Role::Plain),
            (one.addresses.join(" "), Role::Plain),
        ]);
    }
    let mut page = output::page(common);
    text::table::write(&mut page, &table)?;
    let id = if capture { "interfaces.capture" } else { "interfaces.no-capture" };
    page.line(&Line::new())?;
    let told = words::fill(say::word(lang, id), &|key| (key == "program").then(program::path));
    page.line(&Line::new().with(told, Role::Dim))?;
    page.flush()?;
    Ok(Done::default())
}

#[cfg(target_os = "linux")]
fn may_capture() -> bool {
    crate::capture::live::may_capture()
}

#[cfg(not(target_os = "linux"))]
fn may_capture() -> bool {
    false
}
