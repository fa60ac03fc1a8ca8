//! Text into tokens, each with its place in characters.
//!
//! Names, numbers and addresses share characters (`tcp.ack_raw`, `fe80::1`, `02-7d-9b`, `10.0.0.0/8`, `5..9`), so a token
//! is a [`Token::Word`] first; the parser tells what it is.

use std::net::IpAddr;

use super::ast::{Extent, Place, Range};
use super::literal::byte_string;
use super::{Error, Reason};

/// A piece of an expression.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A name, a keyword, a number, an address or a byte string.
    Word(String),
    /// A text between double quotes, escapes resolved.
    Text(Vec<u8>),
    /// An operator or a bracket, in one spelling.
    Sign(&'static str),
    /// `[i:j]` after a value.
    Slice(Range),
    /// `#2` after a name.
    Layer(u16),
}

/// Longest first: `===` is not `==` and `=`.
const SIGNS: [&str; 25] = [
    "===", "!==", "==", "!=", "~=", ">=", "<=", "&&", "||", "^^", "..", ">", "<", "&", "!", "~", "+", "-",
    "*", "/", "%", "(", ")", "{", "}",
];

/// What other languages and keyboards write, and what is meant here.
const MEANT: [(&str, &str); 12] = [
    ("=>", ">="),
    ("=<", "<="),
    ("=!", "!="),
    ("<>", "!="),
    ("|", "||"),
    ("^", "^^"),
    ("≤", "<="),
    ("≥", ">="),
    ("≠", "!="),
    ("−", "-"),
    ("×", "*"),
    ("'", "\""),
];

/// The tokens of an expression with their places.
pub(super) fn tokens(source: &str) -> Result<Vec<(Token, Place)>, Error> {
    let mut lexer = Lexer { chars: source.chars().collect(), at: 0 };
    let mut tokens = Vec::new();
    while let Some(c) = lexer.peek(0) {
        let start = lexer.at;
        if c.is_whitespace() {
            lexer.at += 1;
            continue;
        }
        let token = lexer.token(c)?;
        tokens.push((token, Place { column: start, length: lexer.at - start }));
    }
    Ok(tokens)
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
}

impl Lexer {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn starts_with(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(i, c)| self.peek(i) == Some(c))
    }

    fn error(&self, start: usize, length: usize, reason: Reason) -> Error {
        Error::new(Place { column: start, length }, reason)
    }

    fn token(&mut self, c: char) -> Result<Token, Error> {
        let start = self.at;
        if c == '"' {
            return self.text(false);
        }
        if c == 'r' && self.peek(1) == Some('"') {
            self.at += 1;
            return self.text(true);
        }
        if c.is_ascii_alphanumeric() || c == '_' || c == ':' && self.peek(1) == Some(':') {
            return Ok(Token::Word(self.word()));
        }
        if c == '[' {
            return self.slice();
        }
        if c == '#' {
            let digits: String = self.chars[start + 1..].iter().take_while(|c| c.is_ascii_digit()).collect();
            let layer = digits.parse().ok().filter(|n| *n > 0).ok_or_else(|| {
                self.error(start, digits.len() + 1, Reason::BadSlice { text: format!("#{digits}") })
            })?;
            self.at += 1 + digits.len();
            return Ok(Token::Layer(layer));
        }
        if c == ',' {
            self.at += 1;
            return Ok(Token::Sign(","));
        }
        let wrong = MEANT.iter().find(|(found, _)| self.starts_with(found));
        if let Some(sign) = SIGNS.iter().find(|sign| self.starts_with(sign)) {
            // `<>` begins like `<`, `|` does not begin like `||`: the longer one was typed.
            if wrong.is_none_or(|(found, _)| found.len() <= sign.len()) {
                self.at += sign.len();
                return Ok(Token::Sign(sign));
            }
        }
        if let Some((found, meant)) = wrong {
            let reason = Reason::Operator { found: (*found).to_owned(), meant };
            return Err(self.error(start, found.chars().count(), reason));
        }
        if c == '=' {
            return Err(self.error(start, 1, Reason::SingleEquals));
        }
        if matches!(c, '“' | '”' | '„' | '‘' | '’' | '«' | '»' | '「' | '」' | '『' | '』' | '＂' | '＇')
        {
            return Err(self.error(start, 1, Reason::SmartQuote { found: c }));
        }
        if let Some(meant) = narrow(c) {
            return Err(self.error(start, 1, Reason::FullWidth { found: c, meant }));
        }
        Err(self.error(start, 1, Reason::UnexpectedCharacter { found: c }))
    }

    fn word(&mut self) -> String {
        // A hyphen belongs to a byte string, or to a name where a letter follows; else it subtracts.
        let run: String =
            self.chars[self.at..].iter().take_while(|c| c.is_ascii_alphanumeric() || **c == '-').collect();
        if run.contains('-') && byte_string(&run).is_some() {
            self.at += run.len();
            return run;
        }
        let mut word = String::new();
        while let Some(c) = self.peek(0) {
            let next = self.peek(1);
            let belongs = match c {
                '_' | ':' => true,
                '.' => next.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_'),
                '-' => {
                    word.starts_with(|c: char| c.is_ascii_alphabetic())
                        && !word.contains(':')
                        && next.is_some_and(|c| c.is_ascii_alphabetic())
                }
                '/' => next.is_some_and(|c| c.is_ascii_digit()) && word.parse::<IpAddr>().is_ok(),
                c => c.is_ascii_alphanumeric(),
            };
            if !belongs {
                break;
            }
            word.push(c);
            self.at += 1;
        }
        word
    }

    fn text(&mut self, raw: bool) -> Result<Token, Error> {
        let quote = self.at;
        self.at += 1;
        let mut bytes = Vec::new();
        let put =
            |bytes: &mut Vec<u8>, c: char| bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        loop {
            let Some(c) = self.peek(0) else {
                return Err(self.error(quote, self.at - quote, Reason::UnclosedText));
            };
            self.at += 1;
            match c {
                '"' => return Ok(Token::Text(bytes)),
                '\\' if raw => {
                    put(&mut bytes, '\\');
                    if let Some(c) = self.peek(0) {
                        put(&mut bytes, c);
                        self.at += 1;
                    }
                }
                '\\' => self.escape(&mut bytes)?,
                c => put(&mut bytes, c),
            }
        }
    }

    /// What follows a backslash.
    fn escape(&mut self, bytes: &mut Vec<u8>) -> Result<(), Error> {
        let start = self.at - 1;
        let Some(c) = self.peek(0) else { return Ok(()) }; // the text is not closed: told by the caller
        self.at += 1;
        let bad = |lexer: &Lexer| {
            let found: String = lexer.chars[start..lexer.at].iter().collect();
            lexer.error(start, lexer.at - start, Reason::BadEscape { found })
        };
        let simple = match c {
            '\'' | '"' | '\\' => c as u8,
            'a' => 7,
            'b' => 8,
            't' => b'\t',
            'n' => b'\n',
            'v' => 11,
            'f' => 12,
            'r' => b'\r',
            '0'..='7' => {
                self.at -= 1;
                let value = self.digits(3, 8);
                u8::try_from(value.unwrap_or(256)).map_err(|_| bad(self))?
            }
            'x' => u8::try_from(self.digits(2, 16).unwrap_or(256)).map_err(|_| bad(self))?,
            'u' | 'U' => {
                let most = if c == 'u' { 4 } else { 8 };
                let letter = self.digits(most, 16).and_then(char::from_u32).ok_or_else(|| bad(self))?;
                bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                return Ok(());
            }
            _ => return Err(bad(self)),
        };
        bytes.push(simple);
        Ok(())
    }

    fn digits(&mut self, most: usize, radix: u32) -> Option<u32> {
        let digits: String =
            self.chars[self.at..].iter().take(most).take_while(|c| c.is_digit(radix)).collect();
        self.at += digits.len();
        u32::from_str_radix(&digits, radix).ok()
    }

    fn slice(&mut self) -> Result<Token, Error> {
        let start = self.at;
        let Some(length) = self.chars[start..].iter().position(|c| *c == ']') else {
            return Err(self.error(start, 1, Reason::UnclosedSlice));
        };
        let inside: String =
            self.chars[start + 1..start + length].iter().filter(|c| !c.is_whitespace()).collect();
        self.at += length + 1;
        range(&inside).map(Token::Slice).ok_or_else(|| {
            let text = self.chars[start..self.at].iter().collect();
            self.error(start, length + 1, Reason::BadSlice { text })
        })
    }
}

/// `i`, `i:length`, `i-j`, `i:`, `:length`. Offsets may be negative: they count from the end.
fn range(inside: &str) -> Option<Range> {
    let number = |s: &str| s.parse::<i32>().ok().filter(|_| !s.starts_with('+'));
    if let Some((from, length)) = inside.split_once(':') {
        let from =
            if from.is_empty() { if length.is_empty() { None } else { Some(0) } } else { number(from) }?;
        let extent = if length.is_empty() {
            Extent::Rest
        } else {
            Extent::Length(length.parse::<u16>().ok().filter(|n| *n > 0 && !length.starts_with('+'))?)
        };
        return Some(Range { from, extent });
    }
    if let Some(from) = number(inside) {
        return Some(Range { from, extent: Extent::Length(1) });
    }
    // The hyphen between two offsets, not the sign of the first.
    let (hyphen, _) = inside.char_indices().skip(1).find(|(_, c)| *c == '-')?;
    Some(Range { from: number(&inside[..hyphen])?, extent: Extent::Through(number(&inside[hyphen + 1..])?) })
}

/// The ASCII character that a full-width one stands for.
fn narrow(c: char) -> Option<char> {
    match c {
        '！'..='～' => char::from_u32(u32::from(c) - 0xfee0),
        '、' => Some(','),
        '。' => Some('.'),
        '【' => Some('['),
        '】' => Some(']'),
        _ => None,
    }
}
