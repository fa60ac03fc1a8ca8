//! ONC RPC over TCP: which reply answers which call, and what the portmapper says.
//!
//! RFC 5531 section 9 (the number `xid` "is used by clients to match replies"), 11 (record marking), RFC 1833. Leaves out: records of several
//! fragments, of which the first is read; RPC over UDP, of which fields are shown and nothing is followed.
//!
//! Bounded: `MAX_OPEN` calls that wait for their replies.

use std::collections::VecDeque;

use super::messages::{Extent, MessageReader, Messages};
use super::{Reader, Sink};
use crate::flow::event::{Datum, Event, Kind, Severity};
use crate::protocol::rpc::{self, Called, Message, Part};
use crate::protocol::{Certainty, Unit};
use crate::wire::{Cursor, Off};

/// So many calls may wait for their replies.
const MAX_OPEN: usize = 256;
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

/// A call that waits for its reply.
#[derive(Debug)]
struct Call {
    from_client: bool,
    xid: u32,
    called: Called,
    packet: u64,
    time_ns: i64,
}

#[derive(Debug, Default)]
struct Rpc {
    open: VecDeque<Call>,
    /// The last fragment of each side was not the last of its record.
    within: [bool; 2],
}

fn about(event: Event, called: Called) -> Event {
    let event = event
        .with("program", Datum::Uint(called.program.into()))
        .with("version", Datum::Uint(called.version.into()))
        .with("procedure", Datum::Uint(called.procedure.into()));
    match rpc::program_name(called.program) {
        Some(name) => event.with("name", Datum::Name(name)),
        None => event,
    }
}

fn failed(event: Event, part: &'static str, state: u32) -> Event {
    event
        .variant("failed")
        .severity(Severity::Note)
        .with("part", Datum::Name(part))
        .with("state", Datum::Uint(state.into()))
}

impl Rpc {
    /// Returns what a reply answers.
    fn tell(&mut self, from_client: bool, bytes: &[u8], sink: &mut Sink<'_>) -> Option<Called> {
        let read = |called| rpc::dissect(called, &mut Cursor::new(bytes, MARK, bytes.len(), &mut Off));
        match read(None).ok()? {
            Message::Call { xid, called, asked } => {
                if self.open.len() == MAX_OPEN {
                    self.open.pop_front();
                }
                let (packet, time_ns) = (sink.packet, sink.time_ns);
                self.open.push_back(Call { from_client, xid, called, packet, time_ns });
                let mut event = about(Event::new(Kind::RpcCall, sink.packet, Some(sink.flow)), called);
                if let Some((program, version)) = asked {
                    event = event
                        .variant("where")
                        .with("asked_program", Datum::Uint(program.into()))
                        .with("asked_version", Datum::Uint(version.into()));
                    if let Some(name) = rpc::program_name(program) {
                        event = event.with("asked_name", Datum::Name(name));
                    }
                } else if called.procedure == 0 {
                    event = event.variant("null");
                }
                sink.events.push(event);
                None
            }
            Message::Reply { xid, .. } => {
                let at = self.open.iter().position(|c| c.xid == xid && c.from_client != from_client)?;
                let call = self.open.remove(at)?;
                let Ok(Message::Reply { state, port, .. }) = read(Some(call.called)) else {
                    return Some(call.called);
                };
                let mut event = about(Event::new(Kind::RpcReply, sink.packet, Some(sink.flow)), call.called)
                    .with("request_packet", Datum::Uint(call.packet))
                    .with("after", Datum::Duration(sink.time_ns.saturating_sub(call.time_ns)));
                event = match (state, port) {
                    (Ok(0), Some(0)) => event.variant("nowhere").severity(Severity::Note),
                    (Ok(0), Some(port)) => event.variant("port").with("port", Datum::Uint(port.into())),
                    (Ok(0), None) => event,
                    (Ok(state), _) => failed(event, "accepted", state),
                    (Err(state), _) => failed(event, "rejected", state),
                };
                sink.events.push(event);
                Some(call.called)
            }
        }
    }
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
        let called = self.tell(from_client, bytes, sink);
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
