//! TCP connections: how they open, carry, close; both ends' states.
//!
//! RFC 9293. One file an idea: `state` the table of states, `endpoint` what an endpoint has heard, `segment`
//! numbers and options, `sequence` which numbers were seen, `side` one direction, `damaged` segments that nobody took in, `identification` what IPv4 identifications tell, `lost` what was sent before and lost before the capture, `analysis` the labels, `wireshark`
//! those that Wireshark gives, `why` the reasons for ours,
//! `reassembly` the byte stream, `history` the latest bytes, for a second copy to be held against, `computed` fields for the tree, `connection` the two sides together.

pub mod analysis;
pub mod computed;
mod connection;
pub mod damaged;
pub mod endpoint;
pub mod history;
pub mod identification;
mod lost;
pub mod reassembly;
pub mod segment;
pub mod sequence;
pub mod side;
pub mod state;
pub mod why;
pub mod wireshark;

pub use connection::{Compat, Connection, Step};
