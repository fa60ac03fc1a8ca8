//! The captures that are part of the program: `@name` wherever a file can be named.
//!
//! Adding one is a file `captures/NAME.pcapng` and its name in the list below.
//!
//! Leaves out: what each of them shows; the comment in its section header says so.

use super::Reason;

/// A capture that is embedded in the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bundled {
    /// What comes after the `@`.
    pub name: &'static str,
    /// The file's content.
    pub bytes: &'static [u8],
}

macro_rules! bundled {
    ($($name:literal)*) => {
        &[$(Bundled {
            name: $name,
            bytes: include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/captures/", $name, ".pcapng")),
        }),*]
    };
}

/// All of them, in the order in which they are listed to users.
pub static BUNDLED: &[Bundled] = bundled![
    "eth-arp"
    "arp-spoof"
    "bridge-three-ports"
    "routed-two-links"
    "link-types"
    "icmp-basic"
    "ip-fragments"
    "bind-addresses"
    "dhcp-dora"
    "tunnel"
    "container-bridge"
    "nat-both-sides"
    "firewall-drop-reject"
    "rtt-lan-wan"
    "tcp-basic"
    "tcp-two-sides"
    "tcp-syn-anomalies"
    "tcp-accept-queue"
    "tcp-close-variants"
    "tcp-time-wait"
    "tcp-many-short"
    "tcp-loss"
    "tcp-window"
    "tcp-slow-start"
    "tcp-bulk"
    "tcp-duplex"
    "tcp-stream"
    "udp-basic"
    "udp-multicast"
    "dns-basic"
    "dns-tcp"
    "dns-iterative"
    "dns-hosts"
    "browser-visit"
    "virtual-hosts"
    "http11-basic"
    "http-close"
    "http-pipelining"
    "http-methods-status"
    "http-forms"
    "http-bodies"
    "http-cookies"
    "http-cache-coding"
    "http2"
    "websocket"
    "tls12"
    "tls13"
    "tls-bad-cert"
    "tls-mutual"
    "proxy-forward"
    "proxy-reverse"
    "lb-round-robin"
    "lb-health"
    "vrrp-failover"
    "cdn-cache"
    "services-plain"
    "ssh-scp-rsync"
    "rpc"
    "capture-reordered"
    "capture-duplicated"
    "capture-one-direction"
    "capture-offload"
    "capture-short-snaplen"
    "capture-mid-connection"
    "tcp-injected-reset"
    "tcp-damaged"
];

/// How many names to offer for one that does not exist.
const OFFERED: usize = 3;

/// The bundled capture of this name (without the `@`).
///
/// # Errors
/// [`Reason::NoSuchBundled`] with the names nearest to it.
pub fn find(name: &str) -> Result<&'static Bundled, Reason> {
    BUNDLED.iter().find(|bundled| bundled.name == name).ok_or_else(|| Reason::NoSuchBundled {
        name: name.to_owned(),
        nearest: nearest(name, BUNDLED.iter().map(|bundled| bundled.name)),
    })
}

/// Names that differ from `name` by few keystrokes or contain it, the nearest first.
fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let name = name.to_lowercase();
    // A third of the letters wrong is a slip; more is another word.
    let slips = (name.chars().count() / 3).max(1);
    let mut found: Vec<_> = names
        .filter_map(|known| {
            let distance = strsim::damerau_levenshtein(&name, known);
            let part = name.len() > 1 && known.contains(name.as_str());
            (distance <= slips || part).then_some((distance, known))
        })
        .collect();
    found.sort();
    found.into_iter().take(OFFERED).map(|(_, known)| known.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 4] = ["tcp-basic", "tcp-two-sides", "dns-basic", "eth-arp"];

    fn offered(name: &str) -> Vec<String> {
        nearest(name, NAMES.into_iter())
    }

    #[test]
    fn a_slip_of_the_fingers_finds_the_name() {
        assert_eq!(offered("tpc-basic")[0], "tcp-basic");
        assert_eq!(offered("DNS-basik"), ["dns-basic"]);
        assert_eq!(offered("eth_arp"), ["eth-arp"]);
    }

    #[test]
    fn part_of_a_name_finds_it() {
        assert_eq!(offered("tcp"), ["tcp-basic", "tcp-two-sides"]);
        assert_eq!(offered("arp"), ["eth-arp"]);
    }

    #[test]
    fn another_word_finds_nothing() {
        assert!(offered("wireless").is_empty());
        assert!(offered("").is_empty());
    }

    #[test]
    fn an_unknown_name_is_a_reason() {
        let reason = find("no such capture").unwrap_err();
        assert_eq!(reason, Reason::NoSuchBundled { name: "no such capture".into(), nearest: vec![] });
    }

    #[test]
    fn names_are_unique_and_found() {
        for bundled in BUNDLED {
            assert!(std::ptr::eq(find(bundled.name).unwrap(), bundled), "{}", bundled.name);
        }
    }
}
