//! NetBIOS session service: where each SMB message ends.
//!
//! RFC 1002 section 4.3. Leaves out: what SMB says; so no events.

use super::messages::{Extent, MessageReader, Messages};
use super::{Reader, Sink};
use crate::protocol::nbss::{self, HEADER, Part};
use crate::protocol::{Certainty, Unit};

/// SMB's mark behind the header decides, else the port.
pub fn probe(first: &[u8], _: bool) -> Certainty {
    match first {
        [0, _, _, _, 0xfd..=0xff, b'S', b'M', b'B', ..] => Certainty::Yes,
        _ => match first.first_chunk().map(nbss::header) {
            Some(None) => Certainty::No,
            _ => Certainty::Undecided,
        },
    }
}

/// A reader of a session.
pub fn reader() -> Box<dyn Reader> {
    Box::new(MessageReader::new(Nbss))
}

#[derive(Debug)]
struct Nbss;

impl Messages for Nbss {
    fn extent(&mut self, _: bool, bytes: &[u8]) -> Extent {
        match bytes.first_chunk().map(nbss::header) {
            Some(Some((_, length))) => Extent::Message(HEADER + length),
            Some(None) => Extent::Foreign,
            None => Extent::More,
        }
    }

    fn message(&mut self, _: bool, _: &[u8], _: &mut Sink<'_>) -> Unit {
        Unit::Nbss(Part::Message)
    }

    fn resumes(&self, _: bool, segment: &[u8]) -> bool {
        probe(segment, true) == Certainty::Yes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::stream::wire::Wire;

    #[test]
    fn messages_cut_anywhere_lost_and_garbage() {
        let stream = b"\0\0\0\x06\xfeSMBab\x85\0\0\0\0\0\0\x05\xffSMBc";
        for at in 1..stream.len() {
            let mut wire = Wire::new(reader());
            wire.client(&stream[..at]).client(&stream[at..]);
            assert_eq!(wire.units().count(), 3, "cut at {at}");
        }
        let mut wire = Wire::new(reader());
        wire.client(&stream[..8]).lost(true, 50);
        wire.client(&[7; 50]).client(stream).server(&[0xff; 90_000]);
        assert!(wire.units().any(|u| *u == Unit::Nbss(Part::Message)));
    }
}
