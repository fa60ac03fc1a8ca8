//! A report over foreign captures: which checks never fire there, which claims are always decided, and which without the protocol that they
//! are about. Read by people; fails on the last, and on a panic. `PCAPLAIN_CORPUS=FOLDER cargo test --test ledger corpus -- --nocapture`; with `PCAPLAIN_SENTENCES=N` also N sentences of each
//! status, in both languages, to be held against the packets.

use std::collections::{BTreeSet, HashSet};
use std::hash::BuildHasher;
use std::path::{Path, PathBuf};

use foldhash::fast::FixedState;
use pcaplain::capture::{self, Source};
use pcaplain::flow::{Outcome, Tracker};
use pcaplain::notes::expression::Kind;
use pcaplain::notes::{Checker, Claim, ClaimResult, Moment, Status, ledger, vocabulary};
use pcaplain::wire::{NodeKind, Tree, Value};
use pcaplain::words::Lang;

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    let Ok(entries) = folder.read_dir() else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() { files(&path, into) } else { into.push(path) }
    }
}

/// What a capture must have, one of these, for a topic's claims to be decided. (What notes say of the layers and of devices is about any.)
const ABOUT: [(&str, &[&str]); 20] = [
    ("arp", &["arp"]),
    ("dhcp", &["dhcp"]),
    ("dns", &["dns", "mdns"]),
    ("http", &["http", "http2", "tls"]),
    ("http-web", &["http", "http2", "tls"]),
    ("icmp", &["icmp", "icmpv6", "vrrp"]),
    ("rpc", &["http", "http2"]),
    ("ssh", &["ssh", "rsync", "telnet"]),
    ("tcp-handshake", &["tcp"]),
    ("tcp-reliability", &["tcp", "quic", "udp"]),
    ("tcp-state", &["tcp"]),
    ("tcp-stream", &["tcp", "udp"]),
    ("tcp-teardown", &["tcp"]),
    ("tcp-time-wait", &["tcp"]),
    ("tls", &["tls", "http"]),
    ("udp", &["udp", "icmp", "icmpv6", "ip"]),
    ("ethernet", &["eth"]),
    ("ip", &["ip", "ipv6", "arp"]),
    ("ports", &["tcp", "udp", "ip", "ipv6"]),
    ("load-balancing", &["tcp", "udp", "vrrp"]),
];

/// Claims that are decided although the capture has nothing of what they are about.
fn strangers(found: &[ClaimResult], layers: &BTreeSet<&str>) -> Vec<String> {
    let lacks = |claim: &Claim| {
        let about = ABOUT.iter().find(|(topic, _)| *topic == claim.topic_name());
        about.is_some_and(|(_, protocols)| !protocols.iter().any(|protocol| layers.contains(protocol)))
    };
    let decided = |r: &&ClaimResult| r.shown_count + r.contradicted_count > 0;
    found.iter().filter(decided).filter(|r| lacks(r.claim)).map(|r| r.claim.id.clone()).collect()
}

/// Reads one capture as far as it goes; the statuses, the protocols it has, and names of fields that the vocabulary does not have.
fn read(name: &str, unknown: &mut BTreeSet<String>) -> Option<(Vec<ClaimResult>, BTreeSet<&'static str>)> {
    let mut layers = BTreeSet::new();
    let mut source = capture::open(name).ok()?;
    let (mut tracker, mut checker) = (Tracker::default(), Checker::default());
    let mut outcome = Outcome { wants_context: true, ..Outcome::default() };
    let (mut tree, mut findings) = (Tree::default(), Vec::new());
    let names = vocabulary::filters();
    while let Ok(Some(frame)) = source.next() {
        let packet = pcaplain::decode::decode(&frame);
        tracker.process(&frame, &packet, &mut outcome);
        checker.wants(&frame, &packet, &outcome);
        pcaplain::decode::build(&frame, &packet, &outcome.context, &mut tree);
        for node in &tree.nodes {
            if matches!(node.kind, NodeKind::Layer | NodeKind::Group) {
                layers.insert(node.field.name);
            }
            let kind = (names.kind_of)(node.field.name);
            if kind.is_none_or(|kind| !fits(kind, node.kind, &node.value)) {
                unknown.insert(format!("{}\t{kind:?}\t{:?}", node.field.name, node.value));
            }
        }
        let flow = outcome.flow.and_then(|id| tracker.snapshot(id));
        let moment = Moment {
            frame: &frame,
            packet: &packet,
            outcome: &outcome,
            tree: Some(&tree),
            flow: flow.as_ref(),
        };
        findings.clear();
        checker.packet(&moment, &mut findings);
    }
    tracker.finish(&mut outcome);
    checker.end(&outcome, &mut findings);
    Some((checker.results(), layers))
}

fn fits(kind: Kind, node: NodeKind, value: &Value) -> bool {
    match (kind, value) {
        (Kind::Any, _) | (Kind::Flag, Value::Flag(_)) | (Kind::Mac, Value::Mac(_)) => true,
        (Kind::Number, Value::Uint(_) | Value::Int(_)) => true,
        (Kind::Ipv4, Value::Ipv4(_)) | (Kind::Ipv6, Value::Ipv6(_)) | (Kind::Text, Value::Text(_)) => true,
        (Kind::Protocol, _) => matches!(node, NodeKind::Layer | NodeKind::Group),
        (Kind::Bytes, Value::Bytes) => true,
        _ => false,
    }
}

#[test]
fn fields_of_bundled_captures_are_in_the_vocabulary() {
    let mut unknown = BTreeSet::new();
    for capture in capture::bundled::BUNDLED {
        read(&format!("@{}", capture.name), &mut unknown);
    }
    let rows: Vec<_> = unknown.into_iter().collect();
    assert!(rows.is_empty(), "to be added to src/notes/fields.tsv:\n{}", rows.join("\n"));
}

#[test]
fn claims_keep_to_what_they_are_about() {
    let mut unknown = BTreeSet::new();
    for capture in capture::bundled::BUNDLED {
        let name = format!("@{}", capture.name);
        let (found, layers) = read(&name, &mut unknown).expect("a bundled capture");
        let strange = strangers(&found, &layers);
        assert!(strange.is_empty(), "{name} has {layers:?}, but decides {strange:?}");
    }
}

#[test]
fn corpus() {
    let Some(folder) = std::env::var_os("PCAPLAIN_CORPUS") else {
        println!("PCAPLAIN_CORPUS is unset: no report");
        return;
    };
    let mut paths = Vec::new();
    files(Path::new(&folder), &mut paths);
    paths.sort();
    let mut unknown = BTreeSet::new();
    let mut totals = vec![(0u32, 0u32); ledger::all().len()];
    let mut fired = HashSet::new();
    let mut strange = Vec::new();
    let mut read_files = 0;
    let mut sentences: Vec<(u64, Status, String)> = Vec::new();
    for path in &paths {
        let Some((found, layers)) = read(&path.to_string_lossy(), &mut unknown) else { continue };
        read_files += 1;
        let of = |id: String| format!("{}: {id}, without what it is about", path.display());
        strange.extend(strangers(&found, &layers).into_iter().map(of));
        for (total, result) in totals.iter_mut().zip(&found) {
            total.0 += u32::from(result.shown_count > 0);
            total.1 += u32::from(result.contradicted_count > 0);
            for (at, evidence) in result.evidence.iter().enumerate() {
                fired.insert((std::ptr::from_ref(evidence.check), evidence.status));
                let [english, chinese] = [Lang::En, Lang::Zh].map(|lang| super::sentence(lang, result, at));
                let text = format!("{}  {}\n    {english}\n    {chinese}", path.display(), result.claim.id);
                sentences.push((FixedState::default().hash_one(&text), evidence.status, text));
            }
        }
    }
    println!(
        "{read_files} captures; in how many each claim is {}, {}",
        Status::Shown.name(),
        Status::Contradicted.name()
    );
    for (claim, (shown, contradicted)) in
        ledger::all().iter().zip(&totals).filter(|(c, _)| !c.checks.is_empty())
    {
        let remark = match shown + contradicted {
            0 => "never",
            n if n >= read_files => "always",
            _ => "",
        };
        println!("{shown:5} {contradicted:5}  {} {remark}", claim.id);
    }
    println!("checks that never fire there:");
    for (claim, check) in ledger::all().iter().flat_map(|c| c.checks.iter().map(move |k| (c, k))) {
        let silent = |status, is_there| is_there && !fired.contains(&(std::ptr::from_ref(check), status));
        for (key, expression, status) in [
            ("shows", &check.shows, Status::Shown),
            ("contradicts", &check.contradicts, Status::Contradicted),
        ] {
            if silent(status, expression.is_some()) {
                println!("  {} on {}: {key}", claim.id, check.on.name());
            }
        }
    }
    let wanted = std::env::var("PCAPLAIN_SENTENCES").ok().and_then(|n| n.parse().ok()).unwrap_or(0);
    sentences.sort_by_key(|(order, ..)| *order);
    for status in [Status::Contradicted, Status::Shown] {
        for (.., text) in sentences.iter().filter(|(_, s, _)| *s == status).take(wanted) {
            println!("{text}");
        }
    }
    println!("fields that the vocabulary does not have, or of another kind:");
    unknown.iter().for_each(|row| println!("  {row}"));
    assert!(strange.is_empty(), "{}", strange.join("\n"));
}
