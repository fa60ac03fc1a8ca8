//! Any bytes as a capture file: reader, decoder, follower, tree.
//!
//! The properties are those of tests/common.
#![no_main]

#[path = "../../tests/common/mod.rs"]
mod common;

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use pcaplain::capture::file::from_reader;

fuzz_target!(|bytes: &[u8]| {
    // What is no capture is said to be none; that is an answer.
    let Ok(mut source) = from_reader("fuzz", Box::new(Cursor::new(bytes.to_vec()))) else { return };
    if let Err(breach) = common::Walk::default().source(&mut source) {
        panic!("{breach}");
    }
});
