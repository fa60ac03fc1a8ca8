//! Following TLS through the two directions of a connection: records, handshake messages put together from them, who is encrypted from
//! where on, and, where a key log gives the secrets, what is inside.
//!
//! RFC 8446 section 5 (records), 4 and appendix A (the order of messages in 1.3), D.4 (a ChangeCipherSpec without meaning); RFC 5246
//! section 7.1 (ChangeCipherSpec), 7.3 (order of messages); RFC 5077 section 3.4 (how a resumption is known). Opening records is in
//! [`cipher`], key logs in [`keys`], what is told in `story`. What the application says inside is read by whoever knows it, as if it
//! had come over TCP; everything told from there is marked `decrypted`.
//!
//! Leaves out: renegotiation without keys (it cannot be seen), compression, Encrypted ClientHello.
//!
//! Bounded: a handshake message longer than `MAX_HANDSHAKE` is not read; at most `MAX_DEPTH` layers of TLS inside TLS are opened.

use super::messages::{Extent, MessageReader, Messages};
use super::{Reader, Sink};
use crate::decode::{Piece, PieceKind};
use crate::flow::event::{Datum, Event};
use crate::protocol::tls::handshake::{self, Hello, Message, kind};
use crate::protocol::tls::{self, Era, HEADER, Part, Protection, content};
use crate::protocol::{Certainty, Unit};
use crate::wire::{Cursor, Off};

pub mod cipher;
pub mod keys;
mod story;
#[cfg(test)]
mod tests;

use cipher::Cipher;
use keys::{KeyLog, Label};
use story::Story;

/// The longest handshake message that is put together.
const MAX_HANDSHAKE: usize = 128 * 1024;
/// Packets remembered of one that is put together.
const MAX_FRAMES: usize = 64;
/// TLS within TLS (a proxy that is spoken to in TLS).
const MAX_DEPTH: u8 = 3;
/// After a gap the number of the next record is not known: so many are tried. The tag says which is right.
const MAX_SEARCH: u64 = 64;
/// Of so many records; it is no use for ever.
const MAX_FAILURES: u8 = 8;

/// What readers of TLS share.
#[derive(Debug, Default)]
pub struct TlsShared {
    /// Secrets that came with the capture, or from a file.
    pub keys: KeyLog,
    /// How many readers of TLS are at work within another.
    depth: u8,
}

/// Servers' ports that are registered for TLS from the first byte.
pub const PORTS: &[u16] = &[443, 465, 563, 636, 853, 989, 990, 992, 993, 995, 5061, 6697, 8443];

/// Whether a segment is the beginning of a connection's TLS, wherever it stands: one record with one ClientHello, whose lengths agree.
pub fn is_client_hello(segment: &[u8]) -> bool {
    match *segment {
        [content::HANDSHAKE, 3, 0..=4, a, b, kind::CLIENT_HELLO, 0, c, d, 3, 0..=3, ..] => {
            u16::from_be_bytes([c, d]).checked_add(4) == Some(u16::from_be_bytes([a, b]))
        }
        _ => false,
    }
}

/// A record's header, of a kind that can come first, and room in it for what that kind holds.
pub fn probe(first: &[u8], from_client: bool) -> Certainty {
    if from_client && tls::ssl2_hello(first).is_some_and(|length| length < 1024) {
        return Certainty::Yes;
    }
    if first.len() < HEADER {
        let begins = match first {
            [20..=23, 3, minor, ..] => *minor <= 4,
            [20..=23, 3] | [20..=23] => true,
            _ => false,
        };
        return if begins { Certainty::Undecided } else { Certainty::No };
    }
    let Some(header) = tls::header(first) else { return Certainty::No };
    let body = &first[HEADER..];
    let fits = match header.kind {
        content::CHANGE_CIPHER_SPEC => header.length == 1,
        // Two bytes in clear, more where it is encrypted.
        content::ALERT => header.length == 2 || header.length >= 18,
        content::HANDSHAKE => match body.first().copied() {
            Some(kind::CLIENT_HELLO) => from_client && body.get(1).is_none_or(|high| *high == 0),
            Some(kind::SERVER_HELLO) => !from_client && body.get(1).is_none_or(|high| *high == 0),
            // Encrypted, or something that a capture begins with.
            _ => true,
        },
        content::APPLICATION_DATA => true,
        _ => false,
    };
    // A record that begins a connection begins with a hello; one within a connection looks like a record and no more.
    match header.kind {
        _ if !fits => Certainty::No,
        content::HANDSHAKE if matches!(body.first(), Some(1 | 2)) => Certainty::Yes,
        // That the next record begins where this one ends is no accident.
        _ if tls::header(body.get(header.length..).unwrap_or_default()).is_some() => Certainty::Yes,
        _ if body.len() == header.length => Certainty::Yes,
        content::CHANGE_CIPHER_SPEC => Certainty::No,
        _ => Certainty::Undecided,
    }
}

/// A reader of a connection of which nothing was read yet.
pub fn reader() -> Box<dyn Reader> {
    Box::new(MessageReader::new(Tls::default()))
}

/// What TLS 1.3's secrets are for, in the order in which they are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Epoch {
    Early,
    Handshake,
    Application,
}

/// One direction.
#[derive(Debug, Default)]
struct Side {
    /// A hello was seen.
    greeted: bool,
    /// A ChangeCipherSpec was seen.
    changed: bool,
    /// The beginning of a handshake message, and the packets that brought it.
    begun: Vec<u8>,
    frames: Vec<u64>,
    /// Bytes left of one that is too long to keep.
    passing: usize,
    /// Keys, and whose they are in 1.3.
    cipher: Option<(Option<Epoch>, Cipher)>,
    /// Number of the next protected record.
    number: u64,
    /// Records were missed: so many more may fail before the search for the right number is given up.
    search: u8,
}

/// A TLS connection.
#[derive(Debug, Default)]
struct Tls {
    sides: [Side; 2],
    era: Era,
    client_random: Option<[u8; 32]>,
    server_random: Option<[u8; 32]>,
    /// Cipher suites offered: for data before the ServerHello.
    offered: Vec<u16>,
    story: Story,
    /// Who reads what is inside, where it can be opened.
    inner: Option<Box<dyn Reader>>,
}

/// A record that was opened.
struct Opened {
    kind: u8,
    plain: Vec<u8>,
    /// Where the content ends; behind it is what TLS 1.3 adds.
    end: usize,
}

impl Messages for Tls {
    fn extent(&mut self, from_client: bool, bytes: &[u8]) -> Extent {
        if bytes[0] & 0x80 != 0 && from_client && !self.sides[0].greeted {
            return match tls::ssl2_hello(bytes) {
                Some(length) => Extent::Message(length),
                None if bytes.len() < 7 => Extent::More,
                None => Extent::Foreign,
            };
        }
        match tls::header(bytes) {
            Some(header) => Extent::Message(HEADER + header.length),
            None if bytes.len() < HEADER && (20..=24).contains(&bytes[0]) => Extent::More,
            None => Extent::Foreign,
        }
    }

    fn cut(&self, from_client: bool, begun: &[u8]) -> Option<Unit> {
        let header = tls::header(begun)?;
        let side = &self.sides[usize::from(!from_client)];
        let body = &begun[HEADER..];
        let era = self.era;
        Some(Unit::Tls(match self.is_sealed(from_client, header.kind, body) {
            true => Part::Sealed { era, protection: Protection::NoKeys },
            // Where in an earlier record's message it goes on is not looked for.
            false if !side.begun.is_empty() => return None,
            false => Part::Clear { era, skip: 0 },
        }))
    }

    fn message(&mut self, from_client: bool, bytes: &[u8], sink: &mut Sink<'_>) -> Unit {
        self.story.speaks(from_client);
        let Some(header) = tls::header(bytes) else {
            if let Ok(hello) =
                handshake::dissect_ssl2_hello(&mut Cursor::new(bytes, 0, bytes.len(), &mut Off))
            {
                self.client_hello(hello, sink, false);
            }
            return Unit::Tls(Part::Ssl2Hello);
        };
        let body = &bytes[HEADER..];
        if self.is_sealed(from_client, header.kind, body) {
            return self.sealed(from_client, header.kind, bytes, sink);
        }
        let skip = self.content(from_client, header.kind, body, sink, false);
        Unit::Tls(Part::Clear { era: self.era, skip })
    }

    fn resumes(&self, _: bool, segment: &[u8]) -> bool {
        tls::header(segment).is_some_and(|header| {
            let next = segment.get(HEADER + header.length..).unwrap_or_default();
            next.is_empty() || tls::header(next).is_some()
        })
    }

    fn skipped(&mut self, from_client: bool) {
        let side = &mut self.sides[usize::from(!from_client)];
        side.begun = Vec::new();
        side.frames.clear();
        side.passing = 0;
        side.search = MAX_FAILURES;
        if let Some(inner) = &mut self.inner {
            // How many bytes of what was said is not known; that some are missing is.
            inner.lost(from_client, 1 << 20);
        }
    }

    fn end(&mut self, from_client: bool, _: &[u8], sink: &mut Sink<'_>) {
        let Some(mut inner) = self.inner.take() else { return };
        let mut events = Vec::new();
        let mut pieces = Vec::new();
        inner.end(from_client, &mut within(sink, &mut pieces, &mut events));
        sink.events.extend(events.into_iter().map(marked));
        self.inner = Some(inner);
    }
}

/// A sink for what is inside: the same packet, other pieces.
fn within<'s>(sink: &'s mut Sink<'_>, pieces: &'s mut Vec<Piece>, events: &'s mut Vec<Event>) -> Sink<'s> {
    Sink {
        packet: sink.packet,
        time_ns: sink.time_ns,
        flow: sink.flow,
        client: sink.client,
        server: sink.server,
        secure: true,
        wants_tree: sink.wants_tree,
        pieces,
        events,
        shared: sink.shared,
        application: None,
        next: None,
    }
}

/// An event that nobody could have seen on the wire.
fn marked(event: Event) -> Event {
    if event.get("decrypted").is_some() { event } else { event.with("decrypted", Datum::Flag(true)) }
}

impl Tls {
    /// Whether a record is encrypted, as far as outsiders can tell.
    fn is_sealed(&self, from_client: bool, kind: u8, body: &[u8]) -> bool {
        let side = &self.sides[usize::from(!from_client)];
        if kind == content::APPLICATION_DATA {
            return true;
        }
        if self.era.is_13() {
            return false;
        }
        match kind {
            content::CHANGE_CIPHER_SPEC => side.changed && body.len() != 1,
            _ if side.changed => {
                // A client that may speak 1.3 sends this message before it knows, and a second hello behind it (RFC 8446 appendix D.4).
                self.era.version != 0 || !side.greeted
            }
            // Behind a client's hello the server begins in clear, and what was begun in clear goes on so.
            _ if side.greeted || self.sides[0].greeted || !side.begun.is_empty() => false,
            // The capture begins within the connection.
            content::ALERT => body.len() != 2,
            content::HANDSHAKE => {
                let known = matches!(body.first(), Some(0..=2 | 4 | 11..=16 | 20 | 22));
                let hello = matches!(body.first(), Some(&kind::CLIENT_HELLO | &kind::SERVER_HELLO))
                    && tls::message_length(body).is_none_or(|length| length < 1 << 16);
                !(hello || known && whole_messages(body))
            }
            _ => false,
        }
    }

    /// Content that can be read. Returns how many bytes of it belong to a message begun before.
    fn content(
        &mut self,
        from_client: bool,
        kind: u8,
        body: &[u8],
        sink: &mut Sink<'_>,
        opened: bool,
    ) -> usize {
        match kind {
            content::CHANGE_CIPHER_SPEC => {
                let is_first = !self.sides[usize::from(!from_client)].changed;
                let side = &mut self.sides[usize::from(!from_client)];
                side.changed = true;
                if !self.era.is_13() {
                    (side.number, side.cipher) = (0, None);
                }
                if is_first && !opened {
                    self.story.changes(from_client, self.era, sink);
                }
            }
            content::ALERT => {
                if let [level, description] = *body {
                    self.story.alert(from_client, level, description, sink);
                }
            }
            content::HANDSHAKE => return self.handshake(from_client, body, sink),
            _ => {}
        }
        0
    }

    /// Handshake messages, whole or in parts.
    fn handshake(&mut self, from_client: bool, body: &[u8], sink: &mut Sink<'_>) -> usize {
        let index = usize::from(!from_client);
        let side = &mut self.sides[index];
        let mut at = side.passing.min(body.len());
        side.passing -= at;
        if side.passing == 0 && !side.begun.is_empty() {
            if side.frames.last() != Some(&sink.packet) && side.frames.len() < MAX_FRAMES {
                side.frames.push(sink.packet);
            }
            // First the four bytes that say how long it is, then so many.
            for _ in 0..2 {
                let wanted = tls::message_length(&side.begun).unwrap_or(4);
                let take = wanted.saturating_sub(side.begun.len()).min(body.len() - at);
                side.begun.extend_from_slice(&body[at..at + take]);
                at += take;
            }
            match tls::message_length(&side.begun) {
                Some(length) if length > MAX_HANDSHAKE => {
                    side.passing = length - side.begun.len();
                    side.begun = Vec::new();
                    let take = side.passing.min(body.len() - at);
                    side.passing -= take;
                    at += take;
                }
                Some(length) if side.begun.len() >= length => {
                    let whole = std::mem::take(&mut side.begun);
                    let frames = std::mem::take(&mut side.frames);
                    self.message_of(from_client, &whole, sink);
                    sink.assembled(Unit::Tls(Part::Message(self.era)), &whole, &frames);
                }
                _ => return body.len(),
            }
        }
        let skip = at;
        while let Some(length) = tls::message_length(&body[at..]).filter(|length| *length <= body.len() - at)
        {
            self.message_of(from_client, &body[at..at + length], sink);
            at += length;
        }
        let rest = &body[at..];
        let side = &mut self.sides[index];
        if !rest.is_empty() && side.passing == 0 {
            match tls::message_length(rest) {
                Some(length) if length > MAX_HANDSHAKE => side.passing = length - rest.len(),
                _ => {
                    side.begun = rest.to_vec();
                    side.frames = vec![sink.packet];
                }
            }
        }
        skip
    }

    /// One handshake message.
    fn message_of(&mut self, from_client: bool, bytes: &[u8], sink: &mut Sink<'_>) {
        let Ok(message) = handshake::dissect(&mut Cursor::new(bytes, 0, bytes.len(), &mut Off), self.era)
        else {
            return;
        };
        match message {
            Message::ClientHello(hello) => self.client_hello(*hello, sink, true),
            Message::ServerHello(hello) => self.server_hello(&hello, sink),
            Message::KeyUpdate(asked) => {
                let side = &mut self.sides[usize::from(!from_client)];
                if let Some(next) = side.cipher.as_ref().and_then(|(_, cipher)| cipher.next()) {
                    (side.cipher, side.number) = (Some((Some(Epoch::Application), next)), 0);
                }
                self.story.key_update(from_client, asked, sink);
            }
            other => self.story.message(from_client, &other, self.era, sink),
        }
    }

    fn client_hello(&mut self, hello: Hello, sink: &mut Sink<'_>, in_record: bool) {
        self.sides[0].greeted = true;
        self.client_random = Some(hello.random);
        self.story.client_hello(&hello, in_record, sink);
        self.offered = hello.suites;
        self.offered.truncate(256);
    }

    fn server_hello(&mut self, hello: &Hello, sink: &mut Sink<'_>) {
        self.sides[1].greeted = true;
        let version = hello.extensions.versions.first().copied().unwrap_or(hello.version);
        // Drafts of TLS 1.3 called themselves 0x7f00 and their number; the ones that were spoken are read like it.
        let version = if version >> 8 == 0x7f { 0x0304 } else { version };
        let suite = hello.suites.first().copied().unwrap_or(0);
        let encrypt_then_mac = hello.extensions.encrypt_then_mac;
        self.era = Era { version, suite, encrypt_then_mac };
        if !hello.is_retry {
            self.server_random = Some(hello.random);
        }
        self.story.server_hello(hello, self.era, sink);
    }

    /// A record that is encrypted.
    fn sealed(&mut self, from_client: bool, kind: u8, record: &[u8], sink: &mut Sink<'_>) -> Unit {
        let era = self.sealed_era(from_client);
        match self.open(from_client, kind, record, &sink.shared.tls) {
            Ok(opened) => {
                self.opened(from_client, &opened, sink);
                Unit::Tls(Part::Sealed { era, protection: Protection::Decrypted })
            }
            Err(protection) => {
                self.story.hidden(from_client, kind, protection, era, record.len() - HEADER, sink);
                if let Some(inner) = &mut self.inner
                    && kind == content::APPLICATION_DATA
                {
                    inner.lost(from_client, (record.len() - HEADER) as u64);
                }
                Unit::Tls(Part::Sealed { era, protection })
            }
        }
    }

    /// What is agreed on; before the ServerHello only data of TLS 1.3 can be encrypted.
    fn sealed_era(&self, from_client: bool) -> Era {
        if self.era.version == 0 && from_client && self.sides[0].greeted {
            return Era { version: 0x0304, ..self.era };
        }
        self.era
    }

    /// Opens a record, with the keys at hand or the next ones.
    fn open(
        &mut self,
        from_client: bool,
        kind: u8,
        record: &[u8],
        shared: &TlsShared,
    ) -> Result<Opened, Protection> {
        let index = usize::from(!from_client);
        let number = self.sides[index].number;
        self.sides[index].number += 1;
        if shared.depth >= MAX_DEPTH {
            return Err(Protection::NoKeys);
        }
        let era = self.sealed_era(from_client);
        let early = self.era.version == 0 && era.is_13();
        if era.suite != 0 && !cipher::is_supported(era) || era.version == 0 {
            return Err(Protection::Suite);
        }
        // Keys at hand, and after a gap the numbers that may come next.
        let search = if self.sides[index].search > 0 { MAX_SEARCH } else { 0 };
        if let Some((_, cipher)) = &mut self.sides[index].cipher {
            for number in number..=number.saturating_add(search) {
                if let Some(plain) = cipher.open(number, record) {
                    (self.sides[index].number, self.sides[index].search) = (number + 1, 0);
                    return split(era, kind, plain);
                }
            }
        }
        self.sides[index].search = self.sides[index].search.saturating_sub(1);
        if !era.is_13() && self.sides[index].cipher.is_some() {
            return Err(Protection::NotAuthentic);
        }
        let Some(client) = self.client_random else { return Err(Protection::NoKeys) };
        let mut had_keys = self.sides[index].cipher.is_some();
        for (epoch, mut cipher) in self.candidates(from_client, early, &client, shared) {
            had_keys = true;
            let from = if era.is_13() { 0 } else { number };
            for number in from..=from.saturating_add(search) {
                if let Some(plain) = cipher.open(number, record) {
                    let side = &mut self.sides[index];
                    (side.cipher, side.number, side.search) = (Some((epoch, cipher)), number + 1, 0);
                    return split(era, kind, plain);
                }
            }
        }
        Err(if had_keys { Protection::NotAuthentic } else { Protection::NoKeys })
    }

    /// Keys that may be the next.
    fn candidates(
        &self,
        from_client: bool,
        early: bool,
        client: &[u8; 32],
        shared: &TlsShared,
    ) -> Vec<(Option<Epoch>, Cipher)> {
        if !early && !self.era.is_13() {
            let cipher = (self.server_random).zip(shared.keys.find(client, Label::Master)).and_then(
                |(server, master)| Cipher::from_master(self.era, master, client, &server, from_client),
            );
            return cipher.map(|cipher| (None, cipher)).into_iter().collect();
        }
        let now = self.sides[usize::from(!from_client)].cipher.as_ref().and_then(|(epoch, _)| *epoch);
        let labels: &[(Epoch, Label)] = if from_client {
            &[
                (Epoch::Early, Label::ClientEarly),
                (Epoch::Handshake, Label::ClientHandshake),
                (Epoch::Application, Label::ClientApplication),
            ]
        } else {
            &[(Epoch::Handshake, Label::ServerHandshake), (Epoch::Application, Label::ServerApplication)]
        };
        let mut found = Vec::new();
        for (epoch, label) in labels.iter().filter(|(epoch, _)| now.is_none_or(|now| *epoch > now)) {
            let Some(secret) = shared.keys.find(client, *label) else { continue };
            // Early data is encrypted with the suite of the session that is resumed, which only its ticket says.
            let suites = match epoch {
                Epoch::Early => &self.offered[..],
                _ => std::slice::from_ref(&self.era.suite),
            };
            for suite in suites.iter().filter(|suite| *epoch != Epoch::Early || **suite >> 8 == 0x13) {
                let era = Era { version: 0x0304, suite: *suite, encrypt_then_mac: false };
                found.extend(Cipher::from_traffic_secret(era, secret).map(|cipher| (Some(*epoch), cipher)));
            }
        }
        found
    }

    /// What was inside a record.
    fn opened(&mut self, from_client: bool, opened: &Opened, sink: &mut Sink<'_>) {
        let Opened { kind, plain, end } = opened;
        let (mut pieces, mut events) = (Vec::new(), Vec::new());
        let content = &plain[..*end];
        sink.shared.tls.depth += 1;
        {
            let mut inside = within(sink, &mut pieces, &mut events);
            if *kind == content::APPLICATION_DATA {
                self.story.data(from_client, content.len(), &mut inside);
                let inner = self.inner.get_or_insert_with(|| super::in_tunnel());
                let at = inside.wants_tree.then_some(0);
                let told = inside.events.len();
                super::feed(inner, from_client, at, content, &mut inside);
                if inside.events.len() > told {
                    let event = self.story.decrypted(from_client, content.len(), &inside);
                    inside.events.insert(told, event);
                }
            } else {
                let skip = self.content(from_client, *kind, content, &mut inside, true);
                if !content.is_empty() {
                    let part = Part::Content { kind: *kind, era: self.era, skip };
                    let piece = Piece { start: 0, end: *end, kind: PieceKind::Unit(Unit::Tls(part)) };
                    inside.pieces.insert(0, piece);
                }
            }
        }
        sink.shared.tls.depth -= 1;
        sink.events.extend(events.into_iter().map(marked));
        if sink.wants_tree {
            if *end < plain.len() {
                let kind = PieceKind::Unit(Unit::Tls(Part::Inner));
                pieces.push(Piece { start: *end, end: plain.len(), kind });
            }
            let kind = PieceKind::Decoded { bytes: plain.clone(), pieces };
            sink.pieces.push(Piece { start: 0, end: 0, kind });
        }
    }
}

/// Finds the content in what was opened.
fn split(era: Era, kind: u8, plain: Vec<u8>) -> Result<Opened, Protection> {
    if !era.is_13() {
        let end = plain.len();
        return Ok(Opened { kind, plain, end });
    }
    match cipher::inner(&plain) {
        Some((kind, end)) => Ok(Opened { kind, plain, end }),
        None => Err(Protection::NotAuthentic),
    }
}

/// Whether bytes are handshake messages one after another, to the end.
fn whole_messages(mut bytes: &[u8]) -> bool {
    while let Some(length) = tls::message_length(bytes) {
        match bytes.get(length..) {
            Some([]) => return true,
            Some(rest) => bytes = rest,
            None => return false,
        }
    }
    false
}
