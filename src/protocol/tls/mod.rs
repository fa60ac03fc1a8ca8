//! TLS: records, and what is in them: handshake messages, alerts, the change of ciphers, application data, heartbeats.
//!
//! RFC 8446 (1.3), RFC 5246 (1.2), RFC 4346, RFC 2246 (1.1, 1.0), RFC 6101 (SSL 3.0, and SSL 2.0's hello in its appendix E), RFC 6520
//! (heartbeats). Handshake messages are in [`handshake`], their extensions in [`extension`], names of numbers in [`registry`],
//! fingerprints of hellos in [`fingerprint`], certificates in `protocol/x509`.
//!
//! A record by itself does not say whether it is encrypted, nor which version's messages are in it: who follows the
//! connection knows, and says so with a [`Part`]. Leaves out: decryption (`flow/stream/tls`), DTLS, QUIC's use of TLS messages.

use crate::wire::{Cursor, Field, Malformed, Recorder, Tree, Value};

pub mod extension;
pub mod fingerprint;
pub mod handshake;
pub mod registry;
#[cfg(test)]
mod tests;

static RECORD: Field = Field::new("tls.record");
static CONTENT_TYPE: Field = Field::new("tls.record.content_type");
static OPAQUE_TYPE: Field = Field::new("tls.record.opaque_type");
static VERSION: Field = Field::hex("tls.record.version", 4);
static LENGTH: Field = Field::new("tls.record.length");
static PROTECTION: Field = Field::new("tls.record.protection");
static NONCE: Field = Field::new("tls.record.nonce");
static TAG: Field = Field::new("tls.record.tag");
static APP_DATA: Field = Field::new("tls.app_data");
static SEALED_HANDSHAKE: Field = Field::new("tls.handshake.encrypted");
static SEALED_ALERT: Field = Field::new("tls.alert_message.encrypted");
static SEALED: Field = Field::new("tls.record.encrypted");
static CHANGE_CIPHER_SPEC: Field = Field::new("tls.change_cipher_spec");
static ALERT: Field = Field::new("tls.alert_message");
static ALERT_LEVEL: Field = Field::new("tls.alert_message.level");
static ALERT_DESCRIPTION: Field = Field::new("tls.alert_message.desc");
static HEARTBEAT: Field = Field::new("tls.heartbeat_message");
static HEARTBEAT_TYPE: Field = Field::new("tls.heartbeat_message.type");
static HEARTBEAT_LENGTH: Field = Field::new("tls.heartbeat_message.payload_length");
static HEARTBEAT_PAYLOAD: Field = Field::new("tls.heartbeat_message.payload");
static HEARTBEAT_PADDING: Field = Field::new("tls.heartbeat_message.padding");
static FRAGMENT: Field = Field::new("tls.handshake.fragment.data");
static PADDING: Field = Field::new("tls.record.padding");
static PLAIN_DATA: Field = Field::new("tls.app_data.plain");
static TRAILING: Field = Field::new("tls.malformed.trailing_data");

/// Bytes of a record's header.
pub const HEADER: usize = 5;
/// The longest record: 2^14 bytes, and what protection may add (RFC 5246 section 6.2.3).
pub const MAX_LENGTH: usize = (1 << 14) + 2048;

/// Kinds of content (RFC 8446 section 5.1; RFC 6520 section 3).
pub mod content {
    /// The ciphers agreed upon are used from here on.
    pub const CHANGE_CIPHER_SPEC: u8 = 20;
    /// Something is wrong, or the connection ends.
    pub const ALERT: u8 = 21;
    /// Handshake messages.
    pub const HANDSHAKE: u8 = 22;
    /// What the application says; in 1.3 the outside of every protected record.
    pub const APPLICATION_DATA: u8 = 23;
    /// Is the peer still there?
    pub const HEARTBEAT: u8 = 24;
}

/// What has to be known from the hellos to read a later message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Era {
    /// The version agreed upon; 0 where it is not known.
    pub version: u16,
    /// The cipher suite agreed upon; 0 where it is not known.
    pub suite: u16,
    /// Whether the MAC is computed over what was encrypted before (RFC 7366).
    pub encrypt_then_mac: bool,
}

impl Era {
    /// Whether it is TLS 1.3.
    pub fn is_13(self) -> bool {
        self.version == 0x0304
    }
}

/// Why a protected record cannot be read here, or that it can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// Nobody gave the keys.
    NoKeys,
    /// With the keys that were given its authentication tag is not right.
    NotAuthentic,
    /// The cipher suite is not one that is decrypted here, or not known.
    Suite,
    /// It was decrypted, and its tag is right: the content stands behind.
    Decrypted,
}

/// What a part of the stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// A record in clear. Its first `skip` bytes of content end a handshake message that an earlier record began.
    Clear {
        /// What the hellos have agreed on.
        era: Era,
        /// Bytes of an earlier message.
        skip: usize,
    },
    /// A record that is encrypted.
    Sealed {
        /// What the hellos have agreed on.
        era: Era,
        /// Whether it could be read.
        protection: Protection,
    },
    /// The content of a record that was decrypted.
    Content {
        /// Its kind.
        kind: u8,
        /// What the hellos have agreed on.
        era: Era,
        /// Bytes of an earlier handshake message.
        skip: usize,
    },
    /// What TLS 1.3 puts behind the content before it is encrypted: its real type, and padding.
    Inner,
    /// A handshake message that was put together from several records.
    Message(Era),
    /// A ClientHello in SSL 2.0's form.
    Ssl2Hello,
}

/// A record's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Kind of content.
    pub kind: u8,
    /// Version, mostly an old one.
    pub version: u16,
    /// Bytes that follow.
    pub length: usize,
}

/// The header of a record that begins so, where these can be its first bytes; `None` where not, or where they are too few.
pub fn header(bytes: &[u8]) -> Option<Header> {
    let [kind, major, minor, high, low, ..] = *bytes else { return None };
    let length = usize::from(u16::from_be_bytes([high, low]));
    let version = u16::from_be_bytes([major, minor]);
    let fits = match kind {
        content::CHANGE_CIPHER_SPEC | content::ALERT => length > 0,
        content::HANDSHAKE => length > 0,
        content::APPLICATION_DATA | content::HEARTBEAT => true,
        _ => false,
    };
    (fits && major == 3 && minor <= 4 && length <= MAX_LENGTH).then_some(Header { kind, version, length })
}

/// Whether bytes begin SSL 2.0's ClientHello that offers 3.0 or later (RFC 6101 appendix E.1); how long it is then.
pub fn ssl2_hello(bytes: &[u8]) -> Option<usize> {
    match *bytes {
        [high, low, 1, 3, minor, suites_high, suites_low, ..] if high & 0x80 != 0 && minor <= 3 => {
            let length = usize::from(u16::from_be_bytes([high & 0x7f, low]));
            let suites = usize::from(u16::from_be_bytes([suites_high, suites_low]));
            (suites > 0 && suites.is_multiple_of(3) && length >= 9 + suites + 16).then_some(2 + length)
        }
        _ => None,
    }
}

/// Names every byte of a part.
///
/// # Errors
/// [`Malformed`] where it ends before it should; every field before is recorded.
pub fn describe(part: &Part, c: &mut Cursor<'_, '_, Tree>) -> Result<(), Malformed> {
    match *part {
        Part::Clear { era, skip } => record(c, |c, kind| clear(c, kind, era, skip)),
        Part::Sealed { era, protection } => sealed_record(c, era, protection),
        Part::Content { kind, era, skip } => clear(c, kind, era, skip),
        Part::Inner => {
            c.u8(&CONTENT_TYPE)?;
            c.rest(&PADDING);
            Ok(())
        }
        Part::Message(era) => handshake::dissect(c, era).map(drop),
        Part::Ssl2Hello => handshake::dissect_ssl2_hello(c).map(drop),
    }
}

fn record(
    c: &mut Cursor<'_, '_, Tree>,
    inside: impl FnOnce(&mut Cursor<'_, '_, Tree>, u8) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    c.group(&RECORD, |c| {
        let kind = c.u8(&CONTENT_TYPE)?;
        c.u16(&VERSION)?;
        let length = c.u16(&LENGTH)?;
        c.region_as_captured(length.into(), &TRAILING, |c| inside(c, kind))?
    })
}

/// A record that is encrypted: what can be told of it from outside.
fn sealed_record(c: &mut Cursor<'_, '_, Tree>, era: Era, protection: Protection) -> Result<(), Malformed> {
    c.group(&RECORD, |c| {
        let is_13 = era.is_13() && c.peek_u8() == Some(content::APPLICATION_DATA);
        let kind = c.u8(if is_13 { &OPAQUE_TYPE } else { &CONTENT_TYPE })?;
        c.u16(&VERSION)?;
        let length = c.u16(&LENGTH)?;
        c.derived(&PROTECTION, || Value::Uint(protection as u64));
        c.region_as_captured(length.into(), &TRAILING, |c| {
            let (nonce, tag) = envelope(era);
            let field = match kind {
                content::APPLICATION_DATA => &APP_DATA,
                content::HANDSHAKE => &SEALED_HANDSHAKE,
                content::ALERT => &SEALED_ALERT,
                _ => &SEALED,
            };
            if c.left() < nonce + tag {
                c.rest(field);
                return Ok(());
            }
            c.bytes(&NONCE, nonce)?;
            c.bytes(field, c.left() - tag)?;
            c.bytes(&TAG, tag)?;
            Ok(())
        })?
    })
}

/// How many bytes of a protected record stand before and behind the ciphertext, where the suite says so.
pub fn envelope(era: Era) -> (usize, usize) {
    let Some(name) = registry::suite_name(era.suite) else { return (0, 0) };
    let (explicit, tag) = match () {
        () if name.ends_with("_CCM_8") => (8, 8),
        () if name.contains("_GCM_") || name.contains("_CCM") => (8, 16),
        () if name.contains("CHACHA20_POLY1305") => (0, 16),
        // A block cipher's initialisation vector; since 1.1 it is in the record.
        () if name.contains("_AES_") && name.contains("_CBC_") && era.version >= 0x0302 => {
            let mac = match () {
                () if !era.encrypt_then_mac => 0, // it is inside, encrypted
                () if name.ends_with("_SHA256") => 32,
                () if name.ends_with("_SHA384") => 48,
                () => 20,
            };
            (16, mac)
        }
        () => (0, 0),
    };
    // TLS 1.3 counts the nonce and sends none of it (RFC 8446 section 5.3).
    if era.is_13() { (0, tag) } else { (explicit, tag) }
}

/// Content that can be read.
fn clear<R: Recorder>(c: &mut Cursor<'_, '_, R>, kind: u8, era: Era, skip: usize) -> Result<(), Malformed> {
    match kind {
        content::CHANGE_CIPHER_SPEC => c.u8(&CHANGE_CIPHER_SPEC).map(drop),
        content::ALERT => c.group(&ALERT, |c| {
            c.u8(&ALERT_LEVEL)?;
            c.u8(&ALERT_DESCRIPTION).map(drop)
        }),
        content::HANDSHAKE => messages(c, era, skip),
        content::APPLICATION_DATA => {
            c.rest(&PLAIN_DATA);
            Ok(())
        }
        content::HEARTBEAT => c.group(&HEARTBEAT, |c| {
            c.u8(&HEARTBEAT_TYPE)?;
            let length = c.u16(&HEARTBEAT_LENGTH)?;
            // A length beyond the record is how Heartbleed asked for the server's memory (RFC 6520 section 4 has it discarded).
            c.bytes(&HEARTBEAT_PAYLOAD, length.into())?;
            c.rest(&HEARTBEAT_PADDING);
            Ok(())
        }),
        _ => {
            c.rest(&SEALED);
            Ok(())
        }
    }
}

/// Handshake messages, one after another; parts of one that lies in several records are only named as such.
fn messages<R: Recorder>(c: &mut Cursor<'_, '_, R>, era: Era, skip: usize) -> Result<(), Malformed> {
    c.bytes(&FRAGMENT, skip.min(c.left()))?;
    while let Some(length) = message_length(c.peek()).filter(|length| *length <= c.left()) {
        c.region(length, &TRAILING, |c| handshake::dissect(c, era).map(drop))??;
    }
    c.rest(&FRAGMENT);
    Ok(())
}

/// Length of the handshake message that begins so, with its header; `None` where fewer than four bytes are there.
pub fn message_length(bytes: &[u8]) -> Option<usize> {
    match *bytes {
        [_, a, b, d, ..] => Some(4 + (usize::from(a) << 16 | usize::from(b) << 8 | usize::from(d))),
        _ => None,
    }
}

/// A vector: its length in two bytes, then what `inside` reads until it ends.
fn vector16<R: Recorder>(
    c: &mut Cursor<'_, '_, R>,
    length: &'static Field,
    inside: impl FnOnce(&mut Cursor<'_, '_, R>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let length = c.u16(length)?;
    c.region_as_captured(length.into(), &TRAILING, inside)?
}

/// A vector: its length in one byte.
fn vector8<R: Recorder>(
    c: &mut Cursor<'_, '_, R>,
    length: &'static Field,
    inside: impl FnOnce(&mut Cursor<'_, '_, R>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let length = c.u8(length)?;
    c.region_as_captured(length.into(), &TRAILING, inside)?
}

/// A vector: its length in three bytes.
fn vector24<R: Recorder>(
    c: &mut Cursor<'_, '_, R>,
    length: &'static Field,
    inside: impl FnOnce(&mut Cursor<'_, '_, R>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let length = c.bits(3, &[(length, 24)])?;
    c.region_as_captured(length as usize, &TRAILING, inside)?
}
