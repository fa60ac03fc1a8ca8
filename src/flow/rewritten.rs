//! Sums that are wrong because addresses were changed after they were computed, told from damage.
//!
//! RFC 9293 section 3.1, RFC 768, RFC 8200 section 8.1: the sum of a segment counts in the addresses (pseudo header). RFC 1071
//! section 2: one's complement sums, so that another address adds the same number to each of them. RFC 3022 section 4.2: who
//! changes addresses must mend the sum.
//!
//! Damage hits each segment in another way. Two segments of the same host to the same other whose sums are wrong by the same number were
//! damaged in nothing but what both have in common: the addresses (or ports), as where a capture was made anonymous. And sums that follow the
//! segments' lengths and not their bytes hold no bytes at all: they were left to the card, for other addresses than these.
//! One bit that was turned is wrong by a power of two, of which there are few: three in a row are asked for then. And a right sum between them
//! shows that the addresses are those the sums were made with. Where IPv4's own sum is wrong by the same number as that of the segment inside, one
//! packet shows it: addresses are what both sums have in common. IPv4's alone also counts the TTL and more.
//! Leaves out: other sums without a pseudo header (ICMP, IGMP).

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::protocol::Protocol;
use crate::protocol::checksum::Ends;

/// Pairs of hosts remembered.
const MOST: usize = 4096;

/// What shows that addresses were changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rewritten {
    /// It was shown before.
    Known,
    /// IPv4's sum and that of the segment inside are wrong by the same number.
    Both,
    /// This segment and the one of the packet `first` are wrong by the same number.
    Alike {
        /// The earlier packet.
        first: u64,
    },
    /// The sums of this segment and of the one of the packet `first` differ as their lengths do, though not as their bytes do.
    Lengths {
        /// The earlier packet.
        first: u64,
    },
}

/// A segment with a wrong sum.
#[derive(Debug, Clone, Copy)]
pub struct Wrong {
    /// Number of its packet.
    pub packet: u64,
    /// What its bytes give.
    pub expected: u16,
    /// What it says.
    pub found: u16,
    /// Bytes summed, without the pseudo header.
    pub length: usize,
}

/// Wrong sums in a row that are asked for, where one turned bit would explain each.
const IN_A_ROW: u8 = 3;

/// Numbers of one's complement, where 0 and 65,535 are the same.
const MODULUS: u32 = 65_535;

impl Wrong {
    /// By how much the sum is wrong.
    pub fn difference(self) -> u32 {
        (u32::from(self.expected) + MODULUS - u32::from(self.found)) % MODULUS
    }

    /// What is left of a sum that was never complemented when the length is taken out.
    fn rest(self) -> u32 {
        let length = (self.length % MODULUS as usize) as u32;
        (u32::from(self.found) + MODULUS - length) % MODULUS
    }
}

/// Whether one bit of a segment, turned, makes its sum wrong by this.
fn is_one_bit(difference: u32) -> bool {
    difference.is_power_of_two() || (MODULUS - difference).is_power_of_two()
}

#[derive(Debug)]
struct Pair {
    last: Wrong,
    /// How many with the same difference, in a row.
    alike: u8,
    difference: Option<u32>,
    rest: Option<u32>,
}

/// Remembers, of each direction between two hosts, how sums were wrong.
#[derive(Debug, Default)]
pub struct Pairs {
    pairs: HashMap<(Ends, Protocol), Pair, RandomState>,
}

impl Pairs {
    /// Whether there is anything that a right sum would break.
    pub fn is_any(&self) -> bool {
        !self.pairs.is_empty()
    }

    /// A right sum came from one host to the other.
    pub fn right(&mut self, ends: Ends, protocol: Protocol) {
        self.pairs.remove(&(ends, protocol));
    }

    /// IPv4's sum and that of the segment inside are wrong by the same number.
    pub fn both(&mut self, ends: Ends, protocol: Protocol, header: Wrong, inside: Wrong) -> Rewritten {
        let (mut known, difference) = (true, Some(inside.difference()));
        for (summed, wrong) in [(Protocol::Ipv4, header), (protocol, inside)] {
            if let Some(pair) = self.pairs.get_mut(&(ends, summed)) {
                known &= pair.difference == difference;
                pair.difference = difference;
            } else {
                known = false;
                if self.pairs.len() < MOST {
                    self.pairs.insert((ends, summed), Pair { last: wrong, alike: 1, difference, rest: None });
                }
            }
        }
        if known { Rewritten::Known } else { Rewritten::Both }
    }

    /// Whether a wrong sum comes from changed addresses.
    pub fn look(&mut self, ends: Ends, protocol: Protocol, wrong: Wrong) -> Option<Rewritten> {
        let key = (ends, protocol);
        let Some(pair) = self.pairs.get_mut(&key) else {
            if self.pairs.len() < MOST {
                self.pairs.insert(key, Pair { last: wrong, alike: 1, difference: None, rest: None });
            }
            return None;
        };
        if pair.difference == Some(wrong.difference()) || pair.rest == Some(wrong.rest()) {
            return Some(Rewritten::Known);
        }
        let last = std::mem::replace(&mut pair.last, wrong);
        let first = last.packet;
        // A copy of the same segment shows nothing.
        if last.expected == wrong.expected {
            return None;
        }
        if last.difference() == wrong.difference() {
            pair.alike = pair.alike.saturating_add(1);
            if pair.alike < IN_A_ROW && is_one_bit(wrong.difference()) {
                return None;
            }
            pair.difference = Some(wrong.difference());
            return Some(Rewritten::Alike { first });
        }
        pair.alike = 1;
        if protocol != Protocol::Ipv4 && last.length != wrong.length && last.rest() == wrong.rest() {
            pair.rest = Some(wrong.rest());
            return Some(Rewritten::Lengths { first });
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::checksum::{Checksum, transport};
    use etherparse::PacketBuilder;

    use Protocol::Tcp;

    /// Between whom segments seem to travel.
    const SEEN: Ends = Ends::V4([192, 0, 2, 1], [192, 0, 2, 2]);

    /// A segment whose sum was computed for 10.0.0.1 and 10.0.0.2.
    fn segment(payload: &[u8]) -> Vec<u8> {
        let builder = PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64).tcp(1000, 80, 7, 1024);
        let mut bytes = Vec::new();
        builder.write(&mut bytes, payload).unwrap();
        bytes.split_off(20)
    }

    fn wrong(packet: u64, segment: &[u8]) -> Wrong {
        match transport(SEEN, 6, segment, segment.len()) {
            Checksum::Bad { expected, found, length } => Wrong { packet, expected, found, length },
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn other_addresses_make_every_sum_wrong_by_the_same_number() {
        let mut pairs = Pairs::default();
        assert_eq!(pairs.look(SEEN, Tcp, wrong(1, &segment(b"one"))), None);
        assert_eq!(pairs.look(SEEN, Tcp, wrong(2, &segment(b"one"))), None, "a copy shows nothing");
        let told = pairs.look(SEEN, Tcp, wrong(3, &segment(b"another")));
        assert_eq!(told, Some(Rewritten::Alike { first: 2 }));
        assert_eq!(pairs.look(SEEN, Tcp, wrong(4, &segment(b""))), Some(Rewritten::Known));
        let mut damaged = segment(b"another");
        damaged[22] ^= 0x10;
        assert_eq!(pairs.look(SEEN, Tcp, wrong(5, &damaged)), None, "damage is damage there, too");
    }

    #[test]
    fn one_packet_is_enough_where_both_its_sums_show_it() {
        let mut pairs = Pairs::default();
        let inside = wrong(1, &segment(b"one"));
        let header = Wrong { expected: inside.expected ^ 0x1234, found: inside.found ^ 0x1234, ..inside };
        assert_eq!(pairs.both(SEEN, Tcp, header, inside), Rewritten::Both);
        assert_eq!(pairs.both(SEEN, Tcp, header, inside), Rewritten::Known);
        assert_eq!(pairs.look(SEEN, Tcp, wrong(2, &segment(b"two"))), Some(Rewritten::Known));
    }

    #[test]
    fn sums_that_follow_the_lengths_were_left_to_the_card() {
        // The pseudo header of 10.0.0.1 and 10.0.0.2: 0a00 + 0001 + 0a00 + 0002 + 6, and the length.
        let left = |payload: &[u8]| {
            let mut bytes = segment(payload);
            let sum = 0x0a00 + 0x0001 + 0x0a00 + 0x0002 + 6 + bytes.len() as u16;
            bytes[16..18].copy_from_slice(&sum.to_be_bytes());
            bytes
        };
        let mut pairs = Pairs::default();
        assert_eq!(pairs.look(SEEN, Tcp, wrong(1, &left(b"one"))), None);
        assert_eq!(
            pairs.look(SEEN, Tcp, wrong(2, &left(b"two"))),
            None,
            "of the same length: any constant would do it"
        );
        assert_eq!(pairs.look(SEEN, Tcp, wrong(3, &left(b"longer"))), Some(Rewritten::Lengths { first: 2 }));
        assert_eq!(pairs.look(SEEN, Tcp, wrong(4, &left(b"4"))), Some(Rewritten::Known));
    }

    /// A segment whose sum was right until this bit of its payload was turned.
    fn damaged(packet: u64, at: usize, bit: u8) -> Wrong {
        let mut bytes = segment(&[packet as u8; 40]);
        bytes[20 + at] ^= 1 << bit;
        match transport(Ends::V4([10, 0, 0, 1], [10, 0, 0, 2]), 6, &bytes, bytes.len()) {
            Checksum::Bad { expected, found, length } => Wrong { packet, expected, found, length },
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_same_bit_twice_is_no_pattern_and_a_right_sum_breaks_one() {
        let mut pairs = Pairs::default();
        assert_eq!(pairs.look(SEEN, Tcp, damaged(1, 3, 5)), None);
        assert_eq!(pairs.look(SEEN, Tcp, damaged(3, 5, 5)), None, "it can happen");
        pairs.right(SEEN, Tcp);
        assert_eq!(pairs.look(SEEN, Tcp, damaged(9, 7, 5)), None);
        assert_eq!(pairs.look(SEEN, Tcp, damaged(11, 9, 5)), None);
        assert_eq!(pairs.look(SEEN, Tcp, damaged(13, 9, 5)), Some(Rewritten::Alike { first: 11 }));
    }
}
