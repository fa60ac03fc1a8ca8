//! The lessons that are part of the program: docs/lessons, embedded.
//!
//! Adding one is a pair of files and a row in the list below; `tests/lessons.rs` holds the list against the folder.
//! Leaves out: reading them (`parse`).

use super::{Lesson, parse};
use crate::words::Lang;

/// A lesson in both languages.
#[derive(Debug, Clone, Copy)]
pub struct Bundled {
    /// The files' name without language and ending: `08-tcp-open`.
    pub stem: &'static str,
    /// The texts, English and Chinese.
    pub text: [&'static str; 2],
}

macro_rules! lessons {
    ($($stem:literal)*) => {
        &[$(Bundled {
            stem: $stem,
            text: [
                include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/lessons/", $stem, ".en.md")),
                include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/lessons/", $stem, ".zh.md")),
            ],
        }),*]
    };
}

/// All of them, in order.
#[rustfmt::skip]
pub static LESSONS: &[Bundled] = lessons![
    "01-layers"
    "02-ethernet"
    "03-arp"
    "04-ip"
    "05-icmp"
    "06-dhcp"
    "07-udp"
    "08-tcp-open"
    "09-tcp-reliability"
    "10-tcp-stream"
    "11-tcp-close"
    "12-time-wait"
    "13-dns"
    "14-http-messages"
    "15-http-status"
    "16-http-connections"
    "17-tls"
    "18-middleboxes"
    "19-load-balancing"
    "20-ssh-rpc-sockets"
];

impl Bundled {
    /// The lesson in a language. What is wrong with it is a test's business.
    pub fn read(&self, lang: Lang) -> Lesson {
        parse(&format!("{}.{}.md", self.stem, lang.name()), self.text[lang.index()]).0
    }

    /// Its number.
    pub fn order(&self) -> &'static str {
        self.stem.split('-').next().unwrap_or(self.stem)
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.stem.split_once('-').map_or(self.stem, |(_, name)| name)
    }
}

/// How many names to offer for one that does not exist.
const OFFERED: usize = 3;

/// The lesson of a name or number.
///
/// # Errors
/// The names nearest to it, best first; may be none.
pub fn find(wanted: &str) -> Result<&'static Bundled, Vec<&'static str>> {
    let number = wanted.parse::<u32>().ok();
    let is = |lesson: &&Bundled| {
        lesson.stem == wanted
            || lesson.name() == wanted
            || number.is_some() && lesson.order().parse().ok() == number
    };
    LESSONS.iter().find(is).ok_or_else(|| {
        let slips = (wanted.chars().count() / 3).max(1);
        let mut found: Vec<_> = LESSONS
            .iter()
            .filter_map(|lesson| {
                let distance = strsim::osa_distance(wanted, lesson.name());
                let part = wanted.len() > 1 && lesson.name().contains(wanted);
                (distance <= slips || part).then_some((distance, lesson.name()))
            })
            .collect();
        found.sort_unstable();
        found.into_iter().take(OFFERED).map(|(_, name)| name).collect()
    })
}
