//! Captures for the ledger's tests: the bundled ones as frames that can be changed, and changed copies of them.

mod devices;
mod http;
mod http_web;
mod relays;
mod reliability;
mod ssh;
mod time_wait;

use std::sync::OnceLock;

use pcaplain::capture::bundled::BUNDLED;
use pcaplain::capture::{self, Frame, Source};
use pcaplain::flow::{Outcome, Tracker};
use pcaplain::notes::{Checker, ClaimResult, Moment};
use pcaplain::wire::Tree;

/// A frame that can be changed.
#[derive(Clone)]
pub struct Shot {
    pub time_ns: i64,
    pub interface: u32,
    pub link_type: u16,
    pub bytes: Vec<u8>,
}

/// Frames, in most of them on Ethernet.
pub type Film = Vec<Shot>;

/// Films, by what was done to them.
pub type Changed = Vec<(&'static str, Film)>;

const MS: i64 = 1_000_000;

/// A bundled capture.
pub fn bundled(name: &str) -> Film {
    let mut source = capture::open(&format!("@{name}")).expect("a bundled capture");
    let mut film = Film::new();
    while let Some(frame) = source.next().expect("an undamaged capture") {
        film.push(Shot {
            time_ns: frame.time_ns,
            interface: frame.interface,
            link_type: frame.link_type,
            bytes: frame.bytes.to_vec(),
        });
    }
    film
}

/// The secrets of TLS that bundled captures bring along: a film is decrypted as its capture is.
fn secrets() -> &'static [Vec<u8>] {
    static SECRETS: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    SECRETS.get_or_init(|| {
        let open = |name: &str| {
            let mut source = capture::open(&format!("@{name}")).expect("a bundled capture");
            let secrets = source.secrets();
            while source.next().expect("an undamaged capture").is_some() {}
            secrets.take()
        };
        BUNDLED.iter().flat_map(|b| open(b.name)).collect()
    })
}

/// What the ledger's checks find in it.
pub fn run(film: &Film) -> Vec<ClaimResult> {
    let mut checker = Checker::default();
    let mut tracker = Tracker::default();
    secrets().iter().for_each(|text| tracker.add_secrets(text));
    let mut outcome = Outcome { wants_context: true, ..Outcome::default() };
    let mut tree = Tree::default();
    let mut findings = Vec::new();
    for (at, shot) in film.iter().enumerate() {
        let frame = Frame {
            number: at as u64 + 1,
            time_ns: shot.time_ns,
            interface: shot.interface,
            link_type: shot.link_type,
            wire_len: shot.bytes.len() as u32,
            bytes: &shot.bytes,
        };
        let packet = pcaplain::decode::decode(&frame);
        tracker.process(&frame, &packet, &mut outcome);
        let wants = checker.wants(&frame, &packet, &outcome);
        if wants.tree {
            pcaplain::decode::build(&frame, &packet, &outcome.context, &mut tree);
        }
        let flow = outcome.flow.filter(|_| wants.flow).and_then(|id| tracker.snapshot(id));
        let moment = Moment {
            frame: &frame,
            packet: &packet,
            outcome: &outcome,
            tree: wants.tree.then_some(&tree),
            flow: flow.as_ref(),
        };
        checker.packet(&moment, &mut findings);
    }
    tracker.finish(&mut outcome);
    checker.end(&outcome, &mut findings);
    checker.results()
}

impl Shot {
    fn set(&mut self, at: usize, bytes: &[u8]) -> &mut Shot {
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    fn u16(&self, at: usize) -> u16 {
        u16::from_be_bytes([self.bytes[at], self.bytes[at + 1]])
    }

    fn u32(&self, at: usize) -> u32 {
        u32::from(self.u16(at)) << 16 | u32::from(self.u16(at + 2))
    }

    fn add_u32(&mut self, at: usize, n: u32) -> &mut Shot {
        let sum = self.u32(at).wrapping_add(n);
        self.set(at, &sum.to_be_bytes())
    }

    fn later(mut self, ns: i64) -> Shot {
        self.time_ns += ns;
        self
    }

    /// Offset of what IP carries.
    fn carried(&self) -> usize {
        ETH + usize::from(self.bytes[ETH] & 15) * 4
    }

    /// Offset of TCP's payload.
    fn payload(&self) -> usize {
        self.carried() + usize::from(self.bytes[self.carried() + 12] >> 4) * 4
    }

    /// Lengths and checksums as they must be after a change.
    fn mended(&mut self) -> &mut Shot {
        let total = (self.bytes.len() - ETH) as u16;
        self.set(ETH + 2, &total.to_be_bytes());
        self.summed()
    }

    /// Checksums as they must be after a change.
    fn summed(&mut self) -> &mut Shot {
        let at = self.carried();
        self.set(ETH + 10, &[0, 0]);
        let sum = checksum(&self.bytes[ETH..at], 0);
        self.set(ETH + 10, &sum.to_be_bytes());
        let protocol = self.bytes[ETH + 9];
        let field = match protocol {
            6 => at + 16,
            17 => at + 6,
            _ => return self,
        };
        let length = (self.bytes.len() - at) as u32;
        let pseudo = sixteens(&self.bytes[ETH + 12..ETH + 20]) + u32::from(protocol);
        let length = if protocol == 17 { u32::from(self.u16(at + 4)) } else { length };
        self.set(field, &[0, 0]);
        let end = at + length as usize;
        let sum = checksum(&self.bytes[at..end.min(self.bytes.len())], pseudo + length);
        self.set(field, &sum.to_be_bytes())
    }
}

const ETH: usize = 14;
/// Offsets in a frame without IP options.
const IP_SRC: usize = ETH + 12;
const IP_DST: usize = ETH + 16;
const TCP: usize = ETH + 20;
const SEQ: usize = TCP + 4;
const ACK: usize = TCP + 8;
const FLAGS: usize = TCP + 13;

const RST: u8 = 4;
const ACK_BIT: u8 = 16;

fn sixteens(bytes: &[u8]) -> u32 {
    bytes.chunks(2).map(|b| u32::from(b[0]) << 8 | b.get(1).map_or(0, |b| u32::from(*b))).sum()
}

fn checksum(bytes: &[u8], start: u32) -> u16 {
    let mut sum = start + sixteens(bytes);
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// Ends a chain of changes.
fn done(_: &mut Shot) {}

/// A bundled capture in which some frames (numbers from 1) are changed.
fn changed(name: &str, frames: &[usize], change: impl Fn(&mut Shot)) -> Film {
    let mut film = bundled(name);
    for number in frames {
        change(&mut film[number - 1]);
    }
    film
}

/// With a changed copy of frame `number` put behind frame `after`.
fn inserted(name: &str, number: usize, after: usize, change: impl Fn(&mut Shot)) -> Film {
    let mut film = bundled(name);
    let mut copy = film[number - 1].clone();
    copy.time_ns = film[after - 1].time_ns + MS;
    change(&mut copy);
    for shot in &mut film[after..] {
        shot.time_ns += 2 * MS;
    }
    film.insert(after, copy);
    film
}

/// One frame of a bundled capture, changed.
fn alone(name: &str, number: usize, change: impl Fn(&mut Shot)) -> Film {
    let mut shot = bundled(name).swap_remove(number - 1);
    change(&mut shot);
    vec![shot]
}

fn replace(bytes: &mut [u8], from: &[u8], to: &[u8]) {
    assert_eq!(from.len(), to.len());
    for at in 0..bytes.len().saturating_sub(from.len() - 1) {
        if &bytes[at..at + from.len()] == from {
            bytes[at..at + from.len()].copy_from_slice(to);
        }
    }
}

/// The first bytes of TCP's payload, or UDP's.
fn begins(shot: &mut Shot, bytes: &[u8]) {
    let at = if shot.bytes[ETH + 9] == 6 { shot.payload() } else { shot.carried() + 8 };
    shot.set(at, bytes).summed();
}

/// All frames of a connection on another port of the server.
fn on_port(name: &str, from: u16, to: u16) -> Film {
    let mut film = bundled(name);
    for shot in &mut film {
        if shot.u16(12) != 0x0800 || ![6, 17].contains(&shot.bytes[ETH + 9]) {
            continue;
        }
        for at in [TCP, TCP + 2] {
            if shot.u16(at) == from {
                shot.set(at, &to.to_be_bytes());
            }
        }
        shot.summed();
    }
    film
}

/// Changed copies of bundled captures, by what was done to them: what the bundled ones do not have.
pub fn mutated() -> Changed {
    let flags = |set: u8, clear: u8| {
        move |shot: &mut Shot| {
            shot.bytes[FLAGS] = shot.bytes[FLAGS] & !clear | set;
            shot.summed();
        }
    };
    let mac = |at: usize, last: u8| move |shot: &mut Shot| done(shot.set(at, &[2, 0, 0, 0, 0, last]));
    let mut films = vec![
        ("vlan", {
            let mut film = bundled("tcp-basic");
            for shot in &mut film {
                shot.bytes.splice(12..12, [0x81, 0, 0, 7]);
            }
            film
        }),
        ("router that keeps hardware addresses", {
            let mut film = bundled("routed-two-links");
            film.iter_mut().for_each(mac(6, 1));
            film
        }),
        ("ecn agreed", changed("tcp-basic", &[4], flags(0x40, 0))),
        ("rarp", alone("eth-arp", 1, |shot| done(shot.set(12, &[0x80, 0x35]).set(ETH + 7, &[3])))),
        ("request to a group", changed("eth-arp", &[1], |shot| done(shot.set(0, &[1, 0, 0x5e, 0, 0, 1])))),
        ("reply to all", changed("eth-arp", &[2], |shot| done(shot.set(0, &[0xff; 6])))),
        ("second reply", inserted("eth-arp", 2, 2, mac(ETH + 8, 9))),
        ("reply ignored", changed("eth-arp", &[3], mac(0, 9))),
        (
            "target asks back",
            inserted("eth-arp", 1, 3, |shot| {
                shot.set(6, &[2, 0, 10, 0, 0, 2]).set(ETH + 8, &[2, 0, 10, 0, 0, 2, 10, 0, 0, 2]);
                shot.set(ETH + 24, &[10, 0, 0, 1]);
            }),
        ),
        ("question on both links", inserted("routed-two-links", 32, 32, |shot| shot.interface = 1)),
        (
            "hardware addresses of 8 bytes",
            alone("eth-arp", 1, |shot| {
                shot.bytes.extend([0; 4]);
                shot.set(ETH + 4, &[8]);
            }),
        ),
        ("tunnel of pptp", {
            alone("udp-basic", 1, |shot| {
                done(shot.set(ETH + 9, &[47]).set(TCP, &[0x30, 0x81, 0x88, 0x0b]).summed())
            })
        }),
        ("a frame in a datagram", {
            let inner = bundled("tcp-basic").swap_remove(2).bytes;
            alone("udp-basic", 1, |shot| {
                shot.bytes.truncate(TCP + 8);
                shot.set(TCP + 2, &4789u16.to_be_bytes());
                shot.set(TCP + 4, &(inner.len() as u16 + 16).to_be_bytes());
                shot.bytes.extend([8, 0, 0, 0, 0, 0, 7, 0]);
                shot.bytes.extend(&inner);
                shot.mended();
            })
        }),
        ("snmp", {
            let mut film = on_port("udp-basic", 5004, 161);
            film.iter_mut().filter(|s| s.u16(TCP + 2) == 161).for_each(|s| begins(s, &[0x30, 29, 2, 1, 1]));
            film
        }),
        (
            "lengths that disagree",
            changed("udp-basic", &[1], |shot| done(shot.set(TCP + 4, &[0, 11]).summed())),
        ),
        ("data in the SYN+ACK", {
            let mut film = changed("tcp-basic", &[5], |shot| done(shot.add_u32(ACK, 5).summed()));
            film[3].bytes.extend(b"hello");
            film[3].mended();
            film
        }),
        ("an old SYN+ACK", changed("tcp-basic", &[4], |shot| done(shot.add_u32(ACK, u32::MAX).summed()))),
        ("the same number twice", {
            let first = bundled("tcp-close-variants")[0].u32(SEQ);
            changed("tcp-close-variants", &[12], |shot| done(shot.set(SEQ, &first.to_be_bytes()).summed()))
        }),
        ("the same ends again", {
            let mut film = bundled("tcp-basic");
            let mut again = film[2].clone().later(30_000 * MS);
            again.add_u32(SEQ, 7_500_000).summed();
            film.push(again);
            film
        }),
        (
            "a SYN without options",
            changed("tcp-basic", &[3], |shot| {
                shot.bytes.truncate(TCP + 20);
                shot.set(TCP + 12, &[0x50]).mended();
            }),
        ),
        ("data after the FIN", inserted("tcp-basic", 13, 16, |shot| done(shot.add_u32(SEQ, 8).summed()))),
        ("a FIN with data", {
            let mut film = changed("tcp-basic", &[16], |shot| {
                shot.bytes.extend(*b"end");
                shot.mended();
            });
            film[16..18].iter_mut().for_each(|shot| done(shot.add_u32(ACK, 3).summed()));
            film
        }),
        ("a FIN with data, answered with a FIN", {
            let mut film = changed("tcp-close-variants", &[19], |shot| {
                shot.bytes.extend(*b"end");
                shot.mended();
            });
            film[19].add_u32(ACK, 3).summed();
            film
        }),
        ("a datagram through the router", {
            let mut film = bundled("routed-two-links");
            let mut near = film[30].clone();
            near.set(0, &[2, 0, 10, 0, 1, 1])
                .set(IP_DST, &[10, 0, 2, 2])
                .set(ETH + 4, &[0x12, 0x34])
                .summed();
            let mut far = near.clone().later(MS);
            far.interface = 1;
            far.set(0, &[2, 0, 10, 0, 2, 2, 2, 0, 10, 0, 2, 1]).set(ETH + 8, &[63]).summed();
            film.extend([near, far]);
            film
        }),
        ("a FIN without ACK", changed("tcp-basic", &[16], flags(0, ACK_BIT))),
        ("a FIN again", {
            let mut film = inserted("tcp-basic", 16, 16, |_| {});
            film[16..].iter_mut().for_each(|shot| shot.time_ns += 300 * MS);
            film
        }),
        ("RST after the end", {
            let mut film = bundled("tcp-basic");
            let mut late = film[12].clone().later(10_000 * MS);
            late.add_u32(SEQ, 0).summed();
            let mut answer = film[16].clone().later(10_001 * MS);
            flags(RST, ACK_BIT)(&mut answer);
            film.extend([late, answer]);
            film
        }),
        ("ACK after the end", {
            let mut film = bundled("tcp-basic");
            film.extend([film[15].clone().later(10_000 * MS), film[16].clone().later(10_001 * MS)]);
            film
        }),
        ("lost and resent", lost_and_resent()),
        ("a page of all zeros", {
            let mut film = bundled("http11-basic");
            for shot in &mut film {
                for at in [IP_SRC, IP_DST] {
                    if shot.bytes[at..at + 4] == [10, 0, 0, 2] {
                        shot.set(at, &[127, 0, 0, 1]);
                    }
                }
                replace(&mut shot.bytes, b"www.example.test:8080", b"0.0.0.0:8080         ");
                shot.summed();
            }
            film
        }),
        ("a picture", {
            let mut film = bundled("http11-basic");
            for shot in &mut film {
                replace(&mut shot.bytes, b"Content-Type: text/plain\r\n", b"Content-Type: image/jpeg\r\n");
                let body = shot.bytes.windows(4).position(|w| w == b"\r\n\r\n").map(|at| at + 4);
                if let Some(at) = body.filter(|at| shot.bytes.len() >= at + 3) {
                    shot.set(at, &[0xff, 0xd8, 0xff]);
                }
                shot.summed();
            }
            film
        }),
        ("an unset source", alone("udp-basic", 19, |shot| done(shot.set(IP_SRC, &[0; 4]).summed()))),
    ];
    for (what, port, number, bytes) in [
        ("a NetBIOS session", 139, 6, &[0x81, 0, 0, 1][..]),
        ("telnet", 23, 6, &[0xff, 0xfd, 1]),
        ("tls", 443, 6, &[0x16, 3, 1]),
        ("ftp", 21, 8, b"220 "),
    ] {
        let mut film = on_port("tcp-basic", 7000, port);
        begins(&mut film[number - 1], bytes);
        films.push((what, film));
    }
    // From a host without an address, and from one that says it has none but has.
    for (what, source) in [("dhcp", [0; 4]), ("dhcp with an address", [10, 0, 2, 2])] {
        films.push((
            what,
            alone("udp-basic", 19, |shot| {
                shot.set(IP_SRC, &source).set(IP_DST, &[255; 4]).set(TCP, &[0, 68, 0, 67]);
                begins(shot, &[1, 1, 6, 0, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0]);
            }),
        ));
    }
    let dot3 = |payload: &[u8]| {
        let mut bytes = vec![1, 0x80, 0xc2, 0, 0, 0, 2, 0, 0, 0, 0, 1];
        bytes.extend((payload.len() as u16).to_be_bytes());
        bytes.extend(payload);
        vec![Shot { time_ns: 0, interface: 0, link_type: 1, bytes }]
    };
    films.push(("numbered LLC", dot3(&[0xf0, 0xf0, 0x02, 0x04, 1, 2, 3])));
    let mut snap = vec![0xaa, 0xaa, 3, 0, 0, 0, 8, 6];
    snap.extend(&bundled("eth-arp")[0].bytes[ETH..]);
    films.push(("ARP behind SNAP", dot3(&snap)));
    let other = |link_type, bytes: Vec<u8>| Shot { time_ns: 0, interface: 0, link_type, bytes };
    let mut beacon = vec![0x80, 0, 0, 0];
    beacon.extend([[0xff; 6], [2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 1]].concat());
    beacon.extend([0; 14]);
    films.push(("wi-fi", vec![other(105, beacon), other(105, vec![0xd4, 0, 0, 0, 2, 0, 0, 0, 0, 1])]));
    let ip = bundled("udp-basic").swap_remove(0).bytes.split_off(ETH);
    films.push(("ppp", vec![other(9, [&[0xff, 3, 0, 0x21][..], &ip].concat())]));
    films.extend(FURTHER.iter().flat_map(|topic| topic()));
    films
}

/// Changed copies for the topics that have a file of their own in `films/`.
#[rustfmt::skip]
const FURTHER: &[fn() -> Changed] = &[
    devices::films,
    http::films,
    http_web::films,
    relays::films,
    reliability::films,
    ssh::films,
    time_wait::films,
];

/// Three repeated acknowledgements, and the segment they ask for again.
fn lost_and_resent() -> Film {
    let mut film = bundled("tcp-basic");
    let sent = film[9].clone();
    // The server's plain ACK of the data before, from where the server is by then.
    let mut ask = film[6].clone();
    let seq = film[7].u32(SEQ).wrapping_add((film[7].bytes.len() - film[7].payload()) as u32);
    ask.set(SEQ, &seq.to_be_bytes()).summed();
    ask.time_ns = sent.time_ns;
    let more = (1..=3).map(|n| ask.clone().later(n * MS)).chain([sent.later(4 * MS)]);
    film.splice(10..10, more);
    for shot in &mut film[14..] {
        shot.time_ns += 10 * MS;
    }
    film
}

/// Frames of no protocol that is known.
pub fn noise() -> Film {
    (0..4u8)
        .map(|n| Shot {
            time_ns: i64::from(n) * MS,
            interface: 0,
            link_type: 1,
            bytes: [&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5][..], &[n; 40]].concat(),
        })
        .collect()
}

/// Whether some frame has TCP, whether some has ARP.
pub fn protocols(film: &Film) -> (bool, bool) {
    let of = |ether_type: u16, protocol: Option<u8>| {
        let byte = |s: &Shot, at: usize| s.bytes.get(at).copied().unwrap_or_default();
        film.iter().any(|s| {
            let found = u16::from_be_bytes([byte(s, 12), byte(s, 13)]);
            found == ether_type && protocol.is_none_or(|p| byte(s, ETH + 9) == p)
        })
    };
    (of(0x0800, Some(6)), of(0x0806, None))
}
