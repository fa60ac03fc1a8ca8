//! SSH: the versions, what the two sides agree on, and from where on nothing can be read.
//!
//! RFC 4253 section 4.2 (versions), 7.1 (agreeing), 7.3 (NEWKEYS: each direction changes by itself). Leaves out: everything
//! encrypted; a later key exchange, which is encrypted, too.

use super::lines;
use super::messages::{self, Extent, MessageReader, Messages};
use super::{Reader, Sink};
use crate::flow::event::{Datum, Event, Kind, Severity};
use crate::flow::record::Endpoint;
use crate::protocol::lines as text;
use crate::protocol::ssh::{self, Kex, Message, Part};
use crate::protocol::{Certainty, Unit};
use crate::wire::{Cursor, Off};

/// RFC 4253 section 4.2: 255 bytes; lines before it may be longer.
const MAX_LINE: usize = 4096;
/// Ciphers that look after integrity themselves: no MAC is used then (RFC 5647 section 5.1 and OpenSSH's PROTOCOL).
const WITH_MAC: &[&[u8]] =
    &[b"chacha20-poly1305@openssh.com", b"aes128-gcm@openssh.com", b"aes256-gcm@openssh.com"];

/// The version line decides. A server may say other lines before it.
pub fn probe(first: &[u8], from_client: bool) -> Certainty {
    let printable = |b: &u8| b.is_ascii_graphic() || matches!(b, b' ' | b'\r' | b'\t');
    match first {
        [b'S', b'S', b'H', b'-', ..] => Certainty::Yes,
        _ if b"SSH-".starts_with(first) => Certainty::Undecided,
        _ if !from_client && text::content(first).iter().all(printable) && first.ends_with(b"\n") => {
            Certainty::Undecided
        }
        _ => Certainty::No,
    }
}

/// A reader of an SSH connection.
pub fn reader() -> Box<dyn Reader> {
    Box::new(MessageReader::new(Ssh::default()))
}

/// Where one side stands.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Stage {
    #[default]
    Version,
    Packets,
    Encrypted,
}

/// What a version line offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    /// Version 1 alone, which is another protocol.
    One,
    /// RFC 4253 section 5.1: `1.99`, both.
    Both,
    Two,
}

#[derive(Debug, Default)]
struct Ssh {
    stages: [Stage; 2],
    versions: [Option<Version>; 2],
    /// The lists of each side, and the packet that brought them.
    offers: [Option<(u64, Vec<Vec<u8>>)>; 2],
    kex: Kex,
    /// The agreed cipher, for the direction from the client and for that from the server.
    ciphers: [Option<String>; 2],
}

fn endpoint(from_client: bool) -> Datum {
    Datum::Name(if from_client { Endpoint::Client } else { Endpoint::Server }.name())
}

impl Ssh {
    fn version(&mut self, from_client: bool, line: &[u8], sink: &mut Sink<'_>) {
        let Some(rest) = line.strip_prefix(b"SSH-") else { return };
        let version = match rest {
            [b'2', b'.', ..] => Version::Two,
            [b'1', b'.', b'9', b'9', ..] => Version::Both,
            _ => Version::One,
        };
        self.stages[usize::from(!from_client)] = Stage::Packets;
        self.versions[usize::from(!from_client)] = Some(version);
        let mut event = Event::new(Kind::SshVersion, sink.packet, Some(sink.flow))
            .with("endpoint", endpoint(from_client))
            .with("version", lines::shown(line));
        if version == Version::One {
            event = event.variant("old").severity(Severity::Warn);
        }
        sink.events.push(event);
    }

    /// Whether version 1 is spoken; `None` while too little is there to tell. A server that offers both tells by its first packet
    /// where its client was not captured: version 2 begins with KEXINIT.
    fn is_first(&self, side: usize, bytes: &[u8]) -> Option<bool> {
        match self.versions {
            [Some(Version::One), _] | [_, Some(Version::One)] => Some(true),
            [None, Some(Version::Both)] | [Some(Version::Both), None] if self.offers[side].is_none() => {
                bytes.get(5).map(|code| *code != ssh::code::KEXINIT)
            }
            _ => Some(false),
        }
    }

    fn packet(&mut self, from_client: bool, bytes: &[u8], sink: &mut Sink<'_>) {
        let side = usize::from(!from_client);
        let Ok(message) = ssh::dissect(self.kex, &mut Cursor::new(bytes, 0, bytes.len(), &mut Off)) else {
            return;
        };
        match message {
            Message::KexInit(lists) => {
                self.offers[side] = Some((sink.packet, lists.map(<[u8]>::to_vec).to_vec()));
                self.agree(sink);
            }
            Message::Reply { key } => sink.events.push(
                Event::new(Kind::SshHostKey, sink.packet, Some(sink.flow))
                    .with("key_type", lines::shown(key)),
            ),
            Message::NewKeys => {
                self.stages[side] = Stage::Encrypted;
                let mut event = Event::new(Kind::SshEncrypted, sink.packet, Some(sink.flow))
                    .with("endpoint", endpoint(from_client));
                if let Some(cipher) = &self.ciphers[side] {
                    event = event.with("cipher", Datum::Text(cipher.clone()));
                }
                sink.events.push(event);
            }
            Message::Disconnect { reason, text } => sink.events.push(
                Event::new(Kind::SshDisconnect, sink.packet, Some(sink.flow))
                    .with("endpoint", endpoint(from_client))
                    .with("reason", Datum::Uint(reason.into()))
                    .with("text", lines::shown(text)),
            ),
            Message::Other(_) => {}
        }
    }

    /// Both lists are there: what comes of them is certain.
    fn agree(&mut self, sink: &mut Sink<'_>) {
        let [Some((client_packet, client)), Some((server_packet, server))] = &self.offers else { return };
        let agreed: Vec<_> = client.iter().zip(server).map(|(c, s)| ssh::agreed(c, s)).collect();
        let get = |i: usize| agreed.get(i).copied().flatten();
        let ciphers = [get(2), get(3)];
        self.kex = get(0).map_or(Kex::Unknown, Kex::of);
        self.ciphers = ciphers.map(|c| c.map(lines::string));
        let mut event = Event::new(Kind::SshAlgorithms, sink.packet, Some(sink.flow))
            .with("client_packet", Datum::Uint(*client_packet))
            .with("server_packet", Datum::Uint(*server_packet));
        for (key, value) in [("kex", get(0)), ("host_key", get(1)), ("cipher", get(2))] {
            if let Some(value) = value {
                event = event.with(key, lines::shown(value));
            }
        }
        if let Some(back) = get(3).filter(|_| get(3) != get(2)) {
            event = event.with("cipher_back", lines::shown(back));
        }
        if let Some(mac) = get(4).filter(|_| !get(2).is_some_and(|c| WITH_MAC.contains(&c))) {
            event = event.with("mac", lines::shown(mac));
        }
        if let Some(compression) = get(6).filter(|c| *c != b"none") {
            event = event.with("compression", lines::shown(compression));
        }
        if [get(0), get(1), get(2), get(3)].contains(&None) {
            event = event.variant("none").severity(Severity::Warn);
        }
        sink.events.push(event);
    }
}

impl Messages for Ssh {
    fn extent(&mut self, from_client: bool, bytes: &[u8]) -> Extent {
        let side = usize::from(!from_client);
        if self.stages[side] == Stage::Version {
            return messages::line(bytes, MAX_LINE);
        }
        let packet_length = match self.is_first(side, bytes) {
            Some(true) => ssh::first_packet_length,
            Some(false) if self.stages[side] == Stage::Encrypted => {
                return Extent::Through(bytes.len(), Unit::Ssh(Part::Encrypted));
            }
            Some(false) => ssh::packet_length,
            None => return Extent::More,
        };
        match bytes.first_chunk().map(packet_length) {
            Some(Some(length)) => Extent::Message(length),
            Some(None) => Extent::Foreign,
            None => Extent::More,
        }
    }

    fn message(&mut self, from_client: bool, bytes: &[u8], sink: &mut Sink<'_>) -> Unit {
        if self.stages[usize::from(!from_client)] == Stage::Version {
            self.version(from_client, text::content(bytes), sink);
            return Unit::Ssh(Part::Line);
        }
        let side = usize::from(!from_client);
        if self.is_first(side, bytes) == Some(true) {
            self.versions[side] = Some(Version::One);
            // Each side says one thing in clear, the server its keys, the client the session's.
            let before = std::mem::replace(&mut self.stages[side], Stage::Encrypted);
            return Unit::Ssh(Part::First { clear: before == Stage::Packets });
        }
        let kex = self.kex;
        self.packet(from_client, bytes, sink);
        Unit::Ssh(Part::Packet(kex))
    }

    fn resumes(&self, from_client: bool, _: &[u8]) -> bool {
        // What is lost of ciphertext changes nothing, where its packets need not be told apart.
        !self.versions.contains(&Some(Version::One))
            && self.stages[usize::from(!from_client)] == Stage::Encrypted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::stream::wire::Wire;

    fn packet(payload: &[u8]) -> Vec<u8> {
        let padding = 8;
        let mut bytes = ((payload.len() + 1 + padding) as u32).to_be_bytes().to_vec();
        bytes.push(padding as u8);
        bytes.extend(payload);
        bytes.extend(vec![0; padding]);
        bytes
    }

    fn kexinit(lists: [&str; 10]) -> Vec<u8> {
        let mut payload = vec![20];
        payload.extend([7; 16]);
        for list in lists {
            payload.extend((list.len() as u32).to_be_bytes());
            payload.extend(list.bytes());
        }
        payload.extend([0; 5]);
        packet(&payload)
    }

    fn stream(from_client: bool) -> Vec<u8> {
        let mut bytes = b"SSH-2.0-test\r\n".to_vec();
        let ciphers = if from_client { "a-ctr,b-ctr" } else { "b-ctr" };
        bytes.extend(kexinit([
            "curve25519-sha256",
            "ssh-ed25519",
            ciphers,
            ciphers,
            "m",
            "m",
            "none",
            "none",
            "",
            "",
        ]));
        bytes.extend(packet(&[21]));
        bytes.extend([0xaa; 40]);
        bytes
    }

    #[test]
    fn until_it_is_encrypted_cut_anywhere() {
        let (client, server) = (stream(true), stream(false));
        for at in 1..client.len() {
            let mut wire = Wire::new(reader());
            wire.client(&client[..at]).client(&client[at..]).server(&server);
            let kinds: Vec<_> = wire.events.iter().map(|e| e.kind).collect();
            use Kind::*;
            assert_eq!(
                kinds,
                [SshVersion, SshEncrypted, SshVersion, SshAlgorithms, SshEncrypted],
                "cut at {at}"
            );
            assert_eq!(wire.events[3].get("cipher"), Some(&Datum::Text("b-ctr".into())));
            assert!(wire.units().any(|u| *u == Unit::Ssh(Part::Encrypted)));
        }
    }

    #[test]
    fn version_1_has_packets_of_its_own() {
        let clear = [0, 0, 0, 7, 0, 2, 1, 2, 9, 9, 9, 9];
        let secret = [0, 0, 0, 5, 7, 7, 7, 7, 7, 7, 7, 7];
        for client in [&b"SSH-1.5-a\r\n"[..], b""] {
            let mut wire = Wire::new(reader());
            wire.client(client)
                .server(b"SSH-1.99-b\n")
                .server(&clear[..5])
                .server(&clear[5..])
                .server(&secret);
            let parts: Vec<_> =
                wire.units().filter(|u| matches!(u, Unit::Ssh(Part::First { .. }))).cloned().collect();
            let expected = [true, false].map(|clear| Unit::Ssh(Part::First { clear }));
            assert_eq!(parts, expected);
        }
    }

    #[test]
    fn nothing_in_common() {
        let mut wire = Wire::new(reader());
        wire.client(b"SSH-2.0-a\r\n").server(b"Hello\r\nSSH-1.99-b\r\n");
        wire.client(&kexinit(["x", "k", "c", "c", "m", "m", "none", "none", "", ""]));
        wire.server(&kexinit(["y", "k", "c", "c", "m", "m", "none", "none", "", ""]));
        assert_eq!(wire.events.last().unwrap().variant, "none");
    }

    #[test]
    fn loss_and_garbage() {
        let mut wire = Wire::new(reader());
        let client = stream(true);
        wire.client(&client).lost(true, 500);
        wire.client(&[1; 50]);
        assert_eq!(wire.units().last(), Some(&Unit::Ssh(Part::Encrypted)));
        wire.server(b"SSH-1.5-old\r\n").server(&[0; 100]);
        let mut wire = Wire::new(reader());
        wire.client(b"SSH-2.0-x\r\n").client(&[0xff; 100]).server(&[b'x'; 10_000]).client(&packet(&[20, 1]));
        wire.end(true);
    }
}
