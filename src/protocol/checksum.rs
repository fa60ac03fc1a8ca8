//! Whether a checksum is right, wrong, or was never computed.
//!
//! RFC 1071 (the internet checksum), RFC 791 section 3.1 (IPv4 header), RFC 9293 section 3.1 (TCP and its pseudo
//! header), RFC 768 (UDP; zero means none), RFC 8200 section 8.1 (pseudo header of IPv6), RFC 792, RFC 4443 section 2.3,
//! RFC 3376 section 4.1.2 (IGMP), RFC 9568 section 5.2.8 (VRRP).
//! The sums themselves are etherparse's. Leaves out: SCTP's and Ethernet's checks, which are of another kind.
//!
//! A packet captured on the machine that sent it often carries no checksum yet. Linux marks such a packet
//! CHECKSUM_PARTIAL: the kernel stores the sum over the pseudo header alone, folded to 16 bits but *not*
//! complemented, and the network card adds the rest of the segment and complements when the packet leaves
//! (include/linux/skbuff.h, "Checksumming on output"). A checksum field that equals exactly that sum is
//! therefore no damage: a damaged one would hit it once in 65,536 times. It proves, besides, that the capture
//! was taken on the sending machine.

use std::net::IpAddr;

use etherparse::checksum::Sum16BitWords;

/// What a checksum turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checksum {
    /// It is that of the bytes.
    Good,
    /// It is not.
    Bad {
        /// What the bytes give.
        expected: u16,
        /// What the packet says.
        found: u16,
        /// Bytes it is over, without the pseudo header.
        length: usize,
    },
    /// Left to the network card: the field holds the pseudo header's sum (IPv4 header: zero).
    Offloaded,
    /// The sender computed none, as UDP over IPv4 may.
    Absent,
    /// The bytes are not all here: cut by the capture, a fragment, or of unknown length.
    Unverifiable,
}

impl Checksum {
    /// Whether the bytes contradict it.
    pub fn is_bad(self) -> bool {
        matches!(self, Checksum::Bad { .. })
    }
}

/// Between which addresses a segment travels: what the pseudo header is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ends {
    /// IPv4 source and destination.
    V4([u8; 4], [u8; 4]),
    /// IPv6 source and destination.
    V6([u8; 16], [u8; 16]),
}

impl Ends {
    /// Source and destination.
    pub fn addresses(self) -> (IpAddr, IpAddr) {
        match self {
            Ends::V4(src, dst) => (src.into(), dst.into()),
            Ends::V6(src, dst) => (src.into(), dst.into()),
        }
    }

    /// Sum over the pseudo header.
    fn sum(self, protocol: u8, length: usize) -> Sum16BitWords {
        let length = (length as u32).to_be_bytes();
        match self {
            Ends::V4(src, dst) => Sum16BitWords::new().add_4bytes(src).add_4bytes(dst),
            Ends::V6(src, dst) => Sum16BitWords::new().add_16bytes(src).add_16bytes(dst),
        }
        .add_2bytes([0, protocol])
        .add_4bytes(length)
    }
}

const ICMP: u8 = 1;
const IGMP: u8 = 2;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;
const VRRP: u8 = 112;

/// Checks the header of an IPv4 packet; `header` is the whole of it, options included.
pub fn ipv4_header(header: &[u8]) -> Checksum {
    let Some(found) = field(header, 10) else { return Checksum::Unverifiable };
    if fold(&Sum16BitWords::new().add_slice(header)) == 0 {
        return Checksum::Good;
    }
    if found == 0 {
        // Cards that fill in the header's checksum find zero there; a computed one is zero only where all
        // other words add up to 0xffff, and then it would have been found good.
        return Checksum::Offloaded;
    }
    let expected = expected(Sum16BitWords::new().add_slice(header), found);
    Checksum::Bad { expected, found, length: header.len() }
}

/// Whether the bytes alone add up to nothing: a sum without pseudo header is right.
fn is_zero(segment: &[u8], length: usize) -> bool {
    segment.get(..length).is_some_and(|whole| fold(&Sum16BitWords::new().add_slice(whole)) == 0)
}

/// Checks a TCP, UDP, ICMP, ICMPv6, IGMP or VRRP message: `segment` is what was captured of it, `length` what it had on
/// the wire by IP's account. Protocols without such a checksum are [`Checksum::Unverifiable`].
pub fn transport(ends: Ends, protocol: u8, segment: &[u8], length: usize) -> Checksum {
    let at = match protocol {
        TCP => 16,
        UDP => 6,
        ICMP | IGMP | ICMPV6 => 2,
        VRRP => 6,
        _ => return Checksum::Unverifiable,
    };
    let Some(found) = field(segment, at) else { return Checksum::Unverifiable };
    // UDP has a length of its own, which may leave out the end of what IP carries; zero: a jumbogram.
    let length = match (protocol, field(segment, 4)) {
        (UDP, Some(own)) if own > 0 => usize::from(own),
        _ => length,
    };
    if protocol == UDP && found == 0 && matches!(ends, Ends::V4(..)) {
        return Checksum::Absent;
    }
    let bare = match protocol {
        ICMP | IGMP => true,
        // Version 2 has no pseudo header; over IPv4, version 3 is sent by some with and by some without.
        VRRP => segment[0] >> 4 < 3 || matches!(ends, Ends::V4(..)) && is_zero(segment, length),
        _ => false,
    };
    let pseudo = if bare { Sum16BitWords::new() } else { ends.sum(protocol, length) };
    // The pseudo header is never cut, so this holds for cut segments too.
    if !bare && !fold(&pseudo) == found {
        // The sum over everything can be right by the same number: then the rest adds up to nothing.
        return match segment.get(..length) {
            Some(whole) if fold(&pseudo.clone().add_slice(whole)) == 0 => Checksum::Good,
            _ => Checksum::Offloaded,
        };
    }
    let Some(whole) = segment.get(..length) else { return Checksum::Unverifiable };
    let sum = pseudo.add_slice(whole);
    if fold(&sum) == 0 {
        return Checksum::Good;
    }
    let mut expected = expected(sum, found);
    if protocol == UDP && expected == 0 {
        expected = 0xffff; // zero would say that there is none (RFC 768)
    }
    Checksum::Bad { expected, found, length }
}

/// The checksum that would have made `sum`, which includes the one found, come out right.
fn expected(sum: Sum16BitWords, found: u16) -> u16 {
    // Taking a word out of a one's complement sum is adding its complement (RFC 1624).
    fold(&sum.add_2bytes((!found).to_be_bytes()))
}

/// The complement of a sum, as a number: etherparse leaves it in the byte order it was added in.
fn fold(sum: &Sum16BitWords) -> u16 {
    sum.ones_complement().to_be()
}

fn field(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2).map(|b| u16::from_be_bytes([b[0], b[1]]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::PacketBuilder;

    const ENDS: Ends = Ends::V4([10, 0, 0, 1], [10, 0, 0, 2]);

    fn tcp_packet(payload: &[u8]) -> Vec<u8> {
        let builder = PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64).tcp(1000, 80, 7, 1024);
        let mut bytes = Vec::new();
        builder.write(&mut bytes, payload).unwrap();
        bytes
    }

    #[test]
    fn good_and_bad() {
        let mut packet = tcp_packet(b"odd");
        assert_eq!(ipv4_header(&packet[..20]), Checksum::Good);
        let right = field(&packet, 36).unwrap();
        assert_eq!(transport(ENDS, TCP, &packet[20..], 23), Checksum::Good);
        packet[36] ^= 0x40;
        let found = field(&packet, 36).unwrap();
        assert_eq!(
            transport(ENDS, TCP, &packet[20..], 23),
            Checksum::Bad { expected: right, found, length: 23 }
        );
        packet[8] = 63;
        assert!(ipv4_header(&packet[..20]).is_bad());
    }

    #[test]
    fn what_the_kernel_leaves_to_the_card() {
        let mut packet = tcp_packet(b"hello");
        let partial = !fold(&ENDS.sum(TCP, 25));
        packet[36..38].copy_from_slice(&partial.to_be_bytes());
        assert_eq!(transport(ENDS, TCP, &packet[20..], 25), Checksum::Offloaded);
        assert_eq!(transport(ENDS, TCP, &packet[20..40], 25), Checksum::Offloaded, "cut, and still known");
        packet[10..12].fill(0);
        assert_eq!(ipv4_header(&packet[..20]), Checksum::Offloaded);
    }

    #[test]
    fn what_cannot_be_known() {
        let packet = tcp_packet(b"hello");
        assert_eq!(transport(ENDS, TCP, &packet[20..42], 25), Checksum::Unverifiable);
        assert_eq!(transport(ENDS, TCP, &packet[20..30], 25), Checksum::Unverifiable);
    }

    #[test]
    fn udp_may_have_none() {
        let datagram = [0, 1, 0, 2, 0, 8, 0, 0];
        assert_eq!(transport(ENDS, UDP, &datagram, 8), Checksum::Absent);
        assert!(transport(Ends::V6([0; 16], [1; 16]), UDP, &datagram, 8).is_bad(), "not over IPv6");
    }

    #[test]
    fn groups_and_virtual_routers() {
        let query = [0x11, 0x64, 0xee, 0x9b, 0, 0, 0, 0];
        assert_eq!(transport(ENDS, IGMP, &query, 8), Checksum::Good);
        let vrrp = [0x21, 0x33, 0x6e, 0x01, 0x00, 0x01, 0x66, 0x66, 10, 0, 0, 100, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(transport(ENDS, VRRP, &vrrp, 20), Checksum::Good);
        let mut third = [0x31, 1, 100, 1, 0, 100, 0, 0, 10, 0, 0, 1];
        let with_pseudo = fold(&ENDS.sum(VRRP, 12).add_slice(&third));
        third[6..8].copy_from_slice(&with_pseudo.to_be_bytes());
        assert_eq!(transport(ENDS, VRRP, &third, 12), Checksum::Good);
    }

    #[test]
    fn icmp_and_icmpv6() {
        let mut bytes = Vec::new();
        PacketBuilder::ipv4([1; 4], [2; 4], 9).icmpv4_echo_request(1, 2).write(&mut bytes, b"abc").unwrap();
        assert_eq!(transport(ENDS, ICMP, &bytes[20..], bytes.len() - 20), Checksum::Good);
        let mut bytes = Vec::new();
        PacketBuilder::ipv6([1; 16], [2; 16], 9).icmpv6_echo_request(1, 2).write(&mut bytes, b"abc").unwrap();
        let ends = Ends::V6([1; 16], [2; 16]);
        assert_eq!(transport(ends, ICMPV6, &bytes[40..], bytes.len() - 40), Checksum::Good);
    }
}
