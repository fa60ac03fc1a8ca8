//! draft-ietf-opsawg-pcapng: sections, interfaces, clocks and packets, whole and damaged.

use super::super::{Format, Reason, Source};
use super::{damage, open_bytes, read, read_sound, refused};

/// Section header, little-endian, with a comment.
pub(super) const SECTION: &[u8] = &[
    0x0a, 0x0d, 0x0d, 0x0a, // type
    44, 0, 0, 0, // length
    0x4d, 0x3c, 0x2b, 0x1a, // byte-order magic
    1, 0, 0, 0, // version 1.0
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, // section length: not given
    1, 0, 5, 0, b'h', b'e', b'l', b'l', b'o', 0, 0, 0, // comment
    0, 0, 0, 0, // end of options
    44, 0, 0, 0, // length
];

/// Ethernet, snaplen 4, nanoseconds, named.
pub(super) const ETHERNET: &[u8] = &[
    1, 0, 0, 0, // type
    44, 0, 0, 0, // length
    1, 0, // Ethernet
    0, 0, // reserved
    4, 0, 0, 0, // snaplen
    2, 0, 4, 0, b'e', b't', b'h', b'0', // if_name
    9, 0, 1, 0, 9, 0, 0, 0, // if_tsresol: 10^-9
    0, 0, 0, 0, // end of options
    0, 0, 0, 0, // behind the end: not an option
    44, 0, 0, 0, // length
];

/// Linux cooked, microseconds by default, an offset of 100 seconds, described.
const COOKED: &[u8] = &[
    1, 0, 0, 0, // type
    44, 0, 0, 0, // length
    113, 0, // Linux cooked
    0, 0, // reserved
    0, 0, 0, 0, // no snaplen
    14, 0, 8, 0, 100, 0, 0, 0, 0, 0, 0, 0, // if_tsoffset
    3, 0, 3, 0, b'a', b'n', b'y', 0, // if_description
    // no end of options: it may be left out
    0, 0, 0, 0, // yet here it is
    44, 0, 0, 0, // length
];

/// Enhanced Packet of 5 bytes on interface 0.
pub(super) const PACKET: &[u8] = &[
    6, 0, 0, 0, // type
    40, 0, 0, 0, // length
    0, 0, 0, 0, // interface 0
    1, 0, 0, 0, // time, upper half
    2, 0, 0, 0, // time, lower half
    5, 0, 0, 0, // captured
    60, 0, 0, 0, // on the wire
    0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0, 0, 0, // data, padded
    40, 0, 0, 0, // length
];

/// Obsolete Packet of 2 bytes on interface 1.
pub(super) const OBSOLETE: &[u8] = &[
    2, 0, 0, 0, // type
    36, 0, 0, 0, // length
    1, 0, // interface 1
    9, 0, // drops
    0, 0, 0, 0, // time, upper half
    7, 0, 0, 0, // time, lower half
    2, 0, 0, 0, // captured
    2, 0, 0, 0, // on the wire
    0xb0, 0xb1, 0, 0, // data, padded
    36, 0, 0, 0, // length
];

/// Simple Packet of 9 bytes, of which the snaplen of interface 0 keeps 4.
pub(super) const SIMPLE: &[u8] = &[
    3, 0, 0, 0, // type
    20, 0, 0, 0, // length
    9, 0, 0, 0, // on the wire
    0xc0, 0xc1, 0xc2, 0xc3, // data
    20, 0, 0, 0, // length
];

/// A block of no known type.
pub(super) const UNKNOWN: &[u8] = &[
    0xbe, 0xba, 0xfe, 0xca, // type
    16, 0, 0, 0, // length
    1, 2, 3, 4, // whatever
    16, 0, 0, 0, // length
];

/// A section header, big-endian.
pub(super) const BIG_SECTION: &[u8] = &[
    0x0a, 0x0d, 0x0d, 0x0a, // type
    0, 0, 0, 28, // length
    0x1a, 0x2b, 0x3c, 0x4d, // byte-order magic
    0, 1, 0, 0, // version 1.0
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, // section length: not given
    0, 0, 0, 28, // length
];

/// Raw IP, 1024 ticks a second.
pub(super) const BIG_RAW: &[u8] = &[
    0, 0, 0, 1, // type
    0, 0, 0, 32, // length
    0, 101, // raw IP
    0, 0, // reserved
    0, 0, 0, 0, // no snaplen
    0, 9, 0, 1, 0x8a, 0, 0, 0, // if_tsresol: 2^-10
    0, 0, 0, 0, // end of options
    0, 0, 0, 32, // length
];

/// Enhanced Packet of no bytes, at one and a half seconds, big-endian.
pub(super) const BIG_PACKET: &[u8] = &[
    0, 0, 0, 6, // type
    0, 0, 0, 32, // length
    0, 0, 0, 0, // interface 0
    0, 0, 0, 0, // time, upper half
    0, 0, 6, 0, // time, lower half: 1536 ticks
    0, 0, 0, 0, // captured
    0, 0, 0, 40, // on the wire
    0, 0, 0, 32, // length
];

/// A block with some of its bytes replaced.
fn patched(block: &[u8], at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut block = block.to_vec();
    block[at..at + bytes.len()].copy_from_slice(bytes);
    block
}

/// The time of `PACKET` where its interface has this if_tsresol.
fn time_at(resolution: u8) -> i64 {
    let interface = patched(ETHERNET, 28, &[resolution]);
    read_sound(&[SECTION, &interface, PACKET].concat()).frames[0].time_ns
}

#[test]
fn two_sections_three_interfaces_every_packet_block() {
    let first = [SECTION, ETHERNET, PACKET, UNKNOWN, COOKED, OBSOLETE, SIMPLE].concat();
    let outcome = read_sound(&[&first, BIG_SECTION, BIG_RAW, BIG_PACKET, SECTION, ETHERNET].concat());
    let rows: Vec<_> = outcome
        .frames
        .iter()
        .map(|f| (f.number, f.time_ns, f.interface, f.link_type, f.wire_len, &f.bytes[..]))
        .collect();
    assert_eq!(
        rows,
        [
            (1, (1 << 32) + 2, 0, 1, 60, &[0xa0, 0xa1, 0xa2, 0xa3, 0xa4][..]),
            (2, 100_000_007_000, 1, 113, 2, &[0xb0, 0xb1]),
            (3, 0, 0, 1, 9, &[0xc0, 0xc1, 0xc2, 0xc3]),
            (4, 1_500_000_000, 2, 101, 40, &[]),
        ]
    );
    let interfaces: Vec<_> = outcome
        .interfaces
        .iter()
        .map(|i| (i.id, i.link_type, i.name.as_deref(), i.description.as_deref(), i.snaplen))
        .collect();
    assert_eq!(
        interfaces,
        [
            (0, 1, Some("eth0"), None, 4),
            (1, 113, None, Some("any"), 0),
            (2, 101, None, None, 0),
            (3, 1, Some("eth0"), None, 4)
        ]
    );
    assert_eq!(outcome.comments, ["hello", "hello"]);
}

#[test]
fn interfaces_before_the_first_packet_are_known_at_once() {
    let source = open_bytes(&[SECTION, ETHERNET, COOKED, PACKET].concat()).unwrap();
    assert_eq!((source.format(), source.interfaces().len()), (Format::Pcapng, 2));
    assert_eq!(source.comments(), ["hello"]);
}

#[test]
fn sections_without_packets_or_interfaces_are_sound() {
    assert!(read_sound(SECTION).frames.is_empty());
    assert!(read_sound(&[SECTION, BIG_SECTION, SECTION, ETHERNET, UNKNOWN].concat()).frames.is_empty());
}

/// Interface Statistics of interface 0: 7 lost by the interface, 2 by the system.
const STATISTICS: &[u8] = &[
    5, 0, 0, 0, // type
    48, 0, 0, 0, // length
    0, 0, 0, 0, // interface 0
    1, 0, 0, 0, // time, upper half
    2, 0, 0, 0, // time, lower half
    5, 0, 8, 0, // isb_ifdrop, 8 bytes
    7, 0, 0, 0, 0, 0, 0, 0, // 7
    7, 0, 8, 0, // isb_osdrop, 8 bytes
    2, 0, 0, 0, 0, 0, 0, 0, // 2
    48, 0, 0, 0, // length
];

#[test]
fn what_recording_lost_is_counted_once() {
    assert_eq!(read_sound(&[SECTION, ETHERNET, PACKET].concat()).dropped, 0);
    // Counts go on from the beginning of the recording: a later block replaces an earlier one.
    let later = patched(STATISTICS, 24, &[9]);
    assert_eq!(read_sound(&[SECTION, ETHERNET, PACKET, STATISTICS, &later].concat()).dropped, 11);
    // Of an interface that is not there, and cut short.
    assert_eq!(read_sound(&[SECTION, ETHERNET, &patched(STATISTICS, 8, &[3])].concat()).dropped, 0);
    assert_eq!(read_sound(&[SECTION, ETHERNET, &patched(STATISTICS, 20, &[9])].concat()).dropped, 2);
}

#[test]
fn clocks_of_every_resolution() {
    const TICKS: i128 = (1 << 32) + 2;
    assert_eq!(i128::from(time_at(6)), TICKS * 1000);
    assert_eq!(i128::from(time_at(0)), TICKS * 1_000_000_000);
    assert_eq!(i128::from(time_at(12)), TICKS / 1000);
    assert_eq!(time_at(18), 4);
    assert_eq!(time_at(127), 0);
    assert_eq!(i128::from(time_at(0x80 | 32)), TICKS * 1_000_000_000 / (1 << 32));
    assert_eq!(time_at(0xff), 0);
}

#[test]
fn times_beyond_the_range_stand_at_its_end() {
    let late = patched(PACKET, 12, &[0xff; 8]);
    let interface = patched(ETHERNET, 28, &[0]);
    assert_eq!(read_sound(&[SECTION, &interface, &late].concat()).frames[0].time_ns, i64::MAX);
    let interface = patched(COOKED, 20, &[0, 0, 0, 0, 0, 0, 0, 0x80]);
    assert_eq!(read_sound(&[SECTION, &interface, PACKET].concat()).frames[0].time_ns, i64::MIN);
}

#[test]
fn odd_options_do_not_lose_the_packets() {
    let named = |at, bytes: &[u8]| [SECTION, &patched(ETHERNET, at, bytes), PACKET].concat();
    // A name that is not UTF-8.
    let outcome = read_sound(&named(20, &[0xff]));
    assert_eq!((outcome.interfaces[0].name.as_deref(), outcome.frames.len()), (Some("\u{fffd}th0"), 1));
    // A name of zeros only, a reserved field that is not zero.
    let outcome = read_sound(&named(20, &[0; 4]));
    assert_eq!((outcome.interfaces[0].name.as_deref(), outcome.frames.len()), (None, 1));
    assert_eq!(read_sound(&named(10, &[1, 1])).frames.len(), 1);
    // An option that is longer than its block, a resolution of two bytes (the next option's code is gone with it).
    assert_eq!(read_sound(&named(18, &[0xff, 0xff])).frames.len(), 1);
    assert_eq!(read_sound(&named(26, &[2, 0])).frames[0].time_ns, ((1 << 32) + 2) * 1000);
    // A comment that is not UTF-8, one that is longer than its block.
    let outcome = read_sound(&[&patched(SECTION, 28, &[0xff]), ETHERNET, PACKET].concat());
    assert_eq!((&outcome.comments[0][..], outcome.frames.len()), ("\u{fffd}ello", 1));
    let outcome = read_sound(&[&patched(SECTION, 26, &[99, 0]), ETHERNET, PACKET].concat());
    assert_eq!((outcome.comments.len(), outcome.frames.len()), (0, 1));
}

#[test]
fn a_wire_length_below_the_captured_is_passed_on() {
    let outcome = read_sound(&[SECTION, ETHERNET, &patched(PACKET, 24, &[1])].concat());
    assert_eq!((outcome.frames[0].wire_len, outcome.frames[0].bytes.len()), (1, 5));
}

/// Two packets of which the second is this.
fn second(block: &[u8]) -> (Vec<u8>, u64) {
    let sound = [SECTION, ETHERNET, PACKET].concat();
    let offset = sound.len() as u64;
    ([&sound, block, PACKET].concat(), offset)
}

fn second_damage(block: &[u8], reason: Reason) {
    let (image, offset) = second(block);
    let outcome = read(&image);
    assert_eq!((outcome.frames.len(), outcome.damage), (1, damage(offset, 1, reason)));
}

#[test]
fn lengths_that_cannot_be() {
    second_damage(&patched(PACKET, 4, &[41]), Reason::BlockLength { length: 41 });
    second_damage(&patched(PACKET, 4, &[8]), Reason::BlockLength { length: 8 });
    second_damage(&patched(PACKET, 36, &[44]), Reason::BlockTrailer { length: 40, trailer: 44 });
    // Too short for the fixed fields: a packet, a simple packet, an interface, a section.
    second_damage(&[6, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0], Reason::BlockLength { length: 16 });
    second_damage(&[3, 0, 0, 0, 12, 0, 0, 0, 12, 0, 0, 0], Reason::BlockLength { length: 12 });
    second_damage(&[1, 0, 0, 0, 12, 0, 0, 0, 12, 0, 0, 0], Reason::BlockLength { length: 12 });
    let section = [&SECTION[..4], &[16, 0, 0, 0], &SECTION[8..12], &[16, 0, 0, 0]].concat();
    second_damage(&section, Reason::BlockLength { length: 16 });
    // A length in the other byte order.
    let limit = 256 << 20;
    second_damage(&patched(PACKET, 4, &[0, 0, 0, 40]), Reason::RecordLength { length: 40 << 24, limit });
}

#[test]
fn packets_that_their_block_cannot_hold() {
    second_damage(&patched(PACKET, 20, &[9]), Reason::PacketLength { captured: 9, room: 8 });
    let interface = patched(ETHERNET, 12, &[0]); // no snaplen: a simple packet is whole
    let image = [SECTION, &interface, SIMPLE].concat();
    let offset = (SECTION.len() + ETHERNET.len()) as u64;
    assert_eq!(read(&image).damage, damage(offset, 0, Reason::PacketLength { captured: 9, room: 4 }));
}

#[test]
fn interfaces_that_nobody_described() {
    second_damage(&patched(PACKET, 8, &[1]), Reason::NoSuchInterface { interface: 1, known: 1 });
    second_damage(OBSOLETE, Reason::NoSuchInterface { interface: 1, known: 1 });
    let none = Reason::NoSuchInterface { interface: 0, known: 0 };
    let offset = SECTION.len() as u64;
    assert_eq!(read(&[SECTION, PACKET].concat()).damage, damage(offset, 0, none.clone()));
    assert_eq!(read(&[SECTION, SIMPLE].concat()).damage, damage(offset, 0, none.clone()));
    // A new section forgets the interfaces of the one before.
    let (image, offset) = second(SECTION);
    assert_eq!(read(&image).damage, damage(offset + SECTION.len() as u64, 1, none));
}

#[test]
fn cut_blocks() {
    let (image, offset) = second(&[]);
    for have in 1..PACKET.len() as u64 {
        let need = if have < 12 { 12 } else { 40 };
        let outcome = read(&image[..(offset + have) as usize]);
        assert_eq!(outcome.damage, damage(offset, 1, Reason::Cut { need, have }));
    }
}

#[test]
fn section_headers_that_cannot_be_read() {
    assert_eq!(refused(&SECTION[..4]), Reason::Cut { need: 12, have: 4 });
    assert_eq!(refused(&SECTION[..40]), Reason::Cut { need: 44, have: 40 });
    assert_eq!(refused(&patched(SECTION, 4, &[45])), Reason::BlockLength { length: 45 });
    assert_eq!(refused(&patched(SECTION, 12, &[2])), Reason::Version { major: 2, minor: 0 });
    assert!(matches!(refused(&patched(SECTION, 8, &[0])), Reason::Malformed { .. }));
    let (image, offset) = second(&patched(SECTION, 12, &[0, 1]));
    assert_eq!(read(&image).damage, damage(offset, 1, Reason::Version { major: 256, minor: 0 }));
}
