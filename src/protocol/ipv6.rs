//! IPv6: the fixed header and the chain of extension headers behind it.
//!
//! RFC 8200 sections 3 (header), 4 (extension headers: hop-by-hop, routing, fragment, destination options),
//! RFC 4302 (authentication), RFC 2711 (router alert), RFC 2675 (jumbo payload), RFC 2473 (tunnel limit),
//! RFC 6275 (home address, routing type 2), RFC 5095 (routing type 0, deprecated), RFC 8754 (segment routing).
//! Leaves out: options and routing types beyond these (their bytes are named as unknown), encryption (ESP is
//! no header that can be read). One walk over the chain serves both lanes, because what stands behind a
//! fragment header is a header only in the first fragment.

use super::ah;
use crate::wire::{Cursor, Field, Malformed, Recorder, Tree, Value};

static VERSION: Field = Field::new("ipv6.version");
/// Wireshark gives it for both versions, so that one filter tells them apart.
static IP_VERSION: Field = Field::new("ip.version");
static TCLASS: Field = Field::hex("ipv6.tclass", 2);
static DSCP: Field = Field::new("ipv6.tclass.dscp");
static ECN: Field = Field::new("ipv6.tclass.ecn");
static FLOW: Field = Field::hex("ipv6.flow", 5);
static PLEN: Field = Field::new("ipv6.plen");
static NXT: Field = Field::new("ipv6.nxt");
static HLIM: Field = Field::new("ipv6.hlim");
static SRC: Field = Field::new("ipv6.src");
static DST: Field = Field::new("ipv6.dst");

static UNREADABLE: Field = Field::new("ipv6.unreadable");

static HOPOPTS: Field = Field::new("ipv6.hopopts");
static HOPOPTS_NXT: Field = Field::new("ipv6.hopopts.nxt");
static HOPOPTS_LEN: Field = Field::new("ipv6.hopopts.len");
static DSTOPTS: Field = Field::new("ipv6.dstopts");
static DSTOPTS_NXT: Field = Field::new("ipv6.dstopts.nxt");
static DSTOPTS_LEN: Field = Field::new("ipv6.dstopts.len");

static OPT: Field = Field::new("ipv6.opt");
static OPT_TYPE: Field = Field::hex("ipv6.opt.type", 2);
static OPT_ACTION: Field = Field::new("ipv6.opt.type.action");
static OPT_CHANGE: Field = Field::new("ipv6.opt.type.change");
static OPT_REST: Field = Field::hex("ipv6.opt.type.rest", 2);
static OPT_LENGTH: Field = Field::new("ipv6.opt.length");
static OPT_PADN: Field = Field::new("ipv6.opt.padn");
static OPT_ROUTER_ALERT: Field = Field::new("ipv6.opt.router_alert");
static OPT_JUMBO: Field = Field::new("ipv6.opt.jumbo");
static OPT_TUNNEL_LIMIT: Field = Field::new("ipv6.opt.tel");
static OPT_HOME_ADDRESS: Field = Field::new("ipv6.opt.mipv6.home_address");
static OPT_UNKNOWN: Field = Field::new("ipv6.opt.unknown");
static OPT_UNREADABLE: Field = Field::new("ipv6.opt.unreadable");

static ROUTING: Field = Field::new("ipv6.routing");
static ROUTING_NXT: Field = Field::new("ipv6.routing.nxt");
static ROUTING_LEN: Field = Field::new("ipv6.routing.len");
static ROUTING_TYPE: Field = Field::new("ipv6.routing.type");
static ROUTING_SEGLEFT: Field = Field::new("ipv6.routing.segleft");
static ROUTING_DATA: Field = Field::new("ipv6.routing.unknown_data");
static RT0_RESERVED: Field = Field::new("ipv6.routing.src.reserved");
static RT0_ADDR: Field = Field::new("ipv6.routing.src.addr");
static RT2_RESERVED: Field = Field::new("ipv6.routing.mipv6.reserved");
static RT2_HOME: Field = Field::new("ipv6.routing.mipv6.home_address");
static SRH_LAST: Field = Field::new("ipv6.routing.srh.last_entry");
static SRH_FLAGS: Field = Field::hex("ipv6.routing.srh.flags", 2);
static SRH_TAG: Field = Field::new("ipv6.routing.srh.tag");
static SRH_ADDR: Field = Field::new("ipv6.routing.srh.addr");

static FRAGHDR: Field = Field::new("ipv6.fraghdr");
static FRAG_NXT: Field = Field::new("ipv6.fraghdr.nxt");
static FRAG_RESERVED: Field = Field::hex("ipv6.fraghdr.reserved_octet", 2);
static FRAG_OFFSET: Field = Field::new("ipv6.fraghdr.offset");
static FRAG_BITS: Field = Field::new("ipv6.fraghdr.reserved_bits");
static FRAG_MORE: Field = Field::new("ipv6.fraghdr.more");
static FRAG_ID: Field = Field::hex("ipv6.fraghdr.ident", 8);

/// Bytes of the fixed header.
pub const HEADER: usize = 40;

const HOP_BY_HOP: u8 = 0;
const ROUTE: u8 = 43;
const FRAGMENT: u8 = 44;
const DESTINATION: u8 = 60;

/// Type of the home address option (RFC 6275 section 6.3).
const HOME_ADDRESS: u8 = 0xc9;

/// What a fragment header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FragmentHeader {
    /// Protocol of what follows in the whole datagram.
    pub next: u8,
    /// Which datagram.
    pub id: u32,
    /// Where this piece belongs, in bytes.
    pub offset: u32,
    /// Whether more pieces follow it.
    pub more: bool,
    /// Offset in the buffer after the header.
    pub end: usize,
}

/// What the walk over the extension headers found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chain {
    /// Protocol after the last header read.
    pub next: u8,
    /// Set where the datagram was sent in pieces; the last header that says so.
    pub fragment: Option<FragmentHeader>,
    /// Whether the addresses are not those the transport checksum was computed with: segments of a routing header
    /// are still to be visited (RFC 8200 section 8.1), or a home address stands for the source (RFC 6275
    /// section 11.3.1).
    pub ends_differ: bool,
    /// The first header or option that could not be read.
    pub bad: Option<Malformed>,
    /// Whether the walk ended there (a header was cut); else it went on behind it.
    pub stopped: bool,
}

/// Names each bit of an IPv6 header and of the extension headers; the cursor spans them all.
///
/// # Errors
/// [`Malformed`] where a header is cut, or the version is another.
pub fn describe(c: &mut Cursor<'_, '_, Tree>) -> Result<(), Malformed> {
    if let Some(first) = c.peek_u8() {
        c.derived(&IP_VERSION, || Value::Uint(u64::from(first >> 4)));
        if first >> 4 != 6 {
            // Nothing of another version can be named.
            c.bits(1, &[(&VERSION, 4), (&UNREADABLE, 4)])?;
            return Err(c.nonsense(&VERSION));
        }
    }
    // The traffic class straddles two bytes: its value is worked out ahead.
    if let Some(head) = c.peek_u16() {
        c.derived(&TCLASS, || Value::Uint(u64::from(head >> 4 & 0xff)));
    }
    c.bits(4, &[(&VERSION, 4), (&DSCP, 6), (&ECN, 2), (&FLOW, 20)])?;
    c.u16(&PLEN)?;
    let next = c.u8(&NXT)?;
    c.u8(&HLIM)?;
    c.ipv6(&SRC)?;
    c.ipv6(&DST)?;
    let chain = if c.left() > 0 { Some(extensions(c, next, true)) } else { None };
    match chain.and_then(|chain| chain.bad) {
        Some(bad) => Err(bad),
        None => Ok(()),
    }
}

/// Walks the extension headers, the first of which is `next`. With `into_fragments` the walk goes on behind
/// the fragment header of a first fragment, as is right where the datagram will not be put together.
#[inline]
pub fn extensions<R: Recorder>(c: &mut Cursor<'_, '_, R>, next: u8, into_fragments: bool) -> Chain {
    let mut chain = Chain { next, fragment: None, ends_differ: false, bad: None, stopped: false };
    // Each turn takes at least 8 bytes or ends.
    loop {
        let read = match chain.next {
            HOP_BY_HOP => options(c, [&HOPOPTS, &HOPOPTS_NXT, &HOPOPTS_LEN], &mut chain),
            DESTINATION => options(c, [&DSTOPTS, &DSTOPTS_NXT, &DSTOPTS_LEN], &mut chain),
            ROUTE => routing(c, &mut chain),
            FRAGMENT => fragment(c, &mut chain),
            ah::PROTOCOL => ah::dissect(c),
            _ => return chain,
        };
        match read {
            Ok(next) => chain.next = next,
            Err(bad) => {
                chain.bad = chain.bad.or(Some(bad));
                chain.stopped = true;
                return chain;
            }
        }
        if let Some(fragment) = &chain.fragment
            && (fragment.offset > 0 || !into_fragments)
        {
            return chain;
        }
    }
}

/// Hop-by-hop and destination options (RFC 8200 section 4.2): the length counts 8-byte units beyond the first.
fn options<R: Recorder>(
    c: &mut Cursor<'_, '_, R>,
    [group, nxt, len]: [&'static Field; 3],
    chain: &mut Chain,
) -> Result<u8, Malformed> {
    c.group(group, |c| {
        let next = c.u8(nxt)?;
        let length = usize::from(c.u8(len)?) * 8 + 6;
        let inside = c.region_as_captured(length, &OPT_UNREADABLE, |c| {
            while c.left() > 0 {
                let kind = c.group(&OPT, option)?;
                chain.ends_differ |= kind == HOME_ADDRESS;
            }
            Ok(())
        })?;
        chain.bad = chain.bad.or(inside.err());
        Ok(next)
    })
}

/// Reads one option and gives its type.
fn option<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<u8, Malformed> {
    let kind = c.peek_u8().unwrap_or_default();
    c.derived(&OPT_TYPE, || Value::Uint(kind.into()));
    c.bits(1, &[(&OPT_ACTION, 2), (&OPT_CHANGE, 1), (&OPT_REST, 5)])?;
    if kind == 0 {
        return Ok(kind); // Pad1: a single byte
    }
    let length = usize::from(c.u8(&OPT_LENGTH)?);
    let _ = c.region_as_captured(length, &OPT_UNKNOWN, |c| match kind {
        0x01 => {
            c.rest(&OPT_PADN);
            Ok(())
        }
        0x05 => c.u16(&OPT_ROUTER_ALERT).map(drop),
        0xc2 => c.u32(&OPT_JUMBO).map(drop),
        0x04 => c.u8(&OPT_TUNNEL_LIMIT).map(drop),
        HOME_ADDRESS => c.ipv6(&OPT_HOME_ADDRESS).map(drop),
        _ => Ok(()),
    })?;
    Ok(kind)
}

fn routing<R: Recorder>(c: &mut Cursor<'_, '_, R>, chain: &mut Chain) -> Result<u8, Malformed> {
    let (mut segments_left, mut bad) = (0, None);
    let next = c.group(&ROUTING, |c| {
        let next = c.u8(&ROUTING_NXT)?;
        let length = usize::from(c.u8(&ROUTING_LEN)?) * 8 + 6;
        let inside = c.region_as_captured(length, &ROUTING_DATA, |c| {
            let kind = c.u8(&ROUTING_TYPE)?;
            segments_left = c.u8(&ROUTING_SEGLEFT)?;
            match kind {
                0 => {
                    c.bytes(&RT0_RESERVED, 4)?;
                    while c.left() >= 16 {
                        c.ipv6(&RT0_ADDR)?;
                    }
                }
                2 => {
                    c.bytes(&RT2_RESERVED, 4)?;
                    c.ipv6(&RT2_HOME)?;
                }
                4 => {
                    let last = c.u8(&SRH_LAST)?;
                    c.u8(&SRH_FLAGS)?;
                    c.bytes(&SRH_TAG, 2)?;
                    for _ in 0..=last {
                        c.ipv6(&SRH_ADDR)?;
                    }
                }
                _ => {}
            }
            Ok(())
        })?;
        bad = inside.err();
        Ok(next)
    });
    chain.ends_differ |= segments_left > 0;
    chain.bad = chain.bad.or(bad);
    next
}

/// RFC 8200 section 4.5: where in the datagram this piece belongs, in units of 8 bytes.
fn fragment<R: Recorder>(c: &mut Cursor<'_, '_, R>, chain: &mut Chain) -> Result<u8, Malformed> {
    c.group(&FRAGHDR, |c| {
        let next = c.u8(&FRAG_NXT)?;
        c.u8(&FRAG_RESERVED)?;
        let place = c.bits(2, &[(&FRAG_OFFSET, 13), (&FRAG_BITS, 2), (&FRAG_MORE, 1)])?;
        let id = c.u32(&FRAG_ID)?;
        let (offset, more) = ((place & 0xfff8) as u32, place & 1 == 1);
        // Offset 0 and no more: a datagram in one piece, though it has the header (RFC 6946).
        if offset > 0 || more {
            chain.fragment = Some(FragmentHeader { next, id, offset, more, end: c.at() });
        }
        Ok(next)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Off;

    #[rustfmt::skip]
    const PACKET: &[u8] = &[
        0x6b, 0x80, 0x12, 0x34,                         // version 6, DSCP 46, ECN 0, ipv6.flow 0x01234
        0x00, 0x20,                                     // ipv6.plen
        0x00,                                           // ipv6.nxt: hop-by-hop options
        0x40,                                           // ipv6.hlim
        0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, // ipv6.src
        0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, // ipv6.dst
        0x2c, 0x00,                                     // next: fragment; 8 bytes
        0x05, 0x02, 0x00, 0x00,                         // router alert: MLD
        0x01, 0x00,                                     // PadN of no bytes
        0x3a, 0x00,                                     // next: ICMPv6; reserved
        0x00, 0x09,                                     // offset 8, more fragments
        0x00, 0x00, 0xab, 0xcd,                         // identification
    ];

    #[test]
    fn the_whole_chain() {
        let mut tree = Tree::default();
        let mut c = Cursor::new(PACKET, 0, PACKET.len(), &mut tree);
        assert_eq!(describe(&mut c), Ok(()));
        assert_eq!(c.left(), 0);
        let value = |name| tree.find(name).next().unwrap().value.clone();
        assert_eq!(value("ipv6.tclass"), Value::Uint(0xb8));
        assert_eq!(value("ipv6.tclass.dscp"), Value::Uint(46));
        assert_eq!(value("ipv6.flow"), Value::Uint(0x01234));
        assert_eq!(value("ipv6.opt.router_alert"), Value::Uint(0));
        assert_eq!(value("ipv6.fraghdr.offset"), Value::Uint(1));
        assert_eq!(value("ipv6.fraghdr.more"), Value::Flag(true));
        let group = tree.nodes.iter().find(|n| n.field == &FRAGHDR).unwrap();
        assert_eq!((group.offset(), group.length()), (48, 8));
    }

    #[test]
    fn nothing_behind_a_later_fragment_is_a_header() {
        let mut bytes = PACKET.to_vec();
        bytes[48] = DESTINATION;
        bytes.extend_from_slice(&[6, 0, 1, 4, 0, 0, 0, 0]);
        let mut off = Off;
        let mut c = Cursor::new(&bytes, 40, bytes.len(), &mut off);
        let chain = extensions(&mut c, 0, true);
        assert_eq!((chain.next, c.at()), (DESTINATION, 56));
        assert_eq!(chain.fragment.unwrap().id, 0xabcd);
    }

    #[test]
    fn an_option_that_is_too_long_does_not_end_the_chain() {
        let mut bytes = PACKET.to_vec();
        bytes[43] = 9;
        let mut tree = Tree::default();
        let mut c = Cursor::new(&bytes, 40, bytes.len(), &mut tree);
        let chain = extensions(&mut c, 0, true);
        assert!(chain.bad.is_some() && !chain.stopped && chain.fragment.is_some());
    }

    #[test]
    fn a_cut_extension_header() {
        let mut tree = Tree::default();
        let mut c = Cursor::new(PACKET, 40, 51, &mut tree);
        let chain = extensions(&mut c, 0, true);
        let bad = chain.bad.unwrap();
        assert!(chain.stopped);
        assert_eq!((bad.field, bad.at, bad.need, bad.have), ("ipv6.fraghdr.offset", 50, 2, 1));
    }
}
