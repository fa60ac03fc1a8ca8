//! Literals: what the user wrote, with every reading it can have.
//!
//! Which reading counts is decided by what it is compared with: `10` is a number beside `tcp.len`, and the byte 0x10
//! beside `eth.src[0]`; `11:22:33:44:55:66:77:88` is an IPv6 address or eight bytes.

use std::fmt::{self, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Kind, Reason};

/// A literal and its readings.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Literal {
    /// As it was written; texts are written anew from `text`.
    pub written: Box<str>,
    pub flag: Option<bool>,
    pub int: Option<i128>,
    /// In units of 10^-9: numbers with a decimal point, and integers.
    pub nanos: Option<i128>,
    /// A double-quoted text, whose escapes may have put any byte in it.
    pub text: Option<Box<[u8]>>,
    pub bytes: Option<Box<[u8]>>,
    pub v4: Option<(u32, u8)>,
    pub v6: Option<(u128, u8)>,
}

impl Literal {
    pub fn flag(written: &str, value: bool) -> Literal {
        Literal {
            written: written.to_ascii_lowercase().into(),
            flag: Some(value),
            int: Some(value.into()),
            ..Literal::default()
        }
    }

    pub fn text(bytes: Vec<u8>) -> Literal {
        Literal { text: Some(bytes.into()), ..Literal::default() }
    }

    /// Two hexadecimal digits beside a slice, which anywhere else are a name (`ff`).
    pub fn byte(written: &str) -> Option<Literal> {
        let bytes = pair(written)?;
        Some(Literal { written: written.into(), bytes: Some([bytes].into()), ..Literal::default() })
    }

    /// A number, an address or a byte string.
    pub fn word(written: &str) -> Result<Literal, Reason> {
        let plain = written.strip_prefix('-').unwrap_or(written);
        if written.contains(':') || written.matches('.').count() == 3 || byte_string(written).is_some() {
            address(written)
        } else if plain.contains('.') {
            decimal(written)
        } else {
            integer(written)
        }
    }

    /// The same with its sign turned. `None` for what has no sign.
    pub fn negated(&self) -> Option<Result<Literal, Reason>> {
        (self.flag.is_none() && self.nanos.is_some()).then(|| match self.written.strip_prefix('-') {
            Some(positive) => Literal::word(positive),
            None => Literal::word(&format!("-{}", self.written)),
        })
    }

    /// What it is where nothing beside it decides.
    pub fn kind(&self) -> Kind {
        if self.text.is_some() {
            Kind::Text
        } else if self.flag.is_some() {
            Kind::Flag
        } else if self.nanos.is_some() {
            Kind::Number
        } else if self.v4.is_some() {
            Kind::Ipv4
        } else if self.bytes.as_ref().is_some_and(|b| b.len() == 6) {
            Kind::Mac
        } else if self.v6.is_some() {
            Kind::Ipv6
        } else {
            Kind::Bytes
        }
    }

    /// Whether it can be read as that kind.
    pub fn reads_as(&self, kind: Kind) -> bool {
        match kind {
            Kind::Any => true,
            Kind::Flag => self.int.is_some(),
            Kind::Number | Kind::Time => self.nanos.is_some() || self.flag.is_some(),
            Kind::Text => self.text.is_some(),
            Kind::Mac => self.bytes.as_ref().is_some_and(|b| b.len() == 6),
            Kind::Ipv4 => self.v4.is_some(),
            Kind::Ipv6 => self.v6.is_some(),
            Kind::Protocol | Kind::Bytes => self.as_bytes().is_some(),
        }
    }

    /// As bytes: a text is its UTF-8.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        self.bytes.as_deref().or(self.text.as_deref())
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(text) = &self.text else { return out.write_str(&self.written) };
        out.write_char('"')?;
        for chunk in text.utf8_chunks() {
            for c in chunk.valid().chars() {
                match c {
                    '"' | '\\' => write!(out, "\\{c}")?,
                    c if c.is_ascii_control() => write!(out, "\\x{:02x}", u32::from(c))?,
                    c => out.write_char(c)?,
                }
            }
            for byte in chunk.invalid() {
                write!(out, "\\x{byte:02x}")?;
            }
        }
        out.write_char('"')
    }
}

fn integer(written: &str) -> Result<Literal, Reason> {
    let bad = || Reason::BadNumber { text: written.to_owned() };
    let (minus, digits) = written.strip_prefix('-').map_or((false, written), |rest| (true, rest));
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', b'b', ..] => (2, &lower[2..]),
        // As in C and in Wireshark: 010 is eight.
        [b'0', _, ..] => (8, &lower[1..]),
        _ => (10, &lower[..]),
    };
    if !digits.chars().all(|c| c.is_ascii_alphanumeric()) {
        return Err(bad());
    }
    let parsed = u64::from_str_radix(digits, radix).ok();
    let byte = match radix {
        16 => parsed.filter(|_| !minus).and_then(|n| u8::try_from(n).ok()),
        _ => pair(written),
    };
    // `08` and `09` are bytes, but no octal numbers.
    if parsed.is_none() && byte.is_none() {
        return Err(bad());
    }
    let value = parsed.map(i128::from).map(|n| if minus { -n } else { n });
    Ok(Literal {
        written: written.into(),
        int: value,
        nanos: value.map(|n| n * 1_000_000_000),
        bytes: byte.map(|b| [b].into()),
        ..Literal::default()
    })
}

fn decimal(written: &str) -> Result<Literal, Reason> {
    let bad = || Reason::BadNumber { text: written.to_owned() };
    let (minus, plain) = written.strip_prefix('-').map_or((false, written), |rest| (true, rest));
    let (whole, part) = plain.split_once('.').ok_or_else(bad)?;
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    // Nine decimals are what captures have: a nanosecond.
    if !digits(whole) || !digits(part) || part.len() > 9 {
        return Err(bad());
    }
    let whole = whole.parse::<u64>().map_err(|_| bad())?;
    let nanos =
        i128::from(whole) * 1_000_000_000 + format!("{part:0<9}").parse::<i128>().map_err(|_| bad())?;
    let nanos = if minus { -nanos } else { nanos };
    Ok(Literal { written: written.into(), nanos: Some(nanos), ..Literal::default() })
}

fn address(written: &str) -> Result<Literal, Reason> {
    let (host, prefix) = match written.split_once('/') {
        Some((host, prefix)) => (host, Some(prefix)),
        None => (written, None),
    };
    let v4 = host.parse::<Ipv4Addr>().ok();
    let v6 = host.parse::<Ipv6Addr>().ok();
    let most = if v4.is_some() { 32 } else { 128 };
    let length = match prefix {
        None => most,
        Some(_) if v4.is_none() && v6.is_none() => {
            return Err(Reason::BadAddress { text: written.to_owned() });
        }
        Some(digits) => digits
            .parse::<u8>()
            .ok()
            .filter(|n| *n <= most)
            .ok_or_else(|| Reason::BadPrefix { text: written.to_owned(), most })?,
    };
    let bytes = if prefix.is_none() { byte_string(host) } else { None };
    if v4.is_none() && v6.is_none() && bytes.is_none() {
        return Err(Reason::BadAddress { text: written.to_owned() });
    }
    Ok(Literal {
        written: written.into(),
        bytes: bytes.map(Into::into),
        v4: v4.map(|a| (a.into(), length)),
        v6: v6.map(|a| (a.into(), length)),
        ..Literal::default()
    })
}

/// `02:7d:9b` or `02-7d-9b`: two or more pairs of hexadecimal digits, three or more with hyphens (two could be a
/// subtraction).
pub(super) fn byte_string(written: &str) -> Option<Vec<u8>> {
    let (separator, least) = if written.contains(':') { (':', 2) } else { ('-', 3) };
    let bytes = written.split(separator).map(pair).collect::<Option<Vec<u8>>>()?;
    (bytes.len() >= least).then_some(bytes)
}

fn pair(written: &str) -> Option<u8> {
    let hex = written.len() == 2 && written.bytes().all(|b| b.is_ascii_hexdigit());
    hex.then(|| u8::from_str_radix(written, 16).ok()).flatten()
}
