//! One exchange: what a request asks for and what the response says to it, as events.
//!
//! RFC 9110 section 9 (methods), 15 (status codes), 13 (conditional requests), 11 (authentication); RFC 6265 (cookies). Leaves out:
//! bodies, see `body.rs`; what is known beyond the connection, see `memory.rs`.

use super::body::{Of, tell_password};
use super::framing::{Reading, response_body};
use super::{HttpStream, MAX_PENDING, MAX_PENDING_URI, MAX_TEXT, Pending, shown};
use crate::flow::event::{Datum, Event, Kind, Severity};
use crate::flow::stream::{self, Sink, Upgrade};
use crate::protocol::http::{
    self, ContentLength, Exchange, Head, Start, TransferEncoding, cookie, credentials,
};

/// So many cookies of a message are looked at, and so many names told.
const MAX_COOKIES: usize = 50;
const MAX_NAMES: usize = 6;

impl HttpStream {
    /// A request; returns what the tree is to show of it beside its own bytes.
    pub(super) fn request(
        &mut self,
        side: usize,
        head: &Head<'_>,
        line: [&[u8]; 3],
        sink: &mut Sink<'_>,
    ) -> Option<Box<Exchange>> {
        let [method, uri, version] = line;
        if self.certain_to != u64::MAX && !self.pipelined {
            // A client that waits for each response has had all it is going to have.
            self.pending.clear();
            self.certain_to = u64::MAX;
        }
        self.requests += 1;
        let waiting = self.pending.len();
        self.pipelined |= waiting > 0;
        let known = Known::of(head, uri, sink);
        let variant = match (method, head.upgrade) {
            (b"CONNECT", _) => "connect",
            _ if waiting > 0 => "pipelined",
            (_, Some(_)) => "upgrade",
            _ if known.stored.is_some() => "conditional",
            _ if known.challenge.is_some() => "authorized",
            _ => "",
        };
        let mut event = Event::new(Kind::HttpRequest, sink.packet, Some(sink.flow))
            .variant(variant)
            .with("method", text(method, MAX_TEXT))
            .with("uri", text(uri, MAX_TEXT))
            .with("version", text(version, MAX_TEXT))
            .with("number", Datum::Uint(self.requests))
            .with("pipelined", Datum::Uint(waiting as u64));
        if let Some(host) = head.host {
            event = event.with("host", text(host, MAX_TEXT));
        }
        event = known.tell(with_body(event, head));
        sink.events.push(event);
        known.tell_more(head, uri, sink);
        if self.pending.len() == MAX_PENDING {
            self.pending.pop_front();
            self.certain_to = 0;
        }
        self.pending.push_back(Pending {
            number: self.requests,
            packet: sink.packet,
            last_ns: sink.time_ns,
            method: shown(method, MAX_PENDING_URI),
            uri: shown(uri, MAX_PENDING_URI),
            head: Box::default(),
            host: head.host.map(|host| host[..host.len().min(MAX_PENDING_URI)].to_vec()).unwrap_or_default(),
            page: sink.shared.http.page(sink.client.ip(), head.host.unwrap_or_default(), uri),
            address: if sink.wants_tree || uri.len() <= MAX_TEXT {
                let scheme = if sink.secure { "https" } else { "http" };
                http::address(scheme, &uri[..uri.len().min(MAX_TEXT)], head.host)
                    .filter(|_| method != b"CONNECT")
            } else {
                None
            },
            stored: known.stored,
        });
        self.sides[side].request = Some(self.requests);
        sink.wants_tree.then(|| {
            Box::new(Exchange {
                is_request: true,
                number: Some(self.requests),
                uri: self.pending.back().and_then(|pending| pending.address.clone()),
                cookies_from: known.cookies_from,
                ..Exchange::default()
            })
        })
    }

    /// Returns how the body is read, whose it is, and what the tree is to show beside the head. Where both directions leave HTTP
    /// here, somebody else reads on.
    pub(super) fn response(
        &mut self,
        bytes: &[u8],
        head: &Head<'_>,
        sink: &mut Sink<'_>,
    ) -> (Reading, Of, Option<Box<Exchange>>) {
        let Start::Response { version, code, phrase } = head.start else {
            return (Reading::Lost, Of::default(), None);
        };
        // RFC 9110 section 15.2: any number of interim responses may come first; 101 is the last of HTTP.
        let interim = matches!(code, 100..=199) && code != 101;
        let taken = if interim { None } else { self.pending.pop_front() };
        let request = if interim { self.pending.front() } else { taken.as_ref() };
        let is_method = |method: &str| request.is_some_and(|r| r.method == method);
        let tunnel = code == 101 || (matches!(code, 200..=299) && is_method("CONNECT"));
        let reading = if tunnel { Reading::Head } else { response_body(head, code, is_method("HEAD")) };
        let known = request.filter(|request| request.number <= self.certain_to);
        // RFC 9110 section 15.5.9: a server that waited in vain for the rest of a request may say so.
        let unfinished = request.is_none() && self.certain_to == u64::MAX && self.sides[0].sure;
        let (variant, severity) = match code {
            _ if unfinished => ("unfinished", Severity::Note),
            _ if known.is_none() => ("request-not-seen", Severity::Chat),
            101 => ("switching", Severity::Chat),
            100..=199 => ("interim", Severity::Chat),
            200..=299 if tunnel => ("tunnel", Severity::Chat),
            206 => ("partial", Severity::Chat),
            304 if known.is_some_and(|r| r.stored.is_some()) => ("not-modified-known", Severity::Chat),
            304 => ("not-modified", Severity::Chat),
            401 | 407 if head.challenge.is_some() => ("who", Severity::Note),
            300..=399 => ("redirect", Severity::Chat),
            400..=499 => ("client-error", Severity::Note),
            500..=599 => ("server-error", Severity::Warn),
            _ => ("", Severity::Chat),
        };
        let mut event = Event::new(Kind::HttpResponse, sink.packet, Some(sink.flow))
            .variant(variant)
            .severity(severity)
            .with("version", text(version, MAX_TEXT))
            .with("code", Datum::Uint(code.into()))
            .with("phrase", text(phrase, MAX_TEXT))
            .with("until_close", Datum::Flag(reading == Reading::UntilClose));
        event = with_body(event, head);
        let given = [
            ("location", head.location),
            ("content_range", head.content_range),
            ("auth_scheme", head.challenge.map(|challenge| http::credentials::scheme(challenge).0)),
        ];
        for (key, value) in given {
            if let Some(value) = value {
                event.data.push((key, text(value, MAX_TEXT)));
            }
        }
        let mut of = Of { head_packet: sink.packet, ..Of::default() };
        let mut exchange = Exchange::default();
        if let Some(request) = known {
            let after = sink.time_ns - request.last_ns;
            event = event
                .with("number", Datum::Uint(request.number))
                .with("request_packet", Datum::Uint(request.packet))
                .with("method", Datum::Text(request.method.clone()))
                .with("uri", Datum::Text(request.uri.clone()))
                .with("after", Datum::Duration(after));
            if let Some(stored) = request.stored.filter(|_| code == 304) {
                event = event.with("stored_packet", Datum::Uint(stored));
                exchange.stored_in = Some(stored);
            }
            of = Of { request_packet: Some(request.packet), uri: Some(request.uri.clone()), ..of };
            if sink.wants_tree {
                exchange.number = Some(request.number);
                exchange.request_in = Some(request.packet);
                exchange.time_ns = Some(after);
                exchange.uri = request.address.clone();
            }
        }
        sink.events.push(event);
        if tunnel {
            let upgrade = Upgrade {
                protocol: head.upgrade.filter(|_| code == 101),
                request: known.map(|r| (r.packet, r.last_ns, r.method.as_str(), r.uri.as_str())),
                request_head: known.map_or(&[], |r| &r.head),
                response_head: bytes,
            };
            sink.next = Some(stream::after_upgrade(&upgrade, sink));
        }
        if let Some(request) = known {
            let (client, packet) = (sink.client.ip(), sink.packet);
            let memory = &mut sink.shared.http;
            if code == 200 && request.method == "GET" {
                memory.store(request.page, (head.etag, head.last_modified), packet);
            }
            if matches!(code, 401 | 407) && head.challenge.is_some() {
                memory.challenge(client, &request.host, packet);
            }
            if head.set_cookie.is_some() {
                let host = request.host.clone();
                tell_cookies(bytes, &host, sink);
            }
        }
        (reading, of, sink.wants_tree.then(|| Box::new(exchange)))
    }
}

/// What was seen before that a request goes back to.
#[derive(Default)]
struct Known {
    /// The response that it asks for unless it is still the same.
    stored: Option<u64>,
    /// The response that asked who is there.
    challenge: Option<u64>,
    /// The packets that set its cookies, each once.
    cookies_from: Vec<u64>,
    /// Names of cookies that come back for the first time, and the packets that set them.
    first: (Vec<String>, Vec<u64>),
}

impl Known {
    fn of(head: &Head<'_>, uri: &[u8], sink: &mut Sink<'_>) -> Known {
        let (client, host) = (sink.client.ip(), head.host.unwrap_or_default());
        let memory = &mut sink.shared.http;
        let mut known = Known::default();
        if head.if_none_match.is_some() || head.if_modified_since.is_some() {
            let page = memory.page(client, host, uri);
            known.stored = memory.asked_again(page, (head.if_none_match, head.if_modified_since));
        }
        if head.authorization.is_some() {
            known.challenge = memory.answered(client, &host[..host.len().min(MAX_PENDING_URI)]);
        }
        for (name, value) in cookie::pairs(head.cookie.unwrap_or_default()).take(MAX_COOKIES) {
            let Some(returned) = memory.returned(client, host, name, value) else { continue };
            if !known.cookies_from.contains(&returned.set_in) {
                known.cookies_from.push(returned.set_in);
            }
            if returned.first {
                known.first.0.push(shown(name, 64));
                if !known.first.1.contains(&returned.set_in) {
                    known.first.1.push(returned.set_in);
                }
            }
        }
        known
    }

    /// What belongs to the request itself.
    fn tell(&self, mut event: Event) -> Event {
        if let Some(stored) = self.stored {
            event = event.with("stored_packet", Datum::Uint(stored));
        }
        if let Some(challenge) = self.challenge {
            event = event.with("challenge_packet", Datum::Uint(challenge));
        }
        if !self.cookies_from.is_empty() {
            event = event.with("cookies_from", Datum::Frames(self.cookies_from.clone()));
        }
        event
    }

    /// What is worth a sentence of its own.
    fn tell_more(&self, head: &Head<'_>, uri: &[u8], sink: &mut Sink<'_>) {
        let (names, frames) = &self.first;
        if !names.is_empty() {
            let event = Event::new(Kind::HttpCookie, sink.packet, Some(sink.flow))
                .variant("returned")
                .with("names", listed(names))
                .with("set_in", Datum::Frames(frames.clone()));
            sink.events.push(event);
        }
        // Inside TLS nobody on the way reads them.
        if sink.secure {
            return;
        }
        if let Some(clear) = head.authorization.and_then(credentials::basic) {
            let user = clear.split(|b| *b == b':').next().unwrap_or_default();
            let event = Event::new(Kind::HttpCredentials, sink.packet, Some(sink.flow))
                .with("user", Datum::Text(shown(user, 64)));
            sink.events.push(event);
        }
        if let Some(mark) = uri.iter().position(|b| *b == b'?') {
            tell_password("query", &uri[mark + 1..], sink);
        }
    }
}

fn listed(names: &[String]) -> Datum {
    let mut list = names[..names.len().min(MAX_NAMES)].join(", ");
    if names.len() > MAX_NAMES {
        list.push_str(", …");
    }
    Datum::Text(list)
}

/// The cookies that a response sets, and those it takes away.
fn tell_cookies(head: &[u8], host: &[u8], sink: &mut Sink<'_>) {
    let (mut set, mut removed) = (Vec::new(), Vec::new());
    for value in http::values_of(head, b"set-cookie").into_iter().take(MAX_COOKIES) {
        let Some(cookie) = cookie::set_cookie(value) else { continue };
        let list = if cookie.removes { &mut removed } else { &mut set };
        list.push(shown(cookie.name, 64));
        if !cookie.removes {
            let domain = http::param(value, b"domain");
            let domain =
                domain.as_deref().map(|d| d.strip_prefix(b".").unwrap_or(d)).filter(|d| !d.is_empty());
            let (client, packet) = (sink.client.ip(), sink.packet);
            sink.shared.http.set(client, domain.unwrap_or(host), cookie.name, cookie.value, packet);
        }
    }
    for (names, variant) in [(set, ""), (removed, "removed")] {
        if !names.is_empty() {
            let event = Event::new(Kind::HttpCookie, sink.packet, Some(sink.flow))
                .variant(variant)
                .with("names", listed(&names));
            sink.events.push(event);
        }
    }
}

/// What the head says of the body.
fn with_body(event: Event, head: &Head<'_>) -> Event {
    let chunked = head.transfer == TransferEncoding::Chunked;
    let mut event = event.with("chunked", Datum::Flag(chunked));
    if let ContentLength::Bytes(n) = head.content_length {
        event = event.with("content_length", Datum::Uint(n));
    }
    if let Some(kind) = head.content_type {
        event = event.with("content_type", text(kind, MAX_TEXT));
    }
    if let Some(coding) = head.content_encoding {
        event = event.with("content_encoding", text(coding, MAX_TEXT));
    }
    if let Some(upgrade) = head.upgrade {
        event = event.with("upgrade", text(upgrade, MAX_TEXT));
    }
    // RFC 9112 section 6.1: two lengths in one message "might indicate an attempt to perform request smuggling".
    let ambiguous = head.content_length == ContentLength::Invalid
        || (head.transfer != TransferEncoding::Absent && head.content_length != ContentLength::Absent);
    if ambiguous {
        let severity = event.severity.max(Severity::Warn);
        event = event.severity(severity).with("ambiguous_length", Datum::Flag(true));
    }
    event
}

fn text(bytes: &[u8], limit: usize) -> Datum {
    Datum::Text(shown(bytes, limit))
}
