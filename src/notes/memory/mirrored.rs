//! Conversations with an rsync daemon: what its client asks for, in clear, and how much it then sends.
//!
//! rsyncd.conf(5), rsync(1); csprotocol.txt of rsync's sources. Each end greets with `@RSYNCD:`; the client names a module, then hands
//! its options over as the words of a command. Names: `rsync.packet`, the first greeting's; `rsync.greeting`, its line; and once the client has
//! named them `rsync.module`, `rsync.options` (the letters), `rsync.options_packet`, `rsync.path`, `rsync.capabilities` (what stands
//! behind `e.` in the letters), `rsync.compress` and `rsync.whole` (the letters z and W), `rsync.checksums` (the client's list);
//! `rsync.sent`, the bytes of the end that sends files; `rsync.before_sent`, `rsync.before_packet`, the same of the last conversation
//! in which files went the same way to or from the same server, module and path, and its first packet.
//!
//! Bounded: [`MAX_KNOWN`] conversations and as many paths, then all are forgotten; [`MAX_TEXT`] bytes of each end are read.
//! Leaves out: what is said after that, and daemons behind SSH.

use std::collections::HashMap;
use std::net::IpAddr;

use foldhash::fast::RandomState;

use crate::capture::Frame;
use crate::decode::Packet;
use crate::flow::{FlowId, Outcome};
use crate::notes::expression::{self, Operand};

use super::{Memory, Segment};

/// Conversations, and paths, remembered.
const MAX_KNOWN: usize = 1_024;
/// What is read of each end.
const MAX_TEXT: usize = 1_024;
/// How each end begins.
const GREETING: &[u8] = b"@RSYNCD:";

/// The names, and the kinds of their values.
pub const NAMES: &[(&str, expression::Kind)] = &[
    ("rsync.packet", expression::Kind::Number),
    ("rsync.greeting", expression::Kind::Text),
    ("rsync.module", expression::Kind::Text),
    ("rsync.options", expression::Kind::Text),
    ("rsync.options_packet", expression::Kind::Number),
    ("rsync.path", expression::Kind::Text),
    ("rsync.capabilities", expression::Kind::Text),
    ("rsync.compress", expression::Kind::Flag),
    ("rsync.whole", expression::Kind::Flag),
    ("rsync.checksums", expression::Kind::Text),
    ("rsync.sent", expression::Kind::Number),
    ("rsync.before_sent", expression::Kind::Number),
    ("rsync.before_packet", expression::Kind::Number),
];

/// What one end has said.
#[derive(Debug)]
struct End {
    socket: (IpAddr, u16),
    next: u32,
    bytes: u64,
    text: Vec<u8>,
    /// Nothing is missing in `text` so far.
    whole: bool,
}

/// What the client wants.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Wish {
    module: String,
    letters: String,
    path: String,
    /// The server is to send.
    fetches: bool,
    checksums: Option<String>,
}

#[derive(Debug)]
struct Conversation {
    packet: u64,
    greeting: String,
    ends: [Option<End>; 2],
    /// Which of `ends` is the client's, the packet that completed what it wants, and what.
    wish: Option<(usize, u64, Wish)>,
    before: Option<(u64, u64)>,
}

type Key = (IpAddr, String, String, bool);

/// The memory.
#[derive(Debug, Default)]
pub struct Mirrored {
    now: Option<FlowId>,
    conversations: HashMap<FlowId, Conversation, RandomState>,
    /// Of a path: the conversation that was last about it.
    paths: HashMap<Key, (FlowId, u64), RandomState>,
    /// What files took, of conversations that are over.
    taken: HashMap<FlowId, u64, RandomState>,
}

impl Memory for Mirrored {
    fn packet(&mut self, frame: &Frame<'_>, packet: &Packet<'_>, outcome: &Outcome) {
        self.now = outcome.flow;
        let Some(flow) = outcome.flow else { return };
        let Some(segment) = super::segment(frame, packet).filter(|s| !s.payload.is_empty()) else { return };
        if !self.conversations.contains_key(&flow) {
            if !segment.payload.starts_with(GREETING) {
                return;
            }
            if self.conversations.len() >= MAX_KNOWN {
                self.conversations.clear();
            }
            let line = segment.payload.split(|b| *b == b'\n').next().unwrap_or_default();
            let begun = Conversation {
                packet: frame.number,
                greeting: shown(line),
                ends: [None, None],
                wish: None,
                before: None,
            };
            self.conversations.insert(flow, begun);
        }
        let Some(conversation) = self.conversations.get_mut(&flow) else { return };
        let Some(at) = conversation.hear(&segment) else { return };
        let known = matches!(&conversation.wish, Some((.., wish)) if wish.checksums.is_some());
        if known {
            return;
        }
        let Some(wish) = conversation.ends[at].as_ref().and_then(|end| wish(&end.text)) else { return };
        let first = conversation.wish.is_none();
        let told = conversation.wish.as_ref().map_or(frame.number, |(_, packet, _)| *packet);
        // The server's socket is the other end's; it need not have spoken.
        let server = segment.to.0;
        let key = (server, wish.module.clone(), wish.path.clone(), wish.fetches);
        conversation.wish = Some((at, told, wish));
        if first {
            let begun = conversation.packet;
            if self.paths.len() >= MAX_KNOWN {
                self.paths.clear();
            }
            if let Some((earlier, packet)) = self.paths.insert(key, (flow, begun)) {
                let open = self.conversations.get(&earlier).map(Conversation::sent);
                let sent = open.or_else(|| self.taken.get(&earlier).copied());
                if let (Some(sent), Some(conversation)) = (sent, self.conversations.get_mut(&flow)) {
                    conversation.before = Some((sent, packet));
                }
            }
        }
    }

    fn forget(&mut self, flow: FlowId) {
        let Some(conversation) = self.conversations.remove(&flow) else { return };
        if self.taken.len() >= MAX_KNOWN {
            self.taken.clear();
        }
        self.taken.insert(flow, conversation.sent());
    }

    fn values(&self, name: &str, flow: Option<FlowId>, each: &mut dyn FnMut(Operand<'_>)) {
        let Some(known) = flow.or(self.now).and_then(|flow| self.conversations.get(&flow)) else { return };
        let mut int = |n: u64| each(Operand::Int(n.into()));
        match name {
            "rsync.packet" => return int(known.packet),
            "rsync.before_sent" => return known.before.iter().for_each(|(sent, _)| int(*sent)),
            "rsync.before_packet" => return known.before.iter().for_each(|(_, packet)| int(*packet)),
            "rsync.greeting" => return each(Operand::Text(&known.greeting)),
            _ => {}
        }
        let Some((_, packet, wish)) = &known.wish else { return };
        // What stands behind `e` is its value.
        let (options, capabilities) = wish.letters.split_once('e').unwrap_or((&wish.letters, ""));
        match name {
            "rsync.options_packet" => int(*packet),
            "rsync.sent" => int(known.sent()),
            "rsync.module" => each(Operand::Text(&wish.module)),
            "rsync.options" => each(Operand::Text(&wish.letters)),
            "rsync.path" => each(Operand::Text(&wish.path)),
            "rsync.capabilities" => {
                capabilities.strip_prefix('.').into_iter().for_each(|text| each(Operand::Text(text)));
            }
            "rsync.compress" => each(Operand::Bool(options.contains('z'))),
            "rsync.whole" => each(Operand::Bool(options.contains('W'))),
            "rsync.checksums" => wish.checksums.iter().for_each(|list| each(Operand::Text(list))),
            _ => {}
        }
    }
}

impl Conversation {
    /// Takes in a segment; says which end it is from.
    fn hear(&mut self, segment: &Segment<'_>) -> Option<usize> {
        let known = |end: &Option<End>| end.as_ref().is_none_or(|end| end.socket == segment.from);
        let at = self.ends.iter().position(known)?;
        let end = self.ends[at].get_or_insert_with(|| End {
            socket: segment.from,
            next: segment.seq,
            bytes: 0,
            text: Vec::new(),
            whole: segment.payload.starts_with(GREETING),
        });
        let after = segment.seq.wrapping_add(segment.payload.len() as u32);
        let more = after.wrapping_sub(end.next);
        // A repeated segment ends before, or where, the last one did.
        if more == 0 || more >= 1 << 31 {
            return None;
        }
        let new = segment.payload.len().checked_sub(more as usize).map(|old| &segment.payload[old..]);
        end.whole &= new.is_some();
        if let Some(new) = new.filter(|_| end.whole) {
            let room = MAX_TEXT.saturating_sub(end.text.len());
            end.text.extend(&new[..new.len().min(room)]);
        }
        end.bytes += u64::from(more);
        end.next = after;
        Some(at)
    }

    /// Bytes of the end that sends files.
    fn sent(&self) -> u64 {
        let Some((client, _, wish)) = &self.wish else { return 0 };
        let sender = if wish.fetches { 1 - client } else { *client };
        self.ends[sender].as_ref().map_or(0, |end| end.bytes)
    }
}

/// What a client wants, once it has said all of it: its greeting, a module, options that begin with `--server`, and an empty word.
/// Words end with a zero, before protocol 30 with the end of a line.
fn wish(text: &[u8]) -> Option<Wish> {
    let mut lines = text.splitn(3, |b| *b == b'\n');
    lines.next().filter(|line| line.starts_with(GREETING))?;
    let module = shown(lines.next()?);
    let rest = lines.next()?;
    const SERVER: &[u8] = b"--server";
    let at = rest.windows(SERVER.len()).position(|w| w == SERVER)?;
    let mut wish = Wish { module, ..Wish::default() };
    let mut rest = &rest[at..];
    let mut behind_dot = false;
    loop {
        let end = rest.iter().position(|b| matches!(b, 0 | b'\n'))?;
        let word = &rest[..end];
        rest = &rest[end + 1..];
        match word {
            [] => break,
            b"--sender" => wish.fetches = true,
            b"." if !behind_dot => behind_dot = true,
            _ if behind_dot && wish.path.is_empty() => wish.path = shown(word),
            // The first of them has the letters; further ones are such as -B700.
            [b'-', letter, ..] if *letter != b'-' && wish.letters.is_empty() && !behind_dot => {
                wish.letters = shown(word);
            }
            _ => {}
        }
    }
    // Since protocol 31 the names of checksums, behind their length, may follow.
    if let Some((&length, rest)) = rest.split_first()
        && let Some(list) = rest.get(..usize::from(length)).filter(|list| is_list(list))
    {
        wish.checksums = Some(shown(list));
    }
    Some(wish)
}

fn is_list(bytes: &[u8]) -> bool {
    let plain = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b' ';
    bytes.iter().all(plain) && bytes.windows(3).any(|w| w == b"md5" || w == b"md4" || w == b"xxh")
}

fn shown(bytes: &[u8]) -> String {
    bytes.iter().map(|b| if b.is_ascii_graphic() || *b == b' ' { char::from(*b) } else { '?' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Greeting and module; the words of a command; a list of checksums behind its length.
    const CLIENT: &[u8] = b"@RSYNCD: 32.0 md5\nnotes\n--server\0-tze.Lsf\0.\0notes/a.txt\0\0\x07xxh md5";

    #[test]
    fn all_of_a_wish() {
        let wished = wish(CLIENT).expect("a wish");
        assert_eq!((&*wished.module, &*wished.letters, &*wished.path), ("notes", "-tze.Lsf", "notes/a.txt"));
        assert_eq!(wished.checksums.as_deref(), Some("xxh md5"));
        assert!(!wished.fetches);
    }

    #[test]
    fn cut_or_of_an_older_protocol() {
        for end in 0..CLIENT.len() - 8 {
            assert_eq!(wish(&CLIENT[..end]), None, "cut at {end}");
        }
        let old = wish(b"@RSYNCD: 29\nm\n--server\n--sender\n-vt\n.\nm/x\n\n").expect("a wish");
        assert_eq!((&*old.letters, &*old.path, old.fetches), ("-vt", "m/x", true));
        assert_eq!(wish(b"GET / HTTP/1.1\n\n--server\n\n"), None);
    }
}
