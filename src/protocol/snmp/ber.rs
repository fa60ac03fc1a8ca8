//! The encoding of SNMP: tag, length, contents; contents may be more of the same.
//!
//! ITU-T X.690 section 8 as far as RFC 3417 section 8 allows it: definite lengths, tags of one byte.
//! Nothing here recurses: how deep things lie in each other is what the grammar says, and no deeper.

use std::fmt::Write as _;

use crate::wire::{Cursor, Field, Malformed, Recorder, Value};

static TAG: Field = Field::hex("snmp.ber.tag", 2);
static LENGTH: Field = Field::new("snmp.ber.length");
/// What is left over of contents.
static REST: Field = Field::new("snmp.ber.contents");

/// Tags that SNMP uses (RFC 3416 section 3, RFC 2578 section 7).
pub mod tag {
    #![allow(missing_docs)]
    pub const INTEGER: u8 = 0x02;
    pub const OCTET_STRING: u8 = 0x04;
    pub const NULL: u8 = 0x05;
    pub const OID: u8 = 0x06;
    pub const SEQUENCE: u8 = 0x30;
    pub const IP_ADDRESS: u8 = 0x40;
    pub const COUNTER32: u8 = 0x41;
    pub const UNSIGNED32: u8 = 0x42;
    pub const TIME_TICKS: u8 = 0x43;
    pub const OPAQUE: u8 = 0x44;
    pub const COUNTER64: u8 = 0x46;
    pub const NO_SUCH_OBJECT: u8 = 0x80;
    pub const NO_SUCH_INSTANCE: u8 = 0x81;
    pub const END_OF_MIB_VIEW: u8 = 0x82;
}

/// The length behind a tag.
fn length<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<usize, Malformed> {
    match c.peek_u8() {
        Some(first @ 0x81..=0x84) => {
            let width = 1 + usize::from(first & 0x7f);
            let Some(bytes) = c.peek().get(..width) else {
                return c.bytes(&LENGTH, width).map(|_| 0);
            };
            let length = bytes[1..].iter().fold(0, |n, b| n << 8 | usize::from(*b));
            c.told(&LENGTH, width, || Value::Uint(length as u64));
            Ok(length)
        }
        Some(0x80 | 0x85..) => Err(c.nonsense(&LENGTH)),
        _ => c.u8(&LENGTH).map(usize::from),
    }
}

/// The next element must have this tag; `inside` reads its contents.
pub fn element<'a, R: Recorder, T>(
    c: &mut Cursor<'a, '_, R>,
    expected: u8,
    inside: impl FnOnce(&mut Cursor<'a, '_, R>) -> Result<T, Malformed>,
) -> Result<T, Malformed> {
    if c.peek_u8().is_some_and(|tag| tag != expected) {
        return Err(c.nonsense(&TAG));
    }
    any(c, |c, _| inside(c))
}

/// The same for a string that holds elements itself: of a cut one, the beginning is read.
pub fn wrapped<'a, R: Recorder, T>(
    c: &mut Cursor<'a, '_, R>,
    expected: u8,
    inside: impl FnOnce(&mut Cursor<'a, '_, R>) -> Result<T, Malformed>,
) -> Result<T, Malformed> {
    if c.peek_u8().is_some_and(|tag| tag != expected) {
        return Err(c.nonsense(&TAG));
    }
    c.u8(&TAG)?;
    contents(c, inside)
}

/// The next element, whatever its tag, which `inside` is told. A value that is cut is no value; of what is made of
/// elements, those before the cut are read.
pub fn any<'a, R: Recorder, T>(
    c: &mut Cursor<'a, '_, R>,
    inside: impl FnOnce(&mut Cursor<'a, '_, R>, u8) -> Result<T, Malformed>,
) -> Result<T, Malformed> {
    const CONSTRUCTED: u8 = 0x20;
    let tag = c.u8(&TAG)?;
    if tag & CONSTRUCTED != 0 {
        return contents(c, |c| inside(c, tag));
    }
    let length = length(c)?;
    c.region(length, &REST, |c| inside(c, tag))?
}

/// Length and contents of what is made of elements, where the tag has been read.
pub fn contents<'a, R: Recorder, T>(
    c: &mut Cursor<'a, '_, R>,
    inside: impl FnOnce(&mut Cursor<'a, '_, R>) -> Result<T, Malformed>,
) -> Result<T, Malformed> {
    let length = length(c)?;
    c.region_as_captured(length, &REST, inside)?
}

/// The whole contents as a number with a sign.
pub fn integer<R: Recorder>(c: &mut Cursor<'_, '_, R>, field: &'static Field) -> Result<i64, Malformed> {
    let bytes = c.peek();
    let sign = if bytes.first().is_some_and(|b| b & 0x80 != 0) { -1 } else { 0 };
    if bytes.is_empty() || bytes.len() > 8 {
        return Err(c.nonsense(field));
    }
    let number = bytes.iter().fold(sign, |n: i64, b| n << 8 | i64::from(*b));
    c.told(field, bytes.len(), || match u64::try_from(number) {
        Ok(number) => Value::Uint(number),
        Err(_) => Value::Int(number),
    });
    Ok(number)
}

/// The whole contents as a number without a sign: up to eight bytes, and a zero before them.
pub fn unsigned<R: Recorder>(c: &mut Cursor<'_, '_, R>, field: &'static Field) -> Result<u64, Malformed> {
    let bytes = c.peek();
    if bytes.is_empty() || bytes.len() > 9 || bytes.len() == 9 && bytes[0] != 0 {
        return Err(c.nonsense(field));
    }
    let number = bytes.iter().fold(0, |n: u64, b| n << 8 | u64::from(*b));
    c.told(field, bytes.len(), || Value::Uint(number));
    Ok(number)
}

/// The whole contents as bytes.
pub fn octets<'a, R: Recorder>(
    c: &mut Cursor<'a, '_, R>,
    field: &'static Field,
) -> Result<&'a [u8], Malformed> {
    Ok(c.rest(field))
}

/// The whole contents as text.
pub fn text<'a, R: Recorder>(
    c: &mut Cursor<'a, '_, R>,
    field: &'static Field,
) -> Result<&'a [u8], Malformed> {
    let left = c.left();
    c.text(field, left)
}

/// The whole contents as an object identifier.
pub fn oid<'a, R: Recorder>(c: &mut Cursor<'a, '_, R>, field: &'static Field) -> Result<&'a [u8], Malformed> {
    let bytes = c.peek();
    if !is_oid(bytes) {
        return Err(c.nonsense(field));
    }
    c.told(field, bytes.len(), || Value::Text(dotted(bytes)));
    Ok(bytes)
}

/// Whether each number of an object identifier ends, and is one that there may be (RFC 2578 section 3.5).
fn is_oid(bytes: &[u8]) -> bool {
    let ends = bytes.last().is_some_and(|b| b & 0x80 == 0);
    // Five bytes hold 35 bits.
    ends && bytes.split_inclusive(|b| b & 0x80 == 0).all(|n| n.len() < 5 || n.len() == 5 && n[0] <= 0x8f)
}

/// An object identifier as people write it: numbers with dots between.
pub fn dotted(bytes: &[u8]) -> String {
    let mut out = String::new();
    for (index, number) in bytes.split_inclusive(|b| b & 0x80 == 0).enumerate() {
        let number = number.iter().fold(0u64, |n, b| n << 7 | u64::from(b & 0x7f));
        // Writing to a String cannot fail. The first byte holds two numbers (X.690 section 8.19.4).
        let _ = match index {
            0 => write!(out, "{}.{}", (number / 40).min(2), number - (number / 40).min(2) * 40),
            _ => write!(out, ".{number}"),
        };
    }
    out
}
