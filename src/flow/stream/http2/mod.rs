//! Following HTTP/2: frames of many streams in turn, header blocks that build on each other, and which response answers which
//! request.
//!
//! RFC 9113 section 3.4 (preface), 4.3 (header blocks are decoded in the order they come), 5.1 (a stream's life), 6.9 (flow control), 8.1
//! (requests and responses), 8.4 (push); RFC 7540 section 3.2 (upgrade from HTTP/1.1, which RFC 9113 no longer has). The bytes are read
//! by `protocol/http2`; requests and responses are told as HTTP/1's are. Leaves out: what bodies say (a frame's DATA is at hand
//! in `Http2::data`, for who wants to decode it), priorities, and whether each side keeps to its limits.
//!
//! Who looks on may come late or miss bytes: then the table of header fields is not known, and what depends on it is told as
//! unknown. Bounded: [`MAX_STREAMS`], [`MAX_BLOCK`], and the table itself.

use std::cell::Cell;
use std::sync::Arc;

use self::streams::{Streams, Window};
use super::messages::{Extent, MAX_MESSAGE, MessageReader, Messages};
use super::{Reader, Sink};
use crate::flow::event::{Datum, Event, Kind, Severity};
use crate::protocol::http2::{
    self, Body, FRAME_HEADER, Frame, FrameHeader, HeaderField, MAGIC, Part, Table, flag, kind, setting,
};
use crate::protocol::{Certainty, Unit};
use crate::wire::{Cursor, Malformed, Off};

mod streams;
#[cfg(test)]
mod tests;

/// How many streams are remembered at once.
pub const MAX_STREAMS: usize = 1024;
/// The longest header block that is put together from several frames.
pub const MAX_BLOCK: usize = 256 * 1024;
/// Of so many packets that carried a block is it remembered that they did.
const MAX_FRAMES: usize = 64;
/// The longest text that an event carries, in bytes of the packet.
const MAX_TEXT: usize = 2048;
/// So much of a preface can be nothing else: `PRI * HTTP/2.0`.
const SURE: usize = 14;

/// Whether a connection speaks HTTP/2: a client begins with the preface; in the middle of a connection, a segment that
/// is nothing but well-formed frames is enough.
pub fn probe(first: &[u8], from_client: bool) -> Certainty {
    if from_client && MAGIC.starts_with(&first[..first.len().min(MAGIC.len())]) {
        return if first.len() >= SURE { Certainty::Yes } else { Certainty::Undecided };
    }
    if are_frames(first) { Certainty::Yes } else { Certainty::No }
}

/// Whether these are whole frames, one after another, to the last byte. An empty DATA frame is little but zeros, which begin
/// messages of other protocols, too (Modbus): with nothing else it tells nothing.
fn are_frames(mut bytes: &[u8]) -> bool {
    let mut tells = false;
    while let Some(header) = FrameHeader::peek(bytes).filter(FrameHeader::is_plausible) {
        tells |= header.kind != kind::DATA || header.length > 0;
        match bytes.get(FRAME_HEADER + header.length..) {
            Some([]) => return tells,
            Some(rest) => bytes = rest,
            None => return false,
        }
    }
    false
}

/// A reader of a connection of which nothing was read yet: the client's preface is to come, or was not captured.
pub fn reader() -> Box<dyn Reader> {
    Box::new(MessageReader::new(Http2::default()))
}

/// A reader of a connection that was turned over from HTTP/1.1 by `Upgrade: h2c`: the request that asked for it becomes stream 1,
/// which the client has ended (RFC 7540 section 3.2).
pub fn reader_after_upgrade(packet: u64, time_ns: i64, method: &str, uri: &str) -> Box<dyn Reader> {
    let mut connection = Http2::default();
    connection.begin();
    let stream = connection.streams.open(1, packet, time_ns);
    (stream.method, stream.uri) = (method.to_owned(), uri.to_owned());
    stream.done[CLIENT] = true;
    Box::new(MessageReader::new(connection))
}

const CLIENT: usize = 0;
const SERVER: usize = 1;

/// A header block that has begun and goes on in CONTINUATION frames.
#[derive(Debug)]
struct Open {
    stream: u32,
    /// The stream that it promises, where it began in a PUSH_PROMISE.
    promised: Option<u32>,
    end_stream: bool,
    bytes: Vec<u8>,
    frames: Vec<u64>,
}

/// One direction.
#[derive(Debug)]
struct Side {
    /// The table that its header blocks build.
    table: Arc<Table>,
    /// Whether anything of it was read.
    seen: bool,
    /// Whether a header block of it was read.
    blocks: bool,
    open: Option<Open>,
    /// So much of a long DATA frame is still to come.
    data_left: usize,
    /// The type of the frame that was begun last.
    begun: u8,
    /// Whether something of it was passed over.
    skipped: bool,
    /// Whether nobody knew, then, where the next frame begins. Looked for where nothing may be changed.
    resumed: Cell<bool>,
    /// A PING that waits for its answer: what is in it, its packet and time.
    ping: Option<(Vec<u8>, u64, i64)>,
    /// SETTINGS that wait to be acknowledged: packet and time.
    settings: Option<(u64, i64)>,
}

impl Side {
    fn new() -> Side {
        Side {
            table: Arc::new(Table::unknown()),
            seen: false,
            blocks: false,
            open: None,
            data_left: 0,
            begun: 0,
            skipped: false,
            resumed: Cell::new(false),
            ping: None,
            settings: None,
        }
    }
}

/// What the fields of a block say, as far as following needs it.
#[derive(Debug, Default)]
struct Head {
    method: Option<String>,
    path: Option<String>,
    authority: Option<String>,
    status: Option<u64>,
    content_type: Option<String>,
    content_length: Option<u64>,
    /// Whether a field is not known: it was sent unseen.
    unknown: bool,
}

impl Head {
    fn learn(&mut self, field: &HeaderField) {
        let (Some(name), Some(value)) = (field.name.get(), field.value.get()) else {
            self.unknown = true;
            return;
        };
        let number = || std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
        match name {
            b":method" => self.method = Some(shown(value)),
            b":path" => self.path = Some(shown(value)),
            b":authority" => self.authority = Some(shown(value)),
            b":status" => self.status = number(),
            b"content-type" => self.content_type = Some(shown(value)),
            b"content-length" => self.content_length = number(),
            _ => {}
        }
    }
}

/// One connection.
#[derive(Debug)]
struct Http2 {
    /// From the client, from the server.
    sides: [Side; 2],
    streams: Streams,
}

impl Default for Http2 {
    fn default() -> Http2 {
        Http2 { sides: [Side::new(), Side::new()], streams: Streams::default() }
    }
}

impl Messages for Http2 {
    fn extent(&mut self, from_client: bool, bytes: &[u8]) -> Extent {
        let side = &mut self.sides[usize::from(!from_client)];
        if side.data_left > 0 {
            let taken = side.data_left.min(bytes.len());
            side.data_left -= taken;
            return Extent::Through(taken, Unit::Http2(Part::Data));
        }
        if std::mem::take(&mut side.skipped) {
            let lost = side.resumed.take();
            // What was passed over may have been a header block.
            if lost || side.begun != kind::DATA {
                self.doubt(from_client);
            }
            self.streams.whole = false;
        }
        let side = &mut self.sides[usize::from(!from_client)];
        if from_client && !side.seen && MAGIC.starts_with(&bytes[..bytes.len().min(MAGIC.len())]) {
            return if bytes.len() < MAGIC.len() { Extent::More } else { Extent::Message(MAGIC.len()) };
        }
        let Some(header) = FrameHeader::peek(bytes) else { return Extent::More };
        side.begun = header.kind;
        match FRAME_HEADER + header.length {
            // Bodies need not be kept.
            length if length > MAX_MESSAGE && header.kind == kind::DATA => Extent::Message(FRAME_HEADER),
            length => Extent::Message(length),
        }
    }

    fn message(&mut self, from_client: bool, bytes: &[u8], sink: &mut Sink<'_>) -> Unit {
        sink.application = Some("http2");
        let index = usize::from(!from_client);
        let first = !std::mem::replace(&mut self.sides[index].seen, true);
        if first && from_client && bytes == MAGIC {
            self.begin();
            sink.events.push(Event::new(Kind::Http2Preface, sink.packet, Some(sink.flow)));
            return Unit::Http2(Part::Magic);
        }
        let Some(header) = FrameHeader::peek(bytes) else { return Unit::Opaque };
        if bytes.len() < FRAME_HEADER + header.length {
            self.sides[index].data_left = header.length;
            self.data(index, &header, &[], sink);
            return Unit::Http2(Part::Frame(None));
        }
        // RFC 9113 section 4.3: nothing may come between the parts of a header block.
        let interrupts = self.sides[index]
            .open
            .as_ref()
            .is_some_and(|open| header.kind != kind::CONTINUATION || header.stream != open.stream);
        if interrupts {
            self.doubt(from_client);
        }
        let has_block =
            matches!(header.kind, kind::HEADERS | kind::PUSH_PROMISE) && header.has(flag::END_HEADERS);
        let mut head = Head::default();
        let mut off = Off;
        let mut c = Cursor::new(bytes, 0, bytes.len(), &mut off);
        let (before, read) = if has_block {
            let table = &mut self.sides[index].table;
            let before = sink.wants_tree.then(|| Arc::clone(table));
            (before, http2::dissect(&mut c, Arc::make_mut(table), &mut |field| head.learn(field)))
        } else {
            (None, http2::dissect(&mut c, &mut Table::new(), &mut |_| {}))
        };
        match read {
            Ok(frame) => self.frame(index, &frame, head, sink),
            Err(malformed) => self.malformed(index, has_block, &malformed, sink),
        }
        Unit::Http2(Part::Frame(before))
    }

    fn resumes(&self, from_client: bool, segment: &[u8]) -> bool {
        let resumes = are_frames(segment);
        self.sides[usize::from(!from_client)].resumed.set(resumes);
        resumes
    }

    fn skipped(&mut self, from_client: bool) {
        let side = &mut self.sides[usize::from(!from_client)];
        side.skipped = true;
        side.data_left = 0;
    }
}

impl Http2 {
    /// The connection is seen from its first byte.
    fn begin(&mut self) {
        for side in self.sides.iter_mut().filter(|side| !side.blocks) {
            side.table = Arc::new(Table::new());
        }
        self.streams.whole = self.sides.iter().all(|side| !side.blocks);
    }

    /// Header blocks of this direction may have passed unseen: what its table holds is not known.
    fn doubt(&mut self, from_client: bool) {
        let side = &mut self.sides[usize::from(!from_client)];
        side.table = Arc::new(Table::unknown());
        side.open = None;
        self.streams.whole = false;
    }

    fn malformed(&mut self, index: usize, block: bool, malformed: &Malformed, sink: &mut Sink<'_>) {
        if block {
            self.doubt(index == CLIENT);
        }
        let variant = if block { "http2-compression" } else { "http2-frame" };
        sink.events.push(
            Event::new(Kind::Malformed, sink.packet, Some(sink.flow))
                .variant(variant)
                .with("layer", Datum::Text("http2".to_owned()))
                .with("field", Datum::Text(malformed.field.to_owned()))
                .with("endpoint", endpoint(index)),
        );
    }

    fn frame(&mut self, index: usize, frame: &Frame<'_>, head: Head, sink: &mut Sink<'_>) {
        let header = &frame.header;
        match frame.body {
            Body::Data(data) => self.data(index, header, data, sink),
            Body::Headers(_) if header.has(flag::END_HEADERS) => {
                self.block(index, header.stream, None, header.has(flag::END_STREAM), head, sink);
            }
            Body::PushPromise(promised, _) if header.has(flag::END_HEADERS) => {
                self.block(index, header.stream, Some(promised), false, head, sink);
            }
            Body::Headers(bytes) => self.opens(index, header, None, bytes, sink.packet),
            Body::PushPromise(promised, bytes) => {
                self.opens(index, header, Some(promised), bytes, sink.packet);
            }
            Body::Continuation(bytes) => self.goes_on(index, header, bytes, sink),
            Body::Settings(body) => self.settings(index, header, body, sink),
            Body::Ping(data) => self.ping(index, header, data, sink),
            Body::RstStream(error) => {
                let mut event = self
                    .event(Kind::Http2RstStream, index, sink)
                    .with("stream_id", Datum::Uint(header.stream.into()))
                    .with("error", error_text(error));
                if let Some(stream) = self.streams.close(header.stream) {
                    event = stream.told(event);
                }
                // RFC 9113 section 7: CANCEL, the stream is no longer needed; section 8.1: NO_ERROR behind a full response.
                let expected = matches!(http2::error_name(error), Some("NO_ERROR" | "CANCEL"));
                sink.events.push(if expected { event } else { event.severity(Severity::Warn) });
            }
            Body::GoAway(last, error, words) => {
                let mut event = self
                    .event(Kind::Http2GoAway, index, sink)
                    .with("last_stream_id", Datum::Uint(last.into()))
                    .with("error", error_text(error))
                    .with("open", Datum::Uint(self.streams.open_now()));
                if !words.is_empty() {
                    event = event.with("debug", Datum::Text(shown(words)));
                }
                let graceful = http2::error_name(error) == Some("NO_ERROR");
                sink.events.push(match graceful {
                    true => event,
                    false => event.variant("error").severity(Severity::Warn),
                });
            }
            Body::WindowUpdate(increment) => {
                let number = header.stream;
                let Some((left, (packet, since))) = self.streams.update(1 - index, number, increment) else {
                    return;
                };
                let variant = if number == 0 { "connection" } else { "" };
                let event = self
                    .event(Kind::Http2WindowUpdate, index, sink)
                    .variant(variant)
                    .with("stream_id", Datum::Uint(number.into()))
                    .with("increment", Datum::Uint(increment.into()))
                    .with("window", Datum::Int(left))
                    .with("first_packet", Datum::Uint(packet))
                    .with("after", Datum::Duration(sink.time_ns - since));
                sink.events.push(event);
            }
            Body::Other => {}
        }
    }

    fn event(&self, kind: Kind, index: usize, sink: &Sink<'_>) -> Event {
        Event::new(kind, sink.packet, Some(sink.flow)).with("endpoint", endpoint(index))
    }

    /// Part of a body; `data` is empty where the frame is too long to be put together.
    fn data(&mut self, index: usize, header: &FrameHeader, data: &[u8], sink: &mut Sink<'_>) {
        // Here a body could be decoded: `data` is what the frame brings of it.
        let _ = data;
        let end = header.has(flag::END_STREAM);
        // RFC 9113 section 6.9.1: padding counts, too.
        let [stream, connection] =
            self.streams.sent(index, header.stream, header.length, sink.packet, sink.time_ns);
        for (variant, window) in [("", stream.filter(|_| !end)), ("connection", connection)] {
            if let Some(Window { granted, .. }) = window {
                let event = self
                    .event(Kind::Http2WindowExhausted, index, sink)
                    .variant(variant)
                    .with("stream_id", Datum::Uint(header.stream.into()))
                    .with("window", Datum::Int(granted));
                sink.events.push(event);
            }
        }
        if end {
            self.streams.done(index, header.stream);
        }
    }

    fn settings(&mut self, index: usize, header: &FrameHeader, body: &[u8], sink: &mut Sink<'_>) {
        let mut event = self.event(Kind::Http2Settings, index, sink);
        if header.has(flag::ACK) {
            event = event.variant("ack");
            if let Some((packet, since)) = self.sides[1 - index].settings.take() {
                event = event
                    .with("request_packet", Datum::Uint(packet))
                    .with("after", Datum::Duration(sink.time_ns - since));
            }
            sink.events.push(event);
            return;
        }
        self.sides[index].settings.get_or_insert((sink.packet, sink.time_ns));
        let mut said = false;
        for (id, value) in http2::settings(body) {
            let key = match id {
                setting::HEADER_TABLE_SIZE => "header_table_size",
                setting::ENABLE_PUSH => "enable_push",
                setting::MAX_CONCURRENT_STREAMS => "max_concurrent_streams",
                setting::INITIAL_WINDOW_SIZE => {
                    self.streams.initial_window(1 - index, value);
                    "initial_window_size"
                }
                setting::MAX_FRAME_SIZE => "max_frame_size",
                setting::MAX_HEADER_LIST_SIZE => "max_header_list_size",
                setting::EXTENDED_CONNECT => "extended_connect",
                _ => continue,
            };
            said = true;
            // A number may come twice; the last one holds (RFC 9113 section 6.5.3).
            event.data.retain(|(known, _)| *known != key);
            event = event.with(key, Datum::Uint(value.into()));
        }
        sink.events.push(if said { event } else { event.variant("defaults") });
    }

    fn ping(&mut self, index: usize, header: &FrameHeader, data: &[u8], sink: &mut Sink<'_>) {
        let mut event = self.event(Kind::Http2Ping, index, sink);
        if !header.has(flag::ACK) {
            self.sides[index].ping = Some((data.to_vec(), sink.packet, sink.time_ns));
        } else {
            event = event.variant("ack");
            let asked = &mut self.sides[1 - index].ping;
            if let Some((_, packet, since)) = asked.take_if(|(asked, ..)| asked == data) {
                event = event
                    .with("request_packet", Datum::Uint(packet))
                    .with("after", Datum::Duration(sink.time_ns - since));
            }
        }
        sink.events.push(event);
    }

    /// A header block begins that does not end in its frame.
    fn opens(
        &mut self,
        index: usize,
        header: &FrameHeader,
        promised: Option<u32>,
        bytes: &[u8],
        packet: u64,
    ) {
        self.sides[index].open = Some(Open {
            stream: header.stream,
            promised,
            end_stream: promised.is_none() && header.has(flag::END_STREAM),
            bytes: bytes.to_vec(),
            frames: vec![packet],
        });
    }

    fn goes_on(&mut self, index: usize, header: &FrameHeader, bytes: &[u8], sink: &mut Sink<'_>) {
        let Some(mut open) = self.sides[index].open.take() else {
            // Its beginning was not seen.
            return self.doubt(index == CLIENT);
        };
        if open.bytes.len() + bytes.len() > MAX_BLOCK {
            return self.doubt(index == CLIENT);
        }
        open.bytes.extend_from_slice(bytes);
        if open.frames.last() != Some(&sink.packet) && open.frames.len() < MAX_FRAMES {
            open.frames.push(sink.packet);
        }
        if !header.has(flag::END_HEADERS) {
            self.sides[index].open = Some(open);
            return;
        }
        let table = &mut self.sides[index].table;
        if sink.wants_tree {
            sink.assembled(Unit::Http2(Part::Block(Arc::clone(table))), &open.bytes, &open.frames);
        }
        let mut head = Head::default();
        let mut off = Off;
        let mut c = Cursor::new(&open.bytes, 0, open.bytes.len(), &mut off);
        match http2::dissect_block(&mut c, Arc::make_mut(table), &mut |field| head.learn(field)) {
            Ok(()) => self.block(index, open.stream, open.promised, open.end_stream, head, sink),
            Err(malformed) => self.malformed(index, true, &malformed, sink),
        }
    }

    /// A header block is complete: a request, a response, a promise, or what comes behind a body.
    fn block(
        &mut self,
        index: usize,
        number: u32,
        promised: Option<u32>,
        end: bool,
        head: Head,
        sink: &mut Sink<'_>,
    ) {
        self.sides[index].blocks = true;
        if let Some(promised) = promised {
            let open = self.streams.open_now();
            let stream = self.streams.open(promised, sink.packet, sink.time_ns);
            stream.learn(&head);
            stream.pushed = true;
            stream.done[CLIENT] = true;
            let event = self
                .event(Kind::Http2PushPromise, index, sink)
                .with("stream_id", Datum::Uint(number.into()))
                .with("promised", Datum::Uint(promised.into()))
                .with("open", Datum::Uint(open));
            sink.events.push(with_request(event, &head));
            return;
        }
        if head.status.is_some() || (index == SERVER && head.method.is_none()) {
            self.response(number, &head, sink);
        } else if head.method.is_some() || !self.streams.knows(number) {
            self.request(number, &head, sink);
        }
        if end {
            self.streams.done(index, number);
        }
    }

    fn request(&mut self, number: u32, head: &Head, sink: &mut Sink<'_>) {
        let open = self.streams.open_now();
        self.streams.open(number, sink.packet, sink.time_ns).learn(head);
        let variant = if head.method.is_none() || head.path.is_none() && head.unknown {
            "http2-unknown"
        } else {
            "http2"
        };
        let mut event = Event::new(Kind::HttpRequest, sink.packet, Some(sink.flow)).variant(variant);
        event = with_request(event, head)
            .with("version", Datum::Text("HTTP/2".to_owned()))
            .with("stream_id", Datum::Uint(number.into()));
        if open > 0 {
            event = event.with("open", Datum::Uint(open));
        }
        sink.events.push(with_content(event, head));
    }

    fn response(&mut self, number: u32, head: &Head, sink: &mut Sink<'_>) {
        let interim = head.status.is_some_and(|code| matches!(code, 100..=199));
        let stream = self.streams.get(number);
        // Fields behind a body: those of a trailer have no status.
        let trailer = head.status.is_none() && stream.as_ref().is_some_and(|stream| stream.answered);
        if trailer {
            return;
        }
        let variant = match &stream {
            _ if head.status.is_none() => "http2-unknown",
            None => "http2-request-not-seen",
            Some(_) if interim => "http2-interim",
            Some(stream) if stream.pushed => "http2-pushed",
            Some(_) => "http2",
        };
        let severity = match head.status {
            Some(400..=499) => Severity::Note,
            Some(500..=599) => Severity::Warn,
            _ => Severity::Chat,
        };
        let mut event = Event::new(Kind::HttpResponse, sink.packet, Some(sink.flow))
            .variant(variant)
            .severity(severity)
            .with("version", Datum::Text("HTTP/2".to_owned()))
            .with("stream_id", Datum::Uint(number.into()));
        if let Some(code) = head.status {
            event = event.with("code", Datum::Uint(code));
        }
        event = with_content(event, head);
        if let Some(stream) = stream {
            stream.answered |= !interim;
            event = stream.told(event).with("after", Datum::Duration(sink.time_ns - stream.last_ns));
        }
        sink.events.push(event);
    }
}

fn with_request(mut event: Event, head: &Head) -> Event {
    let parts = [("method", &head.method), ("uri", &head.path), ("host", &head.authority)];
    for (key, text) in parts {
        if let Some(text) = text {
            event = event.with(key, Datum::Text(text.clone()));
        }
    }
    event
}

fn with_content(mut event: Event, head: &Head) -> Event {
    if let Some(length) = head.content_length {
        event = event.with("content_length", Datum::Uint(length));
    }
    if let Some(kind) = &head.content_type {
        event = event.with("content_type", Datum::Text(kind.clone()));
    }
    event
}

fn endpoint(index: usize) -> Datum {
    Datum::Name(if index == CLIENT { "client" } else { "server" })
}

/// The standard's name of an error, or its number.
fn error_text(error: u32) -> Datum {
    Datum::Text(http2::error_name(error).map_or_else(|| format!("0x{error:08x}"), str::to_owned))
}

/// Text from the packet; what is left out of a very long one is marked.
fn shown(bytes: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_TEXT)]).into_owned();
    if bytes.len() > MAX_TEXT {
        text.push('…');
    }
    text
}
