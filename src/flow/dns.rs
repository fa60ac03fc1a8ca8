//! Following DNS: which response answers which query, what was asked again, and what was never answered.
//!
//! RFC 1035 section 4.1.1 (the identifier "can be used by the requester to match up replies"), 7.3 (matching),
//! RFC 5452 section 9.1 (a response must match endpoints, identifier and question), RFC 2308 section 2 (no such
//! name, no such data), RFC 1035 section 4.2.1 with RFC 7766 (truncation), RFC 6762 and 4795 (multicast),
//! RFC 2136 (updates), 1996 (notify), 5936 (zone transfers).
//! Leaves out: following aliases or referrals over several queries, and zone transfers beyond their first message.
//!
//! Works on whole messages, from UDP or out of a TCP stream (without the two bytes of length). Memory is bounded:
//! [`MAX_QUERIES`] queries, [`MAX_ANSWERS`] past answers; a query leaves the table [`PATIENCE_NS`] after it was
//! last asked.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use foldhash::quality::RandomState;

use super::event::{Datum, Event, FlowId, Kind, Severity};
use crate::protocol::dns::{self, Answer, Dialect, Message, Question, registry};
use crate::wire::{Cursor, Malformed, Off, Problem};

#[cfg(test)]
mod tests;

/// How long an answer is waited for, in capture time: what resolvers wait (RFC 1035 section 4.2.1 asks for 2 to 5 s).
pub const PATIENCE_NS: i64 = 5_000_000_000;
/// How many queries are remembered.
pub const MAX_QUERIES: usize = 16 * 1024;
/// Of how many questions the last answer is remembered.
pub const MAX_ANSWERS: usize = 2048;
/// Of how many clients it is remembered that their queries are captured.
const MAX_CLIENTS: usize = 4096;
/// Ports of multicast DNS and LLMNR.
const MDNS: u16 = 5353;
const LLMNR: u16 = 5355;

/// Where a message came from.
#[derive(Debug, Clone, Copy)]
pub struct MessageInfo {
    /// The packet that brings, or completes, the message.
    pub packet: u64,
    /// Its time, in nanoseconds since 1970.
    pub time_ns: i64,
    /// The conversation.
    pub flow: FlowId,
    /// Who sent the message.
    pub from: SocketAddr,
    /// To whom.
    pub to: SocketAddr,
    /// Whether it came in a TCP stream.
    pub over_tcp: bool,
    /// Whether all of it was captured: what is missing from a cut capture is not the sender's fault.
    pub whole: bool,
}

/// What makes a response that query's (RFC 5452 section 9.1).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    client: SocketAddr,
    /// The unspecified address where the query went to a group: anyone may answer.
    server: SocketAddr,
    id: u16,
    over_tcp: bool,
    /// Lower case: servers need not keep the letters as they were (RFC 4343).
    question: Option<Question>,
}

/// A query, for as long as an answer to it may come.
#[derive(Debug)]
struct Query {
    /// Tells this entry from an earlier one under the same key.
    serial: u64,
    flow: FlowId,
    first_packet: u64,
    last_packet: u64,
    last_ns: i64,
    tries: u64,
    group: bool,
    answered: Option<u64>,
    /// The client asked the same again from another port: that one is waited for.
    repeated: bool,
}

/// The last answer to a question by one server.
#[derive(Debug)]
struct Past {
    packet: u64,
    time_ns: i64,
    ttl: u32,
}

/// Pairs DNS queries and responses.
#[derive(Debug, Default)]
pub struct DnsTracker {
    queries: HashMap<Arc<Key>, Query, RandomState>,
    /// When which query is due to be looked at; entries of queries that are gone are passed over.
    due: VecDeque<(i64, u64, Arc<Key>)>,
    answers: HashMap<Arc<(IpAddr, Question)>, Past, RandomState>,
    /// Keys of `answers`, oldest first.
    remembered: VecDeque<Arc<(IpAddr, Question)>>,
    /// Clients whose queries pass the capture point, and since when the first of all was seen.
    clients: HashSet<IpAddr, RandomState>,
    since_ns: Option<i64>,
    /// The latest query of a client, whatever its port: resolvers repeat a question from another one.
    asking: HashMap<Arc<Key>, Arc<Key>, RandomState>,
    serial: u64,
    /// The latest time that was seen.
    now_ns: i64,
    /// Whether it has been said that queries had to be forgotten.
    told_limit: bool,
}

impl DnsTracker {
    /// A tracker that has seen nothing.
    pub fn new() -> DnsTracker {
        DnsTracker::default()
    }

    /// One message. Call [`DnsTracker::expire`] with the packet's time before.
    pub fn message(&mut self, info: &MessageInfo, bytes: &[u8], events: &mut Vec<Event>) {
        self.now_ns = self.now_ns.max(info.time_ns);
        self.since_ns.get_or_insert(info.time_ns);
        let dialect = Dialect::of_ports(info.from.port(), info.to.port());
        let (said, trouble) = dns::read_as(&mut Cursor::new(bytes, 0, bytes.len(), &mut Off), dialect);
        // Twelve bytes are a header; with fewer it is not known what the message is.
        if bytes.len() >= 12 {
            let event = match said.response {
                false => self.query(info, &said, events),
                true => self.response(info, &said),
            };
            events.push(tellable(event));
        }
        if let Some(bad) = trouble.filter(|bad| info.whole || bad.problem == Problem::Content) {
            events.push(malformed(info, &bad));
        }
    }

    /// Time has stepped far back: another recording begins. Queries still open start waiting anew.
    pub fn back_to(&mut self, now_ns: i64) {
        self.now_ns = now_ns;
        self.since_ns = Some(now_ns);
        for query in self.queries.values_mut() {
            query.last_ns = query.last_ns.min(now_ns);
        }
    }

    /// Tells the queries that have been waiting too long at this time.
    pub fn expire(&mut self, now_ns: i64, events: &mut Vec<Event>) {
        self.now_ns = self.now_ns.max(now_ns);
        while let Some((due, ..)) = self.due.front()
            && *due <= self.now_ns
        {
            self.settle(events);
        }
    }

    /// The capture has ended: tells every query that nothing answered.
    pub fn finish(&mut self, events: &mut Vec<Event>) {
        self.expire(self.now_ns, events);
        let mut rest: Vec<_> = self.queries.drain().collect();
        rest.sort_by_key(|(_, query)| query.serial);
        for (key, query) in rest {
            // "Not yet" is not "not": the capture ended before patience did.
            let ended = unanswered(&key, &query, self.now_ns).map(|e| e.variant("capture-ended"));
            events.extend(ended.map(tellable));
        }
        self.due.clear();
    }

    /// Looks at the query that is due first: asked again since, answered, or unanswered.
    fn settle(&mut self, events: &mut Vec<Event>) {
        let Some((_, serial, key)) = self.due.pop_front() else { return };
        let Some(query) = self.queries.get(&key).filter(|q| q.serial == serial) else { return };
        let due = query.last_ns.saturating_add(PATIENCE_NS);
        if due > self.now_ns {
            self.due.push_back((due, serial, key));
            return;
        }
        events.extend(unanswered(&key, query, self.now_ns).map(tellable));
        self.queries.remove(&key);
    }

    fn query(&mut self, info: &MessageInfo, said: &Message, events: &mut Vec<Event>) -> Event {
        let group = is_group(info.to.ip());
        let key = Arc::new(Key {
            client: info.from,
            server: if group { anyone(info.to) } else { info.to },
            id: said.id,
            over_tcp: info.over_tcp,
            question: said.question.as_ref().map(lower),
        });
        if self.clients.len() < MAX_CLIENTS {
            self.clients.insert(info.from.ip());
        }
        let mut event =
            about(Kind::DnsQuery, info, said).with("recursion_desired", Datum::Flag(said.recursion_desired));
        // A full multicast DNS querier goes on asking (RFC 6762 section 5.2) and its answers go to the group, under
        // no identifier: there is nothing to pair.
        if group && info.from.port() == MDNS {
            return asked_of_all(event, said);
        }
        event = wish(event, said);
        if let Some(before) = self.queries.get_mut(&key).filter(|q| q.answered.is_none()) {
            before.tries += 1;
            event = event
                .variant("retry")
                .severity(Severity::Note)
                .with("first_packet", Datum::Uint(before.first_packet))
                .with("attempts", Datum::Uint(before.tries))
                .with("waited", Datum::Duration(info.time_ns - before.last_ns));
            (before.last_packet, before.last_ns) = (info.packet, info.time_ns);
            return event;
        }
        if group {
            event = asked_of_all(event, said);
        }
        let mut query = Query {
            serial: 0,
            flow: info.flow,
            first_packet: info.packet,
            last_packet: info.packet,
            last_ns: info.time_ns,
            tries: 1,
            group,
            answered: None,
            repeated: false,
        };
        if let Some(before) = self.same_from_elsewhere(&key) {
            before.repeated = true;
            query.tries = before.tries + 1;
            query.first_packet = before.first_packet;
            event = event
                .variant("retry")
                .severity(Severity::Note)
                .with("first_packet", Datum::Uint(before.first_packet))
                .with("attempts", Datum::Uint(query.tries))
                .with("waited", Datum::Duration(info.time_ns - before.last_ns));
        }
        self.make_room(info, events);
        self.serial += 1;
        query.serial = self.serial;
        self.due.push_back((info.time_ns.saturating_add(PATIENCE_NS), self.serial, Arc::clone(&key)));
        self.queries.insert(key, query);
        event
    }

    /// The unanswered query that this one repeats: same client, server, identifier and question, another port
    /// (RFC 5452 section 9.2 has resolvers draw a new one each time).
    fn same_from_elsewhere(&mut self, key: &Arc<Key>) -> Option<&mut Query> {
        let asker = Arc::new(Key { client: SocketAddr::new(key.client.ip(), 0), ..(**key).clone() });
        if self.asking.len() >= 2 * MAX_QUERIES {
            self.asking.clear();
        }
        let before = self.asking.insert(asker, Arc::clone(key))?;
        self.queries.get_mut(&before).filter(|query| query.answered.is_none() && before != *key)
    }

    /// Keeps both the table and the list of what is due within bounds.
    fn make_room(&mut self, info: &MessageInfo, events: &mut Vec<Event>) {
        while self.queries.len() >= MAX_QUERIES || self.due.len() >= 2 * MAX_QUERIES {
            let Some((_, serial, key)) = self.due.pop_front() else { return };
            let Some(query) = self.queries.get(&key).filter(|q| q.serial == serial) else { continue };
            if query.answered.is_none() && !self.told_limit {
                self.told_limit = true;
                events.push(
                    Event::new(Kind::MemoryLimit, info.packet, Some(info.flow))
                        .variant("dns")
                        .with("layer", Datum::Text("dns".to_owned()))
                        .with("limit", Datum::Uint(MAX_QUERIES as u64)),
                );
            }
            self.queries.remove(&key);
        }
    }

    fn response(&mut self, info: &MessageInfo, said: &Message) -> Event {
        let mut event = about(Kind::DnsResponse, info, said)
            .with("rcode", Datum::Uint(said.rcode.into()))
            .with("rcode_name", Datum::Text(registry::rcode_text(said.rcode)))
            .with("answers", Datum::Uint(said.counts[1].into()))
            .with("authoritative", Datum::Flag(said.authoritative))
            .with("truncated", Datum::Flag(said.truncated));
        let texts: Vec<_> = said.answers.iter().map(|a| a.text.as_str()).filter(|t| !t.is_empty()).collect();
        if !texts.is_empty() {
            event = event.with("first_answers", Datum::Text(texts.join(", ")));
        }
        if let Some(ttl) = said.min_ttl {
            event = event.with("ttl", Datum::Uint(ttl.into()));
        }
        let past = self.remember(info, said);
        let Some(query) = self.asked(info, said) else {
            if info.from.port() == MDNS && !said.answers.is_empty() {
                return announced(event, said);
            }
            // Multicast DNS announces what nobody asked for (RFC 6762 section 8.3), and answers to groups.
            let multicast = info.from.port() == MDNS || is_group(info.to.ip());
            // That nobody asked can only be said where this client's questions are captured, and were for as
            // long as an answer may take.
            let watched = self.clients.contains(&info.to.ip())
                && self.since_ns.is_some_and(|since| info.time_ns - since >= PATIENCE_NS);
            let (variant, severity) = match (multicast, watched) {
                (true, _) => ("multicast", Severity::Chat),
                (false, true) => ("unasked", Severity::Note),
                (false, false) => ("query-not-seen", Severity::Chat),
            };
            return event.variant(variant).severity(severity);
        };
        event = event
            .with("query_packet", Datum::Uint(query.last_packet))
            .with("after", Datum::Duration(info.time_ns - query.last_ns));
        if query.tries > 1 {
            event = event
                .with("attempts", Datum::Uint(query.tries))
                .with("first_packet", Datum::Uint(query.first_packet));
        }
        if let Some(before) = query.answered {
            return event
                .variant("duplicate")
                .severity(Severity::Note)
                .with("first_response", Datum::Uint(before));
        }
        query.answered = Some(info.packet);
        let (variant, severity) = outcome(said);
        match past {
            Some((packet, ttl)) if variant.is_empty() => event
                .variant("cached")
                .with("earlier_packet", Datum::Uint(packet))
                .with("earlier_ttl", Datum::Uint(ttl.into())),
            None if variant.is_empty() && said.min_ttl == Some(0) => event.variant("not-kept"),
            _ => event.variant(variant).severity(severity),
        }
    }

    /// The query that a response answers.
    fn asked(&mut self, info: &MessageInfo, said: &Message) -> Option<&mut Query> {
        let key = |server: SocketAddr, question: Option<Question>| Key {
            client: info.to,
            server,
            id: said.id,
            over_tcp: info.over_tcp,
            question,
        };
        let question = said.question.as_ref().map(lower);
        // What was asked without a question (an inverse query, RFC 1035 section 6.4) may be answered with one.
        for exact in [key(info.from, question.clone()), key(info.from, None)] {
            if self.queries.contains_key(&exact) {
                return self.queries.get_mut(&exact);
            }
        }
        let port = info.from.port();
        if port == MDNS || port == LLMNR {
            return self.queries.get_mut(&key(anyone(info.from), question));
        }
        None
    }

    /// Remembers how long an answer may be kept. Returns an earlier answer's packet and time to live, where this
    /// one is evidently the same from a cache: just as much smaller as time has passed since.
    fn remember(&mut self, info: &MessageInfo, said: &Message) -> Option<(u64, u32)> {
        let (ttl, question) = (said.min_ttl?, said.question.as_ref().map(lower)?);
        let key = Arc::new((info.from.ip(), question));
        if let Some(past) = self.answers.get_mut(&key) {
            let passed = (info.time_ns - past.time_ns) / 1_000_000_000;
            let spent = i64::from(past.ttl) - i64::from(ttl);
            // Caches count whole seconds, from a moment that is not seen: one more or less is the same.
            let cached = !said.authoritative && spent > 0 && (spent - passed).abs() <= 1;
            if cached {
                return Some((past.packet, past.ttl));
            }
            *past = Past { packet: info.packet, time_ns: info.time_ns, ttl };
            return None;
        }
        if self.remembered.len() >= MAX_ANSWERS
            && let Some(oldest) = self.remembered.pop_front()
        {
            self.answers.remove(&oldest);
        }
        self.remembered.push_back(Arc::clone(&key));
        self.answers.insert(key, Past { packet: info.packet, time_ns: info.time_ns, ttl });
        None
    }
}

/// What of a list of records a sentence can hold.
const TOLD_RECORDS: usize = 4;

/// Records as `name type data`, and how many there are beyond those told.
fn listed(
    event: Event,
    key: &'static str,
    records: &[Answer],
    all: u16,
    with: impl Fn(&Answer) -> String,
) -> Event {
    let told: Vec<_> = records.iter().take(TOLD_RECORDS).map(with).collect();
    let more = usize::from(all).saturating_sub(told.len());
    let event = event.with(key, Datum::Text(told.join("; ")));
    if more > 0 { event.with("more_records", Datum::Uint(more as u64)) } else { event }
}

fn record_text(record: &Answer) -> String {
    format!("{} {} {}", record.name, registry::type_text(record.rtype), record.text).trim_end().to_owned()
}

/// An answer of multicast DNS, which goes to all and needs no question (RFC 6762 section 6, 8.3); a lifetime of zero
/// takes back what was said before (section 10.1).
fn announced(event: Event, said: &Message) -> Event {
    let goodbye =
        said.answers.len() >= usize::from(said.counts[1]) && said.answers.iter().all(|a| a.ttl == 0);
    listed(event, "records", &said.answers, said.counts[1], record_text).variant(if goodbye {
        "goodbye"
    } else {
        "announcement"
    })
}

/// A question to all on the link. With records in the authority section it is a probe: whether a name may be taken
/// (RFC 6762 section 8.1); with answers it tells what need not be said again (section 7.1).
fn asked_of_all(event: Event, said: &Message) -> Event {
    if !said.authorities.is_empty() {
        return listed(event, "records", &said.authorities, said.counts[2], record_text).variant("probe");
    }
    let mut event = event.variant("multicast");
    if !said.more_questions.is_empty() {
        event = event.with("more_questions", Datum::Uint(u64::from(said.counts[0]) - 1));
    }
    if said.counts[1] > 0 {
        event = event.with("known_answers", Datum::Uint(said.counts[1].into()));
    }
    event
}

/// What is wanted, where it is not a record of one type.
fn wish(event: Event, said: &Message) -> Event {
    const NOTIFY: u8 = 4;
    match (said.opcode, said.question.as_ref().map(|q| q.rtype)) {
        (dns::UPDATE, Some(_)) if !said.authorities.is_empty() => {
            listed(event, "changes", &said.authorities, said.counts[2], change).variant("update")
        }
        (NOTIFY, Some(_)) => event.variant("notify"),
        (0, Some(251 | 252)) => event.variant("transfer"),
        (0, Some(255)) => event.variant("any"),
        _ => event,
    }
}

/// One change of an update: what the class and an empty record mean there (RFC 2136 section 2.5).
fn change(record: &Answer) -> String {
    const NONE: u16 = 254;
    const ANY: u16 = 255;
    match record.class {
        ANY if record.rtype == 255 => format!("- {} *", record.name),
        ANY | NONE => format!("- {}", record_text(record)),
        _ => format!("+ {}", record_text(record)),
    }
}

/// How a query ended, by its response.
fn outcome(said: &Message) -> (&'static str, Severity) {
    match said.rcode {
        0 if said.truncated => ("truncated", Severity::Note),
        // RFC 2308 section 2.2: no answer, and an SOA or nothing beside it, is "no such data"; name servers
        // without an SOA refer to those who know.
        0 if said.opcode == 0 && said.counts[1] == 0 => match (said.authority_ns, said.authority_soa) {
            (true, false) if !said.authoritative => ("referral", Severity::Chat),
            _ => ("empty", Severity::Note),
        },
        0 => ("", Severity::Chat),
        3 => ("nxdomain", Severity::Note),
        _ => ("error", Severity::Warn),
    }
}

/// A query's event, where nothing came. Nobody owes a group an answer.
fn unanswered(key: &Key, query: &Query, now_ns: i64) -> Option<Event> {
    if query.answered.is_some() || query.group || query.repeated {
        return None;
    }
    let event = Event::new(Kind::DnsUnanswered, query.last_packet, Some(query.flow))
        .with("id", Datum::Uint(key.id.into()))
        .with("server", Datum::Ip(key.server.ip()))
        .with("first_packet", Datum::Uint(query.first_packet))
        .with("attempts", Datum::Uint(query.tries))
        .with("waited", Datum::Duration(now_ns - query.last_ns));
    Some(with_question(event, key.question.as_ref()))
}

/// What is told of every message.
fn about(kind: Kind, info: &MessageInfo, said: &Message) -> Event {
    let mut event = Event::new(kind, info.packet, Some(info.flow))
        .with("id", Datum::Uint(said.id.into()))
        .with("src", Datum::Ip(info.from.ip()))
        .with("transport", Datum::Text(if info.over_tcp { "tcp" } else { "udp" }.to_owned()));
    if said.opcode != 0 {
        let name = registry::opcode_name(said.opcode);
        let name = name.map_or_else(|| said.opcode.to_string(), str::to_owned);
        event = event.with("opcode", Datum::Text(name));
    }
    with_question(event, said.question.as_ref())
}

fn with_question(event: Event, question: Option<&Question>) -> Event {
    match question {
        Some(q) => event
            .with("name", Datum::Text(q.name.clone()))
            .with("type", Datum::Text(registry::type_text(q.rtype))),
        None => event,
    }
}

/// The sentence must fit what is there: a message without a question has no name to be told with, one of another
/// opcode asks nothing, and records of some types have no short form.
fn tellable(event: Event) -> Event {
    let has = |key| event.get(key).is_some();
    let variant = if has("records") || has("changes") || event.variant == "notify" {
        event.variant
    } else if !has("name") {
        "no-question"
    } else if has("opcode") {
        "other-opcode"
    } else if event.kind == Kind::DnsResponse
        && matches!(event.variant, "" | "cached" | "not-kept")
        && !(has("first_answers") && has("ttl"))
    {
        "no-short-form"
    } else {
        event.variant
    };
    event.variant(variant)
}

fn malformed(info: &MessageInfo, bad: &Malformed) -> Event {
    let variant = if bad.need == 0 { "content" } else { "" };
    Event::new(Kind::Malformed, info.packet, Some(info.flow))
        .variant(variant)
        .with("layer", Datum::Text("dns".to_owned()))
        .with("field", Datum::Text(bad.field.to_owned()))
        .with("offset", Datum::Uint(bad.at as u64))
        .with("needed", Datum::Uint(bad.need as u64))
        .with("had", Datum::Uint(bad.have as u64))
}

fn lower(question: &Question) -> Question {
    Question { name: question.name.to_ascii_lowercase(), ..*question }
}

/// Whether more than one machine hears what is sent there.
fn is_group(address: IpAddr) -> bool {
    address.is_multicast() || matches!(address, IpAddr::V4(v4) if v4.is_broadcast())
}

/// Any address, at this port.
fn anyone(endpoint: SocketAddr) -> SocketAddr {
    let address = match endpoint {
        SocketAddr::V4(_) => IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED),
    };
    SocketAddr::new(address, endpoint.port())
}
