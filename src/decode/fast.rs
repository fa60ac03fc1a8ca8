//! The fast lane: where each header begins and ends, with etherparse's slices for the headers it knows.
//!
//! etherparse reads ARP, IPv4, IPv6, TCP and UDP headers; link headers, ICMP and IP's extension headers are our
//! own dissectors with the recorder off. How far an IP packet reaches, and what of it is a header, is decided
//! here and not by etherparse's `LaxSlicedPacket`, which reads on behind the fragment header of later
//! fragments, where no header stands.

use std::net::IpAddr;

use arrayvec::ArrayVec;
use etherparse::{ArpPacketSlice, Ipv4HeaderSlice, Ipv6HeaderSlice, TcpSlice, UdpSlice, err};

use super::tcp::Tcp;
use crate::capture::Frame;
use crate::protocol::{self, Key, Protocol, ethernet, icmp, icmpv6, ipv4, ipv6, quic, rpc, wlan};
use crate::wire::{Cursor, Malformed, Off, Problem};

/// IPv6 next header that says there is none (RFC 8200 section 4.7).
const NO_NEXT_HEADER: u8 = 59;

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
    Tcp(Tcp<'a>),
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
    /// Its bytes, as far as captured.
    pub bytes: &'a [u8],
    /// Whether all of them were captured: else the datagram cannot be put together.
    pub complete: bool,
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

    /// Source and destination of the innermost IP layer that is not quoted.
    pub fn addresses(&self) -> Option<(IpAddr, IpAddr)> {
        Some(match &self.ip()?.header {
            Header::Ipv4(h) => (h.source().into(), h.destination().into()),
            Header::Ipv6(h) => (h.source().into(), h.destination().into()),
            _ => return None,
        })
    }

    /// Index of the TCP or UDP layer that the frame itself carries.
    pub fn transport(&self) -> Option<&Layer<'a>> {
        self.layers.iter().rev().find(|l| matches!(l.protocol, Protocol::Tcp | Protocol::Udp) && !l.quoted)
    }
}

/// Takes a frame apart.
pub fn decode<'a>(frame: &Frame<'a>) -> Packet<'a> {
    let missing = (frame.wire_len as usize).saturating_sub(frame.bytes.len());
    let mut packet = Packet::default();
    let mut walk = Walk { bytes: frame.bytes, missing, packet: &mut packet };
    walk.run(Key::Link(frame.link_type), 0, frame.bytes.len());
    packet
}

/// Takes apart the payload of an IP datagram that was put together from fragments; offsets count from its
/// first byte.
pub fn decode_datagram(ip_protocol: u8, bytes: &[u8]) -> Packet<'_> {
    let mut packet = Packet { transport_len: bytes.len(), ..Packet::default() };
    let mut walk = Walk { bytes, missing: 0, packet: &mut packet };
    walk.run(Key::IpProtocol(ip_protocol), 0, bytes.len());
    packet
}

/// Where the next header is expected: under which key, in which part of the buffer.
struct Next {
    key: Key,
    start: usize,
    end: usize,
}

struct Walk<'a, 'p> {
    bytes: &'a [u8],
    /// Bytes the frame had on the wire beyond those captured.
    missing: usize,
    packet: &'p mut Packet<'a>,
}

impl<'a> Walk<'a, '_> {
    fn run(&mut self, key: Key, start: usize, end: usize) {
        let mut next = Some(Next { key, start, end });
        let mut quoted = false;
        while let Some(Next { key, start, end }) = next {
            // An empty rest is no layer, unless a header is required here: then its absence is an error.
            let nothing = matches!(key, Key::Unknown | Key::UdpPorts(..)) || quoted;
            if key == Key::End || start >= end && nothing {
                break;
            }
            quoted |= key == Key::Quoted;
            if self.packet.layers.len() + 2 > MAX_LAYERS {
                self.push(Protocol::Data, start, end, end, Header::None, quoted);
                break;
            }
            next = self.step(key, start, end, quoted);
        }
    }

    fn step(&mut self, key: Key, start: usize, end: usize, quoted: bool) -> Option<Next> {
        let protocol = match key {
            Key::IpVersion | Key::Quoted | Key::Link(12 | 14 | 101) => self.ip_version(start, end),
            // The check sequence stands at the end: where a frame is cut, it is gone.
            Key::WlanFcs if self.missing > 0 => Some(Protocol::Wlan),
            // QUIC has no port of its own but the web's: elsewhere its first bytes tell.
            Key::UdpPorts(..) if quic::is_long(&self.bytes[start..end]) => Some(Protocol::Quic),
            // The portmapper says at which port a program is: its messages, too, are told by their form.
            Key::UdpPorts(..) => protocol::child(key)
                .or_else(|| rpc::is_datagram(&self.bytes[start..end]).then_some(Protocol::Rpc)),
            _ => protocol::child(key),
        };
        let Some(protocol) = protocol else {
            self.push(Protocol::Data, start, end, end, Header::None, quoted);
            return None;
        };
        let mut off = Off;
        let mut c = Cursor::new(self.bytes, start, end, &mut off);
        let mut bad = None;
        // Key and header; how many of the bytes behind it belong to the layer, and how many to the next one.
        let read = match protocol {
            Protocol::Ethernet => ethernet::dissect(&mut c).map(|h| {
                let length = (h.key() == Key::Llc).then_some(usize::from(h.type_or_length));
                (h.key(), Header::Ethernet(h), length, None)
            }),
            Protocol::Icmp => icmp::dissect_noting(&mut c, &mut bad)
                .map(|h| (h.key(), Header::Icmp(h), None, h.quoted_len.map(usize::from))),
            Protocol::Icmpv6 => icmpv6::dissect_noting(&mut c, &mut bad)
                .map(|h| (h.key(), Header::Icmpv6(h), None, h.quoted_len.map(usize::from))),
            Protocol::Ipv4 => return self.ipv4(start, end, quoted),
            Protocol::Ipv6 => return self.ipv6(start, end, quoted),
            Protocol::Arp => return self.arp(start, end, quoted),
            Protocol::Tcp => return self.tcp(start, end, quoted),
            Protocol::Udp => return self.udp(start, end, quoted),
            // The check sequence at the end is the frame's own, not part of what it carries.
            Protocol::WlanFcs => {
                wlan::dissect_with_fcs(&mut c).map(|h| (h.key, Header::None, None, h.length))
            }
            _ => match protocol::dissect_carrier(protocol, &mut c) {
                Some(read) => read.map(|carries| (carries.key, Header::None, carries.length, None)),
                None => match protocol::dissect_datagram(protocol, &mut c, &mut bad) {
                    Some(read) => read.map(|()| (Key::End, Header::None, None, None)),
                    // Carried to the end: their own dissector reads them where they are followed or shown.
                    None => {
                        self.push(protocol, start, end, end, Header::None, quoted);
                        return None;
                    }
                },
            },
        };
        let header_end = c.at();
        self.trouble(protocol, bad, quoted);
        match read {
            Ok((key, header, own, next)) => {
                let limited = |length: Option<usize>| length.map_or(end, |n| end.min(header_end + n));
                // 802.3: the length says where the payload ends. What stands behind is filling.
                let end = limited(own);
                let protocol = match (protocol, key) {
                    (Protocol::Ethernet, Key::Llc) => Protocol::Dot3,
                    _ => protocol,
                };
                self.push(protocol, start, header_end, end, header, quoted);
                Some(Next { key, start: header_end, end: end.min(limited(next)) })
            }
            // A port is a guess: what makes no sense as the protocol registered for it is not that protocol.
            Err(bad) if bad.problem == Problem::Content && matches!(key, Key::UdpPorts(..)) => {
                self.push(Protocol::Data, start, end, end, Header::None, quoted);
                None
            }
            Err(bad) => {
                self.fail(protocol, start, end, bad, quoted);
                None
            }
        }
    }

    /// Raw IP: the first nibble alone tells the version. Where an EtherType or protocol number told it, that
    /// stands, and another version in the header is an error.
    fn ip_version(&self, start: usize, end: usize) -> Option<Protocol> {
        Some(match self.bytes[start..end].first().map(|b| b >> 4) {
            Some(6) => Protocol::Ipv6,
            _ => Protocol::Ipv4,
        })
    }

    fn ipv4(&mut self, start: usize, end: usize, quoted: bool) -> Option<Next> {
        let slice = &self.bytes[start..end];
        use err::ipv4::HeaderSliceError as E;
        let h = match Ipv4HeaderSlice::from_slice(slice) {
            Ok(h) => h,
            Err(e) => {
                let need = if let E::Len(l) = &e { l.required_len } else { 0 };
                self.fail(
                    Protocol::Ipv4,
                    start,
                    end,
                    malformed(Protocol::Ipv4, start, need, end - start),
                    quoted,
                );
                return None;
            }
        };
        let mut header_end = start + h.slice().len();
        let total = usize::from(h.total_len());
        let offset = u32::from(h.fragments_offset().byte_offset());
        let more = h.more_fragments();
        let mut protocol = h.protocol().0;
        // A total length of zero is the mark of a segment that the card was left to cut up: it ends with the frame.
        let claimed_end = if total == 0 { end } else { start + total };
        if claimed_end < header_end {
            self.push(Protocol::Ipv4, start, header_end, end, Header::Ipv4(h), quoted);
            let bad =
                Malformed { field: "ip.len", at: start + 2, need: 0, have: 2, problem: Problem::Content };
            self.trouble(Protocol::Ipv4, Some(bad), quoted);
            return None;
        }
        let carried_end = claimed_end.min(end);
        // Later fragments carry no headers, also none of IPsec.
        if offset == 0 && header_end < carried_end {
            let mut off = Off;
            let mut c = Cursor::new(self.bytes, header_end, carried_end, &mut off);
            match ipv4::extensions(&mut c, protocol) {
                Ok(next) => (protocol, header_end) = (next, c.at()),
                Err(bad) => {
                    self.push(Protocol::Ipv4, start, carried_end, carried_end, Header::Ipv4(h), quoted);
                    self.trouble(Protocol::Ipv4, Some(bad), quoted);
                    return None;
                }
            }
        }
        self.push(Protocol::Ipv4, start, header_end, carried_end, Header::Ipv4(h), quoted);
        let fragment = Fragment {
            protocol,
            id: u32::from(h.identification()),
            offset,
            more,
            bytes: &self.bytes[header_end..carried_end],
            complete: total > 0 && claimed_end <= end,
        };
        let length = if total == 0 { end + self.missing } else { claimed_end } - header_end;
        self.carried(
            length,
            (offset > 0 || more).then_some(fragment),
            protocol,
            header_end,
            carried_end,
            quoted,
        )
    }

    fn ipv6(&mut self, start: usize, end: usize, quoted: bool) -> Option<Next> {
        let slice = &self.bytes[start..end];
        use err::ipv6::HeaderSliceError as E;
        let h = match Ipv6HeaderSlice::from_slice(slice) {
            Ok(h) => h,
            Err(e) => {
                let need = if let E::Len(l) = &e { l.required_len } else { 0 };
                self.fail(
                    Protocol::Ipv6,
                    start,
                    end,
                    malformed(Protocol::Ipv6, start, need, end - start),
                    quoted,
                );
                return None;
            }
        };
        let fixed_end = start + ipv6::HEADER;
        let length = usize::from(h.payload_length());
        // Zero: a jumbogram, or a segment that the card was left to cut up (unless nothing is to follow).
        let unknown = length == 0 && h.next_header().0 != NO_NEXT_HEADER;
        let claimed_end = if unknown { end } else { fixed_end + length };
        let carried_end = claimed_end.min(end);
        let mut off = Off;
        let mut c = Cursor::new(self.bytes, fixed_end, carried_end, &mut off);
        let mut chain = ipv6::extensions(&mut c, h.next_header().0, false);
        let fragment = chain.fragment.map(|f| Fragment {
            protocol: f.next,
            id: f.id,
            offset: f.offset,
            more: f.more,
            bytes: &self.bytes[f.end..carried_end],
            complete: !unknown && claimed_end <= end,
        });
        if fragment.is_some_and(|f| f.offset == 0 && (quoted || !f.complete)) {
            chain = ipv6::extensions(&mut c, chain.next, true);
        }
        let header_end = if chain.stopped { carried_end } else { c.at() };
        self.push(Protocol::Ipv6, start, header_end, carried_end, Header::Ipv6(h), quoted);
        self.trouble(Protocol::Ipv6, chain.bad, quoted);
        if chain.stopped {
            return None;
        }
        let length = if unknown { end + self.missing } else { claimed_end } - header_end;
        self.carried(length, fragment, chain.next, header_end, carried_end, quoted)
    }

    /// What stands behind an IP header: a piece of a datagram, or the next layer.
    fn carried(
        &mut self,
        length: usize,
        fragment: Option<Fragment<'a>>,
        protocol: u8,
        start: usize,
        end: usize,
        quoted: bool,
    ) -> Option<Next> {
        if !quoted {
            // An IP length beyond what carries it promises bytes that never were (Wireshark, too): beyond the frame's own
            // end on the wire, or beyond what a header before it counts (PPPoE's, say).
            let carrier_end = if end < self.bytes.len() { end } else { self.bytes.len() + self.missing };
            self.packet.transport_len = length.min(carrier_end.saturating_sub(start));
            self.packet.fragment = fragment;
        }
        if let Some(fragment) = fragment {
            // A first fragment shows the next header. It is taken apart right here only where the datagram will
            // never be put together: else its fields would be told twice, here and in the whole.
            let apart = fragment.offset == 0 && (quoted || !fragment.complete);
            if !apart {
                if end > start {
                    self.push(Protocol::Data, start, end, end, Header::None, quoted);
                }
                return None;
            }
        }
        let key = if protocol == NO_NEXT_HEADER { Key::End } else { Key::IpProtocol(protocol) };
        (start < end || protocol::child(key).is_some()).then_some(Next { key, start, end })
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
                self.push(Protocol::Tcp, start, header_end, end, Header::Tcp(Tcp::whole(&tcp)), quoted);
            }
            Err(e) => {
                let need = if let E::Len(l) = &e { l.required_len } else { 0 };
                let cut = (self.missing > 0)
                    .then(|| Tcp::cut(&self.bytes[start..end], self.packet.transport_len))
                    .flatten();
                self.push(Protocol::Tcp, start, end, end, cut.map_or(Header::None, Header::Tcp), quoted);
                let bad = malformed(Protocol::Tcp, start, need, end - start);
                self.trouble(Protocol::Tcp, Some(bad), quoted);
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

    /// Keeps the first trouble. An ICMP error quotes only the beginning of a packet: that its headers are cut
    /// is no fault.
    fn trouble(&mut self, protocol: Protocol, bad: Option<Malformed>, quoted: bool) {
        if let Some(bad) = bad
            && !quoted
        {
            self.packet.malformed.get_or_insert((protocol, bad));
        }
    }

    fn fail(&mut self, protocol: Protocol, start: usize, end: usize, bad: Malformed, quoted: bool) {
        self.push(protocol, start, end, end, Header::None, quoted);
        self.trouble(protocol, Some(bad), quoted);
    }
}

fn malformed(protocol: Protocol, at: usize, need: usize, have: usize) -> Malformed {
    let problem = if need > have { Problem::Cut } else { Problem::Content };
    Malformed { field: protocol.field().name, at, need, have, problem }
}
