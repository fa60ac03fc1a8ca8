//! Secrets that a capture brings along so that what it holds can be decrypted: pcapng's Decryption Secrets Blocks.
//!
//! draft-ietf-opsawg-pcapng section 4.7. A source lends its buffer to the frame at hand, so secrets are handed out beside it: who reads
//! frames keeps a [`Secrets`] and takes what has come, before the frame is looked at. Leaves out: what the secrets mean, and all but
//! TLS key logs.
//!
//! Bounded: [`MOST`] bytes of one call's captures; what is beyond is not kept.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// Most bytes of secrets of one call.
const MOST: usize = 16 << 20;

/// A handle on the secrets of a source.
#[derive(Debug, Clone, Default)]
pub struct Secrets(Arc<Shelf>);

#[derive(Debug, Default)]
struct Shelf {
    /// So that a packet costs no lock.
    filled: AtomicBool,
    texts: Mutex<(usize, Vec<Vec<u8>>)>,
}

impl Secrets {
    /// A TLS key log was met.
    pub(super) fn put(&self, text: &[u8]) {
        let Ok(mut shelf) = self.0.texts.lock() else { return };
        if text.len() <= MOST - shelf.0 {
            shelf.0 += text.len();
            shelf.1.push(text.to_vec());
            self.0.filled.store(true, Ordering::Release);
        }
    }

    /// What has come since the last time: texts of TLS key logs.
    #[inline]
    pub fn take(&self) -> Vec<Vec<u8>> {
        if !self.0.filled.swap(false, Ordering::Acquire) {
            return Vec::new();
        }
        self.0.texts.lock().map(|mut shelf| std::mem::take(&mut shelf.1)).unwrap_or_default()
    }
}
