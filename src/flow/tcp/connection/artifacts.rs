//! What is the capture's doing and not the network's: a late beginning, one direction only, answers before their
//! questions, segments that no wire carries.
//!
//! Each is told once a connection, with its evidence. RFC 9293 sections 3.4 (an acknowledgment follows what it covers), 3.5
//! (a connection begins with a SYN), 3.7.1 (how large a segment may be); RFC 7323 section 4 (what an echoed timestamp proves).
//! Leaves out: copies (`flow::copies`, `cut_anew`), frames cut by a snap length and checksums left to a card (`flow`).

use super::{Connection, Step};
use crate::flow::event::{Datum, Kind};
use crate::flow::record::Endpoint;
use crate::flow::tcp::segment::Segment;
use crate::flow::tcp::sequence::{before, not_after};

/// The largest payload that an Ethernet with jumbo frames carries, for receivers whose own word was not captured.
const JUMBO: u32 = 8_960;

/// Which of them were told.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Told {
    offload: [bool; 2],
    reordered: bool,
}

impl Connection {
    /// What a segment shows of the capture, before it is noted. `first`: of this connection.
    pub(super) fn artifacts(&mut self, s: &Segment<'_>, from: Endpoint, first: bool, step: &mut Step<'_>) {
        let (m, p) = (from.index(), from.peer().index());
        if first && !s.syn && !s.rst {
            step.events.push(self.event(Kind::CaptureMidFlow, s.packet, from));
        }
        let mss = self.sides[p].mss.map(u32::from);
        if s.len > mss.unwrap_or(JUMBO) && !self.told.offload[m] {
            self.told.offload[m] = true;
            let event =
                self.event(Kind::CaptureOffload, s.packet, from).with("len", Datum::Uint(s.len.into()));
            step.events.push(match mss {
                Some(mss) => event.with("mss", Datum::Uint(mss.into())),
                None => event,
            });
        }
        if let Some(by) = self.acknowledged_before(s, m, p)
            && !self.told.reordered
        {
            self.told.reordered = true;
            step.events.push(
                self.event(Kind::CaptureReordered, s.packet, from)
                    .with("ack_packet", Datum::Uint(by))
                    .with("len", Datum::Uint(s.len.into())),
            );
        }
    }

    /// The packet that acknowledged this segment before it was captured. It must have been this one, and not one that the
    /// capture missed: its numbers are new, and its timestamp is one that the receiver has echoed by then.
    fn acknowledged_before(&self, s: &Segment<'_>, m: usize, p: usize) -> Option<u64> {
        let (me, peer) = (&self.sides[m], &self.sides[p]);
        let (acked, by) = peer.acked?;
        let is_new = me.seen.next().is_none_or(|next| !before(s.seq, next));
        let proved = match (s.options.timestamps, peer.echo) {
            (Some((mine, _)), Some(echo)) => not_after(mine, echo),
            _ => s.syn, // without timestamps only a SYN is sure: it is sent once, or again with the same number
        };
        (s.length() > 0 && !s.rst && is_new && proved && not_after(s.end(), acked)).then_some(by)
    }

    /// What the whole connection shows: told when it is let go.
    pub(super) fn one_direction(&self, step: &mut Step<'_>) {
        for endpoint in [Endpoint::Client, Endpoint::Server] {
            let (me, peer) = (&self.sides[endpoint.index()], &self.sides[endpoint.peer().index()]);
            let (Some((acked, packet)), Some(base)) = (me.acked, peer.base) else { continue };
            // Refusals acknowledge a SYN that nobody needs to have seen.
            if peer.packets == 0 && me.packets > 1 && me.refusal.is_none() {
                step.events.push(
                    self.event(Kind::CaptureOneDirection, packet, endpoint)
                        .with("packets", Datum::Uint(me.packets))
                        .with("confirmed", Datum::Uint(acked.wrapping_sub(base).saturating_sub(1).into())),
                );
            }
        }
    }
}
