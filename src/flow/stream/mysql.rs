//! MySQL and MariaDB: greeting, login, which reply belongs to which command, and where TLS or compression begins.
//!
//! The MySQL client/server protocol's documentation, "Connection Phase" and "Command Phase". Leaves out: prepared statements' results,
//! replication.

use super::lines;
use super::messages::{Extent, MessageReader, Messages};
use super::{Reader, Sink};
use crate::flow::event::{Datum, Event, Kind, Severity};
use crate::protocol::mysql::{self, HEADER, Part, Said, capability};
use crate::protocol::{Certainty, Unit};
use crate::wire::{Cursor, Off};

/// The greeting decides: number 0, protocol version 10, a version of digits and dots.
pub fn probe(first: &[u8], from_client: bool) -> Certainty {
    match first {
        [_, _, 0, 0, 10, digit, rest @ ..]
            if !from_client && digit.is_ascii_digit() && rest.contains(&b'.') =>
        {
            Certainty::Yes
        }
        [_, _, 0, 0, 0xff, ..] if !from_client => Certainty::Undecided,
        [_, _, 0, 0 | 1, ..] if from_client => Certainty::Undecided,
        _ => Certainty::No,
    }
}

/// A reader of a connection to a database.
pub fn reader() -> Box<dyn Reader> {
    Box::new(MessageReader::new(Mysql::default()))
}

/// What comes next.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Stage {
    #[default]
    Greeting,
    Login,
    Auth,
    Command,
    /// A reply is due.
    Reply,
    /// So many columns.
    Columns(u64),
    /// The end of the columns.
    ColumnsEnd,
    /// Rows, so many so far.
    Rows(u64),
    /// Something that is not followed.
    Other,
    Compressed,
}

#[derive(Debug, Default)]
struct Mysql {
    stage: Stage,
    /// What both can do.
    capabilities: u32,
    command: Option<(u64, i64)>,
    columns: u64,
}

impl Mysql {
    fn part(&self, from_client: bool) -> Part {
        match (from_client, self.stage) {
            (false, Stage::Greeting) => Part::Greeting,
            (true, Stage::Greeting | Stage::Login) => Part::Login,
            (_, Stage::Auth) if from_client => Part::Other,
            (_, Stage::Auth | Stage::Login) => Part::Auth,
            (true, _) if self.capabilities & capability::QUERY_ATTRIBUTES != 0 => Part::CommandWithAttributes,
            (true, _) => Part::Command,
            (false, Stage::Reply) => Part::Reply,
            (false, Stage::Columns(_) | Stage::ColumnsEnd) => Part::Column,
            (false, Stage::Rows(_)) => Part::Row,
            (false, _) => Part::Other,
        }
    }

    fn reply(&self, variant: &'static str, sink: &Sink<'_>) -> Event {
        let event = Event::new(Kind::MysqlReply, sink.packet, Some(sink.flow)).variant(variant);
        match self.command {
            Some((packet, time_ns)) => event
                .with("request_packet", Datum::Uint(packet))
                .with("after", Datum::Duration(sink.time_ns.saturating_sub(time_ns))),
            None => event,
        }
    }

    fn greeted(&mut self, version: &[u8], capabilities: u32, sink: &mut Sink<'_>) {
        self.capabilities = capabilities;
        self.stage = Stage::Login;
        let tls = capabilities & capability::TLS != 0;
        sink.events.push(
            Event::new(Kind::MysqlGreeting, sink.packet, Some(sink.flow))
                .variant(if tls { "tls" } else { "" })
                .with("version", lines::shown(version)),
        );
    }

    fn said(&mut self, part: Part, said: &Said<'_>, sink: &mut Sink<'_>) {
        match *said {
            Said::Greeting { version, capabilities } => self.greeted(version, capabilities, sink),
            Said::Login { capabilities, user, schema, plugin } => {
                // What the client does not want is not used, whatever the server can do.
                self.capabilities = capabilities;
                self.stage = Stage::Auth;
                let event = Event::new(Kind::MysqlLogin, sink.packet, Some(sink.flow));
                let Some(user) = user else {
                    sink.events.push(event.variant("tls"));
                    sink.next = Some(super::after_starttls());
                    return;
                };
                let mut event = event.with("user", lines::shown(user));
                for (key, text) in [("database", schema), ("plugin", plugin)] {
                    if !text.is_empty() {
                        event = event.with(key, lines::shown(text));
                    }
                }
                if plugin == b"mysql_clear_password" {
                    event = event.variant("password").severity(Severity::Note);
                }
                sink.events.push(event);
            }
            Said::Command(command, text) => {
                self.command = Some((sink.packet, sink.time_ns));
                self.stage = match command {
                    // Quitting and closing a statement are not answered.
                    1 | 25 => Stage::Other,
                    2..=6 | 14 => Stage::Reply,
                    mysql::CHANGE_USER => Stage::Auth,
                    _ => Stage::Other,
                };
                let mut event = Event::new(Kind::MysqlCommand, sink.packet, Some(sink.flow));
                event = match mysql::command_name(command) {
                    Some(name) => event.with("command", Datum::Name(name)),
                    None => event.with("command", Datum::Text(command.to_string())),
                };
                if !text.is_empty() {
                    event = event.with("text", lines::shown(text));
                }
                sink.events.push(event.variant(match command {
                    3 => "query",
                    1 => "quit",
                    _ => "",
                }));
            }
            Said::Ok(rows) if part == Part::Auth => {
                let _ = rows;
                self.stage = Stage::Command;
                if self.capabilities & capability::COMPRESS != 0 {
                    self.stage = Stage::Compressed;
                }
                sink.events.push(self.reply("logged-in", sink));
            }
            Said::Ok(rows) => {
                self.stage = Stage::Command;
                sink.events.push(self.reply("", sink).with("rows", Datum::Uint(rows)));
            }
            Said::Error { code, text } => {
                self.stage = if self.stage == Stage::Auth { Stage::Other } else { Stage::Command };
                let event = self.reply("failed", sink).severity(Severity::Note);
                sink.events
                    .push(event.with("code", Datum::Uint(code.into())).with("text", lines::shown(text)));
            }
            Said::Columns(count) => {
                self.columns = count;
                self.stage = if count == 0 { Stage::Command } else { Stage::Columns(count) };
            }
            Said::Eof => match self.stage {
                Stage::Rows(rows) => {
                    self.stage = Stage::Command;
                    let event = self.reply("rows", sink).with("rows", Datum::Uint(rows));
                    sink.events.push(event.with("columns", Datum::Uint(self.columns)));
                }
                Stage::ColumnsEnd | Stage::Columns(_) => self.stage = Stage::Rows(0),
                _ => self.stage = Stage::Command,
            },
            Said::Other => match self.stage {
                Stage::Columns(1) if self.capabilities & capability::DEPRECATE_EOF != 0 => {
                    self.stage = Stage::Rows(0)
                }
                Stage::Columns(1) => self.stage = Stage::ColumnsEnd,
                Stage::Columns(left) => self.stage = Stage::Columns(left - 1),
                Stage::Rows(rows) => self.stage = Stage::Rows(rows + 1),
                _ => {}
            },
        }
    }
}

impl Messages for Mysql {
    fn extent(&mut self, _: bool, bytes: &[u8]) -> Extent {
        if self.stage == Stage::Compressed {
            return Extent::Through(bytes.len(), Unit::Mysql(Part::Compressed));
        }
        match bytes.first_chunk() {
            Some(header) => Extent::Message(HEADER + mysql::length(header)),
            None => Extent::More,
        }
    }

    fn message(&mut self, from_client: bool, bytes: &[u8], sink: &mut Sink<'_>) -> Unit {
        if from_client && self.stage == Stage::Greeting && bytes.get(3) == Some(&0) {
            // The capture began behind the login.
            self.stage = Stage::Command;
        }
        let part = self.part(from_client);
        let said = mysql::dissect(part, &mut Cursor::new(bytes, 0, bytes.len(), &mut Off));
        match said {
            Ok(said) => self.said(part, &said, sink),
            Err(_) => self.stage = Stage::Other,
        }
        Unit::Mysql(part)
    }

    fn skipped(&mut self, _: bool) {
        self.stage = match self.stage {
            Stage::Compressed => Stage::Compressed,
            _ => Stage::Other,
        };
    }

    fn resumes(&self, from_client: bool, segment: &[u8]) -> bool {
        // A command is a packet of number 0 that fills its segment.
        from_client
            && segment.get(3) == Some(&0)
            && segment.first_chunk().is_some_and(|header| HEADER + mysql::length(header) == segment.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::stream::wire::Wire;

    fn packet(number: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![payload.len() as u8, 0, 0, number];
        bytes.extend(payload);
        bytes
    }

    fn greeting() -> Vec<u8> {
        let mut payload = b"\x0a10.11.2-Test\0\x01\0\0\0saltsalt\0\xff\xff\x2d\x02\0\xff\x81\x15".to_vec();
        payload.extend([0; 10]);
        payload.extend(b"saltsaltsalt\0mysql_native_password\0");
        packet(0, &payload)
    }

    fn login(low: u16) -> Vec<u8> {
        let mut payload = low.to_le_bytes().to_vec();
        payload.extend([0x08, 0, 0, 0, 0, 1, 33]);
        payload.extend([0; 23]);
        payload.extend(b"alice\0\0");
        payload.extend(b"mysql_native_password\0");
        packet(1, &payload)
    }

    #[test]
    fn a_query_cut_anywhere() {
        let mut result = packet(1, &[1]);
        result.extend(packet(2, b"\x03def"));
        result.extend(packet(3, &[0xfe, 0, 0, 2, 0]));
        result.extend(packet(4, b"\x011"));
        result.extend(packet(5, b"\x012"));
        result.extend(packet(6, &[0xfe, 0, 0, 2, 0]));
        for at in 1..result.len() {
            let mut wire = Wire::new(reader());
            wire.server(&greeting()).client(&login(0x8200)).server(&packet(2, &[0, 0, 0, 2, 0, 0, 0]));
            wire.client(&packet(0, b"\x03SELECT 1")).server(&result[..at]).server(&result[at..]);
            let told: Vec<_> = wire.events.iter().map(|e| e.variant).collect();
            assert_eq!(told, ["tls", "", "logged-in", "query", "rows"], "cut at {at}");
            assert_eq!(wire.events[4].get("rows"), Some(&Datum::Uint(2)));
        }
    }

    #[test]
    fn tls_compression_loss_and_garbage() {
        let mut wire = Wire::new(reader());
        let mut request = login(0x8a00);
        request.truncate(36);
        request[0] = 32;
        wire.server(&greeting()).client(&request).client(b"\x16\x03\x01");
        assert_eq!(wire.events.last().unwrap().variant, "tls");
        let mut wire = Wire::new(reader());
        wire.server(&greeting())
            .client(&login(0x8220))
            .server(&packet(2, &[0, 0, 0, 2, 0, 0, 0]))
            .client(&[1; 9]);
        assert_eq!(wire.units().last(), Some(&Unit::Mysql(Part::Compressed)));
        let mut wire = Wire::new(reader());
        wire.server(&greeting()).lost(true, 80).client(&packet(0, b"\x03SELECT 2")).server(&[0xff; 500]);
        assert_eq!(wire.events.last().unwrap().variant, "query");
        wire.client(&[0; 40]).server(&[0; 40]).end(true);
    }
}
