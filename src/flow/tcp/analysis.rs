//! What a segment is besides its content: sent again, out of order, a probe, a repetition of an ACK.
//!
//! The labels are Wireshark's. Each is given by evidence, and names it: the bytes were seen before (the set of
//! ranges per direction), or a gap is filled and the sender's own marks (timestamp option, IPv4
//! identification) tell a late segment from a resent one; only where the sender leaves no marks does time decide.
//!
//! RFC 9293 section 3.8 (retransmission, windows), RFC 5681 section 3.2 (fast retransmit, duplicate ACKs),
//! RFC 7323 section 3 (timestamps), RFC 9293 section 3.8.4 (keep-alives), 3.8.6.1 (probes of a zero window).

use super::damaged::Run;
use super::lost::{self, LEAST_TIMEOUT_NS};
use super::segment::Segment;
use super::sequence::{Gap, Novelty, before, not_after};
use super::side::Side;
use crate::flow::event::{Datum, Kind};

/// Wireshark takes a filled gap for reordering within 3 ms, where no round trip was measured.
pub(super) const REORDERING_NS: i64 = 3_000_000;

/// A clock of timestamps ticks at least once in this time (RFC 7323 section 5.4), here with some slack.
const SLOWEST_TICK_NS: i64 = 1_500_000_000;

/// No keep-alive comes sooner: it is for connections that have been idle (RFC 9293 section 3.8.4), and stacks count in seconds.
const LEAST_IDLE_NS: i64 = 1_000_000_000;

/// A label and the numbers behind it.
#[derive(Debug)]
pub struct Label {
    /// Which.
    pub kind: Kind,
    /// Which sentence tells it.
    pub variant: &'static str,
    /// Numbers it is told with.
    pub data: Vec<(&'static str, Datum)>,
}

impl Label {
    /// A label without numbers.
    pub fn new(kind: Kind) -> Label {
        Label { kind, variant: "", data: Vec::new() }
    }

    /// The same label with one more number.
    pub fn with(mut self, key: &'static str, value: Datum) -> Label {
        self.data.push((key, value));
        self
    }

    /// The same label, told by another sentence.
    pub fn variant(mut self, variant: &'static str) -> Label {
        self.variant = variant;
        self
    }
}

/// What the judging finds out on the way, for those who note the segment.
#[derive(Debug, Default)]
pub struct Judgement {
    /// The labels, in Wireshark's order.
    pub labels: Vec<Label>,
    /// Carries only what was sent before.
    pub retransmission: bool,
    /// A keep-alive or a window probe: its numbers are not part of the stream.
    pub probe: bool,
}

/// Judges the first segment of a connection: nothing is known yet but damaged packets.
pub fn judge_first(s: &Segment<'_>) -> Judgement {
    let labels: Vec<Label> = damaged_before(s).into_iter().collect();
    Judgement { retransmission: !labels.is_empty(), labels, probe: false }
}

/// The same numbers again after a packet that its receiver had to drop.
fn damaged_before(s: &Segment<'_>) -> Option<Label> {
    let original = Datum::Uint(s.damaged_before?);
    let label = Label::new(Kind::TcpRetransmission).variant("damaged");
    Some(label.with("original", original).with("evidence", Datum::Name("checksum")))
}

/// The packet in which all that a side has sent beyond the numbers seen of it was captured, damaged.
pub(super) fn came_damaged(run: Option<Run>, side: &Side) -> Option<u64> {
    run?.carried_from(side.seen.next()?)
}

/// Judges a segment of `me` before it is noted. `round_trip`: from SYN to the handshake's ACK, where captured.
pub fn judge(s: &Segment<'_>, me: &Side, peer: &Side, round_trip: Option<i64>) -> Judgement {
    let mut j = Judgement::default();
    let Some(next) = me.seen.next() else {
        if let Some(again) = lost::answers_earlier(s, peer) {
            j.retransmission = true;
            j.labels.push(again);
        }
        ack_of_unseen(s, me, peer, &mut j);
        return j;
    };
    let plain = s.is_plain();
    if let Some(kind) = probe(s, me, peer, next) {
        j.probe = true;
        j.labels.push(if kind == Kind::TcpKeepAlive {
            let idle = Datum::Duration(s.time_ns - me.latest.1.max(peer.acked_time));
            Label::new(kind).with("idle", idle)
        } else {
            Label::new(kind).with("len", Datum::Uint(s.len.into()))
        });
    } else if crosses(s, me) {
        // Nothing is repeated.
    } else if s.length() > 0 && !s.rst {
        novelty(s, me, peer, round_trip, &mut j);
    }
    if s.window == 0 && plain {
        j.labels.push(Label::new(Kind::TcpZeroWindow).with("buffered", Datum::Uint(u64::from(me.window))));
    }
    if let Some(in_flight) =
        in_flight(s, peer).filter(|in_flight| !j.probe && fills_window(*in_flight, me, peer))
    {
        j.labels.push(
            Label::new(Kind::TcpWindowFull)
                .with("in_flight", Datum::Uint(in_flight))
                .with("window", Datum::Uint(peer.scaled_window(me))),
        );
    }
    if s.ack_flag {
        acknowledgement(s, me, peer, next, &mut j);
    }
    j
}

/// Whether the segment's bytes are new, and if not, what that means.
fn novelty(s: &Segment<'_>, me: &Side, peer: &Side, round_trip: Option<i64>, j: &mut Judgement) {
    match me.seen.judge(s.seq, s.length()) {
        Novelty::Next(None) => {
            if let Some(lost) = damaged_before(s).or_else(|| lost::lost_before(s, me, peer, round_trip)) {
                j.retransmission = true;
                j.labels.push(lost);
            }
        }
        // What is missing was captured, damaged; whether it is missing to the receiver, its acknowledgements say.
        Novelty::Next(Some(_)) if came_damaged(s.follows_damaged, me).is_some() => {}
        Novelty::Next(Some(missing)) => {
            let expected = me.seen.next().unwrap_or(s.seq);
            j.labels.push(
                Label::new(Kind::TcpLostSegment)
                    .with("expected", Datum::Uint(me.relative(expected).into()))
                    .with("missing", Datum::Uint(missing.into())),
            );
            if let Some(tail) = lost::tail_before(s, missing, me, peer, round_trip) {
                j.retransmission = true;
                j.labels.push(tail);
            }
        }
        Novelty::Seen | Novelty::Extends => match old_copy(s, me) {
            Some(label) => j.labels.push(label),
            None => {
                j.retransmission = true;
                let label = resent(s, me, peer);
                let again = me.seen.next().filter(|next| before(*next, s.end()) && label.variant.is_empty());
                j.labels.push(match again {
                    Some(next) => {
                        let again = Datum::Uint(next.wrapping_sub(s.seq).into());
                        label.variant("extended").with("again", again)
                    }
                    None => label,
                });
            }
        },
        Novelty::Fills(gap) => match emitted_before(s, &gap, (me, peer), round_trip) {
            Some(evidence) => {
                let late = Datum::Duration(s.time_ns - gap.time_ns);
                j.labels.push(
                    Label::new(Kind::TcpOutOfOrder)
                        .with("late_by", late)
                        .with("overtaken_by", Datum::Uint(gap.packet))
                        .with("evidence", Datum::Name(evidence)),
                );
            }
            None => {
                j.retransmission = true;
                let label = if is_fast(s, me, peer) {
                    fast(me, peer)
                } else {
                    Label::new(Kind::TcpRetransmission).variant(if s.len == 0 { "fin" } else { "unseen" })
                };
                j.labels.push(
                    label
                        .with("after", Datum::Duration(s.time_ns - gap.time_ns))
                        .with("gap_packet", Datum::Uint(gap.packet)),
                );
            }
        },
    }
}

/// A segment that was sent once and comes twice: what is sent again bears the time of its sending.
pub(super) fn old_copy(s: &Segment<'_>, me: &Side) -> Option<Label> {
    let original = me.flight_of(s.seq);
    let same = |mark: Option<u32>, first: Option<u32>| mark.is_some() && mark == first;
    let tsval = s.options.timestamps.map(|t| t.0);
    let label = Label::new(Kind::TcpOutOfOrder).variant("copy");
    let (label, evidence) = match (tsval, me.clock) {
        (Some(mine), Some((clock, packet, _))) if before(mine, clock) => {
            let is_first = original.is_none_or(|first| same(tsval, first.tsval));
            let label = is_first.then(|| label.with("overtaken_by", Datum::Uint(packet)))?;
            (optional(label, original.map(|first| first.packet)), "timestamp")
        }
        // The clock has not moved since, so it is the very packet that told this time.
        (Some(mine), Some((clock, packet, time_ns)))
            if mine == clock && mine != 0 && !s.syn && s.time_ns - time_ns > SLOWEST_TICK_NS =>
        {
            (optional(label, Some(original.map_or(packet, |first| first.packet))), "timestamp")
        }
        _ => {
            let id =
                s.ip_id.filter(|id| *id != 0 && s.length() > 0 && !s.syn && me.ids.varies()).map(u32::from);
            match original {
                // It may have been sent again meanwhile, and this is a copy of that.
                Some(first) => {
                    let either = [first.ip_id, first.last_id].map(|first| same(id, first.map(u32::from)));
                    either.contains(&true).then(|| (optional(label, Some(first.packet)), "ip-id"))?
                }
                // Acknowledged, and no longer remembered: its sender has numbered others since.
                None => (id.is_some() && me.ids.is_late(s.ip_id)).then_some((label, "ip-id"))?,
            }
        }
    };
    let label = match original {
        Some(first) => label.with("late_by", Datum::Duration(s.time_ns - first.time_ns)),
        None => label,
    };
    Some(label.with("evidence", Datum::Name(evidence)))
}

fn optional(label: Label, original: Option<u64>) -> Label {
    match original {
        Some(packet) => label.with("original", Datum::Uint(packet)),
        None => label,
    }
}

/// The label of a segment whose bytes were all seen before.
fn resent(s: &Segment<'_>, me: &Side, peer: &Side) -> Label {
    let (kind, mut label) = match peer.acked {
        Some((_, by)) if is_spurious(s, peer) => {
            let label = Label::new(Kind::TcpSpuriousRetransmission)
                .with("acked_by", Datum::Uint(by))
                .with("after", Datum::Duration(s.time_ns - peer.acked_time));
            (Kind::TcpSpuriousRetransmission, label)
        }
        _ if is_fast(s, me, peer) => (Kind::TcpFastRetransmission, fast(me, peer)),
        _ => {
            let variant = match (s.syn, s.fin && s.len == 0) {
                (true, _) => "syn",
                (_, true) => "fin",
                _ => "",
            };
            (Kind::TcpRetransmission, Label::new(Kind::TcpRetransmission).variant(variant))
        }
    };
    let original = me.flight_of(s.seq).map(|f| (f.packet, f.last_ns)).or(if s.syn {
        me.syn.map(|(packet, time, _)| (packet, time))
    } else if s.fin && s.len == 0 {
        me.fin.map(|(_, packet)| (packet, me.fin_time))
    } else {
        None
    });
    if let Some((packet, time)) = original {
        label = label.with("original", Datum::Uint(packet));
        if kind != Kind::TcpSpuriousRetransmission {
            label = label.with("after", Datum::Duration(s.time_ns - time));
        }
        if kind == Kind::TcpRetransmission && label.variant.is_empty() && s.time_ns - time >= LEAST_TIMEOUT_NS
        {
            label.variant = "timeout";
        }
    } else if kind == Kind::TcpRetransmission {
        // Which packet carried them first is no longer known; the sentence leaves it out.
        label.variant = "";
    }
    label.with("evidence", Datum::Name("bytes-seen"))
}

/// Whether the sender emitted a gap-filling segment before the one that jumped the gap; what shows it.
pub(super) fn emitted_before(
    s: &Segment<'_>,
    gap: &Gap,
    (me, peer): (&Side, &Side),
    round_trip: Option<i64>,
) -> Option<&'static str> {
    if let (Some((mine, _)), Some(jumped)) = (s.options.timestamps, gap.tsval)
        && mine != jumped
    {
        // The sender's clock does not run backwards (RFC 7323 section 3.2).
        return before(mine, jumped).then_some("timestamp");
    }
    if let (Some(mine), Some(jumped)) = (s.ip_id, gap.ip_id)
        && mine != 0
        && jumped != 0
        && mine != jumped
    {
        // Senders that number their datagrams count up: a small step back was emitted before, a step on after.
        let step = mine.wrapping_sub(jumped) as i16;
        if (-64..0).contains(&step) {
            return Some("ip-id");
        }
        if (0..2048).contains(&step) {
            return None;
        }
    }
    // The receiver complained: the sender had reason to send again.
    if peer.heard_by(me) >= 3 && peer.acked.map(|a| a.0) == Some(s.seq) {
        return None;
    }
    (s.time_ns - gap.time_ns < round_trip.unwrap_or(REORDERING_NS)).then_some("time")
}

/// What a segment is that only asks: whether the window is still closed, or whether the peer still lives.
pub(super) fn probe(s: &Segment<'_>, me: &Side, peer: &Side, next: u32) -> Option<Kind> {
    let closed = peer.window == 0 && peer.packets > 0;
    let acked = peer.acked.map(|a| a.0);
    let one_new = s.len == 1 && s.seq == next && closed && acked.is_some();
    // All is acknowledged and the number before the next is sent once more: only to be answered. Linux asks for the window
    // like this, without a byte of its own.
    let last = s.len <= 1 && s.seq == next.wrapping_sub(1);
    // Whether all is acknowledged need not have been captured: who sends again sends a whole segment, not its last byte.
    let cut_off =
        || s.len == 1 && acked != Some(s.seq) && me.flight_of(s.seq).is_some_and(|f| f.start != s.seq);
    let one_old = last && (acked == Some(next) || cut_off());
    // A byte that is sent again because its acknowledgement has not come: the sender has not heard the time in that, or is not idle.
    let unheard =
        s.options.timestamps.zip(peer.acked_clock).is_some_and(|((_, echo), told)| before(echo, told));
    if !closed && s.len == 1 && (unheard || s.time_ns - me.latest.1 < LEAST_IDLE_NS) {
        return None;
    }
    let kind = if closed { Kind::TcpZeroWindowProbe } else { Kind::TcpKeepAlive };
    (s.is_plain() && (one_new || one_old)).then_some(kind)
}

/// Simultaneous open (RFC 9293 figure 7): its SYN goes out again because it now has an ACK to carry.
pub(super) fn crosses(s: &Segment<'_>, me: &Side) -> bool {
    s.syn && s.ack_flag && me.syn_acks == 0 && me.syn.is_some()
}

/// Whether the peer has all of it already, and has said so.
pub(super) fn is_spurious(s: &Segment<'_>, peer: &Side) -> bool {
    s.len > 0 && peer.acked.is_some_and(|(acked, _)| not_after(s.end(), acked))
}

/// Whether the peer has asked for it, by repeating itself, and this end has heard that.
pub(super) fn is_fast(s: &Segment<'_>, me: &Side, peer: &Side) -> bool {
    peer.heard_by(me) >= 2 && peer.acked.map(|a| a.0) == Some(s.seq)
}

fn fast(me: &Side, peer: &Side) -> Label {
    Label::new(Kind::TcpFastRetransmission)
        .with("dup_acks", Datum::Uint(peer.heard_by(me).into()))
        .with("first_dup_ack", Datum::Uint(peer.duplicate_acks.1))
}

/// Octets under way once a segment with data is sent.
pub(super) fn in_flight(s: &Segment<'_>, peer: &Side) -> Option<u64> {
    let (acked, _) = peer.acked.filter(|_| s.is_plain() && s.len > 0)?;
    Some(u64::from(s.end().wrapping_sub(acked)))
}

/// Whether so much is all that the peer allows. Where only one of the SYNs was captured, nobody knows what it allows.
pub(super) fn fills_window(in_flight: u64, me: &Side, peer: &Side) -> bool {
    let window = peer.scaled_window(me);
    window > 0 && in_flight == window && peer.scale.is_some() == me.scale.is_some()
}

/// What the acknowledgement says that was not said before.
fn acknowledgement(s: &Segment<'_>, me: &Side, peer: &Side, next: u32, j: &mut Judgement) {
    ack_of_unseen(s, me, peer, j);
    let Some((acked, of)) = me.acked else { return };
    if !(s.is_plain() && s.len == 0 && s.ack == acked && s.seq == next) {
        return;
    }
    if s.window == 0 {
        if let Some(of) = peer.probe {
            j.labels.push(Label::new(Kind::TcpZeroWindowProbeAck).with("of", Datum::Uint(of)));
        }
        return;
    }
    if me.window_of_syn {
        return; // the first window after the SYN: counted in other units, not changed
    }
    if s.window != me.window {
        if !me.machine.state_is_opening() {
            j.labels.push(
                Label::new(Kind::TcpWindowUpdate)
                    .with("window", Datum::Uint(announced(s, me, peer)))
                    .with("before", Datum::Uint(me.scaled_window(peer))),
            );
        }
        return;
    }
    if let Some(of) = peer.keep_alive {
        j.labels.push(Label::new(Kind::TcpKeepAliveAck).with("of", Datum::Uint(of)));
    } else if peer.seen.next().is_some_and(|n| before(acked, n)) {
        // Something is outstanding, and the same number is asked for again (RFC 5681 section 2).
        j.labels.push(
            Label::new(Kind::TcpDuplicateAck)
                .with("number", Datum::Uint(u64::from(me.duplicate_acks.0) + 1))
                .with("of", Datum::Uint(of)),
        );
    }
}

/// The window that a segment without SYN announces, in octets.
pub(super) fn announced(s: &Segment<'_>, me: &Side, peer: &Side) -> u64 {
    u64::from(s.window) << if me.scales(peer) { me.scale.unwrap_or(0) } else { 0 }
}

/// Whether it answers the only segment that the capture has of the peer, a keep-alive: it says again what it said before, if that is
/// known.
pub(super) fn answers_first(s: &Segment<'_>, me: &Side, peer: &Side, highest: u32) -> bool {
    let repeated = me.acked.is_none_or(|(acked, _)| acked == s.ack);
    s.len == 0 && peer.is_silent() && s.ack.wrapping_sub(highest) == 1 && repeated
}

/// An acknowledgement of bytes that the capture never held: they got there, another way.
fn ack_of_unseen(s: &Segment<'_>, me: &Side, peer: &Side, j: &mut Judgement) {
    if let Some(highest) = peer.seen.next()
        && s.ack_flag
        && !s.rst
        && before(highest, s.ack)
        && peer.ack_lost_told.is_none_or(|told| before(told, s.ack))
    {
        if answers_first(s, me, peer, highest) {
            // All that the capture has of the peer is one empty segment, with the number before the one due.
            j.labels.push(
                Label::new(Kind::TcpKeepAliveAck).variant("first").with("of", Datum::Uint(peer.last.0)),
            );
            return;
        }
        if let Some(packet) = came_damaged(s.acks_damaged, peer) {
            j.labels.push(
                Label::new(Kind::CaptureChecksum)
                    .with("original", Datum::Uint(packet))
                    .with("bytes", Datum::Uint(s.ack.wrapping_sub(highest).into())),
            );
            return;
        }
        j.labels.push(
            Label::new(Kind::TcpAckLostSegment)
                .with("highest", Datum::Uint(peer.relative(highest).into()))
                .with("missing", Datum::Uint(s.ack.wrapping_sub(highest).into())),
        );
    }
}
