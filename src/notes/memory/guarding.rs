//! What a TLS connection has agreed on so far, and who has shown which certificate in it.
//!
//! RFC 8446, RFC 5246. Names, in every packet of the connection: `secure.version`, `.suite`, `.server_name` as agreed or asked for;
//! `.server_packet`, `.server_variant`, `.subject` of the server's certificate (`good` where the event has no variant);
//! `.client_packet`, `.client_subject` of a certificate that the client has shown; `.damaged_packet`, the last record whose
//! authentication tag was wrong. And in any packet: `secure.request_packet`, the last HTTP request that was read from inside TLS.
//!
//! Bounded: [`MAX_KNOWN`] connections, then all are forgotten.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::capture::Frame;
use crate::decode::Packet;
use crate::flow::{Datum, FlowId, Kind, Outcome};
use crate::notes::expression::{self, Operand};

use super::Memory;

/// Connections remembered.
const MAX_KNOWN: usize = 4_096;

/// The names, and the kinds of their values.
pub const NAMES: &[(&str, expression::Kind)] = &[
    ("secure.version", expression::Kind::Text),
    ("secure.suite", expression::Kind::Text),
    ("secure.server_name", expression::Kind::Text),
    ("secure.server_packet", expression::Kind::Number),
    ("secure.server_variant", expression::Kind::Text),
    ("secure.subject", expression::Kind::Text),
    ("secure.client_packet", expression::Kind::Number),
    ("secure.client_subject", expression::Kind::Text),
    ("secure.damaged_packet", expression::Kind::Number),
    ("secure.request_packet", expression::Kind::Number),
];

/// A certificate that was shown.
#[derive(Debug, Clone)]
struct Shown {
    packet: u64,
    variant: &'static str,
    subject: String,
}

#[derive(Debug, Default)]
struct Agreed {
    version: Option<String>,
    suite: Option<String>,
    server_name: Option<String>,
    server: Option<Shown>,
    client: Option<Shown>,
    damaged: Option<u64>,
}

/// The memory.
#[derive(Debug, Default)]
pub struct Guarding {
    now: Option<FlowId>,
    known: HashMap<FlowId, Agreed, RandomState>,
    request: Option<u64>,
}

impl Guarding {
    fn agreed(&mut self, flow: FlowId) -> &mut Agreed {
        if self.known.len() >= MAX_KNOWN && !self.known.contains_key(&flow) {
            self.known.clear();
        }
        self.known.entry(flow).or_default()
    }
}

impl Memory for Guarding {
    fn packet(&mut self, _: &Frame<'_>, _: &Packet<'_>, outcome: &Outcome) {
        self.now = outcome.flow;
        for event in &outcome.events {
            if event.kind == Kind::HttpRequest && event.get("decrypted").is_some() {
                self.request = Some(event.packet);
            }
            let Some(flow) = event.flow else { continue };
            match event.kind {
                Kind::TlsClientHello if event.variant != "again" => {
                    let server_name = event.text("server_name").map(str::to_owned);
                    *self.agreed(flow) = Agreed { server_name, ..Agreed::default() };
                }
                Kind::TlsServerHello => {
                    let agreed = self.agreed(flow);
                    agreed.version = event.text("version").map(str::to_owned);
                    agreed.suite = event.text("suite").map(str::to_owned);
                }
                Kind::TlsCertificate => {
                    let Some(subject) = event.text("subject").map(str::to_owned) else { continue };
                    let variant = if event.variant.is_empty() { "good" } else { event.variant };
                    let shown = Some(Shown { packet: event.packet, variant, subject });
                    let client = matches!(event.get("endpoint"), Some(Datum::Name("client")));
                    let agreed = self.agreed(flow);
                    *(if client { &mut agreed.client } else { &mut agreed.server }) = shown;
                }
                Kind::TlsNotAuthentic => self.agreed(flow).damaged = Some(event.packet),
                _ => {}
            }
        }
    }

    fn forget(&mut self, flow: FlowId) {
        self.known.remove(&flow);
    }

    fn values(&self, name: &str, _: Option<FlowId>, each: &mut dyn FnMut(Operand<'_>)) {
        if name == "secure.request_packet" {
            self.request.iter().for_each(|n| each(Operand::Int((*n).into())));
            return;
        }
        let Some(agreed) = self.now.and_then(|flow| self.known.get(&flow)) else { return };
        let text = match name {
            "secure.version" => agreed.version.as_deref(),
            "secure.suite" => agreed.suite.as_deref(),
            "secure.server_name" => agreed.server_name.as_deref(),
            "secure.server_variant" => agreed.server.as_ref().map(|shown| shown.variant),
            "secure.subject" => agreed.server.as_ref().map(|shown| &*shown.subject),
            "secure.client_subject" => agreed.client.as_ref().map(|shown| &*shown.subject),
            _ => None,
        };
        let number = match name {
            "secure.server_packet" => agreed.server.as_ref().map(|shown| shown.packet),
            "secure.client_packet" => agreed.client.as_ref().map(|shown| shown.packet),
            "secure.damaged_packet" => agreed.damaged,
            _ => None,
        };
        text.iter().for_each(|t| each(Operand::Text(t)));
        number.iter().for_each(|n| each(Operand::Int((*n).into())));
    }
}
