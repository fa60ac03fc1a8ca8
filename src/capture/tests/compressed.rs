//! Captures behind gzip and Zstandard: whole, in several pieces, nested, cut and corrupt.

use std::io::{Cursor, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::super::file::from_reader;
use super::super::{Damage, Reason};
use super::{Drip, Kept, drain, read, read_sound, refused};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec(Cursor::new(bytes), CompressionLevel::Fastest)
}

/// A capture long enough for several blocks of either compression, with data that does not compress to nothing.
fn image() -> Vec<u8> {
    let mut image = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0];
    let mut noise = 1u32;
    for number in 0..3000u32 {
        image.extend(number.to_le_bytes());
        image.extend([0, 0, 0, 0, 200, 0, 0, 0, 200, 0, 0, 0]);
        for _ in 0..50 {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            image.extend((noise >> 12).to_le_bytes());
        }
    }
    image
}

fn frames(image: &[u8]) -> Vec<Kept> {
    read_sound(image).frames
}

#[test]
fn gzip_and_zstandard_are_told_by_content() {
    let plain = image();
    let wanted = frames(&plain);
    assert_eq!(wanted.len(), 3000);
    assert!(frames(&gzip(&plain)) == wanted);
    assert!(frames(&zstd(&plain)) == wanted);
}

#[test]
fn several_members_and_frames_are_one_capture() {
    let plain = image();
    let (a, b) = plain.split_at(plain.len() / 3);
    let wanted = frames(&plain);
    assert!(frames(&[gzip(a), gzip(b"").clone(), gzip(b)].concat()) == wanted);
    // Skippable frames before, between and behind.
    let skip: &[u8] = &[0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 9, 9, 9];
    assert!(frames(&[skip, &zstd(a), skip, skip, &zstd(b), skip].concat()) == wanted);
}

#[test]
fn compression_within_compression_from_a_pipe() {
    let plain = image();
    let drip = Drip::new(&gzip(&zstd(&plain)), 1000);
    let outcome = drain(&mut from_reader("-", Box::new(drip)).unwrap());
    assert_eq!(outcome.damage, None);
    assert!(outcome.frames == frames(&plain));
}

#[test]
fn nothing_compressed_is_still_nothing() {
    assert_eq!(refused(&gzip(b"")), Reason::Empty);
    assert_eq!(refused(&zstd(b"")), Reason::Empty);
    assert_eq!(refused(&gzip(b"text")), Reason::NotACapture { magic: b"text".to_vec() });
}

fn compression(damage: &Option<Damage>) -> bool {
    matches!(damage, Some(Damage { reason: Reason::Compression { detail }, .. }) if !detail.is_empty())
}

#[test]
fn cut_compressed_data_gives_the_frames_before_the_cut() {
    let plain = image();
    let wanted = frames(&plain);
    for packed in [gzip(&plain), zstd(&plain)] {
        let outcome = read(&packed[..packed.len() / 2]);
        assert!(compression(&outcome.damage), "{:?}", outcome.damage);
        let count = outcome.frames.len();
        // Half the compressed bytes, less the block that was begun, are about half of the frames.
        assert!(count > 700 && count < 1800, "{count}");
        assert!(outcome.frames == wanted[..count]);
        assert_eq!(outcome.damage.unwrap().offset, 24 + 216 * count as u64);
    }
}

#[test]
fn a_cut_in_the_check_sum_loses_no_frame() {
    let plain = image();
    for packed in [gzip(&plain), zstd(&plain)] {
        let outcome = read(&packed[..packed.len() - 2]);
        assert!(compression(&outcome.damage), "{:?}", outcome.damage);
        assert_eq!(outcome.frames.len(), 3000);
    }
}

#[test]
fn corrupt_compressed_data_is_found() {
    let plain = image();
    for (packed, check) in [(gzip(&plain), 8), (zstd(&plain), 4)] {
        let mut wrong_sum = packed.clone();
        wrong_sum[packed.len() - check] ^= 1;
        let outcome = read(&wrong_sum);
        assert!(compression(&outcome.damage), "{:?}", outcome.damage);
        assert_eq!(outcome.frames.len(), 3000);
        let garbage_behind = [&packed[..], b"garbage"].concat();
        let outcome = read(&garbage_behind);
        assert!(compression(&outcome.damage), "{:?}", outcome.damage);
        assert_eq!(outcome.frames.len(), 3000);
    }
    assert!(matches!(refused(&gzip(&plain)[..12]), Reason::Compression { .. }));
    assert!(matches!(refused(&zstd(&plain)[..5]), Reason::Compression { .. }));
    assert!(matches!(refused(&[0x50, 0x2a, 0x4d, 0x18, 9, 0, 0, 0, 1]), Reason::Compression { .. }));
}

#[test]
fn a_disk_that_fails_is_not_damaged_data() {
    let plain = image();
    for packed in [plain.clone(), gzip(&plain), zstd(&plain)] {
        let mut drip = Drip::new(&packed[..packed.len() / 2], 4096);
        drip.end = Some(5); // EIO
        let outcome = drain(&mut from_reader("test", Box::new(drip)).unwrap());
        let reason = outcome.damage.unwrap().reason;
        assert!(matches!(&reason, Reason::Io { .. }), "{reason:?}");
    }
}
