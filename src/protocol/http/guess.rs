//! Telling by the first bytes whether a stream speaks HTTP/1.x: ports say little.
//!
//! RFC 9112 section 3 and 4. Other protocols begin with a word and a blank too (SIP, RTSP, SMTP, IRC), so a
//! request is sure only with a version at the end of its line, or a well-known method before what can be a target.

use crate::protocol::Certainty;

use super::{is_blank, is_token, is_version, without_blanks_behind};

/// Methods of RFC 9110 section 9.3, RFC 5789 and WebDAV (RFC 4918, 3253) that are met often.
const METHODS: &[&[u8]] = &[
    b"GET",
    b"HEAD",
    b"POST",
    b"PUT",
    b"DELETE",
    b"CONNECT",
    b"OPTIONS",
    b"TRACE",
    b"PATCH",
    b"PROPFIND",
    b"PROPPATCH",
    b"MKCOL",
    b"COPY",
    b"MOVE",
    b"LOCK",
    b"UNLOCK",
    b"REPORT",
    b"SEARCH",
];
/// Longest method that is waited for.
const MAX_METHOD: usize = 32;
/// Longest line that is waited for (RFC 9112 section 3 asks recipients for at least 8000).
const MAX_LINE: usize = 16 * 1024;

fn after_empty_lines(bytes: &[u8]) -> &[u8] {
    let empty = bytes.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
    &bytes[empty.min(4)..]
}

/// Whether these first bytes of a message are those of a request.
pub fn looks_like_request(prefix: &[u8]) -> Certainty {
    let bytes = after_empty_lines(prefix);
    let method = bytes.iter().take(MAX_METHOD + 1).take_while(|b| is_token(b)).count();
    let known = METHODS.contains(&&bytes[..method]);
    match bytes.get(method) {
        None if method <= MAX_METHOD => return Certainty::Undecided,
        Some(blank) if method > 0 && is_blank(blank) => {}
        _ => return Certainty::No,
    }
    let rest = &bytes[method + 1..];
    if let Some(feed) = rest.iter().take(MAX_LINE).position(|b| *b == b'\n') {
        let line = rest[..feed].strip_suffix(b"\r").unwrap_or(&rest[..feed]);
        let line = &line[..without_blanks_behind(line)];
        let last = line.iter().rposition(is_blank).map_or(0, |blank| blank + 1);
        let version = &line[last..];
        return match is_version(version) {
            // HTTP/2 opens with a request line that no HTTP/1.x server may take (RFC 9113 section 3.4).
            true if version.starts_with(b"HTTP/2") => Certainty::No,
            true if known || last > 0 => Certainty::Yes,
            // A client that forgot the version; with a word where it belongs, it may be RTSP's.
            false if known && last == 0 && line.starts_with(b"/") => Certainty::Yes,
            _ => Certainty::No,
        };
    }
    if rest.len() >= MAX_LINE && !known {
        return Certainty::No;
    }
    match rest.first() {
        None => Certainty::Undecided,
        Some(b'/') if known => Certainty::Yes,
        Some(byte) if byte.is_ascii_graphic() || is_blank(byte) => Certainty::Undecided,
        Some(_) => Certainty::No,
    }
}

/// Whether these first bytes of a message are those of a response.
pub fn looks_like_response(prefix: &[u8]) -> Certainty {
    const FORM: &[u8] = b"HTTP/1.1 200";
    let bytes = after_empty_lines(prefix);
    let fits = FORM.iter().zip(bytes).enumerate().all(|(at, (form, byte))| match at {
        5 => *byte == b'1',
        7 | 9..=11 => byte.is_ascii_digit(),
        _ => byte == form,
    });
    match (fits, bytes.len() >= FORM.len()) {
        (false, _) => Certainty::No,
        (true, false) => Certainty::Undecided,
        (true, true) => match bytes.get(FORM.len()) {
            None | Some(b' ' | b'\r' | b'\n' | b'\t') => Certainty::Yes,
            Some(_) => Certainty::No,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests() {
        for (bytes, certainty) in [
            (&b"GET / HTTP/1.1\r\n"[..], Certainty::Yes),
            (b"GET /a", Certainty::Yes),
            (b"\r\nPOST /x HTTP/1.0\n", Certainty::Yes),
            (b"M-SEARCH * HTTP/1.1\r\n", Certainty::Yes),
            (b"CONNECT a:443 HTTP/1.1\r\n", Certainty::Yes),
            (b"GET /HTTP/1.1\r\n", Certainty::Yes),
            (b"GET HTTP/1.1\r\n", Certainty::Yes),
            (b"", Certainty::Undecided),
            (b"GE", Certainty::Undecided),
            (b"CONNECT a:4", Certainty::Undecided),
            (b"OPTIONS rtsp://a RTSP/1.0\r\n", Certainty::No),
            (b"GET /a RTSP/1.0\r\n", Certainty::No),
            (b"INVITE sip:a@b SIP/2.0\r\n", Certainty::No),
            (b"EHLO example\r\n", Certainty::No),
            (b"PRI * HTTP/2.0\r\n", Certainty::No),
            (b"\x16\x03\x01", Certainty::No),
            (b"SSH-2.0-x\r\n", Certainty::No),
        ] {
            assert_eq!(looks_like_request(bytes), certainty, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn responses() {
        for (bytes, certainty) in [
            (&b"HTTP/1.1 200 OK\r\n"[..], Certainty::Yes),
            (b"HTTP/1.0 404\r\n", Certainty::Yes),
            (b"HTTP/1.", Certainty::Undecided),
            (b"HTTP/2.0 200", Certainty::No),
            (b"HTTP/1.1 2000", Certainty::No),
            (b"SIP/2.0 200 OK", Certainty::No),
        ] {
            assert_eq!(looks_like_response(bytes), certainty, "{}", bytes.escape_ascii());
        }
    }
}
