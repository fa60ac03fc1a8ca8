//! IP datagrams that were sent in several pieces, put together by etherparse's defragmentation buffer.
//!
//! RFC 791 section 3.2 (IPv4), RFC 8200 section 4.5 (IPv6). Bounded: [`MAX_DATAGRAMS`] at once, each for
//! [`TIMEOUT_NS`] of capture time (RFC 8200 gives 60 s, RFC 1122 section 3.3.2 60 to 120 s).

use std::collections::HashMap;
use std::net::IpAddr;

use etherparse::defrag::IpDefragBuf;
use etherparse::{IpFragOffset, IpNumber};
use foldhash::fast::RandomState;

use super::event::{Datum, Event, Kind};
use super::info::PacketInfo;
use crate::decode::Fragment;

/// Datagrams that are put together at once.
pub const MAX_DATAGRAMS: usize = 256;
/// How long a datagram may wait for its last piece.
pub const TIMEOUT_NS: i64 = 60_000_000_000;

type Key = (IpAddr, IpAddr, u32, u8);

struct Pending {
    buffer: IpDefragBuf,
    packets: Vec<u64>,
    since_ns: i64,
}

/// Datagrams that wait for pieces.
#[derive(Default)]
pub struct Fragments {
    pending: HashMap<Key, Pending, RandomState>,
}

impl std::fmt::Debug for Fragments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Fragments({} datagrams)", self.pending.len())
    }
}

impl Fragments {
    /// Takes in a piece; the datagram's protocol and payload if it was the last one missing.
    pub fn add(
        &mut self,
        info: &PacketInfo,
        fragment: &Fragment<'_>,
        events: &mut Vec<Event>,
    ) -> Option<(u8, Vec<u8>)> {
        let (src, dst) = info.addresses?;
        let key = (src, dst, fragment.id, fragment.protocol);
        self.pending.retain(|_, p| info.time_ns - p.since_ns <= TIMEOUT_NS);
        if self.pending.len() >= MAX_DATAGRAMS && !self.pending.contains_key(&key) {
            let oldest = self.pending.iter().min_by_key(|(_, p)| p.since_ns).map(|(k, _)| *k)?;
            self.pending.remove(&oldest);
        }
        let entry = self.pending.entry(key).or_insert_with(|| Pending {
            buffer: IpDefragBuf::new(IpNumber(fragment.protocol), Vec::new(), Vec::new()),
            packets: Vec::new(),
            since_ns: info.time_ns,
        });
        let offset = IpFragOffset::try_new(u16::try_from(fragment.offset / 8).ok()?).ok()?;
        // A piece that contradicts the others (beyond the end, or of a wrong length) changes nothing.
        let _ = entry.buffer.add(offset, fragment.more, fragment.bytes);
        entry.packets.push(info.number);
        let name = |e: Event| {
            e.with("id", Datum::Uint(fragment.id.into()))
                .with("src", Datum::Ip(src))
                .with("dst", Datum::Ip(dst))
                .with("protocol", Datum::Uint(fragment.protocol.into()))
        };
        let variant = match (fragment.offset, fragment.more) {
            (0, _) => "first",
            (_, false) => "last",
            _ => "",
        };
        events.push(
            name(Event::new(Kind::IpFragment, info.number, None))
                .variant(variant)
                .with("offset", Datum::Uint(fragment.offset.into()))
                .with("len", Datum::Uint(fragment.bytes.len() as u64))
                .with("more", Datum::Flag(fragment.more))
                .with("number", Datum::Uint(entry.packets.len() as u64)),
        );
        if !entry.buffer.is_complete() {
            return None;
        }
        let done = self.pending.remove(&key)?;
        let (payload, _) = done.buffer.take_bufs();
        events.push(
            name(Event::new(Kind::IpReassembled, info.number, None))
                .with("len", Datum::Uint(payload.len() as u64))
                .with("fragments", Datum::Uint(done.packets.len() as u64))
                .with("packets", Datum::Frames(done.packets)),
        );
        Some((fragment.protocol, payload))
    }
}
