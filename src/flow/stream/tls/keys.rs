//! A TLS key log: the secrets of connections, as programs write them when `SSLKEYLOGFILE` asks them to.
//!
//! RFC 9850 (the format: a label, the random of the ClientHello, a secret, in hexadecimal). Leaves out: labels that need more than a
//! lookup (RSA session IDs of old libraries, exporter secrets, ECH).
//!
//! Bounded: [`MAX_CONNECTIONS`]; what is beyond is not kept.

use std::collections::HashMap;

use foldhash::fast::RandomState;

/// Connections whose secrets are remembered.
pub const MAX_CONNECTIONS: usize = 65_536;
/// The longest secret: SHA-512's length, and more than TLS has.
const MAX_SECRET: usize = 64;

/// What a secret is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Label {
    /// The master secret of TLS 1.2 and before.
    Master,
    /// Of 1.3: what a client sends before the handshake is over.
    ClientEarly,
    /// Of 1.3: the client's part of the handshake.
    ClientHandshake,
    /// Of 1.3: the server's part of the handshake.
    ServerHandshake,
    /// Of 1.3: what the client's application says.
    ClientApplication,
    /// Of 1.3: what the server's application says.
    ServerApplication,
}

impl Label {
    fn of(text: &[u8]) -> Option<Label> {
        Some(match text {
            b"CLIENT_RANDOM" => Label::Master,
            b"CLIENT_EARLY_TRAFFIC_SECRET" => Label::ClientEarly,
            b"CLIENT_HANDSHAKE_TRAFFIC_SECRET" => Label::ClientHandshake,
            b"SERVER_HANDSHAKE_TRAFFIC_SECRET" => Label::ServerHandshake,
            b"CLIENT_TRAFFIC_SECRET_0" => Label::ClientApplication,
            b"SERVER_TRAFFIC_SECRET_0" => Label::ServerApplication,
            _ => return None,
        })
    }
}

/// What is known of one connection.
type Secrets = Vec<(Label, Vec<u8>)>;

/// Secrets by the random of the ClientHello.
#[derive(Default)]
pub struct KeyLog {
    secrets: HashMap<[u8; 32], Secrets, RandomState>,
}

impl std::fmt::Debug for KeyLog {
    /// Without the secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyLog").field("connections", &self.secrets.len()).finish()
    }
}

impl KeyLog {
    /// Takes in the lines of a log; what is no such line is passed over, as the format asks.
    pub fn add(&mut self, text: &[u8]) {
        for line in text.split(|b| *b == b'\n') {
            let mut words = line.split(|b| b.is_ascii_whitespace()).filter(|w| !w.is_empty());
            let (Some(label), Some(random), Some(secret)) = (words.next(), words.next(), words.next()) else {
                continue;
            };
            let Some(label) = Label::of(label) else { continue };
            let Some(random) = bytes(random).and_then(|b| <[u8; 32]>::try_from(b).ok()) else { continue };
            let Some(secret) = bytes(secret).filter(|s| (1..=MAX_SECRET).contains(&s.len())) else {
                continue;
            };
            if self.secrets.len() >= MAX_CONNECTIONS && !self.secrets.contains_key(&random) {
                continue;
            }
            let known = self.secrets.entry(random).or_default();
            known.retain(|(l, _)| *l != label);
            known.push((label, secret));
        }
    }

    /// A secret of the connection whose ClientHello has this random.
    pub fn find(&self, random: &[u8; 32], label: Label) -> Option<&[u8]> {
        let known = self.secrets.get(random)?;
        known.iter().find(|(l, _)| *l == label).map(|(_, secret)| &secret[..])
    }
}

/// Hexadecimal digits as bytes.
fn bytes(text: &[u8]) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || text.len() > 2 * MAX_SECRET {
        return None;
    }
    let digit = |d: u8| char::from(d).to_digit(16).map(|d| d as u8);
    text.chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_and_nonsense_is_passed_over() {
        let random = "ab".repeat(32);
        let log =
            format!("# a comment\nCLIENT_RANDOM {random} 0102\r\nCLIENT_RANDOM xyz 01\nOTHER {random} 03\n");
        let mut keys = KeyLog::default();
        keys.add(log.as_bytes());
        assert_eq!(keys.find(&[0xab; 32], Label::Master), Some(&[1, 2][..]));
        assert_eq!(keys.find(&[0xab; 32], Label::ClientEarly), None);
        assert_eq!(keys.find(&[0; 32], Label::Master), None);
        assert!(!format!("{keys:?}").contains("0102"));
    }
}
