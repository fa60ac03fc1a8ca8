//! Bytes of one direction, in order, once each.
//!
//! RFC 9293 section 3.4 (what is in order), 3.10 and 3.10.7.4 (of a segment that overlaps others only the new part is
//! processed). Where two copies of a byte differ, the first that was captured wins, whether it was handed out already or
//! waits for a gap to be filled. Bounded: what waits may cost [`MAX_WAITING`] bytes; beyond that, or once the receiver
//! acknowledges past the gap, the gap is given up. Leaves out: telling that copies differ (`history`).

use std::collections::BTreeMap;

/// Most bytes that wait for one gap to be filled, with what it costs to keep them.
pub const MAX_WAITING: usize = 1 << 20;

/// What it costs to keep a stretch of bytes, besides the bytes: many small ones are no way round the bound.
const OVERHEAD: usize = 64;

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
    /// How many bytes came before `next`: positions do not wrap, sequence numbers do.
    at: i64,
    /// Stretches beyond a gap, by position. They do not overlap.
    waiting: BTreeMap<i64, Vec<u8>>,
    cost: usize,
    /// The receiver has everything before this position: what is missing there, the capture missed.
    acked: i64,
}

impl Reassembly {
    /// The stream begins with this sequence number.
    pub fn start(&mut self, seq: u32) {
        if self.next.is_none() {
            self.next = Some(seq);
        }
    }

    /// What it costs to keep the bytes that wait for a gap to be filled.
    pub fn waiting(&self) -> usize {
        self.cost
    }

    /// Takes in a segment's payload: `claimed` bytes from `seq`, of which `payload` were captured.
    pub fn add(&mut self, seq: u32, payload: &[u8], claimed: u32, out: &mut dyn FnMut(Stretch<'_>)) {
        self.start(seq);
        let payload = &payload[..payload.len().min(claimed as usize)];
        let start = self.position(seq);
        let end = start + i64::from(claimed);
        if end <= self.at {
            return;
        }
        if start > self.at {
            if start > self.acked && self.keep(start, payload) {
                return;
            }
            self.advance(start, None, out);
        }
        self.advance(end, Some((start, payload)), out);
        self.release(out);
    }

    /// The receiver acknowledged up to `ack`: bytes missing below that reached it, not the capture. Where nothing waits
    /// for them they may still come, captured late; so they are given up when later ones do.
    pub fn acknowledged(&mut self, ack: u32, out: &mut dyn FnMut(Stretch<'_>)) {
        if self.next.is_none() {
            return;
        }
        self.acked = self.acked.max(self.position(ack));
        while let Some(first) = self.first_waiting()
            && self.at < self.acked
        {
            self.advance(first.min(self.acked), None, out);
            self.release(out);
        }
    }

    /// Where a sequence number stands in the stream: at most half the circle from `next`.
    fn position(&self, seq: u32) -> i64 {
        let next = self.next.unwrap_or(seq);
        self.at + i64::from(seq.wrapping_sub(next) as i32)
    }

    /// Keeps what is new of bytes beyond a gap; `false` where that would cost too much.
    fn keep(&mut self, start: i64, payload: &[u8]) -> bool {
        let end = start + payload.len() as i64;
        let mut fresh: Vec<(i64, i64)> = Vec::new();
        let mut at = start;
        let before = self.waiting.range(..start).next_back();
        for (&from, bytes) in before.into_iter().chain(self.waiting.range(start..end)) {
            if at < from {
                fresh.push((at, from));
            }
            at = at.max(from + bytes.len() as i64);
        }
        if at < end {
            fresh.push((at, end));
        }
        let cost: usize = fresh.iter().map(|(from, to)| (to - from) as usize + OVERHEAD).sum();
        if self.cost + cost > MAX_WAITING {
            return false;
        }
        self.cost += cost;
        for (from, to) in fresh {
            let bytes = payload[(from - start) as usize..(to - start) as usize].to_vec();
            self.waiting.insert(from, bytes);
        }
        true
    }

    /// Goes on to a position: hands out what waited, else what `segment` (its position and payload) has, else a loss.
    fn advance(&mut self, to: i64, segment: Option<(i64, &[u8])>, out: &mut dyn FnMut(Stretch<'_>)) {
        while self.at < to {
            let until = self.first_waiting().map_or(to, |first| first.min(to));
            if until <= self.at {
                self.hand_out_first(out);
                continue;
            }
            let here = segment.and_then(|(start, payload)| {
                let from = usize::try_from(self.at - start).ok()?;
                let bytes = &payload[from.min(payload.len())..payload.len().min((until - start) as usize)];
                (!bytes.is_empty()).then_some((from, bytes))
            });
            match here {
                Some((from, bytes)) => {
                    self.step(bytes.len() as i64);
                    out(Stretch::Bytes { bytes, at: Some(from) });
                }
                None => {
                    let lost = until - self.at;
                    self.step(lost);
                    out(Stretch::Lost(lost as u64));
                }
            }
        }
    }

    /// Hands out what is in order now.
    fn release(&mut self, out: &mut dyn FnMut(Stretch<'_>)) {
        while self.first_waiting().is_some_and(|first| first <= self.at) {
            self.hand_out_first(out);
        }
    }

    fn first_waiting(&self) -> Option<i64> {
        self.waiting.first_key_value().map(|(first, _)| *first)
    }

    fn hand_out_first(&mut self, out: &mut dyn FnMut(Stretch<'_>)) {
        let Some((_, bytes)) = self.waiting.pop_first() else { return };
        self.cost -= bytes.len() + OVERHEAD;
        self.step(bytes.len() as i64);
        out(Stretch::Bytes { bytes: &bytes, at: None });
    }

    fn step(&mut self, bytes: i64) {
        self.at += bytes;
        self.next = self.next.map(|next| next.wrapping_add(bytes as u32));
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
    fn the_first_copy_wins_behind_a_gap() {
        let (bytes, _) =
            run(&[(10, b"ab"), (14, b"ef"), (14, b"EFG"), (13, b"DEFGH"), (12, b"c"), (18, b"i")]);
        assert_eq!(
            bytes, b"abcDefGHi",
            "a longer copy, and one that begins before, fill in and replace nothing"
        );
    }

    #[test]
    fn what_waited_wins_over_what_fills_the_gap() {
        let (bytes, _) = run(&[(10, b"ab"), (14, b"ef"), (12, b"cdEFgh")]);
        assert_eq!(bytes, b"abcdefgh");
    }

    #[test]
    fn many_small_stretches_are_no_way_round_the_bound() {
        let mut r = Reassembly::default();
        r.start(0);
        let mut lost = 0;
        for i in 0..100_000u32 {
            r.add(1 + i * 2, b"x", 1, &mut |s| lost += u64::from(matches!(s, Stretch::Lost(_))));
            assert!(r.waiting() <= MAX_WAITING && r.waiting.len() <= MAX_WAITING / OVERHEAD);
        }
        assert!(lost > 80_000, "the gaps were given up one by one");
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
    fn what_was_acknowledged_and_never_seen_is_not_waited_for() {
        let mut out = Vec::new();
        let mut r = Reassembly::default();
        let mut sink = |s: Stretch<'_>| {
            out.push(match s {
                Stretch::Bytes { bytes, at } => format!("{} {at:?}", String::from_utf8_lossy(bytes)),
                Stretch::Lost(n) => format!("lost {n}"),
            })
        };
        r.start(10);
        r.acknowledged(12, &mut sink);
        r.add(10, b"ab", 2, &mut sink); // captured behind its acknowledgment
        r.acknowledged(15, &mut sink);
        r.add(15, b"fgh", 3, &mut sink); // and 12 to 14 not at all
        assert_eq!(out, ["ab Some(0)", "lost 3", "fgh Some(0)"]);
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

    /// The same by the book: every byte by itself, no bound.
    #[derive(Default)]
    struct Naive {
        bytes: BTreeMap<i64, u8>,
        at: i64,
        acked: i64,
        out: Vec<Option<u8>>,
    }

    impl Naive {
        fn add(&mut self, start: i64, payload: &[u8], claimed: i64) {
            for (i, b) in payload.iter().enumerate() {
                let position = start + i as i64;
                if position >= self.at {
                    self.bytes.entry(position).or_insert(*b);
                }
            }
            if start <= self.at.max(self.acked) && start + claimed > self.at {
                self.go_on(start + claimed);
            }
        }

        fn acknowledged(&mut self, to: i64) {
            self.acked = self.acked.max(to);
            while let Some((&first, _)) = self.bytes.first_key_value()
                && self.at < self.acked
            {
                self.go_on(first.min(self.acked));
            }
        }

        fn go_on(&mut self, to: i64) {
            while self.at < to || self.bytes.contains_key(&self.at) {
                self.out.push(self.bytes.remove(&self.at));
                self.at += 1;
            }
        }
    }

    use proptest::prelude::*;

    #[derive(Debug, Clone)]
    enum Do {
        Add { start: i64, payload: Vec<u8>, cut: i64 },
        Acknowledge(i64),
    }

    fn any_step() -> impl Strategy<Value = Do> {
        let add = (
            -30i64..120,
            proptest::collection::vec(any::<u8>(), 0..40),
            prop_oneof![4 => Just(0i64), 1 => 0i64..20],
        )
            .prop_map(|(start, payload, cut)| Do::Add { start, payload, cut });
        prop_oneof![8 => add, 1 => (-30i64..150).prop_map(Do::Acknowledge)]
    }

    fn collect(out: &mut Vec<Option<u8>>, s: &Stretch<'_>, current: &[u8]) {
        match s {
            Stretch::Bytes { bytes, at } => {
                if let Some(at) = at {
                    assert_eq!(&current[*at..at + bytes.len()], *bytes, "it stands where it says");
                }
                out.extend(bytes.iter().map(|b| Some(*b)));
            }
            Stretch::Lost(n) => out.extend((0..*n).map(|_| None)),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// Random segments (overlapping, contradicting, cut by a snap length, beyond gaps, around the wrap) and gaps that are
        /// given up come out as if every byte had been noted by itself.
        #[test]
        fn every_byte_is_the_first_that_was_captured(
            isn in prop_oneof![Just(0u32), Just(u32::MAX - 60), any::<u32>()],
            steps in proptest::collection::vec(any_step(), 1..30),
        ) {
            let mut naive = Naive::default();
            let mut r = Reassembly::default();
            r.start(isn);
            let mut out = Vec::new();
            for step in &steps {
                // Segments come near where the stream has got to, as they do.
                let near = naive.at;
                match step {
                    Do::Add { start, payload, cut } => {
                        let (start, claimed) = (near + start, payload.len() as i64 + cut);
                        naive.add(start, payload, claimed);
                        let seq = isn.wrapping_add(start as u32);
                        r.add(seq, payload, claimed as u32, &mut |s| collect(&mut out, &s, payload));
                    }
                    Do::Acknowledge(to) => {
                        naive.acknowledged(near + to);
                        let ack = isn.wrapping_add((near + to) as u32);
                        r.acknowledged(ack, &mut |s| collect(&mut out, &s, &[]));
                    }
                }
                prop_assert_eq!(&out, &naive.out);
                prop_assert_eq!(r.waiting(), naive.bytes.len() + r.waiting.len() * OVERHEAD);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        /// Where the bound gives gaps up early, each byte still comes once, in order, and is the first captured or lost.
        #[test]
        fn beyond_the_bound_too(steps in proptest::collection::vec((0u32..2_000_000, any::<u8>()), 40..80)) {
            let mut first: BTreeMap<u32, u8> = BTreeMap::new();
            let mut r = Reassembly::default();
            let isn = u32::MAX - 1_000_000;
            r.start(isn);
            let mut out = Vec::new();
            for (start, byte) in &steps {
                let at = out.len() as u32;
                let payload = vec![*byte; 30_000];
                let before = out.len();
                r.add(isn.wrapping_add(*start), &payload, 30_000, &mut |s| collect(&mut out, &s, &payload));
                for i in (*start..start + 30_000).filter(|i| *i >= at) {
                    first.entry(i).or_insert(*byte);
                }
                let right = |(i, b): (usize, &Option<u8>)| b.is_none() || *b == first.get(&(i as u32)).copied();
                prop_assert!(out.iter().enumerate().skip(before).all(right));
                prop_assert!(r.waiting() <= MAX_WAITING);
            }
        }
    }
}
