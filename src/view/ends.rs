//! Who sends a packet and to whom, from the innermost addresses that it has.

use std::net::IpAddr;

use crate::decode::{Header, Packet};
use crate::protocol::Protocol;

/// Address and port of one side, as far as the packet has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// Network address.
    pub ip: Option<IpAddr>,
    /// Hardware address.
    pub mac: Option<[u8; 6]>,
    /// Port.
    pub port: Option<u16>,
}

/// Both sides of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    /// Who sent it.
    pub from: End,
    /// For whom.
    pub to: End,
}

const NOBODY: End = End { ip: None, mac: None, port: None };

/// The sides of a packet. Of ARP these are the two protocol addresses it speaks of.
pub fn of(packet: &Packet<'_>) -> Ends {
    let (mut from, mut to) = (NOBODY, NOBODY);
    for layer in packet.layers.iter().filter(|layer| !layer.quoted) {
        match &layer.header {
            Header::Ethernet(h) => (from.mac, to.mac) = (Some(h.src), Some(h.dst)),
            Header::Arp(arp) if arp.proto_addr_type().0 == 0x0800 => {
                let ip = |bytes: &[u8]| <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from);
                (from.ip, to.ip) = (ip(arp.sender_protocol_addr()), ip(arp.target_protocol_addr()));
            }
            Header::Ipv4(h) => {
                (from.ip, to.ip) = (Some(h.source_addr().into()), Some(h.destination_addr().into()));
            }
            Header::Ipv6(h) => {
                (from.ip, to.ip) = (Some(h.source_addr().into()), Some(h.destination_addr().into()));
            }
            Header::Tcp(h) => (from.port, to.port) = (Some(h.source_port()), Some(h.destination_port())),
            Header::Udp(h) => (from.port, to.port) = (Some(h.source_port()), Some(h.destination_port())),
            _ => {}
        }
    }
    Ends { from, to }
}

impl End {
    /// The address without the port; empty where there is none at all.
    pub fn address(&self) -> String {
        match (self.ip, self.mac) {
            (Some(ip), _) => ip.to_string(),
            (None, Some(mac)) => self::mac(mac),
            (None, None) => String::new(),
        }
    }

    /// Address and port; IPv6 addresses in brackets before a port.
    pub fn name(&self) -> String {
        with_port(&self.address(), self.port)
    }

    /// Whether frames go to everyone on the link.
    pub fn is_everyone(&self) -> bool {
        self.mac == Some([0xff; 6])
    }
}

/// An address and a port, as RFC 3986 writes them.
pub fn with_port(address: &str, port: Option<u16>) -> String {
    match port {
        Some(port) if address.contains(':') => format!("[{address}]:{port}"),
        Some(port) => format!("{address}:{port}"),
        None => address.to_owned(),
    }
}

/// Packets from one to another: `#3–#7`, or `#3` alone.
pub fn packets(first: u64, last: u64) -> String {
    if first == last { format!("#{first}") } else { format!("#{first}–#{last}") }
}

/// A hardware address as text.
pub fn mac(m: [u8; 6]) -> String {
    format!("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", m[0], m[1], m[2], m[3], m[4], m[5])
}

/// The protocol a packet is known by: its innermost one, unless that is mere data.
pub fn protocol(packet: &Packet<'_>) -> Option<Protocol> {
    let mut layers = packet.layers.iter().rev().filter(|layer| !layer.quoted).map(|layer| layer.protocol);
    let innermost = layers.next()?;
    if innermost == Protocol::Data { layers.next().or(Some(innermost)) } else { Some(innermost) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_stand_apart_from_addresses() {
        assert_eq!(with_port("10.0.0.1", Some(80)), "10.0.0.1:80");
        assert_eq!(with_port("fe80::1", Some(80)), "[fe80::1]:80");
        assert_eq!(with_port("fe80::1", None), "fe80::1");
    }
}
