//! Spanning tree: which bridge is the root, and when the tree changes. What repeats is no news.
//!
//! IEEE 802.1D clause 17. Remembers for each sender and port what it said last, at most `MAX_PORTS` of them; beyond
//! them, nothing is told.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::event::{Datum, Event, Kind};
use super::info::PacketInfo;
use crate::protocol::stp::{Bpdu, NOTIFICATION};

/// Ports remembered.
const MAX_PORTS: usize = 4_096;

/// A bridge's number and address, its port, and the capture point.
type Port = (u16, [u8; 6], u16, u32);

/// What each port said last.
#[derive(Debug, Default)]
pub struct Trees {
    said: HashMap<Port, (Bpdu, u64), RandomState>,
}

impl Trees {
    /// Takes in a BPDU.
    pub fn bpdu(&mut self, info: &PacketInfo, bpdu: &Bpdu, events: &mut Vec<Event>) {
        let event = |kind| Event::new(kind, info.number, None);
        if bpdu.kind == NOTIFICATION {
            let Some((sender, _)) = info.macs else { return };
            events.push(
                event(Kind::StpTopologyChange).variant("notification").with("bridge", Datum::Mac(sender)),
            );
            return;
        }
        let (number, address) = bpdu.bridge;
        let key = (number, address, bpdu.port, info.interface);
        let full = self.said.len() >= MAX_PORTS;
        let before = match self.said.get_mut(&key) {
            Some(said) => Some(std::mem::replace(said, (*bpdu, info.number))),
            None if full => return,
            None => self.said.insert(key, (*bpdu, info.number)),
        };
        let told = |event: Event| {
            event
                .with("bridge", Datum::Mac(address))
                .with("root", Datum::Mac(bpdu.root.1))
                .with("priority", Datum::Uint((bpdu.root.0 & 0xf000).into()))
                .with("cost", Datum::Uint(bpdu.cost.into()))
                .with("port", Datum::Text(format!("0x{:04x}", bpdu.port)))
        };
        let is_root = bpdu.root == bpdu.bridge;
        match before {
            None => events.push(told(event(Kind::StpRoot)).variant(if is_root { "self" } else { "" })),
            Some((before, packet)) if before.root != bpdu.root => events.push(
                told(event(Kind::StpRoot))
                    .variant(if is_root { "new-self" } else { "new" })
                    .with("old_root", Datum::Mac(before.root.1))
                    .with("previous", Datum::Uint(packet)),
            ),
            Some(_) => {}
        }
        // The first bit is told when it appears, not in each of the BPDUs that repeat it.
        if bpdu.flags & 1 == 1 && before.is_none_or(|(before, _)| before.flags & 1 == 0) {
            events.push(told(event(Kind::StpTopologyChange)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_is_told_once_and_when_it_changes() {
        let info = PacketInfo {
            number: 1,
            time_ns: 0,
            interface: 0,
            wire_len: 60,
            macs: None,
            addresses: None,
            ttl: 0,
            ip_id: None,
        };
        let itself = (0x8000, [2, 0, 0, 0, 0, 2]);
        let mut bpdu = Bpdu { kind: 0, flags: 0, root: itself, cost: 0, bridge: itself, port: 0x8001 };
        let mut trees = Trees::default();
        let mut told = |bpdu: &Bpdu| {
            let mut events = Vec::new();
            trees.bpdu(&info, bpdu, &mut events);
            events.iter().map(|e| (e.kind, e.variant)).collect::<Vec<_>>()
        };
        assert_eq!(told(&bpdu), [(Kind::StpRoot, "self")]);
        assert_eq!(told(&bpdu), []);
        bpdu.root = (0x8000, [2, 0, 0, 0, 0, 1]);
        bpdu.flags = 1;
        assert_eq!(told(&bpdu), [(Kind::StpRoot, "new"), (Kind::StpTopologyChange, "")]);
        assert_eq!(told(&bpdu), []);
    }
}
