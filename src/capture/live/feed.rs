//! The queue between the thread that captures and the one that explains. It is bounded: where the explaining thread lags, packets
//! are left out of the explanation and counted, and capturing never waits.
//!
//! [`Feed`] is a [`Source`] like a file: what is made of live packets is made by the same code. Leaves out: the ring, files.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::frame::Parts;
use crate::capture::{Damage, Format, Frame, Interface, Source};

/// A batch is handed over when it holds so many bytes, or when nothing more is there.
const BATCH: usize = 256 << 10;
/// Batches kept to be filled again.
const SPARE: usize = 16;

#[derive(Debug, Clone, Copy)]
struct Meta {
    number: u64,
    time_ns: i64,
    interface: u32,
    wire_len: u32,
    /// Where its bytes end within the batch.
    end: u32,
}

#[derive(Debug, Default)]
struct Batch {
    bytes: Vec<u8>,
    frames: Vec<Meta>,
}

impl Batch {
    /// What it takes, the descriptions of packets included.
    fn weight(&self) -> usize {
        self.bytes.len() + self.frames.len() * size_of::<Meta>()
    }
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Batch>,
    spare: Vec<Batch>,
    /// Nothing more comes; so many packets were dropped by the kernel.
    ended: Option<u64>,
    /// Nobody reads any more.
    closed: bool,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    arrived: Condvar,
    /// Bytes in the queue, and how many there may be.
    weight: AtomicUsize,
    limit: usize,
    /// Frames handed over and not yet read.
    pending: AtomicU64,
}

impl Shared {
    /// A thread that panicked leaves nothing half done here.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end where packets go in.
#[derive(Debug)]
pub(super) struct Inlet {
    shared: Arc<Shared>,
    filling: Batch,
    left_out: u64,
}

/// The end where packets come out.
pub struct Feed {
    shared: Arc<Shared>,
    reading: Batch,
    at: usize,
    idle: Option<Box<dyn FnMut()>>,
    name: String,
    format: Format,
    interfaces: Vec<Interface>,
    dropped: u64,
}

/// Tells how much waits to be explained.
#[derive(Debug, Clone)]
pub struct Backlog(Arc<Shared>);

impl Backlog {
    /// Whether the queue is so full that what can be done without should be.
    #[inline]
    pub fn is_heavy(&self) -> bool {
        self.0.weight.load(Ordering::Relaxed) > self.0.limit / 4
    }
}

/// A queue that holds up to `limit` bytes. `name`, `format` and `interfaces` are what the feed says it is.
pub(super) fn queue(limit: usize, name: String, format: Format, interfaces: Vec<Interface>) -> (Inlet, Feed) {
    let shared = Arc::new(Shared { limit, ..Shared::default() });
    let inlet = Inlet { shared: shared.clone(), filling: Batch::default(), left_out: 0 };
    let reading = Batch::default();
    (inlet, Feed { shared, reading, at: 0, idle: None, name, format, interfaces, dropped: 0 })
}

impl Inlet {
    /// One more packet, or one more that is left out.
    #[inline]
    pub(super) fn put(&mut self, number: u64, interface: u32, frame: &Parts<'_>) {
        if self.filling.frames.is_empty() && self.shared.weight.load(Ordering::Relaxed) >= self.shared.limit {
            self.left_out += 1;
            return;
        }
        frame.put(&mut self.filling.bytes);
        let end = self.filling.bytes.len() as u32;
        let (time_ns, wire_len) = (frame.time_ns, frame.wire_len);
        self.filling.frames.push(Meta { number, time_ns, interface, wire_len, end });
        if self.filling.bytes.len() >= BATCH {
            self.hand_over();
        }
    }

    /// Packets that were left out so far.
    pub(super) fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Whether the other thread has read all.
    pub(super) fn is_read(&self) -> bool {
        self.shared.pending.load(Ordering::Relaxed) == 0
    }

    /// Gives what there is to the other thread. `false` where nobody reads any more.
    pub(super) fn hand_over(&mut self) -> bool {
        if self.filling.frames.is_empty() {
            return !self.shared.lock().closed;
        }
        let mut state = self.shared.lock();
        let next = state.spare.pop().unwrap_or_default();
        let full = std::mem::replace(&mut self.filling, next);
        self.shared.weight.fetch_add(full.weight(), Ordering::Relaxed);
        self.shared.pending.fetch_add(full.frames.len() as u64, Ordering::Relaxed);
        state.queue.push_back(full);
        self.shared.arrived.notify_one();
        !state.closed
    }

    /// Nothing more comes.
    pub(super) fn end(mut self, dropped: u64) {
        self.hand_over();
        self.shared.lock().ended = Some(dropped);
        self.shared.arrived.notify_one();
    }
}

impl Drop for Inlet {
    fn drop(&mut self) {
        // However the capturing thread ends, the other must not wait for ever.
        self.shared.lock().ended.get_or_insert(0);
        self.shared.arrived.notify_one();
    }
}

impl Feed {
    /// A handle on how much waits.
    pub fn backlog(&self) -> Backlog {
        Backlog(self.shared.clone())
    }

    /// Do this whenever nothing waits to be explained: now is the time to show what has been written.
    pub fn when_idle(&mut self, what: impl FnMut() + 'static) {
        self.idle = Some(Box::new(what));
    }

    /// Waits for the next batch; `false` at the end.
    fn refill(&mut self) -> bool {
        let shared = self.shared.clone();
        let mut state = shared.lock();
        let mut used = std::mem::take(&mut self.reading);
        shared.weight.fetch_sub(used.weight(), Ordering::Relaxed);
        used.bytes.clear();
        used.frames.clear();
        if state.spare.len() < SPARE {
            state.spare.push(used);
        }
        self.at = 0;
        let mut told = false;
        loop {
            if let Some(batch) = state.queue.pop_front() {
                self.reading = batch;
                return true;
            }
            if let Some(dropped) = state.ended {
                self.dropped = dropped;
                return false;
            }
            if let (false, Some(idle)) = (told, &mut self.idle) {
                // Not while the other thread would have to wait for it.
                drop(state);
                idle();
                told = true;
                state = shared.lock();
                continue;
            }
            state = shared.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
    }
}

impl Source for Feed {
    #[inline]
    fn next(&mut self) -> Result<Option<Frame<'_>>, Damage> {
        if self.at == self.reading.frames.len() && !self.refill() {
            return Ok(None);
        }
        let start = self.at.checked_sub(1).map_or(0, |before| self.reading.frames[before].end);
        let meta = self.reading.frames[self.at];
        self.at += 1;
        self.shared.pending.fetch_sub(1, Ordering::Relaxed);
        Ok(Some(Frame {
            number: meta.number,
            time_ns: meta.time_ns,
            interface: meta.interface,
            link_type: self.interfaces[meta.interface as usize].link_type,
            wire_len: meta.wire_len,
            bytes: &self.reading.bytes[start as usize..meta.end as usize],
        }))
    }

    fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn format(&self) -> Format {
        self.format
    }

    fn dropped(&self) -> u64 {
        self.dropped
    }

    fn comments(&self) -> &[String] {
        &[]
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;
    use crate::capture::live::ring::Captured;

    fn put(inlet: &mut Inlet, number: u64, bytes: &[u8]) {
        let packet = Captured {
            time_ns: number as i64,
            wire_len: bytes.len() as u32,
            vlan: None,
            protocol: 0,
            interface: 1,
            hardware: 1,
            kind: 0,
            address: ([0; 8], 6),
            bytes,
        };
        inlet.put(number, 0, &Parts::new(&packet, 1, 1 << 18));
    }

    fn queue_of(limit: usize) -> (Inlet, Feed) {
        let interface = Interface { id: 0, link_type: 1, name: None, description: None, snaplen: 0 };
        queue(limit, "eth0".to_owned(), Format::Live, vec![interface])
    }

    #[test]
    fn frames_come_out_as_they_went_in() {
        let (mut inlet, mut feed) = queue_of(1 << 20);
        let idle = Rc::new(Cell::new(0));
        let told = idle.clone();
        feed.when_idle(move || told.set(told.get() + 1));
        put(&mut inlet, 1, &[1, 2, 3]);
        put(&mut inlet, 2, &[]);
        assert!(inlet.hand_over() && !inlet.is_read());
        put(&mut inlet, 3, &[4]);
        inlet.end(7);
        let mut seen = Vec::new();
        while let Some(frame) = feed.next().expect("no damage") {
            seen.push((frame.number, frame.bytes.to_vec()));
        }
        assert_eq!(seen, [(1, vec![1, 2, 3]), (2, vec![]), (3, vec![4])]);
        assert_eq!(idle.get(), 0);
        assert_eq!(feed.dropped(), 7);
    }

    #[test]
    fn what_there_is_no_room_for_is_counted() {
        let (mut inlet, mut feed) = queue_of(100);
        put(&mut inlet, 1, &[0; 200]);
        inlet.hand_over();
        put(&mut inlet, 2, &[0; 200]);
        put(&mut inlet, 3, &[0; 200]);
        inlet.hand_over();
        assert_eq!(inlet.left_out(), 2);
        assert_eq!(feed.next().expect("no damage").map(|frame| frame.number), Some(1));
        assert!(feed.shared.weight.load(Ordering::Relaxed) > 0);
        drop(feed);
        assert!(!inlet.hand_over());
    }

    #[test]
    fn a_thread_that_is_gone_ends_the_feed() {
        let (inlet, mut feed) = queue_of(100);
        drop(inlet);
        assert!(feed.next().expect("no damage").is_none());
    }
}
