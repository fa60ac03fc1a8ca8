//! Telnet: options that are agreed on, and what is typed, the login with it.
//!
//! RFC 854 and 855. A typed line is told with the prompt before it, for what is asked for is only known from that: a password is one
//! because the server wrote `Password:`. Leaves out: terminals, that is, what the text looks like on a screen.

use super::lines;
use super::messages::{Extent, MessageReader, Messages};
use super::{Reader, Sink};
use crate::flow::event::{Datum, Event, Kind, Severity};
use crate::flow::record::Endpoint;
use crate::protocol::telnet::{self, MARK, Part, Reach};
use crate::protocol::{Certainty, Unit};

/// So much of a typed line, and of a prompt, is remembered.
const MAX_TYPED: usize = 256;
/// So much of a list of options is told.
const MAX_OPTIONS: usize = 200;

/// A negotiation at the beginning decides, else the port.
pub fn probe(first: &[u8], _: bool) -> Certainty {
    match first {
        [MARK, 251..=254, option, ..] if telnet::option_name(*option).is_some() => Certainty::Yes,
        _ => Certainty::Undecided,
    }
}

/// A reader of a terminal's connection.
pub fn reader() -> Box<dyn Reader> {
    Box::new(MessageReader::new(Telnet::default()))
}

#[derive(Debug, Default)]
struct Telnet {
    /// What the client has typed since the last line end.
    typed: Vec<u8>,
    /// What the server has written since its last line end.
    prompt: Vec<u8>,
}

impl Telnet {
    fn negotiate(&mut self, from_client: bool, bytes: &[u8], sink: &mut Sink<'_>) {
        let Some((verb, option)) = telnet::negotiation(bytes) else { return };
        let name = telnet::option_name(option).map_or_else(|| option.to_string(), str::to_owned);
        let one = format!("{verb} {name}");
        // All of one segment are told together.
        if let Some(last) = sink.events.last_mut()
            && last.kind == Kind::TelnetOptions
            && last.packet == sink.packet
            && let Some((_, Datum::Text(options))) = last.data.iter_mut().find(|(key, _)| *key == "options")
        {
            if options.len() < MAX_OPTIONS {
                options.push_str(", ");
                options.push_str(&one);
            }
            return;
        }
        let endpoint = if from_client { Endpoint::Client } else { Endpoint::Server };
        sink.events.push(
            Event::new(Kind::TelnetOptions, sink.packet, Some(sink.flow))
                .with("endpoint", Datum::Name(endpoint.name()))
                .with("options", Datum::Text(one)),
        );
    }

    fn text(&mut self, from_client: bool, bytes: &[u8], sink: &mut Sink<'_>) {
        if !from_client {
            for byte in bytes {
                match byte {
                    b'\n' | b'\r' => self.prompt.clear(),
                    0..32 | 127 => {}
                    _ if self.prompt.len() < MAX_TYPED => self.prompt.push(*byte),
                    _ => {}
                }
            }
            return;
        }
        for byte in bytes {
            match byte {
                b'\r' | b'\n' => self.line(sink),
                8 | 127 => drop(self.typed.pop()),
                0..32 => {}
                _ if self.typed.len() < MAX_TYPED => self.typed.push(*byte),
                _ => {}
            }
        }
    }

    fn line(&mut self, sink: &mut Sink<'_>) {
        if self.typed.is_empty() {
            return;
        }
        let typed = std::mem::take(&mut self.typed);
        let asks = |word: &str| String::from_utf8_lossy(&self.prompt).to_ascii_lowercase().contains(word);
        let event =
            Event::new(Kind::TelnetLine, sink.packet, Some(sink.flow)).with("text", lines::shown(&typed));
        let event = if asks("password") {
            event.variant("password").severity(Severity::Note)
        } else if asks("login:") || asks("username:") {
            event.variant("login")
        } else {
            event
        };
        // The server echoes what is typed behind its prompt.
        let prompt = self.prompt.trim_ascii_end();
        let prompt = prompt.strip_suffix(typed.as_slice()).unwrap_or(prompt).trim_ascii_end();
        let event = if prompt.is_empty() { event } else { event.with("prompt", lines::shown(prompt)) };
        self.prompt.clear();
        sink.events.push(event);
    }
}

impl Messages for Telnet {
    fn extent(&mut self, _: bool, bytes: &[u8]) -> Extent {
        match telnet::reach(bytes) {
            Reach::Part(length, _) => Extent::Message(length),
            Reach::More => Extent::More,
            Reach::Foreign => Extent::Foreign,
        }
    }

    fn message(&mut self, from_client: bool, bytes: &[u8], sink: &mut Sink<'_>) -> Unit {
        match telnet::reach(bytes) {
            Reach::Part(_, Part::Command) => {
                self.negotiate(from_client, bytes, sink);
                Unit::Telnet(Part::Command)
            }
            _ => {
                self.text(from_client, bytes, sink);
                Unit::Telnet(Part::Text)
            }
        }
    }

    fn resumes(&self, _: bool, _: &[u8]) -> bool {
        true
    }

    fn skipped(&mut self, from_client: bool) {
        if from_client {
            self.typed.clear();
        }
        self.prompt.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::stream::wire::Wire;

    #[test]
    fn a_login() {
        let mut wire = Wire::new(reader());
        wire.client(b"\xff\xfd\x03\xff\xfb\x18").server(b"\xff\xfb\x01Welcome\r\nlogin: ");
        for byte in b"alixce" {
            wire.client(&[*byte]).server(&[*byte]);
        }
        wire.client(b"\x7f\x7f\x7fce\r\0").server(b"\r\nPassword: ").client(b"sec").client(b"ret\r\n");
        wire.server(b"\r\n$ ").client(b"ls\r\n");
        let told: Vec<_> = wire.events.iter().map(|e| (e.kind, e.variant)).collect();
        let expected = [
            (Kind::TelnetOptions, ""),
            (Kind::TelnetOptions, ""),
            (Kind::TelnetLine, "login"),
            (Kind::TelnetLine, "password"),
            (Kind::TelnetLine, ""),
        ];
        assert_eq!(told, expected);
        assert_eq!(
            wire.events[0].get("options"),
            Some(&Datum::Text("DO SUPPRESS-GO-AHEAD, WILL TERMINAL-TYPE".into()))
        );
        assert_eq!(wire.events[2].get("text"), Some(&Datum::Text("alice".into())));
        assert_eq!(wire.events[3].get("text"), Some(&Datum::Text("secret".into())));
    }

    #[test]
    fn cut_anywhere_lost_and_garbage() {
        let stream = b"\xff\xfa\x1f\0\x50\0\x18\xff\xf0hello\r\n\xff\xff\xff\xf6bye\r\n";
        for at in 1..stream.len() {
            let mut wire = Wire::new(reader());
            wire.client(&stream[..at]).lost(false, 3);
            wire.client(&stream[at..]);
            assert_eq!(wire.events.len(), 2, "cut at {at}");
        }
        let mut wire = Wire::new(reader());
        wire.client(&[255; 1001]).lost(true, 9);
        wire.client(&[255, 250]).client(&[1; 5000]).client(b"on\r\n").server(&[0; 70_000]);
        wire.end(true);
    }
}
