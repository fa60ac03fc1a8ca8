//! Any bytes as frames: the first byte chooses the link type, then each frame is a length (two bytes, little-endian), a
//! step in time (one byte, 10 ms each) and its bytes. Reaches deeper than `file`, which spends its time on containers.
#![no_main]

#[path = "../../tests/common/mod.rs"]
mod common;

use libfuzzer_sys::fuzz_target;
use pcaplain::capture::Frame;

const LINKS: [u16; 9] = [0, 1, 12, 101, 108, 113, 228, 229, 276];

fuzz_target!(|bytes: &[u8]| {
    let Some((&link, mut rest)) = bytes.split_first() else { return };
    let link_type = LINKS[usize::from(link) % LINKS.len()];
    let mut walk = common::Walk::default();
    let (mut number, mut time_ns) = (0, 0);
    while let [low, high, step, more @ ..] = rest {
        let claimed = u16::from_le_bytes([*low, *high]) & 0x0fff;
        let (frame, behind) = more.split_at(more.len().min(claimed.into()));
        (number, time_ns, rest) = (number + 1, time_ns + i64::from(*step) * 10_000_000, behind);
        let frame =
            Frame { number, time_ns, interface: 0, link_type, wire_len: claimed.into(), bytes: frame };
        if let Err(breach) = walk.frame(&frame) {
            panic!("{breach}");
        }
    }
    if let Err(breach) = walk.finish() {
        panic!("{breach}");
    }
});
