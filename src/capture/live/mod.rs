//! Live capture on Linux: packet sockets with a ring (packet(7), `TPACKET_V3`), a thread that records, a queue to the thread that
//! explains, and privileges that are given up in between.
//!
//! [`open`] takes what privileges are needed for, [`Opened::become_invoker`] and [`Opened::confine`] give them up, [`Ready::start`] begins.
//! Leaves out: sending; other systems; what packets mean.

mod engine;
mod feed;
mod files;
mod frame;
mod privileges;
mod ring;
mod socket;
mod sys;
mod writer;

use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;
use std::time::Duration;

use super::{Format, Interface};
use engine::Engine;
use socket::{Manner, Socket};

pub use engine::{Accept, MakeAccept};
pub use feed::{Backlog, Feed};
pub use files::{Output, Rotation, Unwritten};
pub use privileges::{Fence, Held, may_capture};
pub use socket::{ANY, link_type};
pub use sys::Instruction;

/// Memory of all rings together: at half a million packets a second some tenths of a second of patience.
pub const RING: usize = 64 << 20;
/// Memory of packets that wait to be explained.
pub const QUEUE: usize = 128 << 20;
/// Longest frame that is kept, as tcpdump and tshark have it.
pub const SNAPLEN: u32 = 262_144;

/// How the threads of a capture take turns with others: the one that captures first, if it may; else the other lets it go first.
const EAGER: i32 = -10;
const EVEN: i32 = 0;
const PATIENT: i32 = 5;

/// A filter that the kernel applies.
#[derive(Debug, Clone)]
pub struct Kernel {
    /// The program, for each interface its own: link headers differ.
    pub programs: Vec<Vec<Instruction>>,
    /// What it was made from, for the file.
    pub text: String,
}

/// What to capture.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Names; [`ANY`] is all at once.
    pub interfaces: Vec<String>,
    /// Bytes kept of a frame.
    pub snaplen: u32,
    /// Whether frames for other hosts are wanted.
    pub promiscuous: bool,
    /// Memory of all rings together.
    pub ring: usize,
    /// What the kernel is to let pass.
    pub filter: Option<Kernel>,
}

/// When to end.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// After so many packets.
    pub packets: u64,
    /// After so long.
    pub duration: Option<Duration>,
    /// When the file has so many bytes.
    pub bytes: Option<u64>,
    /// When so many files are full.
    pub files: Option<u64>,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { packets: u64::MAX, duration: None, bytes: None, files: None }
    }
}

/// What is to be said while a capture runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// An interface is switched off.
    Down(String),
    /// And on again.
    Up(String),
    /// It is no more.
    Gone(String),
    /// The kernel had no room for so many packets so far.
    Dropped(u64),
    /// The explanation lags: packets are left out of it from here on.
    Behind,
    /// It goes on, without so many packets.
    CaughtUp(u64),
}

/// Why a capture ended.
#[derive(Debug)]
pub enum End {
    /// Someone asked for it: a signal.
    Asked,
    /// As many packets as were wanted.
    Count,
    /// As long as was wanted.
    Time,
    /// The file, or the last of the files, is full.
    Size,
    /// Nobody reads the explanation any more.
    Reader,
    /// No interface is left.
    Gone,
    /// A file could not be written.
    Unwritten(Unwritten),
    /// The system could not go on.
    Failed(io::Error),
}

/// How a capture went.
#[derive(Debug)]
pub struct Summary {
    /// Why it ended.
    pub end: End,
    /// Packets that came past the kernel's filter, those dropped included.
    pub received: u64,
    /// Those that the kernel had no room for.
    pub dropped: u64,
    /// Those that were taken in.
    pub taken: u64,
    /// Those that are in files, where there are any.
    pub written: Option<u64>,
    /// Those that were left out of the explanation.
    pub left_out: u64,
    /// Files that there have been.
    pub files: u64,
    /// Those that are still there.
    pub kept: Vec<String>,
}

/// Why a capture cannot begin.
#[derive(Debug)]
pub enum Refused {
    /// Packet sockets take a privilege that is not there.
    Permission,
    /// There is no such interface.
    NoInterface(String),
    /// Something else, in the system's words.
    Interface(String, io::Error),
    /// The file.
    Unwritten(Unwritten),
    /// Privileges could not be given up.
    Privileges(io::Error),
}

/// Has `then` called once SIGINT, SIGTERM or SIGHUP came; a second one does what it does by default.
///
/// # Errors
/// The system's.
pub fn on_signals(then: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let stop = sys::event()?;
    sys::stop_on_signals(&stop)?;
    std::thread::spawn(move || {
        while sys::wait(&[sys::Waiting::to_read(&stop)], -1).is_ok_and(|ready| !ready[0].readable) {}
        sys::forget_signals();
        then();
    });
    Ok(())
}

/// Sockets that receive already; privileges are still held.
pub struct Opened {
    sockets: Vec<Socket>,
    interfaces: Vec<Interface>,
    filter: Option<Kernel>,
    ring: usize,
    eager: bool,
}

/// Takes what privileges are needed for.
///
/// # Errors
/// [`Refused`] where a socket cannot be opened.
pub fn open(plan: &Plan) -> Result<Opened, Refused> {
    let mut sockets = Vec::new();
    for (at, name) in plan.interfaces.iter().enumerate() {
        let manner = Manner {
            snaplen: plan.snaplen as usize,
            promiscuous: plan.promiscuous,
            ring: plan.ring / plan.interfaces.len(),
            filter: plan.filter.as_ref().and_then(|filter| filter.programs.get(at)).map(|one| &one[..]),
        };
        sockets.push(Socket::open(name, &manner).map_err(|error| match error.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => Refused::Permission,
            Some(libc::ENODEV | libc::ENXIO) => Refused::NoInterface(name.clone()),
            _ => Refused::Interface(name.clone(), error),
        })?);
    }
    let describe = |(id, socket): (usize, &Socket)| Interface {
        id: id as u32,
        link_type: socket.link_type,
        name: Some(socket.name.clone()),
        description: None,
        snaplen: plan.snaplen,
    };
    let interfaces = sockets.iter().enumerate().map(describe).collect();
    let ring = sockets.iter().map(Socket::ring_bytes).sum();
    // Whoever may, takes turns first: packets do not wait. Who may not, has the ring.
    let eager = sys::set_niceness(EAGER).is_ok();
    Ok(Opened { sockets, interfaces, filter: plan.filter.clone(), ring, eager })
}

impl Opened {
    /// The interfaces, as files describe them.
    pub fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    /// Memory of all rings together, as far as the kernel had it.
    pub fn ring(&self) -> usize {
        self.ring
    }

    /// From here on everything is done as the user who asked.
    ///
    /// # Errors
    /// [`Refused::Privileges`].
    pub fn become_invoker(&self) -> Result<(), Refused> {
        privileges::become_invoker().map_err(Refused::Privileges)
    }

    /// Opens the file, as that user, and gives up everything else.
    ///
    /// # Errors
    /// [`Refused`] where the file cannot be opened, or privileges cannot be given up.
    pub fn confine(self, output: Option<Output>) -> Result<Ready, Refused> {
        let filter = self.filter.as_ref().map(|filter| filter.text.clone());
        let folder = output.as_ref().filter(|output| output.rotation.is_wanted()).map(|output| {
            let folder = Path::new(&output.path).parent().map(Path::to_path_buf).unwrap_or_default();
            if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder }
        });
        let files = output
            .map(|output| files::Files::create(output, self.interfaces.clone(), filter))
            .transpose()
            .map_err(Refused::Unwritten)?;
        let held = privileges::confine(folder.as_deref()).map_err(Refused::Privileges)?;
        Ok(Ready { opened: self, files, held })
    }
}

/// Sockets and files are open, privileges are gone.
pub struct Ready {
    opened: Opened,
    files: Option<files::Files>,
    held: Held,
}

/// A capture that runs.
#[derive(Debug)]
pub struct Running {
    thread: JoinHandle<Summary>,
    stop: OwnedFd,
}

/// Whether packets are explained, and how many bytes of them may wait.
#[derive(Debug, Clone, Copy)]
pub struct Explaining {
    /// Bound of the queue.
    pub queue: usize,
    /// Whether the explanation goes to standard output.
    pub to_stdout: bool,
}

impl Ready {
    /// What is still held.
    pub fn held(&self) -> &Held {
        &self.held
    }

    /// The first file, where there is one.
    pub fn file(&self) -> Option<&str> {
        self.files.as_ref().map(files::Files::first)
    }

    /// Begins. Without `explaining` the feed is empty. `accept` chooses what is written. Signals to stop end the capture in good order.
    ///
    /// # Errors
    /// The system's, where it has no room for another thread.
    pub fn start(
        self,
        explaining: Option<Explaining>,
        limits: Limits,
        accept: Option<MakeAccept>,
        notices: Sender<Notice>,
    ) -> io::Result<(Running, Feed)> {
        let stop = sys::event()?;
        sys::stop_on_signals(&stop)?;
        let interfaces = self.opened.interfaces;
        let names: Vec<&str> = interfaces.iter().filter_map(|one| one.name.as_deref()).collect();
        let (name, format) = match &self.files {
            // Then what is told is told of the file, and equals what is told when it is read.
            Some(files) if files.first() != "-" => (files.first().to_owned(), Format::Pcapng),
            _ => (names.join(","), Format::Live),
        };
        let queue = explaining.map_or(0, |explaining| explaining.queue);
        let (inlet, feed) = feed::queue(queue, name, format, interfaces);
        let reader = match explaining {
            Some(Explaining { to_stdout: true, .. }) if !io::stdout().is_terminal() => {
                Some(io::stdout().as_fd().try_clone_to_owned()?)
            }
            _ => None,
        };
        let engine = Engine {
            sockets: self.opened.sockets,
            stop: engine::copy(&stop)?,
            reader,
            files: self.files,
            inlet: explaining.map(|_| inlet),
            limits,
            notices,
        };
        let thread = std::thread::Builder::new().name("capture".into()).spawn(move || engine.run(accept))?;
        // Each thread has a niceness of its own; this one goes on to explain.
        let _ = sys::set_niceness(if self.opened.eager { EVEN } else { PATIENT });
        Ok((Running { thread, stop }, feed))
    }
}

impl Running {
    /// Asks the capture to end.
    pub fn stop(&self) {
        engine::raise(&self.stop);
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// Where the thread broke down.
    pub fn join(self) -> io::Result<Summary> {
        let summary = self.thread.join().map_err(|_| io::Error::other("the capturing thread broke down"));
        sys::forget_signals();
        summary
    }
}
