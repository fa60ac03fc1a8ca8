//! Telnet: text in both directions, and between it commands that begin with the byte 255.
//!
//! RFC 854 (commands), RFC 855 (options and their negotiation), RFC 1073 (window size), RFC 1091 (terminal type). Leaves out: what
//! other options say in detail.

use super::lines;
use crate::wire::{Cursor, Field, Malformed, Recorder, Value};

static IAC: Field = Field::new("telnet.iac");
static COMMAND: Field = Field::new("telnet.cmd");
static OPTION: Field = Field::new("telnet.subcmd");
static OPTION_DATA: Field = Field::new("telnet.option_data");
static WIDTH: Field = Field::new("telnet.naws_subopt.width");
static HEIGHT: Field = Field::new("telnet.naws_subopt.height");
static TYPE_KIND: Field = Field::new("telnet.terminal_type.cmd");
static TYPE: Field = Field::new("telnet.string_subopt.value");
static TEXT: Field = Field::new("telnet.data");

/// "Interpret as command".
pub const MARK: u8 = 255;
const SE: u8 = 240;
const SB: u8 = 250;
const WINDOW_SIZE: u8 = 31;
const TERMINAL_TYPE: u8 = 24;
/// The longest parameters of an option that are waited for.
const MAX_OPTION: usize = 4096;

/// What a part of a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Text.
    Text,
    /// A command.
    Command,
}

/// How far the part reaches that begins here: a command, or a line of text, or as much of one as there is.
#[derive(Debug, PartialEq, Eq)]
pub enum Reach {
    /// So many bytes are that.
    Part(usize, Part),
    /// More bytes are needed to tell.
    More,
    /// No option is that long.
    Foreign,
}

/// See [`Reach`].
pub fn reach(bytes: &[u8]) -> Reach {
    match bytes {
        [MARK] => Reach::More,
        [MARK, 251..=254] => Reach::More,
        [MARK, 251..=254, _, ..] => Reach::Part(3, Part::Command),
        [MARK, SB, inside @ ..] => {
            let mut at = 0;
            while let Some(mark) = inside[at..].iter().position(|b| *b == MARK) {
                match inside.get(at + mark + 1) {
                    Some(&SE) => return Reach::Part(2 + at + mark + 2, Part::Command),
                    Some(_) => at += mark + 2,
                    None => break,
                }
            }
            if bytes.len() < MAX_OPTION { Reach::More } else { Reach::Foreign }
        }
        // RFC 854: 255 twice is a byte of data.
        [MARK, MARK, ..] => Reach::Part(2, Part::Text),
        [MARK, ..] => Reach::Part(2, Part::Command),
        _ => {
            let end = bytes.iter().position(|b| *b == MARK).unwrap_or(bytes.len());
            Reach::Part(lines::extent(&bytes[..end]).1, Part::Text)
        }
    }
}

/// What WILL, WONT, DO or DONT is about: command and option.
pub fn negotiation(bytes: &[u8]) -> Option<(&'static str, u8)> {
    let verb = match bytes.get(1)? {
        251 => "WILL",
        252 => "WONT",
        253 => "DO",
        254 => "DONT",
        _ => return None,
    };
    Some((verb, *bytes.get(2)?))
}

/// The registered name of an option (IANA, Telnet Options).
pub fn option_name(option: u8) -> Option<&'static str> {
    Some(match option {
        0 => "BINARY",
        1 => "ECHO",
        3 => "SUPPRESS-GO-AHEAD",
        5 => "STATUS",
        6 => "TIMING-MARK",
        24 => "TERMINAL-TYPE",
        31 => "NAWS",
        32 => "TERMINAL-SPEED",
        33 => "FLOW-CONTROL",
        34 => "LINEMODE",
        35 => "X-DISPLAY",
        36 => "ENVIRON",
        37 => "AUTHENTICATION",
        38 => "ENCRYPT",
        39 => "NEW-ENVIRON",
        _ => return None,
    })
}

/// Names a part.
///
/// # Errors
/// [`Malformed`] where a command ends too early.
pub fn describe<R: Recorder>(part: Part, c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    if part == Part::Text {
        let left = c.left();
        return c.text(&TEXT, left).map(drop);
    }
    c.u8(&IAC)?;
    match c.u8(&COMMAND)? {
        251..=254 => c.u8(&OPTION).map(drop),
        SB => {
            let option = c.u8(&OPTION)?;
            let length = c.left().saturating_sub(2);
            c.region(length, &OPTION_DATA, |c| match option {
                WINDOW_SIZE if c.left() == 4 => {
                    c.u16(&WIDTH)?;
                    c.u16(&HEIGHT).map(drop)
                }
                TERMINAL_TYPE if c.left() > 0 => {
                    c.u8(&TYPE_KIND)?;
                    let left = c.left();
                    c.text(&TYPE, left).map(drop)
                }
                _ => Ok(()),
            })??;
            c.u8(&IAC)?;
            c.told(&COMMAND, usize::from(c.left() > 0), || Value::Uint(SE.into()));
            Ok(())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Tree;

    #[rustfmt::skip]
    const WINDOW: &[u8] = &[
        255, 250, 31,   // IAC SB NAWS
        0, 80, 0, 24,   // telnet.naws_subopt.width, .height
        255, 240,       // IAC SE
    ];

    #[test]
    fn parts() {
        assert_eq!(reach(WINDOW), Reach::Part(9, Part::Command));
        assert_eq!(reach(&WINDOW[..8]), Reach::More);
        assert_eq!(reach(b"login: \xff\xfb\x01"), Reach::Part(7, Part::Text));
        assert_eq!(reach(b"a\r\nb"), Reach::Part(3, Part::Text));
        assert_eq!(reach(&[255, 255, 1]), Reach::Part(2, Part::Text));
        assert_eq!(reach(&[255, 241]), Reach::Part(2, Part::Command));
        let mut endless = vec![255, 250];
        endless.extend([7; MAX_OPTION]);
        assert_eq!(reach(&endless), Reach::Foreign);
    }

    #[test]
    fn each_byte_has_a_name_wherever_it_is_cut() {
        let mut tree = Tree::default();
        describe(Part::Command, &mut Cursor::new(WINDOW, 0, WINDOW.len(), &mut tree)).unwrap();
        assert_eq!(tree.nodes.iter().map(|n| n.bits).sum::<usize>(), WINDOW.len() * 8);
        assert!(
            tree.nodes
                .iter()
                .any(|n| n.field.name == "telnet.naws_subopt.width" && n.value == Value::Uint(80))
        );
        for end in 0..WINDOW.len() {
            let _ = describe(Part::Command, &mut Cursor::new(WINDOW, 0, end, &mut Tree::default()));
        }
    }
}
