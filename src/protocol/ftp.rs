//! FTP: lines of commands and numbered replies, and the addresses of data connections that stand in them.
//!
//! RFC 959 section 4 (commands, replies; PORT and 227 in section 4.1.2 and 5.2), RFC 2428 (EPRT, EPSV, 229). The extensions of
//! RFC 2228 (AUTH) and RFC 3659 (MLSD, SIZE, ...) are commands like others. Leaves out: what is in a data connection, which is
//! a file or a listing; LPRT and LPSV (RFC 1639), which nobody uses.

use std::net::{IpAddr, Ipv4Addr};

use super::lines::{self, Names};
use crate::wire::{Cursor, Field, Malformed, Recorder, Value};

static NAMES: Names = Names {
    request: Field::new("ftp.request"),
    command: Field::new("ftp.request.command"),
    argument: Field::new("ftp.request.arg"),
    response: Field::new("ftp.response"),
    code: Field::new("ftp.response.code"),
    text: Field::new("ftp.response.arg"),
    separator: Field::new("ftp.separator"),
};
static PASSIVE_IP: Field = Field::new("ftp.passive.ip");
static PASSIVE_PORT: Field = Field::new("ftp.passive.port");
static ACTIVE_IP: Field = Field::new("ftp.active.cip");
static ACTIVE_PORT: Field = Field::new("ftp.active.port");
static EPSV_PORT: Field = Field::new("ftp.epsv.port");
static EPRT_FAMILY: Field = Field::new("ftp.eprt.af");
static EPRT_IP: Field = Field::new("ftp.eprt.ip");
static EPRT_IPV6: Field = Field::new("ftp.eprt.ipv6");
static EPRT_PORT: Field = Field::new("ftp.eprt.port");
static SETUP_FRAME: Field = Field::new("ftp-data.setup-frame");
static SETUP_METHOD: Field = Field::new("ftp-data.setup-method");
static COMMAND_FRAME: Field = Field::new("ftp-data.command-frame");
static COMMAND: Field = Field::new("ftp-data.command");
static CONTENT: Field = Field::new("ftp-data.content");

/// What a part of a control connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// A client's line.
    Command,
    /// A server's line.
    Reply,
}

/// What is known of a data connection: shown in its frames.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Setup {
    /// The frame that announced its address.
    pub frame: u64,
    /// By which command that was agreed.
    pub method: &'static str,
    /// The command that it serves, and its frame.
    pub command: Option<(u64, String)>,
}

/// Names a line.
///
/// # Errors
/// None that a line of its own length could cause.
pub fn describe<R: Recorder>(part: Part, c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    let line = lines::content(c.peek());
    match part {
        Part::Command => {
            lines::describe_command(c, &NAMES)?;
            let (verb, argument) = lines::split(line);
            if verb.eq_ignore_ascii_case(b"PORT")
                && let Some((ip, port)) = six_numbers(argument)
            {
                c.derived(&ACTIVE_IP, || Value::Ipv4(ip.octets()));
                c.derived(&ACTIVE_PORT, || Value::Uint(port.into()));
            } else if verb.eq_ignore_ascii_case(b"EPRT")
                && let Some((ip, port)) = extended(argument)
            {
                c.derived(&EPRT_FAMILY, || {
                    Value::Uint(if ip.is_some_and(|ip| ip.is_ipv6()) { 2 } else { 1 })
                });
                match ip {
                    Some(IpAddr::V4(ip)) => c.derived(&EPRT_IP, || Value::Ipv4(ip.octets())),
                    Some(IpAddr::V6(ip)) => c.derived(&EPRT_IPV6, || Value::Ipv6(ip.octets())),
                    None => {}
                }
                c.derived(&EPRT_PORT, || Value::Uint(port.into()));
            }
        }
        Part::Reply => {
            lines::describe_reply(c, &NAMES)?;
            match passive(line) {
                Some((Some(IpAddr::V4(ip)), port)) => {
                    c.derived(&PASSIVE_IP, || Value::Ipv4(ip.octets()));
                    c.derived(&PASSIVE_PORT, || Value::Uint(port.into()));
                }
                Some((_, port)) => c.derived(&EPSV_PORT, || Value::Uint(port.into())),
                None => {}
            }
        }
    }
    Ok(())
}

/// Names a part of a data connection's stream.
pub fn describe_data<R: Recorder>(setup: &Setup, c: &mut Cursor<'_, '_, R>) {
    c.derived(&SETUP_FRAME, || Value::Uint(setup.frame));
    c.derived(&SETUP_METHOD, || Value::Text(setup.method.to_owned()));
    if let Some((frame, command)) = &setup.command {
        c.derived(&COMMAND, || Value::Text(command.clone()));
        c.derived(&COMMAND_FRAME, || Value::Uint(*frame));
    }
    c.rest(&CONTENT);
}

/// `h1,h2,h3,h4,p1,p2`, the first such in a text (RFC 959 section 4.1.2; RFC 1123 section 4.1.2.6: the parentheses around it
/// may be missing).
pub fn six_numbers(text: &[u8]) -> Option<(Ipv4Addr, u16)> {
    let mut rest = text;
    while let Some(first) = rest.iter().position(u8::is_ascii_digit) {
        rest = &rest[first..];
        let end = rest.iter().position(|b| !b.is_ascii_digit() && *b != b',').unwrap_or(rest.len());
        let mut numbers = rest[..end].split(|b| *b == b',').map(|n| lines::number(n)?.try_into().ok());
        let mut six = [0u8; 6];
        if six.iter_mut().all(|n| numbers.next().flatten().map(|found| *n = found).is_some()) {
            let [a, b, c, d, high, low] = six;
            return Some((Ipv4Addr::new(a, b, c, d), u16::from_be_bytes([high, low])));
        }
        rest = &rest[end..];
    }
    None
}

/// `|1|192.0.2.1|6275|`, or `|||6446|` in a 229 reply: the address that it names, and the port (RFC 2428 sections 2 and 3).
pub fn extended(text: &[u8]) -> Option<(Option<IpAddr>, u16)> {
    let mark = *text.first()?;
    let mut parts = text[1..].split(|b| *b == mark);
    let (family, address, port) = (parts.next()?, parts.next()?, parts.next()?);
    let port = lines::number(port)?.try_into().ok()?;
    if family.is_empty() && address.is_empty() {
        return Some((None, port));
    }
    Some((Some(std::str::from_utf8(address).ok()?.parse().ok()?), port))
}

/// The address that a 227 or 229 reply announces; a 229 reply leaves the host out: it is the one that answers.
pub fn passive(line: &[u8]) -> Option<(Option<IpAddr>, u16)> {
    match lines::reply(line)? {
        (227, false) => six_numbers(line.get(4..)?).map(|(ip, port)| (Some(IpAddr::V4(ip)), port)),
        (229, false) => {
            let open = line.iter().rposition(|b| *b == b'(')?;
            extended(&line[open + 1..]).filter(|(ip, _)| ip.is_none())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Tree;

    fn names(part: Part, bytes: &[u8]) -> Vec<(&'static str, Value)> {
        let mut tree = Tree::default();
        describe(part, &mut Cursor::new(bytes, 0, bytes.len(), &mut tree)).unwrap();
        tree.nodes.iter().map(|n| (n.field.name, n.value.clone())).collect()
    }

    #[test]
    fn a_command() {
        let found = names(Part::Command, b"USER alice\r\n");
        assert_eq!(found[1], ("ftp.request.command", Value::Text("USER".into())));
        assert_eq!(found[3], ("ftp.request.arg", Value::Text("alice".into())));
    }

    #[test]
    fn a_reply_cut_anywhere() {
        let line = b"227 Entering Passive Mode (192,0,2,1,117,48).\r\n";
        let found = names(Part::Reply, line);
        assert!(found.contains(&("ftp.passive.ip", Value::Ipv4([192, 0, 2, 1]))));
        assert!(found.contains(&("ftp.passive.port", Value::Uint(30_000))));
        for end in 0..line.len() {
            names(Part::Reply, &line[..end]);
            names(Part::Command, &line[..end]);
        }
    }

    #[test]
    fn addresses() {
        assert_eq!(passive(b"227 =10,0,0,1,4,1"), Some((Some("10.0.0.1".parse().unwrap()), 1025)));
        assert_eq!(passive(b"227 (10,0,0,256,4,1)"), None);
        assert_eq!(passive(b"229 Entering Extended Passive Mode (|||6446|)"), Some((None, 6446)));
        assert_eq!(passive(b"229 (|||64460000|)"), None);
        assert_eq!(extended(b"|2|2001:db8::1|5282|"), Some((Some("2001:db8::1".parse().unwrap()), 5282)));
        assert_eq!(six_numbers(b"1,2,3"), None);
    }
}
