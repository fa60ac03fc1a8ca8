//! SSH: the two version lines, and the packets of the key exchange until both sides encrypt.
//!
//! RFC 4253 section 4.2 (version), 6 (packets), 7.1 (KEXINIT and the rule of what is agreed on), 8 (Diffie-Hellman), 11 (other
//! messages); RFC 5656 section 4 (ECDH), RFC 8731 (X25519), RFC 4419 section 3 (group exchange), RFC 4253 section 6.6 (keys and
//! signatures). Version 1 by its own description (draft-ylonen-ssh-protocol-00, "The Binary Packet Protocol"): only the frame of its
//! packets. Leaves out: what is encrypted, and that is everything behind NEWKEYS; what version 1 says.

use super::lines;
use crate::wire::{Cursor, Field, Malformed, Recorder, Value};

static VERSION: Field = Field::new("ssh.protocol");
static BANNER: Field = Field::new("ssh.banner");
static LINE_END: Field = Field::new("ssh.line_end");
static PACKET_LENGTH: Field = Field::new("ssh.packet_length");
static PADDING_LENGTH: Field = Field::new("ssh.padding_length");
static PADDING: Field = Field::new("ssh.padding_string");
static MESSAGE_CODE: Field = Field::new("ssh.message_code");
static PAYLOAD: Field = Field::new("ssh.payload");
static ENCRYPTED: Field = Field::new("ssh.encrypted_packet");
static CRC: Field = Field::hex("ssh.crc", 8);
static COOKIE: Field = Field::new("ssh.cookie");
static FIRST_FOLLOWS: Field = Field::new("ssh.first_kex_packet_follows");
static RESERVED: Field = Field::new("ssh.kex.reserved");
static Q_C: (Field, Field) = (Field::new("ssh.ecdh.q_c_length"), Field::new("ssh.ecdh.q_c"));
static Q_S: (Field, Field) = (Field::new("ssh.ecdh.q_s_length"), Field::new("ssh.ecdh.q_s"));
static E: (Field, Field) = (Field::new("ssh.mpint_length"), Field::new("ssh.dh.e"));
static F: (Field, Field) = (Field::new("ssh.mpint_length"), Field::new("ssh.dh.f"));
static GEX_MIN: Field = Field::new("ssh.dh_gex.min");
static GEX_BITS: Field = Field::new("ssh.dh_gex.nbits");
static GEX_MAX: Field = Field::new("ssh.dh_gex.max");
static GEX_P: (Field, Field) = (Field::new("ssh.mpint_length"), Field::new("ssh.dh_gex.p"));
static GEX_G: (Field, Field) = (Field::new("ssh.mpint_length"), Field::new("ssh.dh_gex.g"));
static KEY_LENGTH: Field = Field::new("ssh.host_key.length");
static KEY_TYPE: (Field, Field) = (Field::new("ssh.host_key.type_length"), Field::new("ssh.host_key.type"));
static KEY_DATA: Field = Field::new("ssh.host_key.data");
static RSA_E: (Field, Field) = (Field::new("ssh.mpint_length"), Field::new("ssh.host_key.rsa.e"));
static RSA_N: (Field, Field) = (Field::new("ssh.mpint_length"), Field::new("ssh.host_key.rsa.n"));
static DSA_P: (Field, Field) = (Field::new("ssh.mpint_length"), Field::new("ssh.host_key.dsa.p"));
static DSA_Q: (Field, Field) = (Field::new("ssh.mpint_length"), Field::new("ssh.host_key.dsa.q"));
static DSA_G: (Field, Field) = (Field::new("ssh.mpint_length"), Field::new("ssh.host_key.dsa.g"));
static DSA_Y: (Field, Field) = (Field::new("ssh.mpint_length"), Field::new("ssh.host_key.dsa.y"));
static ECDSA_ID: (Field, Field) =
    (Field::new("ssh.host_key.ecdsa.id_length"), Field::new("ssh.host_key.ecdsa.id"));
static ECDSA_Q: (Field, Field) =
    (Field::new("ssh.host_key.ecdsa.q_length"), Field::new("ssh.host_key.ecdsa.q"));
static EDDSA: (Field, Field) =
    (Field::new("ssh.host_key.eddsa.key_length"), Field::new("ssh.host_key.eddsa.key"));
static SIG_LENGTH: Field = Field::new("ssh.host_sig.length");
static SIG_TYPE: (Field, Field) = (Field::new("ssh.host_sig.type_length"), Field::new("ssh.host_sig.type"));
static SIG_DATA: Field = Field::new("ssh.host_sig.data");
static REASON: Field = Field::new("ssh.disconnect_reason");
static DESCRIPTION: (Field, Field) =
    (Field::new("ssh.disconnect_description_length"), Field::new("ssh.disconnect_description"));
static LANGUAGE: (Field, Field) = (Field::new("ssh.lang_tag_length"), Field::new("ssh.lang_tag"));
static IGNORED: (Field, Field) = (Field::new("ssh.ignore_data_length"), Field::new("ssh.ignore_data"));

macro_rules! lists {
    ($($name:literal)*) => {
        [$((Field::new(concat!("ssh.", $name, "_length")), Field::new(concat!("ssh.", $name)))),*]
    };
}

/// The ten lists of a KEXINIT, in order.
static LISTS: [(Field, Field); 10] = lists! {
    "kex_algorithms"
    "server_host_key_algorithms"
    "encryption_algorithms_client_to_server"
    "encryption_algorithms_server_to_client"
    "mac_algorithms_client_to_server"
    "mac_algorithms_server_to_client"
    "compression_algorithms_client_to_server"
    "compression_algorithms_server_to_client"
    "languages_client_to_server"
    "languages_server_to_client"
};

/// Message numbers (RFC 4253 section 12).
pub mod code {
    #![allow(missing_docs)]
    pub const DISCONNECT: u8 = 1;
    pub const IGNORE: u8 = 2;
    pub const KEXINIT: u8 = 20;
    pub const NEWKEYS: u8 = 21;
    pub const KEX_FIRST: u8 = 30;
    pub const KEX_REPLY: u8 = 31;
    pub const GEX_INIT: u8 = 32;
    pub const GEX_REPLY: u8 = 33;
    pub const GEX_REQUEST: u8 = 34;
}

/// What messages 30 to 34 mean hangs on the agreed method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kex {
    /// Not agreed on, or not known here.
    #[default]
    Unknown,
    /// RFC 4253 section 8: numbers modulo a fixed prime.
    Dh,
    /// RFC 4419: the server chooses the prime.
    GroupExchange,
    /// RFC 5656 and 8731, and the hybrids that have their form.
    Ecdh,
}

impl Kex {
    /// The form of a method's messages.
    pub fn of(method: &[u8]) -> Kex {
        match method {
            m if m.starts_with(b"diffie-hellman-group-exchange") => Kex::GroupExchange,
            m if m.starts_with(b"diffie-hellman-") => Kex::Dh,
            m if m.starts_with(b"ecdh-") || m.starts_with(b"curve") => Kex::Ecdh,
            m if m.starts_with(b"sntrup") || m.starts_with(b"mlkem") => Kex::Ecdh,
            _ => Kex::Unknown,
        }
    }
}

/// What a part of a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// `SSH-2.0-...`, or a line before it.
    Line,
    /// A packet in clear.
    Packet(Kex),
    /// What is behind NEWKEYS.
    Encrypted,
    /// A packet of version 1: in clear or, but for its length, encrypted.
    First {
        /// Whether it is in clear.
        clear: bool,
    },
}

/// The ten lists of a KEXINIT, as they stand there.
pub type Lists<'a> = [&'a [u8]; 10];

/// What a packet in clear says to those who follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message<'a> {
    /// What this side can do.
    KexInit(Lists<'a>),
    /// The server's part of the exchange: the kind of its host key.
    Reply {
        /// `ssh-ed25519`, say.
        key: &'a [u8],
    },
    /// From the next byte on this side encrypts.
    NewKeys,
    /// The end, with a reason.
    Disconnect {
        /// RFC 4253 section 11.1.
        reason: u32,
        /// In words.
        text: &'a [u8],
    },
    /// Any other.
    Other(u8),
}

/// The length of the packet that begins here, its length field included; `None` where it is none.
pub fn packet_length(bytes: &[u8; 4]) -> Option<usize> {
    // RFC 4253 section 6: at least 16 bytes with the field; 35000 must be accepted, more is allowed.
    let length = u32::from_be_bytes(*bytes) as usize;
    (8..=200_000).contains(&length).then_some(length + 4)
}

/// The same in version 1: its length counts neither itself nor the filling, which is never missing.
pub fn first_packet_length(bytes: &[u8; 4]) -> Option<usize> {
    let length = u32::from_be_bytes(*bytes) as usize;
    (5..=262_144).contains(&length).then(|| 4 + first_padding(length) + length)
}

fn first_padding(length: usize) -> usize {
    8 - length % 8
}

/// Names a part.
///
/// # Errors
/// [`Malformed`] where a packet ends before its parts do.
pub fn describe<R: Recorder>(part: Part, c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    match part {
        Part::Line => {
            let (content, end) = lines::extent(c.peek());
            let is_version = c.peek().starts_with(b"SSH-");
            c.text(if is_version { &VERSION } else { &BANNER }, content)?;
            c.bytes(&LINE_END, end - content).map(drop)
        }
        Part::Packet(kex) => dissect(kex, c).map(drop),
        Part::Encrypted => {
            c.rest(&ENCRYPTED);
            Ok(())
        }
        Part::First { clear } => first(clear, c),
    }
}

/// A packet of version 1: length, filling, number of the message, message, checksum.
fn first<R: Recorder>(clear: bool, c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    let length = c.u32(&PACKET_LENGTH)? as usize;
    let padding = first_padding(length);
    // Its length follows from the packet's.
    c.derived(&PADDING_LENGTH, || Value::Uint(padding as u64));
    if !clear {
        c.rest(&ENCRYPTED);
        return Ok(());
    }
    let Some(message) = length.checked_sub(5) else { return Err(c.nonsense(&PACKET_LENGTH)) };
    c.bytes(&PADDING, padding)?;
    c.u8(&MESSAGE_CODE)?;
    c.bytes(&PAYLOAD, message)?;
    c.u32(&CRC).map(drop)
}

/// Reads a packet in clear.
///
/// # Errors
/// [`Malformed`] where the packet ends before its parts do, or its padding is longer than itself.
pub fn dissect<'a, R: Recorder>(kex: Kex, c: &mut Cursor<'a, '_, R>) -> Result<Message<'a>, Malformed> {
    let length = c.u32(&PACKET_LENGTH)? as usize;
    let padding = usize::from(c.u8(&PADDING_LENGTH)?);
    let Some(payload) = length.checked_sub(padding + 1).filter(|payload| *payload > 0) else {
        return Err(c.nonsense(&PADDING_LENGTH));
    };
    let message = c.region_as_captured(payload, &PAYLOAD, |c| message(kex, c))?;
    c.bytes(&PADDING, padding)?;
    message
}

fn message<'a, R: Recorder>(kex: Kex, c: &mut Cursor<'a, '_, R>) -> Result<Message<'a>, Malformed> {
    let number = c.u8(&MESSAGE_CODE)?;
    Ok(match (number, kex) {
        (code::KEXINIT, _) => {
            c.bytes(&COOKIE, 16)?;
            let mut lists: Lists<'a> = [&[]; 10];
            for (list, fields) in lists.iter_mut().zip(&LISTS) {
                *list = text(c, fields)?;
            }
            c.u8(&FIRST_FOLLOWS)?;
            c.bytes(&RESERVED, 4)?;
            Message::KexInit(lists)
        }
        (code::NEWKEYS, _) => Message::NewKeys,
        (code::DISCONNECT, _) => {
            let reason = c.u32(&REASON)?;
            let words = text(c, &DESCRIPTION)?;
            text(c, &LANGUAGE)?;
            Message::Disconnect { reason, text: words }
        }
        (code::IGNORE, _) => {
            string(c, &IGNORED)?;
            Message::Other(number)
        }
        (code::KEX_FIRST, Kex::Ecdh) => {
            string(c, &Q_C)?;
            Message::Other(number)
        }
        (code::KEX_FIRST, Kex::Dh) | (code::GEX_INIT, Kex::GroupExchange) => {
            string(c, &E)?;
            Message::Other(number)
        }
        (code::KEX_REPLY, Kex::Ecdh) => reply(c, &Q_S)?,
        (code::KEX_REPLY, Kex::Dh) | (code::GEX_REPLY, Kex::GroupExchange) => reply(c, &F)?,
        (code::KEX_REPLY, Kex::GroupExchange) => {
            string(c, &GEX_P)?;
            string(c, &GEX_G)?;
            Message::Other(number)
        }
        (code::KEX_FIRST, Kex::GroupExchange) => {
            c.u32(&GEX_BITS)?;
            Message::Other(number)
        }
        (code::GEX_REQUEST, Kex::GroupExchange) => {
            c.u32(&GEX_MIN)?;
            c.u32(&GEX_BITS)?;
            c.u32(&GEX_MAX)?;
            Message::Other(number)
        }
        _ => Message::Other(number),
    })
}

/// Host key, the server's public value, signature.
fn reply<'a, R: Recorder>(
    c: &mut Cursor<'a, '_, R>,
    public: &'static (Field, Field),
) -> Result<Message<'a>, Malformed> {
    let length = c.u32(&KEY_LENGTH)? as usize;
    let key = c.region_as_captured(length, &KEY_DATA, host_key)??;
    string(c, public)?;
    let length = c.u32(&SIG_LENGTH)? as usize;
    c.region_as_captured(length, &SIG_DATA, |c| text(c, &SIG_TYPE).map(drop))??;
    Ok(Message::Reply { key })
}

fn host_key<'a, R: Recorder>(c: &mut Cursor<'a, '_, R>) -> Result<&'a [u8], Malformed> {
    let kind = text(c, &KEY_TYPE)?;
    match kind {
        b"ssh-rsa" => {
            string(c, &RSA_E)?;
            string(c, &RSA_N)?;
        }
        b"ssh-dss" => {
            for part in [&DSA_P, &DSA_Q, &DSA_G, &DSA_Y] {
                string(c, part)?;
            }
        }
        b"ssh-ed25519" | b"ssh-ed448" => {
            string(c, &EDDSA)?;
        }
        k if k.starts_with(b"ecdsa-sha2-") => {
            text(c, &ECDSA_ID)?;
            string(c, &ECDSA_Q)?;
        }
        _ => {}
    }
    Ok(kind)
}

/// Bytes behind their length.
fn string<'a, R: Recorder>(
    c: &mut Cursor<'a, '_, R>,
    (length, value): &'static (Field, Field),
) -> Result<&'a [u8], Malformed> {
    let length = c.u32(length)? as usize;
    c.bytes(value, length)
}

/// Text behind its length; an empty one is shown, too.
fn text<'a, R: Recorder>(
    c: &mut Cursor<'a, '_, R>,
    (length, value): &'static (Field, Field),
) -> Result<&'a [u8], Malformed> {
    let length = c.u32(length)? as usize;
    if length == 0 {
        c.derived(value, || Value::Text(String::new()));
    }
    c.text(value, length)
}

/// RFC 4253 section 7.1: the first of the client's that the server has, too.
pub fn agreed<'a>(client: &'a [u8], server: &[u8]) -> Option<&'a [u8]> {
    client
        .split(|b| *b == b',')
        .find(|name| !name.is_empty() && server.split(|b| *b == b',').any(|s| s == *name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Off, Tree};

    #[rustfmt::skip]
    const NEWKEYS: &[u8] = &[
        0, 0, 0, 12, // ssh.packet_length
        10,          // ssh.padding_length
        21,          // ssh.message_code: NEWKEYS
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, // ssh.padding_string
    ];

    #[rustfmt::skip]
    const SESSION_KEY: &[u8] = &[
        0, 0, 0, 7,       // ssh.packet_length: number, two bytes, checksum
        0,                // ssh.padding_string: up to eight bytes with what follows
        3,                // ssh.message_code: the session key
        1, 2,             // ssh.payload
        9, 9, 9, 9,       // ssh.crc
    ];

    #[test]
    fn a_packet_of_version_1() {
        assert_eq!(first_packet_length(&[0, 0, 0, 7]), Some(SESSION_KEY.len()));
        assert_eq!(first_packet_length(&[0, 0, 0, 8]), Some(4 + 8 + 8));
        assert_eq!(first_packet_length(b"SSH-"), None);
        for (clear, last) in [(true, "ssh.crc"), (false, "ssh.encrypted_packet")] {
            let mut tree = Tree::default();
            let part = Part::First { clear };
            describe(part, &mut Cursor::new(SESSION_KEY, 0, SESSION_KEY.len(), &mut tree)).unwrap();
            assert_eq!(tree.nodes.last().map(|n| n.field.name), Some(last));
            for end in 0..SESSION_KEY.len() {
                let _ = describe(part, &mut Cursor::new(SESSION_KEY, 0, end, &mut Tree::default()));
            }
        }
    }

    #[test]
    fn newkeys() {
        let read = dissect(Kex::Ecdh, &mut Cursor::new(NEWKEYS, 0, NEWKEYS.len(), &mut Off));
        assert_eq!(read, Ok(Message::NewKeys));
        for end in 0..NEWKEYS.len() {
            assert!(dissect(Kex::Ecdh, &mut Cursor::new(NEWKEYS, 0, end, &mut Tree::default())).is_err());
        }
    }

    #[test]
    fn padding_longer_than_the_packet() {
        let bytes = [0, 0, 0, 12, 12, 21, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert!(dissect(Kex::Dh, &mut Cursor::new(&bytes, 0, bytes.len(), &mut Off)).is_err());
        // A list that claims more than there is.
        let mut bytes = vec![0, 0, 0, 30, 4, 20];
        bytes.extend([7; 16]);
        bytes.extend([0xff; 12]);
        assert!(dissect(Kex::Dh, &mut Cursor::new(&bytes, 0, bytes.len(), &mut Tree::default())).is_err());
    }

    #[test]
    fn the_clients_first_that_the_server_has() {
        assert_eq!(agreed(b"a,b,c", b"c,b"), Some(&b"b"[..]));
        assert_eq!(agreed(b"a", b"b"), None);
        assert_eq!(agreed(b"", b""), None);
        assert_eq!(Kex::of(b"curve25519-sha256@libssh.org"), Kex::Ecdh);
        assert_eq!(Kex::of(b"diffie-hellman-group14-sha256"), Kex::Dh);
    }
}
