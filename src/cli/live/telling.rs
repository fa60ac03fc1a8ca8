//! What a live capture has to say of itself: that it begins, what is lost meanwhile, how it ended; why it cannot begin, and what to do
//! about it; which privileges it holds. All of it on standard error, but `--check`.
//!
//! Leaves out: packets.

use std::io::Write;
use std::sync::mpsc::Receiver;

use super::plan::Asked;
use crate::capture::Interface;
use crate::capture::interfaces;
use crate::capture::live::{End, Held, Notice, Refused, Summary, Unwritten};
use crate::cli::options::{Common, FormatName};
use crate::cli::output::{self, Done, Problem};
use crate::cli::program;
use crate::render::json::Lines;
use crate::render::text::clean;
use crate::view::live::text;
use crate::view::record::PrivilegesRecord;
use crate::view::say::{self, thousands};
use crate::view::{Line, Role};
use crate::words::Lang;

fn say(line: &str) {
    // That nobody hears it is no reason to end.
    let _ = writeln!(std::io::stderr().lock(), "{}", clean(line));
}

fn names(lang: Lang, interfaces: &[Interface]) -> String {
    let name = |one: &Interface| {
        let name = one.name.clone().unwrap_or_default();
        text(lang, "interface", &[("name", &name), ("link", &say::link(lang, one.link_type))])
    };
    interfaces.iter().map(name).collect::<Vec<_>>().join(say::word(lang, "word.comma"))
}

/// The capture begins.
pub(super) fn begins(lang: Lang, asked: &Asked, interfaces: &[Interface], file: Option<&str>) {
    let interfaces = names(lang, interfaces);
    match file {
        None => say(&text(lang, "begins", &[("interfaces", &interfaces)])),
        Some(file) => say(&text(lang, "begins-recording", &[("interfaces", &interfaces), ("file", file)])),
    }
    if let Some(filter) = &asked.filter {
        let id = match (asked.plan.filter.is_some(), asked.exact) {
            (true, true) => "filter-kernel",
            (true, false) => "filter-both",
            (false, _) => "filter-user",
        };
        say(&text(lang, id, &[("filter", filter)]));
    }
}

/// Says what comes, until nothing more can come.
pub(super) fn notices(lang: Lang, told: &Receiver<Notice>) {
    for notice in told {
        say(&match notice {
            Notice::Down(name) => text(lang, "down", &[("name", &name)]),
            Notice::Up(name) => text(lang, "up", &[("name", &name)]),
            Notice::Gone(name) => text(lang, "gone", &[("name", &name)]),
            Notice::Dropped(count) => text(lang, "dropping", &[("n", &thousands(count))]),
            Notice::Behind => text(lang, "behind", &[]),
            Notice::CaughtUp(count) => text(lang, "caught-up", &[("n", &thousands(count))]),
        });
    }
}

/// The notes' claims are no longer checked.
pub(super) fn claims_end(lang: Lang) {
    say(&text(lang, "claims-end", &[]));
}

/// The counts, and why it ended where that was not asked for.
pub(super) fn ends(lang: Lang, asked: &Asked, summary: &Summary, explained: bool) -> Result<Done, Problem> {
    let n = |count: u64| thousands(count);
    let mut lines = vec![text(
        lang,
        "counts",
        &[("received", &n(summary.received)), ("dropped", &n(summary.dropped)), ("taken", &n(summary.taken))],
    )];
    if let (Some(written), Some(output)) = (summary.written, &asked.output) {
        let file = if output.rotation.is_wanted() {
            let last = summary.kept.last().map_or("", String::as_str);
            let values =
                [("files", &*n(summary.files)), ("kept", &*n(summary.kept.len() as u64)), ("file", last)];
            text(lang, "files", &values)
        } else {
            output.path.clone()
        };
        lines.push(text(lang, "counts-written", &[("written", &n(written)), ("file", &file)]));
    }
    if explained {
        let values =
            [("explained", &*n(summary.taken - summary.left_out)), ("left_out", &*n(summary.left_out))];
        lines.push(text(lang, "counts-explained", &values));
    }
    for line in &lines {
        say(line);
    }
    let written = n(summary.written.unwrap_or(0));
    match &summary.end {
        // Whoever reads the packets has read enough.
        End::Unwritten(Unwritten { file, error })
            if file == "-" && error.kind() == std::io::ErrorKind::BrokenPipe =>
        {
            Ok(Done::default())
        }
        End::Unwritten(Unwritten { file, error }) => {
            let values = [("file", &**file), ("message", &*message(error)), ("written", &*written)];
            Err(Problem::Cut(vec![text(lang, "unwritten", &values)]))
        }
        End::Failed(error) => Err(Problem::Cut(vec![text(lang, "failed", &[("message", &message(error))])])),
        End::Gone => Err(Problem::Cut(vec![text(lang, "all-gone", &[])])),
        End::Asked | End::Count | End::Time | End::Size | End::Reader => Ok(Done::default()),
    }
}

/// The system's words, without its number.
fn message(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(at) => text[..at].to_owned(),
        None => text,
    }
}

/// Why a capture cannot begin.
pub(super) fn refused(lang: Lang, asked: &Asked, refused: Refused) -> Problem {
    let one = |id, values: &[(&str, &str)]| vec![text(lang, id, values)];
    Problem::Told(match refused {
        Refused::Permission => {
            let program = program::path();
            let mut lines = one("permission", &[]);
            lines.push(text(lang, "permission-setcap", &[("program", &program)]));
            let command: Vec<String> = std::env::args().skip(1).map(|word| program::quoted(&word)).collect();
            lines.push(text(
                lang,
                "permission-sudo",
                &[("program", &program), ("command", &command.join(" "))],
            ));
            lines
        }
        Refused::NoInterface(name) => {
            let known: Vec<String> = interfaces::list().into_iter().map(|one| one.name).collect();
            one("no-interface", &[("name", &name), ("known", &known.join(say::word(lang, "word.comma")))])
        }
        Refused::Interface(name, error) => {
            one("interface-failed", &[("name", &name), ("message", &message(&error))])
        }
        Refused::Unwritten(Unwritten { file, error }) => {
            vec![crate::view::error::plain(
                lang,
                "not-written",
                &[("file", &file), ("message", &message(&error))],
            )]
        }
        Refused::Privileges(error) => {
            let _ = asked;
            one("privileges-kept", &[("message", &message(&error))])
        }
    })
}

/// `--check`: what is held once the sockets are open and everything else is given up.
pub(super) fn check(
    common: &Common,
    format: FormatName,
    interfaces: &[Interface],
    ring: usize,
    held: &Held,
) -> Result<Done, Problem> {
    let lang = common.lang();
    if format == FormatName::Json {
        let mut lines = Lines::new(output::out());
        lines.line(&PrivilegesRecord {
            record: "privileges",
            interfaces: interfaces.iter().filter_map(|one| one.name.as_deref()).collect(),
            ring: ring as u64,
            uid: held.uid,
            gid: held.gid,
            capabilities: &held.capabilities,
            bounding: &held.bounding,
            no_new_privs: held.no_new_privileges,
            landlock: held.fence.name(),
        })?;
        lines.flush()?;
        return Ok(Done::default());
    }
    let list = |names: &[String]| match names {
        [] => text(lang, "check.none", &[]),
        names => names.join(" "),
    };
    let fence = match held.fence.name() {
        "full" => "check.landlock-full",
        "partial" => "check.landlock-partial",
        _ => "check.landlock-none",
    };
    let rows = [
        ("check.interfaces", names(lang, interfaces), true),
        ("check.ring", text(lang, "check.mib", &[("n", &thousands((ring >> 20) as u64))]), true),
        (
            "check.user",
            text(lang, "check.uid", &[("uid", &held.uid.to_string()), ("gid", &held.gid.to_string())]),
            held.uid != 0,
        ),
        ("check.capabilities", list(&held.capabilities), held.capabilities.is_empty()),
        (
            "check.no-new-privileges",
            say::word(lang, if held.no_new_privileges { "word.yes" } else { "word.no" }).to_owned(),
            held.no_new_privileges,
        ),
        ("check.landlock", text(lang, fence, &[]), held.fence.name() == "full"),
    ];
    let mut page = output::page(common);
    page.line(&Line::new().with(text(lang, "check.title", &[]), Role::Title))?;
    for (id, value, good) in rows {
        let line = Line::new().with(text(lang, id, &[]), Role::Dim).with("  ", Role::Plain);
        page.blanks(2)?;
        page.paragraph(&line.with(value, if good { Role::Good } else { Role::Note }), 2, 4)?;
    }
    page.flush()?;
    Ok(Done::default())
}
