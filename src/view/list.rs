//! One line a packet, with its meaning.
//!
//! Leaves out: which packets are wanted, and columns.

use super::ends;
use super::say::{self, thousands};
use super::span::{Line, Role};
use super::time::{Clock, TimeFormat};
use crate::capture::Frame;
use crate::decode::{Header, Packet};
use crate::flow::{Event, Kind, Outcome, Severity};
use crate::protocol::Protocol;
use crate::wire::Value;
use crate::words::Lang;

/// A packet's line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its number.
    pub number: u64,
    /// When.
    pub time: String,
    /// Who sent it.
    pub source: String,
    /// For whom.
    pub destination: String,
    /// The innermost protocol.
    pub protocol: String,
    /// Bytes on the wire.
    pub length: u64,
    /// What it is for.
    pub meaning: Line,
    /// The worst of what happened in it.
    pub severity: Severity,
}

/// Makes one row after another.
#[derive(Debug)]
pub struct Lister {
    lang: Lang,
    format: TimeFormat,
    clock: Clock,
    raw: bool,
}

impl Lister {
    /// A list in a language, with times in a format, and `raw` sequence numbers or relative ones.
    pub fn new(lang: Lang, format: TimeFormat, raw: bool) -> Lister {
        Lister { lang, format, clock: Clock::default(), raw }
    }

    /// A packet that has no line goes by.
    pub fn skip(&mut self, frame: &Frame<'_>) {
        self.clock.tell(self.format, frame.time_ns, false);
    }

    /// A packet's row.
    pub fn row(&mut self, frame: &Frame<'_>, packet: &Packet<'_>, outcome: &Outcome) -> Row {
        let ends = ends::of(packet);
        let main = main_event(frame, outcome);
        let protocol = outcome
            .events
            .iter()
            .find_map(|e| match e.kind {
                Kind::HttpRequest | Kind::HttpResponse if e.variant.starts_with("http2") => {
                    Some(Protocol::Http2)
                }
                Kind::HttpRequest | Kind::HttpResponse => Some(Protocol::Http),
                kind if kind.name().starts_with("http2.") => Some(Protocol::Http2),
                kind if kind.name().starts_with("websocket.") => Some(Protocol::Websocket),
                kind if kind.name().starts_with("tls.") => Some(Protocol::Tls),
                _ => None,
            })
            .or(ends::protocol(packet));
        let everyone = |end: &ends::End| {
            end.is_everyone() && packet.ip().is_none() && packet.layer(Protocol::Arp).is_some()
        };
        Row {
            number: frame.number,
            time: self.clock.tell(self.format, frame.time_ns, true),
            source: ends.from.name(),
            destination: if everyone(&ends.to) {
                say::word(self.lang, "role.everyone").to_owned()
            } else {
                ends.to.name()
            },
            protocol: protocol.map_or("?", |protocol| protocol.title()).to_owned(),
            length: frame.wire_len.into(),
            meaning: match main {
                Some(event) => Line::new().with(say::line(self.lang, event), role(event.severity)),
                None => self.plainly(packet, outcome),
            },
            severity: main.map_or(Severity::Chat, |event| event.severity),
        }
    }

    /// What a packet is that nothing happened in.
    fn plainly(&self, packet: &Packet<'_>, outcome: &Outcome) -> Line {
        let Some(layer) = packet.transport() else {
            let carried = packet.innermost().map_or(0, |layer| layer.end - layer.start);
            let len = thousands(carried as u64);
            let text = match packet.innermost().map(|layer| layer.protocol) {
                Some(protocol) if protocol != Protocol::Data => {
                    say::text(self.lang, "packets.known", &[("protocol", protocol.title()), ("len", &len)])
                }
                _ => say::text(self.lang, "packets.data", &[("len", &len)]),
            };
            return Line::new().with(text, Role::Dim);
        };
        match &layer.header {
            Header::Tcp(tcp) => {
                let computed = |name| {
                    outcome.context.computed.iter().find(|c| c.field.name == name).and_then(|c| {
                        match c.value {
                            Value::Uint(n) => Some(n),
                            _ => None,
                        }
                    })
                };
                let number = |name, raw: u32| match computed(name) {
                    Some(n) if !self.raw => format!("+{n}"),
                    _ => raw.to_string(),
                };
                let seq = number("tcp.seq", tcp.sequence_number());
                let ack = number("tcp.ack", tcp.acknowledgment_number());
                let len = computed("tcp.len").unwrap_or((layer.end - layer.header_end) as u64);
                let flags: Vec<&str> =
                    [(tcp.syn(), "SYN"), (tcp.fin(), "FIN"), (tcp.rst(), "RST"), (tcp.ack(), "ACK")]
                        .iter()
                        .filter_map(|(set, name)| set.then_some(*name))
                        .collect();
                let (len, flags) = (thousands(len), flags.join("+"));
                let values = [("len", &*len), ("seq", &*seq), ("ack", &*ack), ("flags", &*flags)];
                let id = match (len.as_str(), flags.as_str()) {
                    ("0", "ACK") => "packets.tcp-ack",
                    (_, "ACK") => "packets.tcp-data",
                    _ => "packets.tcp-other",
                };
                Line::plain(say::text(self.lang, id, &values))
            }
            _ => {
                let carried = thousands((layer.end - layer.header_end) as u64);
                Line::plain(say::text(self.lang, "packets.udp-data", &[("len", &carried)]))
            }
        }
    }
}

pub(super) fn role(severity: Severity) -> Role {
    match severity {
        Severity::Chat => Role::Plain,
        Severity::Note => Role::Note,
        Severity::Warn => Role::Warn,
        Severity::Error => Role::Bad,
    }
}

/// The event that stands for a packet.
pub(super) fn main_event<'a>(frame: &Frame<'_>, outcome: &'a Outcome) -> Option<&'a Event> {
    outcome.events.iter().filter(|e| e.packet == frame.number).max_by_key(|e| weight(e))
}

/// Which of a packet's events stands for it: the worst, and of equals the one nearest to people.
fn weight(event: &Event) -> (Severity, u8) {
    let near = match event.kind {
        Kind::HttpRequest | Kind::HttpResponse | Kind::DnsQuery | Kind::DnsResponse => 3,
        Kind::TlsClientHello | Kind::TlsServerHello | Kind::TlsHelloRetry | Kind::TlsAlert => 3,
        Kind::ChecksumOffloaded | Kind::Truncated => 0,
        Kind::UdpDatagram | Kind::TcpTimeWait => 1,
        _ => 2,
    };
    // A packet cut by the snap length is still first of all what it is.
    let severity = if near == 0 { Severity::Chat } else { event.severity };
    (severity, near)
}

/// Titles of the list of packets.
pub fn titles(lang: Lang) -> [String; 7] {
    [
        "packets.number",
        "packets.time",
        "packets.source",
        "packets.destination",
        "packets.protocol",
        "packets.length",
        "packets.meaning",
    ]
    .map(|id| say::word(lang, id).to_owned())
}
