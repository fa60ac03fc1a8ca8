//! Filters as programs for the kernel (`notes::expression::bpf`), run here by an interpreter of our own over every frame of the bundled
//! captures, and of the folder that `PCAPLAIN_CORPUS` names: a program lets pass each frame that the expression holds for, and on frames
//! that it can read to the end no other one. Also of frames cut at every length, and of frames that were changed.

use std::path::{Path, PathBuf};

use pcaplain::capture::bundled::BUNDLED;
use pcaplain::capture::{self, Frame, Source};
use pcaplain::decode::{self, Context, Header, Layer, Packet};
use pcaplain::flow::{Outcome, Tracker};
use pcaplain::notes::expression::bpf::{Instruction, Keep, Link, MOST, Program};
use pcaplain::notes::expression::{Expression, TreeFacts};
use pcaplain::protocol::Protocol;
use pcaplain::session::{Filter, Go, Seen, Session, Sink};
use pcaplain::wire::Tree;

/// Ports of tunnels: what is behind them is left open.
const TUNNELS: [u16; 9] = [2123, 2152, 3386, 3544, 4754, 4789, 5072, 6081, 6635];

/// What the kernel knows of a packet besides its bytes.
#[derive(Debug, Clone, Copy, Default)]
struct Account {
    protocol: u32,
    hardware: u32,
    /// Type and control information of the tag that it took off.
    tag: Option<(u32, u32)>,
}

/// Runs a program as the kernel does (Documentation/networking/filter.rst): a read beyond the end refuses the frame.
fn passes(program: &[Instruction], frame: &[u8], account: Account) -> bool {
    let (mut a, mut x, mut at) = (0u32, 0u32, 0usize);
    let load = |at: u32, width: usize| -> Option<u32> {
        if at >= 0xffff_f000 {
            return Some(match at - 0xffff_f000 {
                0 => account.protocol,
                28 => account.hardware,
                44 => account.tag.map_or(0, |tag| tag.1),
                48 => account.tag.is_some().into(),
                60 => account.tag.map_or(0, |tag| tag.0),
                other => panic!("the kernel has nothing at {other}"),
            });
        }
        let bytes = frame.get(at as usize..at as usize + width)?;
        Some(bytes.iter().fold(0, |n, byte| n << 8 | u32::from(*byte)))
    };
    loop {
        let Instruction { code, jt, jf, k } = program[at];
        at += 1;
        let loaded = match code {
            0x20 => load(k, 4),
            0x28 => load(k, 2),
            0x30 => load(k, 1),
            0x40 => load(x.wrapping_add(k), 4),
            0x48 => load(x.wrapping_add(k), 2),
            0x50 => load(x.wrapping_add(k), 1),
            _ => Some(a),
        };
        let Some(loaded) = loaded else { return false };
        let jump = |holds: bool| usize::from(if holds { jt } else { jf });
        match code {
            0x20 | 0x28 | 0x30 | 0x40 | 0x48 | 0x50 => a = loaded,
            0x80 => a = frame.len() as u32,
            0xb1 => match load(k, 1) {
                Some(byte) => x = 4 * (byte & 0xf),
                None => return false,
            },
            0x14 => a = a.wrapping_sub(k),
            0x54 => a &= k,
            0x74 => a >>= k,
            0x05 => at += k as usize,
            0x15 => at += jump(a == k),
            0x25 => at += jump(a > k),
            0x35 => at += jump(a >= k),
            0x3d => at += jump(a >= x),
            0x45 => at += jump(a & k != 0),
            0x06 => return k > 0,
            other => panic!("instruction {other:#x}"),
        }
    }
}

/// What the kernel checks before it takes a program (`bpf_check_classic`).
fn is_sound(program: &[Instruction]) {
    assert!(!program.is_empty() && program.len() <= MOST);
    for (at, one) in program.iter().enumerate() {
        let furthest = match one.code {
            0x05 => one.k as usize,
            code if code & 7 == 5 => usize::from(one.jt.max(one.jf)),
            _ => 0,
        };
        assert!(at + furthest + 1 < program.len() || one.code == 0x06, "{at} leads outside");
    }
    assert_eq!(program.last().map(|one| one.code), Some(0x06));
}

/// How the kernel would show a frame of a file: once as it is, and once with its VLAN tag taken off.
fn shown(link_type: u16, bytes: &[u8]) -> Vec<(Link, Vec<u8>, Account)> {
    let word = |at: usize| u32::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
    let none = Account::default();
    match link_type {
        1 => {
            let mut ways = vec![(Link::Ethernet, bytes.to_vec(), none)];
            if bytes.len() >= 18 && [0x8100, 0x88a8, 0x9100].contains(&word(12)) {
                let taken = [&bytes[..12], &bytes[16..]].concat();
                ways.push((Link::Ethernet, taken, Account { tag: Some((word(12), word(14))), ..none }));
            }
            ways
        }
        12 | 14 | 101 => vec![(Link::Ip, bytes.to_vec(), none)],
        113 if bytes.len() >= 16 => {
            let account = Account { protocol: word(14), hardware: word(2), ..none };
            vec![(Link::Cooked, bytes[16..].to_vec(), account)]
        }
        276 if bytes.len() >= 20 => {
            let account = Account { protocol: word(0), hardware: word(8), ..none };
            let mut ways = vec![(Link::Cooked, bytes[20..].to_vec(), account)];
            if bytes.len() >= 24 && word(0) == 0x8100 {
                let account = Account { protocol: word(22), tag: Some((word(0), word(20))), ..account };
                ways.push((Link::Cooked, bytes[24..].to_vec(), account));
            }
            ways
        }
        _ => Vec::new(),
    }
}

/// A frame that programs read to the end: on it they say exactly what the expression says.
fn is_plain(packet: &Packet<'_>) -> bool {
    let layers: Vec<Protocol> = packet.layers.iter().map(|layer| layer.protocol).collect();
    let links =
        layers.iter().take_while(|p| matches!(p, Protocol::Ethernet | Protocol::Sll | Protocol::Sll2));
    let mut rest = &layers[links.count()..];
    if let [Protocol::Vlan, behind @ ..] = rest {
        rest = behind;
    }
    // Whole, as far as a program wants to have it.
    let message = packet.layers.iter().any(|layer| match &layer.header {
        Header::Icmp(icmp) => !matches!(icmp.kind, 3 | 4 | 5 | 11 | 12) && layer.end >= layer.start + 8,
        Header::Icmpv6(icmp) => !matches!(icmp.kind, 1..=4 | 137) && layer.end >= layer.start + 8,
        _ => false,
    }) && packet.layers.iter().all(|layer| !layer.quoted);
    let tunnel = packet.layers.iter().any(|layer| match &layer.header {
        Header::Udp(udp) => {
            [udp.source_port(), udp.destination_port()].iter().any(|port| TUNNELS.contains(port))
        }
        _ => false,
    });
    // Extension headers belong to the IP layer; a length of zero is no length.
    let extended = packet.layers.iter().any(|layer| match &layer.header {
        Header::Ipv4(ip) => ip.total_len() == 0 || layer.header_end > layer.start + ip.slice().len(),
        Header::Ipv6(ip) => ip.payload_length() == 0 || layer.header_end > layer.start + 40,
        _ => false,
    });
    let sound = !extended && packet.malformed.is_none() && packet.fragment.is_none();
    sound
        && match rest {
            [Protocol::Ipv4 | Protocol::Ipv6, Protocol::Tcp, ..] => true,
            [Protocol::Ipv4 | Protocol::Ipv6, Protocol::Udp, ..] => !tunnel,
            [Protocol::Ipv4, Protocol::Icmp, ..] | [Protocol::Ipv6, Protocol::Icmpv6, ..] => message,
            _ => false,
        }
}

/// A small generator of numbers, the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % limit
    }

    fn of<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }
}

/// Expressions that people write, then ones that nobody would.
fn expressions() -> Vec<String> {
    let mut all: Vec<String> = [
        "eth",
        "arp",
        "ip",
        "ipv6",
        "tcp",
        "udp",
        "icmp",
        "icmpv6",
        "vlan",
        "!arp",
        "!tcp && !udp",
        "ip.addr == 10.0.0.1",
        "ip.src == 10.0.0.0/8",
        "ip.addr != 10.0.0.1",
        "any ip.addr != 10.0.0.1",
        "!(ip.addr == 10.0.0.2)",
        "ip.dst >= 192.168.0.0",
        "all ip.addr == 10.0.0.0/24",
        "ip.addr == 0.0.0.0/0",
        "tcp.port == 443",
        "tcp.port == 80 || udp.port == 53",
        "tcp.dstport in {80, 443, 7000..7100}",
        "all tcp.port > 1023",
        "tcp.port != 80",
        "!(tcp.port == 7000)",
        "udp.port < 1024",
        "443 == tcp.port",
        "tcp.flags.syn == 1",
        "tcp.flags.syn == 1 && tcp.flags.ack == 0",
        "tcp.flags.syn",
        "tcp.flags == 0x012",
        "tcp.flags & 0x12",
        "tcp.flags & 2 == 2",
        "(tcp.flags & 0x17) == 0x10",
        "tcp.flags.fin == true",
        "tcp.flags.reset != 0",
        "tcp.hdr_len > 20",
        "tcp.hdr_len == 21",
        "tcp.window_size_value <= 1.5",
        "ip.proto == 1",
        "ip.proto in {6, 17}",
        "ip.ttl < 64",
        "ip.hdr_len > 20",
        "ip.frag_offset > 0",
        "ip.flags.mf == 1",
        "ip.flags == 2",
        "ip.id == 0",
        "ip.len > 1000",
        "ip.len < 60.5",
        "ip.version == 4",
        "eth.addr == ff:ff:ff:ff:ff:ff",
        "eth.dst == 02:00:0a:00:00:01",
        "eth.src != 02:00:0a:00:00:01",
        "eth.dst.ig == 1",
        "eth.type == 0x0806",
        "eth.type == 0x8100",
        "vlan.id == 100",
        "vlan.id > 1",
        "vlan.priority == 0",
        "vlan.etype == 0x0800",
        "!vlan",
        "arp.opcode == 1",
        "arp.src.proto_ipv4 == 10.0.0.1",
        "arp.dst.hw_mac == 00:00:00:00:00:00",
        "icmp.type == 8",
        "icmp.type == 3",
        "icmpv6.type == 135",
        "ipv6.addr == fe80::/10",
        "ipv6.dst == ff02::1",
        "ipv6.nxt == 58",
        "ipv6.hlim == 255",
        "ipv6.plen > 100",
        "ipv6.flow == 0",
        "tcp xor udp",
        "ip xor tcp xor udp",
        "not (ip or ipv6)",
        "udp.length == 8",
        "tcp.port == 80 and ip.addr == 10.0.0.1 and ip.addr == 10.0.0.2",
        "tcp.seq_raw > 2147483648",
        "icmp.code == 3 or udp.checksum == 0",
        "ip.dsfield.dscp == 46",
        "tcp.urgent_pointer == 0",
    ]
    .map(str::to_owned)
    .into();
    let mut numbers = Numbers(7);
    while all.len() < 220 {
        let mut part = || {
            let field = numbers.of(&[
                "tcp.port",
                "tcp.srcport",
                "udp.port",
                "udp.dstport",
                "ip.proto",
                "ip.ttl",
                "ip.len",
                "tcp.flags",
                "tcp.hdr_len",
                "icmp.type",
                "arp.opcode",
                "vlan.id",
                "ip.addr",
                "ip.src",
                "ipv6.src",
                "eth.addr",
                "tcp.flags.ack",
                "tcp.flags.push",
                "ip.flags.df",
                "tcp",
                "udp",
                "arp",
                "ip",
                "ipv6",
                "vlan",
                "icmp",
                "tcp.window_size_value",
                "ipv6.hlim",
                "eth.type",
                "udp.length",
            ]);
            let relation = numbers.of(&["==", "!=", "<", "<=", ">", ">="]);
            let equal = numbers.of(&["==", "!="]);
            let every = numbers.of(&["", "", "any ", "all "]);
            let value = match field {
                "tcp" | "udp" | "arp" | "ip" | "ipv6" | "vlan" | "icmp" => return field.to_owned(),
                "ip.addr" | "ip.src" => {
                    let of =
                        ["10.0.0.1", "10.0.0.2", "10.0.0.0/24", "192.168.0.0/16", "8.8.8.8", "224.0.0.0/4"];
                    return format!("{every}{field} {relation} {}", numbers.of(&of));
                }
                "ipv6.src" => {
                    let of = ["fe80::/10", "fd00::1", "::/0", "2001:db8::/33", "::1"];
                    return format!("{every}{field} {equal} {}", numbers.of(&of));
                }
                "eth.addr" => {
                    let of = ["02:00:0a:00:00:01", "02:00:0a:00:00:02", "ff:ff:ff:ff:ff:ff"];
                    return format!("{every}{field} {equal} {}", numbers.of(&of));
                }
                "tcp.flags.ack" | "tcp.flags.push" | "ip.flags.df" => {
                    numbers.of(&["0", "1", "true", "false"])
                }
                _ => numbers.of(&[
                    "0", "1", "6", "17", "20", "53", "64", "80", "100", "128", "443", "0x0800", "5.5",
                    "7000", "32768", "65535", "70000", "-1", "true",
                ]),
            };
            format!("{every}{field} {relation} {value}")
        };
        let (a, b, c) = (part(), part(), part());
        let (one, two) = (numbers.of(&["and", "or", "xor"]), numbers.of(&["and", "or"]));
        let (not_a, not_b) = (numbers.of(&["", "not "]), numbers.of(&["", "not "]));
        all.push(format!("{not_a}({a} {one} {b}) {two} {not_b}({c})"));
    }
    all
}

/// An expression that a filter may be.
fn read(text: &str) -> Expression {
    Filter::parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
    Expression::parse(text).expect("it was read before")
}

struct Compiled {
    text: String,
    expression: Expression,
    programs: [Program; 3],
}

fn compiled() -> Vec<Compiled> {
    let one = |text: String| {
        let expression = read(&text);
        let programs = [Link::Ethernet, Link::Ip, Link::Cooked].map(|link| {
            let program = expression.compile(link, Keep::Packets);
            let program = program.unwrap_or_else(|| panic!("{text}: no program"));
            is_sound(&program.instructions);
            program
        });
        Compiled { expression, text, programs }
    };
    expressions().into_iter().map(one).collect()
}

#[derive(Debug, Default)]
struct Tally {
    frames: u64,
    /// Expressions put to frames, in each way that the kernel might show them.
    runs: u64,
    held: u64,
    passed: u64,
    /// The same of frames that programs read to the end.
    plain: u64,
}

impl Tally {
    fn frame(&mut self, all: &[Compiled], frame: &Frame<'_>, packet: &Packet<'_>, tree: &Tree) {
        let ways = shown(frame.link_type, frame.bytes);
        if ways.is_empty() {
            return;
        }
        self.frames += 1;
        let is_plain = is_plain(packet);
        let facts = TreeFacts { tree, frame };
        for one in all {
            let holds = one.expression.holds(&facts);
            for (link, bytes, account) in &ways {
                let passes = passes(&one.programs[*link as usize].instructions, bytes, *account);
                let told = || {
                    let layers: Vec<_> = packet.layers.iter().map(|layer| layer.protocol).collect();
                    format!("{} of {layers:?} ({link:?}, {account:?}) {:02x?}", one.text, frame.bytes)
                };
                assert!(passes || !holds, "refused, but it holds: {}", told());
                assert!(!is_plain || passes == holds, "passes, but does not hold: {}", told());
                assert!(passes == holds || !one.programs[*link as usize].exact, "{}", told());
                self.runs += 1;
                self.held += u64::from(holds);
                self.passed += u64::from(passes);
                self.plain += u64::from(is_plain);
            }
        }
    }
}

fn walk(all: &[Compiled], name: &str, tally: &mut Tally) {
    let Ok(mut source) = capture::open(name) else { return };
    let (mut tracker, mut outcome, mut tree) = (Tracker::default(), Outcome::default(), Tree::default());
    let secrets = source.secrets();
    outcome.wants_context = true;
    // Of a file that goes on and on, its beginning.
    for _ in 0..20_000 {
        let Ok(Some(frame)) = source.next() else { break };
        secrets.take().iter().for_each(|text| tracker.add_secrets(text));
        let frame = frame.in_time();
        let packet = decode::decode(&frame);
        tracker.process(&frame, &packet, &mut outcome);
        decode::build(&frame, &packet, &outcome.context, &mut tree);
        tally.frame(all, &frame, &packet, &tree);
    }
}

#[test]
fn bundled_frames_pass_where_the_expression_holds() {
    let (all, mut tally) = (compiled(), Tally::default());
    for one in BUNDLED {
        walk(&all, &format!("@{}", one.name), &mut tally);
    }
    eprintln!("{} expressions: {tally:?}", all.len());
    assert!(tally.frames > 1000 && tally.held > 0);
}

#[test]
fn frames_of_the_corpus_too() {
    let Some(folder) = std::env::var_os("PCAPLAIN_CORPUS") else {
        eprintln!("skipped: PCAPLAIN_CORPUS names no folder of captures");
        return;
    };
    fn files(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() { files(&path, found) } else { found.push(path) }
        }
    }
    let (all, mut tally, mut found) = (compiled(), Tally::default(), Vec::new());
    files(Path::new(&folder), &mut found);
    found.sort();
    for path in found {
        walk(&all, &path.to_string_lossy(), &mut tally);
    }
    eprintln!("{} expressions: {tally:?}", all.len());
}

/// One frame of each making: its layers, its link.
fn different() -> Vec<(u16, Vec<u8>)> {
    let mut seen = std::collections::HashSet::new();
    let mut frames = Vec::new();
    for one in BUNDLED {
        let Ok(mut source) = capture::open(&format!("@{}", one.name)) else { continue };
        while let Ok(Some(frame)) = source.next() {
            let packet = decode::decode(&frame);
            let making: Vec<Protocol> = packet.layers.iter().map(|layer| layer.protocol).collect();
            if seen.insert((frame.link_type, making, packet.fragment.is_some())) {
                frames.push((frame.link_type, frame.bytes.to_vec()));
            }
        }
    }
    frames
}

#[test]
fn frames_that_are_cut_or_changed_too() {
    let (all, mut tally, mut tree) = (compiled(), Tally::default(), Tree::default());
    let mut numbers = Numbers(3);
    let mut look = |link_type: u16, bytes: &[u8], wire_len: usize, all: &[Compiled]| {
        let wire_len = wire_len as u32;
        let frame = Frame { number: 1, time_ns: 0, interface: 0, link_type, wire_len, bytes };
        let packet = decode::decode(&frame);
        decode::build(&frame, &packet, &Context::default(), &mut tree);
        tally.frame(all, &frame, &packet, &tree);
    };
    for (link_type, bytes) in different() {
        for length in 0..bytes.len().min(130) {
            let few = numbers.below(all.len() - 20);
            // Cut by who captured, and sent so short.
            look(link_type, &bytes[..length], bytes.len(), &all[few..few + 20]);
            look(link_type, &bytes[..length], length, &all[few..few + 20]);
        }
        for _ in 0..60 {
            let mut changed = bytes.clone();
            for _ in 0..=numbers.below(4) {
                let at = numbers.below(changed.len().min(80));
                changed[at] = match numbers.below(3) {
                    0 => numbers.below(256) as u8,
                    1 => changed[at] ^ 1 << numbers.below(8),
                    _ => [0, 1, 4, 6, 17, 41, 47, 58, 0x45, 0x4f, 0x60, 0x81, 0xff][numbers.below(13)],
                };
            }
            look(link_type, &changed, changed.len(), &all);
        }
    }
    eprintln!("{tally:?}");
    assert!(tally.frames > 1000);
}

#[test]
fn what_a_program_cannot_see_has_none() {
    for text in [
        "http",
        "tcp.stream == 0",
        "tcp.port == 80 && http.request",
        "tcp.analysis.retransmission",
        "flow.opening == \"refused\"",
        "frame.len > 100",
        "ip.src#2 == 10.0.0.1",
        "ip.src == ip.dst",
        "eth.src[0:2] == 02:00",
        "count(ip.src) > 1",
        "tcp.len > 0",
    ] {
        assert_eq!(read(text).compile(Link::Ethernet, Keep::Packets), None, "{text}");
    }
}

/// Jumps beyond 255 instructions go by a jump between; what is too long for the kernel has no program.
#[test]
fn long_filters_have_far_jumps_and_too_long_ones_no_program() {
    let list = |n: usize| {
        let parts: Vec<String> = (0..n).map(|i| format!("ip.src == 10.1.{}.{}", i / 256, i % 256)).collect();
        format!("tcp && ({})", parts.join(" or "))
    };
    let program = read(&list(400)).compile(Link::Ethernet, Keep::Packets).expect("a program");
    is_sound(&program.instructions);
    assert!(program.instructions.len() > 800);
    assert!(program.instructions.iter().any(|one| one.code == 0x05), "there is a far jump");
    let packet = |last: u8| {
        let mut frame = vec![2; 12];
        frame.extend([8, 0, 0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 10, 1, 1, last, 10, 0, 0, 9]);
        frame.extend([0, 80, 0, 80, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0x10, 0, 0, 0, 0, 0, 0]);
        frame
    };
    assert!(passes(&program.instructions, &packet(143), Account::default()), "10.1.1.143 is the last");
    assert!(!passes(&program.instructions, &packet(144), Account::default()));
    assert_eq!(read(&list(2500)).compile(Link::Ethernet, Keep::Packets), None);
}

/// What people know from tcpdump is translated to something that has a program.
#[test]
fn capture_filters_of_others_have_programs_once_translated() {
    for text in
        ["host 10.0.0.1", "tcp port 80", "src net 10.0.0.0/8", "udp and port 53", "not arp", "vlan 100"]
    {
        let meant = match Filter::parse(text) {
            Ok(_) => text.to_owned(),
            Err(error) => {
                let arguments = error.reason.arguments();
                let meant = arguments.iter().find_map(|(_, value)| match value {
                    pcaplain::notes::expression::Argument::Text(text) => Some(text.clone()),
                    _ => None,
                });
                meant.unwrap_or_else(|| panic!("{text}: {error:?}"))
            }
        };
        assert!(read(&meant).compile(Link::Ethernet, Keep::Packets).is_some(), "{text}: {meant}");
    }
}

/// Filters for which whole conversations are kept; they may ask for anything.
const CONVERSATIONS: [&str; 24] = [
    "tcp.port == 443",
    "tcp.port == 7000",
    "tcp.dstport == 80",
    "tcp.srcport == 80 and ip.dst == 10.0.0.1",
    "udp.port == 53",
    "udp && !(udp.port == 53)",
    "arp",
    "!arp",
    "icmp.type == 8",
    "icmp and ip.src == 10.0.0.2",
    "ip.src == 10.0.0.1",
    "ip.addr != 10.0.0.1",
    "not ip.dst == 10.0.0.1 and tcp",
    "ipv6.src == fe80::/10",
    "tcp.flags.syn == 1 and tcp.flags.ack == 0 and tcp.port < 8000",
    "tcp.flags.reset == 1 && ip.addr == 10.0.0.0/8",
    "tcp.port == 80 && http.request",
    "tcp.analysis.retransmission && tcp.port == 7001",
    "flow.opening == \"refused\" and tcp",
    "dns and udp.dstport == 53",
    "ip.proto == 17 or ip.proto == 1",
    "tcp xor udp.port == 53",
    "ip.ttl < 64 && udp",
    "vlan.id == 7 and tcp",
];

struct Watch {
    programs: [Option<Program>; 3],
    text: &'static str,
    capture: String,
    /// Of each conversation: whether a packet of it was chosen, and one that was refused.
    /// Apart where it is seen inside a tunnel and outside: the tunnel's own headers choose only what is in it.
    flows: std::collections::HashMap<(u64, bool), (bool, Option<u64>)>,
    refused: u64,
}

impl Sink for Watch {
    fn packet(&mut self, seen: &Seen<'_>) -> std::io::Result<Go> {
        for (link, bytes, account) in shown(seen.frame.link_type, seen.frame.bytes) {
            let Some(program) = &self.programs[link as usize] else { continue };
            let passes = passes(&program.instructions, &bytes, account);
            let (text, capture, number) = (self.text, &self.capture, seen.frame.number);
            assert!(passes || !seen.chosen, "{text}: refused #{number} of {capture}");
            self.refused += u64::from(!passes);
            // An ICMP error is about another conversation, and tells something of it.
            let count = |wanted: &[Protocol]| {
                let is = |layer: &&Layer<'_>| wanted.contains(&layer.protocol) && !layer.quoted;
                seen.packet.layers.iter().filter(is).count()
            };
            let tunnelled = count(&[Protocol::Ipv4, Protocol::Ipv6]) > 1 || count(&[Protocol::Ethernet]) > 1;
            let is_error = seen.packet.layers.iter().any(|layer| layer.quoted);
            let about = seen.outcome.events.iter().filter(|_| is_error).filter_map(|event| event.flow);
            for id in seen.outcome.flow.into_iter().chain(about) {
                let flow = self.flows.entry((id, tunnelled)).or_default();
                flow.0 |= seen.chosen && seen.outcome.flow == Some(id);
                if !passes {
                    flow.1.get_or_insert(number);
                }
            }
        }
        Ok(Go::Continue(()))
    }
}

/// Who follows what passes sees each conversation whole that the filter could choose.
#[test]
fn conversations_are_kept_whole() {
    let mut refused = 0;
    for text in CONVERSATIONS {
        for capture in BUNDLED.iter().map(|one| format!("@{}", one.name)) {
            let filter = Filter::parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
            let programs = [Link::Ethernet, Link::Ip, Link::Cooked].map(|link| filter.program(link));
            assert!(programs[0].is_some(), "{text}: no program");
            programs.iter().flatten().for_each(|program| is_sound(&program.instructions));
            let mut watch =
                Watch { programs, text, capture: capture.clone(), flows: Default::default(), refused: 0 };
            Session::new(Some(filter)).run(std::slice::from_ref(&capture), &mut watch).expect("it is read");
            for ((id, _), (chosen, missing)) in &watch.flows {
                assert!(
                    !chosen || missing.is_none(),
                    "{text}: {missing:?} of {capture} flow {id} is missing"
                );
            }
            refused += watch.refused;
        }
    }
    assert!(refused > 10_000, "programs are there to leave something out: {refused}");
    for text in [
        "http",
        "tcp.stream == 0 and tcp",
        "frame.len > 100",
        "tcp.flags.syn == 1 || arp || udp || icmp || 1 == ip.ttl || http",
    ] {
        let filter = Filter::parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
        assert_eq!(filter.program(Link::Ethernet), None, "{text}");
    }
}
