//! Resource records: the part that all have, and what the usual types hold.
//!
//! RFC 1035 section 3.2 (the form), 3.3 (A, NS, CNAME, SOA, PTR, HINFO, MX, TXT), RFC 3596 (AAAA), 2782 (SRV),
//! 6672 (DNAME), 6891 section 6 (OPT), 8659 section 4 (CAA), 7208 section 3.1 (SPF).
//! What signs is in `super::dnssec`, EDNS options in `super::edns`, SVCB and HTTPS in `super::svcb`, what is rarely
//! met in `super::rdata`.
//! Leaves out: types that none of these knows; their data are one field of bytes (RFC 3597 section 3).

use super::{Answer, Dialect, KEPT_ANSWERS, UPDATE, Walk, class, dnssec, edns, name, rdata, svcb};
use crate::wire::{Cursor, Field, Malformed, Problem, Recorder, Value};

use std::net::{Ipv4Addr, Ipv6Addr};

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
    SRV_SERVICE = "dns.srv.service";
    SRV_PROTO = "dns.srv.proto";
    SRV_NAME = "dns.srv.name";
    CAA_CRITICAL = "dns.caa.flags.issuer_critical";
    CAA_RESERVED = "dns.caa.flags.reserved";
    CAA_TAG_LENGTH = "dns.caa.tag_length";
    CAA_TAG = "dns.caa.tag";
    CAA_VALUE = "dns.caa.value";
}
static CLASS: Field = Field::hex("dns.resp.class", 4);
static Z: Field = Field::hex("dns.resp.z", 4);
static CAA_FLAGS: Field = Field::hex("dns.caa.flags", 2);
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
    pub const SIG: u16 = 24;
    pub const KEY: u16 = 25;
    pub const AAAA: u16 = 28;
    pub const NXT: u16 = 30;
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
    pub const CSYNC: u16 = 62;
    pub const ZONEMD: u16 = 63;
    pub const SVCB: u16 = 64;
    pub const HTTPS: u16 = 65;
    pub const SPF: u16 = 99;
    pub const TKEY: u16 = 249;
    pub const TSIG: u16 = 250;
    pub const CAA: u16 = 257;
    pub const TA: u16 = 32768;
    pub const DLV: u16 = 32769;
}

/// One record of a section (1: answers, 2: authorities, 3: additional); RFC 1035 section 3.2.1.
pub(super) fn record<R: Recorder>(
    c: &mut Cursor<'_, '_, R>,
    w: &mut Walk<'_>,
    section: usize,
    index: usize,
) -> Result<(), Malformed> {
    // Of authorities only what is to be changed (RFC 2136), or claimed (RFC 6762 section 8.1), is told in words.
    let changes = section == 2 && (w.said.opcode == UPDATE || w.dialect == Dialect::Multicast);
    let wanted = (section == 1 || changes) && index < KEPT_ANSWERS;
    c.group(&RESP, |c| {
        let at = c.at() - w.base;
        let name = w.name(c, &NAME, wanted)?;
        let rtype = c.u16(&TYPE)?;
        if rtype == types::SRV {
            service(c, w, at);
        }
        let (class, flush, ttl) = if rtype == types::OPT {
            edns_header(c, w)?;
            (0, false, 0)
        } else {
            let (class, flush) = class(c, w, &CACHE_FLUSH, &CLASS)?;
            (class, flush, c.u32(&TTL)?)
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
            let list = if section == 1 { &mut w.said.answers } else { &mut w.said.authorities };
            list.push(Answer { name, rtype, class, flush, ttl, text });
        }
        Ok(())
    })
}

/// The parts of a service's name (RFC 2782): `_ldap._tcp.example` is LDAP over TCP at `example`.
fn service<R: Recorder>(c: &mut Cursor<'_, '_, R>, w: &Walk<'_>, at: usize) {
    if !R::ON {
        return;
    }
    let mut labels = Vec::new();
    // Trouble in the name has been noted where it was read.
    let _ = name::walk(w.message, at, w.message.len(), |label| labels.push(label));
    // Multicast DNS puts the name of one instance before it (RFC 6763 section 4.1).
    let first = labels.iter().position(|label| label.starts_with(b"_")).unwrap_or(0);
    if let [service, protocol, rest @ ..] = &labels[first..] {
        c.derived(&SRV_SERVICE, || Value::Text(name::escaped(service)));
        c.derived(&SRV_PROTO, || Value::Text(name::escaped(protocol)));
        c.derived(&SRV_NAME, || Value::Text(name::escaped(&rest.join(&b'.'))));
    }
}

/// What EDNS puts in the place of class and time to live (RFC 6891 section 6.1.2, 6.1.3).
fn edns_header<R: Recorder>(c: &mut Cursor<'_, '_, R>, w: &mut Walk<'_>) -> Result<(), Malformed> {
    c.u16(&UDP_PAYLOAD_SIZE)?;
    w.high_rcode = c.u8(&EXT_RCODE)?;
    c.u8(&EDNS_VERSION)?;
    let z = c.group(&Z, |c| c.bits(2, &[(&DO, 1), (&Z_RESERVED, 15)]))?;
    c.derived(&Z, || Value::Uint(z));
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
        types::MX => text = rdata::preferred(c, w, &MX_PREFERENCE, &MX_EXCHANGE, wanted)?,
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
            let cpu = rdata::string(c, &HINFO_CPU_LENGTH, &HINFO_CPU)?;
            // RFC 8482 answers "ANY" with one that has a single string.
            let system = rdata::string(c, &HINFO_OS_LENGTH, &HINFO_OS)?;
            if wanted {
                text = format!("{cpu} {system}").trim_end().to_owned();
            }
        }
        types::CAA => text = caa(c, wanted)?,
        types::OPT => edns::options(c, w)?,
        types::SVCB | types::HTTPS => text = svcb::svcb(c, w, wanted)?,
        types::DS | types::CDS | types::TA | types::DLV => text = dnssec::ds(c, wanted)?,
        types::DNSKEY | types::CDNSKEY => text = dnssec::dnskey(c, wanted)?,
        types::KEY => dnssec::key(c)?,
        types::RRSIG | types::SIG => dnssec::rrsig(c, w)?,
        types::NSEC => text = dnssec::nsec(c, w, wanted)?,
        types::NXT => dnssec::nxt(c, w)?,
        types::NSEC3 | types::NSEC3PARAM => dnssec::nsec3(c, rtype == types::NSEC3)?,
        types::CSYNC => dnssec::csync(c)?,
        types::ZONEMD => dnssec::zonemd(c)?,
        types::TSIG => dnssec::tsig(c, w)?,
        types::TKEY => dnssec::tkey(c, w)?,
        _ => match rdata::data(c, w, rtype, wanted)? {
            Some(said) => text = said,
            None => drop(c.rest(&DATA)),
        },
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
    let flags = c.group(&CAA_FLAGS, |c| c.bits(1, &[(&CAA_CRITICAL, 1), (&CAA_RESERVED, 7)]))?;
    c.derived(&CAA_FLAGS, || Value::Uint(flags));
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
