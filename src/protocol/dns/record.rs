//! Resource records: the part that all have, and what each type holds.
//!
//! RFC 1035 section 3.2 (the form), 3.3 (A, NS, CNAME, SOA, PTR, HINFO, MX, TXT), RFC 3596 (AAAA), 2782 (SRV),
//! 6672 (DNAME), 6891 section 6 (OPT), 8659 section 4 (CAA), 4034 (DNSKEY, RRSIG, NSEC, DS), 5155 (NSEC3,
//! NSEC3PARAM), 9460 section 2.2 (SVCB, HTTPS), 7208 section 3.1 (SPF).
//! Leaves out: what is within EDNS options, service parameters and type bitmaps, and all other types: their
//! data are one field of bytes.

use super::{Answer, KEPT_ANSWERS, Walk, class};
use crate::wire::{Cursor, Field, Malformed, Problem, Recorder};

use std::net::{Ipv4Addr, Ipv6Addr};

macro_rules! fields {
    ($($name:ident = $text:literal;)*) => { $(static $name: Field = Field::new($text);)* };
}

fields! {
    RESP = "dns.resp";
    NAME = "dns.resp.name";
    TYPE = "dns.resp.type";
    CACHE_FLUSH = "dns.resp.cache_flush";
    TTL = "dns.resp.ttl";
    LEN = "dns.resp.len";
    DATA = "dns.data";
    UDP_PAYLOAD_SIZE = "dns.rr.udp_payload_size";
    EDNS_VERSION = "dns.resp.edns0_version";
    DO = "dns.resp.z.do";
    OPT = "dns.opt";
    OPT_CODE = "dns.opt.code";
    OPT_LEN = "dns.opt.len";
    OPT_DATA = "dns.opt.data";
    A = "dns.a";
    AAAA = "dns.aaaa";
    NS = "dns.ns";
    CNAME = "dns.cname";
    DNAME = "dns.dname";
    PTR = "dns.ptr.domain_name";
    SOA_MNAME = "dns.soa.mname";
    SOA_RNAME = "dns.soa.rname";
    SOA_SERIAL = "dns.soa.serial_number";
    SOA_REFRESH = "dns.soa.refresh_interval";
    SOA_RETRY = "dns.soa.retry_interval";
    SOA_EXPIRE = "dns.soa.expire_limit";
    SOA_MINIMUM = "dns.soa.minimum_ttl";
    HINFO_CPU_LENGTH = "dns.hinfo.cpu_length";
    HINFO_CPU = "dns.hinfo.cpu";
    HINFO_OS_LENGTH = "dns.hinfo.os_length";
    HINFO_OS = "dns.hinfo.os";
    MX_PREFERENCE = "dns.mx.preference";
    MX_EXCHANGE = "dns.mx.mail_exchange";
    TXT_LENGTH = "dns.txt.length";
    TXT = "dns.txt";
    SPF_LENGTH = "dns.spf.length";
    SPF = "dns.spf";
    SRV_PRIORITY = "dns.srv.priority";
    SRV_WEIGHT = "dns.srv.weight";
    SRV_PORT = "dns.srv.port";
    SRV_TARGET = "dns.srv.target";
    CAA_CRITICAL = "dns.caa.flags.issuer_critical";
    CAA_RESERVED = "dns.caa.flags.reserved";
    CAA_TAG_LENGTH = "dns.caa.tag_length";
    CAA_TAG = "dns.caa.tag";
    CAA_VALUE = "dns.caa.value";
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
    DNSKEY_KEY = "dns.dnskey.public_key";
    NSEC_NEXT = "dns.nsec.next_domain_name";
    NSEC_TYPES = "dns.nsec.type_bitmap";
    NSEC3_ALGO = "dns.nsec3.algo";
    NSEC3_RESERVED = "dns.nsec3.flags.reserved";
    NSEC3_OPT_OUT = "dns.nsec3.flags.opt_out";
    NSEC3_ITERATIONS = "dns.nsec3.iterations";
    NSEC3_SALT_LENGTH = "dns.nsec3.salt_length";
    NSEC3_SALT = "dns.nsec3.salt_value";
    NSEC3_HASH_LENGTH = "dns.nsec3.hash_length";
    NSEC3_HASH = "dns.nsec3.hash_value";
    NSEC3_TYPES = "dns.nsec3.type_bitmap";
    SVCB_PRIORITY = "dns.svcb.svcpriority";
    SVCB_TARGET = "dns.svcb.targetname";
    SVCB_PARAM = "dns.svcb.svcparam";
    SVCB_KEY = "dns.svcb.svcparam.key";
    SVCB_LENGTH = "dns.svcb.svcparam.value.length";
    SVCB_VALUE = "dns.svcb.svcparam.value";
}
static CLASS: Field = Field::hex("dns.resp.class", 4);
static EXT_RCODE: Field = Field::hex("dns.resp.ext_rcode", 2);
static Z_RESERVED: Field = Field::hex("dns.resp.z.reserved", 4);

/// Record types that this file takes apart (IANA).
mod types {
    pub const A: u16 = 1;
    pub const NS: u16 = 2;
    pub const CNAME: u16 = 5;
    pub const SOA: u16 = 6;
    pub const PTR: u16 = 12;
    pub const HINFO: u16 = 13;
    pub const MX: u16 = 15;
    pub const TXT: u16 = 16;
    pub const AAAA: u16 = 28;
    pub const SRV: u16 = 33;
    pub const DNAME: u16 = 39;
    pub const OPT: u16 = 41;
    pub const DS: u16 = 43;
    pub const RRSIG: u16 = 46;
    pub const NSEC: u16 = 47;
    pub const DNSKEY: u16 = 48;
    pub const NSEC3: u16 = 50;
    pub const NSEC3PARAM: u16 = 51;
    pub const CDS: u16 = 59;
    pub const CDNSKEY: u16 = 60;
    pub const SVCB: u16 = 64;
    pub const HTTPS: u16 = 65;
    pub const SPF: u16 = 99;
    pub const CAA: u16 = 257;
}

/// One record of a section (1: answers, 2: authorities, 3: additional); RFC 1035 section 3.2.1.
pub(super) fn record<R: Recorder>(
    c: &mut Cursor<'_, '_, R>,
    w: &mut Walk<'_>,
    section: usize,
    index: usize,
) -> Result<(), Malformed> {
    let wanted = section == 1 && index < KEPT_ANSWERS;
    c.group(&RESP, |c| {
        let name = w.name(c, &NAME, wanted)?;
        let rtype = c.u16(&TYPE)?;
        let ttl = if rtype == types::OPT {
            edns(c, w)?;
            0
        } else {
            class(c, &CACHE_FLUSH, &CLASS)?;
            c.u32(&TTL)?
        };
        let length = usize::from(c.u16(&LEN)?);
        // Where the message ends before the record does, what is there is still told.
        let (at, have) = (c.at(), c.left());
        let read = c.region(length.min(have), &DATA, |c| match length {
            // Updates delete with empty data (RFC 2136 section 2.5): not even an A has an address then.
            0 => Ok(String::new()),
            _ => data(c, w, rtype, wanted),
        })?;
        if section == 2 {
            w.said.authority_ns |= rtype == types::NS;
            w.said.authority_soa |= rtype == types::SOA;
        }
        if section == 1 && rtype != types::OPT {
            w.said.min_ttl = Some(w.said.min_ttl.map_or(ttl, |least| least.min(ttl)));
        }
        if have < length {
            return Err(Malformed { field: DATA.name, at, need: length, have, problem: Problem::Cut });
        }
        let text = read.unwrap_or_else(|bad| {
            w.note(bad);
            String::new()
        });
        if wanted {
            w.said.answers.push(Answer { name, rtype, ttl, text });
        }
        Ok(())
    })
}

/// What EDNS puts in the place of class and time to live (RFC 6891 section 6.1.2, 6.1.3).
fn edns<R: Recorder>(c: &mut Cursor<'_, '_, R>, w: &mut Walk<'_>) -> Result<(), Malformed> {
    c.u16(&UDP_PAYLOAD_SIZE)?;
    w.high_rcode = c.u8(&EXT_RCODE)?;
    c.u8(&EDNS_VERSION)?;
    c.bits(2, &[(&DO, 1), (&Z_RESERVED, 15)])?;
    Ok(())
}

/// The data of a record, which the cursor spans; what it leaves is taken as bytes. Returns the short form
/// where it is wanted.
fn data<R: Recorder>(
    c: &mut Cursor<'_, '_, R>,
    w: &mut Walk<'_>,
    rtype: u16,
    wanted: bool,
) -> Result<String, Malformed> {
    let mut text = String::new();
    match rtype {
        types::A => {
            let address = c.ipv4(&A)?;
            if wanted {
                text = Ipv4Addr::from(address).to_string();
            }
        }
        types::AAAA => {
            let address = c.ipv6(&AAAA)?;
            if wanted {
                text = Ipv6Addr::from(address).to_string();
            }
        }
        types::NS => text = w.name(c, &NS, wanted)?,
        types::CNAME => text = w.name(c, &CNAME, wanted)?,
        types::DNAME => text = w.name(c, &DNAME, wanted)?,
        types::PTR => text = w.name(c, &PTR, wanted)?,
        types::MX => {
            let preference = c.u16(&MX_PREFERENCE)?;
            let exchange = w.name(c, &MX_EXCHANGE, wanted)?;
            if wanted {
                text = format!("{preference} {exchange}");
            }
        }
        types::TXT => text = strings(c, &TXT_LENGTH, &TXT, wanted)?,
        types::SPF => text = strings(c, &SPF_LENGTH, &SPF, wanted)?,
        types::SRV => {
            let (priority, weight) = (c.u16(&SRV_PRIORITY)?, c.u16(&SRV_WEIGHT)?);
            let port = c.u16(&SRV_PORT)?;
            let target = w.name(c, &SRV_TARGET, wanted)?;
            if wanted {
                text = format!("{priority} {weight} {port} {target}");
            }
        }
        types::SOA => {
            text = w.name(c, &SOA_MNAME, wanted)?;
            w.name(c, &SOA_RNAME, false)?;
            for field in [&SOA_SERIAL, &SOA_REFRESH, &SOA_RETRY, &SOA_EXPIRE, &SOA_MINIMUM] {
                c.u32(field)?;
            }
        }
        types::HINFO => {
            for (length, string) in [(&HINFO_CPU_LENGTH, &HINFO_CPU), (&HINFO_OS_LENGTH, &HINFO_OS)] {
                let n = usize::from(c.u8(length)?);
                c.text(string, n)?;
            }
        }
        types::CAA => text = caa(c, wanted)?,
        types::OPT => options(c, &OPT, [&OPT_CODE, &OPT_LEN, &OPT_DATA])?,
        types::SVCB | types::HTTPS => {
            let priority = c.u16(&SVCB_PRIORITY)?;
            let target = w.name(c, &SVCB_TARGET, wanted)?;
            if wanted {
                text = format!("{priority} {target}");
            }
            options(c, &SVCB_PARAM, [&SVCB_KEY, &SVCB_LENGTH, &SVCB_VALUE])?;
        }
        types::DS | types::CDS => {
            c.u16(&DS_KEY_ID)?;
            c.u8(&DS_ALGORITHM)?;
            c.u8(&DS_DIGEST_TYPE)?;
            c.rest(&DS_DIGEST);
        }
        types::DNSKEY | types::CDNSKEY => dnskey(c)?,
        types::RRSIG => rrsig(c, w)?,
        types::NSEC => {
            text = w.name(c, &NSEC_NEXT, wanted)?;
            c.rest(&NSEC_TYPES);
        }
        types::NSEC3 | types::NSEC3PARAM => nsec3(c, rtype == types::NSEC3)?,
        _ => drop(c.rest(&DATA)),
    }
    Ok(text)
}

/// Strings, each behind its length (RFC 1035 section 3.3.14); together they are the text (RFC 7208 section 3.3).
fn strings<R: Recorder>(
    c: &mut Cursor<'_, '_, R>,
    length: &'static Field,
    string: &'static Field,
    wanted: bool,
) -> Result<String, Malformed> {
    let mut whole = Vec::new();
    while c.left() > 0 {
        let n = usize::from(c.u8(length)?);
        let bytes = c.text(string, n)?;
        if wanted {
            whole.extend_from_slice(bytes);
        }
    }
    Ok(String::from_utf8_lossy(&whole).into_owned())
}

/// RFC 8659 section 4.1.
fn caa<R: Recorder>(c: &mut Cursor<'_, '_, R>, wanted: bool) -> Result<String, Malformed> {
    c.bits(1, &[(&CAA_CRITICAL, 1), (&CAA_RESERVED, 7)])?;
    let n = usize::from(c.u8(&CAA_TAG_LENGTH)?);
    let tag = c.text(&CAA_TAG, n)?;
    let left = c.left();
    let value = c.text(&CAA_VALUE, left)?;
    Ok(if wanted {
        format!("{} {}", String::from_utf8_lossy(tag), String::from_utf8_lossy(value))
    } else {
        String::new()
    })
}

/// Number, length, bytes; as often as they come (RFC 6891 section 6.1.2, RFC 9460 section 2.2).
fn options<R: Recorder>(
    c: &mut Cursor<'_, '_, R>,
    group: &'static Field,
    [code, length, value]: [&'static Field; 3],
) -> Result<(), Malformed> {
    while c.left() > 0 {
        c.group(group, |c| {
            c.u16(code)?;
            let n = usize::from(c.u16(length)?);
            c.bytes(value, n).map(drop)
        })?;
    }
    Ok(())
}

/// RFC 4034 section 2.1; the flag of a revoked key is RFC 5011 section 3's.
fn dnskey<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    c.bits(
        2,
        &[
            (&DNSKEY_RESERVED, 7),
            (&DNSKEY_ZONE, 1),
            (&DNSKEY_REVOKED, 1),
            (&DNSKEY_RESERVED, 6),
            (&DNSKEY_SEP, 1),
        ],
    )?;
    c.u8(&DNSKEY_PROTOCOL)?;
    c.u8(&DNSKEY_ALGORITHM)?;
    c.rest(&DNSKEY_KEY);
    Ok(())
}

/// RFC 4034 section 3.1.
fn rrsig<R: Recorder>(c: &mut Cursor<'_, '_, R>, w: &mut Walk<'_>) -> Result<(), Malformed> {
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

/// RFC 5155 section 3.2; NSEC3PARAM (section 4.2) ends after the salt.
fn nsec3<R: Recorder>(c: &mut Cursor<'_, '_, R>, with_next: bool) -> Result<(), Malformed> {
    c.u8(&NSEC3_ALGO)?;
    c.bits(1, &[(&NSEC3_RESERVED, 7), (&NSEC3_OPT_OUT, 1)])?;
    c.u16(&NSEC3_ITERATIONS)?;
    let salt = usize::from(c.u8(&NSEC3_SALT_LENGTH)?);
    c.bytes(&NSEC3_SALT, salt)?;
    if with_next {
        let hash = usize::from(c.u8(&NSEC3_HASH_LENGTH)?);
        c.bytes(&NSEC3_HASH, hash)?;
        c.rest(&NSEC3_TYPES);
    }
    Ok(())
}
