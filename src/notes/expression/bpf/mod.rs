//! Expressions as programs for the kernel: classic BPF, which a packet socket runs on each frame before it is handed up.
//!
//! bpf(4) and Linux's Documentation/networking/filter.rst (instructions, ancillary data). An expression is compiled where it asks for
//! fields of the outer headers. What else it asks for is left open, or it has no program ([`Keep`]).
//!
//! **A program is a prefilter: it lets pass each frame for which the expression holds.** It decides exactly on frames that it can read to
//! the end: Ethernet (untagged or with one VLAN tag), raw IP or cooked frames that carry ARP for IPv4, or IP (options and all) with TCP,
//! UDP, ICMP but its errors, or a protocol that nothing is known of. Everything else may hold more headers of the same names: tunnels, packets
//! quoted by ICMP errors, fragments that are put together, damaged headers, IPv6's extension headers. There the program refuses only what
//! the headers before already decide, and lets pass what is open ([`Program::exact`] says whether that ever happens). Who uses a program
//! still puts the expression to what it lets through.
//!
//! How: the ways a frame can be made are walked one after another (`paths`). On each of them is known which fields there are and where, so
//! that the expression comes down to comparisons of bytes (`meaning`); these become blocks of instructions, equal ones once (`code`).
//!
//! Leaves out: frames of other links, two VLAN tags, IPv6's extension headers, lengths of frames (a tag that the kernel took off is
//! missing there), slices, `contains`.

mod code;
mod headers;
mod meaning;
mod paths;

use super::Expression;

/// One instruction, as `struct sock_filter` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instruction {
    /// What to do.
    pub code: u16,
    /// Instructions to skip where a comparison holds.
    pub jt: u8,
    /// Instructions to skip where it does not.
    pub jf: u8,
    /// A number, an offset, or instructions to skip.
    pub k: u32,
}

/// What the bytes begin with that a program is run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// An Ethernet header. The kernel may have taken a VLAN tag off.
    Ethernet,
    /// An IP header.
    Ip,
    /// The network header, as a socket without link headers (`SOCK_DGRAM`) sees it: the protocol is asked of the kernel. Captures show such
    /// frames with a cooked header before them.
    Cooked,
}

/// What a program lets pass besides the packets for which the expression holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// As little as possible. The expression may ask for nothing but header fields.
    Packets,
    /// All packets of each conversation that has one of them, both directions, so that whoever follows it sees it whole; also ICMP errors
    /// about it, and fragments. (One that is captured inside a tunnel and outside, too, counts as two here.) The expression may ask for
    /// anything: what is not known of conversations from any of their packets is left open.
    Conversations,
}

/// A filter for the kernel, which never refuses a frame that the expression holds for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The instructions; at most [`MOST`].
    pub instructions: Vec<Instruction>,
    /// Whether it also never lets a frame pass that the expression does not hold for. Otherwise the expression has to be put to those
    /// that come through.
    pub exact: bool,
}

/// The kernel takes no longer program (`BPF_MAXINSNS`).
pub const MOST: usize = 4096;

impl Expression {
    /// The expression as a program for frames of a link; nothing where it asks for what a program cannot see, would leave out nothing, or
    /// gets too long.
    pub fn compile(&self, link: Link, keep: Keep) -> Option<Program> {
        paths::compile(self, link, keep)
    }
}
