//! What IPv4 identifications tell: how many datagrams of a sender did not get here.
//!
//! RFC 6864 section 4 leaves it to the sender how it numbers datagrams that are not fragmented. Many count those of each
//! connection by ones, from a random start; others count all datagrams, or all to one destination, together, and a number
//! skipped by those says nothing.
//!
//! Leaves out: IPv6, which has none, and what follows from a number that is missing ([`super::analysis`]).

use std::collections::HashMap;
use std::hash::RandomState;
use std::net::IpAddr;

/// The IPv4 identifications of a direction: a sender that counts the datagrams of each connection (RFC 6864 leaves it open)
/// tells by a jump how many of them did not get here.
#[derive(Debug, Clone, Copy, Default)]
pub struct Identifications {
    /// The highest so far.
    last: Option<u16>,
    /// How often the next one was the last one plus 1.
    steps: u16,
    /// How often some were skipped, and there was a reason: what carried them may have got lost.
    skips: u16,
    /// The last one counted was of a segment that a card cuts into several datagrams; how many is worked out.
    after_giant: bool,
    /// What other connections of this host have shown; asked where a number is skipped.
    pub host: Host,
    /// How often some were skipped without a reason: it does not count this connection alone, or repeated something that got
    /// lost before it was known to count.
    odd: u16,
    /// A segment was cut into more or fewer datagrams than was worked out: what is skipped cannot be told.
    unsteady: bool,
    /// Its first datagram had the identification 0: a SYN+ACK that belonged to no socket yet, as Linux sends it.
    unborn: bool,
    /// Two datagrams had different ones.
    varies: bool,
    /// Another connection of the same two hosts was held against it.
    compared: bool,
}

/// What is known of how a host numbers its datagrams.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Host {
    /// Nothing.
    #[default]
    Unknown,
    /// One of its connections was counted by ones, for long. In a quiet hour a count of everything looks alike.
    Counts,
    /// Its connections were met at numbers far apart at the same time: each is counted by itself.
    Apart,
}

impl Identifications {
    /// So many steps make a habit.
    const HABIT: u16 = 16;
    /// So many steps are not chance.
    const UPWARD: u16 = 2;
    /// So many steps make it the habit of the host.
    const HOST_HABIT: u16 = 32;
    /// Of so many datagrams at most one is missing, and so many of a connection that has just begun: where more are, others
    /// than this connection's are counted along.
    const STEPS_A_SKIP: u16 = 4;
    const FIRST_SKIPS: u16 = 4;

    /// The highest so far.
    pub fn last(&self) -> u16 {
        self.last.unwrap_or(0)
    }

    /// Whether the latest step made it sure that the host counts each connection by itself.
    pub fn shows_habit(&self) -> bool {
        self.steps == Self::HOST_HABIT && !self.unsteady && self.odd == 0
    }

    /// Whether it gives datagrams different ones: a sender with one identification for all says nothing by it.
    pub fn varies(&self) -> bool {
        self.varies
    }

    /// 0 is not counted but where the count comes to it: it stands in a SYN+ACK that belongs to no socket yet, and in
    /// everything that some senders forbid to fragment.
    fn numbered(&self, id: Option<u16>) -> Option<u16> {
        id.filter(|id| *id != 0 || self.last == Some(u16::MAX))
    }

    /// How often the next one was the last one plus 1.
    pub fn steps(&self) -> u16 {
        self.steps
    }

    /// How many identifications were skipped before this one, whatever that means in this sender.
    pub fn skipped_before(&self, id: Option<u16>) -> Option<u16> {
        let step = self.numbered(id)?.wrapping_sub(self.last?);
        (2..64).contains(&step).then(|| step - 1)
    }

    /// Whether it is not the next one, so that what is known of the host matters.
    pub fn is_doubtful(&self, id: Option<u16>) -> bool {
        let step = self.numbered(id).zip(self.last).map(|(id, last)| id.wrapping_sub(last));
        step.is_some_and(|step| step != 1)
    }

    /// How many datagrams are missing before this one, where the sender counts them one by one.
    pub fn missing_before(&self, id: Option<u16>) -> Option<u16> {
        self.skipped_before(id).filter(|_| self.counts())
    }

    /// Whether the sender counts the datagrams of this connection by ones.
    fn counts(&self) -> bool {
        let known = self.host > Host::Unknown;
        let rarely =
            self.skips <= self.steps / Self::STEPS_A_SKIP + if known { Self::FIRST_SKIPS } else { 0 };
        let habit = self.steps >= Self::HABIT.saturating_mul(self.odd.saturating_add(1));
        !self.unsteady && rarely && (habit || known && self.odd <= 1 + self.steps / Self::HABIT)
    }

    /// Whether the sender is not likely to count other datagrams along. In a quiet hour a count of everything looks alike.
    pub fn counts_alone(&self, stamps: bool) -> bool {
        self.host == Host::Apart || self.unborn || stamps
    }

    /// Whether that is known for sure, or has been seen for long.
    pub fn is_sure(&self) -> bool {
        self.host == Host::Apart || self.unborn || self.steps >= Self::HOST_HABIT && self.odd == 0
    }

    /// Whether this datagram left its sender before another one that was seen: a copy of it, or late. Any count goes up, so few
    /// steps show it, whatever else is counted along.
    pub fn is_late(&self, id: Option<u16>) -> bool {
        let behind = self.numbered(id).zip(self.last).map(|(id, last)| last.wrapping_sub(id));
        !self.unsteady
            && self.odd <= self.steps
            && self.steps >= Self::UPWARD
            && behind.is_some_and(|behind| behind < 64)
    }

    /// Notes the next one. `explained`: there is a reason for a jump: bytes that are missing, or did not come yet, or
    /// acknowledgements that may be; `datagrams`: into how many a card cuts the segment, each with the next identification;
    /// `advances`: it carries bytes beyond all that were seen, so that no datagram before it was late.
    pub fn note(&mut self, id: Option<u16>, explained: bool, datagrams: u16, advances: bool) {
        self.unborn |= id == Some(0) && self.last.is_none();
        let Some(id) = self.numbered(id) else { return };
        self.varies |= self.last.is_some_and(|last| last != id);
        match id.wrapping_sub(self.last.unwrap_or(id)) {
            0 => self.unsteady |= self.after_giant && advances, // else the first, or a copy
            1 => self.steps = self.steps.saturating_add(1),
            0x8000.. => {
                self.unsteady |= self.after_giant && advances; // cut into fewer than was worked out
                return; // a late one
            }
            _ if explained => self.skips = self.skips.saturating_add(1),
            _ if self.after_giant => self.unsteady = true, // cut into more
            _ => self.odd = self.odd.saturating_add(1),
        }
        self.after_giant = datagrams > 1;
        self.last = Some(id.wrapping_add(datagrams - 1));
    }
}

/// Hosts that number the datagrams of each connection apart, and by ones.
#[derive(Debug, Default)]
pub struct Counting {
    hosts: HashMap<IpAddr, Host, RandomState>,
    /// The sender and the receiver: who counts by destination counts these together.
    pairs: HashMap<(IpAddr, IpAddr), Pair, RandomState>,
}

/// What was seen of one sender towards one receiver.
#[derive(Debug, Default)]
struct Pair {
    /// The connection that was heard last, its identification, and when.
    latest: (u64, u16, i64),
    /// The same of the last one before that was another.
    other: Option<(u16, i64)>,
    /// Connections that began far from where the other one was.
    apart: u8,
}

impl Counting {
    /// Hosts, and pairs of hosts, remembered at most.
    const MAX: usize = 4_096;
    /// So many connections must have begun apart from their neighbours.
    const PROOFS: u8 = 4;
    /// No count of all datagrams comes this far
    const FAR: u16 = 256;
    /// in this time, and is then met at two numbers that follow each other.
    const SOON_NS: i64 = 1_000_000_000;

    /// What is known of this host.
    pub fn knows(&self, host: IpAddr) -> Host {
        self.hosts.get(&host).copied().unwrap_or_default()
    }

    /// Learns from a segment that was noted: the sender and the receiver, the connection's number, the time.
    pub fn learn(&mut self, pair: (IpAddr, IpAddr), flow: u64, time_ns: i64, ids: &mut Identifications) {
        let mut known = if ids.shows_habit() { Host::Counts } else { Host::Unknown };
        let early = ids.steps <= Identifications::HABIT && self.knows(pair.0) < Host::Apart;
        if let Some(id) = ids.last.filter(|_| early)
            && (self.pairs.len() < Self::MAX || self.pairs.contains_key(&pair))
        {
            let seen = self
                .pairs
                .entry(pair)
                .or_insert_with(|| Pair { latest: (flow, id, time_ns), ..Pair::default() });
            if seen.latest.0 != flow {
                seen.other = Some((seen.latest.1, seen.latest.2));
            }
            seen.latest = (flow, id, time_ns);
            if let Some((other, when)) = seen.other
                && ids.steps == 1
                && !ids.compared
            {
                ids.compared = true;
                let distance = id.wrapping_sub(other).min(other.wrapping_sub(id));
                let apart = distance > Self::FAR && time_ns - when < Self::SOON_NS;
                seen.apart = if apart { seen.apart.saturating_add(1) } else { 0 };
            }
            if seen.apart >= Self::PROOFS {
                known = Host::Apart;
            }
        }
        if known > self.knows(pair.0) && (self.hosts.len() < Self::MAX || self.hosts.contains_key(&pair.0)) {
            self.hosts.insert(pair.0, known);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAIR: (IpAddr, IpAddr) =
        (IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1)), IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2)));
    const MS: i64 = 1_000_000;

    /// Connections of two datagrams each, one after the other, with these identifications.
    fn learned(ids: &[[u16; 2]], between_ns: i64) -> bool {
        let mut counting = Counting::default();
        for (flow, pair) in ids.iter().enumerate() {
            let mut side = Identifications::default();
            for id in pair {
                side.note(Some(*id), false, 1, true);
                counting.learn(PAIR, flow as u64, flow as i64 * between_ns, &mut side);
            }
        }
        counting.knows(PAIR.0) == Host::Apart
    }

    #[test]
    fn connections_that_begin_apart_are_counted_apart() {
        let apart = [[40865, 40866], [32571, 32572], [511, 512], [20000, 20001], [65000, 65001]];
        assert!(learned(&apart, MS));
        assert!(!learned(&apart[..4], MS), "three neighbours are not enough");
        assert!(!learned(&apart, 2_000 * MS), "in two seconds any count may come far");
    }

    #[test]
    fn one_count_for_all_is_not_taken_for_many() {
        let mut together = Vec::new();
        for n in 0..100u16 {
            together.push([n * 7, n * 7 + 1]);
        }
        assert!(!learned(&together, MS));
        // One neighbour out of the common count takes back what the others seemed to say.
        assert!(!learned(
            &[[1, 2], [900, 901], [1800, 1801], [1810, 1811], [9000, 9001], [20000, 20001]],
            MS
        ));
    }

    #[test]
    fn the_zero_of_a_syn_ack_is_no_number() {
        let mut side = Identifications::default();
        for id in [0, 0x3f2c, 0x3f2d, 0x3f2e] {
            side.note(Some(id), false, 1, true);
        }
        assert_eq!((side.steps(), side.odd), (2, 0));
        assert_eq!(side.skipped_before(Some(0x3f31)), Some(2));
        assert_eq!(side.missing_before(Some(0x3f31)), None, "two steps are no habit");
        side.host = Host::Counts;
        assert_eq!(side.missing_before(Some(0x3f31)), Some(2));
        assert_eq!(side.skipped_before(Some(0)), None);
        let mut side = Identifications::default();
        for id in [u16::MAX - 1, u16::MAX, 0, 1] {
            side.note(Some(id), false, 1, true);
        }
        assert_eq!((side.steps(), side.odd), (3, 0), "a count comes to 0 after 65535");
    }

    #[test]
    fn giants_use_up_as_many_as_they_are_cut_into() {
        let mut side = Identifications { host: Host::Apart, ..Identifications::default() };
        for (id, datagrams) in [(100, 1), (101, 10), (111, 3), (114, 1)] {
            side.note(Some(id), false, datagrams, true);
        }
        assert_eq!((side.steps(), side.odd, side.unsteady), (3, 0, false));
        assert_eq!(side.missing_before(Some(117)), Some(2));
        // Cut into more or fewer than was worked out: nothing can be said of what is skipped.
        for wrong in [118, 122] {
            let mut side = side;
            side.note(Some(115), false, 5, true);
            side.note(Some(wrong), false, 1, true);
            assert!(side.unsteady, "{wrong}");
        }
    }

    #[test]
    fn who_skips_often_counts_more_than_this_connection() {
        let mut side = Identifications::default();
        let mut id = 0;
        for round in 0..40 {
            id += if round % 4 == 3 { 3 } else { 1 };
            side.note(Some(id), true, 1, true);
        }
        assert!(side.steps() > Identifications::HABIT);
        assert_eq!(side.missing_before(Some(id + 2)), None);
        let mut side = Identifications::default();
        for id in (0..20).chain(22..60) {
            side.note(Some(id), true, 1, true);
        }
        assert_eq!(side.missing_before(Some(62)), Some(2));
    }

    #[test]
    fn one_jump_without_a_reason_takes_a_longer_habit() {
        let mut side = Identifications::default();
        for id in [1, 2, 4].into_iter().chain(5..30) {
            side.note(Some(id), false, 1, true);
        }
        assert_eq!(side.missing_before(Some(31)), None);
        for id in 30..40 {
            side.note(Some(id), false, 1, true);
        }
        assert_eq!(side.missing_before(Some(41)), Some(1));
    }

    #[test]
    fn what_was_numbered_before_is_late() {
        let mut side = Identifications::default();
        for id in 1..=20 {
            side.note(Some(id), false, 1, true);
        }
        assert!(side.is_late(Some(20)) && side.is_late(Some(3)) && !side.is_late(Some(21)));
        assert!(!side.is_late(None) && !side.is_late(Some(0)));
    }

    #[test]
    fn one_identification_for_all_says_nothing_and_random_ones_do() {
        let (mut constant, mut random) = (Identifications::default(), Identifications::default());
        for id in [0xdf8e, 0xcc9f, 0x4a9a] {
            constant.note(Some(0x1234), false, 1, true);
            random.note(Some(id), false, 1, true);
        }
        assert!(!constant.varies() && random.varies());
        assert_eq!((constant.steps(), random.steps()), (0, 0));
    }
}
