//! ONC RPC's calls: which reply answers which call, over TCP and over UDP, and what the portmapper says.
//!
//! RFC 5531 section 9 (the number `xid` "is used by clients to match replies"), RFC 1833. A reply does not say what it answers: only who saw
//! the call can tell. Leaves out: what other programs than the portmapper are asked.
//!
//! Bounded: `MAX_OPEN` calls that wait for their replies.

use std::collections::VecDeque;

use super::event::{Datum, Event, FlowId, Kind, Severity};
use crate::protocol::rpc::{self, Called, Message};
use crate::wire::{Cursor, Off};

/// So many calls may wait for their replies.
const MAX_OPEN: usize = 256;

/// Who speaks to whom: the two sides of a connection, or two addresses.
#[derive(Debug, Clone, Copy)]
pub struct Ends<W> {
    /// Who says it.
    pub from: W,
    /// To whom.
    pub to: W,
}

/// When and where a message was seen.
#[derive(Debug, Clone, Copy)]
pub struct Stamp {
    /// The packet that brings, or completes, it.
    pub packet: u64,
    /// Its time.
    pub time_ns: i64,
    /// The conversation.
    pub flow: FlowId,
}

/// A call that waits for its reply.
#[derive(Debug)]
struct Call<W> {
    ends: Ends<W>,
    xid: u32,
    called: Called,
    at: Stamp,
}

/// Calls that wait for their replies.
#[derive(Debug)]
pub struct Calls<W> {
    open: VecDeque<Call<W>>,
}

impl<W> Default for Calls<W> {
    fn default() -> Self {
        Calls { open: VecDeque::new() }
    }
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

impl<W: PartialEq + Copy> Calls<W> {
    /// Tells a message; returns what a reply answers.
    pub fn tell(
        &mut self,
        ends: Ends<W>,
        bytes: &[u8],
        at: Stamp,
        events: &mut Vec<Event>,
    ) -> Option<Called> {
        let read = |called| rpc::dissect(called, &mut Cursor::new(bytes, 0, bytes.len(), &mut Off));
        match read(None).ok()? {
            Message::Call { xid, called, asked } => {
                if self.open.len() == MAX_OPEN {
                    self.open.pop_front();
                }
                self.open.push_back(Call { ends, xid, called, at });
                let mut event = about(Event::new(Kind::RpcCall, at.packet, Some(at.flow)), called);
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
                events.push(event);
                None
            }
            Message::Reply { xid, .. } => {
                let answers = |c: &Call<W>| c.xid == xid && c.ends.from == ends.to && c.ends.to == ends.from;
                let index = self.open.iter().position(answers)?;
                let call = self.open.remove(index)?;
                let Ok(Message::Reply { state, port, .. }) = read(Some(call.called)) else {
                    return Some(call.called);
                };
                let mut event = about(Event::new(Kind::RpcReply, at.packet, Some(at.flow)), call.called)
                    .with("request_packet", Datum::Uint(call.at.packet))
                    .with("after", Datum::Duration(at.time_ns.saturating_sub(call.at.time_ns)));
                event = match (state, port) {
                    (Ok(0), Some(0)) => event.variant("nowhere").severity(Severity::Note),
                    (Ok(0), Some(port)) => event.variant("port").with("port", Datum::Uint(port.into())),
                    (Ok(0), None) => event,
                    (Ok(state), _) => failed(event, "accepted", state),
                    (Err(state), _) => failed(event, "rejected", state),
                };
                events.push(event);
                Some(call.called)
            }
        }
    }
}
