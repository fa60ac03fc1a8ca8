//! IRC: what a client says, and logging in.
//!
//! RFC 2812 section 3.1 (PASS, NICK, USER), 3.2 (JOIN), 3.3 (PRIVMSG); IRCv3's tls extension (STARTTLS, answered with 670).
//! Leaves out: what else servers say, which is shown and not told.

use super::lines;
use super::messages::{Extent, MessageReader, Messages};
use super::{Reader, Sink};
use crate::flow::event::{Event, Kind, Severity};
use crate::protocol::irc::{self, Part};
use crate::protocol::lines as text;
use crate::protocol::{Certainty, Unit};

/// The port decides: other protocols begin with such words, too.
pub fn probe(first: &[u8], from_client: bool) -> Certainty {
    let line = irc::parse(text::content(first));
    let word = !line.command.is_empty() && line.command.iter().all(u8::is_ascii_alphanumeric);
    match line.command {
        b"NICK" if from_client && !line.rest.is_empty() => Certainty::Yes,
        _ if word && first.contains(&b'\n') => Certainty::Undecided,
        _ => Certainty::No,
    }
}

/// A reader of a chat.
pub fn reader() -> Box<dyn Reader> {
    Box::new(MessageReader::new(Irc::default()))
}

#[derive(Debug, Default)]
struct Irc {
    /// The client asked for TLS, and no answer has come yet.
    starttls: bool,
}

impl Messages for Irc {
    fn extent(&mut self, _: bool, bytes: &[u8]) -> Extent {
        lines::extent(bytes)
    }

    fn message(&mut self, from_client: bool, bytes: &[u8], sink: &mut Sink<'_>) -> Unit {
        let line = irc::parse(text::content(bytes));
        if !from_client {
            if self.starttls && line.command == b"670" {
                sink.next = Some(super::after_starttls());
            }
            return Unit::Irc(Part::Response);
        }
        let verb = line.command.to_ascii_uppercase();
        self.starttls = verb == b"STARTTLS";
        if !line.command.is_empty() && !matches!(verb.as_slice(), b"PING" | b"PONG") {
            let event = Event::new(Kind::IrcCommand, sink.packet, Some(sink.flow))
                .with("command", lines::shown(&verb))
                .with("text", lines::shown(line.rest));
            sink.events.push(match verb.as_slice() {
                b"PASS" | b"OPER" => event.variant("password").severity(Severity::Note),
                b"PRIVMSG" | b"NOTICE" => event.variant("message"),
                _ => event,
            });
        }
        Unit::Irc(Part::Request)
    }

    fn resumes(&self, from_client: bool, segment: &[u8]) -> bool {
        probe(segment, from_client) != Certainty::No
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::stream::wire::Wire;

    #[test]
    fn lines_cut_anywhere_lost_and_garbage() {
        let stream = b"PASS secret\r\nNICK alice\r\nPRIVMSG #lab :hello all\r\n";
        for at in 1..stream.len() {
            let mut wire = Wire::new(reader());
            wire.client(&stream[..at]).client(&stream[at..]);
            let told: Vec<_> = wire.events.iter().map(|e| e.variant).collect();
            assert_eq!(told, ["password", "", "message"], "cut at {at}");
        }
        let mut wire = Wire::new(reader());
        wire.client(b"NICK")
            .lost(true, 9)
            .client(&[0; 40_000])
            .client(b"JOIN #lab\r\n")
            .server(&[b':'; 40_000]);
        assert_eq!(wire.events.len(), 1);
    }

    #[test]
    fn tls_begins_where_the_server_agrees() {
        for (asked, code, goes_on) in
            [("STARTTLS", "670", false), ("STARTTLS", "691", true), ("NICK a", "670", true)]
        {
            let mut wire = Wire::new(reader());
            wire.client(format!("{asked}\r\n").as_bytes())
                .server(format!(":irc.example.test {code} a :as you like\r\n").as_bytes())
                .client(b"JOIN #lab\r\n");
            let told = wire.events.iter().filter(|e| e.kind == Kind::IrcCommand).count();
            assert_eq!(told == 2, goes_on, "{asked}, {code}");
        }
    }
}
