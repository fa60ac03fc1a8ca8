//! The system calls of live capture that Rust's standard library has not: packet sockets and their options, waiting,
//! signals, changing to another user. packet(7), socket(7), credentials(7).
//!
//! With `ring.rs` the only file with unsafe code. Each function hands on the kernel's error and keeps no pointer.

#![allow(unsafe_code, reason = "system calls that no safe library of this project offers")]

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicI32, Ordering};

/// One instruction of a kernel filter (classic BPF), as `struct sock_filter` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instruction {
    /// What to do.
    pub code: u16,
    /// How far to jump where a test holds.
    pub jt: u8,
    /// How far where it does not.
    pub jf: u8,
    /// A constant.
    pub k: u32,
}

/// Returns a constant: how many bytes of the packet to keep (`BPF_RET | BPF_K`).
pub(super) const RETURN: u16 = 0x06;

/// What the kernel counted on a socket since it was last asked.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Statistics {
    /// Packets that passed the filter, those dropped included.
    pub packets: u64,
    /// Packets for which the ring had no room.
    pub drops: u64,
}

fn checked(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// A packet socket that receives nothing until it is bound: what is set before holds for the first packet.
pub(super) fn packet_socket(cooked: bool) -> io::Result<OwnedFd> {
    let kind = if cooked { libc::SOCK_DGRAM } else { libc::SOCK_RAW };
    // SAFETY: no pointers; a descriptor that is returned is ours alone.
    unsafe {
        let fd = checked(libc::socket(libc::AF_PACKET, kind | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK, 0))?;
        Ok(OwnedFd::from_raw_fd(fd))
    }
}

/// Types that a socket option may be: plain numbers without padding that the kernel only reads.
trait Plain: Copy {}
impl Plain for libc::c_int {}
impl Plain for libc::tpacket_req3 {}
impl Plain for libc::sock_fprog {}

fn set<T: Plain>(fd: &OwnedFd, level: libc::c_int, name: libc::c_int, value: &T) -> io::Result<()> {
    let length = size_of::<T>() as libc::socklen_t;
    // SAFETY: the pointer is to a whole `T` that lives through the call, and `length` is its size.
    checked(unsafe {
        libc::setsockopt(fd.as_raw_fd(), level, name, std::ptr::from_ref(value).cast(), length)
    })?;
    Ok(())
}

/// Frames that this machine sends are not wanted: on loopback each comes once more as received.
pub(super) fn ignore_outgoing(fd: &OwnedFd) -> io::Result<()> {
    set(fd, libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, &1)
}

/// Stamps are taken when a packet comes in, in nanoseconds, and not when it is put into the ring.
pub(super) fn stamp_early(fd: &OwnedFd) -> io::Result<()> {
    set(fd, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, &1)
}

/// Puts the ring's third version on, and asks for a ring of this shape.
pub(super) fn request_ring(fd: &OwnedFd, block: u32, blocks: u32, retire_ms: u32) -> io::Result<()> {
    let version = libc::tpacket_versions::TPACKET_V3 as libc::c_int;
    set(fd, libc::SOL_PACKET, libc::PACKET_VERSION, &version)?;
    // The frame size only counts how many there could be at least: version 3 packs them.
    let frame = 2048;
    let request = libc::tpacket_req3 {
        tp_block_size: block,
        tp_block_nr: blocks,
        tp_frame_size: frame,
        tp_frame_nr: block / frame * blocks,
        tp_retire_blk_tov: retire_ms,
        tp_sizeof_priv: 0,
        tp_feature_req_word: 0,
    };
    set(fd, libc::SOL_PACKET, libc::PACKET_RX_RING, &request)
}

/// Only packets that this program lets pass come in.
pub(super) fn attach_filter(fd: &OwnedFd, program: &[Instruction]) -> io::Result<()> {
    let mut code: Vec<libc::sock_filter> = program
        .iter()
        .map(|one| libc::sock_filter { code: one.code, jt: one.jt, jf: one.jf, k: one.k })
        .collect();
    let len = code.len().try_into().map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    // The kernel copies the program within the call; `code` lives longer.
    set(fd, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &libc::sock_fprog { len, filter: code.as_mut_ptr() })
}

/// Begins to receive: from one interface, or from all where `index` is 0.
pub(super) fn bind(fd: &OwnedFd, index: u32) -> io::Result<()> {
    // SAFETY: all zero is a valid `sockaddr_ll`; the pointer is to a whole one, with its length.
    unsafe {
        let mut address: libc::sockaddr_ll = std::mem::zeroed();
        address.sll_family = libc::AF_PACKET as libc::c_ushort;
        address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
        address.sll_ifindex = index as libc::c_int;
        let length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
        checked(libc::bind(fd.as_raw_fd(), std::ptr::from_ref(&address).cast(), length))?;
    }
    Ok(())
}

/// What was counted; the kernel begins anew with each question.
pub(super) fn statistics(fd: &OwnedFd) -> io::Result<Statistics> {
    // SAFETY: all zero is valid; the kernel writes at most `length` bytes to a structure of that size.
    unsafe {
        let mut counted: libc::tpacket_stats_v3 = std::mem::zeroed();
        let mut length = size_of::<libc::tpacket_stats_v3>() as libc::socklen_t;
        let out = std::ptr::from_mut(&mut counted).cast();
        checked(libc::getsockopt(
            fd.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_STATISTICS,
            out,
            &raw mut length,
        ))?;
        Ok(Statistics { packets: counted.tp_packets.into(), drops: counted.tp_drops.into() })
    }
}

/// The error that waits on a socket, which is taken off it; 0 where there is none.
pub(super) fn take_error(fd: &OwnedFd) -> io::Result<i32> {
    let mut error: libc::c_int = 0;
    let mut length = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the kernel writes one number of `length` bytes.
    checked(unsafe {
        let out = std::ptr::from_mut(&mut error).cast();
        libc::getsockopt(fd.as_raw_fd(), libc::SOL_SOCKET, libc::SO_ERROR, out, &raw mut length)
    })?;
    Ok(error)
}

/// What the system says of an interface.
#[derive(Debug, Clone, Copy)]
pub(super) struct Device {
    /// Its number.
    pub index: u32,
    /// What its frames begin with (`ARPHRD_`).
    pub hardware: u16,
    /// Whether it is switched on.
    pub up: bool,
}

/// Asks after an interface by its name; needs no privileges. Any socket will do.
pub(super) fn device(fd: &OwnedFd, name: &str) -> io::Result<Device> {
    let name = CString::new(name)?;
    let name = name.as_bytes_with_nul();
    // SAFETY: all zero is a valid `ifreq`; its name is ended by a zero byte, and each field of the union is read only
    // after the request that fills it.
    unsafe {
        let mut request: libc::ifreq = std::mem::zeroed();
        if name.len() > request.ifr_name.len() {
            return Err(io::Error::from_raw_os_error(libc::ENODEV));
        }
        for (to, from) in request.ifr_name.iter_mut().zip(name) {
            *to = *from as libc::c_char;
        }
        let mut ask =
            |what| checked(libc::ioctl(fd.as_raw_fd(), what, &raw mut request)).map(|_| request.ifr_ifru);
        let index = ask(libc::SIOCGIFINDEX)?.ifru_ifindex as u32;
        let hardware = ask(libc::SIOCGIFHWADDR)?.ifru_hwaddr.sa_family;
        let flags = libc::c_int::from(ask(libc::SIOCGIFFLAGS)?.ifru_flags);
        Ok(Device { index, hardware, up: flags & libc::IFF_UP != 0 })
    }
}

/// What one descriptor is waited for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waiting {
    fd: RawFd,
    readable: bool,
}

/// What happened to a descriptor.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ready {
    /// Something can be read.
    pub readable: bool,
    /// An error waits, or the other end of a pipe is gone.
    pub error: bool,
}

impl Waiting {
    /// For something to read, and for errors.
    pub fn to_read(fd: &impl AsRawFd) -> Waiting {
        Waiting { fd: fd.as_raw_fd(), readable: true }
    }

    /// For errors only.
    pub fn for_error(fd: &impl AsRawFd) -> Waiting {
        Waiting { fd: fd.as_raw_fd(), readable: false }
    }
}

/// Waits for any of them; a signal or the end of `timeout_ms` ends the wait, too.
pub(super) fn wait(waiting: &[Waiting], timeout_ms: i32) -> io::Result<Vec<Ready>> {
    let events = |one: &Waiting| if one.readable { libc::POLLIN } else { 0 };
    let mut list: Vec<libc::pollfd> =
        waiting.iter().map(|one| libc::pollfd { fd: one.fd, events: events(one), revents: 0 }).collect();
    // SAFETY: the list lives through the call and is as long as is said.
    let result = checked(unsafe { libc::poll(list.as_mut_ptr(), list.len() as libc::nfds_t, timeout_ms) });
    match result {
        Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
        Err(_) => Ok(vec![Ready::default(); waiting.len()]),
        Ok(_) => Ok(list
            .iter()
            .map(|one| Ready {
                readable: one.revents & libc::POLLIN != 0,
                error: one.revents & (libc::POLLERR | libc::POLLNVAL) != 0,
            })
            .collect()),
    }
}

/// A counter that can be waited for.
pub(super) fn event() -> io::Result<OwnedFd> {
    // SAFETY: no pointers; a descriptor that is returned is ours alone.
    unsafe {
        let fd = checked(libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK))?;
        Ok(OwnedFd::from_raw_fd(fd))
    }
}

/// Makes a counter readable, for good.
pub(super) fn raise(fd: RawFd) {
    let one = 1_u64;
    // SAFETY: eight bytes of a number that lives through the call; a closed descriptor is an error nobody needs.
    unsafe { libc::write(fd, std::ptr::from_ref(&one).cast(), size_of::<u64>()) };
}

/// What the handler writes to; -1 where nobody waits.
static STOP: AtomicI32 = AtomicI32::new(-1);

extern "C" fn stop(_: libc::c_int) {
    // Of all calls only such may stand here as signal-safety(7) names: a write, and reading an atomic.
    let fd = STOP.load(Ordering::Relaxed);
    if fd >= 0 {
        raise(fd);
    }
}

/// SIGINT, SIGTERM and SIGHUP make `fd` readable. Each does so once: the second does what it does by default.
pub(super) fn stop_on_signals(fd: &OwnedFd) -> io::Result<()> {
    STOP.store(fd.as_raw_fd(), Ordering::Relaxed);
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        // SAFETY: all zero is a valid action; the handler does only what a handler may.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = stop as extern "C" fn(libc::c_int) as libc::sighandler_t;
            action.sa_flags = libc::SA_RESTART | libc::SA_RESETHAND;
            checked(libc::sigaction(signal, &raw const action, std::ptr::null_mut()))?;
        }
    }
    Ok(())
}

/// Nobody waits for signals any more.
pub(super) fn forget_signals() {
    STOP.store(-1, Ordering::Relaxed);
}

/// How willingly this thread lets others run: -20 not at all, 19 whenever they want. Below 0 it takes a privilege.
pub(super) fn set_niceness(value: i32) -> io::Result<()> {
    // SAFETY: no pointers. On Linux 0 is the calling thread.
    checked(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, value) }).map(drop)
}

/// Real and effective user, real group.
pub(super) fn ids() -> (u32, u32, u32) {
    // SAFETY: these calls cannot fail and take no pointers.
    unsafe { (libc::getuid(), libc::geteuid(), libc::getgid()) }
}

/// Becomes another user for good, with that user's groups.
pub(super) fn become_user(name: Option<&str>, uid: u32, gid: u32) -> io::Result<()> {
    let name = name.map(CString::new).transpose()?;
    // SAFETY: the name is ended by a zero byte and lives through the call; a list of no groups needs no pointer.
    unsafe {
        let known = name.is_some_and(|name| libc::initgroups(name.as_ptr(), gid) == 0);
        if !known {
            checked(libc::setgroups(0, std::ptr::null()))?;
        }
        checked(libc::setresgid(gid, gid, gid))?;
        checked(libc::setresuid(uid, uid, uid))?;
    }
    Ok(())
}

/// Nothing that is run from here on gets more privileges than this process has. Cannot be taken back.
pub(super) fn set_no_new_privileges() -> io::Result<()> {
    // SAFETY: numbers only.
    checked(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }).map(drop)
}

/// Whether that is so.
pub(super) fn has_no_new_privileges() -> bool {
    // SAFETY: numbers only.
    unsafe { libc::prctl(libc::PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 }
}
