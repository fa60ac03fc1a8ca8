//! One file a protocol, and here THE table: what protocols there are, what OSI and TCP/IP layer each is
//! put at, and who carries whom.
//!
//! Two kinds of files. Headers that etherparse knows (ARP, IPv4, IPv6 with extension headers, ICMP, TCP, UDP)
//! are taken apart by it in the fast lane; the file here only *describes* them for the tree. All others are one
//! `dissect`, generic over the recorder, that serves both lanes. A protocol never names its neighbour:
//! it hands out a [`Key`], and [`child`] says who that is.

use crate::wire::{Cursor, Field, Malformed, Recorder, Tree};

pub mod ah;
pub mod arp;
pub mod ayiya;
pub mod checksum;
pub mod data;
pub mod dns;
pub mod erspan;
pub mod ethernet;
pub mod fddi;
pub mod geneve;
pub mod gre;
pub mod gtp;
pub mod http;
pub mod icmp;
pub mod icmpv6;
pub mod ipv4;
pub mod ipv6;
pub mod llc;
pub mod loopback;
pub mod mpls;
pub mod nbns;
pub mod nflog;
pub mod pbb;
pub mod ports;
pub mod ppp;
pub mod pppoe;
pub mod sll;
pub mod tcp;
pub mod teredo;
pub mod udp;
pub mod unit;
pub mod vendors;
pub mod vlan;
pub mod vxlan;
pub mod wlan;

pub use unit::Unit;

/// How sure it is that bytes are a protocol's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// They are not.
    No,
    /// They are too few to tell.
    Undecided,
    /// They are.
    Yes,
}

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

/// What a link header or a tunnel leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Carries {
    /// What follows the header.
    pub key: Key,
    /// How many bytes after the header belong to the layer, where it says so.
    pub length: Option<usize>,
}

/// EtherType of PPP, which is also how GRE and PPPoE hand it on here.
pub const ETHER_TYPE_PPP: u16 = 0x880b;

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

            /// Owners of bytes that its description cannot name, and of those behind what it counts.
            fn leaves(self) -> (&'static Field, &'static Field) {
                match self {
                    $(Protocol::$variant => {
                        static UNREADABLE: Field = Field::new(concat!($name, ".unreadable"));
                        static TRAILER: Field = Field::new(concat!($name, ".trailer"));
                        (&UNREADABLE, &TRAILER)
                    })*
                }
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
    Fddi "fddi" "FDDI" osi 2 Link;
    Radiotap "radiotap" "Radiotap" osi 2 Link;
    Wlan "wlan" "IEEE 802.11" osi 2 Link;
    Nflog "nflog" "Linux NFLOG" osi 2 Link;
    Pbb "ieee8021ah" "IEEE 802.1ah" osi 2 Link;
    VnTag "vntag" "VN-Tag" osi 2 Link;
    FabricPath "cfp" "Cisco FabricPath" osi 2 Link;
    PppoeSession "pppoes" "PPPoE session" osi 2 Link;
    PppoeDiscovery "pppoed" "PPPoE discovery" osi 2 Link;
    Ppp "ppp" "PPP" osi 2 Link;
    Mpls "mpls" "MPLS" osi 2 Link;
    Arp "arp" "ARP" osi 2 Link;
    Ipv4 "ip" "IPv4" osi 3 Internet;
    Ipv6 "ipv6" "IPv6" osi 3 Internet;
    Gre "gre" "GRE" osi 3 Internet;
    Erspan "erspan" "ERSPAN" osi 2 Link;
    Icmp "icmp" "ICMP" osi 3 Internet;
    Icmpv6 "icmpv6" "ICMPv6" osi 3 Internet;
    Tcp "tcp" "TCP" osi 4 Transport;
    Udp "udp" "UDP" osi 4 Transport;
    Vxlan "vxlan" "VXLAN" osi 2 Link;
    Geneve "geneve" "Geneve" osi 2 Link;
    Gtp "gtp" "GTP" osi 3 Internet;
    Teredo "teredo" "Teredo" osi 3 Internet;
    Ayiya "ayiya" "AYIYA" osi 3 Internet;
    Dns "dns" "DNS" osi 7 Application;
    Mdns "mdns" "mDNS" osi 7 Application;
    Llmnr "llmnr" "LLMNR" osi 7 Application;
    Nbns "nbns" "NBNS" osi 7 Application;
    Nbdgm "nbdgm" "NBDGM" osi 7 Application;
    Http "http" "HTTP" osi 7 Application;
    UrlencodedForm "urlencoded-form" "HTML form" osi 7 Application;
    Multipart "mime_multipart" "MIME multipart" osi 7 Application;
    TextLines "data-text-lines" "text" osi 7 Application;
    Media "media" "content" osi 7 Application;
    Data "data" "data" osi 7 Application;
}

/// Who is carried under a key, or `None` where nobody here knows it.
pub fn child(key: Key) -> Option<Protocol> {
    use Protocol::*;
    Some(match key {
        Key::Link(1) => Ethernet,
        Key::Link(0 | 108) => Null,
        Key::Link(9 | 50) => Ppp,
        Key::Link(10) => Fddi,
        Key::Link(51) => PppoeSession,
        Key::Link(105) => Wlan,
        Key::Link(113) => Sll,
        Key::Link(127) => Radiotap,
        Key::Link(239) => Nflog,
        Key::Link(276) => Sll2,
        Key::Link(228) => Ipv4,
        Key::Link(229) => Ipv6,
        Key::EtherType(0x0800) => Ipv4,
        Key::EtherType(0x86dd) => Ipv6,
        Key::EtherType(0x0806 | 0x8035) => Arp,
        Key::EtherType(0x8100 | 0x88a8 | 0x9100) => Vlan,
        Key::EtherType(0x8847 | 0x8848) => Mpls,
        Key::EtherType(0x8863) => PppoeDiscovery,
        Key::EtherType(0x8864) => PppoeSession,
        Key::EtherType(ETHER_TYPE_PPP) => Ppp,
        Key::EtherType(0x88e7) => Pbb,
        Key::EtherType(0x8903) => FabricPath,
        Key::EtherType(0x8926) => VnTag,
        Key::EtherType(0x88be | 0x22eb) => Erspan,
        Key::Llc => Llc,
        Key::IpProtocol(1) => Icmp,
        Key::IpProtocol(4) => Ipv4,
        Key::IpProtocol(6) => Tcp,
        Key::IpProtocol(17) => Udp,
        Key::IpProtocol(41) => Ipv6,
        Key::IpProtocol(47) => Gre,
        Key::IpProtocol(58) => Icmpv6,
        Key::IpProtocol(137) => Mpls,
        // DNS is known by either port. A tunnel's port is only a guess: a resolver's client may have drawn it.
        Key::UdpPorts(53, _) | Key::UdpPorts(_, 53) => Dns,
        Key::UdpPorts(5353, _) | Key::UdpPorts(_, 5353) => Mdns,
        Key::UdpPorts(5355, _) | Key::UdpPorts(_, 5355) => Llmnr,
        Key::UdpPorts(137, _) | Key::UdpPorts(_, 137) => Nbns,
        Key::UdpPorts(138, _) | Key::UdpPorts(_, 138) => Nbdgm,
        Key::UdpPorts(source, destination) => return tunnel(destination).or_else(|| tunnel(source)),
        _ => return None,
    })
}

/// The tunnel that ends at a UDP port.
fn tunnel(port: u16) -> Option<Protocol> {
    Some(match port {
        2123 | 2152 | 3386 => Protocol::Gtp,
        3544 => Protocol::Teredo,
        4754 => Protocol::Gre,
        4789 => Protocol::Vxlan,
        5072 => Protocol::Ayiya,
        6081 => Protocol::Geneve,
        6635 => Protocol::Mpls,
        _ => return None,
    })
}

/// Reads the header of a link or tunnel protocol that says no more than what it carries; `None` for all others.
/// Serves both lanes.
#[inline]
pub fn dissect_carrier<R: Recorder>(
    protocol: Protocol,
    c: &mut Cursor<'_, '_, R>,
) -> Option<Result<Carries, Malformed>> {
    let only_key = |key| Carries { key, length: None };
    Some(match protocol {
        Protocol::Vlan => vlan::dissect(c).map(|tag| Carries { key: tag.key(), length: tag.length() }),
        Protocol::Llc => llc::dissect(c).map(only_key),
        Protocol::Sll => sll::dissect_v1(c).map(only_key),
        Protocol::Sll2 => sll::dissect_v2(c).map(only_key),
        Protocol::Null => loopback::dissect(c).map(only_key),
        Protocol::Fddi => fddi::dissect(c),
        Protocol::Radiotap => wlan::dissect_radiotap(c),
        Protocol::Wlan => wlan::dissect(c),
        Protocol::Nflog => nflog::dissect(c),
        Protocol::Pbb => pbb::dissect_pbb(c),
        Protocol::VnTag => pbb::dissect_vntag(c),
        Protocol::FabricPath => pbb::dissect_fabric_path(c),
        Protocol::PppoeSession => pppoe::dissect_session(c),
        Protocol::PppoeDiscovery => pppoe::dissect_discovery(c),
        Protocol::Ppp => ppp::dissect(c),
        Protocol::Mpls => mpls::dissect(c),
        Protocol::Gre => gre::dissect(c),
        Protocol::Erspan => erspan::dissect(c),
        Protocol::Vxlan => vxlan::dissect(c),
        Protocol::Geneve => geneve::dissect(c),
        Protocol::Gtp => gtp::dissect(c),
        Protocol::Teredo => teredo::dissect(c),
        Protocol::Ayiya => ayiya::dissect(c),
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
        Protocol::Ethernet | Protocol::Dot3 => ethernet::dissect(cursor).map(drop),
        Protocol::Arp => arp::describe(cursor),
        Protocol::Ipv4 => ipv4::describe(cursor),
        Protocol::Ipv6 => ipv6::describe(cursor),
        Protocol::Icmp => icmp::dissect(cursor).map(drop),
        Protocol::Icmpv6 => icmpv6::dissect(cursor).map(drop),
        Protocol::Tcp => tcp::describe(cursor),
        Protocol::Udp => udp::describe(cursor),
        Protocol::Dns => dns::dissect(cursor).map(drop),
        Protocol::Mdns => dns::dissect_as(cursor, dns::Dialect::Multicast).map(drop),
        Protocol::Llmnr => dns::dissect_as(cursor, dns::Dialect::Llmnr).map(drop),
        Protocol::Nbns => nbns::dissect(cursor).map(drop),
        Protocol::Nbdgm => nbns::datagram::dissect(cursor).map(drop),
        // HTTP rides in TCP streams: what is in a frame is known only to the one who follows (see `unit`).
        Protocol::Http
        | Protocol::UrlencodedForm
        | Protocol::Multipart
        | Protocol::TextLines
        | Protocol::Media
        | Protocol::Data => data::dissect(cursor).map(drop),
        carrier => dissect_carrier(carrier, cursor).map_or(Ok(()), |read| read.map(drop)),
    }
}

/// A leaf for the part of a header that its own description could not name.
pub fn unreadable(protocol: Protocol) -> &'static Field {
    protocol.leaves().0
}

/// A leaf for bytes after the part of a layer that its length field counts: Ethernet's filling to 60 bytes,
/// what stands behind an IP datagram's total length.
pub fn trailer(protocol: Protocol) -> &'static Field {
    protocol.leaves().1
}
