//! SIP: setting up calls. Start line and header fields, and the SDP behind them, which says where the voice will go.
//!
//! RFC 3261 section 7 (messages: a request line or a status line, fields, an empty line, a body), 7.3.3 (short names), 18.3 (over
//! TCP, Content-Length ends a message). Leaves out: fields taken apart; what other bodies hold.

use super::head::{self, Known, Names};
use crate::wire::{Cursor, Field, Malformed, Recorder};

static NAMES: Names = Names {
    method: Field::new("sip.Method"),
    uri: Field::new("sip.r-uri"),
    version: Field::new("sip.version"),
    status: Field::new("sip.Status-Code"),
    phrase: Field::new("sip.phrase"),
    name: Field::new("sip.header.name"),
    other: Field::new("sip.header.value"),
    not_a_header: Field::new("sip.not_a_header"),
    separator: Field::new("sip.separator"),
    body: Field::new("sip.msg_body"),
    known: TABLE,
    numbers: &["content-length", "max-forwards"],
    mark: b"SIP/",
};

static TABLE: &[Known] = &[
    ("via", "v", Field::new("sip.Via")),
    ("from", "f", Field::new("sip.From")),
    ("to", "t", Field::new("sip.To")),
    ("call-id", "i", Field::new("sip.Call-ID")),
    ("cseq", "", Field::new("sip.CSeq")),
    ("contact", "m", Field::new("sip.Contact")),
    ("max-forwards", "", Field::new("sip.Max-Forwards")),
    ("user-agent", "", Field::new("sip.User-Agent")),
    ("server", "", Field::new("sip.Server")),
    ("expires", "", Field::new("sip.Expires")),
    ("allow", "", Field::new("sip.Allow")),
    ("authorization", "", Field::new("sip.Authorization")),
    ("www-authenticate", "", Field::new("sip.WWW-Authenticate")),
    ("content-type", "c", Field::new("sip.Content-Type")),
    ("content-length", "l", Field::new("sip.Content-Length")),
];

/// Whether bytes begin a message.
pub fn looks_like(bytes: &[u8]) -> bool {
    head::looks_like(bytes, NAMES.mark)
}

/// Reads a message: head and body.
///
/// # Errors
/// [`Malformed`] where the first line is none of SIP's (a datagram of line ends, or zeros, keeps a way through a translator
/// open), or the message ends within its head.
pub fn dissect<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    head::dissect(&NAMES, c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Tree;

    const INVITE: &[u8] =
        b"INVITE sip:bob@b.test SIP/2.0\r\nv: SIP/2.0/UDP a\r\nContent-Type: application/sdp\r\n\r\n\
        v=0\r\nm=audio 49170 RTP/AVP 0\r\n";

    #[test]
    fn each_byte_has_a_name_wherever_it_is_cut() {
        for bytes in [INVITE, b"SIP/2.0 200 OK\r\nl: 0\r\nodd\r\n\r\nx", b"GET / HTTP/1.1\r\n"] {
            for end in 0..=bytes.len() {
                let mut tree = Tree::default();
                let mut c = Cursor::new(bytes, 0, end, &mut tree);
                let _ = dissect(&mut c);
                c.rest(&NAMES.body);
                assert_eq!(tree.nodes.iter().map(|n| n.bits).sum::<usize>(), end * 8);
            }
        }
        let mut tree = Tree::default();
        dissect(&mut Cursor::new(INVITE, 0, INVITE.len(), &mut tree)).unwrap();
        let has = |name: &str| tree.nodes.iter().any(|n| n.field.name == name);
        assert!(has("sip.Method") && has("sip.Via") && has("sdp.media"));
    }
}
