//! From what the ring holds to a frame as it was on the wire, and as capture files have it.
//!
//! The kernel takes VLAN tags off (packet(7), `PACKET_AUXDATA`); here they are put back, as libpcap does. Where an interface has
//! no link header that everyone knows, the frame begins with one of Linux cooked capture v2 (LINKTYPE_LINUX_SLL2), made from the
//! packet's address. Leaves out: decoding.

use super::ring::Captured;

/// Numbers of the `LINKTYPE_` registry.
const ETHERNET: u16 = 1;
const RAW: u16 = 101;
const IEEE802_11: u16 = 105;
const PRISM: u16 = 119;
const RADIOTAP: u16 = 127;
pub(super) const COOKED: u16 = 276;

/// Both hardware addresses: a VLAN tag stands behind them.
const ADDRESSES: usize = 12;
const COOKED_HEADER: usize = 20;
const TAG: usize = 4;

/// Kinds of packets (`PACKET_`, include/uapi/linux/if_packet.h).
const BROADCAST: u8 = 1;
const MULTICAST: u8 = 2;
const OTHER_HOST: u8 = 3;
pub(super) const OUTGOING: u8 = 4;

/// What frames of an interface of this kind (`ARPHRD_`, include/uapi/linux/if_arp.h) begin with: a link header that is captured
/// as it is, or none that is known ([`COOKED`]).
pub(super) fn link_type(hardware: u16) -> u16 {
    match hardware {
        // Ethernet; loopback, which looks the same.
        1 | 772 => ETHERNET,
        801 => IEEE802_11,
        802 => PRISM,
        803 => RADIOTAP,
        // Raw IP, "no header at all" (tun), tunnels of IP in IP.
        519 | 65534 | 768 | 769 | 776 => RAW,
        _ => COOKED,
    }
}

/// Which way a packet went, as seen from this machine, and for whom it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// Received.
    In(Reception),
    /// Sent.
    Out,
}

/// For whom a packet was that was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reception {
    Unicast,
    Multicast,
    Broadcast,
    /// For another host: seen because everything is looked at.
    Promiscuous,
}

impl Direction {
    fn of(kind: u8) -> Direction {
        match kind {
            OUTGOING => Direction::Out,
            BROADCAST => Direction::In(Reception::Broadcast),
            MULTICAST => Direction::In(Reception::Multicast),
            OTHER_HOST => Direction::In(Reception::Promiscuous),
            _ => Direction::In(Reception::Unicast),
        }
    }

    /// The first bits of pcapng's `epb_flags` (draft-ietf-opsawg-pcapng section 4.3.1).
    pub(super) fn flags(self) -> u32 {
        match self {
            Direction::Out => 2,
            Direction::In(Reception::Unicast) => 1 | 1 << 2,
            Direction::In(Reception::Multicast) => 1 | 2 << 2,
            Direction::In(Reception::Broadcast) => 1 | 3 << 2,
            Direction::In(Reception::Promiscuous) => 1 | 4 << 2,
        }
    }
}

/// A frame in its parts: what comes before, what was not in the ring, what comes after.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts<'a> {
    pub time_ns: i64,
    pub direction: Direction,
    pub wire_len: u32,
    before: &'a [u8],
    made: [u8; COOKED_HEADER + TAG],
    made_len: usize,
    after: &'a [u8],
}

impl<'a> Parts<'a> {
    /// A packet as a frame of this link type, cut to `snaplen` bytes.
    #[inline]
    pub(super) fn new(packet: &Captured<'a>, link_type: u16, snaplen: usize) -> Parts<'a> {
        let mut this = Parts {
            time_ns: packet.time_ns,
            direction: Direction::of(packet.kind),
            wire_len: packet.wire_len,
            before: &[],
            made: [0; COOKED_HEADER + TAG],
            made_len: 0,
            after: packet.bytes,
        };
        if link_type == COOKED {
            this.cook(packet);
        } else if let (ETHERNET, Some((tag_type, tag)), true) =
            (link_type, packet.vlan, packet.bytes.len() >= ADDRESSES)
        {
            (this.before, this.after) = packet.bytes.split_at(ADDRESSES);
            this.made[..2].copy_from_slice(&tag_type.to_be_bytes());
            this.made[2..4].copy_from_slice(&tag.to_be_bytes());
            this.made_len = TAG;
        }
        this.wire_len = this.wire_len.saturating_add(this.made_len as u32);
        this.cut(snaplen);
        this
    }

    fn cook(&mut self, packet: &Captured<'a>) {
        let protocol = packet.vlan.map_or(packet.protocol, |(tag_type, _)| tag_type);
        let (address, length) = packet.address;
        let made = &mut self.made;
        made[..2].copy_from_slice(&protocol.to_be_bytes());
        made[4..8].copy_from_slice(&packet.interface.to_be_bytes());
        made[8..10].copy_from_slice(&packet.hardware.to_be_bytes());
        made[10] = packet.kind;
        made[11] = length;
        made[12..20].copy_from_slice(&address);
        self.made_len = COOKED_HEADER;
        if let Some((_, tag)) = packet.vlan {
            made[20..22].copy_from_slice(&tag.to_be_bytes());
            made[22..24].copy_from_slice(&packet.protocol.to_be_bytes());
            self.made_len += TAG;
        }
    }

    fn cut(&mut self, snaplen: usize) {
        self.before = &self.before[..self.before.len().min(snaplen)];
        let left = snaplen - self.before.len();
        self.made_len = self.made_len.min(left);
        self.after = &self.after[..self.after.len().min(left - self.made_len)];
    }

    /// Bytes of it that are kept.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.before.len() + self.made_len + self.after.len()
    }

    /// Appends them.
    #[inline]
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.before);
        out.extend_from_slice(&self.made[..self.made_len]);
        out.extend_from_slice(self.after);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet<'a>(bytes: &'a [u8], vlan: Option<(u16, u16)>) -> Captured<'a> {
        Captured {
            time_ns: 5,
            wire_len: bytes.len() as u32,
            vlan,
            protocol: 0x0800,
            interface: 3,
            hardware: 772,
            kind: 0,
            address: ([2, 0, 0, 0, 0, 9, 0, 0], 6),
            bytes,
        }
    }

    fn bytes(parts: &Parts<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        parts.put(&mut out);
        assert_eq!(out.len(), parts.len());
        out
    }

    #[test]
    fn a_tag_goes_back_behind_the_addresses() {
        let frame: Vec<u8> = (0..20).collect();
        let one = packet(&frame, Some((0x8100, 0x6007)));
        let parts = Parts::new(&one, ETHERNET, 100);
        let mut wanted: Vec<u8> = (0..12).collect();
        wanted.extend([0x81, 0x00, 0x60, 0x07]);
        wanted.extend(12..20);
        assert_eq!((bytes(&parts), parts.wire_len), (wanted.clone(), 24));
        for snaplen in 0..=24 {
            assert_eq!(bytes(&Parts::new(&one, ETHERNET, snaplen)), &wanted[..snaplen]);
        }
        assert_eq!(bytes(&Parts::new(&packet(&frame, None), ETHERNET, 100)), frame);
        // A frame that ends within its addresses has no place for a tag.
        assert_eq!(bytes(&Parts::new(&packet(&frame[..7], Some((0x8100, 7))), ETHERNET, 100)), &frame[..7]);
    }

    #[test]
    fn cooked_frames_begin_with_what_is_known_of_the_link() {
        let plain = Parts::new(&packet(&[0x45, 0], None), COOKED, 100);
        let head = [8, 0, 0, 0, 0, 0, 0, 3, 3, 4, 0, 6, 2, 0, 0, 0, 0, 9, 0, 0];
        assert_eq!(
            (&bytes(&plain)[..20], &bytes(&plain)[20..], plain.wire_len),
            (&head[..], &[0x45, 0][..], 22)
        );
        let tagged = bytes(&Parts::new(&packet(&[0x45, 0], Some((0x8100, 7))), COOKED, 100));
        assert_eq!((&tagged[..2], &tagged[20..]), (&[0x81, 0][..], &[0, 7, 8, 0, 0x45, 0][..]));
    }
}
