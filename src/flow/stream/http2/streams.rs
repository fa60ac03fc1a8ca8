//! The streams of an HTTP/2 connection, and how much each end may still send.
//!
//! RFC 9113 section 5.1 (states, of which only open and closed matter here), 6.9 (a window for each stream and one for the connection;
//! DATA uses them up, WINDOW_UPDATE fills them). Leaves out: streams that only PRIORITY frames name.
//!
//! Bounded by [`MAX_STREAMS`]: the oldest is forgotten first. Windows are told only of connections that were seen whole.

use std::collections::BTreeMap;

use super::{CLIENT, Head, MAX_STREAMS};
use crate::flow::event::{Datum, Event};

/// What may be sent at the beginning (RFC 9113 section 6.9.2).
const INITIAL_WINDOW: i64 = 65_535;

/// How much one end may still send.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// So many bytes; below 0 where it was made smaller meanwhile.
    left: i64,
    /// What it was filled up to last.
    pub granted: i64,
    /// Since which packet, and when, nothing may be sent.
    exhausted: Option<(u64, i64)>,
}

impl Window {
    fn new(size: i64) -> Window {
        Window { left: size, granted: size, exhausted: None }
    }

    /// Whether it has run out with these bytes.
    fn use_up(&mut self, bytes: usize, packet: u64, time_ns: i64) -> bool {
        self.left = self.left.saturating_sub(bytes as i64);
        let runs_out = bytes > 0 && self.left <= 0 && self.exhausted.is_none();
        if runs_out {
            self.exhausted = Some((packet, time_ns));
        }
        runs_out
    }

    /// Since when it was used up, where now something may be sent again.
    fn fill(&mut self, bytes: i64) -> Option<(u64, i64)> {
        self.left = self.left.saturating_add(bytes);
        self.granted = self.left;
        if self.left > 0 { self.exhausted.take() } else { None }
    }
}

/// A stream that is open.
#[derive(Debug)]
pub struct Stream {
    /// The packet that brought its request, or the promise of it.
    pub packet: u64,
    /// When the last byte of the request so far came.
    pub last_ns: i64,
    /// What the request asks; empty where that is not known.
    pub method: String,
    /// For what.
    pub uri: String,
    /// Whether the server opened it unasked.
    pub pushed: bool,
    /// Whether a final response has come.
    pub answered: bool,
    /// Whether an end has sent its last.
    pub done: [bool; 2],
    windows: [Window; 2],
}

impl Stream {
    /// Remembers what was asked.
    pub fn learn(&mut self, head: &Head) {
        self.method = head.method.clone().unwrap_or_default();
        self.uri = head.path.clone().unwrap_or_default();
    }

    /// An event about it, with what it was opened for.
    pub fn told(&self, mut event: Event) -> Event {
        event = event.with("request_packet", Datum::Uint(self.packet));
        for (key, text) in [("method", &self.method), ("uri", &self.uri)] {
            if !text.is_empty() {
                event = event.with(key, Datum::Text(text.clone()));
            }
        }
        event
    }
}

/// All streams of a connection.
#[derive(Debug)]
pub struct Streams {
    streams: BTreeMap<u32, Stream>,
    /// For what the client sends, and the server.
    windows: [Window; 2],
    /// What a new stream's windows begin with.
    initial: [i64; 2],
    /// Whether all frames were seen: else windows are not known.
    pub whole: bool,
}

impl Default for Streams {
    fn default() -> Streams {
        Streams {
            streams: BTreeMap::new(),
            windows: [Window::new(INITIAL_WINDOW); 2],
            initial: [INITIAL_WINDOW; 2],
            whole: false,
        }
    }
}

impl Streams {
    /// A stream opens.
    pub fn open(&mut self, number: u32, packet: u64, time_ns: i64) -> &mut Stream {
        if self.streams.len() >= MAX_STREAMS {
            self.streams.pop_first();
        }
        let stream = Stream {
            packet,
            last_ns: time_ns,
            method: String::new(),
            uri: String::new(),
            pushed: false,
            answered: false,
            done: [false; 2],
            windows: self.initial.map(Window::new),
        };
        self.streams.insert(number, stream);
        self.streams.get_mut(&number).expect("inserted just now")
    }

    /// A stream that is open.
    pub fn get(&mut self, number: u32) -> Option<&mut Stream> {
        self.streams.get_mut(&number)
    }

    /// Whether a stream is open.
    pub fn knows(&self, number: u32) -> bool {
        self.streams.contains_key(&number)
    }

    /// How many are open.
    pub fn open_now(&self) -> u64 {
        self.streams.len() as u64
    }

    /// A stream is broken off.
    pub fn close(&mut self, number: u32) -> Option<Stream> {
        self.streams.remove(&number)
    }

    /// An end has sent its last on a stream.
    pub fn done(&mut self, index: usize, number: u32) {
        if let Some(stream) = self.streams.get_mut(&number) {
            stream.done[index] = true;
            if stream.done == [true; 2] {
                self.streams.remove(&number);
            }
        }
    }

    /// DATA was sent. Returns the stream's window and the connection's, where it has run out with that.
    pub fn sent(
        &mut self,
        index: usize,
        number: u32,
        bytes: usize,
        packet: u64,
        time_ns: i64,
    ) -> [Option<Window>; 2] {
        let whole = self.whole;
        let connection = &mut self.windows[index];
        let connection = connection.use_up(bytes, packet, time_ns).then_some(*connection).filter(|_| whole);
        let stream = self.streams.get_mut(&number).and_then(|stream| {
            if index == CLIENT {
                stream.last_ns = time_ns;
            }
            let window = &mut stream.windows[index];
            window.use_up(bytes, packet, time_ns).then_some(*window)
        });
        [stream.filter(|_| whole), connection]
    }

    /// End `index` may send more. Returns how much, and since when it might not, where it might not.
    pub fn update(&mut self, index: usize, number: u32, increment: u32) -> Option<(i64, (u64, i64))> {
        let window = match number {
            0 => &mut self.windows[index],
            _ => &mut self.streams.get_mut(&number)?.windows[index],
        };
        let since = window.fill(increment.into())?;
        self.whole.then_some((window.left, since))
    }

    /// End `index` may send so much on each stream, also on those that are open (RFC 9113 section 6.9.2).
    pub fn initial_window(&mut self, index: usize, size: u32) {
        let change = i64::from(size) - std::mem::replace(&mut self.initial[index], size.into());
        for stream in self.streams.values_mut() {
            stream.windows[index].fill(change);
        }
    }
}
