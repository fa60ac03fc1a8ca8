//! Answers in clear that are not the same behind a proxy and before it.
//!
//! RFC 9112 section 11.3. With an answer whose text differs from the one that its sender had got to the same URI: `altered.packet`, that one;
//! `altered.before`, `altered.after`, the two texts. Only where both came whole, uncoded, each in one segment, and as plain text.
//!
//! Bounded: [`MAX_KNOWN`] answers of at most [`MAX_TEXT`] bytes, then all are forgotten; an answer is passed on within [`PASSING_NS`].

use std::collections::HashMap;
use std::net::IpAddr;

use foldhash::fast::RandomState;

use crate::capture::Frame;
use crate::decode::{Header, Packet};
use crate::flow::{Datum, Event, FlowId, Kind, Outcome};
use crate::notes::expression::{self, Operand};

use super::Memory;

/// Answers remembered, one an address that got it.
const MAX_KNOWN: usize = 1_024;
/// Longest text that is compared.
const MAX_TEXT: usize = 256;
/// How long after it came an answer may be passed on.
const PASSING_NS: i64 = 10_000_000_000;

/// The names, and the kinds of their values.
pub const NAMES: &[(&str, expression::Kind)] = &[
    ("altered.packet", expression::Kind::Number),
    ("altered.before", expression::Kind::Text),
    ("altered.after", expression::Kind::Text),
];

/// An answer that a host has got.
#[derive(Debug, Clone)]
struct Got {
    flow: FlowId,
    packet: u64,
    time_ns: i64,
    uri: String,
    body: String,
}

/// The memory.
#[derive(Debug, Default)]
pub struct Altering {
    got: HashMap<IpAddr, Got, RandomState>,
    now: Option<(Got, String)>,
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

impl Memory for Altering {
    fn packet(&mut self, frame: &Frame<'_>, packet: &Packet<'_>, outcome: &Outcome) {
        self.now = None;
        let answers = outcome.events.iter().filter(|event| event.kind == Kind::HttpResponse);
        for event in answers.filter(|event| event.packet == frame.number && event.get("decrypted").is_none())
        {
            let (Some(flow), Some(Datum::Text(uri))) = (event.flow, event.get("uri")) else { continue };
            let Some((src, dst, payload)) = segment(frame, packet) else { continue };
            let Some(body) = whole(payload, event) else { continue };
            let time_ns = frame.time_ns;
            if let Some(got) = self.got.get(&src)
                && got.flow != flow
                && time_ns - got.time_ns < PASSING_NS
                && path(&got.uri) == path(uri)
                && got.body != body
            {
                self.now = Some((got.clone(), body.clone()));
            }
            if self.got.len() >= MAX_KNOWN && !self.got.contains_key(&dst) {
                self.got.clear();
            }
            self.got.insert(dst, Got { flow, packet: frame.number, time_ns, uri: uri.clone(), body });
        }
    }

    fn values(&self, name: &str, _: Option<FlowId>, each: &mut dyn FnMut(Operand<'_>)) {
        let Some((got, body)) = &self.now else { return };
        match name {
            "altered.packet" => each(Operand::Int(got.packet.into())),
            "altered.before" => each(Operand::Text(&got.body)),
            "altered.after" => each(Operand::Text(body)),
            _ => {}
        }
    }
}
