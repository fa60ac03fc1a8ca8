//! Cookies by their size and their bytes: those too large to come back, and what stands in one as it is.
//!
//! RFC 6265 sections 4.1.1 (which bytes) and 6.1 (how large). Names, with a request: `crumb.longest`, the length of the longest cookie that
//! it returns, name and value; `crumb.raw`, how many bytes beyond ASCII its cookies have; `crumb.lost`, `.lost_length`, `.lost_packet`: a cookie
//! of more than 4096 bytes, its length, the response that set it, where another cookie set there comes back and this one does not.
//!
//! Bounded: [`MAX_KNOWN`] clients and hosts, then all are forgotten; [`MAX_BESIDE`] other cookies of a response. Leaves out: cookies with
//! attributes, which may have stayed away for another reason; packets with several heads; HTTP/2.

use std::collections::HashMap;
use std::net::IpAddr;

use foldhash::fast::RandomState;

use crate::capture::Frame;
use crate::decode::Packet;
use crate::flow::{Datum, FlowId, Kind, Outcome, http};
use crate::notes::expression::{self, Operand};

use super::{Memory, heads, segment};

/// Clients and hosts with a large cookie.
const MAX_KNOWN: usize = 1_024;
/// Cookies that were set beside it.
const MAX_BESIDE: usize = 8;
/// A browser keeps so many bytes of a cookie at least.
const FLOOR: usize = 4_096;

/// The names, and the kinds of their values.
pub const NAMES: &[(&str, expression::Kind)] = &[
    ("crumb.longest", expression::Kind::Number),
    ("crumb.raw", expression::Kind::Number),
    ("crumb.lost", expression::Kind::Text),
    ("crumb.lost_length", expression::Kind::Number),
    ("crumb.lost_packet", expression::Kind::Number),
];

/// A cookie that may be too large.
#[derive(Debug, Clone)]
struct Large {
    packet: u64,
    name: String,
    length: usize,
    beside: Vec<String>,
}

/// The memory.
#[derive(Debug, Default)]
pub struct Crumbs {
    longest: Option<usize>,
    raw: Option<usize>,
    lost: Option<Large>,
    /// By client and server.
    large: HashMap<(IpAddr, IpAddr), Large, RandomState>,
}

impl Crumbs {
    fn request(&mut self, head: &[u8], ends: (IpAddr, IpAddr)) {
        let field = |line: &&[u8]| line.get(..7).is_some_and(|name| name.eq_ignore_ascii_case(b"cookie:"));
        let raw = |line: &[u8]| line.iter().filter(|b| !b.is_ascii()).count();
        let mut lines = head.split(|b| *b == b'\n').filter(field).peekable();
        if lines.peek().is_none() {
            return;
        }
        self.raw = Some(lines.map(raw).sum());
        let pairs: Vec<&str> =
            heads::values(head, "cookie").flat_map(|v| v.split(';')).map(str::trim).collect();
        // The sign between name and value is not counted.
        self.longest = pairs.iter().map(|pair| pair.len().saturating_sub(1)).max();
        let returns = |name: &str| pairs.iter().any(|p| p.split('=').next() == Some(name));
        let lost = self.large.get(&ends).filter(|l| !returns(&l.name) && l.beside.iter().any(|n| returns(n)));
        self.lost = lost.cloned();
    }

    fn response(&mut self, head: &[u8], ends: (IpAddr, IpAddr), packet: u64) {
        let plain = heads::values(head, "set-cookie").filter(|cookie| !cookie.contains(';'));
        let cookies: Vec<(&str, usize)> = plain
            .filter_map(|cookie| Some((cookie.split_once('=')?.0.trim(), cookie.len() - 1)))
            .take(MAX_BESIDE)
            .collect();
        let Some((name, length)) = cookies.iter().find(|(_, length)| *length > FLOOR) else { return };
        let beside = cookies.iter().filter(|(n, length)| n != name && *length <= FLOOR);
        let large = Large {
            packet,
            name: (*name).to_owned(),
            length: *length,
            beside: beside.map(|(name, _)| (*name).to_owned()).collect(),
        };
        if self.large.len() >= MAX_KNOWN {
            self.large.clear();
        }
        self.large.insert(ends, large);
    }
}

impl Memory for Crumbs {
    fn packet(&mut self, frame: &Frame<'_>, packet: &Packet<'_>, outcome: &Outcome) {
        (self.longest, self.raw, self.lost) = (None, None, None);
        let message =
            outcome.events.iter().find(|e| matches!(e.kind, Kind::HttpRequest | Kind::HttpResponse));
        let Some(event) = message.filter(|e| e.packet == frame.number) else { return };
        let [head] = http::heads(frame.bytes, &outcome.context)[..] else { return };
        let Some(at) = segment(frame, packet) else { return };
        match (event.kind, event.get("code")) {
            (Kind::HttpRequest, _) => self.request(head, (at.from.0, at.to.0)),
            (_, Some(Datum::Uint(200..))) => self.response(head, (at.to.0, at.from.0), frame.number),
            _ => {}
        }
    }

    fn values(&self, name: &str, _: Option<FlowId>, each: &mut dyn FnMut(Operand<'_>)) {
        let lost = self.lost.as_ref();
        let number = match name {
            "crumb.longest" => self.longest.map(|n| n as u64),
            "crumb.raw" => self.raw.map(|n| n as u64),
            "crumb.lost_length" => lost.map(|l| l.length as u64),
            "crumb.lost_packet" => lost.map(|l| l.packet),
            "crumb.lost" => return lost.into_iter().for_each(|l| each(Operand::Text(&l.name))),
            _ => None,
        };
        number.into_iter().for_each(|n| each(Operand::Int(n.into())));
    }
}
