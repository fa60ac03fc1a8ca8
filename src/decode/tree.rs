//! The tree lane: names every bit of the layers that the fast lane found.
//!
//! What the follower of conversations knows of a packet (relative numbers, which part of a TCP payload is
//! what, the datagram that a last fragment completes) comes in as a [`Context`]; this file adds no judgement
//! of its own. Each captured byte gets exactly one leaf: headers by their protocol's description, what a
//! description cannot name by `<protocol>.unreadable`, what stands after a layer by `<protocol>.trailer`.

use super::fast::{Header, Layer, Packet};
use crate::capture::Frame;
use crate::protocol::{self, Protocol, data, http, icmp};
use crate::wire::{Cursor, Field, Recorder, Tree, Value};

/// A value that the follower of conversations worked out, to be shown in a layer.
#[derive(Debug, Clone)]
pub struct Computed {
    /// In which layer.
    pub protocol: Protocol,
    /// Under which name.
    pub field: &'static Field,
    /// The value.
    pub value: Value,
}

/// What a part of a TCP payload is.
#[derive(Debug, Clone)]
pub enum PieceKind {
    /// A whole HTTP head (start line to empty line), within this frame.
    HttpHead,
    /// A part of a message that later frames complete.
    Continues,
    /// The last part of a message that earlier frames began: the whole of it, put together.
    HttpHeadCompleted(Vec<u8>),
    /// Part of a body.
    HttpBody,
    /// A chunk's size line, or the line end after a chunk.
    HttpChunk,
    /// Bytes that nobody here can name.
    Opaque,
    /// Bytes that were seen before.
    SeenBefore,
}

/// A part of a packet's TCP payload.
#[derive(Debug, Clone)]
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
    /// The IP datagram that this packet's fragment completed: its IP protocol number and payload.
    pub datagram: Option<(u8, Vec<u8>)>,
}

impl Context {
    /// Forgets the packet, keeps the memory.
    pub fn clear(&mut self) {
        self.computed.clear();
        self.pieces.clear();
        self.datagram = None;
    }
}

static TCP_PAYLOAD: Field = Field::new("tcp.payload");
static SEGMENT_DATA: Field = Field::new("tcp.segment_data");
static HTTP_CHUNK: Field = Field::new("http.chunk");
static HTTP_BODY: Field = Field::new("http.file_data");

/// Builds the tree of one packet; `tree` is cleared first.
pub fn build(frame: &Frame<'_>, packet: &Packet<'_>, context: &Context, tree: &mut Tree) {
    tree.clear();
    layers(frame.bytes, packet, context, tree);
    if let Some((ip_protocol, bytes)) = &context.datagram {
        tree.buffers.push(bytes.clone());
        tree.in_buffer(tree.buffers.len() as u8);
        let inner = super::decode_datagram(*ip_protocol, bytes);
        layers(bytes, &inner, context, tree);
        tree.in_buffer(0);
    }
}

fn layers(bytes: &[u8], packet: &Packet<'_>, context: &Context, tree: &mut Tree) {
    let count = packet.layers.len();
    for (index, layer) in packet.layers.iter().enumerate() {
        // Layers end from the innermost out, so trailing bytes are told last, in the layer they belong to:
        // wire order within a layer is kept, and a reader finds filling where it stands, at the end.
        tree.layer(layer.protocol.field(), layer.start, layer.header_end - layer.start);
        header(bytes, layer, tree);
        for computed in context.computed.iter().filter(|c| c.protocol == layer.protocol && !layer.quoted) {
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
        c.rest(protocol::trailer(outermost.protocol));
    }
    if let Some(tcp) = packet.layers.last()
        && tcp.protocol == Protocol::Tcp
        && !tcp.quoted
    {
        payload(bytes, tcp, &context.pieces, tree);
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
fn header(bytes: &[u8], layer: &Layer<'_>, tree: &mut Tree) {
    let mut c = Cursor::new(bytes, layer.start, layer.header_end, tree);
    // Trouble is not repeated here: the fast lane has said it, and the leaves show how far reading came.
    let _ = protocol::describe(layer.protocol, &mut c);
    c.rest(protocol::unreadable(layer.protocol));
}

/// The payload of a TCP segment, part by part.
fn payload(bytes: &[u8], tcp: &Layer<'_>, pieces: &[Piece], tree: &mut Tree) {
    let mut at = tcp.header_end;
    let mut in_http = false;
    for piece in pieces {
        // Pieces come from another room: never trust them to tile.
        let (start, end) = (piece.start.max(at), piece.end.min(tcp.end));
        if start >= end {
            continue;
        }
        gap(bytes, at, start, tree);
        in_http = part(bytes, start, end, &piece.kind, in_http, tree);
        at = end;
    }
    gap(bytes, at, tcp.end, tree);
}

/// Payload that no piece covers.
fn gap(bytes: &[u8], start: usize, end: usize, tree: &mut Tree) {
    if start < end {
        Cursor::new(bytes, start, end, tree).rest(&TCP_PAYLOAD);
    }
}

/// One part; returns whether the tree now stands in an `http` layer that body bytes can continue.
fn part(bytes: &[u8], start: usize, end: usize, kind: &PieceKind, in_http: bool, tree: &mut Tree) -> bool {
    let http_layer = |tree: &mut Tree| {
        if !in_http {
            tree.layer(Protocol::Http.field(), start, end - start);
        }
    };
    match kind {
        PieceKind::HttpHead => {
            tree.layer(Protocol::Http.field(), start, end - start);
            let mut c = Cursor::new(bytes, start, end, tree);
            let _ = http::dissect(&mut c);
            c.rest(protocol::unreadable(Protocol::Http));
            true
        }
        PieceKind::HttpHeadCompleted(whole) => {
            Cursor::new(bytes, start, end, tree).rest(&SEGMENT_DATA);
            tree.buffers.push(whole.clone());
            tree.in_buffer(tree.buffers.len() as u8);
            tree.layer(Protocol::Http.field(), 0, whole.len());
            let mut c = Cursor::new(whole, 0, whole.len(), tree);
            let _ = http::dissect(&mut c);
            c.rest(protocol::unreadable(Protocol::Http));
            tree.in_buffer(0);
            false
        }
        PieceKind::Continues => {
            Cursor::new(bytes, start, end, tree).rest(&SEGMENT_DATA);
            false
        }
        PieceKind::HttpBody => {
            http_layer(tree);
            Cursor::new(bytes, start, end, tree).rest(&HTTP_BODY);
            true
        }
        PieceKind::HttpChunk => {
            http_layer(tree);
            Cursor::new(bytes, start, end, tree).rest(&HTTP_CHUNK);
            true
        }
        PieceKind::Opaque => {
            tree.layer(Protocol::Data.field(), start, end - start);
            let _ = data::dissect(&mut Cursor::new(bytes, start, end, tree));
            false
        }
        PieceKind::SeenBefore => {
            Cursor::new(bytes, start, end, tree).rest(&TCP_PAYLOAD);
            false
        }
    }
}
