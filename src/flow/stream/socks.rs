//! SOCKS connections: who asks the proxy for which connection, and what reads on in it.
//!
//! RFC 1928 section 3 to 6, RFC 1929. After a reply that says yes the connection is a tunnel, and whoever knows its first bytes reads on.
//! Leaves out: other ways of logging in than name and password (what follows is then opaque); UDP relays.

use super::lines::shown;
use super::messages::{Extent, MessageReader, Messages};
use super::{Reader, Sink};
use crate::flow::event::{Datum, Event, Kind, Severity};
use crate::protocol::socks::{self, Part};
use crate::protocol::{Certainty, Unit};

/// RFC 1928 section 4 and 6: open a connection; and the address is one.
const CONNECT: u8 = 1;
/// Version 4's word for yes.
const GRANTED: u8 = 90;
/// Name and password.
const BY_NAME: u8 = 2;

/// A client's first message must be whole, and one of the two: few protocols begin with a 4 or 5 and just these bytes.
pub fn probe(first: &[u8], from_client: bool) -> Certainty {
    let whole = |part| socks::length(part, first) == Some(first.len());
    match first {
        [5, 1..=8, methods @ ..] if from_client && whole(Part::Methods) => {
            // Told apart from chance by methods that differ and are in use (RFC 1928 section 3).
            let known = methods.iter().all(|m| matches!(m, 0..=9 | 0x80..=0xfe));
            if known && methods.contains(&0) || methods.contains(&BY_NAME) {
                Certainty::Yes
            } else {
                Certainty::No
            }
        }
        [4, 1 | 2, high, low, ..] if from_client && (*high, *low) != (0, 0) && whole(Part::Request4) => {
            Certainty::Yes
        }
        _ => Certainty::No,
    }
}

/// A reader of a connection.
pub fn reader() -> Box<dyn Reader> {
    Box::new(MessageReader::new(Socks::default()))
}

#[derive(Debug, Default)]
struct Socks {
    version: u8,
    /// What the server took: name and password.
    logs_in: bool,
    /// Greeted, logged in.
    greeted: [bool; 2],
    login: [bool; 2],
    asked: Option<(u64, i64, u8)>,
}

impl Socks {
    /// What comes next in a direction.
    fn next(&self, from_client: bool, bytes: &[u8]) -> Option<Part> {
        let side = usize::from(!from_client);
        let first = bytes[0];
        Some(match (from_client, first) {
            (true, 4) if !self.greeted[0] && self.asked.is_none() => Part::Request4,
            (false, 0) if self.version == 4 => Part::Reply4,
            (true, 5) if !self.greeted[side] => Part::Methods,
            (false, 5) if !self.greeted[side] && self.version == 5 => Part::Method,
            (true, 1) if self.logs_in && !self.login[side] => Part::Login,
            (false, 1) if self.logs_in && !self.login[side] => Part::LoginReply,
            (true, 5) if self.asked.is_none() => Part::Request5,
            (false, 5) if self.asked.is_some() => Part::Reply5,
            _ => return None,
        })
    }

    fn asks(&mut self, part: Part, bytes: &[u8], sink: &mut Sink<'_>) {
        let Some((command, host, port)) = socks::target(part, bytes) else { return };
        self.asked = Some((sink.packet, sink.time_ns, command));
        let event = Event::new(Kind::SocksRequest, sink.packet, Some(sink.flow))
            .with("version", Datum::Uint(self.version.into()))
            .with("command", Datum::Uint(command.into()))
            .with("host", shown(host.as_bytes()))
            .with("port", Datum::Uint(port.into()));
        sink.events.push(if command == CONNECT { event } else { event.variant("other") });
    }

    fn answered(&mut self, code: u8, granted: bool, sink: &mut Sink<'_>) {
        let mut event = Event::new(Kind::SocksReply, sink.packet, Some(sink.flow))
            .with("version", Datum::Uint(self.version.into()))
            .with("code", Datum::Uint(code.into()));
        if let Some((packet, time_ns, _)) = self.asked {
            event = event
                .with("request_packet", Datum::Uint(packet))
                .with("after", Datum::Duration(sink.time_ns.saturating_sub(time_ns)));
        }
        sink.events.push(if granted { event } else { event.variant("refused").severity(Severity::Note) });
        if granted && self.asked.is_none_or(|(.., command)| command == CONNECT) {
            sink.next = Some(super::in_tunnel());
        }
    }
}

impl Messages for Socks {
    fn extent(&mut self, from_client: bool, bytes: &[u8]) -> Extent {
        match self.next(from_client, bytes) {
            Some(part) => socks::length(part, bytes).map_or(Extent::More, Extent::Message),
            None => Extent::Foreign,
        }
    }

    fn message(&mut self, from_client: bool, bytes: &[u8], sink: &mut Sink<'_>) -> Unit {
        let side = usize::from(!from_client);
        let Some(part) = self.next(from_client, bytes) else { return Unit::Opaque };
        let code = bytes.get(1).copied().unwrap_or(0);
        match part {
            Part::Methods => (self.version, self.greeted[side]) = (5, true),
            Part::Method => {
                self.greeted[side] = true;
                self.logs_in = code == BY_NAME;
                if code == 0xff {
                    self.answered(code, false, sink);
                }
            }
            Part::Login => {
                self.login[side] = true;
                let name = bytes.get(2..2 + usize::from(code)).unwrap_or_default();
                sink.events.push(
                    Event::new(Kind::SocksLogin, sink.packet, Some(sink.flow))
                        .with("user", shown(name))
                        .severity(Severity::Note),
                );
            }
            Part::LoginReply => self.login[side] = true,
            Part::Request4 => {
                self.version = 4;
                self.asks(part, bytes, sink);
            }
            Part::Request5 => self.asks(part, bytes, sink),
            Part::Reply4 => self.answered(code, code == GRANTED, sink),
            Part::Reply5 => self.answered(code, code == 0, sink),
        }
        Unit::Socks(part)
    }

    fn cut(&self, from_client: bool, begun: &[u8]) -> Option<Unit> {
        self.next(from_client, begun).map(Unit::Socks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::stream::wire::Wire;

    #[test]
    fn a_login_a_request_and_what_is_in_the_tunnel() {
        let mut wire = Wire::new(reader());
        wire.client(&[5, 2, 0, 2]).server(&[5, 2]);
        wire.client(b"\x01\x03bob\x05alice").server(&[1, 0]);
        wire.client(b"\x05\x01\x00\x03\x06a.te")
            .client(b"st\x00\x50")
            .server(&[5, 0, 0, 1, 192, 0, 2, 1, 0, 80]);
        wire.client(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        let told: Vec<_> = wire.events.iter().map(|e| e.kind.name()).collect();
        assert_eq!(told, ["socks.login", "socks.request", "socks.reply", "http.request"]);
        assert_eq!(wire.events[1].get("host"), Some(&Datum::Text("a.test".into())));
        assert_eq!(wire.events[2].get("request_packet"), Some(&Datum::Uint(6)));
    }

    #[test]
    fn version_4_and_refusals() {
        let mut wire = Wire::new(reader());
        wire.client(b"\x04\x01\x00\x50\xc0\x00\x02\x01\x00").server(&[0, 91, 0, 0, 0, 0, 0, 0]);
        assert_eq!(wire.events[1].variant, "refused");
        wire.client(b"GET / HTTP/1.1\r\n\r\n");
        assert_eq!(wire.events.len(), 2, "a refused connection is no tunnel");
        assert_eq!(probe(&[5, 1, 0], true), Certainty::Yes);
        assert_eq!(probe(&[5, 1, 0], false), Certainty::No);
        assert_eq!(probe(b"\x05\x03abc", true), Certainty::No);
        assert_eq!(probe(&[4, 0, 0, 5], true), Certainty::No);
    }
}
