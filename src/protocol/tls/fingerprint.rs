//! Fingerprints of hellos: which program speaks, told by what it offers and in which order.
//!
//! JA3 and JA3S (Althouse, Atkinson, Atkins 2017): MD5 over numbers in decimal. JA4 (Althouse 2023): readable first part, then
//! the beginnings of two SHA-256 sums over sorted numbers. Both leave out GREASE (RFC 8701). Not standards; they are shown because
//! other tools show them.

use std::fmt::Write;

use md5::Md5;
use sha2::{Digest, Sha256};

use super::extension::Extensions;
use super::registry::is_grease;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn dashed(values: impl IntoIterator<Item = u16>) -> String {
    let values: Vec<_> = values.into_iter().filter(|v| !is_grease(*v)).map(|v| v.to_string()).collect();
    values.join("-")
}

/// What JA3 sums up: version, suites, extensions, groups, point formats.
pub fn ja3_full(version: u16, suites: &[u16], extensions: &Extensions) -> String {
    format!(
        "{version},{},{},{},{}",
        dashed(suites.iter().copied()),
        dashed(extensions.types.iter().copied()),
        dashed(extensions.groups.iter().copied()),
        dashed(extensions.point_formats.iter().map(|f| u16::from(*f)))
    )
}

/// What JA3S sums up: version, suite, extensions.
pub fn ja3s_full(version: u16, suite: u16, extensions: &Extensions) -> String {
    let types: Vec<_> = extensions.types.iter().map(u16::to_string).collect();
    format!("{version},{suite},{}", types.join("-"))
}

/// The sum of either.
pub fn md5(full: &str) -> String {
    hex(&Md5::digest(full.as_bytes()))
}

fn short(text: &str) -> String {
    if text.is_empty() { "000000000000".to_owned() } else { hex(&Sha256::digest(text.as_bytes())[..6]) }
}

fn listed(values: &[u16]) -> String {
    values.iter().map(|v| format!("{v:04x}")).collect::<Vec<_>>().join(",")
}

/// JA4 of a ClientHello over TCP.
pub fn ja4(version: u16, suites: &[u16], extensions: &Extensions) -> String {
    let real = |values: &[u16]| values.iter().copied().filter(|v| !is_grease(*v)).collect::<Vec<_>>();
    let (mut suites, mut types) = (real(suites), real(&extensions.types));
    let version = match real(&extensions.versions).into_iter().max().unwrap_or(version) {
        0x0304 => "13",
        0x0303 => "12",
        0x0302 => "11",
        0x0301 => "10",
        0x0300 => "s3",
        0x0002 => "s2",
        _ => "00",
    };
    let name = if types.contains(&0) { 'd' } else { 'i' };
    let alpn = match extensions.alpn.first().map(|a| a.as_bytes()) {
        Some([first, .., last]) if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() => {
            format!("{}{}", char::from(*first), char::from(*last))
        }
        Some([only]) if only.is_ascii_alphanumeric() => format!("{0}{0}", char::from(*only)),
        Some(odd @ [_, ..]) => {
            let all = hex(odd);
            format!("{}{}", &all[..1], &all[all.len() - 1..])
        }
        _ => "00".to_owned(),
    };
    let counts = format!("{:02}{:02}", suites.len().min(99), types.len().min(99));
    suites.sort_unstable();
    types.retain(|t| !matches!(t, 0 | 16));
    types.sort_unstable();
    let mut second = listed(&types);
    if !extensions.signatures.is_empty() && !second.is_empty() {
        second = format!("{second}_{}", listed(&real(&extensions.signatures)));
    }
    format!("t{version}{name}{counts}{alpn}_{}_{}", short(&listed(&suites)), short(&second))
}
