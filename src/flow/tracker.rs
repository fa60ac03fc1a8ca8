//! The entrance: one packet after another in, an [`Outcome`] out.

use super::event::{Event, FlowId};
use super::record::FlowRecord;
use super::tcp::state::StateChange;
use crate::capture::Frame;
use crate::decode::{Context, Packet};

/// What one packet brought. Reused: [`Outcome::clear`] keeps the memory.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The conversation the packet belongs to.
    pub flow: Option<FlowId>,
    /// What the tree lane should know of the packet.
    pub context: Context,
    /// What happened.
    pub events: Vec<Event>,
    /// Who changed state. An assumed change is told when the receiver's next segment does not contradict it, so
    /// its `packet` may be an earlier one.
    pub states: Vec<StateChange>,
    /// Conversations that ended and were let go.
    pub ended: Vec<FlowRecord>,
}

impl Outcome {
    /// Forgets the packet, keeps the memory.
    pub fn clear(&mut self) {
        self.flow = None;
        self.context.clear();
        self.events.clear();
        self.states.clear();
        self.ended.clear();
    }
}

/// Follows all conversations of a capture.
#[derive(Debug, Default)]
pub struct Tracker {}

impl Tracker {
    /// Takes in the next packet. `outcome` is cleared first.
    pub fn process(&mut self, frame: &Frame<'_>, packet: &Packet<'_>, outcome: &mut Outcome) {
        let _ = (frame, packet);
        outcome.clear();
    }

    /// The capture is over: what was waited for did not come, what is still open is summed up.
    pub fn finish(&mut self, outcome: &mut Outcome) {
        outcome.clear();
    }

    /// A conversation as far as it has come; `None` once it was let go.
    pub fn snapshot(&self, flow: FlowId) -> Option<FlowRecord> {
        let _ = flow;
        None
    }
}
