//! What the bundled captures are for: which claims of the notes each of them bears on, by captures/syllabus.toml.
//!
//! Leaves out: which claims a capture decides, which is found by putting their checks to it (`check`); the syllabus says
//! what it was recorded for. Lessons are read by who shows them.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;

const TEXT: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/captures/syllabus.toml"));

#[derive(Debug, Deserialize)]
struct Syllabus {
    claims: BTreeMap<String, Vec<String>>,
}

/// Ids of the claims that a bundled capture was recorded for; none for what shows a capture's own faults.
///
/// # Panics
/// Where the embedded file is no syllabus; a test reads it.
pub fn claims(capture: &str) -> &'static [String] {
    static SYLLABUS: OnceLock<Syllabus> = OnceLock::new();
    let syllabus = SYLLABUS.get_or_init(|| toml::from_str(TEXT).expect("captures/syllabus.toml"));
    syllabus.claims.get(capture).map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captures_and_what_they_are_for() {
        assert!(claims("arp-spoof").contains(&"arp-spoofing".to_owned()));
        assert!(claims("capture-offload").is_empty());
        assert!(claims("no such capture").is_empty());
    }
}
