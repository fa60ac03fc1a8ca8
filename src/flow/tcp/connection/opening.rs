//! Which segment is which step of opening: SYN, SYN+ACK, the ACK that ends the handshake, or a refusal.
//!
//! RFC 9293 section 3.5 (three segments, or four where both ask at once), RFC 7413 (Fast Open: data in the SYN).
//! Leaves out: the states themselves, which `super` works out from the same segment.

use super::{Closing, Connection, Opening, Step, optional};
use crate::flow::event::{Datum, Kind, Severity};
use crate::flow::record::Endpoint;
use crate::flow::tcp::analysis::Judgement;
use crate::flow::tcp::segment::Segment;
use crate::flow::tcp::sequence::before;

impl Connection {
    pub(super) fn opening(&mut self, s: &Segment<'_>, from: Endpoint, j: &Judgement, step: &mut Step<'_>) {
        let (m, p) = (from.index(), from.peer().index());
        let me = &self.sides[m];
        let peer = &self.sides[p];
        if s.syn && !s.ack_flag {
            let (first, first_time, attempts) = me.syn.unwrap_or((s.packet, s.time_ns, 0));
            let crossing = peer.syn.is_some() && self.syn_ack.is_none() && attempts == 0;
            let mut event = self
                .event(if crossing { Kind::TcpSimultaneousOpen } else { Kind::TcpSyn }, s.packet, from)
                .with("isn", Datum::Uint(s.seq.into()))
                .with("window", Datum::Uint(s.window.into()))
                .with("sack_permitted", Datum::Flag(s.options.sack_permitted))
                .with("timestamps", Datum::Flag(s.options.timestamps.is_some()))
                .with("len", Datum::Uint(s.len.into()))
                .with("attempt", Datum::Uint(u64::from(attempts) + 1))
                .with("first_packet", Datum::Uint(first))
                .with("since", Datum::Duration(s.time_ns - first_time));
            event = optional(event, "mss", s.options.mss.map(u64::from));
            event = optional(event, "window_scale", s.options.window_scale.map(u64::from));
            if crossing {
                let other = peer.syn.map_or(0, |x| x.0);
                event = event
                    .with("peer_isn", Datum::Uint(peer.isn.unwrap_or(0).into()))
                    .with("other_packet", Datum::Uint(other));
                self.opening = Opening::Simultaneous;
            } else if attempts > 0 && matches!(self.opening, Opening::ThreeWay | Opening::FastOpen) {
                step.events.push(event.variant("stale").severity(Severity::Note));
                return;
            } else if attempts > 0 {
                event = event.variant("again").severity(Severity::Note);
            } else if s.len > 0 {
                event = event.variant("fast-open");
            }
            step.events.push(event);
            if let Some((acks, packet)) = peer.refusal
                && acks == s.end()
                && attempts == 0
            {
                self.refused_before(s, from, packet, step);
                return;
            }
            if matches!(self.opening, Opening::NotCaptured) {
                self.opening = if self.syn_ack.is_some() { Opening::Answered } else { Opening::Asked };
            }
            let first_time = if attempts == 0 { s.time_ns } else { first_time };
            self.sides[m].syn = Some((first, first_time, attempts + 1));
            self.sides[m].syn_gap = s.time_ns - self.sides[m].syn_last;
            self.sides[m].syn_last = s.time_ns;
            if j.retransmission && attempts == 0 {
                // The answer was captured before the question (a mirror port's doing): it is the first all the same.
                self.sides[m].syn = Some((s.packet, s.time_ns, 1));
            }
        } else if s.syn {
            let answers = me.syn_acks;
            let peer_isn = peer.isn.unwrap_or(s.ack.wrapping_sub(1));
            let covers_data = s.ack != peer_isn.wrapping_add(1) && before(peer_isn, s.ack);
            let (first, first_time, attempts) = me.syn.unwrap_or((s.packet, s.time_ns, 0));
            let mut event = self
                .event(Kind::TcpSynAck, s.packet, from)
                .with("isn", Datum::Uint(s.seq.into()))
                .with("ack_raw", Datum::Uint(s.ack.into()))
                .with("peer_isn", Datum::Uint(peer_isn.into()))
                .with("window", Datum::Uint(s.window.into()))
                .with("len", Datum::Uint(s.len.into()))
                .with("attempt", Datum::Uint(u64::from(answers) + 1))
                .with("first_packet", Datum::Uint(first));
            if let Some((packet, _, _)) = peer.syn {
                event = event.with("syn_packet", Datum::Uint(packet));
            }
            let asked = peer.syn.map_or(first_time, |(_, t, _)| t);
            event = event.with("after", Datum::Duration(s.time_ns - asked));
            event = optional(event, "mss", s.options.mss.map(u64::from));
            event = optional(event, "window_scale", s.options.window_scale.map(u64::from));
            if answers > 0 {
                event = event.variant("again").severity(Severity::Note);
            } else if covers_data && peer.syn.is_some() {
                event = event.variant("fast-open");
                self.opening = Opening::FastOpen;
            } else if peer.syn.is_none() {
                event = event.variant("syn-not-seen");
            } else if self.opening == Opening::Simultaneous {
                event = event.variant("simultaneous");
            }
            step.events.push(event);
            self.sides[m].syn_acks += 1;
            self.sides[m].syn = Some((first, first_time, attempts + 1));
            if self.syn_ack.is_none() {
                self.syn_ack = Some((s.packet, s.time_ns));
            }
            if self.opening == Opening::Refused {
                // The refusal was not the server's: it answers all the same.
                self.closing = Closing::No;
                self.opening = Opening::Answered;
            }
            if self.opening == Opening::Asked {
                self.opening = Opening::Answered;
            }
        } else if s.rst {
            match self.opening {
                Opening::Asked if peer.syn.is_some() && self.syn_ack.is_none() && me.packets == 1 => {
                    self.opening = Opening::Refused;
                    self.closing = Closing::Reset(from);
                    let (packet, time, _) = peer.syn.unwrap_or((0, s.time_ns, 0));
                    let port =
                        if from == Endpoint::Server { self.base.server.port } else { self.base.client.port };
                    step.events.push(
                        self.event(Kind::TcpRefused, s.packet, from)
                            .with("port", Datum::Uint(port.unwrap_or(0).into()))
                            .with("syn_packet", Datum::Uint(packet))
                            .with("after", Datum::Duration(s.time_ns - time)),
                    );
                }
                Opening::Asked | Opening::Answered => self.opening = Opening::ResetDuring,
                _ => {}
            }
        } else if s.ack_flag
            && (matches!(self.opening, Opening::Answered | Opening::FastOpen | Opening::Simultaneous)
                || self.opening == Opening::ResetDuring && me.reset.is_none())
            && !self.handshake_told
            && let Some((_, answered)) = self.syn_ack
            && peer.syn.is_some()
            && peer.isn.is_some_and(|isn| before(isn, s.ack))
        {
            let began = me.syn.map_or(answered, |(_, t, _)| t);
            self.handshake_told = true;
            // Karn's algorithm (RFC 6298 section 3): of what was sent twice nobody knows which was answered. And a SYN captured
            // after its answer says nothing of the way.
            let once = me.syn.is_none_or(|(_, _, attempts)| attempts <= 1) && peer.syn_acks <= 1;
            self.handshake_rtt = (once && began <= answered).then_some(s.time_ns - began);
            let mut event = self
                .event(Kind::TcpHandshakeAck, s.packet, from)
                .with("ack_raw", Datum::Uint(s.ack.into()))
                .with("peer_isn", Datum::Uint(peer.isn.unwrap_or(0).into()))
                .with("seq_raw", Datum::Uint(s.seq.into()))
                .with("len", Datum::Uint(s.len.into()))
                .with("rtt", Datum::Duration(s.time_ns - began))
                .with("after", Datum::Duration(s.time_ns - answered));
            if s.len > 0 {
                event = event.variant("with-data");
            }
            step.events.push(event);
            if self.opening == Opening::Answered {
                self.opening = Opening::ThreeWay;
            }
        }
    }

    /// The capture has the refusal before the SYN that it answers (a mirror port's doing).
    fn refused_before(&mut self, s: &Segment<'_>, from: Endpoint, refusal: u64, step: &mut Step<'_>) {
        self.opening = Opening::Refused;
        self.closing = Closing::Reset(from.peer());
        self.sides[from.index()].syn = Some((s.packet, s.time_ns, 1));
        let port = if from == Endpoint::Client { self.base.server.port } else { self.base.client.port };
        step.events.push(
            self.event(Kind::TcpRefused, s.packet, from.peer())
                .variant("before")
                .with("port", Datum::Uint(port.unwrap_or(0).into()))
                .with("syn_packet", Datum::Uint(s.packet))
                .with("reset_packet", Datum::Uint(refusal)),
        );
    }
}
