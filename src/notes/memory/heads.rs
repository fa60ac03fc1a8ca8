//! What heads of HTTP/1 messages say to one another: a response to its request, a request to what came before it.
//!
//! RFC 9110 sections 12 (negotiation), 13 (conditions), 14 (ranges); RFC 9112 section 9.6 (Connection). Names:
//!
//! * of the one request behind the one response in this packet: `asked.accept`, `.language`, `.coding`, `.agent`, `.since` (If-Modified-Since),
//!   `.tag` (If-None-Match), `.secure` (Upgrade-Insecure-Requests), `.authorized` (there is an Authorization) as they stand there; `.plain`,
//!   that it has no condition; `.from`, the byte from which it wants all the rest (Range); `.fits`, whether its Accept covers the type
//!   that came, `.named`, whether by name; `.newer`, whether what came was modified after `.since`; `.repeated`,
//!   whether its body, where it is in one packet with the head, is that of the request before it with this method and address;
//! * of the answer before to the same client and address, where it was of another type: `before.packet`, `.type`; and of the same server to the same path under another
//!   host: `host.packet`, `host.name`, where the two differ (ETag, length or code);
//! * of the connection: `said.close_packet`, the first message that said Connection: close, `said.keep_packet`, the last response that
//!   said keep-alive; `said.length`, with a body, what its head said of it; `said.unsure`, with a 304, whether the response in `stored_packet` said no-cache;
//! * of the one request in this packet: `again.packet`, `.code`, `.gap`, the failure (500, 502, 503, 504) of the same request before, and the time
//!   since; `.before`, the time that had been left before that; `sibling.method`, `sibling.packet`, the same address asked with another
//!   method; `own.origin`, whether its Origin is the host that it goes to;
//! * `wsgi.packet`, `wsgi.server`, with a response: one for the same path, shortly before, by a server that runs Python programs.
//!
//! Bounded: [`MAX_KNOWN`] entries of each sort, then all of that sort are forgotten; [`MAX_PENDING`] requests a connection; values of at most
//! [`MAX_VALUE`] bytes. Leaves out: packets with several heads, HTTP/2.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, Hash};
use std::net::IpAddr;

use foldhash::fast::{FixedState, RandomState};

use crate::capture::Frame;
use crate::decode::Packet;
use crate::flow::{Event, FlowId, Kind, Outcome, http};
use crate::notes::expression::{self, Operand};

use super::{Memory, segment};

/// Entries of each sort.
const MAX_KNOWN: usize = 4_096;
/// Requests of a connection that wait for their responses.
const MAX_PENDING: usize = 64;
/// Longest value that is kept.
const MAX_VALUE: usize = 1_024;
/// How long after the program's answer the web server's may come.
const PASSING_NS: i64 = 10_000_000_000;

/// The names, and the kinds of their values.
pub const NAMES: &[(&str, expression::Kind)] = &[
    ("asked.accept", expression::Kind::Text),
    ("asked.language", expression::Kind::Text),
    ("asked.coding", expression::Kind::Text),
    ("asked.agent", expression::Kind::Text),
    ("asked.since", expression::Kind::Text),
    ("asked.tag", expression::Kind::Text),
    ("asked.secure", expression::Kind::Text),
    ("asked.authorized", expression::Kind::Flag),
    ("asked.plain", expression::Kind::Flag),
    ("asked.from", expression::Kind::Number),
    ("asked.fits", expression::Kind::Flag),
    ("asked.named", expression::Kind::Flag),
    ("asked.newer", expression::Kind::Flag),
    ("asked.repeated", expression::Kind::Flag),
    ("before.packet", expression::Kind::Number),
    ("before.type", expression::Kind::Text),
    ("host.packet", expression::Kind::Number),
    ("host.name", expression::Kind::Text),
    ("said.close_packet", expression::Kind::Number),
    ("said.keep_packet", expression::Kind::Number),
    ("said.length", expression::Kind::Number),
    ("said.unsure", expression::Kind::Flag),
    ("again.packet", expression::Kind::Number),
    ("again.code", expression::Kind::Number),
    ("again.gap", expression::Kind::Time),
    ("again.before", expression::Kind::Time),
    ("sibling.packet", expression::Kind::Number),
    ("sibling.method", expression::Kind::Text),
    ("own.origin", expression::Kind::Flag),
    ("wsgi.packet", expression::Kind::Number),
    ("wsgi.server", expression::Kind::Text),
];

/// Header fields that responses are held against, by the names of their values.
const ASKED: [(&str, &str); 7] = [
    ("asked.accept", "accept"),
    ("asked.language", "accept-language"),
    ("asked.coding", "accept-encoding"),
    ("asked.agent", "user-agent"),
    ("asked.since", "if-modified-since"),
    ("asked.tag", "if-none-match"),
    ("asked.secure", "upgrade-insecure-requests"),
];

type Map<K, V> = HashMap<K, V, RandomState>;

/// A request whose response is still to come.
#[derive(Debug, Clone)]
struct Asked {
    packet: u64,
    method: String,
    host: String,
    uri: String,
    client: IpAddr,
    server: (IpAddr, u16),
    fields: [Option<String>; ASKED.len()],
    authorized: bool,
    conditional: bool,
    from: Option<u64>,
    body: Option<u64>,
}

#[derive(Debug, Clone)]
struct Answer {
    packet: u64,
    media_type: String,
}

#[derive(Debug, Clone)]
struct Page {
    packet: u64,
    host: String,
    digest: u64,
}

#[derive(Debug, Clone, Copy)]
struct Failure {
    packet: u64,
    code: u64,
    time_ns: i64,
    gap: Option<i64>,
}

#[derive(Debug, Default)]
struct Said {
    close: Option<u64>,
    keep: Option<u64>,
    asked: VecDeque<Asked>,
}

/// What there is to say of the packet at hand.
#[derive(Debug, Default)]
struct Now {
    flow: Option<FlowId>,
    asked: Option<Asked>,
    fits: Option<(bool, bool)>,
    newer: Option<bool>,
    repeated: Option<bool>,
    before: Option<Answer>,
    host: Option<Page>,
    length: Option<u64>,
    unsure: Option<bool>,
    again: Option<(Failure, i64)>,
    other: Option<(u64, String)>,
    own_origin: Option<bool>,
    wsgi: Option<(u64, String)>,
}

/// The memory.
#[derive(Debug, Default)]
pub struct Heads {
    now: Now,
    said: Map<FlowId, Said>,
    /// By client, host, address: what came last.
    answers: Map<u64, Answer>,
    /// By server, port, path: what came last.
    pages: Map<u64, Page>,
    /// By packet: lengths of bodies, and whether Cache-Control said no-cache.
    lengths: Map<u64, u64>,
    unsure: Map<u64, bool>,
    /// By client, method, host, address: how they failed, what their bodies were.
    failures: Map<u64, Failure>,
    bodies: Map<u64, u64>,
    /// By client, host, address: the last request.
    methods: Map<u64, (u64, String)>,
    /// By path: the last answer of a server of Python programs.
    programs: Map<u64, (u64, String, i64)>,
}

fn put<V>(map: &mut Map<u64, V>, key: u64, value: V) {
    if map.len() >= MAX_KNOWN {
        map.clear();
    }
    map.insert(key, value);
}

fn hash(of: impl Hash) -> u64 {
    FixedState::default().hash_one(of)
}

/// The value of a header field that stands there once.
pub(super) fn value<'h>(head: &'h [u8], name: &str) -> Option<&'h str> {
    let mut all = values(head, name);
    let first = all.next()?;
    all.next().is_none().then_some(first).filter(|value| value.len() <= MAX_VALUE)
}

/// The values of header fields of this name. What is no text is left out.
pub(super) fn values<'h>(head: &'h [u8], name: &str) -> impl Iterator<Item = &'h str> {
    head.split(|b| *b == b'\n').skip(1).filter_map(move |line| {
        let line = std::str::from_utf8(line).ok()?;
        let (known, value) = line.split_once(':')?;
        known.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// A media type without parameters.
fn essence(text: &str) -> String {
    text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Whether a list of media types covers one, and whether it names it.
fn covers(accept: &str, media_type: &str) -> Option<(bool, bool)> {
    let wanted = essence(media_type);
    let (kind, _) = wanted.split_once('/')?;
    let mut found = (false, false);
    for one in accept.split(',') {
        let refused = one.split(';').skip(1).any(|p| matches!(p.trim(), "q=0" | "q=0.0" | "q=0.000"));
        let one = essence(one);
        let named = one == wanted;
        if refused {
            continue;
        }
        found.0 |= named || one == "*/*" || one.strip_suffix("/*") == Some(kind);
        found.1 |= named;
    }
    Some(found)
}

/// `bytes=N-`, N above 0: the rest from there.
fn rest_from(range: &str) -> Option<u64> {
    range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok().filter(|n| *n > 0)
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

/// An HTTP date (IMF-fixdate) as something that can be ordered.
fn date(text: &str) -> Option<(u32, usize, u32, &str)> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut parts = text.strip_suffix(" GMT")?.split_once(", ")?.1.split(' ');
    let day = parts.next()?.parse().ok()?;
    let month = parts.next()?;
    let month = MONTHS.iter().position(|m| *m == month)?;
    let year = parts.next()?.parse().ok()?;
    parts.next().filter(|time| time.len() == 8).map(|time| (year, month, day, time))
}

impl Heads {
    fn said(&mut self, flow: FlowId) -> &mut Said {
        if self.said.len() >= MAX_KNOWN && !self.said.contains_key(&flow) {
            self.said.clear();
        }
        self.said.entry(flow).or_default()
    }

    fn request(&mut self, event: &Event, head: &[u8], at: &super::Segment<'_>, flow: FlowId, now_ns: i64) {
        let (Some(method), Some(uri)) = (event.text("method"), event.text("uri")) else { return };
        let host = event.text("host").unwrap_or_default().to_ascii_lowercase();
        let client = at.from.0;
        let own = |name: &str| value(head, name).map(str::to_owned);
        let asked = Asked {
            packet: event.packet,
            method: method.to_owned(),
            host,
            uri: uri.to_owned(),
            client,
            server: at.to,
            fields: ASKED.map(|(_, name)| own(name)),
            authorized: values(head, "authorization").next().is_some(),
            conditional: [
                "if-none-match",
                "if-modified-since",
                "if-match",
                "if-unmodified-since",
                "if-range",
            ]
            .iter()
            .any(|name| values(head, name).next().is_some()),
            from: value(head, "range").and_then(rest_from),
            body: at
                .payload
                .strip_prefix(head)
                .filter(|body| event.uint("content_length") == Some(body.len() as u64))
                .map(hash),
        };
        self.now.own_origin =
            value(head, "origin").and_then(|o| o.split_once("://")).map(|(_, authority)| {
                let bare =
                    |name: &str| name.trim_end_matches(":80").trim_end_matches(":443").to_ascii_lowercase();
                bare(authority) == bare(&asked.host)
            });
        let same = hash((client, method, &asked.host, uri));
        if let Some(failure) = self.failures.get_mut(&same) {
            let gap = now_ns - failure.time_ns;
            self.now.again = Some((*failure, gap));
            failure.gap = Some(gap);
        }
        let place = hash((client, &asked.host, uri));
        let before = self.methods.get(&place).filter(|(_, known)| known != method);
        self.now.other = before.cloned();
        put(&mut self.methods, place, (event.packet, method.to_owned()));
        let said = self.said(flow);
        if said.asked.len() >= MAX_PENDING {
            said.asked.pop_front();
        }
        said.asked.push_back(asked);
    }

    fn response(&mut self, event: &Event, head: &[u8], flow: FlowId, now_ns: i64) {
        let (Some(code), Some(request)) = (event.uint("code"), event.uint("request_packet")) else {
            return;
        };
        if code < 200 {
            return;
        }
        let said = self.said(flow);
        let Some(at) = said.asked.iter().position(|asked| asked.packet == request) else { return };
        // Those before it have had their answers, seen or not.
        let Some(asked) = said.asked.drain(..=at).next_back() else { return };
        let media_type = event.text("content_type").unwrap_or_default();
        self.now.fits = asked.fields[0].as_deref().and_then(|accept| covers(accept, media_type));
        let modified = value(head, "last-modified").and_then(date);
        let since = asked.fields[4].as_deref().and_then(date);
        self.now.newer = modified.zip(since).map(|(modified, since)| modified > since);
        let place = hash((asked.client, &asked.host, &asked.uri));
        if code == 200 && asked.method == "GET" {
            let media_type = essence(media_type);
            self.now.before = self.answers.get(&place).filter(|a| a.media_type != media_type).cloned();
            put(&mut self.answers, place, Answer { packet: event.packet, media_type });
            let no_cache = values(head, "cache-control")
                .any(|v| v.split(',').any(|directive| directive.trim().eq_ignore_ascii_case("no-cache")));
            put(&mut self.unsure, event.packet, no_cache);
        }
        self.now.unsure = event.uint("stored_packet").and_then(|stored| self.unsure.get(&stored).copied());
        let name = without_port(&asked.host);
        let is_name = name.bytes().any(|b| b.is_ascii_alphabetic()) && !name.contains(':');
        if asked.method == "GET" && !asked.conditional && asked.from.is_none() && is_name {
            let page = Page {
                packet: event.packet,
                host: name.to_owned(),
                digest: hash((code, value(head, "etag"), event.uint("content_length"))),
            };
            let key = hash((asked.server, &asked.uri));
            let other = self.pages.get(&key).filter(|p| p.host != page.host && p.digest != page.digest);
            self.now.host = other.cloned();
            put(&mut self.pages, key, page);
        }
        let same = hash((asked.client, asked.method.as_str(), &asked.host, &asked.uri));
        self.now.repeated = asked.body.zip(self.bodies.get(&same)).map(|(now, before)| now == *before);
        match asked.body {
            Some(body) => put(&mut self.bodies, same, body),
            None => _ = self.bodies.remove(&same),
        }
        if matches!(code, 500 | 502 | 503 | 504) {
            let gap = self.failures.get(&same).and_then(|failure| failure.gap);
            put(&mut self.failures, same, Failure { packet: event.packet, code, time_ns: now_ns, gap });
        } else {
            self.failures.remove(&same);
        }
        let server = value(head, "server").unwrap_or_default();
        let runs_programs = ["gunicorn", "waitress", "uwsgi", "wsgi"]
            .iter()
            .any(|name| server.to_ascii_lowercase().contains(name));
        let path = hash(&asked.uri);
        let program = self.programs.get(&path).filter(|(.., then)| now_ns - then < PASSING_NS);
        self.now.wsgi = program.map(|(packet, server, _)| (*packet, server.clone()));
        if runs_programs {
            put(&mut self.programs, path, (event.packet, server.to_owned(), now_ns));
        }
        self.now.asked = Some(asked);
    }

    /// What a message says of its connection.
    fn connection(&mut self, event: &Event, head: &[u8], flow: FlowId) {
        let says = |what: &str| {
            values(head, "connection").any(|v| v.split(',').any(|o| o.trim().eq_ignore_ascii_case(what)))
        };
        let (close, keep) = (says("close"), says("keep-alive") && event.kind == Kind::HttpResponse);
        if let Some(length) = event.uint("content_length") {
            put(&mut self.lengths, event.packet, length);
        }
        let said = self.said(flow);
        if close {
            said.close.get_or_insert(event.packet);
        }
        if keep {
            said.keep = Some(event.packet);
        }
    }
}

impl Memory for Heads {
    fn packet(&mut self, frame: &Frame<'_>, packet: &Packet<'_>, outcome: &Outcome) {
        self.now = Now { flow: outcome.flow, ..Now::default() };
        let Some(flow) = outcome.flow else { return };
        let here = || outcome.events.iter().filter(|e| e.packet == frame.number && e.flow == Some(flow));
        if let Some(body) = here().find(|e| e.kind == Kind::HttpBody) {
            self.now.length = body.uint("head_packet").and_then(|at| self.lengths.get(&at).copied());
        }
        let is_message = |e: &&Event| {
            matches!(e.kind, Kind::HttpRequest | Kind::HttpResponse) && e.get("stream_id").is_none()
        };
        let mut messages = here().filter(is_message);
        // Of several in one packet it could not be said which is meant.
        let (Some(event), None) = (messages.next(), messages.next()) else { return };
        let [head] = http::heads(frame.bytes, &outcome.context)[..] else { return };
        self.connection(event, head, flow);
        if let Some(body) = here().find(|e| e.kind == Kind::HttpBody) {
            self.now.length = body.uint("head_packet").and_then(|at| self.lengths.get(&at).copied());
        }
        let Some(at) = segment(frame, packet) else { return };
        match event.kind {
            Kind::HttpRequest => self.request(event, head, &at, flow, frame.time_ns),
            _ => self.response(event, head, flow, frame.time_ns),
        }
    }

    fn forget(&mut self, flow: FlowId) {
        self.said.remove(&flow);
    }

    fn values(&self, name: &str, flow: Option<FlowId>, each: &mut dyn FnMut(Operand<'_>)) {
        let now = &self.now;
        let asked = now.asked.as_ref();
        if let Some(at) = ASKED.iter().position(|(known, _)| *known == name) {
            let value = asked.and_then(|asked| asked.fields[at].as_deref());
            return value.into_iter().for_each(|value| each(Operand::Text(value)));
        }
        let said = flow.or(now.flow).and_then(|flow| self.said.get(&flow));
        let flag = match name {
            "asked.authorized" => asked.map(|a| a.authorized),
            "asked.plain" => asked.map(|a| !a.conditional),
            "asked.fits" => now.fits.map(|(fits, _)| fits),
            "asked.named" => now.fits.map(|(_, named)| named),
            "asked.newer" => now.newer,
            "asked.repeated" => now.repeated,
            "said.unsure" => now.unsure,
            "own.origin" => now.own_origin,
            _ => None,
        };
        let number = match name {
            "asked.from" => asked.and_then(|a| a.from),
            "before.packet" => now.before.as_ref().map(|b| b.packet),
            "host.packet" => now.host.as_ref().map(|h| h.packet),
            "said.close_packet" => said.and_then(|s| s.close),
            "said.keep_packet" => said.and_then(|s| s.keep),
            "said.length" => now.length,
            "again.packet" => now.again.map(|(f, _)| f.packet),
            "again.code" => now.again.map(|(f, _)| f.code),
            "sibling.packet" => now.other.as_ref().map(|o| o.0),
            "wsgi.packet" => now.wsgi.as_ref().map(|w| w.0),
            _ => None,
        };
        let time = match name {
            "again.gap" => now.again.map(|(_, gap)| gap),
            "again.before" => now.again.and_then(|(failure, _)| failure.gap),
            _ => None,
        };
        let text = match name {
            "before.type" => now.before.as_ref().map(|b| &b.media_type),
            "host.name" => now.host.as_ref().map(|h| &h.host),
            "sibling.method" => now.other.as_ref().map(|(_, method)| method),
            "wsgi.server" => now.wsgi.as_ref().map(|(_, server)| server),
            _ => None,
        };
        flag.into_iter().for_each(|yes| each(Operand::Bool(yes)));
        number.into_iter().for_each(|n| each(Operand::Int(n.into())));
        time.into_iter().for_each(|ns| each(Operand::Time(ns.into())));
        text.into_iter().for_each(|text| each(Operand::Text(text)));
    }
}
