//! HPACK: header fields in few bytes. Names and values that were sent before are told by a number, the rest may be in
//! Huffman code.
//!
//! RFC 7541 section 5 (integers, strings), 6 (the representations). Leaves out: encoding, and whether a change of the table's size
//! keeps to what SETTINGS allow: who looks on need not refuse it.
//!
//! Bounded: a few bytes can stand for a long entry, again and again. After [`MAX_FIELDS`] fields or [`MAX_LIST`] bytes of text
//! reading stops.

use super::huffman;
use super::names;
use super::table::{Found, HeaderField, Table, Text};
use crate::wire::{Cursor, Field, Malformed, Problem, Recorder, Value};

/// Most fields of a block that are read.
pub const MAX_FIELDS: usize = 1000;
/// Most bytes of text that a block may stand for.
pub const MAX_LIST: usize = 512 * 1024;
/// What a line of text adds to name and value: colon, blank, line end.
const LINE: usize = 4;
/// Longest number: the prefix and five bytes, which hold 32 bits.
const MAX_INTEGER: usize = 6;

static HEADER: Field = Field::new("http2.header");
static NAME: Field = Field::new("http2.header.name");
static NAME_LENGTH: Field = Field::new("http2.header.name.length");
static VALUE: Field = Field::new("http2.header.value");
static VALUE_LENGTH: Field = Field::new("http2.header.value.length");
static REPRESENTATION: Field = Field::new("http2.header.repr");
static INDEX: Field = Field::new("http2.header.index");
static TABLE: Field = Field::new("http2.header.table");
static UNKNOWN: Field = Field::new("http2.header.not_known");
static INDEXED: Field = Field::new("http2.header.indexed");
static INCREMENTAL: Field = Field::new("http2.header.incremental");
static WITHOUT: Field = Field::new("http2.header.without_indexing");
static NEVER: Field = Field::new("http2.header.never_indexed");
static NEW_NAME: Field = Field::new("http2.header.new_name");
static HUFFMAN: Field = Field::new("http2.header.huffman");
static STRING_LENGTH: Field = Field::new("http2.header.string_length");
static CODED_LENGTH: Field = Field::new("http2.header.coded_length");
static PLAIN_LENGTH: Field = Field::new("http2.header.plain_length");
static COUNT: Field = Field::new("http2.header.count");
static CODED_TOTAL: Field = Field::new("http2.headers.coded_length");
static PLAIN_TOTAL: Field = Field::new("http2.headers.plain_length");
static TABLE_ENTRIES: Field = Field::new("http2.header_table.entries");
static TABLE_SIZE: Field = Field::new("http2.header_table.size");
static UPDATE: Field = Field::new("http2.header_table_size_update");
static UPDATE_PATTERN: Field = Field::new("http2.header_table_size_update.pattern");
static UPDATE_SIZE: Field = Field::new("http2.header_table_size_update.header_table_size");
static EXCEEDED: Field = Field::new("http2.header_size_exceeded");
static FULL_URI: Field = Field::new("http2.request.full_uri");

/// Reads a header block, all the cursor spans. `each` hears of the fields, in order; `table` is then as the sender has it.
///
/// # Errors
/// [`Malformed`] where the block is cut or no HPACK; the sender's table is not known from there on.
pub fn dissect<R: Recorder>(
    c: &mut Cursor<'_, '_, R>,
    table: &mut Table,
    each: &mut dyn FnMut(&HeaderField),
) -> Result<(), Malformed> {
    let begin = c.at();
    let (mut count, mut text) = (0usize, 0usize);
    let mut address: [Option<Text>; 3] = [const { None }; 3];
    while let Some(first) = c.peek_u8() {
        if first & 0xe0 == 0x20 {
            c.group(&UPDATE, |c| size_update(c, table))?;
            continue;
        }
        if count == MAX_FIELDS || text > MAX_LIST {
            c.derived(&EXCEEDED, || Value::Flag(true));
            return Err(c.nonsense(&EXCEEDED));
        }
        let field = c.group(&HEADER, |c| header_field(c, table, first))?;
        count += 1;
        text += field.name.len() + field.value.len() + LINE;
        if R::ON {
            for (at, name) in [":scheme", ":authority", ":path"].iter().enumerate() {
                if field.is(name) {
                    address[at] = Some(field.value.clone());
                }
            }
        }
        each(&field);
    }
    let coded = c.at() - begin;
    c.derived(&COUNT, || Value::Uint(count as u64));
    c.derived(&CODED_TOTAL, || Value::Uint(coded as u64));
    if table.is_complete() {
        c.derived(&PLAIN_TOTAL, || Value::Uint(text as u64));
    }
    c.derived(&TABLE_ENTRIES, || Value::Uint(table.entries() as u64));
    c.derived(&TABLE_SIZE, || Value::Uint(table.size() as u64));
    let parts = address.each_ref().map(|text| text.as_ref().and_then(Text::get));
    if let [Some(scheme), Some(authority), Some(path)] = parts {
        let lossy = String::from_utf8_lossy;
        c.derived(&FULL_URI, || {
            Value::Text(format!("{}://{}{}", lossy(scheme), lossy(authority), lossy(path)))
        });
    }
    Ok(())
}

/// RFC 7541 section 6.3.
fn size_update<R: Recorder>(c: &mut Cursor<'_, '_, R>, table: &mut Table) -> Result<(), Malformed> {
    c.derived(&REPRESENTATION, || Value::Text("Maximum Dynamic Table Size Change".to_owned()));
    let size = integer(c, &UPDATE_PATTERN, &UPDATE_SIZE, 5)?;
    table.resize(size);
    Ok(())
}

/// RFC 7541 sections 6.1 and 6.2: the first bits say which representation it is.
fn header_field<R: Recorder>(
    c: &mut Cursor<'_, '_, R>,
    table: &mut Table,
    first: u8,
) -> Result<HeaderField, Malformed> {
    let begin = c.at();
    let field = if first & 0x80 != 0 {
        c.derived(&REPRESENTATION, || Value::Text("Indexed Header Field".to_owned()));
        let index = integer(c, &INDEXED, &INDEX, 7)?;
        let field = found(c, table.find(index))?;
        told(c, &NAME, &field.name);
        told(c, &VALUE, &field.value);
        field
    } else {
        let (pattern, prefix, representation) = match first {
            0x40.. => (&INCREMENTAL, 6, "Literal Header Field with Incremental Indexing"),
            0x10.. => (&NEVER, 4, "Literal Header Field never Indexed"),
            _ => (&WITHOUT, 4, "Literal Header Field without Indexing"),
        };
        let new_name = first & ((1 << prefix) - 1) == 0;
        c.derived(&REPRESENTATION, || {
            let how = if new_name { "New Name" } else { "Indexed Name" };
            Value::Text(format!("{representation} - {how}"))
        });
        let name = if new_name {
            integer(c, pattern, &NEW_NAME, prefix)?;
            string(c, &NAME)?
        } else {
            let index = integer(c, pattern, &INDEX, prefix)?;
            let name = found(c, table.find(index))?.name;
            told(c, &NAME, &name);
            name
        };
        let field = HeaderField { name, value: string(c, &VALUE)? };
        if prefix == 6 {
            table.insert(field.clone());
        }
        field
    };
    if R::ON {
        explain(c, begin, &field);
    }
    Ok(field)
}

/// What follows from the bytes of one field.
fn explain<R: Recorder>(c: &mut Cursor<'_, '_, R>, begin: usize, field: &HeaderField) {
    let coded = c.at() - begin;
    let (Some(name), Some(value)) = (field.name.get(), field.value.get()) else {
        c.derived(&CODED_LENGTH, || Value::Uint(coded as u64));
        return;
    };
    c.derived(&NAME_LENGTH, || Value::Uint(name.len() as u64));
    c.derived(&VALUE_LENGTH, || Value::Uint(value.len() as u64));
    if let Some(known) = names::field_of(name) {
        let text = String::from_utf8_lossy(value).into_owned();
        c.derived(known, || match text.parse() {
            Ok(number) if names::is_number(name) => Value::Uint(number),
            _ => Value::Text(text),
        });
    }
    c.derived(&CODED_LENGTH, || Value::Uint(coded as u64));
    c.derived(&PLAIN_LENGTH, || Value::Uint((name.len() + value.len() + LINE) as u64));
}

/// Says in which table an entry was found.
fn found<R: Recorder>(c: &mut Cursor<'_, '_, R>, found: Found) -> Result<HeaderField, Malformed> {
    let (table, field) = match found {
        Found::Static(field) => ("static", field),
        Found::Dynamic(field) => ("dynamic", field),
        Found::Unknown => {
            c.derived(&UNKNOWN, || Value::Flag(true));
            ("dynamic", HeaderField { name: Text::Unknown, value: Text::Unknown })
        }
        // RFC 7541 section 2.3.3.
        Found::Nothing => return Err(c.nonsense(&INDEX)),
    };
    c.derived(&TABLE, || Value::Text(table.to_owned()));
    Ok(field)
}

/// A text that has no bytes of its own here.
fn told<R: Recorder>(c: &mut Cursor<'_, '_, R>, field: &'static Field, text: &Text) {
    if let Some(bytes) = text.get() {
        c.derived(field, || Value::Text(String::from_utf8_lossy(bytes).into_owned()));
    }
}

/// RFC 7541 section 5.1: a number that begins in the last `prefix` bits of a byte, behind `pattern`; where these are all ones, it
/// goes on in the bytes after, seven bits each, the lowest first.
fn integer<R: Recorder>(
    c: &mut Cursor<'_, '_, R>,
    pattern: &'static Field,
    field: &'static Field,
    prefix: usize,
) -> Result<u64, Malformed> {
    let mask = (1u64 << prefix) - 1;
    let cut = |c: &Cursor<'_, '_, R>| Malformed {
        field: field.name,
        at: c.at(),
        need: c.left() + 1,
        have: c.left(),
        problem: Problem::Cut,
    };
    let bytes = c.peek();
    let Some(first) = bytes.first() else { return Err(cut(c)) };
    let (mut value, mut length) = (u64::from(*first) & mask, 1);
    if value == mask {
        loop {
            if length == MAX_INTEGER {
                return Err(c.nonsense(field));
            }
            let Some(byte) = bytes.get(length) else { return Err(cut(c)) };
            value += u64::from(byte & 0x7f) << (7 * (length - 1));
            length += 1;
            if byte & 0x80 == 0 {
                break;
            }
        }
    }
    let parts = [(pattern, 8 - prefix), (field, prefix + 8 * (length - 1))];
    c.bits_told(length, &parts, |part, bits| if part == 1 { value } else { bits })?;
    Ok(value)
}

/// RFC 7541 section 5.2.
fn string<R: Recorder>(c: &mut Cursor<'_, '_, R>, field: &'static Field) -> Result<Text, Malformed> {
    let huffman = c.peek_u8().is_some_and(|first| first & 0x80 != 0);
    let length = usize::try_from(integer(c, &HUFFMAN, &STRING_LENGTH, 7)?).unwrap_or(usize::MAX);
    let Some(coded) = c.peek().get(..length) else {
        let have = c.left();
        return Err(Malformed { field: field.name, at: c.at(), need: length, have, problem: Problem::Cut });
    };
    let text: std::sync::Arc<[u8]> = match huffman {
        true => huffman::decode(coded).ok_or_else(|| c.nonsense(field))?.into(),
        false => coded.into(),
    };
    let shown = || Value::Text(String::from_utf8_lossy(&text).into_owned());
    match length {
        0 => c.derived(field, shown),
        _ => c.told(field, length, shown),
    }
    Ok(Text::Own(text))
}
