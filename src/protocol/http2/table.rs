//! The tables of HPACK: what numbers header fields go by.
//!
//! RFC 7541 section 2.3 (static table first, then the dynamic one, newest entry first), 4.1 (an entry counts 32 bytes
//! beside its text), 4.3 and 4.4 (who goes when the table is full). Leaves out: the entries an encoder would choose.
//!
//! Bounded: [`MAX_SIZE`], whatever the two ends agreed on. Who looks on may have come late: then entries are
//! not known ([`Text::Unknown`]), and are never guessed.

use std::collections::VecDeque;
use std::sync::Arc;

/// The size that a table has until one is told (RFC 9113 section 6.5.2).
const DEFAULT_SIZE: usize = 4096;
/// The largest table that is kept.
pub const MAX_SIZE: usize = 64 * 1024;
/// What an entry counts beside its text.
const OVERHEAD: usize = 32;

/// A name or a value.
#[derive(Debug, Clone)]
pub enum Text {
    /// From the static table.
    Static(&'static [u8]),
    /// From the connection.
    Own(Arc<[u8]>),
    /// Sent when nobody looked on.
    Unknown,
}

impl Text {
    /// Its bytes, where they are known.
    pub fn get(&self) -> Option<&[u8]> {
        match self {
            Text::Static(bytes) => Some(bytes),
            Text::Own(bytes) => Some(bytes),
            Text::Unknown => None,
        }
    }

    /// How long it is; 0 where that is not known.
    pub fn len(&self) -> usize {
        self.get().map_or(0, <[u8]>::len)
    }

    /// Whether nothing is in it, or nothing is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Text) -> bool {
        self.get() == other.get()
    }
}

/// A header field.
#[derive(Debug, Clone, PartialEq)]
pub struct HeaderField {
    /// In small letters.
    pub name: Text,
    /// What it says.
    pub value: Text,
}

impl HeaderField {
    /// Whether it is the field of that name; false where the name is not known.
    pub fn is(&self, name: &str) -> bool {
        self.name.get() == Some(name.as_bytes())
    }

    fn size(&self) -> usize {
        self.name.len() + self.value.len() + OVERHEAD
    }
}

/// What is behind an index.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// In the static table, which RFC 7541 prints.
    Static(HeaderField),
    /// In the table that this connection has built.
    Dynamic(HeaderField),
    /// In the part of that table that was built unseen.
    Unknown,
    /// Nothing: there is no such entry.
    Nothing,
}

/// The dynamic table of one direction.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The newest first.
    entries: VecDeque<HeaderField>,
    size: usize,
    max: usize,
    /// Whether all that is in it is known.
    complete: bool,
}

impl Table {
    /// As it is when a connection begins.
    pub fn new() -> Table {
        Table { entries: VecDeque::new(), size: 0, max: DEFAULT_SIZE, complete: true }
    }

    /// A table of which nothing is known: headers went by unseen.
    pub fn unknown() -> Table {
        Table { complete: false, ..Table::new() }
    }

    /// How many entries are known.
    pub fn entries(&self) -> usize {
        self.entries.len()
    }

    /// How much they count.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Whether all entries are known.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// What an index stands for.
    pub fn find(&self, index: u64) -> Found {
        let Some(at) = usize::try_from(index).ok().and_then(|i| i.checked_sub(1)) else {
            return Found::Nothing;
        };
        if let Some((name, value)) = STATIC.get(at) {
            return Found::Static(HeaderField { name: Text::Static(name), value: Text::Static(value) });
        }
        match self.entries.get(at - STATIC.len()) {
            Some(field) => Found::Dynamic(field.clone()),
            None if self.complete => Found::Nothing,
            None => Found::Unknown,
        }
    }

    /// A new entry. One that is larger than the table empties it (RFC 7541 section 4.4).
    pub fn insert(&mut self, field: HeaderField) {
        let size = field.size();
        self.shrink_to(self.max.saturating_sub(size));
        if size <= self.max {
            self.size += size;
            self.entries.push_front(field);
        }
    }

    /// The table is to have this size from now on.
    pub fn resize(&mut self, max: u64) {
        let wanted = usize::try_from(max).unwrap_or(usize::MAX);
        self.max = wanted.min(MAX_SIZE);
        self.shrink_to(self.max);
        // What the ends keep beyond our limit will be missing here; an empty table is known, whatever it held.
        self.complete = (self.complete && wanted <= MAX_SIZE) || wanted == 0;
    }

    fn shrink_to(&mut self, size: usize) {
        while self.size > size {
            let Some(oldest) = self.entries.pop_back() else { break };
            self.size -= oldest.size();
        }
    }
}

impl Default for Table {
    fn default() -> Table {
        Table::new()
    }
}

/// RFC 7541 appendix A.
#[rustfmt::skip]
static STATIC: [(&[u8], &[u8]); 61] = [
    (b":authority", b""),
    (b":method", b"GET"),
    (b":method", b"POST"),
    (b":path", b"/"),
    (b":path", b"/index.html"),
    (b":scheme", b"http"),
    (b":scheme", b"https"),
    (b":status", b"200"),
    (b":status", b"204"),
    (b":status", b"206"),
    (b":status", b"304"),
    (b":status", b"400"),
    (b":status", b"404"),
    (b":status", b"500"),
    (b"accept-charset", b""),
    (b"accept-encoding", b"gzip, deflate"),
    (b"accept-language", b""),
    (b"accept-ranges", b""),
    (b"accept", b""),
    (b"access-control-allow-origin", b""),
    (b"age", b""),
    (b"allow", b""),
    (b"authorization", b""),
    (b"cache-control", b""),
    (b"content-disposition", b""),
    (b"content-encoding", b""),
    (b"content-language", b""),
    (b"content-length", b""),
    (b"content-location", b""),
    (b"content-range", b""),
    (b"content-type", b""),
    (b"cookie", b""),
    (b"date", b""),
    (b"etag", b""),
    (b"expect", b""),
    (b"expires", b""),
    (b"from", b""),
    (b"host", b""),
    (b"if-match", b""),
    (b"if-modified-since", b""),
    (b"if-none-match", b""),
    (b"if-range", b""),
    (b"if-unmodified-since", b""),
    (b"last-modified", b""),
    (b"link", b""),
    (b"location", b""),
    (b"max-forwards", b""),
    (b"proxy-authenticate", b""),
    (b"proxy-authorization", b""),
    (b"range", b""),
    (b"referer", b""),
    (b"refresh", b""),
    (b"retry-after", b""),
    (b"server", b""),
    (b"set-cookie", b""),
    (b"strict-transport-security", b""),
    (b"transfer-encoding", b""),
    (b"user-agent", b""),
    (b"vary", b""),
    (b"via", b""),
    (b"www-authenticate", b""),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, value: &str) -> HeaderField {
        let own = |text: &str| Text::Own(text.as_bytes().into());
        HeaderField { name: own(name), value: own(value) }
    }

    #[test]
    fn the_newest_is_62() {
        let mut table = Table::new();
        table.insert(field("a", "1"));
        table.insert(field("b", "2"));
        assert_eq!(table.find(62), Found::Dynamic(field("b", "2")));
        assert_eq!(table.find(63), Found::Dynamic(field("a", "1")));
        assert_eq!(table.find(64), Found::Nothing);
        assert_eq!(table.find(0), Found::Nothing);
        assert_eq!(table.find(u64::MAX), Found::Nothing);
        assert!(matches!(table.find(61), Found::Static(f) if f.is("www-authenticate")));
    }

    #[test]
    fn the_oldest_goes_first_and_a_giant_empties() {
        let mut table = Table::new();
        table.resize(70);
        table.insert(field("a", "1"));
        table.insert(field("b", "2"));
        table.insert(field("c", "3"));
        assert_eq!((table.entries(), table.size()), (2, 68));
        table.insert(field("d", &"x".repeat(100)));
        assert_eq!((table.entries(), table.size()), (0, 0));
    }

    #[test]
    fn no_one_makes_it_grow_beyond_the_limit() {
        let mut table = Table::new();
        table.resize(u64::MAX);
        for _ in 0..100_000 {
            table.insert(field("a", "0123456789"));
        }
        assert!(table.size() <= MAX_SIZE);
        assert_eq!(table.find(60_000), Found::Unknown, "kept by the ends, not here");
    }

    #[test]
    fn what_was_not_seen_is_not_known_until_the_table_is_emptied() {
        let mut table = Table::unknown();
        table.insert(field("a", "1"));
        assert_eq!(table.find(62), Found::Dynamic(field("a", "1")));
        assert_eq!(table.find(63), Found::Unknown);
        table.resize(0);
        table.resize(4096);
        assert_eq!(table.find(62), Found::Nothing);
    }
}
