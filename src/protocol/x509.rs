//! X.509 certificates: who is named, by whom, from when to when, with which key; walked byte by byte.
//!
//! RFC 5280 section 4 (certificate, extensions), X.690 (DER: each element is a tag, a length, and what they announce), RFC 8017 (RSA keys),
//! RFC 5480 (curves), RFC 8410 (Ed25519), RFC 6962 (timestamps of logs). Leaves out: checking signatures and chains, which needs the authorities' keys and a judgement
//! whom to trust; the inside of extensions that are not named here.
//!
//! Nothing is recursive: the depth is what a certificate has.

use crate::wire::{Cursor, Field, Malformed, Recorder, Value};

static TAG: Field = Field::hex("ber.id", 2);
static LENGTH: Field = Field::new("ber.length");
static LEFT: Field = Field::new("x509af.trailing");
static SIGNED: Field = Field::new("x509af.signedCertificate_element");
static VERSION: Field = Field::new("x509af.version");
static SERIAL: Field = Field::new("x509af.serialNumber");
static ALGORITHM: Field = Field::new("x509af.algorithm.id");
static PARAMETERS: Field = Field::new("x509af.parameters");
static CURVE: Field = Field::new("pkcs1.namedCurve");
static ISSUER: Field = Field::new("x509af.issuer");
static SUBJECT: Field = Field::new("x509af.subject");
static NAME_PART: Field = Field::new("x509if.RelativeDistinguishedName_item_element");
static OID: Field = Field::new("x509if.oid");
static TEXT: Field = Field::new("x509sat.DirectoryString");
static VALIDITY: Field = Field::new("x509af.validity_element");
static UTC_TIME: Field = Field::new("x509af.utcTime");
static GENERAL_TIME: Field = Field::new("x509af.generalizedTime");
static KEY_INFO: Field = Field::new("x509af.subjectPublicKeyInfo_element");
static UNUSED_BITS: Field = Field::new("ber.bitstring.padding");
static KEY: Field = Field::new("x509af.subjectPublicKey");
static MODULUS: Field = Field::new("pkcs1.modulus");
static EXPONENT: Field = Field::new("pkcs1.publicExponent");
static UNIQUE_ID: Field = Field::new("x509af.uniqueIdentifier");
static EXTENSION: Field = Field::new("x509af.Extension_element");
static EXTENSION_ID: Field = Field::new("x509af.extension.id");
static CRITICAL: Field = Field::new("x509af.critical");
static VALUE: Field = Field::new("x509af.extension.value");
static DNS_NAME: Field = Field::new("x509ce.dNSName");
static MAIL: Field = Field::new("x509ce.rfc822Name");
static URI: Field = Field::new("x509ce.uniformResourceIdentifier");
static IP: Field = Field::new("x509ce.iPAddress");
static OTHER_NAME: Field = Field::new("x509ce.GeneralName");
static IS_AUTHORITY: Field = Field::new("x509ce.cA");
static PATH_LENGTH: Field = Field::new("x509ce.pathLenConstraint");
static KEY_USAGE: Field = Field::hex("x509ce.KeyUsage", 2);
static PURPOSE: Field = Field::new("x509ce.KeyPurposeId");
static SUBJECT_KEY: Field = Field::new("x509ce.SubjectKeyIdentifier");
static AUTHORITY_KEY: Field = Field::new("x509ce.keyIdentifier");
static SIGNATURE: Field = Field::new("x509af.encrypted");
static SCTS_LEN: Field = Field::new("tls.sct.scts_length");
static SCT: Field = Field::new("tls.sct");
static SCT_LEN: Field = Field::new("tls.sct.sct_length");
static SCT_VERSION: Field = Field::new("tls.sct.sct_version");
static SCT_LOG: Field = Field::new("tls.sct.sct_logid");
static SCT_TIME: Field = Field::new("tls.sct.sct_timestamp");
static SCT_EXTS_LEN: Field = Field::new("tls.sct.sct_extensions_length");
static SCT_EXTS: Field = Field::new("tls.sct.sct_extensions");
static SCT_SCHEME: Field = Field::hex("tls.handshake.sig_hash_alg", 4);
static SCT_SIGNATURE_LEN: Field = Field::new("tls.sct.sct_signature_length");
static SCT_SIGNATURE: Field = Field::new("tls.sct.sct_signature");
static SUBJECT_TEXT: Field = Field::new("x509.subject");
static ISSUER_TEXT: Field = Field::new("x509.issuer");
static KEY_BITS: Field = Field::new("x509.key_bits");
static SELF_SIGNED: Field = Field::new("x509.self_issued");

const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT: u8 = 0x06;
const UTC: u8 = 0x17;
const GENERALIZED: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
/// Names kept of the alternatives.
const MAX_NAMES: usize = 64;

/// What a certificate says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Certificate {
    /// Who signed it.
    pub issuer: String,
    /// Whose it is.
    pub subject: String,
    /// The common name within the subject.
    pub common_name: Option<String>,
    /// First and last second of validity, since 1970; `None` where they cannot be read.
    pub valid: [Option<i64>; 2],
    /// The DNS names and addresses it is for.
    pub names: Vec<String>,
    /// Kind of key.
    pub key: &'static str,
    /// Size of the key in bits, where it is told by the key itself or its curve.
    pub key_bits: Option<u64>,
    /// Signature algorithm.
    pub signature: &'static str,
    /// Subject and issuer are the same name.
    pub is_self_issued: bool,
    /// It may sign others.
    pub is_authority: bool,
}

/// One element: tag, length, and what `inside` makes of its content (told the tag).
fn element<'a, 'r, R: Recorder, T>(
    c: &mut Cursor<'a, 'r, R>,
    inside: impl FnOnce(&mut Cursor<'a, 'r, R>, u8) -> Result<T, Malformed>,
) -> Result<T, Malformed> {
    let tag = c.u8(&TAG)?;
    // X.690 section 8.1.3: up to 127 the length itself, else how many bytes of length follow.
    let length = match c.peek_u8() {
        Some(first @ 0x81..=0x84) => {
            let bytes = usize::from(first & 0x7f) + 1;
            let mask = (1 << ((bytes - 1) * 8)) - 1;
            (c.bits_told(bytes, &[(&LENGTH, bytes * 8)], |_, n| n & mask)? & mask) as usize
        }
        Some(0x80..) => return Err(c.nonsense(&LENGTH)),
        _ => c.u8(&LENGTH)?.into(),
    };
    c.region_as_captured(length, &LEFT, |c| inside(c, tag))?
}

/// An element of one kind; anything else in its place makes no sense.
fn expect<'a, 'r, R: Recorder, T>(
    c: &mut Cursor<'a, 'r, R>,
    tag: u8,
    inside: impl FnOnce(&mut Cursor<'a, 'r, R>) -> Result<T, Malformed>,
) -> Result<T, Malformed> {
    match c.peek_u8() {
        Some(found) if found != tag => Err(c.nonsense(&TAG)),
        _ => element(c, |c, _| inside(c)),
    }
}

/// Reads a certificate.
///
/// # Errors
/// [`Malformed`] where it ends before it should or is no certificate; every field before is recorded.
pub fn dissect<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Certificate, Malformed> {
    let mut said = Certificate::default();
    expect(c, SEQUENCE, |c| {
        c.group(&SIGNED, |c| expect(c, SEQUENCE, |c| signed(c, &mut said)))?;
        said.signature = algorithm(c)?.0;
        expect(c, BIT_STRING, |c| {
            c.u8(&UNUSED_BITS)?;
            c.rest(&SIGNATURE);
            Ok(())
        })
    })?;
    c.derived(&SUBJECT_TEXT, || Value::Text(said.subject.clone()));
    c.derived(&ISSUER_TEXT, || Value::Text(said.issuer.clone()));
    c.derived(&SELF_SIGNED, || Value::Flag(said.is_self_issued));
    if let Some(bits) = said.key_bits {
        c.derived(&KEY_BITS, || Value::Uint(bits));
    }
    Ok(said)
}

/// RFC 5280 section 4.1.2.
fn signed<R: Recorder>(c: &mut Cursor<'_, '_, R>, said: &mut Certificate) -> Result<(), Malformed> {
    if c.peek_u8() == Some(0xa0) {
        expect(c, 0xa0, |c| expect(c, INTEGER, |c| c.u8(&VERSION).map(drop)))?;
    }
    expect(c, INTEGER, |c| {
        c.rest(&SERIAL);
        Ok(())
    })?;
    algorithm(c)?;
    let start = c.peek();
    let issuer = c.group(&ISSUER, name)?;
    let issuer_bytes = &start[..start.len() - c.left()];
    c.group(&VALIDITY, |c| {
        expect(c, SEQUENCE, |c| {
            said.valid = [time(c)?, time(c)?];
            Ok(())
        })
    })?;
    let start = c.peek();
    let subject = c.group(&SUBJECT, name)?;
    said.is_self_issued = issuer_bytes == &start[..start.len() - c.left()];
    said.issuer = issuer.text;
    said.subject = subject.text;
    said.common_name = subject.common_name;
    c.group(&KEY_INFO, |c| expect(c, SEQUENCE, |c| key(c, said)))?;
    while let Some(tag) = c.peek_u8() {
        match tag {
            0xa3 => expect(c, 0xa3, |c| {
                expect(c, SEQUENCE, |c| {
                    while c.left() > 0 {
                        c.group(&EXTENSION, |c| expect(c, SEQUENCE, |c| extension(c, said)))?;
                    }
                    Ok(())
                })
            })?,
            _ => element(c, |c, _| {
                c.rest(&UNIQUE_ID);
                Ok(())
            })?,
        }
    }
    Ok(())
}

/// An object identifier in dots (X.690 section 8.19).
fn dotted(bytes: &[u8]) -> String {
    let (mut text, mut arc, mut first) = (String::new(), 0u64, true);
    for byte in bytes {
        arc = arc.wrapping_shl(7) | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            if first {
                let top = (arc / 40).min(2);
                text = format!("{top}.{}", arc - top * 40);
                first = false;
            } else {
                text.push_str(&format!(".{arc}"));
            }
            arc = 0;
        }
    }
    text
}

fn object<'a, R: Recorder>(c: &mut Cursor<'a, '_, R>, field: &'static Field) -> Result<&'a [u8], Malformed> {
    expect(c, OBJECT, |c| {
        let bytes = c.peek();
        c.told(field, bytes.len(), || Value::Text(dotted(bytes)));
        Ok(bytes)
    })
}

/// Names of algorithms, and the bits of a curve's keys.
fn algorithm_name(id: &[u8]) -> &'static str {
    match id {
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, last] => match last {
            1 => "RSA",
            2 => "RSA with MD2",
            4 => "RSA with MD5",
            5 => "RSA with SHA-1",
            10 => "RSA-PSS",
            11 => "RSA with SHA-256",
            12 => "RSA with SHA-384",
            13 => "RSA with SHA-512",
            14 => "RSA with SHA-224",
            _ => "",
        },
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1] => "EC",
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1] => "ECDSA with SHA-1",
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, last] => match last {
            1 => "ECDSA with SHA-224",
            2 => "ECDSA with SHA-256",
            3 => "ECDSA with SHA-384",
            4 => "ECDSA with SHA-512",
            _ => "",
        },
        [0x2a, 0x86, 0x48, 0xce, 0x38, 4, 1] => "DSA",
        [0x2a, 0x86, 0x48, 0xce, 0x38, 4, 3] => "DSA with SHA-1",
        [0x2b, 0x65, 0x70] => "Ed25519",
        [0x2b, 0x65, 0x71] => "Ed448",
        _ => "",
    }
}

fn curve_bits(id: &[u8]) -> Option<u64> {
    Some(match id {
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 1] => 192,
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7] | [0x2b, 0x81, 4, 0, 10] => 256,
        [0x2b, 0x81, 4, 0, 33] => 224,
        [0x2b, 0x81, 4, 0, 34] => 384,
        [0x2b, 0x81, 4, 0, 35] => 521,
        _ => return None,
    })
}

/// An algorithm: its name, and the size of its curve.
fn algorithm<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<(&'static str, Option<u64>), Malformed> {
    expect(c, SEQUENCE, |c| {
        let name = algorithm_name(object(c, &ALGORITHM)?);
        let mut bits = None;
        match c.peek_u8() {
            Some(OBJECT) => bits = curve_bits(object(c, &CURVE)?),
            Some(_) => drop(c.rest(&PARAMETERS)),
            None => {}
        }
        Ok((name, bits))
    })
}

/// A name.
#[derive(Debug, Default)]
pub struct Name {
    /// Its parts in the order in which they stand, `CN=... , O=...`.
    pub text: String,
    /// The last common name.
    pub common_name: Option<String>,
}

/// Reads a distinguished name (RFC 5280 section 4.1.2.4).
///
/// # Errors
/// [`Malformed`] where it ends before it should.
pub fn name<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Name, Malformed> {
    let mut said = Name::default();
    expect(c, SEQUENCE, |c| {
        while c.left() > 0 {
            expect(c, SET, |c| {
                while c.left() > 0 {
                    c.group(&NAME_PART, |c| expect(c, SEQUENCE, |c| part(c, &mut said)))?;
                }
                Ok(())
            })?;
        }
        Ok(())
    })?;
    Ok(said)
}

fn part<R: Recorder>(c: &mut Cursor<'_, '_, R>, said: &mut Name) -> Result<(), Malformed> {
    let id = object(c, &OID)?;
    let value = element(c, |c, tag| {
        let bytes = c.peek();
        let text = match tag {
            // BMPString: two bytes a character.
            0x1e => {
                let units: Vec<_> = bytes.chunks_exact(2).map(|b| u16::from_be_bytes([b[0], b[1]])).collect();
                String::from_utf16_lossy(&units)
            }
            // TeletexString is mostly Latin-1 in practice.
            0x14 => bytes.iter().map(|b| char::from(*b)).collect(),
            _ => String::from_utf8_lossy(bytes).into_owned(),
        };
        c.told(&TEXT, bytes.len(), || Value::Text(text.clone()));
        Ok(text)
    })?;
    let label = match id {
        [0x55, 4, 3] => "CN",
        [0x55, 4, 5] => "serialNumber",
        [0x55, 4, 6] => "C",
        [0x55, 4, 7] => "L",
        [0x55, 4, 8] => "ST",
        [0x55, 4, 9] => "street",
        [0x55, 4, 10] => "O",
        [0x55, 4, 11] => "OU",
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1] => "email",
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25] => "DC",
        _ => "",
    };
    let label = if label.is_empty() { dotted(id) } else { label.to_owned() };
    if !said.text.is_empty() {
        said.text.push_str(", ");
    }
    said.text.push_str(&format!("{label}={value}"));
    if id == [0x55, 4, 3] {
        said.common_name = Some(value);
    }
    Ok(())
}

/// A time: two or four digits of year, then month, day, hour, minute, second, Z (RFC 5280 section 4.1.2.5).
fn time<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Option<i64>, Malformed> {
    element(c, |c, tag| {
        let bytes = c.peek();
        let (field, digits) = match tag {
            UTC => (&UTC_TIME, bytes),
            GENERALIZED => (&GENERAL_TIME, bytes),
            _ => return Err(c.nonsense(&UTC_TIME)),
        };
        let stamp = stamp(digits, tag == GENERALIZED);
        let seconds = stamp.as_ref().map(|s| s.1);
        c.told(field, bytes.len(), || {
            Value::Text(match stamp {
                Some((text, _)) => text,
                None => String::from_utf8_lossy(bytes).into_owned(),
            })
        });
        Ok(seconds)
    })
}

/// A time in readable form, and in seconds since 1970.
fn stamp(bytes: &[u8], four: bool) -> Option<(String, i64)> {
    let digits = bytes.strip_suffix(b"Z")?;
    let width = if four { 4 } else { 2 };
    if digits.len() != width + 10 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = |at: usize, length: usize| {
        digits[at..at + length].iter().fold(0i64, |n, d| n * 10 + i64::from(d - b'0'))
    };
    let mut year = number(0, width);
    if !four {
        year += if year < 50 { 2000 } else { 1900 };
    }
    let [month, day, hour, minute, second] = [0, 2, 4, 6, 8].map(|at| number(width + at, 2));
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Days since 1970 of a date in the Gregorian calendar, the year beginning in March.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 1 - 719_468;
    let text = format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} (UTC)");
    Some((text, days * 86_400 + hour * 3600 + minute * 60 + second))
}

/// RFC 5280 section 4.1.2.7; RFC 8017 appendix A.1.1.
fn key<R: Recorder>(c: &mut Cursor<'_, '_, R>, said: &mut Certificate) -> Result<(), Malformed> {
    (said.key, said.key_bits) = algorithm(c)?;
    expect(c, BIT_STRING, |c| {
        c.u8(&UNUSED_BITS)?;
        if said.key != "RSA" || c.peek_u8() != Some(SEQUENCE) {
            c.rest(&KEY);
            return Ok(());
        }
        expect(c, SEQUENCE, |c| {
            expect(c, INTEGER, |c| {
                let modulus = c.rest(&MODULUS);
                // A zero before the first bit says that the number is not negative.
                let bytes = modulus.iter().skip_while(|b| **b == 0);
                let first = bytes.clone().next().map_or(0, |b| 8 - u64::from(b.leading_zeros()));
                said.key_bits = Some((bytes.count() as u64).saturating_sub(1) * 8 + first);
                Ok(())
            })?;
            expect(c, INTEGER, |c| {
                c.rest(&EXPONENT);
                Ok(())
            })
        })
    })
}

/// RFC 5280 section 4.2.
fn extension<R: Recorder>(c: &mut Cursor<'_, '_, R>, said: &mut Certificate) -> Result<(), Malformed> {
    let id = object(c, &EXTENSION_ID)?;
    if c.peek_u8() == Some(BOOLEAN) {
        expect(c, BOOLEAN, |c| flag(c, &CRITICAL).map(drop))?;
    }
    expect(c, OCTET_STRING, |c| match id {
        [0x55, 29, 17] => expect(c, SEQUENCE, |c| {
            while c.left() > 0 {
                general_name(c, said)?;
            }
            Ok(())
        }),
        [0x55, 29, 19] => expect(c, SEQUENCE, |c| {
            if c.peek_u8() == Some(BOOLEAN) {
                said.is_authority = expect(c, BOOLEAN, |c| flag(c, &IS_AUTHORITY))?;
            }
            if c.peek_u8() == Some(INTEGER) {
                expect(c, INTEGER, |c| c.u8(&PATH_LENGTH).map(drop))?;
            }
            Ok(())
        }),
        [0x55, 29, 15] => expect(c, BIT_STRING, |c| {
            c.u8(&UNUSED_BITS)?;
            c.u8(&KEY_USAGE).map(drop)
        }),
        [0x55, 29, 37] => expect(c, SEQUENCE, |c| {
            while c.left() > 0 {
                object(c, &PURPOSE)?;
            }
            Ok(())
        }),
        [0x55, 29, 14] => expect(c, OCTET_STRING, |c| {
            c.rest(&SUBJECT_KEY);
            Ok(())
        }),
        [0x2b, 6, 1, 4, 1, 0xd6, 0x79, 2, 4, 2] => expect(c, OCTET_STRING, timestamps),
        [0x55, 29, 35] => expect(c, SEQUENCE, |c| {
            while c.left() > 0 {
                element(c, |c, tag| {
                    c.rest(if tag == 0x80 { &AUTHORITY_KEY } else { &VALUE });
                    Ok(())
                })?;
            }
            Ok(())
        }),
        _ => {
            c.rest(&VALUE);
            Ok(())
        }
    })
}

fn flag<R: Recorder>(c: &mut Cursor<'_, '_, R>, field: &'static Field) -> Result<bool, Malformed> {
    let Some(byte) = c.peek_u8() else { return c.u8(field).map(|n| n != 0) };
    c.told(field, 1, || Value::Flag(byte != 0));
    Ok(byte != 0)
}

/// RFC 5280 section 4.2.1.6.
fn general_name<R: Recorder>(c: &mut Cursor<'_, '_, R>, said: &mut Certificate) -> Result<(), Malformed> {
    element(c, |c, tag| {
        let length = c.left();
        let name = match (tag, length) {
            (0x82, _) => String::from_utf8_lossy(c.text(&DNS_NAME, length)?).into_owned(),
            (0x81, _) => return c.text(&MAIL, length).map(drop),
            (0x86, _) => return c.text(&URI, length).map(drop),
            (0x87, 4) => std::net::Ipv4Addr::from(c.ipv4(&IP)?).to_string(),
            (0x87, 16) => std::net::Ipv6Addr::from(c.ipv6(&IP)?).to_string(),
            _ => {
                c.rest(&OTHER_NAME);
                return Ok(());
            }
        };
        if said.names.len() < MAX_NAMES {
            said.names.push(name);
        }
        Ok(())
    })
}

/// Promises of public logs to list the certificate (RFC 6962 section 3.2, 3.3): in the certificate, or in an extension of TLS.
///
/// # Errors
/// [`Malformed`] where they end before they should.
pub fn timestamps<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    let length = c.u16(&SCTS_LEN)?;
    c.region_as_captured(length.into(), &LEFT, |c| {
        while c.left() > 0 {
            c.group(&SCT, |c| {
                let length = c.u16(&SCT_LEN)?;
                c.region_as_captured(length.into(), &LEFT, timestamp)?
            })?;
        }
        Ok(())
    })?
}

fn timestamp<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    c.u8(&SCT_VERSION)?;
    c.bytes(&SCT_LOG, 32)?;
    c.u64(&SCT_TIME)?;
    let length = c.u16(&SCT_EXTS_LEN)?;
    c.bytes(&SCT_EXTS, length.into())?;
    c.u16(&SCT_SCHEME)?;
    let length = c.u16(&SCT_SIGNATURE_LEN)?;
    c.bytes(&SCT_SIGNATURE, length.into()).map(drop)
}

/// Whether a certificate is for a host (RFC 9525 section 6.3, 6.4): a star stands for one leftmost label. Only where there are no
/// alternative names at all did the common name count (RFC 2818 section 3.1).
pub fn is_for(certificate: &Certificate, host: &str) -> bool {
    let matches = |pattern: &str| {
        let (pattern, host) = (pattern.trim_end_matches('.'), host.trim_end_matches('.'));
        pattern.eq_ignore_ascii_case(host)
            || pattern.strip_prefix("*.").is_some_and(|rest| {
                host.split_once('.')
                    .is_some_and(|(first, own)| !first.is_empty() && own.eq_ignore_ascii_case(rest))
            })
    };
    if certificate.names.is_empty() {
        return certificate.common_name.as_deref().is_some_and(matches);
    }
    certificate.names.iter().any(|name| matches(name))
}
