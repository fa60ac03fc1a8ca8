//! Why a segment has the labels it has, and not their neighbours: each rule that was asked, its numbers, its answer.
//!
//! The rules are those of [`super::analysis`], in its order, put to the same two sides; a test holds that both give the
//! same labels for every bundled segment. RFC 9293 section 3.8, RFC 5681 section 3.2, RFC 6298, RFC 7323, RFC 6864.
//! Leaves out: sentences (docs/words), and every protocol but TCP.

use super::analysis;
use super::lost;
use super::segment::Segment;
use super::sequence::{Gap, Novelty, before};
use super::side::Side;
use crate::flow::event::{Datum, Kind};

/// A rule that was asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Reason {
    /// Its text: a rule's name, and how it was answered.
    pub id: &'static str,
    /// The label it gives, where it holds; `None` where it gives none.
    pub label: Option<Kind>,
    /// Its numbers, relative to where the directions began.
    pub data: Vec<(&'static str, Datum)>,
}

/// The rules put to a segment of `me`, before it is noted.
pub fn reasons(s: &Segment<'_>, me: &Side, peer: &Side, round_trip: Option<i64>) -> Vec<Reason> {
    let mut asked = Asked { s, me, peer, out: Vec::new() };
    let Some(next) = me.seen.next() else {
        match s.damaged_before {
            Some(_) if me.packets + peer.packets <= 1 => asked.retransmission_of_damaged(),
            _ => asked.say("why.first", None),
        }
        if let Some(again) = lost::answers_earlier(s, peer) {
            asked.say_with("why.answers-earlier.yes", Some(Kind::TcpRetransmission), again.data);
        }
        asked.unseen();
        return asked.out;
    };
    let plain = s.is_plain();
    if !asked.probe(next, plain) && s.length() > 0 && !s.rst {
        if analysis::crosses(s, me) { asked.say("why.syn-crossed", None) } else { asked.novelty(round_trip) }
    }
    asked.windows(plain);
    if s.ack_flag {
        asked.acknowledgement(next, plain);
    }
    asked.out
}

struct Asked<'a> {
    s: &'a Segment<'a>,
    me: &'a Side,
    peer: &'a Side,
    out: Vec<Reason>,
}

impl Asked<'_> {
    /// A reason with the numbers that all of them may name.
    fn say(&mut self, id: &'static str, label: Option<Kind>) {
        self.say_with(id, label, Vec::new());
    }

    fn say_with(&mut self, id: &'static str, label: Option<Kind>, more: Vec<(&'static str, Datum)>) {
        let (s, me, peer) = (self.s, self.me, self.peer);
        let number = |n: u32| Datum::Uint(n.into());
        let mut data = vec![
            ("len", number(s.len)),
            ("seq", number(me.relative(s.seq))),
            ("end", number(me.relative(s.end()))),
            ("window", Datum::Uint(peer.scaled_window(me))),
            ("dup_acks", number(peer.heard_by(me))),
        ];
        data.extend(me.seen.next().map(|next| ("next", number(me.relative(next)))));
        data.extend(peer.acked.map(|(acked, _)| ("acked", number(me.relative(acked)))));
        data.extend(peer.acked.map(|(_, packet)| ("acked_by", Datum::Uint(packet))));
        if s.ack_flag {
            data.push(("ack", number(peer.relative(s.ack))));
        }
        data.extend(peer.seen.next().map(|next| ("highest", number(peer.relative(next)))));
        data.extend(more);
        self.out.push(Reason { id, label, data });
    }

    fn retransmission_of_damaged(&mut self) {
        let original = self.s.damaged_before.unwrap_or_default();
        let more = vec![("original", Datum::Uint(original))];
        self.say_with("why.damaged.yes", Some(Kind::TcpRetransmission), more);
    }

    /// Whether it is a probe of a window or of the peer's life; its number is then no part of the stream.
    fn probe(&mut self, next: u32, plain: bool) -> bool {
        let (s, me, peer) = (self.s, self.me, self.peer);
        if let Some(kind) = analysis::probe(s, me, peer, next) {
            let id = if kind == Kind::TcpKeepAlive { "why.keep-alive.yes" } else { "why.window-probe.yes" };
            self.say(id, Some(kind));
            return true;
        }
        let closed = peer.window == 0 && peer.packets > 0;
        if s.len <= 1 && plain && before(s.seq, next) || closed && s.len > 0 {
            self.say("why.probe.no", None); // only where somebody could take it for one
        }
        false
    }

    fn novelty(&mut self, round_trip: Option<i64>) {
        let (s, me, peer) = (self.s, self.me, self.peer);
        match me.seen.judge(s.seq, s.length()) {
            Novelty::Next(None) => {
                self.say("why.bytes.new", None);
                if s.damaged_before.is_some() {
                    self.retransmission_of_damaged();
                } else if let Some(lost) = lost::lost_before(s, me, peer, round_trip) {
                    let id = if lost.variant == "unseen-beyond" {
                        "why.id-jump.beyond"
                    } else {
                        "why.id-jump.yes"
                    };
                    self.say_with(id, Some(Kind::TcpRetransmission), lost.data);
                } else if let Some(skipped) = me.ids.skipped_before(s.ip_id) {
                    let more = vec![
                        ("lost", Datum::Uint(skipped.into())),
                        ("id_before", Datum::Uint(me.ids.last().into())),
                        ("ip_id", Datum::Uint(s.ip_id.unwrap_or(0).into())),
                        ("steps", Datum::Uint(me.ids.steps().into())),
                        ("after", Datum::Duration(s.time_ns - me.latest.1)),
                        ("due", Datum::Uint(lost::due(s, peer).into())),
                    ];
                    self.say_with("why.id-jump.no", None, more);
                }
            }
            Novelty::Next(Some(missing)) if analysis::came_damaged(s.follows_damaged, me).is_some() => {
                let original = analysis::came_damaged(s.follows_damaged, me).unwrap_or_default();
                let more =
                    vec![("missing", Datum::Uint(missing.into())), ("original", Datum::Uint(original))];
                self.say_with("why.bytes.beyond-damaged", None, more);
            }
            Novelty::Next(Some(missing)) => {
                let more = vec![("missing", Datum::Uint(missing.into()))];
                self.say_with("why.bytes.beyond", Some(Kind::TcpLostSegment), more);
                if let Some(tail) = lost::tail_before(s, missing, me, peer, round_trip) {
                    self.say_with("why.id-jump.tail", Some(Kind::TcpRetransmission), tail.data);
                }
            }
            Novelty::Seen | Novelty::Extends => self.again(),
            Novelty::Fills(gap) => {
                let more = vec![
                    ("gap_packet", Datum::Uint(gap.packet)),
                    ("after", Datum::Duration(s.time_ns - gap.time_ns)),
                ];
                self.say_with("why.bytes.fill", None, more);
                match analysis::emitted_before(s, &gap, (me, peer), round_trip) {
                    Some(evidence) => {
                        let id = match evidence {
                            "timestamp" => "why.reordered.timestamp",
                            "ip-id" => "why.reordered.ip-id",
                            _ => "why.reordered.time",
                        };
                        let more = self.marks(&gap, round_trip);
                        self.say_with(id, Some(Kind::TcpOutOfOrder), more);
                    }
                    None => {
                        let more = self.marks(&gap, round_trip);
                        self.say_with("why.reordered.no", None, more);
                        self.fast();
                    }
                }
            }
        }
    }

    /// Marks of the segment and of the one that overtook it, as far as there are any.
    fn marks(&self, gap: &Gap, round_trip: Option<i64>) -> Vec<(&'static str, Datum)> {
        let after = Datum::Duration(self.s.time_ns - gap.time_ns);
        let mut data = vec![("gap_packet", Datum::Uint(gap.packet)), ("after", after)];
        data.push(("limit", Datum::Duration(round_trip.unwrap_or(analysis::REORDERING_NS))));
        if let (Some((mine, _)), Some(other)) = (self.s.options.timestamps, gap.tsval) {
            data.push(("tsval", Datum::Uint(mine.into())));
            data.push(("other_tsval", Datum::Uint(other.into())));
        }
        if let (Some(mine), Some(other)) = (self.s.ip_id, gap.ip_id) {
            data.push(("ip_id", Datum::Uint(mine.into())));
            data.push(("other_ip_id", Datum::Uint(other.into())));
        }
        data
    }

    /// All of its bytes were seen before.
    fn again(&mut self) {
        let (s, me, peer) = (self.s, self.me, self.peer);
        let first = me.flight_of(s.seq).map(|flight| ("original", Datum::Uint(flight.packet)));
        let goes_on = me.seen.next().is_some_and(|next| before(next, s.end()));
        let id = if goes_on { "why.bytes.extend" } else { "why.bytes.seen" };
        self.say_with(id, None, first.into_iter().collect());
        if let Some(copy) = analysis::old_copy(s, me) {
            let by_id = copy.data.iter().any(|(_, datum)| *datum == Datum::Name("ip-id"));
            let id = match (by_id, copy.data.iter().any(|(key, _)| *key == "original")) {
                (true, true) => "why.copy.ip-id",
                (true, false) => "why.copy.late-id",
                (false, _) => "why.copy.timestamp",
            };
            self.say_with(id, Some(Kind::TcpOutOfOrder), copy.data);
            return;
        }
        self.say("why.copy.no", None);
        if analysis::is_spurious(s, peer) {
            self.say("why.spurious.yes", Some(Kind::TcpSpuriousRetransmission));
            return;
        }
        self.say("why.spurious.no", None);
        self.fast();
    }

    fn fast(&mut self) {
        if analysis::is_fast(self.s, self.me, self.peer) {
            self.say("why.fast.yes", Some(Kind::TcpFastRetransmission));
        } else {
            self.say("why.fast.no", None);
            self.say("why.retransmission.yes", Some(Kind::TcpRetransmission));
        }
    }

    fn windows(&mut self, plain: bool) {
        let (s, me, peer) = (self.s, self.me, self.peer);
        if s.window == 0 && plain {
            self.say("why.zero-window.yes", Some(Kind::TcpZeroWindow));
        }
        let is_probe = self
            .out
            .iter()
            .any(|reason| matches!(reason.label, Some(Kind::TcpKeepAlive | Kind::TcpZeroWindowProbe)));
        if let Some(in_flight) = analysis::in_flight(s, peer).filter(|_| !is_probe) {
            let more = vec![("in_flight", Datum::Uint(in_flight))];
            if analysis::fills_window(in_flight, me, peer) {
                self.say_with("why.window-full.yes", Some(Kind::TcpWindowFull), more);
            } else if me.seen.next().is_none_or(|next| !before(s.seq, next)) {
                self.say_with("why.window-full.no", None, more); // of what is sent again it says nothing
            }
        }
    }

    /// Whether it acknowledges what the capture does not have; whether that was said already.
    fn unseen(&mut self) -> bool {
        let (s, me, peer) = (self.s, self.me, self.peer);
        let Some(highest) = peer.seen.next() else { return false };
        if !s.ack_flag || s.rst || !before(highest, s.ack) {
            return false;
        }
        if peer.ack_lost_told.is_some_and(|told| !before(told, s.ack)) {
            self.say("why.unseen.told", None);
        } else if analysis::answers_first(s, me, peer, highest) {
            self.say_with(
                "why.keep-alive-ack.first",
                Some(Kind::TcpKeepAliveAck),
                vec![("of", Datum::Uint(peer.last.0))],
            );
        } else if let Some(packet) = analysis::came_damaged(s.acks_damaged, peer) {
            let more = vec![("original", Datum::Uint(packet))];
            self.say_with("why.unseen.damaged", Some(Kind::CaptureChecksum), more);
        } else {
            self.say("why.unseen.yes", Some(Kind::TcpAckLostSegment));
        }
        true
    }

    fn acknowledgement(&mut self, next: u32, plain: bool) {
        self.unseen();
        let (s, me, peer) = (self.s, self.me, self.peer);
        let Some((acked, of)) = me.acked else { return };
        let of = vec![("of", Datum::Uint(of))];
        if !(plain && s.len == 0 && s.seq == next) {
            return; // data, SYN, FIN or RST: it says more than an acknowledgement
        }
        if s.ack != acked {
            return self.say_with("why.ack.new", None, of);
        }
        if s.window == 0 {
            if let Some(probe) = peer.probe {
                let of = vec![("of", Datum::Uint(probe))];
                self.say_with("why.window-probe-ack.yes", Some(Kind::TcpZeroWindowProbeAck), of);
            }
            return;
        }
        if me.window_of_syn {
            return self.say_with("why.window-update.syn", None, of);
        }
        if s.window != me.window {
            let windows = vec![
                ("now", Datum::Uint(analysis::announced(s, me, peer))),
                ("before", Datum::Uint(me.scaled_window(peer))),
            ];
            if me.machine.state_is_opening() {
                return self.say_with("why.window-update.syn", None, of);
            }
            return self.say_with("why.window-update.yes", Some(Kind::TcpWindowUpdate), windows);
        }
        if let Some(probe) = peer.keep_alive {
            let of = vec![("of", Datum::Uint(probe))];
            self.say_with("why.keep-alive-ack.yes", Some(Kind::TcpKeepAliveAck), of);
        } else if peer.seen.next().is_some_and(|n| before(acked, n)) {
            let number = u64::from(me.duplicate_acks.0) + 1;
            let more = vec![("number", Datum::Uint(number)), of[0].clone()];
            self.say_with("why.duplicate-ack.yes", Some(Kind::TcpDuplicateAck), more);
        } else {
            self.say_with("why.duplicate-ack.no", None, of);
        }
    }
}
