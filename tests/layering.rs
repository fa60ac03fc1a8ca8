//! The house rules that a program can check: who may import from whom, where a library may appear, and the form
//! of a source file. The two tables below are the architecture; docs/architecture.md explains them.
//!
//! Test code is free: what stands behind `#[cfg(test)]` or in a folder `tests` may look wherever it needs to.

use std::fs;
use std::path::{Path, PathBuf};

/// A room and what it may import. `a` is all of room `a`, `a::B` one item of it, `!a::B` all but that item.
/// Rooms stand in the order in which data flows; nobody imports from a room below its own.
#[rustfmt::skip]
const ROOMS: &[(&str, &str)] = &[
    ("words",    ""),                                            // texts: knows no packet
    ("wire",     ""),                                            // the one reader of bytes
    ("capture",  ""),                                            // frames: knows no protocol
    ("protocol", "wire"),                                        // a protocol never names its neighbour (SIBLINGS)
    ("decode",   "wire protocol capture::Frame"),
    ("flow",     "wire protocol decode capture::Frame !decode::build"),
    // Checks of claims read the fast lane's headers, so that a packet nobody looks at needs no tree.
    ("notes",    "words wire protocol::Protocol protocol::ethernet decode::Packet decode::Header flow capture::Frame !flow::Tracker"),
    ("session",  "words wire capture protocol decode flow notes"),
    // Binds texts to what sessions see: takes packets apart, follows nobody.
    ("lesson",   "words wire capture protocol decode flow notes session !capture::open !capture::open_all !flow::Tracker"),
    // Views look, they do not work: nothing is opened, decoded or followed there.
    ("view",     "words wire capture protocol decode flow notes lesson \
                  !capture::open !capture::open_all !capture::Source !decode::decode !decode::build !flow::Tracker"),
    ("render",   "view words::Lang"),
    // On top: its sinks are told in the words of the rooms below. What it never does is take packets apart.
    ("cli",      "words wire::Value capture flow notes lesson view render session !flow::Tracker"),
];

/// Imports that break the rule of their room today. Nothing is to be added; what is gone must leave this list.
#[rustfmt::skip]
const OWED: &[(&str, &str)] = &[];

/// The protocols that may name another one, because it is a part of their own header.
#[rustfmt::skip]
const SIBLINGS: &[(&str, &str)] = &[
    ("vlan", "ethernet"),  // the same two bytes that are a type or a length
    ("pbb", "ethernet"),
    ("ipv4", "ah"),        // extension headers belong to the IP layer
    ("ipv6", "ah"),
    ("nbns", "dns"),       // names have the form of DNS's, pointers and all (RFC 1002 section 4.1)
    ("tls", "x509"),       // certificates are a part of its messages
    ("head", "sdp"),       // the body that SIP and RTSP have in common
    ("ssdp", "http"),      // its datagrams are heads of HTTP (UPnP Device Architecture 2.0 section 1.1.3)
];

/// Libraries that stay in the rooms named, so that they can be replaced there.
#[rustfmt::skip]
const LIBRARIES: &[(&str, &str)] = &[
    ("pcap_file",       "capture"),
    ("byteorder_slice", "capture"),
    ("flate2",          "capture protocol flow"), // files, the table of vendors, what streams carry compressed
    ("ruzstd",          "capture flow"),
    ("brotli_decompressor", "flow"),
    ("encoding_rs",     "protocol"),
    ("pnet",            "capture"),
    ("aes",             "flow"),
    ("aes_gcm",         "flow"),
    ("cbc",             "flow"),
    ("chacha20poly1305", "flow"),
    ("hkdf",            "flow"),
    ("hmac",            "flow"),
    ("sha1",            "flow"),
    ("sha2",            "flow protocol"),              // JA4
    ("md5",             "flow protocol"),              // JA3
    ("etherparse",      "protocol decode flow notes"), // its slices are decode's headers
    ("toml",            "words notes lesson"),
    ("jiff",            "view"),
    ("comfy_table",     "render"),
    ("serde_json",      "render"),
    ("anstyle",         "render cli"),
    ("anstream",        "cli"),
    ("clap",            "cli"),
];

const MAX_LINES: usize = 700;
/// The one place where unsafe code may stand: socket options of live capture.
const MAY_BE_UNSAFE: &str = "src/capture/live";
/// Files that are known not to keep a rule of form yet. A file that keeps all of them must leave this list.
const NOT_YET: &[&str] = &[];

/// A source file, without comments and without its tests.
struct Source {
    /// From the package's root, with `/`.
    name: String,
    text: String,
    code: String,
}

impl Source {
    /// The modules it is in: `src/flow/tcp/state.rs` is `flow`, `tcp`, `state`.
    fn modules(&self) -> Vec<&str> {
        let path = self.name.trim_start_matches("src/").trim_end_matches(".rs");
        path.split('/').filter(|part| !matches!(*part, "mod" | "lib" | "main")).collect()
    }

    fn line_of(&self, at: usize) -> String {
        let number = self.code[..at].matches('\n').count();
        format!("{}:{}: {}", self.name, number + 1, self.code.lines().nth(number).unwrap_or("").trim())
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => walk(&path, found),
            false => found.push(path),
        }
    }
}

fn sources() -> Vec<Source> {
    let mut paths = Vec::new();
    walk(&root().join("src"), &mut paths);
    paths.retain(|p| p.extension().is_some_and(|e| e == "rs"));
    paths.sort();
    let read = |path: &PathBuf| {
        let name = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
        let text = fs::read_to_string(path).unwrap();
        let is_test = name.contains("/tests/") || name.ends_with("/tests.rs");
        let code = if is_test { String::new() } else { without_comments_and_tests(&text) };
        Source { name, text, code }
    };
    let sources: Vec<Source> = paths.iter().map(read).collect();
    assert!(sources.len() > 20, "the sources were not found");
    sources
}

/// Keeps line numbers. A `//` within a string cuts that line short, which no rule here minds.
fn without_comments_and_tests(text: &str) -> String {
    let mut code = String::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        // By this house's habit the tests are the end of a file; a lone `mod tests;` is one line of it.
        if line == "#[cfg(test)]" && lines.peek().is_some_and(|next| next.ends_with('{')) {
            break;
        }
        code.push_str(line.split("//").next().unwrap_or(""));
        code.push('\n');
    }
    code
}

/// All paths after `crate::`, and after as many `super::` as lead to the crate's root: where, and up to two names.
fn paths(source: &Source) -> Vec<(usize, Vec<String>)> {
    let mut found = Vec::new();
    for (at, _) in source.code.match_indices("crate::") {
        expand(&source.code[at + "crate::".len()..], &[], at, &mut found);
    }
    let depth = source.modules().len();
    let climb = "super::".repeat(depth);
    for (at, _) in source.code.match_indices(&climb).filter(|_| depth > 0) {
        expand(&source.code[at + climb.len()..], &[], at, &mut found);
    }
    found
}

/// Reads the use tree at the beginning of `text`. Returns how much of it was read.
fn expand(text: &str, above: &[String], at: usize, found: &mut Vec<(usize, Vec<String>)>) -> usize {
    let trimmed = text.trim_start();
    let skipped = text.len() - trimmed.len();
    if let Some(inside) = trimmed.strip_prefix('{') {
        let mut read = 0;
        loop {
            read += expand(&inside[read..], above, at, found);
            let rest = inside[read..].trim_start();
            read = inside.len() - rest.len();
            match rest.chars().next() {
                Some(',') => read += 1,
                Some('}') => return skipped + 1 + read + 1,
                _ => return skipped + 1 + read, // not a list after all
            }
        }
    }
    let end = trimmed.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(trimmed.len());
    let (name, rest) = trimmed.split_at(end);
    let mut path = above.to_vec();
    if !name.is_empty() && name != "self" {
        path.push(name.to_owned());
    }
    if let Some(below) = rest.strip_prefix("::")
        && path.len() < 2
    {
        return skipped + end + 2 + expand(below, &path, at, found);
    }
    if !path.is_empty() {
        found.push((at, path));
    }
    // What is deeper than two names, and `as other`, is passed over.
    let mut depth = 0usize;
    for (offset, c) in rest.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' | ';' if depth == 0 => return skipped + end + offset,
            _ => {}
        }
    }
    text.len()
}

/// Whether `allowed` (a cell of [`ROOMS`]) has this path.
fn may(allowed: &str, path: &[String]) -> bool {
    let item = path.join("::");
    let mut words = allowed.split_whitespace();
    let is = |word: &str| word == path[0] || word == item;
    !allowed.split_whitespace().any(|word| word.strip_prefix('!') == Some(item.as_str())) && words.any(is)
}

#[test]
fn a_room_imports_from_its_left_only() {
    let known = |room: &str| ROOMS.iter().find(|(name, _)| *name == room);
    let (mut wrong, mut owed) = (Vec::new(), Vec::new());
    for source in &sources() {
        let modules = source.modules();
        let Some(room) = modules.first() else { continue }; // lib.rs and main.rs hold rooms, they are none
        let Some((_, allowed)) = known(room) else {
            wrong.push(format!("{}: the room `{room}` is not in the table", source.name));
            continue;
        };
        for (at, path) in paths(source) {
            if path[0] == *room || known(&path[0]).is_none() || may(allowed, &path) {
                continue;
            }
            let item = path.join("::");
            if OWED.iter().any(|(r, items)| r == room && items.split_whitespace().any(|i| i == item)) {
                owed.push((room.to_string(), item));
            } else {
                wrong.push(format!("{}\n    `{room}` may not use {item}", source.line_of(at)));
            }
        }
    }
    for (room, items) in OWED {
        for item in items.split_whitespace() {
            let used = owed.iter().any(|(r, i)| r == room && i == item);
            assert!(used, "`{room}` uses {item} no more: take it off the list of what is owed");
        }
    }
    assert!(wrong.is_empty(), "{} imports against the flow of data:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_table_itself_points_to_the_left() {
    for (i, (room, allowed)) in ROOMS.iter().enumerate() {
        for word in allowed.split_whitespace() {
            let other = word.trim_start_matches('!').split("::").next().unwrap();
            assert!(ROOMS[..i].iter().any(|(name, _)| *name == other), "{room} uses {word}");
        }
    }
}

#[test]
fn a_protocol_does_not_name_its_neighbours() {
    let sources = sources();
    let protocols: Vec<&str> = sources
        .iter()
        .filter(|s| s.name.starts_with("src/protocol/"))
        .filter_map(|s| s.modules().get(1).copied())
        .collect();
    let mut wrong = Vec::new();
    for source in &sources {
        let modules = source.modules();
        let ["protocol", own, ..] = modules[..] else { continue };
        if own == "unit" {
            continue; // a table, as `mod.rs`: which protocol names the bytes of a stream's unit
        }
        // From a file of a protocol's own folder the room is one step further up.
        let climb = "super::".repeat(modules.len() - 1);
        let mut named = Vec::new();
        for (at, _) in source.code.match_indices(&climb) {
            expand(&source.code[at + climb.len()..], &[], at, &mut named);
        }
        for (at, _) in source.code.match_indices("crate::protocol::") {
            expand(&source.code[at + "crate::protocol::".len()..], &[], at, &mut named);
        }
        for (at, path) in named {
            let other = path[0].as_str();
            let helper = matches!(other, "ports" | "vendors" | "checksum" | "lines" | "head"); // tables, sums, words
            let agreed = SIBLINGS.contains(&(own, other));
            if protocols.contains(&other) && other != own && !helper && !agreed {
                wrong.push(format!(
                    "{}\n    `{own}` may not name `{other}`: it hands out a Key",
                    source.line_of(at)
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn libraries_stay_in_their_rooms() {
    let mut wrong = Vec::new();
    for source in &sources() {
        let modules = source.modules();
        let room = modules.first().copied().unwrap_or("the root");
        for (library, rooms) in LIBRARIES {
            let Some(at) = uses(&source.code, library) else { continue };
            if !rooms.split_whitespace().any(|r| r == room) {
                wrong.push(format!("{}\n    {library} belongs to: {rooms}", source.line_of(at)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Where a crate's name stands as the first part of a path.
fn uses(code: &str, library: &str) -> Option<usize> {
    let path = format!("{library}::");
    let starts = |at: usize| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':');
    code.match_indices(&path).map(|(at, _)| at).find(|at| starts(*at))
}

#[test]
fn every_file_says_what_it_is_and_stays_readable() {
    let mut wrong = Vec::new();
    let mut kept: Vec<&str> = NOT_YET.to_vec();
    for source in &sources() {
        let mut faults = Vec::new();
        if !source.text.starts_with("//!") {
            faults.push(
                "does not begin with `//!`: what it is, by which specification, what it leaves out".into(),
            );
        }
        let lines = source.text.lines().count();
        if lines > MAX_LINES {
            faults.push(format!("has {lines} lines, more than {MAX_LINES}: split it by idea"));
        }
        for word in ["todo!", "unimplemented!", "TODO", "FIXME", "XXX"] {
            if source.text.contains(word) {
                faults.push(format!("says {word}"));
            }
        }
        if !source.name.starts_with(MAY_BE_UNSAFE) && has_word(&source.code, "unsafe") {
            faults.push("has unsafe code".into());
        }
        let excused = NOT_YET.contains(&source.name.as_str());
        if excused && !faults.is_empty() {
            kept.retain(|name| *name != source.name);
        } else {
            wrong.extend(faults.into_iter().map(|fault| format!("{} {fault}", source.name)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(kept.is_empty(), "these keep every rule now; take them off the list: {kept:?}");
}

fn has_word(code: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word)
        .any(|(at, _)| !code[..at].ends_with(is_part) && !code[at + word.len()..].starts_with(is_part))
}

/// The reader of imports is itself tried on what it must find.
#[test]
fn imports_are_read_as_rust_reads_them() {
    let read = |name: &str, code: &str| {
        let source =
            Source { name: name.into(), text: String::new(), code: without_comments_and_tests(code) };
        paths(&source).into_iter().map(|(_, path)| path.join("::")).collect::<Vec<_>>()
    };
    assert_eq!(
        read("src/view/a.rs", "use crate::flow::{self, tcp::state::State, Kind as K};\n"),
        ["flow", "flow::tcp", "flow::Kind"]
    );
    assert_eq!(
        read("src/view/a.rs", "use crate::{\n    flow::Kind,\n    wire,\n};\n"),
        ["flow::Kind", "wire"]
    );
    assert_eq!(read("src/view/a.rs", "fn f(k: crate::flow::Kind) {} // crate::cli\n"), ["flow::Kind"]);
    assert_eq!(
        read("src/view/a.rs", "use super::super::render::text;\nuse super::ends;\n"),
        ["render::text"]
    );
    assert_eq!(read("src/session.rs", "use super::cli::run;\n"), ["cli::run"]);
    assert!(read("src/a.rs", "#[cfg(test)]\nmod tests {\n    use crate::cli;\n}\n").is_empty());
    assert_eq!(read("src/a.rs", "#[cfg(test)]\nmod tests;\nuse crate::wire;\n"), ["wire"]);
    assert!(may("capture !capture::open", &["capture".into(), "Frame".into()]));
    assert!(!may("capture !capture::open", &["capture".into(), "open".into()]));
    assert!(!may("capture::Frame", &["capture".into(), "open".into()]));
}
