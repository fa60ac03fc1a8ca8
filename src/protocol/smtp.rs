//! SMTP: command lines, numbered replies, the text of mails, logins.
//!
//! RFC 5321 section 4.1 (commands), 4.2 (replies), 4.5.2 (the dot), RFC 4954 section 4 (AUTH) with RFC 4616 (PLAIN), RFC 3030
//! (BDAT). Leaves out: the header of a mail, which is `imf.rs`, and its body, which is text.

use super::lines::{self, Names};
use crate::wire::{Cursor, Field, Malformed, Recorder, Value};

static NAMES: Names = Names {
    request: Field::new("smtp.req"),
    command: Field::new("smtp.req.command"),
    argument: Field::new("smtp.req.parameter"),
    response: Field::new("smtp.rsp"),
    code: Field::new("smtp.response.code"),
    text: Field::new("smtp.rsp.parameter"),
    separator: Field::new("smtp.separator"),
};
static TEXT: Field = Field::new("smtp.message");
static END: Field = Field::new("smtp.eom");
static USERNAME: Field = Field::new("smtp.auth.username");
static PASSWORD: Field = Field::new("smtp.auth.password");
static BOTH: Field = Field::new("smtp.auth.username_password");
static OTHER: Field = Field::new("smtp.auth.response");
static DECODED_NAME: Field = Field::new("smtp.auth.username.decoded");
static DECODED_PASSWORD: Field = Field::new("smtp.auth.password.decoded");

/// What a part of a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// A client's line.
    Command,
    /// A server's line.
    Reply,
    /// A line of a login.
    Login(Login),
    /// A part of a mail's text.
    Text,
    /// The line with the dot.
    End,
}

/// What a line of a login holds, in base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Login {
    /// The name.
    Name,
    /// The password.
    Password,
    /// Both, and maybe on whose behalf: RFC 4616.
    Plain,
    /// What another mechanism needs.
    Other,
}

/// Names a part.
///
/// # Errors
/// None that a line of its own length could cause.
pub fn describe<R: Recorder>(part: Part, c: &mut Cursor<'_, '_, R>) -> Result<(), Malformed> {
    match part {
        Part::Command => {
            let line = lines::content(c.peek());
            lines::describe_command(c, &NAMES)?;
            if R::ON
                && let Some(initial) = initial_response(line)
            {
                let (mechanism, text) = initial;
                decoded(if mechanism { Login::Plain } else { Login::Name }, text, c);
            }
            Ok(())
        }
        Part::Reply => lines::describe_reply(c, &NAMES),
        Part::Login(login) => {
            let (content, end) = lines::extent(c.peek());
            let field = match login {
                Login::Name => &USERNAME,
                Login::Password => &PASSWORD,
                Login::Plain => &BOTH,
                Login::Other => &OTHER,
            };
            let text = c.text(field, content)?;
            decoded(login, text, c);
            c.bytes(&NAMES.separator, end - content).map(drop)
        }
        Part::Text => {
            let left = c.left();
            c.text(&TEXT, left).map(drop)
        }
        Part::End => {
            c.rest(&END);
            Ok(())
        }
    }
}

fn decoded<R: Recorder>(login: Login, text: &[u8], c: &mut Cursor<'_, '_, R>) {
    let Some(plain) = lines::base64(text) else { return };
    let told = |bytes: &[u8]| Value::Text(String::from_utf8_lossy(bytes).into_owned());
    match login {
        Login::Name => c.derived(&DECODED_NAME, || told(&plain)),
        Login::Password => c.derived(&DECODED_PASSWORD, || told(&plain)),
        Login::Plain => {
            if let Some((name, password)) = name_and_password(&plain) {
                c.derived(&DECODED_NAME, || told(name));
                c.derived(&DECODED_PASSWORD, || told(password));
            }
        }
        Login::Other => {}
    }
}

/// `AUTH PLAIN dGVzdA...` or `AUTH LOGIN dXNlcg==`: whether it is PLAIN, and the text behind it.
pub fn initial_response(line: &[u8]) -> Option<(bool, &[u8])> {
    let (verb, rest) = lines::split(line);
    let (mechanism, text) = lines::split(rest);
    let plain = mechanism.eq_ignore_ascii_case(b"PLAIN");
    let known = verb.eq_ignore_ascii_case(b"AUTH") && (plain || mechanism.eq_ignore_ascii_case(b"LOGIN"));
    (known && !text.is_empty()).then_some((plain, text))
}

/// `[authzid] NUL authcid NUL passwd` (RFC 4616 section 2).
pub fn name_and_password(plain: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut parts = plain.split(|b| *b == 0);
    let (_, name, password) = (parts.next()?, parts.next()?, parts.next()?);
    parts.next().is_none().then_some((name, password))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Tree;

    fn value(part: Part, bytes: &[u8], name: &str) -> Option<Value> {
        let mut tree = Tree::default();
        describe(part, &mut Cursor::new(bytes, 0, bytes.len(), &mut tree)).unwrap();
        let bits: usize = tree.nodes.iter().map(|n| n.bits).sum();
        assert_eq!(bits, bytes.len() * 8);
        tree.nodes.iter().find(|n| n.field.name == name).map(|n| n.value.clone())
    }

    #[test]
    fn logins_are_decoded() {
        let line = b"AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n";
        let told = |name| value(Part::Command, line, name);
        assert_eq!(told("smtp.auth.username.decoded"), Some(Value::Text("alice".into())));
        assert_eq!(told("smtp.auth.password.decoded"), Some(Value::Text("secret".into())));
        for end in 0..line.len() {
            value(Part::Command, &line[..end], "");
            value(Part::Login(Login::Plain), &line[..end], "");
        }
        let told = value(Part::Login(Login::Password), b"c2VjcmV0\r\n", "smtp.auth.password.decoded");
        assert_eq!(told, Some(Value::Text("secret".into())));
    }

    #[test]
    fn replies() {
        assert_eq!(value(Part::Reply, b"250-SIZE\r\n", "smtp.response.code"), Some(Value::Uint(250)));
        assert_eq!(value(Part::Reply, b"garbage\r\n", "smtp.response.code"), None);
    }
}
