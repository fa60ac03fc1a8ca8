//! Changed copies for the claims about switches, routers, and near and far networks.

use super::{Changed, ETH, IP_DST, IP_SRC, MS, bundled, done};

pub fn films() -> Changed {
    // A hub: what alice sends to bob comes out at carol's port, too, however often bob answers.
    let mut hub = bundled("bridge-three-ports");
    for number in [28, 22, 16] {
        let mut stray = hub[number].clone();
        stray.interface = 2;
        hub.insert(number + 1, stray);
    }
    // A router that passes a broadcast on.
    let mut broadcast = bundled("routed-two-links");
    let mut passed = broadcast[30].clone().later(MS / 100);
    passed.interface = 1;
    done(passed.set(6, &[2, 0, 10, 0, 2, 1]).set(ETH + 8, &[63]).summed());
    broadcast.insert(31, passed);
    // Far and slow: the segments of the far server 20 ms apart.
    let mut slow = bundled("rtt-lan-wan");
    let mut shift = 0;
    for shot in slow[44..].iter_mut() {
        if shot.interface == 1 && shot.bytes.len() > 1_000 {
            shift += 20 * MS;
        }
        shot.time_ns += shift;
    }
    // Inside, addresses that are not private.
    let mut outward = bundled("nat-both-sides");
    for shot in outward.iter_mut().filter(|shot| shot.bytes[ETH + 9] == 6) {
        for at in [IP_SRC, IP_DST] {
            if shot.bytes[at] == 192 {
                shot.set(at, &[193]);
            }
        }
        shot.summed();
    }
    vec![
        ("public addresses behind a translator", outward),
        ("a hub", hub),
        ("a broadcast that a router passes on", broadcast),
        ("far and slow", slow),
    ]
}
