//! SSDP: devices of a network tell what they offer, and are asked for it, with heads of HTTP in UDP datagrams.
//!
//! UPnP Device Architecture 2.0 section 1.1.3 (messages: a start line and header fields of RFC 9112, an empty line, no body), 1.2
//! (NOTIFY), 1.3 (M-SEARCH and its response). Fields are called as in HTTP. Leaves out: what answers what, since a datagram
//! has no place in a row of exchanges.

use super::http;
use crate::protocol::Certainty;
use crate::wire::{Cursor, Field, Malformed, Recorder};

static MESSAGE: Field = Field::new("ssdp");

/// Reads one datagram.
///
/// # Errors
/// [`Malformed`] where the datagram does not begin as a request or a response of HTTP: then nothing was taken; or where the head ends
/// before its empty line does: what was there is recorded.
pub fn dissect<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    let first = c.peek();
    if http::looks_like_request(first) != Certainty::Yes && http::looks_like_response(first) != Certainty::Yes
    {
        return Err(c.nonsense(&MESSAGE));
    }
    http::dissect(c).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Off;

    const SEARCH: &[u8] = b"M-SEARCH * HTTP/1.1\r\n\
        HOST: 239.255.255.250:1900\r\n\
        MAN: \"ssdp:discover\"\r\n\
        MX: 3\r\n\
        ST: ssdp:all\r\n\
        \r\n";

    fn read(bytes: &[u8]) -> (Result<(), Malformed>, usize) {
        let mut off = Off;
        let mut c = Cursor::new(bytes, 0, bytes.len(), &mut off);
        let read = dissect(&mut c);
        (read, c.left())
    }

    #[test]
    fn reads_a_search_and_a_response() {
        assert_eq!(read(SEARCH), (Ok(()), 0));
        assert_eq!(read(b"HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\n\r\n"), (Ok(()), 0));
    }

    #[test]
    fn a_cut_head_shows_what_is_there_and_noise_is_none() {
        assert!(read(&SEARCH[..60]).0.is_err());
        assert_eq!(read(&SEARCH[..60]).1, 0);
        for noise in [&b"\x00\x01\x02\x03"[..], b"", b"hello", &SEARCH[..5]] {
            let (read, left) = read(noise);
            assert!(read.is_err() && left == noise.len());
        }
    }
}
