//! ICMP for IPv6: errors, echo, neighbour discovery (what ARP is for IPv4), multicast listeners.
//!
//! RFC 4443 (errors and echo), RFC 4861 section 4 (router and neighbour messages and their options), RFC 4191
//! (router preference), RFC 6275 section 7 (flags), RFC 2710 and
//! RFC 3810 (multicast listeners), RFC 4884 (length of the quoted packet).
//! RFC 4620 (node information), RFC 3122 (inverse discovery), RFC 8335 (extended echo), RFC 4286 section 3 (multicast
//! routers). The options are in `icmpv6/options.rs`.
//! Leaves out: router renumbering, RPL, mobile IPv6's and secure discovery's own messages: their bytes are data.

mod options;

use super::Key;
use crate::wire::{Cursor, Field, Malformed, Recorder, Value};

static TYPE: Field = Field::new("icmpv6.type");
static CODE: Field = Field::new("icmpv6.code");
static CHECKSUM: Field = Field::hex("icmpv6.checksum", 4);
static RESERVED: Field = Field::new("icmpv6.reserved");
static LENGTH: Field = Field::new("icmpv6.length");
static MTU: Field = Field::new("icmpv6.mtu");
static POINTER: Field = Field::new("icmpv6.pointer");
static IDENT: Field = Field::hex("icmpv6.echo.identifier", 4);
static SEQ: Field = Field::new("icmpv6.echo.sequence_number");
static UNREADABLE: Field = Field::new("icmpv6.unreadable");

static RA_HOP_LIMIT: Field = Field::new("icmpv6.nd.ra.cur_hop_limit");
static RA_FLAG: Field = Field::hex("icmpv6.nd.ra.flag", 2);
static RA_M: Field = Field::new("icmpv6.nd.ra.flag.m");
static RA_O: Field = Field::new("icmpv6.nd.ra.flag.o");
static RA_H: Field = Field::new("icmpv6.nd.ra.flag.h");
static RA_PRF: Field = Field::new("icmpv6.nd.ra.flag.prf");
static RA_P: Field = Field::new("icmpv6.nd.ra.flag.p");
static RA_RSV: Field = Field::new("icmpv6.nd.ra.flag.rsv");
static RA_LIFETIME: Field = Field::new("icmpv6.nd.ra.router_lifetime");
static RA_REACHABLE: Field = Field::new("icmpv6.nd.ra.reachable_time");
static RA_RETRANS: Field = Field::new("icmpv6.nd.ra.retrans_timer");
static NS_TARGET: Field = Field::new("icmpv6.nd.ns.target_address");
static NA_FLAG: Field = Field::hex("icmpv6.nd.na.flag", 8);
static NA_R: Field = Field::new("icmpv6.nd.na.flag.r");
static NA_S: Field = Field::new("icmpv6.nd.na.flag.s");
static NA_O: Field = Field::new("icmpv6.nd.na.flag.o");
static NA_RSV: Field = Field::new("icmpv6.nd.na.flag.rsv");
static NA_TARGET: Field = Field::new("icmpv6.nd.na.target_address");
static RD_TARGET: Field = Field::new("icmpv6.nd.rd.target_address");
/// So spelt in Wireshark.
static RD_DESTINATION: Field = Field::new("icmpv6.rd.na.destination_address");

static MCAST_INTERVAL: Field = Field::new("icmpv6.mcast_ra.query_interval");
static MCAST_ROBUSTNESS: Field = Field::new("icmpv6.mcast_ra.robustness_variable");
static EXT_SEQ: Field = Field::new("icmpv6.ext.echo.seq");
static EXT_RESERVED: Field = Field::new("icmpv6.ext.echo.req.res");
static EXT_LOCAL: Field = Field::new("icmpv6.ext.echo.req.local");
static EXT_STATE: Field = Field::new("icmpv6.ext.echo.rsp.state");
static EXT_RESPONSE_RESERVED: Field = Field::new("icmpv6.ext.echo.rsp.res");
static EXT_ACTIVE: Field = Field::new("icmpv6.ext.echo.rsp.active");
static EXT_IPV4: Field = Field::new("icmpv6.ext.echo.rsp.ipv4");
static EXT_IPV6: Field = Field::new("icmpv6.ext.echo.rsp.ipv6");
static NI_QTYPE: Field = Field::new("icmpv6.ni.qtype");
static NI_FLAG: Field = Field::hex("icmpv6.ni.flag", 4);
static NI_RSV: Field = Field::new("icmpv6.ni.flag.rsv");
static NI_G: Field = Field::new("icmpv6.ni.flag.g");
static NI_S: Field = Field::new("icmpv6.ni.flag.s");
static NI_L: Field = Field::new("icmpv6.ni.flag.l");
static NI_C: Field = Field::new("icmpv6.ni.flag.c");
static NI_A: Field = Field::new("icmpv6.ni.flag.a");
static NI_T: Field = Field::new("icmpv6.ni.flag.t");
static NI_NONCE: Field = Field::hex("icmpv6.ni.nonce", 16);
static NI_SUBJECT_IPV6: Field = Field::new("icmpv6.ni.query.subject_ipv6");
static NI_SUBJECT_IPV4: Field = Field::new("icmpv6.ni.query.subject_ipv4");
static NI_DATA: Field = Field::new("icmpv6.data");

static MLD_DELAY: Field = Field::new("icmpv6.mld.maximum_response_delay");
static MLD_CODE: Field = Field::new("icmpv6.mld.maximum_response_code");
static MLD_ADDRESS: Field = Field::new("icmpv6.mld.multicast_address");
static MLD_FLAG: Field = Field::hex("icmpv6.mld.flag", 2);
static MLD_RESV: Field = Field::new("icmpv6.mld.flag.reserved");
static MLD_S: Field = Field::new("icmpv6.mld.flag.s");
static MLD_QRV: Field = Field::new("icmpv6.mld.flag.qrv");
static MLD_QQI: Field = Field::new("icmpv6.mld.qqi");
static MLD_SOURCES: Field = Field::new("icmpv6.mld.nb_sources");
static MLD_SOURCE: Field = Field::new("icmpv6.mld.source_address");
static MLDR_RECORDS: Field = Field::new("icmpv6.mldr.nb_mcast_records");
static MAR: Field = Field::new("icmpv6.mldr.mar");
static MAR_TYPE: Field = Field::new("icmpv6.mldr.mar.record_type");
static MAR_AUX_LEN: Field = Field::new("icmpv6.mldr.mar.aux_data_len");
static MAR_SOURCES: Field = Field::new("icmpv6.mldr.mar.nb_sources");
static MAR_ADDRESS: Field = Field::new("icmpv6.mldr.mar.multicast_address");
static MAR_SOURCE: Field = Field::new("icmpv6.mldr.mar.source_address");
static MAR_AUX: Field = Field::new("icmpv6.mldr.mar.auxiliary_data");

/// What the header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Icmpv6 {
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

impl Icmpv6 {
    /// What follows.
    pub fn key(&self) -> Key {
        self.next
    }
}

/// Reads the header, and messages that are nothing but fields to their end.
///
/// # Errors
/// [`Malformed`] where the first 4 bytes are cut.
pub fn dissect<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Icmpv6, Malformed> {
    dissect_noting(c, &mut None)
}

/// Like [`dissect`]; trouble behind the first 4 bytes, which leaves them readable, goes into `bad`.
///
/// # Errors
/// [`Malformed`] where the first 4 bytes are cut.
pub fn dissect_noting<R: Recorder>(
    c: &mut Cursor<'_, '_, R>,
    bad: &mut Option<Malformed>,
) -> Result<Icmpv6, Malformed> {
    let kind = c.u8(&TYPE)?;
    let code = c.u8(&CODE)?;
    let checksum = c.u16(&CHECKSUM)?;
    let mut icmp = Icmpv6 { kind, code, checksum, ident: None, seq: None, quoted_len: None, next: Key::End };
    *bad = message(c, &mut icmp).err();
    if bad.is_some() {
        icmp.next = Key::End;
        c.rest(&UNREADABLE);
    }
    Ok(icmp)
}

fn message<R: Recorder>(c: &mut Cursor<'_, '_, R>, icmp: &mut Icmpv6) -> Result<(), Malformed> {
    match icmp.kind {
        1 | 3 => {
            // RFC 4884 section 4.5: in 64-bit words, in the first of four bytes that had no use before.
            let words = c.peek_u8().map_or(0, u16::from);
            icmp.quoted_len = (words > 0).then_some(words * 8);
            if words > 0 {
                c.u8(&LENGTH)?;
            }
            c.bytes(&RESERVED, if words > 0 { 3 } else { 4 })?;
            icmp.next = Key::Quoted;
        }
        2 => {
            c.u32(&MTU)?;
            icmp.next = Key::Quoted;
        }
        4 => {
            c.u32(&POINTER)?;
            icmp.next = Key::Quoted;
        }
        128 | 129 => {
            icmp.ident = Some(c.u16(&IDENT)?);
            icmp.seq = Some(c.u16(&SEQ)?);
            icmp.next = Key::Unknown;
        }
        130 => listener_query(c)?,
        131 | 132 => {
            c.u16(&MLD_DELAY)?;
            c.bytes(&RESERVED, 2)?;
            c.ipv6(&MLD_ADDRESS)?;
        }
        133 => {
            c.bytes(&RESERVED, 4)?;
            options::options(c)?;
        }
        134 => router_advertisement(c)?,
        135 => {
            c.bytes(&RESERVED, 4)?;
            c.ipv6(&NS_TARGET)?;
            options::options(c)?;
        }
        136 => {
            if let Some(flags) = c.peek().first_chunk::<4>() {
                c.derived(&NA_FLAG, || Value::Uint(u32::from_be_bytes(*flags).into()));
            }
            c.bits(4, &[(&NA_R, 1), (&NA_S, 1), (&NA_O, 1), (&NA_RSV, 29)])?;
            c.ipv6(&NA_TARGET)?;
            options::options(c)?;
        }
        137 => {
            c.bytes(&RESERVED, 4)?;
            c.ipv6(&RD_TARGET)?;
            c.ipv6(&RD_DESTINATION)?;
            options::options(c)?;
        }
        139 | 140 => node_information(c, icmp.kind, icmp.code)?,
        141 | 142 => {
            c.bytes(&RESERVED, 4)?;
            options::options(c)?;
        }
        143 => listener_report(c)?,
        151 => {
            c.u16(&MCAST_INTERVAL)?;
            c.u16(&MCAST_ROBUSTNESS)?;
            icmp.next = Key::Unknown;
        }
        160 | 161 => {
            icmp.ident = Some(c.u16(&IDENT)?);
            icmp.seq = Some(c.u8(&EXT_SEQ)?.into());
            if icmp.kind == 160 {
                c.bits(1, &[(&EXT_RESERVED, 7), (&EXT_LOCAL, 1)])?;
            } else {
                let parts = [
                    (&EXT_STATE, 3),
                    (&EXT_RESPONSE_RESERVED, 2),
                    (&EXT_ACTIVE, 1),
                    (&EXT_IPV4, 1),
                    (&EXT_IPV6, 1),
                ];
                c.bits(1, &parts)?;
            }
            icmp.next = Key::Unknown;
        }
        _ => icmp.next = Key::Unknown,
    }
    Ok(())
}

fn router_advertisement<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    c.u8(&RA_HOP_LIMIT)?;
    if let Some(flags) = c.peek_u8() {
        c.derived(&RA_FLAG, || Value::Uint(flags.into()));
    }
    c.bits(1, &[(&RA_M, 1), (&RA_O, 1), (&RA_H, 1), (&RA_PRF, 2), (&RA_P, 1), (&RA_RSV, 2)])?;
    c.u16(&RA_LIFETIME)?;
    c.u32(&RA_REACHABLE)?;
    c.u32(&RA_RETRANS)?;
    options::options(c)
}

/// RFC 4620 section 4: what is asked for, flags, a number that the answer repeats; then whom it is about, by the code.
fn node_information<R: Recorder>(c: &mut Cursor<'_, '_, R>, kind: u8, code: u8) -> Result<(), Malformed> {
    c.u16(&NI_QTYPE)?;
    if let Some(flags) = c.peek_u16() {
        c.derived(&NI_FLAG, || Value::Uint(flags.into()));
    }
    c.bits(2, &[(&NI_RSV, 10), (&NI_G, 1), (&NI_S, 1), (&NI_L, 1), (&NI_C, 1), (&NI_A, 1), (&NI_T, 1)])?;
    c.u64(&NI_NONCE)?;
    match (kind, code, c.left()) {
        (139, 0, 16) => drop(c.ipv6(&NI_SUBJECT_IPV6)?),
        (139, 2, 4) => drop(c.ipv4(&NI_SUBJECT_IPV4)?),
        _ => drop(c.rest(&NI_DATA)),
    }
    Ok(())
}

/// RFC 3810 section 8.1: version 1 has exactly 24 bytes (20 behind the checksum), version 2 at least 28.
fn listener_query<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    let version_2 = c.left() >= 24;
    c.u16(if version_2 { &MLD_CODE } else { &MLD_DELAY })?;
    c.bytes(&RESERVED, 2)?;
    c.ipv6(&MLD_ADDRESS)?;
    if !version_2 {
        return Ok(());
    }
    if let Some(flags) = c.peek_u8() {
        c.derived(&MLD_FLAG, || Value::Uint(flags.into()));
    }
    c.bits(1, &[(&MLD_RESV, 4), (&MLD_S, 1), (&MLD_QRV, 3)])?;
    c.u8(&MLD_QQI)?;
    let sources = c.u16(&MLD_SOURCES)?;
    for _ in 0..sources {
        c.ipv6(&MLD_SOURCE)?;
    }
    Ok(())
}

/// RFC 3810 section 5.2: any number of records, each about one multicast address.
fn listener_report<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    c.bytes(&RESERVED, 2)?;
    let records = c.u16(&MLDR_RECORDS)?;
    for _ in 0..records {
        c.group(&MAR, |c| {
            c.u8(&MAR_TYPE)?;
            let aux = usize::from(c.u8(&MAR_AUX_LEN)?) * 4;
            let sources = c.u16(&MAR_SOURCES)?;
            c.ipv6(&MAR_ADDRESS)?;
            for _ in 0..sources {
                c.ipv6(&MAR_SOURCE)?;
            }
            c.bytes(&MAR_AUX, aux).map(drop)
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Off, Tree};

    #[rustfmt::skip]
    const SOLICITATION: &[u8] = &[
        0x87, 0x00,             // neighbour solicitation
        0x12, 0x34,             // icmpv6.checksum
        0x00, 0x00, 0x00, 0x00, // icmpv6.reserved
        0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, // icmpv6.nd.ns.target_address
        0x01, 0x01,             // source link-layer address, 8 bytes
        0x02, 0x00, 0x00, 0x00, 0x00, 0x01, // icmpv6.opt.src_linkaddr
    ];

    #[test]
    fn a_solicitation() {
        let mut tree = Tree::default();
        let mut c = Cursor::new(SOLICITATION, 0, SOLICITATION.len(), &mut tree);
        let mut bad = None;
        let icmp = dissect_noting(&mut c, &mut bad).unwrap();
        assert_eq!((icmp.kind, icmp.key(), bad, c.left()), (135, Key::End, None, 0));
        let address = tree.find("icmpv6.opt.src_linkaddr").next().unwrap();
        assert_eq!(address.value, Value::Mac([2, 0, 0, 0, 0, 1]));
    }

    #[test]
    fn an_option_of_length_zero() {
        let mut bytes = SOLICITATION.to_vec();
        bytes[25] = 0;
        let mut tree = Tree::default();
        let mut bad = None;
        let icmp = dissect_noting(&mut Cursor::new(&bytes, 0, bytes.len(), &mut tree), &mut bad).unwrap();
        assert_eq!(bad.unwrap().field, "icmpv6.opt.length");
        assert_eq!(icmp.kind, 135);
        assert_eq!(tree.find("icmpv6.unreadable").next().unwrap().length(), 7);
    }

    #[test]
    fn versions_of_a_listener_query() {
        let mut bytes = vec![130, 0, 0, 0, 0x27, 0x10, 0, 0];
        bytes.extend_from_slice(&[0; 16]);
        let mut tree = Tree::default();
        dissect(&mut Cursor::new(&bytes, 0, 24, &mut tree)).unwrap();
        assert!(tree.find("icmpv6.mld.maximum_response_delay").next().is_some());
        bytes.extend_from_slice(&[0x0a, 125, 0, 0]); // S, QRV 2; QQI; no sources
        let mut tree = Tree::default();
        dissect(&mut Cursor::new(&bytes, 0, 28, &mut tree)).unwrap();
        assert_eq!(tree.find("icmpv6.mld.flag.qrv").next().unwrap().value, Value::Uint(2));
    }

    #[test]
    fn an_error_quotes() {
        let bytes = [2, 0, 0, 0, 0, 0, 5, 0];
        assert_eq!(dissect(&mut Cursor::new(&bytes, 0, 8, &mut Off)).unwrap().key(), Key::Quoted);
    }
}
