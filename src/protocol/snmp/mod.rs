//! SNMP: asking a device for the values of its variables, setting them, and being told of what happens there.
//!
//! RFC 1157 (version 1), RFC 1901 and 3416 (version 2c), RFC 3412 section 6 and RFC 3414 section 2.4 (version 3 and its users).
//! The encoding is in [`ber`].
//! Leaves out: what an encrypted message says; the names of variables (those are in MIBs); engine identifiers' parts.

use crate::wire::{Cursor, Field, Malformed, Recorder, Value};

pub mod ber;
#[cfg(test)]
mod tests;

use ber::tag;

macro_rules! fields {
    ($($name:ident = $text:literal;)*) => { $(static $name: Field = Field::new($text);)* };
}

fields! {
    VERSION = "snmp.version";
    COMMUNITY = "snmp.community";
    MSG_VERSION = "snmp.msgVersion";
    MSG_ID = "snmp.msgID";
    MSG_MAX_SIZE = "snmp.msgMaxSize";
    MSG_FLAGS_RESERVED = "snmp.v3.flags.reserved";
    MSG_FLAG_REPORT = "snmp.v3.flags.report";
    MSG_FLAG_CRYPT = "snmp.v3.flags.crypt";
    MSG_FLAG_AUTH = "snmp.v3.flags.auth";
    SECURITY_MODEL = "snmp.msgSecurityModel";
    SECURITY_PARAMETERS = "snmp.msgSecurityParameters";
    ENGINE_ID = "snmp.msgAuthoritativeEngineID";
    ENGINE_BOOTS = "snmp.msgAuthoritativeEngineBoots";
    ENGINE_TIME = "snmp.msgAuthoritativeEngineTime";
    USER_NAME = "snmp.msgUserName";
    AUTH_PARAMETERS = "snmp.msgAuthenticationParameters";
    PRIVACY_PARAMETERS = "snmp.msgPrivacyParameters";
    ENCRYPTED = "snmp.encryptedPDU";
    CONTEXT_ENGINE_ID = "snmp.contextEngineID";
    CONTEXT_NAME = "snmp.contextName";
    PDU_CLASS = "snmp.data.class";
    PDU = "snmp.data";
    REQUEST_ID = "snmp.request_id";
    ERROR_STATUS = "snmp.error_status";
    ERROR_INDEX = "snmp.error_index";
    NON_REPEATERS = "snmp.non_repeaters";
    MAX_REPETITIONS = "snmp.max_repetitions";
    ENTERPRISE = "snmp.enterprise";
    AGENT_ADDR = "snmp.agent_addr";
    GENERIC_TRAP = "snmp.generic_trap";
    SPECIFIC_TRAP = "snmp.specific_trap";
    TIME_STAMP = "snmp.time_stamp";
    BINDINGS = "snmp.variable_bindings";
    BINDING = "snmp.VarBind";
    NAME = "snmp.name";
    VALUE_INT = "snmp.value.int";
    VALUE_OCTETS = "snmp.value.octets";
    VALUE_NULL = "snmp.value.null";
    VALUE_OID = "snmp.value.oid";
    VALUE_IPV4 = "snmp.value.ipv4";
    VALUE_COUNTER = "snmp.value.counter";
    VALUE_G32 = "snmp.value.g32";
    VALUE_TIME_TICKS = "snmp.value.timeticks";
    VALUE_OPAQUE = "snmp.value.opaque";
    VALUE_UNKNOWN = "snmp.value.unk";
    NO_SUCH_OBJECT = "snmp.noSuchObject";
    NO_SUCH_INSTANCE = "snmp.noSuchInstance";
    END_OF_MIB_VIEW = "snmp.endOfMibView";
}

/// The security model of users (RFC 3414).
const USM: i64 = 3;

/// What a message is for: the number of its PDU.
pub mod pdu {
    #![allow(missing_docs)]
    pub const GET: u8 = 0;
    pub const GET_NEXT: u8 = 1;
    pub const RESPONSE: u8 = 2;
    pub const SET: u8 = 3;
    pub const TRAP: u8 = 4;
    pub const GET_BULK: u8 = 5;
    pub const INFORM: u8 = 6;
    pub const TRAP2: u8 = 7;
    pub const REPORT: u8 = 8;
}

/// A variable and its value, as they are encoded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Binding<'a> {
    /// The object identifier.
    pub name: &'a [u8],
    /// Tag of the value.
    pub tag: u8,
    /// Its contents.
    pub value: &'a [u8],
}

/// What a message says, as far as it could be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message<'a> {
    /// Version field: 0, 1, 3.
    pub version: u8,
    /// Community (versions 1 and 2c) or user (3).
    pub who: &'a [u8],
    /// The PDU's number; `None` where it is encrypted, or not reached.
    pub pdu: Option<u8>,
    /// Whether it is encrypted.
    pub encrypted: bool,
    /// Pairs request and response.
    pub request_id: i64,
    /// 0: no error.
    pub error_status: i64,
    /// Which variable is at fault, from 1.
    pub error_index: i64,
    /// How many variables there are.
    pub bindings: u64,
    /// The first one.
    pub first: Option<Binding<'a>>,
    /// Version 1's kind of trap.
    pub generic_trap: i64,
}

/// Reads one message: all that the cursor spans. `bad` gets the first trouble that did not stop the reading.
///
/// # Errors
/// [`Malformed`] where it is cut before it can be told that it is SNMP, or is none.
pub fn dissect_noting<'a, R: Recorder>(
    c: &mut Cursor<'a, '_, R>,
    bad: &mut Option<Malformed>,
) -> Result<Message<'a>, Malformed> {
    let mut said = Message::default();
    // Once a version is known, this is SNMP, whatever else is wrong with it.
    let mut known = false;
    match ber::element(c, tag::SEQUENCE, |c| message(c, &mut said, &mut known)) {
        Err(trouble) if !known => return Err(trouble),
        Err(trouble) => *bad = Some(trouble),
        Ok(()) => {}
    }
    Ok(said)
}

fn message<'a, R: Recorder>(
    c: &mut Cursor<'a, '_, R>,
    said: &mut Message<'a>,
    known: &mut bool,
) -> Result<(), Malformed> {
    said.version = match c.peek() {
        [tag::INTEGER, 1, version @ (0 | 1 | 3), ..] => *version,
        [tag::INTEGER, 1, _, ..] | [tag::INTEGER, 0 | 2.., ..] => return Err(c.nonsense(&VERSION)),
        _ => 0,
    };
    let field = if said.version == 3 { &MSG_VERSION } else { &VERSION };
    ber::element(c, tag::INTEGER, |c| ber::integer(c, field))?;
    *known = true;
    if said.version == 3 {
        return version_3(c, said);
    }
    said.who = ber::element(c, tag::OCTET_STRING, |c| ber::text(c, &COMMUNITY))?;
    data(c, said)
}

/// RFC 3412 section 6.
fn version_3<'a, R: Recorder>(c: &mut Cursor<'a, '_, R>, said: &mut Message<'a>) -> Result<(), Malformed> {
    let model = ber::element(c, tag::SEQUENCE, |c| {
        ber::element(c, tag::INTEGER, |c| ber::integer(c, &MSG_ID))?;
        ber::element(c, tag::INTEGER, |c| ber::integer(c, &MSG_MAX_SIZE))?;
        ber::element(c, tag::OCTET_STRING, |c| {
            let flags =
                [(&MSG_FLAGS_RESERVED, 5), (&MSG_FLAG_REPORT, 1), (&MSG_FLAG_CRYPT, 1), (&MSG_FLAG_AUTH, 1)];
            c.bits(1, &flags).map(drop)
        })?;
        ber::element(c, tag::INTEGER, |c| ber::integer(c, &SECURITY_MODEL))
    })?;
    ber::wrapped(c, tag::OCTET_STRING, |c| {
        if model != USM {
            ber::octets(c, &SECURITY_PARAMETERS)?;
            return Ok(());
        }
        // RFC 3414 section 2.4.
        ber::element(c, tag::SEQUENCE, |c| {
            ber::element(c, tag::OCTET_STRING, |c| ber::octets(c, &ENGINE_ID))?;
            ber::element(c, tag::INTEGER, |c| ber::integer(c, &ENGINE_BOOTS))?;
            ber::element(c, tag::INTEGER, |c| ber::integer(c, &ENGINE_TIME))?;
            said.who = ber::element(c, tag::OCTET_STRING, |c| ber::text(c, &USER_NAME))?;
            ber::element(c, tag::OCTET_STRING, |c| ber::octets(c, &AUTH_PARAMETERS))?;
            ber::element(c, tag::OCTET_STRING, |c| ber::octets(c, &PRIVACY_PARAMETERS))?;
            Ok(())
        })
    })?;
    if c.peek_u8() == Some(tag::OCTET_STRING) {
        said.encrypted = true;
        ber::element(c, tag::OCTET_STRING, |c| ber::octets(c, &ENCRYPTED))?;
        return Ok(());
    }
    ber::element(c, tag::SEQUENCE, |c| {
        ber::element(c, tag::OCTET_STRING, |c| ber::octets(c, &CONTEXT_ENGINE_ID))?;
        ber::element(c, tag::OCTET_STRING, |c| ber::text(c, &CONTEXT_NAME))?;
        data(c, said)
    })
}

/// The PDU: its tag says what is asked or told (RFC 3416 section 3).
fn data<'a, R: Recorder>(c: &mut Cursor<'a, '_, R>, said: &mut Message<'a>) -> Result<(), Malformed> {
    if !matches!(c.peek_u8(), Some(0xa0..=0xa8) | None) {
        return Err(c.nonsense(&PDU));
    }
    let kind = c.bits(1, &[(&PDU_CLASS, 3), (&PDU, 5)])? as u8 & 0x1f;
    said.pdu = Some(kind);
    ber::contents(c, |c| {
        if kind == pdu::TRAP {
            trap(c, said)?;
        } else {
            let bulk = kind == pdu::GET_BULK;
            let (second, third) =
                if bulk { (&NON_REPEATERS, &MAX_REPETITIONS) } else { (&ERROR_STATUS, &ERROR_INDEX) };
            said.request_id = ber::element(c, tag::INTEGER, |c| ber::integer(c, &REQUEST_ID))?;
            said.error_status = ber::element(c, tag::INTEGER, |c| ber::integer(c, second))?;
            said.error_index = ber::element(c, tag::INTEGER, |c| ber::integer(c, third))?;
        }
        ber::element(c, tag::SEQUENCE, |c| {
            while c.left() > 0 {
                c.group(&BINDING, |c| binding(c, said))?;
            }
            c.derived(&BINDINGS, || Value::Uint(said.bindings));
            Ok(())
        })
    })
}

/// RFC 1157 section 4.1.6.
fn trap<'a, R: Recorder>(c: &mut Cursor<'a, '_, R>, said: &mut Message<'a>) -> Result<(), Malformed> {
    ber::element(c, tag::OID, |c| ber::oid(c, &ENTERPRISE))?;
    ber::element(c, tag::IP_ADDRESS, |c| c.ipv4(&AGENT_ADDR))?;
    said.generic_trap = ber::element(c, tag::INTEGER, |c| ber::integer(c, &GENERIC_TRAP))?;
    ber::element(c, tag::INTEGER, |c| ber::integer(c, &SPECIFIC_TRAP))?;
    ber::element(c, tag::TIME_TICKS, |c| ber::unsigned(c, &TIME_STAMP))?;
    Ok(())
}

fn binding<'a, R: Recorder>(c: &mut Cursor<'a, '_, R>, said: &mut Message<'a>) -> Result<(), Malformed> {
    ber::element(c, tag::SEQUENCE, |c| {
        let name = ber::element(c, tag::OID, |c| ber::oid(c, &NAME))?;
        let (tag, value) = ber::any(c, |c, tag| {
            let bytes = c.peek();
            value(c, tag)?;
            Ok((tag, bytes))
        })?;
        said.bindings += 1;
        said.first.get_or_insert(Binding { name, tag, value });
        Ok(())
    })
}

fn value<R: Recorder>(c: &mut Cursor<'_, '_, R>, tag: u8) -> Result<(), Malformed> {
    // Of what has no contents, the tag says all.
    let said = |c: &mut Cursor<'_, '_, R>, field| c.derived(field, || Value::Flag(true));
    match tag {
        tag::INTEGER => drop(ber::integer(c, &VALUE_INT)?),
        tag::OCTET_STRING => drop(ber::octets(c, &VALUE_OCTETS)?),
        tag::NULL => said(c, &VALUE_NULL),
        tag::OID => drop(ber::oid(c, &VALUE_OID)?),
        tag::IP_ADDRESS if c.left() == 4 => drop(c.ipv4(&VALUE_IPV4)?),
        tag::COUNTER32 | tag::COUNTER64 => drop(ber::unsigned(c, &VALUE_COUNTER)?),
        tag::UNSIGNED32 => drop(ber::unsigned(c, &VALUE_G32)?),
        tag::TIME_TICKS => drop(ber::unsigned(c, &VALUE_TIME_TICKS)?),
        tag::OPAQUE => drop(ber::octets(c, &VALUE_OPAQUE)?),
        tag::NO_SUCH_OBJECT => said(c, &NO_SUCH_OBJECT),
        tag::NO_SUCH_INSTANCE => said(c, &NO_SUCH_INSTANCE),
        tag::END_OF_MIB_VIEW => said(c, &END_OF_MIB_VIEW),
        _ => drop(ber::octets(c, &VALUE_UNKNOWN)?),
    }
    Ok(())
}
