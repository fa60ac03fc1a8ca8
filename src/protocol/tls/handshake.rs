//! TLS handshake messages.
//!
//! RFC 8446 section 4 (1.3), RFC 5246 section 7.4 (1.2 and, where it says what differs, before), RFC 8422 section 5.4, 5.7 (key exchange on
//! curves), RFC 4279 (pre-shared keys), RFC 5077 section 3.3 (tickets), RFC 6066 section 8 (status), RFC 8879 section 4 (compressed
//! certificates, which stay opaque), RFC 6101 appendix E.1 (SSL 2.0's hello). Leaves out: rare key exchanges (SRP, exported RSA,
//! Kerberos), whose messages are opaque; verification of signatures and of Finished.

use super::extension::{self, COMPRESS, Extensions, Place, SIGNATURE};
use super::registry::{self, KeyExchange, key_exchange};
use super::{Era, TRAILING, fingerprint, vector8, vector16, vector24};
use crate::protocol::x509;
use crate::wire::{Cursor, Field, Malformed, Recorder, Value};

static HANDSHAKE: Field = Field::new("tls.handshake");
static TYPE: Field = Field::new("tls.handshake.type");
static LENGTH: Field = Field::new("tls.handshake.length");
static VERSION: Field = Field::hex("tls.handshake.version", 4);
static RANDOM: Field = Field::new("tls.handshake.random");
static SESSION_ID_LENGTH: Field = Field::new("tls.handshake.session_id_length");
static SESSION_ID: Field = Field::new("tls.handshake.session_id");
static SUITES_LENGTH: Field = Field::new("tls.handshake.cipher_suites_length");
static SUITE: Field = Field::hex("tls.handshake.ciphersuite", 4);
static METHODS_LENGTH: Field = Field::new("tls.handshake.comp_methods_length");
static METHOD: Field = Field::new("tls.handshake.comp_method");
static JA3: Field = Field::new("tls.handshake.ja3");
static JA3_FULL: Field = Field::new("tls.handshake.ja3_full");
static JA3S: Field = Field::new("tls.handshake.ja3s");
static JA3S_FULL: Field = Field::new("tls.handshake.ja3s_full");
static JA4: Field = Field::new("tls.handshake.ja4");
static TICKET_LIFETIME: Field = Field::new("tls.handshake.session_ticket_lifetime_hint");
static TICKET_AGE_ADD: Field = Field::new("tls.handshake.session_ticket_age_add");
static TICKET_NONCE_LENGTH: Field = Field::new("tls.handshake.session_ticket_nonce_length");
static TICKET_NONCE: Field = Field::new("tls.handshake.session_ticket_nonce");
static TICKET_LENGTH: Field = Field::new("tls.handshake.session_ticket_length");
static TICKET: Field = Field::new("tls.handshake.session_ticket");
static CONTEXT_LENGTH: Field = Field::new("tls.handshake.certificate_request_context_length");
static CONTEXT: Field = Field::new("tls.handshake.certificate_request_context");
static CERTIFICATES_LENGTH: Field = Field::new("tls.handshake.certificates_length");
static CERTIFICATE_LENGTH: Field = Field::new("tls.handshake.certificate_length");
static CERTIFICATE: Field = Field::new("tls.handshake.certificate");
static CURVE_TYPE: Field = Field::new("tls.handshake.server_curve_type");
static NAMED_CURVE: Field = Field::hex("tls.handshake.server_named_curve", 4);
static SERVER_POINT_LEN: Field = Field::new("tls.handshake.server_point_len");
static SERVER_POINT: Field = Field::new("tls.handshake.server_point");
static CLIENT_POINT_LEN: Field = Field::new("tls.handshake.client_point_len");
static CLIENT_POINT: Field = Field::new("tls.handshake.client_point");
static P_LEN: Field = Field::new("tls.handshake.p_len");
static P: Field = Field::new("tls.handshake.p");
static G_LEN: Field = Field::new("tls.handshake.g_len");
static G: Field = Field::new("tls.handshake.g");
static YS_LEN: Field = Field::new("tls.handshake.ys_len");
static YS: Field = Field::new("tls.handshake.ys");
static YC_LEN: Field = Field::new("tls.handshake.yc_len");
static YC: Field = Field::new("tls.handshake.yc");
static SIG_LEN: Field = Field::new("tls.handshake.sig_len");
static SIG: Field = Field::new("tls.handshake.sig");
static EPMS_LEN: Field = Field::new("tls.handshake.epms_len");
static EPMS: Field = Field::new("tls.handshake.epms");
static HINT_LEN: Field = Field::new("tls.handshake.hint_len");
static HINT: Field = Field::new("tls.handshake.hint");
static IDENTITY_LEN: Field = Field::new("tls.handshake.identity_len");
static IDENTITY: Field = Field::new("tls.handshake.identity");
static CERT_TYPES_COUNT: Field = Field::new("tls.handshake.cert_types_count");
static CERT_TYPE: Field = Field::new("tls.handshake.cert_type");
static SIGNATURES_LEN: Field = Field::new("tls.handshake.sig_hash_alg_len");
static DNAMES_LEN: Field = Field::new("tls.handshake.dnames_len");
static DNAME_LEN: Field = Field::new("tls.handshake.dname_len");
static DNAME: Field = Field::new("tls.handshake.dname");
static VERIFY_SIG_LEN: Field = Field::new("tls.handshake.client_cert_vrfy.sig_len");
static VERIFY_SIG: Field = Field::new("tls.handshake.client_cert_vrfy.sig");
static VERIFY_DATA: Field = Field::new("tls.handshake.verify_data");
static KEY_UPDATE: Field = Field::new("tls.handshake.key_update.request_update");
static UNCOMPRESSED_LENGTH: Field = Field::new("tls.compress_certificate.uncompressed_length");
static COMPRESSED_LENGTH: Field =
    Field::new("tls.compress_certificate.compressed_certificate_message.length");
static COMPRESSED: Field = Field::new("tls.compress_certificate.compressed_certificate_message");
static NPN_LEN: Field = Field::new("tls.handshake.npn_selected_protocol_len");
static NPN: Field = Field::new("tls.handshake.npn_selected_protocol");
static NPN_PADDING_LEN: Field = Field::new("tls.handshake.npn_padding_len");
static NPN_PADDING: Field = Field::new("tls.handshake.npn_padding");
static BODY: Field = Field::new("tls.handshake.body");
static SSL2_FORM: Field = Field::new("tls.record.is_short");
static SSL2_LENGTH: Field = Field::new("tls.record.length");
static SSL2_SUITES_LENGTH: Field = Field::new("tls.handshake.cipher_spec_len");
static SSL2_SUITE: Field = Field::hex("tls.handshake.cipherspec", 6);
static SSL2_CHALLENGE_LENGTH: Field = Field::new("tls.handshake.challenge_length");
static SSL2_CHALLENGE: Field = Field::new("tls.handshake.challenge");

/// Types of messages (IANA tls-parameters).
pub mod kind {
    #![allow(missing_docs)]
    pub const HELLO_REQUEST: u8 = 0;
    pub const CLIENT_HELLO: u8 = 1;
    pub const SERVER_HELLO: u8 = 2;
    pub const NEW_SESSION_TICKET: u8 = 4;
    pub const END_OF_EARLY_DATA: u8 = 5;
    pub const ENCRYPTED_EXTENSIONS: u8 = 8;
    pub const CERTIFICATE: u8 = 11;
    pub const SERVER_KEY_EXCHANGE: u8 = 12;
    pub const CERTIFICATE_REQUEST: u8 = 13;
    pub const SERVER_HELLO_DONE: u8 = 14;
    pub const CERTIFICATE_VERIFY: u8 = 15;
    pub const CLIENT_KEY_EXCHANGE: u8 = 16;
    pub const FINISHED: u8 = 20;
    pub const CERTIFICATE_STATUS: u8 = 22;
    pub const KEY_UPDATE: u8 = 24;
    pub const COMPRESSED_CERTIFICATE: u8 = 25;
    pub const NEXT_PROTOCOL: u8 = 67;
}

/// The random of a ServerHello that asks for another ClientHello: SHA-256 of "HelloRetryRequest" (RFC 8446 section 4.1.3).
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2,
    0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// What both hellos say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hello {
    /// The version in the message itself; 1.3 is said in an extension.
    pub version: u16,
    /// The sender's random bytes.
    pub random: [u8; 32],
    /// Session ID.
    pub session_id: Vec<u8>,
    /// Cipher suites offered, or the one chosen.
    pub suites: Vec<u16>,
    /// Extensions.
    pub extensions: Extensions,
    /// A ServerHello that asks the client to begin again.
    pub is_retry: bool,
}

/// What a message says, as far as it matters for what follows or is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// ClientHello.
    ClientHello(Box<Hello>),
    /// ServerHello or HelloRetryRequest.
    ServerHello(Box<Hello>),
    /// EncryptedExtensions.
    EncryptedExtensions(Box<Extensions>),
    /// Certificates, the sender's own first; how many there are.
    Certificate(Option<Box<x509::Certificate>>, usize),
    /// The group of the server's key.
    ServerKeyExchange(Option<u16>),
    /// Lifetime in seconds, length, and whether data may be sent before the handshake when it is used.
    NewSessionTicket(u32, usize),
    /// Whether the peer is asked to change its keys, too.
    KeyUpdate(bool),
    /// Any other, by type.
    Other(u8),
}

/// Reads one message with its header.
///
/// # Errors
/// [`Malformed`] where it ends before it should; every field before is recorded.
pub fn dissect<R: Recorder>(c: &mut Cursor<'_, '_, R>, era: Era) -> Result<Message, Malformed> {
    c.group(&HANDSHAKE, |c| {
        let kind = c.u8(&TYPE)?;
        let length = c.bits(3, &[(&LENGTH, 24)])? as usize;
        c.region_as_captured(length, &TRAILING, |c| body(c, kind, era))?
    })
}

fn body<R: Recorder>(c: &mut Cursor<'_, '_, R>, kind: u8, era: Era) -> Result<Message, Malformed> {
    match kind {
        kind::CLIENT_HELLO => return client_hello(c).map(|h| Message::ClientHello(Box::new(h))),
        kind::SERVER_HELLO => return server_hello(c).map(|h| Message::ServerHello(Box::new(h))),
        kind::NEW_SESSION_TICKET => return ticket(c, era),
        kind::ENCRYPTED_EXTENSIONS => {
            return extension::list(c, Place::Encrypted).map(|e| Message::EncryptedExtensions(Box::new(e)));
        }
        kind::CERTIFICATE => return certificates(c, era),
        kind::SERVER_KEY_EXCHANGE => return server_key_exchange(c, era).map(Message::ServerKeyExchange),
        kind::KEY_UPDATE => return c.u8(&KEY_UPDATE).map(|n| Message::KeyUpdate(n == 1)),
        kind::CERTIFICATE_REQUEST => certificate_request(c, era)?,
        kind::CERTIFICATE_VERIFY => {
            // Before 1.2 the signature scheme follows from the key (RFC 4346 section 7.4.8).
            if !matches!(era.version, 0x0300..=0x0302) {
                c.u16(&SIGNATURE)?;
            }
            let length = c.u16(&VERIFY_SIG_LEN)?;
            c.bytes(&VERIFY_SIG, length.into())?;
        }
        kind::CLIENT_KEY_EXCHANGE => client_key_exchange(c, era)?,
        kind::FINISHED => drop(c.rest(&VERIFY_DATA)),
        kind::CERTIFICATE_STATUS => extension::status(c)?,
        kind::COMPRESSED_CERTIFICATE => {
            c.u16(&COMPRESS)?;
            c.bits(3, &[(&UNCOMPRESSED_LENGTH, 24)])?;
            vector24(c, &COMPRESSED_LENGTH, |c| {
                c.rest(&COMPRESSED);
                Ok(())
            })?;
        }
        kind::NEXT_PROTOCOL => {
            let length = c.u8(&NPN_LEN)?;
            c.text(&NPN, length.into())?;
            let length = c.u8(&NPN_PADDING_LEN)?;
            c.bytes(&NPN_PADDING, length.into())?;
        }
        kind::HELLO_REQUEST | kind::SERVER_HELLO_DONE | kind::END_OF_EARLY_DATA => {}
        _ => drop(c.rest(&BODY)),
    }
    Ok(Message::Other(kind))
}

fn random<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<[u8; 32], Malformed> {
    let bytes = c.bytes(&RANDOM, 32)?;
    Ok(bytes.try_into().unwrap_or_default())
}

fn session_id<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Vec<u8>, Malformed> {
    let length = c.u8(&SESSION_ID_LENGTH)?;
    c.bytes(&SESSION_ID, length.into()).map(<[u8]>::to_vec)
}

/// RFC 8446 section 4.1.2.
fn client_hello<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Hello, Malformed> {
    let version = c.u16(&VERSION)?;
    let random = random(c)?;
    let session_id = session_id(c)?;
    let mut suites = Vec::new();
    vector16(c, &SUITES_LENGTH, |c| {
        while c.left() > 0 {
            suites.push(c.u16(&SUITE)?);
        }
        Ok(())
    })?;
    vector8(c, &METHODS_LENGTH, |c| {
        while c.left() > 0 {
            c.u8(&METHOD)?;
        }
        Ok(())
    })?;
    let extensions = optional_extensions(c, Place::Client)?;
    let hello = Hello { version, random, session_id, suites, extensions, is_retry: false };
    if R::ON {
        let full = fingerprint::ja3_full(hello.version, &hello.suites, &hello.extensions);
        c.derived(&JA3, || Value::Text(fingerprint::md5(&full)));
        c.derived(&JA3_FULL, || Value::Text(full));
        c.derived(&JA4, || Value::Text(fingerprint::ja4(hello.version, &hello.suites, &hello.extensions)));
    }
    Ok(hello)
}

fn optional_extensions<R: Recorder>(
    c: &mut Cursor<'_, '_, R>,
    place: Place,
) -> Result<Extensions, Malformed> {
    // Before RFC 3546 a hello ended here, and it still may.
    if c.left() == 0 { Ok(Extensions::default()) } else { extension::list(c, place) }
}

/// RFC 8446 section 4.1.3, 4.1.4.
fn server_hello<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Hello, Malformed> {
    let version = c.u16(&VERSION)?;
    let random = random(c)?;
    // Drafts of TLS 1.3 up to 21 have neither session ID nor compression method.
    let is_draft = version >> 8 == 0x7f;
    let session_id = if is_draft { Vec::new() } else { session_id(c)? };
    let suite = c.u16(&SUITE)?;
    if !is_draft {
        c.u8(&METHOD)?;
    }
    let is_retry = random == RETRY;
    let extensions = optional_extensions(c, if is_retry { Place::Retry } else { Place::Server })?;
    let hello = Hello { version, random, session_id, suites: vec![suite], extensions, is_retry };
    if R::ON {
        let full = fingerprint::ja3s_full(version, suite, &hello.extensions);
        c.derived(&JA3S_FULL, || Value::Text(full.clone()));
        c.derived(&JA3S, || Value::Text(fingerprint::md5(&full)));
    }
    Ok(hello)
}

/// RFC 8446 section 4.6.1; RFC 5077 section 3.3.
fn ticket<R: Recorder>(c: &mut Cursor<'_, '_, R>, era: Era) -> Result<Message, Malformed> {
    let lifetime = c.u32(&TICKET_LIFETIME)?;
    if era.is_13() {
        c.u32(&TICKET_AGE_ADD)?;
        let length = c.u8(&TICKET_NONCE_LENGTH)?;
        c.bytes(&TICKET_NONCE, length.into())?;
    }
    let length = usize::from(c.u16(&TICKET_LENGTH)?);
    c.bytes(&TICKET, length)?;
    if era.is_13() {
        extension::list(c, Place::Ticket)?;
    }
    Ok(Message::NewSessionTicket(lifetime, length))
}

/// RFC 8446 section 4.4.2; RFC 5246 section 7.4.2.
fn certificates<R: Recorder>(c: &mut Cursor<'_, '_, R>, era: Era) -> Result<Message, Malformed> {
    if era.is_13() {
        let length = c.u8(&CONTEXT_LENGTH)?;
        c.bytes(&CONTEXT, length.into())?;
    }
    let (mut first, mut count) = (None, 0);
    vector24(c, &CERTIFICATES_LENGTH, |c| {
        while c.left() > 0 {
            let length = c.bits(3, &[(&CERTIFICATE_LENGTH, 24)])? as usize;
            count += 1;
            let own = c.group(&CERTIFICATE, |c| c.region_as_captured(length, &TRAILING, x509::dissect))?;
            if count == 1 {
                first = own.ok().map(Box::new);
            }
            if era.is_13() {
                extension::list(c, Place::Certificate)?;
            }
        }
        Ok(())
    })?;
    Ok(Message::Certificate(first, count))
}

/// RFC 5246 section 7.4.3; RFC 8422 section 5.4; RFC 4279 section 2.
fn server_key_exchange<R: Recorder>(c: &mut Cursor<'_, '_, R>, era: Era) -> Result<Option<u16>, Malformed> {
    let mut group = None;
    let signed = match key_exchange(era.suite) {
        KeyExchange::Ecdhe { signed } => {
            // 3: a named curve; the others were never used and are forbidden now (RFC 8422 section 5.4).
            if c.u8(&CURVE_TYPE)? != 3 {
                c.rest(&BODY);
                return Ok(None);
            }
            group = Some(c.u16(&NAMED_CURVE)?);
            let length = c.u8(&SERVER_POINT_LEN)?;
            c.bytes(&SERVER_POINT, length.into())?;
            signed
        }
        KeyExchange::Dhe { signed } => {
            for (length, field) in [(&P_LEN, &P), (&G_LEN, &G), (&YS_LEN, &YS)] {
                let length = c.u16(length)?;
                c.bytes(field, length.into())?;
            }
            signed
        }
        KeyExchange::Psk => {
            let length = c.u16(&HINT_LEN)?;
            c.bytes(&HINT, length.into())?;
            false
        }
        _ => {
            c.rest(&BODY);
            false
        }
    };
    if signed {
        if era.version >= 0x0303 {
            c.u16(&SIGNATURE)?;
        }
        let length = c.u16(&SIG_LEN)?;
        c.bytes(&SIG, length.into())?;
    }
    Ok(group)
}

/// RFC 5246 section 7.4.7; RFC 8422 section 5.7; RFC 4279 section 2.
fn client_key_exchange<R: Recorder>(c: &mut Cursor<'_, '_, R>, era: Era) -> Result<(), Malformed> {
    match key_exchange(era.suite) {
        // SSL 3.0 leaves the length out (RFC 5246 section 7.4.7.1).
        KeyExchange::Rsa if era.version == 0x0300 => drop(c.rest(&EPMS)),
        KeyExchange::Rsa => {
            let length = c.u16(&EPMS_LEN)?;
            c.bytes(&EPMS, length.into())?;
        }
        KeyExchange::Ecdhe { .. } | KeyExchange::FixedEcdh => {
            let length = c.u8(&CLIENT_POINT_LEN)?;
            c.bytes(&CLIENT_POINT, length.into())?;
        }
        KeyExchange::Dhe { .. } => {
            let length = c.u16(&YC_LEN)?;
            c.bytes(&YC, length.into())?;
        }
        KeyExchange::Psk => {
            let length = c.u16(&IDENTITY_LEN)?;
            c.bytes(&IDENTITY, length.into())?;
        }
        KeyExchange::Other => drop(c.rest(&BODY)),
    }
    Ok(())
}

/// RFC 8446 section 4.3.2; RFC 5246 section 7.4.4.
fn certificate_request<R: Recorder>(c: &mut Cursor<'_, '_, R>, era: Era) -> Result<(), Malformed> {
    if era.is_13() {
        let length = c.u8(&CONTEXT_LENGTH)?;
        c.bytes(&CONTEXT, length.into())?;
        return extension::list(c, Place::Request).map(drop);
    }
    vector8(c, &CERT_TYPES_COUNT, |c| {
        while c.left() > 0 {
            c.u8(&CERT_TYPE)?;
        }
        Ok(())
    })?;
    if !matches!(era.version, 0x0300..=0x0302) {
        vector16(c, &SIGNATURES_LEN, |c| {
            while c.left() > 0 {
                c.u16(&SIGNATURE)?;
            }
            Ok(())
        })?;
    }
    names(c)
}

/// Names of authorities whose certificates are accepted.
pub(super) fn names<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    vector16(c, &DNAMES_LEN, |c| {
        while c.left() > 0 {
            let length = c.u16(&DNAME_LEN)?;
            c.group(&DNAME, |c| {
                c.region_as_captured(length.into(), &TRAILING, |c| x509::name(c).map(drop))?
            })?;
        }
        Ok(())
    })
}

/// SSL 2.0's ClientHello, with which a client that could speak more than that began (RFC 6101 appendix E.1).
///
/// # Errors
/// [`Malformed`] where it ends before it should.
pub fn dissect_ssl2_hello<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Hello, Malformed> {
    c.bits(2, &[(&SSL2_FORM, 1), (&SSL2_LENGTH, 15)])?;
    c.u8(&TYPE)?;
    let version = c.u16(&VERSION)?;
    let suites_length = c.u16(&SSL2_SUITES_LENGTH)?;
    let id_length = c.u16(&SESSION_ID_LENGTH)?;
    let challenge_length = usize::from(c.u16(&SSL2_CHALLENGE_LENGTH)?);
    let mut suites = Vec::new();
    c.region_as_captured(suites_length.into(), &TRAILING, |c| {
        while c.left() > 0 {
            let suite = c.bits(3, &[(&SSL2_SUITE, 24)])?;
            suites.extend(u16::try_from(suite).ok());
        }
        Ok(())
    })??;
    let session_id = c.bytes(&SESSION_ID, id_length.into())?.to_vec();
    let challenge = c.bytes(&SSL2_CHALLENGE, challenge_length)?;
    // Right-aligned in the 32 bytes of a random.
    let mut random = [0; 32];
    let fits = challenge.len().min(32);
    random[32 - fits..].copy_from_slice(&challenge[challenge.len() - fits..]);
    Ok(Hello { version, random, session_id, suites, ..Hello::default() })
}

/// Whether a suite number is no suite but a mark (RFC 5746 section 3.3, RFC 7507).
pub fn is_signal(suite: u16) -> bool {
    matches!(suite, 0x00ff | 0x5600) || registry::is_grease(suite)
}
