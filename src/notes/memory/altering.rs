//! Answers in clear that a proxy has changed.
//!
//! RFC 9112 section 11.3. A host that is asked for something, and asks another for the same path before it answers, passes on. With its
//! answer, where the text differs from the one that it got: `altered.packet`, that one; `altered.before`, `altered.after`, the two texts.
//! Only where both came whole, uncoded, each in one segment, and as plain text.
//!
//! Bounded: one request a host that is asked, [`MAX_KNOWN`] hosts, then all are forgotten; texts of at most [`MAX_TEXT`] bytes; a request
//! is passed on and answered within [`PASSING_NS`].

use std::collections::HashMap;
use std::net::IpAddr;

use foldhash::fast::RandomState;

use crate::capture::Frame;
use crate::decode::{Header, Packet};
use crate::flow::{Datum, Event, FlowId, Kind, Outcome};
use crate::notes::expression::{self, Operand};

use super::Memory;

/// Hosts whose last request is remembered.
const MAX_KNOWN: usize = 1_024;
/// Longest text that is compared.
const MAX_TEXT: usize = 256;
/// How long after a request the answer to it may come.
const PASSING_NS: i64 = 10_000_000_000;

/// The names, and the kinds of their values.
pub const NAMES: &[(&str, expression::Kind)] = &[
    ("altered.packet", expression::Kind::Number),
    ("altered.before", expression::Kind::Text),
    ("altered.after", expression::Kind::Text),
];

/// A request that a host owes the answer to.
#[derive(Debug)]
struct Open {
    client: IpAddr,
    packet: u64,
    time_ns: i64,
    uri: String,
    /// The request that the host made for it.
    asked: Option<u64>,
    /// The answer to that: packet and text.
    got: Option<(u64, String)>,
}

/// The memory.
#[derive(Debug, Default)]
pub struct Altering {
    open: HashMap<IpAddr, Open, RandomState>,
    /// The answer before it was passed on, and its text behind the proxy and before it.
    now: Option<(u64, String, String)>,
}

/// Of a URI, what no proxy changes.
fn path(uri: &str) -> &str {
    uri.strip_prefix("http://").map_or(uri, |rest| rest.find('/').map_or("/", |at| &rest[at..]))
}

/// The text of an answer that is in this segment as a whole.
fn whole(payload: &[u8], event: &Event) -> Option<String> {
    let plain =
        matches!(event.get("content_type"), Some(Datum::Text(kind)) if kind.starts_with("text/plain"));
    if !plain
        || !event.variant.is_empty()
        || event.get("content_encoding").is_some()
        || !payload.starts_with(b"HTTP/1.")
    {
        return None;
    }
    let mut body = payload.windows(4).position(|w| w == b"\r\n\r\n").map(|at| &payload[at + 4..])?;
    if matches!(event.get("chunked"), Some(Datum::Flag(true))) {
        let line = body.windows(2).position(|w| w == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&body[..line]).ok()?.trim(), 16).ok()?;
        let end = (line + 2).checked_add(size)?;
        // One chunk, and the end.
        body.get(end..).filter(|rest| *rest == b"\r\n0\r\n\r\n")?;
        body = &body[line + 2..end];
    } else if !matches!(event.get("content_length"), Some(Datum::Uint(n)) if *n == body.len() as u64) {
        return None;
    }
    let text = std::str::from_utf8(body).ok()?.trim();
    (!text.is_empty() && text.len() <= MAX_TEXT && !text.chars().any(char::is_control))
        .then(|| text.to_owned())
}

fn segment<'a>(frame: &Frame<'a>, packet: &Packet<'_>) -> Option<(IpAddr, IpAddr, &'a [u8])> {
    let (src, dst): (IpAddr, IpAddr) = match &packet.ip()?.header {
        Header::Ipv4(h) => (h.source().into(), h.destination().into()),
        Header::Ipv6(h) => (h.source().into(), h.destination().into()),
        _ => return None,
    };
    let tcp = packet.transport()?;
    let Header::Tcp(header) = &tcp.header else { return None };
    let len = packet.transport_len.saturating_sub(header.header_len());
    let end = tcp.header_end.saturating_add(len).min(frame.bytes.len());
    Some((src, dst, frame.bytes.get(tcp.header_end..end)?))
}

impl Altering {
    fn request(&mut self, packet: u64, time_ns: i64, (src, dst): (IpAddr, IpAddr), uri: &str) {
        if let Some(open) = self.open.get_mut(&src)
            && open.asked.is_none()
            && open.client != dst
            && time_ns - open.time_ns < PASSING_NS
            && path(&open.uri) == path(uri)
        {
            open.asked = Some(packet);
        }
        if self.open.len() >= MAX_KNOWN && !self.open.contains_key(&dst) {
            self.open.clear();
        }
        let open = Open { client: src, packet, time_ns, uri: uri.to_owned(), asked: None, got: None };
        self.open.insert(dst, open);
    }

    fn response(
        &mut self,
        packet: u64,
        time_ns: i64,
        (src, dst): (IpAddr, IpAddr),
        answered: u64,
        body: String,
    ) {
        if let Some(open) = self.open.get_mut(&dst)
            && open.asked == Some(answered)
        {
            open.got = Some((packet, body.clone()));
        }
        if self.open.get(&src).is_some_and(|open| open.packet == answered)
            && let Some(open) = self.open.remove(&src)
            && time_ns - open.time_ns < PASSING_NS
            && let Some((before, text)) = open.got
            && text != body
        {
            self.now = Some((before, text, body));
        }
    }
}

impl Memory for Altering {
    fn packet(&mut self, frame: &Frame<'_>, packet: &Packet<'_>, outcome: &Outcome) {
        self.now = None;
        for event in outcome.events.iter().filter(|event| event.packet == frame.number) {
            let (request, response) = (event.kind == Kind::HttpRequest, event.kind == Kind::HttpResponse);
            if !(request || response) || event.get("decrypted").is_some() {
                continue;
            }
            let Some((src, dst, payload)) = segment(frame, packet).filter(|(src, dst, _)| src != dst) else {
                continue;
            };
            let ends = (src, dst);
            match (event.get("uri"), event.get("request_packet")) {
                (Some(Datum::Text(uri)), _) if request => {
                    self.request(frame.number, frame.time_ns, ends, uri)
                }
                (_, Some(Datum::Frames(answered))) if response => {
                    if let (Some(&answered), Some(body)) = (answered.first(), whole(payload, event)) {
                        self.response(frame.number, frame.time_ns, ends, answered, body);
                    }
                }
                (_, Some(&Datum::Uint(answered))) if response => {
                    if let Some(body) = whole(payload, event) {
                        self.response(frame.number, frame.time_ns, ends, answered, body);
                    }
                }
                _ => {}
            }
        }
    }

    fn values(&self, name: &str, _: Option<FlowId>, each: &mut dyn FnMut(Operand<'_>)) {
        let Some((packet, before, after)) = &self.now else { return };
        match name {
            "altered.packet" => each(Operand::Int((*packet).into())),
            "altered.before" => each(Operand::Text(before)),
            "altered.after" => each(Operand::Text(after)),
            _ => {}
        }
    }
}
