//! What must hold for the decoding of any bytes, tried on many frames, all their truncations and thousands of
//! mutations:
//!
//! 1. each captured byte lies in exactly one leaf, bit for bit;
//! 2. described values equal etherparse's;
//! 3. both lanes say the same;
//! 4. a cut header still shows every field before the cut, and the error says layer, offset, needed, had;
//! 5. nothing panics, loops or grows without bound.
//!
//! Each property is a function over a link type and bytes. With `PCAPLAIN_CORPUS` set to a folder, 1, 3 and 5
//! are tried on every frame of every capture in it too.

use etherparse::{NetSlice, PacketBuilder, SlicedPacket, TransportSlice};
use pcaplain::capture::Frame;
use pcaplain::decode::{self, Context, Packet};
use pcaplain::protocol::{Protocol, checksum::Checksum};
use pcaplain::wire::{Malformed, NodeKind, Problem, Tree, Value};
use proptest::prelude::*;

const ETHERNET: u16 = 1;
const NULL: u16 = 0;
const RAW: u16 = 101;
const LINUX_SLL: u16 = 113;
const LINUX_SLL2: u16 = 276;

fn frame(link_type: u16, bytes: &[u8]) -> Frame<'_> {
    Frame { number: 1, time_ns: 0, interface: 0, link_type, wire_len: bytes.len() as u32, bytes }
}

fn tree_of(link_type: u16, bytes: &[u8]) -> Tree {
    let frame = frame(link_type, bytes);
    let mut tree = Tree::default();
    decode::build(&frame, &decode::decode(&frame), &Context::default(), &mut tree);
    tree
}

// ---- the frames ------------------------------------------------------------------------------------------

/// An Ethernet header before `payload`.
fn ethernet(ether_type: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x02, 0, 0, 0, 0, 2, 0x02, 0, 0, 0, 0, 1];
    bytes.extend_from_slice(&ether_type.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

fn built(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&mut bytes);
    bytes
}

fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    built(|bytes| {
        let number = etherparse::IpNumber(protocol);
        let header =
            etherparse::Ipv4Header::new(payload.len() as u16, 64, number, [10, 0, 0, 1], [10, 0, 0, 2]);
        header.unwrap().write(bytes).unwrap();
        bytes.extend_from_slice(payload);
    })
}

fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x60, 0x01, 0x02, 0x03];
    bytes.extend_from_slice(&(payload.len() as u16).to_be_bytes());
    bytes.extend_from_slice(&[next, 64]);
    bytes.extend_from_slice(&[0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    bytes.extend_from_slice(&[0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    bytes.extend_from_slice(payload);
    bytes
}

#[rustfmt::skip]
const ARP_REQUEST: &[u8] = &[
    0x00, 0x01, 0x08, 0x00, 0x06, 0x04, 0x00, 0x01,             // Ethernet, IPv4, sizes 6 and 4, request
    0x02, 0x00, 0x00, 0x00, 0x00, 0x01, 0x0a, 0x00, 0x00, 0x01, // sender
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x0a, 0x00, 0x00, 0x02, // target
];

#[rustfmt::skip]
const UDP_EMPTY: &[u8] = &[
    0x04, 0xd2, 0x16, 0x2e, // from 1234 to 5678
    0x00, 0x08, 0x00, 0x00, // 8 bytes, no checksum
];

#[rustfmt::skip]
const TCP_SYN: &[u8] = &[
    0xc3, 0x50, 0x00, 0x50, // from 50000 to 80
    0x00, 0x00, 0x03, 0xe8, // sequence number 1000
    0x00, 0x00, 0x00, 0x00, // acknowledgment number
    0xd0, 0x02, 0xfa, 0xf0, // 52 bytes, SYN, window 64240
    0x12, 0x34, 0x00, 0x00, // checksum, urgent pointer
    0x02, 0x04, 0x05, 0xb4, // maximum segment size 1460
    0x04, 0x02, 0x08, 0x0a, 0x00, 0x00, 0x00, 0x07, 0x00, 0x00, 0x00, 0x00, // SACK permitted, timestamps
    0x01, 0x03, 0x03, 0x07, // no operation, window scale 7
    0x05, 0x0a, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x02, // SACK 1 to 2
    0x00, 0x00,             // end of list
];

#[rustfmt::skip]
const ICMP_TOO_BIG: &[u8] = &[
    0x03, 0x04, 0x00, 0x00, 0x00, 0x00, 0x05, 0x78, // fragmentation needed, next hop's MTU 1400
    0x45, 0x00, 0x05, 0xdc, 0x12, 0x34, 0x40, 0x00, // the packet quoted: 1500 bytes, do not fragment
    0x40, 0x06, 0x00, 0x00, 0x0a, 0x00, 0x00, 0x02, // TCP
    0x0a, 0x00, 0x00, 0x01,
    0x00, 0x50, 0xc3, 0x50, 0x00, 0x00, 0x00, 0x09, // its first 8 bytes: ports, sequence number
];

/// The quoted packet filled up to 128 bytes, as the length field says, and an MPLS label behind it.
fn icmp_with_extension() -> Vec<u8> {
    let mut bytes = ICMP_TOO_BIG.to_vec();
    bytes[5] = 32;
    bytes.resize(8 + 128, 0);
    bytes.extend_from_slice(&[0x20, 0, 0, 0, 0, 8, 1, 1, 0, 1, 1, 0xfe]);
    bytes
}

#[rustfmt::skip]
const NEIGHBOUR_ADVERTISEMENT: &[u8] = &[
    0x88, 0x00, 0x00, 0x00, 0x60, 0x00, 0x00, 0x00,       // solicited, override
    0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, // target
    0x02, 0x01, 0x02, 0x00, 0x00, 0x00, 0x00, 0x01,       // target link-layer address
];

#[rustfmt::skip]
const ROUTER_ADVERTISEMENT: &[u8] = &[
    0x86, 0x00, 0x00, 0x00, 0x40, 0xc0, 0x07, 0x08, // hop limit 64, managed, other, lifetime 1800
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, // reachable time, retransmission timer
    0x05, 0x01, 0x00, 0x00, 0x00, 0x00, 0x05, 0xdc, // MTU 1500
    0x03, 0x04, 0x40, 0xc0, 0x00, 0x00, 0x0e, 0x10, // prefix of 64 bits, on link, autonomous, an hour
    0x00, 0x00, 0x0e, 0x10, 0x00, 0x00, 0x00, 0x00,
    0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
];

#[rustfmt::skip]
const EXTENSIONS: &[u8] = &[
    0x2b, 0x00, 0x05, 0x02, 0x00, 0x00, 0x01, 0x00, // hop by hop: router alert, PadN
    0x3c, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, // routing, type 0, one address
    0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
    0x11, 0x00, 0x1e, 0x02, 0xab, 0xcd, 0x00, 0x00, // destination: unknown option, Pad1 twice
    0x04, 0xd2, 0x16, 0x2e, 0x00, 0x0a, 0x00, 0x00, // UDP from 1234 to 5678, 10 bytes
    0x68, 0x69,
];

fn with_ipv4_options() -> Vec<u8> {
    let mut bytes = ipv4(17, &[]);
    bytes[0] = 0x49; // 36 bytes of header
    bytes.extend_from_slice(&[7, 11, 8, 10, 0, 0, 9, 0, 0, 0, 0]); // record route: one of two recorded
    bytes.extend_from_slice(&[1, 148, 4, 0, 0]); // no operation, router alert
    bytes.extend_from_slice(UDP_EMPTY);
    bytes[3] = bytes.len() as u8;
    bytes
}

/// Every frame that the properties are tried on, with a name for messages and its link type.
fn frames() -> Vec<(&'static str, u16, Vec<u8>)> {
    let ends = || PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
    let udp = built(|bytes| {
        let builder = PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64).udp(1234, 5678);
        builder.write(bytes, b"hello").unwrap();
    });
    let tcp6 = built(|bytes| {
        let builder = ends().ipv6([1; 16], [2; 16], 64).tcp(1000, 80, 7, 1024).psh().ack(9);
        builder.write(bytes, b"hello").unwrap();
    });
    let tagged = built(|bytes| {
        let builder = ends().double_vlan(7.try_into().unwrap(), 8.try_into().unwrap());
        let builder = builder.ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64).udp(1234, 5678);
        builder.write(bytes, b"hello").unwrap();
    });
    let mut padded = ethernet(0x0806, ARP_REQUEST);
    padded.resize(60, 0);
    let snap = [&[0xaa, 0xaa, 0x03, 0, 0, 0, 0x08, 0x06][..], ARP_REQUEST].concat();
    let mut llc = ethernet(snap.len() as u16, &snap);
    llc.resize(60, 0xff);
    let mut vlan_length = ethernet(0x8100, &[0, 5, 0, 3, 0x42, 0x42, 0x03]);
    vlan_length.resize(64, 0);
    let mut first_fragment = ipv4(17, &[0x04, 0xd2, 0x16, 0x2e, 0x00, 0x20, 0x00, 0x00, 1, 2, 3, 4]);
    first_fragment[6] = 0x20;
    let mut later_fragment = ipv4(17, &[7; 16]);
    later_fragment[7] = 9;
    let ah = [&[17, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 7, 0xde, 0xad, 0xbe, 0xef][..], UDP_EMPTY].concat();
    let gre = [&[0x20, 0x00, 0x08, 0x00, 0, 0, 0, 42][..], &ipv4(17, UDP_EMPTY)].concat();
    let sll = [0, 4, 0x03, 0x04, 0, 6, 0, 0, 0, 0, 0, 1, 0, 0, 0x08, 0x00];
    let sll2 = [0x08, 0x06, 0, 0, 0, 0, 0, 3, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0];
    let in_ipv4 = |protocol, payload: &[u8]| ethernet(0x0800, &ipv4(protocol, payload));
    let in_ipv6 = |next, payload: &[u8]| ethernet(0x86dd, &ipv6(next, payload));
    vec![
        ("arp with filling", ETHERNET, padded),
        ("802.3 with SNAP", ETHERNET, llc),
        ("vlan with a length", ETHERNET, vlan_length),
        ("two vlan tags", ETHERNET, tagged),
        ("tcp over ipv6", ETHERNET, tcp6),
        ("syn with options", ETHERNET, in_ipv4(6, TCP_SYN)),
        ("icmp error", ETHERNET, in_ipv4(1, ICMP_TOO_BIG)),
        ("icmp error with extension", ETHERNET, in_ipv4(1, &icmp_with_extension())),
        (
            "icmp timestamp",
            ETHERNET,
            in_ipv4(1, &[13, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0]),
        ),
        ("echo", ETHERNET, in_ipv4(1, &[8, 0, 0, 0, 0, 1, 0, 1, b'a', b'b'])),
        ("neighbour advertisement", ETHERNET, in_ipv6(58, NEIGHBOUR_ADVERTISEMENT)),
        ("router advertisement", ETHERNET, in_ipv6(58, ROUTER_ADVERTISEMENT)),
        ("extension headers", ETHERNET, in_ipv6(0, EXTENSIONS)),
        ("first fragment", ETHERNET, ethernet(0x0800, &first_fragment)),
        ("later fragment", ETHERNET, ethernet(0x0800, &later_fragment)),
        ("ipv6 fragment", RAW, ipv6(44, &[60, 0, 0, 9, 0, 0, 0, 1, 17, 0, 1, 4, 0, 0, 0, 0])),
        ("ip options", RAW, with_ipv4_options()),
        ("authentication header", RAW, ipv4(51, &ah)),
        ("gre", RAW, ipv4(47, &gre)),
        ("mpls", ETHERNET, ethernet(0x8847, &[&[0, 1, 1, 64][..], &udp].concat())),
        ("null", NULL, [&[2, 0, 0, 0][..], &udp].concat()),
        ("linux cooked 1", LINUX_SLL, [&sll[..], &udp].concat()),
        ("linux cooked 2", LINUX_SLL2, [&sll2[..], ARP_REQUEST].concat()),
        ("unknown link type", 147, vec![1, 2, 3]),
        ("unknown ether type", ETHERNET, ethernet(0x9000, &[1, 2, 3])),
        ("nothing", ETHERNET, vec![]),
    ]
}

// ---- the properties --------------------------------------------------------------------------------------

/// 1: the leaves of the frame's own bytes tile them.
fn leaves_tile(link_type: u16, bytes: &[u8]) -> Result<(), String> {
    let tree = tree_of(link_type, bytes);
    let mut leaves: Vec<_> = tree
        .nodes
        .iter()
        .filter(|n| n.kind == NodeKind::Leaf && n.buffer == 0)
        .map(|n| (n.bit, n.bits, n.field.name))
        .collect();
    leaves.sort_unstable();
    let mut at = 0;
    for (bit, bits, name) in leaves {
        if bit != at {
            return Err(format!("{name} begins at bit {bit}, the one before ends at {at}"));
        }
        at += bits;
    }
    if at != bytes.len() * 8 {
        return Err(format!("leaves end at bit {at} of {}", bytes.len() * 8));
    }
    Ok(())
}

/// 3: the tree's layers are the fast lane's, in order, and each lies in what the one before carries.
fn lanes_agree(link_type: u16, bytes: &[u8]) -> Result<(), String> {
    let packet_frame = frame(link_type, bytes);
    let packet = decode::decode(&packet_frame);
    let tree = tree_of(link_type, bytes);
    let in_tree: Vec<_> = tree
        .nodes
        .iter()
        .filter(|n| n.kind == NodeKind::Layer)
        .map(|n| (n.field.name, n.bit / 8, (n.bit + n.bits) / 8))
        .collect();
    let fast: Vec<_> =
        packet.layers.iter().map(|l| (l.protocol.field().name, l.start, l.header_end)).collect();
    if fast != in_tree {
        return Err(format!("fast {fast:?}\ntree {in_tree:?}"));
    }
    let (mut start, mut end) = (0, bytes.len());
    for layer in &packet.layers {
        let nested = start <= layer.start
            && layer.start <= layer.header_end
            && layer.header_end <= layer.end
            && layer.end <= end;
        if !nested {
            return Err(format!("{layer:?} does not nest in {start}..{end}"));
        }
        (start, end) = (layer.header_end, layer.end);
    }
    Ok(())
}

fn both(link_type: u16, bytes: &[u8]) -> Result<(), String> {
    leaves_tile(link_type, bytes)?;
    lanes_agree(link_type, bytes)
}

#[test]
fn leaves_tile_and_lanes_agree_on_every_truncation() {
    for (name, link_type, bytes) in frames() {
        for length in 0..=bytes.len() {
            let result = both(link_type, &bytes[..length]);
            assert_eq!(result, Ok(()), "{name}, {length} of {} bytes", bytes.len());
        }
    }
}

/// 2: the values of IP and transport headers, as etherparse reads them. Counts what it compared.
fn equal_etherparses(name: &str, link_type: u16, bytes: &[u8]) -> usize {
    let sliced = match link_type {
        ETHERNET => SlicedPacket::from_ethernet(bytes),
        RAW => SlicedPacket::from_ip(bytes),
        _ => return 0,
    };
    let Ok(sliced) = sliced else { return 0 };
    let mut theirs: Vec<(&str, Value)> = Vec::new();
    let mut others: Vec<(&str, Value)> = Vec::new();
    let mut number = |field, value: u64| theirs.push((field, Value::Uint(value)));
    match &sliced.net {
        Some(NetSlice::Ipv4(ip)) => {
            let h = ip.header();
            number("ip.version", 4);
            number("ip.hdr_len", u64::from(h.ihl()) * 4);
            number("ip.dsfield.dscp", h.dcp().value().into());
            number("ip.dsfield.ecn", h.ecn().value().into());
            number("ip.len", h.total_len().into());
            number("ip.id", h.identification().into());
            number("ip.frag_offset", h.fragments_offset().value().into());
            number("ip.ttl", h.ttl().into());
            number("ip.proto", h.protocol().0.into());
            number("ip.checksum", h.header_checksum().into());
            others.push(("ip.flags.df", Value::Flag(h.dont_fragment())));
            others.push(("ip.flags.mf", Value::Flag(h.more_fragments())));
            others.push(("ip.src", Value::Ipv4(h.source())));
            others.push(("ip.dst", Value::Ipv4(h.destination())));
        }
        Some(NetSlice::Ipv6(ip)) => {
            let h = ip.header();
            number("ipv6.tclass", h.traffic_class().into());
            number("ipv6.flow", h.flow_label().value().into());
            number("ipv6.plen", h.payload_length().into());
            number("ipv6.nxt", h.next_header().0.into());
            number("ipv6.hlim", h.hop_limit().into());
            others.push(("ipv6.src", Value::Ipv6(h.source())));
            others.push(("ipv6.dst", Value::Ipv6(h.destination())));
        }
        Some(NetSlice::Arp(arp)) => {
            number("arp.hw.type", arp.hw_addr_type().0.into());
            number("arp.proto.type", arp.proto_addr_type().0.into());
            number("arp.hw.size", arp.hw_addr_size().into());
            number("arp.proto.size", arp.proto_addr_size().into());
            number("arp.opcode", arp.operation().0.into());
            if let (Ok(sender), Ok(target)) =
                (arp.sender_hw_addr().try_into(), arp.target_protocol_addr().try_into())
            {
                others.push(("arp.src.hw_mac", Value::Mac(sender)));
                others.push(("arp.dst.proto_ipv4", Value::Ipv4(target)));
            }
        }
        None => {}
    }
    match &sliced.transport {
        Some(TransportSlice::Tcp(h)) => {
            number("tcp.srcport", h.source_port().into());
            number("tcp.dstport", h.destination_port().into());
            number("tcp.seq_raw", h.sequence_number().into());
            number("tcp.ack_raw", h.acknowledgment_number().into());
            number("tcp.hdr_len", u64::from(h.data_offset()) * 4);
            number("tcp.window_size_value", h.window_size().into());
            number("tcp.checksum", h.checksum().into());
            number("tcp.urgent_pointer", h.urgent_pointer().into());
            let flags = [
                ("tcp.flags.ae", h.ns()),
                ("tcp.flags.cwr", h.cwr()),
                ("tcp.flags.ece", h.ece()),
                ("tcp.flags.urg", h.urg()),
                ("tcp.flags.ack", h.ack()),
                ("tcp.flags.push", h.psh()),
                ("tcp.flags.reset", h.rst()),
                ("tcp.flags.syn", h.syn()),
                ("tcp.flags.fin", h.fin()),
            ];
            others.extend(flags.map(|(field, set)| (field, Value::Flag(set))));
            for option in h.options_iterator().flatten() {
                use etherparse::TcpOptionElement as O;
                match option {
                    O::MaximumSegmentSize(n) => number("tcp.options.mss_val", n.into()),
                    O::WindowScale(n) => number("tcp.options.wscale.shift", n.into()),
                    O::Timestamp(value, echo) => {
                        number("tcp.options.timestamp.tsval", value.into());
                        number("tcp.options.timestamp.tsecr", echo.into());
                    }
                    O::SelectiveAcknowledgement((left, right), _) => {
                        number("tcp.options.sack_le_raw", left.into());
                        number("tcp.options.sack_re_raw", right.into());
                    }
                    O::Noop | O::SelectiveAcknowledgementPermitted => {}
                }
            }
        }
        Some(TransportSlice::Udp(h)) => {
            number("udp.srcport", h.source_port().into());
            number("udp.dstport", h.destination_port().into());
            number("udp.length", h.length().into());
            number("udp.checksum", h.checksum().into());
        }
        Some(TransportSlice::Icmpv4(h)) => {
            number("icmp.type", h.type_u8().into());
            number("icmp.code", h.code_u8().into());
            number("icmp.checksum", h.checksum().into());
        }
        Some(TransportSlice::Icmpv6(h)) => {
            number("icmpv6.type", h.type_u8().into());
            number("icmpv6.code", h.code_u8().into());
            number("icmpv6.checksum", h.checksum().into());
        }
        _ => {}
    }
    theirs.append(&mut others);
    let tree = tree_of(link_type, bytes);
    for (field, value) in &theirs {
        let ours = tree.find(field).next().map(|n| &n.value);
        assert_eq!(ours, Some(value), "{name}: {field}");
    }
    theirs.len()
}

#[test]
fn values_equal_etherparses() {
    let compared: usize =
        frames().iter().map(|(name, link, bytes)| equal_etherparses(name, *link, bytes)).sum();
    assert!(compared > 200, "only {compared} values were compared");
}

/// 4: what a cut frame shows is what the whole frame shows up to the cut: every leaf of the layer that was
/// cut, if the leaf ends before the cut.
fn cut_shows_what_came_before(link_type: u16, bytes: &[u8], length: usize) -> Result<(), String> {
    let cut_frame = frame(link_type, &bytes[..length]);
    let packet = decode::decode(&cut_frame);
    let whole_frame = frame(link_type, bytes);
    let whole = decode::decode(&whole_frame);
    // A list (of options) that was cut between two of its parts cannot know that there were more.
    let between =
        tree_of(link_type, bytes).nodes.iter().any(|n| n.kind == NodeKind::Group && n.offset() == length);
    let in_header = |l: &&decode::Layer<'_>| {
        !between && l.start < length && length < l.header_end && !l.quoted && l.protocol != Protocol::Data
    };
    let Some((protocol, bad)) = packet.malformed else {
        return whole.layers.iter().find(in_header).map_or(Ok(()), |l| Err(format!("no word of {l:?}")));
    };
    says_where(&packet, protocol, bad, length)?;
    let layer = packet.layers.iter().rev().find(|l| l.protocol == protocol && l.start <= bad.at);
    let layer = layer.ok_or("the error is in no layer")?;
    let (cut, whole) = (tree_of(link_type, &bytes[..length]), tree_of(link_type, bytes));
    for leaf in whole.nodes.iter().filter(|n| n.kind == NodeKind::Leaf && n.offset() >= layer.start) {
        // Bits of one word are told together: a word that was cut is told up to the last field that ends
        // with a whole byte.
        let ends_before = (leaf.bit + leaf.bits).div_ceil(8) <= length && !leaf.is_partial();
        let shown = cut.nodes.iter().any(|n| {
            n.kind == NodeKind::Leaf
                && (n.field, n.bit, n.bits, &n.value) == (leaf.field, leaf.bit, leaf.bits, &leaf.value)
        });
        if ends_before && !shown {
            return Err(format!("{} at {} is not shown any more", leaf.field.name, leaf.offset()));
        }
    }
    Ok(())
}

fn says_where(packet: &Packet<'_>, protocol: Protocol, bad: Malformed, length: usize) -> Result<(), String> {
    let known = packet.layers.iter().any(|l| l.protocol == protocol);
    let cut = bad.problem == Problem::Cut && bad.need > bad.have && bad.at + bad.have <= length;
    if known && cut { Ok(()) } else { Err(format!("{protocol:?} {bad:?} of {length} bytes")) }
}

#[test]
fn a_cut_header_shows_every_field_before_the_cut() {
    for (name, link_type, bytes) in frames() {
        for length in 0..bytes.len() {
            let result = cut_shows_what_came_before(link_type, &bytes, length);
            assert_eq!(result, Ok(()), "{name}, {length} of {} bytes", bytes.len());
        }
    }
}

#[test]
fn a_cut_tcp_header_in_numbers() {
    let bytes = ethernet(0x0800, &ipv4(6, TCP_SYN));
    let cut_frame = frame(ETHERNET, &bytes[..14 + 20 + 10]);
    let packet = decode::decode(&cut_frame);
    let (protocol, bad) = packet.malformed.unwrap();
    assert_eq!((protocol, bad.at, bad.need, bad.have), (Protocol::Tcp, 34, 20, 10));
    let mut tree = Tree::default();
    decode::build(&cut_frame, &packet, &Context::default(), &mut tree);
    assert_eq!(tree.find("tcp.seq_raw").next().unwrap().value, Value::Uint(1000));
    assert_eq!(tree.find("tcp.unreadable").next().unwrap().length(), 2);
}

fn mutated() -> impl Strategy<Value = (u16, Vec<u8>)> {
    let frames = frames();
    let change = (any::<prop::sample::Index>(), any::<u8>());
    (0..frames.len(), prop::collection::vec(change, 0..8), any::<u16>()).prop_map(
        move |(which, changes, cut)| {
            let (_, link_type, mut bytes) = frames[which].clone();
            for (at, value) in changes.into_iter().filter(|_| !frames[which].2.is_empty()) {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            if cut % 3 == 0 {
                bytes.truncate(usize::from(cut) % (bytes.len() + 1));
            }
            (link_type, bytes)
        },
    )
}

/// Every link type that has a decoder.
const LINK_TYPES: [u16; 17] = [0, 1, 9, 10, 12, 14, 50, 51, 101, 105, 108, 113, 127, 228, 229, 239, 276];

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..Default::default() })]

    /// 5, and 1 and 3 again: whatever is changed.
    #[test]
    fn mutations((link_type, bytes) in mutated()) {
        prop_assert_eq!(both(link_type, &bytes), Ok(()));
        check_sums(link_type, &bytes);
    }

    #[test]
    fn garbage(link in 0..LINK_TYPES.len(), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(both(LINK_TYPES[link], &bytes), Ok(()));
    }
}

/// Checksums of all layers.
fn check_sums(link_type: u16, bytes: &[u8]) -> Vec<(Protocol, Checksum)> {
    let frame = frame(link_type, bytes);
    let packet = decode::decode(&frame);
    let layers = packet.layers.iter().enumerate();
    layers.filter_map(|(i, l)| Some((l.protocol, decode::verify(&frame, &packet, i)?))).collect()
}

#[test]
fn checksums_of_layers() {
    let mut packet = built(|bytes| {
        let builder = PacketBuilder::ethernet2([1; 6], [2; 6]).ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64);
        builder.tcp(1000, 80, 7, 1024).write(bytes, b"hello").unwrap();
    });
    packet.extend_from_slice(&[9; 6]); // Ethernet's filling is not summed
    let good = [(Protocol::Ipv4, Checksum::Good), (Protocol::Tcp, Checksum::Good)];
    assert_eq!(check_sums(ETHERNET, &packet), good);
    let cut = [(Protocol::Ipv4, Checksum::Good), (Protocol::Tcp, Checksum::Unverifiable)];
    assert_eq!(check_sums(ETHERNET, &packet[..14 + 20 + 22]), cut);
    packet[14 + 20 + 21] ^= 1;
    assert!(check_sums(ETHERNET, &packet)[1].1.is_bad());
}

#[test]
fn a_frame_of_endless_tunnels_ends() {
    let mut bytes = Vec::new();
    for left in (1..=60u16).rev() {
        let mut header = ipv4(4, &[]);
        header[2..4].copy_from_slice(&(20 * left).to_be_bytes());
        bytes.extend_from_slice(&header);
    }
    assert_eq!(both(RAW, &bytes), Ok(()));
    let tunnel_frame = frame(RAW, &bytes);
    let packet = decode::decode(&tunnel_frame);
    assert!(packet.layers.len() <= decode::MAX_LAYERS);
    assert_eq!(packet.layers.last().unwrap().protocol, Protocol::Data);
}

// ---- other people's captures -----------------------------------------------------------------------------

/// Frames of a classic pcap file (this needs no more; the program's own reader is tested elsewhere).
fn pcap_frames(file: &[u8]) -> Vec<(u16, Vec<u8>)> {
    let little = match file.get(..4) {
        Some([0xd4, 0xc3, 0xb2, 0xa1] | [0x4d, 0x3c, 0xb2, 0xa1]) => true,
        Some([0xa1, 0xb2, 0xc3, 0xd4] | [0xa1, 0xb2, 0x3c, 0x4d]) => false,
        _ => return Vec::new(),
    };
    let number = |at: usize| {
        let bytes: [u8; 4] = file.get(at..at + 4)?.try_into().ok()?;
        Some(if little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    };
    let Some(link_type) = number(20) else { return Vec::new() };
    let (mut at, mut frames) = (24, Vec::new());
    while let Some(length) = number(at + 8) {
        let Some(bytes) = file.get(at + 16..at + 16 + length as usize) else { break };
        frames.push((link_type as u16, bytes.to_vec()));
        at += 16 + length as usize;
    }
    frames
}

fn files(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

#[test]
fn the_corpus() {
    let Some(folder) = std::env::var_os("PCAPLAIN_CORPUS") else {
        eprintln!("skipped: PCAPLAIN_CORPUS is not set");
        return;
    };
    let mut found = Vec::new();
    files(folder.as_ref(), &mut found);
    let mut frames = 0;
    for path in found {
        for (index, (link_type, mut bytes)) in
            pcap_frames(&std::fs::read(&path).unwrap()).into_iter().enumerate()
        {
            let place = || format!("{} frame {}", path.display(), index + 1);
            frames += 1;
            assert_eq!(both(link_type, &bytes), Ok(()), "{}", place());
            equal_etherparses(&place(), link_type, &bytes);
            check_sums(link_type, &bytes);
            // Changes that depend on nothing but the frame, so that a failure comes again.
            for change in 1..=4usize {
                let Some(last) = bytes.len().min(96).checked_sub(1) else { break };
                let at = (index * 31 + change * 7919) % (last + 1);
                bytes[at] = bytes[at].wrapping_mul(37).wrapping_add(change as u8);
                assert_eq!(both(link_type, &bytes), Ok(()), "{} changed", place());
            }
        }
    }
    assert!(frames > 0, "no capture was found");
}
