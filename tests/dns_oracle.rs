//! DNS held against hickory-proto: of each message that it accepts, ours reads the same header, questions and records.
//!
//! Over the bundled captures and, where PCAPLAIN_CORPUS names a folder, over those.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use hickory_proto::op::{Message, MessageType};
use hickory_proto::rr::{Name, RData, Record};
use pcaplain::capture::{self, Source};
use pcaplain::decode;
use pcaplain::protocol::{Protocol, dns};
use pcaplain::wire::{Cursor, NodeKind, Tree, Value};

/// A record as both sides can tell it: name in lower case, type, TTL, address.
type Told = (String, u16, u32, Option<IpAddr>);

#[derive(Default)]
struct Tally {
    accepted: usize,
    refused: usize,
    records: usize,
    wrong: Vec<String>,
}

fn name(name: &Name) -> String {
    let labels: Vec<_> = name.iter().map(|l| String::from_utf8_lossy(l).into_owned()).collect();
    if labels.is_empty() { "<root>".to_owned() } else { labels.join(".").to_lowercase() }
}

fn theirs(record: &Record) -> Told {
    let address = match &record.data {
        RData::A(a) => Some(IpAddr::V4(a.0)),
        RData::AAAA(a) => Some(IpAddr::V6(a.0)),
        _ => None,
    };
    (name(&record.name), record.record_type().into(), record.ttl, address)
}

/// Our records, from the tree; EDNS apart, as hickory has it.
fn ours(tree: &Tree) -> (Vec<(String, u16)>, Vec<Told>) {
    let (mut questions, mut records): (Vec<(String, u16)>, Vec<Told>) = (Vec::new(), Vec::new());
    for node in tree.nodes.iter().filter(|n| n.kind == NodeKind::Leaf) {
        match (node.field.name, &node.value) {
            ("dns.qry.name", Value::Text(text)) => questions.push((text.to_lowercase(), 0)),
            ("dns.qry.type", Value::Uint(n)) => questions.last_mut().unwrap().1 = *n as u16,
            ("dns.resp.name", Value::Text(text)) => records.push((text.to_lowercase(), 0, 0, None)),
            ("dns.resp.type", Value::Uint(n)) => records.last_mut().unwrap().1 = *n as u16,
            ("dns.resp.ttl", Value::Uint(n)) => records.last_mut().unwrap().2 = *n as u32,
            ("dns.a", Value::Ipv4(a)) => records.last_mut().unwrap().3 = Some(IpAddr::from(*a)),
            ("dns.aaaa", Value::Ipv6(a)) => records.last_mut().unwrap().3 = Some(IpAddr::from(*a)),
            _ => {}
        }
    }
    records.retain(|r| r.1 != 41);
    (questions, records)
}

fn compare(what: &str, bytes: &[u8], protocol: Protocol, tally: &mut Tally) {
    let Ok(message) = Message::from_vec(bytes) else {
        tally.refused += 1;
        return;
    };
    let dialect = match protocol {
        Protocol::Mdns => dns::Dialect::Multicast,
        Protocol::Llmnr => dns::Dialect::Llmnr,
        _ => dns::Dialect::Unicast,
    };
    let mut tree = Tree::default();
    let (said, trouble) = dns::read_as(&mut Cursor::new(bytes, 0, bytes.len(), &mut tree), dialect);
    tally.accepted += 1;
    let head = (
        message.metadata.id,
        message.metadata.message_type == MessageType::Response,
        u8::from(message.metadata.op_code),
        message.metadata.truncation,
    );
    if head != (said.id, said.response, said.opcode, said.truncated) {
        tally.wrong.push(format!("{what}: header {head:?}, ours {said:?}"));
    }
    let (questions, records) = ours(&tree);
    let asked: Vec<_> = message.queries.iter().map(|q| (name(q.name()), u16::from(q.query_type()))).collect();
    if asked != questions {
        tally.wrong.push(format!("{what}: questions {asked:?}, ours {questions:?}"));
    }
    let all = [&message.answers, &message.authorities, &message.additionals];
    let mut told: Vec<Told> = all.into_iter().flatten().map(theirs).collect();
    told.retain(|r| r.1 != 41);
    // hickory keeps signatures of the message apart.
    let same = told.len() <= records.len()
        && told.iter().zip(records.iter()).all(|(theirs, ours)| {
            // Names that do not print are escaped by us.
            theirs == ours
                || (ours.0.contains('\\') && (theirs.1, theirs.2, theirs.3) == (ours.1, ours.2, ours.3))
        })
        && records[told.len()..].iter().all(|r| matches!(r.1, 24 | 250));
    tally.records += told.len();
    if !same {
        tally.wrong.push(format!("{what}: records {told:?}, ours {records:?} ({trouble:?})"));
    }
}

fn capture_of(file: &str, tally: &mut BTreeMap<&'static str, Tally>) {
    let Ok(mut source) = capture::open(file) else { return };
    while let Ok(Some(frame)) = source.next() {
        let packet = decode::decode(&frame);
        for layer in &packet.layers {
            if matches!(layer.protocol, Protocol::Dns | Protocol::Mdns | Protocol::Llmnr) {
                let tally = tally.entry(layer.protocol.field().name).or_default();
                let what = format!("{file} #{}", frame.number);
                compare(&what, &frame.bytes[layer.start..layer.end], layer.protocol, tally);
            }
        }
    }
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

#[test]
fn what_hickory_accepts_reads_the_same() {
    let mut tally = BTreeMap::new();
    for bundled in capture::bundled::BUNDLED {
        capture_of(&format!("@{}", bundled.name), &mut tally);
    }
    assert!(tally.values().any(|t| t.accepted > 0), "no DNS in the bundled captures");
    match std::env::var_os("PCAPLAIN_CORPUS") {
        Some(folder) => {
            let mut found = Vec::new();
            files(Path::new(&folder), &mut found);
            found.iter().for_each(|path| capture_of(&path.to_string_lossy(), &mut tally));
        }
        None => eprintln!("PCAPLAIN_CORPUS is not set: only the bundled captures were looked at"),
    }
    for (protocol, t) in &tally {
        eprintln!(
            "{protocol}: {} messages accepted, {} refused, {} records, {} differ",
            t.accepted,
            t.refused,
            t.records,
            t.wrong.len()
        );
    }
    let wrong: Vec<_> = tally.values().flat_map(|t| &t.wrong).collect();
    assert!(wrong.is_empty(), "{} differ:\n{:#?}", wrong.len(), &wrong[..wrong.len().min(20)]);
}
