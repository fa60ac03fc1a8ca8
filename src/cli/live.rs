//! `live -i IFACE`: what happens here now? Explains packets as they pass, records them, or both.
//!
//! The main thread explains; a thread of `capture::live` captures and records and waits for nobody; a third writes to standard error what
//! there is to say meanwhile. Linux only. Leaves out: which flags mean what (`plan`), what is said of the capture itself (`telling`).

#[cfg(target_os = "linux")]
mod explain;
#[cfg(target_os = "linux")]
mod plan;
#[cfg(target_os = "linux")]
mod telling;

use clap::Args;

use super::options::{Common, FormatName, Nothing};
use super::output::{Done, Problem};
use super::packets::TimeName;

/// Raw flags.
#[derive(Debug, Args)]
pub struct Flags {
    #[arg(short = 'i', long, value_name = "IFACE", value_delimiter = ',')]
    interface: Vec<String>,
    #[arg(short = 'w', long, value_name = "FILE")]
    write: Option<String>,
    #[arg(short = 'Y', long, value_name = "EXPR")]
    filter: Option<String>,
    #[arg(short = 'c', long = "count", value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    #[arg(short = 'a', long, value_name = "LIMIT:N")]
    autostop: Vec<String>,
    #[arg(long, value_name = "SECONDS")]
    duration: Option<f64>,
    #[arg(short = 'b', long, value_name = "LIMIT:N")]
    ring: Vec<String>,
    #[arg(short = 's', long, value_name = "BYTES")]
    snaplen: Option<u32>,
    #[arg(short = 'p', long)]
    no_promiscuous: bool,
    #[arg(short = 'B', long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(1..=4096))]
    buffer: Option<u32>,
    #[arg(short = 'q', long)]
    quiet: bool,
    #[arg(long)]
    check: bool,
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    format: FormatName,
    #[arg(long, value_name = "KINDS", value_delimiter = ',', default_value = "packet,flow,event,state,claim",
        value_parser = ["packet", "flow", "event", "state", "claim"])]
    records: Vec<String>,
    #[arg(short = 't', value_enum, value_name = "TIME", default_value = "a")]
    time: TimeName,
    #[arg(short = 'S')]
    absolute_seq: bool,
    #[arg(short = 'v', long, action = clap::ArgAction::Count)]
    verbose: u8,
    #[command(flatten)]
    nothing: Nothing,
}

/// Live capture is made of Linux's packet sockets.
///
/// # Errors
/// Always.
#[cfg(not(target_os = "linux"))]
pub fn run(common: &Common, _: &Flags) -> Result<Done, Problem> {
    Err(Problem::Told(vec![crate::view::live::text(common.lang(), "not-here", &[])]))
}

/// Captures, explains, records.
///
/// # Errors
/// [`Problem`] where it cannot begin, or has to end early.
#[cfg(target_os = "linux")]
pub fn run(common: &Common, flags: &Flags) -> Result<Done, Problem> {
    use std::sync::mpsc;

    use crate::capture::live::{self, Explaining};

    let lang = common.lang();
    let asked = plan::read(lang, flags)?;
    let refused = |refused| telling::refused(lang, &asked, refused);
    // What takes privileges.
    let opened = live::open(&asked.plan).map_err(refused)?;
    // As the user who asked: files are read and written as that user.
    opened.become_invoker().map_err(refused)?;
    let filter = asked.filter.as_deref().filter(|_| !asked.exact);
    let recipe = common.recipe()?;
    let parsed = || filter.map(|text| plan::filter(lang, text)).transpose();
    let (explaining, accepting) = (recipe.session(parsed()?), parsed()?);
    let (interfaces, ring) = (opened.interfaces().to_vec(), opened.ring());
    // Nothing is held from here on, and no packet has been looked at.
    let ready = opened.confine(asked.output.clone()).map_err(refused)?;
    if flags.check {
        return telling::check(common, flags.format, &interfaces, ring, ready.held());
    }
    telling::begins(lang, &asked, &interfaces, ready.file());
    let accept = accepting.filter(|_| asked.output.is_some()).map(|filter| explain::accept(recipe, filter));
    let explains = (!flags.quiet).then_some(Explaining { queue: live::QUEUE, to_stdout: true });
    let (notices, told) = mpsc::channel();
    // Standard error may be as slow as any terminal.
    let teller = std::thread::spawn(move || telling::notices(lang, &told));
    let (running, feed) = ready.start(explains, asked.limits, accept, notices)?;
    let explained = explain::run(common, flags, explaining, feed, filter.and(flags.count));
    // Explaining may have ended first: enough was explained, or nobody reads it any more.
    if explains.is_some() {
        running.stop();
    }
    let summary = running.join()?;
    let _ = teller.join();
    let result = telling::ends(lang, &asked, &summary, explains.is_some());
    match explained {
        Err(Problem::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => result,
        Err(problem) => Err(problem),
        Ok(()) => result,
    }
}
