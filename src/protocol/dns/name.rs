//! Domain names as they stand in a message: labels, and pointers back to labels that were there before.
//!
//! RFC 1035 section 3.1 (labels), 4.1.4 (compression), 2.3.4 (a label has at most 63 bytes, a name 255).
//! Leaves out: extended label types (RFC 2671, 2673), which RFC 6891 section 5 took back; internationalised
//! names are shown as they are sent (`xn--...`).

use std::fmt::Write;

/// A name's limit on the wire, length bytes included (RFC 1035 section 2.3.4).
const MAX_NAME: usize = 255;
/// More pointers in a row than a name of [`MAX_NAME`] bytes can have labels: they go round in a circle.
const MAX_HOPS: usize = 127;

/// What is wrong with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The bytes end within it: `need` bytes from its start, at least.
    Cut {
        /// How many bytes the name has at least.
        need: usize,
    },
    /// Its end in place is known, but its pointers lead nowhere, in a circle, or to too long a name.
    Pointer {
        /// Bytes that it takes up where it stands.
        length: usize,
    },
    /// A label of a type that nobody can measure.
    Label,
}

/// Follows the name at `message[at..]`, which in place must end before `end`; hands out each label.
/// Returns how many bytes it takes up where it stands.
///
/// A pointer may lead anywhere in the message: RFC 1035 says "a prior occurrence", and a walk that took only
/// those could not loop, but names that break the rule are common enough in strange captures to be shown.
pub fn walk<'m>(
    message: &'m [u8],
    at: usize,
    end: usize,
    mut label: impl FnMut(&'m [u8]),
) -> Result<usize, Trouble> {
    let end = end.min(message.len());
    let (mut position, mut limit) = (at, end);
    // Bytes in place: known once the first pointer, or the root label, has been met.
    let mut in_place = None;
    let (mut hops, mut total) = (0, 1);
    let short = |in_place: Option<usize>, reached: usize| match in_place {
        Some(length) => Trouble::Pointer { length },
        None => Trouble::Cut { need: reached - at },
    };
    loop {
        let Some(&first) = message.get(position).filter(|_| position < limit) else {
            return Err(short(in_place, position + 1));
        };
        match first >> 6 {
            0 if first == 0 => return Ok(in_place.unwrap_or_else(|| position + 1 - at)),
            0 => {
                let next = position + 1 + usize::from(first);
                if next > limit {
                    return Err(short(in_place, next));
                }
                total += 1 + usize::from(first);
                if total > MAX_NAME {
                    // Without a pointer so far the end in place must still be found, or nothing after it is readable.
                    return Err(match in_place.or_else(|| length_in_place(message, at, end)) {
                        Some(length) => Trouble::Pointer { length },
                        None => Trouble::Cut { need: end - at + 1 },
                    });
                }
                label(&message[position + 1..next]);
                position = next;
            }
            3 => {
                let Some(&low) = message.get(position + 1).filter(|_| position + 1 < limit) else {
                    return Err(short(in_place, position + 2));
                };
                let length = *in_place.get_or_insert_with(|| position + 2 - at);
                hops += 1;
                if hops > MAX_HOPS {
                    return Err(Trouble::Pointer { length });
                }
                position = usize::from(first & 0x3f) << 8 | usize::from(low);
                limit = message.len();
            }
            _ => return Err(in_place.map_or(Trouble::Label, |length| Trouble::Pointer { length })),
        }
    }
}

/// Where a name that is too long ends in place, if it does.
fn length_in_place(message: &[u8], at: usize, end: usize) -> Option<usize> {
    let mut position = at;
    while position < end {
        match message[position] {
            0 => return Some(position + 1 - at),
            n @ 1..=63 => position += 1 + usize::from(n),
            192.. if position + 2 <= end => return Some(position + 2 - at),
            _ => return None,
        }
    }
    None
}

/// A name as text: labels with dots between, `<Root>` for none, what cannot be shown escaped. A dot within
/// a label is not told from one between labels, as in Wireshark.
pub fn text(message: &[u8], at: usize) -> String {
    let mut bytes: Vec<u8> = Vec::with_capacity(64);
    // Trouble has been found where the name was read; what stands before it is text all the same.
    let _ = walk(message, at, message.len(), |label| {
        if !bytes.is_empty() {
            bytes.push(b'.');
        }
        bytes.extend_from_slice(label);
    });
    if bytes.is_empty() { "<Root>".to_owned() } else { escaped(&bytes) }
}

/// Escapes what does not print, in the way of Wireshark's field output.
pub(crate) fn escaped(bytes: &[u8]) -> String {
    if bytes.iter().all(|b| (b' '..=b'~').contains(b)) {
        return bytes.iter().map(|b| char::from(*b)).collect();
    }
    let mut out = String::with_capacity(bytes.len() + 16);
    for c in String::from_utf8_lossy(bytes).chars() {
        // Writing to a String cannot fail.
        let _ = match c {
            '\x07' => out.write_str("\\a"),
            '\x08' => out.write_str("\\b"),
            '\t' => out.write_str("\\t"),
            '\n' => out.write_str("\\n"),
            '\x0b' => out.write_str("\\v"),
            '\x0c' => out.write_str("\\f"),
            '\r' => out.write_str("\\r"),
            '\0'..='\x1f' | '\x7f' => write!(out, "\\{:03o}", u32::from(c)),
            c if is_invisible(c) && u32::from(c) > 0xffff => write!(out, "\\U{:08X}", u32::from(c)),
            c if is_invisible(c) => write!(out, "\\u{:04X}", u32::from(c)),
            c => out.write_char(c),
        };
    }
    out
}

/// Control and format characters (Unicode categories Cc, Cf, Zl, Zp): they steer a terminal or reorder text.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0001}' | '\u{e0020}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_pointers() {
        let message = b"\x03www\x07example\x00\x04mail\xc0\x04";
        assert_eq!(walk(message, 0, message.len(), |_| ()), Ok(13));
        assert_eq!(text(message, 0), "www.example");
        assert_eq!(walk(message, 13, message.len(), |_| ()), Ok(7));
        assert_eq!(text(message, 13), "mail.example");
        assert_eq!(text(b"\0", 0), "<Root>");
    }

    #[test]
    fn pointers_that_lead_nowhere() {
        assert_eq!(walk(b"\xc0\x00", 0, 2, |_| ()), Err(Trouble::Pointer { length: 2 }), "at itself");
        assert_eq!(
            walk(b"\xc0\x02\xc0\x00", 2, 4, |_| ()),
            Err(Trouble::Pointer { length: 2 }),
            "in a circle"
        );
        assert_eq!(walk(b"\x01a\xc0\x00", 0, 4, |_| ()), Err(Trouble::Pointer { length: 4 }), "ever longer");
        assert_eq!(walk(b"\xc0\xff", 0, 2, |_| ()), Err(Trouble::Pointer { length: 2 }), "behind the end");
        assert_eq!(walk(b"\xc0", 0, 1, |_| ()), Err(Trouble::Cut { need: 2 }));
        assert_eq!(walk(b"\x05abc", 0, 4, |_| ()), Err(Trouble::Cut { need: 6 }));
        assert_eq!(walk(b"", 0, 0, |_| ()), Err(Trouble::Cut { need: 1 }));
        assert_eq!(walk(b"\x41a", 0, 2, |_| ()), Err(Trouble::Label));
    }

    #[test]
    fn a_name_longer_than_names_may_be_still_ends_somewhere() {
        let mut message = Vec::new();
        for _ in 0..5 {
            message.push(63);
            message.extend([b'a'; 63]);
        }
        message.push(0);
        assert_eq!(walk(&message, 0, message.len(), |_| ()), Err(Trouble::Pointer { length: 321 }));
    }

    #[test]
    fn a_name_ends_where_its_region_does() {
        let message = b"\x03www\x00";
        assert_eq!(walk(message, 0, 4, |_| ()), Err(Trouble::Cut { need: 5 }));
    }

    #[test]
    fn what_does_not_print_is_escaped_as_wireshark_does() {
        assert_eq!(text(b"\x03a\tb\0", 0), "a\\tb");
        assert_eq!(text(b"\x01\x01\0", 0), "\\001");
        assert_eq!(text(b"\x02a\x7f\0", 0), "a\\177");
        assert_eq!(text(b"\x03\xe2\x80\xae\0", 0), "\\u202E");
        assert_eq!(text(b"\x02\xff\x41\0", 0), "\u{fffd}A");
        assert_eq!(text(b"\x03\xc3\xa9x\0", 0), "éx");
        assert_eq!(text(b"\x05a.b\\\"\0", 0), "a.b\\\"");
    }
}
