//! Sequence numbers that wrap, and which of them have been seen.
//!
//! RFC 9293 section 3.4: the space is circular, arithmetic is modulo 2^32; `a` is before `b` where the way
//! from `a` to `b` is shorter than half the circle.

/// Whether `a` comes before `b`.
#[inline]
pub fn before(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) < 0
}

/// Whether `a` is `b` or comes before it.
#[inline]
pub fn not_after(a: u32, b: u32) -> bool {
    !before(b, a)
}

/// The later of two.
#[inline]
pub fn later(a: u32, b: u32) -> u32 {
    if before(a, b) { b } else { a }
}

/// At most this many gaps are remembered per direction; beyond it the oldest is taken as seen.
const MAX_GAPS: usize = 256;

/// A stretch of sequence space that was skipped: later bytes were seen, these were not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// First number missing.
    pub start: u32,
    /// Number after the last one missing.
    pub end: u32,
    /// The packet that jumped over it.
    pub packet: u64,
    /// Its time, nanoseconds.
    pub time_ns: i64,
    /// Its timestamp option, where it had one.
    pub tsval: Option<u32>,
    /// Its IPv4 identification, where it had one.
    pub ip_id: Option<u16>,
}

/// What a segment's bytes are, measured by what was seen before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Novelty {
    /// All of it follows what was seen; `None`: directly, else it jumps over a gap of so many bytes.
    Next(Option<u32>),
    /// All of it was seen before.
    Seen,
    /// Some of it fills this gap.
    Fills(Gap),
    /// It begins with bytes seen before and goes on with new ones.
    Extends,
}

/// Which sequence numbers of one direction have been seen: all from the first to `next`, except the gaps.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    next: Option<u32>,
    gaps: Vec<Gap>,
}

impl Seen {
    /// All before `next` seen.
    pub fn from(next: u32) -> Seen {
        Seen { next: Some(next), gaps: Vec::new() }
    }

    /// The number after the highest seen.
    pub fn next(&self) -> Option<u32> {
        self.next
    }

    /// Whether bytes are missing below `next`.
    pub fn has_gaps(&self) -> bool {
        !self.gaps.is_empty()
    }

    /// The first number that is missing below `next`, where one stretch is.
    pub fn only_gap(&self) -> Option<u32> {
        self.gaps.first().filter(|_| self.gaps.len() == 1).map(|gap| gap.start)
    }

    /// Bytes missing below `number`.
    pub fn missing_below(&self, number: u32) -> u32 {
        self.gaps
            .iter()
            .filter(|g| before(g.start, number))
            .map(|g| if before(number, g.end) { number } else { g.end }.wrapping_sub(g.start))
            .sum()
    }

    /// What a segment of `length` numbers from `start` is.
    pub fn judge(&self, start: u32, length: u32) -> Novelty {
        let Some(next) = self.next else { return Novelty::Next(None) };
        let end = start.wrapping_add(length);
        if !before(start, next) {
            return Novelty::Next((start != next).then(|| start.wrapping_sub(next)));
        }
        if let Some(gap) = self.gaps.iter().find(|g| before(start, g.end) && before(g.start, end)) {
            return Novelty::Fills(*gap);
        }
        if before(next, end) { Novelty::Extends } else { Novelty::Seen }
    }

    /// Notes a segment; `jump` describes it in case it leaves a gap behind. Returns how many numbers are new.
    pub fn add(&mut self, start: u32, length: u32, jump: Gap) -> u32 {
        let end = start.wrapping_add(length);
        let Some(next) = self.next else {
            self.next = Some(end);
            return length;
        };
        let mut new = 0;
        if before(start, next) && !self.gaps.is_empty() {
            let mut kept = Vec::new();
            for gap in self.gaps.drain(..) {
                let (from, to) = (later(gap.start, start), if before(end, gap.end) { end } else { gap.end });
                if !before(from, to) {
                    kept.push(gap);
                    continue;
                }
                new += to.wrapping_sub(from);
                if before(gap.start, from) {
                    kept.push(Gap { end: from, ..gap });
                }
                if before(to, gap.end) {
                    kept.push(Gap { start: to, ..gap });
                }
            }
            self.gaps = kept;
        }
        if before(next, end) {
            if before(next, start) {
                if self.gaps.len() >= MAX_GAPS {
                    self.gaps.remove(0);
                }
                self.gaps.push(Gap { start: next, end: start, ..jump });
                new += length;
            } else {
                new += end.wrapping_sub(next);
            }
            self.next = Some(end);
        }
        new
    }

    /// The receiver has acknowledged up to `number`: what is missing below was lost to the capture, not to it.
    pub fn acknowledged(&mut self, number: u32) {
        if !self.gaps.is_empty() {
            self.gaps.retain(|g| before(number, g.end));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(packet: u64) -> Gap {
        Gap { start: 0, end: 0, packet, time_ns: 0, tsval: None, ip_id: None }
    }

    #[test]
    fn order_goes_round_the_circle() {
        assert!(before(0xffff_fff0, 0x10));
        assert!(!before(0x10, 0xffff_fff0));
        assert_eq!(later(0xffff_fff0, 0x10), 0x10);
    }

    #[test]
    fn a_gap_is_left_and_filled_from_both_sides() {
        let mut seen = Seen::default();
        assert_eq!(seen.add(100, 10, at(1)), 10);
        assert_eq!(seen.judge(130, 10), Novelty::Next(Some(20)));
        assert_eq!(seen.add(130, 10, at(2)), 10);
        assert_eq!(seen.missing_below(140), 20);
        assert!(matches!(seen.judge(115, 5), Novelty::Fills(g) if g.packet == 2));
        assert_eq!(seen.add(115, 5, at(3)), 5, "the middle of the gap");
        assert_eq!(seen.judge(100, 10), Novelty::Seen);
        assert_eq!(seen.add(105, 40, at(4)), 20, "the rest of it, and five beyond");
        assert!(!seen.has_gaps());
        assert_eq!(seen.next(), Some(145));
    }

    #[test]
    fn wraparound_is_no_jump() {
        let mut seen = Seen::default();
        seen.add(0xffff_fffa, 6, at(1));
        assert_eq!(seen.next(), Some(0));
        assert_eq!(seen.judge(0, 5), Novelty::Next(None));
        assert_eq!(seen.judge(0xffff_fffb, 5), Novelty::Seen);
        assert_eq!(seen.judge(0xffff_fffb, 9), Novelty::Extends);
    }

    #[test]
    fn gaps_are_bounded() {
        let mut seen = Seen::default();
        for i in 0..10_000u32 {
            seen.add(i * 10, 5, at(u64::from(i)));
        }
        assert!(seen.gaps.len() <= MAX_GAPS);
    }
}
