//! From flags to a plan: interfaces, limits in tshark's notation, where the filter is applied.
//!
//! Leaves out: doing it.

use std::time::Duration;

use super::Flags;
use crate::capture::interfaces;
use crate::capture::live::{self, Kernel, Limits, Output, Plan, Rotation};
use crate::cli::output::Problem;
use crate::notes::expression::bpf::{self, Link, Program};
use crate::session::Filter;
use crate::view::live::text;
use crate::words::Lang;

/// What was asked for.
#[derive(Debug)]
pub(super) struct Asked {
    pub plan: Plan,
    pub limits: Limits,
    pub output: Option<Output>,
    /// The filter, wherever it is applied.
    pub filter: Option<String>,
    /// Whether the kernel alone applies it: otherwise what comes up still has to be asked.
    pub exact: bool,
}

/// Reads the flags.
pub(super) fn read(lang: Lang, flags: &Flags) -> Result<Asked, Problem> {
    let told = |id, values: &[(&str, &str)]| Problem::Told(vec![text(lang, id, values)]);
    let names = if flags.interface.is_empty() {
        vec![first().ok_or_else(|| told("no-interfaces", &[]))?]
    } else {
        let mut names = flags.interface.clone();
        let mut seen = Vec::new();
        names.retain(|name| {
            !seen.contains(name) && {
                seen.push(name.clone());
                true
            }
        });
        names
    };
    let mut limits = Limits { packets: flags.count.unwrap_or(u64::MAX), ..Limits::default() };
    limits.duration = flags
        .duration
        .map(|seconds| span(seconds).ok_or_else(|| limit(lang, "--duration", &seconds.to_string())))
        .transpose()?;
    for given in &flags.autostop {
        let bad = || limit(lang, "-a", given);
        match pair(given).ok_or_else(bad)? {
            ("duration", n) => limits.duration = Some(n.parse().ok().and_then(span).ok_or_else(bad)?),
            ("packets", n) => limits.packets = limits.packets.min(count(n).ok_or_else(bad)?),
            ("filesize", n) => limits.bytes = Some(kilobytes(n).ok_or_else(bad)?),
            ("files", n) => limits.files = Some(count(n).ok_or_else(bad)?),
            _ => return Err(bad()),
        }
    }
    let mut rotation = Rotation::default();
    for given in &flags.ring {
        let bad = || limit(lang, "-b", given);
        match pair(given).ok_or_else(bad)? {
            ("duration", n) => rotation.duration = Some(n.parse().ok().and_then(span).ok_or_else(bad)?),
            ("packets", n) => rotation.packets = Some(count(n).ok_or_else(bad)?),
            ("filesize", n) => rotation.bytes = Some(kilobytes(n).ok_or_else(bad)?),
            ("files", n) => rotation.files = Some(count(n).and_then(|n| n.try_into().ok()).ok_or_else(bad)?),
            _ => return Err(bad()),
        }
    }
    let limits_files = limits.bytes.is_some() || limits.files.is_some();
    match &flags.write {
        None if flags.quiet && !flags.check => return Err(told("nothing-to-do", &[])),
        None if limits_files || !flags.ring.is_empty() => return Err(told("no-file", &[])),
        Some(file) if file == "-" && !flags.quiet => return Err(told("one-output", &[])),
        Some(file) if file == "-" && !flags.ring.is_empty() => return Err(told("no-file", &[])),
        Some(_) if rotation.files.is_some() && !rotation.is_wanted() => {
            return Err(told("ring-without-limit", &[]));
        }
        _ => {}
    }
    let output = flags.write.as_ref().map(|path| Output { path: path.clone(), rotation });
    let kernel = match &flags.filter {
        Some(source) => in_kernel(source, &filter(lang, source)?, &names),
        None => None,
    };
    let (kernel, exact) = kernel.map_or((None, false), |(kernel, exact)| (Some(kernel), exact));
    let plan = Plan {
        interfaces: names,
        // 0 means all, as with tcpdump.
        snaplen: flags.snaplen.filter(|n| *n > 0).map_or(live::SNAPLEN, |n| n.min(live::SNAPLEN)),
        promiscuous: !flags.no_promiscuous,
        ring: flags.buffer.map_or(live::RING, |mib| (mib as usize) << 20),
        filter: kernel,
    };
    let output = output.filter(|_| !flags.check);
    Ok(Asked { plan, limits, output, filter: flags.filter.clone(), exact })
}

/// A filter, read.
pub(super) fn filter(lang: Lang, source: &str) -> Result<Filter, Problem> {
    Filter::parse(source).map_err(|error| Problem::filter(lang, source, &error))
}

/// The filter as programs for the kernel, one an interface, and whether they let pass nothing else; nothing where it has none for one of
/// them.
fn in_kernel(source: &str, filter: &Filter, names: &[String]) -> Option<(Kernel, bool)> {
    let compiled = |name: &String| filter.program(bytes_of(live::link_type(name)?)?);
    let compiled = names.iter().map(compiled).collect::<Option<Vec<Program>>>()?;
    let exact = compiled.iter().all(|program| program.exact);
    let programs = compiled.iter().map(|program| program.instructions.iter().map(instruction).collect());
    Some((Kernel { programs: programs.collect(), text: source.to_owned() }, exact))
}

/// What a program is run on for frames of a link type.
fn bytes_of(link_type: u16) -> Option<Link> {
    match link_type {
        1 => Some(Link::Ethernet),
        101 => Some(Link::Ip),
        // The socket sees them without a link header.
        276 => Some(Link::Cooked),
        _ => None,
    }
}

fn instruction(one: &bpf::Instruction) -> live::Instruction {
    live::Instruction { code: one.code, jt: one.jt, jf: one.jf, k: one.k }
}

/// The interface that a machine most likely talks by: switched on, not loopback, with an address; else what there is.
fn first() -> Option<String> {
    let list = interfaces::list();
    let best = list
        .iter()
        .max_by_key(|one| (one.up, !one.loopback, !one.addresses.is_empty(), std::cmp::Reverse(one.index)))?;
    Some(best.name.clone())
}

fn limit(lang: Lang, flag: &str, given: &str) -> Problem {
    Problem::Told(vec![text(lang, "bad-limit", &[("flag", flag), ("given", given)])])
}

fn pair(given: &str) -> Option<(&str, &str)> {
    given.split_once(':')
}

fn count(text: &str) -> Option<u64> {
    text.parse().ok().filter(|n| *n > 0)
}

/// tshark counts files in kB of 1000 bytes.
fn kilobytes(text: &str) -> Option<u64> {
    count(text)?.checked_mul(1000)
}

fn span(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds).ok().filter(|span| !span.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_as_tshark_reads_them() {
        assert_eq!(pair("filesize:100"), Some(("filesize", "100")));
        assert_eq!(kilobytes("100"), Some(100_000));
        assert_eq!(kilobytes("0"), None);
        assert_eq!(kilobytes(&u64::MAX.to_string()), None);
        assert_eq!(span(0.5), Some(Duration::from_millis(500)));
        assert_eq!(span(-1.0), None);
        assert_eq!(span(f64::NAN), None);
    }
}
