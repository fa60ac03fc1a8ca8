//! Visits by HTTP: what came before a request, and which earlier exchange a request or response goes back to.
//!
//! RFC 9110 sections 9.2.2 (idempotent methods) and 15.4 (redirection), RFC 9112 section 9.3. Names, all of the packet's own connection:
//! `visit.name`, `visit.name_packet`: the name for which DNS had given the server's address before the connection was opened;
//! `visit.syn_packet`, `visit.hello_packet`, `visit.tunnel_packet`: its first SYN, its first ClientHello, the response that made a tunnel
//! of it; `visit.requests`: how many there have been, this packet's with them; `visit.response_packet`, `visit.since_response`: the last
//! final response before this packet.
//!
//! Of the one request in this packet: `visit.redirect_packet`, `visit.redirect_code`, `visit.redirect_method`: the response that sent this
//! client to this address, until it has gone there, and the method it answered; `visit.uri_encoded`, `visit.uri_raw`: bytes beyond ASCII in its address, as
//! `%XX` and as they are. Of the one response: `visit.asked_length`: length of the request's body; `visit.hostless_packet`:
//! the request, if it was HTTP/1.1 and had no Host; `visit.same_packet`, `visit.same_length`, `visit.same_code`, `visit.same_location`: an
//! earlier request of this client with this method and address, the length of its body, and what came of it.
//!
//! Bounded: [`MAX_KNOWN`] entries of each sort, then all of that sort are forgotten; [`MAX_PENDING`] requests a connection.
//! Leaves out: addresses that DNS gave to another client than the one that connects.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use foldhash::fast::RandomState;

use crate::capture::Frame;
use crate::decode::Packet;
use crate::flow::{Event, FlowId, Kind, Outcome};
use crate::notes::expression::{self, Operand};

use super::Memory;

/// Connections, names, addresses remembered, each.
const MAX_KNOWN: usize = 8_192;
/// Requests remembered of a connection, until their responses come.
const MAX_PENDING: usize = 64;

/// The names, and the kinds of their values.
pub const NAMES: &[(&str, expression::Kind)] = &[
    ("visit.name", expression::Kind::Text),
    ("visit.name_packet", expression::Kind::Number),
    ("visit.syn_packet", expression::Kind::Number),
    ("visit.hello_packet", expression::Kind::Number),
    ("visit.tunnel_packet", expression::Kind::Number),
    ("visit.requests", expression::Kind::Number),
    ("visit.response_packet", expression::Kind::Number),
    ("visit.since_response", expression::Kind::Time),
    ("visit.redirect_packet", expression::Kind::Number),
    ("visit.redirect_code", expression::Kind::Number),
    ("visit.redirect_method", expression::Kind::Text),
    ("visit.uri_encoded", expression::Kind::Number),
    ("visit.uri_raw", expression::Kind::Number),
    ("visit.asked_length", expression::Kind::Number),
    ("visit.hostless_packet", expression::Kind::Number),
    ("visit.same_packet", expression::Kind::Number),
    ("visit.same_code", expression::Kind::Number),
    ("visit.same_length", expression::Kind::Number),
    ("visit.same_location", expression::Kind::Text),
];

type Map<K, V> = HashMap<K, V, RandomState>;

/// A request whose response is still to come.
#[derive(Debug, Clone)]
struct Asked {
    packet: u64,
    target: Target,
    length: Option<u64>,
    hostless: bool,
}

/// What a request asks for: client, method, whether inside TLS, host, path and query.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Target {
    client: IpAddr,
    method: String,
    secure: bool,
    host: String,
    path: String,
}

#[derive(Debug, Default)]
struct Visit {
    name: Option<(String, u64)>,
    syn: Option<u64>,
    hello: Option<u64>,
    tunnel: Option<u64>,
    requests: u64,
    response: Option<(u64, i64)>,
    asked: VecDeque<Asked>,
}

#[derive(Debug, Clone)]
struct Redirect {
    packet: u64,
    code: u64,
    method: String,
}

#[derive(Debug, Clone)]
struct Earlier {
    packet: u64,
    code: u64,
    length: Option<u64>,
    location: Option<String>,
}

/// What there is to say of the packet at hand.
#[derive(Debug, Default)]
struct Now {
    flow: Option<FlowId>,
    response: Option<(u64, i128)>,
    redirect: Option<Redirect>,
    uri: Option<(u64, u64)>,
    asked: Option<Asked>,
    same: Option<Earlier>,
}

/// The memory.
#[derive(Debug, Default)]
pub struct Visits {
    now: Now,
    visits: Map<FlowId, Visit>,
    /// Client and address, to the name that DNS has given it for.
    names: Map<(IpAddr, IpAddr), (String, u64)>,
    /// By where they lead to; the method there is empty.
    redirects: Map<Target, Redirect>,
    exchanges: Map<Target, Earlier>,
}

fn put<K: std::hash::Hash + Eq, V>(map: &mut Map<K, V>, key: K, value: V) {
    if map.len() >= MAX_KNOWN {
        map.clear();
    }
    map.insert(key, value);
}

/// Bytes beyond ASCII: written as `%XX`, and as they are.
fn beyond_ascii(uri: &str) -> (u64, u64) {
    // An event shortens a long address, and says so with this mark.
    let uri = uri.strip_suffix('…').unwrap_or(uri);
    let encoded = uri.as_bytes().windows(3).filter(|w| {
        w[0] == b'%' && matches!(w[1], b'8' | b'9' | b'a'..=b'f' | b'A'..=b'F') && w[2].is_ascii_hexdigit()
    });
    (encoded.count() as u64, uri.bytes().filter(|b| !b.is_ascii()).count() as u64)
}

impl Target {
    fn of(event: &Event, client: IpAddr) -> Option<Target> {
        Some(Target {
            client,
            method: event.text("method")?.to_owned(),
            secure: event.get("decrypted").is_some(),
            host: event.text("host").unwrap_or_default().to_ascii_lowercase(),
            path: event.text("uri")?.to_owned(),
        })
    }

    /// Where a Location leads to from here. Paths that do not begin with a slash are left out.
    fn redirected(&self, location: &str) -> Option<Target> {
        let location = location.split('#').next().unwrap_or_default();
        let next = |secure, host: &str, path: &str| Target {
            client: self.client,
            method: String::new(),
            secure,
            host: host.to_ascii_lowercase(),
            path: if path.is_empty() { "/".to_owned() } else { path.to_owned() },
        };
        if location.starts_with('/') && !location.starts_with("//") {
            return Some(next(self.secure, &self.host, location));
        }
        let (scheme, rest) = location.split_once("://")?;
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        Some(next(scheme.eq_ignore_ascii_case("https"), host, path))
    }
}

impl Visits {
    fn visit(&mut self, flow: FlowId) -> &mut Visit {
        if self.visits.len() >= MAX_KNOWN && !self.visits.contains_key(&flow) {
            self.visits.clear();
        }
        self.visits.entry(flow).or_default()
    }

    /// The addresses that an answer gives, for the host that gets it.
    fn answered(&mut self, event: &Event, asker: IpAddr) {
        let Some(name) = event.text("name") else { return };
        let answers = event.text("first_answers").unwrap_or_default();
        for address in answers.split([',', ' ']).filter_map(|part| part.parse::<IpAddr>().ok()) {
            put(&mut self.names, (asker, address), (name.to_owned(), event.packet));
        }
    }

    fn request(&mut self, event: &Event, flow: FlowId, client: IpAddr) {
        let Some(target) = Target::of(event, client) else { return };
        let mut place = target.clone();
        place.method.clear();
        self.now.redirect = self.redirects.remove(&place);
        self.now.uri = Some(beyond_ascii(&target.path));
        let asked = Asked {
            packet: event.packet,
            hostless: event.text("version") == Some("HTTP/1.1") && target.host.is_empty(),
            length: event.uint("content_length"),
            target,
        };
        let visit = self.visit(flow);
        visit.requests += 1;
        if visit.asked.len() >= MAX_PENDING {
            visit.asked.pop_front();
        }
        visit.asked.push_back(asked);
    }

    fn response(&mut self, event: &Event, flow: FlowId, now_ns: i64) {
        let Some(code) = event.uint("code") else { return };
        let visit = self.visit(flow);
        if event.variant == "tunnel" {
            visit.tunnel = Some(event.packet);
        }
        if code < 200 {
            return;
        }
        visit.response = Some((event.packet, now_ns));
        let Some(request) = event.uint("request_packet") else { return };
        let (method, uri) = (event.text("method"), event.text("uri"));
        let mine = |a: &Asked| {
            a.packet == request && method == Some(&a.target.method) && uri == Some(&a.target.path)
        };
        let Some(at) = visit.asked.iter().position(mine) else { return };
        let Some(asked) = visit.asked.remove(at) else { return };
        let location = event.text("location").map(str::to_owned);
        if (300..400).contains(&code)
            && let Some(place) = location.as_deref().and_then(|l| asked.target.redirected(l))
        {
            let method = asked.target.method.clone();
            put(&mut self.redirects, place, Redirect { packet: event.packet, code, method });
        }
        self.now.same = self.exchanges.get(&asked.target).cloned();
        put(
            &mut self.exchanges,
            asked.target.clone(),
            Earlier { packet: request, code, length: asked.length, location },
        );
        self.now.asked = Some(asked);
    }
}

impl Memory for Visits {
    fn packet(&mut self, frame: &Frame<'_>, packet: &Packet<'_>, outcome: &Outcome) {
        self.now = Now::default();
        let Some(flow) = outcome.flow else { return };
        self.now.flow = Some(flow);
        if let Some(visit) = self.visits.get(&flow) {
            self.now.response = visit.response.map(|(n, ns)| (n, i128::from(frame.time_ns) - i128::from(ns)));
        }
        let here = || outcome.events.iter().filter(|e| e.packet == frame.number && e.flow == Some(flow));
        for event in here() {
            let Some((src, dst)) = packet.addresses() else { return };
            match event.kind {
                Kind::DnsResponse => self.answered(event, dst),
                Kind::TcpSyn => {
                    let name = self.names.get(&(src, dst)).cloned();
                    let visit = self.visit(flow);
                    if visit.syn.is_none() {
                        (visit.syn, visit.name) = (Some(event.packet), name);
                    }
                }
                Kind::TlsClientHello => _ = self.visit(flow).hello.get_or_insert(event.packet),
                Kind::HttpRequest => self.request(event, flow, src),
                Kind::HttpResponse => self.response(event, flow, frame.time_ns),
                _ => {}
            }
        }
        // Of several in one packet it could not be said which is meant.
        let several = |kind: Kind| here().filter(|e| e.kind == kind).count() > 1;
        if several(Kind::HttpRequest) {
            (self.now.redirect, self.now.uri) = (None, None);
        }
        if several(Kind::HttpResponse) {
            (self.now.asked, self.now.same) = (None, None);
        }
    }

    fn forget(&mut self, flow: FlowId) {
        self.visits.remove(&flow);
    }

    fn values(&self, name: &str, flow: Option<FlowId>, each: &mut dyn FnMut(Operand<'_>)) {
        let now = &self.now;
        let mut int = |n: Option<u64>| n.into_iter().for_each(|n| each(Operand::Int(n.into())));
        let redirect = now.redirect.as_ref();
        let same = now.same.as_ref();
        match name {
            "visit.response_packet" => return int(now.response.map(|(packet, _)| packet)),
            "visit.redirect_packet" => return int(redirect.map(|r| r.packet)),
            "visit.redirect_code" => return int(redirect.map(|r| r.code)),
            "visit.uri_encoded" => return int(now.uri.map(|(encoded, _)| encoded)),
            "visit.uri_raw" => return int(now.uri.map(|(_, raw)| raw)),
            "visit.asked_length" => return int(now.asked.as_ref().and_then(|a| a.length)),
            "visit.hostless_packet" => {
                return int(now.asked.as_ref().filter(|a| a.hostless).map(|a| a.packet));
            }
            "visit.same_packet" => return int(same.map(|s| s.packet)),
            "visit.same_length" => return int(same.and_then(|s| s.length)),
            "visit.same_code" => return int(same.map(|s| s.code)),
            "visit.since_response" => {
                return now.response.into_iter().for_each(|(_, since)| each(Operand::Time(since)));
            }
            "visit.redirect_method" => {
                return redirect.into_iter().for_each(|r| each(Operand::Text(&r.method)));
            }
            "visit.same_location" => {
                let location = same.and_then(|s| s.location.as_deref());
                return location.into_iter().for_each(|l| each(Operand::Text(l)));
            }
            _ => {}
        }
        let Some(visit) = flow.or(now.flow).and_then(|flow| self.visits.get(&flow)) else { return };
        match name {
            "visit.name" => visit.name.iter().for_each(|(name, _)| each(Operand::Text(name))),
            "visit.name_packet" => int(visit.name.as_ref().map(|(_, packet)| *packet)),
            "visit.syn_packet" => int(visit.syn),
            "visit.hello_packet" => int(visit.hello),
            "visit.tunnel_packet" => int(visit.tunnel),
            "visit.requests" => int(Some(visit.requests).filter(|n| *n > 0)),
            _ => {}
        }
    }
}
