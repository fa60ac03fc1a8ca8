//! Bytes that come a second time and are others than the first.
//!
//! RFC 9293 section 3.10 (of a segment that overlaps others only the new part is used), 3.8.4 (a keep-alive may bring one byte
//! that means nothing), 3.8.6.1 (probes of a closed window). Leaves out: where the bytes are kept (`tcp::history`), and
//! segments at another capture point (`cut_anew`).

use super::{Connection, Step};
use crate::flow::event::{Datum, Event, Kind};
use crate::flow::record::Endpoint;
use crate::flow::tcp::analysis::{Judgement, Label};
use crate::flow::tcp::history::{Arrival, Conflict, Source};
use crate::flow::tcp::segment::Segment;
use crate::flow::tcp::sequence::{Novelty, before, not_after};

impl Connection {
    /// Holds a segment's bytes against those captured before, and keeps what is new. The event where they differ.
    pub(super) fn contradicted(
        &mut self,
        s: &Segment<'_>,
        from: Endpoint,
        j: &mut Judgement,
        step: &mut Step<'_>,
    ) -> Option<Event> {
        let histories = step.histories.as_deref_mut()?;
        let me = &mut self.sides[from.index()];
        let known = me.seen.next();
        // A keep-alive is told by its number alone where the ACKs of it are not in the capture.
        let asks = j.probe || s.len == 1 && known == Some(s.end());
        if s.len == 0 || s.rst || asks || s.doubtful || self.wireshark.is_some() {
            return None;
        }
        let again = known.is_some_and(|known| before(s.seq, known))
            && !matches!(me.seen.judge(s.seq, s.length()), Novelty::Fills(_));
        let arrival = Arrival {
            seq: s.data_seq(),
            bytes: &s.payload[..s.payload.len().min(s.len as usize)],
            known,
            again,
            source: Source { packet: s.packet, time_ns: s.time_ns, ttl: s.ttl },
        };
        let conflict = histories.take_in(&mut me.trail, &arrival)?;
        for label in j.labels.iter_mut().filter(|label| repeats(label)) {
            label.variant = "conflict";
        }
        Some(self.conflict(s, from, &conflict))
    }

    fn conflict(&self, s: &Segment<'_>, from: Endpoint, c: &Conflict) -> Event {
        let (me, peer) = (&self.sides[from.index()], &self.sides[from.peer().index()]);
        let Source { packet, time_ns, ttl } = c.first;
        let number = |n: u32| Datum::Uint(me.relative(n).into());
        let byte = |b: u8| Datum::Text(format!("0x{b:02x}"));
        let mut event = self
            .event(Kind::TcpConflict, s.packet, from)
            .with("original", Datum::Uint(packet))
            .with("after", Datum::Duration(s.time_ns - time_ns))
            .with("seq", number(s.seq))
            .with("len", Datum::Uint(s.len.into()))
            .with("from", number(c.from))
            .with("to", number(c.to.wrapping_sub(1)))
            .with("compared", Datum::Uint(c.compared.into()))
            .with("differ", Datum::Uint(c.differ.into()))
            .with("at", number(c.at))
            .with("original_byte", byte(c.bytes.0))
            .with("byte", byte(c.bytes.1));
        if ttl != s.ttl {
            event =
                event.with("original_ttl", Datum::Uint(ttl.into())).with("ttl", Datum::Uint(s.ttl.into()));
        }
        match peer.acked {
            Some((acked, by)) if not_after(c.to, acked) => {
                event.variant("acked").with("acked_by", Datum::Uint(by))
            }
            _ if me.seen.missing_below(c.at) > 0 => event.variant("waiting"),
            _ => event,
        }
    }
}

/// Whether a label says that the segment brings nothing but what was captured before.
fn repeats(label: &Label) -> bool {
    let sent_again = matches!(
        label.kind,
        Kind::TcpRetransmission | Kind::TcpFastRetransmission | Kind::TcpSpuriousRetransmission
    );
    let seen = |(key, value): &(&str, Datum)| *key == "evidence" && *value == Datum::Name("bytes-seen");
    sent_again && label.data.iter().any(seen) || label.kind == Kind::TcpOutOfOrder && label.variant == "copy"
}
