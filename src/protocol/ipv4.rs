//! IPv4: the header with all its options, and an authentication header behind it.
//!
//! RFC 791 section 3.1 (header and options), RFC 2474 and RFC 3168 (the old type of service: DSCP and ECN),
//! RFC 2113 (router alert), RFC 1108 (security), RFC 1393 (traceroute), RFC 1063 (MTU discovery options),
//! RFC 6814 (which of these nobody uses any more).
//! Leaves out: the compartments of CIPSO and what other organisations put into options: their bytes are
//! `ip.opt.data`. The fast lane reads the header with etherparse; fragments are put together in `flow`.

use super::ah;
use crate::wire::{Cursor, Field, Malformed, Recorder, Tree, Value};

static VERSION: Field = Field::new("ip.version");
static HDR_LEN: Field = Field::new("ip.hdr_len");
static DSFIELD: Field = Field::hex("ip.dsfield", 2);
static DSCP: Field = Field::new("ip.dsfield.dscp");
static ECN: Field = Field::new("ip.dsfield.ecn");
static LEN: Field = Field::new("ip.len");
static ID: Field = Field::hex("ip.id", 4);
static FLAGS: Field = Field::hex("ip.flags", 1);
static RB: Field = Field::new("ip.flags.rb");
static DF: Field = Field::new("ip.flags.df");
static MF: Field = Field::new("ip.flags.mf");
static FRAG_OFFSET: Field = Field::new("ip.frag_offset");
static TTL: Field = Field::new("ip.ttl");
static PROTO: Field = Field::new("ip.proto");
static CHECKSUM: Field = Field::hex("ip.checksum", 4);
static SRC: Field = Field::new("ip.src");
static DST: Field = Field::new("ip.dst");

static UNREADABLE: Field = Field::new("ip.unreadable");

static OPT_TYPE: Field = Field::new("ip.opt.type");
static OPT_COPY: Field = Field::new("ip.opt.type.copy");
static OPT_CLASS: Field = Field::new("ip.opt.type.class");
static OPT_NUMBER: Field = Field::new("ip.opt.type.number");
static OPT_LEN: Field = Field::new("ip.opt.len");
static OPT_PTR: Field = Field::new("ip.opt.ptr");
static OPT_DATA: Field = Field::new("ip.opt.data");
static OPT_PADDING: Field = Field::new("ip.opt.padding");
static OPT_UNREADABLE: Field = Field::new("ip.opt.unreadable");
static REC_RT: Field = Field::new("ip.rec_rt");
static CUR_RT: Field = Field::new("ip.cur_rt");
static SRC_RT: Field = Field::new("ip.src_rt");
static EMPTY_RT: Field = Field::new("ip.empty_rt");
static OVERFLOW: Field = Field::new("ip.opt.overflow");
static TS_FLAG: Field = Field::hex("ip.opt.flag", 1);
static TIME_STAMP: Field = Field::new("ip.opt.time_stamp");
static TIME_STAMP_ADDR: Field = Field::new("ip.opt.time_stamp_addr");
static ROUTER_ALERT: Field = Field::new("ip.opt.ra");
static SID: Field = Field::new("ip.opt.sid");
static MTU: Field = Field::new("ip.opt.mtu");
static TR_ID: Field = Field::new("ip.opt.id_number");
static TR_OHC: Field = Field::new("ip.opt.ohc");
static TR_RHC: Field = Field::new("ip.opt.rhc");
static TR_ORIGINATOR: Field = Field::new("ip.opt.originator");
static SEC_LEVEL: Field = Field::hex("ip.opt.sec_cl", 2);
static SEC_FLAGS: Field = Field::hex("ip.opt.sec_prot_auth_flags", 2);
static SEC_SECURITY: Field = Field::hex("ip.opt.sec_rfc791_sec", 4);
static SEC_COMPARTMENTS: Field = Field::new("ip.opt.sec_rfc791_comp");
static SEC_HANDLING: Field = Field::new("ip.opt.sec_rfc791_hr");
static SEC_CONTROL: Field = Field::new("ip.opt.sec_rfc791_tcc");

/// Bytes of a header without options.
pub const MIN_HEADER: usize = 20;

/// Names each bit of an IPv4 header; the cursor spans it and the authentication header, where there is one.
///
/// # Errors
/// [`Malformed`] where the header is cut, of another version, or shorter by its own account than it can be.
pub fn describe(c: &mut Cursor<'_, '_, Tree>) -> Result<(), Malformed> {
    if c.peek_u8().is_some_and(|first| first >> 4 != 4) {
        // Nothing of another version can be named.
        c.bits(1, &[(&VERSION, 4), (&UNREADABLE, 4)])?;
        return Err(c.nonsense(&VERSION));
    }
    // The header's length is counted in 32-bit words and told in bytes, as Wireshark does.
    let first = c.bits_told(1, &[(&VERSION, 4), (&HDR_LEN, 4)], |i, n| if i == 1 { n * 4 } else { n })?;
    let header = (first & 0xf) as usize * 4;
    let Some(options) = header.checked_sub(MIN_HEADER) else {
        return Err(c.nonsense(&HDR_LEN));
    };
    if let Some(ds) = c.peek_u8() {
        c.derived(&DSFIELD, || Value::Uint(ds.into()));
    }
    c.bits(1, &[(&DSCP, 6), (&ECN, 2)])?;
    c.u16(&LEN)?;
    c.u16(&ID)?;
    if let Some(flags) = c.peek_u8() {
        c.derived(&FLAGS, || Value::Uint(u64::from(flags >> 5)));
    }
    // The offset stays in units of 8 bytes, as it stands and as Wireshark gives it.
    c.bits(2, &[(&RB, 1), (&DF, 1), (&MF, 1), (&FRAG_OFFSET, 13)])?;
    c.u8(&TTL)?;
    let next = c.u8(&PROTO)?;
    c.u16(&CHECKSUM)?;
    c.ipv4(&SRC)?;
    c.ipv4(&DST)?;
    if options > 0 {
        // A broken option ends the options, not the header.
        let is_cut = options > c.left();
        let _ = c.region_as_captured(options, &OPT_UNREADABLE, |c| options_region(c, is_cut))?;
    }
    // A later fragment of a protected datagram has none: then nothing is left of the layer's header.
    if c.left() > 0 { extensions(c, next).map(drop) } else { Ok(()) }
}

fn options_region(c: &mut Cursor<'_, '_, Tree>, is_cut: bool) -> Result<(), Malformed> {
    while let Some(kind) = c.peek_u8() {
        c.group(group_of(kind), |c| option(c, kind, is_cut))?;
        if kind == 0 {
            // End of list: what follows only fills the header up to a multiple of 4.
            c.rest(&OPT_PADDING);
        }
    }
    Ok(())
}

/// The option's group, named as Wireshark's sub-protocols are.
fn group_of(kind: u8) -> &'static Field {
    macro_rules! group {
        ($name:literal) => {{
            static GROUP: Field = Field::new($name);
            &GROUP
        }};
    }
    match kind {
        0 => group!("ip.options.eol"),
        1 => group!("ip.options.nop"),
        7 => group!("ip.options.record_route"),
        11 => group!("ip.options.mtu_probe"),
        12 => group!("ip.options.mtu_reply"),
        25 => group!("ip.options.qs"),
        68 => group!("ip.options.timestamp"),
        82 => group!("ip.options.traceroute"),
        130 => group!("ip.options.security"),
        131 | 137 => group!("ip.options.source_route"),
        133 => group!("ip.options.ext_security"),
        134 => group!("ip.options.cipso"),
        136 => group!("ip.options.sid"),
        148 => group!("ip.options.routeralert"),
        149 => group!("ip.options.sdb"),
        _ => group!("ip.options.unknown"),
    }
}

/// Kind, length, and what the length counts beyond these two.
fn option(c: &mut Cursor<'_, '_, Tree>, kind: u8, is_cut: bool) -> Result<(), Malformed> {
    c.derived(&OPT_TYPE, || Value::Uint(kind.into()));
    c.bits(1, &[(&OPT_COPY, 1), (&OPT_CLASS, 2), (&OPT_NUMBER, 5)])?;
    if kind <= 1 {
        return Ok(());
    }
    let length = usize::from(c.u8(&OPT_LEN)?);
    // The length counts kind and length too (RFC 791 section 3.1, options): below 2 the walk would not end,
    // and beyond the header there is nothing to read, unless it is the capture that ended there.
    if length < 2 || length - 2 > c.left() && !is_cut {
        return Err(c.nonsense(&OPT_LEN));
    }
    // What the option's own reader stumbles over stays within the option: its length is known.
    let _ = c.region_as_captured(length - 2, &OPT_DATA, |c| value(c, kind, length))?;
    Ok(())
}

fn value(c: &mut Cursor<'_, '_, Tree>, kind: u8, length: usize) -> Result<(), Malformed> {
    match kind {
        7 => route(c, &REC_RT, &REC_RT),
        131 | 137 => route(c, &REC_RT, &SRC_RT),
        68 => timestamps(c),
        148 => c.u16(&ROUTER_ALERT).map(drop),
        136 => c.u16(&SID).map(drop),
        11 | 12 => c.u16(&MTU).map(drop),
        82 => {
            c.u16(&TR_ID)?;
            c.u16(&TR_OHC)?;
            c.u16(&TR_RHC)?;
            c.ipv4(&TR_ORIGINATOR).map(drop)
        }
        // RFC 791's form has a fixed length of 11; any other is RFC 1108's.
        130 if length == 11 => {
            c.u16(&SEC_SECURITY)?;
            c.u16(&SEC_COMPARTMENTS)?;
            c.text(&SEC_HANDLING, 2)?;
            c.text(&SEC_CONTROL, 3).map(drop)
        }
        130 => {
            c.u8(&SEC_LEVEL)?;
            while c.left() > 0 {
                c.u8(&SEC_FLAGS)?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// A pointer and addresses. The pointer counts from the option's first byte, 1 there; addresses before it
/// have been visited, the one it points at comes next, those behind are still to come (or empty slots).
fn route(
    c: &mut Cursor<'_, '_, Tree>,
    before: &'static Field,
    behind: &'static Field,
) -> Result<(), Malformed> {
    let pointer = usize::from(c.u8(&OPT_PTR)?);
    let mut position = 4;
    let recording = std::ptr::eq(before, behind);
    while c.left() > 0 {
        let field = match position.cmp(&pointer) {
            std::cmp::Ordering::Less => before,
            _ if recording => &EMPTY_RT,
            std::cmp::Ordering::Equal => &CUR_RT,
            std::cmp::Ordering::Greater => behind,
        };
        c.ipv4(field)?;
        position += 4;
    }
    Ok(())
}

/// RFC 791 section 3.1, internet timestamp: flag 0 times alone, 1 addresses and times as routers add them,
/// 3 addresses set by the sender.
fn timestamps(c: &mut Cursor<'_, '_, Tree>) -> Result<(), Malformed> {
    c.u8(&OPT_PTR)?;
    let flags = c.bits(1, &[(&OVERFLOW, 4), (&TS_FLAG, 4)])?;
    while c.left() > 0 {
        if matches!(flags & 0xf, 1 | 3) {
            c.ipv4(&TIME_STAMP_ADDR)?;
        }
        c.u32(&TIME_STAMP)?;
    }
    Ok(())
}

/// The authentication headers behind an IPv4 header: the protocol after them.
///
/// # Errors
/// [`Malformed`] where one is cut or makes no sense.
pub fn extensions<R: Recorder>(c: &mut Cursor<'_, '_, R>, protocol: u8) -> Result<u8, Malformed> {
    let mut next = protocol;
    while next == ah::PROTOCOL {
        next = ah::dissect(c)?;
    }
    Ok(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rustfmt::skip]
    const HEADER: &[u8] = &[
        0x4a,                   // ip.version 4, ip.hdr_len 10 words
        0xb9,                   // ip.dsfield.dscp 46, ip.dsfield.ecn 1
        0x00, 0x54,             // ip.len
        0x12, 0x34,             // ip.id
        0x40, 0x00,             // ip.flags: do not fragment; ip.frag_offset 0
        0x40,                   // ip.ttl
        0x01,                   // ip.proto: ICMP
        0x00, 0x00,             // ip.checksum
        0x0a, 0x00, 0x00, 0x01, // ip.src
        0x0a, 0x00, 0x00, 0x02, // ip.dst
        0x83, 0x0b, 0x08,       // loose source route, 11 bytes, pointer at the second address
        0x0a, 0x00, 0x01, 0x01, // visited
        0x0a, 0x00, 0x02, 0x01, // next
        0x01,                   // no operation
        0x94, 0x04, 0x00, 0x00, // router alert
        0x00, 0x00, 0x00, 0x00, // end of list, padding
    ];

    fn tree(bytes: &[u8]) -> (Tree, Result<(), Malformed>) {
        let mut tree = Tree::default();
        let mut c = Cursor::new(bytes, 0, bytes.len(), &mut tree);
        let result = describe(&mut c);
        assert!(result.is_err() || c.left() == 0);
        (tree, result)
    }

    #[test]
    fn a_header_with_options() {
        let (tree, result) = tree(HEADER);
        assert_eq!(result, Ok(()));
        let value = |name| tree.find(name).next().unwrap().value.clone();
        assert_eq!(value("ip.hdr_len"), Value::Uint(40));
        assert_eq!(value("ip.dsfield.dscp"), Value::Uint(46));
        assert_eq!(value("ip.flags"), Value::Uint(2));
        assert_eq!(value("ip.flags.df"), Value::Flag(true));
        assert_eq!(value("ip.rec_rt"), Value::Ipv4([10, 0, 1, 1]));
        assert_eq!(value("ip.cur_rt"), Value::Ipv4([10, 0, 2, 1]));
        assert_eq!(value("ip.opt.ra"), Value::Uint(0));
        let types: Vec<_> = tree.find("ip.opt.type").map(|n| n.value.clone()).collect();
        assert_eq!(types, [131, 1, 148, 0].map(Value::Uint));
        assert_eq!(tree.find("ip.opt.padding").next().unwrap().length(), 3);
    }

    #[test]
    fn a_bad_option_length_ends_the_walk() {
        let mut bytes = HEADER.to_vec();
        bytes[33] = 200; // the router alert claims 200 bytes
        let (tree, result) = tree(&bytes);
        assert_eq!(result, Ok(()));
        let lost = tree.find("ip.opt.unreadable").next().unwrap();
        assert_eq!((lost.offset(), lost.length()), (34, 6));
    }

    #[test]
    fn timestamps_with_addresses() {
        let mut bytes = HEADER[..20].to_vec();
        bytes[0] = 0x48;
        bytes.extend_from_slice(&[68, 12, 13, 0x11, 10, 0, 0, 9, 0, 0, 0, 5]);
        let (tree, _) = tree(&bytes);
        assert_eq!(tree.find("ip.opt.time_stamp").next().unwrap().value, Value::Uint(5));
        assert_eq!(tree.find("ip.opt.overflow").next().unwrap().value, Value::Uint(1));
    }

    #[test]
    fn every_cut_keeps_what_came_before() {
        for length in 0..20 {
            let (tree, result) = tree(&HEADER[..length]);
            let bad = result.unwrap_err();
            assert!(bad.at + bad.have == length && bad.need > bad.have, "{length}: {bad:?}");
            assert_eq!(tree.find("ip.ttl").count(), usize::from(length > 8));
        }
    }
}
