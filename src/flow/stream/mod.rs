//! What is spoken in a TCP stream: who reads it, told by its first bytes, and how it is handed to that reader in order.
//!
//! `READERS` is THE table: one row a protocol. A reader gets the bytes of both directions, once each and in order, finds where
//! messages begin and end, says what they are (pieces for the tree, events for the story), and may hand over to another
//! one (an upgrade, STARTTLS, a tunnel through a proxy). Leaves out: what the protocols say, which is in their own files.
//!
//! Bytes decide, whatever the port; where the first ones are too few, or begin alike in several protocols, the server's
//! registered port does (RFC 6335 section 6: a port number says what may be spoken there, not what is).

use std::any::Any;
use std::fmt::Debug;
use std::net::{IpAddr, SocketAddr};

use super::dns::DnsTracker;
use super::event::{Event, FlowId};
use super::http;
use super::record::Endpoint;
use super::table::Base;
use super::tcp::Connection;
use super::tcp::reassembly::{Reassembly, Stretch};
use super::tcp::segment::Segment;
use crate::decode::{Piece, PieceKind};
use crate::protocol::{Certainty, Unit};

pub mod dns;
pub mod ftp;
pub mod http2;
pub mod imap;
pub mod irc;
pub mod lines;
pub mod messages;
pub mod mysql;
pub mod nbss;
pub mod pgsql;
pub mod pop;
pub mod rpc;
pub mod rtsp;
pub mod sip;
pub mod smtp;
pub mod socks;
pub mod ssh;
pub mod telnet;
pub mod tls;
pub mod websocket;
#[cfg(test)]
pub mod wire;

/// So many segments are looked at for the beginning of a message, in a capture that begins within a connection.
const MAX_TRIES: u8 = 16;

/// Where pieces and events go, and with which packet they came.
pub struct Sink<'s> {
    /// The packet that brings, or completes, what is read.
    pub packet: u64,
    /// Its time, in nanoseconds since 1970.
    pub time_ns: i64,
    /// The connection.
    pub flow: FlowId,
    /// Its client.
    pub client: SocketAddr,
    /// Its server.
    pub server: SocketAddr,
    /// Whether what is read was encrypted on the wire, and a key log opened it.
    pub secure: bool,
    /// Whether a tree will be built of the packet: else nobody looks at what only a tree shows.
    pub wants_tree: bool,
    /// What the parts of the packet's payload are.
    pub pieces: &'s mut Vec<Piece>,
    /// What happened.
    pub events: &'s mut Vec<Event>,
    /// What is known beyond one connection.
    pub shared: &'s mut Shared,
    /// Set by a reader: what the connection turned out to carry.
    pub application: Option<&'static str>,
    /// Set by a reader: who reads on from the first byte that it did not take, in both directions.
    pub next: Option<Box<dyn Reader>>,
}

impl Sink<'_> {
    /// A unit that was put together from several packets, or decoded from what the packet brings: shown behind the piece that
    /// is being read. `frames` carried its bytes, where they are known.
    pub fn assembled(&mut self, unit: Unit, bytes: &[u8], frames: &[u64]) {
        if self.wants_tree {
            let kind = PieceKind::Assembled { unit, bytes: bytes.to_vec(), frames: frames.to_vec() };
            self.pieces.push(Piece { start: 0, end: 0, kind });
        }
    }
}

/// What readers of all connections share.
#[derive(Debug, Default)]
pub struct Shared {
    /// Queries that wait for their responses, over UDP and TCP.
    pub dns: DnsTracker,
    /// Secrets of TLS connections.
    pub tls: tls::TlsShared,
    /// Cookies, stored responses, and how much of bodies is kept.
    pub http: http::Memory,
    /// Data connections that FTP's control connections announced.
    pub ftp: ftp::Transfers,
}

/// Reads the two directions of a stream.
pub trait Reader: Debug + Any {
    /// The next bytes of a direction; returns how many were taken: fewer than all only where `sink.next` reads on.
    /// `at` is their offset in the packet's buffer; `None` where they come from earlier packets and waited for a gap to be
    /// filled: then no pieces are told. Pieces tile what is taken.
    fn feed(&mut self, from_client: bool, at: Option<usize>, data: &[u8], sink: &mut Sink<'_>) -> usize;

    /// `bytes` bytes of a direction were not captured and never will be.
    fn lost(&mut self, from_client: bool, bytes: u64);

    /// The packet at hand goes on with bytes that were not captured ([`Reader::lost`] follows): a message that begins in it can
    /// be shown as far as it goes ([`Sink::cut`]).
    fn cut(&mut self, from_client: bool, sink: &mut Sink<'_>) {
        let _ = (from_client, sink);
    }

    /// A direction has ended: FIN, or the connection was reset.
    fn end(&mut self, from_client: bool, sink: &mut Sink<'_>);
}

/// One protocol that streams may carry.
struct Row {
    /// Its name, as a flow's `application`.
    name: &'static str,
    /// Whether the first bytes of a direction are its.
    probe: fn(first: &[u8], from_client: bool) -> Certainty,
    /// Server ports that decide where the bytes do not.
    ports: &'static [u16],
    /// Its reader.
    make: fn() -> Box<dyn Reader>,
}

/// Who can be told by the first bytes comes first; who is known by its port alone, last.
#[rustfmt::skip]
static READERS: &[Row] = &[
    Row { name: "http2", probe: http2::probe, ports: &[], make: http2::reader },
    Row { name: "ssh", probe: ssh::probe, ports: &[22], make: ssh::reader },
    Row { name: "http", probe: http::probe, ports: http::PORTS, make: || Box::<http::HttpStream>::default() },
    Row { name: "tls",  probe: tls::probe,  ports: tls::PORTS,  make: tls::reader },
    Row { name: "ftp",  probe: ftp::probe,  ports: &[21],       make: ftp::reader },
    Row { name: "smtp", probe: smtp::probe, ports: &[25, 587, 2525], make: smtp::reader },
    Row { name: "pop",  probe: pop::probe,  ports: &[110],      make: pop::reader },
    Row { name: "imap", probe: imap::probe, ports: &[143],      make: imap::reader },
    Row { name: "telnet", probe: telnet::probe, ports: &[23], make: telnet::reader },
    Row { name: "rpc", probe: rpc::probe, ports: &[111, 2049], make: rpc::reader },
    Row { name: "mysql", probe: mysql::probe, ports: &[3306], make: mysql::reader },
    Row { name: "pgsql", probe: pgsql::probe, ports: &[5432], make: pgsql::reader },
    Row { name: "rtsp", probe: rtsp::probe, ports: &[554], make: rtsp::reader },
    Row { name: "sip",  probe: sip::probe,  ports: &[5060], make: sip::reader },
    Row { name: "socks", probe: socks::probe, ports: &[], make: socks::reader },
    Row { name: "nbss", probe: nbss::probe, ports: &[139, 445], make: nbss::reader },
    Row { name: "irc", probe: irc::probe, ports: &[194, 6665, 6666, 6667, 6668, 6669], make: irc::reader },
    Row { name: "dns",  probe: dns::probe,  ports: &[53],       make: dns::reader },
];

/// What is known where a connection leaves HTTP: behind a 101 response, or the answer to CONNECT.
#[derive(Debug, Clone, Copy)]
pub struct Upgrade<'a> {
    /// What the 101 response says is spoken from here on.
    pub protocol: Option<&'a [u8]>,
    /// The request that asked for it: its packet, when its last byte came, method, target.
    pub request: Option<(u64, i64, &'a str, &'a str)>,
    /// Its head; empty where it was not kept.
    pub request_head: &'a [u8],
    /// The response's head.
    pub response_head: &'a [u8],
}

/// Who reads on in both directions.
pub fn after_upgrade(upgrade: &Upgrade<'_>, sink: &mut Sink<'_>) -> Box<dyn Reader> {
    match (upgrade.protocol.map(<[u8]>::to_ascii_lowercase).as_deref(), upgrade.request) {
        (Some(b"websocket"), _) => websocket::reader(upgrade, sink),
        (Some(b"h2c"), Some((packet, time_ns, method, uri))) => {
            http2::reader_after_upgrade(packet, time_ns, method, uri)
        }
        // A protocol that is named and not known here is nobody else's.
        (Some(_), _) => Box::new(Chooser { tries: MAX_TRIES, only: None }),
        (None, _) => in_tunnel(),
    }
}

/// Who reads in a tunnel, of which nothing is known: whoever knows its first bytes.
pub fn in_tunnel() -> Box<dyn Reader> {
    Box::new(Chooser { tries: 0, only: None })
}

/// Who reads on in both directions where the two ends agreed to begin TLS here (STARTTLS and its like).
pub fn after_starttls() -> Box<dyn Reader> {
    Box::new(Chooser { tries: 0, only: Some("tls") })
}

/// Reads nothing, and looks for whoever knows what begins here: in a tunnel, or behind an upgrade.
#[derive(Debug)]
pub struct Chooser {
    tries: u8,
    /// Nobody else will do.
    only: Option<&'static str>,
}

impl Reader for Chooser {
    fn feed(&mut self, from_client: bool, at: Option<usize>, data: &[u8], sink: &mut Sink<'_>) -> usize {
        if self.tries < MAX_TRIES {
            self.tries += 1;
            let fits = |row: &&Row| self.only.is_none_or(|only| row.name == only);
            let sure = |row: &&Row| (row.probe)(data, from_client) == Certainty::Yes;
            if let Some(row) = READERS.iter().filter(fits).find(sure) {
                sink.next = Some((row.make)());
                return 0;
            }
        }
        if let Some(at) = at {
            sink.pieces.push(Piece { start: at, end: at + data.len(), kind: PieceKind::Unit(Unit::Opaque) });
        }
        data.len()
    }

    fn lost(&mut self, _: bool, _: u64) {}

    fn end(&mut self, _: bool, _: &mut Sink<'_>) {}
}

/// Who reads a connection's stream.
#[derive(Debug, Default)]
pub enum Stream {
    /// No payload yet, or, where the capture began within the connection, none that is the beginning of something known.
    #[default]
    Undecided,
    /// As `Undecided`, after so many segments.
    Looking(u8),
    /// This one.
    Read(Box<dyn Reader>),
    /// No one here.
    Nobody,
}

impl Stream {
    fn choose(&mut self, s: &Segment<'_>, from_client: bool, connection: &mut Connection) {
        let tries = match self {
            Stream::Undecided => 0,
            Stream::Looking(tries) => *tries,
            Stream::Read(_) | Stream::Nobody => return,
        };
        // Where the beginning is known, only what an end begins with can tell: of either end, since an answer may say
        // what a beginning was that nobody knows.
        let side = &connection.sides[usize::from(!from_client)];
        if side.isn.is_some_and(|isn| s.data_seq() != isn.wrapping_add(1)) {
            if from_client && tls::is_client_hello(s.payload) {
                *self = Stream::tls_from_here(s, connection);
            }
            return;
        }
        let port = connection.base.server.port.unwrap_or(0);
        // What is sure goes before what only the port makes likely.
        let sure = READERS.iter().find(|r| (r.probe)(s.payload, from_client) == Certainty::Yes);
        let likely = || {
            READERS
                .iter()
                .filter(|r| r.ports.contains(&port))
                .find(|r| (r.probe)(s.payload, from_client) != Certainty::No)
        };
        *self = match sure.or_else(likely) {
            Some(row) => {
                connection.application = Some(row.name);
                Stream::Read((row.make)())
            }
            None if tries >= MAX_TRIES => Stream::Nobody,
            None => Stream::Looking(tries + 1),
        };
    }

    /// A protocol that nobody here reads has agreed to go on with TLS (RFC 6120 section 5.4.3.3, RFC 4511 section 4.14.1): the
    /// client waited for the answer, so what its hello acknowledges came before.
    fn tls_from_here(s: &Segment<'_>, connection: &mut Connection) -> Stream {
        for (side, begin) in connection.sides.iter_mut().zip([s.data_seq(), s.ack]) {
            let mut reassembly = Reassembly::default();
            reassembly.start(begin);
            side.reassembly = Some(Box::new(reassembly));
        }
        connection.application = Some("tls");
        Stream::Read(tls::reader())
    }
}

/// Where a stream's pieces, events and knowledge go.
pub struct Output<'o> {
    /// Whether a tree will be built.
    pub wants_tree: bool,
    /// The parts of the packet's payload.
    pub pieces: &'o mut Vec<Piece>,
    /// What happened.
    pub events: &'o mut Vec<Event>,
    /// What is known beyond the connection.
    pub shared: &'o mut Shared,
}

/// Hands a segment's payload to the reader of its stream, in order.
pub fn read(
    stream: &mut Stream,
    connection: &mut Connection,
    s: &Segment<'_>,
    from: Endpoint,
    output: Output<'_>,
) {
    let is_client = from == Endpoint::Client;
    if matches!(stream, Stream::Undecided)
        && let Some(reader) =
            output.shared.ftp.reader((connection.base.server.addr, connection.base.server.port))
    {
        connection.application = Some("ftp-data");
        *stream = Stream::Read(reader);
    }
    if !s.payload.is_empty() {
        stream.choose(s, is_client, connection);
    }
    let Stream::Read(reader) = stream else { return };
    let (Some(client), Some(server)) = ends(&connection.base) else { return };
    let Output { wants_tree, pieces, events, shared } = output;
    let flow = connection.base.id;
    let (packet, time_ns, next, application) = (s.packet, s.time_ns, None, None);
    let mut sink = Sink {
        packet,
        time_ns,
        flow,
        client,
        server,
        secure: false,
        wants_tree,
        pieces,
        events,
        shared,
        application,
        next,
    };
    let [client_side, server_side] = &mut connection.sides;
    let (me, peer) = if is_client { (client_side, server_side) } else { (server_side, client_side) };
    let reassembly = me.reassembly.get_or_insert_with(|| {
        let mut r = Reassembly::default();
        r.start(me.isn.map_or(s.seq, |isn| isn.wrapping_add(1)));
        Box::new(r)
    });
    reassembly.add(s.data_seq(), s.payload, s.len, &mut |stretch| match stretch {
        Stretch::Bytes { bytes, at } => {
            feed(reader, is_client, at.map(|at| s.payload_at + at), bytes, &mut sink);
        }
        Stretch::Lost(bytes) => {
            reader.cut(is_client, &mut sink);
            reader.lost(is_client, bytes);
        }
    });
    if s.ack_flag
        && let Some(theirs) = peer.reassembly.as_mut()
    {
        theirs.acknowledged(s.ack, &mut |stretch| match stretch {
            Stretch::Bytes { bytes, .. } => feed(reader, !is_client, None, bytes, &mut sink),
            Stretch::Lost(bytes) => reader.lost(!is_client, bytes),
        });
    }
    if s.fin || s.rst {
        reader.end(is_client, &mut sink);
    }
    let application = sink.application;
    connection.application = application.or(connection.application);
}

impl Sink<'_> {
    /// The message that was begun with the last piece of this packet goes on with bytes that were not captured: its
    /// beginning is shown as what it is.
    pub fn cut(&mut self, unit: Unit) {
        if let Some(piece) = self.pieces.last_mut()
            && matches!(piece.kind, PieceKind::Segment { began } if began == self.packet)
        {
            piece.kind = PieceKind::Unit(unit);
        }
    }
}

/// Feeds a reader, and the one it hands over to.
fn feed(
    reader: &mut Box<dyn Reader>,
    from_client: bool,
    at: Option<usize>,
    data: &[u8],
    sink: &mut Sink<'_>,
) {
    let mut done = 0;
    loop {
        let taken = reader.feed(from_client, at.map(|at| at + done), &data[done..], sink);
        done = (done + taken).min(data.len());
        match sink.next.take() {
            Some(next) => *reader = next,
            None => break,
        }
        if done == data.len() {
            break;
        }
    }
    if let Some(at) = at
        && done < data.len()
    {
        sink.pieces.push(Piece {
            start: at + done,
            end: at + data.len(),
            kind: PieceKind::Unit(Unit::Opaque),
        });
    }
}

fn ends(base: &Base) -> (Option<SocketAddr>, Option<SocketAddr>) {
    let end = |addr: Option<IpAddr>, port: Option<u16>| Some(SocketAddr::new(addr?, port?));
    (end(base.client.addr, base.client.port), end(base.server.addr, base.server.port))
}
