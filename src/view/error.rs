//! What is said when a capture cannot be read, or not to its end.

use super::say::thousands;
use crate::capture::{Damage, Reason};
use crate::words::{self, Lang};

/// Why, in one clause.
pub fn reason(lang: Lang, reason: &Reason) -> String {
    let id = match reason {
        Reason::Empty => "error.empty",
        Reason::NotACapture { .. } => "error.not-a-capture",
        Reason::Io { .. } => "error.io",
        Reason::Directory => "error.directory",
        Reason::NoSuchBundled { nearest, .. } if nearest.is_empty() => "error.no-such-bundled",
        Reason::NoSuchBundled { .. } => "error.no-such-bundled-nearest",
        Reason::Version { .. } => "error.version",
        Reason::Cut { .. } => "error.cut",
        Reason::BlockLength { .. } => "error.block-length",
        Reason::BlockTrailer { .. } => "error.block-trailer",
        Reason::PacketLength { .. } => "error.packet-length",
        Reason::RecordLength { .. } => "error.record-length",
        Reason::NoSuchInterface { .. } => "error.no-such-interface",
        Reason::Malformed { .. } => "error.malformed",
        Reason::Compression { .. } => "error.compression",
    };
    let n = |n: u64| Some(thousands(n));
    words::fill(words::text(lang, "errors", id), &|key| match (reason, key) {
        (Reason::NotACapture { magic }, "magic") => {
            Some(magic.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(" "))
        }
        (Reason::Io { message }, "message") => Some(message.clone()),
        (Reason::NoSuchBundled { name, .. }, "name") => Some(name.clone()),
        (Reason::NoSuchBundled { nearest, .. }, "nearest") => {
            Some(nearest.iter().map(|name| format!("@{name}")).collect::<Vec<_>>().join(", "))
        }
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
    told(lang, "error.unreadable", damage)
}

/// A file that ends before it should.
pub fn damaged(lang: Lang, damage: &Damage) -> String {
    told(lang, "error.damaged", damage)
}

fn told(lang: Lang, id: &'static str, damage: &Damage) -> String {
    words::fill(words::text(lang, "errors", id), &|key| match key {
        "file" => Some(damage.file.clone()),
        "offset" => Some(damage.offset.to_string()),
        "frame" => Some(damage.frame.to_string()),
        "before" => Some(thousands(damage.frame.saturating_sub(1))),
        "reason" => Some(reason(lang, &damage.reason)),
        _ => None,
    })
}
