//! RTSP: the remote control of a media server. Requests and responses as HTTP's, and between them, where it was so agreed, the media
//! themselves.
//!
//! RFC 7826 section 5, 7 and 8 (messages; version 1.0, RFC 2326, has the same form), 13 (methods), 14 (binary data between messages, behind
//! a dollar sign). Leaves out: fields taken apart; the RTP that binary data hold.

use super::head::{self, Known, Names};
use crate::wire::{Cursor, Field, Malformed, Recorder};

static NAMES: Names = Names {
    method: Field::new("rtsp.method"),
    uri: Field::new("rtsp.url"),
    version: Field::new("rtsp.version"),
    status: Field::new("rtsp.status"),
    phrase: Field::new("rtsp.phrase"),
    name: Field::new("rtsp.header.name"),
    other: Field::new("rtsp.header.value"),
    not_a_header: Field::new("rtsp.not_a_header"),
    separator: Field::new("rtsp.separator"),
    body: Field::new("rtsp.msg_body"),
    known: TABLE,
    numbers: &["content-length", "cseq"],
    mark: b"RTSP/",
};

static TABLE: &[Known] = &[
    ("cseq", "", Field::new("rtsp.cseq")),
    ("session", "", Field::new("rtsp.session")),
    ("transport", "", Field::new("rtsp.transport")),
    ("content-type", "", Field::new("rtsp.content-type")),
    ("content-length", "", Field::new("rtsp.content-length")),
];

static MAGIC: Field = Field::hex("rtsp.magic", 2);
static CHANNEL: Field = Field::new("rtsp.channel");
static LENGTH: Field = Field::new("rtsp.length");
static DATA: Field = Field::new("rtsp.data");

/// First byte of binary data.
pub const DOLLAR: u8 = b'$';
/// Length of the header of binary data.
pub const HEADER: usize = 4;

/// What a part of a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// A request or a response.
    Message,
    /// Binary data of a channel.
    Interleaved,
}

/// Whether bytes begin a message.
pub fn looks_like(bytes: &[u8]) -> bool {
    head::looks_like(bytes, NAMES.mark)
}

/// Names a part.
///
/// # Errors
/// [`Malformed`] where it is none, or ends before it should.
pub fn describe<R: Recorder>(part: Part, c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    match part {
        Part::Message => head::dissect(&NAMES, c),
        Part::Interleaved => {
            c.u8(&MAGIC)?;
            c.u8(&CHANNEL)?;
            c.u16(&LENGTH)?;
            c.rest(&DATA);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Tree;

    #[test]
    fn each_byte_has_a_name_wherever_it_is_cut() {
        let parts: [(Part, &[u8]); 4] = [
            (
                Part::Message,
                b"SETUP rtsp://a.test/1 RTSP/1.0\r\nCSeq: 3\r\nTransport: RTP/AVP;unicast\r\n\r\n",
            ),
            (Part::Message, b"RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n"),
            (Part::Message, b"GET / HTTP/1.1\r\n\r\n"),
            (Part::Interleaved, b"$\x00\x00\x03abc"),
        ];
        for (part, bytes) in parts {
            for end in 0..=bytes.len() {
                let mut tree = Tree::default();
                let mut c = Cursor::new(bytes, 0, end, &mut tree);
                let _ = describe(part, &mut c);
                c.rest(&NAMES.body);
                assert_eq!(tree.nodes.iter().map(|n| n.bits).sum::<usize>(), end * 8);
            }
        }
    }
}
