//! What a request's target is made of, and what the follower of a connection knows of an exchange.
//!
//! RFC 9112 section 3.2 (forms of the target), 3.3 (putting the whole address together); RFC 3986 section 3 (path, query). The parts
//! own no bytes: the target itself does. Leaves out: fragments, which are never sent.

use super::form;
use crate::wire::{Cursor, Field, Recorder, Value};

static PATH: Field = Field::new("http.request.uri.path");
static QUERY: Field = Field::new("http.request.uri.query");
static PARAMETER: Field = Field::new("http.request.uri.query.parameter");
static DECODED: Field = Field::new("http.request.uri.decoded");
static FULL: Field = Field::new("http.request.full_uri");
static NUMBER: Field = Field::new("http.request_number");
static RESPONSE_NUMBER: Field = Field::new("http.response_number");
static REQUEST_IN: Field = Field::new("http.request_in");
static RESPONSE_FOR: Field = Field::new("http.response_for.uri");
static TIME: Field = Field::new("http.time");
static STORED_IN: Field = Field::new("http.stored_in");
static COOKIE_FROM: Field = Field::new("http.cookie_from");

/// So many parameters are shown one by one.
const MAX_PARAMETERS: usize = 200;

/// What is known of a message beyond its own bytes. Only for the tree.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Exchange {
    /// Whether the message is a request.
    pub is_request: bool,
    /// Number of the request, or of the one answered, on its connection.
    pub number: Option<u64>,
    /// The packet with the request's head.
    pub request_in: Option<u64>,
    /// Whole address that the request is for.
    pub uri: Option<String>,
    /// From the request's last byte to the response, in nanoseconds.
    pub time_ns: Option<i64>,
    /// The packet with the response that a 304 lets the client use again.
    pub stored_in: Option<u64>,
    /// The packets that set the cookies of this request.
    pub cookies_from: Vec<u64>,
}

impl Exchange {
    /// Tells it behind the head.
    pub fn describe<R: Recorder>(&self, c: &mut Cursor<'_, '_, R>) {
        let mut number = |field, value: Option<u64>| {
            if let Some(value) = value {
                c.derived(field, || Value::Uint(value));
            }
        };
        number(if self.is_request { &NUMBER } else { &RESPONSE_NUMBER }, self.number);
        for packet in &self.cookies_from {
            number(&COOKIE_FROM, Some(*packet));
        }
        number(&REQUEST_IN, self.request_in);
        number(&STORED_IN, self.stored_in);
        if let Some(ns) = self.time_ns {
            c.derived(&TIME, || Value::Text(seconds(ns)));
        }
        if let Some(uri) = &self.uri {
            c.derived(if self.is_request { &FULL } else { &RESPONSE_FOR }, || Value::Text(uri.clone()));
        }
    }
}

/// Seconds with nine decimals, as Wireshark writes a time.
fn seconds(ns: i64) -> String {
    let sign = if ns < 0 { "-" } else { "" };
    format!("{sign}{}.{:09}", ns.unsigned_abs() / 1_000_000_000, ns.unsigned_abs() % 1_000_000_000)
}

fn text(bytes: &[u8]) -> Value {
    Value::Text(String::from_utf8_lossy(bytes).into_owned())
}

/// The parts of a target with a query, told behind it.
pub(super) fn describe<R: Recorder>(c: &mut Cursor<'_, '_, R>, target: &[u8]) {
    if let Some(mark) = target.iter().position(|b| *b == b'?') {
        let (path, query) = (&target[..mark], &target[mark + 1..]);
        c.derived(&PATH, || text(path));
        c.derived(&QUERY, || text(query));
        for parameter in query.split(|b| *b == b'&').filter(|p| !p.is_empty()).take(MAX_PARAMETERS) {
            c.derived(&PARAMETER, || text(parameter));
        }
    }
    if target.contains(&b'%') {
        c.derived(&DECODED, || Value::Text(form::decoded_text(target)));
    }
}

/// The whole address a request is for: of the target alone where it is one, else with Host before it.
pub fn address(scheme: &str, uri: &[u8], host: Option<&[u8]>) -> Option<String> {
    let lossy = |bytes| String::from_utf8_lossy(bytes);
    let has_scheme = uri.windows(3).take(16).any(|w| w == b"://");
    match host {
        _ if has_scheme => Some(lossy(uri).into_owned()),
        Some(host) if uri.starts_with(b"/") => Some(format!("{scheme}://{}{}", lossy(host), lossy(uri))),
        // The server itself (RFC 9112 section 3.2.4).
        Some(host) if uri == b"*" => Some(format!("{scheme}://{}{}", lossy(host), lossy(uri))),
        _ => None,
    }
}
