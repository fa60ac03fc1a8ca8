//! Keeping a body until it is whole: put together from its segments and chunks, its coding undone, shown as what it is.
//!
//! RFC 9112 section 7.1.3 (decoding chunks), RFC 9110 section 8.4 (codings are undone in the opposite order). Leaves out: codings of the
//! transfer other than chunked, which no browser asks for.
//!
//! Bounded: [`MAX_BODY`] bytes a body, [`MAX_KEPT`] over all that are under way; what is longer is counted and said to be.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{MAX_FRAMES, shown};
use crate::flow::content::{self, Coding};
use crate::flow::event::{Datum, Event, Kind};
use crate::flow::stream::Sink;
use crate::protocol::Unit;
use crate::protocol::http::{Content, Head, Shape, Trouble, body, form};

/// The most of one body that is kept.
pub const MAX_BODY: usize = 1024 * 1024;
/// The most of all bodies under way that is kept.
pub const MAX_KEPT: usize = 64 * 1024 * 1024;
/// A body in one piece is shown a second time, as text, where it is longer than the line of its bytes can show.
const SHORT: usize = 24;
/// The longest value of a header field that is remembered for the body.
const MAX_VALUE: usize = 1024;

/// How many bytes of bodies are kept at the moment, all connections together.
#[derive(Debug, Clone, Default)]
pub struct Budget(Arc<AtomicUsize>);

/// A body under way.
#[derive(Debug)]
pub(super) struct Kept {
    budget: Budget,
    bytes: Vec<u8>,
    /// All bytes that came, kept or not.
    length: u64,
    /// The packets that brought them, the first ones; and how many there were.
    frames: Vec<u64>,
    packets: u64,
    last_packet: u64,
    /// Chunks begun.
    pub chunks: u64,
    chunked: bool,
    /// Bytes that were not captured; nothing behind the first of them is kept.
    lost: u64,
    /// Whether there was no room for all.
    cut: bool,
    content_type: Option<Vec<u8>>,
    content_encoding: Vec<u8>,
    of: Of,
}

/// Whose body it is.
#[derive(Debug, Default)]
pub(super) struct Of {
    pub from_client: bool,
    pub head_packet: u64,
    pub request_packet: Option<u64>,
    pub uri: Option<String>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.budget.0.fetch_sub(self.bytes.len(), Ordering::Relaxed);
    }
}

impl Kept {
    pub fn new(head: &Head<'_>, chunked: bool, of: Of, budget: &Budget) -> Kept {
        let kept = |value: &[u8]| value[..value.len().min(MAX_VALUE)].to_vec();
        Kept {
            budget: budget.clone(),
            bytes: Vec::new(),
            length: 0,
            frames: Vec::new(),
            packets: 0,
            last_packet: 0,
            chunks: 0,
            chunked,
            lost: 0,
            cut: false,
            content_type: head.content_type.map(kept),
            content_encoding: head.content_encoding.map(kept).unwrap_or_default(),
            of,
        }
    }

    /// The next bytes of the body.
    pub fn add(&mut self, bytes: &[u8], packet: u64) {
        self.length += bytes.len() as u64;
        if self.last_packet != packet {
            self.last_packet = packet;
            self.packets += 1;
            if self.frames.len() < MAX_FRAMES {
                self.frames.push(packet);
            }
        }
        if self.lost > 0 || self.cut {
            return;
        }
        let room = MAX_KEPT.saturating_sub(self.budget.0.load(Ordering::Relaxed));
        let taken = bytes.len().min(MAX_BODY - self.bytes.len()).min(room);
        self.cut = taken < bytes.len();
        self.budget.0.fetch_add(taken, Ordering::Relaxed);
        self.bytes.extend_from_slice(&bytes[..taken]);
    }

    /// Bytes of the body that were not captured.
    pub fn lost(&mut self, bytes: u64) {
        self.lost = self.lost.saturating_add(bytes);
    }

    /// The codings that the head names, in the order they were applied.
    fn codings(&self) -> Vec<String> {
        let names = self.content_encoding.split(|b| *b == b',').map(<[u8]>::trim_ascii);
        names
            .filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case(b"identity"))
            .take(content::MAX_CODINGS + 1)
            .map(|name| String::from_utf8_lossy(name).to_ascii_lowercase())
            .collect()
    }

    /// The body has ended, or nothing more of it will be read: shows and tells it. `whole`: it came to its end.
    pub fn finish(mut self, whole: bool, missing: Option<u64>, sink: &mut Sink<'_>) {
        let frames = std::mem::take(&mut self.frames);
        if self.length == 0 && self.lost == 0 {
            return;
        }
        let mut codings = self.codings();
        let coded = codings.join(", ");
        let media_type = self.content_type.as_deref().map(body::essence).unwrap_or_default();
        let missing = missing.or((self.lost > 0).then_some(self.lost));
        let told = self.chunked || !codings.is_empty() || frames.len() > 1 || self.lost > 0 || self.cut;
        let in_pieces = self.chunked || frames.len() > 1 || missing.is_some() || self.cut;
        let mut content = Content {
            shape: Shape::Opaque,
            media_type,
            decoded: None,
            coding: coded.clone(),
            chunks: self.chunks,
            missing,
            trouble: self.cut.then_some(Trouble::NotKept),
        };
        let declared = self.content_type.as_deref();
        if codings.is_empty() {
            content.shape = body::shape_of(declared, &self.bytes);
            self.passwords(&content.shape, sink);
            if sink.wants_tree && (in_pieces || self.is_worth_showing(&content.shape)) {
                sink.assembled(
                    Unit::HttpContent(Box::new(content.clone())),
                    &self.bytes,
                    of_several(&frames),
                );
            }
        } else if sink.wants_tree && in_pieces {
            sink.assembled(Unit::HttpContent(Box::new(content.clone())), &self.bytes, of_several(&frames));
        }
        let mut decoded = None;
        let limit = content::limit(self.bytes.len());
        if codings.len() > content::MAX_CODINGS {
            codings.clear();
            content.trouble = Some(Trouble::UnknownCoding);
        }
        content.chunks = 0;
        while let Some(coding) = codings.pop() {
            let before = decoded.as_deref().unwrap_or(&self.bytes[..]);
            let (bytes, trouble) = content::decode(Coding::of(coding.as_bytes()), before, limit);
            content.decoded = Some((coding, before.len() as u64));
            content.coding = codings.join(", ");
            // A body that is not whole ends early for another reason.
            content.trouble = match trouble {
                Some(Trouble::EndsEarly) if missing.is_some() || self.cut => content.trouble,
                trouble => trouble.or(content.trouble),
            };
            let stuck = matches!(trouble, Some(Trouble::UnknownCoding)) || bytes.is_empty();
            if codings.is_empty() {
                content.shape = body::shape_of(declared, &bytes);
            }
            if sink.wants_tree && !bytes.is_empty() {
                sink.assembled(Unit::HttpContent(Box::new(content.clone())), &bytes, &[]);
            }
            decoded = Some(bytes);
            if stuck {
                break;
            }
        }
        if whole && told {
            self.tell(&coded, decoded.map(|bytes| bytes.len() as u64), &content, frames, sink);
        }
    }

    /// Whether the bytes say more taken apart than as they stand in the frame.
    fn is_worth_showing(&self, shape: &Shape) -> bool {
        match shape {
            Shape::Form | Shape::Multipart(_) => true,
            Shape::Text(_) => self.bytes.len() > SHORT || !self.bytes.is_ascii(),
            Shape::Opaque => false,
        }
    }

    fn tell(
        &self,
        coding: &str,
        decoded: Option<u64>,
        content: &Content,
        frames: Vec<u64>,
        sink: &mut Sink<'_>,
    ) {
        let variant = match (content.trouble, decoded) {
            (Some(_), _) => "trouble",
            // What is decoded then is a part.
            (None, _) if self.lost > 0 => "gap",
            (None, Some(_)) => "decoded",
            _ => "",
        };
        let mut event = Event::new(Kind::HttpBody, sink.packet, Some(sink.flow))
            .variant(variant)
            .with("endpoint", Datum::Name(if self.of.from_client { "client" } else { "server" }))
            .with("head_packet", Datum::Uint(self.of.head_packet))
            .with("body_length", Datum::Uint(self.length + self.lost));
        if let Some(request) = self.of.request_packet {
            event = event.with("request_packet", Datum::Uint(request));
        }
        if let Some(uri) = &self.of.uri {
            event = event.with("uri", Datum::Text(uri.clone()));
        }
        if !content.media_type.is_empty() {
            event = event.with("content_type", Datum::Text(content.media_type.clone()));
        }
        if self.chunks > 0 {
            event = event.with("chunks", Datum::Uint(self.chunks));
        }
        if !coding.is_empty() {
            event = event.with("coding", Datum::Text(coding.to_owned()));
        }
        if let Some(decoded) = decoded {
            event = event.with("decoded_length", Datum::Uint(decoded));
        }
        if self.lost > 0 {
            event = event.with("missing", Datum::Uint(self.lost));
        }
        if let Some(trouble) = content.trouble {
            event = event.with("trouble", Datum::Name(trouble.name()));
        }
        if frames.len() > 1 {
            event = event.with("packets", Datum::Uint(self.packets)).with("frames", Datum::Frames(frames));
        }
        sink.events.push(event);
    }

    /// A form that carries a password where everybody on the way can read it.
    fn passwords(&self, shape: &Shape, sink: &mut Sink<'_>) {
        if *shape == Shape::Form && self.of.from_client {
            tell_password("form", &self.bytes, sink);
        }
    }
}

/// Names of single packets say nothing new.
fn of_several(frames: &[u64]) -> &[u64] {
    if frames.len() > 1 { frames } else { &[] }
}

/// Tells the first field of a form, or of a query, that is called as passwords are.
pub(super) fn tell_password(variant: &'static str, form: &[u8], sink: &mut Sink<'_>) {
    let is_password = |key: &[u8]| {
        let key = String::from_utf8_lossy(key).to_ascii_lowercase();
        ["passw", "passphrase", "pwd"].iter().any(|part| key.contains(part)) || key == "pass"
    };
    if sink.secure {
        return; // nobody on the way reads it
    }
    let found = form::pairs(form).take(100).find(|(key, value)| is_password(key) && !value.is_empty());
    if let Some((key, _)) = found {
        let event = Event::new(Kind::HttpCredentials, sink.packet, Some(sink.flow))
            .variant(variant)
            .with("field", Datum::Text(shown(&form::decoded(key), 64)));
        sink.events.push(event);
    }
}
