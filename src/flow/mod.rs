//! Following conversations: packets in, events and states out.
//!
//! [`Tracker`] is the one entrance: it is handed every packet in capture order and fills an [`Outcome`].
//! Time comes with the frames, never from a clock, so the same capture always tells the same story.
//! Memory is bounded by the conversations that are alive (see `table`); what had to be dropped is said.

pub mod arp;
pub mod calls;
pub mod checksums;
pub mod content;
pub mod copies;
pub mod datagrams;
pub mod dhcp;
pub mod dhcpv6;
pub mod dns;
pub mod event;
pub mod fragments;
pub mod http;
pub mod icmp;
pub mod igmp;
pub mod info;
pub mod ntp;
pub mod open;
pub mod record;
pub mod rewritten;
pub mod snmp;
pub mod stp;
pub mod stream;
pub mod table;
pub mod tcp;
mod tracker;
pub mod udp;
pub mod vrrp;

pub use event::{Datum, Event, FlowId, Kind, Severity};
pub use record::{Endpoint, FlowProtocol, FlowRecord, Party, TcpRecord};
pub use tcp::Compat;
pub use tcp::state::{Basis, State, StateChange};
pub use tracker::{Outcome, Tracker};
