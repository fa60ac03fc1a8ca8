//! VRRP: who is master of a virtual router, and who takes over. A master's repetitions are no news.
//!
//! RFC 9568 section 6 (states: a backup takes over when the master has been silent for three of its intervals, or
//! has given up with priority 0). Remembers at most `MAX_ROUTERS` virtual routers; beyond them, nothing is told.

use std::collections::HashMap;
use std::net::IpAddr;

use foldhash::fast::RandomState;

use super::event::{Datum, Event, Kind};
use super::info::PacketInfo;
use crate::protocol::vrrp::Vrrp;

/// Virtual routers remembered.
const MAX_ROUTERS: usize = 1_024;

/// The latest advertisement.
#[derive(Debug, Clone, Copy)]
struct Master {
    address: IpAddr,
    priority: u8,
    packet: u64,
    time_ns: i64,
}

/// Who spoke last for each virtual router: by its number, the version's family, and the capture point's link.
#[derive(Debug, Default)]
pub struct VirtualRouters {
    masters: HashMap<(u8, bool, u32), Master, RandomState>,
}

impl VirtualRouters {
    /// Takes in an advertisement.
    pub fn advertisement(&mut self, info: &PacketInfo, vrrp: &Vrrp, events: &mut Vec<Event>) {
        let Some((address, _)) = info.addresses else { return };
        let key = (vrrp.id, address.is_ipv6(), info.interface);
        let now = Master { address, priority: vrrp.priority, packet: info.number, time_ns: info.time_ns };
        let full = self.masters.len() >= MAX_ROUTERS;
        let before = match self.masters.get_mut(&key) {
            Some(master) => Some(std::mem::replace(master, now)),
            None if full => return,
            None => self.masters.insert(key, now),
        };
        // The same again is what a master does all the time.
        let same = |before: &Master| before.address == address && before.priority == vrrp.priority;
        if before.as_ref().is_some_and(same) {
            return;
        }
        let event = Event::new(Kind::VrrpAdvertisement, info.number, None)
            .with("router", Datum::Ip(address))
            .with("id", Datum::Uint(vrrp.id.into()))
            .with("priority", Datum::Uint(vrrp.priority.into()));
        let event = match vrrp.address {
            Some(virtual_address) => event.with("address", Datum::Ip(IpAddr::from(virtual_address))),
            None => event,
        };
        events.push(match before {
            _ if vrrp.priority == 0 => event.variant("gives-up"),
            None => event.variant("first"),
            Some(before) => event
                .variant(if before.address == address { "priority" } else { "takeover" })
                .with("old_router", Datum::Ip(before.address))
                .with("old_priority", Datum::Uint(before.priority.into()))
                .with("previous", Datum::Uint(before.packet))
                .with("gap", Datum::Duration(info.time_ns.saturating_sub(before.time_ns))),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_changes_are_news() {
        let mut routers = VirtualRouters::default();
        let mut events = Vec::new();
        let mut say = |number: u64, host: u8, priority: u8| {
            let info = PacketInfo {
                number,
                time_ns: number as i64 * 1_000_000_000,
                interface: 0,
                wire_len: 54,
                macs: None,
                addresses: Some((IpAddr::from([10, 0, 0, host]), IpAddr::from([224, 0, 0, 18]))),
                ttl: 255,
                ip_id: None,
            };
            let vrrp = Vrrp { version: 2, kind: 1, id: 51, priority, interval: 100, address: None };
            events.clear();
            routers.advertisement(&info, &vrrp, &mut events);
            events.first().map(|e| (e.variant, e.get("gap").cloned()))
        };
        assert_eq!(say(1, 11, 110), Some(("first", None)));
        assert_eq!(say(2, 11, 110), None);
        assert_eq!(say(6, 12, 100), Some(("takeover", Some(Datum::Duration(4_000_000_000)))));
        assert_eq!(say(7, 12, 0), Some(("gives-up", None)));
    }
}
