//! Who dials in: PAP sends name and password in clear, CHAP proves knowledge of the password without sending it.
//!
//! RFC 1334 section 2.2 (PAP), RFC 1994 section 4 (CHAP).
//! Leaves out: checking a response, which needs the password.

use super::super::{Carries, Key};
use crate::wire::{Cursor, Field, Malformed, Recorder};

static PAP_CODE: Field = Field::new("pap.code");
static PAP_IDENTIFIER: Field = Field::new("pap.identifier");
static PAP_LENGTH: Field = Field::new("pap.length");
static PEER_LENGTH: Field = Field::new("pap.peer_id.length");
static PEER: Field = Field::new("pap.peer_id");
static PASSWORD_LENGTH: Field = Field::new("pap.password.length");
static PASSWORD: Field = Field::new("pap.password");
static PAP_MESSAGE_LENGTH: Field = Field::new("pap.message.length");
static PAP_MESSAGE: Field = Field::new("pap.message");
static PAP_STUFF: Field = Field::new("pap.stuff");

static CHAP_CODE: Field = Field::new("chap.code");
static CHAP_IDENTIFIER: Field = Field::new("chap.identifier");
static CHAP_LENGTH: Field = Field::new("chap.length");
static VALUE_SIZE: Field = Field::new("chap.value_size");
static VALUE: Field = Field::new("chap.value");
static NAME: Field = Field::new("chap.name");
static CHAP_MESSAGE: Field = Field::new("chap.message");
static CHAP_STUFF: Field = Field::new("chap.stuff");

const END: Carries = Carries { key: Key::End, length: None };

/// Reads a PAP packet.
///
/// # Errors
/// [`Malformed`] where it is cut, or a length makes no sense.
pub fn pap<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Carries, Malformed> {
    let (code, length) = head(c, [&PAP_CODE, &PAP_IDENTIFIER, &PAP_LENGTH])?;
    c.region_as_captured(length, &PAP_STUFF, |c| {
        match code {
            1 => {
                counted(c, &PEER_LENGTH, &PEER)?;
                counted(c, &PASSWORD_LENGTH, &PASSWORD)?;
            }
            // The length may be missing where there is no message.
            2 | 3 if c.left() > 0 => counted(c, &PAP_MESSAGE_LENGTH, &PAP_MESSAGE)?,
            _ => {}
        }
        Ok(())
    })??;
    Ok(END)
}

/// Reads a CHAP packet.
///
/// # Errors
/// [`Malformed`] where it is cut, or a length makes no sense.
pub fn chap<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Carries, Malformed> {
    let (code, length) = head(c, [&CHAP_CODE, &CHAP_IDENTIFIER, &CHAP_LENGTH])?;
    c.region_as_captured(length, &CHAP_STUFF, |c| {
        match code {
            1 | 2 => {
                let size = usize::from(c.u8(&VALUE_SIZE)?);
                c.bytes(&VALUE, size)?;
                c.text(&NAME, c.left())?;
            }
            3 | 4 => drop(c.text(&CHAP_MESSAGE, c.left())?),
            _ => {}
        }
        Ok(())
    })??;
    Ok(END)
}

/// Code and the length of what follows the four bytes, which the length counts, too.
fn head<R: Recorder>(
    c: &mut Cursor<'_, '_, R>,
    [code, identifier, length]: [&'static Field; 3],
) -> Result<(u8, usize), Malformed> {
    let kind = c.u8(code)?;
    c.u8(identifier)?;
    if c.peek_u16().is_some_and(|length| length < 4) {
        return Err(c.nonsense(length));
    }
    Ok((kind, usize::from(c.u16(length)?) - 4))
}

fn counted<R: Recorder>(
    c: &mut Cursor<'_, '_, R>,
    length: &'static Field,
    text: &'static Field,
) -> Result<(), Malformed> {
    let length = usize::from(c.u8(length)?);
    c.text(text, length).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Tree, Value};

    #[test]
    fn a_password_in_clear() {
        let bytes = [1, 1, 0, 13, 2, b'm', b'e', 5, b's', b'e', b's', b'a', b'm'];
        let mut tree = Tree::default();
        pap(&mut Cursor::new(&bytes, 0, 13, &mut tree)).unwrap();
        assert_eq!(tree.find("pap.password").next().unwrap().value, Value::Text("sesam".to_owned()));
        // A name longer than the packet.
        let mut lie = bytes;
        lie[4] = 200;
        assert_eq!(pap(&mut Cursor::new(&lie, 0, 13, &mut tree)).unwrap_err().field, "pap.peer_id");
    }

    #[test]
    fn a_challenge_cut_in_its_value() {
        let bytes = [1, 1, 0, 11, 4, 1, 2, 3, 4, b'l', b'a'];
        let mut tree = Tree::default();
        chap(&mut Cursor::new(&bytes, 0, 11, &mut tree)).unwrap();
        assert_eq!(tree.find("chap.name").next().unwrap().value, Value::Text("la".to_owned()));
        assert_eq!(chap(&mut Cursor::new(&bytes, 0, 7, &mut tree)).unwrap_err().field, "chap.value");
    }
}
