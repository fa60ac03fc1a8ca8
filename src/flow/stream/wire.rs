//! For tests of readers: a connection whose directions are fed piece by piece, and what came of it.

use super::{Reader, Shared, Sink};
use crate::decode::{Piece, PieceKind};
use crate::flow::event::Event;
use crate::protocol::Unit;

/// Between two packets, in nanoseconds.
pub const SECOND: i64 = 1_000_000_000;
/// Where payload begins in each packet.
const PAYLOAD: usize = 54;

/// A connection under test. Each segment checks that pieces tile what was fed.
pub struct Wire {
    /// Who reads now.
    pub reader: Box<dyn Reader>,
    /// All that was told.
    pub events: Vec<Event>,
    /// The number of the last packet.
    pub packet: u64,
    /// All pieces.
    pub kinds: Vec<PieceKind>,
    /// What readers share.
    pub shared: Shared,
    /// What the reader said the connection carries.
    pub application: Option<&'static str>,
}

impl Wire {
    /// A connection from 192.0.2.1:40000 to 192.0.2.2:80, of which nothing was sent.
    pub fn new(reader: Box<dyn Reader>) -> Wire {
        let (events, kinds, shared) = (Vec::new(), Vec::new(), Shared::default());
        Wire { reader, events, packet: 0, kinds, shared, application: None }
    }

    /// Calls `with` with the reader and a sink; returns the pieces.
    fn at(&mut self, time_ns: i64, with: impl FnOnce(&mut Box<dyn Reader>, &mut Sink<'_>)) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut sink = Sink {
            packet: self.packet,
            time_ns,
            flow: 7,
            client: "192.0.2.1:40000".parse().unwrap(),
            server: "192.0.2.2:80".parse().unwrap(),
            secure: false,
            wants_tree: true,
            pieces: &mut pieces,
            events: &mut self.events,
            shared: &mut self.shared,
            application: self.application,
            next: None,
        };
        with(&mut self.reader, &mut sink);
        self.application = sink.application;
        pieces
    }

    /// A segment, a second after the one before.
    pub fn send(&mut self, from_client: bool, data: &[u8]) -> &mut Wire {
        self.send_cut(from_client, data, 0)
    }

    /// A segment of which so many bytes at its end were not captured.
    pub fn send_cut(&mut self, from_client: bool, data: &[u8], lost: u64) -> &mut Wire {
        self.packet += 1;
        let pieces = self.at(self.packet as i64 * SECOND, |reader, sink| {
            super::feed(reader, from_client, Some(PAYLOAD), data, sink);
            if lost > 0 {
                reader.cut(from_client, sink);
                reader.lost(from_client, lost);
            }
        });
        let mut at = PAYLOAD;
        for piece in pieces {
            if !matches!(piece.kind, PieceKind::Assembled { .. } | PieceKind::Decoded { .. }) {
                assert_eq!(piece.start, at, "pieces tile");
                assert!(piece.end > piece.start);
                at = piece.end;
            }
            self.kinds.push(piece.kind);
        }
        assert_eq!(at, PAYLOAD + data.len(), "pieces reach the end");
        self
    }

    /// A segment from the client.
    pub fn client(&mut self, data: &[u8]) -> &mut Wire {
        self.send(true, data)
    }

    /// A segment from the server.
    pub fn server(&mut self, data: &[u8]) -> &mut Wire {
        self.send(false, data)
    }

    /// Bytes that had waited for a gap to be filled; returns the pieces.
    pub fn waited(&mut self, from_client: bool, data: &[u8]) -> Vec<Piece> {
        self.at(0, |reader, sink| super::feed(reader, from_client, None, data, sink))
    }

    /// Bytes of a direction were not captured.
    pub fn lost(&mut self, from_client: bool, bytes: u64) -> &mut Wire {
        self.reader.lost(from_client, bytes);
        self
    }

    /// A direction ends.
    pub fn end(&mut self, from_client: bool) {
        self.at(0, |reader, sink| reader.end(from_client, sink));
    }

    /// The units that stand in the packets or were put together, in order.
    pub fn units(&self) -> impl Iterator<Item = &Unit> {
        self.kinds.iter().filter_map(|kind| match kind {
            PieceKind::Unit(unit) | PieceKind::Assembled { unit, .. } => Some(unit),
            PieceKind::Segment { .. } | PieceKind::Decoded { .. } => None,
        })
    }
}
