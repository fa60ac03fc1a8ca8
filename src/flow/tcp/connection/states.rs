//! What a segment shows of both ends' states, and what is left to say when the connection is let go.
//!
//! RFC 9293 sections 3.5, 3.6 and 3.10.7; RFC 5961 section 3.2 (which RST counts). The table itself is `tcp::state`, what an
//! endpoint has heard `tcp::endpoint`; here is what only both directions together tell.

use super::{Connection, Opening, Step};
use crate::flow::event::{Datum, Event, Kind};
use crate::flow::record::Endpoint;
use crate::flow::tcp::endpoint::{Change, Changes, Evidence};
use crate::flow::tcp::segment::Segment;
use crate::flow::tcp::sequence::{before, not_after};
use crate::flow::tcp::side::Side;
use crate::flow::tcp::state::{Basis, Heard, Sent, State, StateChange};

/// 2 MSL as RFC 9293 section 3.4.2 has it: an MSL of two minutes.
const TWO_MSL_NS: i64 = 240_000_000_000;

/// How long both ends must go on after a RST before it is taken to have been nobody's, where no round trip is known.
const RESET_SETTLES_NS: i64 = 1_000_000_000;

impl Connection {
    /// What the segment shows of both ends' states.
    pub(super) fn states(&mut self, s: &Segment<'_>, from: Endpoint, step: &mut Step<'_>) {
        let (m, p) = (from.index(), from.peer().index());
        let mut mine = Changes::new();
        let mut theirs = Changes::new();
        let acks = |number: Option<u32>| s.ack_flag && number.is_some_and(|n| not_after(n, s.ack));
        let peer_syn_end = self.sides[p].isn.map(|n| n.wrapping_add(1));
        let acks_syn = acks(peer_syn_end);
        let acks_fin = acks(self.sides[p].fin.map(|f| f.0));
        let my_fin = self.sides[m].fin;
        let new_fin = s.fin && my_fin.is_none();

        let evidence = Evidence {
            packet: s.packet,
            acks_syn,
            acks_fin,
            syn: s.syn && !s.ack_flag,
            syn_ack: s.syn && s.ack_flag,
            repeats_fin: s.fin && my_fin.is_some(),
            reset: s.rst,
            outlives_reset: self.outlives_reset(s, p),
        };
        if evidence.outlives_reset {
            self.closing = self.closing_before_reset.take().unwrap_or(self.closing);
            if self.opening == Opening::ResetDuring && self.handshake_told {
                self.opening = Opening::ThreeWay;
            }
        }
        let refuses = s.rst
            && self.sides[p].machine.state == State::SynSent
            && matches!(self.sides[m].machine.state, State::Listen | State::Unknown);

        // First what it had heard by now, then what it says itself.
        if s.syn && !s.ack_flag && self.sides[m].machine.state == State::Unknown && self.sides[m].packets == 1
        {
            self.sides[m].machine.state = State::Closed;
            if self.sides[p].machine.state == State::Unknown && self.sides[p].packets == 0 {
                self.sides[p].machine.state = State::Listen;
            }
        }
        if s.syn && !s.ack_flag && self.sides[m].machine.state == State::Listen {
            self.sides[m].machine.state = State::Closed; // it opens actively: it was no listener
        }
        if s.syn && s.ack_flag && self.sides[m].machine.state == State::Unknown && self.sides[m].packets == 1
        {
            self.sides[m].machine.state = State::Listen;
        }
        self.sides[m].machine.settle(&evidence, &mut mine);
        if refuses {
            self.sides[m].machine.state = State::Closed; // nobody listens: there was no connection to change
        }

        // What only this segment proves, because the one that caused it was not captured.
        let peer_state = self.sides[p].machine.state;
        if s.syn && s.ack_flag && matches!(peer_state, State::Unknown) {
            self.sides[p].machine.state = State::Closed; // who opens actively had no connection before
            self.sides[p].machine.show(s.packet, State::SynSent, Basis::Confirmed, &mut theirs);
        }
        if acks_syn && !s.syn && !s.rst {
            let me = &mut self.sides[m].machine;
            if me.state == State::SynSent
                || (me.state == State::SynReceived && self.opening == Opening::Simultaneous)
            {
                me.show(s.packet, State::Established, Basis::Sent, &mut mine);
            }
            if matches!(self.sides[p].machine.state, State::Listen | State::Closed)
                && self.sides[p].packets == 0
            {
                // One direction only: the SYN+ACK must have come, or there would be nothing to acknowledge.
                self.sides[p].machine.show(s.packet, State::SynReceived, Basis::Confirmed, &mut theirs);
            }
        }
        if s.len > 0 && !s.syn && !s.rst && self.sides[m].machine.state == State::Unknown {
            let peer_speaks = self.sides[p].payload > 0 && self.sides[p].fin.is_none();
            if peer_speaks {
                // Both send, neither has closed: only ESTABLISHED lets both directions flow.
                self.sides[m].machine.show(s.packet, State::Established, Basis::Confirmed, &mut mine);
                self.sides[p].machine.show(s.packet, State::Established, Basis::Confirmed, &mut theirs);
            }
        }

        if s.syn && !self.is_stale_syn(s, m) {
            let sent = if s.ack_flag { Sent::SynAck } else { Sent::Syn };
            self.sides[m].machine.send(s.packet, sent, &mut mine);
            if self.sides[p].refusal.is_some_and(|(acks, _)| acks == s.end()) {
                self.sides[m].machine.hear(s.packet, Heard::Reset); // captured before the SYN that it answers
            }
        }
        self.who_closed_first(s, (m, p), new_fin, acks_fin, (&mut mine, &mut theirs));
        if new_fin && self.sides[p].packets == 0 {
            // One direction only: it may close first, or answer a FIN that nobody saw.
            self.sides[m].machine.show(s.packet, State::Unknown, Basis::Sent, &mut mine);
            self.sides[p].machine.show(s.packet, State::Unknown, Basis::Received, &mut theirs);
        } else if new_fin {
            self.sides[m].machine.send(s.packet, Sent::Fin, &mut mine);
            if self.sides[p].acked.is_some_and(|(acked, _)| not_after(s.end(), acked)) {
                // The capture has the ACK before the FIN that it answers (a mirror port's doing).
                self.sides[m].machine.hear(s.packet, Heard::AckOfFin);
            }
        }
        let first_of_all = self.sides[m].packets == 1 && self.sides[p].packets == 0;
        if s.refuses() && first_of_all {
            self.sides[m].machine.state = State::Closed; // nobody listens; the SYN was not captured, or comes after
        }
        let obeyed = s.rst && !self.is_inexact(s, m, p) && !(s.refuses() && first_of_all);
        if obeyed {
            self.sides[m].machine.send(s.packet, Sent::Reset, &mut mine);
        }

        // What the other end hears.
        let fin_end = my_fin.map(|f| f.0).or(new_fin.then(|| s.end()));
        let peer = &mut self.sides[p];
        if s.syn && !s.ack_flag {
            peer.machine.hear(s.packet, Heard::Syn);
        } else if s.syn && acks_syn {
            peer.machine.hear(s.packet, Heard::SynAck);
        } else if acks_syn && !s.rst && matches!(peer.machine.presumed(), State::SynReceived) {
            peer.machine.hear(s.packet, Heard::AckOfSyn);
        }
        if acks_fin && !s.rst {
            peer.machine.hear(s.packet, Heard::AckOfFin);
        }
        if s.fin && fin_end.is_some() {
            peer.machine.hear(s.packet, Heard::Fin);
        }
        if obeyed && reset_counts(s, peer) {
            peer.machine.hear(s.packet, Heard::Reset);
        }
        for (endpoint, changes) in [(from.peer(), &theirs), (from, &mine)] {
            for c in changes {
                self.tell(endpoint, c, (s.packet, ""), step);
            }
        }
    }

    /// Whether a SYN repeats the one that opened this connection, which has gone on since: a copy that comes late.
    fn is_stale_syn(&self, s: &Segment<'_>, m: usize) -> bool {
        let me = &self.sides[m];
        let sent_before =
            if s.ack_flag { me.syn_acks > 0 } else { me.syn.is_some() && me.base == Some(s.seq) };
        sent_before && me.machine.state == State::Closed
    }

    /// Where the capture began in mid-flow, a FIN alone does not tell whether its sender closes first or second. The
    /// other side's next data or FIN does: it had not closed before.
    fn who_closed_first(
        &mut self,
        s: &Segment<'_>,
        (m, p): (usize, usize),
        new_fin: bool,
        acks_fin: bool,
        (mine, theirs): (&mut Changes, &mut Changes),
    ) {
        let unknown = |side: &Side| side.machine.state == State::Unknown;
        let tells = new_fin || s.len > 0 && !s.syn && !s.rst;
        let Some((_, fin_packet)) = self.sides[p].fin else { return };
        if !tells || !unknown(&self.sides[m]) || !unknown(&self.sides[p]) {
            return;
        }
        self.sides[p].machine.show(fin_packet, State::FinWait1, Basis::Confirmed, theirs);
        if acks_fin || self.sides[m].fin_acked.is_some() {
            let by = self.sides[m].fin_acked.map_or(s.packet, |(packet, _)| packet);
            self.sides[p].machine.hear(by, Heard::AckOfFin);
            self.sides[m].machine.show(s.packet, State::CloseWait, Basis::Confirmed, mine);
        } else {
            self.sides[m].machine.show(s.packet, State::Established, Basis::Confirmed, mine);
            self.sides[m].machine.hear(fin_packet, Heard::Fin);
        }
    }

    /// Whether a segment shows that its sender was not reset by the RST in the peer's name: the peer goes on talking, and
    /// this end has heard what it said since, or still talks a round trip later.
    fn outlives_reset(&self, s: &Segment<'_>, p: usize) -> bool {
        let Some((_, time_ns, Some(next))) = self.sides[p].reset else { return false };
        let waited = s.time_ns - time_ns > self.handshake_rtt.unwrap_or(RESET_SETTLES_NS);
        !s.rst && (s.ack_flag && not_after(next, s.ack) || waited)
    }

    /// An ICMP error says that what `to` sent was not delivered.
    pub fn unreachable(&mut self, packet: u64, to: Endpoint) {
        let machine = &mut self.sides[to.index()].machine;
        if machine.state == State::SynSent {
            machine.hear(packet, Heard::Unreachable);
        }
    }

    /// Hands a change out; that an endpoint enters TIME-WAIT is an event of its own, of this variant, told at `packet`.
    fn tell(
        &self,
        endpoint: Endpoint,
        c: &Change,
        (packet, variant): (u64, &'static str),
        step: &mut Step<'_>,
    ) {
        step.states.push(StateChange {
            flow: self.base.id,
            packet: c.packet,
            endpoint,
            from: c.from,
            to: c.to,
            basis: c.basis,
        });
        if c.to == State::TimeWait && c.from != c.to {
            let event = self.event(Kind::TcpTimeWait, packet, endpoint).variant(variant);
            step.events.push(self.waits(event, endpoint, c));
        }
    }

    /// The connection is let go: what was assumed and never contradicted is told.
    pub fn end(&mut self, now_ns: i64, step: &mut Step<'_>) {
        self.one_direction(step);
        for endpoint in [Endpoint::Client, Endpoint::Server] {
            let mut changes = Changes::new();
            let last = self.base.last;
            let machine = &mut self.sides[endpoint.index()].machine;
            machine.flush(&mut changes);
            let gave_up = self.sides[endpoint.index()].gave_up(now_ns);
            let machine = &mut self.sides[endpoint.index()].machine;
            if gave_up {
                machine.show(last, State::Closed, Basis::Timer, &mut changes);
            }
            if machine.state == State::TimeWait && now_ns - self.base.end_ns > TWO_MSL_NS {
                machine.two_msl(last, &mut changes);
            }
            for c in &changes {
                self.tell(endpoint, c, (c.packet, "assumed"), step);
            }
            let silent = self.sides[endpoint.index()].packets == 0;
            let machine = &mut self.sides[endpoint.index()].machine;
            if silent && machine.state == State::Listen {
                machine.state = State::Unknown; // it never answered: whether it listens, nobody saw
            }
        }
    }

    /// What brought an endpoint to TIME-WAIT: the peer's FIN, or in CLOSING the ACK of its own.
    fn waits(&self, event: Event, endpoint: Endpoint, change: &Change) -> Event {
        let own_fin = self.sides[endpoint.index()].fin.map_or(0, |(_, packet)| packet);
        if change.from == State::Closing {
            return event
                .variant("closing")
                .with("ack_packet", Datum::Uint(change.packet))
                .with("fin_packet", Datum::Uint(own_fin));
        }
        event.with("fin_packet", Datum::Uint(change.packet))
    }
}

/// Whether a receiver has to accept a RST (RFC 9293 section 3.5.3): in SYN-SENT it must acknowledge the SYN,
/// elsewhere its number must lie where the next byte is expected, or at least in the window.
fn reset_counts(s: &Segment<'_>, receiver: &Side) -> bool {
    if receiver.machine.presumed() == State::SynSent {
        return s.ack_flag && receiver.isn.is_some_and(|isn| before(isn, s.ack));
    }
    match receiver.acked {
        // Linux and RFC 5961 section 3.2 take only the exact number; the window is allowed for here, because the
        // receiver's latest acknowledgement may be under way.
        Some((expected, _)) => s.seq.wrapping_sub(expected) < 1 << 20,
        None => true,
    }
}
