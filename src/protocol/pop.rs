//! POP3: fetching mail. Command lines, replies that begin with `+OK` or `-ERR`, texts that end with a dot.
//!
//! RFC 1939 section 3 (commands and replies), RFC 2449 (CAPA), RFC 2595 section 4 (STLS). Leaves out: the header of a mail,
//! which is `imf.rs`, and its body, which is text.

use super::lines::{self, Names};
use crate::wire::{Cursor, Field, Malformed, Recorder, Value};

static NAMES: Names = Names {
    request: Field::new("pop.request.flag"),
    command: Field::new("pop.request.command"),
    argument: Field::new("pop.request.parameter"),
    response: Field::new("pop.response.flag"),
    code: Field::new("pop.response.indicator"),
    text: Field::new("pop.response.description"),
    separator: Field::new("pop.separator"),
};
static DATA: Field = Field::new("pop.response.data");
static LOGIN: Field = Field::new("pop.request.data");
static END: Field = Field::new("pop.eom");

/// What a part of a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// A client's line.
    Command,
    /// A line of a login.
    Login,
    /// A server's line with its verdict.
    Reply,
    /// A part of a text: a list, a mail.
    Text,
    /// The line with the dot.
    End,
}

/// Names a part.
///
/// # Errors
/// None that a line of its own length could cause.
pub fn describe<R: Recorder>(part: Part, c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    match part {
        Part::Command => lines::describe_command(c, &NAMES),
        Part::Login => {
            let (content, end) = lines::extent(c.peek());
            c.text(&LOGIN, content)?;
            c.bytes(&NAMES.separator, end - content).map(drop)
        }
        Part::Reply => {
            let (content, end) = lines::extent(c.peek());
            let (length, gap) = lines::word(&c.peek()[..content]);
            c.derived(&NAMES.response, || Value::Flag(true));
            c.text(&NAMES.code, length)?;
            c.bytes(&NAMES.separator, gap)?;
            c.text(&NAMES.text, content - length - gap)?;
            c.bytes(&NAMES.separator, end - content).map(drop)
        }
        Part::Text => {
            let left = c.left();
            c.text(&DATA, left).map(drop)
        }
        Part::End => {
            c.rest(&END);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Tree;

    #[test]
    fn each_byte_has_a_name_wherever_it_is_cut() {
        let line = b"+OK 2 messages\r\n";
        for part in [Part::Command, Part::Login, Part::Reply, Part::Text, Part::End] {
            for end in 0..=line.len() {
                let mut tree = Tree::default();
                describe(part, &mut Cursor::new(line, 0, end, &mut tree)).unwrap();
                assert_eq!(tree.nodes.iter().map(|n| n.bits).sum::<usize>(), end * 8);
            }
        }
    }
}
