//! draft-ietf-opsawg-pcap: the classic container and its dialects, whole and damaged.

use super::super::{Format, Reason, Source};
use super::{damage, open_bytes, read, read_sound, refused};

/// File header, microseconds, little-endian.
const LITTLE: &[u8] = &[
    0xd4, 0xc3, 0xb2, 0xa1, // magic
    2, 0, 4, 0, // version 2.4
    0, 0, 0, 0, // time zone
    0, 0, 0, 0, // accuracy
    0, 0, 4, 0, // snaplen 262144
    1, 0, 0, 0, // Ethernet
];

/// A record of three bytes for it.
const LITTLE_RECORD: &[u8] = &[
    1, 0, 0, 0, // second 1
    2, 0, 0, 0, // microsecond 2
    3, 0, 0, 0, // captured
    60, 0, 0, 0, // on the wire
    0xaa, 0xbb, 0xcc, // data
];

/// File header, nanoseconds, big-endian.
const BIG: &[u8] = &[
    0xa1, 0xb2, 0x3c, 0x4d, // magic
    0, 2, 0, 4, // version 2.4
    0, 0, 0, 0, // time zone
    0, 0, 0, 0, // accuracy
    0, 0, 0xff, 0xff, // snaplen 65535
    0, 0, 0, 113, // Linux cooked
];

/// A record of two bytes for it.
const BIG_RECORD: &[u8] = &[
    0xff, 0xff, 0xff, 0xff, // the last second: in 2106
    0x3b, 0x9a, 0xc9, 0xff, // nanosecond 999,999,999
    0, 0, 0, 2, // captured
    0, 0, 0, 2, // on the wire
    0xdd, 0xee, // data
];

/// `LITTLE` with some of its bytes replaced.
fn little(at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut header = LITTLE.to_vec();
    header[at..at + bytes.len()].copy_from_slice(bytes);
    header
}

#[test]
fn microseconds_little_endian() {
    let outcome = read_sound(&[LITTLE, LITTLE_RECORD, LITTLE_RECORD].concat());
    assert_eq!(outcome.frames.len(), 2);
    let frame = &outcome.frames[1];
    assert_eq!((frame.number, frame.time_ns, frame.wire_len), (2, 1_000_002_000, 60));
    assert_eq!((frame.interface, frame.link_type), (0, 1));
    assert_eq!(frame.bytes, [0xaa, 0xbb, 0xcc]);
    let interface = &outcome.interfaces[0];
    assert_eq!((interface.id, interface.link_type, interface.snaplen), (0, 1, 262_144));
    assert_eq!((&interface.name, &interface.description), (&None, &None));
}

#[test]
fn nanoseconds_big_endian() {
    let outcome = read_sound(&[BIG, BIG_RECORD].concat());
    let frame = &outcome.frames[0];
    assert_eq!((frame.time_ns, frame.wire_len, frame.link_type), (4_294_967_295_999_999_999, 2, 113));
    assert_eq!(frame.bytes, [0xdd, 0xee]);
    assert_eq!(outcome.interfaces[0].snaplen, 65_535);
}

#[test]
fn the_other_two_magics() {
    let outcome = read_sound(&[&little(0, &[0x4d, 0x3c, 0xb2, 0xa1]), LITTLE_RECORD].concat());
    assert_eq!(outcome.frames[0].time_ns, 1_000_000_002);
    let mut header = BIG.to_vec();
    header[..4].copy_from_slice(&[0xa1, 0xb2, 0xc3, 0xd4]);
    let outcome = read_sound(&[&header, BIG_RECORD].concat());
    // A fraction beyond a second is passed on as it is recorded.
    assert_eq!(outcome.frames[0].time_ns, 4_294_967_295_000_000_000 + 999_999_999_000);
}

#[test]
fn the_modified_format() {
    let record: &[u8] = &[
        1, 0, 0, 0, // second 1
        2, 0, 0, 0, // microsecond 2
        3, 0, 0, 0, // captured
        60, 0, 0, 0, // on the wire
        7, 0, 0, 0, // interface index
        8, 0, // protocol
        1, 0, // packet type, padding
        0xaa, 0xbb, 0xcc, // data
    ];
    let outcome = read_sound(&[&little(0, &[0x34, 0xcd, 0xb2, 0xa1]), record, record].concat());
    assert_eq!(outcome.frames.len(), 2);
    assert_eq!((outcome.frames[1].time_ns, outcome.frames[1].wire_len), (1_000_002_000, 60));
    assert_eq!(outcome.frames[1].bytes, [0xaa, 0xbb, 0xcc]);

    let mut header = BIG.to_vec();
    header[..4].copy_from_slice(&[0xa1, 0xb2, 0xcd, 0x34]);
    let outcome = read(&[&header, BIG_RECORD].concat());
    // As a modified one this record is cut in its header.
    assert_eq!(outcome.damage, damage(24, 0, Reason::Cut { need: 24, have: 18 }));
}

#[test]
fn lengths_of_old_versions_are_swapped() {
    let mut record = LITTLE_RECORD.to_vec();
    record.copy_within(8..12, 12);
    record[8..12].copy_from_slice(&[60, 0, 0, 0]);
    for version in [[2, 0, 2, 0], [2, 0, 3, 0], [0x1f, 2, 0, 0]] {
        let outcome = read_sound(&[&little(4, &version), &record[..], &record].concat());
        assert_eq!(outcome.frames.len(), 2, "{version:?}");
        assert_eq!(outcome.frames[1].wire_len, 60);
    }
    // Version 2.3 was written both ways.
    let outcome = read_sound(&[&little(4, &[2, 0, 3, 0]), LITTLE_RECORD].concat());
    assert_eq!(outcome.frames[0].wire_len, 60);
}

#[test]
fn the_link_type_is_the_lower_half() {
    // 0x1400_0069: FCS of four bytes, known; 802.11.
    let outcome = read_sound(&[&little(20, &[105, 0, 0, 0x14]), LITTLE_RECORD].concat());
    assert_eq!(outcome.frames[0].link_type, 105);
    // A number that no registry knows.
    let outcome = read_sound(&little(20, &[0xfe, 0xff, 0, 0]));
    assert_eq!(outcome.interfaces[0].link_type, 0xfffe);
}

#[test]
fn lengths_that_contradict_each_other_are_passed_on() {
    let mut record = LITTLE_RECORD.to_vec();
    record[12] = 1; // on the wire: fewer than captured
    let outcome = read_sound(&[&little(16, &[2, 0, 0, 0])[..], &record].concat()); // snaplen: likewise
    assert_eq!((outcome.frames[0].wire_len, outcome.frames[0].bytes.len()), (1, 3));
}

#[test]
fn a_header_alone_is_a_capture_without_frames() {
    let mut source = open_bytes(LITTLE).unwrap();
    assert_eq!((source.format(), source.interfaces().len(), source.name()), (Format::Pcap, 1, "test"));
    assert!(source.next().unwrap().is_none());
    assert!(source.next().unwrap().is_none());
}

#[test]
fn a_cut_record() {
    let whole = [LITTLE, LITTLE_RECORD, LITTLE_RECORD].concat();
    let second = (LITTLE.len() + LITTLE_RECORD.len()) as u64;
    let outcome = read(&whole[..whole.len() - 1]);
    assert_eq!(outcome.frames.len(), 1);
    assert_eq!(outcome.damage, damage(second, 1, Reason::Cut { need: 19, have: 18 }));
    // In its header: what it needs beyond that is not known.
    let outcome = read(&whole[..second as usize + 15]);
    assert_eq!(outcome.damage, damage(second, 1, Reason::Cut { need: 16, have: 15 }));
}

#[test]
fn an_impossible_length() {
    let mut record = LITTLE_RECORD.to_vec();
    record[8..12].copy_from_slice(&[0xff; 4]);
    let outcome = read(&[LITTLE, LITTLE_RECORD, &record].concat());
    let limit = 256 << 20;
    assert_eq!(outcome.damage, damage(43, 1, Reason::RecordLength { length: 0x1_0000_000f, limit }));
    // At the limit it is only a cut record.
    record[8..12].copy_from_slice(&[0xf0, 0xff, 0xff, 0x0f]);
    let outcome = read(&[LITTLE, &record].concat());
    assert_eq!(outcome.damage, damage(24, 0, Reason::Cut { need: limit, have: 19 }));
}

#[test]
fn a_header_that_cannot_be_read() {
    assert_eq!(refused(&LITTLE[..23]), Reason::Cut { need: 24, have: 23 });
    assert_eq!(refused(&LITTLE[..4]), Reason::Cut { need: 24, have: 4 });
    assert_eq!(refused(&little(4, &[3, 0])), Reason::Version { major: 3, minor: 4 });
    // A later minor version is compatible.
    assert_eq!(read_sound(&[&little(6, &[5, 0])[..], LITTLE_RECORD].concat()).frames.len(), 1);
}

#[test]
fn what_is_not_a_capture() {
    assert_eq!(refused(b""), Reason::Empty);
    assert_eq!(refused(&LITTLE[..3]), Reason::NotACapture { magic: vec![0xd4, 0xc3, 0xb2] });
    assert_eq!(refused(b"%PDF-1.7"), Reason::NotACapture { magic: b"%PDF".to_vec() });
}

#[test]
fn a_record_larger_than_the_buffer() {
    const LARGE: usize = 5 << 20;
    let mut record = LITTLE_RECORD[..16].to_vec();
    record[8..12].copy_from_slice(&(LARGE as u32).to_le_bytes());
    let data: Vec<u8> = (0..LARGE).map(|at| (at / 251) as u8).collect();
    let image = [LITTLE, LITTLE_RECORD, &record, &data, LITTLE_RECORD, &record, &data[..9]].concat();
    let outcome = read(&image);
    assert_eq!(outcome.frames.len(), 3);
    assert!(outcome.frames[1].bytes == data);
    assert_eq!(outcome.frames[2].bytes, [0xaa, 0xbb, 0xcc]);
    let last = (image.len() - 25) as u64;
    assert_eq!(outcome.damage, damage(last, 3, Reason::Cut { need: LARGE as u64 + 16, have: 25 }));
}
