//! Every capture below the folder that `PCAPLAIN_CORPUS` names can be read to its end.

use std::path::{Path, PathBuf};
use std::{env, fs};

use super::super::{Source, open};

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files(&path, found),
            false => found.push(path),
        }
    }
}

fn is_capture(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    [".pcap", ".pcapng", ".cap"].iter().any(|ending| name.trim_end_matches(".gz").ends_with(ending))
}

#[test]
fn every_capture_of_the_corpus_is_read() {
    let Some(folder) = env::var_os("PCAPLAIN_CORPUS") else {
        eprintln!("skipped: PCAPLAIN_CORPUS names no folder of captures");
        return;
    };
    let mut found = Vec::new();
    files(Path::new(&folder), &mut found);
    found.retain(|path| is_capture(path));
    let mut total = 0;
    for path in &found {
        let mut source = open(path.to_str().unwrap()).unwrap_or_else(|damage| panic!("{damage:?}"));
        loop {
            match source.next() {
                Ok(Some(frame)) => {
                    total += 1;
                    assert!(frame.bytes.len() < 1 << 20, "{}: {}", path.display(), frame.number);
                }
                Ok(None) => break,
                // A corpus may well hold cut captures: they are to be looked at, not to fail.
                Err(damage) => eprintln!("{damage:?}"),
            }
        }
    }
    eprintln!("{} captures, {total} frames", found.len());
    assert!(total > 0, "no capture below {}", Path::new(&folder).display());
}
