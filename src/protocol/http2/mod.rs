//! HTTP/2: the connection preface, and frames: nine bytes that say how long, what and of which stream, then that.
//!
//! RFC 9113 section 3.4 (preface), 4.1 (frame), 6 (types), 6.5.2 (settings); RFC 7838 section 4 (ALTSVC), RFC 8336 section 2 (ORIGIN),
//! RFC 9218 section 7.1 (PRIORITY_UPDATE), RFC 8441 section 3 (extended CONNECT). Header blocks are in `hpack.rs`; what a block
//! means hangs on the blocks before it, so its table comes from the one who follows the connection (`flow/stream/http2.rs`).
//! Leaves out: what bodies say.
//!
//! Tolerant: a frame of a wrong size, or on a stream where it does not belong, is shown as what it is.

use std::sync::Arc;

use crate::wire::{Cursor, Field, Malformed, Recorder, Tree, Value};

mod hpack;
mod huffman;
mod names;
pub mod table;
#[cfg(test)]
mod tests;

pub use hpack::dissect as dissect_block;
pub use table::{HeaderField, Table, Text};

/// What a client begins with.
pub const MAGIC: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Length of a frame's header.
pub const FRAME_HEADER: usize = 9;

static MAGIC_FIELD: Field = Field::new("http2.magic");
static LENGTH: Field = Field::new("http2.length");
static TYPE: Field = Field::new("http2.type");
static FLAGS: Field = Field::hex("http2.flags", 2);
static UNUSED: Field = Field::new("http2.flags.unused");
static UNUSED_DATA: Field = Field::new("http2.flags.unused_data");
static UNUSED_HEADERS: Field = Field::new("http2.flags.unused_headers");
static UNUSED_SETTINGS: Field = Field::new("http2.flags.unused_settings");
static UNUSED_PING: Field = Field::new("http2.flags.unused_ping");
static UNUSED_PUSH: Field = Field::new("http2.flags.unused_push_promise");
static UNUSED_CONTINUATION: Field = Field::new("http2.flags.unused_continuation");
static END_STREAM: Field = Field::new("http2.flags.end_stream");
static END_HEADERS: Field = Field::new("http2.flags.eh");
static PADDED: Field = Field::new("http2.flags.padded");
static PRIORITY: Field = Field::new("http2.flags.priority");
static ACK_SETTINGS: Field = Field::new("http2.flags.ack.settings");
static ACK_PING: Field = Field::new("http2.flags.ack.ping");
static RESERVED: Field = Field::new("http2.r");
static STREAM: Field = Field::new("http2.streamid");
static PAD_LENGTH: Field = Field::new("http2.padding");
static EXCLUSIVE: Field = Field::new("http2.exclusive");
static DEPENDENCY: Field = Field::new("http2.stream_dependency");
static WEIGHT: Field = Field::new("http2.headers.weight");
static WEIGHT_REAL: Field = Field::new("http2.headers.weight_real");
static DATA: Field = Field::new("http2.data.data");
static DATA_PADDING: Field = Field::new("http2.data.padding");
static FRAGMENT: Field = Field::new("http2.headers");
static HEADERS_PADDING: Field = Field::new("http2.headers.padding");
static RST_ERROR: Field = Field::new("http2.rst_stream.error");
static SETTINGS: Field = Field::new("http2.settings");
static SETTINGS_ID: Field = Field::new("http2.settings.id");
static PUSH_RESERVED: Field = Field::new("http2.push_promise.r");
static PROMISED: Field = Field::new("http2.push_promise.promised_stream_id");
static PUSH_FRAGMENT: Field = Field::new("http2.push_promise.header");
static PUSH_PADDING: Field = Field::new("http2.push_promise.padding");
static PING: Field = Field::new("http2.ping");
static PONG: Field = Field::new("http2.pong");
static GOAWAY_RESERVED: Field = Field::new("http2.goway.r");
static LAST_STREAM: Field = Field::new("http2.goaway.last_stream_id");
static GOAWAY_ERROR: Field = Field::new("http2.goaway.error");
static GOAWAY_DATA: Field = Field::new("http2.goaway.addata");
static UPDATE_RESERVED: Field = Field::new("http2.window_update.r");
static INCREMENT: Field = Field::new("http2.window_update.window_size_increment");
static CONTINUATION_FRAGMENT: Field = Field::new("http2.continuation.header");
static ALTSVC_ORIGIN_LENGTH: Field = Field::new("http2.altsvc.origin.len");
static ALTSVC_ORIGIN: Field = Field::new("http2.altsvc.origin");
static ALTSVC_VALUE: Field = Field::new("http2.altsvc.field_value");
static ORIGIN: Field = Field::new("http2.origin");
static ORIGIN_LENGTH: Field = Field::new("http2.origin.origin_len");
static ORIGIN_TEXT: Field = Field::new("http2.origin.origin");
static UPDATED_RESERVED: Field = Field::new("http2.priority_update.r");
static UPDATED_STREAM: Field = Field::new("http2.priority_update_stream_id");
static UPDATED_VALUE: Field = Field::new("http2.priority_update_field_value");
static OPAQUE: Field = Field::new("http2.unknown");
static LEFTOVER: Field = Field::new("http2.unreadable");

/// Types of frames.
pub mod kind {
    /// Part of a body.
    pub const DATA: u8 = 0;
    /// Opens a stream, or ends it.
    pub const HEADERS: u8 = 1;
    /// Advice that is no longer followed.
    pub const PRIORITY: u8 = 2;
    /// Breaks a stream off.
    pub const RST_STREAM: u8 = 3;
    /// What the sender can take.
    pub const SETTINGS: u8 = 4;
    /// A request that the server makes for the client.
    pub const PUSH_PROMISE: u8 = 5;
    /// Are you there, and how far away?
    pub const PING: u8 = 6;
    /// No new streams from here on.
    pub const GOAWAY: u8 = 7;
    /// More may be sent.
    pub const WINDOW_UPDATE: u8 = 8;
    /// The rest of a header block.
    pub const CONTINUATION: u8 = 9;
    /// Where the same is to be had.
    pub const ALTSVC: u8 = 10;
    /// For which sites the connection may be used.
    pub const ORIGIN: u8 = 12;
    /// What is wanted first.
    pub const PRIORITY_UPDATE: u8 = 16;
}

/// Flags.
pub mod flag {
    /// DATA, HEADERS: the sender's last frame on the stream.
    pub const END_STREAM: u8 = 0x01;
    /// SETTINGS, PING: an answer.
    pub const ACK: u8 = 0x01;
    /// The header block ends here.
    pub const END_HEADERS: u8 = 0x04;
    /// Filling stands at the end.
    pub const PADDED: u8 = 0x08;
    /// HEADERS: five bytes of priority come first.
    pub const PRIORITY: u8 = 0x20;
}

/// Numbers of settings (RFC 9113 section 6.5.2).
pub mod setting {
    /// How large a table the sender keeps for the header fields it gets.
    pub const HEADER_TABLE_SIZE: u16 = 1;
    /// Whether the client lets the server push.
    pub const ENABLE_PUSH: u16 = 2;
    /// How many streams the peer may have open.
    pub const MAX_CONCURRENT_STREAMS: u16 = 3;
    /// How much the peer may send on each stream before it is told more.
    pub const INITIAL_WINDOW_SIZE: u16 = 4;
    /// The longest frame that the sender takes.
    pub const MAX_FRAME_SIZE: u16 = 5;
    /// The longest list of header fields that it takes.
    pub const MAX_HEADER_LIST_SIZE: u16 = 6;
    /// CONNECT may name a protocol (RFC 8441): WebSocket over HTTP/2.
    pub const EXTENDED_CONNECT: u16 = 8;
    /// The priorities of RFC 7540 are not used (RFC 9218 section 2.1).
    pub const NO_RFC7540_PRIORITIES: u16 = 9;
}

/// The field of a setting's value.
fn setting_field(id: u16) -> &'static Field {
    macro_rules! field {
        ($name:literal) => {{
            static F: Field = Field::new($name);
            &F
        }};
    }
    match id {
        setting::HEADER_TABLE_SIZE => field!("http2.settings.header_table_size"),
        setting::ENABLE_PUSH => field!("http2.settings.enable_push"),
        setting::MAX_CONCURRENT_STREAMS => field!("http2.settings.max_concurrent_streams"),
        setting::INITIAL_WINDOW_SIZE => field!("http2.settings.initial_window_size"),
        setting::MAX_FRAME_SIZE => field!("http2.settings.max_frame_size"),
        setting::MAX_HEADER_LIST_SIZE => field!("http2.settings.max_header_list_size"),
        setting::EXTENDED_CONNECT => field!("http2.settings.extended_connect"),
        setting::NO_RFC7540_PRIORITIES => field!("http2.settings.no_rfc7540_priorities"),
        _ => field!("http2.settings.unknown"),
    }
}

/// The standard's name of an error code (RFC 9113 section 7).
pub fn error_name(code: u32) -> Option<&'static str> {
    const NAMES: [&str; 14] = [
        "NO_ERROR",
        "PROTOCOL_ERROR",
        "INTERNAL_ERROR",
        "FLOW_CONTROL_ERROR",
        "SETTINGS_TIMEOUT",
        "STREAM_CLOSED",
        "FRAME_SIZE_ERROR",
        "REFUSED_STREAM",
        "CANCEL",
        "COMPRESSION_ERROR",
        "CONNECT_ERROR",
        "ENHANCE_YOUR_CALM",
        "INADEQUATE_SECURITY",
        "HTTP_1_1_REQUIRED",
    ];
    NAMES.get(usize::try_from(code).ok()?).copied()
}

/// What a part of an HTTP/2 connection is, with what is known of its header table before it.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// The client's first bytes.
    Magic,
    /// A frame.
    Frame(Option<Arc<Table>>),
    /// Part of a DATA frame that is too long to be put together.
    Data,
    /// A header block that was put together from several frames.
    Block(Arc<Table>),
}

/// Names every bit of a part.
///
/// # Errors
/// [`Malformed`] where the bytes end before it does, or make no sense; every field before is recorded.
pub fn describe(part: &Part, c: &mut Cursor<'_, '_, Tree>) -> Result<(), Malformed> {
    match part {
        Part::Magic => c.text(&MAGIC_FIELD, MAGIC.len()).map(drop),
        Part::Frame(table) => {
            let mut table = table.as_deref().cloned().unwrap_or_else(Table::unknown);
            dissect(c, &mut table, &mut |_| {}).map(drop)
        }
        Part::Data => {
            c.rest(&DATA);
            Ok(())
        }
        Part::Block(table) => dissect_block(c, &mut Table::clone(table), &mut |_| {}),
    }
}

/// A frame's first nine bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// Bytes behind the header.
    pub length: usize,
    /// See [`kind`].
    pub kind: u8,
    /// See [`flag`].
    pub flags: u8,
    /// Whether the bit before the stream's number is 0, as it should be.
    pub reserved_is_clear: bool,
    /// 0 for the connection as a whole.
    pub stream: u32,
}

impl FrameHeader {
    /// What these bytes say, if they are a frame's first.
    pub fn peek(bytes: &[u8]) -> Option<FrameHeader> {
        let b = bytes.first_chunk::<FRAME_HEADER>()?;
        let stream = u32::from_be_bytes([b[5], b[6], b[7], b[8]]);
        Some(FrameHeader {
            length: usize::from(b[0]) << 16 | usize::from(b[1]) << 8 | usize::from(b[2]),
            kind: b[3],
            flags: b[4],
            reserved_is_clear: stream >> 31 == 0,
            stream: stream & 0x7fff_ffff,
        })
    }

    /// Whether a flag is set.
    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Whether the header is one that a sender who keeps to the specification may write: flags, stream and length
    /// fit the type.
    pub fn is_plausible(&self) -> bool {
        let (flags, on_stream, length_fits) = match self.kind {
            kind::DATA => (0x09, true, true),
            kind::HEADERS => (0x2d, true, self.length > 0),
            kind::PRIORITY => (0, true, self.length == 5),
            kind::RST_STREAM => (0, true, self.length == 4),
            kind::SETTINGS => (0x01, false, self.length.is_multiple_of(6) && self.length <= 256),
            kind::PUSH_PROMISE => (0x0c, true, self.length > 4),
            kind::PING => (0x01, false, self.length == 8),
            kind::GOAWAY => (0, false, self.length >= 8),
            kind::WINDOW_UPDATE => (0, self.stream != 0, self.length == 4),
            kind::CONTINUATION => (0x04, true, true),
            _ => return false,
        };
        // RFC 9113 section 4.2: longer frames only where the peer has asked for them.
        let short = self.length <= 16_384;
        short
            && length_fits
            && self.reserved_is_clear
            && self.flags & !flags == 0
            && on_stream == (self.stream != 0)
    }
}

/// A frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Its first nine bytes.
    pub header: FrameHeader,
    /// What is behind them.
    pub body: Body<'a>,
}

/// What is in a frame, as far as following needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body<'a> {
    /// Part of a body, without padding.
    Data(&'a [u8]),
    /// A header block, or its beginning.
    Headers(&'a [u8]),
    /// Why the stream is broken off.
    RstStream(u32),
    /// Six bytes each: number and value.
    Settings(&'a [u8]),
    /// The stream that is promised, and a header block, or its beginning.
    PushPromise(u32, &'a [u8]),
    /// Eight bytes that come back.
    Ping(&'a [u8]),
    /// The last stream that is still looked at, why, and words for people.
    GoAway(u32, u32, &'a [u8]),
    /// How much more may be sent.
    WindowUpdate(u32),
    /// More of a header block.
    Continuation(&'a [u8]),
    /// Anything else.
    Other,
}

/// The settings in a frame: number and value.
pub fn settings(body: &[u8]) -> impl Iterator<Item = (u16, u32)> {
    body.chunks_exact(6)
        .map(|s| (u16::from_be_bytes([s[0], s[1]]), u32::from_be_bytes([s[2], s[3], s[4], s[5]])))
}

/// Reads one frame. A header block that is whole in it is decoded: `each` hears of its fields, `table` learns them.
///
/// # Errors
/// [`Malformed`] where the bytes end before the frame does, or a header block makes no sense.
pub fn dissect<'a, R: Recorder>(
    c: &mut Cursor<'a, '_, R>,
    table: &mut Table,
    each: &mut dyn FnMut(&HeaderField),
) -> Result<Frame<'a>, Malformed> {
    let peeked = FrameHeader::peek(c.peek());
    c.bits(3, &[(&LENGTH, 24)])?;
    let kind = c.u8(&TYPE)?;
    flags(c, kind)?;
    c.bits(4, &[(&RESERVED, 1), (&STREAM, 31)])?;
    let Some(header) = peeked else { return Err(c.nonsense(&LENGTH)) };
    let read = c.region_as_captured(header.length, &LEFTOVER, |c| body(c, &header, table, each))?;
    Ok(Frame { header, body: read? })
}

/// One byte; which bits mean something hangs on the type.
fn flags<R: Recorder>(c: &mut Cursor<'_, '_, R>, kind: u8) -> Result<(), Malformed> {
    if let Some(whole) = c.peek_u8() {
        c.derived(&FLAGS, || Value::Uint(whole.into()));
    }
    let parts: &[(&'static Field, usize)] = match kind {
        kind::DATA => &[(&UNUSED_DATA, 4), (&PADDED, 1), (&UNUSED_DATA, 2), (&END_STREAM, 1)],
        kind::HEADERS => &[
            (&UNUSED_HEADERS, 2),
            (&PRIORITY, 1),
            (&UNUSED_HEADERS, 1),
            (&PADDED, 1),
            (&END_HEADERS, 1),
            (&UNUSED_HEADERS, 1),
            (&END_STREAM, 1),
        ],
        kind::SETTINGS => &[(&UNUSED_SETTINGS, 7), (&ACK_SETTINGS, 1)],
        kind::PING => &[(&UNUSED_PING, 7), (&ACK_PING, 1)],
        kind::PUSH_PROMISE => &[(&UNUSED_PUSH, 4), (&PADDED, 1), (&END_HEADERS, 1), (&UNUSED_PUSH, 2)],
        kind::CONTINUATION => &[(&UNUSED_CONTINUATION, 5), (&END_HEADERS, 1), (&UNUSED_CONTINUATION, 2)],
        _ => &[(&UNUSED, 8)],
    };
    c.bits(1, parts).map(drop)
}

fn body<'a, R: Recorder>(
    c: &mut Cursor<'a, '_, R>,
    header: &FrameHeader,
    table: &mut Table,
    each: &mut dyn FnMut(&HeaderField),
) -> Result<Body<'a>, Malformed> {
    Ok(match header.kind {
        kind::DATA => {
            let padding = pad_length(c, header)?;
            Body::Data(padded(c, padding, &DATA_PADDING, |c| Ok(c.rest(&DATA)))?)
        }
        kind::HEADERS => {
            let padding = pad_length(c, header)?;
            if header.has(flag::PRIORITY) {
                priority(c)?;
            }
            Body::Headers(padded(c, padding, &HEADERS_PADDING, |c| block(c, header, &FRAGMENT, table, each))?)
        }
        kind::PRIORITY => {
            priority(c)?;
            Body::Other
        }
        kind::RST_STREAM => Body::RstStream(c.u32(&RST_ERROR)?),
        kind::SETTINGS => {
            let all = c.peek();
            while c.left() > 0 {
                c.group(&SETTINGS, |c| {
                    let id = c.u16(&SETTINGS_ID)?;
                    c.u32(setting_field(id))
                })?;
            }
            Body::Settings(all)
        }
        kind::PUSH_PROMISE => {
            let padding = pad_length(c, header)?;
            let promised = c.bits(4, &[(&PUSH_RESERVED, 1), (&PROMISED, 31)])? as u32 & 0x7fff_ffff;
            let read = |c: &mut Cursor<'a, '_, R>| block(c, header, &PUSH_FRAGMENT, table, each);
            Body::PushPromise(promised, padded(c, padding, &PUSH_PADDING, read)?)
        }
        kind::PING => {
            let field = if header.has(flag::ACK) { &PONG } else { &PING };
            Body::Ping(c.bytes(field, 8)?)
        }
        kind::GOAWAY => {
            let last = c.bits(4, &[(&GOAWAY_RESERVED, 1), (&LAST_STREAM, 31)])? as u32 & 0x7fff_ffff;
            let error = c.u32(&GOAWAY_ERROR)?;
            Body::GoAway(last, error, c.text(&GOAWAY_DATA, c.left())?)
        }
        kind::WINDOW_UPDATE => {
            let word = c.bits(4, &[(&UPDATE_RESERVED, 1), (&INCREMENT, 31)])?;
            Body::WindowUpdate(word as u32 & 0x7fff_ffff)
        }
        // What came before it stands in other frames: the one who follows the connection puts them together.
        kind::CONTINUATION => Body::Continuation(c.rest(&CONTINUATION_FRAGMENT)),
        kind::ALTSVC => {
            let length = c.u16(&ALTSVC_ORIGIN_LENGTH)?;
            c.text(&ALTSVC_ORIGIN, length.into())?;
            c.text(&ALTSVC_VALUE, c.left())?;
            Body::Other
        }
        kind::ORIGIN => {
            while c.left() > 0 {
                c.group(&ORIGIN, |c| {
                    let length = c.u16(&ORIGIN_LENGTH)?;
                    c.text(&ORIGIN_TEXT, length.into())
                })?;
            }
            Body::Other
        }
        kind::PRIORITY_UPDATE => {
            c.bits(4, &[(&UPDATED_RESERVED, 1), (&UPDATED_STREAM, 31)])?;
            c.text(&UPDATED_VALUE, c.left())?;
            Body::Other
        }
        _ => {
            c.rest(&OPAQUE);
            Body::Other
        }
    })
}

fn pad_length<R: Recorder>(c: &mut Cursor<'_, '_, R>, header: &FrameHeader) -> Result<usize, Malformed> {
    if header.has(flag::PADDED) { c.u8(&PAD_LENGTH).map(usize::from) } else { Ok(0) }
}

/// What stands before the padding, and the padding.
fn padded<'a, R: Recorder>(
    c: &mut Cursor<'a, '_, R>,
    padding: usize,
    field: &'static Field,
    inside: impl FnOnce(&mut Cursor<'a, '_, R>) -> Result<&'a [u8], Malformed>,
) -> Result<&'a [u8], Malformed> {
    // RFC 9113 section 6.1: padding that is longer than what it stands in is an error.
    let Some(length) = c.left().checked_sub(padding) else { return Err(c.nonsense(field)) };
    let read = c.region(length, &LEFTOVER, inside)?;
    c.rest(field);
    read
}

/// RFC 7540 section 5.3, given up by RFC 9113 section 5.3.
fn priority<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    c.bits(4, &[(&EXCLUSIVE, 1), (&DEPENDENCY, 31)])?;
    let weight = c.u8(&WEIGHT)?;
    c.derived(&WEIGHT_REAL, || Value::Uint(u64::from(weight) + 1));
    Ok(())
}

/// A header block: decoded where it is whole, else bytes that go on in a CONTINUATION.
fn block<'a, R: Recorder>(
    c: &mut Cursor<'a, '_, R>,
    header: &FrameHeader,
    field: &'static Field,
    table: &mut Table,
    each: &mut dyn FnMut(&HeaderField),
) -> Result<&'a [u8], Malformed> {
    let all = c.peek();
    if header.has(flag::END_HEADERS) {
        hpack::dissect(c, table, each)?;
    } else {
        c.rest(field);
    }
    Ok(all)
}
