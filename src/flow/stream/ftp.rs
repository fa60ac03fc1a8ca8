//! FTP: the control connection, and the data connections whose addresses are announced in it.
//!
//! RFC 959 section 3.2 (data connections), 5.4 (which reply follows which command), RFC 2228 (AUTH) with RFC 4217 (TLS),
//! RFC 2428 (EPRT, EPSV). Leaves out: what a file holds.
//!
//! A data connection is known by the address that PORT, EPRT, 227 or 229 gave, whoever connects there and from wherever.
//! Bounded: `MAX_EXPECTED` announced addresses.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};

use foldhash::quality::RandomState;

use super::lines::{self, Waiting};
use super::messages::{Extent, MessageReader, Messages};
use super::{Reader, Sink};
use crate::decode::{Piece, PieceKind};
use crate::flow::event::{Datum, Event, Kind, Severity};
use crate::protocol::ftp::{self, Part, Setup};
use crate::protocol::lines as text;
use crate::protocol::{Certainty, Unit};

/// So many announced addresses are remembered, over all connections.
const MAX_EXPECTED: usize = 1024;
/// Commands that a client may begin with, as far as a capture shows it.
const COMMANDS: &[&[u8]] = &[
    b"ABOR", b"ACCT", b"ALLO", b"APPE", b"AUTH", b"CCC", b"CDUP", b"CLNT", b"CWD", b"DELE", b"EPRT", b"EPSV",
    b"FEAT", b"HELP", b"LIST", b"LANG", b"MDTM", b"MFMT", b"MKD", b"MLSD", b"MLST", b"MODE", b"NLST",
    b"NOOP", b"OPTS", b"PASS", b"PASV", b"PBSZ", b"PORT", b"PROT", b"PWD", b"QUIT", b"REIN", b"REST",
    b"RETR", b"RMD", b"RNFR", b"RNTO", b"SITE", b"SIZE", b"STAT", b"STOR", b"STOU", b"STRU", b"SYST",
    b"TYPE", b"USER", b"XPWD", b"XCWD", b"XMKD", b"XRMD",
];
/// Those that use a data connection (RFC 959 section 4.1.3, RFC 3659 section 7).
const TRANSFERS: &[&str] = &["RETR", "STOR", "STOU", "APPE", "LIST", "NLST", "MLSD"];

/// What the greeting says decides; SMTP's begins alike, and then the port does.
pub fn probe(first: &[u8], from_client: bool) -> Certainty {
    let line = text::content(first);
    if from_client {
        let verb = text::split(line).0.to_ascii_uppercase();
        return if COMMANDS.contains(&verb.as_slice()) { Certainty::Undecided } else { Certainty::No };
    }
    match text::reply(line) {
        Some((220, _)) if says(line, b"SMTP") || says(line, b"ESMTP") => Certainty::No,
        Some((220, _)) if says(line, b"FTP") => Certainty::Yes,
        Some(_) => Certainty::Undecided,
        None => Certainty::No,
    }
}

/// Whether a text holds a word, in whatever letters, maybe as a part of another (`vsFTPd`).
pub(super) fn says(line: &[u8], word: &[u8]) -> bool {
    line.windows(word.len()).any(|w| w.eq_ignore_ascii_case(word))
}

/// A reader of a control connection.
pub fn reader() -> Box<dyn Reader> {
    Box::new(MessageReader::new(Control::default()))
}

/// A data connection that was announced.
#[derive(Debug, Default)]
struct Expected {
    setup: Setup,
}

/// Data connections that were announced.
#[derive(Debug, Default)]
pub struct Transfers {
    expected: HashMap<SocketAddr, Expected, RandomState>,
    order: VecDeque<SocketAddr>,
}

impl Transfers {
    fn announce(&mut self, at: SocketAddr, frame: u64, method: &'static str) {
        let setup = Setup { frame, method, command: None };
        if self.expected.insert(at, Expected { setup }).is_none() {
            self.order.push_back(at);
        }
        while self.order.len() > MAX_EXPECTED {
            self.order.pop_front().and_then(|old| self.expected.remove(&old));
        }
    }

    /// The reader of a connection to an announced address.
    pub fn reader(&self, server: (Option<IpAddr>, Option<u16>)) -> Option<Box<dyn Reader>> {
        let at = match server {
            _ if self.expected.is_empty() => return None,
            (Some(ip), Some(port)) => SocketAddr::new(ip, port),
            _ => return None,
        };
        self.expected.get(&at)?;
        Some(Box::new(Data { at, setup: None, bytes: [0; 2], ended: false }))
    }
}

#[derive(Debug, Default)]
struct Control {
    waiting: Waiting,
    /// Code of a reply whose last line has not come.
    open: Option<u16>,
    /// The addresses that were announced last.
    announced: Vec<SocketAddr>,
}

impl Control {
    fn announce(&mut self, at: Vec<SocketAddr>, method: &'static str, sink: &mut Sink<'_>) {
        for at in &at {
            sink.shared.ftp.announce(*at, sink.packet, method);
        }
        self.announced = at;
    }

    fn command(&mut self, line: &[u8], sink: &mut Sink<'_>) {
        let (verb, argument) = text::split(line);
        if verb.is_empty() {
            return;
        }
        self.waiting.ask(verb, sink);
        let verb = lines::string(&verb.to_ascii_uppercase());
        let mut event = Event::new(Kind::FtpCommand, sink.packet, Some(sink.flow))
            .with("command", Datum::Text(verb.clone()));
        if !argument.is_empty() {
            event = event.with("argument", lines::shown(argument));
        }
        event = match verb.as_str() {
            "USER" => event.variant("user"),
            "PASS" => event.variant("password").severity(Severity::Note),
            "AUTH" => event.variant("auth"),
            "PASV" | "EPSV" => event.variant("passive"),
            "PORT" | "EPRT" => {
                let found = match verb.as_str() {
                    "PORT" => ftp::six_numbers(argument).map(|(ip, port)| (IpAddr::V4(ip), port)),
                    _ => ftp::extended(argument).and_then(|(ip, port)| Some((ip?, port))),
                };
                match found {
                    Some((ip, port)) => {
                        let method = if verb == "PORT" { "PORT" } else { "EPRT" };
                        self.announce(vec![SocketAddr::new(ip, port)], method, sink);
                        event.variant("active").with("address", Datum::Socket(ip, port))
                    }
                    None => event,
                }
            }
            "QUIT" => event.variant("quit"),
            v if TRANSFERS.contains(&v) => {
                for at in &self.announced {
                    if let Some(expected) = sink.shared.ftp.expected.get_mut(at) {
                        let told = if argument.is_empty() {
                            verb.clone()
                        } else {
                            format!("{verb} {}", lines::string(argument))
                        };
                        expected.setup.command = Some((sink.packet, told));
                    }
                }
                event.variant(match v {
                    "RETR" => "fetch",
                    "STOR" | "STOU" | "APPE" => "store",
                    _ => "list",
                })
            }
            _ => event,
        };
        sink.events.push(event);
    }

    fn reply(&mut self, line: &[u8], sink: &mut Sink<'_>) {
        let (code, more) = match (text::reply(line), self.open) {
            // RFC 959 section 4.2: within a reply of several lines only its own code, with a blank, is the end.
            (Some((code, false)), Some(open)) if code != open => return,
            (Some(reply), _) => reply,
            (None, _) => return,
        };
        self.open = more.then_some(code);
        if more {
            return;
        }
        // 1xx: the real reply is still to come (RFC 959 section 4.2.1).
        let interim = code < 200;
        let asked = if interim { self.waiting.next().cloned() } else { self.waiting.answered() };
        let (variant, severity) = match code {
            220 if asked.is_none() => ("greeting", Severity::Chat),
            230 => ("logged-in", Severity::Chat),
            234 => ("tls", Severity::Chat),
            331 => ("password-wanted", Severity::Chat),
            227 | 229 => ("passive", Severity::Chat),
            150 | 125 => ("transfer-begins", Severity::Chat),
            226 | 250 => ("done", Severity::Chat),
            400..=499 => ("failed-for-now", Severity::Note),
            500..=599 => ("failed", Severity::Note),
            _ => ("", Severity::Chat),
        };
        let mut event = Event::new(Kind::FtpReply, sink.packet, Some(sink.flow))
            .severity(severity)
            .with("code", Datum::Uint(code.into()))
            .with("text", lines::shown(line.get(4..).unwrap_or_default()));
        event = lines::answers(event, asked.as_ref(), sink);
        let address = ftp::passive(line);
        if let Some((ip, port)) = address {
            // A translator on the way may have left another address in the text than the one that is connected to.
            let host = ip.unwrap_or(sink.server.ip());
            let mut at = vec![SocketAddr::new(host, port)];
            if host != sink.server.ip() {
                at.push(SocketAddr::new(sink.server.ip(), port));
            }
            self.announce(at, if code == 227 { "PASV" } else { "EPSV" }, sink);
            event = event.with("address", Datum::Socket(host, port));
        }
        let tells = variant != "passive" || address.is_some();
        sink.events.push(event.variant(if tells { variant } else { "" }));
        if code == 234 {
            sink.next = Some(super::after_starttls());
        }
    }
}

impl Messages for Control {
    fn extent(&mut self, _: bool, bytes: &[u8]) -> Extent {
        lines::extent(bytes)
    }

    fn message(&mut self, from_client: bool, bytes: &[u8], sink: &mut Sink<'_>) -> Unit {
        let line = text::content(bytes);
        if from_client {
            self.command(line, sink);
            Unit::Ftp(Part::Command)
        } else {
            self.reply(line, sink);
            Unit::Ftp(Part::Reply)
        }
    }

    fn cut(&self, from_client: bool, _: &[u8]) -> Option<Unit> {
        Some(Unit::Ftp(if from_client { Part::Command } else { Part::Reply }))
    }

    fn resumes(&self, from_client: bool, segment: &[u8]) -> bool {
        lines::begins(from_client, segment)
    }

    fn skipped(&mut self, _: bool) {
        self.waiting.forget();
        self.open = None;
    }
}

/// A data connection: one file or one listing, from end to end.
#[derive(Debug)]
struct Data {
    at: SocketAddr,
    /// What was known when the first byte came.
    setup: Option<Setup>,
    /// Bytes from the client of this connection, and from its server.
    bytes: [u64; 2],
    ended: bool,
}

impl Data {
    fn event(&self, setup: &Setup, sink: &Sink<'_>) -> Event {
        let event = Event::new(Kind::FtpData, sink.packet, Some(sink.flow))
            .with("announced_packet", Datum::Uint(setup.frame))
            .with("method", Datum::Name(setup.method));
        match &setup.command {
            Some((packet, command)) => event
                .with("command_packet", Datum::Uint(*packet))
                .with("command", Datum::Text(command.clone())),
            None => event,
        }
    }
}

impl Reader for Data {
    fn feed(&mut self, from_client: bool, at: Option<usize>, data: &[u8], sink: &mut Sink<'_>) -> usize {
        if self.setup.is_none() {
            let setup = sink.shared.ftp.expected.get(&self.at).map(|e| e.setup.clone()).unwrap_or_default();
            sink.events.push(self.event(&setup, sink));
            self.setup = Some(setup);
        }
        self.bytes[usize::from(!from_client)] += data.len() as u64;
        if let Some(at) = at {
            let setup =
                if sink.wants_tree { self.setup.clone().unwrap_or_default() } else { Setup::default() };
            let kind = PieceKind::Unit(Unit::FtpData(Box::new(setup)));
            sink.pieces.push(Piece { start: at, end: at + data.len(), kind });
        }
        data.len()
    }

    fn lost(&mut self, from_client: bool, bytes: u64) {
        self.bytes[usize::from(!from_client)] += bytes;
    }

    fn end(&mut self, from_client: bool, sink: &mut Sink<'_>) {
        let bytes = self.bytes[usize::from(!from_client)];
        if let (Some(setup), false, true) = (&self.setup, self.ended, bytes > 0) {
            let event = self.event(setup, sink).variant("end").with("bytes", Datum::Uint(bytes));
            sink.events.push(event);
            self.ended = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::stream::wire::Wire;

    const SERVER: &[u8] = b"220 (vsFTPd)\r\n";
    const PASSIVE: &[u8] = b"227 Entering Passive Mode (192,0,2,2,4,1).\r\n";

    fn kinds(wire: &Wire) -> Vec<(Kind, &'static str)> {
        wire.events.iter().map(|e| (e.kind, e.variant)).collect()
    }

    #[test]
    fn a_login_in_clear() {
        let mut wire = Wire::new(reader());
        wire.server(SERVER).client(b"USER alice\r\n").server(b"331 Password?\r\n").client(b"PASS secret\r\n");
        wire.server(b"230-Welcome\r\n220 this is no end\r\n230 In\r\n");
        let told = [
            (Kind::FtpReply, "greeting"),
            (Kind::FtpCommand, "user"),
            (Kind::FtpReply, "password-wanted"),
            (Kind::FtpCommand, "password"),
            (Kind::FtpReply, "logged-in"),
        ];
        assert_eq!(kinds(&wire), told);
        assert_eq!(wire.events[4].get("request_packet"), Some(&Datum::Uint(4)));
    }

    #[test]
    fn a_data_connection_is_expected() {
        let mut wire = Wire::new(reader());
        wire.client(b"PASV\r\n").server(PASSIVE).client(b"RETR notes.txt\r\n");
        let at = (Some("192.0.2.2".parse().unwrap()), Some(1025));
        let data = wire.shared.ftp.reader(at).expect("announced");
        assert!(wire.shared.ftp.reader((at.0, Some(1026))).is_none());
        let mut other = Wire::new(data);
        other.shared = std::mem::take(&mut wire.shared);
        other.server(b"hello").lost(false, 5);
        other.server(b"!").end(false);
        assert_eq!(kinds(&other), [(Kind::FtpData, ""), (Kind::FtpData, "end")]);
        assert_eq!(other.events[0].get("command"), Some(&Datum::Text("RETR notes.txt".into())));
        assert_eq!(other.events[1].get("bytes"), Some(&Datum::Uint(11)));
    }

    #[test]
    fn cut_anywhere() {
        for at in 1..PASSIVE.len() {
            let mut wire = Wire::new(reader());
            wire.server(&PASSIVE[..at]).server(&PASSIVE[at..]);
            assert_eq!(kinds(&wire), [(Kind::FtpReply, "passive")]);
        }
    }

    #[test]
    fn after_auth_it_is_not_ours() {
        let mut wire = Wire::new(reader());
        wire.client(b"AUTH TLS\r\n").server(b"234 Go\r\n").client(b"\x16\x03\x01\0\x02ab");
        assert_eq!(kinds(&wire)[..2], [(Kind::FtpCommand, "auth"), (Kind::FtpReply, "tls")]);
        assert!(matches!(wire.units().last(), Some(Unit::Tls(_))), "TLS reads on");
    }

    #[test]
    fn loss_and_garbage() {
        let mut wire = Wire::new(reader());
        wire.client(b"PASV\r\n").lost(false, 50);
        wire.server(b"the rest\r\n").server(b"200 fine\r\n");
        assert_eq!(wire.events.last().unwrap().get("request_packet"), None);
        wire.client(&[b'x'; 3 * lines::MAX_LINE]).client(&[0; 100]).server(&[0xff; 100]).client(b"QUIT\r\n");
        assert_eq!(wire.events.last().unwrap().variant, "quit");
        wire.end(true);
        wire.end(false);
    }

    #[test]
    fn greetings_are_told_apart() {
        assert_eq!(probe(b"220 ProFTPD ready\r\n", false), Certainty::Yes);
        assert_eq!(probe(b"220 mail ESMTP\r\n", false), Certainty::No);
        assert_eq!(probe(b"220 hello\r\n", false), Certainty::Undecided);
        assert_eq!(probe(b"SSH-2.0-x\r\n", false), Certainty::No);
        assert_eq!(probe(b"USER x\r\n", true), Certainty::Undecided);
        assert_eq!(probe(b"GET / HTTP/1.1\r\n", true), Certainty::No);
    }
}
