//! ONC RPC: calls and replies, over UDP or behind record marks over TCP; and the portmapper, which says at which port a program is.
//!
//! RFC 5531 section 9 (messages), 11 (record marking), RFC 1833 section 2 (rpcbind) and 3 (portmap). Leaves out: what other programs (NFS,
//! mount, ...) are asked; records of several fragments are read as far as the first reaches.

use crate::wire::{Cursor, Field, Malformed, Recorder, Value};

static LAST: Field = Field::new("rpc.lastfrag");
static FRAGMENT_LENGTH: Field = Field::new("rpc.fraglen");
static XID: Field = Field::hex("rpc.xid", 8);
static TYPE: Field = Field::new("rpc.msgtyp");
static VERSION: Field = Field::new("rpc.version");
static PROGRAM: Field = Field::new("rpc.program");
static PROGRAM_VERSION: Field = Field::new("rpc.programversion");
static PROCEDURE: Field = Field::new("rpc.procedure");
static FLAVOR: Field = Field::new("rpc.auth.flavor");
static AUTH_LENGTH: Field = Field::new("rpc.auth.length");
static AUTH: Field = Field::new("rpc.auth.body");
static STAMP: Field = Field::hex("rpc.auth.stamp", 8);
static MACHINE_LENGTH: Field = Field::new("rpc.auth.machinename.length");
static MACHINE: Field = Field::new("rpc.auth.machinename");
static UID: Field = Field::new("rpc.auth.uid");
static GID: Field = Field::new("rpc.auth.gid");
static GID_COUNT: Field = Field::new("rpc.auth.gid.count");
static FILL: Field = Field::new("rpc.fill_bytes");
static REPLY_STATE: Field = Field::new("rpc.replystat");
static ACCEPT_STATE: Field = Field::new("rpc.state_accept");
static REJECT_STATE: Field = Field::new("rpc.state_reject");
static AUTH_STATE: Field = Field::new("rpc.state_auth");
static MIN: Field = Field::new("rpc.version.min");
static MAX: Field = Field::new("rpc.version.max");
static BODY: Field = Field::new("rpc.body");
static PM_PROGRAM: Field = Field::new("portmap.prog");
static PM_VERSION: Field = Field::new("portmap.version");
static PM_PROTOCOL: Field = Field::new("portmap.proto");
static PM_PORT: Field = Field::new("portmap.port");
static PM_FOLLOWS: Field = Field::new("portmap.value_follows");
static RB_PROGRAM: Field = Field::new("portmap.rpcb.prog");
static RB_VERSION: Field = Field::new("portmap.rpcb.version");
static RB_NETID: (Field, Field) = (Field::new("portmap.rpcb.netid.length"), Field::new("portmap.rpcb.netid"));
static RB_ADDRESS: (Field, Field) = (Field::new("portmap.rpcb.addr.length"), Field::new("portmap.rpcb.addr"));
static RB_OWNER: (Field, Field) = (Field::new("portmap.rpcb.owner.length"), Field::new("portmap.rpcb.owner"));
static UADDR: (Field, Field) = (Field::new("portmap.uaddr.length"), Field::new("portmap.uaddr"));

/// The portmapper's program number.
pub const PORTMAP: u32 = 100_000;
const AUTH_UNIX: u32 = 1;
/// RFC 5531 section 8.2: no credential is longer.
const MAX_AUTH: u32 = 400;

/// Which procedure of which program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Called {
    /// Program number.
    pub program: u32,
    /// Its version.
    pub version: u32,
    /// Procedure; 0 does nothing.
    pub procedure: u32,
}

/// What a message says to those who follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message {
    /// A call.
    Call {
        /// Number that the reply repeats.
        xid: u32,
        /// What is called.
        called: Called,
        /// Program and version that the portmapper is asked for.
        asked: Option<(u32, u32)>,
    },
    /// A reply.
    Reply {
        /// Number of the call.
        xid: u32,
        /// Accepted (and then how it went, 0 is well) or rejected.
        state: Result<u32, u32>,
        /// The port that the portmapper found, where it was asked for one by version 2; 0 where there is none.
        port: Option<u32>,
    },
}

/// Whether bytes begin a message behind its record mark, or in a datagram.
pub fn looks_like(message: &[u8]) -> bool {
    let word = |at: usize| message.get(at..at + 4).map(|w| u32::from_be_bytes([w[0], w[1], w[2], w[3]]));
    match (word(4), word(8)) {
        (Some(0), Some(2)) => word(12).is_some_and(|program| program >= PORTMAP),
        (Some(1), Some(0 | 1)) => message.len() >= 12,
        _ => false,
    }
}

/// Whether a datagram between ports that say nothing is a message. The words of a call are told from other bytes; a reply has
/// little that is its own, so all of its head must be sound.
pub fn is_datagram(message: &[u8]) -> bool {
    let word = |at: usize| message.get(at..at + 4).map(|w| u32::from_be_bytes([w[0], w[1], w[2], w[3]]));
    let sound = |at: usize| matches!((word(at), word(at + 4)), (Some(0..=6), Some(0..=MAX_AUTH)));
    match (word(4), word(8)) {
        (Some(0), Some(2)) => {
            let known = word(12).is_some_and(|program| (PORTMAP..PORTMAP + 1000).contains(&program));
            known && matches!((word(16), word(20)), (Some(0..=99), Some(0..=99))) && sound(24)
        }
        (Some(1), Some(0)) => {
            let verifier = word(16).map(padded);
            let state = verifier.and_then(|length| word(20 + length));
            word(0) != Some(0) && sound(12) && state.is_some_and(|state| state <= 5)
        }
        _ => false,
    }
}

/// What a part of a stream is, or a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// A message behind its record mark; what a reply answers, where that is known.
    Record(Option<Called>),
    /// A fragment that goes on with the one before.
    More,
    /// A message that is a datagram; what a reply answers, where that is known.
    Datagram(Option<Called>),
}

/// Names a part.
///
/// # Errors
/// [`Malformed`] where the message ends before it should.
pub fn describe<R: Recorder>(part: Part, c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    if !matches!(part, Part::Datagram(_)) {
        c.bits(4, &[(&LAST, 1), (&FRAGMENT_LENGTH, 31)])?;
    }
    match part {
        Part::Record(called) | Part::Datagram(called) => dissect(called, c).map(drop),
        Part::More => {
            c.rest(&BODY);
            Ok(())
        }
    }
}

/// The usual name of a program (as in `/etc/rpc`).
pub fn program_name(program: u32) -> Option<&'static str> {
    Some(match program {
        100_000 => "portmapper",
        100_001 => "rstatd",
        100_003 => "nfs",
        100_004 => "ypserv",
        100_005 => "mountd",
        100_007 => "ypbind",
        100_011 => "rquotad",
        100_021 => "nlockmgr",
        100_024 => "status",
        100_227 => "nfs_acl",
        _ => return None,
    })
}

/// Reads a message. `called` says what a reply answers, where that is known.
///
/// # Errors
/// [`Malformed`] where the message ends before it should.
pub fn dissect<R: Recorder>(called: Option<Called>, c: &mut Cursor<'_, '_, R>) -> Result<Message, Malformed> {
    let xid = c.u32(&XID)?;
    let message = match c.u32(&TYPE)? {
        0 => {
            c.u32(&VERSION)?;
            let called = Called {
                program: c.u32(&PROGRAM)?,
                version: c.u32(&PROGRAM_VERSION)?,
                procedure: c.u32(&PROCEDURE)?,
            };
            credentials(c)?;
            credentials(c)?;
            let asked = if called.program == PORTMAP { portmap_call(called, c)? } else { None };
            Message::Call { xid, called, asked }
        }
        1 if reply_state(called, c)? == 0 => {
            credentials(c)?;
            let state = c.u32(&ACCEPT_STATE)?;
            let mut port = None;
            match (state, called) {
                (0, Some(called)) if called.program == PORTMAP => port = portmap_reply(called, c)?,
                (2, _) => {
                    c.u32(&MIN)?;
                    c.u32(&MAX)?;
                }
                _ => {}
            }
            Message::Reply { xid, state: Ok(state), port }
        }
        1 => {
            let state = c.u32(&REJECT_STATE)?;
            if state == 0 {
                c.u32(&MIN)?;
                c.u32(&MAX)?;
            } else {
                c.u32(&AUTH_STATE)?;
            }
            Message::Reply { xid, state: Err(state), port: None }
        }
        _ => return Err(c.nonsense(&TYPE)),
    };
    c.rest(&BODY);
    Ok(message)
}

/// Begins a reply. What it answers is no part of it, so that is shown as worked out.
fn reply_state<R: Recorder>(called: Option<Called>, c: &mut Cursor<'_, '_, R>) -> Result<u32, Malformed> {
    if let Some(called) = called {
        for (field, value) in
            [(&PROGRAM, called.program), (&PROGRAM_VERSION, called.version), (&PROCEDURE, called.procedure)]
        {
            c.derived(field, || Value::Uint(value.into()));
        }
    }
    c.u32(&REPLY_STATE)
}

/// RFC 5531 section 8.2 and appendix A (AUTH_SYS).
fn credentials<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    let flavor = c.u32(&FLAVOR)?;
    let length = c.u32(&AUTH_LENGTH)?;
    if length > MAX_AUTH {
        return Err(c.nonsense(&AUTH));
    }
    // What is inside hangs on the flavour; what comes behind does not.
    let _ = c.region_as_captured(padded(length), &AUTH, |c| {
        if flavor != AUTH_UNIX || length == 0 {
            return Ok(());
        }
        c.u32(&STAMP)?;
        let name = c.u32(&MACHINE_LENGTH)?;
        words(c, name, &MACHINE)?;
        c.u32(&UID)?;
        c.u32(&GID)?;
        for _ in 0..c.u32(&GID_COUNT)?.min(16) {
            c.u32(&GID)?;
        }
        Ok(())
    })?;
    Ok(())
}

/// RFC 4506 section 3: everything fills four bytes.
fn padded(length: u32) -> usize {
    (length as usize).div_ceil(4) * 4
}

fn words<R: Recorder>(
    c: &mut Cursor<'_, '_, R>,
    length: u32,
    field: &'static Field,
) -> Result<(), Malformed> {
    c.text(field, length as usize)?;
    c.bytes(&FILL, padded(length) - length as usize).map(drop)
}

fn string<R: Recorder>(
    c: &mut Cursor<'_, '_, R>,
    (length, text): &'static (Field, Field),
) -> Result<(), Malformed> {
    let length = c.u32(length)?;
    if length == 0 {
        c.derived(text, || Value::Text(String::new()));
    }
    words(c, length, text)
}

fn portmap_call<R: Recorder>(
    called: Called,
    c: &mut Cursor<'_, '_, R>,
) -> Result<Option<(u32, u32)>, Malformed> {
    match (called.version, called.procedure) {
        (2, 1..=3) => {
            let asked = (c.u32(&PM_PROGRAM)?, c.u32(&PM_VERSION)?);
            c.u32(&PM_PROTOCOL)?;
            c.u32(&PM_PORT)?;
            Ok(Some(asked).filter(|_| called.procedure == 3))
        }
        (3 | 4, 1..=3) | (4, 9 | 11) => {
            let asked = (c.u32(&RB_PROGRAM)?, c.u32(&RB_VERSION)?);
            string(c, &RB_NETID)?;
            string(c, &RB_ADDRESS)?;
            string(c, &RB_OWNER)?;
            Ok(Some(asked).filter(|_| called.procedure == 3))
        }
        _ => Ok(None),
    }
}

fn portmap_reply<R: Recorder>(called: Called, c: &mut Cursor<'_, '_, R>) -> Result<Option<u32>, Malformed> {
    match (called.version, called.procedure) {
        (2, 3) => c.u32(&PM_PORT).map(Some),
        (3 | 4, 3) | (4, 9) => string(c, &UADDR).map(|()| None),
        // A list of everything that is registered: each entry behind a 1, the end a 0.
        (2, 4) => {
            while c.u32(&PM_FOLLOWS)? == 1 {
                for field in [&PM_PROGRAM, &PM_VERSION, &PM_PROTOCOL, &PM_PORT] {
                    c.u32(field)?;
                }
            }
            Ok(None)
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Off, Tree};

    #[rustfmt::skip]
    const CALL: &[u8] = &[
        0, 0, 0, 7,             // rpc.xid
        0, 0, 0, 0,             // rpc.msgtyp: call
        0, 0, 0, 2,             // rpc.version
        0, 1, 0x86, 0xa0,       // rpc.program: portmapper
        0, 0, 0, 2,             // rpc.programversion
        0, 0, 0, 3,             // rpc.procedure: GETPORT
        0, 0, 0, 0, 0, 0, 0, 0, // credentials: none
        0, 0, 0, 0, 0, 0, 0, 0, // verifier: none
        0, 1, 0x86, 0xa3,       // portmap.prog: NFS
        0, 0, 0, 3,             // portmap.version
        0, 0, 0, 6,             // portmap.proto: TCP
        0, 0, 0, 0,             // portmap.port
    ];

    #[rustfmt::skip]
    const REPLY: &[u8] = &[
        0, 0, 0, 7,             // rpc.xid
        0, 0, 0, 1,             // rpc.msgtyp: reply
        0, 0, 0, 0,             // rpc.replystat: accepted
        0, 0, 0, 0, 0, 0, 0, 0, // verifier: none
        0, 0, 0, 0,             // rpc.state_accept: success
        0, 0, 8, 1,             // portmap.port
    ];

    #[test]
    fn a_call_and_its_reply() {
        let called = Called { program: PORTMAP, version: 2, procedure: 3 };
        let call = dissect(None, &mut Cursor::new(CALL, 0, CALL.len(), &mut Off)).unwrap();
        assert_eq!(call, Message::Call { xid: 7, called, asked: Some((100_003, 3)) });
        let reply = dissect(Some(called), &mut Cursor::new(REPLY, 0, REPLY.len(), &mut Off)).unwrap();
        assert_eq!(reply, Message::Reply { xid: 7, state: Ok(0), port: Some(2049) });
        for form in [looks_like, is_datagram] {
            assert!(
                form(CALL)
                    && form(REPLY)
                    && !form(b"GET / HTTP/1.1")
                    && !form(&CALL[..12])
                    && !form(&[0; 64])
            );
        }
        let mut tree = Tree::default();
        let part = Part::Datagram(Some(called));
        describe(part, &mut Cursor::new(REPLY, 0, REPLY.len(), &mut tree)).unwrap();
        let named = |name| tree.nodes.iter().find(|n| n.field.name == name).map(|n| n.value.clone());
        assert_eq!(named("rpc.procedure"), Some(Value::Uint(3)), "what it answers is shown");
        assert_eq!(named("portmap.port"), Some(Value::Uint(2049)));
    }

    #[test]
    fn cut_and_hostile() {
        for end in 0..CALL.len() {
            assert!(dissect(None, &mut Cursor::new(CALL, 0, end, &mut Tree::default())).is_err());
        }
        let mut hostile = CALL.to_vec();
        hostile[28..32].copy_from_slice(&[0xff; 4]);
        assert!(dissect(None, &mut Cursor::new(&hostile, 0, hostile.len(), &mut Off)).is_err());
    }
}
