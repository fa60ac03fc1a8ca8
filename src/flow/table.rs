//! Where conversations are kept: found by their addresses, let go when they are over, bounded in number.
//!
//! A conversation that is over, or silent for long, is summed up and let go; its number stays known, so that a late
//! packet is still told as its. Where more conversations are alive than [`MAX_LIVE`], the longest silent ones are
//! let go early, and that is said. Keys come from hostile packets: the hash is seeded anew in every run.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use foldhash::fast::RandomState;

use super::event::FlowId;
use super::info::PacketInfo;
use super::record::{FlowProtocol, FlowRecord, Party};

/// Conversations kept at once; the longest silent go first.
pub const MAX_LIVE: usize = 60_000;
/// Numbers of past conversations remembered.
const MAX_PAST: usize = 400_000;
/// How long a conversation that is over is kept for late packets, nanoseconds.
const LINGER_NS: i64 = 10_000_000_000;
/// How many that are over are kept so; more, and the linger is cut short.
const MAX_LINGERING: usize = 8_192;
/// After so long a silence a conversation is let go, nanoseconds: an hour, as connections may rest long.
const SILENCE_NS: i64 = 3_600_000_000_000;

/// One end of a conversation: address and port (0 where there is none).
pub type End = (IpAddr, u16);

/// Two ends, in an order that does not depend on who sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    low: End,
    high: End,
}

impl Key {
    /// The key of a packet's two ends.
    pub fn new(a: End, b: End) -> Key {
        if a <= b { Key { low: a, high: b } } else { Key { low: b, high: a } }
    }
}

/// What every conversation has.
#[derive(Debug, Clone)]
pub struct Base {
    /// Number over all protocols.
    pub id: FlowId,
    /// Number per protocol.
    pub stream: u64,
    /// Who began.
    pub client: Party,
    /// The other.
    pub server: Party,
    /// First and last packet.
    pub first: u64,
    /// Last packet.
    pub last: u64,
    /// Time of the first packet.
    pub start_ns: i64,
    /// Time of the last packet.
    pub end_ns: i64,
}

impl Base {
    /// A conversation that begins with this packet; `numbers`: over all protocols, and of its own.
    pub fn new(info: &PacketInfo, numbers: (FlowId, u64), client: Party, server: Party) -> Base {
        let (id, stream) = numbers;
        let (first, start_ns) = (info.number, info.time_ns);
        Base { id, stream, client, server, first, last: first, start_ns, end_ns: start_ns }
    }

    /// One more packet of it.
    pub fn goes_on(&mut self, info: &PacketInfo) {
        self.last = info.number;
        self.end_ns = info.time_ns;
    }

    /// The record as far as all conversations are alike.
    pub fn record(&self, protocol: FlowProtocol, packets: [u64; 2], bytes: [u64; 2]) -> FlowRecord {
        FlowRecord {
            id: self.id,
            protocol,
            stream: self.stream,
            client: self.client,
            server: self.server,
            first: self.first,
            last: self.last,
            start_ns: self.start_ns,
            end_ns: self.end_ns,
            packets,
            bytes,
            application: None,
            tcp: None,
        }
    }
}

/// What a table asks of the conversations in it.
pub trait Follow {
    /// What all have.
    fn base(&self) -> &Base;
    /// Whether nothing more is expected.
    fn is_over(&self) -> bool;
}

/// Number of a conversation that was let go.
#[derive(Debug, Clone, Copy)]
pub struct Past {
    /// Number over all protocols.
    pub id: FlowId,
    /// Number per protocol.
    pub stream: u64,
    /// When it ended.
    pub end_ns: i64,
}

enum Slot<F> {
    Live(Box<F>),
    Past(Past),
}

/// Conversations of one protocol.
pub struct Table<F> {
    slots: HashMap<Key, Slot<F>, RandomState>,
    /// Every live key once; sweeping takes from the front and puts back what stays.
    clock: VecDeque<Key>,
    past: VecDeque<Key>,
    evicted: u64,
}

impl<F> Default for Table<F> {
    fn default() -> Self {
        Table { slots: HashMap::default(), clock: VecDeque::new(), past: VecDeque::new(), evicted: 0 }
    }
}

impl<F> std::fmt::Debug for Table<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Table({} live, {} past)", self.clock.len(), self.past.len())
    }
}

impl<F: Follow> Table<F> {
    /// The live conversation between two ends.
    pub fn live(&mut self, key: &Key) -> Option<&mut F> {
        match self.slots.get_mut(key) {
            Some(Slot::Live(flow)) => Some(flow),
            _ => None,
        }
    }

    /// Number of the conversation that was let go last between two ends.
    pub fn past(&self, key: &Key) -> Option<Past> {
        match self.slots.get(key) {
            Some(Slot::Past(past)) => Some(*past),
            _ => None,
        }
    }

    /// Adds a conversation; the one before it between the same ends, if live, is handed back.
    pub fn insert(&mut self, key: Key, flow: F) -> Option<Box<F>> {
        match self.slots.insert(key, Slot::Live(Box::new(flow))) {
            Some(Slot::Live(old)) => Some(old), // its key is in the clock already
            _ => {
                self.clock.push_back(key);
                None
            }
        }
    }

    /// Looks at some conversations and lets go of those that are over. Called once for each new one, so the
    /// work is spread and the number kept follows the number alive.
    pub fn sweep(&mut self, now_ns: i64, let_go: &mut dyn FnMut(Box<F>)) {
        let crowded = self.clock.len() > MAX_LIVE;
        for _ in 0..4.min(self.clock.len()) {
            let Some(key) = self.clock.pop_front() else { return };
            let Some(Slot::Live(flow)) = self.slots.get(&key) else { continue };
            let silent = now_ns - flow.base().end_ns;
            let over = flow.is_over() && (silent > LINGER_NS || self.clock.len() > MAX_LINGERING);
            if over || silent > SILENCE_NS || (crowded && self.clock.len() >= MAX_LIVE) {
                self.evicted += u64::from(!over && silent <= SILENCE_NS);
                self.retire(key, let_go);
            } else {
                self.clock.push_back(key);
            }
        }
    }

    /// How many were let go for want of room, while they were not over.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    fn retire(&mut self, key: Key, let_go: &mut dyn FnMut(Box<F>)) {
        let Some(Slot::Live(flow)) = self.slots.remove(&key) else { return };
        let base = flow.base();
        let past = Past { id: base.id, stream: base.stream, end_ns: base.end_ns };
        self.slots.insert(key, Slot::Past(past));
        self.past.push_back(key);
        if self.past.len() > MAX_PAST
            && let Some(oldest) = self.past.pop_front()
            && matches!(self.slots.get(&oldest), Some(Slot::Past(_)))
        {
            self.slots.remove(&oldest);
        }
        let_go(flow);
    }

    /// Lets go of all, in the order of their numbers.
    pub fn drain(&mut self, let_go: &mut dyn FnMut(Box<F>)) {
        self.clock.clear();
        self.past.clear();
        let mut all: Vec<Box<F>> = self
            .slots
            .drain()
            .filter_map(|(_, slot)| match slot {
                Slot::Live(flow) => Some(flow),
                Slot::Past(_) => None,
            })
            .collect();
        all.sort_by_key(|f| f.base().id);
        all.into_iter().for_each(let_go);
    }

    /// All live conversations, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &F> {
        self.slots.values().filter_map(|slot| match slot {
            Slot::Live(flow) => Some(&**flow),
            Slot::Past(_) => None,
        })
    }
}
