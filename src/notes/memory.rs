//! Memories: what earlier packets say of this one, one file an idea. A check asks them by names of their own area.
//!
//! The oldest (`hop`, `half`, `fin`, `isn`, `link`, `original`) are in `surroundings`; further ones are rows of [`MEMORIES`].
//! Bounded: a memory says at its top how much it keeps. Leaves out: judgement, which is the ledger's.

mod altering;
mod bridging;
mod crossing;
mod crumbs;
mod echoes;
mod errands;
mod fellows;
mod guarding;
mod heads;
mod lingering;
mod listening;
mod mirrored;
mod naming;
mod orphans;
mod pace;
mod proxies;
mod relaying;
mod secured;
mod takeover;
mod talk;
mod train;
mod translation;
mod turns;
mod visits;

use std::fmt::Debug;
use std::net::IpAddr;

use crate::capture::Frame;
use crate::decode::{Header, Packet};
use crate::flow::{FlowId, Outcome};

use super::expression::{Kind, Operand};

/// What is remembered of earlier packets for checks of claims.
pub trait Memory: Debug {
    /// Takes in a packet and what it brought.
    fn packet(&mut self, frame: &Frame<'_>, packet: &Packet<'_>, outcome: &Outcome);

    /// A conversation is over, and has been asked about.
    fn forget(&mut self, flow: FlowId) {
        let _ = flow;
    }

    /// The values under a name of its own, for the packet at hand or for the conversation that has ended (`flow`).
    fn values(&self, name: &str, flow: Option<FlowId>, each: &mut dyn FnMut(Operand<'_>));
}

/// A memory: its names, and how it begins.
pub(super) struct Row {
    /// The names that checks may use, and the kinds of their values.
    pub names: &'static [(&'static str, Kind)],
    /// One that remembers nothing yet.
    pub make: fn() -> Box<dyn Memory>,
}

/// All of them.
#[rustfmt::skip]
pub(super) static MEMORIES: &[Row] = &[
    Row { names: altering::NAMES, make: || Box::<altering::Altering>::default() },
    Row { names: bridging::NAMES, make: || Box::<bridging::Bridging>::default() },
    Row { names: crossing::NAMES, make: || Box::<crossing::Crossing>::default() },
    Row { names: crumbs::NAMES, make: || Box::<crumbs::Crumbs>::default() },
    Row { names: echoes::NAMES, make: || Box::<echoes::Echoes>::default() },
    Row { names: errands::NAMES, make: || Box::<errands::Errands>::default() },
    Row { names: fellows::NAMES, make: || Box::<fellows::Fellows>::default() },
    Row { names: guarding::NAMES, make: || Box::<guarding::Guarding>::default() },
    Row { names: heads::NAMES, make: || Box::<heads::Heads>::default() },
    Row { names: lingering::NAMES, make: || Box::<lingering::Lingering>::default() },
    Row { names: listening::NAMES, make: || Box::<listening::Listening>::default() },
    Row { names: mirrored::NAMES, make: || Box::<mirrored::Mirrored>::default() },
    Row { names: naming::NAMES, make: || Box::<naming::Naming>::default() },
    Row { names: orphans::NAMES, make: || Box::<orphans::Orphans>::default() },
    Row { names: pace::NAMES, make: || Box::<pace::Paces>::default() },
    Row { names: proxies::NAMES, make: || Box::<proxies::Proxies>::default() },
    Row { names: relaying::NAMES, make: || Box::<relaying::Relaying>::default() },
    Row { names: secured::NAMES, make: || Box::<secured::Secured>::default() },
    Row { names: takeover::NAMES, make: || Box::<takeover::Takeover>::default() },
    Row { names: talk::NAMES, make: || Box::<talk::Talks>::default() },
    Row { names: train::NAMES, make: || Box::<train::Trains>::default() },
    Row { names: translation::NAMES, make: || Box::<translation::Translation>::default() },
    Row { names: turns::NAMES, make: || Box::<turns::Turns>::default() },
    Row { names: visits::NAMES, make: || Box::<visits::Visits>::default() },
];

/// All names of all memories.
pub(super) fn names() -> impl Iterator<Item = (&'static str, Kind)> {
    MEMORIES.iter().flat_map(|row| row.names.iter().copied())
}

/// A TCP segment as memories of what is said in a connection need it.
struct Segment<'a> {
    from: (IpAddr, u16),
    to: (IpAddr, u16),
    seq: u32,
    payload: &'a [u8],
}

/// The packet's TCP segment, if it has one.
fn segment<'a>(frame: &Frame<'a>, packet: &Packet<'_>) -> Option<Segment<'a>> {
    let (src, dst) = packet.addresses()?;
    let layer = packet.transport()?;
    let Header::Tcp(tcp) = &layer.header else { return None };
    let claimed = packet.transport_len.saturating_sub(tcp.header_len());
    let payload = frame.bytes.get(layer.header_end..)?;
    Some(Segment {
        from: (src, tcp.source_port()),
        to: (dst, tcp.destination_port()),
        seq: tcp.sequence_number(),
        payload: &payload[..payload.len().min(claimed)],
    })
}
