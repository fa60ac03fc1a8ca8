//! TCP: the header and every option in it.
//!
//! RFC 9293 section 3.1 (header), 3.2 (options 0 to 2); RFC 7323 (window scale, timestamps); RFC 2018 (selective
//! acknowledgment); RFC 7413 (Fast Open, also under its experimental number); RFC 2385 (MD5 signature);
//! RFC 5482 (user timeout); RFC 5925 (authentication); RFC 8684 (Multipath TCP, as bytes); RFC 6994
//! (experimental options); RFC 3168, RFC 9768 (flags for congestion notification); RFC 1072 (echo); RFC 1644 (T/TCP).
//! Leaves out: numbers counted from the beginning of a conversation, scaled windows, what a segment means:
//! those need the segments before it and are the work of `flow`. The fast lane reads the header with etherparse.
//! Hence edges of selective acknowledgments are told here as they stand on the wire, under names that end in `_raw`,
//! as `tcp.seq_raw` does: Wireshark's own names for them mean the relative numbers.

use crate::wire::{Cursor, Field, Malformed, Tree, Value};

static SRCPORT: Field = Field::new("tcp.srcport");
static DSTPORT: Field = Field::new("tcp.dstport");
static SEQ_RAW: Field = Field::new("tcp.seq_raw");
static ACK_RAW: Field = Field::new("tcp.ack_raw");
static HDR_LEN: Field = Field::new("tcp.hdr_len");
static FLAGS: Field = Field::hex("tcp.flags", 3);
static RES: Field = Field::new("tcp.flags.res");
static AE: Field = Field::new("tcp.flags.ae");
static CWR: Field = Field::new("tcp.flags.cwr");
static ECE: Field = Field::new("tcp.flags.ece");
static URG: Field = Field::new("tcp.flags.urg");
static ACK: Field = Field::new("tcp.flags.ack");
static PUSH: Field = Field::new("tcp.flags.push");
static RESET: Field = Field::new("tcp.flags.reset");
static SYN: Field = Field::new("tcp.flags.syn");
static FIN: Field = Field::new("tcp.flags.fin");
static WINDOW: Field = Field::new("tcp.window_size_value");
static CHECKSUM: Field = Field::hex("tcp.checksum", 4);
static URGENT: Field = Field::new("tcp.urgent_pointer");

static KIND: Field = Field::new("tcp.option_kind");
static LEN: Field = Field::new("tcp.option_len");
static MSS: Field = Field::new("tcp.options.mss_val");
static SHIFT: Field = Field::new("tcp.options.wscale.shift");
static MULTIPLIER: Field = Field::new("tcp.options.wscale.multiplier");
static SACK_LE_RAW: Field = Field::new("tcp.options.sack_le_raw");
static SACK_RE_RAW: Field = Field::new("tcp.options.sack_re_raw");
static SACK_COUNT: Field = Field::new("tcp.options.sack.count");
static ECHO: Field = Field::new("tcp.options.echo_value");
static TSVAL: Field = Field::new("tcp.options.timestamp.tsval");
static TSECR: Field = Field::new("tcp.options.timestamp.tsecr");
static CC: Field = Field::new("tcp.options.cc_value");
static MD5: Field = Field::new("tcp.options.md5.digest");
static TIMEOUT_UNIT: Field = Field::new("tcp.options.user_to_granularity");
static TIMEOUT: Field = Field::new("tcp.options.user_to_val");
static AO_KEY: Field = Field::new("tcp.options.ao.keyid");
static AO_NEXT_KEY: Field = Field::new("tcp.options.ao.rnextkeyid");
static AO_MAC: Field = Field::new("tcp.options.ao.mac");
static MPTCP_SUBTYPE: Field = Field::new("tcp.options.mptcp.subtype");
static MPTCP_DATA: Field = Field::new("tcp.options.mptcp.data");
static TFO_REQUEST: Field = Field::new("tcp.options.tfo.request");
static TFO_COOKIE: Field = Field::new("tcp.options.tfo.cookie");
static EXID: Field = Field::hex("tcp.options.experimental.exid", 4);
static EXPERIMENT: Field = Field::new("tcp.options.experimental.data");
static UNKNOWN: Field = Field::new("tcp.options.unknown.payload");
static PADDING: Field = Field::new("tcp.options.padding");
static UNREADABLE: Field = Field::new("tcp.options.unreadable");

/// Bytes of a header without options.
pub const MIN_HEADER: usize = 20;
/// The number under which Fast Open ran as an experiment (RFC 7413 section 4.1.1, RFC 6994).
const FAST_OPEN_EXPERIMENT: u16 = 0xf989;

/// Names each bit of a TCP header; the cursor spans it.
///
/// # Errors
/// [`Malformed`] where the header is cut, or shorter by its own account than it can be.
pub fn describe(c: &mut Cursor<'_, '_, Tree>) -> Result<(), Malformed> {
    c.u16(&SRCPORT)?;
    c.u16(&DSTPORT)?;
    c.u32(&SEQ_RAW)?;
    c.u32(&ACK_RAW)?;
    if let Some(word) = c.peek_u16() {
        c.derived(&FLAGS, || Value::Uint(u64::from(word & 0xfff)));
    }
    let parts = [
        (&HDR_LEN, 4),
        (&RES, 3),
        (&AE, 1),
        (&CWR, 1),
        (&ECE, 1),
        (&URG, 1),
        (&ACK, 1),
        (&PUSH, 1),
        (&RESET, 1),
        (&SYN, 1),
        (&FIN, 1),
    ];
    // The header's length is counted in 32-bit words and told in bytes, as Wireshark does.
    let word = c.bits_told(2, &parts, |i, n| if i == 0 { n * 4 } else { n })?;
    c.u16(&WINDOW)?;
    c.u16(&CHECKSUM)?;
    c.u16(&URGENT)?;
    let header = (word >> 12) as usize * 4;
    let Some(length) = header.checked_sub(MIN_HEADER) else {
        return Err(c.nonsense(&HDR_LEN));
    };
    if length > 0 {
        // A broken option ends the options, not the header.
        let is_cut = length > c.left();
        let _ = c.region_as_captured(length, &UNREADABLE, |c| options(c, is_cut))?;
    }
    Ok(())
}

fn options(c: &mut Cursor<'_, '_, Tree>, is_cut: bool) -> Result<(), Malformed> {
    while let Some(kind) = c.peek_u8() {
        c.group(group_of(kind), |c| option(c, kind, is_cut))?;
        if kind == 0 {
            // End of list: what follows only fills the header up to a multiple of 4 (RFC 9293 section 3.2).
            c.rest(&PADDING);
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
        0 => group!("tcp.options.eol"),
        1 => group!("tcp.options.nop"),
        2 => group!("tcp.options.mss"),
        3 => group!("tcp.options.wscale"),
        4 => group!("tcp.options.sack_perm"),
        5 => group!("tcp.options.sack"),
        6 => group!("tcp.options.echo"),
        7 => group!("tcp.options.echoreply"),
        8 => group!("tcp.options.timestamp"),
        11 => group!("tcp.options.cc"),
        12 => group!("tcp.options.ccnew"),
        13 => group!("tcp.options.ccecho"),
        19 => group!("tcp.options.md5"),
        28 => group!("tcp.options.user_to"),
        29 => group!("tcp.options.ao"),
        30 => group!("tcp.options.mptcp"),
        34 => group!("tcp.options.tfo"),
        253 | 254 => group!("tcp.options.experimental"),
        _ => group!("tcp.options.unknown"),
    }
}

/// Kind, length, and what the length counts beyond these two.
fn option(c: &mut Cursor<'_, '_, Tree>, kind: u8, is_cut: bool) -> Result<(), Malformed> {
    c.u8(&KIND)?;
    if kind <= 1 {
        return Ok(());
    }
    let length = usize::from(c.u8(&LEN)?);
    // The length counts kind and length too (RFC 9293 section 3.2): below 2 the walk would not end, and
    // beyond the header there is nothing to read, unless it is the capture that ended there.
    if length < 2 || length - 2 > c.left() && !is_cut {
        return Err(c.nonsense(&LEN));
    }
    // What the option's own reader stumbles over stays within the option: its length is known.
    let _ = c.region_as_captured(length - 2, &UNKNOWN, |c| value(c, kind))?;
    Ok(())
}

fn value(c: &mut Cursor<'_, '_, Tree>, kind: u8) -> Result<(), Malformed> {
    match kind {
        2 => c.u16(&MSS).map(drop),
        3 => {
            let shift = c.u8(&SHIFT)?;
            // RFC 7323 section 2.3: a shift above 14 is to be taken as 14.
            c.derived(&MULTIPLIER, || Value::Uint(1 << shift.min(14)));
            Ok(())
        }
        5 => {
            let count = c.left() / 8;
            c.derived(&SACK_COUNT, || Value::Uint(count as u64));
            while c.left() > 0 {
                c.u32(&SACK_LE_RAW)?;
                c.u32(&SACK_RE_RAW)?;
            }
            Ok(())
        }
        6 | 7 => c.u32(&ECHO).map(drop),
        8 => {
            c.u32(&TSVAL)?;
            c.u32(&TSECR).map(drop)
        }
        11..=13 => c.u32(&CC).map(drop),
        19 => c.bytes(&MD5, 16).map(drop),
        28 => c.bits(2, &[(&TIMEOUT_UNIT, 1), (&TIMEOUT, 15)]).map(drop),
        29 => {
            c.u8(&AO_KEY)?;
            c.u8(&AO_NEXT_KEY)?;
            c.rest(&AO_MAC);
            Ok(())
        }
        30 => {
            if let Some(first) = c.peek_u8() {
                c.derived(&MPTCP_SUBTYPE, || Value::Uint(u64::from(first >> 4)));
            }
            c.rest(&MPTCP_DATA);
            Ok(())
        }
        34 => {
            fast_open(c);
            Ok(())
        }
        253 | 254 => {
            let experiment = c.u16(&EXID)?;
            if experiment == FAST_OPEN_EXPERIMENT {
                fast_open(c);
            } else {
                c.rest(&EXPERIMENT);
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// RFC 7413 section 4.1.1: no cookie means "please give me one".
fn fast_open(c: &mut Cursor<'_, '_, Tree>) {
    if c.left() == 0 {
        c.derived(&TFO_REQUEST, || Value::Flag(true));
    }
    c.rest(&TFO_COOKIE);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rustfmt::skip]
    const SYN_SEGMENT: &[u8] = &[
        0xc3, 0x50,             // tcp.srcport 50000
        0x00, 0x50,             // tcp.dstport 80
        0x00, 0x00, 0x03, 0xe8, // tcp.seq_raw 1000
        0x00, 0x00, 0x00, 0x00, // tcp.ack_raw
        0xc0, 0x02,             // tcp.hdr_len 48 bytes, tcp.flags SYN
        0xfa, 0xf0,             // tcp.window_size_value 64240
        0x12, 0x34,             // tcp.checksum
        0x00, 0x00,             // tcp.urgent_pointer
        0x02, 0x04, 0x05, 0xb4, // maximum segment size 1460
        0x04, 0x02,             // selective acknowledgment permitted
        0x08, 0x0a, 0x00, 0x00, 0x00, 0x07, 0x00, 0x00, 0x00, 0x00, // timestamps 7, 0
        0x01,                   // no operation
        0x03, 0x03, 0x07,       // window scale 7
        0xfe, 0x04, 0xf9, 0x89, // experimental: Fast Open, a cookie is asked for
        0x00, 0x00, 0x00, 0x00, // end of list, padding
    ];

    fn tree(bytes: &[u8]) -> (Tree, Result<(), Malformed>) {
        let mut tree = Tree::default();
        let result = describe(&mut Cursor::new(bytes, 0, bytes.len(), &mut tree));
        (tree, result)
    }

    fn value(tree: &Tree, name: &str) -> Value {
        tree.nodes.iter().find(|n| n.field.name == name).unwrap().value.clone()
    }

    #[test]
    fn a_syn_with_options() {
        let (tree, result) = tree(SYN_SEGMENT);
        assert_eq!(result, Ok(()));
        assert_eq!(value(&tree, "tcp.hdr_len"), Value::Uint(48));
        assert_eq!(value(&tree, "tcp.flags"), Value::Uint(2));
        assert_eq!(value(&tree, "tcp.flags.syn"), Value::Flag(true));
        assert_eq!(value(&tree, "tcp.flags.ack"), Value::Flag(false));
        assert_eq!(value(&tree, "tcp.options.mss_val"), Value::Uint(1460));
        assert_eq!(value(&tree, "tcp.options.timestamp.tsval"), Value::Uint(7));
        assert_eq!(value(&tree, "tcp.options.wscale.multiplier"), Value::Uint(128));
        assert_eq!(value(&tree, "tcp.options.tfo.request"), Value::Flag(true));
        let kinds: Vec<_> = tree.find("tcp.option_kind").map(|n| n.value.clone()).collect();
        assert_eq!(kinds, [2, 4, 8, 1, 3, 254, 0].map(Value::Uint));
        let lengths: Vec<_> = tree.find("tcp.option_len").map(|n| n.value.clone()).collect();
        assert_eq!(lengths, [4, 2, 10, 3, 4].map(Value::Uint));
        assert_eq!(tree.find("tcp.options.padding").next().unwrap().length(), 3);
    }

    #[test]
    fn selective_acknowledgments_and_a_cookie() {
        let mut bytes = SYN_SEGMENT[..20].to_vec();
        bytes[12] = 0x90;
        bytes.extend_from_slice(&[5, 10, 0, 0, 0, 9, 0, 0, 0, 12, 34, 6, 1, 2, 3, 4]);
        let (tree, result) = tree(&bytes);
        assert_eq!(result, Ok(()));
        assert_eq!(value(&tree, "tcp.options.sack_le_raw"), Value::Uint(9));
        assert_eq!(value(&tree, "tcp.options.sack_re_raw"), Value::Uint(12));
        assert_eq!(tree.find("tcp.options.tfo.cookie").next().unwrap().length(), 4);
    }

    #[test]
    fn a_bad_option_length_ends_the_walk_and_loses_nothing() {
        for bad in [0, 1, 27] {
            let mut bytes = SYN_SEGMENT.to_vec();
            bytes[25] = bad; // selective acknowledgment permitted
            let (tree, result) = tree(&bytes);
            assert_eq!(result, Ok(()));
            let lost = tree.find("tcp.options.unreadable").next().unwrap();
            assert_eq!((lost.offset(), lost.length()), (26, 22));
            assert_eq!(value(&tree, "tcp.options.mss_val"), Value::Uint(1460));
        }
    }

    #[test]
    fn an_option_shorter_than_its_kind_needs() {
        let mut bytes = SYN_SEGMENT[..20].to_vec();
        bytes[12] = 0x60;
        bytes.extend_from_slice(&[2, 3, 0x05, 1]); // a maximum segment size of one byte, no operation
        let (tree, _) = tree(&bytes);
        assert_eq!(tree.find("tcp.options.unknown.payload").next().unwrap().length(), 1);
        assert_eq!(tree.find("tcp.option_kind").count(), 2);
    }

    #[test]
    fn every_cut_keeps_what_came_before() {
        for length in 0..SYN_SEGMENT.len() {
            let (tree, result) = tree(&SYN_SEGMENT[..length]);
            let bad = result.unwrap_err();
            assert!(bad.at + bad.have <= length && bad.need > bad.have, "{length}: {bad:?}");
            assert_eq!(tree.find("tcp.ack_raw").count(), usize::from(length >= 12));
            assert_eq!(tree.find("tcp.hdr_len").count(), usize::from(length >= 13));
        }
    }
}
