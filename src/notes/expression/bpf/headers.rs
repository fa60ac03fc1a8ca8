//! Where the fields of the headers lie that programs read. Names and values are those of the tree lane.

/// What a value is, which decides how it is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// A number, told so many times as great as it stands.
    Number(u32),
    Flag,
    Mac,
    V4,
    V6,
}

use Sort::{Flag, Mac, Number, V4, V6};

/// Where a value is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum At {
    /// So many bytes from the beginning.
    Start(u32),
    /// So many bytes, and the IPv4 header's length (in X) more.
    BehindIpv4(u32),
    /// The kernel's own account of the packet (`SKF_AD_`).
    Kernel(u32),
}

/// A part of a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Load {
    pub at: At,
    /// 1, 2 or 4 bytes.
    pub width: u32,
    /// Its bits in the word. The value is what they are, moved down to the lowest of them.
    pub mask: u32,
}

impl Load {
    /// All bits of a word.
    pub fn whole(at: At, width: u32) -> Load {
        Load { at, width, mask: u32::MAX >> (32 - 8 * width) }
    }

    /// A word further on.
    pub fn further(self, bytes: u32, width: u32) -> Load {
        let at = match self.at {
            At::Start(k) => At::Start(k + bytes),
            At::BehindIpv4(k) => At::BehindIpv4(k + bytes),
            At::Kernel(k) => At::Kernel(k),
        };
        Load::whole(at, width)
    }

    /// The greatest value.
    pub fn most(self) -> u32 {
        if self.mask == 0 { 0 } else { self.mask >> self.mask.trailing_zeros() }
    }
}

/// A field that a header has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fact {
    pub name: &'static str,
    pub sort: Sort,
    pub load: Load,
}

/// A field in a header: name, what it is, offset, bytes, bits (0 for all).
type Row = (&'static str, Sort, u32, u32, u32);

/// A header: its protocol's name and fields.
pub(super) type Header = (&'static str, &'static [Row]);

#[rustfmt::skip]
pub(super) const ETHERNET: Header = ("eth", &[
    ("eth.dst", Mac, 0, 4, 0),
    ("eth.dst.ig", Flag, 0, 1, 1),
    ("eth.dst.lg", Flag, 0, 1, 2),
    ("eth.src", Mac, 6, 4, 0),
    ("eth.src.ig", Flag, 6, 1, 1),
    ("eth.src.lg", Flag, 6, 1, 2),
    ("eth.type", Number(1), 12, 2, 0),
]);

/// Behind the Ethernet header's addresses and type.
#[rustfmt::skip]
pub(super) const VLAN: Header = ("vlan", &[
    ("vlan.priority", Number(1), 0, 2, 0xe000),
    ("vlan.dei", Flag, 0, 2, 0x1000),
    ("vlan.id", Number(1), 0, 2, 0x0fff),
    ("vlan.etype", Number(1), 2, 2, 0),
]);

#[rustfmt::skip]
pub(super) const ARP: Header = ("arp", &[
    ("arp.hw.type", Number(1), 0, 2, 0),
    ("arp.proto.type", Number(1), 2, 2, 0),
    ("arp.hw.size", Number(1), 4, 1, 0),
    ("arp.proto.size", Number(1), 5, 1, 0),
    ("arp.opcode", Number(1), 6, 2, 0),
    ("arp.src.hw_mac", Mac, 8, 4, 0),
    ("arp.src.proto_ipv4", V4, 14, 4, 0),
    ("arp.dst.hw_mac", Mac, 18, 4, 0),
    ("arp.dst.proto_ipv4", V4, 24, 4, 0),
]);
pub(super) const ARP_LENGTH: u32 = 28;

#[rustfmt::skip]
pub(super) const IPV4: Header = ("ip", &[
    ("ip.version", Number(1), 0, 1, 0xf0),
    ("ip.hdr_len", Number(4), 0, 1, 0x0f),
    ("ip.dsfield", Number(1), 1, 1, 0),
    ("ip.dsfield.dscp", Number(1), 1, 1, 0xfc),
    ("ip.dsfield.ecn", Number(1), 1, 1, 0x03),
    ("ip.len", Number(1), 2, 2, 0),
    ("ip.id", Number(1), 4, 2, 0),
    ("ip.flags", Number(1), 6, 1, 0xe0),
    ("ip.flags.rb", Flag, 6, 1, 0x80),
    ("ip.flags.df", Flag, 6, 1, 0x40),
    ("ip.flags.mf", Flag, 6, 1, 0x20),
    ("ip.frag_offset", Number(1), 6, 2, 0x1fff),
    ("ip.ttl", Number(1), 8, 1, 0),
    ("ip.proto", Number(1), 9, 1, 0),
    ("ip.checksum", Number(1), 10, 2, 0),
    ("ip.src", V4, 12, 4, 0),
    ("ip.dst", V4, 16, 4, 0),
]);

#[rustfmt::skip]
pub(super) const IPV6: Header = ("ipv6", &[
    ("ipv6.version", Number(1), 0, 1, 0xf0),
    ("ipv6.tclass", Number(1), 0, 2, 0x0ff0),
    ("ipv6.tclass.dscp", Number(1), 0, 2, 0x0fc0),
    ("ipv6.tclass.ecn", Number(1), 0, 2, 0x0030),
    ("ipv6.flow", Number(1), 0, 4, 0x000f_ffff),
    ("ipv6.plen", Number(1), 4, 2, 0),
    ("ipv6.nxt", Number(1), 6, 1, 0),
    ("ipv6.hlim", Number(1), 7, 1, 0),
    ("ipv6.src", V6, 8, 4, 0),
    ("ipv6.dst", V6, 24, 4, 0),
]);
pub(super) const IPV6_LENGTH: u32 = 40;

#[rustfmt::skip]
pub(super) const TCP: Header = ("tcp", &[
    ("tcp.srcport", Number(1), 0, 2, 0),
    ("tcp.dstport", Number(1), 2, 2, 0),
    ("tcp.seq_raw", Number(1), 4, 4, 0),
    ("tcp.ack_raw", Number(1), 8, 4, 0),
    ("tcp.hdr_len", Number(4), 12, 1, 0xf0),
    ("tcp.flags", Number(1), 12, 2, 0x0fff),
    ("tcp.flags.res", Number(1), 12, 1, 0x0e),
    ("tcp.flags.ae", Flag, 12, 1, 0x01),
    ("tcp.flags.cwr", Flag, 13, 1, 0x80),
    ("tcp.flags.ece", Flag, 13, 1, 0x40),
    ("tcp.flags.urg", Flag, 13, 1, 0x20),
    ("tcp.flags.ack", Flag, 13, 1, 0x10),
    ("tcp.flags.push", Flag, 13, 1, 0x08),
    ("tcp.flags.reset", Flag, 13, 1, 0x04),
    ("tcp.flags.syn", Flag, 13, 1, 0x02),
    ("tcp.flags.fin", Flag, 13, 1, 0x01),
    ("tcp.window_size_value", Number(1), 14, 2, 0),
    ("tcp.checksum", Number(1), 16, 2, 0),
    ("tcp.urgent_pointer", Number(1), 18, 2, 0),
]);
pub(super) const TCP_LENGTH: u32 = 20;

#[rustfmt::skip]
pub(super) const UDP: Header = ("udp", &[
    ("udp.srcport", Number(1), 0, 2, 0),
    ("udp.dstport", Number(1), 2, 2, 0),
    ("udp.length", Number(1), 4, 2, 0),
    ("udp.checksum", Number(1), 6, 2, 0),
]);
pub(super) const UDP_LENGTH: u32 = 8;

#[rustfmt::skip]
pub(super) const ICMP: Header = ("icmp", &[
    ("icmp.type", Number(1), 0, 1, 0),
    ("icmp.code", Number(1), 1, 1, 0),
    ("icmp.checksum", Number(1), 2, 2, 0),
]);
#[rustfmt::skip]
pub(super) const ICMPV6: Header = ("icmpv6", &[
    ("icmpv6.type", Number(1), 0, 1, 0),
    ("icmpv6.code", Number(1), 1, 1, 0),
    ("icmpv6.checksum", Number(1), 2, 2, 0),
]);
/// Of an echo, and of most of their messages.
pub(super) const ICMP_LENGTH: u32 = 8;

const ALL: [&Header; 9] = [&ETHERNET, &VLAN, &ARP, &IPV4, &IPV6, &TCP, &UDP, &ICMP, &ICMPV6];

/// Whether programs know all there is of a name in the headers that they read.
pub(super) fn is_known(name: &str) -> bool {
    ALL.iter().any(|(protocol, rows)| *protocol == name || rows.iter().any(|row| row.0 == name))
}

/// The UDP ports behind which other packets may be carried (Wireshark's, and those of the decoder).
pub(super) const TUNNELS: [u32; 9] = [2123, 2152, 3386, 3544, 4754, 4789, 5072, 6081, 6635];

/// IP protocols with headers behind them, or in their payload, that have names which programs know; TCP, UDP and ICMP are read themselves.
pub(super) const CARRIERS: [u32; 7] = [4, 41, 47, 50, 51, 58, 137];

/// The facts of a header that begins at `at`.
pub(super) fn facts(header: &Header, at: At) -> impl Iterator<Item = Fact> {
    let start = Load::whole(at, 1);
    header.1.iter().map(move |&(name, sort, offset, width, bits)| {
        let load = start.further(offset, width);
        Fact { name, sort, load: Load { mask: if bits == 0 { load.mask } else { bits }, ..load } }
    })
}
