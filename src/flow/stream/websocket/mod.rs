//! Following WebSocket: frames become messages, a ping finds its pong, a close its answer.
//!
//! RFC 6455 section 5.4 (fragments), 5.5.1 to 5.5.3 (close, ping, pong), 5.1 and 10.3 (clients mask, servers do not), RFC 7692 (compression).
//! Begins behind HTTP's 101 response, which `handshake.rs` reads. Leaves out: subprotocols, UTF-8 that is none.
//!
//! Bounded: a frame or message longer than [`MAX_MESSAGE`] is counted, not kept; `MAX_PINGS` pings wait.

use std::collections::VecDeque;

use self::inflate::Inflate;
use super::messages::{Extent, MAX_MESSAGE, MessageReader, Messages};
use super::{Reader, Sink, Upgrade};
use crate::flow::event::{Datum, Event, Kind, Severity};
use crate::protocol::Unit;
use crate::protocol::websocket::{FrameHeader, Part, opcode, unmask};

mod handshake;
mod inflate;
#[cfg(test)]
mod tests;

/// How many unanswered pings are remembered, per direction.
const MAX_PINGS: usize = 16;
/// Of so many packets that carried a message is it remembered that they did.
const MAX_FRAMES: usize = 64;
/// The longest text that an event carries, in bytes of the packet.
const MAX_TEXT: usize = 200;

/// A reader of what comes behind the 101 response.
pub fn reader(upgrade: &Upgrade<'_>, sink: &mut Sink<'_>) -> Box<dyn Reader> {
    let agreed = handshake::read(upgrade, sink);
    Box::new(MessageReader::new(WebSocket::new(agreed)))
}

/// A message that has begun.
#[derive(Debug)]
struct Open {
    opcode: u8,
    compressed: bool,
    /// What has come of it; nothing where it is too long to be kept.
    bytes: Option<Vec<u8>>,
    length: u64,
    fragments: u64,
    frames: Vec<u64>,
}

/// One direction.
#[derive(Debug)]
struct Side {
    open: Option<Open>,
    inflate: Option<Inflate>,
    /// Pings that were sent and not answered: what is in them, packet and time.
    pings: VecDeque<(Vec<u8>, u64, i64)>,
    /// So much of a long frame's payload is still to come.
    left: usize,
    skipped: bool,
    closed: Option<(u64, i64)>,
    /// Whether it was told that its frames are masked and should not be, or the other way round.
    mask_told: bool,
}

/// One connection.
#[derive(Debug)]
struct WebSocket {
    deflate: bool,
    /// From the client, from the server.
    sides: [Side; 2],
}

impl WebSocket {
    fn new(agreed: handshake::Agreed) -> WebSocket {
        let side = |fresh| Side {
            open: None,
            inflate: agreed.deflate.then(|| Inflate::new(fresh)),
            pings: VecDeque::new(),
            left: 0,
            skipped: false,
            closed: None,
            mask_told: false,
        };
        WebSocket { deflate: agreed.deflate, sides: agreed.fresh.map(side) }
    }

    /// Whether these first bytes can be a frame's.
    fn is_frame(&self, header: &FrameHeader) -> bool {
        let reserved_fits = header.rsv == 0 || (self.deflate && header.rsv == 4 && !header.is_control());
        (header.is_known() || reserved_fits) && header.payload >> 63 == 0
    }
}

impl Messages for WebSocket {
    fn extent(&mut self, from_client: bool, bytes: &[u8]) -> Extent {
        let side = &mut self.sides[usize::from(!from_client)];
        if side.left > 0 {
            let taken = side.left.min(bytes.len());
            side.left -= taken;
            return Extent::Through(taken, Unit::Websocket(Part::Payload));
        }
        if std::mem::take(&mut side.skipped) {
            side.open = None;
            if let Some(inflate) = &mut side.inflate {
                inflate.missed();
            }
        }
        let Some(header) = FrameHeader::peek(bytes) else { return Extent::More };
        if !self.is_frame(&header) {
            return Extent::Foreign;
        }
        match usize::try_from(header.payload).ok().and_then(|payload| payload.checked_add(header.header)) {
            Some(length @ ..=MAX_MESSAGE) => Extent::Message(length),
            Some(_) => Extent::Message(header.header),
            None => Extent::Foreign,
        }
    }

    fn message(&mut self, from_client: bool, bytes: &[u8], sink: &mut Sink<'_>) -> Unit {
        sink.application = Some("websocket");
        let index = usize::from(!from_client);
        let Some(header) = FrameHeader::peek(bytes) else { return Unit::Opaque };
        let behind = &bytes[header.header..];
        let whole = behind.len() as u64 == header.payload;
        if !whole {
            self.sides[index].left = usize::try_from(header.payload).unwrap_or(usize::MAX);
        }
        self.check_mask(index, &header, sink);
        let unmasked;
        let payload = match header.key {
            Some(key) => {
                unmasked = unmask(behind, key);
                &unmasked
            }
            None => behind,
        };
        let compressed = self.deflate && header.rsv & 4 != 0;
        if header.key.is_some() && !payload.is_empty() {
            sink.assembled(Unit::Websocket(header.unmasked(compressed)), payload, &[]);
        }
        match header.opcode {
            opcode::CONTINUATION..=opcode::BINARY => {
                self.data(index, &header, compressed, whole.then_some(payload), sink);
            }
            opcode::CLOSE => self.close(index, payload, sink),
            opcode::PING => {
                let pings = &mut self.sides[index].pings;
                if pings.len() == MAX_PINGS {
                    pings.pop_front();
                }
                pings.push_back((payload.to_vec(), sink.packet, sink.time_ns));
                let event = event(Kind::WebsocketPing, index, sink);
                sink.events.push(event.with("len", Datum::Uint(header.payload)));
            }
            opcode::PONG => self.pong(index, payload, sink),
            _ => {}
        }
        Unit::Websocket(Part::Frame { deflate: self.deflate })
    }

    fn resumes(&self, from_client: bool, segment: &[u8]) -> bool {
        let mut rest = segment;
        while let Some(header) = FrameHeader::peek(rest)
            && header.is_known()
            && self.is_frame(&header)
            && header.key.is_some() == from_client
        {
            let end =
                usize::try_from(header.payload).ok().and_then(|payload| payload.checked_add(header.header));
            match end.and_then(|end| rest.get(end..)) {
                Some([]) => return true,
                Some(more) => rest = more,
                None => return false,
            }
        }
        false
    }

    fn skipped(&mut self, from_client: bool) {
        let side = &mut self.sides[usize::from(!from_client)];
        side.skipped = true;
        side.left = 0;
    }
}

impl WebSocket {
    /// RFC 6455 section 5.1: a server has to give a connection up where a client does not mask, a client where a server does.
    fn check_mask(&mut self, index: usize, header: &FrameHeader, sink: &mut Sink<'_>) {
        let should = index == 0;
        if header.key.is_some() == should || std::mem::replace(&mut self.sides[index].mask_told, true) {
            return;
        }
        let variant = if should { "websocket-unmasked" } else { "websocket-masked" };
        let event = event(Kind::Malformed, index, sink).variant(variant);
        sink.events.push(event.with("layer", Datum::Text("websocket".to_owned())));
    }

    /// Part of a message; `payload` is missing where it is too long to be put together.
    fn data(
        &mut self,
        index: usize,
        header: &FrameHeader,
        compressed: bool,
        payload: Option<&[u8]>,
        sink: &mut Sink<'_>,
    ) {
        let side = &mut self.sides[index];
        if header.opcode != opcode::CONTINUATION {
            side.open = Some(Open {
                opcode: header.opcode,
                compressed,
                bytes: Some(Vec::new()),
                length: 0,
                fragments: 0,
                frames: Vec::new(),
            });
        }
        // Its beginning was not seen.
        let Some(open) = &mut side.open else { return };
        open.length += header.payload;
        open.fragments += 1;
        if open.frames.last() != Some(&sink.packet) && open.frames.len() < MAX_FRAMES {
            open.frames.push(sink.packet);
        }
        match (&mut open.bytes, payload) {
            (Some(bytes), Some(payload)) if bytes.len() + payload.len() <= MAX_MESSAGE => {
                bytes.extend_from_slice(payload);
            }
            (bytes, _) => *bytes = None,
        }
        if !header.fin {
            return;
        }
        let Some(open) = side.open.take() else { return };
        let content = match (open.bytes, &mut side.inflate) {
            (Some(bytes), Some(inflate)) if open.compressed => inflate.message(&bytes),
            (None, Some(inflate)) if open.compressed => {
                inflate.missed();
                None
            }
            (bytes, _) => bytes,
        };
        if let Some(content) = &content
            && (open.fragments > 1 || open.compressed)
        {
            let several = open.fragments > 1;
            let part = if several { Part::Message(open.opcode) } else { Part::Inflated(open.opcode) };
            sink.assembled(Unit::Websocket(part), content, if several { &open.frames } else { &[] });
        }
        let variant = match (&content, open.opcode) {
            (None, _) if open.compressed => "unreadable",
            (_, opcode::BINARY) => "binary",
            _ if index == 1 => "server",
            _ => "",
        };
        let length = content.as_ref().map_or(open.length, |content| content.len() as u64);
        let mut event = event(Kind::WebsocketMessage, index, sink)
            .variant(variant)
            .with("kind", Datum::Text(if open.opcode == opcode::TEXT { "text" } else { "binary" }.to_owned()))
            .with("len", Datum::Uint(length));
        if open.fragments > 1 {
            event = event
                .with("fragments", Datum::Uint(open.fragments))
                .with("first_packet", Datum::Uint(open.frames.first().copied().unwrap_or(sink.packet)));
        }
        if open.compressed {
            event = event.with("sent", Datum::Uint(open.length));
        }
        if let Some(content) = content.filter(|_| open.opcode == opcode::TEXT) {
            event = event.with("text", Datum::Text(shown(&content)));
        }
        sink.events.push(event);
    }

    fn pong(&mut self, index: usize, payload: &[u8], sink: &mut Sink<'_>) {
        let mut event =
            event(Kind::WebsocketPing, index, sink).with("len", Datum::Uint(payload.len() as u64));
        let pings = &mut self.sides[1 - index].pings;
        // RFC 6455 section 5.5.3: who got several may answer only the last.
        match pings.iter().rposition(|(asked, ..)| asked == payload) {
            Some(at) => {
                let (_, packet, since) = pings[at];
                pings.drain(..=at);
                event = event
                    .variant("pong")
                    .with("request_packet", Datum::Uint(packet))
                    .with("after", Datum::Duration(sink.time_ns - since));
            }
            None => event = event.variant("unasked"),
        }
        sink.events.push(event);
    }

    fn close(&mut self, index: usize, payload: &[u8], sink: &mut Sink<'_>) {
        let mut event = event(Kind::WebsocketClose, index, sink);
        let code = payload.first_chunk::<2>().map(|code| u16::from_be_bytes(*code));
        let mut variant = if code.is_some() { "" } else { "no-code" };
        if let Some((packet, since)) = self.sides[1 - index].closed {
            variant = "answer";
            event = event
                .with("request_packet", Datum::Uint(packet))
                .with("after", Datum::Duration(sink.time_ns - since));
        }
        self.sides[index].closed.get_or_insert((sink.packet, sink.time_ns));
        if let Some(code) = code {
            event = event.with("code", Datum::Uint(code.into()));
            if let Some(meaning) = meaning(code) {
                event = event.with("meaning", Datum::Text(meaning.to_owned()));
            }
            if payload.len() > 2 {
                event = event.with("reason", Datum::Text(shown(&payload[2..])));
            }
            // RFC 6455 section 7.4.2: below 3000 the standard's; above, those of libraries and programs.
            if matches!(code, 1002..=2999) {
                event = event.severity(Severity::Warn);
            }
        }
        sink.events.push(event.variant(variant));
    }
}

/// The registered meaning of a close code (RFC 6455 section 7.4.1, and the registry of section 11.7).
fn meaning(code: u16) -> Option<&'static str> {
    Some(match code {
        1000 => "Normal Closure",
        1001 => "Going Away",
        1002 => "Protocol Error",
        1003 => "Unsupported Data",
        1007 => "Invalid Frame Payload Data",
        1008 => "Policy Violation",
        1009 => "Message Too Big",
        1010 => "Mandatory Extension",
        1011 => "Internal Error",
        1012 => "Service Restart",
        1013 => "Try Again Later",
        1014 => "Bad Gateway",
        _ => return None,
    })
}

fn event(kind: Kind, index: usize, sink: &Sink<'_>) -> Event {
    let endpoint = if index == 0 { "client" } else { "server" };
    Event::new(kind, sink.packet, Some(sink.flow)).with("endpoint", Datum::Name(endpoint))
}

/// Text from the packet; what is left out of a very long one is marked.
fn shown(bytes: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_TEXT)]).into_owned();
    if bytes.len() > MAX_TEXT {
        text.push('…');
    }
    text
}
