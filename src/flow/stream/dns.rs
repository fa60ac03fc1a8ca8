//! DNS over TCP: each message behind two bytes that say how long it is.
//!
//! RFC 1035 section 4.2.2, RFC 7766 section 8 (framing) and 6.2.1.1 (several queries under way at once). What messages say, and
//! which answers which, is `flow/dns.rs`. Leaves out: DNS over TLS, which is TLS to those who look from outside.

use super::messages::{Extent, MessageReader, Messages};
use super::{Reader, Sink};
use crate::flow::dns::MessageInfo;
use crate::protocol::{Certainty, Unit};

/// Length of a DNS header, and of the field before it.
const HEADER: usize = 12;
const PREFIX: usize = 2;

/// Port 53 decides; what is shorter than a header cannot be a message.
pub fn probe(first: &[u8], _from_client: bool) -> Certainty {
    match first {
        [high, low, ..] if usize::from(u16::from_be_bytes([*high, *low])) < HEADER => Certainty::No,
        _ => Certainty::Undecided,
    }
}

/// A reader of a connection to a name server.
pub fn reader() -> Box<dyn Reader> {
    Box::new(MessageReader::new(DnsOverTcp))
}

#[derive(Debug)]
struct DnsOverTcp;

impl Messages for DnsOverTcp {
    fn extent(&mut self, _: bool, bytes: &[u8]) -> Extent {
        match bytes {
            [high, low, ..] => match usize::from(u16::from_be_bytes([*high, *low])) {
                length @ HEADER.. => Extent::Message(PREFIX + length),
                _ => Extent::Foreign,
            },
            _ => Extent::More,
        }
    }

    fn message(&mut self, from_client: bool, bytes: &[u8], sink: &mut Sink<'_>) -> Unit {
        let (from, to) = if from_client { (sink.client, sink.server) } else { (sink.server, sink.client) };
        let info = MessageInfo {
            packet: sink.packet,
            time_ns: sink.time_ns,
            flow: sink.flow,
            from,
            to,
            over_tcp: true,
            whole: true,
        };
        sink.shared.dns.message(&info, &bytes[PREFIX..], sink.events);
        Unit::DnsOverTcp
    }

    fn cut(&self, _: bool, _: &[u8]) -> Option<Unit> {
        Some(Unit::DnsOverTcp)
    }

    fn resumes(&self, _: bool, segment: &[u8]) -> bool {
        // A segment that is just one message: the length says so.
        matches!(segment, [high, low, rest @ ..]
            if usize::from(u16::from_be_bytes([*high, *low])) == rest.len() && rest.len() >= HEADER)
    }
}
