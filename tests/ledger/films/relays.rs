//! Changed copies for the claims about load balancing, standby routers and DNS.

use super::{Changed, ETH, Film, IP_DST, MS, Shot, alone, bundled, changed, done};

/// A VRRP message that may be anywhere.
fn advertisement(number: usize, change: impl Fn(&mut Shot)) -> Shot {
    let mut shot = bundled("vrrp-failover").swap_remove(number - 1);
    change(&mut shot);
    shot
}

pub fn films() -> Changed {
    // Neither of two nodes hears the other: both advertise, half a second apart.
    let brains: Film = (0..8)
        .map(|n| {
            let mut shot = advertisement(if n % 2 == 0 { 1 } else { 23 }, |_| {});
            shot.time_ns = n * 500 * MS;
            shot
        })
        .collect();
    // To one address alone, and behind a router.
    let unicast = advertisement(1, |shot| {
        done(shot.set(0, &[2, 0, 10, 0, 2, 1]).set(IP_DST, &[10, 0, 2, 1]).set(ETH + 8, &[254]).summed());
    });
    // The same question again, and the name has moved meanwhile.
    let mut moved = bundled("dns-basic");
    moved.truncate(2);
    for n in 0..2 {
        let mut shot = moved[n].clone().later(60_000 * MS);
        let at = shot.bytes.windows(4).position(|bytes| bytes == [203, 0, 113, 10]);
        if let Some(at) = at {
            shot.set(at, &[203, 0, 113, 99]);
        }
        moved.push(shot.altered());
    }
    // The resolver itself answers ARP, in place of the router.
    let near = changed("dhcp-dora", &[7, 8], |shot| {
        let ip = if shot.bytes[ETH + 7] == 1 { ETH + 24 } else { ETH + 14 };
        shot.set(ip, &[203, 0, 113, 53]);
    });
    let public = alone("dns-basic", 1, |shot| done(shot.set(IP_DST, &[8, 8, 8, 8]).summed()));
    vec![
        ("a resolver on the link", near),
        ("a public resolver", public),
        ("two masters", brains),
        ("VRRP by unicast", vec![unicast]),
        ("a name that moves", moved),
    ]
}

impl Shot {
    /// With sums as they must be.
    fn altered(mut self) -> Shot {
        self.summed();
        self
    }
}
