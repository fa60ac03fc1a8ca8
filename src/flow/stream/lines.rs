//! What readers of command lines and replies share: which command a reply answers, and where a text behind a dot ends.
//!
//! RFC 5321 section 4.5.2 and RFC 1939 section 3 (a line with nothing but a dot ends the text; one that begins with a dot has one
//! added), RFC 2920 (commands may be sent before the replies to earlier ones came; replies keep their order). Leaves out:
//! what the commands are.
//!
//! Bounded: lines of [`MAX_LINE`] bytes, `MAX_WAITING` commands that wait for their replies.

use std::collections::VecDeque;

use super::Sink;
use super::messages::{self, Extent};
use crate::flow::event::{Datum, Event};
use crate::protocol::lines;

/// A longer line is none. RFC 5321 section 4.5.3.1 allows 512 bytes, extensions more.
pub const MAX_LINE: usize = 16 * 1024;
/// So many commands may wait for their replies.
const MAX_WAITING: usize = 256;
/// So much of a text stands in an event.
const MAX_TEXT: usize = 120;

/// How far the line reaches that begins here.
pub fn extent(bytes: &[u8]) -> Extent {
    messages::line(bytes, MAX_LINE)
}

/// Text from the packet, for an event; what is left out of a long one is marked.
pub fn shown(bytes: &[u8]) -> Datum {
    Datum::Text(string(bytes))
}

/// As [`shown`].
pub fn string(bytes: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_TEXT)]).into_owned();
    if bytes.len() > MAX_TEXT {
        text.push('…');
    }
    text
}

/// A command that was sent.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Its packet.
    pub packet: u64,
    /// When.
    pub time_ns: i64,
    /// Its first word, in capitals; without what it was told with, which may be a password.
    pub verb: String,
}

/// Commands that wait for their replies.
#[derive(Debug, Default)]
pub struct Waiting {
    queue: VecDeque<Asked>,
}

impl Waiting {
    /// A command was sent.
    pub fn ask(&mut self, verb: &[u8], sink: &Sink<'_>) {
        if self.queue.len() == MAX_WAITING {
            self.queue.clear();
        }
        let verb = string(&verb.to_ascii_uppercase());
        self.queue.push_back(Asked { packet: sink.packet, time_ns: sink.time_ns, verb });
    }

    /// The command that the next reply answers; it goes on waiting.
    pub fn next(&self) -> Option<&Asked> {
        self.queue.front()
    }

    /// The last reply to a command has come.
    pub fn answered(&mut self) -> Option<Asked> {
        self.queue.pop_front()
    }

    /// Something was not seen: no reply is certain any more.
    pub fn forget(&mut self) {
        self.queue.clear();
    }
}

/// Says which command a reply answers, where that is known.
pub fn answers(event: Event, asked: Option<&Asked>, sink: &Sink<'_>) -> Event {
    match asked {
        Some(asked) => event
            .with("command", Datum::Text(asked.verb.clone()))
            .with("request_packet", Datum::Uint(asked.packet))
            .with("after", Datum::Duration(sink.time_ns.saturating_sub(asked.time_ns))),
        None => event,
    }
}

/// Whether a segment begins as a line of such a protocol does: after a loss, reading goes on there.
pub fn begins(from_client: bool, segment: &[u8]) -> bool {
    if !from_client {
        return lines::reply(segment).is_some();
    }
    let (verb, _) = lines::split(lines::content(segment));
    (3..=8).contains(&verb.len()) && verb.iter().all(u8::is_ascii_alphabetic) && segment.contains(&b'\n')
}

/// A part of a text that ends with a line of a single dot.
#[derive(Debug, PartialEq, Eq)]
pub enum Dotted {
    /// So many bytes are text.
    Text(usize),
    /// So many bytes are the line with the dot.
    End(usize),
    /// More bytes are needed to tell.
    More,
}

/// Looks at the text that goes on here; `line_start` says whether a line begins with the first byte, and is told
/// whether one does after the part that is returned.
pub fn dotted(bytes: &[u8], line_start: &mut bool) -> Dotted {
    if *line_start {
        match bytes {
            [b'.'] | [b'.', b'\r'] => return Dotted::More,
            [b'.', b'\n', ..] => return Dotted::End(2),
            [b'.', b'\r', b'\n', ..] => return Dotted::End(3),
            _ => {}
        }
    }
    // A line that begins with a dot ends this part: it may be the last one.
    let end = bytes.windows(2).position(|pair| pair == b"\n.").map_or(bytes.len(), |feed| feed + 1);
    *line_start = bytes[..end].ends_with(b"\n");
    Dotted::Text(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dot_alone_ends_a_text() {
        let mut start = true;
        assert_eq!(dotted(b"a\r\n.\r\nQUIT", &mut start), Dotted::Text(3));
        assert_eq!(dotted(b".\r\nQUIT", &mut start), Dotted::End(3));
        assert_eq!(dotted(b"a\r\n..b\r\n", &mut start), Dotted::Text(3));
        assert_eq!(dotted(b"..b\r\n", &mut start), Dotted::Text(5));
        assert_eq!(dotted(b".", &mut start), Dotted::More);
        assert_eq!(dotted(b"a", &mut start), Dotted::Text(1));
        assert_eq!(dotted(b".\r\n", &mut start), Dotted::Text(3), "the dot is not alone in its line");
        assert!(start);
    }
}
