//! Errands of forward proxies: what a client asked for with a whole URL, and the proxy then asks of the origin.
//!
//! RFC 9112 section 3.2.2 (absolute-form). Names, with an HTTP request: `errand.packet`, the client's request, `errand.client` whose it was,
//! where the one who was asked with the whole URL now asks for the same path himself; `errand.proxied`: whether this very request goes to a
//! proxy, as it has the whole URL; `errand.tunnel`: whether the one who sends it has been asked (CONNECT) for a tunnel to such a port, so that
//! it may be a client's own request, seen because the capture has the secrets of its TLS.
//!
//! Bounded: [`MAX_OPEN`] requests, as many tunnels.

use std::collections::VecDeque;
use std::net::IpAddr;

use crate::capture::Frame;
use crate::decode::{Header, Packet};
use crate::flow::{Datum, FlowId, Kind, Outcome};
use crate::notes::expression::{self, Operand};

use super::Memory;

/// Requests to proxies that are remembered.
const MAX_OPEN: usize = 256;
/// How long after a request the proxy may ask, nanoseconds.
const ERRAND_NS: i64 = 10_000_000_000;

/// The names, and the kinds of their values.
pub const NAMES: &[(&str, expression::Kind)] = &[
    ("errand.packet", expression::Kind::Number),
    ("errand.client", expression::Kind::Any),
    ("errand.proxied", expression::Kind::Flag),
    ("errand.tunnel", expression::Kind::Flag),
];

#[derive(Debug)]
struct Asked {
    client: IpAddr,
    proxy: IpAddr,
    path: String,
    packet: u64,
    time_ns: i64,
}

/// The memory.
#[derive(Debug, Default)]
pub struct Errands {
    errand: Option<(u64, IpAddr)>,
    proxied: Option<bool>,
    tunnel: bool,
    /// Who was asked for a tunnel, and to which port.
    tunnels: VecDeque<(IpAddr, u16)>,
    open: VecDeque<Asked>,
}

impl Memory for Errands {
    fn packet(&mut self, frame: &Frame<'_>, packet: &Packet<'_>, outcome: &Outcome) {
        (self.errand, self.proxied) = (None, None);
        for event in outcome.events.iter().filter(|e| e.kind == Kind::HttpRequest && e.packet == frame.number)
        {
            let Some((src, dst, port)) = ends(packet) else { return };
            let Some(Datum::Text(uri)) = event.get("uri") else { continue };
            self.tunnel = self.tunnels.contains(&(src, port));
            if event.get("method") == Some(&Datum::Text("CONNECT".into()))
                && let Some(port) = uri.rsplit(':').next().and_then(|port| port.parse().ok())
            {
                if self.tunnels.len() >= MAX_OPEN {
                    self.tunnels.pop_front();
                }
                self.tunnels.push_back((dst, port));
            }
            let path = uri.split_once("://").map(|(_, rest)| rest.find('/').map_or("/", |at| &rest[at..]));
            self.proxied = Some(path.is_some());
            if let Some(path) = path {
                if self.open.len() >= MAX_OPEN {
                    self.open.pop_front();
                }
                self.open.push_back(Asked {
                    client: src,
                    proxy: dst,
                    path: path.to_owned(),
                    packet: frame.number,
                    time_ns: frame.time_ns,
                });
                continue;
            }
            let his = |asked: &Asked| {
                asked.proxy == src && asked.path == *uri && frame.time_ns - asked.time_ns < ERRAND_NS
            };
            if let Some(asked) = self.open.iter().rposition(his).and_then(|at| self.open.remove(at)) {
                self.errand = Some((asked.packet, asked.client));
            }
        }
    }

    fn values(&self, name: &str, _: Option<FlowId>, each: &mut dyn FnMut(Operand<'_>)) {
        match (name, self.errand) {
            ("errand.packet", Some((packet, _))) => each(Operand::Int(packet.into())),
            ("errand.client", Some((_, IpAddr::V4(ip)))) => each(Operand::V4(ip.octets())),
            ("errand.client", Some((_, IpAddr::V6(ip)))) => each(Operand::V6(ip.octets())),
            ("errand.tunnel", _) if self.proxied.is_some() => each(Operand::Bool(self.tunnel)),
            ("errand.proxied", _) => self.proxied.iter().for_each(|p| each(Operand::Bool(*p))),
            _ => {}
        }
    }
}

/// Source, destination, port of the destination.
fn ends(packet: &Packet<'_>) -> Option<(IpAddr, IpAddr, u16)> {
    let Header::Tcp(tcp) = &packet.transport()?.header else { return None };
    let port = tcp.destination_port();
    let (from, to) = packet.addresses()?;
    Some((from, to, port))
}
