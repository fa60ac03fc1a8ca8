//! Following DHCP: which answer belongs to which request, what a client is about with each, and what never came.
//!
//! RFC 2131 section 4.1 (xid "used by the client to match incoming DHCP messages with pending requests"), 4.3.2 with its
//! table (what a request without or with a server identifier, an address asked for, an address in use means), 4.4.5
//! (times to renew and to rebind), 4.4.6 (release).
//! Leaves out: what servers know of leases that this capture did not show being given.
//!
//! Memory is bounded: [`MAX_EXCHANGES`] exchanges, each with [`MAX_OFFERS`] offers and [`MAX_FRAMES`] frame numbers,
//! [`MAX_LEASES`] leases; an exchange leaves the table [`PATIENCE_NS`] after its last packet.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};

use arrayvec::ArrayVec;
use foldhash::quality::RandomState;

use super::dns::MessageInfo;
use super::event::{Datum, Event, FlowId, Kind, Severity};
use crate::protocol::dhcp::{self, Message, kind};
use crate::wire::{Cursor, Off};

#[cfg(test)]
mod tests;

/// How long an answer is waited for, in capture time: clients ask again after 4, then 8 seconds (RFC 2131 section 4.1).
pub const PATIENCE_NS: i64 = 10_000_000_000;
/// How many exchanges are remembered.
pub const MAX_EXCHANGES: usize = 8 * 1024;
/// How many offers of an exchange are remembered.
pub const MAX_OFFERS: usize = 8;
/// How many frame numbers of an exchange are remembered.
pub const MAX_FRAMES: usize = 16;
/// How many leases are remembered.
pub const MAX_LEASES: usize = 4096;
/// A lease time that never ends (RFC 2131 section 3.3).
const FOREVER: u32 = u32::MAX;

/// What makes messages belong together: the number that the client drew, and the client.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    id: u32,
    hw: Hw,
}

/// A client's hardware address: at most 16 bytes.
type Hw = ArrayVec<u8, 16>;

/// A message of the client's that waits for an answer.
#[derive(Debug, Clone)]
struct Asked {
    kind: u8,
    variant: &'static str,
    packet: u64,
    first_packet: u64,
    time_ns: i64,
    attempts: u64,
    relay: [u8; 4],
    address: Option<[u8; 4]>,
}

#[derive(Debug, Clone)]
struct Given {
    kind: u8,
    packet: u64,
    server: IpAddr,
    address: [u8; 4],
    /// Whom it was sent to: a relay's copy goes on to somebody else.
    to: IpAddr,
}

#[derive(Debug)]
struct Exchange {
    /// Tells this entry from an earlier one under the same key.
    serial: u64,
    flow: FlowId,
    discover: Option<(u64, i64)>,
    offers: ArrayVec<Given, MAX_OFFERS>,
    asked: Option<Asked>,
    answer: Option<Given>,
    frames: ArrayVec<u64, MAX_FRAMES>,
    last_packet: u64,
    last_ns: i64,
}

#[derive(Debug)]
struct Lease {
    address: [u8; 4],
    packet: u64,
    time_ns: i64,
}

/// Pairs what DHCP clients and servers say.
#[derive(Debug, Default)]
pub struct DhcpTracker {
    exchanges: HashMap<Key, Exchange, RandomState>,
    /// When which exchange is due to be looked at; entries of those that are gone are passed over.
    due: VecDeque<(i64, u64, Key)>,
    leases: HashMap<Hw, Lease, RandomState>,
    /// Keys of `leases`, oldest first.
    remembered: VecDeque<Hw>,
    serial: u64,
    now_ns: i64,
    told_limit: bool,
}

impl DhcpTracker {
    /// One message. Call [`DhcpTracker::expire`] with the packet's time before.
    pub fn message(&mut self, info: &MessageInfo, bytes: &[u8], events: &mut Vec<Event>) {
        self.now_ns = self.now_ns.max(info.time_ns);
        let mut bad = None;
        let mut off = Off;
        // What is wrong with it has been told where the packet was taken apart; a header that is cut says nothing here.
        let Ok(said) = dhcp::dissect_noting(&mut Cursor::new(bytes, 0, bytes.len(), &mut off), &mut bad)
        else {
            return;
        };
        let key = Key { id: said.id, hw: said.hw_addr.iter().copied().take(16).collect() };
        let event = match (said.kind, said.reply) {
            (Some(kind::DISCOVER | kind::REQUEST | kind::INFORM), false) => {
                self.asks(info, &said, key, events)
            }
            (Some(kind::OFFER), true) => self.offers(info, &said, &key),
            (Some(kind::ACK | kind::NAK), true) => self.decides(info, &said, &key),
            (Some(kind::RELEASE), false) => self.gives_back(info, &said, &key, Kind::DhcpRelease),
            (Some(kind::DECLINE), false) => self.gives_back(info, &said, &key, Kind::DhcpDecline),
            (Some(other), _) => about(Kind::DhcpOther, info, &said).with("type", Datum::Uint(other.into())),
            (None, false) => about(Kind::DhcpOther, info, &said).variant("bootp-request"),
            (None, true) => {
                about(Kind::DhcpOther, info, &said).variant("bootp-reply").with("address", address(said.your))
            }
        };
        events.push(event);
    }

    /// Time has stepped far back: another recording begins. What is still open starts waiting anew.
    pub fn back_to(&mut self, now_ns: i64) {
        self.now_ns = now_ns;
        for exchange in self.exchanges.values_mut() {
            exchange.last_ns = exchange.last_ns.min(now_ns);
        }
    }

    /// Tells what has been waiting too long at this time.
    pub fn expire(&mut self, now_ns: i64, events: &mut Vec<Event>) {
        self.now_ns = self.now_ns.max(now_ns);
        while let Some((due, ..)) = self.due.front()
            && *due <= self.now_ns
        {
            let Some((_, serial, key)) = self.due.pop_front() else { return };
            let Some(exchange) = self.exchanges.get(&key).filter(|e| e.serial == serial) else { continue };
            let due = exchange.last_ns.saturating_add(PATIENCE_NS);
            if due > self.now_ns {
                self.due.push_back((due, serial, key));
                continue;
            }
            events.extend(unanswered(&key, exchange, self.now_ns));
            self.exchanges.remove(&key);
        }
    }

    /// The capture has ended: tells what nothing answered.
    pub fn finish(&mut self, events: &mut Vec<Event>) {
        self.expire(self.now_ns, events);
        let mut rest: Vec<_> = self.exchanges.drain().collect();
        rest.sort_by_key(|(_, exchange)| exchange.serial);
        for (key, exchange) in rest {
            // "Not yet" is not "not": the capture ended before patience did.
            let event = unanswered(&key, &exchange, self.now_ns);
            events.extend(event.map(|e| e.with("capture_ended", Datum::Flag(true)).severity(Severity::Note)));
        }
        self.due.clear();
    }

    /// A client asks: for offers, for an address, for settings only.
    fn asks(&mut self, info: &MessageInfo, said: &Message<'_>, key: Key, events: &mut Vec<Event>) -> Event {
        let asks = said.kind.unwrap_or_default();
        let (kind, variant) = match asks {
            kind::DISCOVER => (Kind::DhcpDiscover, ""),
            kind::INFORM => (Kind::DhcpInform, ""),
            _ => (Kind::DhcpRequest, state(info, said)),
        };
        let mut event = about(kind, info, said).variant(variant);
        for (name, text) in [("host", &said.host), ("vendor", &said.vendor)] {
            if !text.is_empty() {
                event = event.with(name, Datum::Text(String::from_utf8_lossy(text).into_owned()));
            }
        }
        let wanted = said.requested.or(Some(said.client).filter(|a| *a != [0; 4]));
        if let Some(wanted) = wanted {
            event = event.with("address", address(wanted));
        }
        if let Some(server) = said.server_id {
            event = event.with("server", address(server));
        }
        if matches!(variant, "renewing" | "rebinding")
            && let Some(lease) = self.leases.get(&key.hw).filter(|l| l.address == said.client)
        {
            event = event
                .with("ack_packet", Datum::Uint(lease.packet))
                .with("held", Datum::Duration(info.time_ns.saturating_sub(lease.time_ns)));
        }
        // Some clients keep their number for all they ask: what was answered and settled is another exchange.
        if self.exchanges.get(&key).is_some_and(|e| e.is_settled() && !e.is_relayed(asks, variant, said)) {
            self.exchanges.remove(&key);
        }
        if !self.exchanges.contains_key(&key) {
            self.open(info, &key, events);
        }
        let Some(exchange) = self.exchanges.get_mut(&key) else { return event };
        exchange.note(info);
        let mut now = Asked {
            kind: asks,
            variant,
            packet: info.packet,
            first_packet: info.packet,
            time_ns: info.time_ns,
            attempts: 1,
            relay: said.relay,
            address: wanted,
        };
        if let Some(before) = exchange.asked.as_ref().filter(|b| b.kind == asks && b.variant == variant) {
            if before.relay != said.relay {
                // A relay's copy of what the client sent: the answer to either answers both.
                return event.variant("relayed").with("first_packet", Datum::Uint(before.packet));
            }
            now.attempts = before.attempts + 1;
            now.first_packet = before.first_packet;
            event = event
                .severity(Severity::Note)
                .with("attempts", Datum::Uint(now.attempts))
                .with("first_packet", Datum::Uint(before.first_packet))
                .with("waited", Datum::Duration(info.time_ns.saturating_sub(before.time_ns)));
            if variant.is_empty() {
                event = event.variant("retry");
            }
        }
        match asks {
            kind::DISCOVER => drop(exchange.discover.get_or_insert((info.packet, info.time_ns))),
            _ if variant == "selecting" => event = exchange.choose(said, event),
            _ => {}
        }
        exchange.asked = Some(now);
        event
    }

    /// A server offers an address.
    fn offers(&mut self, info: &MessageInfo, said: &Message<'_>, key: &Key) -> Event {
        let server = said.server_id.map_or(info.from.ip(), |s| Ipv4Addr::from(s).into());
        let event = settings(about(Kind::DhcpOffer, info, said), said)
            .with("address", address(said.your))
            .with("server", Datum::Ip(server));
        let Some(exchange) = self.exchanges.get_mut(key) else { return event.variant("discover-not-seen") };
        exchange.note(info);
        let asked = exchange.asked.as_ref().map(|a| (a.packet, a.time_ns));
        let Some((packet, time_ns)) = asked.or(exchange.discover) else {
            return event.variant("discover-not-seen");
        };
        let event = event
            .with("request_packet", Datum::Uint(packet))
            .with("after", Datum::Duration(info.time_ns.saturating_sub(time_ns)));
        let given =
            Given { kind: kind::OFFER, packet: info.packet, server, address: said.your, to: info.to.ip() };
        if let Some(same) = exchange.offers.iter().find(|o| (o.server, o.address) == (server, said.your)) {
            let variant = if same.to == given.to { "duplicate" } else { "relayed" };
            return event.variant(variant).with("first_packet", Datum::Uint(same.packet));
        }
        let first = exchange.offers.first().map(|o| o.packet);
        // Beyond the eighth, offers are told and not remembered.
        let _ = exchange.offers.try_push(given);
        match first {
            Some(first) => {
                event.variant("another").severity(Severity::Note).with("first_packet", Datum::Uint(first))
            }
            None => event,
        }
    }

    /// A server grants or refuses.
    fn decides(&mut self, info: &MessageInfo, said: &Message<'_>, key: &Key) -> Event {
        let grants = said.kind == Some(kind::ACK);
        let server = said.server_id.map_or(info.from.ip(), |s| Ipv4Addr::from(s).into());
        let mut event = about(if grants { Kind::DhcpAck } else { Kind::DhcpNak }, info, said)
            .with("server", Datum::Ip(server));
        if grants {
            event = settings(event, said);
        } else if !said.text.is_empty() {
            event = event.with("message", Datum::Text(String::from_utf8_lossy(&said.text).into_owned()));
        }
        let given_address = [said.your, said.client].into_iter().find(|a| *a != [0; 4]);
        let exchange = self.exchanges.get_mut(key);
        let Some((exchange, asked)) = exchange.and_then(|e| e.asked.clone().map(|asked| (e, asked))) else {
            if let Some(given) = given_address {
                event = event.with("address", address(given));
            }
            return event.variant("request-not-seen");
        };
        exchange.note(info);
        if let Some(about) = given_address.or(asked.address) {
            event = event.with("address", address(about));
        }
        event = event
            .with("request_packet", Datum::Uint(asked.packet))
            .with("after", Datum::Duration(info.time_ns.saturating_sub(asked.time_ns)));
        let given = Given {
            kind: said.kind.unwrap_or_default(),
            packet: info.packet,
            server,
            address: said.your,
            to: info.to.ip(),
        };
        if let Some(same) = exchange.answer.as_ref().filter(|a| (a.kind, a.server) == (given.kind, server)) {
            let variant = if same.to == given.to { "duplicate" } else { "relayed" };
            return event.variant(variant).with("first_packet", Datum::Uint(same.packet));
        }
        exchange.answer = Some(given);
        if !grants {
            self.leases.remove(&key.hw);
            return event;
        }
        if asked.variant == "selecting"
            && let Some((packet, time_ns)) = exchange.discover
        {
            event = event
                .with("discover_packet", Datum::Uint(packet))
                .with("frames", Datum::Frames(exchange.frames.to_vec()))
                .with("took", Datum::Duration(info.time_ns.saturating_sub(time_ns)));
        }
        if asked.kind != kind::INFORM && said.your != [0; 4] {
            let lease = Lease { address: said.your, packet: info.packet, time_ns: info.time_ns };
            self.remember(&key.hw, lease);
        }
        event.variant(match (asked.kind, asked.variant) {
            (kind::INFORM, _) => "inform",
            (_, "renewing" | "rebinding") => "renewed",
            (_, "init-reboot") => "confirmed",
            _ => "",
        })
    }

    /// A client is done with an address, or found that it is not free.
    fn gives_back(&mut self, info: &MessageInfo, said: &Message<'_>, key: &Key, kind: Kind) -> Event {
        let given = if kind == Kind::DhcpDecline { said.requested } else { None }.unwrap_or(said.client);
        let mut event = about(kind, info, said);
        // RFC 2131 table 5: a release names it in ciaddr, a refusal in option 50.
        event =
            if given == [0; 4] { event.variant("no-address") } else { event.with("address", address(given)) };
        if let Some(server) = said.server_id {
            event = event.with("server", address(server));
        }
        if let Some(lease) = self.leases.get(&key.hw).filter(|l| l.address == given) {
            event = event
                .with("ack_packet", Datum::Uint(lease.packet))
                .with("held", Datum::Duration(info.time_ns.saturating_sub(lease.time_ns)));
        }
        self.leases.remove(&key.hw);
        event
    }

    fn remember(&mut self, hw: &Hw, lease: Lease) {
        if self.leases.insert(hw.clone(), lease).is_none() {
            self.remembered.push_back(hw.clone());
        }
        while self.remembered.len() > MAX_LEASES {
            if let Some(oldest) = self.remembered.pop_front() {
                self.leases.remove(&oldest);
            }
        }
    }

    fn open(&mut self, info: &MessageInfo, key: &Key, events: &mut Vec<Event>) {
        while self.exchanges.len() >= MAX_EXCHANGES || self.due.len() >= 2 * MAX_EXCHANGES {
            let Some((_, serial, key)) = self.due.pop_front() else { break };
            let Some(exchange) = self.exchanges.get(&key).filter(|e| e.serial == serial) else { continue };
            if !exchange.is_settled() && !self.told_limit {
                self.told_limit = true;
                events.push(
                    Event::new(Kind::MemoryLimit, info.packet, Some(info.flow))
                        .variant("requests")
                        .with("layer", Datum::Text("dhcp".to_owned()))
                        .with("limit", Datum::Uint(MAX_EXCHANGES as u64)),
                );
            }
            self.exchanges.remove(&key);
        }
        self.serial += 1;
        self.due.push_back((info.time_ns.saturating_add(PATIENCE_NS), self.serial, key.clone()));
        let exchange = Exchange {
            serial: self.serial,
            flow: info.flow,
            discover: None,
            offers: ArrayVec::new(),
            asked: None,
            answer: None,
            frames: ArrayVec::new(),
            last_packet: info.packet,
            last_ns: info.time_ns,
        };
        self.exchanges.insert(key.clone(), exchange);
    }
}

impl Exchange {
    fn note(&mut self, info: &MessageInfo) {
        (self.last_packet, self.last_ns) = (info.packet, info.time_ns);
        // The first ones are those that the story needs.
        let _ = self.frames.try_push(info.packet);
    }

    fn is_settled(&self) -> bool {
        self.answer.is_some()
    }

    /// Whether this is a relay's copy of the latest question.
    fn is_relayed(&self, kind: u8, variant: &str, said: &Message<'_>) -> bool {
        let last = self.asked.as_ref();
        last.is_some_and(|a| a.kind == kind && a.variant == variant && a.relay != said.relay)
    }

    /// The client has chosen a server: which offer that was, and which others come to nothing.
    fn choose(&self, said: &Message<'_>, event: Event) -> Event {
        let server = said.server_id.map(|s| IpAddr::from(Ipv4Addr::from(s)));
        let (taken, left): (Vec<_>, Vec<_>) = self.offers.iter().partition(|o| Some(o.server) == server);
        let mut event = event;
        if let Some(taken) = taken.last() {
            event = event.with("offer_packet", Datum::Uint(taken.packet));
        }
        if !left.is_empty() {
            event = event.with("not_taken", Datum::Frames(left.iter().map(|o| o.packet).collect()));
        }
        event
    }
}

/// What a client is about with a request: the table of RFC 2131 section 4.3.2.
fn state(info: &MessageInfo, said: &Message<'_>) -> &'static str {
    let in_use = said.client != [0; 4];
    match (said.server_id.is_some(), said.requested.is_some(), in_use) {
        (true, true, false) => "selecting",
        (false, true, false) => "init-reboot",
        // Relays pass on only what was sent to all.
        (false, false, true) if is_broadcast(info.to.ip()) || said.relay != [0; 4] => "rebinding",
        (false, false, true) => "renewing",
        _ => "unclear",
    }
}

fn is_broadcast(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V4(v4) if v4.is_broadcast())
}

fn unanswered(key: &Key, exchange: &Exchange, now_ns: i64) -> Option<Event> {
    if exchange.is_settled() {
        return None;
    }
    let asked = exchange.asked.as_ref()?;
    let (variant, severity) = match asked.kind {
        kind::DISCOVER if exchange.offers.is_empty() => ("discover", Severity::Warn),
        kind::DISCOVER => ("offer", Severity::Note),
        kind::INFORM => ("inform", Severity::Note),
        _ => ("", Severity::Warn),
    };
    let mut event = Event::new(Kind::DhcpUnanswered, exchange.last_packet, Some(exchange.flow))
        .variant(variant)
        .severity(severity)
        .with("xid", number(key.id))
        .with("hw", hardware(&key.hw))
        .with("first_packet", Datum::Uint(asked.first_packet))
        .with("attempts", Datum::Uint(asked.attempts))
        .with("waited", Datum::Duration(now_ns.saturating_sub(exchange.last_ns)));
    if let Some(wanted) = asked.address {
        event = event.with("address", address(wanted));
    }
    if variant == "offer" {
        event = event.with("not_taken", Datum::Frames(exchange.offers.iter().map(|o| o.packet).collect()));
    }
    Some(event)
}

/// What is told of every message.
fn about(kind: Kind, info: &MessageInfo, said: &Message<'_>) -> Event {
    let event = Event::new(kind, info.packet, Some(info.flow))
        .with("xid", number(said.id))
        .with("hw", hardware(said.hw_addr));
    if said.relay == [0; 4] { event } else { event.with("relay", address(said.relay)) }
}

/// What an offer or an acknowledgment brings.
fn settings(mut event: Event, said: &Message<'_>) -> Event {
    let list = |addresses: &[[u8; 4]]| {
        let texts: Vec<_> = addresses.iter().map(|a| Ipv4Addr::from(*a).to_string()).collect();
        Datum::Text(texts.join(", "))
    };
    if let Some(mask) = said.mask {
        event = event.with("mask", address(mask));
    }
    if !said.routers.is_empty() {
        event = event.with("router", list(&said.routers));
    }
    if !said.dns.is_empty() {
        event = event.with("dns", list(&said.dns));
    }
    if !said.domain.is_empty() {
        event = event.with("domain", Datum::Text(String::from_utf8_lossy(&said.domain).into_owned()));
    }
    for (name, seconds) in [("lease", said.lease), ("t1", said.renewal), ("t2", said.rebinding)] {
        match seconds {
            Some(FOREVER) if name == "lease" => event = event.with("forever", Datum::Flag(true)),
            Some(FOREVER) | None => {}
            Some(seconds) => event = event.with(name, Datum::Duration(i64::from(seconds) * 1_000_000_000)),
        }
    }
    event
}

fn number(id: u32) -> Datum {
    Datum::Text(format!("0x{id:08x}"))
}

fn address(bytes: [u8; 4]) -> Datum {
    Datum::Ip(Ipv4Addr::from(bytes).into())
}

fn hardware(bytes: &[u8]) -> Datum {
    match bytes.try_into() {
        Ok(mac) => Datum::Mac(mac),
        Err(_) if bytes.is_empty() => Datum::Text("?".to_owned()),
        Err(_) => Datum::Text(bytes.iter().map(|b| format!("{b:02x}")).collect()),
    }
}
