//! SVCB and HTTPS records: where a service is, and what to know before connecting.
//!
//! RFC 9460 section 2.2 (the form), 7 (parameters), 8 (mandatory), RFC 9461 section 5 (dohpath), RFC 9540 (ohttp),
//! RFC 9848 (ech).
//! Leaves out: what is within the keys of Encrypted Client Hello; parameters that have no name here are one field of bytes.

use super::Walk;
use crate::wire::{Cursor, Field, Malformed, Recorder};

use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

fields! {
    PRIORITY = "dns.svcb.svcpriority";
    TARGET = "dns.svcb.targetname";
    PARAM = "dns.svcb.svcparam";
    KEY = "dns.svcb.svcparam.key";
    LENGTH = "dns.svcb.svcparam.value.length";
    VALUE = "dns.svcb.svcparam.value";
    MANDATORY = "dns.svcb.svcparam.mandatory.key";
    ALPN_LENGTH = "dns.svcb.svcparam.alpn.length";
    ALPN = "dns.svcb.svcparam.alpn";
    PORT = "dns.svcb.svcparam.port";
    IPV4 = "dns.svcb.svcparam.ipv4hint.ip";
    ECH = "dns.svcb.svcparam.echconfig";
    IPV6 = "dns.svcb.svcparam.ipv6hint.ip";
    DOHPATH = "dns.svcb.svcparam.dohpath";
    ODOH = "dns.svcb.svcparam.odohconfig";
}

/// A record's data; its short form where it is wanted.
pub(super) fn svcb<R: Recorder>(
    c: &mut Cursor<'_, '_, R>,
    w: &mut Walk<'_>,
    wanted: bool,
) -> Result<String, Malformed> {
    let priority = c.u16(&PRIORITY)?;
    let target = w.name(c, &TARGET, wanted)?;
    let mut text = if wanted { format!("{priority} {target}") } else { String::new() };
    while c.left() > 0 {
        c.group(&PARAM, |c| {
            let key = c.u16(&KEY)?;
            let n = usize::from(c.u16(&LENGTH)?);
            let read = c.region_as_captured(n, &VALUE, |c| parameter(c, key, wanted))?;
            match read {
                Ok(said) => text.push_str(&said),
                // One parameter that is not what its key says leaves the next ones readable.
                Err(bad) => w.note(bad),
            }
            Ok(())
        })?;
    }
    Ok(text)
}

/// One parameter's value, which the cursor spans.
fn parameter<R: Recorder>(c: &mut Cursor<'_, '_, R>, key: u16, wanted: bool) -> Result<String, Malformed> {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let mut say = |name: &str, value: &dyn std::fmt::Display| {
        if wanted {
            let _ = if text.is_empty() { write!(text, " {name}={value}") } else { write!(text, ",{value}") };
        }
    };
    match key {
        0 => {
            while c.left() > 0 {
                c.u16(&MANDATORY)?;
            }
        }
        1 => {
            while c.left() > 0 {
                let n = usize::from(c.u8(&ALPN_LENGTH)?);
                let protocol = c.text(&ALPN, n)?;
                say("alpn", &String::from_utf8_lossy(protocol));
            }
        }
        // no-default-alpn and ohttp say what they say by being there.
        2 | 8 => {}
        3 => say("port", &c.u16(&PORT)?),
        4 => {
            while c.left() > 0 {
                say("ipv4hint", &Ipv4Addr::from(c.ipv4(&IPV4)?));
            }
        }
        5 => drop(c.rest(&ECH)),
        6 => {
            while c.left() > 0 {
                say("ipv6hint", &Ipv6Addr::from(c.ipv6(&IPV6)?));
            }
        }
        7 => {
            let left = c.left();
            c.text(&DOHPATH, left)?;
        }
        32769 => drop(c.rest(&ODOH)),
        _ => drop(c.rest(&VALUE)),
    }
    Ok(text)
}
