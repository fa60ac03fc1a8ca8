//! A conversation summed up: what `flows` shows, the contract's `flow` record, and the `flow.*` names of
//! the expression language.

use std::net::IpAddr;

use super::event::FlowId;
use super::tcp::state::State;

/// One of a conversation's two ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// Who began: the sender of the first SYN, of the first datagram, the one who asked.
    Client,
    /// The other.
    Server,
}

impl Endpoint {
    /// The name in the JSON contract.
    pub fn name(self) -> &'static str {
        match self {
            Endpoint::Client => "client",
            Endpoint::Server => "server",
        }
    }

    /// Index into arrays of "from client, from server".
    pub fn index(self) -> usize {
        self as usize
    }

    /// The other end.
    pub fn peer(self) -> Endpoint {
        match self {
            Endpoint::Client => Endpoint::Server,
            Endpoint::Server => Endpoint::Client,
        }
    }
}

/// What a conversation is carried by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FlowProtocol {
    /// A TCP connection.
    Tcp,
    /// Datagrams between two ports.
    Udp,
    /// Echo requests and replies of one identifier, or messages between two hosts.
    Icmp,
    /// Questions for one address by one asker, and their answers.
    Arp,
}

impl FlowProtocol {
    /// The name in the JSON contract.
    pub fn name(self) -> &'static str {
        match self {
            FlowProtocol::Tcp => "tcp",
            FlowProtocol::Udp => "udp",
            FlowProtocol::Icmp => "icmp",
            FlowProtocol::Arp => "arp",
        }
    }
}

/// Address of one end, as far as it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Party {
    /// Network address.
    pub addr: Option<IpAddr>,
    /// Port; `None` for ICMP and ARP.
    pub port: Option<u16>,
    /// Hardware address its frames came from, where the link has them.
    pub mac: Option<[u8; 6]>,
}

/// A conversation summed up, at its end or as far as it has come.
#[derive(Debug, Clone, PartialEq)]
pub struct FlowRecord {
    /// Number over all protocols, from 0.
    pub id: FlowId,
    /// What carries it.
    pub protocol: FlowProtocol,
    /// Number per protocol, as `tcp.stream` and `udp.stream` count.
    pub stream: u64,
    /// Who began.
    pub client: Party,
    /// The other.
    pub server: Party,
    /// First and last frame.
    pub first: u64,
    /// Last frame.
    pub last: u64,
    /// Time of the first frame, nanoseconds since the epoch.
    pub start_ns: i64,
    /// Time of the last frame.
    pub end_ns: i64,
    /// Frames from client, from server.
    pub packets: [u64; 2],
    /// Frame bytes on the wire, likewise.
    pub bytes: [u64; 2],
    /// What was recognised inside: `http`, `dns`, ... or the registered name of the server's port in brackets is
    /// left to the view.
    pub application: Option<&'static str>,
    /// For TCP connections.
    pub tcp: Option<Box<TcpRecord>>,
}

/// What only a TCP connection has.
#[derive(Debug, Clone, PartialEq)]
pub struct TcpRecord {
    /// Wireshark's `tcp.completeness`: 1 SYN, 2 SYN-ACK, 4 ACK, 8 data, 16 FIN, 32 RST.
    pub completeness: u8,
    /// How it opened: three-way, simultaneous, fast-open, refused, unanswered, reset-during, not-captured.
    pub opening: &'static str,
    /// How it closed: four-segment, three-segment, simultaneous, half-closed, reset-by-client, reset-by-server,
    /// not-captured.
    pub closing: &'static str,
    /// Who closed first: client, server, both.
    pub initiator_of_close: Option<&'static str>,
    /// State of client and server, as far as the capture shows.
    pub states: [State; 2],
    /// Payload bytes each way, every sequence number counted once.
    pub payload: [u64; 2],
    /// Segments each way that carried only bytes sent before.
    pub retransmitted: [u64; 2],
    /// From SYN to the ACK that ends the handshake, in nanoseconds.
    pub rtt_handshake: Option<i64>,
    /// Smallest, median and largest time from a segment to the ACK that covers it, in nanoseconds.
    pub rtt: Option<[i64; 3]>,
    /// Initial sequence number of client and server.
    pub isn: [Option<u32>; 2],
    /// Maximum segment size each announced.
    pub mss: [Option<u16>; 2],
    /// Window scale each announced, as a power of two.
    pub window_scale: [Option<u8>; 2],
    /// Events of severity warn or worse.
    pub troubles: u32,
}
