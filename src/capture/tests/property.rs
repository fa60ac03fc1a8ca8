//! What has to hold for every capture: what was written is read, a cut one gives exactly the frames before the cut,
//! and no change of its bytes makes the reader panic or run on.

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::Reason;
use super::pcapng::{BIG_PACKET, BIG_RAW, BIG_SECTION, ETHERNET, OBSOLETE, PACKET, SECTION, SIMPLE, UNKNOWN};
use super::{Kept, drain, open_bytes, read_sound};

/// A frame to write.
#[derive(Debug, Clone)]
struct Written {
    seconds: u32,
    fraction: u32,
    wire_len: u32,
    bytes: Vec<u8>,
}

fn frames() -> impl Strategy<Value = Vec<Written>> {
    let frame = (any::<u32>(), 0..1_000_000_000u32, any::<u32>(), vec(any::<u8>(), 0..40));
    let frame =
        frame.prop_map(|(seconds, fraction, wire_len, bytes)| Written { seconds, fraction, wire_len, bytes });
    vec(frame, 0..8)
}

fn u32s(big: bool, values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|v| if big { v.to_be_bytes() } else { v.to_le_bytes() }).collect()
}

/// A pcap of these frames, in nanoseconds, and where each of them begins.
fn pcap(frames: &[Written], big: bool) -> (Vec<u8>, Vec<usize>) {
    let version = if big { 0x0002_0004 } else { 0x0004_0002 };
    let mut image = u32s(big, &[0xa1b2_3c4d, version, 0, 0, 65_535, 1]);
    let starts = frames.iter().map(|frame| {
        let start = image.len();
        let captured = frame.bytes.len() as u32;
        image.extend(u32s(big, &[frame.seconds, frame.fraction, captured, frame.wire_len]));
        image.extend(&frame.bytes);
        start
    });
    let starts = starts.collect();
    (image, starts)
}

/// A pcapng of these frames, in nanoseconds, and where each of them begins.
fn pcapng(frames: &[Written], big: bool) -> (Vec<u8>, Vec<usize>) {
    let version = if big { 0x0001_0000 } else { 0x0000_0001 };
    let mut image = u32s(big, &[0x0a0d_0d0a, 28, 0x1a2b_3c4d, version, u32::MAX, u32::MAX, 28]);
    let (link, option) = if big { (1 << 16, (9 << 16) | 1) } else { (1, 9 | (1 << 16)) };
    image.extend(u32s(big, &[1, 28, link, 0, option]));
    image.extend([9, 0, 0, 0]);
    image.extend(u32s(big, &[28]));
    let starts = frames.iter().map(|frame| {
        let start = image.len();
        let time = u64::from(frame.seconds) * 1_000_000_000 + u64::from(frame.fraction);
        let captured = frame.bytes.len() as u32;
        let length = 32 + captured.next_multiple_of(4);
        let (upper, lower) = ((time >> 32) as u32, time as u32);
        image.extend(u32s(big, &[6, length, 0, upper, lower, captured, frame.wire_len]));
        image.extend(&frame.bytes);
        image.resize(start + length as usize - 4, 0);
        image.extend(u32s(big, &[length]));
        start
    });
    let starts = starts.collect();
    (image, starts)
}

fn expected(frames: &[Written]) -> Vec<Kept> {
    let kept = |(at, frame): (usize, &Written)| Kept {
        number: at as u64 + 1,
        time_ns: i64::from(frame.seconds) * 1_000_000_000 + i64::from(frame.fraction),
        interface: 0,
        link_type: 1,
        wire_len: frame.wire_len,
        bytes: frame.bytes.clone(),
    };
    frames.iter().enumerate().map(kept).collect()
}

/// Cut `image` at every byte: the frames that end before the cut come out, then damage at the one that does not.
fn every_cut(image: &[u8], starts: &[usize], wanted: &[Kept]) {
    let ends: Vec<usize> = starts.iter().skip(1).copied().chain([image.len()]).collect();
    for cut in 0..image.len() {
        let Ok(mut source) = open_bytes(&image[..cut]) else { continue };
        let outcome = drain(&mut source);
        // Blocks that are no packets stand between packets: the last frame may end well before the next begins.
        let whole = outcome.frames.len();
        assert_eq!(outcome.frames, wanted[..whole], "cut at {cut}");
        assert!(ends.iter().filter(|end| **end <= cut).count() <= whole, "cut at {cut} lost a frame");
        match outcome.damage {
            Some(damage) => {
                assert_eq!(damage.frame, whole as u64 + 1);
                let Reason::Cut { need, have } = damage.reason else {
                    panic!("cut at {cut}: {:?}", damage.reason)
                };
                assert_eq!(damage.offset + have, cut as u64);
                assert!(need > have);
            }
            None => assert!(whole == wanted.len() || cut <= starts[whole]),
        }
    }
}

/// A pcapng with everything that is read, and where its packets begin.
fn everything() -> (Vec<u8>, Vec<usize>) {
    let blocks = [
        SECTION,
        ETHERNET,
        PACKET,
        UNKNOWN,
        ETHERNET,
        OBSOLETE,
        SIMPLE,
        BIG_SECTION,
        BIG_RAW,
        BIG_PACKET,
        SECTION,
        ETHERNET,
        PACKET,
    ];
    let mut image = Vec::new();
    let mut starts = Vec::new();
    for block in blocks {
        if [PACKET, OBSOLETE, SIMPLE, BIG_PACKET].contains(&block) {
            starts.push(image.len());
        }
        image.extend(block);
    }
    (image, starts)
}

#[test]
fn a_cut_anywhere_in_a_rich_pcapng() {
    let (image, starts) = everything();
    let wanted = read_sound(&image).frames;
    assert_eq!(wanted.len(), starts.len());
    every_cut(&image, &starts, &wanted);
}

#[test]
fn a_change_of_any_byte_of_a_rich_pcapng() {
    let (image, _) = everything();
    for at in 0..image.len() {
        for value in [0, 1, 0x7f, 0x80, 0xff, image[at] ^ 1, image[at] ^ 0x80] {
            let mut image = image.clone();
            image[at] = value;
            ends(&image);
        }
    }
}

/// Reading ends, without panic, and gives no more than the image can hold.
fn ends(image: &[u8]) {
    let Ok(mut source) = open_bytes(image) else { return };
    let outcome = drain(&mut source);
    // The smallest record of all is a simple packet of no bytes.
    assert!(outcome.frames.len() <= image.len() / 16);
    assert!(outcome.frames.iter().all(|frame| (frame.interface as usize) < outcome.interfaces.len()));
    if let Some(damage) = outcome.damage {
        assert!(damage.offset <= image.len() as u64);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn what_was_written_is_read(frames in frames(), big: bool) {
        for (image, _) in [pcap(&frames, big), pcapng(&frames, big)] {
            prop_assert_eq!(read_sound(&image).frames, expected(&frames));
        }
    }

    #[test]
    fn a_cut_gives_the_frames_before_it(frames in frames(), big: bool) {
        for (image, starts) in [pcap(&frames, big), pcapng(&frames, big)] {
            every_cut(&image, &starts, &expected(&frames));
        }
    }

    #[test]
    fn changes_do_no_harm(
        frames in frames(),
        big: bool,
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
    ) {
        for (mut image, _) in [pcap(&frames, big), pcapng(&frames, big), everything()] {
            for (at, value) in &changes {
                let at = at.index(image.len());
                image[at] = *value;
            }
            ends(&image);
        }
    }

    #[test]
    fn noise_behind_a_magic_does_no_harm(
        magic in prop::sample::select(vec![
            vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0],
            vec![0xa1, 0xb2, 0xcd, 0x34, 0, 2, 0, 3],
            vec![0x0a, 0x0d, 0x0d, 0x0a],
            vec![0x1f, 0x8b, 8, 0],
            vec![0x28, 0xb5, 0x2f, 0xfd],
        ]),
        noise in vec(any::<u8>(), 0..400),
    ) {
        ends(&[&magic[..], &noise].concat());
    }
}
