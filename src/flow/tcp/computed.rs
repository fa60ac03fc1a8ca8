//! What only following can tell of a segment, as fields for the tree: numbers relative to the beginning, scaled windows.
//!
//! The names are Wireshark's. RFC 7323 section 2.2 (scaling), RFC 2018 section 3 (SACK), RFC 5681 section 2 (what is in flight). Leaves out: fields that stand in the
//! header (`protocol::tcp`).

use super::Connection;
use super::segment::{self, Segment};
use super::sequence::later;
use super::side::Side;
use crate::decode::{Computed, Context};
use crate::flow::record::Endpoint;
use crate::protocol::Protocol;
use crate::wire::{Field, Value};

static TCP_STREAM: Field = Field::new("tcp.stream");
static TCP_LEN: Field = Field::new("tcp.len");
static TCP_SEQ: Field = Field::new("tcp.seq");
static TCP_NXTSEQ: Field = Field::new("tcp.nxtseq");
static TCP_ACK: Field = Field::new("tcp.ack");
static TCP_WINDOW: Field = Field::new("tcp.window_size");
static TCP_SCALE: Field = Field::new("tcp.window_size_scalefactor");
static TCP_IN_FLIGHT: Field = Field::new("tcp.analysis.bytes_in_flight");
static TCP_ACKS_FRAME: Field = Field::new("tcp.analysis.acks_frame");
static TCP_ACK_RTT: Field = Field::new("tcp.analysis.ack_rtt");
static TCP_INITIAL_RTT: Field = Field::new("tcp.analysis.initial_rtt");
static TCP_SACK_LE: Field = Field::new("tcp.options.sack_le");
static TCP_SACK_RE: Field = Field::new("tcp.options.sack_re");

/// What only a segment that was followed has: whom it acknowledges, what is under way after it.
pub fn put(c: &Connection, s: &Segment<'_>, from: Endpoint, context: &mut Context) {
    place(c, s, from, context);
    let mut put = |field: &'static Field, value| {
        context.computed.push(of_segment(field, value));
    };
    let (acks, octets) = match &c.wireshark {
        Some(theirs) => (theirs.acks, theirs.in_flight),
        None => {
            (c.acks.map(|acks| acks.0), in_flight(s, &c.sides[from.index()], &c.sides[from.peer().index()]))
        }
    };
    if let Some(packet) = acks {
        put(&TCP_ACKS_FRAME, Value::Uint(packet));
    }
    if let Some((_, after_ns)) = c.acks.filter(|ours| acks == Some(ours.0)) {
        put(&TCP_ACK_RTT, Value::Time(after_ns));
    }
    if let Some(octets) = octets {
        put(&TCP_IN_FLIGHT, Value::Uint(octets.into()));
    }
    // Where the segment says something else of the path, to be held against it.
    if let Some(ns) = c.handshake_rtt().filter(|_| octets.is_some() || acks.is_some() || c.labelled) {
        put(&TCP_INITIAL_RTT, Value::Time(ns));
    }
}

/// Where a segment belongs in its connection: relative numbers and the scaled window. Also of one that is not followed, a copy say.
pub fn place(c: &Connection, s: &Segment<'_>, from: Endpoint, context: &mut Context) {
    let me = &c.sides[from.index()];
    let peer = &c.sides[from.peer().index()];
    let mut put = |field: &'static Field, value| {
        context.computed.push(of_segment(field, value));
    };
    put(&TCP_STREAM, Value::Uint(c.base.stream));
    put(&TCP_LEN, Value::Uint(s.len.into()));
    put(&TCP_SEQ, Value::Uint(me.relative(s.seq).into()));
    put(&TCP_NXTSEQ, Value::Uint(me.relative(s.end()).into()));
    put(&TCP_ACK, Value::Uint(if s.ack_flag { peer.relative(s.ack) } else { s.ack }.into()));
    segment::sack_edges(s.options_bytes, &mut |left, right| {
        // Where nothing was seen of the peer, relative to nothing.
        let relative = |edge| peer.base.map_or(edge, |_| peer.relative(edge));
        put(&TCP_SACK_LE, Value::Uint(relative(left).into()));
        put(&TCP_SACK_RE, Value::Uint(relative(right).into()));
    });
    let both = me.scales(peer);
    let shift = if s.syn || !both { 0 } else { me.scale.unwrap_or(0) };
    put(&TCP_WINDOW, Value::Uint(u64::from(s.window) << shift));
    if !s.syn {
        let handshake_seen = me.syn.is_some() && peer.syn.is_some();
        let factor = if both {
            1i64 << shift
        } else if handshake_seen {
            -2 // Wireshark's mark: scaling was not agreed
        } else {
            -1 // Wireshark's mark: the handshake was not captured
        };
        put(&TCP_SCALE, Value::Int(factor));
    }
}

fn of_segment(field: &'static Field, value: Value) -> Computed {
    Computed { protocol: Protocol::Tcp, at: None, field, value }
}

/// Octets under way after a segment with data: from the first that is not acknowledged to the last that was sent (the flight size
/// of RFC 5681 section 2; what SACK reports still counts). After a SYN or FIN, whose number is no octet, one less.
fn in_flight(s: &Segment<'_>, me: &Side, peer: &Side) -> Option<u32> {
    let first = me.flights.front()?.start;
    let first = peer.acked.map_or(first, |(acked, _)| later(first, acked));
    let all = me.seen.next()?.wrapping_sub(first);
    let octets = all.checked_sub(u32::from(s.syn || s.fin))?;
    (s.len > 0 && !s.rst && octets > 0).then_some(octets)
}
