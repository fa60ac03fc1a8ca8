//! NetBIOS name service: names of 16 bytes, found by broadcast or at a server (WINS), before DNS was in every network.
//!
//! RFC 1002 section 4.1 (names), 4.2 (messages), RFC 1001 section 14.1 (a name is 15 characters and a byte that says what of
//! the machine is meant; each half byte is sent as a letter, so that it fits DNS's form). Microsoft fills with blanks.
//! Leaves out: the session service; what the last byte of a name may mean beyond the usual (`docs/words` has those).

use super::dns::name;
use crate::wire::{Cursor, Field, Malformed, Problem, Recorder, Value};

pub mod datagram;

/// Statics of fields, by name.
macro_rules! fields {
    ($($name:ident = $text:literal;)*) => { $(static $name: Field = Field::new($text);)* };
}

fields! {
    RESPONSE = "nbns.flags.response";
    OPCODE = "nbns.flags.opcode";
    AUTHORITATIVE = "nbns.flags.authoritative";
    TRUNCATED = "nbns.flags.truncated";
    RECDESIRED = "nbns.flags.recdesired";
    RECAVAIL = "nbns.flags.recavail";
    BROADCAST = "nbns.flags.broadcast";
    RCODE = "nbns.flags.rcode";
    RESERVED = "nbns.flags.reserved";
    UNUSED = "nbns.flags.unused";
    QUERIES = "nbns.count.queries";
    ANSWERS = "nbns.count.answers";
    AUTH_RR = "nbns.count.auth_rr";
    ADD_RR = "nbns.count.add_rr";
    QUESTION = "nbns.question";
    RECORD = "nbns.record";
    NAME = "nbns.name";
    TYPE = "nbns.type";
    CLASS = "nbns.class";
    TTL = "nbns.ttl";
    DATA_LENGTH = "nbns.data_length";
    DATA = "nbns.data";
    ADDR = "nbns.addr";
    NB_GROUP = "nbns.nb_flags.group";
    NB_ONT = "nbns.nb_flags.ont";
    NB_RESERVED = "nbns.nb_flags.reserved";
    NUMBER_OF_NAMES = "nbns.number_of_names";
    NETBIOS_NAME = "nbns.netbios_name";
    NAME_GROUP = "nbns.name_flags.group";
    NAME_ONT = "nbns.name_flags.ont";
    NAME_DRG = "nbns.name_flags.drg";
    NAME_CNF = "nbns.name_flags.cnf";
    NAME_ACT = "nbns.name_flags.act";
    NAME_PRM = "nbns.name_flags.prm";
    NAME_RESERVED = "nbns.name_flags.reserved";
    UNIT_ID = "nbns.unit_id";
    EXTRANEOUS = "nbns.extraneous";
}
static NETBIOS_SUFFIX: Field = Field::hex("nbns.netbios_name.suffix", 2);
static ID: Field = Field::hex("nbns.id", 4);
static FLAGS: Field = Field::hex("nbns.flags", 4);
static NB_FLAGS: Field = Field::hex("nbns.nb_flags", 4);
static NAME_FLAGS: Field = Field::hex("nbns.name_flags", 4);
/// A node's counters in their order, 8-bit ones, 16-bit ones and 32-bit ones (RFC 1002 section 4.2.18).
static STATISTICS: [(usize, Field); 19] = [
    (1, Field::new("nbns.jumpers")),
    (1, Field::new("nbns.test_result")),
    (2, Field::new("nbns.version_number")),
    (2, Field::new("nbns.period_of_statistics")),
    (2, Field::new("nbns.num_crcs")),
    (2, Field::new("nbns.num_alignment_errors")),
    (2, Field::new("nbns.num_collisions")),
    (2, Field::new("nbns.num_send_aborts")),
    (4, Field::new("nbns.num_good_sends")),
    (4, Field::new("nbns.num_good_receives")),
    (2, Field::new("nbns.numretransmits")),
    (2, Field::new("nbns.num_no_resource_conditions")),
    (2, Field::new("nbns.numcommand_blocks")),
    (2, Field::new("nbns.total_command_blocks")),
    (2, Field::new("nbns.max_total_command_blocks")),
    (2, Field::new("nbns.numpending_sessions")),
    (2, Field::new("nbns.max_num_pending_sessions")),
    (2, Field::new("nbns.max_total_sessions_possible")),
    (2, Field::new("nbns.session_data_packet_size")),
];

/// Record types: addresses, status of a node (RFC 1002 section 4.2.1.3).
const NB: u16 = 32;
const NBSTAT: u16 = 33;

/// What a message says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// Transaction ID.
    pub id: u16,
    /// Whether it answers.
    pub response: bool,
    /// 0 query, 5 registration, 6 release, 7 wait, 8 refresh.
    pub opcode: u8,
    /// Response code.
    pub rcode: u8,
    /// Sent to all on the link.
    pub broadcast: bool,
    /// The name asked about, or that of the first record.
    pub name: String,
    /// The type asked for, or that of the first record.
    pub rtype: u16,
    /// The first address of all records.
    pub address: Option<[u8; 4]>,
    /// The names of a node's status.
    pub names: Vec<String>,
}

/// Reads one message.
///
/// # Errors
/// [`Malformed`] where the bytes end early or make no sense; what stands before is recorded.
pub fn dissect<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<Message, Malformed> {
    let (message, base) = (c.peek(), c.at());
    let (mut said, counts) = header(c)?;
    for _ in 0..counts[0] {
        c.group(&QUESTION, |c| {
            let name = encoded(c, &NAME, message, base)?;
            let rtype = c.u16(&TYPE)?;
            c.u16(&CLASS)?;
            first(&mut said, name, rtype);
            Ok(())
        })?;
    }
    for _ in 0..counts[1..].iter().map(|n| u32::from(*n)).sum() {
        c.group(&RECORD, |c| {
            let name = encoded(c, &NAME, message, base)?;
            let rtype = c.u16(&TYPE)?;
            c.u16(&CLASS)?;
            c.u32(&TTL)?;
            let n = usize::from(c.u16(&DATA_LENGTH)?);
            first(&mut said, name, rtype);
            c.region_as_captured(n, &DATA, |c| match rtype {
                NB => addresses(c, &mut said),
                NBSTAT => status(c, &mut said),
                _ => {
                    c.rest(&DATA);
                    Ok(())
                }
            })??;
            Ok(())
        })?;
    }
    c.rest(&EXTRANEOUS);
    Ok(said)
}

/// The question's name speaks for the message; without one the first record's does.
fn first(said: &mut Message, name: String, rtype: u16) {
    if said.name.is_empty() {
        (said.name, said.rtype) = (name, rtype);
    }
}

/// RFC 1002 section 4.2.1.1.
fn header<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<(Message, [u16; 4]), Malformed> {
    let id = c.u16(&ID)?;
    let response = c.peek_u8().is_some_and(|b| b & 0x80 != 0);
    // As in DNS: what only a responder can say is nothing in a request.
    let only = |field: &'static Field| if response { field } else { &UNUSED };
    let flags = c.group(&FLAGS, |c| {
        c.bits(
            2,
            &[
                (&RESPONSE, 1),
                (&OPCODE, 4),
                (only(&AUTHORITATIVE), 1),
                (&TRUNCATED, 1),
                (&RECDESIRED, 1),
                (only(&RECAVAIL), 1),
                (&RESERVED, 2),
                (&BROADCAST, 1),
                (only(&RCODE), 4),
            ],
        )
    })?;
    c.derived(&FLAGS, || Value::Uint(flags));
    let counts = [c.u16(&QUERIES)?, c.u16(&ANSWERS)?, c.u16(&AUTH_RR)?, c.u16(&ADD_RR)?];
    let said = Message {
        id,
        response,
        opcode: (flags >> 11 & 15) as u8,
        rcode: if response { (flags & 15) as u8 } else { 0 },
        broadcast: flags & 0x10 != 0,
        ..Message::default()
    };
    Ok((said, counts))
}

/// RFC 1002 section 4.2.13.
fn addresses<R: Recorder>(c: &mut Cursor<'_, '_, R>, said: &mut Message) -> Result<(), Malformed> {
    // A wait (WACK, section 4.2.16) has the flags of the request that is being looked into.
    while c.left() > 0 {
        let flags = c.group(&NB_FLAGS, |c| c.bits(2, &[(&NB_GROUP, 1), (&NB_ONT, 2), (&NB_RESERVED, 13)]))?;
        c.derived(&NB_FLAGS, || Value::Uint(flags));
        if c.left() > 0 {
            let address = c.ipv4(&ADDR)?;
            said.address.get_or_insert(address);
        }
    }
    Ok(())
}

/// RFC 1002 section 4.2.18.
fn status<R: Recorder>(c: &mut Cursor<'_, '_, R>, said: &mut Message) -> Result<(), Malformed> {
    for _ in 0..c.u8(&NUMBER_OF_NAMES)? {
        if c.left() < 16 {
            return c.bytes(&NETBIOS_NAME, 16).map(drop);
        }
        let name = &c.peek()[..16];
        c.told(&NETBIOS_NAME, 15, || Value::Text(characters(&name[..15])));
        c.u8(&NETBIOS_SUFFIX)?;
        said.names.push(text(name));
        let flags = c.group(&NAME_FLAGS, |c| {
            c.bits(
                2,
                &[
                    (&NAME_GROUP, 1),
                    (&NAME_ONT, 2),
                    (&NAME_DRG, 1),
                    (&NAME_CNF, 1),
                    (&NAME_ACT, 1),
                    (&NAME_PRM, 1),
                    (&NAME_RESERVED, 9),
                ],
            )
        })?;
        c.derived(&NAME_FLAGS, || Value::Uint(flags));
    }
    // Many send fewer counters than there are, down to the address alone.
    if c.left() > 0 {
        c.mac(&UNIT_ID)?;
    }
    for (width, field) in STATISTICS.iter() {
        match (c.left(), width) {
            (0, _) => break,
            (_, 1) => drop(c.u8(field)?),
            (_, 2) => drop(c.u16(field)?),
            _ => drop(c.u32(field)?),
        }
    }
    Ok(())
}

/// Takes a name in its form of letters; `message`, at `base` of the buffer, is what pointers count in.
pub(super) fn encoded<R: Recorder>(
    c: &mut Cursor<'_, '_, R>,
    field: &'static Field,
    message: &[u8],
    base: usize,
) -> Result<String, Malformed> {
    let at = c.at() - base;
    let mut labels: Vec<&[u8]> = Vec::new();
    match name::walk(message, at, at + c.left(), |label| labels.push(label)) {
        Ok(length) => {
            let text = name_text(&labels);
            c.told(field, length, || Value::Text(text.clone()));
            Ok(text)
        }
        Err(name::Trouble::Cut { need }) => {
            Err(Malformed { field: field.name, at: c.at(), need, have: c.left(), problem: Problem::Cut })
        }
        Err(name::Trouble::Pointer { .. } | name::Trouble::Label) => Err(c.nonsense(field)),
    }
}

/// A name as it is known, its scope behind it where it has one. A label that is no name in letters stays as it is.
fn name_text(labels: &[&[u8]]) -> String {
    let Some((name, scope)) = labels.split_first() else { return "<Root>".to_owned() };
    let half = |letter: u8| letter.checked_sub(b'A').filter(|n| *n < 16);
    let bytes: Option<Vec<u8>> =
        name.chunks(2).map(|two| Some(half(two[0])? << 4 | half(*two.get(1)?)?)).collect();
    let mut out = match bytes {
        Some(bytes) if bytes.len() == 16 => text(&bytes),
        _ => name::escaped(name),
    };
    for label in scope {
        out.push('.');
        out.push_str(&name::escaped(label));
    }
    out
}

/// Fifteen characters without the blanks that fill them, and what the sixteenth byte says: `WORKGROUP<1d>`.
fn text(name: &[u8]) -> String {
    let (last, first) = name.split_last().unwrap_or((&0, &[]));
    format!("{}<{last:02x}>", characters(first))
}

/// Characters without the blanks that fill them; what does not print in brackets.
fn characters(name: &[u8]) -> String {
    let end = name.iter().rposition(|b| *b != b' ').map_or(0, |at| at + 1);
    let mut out = String::new();
    for byte in &name[..end] {
        match byte {
            b' '..=b'~' => out.push(char::from(*byte)),
            other => out.push_str(&format!("<{other:02x}>")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{NodeKind, Off, Tree};

    #[rustfmt::skip]
    const QUERY: &[u8] = &[
        0x80, 0x01,                 // nbns.id
        0x01, 0x10,                 // flags: query, recursion desired, broadcast
        0, 1, 0, 0, 0, 0, 0, 0,     // one question
        32, b'F', b'H', b'E', b'P', b'F', b'C', b'E', b'L', b'E', b'H', b'F', b'C', b'E', b'P', b'F', b'F', // WORKGROU
        b'F', b'A', b'C', b'A', b'C', b'A', b'C', b'A', b'C', b'A', b'C', b'A', b'C', b'A', b'B', b'N', 0, // P, blanks, 1d
        0, 32, 0, 1,                // NB, IN
    ];

    #[rustfmt::skip]
    const STATUS: &[u8] = &[
        0x80, 0x02, 0x84, 0x00, 0, 0, 0, 1, 0, 0, 0, 0, // response with one answer
        1, b'*', 0,                 // a name that is not in letters
        0, 33, 0, 1, 0, 0, 0, 0, 0, 27, // NBSTAT, IN, TTL 0, 27 bytes
        1, b'P', b'C', 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 0x20, // one name: PC<20>
        0x84, 0,                    // a group, active
        2, 0, 0, 0, 0, 1, 0, 0,     // unit id, jumpers, test result
    ];

    fn read(bytes: &[u8]) -> (Result<Message, Malformed>, Tree) {
        let off = dissect(&mut Cursor::new(bytes, 0, bytes.len(), &mut Off));
        let mut tree = Tree::default();
        let on = dissect(&mut Cursor::new(bytes, 0, bytes.len(), &mut tree));
        assert_eq!(off, on);
        (on, tree)
    }

    #[test]
    fn letters_are_halves_of_bytes() {
        let (said, tree) = read(QUERY);
        let said = said.unwrap();
        assert_eq!((said.name.as_str(), said.rtype, said.broadcast), ("WORKGROUP<1d>", NB, true));
        assert!(tree.find("nbns.flags.rcode").next().is_none());
    }

    #[test]
    fn a_node_tells_its_names() {
        let (said, tree) = read(STATUS);
        assert_eq!(said.unwrap().names, ["PC<20>"]);
        assert_eq!(tree.find("nbns.name_flags.act").next().unwrap().value, Value::Flag(true));
        let bits: usize = tree.nodes.iter().filter(|n| n.kind == NodeKind::Leaf).map(|n| n.bits).sum();
        assert_eq!(bits, STATUS.len() * 8);
    }

    #[test]
    fn every_cut_and_a_circle_are_told() {
        for message in [QUERY, STATUS] {
            for end in 0..message.len() {
                // Behind the names any number of counters is a whole status.
                assert!(read(&message[..end]).0.is_err(), "cut at {end}");
            }
        }
        let mut circle = QUERY.to_vec();
        circle[12..14].copy_from_slice(&[0xc0, 12]);
        assert_eq!(read(&circle).0.unwrap_err().problem, Problem::Content);
    }
}
