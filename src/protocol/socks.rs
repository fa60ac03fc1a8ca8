//! SOCKS: asking a proxy to open a connection, which then carries whatever the two ends like.
//!
//! RFC 1928 section 3 (methods), 4 to 6 (requests, addresses, replies), RFC 1929 section 2 (name and password, in clear). Version 4 and 4A
//! have no RFC: command, port, address, a name that ends with a zero, and where the address is 0.0.0.x a host's name.
//! Leaves out: GSS-API (RFC 1961); what UDP relays carry.

use crate::wire::{Cursor, Field, Malformed, Recorder};

static VERSION: Field = Field::new("socks.version");
static COUNT: Field = Field::new("socks.auth_method_count");
static METHOD: Field = Field::new("socks.auth_method");
static ACCEPTED: Field = Field::new("socks.auth_accepted_method");
static LOGIN_VERSION: Field = Field::new("socks.subnegotiation_version");
static NAME_LENGTH: Field = Field::new("socks.username_length");
static NAME: Field = Field::new("socks.username");
static PASSWORD_LENGTH: Field = Field::new("socks.password_length");
static PASSWORD: Field = Field::new("socks.password");
static LOGIN_STATUS: Field = Field::new("socks.auth_status");
static COMMAND: Field = Field::new("socks.command");
static RESULTS: Field = Field::new("socks.results");
static RESERVED: Field = Field::new("socks.reserved");
static ADDRESS_TYPE: Field = Field::new("socks.address_type");
static DST: Field = Field::new("socks.dst");
static DST_V6: Field = Field::new("socks.dstV6");
static REMOTE_LENGTH: Field = Field::new("socks.remote_name_length");
static REMOTE_NAME: Field = Field::new("socks.remote_name");
static PORT: Field = Field::new("socks.port");
static DST_PORT: Field = Field::new("socks.dstport");
static V4A_NAME: Field = Field::new("socks.v4a_dns_name");
static END: Field = Field::hex("socks.end", 2);

/// Longest name in a message of version 4, so that one without an end is none.
const MAX_NAME: usize = 255;

/// What a part of a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The client of version 5 says which methods of logging in it knows.
    Methods,
    /// The server takes one of them.
    Method,
    /// Name and password.
    Login,
    /// Whether they are right.
    LoginReply,
    /// What the client wants, version 5.
    Request5,
    /// What became of it, version 5.
    Reply5,
    /// What the client wants, version 4.
    Request4,
    /// What became of it, version 4.
    Reply4,
}

/// Where a name of version 4 ends: after the zero that begins at `at` or later.
fn after_name(bytes: &[u8], at: usize) -> Option<usize> {
    bytes.get(at..)?.iter().take(MAX_NAME + 1).position(|b| *b == 0).map(|end| at + end + 1)
}

/// A host's name follows (4A): the address is 0.0.0.x, x not 0.
fn is_4a(address: &[u8]) -> bool {
    matches!(address, [0, 0, 0, x] if *x != 0)
}

/// Length of a part, `None` where more bytes are needed to say.
pub fn length(part: Part, bytes: &[u8]) -> Option<usize> {
    let address = |at: usize| {
        Some(match bytes.get(at)? {
            1 => at + 1 + 4 + 2,
            3 => at + 2 + usize::from(*bytes.get(at + 1)?) + 2,
            _ => at + 1 + 16 + 2,
        })
    };
    match part {
        Part::Methods => bytes.get(1).map(|count| 2 + usize::from(*count)),
        Part::Method | Part::LoginReply => Some(2),
        Part::Login => {
            let name = usize::from(*bytes.get(1)?);
            bytes.get(2 + name).map(|password| 3 + name + usize::from(*password))
        }
        Part::Request5 | Part::Reply5 => address(3),
        Part::Reply4 => Some(8),
        Part::Request4 => {
            let name_end = after_name(bytes, 8)?;
            if is_4a(bytes.get(4..8)?) { after_name(bytes, name_end) } else { Some(name_end) }
        }
    }
}

/// Names a part.
///
/// # Errors
/// [`Malformed`] where it ends before it should.
pub fn describe<R: Recorder>(part: Part, c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    match part {
        Part::Login | Part::LoginReply => drop(c.u8(&LOGIN_VERSION)?),
        _ => drop(c.u8(&VERSION)?),
    }
    match part {
        Part::Methods => {
            for _ in 0..c.u8(&COUNT)? {
                c.u8(&METHOD)?;
            }
        }
        Part::Method => drop(c.u8(&ACCEPTED)?),
        Part::Login => {
            let length = c.u8(&NAME_LENGTH)?;
            c.text(&NAME, length.into())?;
            let length = c.u8(&PASSWORD_LENGTH)?;
            c.text(&PASSWORD, length.into())?;
        }
        Part::LoginReply => drop(c.u8(&LOGIN_STATUS)?),
        Part::Request5 | Part::Reply5 => {
            c.u8(if part == Part::Request5 { &COMMAND } else { &RESULTS })?;
            c.u8(&RESERVED)?;
            match c.u8(&ADDRESS_TYPE)? {
                1 => drop(c.ipv4(&DST)?),
                3 => {
                    let length = c.u8(&REMOTE_LENGTH)?;
                    c.text(&REMOTE_NAME, length.into())?;
                }
                _ => drop(c.ipv6(&DST_V6)?),
            }
            c.u16(&PORT)?;
        }
        Part::Request4 | Part::Reply4 => {
            c.u8(if part == Part::Request4 { &COMMAND } else { &RESULTS })?;
            c.u16(&DST_PORT)?;
            let address = c.ipv4(&DST)?;
            if part == Part::Request4 {
                name4(c, &NAME)?;
                if is_4a(&address) {
                    name4(c, &V4A_NAME)?;
                }
            }
        }
    }
    Ok(())
}

/// A name that ends with a zero.
fn name4<R: Recorder>(c: &mut Cursor<'_, '_, R>, field: &'static Field) -> Result<(), Malformed> {
    let bytes = c.peek();
    let length = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    if length > 0 {
        c.text(field, length)?;
    }
    c.u8(&END).map(drop)
}

/// What a request asks for: the command, host (address or name) and port.
pub fn target(part: Part, bytes: &[u8]) -> Option<(u8, String, u16)> {
    let number = |at: usize| Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]));
    let v4 = |at: usize| {
        let octets: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
        Some(std::net::Ipv4Addr::from(octets).to_string())
    };
    let command = *bytes.get(1)?;
    if part == Part::Request4 {
        let host = match after_name(bytes, 8).filter(|_| bytes.get(4..8).is_some_and(is_4a)) {
            Some(at) => String::from_utf8_lossy(bytes.get(at..bytes.len() - 1)?).into_owned(),
            None => v4(4)?,
        };
        return Some((command, host, number(2)?));
    }
    let (host, at) = match bytes.get(3)? {
        1 => (v4(4)?, 8),
        3 => {
            let end = 5 + usize::from(*bytes.get(4)?);
            (String::from_utf8_lossy(bytes.get(5..end)?).into_owned(), end)
        }
        _ => {
            let octets: [u8; 16] = bytes.get(4..20)?.try_into().ok()?;
            (std::net::Ipv6Addr::from(octets).to_string(), 20)
        }
    };
    Some((command, host, number(at)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Tree;

    pub const PARTS: &[(Part, &[u8])] = &[
        (Part::Methods, &[5, 2, 0, 2]),
        (Part::Method, &[5, 2]),
        (Part::Login, b"\x01\x03bob\x05alice"),
        (Part::LoginReply, &[1, 0]),
        (Part::Request5, b"\x05\x01\x00\x03\x06a.test\x01\xbb"),
        (Part::Request5, &[5, 1, 0, 4, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 80]),
        (Part::Reply5, &[5, 0, 0, 1, 192, 0, 2, 1, 0, 80]),
        (Part::Request4, b"\x04\x01\x00\x50\xc0\x00\x02\x01bob\x00"),
        (Part::Request4, b"\x04\x01\x00\x50\x00\x00\x00\x01\x00a.test\x00"),
        (Part::Reply4, &[0, 90, 0, 0, 0, 0, 0, 0]),
    ];

    #[test]
    fn each_byte_has_a_name_wherever_it_is_cut_and_the_length_is_right() {
        for (part, bytes) in PARTS {
            assert_eq!(length(*part, bytes), Some(bytes.len()), "{part:?}");
            for end in 0..=bytes.len() {
                assert!(length(*part, &bytes[..end]).is_none_or(|l| l >= end), "{part:?} cut at {end}");
                let mut tree = Tree::default();
                let mut c = Cursor::new(bytes, 0, end, &mut tree);
                assert_eq!(describe(*part, &mut c).is_ok(), end == bytes.len(), "{part:?} cut at {end}");
                c.rest(&END);
                assert_eq!(tree.nodes.iter().map(|n| n.bits).sum::<usize>(), end * 8);
            }
        }
    }

    #[test]
    fn what_is_asked_for() {
        let asked = |at: usize| target(PARTS[at].0, PARTS[at].1).unwrap();
        assert_eq!(asked(4), (1, "a.test".into(), 443));
        assert_eq!(asked(5), (1, "2001:db8::1".into(), 80));
        assert_eq!(asked(7), (1, "192.0.2.1".into(), 80));
        assert_eq!(asked(8), (1, "a.test".into(), 80));
    }
}
