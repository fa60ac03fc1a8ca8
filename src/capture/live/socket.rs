//! One packet socket with its ring: how it is opened, what the interface it is bound to does, what was counted.
//!
//! `pnet` finds the interface, binds the socket and makes it promiscuous; the socket is ours, because a channel of `pnet`'s own has no
//! VLAN tags, no kernel stamps, no direction and no counts. Leaves out: reading several sockets in order of time (`engine`).

use std::io;
use std::os::fd::{IntoRawFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use pnet::datalink::{self, Config};

use super::frame::{self, COOKED, OUTGOING, Parts};
use super::ring::{Captured, Ring};
use super::sys::{self, Instruction, RETURN};
use super::writer::Counted;

/// Captures on all interfaces at once.
pub const ANY: &str = "any";

/// How often the state of an interface that is down is asked for.
const ASK: Duration = Duration::from_millis(500);

/// How a socket is to be opened.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner<'a> {
    pub snaplen: usize,
    pub promiscuous: bool,
    pub ring: usize,
    pub filter: Option<&'a [Instruction]>,
}

/// What became of an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    Down,
    Up,
    Gone,
}

/// A socket that receives.
pub(super) struct Socket {
    pub fd: OwnedFd,
    ring: Ring,
    pub name: String,
    pub link_type: u16,
    snaplen: usize,
    index: u32,
    /// Loopback's number, where frames of several interfaces come.
    loopback: Option<u32>,
    pub counted: Counted,
    /// Frames that came twice, or that are not to be kept: neither received nor dropped.
    skipped: u64,
    state: State,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Up,
    Down { asked: Instant },
    Gone,
}

impl Socket {
    /// Opens a socket on an interface; from here on its packets are gathered.
    pub(super) fn open(name: &str, manner: &Manner<'_>) -> io::Result<Socket> {
        let asking = asking()?;
        let any = name == ANY;
        let (index, link_type, up) = if any {
            (0, COOKED, true)
        } else {
            let device = sys::device(&asking, name)?;
            (device.index, frame::link_type(device.hardware), device.up)
        };
        let loopback = sys::device(&asking, "lo").ok().map(|device| device.index);
        let fd = sys::packet_socket(link_type == COOKED)?;
        // Old kernels have not this option; what is sent is then passed over when it is read.
        let is_loopback = !any && loopback == Some(index);
        let ignored = is_loopback && sys::ignore_outgoing(&fd).is_ok();
        // Without it stamps are taken a little later, and that is all.
        let _ = sys::stamp_early(&fd);
        let program = program(manner.filter, manner.snaplen);
        sys::attach_filter(&fd, &program)?;
        let ring = Ring::new(&fd, manner.ring)?;
        if any {
            sys::bind(&fd, 0)?;
        } else {
            bind(&fd, name, manner.promiscuous)?;
        }
        let mut this = Socket {
            fd,
            ring,
            name: name.to_owned(),
            link_type,
            snaplen: manner.snaplen,
            index,
            loopback: loopback.filter(|_| any || is_loopback && !ignored),
            counted: Counted::default(),
            skipped: 0,
            state: State::Up,
        };
        if !up {
            this.state = State::Down { asked: Instant::now() };
        }
        Ok(this)
    }

    /// Its ring's size.
    pub(super) fn ring_bytes(&self) -> usize {
        self.ring.bytes()
    }

    /// Time of the next packet.
    #[inline]
    pub(super) fn next_time(&mut self) -> Option<i64> {
        loop {
            let packet = self.ring.peek()?;
            if !is_twice(&packet, self.loopback) {
                return Some(packet.time_ns);
            }
            self.ring.advance();
            self.skipped += 1;
        }
    }

    /// Takes the packet that [`Socket::next_time`] found.
    #[inline]
    pub(super) fn take<T>(&mut self, use_it: impl FnOnce(&Parts<'_>) -> T) -> Option<T> {
        let packet = self.ring.peek()?;
        let used = use_it(&Parts::new(&packet, self.link_type, self.snaplen));
        self.ring.advance();
        self.counted.taken += 1;
        Some(used)
    }

    /// Asks the kernel what it counted.
    pub(super) fn count(&mut self) {
        if let Ok(counted) = sys::statistics(&self.fd) {
            self.counted.received += counted.packets;
            self.counted.dropped += counted.drops;
        }
    }

    /// What was counted, without what came twice.
    pub(super) fn counted(&self) -> Counted {
        Counted { received: self.counted.received.saturating_sub(self.skipped), ..self.counted }
    }

    /// Whether all that came was taken or dropped.
    pub(super) fn is_drained(&self) -> bool {
        let counted = self.counted();
        counted.taken + counted.dropped >= counted.received
    }

    /// From now on nothing more comes in.
    pub(super) fn close(&mut self) {
        let nothing = Instruction { code: RETURN, jt: 0, jf: 0, k: 0 };
        // Where that fails, packets go on coming while the rest is read, and are counted.
        let _ = sys::attach_filter(&self.fd, &[nothing]);
    }

    /// Whether the interface was down when it was opened.
    pub(super) fn is_down(&self) -> bool {
        matches!(self.state, State::Down { .. })
    }

    /// Whether the interface is no more.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self.state, State::Gone)
    }

    /// An error waits on the socket: what it means.
    pub(super) fn look(&mut self) -> io::Result<Option<Turn>> {
        match sys::take_error(&self.fd)? {
            0 => Ok(None),
            libc::ENETDOWN | libc::ENODEV | libc::ENXIO => Ok(self.turn(true)),
            error => Err(io::Error::from_raw_os_error(error)),
        }
    }

    /// Asks, not too often, whether an interface that is down is up again.
    pub(super) fn ask(&mut self) -> Option<Turn> {
        match self.state {
            State::Down { asked } if asked.elapsed() >= ASK => self.turn(false),
            _ => None,
        }
    }

    fn turn(&mut self, went_down: bool) -> Option<Turn> {
        if self.name == ANY || self.is_gone() {
            return None;
        }
        let device = sys::device(&self.fd, &self.name).ok().filter(|device| device.index == self.index);
        let was_up = matches!(self.state, State::Up);
        let (state, turn) = match device {
            None => (State::Gone, Some(Turn::Gone)),
            Some(device) if device.up && !went_down => (State::Up, (!was_up).then_some(Turn::Up)),
            // Where it is up already, the next question finds that out, and both are told.
            Some(_) => (State::Down { asked: Instant::now() }, was_up.then_some(Turn::Down)),
        };
        self.state = state;
        turn
    }
}

/// A socket to ask after interfaces with. It sends nothing and needs no privileges.
fn asking() -> io::Result<OwnedFd> {
    Ok(UnixDatagram::unbound()?.into())
}

/// What frames of an interface begin with, before it is opened; nothing where there is no such interface.
pub fn link_type(name: &str) -> Option<u16> {
    if name == ANY {
        return Some(COOKED);
    }
    let device = sys::device(&asking().ok()?, name).ok()?;
    Some(frame::link_type(device.hardware))
}

/// The filter, which also cuts: a packet that passes is kept up to `snaplen` bytes.
fn program(filter: Option<&[Instruction]>, snaplen: usize) -> Vec<Instruction> {
    let keep = u32::try_from(snaplen).unwrap_or(u32::MAX);
    let all = [Instruction { code: RETURN, jt: 0, jf: 0, k: keep }];
    let cut = |one: &Instruction| match one {
        Instruction { code: RETURN, k, .. } if *k > 0 => Instruction { k: keep, ..*one },
        _ => *one,
    };
    filter.unwrap_or(&all).iter().map(cut).collect()
}

fn bind(fd: &OwnedFd, name: &str, promiscuous: bool) -> io::Result<()> {
    let interface = datalink::interfaces().into_iter().find(|one| one.name == name);
    let interface = interface.ok_or_else(|| io::Error::from_raw_os_error(libc::ENODEV))?;
    // The channel closes what it is given. The binding and the membership stay: they are the socket's.
    let given = fd.try_clone()?.into_raw_fd();
    let config = Config { promiscuous, socket_fd: Some(given), ..Config::default() };
    datalink::channel(&interface, config).map(drop)
}

/// On loopback each frame is seen when it is sent and when it is received.
#[inline]
fn is_twice(packet: &Captured<'_>, loopback: Option<u32>) -> bool {
    packet.kind == OUTGOING && loopback == Some(packet.interface)
}
