//! DNS messages: header, questions, and the three sections of resource records.
//!
//! RFC 1035 section 4 (message), RFC 2136 section 2 (names of the counts in updates), RFC 6891 (EDNS),
//! RFC 6762 section 18 (multicast DNS: the top bit of the class), RFC 4795 section 2.1.1 (LLMNR: other flags),
//! RFC 8490 section 5.4 (stateful operations). The message's first byte is the cursor's: pointers count from there.
//! Leaves out the two bytes of length that go before a message over TCP (RFC 7766 section 8): the caller takes them off.
//!
//! Names are in [`name`], records in [`record`], what their data hold there, in `rdata`, `dnssec` and `svcb`, options in `edns`,
//! names of numbers in [`registry`].
//! Tolerant: a name whose pointers go in a circle, or a record whose data are not what its type says, is noted,
//! and what follows is read all the same; only where bytes run out, or a length cannot be known, reading ends.

use crate::wire::{Cursor, Field, Malformed, Problem, Recorder, Value};

/// Statics of fields, by name.
macro_rules! fields {
    ($($name:ident = $text:literal;)*) => { $(static $name: Field = Field::new($text);)* };
}

mod dnssec;
mod edns;
pub mod name;
mod rdata;
pub mod record;
pub mod registry;
mod svcb;
#[cfg(test)]
mod tests;

static LENGTH: Field = Field::new("dns.length");
static ID: Field = Field::hex("dns.id", 4);
static FLAGS: Field = Field::hex("dns.flags", 4);
static RESPONSE: Field = Field::new("dns.flags.response");
static OPCODE: Field = Field::new("dns.flags.opcode");
static AUTHORITATIVE: Field = Field::new("dns.flags.authoritative");
static TRUNCATED: Field = Field::new("dns.flags.truncated");
static RECDESIRED: Field = Field::new("dns.flags.recdesired");
static RECAVAIL: Field = Field::new("dns.flags.recavail");
static Z: Field = Field::new("dns.flags.z");
static AUTHENTICATED: Field = Field::new("dns.flags.authenticated");
static CHECKDISABLE: Field = Field::new("dns.flags.checkdisable");
static RCODE: Field = Field::new("dns.flags.rcode");
/// Bits that say something in a response only.
static UNUSED: Field = Field::new("dns.flags.unused");

static CONFLICT: Field = Field::new("dns.flags.conflict");
static TENTATIVE: Field = Field::new("dns.flags.tentative");
static RESERVED: Field = Field::new("dns.flags.reserved");

static COUNTS: [&Field; 4] = {
    static QUERIES: Field = Field::new("dns.count.queries");
    static ANSWERS: Field = Field::new("dns.count.answers");
    static AUTH_RR: Field = Field::new("dns.count.auth_rr");
    static ADD_RR: Field = Field::new("dns.count.add_rr");
    [&QUERIES, &ANSWERS, &AUTH_RR, &ADD_RR]
};
static UPDATE_COUNTS: [&Field; 4] = {
    static ZONES: Field = Field::new("dns.count.zones");
    static PREREQUISITES: Field = Field::new("dns.count.prerequisites");
    static UPDATES: Field = Field::new("dns.count.updates");
    [&ZONES, &PREREQUISITES, &UPDATES, COUNTS[3]]
};
static SECTIONS: [&Field; 4] = {
    static QUERIES: Field = Field::new("dns.queries");
    static ANSWERS: Field = Field::new("dns.answers");
    static AUTHORITIES: Field = Field::new("dns.authorities");
    static ADDITIONALS: Field = Field::new("dns.additionals");
    [&QUERIES, &ANSWERS, &AUTHORITIES, &ADDITIONALS]
};
/// RFC 2136 section 2: the sections of an update.
static UPDATE_SECTIONS: [&Field; 4] = {
    static ZONES: Field = Field::new("dns.zones");
    static PREREQUISITES: Field = Field::new("dns.prerequisites");
    static UPDATES: Field = Field::new("dns.updates");
    [&ZONES, &PREREQUISITES, &UPDATES, SECTIONS[3]]
};

static QRY: Field = Field::new("dns.qry");
static QRY_NAME: Field = Field::new("dns.qry.name");
static QRY_NAME_LEN: Field = Field::new("dns.qry.name.len");
static QRY_LABELS: Field = Field::new("dns.count.labels");
static QRY_TYPE: Field = Field::new("dns.qry.type");
static QRY_CLASS: Field = Field::hex("dns.qry.class", 4);
static QRY_QU: Field = Field::new("dns.qry.qu");
static EXTRANEOUS: Field = Field::new("dns.extraneous.data");

/// Opcode of a dynamic update (RFC 2136).
pub const UPDATE: u8 = 5;
/// Opcode of stateful operations (RFC 8490).
const STATEFUL: u8 = 6;
/// Of how many questions, and answers, the text is kept.
pub const KEPT_ANSWERS: usize = 16;

/// Which of the three protocols that share the message's form it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Dialect {
    /// DNS (RFC 1035).
    #[default]
    Unicast,
    /// Multicast DNS (RFC 6762): the top bit of a class is none of the class.
    Multicast,
    /// LLMNR (RFC 4795): other flags.
    Llmnr,
}

impl Dialect {
    /// The one that is spoken between these ports.
    pub fn of_ports(a: u16, b: u16) -> Dialect {
        match (a, b) {
            (5353, _) | (_, 5353) => Dialect::Multicast,
            (5355, _) | (_, 5355) => Dialect::Llmnr,
            _ => Dialect::Unicast,
        }
    }
}

/// What is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Question {
    /// The name, as Wireshark writes it (see [`name::text`]).
    pub name: String,
    /// Record type.
    pub rtype: u16,
    /// Class, multicast DNS's bit taken off.
    pub class: u16,
}

/// A record of the answer section.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// Whose record it is.
    pub name: String,
    /// Record type.
    pub rtype: u16,
    /// Class; in updates also what is to be done (RFC 2136 section 2.5).
    pub class: u16,
    /// The receiver is to forget what it knew under this name and type (multicast DNS).
    pub flush: bool,
    /// Time to live in seconds.
    pub ttl: u32,
    /// What it says: address, name, text; empty for types that have no short form here.
    pub text: String,
}

/// What a DNS message says, as far as it could be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// Transaction ID.
    pub id: u16,
    /// Whether it is a response (QR).
    pub response: bool,
    /// Kind of query.
    pub opcode: u8,
    /// The server is an authority for the name (AA).
    pub authoritative: bool,
    /// More was to be said than fits (TC).
    pub truncated: bool,
    /// The client wants the server to ask around (RD).
    pub recursion_desired: bool,
    /// The server would (RA).
    pub recursion_available: bool,
    /// The server has verified the data (AD).
    pub authenticated: bool,
    /// The client takes unverified data (CD).
    pub checking_disabled: bool,
    /// Response code, with EDNS's upper bits.
    pub rcode: u16,
    /// Questions, answers, authorities, additional records, as the header counts them.
    pub counts: [u16; 4],
    /// The first question.
    pub question: Option<Question>,
    /// The first [`KEPT_ANSWERS`] of the questions after it.
    pub more_questions: Vec<Question>,
    /// The first [`KEPT_ANSWERS`] answers.
    pub answers: Vec<Answer>,
    /// The first [`KEPT_ANSWERS`] changes of an update, or records that a multicast DNS probe claims.
    pub authorities: Vec<Answer>,
    /// The smallest time to live of all answers.
    pub min_ttl: Option<u32>,
    /// Whether the authority section holds name servers.
    pub authority_ns: bool,
    /// Whether the authority section holds a start of authority.
    pub authority_soa: bool,
}

/// What is carried along while a message is read.
struct Walk<'m> {
    /// The message: pointers count from its first byte.
    message: &'m [u8],
    /// Offset of the message in the cursor's buffer.
    base: usize,
    dialect: Dialect,
    /// The first thing that was wrong and did not stop the reading.
    trouble: Option<Malformed>,
    /// The upper bits of the response code (EDNS).
    high_rcode: u8,
    said: Message,
}

impl Walk<'_> {
    fn note(&mut self, bad: Malformed) {
        self.trouble.get_or_insert(bad);
    }

    /// Takes a name; its text where it is wanted, else an empty one.
    fn name<R: Recorder>(
        &mut self,
        c: &mut Cursor<'_, '_, R>,
        field: &'static Field,
        wanted: bool,
    ) -> Result<String, Malformed> {
        let at = c.at() - self.base;
        match name::walk(self.message, at, at + c.left(), |_| ()) {
            Ok(length) => {
                c.told(field, length, || Value::Text(name::text(self.message, at)));
                Ok(if wanted { name::text(self.message, at) } else { String::new() })
            }
            Err(name::Trouble::Cut { need }) => {
                Err(Malformed { field: field.name, at: c.at(), need, have: c.left(), problem: Problem::Cut })
            }
            Err(name::Trouble::Pointer { length }) => {
                self.note(c.nonsense(field));
                c.bytes(field, length)?;
                Ok(String::new())
            }
            Err(name::Trouble::Label) => Err(c.nonsense(field)),
        }
    }
}

/// Reads one message: all that the cursor spans.
///
/// # Errors
/// The first thing that is wrong with it. What could be read before, and after trouble that does not hide where
/// the next field begins, is recorded; [`read`] returns it too.
pub fn dissect<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Message, Malformed> {
    dissect_as(c, Dialect::Unicast)
}

/// Reads one message of a dialect.
///
/// # Errors
/// Those of [`dissect`].
pub fn dissect_as<R: Recorder>(c: &mut Cursor<'_, '_, R>, dialect: Dialect) -> Result<Message, Malformed> {
    match read_as(c, dialect) {
        (said, None) => Ok(said),
        (_, Some(bad)) => Err(bad),
    }
}

/// Reads a message behind its two bytes of length, as a TCP stream has it (RFC 1035 section 4.2.2).
///
/// # Errors
/// As [`dissect`].
pub fn dissect_over_tcp<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Message, Malformed> {
    c.u16(&LENGTH)?;
    dissect(c)
}

/// Reads one message as far as it can be read, and says what was wrong first.
pub fn read<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> (Message, Option<Malformed>) {
    read_as(c, Dialect::Unicast)
}

/// Reads one message of a dialect as far as it can be read, and says what was wrong first.
pub fn read_as<R: Recorder>(c: &mut Cursor<'_, '_, R>, dialect: Dialect) -> (Message, Option<Malformed>) {
    let (message, base) = (c.peek(), c.at());
    let mut w = Walk { message, base, dialect, trouble: None, high_rcode: 0, said: Message::default() };
    match sections(c, &mut w) {
        // Bytes behind the last record: not DNS's, but carried as if they were.
        Ok(()) => drop(c.rest(&EXTRANEOUS)),
        Err(bad) => w.note(bad),
    }
    w.said.rcode |= u16::from(w.high_rcode) << 4;
    (w.said, w.trouble)
}

fn sections<R: Recorder>(c: &mut Cursor<'_, '_, R>, w: &mut Walk<'_>) -> Result<(), Malformed> {
    header(c, w)?;
    if w.said.opcode == STATEFUL {
        return edns::stateful(c, w);
    }
    let names = if w.said.opcode == UPDATE { UPDATE_SECTIONS } else { SECTIONS };
    for (section, count) in w.said.counts.into_iter().enumerate().filter(|(_, count)| *count > 0) {
        c.group(names[section], |c| {
            for index in 0..usize::from(count) {
                match section {
                    0 => question(c, w, index)?,
                    _ => record::record(c, w, section, index)?,
                }
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// RFC 1035 section 4.1.1.
fn header<R: Recorder>(c: &mut Cursor<'_, '_, R>, w: &mut Walk<'_>) -> Result<(), Malformed> {
    let id = c.u16(&ID)?;
    let response = c.peek().first().is_some_and(|b| b & 0x80 != 0);
    // AA, RA and RCODE are said by the responder; a query that were shown with "no error" would answer
    // a filter that asks for successes.
    let only = |field: &'static Field| if response { field } else { &UNUSED };
    let flags = c.group(&FLAGS, |c| match w.dialect {
        Dialect::Llmnr => c.bits(
            2,
            &[
                (&RESPONSE, 1),
                (&OPCODE, 4),
                (&CONFLICT, 1),
                (&TRUNCATED, 1),
                (&TENTATIVE, 1),
                (&RESERVED, 4),
                (only(&RCODE), 4),
            ],
        ),
        Dialect::Unicast | Dialect::Multicast => c.bits(
            2,
            &[
                (&RESPONSE, 1),
                (&OPCODE, 4),
                (only(&AUTHORITATIVE), 1),
                (&TRUNCATED, 1),
                (&RECDESIRED, 1),
                (only(&RECAVAIL), 1),
                (&Z, 1),
                (&AUTHENTICATED, 1),
                (&CHECKDISABLE, 1),
                (only(&RCODE), 4),
            ],
        ),
    })?;
    c.derived(&FLAGS, || Value::Uint(flags));
    let bit = |n: u32| flags >> n & 1 == 1;
    let dns = w.dialect != Dialect::Llmnr;
    w.said = Message {
        id,
        response,
        opcode: (flags >> 11 & 0xf) as u8,
        authoritative: dns && bit(10),
        truncated: bit(9),
        recursion_desired: dns && bit(8),
        recursion_available: dns && bit(7),
        authenticated: dns && bit(5),
        checking_disabled: dns && bit(4),
        rcode: (flags & 0xf) as u16,
        ..Message::default()
    };
    let fields = if w.said.opcode == UPDATE { UPDATE_COUNTS } else { COUNTS };
    let mut counts = [0; 4];
    for (count, field) in counts.iter_mut().zip(fields) {
        *count = c.u16(field)?;
    }
    w.said.counts = counts;
    Ok(())
}

/// RFC 1035 section 4.1.2.
fn question<R: Recorder>(c: &mut Cursor<'_, '_, R>, w: &mut Walk<'_>, index: usize) -> Result<(), Malformed> {
    let wanted = index <= KEPT_ANSWERS;
    c.group(&QRY, |c| {
        let at = c.at() - w.base;
        let name = w.name(c, &QRY_NAME, wanted)?;
        if R::ON {
            let (mut labels, mut length) = (0u64, 0);
            let read = name::walk(w.message, at, w.message.len(), |label| {
                labels += 1;
                length += label.len() as u64 + 1;
            });
            // Of a name with trouble nothing is known for sure.
            if read.is_ok() {
                c.derived(&QRY_NAME_LEN, || Value::Uint(if length == 0 { 6 } else { length - 1 }));
                c.derived(&QRY_LABELS, || Value::Uint(labels));
            }
        }
        let rtype = c.u16(&QRY_TYPE)?;
        let (class, _) = class(c, w, &QRY_QU, &QRY_CLASS)?;
        if index == 0 {
            w.said.question = Some(Question { name, rtype, class });
        } else if wanted {
            w.said.more_questions.push(Question { name, rtype, class });
        }
        Ok(())
    })
}

/// A class, and what multicast DNS puts into its top bit (RFC 6762 section 18.12, 18.13).
fn class<R: Recorder>(
    c: &mut Cursor<'_, '_, R>,
    w: &Walk<'_>,
    top: &'static Field,
    field: &'static Field,
) -> Result<(u16, bool), Malformed> {
    match w.dialect {
        Dialect::Multicast => {
            c.bits(2, &[(top, 1), (field, 15)]).map(|whole| (whole as u16 & 0x7fff, whole & 0x8000 != 0))
        }
        _ => c.u16(field).map(|class| (class, false)),
    }
}
