//! Options of DHCP whose data have parts.
//!
//! RFC 2132 section 9.14 and RFC 4361 section 6.1 (client identifier), RFC 3004 (user class), 4702 (client's full name), 3046
//! with 3527, 3993, 5010, 5107 (relay agent information), 3118 (authentication), 4578 (network boot), 3397 (search list),
//! 3442 (classless routes), 3925 (vendors by number).
//! Leaves out: what vendors put into 125, and sub-options of relays with other numbers: bytes.

use super::{HW_TYPE, MAC, Walk, zero_ended};
use crate::wire::{Cursor, Field, Malformed, Recorder, Value};

macro_rules! fields {
    ($($name:ident = $text:literal;)*) => { $(static $name: Field = Field::new($text);)* };
}

fields! {
    CLIENT_ID = "dhcp.client_id";
    CLIENT_ID_TYPE = "dhcp.client_id.type";
    CLIENT_ID_TEXT = "dhcp.client_id.undef";
    UUID = "dhcp.client_id.uuid";
    IAID = "dhcp.client_id.iaid";
    DUID_TYPE = "dhcp.client_id.duid_type";
    DUID_LLT_HW_TYPE = "dhcp.client_id.duid_llt_hw_type";
    DUID_LL_HW_TYPE = "dhcp.client_id.duid_ll_hw_type";
    DUID_TIME = "dhcp.client_id.time";
    DUID_ADDRESS = "dhcp.client_id.link_layer_address";
    DUID_ENTERPRISE = "dhcp.client_id.enterprise_num";
    USER_CLASS = "dhcp.option.user_class";
    USER_CLASS_LENGTH = "dhcp.option.user_class.length";
    USER_CLASS_DATA = "dhcp.option.user_class.data";
    USER_CLASS_TEXT = "dhcp.option.user_class.text";
    FQDN_N = "dhcp.fqdn.n";
    FQDN_E = "dhcp.fqdn.e";
    FQDN_O = "dhcp.fqdn.o";
    FQDN_S = "dhcp.fqdn.s";
    FQDN_RCODE1 = "dhcp.fqdn.rcode1";
    FQDN_RCODE2 = "dhcp.fqdn.rcode2";
    FQDN_NAME = "dhcp.fqdn.name";
    AGENT = "dhcp.option.agent_information_option";
    AGENT_TYPE = "dhcp.option.agent_information_option.suboption";
    AGENT_LENGTH = "dhcp.option.suboption_length";
    AGENT_VALUE = "dhcp.option.agent_information_option.value";
    AGENT_CIRCUIT = "dhcp.option.agent_information_option.agent_circuit_id";
    AGENT_REMOTE = "dhcp.option.agent_information_option.agent_remote_id";
    AGENT_LINK = "dhcp.option.agent_information_option.link_selection";
    AGENT_SUBSCRIBER = "dhcp.option.agent_information_option.subscriber_id";
    AGENT_SERVER = "dhcp.option.agent_information_option.server_id_override";
    AUTH_PROTOCOL = "dhcp.option.dhcp_authentication.protocol";
    AUTH_ALGORITHM = "dhcp.option.dhcp_authentication.algorithm";
    AUTH_RDM = "dhcp.option.dhcp_authentication.rdm";
    AUTH_INFORMATION = "dhcp.option.dhcp_authentication.information";
    NETWORK_TYPE = "dhcp.client_network_id_type";
    NETWORK_MAJOR = "dhcp.client_network_id_major";
    NETWORK_MINOR = "dhcp.client_network_id_minor";
    SEARCH = "dhcp.option.dhcp_dns_domain_search_list_fqdn";
    ROUTE = "dhcp.option.classless_static_route";
    ROUTE_WIDTH = "dhcp.option.classless_static_route.mask_width";
    ROUTE_TO = "dhcp.option.classless_static_route.destination";
    ROUTE_VIA = "dhcp.option.classless_static_route.router";
    VI_CLASS = "dhcp.option.vi_class";
    VI_CLASS_ENTERPRISE = "dhcp.option.vi_class.enterprise";
    VI_CLASS_LENGTH = "dhcp.option.vi_class.length";
    VI_CLASS_DATA = "dhcp.option.vi_class.data";
    VI = "dhcp.option.vi";
    VI_ENTERPRISE = "dhcp.option.vi.enterprise";
    VI_LENGTH = "dhcp.option.vi.length";
    VI_VALUE = "dhcp.option.vi.value";
}
static FQDN_MBZ: Field = Field::hex("dhcp.fqdn.mbz", 2);
static AUTH_REPLAY: Field = Field::hex("dhcp.option.dhcp_authentication.rdm_replay_detection", 16);

/// The data of one of these options, `length` bytes by its word: a cut message has fewer.
pub(super) fn data<'a, R: Recorder>(
    c: &mut Cursor<'a, '_, R>,
    w: &mut Walk<'a>,
    code: u8,
    length: usize,
) -> Result<(), Malformed> {
    match code {
        61 => client_id(c, length),
        77 => user_class(c, length),
        81 => full_name(c),
        82 => agent(c, w),
        90 => {
            c.u8(&AUTH_PROTOCOL)?;
            c.u8(&AUTH_ALGORITHM)?;
            c.u8(&AUTH_RDM)?;
            c.u64(&AUTH_REPLAY)?;
            c.rest(&AUTH_INFORMATION);
            Ok(())
        }
        94 => {
            c.u8(&NETWORK_TYPE)?;
            c.u8(&NETWORK_MAJOR)?;
            c.u8(&NETWORK_MINOR)?;
            Ok(())
        }
        97 => {
            c.u8(&CLIENT_ID_TYPE)?;
            c.bytes(&UUID, 16)?;
            Ok(())
        }
        119 => search_list(c),
        121 | 249 => routes(c),
        124 => of_vendors(c, w, [&VI_CLASS, &VI_CLASS_ENTERPRISE, &VI_CLASS_LENGTH, &VI_CLASS_DATA], true),
        125 => of_vendors(c, w, [&VI, &VI_ENTERPRISE, &VI_LENGTH, &VI_VALUE], false),
        _ => Ok(()),
    }
}

/// RFC 2132 section 9.14: opaque for the server, but mostly made in one of a few ways.
fn client_id<R: Recorder>(c: &mut Cursor<'_, '_, R>, length: usize) -> Result<(), Malformed> {
    match (c.peek(), length) {
        ([1 | 6, ..], 7) => {
            c.u8(&HW_TYPE)?;
            c.mac(&MAC)?;
        }
        ([0, ..], 17) => {
            c.u8(&CLIENT_ID_TYPE)?;
            c.bytes(&UUID, 16)?;
        }
        ([0, ..], 2..) => {
            c.u8(&CLIENT_ID_TYPE)?;
            c.text(&CLIENT_ID_TEXT, c.left())?;
        }
        ([255, ..], 7..) => {
            c.u8(&CLIENT_ID_TYPE)?;
            c.bytes(&IAID, 4)?;
            duid(c)?;
        }
        _ => drop(c.rest(&CLIENT_ID)),
    }
    Ok(())
}

/// A client's lasting name, as DHCPv6 makes it (RFC 4361 section 6.1, RFC 8415 section 11).
fn duid<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    match c.u16(&DUID_TYPE)? {
        1 => {
            c.u16(&DUID_LLT_HW_TYPE)?;
            c.u32(&DUID_TIME)?;
            c.rest(&DUID_ADDRESS);
        }
        2 => {
            c.u32(&DUID_ENTERPRISE)?;
            c.rest(&CLIENT_ID);
        }
        3 => {
            c.u16(&DUID_LL_HW_TYPE)?;
            c.rest(&DUID_ADDRESS);
        }
        4 => drop(c.rest(&UUID)),
        _ => drop(c.rest(&CLIENT_ID)),
    }
    Ok(())
}

/// RFC 3004 section 4 wants a length before each class; many clients just send a text.
fn user_class<R: Recorder>(c: &mut Cursor<'_, '_, R>, length: usize) -> Result<(), Malformed> {
    let mut rest = c.peek();
    while let [length, more @ ..] = rest
        && *length > 0
        && let Some(more) = more.get(usize::from(*length)..)
    {
        rest = more;
    }
    if !rest.is_empty() && c.left() == length {
        c.text(&USER_CLASS_TEXT, c.left())?;
        return Ok(());
    }
    while c.left() > 0 {
        c.group(&USER_CLASS, |c| {
            let length = c.u8(&USER_CLASS_LENGTH)?;
            c.bytes(&USER_CLASS_DATA, length.into()).map(drop)
        })?;
    }
    Ok(())
}

/// RFC 4702 section 2.
fn full_name<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    let flags = c.bits(1, &[(&FQDN_MBZ, 4), (&FQDN_N, 1), (&FQDN_E, 1), (&FQDN_O, 1), (&FQDN_S, 1)])?;
    c.u8(&FQDN_RCODE1)?;
    c.u8(&FQDN_RCODE2)?;
    let (encoded, left, bytes) = (flags & 4 != 0, c.left(), c.peek());
    if !encoded {
        zero_ended(c, &FQDN_NAME, left)?;
        return Ok(());
    }
    // In labels as in DNS; a name that is not complete has no empty label at its end (section 2.3.1).
    c.told(&FQDN_NAME, left, || {
        let (mut text, mut rest) = (String::new(), bytes);
        while let [length @ 1..=63, more @ ..] = rest {
            let (label, more) = more.split_at(usize::from(*length).min(more.len()));
            if !text.is_empty() {
                text.push('.');
            }
            text.push_str(&String::from_utf8_lossy(label));
            rest = more;
        }
        Value::Text(text)
    });
    Ok(())
}

/// RFC 3046 section 2.0.
fn agent<'a, R: Recorder>(c: &mut Cursor<'a, '_, R>, w: &mut Walk<'a>) -> Result<(), Malformed> {
    while c.left() > 0 {
        c.group(&AGENT, |c| {
            let code = c.u8(&AGENT_TYPE)?;
            let length = c.u8(&AGENT_LENGTH)?;
            let read = c.region_as_captured(length.into(), &AGENT_VALUE, |c| {
                match code {
                    1 => drop(c.rest(&AGENT_CIRCUIT)),
                    2 => drop(c.rest(&AGENT_REMOTE)),
                    5 => drop(c.ipv4(&AGENT_LINK)?),
                    6 => drop(zero_ended(c, &AGENT_SUBSCRIBER, c.left())?),
                    11 => drop(c.ipv4(&AGENT_SERVER)?),
                    _ => {}
                }
                Ok(())
            })?;
            if let Err(bad) = read {
                w.note(bad);
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// RFC 3397 section 2: names as DNS writes them, with pointers that count from the option's first byte.
fn search_list<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    let list = c.peek();
    let base = c.at();
    while c.left() > 0 {
        match name(list, c.at() - base) {
            Some((length, text)) => c.told(&SEARCH, length, || Value::Text(text)),
            None => return Err(c.nonsense(&SEARCH)),
        }
    }
    Ok(())
}

/// The name at an offset of a list (RFC 1035 section 4.1.4), and how many bytes it takes up there.
fn name(list: &[u8], at: usize) -> Option<(usize, String)> {
    /// More pointers than an honest list has: they may lead in a circle.
    const MAX_HOPS: usize = 16;
    let (mut text, mut position, mut in_place, mut hops) = (Vec::new(), at, None, 0);
    loop {
        match *list.get(position)? {
            0 => {
                let length = in_place.unwrap_or(position + 1 - at);
                return Some((length, String::from_utf8_lossy(&text).into_owned()));
            }
            length @ 1..=63 => {
                if !text.is_empty() {
                    text.push(b'.');
                }
                text.extend(list.get(position + 1..position + 1 + usize::from(length))?);
                position += 1 + usize::from(length);
            }
            high @ 192.. => {
                let low = *list.get(position + 1)?;
                in_place.get_or_insert(position + 2 - at);
                hops += 1;
                position = usize::from(high & 0x3f) << 8 | usize::from(low);
            }
            _ => return None,
        }
        if hops > MAX_HOPS || text.len() > 255 {
            return None;
        }
    }
}

/// RFC 3442: a destination has only as many bytes as its mask needs.
fn routes<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    while let Some(width) = c.peek_u8() {
        if width > 32 {
            return Err(c.nonsense(&ROUTE_WIDTH));
        }
        let bytes = usize::from(width).div_ceil(8);
        c.group(&ROUTE, |c| {
            c.u8(&ROUTE_WIDTH)?;
            let mut to = [0; 4];
            if let Some(told) = c.peek().get(..bytes) {
                to[..bytes].copy_from_slice(told);
                c.told(&ROUTE_TO, bytes, || Value::Ipv4(to));
                if bytes == 0 {
                    c.derived(&ROUTE_TO, || Value::Ipv4(to));
                }
            } else {
                c.bytes(&ROUTE_TO, bytes)?;
            }
            c.ipv4(&ROUTE_VIA).map(drop)
        })?;
    }
    Ok(())
}

/// RFC 3925: for each vendor, its number, a length and what it means by that.
fn of_vendors<'a, R: Recorder>(
    c: &mut Cursor<'a, '_, R>,
    w: &mut Walk<'a>,
    [group, enterprise, length, data]: [&'static Field; 4],
    text: bool,
) -> Result<(), Malformed> {
    while c.left() > 0 {
        c.group(group, |c| {
            c.u32(enterprise)?;
            let length = c.u8(length)?;
            let read = c.region_as_captured(length.into(), data, |c| {
                if text { zero_ended(c, data, c.left()).map(drop) } else { Ok(()) }
            })?;
            if let Err(bad) = read {
                w.note(bad);
            }
            Ok(())
        })?;
    }
    Ok(())
}
