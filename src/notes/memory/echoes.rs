//! What ping found out, beside what else is known of the host: whether it answers elsewhere, and how its name became an address.
//!
//! * `echo.silent`, `echo.silent_packet`, with a SYN+ACK: how many echo requests of its receiver its sender has left without an answer for
//!   at least [`SILENT_NS`], and the first of them.
//! * `echo.named_packet`, `echo.name`, `echo.named_since`, with an echo request: the DNS response that told its sender the address
//!   before, the name it was asked for, and how long ago.
//!
//! Bounded: [`MAX_KNOWN`] entries of each kind, then all of that kind are forgotten.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;

use foldhash::fast::RandomState;

use crate::capture::Frame;
use crate::decode::Packet;
use crate::flow::{Datum, FlowId, Kind, Outcome};
use crate::notes::expression::{self, Operand};

use super::Memory;

/// Entries of a kind.
const MAX_KNOWN: usize = 8_192;
/// After this time an answer is no longer waited for, nanoseconds.
const SILENT_NS: i64 = 1_000_000_000;

/// The names, and the kinds of their values.
pub const NAMES: &[(&str, expression::Kind)] = &[
    ("echo.silent", expression::Kind::Number),
    ("echo.silent_packet", expression::Kind::Number),
    ("echo.named_packet", expression::Kind::Number),
    ("echo.name", expression::Kind::Text),
    ("echo.named_since", expression::Kind::Time),
];

/// Who asks, and whom or for what.
type Pair = (IpAddr, IpAddr);

#[derive(Debug, Clone, Copy)]
struct Asked {
    count: u64,
    packet: u64,
    time_ns: i64,
}

#[derive(Debug)]
struct Named {
    name: String,
    packet: u64,
    time_ns: i64,
}

/// The memory.
#[derive(Debug, Default)]
pub struct Echoes {
    silent: Option<Asked>,
    named: Option<(Pair, i64)>,
    /// Echo requests of a pair that have no answer, since the last one that had.
    asked: HashMap<Pair, Asked, RandomState>,
    names: HashMap<Pair, Named, RandomState>,
}

fn slot<K: Eq + Hash, V>(map: &mut HashMap<K, V, RandomState>, key: &K) {
    if map.len() >= MAX_KNOWN && !map.contains_key(key) {
        map.clear();
    }
}

impl Memory for Echoes {
    fn packet(&mut self, frame: &Frame<'_>, packet: &Packet<'_>, outcome: &Outcome) {
        (self.silent, self.named) = (None, None);
        let now_ns = frame.time_ns;
        for event in outcome.events.iter().filter(|e| e.packet == frame.number) {
            let wanted = matches!(
                event.kind,
                Kind::IcmpEchoRequest | Kind::IcmpEchoReply | Kind::TcpSynAck | Kind::DnsResponse
            );
            let Some((src, dst)) = packet.addresses().filter(|_| wanted) else { continue };
            match event.kind {
                Kind::IcmpEchoRequest => {
                    let pair = (src, dst);
                    slot(&mut self.asked, &pair);
                    let new = Asked { count: 0, packet: frame.number, time_ns: now_ns };
                    self.asked.entry(pair).or_insert(new).count += 1;
                    self.named = self.names.contains_key(&pair).then_some((pair, now_ns));
                }
                Kind::IcmpEchoReply => {
                    self.asked.remove(&(dst, src));
                }
                Kind::TcpSynAck => {
                    let asked = self.asked.get(&(dst, src)).copied();
                    self.silent = asked.filter(|asked| now_ns - asked.time_ns >= SILENT_NS);
                }
                Kind::DnsResponse => {
                    let (Some(Datum::Text(answers)), Some(Datum::Text(name))) =
                        (event.get("first_answers"), event.get("name"))
                    else {
                        continue;
                    };
                    for address in answers.split(", ").filter_map(|text| text.parse::<IpAddr>().ok()) {
                        let pair = (dst, address);
                        slot(&mut self.names, &pair);
                        let named = Named { name: name.clone(), packet: frame.number, time_ns: now_ns };
                        self.names.insert(pair, named);
                    }
                }
                _ => {}
            }
        }
    }

    fn values(&self, name: &str, _: Option<FlowId>, each: &mut dyn FnMut(Operand<'_>)) {
        let named = self.named.and_then(|(pair, now_ns)| Some((self.names.get(&pair)?, now_ns)));
        match (name, self.silent, named) {
            ("echo.silent", Some(asked), _) => each(Operand::Int(asked.count.into())),
            ("echo.silent_packet", Some(asked), _) => each(Operand::Int(asked.packet.into())),
            ("echo.named_packet", _, Some((named, _))) => each(Operand::Int(named.packet.into())),
            ("echo.name", _, Some((named, _))) => each(Operand::Text(&named.name)),
            ("echo.named_since", _, Some((named, now_ns))) => {
                each(Operand::Time((now_ns - named.time_ns).into()));
            }
            _ => {}
        }
    }
}
