//! Capture filters (BPF), which people type where a display filter is wanted: recognised and translated.
//!
//! `tcp port 80` becomes `tcp.port == 80`, `src net 10.0.0.0/8` becomes `ip.src == 10.0.0.0/8`. What is translated is
//! only ever a suggestion, shown beside the mistake; nothing is run by it. See pcap-filter(7).
//!
//! Leaves out: host names, `gateway`, `broadcast`, arithmetic other than tests of TCP's flags.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::literal::byte_string;
use super::{Error, Reason};

/// The same mistake, unless the whole text reads as a capture filter.
pub(super) fn recognise(source: &str, error: Error) -> Error {
    let trimmed = source.trim();
    let words = words(trimmed);
    // `port` followed by a word is a capture filter; `port == 80` is a display filter with a wrong name.
    let operator = |word: &str| {
        matches!(word, "eq" | "ne" | "gt" | "lt" | "ge" | "le" | "in" | "contains" | "matches")
            || matches!(word, "and" | "or" | "xor")
    };
    let looks = words.windows(2).any(|pair| {
        matches!(&*pair[0], "host" | "net" | "port" | "portrange" | "proto" | "less" | "greater")
            && pair[1].starts_with(|c: char| c.is_ascii_alphanumeric())
            && !operator(&pair[1])
            || matches!(&*pair[0], "src" | "dst" | "vlan")
                && pair[1].starts_with(|c: char| c.is_ascii_digit())
            || pair[0].contains("[tcpflags]")
    });
    if !looks {
        return error;
    }
    let mut translator = Translator { words: &words, at: 0, before: None, depth: 0 };
    let meant = translator
        .expression()
        .filter(|_| translator.at == words.len())
        .filter(|meant| super::parser::parse(meant).is_ok())
        .map(|meant| meant.text);
    let column = source.chars().take_while(|c| c.is_whitespace()).count();
    Error { column, length: trimmed.chars().count(), reason: Reason::CaptureFilter { meant } }
}

/// Words and signs, without the space between them; `tcp[tcpflags]` is one word, and so is `!=`.
fn words(source: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut apart = true;
    let mut in_brackets = false;
    for c in source.chars() {
        if c.is_whitespace() {
            apart = true;
            continue;
        }
        let operator = |c: char| "!&|=<>".contains(c);
        let sign = |c: char| operator(c) || "()".contains(c);
        let last = words.last().and_then(|word| word.chars().next_back());
        let joins = match last.filter(|_| !apart) {
            None => false,
            Some(_) if in_brackets => true,
            Some(last) if operator(last) => operator(c) && c != '!',
            Some(last) => !sign(last) && !sign(c),
        };
        match words.last_mut() {
            Some(word) if joins => word.push(c),
            _ => words.push(c.to_string()),
        }
        in_brackets = (in_brackets || c == '[') && c != ']';
        apart = false;
    }
    words
}

/// A translated part.
#[derive(Clone)]
struct Part {
    text: String,
    /// The word that joins it at its outermost, where one does.
    joined_by: Option<&'static str>,
}

impl std::ops::Deref for Part {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl Part {
    fn one(text: String) -> Part {
        Part { text, joined_by: None }
    }

    fn within(&self, word: &str) -> String {
        match self.joined_by {
            Some(own) if own != word => format!("({})", self.text),
            _ => self.text.clone(),
        }
    }

    fn join(self, word: &'static str, other: &Part) -> Part {
        Part { text: format!("{} {word} {}", self.within(word), other.within(word)), joined_by: Some(word) }
    }
}

/// What stands before an id: `tcp src port 80`. Left out after `or`, they are those before (`port 80 or 443`).
#[derive(Clone, Default)]
struct Qualifiers {
    protocol: Option<&'static str>,
    direction: Option<&'static str>,
    kind: Option<&'static str>,
}

struct Translator<'w> {
    words: &'w [String],
    at: usize,
    before: Option<Qualifiers>,
    depth: usize,
}

const PROTOCOLS: [(&str, &str); 12] = [
    ("ether", "eth"),
    ("ip", "ip"),
    ("ip6", "ipv6"),
    ("arp", "arp"),
    ("rarp", "arp"),
    ("tcp", "tcp"),
    ("udp", "udp"),
    ("icmp", "icmp"),
    ("icmp6", "icmpv6"),
    ("sctp", "sctp"),
    ("igmp", "igmp"),
    ("vlan", "vlan"),
];

const FLAGS: [(&str, &str, u8); 8] = [
    ("tcp-fin", "tcp.flags.fin", 1),
    ("tcp-syn", "tcp.flags.syn", 2),
    ("tcp-rst", "tcp.flags.reset", 4),
    ("tcp-push", "tcp.flags.push", 8),
    ("tcp-ack", "tcp.flags.ack", 16),
    ("tcp-urg", "tcp.flags.urg", 32),
    ("tcp-ece", "tcp.flags.ece", 64),
    ("tcp-cwr", "tcp.flags.cwr", 128),
];

impl Translator<'_> {
    fn peek(&self) -> Option<&str> {
        self.words.get(self.at).map(|word| &**word)
    }

    fn take(&mut self) -> Option<&str> {
        self.at += 1;
        self.words.get(self.at - 1).map(|word| &**word)
    }

    fn eat(&mut self, wanted: &str) -> Option<()> {
        (self.take()? == wanted).then_some(())
    }

    /// In a capture filter `and` and `or` bind alike, from the left.
    fn expression(&mut self) -> Option<Part> {
        let mut left = self.term()?;
        loop {
            let word = match self.peek() {
                Some("and" | "&&") => "and",
                Some("or" | "||") => "or",
                _ => return Some(left),
            };
            self.at += 1;
            let right = self.term()?;
            left = left.join(word, &right);
        }
    }

    fn term(&mut self) -> Option<Part> {
        self.depth += 1;
        if self.depth > 64 {
            return None;
        }
        let term = match self.peek()? {
            "not" | "!" => {
                self.at += 1;
                let term = self.term()?;
                Part::one(format!("not {}", term.within("not")))
            }
            "(" => {
                self.at += 1;
                let inside = self.expression()?;
                self.eat(")")?;
                inside
            }
            word if word.starts_with("tcp[") => self.flags()?,
            _ => self.primitive()?,
        };
        self.depth -= 1;
        Some(term)
    }

    fn primitive(&mut self) -> Option<Part> {
        let mut own = Qualifiers::default();
        if let Some((_, name)) = PROTOCOLS.iter().find(|(bpf, _)| Some(*bpf) == self.peek()) {
            own.protocol = Some(name);
            self.at += 1;
        }
        match self.peek() {
            Some(word @ ("less" | "greater")) if own.protocol.is_none() => {
                let sign = if word == "less" { "<=" } else { ">=" };
                self.at += 1;
                let length: u32 = self.take()?.parse().ok()?;
                return Some(Part::one(format!("frame.len {sign} {length}")));
            }
            Some(word @ ("src" | "dst")) => {
                own.direction = Some(if word == "src" { "src" } else { "dst" });
                self.at += 1;
                let other = if own.direction == Some("src") { "dst" } else { "src" };
                let next = self.words.get(self.at..self.at + 2);
                if next.is_some_and(|next| next[0] == "or" && next[1] == other) {
                    own.direction = None;
                    self.at += 2;
                }
            }
            _ => {}
        }
        let kinds = ["host", "net", "portrange", "port", "proto"];
        if let Some(kind) = kinds.into_iter().find(|kind| Some(*kind) == self.peek()) {
            own.kind = Some(kind);
            self.at += 1;
        }
        let bare = own.direction.is_none() && own.kind.is_none();
        if let (true, Some(protocol)) = (bare, own.protocol) {
            if protocol == "vlan" && self.peek().is_some_and(|w| w.parse::<u16>().is_ok()) {
                return Some(Part::one(format!("vlan.id == {}", self.take()?)));
            }
            if self.peek().is_none_or(|w| matches!(w, "and" | "or" | "&&" | "||" | ")")) {
                return Some(Part::one(protocol.to_owned()));
            }
        }
        if bare && own.protocol.is_none() {
            own = self.before.clone()?;
        }
        self.before = Some(own.clone());
        let id = self.take()?.to_owned();
        match own.kind.unwrap_or("host") {
            "port" => ports(&own, "==", &port(&id)?.to_string()),
            "portrange" => {
                let (low, high) = id.split_once('-')?;
                ports(&own, "in", &format!("{{{}..{}}}", port(low)?, port(high)?))
            }
            "proto" => protocol(&own, &id),
            "net" => {
                let mut net = network(&id)?;
                if self.peek() == Some("mask") {
                    self.at += 1;
                    let mask = u32::from(self.take()?.parse::<Ipv4Addr>().ok()?);
                    (mask.leading_ones() + mask.trailing_zeros() == 32).then_some(())?;
                    net = format!("{}/{}", net.split('/').next()?, mask.leading_ones());
                }
                addresses(&own, &net)
            }
            _ => addresses(&own, &id),
        }
    }

    /// `tcp[tcpflags] & (tcp-syn|tcp-ack) != 0`
    fn flags(&mut self) -> Option<Part> {
        if !matches!(self.take()?, "tcp[tcpflags]" | "tcp[13]") {
            return None;
        }
        let mut mask = None;
        if self.peek() == Some("&") {
            self.at += 1;
            mask = Some(self.flag_set()?);
        }
        let relation = match self.take()? {
            "=" | "==" => "==",
            "!=" => "!=",
            _ => return None,
        };
        let wanted = self.flag_set()?;
        // One flag has a field of its own, which reads better than a mask.
        let single = FLAGS.iter().find(|(.., bit)| Some(*bit) == mask).map(|(_, name, bit)| (name, *bit));
        Some(Part::one(match (mask, single) {
            (_, Some((name, bit))) if wanted == 0 || wanted == bit => {
                let set = (wanted == bit) == (relation == "==");
                format!("{name} == {}", u8::from(set))
            }
            (Some(mask), _) => format!("tcp.flags & 0x{mask:02x} {relation} 0x{wanted:02x}"),
            (None, _) => format!("tcp.flags & 0xff {relation} 0x{wanted:02x}"),
        }))
    }

    fn flag_set(&mut self) -> Option<u8> {
        let grouped = self.peek() == Some("(");
        self.at += usize::from(grouped);
        let mut set = 0;
        loop {
            let word = self.take()?;
            let hex = word.strip_prefix("0x").and_then(|digits| u8::from_str_radix(digits, 16).ok());
            let named = FLAGS.iter().find(|(name, ..)| *name == word).map(|(.., bit)| *bit);
            set |= named.or(hex).or_else(|| word.parse().ok())?;
            if !(grouped && self.peek() == Some("|")) {
                break;
            }
            self.at += 1;
        }
        if grouped {
            self.eat(")")?;
        }
        Some(set)
    }
}

fn port(id: &str) -> Option<u16> {
    const NAMED: [(&str, u16); 12] = [
        ("ftp", 21),
        ("ssh", 22),
        ("telnet", 23),
        ("smtp", 25),
        ("domain", 53),
        ("bootps", 67),
        ("bootpc", 68),
        ("http", 80),
        ("pop3", 110),
        ("ntp", 123),
        ("snmp", 161),
        ("https", 443),
    ];
    id.parse().ok().or_else(|| NAMED.iter().find(|(name, _)| *name == id).map(|(_, port)| *port))
}

fn ports(own: &Qualifiers, relation: &str, value: &str) -> Option<Part> {
    let suffix = match own.direction {
        Some("src") => "srcport",
        Some(_) => "dstport",
        None => "port",
    };
    let one = |transport: &str| Part::one(format!("{transport}.{suffix} {relation} {value}"));
    match own.protocol {
        Some(transport @ ("tcp" | "udp" | "sctp")) => Some(one(transport)),
        Some(network @ ("ip" | "ipv6")) => {
            Some(Part::one(network.to_owned()).join("and", &one("tcp").join("or", &one("udp"))))
        }
        Some(_) => None,
        None => Some(one("tcp").join("or", &one("udp"))),
    }
}

fn addresses(own: &Qualifiers, id: &str) -> Option<Part> {
    let host = id.split('/').next()?;
    let hardware = byte_string(id).is_some_and(|bytes| bytes.len() == 6);
    let family = match own.protocol {
        Some("eth") if hardware => "eth",
        Some("eth") => return None,
        _ if host.parse::<Ipv4Addr>().is_ok() => "ip",
        _ if host.parse::<Ipv6Addr>().is_ok() => "ipv6",
        _ => return None,
    };
    if own.protocol == Some("arp") {
        let one = |end: &str| Part::one(format!("arp.{end}.proto_ipv4 == {id}"));
        return Some(match own.direction {
            Some(end) => one(end),
            None => one("src").join("or", &one("dst")),
        });
    }
    let address = Part::one(format!("{family}.{} == {id}", own.direction.unwrap_or("addr")));
    Some(match own.protocol {
        Some(protocol) if protocol != family => Part::one(protocol.to_owned()).join("and", &address),
        _ => address,
    })
}

/// `10.0.0.0/8`, `192.168.1` (its missing parts are the host's), `10/8`.
fn network(id: &str) -> Option<String> {
    let (host, length) = id.split_once('/').map_or((id, None), |(host, length)| (host, Some(length)));
    if host.contains(':') {
        return host.parse::<Ipv6Addr>().ok().map(|_| id.to_owned());
    }
    let parts = host.split('.').map(|part| part.parse::<u8>().ok()).collect::<Option<Vec<u8>>>()?;
    let given = parts.len();
    let mut bytes = [0; 4];
    bytes.get_mut(..given)?.copy_from_slice(&parts);
    let length = length.map_or(Some(given * 8), |length| length.parse().ok())?;
    Some(format!("{}/{length}", Ipv4Addr::from(bytes)))
}

fn protocol(own: &Qualifiers, id: &str) -> Option<Part> {
    let number = id.parse::<u16>().is_ok() || id.starts_with("0x");
    let named = PROTOCOLS.iter().find(|(bpf, _)| *bpf == id.trim_start_matches('\\')).map(|(_, name)| *name);
    match (own.protocol, named) {
        (_, Some(name)) => Some(Part::one(name.to_owned())),
        (Some("eth"), None) if number => Some(Part::one(format!("eth.type == {id}"))),
        (Some("ipv6"), None) if number => Some(Part::one(format!("ipv6.nxt == {id}"))),
        (Some("ip") | None, None) if number => Some(Part::one(format!("ip.proto == {id}"))),
        _ => None,
    }
}
