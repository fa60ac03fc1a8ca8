//! What is said when a capture cannot be read, or not to its end.

use super::say::thousands;
use crate::capture::{Damage, Reason};
use crate::words::{self, Lang};

/// Why, in one clause.
pub fn reason(lang: Lang, reason: &Reason) -> String {
    let n = |n: u64| Some(thousands(n));
    words::fill(words::text(lang, "errors", reason.id()), &|key| match (reason, key) {
        (Reason::NotACapture { magic }, "magic") => {
            Some(magic.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(" "))
        }
        (Reason::Io { message }, "message") => Some(message.clone()),
        (Reason::NoSuchBundled { name, .. }, "name") => Some(name.clone()),
        (Reason::NoSuchBundled { nearest, .. }, "nearest") => Some(
            nearest
                .iter()
                .map(|name| format!("@{name}"))
                .collect::<Vec<_>>()
                .join(super::say::word(lang, "word.comma")),
        ),
        (Reason::Version { major, .. }, "major") => Some(major.to_string()),
        (Reason::Version { minor, .. }, "minor") => Some(minor.to_string()),
        (Reason::Cut { need, .. }, "need") => n(*need),
        (Reason::Cut { have, .. }, "have") => n(*have),
        (
            Reason::BlockLength { length }
            | Reason::BlockTrailer { length, .. }
            | Reason::RecordLength { length, .. },
            "length",
        ) => n(*length),
        (Reason::BlockTrailer { trailer, .. }, "trailer") => n(*trailer),
        (Reason::RecordLength { limit, .. }, "limit") => n(*limit),
        (Reason::PacketLength { captured, .. }, "captured") => n(*captured),
        (Reason::PacketLength { room, .. }, "room") => n(*room),
        (Reason::NoSuchInterface { interface, .. }, "interface") => Some(interface.to_string()),
        (Reason::NoSuchInterface { known, .. }, "known") => Some(known.to_string()),
        (Reason::Malformed { detail } | Reason::Compression { detail }, "detail") => Some(detail.clone()),
        _ => None,
    })
}

/// A file that cannot be read at all.
pub fn unreadable(lang: Lang, damage: &Damage) -> String {
    let id = match damage.reason {
        // Nothing was opened: there is no byte to point at.
        Reason::Io { .. } | Reason::Directory if damage.offset == 0 => "line-file",
        Reason::NoSuchBundled { .. } => "line-plain",
        _ => "line-unread",
    };
    told(lang, id, damage)
}

/// A file that ends before it should.
pub fn damaged(lang: Lang, damage: &Damage) -> String {
    told(lang, "line", damage)
}

/// A mistake that has to do with no file: a text of docs/words/errors.toml, filled.
pub fn plain(lang: Lang, id: &'static str, values: &[(&str, &str)]) -> String {
    let reason = words::fill(words::text(lang, "errors", id), &|key| {
        values.iter().find(|(k, _)| *k == key).map(|(_, value)| (*value).to_owned())
    });
    once(words::fill(words::text(lang, "errors", "line-plain"), &|key| {
        (key == "reason").then(|| reason.clone())
    }))
}

/// A reason may be a question, and the sentence around it end with a full stop.
fn once(line: String) -> String {
    line.replace("?.", "?").replace("？。", "？")
}

fn told(lang: Lang, id: &'static str, damage: &Damage) -> String {
    once(words::fill(words::text(lang, "errors", id), &|key| match key {
        "file" => Some(damage.file.clone()),
        "offset" => Some(damage.offset.to_string()),
        "frame" => Some(damage.frame.to_string()),
        "read" => Some(thousands(damage.frame.saturating_sub(1))),
        "reason" => Some(reason(lang, &damage.reason)),
        _ => None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_is_told_in_one_line() {
        let reason = Reason::Cut { need: 65_535, have: 212 };
        let damage = Damage { file: "trace.pcap".into(), offset: 1_048_532, frame: 812, reason };
        assert_eq!(
            damaged(Lang::En, &damage),
            "pcaplain: trace.pcap: frame 812 at byte 1048532: the record says 65,535 bytes, the file has 212 left. \
             811 frames before it were read."
        );
    }

    #[test]
    fn every_reason_has_words_in_both_languages() {
        let text = || "x".to_owned();
        let reasons = [
            Reason::Empty,
            Reason::NotACapture { magic: vec![0x7f, b'E'] },
            Reason::Io { message: text() },
            Reason::Directory,
            Reason::NoSuchBundled { name: text(), nearest: vec![] },
            Reason::NoSuchBundled { name: text(), nearest: vec![text(), text()] },
            Reason::Version { major: 9, minor: 1 },
            Reason::Cut { need: 2, have: 1 },
            Reason::BlockLength { length: 3 },
            Reason::BlockTrailer { length: 3, trailer: 4 },
            Reason::PacketLength { captured: 5, room: 4 },
            Reason::RecordLength { length: 6, limit: 5 },
            Reason::NoSuchInterface { interface: 1, known: 1 },
            Reason::Malformed { detail: text() },
            Reason::Compression { detail: text() },
        ];
        for reason in reasons {
            let damage = Damage { file: "f".into(), offset: 9, frame: 2, reason };
            for lang in [Lang::En, Lang::Zh] {
                for line in [unreadable(lang, &damage), damaged(lang, &damage)] {
                    assert!(!line.contains(['{', '}', '\n']), "{line}");
                }
            }
        }
    }
}
