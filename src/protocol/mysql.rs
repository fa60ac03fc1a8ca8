//! MySQL and MariaDB: packets of a length and a number, the greeting, the login, commands and how they went.
//!
//! The MySQL client/server protocol as its source documentation has it ("Protocol Basics", "Connection Phase", "Command Phase"); there is no
//! RFC. Leaves out: result sets (columns and rows are counted by the follower, not taken apart), prepared statements, replication,
//! compression, and what a password turned into.

use crate::wire::{Cursor, Field, Malformed, Problem, Recorder, Value};

static LENGTH: Field = Field::new("mysql.packet_length");
static NUMBER: Field = Field::new("mysql.packet_number");
static PROTOCOL: Field = Field::new("mysql.protocol");
static VERSION: Field = Field::new("mysql.version");
static THREAD: Field = Field::new("mysql.thread_id");
static SALT: Field = Field::new("mysql.salt");
static SALT2: Field = Field::new("mysql.salt2");
static SERVER_CAPS: Field = Field::hex("mysql.caps.server", 4);
static SERVER_EXTCAPS: Field = Field::hex("mysql.extcaps.server", 4);
static CLIENT_CAPS: Field = Field::hex("mysql.caps.client", 4);
static CLIENT_EXTCAPS: Field = Field::hex("mysql.extcaps.client", 4);
static SERVER_LANGUAGE: Field = Field::new("mysql.server_language");
static STATUS: Field = Field::hex("mysql.server_status", 4);
static PLUGIN_LENGTH: Field = Field::new("mysql.auth_plugin.length");
static PLUGIN: Field = Field::new("mysql.auth_plugin");
static UNUSED: Field = Field::new("mysql.unused");
static MAX_PACKET: Field = Field::new("mysql.max_packet");
static CHARSET: Field = Field::new("mysql.charset");
static USER: Field = Field::new("mysql.user");
static PASSWORD_LENGTH: Field = Field::new("mysql.passwd.length");
static PASSWORD: Field = Field::new("mysql.passwd");
static SCHEMA: Field = Field::new("mysql.schema");
static CLIENT_PLUGIN: Field = Field::new("mysql.client_auth_plugin");
static ATTRIBUTES: Field = Field::new("mysql.connattrs");
static ATTRIBUTES_LENGTH: Field = Field::new("mysql.connattrs.length");
static NAME: (Field, Field) = (Field::new("mysql.connattrs.name.length"), Field::new("mysql.connattrs.name"));
static VALUE: (Field, Field) =
    (Field::new("mysql.connattrs.value.length"), Field::new("mysql.connattrs.value"));
static COMMAND: Field = Field::new("mysql.command");
static QUERY: Field = Field::new("mysql.query");
static ATTRIBUTE_COUNT: Field = Field::new("mysql.query_attrs_count");
static ATTRIBUTE_SETS: Field = Field::new("mysql.query_attrs_sets");
static ATTRIBUTE_NULLS: Field = Field::hex("mysql.query_attrs_nulls", 2);
static ATTRIBUTE_TYPES: Field = Field::new("mysql.query_attrs_send_types_to_server");
static ATTRIBUTE_TYPE: Field = Field::hex("mysql.query_attr_name_type", 4);
static ATTRIBUTE_NAME: (Field, Field) =
    (Field::new("mysql.query_attr_name.length"), Field::new("mysql.query_attr_name"));
static ATTRIBUTE_TEXT: (Field, Field) =
    (Field::new("mysql.query_attr_value.length"), Field::new("mysql.query_attr_value"));
static RESPONSE: Field = Field::hex("mysql.response_code", 2);
static AFFECTED: Field = Field::new("mysql.affected_rows");
static INSERT_ID: Field = Field::new("mysql.insert_id");
static WARNINGS: Field = Field::new("mysql.warnings");
static MESSAGE: Field = Field::new("mysql.message");
static ERROR: Field = Field::new("mysql.error_code");
static STATE_MARK: Field = Field::new("mysql.sqlstate.mark");
static SQL_STATE: Field = Field::new("mysql.sqlstate");
static ERROR_TEXT: Field = Field::new("mysql.error.message");
static FIELDS: Field = Field::new("mysql.num_fields");
static COLUMN: Field = Field::new("mysql.column");
static ROW: Field = Field::new("mysql.row");
static PAYLOAD: Field = Field::new("mysql.payload");
static COMPRESSED: Field = Field::new("mysql.compressed");

/// Capabilities (`CLIENT_...`), the lower and the upper 16 bits together.
pub mod capability {
    #![allow(missing_docs)]
    pub const CONNECT_WITH_DB: u32 = 1 << 3;
    pub const COMPRESS: u32 = 1 << 5;
    pub const PROTOCOL_41: u32 = 1 << 9;
    pub const TLS: u32 = 1 << 11;
    pub const SECURE_CONNECTION: u32 = 1 << 15;
    pub const PLUGIN_AUTH: u32 = 1 << 19;
    pub const CONNECT_ATTRS: u32 = 1 << 20;
    pub const DEPRECATE_EOF: u32 = 1 << 24;
    pub const QUERY_ATTRIBUTES: u32 = 1 << 27;
}

/// Length of the header of a packet.
pub const HEADER: usize = 4;
/// A login that is no longer than this asks for TLS first.
pub const TLS_REQUEST: usize = 32;

/// COM_CHANGE_USER.
pub const CHANGE_USER: u8 = 17;

/// What a packet is: known from what came before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The server's first.
    Greeting,
    /// The client's first.
    Login,
    /// What belongs to a way of logging in.
    Auth,
    /// A command.
    Command,
    /// A command whose query has attributes before it (`CLIENT_QUERY_ATTRIBUTES`).
    CommandWithAttributes,
    /// How it went: OK, error, or the number of columns that follow.
    Reply,
    /// A column of a result.
    Column,
    /// A row of a result.
    Row,
    /// Anything else.
    Other,
    /// Not packets as they are: compressed.
    Compressed,
}

/// What a packet says to those who follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said<'a> {
    /// The server introduces itself.
    Greeting {
        /// Its version.
        version: &'a [u8],
        /// What it can do.
        capabilities: u32,
    },
    /// The client does.
    Login {
        /// What it can do.
        capabilities: u32,
        /// Its user; `None` where it asks for TLS first.
        user: Option<&'a [u8]>,
        /// The database it wants; may be empty.
        schema: &'a [u8],
        /// How it logs in; may be empty.
        plugin: &'a [u8],
    },
    /// A command, and the text of it where that is text.
    Command(u8, &'a [u8]),
    /// It worked; so many rows were changed.
    Ok(u64),
    /// It did not.
    Error {
        /// Number.
        code: u16,
        /// Words.
        text: &'a [u8],
    },
    /// The end of columns or rows.
    Eof,
    /// So many columns follow.
    Columns(u64),
    /// Anything else.
    Other,
}

/// Length of the packet that begins with this header, without it.
pub fn length(header: &[u8; HEADER]) -> usize {
    usize::from(header[0]) | usize::from(header[1]) << 8 | usize::from(header[2]) << 16
}

/// Names a part.
///
/// # Errors
/// [`Malformed`] where a packet ends before its parts do.
pub fn describe<R: Recorder>(part: Part, c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    if part == Part::Compressed {
        c.rest(&COMPRESSED);
        return Ok(());
    }
    dissect(part, c).map(drop)
}

/// Reads a packet.
///
/// # Errors
/// [`Malformed`] where a packet ends before its parts do.
pub fn dissect<'a, R: Recorder>(part: Part, c: &mut Cursor<'a, '_, R>) -> Result<Said<'a>, Malformed> {
    little(c, &LENGTH, 3)?;
    c.u8(&NUMBER)?;
    let said = match (part, c.peek_u8()) {
        (Part::Column, Some(first)) if first != 0xfe && first != 0xff => {
            c.rest(&COLUMN);
            Said::Other
        }
        (Part::Row, Some(first))
            if !(first == 0xff || first == 0xfe && c.left() < 0xff_ffff && c.left() < 64) =>
        {
            c.rest(&ROW);
            Said::Other
        }
        (Part::Greeting | Part::Reply | Part::Column | Part::Row | Part::Auth, Some(0xff)) => error(c)?,
        (Part::Greeting, _) => greeting(c)?,
        (Part::Login, _) => login(c)?,
        (Part::Command | Part::CommandWithAttributes, _) => {
            let command = c.u8(&COMMAND)?;
            if part == Part::CommandWithAttributes && command == 3 {
                let attributes = counted(c, &ATTRIBUTE_COUNT)?;
                counted(c, &ATTRIBUTE_SETS)?;
                if attributes > 0 && !query_attributes(c, attributes)? {
                    c.rest(&PAYLOAD);
                    return Ok(Said::Command(command, &[]));
                }
            }
            if command == CHANGE_USER {
                return change_user(c);
            }
            let left = c.left();
            let text = match command {
                2 => c.text(&SCHEMA, left)?,
                3 | 22 => c.text(&QUERY, left)?,
                _ => &[],
            };
            Said::Command(command, text)
        }
        (Part::Reply | Part::Auth, Some(0)) => ok(c)?,
        (Part::Reply | Part::Column | Part::Row, Some(0xfe)) => {
            c.u8(&RESPONSE)?;
            match c.left() {
                0 => {}
                1..=4 => {
                    little(c, &WARNINGS, 2)?;
                    c.u16_le(&STATUS)?;
                }
                // DEPRECATE_EOF: what ends the rows has an OK's form.
                _ => drop(ok_parts(c)?),
            }
            Said::Eof
        }
        (Part::Reply, Some(0xfb)) => Said::Other,
        (Part::Reply, Some(_)) => Said::Columns(counted(c, &FIELDS)?),
        _ => Said::Other,
    };
    c.rest(&PAYLOAD);
    Ok(said)
}

/// A number of `size` bytes, the least significant first.
fn little<R: Recorder>(
    c: &mut Cursor<'_, '_, R>,
    field: &'static Field,
    size: usize,
) -> Result<u64, Malformed> {
    let Some(bytes) = c.peek().get(..size) else {
        return c.bytes(field, size).map(|_| 0);
    };
    let number = bytes.iter().rev().fold(0, |n, b| n << 8 | u64::from(*b));
    c.told(field, size, || Value::Uint(number));
    Ok(number)
}

/// "Length-encoded integer": one byte up to 250, else a mark and 2, 3 or 8 bytes.
fn counted<R: Recorder>(c: &mut Cursor<'_, '_, R>, field: &'static Field) -> Result<u64, Malformed> {
    let size = match c.peek_u8() {
        Some(0xfc) => 3,
        Some(0xfd) => 4,
        Some(0xfe) => 9,
        _ => 1,
    };
    let Some(bytes) = c.peek().get(..size) else {
        return c.bytes(field, size).map(|_| 0);
    };
    let digits = if size == 1 { bytes } else { &bytes[1..] };
    let number = digits.iter().rev().fold(0, |n, b| n << 8 | u64::from(*b));
    c.told(field, size, || Value::Uint(number));
    Ok(number)
}

/// What stands between the number of a query's attributes and its text: who is NULL, kinds and names, values. `false` where a kind
/// is not known here: then where the values end is not, either.
fn query_attributes<R: Recorder>(c: &mut Cursor<'_, '_, R>, count: u64) -> Result<bool, Malformed> {
    let Ok(count) = usize::try_from(count) else { return Ok(false) };
    // Each has at least a kind and the length of its name.
    if count > c.left() / 3 {
        return Ok(false);
    }
    let nulls = c.bytes(&ATTRIBUTE_NULLS, count.div_ceil(8))?;
    if c.u8(&ATTRIBUTE_TYPES)? != 1 {
        return Ok(false);
    }
    let mut kinds = Vec::with_capacity(count);
    for _ in 0..count {
        kinds.push(c.u16(&ATTRIBUTE_TYPE)? >> 8);
        attribute(c, &ATTRIBUTE_NAME)?;
    }
    for (index, kind) in kinds.into_iter().enumerate() {
        if nulls[index / 8] >> (index % 8) & 1 == 1 {
            continue;
        }
        let size = match kind {
            0x0f | 0xf6 | 0xf9..=0xfe => {
                attribute(c, &ATTRIBUTE_TEXT)?;
                continue;
            }
            0x01 => 1,
            0x02 | 0x0d => 2,
            0x03 | 0x04 | 0x09 => 4,
            0x05 | 0x08 => 8,
            0x06 => continue,
            _ => return Ok(false),
        };
        c.bytes(&ATTRIBUTE_TEXT.1, size)?;
    }
    Ok(true)
}

/// COM_CHANGE_USER: a login in the middle of a connection.
fn change_user<'a, R: Recorder>(c: &mut Cursor<'a, '_, R>) -> Result<Said<'a>, Malformed> {
    let user = terminated(c, &USER)?;
    let length = usize::from(c.u8(&PASSWORD_LENGTH)?);
    c.bytes(&PASSWORD, length)?;
    terminated(c, &SCHEMA)?;
    if c.left() >= 2 {
        little(c, &CHARSET, 2)?;
        terminated(c, &CLIENT_PLUGIN)?;
    }
    c.rest(&ATTRIBUTES);
    Ok(Said::Command(CHANGE_USER, user))
}

/// Text that ends with a zero byte, which belongs to it; an end without one is tolerated.
fn terminated<'a, R: Recorder>(
    c: &mut Cursor<'a, '_, R>,
    field: &'static Field,
) -> Result<&'a [u8], Malformed> {
    let bytes = c.peek();
    let length = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    let text = &bytes[..length];
    c.told(field, (length + 1).min(bytes.len()), || Value::Text(String::from_utf8_lossy(text).into_owned()));
    Ok(text)
}

fn greeting<'a, R: Recorder>(c: &mut Cursor<'a, '_, R>) -> Result<Said<'a>, Malformed> {
    c.u8(&PROTOCOL)?;
    let version = terminated(c, &VERSION)?;
    c.u32_le(&THREAD)?;
    terminated_salt(c, &SALT, 9)?;
    let low = u32::from(c.u16_le(&SERVER_CAPS)?);
    if c.left() == 0 {
        return Ok(Said::Greeting { version, capabilities: low });
    }
    c.u8(&SERVER_LANGUAGE)?;
    c.u16_le(&STATUS)?;
    let high = u32::from(c.u16_le(&SERVER_EXTCAPS)?);
    let plugin = c.u8(&PLUGIN_LENGTH)?;
    c.bytes(&UNUSED, 10)?;
    let salt = usize::from(plugin.saturating_sub(8)).max(13).min(c.left());
    terminated_salt(c, &SALT2, salt)?;
    if c.left() > 0 {
        terminated(c, &PLUGIN)?;
    }
    Ok(Said::Greeting { version, capabilities: low | high << 16 })
}

/// Random bytes with a zero behind them.
fn terminated_salt<R: Recorder>(
    c: &mut Cursor<'_, '_, R>,
    field: &'static Field,
    length: usize,
) -> Result<(), Malformed> {
    let Some(bytes) = c.peek().get(..length) else {
        return c.bytes(field, length).map(drop);
    };
    c.told(field, length, || {
        Value::Text(String::from_utf8_lossy(bytes.strip_suffix(b"\0").unwrap_or(bytes)).into_owned())
    });
    Ok(())
}

fn login<'a, R: Recorder>(c: &mut Cursor<'a, '_, R>) -> Result<Said<'a>, Malformed> {
    let whole = c.left();
    let low = u32::from(c.u16_le(&CLIENT_CAPS)?);
    if low & capability::PROTOCOL_41 == 0 {
        little(c, &MAX_PACKET, 3)?;
        let user = Some(terminated(c, &USER)?);
        c.rest(&PASSWORD);
        return Ok(Said::Login { capabilities: low, user, schema: &[], plugin: &[] });
    }
    let capabilities = low | u32::from(c.u16_le(&CLIENT_EXTCAPS)?) << 16;
    c.u32_le(&MAX_PACKET)?;
    c.u8(&CHARSET)?;
    c.bytes(&UNUSED, 23)?;
    if whole <= TLS_REQUEST {
        return Ok(Said::Login { capabilities, user: None, schema: &[], plugin: &[] });
    }
    let has = |bit: u32| capabilities & bit != 0;
    let user = Some(terminated(c, &USER)?);
    if has(capability::SECURE_CONNECTION) {
        let length = usize::from(c.u8(&PASSWORD_LENGTH)?);
        c.bytes(&PASSWORD, length)?;
    } else {
        terminated(c, &PASSWORD)?;
    }
    let schema = if has(capability::CONNECT_WITH_DB) { terminated(c, &SCHEMA)? } else { &[] };
    let plugin = if has(capability::PLUGIN_AUTH) { terminated(c, &CLIENT_PLUGIN)? } else { &[] };
    if has(capability::CONNECT_ATTRS) && c.left() > 0 {
        let length = usize::try_from(counted(c, &ATTRIBUTES_LENGTH)?).unwrap_or(usize::MAX);
        let _ = c.region_as_captured(length, &ATTRIBUTES, |c| {
            while c.left() > 0 {
                attribute(c, &NAME)?;
                attribute(c, &VALUE)?;
            }
            Ok(())
        })?;
    }
    Ok(Said::Login { capabilities, user, schema, plugin })
}

fn attribute<R: Recorder>(
    c: &mut Cursor<'_, '_, R>,
    (length, text): &'static (Field, Field),
) -> Result<(), Malformed> {
    let length = usize::try_from(counted(c, length)?).unwrap_or(usize::MAX);
    if length > c.left() {
        let (at, have) = (c.at(), c.left());
        return Err(Malformed { field: text.name, at, need: length, have, problem: Problem::Cut });
    }
    c.text(text, length).map(drop)
}

fn ok<'a, R: Recorder>(c: &mut Cursor<'a, '_, R>) -> Result<Said<'a>, Malformed> {
    c.u8(&RESPONSE)?;
    ok_parts(c).map(Said::Ok)
}

/// Returns how many rows were changed.
fn ok_parts<R: Recorder>(c: &mut Cursor<'_, '_, R>) -> Result<u64, Malformed> {
    let rows = counted(c, &AFFECTED)?;
    if c.left() > 0 {
        counted(c, &INSERT_ID)?;
    }
    if c.left() >= 2 {
        c.u16_le(&STATUS)?;
    }
    if c.left() >= 2 {
        little(c, &WARNINGS, 2)?;
    }
    let left = c.left();
    c.text(&MESSAGE, left)?;
    Ok(rows)
}

fn error<'a, R: Recorder>(c: &mut Cursor<'a, '_, R>) -> Result<Said<'a>, Malformed> {
    c.u8(&RESPONSE)?;
    let code = c.u16_le(&ERROR)?;
    if c.peek_u8() == Some(b'#') && c.left() >= 6 {
        c.bytes(&STATE_MARK, 1)?;
        c.text(&SQL_STATE, 5)?;
    }
    let left = c.left();
    Ok(Said::Error { code, text: c.text(&ERROR_TEXT, left)? })
}

/// The usual name of a command (`COM_...` in the protocol's documentation).
pub fn command_name(command: u8) -> Option<&'static str> {
    const NAMES: [&str; 32] = [
        "SLEEP",
        "QUIT",
        "INIT_DB",
        "QUERY",
        "FIELD_LIST",
        "CREATE_DB",
        "DROP_DB",
        "REFRESH",
        "SHUTDOWN",
        "STATISTICS",
        "PROCESS_INFO",
        "CONNECT",
        "PROCESS_KILL",
        "DEBUG",
        "PING",
        "TIME",
        "DELAYED_INSERT",
        "CHANGE_USER",
        "BINLOG_DUMP",
        "TABLE_DUMP",
        "CONNECT_OUT",
        "REGISTER_SLAVE",
        "STMT_PREPARE",
        "STMT_EXECUTE",
        "STMT_SEND_LONG_DATA",
        "STMT_CLOSE",
        "STMT_RESET",
        "SET_OPTION",
        "STMT_FETCH",
        "DAEMON",
        "BINLOG_DUMP_GTID",
        "RESET_CONNECTION",
    ];
    NAMES.get(usize::from(command)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Off, Tree};

    #[rustfmt::skip]
    const ERROR: &[u8] = &[
        9, 0, 0, 2,                         // mysql.packet_length, .packet_number
        0xff, 0x15, 0x04,                   // mysql.response_code, .error_code: 1045
        b'#', b'2', b'8', b'0', b'0', b'0', // mysql.sqlstate
    ];

    #[test]
    fn an_error() {
        let said = dissect(Part::Reply, &mut Cursor::new(ERROR, 0, ERROR.len(), &mut Off)).unwrap();
        assert_eq!(said, Said::Error { code: 1045, text: b"" });
    }

    #[rustfmt::skip]
    const QUERY_WITH_ATTRIBUTES: &[u8] = &[
        24, 0, 0, 0,          // mysql.packet_length, .packet_number
        3,                    // mysql.command: QUERY
        2, 1,                 // mysql.query_attrs_count, .query_attrs_sets
        0b10,                 // mysql.query_attrs_nulls: the second has no value
        1,                    // mysql.query_attrs_send_types_to_server
        0xfe, 0, 2, b'n', b'1', // mysql.query_attr_name_type, .query_attr_name
        0x08, 0, 2, b'n', b'2',
        2, b'v', b'1',        // mysql.query_attr_value
        b'd', b'o', b' ', b'1', b' ', b' ', // mysql.query
    ];

    #[test]
    fn a_query_with_attributes_and_another_user() {
        let read = |part, bytes: &'static [u8]| {
            dissect(part, &mut Cursor::new(bytes, 0, bytes.len(), &mut Off)).unwrap()
        };
        assert_eq!(
            read(Part::CommandWithAttributes, QUERY_WITH_ATTRIBUTES),
            Said::Command(3, b"do 1  "),
            "the text stands behind the attributes"
        );
        let change = b"\x10\0\0\0\x11bob\0\x02ab\0\x2d\0plug\0";
        assert_eq!(read(Part::Command, change), Said::Command(CHANGE_USER, b"bob"));
    }

    #[test]
    fn each_byte_has_a_name_whatever_it_is_taken_for() {
        let mut login = vec![60, 0, 0, 1, 0x08, 0x82, 0x18, 0, 0, 0, 0, 1, 33];
        login.extend([0; 23]);
        login.extend(b"alice\0\x02ab\x01db\0plugin\0\x05\x01a\xfd\xff");
        use Part::*;
        for part in [Greeting, Login, Auth, Command, CommandWithAttributes, Reply, Column, Row] {
            for bytes in [ERROR, &login, QUERY_WITH_ATTRIBUTES] {
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
