//! Opening protected TLS records with keys that were given, each with its authentication tag verified: what is not authentic is
//! never shown.
//!
//! RFC 8446 section 5.2, 5.3, 7.1, 7.3 (1.3), RFC 5246 section 5, 6.2.3, 6.3 (1.2), RFC 4346, RFC 2246 section 5 (the functions of 1.1 and
//! 1.0), RFC 5288 (GCM), RFC 7905 (ChaCha20-Poly1305), RFC 7366 (the MAC over what was encrypted), RFC 7627 (nothing to do here:
//! the log holds the master secret). Leaves out: RC4, 3DES, Camellia, ARIA, CCM, SSL 3.0, compression, and any computing of shared keys.

use aes::cipher::{BlockModeDecrypt, KeyIvInit, block_padding::NoPadding};
use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use chacha20poly1305::ChaCha20Poly1305;
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::{Sha256, Sha384};

use crate::protocol::tls::registry::suite_name;
use crate::protocol::tls::{Era, HEADER};

/// How a suite encrypts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Aes128Gcm,
    Aes256Gcm,
    ChaCha20,
    /// Bytes of the key, and what the MAC is computed with.
    AesCbc(usize, Sum),
}

/// Hash functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sum {
    Sha1,
    Sha256,
    Sha384,
}

impl Sum {
    fn length(self) -> usize {
        match self {
            Sum::Sha1 => 20,
            Sum::Sha256 => 32,
            Sum::Sha384 => 48,
        }
    }

    fn mac(self, key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
        match self {
            Sum::Sha1 => mac::<Hmac<Sha1>>(key, parts),
            Sum::Sha256 => mac::<Hmac<Sha256>>(key, parts),
            Sum::Sha384 => mac::<Hmac<Sha384>>(key, parts),
        }
    }
}

fn mac<M: Mac + KeyInit>(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(key) else { return Vec::new() };
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

/// What a suite's name says of its cipher and of the hash that keys are made with; `None` where it is not one that is opened here.
fn parts(suite: u16) -> Option<(Kind, Sum)> {
    let name = suite_name(suite)?;
    let hash = if name.ends_with("SHA384") { Sum::Sha384 } else { Sum::Sha256 };
    let cbc = |length| {
        let mac = match () {
            () if name.ends_with("_SHA384") => Sum::Sha384,
            () if name.ends_with("_SHA256") => Sum::Sha256,
            () => Sum::Sha1,
        };
        Kind::AesCbc(length, mac)
    };
    let kind = match () {
        () if name.contains("AES_128_GCM") => Kind::Aes128Gcm,
        () if name.contains("AES_256_GCM") => Kind::Aes256Gcm,
        () if name.contains("CHACHA20_POLY1305") => Kind::ChaCha20,
        () if name.contains("AES_128_CBC") => cbc(16),
        () if name.contains("AES_256_CBC") => cbc(32),
        () => return None,
    };
    Some((kind, hash))
}

/// Whether records of this suite can be opened, given the keys.
pub fn is_supported(era: Era) -> bool {
    let Some((kind, _)) = parts(era.suite) else { return false };
    let is_cbc = matches!(kind, Kind::AesCbc(..));
    if era.is_13() { !is_cbc } else { matches!(era.version, 0x0301..=0x0303) }
}

/// The keys of one direction.
pub struct Cipher {
    kind: Kind,
    hash: Sum,
    era: Era,
    key: Vec<u8>,
    /// The fixed part of the nonce, or the last block before (1.0's CBC).
    iv: Vec<u8>,
    mac_key: Vec<u8>,
    /// Of TLS 1.3: what the next keys are made from.
    secret: Vec<u8>,
}

impl std::fmt::Debug for Cipher {
    /// Without the keys.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cipher").field("kind", &self.kind).field("era", &self.era).finish_non_exhaustive()
    }
}

/// HKDF-Expand-Label with no context (RFC 8446 section 7.1).
fn expand_label(hash: Sum, secret: &[u8], label: &str, length: usize) -> Option<Vec<u8>> {
    let mut info = (length as u16).to_be_bytes().to_vec();
    info.push((6 + label.len()) as u8);
    info.extend_from_slice(b"tls13 ");
    info.extend_from_slice(label.as_bytes());
    info.push(0);
    let mut out = vec![0; length];
    match hash {
        Sum::Sha384 => Hkdf::<Sha384>::from_prk(secret).ok()?.expand(&info, &mut out).ok()?,
        _ => Hkdf::<Sha256>::from_prk(secret).ok()?.expand(&info, &mut out).ok()?,
    }
    Some(out)
}

/// P_hash (RFC 5246 section 5).
fn p_hash(mac: impl Fn(&[u8], &[&[u8]]) -> Vec<u8>, secret: &[u8], seed: &[u8], length: usize) -> Vec<u8> {
    let (mut out, mut a) = (Vec::new(), mac(secret, &[seed]));
    while out.len() < length {
        out.extend(mac(secret, &[&a, seed]));
        a = mac(secret, &[&a]);
    }
    out.truncate(length);
    out
}

fn key_block(era: Era, hash: Sum, master: &[u8], seed: &[u8], length: usize) -> Vec<u8> {
    let seed = [b"key expansion", seed].concat();
    if era.version >= 0x0303 {
        return p_hash(|key, parts| hash.mac(key, parts), master, &seed, length);
    }
    // RFC 2246 section 5: two halves, which share a byte where the secret is of odd length.
    let half = master.len().div_ceil(2);
    let one = p_hash(mac::<Hmac<Md5>>, &master[..half], &seed, length);
    let two = p_hash(mac::<Hmac<Sha1>>, &master[master.len() - half..], &seed, length);
    one.iter().zip(two).map(|(a, b)| a ^ b).collect()
}

impl Cipher {
    /// Keys of TLS 1.3 from a traffic secret. `None` where the suite is none of ours, or the secret not of its length.
    pub fn from_traffic_secret(era: Era, secret: &[u8]) -> Option<Cipher> {
        let (kind, hash) = parts(era.suite)?;
        let length = match kind {
            Kind::Aes128Gcm => 16,
            Kind::Aes256Gcm | Kind::ChaCha20 => 32,
            Kind::AesCbc(..) => return None,
        };
        if secret.len() != hash.length() {
            return None;
        }
        let key = expand_label(hash, secret, "key", length)?;
        let iv = expand_label(hash, secret, "iv", 12)?;
        Some(Cipher { kind, hash, era, key, iv, mac_key: Vec::new(), secret: secret.to_vec() })
    }

    /// Keys of one direction of TLS 1.2 and before, from the master secret and both randoms.
    pub fn from_master(
        era: Era,
        master: &[u8],
        client: &[u8; 32],
        server: &[u8; 32],
        from_client: bool,
    ) -> Option<Cipher> {
        if !is_supported(era) || master.len() != 48 {
            return None;
        }
        let (kind, hash) = parts(era.suite)?;
        let (mac_length, key_length, iv_length) = match kind {
            Kind::Aes128Gcm => (0, 16, 4),
            Kind::Aes256Gcm => (0, 32, 4),
            Kind::ChaCha20 => (0, 32, 12),
            Kind::AesCbc(length, mac) => (mac.length(), length, if era.version == 0x0301 { 16 } else { 0 }),
        };
        let seed = [&server[..], &client[..]].concat();
        let block = key_block(era, hash, master, &seed, 2 * (mac_length + key_length + iv_length));
        let own = |start: usize, length: usize| {
            let at = start + if from_client { 0 } else { length };
            block[at..at + length].to_vec()
        };
        let mac_key = own(0, mac_length);
        let key = own(2 * mac_length, key_length);
        let iv = own(2 * (mac_length + key_length), iv_length);
        Some(Cipher { kind, hash, era, key, iv, mac_key, secret: Vec::new() })
    }

    /// The keys after a KeyUpdate (RFC 8446 section 7.2).
    pub fn next(&self) -> Option<Cipher> {
        let secret = expand_label(self.hash, &self.secret, "traffic upd", self.hash.length())?;
        Cipher::from_traffic_secret(self.era, &secret)
    }

    /// Opens the record with this number. What comes back is authentic.
    pub fn open(&mut self, number: u64, record: &[u8]) -> Option<Vec<u8>> {
        let (header, body) = record.split_at_checked(HEADER)?;
        match self.kind {
            Kind::AesCbc(_, mac) => self.open_cbc(number, header, body, mac),
            _ => self.open_aead(number, header, body),
        }
    }

    fn open_aead(&self, number: u64, header: &[u8], body: &[u8]) -> Option<Vec<u8>> {
        let mut nonce = [0; 12];
        let (sealed, aad) = if self.era.is_13() || self.kind == Kind::ChaCha20 {
            nonce.copy_from_slice(self.iv.get(..12)?);
            for (byte, n) in nonce[4..].iter_mut().zip(number.to_be_bytes()) {
                *byte ^= n;
            }
            (
                body,
                if self.era.is_13() {
                    header.to_vec()
                } else {
                    additional(number, header, body.len().checked_sub(16)?)
                },
            )
        } else {
            let (explicit, sealed) = body.split_at_checked(8)?;
            nonce[..4].copy_from_slice(self.iv.get(..4)?);
            nonce[4..].copy_from_slice(explicit);
            (sealed, additional(number, header, sealed.len().checked_sub(16)?))
        };
        let payload = Payload { msg: sealed, aad: &aad };
        let nonce = &nonce.into();
        match self.kind {
            Kind::Aes128Gcm => Aes128Gcm::new_from_slice(&self.key).ok()?.decrypt(nonce, payload).ok(),
            Kind::Aes256Gcm => Aes256Gcm::new_from_slice(&self.key).ok()?.decrypt(nonce, payload).ok(),
            _ => ChaCha20Poly1305::new_from_slice(&self.key).ok()?.decrypt(nonce, payload).ok(),
        }
    }

    /// RFC 5246 section 6.2.3.2; RFC 7366 section 3.
    fn open_cbc(&mut self, number: u64, header: &[u8], body: &[u8], sum: Sum) -> Option<Vec<u8>> {
        let etm = self.era.encrypt_then_mac;
        let (enciphered, outer) =
            body.split_at_checked(body.len().checked_sub(if etm { sum.length() } else { 0 })?)?;
        if etm
            && sum.mac(&self.mac_key, &[&additional(number, header, enciphered.len()), enciphered]) != outer
        {
            return None;
        }
        let (iv, blocks) = if self.era.version >= 0x0302 {
            enciphered.split_at_checked(16)?
        } else {
            (&self.iv[..], enciphered)
        };
        let plain = match self.key.len() {
            16 => cbc::Decryptor::<aes::Aes128>::new_from_slices(&self.key, iv)
                .ok()?
                .decrypt_padded_vec::<NoPadding>(blocks)
                .ok()?,
            _ => cbc::Decryptor::<aes::Aes256>::new_from_slices(&self.key, iv)
                .ok()?
                .decrypt_padded_vec::<NoPadding>(blocks)
                .ok()?,
        };
        if self.era.version < 0x0302 {
            self.iv = blocks.get(blocks.len().checked_sub(16)?..)?.to_vec();
        }
        let padding = usize::from(*plain.last()?);
        let end = plain.len().checked_sub(padding + 1)?;
        if plain[end..].iter().any(|b| usize::from(*b) != padding) {
            return None;
        }
        if etm {
            return Some(plain[..end].to_vec());
        }
        let (content, inner) = plain[..end].split_at_checked(end.checked_sub(sum.length())?)?;
        let expected = sum.mac(&self.mac_key, &[&additional(number, header, content.len()), content]);
        (expected == inner).then(|| content.to_vec())
    }
}

/// What is authenticated besides the content: number, type, version, length (RFC 5246 section 6.2.3.3).
fn additional(number: u64, header: &[u8], length: usize) -> Vec<u8> {
    let mut data = number.to_be_bytes().to_vec();
    data.extend_from_slice(&header[..3]);
    data.extend_from_slice(&(length as u16).to_be_bytes());
    data
}

/// Splits TLS 1.3's inner plaintext: its real type, and where the content ends (RFC 8446 section 5.4).
pub fn inner(plain: &[u8]) -> Option<(u8, usize)> {
    let end = plain.iter().rposition(|b| *b != 0)?;
    Some((plain[end], end))
}
