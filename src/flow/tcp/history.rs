//! The latest bytes of all directions, so that a second copy of them can be held against the first.
//!
//! RFC 9293 section 3.10: of a segment that overlaps what was received only the new part is used. So two copies of a byte
//! ought to be equal, and which one counts ought not to matter; where they differ, somebody else has written one of them, or a
//! device on the way has changed it.
//!
//! One log for all connections: a segment's bytes are written behind those of the segment before, whosever they are, and the
//! oldest are written over. Each record names the one before it of the same direction. So what is kept is bounded once for all
//! ([`BYTES`], [`RECORDS`]), nothing is set up for a connection or taken down, and a busy capture costs a copy of each byte.
//! A direction that has brought many bytes goes round and round in a part of the log of its own.
//! Leaves out: bytes that the capture cut off, and what is no part of the stream (RST, probes), which its caller does not
//! hand in.

use super::sequence::before;

/// Bytes kept, of all directions together.
pub const BYTES: usize = 4 << 20;
/// Segments remembered, likewise.
pub const RECORDS: usize = 1 << 14;
/// A direction that has brought so many bytes gets a part of the log for itself, so that a long transfer neither drives out what
/// others have said nor goes through more memory than a processor has at hand.
const FEW: u64 = 16 << 10;
/// So large: its latest bytes.
const LANE: usize = 64 << 10;
/// The latest so many segments of a direction are looked through.
const LOOK_BACK: usize = 1_024;
/// Numbers further back than this are of another round on the circle.
const LONG_AGO: i32 = 1 << 30;

/// The segment that brought bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Source {
    /// Its packet.
    pub packet: u64,
    /// Its time.
    pub time_ns: i64,
    /// Its TTL or hop limit.
    pub ttl: u8,
}

/// Bytes that were captured twice and are not the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// First number that both copies have.
    pub from: u32,
    /// Number after the last one.
    pub to: u32,
    /// Bytes that both copies have.
    pub compared: u32,
    /// How many of them differ.
    pub differ: u32,
    /// Number of the first that does.
    pub at: u32,
    /// That byte as it was captured first, and now.
    pub bytes: (u8, u8),
    /// The segment that brought it first.
    pub first: Source,
}

/// Where a direction's records are found.
#[derive(Debug, Clone, Copy)]
pub struct Trail {
    last: u64,
    /// A number of the last record: what is far from it is of another round.
    near: u32,
    /// Bytes of this direction so far, with those left free at the end of its part of the log.
    own: u64,
    /// Where that part begins.
    lane: Option<u64>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Record {
    /// The record before it of the same direction.
    before: Option<u64>,
    /// Where its bytes were written.
    at: u64,
    /// How many of its direction came before.
    own: u64,
    seq: u32,
    len: u32,
    source: Source,
}

/// A segment's bytes as they are handed in.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'b> {
    /// Number of the first byte.
    pub seq: u32,
    /// The bytes captured.
    pub bytes: &'b [u8],
    /// The number after the highest sent before.
    pub known: Option<u32>,
    /// All of it up to there was sent before: it fills no gap.
    pub again: bool,
    /// The segment.
    pub source: Source,
}

/// The log.
#[derive(Debug, Default)]
pub struct Histories {
    /// Bytes, round and round. Empty until the first come.
    bytes: Vec<u8>,
    /// How many have been written.
    written: u64,
    /// Records, round and round.
    records: Vec<Record>,
    /// How many there have been.
    count: u64,
    /// Bytes came again whose first copy was written over.
    left_out: bool,
}

impl Histories {
    /// Takes in a segment: what is new of it is kept, the rest held against what was captured first.
    #[inline]
    pub fn take_in(&mut self, trail: &mut Option<Trail>, a: &Arrival<'_>) -> Option<Conflict> {
        if trail.is_some_and(|t| a.seq.wrapping_sub(t.near) as i32 > LONG_AGO) {
            *trail = None;
        }
        if a.known.is_none_or(|known| !before(a.seq, known)) {
            self.keep(trail, a.seq, a.bytes, a.source);
            return None;
        }
        self.compare(trail, a)
    }

    /// Whether bytes came again whose first copy was written over.
    pub fn left_out(&self) -> bool {
        self.left_out
    }

    fn keep(&mut self, trail: &mut Option<Trail>, seq: u32, bytes: &[u8], source: Source) {
        // An offloaded segment is no larger than this; of what claims to be, the beginning is kept.
        let bytes = &bytes[..bytes.len().min(LANE)];
        if bytes.is_empty() {
            return;
        }
        if self.bytes.is_empty() {
            self.bytes = vec![0; BYTES];
            self.records = vec![Record::default(); RECORDS];
        }
        let mut t = trail.unwrap_or(Trail { last: 0, near: seq, own: 0, lane: None });
        let before = trail.map(|t| t.last);
        let len = bytes.len() as u32;
        let at = if t.own < FEW { self.reserve(bytes.len()) } else { self.in_lane(&mut t, bytes.len()) };
        let start = at as usize % BYTES;
        self.bytes[start..start + bytes.len()].copy_from_slice(bytes);
        let record = Record { before, at, own: t.own, seq, len, source };
        self.records[self.count as usize % RECORDS] = record;
        *trail = Some(Trail { last: self.count, near: seq, own: t.own + u64::from(len), ..t });
        self.count += 1;
    }

    /// Room at the end of the log, all of it in one place.
    fn reserve(&mut self, len: usize) -> u64 {
        let at = self.written as usize % BYTES;
        if at + len > BYTES {
            self.written += (BYTES - at) as u64;
        }
        self.written += len as u64;
        self.written - len as u64
    }

    /// Room in a direction's own part of the log.
    fn in_lane(&mut self, t: &mut Trail, len: usize) -> u64 {
        let lane = match t.lane.filter(|lane| lane + BYTES as u64 >= self.written) {
            Some(lane) => lane,
            None => self.reserve(LANE),
        };
        t.lane = Some(lane);
        let at = t.own as usize % LANE;
        if at + len > LANE {
            t.own += (LANE - at) as u64;
        }
        lane + t.own % LANE as u64
    }

    /// A record, where it has not been written over; whether it was its own direction that did.
    fn record(&self, index: u64, t: &Trail) -> Result<&Record, bool> {
        let record = &self.records[index as usize % RECORDS];
        if index + (RECORDS as u64) < self.count || record.at + (BYTES as u64) < self.written {
            return Err(false);
        }
        if t.lane.is_some() && record.own + (LANE as u64) < t.own { Err(true) } else { Ok(record) }
    }

    /// Holds a segment against the records of its direction, which do not overlap each other.
    #[cold]
    fn compare(&mut self, trail: &mut Option<Trail>, a: &Arrival<'_>) -> Option<Conflict> {
        let all = a.bytes.len();
        let mut parts: Vec<(usize, usize, Record)> = Vec::new();
        let (mut at, mut missing, mut lost) = (trail.map(|t| t.last), all, false);
        for step in 0.. {
            let Some(index) = at.filter(|_| missing > 0) else { break };
            let record = match trail.map_or(Err(true), |t| self.record(index, &t)) {
                Ok(record) if step < LOOK_BACK => record,
                gone => {
                    self.left_out |= a.again && gone == Err(false);
                    lost = true;
                    break;
                }
            };
            at = record.before;
            // Positions of its ends in the segment.
            let begin = i64::from(record.seq.wrapping_sub(a.seq) as i32);
            let end = begin + i64::from(record.len);
            let (from, to) = (begin.clamp(0, all as i64) as usize, end.clamp(0, all as i64) as usize);
            if from < to {
                missing -= to - from;
                parts.push((from, to, *record));
            }
        }
        parts.sort_unstable_by_key(|part| part.0);
        let mut found = None;
        let mut fresh = Vec::new();
        let mut done = 0;
        for (from, to, record) in &parts {
            fresh.push((done, *from));
            let start = (record.at % BYTES as u64) as usize;
            let offset = a.seq.wrapping_add(*from as u32).wrapping_sub(record.seq) as usize;
            let held = &self.bytes[start + offset..start + offset + (to - from)];
            note(&mut found, a.seq.wrapping_add(*from as u32), held, &a.bytes[*from..*to], record.source);
            done = *to;
        }
        fresh.push((done, all));
        for (from, to) in fresh.into_iter().filter(|(from, to)| from < to) {
            // Of what may have been sent before, where the first copy is not known, a later one is not taken for it.
            let is_new = a.known.is_none_or(|known| !before(a.seq.wrapping_add(from as u32), known));
            let split = a.known.map_or(from, |known| (known.wrapping_sub(a.seq) as usize).clamp(from, to));
            let from = if lost && !is_new { split } else { from };
            self.keep(trail, a.seq.wrapping_add(from as u32), &a.bytes[from..to], a.source);
        }
        found.filter(|c: &Conflict| c.differ > 0)
    }
}

/// Adds a comparison to what was found.
fn note(found: &mut Option<Conflict>, number: u32, held: &[u8], new: &[u8], first: Source) {
    let length = new.len() as u32;
    let to = number.wrapping_add(length);
    let nothing = Conflict { from: number, to, compared: 0, differ: 0, at: number, bytes: (0, 0), first };
    let conflict = found.get_or_insert(nothing);
    conflict.to = to;
    conflict.compared += length;
    if held == new {
        return;
    }
    for (i, (was, is)) in held.iter().zip(new).enumerate().filter(|(_, (was, is))| was != is) {
        if conflict.differ == 0 {
            conflict.at = number.wrapping_add(i as u32);
            conflict.bytes = (*was, *is);
            conflict.first = first;
        }
        conflict.differ += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn arrival(seq: u32, bytes: &[u8], known: Option<u32>, packet: u64) -> Arrival<'_> {
        Arrival { seq, bytes, known, again: true, source: Source { packet, time_ns: 0, ttl: 64 } }
    }

    proptest! {
        /// Two directions in one log; what is told of each is what a map of its bytes says.
        #[test]
        fn as_a_map_of_bytes_would_tell_it(
            isn in prop_oneof![Just(0u32), Just(u32::MAX - 100), any::<u32>()],
            steps in proptest::collection::vec((any::<bool>(), 0u32..300, proptest::collection::vec(0u8..3, 1..40)), 1..60),
        ) {
            let mut log = Histories::default();
            let mut trails = [None, None];
            let mut maps: [BTreeMap<u32, (u8, u64)>; 2] = Default::default();
            for (packet, (side, start, bytes)) in steps.iter().enumerate() {
                let (packet, map) = (packet as u64, &mut maps[usize::from(*side)]);
                let known = map.last_key_value().map(|(last, _)| isn.wrapping_add(last + 1));
                let told = log.take_in(
                    &mut trails[usize::from(*side)],
                    &arrival(isn.wrapping_add(*start), bytes, known, packet),
                );
                let (mut compared, mut differ, mut first) = (0, 0, None);
                for (i, byte) in bytes.iter().enumerate() {
                    let (was, by) = *map.entry(start + i as u32).or_insert((*byte, packet));
                    compared += u32::from(by != packet);
                    if was != *byte {
                        differ += 1;
                        first = first.or(Some((isn.wrapping_add(start + i as u32), (was, *byte), by)));
                    }
                }
                let expected = first.map(|first| (compared, differ, first));
                let told = told.map(|c| (c.compared, c.differ, (c.at, c.bytes, c.first.packet)));
                prop_assert_eq!(told, expected);
            }
        }
    }

    #[test]
    fn what_is_written_over_is_not_compared_and_that_is_known() {
        let mut log = Histories::default();
        let mut quiet = None;
        log.take_in(&mut quiet, &arrival(1, b"one", None, 1));
        let chunk = vec![0x55; 15_000];
        for _ in 0..300u32 {
            assert_eq!(log.take_in(&mut None, &arrival(7, &chunk, None, 2)), None);
            assert!(log.bytes.len() == BYTES && log.records.len() == RECORDS);
        }
        assert!(!log.left_out());
        assert_eq!(log.take_in(&mut quiet, &arrival(1, b"two", Some(4), 3)), None);
        assert!(log.left_out());
        assert_eq!(
            log.take_in(&mut quiet, &arrival(1, b"xyz", Some(4), 4)),
            None,
            "the second is not the first"
        );
        assert_eq!(log.take_in(&mut quiet, &arrival(3, b"234", Some(4), 5)), None);
        let conflict =
            log.take_in(&mut quiet, &arrival(3, b"2x4", Some(6), 6)).expect("the new bytes were kept");
        assert_eq!((conflict.at, conflict.first.packet, conflict.compared), (4, 5, 2));
    }

    #[test]
    fn a_long_transfer_keeps_to_its_part() {
        let mut log = Histories::default();
        let mut busy = None;
        let byte = |n: u32| (n / 7 % 251) as u8;
        let mut seq = 0;
        for i in 0..40_000u32 {
            // Sizes that do not divide what they are put into; now and then the latest comes again, with a byte changed.
            let size = 1 + i * 37 % 1_460;
            let bytes: Vec<u8> = (seq..seq + size).map(byte).collect();
            assert_eq!(log.take_in(&mut busy, &arrival(seq, &bytes, Some(seq), i.into())), None);
            seq += size;
            if i % 64 == 0 && seq > 60_000 {
                let from = seq - (LANE as u32 - 3 * 1_460);
                let mut again: Vec<u8> = (from..seq).map(byte).collect();
                assert_eq!(log.take_in(&mut busy, &arrival(from, &again, Some(seq), i.into())), None);
                again[5_000] ^= 0xff;
                let conflict =
                    log.take_in(&mut busy, &arrival(from, &again, Some(seq), i.into())).expect("changed");
                assert_eq!((conflict.differ, conflict.at), (1, from + 5_000));
                assert!(conflict.compared as usize == again.len());
            }
        }
        assert!(seq as usize > 5 * BYTES);
        let early = vec![0xff; 1_000];
        assert_eq!(log.take_in(&mut busy, &arrival(1, &early, Some(seq), 9)), None, "long gone");
        assert!(!log.left_out(), "and not for want of memory");
    }

    #[test]
    fn another_round_is_no_second_copy() {
        let mut log = Histories::default();
        let mut trail = None;
        log.take_in(&mut trail, &arrival(100, b"first", None, 1));
        // All but the first segment were cut down to their headers.
        for i in 0..5u32 {
            let seq = 105u32.wrapping_add(i * 0x3800_0000);
            log.take_in(&mut trail, &arrival(seq, b"", Some(seq), 2));
        }
        assert_eq!(log.take_in(&mut trail, &arrival(100, b"other", Some(105), 3)), None);
    }
}
