//! NetBIOS session service: the four bytes before each SMB message over TCP, and the request for a session.
//!
//! RFC 1002 section 4.3. On port 445 SMB keeps the four bytes, with a length of 24 bits, and nothing else of NetBIOS. Leaves out: SMB
//! itself, of which only the beginning says which version it is.

use crate::wire::{Cursor, Field, Malformed, Recorder, Value};

static TYPE: Field = Field::hex("nbss.type", 2);
static LENGTH: Field = Field::new("nbss.length");
static CALLED: Field = Field::new("nbss.called_name");
static CALLING: Field = Field::new("nbss.calling_name");
static ERROR: Field = Field::hex("nbss.error_code", 2);
static SMB: Field = Field::new("nbss.smb");
static DATA: Field = Field::new("nbss.data");

/// Length of the header.
pub const HEADER: usize = 4;

/// What a part of a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// A message behind its header.
    Message,
}

/// Type and length that a header says; `None` where no such type is.
pub fn header(bytes: &[u8; HEADER]) -> Option<(u8, usize)> {
    let [kind, a, b, c] = bytes.map(usize::from);
    matches!(kind, 0 | 0x81..=0x85).then_some((bytes[0], a << 16 | b << 8 | c))
}

/// Names a message.
///
/// # Errors
/// [`Malformed`] where it ends before its parts do.
pub fn describe<R: Recorder>(_: Part, c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    let kind = c.u8(&TYPE)?;
    let Some([a, b, d]) = c.peek().first_chunk().copied() else {
        return c.bytes(&LENGTH, 3).map(drop);
    };
    c.told(&LENGTH, 3, || Value::Uint(u64::from(a) << 16 | u64::from(b) << 8 | u64::from(d)));
    match kind {
        0x81 => {
            name(c, &CALLED)?;
            name(c, &CALLING)?;
        }
        0x83 => drop(c.u8(&ERROR)?),
        _ => {}
    }
    let is_smb = matches!(c.peek(), [0xfd..=0xff, b'S', b'M', b'B', ..]);
    c.rest(if is_smb { &SMB } else { &DATA });
    Ok(())
}

/// RFC 1001 section 14.1: 16 bytes of a name, each written as two letters, as one label of 32.
fn name<R: Recorder>(c: &mut Cursor<'_, '_, R>, field: &'static Field) -> Result<(), Malformed> {
    let bytes = c.peek();
    let length = bytes.iter().position(|b| *b == 0).map_or(bytes.len(), |end| end + 1);
    c.told(field, length, || {
        let letters = bytes.get(1..33).unwrap_or(&[]);
        let nibble = |b: u8| b.wrapping_sub(b'A') & 15;
        let plain: Vec<u8> = letters.chunks_exact(2).map(|p| nibble(p[0]) << 4 | nibble(p[1])).collect();
        Value::Text(String::from_utf8_lossy(plain.get(..15).unwrap_or(&plain)).trim_end().to_owned())
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Tree;

    #[test]
    fn each_byte_has_a_name_wherever_it_is_cut() {
        let mut request = vec![0x81, 0, 0, 68, 32];
        request.extend(b"EEEFFDELFEEPFACACACACACACACACACA\0\x20EEEFFDELFEEPFACACACACACACACACACA\0");
        for bytes in [&request[..], &[0x83, 0, 0, 1, 0x82], &[0, 0, 0, 4, 0xfe, b'S', b'M', b'B']] {
            for end in 0..=bytes.len() {
                let mut tree = Tree::default();
                let mut c = Cursor::new(bytes, 0, end, &mut tree);
                let _ = describe(Part::Message, &mut c);
                c.rest(&DATA);
                assert_eq!(tree.nodes.iter().map(|n| n.bits).sum::<usize>(), end * 8);
            }
        }
    }
}
