//! PPP over Ethernet: how a household's router reaches its provider over a DSL line.
//!
//! RFC 2516 section 4 (header), section 5 and appendix A (discovery and its tags).
//! Leaves out: vendors' own tags; they are told as type, length, bytes.

use super::{Carries, Key};
use crate::wire::{Cursor, Field, Malformed, Recorder};

static VERSION: Field = Field::new("pppoe.version");
static TYPE: Field = Field::new("pppoe.type");
static CODE: Field = Field::hex("pppoe.code", 2);
static SESSION_ID: Field = Field::hex("pppoe.session_id", 4);
static LENGTH: Field = Field::new("pppoe.payload_length");
static TAGS: Field = Field::new("pppoed.tags");
static TAG: Field = Field::hex("pppoed.tag", 4);
static TAG_LENGTH: Field = Field::new("pppoed.tag_length");
static TAG_DATA: Field = Field::new("pppoed.tag.unknown_data");
static SERVICE: Field = Field::new("pppoed.tags.service_name");
static SERVER: Field = Field::new("pppoed.tags.ac_name");
static HOST: Field = Field::new("pppoed.tags.host_uniq");
static COOKIE: Field = Field::new("pppoed.tags.ac_cookie");
static VENDOR: Field = Field::hex("pppoed.tags.vendor_id", 8);
static VENDOR_DATA: Field = Field::new("pppoed.tags.vendor_unspecified");
static RELAY: Field = Field::new("pppoed.tags.relay_session_id");
static MAX_PAYLOAD: Field = Field::new("pppoed.tags.max_payload");
static SERVICE_ERROR: Field = Field::new("pppoed.tags.service_name_error");
static SERVER_ERROR: Field = Field::new("pppoed.tags.ac_system_error");
static ERROR: Field = Field::new("pppoed.tags.generic_error");

/// Reads the header of the session stage; PPP follows.
///
/// # Errors
/// [`Malformed`] where it is cut.
pub fn dissect_session<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Carries, Malformed> {
    let length = header(c)?;
    Ok(Carries { key: Key::EtherType(super::ETHER_TYPE_PPP), length: Some(length) })
}

/// Reads a packet of the discovery stage with its tags.
///
/// # Errors
/// [`Malformed`] where it is cut.
pub fn dissect_discovery<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Carries, Malformed> {
    let length = header(c)?;
    let tags = c.region_as_captured(length, &TAG_DATA, |c| {
        while c.left() > 0 {
            c.group(&TAGS, |c| {
                let kind = c.u16(&TAG)?;
                let length = usize::from(c.u16(&TAG_LENGTH)?);
                c.region_as_captured(length, &TAG_DATA, |c| tag(c, kind))?
            })?;
        }
        Ok(())
    })?;
    tags.map(|()| Carries { key: Key::End, length: None })
}

/// The value of a tag (RFC 2516 appendix A; RFC 4638 section 2).
fn tag<R: Recorder>(c: &mut Cursor<'_, '_, R>, kind: u16) -> Result<(), Malformed> {
    match kind {
        0x0101 => drop(c.text(&SERVICE, c.left())?),
        0x0102 => drop(c.text(&SERVER, c.left())?),
        0x0103 => drop(c.rest(&HOST)),
        0x0104 => drop(c.rest(&COOKIE)),
        0x0105 => {
            c.u32(&VENDOR)?;
            c.rest(&VENDOR_DATA);
        }
        0x0110 => drop(c.rest(&RELAY)),
        0x0120 if c.left() == 2 => drop(c.u16(&MAX_PAYLOAD)?),
        0x0201 => drop(c.text(&SERVICE_ERROR, c.left())?),
        0x0202 => drop(c.text(&SERVER_ERROR, c.left())?),
        0x0203 => drop(c.text(&ERROR, c.left())?),
        _ => {}
    }
    Ok(())
}

fn header<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<usize, Malformed> {
    c.bits(1, &[(&VERSION, 4), (&TYPE, 4)])?;
    c.u8(&CODE)?;
    c.u16(&SESSION_ID)?;
    c.u16(&LENGTH).map(usize::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Off, Tree};

    #[test]
    fn a_session_packet() {
        let bytes = [0x11, 0x00, 0x00, 0x01, 0x00, 0x06, 0x00, 0x21];
        let carries = dissect_session(&mut Cursor::new(&bytes, 0, 8, &mut Off)).unwrap();
        assert_eq!((carries.key, carries.length), (Key::EtherType(0x880b), Some(6)));
    }

    #[test]
    fn discovery_has_tags() {
        let bytes = [0x11, 0x09, 0, 0, 0, 10, 0x01, 0x01, 0, 0, 0x01, 0x03, 0, 2, 0xab, 0xcd, 0, 0];
        let mut tree = Tree::default();
        let mut c = Cursor::new(&bytes, 0, bytes.len(), &mut tree);
        assert_eq!((dissect_discovery(&mut c).unwrap().key, c.left()), (Key::End, 2));
        assert_eq!(tree.find("pppoed.tag").count(), 2);
    }
}
