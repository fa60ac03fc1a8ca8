//! Which segment is which step of closing: a FIN, its ACK, both at once, or a reset.
//!
//! RFC 9293 sections 3.6 (closing, half-closed connections, both at once) and 3.5.2 (resets).
//! Leaves out: the states themselves, which `super` works out from the same segment.

use super::{Closing, Connection, Opening, Step, optional};
use crate::flow::event::{Datum, Event, Kind, Severity};
use crate::flow::record::Endpoint;
use crate::flow::tcp::analysis::{Judgement, Label};
use crate::flow::tcp::segment::Segment;
use crate::flow::tcp::sequence::{before, not_after};
use crate::flow::tcp::side::Side;

impl Connection {
    pub(super) fn closing(&mut self, s: &Segment<'_>, from: Endpoint, j: &Judgement, step: &mut Step<'_>) {
        let (m, p) = (from.index(), from.peer().index());
        let peer_fin = self.sides[p].fin;
        let acks_fin = s.ack_flag && peer_fin.is_some_and(|(end, _)| not_after(end, s.ack));
        let acked_before = self.sides[m].fin_acked;
        if s.rst {
            self.reset(s, from, step);
            return;
        }
        let is_copy = |label: &Label| label.kind == Kind::TcpOutOfOrder && label.variant == "copy";
        if j.labels.iter().any(is_copy) {
            // It was sent once, and was a step of closing then. Whoever gets it answers all the same.
            self.sides[m].fin_repeated |= s.fin && self.sides[m].fin.is_some();
            return;
        }
        if acks_fin && acked_before.is_none() {
            self.sides[m].fin_acked = Some((s.packet, s.fin));
        }
        if s.fin && !s.syn {
            self.fin(s, from, acks_fin, acked_before, step);
        } else if acks_fin
            && !s.syn
            && let Some((end, fin_packet)) = peer_fin
        {
            let again = acked_before.is_some();
            if again && (s.len > 0 || !self.sides[p].fin_repeated) {
                return; // data of a half-closed connection acknowledges the FIN over and over
            }
            let own_fin = self.sides[m].fin.is_some();
            let own_fin_acked = self.sides[p].fin_acked.is_some();
            let variant = match (again, own_fin, own_fin_acked) {
                (true, ..) => "again",
                (false, true, true) => "last",
                (false, true, false) => "crossing",
                (false, false, _) => "half",
            };
            step.events.push(
                self.event(Kind::TcpCloseAck, s.packet, from)
                    .variant(variant)
                    .with("ack", Datum::Uint(self.sides[p].relative(s.ack).into()))
                    .with("ack_raw", Datum::Uint(s.ack.into()))
                    .with("fin_packet", Datum::Uint(fin_packet))
                    .with("fin_seq_raw", Datum::Uint(end.wrapping_sub(1).into()))
                    .with("len", Datum::Uint(s.len.into()))
                    .with("after", Datum::Duration(s.time_ns - self.sides[p].fin_time)),
            );
            self.sides[p].fin_repeated = false;
        }
    }

    fn fin(
        &mut self,
        s: &Segment<'_>,
        from: Endpoint,
        acks_fin: bool,
        acked_before: Option<(u64, bool)>,
        step: &mut Step<'_>,
    ) {
        let (m, p) = (from.index(), from.peer().index());
        let peer_fin = self.sides[p].fin;
        let data = |e: Event, side: &Side| {
            e.with("seq", Datum::Uint(side.relative(s.end().wrapping_sub(1)).into()))
                .with("seq_raw", Datum::Uint(s.end().wrapping_sub(1).into()))
                .with("len", Datum::Uint(s.len.into()))
        };
        if let Some((_, first)) = self.sides[m].fin {
            self.sides[m].fin_repeated = true;
            let event = data(self.event(Kind::TcpFin, s.packet, from), &self.sides[m])
                .variant("again")
                .severity(Severity::Note)
                .with("first_packet", Datum::Uint(first))
                .with("since", Datum::Duration(s.time_ns - self.sides[m].fin_time));
            step.events.push(event);
            return;
        }
        self.sides[m].fin = Some((s.end(), s.packet));
        self.sides[m].fin_time = s.time_ns;
        let merged = acks_fin && acked_before.is_none();
        let kind = if merged { Kind::TcpFinAck } else { Kind::TcpFin };
        let mut event = data(self.event(kind, s.packet, from), &self.sides[m])
            .with("ack", Datum::Uint(self.sides[p].relative(s.ack).into()))
            .with("ack_raw", Datum::Uint(s.ack.into()));
        if let Some((_, packet)) = peer_fin {
            event = event
                .with("fin_packet", Datum::Uint(packet))
                .with("after", Datum::Duration(s.time_ns - self.sides[p].fin_time));
        }
        let reset = matches!(self.closing, Closing::Reset(_));
        match (peer_fin, acks_fin, merged) {
            (None, ..) => {
                if !reset {
                    self.closing = Closing::HalfClosed;
                    self.closed_first.get_or_insert(from.name());
                }
            }
            (Some(_), true, true) => {
                if !reset {
                    self.closing = Closing::ThreeSegment;
                }
            }
            (Some(_), true, false) => {
                event = event.variant("second");
                if !reset {
                    self.closing = Closing::FourSegment;
                }
            }
            (Some(_), false, _) => {
                event = event.variant("crossing");
                if !reset {
                    self.closing = Closing::Simultaneous;
                    self.closed_first = Some("both");
                }
            }
        }
        step.events.push(event);
    }

    fn reset(&mut self, s: &Segment<'_>, from: Endpoint, step: &mut Step<'_>) {
        let (m, p) = (from.index(), from.peer().index());
        if self.opening == Opening::Refused {
            return; // told as a refusal
        }
        let both_done = self.sides.iter().all(|side| side.fin_acked.is_some());
        let orderly =
            matches!(self.closing, Closing::FourSegment | Closing::ThreeSegment | Closing::Simultaneous);
        let over = both_done && orderly; // a RST behind that cuts nothing off
        let inexact = self.is_inexact(s, m, p);
        let refuses = s.refuses() && self.sides[p].packets == 0;
        if !over && !inexact && !refuses && !matches!(self.closing, Closing::Reset(_)) {
            self.closing_before_reset = Some(self.closing);
            self.closing = Closing::Reset(from);
            self.closed_first.get_or_insert(from.name());
        }
        let me = &self.sides[m];
        let peer = &self.sides[p];
        let unacked = match (me.seen.next(), peer.acked) {
            (Some(next), Some((acked, _))) if before(acked, next) => next.wrapping_sub(acked),
            _ => 0,
        };
        // What the peer sent that this end had not acknowledged: bytes that arrived and were never taken.
        let unread = match (peer.seen.next(), me.acked) {
            (Some(next), Some((acked, _))) if before(acked, next) => next.wrapping_sub(acked),
            _ => 0,
        };
        let variant = if refuses {
            "refusal"
        } else if inexact {
            "inexact"
        } else if me.usual_ttl().is_some_and(|ttl| ttl != s.ttl) {
            "foreign"
        } else if (me.fin.is_some() || !s.ack_flag) && peer.packets > 0 {
            "answer" // what comes finds nobody: it has closed before, or never knew of the connection
        } else if peer.payload > 0 && unread > 0 && s.time_ns - peer.latest.1 < 1_000_000 {
            "unread" // bytes came, were never acknowledged, and the RST follows at once
        } else if me.syn.is_some() && unacked > 0 {
            "aborted"
        } else {
            ""
        };
        let event = self
            .event(Kind::TcpReset, s.packet, from)
            .variant(variant)
            .with("seq", Datum::Uint(me.relative(s.seq).into()))
            .with("seq_raw", Datum::Uint(s.seq.into()))
            .with("ack_flag", Datum::Flag(s.ack_flag))
            .with("lost", Datum::Uint(unacked.into()))
            .with("unread", Datum::Uint(unread.into()))
            .with("cause_packet", Datum::Uint(peer.latest.0));
        let foreign = me.usual_ttl().filter(|_| variant == "foreign");
        let event = match foreign {
            Some(usual) => {
                event.with("ttl", Datum::Uint(s.ttl.into())).with("usual_ttl", Datum::Uint(usual.into()))
            }
            None => event,
        };
        let expected = me.seen.next().filter(|_| inexact).map(|next| me.relative(next).into());
        let event = optional(event, "expected", expected);
        step.events.push(event);
    }

    /// Whether a RST has another number than its sender would use: neither its own next one, nor what the peer has
    /// acknowledged, nor the acknowledgement of the segment that it answers (RFC 9293 section 3.10.7.1). Only where both
    /// directions are known.
    pub(super) fn is_inexact(&self, s: &Segment<'_>, m: usize, p: usize) -> bool {
        let (me, peer) = (&self.sides[m], &self.sides[p]);
        match (me.seen.next(), peer.acked) {
            (Some(next), Some((acked, _))) if me.packets > 1 => {
                ![Some(next), Some(acked), peer.said_ack].contains(&Some(s.seq))
            }
            _ => false,
        }
    }
}
