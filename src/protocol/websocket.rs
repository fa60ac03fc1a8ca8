//! WebSocket: messages in both directions over a connection that began as HTTP, cut into frames of 2 to 14 bytes of header.
//!
//! RFC 6455 section 5.2 (frame), 5.3 (masking), 5.5 (control frames), 7.4 (close codes); RFC 7692 section 6 (the bit that says compressed).
//! What is masked is shown as captured; the one who follows the connection (`flow/stream/websocket.rs`) unmasks, inflates and
//! puts fragments together. Leaves out: subprotocols and other extensions.

use crate::wire::{Cursor, Field, Malformed, Recorder, Tree, Value};

static FIN: Field = Field::new("websocket.fin");
static RSV: Field = Field::hex("websocket.rsv", 1);
static COMPRESSED: Field = Field::new("websocket.pmc");
static OPCODE: Field = Field::new("websocket.opcode");
static MASK: Field = Field::new("websocket.mask");
static LENGTH: Field = Field::new("websocket.payload_length");
static LENGTH_16: Field = Field::new("websocket.payload_length_ext_16");
static LENGTH_64: Field = Field::new("websocket.payload_length_ext_64");
static KEY: Field = Field::new("websocket.masking_key");
static MASKED: Field = Field::new("websocket.masked_payload");
static PAYLOAD: Field = Field::new("websocket.payload");
static DEFLATED: Field = Field::new("websocket.payload.compressed");
static TEXT: Field = Field::new("websocket.payload.text");
static CONTINUE: Field = Field::new("websocket.payload.continue");
static CLOSE_CODE: Field = Field::new("websocket.payload.close.status_code");
static CLOSE_REASON: Field = Field::new("websocket.payload.close.reason");
static PING: Field = Field::new("websocket.payload.ping");
static PONG: Field = Field::new("websocket.payload.pong");
static UNKNOWN: Field = Field::new("websocket.payload.unknown");
static MESSAGE_TEXT: Field = Field::new("websocket.message.text");
static MESSAGE_BINARY: Field = Field::new("websocket.message.binary");
static LEFTOVER: Field = Field::new("websocket.unreadable");

/// What frames are for (RFC 6455 section 11.8).
pub mod opcode {
    /// More of the message before.
    pub const CONTINUATION: u8 = 0;
    /// Text in UTF-8.
    pub const TEXT: u8 = 1;
    /// Any bytes.
    pub const BINARY: u8 = 2;
    /// The last frame of an end.
    pub const CLOSE: u8 = 8;
    /// Are you there?
    pub const PING: u8 = 9;
    /// Yes.
    pub const PONG: u8 = 10;
}

/// What a part of a WebSocket connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// A frame, or the header of one too long to be put together.
    Frame {
        /// Whether the ends agreed to compress: then the first reserved bit says whether this message is.
        deflate: bool,
    },
    /// Part of the payload of a frame too long to be put together.
    Payload,
    /// A frame's payload without its mask.
    Unmasked {
        /// What the frame is for.
        opcode: u8,
        /// Whether it is compressed.
        compressed: bool,
    },
    /// A frame's payload decompressed.
    Inflated(u8),
    /// A message that was put together from several frames, and decompressed if it was compressed.
    Message(u8),
}

/// Names every bit of a part.
///
/// # Errors
/// [`Malformed`] where the bytes end before it does; every field before is recorded.
pub fn describe(part: &Part, c: &mut Cursor<'_, '_, Tree>) -> Result<(), Malformed> {
    match part {
        Part::Frame { deflate } => dissect(c, *deflate).map(drop),
        Part::Payload => {
            c.rest(&PAYLOAD);
            Ok(())
        }
        Part::Unmasked { opcode, compressed } => payload(c, *opcode, *compressed),
        Part::Inflated(opcode) => payload(c, *opcode, false),
        Part::Message(opcode::TEXT) => c.text(&MESSAGE_TEXT, c.left()).map(drop),
        Part::Message(_) => {
            c.rest(&MESSAGE_BINARY);
            Ok(())
        }
    }
}

/// The first bytes of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// Whether it is the last of its message.
    pub fin: bool,
    /// Three bits that extensions may use.
    pub rsv: u8,
    /// See [`opcode`].
    pub opcode: u8,
    /// What the payload is masked with.
    pub key: Option<[u8; 4]>,
    /// Bytes of the header.
    pub header: usize,
    /// Bytes of the payload.
    pub payload: u64,
}

impl FrameHeader {
    /// What these bytes say; `None` where more are needed.
    pub fn peek(bytes: &[u8]) -> Option<FrameHeader> {
        let [first, second] = *bytes.first_chunk::<2>()?;
        let (mut header, payload) = match second & 0x7f {
            126 => (4, u64::from(u16::from_be_bytes(*bytes[2..].first_chunk()?))),
            127 => (10, u64::from_be_bytes(*bytes[2..].first_chunk()?)),
            short => (2, short.into()),
        };
        let key = if second & 0x80 != 0 {
            header += 4;
            Some(*bytes[header - 4..].first_chunk()?)
        } else {
            None
        };
        let (fin, rsv, opcode) = (first & 0x80 != 0, first >> 4 & 7, first & 0x0f);
        Some(FrameHeader { fin, rsv, opcode, key, header, payload })
    }

    /// What its payload is shown as: the first part of a message is no more than a part.
    fn shown_as(fin: bool, code: u8) -> u8 {
        if !fin && code <= opcode::BINARY { opcode::CONTINUATION } else { code }
    }

    /// As [`Part::Unmasked`] names its payload.
    pub fn unmasked(&self, compressed: bool) -> Part {
        Part::Unmasked { opcode: FrameHeader::shown_as(self.fin, self.opcode), compressed }
    }

    /// Whether it is about the connection, not a message.
    pub fn is_control(&self) -> bool {
        self.opcode & 8 != 0
    }

    /// Whether RFC 6455 knows what the frame is for.
    pub fn is_known(&self) -> bool {
        matches!(self.opcode, opcode::CONTINUATION..=opcode::BINARY | opcode::CLOSE..=opcode::PONG)
    }
}

/// The payload without its mask: every byte, and the key's byte in turn, exclusive or (RFC 6455 section 5.3).
pub fn unmask(payload: &[u8], key: [u8; 4]) -> Vec<u8> {
    payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect()
}

/// Reads one frame, header and payload.
///
/// # Errors
/// [`Malformed`] where the bytes end before the frame does.
pub fn dissect<R: Recorder>(c: &mut Cursor<'_, '_, R>, deflate: bool) -> Result<(), Malformed> {
    let first = c.bits(1, &[(&FIN, 1), (&RSV, 3), (&OPCODE, 4)])? as u8;
    let code = FrameHeader::shown_as(first & 0x80 != 0, first & 0x0f);
    let compressed = deflate && first & 0x40 != 0;
    if deflate {
        c.derived(&COMPRESSED, || Value::Flag(compressed));
    }
    let second = c.bits(1, &[(&MASK, 1), (&LENGTH, 7)])?;
    let length = match second & 0x7f {
        126 => c.u16(&LENGTH_16)?.into(),
        127 => c.u64(&LENGTH_64)?,
        short => short,
    };
    let masked = second & 0x80 != 0;
    if masked {
        c.bytes(&KEY, 4)?;
    }
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    c.region_as_captured(length, &LEFTOVER, |c| {
        if masked {
            c.rest(&MASKED);
            return Ok(());
        }
        payload(c, code, compressed)
    })?
}

/// What is in a frame.
fn payload<R: Recorder>(c: &mut Cursor<'_, '_, R>, code: u8, compressed: bool) -> Result<(), Malformed> {
    if compressed {
        c.rest(&DEFLATED);
        return Ok(());
    }
    match code {
        opcode::CONTINUATION => c.rest(&CONTINUE),
        opcode::TEXT => c.text(&TEXT, c.left())?,
        opcode::BINARY => c.rest(&PAYLOAD),
        opcode::CLOSE if c.left() == 0 => &[],
        opcode::CLOSE => {
            c.u16(&CLOSE_CODE)?;
            c.text(&CLOSE_REASON, c.left())?
        }
        opcode::PING => c.rest(&PING),
        opcode::PONG => c.rest(&PONG),
        _ => c.rest(&UNKNOWN),
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::NodeKind;

    /// RFC 6455 section 5.7: "Hello", masked.
    #[rustfmt::skip]
    const HELLO: &[u8] = &[
        0x81,                         // fin, text
        0x85,                         // masked, 5 bytes
        0x37, 0xfa, 0x21, 0x3d,       // websocket.masking_key
        0x7f, 0x9f, 0x4d, 0x51, 0x58, // "Hello"
    ];

    fn tree(bytes: &[u8], length: usize) -> (Tree, Result<(), Malformed>) {
        let mut tree = Tree::default();
        let read = dissect(&mut Cursor::new(bytes, 0, length, &mut tree), true);
        (tree, read)
    }

    #[test]
    fn a_masked_text() {
        let (tree, read) = tree(HELLO, HELLO.len());
        read.unwrap();
        let value = |name: &str| tree.find(name).next().unwrap().value.clone();
        assert_eq!(value("websocket.opcode"), Value::Uint(1));
        assert_eq!(value("websocket.mask"), Value::Flag(true));
        let header = FrameHeader::peek(HELLO).unwrap();
        assert_eq!((header.header, header.payload), (6, 5));
        assert_eq!(unmask(&HELLO[6..], header.key.unwrap()), b"Hello");
    }

    #[test]
    fn lengths_of_three_sizes() {
        assert_eq!(FrameHeader::peek(&[0x82, 0x7e, 0x01, 0x00]).unwrap().payload, 256);
        let long = [0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0];
        let header = FrameHeader::peek(&long).unwrap();
        assert_eq!((header.header, header.payload), (10, 65536));
        assert!((0..long.len()).all(|cut| FrameHeader::peek(&long[..cut]).is_none()));
        // 2^64 - 1 bytes, of which none come.
        let (_, read) = tree(&[0x82, 0x7f, 255, 255, 255, 255, 255, 255, 255, 255], 10);
        assert_eq!(read.unwrap_err().need, usize::MAX);
    }

    #[test]
    fn cut_anywhere_it_shows_what_is_before() {
        for length in 0..HELLO.len() {
            let (tree, read) = tree(HELLO, length);
            read.unwrap_err();
            let told: usize = tree.nodes.iter().filter(|n| n.kind == NodeKind::Leaf).map(|n| n.bits).sum();
            // A key that is not whole has no leaf yet; the caller gives it one.
            assert!(told / 8 == length || (2..6).contains(&length));
        }
    }

    #[test]
    fn a_close_says_why() {
        let (tree, read) = tree(&[0x88, 0x06, 0x03, 0xe8, b'd', b'o', b'n', b'e'], 8);
        read.unwrap();
        let value = |name: &str| tree.find(name).next().unwrap().value.clone();
        assert_eq!(value("websocket.payload.close.status_code"), Value::Uint(1000));
        assert_eq!(value("websocket.payload.close.reason"), Value::Text("done".to_owned()));
        // One byte is no code.
        assert!(dissect(&mut Cursor::new(&[0x88, 1, 3], 0, 3, &mut Tree::default()), false).is_err());
    }
}
