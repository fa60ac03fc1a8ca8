//! SMTP: commands and replies, the mail between them, and where TLS begins.
//!
//! RFC 5321 section 3.3 (a mail: MAIL, RCPT, DATA), 4.2 (replies), RFC 2920 (pipelining), RFC 3030 (BDAT), RFC 3207 (STARTTLS),
//! RFC 4954 (AUTH). Leaves out: what a mail's body says.
//!
//! The mail begins with the line after DATA, unless the server refuses: so a capture of the client alone can be read, too.

use super::ftp::says;
use super::lines::{self, Dotted, Waiting};
use super::messages::{Extent, MessageReader, Messages};
use super::{Reader, Sink};
use crate::flow::event::{Datum, Event, Kind, Severity};
use crate::protocol::imf;
use crate::protocol::lines as text;
use crate::protocol::smtp::{self, Login, Part};
use crate::protocol::{Certainty, Unit};
use crate::wire::{Cursor, Off};

/// So much of the list of extensions stands in an event.
const MAX_EXTENSIONS: usize = 200;
/// The end of a mail is answered like a command.
const DOT: &str = ".";

/// What the greeting says decides; FTP's begins alike, and then the port does.
pub fn probe(first: &[u8], from_client: bool) -> Certainty {
    let line = text::content(first);
    if from_client {
        let (verb, rest) = text::split(line);
        let verb = verb.to_ascii_uppercase();
        return match verb.as_slice() {
            b"EHLO" | b"HELO" | b"LHLO" if !rest.is_empty() => Certainty::Yes,
            b"MAIL" | b"RCPT" if rest.contains(&b':') => Certainty::Yes,
            b"DATA" | b"QUIT" | b"RSET" | b"NOOP" | b"AUTH" | b"VRFY" | b"EXPN" | b"HELP" | b"STARTTLS"
            | b"BDAT" => Certainty::Undecided,
            _ => Certainty::No,
        };
    }
    match text::reply(line) {
        Some((220, _)) if says(line, b"SMTP") => Certainty::Yes,
        Some((220, _)) if says(line, b"FTP") => Certainty::No,
        Some(_) => Certainty::Undecided,
        None => Certainty::No,
    }
}

/// A reader of a connection to a mail server.
pub fn reader() -> Box<dyn Reader> {
    Box::new(MessageReader::new(Smtp::default()))
}

/// What comes next from the client.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Next {
    #[default]
    Command,
    /// A line of a login; what follows after it.
    Login(Login),
    /// The header of a mail.
    Header,
    /// The rest of a mail; whether a line begins.
    Body { line_start: bool },
    /// So many bytes of a chunk.
    Chunk { left: u64 },
}

#[derive(Debug, Default)]
struct Smtp {
    waiting: Waiting,
    next: Next,
    /// The chunk that was announced last is the last of its mail.
    last_chunk: bool,
    greeted: bool,
    /// What the server offers, as far as its reply has come.
    extensions: String,
}

impl Smtp {
    fn command(&mut self, line: &[u8], sink: &mut Sink<'_>) {
        let (verb, argument) = text::split(line);
        if verb.is_empty() {
            return;
        }
        self.waiting.ask(verb, sink);
        let verb = lines::string(&verb.to_ascii_uppercase());
        let mut event = Event::new(Kind::SmtpCommand, sink.packet, Some(sink.flow))
            .with("command", Datum::Text(verb.clone()));
        if !argument.is_empty() {
            event = event.with("argument", lines::shown(argument));
        }
        event = match verb.as_str() {
            "EHLO" | "HELO" | "LHLO" => event.variant("hello"),
            "MAIL" => event.variant("from"),
            "RCPT" => event.variant("to"),
            "STARTTLS" => event.variant("starttls"),
            "QUIT" => event.variant("quit"),
            "DATA" => {
                self.next = Next::Header;
                event.variant("data")
            }
            "BDAT" => {
                let (size, last) = text::split(argument);
                let left = text::number(size).unwrap_or(0);
                self.last_chunk = last.eq_ignore_ascii_case(b"LAST");
                self.next = if left > 0 { Next::Chunk { left } } else { Next::Command };
                event.variant("data")
            }
            "AUTH" => {
                let (mechanism, given) = text::split(argument);
                let mechanism = mechanism.to_ascii_uppercase();
                let decoded = text::base64(given);
                self.next = match mechanism.as_slice() {
                    b"PLAIN" if given.is_empty() => Next::Login(Login::Plain),
                    b"PLAIN" => Next::Command,
                    b"LOGIN" if given.is_empty() => Next::Login(Login::Name),
                    b"LOGIN" => Next::Login(Login::Password),
                    _ => Next::Login(Login::Other),
                };
                let event = event.variant("auth").with("mechanism", lines::shown(&mechanism));
                match decoded.as_deref().and_then(smtp::name_and_password) {
                    Some((name, password)) if mechanism == b"PLAIN" => {
                        in_clear(event, Some(name), Some(password))
                    }
                    _ => event,
                }
            }
            _ => event,
        };
        sink.events.push(event);
    }

    /// A line of a login.
    fn login(&mut self, login: Login, line: &[u8], sink: &mut Sink<'_>) {
        self.next = match login {
            Login::Name => Next::Login(Login::Password),
            Login::Other => Next::Login(Login::Other),
            Login::Password | Login::Plain => Next::Command,
        };
        self.waiting.ask(b"AUTH", sink);
        let decoded = text::base64(line);
        let event = Event::new(Kind::SmtpCommand, sink.packet, Some(sink.flow))
            .with("command", Datum::Text("AUTH".into()));
        let event = match (login, decoded.as_deref()) {
            (Login::Name, Some(name)) => in_clear(event, Some(name), None).variant("user"),
            (Login::Password, Some(password)) => in_clear(event, None, Some(password)),
            (Login::Plain, Some(both)) => match smtp::name_and_password(both) {
                Some((name, password)) => in_clear(event, Some(name), Some(password)),
                None => return,
            },
            _ => return,
        };
        sink.events.push(event);
    }

    fn reply(&mut self, line: &[u8], sink: &mut Sink<'_>) {
        let Some((code, more)) = text::reply(line) else { return };
        let words = line.get(4..).unwrap_or_default();
        let asked = self.waiting.next();
        let to_hello = asked.is_some_and(|a| matches!(a.verb.as_str(), "EHLO" | "LHLO"));
        if to_hello && code == 250 && self.extensions.len() + words.len() < MAX_EXTENSIONS {
            let sep = if self.extensions.is_empty() { "" } else { "; " };
            self.extensions = format!("{}{sep}{}", self.extensions, lines::string(words));
        }
        if more {
            return;
        }
        let asked = self.waiting.answered();
        let verb = asked.as_ref().map_or("", |a| a.verb.as_str());
        let (variant, severity) = match code {
            400..=499 => ("failed-for-now", Severity::Note),
            500..=599 => ("failed", Severity::Note),
            220 if verb == "STARTTLS" => ("tls", Severity::Chat),
            220 if !self.greeted => ("greeting", Severity::Chat),
            354 => ("go-on", Severity::Chat),
            235 => ("logged-in", Severity::Chat),
            250 if to_hello && !self.extensions.is_empty() => ("extensions", Severity::Chat),
            250 if verb == DOT || (verb == "BDAT" && self.last_chunk) => ("accepted", Severity::Chat),
            _ => ("", Severity::Chat),
        };
        self.greeted = true;
        match verb {
            "DATA" if code >= 400 => self.next = Next::Command,
            "AUTH" if code != 334 => self.next = Next::Command,
            _ => {}
        }
        let event = Event::new(Kind::SmtpReply, sink.packet, Some(sink.flow))
            .variant(variant)
            .severity(severity)
            .with("code", Datum::Uint(code.into()))
            .with("text", lines::shown(words));
        let mut event = lines::answers(event, asked.as_ref(), sink);
        if variant == "extensions" {
            event = event.with("extensions", Datum::Text(std::mem::take(&mut self.extensions)));
        }
        self.extensions.clear();
        sink.events.push(event);
        if variant == "tls" {
            sink.next = Some(super::after_starttls());
        }
    }
}

/// A login that can be read by all.
fn in_clear(event: Event, name: Option<&[u8]>, password: Option<&[u8]>) -> Event {
    let event = match name {
        Some(name) => event.with("user", lines::shown(name)),
        None => event,
    };
    match password {
        Some(password) => {
            event.variant("password").severity(Severity::Note).with("password", lines::shown(password))
        }
        None => event,
    }
}

/// The header of a mail is complete.
pub(super) fn mail(bytes: &[u8], sink: &mut Sink<'_>) {
    let Ok(header) = imf::dissect(&mut Cursor::new(bytes, 0, bytes.len(), &mut Off)) else { return };
    let mut event = Event::new(Kind::MailHeader, sink.packet, Some(sink.flow));
    let parts =
        [("from", header.from), ("to", header.to), ("subject", header.subject), ("date", header.date)];
    for (key, value) in parts {
        if let Some(value) = value {
            event.data.push((key, lines::shown(value)));
        }
    }
    sink.events.push(event);
}

impl Messages for Smtp {
    fn extent(&mut self, from_client: bool, bytes: &[u8]) -> Extent {
        if !from_client {
            return lines::extent(bytes);
        }
        if self.next == Next::Header {
            match imf::end(bytes) {
                imf::End::At(end) => return Extent::Message(end),
                imf::End::More => return Extent::More,
                imf::End::None => self.next = Next::Body { line_start: true },
            }
        }
        match &mut self.next {
            Next::Body { line_start } => match lines::dotted(bytes, line_start) {
                Dotted::Text(length) => Extent::Through(length, Unit::Smtp(Part::Text)),
                Dotted::End(length) => Extent::Message(length),
                Dotted::More => Extent::More,
            },
            Next::Chunk { left } => {
                let taken = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
                *left -= taken as u64;
                if *left == 0 {
                    self.next = Next::Command;
                }
                Extent::Through(taken, Unit::Smtp(Part::Text))
            }
            _ => lines::extent(bytes),
        }
    }

    fn message(&mut self, from_client: bool, bytes: &[u8], sink: &mut Sink<'_>) -> Unit {
        let line = text::content(bytes);
        if !from_client {
            self.reply(line, sink);
            return Unit::Smtp(Part::Reply);
        }
        match self.next {
            Next::Header => {
                mail(bytes, sink);
                self.next = Next::Body { line_start: true };
                Unit::Imf
            }
            Next::Body { .. } | Next::Chunk { .. } => {
                self.next = Next::Command;
                self.waiting.ask(DOT.as_bytes(), sink);
                Unit::Smtp(Part::End)
            }
            Next::Login(login) => {
                self.login(login, line, sink);
                Unit::Smtp(Part::Login(login))
            }
            Next::Command => {
                self.command(line, sink);
                Unit::Smtp(Part::Command)
            }
        }
    }

    fn resumes(&self, from_client: bool, segment: &[u8]) -> bool {
        lines::begins(from_client, segment)
    }

    fn skipped(&mut self, from_client: bool) {
        self.waiting.forget();
        if from_client {
            self.next = Next::Command;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::stream::wire::Wire;

    const MAIL: &[u8] = b"MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\nFrom: a@x\r\nSubject: hi\r\n\r\nHello\r\n..\r\n.\r\nQUIT\r\n";

    fn told(wire: &Wire) -> Vec<(Kind, &'static str)> {
        wire.events.iter().map(|e| (e.kind, e.variant)).collect()
    }

    #[test]
    fn a_mail_cut_anywhere() {
        let expected = [
            (Kind::SmtpCommand, "from"),
            (Kind::SmtpCommand, "to"),
            (Kind::SmtpCommand, "data"),
            (Kind::MailHeader, ""),
            (Kind::SmtpCommand, "quit"),
        ];
        for at in 1..MAIL.len() {
            let mut wire = Wire::new(reader());
            wire.client(&MAIL[..at]).client(&MAIL[at..]);
            assert_eq!(told(&wire), expected, "cut at {at}");
            wire.server(b"250 ok\r\n250 ok\r\n354 go\r\n250 queued\r\n221 bye\r\n");
        }
        let mut wire = Wire::new(reader());
        for byte in MAIL {
            wire.client(&[*byte]);
        }
        assert_eq!(told(&wire), expected);
    }

    #[test]
    fn replies_in_turn() {
        let mut wire = Wire::new(reader());
        wire.server(b"220 mail ESMTP\r\n")
            .client(b"EHLO c\r\n")
            .server(b"250-mail\r\n250-SIZE 1\r\n250 HELP\r\n");
        wire.client(b"DATA\r\n")
            .server(b"354 go\r\n")
            .client(b"Subject: x\r\n\r\n.\r\n")
            .server(b"250 queued\r\n");
        let replies: Vec<_> =
            wire.events.iter().filter(|e| e.kind == Kind::SmtpReply).map(|e| e.variant).collect();
        assert_eq!(replies, ["greeting", "extensions", "go-on", "accepted"]);
    }

    #[test]
    fn logins() {
        let mut wire = Wire::new(reader());
        wire.client(b"AUTH LOGIN\r\n")
            .server(b"334 VXNlcg==\r\n")
            .client(b"YWxpY2U=\r\n")
            .server(b"334 UGFzcw==\r\n");
        wire.client(b"c2VjcmV0\r\n").server(b"235 ok\r\n").client(b"AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n");
        let passwords: Vec<_> = wire.events.iter().filter_map(|e| e.get("password")).collect();
        assert_eq!(passwords, [&Datum::Text("secret".into()); 2]);
    }

    #[test]
    fn tls_begins() {
        let mut wire = Wire::new(reader());
        wire.server(b"220 x ESMTP\r\n")
            .client(b"STARTTLS\r\n")
            .server(b"220 go\r\n")
            .client(b"\x16\x03\x01\0\x01a");
        assert!(wire.events.iter().any(|event| event.variant == "tls"));
        assert!(matches!(wire.units().last(), Some(Unit::Tls(_))), "TLS reads on");
    }

    #[test]
    fn loss_and_garbage() {
        let mut wire = Wire::new(reader());
        wire.client(b"DATA\r\nSubject: x\r\n\r\nabc").lost(true, 100);
        wire.client(b"\xff\xfe\0").client(b"more text\r\n").client(b"QUIT\r\n");
        assert_eq!(wire.events.last().unwrap().variant, "quit");
        wire.client(b"BDAT 99999999999999999999 LAST\r\n").client(b"BDAT 5\r\nabc").client(b"deQUIT\r\n");
        assert_eq!(wire.events.last().unwrap().variant, "quit");
        wire.server(&[b'2'; 40_000]).server(&[0; 10]);
        wire.end(true);
    }
}
