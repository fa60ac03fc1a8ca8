//! `--filter`: which packets and conversations are wanted.
//!
//! A packet answers with its fields, with the events it causes under their kinds' names (`tcp.analysis.retransmission`,
//! as in Wireshark) and as `event.kind` and `event.severity`, and with `flow.*` of its conversation so far. A
//! conversation is wanted where one of its packets is; a filter that asks for `flow.*` alone is put to
//! conversations when they end.
//!
//! Leaves out: the language itself (`notes::expression`).

use std::collections::HashSet;

use crate::capture::Frame;
use crate::flow::{self, FlowId, FlowRecord, Outcome, Tracker};
use crate::notes::expression::bpf::{Keep, Link, Program};
use crate::notes::expression::{Chain, Error, Expression, Kind, TreeFacts, Vocabulary};
use crate::notes::facts::{FlowFacts, Happened};
use crate::notes::vocabulary;
use crate::wire::Tree;
use crate::words;

/// A filter, and the conversations it has chosen so far.
#[derive(Debug)]
pub struct Filter {
    expression: Expression,
    needs_tree: bool,
    needs_flow: bool,
    flow_alone: bool,
    flows: HashSet<FlowId>,
}

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    /// Where and why it cannot be read.
    pub fn parse(source: &str) -> Result<Filter, Error> {
        let expression = Expression::parse(source)?;
        expression.check(&Vocabulary { kind_of: &kind_of, names: vocabulary::filters().names })?;
        let about = |prefix: &str| expression.names().filter(|name| name.starts_with(prefix)).count();
        let (all, flow) = (expression.names().count(), about("flow."));
        let needs_tree = all > flow + about("event.") + about("frame.");
        Ok(Filter {
            needs_tree,
            needs_flow: flow > 0,
            flow_alone: flow == all,
            flows: HashSet::new(),
            expression,
        })
    }

    /// Whether packets must be taken apart to decide.
    pub fn needs_tree(&self) -> bool {
        self.needs_tree
    }

    /// A program that leaves out conversations of which it can choose no packet, before they are captured. None where it cannot tell any of
    /// them by its headers.
    pub fn program(&self, link: Link) -> Option<Program> {
        self.expression.compile(link, Keep::Conversations)
    }

    /// Whether it holds for the packet at hand.
    pub fn holds(
        &mut self,
        frame: &Frame<'_>,
        tree: Option<&Tree>,
        outcome: &Outcome,
        tracker: &mut Tracker,
    ) -> bool {
        let record = if self.needs_flow {
            outcome.flow.and_then(|id| {
                tracker.snapshot(id).or_else(|| outcome.ended.iter().find(|r| r.id == id).cloned())
            })
        } else {
            None
        };
        let empty = Tree::default();
        let fields = TreeFacts { tree: tree.unwrap_or(&empty), frame };
        let events = Happened(&outcome.events);
        let flow = FlowFacts(record.as_ref());
        let holds = self.expression.holds(&Chain(&[&fields, &events, &flow]));
        if holds && !self.flow_alone {
            self.flows.extend(outcome.flow);
        }
        holds
    }

    /// Whether it chose a conversation that has ended; asked once.
    pub fn chose(&mut self, record: &FlowRecord) -> bool {
        if self.flow_alone {
            self.expression.holds(&FlowFacts(Some(record)))
        } else {
            self.flows.remove(&record.id)
        }
    }
}

/// The kind of a name's values: of a field, of `flow.*`, or of an event that a packet may cause. A field that is
/// explained somewhere is known, though no bundled capture has it.
fn kind_of(name: &str) -> Option<Kind> {
    let is_event = matches!(name, "event.kind" | "event.severity") || flow::Kind::from_name(name).is_some();
    (vocabulary::filters().kind_of)(name)
        .or_else(|| (is_event || words::field(name).is_some()).then_some(Kind::Any))
}
