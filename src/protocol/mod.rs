//! One file a protocol, and here THE table: what protocols there are, what OSI and TCP/IP layer each is
//! put at, and who carries whom.
//!
//! Two kinds of files. Headers that etherparse knows (ARP, IPv4, IPv6 with extension headers, ICMP, TCP, UDP)
//! are taken apart by it in the fast lane; the file here only *describes* them for the tree. All others are one
//! `dissect`, generic over the recorder, that serves both lanes. A protocol never names its neighbour:
//! it hands out a [`Key`], and [`child`] says who that is.

use crate::wire::{Cursor, Field, Malformed, Tree};

pub mod ah;
pub mod arp;
pub mod checksum;
pub mod data;
pub mod dns;
pub mod ethernet;
pub mod http;
pub mod icmp;
pub mod icmpv6;
pub mod ipv4;
pub mod ipv6;
pub mod llc;
pub mod loopback;
pub mod ports;
pub mod sll;
pub mod tcp;
pub mod udp;
pub mod vlan;

/// What a header says of the bytes after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// Link type of the capture (`LINKTYPE_` registry).
    Link(u16),
    /// EtherType (IEEE 802 registry).
    EtherType(u16),
    /// 802.2 LLC follows (an 802.3 frame: the type field is a length).
    Llc,
    /// The version nibble of the next byte tells IPv4 from IPv6.
    IpVersion,
    /// IP protocol number (IANA).
    IpProtocol(u8),
    /// Source and destination port of a UDP datagram.
    UdpPorts(u16, u16),
    /// The packet that an ICMP error quotes; its version nibble tells which IP.
    Quoted,
    /// Nothing that is known.
    Unknown,
    /// Nothing follows.
    End,
}

macro_rules! protocols {
    ($($variant:ident $name:literal $title:literal osi $osi:literal $tcpip:ident;)*) => {
        /// Every protocol there is a file for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Protocol { $(#[doc = $title] $variant,)* }

        impl Protocol {
            /// All of them.
            pub const ALL: &'static [Protocol] = &[$(Protocol::$variant,)*];

            /// The layer's field: its name is Wireshark's short name of the protocol.
            pub fn field(self) -> &'static Field {
                match self { $(Protocol::$variant => { static F: Field = Field::new($name); &F })* }
            }

            /// Its name in standards' spelling.
            pub fn title(self) -> &'static str {
                match self { $(Protocol::$variant => $title,)* }
            }

            /// OSI layer, 1 to 7, where teaching puts it.
            pub fn osi(self) -> u8 {
                match self { $(Protocol::$variant => $osi,)* }
            }

            /// TCP/IP layer (RFC 1122 section 1.1.3).
            pub fn tcpip(self) -> TcpIp {
                match self { $(Protocol::$variant => TcpIp::$tcpip,)* }
            }
        }
    };
}

/// The four layers of RFC 1122 section 1.1.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TcpIp {
    /// Link layer.
    Link,
    /// Internet layer.
    Internet,
    /// Transport layer.
    Transport,
    /// Application layer.
    Application,
}

impl TcpIp {
    /// The name in the JSON contract.
    pub fn name(self) -> &'static str {
        match self {
            TcpIp::Link => "link",
            TcpIp::Internet => "internet",
            TcpIp::Transport => "transport",
            TcpIp::Application => "application",
        }
    }
}

protocols! {
    Ethernet "eth" "Ethernet II" osi 2 Link;
    Dot3 "eth" "IEEE 802.3" osi 2 Link;
    Vlan "vlan" "IEEE 802.1Q" osi 2 Link;
    Llc "llc" "IEEE 802.2 LLC" osi 2 Link;
    Sll "sll" "Linux cooked v1" osi 2 Link;
    Sll2 "sll" "Linux cooked v2" osi 2 Link;
    Null "null" "BSD loopback" osi 2 Link;
    Arp "arp" "ARP" osi 2 Link;
    Ipv4 "ip" "IPv4" osi 3 Internet;
    Ipv6 "ipv6" "IPv6" osi 3 Internet;
    Icmp "icmp" "ICMP" osi 3 Internet;
    Icmpv6 "icmpv6" "ICMPv6" osi 3 Internet;
    Tcp "tcp" "TCP" osi 4 Transport;
    Udp "udp" "UDP" osi 4 Transport;
    Dns "dns" "DNS" osi 7 Application;
    Http "http" "HTTP" osi 7 Application;
    Data "data" "data" osi 7 Application;
}

/// Who is carried under a key, or `None` where nobody here knows it.
pub fn child(key: Key) -> Option<Protocol> {
    use Protocol::*;
    Some(match key {
        Key::Link(1) => Ethernet,
        Key::Link(0 | 108) => Null,
        Key::Link(113) => Sll,
        Key::Link(276) => Sll2,
        Key::Link(12 | 14 | 101 | 228) => Ipv4,
        Key::Link(229) => Ipv6,
        Key::EtherType(0x0800) => Ipv4,
        Key::EtherType(0x86dd) => Ipv6,
        Key::EtherType(0x0806 | 0x8035) => Arp,
        Key::EtherType(0x8100 | 0x88a8 | 0x9100) => Vlan,
        Key::Llc => Llc,
        Key::IpProtocol(1) => Icmp,
        Key::IpProtocol(4) => Ipv4,
        Key::IpProtocol(6) => Tcp,
        Key::IpProtocol(17) => Udp,
        Key::IpProtocol(41) => Ipv6,
        Key::IpProtocol(58) => Icmpv6,
        Key::UdpPorts(53 | 5353 | 5355, _) | Key::UdpPorts(_, 53 | 5353 | 5355) => Dns,
        _ => return None,
    })
}

/// Names every bit of one layer's header: `cursor` spans just that header. What a description does not reach
/// (a header cut short, a length that lies) the caller gives to a leaf of its own.
///
/// # Errors
/// [`Malformed`] where the header ends before it should, or makes no sense; every field before is recorded.
pub fn describe(protocol: Protocol, cursor: &mut Cursor<'_, '_, Tree>) -> Result<(), Malformed> {
    match protocol {
        Protocol::Ethernet => ethernet::dissect(cursor).map(drop),
        Protocol::Dot3 => ethernet::dissect(cursor).map(drop),
        Protocol::Vlan => vlan::dissect(cursor).map(drop),
        Protocol::Llc => llc::dissect(cursor).map(drop),
        Protocol::Sll => sll::dissect_v1(cursor).map(drop),
        Protocol::Sll2 => sll::dissect_v2(cursor).map(drop),
        Protocol::Null => loopback::dissect(cursor).map(drop),
        Protocol::Arp => arp::describe(cursor),
        Protocol::Ipv4 => ipv4::describe(cursor),
        Protocol::Ipv6 => ipv6::describe(cursor),
        Protocol::Icmp => icmp::dissect(cursor).map(drop),
        Protocol::Icmpv6 => icmpv6::dissect(cursor).map(drop),
        Protocol::Tcp => tcp::describe(cursor),
        Protocol::Udp => udp::describe(cursor),
        Protocol::Dns => dns::dissect(cursor).map(drop),
        // HTTP rides in TCP streams: what is in a frame is known only to the one who follows (see `decode::tree`).
        Protocol::Http | Protocol::Data => data::dissect(cursor).map(drop),
    }
}

/// A leaf for the part of a header that its own description could not name.
pub fn unreadable(protocol: Protocol) -> &'static Field {
    macro_rules! named {
        ($($variant:ident => $name:literal),* $(,)?) => {
            match protocol { $(Protocol::$variant => { static F: Field = Field::new($name); &F })* }
        };
    }
    named! {
        Ethernet => "eth.unreadable", Dot3 => "eth.unreadable", Vlan => "vlan.unreadable", Llc => "llc.unreadable",
        Sll => "sll.unreadable", Sll2 => "sll.unreadable", Null => "null.unreadable", Arp => "arp.unreadable",
        Ipv4 => "ip.unreadable", Ipv6 => "ipv6.unreadable", Icmp => "icmp.unreadable",
        Icmpv6 => "icmpv6.unreadable", Tcp => "tcp.unreadable", Udp => "udp.unreadable", Dns => "dns.unreadable",
        Http => "http.unreadable", Data => "data.data",
    }
}

/// A leaf for bytes after the part of a layer that its length field counts: Ethernet's filling to 60 bytes,
/// what stands behind an IP datagram's total length.
pub fn trailer(protocol: Protocol) -> &'static Field {
    macro_rules! named {
        ($($variant:ident => $name:literal),* $(,)?) => {
            match protocol { $(Protocol::$variant => { static F: Field = Field::new($name); &F })* }
        };
    }
    named! {
        Ethernet => "eth.trailer", Dot3 => "eth.trailer", Vlan => "vlan.trailer", Llc => "llc.trailer",
        Sll => "sll.trailer", Sll2 => "sll.trailer", Null => "null.trailer", Arp => "arp.trailer",
        Ipv4 => "ip.trailer", Ipv6 => "ipv6.trailer", Icmp => "icmp.trailer", Icmpv6 => "icmpv6.trailer",
        Tcp => "tcp.trailer", Udp => "udp.trailer", Dns => "dns.trailer", Http => "http.trailer",
        Data => "data.trailer",
    }
}
