//! A capture that is still being made: a file that grows, where the reader waits at its end for more, also within a record; a stream that
//! comes when it comes. Before either waits, it says so: then is the time to show what was made of the packets so far.
//!
//! Leaves out: what else may happen to a file (another one in its place under the same name is not noticed).

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, sync_channel};
use std::thread::{self, sleep};
use std::time::Duration;

/// How long to wait before looking again.
const PAUSE: Duration = Duration::from_millis(50);

/// Bytes of a stream that are read at once, and how many such portions may wait.
const PORTION: usize = 64 << 10;
const PORTIONS: usize = 16;

/// Whoever writes a capture that is whole already does not pause as long.
const WRITES_ON: Duration = Duration::from_millis(500);

/// Done each time before a reader waits.
pub type Idle = Box<dyn FnMut() + Send>;

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
pub struct Growing {
    file: File,
    /// Bytes read so far.
    read: u64,
    until: Until,
    idle: Idle,
}

impl Growing {
    /// Reads `file` from where it stands, until `until` says so.
    pub fn new(file: File, until: Until, idle: Idle) -> Growing {
        Growing { file, read: 0, until, idle }
    }
}

impl Read for Growing {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut told = false;
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
            if !std::mem::replace(&mut told, true) {
                (self.idle)();
            }
            sleep(PAUSE);
        }
    }
}

/// Reads a stream in a thread of its own, so that waiting for it can be ended.
pub struct Streaming {
    portions: Receiver<io::Result<Vec<u8>>>,
    /// What was taken out of them before anybody read.
    ahead: VecDeque<io::Result<Vec<u8>>>,
    /// What is read of, and how far.
    now: (Vec<u8>, usize),
    until: Until,
    idle: Idle,
}

impl Streaming {
    /// Reads `stream` to its end, or until `until` says so; the thread then waits on for nobody.
    ///
    /// # Errors
    /// Where there can be no thread.
    pub fn new(mut stream: impl Read + Send + 'static, until: Until, idle: Idle) -> io::Result<Streaming> {
        let (inlet, portions) = sync_channel(PORTIONS);
        thread::Builder::new().name("stream".into()).spawn(move || {
            loop {
                let mut portion = vec![0; PORTION];
                let read = match stream.read(&mut portion) {
                    Ok(0) => return,
                    Ok(count) => {
                        // What waits takes no more room than it fills: a stream may come in small pieces.
                        portion.truncate(count);
                        portion.shrink_to_fit();
                        Ok(portion)
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => Err(error),
                };
                let is_last = read.is_err();
                if inlet.send(read).is_err() || is_last {
                    return;
                }
            }
        })?;
        Ok(Streaming { portions, ahead: VecDeque::new(), now: (Vec::new(), 0), until, idle })
    }

    /// Reads ahead until it is clear whether this is a capture that is whole already, sent through a pipe, or one that is being made: whether
    /// the stream, once it has begun, stands still before it ends or has brought a megabyte. To be asked before anything is read.
    pub fn is_being_made(&mut self) -> bool {
        let mut portion = self.portions.recv().map_err(|_| RecvTimeoutError::Disconnected);
        let mut bytes = 0;
        while let Ok(read) = portion {
            // An error ends it; whoever reads on is told of it then.
            bytes += read.as_ref().map_or(PORTION * PORTIONS, Vec::len);
            self.ahead.push_back(read);
            if bytes >= PORTION * PORTIONS {
                return false;
            }
            portion = self.portions.recv_timeout(WRITES_ON);
        }
        matches!(portion, Err(RecvTimeoutError::Timeout))
    }

    /// From now on this is done before each pause.
    pub fn when_idle(&mut self, idle: Idle) {
        self.idle = idle;
    }

    /// Ends the waiting.
    pub fn until(&self) -> Until {
        self.until.clone()
    }

    /// The next portion; nothing at the end.
    fn portion(&mut self) -> io::Result<Option<Vec<u8>>> {
        if let Some(portion) = self.ahead.pop_front() {
            return portion.map(Some);
        }
        match self.portions.try_recv() {
            Ok(portion) => return portion.map(Some),
            Err(TryRecvError::Disconnected) => return Ok(None),
            Err(TryRecvError::Empty) => (self.idle)(),
        }
        while !self.until.is_asked() {
            match self.portions.recv_timeout(PAUSE) {
                Ok(portion) => return portion.map(Some),
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
        Ok(None)
    }
}

impl Read for Streaming {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.now.1 == self.now.0.len() {
            match self.portion()? {
                Some(portion) => self.now = (portion, 0),
                None => return Ok(0),
            }
        }
        let (portion, at) = &mut self.now;
        let count = into.len().min(portion.len() - *at);
        into[..count].copy_from_slice(&portion[*at..*at + count]);
        *at += count;
        Ok(count)
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
        let mut source =
            from_reader("growing", Box::new(Growing::new(file, until.clone(), Box::new(|| {})))).unwrap();
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
    fn a_stream_is_read_as_it_comes_and_waiting_for_it_can_be_ended() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let (until, waits) = (Until::default(), Arc::new(AtomicBool::new(false)));
        let told = waits.clone();
        let idle = Box::new(move || told.store(true, Ordering::Relaxed));
        writer.write_all(&HEADER).unwrap();
        writer.write_all(&RECORD).unwrap();
        // The first frame is looked for when the source is opened.
        let stream = Streaming::new(reader, until.clone(), idle).unwrap();
        let mut source = from_reader("stream", Box::new(stream)).unwrap();
        assert_eq!(source.next().unwrap().unwrap().bytes, [9, 8, 7, 6]);
        let stop = until.clone();
        let thread = std::thread::spawn(move || {
            sleep(3 * PAUSE);
            writer.write_all(&RECORD).unwrap();
            sleep(3 * PAUSE);
            stop.stop();
            writer
        });
        assert!(source.next().unwrap().is_some());
        assert!(!until.is_asked() && waits.load(Ordering::Relaxed));
        assert!(source.next().unwrap().is_none(), "the other end is still open");
        drop(thread.join().unwrap());
    }

    #[test]
    fn a_capture_that_is_whole_is_told_from_one_that_is_being_made() {
        let stream = |reader| Streaming::new(reader, Until::default(), Box::new(|| {})).unwrap();
        let (reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(&HEADER).unwrap();
        let mut made = stream(reader);
        assert!(made.is_being_made(), "nobody says that it is over");
        writer.write_all(&RECORD).unwrap();
        drop(writer);
        let mut bytes = Vec::new();
        made.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes.len(), HEADER.len() + RECORD.len(), "what was read ahead is not lost");

        let (reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(&HEADER).unwrap();
        drop(writer);
        assert!(!stream(reader).is_being_made());

        let (reader, mut writer) = std::io::pipe().unwrap();
        let thread = std::thread::spawn(move || writer.write_all(&[0; 4 << 20]).map(|()| writer));
        let mut large = stream(reader);
        assert!(!large.is_being_made(), "it comes as fast as it is read");
        std::io::copy(&mut large.by_ref().take(4 << 20), &mut std::io::sink()).unwrap();
        drop(thread.join().unwrap());
    }

    #[test]
    fn a_file_that_becomes_shorter_is_over() {
        let path = std::env::temp_dir().join(format!("pcaplain-shorter-{}.pcap", std::process::id()));
        let mut writer = File::create(&path).unwrap();
        writer.write_all(&HEADER).unwrap();
        writer.write_all(&RECORD).unwrap();
        let until = Until::default();
        let file = File::open(&path).unwrap();
        let mut source =
            from_reader("shorter", Box::new(Growing::new(file, until.clone(), Box::new(|| {})))).unwrap();
        assert!(source.next().unwrap().is_some());
        writer.set_len(0).unwrap();
        assert!(source.next().unwrap().is_none());
        assert!(until.is_shorter());
        std::fs::remove_file(&path).unwrap();
    }
}
