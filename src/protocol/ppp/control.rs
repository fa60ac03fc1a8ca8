//! PPP's negotiations: the link itself (LCP), IPv4 (IPCP) and IPv6 (IPV6CP) over it.
//!
//! RFC 1661 sections 5 and 6 (packets, LCP's options), RFC 1662 section 7 (control characters), RFC 1570 (more codes),
//! RFC 1990 (several links), RFC 1332 (IPCP), RFC 1877 (name servers), RFC 5072 section 4 (IPV6CP). All three share the
//! form of their packets; which options there are differs.
//! Leaves out: quality monitoring, header compression's own options, bridging: told as type, length, bytes.

use super::super::{Carries, Key};
use crate::wire::{Cursor, Field, Malformed, Recorder};

static CODE: Field = Field::new("ppp.code");
static IDENTIFIER: Field = Field::new("ppp.identifier");
static LENGTH: Field = Field::new("ppp.length");
static REST: Field = Field::new("ppp.packet.trailer");

static LCP_MAGIC: Field = Field::hex("lcp.magic_number", 8);
static LCP_DATA: Field = Field::new("lcp.data");
static LCP_MESSAGE: Field = Field::new("lcp.message");
static LCP_SECONDS: Field = Field::new("lcp.secs_remaining");
static LCP_REJECTED: Field = Field::hex("lcp.rej_proto", 4);
static MRU: Field = Field::new("lcp.opt.mru");
static ASYNCMAP: Field = Field::hex("lcp.opt.asyncmap", 8);
static AUTH: Field = Field::hex("lcp.opt.auth_protocol", 4);
static ALGORITHM: Field = Field::new("lcp.opt.algorithm");
static QUALITY: Field = Field::hex("lcp.opt.quality_protocol", 4);
static MAGIC: Field = Field::hex("lcp.opt.magic_number", 8);
static FCS: Field = Field::hex("lcp.opt.fcs_alternatives", 2);
static OPERATION: Field = Field::new("lcp.opt.operation");
static MESSAGE: Field = Field::new("lcp.opt.message");
static MRRU: Field = Field::new("lcp.opt.mrru");
static CLASS: Field = Field::new("lcp.opt.ep_disc_class");
static CLASS_IP: Field = Field::new("lcp.opt.ip_address");
static CLASS_MAC: Field = Field::new("lcp.opt.802_1_address");

static IPCP_DATA: Field = Field::new("ipcp.data");
static SRC: Field = Field::new("ipcp.opt.src_address");
static DST: Field = Field::new("ipcp.opt.dst_address");
static COMPRESS: Field = Field::hex("ipcp.opt.compress_proto", 4);
static MAX_SLOT: Field = Field::new("ipcp.opt.max_slot_id");
static COMP_SLOT: Field = Field::new("ipcp.opt.comp_slot_id");
static COMPRESS_DATA: Field = Field::new("ipcp.opt.compress_data");
static IP: Field = Field::new("ipcp.opt.ip_address");
static HOME: Field = Field::new("ipcp.opt.mobilenodehomeaddress");
static PRI_DNS: Field = Field::new("ipcp.opt.pri_dns_address");
static PRI_NBNS: Field = Field::new("ipcp.opt.pri_nbns_address");
static SEC_DNS: Field = Field::new("ipcp.opt.sec_dns_address");
static SEC_NBNS: Field = Field::new("ipcp.opt.sec_nbns_address");
static IPV6CP_DATA: Field = Field::new("ipv6cp.data");
static INTERFACE: Field = Field::new("ipv6cp.interface_identifier");

/// Which of the negotiations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// The link.
    Link,
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
}

struct OptionFields {
    group: Field,
    kind: Field,
    length: Field,
    data: Field,
}

macro_rules! option_fields {
    ($name:literal) => {
        OptionFields {
            group: Field::new(concat!($name, ".opt")),
            kind: Field::new(concat!($name, ".opt.type")),
            length: Field::new(concat!($name, ".opt.length")),
            data: Field::new(concat!($name, ".opt.data")),
        }
    };
}

static LCP: OptionFields = option_fields!("lcp");
static IPCP: OptionFields = option_fields!("ipcp");
static IPV6CP: OptionFields = option_fields!("ipv6cp");

/// Reads a packet of a negotiation.
///
/// # Errors
/// [`Malformed`] where it is cut, or its length is below that of its own header.
pub fn dissect<R: Recorder>(c: &mut Cursor<'_, '_, R>, of: Of) -> Result<Carries, Malformed> {
    let code = c.u8(&CODE)?;
    c.u8(&IDENTIFIER)?;
    let short = c.peek_u16().is_some_and(|length| length < 4);
    if short {
        return Err(c.nonsense(&LENGTH));
    }
    let length = usize::from(c.u16(&LENGTH)?) - 4;
    let (fields, data) = match of {
        Of::Link => (&LCP, &LCP_DATA),
        Of::Ipv4 => (&IPCP, &IPCP_DATA),
        Of::Ipv6 => (&IPV6CP, &IPV6CP_DATA),
    };
    c.region_as_captured(length, &REST, |c| {
        match (of, code) {
            (_, 1..=4) => {
                while c.left() > 0 {
                    c.group(&fields.group, |c| option(c, of, fields))?;
                }
            }
            (Of::Link, 8) => {
                c.u16(&LCP_REJECTED)?;
                c.rest(data);
            }
            (Of::Link, 9..=11) => {
                c.u32(&LCP_MAGIC)?;
                c.rest(data);
            }
            (Of::Link, 12) => {
                c.u32(&LCP_MAGIC)?;
                c.text(&LCP_MESSAGE, c.left())?;
            }
            (Of::Link, 13) => {
                c.u32(&LCP_MAGIC)?;
                c.u32(&LCP_SECONDS)?;
                c.text(&LCP_MESSAGE, c.left())?;
            }
            _ => drop(c.rest(data)),
        }
        Ok(())
    })??;
    Ok(Carries { key: Key::End, length: None })
}

fn option<R: Recorder>(
    c: &mut Cursor<'_, '_, R>,
    of: Of,
    fields: &'static OptionFields,
) -> Result<(), Malformed> {
    let kind = c.u8(&fields.kind)?;
    // Type and length count themselves (RFC 1661 section 6).
    if c.peek_u8().is_some_and(|length| length < 2) {
        return Err(c.nonsense(&fields.length));
    }
    let length = usize::from(c.u8(&fields.length)?) - 2;
    let _ = c.region_as_captured(length, &fields.data, |c| match of {
        Of::Link => link_option(c, kind),
        Of::Ipv4 => ipv4_option(c, kind),
        Of::Ipv6 if kind == 1 && c.left() == 8 => c.bytes(&INTERFACE, 8).map(drop),
        Of::Ipv6 => Ok(()),
    })?;
    Ok(())
}

fn link_option<R: Recorder>(c: &mut Cursor<'_, '_, R>, kind: u8) -> Result<(), Malformed> {
    match kind {
        1 => drop(c.u16(&MRU)?),
        2 => drop(c.u32(&ASYNCMAP)?),
        // CHAP has several algorithms (RFC 1994 section 3).
        3 if c.u16(&AUTH)? == 0xc223 => drop(c.u8(&ALGORITHM)?),
        4 => drop(c.u16(&QUALITY)?),
        5 => drop(c.u32(&MAGIC)?),
        9 => drop(c.u8(&FCS)?),
        13 => {
            c.u8(&OPERATION)?;
            c.rest(&MESSAGE);
        }
        17 => drop(c.u16(&MRRU)?),
        19 => match (c.u8(&CLASS)?, c.left()) {
            (2, 4) => drop(c.ipv4(&CLASS_IP)?),
            (3, 6) => drop(c.mac(&CLASS_MAC)?),
            _ => {}
        },
        _ => {}
    }
    Ok(())
}

fn ipv4_option<R: Recorder>(c: &mut Cursor<'_, '_, R>, kind: u8) -> Result<(), Malformed> {
    let field = match kind {
        1 => {
            c.ipv4(&SRC)?;
            &DST
        }
        2 => {
            // Van Jacobson's compression (RFC 1332 section 4); others have parts of their own.
            if c.u16(&COMPRESS)? == 0x002d && c.left() == 2 {
                c.u8(&MAX_SLOT)?;
                c.u8(&COMP_SLOT)?;
            }
            c.rest(&COMPRESS_DATA);
            return Ok(());
        }
        3 => &IP,
        4 => &HOME,
        129 => &PRI_DNS,
        130 => &PRI_NBNS,
        131 => &SEC_DNS,
        132 => &SEC_NBNS,
        _ => return Ok(()),
    };
    c.ipv4(field).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Off, Tree, Value};

    #[rustfmt::skip]
    const REQUEST: &[u8] = &[
        0x01, 0x07, 0x00, 0x13,             // configure request 7, 19 bytes
        0x01, 0x04, 0x05, 0xd4,             // MRU 1492
        0x03, 0x05, 0xc2, 0x23, 0x05,       // CHAP with MD5
        0x05, 0x06, 0xde, 0xad, 0xbe, 0xef, // magic number
    ];

    #[test]
    fn options_of_the_link() {
        let mut tree = Tree::default();
        let mut c = Cursor::new(REQUEST, 0, REQUEST.len(), &mut tree);
        dissect(&mut c, Of::Link).unwrap();
        assert_eq!((c.left(), tree.find("lcp.opt.type").count()), (0, 3));
        assert_eq!(tree.find("lcp.opt.mru").next().unwrap().value, Value::Uint(1492));
        assert_eq!(tree.find("lcp.opt.algorithm").next().unwrap().value, Value::Uint(5));
    }

    #[test]
    fn addresses() {
        let bytes = [2, 1, 0, 16, 3, 6, 10, 0, 0, 7, 129, 6, 9, 9, 9, 9];
        let mut tree = Tree::default();
        dissect(&mut Cursor::new(&bytes, 0, 16, &mut tree), Of::Ipv4).unwrap();
        assert_eq!(tree.find("ipcp.opt.pri_dns_address").next().unwrap().value, Value::Ipv4([9; 4]));
    }

    #[test]
    fn cut_and_lying_ones() {
        let mut tree = Tree::default();
        assert!(dissect(&mut Cursor::new(REQUEST, 0, 10, &mut tree), Of::Link).is_err());
        assert!(tree.find("lcp.opt.mru").next().is_some());
        let mut bytes = REQUEST.to_vec();
        bytes[5] = 1; // an option shorter than its own head
        let cut = dissect(&mut Cursor::new(&bytes, 0, bytes.len(), &mut Off), Of::Link).unwrap_err();
        assert_eq!((cut.field, cut.at), ("lcp.opt.length", 5));
        assert!(dissect(&mut Cursor::new(&[1, 1, 0, 3], 0, 4, &mut Off), Of::Link).is_err());
    }
}
