//! Any bytes as frames, from decoding to what people read. Reaches deeper than `file`, which spends its time on containers.
//!
//! The first byte chooses the link type, then each frame is a length (two bytes, little-endian), a step in time (one byte,
//! 10 ms each) and its bytes.
#![no_main]

#[path = "../../tests/common/mod.rs"]
mod common;
#[path = "../../tests/common/story.rs"]
mod story;

use libfuzzer_sys::fuzz_target;
use pcaplain::capture::Frame;
use pcaplain::words::Lang;

const LINKS: [u16; 9] = [0, 1, 12, 101, 108, 113, 228, 229, 276];

fuzz_target!(|bytes: &[u8]| {
    let Some((&link, mut rest)) = bytes.split_first() else { return };
    let link_type = LINKS[usize::from(link) % LINKS.len()];
    let mut frames = Vec::new();
    let (mut number, mut time_ns) = (0, 0);
    while let [low, high, step, more @ ..] = rest {
        let claimed = u16::from_le_bytes([*low, *high]) & 0x0fff;
        let (bytes, behind) = more.split_at(more.len().min(claimed.into()));
        (number, time_ns, rest) = (number + 1, time_ns + i64::from(*step) * 10_000_000, behind);
        frames.push(Frame { number, time_ns, interface: 0, link_type, wire_len: claimed.into(), bytes });
    }
    let mut walk = common::Walk::default();
    let walked = frames.iter().try_for_each(|frame| walk.frame(frame)).and_then(|()| walk.finish());
    let lang = if link % 2 == 0 { Lang::En } else { Lang::Zh };
    if let Err(breach) = walked.and_then(|()| story::tell(lang, frames.into_iter()).map(drop)) {
        panic!("{breach}");
    }
});
