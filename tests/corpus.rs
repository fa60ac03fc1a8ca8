//! The whole path over captures that were made elsewhere: all below the folder that `PCAPLAIN_CORPUS` names. They
//! end, they do not panic, every byte has one owner. Damage is no failure: a corpus holds cut captures.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{env, fs};

use common::Walk;
use pcaplain::capture;

/// The longest that one capture may take. The largest of a corpus of tests has some ten thousand frames.
const LIMIT: Duration = Duration::from_secs(60);

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files(&path, found),
            false => found.push(path),
        }
    }
}

fn is_capture(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let name = [".gz", ".zst"].iter().find_map(|e| name.strip_suffix(e)).unwrap_or(&name);
    [".pcap", ".pcapng", ".cap", ".trace"].iter().any(|ending| name.ends_with(ending))
}

struct Report {
    frames: u64,
    unreadable: bool,
    damaged: bool,
}

fn examine(path: &Path) -> Result<Report, String> {
    let mut source = match capture::open(&path.to_string_lossy()) {
        Ok(source) => source,
        Err(_) => return Ok(Report { frames: 0, unreadable: true, damaged: false }),
    };
    let mut walk = Walk::default();
    let damage = walk.source(&mut source)?;
    Ok(Report { frames: walk.frames, unreadable: false, damaged: damage.is_some() })
}

#[test]
fn every_capture_of_the_corpus() {
    let Some(folder) = env::var_os("PCAPLAIN_CORPUS") else {
        eprintln!("skipped: PCAPLAIN_CORPUS names no folder of captures");
        return;
    };
    let mut found = Vec::new();
    files(Path::new(&folder), &mut found);
    found.retain(|path| is_capture(path));
    found.sort();
    assert!(!found.is_empty(), "no capture below {}", folder.to_string_lossy());
    let (mut wrong, mut times) = (Vec::new(), Vec::new());
    let (mut frames, mut unreadable, mut damaged) = (0, 0, 0);
    for path in &found {
        let began = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| examine(path)));
        let took = began.elapsed();
        times.push((took, path));
        match result {
            Ok(Ok(report)) => {
                frames += report.frames;
                unreadable += usize::from(report.unreadable);
                damaged += usize::from(report.damaged);
            }
            Ok(Err(breach)) => wrong.push(format!("{}: {breach}", path.display())),
            Err(_) => wrong.push(format!("{}: panicked (see above)", path.display())),
        }
        if took > LIMIT {
            wrong.push(format!("{}: took {:.1} s", path.display(), took.as_secs_f64()));
        }
    }
    times.sort_unstable_by(|a, b| b.cmp(a));
    let captures = found.len();
    eprintln!(
        "{captures} captures, {frames} frames; {damaged} end in damage, {unreadable} cannot be read at all"
    );
    for (took, path) in times.iter().take(3) {
        eprintln!("  slowest: {:.3} s {}", took.as_secs_f64(), path.display());
    }
    assert!(frames > 0, "no frame in {captures} captures");
    assert!(wrong.is_empty(), "{} of {captures} captures:\n{}", wrong.len(), wrong.join("\n"));
}
