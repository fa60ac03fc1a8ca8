//! The two sides of a connection together: which segment is which step of opening and closing.
//!
//! RFC 9293 sections 3.5 (opening), 3.6 (closing), RFC 7413 (Fast Open). Nothing is refused: a segment that does
//! not belong is told and followed.

mod artifacts;
mod closing;
mod conflict;
mod opening;
mod states;

use std::net::{IpAddr, Ipv4Addr};

use super::analysis::{self, Judgement, Label};
use super::history::Histories;
use super::lost;
use super::segment::Segment;
use super::sequence::{Novelty, Seen, before};
use super::side::{Flight, Side};
use super::state::{State, StateChange};
use super::why::{self, Reason};
use super::wireshark::{Told, Wireshark};
use crate::flow::event::{Datum, Event, Kind, Severity};
use crate::flow::record::{Endpoint, FlowProtocol, FlowRecord, Party, TcpRecord};
use crate::flow::table::{Base, Follow};

/// Wireshark's `tcp.completeness` bits.
mod complete {
    pub const SYN: u8 = 1;
    pub const SYN_ACK: u8 = 2;
    pub const ACK: u8 = 4;
    pub const DATA: u8 = 8;
    pub const FIN: u8 = 16;
    pub const RST: u8 = 32;
}

/// What a connection became of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opening {
    NotCaptured,
    Asked,
    Answered,
    ThreeWay,
    FastOpen,
    Simultaneous,
    Refused,
    ResetDuring,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Closing {
    No,
    HalfClosed,
    FourSegment,
    ThreeSegment,
    Simultaneous,
    Reset(Endpoint),
}

/// Where the events and changes of one segment go.
pub struct Step<'o> {
    /// What happened.
    pub events: &'o mut Vec<Event>,
    /// Who changed state.
    pub states: &'o mut Vec<StateChange>,
    /// Why the segment is labelled as it is, where somebody asks.
    pub why: Option<&'o mut Vec<Reason>>,
    /// The latest bytes of all directions; none at the end.
    pub histories: Option<&'o mut Histories>,
}

/// Another tool whose labels are to be told instead of our own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compat {
    /// Wireshark and tshark.
    Wireshark,
}

/// One connection.
#[derive(Debug)]
pub struct Connection {
    /// Numbers and times.
    pub base: Base,
    /// From client, from server.
    pub sides: [Side; 2],
    /// What was recognised inside.
    pub application: Option<&'static str>,
    completeness: u8,
    opening: Opening,
    closing: Closing,
    closing_before_reset: Option<Closing>,
    closed_first: Option<&'static str>,
    handshake_rtt: Option<i64>,
    /// The handshake's ACK was seen.
    handshake_told: bool,
    /// The answer to the SYN: packet and time.
    syn_ack: Option<(u64, i64)>,
    troubles: u32,
    /// The packet whose data the latest segment acknowledges first, and the time since it was sent first.
    pub acks: Option<(u64, i64)>,
    /// Whether the latest segment has a label.
    pub labelled: bool,
    /// What of the capture's own doing was told.
    told: artifacts::Told,
    /// Whose labels are told, where not our own.
    pub wireshark: Option<Box<Wireshark>>,
}

impl Follow for Connection {
    fn base(&self) -> &Base {
        &self.base
    }

    fn is_over(&self) -> bool {
        let done = |s: &Side| matches!(s.machine.presumed(), State::Closed | State::TimeWait);
        done(&self.sides[0]) && done(&self.sides[1]) || self.opening == Opening::Refused
    }
}

impl Connection {
    /// A connection whose first packet is to be taken in next.
    pub fn new(base: Base, compat: Option<Compat>) -> Connection {
        Connection {
            wireshark: compat.map(|Compat::Wireshark| Box::default()),
            base,
            sides: [Side::new(State::Unknown), Side::new(State::Unknown)],
            application: None,
            completeness: 0,
            opening: Opening::NotCaptured,
            closing: Closing::No,
            closing_before_reset: None,
            closed_first: None,
            handshake_rtt: None,
            handshake_told: false,
            syn_ack: None,
            troubles: 0,
            acks: None,
            labelled: false,
            told: artifacts::Told::default(),
        }
    }

    /// Whether a segment begins another connection between the same ends: a SYN with another number than this
    /// connection's, or after it has ended.
    pub fn is_reopened_by(&self, s: &Segment<'_>, from: Endpoint) -> bool {
        let me = &self.sides[from.index()];
        if !s.syn {
            return false;
        }
        let answer = self.sides[from.peer().index()].acked;
        if me.packets == 0 && answer.is_some_and(|(acked, _)| acked == s.end()) {
            return false; // its answer was captured first, and covers its data, too (RFC 7413)
        }
        if s.ack_flag {
            return me.isn.is_some_and(|isn| isn != s.seq) && me.syn.is_some();
        }
        // The same number again is the same SYN, even after a refusal.
        me.base.is_some_and(|base| base != s.seq) && (me.isn.is_some() || self.has_ended())
            || me.base.is_none() && self.has_ended()
    }

    /// Whether a FIN or RST was seen.
    fn has_ended(&self) -> bool {
        self.completeness & (complete::FIN | complete::RST) != 0
    }

    /// Takes in a segment.
    pub fn segment(&mut self, s: &Segment<'_>, from: Endpoint, step: &mut Step<'_>) {
        let (m, p) = (from.index(), from.peer().index());
        let first_event = step.events.len();
        if let Some(copy) = self.cut_anew(s, from) {
            step.events.push(copy);
            return;
        }
        let first_of_connection = self.sides[0].packets + self.sides[1].packets == 0;
        self.sides[m].packets += 1;
        self.announce(s, m, p);

        let mut judgement = if first_of_connection {
            analysis::judge_first(s)
        } else {
            analysis::judge(s, &self.sides[m], &self.sides[p], self.handshake_rtt)
        };
        if let Some(why) = &mut step.why {
            why.extend(why::reasons(s, &self.sides[m], &self.sides[p], self.handshake_rtt));
        }
        self.artifacts(s, from, first_of_connection, step);
        self.complete(s);
        self.states(s, from, step);
        self.opening(s, from, &judgement, step);
        self.closing(s, from, &judgement, step);
        let told = self.in_their_words(s, m, p);
        let conflict = self.contradicted(s, from, &mut judgement, step);
        let labels = told.as_deref().unwrap_or(&judgement.labels);
        self.labelled = !labels.is_empty();
        self.labels(s, from, labels, step);
        step.events.extend(conflict);
        self.note(s, m, p, &judgement);

        let serious = |e: &&Event| e.severity >= Severity::Warn;
        self.troubles += step.events[first_event..].iter().filter(serious).count() as u32;
    }

    /// A segment at another capture point that holds only what was seen before: offloads cut and join segments between
    /// stack and card (RFC 9293 section 3.7), so its bytes are the same and its packet is not.
    fn cut_anew(&self, s: &Segment<'_>, from: Endpoint) -> Option<Event> {
        let me = &self.sides[from.index()];
        let elsewhere = me.interface.is_some_and(|interface| interface != s.interface);
        if !elsewhere
            || self.wireshark.is_some()
            || s.len == 0
            || s.syn
            || me.seen.judge(s.seq, s.length()) != Novelty::Seen
        {
            return None;
        }
        let first = me.flight_of(s.seq);
        let same = |f: &Flight| {
            (f.start, f.end, f.ip_id) == (s.seq, s.end(), s.ip_id) && s.ip_id.is_some_and(|id| id != 0)
        };
        let event = Event::new(Kind::CaptureCopy, s.packet, Some(self.base.id))
            .variant(if first.is_some_and(same) { "changed" } else { "cut-anew" })
            .with("original", Datum::Uint(first.map_or(me.latest.0, |first| first.packet)))
            .with("after", Datum::Duration(s.time_ns - first.map_or(me.latest.1, |first| first.time_ns)));
        Some(event.with("len", Datum::Uint(s.len.into())).with("interface", Datum::Uint(s.interface.into())))
    }

    /// A segment of `from`, captured first as packet `original`, passed another capture point.
    pub fn note_copy(&mut self, original: u64, interface: u32, from: Endpoint) {
        let heard = self.sides[from.peer().index()].interface == Some(interface);
        let me = &mut self.sides[from.index()];
        if heard && me.repeated.contains(&original) {
            me.reached += 1;
        }
    }

    /// Numbers and options that a side announces.
    fn announce(&mut self, s: &Segment<'_>, m: usize, p: usize) {
        let me = &mut self.sides[m];
        if s.syn && (me.isn.is_none() || me.packets == 1) && me.base.is_some_and(|base| base != s.seq) {
            // What came before the SYN (an injected RST) was no part of the stream; or its answer came first and covers its data.
            me.base = None;
            me.seen = Seen::default();
            me.trail = None;
            me.flights.clear();
        }
        if me.base.is_none() {
            me.base = Some(if s.syn { s.seq } else { s.seq.wrapping_sub(1) });
        }
        if s.syn {
            me.isn = Some(s.seq);
            me.mss = s.options.mss.or(me.mss);
            me.scale = s.options.window_scale.or(me.scale);
        }
        if s.ack_flag && self.sides[p].base.is_none() {
            self.sides[p].base = Some(s.ack.wrapping_sub(1));
        }
        let first_ack = s.ack_flag && !s.syn && !s.rst && self.sides[p].packets == 0;
        if first_ack && self.sides[p].isn.is_none() && self.sides[m].machine.state == State::SynSent {
            // One direction only: what it acknowledges first is a SYN+ACK that was not captured.
            self.sides[p].isn = Some(s.ack.wrapping_sub(1));
            self.opening = Opening::Answered;
        }
        if s.syn && s.ack_flag && self.sides[p].isn.is_none() {
            // The SYN was not captured (yet); the answer to it names its number. With Fast Open it may cover data too.
            self.sides[p].isn = Some(s.ack.wrapping_sub(1));
        }
    }

    fn complete(&mut self, s: &Segment<'_>) {
        self.completeness |= match (s.syn, s.ack_flag) {
            (true, false) => complete::SYN,
            (true, true) => complete::SYN_ACK,
            (false, true) if !s.rst && !s.fin && s.len == 0 => complete::ACK,
            _ => 0,
        };
        if s.len > 0 {
            self.completeness |= complete::DATA;
        }
        if s.fin {
            self.completeness |= complete::FIN;
        }
        if s.rst {
            self.completeness |= complete::RST;
        }
    }

    /// The labels of the tool that is to be compared with, where one is.
    fn in_their_words(&mut self, s: &Segment<'_>, m: usize, p: usize) -> Option<Vec<Label>> {
        let [base, peer_base] = [m, p].map(|side| self.sides[side].base.unwrap_or(0));
        let told = Told { base, peer_base };
        Some(self.wireshark.as_mut()?.labels(s, m, told))
    }

    fn labels(&mut self, s: &Segment<'_>, from: Endpoint, labels: &[Label], step: &mut Step<'_>) {
        let m = from.index();
        for label in labels {
            let mut event = self.event(label.kind, s.packet, from).variant(label.variant);
            event.data.extend(label.data.iter().cloned());
            let seq = self.sides[m].relative(s.seq);
            event = event.with("seq", Datum::Uint(seq.into()));
            if event.get("len").is_none() {
                event = event.with("len", Datum::Uint(s.len.into()));
            }
            if s.ack_flag {
                let ack = self.sides[from.peer().index()].relative(s.ack);
                event = event.with("ack", Datum::Uint(ack.into()));
            }
            step.events.push(event);
        }
    }

    /// Notes the segment's numbers, after all has been judged by those before it.
    fn note(&mut self, s: &Segment<'_>, m: usize, p: usize, j: &Judgement) {
        self.acks = None;
        let [me, peer] = [m, p].map(|side| &self.sides[side]);
        let largest = lost::largest(s, peer);
        let explained = lost::explains(s, me, peer, j.retransmission);
        let beyond = match me.seen.judge(s.seq, s.length()) {
            Novelty::Next(None) => me.lost_beyond.filter(|_| j.retransmission || s.length() == 0),
            Novelty::Next(Some(_)) => None,
            _ if j.retransmission => lost::beyond(s, me, peer, self.handshake_rtt).or(me.lost_beyond),
            _ => me.lost_beyond,
        };
        let takes_one = s.length() > 0 && me.seen.next() == Some(s.seq);
        let me = &mut self.sides[m];
        me.lost_beyond = beyond.and_then(|beyond| {
            let left = beyond.left - u16::from(takes_one);
            (left > 0).then_some(lost::Beyond { left, ..beyond })
        });
        if j.retransmission {
            me.retransmitted += 1;
        }
        let counts = !j.probe && !s.rst;
        let new = me.note_sent(s, counts, largest, explained);
        let control = u32::from(s.syn) + u32::from(s.fin);
        me.payload += u64::from(new.saturating_sub(control).min(s.len));
        me.note_reset(s);
        me.keep_alive = None;
        me.probe = None;
        for label in &j.labels {
            match label.kind {
                Kind::TcpKeepAlive => me.keep_alive = Some(s.packet),
                Kind::TcpZeroWindowProbe => me.probe = Some(s.packet),
                _ => {}
            }
        }
        if s.rst {
            return; // its window and acknowledgement announce nothing
        }
        me.window = s.window;
        me.window_of_syn = s.syn;
        me.echo = s.options.timestamps.map(|(_, echo)| echo).or(me.echo);
        if s.ack_flag {
            me.said_ack = Some(s.ack);
            let advanced = match me.acked {
                None => true,
                Some((acked, _)) => before(acked, s.ack),
            };
            let repeated = j.labels.iter().any(|l| l.kind == Kind::TcpDuplicateAck);
            if advanced {
                me.acked = Some((s.ack, s.packet));
                me.acked_time = s.time_ns;
                me.acked_clock = s.options.timestamps.map(|(tsval, _)| tsval);
                me.duplicate_acks = (0, 0);
                me.repeated.clear();
                me.reached = 0;
            } else if repeated {
                let _ = me.repeated.try_push(s.packet);
                let (n, first) = me.duplicate_acks;
                me.duplicate_acks = (n + 1, if n == 0 { s.packet } else { first });
            }
            let unseen = [Kind::TcpAckLostSegment, Kind::CaptureChecksum];
            let lost = j.labels.iter().any(|l| unseen.contains(&l.kind));
            let keep_alive = j.labels.iter().any(|l| l.kind == Kind::TcpKeepAliveAck && l.variant == "first");
            let peer = &mut self.sides[p];
            let round_trip = self.handshake_rtt.unwrap_or(lost::LEAST_TIMEOUT_NS);
            peer.passed
                .retain(|passed| passed.again_ns.is_some_and(|passed| s.time_ns - passed < round_trip));
            if keep_alive {
                peer.seen = Seen::from(s.ack); // what it sends next is this, and not the number of its probe
            }
            if lost {
                peer.ack_lost_told = Some(s.ack);
            }
            if advanced {
                self.acks = peer.note_acked(s.ack, s.time_ns);
            }
        }
    }

    /// An event of this connection with the names that all of them have.
    fn event(&self, kind: Kind, packet: u64, from: Endpoint) -> Event {
        let end = |p: &Party| {
            Datum::Socket(p.addr.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)), p.port.unwrap_or(0))
        };
        let mut event = Event::new(kind, packet, Some(self.base.id));
        event.data.reserve(16);
        event
            .with("endpoint", Datum::Name(from.name()))
            .with("peer", Datum::Name(from.peer().name()))
            .with("client", end(&self.base.client))
            .with("server", end(&self.base.server))
            .with("stream", Datum::Uint(self.base.stream))
    }

    /// From the SYN to the handshake's third segment, where each was sent once.
    pub fn handshake_rtt(&self) -> Option<i64> {
        self.handshake_rtt
    }

    /// The connection summed up.
    pub fn record(&self) -> FlowRecord {
        let [client, server] = &self.sides;
        let opening = match self.opening {
            Opening::NotCaptured => "not-captured",
            Opening::Asked => "unanswered",
            Opening::Answered => "not-captured", // begun; its end is not in this capture
            Opening::ThreeWay => "three-way",
            Opening::FastOpen => "fast-open",
            Opening::Simultaneous => "simultaneous",
            Opening::Refused => "refused",
            Opening::ResetDuring => "reset-during",
        };
        let closing = match self.closing {
            Closing::No => "not-captured",
            Closing::HalfClosed => "half-closed",
            Closing::FourSegment => "four-segment",
            Closing::ThreeSegment => "three-segment",
            Closing::Simultaneous => "simultaneous",
            Closing::Reset(Endpoint::Client) => "reset-by-client",
            Closing::Reset(Endpoint::Server) => "reset-by-server",
        };
        let mut record = self.base.record(
            FlowProtocol::Tcp,
            [client.packets, server.packets],
            [client.bytes, server.bytes],
        );
        record.application = self.application;
        record.tcp = Some(Box::new(TcpRecord {
            completeness: self.completeness,
            opening,
            closing,
            initiator_of_close: self.closed_first,
            states: [client.machine.presumed(), server.machine.presumed()],
            payload: [client.payload, server.payload],
            retransmitted: [client.retransmitted, server.retransmitted],
            rtt_handshake: self.handshake_rtt,
            rtt: client.round_trips.summary(&server.round_trips),
            isn: [client.isn, server.isn],
            mss: [client.mss, server.mss],
            window_scale: [client.scale, server.scale],
            troubles: self.troubles,
        }));
        record
    }
}

fn optional(event: Event, key: &'static str, value: Option<u64>) -> Event {
    match value {
        Some(n) => event.with(key, Datum::Uint(n)),
        None => event,
    }
}
