//! What IPv4 identifications tell: how many datagrams of a sender did not get here.
//!
//! RFC 6864 section 4 leaves it to the sender how it numbers datagrams that are not fragmented. Many count those of each
//! connection by ones, from a random start; others count all datagrams, or all to one destination, together, and a number
//! skipped by those says nothing.
//!
//! Leaves out: IPv6, which has none, and what follows from a number that is missing ([`super::analysis`]).

use std::collections::{HashMap, HashSet};
use std::hash::RandomState;
use std::net::IpAddr;

/// The IPv4 identifications of a direction: a sender that counts the datagrams of each connection (RFC 6864 leaves it open)
/// tells by a jump how many of them did not get here.
#[derive(Debug, Clone, Copy, Default)]
pub struct Identifications {
    /// The highest so far.
    last: Option<u16>,
    /// How often the next one was the last one plus 1, without exception.
    steps: u16,
    /// Other connections of this host have shown that it counts; asked where a number is skipped.
    pub host_counts: bool,
    /// It does not count this connection alone after all: an identification was skipped without a reason, or segments larger
    /// than a datagram are cut by a card that uses up identifications of its own.
    unsteady: bool,
    /// Two datagrams had different ones.
    varies: bool,
    /// Another connection of the same two hosts was held against it.
    compared: bool,
}

impl Identifications {
    /// So many steps make a habit.
    const HABIT: u16 = 16;
    /// So many steps make it the habit of the host.
    const HOST_HABIT: u16 = 32;

    /// The highest so far.
    pub fn last(&self) -> u16 {
        self.last.unwrap_or(0)
    }

    /// Whether the latest step made it sure that the host counts each connection by itself.
    pub fn shows_habit(&self) -> bool {
        self.steps == Self::HOST_HABIT && !self.unsteady
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

    /// How many datagrams are missing before this one, where the sender counts them one by one.
    pub fn missing_before(&self, id: Option<u16>) -> Option<u16> {
        let counts = !self.unsteady && (self.host_counts || self.steps >= Self::HABIT);
        self.skipped_before(id).filter(|_| counts)
    }

    /// Notes the next one. `gap`: a jump is explained by bytes that are missing, or did not come yet; `giant`: the segment is
    /// larger than one datagram.
    pub fn note(&mut self, id: Option<u16>, gap: bool, giant: bool) {
        self.unsteady |= giant;
        let Some(id) = self.numbered(id) else { return };
        self.varies |= self.last.is_some_and(|last| last != id);
        match id.wrapping_sub(self.last.unwrap_or(id)) {
            0 => {} // the first, or a copy
            1 => self.steps = self.steps.saturating_add(1),
            0x8000.. => return, // a late one
            _ if gap => {}
            _ => self.unsteady = true,
        }
        self.last = Some(id);
    }
}

/// Hosts that number the datagrams of each connection apart, and by ones.
#[derive(Debug, Default)]
pub struct Counting {
    hosts: HashSet<IpAddr, RandomState>,
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

    /// Whether it is known of this host.
    pub fn knows(&self, host: IpAddr) -> bool {
        self.hosts.contains(&host)
    }

    /// Learns from a segment that was noted: the sender and the receiver, the connection's number, the time.
    pub fn learn(&mut self, pair: (IpAddr, IpAddr), flow: u64, time_ns: i64, ids: &mut Identifications) {
        let mut known = ids.shows_habit();
        let early = ids.steps <= Identifications::HABIT && !self.knows(pair.0);
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
            known |= seen.apart >= Self::PROOFS;
        }
        if known && self.hosts.len() < Self::MAX {
            self.hosts.insert(pair.0);
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
                side.note(Some(*id), false, false);
                counting.learn(PAIR, flow as u64, flow as i64 * between_ns, &mut side);
            }
        }
        counting.knows(PAIR.0)
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
            side.note(Some(id), false, false);
        }
        assert_eq!((side.steps(), side.unsteady), (2, false));
        assert_eq!(side.skipped_before(Some(0x3f31)), Some(2));
        assert_eq!(side.missing_before(Some(0x3f31)), None, "two steps are no habit");
        side.host_counts = true;
        assert_eq!(side.missing_before(Some(0x3f31)), Some(2));
        assert_eq!(side.skipped_before(Some(0)), None);
        let mut side = Identifications::default();
        for id in [u16::MAX - 1, u16::MAX, 0, 1] {
            side.note(Some(id), false, false);
        }
        assert_eq!((side.steps(), side.unsteady), (3, false), "a count comes to 0 after 65535");
    }
    #[test]
    fn one_identification_for_all_says_nothing_and_random_ones_do() {
        let (mut constant, mut random) = (Identifications::default(), Identifications::default());
        for id in [0xdf8e, 0xcc9f, 0x4a9a] {
            constant.note(Some(0x1234), false, false);
            random.note(Some(id), false, false);
        }
        assert!(!constant.varies() && random.varies());
        assert_eq!((constant.steps(), random.steps()), (0, 0));
    }
}
