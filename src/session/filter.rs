//! `--filter`: which packets and conversations are wanted.
//!
//! A packet answers with its fields, with the events it causes under their kinds' names (`tcp.analysis.retransmission`,
//! as in Wireshark) and as `event.kind` and `event.severity`, and with `flow.*` of its conversation so far. A
//! conversation is wanted where one of its packets is; a filter that asks for `flow.*` alone is put to
//! conversations when they end.
//!
//! Leaves out: the language itself (`notes::expression`).

use std::collections::HashSet;
use std::net::IpAddr;

use crate::capture::Frame;
use crate::flow::{Endpoint, Event, FlowId, FlowRecord, Outcome, Tracker};
use crate::notes::expression::{Chain, Error, Expression, Facts, Operand, TreeFacts};
use crate::wire::Tree;

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
        let events = EventFacts(&outcome.events);
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

/// What a packet's events say.
struct EventFacts<'a>(&'a [Event]);

impl Facts for EventFacts<'_> {
    fn values(&self, name: &str, each: &mut dyn FnMut(Operand<'_>)) {
        for event in self.0 {
            match name {
                "event.kind" => each(Operand::Text(event.kind.name())),
                "event.severity" => each(Operand::Text(event.severity.name())),
                _ if event.kind.name() == name => each(Operand::Bool(true)),
                _ => {}
            }
        }
    }
}

/// A conversation, as far as it has come or summed up.
struct FlowFacts<'a>(Option<&'a FlowRecord>);

impl Facts for FlowFacts<'_> {
    fn values(&self, name: &str, each: &mut dyn FnMut(Operand<'_>)) {
        let (Some(flow), Some(name)) = (self.0, name.strip_prefix("flow.")) else { return };
        for end in [Endpoint::Client, Endpoint::Server] {
            if let Some(of) = name.strip_prefix(end.name()).and_then(|n| n.strip_prefix('.')) {
                return party(flow, end, of, each);
            }
        }
        let mut int = |n: u64| each(Operand::Int(n.into()));
        match name {
            "id" => return int(flow.id),
            "stream" => return int(flow.stream),
            "first" => return int(flow.first),
            "last" => return int(flow.last),
            "packets" => return int(flow.packets.iter().sum()),
            "bytes" => return int(flow.bytes.iter().sum()),
            _ => {}
        }
        match name {
            "protocol" => return each(Operand::Text(flow.protocol.name())),
            "duration" => return each(Operand::Time(i128::from(flow.end_ns) - i128::from(flow.start_ns))),
            "application" => return flow.application.into_iter().for_each(|a| each(Operand::Text(a))),
            _ => {}
        }
        let Some(tcp) = &flow.tcp else { return };
        match name {
            "opening" => each(Operand::Text(tcp.opening)),
            "closing" => each(Operand::Text(tcp.closing)),
            "initiator_of_close" => tcp.initiator_of_close.into_iter().for_each(|i| each(Operand::Text(i))),
            "completeness" => each(Operand::Int(tcp.completeness.into())),
            "payload" => each(Operand::Int(tcp.payload.iter().map(|n| i128::from(*n)).sum())),
            "retransmitted" => each(Operand::Int(tcp.retransmitted.iter().map(|n| i128::from(*n)).sum())),
            "troubles" => each(Operand::Int(tcp.troubles.into())),
            "rtt.handshake" => tcp.rtt_handshake.into_iter().for_each(|t| each(Operand::Time(t.into()))),
            "rtt.min" | "rtt.median" | "rtt.max" => {
                let at = ["rtt.min", "rtt.median", "rtt.max"].iter().position(|n| *n == name);
                if let (Some(rtt), Some(at)) = (tcp.rtt, at) {
                    each(Operand::Time(rtt[at].into()));
                }
            }
            _ => {}
        }
    }
}

fn party(flow: &FlowRecord, end: Endpoint, name: &str, each: &mut dyn FnMut(Operand<'_>)) {
    let party = if end == Endpoint::Client { &flow.client } else { &flow.server };
    let at = end.index();
    match name {
        "addr" => match party.addr {
            Some(IpAddr::V4(ip)) => each(Operand::V4(ip.octets())),
            Some(IpAddr::V6(ip)) => each(Operand::V6(ip.octets())),
            None => {}
        },
        "port" => party.port.into_iter().for_each(|port| each(Operand::Int(port.into()))),
        "mac" => party.mac.into_iter().for_each(|mac| each(Operand::Mac(mac))),
        "packets" => each(Operand::Int(flow.packets[at].into())),
        "bytes" => each(Operand::Int(flow.bytes[at].into())),
        _ => {}
    }
    let Some(tcp) = &flow.tcp else { return };
    match name {
        "isn" => tcp.isn[at].into_iter().for_each(|isn| each(Operand::Int(isn.into()))),
        "mss" => tcp.mss[at].into_iter().for_each(|mss| each(Operand::Int(mss.into()))),
        "window_scale" => tcp.window_scale[at].into_iter().for_each(|w| each(Operand::Int(w.into()))),
        "state" => each(Operand::Text(tcp.states[at].name())),
        "payload" => each(Operand::Int(tcp.payload[at].into())),
        "retransmitted" => each(Operand::Int(tcp.retransmitted[at].into())),
        _ => {}
    }
}
