//! Records that are rarely met: naming and routing rules, places, keys and certificates, and what the first years left.
//!
//! RFC 1035 section 3.3 (MD, MF, MB, MG, MR, NULL, MINFO), 3.4.2 (WKS), RFC 1183 (RP, AFSDB, X25, ISDN, RT), 1706 (NSAP),
//! 1712 (GPOS), 1876 (LOC), 2163 (PX), 2230 (KX), 2874 (A6), 3123 (APL), 3403 section 4 (NAPTR), 4025 (IPSECKEY),
//! 4255 (SSHFP), 4398 (CERT), 4701 (DHCID), 6698 and 8162 (TLSA, SMIMEA), 6742 (NID, L32, L64, LP), 7043 (EUI48, EUI64),
//! 7553 (URI), 7929 (OPENPGPKEY), 8005 (HIP); WINS and WINS-R are Microsoft's (MS-DNSP section 2.3.1).
//! Leaves out: what is within keys and certificates; the bits of WKS, one by one.

use super::{Walk, edns};
use crate::wire::{Cursor, Field, Malformed, Recorder, Value};

use std::net::Ipv4Addr;

fields! {
    MD = "dns.md";
    MF = "dns.mf";
    MB = "dns.mb";
    MG = "dns.mg";
    MR = "dns.mr";
    NULL = "dns.null";
    WKS_ADDRESS = "dns.wks.address";
    WKS_PROTOCOL = "dns.wks.protocol";
    WKS_BITS = "dns.wks.bits";
    MINFO_R = "dns.minfo.r";
    MINFO_E = "dns.minfo.e";
    RP_MAILBOX = "dns.rp.mailbox";
    RP_TXT = "dns.rp.txt_rr";
    AFSDB_SUBTYPE = "dns.afsdb.subtype";
    AFSDB_HOST = "dns.afsdb.hostname";
    X25_LENGTH = "dns.x25.length";
    X25_ADDRESS = "dns.x25.psdn_address";
    ISDN_LENGTH = "dns.idsn.length";
    ISDN_ADDRESS = "dns.idsn.address";
    ISDN_SA_LENGTH = "dns.idsn.sa.length";
    ISDN_SA = "dns.idsn.sa.address";
    RT_PREFERENCE = "dns.rt.subtype";
    RT_HOST = "dns.rt.intermediate_host";
    NSAP = "dns.nsap.rdata";
    NSAP_PTR = "dns.nsap_ptr.owner";
    PX_PREFERENCE = "dns.px.preference";
    PX_822 = "dns.px.map822";
    PX_400 = "dns.px.map400";
    GPOS_LONGITUDE_LENGTH = "dns.gpos.longitude_length";
    GPOS_LONGITUDE = "dns.gpos.longitude";
    GPOS_LATITUDE_LENGTH = "dns.gpos.latitude_length";
    GPOS_LATITUDE = "dns.gpos.latitude";
    GPOS_ALTITUDE_LENGTH = "dns.gpos.altitude_length";
    GPOS_ALTITUDE = "dns.gpos.altitude";
    LOC_VERSION = "dns.loc.version";
    LOC_SIZE = "dns.loc.size";
    LOC_HORIZONTAL = "dns.loc.horizontal_precision";
    LOC_VERTICAL = "dns.loc.vertical_precision";
    LOC_LATITUDE = "dns.loc.latitude";
    LOC_LONGITUDE = "dns.loc.longitude";
    LOC_ALTITUDE = "dns.loc.altitude";
    LOC_POSITION = "dns.loc.position";
    LOC_UNKNOWN = "dns.loc.unknown_data";
    NAPTR_ORDER = "dns.naptr.order";
    NAPTR_PREFERENCE = "dns.naptr.preference";
    NAPTR_FLAGS_LENGTH = "dns.naptr.flags_length";
    NAPTR_FLAGS = "dns.naptr.flags";
    NAPTR_SERVICE_LENGTH = "dns.naptr.service_length";
    NAPTR_SERVICE = "dns.naptr.service";
    NAPTR_REGEX_LENGTH = "dns.naptr.regex_length";
    NAPTR_REGEX = "dns.naptr.regex";
    NAPTR_REPLACEMENT = "dns.naptr.replacement";
    KX_PREFERENCE = "dns.kx.preference";
    KX_EXCHANGE = "dns.kx.key_exchange";
    CERT_TYPE = "dns.cert.type";
    CERT_KEY_TAG = "dns.cert.key_tag";
    CERT_ALGORITHM = "dns.cert.algorithm";
    CERT_CERTIFICATE = "dns.cert.certificate";
    A6_PREFIX_LEN = "dns.a6.prefix_len";
    A6_SUFFIX = "dns.a6.address_suffix";
    A6_PREFIX_NAME = "dns.a6.prefix_name";
    APL_FAMILY = "dns.apl.address_family";
    APL_PREFIX = "dns.apl.coded_prefix";
    APL_NEGATION = "dns.apl.negation";
    APL_LENGTH = "dns.apl.afdlength";
    APL_IPV4 = "dns.apl.afdpart.ipv4";
    APL_IPV6 = "dns.apl.afdpart.ipv6";
    APL_DATA = "dns.apl.afdpart.data";
    SSHFP_ALGORITHM = "dns.sshfp.algorithm";
    SSHFP_TYPE = "dns.sshfp.fingerprint.type";
    SSHFP_FINGERPRINT = "dns.sshfp.fingerprint";
    IPSECKEY_PRECEDENCE = "dns.ipseckey.gateway_precedence";
    IPSECKEY_TYPE = "dns.ipseckey.gateway_type";
    IPSECKEY_ALGORITHM = "dns.ipseckey.gateway_algorithm";
    IPSECKEY_IPV4 = "dns.ipseckey.gateway_ipv4";
    IPSECKEY_IPV6 = "dns.ipseckey.gateway_ipv6";
    IPSECKEY_DNS = "dns.ipseckey.gateway_dns";
    IPSECKEY_KEY = "dns.ipseckey.public_key";
    DHCID = "dns.dhcid.rdata";
    TLSA_USAGE = "dns.tlsa.certificate_usage";
    TLSA_SELECTOR = "dns.tlsa.selector";
    TLSA_MATCHING = "dns.tlsa.matching_type";
    TLSA_DATA = "dns.tlsa.certificate_association_data";
    HIP_HIT_LENGTH = "dns.hip.hit.length";
    HIP_ALGORITHM = "dns.hip.hit.pk.algo";
    HIP_KEY_LENGTH = "dns.hip.pk.length";
    HIP_HIT = "dns.hip.hit";
    HIP_KEY = "dns.hip.pk";
    HIP_SERVER = "dns.hip.rendezvous_server";
    OPENPGPKEY = "dns.openpgpkey";
    NID_PREFERENCE = "dns.ilnp.nid.preference";
    NID = "dns.ilnp.nid";
    L32_PREFERENCE = "dns.ilnp.l32.preference";
    L32 = "dns.ilnp.l32";
    L64_PREFERENCE = "dns.ilnp.l64.preference";
    L64 = "dns.ilnp.l64";
    LP_PREFERENCE = "dns.ilnp.lp.preference";
    LP = "dns.ilnp.lp";
    EUI48 = "dns.eui48";
    EUI64 = "dns.eui64";
    URI_PRIORITY = "dns.srv.priority";
    URI_WEIGHT = "dns.srv.weight";
    URI_TARGET = "dns.srv.target";
    WINS_LOCAL = "dns.wins.local_flag";
    WINS_LOOKUP = "dns.wins.lookup_timeout";
    WINS_CACHE = "dns.wins.cache_timeout";
    WINS_COUNT = "dns.wins.nb_wins_servers";
    WINS_SERVER = "dns.wins.wins_server";
    WINSR_LOCAL = "dns.winsr.local_flag";
    WINSR_LOOKUP = "dns.winsr.lookup_timeout";
    WINSR_CACHE = "dns.winsr.cache_timeout";
    WINSR_DOMAIN = "dns.winsr.name_result_domain";
}

/// The data of a record, which the cursor spans: `None` where its type is not of this file. The short form is empty where
/// it is not wanted, or there is none.
pub(super) fn data<R: Recorder>(
    c: &mut Cursor<'_, '_, R>,
    w: &mut Walk<'_>,
    rtype: u16,
    wanted: bool,
) -> Result<Option<String>, Malformed> {
    let mut text = String::new();
    match rtype {
        3 => text = w.name(c, &MD, wanted)?,
        4 => text = w.name(c, &MF, wanted)?,
        7 => text = w.name(c, &MB, wanted)?,
        8 => text = w.name(c, &MG, wanted)?,
        9 => text = w.name(c, &MR, wanted)?,
        10 => drop(c.rest(&NULL)),
        11 => {
            let address = c.ipv4(&WKS_ADDRESS)?;
            c.u8(&WKS_PROTOCOL)?;
            c.rest(&WKS_BITS);
            if wanted {
                text = Ipv4Addr::from(address).to_string();
            }
        }
        14 => text = pair(c, w, [&MINFO_R, &MINFO_E], wanted)?,
        17 => text = pair(c, w, [&RP_MAILBOX, &RP_TXT], wanted)?,
        18 => text = preferred(c, w, &AFSDB_SUBTYPE, &AFSDB_HOST, wanted)?,
        19 => text = string(c, &X25_LENGTH, &X25_ADDRESS)?,
        20 => {
            text = string(c, &ISDN_LENGTH, &ISDN_ADDRESS)?;
            if c.left() > 0 {
                string(c, &ISDN_SA_LENGTH, &ISDN_SA)?;
            }
        }
        21 => text = preferred(c, w, &RT_PREFERENCE, &RT_HOST, wanted)?,
        22 => drop(c.rest(&NSAP)),
        23 => text = w.name(c, &NSAP_PTR, wanted)?,
        26 => {
            c.u16(&PX_PREFERENCE)?;
            text = pair(c, w, [&PX_822, &PX_400], wanted)?;
        }
        27 => {
            string(c, &GPOS_LONGITUDE_LENGTH, &GPOS_LONGITUDE)?;
            string(c, &GPOS_LATITUDE_LENGTH, &GPOS_LATITUDE)?;
            string(c, &GPOS_ALTITUDE_LENGTH, &GPOS_ALTITUDE)?;
        }
        29 => text = loc(c, wanted)?,
        35 => text = naptr(c, w, wanted)?,
        36 => text = preferred(c, w, &KX_PREFERENCE, &KX_EXCHANGE, wanted)?,
        37 => {
            c.u16(&CERT_TYPE)?;
            c.u16(&CERT_KEY_TAG)?;
            c.u8(&CERT_ALGORITHM)?;
            c.rest(&CERT_CERTIFICATE);
        }
        38 => a6(c, w)?,
        42 => apl(c)?,
        44 => {
            let (algorithm, kind) = (c.u8(&SSHFP_ALGORITHM)?, c.u8(&SSHFP_TYPE)?);
            c.rest(&SSHFP_FINGERPRINT);
            if wanted {
                text = format!("{algorithm} {kind}");
            }
        }
        45 => ipseckey(c, w)?,
        49 => drop(c.rest(&DHCID)),
        52 | 53 => {
            let (usage, selector) = (c.u8(&TLSA_USAGE)?, c.u8(&TLSA_SELECTOR)?);
            let matching = c.u8(&TLSA_MATCHING)?;
            c.rest(&TLSA_DATA);
            if wanted {
                text = format!("{usage} {selector} {matching}");
            }
        }
        55 => hip(c, w)?,
        61 => drop(c.rest(&OPENPGPKEY)),
        104 => {
            c.u16(&NID_PREFERENCE)?;
            c.bytes(&NID, 8)?;
        }
        105 => {
            c.u16(&L32_PREFERENCE)?;
            c.ipv4(&L32)?;
        }
        106 => {
            c.u16(&L64_PREFERENCE)?;
            c.bytes(&L64, 8)?;
        }
        107 => text = preferred(c, w, &LP_PREFERENCE, &LP, wanted)?,
        108 => drop(c.mac(&EUI48)?),
        109 => drop(c.bytes(&EUI64, 8)?),
        256 => {
            c.u16(&URI_PRIORITY)?;
            c.u16(&URI_WEIGHT)?;
            let left = c.left();
            text = String::from_utf8_lossy(c.text(&URI_TARGET, left)?).into_owned();
        }
        65281 => {
            c.u32(&WINS_LOCAL)?;
            c.u32(&WINS_LOOKUP)?;
            c.u32(&WINS_CACHE)?;
            let servers = c.u32(&WINS_COUNT)?;
            for _ in 0..servers {
                c.ipv4(&WINS_SERVER)?;
            }
        }
        65282 => {
            c.u32(&WINSR_LOCAL)?;
            c.u32(&WINSR_LOOKUP)?;
            c.u32(&WINSR_CACHE)?;
            text = w.name(c, &WINSR_DOMAIN, wanted)?;
        }
        _ => return Ok(None),
    }
    if !wanted {
        text.clear();
    }
    Ok(Some(text))
}

/// Two names.
fn pair<R: Recorder>(
    c: &mut Cursor<'_, '_, R>,
    w: &mut Walk<'_>,
    fields: [&'static Field; 2],
    wanted: bool,
) -> Result<String, Malformed> {
    let first = w.name(c, fields[0], wanted)?;
    let second = w.name(c, fields[1], wanted)?;
    Ok(if wanted { format!("{first} {second}") } else { first })
}

/// A number, mostly a preference, and a name.
pub(super) fn preferred<R: Recorder>(
    c: &mut Cursor<'_, '_, R>,
    w: &mut Walk<'_>,
    number: &'static Field,
    name: &'static Field,
    wanted: bool,
) -> Result<String, Malformed> {
    let number = c.u16(number)?;
    let name = w.name(c, name, wanted)?;
    Ok(if wanted { format!("{number} {name}") } else { name })
}

/// A string behind its length (RFC 1035 section 3.3).
pub(super) fn string<R: Recorder>(
    c: &mut Cursor<'_, '_, R>,
    length: &'static Field,
    string: &'static Field,
) -> Result<String, Malformed> {
    let n = usize::from(c.u8(length)?);
    c.text(string, n).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
}

/// RFC 1876 section 2; a version that is not 0 has another form, which nobody has specified.
fn loc<R: Recorder>(c: &mut Cursor<'_, '_, R>, wanted: bool) -> Result<String, Malformed> {
    if c.u8(&LOC_VERSION)? != 0 {
        c.rest(&LOC_UNKNOWN);
        return Ok(String::new());
    }
    c.u8(&LOC_SIZE)?;
    c.u8(&LOC_HORIZONTAL)?;
    c.u8(&LOC_VERTICAL)?;
    let (latitude, longitude) = (c.u32(&LOC_LATITUDE)?, c.u32(&LOC_LONGITUDE)?);
    let altitude = c.u32(&LOC_ALTITUDE)?;
    c.derived(&LOC_POSITION, || Value::Text(position(latitude, longitude, altitude)));
    Ok(if wanted { position(latitude, longitude, altitude) } else { String::new() })
}

/// Degrees, minutes and seconds as RFC 1876 section 3 writes them, then metres above sea level.
fn position(latitude: u32, longitude: u32, altitude: u32) -> String {
    let angle = |value: u32, positive: char, negative: char| {
        let signed = i64::from(value) - (1 << 31);
        let milliseconds = signed.unsigned_abs();
        let (seconds, rest) = (milliseconds / 1000, milliseconds % 1000);
        let (degrees, minutes) = (seconds / 3600, seconds / 60 % 60);
        let side = if signed < 0 { negative } else { positive };
        format!("{degrees} {minutes} {}.{rest:03} {side}", seconds % 60)
    };
    let centimetres = i64::from(altitude) - 10_000_000;
    let sign = if centimetres < 0 { "-" } else { "" };
    let height = centimetres.unsigned_abs();
    format!(
        "{} {} {sign}{}.{:02}m",
        angle(latitude, 'N', 'S'),
        angle(longitude, 'E', 'W'),
        height / 100,
        height % 100
    )
}

/// RFC 3403 section 4.1.
fn naptr<R: Recorder>(
    c: &mut Cursor<'_, '_, R>,
    w: &mut Walk<'_>,
    wanted: bool,
) -> Result<String, Malformed> {
    let (order, preference) = (c.u16(&NAPTR_ORDER)?, c.u16(&NAPTR_PREFERENCE)?);
    let flags = string(c, &NAPTR_FLAGS_LENGTH, &NAPTR_FLAGS)?;
    let service = string(c, &NAPTR_SERVICE_LENGTH, &NAPTR_SERVICE)?;
    let rule = string(c, &NAPTR_REGEX_LENGTH, &NAPTR_REGEX)?;
    let replacement = w.name(c, &NAPTR_REPLACEMENT, wanted)?;
    Ok(if wanted {
        format!("{order} {preference} \"{flags}\" \"{service}\" \"{rule}\" {replacement}")
    } else {
        String::new()
    })
}

/// RFC 2874 section 3.1: the suffix has just the bytes that the prefix leaves.
fn a6<R: Recorder>(c: &mut Cursor<'_, '_, R>, w: &mut Walk<'_>) -> Result<(), Malformed> {
    let prefix = usize::from(c.u8(&A6_PREFIX_LEN)?);
    let suffix = 16usize.saturating_sub(prefix / 8);
    if c.left() < suffix {
        return c.bytes(&A6_SUFFIX, suffix).map(drop);
    }
    let bytes = &c.peek()[..suffix];
    c.told(&A6_SUFFIX, suffix, || {
        let mut address = [0; 16];
        address[16 - suffix..].copy_from_slice(bytes);
        Value::Ipv6(address)
    });
    if prefix > 0 {
        w.name(c, &A6_PREFIX_NAME, false)?;
    }
    Ok(())
}

/// RFC 3123 section 4: trailing zero bytes of an address are not sent.
fn apl<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    while c.left() > 0 {
        let family = c.u16(&APL_FAMILY)?;
        c.u8(&APL_PREFIX)?;
        let n = c.bits(1, &[(&APL_NEGATION, 1), (&APL_LENGTH, 7)])? as usize & 0x7f;
        c.region(n, &APL_DATA, |c| {
            edns::prefix(c, family, [&APL_IPV4, &APL_IPV6, &APL_DATA]);
            Ok(())
        })??;
    }
    Ok(())
}

/// RFC 4025 section 2.1.
fn ipseckey<R: Recorder>(c: &mut Cursor<'_, '_, R>, w: &mut Walk<'_>) -> Result<(), Malformed> {
    c.u8(&IPSECKEY_PRECEDENCE)?;
    let gateway = c.u8(&IPSECKEY_TYPE)?;
    c.u8(&IPSECKEY_ALGORITHM)?;
    match gateway {
        1 => drop(c.ipv4(&IPSECKEY_IPV4)?),
        2 => drop(c.ipv6(&IPSECKEY_IPV6)?),
        3 => drop(w.name(c, &IPSECKEY_DNS, false)?),
        _ => {}
    }
    c.rest(&IPSECKEY_KEY);
    Ok(())
}

/// RFC 8005 section 5.
fn hip<R: Recorder>(c: &mut Cursor<'_, '_, R>, w: &mut Walk<'_>) -> Result<(), Malformed> {
    let tag = usize::from(c.u8(&HIP_HIT_LENGTH)?);
    c.u8(&HIP_ALGORITHM)?;
    let key = usize::from(c.u16(&HIP_KEY_LENGTH)?);
    c.bytes(&HIP_HIT, tag)?;
    c.bytes(&HIP_KEY, key)?;
    while c.left() > 0 {
        w.name(c, &HIP_SERVER, false)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_words() {
        // RFC 1876 section 4: cambridge-net.kei.com.
        let north = (1 << 31) + (42 * 3600 + 21 * 60 + 54) * 1000;
        let west = (1 << 31) - (71 * 3600 + 6 * 60 + 18) * 1000;
        assert_eq!(position(north, west, 10_000_000 - 2400), "42 21 54.000 N 71 6 18.000 W -24.00m");
        position(0, u32::MAX, u32::MAX);
    }
}
