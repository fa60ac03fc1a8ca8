//! SIP: setting up calls. Start line and header fields, and the SDP behind them, which says where the voice will go.
//!
//! RFC 3261 section 7 (messages: a request line or a status line, fields, an empty line, a body), 7.3.3 (short names), RFC 8866 section 5
//! (SDP: one letter, an equals sign, a value a line). Leaves out: fields taken apart; what other bodies hold.

use super::lines;
use crate::wire::{Cursor, Field, Malformed, Problem, Recorder, Value};

static METHOD: Field = Field::new("sip.Method");
static URI: Field = Field::new("sip.r-uri");
static VERSION: Field = Field::new("sip.version");
static STATUS: Field = Field::new("sip.Status-Code");
static PHRASE: Field = Field::new("sip.phrase");
static NAME: Field = Field::new("sip.header.name");
static OTHER: Field = Field::new("sip.header.value");
static NO_HEADER: Field = Field::new("sip.not_a_header");
static SEPARATOR: Field = Field::new("sip.separator");
static BODY: Field = Field::new("sip.msg_body");
static SDP_LETTER: Field = Field::new("sdp.type");
static SDP_SEPARATOR: Field = Field::new("sdp.separator");
static SDP_OTHER: Field = Field::new("sdp.value");

macro_rules! headers {
    ($($header:literal $short:literal $name:literal;)*) => {
        static TABLE: &[(&str, &str, Field)] = &[$(($header, $short, Field::new($name)),)*];
    };
}

headers! {
    "via" "v" "sip.Via";
    "from" "f" "sip.From";
    "to" "t" "sip.To";
    "call-id" "i" "sip.Call-ID";
    "cseq" "" "sip.CSeq";
    "contact" "m" "sip.Contact";
    "max-forwards" "" "sip.Max-Forwards";
    "user-agent" "" "sip.User-Agent";
    "server" "" "sip.Server";
    "expires" "" "sip.Expires";
    "allow" "" "sip.Allow";
    "authorization" "" "sip.Authorization";
    "www-authenticate" "" "sip.WWW-Authenticate";
    "content-type" "c" "sip.Content-Type";
    "content-length" "l" "sip.Content-Length";
}

static SDP: &[(u8, Field)] = &[
    (b'v', Field::new("sdp.version")),
    (b'o', Field::new("sdp.owner")),
    (b's', Field::new("sdp.session_name")),
    (b'c', Field::new("sdp.connection_info")),
    (b't', Field::new("sdp.time")),
    (b'm', Field::new("sdp.media")),
    (b'a', Field::new("sdp.media_attr")),
    (b'b', Field::new("sdp.bandwidth")),
];

/// Whether bytes begin a message.
pub fn looks_like(bytes: &[u8]) -> bool {
    let line = lines::content(bytes);
    bytes.starts_with(b"SIP/2.0 ")
        || (line.ends_with(b" SIP/2.0") && line.first().is_some_and(u8::is_ascii_uppercase))
}

/// Reads a message: head and body.
///
/// # Errors
/// [`Malformed`] where the first line is none of SIP's, or the message ends within its head.
pub fn dissect<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    // A datagram of line ends, or zeros, keeps a way through a translator open.
    let (content, end) = lines::extent(c.peek());
    let line = &c.peek()[..content];
    if !looks_like(c.peek()) {
        return Err(c.nonsense(&METHOD));
    }
    let (first, gap) = lines::word(line);
    let (second, second_gap) = lines::word(&line[first + gap..]);
    let response = line.starts_with(b"SIP/");
    let rest = content - first - gap - second - second_gap;
    c.text(if response { &VERSION } else { &METHOD }, first)?;
    c.bytes(&SEPARATOR, gap)?;
    if response {
        let code = lines::number(&line[first + gap..first + gap + second]).unwrap_or(0);
        c.told(&STATUS, second, || Value::Uint(code));
    } else {
        c.text(&URI, second)?;
    }
    c.bytes(&SEPARATOR, second_gap)?;
    c.text(if response { &PHRASE } else { &VERSION }, rest)?;
    c.bytes(&SEPARATOR, end - content)?;
    let mut sdp = false;
    loop {
        let bytes = c.peek();
        let (mut content, mut end) = lines::extent(bytes);
        if end == 0 {
            let (at, have) = (c.at(), c.left());
            return Err(Malformed { field: NAME.name, at, need: have + 1, have, problem: Problem::Cut });
        }
        if content == 0 {
            c.bytes(&SEPARATOR, end)?;
            break;
        }
        let Some(colon) = bytes[..content].iter().position(|b| *b == b':') else {
            c.text(&NO_HEADER, content)?;
            c.bytes(&SEPARATOR, end - content)?;
            continue;
        };
        while matches!(bytes.get(end), Some(b' ' | b'\t')) {
            let (more, next) = lines::extent(&bytes[end..]);
            (content, end) = (end + more, end + next);
        }
        let name = bytes[..colon].trim_ascii_end();
        let blanks = |b: &u8| matches!(b, b' ' | b'\t' | b'\r' | b'\n');
        let value_at = colon + 1 + bytes[colon + 1..content].iter().take_while(|b| blanks(b)).count();
        let value = &bytes[value_at..content];
        let is = |known: &str| !known.is_empty() && name.eq_ignore_ascii_case(known.as_bytes());
        let known = TABLE.iter().find(|(long, short, _)| is(long) || is(short));
        sdp |= known.is_some_and(|(long, ..)| *long == "content-type")
            && value.to_ascii_lowercase().starts_with(b"application/sdp");
        let counts = known.is_some_and(|(long, ..)| matches!(*long, "content-length" | "max-forwards"));
        c.text(&NAME, name.len())?;
        c.bytes(&SEPARATOR, value_at - name.len())?;
        c.told(known.map_or(&OTHER, |(.., field)| field), value.len(), || {
            match lines::number(value.trim_ascii()).filter(|_| counts) {
                Some(number) => Value::Uint(number),
                None => Value::Text(String::from_utf8_lossy(value).into_owned()),
            }
        });
        c.bytes(&SEPARATOR, end - content)?;
    }
    if !sdp {
        c.rest(&BODY);
        return Ok(());
    }
    while c.left() > 0 {
        let (content, end) = lines::extent(c.peek());
        let line = &c.peek()[..content];
        if line.get(1) == Some(&b'=') {
            let field =
                SDP.iter().find(|(letter, _)| *letter == line[0]).map_or(&SDP_OTHER, |(_, field)| field);
            c.text(&SDP_LETTER, 1)?;
            c.bytes(&SDP_SEPARATOR, 1)?;
            c.text(field, content - 2)?;
        } else {
            c.text(&SDP_OTHER, content)?;
        }
        c.bytes(&SDP_SEPARATOR, end - content)?;
    }
    Ok(())
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
                c.rest(&BODY);
                assert_eq!(tree.nodes.iter().map(|n| n.bits).sum::<usize>(), end * 8);
            }
        }
        let mut tree = Tree::default();
        dissect(&mut Cursor::new(INVITE, 0, INVITE.len(), &mut tree)).unwrap();
        let has = |name: &str| tree.nodes.iter().any(|n| n.field.name == name);
        assert!(has("sip.Method") && has("sip.Via") && has("sdp.media"));
    }
}
