//! Reading a stream that is one message after another: finds where each ends, keeps the beginning of one that is not complete.
//!
//! For protocols whose messages say how long they are, or end with a line. Implements no specification of its own; a
//! protocol is a [`Messages`]. Leaves out: bodies that need not be kept (see `flow/http.rs`).
//!
//! Bounded: a message longer than [`MAX_MESSAGE`] is passed over and not read.

use super::{Reader, Sink};
use crate::decode::{Piece, PieceKind};
use crate::protocol::{Unit, head};

/// The longest message that is put together.
pub const MAX_MESSAGE: usize = 256 * 1024;
/// Of so many packets that carried a message is it remembered that they did.
const MAX_FRAMES: usize = 64;

/// How far the message reaches that begins here.
#[derive(Debug, Clone, PartialEq)]
pub enum Extent {
    /// More bytes are needed to tell.
    More,
    /// It is so long, header and all; more than are there yet, maybe.
    Message(usize),
    /// So many of the bytes at hand (at least one) are this, and need not be kept: a part of a body, ciphertext.
    Through(usize, Unit),
    /// This is no message of the protocol.
    Foreign,
}

/// A protocol that is one message after another.
pub trait Messages: std::fmt::Debug + 'static {
    /// How far the message reaches that begins with `bytes`, of which there is at least one.
    fn extent(&mut self, from_client: bool, bytes: &[u8]) -> Extent;

    /// A whole message, told at `sink`. Returns what it is to the tree. May set `sink.next`: that one reads on behind it.
    fn message(&mut self, from_client: bool, bytes: &[u8], sink: &mut Sink<'_>) -> Unit;

    /// Whether a segment begins with a message, after bytes were lost.
    fn resumes(&self, from_client: bool, segment: &[u8]) -> bool {
        let _ = (from_client, segment);
        false
    }

    /// Of a message only the beginning was captured: what its bytes are, where that can be said without the rest.
    fn cut(&self, from_client: bool, begun: &[u8]) -> Option<Unit> {
        let _ = (from_client, begun);
        None
    }

    /// At least one message of this direction was not seen whole.
    fn skipped(&mut self, from_client: bool) {
        let _ = from_client;
    }

    /// A direction has ended; `unfinished` is the beginning of a message that did not come to its end.
    fn end(&mut self, from_client: bool, unfinished: &[u8], sink: &mut Sink<'_>) {
        let _ = (from_client, unfinished, sink);
    }
}

/// Where one direction stands.
#[derive(Debug, Default)]
enum Reading {
    /// Between two messages, or within one that is being put together.
    #[default]
    Message,
    /// In a message that will not be read: so many bytes are left of it.
    Skip(u64),
    /// Nobody knows where the next message begins.
    Lost,
}

#[derive(Debug, Default)]
struct Side {
    reading: Reading,
    /// The beginning of a message.
    begun: Vec<u8>,
    /// The packets that carried it.
    frames: Vec<u64>,
    /// How long it is, where that is known.
    length: Option<usize>,
}

impl Side {
    fn forget(&mut self) {
        self.begun = Vec::new();
        self.frames.clear();
        self.length = None;
    }
}

/// The reader of such a protocol.
#[derive(Debug)]
pub struct MessageReader<M> {
    protocol: M,
    sides: [Side; 2],
}

impl<M: Messages> MessageReader<M> {
    /// A reader of a connection of which nothing was read yet.
    pub fn new(protocol: M) -> MessageReader<M> {
        MessageReader { protocol, sides: Default::default() }
    }

    /// Takes at least one byte, says how many and what they are.
    fn step(&mut self, from_client: bool, data: &[u8], sink: &mut Sink<'_>) -> (usize, PieceKind) {
        let side = &mut self.sides[usize::from(!from_client)];
        match side.reading {
            Reading::Skip(left) => {
                let taken = usize::try_from(left).map_or(data.len(), |left| left.min(data.len()));
                side.reading = match left - taken as u64 {
                    0 => Reading::Message,
                    left => Reading::Skip(left),
                };
                return (taken, PieceKind::Unit(Unit::Opaque));
            }
            Reading::Lost => return (data.len(), PieceKind::Unit(Unit::Opaque)),
            Reading::Message => {}
        }
        if side.begun.is_empty() {
            // The usual case: the message lies in one segment, and nothing is copied.
            return match self.protocol.extent(from_client, data) {
                Extent::Message(length @ 1..) if length <= data.len() => {
                    let unit = self.protocol.message(from_client, &data[..length], sink);
                    (length, PieceKind::Unit(unit))
                }
                Extent::Message(length @ 1..=MAX_MESSAGE) => {
                    side.length = Some(length);
                    side.begun.extend_from_slice(data);
                    side.frames.push(sink.packet);
                    (data.len(), PieceKind::Segment { began: sink.packet })
                }
                Extent::Message(length @ 1..) => {
                    side.reading = Reading::Skip((length - data.len()) as u64);
                    self.protocol.skipped(from_client);
                    (data.len(), PieceKind::Unit(Unit::Opaque))
                }
                Extent::Through(taken, unit) => (taken.clamp(1, data.len()), PieceKind::Unit(unit)),
                Extent::More if data.len() < MAX_MESSAGE => {
                    side.begun.extend_from_slice(data);
                    side.frames.push(sink.packet);
                    (data.len(), PieceKind::Segment { began: sink.packet })
                }
                Extent::More | Extent::Foreign | Extent::Message(0) => self.give_up(from_client, data),
            };
        }
        self.go_on(from_client, data, sink)
    }

    /// A message that earlier segments began.
    fn go_on(&mut self, from_client: bool, data: &[u8], sink: &mut Sink<'_>) -> (usize, PieceKind) {
        let side = &mut self.sides[usize::from(!from_client)];
        let before = side.begun.len();
        let began = side.frames.first().copied().unwrap_or(sink.packet);
        if side.frames.last() != Some(&sink.packet) && side.frames.len() < MAX_FRAMES {
            side.frames.push(sink.packet);
        }
        let wanted = side.length.map_or(MAX_MESSAGE, |length| length.max(before + 1));
        let taken = data.len().min(wanted - before);
        side.begun.extend_from_slice(&data[..taken]);
        let length = match side.length {
            Some(length) => length,
            None => match self.protocol.extent(from_client, &side.begun) {
                Extent::Message(length @ 1..=MAX_MESSAGE) => {
                    side.length = Some(length);
                    length
                }
                Extent::Message(length @ 1..) => {
                    let left = length.saturating_sub(side.begun.len());
                    side.forget();
                    side.reading = if left == 0 { Reading::Message } else { Reading::Skip(left as u64) };
                    self.protocol.skipped(from_client);
                    return (taken, PieceKind::Unit(Unit::Opaque));
                }
                // What turns out to need no keeping was kept for a while.
                Extent::Through(length, unit) => {
                    let length = length.clamp(1, side.begun.len());
                    let taken = length.saturating_sub(before).clamp(1, taken.max(1));
                    sink.assembled(unit, &side.begun[..length], &side.frames);
                    side.forget();
                    return (taken, PieceKind::Segment { began });
                }
                Extent::More if side.begun.len() < MAX_MESSAGE => {
                    return (taken, PieceKind::Segment { began });
                }
                Extent::More | Extent::Foreign | Extent::Message(0) => {
                    return self.give_up(from_client, data);
                }
            },
        };
        let side = &mut self.sides[usize::from(!from_client)];
        if side.begun.len() < length {
            return (taken, PieceKind::Segment { began });
        }
        let whole = std::mem::take(&mut side.begun);
        let frames = std::mem::take(&mut side.frames);
        side.forget();
        let taken = length.saturating_sub(before).clamp(1, taken.max(1));
        let own = length.min(whole.len());
        let mark = sink.pieces.len();
        let unit = self.protocol.message(from_client, &whole[..own], sink);
        if sink.wants_tree {
            let kind = PieceKind::Assembled { unit, bytes: whole[..own].to_vec(), frames };
            sink.pieces.insert(mark, Piece { start: 0, end: 0, kind });
        }
        (taken, PieceKind::Segment { began })
    }

    fn give_up(&mut self, from_client: bool, data: &[u8]) -> (usize, PieceKind) {
        let side = &mut self.sides[usize::from(!from_client)];
        side.forget();
        side.reading = Reading::Lost;
        self.protocol.skipped(from_client);
        (data.len(), PieceKind::Unit(Unit::Opaque))
    }
}

impl<M: Messages> Reader for MessageReader<M> {
    fn feed(&mut self, from_client: bool, at: Option<usize>, data: &[u8], sink: &mut Sink<'_>) -> usize {
        let index = usize::from(!from_client);
        if matches!(self.sides[index].reading, Reading::Lost) && self.protocol.resumes(from_client, data) {
            self.sides[index].reading = Reading::Message;
        }
        let mut done = 0;
        while done < data.len() && sink.next.is_none() {
            let mark = sink.pieces.len();
            let (taken, kind) = self.step(from_client, &data[done..], sink);
            if let Some(at) = at {
                // What was decoded from a piece stands behind it.
                sink.pieces.insert(mark, Piece { start: at + done, end: at + done + taken, kind });
            }
            done += taken;
        }
        done
    }

    fn cut(&mut self, from_client: bool, sink: &mut Sink<'_>) {
        let side = &self.sides[usize::from(!from_client)];
        if side.frames == [sink.packet]
            && let Some(unit) = self.protocol.cut(from_client, &side.begun)
        {
            sink.cut(unit);
        }
    }

    fn lost(&mut self, from_client: bool, bytes: u64) {
        let side = &mut self.sides[usize::from(!from_client)];
        let left = match side.reading {
            Reading::Skip(left) => Some(left),
            Reading::Message => side.length.map(|length| (length - side.begun.len()) as u64),
            Reading::Lost => None,
        };
        side.forget();
        side.reading = match left.map(|left| left.checked_sub(bytes)) {
            Some(Some(0)) => Reading::Message,
            Some(Some(left)) => Reading::Skip(left),
            _ => Reading::Lost,
        };
        self.protocol.skipped(from_client);
    }

    fn end(&mut self, from_client: bool, sink: &mut Sink<'_>) {
        let side = &mut self.sides[usize::from(!from_client)];
        let unfinished = std::mem::take(&mut side.begun);
        side.forget();
        self.protocol.end(from_client, &unfinished, sink);
    }
}

/// How far a line reaches that ends in a line feed.
pub fn line(bytes: &[u8], limit: usize) -> Extent {
    match bytes.iter().take(limit).position(|b| *b == b'\n') {
        Some(feed) => Extent::Message(feed + 1),
        None if bytes.len() < limit => Extent::More,
        None => Extent::Foreign,
    }
}

/// How far a message with a head as HTTP's reaches, whose body has a told length.
pub fn headed(bytes: &[u8], looks_like: fn(&[u8]) -> bool) -> Extent {
    if bytes.contains(&b'\n') && !looks_like(bytes) {
        return Extent::Foreign;
    }
    match head::lengths(bytes) {
        Some((head, body)) => {
            Extent::Message(usize::try_from(body).unwrap_or(usize::MAX).saturating_add(head))
        }
        None if bytes.len() < MAX_MESSAGE => Extent::More,
        None => Extent::Foreign,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::stream::wire::Wire;

    /// A protocol whose messages are a length, in two bytes, and that many bytes; 0xffff begins no message.
    #[derive(Debug, Default)]
    struct Counted {
        read: Vec<Vec<u8>>,
        skipped: usize,
    }

    impl Messages for Counted {
        fn extent(&mut self, _: bool, bytes: &[u8]) -> Extent {
            match bytes {
                [0xff, 0xff, ..] => Extent::Foreign,
                // Stands for a message of 16 MiB.
                [0xff, 0xfe, ..] => Extent::Message(1 << 24),
                [high, low, ..] => Extent::Message(2 + usize::from(u16::from_be_bytes([*high, *low]))),
                _ => Extent::More,
            }
        }

        fn message(&mut self, _: bool, bytes: &[u8], _: &mut Sink<'_>) -> Unit {
            self.read.push(bytes[2..].to_vec());
            Unit::Opaque
        }

        fn resumes(&self, _: bool, segment: &[u8]) -> bool {
            segment.starts_with(b"\x00\x01")
        }

        fn skipped(&mut self, _: bool) {
            self.skipped += 1;
        }
    }

    fn new() -> Wire {
        Wire::new(Box::new(MessageReader::new(Counted::default())))
    }

    fn reader(wire: &Wire) -> &MessageReader<Counted> {
        (&*wire.reader as &dyn std::any::Any).downcast_ref().unwrap()
    }

    const THREE: &[u8] = b"\x00\x03abc\x00\x00\x00\x05defgh";

    #[test]
    fn messages_are_the_same_however_they_are_cut_into_segments() {
        for first in 0..=THREE.len() {
            for second in first..=THREE.len() {
                let mut wire = new();
                for part in [&THREE[..first], &THREE[first..second], &THREE[second..]] {
                    if !part.is_empty() {
                        wire.client(part);
                    }
                }
                assert_eq!(
                    reader(&wire).protocol.read,
                    [&b"abc"[..], b"", b"defgh"],
                    "cut at {first} and {second}"
                );
                assert_eq!(wire.units().count(), 3);
            }
        }
    }

    #[test]
    fn a_message_in_three_segments_names_them() {
        let mut wire = new();
        wire.server(b"\x00\x03a").server(b"b").server(b"c\x00\x01z");
        let [
            ..,
            PieceKind::Segment { began: 1 },
            PieceKind::Assembled { bytes, frames, .. },
            PieceKind::Unit(_),
        ] = &wire.kinds[..]
        else {
            panic!("{:?}", wire.kinds)
        };
        assert_eq!((&bytes[..], &frames[..]), (&b"\x00\x03abc"[..], &[1, 2, 3][..]));
    }

    #[test]
    fn a_gap_within_a_message_costs_that_message_only() {
        let mut wire = new();
        wire.client(b"\x00\x05ab");
        wire.reader.lost(true, 2);
        wire.client(b"c\x00\x01z");
        assert_eq!(reader(&wire).protocol.read, [b"z"]);
        assert_eq!(reader(&wire).protocol.skipped, 1);
    }

    #[test]
    fn a_gap_over_an_end_is_over_where_a_segment_begins_like_a_message() {
        let mut wire = new();
        wire.client(b"\x00\x05ab");
        wire.reader.lost(true, 7);
        wire.client(b"cd").client(b"\x00\x01z");
        assert_eq!(reader(&wire).protocol.read, [b"z"]);
    }

    #[test]
    fn what_is_foreign_or_too_long_is_passed_over_and_not_kept() {
        let mut wire = new();
        wire.client(b"\xff\xff....").client(b"more");
        wire.server(b"\xff\xfe").server(&vec![0; (1 << 24) - 4]).server(b"..\x00\x01z");
        assert_eq!(reader(&wire).protocol.read, [b"z"]);
        assert!(reader(&wire).sides.iter().all(|side| side.begun.capacity() == 0));
    }
}
