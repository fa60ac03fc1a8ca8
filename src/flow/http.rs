//! Following HTTP/1.x through the two directions of a TCP connection: where each message begins and ends, and
//! which response answers which request.
//!
//! RFC 9112 section 6.3 (how long a body is), 7.1 (chunks), 8 (incomplete messages), 9.3 (one connection, many
//! exchanges), 9.3.2 (pipelining); RFC 9110 section 9.3.6 (CONNECT), 15.2 (interim responses), 7.8 (Upgrade).
//! Leaves out: where bodies end (`framing.rs`), what they are (`body.rs`), what is told of an exchange (`exchange.rs`).
//!
//! Observer only: nothing here refuses a message. Bytes that are no HTTP are `PieceKind::Unit(Unit::Opaque)` until a
//! segment begins like a head. Which end is the client is not asked: a message's first line says what it is.

use std::collections::VecDeque;

use self::body::{Kept, Of};
use self::framing::{MAX_CHUNK_LINE, Reading, between_chunks, request_body};
use super::event::{Datum, Event, Kind};
use super::stream::{Reader, Sink};
use crate::decode::{Context, Piece, PieceKind};
use crate::protocol::http::{
    self, ChunkPart, Exchange, Start, TransferEncoding, looks_like_request, looks_like_response,
};
use crate::protocol::{Certainty, Unit};
use crate::wire::{Cursor, Off};

mod body;
mod exchange;
mod framing;
mod memory;
#[cfg(test)]
mod tests;

pub use body::{MAX_BODY, MAX_KEPT};
pub use memory::Memory;

/// The longest head that is put together; longer ones are given up.
pub const MAX_HEAD: usize = 64 * 1024;
/// How many unanswered requests are remembered.
pub const MAX_PENDING: usize = 1000;
/// The longest text that an event carries, in bytes of the packet.
const MAX_TEXT: usize = 2048;
/// Of so many packets that carried a head is it remembered that they did.
const MAX_FRAMES: usize = 64;
/// The longest head that is remembered until the protocol it asks for is spoken.
const MAX_UPGRADE_HEAD: usize = 8 * 1024;
/// The longest target that is remembered until the response comes.
const MAX_PENDING_URI: usize = 256;

/// Ports registered for HTTP, and those that servers behind them commonly have.
pub const PORTS: &[u16] = &[80, 591, 8000, 8008, 8080, 8081, 8088, 3128];

/// Whether a connection speaks HTTP/1.x, told by the first bytes of one direction, whatever the port.
pub fn probe(first_bytes: &[u8], from_client: bool) -> Certainty {
    if from_client { looks_like_request(first_bytes) } else { looks_like_response(first_bytes) }
}

/// The heads that a packet completes, in order: in its own bytes, put together from several packets, or decrypted. For that the packet's
/// context must have been asked for.
pub fn heads<'a>(frame: &'a [u8], context: &'a Context) -> Vec<&'a [u8]> {
    let bytes = context.datagram.as_ref().map_or(frame, |(_, bytes)| bytes);
    let mut found = Vec::new();
    heads_in(bytes, &context.pieces, &mut found);
    found
}

fn heads_in<'a>(buffer: &'a [u8], pieces: &'a [Piece], found: &mut Vec<&'a [u8]>) {
    for piece in pieces {
        match &piece.kind {
            PieceKind::Unit(Unit::HttpHead(_)) => found.extend(buffer.get(piece.start..piece.end)),
            PieceKind::Assembled { unit: Unit::HttpHead(_), bytes, .. } => found.push(bytes),
            PieceKind::Decoded { bytes, pieces } => heads_in(bytes, pieces, found),
            _ => {}
        }
    }
}

/// One direction.
#[derive(Debug)]
struct Side {
    reading: Reading,
    /// The beginning of a head that is not complete.
    head: Vec<u8>,
    /// The packets that carried it.
    frames: Vec<u64>,
    /// Whether `head` is known to be one.
    sure: bool,
    /// Number of the request whose body is being read here.
    request: Option<u64>,
    /// The body that is being read.
    body: Option<Box<Kept>>,
    /// The beginning of a trailer, and the packets that carried it.
    trailer: (Vec<u8>, Vec<u64>),
}

impl Side {
    const fn new() -> Side {
        Side {
            reading: Reading::Head,
            head: Vec::new(),
            frames: Vec::new(),
            sure: false,
            request: None,
            body: None,
            trailer: (Vec::new(), Vec::new()),
        }
    }

    fn forget_head(&mut self) {
        self.head = Vec::new();
        self.frames = Vec::new();
        self.sure = false;
    }
}

/// A request that waits for its response.
#[derive(Debug)]
struct Pending {
    number: u64,
    packet: u64,
    /// When its last byte so far came.
    last_ns: i64,
    method: String,
    uri: String,
    /// Its head, where it asks for another protocol: what answers it refers to it.
    head: Box<[u8]>,
    host: Vec<u8>,
    /// What [`Memory`] knows the resource by.
    page: u64,
    /// The whole address.
    address: Option<String>,
    /// The response that it asks for unless it is still the same.
    stored: Option<u64>,
}

/// One TCP connection that carries HTTP/1.x.
#[derive(Debug)]
pub struct HttpStream {
    /// From the client, from the server.
    sides: [Side; 2],
    pending: VecDeque<Pending>,
    requests: u64,
    /// Up to this request every one was seen, and every response: beyond it the oldest that waits need not be the one answered.
    certain_to: u64,
    /// Whether a request was ever sent before the response to the one before it.
    pipelined: bool,
}

impl Default for HttpStream {
    fn default() -> HttpStream {
        HttpStream::new()
    }
}

impl HttpStream {
    /// A connection of which nothing has been seen.
    pub const fn new() -> HttpStream {
        HttpStream {
            sides: [Side::new(), Side::new()],
            pending: VecDeque::new(),
            requests: 0,
            certain_to: u64::MAX,
            pipelined: false,
        }
    }

    /// A message of this direction may have passed unseen. Requests that came before still get their responses in order; after
    /// a response that was missed none can be told.
    fn doubt(&mut self, from_client: bool) {
        self.certain_to = if from_client { self.certain_to.min(self.requests) } else { 0 };
    }

    /// Takes at least one byte, says how many and what they are.
    fn step(&mut self, side: usize, data: &[u8], sink: &mut Sink<'_>) -> (usize, PieceKind) {
        match self.sides[side].reading {
            Reading::Head => self.head(side, data, sink),
            Reading::Body { left } => {
                let taken = within(data, left);
                self.sides[side].reading = Reading::body(left - taken as u64);
                self.keep(side, &data[..taken], sink)
            }
            Reading::UntilClose => self.keep(side, data, sink),
            Reading::ChunkData { left } => {
                let taken = within(data, left);
                self.sides[side].reading = match left - taken as u64 {
                    0 => Reading::ChunkEnd,
                    left => Reading::ChunkData { left },
                };
                self.keep(side, &data[..taken], sink)
            }
            Reading::ChunkSize { .. } | Reading::ChunkEnd | Reading::Trailer { .. } => {
                self.between(side, data, sink)
            }
            Reading::Lost => (data.len(), PieceKind::Unit(Unit::Opaque)),
        }
    }

    /// A part of a body.
    fn keep(&mut self, side: usize, part: &[u8], sink: &Sink<'_>) -> (usize, PieceKind) {
        if let Some(body) = &mut self.sides[side].body {
            body.add(part, sink.packet);
        }
        (part.len(), PieceKind::Unit(Unit::HttpBody))
    }

    /// A size line, the end of line behind a chunk, or the trailer; one of them at a time.
    fn between(&mut self, side: usize, data: &[u8], sink: &mut Sink<'_>) -> (usize, PieceKind) {
        let this = &mut self.sides[side];
        let began = this.reading;
        for (index, byte) in data.iter().enumerate() {
            let before = this.reading;
            this.reading = between_chunks(before, *byte);
            if this.reading == Reading::Lost {
                return self.give_up(side, data);
            }
            // A line has ended: the size line, the end of line after a chunk, or the whole message.
            if std::mem::discriminant(&before) != std::mem::discriminant(&this.reading) {
                let part = match (began, this.reading) {
                    (Reading::ChunkEnd, _) => ChunkPart::End,
                    (Reading::ChunkSize { length, .. }, next) => {
                        let size = if let Reading::ChunkData { left } = next { left } else { 0 };
                        if let Some(body) = this.body.as_mut().filter(|_| size > 0) {
                            body.chunks += 1;
                        }
                        if length == 0 { ChunkPart::Size } else { ChunkPart::SizeEnd(size) }
                    }
                    (Reading::Trailer { length: 0, .. }, _) => ChunkPart::Trailer,
                    _ => {
                        let (mut trailer, mut frames) = std::mem::take(&mut this.trailer);
                        trailer.extend_from_slice(&data[..=index]);
                        frames.push(sink.packet);
                        sink.assembled(Unit::HttpChunk(ChunkPart::Trailer), &trailer, &frames);
                        ChunkPart::Part
                    }
                };
                return (index + 1, PieceKind::Unit(Unit::HttpChunk(part)));
            }
        }
        if let Reading::Trailer { .. } = this.reading
            && this.trailer.0.len() + data.len() <= MAX_CHUNK_LINE as usize * 2
        {
            this.trailer.0.extend_from_slice(data);
            this.trailer.1.push(sink.packet);
        }
        let part = if began == Reading::ChunkEnd { ChunkPart::End } else { ChunkPart::Part };
        (data.len(), PieceKind::Unit(Unit::HttpChunk(part)))
    }

    /// Shows and tells a body that has ended, or of which nothing more will be read.
    fn settle(&mut self, side: usize, sink: &mut Sink<'_>) {
        let this = &mut self.sides[side];
        if matches!(this.reading, Reading::Head | Reading::Lost)
            && let Some(body) = this.body.take()
        {
            let whole = this.reading == Reading::Head;
            this.trailer = (Vec::new(), Vec::new());
            body.finish(whole, None, sink);
        }
    }

    fn give_up(&mut self, side: usize, data: &[u8]) -> (usize, PieceKind) {
        self.sides[side].reading = Reading::Lost;
        self.sides[side].forget_head();
        self.doubt(side == 0);
        (data.len(), PieceKind::Unit(Unit::Opaque))
    }

    /// A head begins, or goes on.
    fn head(&mut self, side: usize, data: &[u8], sink: &mut Sink<'_>) -> (usize, PieceKind) {
        let this = &mut self.sides[side];
        let before = this.head.len();
        if before == 0 {
            // The usual case: the head lies in one segment, and nothing is copied.
            let likeness = likeness(data);
            return match http::head_end(data) {
                _ if likeness == Certainty::No => self.give_up(side, data),
                Some(end) if end <= MAX_HEAD => match self.message(side, &data[..end], sink) {
                    Some(unit) => (end, PieceKind::Unit(unit)),
                    None => self.give_up(side, data),
                },
                None if data.len() < MAX_HEAD => {
                    this.head.extend_from_slice(data);
                    this.frames.push(sink.packet);
                    this.sure = likeness == Certainty::Yes;
                    (data.len(), PieceKind::Segment { began: sink.packet })
                }
                _ => self.give_up(side, data),
            };
        }
        let taken = data.len().min(MAX_HEAD - before);
        this.head.extend_from_slice(&data[..taken]);
        let began = this.frames.first().copied().unwrap_or(sink.packet);
        if this.frames.last() != Some(&sink.packet) && this.frames.len() < MAX_FRAMES {
            this.frames.push(sink.packet);
        }
        if let Some(end) = http::head_end_from(&this.head, before) {
            let mut whole = std::mem::take(&mut this.head);
            whole.truncate(end);
            let frames = std::mem::take(&mut this.frames);
            this.sure = false;
            let message =
                if likeness(&whole) == Certainty::No { None } else { self.message(side, &whole, sink) };
            return match message {
                Some(unit) => {
                    sink.assembled(unit, &whole, &frames);
                    (end - before, PieceKind::Segment { began })
                }
                None => self.give_up(side, data),
            };
        }
        if this.head.len() >= MAX_HEAD {
            return self.give_up(side, data);
        }
        if !this.sure {
            match likeness(&this.head) {
                Certainty::No => return self.give_up(side, data),
                certainty => this.sure = certainty == Certainty::Yes,
            }
        }
        (taken, PieceKind::Segment { began })
    }

    /// A head is complete; what it is to the tree. `None` where it is none after all.
    fn message(&mut self, side: usize, bytes: &[u8], sink: &mut Sink<'_>) -> Option<Unit> {
        let head = http::dissect(&mut Cursor::new(bytes, 0, bytes.len(), &mut Off)).ok()?;
        self.sides[side].request = None;
        let exchange: Option<Box<Exchange>>;
        let (reading, of);
        match head.start {
            Start::Request { method, uri, version } => {
                exchange = self.request(side, &head, [method, uri, version], sink);
                if let Some(pending) = self.pending.back_mut()
                    && head.upgrade.is_some()
                    && bytes.len() <= MAX_UPGRADE_HEAD
                {
                    pending.head = bytes.into();
                }
                reading = request_body(&head);
                of = Of {
                    from_client: true,
                    head_packet: sink.packet,
                    request_packet: None,
                    uri: Some(shown(uri, MAX_PENDING_URI)),
                };
            }
            Start::Response { .. } => (reading, of, exchange) = self.response(bytes, &head, sink),
        }
        let this = &mut self.sides[side];
        this.reading = reading;
        if !matches!(reading, Reading::Head | Reading::Lost) {
            let chunked = head.transfer == TransferEncoding::Chunked;
            this.body = Some(Box::new(Kept::new(&head, chunked, of, &sink.shared.http.budget)));
        }
        if reading == Reading::Lost {
            self.doubt(side == 0);
        }
        Some(Unit::HttpHead(exchange))
    }
}

impl Reader for HttpStream {
    fn feed(&mut self, from_client: bool, at: Option<usize>, data: &[u8], sink: &mut Sink<'_>) -> usize {
        let side = usize::from(!from_client);
        if self.sides[side].reading == Reading::Lost && likeness(data) == Certainty::Yes {
            self.sides[side].reading = Reading::Head;
        }
        // A gap may have reached to the end of a body, or beyond.
        self.settle(side, sink);
        let mut done = 0;
        while done < data.len() && sink.next.is_none() {
            let mark = sink.pieces.len();
            let (taken, kind) = self.step(side, &data[done..], sink);
            if let Some(at) = at {
                // What is put together stands behind its last part.
                sink.pieces.insert(mark, Piece { start: at + done, end: at + done + taken, kind });
            }
            self.settle(side, sink);
            done += taken;
        }
        if let Some(number) = self.sides[side].request
            && let Some(last) = self.pending.back_mut()
            && last.number == number
        {
            last.last_ns = sink.time_ns;
        }
        done
    }

    fn cut(&mut self, from_client: bool, sink: &mut Sink<'_>) {
        let side = &self.sides[usize::from(!from_client)];
        if side.frames == [sink.packet] && side.sure {
            sink.cut(Unit::HttpHead(None));
        }
    }

    fn lost(&mut self, from_client: bool, bytes: u64) {
        let side = &mut self.sides[usize::from(!from_client)];
        if let Some(body) = &mut side.body {
            body.lost(bytes);
        }
        side.reading = match side.reading {
            Reading::Body { left } if bytes <= left => Reading::body(left - bytes),
            Reading::ChunkData { left } if bytes < left => Reading::ChunkData { left: left - bytes },
            Reading::ChunkData { left } if bytes == left => Reading::ChunkEnd,
            Reading::UntilClose => Reading::UntilClose,
            // A head may have been among them.
            _ => {
                side.forget_head();
                side.reading = Reading::Lost;
                self.doubt(from_client);
                return;
            }
        };
    }

    /// A direction has ended: FIN, or the connection was reset. A body that lasts until then is complete; a message
    /// that was to go on is told as incomplete (RFC 9112 section 8).
    fn end(&mut self, from_client: bool, sink: &mut Sink<'_>) {
        // RFC 9110 section 10.1.1: with the final response there, a client need not send a body that it only announced.
        let index = usize::from(!from_client);
        self.settle(index, sink);
        let refused = from_client
            && self.sides[index]
                .request
                .is_some_and(|number| !self.pending.iter().any(|p| p.number == number));
        let side = &mut self.sides[index];
        let missing = match side.reading {
            Reading::Body { .. } if refused => {
                *side = Side { reading: Reading::Lost, ..Side::new() };
                return;
            }
            Reading::Body { left } => Some(left),
            Reading::ChunkSize { .. }
            | Reading::ChunkData { .. }
            | Reading::ChunkEnd
            | Reading::Trailer { .. } => None,
            Reading::Head if side.sure && names_version(&side.head) => None,
            Reading::Head | Reading::UntilClose | Reading::Lost => {
                let body = side.body.take();
                *side = Side { reading: side.reading, ..Side::new() };
                if let Some(body) = body {
                    body.finish(true, None, sink);
                }
                return;
            }
        };
        let (part, variant) = match side.reading {
            Reading::Head => ("head", "http-incomplete-head"),
            _ => ("body", "http-incomplete"),
        };
        let body = side.body.take();
        *side = Side { reading: Reading::Lost, ..Side::new() };
        let mut event = Event::new(Kind::Malformed, sink.packet, Some(sink.flow))
            .variant(variant)
            .with("layer", Datum::Text("http".to_owned()))
            .with("part", Datum::Text(part.to_owned()))
            .with("from_client", Datum::Flag(from_client));
        if let Some(missing) = missing {
            event = event.with("missing", Datum::Uint(missing));
        }
        sink.events.push(event);
        if let Some(body) = body {
            body.finish(false, missing, sink);
        }
    }
}

/// Whether the first line says a version. HTTP/0.9's does not: after its one line nothing more is to come.
fn names_version(head: &[u8]) -> bool {
    let line = head.trim_ascii_start().split(|b| *b == b'\n').next().unwrap_or(head);
    line.windows(5).any(|w| w == b"HTTP/")
}

/// The part of `data` that lies in the next `left` bytes.
fn within(data: &[u8], left: u64) -> usize {
    usize::try_from(left).map_or(data.len(), |left| left.min(data.len()))
}

/// Whether bytes begin a message of either kind.
fn likeness(data: &[u8]) -> Certainty {
    looks_like_request(data).max(looks_like_response(data))
}

/// Text from the packet; what is left out of a very long one is marked.
fn shown(bytes: &[u8], limit: usize) -> String {
    let mut text = String::from_utf8_lossy(&bytes[..bytes.len().min(limit)]).into_owned();
    if bytes.len() > limit {
        text.push('…');
    }
    text
}
