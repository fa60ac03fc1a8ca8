//! What is remembered beyond one connection: cookies and who set them, responses that may be asked for again, questions for a password.
//!
//! RFC 6265 section 5.4 (which cookies a request carries), 8.5 (cookies know no ports); RFC 9110 section 13.1 (conditional requests),
//! 11.6 (authentication). Leaves out: a cookie's path and life, and caches on the way: what is said here is only that
//! the bytes are the same as the ones set or stored before.
//!
//! Bounded: [`MAX_EACH`] of each kind, the oldest go first. Names and values are remembered by their hashes.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, Hash};
use std::net::IpAddr;

use foldhash::quality::RandomState;

use super::body::Budget;

/// So many of each kind are remembered.
pub const MAX_EACH: usize = 4096;

/// What is remembered.
#[derive(Debug, Default)]
pub struct Memory {
    /// How much of bodies is kept.
    pub(super) budget: Budget,
    hasher: RandomState,
    cookies: Recent<Cookie>,
    responses: Recent<Stored>,
    challenges: Recent<u64>,
}

#[derive(Debug, Clone, Copy)]
struct Cookie {
    value: u64,
    packet: u64,
    returned: bool,
}

#[derive(Debug, Clone, Copy)]
struct Stored {
    etag: Option<u64>,
    last_modified: Option<u64>,
    packet: u64,
}

/// The latest so many, by hash.
#[derive(Debug)]
struct Recent<V> {
    map: HashMap<u64, V, RandomState>,
    order: VecDeque<u64>,
}

impl<V> Default for Recent<V> {
    fn default() -> Recent<V> {
        Recent { map: HashMap::default(), order: VecDeque::new() }
    }
}

impl<V> Recent<V> {
    fn put(&mut self, key: u64, value: V) {
        if self.map.insert(key, value).is_none() {
            self.order.push_back(key);
            if self.order.len() > MAX_EACH
                && let Some(oldest) = self.order.pop_front()
            {
                self.map.remove(&oldest);
            }
        }
    }
}

/// Host as cookies know it: without port, in lower case.
fn without_port(host: &[u8]) -> Vec<u8> {
    let end = match host.iter().rposition(|b| *b == b':') {
        Some(colon) if host[colon + 1..].iter().all(u8::is_ascii_digit) => colon,
        _ => host.len(),
    };
    host[..end].to_ascii_lowercase()
}

/// Without the mark of weakness: a 304 compares weakly (RFC 9110 section 13.1.2).
fn strong(tag: &[u8]) -> &[u8] {
    tag.strip_prefix(b"W/").unwrap_or(tag)
}

/// A cookie that a request returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Returned {
    /// The packet that set it.
    pub set_in: u64,
    /// Whether this request is the first to carry it.
    pub first: bool,
}

impl Memory {
    fn hash(&self, of: impl Hash) -> u64 {
        self.hasher.hash_one(of)
    }

    fn cookie(&self, client: IpAddr, host: &[u8], name: &[u8]) -> u64 {
        self.hash((client, host, name))
    }

    /// A response sets a cookie.
    pub(super) fn set(&mut self, client: IpAddr, host: &[u8], name: &[u8], value: &[u8], packet: u64) {
        let key = self.cookie(client, &without_port(host), name);
        let cookie = Cookie { value: self.hash(value), packet, returned: false };
        self.cookies.put(key, cookie);
    }

    /// A request carries a cookie; who set it, where that was seen.
    pub(super) fn returned(
        &mut self,
        client: IpAddr,
        host: &[u8],
        name: &[u8],
        value: &[u8],
    ) -> Option<Returned> {
        let host = without_port(host);
        let value = self.hash(value);
        // A cookie of a domain is set by one host and sent to its neighbours, too (RFC 6265 section 5.1.3).
        let mut domain = &host[..];
        loop {
            let key = self.cookie(client, domain, name);
            if let Some(cookie) = self.cookies.map.get_mut(&key).filter(|c| c.value == value) {
                let first = !std::mem::replace(&mut cookie.returned, true);
                return Some(Returned { set_in: cookie.packet, first });
            }
            let dot = domain.iter().position(|b| *b == b'.')?;
            domain = &domain[dot + 1..];
        }
    }

    /// What a resource is known by here.
    pub(super) fn page(&self, client: IpAddr, host: &[u8], uri: &[u8]) -> u64 {
        self.hash((client, host, uri))
    }

    /// A response that may be asked for again.
    pub(super) fn store(&mut self, page: u64, validators: (Option<&[u8]>, Option<&[u8]>), packet: u64) {
        let (etag, last_modified) = validators;
        if etag.is_some() || last_modified.is_some() {
            let etag = etag.map(|tag| self.hash(strong(tag)));
            let last_modified = last_modified.map(|date| self.hash(date));
            self.responses.put(page, Stored { etag, last_modified, packet });
        }
    }

    /// Which response a conditional request has in mind.
    pub(super) fn asked_again(&self, page: u64, validators: (Option<&[u8]>, Option<&[u8]>)) -> Option<u64> {
        let stored = self.responses.map.get(&page)?;
        let same = match validators {
            // RFC 9110 section 13.1.3: with If-None-Match the date does not count.
            (Some(tags), _) => {
                tags.split(|b| *b == b',').any(|tag| stored.etag == Some(self.hash(strong(tag.trim_ascii()))))
            }
            (None, Some(date)) => stored.last_modified == Some(self.hash(date)),
            (None, None) => false,
        };
        same.then_some(stored.packet)
    }

    /// A server asks who is there.
    pub(super) fn challenge(&mut self, client: IpAddr, host: &[u8], packet: u64) {
        let key = self.hash((client, host));
        self.challenges.put(key, packet);
    }

    /// The question that credentials answer, once.
    pub(super) fn answered(&mut self, client: IpAddr, host: &[u8]) -> Option<u64> {
        let key = self.hash((client, host));
        self.challenges.map.get_mut(&key).map(std::mem::take).filter(|packet| *packet != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    #[test]
    fn a_cookie_is_known_by_host_name_and_value() {
        let mut memory = Memory::default();
        memory.set(CLIENT, b"Shop.example:8080", b"id", b"7", 5);
        memory.set(CLIENT, b"example", b"theme", b"dark", 6);
        let first = Returned { set_in: 5, first: true };
        assert_eq!(memory.returned(CLIENT, b"shop.example", b"id", b"7"), Some(first));
        assert_eq!(memory.returned(CLIENT, b"shop.example", b"id", b"7").map(|r| r.first), Some(false));
        assert_eq!(memory.returned(CLIENT, b"shop.example", b"id", b"8"), None);
        assert_eq!(memory.returned(CLIENT, b"other.example", b"id", b"7"), None);
        assert_eq!(memory.returned(CLIENT, b"a.shop.example", b"theme", b"dark").map(|r| r.set_in), Some(6));
    }

    #[test]
    fn validators_lead_back_to_the_response() {
        let mut memory = Memory::default();
        let page = memory.page(CLIENT, b"a", b"/x");
        memory.store(page, (Some(b"W/\"1\""), Some(b"monday")), 9);
        assert_eq!(memory.asked_again(page, (Some(b"\"0\", \"1\""), None)), Some(9));
        assert_eq!(memory.asked_again(page, (Some(b"\"2\""), Some(b"monday"))), None);
        assert_eq!(memory.asked_again(page, (None, Some(b"monday"))), Some(9));
        assert_eq!(memory.asked_again(memory.page(CLIENT, b"a", b"/y"), (None, Some(b"monday"))), None);
    }

    #[test]
    fn the_oldest_go_first() {
        let mut memory = Memory::default();
        for n in 0..=MAX_EACH as u64 {
            memory.set(CLIENT, b"a", &n.to_be_bytes(), b"", n);
        }
        assert_eq!(memory.returned(CLIENT, b"a", &0u64.to_be_bytes(), b""), None);
        assert!(memory.returned(CLIENT, b"a", &1u64.to_be_bytes(), b"").is_some());
        assert_eq!(memory.cookies.map.len(), MAX_EACH);
    }
}
