//! Segments that were damaged on their way: their receivers drop them (RFC 9293 section 3.1), and what comes in their place was
//! sent again.
//!
//! Leaves out: which segments those are (`flow::checksums`), and the label (`analysis`).

use std::collections::VecDeque;
use std::net::IpAddr;

/// A damaged segment, as far as its numbers can be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damaged {
    /// Address and port of its sender.
    pub from: (IpAddr, u16),
    /// Address and port of its receiver.
    pub to: (IpAddr, u16),
    /// Whether it is a SYN.
    pub syn: bool,
    /// Its first sequence number.
    pub seq: u32,
    /// Octets of payload.
    pub len: u32,
    /// Its packet.
    pub packet: u64,
}

/// The latest of them.
#[derive(Debug, Default)]
pub struct DamagedSegments {
    latest: VecDeque<Damaged>,
}

impl DamagedSegments {
    /// Remembered at most.
    const MAX: usize = 64;

    /// Remembers one.
    pub fn note(&mut self, damaged: Damaged) {
        if self.latest.len() == Self::MAX {
            self.latest.pop_front();
        }
        self.latest.push_back(damaged);
    }

    /// The packet that had the numbers of this segment and was damaged, once.
    pub fn take(&mut self, numbers: &Damaged) -> Option<u64> {
        // A SYN has no other beside it, even if its number is what was damaged.
        let is_same = |d: &Damaged| {
            (d.from, d.to, d.len) == (numbers.from, numbers.to, numbers.len)
                && (d.seq == numbers.seq || d.syn && numbers.syn)
        };
        let at = self.latest.iter().position(is_same)?;
        self.latest.remove(at).map(|d| d.packet)
    }
}
