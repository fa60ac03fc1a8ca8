//! What was sent before and did not get here: a segment that is new to the capture, and not the first of its kind.
//!
//! Nothing in the segment itself says so. What does: the sender's numbering of its datagrams has jumped, and nothing else that it
//! had reason to send can have carried the numbers that are missing ([`lost_before`]); or an answer names a question that
//! is older than the latest ([`answers_earlier`]). RFC 6298 section 5 (timers), RFC 6864 section 4 (identifications), RFC 7323 section 3
//! (timestamps), RFC 9293 section 3.8.6.2.2 (when a receiver announces a window).
//!
//! Leaves out what cannot be told: a SYN whose first copy is missing; a segment where the missing datagram may as well have been an
//! acknowledgement that was due; a sender of which the capture has not shown yet that it counts.

use super::analysis::Label;
use super::segment::Segment;
use super::sequence::before;
use super::side::Side;
use crate::flow::event::{Datum, Kind};

/// The largest payload of an Ethernet frame, where the receiver's own word was not captured (RFC 9293 section 3.7.1).
const ETHERNET_MSS: u16 = 1460;

/// What the timestamps option takes from a segment's payload (RFC 7323 section 3.2 and appendix A: 10 octets and two of padding).
const TIMESTAMPS: u16 = 12;

/// The largest payload that one datagram to `peer` can have.
pub(super) fn largest(s: &Segment<'_>, peer: &Side) -> u32 {
    let options = if s.options.timestamps.is_some() { TIMESTAMPS } else { 0 };
    u32::from(peer.mss.unwrap_or(ETHERNET_MSS).saturating_sub(options)).max(1)
}

/// The shortest timeout of a sender, as stacks have it.
pub(super) const LEAST_TIMEOUT_NS: i64 = 190_000_000;

/// New to the capture, but not the first of its kind: by its identification the sender has sent datagrams in between that
/// did not get here. All bytes before are there and acknowledged, and more are missing than acknowledgements and windows
/// that it had reason to send: they can only have carried these bytes.
pub(super) fn lost_before(s: &Segment<'_>, me: &Side, peer: &Side, round_trip: Option<i64>) -> Option<Label> {
    if let Some(beyond) = &me.lost_beyond {
        let label = again("unseen-beyond", beyond.lost).with("jump", Datum::Uint(beyond.packet));
        return Some(label.with("evidence", Datum::Name("ip-id")));
    }
    let missing = me.ids.missing_before(s.ip_id)?;
    let all_there = !me.seen.has_gaps() && peer.acked.map(|a| a.0) == me.seen.next() && !s.syn;
    let carried =
        all_there && missing > due(s, peer).saturating_add(windows(s, me, peer)) && waited(s, me, round_trip);
    carried.then(|| by_numbering(again("unseen-ids", missing), s, me))
}

fn again(variant: &'static str, missing: u16) -> Label {
    Label::new(Kind::TcpRetransmission).variant(variant).with("lost", Datum::Uint(missing.into()))
}

/// With the jump in the sender's numbering, which shows it.
fn by_numbering(label: Label, s: &Segment<'_>, me: &Side) -> Label {
    label
        .with("id_before", Datum::Uint(me.ids.last().into()))
        .with("ip_id", Datum::Uint(s.ip_id.unwrap_or(0).into()))
        .with("evidence", Datum::Name("ip-id"))
}

/// The last of several segments that got lost, sent again as a probe: more datagrams are missing than the bytes before it
/// fill. It came later than what leaves a sender in one go, and sooner than a timer could have repeated what is missing.
pub(super) fn tail_before(
    s: &Segment<'_>,
    missing_bytes: u32,
    me: &Side,
    peer: &Side,
    round_trip: Option<i64>,
) -> Option<Label> {
    let missing = me.ids.missing_before(s.ip_id)?;
    let (largest, waited) = (largest(s, peer), s.time_ns - me.latest.1);
    let alone = me.ids.is_sure() && me.ids.counts_alone(s.options.timestamps.is_some());
    let is_probe = alone && waited >= round_trip? && waited < LEAST_TIMEOUT_NS && s.len <= largest;
    let reasons = missing_bytes.div_ceil(largest) + u32::from(due(s, peer)) + u32::from(windows(s, me, peer));
    let label = || again("unseen-tail", missing).with("missing", Datum::Uint(missing_bytes.into()));
    (is_probe && u32::from(missing) > reasons).then(|| by_numbering(label(), s, me))
}

/// Whether a sender that repeats on its own may do so by now. A probe for a lost tail goes out after two round trips (RFC 8985
/// section 7.2), a timer takes longer. That a host counts everything it sends together, and just had nothing else to send, is as
/// likely where nothing shows the opposite: a neighbour that was counted apart, timestamps or a SYN+ACK without an identification, as
/// Linux sends them.
fn waited(s: &Segment<'_>, me: &Side, round_trip: Option<i64>) -> bool {
    let least = match round_trip.filter(|_| me.ids.is_sure()) {
        Some(round_trip) => round_trip.min(LEAST_TIMEOUT_NS),
        None => LEAST_TIMEOUT_NS,
    };
    me.ids.counts_alone(s.options.timestamps.is_some()) && s.time_ns - me.latest.1 >= least
}

/// How many acknowledgements without data the sender had reason to send since the segment before: at most one for each segment of
/// the peer's that takes up numbers, was not acknowledged by then, or passed since, and had reached it: the timestamp it
/// echoes is not older.
pub(super) fn due(s: &Segment<'_>, peer: &Side) -> u16 {
    let arrived = |tsval: Option<u32>| match (s.options.timestamps, tsval) {
        (Some((_, echo)), Some(tsval)) => !before(echo, tsval),
        _ => true,
    };
    // It acknowledges what the capture does not have: how often it had to is not known.
    if s.ack_flag && peer.seen.next().is_none_or(|next| before(next, s.ack)) {
        return u16::MAX;
    }
    let open = peer.flights.iter().filter(|flight| arrived(flight.tsval)).count();
    let passed = peer.passed.iter().filter(|passed| arrived(passed.tsval)).count();
    let passed = if peer.passed.is_full() { usize::MAX } else { passed };
    let probed = usize::from(peer.keep_alive.is_some() || peer.probe.is_some());
    u16::try_from(open.max(passed).saturating_add(probed)).unwrap_or(u16::MAX)
}

/// How many announcements of a window there may have been. One is made where it grows by a segment or by half (RFC 9293 section
/// 3.8.6.2.2).
fn windows(s: &Segment<'_>, me: &Side, peer: &Side) -> u16 {
    if me.window_of_syn || s.window <= me.window {
        return 0;
    }
    let shift = if me.scales(peer) { me.scale.unwrap_or(0) } else { 0 };
    let grown = u32::from(s.window - me.window) << shift;
    let step = u32::from(me.mss.unwrap_or(536)).min(u32::from(me.window) << shift >> 1).max(1);
    u16::try_from(grown / step).unwrap_or(u16::MAX)
}

/// A segment of a peer's that takes up numbers, and may have to be acknowledged still.
#[derive(Debug, Clone, Copy)]
pub struct Passed {
    /// Its timestamp.
    pub tsval: Option<u32>,
    /// When it passed, if it is a repetition: that an acknowledgement passes later does not show that it had arrived.
    pub again_ns: Option<i64>,
}

/// Datagrams that got lost with bytes beyond all that were seen.
#[derive(Debug, Clone, Copy)]
pub struct Beyond {
    /// How many.
    pub lost: u16,
    /// How many of them have not come again yet.
    pub left: u16,
    /// The packet whose identification has jumped over theirs.
    pub packet: u64,
}

/// What got lost beyond all that was seen, by a segment that is sent again: the sender's numbering jumped before it repeated the
/// first bytes that are missing. It cannot have repeated them twice in less than a round trip, and it had not so much to
/// acknowledge.
pub(super) fn beyond(s: &Segment<'_>, me: &Side, peer: &Side, round_trip: Option<i64>) -> Option<Beyond> {
    let missing = me.ids.missing_before(s.ip_id)?;
    let is_first = me.seen.only_gap() == Some(s.seq);
    let soon = s.time_ns - me.last_ns < round_trip?;
    let lost = missing.saturating_sub(due(s, peer));
    (is_first && soon && s.len > 0 && lost > 0).then_some(Beyond { lost, left: lost, packet: s.packet })
}

/// Whether a jump in the numbering has a reason that leaves no gap in the bytes.
pub(super) fn explains(s: &Segment<'_>, me: &Side, peer: &Side, again: bool) -> bool {
    me.ids
        .skipped_before(s.ip_id)
        .is_some_and(|skipped| again || skipped <= due(s, peer).saturating_add(windows(s, me, peer)))
}

/// What a SYN waits for its answer at least before it is sent again (RFC 6298 section 2), with some slack.
const SYN_TIMEOUT_NS: i64 = 900_000_000;

/// An answer to a SYN, not the first: it echoes the time of an earlier SYN than the latest, so the server has had that all the
/// while, and answers a SYN at once. Where both came at once (held back, and let go together) it may be the first all the same.
pub(super) fn answers_earlier(s: &Segment<'_>, peer: &Side) -> Option<Label> {
    let (_, echo) = s.options.timestamps.filter(|_| s.syn && s.ack_flag)?;
    let (first, first_ns, times) = peer.syn?;
    let (clock, latest, _) = peer.clock?;
    let only_asked = peer.packets == u64::from(times) && times > 1 && s.time_ns - first_ns >= SYN_TIMEOUT_NS;
    (only_asked && echo != 0 && before(echo, clock)).then(|| {
        Label::new(Kind::TcpRetransmission)
            .variant("unseen-answer")
            .with("syn_packet", Datum::Uint(first))
            .with("latest_syn", Datum::Uint(latest))
            .with("echo", Datum::Uint(echo.into()))
            .with("evidence", Datum::Name("timestamp"))
    })
}
