//! ICMP for IPv4: errors that quote the packet they are about, and questions with their answers.
//!
//! RFC 792 (all but the following), RFC 950 (address mask), RFC 1191 section 4 (the next hop's MTU in "fragmentation
//! needed"), RFC 1256 (router discovery), RFC 4884 (how long the quoted packet is, and extensions behind it),
//! RFC 4950 (MPLS labels there), RFC 8335 (extended echo).
//! Leaves out: Mobile IP's extensions of router advertisements, Photuris; their bytes are told as they are.

use super::Key;
use crate::wire::{Cursor, Field, Malformed, Recorder, Tree};

static TYPE: Field = Field::new("icmp.type");
static CODE: Field = Field::new("icmp.code");
static CHECKSUM: Field = Field::hex("icmp.checksum", 4);
static UNUSED: Field = Field::new("icmp.unused");
static LENGTH: Field = Field::new("icmp.length");
static MTU: Field = Field::new("icmp.mtu");
static POINTER: Field = Field::new("icmp.pointer");
static REDIR_GW: Field = Field::new("icmp.redir_gw");
static IDENT: Field = Field::new("icmp.ident");
static SEQ: Field = Field::new("icmp.seq");
static ORIGINATE: Field = Field::new("icmp.originate_timestamp");
static RECEIVE: Field = Field::new("icmp.receive_timestamp");
static TRANSMIT: Field = Field::new("icmp.transmit_timestamp");
static ADDRESS_MASK: Field = Field::new("icmp.address_mask");
static NUM_ADDRS: Field = Field::new("icmp.num_addrs");
static ENTRY_SIZE: Field = Field::new("icmp.addr_entry_size");
static LIFETIME: Field = Field::new("icmp.lifetime");
static ROUTER: Field = Field::new("icmp.router_address");
static PREFERENCE: Field = Field::new("icmp.pref_level");
static X_SEQ: Field = Field::new("icmp.ext.echo.seq");
static X_REQ_RES: Field = Field::hex("icmp.ext.echo.req.res", 2);
static X_REQ_LOCAL: Field = Field::new("icmp.ext.echo.req.local");
static X_RSP_STATE: Field = Field::new("icmp.ext.echo.rsp.state");
static X_RSP_RES: Field = Field::hex("icmp.ext.echo.rsp.res", 2);
static X_RSP_ACTIVE: Field = Field::new("icmp.ext.echo.rsp.active");
static X_RSP_IPV4: Field = Field::new("icmp.ext.echo.rsp.ipv4");
static X_RSP_IPV6: Field = Field::new("icmp.ext.echo.rsp.ipv6");
static UNREADABLE: Field = Field::new("icmp.unreadable");

static PADDING: Field = Field::new("icmp.padding");
static EXT: Field = Field::new("icmp.ext");
static EXT_VERSION: Field = Field::new("icmp.ext.version");
static EXT_RES: Field = Field::hex("icmp.ext.res", 3);
static EXT_CHECKSUM: Field = Field::hex("icmp.ext.checksum", 4);
static EXT_OBJECT: Field = Field::new("icmp.ext.object");
static EXT_LENGTH: Field = Field::new("icmp.ext.length");
static EXT_CLASS: Field = Field::new("icmp.ext.class");
static EXT_CTYPE: Field = Field::new("icmp.ext.ctype");
static EXT_DATA: Field = Field::new("icmp.ext.data");
static MPLS_LABEL: Field = Field::new("icmp.mpls.label");
static MPLS_EXP: Field = Field::new("icmp.mpls.exp");
static MPLS_S: Field = Field::new("icmp.mpls.s");
static MPLS_TTL: Field = Field::new("icmp.mpls.ttl");

/// What the header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Icmp {
    /// Type.
    pub kind: u8,
    /// Code.
    pub code: u8,
    /// Checksum as sent.
    pub checksum: u16,
    /// Identifier of an echo, where there is one.
    pub ident: Option<u16>,
    /// Sequence number of an echo, where there is one.
    pub seq: Option<u16>,
    /// Length of the quoted packet where the header gives it (RFC 4884): extensions follow it.
    pub quoted_len: Option<u16>,
    /// What follows the header.
    pub next: Key,
}

impl Icmp {
    /// What follows.
    pub fn key(&self) -> Key {
        self.next
    }
}

/// Reads the header, and messages that are nothing but fields to their end.
///
/// # Errors
/// [`Malformed`] where the first 8 bytes are cut.
pub fn dissect<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Icmp, Malformed> {
    dissect_noting(c, &mut None)
}

/// Like [`dissect`]; trouble behind the first 8 bytes, which leaves the header readable, goes into `bad`.
///
/// # Errors
/// [`Malformed`] where the first 8 bytes are cut.
pub fn dissect_noting<R: Recorder>(
    c: &mut Cursor<'_, '_, R>,
    bad: &mut Option<Malformed>,
) -> Result<Icmp, Malformed> {
    let kind = c.u8(&TYPE)?;
    let code = c.u8(&CODE)?;
    let checksum = c.u16(&CHECKSUM)?;
    let mut icmp =
        Icmp { kind, code, checksum, ident: None, seq: None, quoted_len: None, next: Key::Unknown };
    match kind {
        0 | 8 => {
            icmp.ident = Some(c.u16(&IDENT)?);
            icmp.seq = Some(c.u16(&SEQ)?);
        }
        3 | 11 | 12 => {
            // RFC 4884 section 4: the length of the quoted packet in 32-bit words; zero from senders that know
            // nothing of it, for whom the byte is still one of the unused.
            let length = c.peek().get(1).copied();
            let words = length.map_or(0, u16::from);
            icmp.quoted_len = (words > 0).then_some(words * 4);
            let mut unused = 4;
            if kind == 12 {
                c.u8(&POINTER)?;
                unused -= 1;
            }
            if length != Some(0) {
                c.bytes(&UNUSED, unused - 3)?;
                c.u8(&LENGTH)?;
                unused = 2;
            }
            if kind == 3 && code == 4 {
                c.bytes(&UNUSED, unused - 2)?;
                c.u16(&MTU)?;
            } else {
                c.bytes(&UNUSED, unused)?;
            }
            icmp.next = Key::Quoted;
        }
        4 => {
            c.bytes(&UNUSED, 4)?;
            icmp.next = Key::Quoted;
        }
        5 => {
            c.ipv4(&REDIR_GW)?;
            icmp.next = Key::Quoted;
        }
        13..=18 | 9 | 10 | 42 | 43 => {
            icmp.next = Key::End;
            *bad = fields_only(c, &mut icmp, kind).err();
            if bad.is_some() {
                c.rest(&UNREADABLE);
            }
        }
        _ => {}
    }
    Ok(icmp)
}

/// Messages that end with their last field.
fn fields_only<R: Recorder>(c: &mut Cursor<'_, '_, R>, icmp: &mut Icmp, kind: u8) -> Result<(), Malformed> {
    match kind {
        9 => {
            let count = c.u8(&NUM_ADDRS)?;
            let words = usize::from(c.u8(&ENTRY_SIZE)?);
            c.u16(&LIFETIME)?;
            for _ in 0..count {
                // An entry may be longer than the two words that are known (RFC 1256 section 3).
                c.ipv4(&ROUTER)?;
                c.u32(&PREFERENCE)?;
                c.bytes(&UNUSED, words.saturating_sub(2) * 4)?;
            }
            Ok(())
        }
        10 => c.bytes(&UNUSED, 4).map(drop),
        42 | 43 => {
            icmp.ident = Some(c.u16(&IDENT)?);
            icmp.seq = Some(c.u8(&X_SEQ)?.into());
            if kind == 42 {
                c.bits(1, &[(&X_REQ_RES, 7), (&X_REQ_LOCAL, 1)])?;
                icmp.next = Key::Unknown; // the interface asked about, as an extension object
                return Ok(());
            }
            let parts =
                [(&X_RSP_STATE, 3), (&X_RSP_RES, 2), (&X_RSP_ACTIVE, 1), (&X_RSP_IPV4, 1), (&X_RSP_IPV6, 1)];
            c.bits(1, &parts).map(drop)
        }
        _ => {
            icmp.ident = Some(c.u16(&IDENT)?);
            icmp.seq = Some(c.u16(&SEQ)?);
            if matches!(kind, 13 | 14) {
                c.u32(&ORIGINATE)?;
                c.u32(&RECEIVE)?;
                c.u32(&TRANSMIT)?;
            }
            if matches!(kind, 17 | 18) {
                c.ipv4(&ADDRESS_MASK)?;
            }
            Ok(())
        }
    }
}

/// Names what stands behind a quoted packet: filling up to the length that the header gives, then extensions.
/// `quoted_end` is where the quoted packet's part ends by that length.
///
/// # Errors
/// [`Malformed`] where an extension is cut; the caller owns the rest.
pub fn describe_extensions(c: &mut Cursor<'_, '_, Tree>, quoted_end: usize) -> Result<(), Malformed> {
    let padding = quoted_end.saturating_sub(c.at()).min(c.left());
    c.bytes(&PADDING, padding)?;
    if c.left() < 4 {
        return Ok(());
    }
    c.group(&EXT, |c| {
        c.bits(2, &[(&EXT_VERSION, 4), (&EXT_RES, 12)])?;
        c.u16(&EXT_CHECKSUM)?;
        while c.left() > 0 {
            c.group(&EXT_OBJECT, object)?;
        }
        Ok(())
    })
}

/// RFC 4884 section 8: each object has a length that counts its own four bytes of header, a class and a type.
fn object(c: &mut Cursor<'_, '_, Tree>) -> Result<(), Malformed> {
    match c.peek_u16().map(usize::from) {
        Some(length) if length < 4 || length > c.left() => return Err(c.nonsense(&EXT_LENGTH)),
        _ => {}
    }
    let length = usize::from(c.u16(&EXT_LENGTH)?);
    let class = c.u8(&EXT_CLASS)?;
    let ctype = c.u8(&EXT_CTYPE)?;
    let _ = c.region(length - 4, &EXT_DATA, |c| {
        // RFC 4950: the label stack of the packet that could not be delivered.
        while (class, ctype) == (1, 1) && c.left() >= 4 {
            c.bits(4, &[(&MPLS_LABEL, 20), (&MPLS_EXP, 3), (&MPLS_S, 1), (&MPLS_TTL, 8)])?;
        }
        Ok(())
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Off, Value};

    #[rustfmt::skip]
    const TOO_BIG: &[u8] = &[
        0x03,       // icmp.type: destination unreachable
        0x04,       // icmp.code: fragmentation needed
        0x12, 0x34, // icmp.checksum
        0x00,       // icmp.unused
        0x05,       // icmp.length: 20 bytes quoted
        0x05, 0x78, // icmp.mtu: 1400
    ];

    #[rustfmt::skip]
    const EXTENSION: &[u8] = &[
        0x20, 0x00, 0x00, 0x00, // icmp.ext.version 2, icmp.ext.res, icmp.ext.checksum
        0x00, 0x08, 0x01, 0x01, // icmp.ext.length 8, class 1 (MPLS), type 1
        0x00, 0x01, 0x01, 0xfe, // label 16, last in the stack, time to live 254
    ];

    #[test]
    fn an_error_leads_to_the_quoted_packet() {
        let mut tree = Tree::default();
        let icmp = dissect(&mut Cursor::new(TOO_BIG, 0, 8, &mut tree)).unwrap();
        assert_eq!((icmp.kind, icmp.code, icmp.key(), icmp.quoted_len), (3, 4, Key::Quoted, Some(20)));
        assert_eq!(tree.find("icmp.mtu").next().unwrap().value, Value::Uint(1400));
    }

    #[test]
    fn echo_has_an_identity() {
        let bytes = [8, 0, 0, 0, 0x12, 0x34, 0, 7, 1, 2, 3];
        let icmp = dissect(&mut Cursor::new(&bytes, 0, 11, &mut Off)).unwrap();
        assert_eq!((icmp.ident, icmp.seq, icmp.key()), (Some(0x1234), Some(7), Key::Unknown));
    }

    #[test]
    fn a_cut_timestamp_keeps_its_header() {
        let bytes = [13, 0, 0, 0, 0, 1, 0, 2, 0, 0, 0, 9, 0, 0];
        let mut tree = Tree::default();
        let mut bad = None;
        let icmp = dissect_noting(&mut Cursor::new(&bytes, 0, 14, &mut tree), &mut bad).unwrap();
        let bad = bad.unwrap();
        assert_eq!((icmp.kind, icmp.seq), (13, Some(2)));
        assert_eq!((bad.field, bad.at, bad.need, bad.have), ("icmp.receive_timestamp", 12, 4, 2));
        assert_eq!(tree.find("icmp.unreadable").next().unwrap().length(), 2);
    }

    #[test]
    fn labels_behind_the_quoted_packet() {
        let mut tree = Tree::default();
        let mut c = Cursor::new(EXTENSION, 0, EXTENSION.len(), &mut tree);
        assert_eq!(describe_extensions(&mut c, 0), Ok(()));
        assert_eq!(tree.find("icmp.mpls.label").next().unwrap().value, Value::Uint(16));
        assert_eq!(tree.find("icmp.mpls.ttl").next().unwrap().value, Value::Uint(254));
    }
}
