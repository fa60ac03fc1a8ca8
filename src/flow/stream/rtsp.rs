//! RTSP connections: which response answers which request, and binary data between messages.
//!
//! RFC 7826 section 5.4 (length of a message), 14 (binary data), 18.20 (CSeq: a response has the number of its request). Leaves
//! out: what sessions and transports agree on; RTP.
//!
//! Bounded: `MAX_OPEN` requests that wait.

use std::collections::VecDeque;

use super::lines::shown;
use super::messages::{Extent, MessageReader, Messages, headed};
use super::{Reader, Sink};
use crate::flow::event::{Datum, Event, Kind, Severity};
use crate::protocol::rtsp::{self, DOLLAR, HEADER, Part};
use crate::protocol::{Certainty, Unit, head, lines};

/// So many requests may wait for their responses.
const MAX_OPEN: usize = 64;

/// The version in the first line decides.
pub fn probe(first: &[u8], _: bool) -> Certainty {
    if rtsp::looks_like(first) {
        return Certainty::Yes;
    }
    match first.contains(&b'\n') || !first.first().is_some_and(u8::is_ascii_uppercase) {
        true => Certainty::No,
        false => Certainty::Undecided,
    }
}

/// A reader of a connection.
pub fn reader() -> Box<dyn Reader> {
    Box::new(MessageReader::new(Rtsp::default()))
}

/// A request that waits for its response.
#[derive(Debug)]
struct Asked {
    from_client: bool,
    number: Option<u64>,
    method: String,
    packet: u64,
    time_ns: i64,
}

#[derive(Debug, Default)]
struct Rtsp {
    open: VecDeque<Asked>,
}

impl Rtsp {
    fn tell(&mut self, from_client: bool, bytes: &[u8], sink: &mut Sink<'_>) {
        let line = lines::content(bytes);
        let (first, rest) = lines::split(line);
        let (second, words) = lines::split(rest);
        let number = head::value(bytes, &["cseq"]).and_then(lines::number);
        if !line.starts_with(b"RTSP/") {
            let mut event = Event::new(Kind::RtspRequest, sink.packet, Some(sink.flow))
                .with("method", shown(first))
                .with("uri", shown(second));
            if let Some(transport) = head::value(bytes, &["transport"]) {
                event = event.with("transport", shown(transport));
            }
            sink.events.push(event);
            if self.open.len() == MAX_OPEN {
                self.open.pop_front();
            }
            let method = String::from_utf8_lossy(&first[..first.len().min(32)]).into_owned();
            let (packet, time_ns) = (sink.packet, sink.time_ns);
            self.open.push_back(Asked { from_client, number, method, packet, time_ns });
            return;
        }
        let code = lines::number(second).unwrap_or(0);
        let mut event = Event::new(Kind::RtspResponse, sink.packet, Some(sink.flow))
            .with("code", Datum::Uint(code))
            .with("phrase", shown(words));
        if code >= 400 {
            event = event.variant("refused").severity(Severity::Note);
        }
        let is =
            |asked: &Asked| asked.from_client != from_client && asked.number == number && number.is_some();
        if let Some(asked) = self.open.iter().position(is).and_then(|at| self.open.remove(at)) {
            event = event
                .with("method", Datum::Text(asked.method))
                .with("request_packet", Datum::Uint(asked.packet))
                .with("after", Datum::Duration(sink.time_ns.saturating_sub(asked.time_ns)));
        }
        sink.events.push(event);
    }
}

impl Messages for Rtsp {
    fn extent(&mut self, _: bool, bytes: &[u8]) -> Extent {
        match *bytes {
            [DOLLAR, _, high, low, ..] => {
                Extent::Message(HEADER + usize::from(u16::from_be_bytes([high, low])))
            }
            [DOLLAR, ..] => Extent::More,
            _ => headed(bytes, rtsp::looks_like),
        }
    }

    fn message(&mut self, from_client: bool, bytes: &[u8], sink: &mut Sink<'_>) -> Unit {
        if bytes[0] == DOLLAR {
            return Unit::Rtsp(Part::Interleaved);
        }
        self.tell(from_client, bytes, sink);
        Unit::Rtsp(Part::Message)
    }

    fn cut(&self, _: bool, begun: &[u8]) -> Option<Unit> {
        Some(Unit::Rtsp(if begun[0] == DOLLAR { Part::Interleaved } else { Part::Message }))
    }

    fn resumes(&self, _: bool, segment: &[u8]) -> bool {
        rtsp::looks_like(segment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::stream::wire::Wire;

    const ASK: &[u8] = b"DESCRIBE rtsp://a.test/1 RTSP/1.0\r\nCSeq: 2\r\n\r\n";
    const ANSWER: &[u8] = b"RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Type: application/sdp\r\n\
        Content-Length: 5\r\n\r\nv=0\r\n$\x01\x00\x03abcRTSP/1.0 454 Session Not Found\r\nCSeq: 9\r\n\r\n";

    #[test]
    fn responses_answer_by_number_however_they_are_cut() {
        for at in 1..ANSWER.len() {
            let mut wire = Wire::new(reader());
            wire.client(ASK).server(&ANSWER[..at]).server(&ANSWER[at..]);
            let [request, response, refusal] = &wire.events[..] else {
                panic!("cut at {at}: {:?}", wire.events)
            };
            assert_eq!(request.get("method"), Some(&Datum::Text("DESCRIBE".into())));
            assert_eq!(response.get("request_packet"), Some(&Datum::Uint(1)));
            assert_eq!((refusal.get("code"), refusal.get("request_packet")), (Some(&Datum::Uint(454)), None));
            assert_eq!(wire.units().count(), 4, "cut at {at}");
        }
    }

    #[test]
    fn others_are_not_read() {
        assert_eq!(probe(b"GET / HTTP/1.1\r\n", true), Certainty::No);
        assert_eq!(probe(b"PLAY rtsp://a.test RTSP/1.0\r\n", true), Certainty::Yes);
        assert_eq!(probe(b"RTSP/2.0 200 OK\r\n", false), Certainty::Yes);
        assert_eq!(probe(&[0x16, 3, 1], true), Certainty::No);
        let mut wire = Wire::new(reader());
        wire.client(b"nothing of the kind\r\n").client(ASK);
        assert!(
            wire.units().any(|u| *u == Unit::Rtsp(Part::Message)),
            "a message that begins a segment is found"
        );
    }
}
