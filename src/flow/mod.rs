//! Following conversations: packets in, events and states out.

pub mod event;
pub mod http;
