//! To come.
use super::event::{Event, FlowId};
/// x
pub struct MessageInfo {
    /// x
    pub packet: u64,
    /// x
    pub time_ns: i64,
    /// x
    pub flow: FlowId,
    /// x
    pub src: (std::net::IpAddr, u16),
    /// x
    pub dst: (std::net::IpAddr, u16),
    /// x
    pub over_tcp: bool,
}
/// x
#[derive(Debug, Default)]
pub struct DnsTracker {}
impl DnsTracker {
    /// x
    pub fn message(&mut self, _: &MessageInfo, _: &[u8], _: &mut Vec<Event>) {}
    /// x
    pub fn expire(&mut self, _: i64, _: &mut Vec<Event>) {}
    /// x
    pub fn finish(&mut self, _: &mut Vec<Event>) {}
}
