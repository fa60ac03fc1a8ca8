//! DHCP, and BOOTP under it: how a host is given its address and what else it needs to use the network.
//!
//! RFC 2131 section 2 (message), RFC 951 and 1542 (BOOTP, relays), RFC 2132 section 2 and 9.3 (cookie, options that
//! lie in other fields). Options are in [`options`], those with an inner form of their own in [`parts`], those that come in
//! several pieces (RFC 3396) in `pieces.rs`.
//! Leaves out: what vendors put into a BOOTP message without the cookie (RFC 1048 section 2 leaves it to them).
//!
//! Tolerant: an option whose data are not what its number says is noted, and the next one is read all the same.

use std::borrow::Cow;

use arrayvec::ArrayVec;

use self::pieces::Pieces;
use crate::wire::{Cursor, Field, Malformed, Recorder, Value};

pub mod options;
pub mod parts;
mod pieces;
#[cfg(test)]
mod tests;

static TYPE: Field = Field::new("dhcp.type");
static HW_TYPE: Field = Field::hex("dhcp.hw.type", 2);
static HW_LEN: Field = Field::new("dhcp.hw.len");
static HOPS: Field = Field::new("dhcp.hops");
static ID: Field = Field::hex("dhcp.id", 8);
static SECS: Field = Field::new("dhcp.secs");
static BROADCAST: Field = Field::new("dhcp.flags.bc");
static RESERVED: Field = Field::hex("dhcp.flags.reserved", 4);
static CLIENT: Field = Field::new("dhcp.ip.client");
static YOUR: Field = Field::new("dhcp.ip.your");
static SERVER: Field = Field::new("dhcp.ip.server");
static RELAY: Field = Field::new("dhcp.ip.relay");
static MAC: Field = Field::new("dhcp.hw.mac_addr");
static HW_ADDR: Field = Field::new("dhcp.hw.addr");
static HW_PADDING: Field = Field::new("dhcp.hw.addr_padding");
static SNAME: Field = Field::new("dhcp.server");
static FILE: Field = Field::new("dhcp.file");
static COOKIE: Field = Field::new("dhcp.cookie");
static VENDOR_AREA: Field = Field::new("dhcp.vendor_specific_options");

/// What says that options in the form of RFC 2132 follow.
const MAGIC: [u8; 4] = [99, 130, 83, 99];
/// Offset of the cookie, which is also the length of the fixed header.
const FIXED: usize = 236;

/// Message types (RFC 2132 section 9.6).
pub mod kind {
    /// Who can give me an address?
    pub const DISCOVER: u8 = 1;
    /// I can.
    pub const OFFER: u8 = 2;
    /// I take it; or: may I keep it?
    pub const REQUEST: u8 = 3;
    /// Somebody else uses it.
    pub const DECLINE: u8 = 4;
    /// It is yours.
    pub const ACK: u8 = 5;
    /// It is not.
    pub const NAK: u8 = 6;
    /// I give it back.
    pub const RELEASE: u8 = 7;
    /// I have an address, tell me the rest.
    pub const INFORM: u8 = 8;
}

/// How many addresses of a list are kept.
pub const KEPT: usize = 4;

/// What a message says, as far as it could be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message<'a> {
    /// From a server.
    pub reply: bool,
    /// Transaction ID.
    pub id: u32,
    /// The client cannot yet take packets sent to the address it is being given.
    pub broadcast: bool,
    /// The address the client has (ciaddr).
    pub client: [u8; 4],
    /// The address it is given (yiaddr).
    pub your: [u8; 4],
    /// The relay it came through (giaddr).
    pub relay: [u8; 4],
    /// Kind of hardware address.
    pub hw_type: u8,
    /// The client's hardware address, as long as it says (chaddr).
    pub hw_addr: &'a [u8],
    /// Whether options follow (else it is BOOTP).
    pub has_options: bool,
    /// DHCP message type (option 53).
    pub kind: Option<u8>,
    /// Requested address (50).
    pub requested: Option<[u8; 4]>,
    /// Server identifier (54).
    pub server_id: Option<[u8; 4]>,
    /// Subnet mask (1).
    pub mask: Option<[u8; 4]>,
    /// Routers (3), the first ones.
    pub routers: ArrayVec<[u8; 4], KEPT>,
    /// Name servers (6), the first ones.
    pub dns: ArrayVec<[u8; 4], KEPT>,
    /// Lease time in seconds (51).
    pub lease: Option<u32>,
    /// Renewal time T1 (58).
    pub renewal: Option<u32>,
    /// Rebinding time T2 (59).
    pub rebinding: Option<u32>,
    /// Host name (12).
    pub host: Cow<'a, [u8]>,
    /// Domain name (15).
    pub domain: Cow<'a, [u8]>,
    /// Vendor class (60).
    pub vendor: Cow<'a, [u8]>,
    /// A message for people (56).
    pub text: Cow<'a, [u8]>,
}

impl Message<'_> {
    /// What one more option said, of which nothing here is a part.
    fn learn(&mut self, more: Message<'_>) {
        let owned = |text: Cow<'_, [u8]>| Cow::Owned(text.into_owned());
        self.requested = more.requested.or(self.requested);
        self.server_id = more.server_id.or(self.server_id);
        self.mask = more.mask.or(self.mask);
        self.kind = self.kind.or(more.kind);
        self.lease = more.lease.or(self.lease);
        self.renewal = more.renewal.or(self.renewal);
        self.rebinding = more.rebinding.or(self.rebinding);
        for (own, list) in [(&mut self.routers, more.routers), (&mut self.dns, more.dns)] {
            if !list.is_empty() {
                *own = list;
            }
        }
        for (own, text) in [
            (&mut self.host, more.host),
            (&mut self.domain, more.domain),
            (&mut self.vendor, more.vendor),
            (&mut self.text, more.text),
        ] {
            if !text.is_empty() {
                *own = owned(text);
            }
        }
    }
}

/// What is carried along while options are read.
#[derive(Default)]
struct Walk<'a> {
    said: Message<'a>,
    /// Values that come in several options.
    pieces: Pieces,
    /// The first thing that was wrong and did not stop the reading.
    trouble: Option<Malformed>,
}

impl Walk<'_> {
    fn note(&mut self, bad: Malformed) {
        self.trouble.get_or_insert(bad);
    }
}

/// Reads one message: all that the cursor spans. `bad` gets the first trouble that did not stop the reading.
///
/// # Errors
/// [`Malformed`] where the message is cut before its options, or is neither a request nor a reply, so no BOOTP.
pub fn dissect_noting<'a, R: Recorder>(
    c: &mut Cursor<'a, '_, R>,
    bad: &mut Option<Malformed>,
) -> Result<Message<'a>, Malformed> {
    // Two places of the header may hold options instead, which is only said behind them.
    let overload = overload(c.peek());
    let mut w = Walk { pieces: Pieces::of(c.peek(), overload), ..Walk::default() };
    if !matches!(c.peek_u8(), Some(1 | 2) | None) {
        return Err(c.nonsense(&TYPE));
    }
    w.said.reply = c.u8(&TYPE)? == 2;
    w.said.hw_type = c.u8(&HW_TYPE)?;
    let hw_len = c.u8(&HW_LEN)?;
    c.u8(&HOPS)?;
    w.said.id = c.u32(&ID)?;
    c.u16(&SECS)?;
    w.said.broadcast = c.bits(2, &[(&BROADCAST, 1), (&RESERVED, 15)])? & 0x8000 != 0;
    w.said.client = c.ipv4(&CLIENT)?;
    w.said.your = c.ipv4(&YOUR)?;
    c.ipv4(&SERVER)?;
    w.said.relay = c.ipv4(&RELAY)?;
    hardware(c, &mut w, usize::from(hw_len))?;
    place(c, &mut w, &SNAME, 64, overload & 2 != 0)?;
    place(c, &mut w, &FILE, 128, overload & 1 != 0)?;
    if c.peek().starts_with(&MAGIC) {
        c.ipv4(&COOKIE)?;
        w.said.has_options = true;
        if let Err(trouble) = options::list(c, &mut w) {
            w.note(trouble);
        }
    }
    c.rest(&VENDOR_AREA);
    *bad = w.trouble;
    Ok(w.said)
}

/// The 16 bytes for a hardware address.
fn hardware<'a, R: Recorder>(
    c: &mut Cursor<'a, '_, R>,
    w: &mut Walk<'a>,
    length: usize,
) -> Result<(), Malformed> {
    let held = if length <= 16 { length } else { 0 };
    w.said.hw_addr = &c.peek()[..held.min(c.left())];
    match (w.said.hw_type, length) {
        (1 | 6, 6) => drop(c.mac(&MAC)?),
        _ => drop(c.bytes(&HW_ADDR, held)?),
    }
    c.bytes(&HW_PADDING, 16 - held)?;
    Ok(())
}

/// A field for a text that ends with a zero byte, or for more options where there is no such text.
fn place<'a, R: Recorder>(
    c: &mut Cursor<'a, '_, R>,
    w: &mut Walk<'a>,
    field: &'static Field,
    length: usize,
    overloaded: bool,
) -> Result<(), Malformed> {
    if overloaded {
        let read = c.region_as_captured(length, &options::PADDING, |c| options::list(c, w))?;
        if let Err(trouble) = read {
            w.note(trouble);
        }
        return Ok(());
    }
    zero_ended(c, field, length).map(drop)
}

/// A text of `length` bytes; what stands behind the first zero byte does not belong to it.
fn zero_ended<'a, R: Recorder>(
    c: &mut Cursor<'a, '_, R>,
    field: &'static Field,
    length: usize,
) -> Result<&'a [u8], Malformed> {
    let Some(bytes) = c.peek().get(..length) else { return c.bytes(field, length) };
    let text = bytes.split(|b| *b == 0).next().unwrap_or_default();
    c.told(field, length, || Value::Text(String::from_utf8_lossy(text).into_owned()));
    Ok(text)
}

/// The value of option 52, looked for ahead of its turn (RFC 2132 section 9.3); 0 where there is none.
fn overload(message: &[u8]) -> u8 {
    let Some(mut rest) = message.get(FIXED..).and_then(|rest| rest.strip_prefix(&MAGIC)) else { return 0 };
    loop {
        rest = match rest {
            [options::PAD, rest @ ..] => rest,
            [options::OVERLOAD, 1, value, ..] => return *value,
            [code, length, rest @ ..] if *code != options::END => match rest.get(usize::from(*length)..) {
                Some(rest) => rest,
                None => return 0,
            },
            _ => return 0,
        };
    }
}
