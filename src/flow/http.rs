//! Following HTTP/1.x through the two directions of a TCP connection: where each message begins and ends, and
//! which response answers which request.
//!
//! RFC 9112 section 6.3 (how long a body is), 7.1 (chunks), 8 (incomplete messages), 9.3 (one connection, many
//! exchanges), 9.3.2 (pipelining); RFC 9110 section 9.3.6 (CONNECT), 15.2 (interim responses), 7.8 (Upgrade).
//! Leaves out: what bodies say (they are counted, not kept or decompressed) and the fields of a trailer.
//!
//! Observer only: nothing here refuses a message. Bytes that are no HTTP are [`PieceKind::Unit(Unit::Opaque)`] until a
//! segment begins like a head. Which end is the client is not asked: a message's first line says what it is.

use std::collections::VecDeque;

use super::event::{Datum, Event, Kind, Severity};
use super::stream::{self, Reader, Sink, Upgrade};
use crate::decode::{Piece, PieceKind};
use crate::protocol::http::{
    self, ContentLength, Head, Start, TransferEncoding, looks_like_request, looks_like_response,
};
use crate::protocol::{Certainty, Unit};
use crate::wire::{Cursor, Off};

#[cfg(test)]
mod tests;

/// The longest head that is put together; longer ones are given up.
pub const MAX_HEAD: usize = 64 * 1024;
/// The longest line of a chunk's size, and the longest trailer section.
const MAX_CHUNK_LINE: u32 = 16 * 1024;
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

/// Where one direction stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// A message begins, or its head has begun: [`Side::head`] holds what has come of it.
    Head,
    /// A body of known length.
    Body { left: u64 },
    /// A body that ends with the connection.
    UntilClose,
    /// The line before a chunk.
    ChunkSize { size: u64, digits: u8, extension: bool, length: u32 },
    /// A chunk.
    ChunkData { left: u64 },
    /// The end of line after a chunk.
    ChunkEnd,
    /// The lines after the last chunk; `line` bytes of the present one, without its end, have been read.
    Trailer { line: u32, length: u32 },
    /// Nobody knows where the next message begins; a segment that begins like a head ends this.
    Lost,
}

impl Reading {
    const CHUNK: Reading = Reading::ChunkSize { size: 0, digits: 0, extension: false, length: 0 };

    fn body(left: u64) -> Reading {
        if left == 0 { Reading::Head } else { Reading::Body { left } }
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
}

impl Side {
    const fn new() -> Side {
        Side { reading: Reading::Head, head: Vec::new(), frames: Vec::new(), sure: false, request: None }
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
                (taken, PieceKind::Unit(Unit::HttpBody))
            }
            Reading::UntilClose => (data.len(), PieceKind::Unit(Unit::HttpBody)),
            Reading::ChunkData { left } => {
                let taken = within(data, left);
                self.sides[side].reading = match left - taken as u64 {
                    0 => Reading::ChunkEnd,
                    left => Reading::ChunkData { left },
                };
                (taken, PieceKind::Unit(Unit::HttpBody))
            }
            Reading::ChunkSize { .. } | Reading::ChunkEnd | Reading::Trailer { .. } => {
                let mut reading = self.sides[side].reading;
                for (index, byte) in data.iter().enumerate() {
                    let before = reading;
                    reading = between_chunks(reading, *byte);
                    self.sides[side].reading = reading;
                    if reading == Reading::Lost {
                        break;
                    }
                    // A line has ended: the size line, the end of line after a chunk, or the whole message.
                    if std::mem::discriminant(&before) != std::mem::discriminant(&reading) {
                        return (index + 1, PieceKind::Unit(Unit::HttpChunk));
                    }
                }
                match reading {
                    Reading::Lost => self.give_up(side, data),
                    _ => (data.len(), PieceKind::Unit(Unit::HttpChunk)),
                }
            }
            Reading::Lost => (data.len(), PieceKind::Unit(Unit::Opaque)),
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
                    true => (end, PieceKind::Unit(Unit::HttpHead)),
                    false => self.give_up(side, data),
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
            let is_head = likeness(&whole) != Certainty::No && self.message(side, &whole, sink);
            return match is_head {
                true => {
                    sink.assembled(Unit::HttpHead, &whole, &frames);
                    (end - before, PieceKind::Segment { began })
                }
                false => self.give_up(side, data),
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

    /// A head is complete. False where it is none after all.
    fn message(&mut self, side: usize, bytes: &[u8], sink: &mut Sink<'_>) -> bool {
        let Ok(head) = http::dissect(&mut Cursor::new(bytes, 0, bytes.len(), &mut Off)) else { return false };
        self.sides[side].request = None;
        self.sides[side].reading = match head.start {
            Start::Request { method, uri, version } => {
                self.request(side, &head, [method, uri, version], sink);
                if let Some(pending) = self.pending.back_mut()
                    && head.upgrade.is_some()
                    && bytes.len() <= MAX_UPGRADE_HEAD
                {
                    pending.head = bytes.into();
                }
                request_body(&head)
            }
            Start::Response { version, code, phrase } => {
                self.response(&head, bytes, [version, phrase], code, sink)
            }
        };
        if self.sides[side].reading == Reading::Lost {
            self.doubt(side == 0);
        }
        true
    }

    fn request(&mut self, side: usize, head: &Head<'_>, line: [&[u8]; 3], sink: &mut Sink<'_>) {
        let [method, uri, version] = line;
        if self.certain_to != u64::MAX && !self.pipelined {
            // A client that waits for each response has had all it is going to have.
            self.pending.clear();
            self.certain_to = u64::MAX;
        }
        self.requests += 1;
        let waiting = self.pending.len();
        self.pipelined |= waiting > 0;
        let variant = match (method, head.upgrade) {
            (b"CONNECT", _) => "connect",
            _ if waiting > 0 => "pipelined",
            (_, Some(_)) => "upgrade",
            _ => "",
        };
        let mut event = Event::new(Kind::HttpRequest, sink.packet, Some(sink.flow))
            .variant(variant)
            .with("method", text(method, MAX_TEXT))
            .with("uri", text(uri, MAX_TEXT))
            .with("version", text(version, MAX_TEXT))
            .with("number", Datum::Uint(self.requests))
            .with("pipelined", Datum::Uint(waiting as u64));
        if let Some(host) = head.host {
            event = event.with("host", text(host, MAX_TEXT));
        }
        sink.events.push(with_body(event, head));
        if self.pending.len() == MAX_PENDING {
            self.pending.pop_front();
            self.certain_to = 0;
        }
        self.pending.push_back(Pending {
            number: self.requests,
            packet: sink.packet,
            last_ns: sink.time_ns,
            method: shown(method, MAX_PENDING_URI),
            uri: shown(uri, MAX_PENDING_URI),
            head: Box::default(),
        });
        self.sides[side].request = Some(self.requests);
    }

    /// Returns how the body is read. Where both directions leave HTTP here, somebody else reads on.
    fn response(
        &mut self,
        head: &Head<'_>,
        bytes: &[u8],
        [version, phrase]: [&[u8]; 2],
        code: u16,
        sink: &mut Sink<'_>,
    ) -> Reading {
        // RFC 9110 section 15.2: any number of interim responses may come first; 101 is the last of HTTP.
        let interim = matches!(code, 100..=199) && code != 101;
        let taken = if interim { None } else { self.pending.pop_front() };
        let request = if interim { self.pending.front() } else { taken.as_ref() };
        let is_method = |method: &str| request.is_some_and(|r| r.method == method);
        let tunnel = code == 101 || (matches!(code, 200..=299) && is_method("CONNECT"));
        let reading = if tunnel { Reading::Head } else { response_body(head, code, is_method("HEAD")) };
        let known = request.filter(|request| request.number <= self.certain_to);
        // RFC 9110 section 15.5.9: a server that waited in vain for the rest of a request may say so.
        let unfinished = request.is_none() && self.certain_to == u64::MAX && self.sides[0].sure;
        let (variant, severity) = match code {
            _ if unfinished => ("unfinished", Severity::Note),
            _ if known.is_none() => ("request-not-seen", Severity::Chat),
            101 => ("switching", Severity::Chat),
            100..=199 => ("interim", Severity::Chat),
            200..=299 if tunnel => ("tunnel", Severity::Chat),
            304 => ("not-modified", Severity::Chat),
            300..=399 => ("redirect", Severity::Chat),
            400..=499 => ("client-error", Severity::Note),
            500..=599 => ("server-error", Severity::Warn),
            _ => ("", Severity::Chat),
        };
        let mut event = Event::new(Kind::HttpResponse, sink.packet, Some(sink.flow))
            .variant(variant)
            .severity(severity)
            .with("version", text(version, MAX_TEXT))
            .with("code", Datum::Uint(code.into()))
            .with("phrase", text(phrase, MAX_TEXT))
            .with("until_close", Datum::Flag(reading == Reading::UntilClose));
        event = with_body(event, head);
        if let Some(request) = known {
            event = event
                .with("number", Datum::Uint(request.number))
                .with("request_packet", Datum::Uint(request.packet))
                .with("method", Datum::Text(request.method.clone()))
                .with("uri", Datum::Text(request.uri.clone()))
                .with("after", Datum::Duration(sink.time_ns - request.last_ns));
        }
        sink.events.push(event);
        if tunnel {
            let upgrade = Upgrade {
                protocol: head.upgrade.filter(|_| code == 101),
                request: known.map(|r| (r.packet, r.last_ns, r.method.as_str(), r.uri.as_str())),
                request_head: known.map_or(&[], |r| &r.head),
                response_head: bytes,
            };
            sink.next = Some(stream::after_upgrade(&upgrade, sink));
        }
        reading
    }
}

impl Reader for HttpStream {
    fn feed(&mut self, from_client: bool, at: Option<usize>, data: &[u8], sink: &mut Sink<'_>) -> usize {
        let side = usize::from(!from_client);
        if self.sides[side].reading == Reading::Lost && likeness(data) == Certainty::Yes {
            self.sides[side].reading = Reading::Head;
        }
        let mut done = 0;
        while done < data.len() && sink.next.is_none() {
            let mark = sink.pieces.len();
            let (taken, kind) = self.step(side, &data[done..], sink);
            if let Some(at) = at {
                // What is put together stands behind its last part.
                sink.pieces.insert(mark, Piece { start: at + done, end: at + done + taken, kind });
            }
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

    fn lost(&mut self, from_client: bool, bytes: u64) {
        let side = &mut self.sides[usize::from(!from_client)];
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
                *side = Side { reading: side.reading, ..Side::new() };
                return;
            }
        };
        let part = if side.reading == Reading::Head { "head" } else { "body" };
        *side = Side { reading: Reading::Lost, ..Side::new() };
        let mut event = Event::new(Kind::Malformed, sink.packet, Some(sink.flow))
            .variant("http-incomplete")
            .with("layer", Datum::Text("http".to_owned()))
            .with("part", Datum::Text(part.to_owned()))
            .with("from_client", Datum::Flag(from_client));
        if let Some(missing) = missing {
            event = event.with("missing", Datum::Uint(missing));
        }
        sink.events.push(event);
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

/// One byte of a chunk's size line (RFC 9112 section 7.1), of the end of line after a chunk, or of a trailer.
fn between_chunks(reading: Reading, byte: u8) -> Reading {
    match reading {
        Reading::ChunkSize { length: MAX_CHUNK_LINE.., .. } => Reading::Lost,
        Reading::ChunkSize { size, digits, extension, length } => {
            let next =
                |size, digits, extension| Reading::ChunkSize { size, digits, extension, length: length + 1 };
            match byte {
                b'\n' if digits == 0 => Reading::Lost,
                b'\n' if size == 0 => Reading::Trailer { line: 0, length: 0 },
                b'\n' => Reading::ChunkData { left: size },
                _ if extension => next(size, digits, true),
                b';' | b' ' | b'\t' | b'\r' if digits > 0 => next(size, digits, true),
                _ => match char::from(byte).to_digit(16) {
                    // Sixteen digits fill 64 bits; zeros before them are no more than that.
                    Some(digit) if size >> 60 == 0 => {
                        next(size << 4 | u64::from(digit), digits.saturating_add(1), false)
                    }
                    _ => Reading::Lost,
                },
            }
        }
        Reading::ChunkEnd => match byte {
            b'\r' => Reading::ChunkEnd,
            b'\n' => Reading::CHUNK,
            _ => Reading::Lost,
        },
        Reading::Trailer { length: MAX_CHUNK_LINE.., .. } => Reading::Lost,
        Reading::Trailer { line, length } => match byte {
            b'\n' if line == 0 => Reading::Head,
            b'\n' => Reading::Trailer { line: 0, length: length + 1 },
            b'\r' => Reading::Trailer { line, length: length + 1 },
            _ => Reading::Trailer { line: line + 1, length: length + 1 },
        },
        other => other,
    }
}

/// RFC 9112 section 6.3 rules 3 to 7, for a request.
fn request_body(head: &Head<'_>) -> Reading {
    match (head.transfer, head.content_length) {
        (TransferEncoding::Chunked, _) => Reading::CHUNK,
        // Rule 4: "the message body length cannot be determined reliably".
        (TransferEncoding::Other, _) | (TransferEncoding::Absent, ContentLength::Invalid) => Reading::Lost,
        (TransferEncoding::Absent, ContentLength::Bytes(n)) => Reading::body(n),
        (TransferEncoding::Absent, ContentLength::Absent) => Reading::Head,
    }
}

/// RFC 9112 section 6.3, for a response; rule 2 (a tunnel) has been seen to.
fn response_body(head: &Head<'_>, code: u16, to_head: bool) -> Reading {
    if to_head || matches!(code, 100..=199 | 204 | 304) {
        return Reading::Head;
    }
    match (head.transfer, head.content_length) {
        (TransferEncoding::Chunked, _) => Reading::CHUNK,
        (TransferEncoding::Other, _) => Reading::UntilClose,
        // Rule 5: unrecoverable; the client must close, so what comes until then is this response's.
        (_, ContentLength::Invalid | ContentLength::Absent) => Reading::UntilClose,
        (_, ContentLength::Bytes(n)) => Reading::body(n),
    }
}

/// What the head says of the body.
fn with_body(event: Event, head: &Head<'_>) -> Event {
    let chunked = head.transfer == TransferEncoding::Chunked;
    let mut event = event.with("chunked", Datum::Flag(chunked));
    if let ContentLength::Bytes(n) = head.content_length {
        event = event.with("content_length", Datum::Uint(n));
    }
    if let Some(kind) = head.content_type {
        event = event.with("content_type", text(kind, MAX_TEXT));
    }
    if let Some(upgrade) = head.upgrade {
        event = event.with("upgrade", text(upgrade, MAX_TEXT));
    }
    // RFC 9112 section 6.1: two lengths in one message "might indicate an attempt to perform request smuggling".
    let ambiguous = head.content_length == ContentLength::Invalid
        || (head.transfer != TransferEncoding::Absent && head.content_length != ContentLength::Absent);
    if ambiguous {
        let severity = event.severity.max(Severity::Warn);
        event = event.severity(severity).with("ambiguous_length", Datum::Flag(true));
    }
    event
}

/// Text from the packet; what is left out of a very long one is marked.
fn shown(bytes: &[u8], limit: usize) -> String {
    let mut text = String::from_utf8_lossy(&bytes[..bytes.len().min(limit)]).into_owned();
    if bytes.len() > limit {
        text.push('…');
    }
    text
}

fn text(bytes: &[u8], limit: usize) -> Datum {
    Datum::Text(shown(bytes, limit))
}
