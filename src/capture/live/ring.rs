//! The ring that the kernel puts packets into: blocks of memory shared with it (`TPACKET_V3`,
//! Documentation/networking/packet_mmap.rst, include/uapi/linux/if_packet.h).
//!
//! A block belongs to the kernel or to us; its status word says to whom. Ours are read one packet at a time and given
//! back when all are taken. Leaves out: what the packets' bytes mean.

#![allow(unsafe_code, reason = "memory shared with the kernel")]

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

use super::sys;

/// Bytes of a block. A packet must fit into one: the longest that a Linux interface hands up is 64 KiB and a header.
pub(super) const BLOCK: usize = 1 << 20;
/// The kernel hands over what is in a block after so long, full or not.
pub(super) const RETIRE_MS: u32 = 40;

/// Places in a block's header: what it is for, how many packets, where the first is.
const STATUS: usize = 8;
const COUNT: usize = 12;
const FIRST: usize = 16;
/// Length of a packet's header, behind which stands its `sockaddr_ll`.
const HEADER: usize = 48;
const ADDRESS: usize = 20;

/// What a packet's status says.
const VLAN_VALID: u32 = libc::TP_STATUS_VLAN_VALID;
const VLAN_TYPE_VALID: u32 = libc::TP_STATUS_VLAN_TPID_VALID;

/// A packet as it lies in the ring.
#[derive(Debug, Clone, Copy)]
pub(super) struct Captured<'a> {
    /// When, in nanoseconds since 1970.
    pub time_ns: i64,
    /// Bytes it had, without the VLAN tag that the kernel took off.
    pub wire_len: u32,
    /// That tag: its type and its control information.
    pub vlan: Option<(u16, u16)>,
    /// Protocol behind the link header, as it stands on the wire.
    pub protocol: u16,
    /// Interface it came by.
    pub interface: u32,
    /// That interface's kind (`ARPHRD_`).
    pub hardware: u16,
    /// For whom it was, or that it was sent (`PACKET_HOST` and so on).
    pub kind: u8,
    /// Sender's hardware address, with its length.
    pub address: ([u8; 8], u8),
    /// What was captured.
    pub bytes: &'a [u8],
}

/// The shared memory.
pub(super) struct Ring {
    base: NonNull<u8>,
    blocks: usize,
    /// The block that is read, or waited for.
    current: usize,
    /// Packets left in it, and where the next is; nothing where it is the kernel's.
    open: Option<(u32, usize)>,
}

// SAFETY: the memory belongs to this value alone on our side; nothing in it is bound to a thread.
unsafe impl Send for Ring {}

impl Ring {
    /// Asks the kernel for a ring of up to so many bytes; with less where it has not so much.
    ///
    /// # Errors
    /// Where there is not even room for two blocks.
    pub(super) fn new(fd: &OwnedFd, bytes: usize) -> io::Result<Ring> {
        let mut blocks = (bytes / BLOCK).max(2);
        loop {
            match sys::request_ring(fd, BLOCK as u32, blocks as u32, RETIRE_MS) {
                Ok(()) => break,
                Err(error) if blocks > 2 && error.raw_os_error() == Some(libc::ENOMEM) => blocks /= 2,
                Err(error) => return Err(error),
            }
        }
        // SAFETY: a new mapping at a place that the kernel chooses; its length is that of the ring just made.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                blocks * BLOCK,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                fd.as_raw_fd(),
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let base = NonNull::new(base.cast()).ok_or_else(io::Error::last_os_error)?;
        Ok(Ring { base, blocks, current: 0, open: None })
    }

    /// Its size.
    pub(super) fn bytes(&self) -> usize {
        self.blocks * BLOCK
    }

    fn status(&self) -> &AtomicU32 {
        // SAFETY: the word lies within the block, aligned as blocks are to pages, and both sides use it atomically.
        unsafe { AtomicU32::from_ptr(self.base.add(self.current * BLOCK + STATUS).as_ptr().cast()) }
    }

    /// The current block; only while it is ours.
    fn block(&self) -> &[u8] {
        // SAFETY: within the mapping. The kernel writes to a block only while its status says that it is the kernel's,
        // and `&self` keeps us from giving it back while the slice lives.
        unsafe { std::slice::from_raw_parts(self.base.add(self.current * BLOCK).as_ptr(), BLOCK) }
    }

    /// The next packet, which stays until [`Ring::advance`]; nothing where the kernel has handed none over.
    #[inline]
    pub(super) fn peek(&mut self) -> Option<Captured<'_>> {
        while self.open.is_none_or(|(left, _)| left == 0) {
            if self.open.take().is_some() {
                self.release();
            }
            if self.status().load(Ordering::Acquire) & libc::TP_STATUS_USER == 0 {
                return None;
            }
            let block = self.block();
            self.open = Some((u32_at(block, COUNT), u32_at(block, FIRST) as usize));
        }
        let (_, at) = self.open?;
        let taken = captured(self.block(), at);
        if taken.is_none() {
            // The kernel does not write such; if it did, the rest of the block could not be found.
            self.open = Some((0, 0));
        }
        // Taken a second time, so that the borrow ends where there is none.
        captured(self.block(), at)
    }

    /// The packet that was looked at is done with.
    #[inline]
    pub(super) fn advance(&mut self) {
        if let Some((left, at)) = self.open
            && left > 0
        {
            let next = u32_at(self.block(), at) as usize;
            self.open = Some((left - 1, at + next));
        }
    }

    fn release(&mut self) {
        self.status().store(libc::TP_STATUS_KERNEL, Ordering::Release);
        self.current = (self.current + 1) % self.blocks;
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: exactly what was mapped; no slice of it outlives `self`.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.bytes()) };
    }
}

#[inline]
fn u32_at(block: &[u8], at: usize) -> u32 {
    block.get(at..at + 4).map_or(0, |b| u32::from_ne_bytes([b[0], b[1], b[2], b[3]]))
}

/// Reads `struct tpacket3_hdr`, its variant 1, and the `sockaddr_ll` behind it.
#[inline]
fn captured(block: &[u8], at: usize) -> Option<Captured<'_>> {
    let header = block.get(at..at.checked_add(HEADER + ADDRESS)?)?;
    let u32_of = |at: usize| u32::from_ne_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let u16_of = |at: usize| u16::from_ne_bytes([header[at], header[at + 1]]);
    let (seconds, nanoseconds, length, status) = (u32_of(4), u32_of(8), u32_of(12) as usize, u32_of(20));
    let start = at + usize::from(u16_of(24));
    let bytes = block.get(start..start.checked_add(length)?)?;
    let (tag, tag_type) = (u32_of(32) as u16, u16_of(36));
    let vlan = (status & VLAN_VALID != 0 || tag != 0)
        .then_some((if status & VLAN_TYPE_VALID != 0 { tag_type } else { 0x8100 }, tag));
    let address = &header[HEADER..];
    let mut sender = [0; 8];
    sender.copy_from_slice(&address[12..20]);
    Some(Captured {
        time_ns: i64::from(seconds) * 1_000_000_000 + i64::from(nanoseconds),
        wire_len: u32_of(16),
        vlan,
        protocol: u16::from_be_bytes([address[2], address[3]]),
        interface: u32::from_ne_bytes([address[4], address[5], address[6], address[7]]),
        hardware: u16::from_ne_bytes([address[8], address[9]]),
        kind: address[10],
        address: (sender, address[11]),
        bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A packet's header and address as the kernel lays them out, and four bytes behind them.
    fn packet(status: u32) -> Vec<u8> {
        let mut block = vec![0; 96];
        block[4..8].copy_from_slice(&7_u32.to_ne_bytes()); // seconds
        block[8..12].copy_from_slice(&9_u32.to_ne_bytes()); // nanoseconds
        block[12..16].copy_from_slice(&4_u32.to_ne_bytes()); // captured
        block[16..20].copy_from_slice(&60_u32.to_ne_bytes()); // on the wire
        block[20..24].copy_from_slice(&status.to_ne_bytes());
        block[24..26].copy_from_slice(&80_u16.to_ne_bytes()); // where the bytes begin
        block[32..36].copy_from_slice(&0x2007_u32.to_ne_bytes()); // tag
        block[36..38].copy_from_slice(&0x88a8_u16.to_ne_bytes()); // type of the tag
        block[50..52].copy_from_slice(&0x0800_u16.to_be_bytes()); // protocol
        block[58] = 4; // outgoing
        block[80..84].copy_from_slice(&[1, 2, 3, 4]);
        block
    }

    #[test]
    fn a_packet_is_read_as_the_kernel_writes_it() {
        let block = packet(VLAN_VALID | VLAN_TYPE_VALID);
        let one = captured(&block, 0).expect("a packet");
        assert_eq!((one.time_ns, one.wire_len, one.bytes), (7_000_000_009, 60, &[1, 2, 3, 4][..]));
        assert_eq!((one.vlan, one.protocol, one.kind), (Some((0x88a8, 0x2007)), 0x0800, 4));
        assert_eq!(captured(&packet(VLAN_VALID), 0).and_then(|one| one.vlan), Some((0x8100, 0x2007)));
    }

    #[test]
    fn impossible_places_are_no_packets() {
        let mut block = packet(0);
        assert!(captured(&block, 60).is_none());
        assert!(captured(&block, usize::MAX).is_none());
        block[12..16].copy_from_slice(&400_u32.to_ne_bytes());
        assert!(captured(&block, 0).is_none());
    }
}
