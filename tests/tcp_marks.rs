//! What a sender's marks tell (identifications, timestamps) of a segment whose first copy was lost before the capture point, of
//! copies, and of a byte that is sent again: conversations made by hand, datagram by datagram.

use pcaplain::capture::Frame;
use pcaplain::decode;
use pcaplain::flow::{Kind, Outcome, Tracker};

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const PSH: u8 = 0x08;
const ACK: u8 = 0x10;

#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Client,
    Server,
}
use By::{Client, Server};

/// A segment: numbers are relative, time is in milliseconds, `stamps` are the sender's clock and the echo.
#[derive(Clone, Copy)]
struct Sent {
    by: By,
    at: i64,
    flags: u8,
    seq: u32,
    ack: u32,
    len: u16,
    id: u16,
    stamps: Option<(u32, u32)>,
}

/// A conversation.
#[derive(Default)]
struct Talk {
    tracker: Tracker,
    outcome: Outcome,
    packet: u64,
}

fn sum(bytes: &[u8], before: u32) -> u32 {
    bytes
        .chunks(2)
        .fold(before, |sum, pair| sum + u32::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)])))
}

fn folded(mut sum: u32) -> [u8; 2] {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (!(sum as u16)).to_be_bytes()
}

impl Talk {
    fn send(&mut self, s: Sent) -> Vec<(Kind, &'static str)> {
        self.packet += 1;
        let mut options = Vec::new();
        if s.flags & SYN != 0 {
            options.extend([2, 4, 0x05, 0xb4]); // at most 1460 octets in a segment
        }
        if let Some((clock, echo)) = s.stamps {
            options.extend([1, 1, 8, 10]);
            options.extend(clock.to_be_bytes());
            options.extend(echo.to_be_bytes());
        }
        let (client, server) = ([10, 0, 0, 1], [10, 0, 0, 2]);
        let (source, destination, ports) = match s.by {
            Client => (client, server, [0xc3, 0x50, 0x27, 0x0f]),
            Server => (server, client, [0x27, 0x0f, 0xc3, 0x50]),
        };
        let (mine, theirs) = if s.by == Client { (1_000, 5_000) } else { (5_000, 1_000) };
        let header = 20 + options.len();
        let mut ip = vec![0x45, 0];
        ip.extend((20 + header as u16 + s.len).to_be_bytes());
        ip.extend(s.id.to_be_bytes());
        ip.extend([0x40, 0, 64, 6, 0, 0]);
        ip.extend(source);
        ip.extend(destination);
        let check = folded(sum(&ip, 0));
        ip[10..12].copy_from_slice(&check);
        let mut tcp = ports.to_vec();
        tcp.extend((mine + s.seq).to_be_bytes());
        tcp.extend(if s.flags & ACK != 0 { theirs + s.ack } else { 0 }.to_be_bytes());
        tcp.extend([(header as u8 / 4) << 4, s.flags, 0x20, 0, 0, 0, 0, 0]);
        tcp.extend(options);
        tcp.resize(header + usize::from(s.len), b'x');
        let pseudo = sum(&source, sum(&destination, 6 + tcp.len() as u32));
        let check = folded(sum(&tcp, pseudo));
        tcp[16..18].copy_from_slice(&check);
        let bytes = [ip, tcp].concat();
        let frame = Frame {
            number: self.packet,
            time_ns: s.at * 1_000_000,
            interface: 0,
            link_type: 101,
            wire_len: bytes.len() as u32,
            bytes: &bytes,
        };
        self.tracker.process(&frame, &decode::decode(&frame), &mut self.outcome);
        let told = self.outcome.events.drain(..).filter(|e| e.kind.name().starts_with("tcp.analysis."));
        told.map(|e| (e.kind, e.variant)).collect()
    }

    /// Opened in 20 ms; then the client has sent 20 segments of one octet, each acknowledged, 20 ms apart: datagrams 100 to 121. The
    /// clocks are those of the capture.
    fn known(stamps: bool) -> Talk {
        Talk::known_for(20, stamps)
    }

    /// The same after so many octets.
    fn known_for(octets: u32, stamps: bool) -> Talk {
        let mut talk = Talk::default();
        talk.open(stamps, 100);
        for n in 0..octets {
            let at = 40 + 20 * i64::from(n);
            talk.client(at, PSH | ACK, 1 + n, 1, 1, 102 + n as u16, stamps);
            talk.server(at + 1, ACK, 1, 2 + n, 0, 302 + n as u16, stamps);
        }
        talk
    }

    fn open(&mut self, stamps: bool, id: u16) {
        self.client(0, SYN, 0, 0, 0, id, stamps);
        self.server(1, SYN | ACK, 0, 1, 0, 0, stamps);
        self.client(20, ACK, 1, 1, 0, id + 1, stamps);
    }

    #[expect(clippy::too_many_arguments, reason = "a segment has as many numbers")]
    fn client(
        &mut self,
        at: i64,
        flags: u8,
        seq: u32,
        ack: u32,
        len: u16,
        id: u16,
        stamps: bool,
    ) -> Vec<(Kind, &'static str)> {
        let stamps = stamps.then_some((10_000 + at as u32, 70_000 + at as u32 - u32::from(at > 0)));
        self.send(Sent { by: Client, at, flags, seq, ack, len, id, stamps })
    }

    #[expect(clippy::too_many_arguments, reason = "a segment has as many numbers")]
    fn server(
        &mut self,
        at: i64,
        flags: u8,
        seq: u32,
        ack: u32,
        len: u16,
        id: u16,
        stamps: bool,
    ) -> Vec<(Kind, &'static str)> {
        let stamps = stamps.then_some((70_000 + at as u32, 10_000 + at as u32 - 1));
        self.send(Sent { by: Server, at, flags, seq, ack, len, id, stamps })
    }
}

const AGAIN: Kind = Kind::TcpRetransmission;

#[test]
fn more_is_missing_than_acknowledgements_were_due() {
    // Nothing to acknowledge, one datagram missing: it carried these octets.
    let mut talk = Talk::known(true);
    assert_eq!(talk.client(700, PSH | ACK, 21, 1, 5, 123, true), [(AGAIN, "unseen-ids")]);
    // Two octets of the server's to acknowledge, and one datagram missing: that may have been the acknowledgement.
    for (id, told) in [(123, &[][..]), (124, &[(AGAIN, "unseen-ids")])] {
        let mut talk = Talk::known(true);
        talk.server(450, PSH | ACK, 1, 21, 2, 322, true);
        assert_eq!(talk.client(700, PSH | ACK, 21, 3, 5, id, true), told, "identification {id}");
    }
    // They had not reached the client when it sent this: it echoes an older time.
    let mut talk = Talk::known(true);
    talk.server(690, PSH | ACK, 1, 21, 2, 322, true);
    let stamps = Some((10_700, 70_421));
    let late = Sent { by: Client, at: 700, flags: PSH | ACK, seq: 21, ack: 1, len: 5, id: 123, stamps };
    assert_eq!(talk.send(late), [(AGAIN, "unseen-ids")]);
    // Too soon for a timer.
    let mut talk = Talk::known(true);
    assert_eq!(talk.client(440, PSH | ACK, 21, 1, 5, 123, true), []);
}

#[test]
fn a_lost_acknowledgement_is_no_end_of_counting() {
    let mut talk = Talk::known(true);
    talk.server(450, PSH | ACK, 1, 21, 2, 322, true);
    talk.server(460, PSH | ACK, 3, 21, 2, 323, true);
    assert_eq!(talk.client(461, ACK, 21, 5, 0, 123, true), []);
    assert_eq!(talk.client(700, PSH | ACK, 21, 5, 5, 125, true), [(AGAIN, "unseen-ids")]);
}

#[test]
fn the_tail_of_a_flight_is_sent_again_as_a_probe() {
    // 142 and 143 carried 1448 and 500 octets; 144 is the second of them again.
    let lost = (Kind::TcpLostSegment, "");
    let tail = |talk: &mut Talk, at, id| talk.client(at, PSH | ACK, 1489, 1, 500, id, true);
    assert_eq!(tail(&mut Talk::known_for(40, true), 890, 144), [lost, (AGAIN, "unseen-tail")]);
    // Only as many are missing as the octets before it fill.
    assert_eq!(tail(&mut Talk::known_for(40, true), 890, 143), [lost]);
    // As long as a timer waits, the missing octets themselves may have been sent twice.
    assert_eq!(tail(&mut Talk::known_for(40, true), 1120, 144), [lost]);
    // Who has not counted for long may have sent what is missing to another host.
    let mut talk = Talk::known(true);
    assert_eq!(talk.client(470, PSH | ACK, 1469, 1, 500, 124, true), [lost]);
}

#[test]
fn what_was_lost_behind_a_repetition_comes_again() {
    let mut talk = Talk::known(true);
    // 122 is lost, 123 arrives; 124 and 125 are lost; 126 repeats 122.
    talk.client(440, ACK, 1469, 1, 1448, 123, true);
    talk.server(441, ACK, 1, 21, 0, 322, true);
    let again = talk.client(455, ACK, 21, 1, 1448, 126, true);
    assert_eq!(again.iter().map(|label| label.0).collect::<Vec<_>>(), [AGAIN]);
    talk.server(456, ACK, 1, 2917, 0, 323, true);
    for (n, told) in [(0, &[(AGAIN, "unseen-beyond")][..]), (1, &[(AGAIN, "unseen-beyond")]), (2, &[])] {
        let seq = 2917 + 1448 * n;
        assert_eq!(talk.client(480, ACK, seq, 1, 1448, 127 + n as u16, true), told, "segment {n}");
    }
}

#[test]
fn an_answer_that_echoes_an_earlier_question_is_not_the_first() {
    for (echo, told) in [(10_000, &[(AGAIN, "unseen-answer")][..]), (11_000, &[])] {
        let mut talk = Talk::default();
        talk.client(0, SYN, 0, 0, 0, 7, true);
        talk.client(1_000, SYN, 0, 0, 0, 8, true);
        let stamps = Some((71_010, echo));
        let answer = Sent { by: Server, at: 1_020, flags: SYN | ACK, seq: 0, ack: 1, len: 0, id: 0, stamps };
        assert_eq!(talk.send(answer), told, "echo {echo}");
    }
    // Both questions were held back and came together; the answer may be the first.
    let mut talk = Talk::default();
    talk.client(0, SYN, 0, 0, 0, 7, true);
    talk.client(1, SYN, 0, 0, 0, 8, true);
    let answer = Sent {
        by: Server,
        at: 30,
        flags: SYN | ACK,
        seq: 0,
        ack: 1,
        len: 0,
        id: 0,
        stamps: Some((71_010, 10_000)),
    };
    assert_eq!(talk.send(answer), []);
}

#[test]
fn giants_keep_the_count() {
    let mut talk = Talk::known(true);
    assert_eq!(talk.client(440, ACK, 21, 1, 4344, 122, true), []); // three datagrams: 122 to 124
    talk.server(441, ACK, 1, 4365, 0, 322, true);
    assert_eq!(talk.client(450, ACK, 4365, 1, 2000, 125, true), []); // 125 and 126
    talk.server(451, ACK, 1, 6365, 0, 323, true);
    assert_eq!(talk.client(900, FIN | ACK, 6365, 1, 0, 128, true), [(AGAIN, "unseen-ids")]);
}

#[test]
fn a_byte_sent_again_is_no_keep_alive() {
    for stamps in [true, false] {
        let mut talk = Talk::known(stamps);
        // The acknowledgement of the last byte was captured and got lost on its way.
        let echo = stamps.then_some((10_620, 70_401));
        let again =
            Sent { by: Client, at: 620, flags: PSH | ACK, seq: 20, ack: 1, len: 1, id: 122, stamps: echo };
        assert_eq!(talk.send(again), [(Kind::TcpSpuriousRetransmission, "")]);
        // Long after, with all that was said heard: only to be answered.
        let mut talk = Talk::known(stamps);
        assert_eq!(talk.client(50_000, ACK, 20, 1, 1, 122, stamps), [(Kind::TcpKeepAlive, "")]);
    }
}

#[test]
fn a_copy_of_what_is_acknowledged_is_no_retransmission() {
    let mut talk = Talk::known(false);
    assert_eq!(talk.client(435, PSH | ACK, 19, 1, 1, 120, false), [(Kind::TcpOutOfOrder, "copy")]);
    // A new identification: sent again.
    assert_eq!(talk.client(640, PSH | ACK, 19, 1, 1, 122, false), [(Kind::TcpSpuriousRetransmission, "")]);
}
