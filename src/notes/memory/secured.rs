//! SSH connections: since when each direction is encrypted, how much it carried since, and whether a server's host key is the one
//! it showed before.
//!
//! RFC 4253 sections 7.3 and 8. Names: `secured.client_packet`, `secured.server_packet`, the last one in clear of that end;
//! `secured.both`, whether both ends encrypt by now; `secured.client`, `secured.server`, the bytes that end sent since, `secured.bytes`
//! of both, `secured.most` and `secured.least` of the two; `secured.key_packet`, where the same address and port showed its host key
//! last before this connection, and `secured.key_changed`, whether it was another.
//!
//! Bounded: [`MAX_KNOWN`] connections and as many servers, then all are forgotten. Host keys longer than [`MAX_KEY`] are not compared,
//! nor those whose message does not begin its segment.

use std::collections::HashMap;
use std::net::IpAddr;

use foldhash::fast::RandomState;

use crate::capture::Frame;
use crate::decode::Packet;
use crate::flow::{Datum, FlowId, Kind, Outcome};
use crate::notes::expression::{self, Operand};

use super::Memory;

/// Connections, and servers, remembered.
const MAX_KNOWN: usize = 8_192;
/// Longest host key that is kept: RSA of 8192 bits has about 1,050 bytes.
const MAX_KEY: usize = 2_048;
/// SSH_MSG_KEXDH_REPLY and the ECDH one (RFC 4253 section 8, RFC 5656 section 7.1).
const REPLY: u8 = 31;

/// The names, and the kinds of their values.
pub const NAMES: &[(&str, expression::Kind)] = &[
    ("secured.client_packet", expression::Kind::Number),
    ("secured.server_packet", expression::Kind::Number),
    ("secured.both", expression::Kind::Flag),
    ("secured.client", expression::Kind::Number),
    ("secured.server", expression::Kind::Number),
    ("secured.bytes", expression::Kind::Number),
    ("secured.most", expression::Kind::Number),
    ("secured.least", expression::Kind::Number),
    ("secured.key_packet", expression::Kind::Number),
    ("secured.key_changed", expression::Kind::Flag),
];

type Socket = (IpAddr, u16);

/// One end that encrypts.
#[derive(Debug, Clone, Copy)]
struct End {
    socket: Socket,
    packet: u64,
    /// The sequence number after what was sent last.
    next: u32,
    bytes: u64,
}

#[derive(Debug, Default, Clone, Copy)]
struct Connection {
    ends: [Option<End>; 2],
    /// Where the server's key was seen before, and whether it was another one.
    before: Option<(u64, bool)>,
}

/// The memory.
#[derive(Debug, Default)]
pub struct Secured {
    now: Option<FlowId>,
    connections: HashMap<FlowId, Connection, RandomState>,
    keys: HashMap<Socket, (u64, Vec<u8>), RandomState>,
}

impl Secured {
    fn connection(&mut self, flow: FlowId) -> &mut Connection {
        if self.connections.len() >= MAX_KNOWN && !self.connections.contains_key(&flow) {
            self.connections.clear();
        }
        self.connections.entry(flow).or_default()
    }

    fn key(&mut self, flow: FlowId, server: Socket, packet: u64, payload: &[u8]) {
        let Some(key) = host_key(payload) else { return };
        if self.keys.len() >= MAX_KNOWN && !self.keys.contains_key(&server) {
            self.keys.clear();
        }
        let before = self.keys.insert(server, (packet, key.to_vec()));
        self.connection(flow).before = before.map(|(packet, old)| (packet, old != key));
    }
}

impl Memory for Secured {
    fn packet(&mut self, frame: &Frame<'_>, packet: &Packet<'_>, outcome: &Outcome) {
        self.now = outcome.flow;
        let Some(flow) = outcome.flow else { return };
        let begins = |kind: Kind| matches!(kind, Kind::SshEncrypted | Kind::SshHostKey);
        let told = outcome.events.iter().any(|event| begins(event.kind));
        if !told && !self.connections.contains_key(&flow) {
            return;
        }
        let Some(segment) = super::segment(frame, packet) else { return };
        let next = segment.seq.wrapping_add(segment.payload.len() as u32);
        if let Some(connection) = self.connections.get_mut(&flow) {
            for end in connection.ends.iter_mut().flatten().filter(|end| end.socket == segment.from) {
                let more = next.wrapping_sub(end.next);
                // A repeated segment ends before, or where, the last one did.
                if more < 1 << 31 {
                    end.bytes += u64::from(more);
                    end.next = next;
                }
            }
        }
        // What was read late, behind a gap, is told with another packet than its own.
        let own = outcome.events.iter().filter(|e| e.flow == Some(flow) && e.packet == frame.number);
        for event in own {
            match event.kind {
                Kind::SshEncrypted => {
                    let Some(&Datum::Name(endpoint)) = event.get("endpoint") else { continue };
                    let end = End { socket: segment.from, packet: event.packet, next, bytes: 0 };
                    self.connection(flow).ends[usize::from(endpoint == "server")] = Some(end);
                }
                Kind::SshHostKey => self.key(flow, segment.from, event.packet, segment.payload),
                _ => {}
            }
        }
    }

    fn forget(&mut self, flow: FlowId) {
        self.connections.remove(&flow);
    }

    fn values(&self, name: &str, flow: Option<FlowId>, each: &mut dyn FnMut(Operand<'_>)) {
        let Some(connection) = flow.or(self.now).and_then(|flow| self.connections.get(&flow)) else { return };
        let [client, server] = &connection.ends;
        let bytes = || Some((client.as_ref()?.bytes, server.as_ref()?.bytes));
        let number = match name {
            "secured.client_packet" => client.as_ref().map(|end| end.packet),
            "secured.server_packet" => server.as_ref().map(|end| end.packet),
            "secured.client" => client.as_ref().map(|end| end.bytes),
            "secured.server" => server.as_ref().map(|end| end.bytes),
            "secured.bytes" => bytes().map(|(client, server)| client + server),
            "secured.most" => bytes().map(|(client, server)| client.max(server)),
            "secured.least" => bytes().map(|(client, server)| client.min(server)),
            "secured.key_packet" => connection.before.map(|(packet, _)| packet),
            "secured.both" => return each(Operand::Bool(bytes().is_some())),
            "secured.key_changed" => {
                return connection.before.iter().for_each(|(_, changed)| each(Operand::Bool(*changed)));
            }
            _ => None,
        };
        number.into_iter().for_each(|n| each(Operand::Int(n.into())));
    }
}

/// The host key of the server's reply: packet length and padding length, the message's number, and the key with its length.
fn host_key(payload: &[u8]) -> Option<&[u8]> {
    let (head, rest) = payload.split_at_checked(6)?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let length = u32::from_be_bytes(*length) as usize;
    if head[5] != REPLY || length > MAX_KEY {
        return None;
    }
    rest.get(..length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_whole_cut_and_too_long() {
        let reply = [0, 0, 0, 20, 4, 31, 0, 0, 0, 3, b'k', b'e', b'y', 9, 9];
        assert_eq!(host_key(&reply), Some(&b"key"[..]));
        assert_eq!(host_key(&reply[..12]), None);
        assert_eq!(host_key(&[0, 0, 0, 20, 4, 20, 0, 0, 0, 0]), None);
        assert_eq!(host_key(&[0, 0, 0, 20, 4, 31, 0xff, 0xff, 0xff, 0xff]), None);
    }
}
