//! The ways a frame can be made, one after another: at each fork the program looks where to go on, and at each end it is known which
//! headers there are.
//!
//! Each way follows `decode::fast`: what is a header there is one here, and whatever it would look at more closely (other links, tunnels,
//! quoted packets, damage) is left open here. No byte is read that may not be there: the kernel refuses a frame whose program does.

use super::super::Expression;
use super::code::{
    ANY_BIT, AT_LEAST, AT_LEAST_X, Code, EQUAL, GREATER, HALF_WORD, HEADER_LENGTH, LENGTH, Label, SUBTRACT,
};
use super::headers::{self, At, CARRIERS, Fact, Header, Load, TUNNELS};
use super::meaning::{self, Ask, Bound, Known};
use super::{Keep, Link, Program};

/// What the kernel says of a packet (`SKF_AD_`, include/uapi/linux/filter.h).
const PROTOCOL: u32 = 0;
const HARDWARE: u32 = 28;
const TAG: u32 = 44;
const HAS_TAG: u32 = 48;
const TAG_TYPE: u32 = 60;

const ETHERNET_LENGTH: u32 = 14;
const TAG_LENGTH: u32 = 4;
const TAG_TYPES: [u32; 3] = [0x8100, 0x88a8, 0x9100];
const IPV4_LENGTH: u32 = 20;
/// Links of which the protocol is an EtherType (`ARPHRD_`): Ethernet, none at all, loopback.
const PLAIN_HARDWARE: [u32; 3] = [1, 0xfffe, 772];

/// Messages of ICMP that quote a packet (RFC 792), and of ICMPv6 (RFC 4443 section 3, RFC 4861 section 4.5).
const QUOTING: [u32; 5] = [3, 4, 5, 11, 12];
const QUOTING_V6: [u32; 5] = [1, 2, 3, 4, 137];

pub(super) fn compile(expression: &Expression, link: Link, keep: Keep) -> Option<Program> {
    if keep == Keep::Conversations && expression.names().any(meaning::counts) {
        return None;
    }
    let mut paths = Paths { expression, keep, code: Code::default(), exact: true };
    let first = match link {
        Link::Ethernet => paths.ethernet(),
        Link::Ip => paths.ip_by_version(),
        Link::Cooked => paths.cooked(),
    }?;
    if keep == Keep::Conversations && first == Label::ACCEPT {
        return None; // nothing would be left out
    }
    Some(Program { instructions: paths.code.program(first)?, exact: paths.exact })
}

/// What the kernel says beside the frame.
fn kernel(at: u32) -> Load {
    Load::whole(At::Kernel(at), 2)
}

struct Paths<'e> {
    expression: &'e Expression,
    keep: Keep,
    code: Code,
    exact: bool,
}

impl Known {
    fn with(&self, header: &Header, at: At) -> Known {
        let mut known = self.clone();
        known.headers.push(header.0);
        known.facts.extend(headers::facts(header, at));
        known
    }

    /// With a VLAN tag that the kernel has taken off and keeps beside the frame; the type behind it is read elsewhere.
    fn with_tag_beside(&self, ether_type: Load) -> Known {
        let mut known = self.clone();
        known.headers.push(headers::VLAN.0);
        known.facts.extend(headers::facts(&headers::VLAN, At::Kernel(TAG)).map(|fact| match fact.name {
            "vlan.etype" => Fact { load: ether_type, ..fact },
            _ => fact,
        }));
        known
    }

    fn open(&self) -> Known {
        Known { open: true, ..self.clone() }
    }
}

impl Paths<'_> {
    /// The end of a way: what the expression comes down to here.
    fn end(&mut self, known: &Known) -> Option<Label> {
        let can = self.ask(known, Bound::Can)?;
        if can != self.ask(known, Bound::Must)? {
            self.exact = false;
        }
        Some(self.code.ask(&can, Label::ACCEPT, Label::REFUSE))
    }

    fn ask(&self, known: &Known, bound: Bound) -> Option<Ask> {
        let of = |known: &Known| {
            meaning::ask(&self.expression.test, &self.expression.names, known, self.keep, bound)
        };
        if self.keep == Keep::Packets {
            return of(known);
        }
        // Of a conversation there are packets in both directions.
        let (here, there) = (of(known)?, of(&known.turned())?);
        Some(match bound {
            _ if here == there => here,
            Bound::Can => meaning::any(vec![here, there]),
            Bound::Must => meaning::all(vec![here, there]),
        })
    }

    /// Frames of at least so many bytes.
    fn long(&mut self, length: u32, yes: Label, no: Label) -> Label {
        self.code.block(&[(LENGTH, 0)], (AT_LEAST, length), yes, no)
    }

    /// Where to go on by the value of a field; the last for all other values.
    fn choose(&mut self, load: Load, ways: &[(u32, Label)], other: Label) -> Label {
        ways.iter().rev().fold(other, |next, (value, way)| self.code.value(load, (EQUAL, *value), *way, next))
    }

    fn ethernet(&mut self) -> Option<Label> {
        let (start, none) = (At::Start(0), Known::default());
        let plain = none.with(&headers::ETHERNET, start);
        let typed = |at| Load::whole(At::Start(at), 2);

        // The tag stands in the frame, as in a file, or where the card left it.
        let tagged = plain.with(&headers::VLAN, At::Start(ETHERNET_LENGTH));
        let behind = ETHERNET_LENGTH + TAG_LENGTH;
        let open_tagged = self.end(&tagged.open())?;
        let inner = self.network(&tagged, behind, typed(behind - 2), &[], open_tagged)?;
        let open = self.end(&plain.open())?;
        let tag = self.long(behind, inner, open);
        let tags = TAG_TYPES.map(|tag_type| (tag_type, tag));
        let untagged = self.network(&plain, ETHERNET_LENGTH, typed(ETHERNET_LENGTH - 2), &tags, open)?;

        // The kernel took it off: what it said is beside the frame, whose type is the one behind it.
        let mut taken = plain.clone();
        for fact in taken.facts.iter_mut().filter(|fact| fact.name == "eth.type") {
            fact.load = kernel(TAG_TYPE);
        }
        let taken = taken.with_tag_beside(typed(ETHERNET_LENGTH - 2));
        let open_taken = self.end(&taken.open())?;
        let taken = self.network(&taken, ETHERNET_LENGTH, typed(ETHERNET_LENGTH - 2), &[], open_taken)?;
        let either = self.code.value(kernel(HAS_TAG), (EQUAL, 0), untagged, taken);
        let nothing = self.end(&none.open())?;
        Some(self.long(ETHERNET_LENGTH, either, nothing))
    }

    /// Without a link header: the kernel knows the protocol.
    fn cooked(&mut self) -> Option<Label> {
        let none = Known::default();
        let tagged = none.with_tag_beside(kernel(PROTOCOL));
        let (open, open_tagged) = (self.end(&none.open())?, self.end(&tagged.open())?);
        let plain = self.network(&none, 0, kernel(PROTOCOL), &[], open)?;
        let tagged = self.network(&tagged, 0, kernel(PROTOCOL), &[], open_tagged)?;
        let either = self.code.value(kernel(HAS_TAG), (EQUAL, 0), plain, tagged);
        Some(self.choose(kernel(HARDWARE), &PLAIN_HARDWARE.map(|kind| (kind, either)), open))
    }

    /// The version tells.
    fn ip_by_version(&mut self) -> Option<Label> {
        let none = Known::default();
        let (v4, v6) = (self.ipv4(&none, 0)?, self.ipv6(&none, 0)?);
        let open = self.end(&none.open())?;
        let version = Load { at: At::Start(0), width: 1, mask: 0xf0 };
        let either = self.choose(version, &[(4, v4), (6, v6)], open);
        Some(self.long(1, either, open))
    }

    /// What an EtherType leads to.
    fn network(
        &mut self,
        known: &Known,
        at: u32,
        ether_type: Load,
        others: &[(u32, Label)],
        open: Label,
    ) -> Option<Label> {
        let mut ways = vec![(0x0800, self.ipv4(known, at)?), (0x86dd, self.ipv6(known, at)?)];
        ways.push((0x0806, self.arp(known, at)?));
        ways.extend(others);
        Some(self.choose(ether_type, &ways, open))
    }

    /// ARP for IPv4 over Ethernet; of any other kind little is known.
    fn arp(&mut self, known: &Known, at: u32) -> Option<Label> {
        let open = self.end(&known.open())?;
        let end = self.end(&known.with(&headers::ARP, At::Start(at)))?;
        let sizes = self.code.value(Load::whole(At::Start(at + 4), 2), (EQUAL, 0x0604), end, open);
        let kinds = self.code.value(Load::whole(At::Start(at), 4), (EQUAL, 0x0001_0800), sizes, open);
        Some(self.long(at + headers::ARP_LENGTH, kinds, open))
    }

    fn ipv4(&mut self, known: &Known, at: u32) -> Option<Label> {
        let open = self.end(&known.open())?;
        let known = known.with(&headers::IPV4, At::Start(at));
        let more = self.end(&known.open())?;
        let other = self.end(&known)?;
        let behind = At::BehindIpv4(at);

        let tcp = self.end(&known.with(&headers::TCP, behind))?;
        let tcp = self.behind_ipv4(at, headers::TCP_LENGTH, tcp, more);
        let udp = self.udp(&known, behind)?;
        let udp = self.behind_ipv4(at, headers::UDP_LENGTH, udp, more);
        let icmp = self.icmp(&known.with(&headers::ICMP, behind), behind, &QUOTING)?;
        let icmp = self.behind_ipv4(at, headers::ICMP_LENGTH, icmp, more);

        let mut ways = vec![(6, tcp), (17, udp), (1, icmp)];
        ways.extend(CARRIERS.map(|carrier| (carrier, more)));
        let next = self.choose(Load::whole(At::Start(at + 9), 1), &ways, other);
        // A fragment is a part of something: what is in the whole is not in sight. X is the header's length from here on.
        let measured =
            self.code.block(&[(HEADER_LENGTH, at), (HALF_WORD, at + 6)], (ANY_BIT, 0x3fff), more, next);
        // Version 4, of at least five words.
        let first = Load::whole(At::Start(at), 1);
        let below = self.code.value(first, (GREATER, 0x4f), open, measured);
        let sound = self.code.value(first, (AT_LEAST, 0x45), below, open);
        Some(self.long(at + IPV4_LENGTH, sound, open))
    }

    /// Whether so many bytes behind an IPv4 header are there: in the frame, and in the packet by its own account.
    fn behind_ipv4(&mut self, at: u32, length: u32, yes: Label, no: Label) -> Label {
        let minimum = IPV4_LENGTH + length;
        let total = Load::whole(At::Start(at + 2), 2);
        let counted = self.code.block(&[(HALF_WORD, at + 2), (SUBTRACT, length)], (AT_LEAST_X, 0), yes, no);
        let counted = self.code.value(total, (AT_LEAST, minimum), counted, no);
        let there = self.code.block(&[(LENGTH, 0), (SUBTRACT, at + length)], (AT_LEAST_X, 0), counted, no);
        self.long(at + minimum, there, no)
    }

    fn ipv6(&mut self, known: &Known, at: u32) -> Option<Label> {
        let open = self.end(&known.open())?;
        let known = known.with(&headers::IPV6, At::Start(at));
        let more = self.end(&known.open())?;
        let behind = At::Start(at + headers::IPV6_LENGTH);

        let tcp = self.end(&known.with(&headers::TCP, behind))?;
        let udp = self.udp(&known, behind)?;
        let icmp = self.icmp(&known.with(&headers::ICMPV6, behind), behind, &QUOTING_V6)?;
        let mut ways = Vec::new();
        for (number, length, way) in
            [(6, headers::TCP_LENGTH, tcp), (17, headers::UDP_LENGTH, udp), (58, headers::ICMP_LENGTH, icmp)]
        {
            let counted = self.code.value(Load::whole(At::Start(at + 4), 2), (AT_LEAST, length), way, more);
            ways.push((number, self.long(at + headers::IPV6_LENGTH + length, counted, more)));
        }
        let next = self.choose(Load::whole(At::Start(at + 6), 1), &ways, more);
        let version = Load { at: At::Start(at), width: 1, mask: 0xf0 };
        let sound = self.code.value(version, (EQUAL, 6), next, open);
        Some(self.long(at + headers::IPV6_LENGTH, sound, open))
    }

    /// A tunnel's port at either end leads to further headers.
    fn udp(&mut self, known: &Known, at: At) -> Option<Label> {
        let known = known.with(&headers::UDP, at);
        let (end, more) = (self.end(&known)?, self.end(&known.open())?);
        let port = Load::whole(at, 2);
        let tunnels = TUNNELS.map(|port| (port, more));
        let source = self.choose(port, &tunnels, end);
        Some(self.choose(port.further(2, 2), &tunnels, source))
    }

    /// An error quotes the beginning of a packet.
    fn icmp(&mut self, known: &Known, at: At, quoting: &[u32]) -> Option<Label> {
        let (end, more) = (self.end(known)?, self.end(&known.open())?);
        let ways: Vec<_> = quoting.iter().map(|kind| (*kind, more)).collect();
        Some(self.choose(Load::whole(at, 1), &ways, end))
    }
}

#[cfg(test)]
mod tests {
    use super::super::headers::Sort;
    use super::*;
    use crate::protocol::{Key, Protocol, child, icmp, icmpv6};
    use crate::wire::{Cursor, Off};

    /// What the decoder finds further headers in, programs leave open.
    #[test]
    fn carriers_are_those_of_the_decoder() {
        let read = [1, 6, 17];
        let leaves = [Protocol::Igmp, Protocol::Vrrp];
        for number in 0..=255u8 {
            let is_open = CARRIERS.contains(&number.into()) || read.contains(&number);
            let carried = child(Key::IpProtocol(number));
            assert!(is_open || carried.is_none_or(|carried| leaves.contains(&carried)), "{number}");
        }
        let tunnels = [
            Protocol::Gtp,
            Protocol::Teredo,
            Protocol::Gre,
            Protocol::Vxlan,
            Protocol::Ayiya,
            Protocol::Geneve,
            Protocol::Mpls,
        ];
        for port in 0..=u16::MAX {
            for key in [Key::UdpPorts(port, 40_000), Key::UdpPorts(40_000, port)] {
                let is_tunnel = child(key).is_some_and(|carried| tunnels.contains(&carried));
                assert_eq!(is_tunnel, TUNNELS.contains(&port.into()), "{port}");
            }
        }
    }

    #[test]
    fn errors_are_those_of_the_decoder() {
        for kind in 0..=255u8 {
            let (mut off, mut bytes) = (Off, [0u8; 64]);
            bytes[0] = kind;
            let quotes =
                icmp::dissect(&mut Cursor::new(&bytes, 0, 64, &mut off)).map(|it| it.key() == Key::Quoted);
            assert!(!quotes.unwrap() || QUOTING.contains(&kind.into()), "{kind}");
            let quotes =
                icmpv6::dissect(&mut Cursor::new(&bytes, 0, 64, &mut off)).map(|it| it.key() == Key::Quoted);
            assert!(!quotes.unwrap() || QUOTING_V6.contains(&kind.into()), "{kind}");
        }
    }

    #[test]
    fn a_sort_is_read_as_wide_as_it_is() {
        for header in [&headers::ETHERNET, &headers::ARP, &headers::IPV4, &headers::TCP] {
            for fact in headers::facts(header, At::Start(0)) {
                assert!(fact.load.most() > 0, "{}", fact.name);
                assert!(fact.sort != Sort::Flag || fact.load.most() == 1, "{}", fact.name);
            }
        }
    }
}
