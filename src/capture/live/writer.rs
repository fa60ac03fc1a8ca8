//! pcapng as it is written while packets come in (draft-ietf-opsawg-pcapng): Section Header, Interface Descriptions, Enhanced
//! Packet Blocks with their direction, Interface Statistics at the end.
//!
//! `pcap-file` has a writer; it makes a list of options for every packet, where here a packet is one copy of its bytes. Blocks
//! are put into a buffer whole, so that what has reached the file can be read whenever the program ends.
//! Leaves out: where the buffer goes (`files`), reading (`capture::pcapng`).

use super::frame::Parts;
use crate::capture::Interface;

/// Block types.
const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const INTERFACE_STATISTICS: u32 = 5;
const ENHANCED_PACKET: u32 = 6;
/// Says which byte order the section has: this machine's.
const BYTE_ORDER: u32 = 0x1a2b_3c4d;

/// Options: code in the draft.
const END_OF_OPTIONS: u16 = 0;
const SHB_OS: u16 = 3;
const SHB_APPLICATION: u16 = 4;
const IF_NAME: u16 = 2;
const IF_RESOLUTION: u16 = 9;
const IF_FILTER: u16 = 11;
const EPB_FLAGS: u16 = 2;
const ISB_START: u16 = 2;
const ISB_END: u16 = 3;
const ISB_RECEIVED: u16 = 4;
const ISB_DROPPED: u16 = 5;
const ISB_ACCEPTED: u16 = 6;
const ISB_DELIVERED: u16 = 8;

/// Stamps are nanoseconds: ten to the minus this.
const NANOSECONDS: u8 = 9;

/// What was counted at an interface.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// Packets that came, those dropped included.
    pub received: u64,
    /// Those that the kernel had no room for.
    pub dropped: u64,
    /// Those that were taken in.
    pub taken: u64,
    /// Those of them that went into the file.
    pub written: u64,
}

/// Appends a block: `body` puts what stands between its two lengths.
fn block(out: &mut Vec<u8>, kind: u32, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&kind.to_ne_bytes());
    out.extend_from_slice(&[0; 4]);
    body(out);
    let length = (out.len() - start + 4) as u32;
    out[start + 4..start + 8].copy_from_slice(&length.to_ne_bytes());
    out.extend_from_slice(&length.to_ne_bytes());
}

fn pad(out: &mut Vec<u8>, length: usize) {
    out.extend_from_slice(&[0; 3][..length.next_multiple_of(4) - length]);
}

fn option(out: &mut Vec<u8>, code: u16, value: &[u8]) {
    // Longer than the field can say is cut: only a filter could be.
    let value = &value[..value.len().min(usize::from(u16::MAX) - 3)];
    out.extend_from_slice(&code.to_ne_bytes());
    out.extend_from_slice(&(value.len() as u16).to_ne_bytes());
    out.extend_from_slice(value);
    pad(out, value.len());
}

fn end_of_options(out: &mut Vec<u8>) {
    out.extend_from_slice(&END_OF_OPTIONS.to_ne_bytes());
    out.extend_from_slice(&[0; 2]);
}

/// A stamp as blocks have it: its upper half first, whatever the byte order.
fn stamp(out: &mut Vec<u8>, time_ns: i64) {
    let ticks = time_ns.max(0) as u64;
    out.extend_from_slice(&((ticks >> 32) as u32).to_ne_bytes());
    out.extend_from_slice(&(ticks as u32).to_ne_bytes());
}

/// What a file begins with: who wrote it, and from which interfaces. `filter` is the one that the kernel applies.
pub(super) fn head(out: &mut Vec<u8>, interfaces: &[Interface], filter: Option<&str>) {
    block(out, SECTION_HEADER, |out| {
        out.extend_from_slice(&BYTE_ORDER.to_ne_bytes());
        out.extend_from_slice(&1_u16.to_ne_bytes());
        out.extend_from_slice(&0_u16.to_ne_bytes());
        out.extend_from_slice(&u64::MAX.to_ne_bytes()); // the section's length is not known beforehand
        option(out, SHB_OS, b"Linux");
        option(out, SHB_APPLICATION, concat!("pcaplain ", env!("CARGO_PKG_VERSION")).as_bytes());
        end_of_options(out);
    });
    for interface in interfaces {
        block(out, INTERFACE_DESCRIPTION, |out| {
            out.extend_from_slice(&interface.link_type.to_ne_bytes());
            out.extend_from_slice(&[0; 2]);
            out.extend_from_slice(&interface.snaplen.to_ne_bytes());
            if let Some(name) = &interface.name {
                option(out, IF_NAME, name.as_bytes());
            }
            option(out, IF_RESOLUTION, &[NANOSECONDS]);
            if let Some(filter) = filter {
                // A zero byte in front says that it is text.
                option(out, IF_FILTER, &[&[0], filter.as_bytes()].concat());
            }
            end_of_options(out);
        });
    }
}

/// A packet.
#[inline]
pub(super) fn packet(out: &mut Vec<u8>, interface: u32, frame: &Parts<'_>) {
    let (captured, flags) = (frame.len(), frame.direction.flags());
    // Type, lengths, interface, stamp, lengths of the packet; its bytes; one option of four bytes and the end of options.
    let length = (32 + captured.next_multiple_of(4) + 12) as u32;
    let ticks = frame.time_ns.max(0) as u64;
    let words = [
        ENHANCED_PACKET,
        length,
        interface,
        (ticks >> 32) as u32,
        ticks as u32,
        captured as u32,
        frame.wire_len,
    ];
    out.reserve(length as usize);
    let mut head = [0; 28];
    for (to, word) in head.chunks_exact_mut(4).zip(words) {
        to.copy_from_slice(&word.to_ne_bytes());
    }
    out.extend_from_slice(&head);
    frame.put(out);
    pad(out, captured);
    let mut tail = [0; 16];
    tail[..2].copy_from_slice(&EPB_FLAGS.to_ne_bytes());
    tail[2..4].copy_from_slice(&4_u16.to_ne_bytes());
    tail[4..8].copy_from_slice(&flags.to_ne_bytes());
    tail[12..].copy_from_slice(&length.to_ne_bytes());
    out.extend_from_slice(&tail);
}

/// What was counted at an interface from `start_ns` to `end_ns`.
pub(super) fn statistics(out: &mut Vec<u8>, interface: u32, counted: &Counted, start_ns: i64, end_ns: i64) {
    block(out, INTERFACE_STATISTICS, |out| {
        out.extend_from_slice(&interface.to_ne_bytes());
        stamp(out, end_ns);
        for (code, time_ns) in [(ISB_START, start_ns), (ISB_END, end_ns)] {
            let mut value = Vec::with_capacity(8);
            stamp(&mut value, time_ns);
            option(out, code, &value);
        }
        for (code, count) in [
            (ISB_RECEIVED, counted.received),
            // Wireshark shows this one as "dropped", and its own dumpcap puts the kernel's drops here.
            (ISB_DROPPED, counted.dropped),
            (ISB_ACCEPTED, counted.received - counted.dropped.min(counted.received)),
            (ISB_DELIVERED, counted.written),
        ] {
            option(out, code, &count.to_ne_bytes());
        }
        end_of_options(out);
    });
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::capture::Source;
    use crate::capture::file::from_reader;
    use crate::capture::live::ring::Captured;

    #[test]
    fn what_is_written_is_read_again() {
        let name = |name: &str| Some(name.to_owned());
        let interfaces = [
            Interface { id: 0, link_type: 1, name: name("eth0"), description: None, snaplen: 262_144 },
            Interface { id: 1, link_type: 276, name: name("any"), description: None, snaplen: 96 },
        ];
        let data: Vec<u8> = (0..61).collect();
        let mut file = Vec::new();
        head(&mut file, &interfaces, Some("tcp"));
        for (interface, kind) in [(0, 0), (1, 4), (0, 1)] {
            let one = Captured {
                time_ns: 1_700_000_000_123_456_789,
                wire_len: 1000,
                vlan: None,
                protocol: 0x0800,
                interface: 2,
                hardware: 1,
                kind,
                address: ([0; 8], 6),
                bytes: &data,
            };
            packet(&mut file, interface, &Parts::new(&one, if interface == 0 { 1 } else { 276 }, 96));
        }
        let counted = Counted { received: 9, dropped: 6, taken: 3, written: 3 };
        statistics(&mut file, 0, &counted, 5, 6);
        let mut source = from_reader("x", Box::new(Cursor::new(file))).expect("a capture");
        assert_eq!(source.interfaces(), interfaces);
        let mut lengths = Vec::new();
        while let Some(frame) = source.next().expect("a frame") {
            assert_eq!(frame.time_ns, 1_700_000_000_123_456_789);
            lengths.push((frame.interface, frame.bytes.len(), frame.wire_len));
        }
        assert_eq!(lengths, [(0, 61, 1000), (1, 81, 1020), (0, 61, 1000)]);
        assert_eq!(source.dropped(), 6);
    }
}
