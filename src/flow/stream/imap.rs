//! IMAP: which reply answers which command (the tag says so), texts of a length said before, and where TLS begins.
//!
//! RFC 9051 and RFC 3501 section 2.2, 4.3 (literals), 6.2 (logins, STARTTLS), 7.1. Leaves out: what mails say.
//!
//! Bounded: `MAX_OPEN` commands that wait for their replies.

use std::collections::VecDeque;

use super::ftp::says;
use super::lines::{self, Asked};
use super::messages::{Extent, MessageReader, Messages};
use super::{Reader, Sink};
use crate::flow::event::{Datum, Event, Kind, Severity};
use crate::protocol::imap::{self, Part};
use crate::protocol::lines as text;
use crate::protocol::smtp::name_and_password;
use crate::protocol::{Certainty, Unit};

/// So many commands may be under way.
const MAX_OPEN: usize = 64;

/// The greeting decides, where it names the protocol; else the port.
pub fn probe(first: &[u8], from_client: bool) -> Certainty {
    let line = text::content(first);
    if !from_client {
        return match line {
            [b'*', b' ', ..] if says(line, b"IMAP") => Certainty::Yes,
            [b'*' | b'+', b' ', ..] => Certainty::Undecided,
            _ => Certainty::No,
        };
    }
    let command = imap::command(line);
    let tag = (1..=16).contains(&command.tag.len()) && command.tag.iter().all(u8::is_ascii_alphanumeric);
    let verb = command.verb.len() >= 3 && command.verb.iter().all(u8::is_ascii_alphabetic);
    if tag && verb { Certainty::Undecided } else { Certainty::No }
}

/// A reader of a connection to mailboxes.
pub fn reader() -> Box<dyn Reader> {
    Box::new(MessageReader::new(Imap::default()))
}

#[derive(Debug, Default)]
struct Imap {
    /// Bytes of a literal that are left, from the client and from the server.
    literal: [u64; 2],
    /// Whether the next line goes on behind one.
    goes_on: [bool; 2],
    /// The client is within a login of this mechanism.
    login: Option<Vec<u8>>,
    open: VecDeque<(Vec<u8>, Asked)>,
    greeted: bool,
}

impl Imap {
    fn command(&mut self, line: &[u8], sink: &mut Sink<'_>) -> Part {
        if let Some(mechanism) = &self.login {
            let both = text::base64(line);
            if mechanism == b"PLAIN"
                && let Some((name, password)) = both.as_deref().and_then(name_and_password)
            {
                let event = Event::new(Kind::ImapCommand, sink.packet, Some(sink.flow))
                    .with("command", Datum::Text("AUTHENTICATE".into()));
                sink.events.push(password_in_clear(event, name, password));
            }
            return Part::More;
        }
        let command = imap::command(line);
        let verb = command.verb.to_ascii_uppercase();
        if self.open.len() == MAX_OPEN {
            self.open.pop_front();
        }
        let asked = Asked { packet: sink.packet, time_ns: sink.time_ns, verb: lines::string(&verb) };
        self.open.push_back((command.tag[..command.tag.len().min(64)].to_vec(), asked));
        let mut event =
            Event::new(Kind::ImapCommand, sink.packet, Some(sink.flow)).with("command", lines::shown(&verb));
        if verb == b"LOGIN" {
            let (name, behind) = imap::argument(command.arguments);
            let (password, _) = imap::argument(behind);
            if imap::literal(line).is_none() {
                event = password_in_clear(event, name, password);
            }
        } else if !command.arguments.is_empty() {
            event = event.with("argument", lines::shown(command.arguments));
        }
        match verb.as_slice() {
            b"AUTHENTICATE" => {
                let (mechanism, initial) = text::split(command.arguments);
                let mechanism = mechanism.to_ascii_uppercase();
                if let Some((name, password)) = text::base64(initial).as_deref().and_then(name_and_password)
                    && mechanism == b"PLAIN"
                {
                    event = password_in_clear(event, name, password);
                }
                self.login = Some(mechanism);
            }
            b"STARTTLS" => event = event.variant("starttls"),
            b"IDLE" => self.login = Some(Vec::new()),
            _ => {}
        }
        sink.events.push(event);
        Part::Command
    }

    fn reply(&mut self, line: &[u8], sink: &mut Sink<'_>) {
        let (tag, rest) = text::split(line);
        let (status, words) = text::split(rest);
        if tag == b"*" || tag == b"+" {
            if tag == b"*" && !self.greeted && status.eq_ignore_ascii_case(b"OK") {
                sink.events.push(
                    Event::new(Kind::ImapReply, sink.packet, Some(sink.flow))
                        .variant("greeting")
                        .with("status", lines::shown(status))
                        .with("text", lines::shown(words)),
                );
            }
            self.greeted = true;
            return;
        }
        self.greeted = true;
        self.login = None;
        let at = self.open.iter().position(|(open, _)| open == tag);
        let asked = at.and_then(|at| self.open.remove(at)).map(|(_, asked)| asked);
        let ok = status.eq_ignore_ascii_case(b"OK");
        let verb = asked.as_ref().map_or("", |a| a.verb.as_str());
        let (variant, severity) = match (ok, verb) {
            (false, _) => ("failed", Severity::Note),
            (true, "STARTTLS") => ("tls", Severity::Chat),
            (true, "LOGIN" | "AUTHENTICATE") => ("logged-in", Severity::Chat),
            _ => ("", Severity::Chat),
        };
        let event = Event::new(Kind::ImapReply, sink.packet, Some(sink.flow))
            .variant(variant)
            .severity(severity)
            .with("status", lines::shown(status))
            .with("text", lines::shown(words));
        sink.events.push(lines::answers(event, asked.as_ref(), sink));
        if variant == "tls" {
            sink.next = Some(super::after_starttls());
        }
    }
}

fn password_in_clear(event: Event, name: &[u8], password: &[u8]) -> Event {
    event
        .variant("password")
        .severity(Severity::Note)
        .with("user", lines::shown(name))
        .with("password", lines::shown(password))
}

impl Messages for Imap {
    fn extent(&mut self, from_client: bool, bytes: &[u8]) -> Extent {
        let left = &mut self.literal[usize::from(!from_client)];
        if *left > 0 {
            let taken = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
            *left -= taken as u64;
            return Extent::Through(taken, Unit::Imap(Part::Literal));
        }
        lines::extent(bytes)
    }

    fn message(&mut self, from_client: bool, bytes: &[u8], sink: &mut Sink<'_>) -> Unit {
        let side = usize::from(!from_client);
        let line = text::content(bytes);
        self.literal[side] = imap::literal(line).unwrap_or(0);
        let within = std::mem::replace(&mut self.goes_on[side], self.literal[side] > 0);
        Unit::Imap(match (from_client, within) {
            (true, true) => Part::More,
            (true, false) => self.command(line, sink),
            (false, true) => Part::ReplyMore,
            (false, false) => {
                self.reply(line, sink);
                Part::Reply
            }
        })
    }

    fn resumes(&self, from_client: bool, segment: &[u8]) -> bool {
        probe(segment, from_client) != Certainty::No
    }

    fn skipped(&mut self, from_client: bool) {
        let side = usize::from(!from_client);
        (self.literal[side], self.goes_on[side]) = (0, false);
        self.login = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::stream::wire::Wire;

    const FETCHED: &[u8] = b"* 1 FETCH (BODY[] {12}\r\nline\r\n* x\r\n.)\r\na2 OK done\r\n";

    #[test]
    fn a_literal_cut_anywhere() {
        for at in 1..FETCHED.len() {
            let mut wire = Wire::new(reader());
            wire.server(b"* OK IMAP4 ready\r\n").client(b"a1 LOGIN alice secret\r\n").server(b"a1 OK\r\n");
            wire.client(b"a2 FETCH 1 BODY[]\r\n").server(&FETCHED[..at]).server(&FETCHED[at..]);
            let told: Vec<_> = wire.events.iter().map(|e| e.variant).collect();
            assert_eq!(told, ["greeting", "password", "logged-in", "", ""], "cut at {at}");
            assert_eq!(wire.events[4].get("command"), Some(&Datum::Text("FETCH".into())));
        }
    }

    #[test]
    fn tls_begins() {
        let mut wire = Wire::new(reader());
        wire.client(b"a STARTTLS\r\n").server(b"a OK go\r\n").client(b"\x16\x03\x01");
        assert_eq!(wire.events.last().unwrap().variant, "tls");
    }

    #[test]
    fn loss_and_garbage() {
        let mut wire = Wire::new(reader());
        wire.server(b"* OK\r\n* 1 FETCH {999}\r\nabc").lost(false, 100).lost(true, 1);
        wire.server(b"a9 OK x\r\n")
            .client(&[0xff; 50_000])
            .client(b"a LOGIN {3}\r\nbob {18446744073709551616}\r\n");
        wire.server(&[b'*'; 50_000]);
        wire.end(true);
        wire.end(false);
    }
}
