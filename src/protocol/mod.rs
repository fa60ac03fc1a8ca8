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
pub mod dhcp;
pub mod dhcpv6;
pub mod dns;
pub mod eap;
pub mod erspan;
pub mod esp;
pub mod ethernet;
pub mod fddi;
pub mod ftp;
pub mod geneve;
pub mod gre;
pub mod gtp;
pub mod head;
pub mod http;
pub mod http2;
pub mod icmp;
pub mod icmpv6;
pub mod igmp;
pub mod imap;
pub mod imf;
pub mod ipv4;
pub mod ipv6;
pub mod irc;
pub mod lines;
pub mod llc;
pub mod lldp;
pub mod loopback;
pub mod mpls;
pub mod mysql;
pub mod nbns;
pub mod nbss;
pub mod nflog;
pub mod ntp;
pub mod pbb;
pub mod pgsql;
pub mod pop;
pub mod ports;
pub mod ppp;
pub mod pppoe;
pub mod quic;
pub mod radiotap;
pub mod rpc;
pub mod rtsp;
pub mod sdp;
pub mod sip;
pub mod slip;
pub mod sll;
pub mod smtp;
pub mod snmp;
pub mod socks;
pub mod ssdp;
pub mod ssh;
pub mod stp;
pub mod tcp;
pub mod telnet;
pub mod teredo;
pub mod tls;
pub mod udp;
pub mod unit;
pub mod vendors;
pub mod vlan;
pub mod vrrp;
pub mod vxlan;
pub mod websocket;
pub mod wlan;
pub mod x509;

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
    /// A frame of 802.11 that ends with its check sequence.
    WlanFcs,
    /// Protocol number of PPP.
    Ppp(u16),
    /// Service access point of 802.2 LLC.
    Sap(u8),
    /// Number of a protocol that an organisation gave out (SNAP).
    Snap(u32, u16),
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
    Slip "slip" "SLIP" osi 2 Link;
    Fddi "fddi" "FDDI" osi 2 Link;
    Radiotap "radiotap" "Radiotap" osi 2 Link;
    Wlan "wlan" "IEEE 802.11" osi 2 Link;
    WlanFcs "wlan" "IEEE 802.11" osi 2 Link;
    Nflog "nflog" "Linux NFLOG" osi 2 Link;
    Pbb "ieee8021ah" "IEEE 802.1ah" osi 2 Link;
    VnTag "vntag" "VN-Tag" osi 2 Link;
    FabricPath "cfp" "Cisco FabricPath" osi 2 Link;
    PppoeSession "pppoes" "PPPoE session" osi 2 Link;
    PppoeDiscovery "pppoed" "PPPoE discovery" osi 2 Link;
    Ppp "ppp" "PPP" osi 2 Link;
    Lcp "lcp" "PPP LCP" osi 2 Link;
    Ipcp "ipcp" "PPP IPCP" osi 2 Link;
    Ipv6cp "ipv6cp" "PPP IPV6CP" osi 2 Link;
    Pap "pap" "PPP PAP" osi 2 Link;
    Chap "chap" "PPP CHAP" osi 2 Link;
    Eapol "eapol" "IEEE 802.1X EAPOL" osi 2 Link;
    Eap "eap" "EAP" osi 2 Link;
    Mpls "mpls" "MPLS" osi 2 Link;
    Stp "stp" "Spanning tree" osi 2 Link;
    Pvst "stp" "Spanning tree (PVST+)" osi 2 Link;
    Lldp "lldp" "LLDP" osi 2 Link;
    Arp "arp" "ARP" osi 2 Link;
    Ipv4 "ip" "IPv4" osi 3 Internet;
    Ipv6 "ipv6" "IPv6" osi 3 Internet;
    Gre "gre" "GRE" osi 3 Internet;
    Erspan "erspan" "ERSPAN" osi 2 Link;
    Esp "esp" "IPsec ESP" osi 3 Internet;
    Igmp "igmp" "IGMP" osi 3 Internet;
    Vrrp "vrrp" "VRRP" osi 3 Internet;
    Icmp "icmp" "ICMP" osi 3 Internet;
    Icmpv6 "icmpv6" "ICMPv6" osi 3 Internet;
    Tcp "tcp" "TCP" osi 4 Transport;
    Udp "udp" "UDP" osi 4 Transport;
    Quic "quic" "QUIC" osi 4 Transport;
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
    Http2 "http2" "HTTP/2" osi 7 Application;
    Websocket "websocket" "WebSocket" osi 7 Application;
    Dhcp "dhcp" "DHCP" osi 7 Application;
    Dhcpv6 "dhcpv6" "DHCPv6" osi 7 Application;
    Ntp "ntp" "NTP" osi 7 Application;
    Snmp "snmp" "SNMP" osi 7 Application;
    Ssdp "ssdp" "SSDP" osi 7 Application;
    Tls "tls" "TLS" osi 6 Application;
    UrlencodedForm "urlencoded-form" "HTML form" osi 7 Application;
    Multipart "mime_multipart" "MIME multipart" osi 7 Application;
    TextLines "data-text-lines" "text" osi 7 Application;
    Media "media" "content" osi 7 Application;
    Ftp "ftp" "FTP" osi 7 Application;
    FtpData "ftp-data" "FTP data" osi 7 Application;
    Smtp "smtp" "SMTP" osi 7 Application;
    Pop "pop" "POP3" osi 7 Application;
    Imap "imap" "IMAP" osi 7 Application;
    Imf "imf" "mail header" osi 7 Application;
    Ssh "ssh" "SSH" osi 7 Application;
    Telnet "telnet" "Telnet" osi 7 Application;
    Rpc "rpc" "ONC RPC" osi 7 Application;
    Mysql "mysql" "MySQL" osi 7 Application;
    Pgsql "pgsql" "PostgreSQL" osi 7 Application;
    Nbss "nbss" "NetBIOS session service" osi 7 Application;
    Irc "irc" "IRC" osi 7 Application;
    Rtsp "rtsp" "RTSP" osi 7 Application;
    Sip "sip" "SIP" osi 7 Application;
    Socks "socks" "SOCKS" osi 5 Application;
    Data "data" "data" osi 7 Application;
}

/// Who is carried under a key, or `None` where nobody here knows it.
pub fn child(key: Key) -> Option<Protocol> {
    use Protocol::*;
    Some(match key {
        Key::Link(1) => Ethernet,
        Key::Link(0 | 108) => Null,
        Key::Link(8) => Slip,
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
        Key::EtherType(0x888e) => Eapol,
        Key::EtherType(0x88cc) => Lldp,
        Key::Llc => Llc,
        Key::WlanFcs => WlanFcs,
        Key::Ppp(0x8021) => Ipcp,
        Key::Ppp(0x8057) => Ipv6cp,
        Key::Ppp(0xc021) => Lcp,
        Key::Ppp(0xc023) => Pap,
        Key::Ppp(0xc223) => Chap,
        Key::Ppp(eap::PPP_EAP) => Eap,
        Key::Sap(0x42) => Stp,
        Key::Snap(0x00_000c, 0x010b) => Pvst,
        Key::IpProtocol(1) => Icmp,
        Key::IpProtocol(2) => Igmp,
        Key::IpProtocol(4) => Ipv4,
        Key::IpProtocol(6) => Tcp,
        Key::IpProtocol(17) => Udp,
        Key::IpProtocol(41) => Ipv6,
        Key::IpProtocol(47) => Gre,
        Key::IpProtocol(50) => Esp,
        Key::IpProtocol(58) => Icmpv6,
        Key::IpProtocol(112) => Vrrp,
        Key::IpProtocol(137) => Mpls,
        // DNS is known by either port. A tunnel's port is only a guess: a resolver's client may have drawn it.
        Key::UdpPorts(53, _) | Key::UdpPorts(_, 53) => Dns,
        Key::UdpPorts(5353, _) | Key::UdpPorts(_, 5353) => Mdns,
        Key::UdpPorts(5355, _) | Key::UdpPorts(_, 5355) => Llmnr,
        Key::UdpPorts(137, _) | Key::UdpPorts(_, 137) => Nbns,
        Key::UdpPorts(138, _) | Key::UdpPorts(_, 138) => Nbdgm,
        Key::UdpPorts(443, _) | Key::UdpPorts(_, 443) => Quic,
        // The address of a network's configuration: servers and relays, clients, servers for booting only (PXE).
        Key::UdpPorts(67 | 68 | 4011, _) | Key::UdpPorts(_, 67 | 68 | 4011) => Dhcp,
        Key::UdpPorts(546 | 547, _) | Key::UdpPorts(_, 546 | 547) => Dhcpv6,
        Key::UdpPorts(123, _) | Key::UdpPorts(_, 123) => Ntp,
        Key::UdpPorts(161 | 162, _) | Key::UdpPorts(_, 161 | 162) => Snmp,
        Key::UdpPorts(1900, _) | Key::UdpPorts(_, 1900) => Ssdp,
        Key::UdpPorts(5060, _) | Key::UdpPorts(_, 5060) => Sip,
        Key::UdpPorts(111 | 2049, _) | Key::UdpPorts(_, 111 | 2049) => Rpc,
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
        Protocol::Slip => slip::dissect(c),
        Protocol::Fddi => fddi::dissect(c),
        Protocol::Radiotap => radiotap::dissect(c),
        Protocol::Wlan => wlan::dissect(c),
        Protocol::Nflog => nflog::dissect(c),
        Protocol::Pbb => pbb::dissect_pbb(c),
        Protocol::VnTag => pbb::dissect_vntag(c),
        Protocol::FabricPath => pbb::dissect_fabric_path(c),
        Protocol::PppoeSession => pppoe::dissect_session(c),
        Protocol::PppoeDiscovery => pppoe::dissect_discovery(c),
        Protocol::Ppp => ppp::dissect(c),
        Protocol::Lcp => ppp::control::dissect(c, ppp::control::Of::Link),
        Protocol::Ipcp => ppp::control::dissect(c, ppp::control::Of::Ipv4),
        Protocol::Ipv6cp => ppp::control::dissect(c, ppp::control::Of::Ipv6),
        Protocol::Pap => ppp::login::pap(c),
        Protocol::Chap => ppp::login::chap(c),
        Protocol::Eapol => eap::eapol(c),
        Protocol::Eap => eap::eap(c),
        Protocol::Mpls => mpls::dissect(c),
        Protocol::Stp => stp::dissect_carrier(c),
        Protocol::Pvst => stp::dissect_pvst(c),
        Protocol::Lldp => lldp::dissect(c),
        Protocol::Esp => esp::dissect(c),
        Protocol::Igmp => igmp::dissect_carrier(c),
        Protocol::Vrrp => vrrp::dissect_carrier(c),
        Protocol::Gre => gre::dissect(c),
        Protocol::Quic => quic::dissect(c),
        Protocol::Erspan => erspan::dissect(c),
        Protocol::Vxlan => vxlan::dissect(c),
        Protocol::Geneve => geneve::dissect(c),
        Protocol::Gtp => gtp::dissect(c),
        Protocol::Teredo => teredo::dissect(c),
        Protocol::Ayiya => ayiya::dissect(c),
        _ => return None,
    })
}

/// Reads a datagram of an application protocol that is known by its port alone; `None` for all others. Serves both
/// lanes. `bad` gets the first trouble that did not stop the reading; an error of content says that the port was a
/// wrong guess.
pub fn dissect_datagram<R: Recorder>(
    protocol: Protocol,
    c: &mut Cursor<'_, '_, R>,
    bad: &mut Option<Malformed>,
) -> Option<Result<(), Malformed>> {
    Some(match protocol {
        Protocol::Dhcp => dhcp::dissect_noting(c, bad).map(drop),
        Protocol::Dhcpv6 => dhcpv6::dissect_noting(c, bad).map(drop),
        Protocol::Ntp => ntp::dissect(c).map(drop),
        Protocol::Snmp => snmp::dissect_noting(c, bad).map(drop),
        Protocol::Ssdp => ssdp::dissect(c),
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
        // The header's own bytes alone: the check sequence is not among them.
        Protocol::WlanFcs => wlan::dissect(cursor).map(drop),
        Protocol::Dhcp | Protocol::Dhcpv6 | Protocol::Ntp | Protocol::Snmp | Protocol::Ssdp => {
            dissect_datagram(protocol, cursor, &mut None).unwrap_or(Ok(()))
        }
        // These ride in TCP streams: what is in a frame is known only to the one who follows (see `unit`).
        Protocol::Http
        | Protocol::Http2
        | Protocol::Websocket
        | Protocol::Tls
        | Protocol::UrlencodedForm
        | Protocol::Multipart
        | Protocol::TextLines
        | Protocol::Media
        | Protocol::Data => data::dissect(cursor).map(drop),
        Protocol::Sip => sip::dissect(cursor),
        Protocol::Rpc => rpc::dissect(None, cursor).map(drop),
        Protocol::Ftp
        | Protocol::FtpData
        | Protocol::Smtp
        | Protocol::Pop
        | Protocol::Imap
        | Protocol::Imf
        | Protocol::Irc
        | Protocol::Nbss
        | Protocol::Rtsp
        | Protocol::Socks
        | Protocol::Pgsql
        | Protocol::Mysql
        | Protocol::Telnet
        | Protocol::Ssh => data::dissect(cursor).map(drop),
        carrier => dissect_carrier(carrier, cursor).map_or(Ok(()), |read| read.map(drop)),
    }
}

/// A leaf for the part of a header that its own description could not name.
pub fn unreadable(protocol: Protocol) -> &'static Field {
    protocol.leaves().0
}

/// Names what a protocol itself puts behind what it carries.
pub fn describe_trailer(protocol: Protocol, cursor: &mut Cursor<'_, '_, Tree>) {
    if protocol == Protocol::WlanFcs {
        wlan::fcs(cursor);
    }
}

/// A leaf for bytes after the part of a layer that its length field counts: Ethernet's filling to 60 bytes,
/// what stands behind an IP datagram's total length.
pub fn trailer(protocol: Protocol) -> &'static Field {
    protocol.leaves().1
}
