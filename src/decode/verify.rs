//! Checks the checksum of a layer: finds the bytes, the ends and the length it was computed over.
//!
//! RFC 1071 and those named in `protocol::checksum`, which does the sums; RFC 8200 section 8.1 and RFC 791 section
//! 3.1 (a source route changes which destination the sum was computed with).
//! Leaves out: quoted packets, which are cut, and whose headers routers have changed.

use super::fast::{Header, Layer, Packet};
use crate::capture::Frame;
use crate::protocol::checksum::{self, Checksum, Ends};
use crate::protocol::{Protocol, ipv6};
use crate::wire::{Cursor, Off};

/// The ends of an IP layer, as the pseudo header needs them.
pub fn ends(ip: &Layer<'_>) -> Option<Ends> {
    match &ip.header {
        Header::Ipv4(h) => Some(Ends::V4(h.source(), h.destination())),
        Header::Ipv6(h) => Some(Ends::V6(h.source(), h.destination())),
        _ => None,
    }
}

/// Checks the checksum of the layer with this index; `None` where its protocol has none, or it is part of a
/// quoted packet.
pub fn verify(frame: &Frame<'_>, packet: &Packet<'_>, index: usize) -> Option<Checksum> {
    let layer = packet.layers.get(index).filter(|l| !l.quoted)?;
    let number = match &layer.header {
        Header::Ipv4(h) => return Some(checksum::ipv4_header(h.slice())),
        Header::Icmp(_) => 1,
        Header::Tcp(_) => 6,
        Header::Udp(_) => 17,
        Header::Icmpv6(_) => 58,
        _ => match layer.protocol {
            Protocol::Igmp => 2,
            Protocol::Vrrp => 112,
            _ => return None,
        },
    };
    let ip = &packet.layers[index.checked_sub(1)?];
    let (claimed_end, changed) = match &ip.header {
        Header::Ipv4(h) => {
            let total = usize::from(h.total_len());
            let changed = h.is_fragmenting_payload() || is_source_routed(h.options());
            ((total > 0).then_some(ip.start + total), changed)
        }
        Header::Ipv6(h) => {
            let fixed_end = ip.start + ipv6::HEADER;
            let length = usize::from(h.payload_length());
            let mut changed = false;
            if ip.header_end > fixed_end {
                let mut off = Off;
                let mut c = Cursor::new(frame.bytes, fixed_end, ip.header_end, &mut off);
                let chain = ipv6::extensions(&mut c, h.next_header().0, true);
                changed = chain.fragment.is_some() || chain.ends_differ;
            }
            ((length > 0).then_some(fixed_end + length), changed)
        }
        _ => return Some(Checksum::Unverifiable),
    };
    if changed {
        return Some(Checksum::Unverifiable);
    }
    let missing = (frame.wire_len as usize).saturating_sub(frame.bytes.len());
    let length = claimed_end.unwrap_or(ip.end + missing).saturating_sub(layer.start);
    let segment = frame.bytes.get(layer.start..ip.end)?;
    Some(checksum::transport(ends(ip)?, number, segment, length))
}

/// Whether a source route has hops left, so that the header's destination is not the final one.
fn is_source_routed(mut options: &[u8]) -> bool {
    while let [kind, rest @ ..] = options {
        options = match (kind, rest) {
            (0, _) => return false,
            (1, _) => rest,
            (131 | 137, [length, pointer, ..]) if pointer <= length => return true,
            (_, [length, ..]) if *length >= 2 => options.get(usize::from(*length)..).unwrap_or(&[]),
            _ => return false,
        };
    }
    false
}
