//! What a field is called and how its value is shown.
//!
//! A field's `name` is Wireshark's, so what a user knows there holds here. Its explanation, its
//! specification and the names of its values are data: docs/words/fields/*.toml, under that name.

/// A named part of a protocol; declared once, as a static, in the protocol's own file.
#[derive(Debug, PartialEq, Eq)]
pub struct Field {
    /// Wireshark's display filter name, e.g. `tcp.srcport`.
    pub name: &'static str,
    /// How its number is written for people.
    pub show: Show,
}

/// How a field's value is written for people. JSON is not concerned: numbers stay numbers there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Show {
    /// Decimal number, or the natural form of an address or text.
    Plain,
    /// Hexadecimal with `0x` and this many digits.
    Hex(u8),
}

impl Field {
    /// A field shown in decimal, or in the natural form of its value.
    pub const fn new(name: &'static str) -> Field {
        Field { name, show: Show::Plain }
    }

    /// A field shown in hexadecimal, `digits` wide.
    pub const fn hex(name: &'static str, digits: u8) -> Field {
        Field { name, show: Show::Hex(digits) }
    }
}

/// A field's value. Bytes are not copied: the span says where they are.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// An unsigned number.
    Uint(u64),
    /// A signed number (derived values only).
    Int(i64),
    /// A length of time in nanoseconds (derived values only).
    Time(i64),
    /// A single bit, or a yes/no that was derived.
    Flag(bool),
    /// A 48-bit hardware address.
    Mac([u8; 6]),
    /// An IPv4 address.
    Ipv4([u8; 4]),
    /// An IPv6 address.
    Ipv6([u8; 16]),
    /// Text; bytes that are not UTF-8 appear as U+FFFD. Not yet made safe for a terminal.
    Text(String),
    /// The bytes of the node's own span.
    Bytes,
}
