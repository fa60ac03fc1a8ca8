//! SIP over TCP: where each message ends.
//!
//! RFC 3261 section 18.3 ("the Content-Length header field ... is used to locate the end of each SIP message in the stream"), RFC 5626
//! section 3.5.1 (two line ends ask whether the other side is there, one answers). Leaves out: calls, which are followed in no transport.

use super::messages::{Extent, MessageReader, Messages, headed};
use super::{Reader, Sink};
use crate::protocol::{Certainty, Unit, sip};

/// The version in the first line decides.
pub fn probe(first: &[u8], _: bool) -> Certainty {
    match first {
        _ if sip::looks_like(first) => Certainty::Yes,
        [b'A'..=b'Z', ..] if !first.contains(&b'\n') => Certainty::Undecided,
        _ => Certainty::No,
    }
}

/// A reader of a connection.
pub fn reader() -> Box<dyn Reader> {
    Box::new(MessageReader::new(Sip))
}

#[derive(Debug)]
struct Sip;

impl Messages for Sip {
    fn extent(&mut self, _: bool, bytes: &[u8]) -> Extent {
        match bytes.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count() {
            0 => headed(bytes, sip::looks_like),
            ends => Extent::Through(ends, Unit::Opaque),
        }
    }

    fn message(&mut self, _: bool, _: &[u8], _: &mut Sink<'_>) -> Unit {
        Unit::Sip
    }

    fn cut(&self, _: bool, _: &[u8]) -> Option<Unit> {
        Some(Unit::Sip)
    }

    fn resumes(&self, _: bool, segment: &[u8]) -> bool {
        sip::looks_like(segment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::stream::wire::Wire;

    #[test]
    fn messages_end_where_their_length_says_however_they_are_cut() {
        let stream = b"OPTIONS sip:a@b.test SIP/2.0\r\nl: 3\r\n\r\nabc\r\n\r\nSIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n";
        for at in 1..stream.len() {
            let mut wire = Wire::new(reader());
            wire.client(&stream[..at]).client(&stream[at..]);
            assert_eq!(wire.units().filter(|u| **u == Unit::Sip).count(), 2, "cut at {at}");
        }
    }
}
