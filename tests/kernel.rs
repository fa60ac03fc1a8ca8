//! The judge of TCP states is the kernel: every bundled TCP recording carries the kernel's own account of its
//! sockets (tracepoint sock:inet_sock_set_state), and each socket's sequence of states must be ours.
//!
//! Known of that account: TIME-WAIT is not a socket state there, FIN_WAIT2 (or CLOSING) -> CLOSE is its beginning;
//! a socket that listens is named LISTEN until the third segment makes a connection of it.
//!
//! Retransmissions are judged likewise, by tcp:tcp_retransmit_skb and tcp:tcp_retransmit_synack: which segments TCP sent again.
//! Recordings with two capture points are looked at from each of them, too: what was lost before the receiver's was
//! never seen there, and is to be told all the same.
//!
//! A few captures show only part of each connection (index.json: `whole` false): one direction, or from the middle. There
//! the states that are told must be the kernel's, in its order, and some may be missing.
//!
//! `KERNEL=NAME cargo test --test kernel` looks at one recording alone.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use pcaplain::capture::{self, Frame, Source};
use pcaplain::decode::Header;
use pcaplain::flow::tcp::segment::Options;
use pcaplain::flow::{Endpoint, Kind, Outcome, State, Tracker};

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

/// Whether two sequences are the same. A program that gives up while nobody answers its SYN closes its socket without a
/// word: that last step no segment shows.
fn is_whole(mine: &[&str], kernels: &[String]) -> bool {
    let silent = ["CLOSE", "SYN_SENT", "CLOSE"];
    mine == kernels || kernels == silent && mine == &silent[..2]
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
                mine.len() == sequences.len() && mine.iter().zip(&sequences).all(|(m, k)| is_whole(m, k))
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

/// What tells one packet from another wherever it is captured: its socket, IP identification, sequence number, and time on
/// the sender's clock.
type Identity = (Socket, u16, u32, u32);

/// A segment of a capture: when it passed, between which sockets, and what it was taken for.
struct Sighting {
    packet: u64,
    time_ns: i64,
    socket: Socket,
    identity: Identity,
    /// Whether it carries a SYN or a FIN, whose sending the account tells.
    control: (bool, bool),
    resent: bool,
    /// Whether its numbers are new to the capture, and leave no gap.
    is_first: bool,
}

/// The TCP segments of a recording that were followed, at one capture point or at all.
fn sightings(name: &str, interface: Option<u32>) -> Vec<Sighting> {
    let file = captures().join(format!("{name}.pcapng"));
    let mut source = capture::open(file.to_str().unwrap()).expect("a bundled capture");
    let (mut tracker, mut outcome) = (Tracker::default(), Outcome::default());
    let mut found = Vec::new();
    while let Some(frame) = source.next().expect("an undamaged capture") {
        if interface.is_some_and(|wanted| wanted != frame.interface) {
            continue;
        }
        // Alone, each capture point is the only one of its file.
        let frame = Frame { interface: if interface.is_some() { 0 } else { frame.interface }, ..frame };
        let packet = pcaplain::decode::decode(&frame);
        tracker.process(&frame, &packet, &mut outcome);
        let is = |kinds: &[Kind]| {
            outcome.events.iter().any(|e| e.packet == frame.number && kinds.contains(&e.kind))
        };
        let (Some(ip), Some(layer)) = (packet.ip(), packet.transport()) else { continue };
        let Header::Tcp(tcp) = &layer.header else { continue };
        let (source, destination) = match &ip.header {
            Header::Ipv4(ip) => (IpAddr::from(ip.source()), IpAddr::from(ip.destination())),
            Header::Ipv6(ip) => (IpAddr::from(ip.source()), IpAddr::from(ip.destination())),
            _ => continue,
        };
        if is(&[Kind::CaptureCopy]) {
            continue;
        }
        let socket = (source.to_string(), tcp.source_port(), destination.to_string(), tcp.destination_port());
        let id = if let Header::Ipv4(ip) = &ip.header { ip.identification() } else { 0 };
        let clock = Options::read(tcp.options()).timestamps.map_or(0, |(tsval, _)| tsval);
        found.push(Sighting {
            packet: frame.number,
            time_ns: frame.time_ns,
            identity: (socket.clone(), id, tcp.sequence_number(), clock),
            socket,
            control: (tcp.syn(), tcp.fin()),
            resent: is(&[
                Kind::TcpRetransmission,
                Kind::TcpFastRetransmission,
                Kind::TcpSpuriousRetransmission,
            ]),
            is_first: !is(&[Kind::TcpOutOfOrder, Kind::TcpLostSegment]),
        });
    }
    found
}

/// What the kernel says it did: when, at which socket, and the event.
fn deeds(name: &str) -> Vec<(i64, Socket, String, String)> {
    let path = captures().join(format!("{name}.kernel.json"));
    let account: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let text = |event: &serde_json::Value, key: &str| event[key].as_str().unwrap_or_default().to_owned();
    let port = |event: &serde_json::Value, key: &str| event[key].as_u64().unwrap_or_default() as u16;
    let mut deeds = Vec::new();
    for event in account["events"].as_array().unwrap() {
        let (seconds, nanoseconds) = event["time"].as_str().unwrap().split_once('.').unwrap();
        let time = seconds.parse::<i64>().unwrap() * 1_000_000_000 + nanoseconds.parse::<i64>().unwrap();
        let socket = (text(event, "saddr"), port(event, "sport"), text(event, "daddr"), port(event, "dport"));
        deeds.push((time, socket, text(event, "event"), text(event, "newstate")));
    }
    deeds
}

/// How close in time a frame must be to what the kernel says of it.
const CLOSE_NS: i64 = 300_000;

/// The segments that TCP sent again, as packets: the frame that passed when the kernel says so, and the same packet
/// wherever else it was captured.
fn sent_again(frames: &[Sighting], deeds: &[(i64, Socket, String, String)]) -> BTreeSet<Identity> {
    // How long a host's segments to another take to the first capture point: from SYNs and FINs, whose sending the account
    // tells.
    let mut delays: BTreeMap<(&str, &str), i64> = BTreeMap::new();
    for (time, socket, _, state) in deeds {
        let (syn, fin) = (state == "SYN_SENT", matches!(state.as_str(), "FIN_WAIT1" | "LAST_ACK"));
        let seen = frames.iter().find(|f| {
            let same = f.socket.0 == socket.0 && f.socket.2 == socket.2 && f.socket.3 == socket.3;
            let port = f.socket.1 == socket.1 || syn && socket.1 == 0;
            same && port && f.time_ns >= time - CLOSE_NS && (syn && f.control.0 || fin && f.control.1)
        });
        if let Some(seen) = seen {
            let delay = delays.entry((&socket.0, &socket.2)).or_insert(i64::MAX);
            *delay = (*delay).min(seen.time_ns - time);
        }
    }
    let mut found = BTreeSet::new();
    for (time, socket, _, _) in deeds.iter().filter(|d| d.2.starts_with("tcp_retransmit")) {
        // At the sender itself there is none: what is measured then is how long the stack takes.
        let delay =
            delays.get(&(socket.0.as_str(), socket.2.as_str())).copied().filter(|delay| *delay > CLOSE_NS);
        let sent = time + delay.unwrap_or(0);
        // The kernel speaks when the frame has just left: of two as near, the earlier one is meant.
        let near = |f: &&Sighting| f.socket == *socket && (f.time_ns - sent).abs() < CLOSE_NS;
        let seen = frames.iter().filter(near).min_by_key(|f| (f.time_ns > sent, (f.time_ns - sent).abs()));
        found.extend(seen.map(|f| f.identity.clone())); // none: lost before it was captured
    }
    found
}

/// A sender whose first copies were lost before the capture point leaves no trace but a jump in its numbering of
/// datagrams; that it numbers them is not known from so few.
const TOO_EARLY: u32 = 3;

/// Counts of right, wrong and missed labels of one recording, seen from one place.
fn judge(
    name: &str,
    truth: &BTreeSet<Identity>,
    view: Option<u32>,
    wrong: &mut Vec<String>,
) -> (u32, u32, u32) {
    let (mut right, mut called, mut missed) = (0, 0, 0);
    let mut earlier: BTreeMap<Socket, u32> = BTreeMap::new();
    for frame in sightings(name, view) {
        let before = earlier.entry(frame.socket.clone()).or_default();
        *before += 1;
        let (is_resent, is_early) = (truth.contains(&frame.identity), *before <= TOO_EARLY);
        if is_resent && !frame.resent && is_early && frame.is_first {
            println!("{name} {view:?}: #{} was sent again; nothing in this view could tell", frame.packet);
            continue;
        }
        let what = match (is_resent, frame.resent) {
            (false, false) => continue,
            (true, true) => {
                right += 1;
                continue;
            }
            (true, false) => {
                missed += 1;
                "was sent again, and is not so called"
            }
            (false, true) => {
                called += 1;
                "is called sent again, and was not"
            }
        };
        wrong.push(format!("{name} {view:?}: #{} {what}", frame.packet));
    }
    (right, called, missed)
}

#[test]
fn retransmissions_are_the_kernels() {
    let (mut right, mut called, mut missed) = (0, 0, 0);
    let mut wrong = Vec::new();
    for (name, _) in accounts() {
        let file = captures().join(format!("{name}.pcapng"));
        let points = capture::open(file.to_str().unwrap()).unwrap().interfaces().len() as u32;
        let truth = sent_again(&sightings(&name, None), &deeds(&name));
        let views = std::iter::once(None).chain((0..if points > 1 { points } else { 0 }).map(Some));
        for view in views {
            let (r, c, m) = judge(&name, &truth, view, &mut wrong);
            right += r;
            called += c;
            missed += m;
        }
    }
    let (right, called, missed) = (f64::from(right), f64::from(called), f64::from(missed));
    let (precision, recall) = (right / (right + called), right / (right + missed));
    println!("{right} retransmissions of the kernel's: precision {precision:.4}, recall {recall:.4}");
    assert!(right > 0.0, "no retransmission was found");
    assert!(precision >= 0.995 && recall >= 0.995, "{precision:.4}, {recall:.4}:\n{}", wrong.join("\n"));
}
