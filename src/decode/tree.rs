//! The tree lane: names every bit of the layers that the fast lane found.
//!
//! What the follower of conversations knows of a packet (relative numbers, which part of a TCP payload is
//! what, the datagram that a last fragment completes) comes in as a [`Context`]; this file adds no judgement
//! of its own. Each captured byte gets exactly one leaf: headers by their protocol's description, what a
//! description cannot name by `<protocol>.unreadable`, what stands after a layer by `<protocol>.trailer`.

use super::fast::{Header, Layer, Packet};
use crate::capture::Frame;
use crate::protocol::{self, Protocol, Unit, icmp, unit};
use crate::wire::{Cursor, Field, Recorder, Tree, Value};

/// A value that the follower of conversations worked out, to be shown in a layer.
#[derive(Debug, Clone)]
pub struct Computed {
    /// In a layer of which protocol.
    pub protocol: Protocol,
    /// In the layer that starts here; else in the innermost of its protocol.
    pub at: Option<usize>,
    /// Under which name.
    pub field: &'static Field,
    /// The value.
    pub value: Value,
}

/// What a part of a TCP payload is.
#[derive(Debug, Clone, PartialEq)]
pub enum PieceKind {
    /// A unit of a protocol, whole, within this frame.
    Unit(Unit),
    /// A part of a unit that is put together from several frames.
    Segment {
        /// The frame that brought its beginning.
        began: u64,
    },
    /// A unit that was put together from several frames, or decoded from the piece before. Takes up no bytes of the frame.
    Assembled {
        /// What it is.
        unit: Unit,
        /// All of it.
        bytes: Vec<u8>,
        /// The frames that carried it, as far as known.
        frames: Vec<u64>,
    },
    /// What the piece before turned out to hold once decrypted, in a buffer of its own with parts of its own. Takes up no
    /// bytes of the frame.
    Decoded {
        /// All of it.
        bytes: Vec<u8>,
        /// Its parts, by offsets in `bytes`.
        pieces: Vec<Piece>,
    },
}

/// A part of a packet's TCP payload.
#[derive(Debug, Clone, PartialEq)]
pub struct Piece {
    /// Offset in the buffer that holds the segment.
    pub start: usize,
    /// Offset after it.
    pub end: usize,
    /// What it is.
    pub kind: PieceKind,
}

/// What the follower of conversations knows of a packet.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// Derived values, in the order they are shown.
    pub computed: Vec<Computed>,
    /// The parts of the TCP payload, in order; bytes outside all of them are shown as plain payload.
    pub pieces: Vec<Piece>,
    /// What the message of a UDP datagram is, where what was said before tells more of it than its own bytes.
    pub message: Option<Unit>,
    /// The IP datagram that this packet's fragment completed: its IP protocol number and payload.
    pub datagram: Option<(u8, Vec<u8>)>,
}

impl Context {
    /// Forgets the packet, keeps the memory.
    pub fn clear(&mut self) {
        self.computed.clear();
        self.pieces.clear();
        self.message = None;
        self.datagram = None;
    }
}

static TCP_PAYLOAD: Field = Field::new("tcp.payload");
static SEGMENT_DATA: Field = Field::new("tcp.segment_data");
static DECODED_DATA: Field = Field::new("tls.segment.data");
static CONTINUATION: Field = Field::new("tcp.continuation_to");
static SEGMENT: Field = Field::new("tcp.segment");
static REASSEMBLED_LENGTH: Field = Field::new("tcp.reassembled.length");

/// Most buffers that one packet's tree has.
const MAX_BUFFERS: usize = 200;

/// Builds the tree of one packet; `tree` is cleared first.
pub fn build(frame: &Frame<'_>, packet: &Packet<'_>, context: &Context, tree: &mut Tree) {
    tree.clear();
    layers(frame.bytes, frame.number, packet, context, tree);
    if let Some((ip_protocol, bytes)) = &context.datagram {
        tree.buffers.push(bytes.clone());
        tree.in_buffer(tree.buffers.len() as u8);
        let inner = super::decode_datagram(*ip_protocol, bytes);
        layers(bytes, frame.number, &inner, context, tree);
        tree.in_buffer(0);
    }
}

fn layers(bytes: &[u8], frame: u64, packet: &Packet<'_>, context: &Context, tree: &mut Tree) {
    let count = packet.layers.len();
    for (index, layer) in packet.layers.iter().enumerate() {
        // Layers end from the innermost out, so trailing bytes are told last, in the layer they belong to:
        // wire order within a layer is kept, and a reader finds filling where it stands, at the end.
        tree.layer(layer.protocol.field(), layer.start, layer.header_end - layer.start);
        header(bytes, layer, context, tree);
        let innermost = !packet.layers[index + 1..].iter().any(|l| l.protocol == layer.protocol && !l.quoted);
        let here = |c: &&Computed| {
            c.protocol == layer.protocol && !layer.quoted && c.at.map_or(innermost, |at| at == layer.start)
        };
        for computed in context.computed.iter().filter(here) {
            tree.derived(computed.field, layer.start * 8, computed.value.clone());
        }
        let carried_end = packet.layers.get(index + 1).map_or(layer.header_end, |next| next.end);
        let is_tcp_payload = layer.protocol == Protocol::Tcp && index + 1 == count && !layer.quoted;
        if is_tcp_payload {
            continue; // its payload follows as pieces below
        }
        if layer.end > carried_end {
            let mut c = Cursor::new(bytes, carried_end, layer.end, tree);
            // Behind a quoted packet, RFC 4884 puts extensions; trouble in them leaves a trailer.
            if let Some(quoted_end) = quoted_end(layer) {
                let _ = icmp::describe_extensions(&mut c, quoted_end);
            }
            protocol::describe_trailer(layer.protocol, &mut c);
            c.rest(match layer.protocol {
                Protocol::Tcp => &TCP_PAYLOAD, // of a quoted segment
                other => protocol::trailer(other),
            });
        }
    }
    // What stands after the outermost layer (an 802.3 frame longer than its length says).
    if let Some(outermost) = packet.layers.first()
        && outermost.end < bytes.len()
    {
        let mut c = Cursor::new(bytes, outermost.end, bytes.len(), tree);
        protocol::describe_trailer(outermost.protocol, &mut c);
        c.rest(protocol::trailer(outermost.protocol));
    }
    if let Some(tcp) = packet.layers.last()
        && tcp.protocol == Protocol::Tcp
        && !tcp.quoted
    {
        let extent = (tcp.header_end, tcp.end);
        payload(bytes, frame, extent, &context.pieces, &SEGMENT_DATA, tree);
    }
}

/// Where the packet that an ICMP error quotes ends, where its header says so.
fn quoted_end(layer: &Layer<'_>) -> Option<usize> {
    let length = match &layer.header {
        Header::Icmp(h) => h.quoted_len,
        Header::Icmpv6(h) => h.quoted_len,
        _ => None,
    };
    length.map(|length| layer.header_end + usize::from(length))
}

/// Describes one header; what the description leaves over gets a leaf of its own.
fn header(bytes: &[u8], layer: &Layer<'_>, context: &Context, tree: &mut Tree) {
    let mut c = Cursor::new(bytes, layer.start, layer.header_end, tree);
    // Trouble is not repeated here: the fast lane has said it, and the leaves show how far reading came.
    let _ = match context.message.as_ref().filter(|unit| unit.protocol() == layer.protocol && !layer.quoted) {
        Some(unit) => unit::describe(unit, &mut c),
        None => protocol::describe(layer.protocol, &mut c),
    };
    c.rest(protocol::unreadable(layer.protocol));
}

/// A payload from `start` to `end`, part by part: a TCP segment's, or what was decoded from one.
fn payload(
    bytes: &[u8],
    frame: u64,
    (start, end): (usize, usize),
    pieces: &[Piece],
    segment: &'static Field,
    tree: &mut Tree,
) {
    let (mut at, payload_end) = (start, end);
    // Whose layer the tree stands in, in this payload's own bytes.
    let mut open = None;
    for piece in pieces {
        // Pieces come from another room: never trust them to tile.
        let (start, end) = (piece.start.max(at), piece.end.min(payload_end));
        match &piece.kind {
            PieceKind::Assembled { unit, bytes, frames } => {
                assembled(unit, bytes, frames, tree);
                open = None;
                continue;
            }
            PieceKind::Decoded { bytes, pieces } => {
                buffer(bytes, tree, |tree| {
                    payload(bytes, frame, (0, bytes.len()), pieces, &DECODED_DATA, tree)
                });
                open = None;
                continue;
            }
            _ if start >= end => continue,
            PieceKind::Unit(unit) => {
                gap(bytes, at, start, tree);
                if at != start || !(unit.continues() && open == Some(unit.protocol())) {
                    tree.layer(unit.protocol().field(), start, end - start);
                }
                open = Some(unit.protocol());
                describe(unit, bytes, start, end, tree);
            }
            PieceKind::Segment { began } => {
                gap(bytes, at, start, tree);
                let mut c = Cursor::new(bytes, start, end, tree);
                c.rest(segment);
                if *began != frame {
                    c.derived(&CONTINUATION, || Value::Uint(*began));
                }
                open = None;
            }
        }
        at = end;
    }
    gap(bytes, at, payload_end, tree);
}

/// Calls `inside` with the tree in a new buffer; none is begun beyond [`MAX_BUFFERS`].
fn buffer(bytes: &[u8], tree: &mut Tree, inside: impl FnOnce(&mut Tree)) {
    if tree.buffers.len() >= MAX_BUFFERS {
        return;
    }
    let outer = tree.current_buffer();
    tree.buffers.push(bytes.to_vec());
    tree.in_buffer(tree.buffers.len() as u8);
    inside(tree);
    tree.in_buffer(outer);
}

/// Payload that no piece covers: nobody reads the stream, or its bytes were seen before.
fn gap(bytes: &[u8], start: usize, end: usize, tree: &mut Tree) {
    if start < end {
        Cursor::new(bytes, start, end, tree).rest(&TCP_PAYLOAD);
    }
}

fn describe(unit: &Unit, bytes: &[u8], start: usize, end: usize, tree: &mut Tree) {
    let mut c = Cursor::new(bytes, start, end, tree);
    // Trouble is not repeated here: the follower has said it, and the leaves show how far reading came.
    let _ = unit::describe(unit, &mut c);
    c.rest(protocol::unreadable(unit.protocol()));
}

/// A unit in a buffer of its own.
fn assembled(unit: &Unit, bytes: &[u8], frames: &[u64], tree: &mut Tree) {
    buffer(bytes, tree, |tree| {
        tree.layer(unit.protocol().field(), 0, bytes.len());
        for frame in frames {
            tree.derived(&SEGMENT, 0, Value::Uint(*frame));
        }
        if !frames.is_empty() {
            tree.derived(&REASSEMBLED_LENGTH, 0, Value::Uint(bytes.len() as u64));
        }
        describe(unit, bytes, 0, bytes.len(), tree);
    });
}
