//! IGMP in words: who wants which group, who leaves it, who asks. Nothing is remembered: each message says it all.
//!
//! RFC 2236 section 3, RFC 3376 section 4. A report of version 3 becomes one event a group.

use std::net::{IpAddr, Ipv4Addr};

use super::event::{Datum, Event, Kind};
use super::info::PacketInfo;
use crate::protocol::igmp::{self, Record};
use crate::wire::{Cursor, Off};

/// Group records of one report that are told one by one; a report may have a thousand.
const MAX_TOLD: usize = 16;

/// Takes in a message.
pub fn message(info: &PacketInfo, bytes: &[u8], events: &mut Vec<Event>) {
    let Some((sender, _)) = info.addresses else { return };
    let mut records: Vec<Record> = Vec::new();
    let keep = |record| {
        if records.len() < MAX_TOLD {
            records.push(record);
        }
    };
    let Ok(message) = igmp::dissect(&mut Cursor::new(bytes, 0, bytes.len(), &mut Off), keep) else { return };
    let event = |kind: Kind, group: [u8; 4]| {
        Event::new(kind, info.number, None)
            .with("host", Datum::Ip(sender))
            .with("group", Datum::Ip(IpAddr::from(Ipv4Addr::from(group))))
            .with("version", Datum::Uint(message.version.into()))
    };
    match message.kind {
        igmp::QUERY => {
            let variant = if message.group == [0; 4] { "general" } else { "" };
            let wait = i64::from(message.max_resp) * 100_000_000;
            let event = event(Kind::IgmpQuery, message.group).variant(variant);
            events.push(if wait > 0 { event.with("wait", Datum::Duration(wait)) } else { event });
        }
        igmp::REPORT_V1 | igmp::REPORT_V2 => events.push(event(Kind::IgmpReport, message.group)),
        igmp::LEAVE => events.push(event(Kind::IgmpLeave, message.group)),
        igmp::REPORT_V3 => {
            for record in records {
                let leaves = matches!(record.kind, 1 | 3) && record.sources == 0;
                let told = event(if leaves { Kind::IgmpLeave } else { Kind::IgmpReport }, record.group)
                    .with("sources", Datum::Uint(record.sources.into()));
                events.push(match record.kind {
                    1 | 3 | 5 if !leaves => told.variant("sources"),
                    2 | 4 if record.sources > 0 => told.variant("all-but"),
                    6 => told.variant("blocks"),
                    _ => told,
                });
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_of_version_3_tells_each_group() {
        let info = PacketInfo {
            number: 1,
            time_ns: 0,
            interface: 0,
            wire_len: 60,
            macs: None,
            addresses: Some((IpAddr::from([10, 0, 0, 2]), IpAddr::from([224, 0, 0, 22]))),
            ttl: 1,
            ip_id: None,
        };
        let mut bytes = vec![0x22, 0, 0, 0, 0, 0, 0, 2];
        bytes.extend_from_slice(&[4, 0, 0, 0, 239, 1, 2, 3]); // joins
        bytes.extend_from_slice(&[3, 0, 0, 0, 239, 1, 2, 4]); // leaves
        let mut events = Vec::new();
        message(&info, &bytes, &mut events);
        let kinds: Vec<_> = events.iter().map(|e| e.kind).collect();
        assert_eq!(kinds, [Kind::IgmpReport, Kind::IgmpLeave]);
    }
}
