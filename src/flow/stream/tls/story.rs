//! What is told of a TLS connection: who offers and chooses what, how many round trips it takes, who shows which certificate, from where on
//! an eavesdropper sees lengths only, and why it ends.
//!
//! Leaves out: any judgement whether a certificate can be trusted: that takes the list of authorities that one end has and a
//! capture has not. Validity is held against the time of the packet.

use super::Sink;
use crate::flow::event::{Datum, Event, Kind, Severity};
use crate::flow::record::Endpoint;
use crate::protocol::tls::handshake::{Hello, Message, is_signal, kind};
use crate::protocol::tls::registry::{
    KeyExchange, alert_name, group_name, is_grease, key_exchange, suite_name, version_name,
};
use crate::protocol::tls::{Era, Protection, content};
use crate::protocol::x509::{self, Certificate};

/// The longest text of a packet that an event carries.
const MAX_TEXT: usize = 512;

/// What is remembered to tell.
#[derive(Debug, Default)]
pub(super) struct Story {
    /// The packet and time of the first ClientHello.
    hello: Option<(u64, i64)>,
    /// Who spoke last, and how often that changed since the ClientHello.
    last: Option<bool>,
    turns: u64,
    server_name: Option<String>,
    /// What the ClientHello offered to resume: a session ID, a ticket, a pre-shared key.
    session_id: Vec<u8>,
    ticket: bool,
    /// Directions of which was told that they are hidden, and that data flow.
    hidden: [bool; 2],
    data: [bool; 2],
}

fn endpoint(from_client: bool) -> Endpoint {
    if from_client { Endpoint::Client } else { Endpoint::Server }
}

fn text(text: &str) -> Datum {
    let mut end = text.len().min(MAX_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let cut = if end < text.len() { "…" } else { "" };
    Datum::Text(format!("{}{cut}", &text[..end]))
}

/// A number by its name, or in hexadecimal.
fn named(name: Option<&'static str>, number: u16) -> Datum {
    Datum::Text(name.map_or_else(|| format!("0x{number:04x}"), str::to_owned))
}

fn versions(list: &[u16]) -> String {
    let names: Vec<_> = list.iter().filter(|v| !is_grease(**v)).filter_map(|v| version_name(*v)).collect();
    names.join(", ")
}

impl Story {
    fn event(&self, kind: Kind, from_client: bool, sink: &Sink<'_>) -> Event {
        let from = endpoint(from_client);
        Event::new(kind, sink.packet, Some(sink.flow))
            .with("endpoint", Datum::Name(from.name()))
            .with("peer", Datum::Name(from.peer().name()))
    }

    /// Somebody sends a record.
    pub(super) fn speaks(&mut self, from_client: bool) {
        if self.hello.is_some() && self.last.is_some_and(|last| last != from_client) {
            self.turns += 1;
        }
        self.last = Some(from_client);
    }

    /// Times that the client waited for the server since its first hello, and how long ago that was.
    fn since_hello(&self, event: Event, sink: &Sink<'_>) -> Event {
        match self.hello {
            // Only the client has waited for whole round trips.
            Some((packet, time_ns)) => match event.get("endpoint") {
                Some(Datum::Name("client")) => event.with("round_trips", Datum::Uint(self.turns / 2)),
                _ => event,
            }
            .with("hello_packet", Datum::Uint(packet))
            .with("since", Datum::Duration(sink.time_ns - time_ns)),
            None => event,
        }
    }

    pub(super) fn client_hello(&mut self, hello: &Hello, in_record: bool, sink: &mut Sink<'_>) {
        let said = &hello.extensions;
        let again = self.hello.is_some();
        if !again {
            self.hello = Some((sink.packet, sink.time_ns));
            self.last = Some(true);
        }
        let offers_13 = said.versions.contains(&0x0304);
        let resumes = match () {
            () if said.identities > 0 => Some("psk"),
            () if said.ticket.is_some_and(|length| length > 0) => Some("ticket"),
            // A client that offers 1.3 fills the session ID for the sake of devices on the way (RFC 8446 appendix D.4).
            () if !hello.session_id.is_empty() && !offers_13 => Some("session-id"),
            () => None,
        };
        let variant = match () {
            () if again => "again",
            () if !in_record => "ssl2",
            () if said.early_data => "early-data",
            () if resumes.is_some() => "resume",
            () if said.server_name.is_none() => "no-name",
            () => "",
        };
        let newest = said.versions.iter().filter(|v| !is_grease(**v)).max().copied().unwrap_or(hello.version);
        let suites = hello.suites.iter().filter(|suite| !is_signal(**suite)).count();
        let mut event = self
            .event(Kind::TlsClientHello, true, sink)
            .variant(variant)
            .with("version", named(version_name(newest), newest))
            .with("suites", Datum::Uint(suites as u64));
        if let Some(name) = &said.server_name {
            event = event.with("server_name", text(name));
        }
        if said.versions.len() > 1 {
            event = event.with("versions", Datum::Text(versions(&said.versions)));
        }
        if !said.alpn.is_empty() {
            event = event.with("alpn", text(&said.alpn.join(", ")));
        }
        let shares: Vec<_> = said.key_shares.iter().filter(|g| !is_grease(**g)).collect();
        if !shares.is_empty() {
            let names: Vec<_> = shares.iter().map(|g| named(group_name(**g), **g).to_string()).collect();
            event = event.with("groups", Datum::Text(names.join(", ")));
        }
        if let Some(how) = resumes {
            event = event.with("resumption", Datum::Name(how));
        }
        if again && let Some((packet, _)) = self.hello {
            event = event.with("hello_packet", Datum::Uint(packet));
        }
        self.server_name = said.server_name.clone();
        self.session_id.clone_from(&hello.session_id);
        self.ticket = said.ticket.is_some_and(|length| length > 0);
        sink.events.push(event);
    }

    pub(super) fn server_hello(&mut self, hello: &Hello, era: Era, sink: &mut Sink<'_>) {
        let said = &hello.extensions;
        let suite = named(suite_name(era.suite), era.suite);
        let group = said.key_shares.first().map(|group| named(group_name(*group), *group));
        if hello.is_retry {
            let mut event = self.event(Kind::TlsHelloRetry, false, sink).with("suite", suite);
            if let Some(group) = group {
                event = event.with("group", group);
            }
            sink.events.push(event);
            return;
        }
        // RFC 8446 section 4.1.3; RFC 5246 section 7.4.1.3; RFC 5077 section 3.4.
        let resumed = match () {
            () if era.is_13() => said.selected_identity.map(|_| "psk"),
            // An echo of the session id means nothing where the suite is one of TLS 1.3 (appendix D.4), whatever the version says.
            () if era.suite >> 8 == 0x13 => None,
            () if !hello.session_id.is_empty() && hello.session_id == self.session_id => {
                Some(if self.ticket { "ticket" } else { "session-id" })
            }
            () => None,
        };
        let variant = match (era.is_13(), resumed.is_some()) {
            (true, false) => "tls13",
            (true, true) => "tls13-resumed",
            (false, true) => "resumed",
            (false, false) => "",
        };
        let old = era.version < 0x0303;
        let mut event = self
            .event(Kind::TlsServerHello, false, sink)
            .variant(variant)
            .with("version", named(version_name(era.version), era.version))
            .with("suite", suite);
        if let Some(group) = group {
            event = event.with("group", group);
        }
        if let Some(alpn) = said.alpn.first() {
            event = event.with("alpn", text(alpn));
        }
        if let Some(how) = resumed {
            event = event.with("resumption", Datum::Name(how));
        }
        if let Some((packet, time_ns)) = self.hello {
            event = event
                .with("hello_packet", Datum::Uint(packet))
                .with("after", Datum::Duration(sink.time_ns - time_ns));
        }
        if old {
            // RFC 8996: TLS 1.0 and 1.1 must not be used; RFC 7568: SSL 3.0 neither.
            event = event.severity(Severity::Note).with("deprecated", Datum::Flag(true));
        }
        sink.events.push(event);
    }

    /// A handshake message other than a hello.
    pub(super) fn message(&mut self, from_client: bool, message: &Message, era: Era, sink: &mut Sink<'_>) {
        let event = match message {
            Message::EncryptedExtensions(said) => {
                let Some(alpn) = said.alpn.first() else { return };
                self.event(Kind::TlsExtensions, from_client, sink).with("alpn", text(alpn))
            }
            Message::Certificate(own, count) => {
                self.certificate(from_client, own.as_deref(), *count, era, sink)
            }
            Message::ServerKeyExchange(group) => match key_exchange(era.suite) {
                KeyExchange::Dhe { .. } | KeyExchange::Ecdhe { .. } => {
                    let event = self.event(Kind::TlsKeyExchange, from_client, sink);
                    match group {
                        Some(group) => event.with("group", named(group_name(*group), *group)),
                        None => event,
                    }
                }
                _ => return,
            },
            Message::NewSessionTicket(lifetime, length) => self
                .event(Kind::TlsSessionTicket, from_client, sink)
                .variant(match (*lifetime, era.is_13()) {
                    (0, true) => "discard",
                    (0, false) => "no-lifetime",
                    _ => "",
                })
                .with("lifetime", Datum::Duration(i64::from(*lifetime) * 1_000_000_000))
                .with("len", Datum::Uint(*length as u64)),
            Message::Other(kind::CLIENT_KEY_EXCHANGE) => match key_exchange(era.suite) {
                KeyExchange::Rsa => self.event(Kind::TlsKeyExchange, from_client, sink).variant("rsa"),
                KeyExchange::Dhe { .. } | KeyExchange::Ecdhe { .. } => {
                    self.event(Kind::TlsKeyExchange, from_client, sink).variant("client")
                }
                _ => return,
            },
            Message::Other(kind::CERTIFICATE_REQUEST) => {
                self.event(Kind::TlsCertificateRequest, from_client, sink)
            }
            Message::Other(kind::CERTIFICATE_VERIFY) => {
                self.event(Kind::TlsCertificateVerify, from_client, sink)
            }
            Message::Other(kind::FINISHED) => {
                self.hidden[usize::from(!from_client)] = true;
                let event = self.event(Kind::TlsFinished, from_client, sink);
                self.since_hello(event, sink)
            }
            _ => return,
        };
        sink.events.push(event);
    }

    fn certificate(
        &self,
        from_client: bool,
        own: Option<&Certificate>,
        count: usize,
        era: Era,
        sink: &Sink<'_>,
    ) -> Event {
        let event =
            self.event(Kind::TlsCertificate, from_client, sink).with("count", Datum::Uint(count as u64));
        let Some(own) = own else {
            return if count == 0 {
                event.variant("empty").severity(Severity::Note)
            } else {
                event.variant("unreadable")
            };
        };
        let now = sink.time_ns.div_euclid(1_000_000_000);
        let [from, until] = own.valid;
        let wanted = self.server_name.as_deref().filter(|_| !from_client);
        let (variant, severity) = match () {
            () if until.is_some_and(|until| now > until) => ("expired", Severity::Warn),
            () if from.is_some_and(|from| now < from) => ("not-yet-valid", Severity::Warn),
            () if wanted.is_some_and(|name| !x509::is_for(own, name)) => ("other-name", Severity::Warn),
            () if own.is_self_issued => ("self-signed", Severity::Note),
            () if from_client => ("client", Severity::Chat),
            () => ("", Severity::Chat),
        };
        let key = match own.key_bits {
            Some(bits) => format!("{} {bits}", own.key),
            None => own.key.to_owned(),
        };
        let mut event = event
            .variant(variant)
            .severity(severity)
            .with("subject", text(&own.subject))
            .with("issuer", text(&own.issuer))
            .with("key", Datum::Text(key))
            .with("in_clear", Datum::Flag(!era.is_13()));
        if !own.names.is_empty() {
            event = event.with("names", text(&own.names.join(", ")));
        }
        if let Some(name) = wanted {
            event = event.with("server_name", text(name));
        }
        for (key, age, time) in [("from", "before_from", from), ("until", "after_until", until)] {
            let Some(time) = time else { continue };
            event = event.with(key, Datum::Text(date(time)));
            let late = if key == "from" { time - now } else { now - time };
            if late > 0 {
                event = event.with(age, Datum::Duration(late.saturating_mul(1_000_000_000)));
            }
        }
        event
    }

    /// The ciphers agreed upon are used from here on.
    pub(super) fn changes(&mut self, from_client: bool, era: Era, sink: &mut Sink<'_>) {
        // In 1.3 it means nothing (RFC 8446 appendix D.4), and before the ServerHello nobody knows yet which it is.
        if era.version != 0 && !era.is_13() {
            let event = self.event(Kind::TlsChangeCipherSpec, from_client, sink);
            sink.events.push(event);
        }
    }

    /// A record that nobody here can read.
    pub(super) fn hidden(
        &mut self,
        from_client: bool,
        kind: u8,
        protection: Protection,
        era: Era,
        len: usize,
        sink: &mut Sink<'_>,
    ) {
        let index = usize::from(!from_client);
        if protection == Protection::NotAuthentic {
            let event =
                self.event(Kind::TlsNotAuthentic, from_client, sink).with("len", Datum::Uint(len as u64));
            sink.events.push(event);
            return;
        }
        if era.is_13() {
            if !std::mem::replace(&mut self.hidden[index], true) {
                let variant = if self.turns == 0 && from_client { "early-hidden" } else { "hidden-13" };
                let event = self.event(Kind::TlsFinished, from_client, sink).variant(variant);
                let event = self.since_hello(event, sink);
                sink.events.push(event);
            }
            return;
        }
        match kind {
            content::HANDSHAKE if !std::mem::replace(&mut self.hidden[index], true) => {
                let event = self.event(Kind::TlsFinished, from_client, sink).variant("hidden");
                let event = self.since_hello(event, sink);
                sink.events.push(event);
            }
            content::ALERT => {
                let event = self.event(Kind::TlsAlert, from_client, sink).variant("hidden");
                sink.events.push(event);
            }
            content::APPLICATION_DATA if !std::mem::replace(&mut self.data[index], true) => {
                let variant = if self.hello.is_some() { "hidden" } else { "mid-connection" };
                let event = self.event(Kind::TlsData, from_client, sink).variant(variant);
                let event = self.since_hello(event.with("len", Datum::Uint(len as u64)), sink);
                sink.events.push(event);
            }
            _ => {}
        }
    }

    /// Application data that were opened, for the first time in this direction.
    pub(super) fn data(&mut self, from_client: bool, len: usize, sink: &mut Sink<'_>) {
        if std::mem::replace(&mut self.data[usize::from(!from_client)], true) {
            return;
        }
        let variant = if from_client && self.turns == 0 { "early" } else { "" };
        let event = self.event(Kind::TlsData, from_client, sink).variant(variant);
        let event = self.since_hello(event.with("len", Datum::Uint(len as u64)), sink);
        sink.events.push(event);
    }

    /// What follows in this packet nobody on the way could read.
    pub(super) fn decrypted(&self, from_client: bool, len: usize, sink: &Sink<'_>) -> Event {
        self.event(Kind::TlsDecrypted, from_client, sink).with("len", Datum::Uint(len as u64))
    }

    pub(super) fn key_update(&mut self, from_client: bool, asked: bool, sink: &mut Sink<'_>) {
        let event = self.event(Kind::TlsKeyUpdate, from_client, sink).with("asked", Datum::Flag(asked));
        sink.events.push(event);
    }

    /// Something is wrong, or the connection ends (RFC 8446 section 6).
    pub(super) fn alert(&mut self, from_client: bool, level: u8, description: u8, sink: &mut Sink<'_>) {
        const FATAL: u8 = 2;
        let variant = match description {
            0 => "close-notify",
            10 => "unexpected-message",
            20 | 21 => "bad-record-mac",
            40 => "handshake-failure",
            42 => "bad-certificate",
            45 => "certificate-expired",
            46 => "certificate-unknown",
            48 => "unknown-ca",
            51 => "decrypt-error",
            70 => "protocol-version",
            90 => "user-canceled",
            112 => "unrecognized-name",
            116 => "certificate-required",
            120 => "no-application-protocol",
            _ if level == FATAL => "fatal",
            _ => "warning",
        };
        let severity = match (description, level) {
            (0 | 90, _) => Severity::Chat,
            (_, FATAL) => Severity::Warn,
            _ => Severity::Note,
        };
        let name = alert_name(description).map_or_else(|| description.to_string(), str::to_owned);
        let event = self
            .event(Kind::TlsAlert, from_client, sink)
            .variant(variant)
            .severity(severity)
            .with("level", Datum::Uint(level.into()))
            .with("description", Datum::Text(name));
        sink.events.push(event);
    }
}

/// A day of the calendar, from seconds since 1970.
fn date(seconds: i64) -> String {
    // The year beginning in March, in eras of 400 years.
    let days = seconds.div_euclid(86_400) + 719_468;
    let era = days.div_euclid(146_097);
    let day = days.rem_euclid(146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let of_month = day - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    format!("{:04}-{month:02}-{of_month:02}", era * 400 + year + carry)
}
