//! Claims put to packets: which are shown, which contradicted, where.
//!
//! The ledger's checks are kept by what they are `on`, so an event costs its own checks and nothing else. Names are
//! looked up in what is cheapest first: the event, what earlier packets say (`surroundings`), the conversation, the
//! headers as the fast lane reads them, and the tree, which is asked for only by the checks that need it.
//!
//! A packet that shows a claim and another that contradicts it are both told: in the status `contradicted` wins,
//! the counts of both are kept. What people are told is an [`Answer`], which tells an exception that the rule allows from a
//! claim that is wrong.
//!
//! Leaves out: sentences (the ledger's, filled by whoever shows them) and order of showing.

use std::sync::OnceLock;

use crate::capture::Frame;
use crate::decode::Packet;
use crate::flow::{Basis, Datum, FlowRecord, Kind, Outcome, StateChange};
use crate::protocol::Protocol;
use crate::wire::Tree;

use super::expression::{Chain, Expression, Facts, Operand, TreeFacts};
use super::facts::{EventFacts, FlowFacts, HeaderFacts, StateFacts, operand};
use super::ledger::{self, Check, Claim, Right};
use super::surroundings::Surroundings;

/// How many packets a result names.
pub const MAX_PACKETS: usize = 10;
/// For how many findings of a claim and status the values of its sentence are kept.
const MAX_VALUES: u64 = 64;

/// What a check is put to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum On {
    /// An event of this kind.
    Event(Kind),
    /// Every packet. Its `when` asks headers only, and holds for few.
    Packet,
    /// A change of state.
    State,
    /// A conversation, at its end.
    Flow,
    /// The first frame of a conversation from each station.
    Hop,
    /// The first data that an end sends after it has acknowledged the other's FIN.
    HalfClose,
}

impl On {
    const OTHERS: [(On, &'static str); 5] = [
        (On::Packet, "packet"),
        (On::State, "state"),
        (On::Flow, "flow"),
        (On::Hop, "hop"),
        (On::HalfClose, "half-close"),
    ];

    /// As the ledger writes it.
    pub fn from_name(name: &str) -> Option<On> {
        Kind::from_name(name)
            .map(On::Event)
            .or_else(|| On::OTHERS.iter().find(|(_, n)| *n == name).map(|(on, _)| *on))
    }

    /// As the ledger writes it.
    pub fn name(self) -> &'static str {
        match self {
            On::Event(kind) => kind.name(),
            on => On::OTHERS.iter().find(|(o, _)| *o == on).map_or("", |(_, name)| name),
        }
    }

    fn index(self) -> usize {
        let kinds = Kind::ALL.len();
        match self {
            On::Event(kind) => kind as usize,
            On::Packet => kinds,
            On::State => kinds + 1,
            On::Flow => kinds + 2,
            On::Hop => kinds + 3,
            On::HalfClose => kinds + 4,
        }
    }
}

/// What packets say of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// It was borne out, and nothing spoke against it.
    Shown,
    /// It was refuted.
    Contradicted,
    /// Nothing was seen that bears on it.
    NotObserved,
}

impl Status {
    /// The name in the JSON contract.
    pub fn name(self) -> &'static str {
        match self {
            Status::Shown => "shown",
            Status::Contradicted => "contradicted",
            Status::NotObserved => "not-observed",
        }
    }
}

/// What packets say of a claim, as people are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answer {
    /// It was borne out, and nothing spoke against it.
    Shown,
    /// It was borne out; besides there was a case that it leaves out and the standard allows.
    Excepted,
    /// Only such a case was seen.
    Exception,
    /// It was refuted, or what was captured is out of order.
    Contradicted,
    /// Nothing was seen that bears on it.
    NotObserved,
}

impl Answer {
    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Answer::Shown => "shown",
            Answer::Excepted => "shown-with-exceptions",
            Answer::Exception => "exception",
            Answer::Contradicted => "contradicted",
            Answer::NotObserved => "not-observed",
        }
    }
}

/// What the checks need for the packet at hand, beyond its headers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wants {
    /// Its tree.
    pub tree: bool,
    /// Its conversation summed up.
    pub flow: bool,
}

impl Wants {
    fn or(self, other: Wants) -> Wants {
        Wants { tree: self.tree || other.tree, flow: self.flow || other.flow }
    }
}

/// A packet and all that is known of it.
#[derive(Clone, Copy)]
pub struct Moment<'a> {
    /// The frame.
    pub frame: &'a Frame<'a>,
    /// Its headers.
    pub packet: &'a Packet<'a>,
    /// What it brought.
    pub outcome: &'a Outcome,
    /// Its fields, where [`Checker::wants`] asked for them.
    pub tree: Option<&'a Tree>,
    /// Its conversation so far, likewise.
    pub flow: Option<&'a FlowRecord>,
}

/// One packet bears on one claim.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The claim.
    pub claim: &'static Claim,
    /// The check that found it.
    pub check: &'static Check,
    /// Shown or contradicted.
    pub status: Status,
    /// The packet.
    pub packet: u64,
    /// Index in the outcome's events, where it is about one.
    pub event: Option<usize>,
    /// What the check's sentence is filled with, by placeholder; empty after the first findings of a claim.
    pub values: Vec<(&'static str, Datum)>,
}

/// The first packet of a check and status, with what its sentence is filled with.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// The check that found it.
    pub check: &'static Check,
    /// Shown or contradicted.
    pub status: Status,
    /// The packet.
    pub packet: u64,
    /// By placeholder.
    pub values: Vec<(&'static str, Datum)>,
}

/// What all packets together say of a claim.
#[derive(Debug, Clone)]
pub struct ClaimResult {
    /// The claim.
    pub claim: &'static Claim,
    /// The answer.
    pub status: Status,
    /// How often it was shown.
    pub shown_count: u64,
    /// How often it was contradicted.
    pub contradicted_count: u64,
    /// The first packets that show it.
    pub shown_packets: Vec<u64>,
    /// The first that contradict it.
    pub contradicted_packets: Vec<u64>,
    /// The first of each check and status.
    pub evidence: Vec<Evidence>,
}

impl ClaimResult {
    /// The status, with exceptions told from contradictions.
    pub fn answer(&self) -> Answer {
        let refuted =
            self.evidence.iter().any(|e| e.status == Status::Contradicted && e.check.right != Right::Both);
        match (self.status, self.shown_count) {
            (Status::Shown, _) => Answer::Shown,
            (Status::NotObserved, _) => Answer::NotObserved,
            (Status::Contradicted, _) if refuted => Answer::Contradicted,
            (Status::Contradicted, 1..) => Answer::Excepted,
            (Status::Contradicted, 0) => Answer::Exception,
        }
    }

    /// What is told first: a refutation before an exception, either before what bears it out.
    pub fn first(&self) -> Option<&Evidence> {
        let exception = |e: &&Evidence| e.check.right == Right::Both;
        let found = || self.evidence.iter().filter(|e| e.status == self.status);
        found().find(|e| !exception(e)).or_else(|| found().next())
    }

    /// The packets that its status rests on, for the JSON contract.
    pub fn packets(&self) -> &[u64] {
        if self.status == Status::Contradicted { &self.contradicted_packets } else { &self.shown_packets }
    }

    /// How often what its status says was found.
    pub fn count(&self) -> u64 {
        if self.status == Status::Contradicted { self.contradicted_count } else { self.shown_count }
    }
}

/// Where a check is found, and what it needs.
#[derive(Debug, Clone, Copy)]
struct Entry {
    claim: usize,
    check: usize,
    wants: Wants,
    /// Bits of the protocols of which a packet must have one for `when` to hold.
    protocols: u64,
}

/// The ledger by what checks are on.
struct Plan {
    entries: Vec<Vec<Entry>>,
    wants: Vec<Wants>,
}

fn plan() -> &'static Plan {
    static CELL: OnceLock<Plan> = OnceLock::new();
    CELL.get_or_init(|| {
        let mut entries = vec![Vec::new(); Kind::ALL.len() + On::OTHERS.len()];
        for (c, claim) in ledger::all().iter().enumerate() {
            for (k, check) in claim.checks.iter().enumerate() {
                let (wants, protocols) = (wants_of(check), protocols_of(check));
                entries[check.on.index()].push(Entry { claim: c, check: k, wants, protocols });
            }
        }
        let all = |entries: &Vec<Entry>| entries.iter().fold(Wants::default(), |w, e| w.or(e.wants));
        let wants = entries.iter().map(all).collect();
        Plan { entries, wants }
    })
}

/// No facts at all.
struct Nothing;

impl Facts for Nothing {
    fn values(&self, _: &str, _: &mut dyn FnMut(Operand<'_>)) {}
}

/// The protocols whose fields a check's `when` is about: without any of them it cannot hold, unless it holds of nothing.
fn protocols_of(check: &Check) -> u64 {
    let Some(when) = check.when.as_ref().filter(|when| !when.holds(&Nothing)) else { return u64::MAX };
    let named = |name: &str| {
        let protocol = name.split_once('.').map_or(name, |(protocol, _)| protocol);
        Protocol::ALL.iter().filter(|p| p.field().name == protocol).fold(0, |bits, p| bits | bit(*p))
    };
    when.names().fold(0, |bits, name| bits | named(name))
}

fn bit(protocol: Protocol) -> u64 {
    1 << (protocol as u64 % 64)
}

fn wants_of(check: &Check) -> Wants {
    let placeholders = check.placeholders.iter().map(|(_, fact)| fact.as_str());
    check.names().chain(placeholders).fold(Wants::default(), |wants, name| Wants {
        tree: wants.tree || super::vocabulary::is_of_tree(name) && !HeaderFacts::knows(name),
        flow: wants.flow || name.starts_with("flow."),
    })
}

#[derive(Debug, Clone, Default)]
struct Total {
    shown: u64,
    contradicted: u64,
    shown_packets: Vec<u64>,
    contradicted_packets: Vec<u64>,
    evidence: Vec<Evidence>,
    /// Which checks have shown it.
    fired: u64,
}

/// Puts the ledger's claims to packets.
#[derive(Debug)]
pub struct Checker {
    totals: Vec<Total>,
    surroundings: Surroundings,
    /// Bits of the protocols that the packet at hand has.
    layers: u64,
}

impl Default for Checker {
    fn default() -> Checker {
        Checker {
            totals: vec![Total::default(); ledger::all().len()],
            surroundings: Surroundings::default(),
            layers: 0,
        }
    }
}

/// What one packet, event, state or conversation is asked with.
struct Question<'a> {
    facts: Chain<'a>,
    packet: u64,
    event: Option<usize>,
}

impl Checker {
    /// What an event of this kind needs: for callers that decide before they have the packet.
    pub fn needs(kind: Kind) -> Wants {
        plan().wants[On::Event(kind).index()]
    }

    /// What the checks need for this packet. Call it for every packet, before [`Checker::packet`].
    pub fn wants(&mut self, frame: &Frame<'_>, packet: &Packet<'_>, outcome: &Outcome) -> Wants {
        self.surroundings.packet(frame, packet, outcome);
        let plan = plan();
        let mut wants = Wants::default();
        for event in outcome.events.iter().filter(|e| e.packet == frame.number) {
            wants = wants.or(plan.wants[On::Event(event.kind).index()]);
        }
        if !outcome.states.is_empty() {
            wants = wants.or(plan.wants[On::State.index()]);
        }
        if self.surroundings.is_hop() {
            wants = wants.or(plan.wants[On::Hop.index()]);
        }
        if self.surroundings.is_half_close() {
            wants = wants.or(plan.wants[On::HalfClose.index()]);
        }
        let headers = HeaderFacts { packet, frame };
        let layers = packet.layers.iter().fold(0, |bits, layer| bits | bit(layer.protocol));
        self.layers = layers;
        for entry in plan.entries[On::Packet.index()].iter().filter(|e| e.protocols & layers != 0) {
            let check = &ledger::all()[entry.claim].checks[entry.check];
            if check.when.as_ref().is_none_or(|when| when.holds(&headers)) {
                wants = wants.or(entry.wants);
            }
        }
        wants
    }

    /// Puts the claims to a packet, its events and states, and the conversations that end with it.
    pub fn packet(&mut self, moment: &Moment<'_>, findings: &mut Vec<Finding>) {
        let number = moment.frame.number;
        let Checker { totals, surroundings, layers } = self;
        let around = surroundings.facts(None);
        let headers = HeaderFacts { packet: moment.packet, frame: moment.frame };
        let nothing = Tree::default();
        let tree = TreeFacts { tree: moment.tree.unwrap_or(&nothing), frame: moment.frame };
        let flow = FlowFacts(moment.flow);
        let plain = Chain(&[&around, &flow, &headers, &tree]);
        let plainly = Question { facts: plain, packet: number, event: None };
        let present = *layers;
        ask_some(totals, On::Packet, &plainly, findings, |entry| entry.protocols & present != 0);
        if surroundings.is_hop() {
            ask(totals, On::Hop, &plainly, findings);
        }
        if surroundings.is_half_close() {
            ask(totals, On::HalfClose, &plainly, findings);
        }
        for (index, event) in moment.outcome.events.iter().enumerate() {
            let of_event = EventFacts(event);
            // What is told late, or of another conversation, is told of other packets than this one.
            let here = event.packet == number;
            let record = moment.flow.filter(|record| event.flow == Some(record.id));
            let flow = FlowFacts(record);
            let chain: [&dyn Facts; 5] = [&of_event, &around, &flow, &headers, &tree];
            let late: [&dyn Facts; 2] = [&of_event, &flow];
            let facts = if here { Chain(&chain) } else { Chain(&late) };
            let question = Question { facts, packet: event.packet, event: Some(index) };
            ask(totals, On::Event(event.kind), &question, findings);
        }
        self.states(&moment.outcome.states, moment.flow, findings);
        self.flows(&moment.outcome.ended, findings);
    }

    /// Puts them to what was told when the captures were over.
    pub fn end(&mut self, outcome: &Outcome, findings: &mut Vec<Finding>) {
        for (index, event) in outcome.events.iter().enumerate() {
            let of_event = EventFacts(event);
            let flow = FlowFacts(outcome.ended.iter().find(|record| event.flow == Some(record.id)));
            let chain: [&dyn Facts; 2] = [&of_event, &flow];
            let question = Question { facts: Chain(&chain), packet: event.packet, event: Some(index) };
            ask(&mut self.totals, On::Event(event.kind), &question, findings);
        }
        for record in &outcome.ended {
            let of_flow: Vec<StateChange> =
                outcome.states.iter().filter(|s| s.flow == record.id).copied().collect();
            self.states(&of_flow, Some(record), findings);
        }
        self.flows(&outcome.ended, findings);
    }

    /// What all packets so far say, in the ledger's order.
    pub fn results(&self) -> Vec<ClaimResult> {
        let result = |(claim, total): (&'static Claim, &Total)| {
            let showing = claim.checks.iter().enumerate().filter(|(_, check)| check.shows.is_some());
            let missing =
                claim.together && showing.into_iter().any(|(k, _)| total.fired & (1 << k.min(63)) == 0);
            let status = match (total.contradicted, total.shown) {
                (1.., _) => Status::Contradicted,
                (0, 1..) if !missing => Status::Shown,
                _ => Status::NotObserved,
            };
            ClaimResult {
                claim,
                status,
                shown_count: total.shown,
                contradicted_count: total.contradicted,
                shown_packets: total.shown_packets.clone(),
                contradicted_packets: total.contradicted_packets.clone(),
                evidence: total.evidence.clone(),
            }
        };
        ledger::all().iter().zip(&self.totals).map(result).collect()
    }

    fn states(&mut self, states: &[StateChange], flow: Option<&FlowRecord>, findings: &mut Vec<Finding>) {
        for (at, change) in states.iter().enumerate() {
            if change.from == change.to {
                continue; // the proof of an assumption: told with what it proves
            }
            let proves = |later: &&StateChange| {
                (later.flow, later.endpoint, later.from, later.to, later.basis)
                    == (change.flow, change.endpoint, change.to, change.to, Basis::Confirmed)
            };
            let proof = states[at + 1..].iter().find(proves).map(|later| later.packet);
            let facts = StateFacts { change, proof };
            let flow = FlowFacts(flow.filter(|record| record.id == change.flow));
            let chain: [&dyn Facts; 2] = [&facts, &flow];
            let question = Question { facts: Chain(&chain), packet: change.packet, event: None };
            ask(&mut self.totals, On::State, &question, findings);
        }
    }

    fn flows(&mut self, ended: &[FlowRecord], findings: &mut Vec<Finding>) {
        for record in ended {
            let around = self.surroundings.facts(Some(record.id));
            let flow = FlowFacts(Some(record));
            let chain: [&dyn Facts; 2] = [&flow, &around];
            let question = Question { facts: Chain(&chain), packet: record.last, event: None };
            ask(&mut self.totals, On::Flow, &question, findings);
            self.surroundings.forget(record.id);
        }
    }
}

/// Puts the checks of a kind to one question.
fn ask(totals: &mut [Total], on: On, question: &Question<'_>, findings: &mut Vec<Finding>) {
    ask_some(totals, on, question, findings, |_| true);
}

fn ask_some(
    totals: &mut [Total],
    on: On,
    question: &Question<'_>,
    findings: &mut Vec<Finding>,
    may_hold: impl Fn(&Entry) -> bool,
) {
    for entry in plan().entries[on.index()].iter().filter(|entry| may_hold(entry)) {
        let claim = &ledger::all()[entry.claim];
        let check = &claim.checks[entry.check];
        let holds = |e: &Option<Expression>| e.as_ref().is_some_and(|e| e.holds(&question.facts));
        if check.when.is_some() && !holds(&check.when) {
            continue;
        }
        let status = match (holds(&check.contradicts), holds(&check.shows)) {
            (true, _) => Status::Contradicted,
            (false, true) => Status::Shown,
            (false, false) => continue,
        };
        findings.push(totals[entry.claim].note(claim, entry.check, status, question));
    }
}

impl Total {
    fn note(&mut self, claim: &'static Claim, at: usize, status: Status, question: &Question<'_>) -> Finding {
        let check = &claim.checks[at];
        let (count, packets) = match status {
            Status::Contradicted => (&mut self.contradicted, &mut self.contradicted_packets),
            _ => (&mut self.shown, &mut self.shown_packets),
        };
        *count += 1;
        if packets.len() < MAX_PACKETS && packets.last() != Some(&question.packet) {
            packets.push(question.packet);
        }
        let first = !self.evidence.iter().any(|e| std::ptr::eq(e.check, check) && e.status == status);
        // Another check of the same claim may have found so many that this one's first would go without.
        let values = if first || *count <= MAX_VALUES { values(check, &question.facts) } else { Vec::new() };
        if status == Status::Shown {
            self.fired |= 1 << at.min(63);
        }
        if first {
            self.evidence.push(Evidence { check, status, packet: question.packet, values: values.clone() });
        }
        Finding { claim, check, status, packet: question.packet, event: question.event, values }
    }
}

/// What a check's sentences are filled with.
fn values(check: &'static Check, facts: &dyn Facts) -> Vec<(&'static str, Datum)> {
    let mut values = Vec::new();
    for (placeholder, fact) in &check.placeholders {
        let mut first = None;
        facts.values(fact, &mut |value| first = first.take().or_else(|| operand(value)));
        values.extend(first.map(|value| (placeholder.as_str(), value)));
    }
    values
}
