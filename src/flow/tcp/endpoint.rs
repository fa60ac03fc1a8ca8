//! One endpoint of a connection as an observer knows it: its state, and what is on its way to it.
//!
//! What an endpoint sent is certain. What it received is assumed: it only passed the capture point. So what an
//! endpoint hears waits in its inbox until its own next segment shows whether it arrived, or the conversation
//! ends. That keeps crossing segments apart from answered ones: where two FINs cross, neither was heard
//! before the other was sent, and RFC 9293 gives CLOSING and not CLOSE-WAIT.

use arrayvec::ArrayVec;

use super::state::{self, Basis, Heard, Sent, State};

/// What the endpoint's own segment tells of the things it may have heard.
#[derive(Debug, Clone, Copy)]
pub struct Evidence {
    /// Number of the segment's packet.
    pub packet: u64,
    /// Its acknowledgement covers the peer's SYN.
    pub acks_syn: bool,
    /// Its acknowledgement covers the peer's FIN.
    pub acks_fin: bool,
    /// SYN without ACK.
    pub syn: bool,
    /// SYN with ACK.
    pub syn_ack: bool,
    /// It carries the endpoint's FIN a second time.
    pub repeats_fin: bool,
    /// It is a RST.
    pub reset: bool,
    /// It shows that the endpoint lives on after a RST: what it does now, no closed one would.
    pub outlives_reset: bool,
}

enum Verdict {
    /// It arrived: the segment shows it.
    Proved,
    /// It arrived, as far as anyone can tell.
    Plausible,
    /// It had not arrived when the segment was sent; it may be under way.
    NotYet,
    /// It never counted: the segment shows that it was lost, or refused.
    Never,
}

/// A change of state as the endpoint went through it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// The packet that caused it, or proved it.
    pub packet: u64,
    /// Before.
    pub from: State,
    /// After; equal to `from` where an assumption was proved.
    pub to: State,
    /// How it is known.
    pub basis: Basis,
}

/// How many changes one segment can settle.
pub type Changes = ArrayVec<Change, 16>;

/// State of one endpoint.
#[derive(Debug, Clone)]
pub struct Machine {
    /// The state as far as settled.
    pub state: State,
    /// The packet of the last change.
    changed: u64,
    /// A RST in the endpoint's name. Whether it was the endpoint's own shows by what follows: a sender that goes on
    /// talking has not reset anything (RFC 5961 section 1: anyone can write a RST).
    reset: Option<u64>,
    inbox: ArrayVec<(u64, Heard), 6>,
}

impl Machine {
    /// An endpoint in a state.
    pub fn new(state: State) -> Machine {
        Machine { state, changed: 0, reset: None, inbox: ArrayVec::new() }
    }

    /// The state if all that is on its way arrives.
    pub fn presumed(&self) -> State {
        if self.reset.is_some() {
            return State::Closed;
        }
        self.inbox.iter().fold(self.state, |s, (_, heard)| state::after_hearing(s, *heard).unwrap_or(s))
    }

    /// Whether the handshake is still under way.
    pub fn state_is_opening(&self) -> bool {
        matches!(self.state, State::Listen | State::SynSent | State::SynReceived)
    }

    /// Something passed the capture point towards the endpoint.
    pub fn hear(&mut self, packet: u64, heard: Heard) {
        if self.inbox.iter().any(|(_, h)| *h == heard) {
            return; // sent again: the first to arrive decides, and the first is assumed
        }
        let _ = self.inbox.try_push((packet, heard));
    }

    /// The endpoint sent a segment: what it had heard by then is settled.
    pub fn settle(&mut self, evidence: &Evidence, out: &mut Changes) {
        if !evidence.reset {
            self.reset = None;
        }
        let mut kept = ArrayVec::new();
        let waiting = std::mem::take(&mut self.inbox);
        let mut blocked = false;
        for (packet, heard) in waiting {
            match if blocked { Verdict::NotYet } else { verdict(heard, self.state, evidence) } {
                Verdict::Proved => self.arrive(packet, heard, Some(evidence.packet), out),
                Verdict::Plausible => self.arrive(packet, heard, None, out),
                Verdict::NotYet => {
                    blocked = true;
                    kept.push((packet, heard));
                }
                Verdict::Never => {}
            }
        }
        self.inbox = kept;
    }

    /// The conversation ends: what is on its way is taken to have arrived. A SYN that nobody answered is not:
    /// whether anyone listens there, no packet tells.
    pub fn flush(&mut self, out: &mut Changes) {
        let reset = self.reset.take();
        for (packet, heard) in std::mem::take(&mut self.inbox) {
            if heard != Heard::Syn && reset.is_none_or(|reset| packet < reset) {
                self.arrive(packet, heard, None, out);
            }
        }
        if let (Some(packet), Some(to)) = (reset, state::after_sending(self.state, Sent::Reset)) {
            self.change(packet, to, Basis::Sent, out);
        }
    }

    /// The endpoint sent something that bears on its state. A RST waits for the end: see `reset`.
    pub fn send(&mut self, packet: u64, sent: Sent, out: &mut Changes) {
        if sent == Sent::Reset {
            if state::after_sending(self.state, sent).is_some() {
                self.reset.get_or_insert(packet);
            }
        } else if let Some(to) = state::after_sending(self.state, sent) {
            self.change(packet, to, Basis::Sent, out);
        }
    }

    /// A segment shows that the endpoint is in a state, whatever was captured before.
    pub fn show(&mut self, packet: u64, to: State, basis: Basis, out: &mut Changes) {
        if self.state != to {
            self.change(packet, to, basis, out);
        }
    }

    /// 2 MSL of capture time have passed.
    pub fn two_msl(&mut self, packet: u64, out: &mut Changes) {
        if let Some(to) = state::after_two_msl(self.state) {
            self.change(packet, to, Basis::Timer, out);
        }
    }

    fn arrive(&mut self, packet: u64, heard: Heard, proof: Option<u64>, out: &mut Changes) {
        if let Some(to) = state::after_hearing(self.state, heard) {
            if packet < self.changed {
                // It crossed what the endpoint sent itself, and arrived after: when, only what follows tells.
                match proof {
                    Some(proof) => self.change(proof, to, Basis::Confirmed, out),
                    None => self.change(self.changed, to, Basis::Received, out),
                }
                return;
            }
            self.change(packet, to, Basis::Received, out);
            if let Some(proof) = proof {
                let _ = out.try_push(Change { packet: proof, from: to, to, basis: Basis::Confirmed });
            }
        }
    }

    fn change(&mut self, packet: u64, to: State, basis: Basis, out: &mut Changes) {
        let _ = out.try_push(Change { packet, from: self.state, to, basis });
        self.state = to;
        self.changed = packet;
    }
}

fn verdict(heard: Heard, state: State, e: &Evidence) -> Verdict {
    match heard {
        Heard::Syn if e.acks_syn && !e.reset => Verdict::Proved,
        Heard::Syn if e.reset => Verdict::Never, // refused: no connection came of it
        Heard::Syn => Verdict::NotYet,           // its own SYN crossed this one
        // A SYN+ACK acknowledges the peer's SYN, which may have come without an ACK: it proves no answer to it.
        Heard::SynAck | Heard::AckOfSyn if e.syn_ack && state == State::SynReceived => Verdict::NotYet,
        Heard::SynAck if e.acks_syn => Verdict::Proved,
        Heard::SynAck if e.syn || e.reset => Verdict::Never, // asked again, or wants nothing of it
        Heard::SynAck => Verdict::NotYet,
        Heard::AckOfSyn => Verdict::Plausible,
        Heard::Fin if e.acks_fin => Verdict::Proved,
        // It had closed before; who resets in answer has nothing left to wait in TIME-WAIT with.
        Heard::Fin if e.reset && matches!(state, State::FinWait1 | State::FinWait2) => Verdict::Never,
        Heard::Fin if e.reset => Verdict::Plausible,
        Heard::Fin => Verdict::NotYet,
        Heard::AckOfFin if e.repeats_fin => Verdict::Never, // it repeats its FIN: the ACK was lost
        Heard::AckOfFin => Verdict::Plausible,
        Heard::Unreachable if e.syn => Verdict::Never, // it asks again: it did not give up
        Heard::Unreachable => Verdict::Plausible,
        Heard::Reset if e.outlives_reset => Verdict::Never,
        Heard::Reset if e.reset => Verdict::Plausible,
        Heard::Reset => Verdict::NotYet, // may have been under way when the RST came
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Evidence = Evidence {
        packet: 9,
        acks_syn: true,
        acks_fin: false,
        syn: false,
        syn_ack: false,
        repeats_fin: false,
        reset: false,
        outlives_reset: false,
    };

    fn states(changes: &Changes) -> Vec<State> {
        changes.iter().filter(|c| c.from != c.to).map(|c| c.to).collect()
    }

    #[test]
    fn crossing_fins_give_closing() {
        let mut out = Changes::new();
        let mut m = Machine::new(State::Established);
        m.hear(5, Heard::Fin);
        // Its own FIN does not acknowledge the peer's: it had not arrived.
        m.settle(&Evidence { packet: 6, ..PLAIN }, &mut out);
        m.send(6, Sent::Fin, &mut out);
        // Later it acknowledges the peer's FIN.
        m.settle(&Evidence { packet: 7, acks_fin: true, ..PLAIN }, &mut out);
        m.hear(8, Heard::AckOfFin);
        m.flush(&mut out);
        assert_eq!(states(&out), [State::FinWait1, State::Closing, State::TimeWait]);
    }

    #[test]
    fn a_repeated_fin_shows_that_the_ack_was_lost() {
        let mut out = Changes::new();
        let mut m = Machine::new(State::LastAck);
        m.hear(5, Heard::AckOfFin);
        m.settle(&Evidence { packet: 6, repeats_fin: true, ..PLAIN }, &mut out);
        assert!(out.is_empty());
        m.hear(7, Heard::AckOfFin);
        m.flush(&mut out);
        assert_eq!(out[0].packet, 7);
        assert_eq!(m.state, State::Closed);
    }

    /// A forged RST: its alleged sender goes on, and so does the receiver.
    #[test]
    fn who_goes_on_talking_was_not_reset() {
        let mut out = Changes::new();
        let (mut alleged, mut target) = (Machine::new(State::Established), Machine::new(State::Established));
        alleged.send(5, Sent::Reset, &mut out);
        target.hear(5, Heard::Reset);
        assert_eq!((alleged.presumed(), target.presumed()), (State::Closed, State::Closed));
        alleged.settle(&Evidence { packet: 6, ..PLAIN }, &mut out);
        target.settle(&Evidence { packet: 7, outlives_reset: true, ..PLAIN }, &mut out);
        alleged.flush(&mut out);
        target.flush(&mut out);
        assert!(out.is_empty());
        assert_eq!((alleged.state, target.state), (State::Established, State::Established));
    }

    #[test]
    fn who_falls_silent_after_its_rst_is_closed() {
        let mut out = Changes::new();
        let mut m = Machine::new(State::Established);
        m.send(5, Sent::Reset, &mut out);
        m.flush(&mut out);
        assert_eq!((out[0].packet, out[0].to, out[0].basis), (5, State::Closed, Basis::Sent));
    }

    #[test]
    fn an_unanswered_syn_says_nothing_of_the_server() {
        let mut out = Changes::new();
        let mut m = Machine::new(State::Listen);
        m.hear(1, Heard::Syn);
        m.flush(&mut out);
        assert!(out.is_empty());
    }

    #[test]
    fn the_proof_is_told_with_its_packet() {
        let mut out = Changes::new();
        let mut m = Machine::new(State::Listen);
        m.hear(1, Heard::Syn);
        m.settle(&Evidence { packet: 2, syn_ack: true, ..PLAIN }, &mut out);
        assert_eq!((out[0].packet, out[0].basis), (1, Basis::Received));
        assert_eq!((out[1].packet, out[1].basis), (2, Basis::Confirmed));
    }
}
