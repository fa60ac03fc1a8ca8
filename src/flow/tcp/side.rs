//! One direction of a connection: what its sender has sent, announced and acknowledged so far.

use std::collections::VecDeque;

use arrayvec::ArrayVec;

use super::endpoint::Machine;
use super::history::Trail;
use super::identification::Identifications;
use super::lost::{Beyond, Passed};
use super::reassembly::Reassembly;
use super::segment::Segment;
use super::sequence::{Gap, Seen, before, not_after};
use super::state::State;

/// At most this many unacknowledged segments are remembered for round-trip times and as evidence.
const MAX_FLIGHTS: usize = 1024;
/// At most this many round-trip times are kept; then every second one is dropped and half as many taken.
const MAX_SAMPLES: usize = 128;

/// A segment that waits for its acknowledgement.
#[derive(Debug, Clone, Copy)]
pub struct Flight {
    /// First sequence number.
    pub start: u32,
    /// Number after the last.
    pub end: u32,
    /// Packet that carried it first.
    pub packet: u64,
    /// Its time.
    pub time_ns: i64,
    /// When it was sent last.
    pub last_ns: i64,
    /// Its timestamp option, where it had one.
    pub tsval: Option<u32>,
    /// Its IPv4 identification, where it had one.
    pub ip_id: Option<u16>,
    /// The same, of when it was sent last.
    pub last_id: Option<u16>,
    /// Whether it was sent again: its acknowledgement says nothing of the round trip (Karn's algorithm,
    /// RFC 6298 section 3).
    pub resent: bool,
}

/// Round-trip times, a bounded sample of them.
#[derive(Debug, Clone, Default)]
pub struct RoundTrips {
    samples: Vec<u32>, // microseconds: 71 minutes are enough
    stride: u32,
    skip: u32,
}

impl RoundTrips {
    /// One more, in nanoseconds.
    pub fn add(&mut self, ns: i64) {
        if self.skip > 0 {
            self.skip -= 1;
            return;
        }
        if self.samples.len() >= MAX_SAMPLES {
            let mut keep = false;
            self.samples.retain(|_| {
                keep = !keep;
                keep
            });
            self.stride = (self.stride * 2).max(2);
        }
        self.skip = self.stride.saturating_sub(1);
        self.samples.push(u32::try_from(ns / 1000).unwrap_or(u32::MAX));
    }

    /// Smallest, median and largest in nanoseconds.
    pub fn summary(&self, other: &RoundTrips) -> Option<[i64; 3]> {
        let mut all: Vec<u32> = self.samples.iter().chain(&other.samples).copied().collect();
        all.sort_unstable();
        let (first, last) = (all.first()?, all.last()?);
        Some([*first, all[all.len() / 2], *last].map(|us| i64::from(us) * 1000))
    }
}

/// One direction: the sender's side of it.
#[derive(Debug, Clone)]
pub struct Side {
    /// The sender's state.
    pub machine: Machine,
    /// Its initial sequence number, where its SYN was captured or acknowledged.
    pub isn: Option<u32>,
    /// What relative numbers count from: the ISN, or one less than the first number seen.
    pub base: Option<u32>,
    /// What has been sent.
    pub seen: Seen,
    /// The capture point that this direction was seen at first.
    pub interface: Option<u32>,
    /// How the sender numbers its datagrams.
    pub ids: Identifications,
    /// Packet and time of the segment that sent the highest number.
    pub latest: (u64, i64),
    /// Packet of its last segment, and of the last one that takes up numbers.
    pub last: (u64, u64),
    /// Time of its last segment.
    pub last_ns: i64,
    /// Its segments that take up numbers since the peer's latest, as far as there is room.
    pub passed: ArrayVec<Passed, 8>,
    /// Datagrams that got lost before the capture point with bytes beyond `seen`; what follows there was sent before.
    pub lost_beyond: Option<Beyond>,
    /// The latest time on the sender's clock (RFC 7323 section 3.2), the packet that told it first, and that packet's time.
    pub clock: Option<(u32, u64, i64)>,
    /// Packet of the sender's first and latest SYN, and how many there were.
    pub syn: Option<(u64, i64, u32)>,
    /// How many SYN+ACKs were sent.
    pub syn_acks: u32,
    /// Time of the latest SYN.
    pub syn_last: i64,
    /// Time between the latest SYN and the one before it.
    pub syn_gap: i64,
    /// The FIN: the number after it, and the packet that sent it first.
    pub fin: Option<(u32, u64)>,
    /// Time of that packet.
    pub fin_time: i64,
    /// TTL of its segments, and how many had the same; 0 once they differ.
    pub ttl: (u8, u32),
    /// A RST that answers a SYN, captured before it: the number it acknowledges, its packet.
    pub refusal: Option<(u32, u64)>,
    /// A RST in this sender's name: its packet and time, and the number after what the sender sent next, once it has
    /// shown that it goes on.
    pub reset: Option<(u64, i64, Option<u32>)>,
    /// The FIN was sent again and not acknowledged since.
    pub fin_repeated: bool,
    /// The highest number acknowledged by this sender, and the packet that did it first.
    pub acked: Option<(u32, u64)>,
    /// Time of that packet.
    pub acked_time: i64,
    /// The sender's clock in that packet.
    pub acked_clock: Option<u32>,
    /// The acknowledgement in its last segment, be it new or old: what a RST in answer to that takes for its number.
    pub said_ack: Option<u32>,
    /// The peer's timestamp that this sender echoed last: what the peer sent until then had arrived.
    pub echo: Option<u32>,
    /// The packet in which the sender acknowledged the peer's FIN first, and whether it was a FIN itself.
    pub fin_acked: Option<(u64, bool)>,
    /// Repetitions of the acknowledgement, and the packet of the first repetition.
    pub duplicate_acks: (u32, u64),
    /// The latest of those repetitions, and how many of them passed where the peer sends: they reached it.
    pub repeated: ArrayVec<u64, 32>,
    /// See `repeated`.
    pub reached: u32,
    /// Window as announced last, unscaled.
    pub window: u16,
    /// Whether that was in a SYN, whose window is never scaled.
    pub window_of_syn: bool,
    /// Scale of windows that this sender announces.
    pub scale: Option<u8>,
    /// Maximum segment size that this sender announced.
    pub mss: Option<u16>,
    /// The last segment was a keep-alive.
    pub keep_alive: Option<u64>,
    /// The last segment was a probe of a closed window.
    pub probe: Option<u64>,
    /// A peer's acknowledgement of bytes never captured has been told up to here.
    pub ack_lost_told: Option<u32>,
    /// Packets and frame bytes sent.
    pub packets: u64,
    /// Frame bytes sent.
    pub bytes: u64,
    /// Payload, each sequence number once.
    pub payload: u64,
    /// Segments that carried nothing new.
    pub retransmitted: u64,
    /// Segments that wait for an acknowledgement.
    pub flights: VecDeque<Flight>,
    /// Round trips: from this sender's segments to the acknowledgements of them.
    pub round_trips: RoundTrips,
    /// Payload in order, while someone reads it.
    pub reassembly: Option<Box<Reassembly>>,
    /// Where its latest bytes are kept.
    pub trail: Option<Trail>,
}

impl Side {
    /// A side of which nothing is known but the state.
    pub fn new(state: State) -> Side {
        Side {
            machine: Machine::new(state),
            isn: None,
            base: None,
            seen: Seen::default(),
            interface: None,
            ids: Identifications::default(),
            latest: (0, 0),
            last: (0, 0),
            last_ns: 0,
            passed: ArrayVec::new(),
            lost_beyond: None,
            clock: None,
            syn: None,
            syn_acks: 0,
            syn_last: 0,
            syn_gap: 0,
            fin: None,
            fin_time: 0,
            ttl: (0, 0),
            refusal: None,
            reset: None,
            fin_repeated: false,
            acked: None,
            acked_time: 0,
            acked_clock: None,
            said_ack: None,
            echo: None,
            fin_acked: None,
            duplicate_acks: (0, 0),
            repeated: ArrayVec::new(),
            reached: 0,
            window: 0,
            window_of_syn: false,
            scale: None,
            mss: None,
            keep_alive: None,
            probe: None,
            ack_lost_told: None,
            packets: 0,
            bytes: 0,
            payload: 0,
            retransmitted: 0,
            flights: VecDeque::new(),
            round_trips: RoundTrips::default(),
            reassembly: None,
            trail: None,
        }
    }

    /// Whether the sender of an unanswered SYN has given up by now: it would have asked again, each time after
    /// twice the wait before (RFC 6298 section 5.5), and it has not.
    pub fn gave_up(&self, now_ns: i64) -> bool {
        let waits = matches!(self.syn, Some((_, _, attempts)) if attempts >= 2);
        self.machine.state == State::SynSent
            && waits
            && now_ns - self.syn_last > self.syn_gap.saturating_mul(5) / 2
    }

    /// How many repetitions of this sender's acknowledgement `peer` has heard. Where the two send past different capture
    /// points, only those count that passed the peer's.
    pub fn heard_by(&self, peer: &Side) -> u32 {
        match (self.interface, peer.interface) {
            (Some(mine), Some(theirs)) if mine != theirs => self.reached,
            _ => self.duplicate_acks.0,
        }
    }

    /// Whether all that was seen of it is one segment that takes up no numbers.
    pub fn is_silent(&self) -> bool {
        self.packets == 1 && self.last.1 == 0
    }

    /// A number relative to where the direction began.
    pub fn relative(&self, number: u32) -> u32 {
        number.wrapping_sub(self.base.unwrap_or(number))
    }

    /// Whether windows of this side are scaled: it offered to, and so did the peer, as far as its SYN was captured.
    pub fn scales(&self, peer: &Side) -> bool {
        self.scale.is_some() && (peer.scale.is_some() || peer.syn.is_none())
    }

    /// The announced window in bytes. Scaling counts only where both sides offered it (RFC 7323 section 2.2),
    /// and never in a SYN.
    pub fn scaled_window(&self, peer: &Side) -> u64 {
        let scaled = self.scales(peer) && !self.window_of_syn;
        u64::from(self.window) << if scaled { self.scale.unwrap_or(0) } else { 0 }
    }

    /// Notes the numbers of a segment that was sent; returns how many of them are new. `largest`: payload that one datagram can
    /// have, `explained`: there is a reason for a jump in the numbering of datagrams.
    pub fn note_sent(&mut self, s: &Segment<'_>, counts: bool, largest: u32, explained: bool) -> u32 {
        let length = s.length();
        let jump = Gap {
            start: 0,
            end: 0,
            packet: s.packet,
            time_ns: s.time_ns,
            tsval: s.options.timestamps.map(|t| t.0),
            ip_id: s.ip_id,
        };
        if let Some(tsval) = jump.tsval
            && !s.rst
            && self.clock.is_none_or(|(clock, ..)| before(clock, tsval))
        {
            self.clock = Some((tsval, s.packet, s.time_ns));
        }
        self.interface.get_or_insert(s.interface);
        self.ttl = match self.ttl {
            (_, 0) if self.packets <= 1 => (s.ttl, 1),
            (ttl, count @ 1..) if ttl == s.ttl => (ttl, count.saturating_add(1)),
            _ if s.rst => self.ttl, // it may be anybody's
            _ => (s.ttl, 0),
        };
        self.last = (s.packet, if length > 0 { s.packet } else { self.last.1 });
        self.last_ns = s.time_ns;
        if length > 0 {
            let again = self.seen.next().is_some_and(|next| before(s.seq, next));
            let _ = self.passed.try_push(Passed { tsval: jump.tsval, again_ns: again.then_some(s.time_ns) });
        }
        let before_next = self.seen.next();
        let gaps = self.seen.has_gaps();
        let new = if counts { self.seen.add(s.seq, length, jump) } else { 0 };
        let advanced = match before_next {
            None => true,
            Some(next) => before(next, s.end()),
        };
        let skips = gaps || self.seen.has_gaps() || explained;
        let datagrams = u16::try_from(s.len.div_ceil(largest)).unwrap_or(u16::MAX).max(1);
        self.ids.note(s.ip_id, skips, datagrams, advanced && length > 0);
        if counts && advanced {
            self.latest = (s.packet, s.time_ns);
        }
        if counts && length > 0 {
            if advanced && self.flights.len() < MAX_FLIGHTS {
                self.flights.push_back(Flight {
                    start: s.seq,
                    end: s.end(),
                    packet: s.packet,
                    time_ns: s.time_ns,
                    last_ns: s.time_ns,
                    tsval: jump.tsval,
                    ip_id: s.ip_id,
                    last_id: s.ip_id,
                    resent: false,
                });
            } else {
                for flight in &mut self.flights {
                    if before(flight.start, s.end()) && before(s.seq, flight.end) {
                        flight.resent = true;
                        flight.last_ns = s.time_ns;
                        flight.last_id = s.ip_id;
                    }
                }
            }
        }
        new
    }

    /// The TTL that all its segments have had so far, if that is several.
    pub fn usual_ttl(&self) -> Option<u8> {
        let (ttl, count) = self.ttl;
        (count >= 3).then_some(ttl)
    }

    /// Notes a RST, or that its alleged sender goes on: the first number that it then can have acknowledged.
    pub fn note_reset(&mut self, s: &Segment<'_>) {
        match &mut self.reset {
            None if s.rst => {
                self.reset = Some((s.packet, s.time_ns, None));
                self.refusal = s.refuses().then_some((s.ack, s.packet));
            }
            Some((_, _, goes_on @ None)) if !s.rst => *goes_on = Some(s.seq.wrapping_add(s.length().max(1))),
            _ => {}
        }
    }

    /// The segment that carried this number first, while it is not acknowledged.
    pub fn flight_of(&self, seq: u32) -> Option<&Flight> {
        self.flights.iter().find(|f| not_after(f.start, seq) && before(seq, f.end))
    }

    /// The peer acknowledged up to `ack` at this time: what is covered is no longer under way.
    /// Returns the packet whose last byte that is, where there is one, and the time since it was sent first.
    pub fn note_acked(&mut self, ack: u32, time_ns: i64) -> Option<(u64, i64)> {
        let mut packet = None;
        let mut sample = None;
        while let Some(flight) = self.flights.front() {
            if before(ack, flight.end) {
                break;
            }
            packet = (flight.end == ack).then_some((flight.packet, time_ns - flight.time_ns));
            sample = if flight.resent { None } else { Some(time_ns - flight.time_ns) };
            self.flights.pop_front();
        }
        if let Some(ns) = sample {
            self.round_trips.add(ns);
        }
        if self.flights.is_empty() && self.flights.capacity() > 16 {
            self.flights = VecDeque::new();
        }
        self.seen.acknowledged(ack);
        packet
    }
}
