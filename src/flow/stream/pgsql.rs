//! PostgreSQL: startup, login, queries and their results, and where TLS begins.
//!
//! PostgreSQL's documentation, "Message Flow". Leaves out: COPY, and which of several pipelined queries a result belongs to.

use super::lines;
use super::messages::{Extent, MessageReader, Messages};
use super::{Reader, Sink};
use crate::flow::event::{Datum, Event, Kind, Severity};
use crate::protocol::pgsql::{self, Login, Part, Said};
use crate::protocol::{Certainty, Unit};
use crate::wire::{Cursor, Off};

/// The longest startup message that PostgreSQL itself takes.
const MAX_STARTUP: usize = 10_000;
const CLIENT_TYPES: &[u8] = b"QpPBEDCSXFdcfH";
const SERVER_TYPES: &[u8] = b"RSKZTDCENAdcGHW123nstIVv";

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4).map(|w| u32::from_be_bytes([w[0], w[1], w[2], w[3]]))
}

/// A startup, or a request for TLS, decides; in the middle of a connection the port.
pub fn probe(first: &[u8], from_client: bool) -> Certainty {
    match (word(first, 0), word(first, 4)) {
        (Some(8), Some(pgsql::TLS | pgsql::GSS)) if from_client && first.len() == 8 => Certainty::Yes,
        (Some(length), Some(0x3_0000)) if from_client && length as usize == first.len() => Certainty::Yes,
        _ => {
            let types = if from_client { CLIENT_TYPES } else { SERVER_TYPES };
            match (first.first(), word(first, 1)) {
                (Some(kind), Some(4..=0xff_ffff)) if types.contains(kind) => Certainty::Undecided,
                _ => Certainty::No,
            }
        }
    }
}

/// A reader of a connection to a database.
pub fn reader() -> Box<dyn Reader> {
    Box::new(MessageReader::new(Pgsql::default()))
}

#[derive(Debug, Default)]
struct Pgsql {
    /// The client has said its first message.
    started: bool,
    /// It has asked for TLS, and the one byte that answers has not come.
    asked: bool,
    login: Login,
    query: Option<(u64, i64)>,
    columns: u16,
    rows: u64,
}

impl Pgsql {
    fn part(&self, from_client: bool, bytes: &[u8]) -> Part {
        match from_client {
            true if !self.started && bytes.first() == Some(&0) => Part::Startup,
            true => Part::Front(self.login),
            false if self.asked && bytes.first().is_some_and(|b| matches!(b, b'S' | b'N' | b'G')) => {
                Part::Answer
            }
            false => Part::Back,
        }
    }

    fn reply(&self, variant: &'static str, sink: &Sink<'_>) -> Event {
        let event = Event::new(Kind::PgsqlReply, sink.packet, Some(sink.flow)).variant(variant);
        match self.query {
            Some((packet, time_ns)) => event
                .with("request_packet", Datum::Uint(packet))
                .with("after", Datum::Duration(sink.time_ns.saturating_sub(time_ns))),
            None => event,
        }
    }

    fn said(&mut self, said: &Said<'_>, sink: &mut Sink<'_>) {
        let new =
            |kind, variant, sink: &Sink<'_>| Event::new(kind, sink.packet, Some(sink.flow)).variant(variant);
        let event = match *said {
            Said::Request(pgsql::CANCEL) => new(Kind::PgsqlLogin, "cancel", sink),
            Said::Request(_) => {
                self.asked = true;
                new(Kind::PgsqlLogin, "tls", sink)
            }
            Said::Startup { user, database } => {
                self.started = true;
                let event = new(Kind::PgsqlLogin, "", sink).with("user", lines::shown(user));
                match database {
                    [] => event,
                    name => event.with("database", lines::shown(name)),
                }
            }
            Said::Answer(answer) => {
                self.asked = false;
                if answer != b'N' {
                    sink.next = Some(super::after_starttls());
                }
                new(Kind::PgsqlReply, if answer == b'N' { "no-tls" } else { "tls" }, sink)
            }
            Said::Password(password) => new(Kind::PgsqlLogin, "password", sink)
                .severity(Severity::Note)
                .with("password", lines::shown(password)),
            Said::Query(sql) => {
                self.query = Some((sink.packet, sink.time_ns));
                (self.columns, self.rows) = (0, 0);
                new(Kind::PgsqlCommand, "", sink).with("text", lines::shown(sql))
            }
            Said::Terminate => new(Kind::PgsqlCommand, "quit", sink),
            Said::Auth(kind) => {
                self.started = true;
                self.login = match kind {
                    3 => Login::Clear,
                    5 => Login::Md5,
                    10..=12 => Login::Sasl,
                    _ => Login::Unknown,
                };
                match kind {
                    0 => new(Kind::PgsqlReply, "logged-in", sink),
                    3 => new(Kind::PgsqlReply, "wants-password", sink).severity(Severity::Note),
                    5 => new(Kind::PgsqlReply, "wants-md5", sink),
                    10 => new(Kind::PgsqlReply, "wants-sasl", sink),
                    _ => return,
                }
            }
            Said::Columns(count) => {
                (self.columns, self.rows) = (count, 0);
                return;
            }
            Said::Row => {
                self.rows += 1;
                return;
            }
            Said::Done(tag) => {
                let event = self.reply("", sink).with("tag", lines::shown(tag));
                let with = match self.columns {
                    0 => event,
                    columns => event
                        .variant("rows")
                        .with("columns", Datum::Uint(columns.into()))
                        .with("rows", Datum::Uint(self.rows)),
                };
                (self.columns, self.rows) = (0, 0);
                with
            }
            Said::Error(code, words) => self
                .reply("failed", sink)
                .severity(Severity::Note)
                .with("code", lines::shown(code))
                .with("text", lines::shown(words)),
            Said::Other => return,
        };
        sink.events.push(event);
    }
}

impl Messages for Pgsql {
    fn extent(&mut self, from_client: bool, bytes: &[u8]) -> Extent {
        match self.part(from_client, bytes) {
            Part::Answer => Extent::Message(1),
            Part::Startup => match word(bytes, 0).map(|length| length as usize) {
                Some(length @ 8..=MAX_STARTUP) => Extent::Message(length),
                Some(_) => Extent::Foreign,
                None => Extent::More,
            },
            Part::Front(_) | Part::Back => match (bytes.first(), word(bytes, 1)) {
                (Some(kind), _) if !if from_client { CLIENT_TYPES } else { SERVER_TYPES }.contains(kind) => {
                    Extent::Foreign
                }
                (_, Some(0..=3)) => Extent::Foreign,
                (_, Some(length)) => Extent::Message(1 + length as usize),
                (_, None) => Extent::More,
            },
        }
    }

    fn message(&mut self, from_client: bool, bytes: &[u8], sink: &mut Sink<'_>) -> Unit {
        let part = self.part(from_client, bytes);
        if let Ok(said) = pgsql::dissect(part, &mut Cursor::new(bytes, 0, bytes.len(), &mut Off)) {
            self.said(&said, sink);
        }
        Unit::Pgsql(part)
    }

    fn resumes(&self, from_client: bool, segment: &[u8]) -> bool {
        let types = if from_client { CLIENT_TYPES } else { SERVER_TYPES };
        let fills = word(segment, 1).is_some_and(|length| length >= 4 && (length as usize) < segment.len());
        fills && segment.first().is_some_and(|kind| types.contains(kind))
    }

    fn skipped(&mut self, _: bool) {
        self.started = true;
        self.asked = false;
        self.query = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::stream::wire::Wire;

    const STARTUP: &[u8] = b"\0\0\0\x14\0\x03\0\0user\0alice\0\0";
    const RESULT: &[u8] = b"T\0\0\0\x1a\0\x01n\0\0\0\0\0\0\0\0\0\0\x17\0\x04\xff\xff\xff\xff\0\0\
        D\0\0\0\x0b\0\x01\0\0\0\x011C\0\0\0\x0dSELECT 1\0Z\0\0\0\x05I";

    #[test]
    fn a_query_cut_anywhere() {
        for at in 1..RESULT.len() {
            let mut wire = Wire::new(reader());
            wire.client(STARTUP).server(b"R\0\0\0\x08\0\0\0\x03").client(b"p\0\0\0\x0bsecret\0");
            wire.server(b"R\0\0\0\x08\0\0\0\0").client(b"Q\0\0\0\x0dSELECT 1\0");
            wire.server(&RESULT[..at]).server(&RESULT[at..]);
            let told: Vec<_> = wire.events.iter().map(|e| e.variant).collect();
            assert_eq!(told, ["", "wants-password", "password", "logged-in", "", "rows"], "cut at {at}");
            assert_eq!(wire.events[5].get("rows"), Some(&Datum::Uint(1)));
        }
    }

    #[test]
    fn tls_or_not() {
        let request = b"\0\0\0\x08\x04\xd2\x16\x2f";
        assert_eq!(probe(request, true), Certainty::Yes);
        let mut wire = Wire::new(reader());
        wire.client(request).server(b"S").client(b"\x16\x03\x01");
        assert_eq!(wire.events.last().unwrap().variant, "tls");
        let mut wire = Wire::new(reader());
        wire.client(request).server(b"N").client(STARTUP).server(b"E\0\0\0\x0bC28000\0\0");
        assert_eq!(wire.events.last().unwrap().variant, "failed");
    }

    #[test]
    fn loss_and_garbage() {
        let mut wire = Wire::new(reader());
        wire.client(STARTUP).lost(true, 70).client(b"Q\0\0\0\x0dSELECT 1\0");
        assert_eq!(wire.events.last().unwrap().kind, Kind::PgsqlCommand);
        wire.client(&[b'Q'; 50]).server(&[0; 50]).server(&[0xff; 5000]).client(b"X\0\0\0\x04");
        wire.end(true);
    }
}
