//! PostgreSQL: the startup, logins, queries and what comes back.
//!
//! PostgreSQL's documentation, chapter "Frontend/Backend Protocol", version 3 ("Message Formats", "Error and Notice Message Fields"); there is
//! no RFC. Leaves out: what values mean, COPY's data, parameters of Bind, function calls.
//!
//! The first message of a client has no type byte; all others have one, and a length that counts itself.

use crate::wire::{Cursor, Field, Malformed, Recorder, Value};

static FRONTEND: Field = Field::new("pgsql.frontend");
static TYPE: Field = Field::new("pgsql.type");
static LENGTH: Field = Field::new("pgsql.length");
static MAJOR: Field = Field::new("pgsql.version_major");
static MINOR: Field = Field::new("pgsql.version_minor");
static REQUEST: Field = Field::new("pgsql.request_code");
static TLS_ANSWER: Field = Field::new("pgsql.ssl_answer");
static NAME: Field = Field::new("pgsql.parameter_name");
static VALUE: Field = Field::new("pgsql.parameter_value");
static END: Field = Field::new("pgsql.end");
static QUERY: Field = Field::new("pgsql.query");
static PASSWORD: Field = Field::new("pgsql.password");
static SASL: Field = Field::new("pgsql.auth.sasl.data");
static AUTH_TYPE: Field = Field::new("pgsql.authtype");
static SALT: Field = Field::new("pgsql.salt");
static MECHANISM: Field = Field::new("pgsql.auth.sasl.mech");
static PID: Field = Field::new("pgsql.pid");
static KEY: Field = Field::new("pgsql.key");
static STATUS: Field = Field::new("pgsql.status");
static TAG: Field = Field::new("pgsql.tag");
static COUNT: Field = Field::new("pgsql.field.count");
static COLUMN: Field = Field::new("pgsql.col.name");
static TABLE_OID: Field = Field::new("pgsql.oid.table");
static INDEX: Field = Field::new("pgsql.col.index");
static TYPE_OID: Field = Field::new("pgsql.oid.type");
static TYPE_LENGTH: Field = Field::new("pgsql.val.length");
static TYPEMOD: Field = Field::new("pgsql.col.typemod");
static FORMAT: Field = Field::new("pgsql.format");
static DATA: Field = Field::new("pgsql.val.data");
static STATEMENT: Field = Field::new("pgsql.statement");
static PORTAL: Field = Field::new("pgsql.portal");
static OID: Field = Field::new("pgsql.oid");
static RETURNS: Field = Field::new("pgsql.returns");
static CONDITION: Field = Field::new("pgsql.condition");
static TEXT: Field = Field::new("pgsql.text");
static COPY: Field = Field::new("pgsql.copydata");
static ERROR_PART: Field = Field::new("pgsql.error.part");
static OTHER_ERROR: Field = Field::new("pgsql.error");
static PAYLOAD: Field = Field::new("pgsql.payload");

/// The parts of an error (documentation, "Error and Notice Message Fields").
static ERRORS: &[(u8, Field)] = &[
    (b'S', Field::new("pgsql.severity")),
    (b'C', Field::new("pgsql.code")),
    (b'M', Field::new("pgsql.message")),
    (b'D', Field::new("pgsql.detail")),
    (b'H', Field::new("pgsql.hint")),
    (b'P', Field::new("pgsql.position")),
    (b'W', Field::new("pgsql.where")),
    (b's', Field::new("pgsql.schema_name")),
    (b't', Field::new("pgsql.table_name")),
    (b'c', Field::new("pgsql.column_name")),
    (b'F', Field::new("pgsql.file")),
    (b'L', Field::new("pgsql.line")),
    (b'R', Field::new("pgsql.routine")),
];

/// Request codes in the place of a version.
pub const CANCEL: u32 = 80_877_102;
/// See [`CANCEL`].
pub const TLS: u32 = 80_877_103;
/// See [`CANCEL`].
pub const GSS: u32 = 80_877_104;

/// How a client proves who it is, as the server's last request has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Login {
    /// Nothing was asked, or it was not seen.
    #[default]
    Unknown,
    /// The password itself.
    Clear,
    /// A digest of password, name and salt.
    Md5,
    /// SASL, that is SCRAM.
    Sasl,
}

/// What a message is: known from what came before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The client's first, without a type.
    Startup,
    /// The one byte that answers a request for TLS.
    Answer,
    /// Of the client.
    Front(Login),
    /// Of the server.
    Back,
}

/// What a message says to those who follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said<'a> {
    /// The client asks for TLS, for GSSAPI encryption, or to cancel a query.
    Request(u32),
    /// The client says who it is.
    Startup {
        /// User name.
        user: &'a [u8],
        /// Database; may be empty.
        database: &'a [u8],
    },
    /// S or N.
    Answer(u8),
    /// A password in clear.
    Password(&'a [u8]),
    /// SQL.
    Query(&'a [u8]),
    /// The server wants a proof of this kind; 0: it is satisfied.
    Auth(u32),
    /// A query is done: what it was, and how many rows.
    Done(&'a [u8]),
    /// Code and words.
    Error(&'a [u8], &'a [u8]),
    /// The client says goodbye.
    Terminate,
    /// Columns of the result that follows.
    Columns(u16),
    /// A row.
    Row,
    /// Anything else.
    Other,
}

/// Names a part.
///
/// # Errors
/// [`Malformed`] where a message ends before its parts do.
pub fn describe<R: Recorder>(part: Part, c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    dissect(part, c).map(drop)
}

/// Reads a message.
///
/// # Errors
/// [`Malformed`] where a message ends before its parts do.
pub fn dissect<'a, R: Recorder>(part: Part, c: &mut Cursor<'a, '_, R>) -> Result<Said<'a>, Malformed> {
    let from_client = matches!(part, Part::Startup | Part::Front(_));
    c.derived(&FRONTEND, || Value::Flag(from_client));
    let said = match part {
        Part::Answer => Said::Answer(letter(c, &TLS_ANSWER)?),
        Part::Startup => startup(c)?,
        Part::Front(login) => front(login, c)?,
        Part::Back => back(c)?,
    };
    c.rest(&PAYLOAD);
    Ok(said)
}

/// A byte that stands for something as a letter.
fn letter<R: Recorder>(c: &mut Cursor<'_, '_, R>, field: &'static Field) -> Result<u8, Malformed> {
    Ok(c.text(field, 1)?[0])
}

/// Text with a zero byte behind it, which belongs to it.
fn text<'a, R: Recorder>(c: &mut Cursor<'a, '_, R>, field: &'static Field) -> Result<&'a [u8], Malformed> {
    let bytes = c.peek();
    let Some(length) = bytes.iter().position(|b| *b == 0) else {
        return Err(c.nonsense(field));
    };
    let text = &bytes[..length];
    c.told(field, length + 1, || Value::Text(String::from_utf8_lossy(text).into_owned()));
    Ok(text)
}

fn startup<'a, R: Recorder>(c: &mut Cursor<'a, '_, R>) -> Result<Said<'a>, Malformed> {
    c.u32(&LENGTH)?;
    let code = c.peek().first_chunk().map(|b| u32::from_be_bytes(*b));
    if let Some(code @ (TLS | GSS | CANCEL)) = code {
        c.u32(&REQUEST)?;
        if code == CANCEL {
            c.u32(&PID)?;
            c.u32(&KEY)?;
        }
        return Ok(Said::Request(code));
    }
    c.u16(&MAJOR)?;
    c.u16(&MINOR)?;
    let (mut user, mut database): (&[u8], &[u8]) = (&[], &[]);
    while c.left() > 0 && c.peek_u8() != Some(0) {
        let name = text(c, &NAME)?;
        let value = text(c, &VALUE)?;
        match name {
            b"user" => user = value,
            b"database" => database = value,
            _ => {}
        }
    }
    c.rest(&END);
    Ok(Said::Startup { user, database })
}

fn front<'a, R: Recorder>(login: Login, c: &mut Cursor<'a, '_, R>) -> Result<Said<'a>, Malformed> {
    let kind = letter(c, &TYPE)?;
    c.u32(&LENGTH)?;
    Ok(match (kind, login) {
        (b'Q', _) => Said::Query(text(c, &QUERY)?),
        (b'p', Login::Clear) => Said::Password(text(c, &PASSWORD)?),
        (b'p', Login::Md5) => {
            text(c, &PASSWORD)?;
            Said::Other
        }
        (b'p', _) => {
            c.rest(&SASL);
            Said::Other
        }
        (b'P', _) => {
            text(c, &STATEMENT)?;
            let query = text(c, &QUERY)?;
            for _ in 0..c.u16(&COUNT)? {
                c.u32(&OID)?;
            }
            Said::Query(query)
        }
        (b'B', _) => {
            text(c, &PORTAL)?;
            text(c, &STATEMENT)?;
            Said::Other
        }
        (b'E', _) => {
            text(c, &PORTAL)?;
            c.u32(&RETURNS)?;
            Said::Other
        }
        (b'd', _) => {
            c.rest(&COPY);
            Said::Other
        }
        (b'X', _) => Said::Terminate,
        _ => Said::Other,
    })
}

fn back<'a, R: Recorder>(c: &mut Cursor<'a, '_, R>) -> Result<Said<'a>, Malformed> {
    let kind = letter(c, &TYPE)?;
    c.u32(&LENGTH)?;
    Ok(match kind {
        b'R' => {
            let kind = c.u32(&AUTH_TYPE)?;
            match kind {
                5 => drop(c.bytes(&SALT, 4)?),
                10 => {
                    while c.left() > 1 {
                        text(c, &MECHANISM)?;
                    }
                    c.rest(&END);
                }
                11 | 12 => drop(c.rest(&SASL)),
                _ => {}
            }
            Said::Auth(kind)
        }
        b'S' => {
            text(c, &NAME)?;
            text(c, &VALUE)?;
            Said::Other
        }
        b'K' => {
            c.u32(&PID)?;
            c.u32(&KEY)?;
            Said::Other
        }
        b'Z' => {
            letter(c, &STATUS)?;
            Said::Other
        }
        b'C' => Said::Done(text(c, &TAG)?),
        b'T' => {
            let count = c.u16(&COUNT)?;
            for _ in 0..count {
                text(c, &COLUMN)?;
                c.u32(&TABLE_OID)?;
                c.u16(&INDEX)?;
                c.u32(&TYPE_OID)?;
                c.u16(&TYPE_LENGTH)?;
                c.u32(&TYPEMOD)?;
                c.u16(&FORMAT)?;
            }
            Said::Columns(count)
        }
        b'D' => {
            for _ in 0..c.u16(&COUNT)? {
                // All ones: there is no value (NULL).
                let length = c.u32(&TYPE_LENGTH)?;
                if length != u32::MAX {
                    c.bytes(&DATA, length as usize)?;
                }
            }
            Said::Row
        }
        b'E' | b'N' => {
            let (mut code, mut words): (&[u8], &[u8]) = (&[], &[]);
            while c.left() > 0 && c.peek_u8() != Some(0) {
                let part = letter(c, &ERROR_PART)?;
                let field =
                    ERRORS.iter().find(|(known, _)| *known == part).map_or(&OTHER_ERROR, |(_, field)| field);
                let value = text(c, field)?;
                match part {
                    b'C' => code = value,
                    b'M' => words = value,
                    _ => {}
                }
            }
            c.rest(&END);
            if kind == b'E' { Said::Error(code, words) } else { Said::Other }
        }
        b'A' => {
            c.u32(&PID)?;
            text(c, &CONDITION)?;
            text(c, &TEXT)?;
            Said::Other
        }
        b'd' => {
            c.rest(&COPY);
            Said::Other
        }
        _ => Said::Other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Off, Tree};

    const STARTUP: &[u8] = b"\0\0\0\x1e\0\x03\0\0user\0alice\0database\0d\0";
    const ERROR: &[u8] = b"E\0\0\0\x18SERROR\0C42P01\0Mno\0\0";

    #[test]
    fn startup_and_error() {
        let said = dissect(Part::Startup, &mut Cursor::new(STARTUP, 0, STARTUP.len(), &mut Off));
        assert_eq!(said, Ok(Said::Startup { user: b"alice", database: b"d" }));
        let said = dissect(Part::Back, &mut Cursor::new(ERROR, 0, ERROR.len(), &mut Off));
        assert_eq!(said, Ok(Said::Error(b"42P01", b"no")));
    }

    #[test]
    fn each_byte_has_a_name_whatever_it_is_taken_for() {
        for part in [Part::Startup, Part::Answer, Part::Front(Login::Clear), Part::Back] {
            for bytes in [STARTUP, ERROR, b"D\0\0\0\x0b\0\x05\0\0\xff\xff", b"R\0\0\0\x08\0\0\0\x0a"] {
                for end in 0..=bytes.len() {
                    let mut tree = Tree::default();
                    let mut c = Cursor::new(bytes, 0, end, &mut tree);
                    let _ = describe(part, &mut c);
                    c.rest(&PAYLOAD);
                    assert_eq!(tree.nodes.iter().map(|n| n.bits).sum::<usize>(), end * 8);
                }
            }
        }
    }
}
