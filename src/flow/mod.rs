//! Following conversations: packets in, events and states out.

pub mod dns;
pub mod event;
pub mod http;
