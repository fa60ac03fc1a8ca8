//! A form as browsers send it: `name=value&name=value`.
//!
//! WHATWG URL Standard section 5 (application/x-www-form-urlencoded): a plus is a blank, a per cent sign and two digits any byte.
//! Serves the query of a request target, too. Leaves out: other character sets than UTF-8 behind the per cent signs.

use crate::wire::{Cursor, Field, Malformed, Recorder, Value};

static KEY: Field = Field::new("urlencoded-form.key");
static VALUE: Field = Field::new("urlencoded-form.value");
static ENCODED: Field = Field::new("urlencoded-form.encoded");
static SEPARATOR: Field = Field::new("urlencoded-form.separator");

/// So many pairs are shown one by one.
const MAX_PAIRS: usize = 1000;

/// Undoes plus and per cent signs; a per cent sign without two digits stands for itself.
pub fn decoded(bytes: &[u8]) -> Vec<u8> {
    let digit = |at: usize| bytes.get(at).and_then(|b| char::from(*b).to_digit(16));
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match (bytes[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 2;
            }
            (b'+', ..) => out.push(b' '),
            (byte, ..) => out.push(byte),
        }
        at += 1;
    }
    out
}

/// As text.
pub fn decoded_text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&decoded(bytes)).into_owned()
}

/// Key and value of each pair, as they stand.
pub fn pairs(bytes: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    bytes.split(|b| *b == b'&').filter(|pair| !pair.is_empty()).map(|pair| {
        let equals = pair.iter().position(|b| *b == b'=');
        equals.map_or((pair, &pair[pair.len()..]), |at| (&pair[..at], &pair[at + 1..]))
    })
}

/// Names every byte of a form, up to [`MAX_PAIRS`]; the rest is left.
pub(super) fn describe<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    for _ in 0..MAX_PAIRS {
        let bytes = c.peek();
        if bytes.is_empty() {
            return Ok(());
        }
        // A line end behind the last pair is not the form's, but some send it.
        let end = bytes.iter().position(|b| matches!(b, b'&' | b'\r' | b'\n')).unwrap_or(bytes.len());
        let pair = &bytes[..end];
        let equals = pair.iter().position(|b| *b == b'=').unwrap_or(end);
        part(c, &KEY, &pair[..equals]);
        c.bytes(&SEPARATOR, usize::from(equals < end))?;
        part(c, &VALUE, &pair[(equals + 1).min(end)..]);
        let between = c.peek().iter().take_while(|b| matches!(b, b'&' | b'\r' | b'\n')).count();
        c.bytes(&SEPARATOR, between)?;
    }
    Ok(())
}

fn part<R: Recorder>(c: &mut Cursor<'_, '_, R>, field: &'static Field, bytes: &[u8]) {
    c.told(field, bytes.len(), || Value::Text(decoded_text(bytes)));
    if R::ON && bytes.iter().any(|b| matches!(b, b'%' | b'+')) {
        c.derived(&ENCODED, || Value::Text(String::from_utf8_lossy(bytes).into_owned()));
    }
}
