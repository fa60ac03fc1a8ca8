//! Names and what they were said to stand for: earlier answers, answers to others, and connections made without asking.
//!
//! RFC 1034. With a response: `names.other_packet`, `.other_asker`, `.other_answers`, what the same server told another asker of the same
//! name, otherwise than now; `names.before_packet`, `.before_answers`, `.before_since`, what this asker was told before, where it differs,
//! and `names.new` whether by other addresses, not by order alone; `names.referrals`, how many servers had sent this asker on before,
//! for this name; `names.used_packet`, `.used_address`: a web request for this name that its asker had made before it ever asked, to an
//! address that the response does not have. With an HTTP request: `names.resolved_packet`: the response that has its server's
//! address under the name in its Host line. With a query: `names.referral_packet`: the response, of another server, that sent the asker on;
//! `names.kept_packet`, `.kept_since`, `.kept_left`: the answer that the asker had already, how long ago, how many seconds more it may be kept.
//!
//! Bounded: [`MAX_KNOWN`] names of each kind, then all of that kind are forgotten; [`MAX_ASKERS`] askers a name.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;

use foldhash::fast::RandomState;

use crate::capture::Frame;
use crate::decode::Packet;
use crate::flow::{Datum, Event, FlowId, Kind, Outcome};
use crate::notes::expression::{self, Operand};

use super::Memory;

/// Names of a kind.
const MAX_KNOWN: usize = 4_096;
/// Askers of a name.
const MAX_ASKERS: usize = 8;

/// The names, and the kinds of their values.
pub const NAMES: &[(&str, expression::Kind)] = &[
    ("names.other_packet", expression::Kind::Number),
    ("names.other_asker", expression::Kind::Any),
    ("names.other_answers", expression::Kind::Text),
    ("names.before_packet", expression::Kind::Number),
    ("names.before_answers", expression::Kind::Text),
    ("names.before_since", expression::Kind::Time),
    ("names.new", expression::Kind::Flag),
    ("names.referrals", expression::Kind::Number),
    ("names.used_packet", expression::Kind::Number),
    ("names.used_address", expression::Kind::Any),
    ("names.resolved_packet", expression::Kind::Number),
    ("names.referral_packet", expression::Kind::Number),
    ("names.kept_packet", expression::Kind::Number),
    ("names.kept_since", expression::Kind::Time),
    ("names.kept_left", expression::Kind::Number),
];

type Map<K, V> = HashMap<K, V, RandomState>;

#[derive(Debug, Clone)]
struct Said {
    asker: IpAddr,
    answers: String,
    packet: u64,
    time_ns: i64,
}

#[derive(Debug, Default)]
struct Now {
    time_ns: i64,
    other: Option<Said>,
    before: Option<Said>,
    new: bool,
    referrals: Option<u64>,
    used: Option<(u64, IpAddr)>,
    resolved: Option<u64>,
    referral: Option<u64>,
    /// Packet, time since, seconds left.
    kept: Option<(u64, i64, u64)>,
}

/// The memory.
#[derive(Debug, Default)]
pub struct Naming {
    now: Now,
    /// By server, name and type.
    said: Map<(IpAddr, String, String), Vec<Said>>,
    /// By asker and name: how many referrals, the last one's packet and sender.
    referrals: Map<(IpAddr, String), (u64, u64, IpAddr)>,
    /// By asker and name: that it has asked.
    asked: Map<(IpAddr, String), ()>,
    /// By asker and name: a request made without asking.
    used: Map<(IpAddr, String), (u64, IpAddr)>,
    /// By asker and name: the addresses, as text, and the packet.
    resolved: Map<(IpAddr, String), (String, u64)>,
    /// By asker, name and type: packet, time and lifetime of the answer.
    kept: Map<(IpAddr, String, String), (u64, i64, u64)>,
}

fn put<K: Eq + Hash, V>(map: &mut Map<K, V>, key: K, value: V) {
    if map.len() >= MAX_KNOWN && !map.contains_key(&key) {
        map.clear();
    }
    map.insert(key, value);
}

/// In lower case: names of DNS do not differ by it.
fn text(event: &Event, key: &str) -> Option<String> {
    event.text(key).map(str::to_lowercase)
}

fn sorted(answers: &str) -> Vec<&str> {
    let mut all: Vec<&str> = answers.split(", ").collect();
    all.sort_unstable();
    all
}

impl Naming {
    fn query(&mut self, event: &Event, src: IpAddr, dst: IpAddr) {
        let Some(name) = text(event, "name") else { return };
        let key = (src, name);
        self.now.referral =
            self.referrals.get(&key).filter(|(.., from)| *from != dst).map(|(_, packet, _)| *packet);
        if let Some(kind) = text(event, "type")
            && event.variant != "retry"
            && let Some((packet, time_ns, ttl)) = self.kept.get(&(src, key.1.clone(), kind)).copied()
        {
            let since = self.now.time_ns - time_ns;
            let left = ttl.checked_sub(since.max(0) as u64 / 1_000_000_000);
            self.now.kept = left.filter(|left| *left > 0).map(|left| (packet, since, left));
        }
        put(&mut self.asked, key, ());
    }

    fn response(&mut self, event: &Event, src: IpAddr, dst: IpAddr) {
        let (Some(name), Some(kind)) = (text(event, "name"), text(event, "type")) else { return };
        let (packet, time_ns) = (event.packet, self.now.time_ns);
        let asker = (dst, name.clone());
        let referrals = self.referrals.get(&asker).copied();
        self.now.referrals = Some(referrals.map_or(0, |(count, ..)| count));
        if event.variant == "referral" {
            let count = referrals.map_or(0, |(count, ..)| count) + 1;
            put(&mut self.referrals, asker, (count, packet, src));
            return;
        }
        let Some(answers) = text(event, "first_answers") else { return };
        if let Some((used, address)) = self.used.remove(&asker)
            && matches!(kind.as_str(), "a" | "aaaa")
            && !answers.split(", ").any(|answer| answer == address.to_string())
        {
            self.now.used = Some((used, address));
        }
        if let Some(&Datum::Uint(ttl)) = event.get("ttl") {
            put(&mut self.kept, (dst, name.clone(), kind.clone()), (packet, time_ns, ttl));
        }
        put(&mut self.resolved, asker, (answers.clone(), packet));
        if self.said.len() >= MAX_KNOWN {
            self.said.clear();
        }
        let all = self.said.entry((src, name, kind)).or_default();
        let differs = |said: &&Said| sorted(&said.answers) != sorted(&answers);
        self.now.other = all.iter().rev().filter(differs).find(|said| said.asker != dst).cloned();
        let before = all.iter().position(|said| said.asker == dst).map(|at| all.remove(at));
        self.now.before = before.filter(|said| said.answers != answers);
        self.now.new = self.now.before.as_ref().is_some_and(|said| sorted(&said.answers) != sorted(&answers));
        if all.len() >= MAX_ASKERS {
            all.remove(0);
        }
        all.push(Said { asker: dst, answers, packet, time_ns });
    }

    fn request(&mut self, event: &Event, src: IpAddr, dst: IpAddr) {
        let Some(host) = text(event, "host") else { return };
        let name = host.split(':').next().unwrap_or_default().to_owned();
        // Not a name but an address.
        if name.is_empty() || name.parse::<IpAddr>().is_ok() || host.starts_with('[') {
            return;
        }
        let key = (src, name);
        if let Some((answers, packet)) = self.resolved.get(&key) {
            let address = dst.to_string();
            self.now.resolved = answers.split(", ").any(|answer| answer == address).then_some(*packet);
        }
        if !self.asked.contains_key(&key) && !self.used.contains_key(&key) {
            put(&mut self.used, key, (event.packet, dst));
        }
    }
}

impl Memory for Naming {
    fn packet(&mut self, frame: &Frame<'_>, packet: &Packet<'_>, outcome: &Outcome) {
        self.now = Now { time_ns: frame.time_ns, ..Now::default() };
        if outcome.events.is_empty() {
            return;
        }
        let Some((src, dst)) = packet.addresses() else { return };
        for event in outcome.events.iter().filter(|event| event.packet == frame.number) {
            match event.kind {
                Kind::DnsQuery if event.variant != "multicast" => self.query(event, src, dst),
                Kind::DnsResponse if event.variant != "unasked" => self.response(event, src, dst),
                Kind::HttpRequest => self.request(event, src, dst),
                _ => {}
            }
        }
    }

    fn values(&self, name: &str, _: Option<FlowId>, each: &mut dyn FnMut(Operand<'_>)) {
        let now = &self.now;
        let packet = |n: u64| Operand::Int(n.into());
        let value = match (name, &now.other, &now.before) {
            ("names.other_packet", Some(said), _) | ("names.before_packet", _, Some(said)) => {
                packet(said.packet)
            }
            ("names.other_asker", Some(said), _) => address(said.asker),
            ("names.other_answers", Some(said), _) | ("names.before_answers", _, Some(said)) => {
                Operand::Text(&said.answers)
            }
            ("names.before_since", _, Some(said)) => Operand::Time((now.time_ns - said.time_ns).into()),
            ("names.new", _, Some(_)) => Operand::Bool(now.new),
            ("names.referrals", ..) if now.referrals.is_some() => packet(now.referrals.unwrap_or_default()),
            ("names.used_packet", ..) if now.used.is_some() => {
                packet(now.used.map_or(0, |(packet, _)| packet))
            }
            ("names.used_address", ..) => match now.used {
                Some((_, ip)) => address(ip),
                None => return,
            },
            ("names.resolved_packet", ..) if now.resolved.is_some() => {
                packet(now.resolved.unwrap_or_default())
            }
            ("names.referral_packet", ..) if now.referral.is_some() => {
                packet(now.referral.unwrap_or_default())
            }
            ("names.kept_packet", ..) if now.kept.is_some() => packet(now.kept.map_or(0, |kept| kept.0)),
            ("names.kept_since", ..) if now.kept.is_some() => {
                Operand::Time(now.kept.map_or(0, |kept| kept.1).into())
            }
            ("names.kept_left", ..) if now.kept.is_some() => packet(now.kept.map_or(0, |kept| kept.2)),
            _ => return,
        };
        each(value);
    }
}

fn address(ip: IpAddr) -> Operand<'static> {
    match ip {
        IpAddr::V4(ip) => Operand::V4(ip.octets()),
        IpAddr::V6(ip) => Operand::V6(ip.octets()),
    }
}
