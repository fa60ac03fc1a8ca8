//! Options of ICMPv6's neighbour discovery.
//!
//! RFC 4861 section 4.6 (link-layer address, prefix, redirected packet, MTU), RFC 4191 (route information), RFC 8106
//! (DNS servers and search list), RFC 6275 section 7 (mobile IPv6), RFC 3122 (address lists), RFC 3971 (nonce,
//! timestamp), RFC 5175 (more flags), RFC 6775 (networks of sensors), RFC 8910 (captive portal), RFC 8781 (NAT64 prefix).
//! Leaves out: certificates and signatures of secure discovery, and mobile IPv6's fast handover: told as bytes.

use crate::wire::{Cursor, Field, Malformed, Recorder, Value};

static OPT: Field = Field::new("icmpv6.opt");
static OPT_TYPE: Field = Field::new("icmpv6.opt.type");
static OPT_LENGTH: Field = Field::new("icmpv6.opt.length");
static OPT_RESERVED: Field = Field::new("icmpv6.opt.reserved");
static OPT_DATA: Field = Field::new("icmpv6.opt.data");
static OPT_LINKADDR: Field = Field::new("icmpv6.opt.linkaddr");
static OPT_SRC_LINKADDR: Field = Field::new("icmpv6.opt.src_linkaddr");
static OPT_TARGET_LINKADDR: Field = Field::new("icmpv6.opt.target_linkaddr");
static PREFIX_LENGTH: Field = Field::new("icmpv6.opt.prefix.length");
static PREFIX_FLAG: Field = Field::hex("icmpv6.opt.prefix.flag", 2);
static PREFIX_L: Field = Field::new("icmpv6.opt.prefix.flag.l");
static PREFIX_A: Field = Field::new("icmpv6.opt.prefix.flag.a");
static PREFIX_R: Field = Field::new("icmpv6.opt.prefix.flag.r");
static PREFIX_RESERVED: Field = Field::new("icmpv6.opt.prefix.flag.reserved");
static PREFIX_VALID: Field = Field::new("icmpv6.opt.prefix.valid_lifetime");
static PREFIX_PREFERRED: Field = Field::new("icmpv6.opt.prefix.preferred_lifetime");
static PREFIX: Field = Field::new("icmpv6.opt.prefix");
static REDIRECTED: Field = Field::new("icmpv6.opt.redirected_packet");
static OPT_MTU: Field = Field::new("icmpv6.opt.mtu");
static ROUTE_FLAG: Field = Field::hex("icmpv6.opt.route_info.flag", 2);
static ROUTE_PREFERENCE: Field = Field::new("icmpv6.opt.route_info.flag.route_preference");
static ROUTE_RESERVED: Field = Field::new("icmpv6.opt.route_info.flag.reserved");
static ROUTE_LIFETIME: Field = Field::new("icmpv6.opt.route_lifetime");
static RDNSS_LIFETIME: Field = Field::new("icmpv6.opt.rdnss.lifetime");
static RDNSS: Field = Field::new("icmpv6.opt.rdnss");
static DNSSL_LIFETIME: Field = Field::new("icmpv6.opt.dnssl.lifetime");
static DNSSL: Field = Field::new("icmpv6.opt.dnssl");
static PADDING: Field = Field::new("icmpv6.opt.padding");
static INTERVAL: Field = Field::new("icmpv6.opt.advertisement_interval");
static AGENT_PREFERENCE: Field = Field::new("icmpv6.opt.home_agent_preference");
static AGENT_LIFETIME: Field = Field::new("icmpv6.opt.home_agent_lifetime");
static ADDRESS: Field = Field::new("icmpv6.opt.ipv6_address");
static TIMESTAMP: Field = Field::new("icmpv6.opt.timestamp");
static EFO: Field = Field::hex("icmpv6.opt.efo", 4);
static EFO_M: Field = Field::new("icmpv6.opt.efo.m");
static EFO_O: Field = Field::new("icmpv6.opt.efo.o");
static EFO_H: Field = Field::new("icmpv6.opt.efo.h");
static EFO_PRF: Field = Field::new("icmpv6.opt.efo.prf");
static EFO_P: Field = Field::new("icmpv6.opt.efo.p");
static EFO_RSV: Field = Field::new("icmpv6.opt.efo.rsv");
static ARO_STATUS: Field = Field::new("icmpv6.opt.aro.status");
static ARO_LIFETIME: Field = Field::new("icmpv6.opt.aro.registration_lifetime");
static ARO_EUI64: Field = Field::hex("icmpv6.opt.aro.eui64", 16);
static CONTEXT_LENGTH: Field = Field::new("icmpv6.opt.6co.context_length");
static CONTEXT_RESERVED: Field = Field::new("icmpv6.opt.6co.flag.reserved");
static CONTEXT_C: Field = Field::new("icmpv6.opt.6co.flag.c");
static CONTEXT_ID: Field = Field::new("icmpv6.opt.6co.flag.cid");
static CONTEXT_LIFETIME: Field = Field::new("icmpv6.opt.6co.valid_lifetime");
static CONTEXT_PREFIX: Field = Field::new("icmpv6.opt.6co.context_prefix");
static PORTAL: Field = Field::new("icmpv6.opt.captive_portal");
static PREF64_LIFETIME: Field = Field::new("icmpv6.opt.pref64.scaled_lifetime");
static PREF64_PLC: Field = Field::new("icmpv6.opt.pref64.plc");
static PREF64: Field = Field::new("icmpv6.opt.pref64.prefix");
static NONCE: Field = Field::new("icmpv6.opt.nonce");

/// Options of neighbour discovery: type, length in units of 8 bytes (RFC 4861 section 4.6).
///
/// # Errors
/// [`Malformed`] where one is cut, or its length is zero.
pub(super) fn options<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    while c.left() > 0 {
        c.group(&OPT, option)?;
    }
    Ok(())
}

fn option<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    let kind = c.u8(&OPT_TYPE)?;
    // A length of zero would never end the walk: nodes must discard such a packet (RFC 4861 section 4.6).
    if c.peek_u8() == Some(0) {
        return Err(c.nonsense(&OPT_LENGTH));
    }
    let length = usize::from(c.u8(&OPT_LENGTH)?) * 8 - 2;
    let _ = c.region_as_captured(length, &OPT_DATA, |c| match kind {
        1 => link_address(c, &OPT_SRC_LINKADDR),
        2 => link_address(c, &OPT_TARGET_LINKADDR),
        3 => prefix_information(c),
        4 => {
            c.bytes(&OPT_RESERVED, 6)?;
            c.rest(&REDIRECTED);
            Ok(())
        }
        5 => {
            c.bytes(&OPT_RESERVED, 2)?;
            c.u32(&OPT_MTU).map(drop)
        }
        14 => {
            c.rest(&NONCE);
            Ok(())
        }
        24 => {
            c.u8(&PREFIX_LENGTH)?;
            if let Some(flags) = c.peek_u8() {
                c.derived(&ROUTE_FLAG, || Value::Uint(flags.into()));
            }
            c.bits(1, &[(&ROUTE_RESERVED, 3), (&ROUTE_PREFERENCE, 2), (&ROUTE_RESERVED, 3)])?;
            c.u32(&ROUTE_LIFETIME)?;
            // The prefix is given as far as its length needs: 0, 8 or 16 bytes (RFC 4191 section 2.3).
            prefix(c, &PREFIX);
            Ok(())
        }
        25 => {
            c.bytes(&OPT_RESERVED, 2)?;
            c.u32(&RDNSS_LIFETIME)?;
            while c.left() > 0 {
                c.ipv6(&RDNSS)?;
            }
            Ok(())
        }
        31 => search_list(c),
        7 => {
            c.bytes(&OPT_RESERVED, 2)?;
            c.u32(&INTERVAL).map(drop)
        }
        8 => {
            c.bytes(&OPT_RESERVED, 2)?;
            c.u16(&AGENT_PREFERENCE)?;
            c.u16(&AGENT_LIFETIME).map(drop)
        }
        9 | 10 => {
            c.bytes(&OPT_RESERVED, 6)?;
            while c.left() > 0 {
                c.ipv6(&ADDRESS)?;
            }
            Ok(())
        }
        13 => {
            c.bytes(&OPT_RESERVED, 6)?;
            c.u64(&TIMESTAMP).map(drop)
        }
        26 => {
            if let Some(flags) = c.peek_u16() {
                c.derived(&EFO, || Value::Uint(flags.into()));
            }
            c.bits(2, &[(&EFO_M, 1), (&EFO_O, 1), (&EFO_H, 1), (&EFO_PRF, 2), (&EFO_P, 1), (&EFO_RSV, 10)])?;
            c.bytes(&OPT_RESERVED, 4).map(drop)
        }
        33 => {
            c.u8(&ARO_STATUS)?;
            c.bytes(&OPT_RESERVED, 3)?;
            c.u16(&ARO_LIFETIME)?;
            c.u64(&ARO_EUI64).map(drop)
        }
        34 => {
            c.u8(&CONTEXT_LENGTH)?;
            c.bits(1, &[(&CONTEXT_RESERVED, 3), (&CONTEXT_C, 1), (&CONTEXT_ID, 4)])?;
            c.bytes(&OPT_RESERVED, 2)?;
            c.u16(&CONTEXT_LIFETIME)?;
            prefix(c, &CONTEXT_PREFIX);
            Ok(())
        }
        37 => {
            // Filled up with zeros to a multiple of 8 bytes.
            let length = c.peek().iter().rposition(|b| *b != 0).map_or(0, |at| at + 1);
            c.text(&PORTAL, length)?;
            c.rest(&PADDING);
            Ok(())
        }
        38 => {
            // Lifetime in units of 8 s, told in seconds; the prefix without the 32 bits for an IPv4 address (RFC 8781).
            c.bits_told(
                2,
                &[(&PREF64_LIFETIME, 13), (&PREF64_PLC, 3)],
                |i, n| if i == 0 { n * 8 } else { n },
            )?;
            prefix(c, &PREF64);
            Ok(())
        }
        _ => Ok(()),
    })?;
    Ok(())
}

/// The rest is the beginning of an address whose other bytes are zero; it is shown as an address.
fn prefix<R: Recorder>(c: &mut Cursor<'_, '_, R>, field: &'static Field) {
    let bytes = c.peek();
    let length = bytes.len().min(16);
    c.told(field, length, || {
        let mut address = [0; 16];
        address[..length].copy_from_slice(&bytes[..length]);
        Value::Ipv6(address)
    });
}

/// RFC 8106 section 5.2: names in DNS's form, never compressed, filled up with zeros.
fn search_list<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    c.bytes(&OPT_RESERVED, 2)?;
    c.u32(&DNSSL_LIFETIME)?;
    while c.peek_u8().is_some_and(|length| length > 0) {
        let (bytes, mut at, mut name) = (c.peek(), 0, String::new());
        while let Some(length @ 1..=63) = bytes.get(at).copied() {
            let Some(label) = bytes.get(at + 1..at + 1 + usize::from(length)) else {
                return Err(c.nonsense(&DNSSL));
            };
            if !name.is_empty() {
                name.push('.');
            }
            name.push_str(&String::from_utf8_lossy(label));
            at += 1 + label.len();
        }
        if bytes.get(at) != Some(&0) {
            return Err(c.nonsense(&DNSSL));
        }
        c.told(&DNSSL, at + 1, || Value::Text(name));
    }
    c.rest(&PADDING);
    Ok(())
}

/// Six bytes are a MAC address, which has a derived value of its own; any other size stays bytes.
fn link_address<R: Recorder>(c: &mut Cursor<'_, '_, R>, field: &'static Field) -> Result<(), Malformed> {
    if c.left() == 6 {
        let mac = c.mac(field)?;
        c.derived(&OPT_LINKADDR, || Value::Mac(mac));
    } else {
        c.rest(field);
    }
    Ok(())
}

fn prefix_information<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    c.u8(&PREFIX_LENGTH)?;
    if let Some(flags) = c.peek_u8() {
        c.derived(&PREFIX_FLAG, || Value::Uint(flags.into()));
    }
    c.bits(1, &[(&PREFIX_L, 1), (&PREFIX_A, 1), (&PREFIX_R, 1), (&PREFIX_RESERVED, 5)])?;
    c.u32(&PREFIX_VALID)?;
    c.u32(&PREFIX_PREFERRED)?;
    c.bytes(&OPT_RESERVED, 4)?;
    c.ipv6(&PREFIX).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Tree;

    fn read(bytes: &[u8]) -> Tree {
        let mut tree = Tree::default();
        options(&mut Cursor::new(bytes, 0, bytes.len(), &mut tree)).unwrap();
        tree
    }

    #[rustfmt::skip]
    const SEARCH_LIST: &[u8] = &[
        31, 3, 0, 0,               // DNS search list, 24 bytes
        0x00, 0x00, 0x0e, 0x10,    // icmpv6.opt.dnssl.lifetime
        3, b'l', b'a', b'n', 0,    // icmpv6.opt.dnssl
        1, b'a', 1, b'b', 0,       // icmpv6.opt.dnssl
        0, 0, 0, 0, 0, 0,          // icmpv6.opt.padding
    ];

    #[test]
    fn a_search_list() {
        let tree = read(SEARCH_LIST);
        let names: Vec<_> = tree.find("icmpv6.opt.dnssl").map(|n| n.value.clone()).collect();
        assert_eq!(names, ["lan", "a.b"].map(|n| Value::Text(n.to_owned())));
        assert_eq!(tree.find("icmpv6.opt.padding").next().unwrap().length(), 6);
    }

    #[test]
    fn a_name_that_runs_past_its_option_is_bytes() {
        let mut bytes = SEARCH_LIST.to_vec();
        bytes[8] = 60;
        assert_eq!(read(&bytes).find("icmpv6.opt.data").next().unwrap().length(), 16);
    }

    #[test]
    fn prefixes_that_are_not_whole() {
        let tree = read(&[24, 2, 64, 0x08, 0, 0, 0, 60, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 1]);
        let address = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(tree.find("icmpv6.opt.prefix").next().unwrap().value, Value::Ipv6(address));
        let tree = read(&[38, 2, 0x07, 0x08, 0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(tree.find("icmpv6.opt.pref64.scaled_lifetime").next().unwrap().value, Value::Uint(1800));
    }
}
