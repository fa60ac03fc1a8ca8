//! Records that sign, and records that deny: DNSSEC, and the signatures over single messages.
//!
//! RFC 4034 section 2 (DNSKEY), 3 (RRSIG), 4 (NSEC), 5 (DS) and appendix B (key tag), RFC 5155 section 3 and 4 (NSEC3,
//! NSEC3PARAM), RFC 5011 section 3 (revoked keys), RFC 7344 section 3 (CDS, CDNSKEY), RFC 2535 section 3.1 (KEY) and
//! RFC 2931 section 3 (SIG), RFC 8945 section 4.2 (TSIG), RFC 2930 section 2 (TKEY), RFC 7477 section 2.1 (CSYNC),
//! RFC 8976 section 2.2 (ZONEMD).
//! Leaves out: verifying; what is within keys, signatures and TKEY's tokens.

use super::{Walk, registry};
use crate::wire::{Cursor, Field, Malformed, Recorder, Value};

fields! {
    DS_KEY_ID = "dns.ds.key_id";
    DS_ALGORITHM = "dns.ds.algorithm";
    DS_DIGEST_TYPE = "dns.ds.digest_type";
    DS_DIGEST = "dns.ds.digest";
    RRSIG_TYPE = "dns.rrsig.type_covered";
    RRSIG_ALGORITHM = "dns.rrsig.algorithm";
    RRSIG_LABELS = "dns.rrsig.labels";
    RRSIG_TTL = "dns.rrsig.original_ttl";
    RRSIG_EXPIRATION = "dns.rrsig.signature_expiration";
    RRSIG_INCEPTION = "dns.rrsig.signature_inception";
    RRSIG_KEY_TAG = "dns.rrsig.key_tag";
    RRSIG_SIGNER = "dns.rrsig.signers_name";
    RRSIG_SIGNATURE = "dns.rrsig.signature";
    DNSKEY_ZONE = "dns.dnskey.flags.zone_key";
    DNSKEY_REVOKED = "dns.dnskey.flags.key_revoked";
    DNSKEY_SEP = "dns.dnskey.flags.secure_entry_point";
    DNSKEY_RESERVED = "dns.dnskey.flags.reserved";
    DNSKEY_PROTOCOL = "dns.dnskey.protocol";
    DNSKEY_ALGORITHM = "dns.dnskey.algorithm";
    DNSKEY_KEY_ID = "dns.dnskey.key_id";
    DNSKEY_KEY = "dns.dnskey.public_key";
    KEY_AUTHENTICATION = "dns.key.flags.authentication";
    KEY_CONFIDENTIALITY = "dns.key.flags.confidentiality";
    KEY_REQUIRED = "dns.key.flags.required";
    KEY_USER = "dns.key.flags.associated_user";
    KEY_ENTITY = "dns.key.flags.associated_named_entity";
    KEY_IPSEC = "dns.key.flags.ipsec";
    KEY_MIME = "dns.key.flags.mime";
    KEY_SIGNATORY = "dns.key.flags.signatory";
    KEY_RESERVED = "dns.key.flags.reserved";
    KEY_PROTOCOL = "dns.key.protocol";
    KEY_ALGORITHM = "dns.key.algorithm";
    KEY_KEY_ID = "dns.key.key_id";
    KEY_KEY = "dns.key.public_key";
    NSEC_NEXT = "dns.nsec.next_domain_name";
    NXT_NEXT = "dns.nxt.next_domain_name";
    NXT_TYPES = "dns.nxt.type_bitmap";
    NSEC3_ALGO = "dns.nsec3.algo";
    NSEC3_RESERVED = "dns.nsec3.flags.reserved";
    NSEC3_OPT_OUT = "dns.nsec3.flags.opt_out";
    NSEC3_ITERATIONS = "dns.nsec3.iterations";
    NSEC3_SALT_LENGTH = "dns.nsec3.salt_length";
    NSEC3_SALT = "dns.nsec3.salt_value";
    NSEC3_HASH_LENGTH = "dns.nsec3.hash_length";
    NSEC3_HASH = "dns.nsec3.hash_value";
    BITMAP = "dns.type_bitmap";
    BITMAP_WINDOW = "dns.type_bitmap.window";
    BITMAP_LENGTH = "dns.type_bitmap.length";
    BITMAP_BITS = "dns.type_bitmap.bits";
    BITMAP_TYPES = "dns.type_bitmap.types";
    CSYNC_SOA = "dns.csync.soa";
    CSYNC_RESERVED = "dns.csync.flags.reserved";
    CSYNC_SOAMINIMUM = "dns.csync.flags.soaminimum";
    CSYNC_IMMEDIATE = "dns.csync.flags.immediate";
    ZONEMD_SERIAL = "dns.zonemd.serial";
    ZONEMD_SCHEME = "dns.zonemd.scheme";
    ZONEMD_HASH = "dns.zonemd.hash_algo";
    ZONEMD_DIGEST = "dns.zonemd.digest";
    TSIG_ALGORITHM = "dns.tsig.algorithm_name";
    TSIG_TIME = "dns.tsig.time_signed";
    TSIG_FUDGE = "dns.tsig.fudge";
    TSIG_MAC_SIZE = "dns.tsig.mac_size";
    TSIG_MAC = "dns.tsig.mac";
    TSIG_ID = "dns.tsig.original_id";
    TSIG_ERROR = "dns.tsig.error";
    TSIG_OTHER_LEN = "dns.tsig.other_len";
    TSIG_OTHER = "dns.tsig.other_data";
    TKEY_ALGORITHM = "dns.tkey.algo_name";
    TKEY_INCEPTION = "dns.tkey.signature_inception";
    TKEY_EXPIRATION = "dns.tkey.signature_expiration";
    TKEY_MODE = "dns.tkey.mode";
    TKEY_ERROR = "dns.tkey.error";
    TKEY_KEY_SIZE = "dns.tkey.key_size";
    TKEY_KEY = "dns.tkey.key_data";
    TKEY_OTHER_SIZE = "dns.tkey.other_size";
    TKEY_OTHER = "dns.tkey.other_data";
}
static DNSKEY_FLAGS: Field = Field::hex("dns.dnskey.flags", 4);
static KEY_FLAGS: Field = Field::hex("dns.key.flags", 4);
static NSEC3_FLAGS: Field = Field::hex("dns.nsec3.flags", 2);
static CSYNC_FLAGS: Field = Field::hex("dns.csync.flags", 4);

/// Flags taken apart, and their whole number beside them, as Wireshark has both.
fn flags<R: Recorder>(
    c: &mut Cursor<'_, '_, R>,
    whole: &'static Field,
    bytes: usize,
    parts: &[(&'static Field, usize)],
) -> Result<u64, Malformed> {
    let value = c.group(whole, |c| c.bits(bytes, parts))?;
    c.derived(whole, || Value::Uint(value));
    Ok(value)
}

/// DS, CDS (RFC 4034 section 5.1, RFC 7344 section 3.1) and their relatives TA and DLV (RFC 4431 section 2).
pub(super) fn ds<R: Recorder>(c: &mut Cursor<'_, '_, R>, wanted: bool) -> Result<String, Malformed> {
    let tag = c.u16(&DS_KEY_ID)?;
    let algorithm = c.u8(&DS_ALGORITHM)?;
    let digest = c.u8(&DS_DIGEST_TYPE)?;
    c.rest(&DS_DIGEST);
    Ok(if wanted { format!("{tag} {algorithm} {digest}") } else { String::new() })
}

/// The short number of a key, from the data of its record (RFC 4034 appendix B).
pub(super) fn key_tag(data: &[u8]) -> u16 {
    // RSA/MD5 took it from the key's own end (appendix B.1).
    if let [_, _, _, 1, key @ ..] = data {
        return match key {
            [.., high, low, _] => u16::from_be_bytes([*high, *low]),
            _ => 0,
        };
    }
    let sum = data.iter().enumerate().fold(0u32, |sum, (at, byte)| {
        sum.wrapping_add(if at % 2 == 0 { u32::from(*byte) << 8 } else { u32::from(*byte) })
    });
    (sum.wrapping_add(sum >> 16) & 0xffff) as u16
}

/// RFC 4034 section 2.1; the flag of a revoked key is RFC 5011 section 3's.
pub(super) fn dnskey<R: Recorder>(c: &mut Cursor<'_, '_, R>, wanted: bool) -> Result<String, Malformed> {
    let data = c.peek();
    let flags = flags(
        c,
        &DNSKEY_FLAGS,
        2,
        &[
            (&DNSKEY_RESERVED, 7),
            (&DNSKEY_ZONE, 1),
            (&DNSKEY_REVOKED, 1),
            (&DNSKEY_RESERVED, 6),
            (&DNSKEY_SEP, 1),
        ],
    )?;
    let protocol = c.u8(&DNSKEY_PROTOCOL)?;
    let algorithm = c.u8(&DNSKEY_ALGORITHM)?;
    c.derived(&DNSKEY_KEY_ID, || Value::Uint(key_tag(data).into()));
    c.rest(&DNSKEY_KEY);
    Ok(if wanted { format!("{flags} {protocol} {algorithm}") } else { String::new() })
}

/// RFC 2535 section 3.1: all but SIG(0) was later given to DNSKEY (RFC 3445, RFC 3755).
pub(super) fn key<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    let data = c.peek();
    let flags = flags(
        c,
        &KEY_FLAGS,
        2,
        &[
            (&KEY_AUTHENTICATION, 1),
            (&KEY_CONFIDENTIALITY, 1),
            (&KEY_REQUIRED, 1),
            (&KEY_RESERVED, 2),
            (&KEY_USER, 1),
            (&KEY_ENTITY, 1),
            (&KEY_RESERVED, 1),
            (&KEY_IPSEC, 1),
            (&KEY_MIME, 1),
            (&KEY_RESERVED, 2),
            (&KEY_SIGNATORY, 4),
        ],
    )?;
    c.u8(&KEY_PROTOCOL)?;
    c.u8(&KEY_ALGORITHM)?;
    // Both bits: there is no key (RFC 2535 section 3.1.2).
    if flags & 0xc000 != 0xc000 {
        c.derived(&KEY_KEY_ID, || Value::Uint(key_tag(data).into()));
        c.rest(&KEY_KEY);
    }
    Ok(())
}

/// RFC 4034 section 3.1; SIG (RFC 2535 section 4.1) has the same form.
pub(super) fn rrsig<R: Recorder>(c: &mut Cursor<'_, '_, R>, w: &mut Walk<'_>) -> Result<(), Malformed> {
    c.u16(&RRSIG_TYPE)?;
    c.u8(&RRSIG_ALGORITHM)?;
    c.u8(&RRSIG_LABELS)?;
    c.u32(&RRSIG_TTL)?;
    c.u32(&RRSIG_EXPIRATION)?;
    c.u32(&RRSIG_INCEPTION)?;
    c.u16(&RRSIG_KEY_TAG)?;
    w.name(c, &RRSIG_SIGNER, false)?;
    c.rest(&RRSIG_SIGNATURE);
    Ok(())
}

/// RFC 4034 section 4.1.
pub(super) fn nsec<R: Recorder>(
    c: &mut Cursor<'_, '_, R>,
    w: &mut Walk<'_>,
    wanted: bool,
) -> Result<String, Malformed> {
    let next = w.name(c, &NSEC_NEXT, wanted)?;
    let types = bitmap(c, wanted)?;
    Ok(if wanted { format!("{next} {types}").trim_end().to_owned() } else { next })
}

/// RFC 2535 section 5.2: NSEC's predecessor, with one run of bits for types 0 to 127.
pub(super) fn nxt<R: Recorder>(c: &mut Cursor<'_, '_, R>, w: &mut Walk<'_>) -> Result<(), Malformed> {
    w.name(c, &NXT_NEXT, false)?;
    c.rest(&NXT_TYPES);
    Ok(())
}

/// Which types there are: windows of 256, each with as many bytes as its last type needs (RFC 4034 section 4.1.2).
pub(super) fn bitmap<R: Recorder>(c: &mut Cursor<'_, '_, R>, wanted: bool) -> Result<String, Malformed> {
    let mut all = String::new();
    while c.left() > 0 {
        c.group(&BITMAP, |c| {
            let window = c.u8(&BITMAP_WINDOW)?;
            let length = usize::from(c.u8(&BITMAP_LENGTH)?);
            let bits = c.bytes(&BITMAP_BITS, length)?;
            c.derived(&BITMAP_TYPES, || Value::Text(types(window, bits)));
            if wanted {
                if !all.is_empty() {
                    all.push(' ');
                }
                all.push_str(&types(window, bits));
            }
            Ok(())
        })?;
    }
    Ok(all)
}

/// The types whose bits are set.
fn types(window: u8, bits: &[u8]) -> String {
    let mut names = Vec::new();
    // A window has 32 bytes at most; a longer one is not to be believed, its bits would be another window's.
    for (at, byte) in bits.iter().take(32).enumerate() {
        for bit in 0..8 {
            if byte & 0x80 >> bit != 0 {
                names.push(registry::type_text(u16::from(window) << 8 | (at * 8 + bit) as u16));
            }
        }
    }
    names.join(" ")
}

/// RFC 5155 section 3.2; NSEC3PARAM (section 4.2) ends after the salt.
pub(super) fn nsec3<R: Recorder>(c: &mut Cursor<'_, '_, R>, with_next: bool) -> Result<(), Malformed> {
    c.u8(&NSEC3_ALGO)?;
    // The parameters have no such flag (RFC 5155 section 4.1.2).
    let parts = [(&NSEC3_RESERVED, 7), (if with_next { &NSEC3_OPT_OUT } else { &NSEC3_RESERVED }, 1)];
    flags(c, &NSEC3_FLAGS, 1, &parts)?;
    c.u16(&NSEC3_ITERATIONS)?;
    let salt = usize::from(c.u8(&NSEC3_SALT_LENGTH)?);
    c.bytes(&NSEC3_SALT, salt)?;
    if with_next {
        let hash = usize::from(c.u8(&NSEC3_HASH_LENGTH)?);
        if c.left() < hash {
            return c.bytes(&NSEC3_HASH, hash).map(drop);
        }
        let bytes = &c.peek()[..hash];
        c.told(&NSEC3_HASH, hash, || Value::Text(base32(bytes)));
        bitmap(c, false)?;
    }
    Ok(())
}

/// As hashed names are written, in base 32 with digits first (RFC 5155 section 3.3, RFC 4648 section 7).
fn base32(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";
    let mut out = String::new();
    for five in bytes.chunks(5) {
        let number = (0..5).fold(0u64, |n, at| n << 8 | u64::from(five.get(at).copied().unwrap_or(0)));
        for digit in 0..(five.len() * 8).div_ceil(5) {
            out.push(char::from(DIGITS[(number >> (35 - 5 * digit) & 31) as usize]));
        }
    }
    out
}

/// RFC 7477 section 2.1.1.
pub(super) fn csync<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    c.u32(&CSYNC_SOA)?;
    flags(c, &CSYNC_FLAGS, 2, &[(&CSYNC_RESERVED, 14), (&CSYNC_SOAMINIMUM, 1), (&CSYNC_IMMEDIATE, 1)])?;
    bitmap(c, false).map(drop)
}

/// RFC 8976 section 2.2.
pub(super) fn zonemd<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    c.u32(&ZONEMD_SERIAL)?;
    c.u8(&ZONEMD_SCHEME)?;
    c.u8(&ZONEMD_HASH)?;
    c.rest(&ZONEMD_DIGEST);
    Ok(())
}

/// RFC 8945 section 4.2.
pub(super) fn tsig<R: Recorder>(c: &mut Cursor<'_, '_, R>, w: &mut Walk<'_>) -> Result<(), Malformed> {
    w.name(c, &TSIG_ALGORITHM, false)?;
    c.bits(6, &[(&TSIG_TIME, 48)])?;
    c.u16(&TSIG_FUDGE)?;
    let mac = usize::from(c.u16(&TSIG_MAC_SIZE)?);
    c.bytes(&TSIG_MAC, mac)?;
    c.u16(&TSIG_ID)?;
    c.u16(&TSIG_ERROR)?;
    let other = usize::from(c.u16(&TSIG_OTHER_LEN)?);
    c.bytes(&TSIG_OTHER, other).map(drop)
}

/// RFC 2930 section 2.
pub(super) fn tkey<R: Recorder>(c: &mut Cursor<'_, '_, R>, w: &mut Walk<'_>) -> Result<(), Malformed> {
    w.name(c, &TKEY_ALGORITHM, false)?;
    c.u32(&TKEY_INCEPTION)?;
    c.u32(&TKEY_EXPIRATION)?;
    c.u16(&TKEY_MODE)?;
    c.u16(&TKEY_ERROR)?;
    let key = usize::from(c.u16(&TKEY_KEY_SIZE)?);
    c.bytes(&TKEY_KEY, key)?;
    let other = usize::from(c.u16(&TKEY_OTHER_SIZE)?);
    c.bytes(&TKEY_OTHER, other).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_tag_of_rfc_4034() {
        // The key of RFC 4034 section 5.4: key tag 60485.
        let key = "AQOeiiR0GOMYkDshWoSKz9XzfwJr1AYtsmx3TGkJaNXVbfi/2pHm822aJ5iI9BMzNXxeYCmZDRD99WYwYqUSdjMmmAphXdvx\
                   egXd/M5+X7OrzKBaMbCVdFLUUh6DhweJBjEVv5f2wwjM9XzcnOf+EPbtG9DMBmADjFDc2w/rljwvFw==";
        let digit = |c: u8| {
            let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
            alphabet.iter().position(|a| *a == c).map(|n| n as u32)
        };
        let mut data = vec![1, 0, 3, 5];
        for four in key.as_bytes().chunks(4) {
            let number = four.iter().fold(0, |n, c| n << 6 | digit(*c).unwrap_or(0));
            let padding = four.iter().filter(|c| **c == b'=').count();
            data.extend(&number.to_be_bytes()[1..4 - padding]);
        }
        assert_eq!(key_tag(&data), 60485);
    }

    #[test]
    fn hashes_are_written_as_in_names() {
        assert_eq!(base32(b"foobar"), "cpnmuoj1e8", "RFC 4648 section 10, without padding, lower case");
        assert_eq!(base32(b""), "");
    }

    #[test]
    fn bits_are_types() {
        // RFC 4034 section 4.3: A MX RRSIG NSEC, and window 4.
        assert_eq!(types(0, &[0x40, 1, 0, 0, 0, 3]), "A MX RRSIG NSEC");
        assert_eq!(types(4, &[0, 0, 0, 0, 0, 0, 0, 0x20]), "TYPE1082");
    }
}
