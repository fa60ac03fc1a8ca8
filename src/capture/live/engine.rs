//! The thread that captures: packets out of the rings in order of time, into the file and into the queue of the thread that explains.
//!
//! It waits for packets and for nothing else: not for the terminal, not for the explanation. Leaves out: opening (`mod`), how blocks
//! look (`writer`), which files there are (`files`).

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use super::feed::Inlet;
use super::files::{Files, Unwritten, now_ns};
use super::frame::Parts;
use super::ring::RETIRE_MS;
use super::socket::{Socket, Turn};
use super::sys::{self, Waiting};
use super::writer::Counted;
use super::{End, Limits, Notice, Summary};
use crate::capture::Frame;

/// Says of a packet whether it is to be written; made in the thread that asks it.
pub type Accept = Box<dyn FnMut(&Frame<'_>) -> bool>;
/// Makes one.
pub type MakeAccept = Box<dyn FnOnce() -> Accept + Send>;

/// With several rings a packet waits this long for an earlier one from another: the kernel hands a block over after
/// [`RETIRE_MS`] at the latest.
const HOLD_NS: i64 = (2 * RETIRE_MS as i64 + 20) * 1_000_000;
/// Packets taken before the thread looks up.
const ROUND: u32 = 16_384;
/// How often the kernel's counts are fetched: they are 32 bits wide.
const COUNT_EVERY: Duration = Duration::from_secs(1);
/// How often drops are told of while they go on.
const TELL_EVERY: Duration = Duration::from_secs(5);
/// How long the end waits for what the kernel still holds.
const DRAIN: Duration = Duration::from_millis(5 * RETIRE_MS as u64);

/// All that the thread has.
pub(super) struct Engine {
    pub sockets: Vec<Socket>,
    pub stop: OwnedFd,
    /// Standard output, where explanations go there: when its reader is gone, so is the reason to go on.
    pub reader: Option<OwnedFd>,
    pub files: Option<Files>,
    pub inlet: Option<Inlet>,
    pub limits: Limits,
    pub notices: Sender<Notice>,
}

/// What changes while it runs.
struct Run {
    began: Instant,
    /// Packets taken, and those of them that were chosen.
    taken: u64,
    chosen: u64,
    accept: Option<Accept>,
    /// What had been counted when the file at hand began.
    before: Vec<Counted>,
    counted: Instant,
    told: Instant,
    told_drops: u64,
    behind: Option<u64>,
    /// For frames that a filter looks at.
    scratch: Vec<u8>,
}

impl Engine {
    /// Captures until there is a reason to end.
    pub(super) fn run(mut self, accept: Option<MakeAccept>) -> Summary {
        let mut run = Run {
            began: Instant::now(),
            taken: 0,
            chosen: 0,
            accept: accept.map(|make| make()),
            before: vec![Counted::default(); self.sockets.len()],
            counted: Instant::now(),
            told: Instant::now(),
            told_drops: 0,
            behind: None,
            scratch: Vec::new(),
        };
        let mut end = self.capture(&mut run);
        for socket in &mut self.sockets {
            socket.close();
        }
        if matches!(end, End::Asked | End::Time | End::Gone | End::Reader) {
            // What the kernel had received by then belongs to the capture.
            if let Err(unwritten) = self.drain(&mut run) {
                end = End::Unwritten(unwritten);
            }
        }
        self.sockets.iter_mut().for_each(Socket::count);
        let counts = self.counts(&run);
        if let Some(files) = &mut self.files {
            let since = since(&counts, &run.before);
            if let Err(unwritten) = files.finish(&since)
                && !matches!(end, End::Unwritten(_))
            {
                end = End::Unwritten(unwritten);
            }
        }
        let all = |of: fn(&Counted) -> u64| counts.iter().map(of).sum();
        let dropped = all(|one| one.dropped);
        let left_out = self.inlet.as_ref().map_or(0, Inlet::left_out);
        if let Some(inlet) = self.inlet.take() {
            inlet.end(dropped);
        }
        let files = self.files.as_ref();
        Summary {
            end,
            received: all(|one| one.received),
            dropped,
            taken: run.taken,
            written: files.map(Files::stored_packets),
            left_out,
            files: files.map_or(0, Files::number),
            kept: files.map_or_else(Vec::new, |files| files.kept().map(str::to_owned).collect()),
        }
    }

    fn capture(&mut self, run: &mut Run) -> End {
        for socket in self.sockets.iter().filter(|socket| socket.is_down()) {
            let _ = self.notices.send(Notice::Down(socket.name.clone()));
        }
        loop {
            match self.round(run, false) {
                Ok(None) => {}
                Ok(Some(end)) => return end,
                Err(unwritten) => return End::Unwritten(unwritten),
            }
            if let Some(files) = &mut self.files
                && let Err(unwritten) = files.flush()
            {
                return End::Unwritten(unwritten);
            }
            if let Some(inlet) = &mut self.inlet
                && !inlet.hand_over()
            {
                return End::Reader;
            }
            if let Some(end) = self.keep_house(run) {
                return end;
            }
        }
    }

    /// Takes what is there. With `all`, without regard to what may come from another ring.
    fn round(&mut self, run: &mut Run, all: bool) -> Result<Option<End>, Unwritten> {
        let latest = if all || self.sockets.len() == 1 { i64::MAX } else { now_ns() - HOLD_NS };
        for _ in 0..ROUND {
            let Some(at) = self.earliest(latest) else { break };
            if let Some(files) = &self.files
                && files.is_due()
            {
                if let Some(most) = self.limits.files
                    && files.number() >= most
                {
                    return Ok(Some(End::Size));
                }
                self.next_file(run)?;
            }
            self.take(at, run)?;
            if run.chosen >= self.limits.packets {
                return Ok(Some(End::Count));
            }
            if let (Some(most), Some(files)) = (self.limits.bytes, &self.files)
                && files.length() >= most
            {
                return Ok(Some(End::Size));
            }
        }
        Ok(None)
    }

    /// The socket with the earliest packet. Where one has none, an earlier packet may still come from it: then only those up to `latest` count.
    #[inline]
    fn earliest(&mut self, latest: i64) -> Option<usize> {
        if let [socket] = &mut self.sockets[..] {
            return socket.next_time().map(|_| 0);
        }
        let (mut first, mut complete) = (None, true);
        for (at, socket) in self.sockets.iter_mut().enumerate() {
            match socket.next_time() {
                Some(time_ns) => {
                    if first.is_none_or(|(earliest, _)| time_ns < earliest) {
                        first = Some((time_ns, at));
                    }
                }
                None => complete &= socket.is_gone(),
            }
        }
        first.filter(|(time_ns, _)| complete || *time_ns <= latest).map(|(_, at)| at)
    }

    #[inline]
    fn take(&mut self, at: usize, run: &mut Run) -> Result<(), Unwritten> {
        let Engine { sockets, files, inlet, .. } = self;
        let link_type = sockets[at].link_type;
        let interface = at as u32;
        run.taken += 1;
        let number = run.taken;
        let done = sockets[at].take(|parts: &Parts<'_>| {
            let chosen = match &mut run.accept {
                None => true,
                Some(accept) => {
                    run.scratch.clear();
                    parts.put(&mut run.scratch);
                    accept(&Frame {
                        number,
                        time_ns: parts.time_ns,
                        interface,
                        link_type,
                        wire_len: parts.wire_len,
                        bytes: &run.scratch,
                    })
                }
            };
            run.chosen += u64::from(chosen);
            if let Some(inlet) = inlet {
                inlet.put(number, interface, parts);
            }
            match files {
                Some(files) if chosen => files.packet(interface, parts).map(|()| true),
                _ => Ok(false),
            }
        });
        if done.transpose()?.unwrap_or(false) {
            sockets[at].counted.written += 1;
        }
        Ok(())
    }

    fn next_file(&mut self, run: &mut Run) -> Result<(), Unwritten> {
        self.sockets.iter_mut().for_each(Socket::count);
        let counts = self.counts(run);
        let since = since(&counts, &run.before);
        run.before = counts;
        self.files.as_mut().map_or(Ok(()), |files| files.next(&since))
    }

    fn counts(&self, _: &Run) -> Vec<Counted> {
        self.sockets.iter().map(Socket::counted).collect()
    }

    /// Waits for packets, and sees to all else that may have happened.
    fn keep_house(&mut self, run: &mut Run) -> Option<End> {
        let ready: Vec<bool> = self.sockets.iter_mut().map(|socket| socket.next_time().is_some()).collect();
        let mut waiting = vec![Waiting::to_read(&self.stop)];
        waiting.push(match &self.reader {
            Some(reader) => Waiting::for_error(reader),
            None => Waiting::for_error(&self.stop),
        });
        // A ring that has packets which have to wait would end the wait at once.
        for (socket, ready) in self.sockets.iter().zip(&ready) {
            waiting.push(if *ready { Waiting::for_error(&socket.fd) } else { Waiting::to_read(&socket.fd) });
        }
        let held = ready.contains(&true);
        let timeout = match (held, self.sockets.len()) {
            (true, 1) => 0,
            (true, _) => RETIRE_MS as i32 / 4,
            (false, _) => 200,
        };
        let timeout = match self.limits.duration {
            Some(most) => timeout
                .min(i32::try_from(most.saturating_sub(run.began.elapsed()).as_millis()).unwrap_or(timeout)),
            None => timeout,
        };
        let found = match sys::wait(&waiting, timeout) {
            Ok(found) => found,
            Err(error) => return Some(End::Failed(error)),
        };
        if found[0].readable {
            return Some(End::Asked);
        }
        if self.reader.is_some() && found[1].error {
            return Some(End::Reader);
        }
        for (socket, found) in self.sockets.iter_mut().zip(&found[2..]) {
            let turn = if found.error { socket.look() } else { Ok(socket.ask()) };
            let notice = match turn {
                Ok(None) => continue,
                Ok(Some(Turn::Down)) => Notice::Down(socket.name.clone()),
                Ok(Some(Turn::Up)) => Notice::Up(socket.name.clone()),
                Ok(Some(Turn::Gone)) => Notice::Gone(socket.name.clone()),
                Err(error) => return Some(End::Failed(error)),
            };
            let _ = self.notices.send(notice);
        }
        if self.sockets.iter().all(Socket::is_gone) {
            return Some(End::Gone);
        }
        if self.limits.duration.is_some_and(|most| run.began.elapsed() >= most) {
            return Some(End::Time);
        }
        self.tell(run);
        None
    }

    /// Says now and then what is lost.
    fn tell(&mut self, run: &mut Run) {
        if run.counted.elapsed() >= COUNT_EVERY {
            run.counted = Instant::now();
            self.sockets.iter_mut().for_each(Socket::count);
            let drops = self.sockets.iter().map(|socket| socket.counted.dropped).sum();
            if drops > run.told_drops && (run.told_drops == 0 || run.told.elapsed() >= TELL_EVERY) {
                (run.told_drops, run.told) = (drops, Instant::now());
                let _ = self.notices.send(Notice::Dropped(drops));
            }
        }
        let Some(inlet) = &self.inlet else { return };
        match run.behind {
            None if inlet.left_out() > 0 && run.behind != Some(inlet.left_out()) => {
                run.behind = Some(0);
                let _ = self.notices.send(Notice::Behind);
            }
            Some(before) if inlet.is_read() && inlet.left_out() > before => {
                run.behind = Some(inlet.left_out());
                let _ = self.notices.send(Notice::CaughtUp(inlet.left_out() - before));
            }
            _ => {}
        }
    }

    /// Takes what the kernel received before it was told to stop: it hands over the last blocks a little later.
    fn drain(&mut self, run: &mut Run) -> Result<(), Unwritten> {
        let began = Instant::now();
        loop {
            self.sockets.iter_mut().for_each(Socket::count);
            loop {
                let before = run.taken;
                if self.round(run, true)?.is_some() || run.taken == before {
                    break;
                }
            }
            if self.sockets.iter().all(Socket::is_drained) || began.elapsed() >= DRAIN {
                return Ok(());
            }
            let waiting: Vec<Waiting> =
                self.sockets.iter().map(|socket| Waiting::to_read(&socket.fd)).collect();
            if sys::wait(&waiting, 10).is_err() {
                return Ok(());
            }
        }
    }
}

/// What was counted since the file at hand began.
fn since(counts: &[Counted], before: &[Counted]) -> Vec<Counted> {
    let less = |now: &Counted, then: &Counted| Counted {
        received: now.received.saturating_sub(then.received),
        dropped: now.dropped.saturating_sub(then.dropped),
        taken: now.taken.saturating_sub(then.taken),
        written: now.written.saturating_sub(then.written),
    };
    counts.iter().zip(before).map(|(now, then)| less(now, then)).collect()
}

/// Makes a descriptor readable that the thread waits for.
pub(super) fn raise(stop: &OwnedFd) {
    sys::raise(stop.as_raw_fd());
}

/// A copy of a descriptor.
pub(super) fn copy(fd: &OwnedFd) -> io::Result<OwnedFd> {
    fd.try_clone()
}
