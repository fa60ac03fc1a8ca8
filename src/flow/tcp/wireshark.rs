//! Wireshark's own labels, for those who compare: `--compat wireshark`.
//!
//! The rules of its TCP sequence analysis (release 4.0), each with its own words beside it. They know numbers, windows
//! and times of one direction and the other, and nothing of the sender's marks (IP identification, timestamps, SACK);
//! where that leads elsewhere than [`super::analysis`] is told in docs/differences.md.
//!
//! RFC 9293 section 3.8 is the ground of both; RFC 5681 section 3.2 of fast retransmissions. Leaves out: Multipath TCP's
//! exception for duplicate ACKs, and the user's overrides of labels.

use super::analysis::{Label, REORDERING_NS};
use super::segment::{Segment, sack_edges};
use super::sequence::{before, not_after};
use crate::flow::event::{Datum, Kind};

/// A resent segment comes within this time of the last duplicate ACK, or it is not a fast retransmission.
const FAST_NS: i64 = 20_000_000;
/// The labels' sentences: a rule and its numbers, no evidence.
const VARIANT: &str = "wireshark";

/// What a direction's windows are scaled by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scale {
    /// Its SYN was not captured.
    Unknown,
    /// One side did not offer it.
    Unused,
    By(u8),
}

/// What is remembered of one direction. Numbers are the wire's; 0 stands for "none yet", as there.
#[derive(Debug, Clone, Copy)]
struct Direction {
    next: u32,
    next_time: i64,
    /// The highest number that an acknowledgement can cover if nothing is missing.
    to_be_acked: u32,
    ack: u32,
    ack_time: i64,
    window: u32,
    scale: Scale,
    /// Its window is that of a SYN, which is never scaled.
    first_window: bool,
    /// Repetitions of its acknowledgement. -1 after the peer has acknowledged what was not captured: that is said once
    /// until this side acknowledges something new, and makes a resent segment a fast retransmission meanwhile.
    duplicates: u32,
    last_new_ack: u64,
    keep_alive: bool,
    probe: bool,
    /// Nothing was missed since the peer acknowledged last: what is under way can be counted.
    counted: bool,
    /// Octets that its latest segment reports as received behind a gap (SACK).
    sacked: u32,
}

const NEW: Direction = Direction {
    next: 0,
    next_time: 0,
    to_be_acked: 0,
    ack: 0,
    ack_time: 0,
    window: u32::MAX,
    scale: Scale::Unknown,
    first_window: false,
    duplicates: 0,
    last_new_ack: 0,
    keep_alive: false,
    probe: false,
    counted: true,
    sacked: 0,
};

/// So many segments of a direction are remembered until they are acknowledged.
const MAX_UNDER_WAY: usize = 10_000;
/// What is under way from here on is no number to be told.
const TOO_MUCH: u32 = 2_000_000_000;

/// A segment that was not acknowledged, or what is left of it.
#[derive(Debug, Clone, Copy)]
struct UnderWay {
    packet: u64,
    first: u32,
    next: u32,
}

/// What a segment is told with besides its own numbers.
#[derive(Debug, Clone, Copy)]
pub struct Told {
    /// Where its sender's numbers count from when shown.
    pub base: u32,
    /// Where its receiver's do.
    pub peer_base: u32,
}

/// Both directions of one connection.
#[derive(Debug, Clone)]
pub struct Wireshark {
    sides: [Direction; 2],
    /// In the order they were captured, each as often as it was.
    under_way: [Vec<UnderWay>; 2],
    /// The packet whose end the latest segment acknowledges.
    pub acks: Option<u64>,
    /// From the first octet remembered to the last, after the latest segment.
    pub in_flight: Option<u32>,
    /// Time of the latest SYN.
    syn_time: Option<i64>,
    /// From there to the first segment with an ACK and no SYN.
    round_trip: Option<i64>,
}

impl Default for Wireshark {
    fn default() -> Wireshark {
        Wireshark {
            sides: [NEW; 2],
            under_way: Default::default(),
            acks: None,
            in_flight: None,
            syn_time: None,
            round_trip: None,
        }
    }
}

impl Wireshark {
    /// Takes in a segment of side `m`; gives the labels that Wireshark would give.
    pub fn labels(&mut self, s: &Segment<'_>, m: usize, told: Told) -> Vec<Label> {
        self.announce(s, m);
        let me = self.sides[m];
        let mut peer = self.sides[1 - m];
        let mut now = me;
        let mut labels = self.numbers(s, &mut now, &peer, told);
        if s.ack != me.ack {
            now.last_new_ack = s.packet;
            now.duplicates = 0;
        }
        if s.ack_flag && peer.to_be_acked != 0 && before(peer.to_be_acked, s.ack) {
            let highest = peer.to_be_acked;
            let is_behind = before(highest, peer.next);
            if is_behind || peer.duplicates == 0 {
                labels.push(
                    said(Kind::TcpAckLostSegment)
                        .with("highest", Datum::Uint(highest.wrapping_sub(told.peer_base).into()))
                        .with("missing", Datum::Uint(s.ack.wrapping_sub(highest).into())),
                );
            }
            if is_behind {
                peer.to_be_acked = peer.next;
            } else {
                peer.duplicates = u32::MAX;
            }
        }
        if s.length() > 0 && !now.keep_alive {
            labels.extend(again(s, &me, &peer, self.round_trip).map(said));
        }
        now.note(s);
        now.counted &= labels.iter().all(|label| label.kind != Kind::TcpLostSegment);
        peer.counted |= s.ack_flag;
        self.sides[m] = now;
        self.sides[1 - m] = peer;
        self.flights(s, m, told.base);
        if s.ack_flag && !s.syn && self.round_trip.is_none() {
            self.round_trip = self.syn_time.map(|syn| s.time_ns - syn).filter(|ns| *ns != 0);
        }
        labels
    }

    /// Probes, windows, gaps and repetitions: what the numbers alone say. `now` learns of them.
    fn numbers(&self, s: &Segment<'_>, now: &mut Direction, peer: &Direction, told: Told) -> Vec<Label> {
        let me = *now;
        (now.keep_alive, now.probe) = (false, false);
        let plain = s.is_plain();
        let window = u32::from(s.window);
        let repeats = s.len == 0 && plain && s.seq == me.next;
        let mut labels = Vec::new();
        if s.len == 1 && s.seq == me.next && peer.window == 0 {
            now.probe = true;
            labels.push(said(Kind::TcpZeroWindowProbe));
            return labels;
        }
        if window == 0 && plain {
            labels.push(said(Kind::TcpZeroWindow));
        }
        if me.next != 0 && before(me.next, s.seq) && !s.rst {
            labels.push(
                said(Kind::TcpLostSegment)
                    .with("expected", Datum::Uint(me.next.wrapping_sub(told.base).into()))
                    .with("missing", Datum::Uint(s.seq.wrapping_sub(me.next).into())),
            );
        }
        if s.len <= 1 && plain && s.seq == me.next.wrapping_sub(1) {
            now.keep_alive = true;
            labels.push(said(Kind::TcpKeepAlive));
        }
        if repeats && s.ack == me.ack && window != 0 && window != me.window {
            labels.push(said(Kind::TcpWindowUpdate));
        }
        if let (true, Some(shift)) = (plain && s.len > 0, peer.shift())
            && s.end() == peer.ack.wrapping_add(peer.window << shift)
        {
            labels
                .push(said(Kind::TcpWindowFull).with("window", Datum::Uint(u64::from(peer.window) << shift)));
        }
        let same = repeats && window == me.window;
        if same && s.ack == me.ack && window != 0 && peer.keep_alive {
            labels.push(said(Kind::TcpKeepAliveAck));
        } else if same && window == 0 && peer.probe && s.ack.wrapping_sub(me.ack) <= 1 {
            labels.push(said(Kind::TcpZeroWindowProbeAck));
        } else if same && s.ack == me.ack && window != 0 {
            now.duplicates = now.duplicates.wrapping_add(1);
            labels.push(
                said(Kind::TcpDuplicateAck)
                    .with("number", Datum::Uint(now.duplicates.into()))
                    .with("of", Datum::Uint(me.last_new_ack)),
            );
        }
        labels
    }

    /// What is acknowledged, and what is under way.
    fn flights(&mut self, s: &Segment<'_>, m: usize, base: u32) {
        if s.length() > 0 && self.under_way[m].len() < MAX_UNDER_WAY {
            self.under_way[m].push(UnderWay { packet: s.packet, first: s.seq, next: s.end() });
        }
        self.acks = self.under_way[1 - m].iter().find(|u| u.next == s.ack).map(|u| u.packet);
        self.under_way[1 - m].retain_mut(|u| {
            if before(u.first, s.ack) && before(s.ack, u.next) {
                u.first = s.ack;
            }
            before(s.ack, u.next)
        });
        let numbers =
            self.under_way[m].iter().map(|u| (u.first.wrapping_sub(base), u.next.wrapping_sub(base)));
        let extent = numbers.reduce(|(first, last), u| (first.min(u.0), last.max(u.1)));
        self.in_flight = extent
            .filter(|_| s.len > 0 && self.sides[m].counted)
            .map(|(first, last)| last.wrapping_sub(first))
            .filter(|octets| (1..TOO_MUCH).contains(octets))
            .map(|octets| octets.checked_sub(self.sides[1 - m].sacked).unwrap_or(octets))
            .and_then(|octets| octets.checked_sub(u32::from(s.syn || s.fin)))
            .filter(|octets| *octets > 0);
    }

    /// What a SYN changes. Scaling: offered by both, or used by none.
    fn announce(&mut self, s: &Segment<'_>, m: usize) {
        if s.syn && !s.ack_flag {
            self.syn_time = Some(s.time_ns);
            let me = &mut self.sides[m];
            me.next = me.to_be_acked; // the SYN again: a RST may have carried any number in between
        }
        if s.syn {
            self.sides[m].scale = s.options.window_scale.map_or(Scale::Unused, Scale::By);
            let both = [self.sides[0].scale, self.sides[1].scale];
            if s.ack_flag && both.contains(&Scale::Unused) {
                self.sides.iter_mut().for_each(|side| side.scale = Scale::Unused);
            }
        }
    }
}

impl Direction {
    /// By how much its window is shifted; `None` where nobody knows.
    fn shift(&self) -> Option<u8> {
        match self.scale {
            Scale::Unknown => None,
            Scale::Unused => Some(0),
            Scale::By(_) if self.first_window => Some(0),
            Scale::By(shift) => Some(shift),
        }
    }

    fn note(&mut self, s: &Segment<'_>) {
        if !self.probe {
            if self.next == 0 || before(self.next, s.end()) {
                (self.next, self.next_time) = (s.end(), s.time_ns);
            }
            if self.to_be_acked == 0 || s.seq == self.to_be_acked {
                self.to_be_acked = self.next;
            }
        }
        (self.window, self.ack, self.ack_time) = (s.window.into(), s.ack, s.time_ns);
        self.first_window = s.syn;
        self.sacked = 0;
        sack_edges(s.options_bytes, &mut |left, right| {
            if !before(left, s.ack) {
                self.sacked = self.sacked.wrapping_add(right.wrapping_sub(left));
            }
        });
    }
}

fn said(kind: Kind) -> Label {
    Label::new(kind).variant(VARIANT)
}

/// What a segment is whose number does not advance the direction; in this order.
fn again(s: &Segment<'_>, me: &Direction, peer: &Direction, round_trip: Option<i64>) -> Option<Kind> {
    let mut old = me.next != 0 && before(s.seq, me.next);
    if s.len > 1 && me.next.wrapping_sub(1) == s.seq {
        old = false; // the byte before may have been a probe of a closed window: this one brings new data
    }
    if s.len > 0 && peer.ack != 0 && not_after(s.seq.wrapping_add(s.len), peer.ack) {
        return Some(Kind::TcpSpuriousRetransmission);
    }
    if !old {
        return None;
    }
    if peer.duplicates >= 2 && peer.ack == s.seq && s.time_ns - peer.ack_time < FAST_NS {
        return Some(Kind::TcpFastRetransmission);
    }
    let since = s.time_ns - me.next_time;
    if since < round_trip.unwrap_or(REORDERING_NS) && me.next != s.end() {
        return Some(Kind::TcpOutOfOrder);
    }
    Some(Kind::TcpRetransmission)
}
