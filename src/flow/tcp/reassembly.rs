//! Bytes of one direction, in order, once each.
//!
//! RFC 9293 section 3.4 (what is in order), 3.10.7.4 (segments that overlap are trimmed). Where two copies
//! of a byte differ, the first that was captured wins. Bounded: what waits for a gap may hold
//! [`MAX_WAITING`] bytes; beyond that, or once the receiver acknowledges past the gap, the gap is given up.

use std::collections::BTreeMap;

use super::sequence::{before, not_after};

/// Most bytes that wait for one gap to be filled.
pub const MAX_WAITING: usize = 1 << 20;

/// What comes out, in order.
#[derive(Debug, PartialEq, Eq)]
pub enum Stretch<'b> {
    /// The next bytes; `at` is their offset in the current segment's payload, `None` if they had waited.
    Bytes {
        /// The bytes.
        bytes: &'b [u8],
        /// Where they stand in the current segment's payload.
        at: Option<usize>,
    },
    /// Bytes that will never be seen.
    Lost(u64),
}

/// One direction's stream.
#[derive(Debug, Default, Clone)]
pub struct Reassembly {
    next: Option<u32>,
    /// Segments beyond a gap, by distance from `next` at the time they came... keyed by sequence number.
    waiting: BTreeMap<u32, Vec<u8>>,
    waiting_bytes: usize,
}

impl Reassembly {
    /// The stream begins with this sequence number.
    pub fn start(&mut self, seq: u32) {
        if self.next.is_none() {
            self.next = Some(seq);
        }
    }

    /// Bytes that wait for a gap to be filled.
    pub fn waiting(&self) -> usize {
        self.waiting_bytes
    }

    /// Takes in a segment's payload: `claimed` bytes from `seq`, of which `payload` were captured.
    pub fn add(&mut self, seq: u32, payload: &[u8], claimed: u32, out: &mut dyn FnMut(Stretch<'_>)) {
        let next = *self.next.get_or_insert(seq);
        let end = seq.wrapping_add(claimed);
        if claimed == 0 || not_after(end, next) {
            return;
        }
        if before(next, seq) {
            if self.waiting_bytes + payload.len() <= MAX_WAITING {
                // An earlier copy stays: the first captured wins, unless the new one is longer.
                let have = self.waiting.get(&seq).map_or(0, Vec::len);
                if payload.len() > have {
                    self.waiting_bytes += payload.len() - have;
                    self.waiting.insert(seq, payload.to_vec());
                }
                return;
            }
            self.give_up_to(seq, out);
            return self.add(seq, payload, claimed, out);
        }
        let skip = next.wrapping_sub(seq) as usize;
        if let Some(fresh) = payload.get(skip..).filter(|f| !f.is_empty()) {
            out(Stretch::Bytes { bytes: fresh, at: Some(skip) });
        }
        let captured_end = seq.wrapping_add(payload.len() as u32);
        if before(captured_end, end) {
            let from = if before(captured_end, next) { next } else { captured_end };
            out(Stretch::Lost(u64::from(end.wrapping_sub(from)))); // cut by the capture's snaplen
        }
        self.next = Some(end);
        self.release(out);
    }

    /// The receiver acknowledged up to `ack`: bytes missing below that reached it, not the capture.
    pub fn acknowledged(&mut self, ack: u32, out: &mut dyn FnMut(Stretch<'_>)) {
        if let Some(next) = self.next
            && before(next, ack)
            && !self.waiting.is_empty()
        {
            self.give_up_to(ack, out);
            self.release(out);
        }
    }

    /// Skips to `seq`, handing out what had waited in between.
    fn give_up_to(&mut self, seq: u32, out: &mut dyn FnMut(Stretch<'_>)) {
        loop {
            let Some(next) = self.next else { return };
            if !before(next, seq) {
                return;
            }
            let to = self
                .waiting
                .keys()
                .copied()
                .filter(|s| before(*s, seq))
                .min_by_key(|s| s.wrapping_sub(next))
                .unwrap_or(seq);
            if before(next, to) {
                out(Stretch::Lost(u64::from(to.wrapping_sub(next))));
                self.next = Some(to);
            }
            if to == seq {
                return;
            }
            self.release(out);
            if self.next == Some(next) {
                return; // no progress: nothing usable waits
            }
        }
    }

    /// Hands out what is in order now.
    fn release(&mut self, out: &mut dyn FnMut(Stretch<'_>)) {
        while let Some(next) = self.next {
            let Some(seq) = self.waiting.keys().copied().find(|s| not_after(*s, next)) else { return };
            let Some(bytes) = self.waiting.remove(&seq) else { return };
            self.waiting_bytes -= bytes.len();
            let skip = next.wrapping_sub(seq) as usize;
            if let Some(fresh) = bytes.get(skip..).filter(|f| !f.is_empty()) {
                out(Stretch::Bytes { bytes: fresh, at: None });
                self.next = Some(seq.wrapping_add(bytes.len() as u32));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(steps: &[(u32, &[u8])]) -> (Vec<u8>, u64) {
        let (mut bytes, mut lost) = (Vec::new(), 0);
        let mut r = Reassembly::default();
        r.start(steps[0].0);
        for (seq, payload) in steps {
            r.add(*seq, payload, payload.len() as u32, &mut |s| match s {
                Stretch::Bytes { bytes: b, .. } => bytes.extend_from_slice(b),
                Stretch::Lost(n) => lost += n,
            });
        }
        (bytes, lost)
    }

    #[test]
    fn out_of_order_and_overlapping_segments_come_out_in_order_once() {
        let (bytes, lost) =
            run(&[(10, b"abc"), (16, b"ghi"), (11, b"bcde"), (13, b"def"), (15, b"fg"), (19, b"j")]);
        assert_eq!(bytes, b"abcdefghij");
        assert_eq!(lost, 0);
    }

    #[test]
    fn the_first_copy_wins() {
        let (bytes, _) = run(&[(10, b"abc"), (10, b"XYZd")]);
        assert_eq!(bytes, b"abcd");
    }

    #[test]
    fn wraps_around() {
        let (bytes, _) = run(&[(0xffff_fffe, b"ab"), (2, b"ef"), (0, b"cd")]);
        assert_eq!(bytes, b"abcdef");
    }

    #[test]
    fn an_acknowledged_gap_is_given_up() {
        let mut out = Vec::new();
        let mut r = Reassembly::default();
        let mut sink = |s: Stretch<'_>| {
            out.push(match s {
                Stretch::Bytes { bytes, .. } => String::from_utf8_lossy(bytes).into_owned(),
                Stretch::Lost(n) => format!("lost {n}"),
            })
        };
        r.start(10);
        r.add(15, b"fgh", 3, &mut sink);
        r.acknowledged(18, &mut sink);
        r.add(18, b"i", 1, &mut sink);
        assert_eq!(out, ["lost 5", "fgh", "i"]);
    }

    #[test]
    fn waiting_is_bounded() {
        let mut r = Reassembly::default();
        r.start(0);
        let chunk = [0u8; 1000];
        for i in 0..10_000u32 {
            r.add(1 + i * 1000, &chunk, 1000, &mut |_| ());
            assert!(r.waiting() <= MAX_WAITING);
        }
    }
}
