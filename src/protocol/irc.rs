//! IRC: lines of prefix, command, parameters and a last one with blanks.
//!
//! RFC 2812 section 2.3 (messages), 3 (commands), 5 (numeric replies). Leaves out: message tags (IRCv3), CTCP.

use super::lines;
use crate::wire::{Cursor, Field, Malformed, Recorder, Value};

static SEPARATOR: Field = Field::new("irc.separator");

struct Names {
    prefix: Field,
    command: Field,
    parameter: Field,
    trailer: Field,
}

static REQUEST: Names = Names {
    prefix: Field::new("irc.request.prefix"),
    command: Field::new("irc.request.command"),
    parameter: Field::new("irc.request.command_parameter"),
    trailer: Field::new("irc.request.trailer"),
};
static RESPONSE: Names = Names {
    prefix: Field::new("irc.response.prefix"),
    command: Field::new("irc.response.command"),
    parameter: Field::new("irc.response.command_parameter"),
    trailer: Field::new("irc.response.trailer"),
};
static NUMBER: Field = Field::new("irc.response.num_command");

/// What a part of a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// A client's line.
    Request,
    /// A server's line.
    Response,
}

/// A line, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// Who says it; may be empty.
    pub prefix: &'a [u8],
    /// What.
    pub command: &'a [u8],
    /// With what, blanks and all.
    pub rest: &'a [u8],
}

/// Takes a line without its end apart.
pub fn parse(content: &[u8]) -> Line<'_> {
    let (prefix, content) = match content.first() {
        Some(b':') => lines::split(content),
        _ => (&content[..0], content),
    };
    let (command, rest) = lines::split(content);
    Line { prefix, command, rest }
}

/// Names a line.
///
/// # Errors
/// None that a line of its own length could cause.
pub fn describe<R: Recorder>(part: Part, c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    let names = if part == Part::Request { &REQUEST } else { &RESPONSE };
    let (content, end) = lines::extent(c.peek());
    let stop = c.at() + content;
    if c.peek_u8() == Some(b':') && content > 0 {
        let (length, gap) = lines::word(&c.peek()[1..content]);
        c.bytes(&SEPARATOR, 1)?;
        c.text(&names.prefix, length)?;
        c.bytes(&SEPARATOR, gap)?;
    }
    let mut first = true;
    while c.at() < stop {
        let left = &c.peek()[..stop - c.at()];
        if !first && left[0] == b':' {
            c.bytes(&SEPARATOR, 1)?;
            c.text(&names.trailer, left.len() - 1)?;
            break;
        }
        let (length, gap) = lines::word(left);
        match lines::number(&left[..length]).filter(|_| first && part == Part::Response) {
            Some(number) => {
                c.derived(&names.command, || {
                    Value::Text(String::from_utf8_lossy(&left[..length]).into_owned())
                });
                c.told(&NUMBER, length, || Value::Uint(number));
            }
            None => drop(c.text(if first { &names.command } else { &names.parameter }, length)?),
        }
        c.bytes(&SEPARATOR, gap)?;
        first = false;
    }
    c.bytes(&SEPARATOR, end - content).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Tree;

    #[test]
    fn each_byte_has_a_name_wherever_it_is_cut() {
        let line = b":irc.example.test 001 alice :Welcome to IRC\r\n";
        assert_eq!(parse(line).command, b"001");
        for part in [Part::Request, Part::Response] {
            for end in 0..=line.len() {
                let mut tree = Tree::default();
                describe(part, &mut Cursor::new(line, 0, end, &mut tree)).unwrap();
                assert_eq!(tree.nodes.iter().map(|n| n.bits).sum::<usize>(), end * 8);
            }
        }
    }
}
