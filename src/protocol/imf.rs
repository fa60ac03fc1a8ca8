//! The header of a mail: From, To, Subject, Date and the others.
//!
//! RFC 5322 section 2.2 (fields; 2.2.3 folding), 3.6 (which there are). Leaves out: addresses taken apart, encoded words
//! (RFC 2047), bodies and MIME.

use super::lines;
use crate::wire::{Cursor, Field, Malformed, Recorder, Value};

static NAME: Field = Field::new("imf.field.name");
static SEPARATOR: Field = Field::new("imf.separator");
static NO_FIELD: Field = Field::new("imf.unknown_param");
static OTHER: Field = Field::new("imf.extension.value");
static OTHER_NAME: Field = Field::new("imf.extension.type");

macro_rules! headers {
    ($($header:literal $name:literal;)*) => {
        static TABLE: &[(&str, Field)] = &[$(($header, Field::new($name)),)*];
    };
}

headers! {
    "date" "imf.date";
    "from" "imf.from";
    "sender" "imf.sender";
    "reply-to" "imf.reply_to";
    "to" "imf.to";
    "cc" "imf.cc";
    "bcc" "imf.bcc";
    "message-id" "imf.message_id";
    "in-reply-to" "imf.in_reply_to";
    "references" "imf.references";
    "subject" "imf.subject";
    "user-agent" "imf.user_agent";
    "return-path" "imf.return_path";
    "received" "imf.received";
    "content-type" "imf.content.type";
    "content-transfer-encoding" "imf.content.transfer_encoding";
    "mime-version" "imf.mime_version";
    "delivered-to" "imf.delivered_to";
    "x-mailer" "imf.ext.mailer";
}

/// The longest header that is kept.
pub const MAX_HEADER: usize = 64 * 1024;

/// Where a header ends.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// After so many bytes, the empty line included; or before a line with a single dot, which ends the whole mail.
    At(usize),
    /// More bytes are needed to tell.
    More,
    /// This is no header.
    None,
}

/// Looks for the end of the header that begins here.
pub fn end(bytes: &[u8]) -> End {
    let mut at = 0;
    while at < bytes.len() {
        let (content, next) = lines::extent(&bytes[at..]);
        if !bytes[at..at + next].ends_with(b"\n") {
            break;
        }
        match &bytes[at..at + content] {
            [] => return if at == 0 { End::None } else { End::At(at + next) },
            b"." => return if at == 0 { End::None } else { End::At(at) },
            first if at == 0 && !is_field(first) => return End::None,
            _ => at += next,
        }
    }
    if bytes.len() < MAX_HEADER { End::More } else { End::None }
}

/// RFC 5322 section 2.2: a name of visible characters, then a colon.
fn is_field(line: &[u8]) -> bool {
    let Some(colon) = line.iter().position(|b| *b == b':') else { return false };
    colon > 0 && line[..colon].trim_ascii_end().iter().all(u8::is_ascii_graphic)
}

/// What a header says to those who follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Header<'a> {
    /// Who wrote it, as the mail itself says.
    pub from: Option<&'a [u8]>,
    /// To whom.
    pub to: Option<&'a [u8]>,
    /// About what.
    pub subject: Option<&'a [u8]>,
    /// When.
    pub date: Option<&'a [u8]>,
}

/// Names the fields of a header, which the cursor spans.
///
/// # Errors
/// None that a header of its own length could cause.
pub fn dissect<'a, R: Recorder>(c: &mut Cursor<'a, '_, R>) -> Result<Header<'a>, Malformed> {
    let mut header = Header::default();
    while c.left() > 0 {
        let bytes = c.peek();
        let (mut content, mut end) = lines::extent(bytes);
        if content == 0 {
            c.bytes(&SEPARATOR, end)?;
            continue;
        }
        if !is_field(&bytes[..content]) {
            c.text(&NO_FIELD, content)?;
            c.bytes(&SEPARATOR, end - content)?;
            continue;
        }
        // A line that begins with a blank goes on with the value of the line before.
        while matches!(bytes.get(end), Some(b' ' | b'\t')) {
            let (more, next) = lines::extent(&bytes[end..]);
            (content, end) = (end + more, end + next);
        }
        let colon = bytes.iter().position(|b| *b == b':').unwrap_or(0);
        let name = bytes[..colon].trim_ascii_end();
        let blanks = |b: &u8| matches!(b, b' ' | b'\t' | b'\r' | b'\n');
        let value_at = colon + 1 + bytes[colon + 1..content].iter().take_while(|b| blanks(b)).count();
        let value = &bytes[value_at..content];
        let known = TABLE.iter().find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes()));
        c.text(if known.is_some() { &NAME } else { &OTHER_NAME }, name.len())?;
        c.bytes(&SEPARATOR, value_at - name.len())?;
        c.told(known.map_or(&OTHER, |(_, field)| field), value.len(), || unfolded(value));
        c.bytes(&SEPARATOR, end - content)?;
        let slot = match known.map(|(known, _)| *known) {
            Some("from") => &mut header.from,
            Some("to") => &mut header.to,
            Some("subject") => &mut header.subject,
            Some("date") => &mut header.date,
            _ => continue,
        };
        slot.get_or_insert(value);
    }
    Ok(header)
}

/// RFC 5322 section 2.2.3: the line ends of folding are no part of the value.
fn unfolded(value: &[u8]) -> Value {
    let kept: Vec<u8> = value.iter().copied().filter(|b| !matches!(b, b'\r' | b'\n')).collect();
    Value::Text(String::from_utf8_lossy(&kept).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Off, Tree};

    const HEADER: &[u8] = b"From: a@example.test\r\nX-Odd: 1\r\nSubject: a\r\n b\r\n\r\nbody";

    #[test]
    fn where_it_ends() {
        assert_eq!(end(HEADER), End::At(HEADER.len() - 4));
        assert_eq!(end(&HEADER[..20]), End::More);
        assert_eq!(end(b"From: x\r\n.\r\n"), End::At(9));
        assert_eq!(end(b"no header\r\n"), End::None);
        assert_eq!(end(b".\r\n"), End::None);
        assert_eq!(end(&[b'a'; MAX_HEADER]), End::None);
    }

    #[test]
    fn fields_are_named_wherever_it_is_cut() {
        for cut in 0..=HEADER.len() {
            let mut tree = Tree::default();
            dissect(&mut Cursor::new(HEADER, 0, cut, &mut tree)).unwrap();
            let bits: usize = tree.nodes.iter().map(|n| n.bits).sum();
            assert_eq!(bits, cut * 8);
        }
        let header = dissect(&mut Cursor::new(HEADER, 0, HEADER.len() - 4, &mut Off)).unwrap();
        assert_eq!(header.from, Some(&b"a@example.test"[..]));
        assert_eq!(header.subject, Some(&b"a\r\n b"[..]));
    }
}
