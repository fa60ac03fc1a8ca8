//! Segments that were damaged on their way: their receivers drop them (RFC 9293 section 3.1), and what comes in their place was
//! sent again.
//!
//! Leaves out: which segments those are (`flow::checksums`), and the label (`analysis`).

use std::collections::VecDeque;
use std::net::IpAddr;

use super::sequence::not_after;

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

/// Damaged segments one after another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// First sequence number.
    pub start: u32,
    /// Packet of the first.
    pub packet: u64,
}

impl Run {
    /// The packet, where the segments carried all from this number on.
    pub fn carried_from(self, number: u32) -> Option<u64> {
        not_after(self.start, number).then_some(self.packet)
    }
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

    /// What damaged segments from one end to another carried directly before a number.
    pub fn run_before(&self, from: (IpAddr, u16), to: (IpAddr, u16), number: u32) -> Option<Run> {
        let mut run = None;
        let mut end = number;
        // Each is taken once at most: those that go round the circle end somewhere.
        for _ in 0..self.latest.len() {
            let ends_here =
                |d: &&Damaged| (d.from, d.to) == (from, to) && d.len > 0 && d.seq.wrapping_add(d.len) == end;
            let Some(d) = self.latest.iter().rev().find(ends_here) else { break };
            end = d.seq;
            run = Some(Run { start: d.seq, packet: d.packet });
        }
        run
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.latest.is_empty()
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
