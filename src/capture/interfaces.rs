//! The machine's network interfaces, as `pnet` finds them. Needs no privileges.
//!
//! Leaves out: capturing on them.

use std::net::IpAddr;

use pnet::datalink;

/// A network interface of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalInterface {
    /// Its name.
    pub name: String,
    /// The operating system's number for it.
    pub index: u32,
    /// Hardware address; none where it has none or all zero.
    pub mac: Option<[u8; 6]>,
    /// Addresses with the lengths of their prefixes.
    pub addresses: Vec<(IpAddr, u8)>,
    /// Whether it is switched on.
    pub up: bool,
    /// Whether it leads back to this machine.
    pub loopback: bool,
}

/// All of them, by number.
pub fn list() -> Vec<LocalInterface> {
    let mut found: Vec<LocalInterface> = datalink::interfaces()
        .into_iter()
        .map(|one| LocalInterface {
            mac: one.mac.map(|m| [m.0, m.1, m.2, m.3, m.4, m.5]).filter(|mac| *mac != [0; 6]),
            addresses: one.ips.iter().map(|network| (network.ip(), network.prefix())).collect(),
            up: one.is_up(),
            loopback: one.is_loopback(),
            name: one.name,
            index: one.index,
        })
        .collect();
    found.sort_by_key(|one| one.index);
    found
}
