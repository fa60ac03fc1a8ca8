//! How a connection becomes WebSocket: what the 101 response says, and whether it proves that the server knows what it agrees to.
//!
//! RFC 6455 section 4.1 and 4.2.2 (Sec-WebSocket-Accept is made from the request's key), section 9.1 (extensions); RFC 7692 section 7.1
//! (parameters of permessage-deflate, of which only those that decoding needs are read).

use sha1::{Digest, Sha1};

use super::super::{Sink, Upgrade};
use super::shown;
use crate::flow::event::{Datum, Event, Kind, Severity};

/// What is joined to the key: a number that no other protocol would use.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// What was agreed on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Agreed {
    /// Whether messages may be compressed.
    pub deflate: bool,
    /// Whether client and server begin each message afresh, not with what the messages before left behind.
    pub fresh: [bool; 2],
}

/// Reads both heads; tells what was agreed on.
pub fn read(upgrade: &Upgrade<'_>, sink: &mut Sink<'_>) -> Agreed {
    let agreed = extensions(upgrade.response_head);
    let first = |head, name| values(head, name).next();
    let key = first(upgrade.request_head, "sec-websocket-key");
    let accept = first(upgrade.response_head, "sec-websocket-accept");
    let expected = key.map(accept_for);
    let variant = match (accept, &expected) {
        (Some(found), Some(expected)) if found == expected.as_bytes() => "",
        (_, Some(_)) => "wrong-accept",
        (_, None) => "unchecked",
    };
    let mut event = Event::new(Kind::WebsocketOpen, sink.packet, Some(sink.flow)).variant(variant);
    if variant == "wrong-accept" {
        event = event.severity(Severity::Error);
    }
    if let Some((packet, ..)) = upgrade.request {
        event = event.with("request_packet", Datum::Uint(packet));
    }
    let texts = [
        ("key", key),
        ("accept", accept),
        ("expected", expected.as_deref().map(str::as_bytes)),
        ("subprotocol", first(upgrade.response_head, "sec-websocket-protocol")),
        ("extensions", first(upgrade.response_head, "sec-websocket-extensions")),
    ];
    for (name, value) in texts {
        if let Some(value) = value {
            event = event.with(name, Datum::Text(shown(value)));
        }
    }
    sink.events.push(event);
    agreed
}

/// Base64 of the SHA-1 of key and GUID.
fn accept_for(key: &[u8]) -> String {
    let mut hash = Sha1::new();
    hash.update(key);
    hash.update(GUID);
    base64(&hash.finalize())
}

/// RFC 4648 section 4.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for three in bytes.chunks(3) {
        let group = three.iter().fold(0u32, |n, b| n << 8 | u32::from(*b)) << (8 * (3 - three.len()));
        for at in 0..4 {
            let sextet = (group >> (18 - 6 * at)) as usize & 63;
            out.push(if at <= three.len() { char::from(ALPHABET[sextet]) } else { '=' });
        }
    }
    out
}

/// The values of a head's fields of that name.
fn values<'a>(head: &'a [u8], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    head.split(|b| *b == b'\n').filter_map(move |line| {
        let (field, value) = line.split_at_checked(name.len())?;
        let value = value.strip_prefix(b":")?;
        field.eq_ignore_ascii_case(name.as_bytes()).then_some(value.trim_ascii())
    })
}

fn extensions(head: &[u8]) -> Agreed {
    let mut agreed = Agreed::default();
    let all = values(head, "sec-websocket-extensions").flat_map(|value| value.split(|b| *b == b','));
    for extension in all {
        let mut parts = extension.split(|b| *b == b';').map(<[u8]>::trim_ascii);
        if !parts.next().is_some_and(|name| name.eq_ignore_ascii_case(b"permessage-deflate")) {
            continue;
        }
        agreed.deflate = true;
        for parameter in parts {
            agreed.fresh[0] |= parameter.eq_ignore_ascii_case(b"client_no_context_takeover");
            agreed.fresh[1] |= parameter.eq_ignore_ascii_case(b"server_no_context_takeover");
        }
    }
    agreed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_rfc() {
        // RFC 6455 section 1.3.
        assert_eq!(accept_for(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!([base64(b""), base64(b"f"), base64(b"fo"), base64(b"foo")], ["", "Zg==", "Zm8=", "Zm9v"]);
    }

    #[test]
    fn parameters_of_compression() {
        let head = b"HTTP/1.1 101 x\r\nSEC-WebSocket-Extensions: a; b, permessage-deflate; server_no_context_takeover\r\n\r\n";
        assert_eq!(extensions(head), Agreed { deflate: true, fresh: [false, true] });
        assert_eq!(extensions(b"HTTP/1.1 101 x\r\n\r\n"), Agreed::default());
        assert_eq!(extensions(b"Sec-WebSocket-Extensions"), Agreed::default());
    }
}
