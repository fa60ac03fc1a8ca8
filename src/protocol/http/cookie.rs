//! Cookies: what a server asks a browser to bring back with its next requests.
//!
//! RFC 6265 section 4.1 (Set-Cookie), 4.2 (Cookie), 5.2 (attributes). HTTP keeps no state between requests; this is how sites do. The
//! pairs own no bytes: the header field's value does. Leaves out: which cookies a browser would send where (RFC 6265 section 5.4).

use crate::wire::{Cursor, Field, Recorder, Value};

static PAIR: Field = Field::new("http.cookie_pair");
static SET: Field = Field::new("http.set_cookie.pair");
static EXPIRES: Field = Field::new("http.set_cookie.expires");
static MAX_AGE: Field = Field::new("http.set_cookie.max_age");
static DOMAIN: Field = Field::new("http.set_cookie.domain");
static PATH: Field = Field::new("http.set_cookie.path");
static SECURE: Field = Field::new("http.set_cookie.secure");
static HTTP_ONLY: Field = Field::new("http.set_cookie.httponly");
static SAME_SITE: Field = Field::new("http.set_cookie.samesite");

/// So many cookies of one header field are shown one by one.
const MAX_PAIRS: usize = 200;

/// Name and value of a cookie, blanks around them taken off.
pub type Pair<'a> = (&'a [u8], &'a [u8]);

fn pair(bytes: &[u8]) -> Option<Pair<'_>> {
    let equals = bytes.iter().position(|b| *b == b'=')?;
    Some((bytes[..equals].trim_ascii(), bytes[equals + 1..].trim_ascii()))
}

/// The cookies of a Cookie field.
pub fn pairs(value: &[u8]) -> impl Iterator<Item = Pair<'_>> {
    value.split(|b| *b == b';').filter_map(pair)
}

/// What a Set-Cookie field says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetCookie<'a> {
    /// Name.
    pub name: &'a [u8],
    /// Value.
    pub value: &'a [u8],
    /// Whether the browser is to forget it: its life ends at once.
    pub removes: bool,
    /// Whether it is sent over TLS only.
    pub secure: bool,
    /// Whether scripts may not read it.
    pub http_only: bool,
}

/// Reads a Set-Cookie field.
pub fn set_cookie(value: &[u8]) -> Option<SetCookie<'_>> {
    let mut parts = value.split(|b| *b == b';');
    let (name, cookie) = pair(parts.next()?)?;
    let mut set = SetCookie { name, value: cookie, removes: false, secure: false, http_only: false };
    for part in parts {
        let (key, value) = pair(part).unwrap_or((part.trim_ascii(), b""));
        let is = |known: &[u8]| key.eq_ignore_ascii_case(known);
        set.secure |= is(b"secure");
        set.http_only |= is(b"httponly");
        // RFC 6265 section 5.2.2: zero or less is the earliest time there is. Servers that say it with a date take 1970.
        set.removes |= is(b"max-age") && (value == b"0" || value.starts_with(b"-"));
        set.removes |= is(b"expires") && value.windows(4).any(|w| w == b"1970");
    }
    Some(set)
}

fn text(bytes: &[u8]) -> Value {
    Value::Text(String::from_utf8_lossy(bytes).into_owned())
}

/// Tells what is in a Cookie or Set-Cookie field, behind its value.
pub(super) fn describe<R: Recorder>(c: &mut Cursor<'_, '_, R>, name: &[u8], value: &[u8]) {
    let parts = || value.split(|b| *b == b';').map(<[u8]>::trim_ascii).filter(|p| !p.is_empty());
    if name.eq_ignore_ascii_case(b"cookie") {
        for part in parts().take(MAX_PAIRS) {
            c.derived(&PAIR, || text(part));
        }
    } else if name.eq_ignore_ascii_case(b"set-cookie") {
        for (at, part) in parts().take(MAX_PAIRS).enumerate() {
            if at == 0 {
                c.derived(&SET, || text(part));
                continue;
            }
            let (key, value) = pair(part).unwrap_or((part, b""));
            match key.to_ascii_lowercase().as_slice() {
                b"expires" => c.derived(&EXPIRES, || text(value)),
                b"max-age" => c.derived(&MAX_AGE, || text(value)),
                b"domain" => c.derived(&DOMAIN, || text(value)),
                b"path" => c.derived(&PATH, || text(value)),
                b"secure" => c.derived(&SECURE, || Value::Flag(true)),
                b"httponly" => c.derived(&HTTP_ONLY, || Value::Flag(true)),
                b"samesite" => c.derived(&SAME_SITE, || text(value)),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_taken_apart() {
        let found: Vec<_> = pairs(b"a=1; b=x=y ;c; =d").collect();
        assert_eq!(found, [(&b"a"[..], &b"1"[..]), (b"b", b"x=y"), (b"", b"d")]);
        let set = set_cookie(b"id=7; Path=/; HttpOnly; max-age=0").unwrap();
        assert_eq!((set.name, set.value, set.removes, set.http_only), (&b"id"[..], &b"7"[..], true, true));
        assert_eq!(set_cookie(b"nothing"), None);
    }
}
