//! How the two ends of a TCP connection talk: what is under way, what one acknowledgment covers, silences, losses, pieces.
//!
//! RFC 9293 sections 3.4, 3.7.4 and 3.8; RFC 5681. Names of the conversation (`talk.` before each):
//! * `idle`, `idle_from`, `idle_packet`: the longest silence that data ended, and the packets before and after it.
//! * `ack_packet`, `ack`, `ack_of`, `ack_seq`, `ack_len`: an acknowledgment that names the first number after a segment.
//! * `segments`, `acks`, `most`, `most_packet`, `most_bytes`: data segments of the end that sent more of them, the other's segments
//!   without data that confirmed some, and the most that one acknowledgment covered.
//! * `jump_packet`, `jump`, `jump_bytes`, `jump_dups`, `jump_wait`: segments that one acknowledgment covers after the same was
//!   repeated, how often, and for how long that went on.
//! * `first_flight`, `most_flight`: unconfirmed bytes before the first were confirmed, and the most later.
//! * `loss_packet`, `loss_flight`, `after_packet`, `after_flight`, `after_window`: unconfirmed bytes at the first fast retransmission and when
//!   sending goes on after it; the window that the receiver offers then.
//! * `crossed_packet`, `crossed_len`, `crossed_bytes`: data sent while the other end's was not confirmed yet.
//! * `small_packet`, `small_len`, `small_of`: a small segment sent while another small one is unconfirmed. `held_packet`, `held_len`,
//!   `held_wait`, `held_ack`: one that goes out right after the acknowledgment of the last.
//! * `pieces`, `pieces_bytes`, `pieces_len`, `pieces_first`, `pieces_last`, `pieces_mss`: full segments behind each other, and a last,
//!   shorter one with PSH.
//!
//! Names of the packet: `talk.repeats`, how many unconfirmed segments its bytes were sent in before; `talk.messages`, how many
//! HTTP messages end in it; `talk.damaged`, an earlier packet with its numbers and a wrong checksum.
//!
//! Bounded: [`MAX_KNOWN`] connections, then all are forgotten; [`MAX_OUT`] segments a direction. Copies at a second capture point do not count.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use foldhash::fast::RandomState;

use crate::capture::Frame;
use crate::decode::{Header, Packet};
use crate::flow::{FlowId, Kind, Outcome};
use crate::notes::expression::{self, Operand};

use super::Memory;

/// Connections remembered.
const MAX_KNOWN: usize = 16_384;
/// Unconfirmed segments remembered of a direction.
const MAX_OUT: usize = 2_048;
/// Damaged segments remembered.
const MAX_DAMAGED: usize = 16;
/// What is small: less than any maximum segment size in use (RFC 9293 section 3.7.1).
const SMALL: u32 = 500;
/// What options may take of a full segment (RFC 9293 section 3.7.1).
const MAX_OPTIONS: u32 = 40;
/// What goes out so soon after an acknowledgment was waiting for it.
const AT_ONCE_NS: i64 = 2_000_000;
/// And so many times sooner than the acknowledgment had taken, or it is chance.
const LONGER: i64 = 20;

use expression::Kind::{Number, Time};

/// The names, and the kinds of their values.
#[rustfmt::skip]
pub const NAMES: &[(&str, expression::Kind)] = &[
    ("talk.idle", Time), ("talk.idle_from", Number), ("talk.idle_packet", Number),
    ("talk.ack_packet", Number), ("talk.ack", Number), ("talk.ack_of", Number), ("talk.ack_seq", Number), ("talk.ack_len", Number),
    ("talk.segments", Number), ("talk.acks", Number), ("talk.most", Number), ("talk.most_packet", Number), ("talk.most_bytes", Number),
    ("talk.jump_packet", Number), ("talk.jump", Number), ("talk.jump_bytes", Number), ("talk.jump_dups", Number), ("talk.jump_wait", Time),
    ("talk.first_flight", Number), ("talk.most_flight", Number),
    ("talk.loss_packet", Number), ("talk.loss_flight", Number),
    ("talk.after_packet", Number), ("talk.after_flight", Number), ("talk.after_window", Number),
    ("talk.crossed_packet", Number), ("talk.crossed_len", Number), ("talk.crossed_bytes", Number),
    ("talk.small_packet", Number), ("talk.small_len", Number), ("talk.small_of", Number),
    ("talk.held_packet", Number), ("talk.held_len", Number), ("talk.held_wait", Time), ("talk.held_ack", Number),
    ("talk.pieces", Number), ("talk.pieces_bytes", Number), ("talk.pieces_len", Number),
    ("talk.pieces_first", Number), ("talk.pieces_last", Number), ("talk.pieces_mss", Number),
    ("talk.repeats", Number), ("talk.messages", Number), ("talk.damaged", Number),
];

/// A value under a name.
type Value = (&'static str, i128);

/// An unconfirmed segment.
#[derive(Debug, Clone, Copy)]
struct Piece {
    seq: u32,
    end: u32,
    len: u32,
    packet: u64,
    time_ns: i64,
}

/// Segments of one length behind each other.
#[derive(Debug, Clone, Copy)]
struct Run {
    first: u64,
    len: u32,
    count: u64,
    bytes: u64,
    next: u32,
    is_over: bool,
}

/// What happened after the first loss.
#[derive(Debug, Clone, Copy)]
struct Loss {
    packet: u64,
    flight: u32,
    recover: u32,
    recovered: bool,
    after: Option<(u64, u32, Option<u64>)>,
    is_over: bool,
}

/// One direction: what an end sends, and what it hears of it.
#[derive(Debug, Default)]
struct Way {
    /// The number before the first byte, where the SYN was captured.
    base: Option<u32>,
    next: Option<u32>,
    acked: Option<u32>,
    out: VecDeque<Piece>,
    scale: Option<u8>,
    mss: Option<u16>,
    window: Option<u64>,
    segments: u64,
    acks: u64,
    most: Option<(u64, u64, u64)>,
    dups: u64,
    dups_since: i64,
    last_len: Option<u32>,
    first_flight: u32,
    flight_heard: bool,
    most_flight: u32,
    loss: Option<Loss>,
    run: Option<Run>,
}

impl Way {
    fn flight(&self) -> u32 {
        match (self.next, self.acked) {
            (Some(next), Some(acked)) => next.wrapping_sub(acked),
            _ => self.out.iter().map(|p| p.len).sum(),
        }
    }
}

/// What is remembered of a connection.
#[derive(Debug, Default)]
struct Talk {
    /// The end whose packet came first.
    first: Option<(IpAddr, u16)>,
    ways: [Way; 2],
    /// The latest packet: its number and time.
    last: Option<(u64, i64)>,
    /// An acknowledgment without data that left nothing unconfirmed: of which direction, packet, time, and how long it took to come.
    cleared: Option<(usize, u64, i64, i64)>,
    /// What was found, by name.
    found: Vec<Value>,
}

impl Talk {
    fn get(&self, name: &str) -> Option<i128> {
        self.found.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    fn put(&mut self, values: &[Value]) {
        for (name, value) in values {
            match self.found.iter_mut().find(|(known, _)| known == name) {
                Some(known) => known.1 = *value,
                None => self.found.push((name, *value)),
            }
        }
    }

    /// Only what was not found before.
    fn put_first(&mut self, values: &[Value]) {
        if self.get(values[0].0).is_none() {
            self.put(values);
        }
    }
}

/// One segment, as it is needed here.
struct Segment {
    packet: u64,
    time_ns: i64,
    source: (IpAddr, u16),
    peer: (IpAddr, u16),
    seq: u32,
    ack: Option<u32>,
    syn: bool,
    fin: bool,
    rst: bool,
    psh: bool,
    len: u32,
    window: u16,
    scale: Option<u8>,
    mss: Option<u16>,
}

/// A damaged segment: who sent it, to whom, its number, its packet.
type Damaged = ((IpAddr, u16), (IpAddr, u16), u32, u64);

/// The memory.
#[derive(Debug, Default)]
pub struct Talks {
    talks: HashMap<FlowId, Talk, RandomState>,
    damaged: VecDeque<Damaged>,
    flow: Option<FlowId>,
    /// Of the packet at hand.
    repeats: Option<u64>,
    messages: u64,
    damaged_before: Option<u64>,
}

impl Memory for Talks {
    fn packet(&mut self, frame: &Frame<'_>, packet: &Packet<'_>, outcome: &Outcome) {
        self.flow = outcome.flow;
        self.repeats = None;
        self.damaged_before = None;
        let is = |kind: Kind| outcome.events.iter().any(|e| e.kind == kind && e.packet == frame.number);
        let messages = |kind: Kind| {
            outcome.events.iter().filter(|e| e.kind == kind && e.packet == frame.number).count() as u64
        };
        self.messages = messages(Kind::HttpRequest).max(messages(Kind::HttpResponse));
        let Some(segment) = segment(frame, packet) else { return };
        if is(Kind::ChecksumBad) {
            if self.damaged.len() >= MAX_DAMAGED {
                self.damaged.pop_front();
            }
            self.damaged.push_back((segment.source, segment.peer, segment.seq, segment.packet));
            return;
        }
        self.damaged_before = self
            .damaged
            .iter()
            .rev()
            .find(|d| (d.0, d.1, d.2) == (segment.source, segment.peer, segment.seq))
            .map(|d| d.3);
        let Some(flow) = outcome.flow.filter(|_| !is(Kind::CaptureCopy)) else { return };
        if self.talks.len() >= MAX_KNOWN && !self.talks.contains_key(&flow) {
            self.talks.clear();
        }
        let talk = self.talks.entry(flow).or_default();
        let first = *talk.first.get_or_insert(segment.source);
        let me = usize::from(first != segment.source);
        talk.silence(&segment);
        talk.options(me, &segment);
        talk.answers(me, &segment, is(Kind::TcpDuplicateAck));
        if segment.len > 0 {
            self.repeats = talk.data(me, &segment);
        } else if segment.fin {
            talk.ways[me].next = Some(segment.seq.wrapping_add(1));
        }
        if is(Kind::TcpFastRetransmission) {
            talk.lost(me, &segment);
        }
        talk.last = Some((segment.packet, segment.time_ns));
    }

    fn forget(&mut self, flow: FlowId) {
        self.talks.remove(&flow);
    }

    fn values(&self, name: &str, flow: Option<FlowId>, each: &mut dyn FnMut(Operand<'_>)) {
        let mut int = |n: u64| each(Operand::Int(n.into()));
        match name {
            "talk.repeats" => return self.repeats.into_iter().for_each(int),
            "talk.damaged" => return self.damaged_before.into_iter().for_each(int),
            "talk.messages" => return int(self.messages),
            _ => {}
        }
        let Some(talk) = flow.or(self.flow).and_then(|flow| self.talks.get(&flow)) else { return };
        let busy = usize::from(talk.ways[1].segments > talk.ways[0].segments);
        let (way, other) = (&talk.ways[busy], &talk.ways[1 - busy]);
        let value = match name {
            "talk.segments" => Some(way.segments.into()),
            "talk.acks" => Some(other.acks.into()),
            "talk.most" => way.most.map(|m| m.0.into()),
            "talk.most_packet" => way.most.map(|m| m.1.into()),
            "talk.most_bytes" => way.most.map(|m| m.2.into()),
            "talk.first_flight" => way.flight_heard.then_some(way.first_flight.into()),
            "talk.most_flight" => way.flight_heard.then_some(way.most_flight.into()),
            _ => talk.get(name),
        };
        let Some(value) = value else { return };
        match name {
            "talk.idle" | "talk.jump_wait" | "talk.held_wait" => each(Operand::Time(value)),
            _ => each(Operand::Int(value)),
        }
    }
}

impl Talk {
    fn silence(&mut self, s: &Segment) {
        if let Some((from, at)) = self.last
            && s.len > 0
            && i128::from(s.time_ns - at) > self.get("talk.idle").unwrap_or(0)
        {
            let idle = i128::from(s.time_ns - at);
            self.put(&[
                ("talk.idle", idle),
                ("talk.idle_from", from.into()),
                ("talk.idle_packet", s.packet.into()),
            ]);
        }
    }

    fn options(&mut self, me: usize, s: &Segment) {
        let both = self.ways.iter().all(|way| way.base.is_some());
        let scaled = self.ways.iter().all(|way| way.scale.is_some());
        let way = &mut self.ways[me];
        if s.syn {
            way.base = Some(s.seq);
            way.next = Some(s.seq.wrapping_add(1));
            way.scale = s.scale;
            way.mss = s.mss;
        } else if both {
            let scale = if scaled { way.scale.unwrap_or(0) } else { 0 };
            way.window = Some(u64::from(s.window) << scale);
        }
    }

    /// What the segment confirms of the other direction.
    fn answers(&mut self, me: usize, s: &Segment, is_repeated: bool) {
        let Some(ack) = s.ack.filter(|_| !s.rst) else { return };
        if is_repeated {
            let way = &mut self.ways[me];
            if way.dups == 0 {
                way.dups_since = s.time_ns;
            }
            way.dups += 1;
            return;
        }
        let other = &mut self.ways[1 - me];
        let before = other.acked;
        let Some(next) = other.next.filter(|next| distance(ack, *next) <= 0) else { return };
        if before.is_some_and(|before| distance(ack, before) <= 0) {
            return;
        }
        other.acked = Some(ack);
        let (mut count, mut bytes, mut last) = (0_u64, 0_u64, None);
        while let Some(piece) = other.out.front().copied().filter(|p| distance(p.end, ack) <= 0) {
            other.out.pop_front();
            count += 1;
            bytes += u64::from(piece.len);
            last = Some(piece);
        }
        if let Some(loss) = &mut other.loss {
            loss.is_over |= loss.after.is_some();
            loss.recovered |= distance(ack, loss.recover) >= 0;
        }
        let Some(last) = last else { return };
        other.flight_heard = true;
        if other.most.is_none_or(|m| count > m.0) {
            other.most = Some((count, s.packet, bytes));
        }
        let base = other.base;
        let cleared = ack == next;
        let way = &mut self.ways[me];
        let (dups, since) = (std::mem::take(&mut way.dups), way.dups_since);
        let is_plain = s.len == 0 && !s.fin && !s.syn;
        way.acks += u64::from(is_plain);
        if is_plain && cleared {
            self.cleared = Some((1 - me, s.packet, s.time_ns, s.time_ns - last.time_ns));
        }
        if let Some(base) = base.filter(|_| ack == last.end) {
            let of_way = |n: u32| i128::from(n.wrapping_sub(base));
            self.put_first(&[
                ("talk.ack_packet", s.packet.into()),
                ("talk.ack", of_way(ack)),
                ("talk.ack_of", last.packet.into()),
                ("talk.ack_seq", of_way(last.seq)),
                ("talk.ack_len", last.len.into()),
            ]);
        }
        if dups > 0 && i128::from(count) > self.get("talk.jump").unwrap_or(1) {
            self.put(&[
                ("talk.jump", count.into()),
                ("talk.jump_packet", s.packet.into()),
                ("talk.jump_bytes", bytes.into()),
                ("talk.jump_dups", dups.into()),
                ("talk.jump_wait", i128::from(s.time_ns - since)),
            ]);
        }
    }

    /// Takes in data; how many unconfirmed segments it repeats, if it does.
    fn data(&mut self, me: usize, s: &Segment) -> Option<u64> {
        let end = s.seq.wrapping_add(s.len);
        let way = &mut self.ways[me];
        if way.next.is_some_and(|next| distance(s.seq, next) < 0) {
            let within = |p: &&Piece| distance(p.seq, s.seq) >= 0 && distance(p.end, end) <= 0;
            return Some(way.out.iter().filter(within).count() as u64);
        }
        let small_before = way.out.back().copied().filter(|p| p.len < SMALL);
        let is_small = s.len < SMALL && !s.fin && !s.syn;
        let was_small = way.last_len.replace(s.len).is_some_and(|len| len < SMALL);
        way.segments += 1;
        way.next = Some(end.wrapping_add(u32::from(s.fin) + u32::from(s.syn)));
        if way.out.len() >= MAX_OUT {
            way.out.pop_front();
        }
        let was_empty = way.out.is_empty();
        way.out.push_back(Piece { seq: s.seq, end, len: s.len, packet: s.packet, time_ns: s.time_ns });
        let flight = way.flight();
        if !way.flight_heard {
            way.first_flight = flight;
        }
        way.most_flight = way.most_flight.max(flight);
        self.pieces(me, s, end);
        let others: u32 = self.ways[1 - me].out.iter().map(|p| p.len).sum();
        if others > 0 && !s.syn {
            self.put_first(&[
                ("talk.crossed_packet", s.packet.into()),
                ("talk.crossed_len", s.len.into()),
                ("talk.crossed_bytes", others.into()),
            ]);
        }
        if let Some(before) = small_before.filter(|_| is_small) {
            self.put_first(&[
                ("talk.small_packet", s.packet.into()),
                ("talk.small_len", s.len.into()),
                ("talk.small_of", before.packet.into()),
            ]);
        }
        if let Some((of, ack, at, took)) = self.cleared.take()
            && (of, was_empty, was_small, is_small) == (me, true, true, true)
            && self.last.is_some_and(|(last, _)| last == ack)
            && s.time_ns - at < AT_ONCE_NS
            && (s.time_ns - at) * LONGER < took
        {
            self.put_first(&[
                ("talk.held_packet", s.packet.into()),
                ("talk.held_len", s.len.into()),
                ("talk.held_wait", i128::from(s.time_ns - at)),
                ("talk.held_ack", ack.into()),
            ]);
        }
        self.goes_on(me, s, flight);
        None
    }

    fn pieces(&mut self, me: usize, s: &Segment, end: u32) {
        let mss = self.ways[1 - me].mss;
        let way = &mut self.ways[me];
        let fresh =
            Run { first: s.packet, len: s.len, count: 1, bytes: s.len.into(), next: end, is_over: false };
        let run = match way.run {
            Some(run) if !run.is_over && run.next == s.seq && s.len <= run.len => Run {
                count: run.count + 1,
                bytes: run.bytes + u64::from(s.len),
                next: end,
                is_over: s.len < run.len,
                ..run
            },
            _ => fresh,
        };
        way.run = Some(run);
        if let Some(mss) = mss
            && run.is_over
            && s.psh
            && run.count >= 3
            && run.len >= u32::from(mss).saturating_sub(MAX_OPTIONS)
        {
            self.put_first(&[
                ("talk.pieces", run.count.into()),
                ("talk.pieces_bytes", run.bytes.into()),
                ("talk.pieces_len", run.len.into()),
                ("talk.pieces_first", run.first.into()),
                ("talk.pieces_last", s.packet.into()),
                ("talk.pieces_mss", mss.into()),
            ]);
        }
    }

    fn lost(&mut self, me: usize, s: &Segment) {
        let way = &mut self.ways[me];
        let (None, Some(recover)) = (way.loss, way.next) else { return };
        let flight = way.flight();
        way.loss =
            Some(Loss { packet: s.packet, flight, recover, recovered: false, after: None, is_over: false });
    }

    /// New data after a loss was made good: how much is under way then.
    fn goes_on(&mut self, me: usize, s: &Segment, flight: u32) {
        let window = self.ways[1 - me].window;
        let Some(loss) = self.ways[me].loss.as_mut().filter(|l| l.recovered && !l.is_over) else { return };
        if loss.after.is_none_or(|(_, before, _)| flight > before) {
            loss.after = Some((s.packet, flight, window));
        }
        let Loss { packet, flight, after, .. } = *loss;
        let Some((after_packet, after_flight, after_window)) = after else { return };
        self.put(&[
            ("talk.loss_packet", packet.into()),
            ("talk.loss_flight", flight.into()),
            ("talk.after_packet", after_packet.into()),
            ("talk.after_flight", after_flight.into()),
        ]);
        if let Some(window) = after_window {
            self.put(&[("talk.after_window", window.into())]);
        }
    }
}

/// How far `a` is beyond `b` (RFC 9293 section 3.4).
fn distance(a: u32, b: u32) -> i32 {
    a.wrapping_sub(b).cast_signed()
}

fn segment(frame: &Frame<'_>, packet: &Packet<'_>) -> Option<Segment> {
    let Header::Tcp(h) = &packet.transport()?.header else { return None };
    let (from, to) = match &packet.ip()?.header {
        Header::Ipv4(ip) => (IpAddr::from(ip.source()), IpAddr::from(ip.destination())),
        Header::Ipv6(ip) => (IpAddr::from(ip.source()), IpAddr::from(ip.destination())),
        _ => return None,
    };
    let (mut scale, mut mss) = (None, None);
    let mut options = if h.syn() { h.options() } else { &[] };
    while let [kind, rest @ ..] = options {
        let length = match (kind, rest.first()) {
            (0, _) => break,
            (1, _) => 1,
            (_, Some(&length)) if length >= 2 && usize::from(length) <= options.len() => usize::from(length),
            _ => break,
        };
        match (kind, &options[1.min(length)..length]) {
            (2, [_, a, b]) => mss = Some(u16::from_be_bytes([*a, *b])),
            (3, [_, shift]) => scale = Some((*shift).min(14)),
            _ => {}
        }
        options = &options[length..];
    }
    Some(Segment {
        packet: frame.number,
        time_ns: frame.time_ns,
        source: (from, h.source_port()),
        peer: (to, h.destination_port()),
        seq: h.sequence_number(),
        ack: h.ack().then(|| h.acknowledgment_number()),
        syn: h.syn(),
        fin: h.fin(),
        rst: h.rst(),
        psh: h.psh(),
        len: u32::try_from(packet.transport_len.saturating_sub(h.header_len())).ok()?,
        window: h.window_size(),
        scale,
        mss,
    })
}
