//! The fast lane: where each header begins and ends, with etherparse's slices for the headers it knows.
//!
//! etherparse decides for ARP, IPv4, IPv6, TCP and UDP (`LaxSlicedPacket`: what can be read is read, the
//! rest is an error beside it); the link headers and ICMP are our own dissectors with the recorder off.

use arrayvec::ArrayVec;
use etherparse::err::packet::SliceError;
use etherparse::{
    ArpPacketSlice, EtherType, IpNumber, Ipv4HeaderSlice, Ipv6HeaderSlice, LaxNetSlice, LaxSlicedPacket,
    TcpSlice, TransportSlice, UdpSlice,
};

use crate::capture::Frame;
use crate::protocol::{self, Key, Protocol, ethernet, icmp, icmpv6, llc, loopback, sll, vlan};
use crate::wire::{Cursor, Malformed, Off, Problem};

/// How deep layers may nest before the rest is `data`: more than any honest packet has.
pub const MAX_LAYERS: usize = 24;

/// A header as its reader gives it. `None`: described by the tree lane alone, or not readable.
#[derive(Debug, Clone)]
pub enum Header<'a> {
    /// No typed view.
    None,
    /// Ethernet addresses and type.
    Ethernet(ethernet::Ethernet),
    /// ARP of any address sizes.
    Arp(ArpPacketSlice<'a>),
    /// IPv4 header with options.
    Ipv4(Ipv4HeaderSlice<'a>),
    /// IPv6 fixed header.
    Ipv6(Ipv6HeaderSlice<'a>),
    /// ICMP for IPv4.
    Icmp(icmp::Icmp),
    /// ICMP for IPv6.
    Icmpv6(icmpv6::Icmpv6),
    /// TCP header, options, payload as captured.
    Tcp(TcpSlice<'a>),
    /// UDP header and payload as captured.
    Udp(UdpSlice<'a>),
}

/// One layer: `start..header_end` is its header, `header_end..end` what it carries.
#[derive(Debug, Clone)]
pub struct Layer<'a> {
    /// Whose header it is.
    pub protocol: Protocol,
    /// Offset of the header's first byte.
    pub start: usize,
    /// Offset after the header.
    pub header_end: usize,
    /// Offset after what the layer's own length field counts, as far as captured.
    pub end: usize,
    /// Typed view of the header.
    pub header: Header<'a>,
    /// Whether it is part of a packet that an ICMP error quotes: seen, but not sent here.
    pub quoted: bool,
}

/// A piece of an IP datagram that was sent in several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fragment<'a> {
    /// IP protocol of the whole.
    pub protocol: u8,
    /// Identification (16 bits in IPv4, 32 in IPv6).
    pub id: u32,
    /// Offset of this piece in the datagram's payload, in bytes.
    pub offset: u32,
    /// Whether more pieces follow it.
    pub more: bool,
    /// Its bytes.
    pub bytes: &'a [u8],
}

/// A frame taken apart into layers, outermost first.
#[derive(Debug, Clone, Default)]
pub struct Packet<'a> {
    /// The layers; each lies in its predecessor's carried part.
    pub layers: ArrayVec<Layer<'a>, MAX_LAYERS>,
    /// What stopped the reading, and in which layer.
    pub malformed: Option<(Protocol, Malformed)>,
    /// Set where the innermost IP packet is a fragment.
    pub fragment: Option<Fragment<'a>>,
    /// Length of the transport segment as IP's length field gives it: more than captured where the capture was cut.
    pub transport_len: usize,
}

impl<'a> Packet<'a> {
    /// The first layer of a protocol that is not quoted by an ICMP error.
    pub fn layer(&self, protocol: Protocol) -> Option<&Layer<'a>> {
        self.layers.iter().find(|l| l.protocol == protocol && !l.quoted)
    }

    /// The innermost layer that is not quoted: what the frame was sent for.
    pub fn innermost(&self) -> Option<&Layer<'a>> {
        self.layers.iter().rev().find(|l| !l.quoted)
    }

    /// The innermost IP layer that is not quoted.
    pub fn ip(&self) -> Option<&Layer<'a>> {
        self.layers.iter().rev().find(|l| matches!(l.protocol, Protocol::Ipv4 | Protocol::Ipv6) && !l.quoted)
    }

    /// Index of the TCP or UDP layer that the frame itself carries.
    pub fn transport(&self) -> Option<&Layer<'a>> {
        self.layers.iter().rev().find(|l| matches!(l.protocol, Protocol::Tcp | Protocol::Udp) && !l.quoted)
    }
}

/// Takes a frame apart.
pub fn decode<'a>(frame: &Frame<'a>) -> Packet<'a> {
    let missing = (frame.wire_len as usize).saturating_sub(frame.bytes.len());
    let mut walk = Walk { bytes: frame.bytes, missing, packet: Packet::default() };
    walk.run(Key::Link(frame.link_type), 0, frame.bytes.len());
    walk.packet
}

/// Takes apart the payload of an IP datagram that was put together from fragments; offsets count from its
/// first byte.
pub fn decode_datagram(ip_protocol: u8, bytes: &[u8]) -> Packet<'_> {
    let mut walk = Walk { bytes, missing: 0, packet: Packet::default() };
    walk.packet.transport_len = bytes.len();
    walk.run(Key::IpProtocol(ip_protocol), 0, bytes.len());
    walk.packet
}

/// Where the next header is expected: under which key, in which part of the buffer.
struct Next {
    key: Key,
    start: usize,
    end: usize,
}

struct Walk<'a> {
    bytes: &'a [u8],
    /// Bytes the frame had on the wire beyond those captured.
    missing: usize,
    packet: Packet<'a>,
}

impl<'a> Walk<'a> {
    fn run(&mut self, key: Key, start: usize, end: usize) {
        let mut next = Some(Next { key, start, end });
        let mut quoted = false;
        while let Some(Next { key, start, end }) = next {
            // An empty rest is no layer, unless a header is required here: then its absence is an error.
            if start >= end && matches!(key, Key::Unknown | Key::End | Key::UdpPorts(..)) {
                break;
            }
            quoted |= key == Key::Quoted;
            if self.packet.layers.len() + 4 > MAX_LAYERS {
                self.push(Protocol::Data, start, end, end, Header::None, quoted);
                break;
            }
            next = self.step(key, start, end, quoted);
        }
    }

    fn step(&mut self, key: Key, start: usize, end: usize, quoted: bool) -> Option<Next> {
        let is_ip = matches!(
            key,
            Key::EtherType(0x0800 | 0x86dd)
                | Key::IpVersion
                | Key::Quoted
                | Key::Link(12 | 14 | 101 | 228 | 229)
        ) || matches!(key, Key::IpProtocol(4 | 41));
        if is_ip {
            return self.ip(start, end, quoted);
        }
        let Some(protocol) = protocol::child(key) else {
            self.push(Protocol::Data, start, end, end, Header::None, quoted);
            return None;
        };
        let mut off = Off;
        let mut c = Cursor::new(self.bytes, start, end, &mut off);
        let read = match protocol {
            Protocol::Ethernet => ethernet::dissect(&mut c).map(|h| (h.key(), Header::Ethernet(h))),
            Protocol::Vlan => vlan::dissect(&mut c).map(|h| (h.key(), Header::None)),
            Protocol::Llc => llc::dissect(&mut c).map(|k| (k, Header::None)),
            Protocol::Sll => sll::dissect_v1(&mut c).map(|k| (k, Header::None)),
            Protocol::Sll2 => sll::dissect_v2(&mut c).map(|k| (k, Header::None)),
            Protocol::Null => loopback::dissect(&mut c).map(|k| (k, Header::None)),
            Protocol::Icmp => icmp::dissect(&mut c).map(|h| (h.key(), Header::Icmp(h))),
            Protocol::Icmpv6 => icmpv6::dissect(&mut c).map(|h| (h.key(), Header::Icmpv6(h))),
            Protocol::Arp => return self.arp(start, end, quoted),
            Protocol::Tcp => return self.tcp(start, end, quoted),
            Protocol::Udp => return self.udp(start, end, quoted),
            // Carried to the end: their own dissector reads them where they are followed or shown.
            _ => {
                self.push(protocol, start, end, end, Header::None, quoted);
                return None;
            }
        };
        match read {
            Ok((key, header)) => {
                let header_end = c.at();
                let (protocol, end) = match &header {
                    Header::Ethernet(h) if key == Key::Llc => {
                        // 802.3: the length says where the payload ends. What stands behind is filling.
                        (Protocol::Dot3, end.min(header_end + usize::from(h.type_or_length)))
                    }
                    _ => (protocol, end),
                };
                self.push(protocol, start, header_end, end, header, quoted);
                Some(Next { key, start: header_end, end })
            }
            Err(bad) => {
                self.fail(protocol, start, end, bad, quoted);
                None
            }
        }
    }

    fn ip(&mut self, start: usize, end: usize, quoted: bool) -> Option<Next> {
        let slice = &self.bytes[start..end];
        let sliced = match LaxSlicedPacket::from_ip(slice) {
            Ok(sliced) => sliced,
            Err(_) => {
                // Neither version nor header can be made out; the first nibble is the best guess there is.
                let protocol = match slice.first().map(|b| b >> 4) {
                    Some(6) => Protocol::Ipv6,
                    _ => Protocol::Ipv4,
                };
                let need = if protocol == Protocol::Ipv6 { 40 } else { 20 };
                let bad = malformed(protocol, start, need, slice.len());
                self.fail(protocol, start, end, bad, quoted);
                return None;
            }
        };
        let (protocol, header, carried, claimed) = match &sliced.net {
            Some(LaxNetSlice::Ipv4(ip)) => {
                let h = Ipv4HeaderSlice::from_slice(slice).ok()?;
                // A total length of zero is the mark of a segment that the card was left to cut up.
                let total = usize::from(h.total_len());
                let claimed = (total >= h.slice().len()).then_some(total);
                (Protocol::Ipv4, Header::Ipv4(h), ip.payload().clone(), claimed)
            }
            Some(LaxNetSlice::Ipv6(ip)) => {
                let h = ip.header();
                let length = usize::from(h.payload_length());
                let claimed = (length > 0 || slice.len() == 40).then_some(40 + length);
                (Protocol::Ipv6, Header::Ipv6(h), ip.payload().clone(), claimed)
            }
            _ => return None,
        };
        let header_end = start + offset_in(slice, carried.payload);
        let carried_end = header_end + carried.payload.len();
        self.packet.transport_len = match claimed {
            Some(total) => (start + total).saturating_sub(header_end),
            None => carried.payload.len() + self.missing,
        };
        self.push(protocol, start, header_end, carried_end, header, quoted);
        if let Some((error, _)) = &sliced.stop_err
            && matches!(error, SliceError::Ipv6Exts(_) | SliceError::Ipv4Exts(_))
        {
            self.packet.malformed =
                Some((protocol, malformed(protocol, header_end, 0, carried.payload.len())));
        }
        if carried.fragmented {
            if !quoted {
                self.packet.fragment =
                    fragment_of(&sliced, slice).map(|f| Fragment { bytes: carried.payload, ..f });
            }
            if carried_end > header_end {
                self.push(Protocol::Data, header_end, carried_end, carried_end, Header::None, quoted);
            }
            return None;
        }
        let key = Key::IpProtocol(carried.ip_number.0);
        match sliced.transport {
            Some(TransportSlice::Tcp(tcp)) => {
                let tcp_end = header_end + tcp.header_slice().len();
                self.push(Protocol::Tcp, header_end, tcp_end, carried_end, Header::Tcp(tcp), quoted);
                None
            }
            Some(TransportSlice::Udp(udp)) => Some(self.udp_layer(udp, header_end, quoted)),
            _ if header_end >= carried_end && protocol::child(key).is_none() => None,
            _ => Some(Next { key, start: header_end, end: carried_end }),
        }
    }

    fn arp(&mut self, start: usize, end: usize, quoted: bool) -> Option<Next> {
        match ArpPacketSlice::from_slice(&self.bytes[start..end]) {
            Ok(arp) => {
                let arp_end = start + arp.slice().len();
                self.push(Protocol::Arp, start, arp_end, arp_end, Header::Arp(arp), quoted);
            }
            Err(e) => {
                let bad = malformed(Protocol::Arp, start, e.required_len, e.len);
                self.fail(Protocol::Arp, start, end, bad, quoted);
            }
        }
        None
    }

    fn tcp(&mut self, start: usize, end: usize, quoted: bool) -> Option<Next> {
        use etherparse::err::tcp::HeaderSliceError as E;
        match TcpSlice::from_slice(&self.bytes[start..end]) {
            Ok(tcp) => {
                let header_end = start + tcp.header_slice().len();
                self.push(Protocol::Tcp, start, header_end, end, Header::Tcp(tcp), quoted);
            }
            Err(e) => {
                let need = if let E::Len(l) = &e { l.required_len } else { 0 };
                self.fail(
                    Protocol::Tcp,
                    start,
                    end,
                    malformed(Protocol::Tcp, start, need, end - start),
                    quoted,
                );
            }
        }
        None
    }

    fn udp(&mut self, start: usize, end: usize, quoted: bool) -> Option<Next> {
        match UdpSlice::from_slice_lax(&self.bytes[start..end]) {
            Ok(udp) => Some(self.udp_layer(udp, start, quoted)),
            Err(e) => {
                self.fail(
                    Protocol::Udp,
                    start,
                    end,
                    malformed(Protocol::Udp, start, e.required_len, e.len),
                    quoted,
                );
                None
            }
        }
    }

    fn udp_layer(&mut self, udp: UdpSlice<'a>, start: usize, quoted: bool) -> Next {
        let (end, ports) = (start + udp.slice().len(), (udp.source_port(), udp.destination_port()));
        self.push(Protocol::Udp, start, start + 8, end, Header::Udp(udp), quoted);
        Next { key: Key::UdpPorts(ports.0, ports.1), start: start + 8, end }
    }

    fn push(
        &mut self,
        protocol: Protocol,
        start: usize,
        header_end: usize,
        end: usize,
        header: Header<'a>,
        quoted: bool,
    ) {
        // Full only where a frame nests deeper than MAX_LAYERS: `run` has stopped before.
        let _ = self.packet.layers.try_push(Layer { protocol, start, header_end, end, header, quoted });
    }

    fn fail(&mut self, protocol: Protocol, start: usize, end: usize, bad: Malformed, quoted: bool) {
        self.push(protocol, start, end, end, Header::None, quoted);
        // An ICMP error quotes only the beginning of a packet: that its headers are cut is no fault.
        if !quoted {
            self.packet.malformed = Some((protocol, bad));
        }
    }
}

fn malformed(protocol: Protocol, at: usize, need: usize, have: usize) -> Malformed {
    let problem = if need > have { Problem::Cut } else { Problem::Content };
    Malformed { field: protocol.field().name, at, need, have, problem }
}

/// Offset of `inner`, which etherparse cut out of `outer`.
fn offset_in(outer: &[u8], inner: &[u8]) -> usize {
    (inner.as_ptr() as usize).wrapping_sub(outer.as_ptr() as usize).min(outer.len())
}

fn fragment_of<'a>(sliced: &LaxSlicedPacket<'a>, slice: &'a [u8]) -> Option<Fragment<'a>> {
    match &sliced.net {
        Some(LaxNetSlice::Ipv4(ip)) => {
            let h = ip.header();
            Some(Fragment {
                protocol: ip.payload_ip_number().0,
                id: u32::from(h.identification()),
                offset: u32::from(h.fragments_offset().byte_offset()),
                more: h.more_fragments(),
                bytes: slice,
            })
        }
        Some(LaxNetSlice::Ipv6(ip)) => {
            let fragment = ip.extensions().clone().into_iter().find_map(|e| match e {
                etherparse::Ipv6ExtensionSlice::Fragment(f) => Some(f.to_header()),
                _ => None,
            })?;
            Some(Fragment {
                protocol: ip.payload().ip_number.0,
                id: fragment.identification,
                offset: u32::from(fragment.fragment_offset.byte_offset()),
                more: fragment.more_fragments,
                bytes: slice,
            })
        }
        _ => None,
    }
}

/// Kept so that the numbers this file switches on are seen to be etherparse's own.
const _: () = {
    assert!(EtherType::IPV4.0 == 0x0800 && EtherType::IPV6.0 == 0x86dd && EtherType::ARP.0 == 0x0806);
    assert!(IpNumber::TCP.0 == 6 && IpNumber::UDP.0 == 17 && IpNumber::IPV6_ICMP.0 == 58);
};
