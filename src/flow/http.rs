//! To come.
use super::event::{Event, FlowId};
use crate::decode::Piece;
/// x
pub struct Sink<'s> {
    /// x
    pub packet: u64,
    /// x
    pub time_ns: i64,
    /// x
    pub flow: FlowId,
    /// x
    pub pieces: &'s mut Vec<Piece>,
    /// x
    pub events: &'s mut Vec<Event>,
}
/// x
#[derive(Debug, Default)]
pub struct HttpStream {}
impl HttpStream {
    /// x
    pub fn feed(&mut self, _: bool, _: Option<usize>, _: &[u8], _: &mut Sink<'_>) {}
    /// x
    pub fn lost(&mut self, _: bool, _: u64) {}
    /// x
    pub fn end(&mut self, _: bool, _: &mut Sink<'_>) {}
}
/// x
pub enum Certainty {
    /// x
    Certain,
    /// x
    Unsure,
    /// x
    No,
}
/// x
pub fn probe(_: &[u8], _: bool) -> Certainty {
    Certainty::No
}
