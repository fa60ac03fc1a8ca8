//! Frame in, packet out: which headers a frame has and where each begins and ends.
//!
//! Two lanes. [`decode`] is the fast one: own readers for link headers, etherparse for everything from
//! EtherType to transport, no allocation. [`build`] names every bit of the layers that it found. The tree never
//! decides what a layer is: it only describes what this file decided, so both lanes say the same.
//!
//! Layers nest: each begins where its parent's header ends and never ends after its parent. Bytes between a
//! layer's end and its parent's end belong to the parent (Ethernet's filling after a short IP datagram).
//! No recursion; [`MAX_LAYERS`] bounds the depth, so tunnels in tunnels end as `data`.

mod fast;
mod tcp;
mod tree;
mod verify;

pub use fast::{Fragment, Header, Layer, MAX_LAYERS, Packet, decode, decode_datagram};
pub use tcp::Tcp;
pub use tree::{Computed, Context, Piece, PieceKind, build};
pub use verify::{ends, verify};
