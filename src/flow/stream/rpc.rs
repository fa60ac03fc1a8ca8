//! ONC RPC over TCP: which reply answers which call, and what the portmapper says.
//!
//! RFC 5531 section 9 (messages), 11 (record marking), RFC 1833. Leaves out: records of several fragments, of which the first is read.
//! What is told of a message: [`crate::flow::calls`].

use super::messages::{Extent, MessageReader, Messages};
use super::{Reader, Sink};
use crate::flow::calls::{Calls, Ends, Stamp};
use crate::protocol::rpc::{self, Part};
use crate::protocol::{Certainty, Unit};

/// Length of a record mark, and of the shortest message.
const MARK: usize = 4;
const SHORTEST: usize = 12;

/// A record mark and a call behind it decide.
pub fn probe(first: &[u8], from_client: bool) -> Certainty {
    match record(first) {
        Some((length, _)) if length < SHORTEST || !rpc::looks_like(&first[MARK..]) => Certainty::No,
        Some((length, true)) if from_client && length + MARK <= first.len() => Certainty::Yes,
        Some(_) => Certainty::Undecided,
        None => Certainty::Undecided,
    }
}

/// A record mark: length of the fragment, and whether it is the last.
fn record(bytes: &[u8]) -> Option<(usize, bool)> {
    let mark = u32::from_be_bytes(*bytes.first_chunk()?);
    Some(((mark & 0x7fff_ffff) as usize, mark >> 31 == 1))
}

/// A reader of calls and replies.
pub fn reader() -> Box<dyn Reader> {
    Box::new(MessageReader::new(Rpc::default()))
}

#[derive(Debug, Default)]
struct Rpc {
    /// Calls that wait, by whether the client made them.
    calls: Calls<bool>,
    /// The last fragment of each side was not the last of its record.
    within: [bool; 2],
}

impl Messages for Rpc {
    fn extent(&mut self, _: bool, bytes: &[u8]) -> Extent {
        match record(bytes) {
            Some((length, _)) => Extent::Message(length + MARK),
            None => Extent::More,
        }
    }

    fn message(&mut self, from_client: bool, bytes: &[u8], sink: &mut Sink<'_>) -> Unit {
        let side = usize::from(!from_client);
        let last = record(bytes).is_none_or(|(_, last)| last);
        if std::mem::replace(&mut self.within[side], !last) {
            return Unit::Rpc(Part::More);
        }
        let ends = Ends { from: from_client, to: !from_client };
        let at = Stamp { packet: sink.packet, time_ns: sink.time_ns, flow: sink.flow };
        let called = self.calls.tell(ends, &bytes[MARK.min(bytes.len())..], at, sink.events);
        Unit::Rpc(Part::Record(called))
    }

    fn cut(&self, from_client: bool, _: &[u8]) -> Option<Unit> {
        let within = self.within[usize::from(!from_client)];
        Some(Unit::Rpc(if within { Part::More } else { Part::Record(None) }))
    }

    fn resumes(&self, _: bool, segment: &[u8]) -> bool {
        segment.len() >= MARK + SHORTEST && rpc::looks_like(&segment[MARK..])
    }

    fn skipped(&mut self, from_client: bool) {
        self.within[usize::from(!from_client)] = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::event::Datum;
    use crate::flow::stream::wire::Wire;

    fn record_of(words: &[u32]) -> Vec<u8> {
        let mut bytes = (0x8000_0000 | (words.len() as u32 * 4)).to_be_bytes().to_vec();
        bytes.extend(words.iter().flat_map(|w| w.to_be_bytes()));
        bytes
    }

    const GETPORT: [u32; 14] = [7, 0, 2, 100_000, 2, 3, 0, 0, 0, 0, 100_003, 3, 6, 0];
    const PORT: [u32; 7] = [7, 1, 0, 0, 0, 0, 2049];

    #[test]
    fn where_a_program_is_cut_anywhere() {
        let (call, reply) = (record_of(&GETPORT), record_of(&PORT));
        assert_eq!(probe(&call, true), Certainty::Yes);
        for at in 1..reply.len() {
            let mut wire = Wire::new(reader());
            wire.client(&call).server(&reply[..at]).server(&reply[at..]);
            let told: Vec<_> = wire.events.iter().map(|e| e.variant).collect();
            assert_eq!(told, ["where", "port"]);
            assert_eq!(wire.events[1].get("port"), Some(&Datum::Uint(2049)));
        }
    }

    #[test]
    fn refusals_loss_and_garbage() {
        let mut wire = Wire::new(reader());
        wire.client(&record_of(&GETPORT)).server(&record_of(&[7, 1, 1, 1, 5]));
        assert_eq!(wire.events[1].variant, "failed");
        wire.lost(true, 100).client(&record_of(&[9, 0, 2, 100_003, 3, 0, 0, 0, 0, 0]));
        assert_eq!(wire.events[2].variant, "null");
        wire.client(&[0x7f; 100]).server(&[0; 100]).server(&[0xff; 500]);
        wire.end(true);
    }
}
