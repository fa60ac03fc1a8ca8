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

/// What an endpoint sent, as far as it bears on its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// SYN without ACK.
    Syn,
    /// SYN with ACK.
    SynAck,
    /// FIN, sent for the first time.
    Fin,
    /// RST.
    Reset,
}

/// What passed the capture point towards an endpoint, as far as it bears on its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// SYN without ACK.
    Syn,
    /// SYN with the ACK of its own SYN.
    SynAck,
    /// The ACK of its SYN.
    AckOfSyn,
    /// A FIN that follows all data.
    Fin,
    /// The ACK of its FIN.
    AckOfFin,
    /// A RST that it has to accept.
    Reset,
    /// An ICMP error: its SYN was not delivered.
    Unreachable,
}

/// The state after sending; `None`: no change. RFC 9293 figure 5, the arrows marked `snd`.
pub fn after_sending(state: State, sent: Sent) -> Option<State> {
    use Sent::*;
    use State::*;
    Some(match (state, sent) {
        (Closed | Listen | Unknown, Syn) => SynSent, // active OPEN, section 3.10.1
        (Closed | Listen | Unknown, SynAck) => SynReceived, // section 3.10.7.2: a SYN had come
        (SynSent, SynAck) => SynReceived,            // simultaneous open, section 3.5 figure 7
        (SynReceived | Established, Fin) => FinWait1, // CLOSE, section 3.10.4
        (CloseWait, Fin) => LastAck,                 // CLOSE after the peer's FIN, section 3.10.4
        (Closed | Listen | TimeWait, Reset) => return None, // section 3.10.7.1: a RST needs no connection
        (_, Reset) => Closed,                        // ABORT, section 3.10.5
        _ => return None,
    })
}

/// The state after a segment arrives; `None`: no change. RFC 9293 figure 5, the arrows marked `rcv`.
pub fn after_hearing(state: State, heard: Heard) -> Option<State> {
    use Heard::*;
    use State::*;
    Some(match (state, heard) {
        (Listen | Closed, Syn) => SynReceived,              // section 3.10.7.2
        (SynSent, Syn) => SynReceived,                      // simultaneous open, section 3.10.7.3
        (SynSent, SynAck) => Established,                   // section 3.10.7.3
        (SynReceived, SynAck | AckOfSyn) => Established,    // section 3.10.7.4, fifth check
        (Established, Fin) => CloseWait,                    // section 3.10.7.4, eighth check
        (FinWait1, AckOfFin) => FinWait2,                   // section 3.10.7.4
        (FinWait1, Fin) => Closing,                         // both closed at once, section 3.6 figure 13
        (FinWait2, Fin) => TimeWait,                        // section 3.10.7.4
        (Closing, AckOfFin) => TimeWait,                    // section 3.10.7.4
        (LastAck, AckOfFin) => Closed,                      // section 3.10.7.4
        (TimeWait | Closed | Listen, Reset) => return None, // a TIME-WAIT is not ended by it (RFC 1337)
        (_, Reset) => Closed,                               // section 3.10.7.4, second check
        (SynSent, Unreachable) => Closed,                   // section 3.9.2.2, RFC 5461 section 4.1
        _ => return None,
    })
}

/// The state after waiting 2 MSL; `None`: nothing to wait for.
pub fn after_two_msl(state: State) -> Option<State> {
    (state == State::TimeWait).then_some(State::Closed) // section 3.10.8
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [State; 12] = [
        State::Unknown,
        State::Closed,
        State::Listen,
        State::SynSent,
        State::SynReceived,
        State::Established,
        State::FinWait1,
        State::FinWait2,
        State::CloseWait,
        State::Closing,
        State::LastAck,
        State::TimeWait,
    ];

    /// Every arrow of RFC 9293 figure 5 that a segment shows, as `(state, what, state)`.
    #[test]
    fn the_arrows_of_figure_5() {
        use State::*;
        for (from, sent, to) in [
            (Closed, Sent::Syn, SynSent),
            (Listen, Sent::Syn, SynSent),
            (Listen, Sent::SynAck, SynReceived),
            (SynSent, Sent::SynAck, SynReceived),
            (SynReceived, Sent::Fin, FinWait1),
            (Established, Sent::Fin, FinWait1),
            (CloseWait, Sent::Fin, LastAck),
            (Unknown, Sent::Syn, SynSent),
            (Unknown, Sent::SynAck, SynReceived),
            (Established, Sent::Reset, Closed),
        ] {
            assert_eq!(after_sending(from, sent), Some(to), "{from:?} sends {sent:?}");
        }
        for (from, heard, to) in [
            (Listen, Heard::Syn, SynReceived),
            (Closed, Heard::Syn, SynReceived),
            (SynSent, Heard::Syn, SynReceived),
            (SynSent, Heard::SynAck, Established),
            (SynReceived, Heard::AckOfSyn, Established),
            (SynReceived, Heard::SynAck, Established),
            (Established, Heard::Fin, CloseWait),
            (FinWait1, Heard::AckOfFin, FinWait2),
            (FinWait1, Heard::Fin, Closing),
            (FinWait2, Heard::Fin, TimeWait),
            (Closing, Heard::AckOfFin, TimeWait),
            (LastAck, Heard::AckOfFin, Closed),
            (SynReceived, Heard::Reset, Closed),
            (SynSent, Heard::Unreachable, Closed),
        ] {
            assert_eq!(after_hearing(from, heard), Some(to), "{from:?} hears {heard:?}");
        }
        assert_eq!(after_two_msl(TimeWait), Some(Closed));
    }

    #[test]
    fn nothing_leaves_time_wait_but_time() {
        for heard in [Heard::Syn, Heard::SynAck, Heard::AckOfSyn, Heard::Fin, Heard::AckOfFin, Heard::Reset] {
            assert_eq!(after_hearing(State::TimeWait, heard), None);
        }
    }

    #[test]
    fn no_row_leads_to_where_it_began() {
        for state in STATES {
            for sent in [Sent::Syn, Sent::SynAck, Sent::Fin, Sent::Reset] {
                assert_ne!(after_sending(state, sent), Some(state));
            }
        }
    }
}
