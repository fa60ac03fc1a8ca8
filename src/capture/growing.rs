//! A capture file that is still being written: where it ends for now, its reader waits for more, also within a record.
//!
//! Leaves out: what else may happen to a file (another one in its place under the same name is not noticed).

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

/// How long to wait before looking again.
const PAUSE: Duration = Duration::from_millis(50);

/// Why the waiting ended, and the wish that it should.
#[derive(Debug, Clone, Default)]
pub struct Until {
    asked: Arc<AtomicBool>,
    shorter: Arc<AtomicBool>,
}

impl Until {
    /// The file is over where it ends now.
    pub fn stop(&self) {
        self.asked.store(true, Ordering::Relaxed);
    }

    /// Whether someone asked for the end.
    pub fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// Whether it ended because the file became shorter than what had been read of it.
    pub fn is_shorter(&self) -> bool {
        self.shorter.load(Ordering::Relaxed)
    }
}

/// Reads a file that grows.
#[derive(Debug)]
pub struct Growing {
    file: File,
    /// Bytes read so far.
    read: u64,
    until: Until,
}

impl Growing {
    /// Reads `file` from where it stands, until `until` says so.
    pub fn new(file: File, until: Until) -> Growing {
        Growing { file, read: 0, until }
    }
}

impl Read for Growing {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.file.read(into)?;
            self.read += count as u64;
            if count > 0 || into.is_empty() || self.until.is_asked() {
                return Ok(count);
            }
            if self.file.metadata()?.len() < self.read {
                self.until.shorter.store(true, Ordering::Relaxed);
                return Ok(0);
            }
            sleep(PAUSE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::Source;
    use crate::capture::file::from_reader;
    use std::io::Write;

    /// A header of pcap (microseconds, Ethernet) and one record of four bytes.
    const HEADER: [u8; 24] =
        [0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0];
    const RECORD: [u8; 20] = [1, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 9, 8, 7, 6];

    #[test]
    fn each_record_comes_when_it_is_whole_and_the_end_when_it_is_asked_for() {
        let path = std::env::temp_dir().join(format!("pcaplain-growing-{}.pcap", std::process::id()));
        let mut writer = File::create(&path).unwrap();
        writer.write_all(&HEADER).unwrap();
        writer.write_all(&RECORD).unwrap();
        let until = Until::default();
        let stop = until.clone();
        let thread = std::thread::spawn(move || {
            // A record in two pieces, and half of one.
            for part in [&RECORD[..7], &RECORD[7..], &RECORD[..9]] {
                sleep(3 * PAUSE);
                writer.write_all(part).unwrap();
            }
            sleep(3 * PAUSE);
            stop.stop();
        });
        let file = File::open(&path).unwrap();
        let mut source = from_reader("growing", Box::new(Growing::new(file, until.clone()))).unwrap();
        for _ in 0..2 {
            assert_eq!(source.next().unwrap().unwrap().bytes, [9, 8, 7, 6]);
        }
        assert!(!until.is_asked(), "both came while it was being written");
        assert!(source.next().is_err(), "half a record is there");
        thread.join().unwrap();
        assert!(until.is_asked() && !until.is_shorter());
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_file_that_becomes_shorter_is_over() {
        let path = std::env::temp_dir().join(format!("pcaplain-shorter-{}.pcap", std::process::id()));
        let mut writer = File::create(&path).unwrap();
        writer.write_all(&HEADER).unwrap();
        writer.write_all(&RECORD).unwrap();
        let until = Until::default();
        let file = File::open(&path).unwrap();
        let mut source = from_reader("shorter", Box::new(Growing::new(file, until.clone()))).unwrap();
        assert!(source.next().unwrap().is_some());
        writer.set_len(0).unwrap();
        assert!(source.next().unwrap().is_none());
        assert!(until.is_shorter());
        std::fs::remove_file(&path).unwrap();
    }
}
