//! The states of a TCP endpoint, as a table beside RFC 9293 figure 5.
//!
//! An observer's machine: it is told what an endpoint sent and what passed the capture point towards it,
//! and answers with the state the endpoint is in then. Nothing is refused; what has no row changes nothing.
//!
//! RFC 9293 sections 3.3.2 (states), 3.5 (establishing), 3.6 (closing), 3.10.7 (segment arrives).
//! Leaves out: LISTEN by a user's call and every other transition that no segment shows.

use crate::flow::event::FlowId;
use crate::flow::record::Endpoint;

/// RFC 9293 section 3.3.2, and `Unknown` for an endpoint of which nothing is known yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// The capture began after the connection did.
    Unknown,
    /// No connection.
    Closed,
    /// Waits for a SYN.
    Listen,
    /// Has sent a SYN.
    SynSent,
    /// Has received a SYN and sent its own.
    SynReceived,
    /// Both directions open.
    Established,
    /// Has sent a FIN.
    FinWait1,
    /// Its FIN is acknowledged; the peer's direction is open.
    FinWait2,
    /// Has received a FIN; its own direction is open.
    CloseWait,
    /// Both have sent a FIN before seeing the other's; waits for the ACK of its own.
    Closing,
    /// Has received a FIN and sent its own; waits for the ACK of it.
    LastAck,
    /// All is done; waits 2 MSL in case its last ACK was lost.
    TimeWait,
}

impl State {
    /// RFC 9293's spelling.
    pub fn name(self) -> &'static str {
        match self {
            State::Unknown => "UNKNOWN",
            State::Closed => "CLOSED",
            State::Listen => "LISTEN",
            State::SynSent => "SYN-SENT",
            State::SynReceived => "SYN-RECEIVED",
            State::Established => "ESTABLISHED",
            State::FinWait1 => "FIN-WAIT-1",
            State::FinWait2 => "FIN-WAIT-2",
            State::CloseWait => "CLOSE-WAIT",
            State::Closing => "CLOSING",
            State::LastAck => "LAST-ACK",
            State::TimeWait => "TIME-WAIT",
        }
    }
}

/// How it is known that an endpoint is in a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Basis {
    /// The endpoint's own segment shows it.
    Sent,
    /// The segment that causes it passed the capture point towards the endpoint: assumed to have arrived.
    Received,
    /// A later segment proved it.
    Confirmed,
    /// Capture time ran out.
    Timer,
}

impl Basis {
    /// The name in the JSON contract.
    pub fn name(self) -> &'static str {
        match self {
            Basis::Sent => "sent",
            Basis::Received => "received",
            Basis::Confirmed => "confirmed",
            Basis::Timer => "timer",
        }
    }
}

/// An endpoint changed its state, or (`from == to`) an assumed state was proved by a later segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateChange {
    /// Conversation.
    pub flow: FlowId,
    /// The packet that causes it; where it was proved, the packet that proves it.
    pub packet: u64,
    /// Whose state.
    pub endpoint: Endpoint,
    /// Before.
    pub from: State,
    /// After.
    pub to: State,
    /// How it is known.
    pub basis: Basis,
}
