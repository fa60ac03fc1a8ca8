//! What stands in EDNS options, and the TLVs of stateful operations.
//!
//! RFC 6891 section 6.1.2 (the form), RFC 5001 (NSID), 6975 (DAU, DHU, N3U), 7871 section 6 (client subnet), 7314 (expire),
//! 7873 section 4 (cookie), 7828 (TCP keepalive), 7830 (padding), 7901 section 4 (chain), 8145 section 4 (key tag),
//! 8914 section 2 (extended error), 9567 section 5 (report channel), 9660 section 2 (zone version), 9664 section 4 (update lease);
//! RFC 8490 section 5.4 and 7 (stateful operations).
//! Leaves out: long-lived queries (RFC 8764), whose option stays one field of bytes, as does any that has no name here.

use super::Walk;
use crate::wire::{Cursor, Field, Malformed, Recorder, Value};

fields! {
    OPT = "dns.opt";
    OPT_CODE = "dns.opt.code";
    OPT_LEN = "dns.opt.len";
    OPT_DATA = "dns.opt.data";
    DAU = "dns.opt.dau";
    DHU = "dns.opt.dhu";
    N3U = "dns.opt.n3u";
    FAMILY = "dns.opt.client.family";
    NETMASK = "dns.opt.client.netmask";
    SCOPE = "dns.opt.client.scope";
    ADDR = "dns.opt.client.addr";
    ADDR4 = "dns.opt.client.addr4";
    ADDR6 = "dns.opt.client.addr6";
    EXPIRE = "dns.opt.expire";
    LEASE = "dns.opt.lease";
    KEY_LEASE = "dns.opt.key_lease";
    COOKIE_CLIENT = "dns.opt.cookie.client";
    COOKIE_SERVER = "dns.opt.cookie.server";
    KEEPALIVE = "dns.opt.edns_tcp_keepalive.timeout";
    PADDING = "dns.opt.padding";
    CHAIN = "dns.opt.chain.fqdn";
    KEY_TAG = "dns.opt.key_tag";
    INFO_CODE = "dns.opt.ext_error.info_code";
    EXTRA_TEXT = "dns.opt.ext_error.extra_text";
    AGENT = "dns.opt.report_channel.agent_domain";
    ZONE_LABELS = "dns.opt.zoneversion.labelcount";
    ZONE_TYPE = "dns.opt.zoneversion.type";
    ZONE_VERSION = "dns.opt.zoneversion.version";
    DSO = "dns.dso";
    TLV = "dns.dso.tlv";
    TLV_TYPE = "dns.dso.tlv.type";
    TLV_LENGTH = "dns.dso.tlv.length";
    TLV_DATA = "dns.dso.tlv.data";
    INACTIVITY = "dns.dso.tlv.keepalive.inactivity";
    INTERVAL = "dns.dso.tlv.keepalive.interval";
    RETRY_DELAY = "dns.dso.tlv.retrydelay.retrydelay";
    ENCPAD = "dns.dso.tlv.encpad.padding";
}

/// The options of an OPT record, to its end.
pub(super) fn options<R: Recorder>(c: &mut Cursor<'_, '_, R>, w: &mut Walk<'_>) -> Result<(), Malformed> {
    while c.left() > 0 {
        c.group(&OPT, |c| {
            let code = c.u16(&OPT_CODE)?;
            let n = usize::from(c.u16(&OPT_LEN)?);
            let read = c.region_as_captured(n, &OPT_DATA, |c| option(c, w, code))?;
            // One option that is not what its code says leaves the next ones readable.
            read.unwrap_or_else(|bad| w.note(bad));
            Ok(())
        })?;
    }
    Ok(())
}

/// One option's data, which the cursor spans; what is left becomes `dns.opt.data`.
fn option<R: Recorder>(c: &mut Cursor<'_, '_, R>, w: &mut Walk<'_>, code: u16) -> Result<(), Malformed> {
    match code {
        2 if c.left() > 0 => {
            c.u32(&LEASE)?;
            if c.left() > 0 {
                c.u32(&KEY_LEASE)?;
            }
        }
        5..=7 => {
            let field = [&DAU, &DHU, &N3U][usize::from(code) - 5];
            while c.left() > 0 {
                c.u8(field)?;
            }
        }
        8 => client_subnet(c)?,
        9 if c.left() > 0 => drop(c.u32(&EXPIRE)?),
        10 => {
            c.bytes(&COOKIE_CLIENT, 8)?;
            c.rest(&COOKIE_SERVER);
        }
        11 if c.left() > 0 => drop(c.u16(&KEEPALIVE)?),
        12 => drop(c.rest(&PADDING)),
        13 => drop(w.name(c, &CHAIN, false)?),
        14 => {
            while c.left() > 0 {
                c.u16(&KEY_TAG)?;
            }
        }
        15 => {
            c.u16(&INFO_CODE)?;
            let left = c.left();
            c.text(&EXTRA_TEXT, left)?;
        }
        18 => drop(w.name(c, &AGENT, false)?),
        19 if c.left() > 0 => {
            c.u8(&ZONE_LABELS)?;
            if c.u8(&ZONE_TYPE)? == 0 && c.left() == 4 {
                // Type 0 is the serial number of the zone's SOA.
                c.u32(&ZONE_VERSION)?;
            } else {
                c.rest(&ZONE_VERSION);
            }
        }
        _ => drop(c.rest(&OPT_DATA)),
    }
    Ok(())
}

/// RFC 7871 section 6: of the address only the bytes that the mask reaches are sent.
fn client_subnet<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    let family = c.u16(&FAMILY)?;
    c.u8(&NETMASK)?;
    c.u8(&SCOPE)?;
    prefix(c, family, [&ADDR4, &ADDR6, &ADDR]);
    Ok(())
}

/// The beginning of an address, as far as it is sent: IPv4, IPv6, or bytes (fields in this order).
pub(super) fn prefix<R: Recorder>(c: &mut Cursor<'_, '_, R>, family: u16, fields: [&'static Field; 3]) {
    let bytes = c.peek();
    let n = bytes.len();
    match family {
        1 if n <= 4 => c.told(fields[0], n, || {
            let mut address = [0; 4];
            address[..n].copy_from_slice(bytes);
            Value::Ipv4(address)
        }),
        2 if n <= 16 => c.told(fields[1], n, || {
            let mut address = [0; 16];
            address[..n].copy_from_slice(bytes);
            Value::Ipv6(address)
        }),
        _ => drop(c.rest(fields[2])),
    }
}

/// What a message of opcode DSO has behind its header (RFC 8490 section 5.4).
pub(super) fn stateful<R: Recorder>(c: &mut Cursor<'_, '_, R>, w: &mut Walk<'_>) -> Result<(), Malformed> {
    if c.left() == 0 {
        return Ok(());
    }
    c.group(&DSO, |c| {
        while c.left() > 0 {
            c.group(&TLV, |c| {
                let kind = c.u16(&TLV_TYPE)?;
                let n = usize::from(c.u16(&TLV_LENGTH)?);
                let read = c.region_as_captured(n, &TLV_DATA, |c| {
                    match kind {
                        1 => {
                            c.u32(&INACTIVITY)?;
                            c.u32(&INTERVAL)?;
                        }
                        2 => drop(c.u32(&RETRY_DELAY)?),
                        3 => drop(c.rest(&ENCPAD)),
                        _ => drop(c.rest(&TLV_DATA)),
                    }
                    Ok(())
                })?;
                read.unwrap_or_else(|bad| w.note(bad));
                Ok(())
            })?;
        }
        Ok(())
    })
}
