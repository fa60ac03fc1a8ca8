//! The judge of TCP states is the kernel: every bundled TCP recording carries the kernel's own account of its
//! sockets (tracepoint sock:inet_sock_set_state), and each socket's sequence of states must be ours.
//!
//! Known of that account: TIME-WAIT is not a socket state there, FIN_WAIT2 (or CLOSING) -> CLOSE is its beginning;
//! a socket that listens is named LISTEN until the third segment makes a connection of it.
//!
//! A few captures show only part of each connection (index.json: `whole` false): one direction, or from the middle. There
//! the states that are told must be the kernel's, in its order, and some may be missing.
//!
//! `KERNEL=NAME cargo test --test kernel` looks at one recording alone.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pcaplain::capture::{self, Source};
use pcaplain::flow::{Endpoint, Outcome, State, Tracker};

type Socket = (String, u16, String, u16);

/// RFC 9293's names in the kernel's spelling; TIME-WAIT is CLOSE there.
fn kernel_name(state: State) -> &'static str {
    match state {
        State::Unknown => "UNKNOWN",
        State::Closed | State::TimeWait => "CLOSE",
        State::Listen => "LISTEN",
        State::SynSent => "SYN_SENT",
        State::SynReceived => "SYN_RECV",
        State::Established => "ESTABLISHED",
        State::FinWait1 => "FIN_WAIT1",
        State::FinWait2 => "FIN_WAIT2",
        State::CloseWait => "CLOSE_WAIT",
        State::Closing => "CLOSING",
        State::LastAck => "LAST_ACK",
    }
}

/// Our sequences of states, by socket, in the order of connections.
fn ours(name: &str) -> BTreeMap<Socket, Vec<Vec<&'static str>>> {
    let file = captures().join(format!("{name}.pcapng"));
    let mut source = capture::open(file.to_str().unwrap()).expect("a bundled capture");
    let mut tracker = Tracker::default();
    let mut outcome = Outcome::default();
    let mut states: BTreeMap<(u64, Endpoint2), Vec<&'static str>> = BTreeMap::new();
    let mut records = Vec::new();
    let mut take = |outcome: &mut Outcome| {
        for change in outcome.states.iter().filter(|c| c.from != c.to) {
            let sequence = states.entry((change.flow, Endpoint2::of(change.endpoint))).or_default();
            if sequence.is_empty() {
                sequence.push(kernel_name(change.from));
            }
            assert_eq!(
                sequence.last(),
                Some(&kernel_name(change.from)),
                "{name}: a sequence without a break"
            );
            if sequence.last() != Some(&kernel_name(change.to)) {
                sequence.push(kernel_name(change.to));
            }
        }
        records.append(&mut outcome.ended);
    };
    while let Some(frame) = source.next().expect("an undamaged capture") {
        let packet = pcaplain::decode::decode(&frame);
        tracker.process(&frame, &packet, &mut outcome);
        take(&mut outcome);
    }
    tracker.finish(&mut outcome);
    take(&mut outcome);
    let mut sockets: BTreeMap<Socket, Vec<Vec<&'static str>>> = BTreeMap::new();
    records.sort_by_key(|r| r.id);
    for record in &records {
        let (c, s) = (&record.client, &record.server);
        for (endpoint, me, peer) in [(Endpoint2::Client, c, s), (Endpoint2::Server, s, c)] {
            if let (Some(sequence), Some(a), Some(b)) =
                (states.get(&(record.id, endpoint)), me.addr, peer.addr)
            {
                let socket = (a.to_string(), me.port.unwrap(), b.to_string(), peer.port.unwrap());
                sockets.entry(socket).or_default().push(sequence.clone());
            }
        }
    }
    sockets
}

/// `Endpoint` with an order, for the map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Endpoint2 {
    Client,
    Server,
}

impl Endpoint2 {
    fn of(e: Endpoint) -> Endpoint2 {
        match e {
            Endpoint::Client => Endpoint2::Client,
            Endpoint::Server => Endpoint2::Server,
        }
    }
}

/// The kernel's sequences, by socket, in order. Sockets that never left LISTEN or CLOSE are no connections.
fn kernels(path: &Path) -> BTreeMap<Socket, Vec<Vec<String>>> {
    let account: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let mut sockets: BTreeMap<Socket, Vec<Vec<String>>> = BTreeMap::new();
    for socket in account["sockets"].as_array().expect("sockets") {
        let text = |key: &str| socket[key].as_str().unwrap_or_default().to_owned();
        let port = |key: &str| socket[key].as_u64().unwrap_or_default() as u16;
        let states: Vec<String> =
            socket["states"].as_array().unwrap().iter().map(|s| s.as_str().unwrap().to_owned()).collect();
        // Without a port of its own a socket has not sent anything: connect() found no free one and failed.
        if port("sport") != 0 && states.iter().any(|s| !matches!(s.as_str(), "LISTEN" | "CLOSE")) {
            let key = (text("saddr"), port("sport"), text("daddr"), port("dport"));
            sockets.entry(key).or_default().push(states);
        }
    }
    sockets
}

fn captures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("captures")
}

/// The captures that have an account beside them, and whether they show each connection whole.
fn accounts() -> Vec<(String, bool)> {
    let index: serde_json::Value =
        serde_json::from_slice(&std::fs::read(captures().join("index.json")).unwrap()).unwrap();
    let only = std::env::var("KERNEL").ok();
    let mut accounts = Vec::new();
    for entry in index.as_array().unwrap() {
        let name = entry["name"].as_str().unwrap().to_owned();
        if entry["account"] == true && only.as_ref().is_none_or(|only| *only == name) {
            accounts.push((name, entry["whole"].as_bool().unwrap()));
        }
    }
    accounts
}

/// Whether `part` are states of `whole`, in its order. What nobody can know (`UNKNOWN`) says nothing.
fn is_part(part: &[&str], whole: &[String]) -> bool {
    let mut rest = whole.iter();
    part.iter().filter(|state| **state != "UNKNOWN").all(|state| rest.any(|there| there == state))
}

#[test]
fn states_are_the_kernels_in_every_bundled_tcp_recording() {
    let mut compared = 0;
    let mut wrong = Vec::new();
    for (name, whole) in accounts() {
        let ours = ours(&name);
        for (socket, sequences) in kernels(&captures().join(format!("{name}.kernel.json"))) {
            let mine = ours.get(&socket).cloned().unwrap_or_default();
            compared += sequences.len();
            let right = if whole {
                mine == sequences
            } else {
                // Of a socket that the capture does not show there is nothing to compare.
                mine.len() <= sequences.len() && mine.iter().zip(&sequences).all(|(m, k)| is_part(m, k))
            };
            if !right {
                wrong.push(format!("{name} {socket:?}\n  kernel {sequences:?}\n  ours   {mine:?}"));
            }
        }
    }
    assert!(compared > 0, "no account was found beside the captures");
    assert!(wrong.is_empty(), "of {compared} sockets, {} differ:\n{}", wrong.len(), wrong.join("\n"));
}
