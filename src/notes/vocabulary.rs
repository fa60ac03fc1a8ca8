//! The names there are: for checks of claims and for `--filter`, so that a misspelt one is told before any packet.
//!
//! Fields are listed in `fields.tsv` beside this file, with the kind of their values; a test holds the list against
//! what packets give. Names of a field's words (docs/words/fields) need no row here.
//! Leaves out: what the names mean.

use std::sync::OnceLock;

use super::expression::{Kind, Vocabulary};
use super::facts::HeaderFacts;
use super::memory;
use crate::flow;

/// Names of a conversation, without the `flow.` before them.
const FLOW: &[(&str, Kind)] = &[
    ("id", Kind::Number),
    ("stream", Kind::Number),
    ("first", Kind::Number),
    ("last", Kind::Number),
    ("packets", Kind::Number),
    ("bytes", Kind::Number),
    ("protocol", Kind::Text),
    ("start", Kind::Time),
    ("end", Kind::Time),
    ("duration", Kind::Time),
    ("application", Kind::Text),
    ("opening", Kind::Text),
    ("closing", Kind::Text),
    ("initiator_of_close", Kind::Text),
    ("completeness", Kind::Number),
    ("payload", Kind::Number),
    ("retransmitted", Kind::Number),
    ("troubles", Kind::Number),
    ("rtt", Kind::Time),
    ("rtt.handshake", Kind::Time),
    ("rtt.min", Kind::Time),
    ("rtt.median", Kind::Time),
    ("rtt.max", Kind::Time),
];

/// Names of one end of a conversation, without the `flow.client.` or `flow.server.` before them.
const PARTY: &[(&str, Kind)] = &[
    ("addr", Kind::Any),
    ("port", Kind::Number),
    ("mac", Kind::Mac),
    ("packets", Kind::Number),
    ("bytes", Kind::Number),
    ("isn", Kind::Number),
    ("mss", Kind::Number),
    ("window_scale", Kind::Number),
    ("state", Kind::Text),
    ("payload", Kind::Number),
    ("retransmitted", Kind::Number),
];

/// Names of every event.
const EVENT: &[(&str, Kind)] = &[
    ("event.kind", Kind::Text),
    ("event.variant", Kind::Text),
    ("event.packet", Kind::Number),
    ("event.severity", Kind::Text),
];

/// Keys of events' data and of changes of state.
const KEYS: &[(&str, Kind)] = &[
    ("ack", Kind::Number),
    ("ack_flag", Kind::Flag),
    ("ack_raw", Kind::Number),
    ("address", Kind::Ipv4),
    ("after", Kind::Time),
    ("again", Kind::Number),
    ("alpn", Kind::Text),
    ("announced_packet", Kind::Number),
    ("answers", Kind::Number),
    ("attempt", Kind::Number),
    ("attempts", Kind::Number),
    ("auth_scheme", Kind::Text),
    ("authoritative", Kind::Flag),
    ("basis", Kind::Text),
    ("before", Kind::Number),
    ("body_length", Kind::Number),
    ("broadcast", Kind::Flag),
    ("buffered", Kind::Number),
    ("cause_packet", Kind::Number),
    ("challenge_packet", Kind::Number),
    ("changes", Kind::Text),
    ("chunked", Kind::Flag),
    ("cipher", Kind::Text),
    ("client", Kind::Text),
    ("code", Kind::Number),
    ("coding", Kind::Text),
    ("command", Kind::Text),
    ("compression", Kind::Text),
    ("content_encoding", Kind::Text),
    ("content_length", Kind::Number),
    ("content_range", Kind::Text),
    ("content_type", Kind::Text),
    ("cookies_from", Kind::Number),
    ("decoded_length", Kind::Number),
    ("decrypted", Kind::Flag),
    ("deprecated", Kind::Flag),
    ("description", Kind::Text),
    ("dport", Kind::Number),
    ("dst", Kind::Any),
    ("dup_acks", Kind::Number),
    ("earlier_packet", Kind::Number),
    ("earlier_ttl", Kind::Number),
    ("enable_push", Kind::Number),
    ("endpoint", Kind::Text),
    ("evidence", Kind::Text),
    ("expected", Kind::Any),
    ("field", Kind::Text),
    ("fin_packet", Kind::Number),
    ("fin_seq_raw", Kind::Number),
    ("first_answers", Kind::Text),
    ("first_dup_ack", Kind::Number),
    ("first_packet", Kind::Number),
    ("found", Kind::Text),
    ("fragments", Kind::Number),
    ("from", Kind::Text),
    ("gap", Kind::Time),
    ("gap_packet", Kind::Number),
    ("group", Kind::Text),
    ("groups", Kind::Text),
    ("head_packet", Kind::Number),
    ("hello_packet", Kind::Number),
    ("host", Kind::Text),
    ("host_key", Kind::Text),
    ("hw", Kind::Any),
    ("id", Kind::Number),
    ("ident", Kind::Number),
    ("in_clear", Kind::Flag),
    ("in_flight", Kind::Number),
    ("interface", Kind::Number),
    ("ip", Kind::Any),
    ("isn", Kind::Number),
    ("issuer", Kind::Text),
    ("key", Kind::Text),
    ("key_type", Kind::Text),
    ("known_answers", Kind::Number),
    ("lease", Kind::Any),
    ("len", Kind::Number),
    ("level", Kind::Number),
    ("location", Kind::Text),
    ("lost", Kind::Number),
    ("method", Kind::Text),
    ("missing", Kind::Number),
    ("more", Kind::Flag),
    ("more_questions", Kind::Number),
    ("more_records", Kind::Number),
    ("mss", Kind::Number),
    ("mtu", Kind::Number),
    ("name", Kind::Text),
    ("names", Kind::Text),
    ("new_mac", Kind::Mac),
    ("number", Kind::Number),
    ("offset", Kind::Number),
    ("old_mac", Kind::Mac),
    ("old_packet", Kind::Number),
    ("old_priority", Kind::Number),
    ("old_router", Kind::Any),
    ("opcode", Kind::Number),
    ("open", Kind::Number),
    ("original", Kind::Number),
    ("original_interface", Kind::Number),
    ("original_ttl", Kind::Number),
    ("other_packet", Kind::Number),
    ("packets", Kind::Number),
    ("peer", Kind::Text),
    ("peer_isn", Kind::Number),
    ("phrase", Kind::Text),
    ("pipelined", Kind::Number),
    ("port", Kind::Number),
    ("previous", Kind::Number),
    ("priority", Kind::Number),
    ("promised", Kind::Number),
    ("proof", Kind::Number),
    ("protocol", Kind::Any),
    ("query_packet", Kind::Number),
    ("quoted_dst", Kind::Any),
    ("quoted_len", Kind::Number),
    ("quoted_port", Kind::Number),
    ("quoted_protocol", Kind::Number),
    ("quoted_sport", Kind::Number),
    ("quoted_src", Kind::Any),
    ("records", Kind::Text),
    ("recursion_desired", Kind::Flag),
    ("request_packet", Kind::Number),
    ("resumption", Kind::Text),
    ("round_trips", Kind::Number),
    ("router", Kind::Any),
    ("rtt", Kind::Time),
    ("same_macs", Kind::Flag),
    ("sender_ip", Kind::Ipv4),
    ("sender_mac", Kind::Mac),
    ("seq", Kind::Number),
    ("seq_raw", Kind::Number),
    ("server", Kind::Text),
    ("server_name", Kind::Text),
    ("set_in", Kind::Number),
    ("since", Kind::Time),
    ("sport", Kind::Number),
    ("src", Kind::Any),
    ("stored_packet", Kind::Number),
    ("stream", Kind::Number),
    ("stream_id", Kind::Number),
    ("subject", Kind::Text),
    ("suite", Kind::Text),
    ("suites", Kind::Number),
    ("syn_packet", Kind::Number),
    ("target_ip", Kind::Ipv4),
    ("target_mac", Kind::Mac),
    ("to", Kind::Text),
    ("transport", Kind::Text),
    ("truncated", Kind::Flag),
    ("ttl", Kind::Number),
    ("type", Kind::Any),
    ("unread", Kind::Number),
    ("until", Kind::Text),
    ("upgrade", Kind::Text),
    ("uri", Kind::Text),
    ("user", Kind::Text),
    ("version", Kind::Text),
    ("waited", Kind::Time),
    ("window", Kind::Number),
    ("window_scale", Kind::Number),
];

/// What earlier packets say of this one.
const AROUND: &[(&str, Kind)] = &[
    ("hop.src_mac", Kind::Mac),
    ("hop.mac", Kind::Mac),
    ("hop.dst", Kind::Ipv4),
    ("hop.told", Kind::Mac),
    ("hop.told_packet", Kind::Number),
    ("hop.told_by", Kind::Text),
    ("hop.asked", Kind::Flag),
    ("hop.asked_packet", Kind::Number),
    ("hop.gateway", Kind::Ipv4),
    ("hop.gateway_packet", Kind::Number),
    ("hop.asked_gateway", Kind::Flag),
    ("hop.before", Kind::Mac),
    ("hop.before_packet", Kind::Number),
    ("hop.earlier", Kind::Number),
    ("hop.networks", Kind::Number),
    ("hop.swayed", Kind::Flag),
    ("half.fin_packet", Kind::Number),
    ("half.ack_packet", Kind::Number),
    ("half.len", Kind::Number),
    ("fin.packet", Kind::Number),
    ("fin.seq", Kind::Number),
    ("fin.seq_raw", Kind::Number),
    ("fin.len", Kind::Number),
    ("fin.client.packet", Kind::Number),
    ("fin.client.seq", Kind::Number),
    ("fin.client.seq_raw", Kind::Number),
    ("fin.client.len", Kind::Number),
    ("fin.server.packet", Kind::Number),
    ("fin.server.seq", Kind::Number),
    ("fin.server.seq_raw", Kind::Number),
    ("fin.server.len", Kind::Number),
    ("isn.step", Kind::Number),
    ("isn.gap", Kind::Time),
    ("isn.packet", Kind::Number),
    ("isn.same_ends", Kind::Flag),
    ("link.routed", Kind::Flag),
    ("link.crossed", Kind::Flag),
    ("link.address", Kind::Ipv4),
    ("original.kind", Kind::Text),
];

/// Names of the frame itself.
const FRAME: &[(&str, Kind)] = &[
    ("frame", Kind::Protocol),
    ("frame.number", Kind::Number),
    ("frame.len", Kind::Number),
    ("frame.cap_len", Kind::Number),
    ("frame.time_epoch", Kind::Time),
    ("frame.interface_id", Kind::Number),
];

type Names = Vec<(&'static str, Kind)>;

/// What packets, conversations and events are asked about by `--filter`, sorted.
fn of_filters() -> &'static Names {
    static CELL: OnceLock<Names> = OnceLock::new();
    CELL.get_or_init(|| {
        let kinds = flow::Kind::ALL.iter().map(|kind| (kind.name(), Kind::Flag));
        let mut names: Names =
            fields().chain(kinds).chain([EVENT, FRAME].concat()).chain(of_flows()).collect();
        // Fields have the first say where an event is called like one.
        names.sort_by_key(|(name, _)| *name);
        names.dedup_by_key(|(name, _)| *name);
        names
    })
}

/// What checks of claims ask about besides, sorted.
fn of_checks() -> &'static Names {
    static CELL: OnceLock<Names> = OnceLock::new();
    CELL.get_or_init(|| {
        let mut names: Names = [KEYS, AROUND].concat();
        names.extend(memory::names());
        names.sort_by_key(|(name, _)| *name);
        names
    })
}

fn of_flows() -> impl Iterator<Item = (&'static str, Kind)> {
    // The few dozen names are made once and kept for good.
    static CELL: OnceLock<Vec<(String, Kind)>> = OnceLock::new();
    let names = CELL.get_or_init(|| {
        let mut names: Vec<_> = FLOW.iter().map(|(name, kind)| (format!("flow.{name}"), *kind)).collect();
        for end in ["client", "server"] {
            names.extend(PARTY.iter().map(|(name, kind)| (format!("flow.{end}.{name}"), *kind)));
        }
        names
    });
    names.iter().map(|(name, kind)| (name.as_str(), *kind))
}

/// The rows of fields.tsv: a field's name, the kind of its values.
fn fields() -> impl Iterator<Item = (&'static str, Kind)> {
    include_str!("fields.tsv").lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let (name, kind) = line.split_once('\t')?;
        Some((name, kind_named(kind)?))
    })
}

fn kind_named(name: &str) -> Option<Kind> {
    Some(match name {
        "protocol" => Kind::Protocol,
        "flag" => Kind::Flag,
        "number" => Kind::Number,
        "text" => Kind::Text,
        "mac" => Kind::Mac,
        "ipv4" => Kind::Ipv4,
        "ipv6" => Kind::Ipv6,
        "bytes" => Kind::Bytes,
        "any" => Kind::Any,
        _ => return None,
    })
}

fn find(names: &'static Names, name: &str) -> Option<Kind> {
    names.binary_search_by(|(known, _)| (*known).cmp(name)).ok().map(|at| names[at].1)
}

fn kind_of_filter(name: &str) -> Option<Kind> {
    find(of_filters(), name)
}

fn kind_of_check(name: &str) -> Option<Kind> {
    find(of_checks(), name).or_else(|| kind_of_filter(name))
}

/// The names that `--filter` may use.
pub fn filters() -> Vocabulary<'static> {
    static NAMES: OnceLock<Vec<&'static str>> = OnceLock::new();
    let names = NAMES.get_or_init(|| of_filters().iter().map(|(name, _)| *name).collect());
    Vocabulary { kind_of: &kind_of_filter, names }
}

/// The names that checks of claims may use.
pub fn checks() -> Vocabulary<'static> {
    static NAMES: OnceLock<Vec<&'static str>> = OnceLock::new();
    let names = NAMES.get_or_init(|| of_filters().iter().chain(of_checks()).map(|(name, _)| *name).collect());
    Vocabulary { kind_of: &kind_of_check, names }
}

/// Whether a packet's tree is asked for a name, if its headers do not answer.
pub(super) fn is_of_tree(name: &str) -> bool {
    let listed = |names: &[(&str, Kind)]| names.iter().any(|(known, _)| *known == name);
    !name.starts_with("flow.")
        && !listed(EVENT)
        && !listed(KEYS)
        && !listed(AROUND)
        && memory::names().all(|(known, _)| known != name)
        || name.starts_with("frame") && !HeaderFacts::knows(name)
}

/// The name behind a placeholder of a sentence, where `.` is written `_`: `{flow_server_port}`.
pub(super) fn of_placeholder(placeholder: &str) -> Option<&'static str> {
    let names = || of_checks().iter().chain(of_filters()).map(|(name, _)| *name);
    names()
        .find(|name| *name == placeholder)
        .or_else(|| names().find(|name| name.contains('.') && name.replace('.', "_") == placeholder))
}
