//! POP3: which reply answers which command, where the texts behind them end, and where TLS begins.
//!
//! RFC 1939 section 3 (texts), 5 and 7 (which commands have one), RFC 2449 section 5 (CAPA), RFC 2595 section 4 (STLS).
//! Leaves out: digests and logins other than PLAIN; APOP's digest is shown as it is.

use super::ftp::says;
use super::lines::{self, Dotted, Waiting};
use super::messages::{Extent, MessageReader, Messages};
use super::{Reader, Sink, smtp};
use crate::flow::event::{Datum, Event, Kind, Severity};
use crate::protocol::imf;
use crate::protocol::lines as text;
use crate::protocol::pop::Part;
use crate::protocol::smtp::name_and_password;
use crate::protocol::{Certainty, Unit};

/// The port decides: other protocols say `+OK`, too.
pub fn probe(first: &[u8], from_client: bool) -> Certainty {
    let line = text::content(first);
    let verb = text::split(line).0.to_ascii_uppercase();
    match verb.as_slice() {
        b"+OK" if !from_client && says(line, b"POP") => Certainty::Yes,
        b"+OK" | b"-ERR" if !from_client => Certainty::Undecided,
        b"USER" | b"CAPA" | b"AUTH" | b"APOP" | b"STLS" | b"QUIT" | b"STAT" | b"LIST" | b"UIDL" | b"RETR"
        | b"TOP" | b"DELE" | b"PASS"
            if from_client =>
        {
            Certainty::Undecided
        }
        _ => Certainty::No,
    }
}

/// A reader of a connection to a mailbox.
pub fn reader() -> Box<dyn Reader> {
    Box::new(MessageReader::new(Pop::default()))
}

/// What comes next from the server.
#[derive(Debug, Default, PartialEq, Eq)]
enum Next {
    #[default]
    Reply,
    /// The header of a mail.
    Header,
    /// A text; whether a line begins.
    Text { line_start: bool },
}

#[derive(Debug, Default)]
struct Pop {
    waiting: Waiting,
    next: Next,
    /// The client is within a login: the mechanism.
    login: Option<Vec<u8>>,
    greeted: bool,
}

impl Pop {
    fn command(&mut self, line: &[u8], sink: &mut Sink<'_>) -> Part {
        if let Some(mechanism) = &self.login {
            let both = text::base64(line);
            if mechanism == b"PLAIN"
                && let Some((name, password)) = both.as_deref().and_then(name_and_password)
            {
                sink.events.push(
                    Event::new(Kind::PopCommand, sink.packet, Some(sink.flow))
                        .variant("password")
                        .severity(Severity::Note)
                        .with("command", Datum::Text("AUTH".into()))
                        .with("user", lines::shown(name))
                        .with("argument", lines::shown(password)),
                );
            }
            return Part::Login;
        }
        let (verb, argument) = text::split(line);
        if verb.is_empty() {
            return Part::Command;
        }
        let upper = verb.to_ascii_uppercase();
        // LIST and UIDL have a text only where no message is named; they are remembered as what they ask for.
        let listed = matches!(upper.as_slice(), b"LIST" | b"UIDL" | b"AUTH") && !argument.is_empty();
        self.waiting.ask(if listed { b"" } else { &upper }, sink);
        if upper == b"AUTH" && listed {
            self.login = Some(text::split(argument).0.to_ascii_uppercase());
        }
        let mut event =
            Event::new(Kind::PopCommand, sink.packet, Some(sink.flow)).with("command", lines::shown(&upper));
        if !argument.is_empty() {
            event = event.with("argument", lines::shown(argument));
        }
        event = match upper.as_slice() {
            b"USER" => event.variant("user"),
            b"PASS" => event.variant("password").severity(Severity::Note),
            b"RETR" | b"TOP" => event.variant("fetch"),
            b"DELE" => event.variant("delete"),
            b"STLS" => event.variant("starttls"),
            _ => event,
        };
        sink.events.push(event);
        Part::Command
    }

    fn reply(&mut self, line: &[u8], sink: &mut Sink<'_>) {
        let (verdict, words) = text::split(line);
        if verdict == b"+" {
            return;
        }
        let ok = verdict == b"+OK";
        let asked = self.waiting.answered();
        self.login = None;
        let verb = asked.as_ref().map_or("", |a| a.verb.as_str());
        let (variant, severity) = match (ok, verb) {
            (false, _) => ("failed", Severity::Note),
            (true, "") if !self.greeted => ("greeting", Severity::Chat),
            (true, "STLS") => ("tls", Severity::Chat),
            (true, "PASS" | "APOP") => ("logged-in", Severity::Chat),
            _ => ("", Severity::Chat),
        };
        self.greeted = true;
        if ok {
            self.next = match verb {
                "RETR" | "TOP" => Next::Header,
                "LIST" | "UIDL" | "CAPA" | "AUTH" => Next::Text { line_start: true },
                _ => Next::Reply,
            };
        }
        let event = Event::new(Kind::PopReply, sink.packet, Some(sink.flow))
            .variant(variant)
            .severity(severity)
            .with("verdict", lines::shown(verdict))
            .with("text", lines::shown(words));
        sink.events.push(lines::answers(event, asked.as_ref().filter(|a| !a.verb.is_empty()), sink));
        if variant == "tls" {
            sink.next = Some(super::after_starttls());
        }
    }
}

impl Messages for Pop {
    fn extent(&mut self, from_client: bool, bytes: &[u8]) -> Extent {
        if from_client {
            return lines::extent(bytes);
        }
        if self.next == Next::Header {
            match imf::end(bytes) {
                imf::End::At(end) => return Extent::Message(end),
                imf::End::More => return Extent::More,
                imf::End::None => self.next = Next::Text { line_start: true },
            }
        }
        match &mut self.next {
            Next::Text { line_start } => match lines::dotted(bytes, line_start) {
                Dotted::Text(length) => Extent::Through(length, Unit::Pop(Part::Text)),
                Dotted::End(length) => Extent::Message(length),
                Dotted::More => Extent::More,
            },
            _ => lines::extent(bytes),
        }
    }

    fn message(&mut self, from_client: bool, bytes: &[u8], sink: &mut Sink<'_>) -> Unit {
        if from_client {
            return Unit::Pop(self.command(text::content(bytes), sink));
        }
        match self.next {
            Next::Header => {
                smtp::mail(bytes, sink);
                self.next = Next::Text { line_start: true };
                Unit::Imf
            }
            Next::Text { .. } => {
                self.next = Next::Reply;
                Unit::Pop(Part::End)
            }
            Next::Reply => {
                self.reply(text::content(bytes), sink);
                Unit::Pop(Part::Reply)
            }
        }
    }

    fn resumes(&self, from_client: bool, segment: &[u8]) -> bool {
        match from_client {
            true => lines::begins(true, segment),
            false => segment.starts_with(b"+OK") || segment.starts_with(b"-ERR"),
        }
    }

    fn skipped(&mut self, _: bool) {
        self.waiting.forget();
        self.next = Next::Reply;
        self.login = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::stream::wire::Wire;

    const MAIL: &[u8] = b"+OK 120 octets\r\nFrom: a@x\r\n\r\n.. two dots\r\n.\r\n+OK bye\r\n";

    #[test]
    fn a_mail_cut_anywhere() {
        for at in 1..MAIL.len() {
            let mut wire = Wire::new(reader());
            wire.server(b"+OK ready\r\n").client(b"PASS secret\r\n").server(b"+OK\r\n");
            wire.client(b"RETR 1\r\n").client(b"QUIT\r\n").server(&MAIL[..at]).server(&MAIL[at..]);
            let told: Vec<_> = wire.events.iter().map(|e| e.variant).collect();
            assert_eq!(told, ["greeting", "password", "logged-in", "fetch", "", "", "", ""], "cut at {at}");
            assert_eq!(wire.events[6].kind, Kind::MailHeader);
            assert_eq!(wire.events[7].get("command"), Some(&Datum::Text("QUIT".into())));
        }
    }

    #[test]
    fn texts_come_only_where_they_are_due() {
        let mut wire = Wire::new(reader());
        wire.server(b"+OK\r\n").client(b"LIST\r\n").server(b"+OK\r\n1 120\r\n.\r\n");
        wire.client(b"LIST 1\r\n").server(b"+OK 1 120\r\n").client(b"LIST 9\r\n").server(b"-ERR no\r\n");
        assert_eq!(wire.events.last().unwrap().variant, "failed");
        wire.client(b"STLS\r\n").server(b"+OK\r\n").client(b"\x16\x03\x01");
        assert_eq!(wire.events.last().unwrap().variant, "tls");
    }

    #[test]
    fn loss_and_garbage() {
        let mut wire = Wire::new(reader());
        wire.client(b"RETR 1\r\n").server(b"+OK\r\nSubject: x\r\n").lost(false, 10);
        wire.server(&[0; 40_000]).server(b"+OK fine\r\n").client(&[b'x'; 40_000]).client(b"QUIT\r\n");
        assert_eq!(wire.events.last().unwrap().get("command"), Some(&Datum::Text("QUIT".into())));
        wire.end(true);
        wire.end(false);
    }
}
