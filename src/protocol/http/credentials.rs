//! Who a request says it comes from: Authorization and its like.
//!
//! RFC 9110 section 11 (schemes, challenges), RFC 7617 (Basic: name and password in base64, which hides nothing), RFC 4648 section 4
//! (base64), RFC 6750 (Bearer). Leaves out: checking Digest answers (RFC 7616).

use crate::wire::{Cursor, Field, Recorder, Value};

static BASIC: Field = Field::new("http.authbasic");
static SCHEME: Field = Field::new("http.auth_scheme");

/// The scheme, and what stands behind it.
pub fn scheme(value: &[u8]) -> (&[u8], &[u8]) {
    let end = value.iter().position(|b| *b == b' ').unwrap_or(value.len());
    (&value[..end], value[end..].trim_ascii())
}

/// Name and password of the Basic scheme.
pub fn basic(value: &[u8]) -> Option<Vec<u8>> {
    let (scheme, token) = scheme(value);
    scheme.eq_ignore_ascii_case(b"basic").then(|| base64(token)).flatten()
}

/// RFC 4648 section 4; filling at the end may be missing.
fn base64(bytes: &[u8]) -> Option<Vec<u8>> {
    let bytes = &bytes[..bytes.iter().rposition(|b| *b != b'=').map_or(0, |last| last + 1)];
    let mut out = Vec::with_capacity(bytes.len() * 3 / 4);
    let (mut held, mut bits) = (0u32, 0);
    for byte in bytes {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        held = held << 6 | u32::from(six);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push((held >> bits) as u8);
            held &= (1 << bits) - 1;
        }
    }
    Some(out)
}

/// Tells the scheme of a field about authentication, and what Basic hides from nobody.
pub(super) fn describe<R: Recorder>(c: &mut Cursor<'_, '_, R>, name: &[u8], value: &[u8]) {
    let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
    if !(is(b"authorization")
        || is(b"proxy-authorization")
        || is(b"www-authenticate")
        || is(b"proxy-authenticate"))
    {
        return;
    }
    c.derived(&SCHEME, || Value::Text(String::from_utf8_lossy(scheme(value).0).into_owned()));
    if let Some(clear) = basic(value).filter(|_| is(b"authorization") || is(b"proxy-authorization")) {
        c.derived(&BASIC, || Value::Text(String::from_utf8_lossy(&clear).into_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_hides_nothing() {
        // RFC 7617 section 2.
        assert_eq!(
            basic(b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==").as_deref(),
            Some(&b"Aladdin:open sesame"[..])
        );
        assert_eq!(basic(b"basic dGVzdDoxMjPCow").as_deref(), Some("test:123\u{a3}".as_bytes()));
        assert_eq!(basic(b"Bearer abc"), None);
        assert_eq!(basic(b"Basic @"), None);
    }
}
