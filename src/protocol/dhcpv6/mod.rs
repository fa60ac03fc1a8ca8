//! DHCPv6: addresses, whole prefixes and settings for hosts that use IPv6.
//!
//! RFC 8415 section 8 and 9 (messages, those of relays around those of clients), 11 (lasting names, DUIDs), 21 (options). Other
//! options: RFC 3646 (name servers, domains), 4075 (SNTP), 4242 (refresh time), 4580 (subscriber), 4649 (remote end), 4704 (full
//! name), 6334 (AFTR).
//! Leaves out: all other options, and what vendors put into theirs: their data are one field of bytes.
//!
//! Options lie in options, and messages in those of relays: at most [`MAX_DEPTH`] deep, what is below is bytes.

use crate::wire::{Cursor, Field, Malformed, Problem, Recorder, Value};

#[cfg(test)]
mod tests;

macro_rules! fields {
    ($($name:ident = $text:literal;)*) => { $(static $name: Field = Field::new($text);)* };
}

fields! {
    MSGTYPE = "dhcpv6.msgtype";
    HOPCOUNT = "dhcpv6.hopcount";
    LINKADDR = "dhcpv6.linkaddr";
    PEERADDR = "dhcpv6.peeraddr";
    OPTION = "dhcpv6.option";
    OPTION_TYPE = "dhcpv6.option.type";
    OPTION_LENGTH = "dhcpv6.option.length";
    OPTION_VALUE = "dhcpv6.option.value";
    DUID = "dhcpv6.duid.bytes";
    DUID_TYPE = "dhcpv6.duid.type";
    DUID_LLT_HWTYPE = "dhcpv6.duidllt.hwtype";
    DUID_LLT_TIME = "dhcpv6.duidllt.time";
    DUID_LLT_ADDRESS = "dhcpv6.duidllt.link_layer_addr";
    DUID_EN_ENTERPRISE = "dhcpv6.duiden.enterprise";
    DUID_EN_IDENTIFIER = "dhcpv6.duiden.identifier";
    DUID_LL_HWTYPE = "dhcpv6.duidll.hwtype";
    DUID_LL_ADDRESS = "dhcpv6.duidll.link_layer_addr";
    DUID_UUID = "dhcpv6.duiduuid.bytes";
    IAID = "dhcpv6.iaid";
    IA_T1 = "dhcpv6.iaid.t1";
    IA_T2 = "dhcpv6.iaid.t2";
    IATA = "dhcpv6.iata";
    IAADDR_IP = "dhcpv6.iaaddr.ip";
    IAADDR_PREFERRED = "dhcpv6.iaaddr.pref_lifetime";
    IAADDR_VALID = "dhcpv6.iaaddr.valid_lifetime";
    REQUESTED = "dhcpv6.requested_option_code";
    PREFERENCE = "dhcpv6.option_preference";
    ELAPSED = "dhcpv6.elapsed_time";
    AUTH_PROTOCOL = "dhcpv6.auth.protocol";
    AUTH_ALGORITHM = "dhcpv6.auth.algorithm";
    AUTH_RDM = "dhcpv6.auth.rdm";
    AUTH_REPLAY = "dhcpv6.auth.replay_detection";
    AUTH_INFO = "dhcpv6.auth.info";
    UNICAST = "dhcpv6.unicast";
    STATUS_CODE = "dhcpv6.status_code";
    STATUS_MESSAGE = "dhcpv6.status_msg";
    USER_CLASS_LENGTH = "dhcpv6.userclass.length";
    USER_CLASS_DATA = "dhcpv6.userclass.opaque_data";
    VENDOR_CLASS_ENTERPRISE = "dhcpv6.vendorclass.enterprise";
    VENDOR_CLASS_LENGTH = "dhcpv6.vendorclass.length";
    VENDOR_CLASS_DATA = "dhcpv6.vendorclass.data";
    VENDOR_OPTS_ENTERPRISE = "dhcpv6.vendoropts.enterprise";
    VENDOR_OPTS_DATA = "dhcpv6.vendoropts.enterprise.data";
    INTERFACE_ID = "dhcpv6.interface_id";
    RECONFIGURE_TYPE = "dhcpv6.reconf_msgtype";
    DNS_SERVER = "dhcpv6.dns_server";
    SEARCH_LIST = "dhcpv6.search_list_entry";
    PREFIX_PREFERRED = "dhcpv6.iaprefix.pref_lifetime";
    PREFIX_VALID = "dhcpv6.iaprefix.valid_lifetime";
    PREFIX_LENGTH = "dhcpv6.iaprefix.pref_len";
    PREFIX = "dhcpv6.iaprefix.pref_addr";
    SNTP_SERVER = "dhcpv6.sntp_server";
    REFRESH = "dhcpv6.lifetime";
    REMOTE_ENTERPRISE = "dhcpv6.remoteid.enterprise";
    REMOTE_ID = "dhcpv6.remoteid_enterprise_id";
    SUBSCRIBER = "dhcpv6.subscriber_id";
    FQDN_CLIENT_N = "dhcpv6.clientfqdn.client.n";
    FQDN_CLIENT_S = "dhcpv6.clientfqdn.client.s";
    FQDN_SERVER_N = "dhcpv6.clientfqdn.server.n";
    FQDN_SERVER_O = "dhcpv6.clientfqdn.server.o";
    FQDN_SERVER_S = "dhcpv6.clientfqdn.server.s";
    FQDN_RESERVED = "dhcpv6.clientfqdn.reserved";
    FQDN_NAME = "dhcpv6.client_domain";
    AFTR = "dhcpv6.aftr_name";
    SOL_MAX_RT = "dhcpv6.sol_max_rt";
    INF_MAX_RT = "dhcpv6.inf_max_rt";
}
static XID: Field = Field::hex("dhcpv6.xid", 6);

/// How deep options and messages may lie in each other: relays stop at 8 (RFC 8415 section 7.6).
pub const MAX_DEPTH: usize = 12;

/// Message types (RFC 8415 section 7.3).
pub mod kind {
    #![allow(missing_docs)]
    pub const SOLICIT: u8 = 1;
    pub const ADVERTISE: u8 = 2;
    pub const REQUEST: u8 = 3;
    pub const CONFIRM: u8 = 4;
    pub const RENEW: u8 = 5;
    pub const REBIND: u8 = 6;
    pub const REPLY: u8 = 7;
    pub const RELEASE: u8 = 8;
    pub const DECLINE: u8 = 9;
    pub const RECONFIGURE: u8 = 10;
    pub const INFORMATION_REQUEST: u8 = 11;
    pub const RELAY_FORW: u8 = 12;
    pub const RELAY_REPL: u8 = 13;
    /// The last number that has been given out (IANA).
    pub const LAST: u8 = 37;
}

/// What the innermost message says, as far as it could be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message<'a> {
    /// Its type.
    pub kind: u8,
    /// Transaction ID.
    pub xid: u32,
    /// How many relays' messages are around it.
    pub relays: usize,
    /// The client's lasting name.
    pub client_id: &'a [u8],
    /// The first address in it.
    pub address: Option<[u8; 16]>,
    /// The first prefix in it, with its length.
    pub prefix: Option<([u8; 16], u8)>,
    /// Seconds that address or prefix may be used.
    pub valid: Option<u32>,
    /// T1 of the first IA: when to renew.
    pub renewal: Option<u32>,
    /// The first name server.
    pub dns: Option<[u8; 16]>,
    /// The first status that is not success.
    pub status: Option<u16>,
    /// Whether the reply to a SOLICIT settles it at once.
    pub rapid_commit: bool,
}

struct Walk<'a> {
    said: Message<'a>,
    trouble: Option<Malformed>,
    depth: usize,
}

/// Reads one message: all that the cursor spans. `bad` gets the first trouble that did not stop the reading.
///
/// # Errors
/// [`Malformed`] where the header is cut, or its type is none that there is.
pub fn dissect_noting<'a, R: Recorder>(
    c: &mut Cursor<'a, '_, R>,
    bad: &mut Option<Malformed>,
) -> Result<Message<'a>, Malformed> {
    let mut w = Walk { said: Message::default(), trouble: None, depth: 0 };
    message(c, &mut w)?;
    *bad = w.trouble;
    Ok(w.said)
}

fn message<'a, R: Recorder>(c: &mut Cursor<'a, '_, R>, w: &mut Walk<'a>) -> Result<(), Malformed> {
    if !matches!(c.peek_u8(), Some(1..=kind::LAST) | None) {
        return Err(c.nonsense(&MSGTYPE));
    }
    w.said.kind = c.u8(&MSGTYPE)?;
    if matches!(w.said.kind, kind::RELAY_FORW | kind::RELAY_REPL) {
        w.said.relays += 1;
        c.u8(&HOPCOUNT)?;
        c.ipv6(&LINKADDR)?;
        c.ipv6(&PEERADDR)?;
    } else {
        w.said.xid = c.bits(3, &[(&XID, 24)])? as u32;
    }
    if let Err(bad) = options(c, w) {
        w.trouble.get_or_insert(bad);
    }
    Ok(())
}

fn options<'a, R: Recorder>(c: &mut Cursor<'a, '_, R>, w: &mut Walk<'a>) -> Result<(), Malformed> {
    while c.left() > 0 {
        c.group(&OPTION, |c| {
            let code = c.u16(&OPTION_TYPE)?;
            let length = usize::from(c.u16(&OPTION_LENGTH)?);
            let (at, have) = (c.at(), c.left());
            w.depth += 1;
            let read = c.region(length.min(have), &OPTION_VALUE, |c| {
                if w.depth > MAX_DEPTH { Ok(()) } else { data(c, w, code) }
            });
            w.depth -= 1;
            if have < length {
                return Err(Malformed {
                    field: OPTION_VALUE.name,
                    at,
                    need: length,
                    have,
                    problem: Problem::Cut,
                });
            }
            if let Err(bad) = read? {
                w.trouble.get_or_insert(bad);
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// The data of an option, which the cursor spans; what is left becomes bytes.
fn data<'a, R: Recorder>(c: &mut Cursor<'a, '_, R>, w: &mut Walk<'a>, code: u16) -> Result<(), Malformed> {
    match code {
        1 => {
            w.said.client_id = c.peek();
            duid(c)?;
        }
        2 | 53 => duid(c)?,
        3 | 25 => {
            c.bytes(&IAID, 4)?;
            let renewal = c.u32(&IA_T1)?;
            w.said.renewal.get_or_insert(renewal);
            c.u32(&IA_T2)?;
            options(c, w)?;
        }
        4 => {
            c.bytes(&IATA, 4)?;
            options(c, w)?;
        }
        5 => {
            let address = c.ipv6(&IAADDR_IP)?;
            w.said.address.get_or_insert(address);
            c.u32(&IAADDR_PREFERRED)?;
            let valid = c.u32(&IAADDR_VALID)?;
            w.said.valid.get_or_insert(valid);
            options(c, w)?;
        }
        6 => {
            while c.left() > 0 {
                c.u16(&REQUESTED)?;
            }
        }
        7 => drop(c.u8(&PREFERENCE)?),
        // Counted in hundredths of a second; told in milliseconds, as Wireshark does.
        8 => drop(c.bits_told(2, &[(&ELAPSED, 16)], |_, hundredths| hundredths * 10)?),
        // What is inside stands for itself: if it is no message, the relay's is one all the same.
        9 if c.left() > 0 => message(c, w)?,
        11 => {
            c.u8(&AUTH_PROTOCOL)?;
            c.u8(&AUTH_ALGORITHM)?;
            c.u8(&AUTH_RDM)?;
            c.bytes(&AUTH_REPLAY, 8)?;
            c.rest(&AUTH_INFO);
        }
        12 => drop(c.ipv6(&UNICAST)?),
        13 => {
            let status = c.u16(&STATUS_CODE)?;
            if status != 0 {
                w.said.status.get_or_insert(status);
            }
            c.text(&STATUS_MESSAGE, c.left())?;
        }
        14 => w.said.rapid_commit = true,
        15 => {
            while c.left() > 0 {
                let length = c.u16(&USER_CLASS_LENGTH)?;
                c.bytes(&USER_CLASS_DATA, length.into())?;
            }
        }
        16 => {
            c.u32(&VENDOR_CLASS_ENTERPRISE)?;
            while c.left() > 0 {
                let length = c.u16(&VENDOR_CLASS_LENGTH)?;
                c.text(&VENDOR_CLASS_DATA, length.into())?;
            }
        }
        17 => {
            c.u32(&VENDOR_OPTS_ENTERPRISE)?;
            c.rest(&VENDOR_OPTS_DATA);
        }
        18 => drop(c.rest(&INTERFACE_ID)),
        19 => drop(c.u8(&RECONFIGURE_TYPE)?),
        23 => {
            while c.left() > 0 {
                let server = c.ipv6(&DNS_SERVER)?;
                w.said.dns.get_or_insert(server);
            }
        }
        24 => names(c, &SEARCH_LIST)?,
        26 => {
            c.u32(&PREFIX_PREFERRED)?;
            let valid = c.u32(&PREFIX_VALID)?;
            w.said.valid.get_or_insert(valid);
            let length = c.u8(&PREFIX_LENGTH)?;
            let prefix = c.ipv6(&PREFIX)?;
            w.said.prefix.get_or_insert((prefix, length));
            options(c, w)?;
        }
        31 => {
            while c.left() > 0 {
                c.ipv6(&SNTP_SERVER)?;
            }
        }
        32 => drop(c.u32(&REFRESH)?),
        37 => {
            c.u32(&REMOTE_ENTERPRISE)?;
            c.rest(&REMOTE_ID);
        }
        38 => drop(c.text(&SUBSCRIBER, c.left())?),
        39 => {
            // RFC 4704 section 4.1: the O bit is a server's word.
            let (n, s) = match w.said.kind {
                kind::ADVERTISE | kind::REPLY => (&FQDN_SERVER_N, &FQDN_SERVER_S),
                _ => (&FQDN_CLIENT_N, &FQDN_CLIENT_S),
            };
            c.bits(1, &[(&FQDN_RESERVED, 5), (n, 1), (&FQDN_SERVER_O, 1), (s, 1)])?;
            names(c, &FQDN_NAME)?;
        }
        64 => names(c, &AFTR)?,
        82 => drop(c.u32(&SOL_MAX_RT)?),
        83 => drop(c.u32(&INF_MAX_RT)?),
        _ => {}
    }
    Ok(())
}

/// A lasting name (RFC 8415 section 11): others compare it, and do not look into it.
fn duid<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    match c.u16(&DUID_TYPE)? {
        1 => {
            c.u16(&DUID_LLT_HWTYPE)?;
            c.u32(&DUID_LLT_TIME)?;
            link_address(c, &DUID_LLT_ADDRESS)
        }
        2 => {
            c.u32(&DUID_EN_ENTERPRISE)?;
            c.rest(&DUID_EN_IDENTIFIER);
            Ok(())
        }
        3 => {
            c.u16(&DUID_LL_HWTYPE)?;
            link_address(c, &DUID_LL_ADDRESS)
        }
        4 => c.bytes(&DUID_UUID, 16).map(drop),
        _ => {
            c.rest(&DUID);
            Ok(())
        }
    }
}

fn link_address<R: Recorder>(c: &mut Cursor<'_, '_, R>, field: &'static Field) -> Result<(), Malformed> {
    match c.left() {
        6 => c.mac(field).map(drop),
        left => c.bytes(field, left).map(drop),
    }
}

/// Names one after another, in labels as in DNS but without pointers (RFC 8415 section 10). The last one may be
/// without its end (RFC 4704 section 4.2).
fn names<R: Recorder>(c: &mut Cursor<'_, '_, R>, field: &'static Field) -> Result<(), Malformed> {
    while c.left() > 0 {
        let (mut text, mut rest) = (String::new(), c.peek());
        loop {
            match rest {
                [0, more @ ..] => {
                    rest = more;
                    // A complete name is told with its last dot, as Wireshark does.
                    text.push('.');
                    break;
                }
                [length @ 1..=63, more @ ..] if usize::from(*length) <= more.len() => {
                    let (label, more) = more.split_at((*length).into());
                    if R::ON {
                        if !text.is_empty() {
                            text.push('.');
                        }
                        text.push_str(&String::from_utf8_lossy(label));
                    }
                    rest = more;
                }
                [] => break,
                _ => return Err(c.nonsense(field)),
            }
        }
        let length = c.left() - rest.len();
        c.told(field, length, || Value::Text(text));
    }
    Ok(())
}
