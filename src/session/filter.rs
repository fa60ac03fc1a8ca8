//! `--filter`: which packets and conversations are wanted.
//!
//! Leaves out: the language itself (`notes::expression`).

use std::collections::HashSet;

use crate::capture::Frame;
use crate::decode::Packet;
use crate::flow::{FlowId, FlowRecord, Outcome, Tracker};
use crate::wire::Tree;

/// A filter and what it has chosen so far.
#[derive(Debug, Default)]
pub struct Filter {
    flows: HashSet<FlowId>,
}

impl Filter {
    /// Whether packets must be taken apart to decide.
    pub fn needs_tree(&self) -> bool {
        true
    }

    /// Whether it holds for a packet.
    pub fn holds(
        &mut self,
        frame: &Frame<'_>,
        packet: &Packet<'_>,
        tree: Option<&Tree>,
        outcome: &Outcome,
        tracker: &Tracker,
    ) -> bool {
        let _ = (frame, packet, tree, tracker);
        self.flows.extend(outcome.flow);
        true
    }

    /// Whether it chose a conversation: one of its packets was chosen.
    pub fn chose(&mut self, record: &FlowRecord) -> bool {
        self.flows.remove(&record.id)
    }
}
