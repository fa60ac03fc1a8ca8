//! Questions about frames and about headers in headers. IEEE 802.3 clause 3.2, RFC 1122 section 1.1.3.
//!
//! Leaves out: ARP (`arp`), what an IP header says (`ip`).

use super::dice::Dice;
use super::draft::Draft;
use super::facts::Facts;
use crate::flow::Kind;
use crate::protocol::Protocol;

pub const BROADCAST: &str = "ff:ff:ff:ff:ff:ff";
pub const BLANK: &str = "00:00:00:00:00:00";

/// Whether a hardware address, as it is written, is a group's.
pub fn is_group(mac: &str) -> bool {
    mac.get(..2).and_then(|byte| u8::from_str_radix(byte, 16).ok()).is_some_and(|byte| byte & 1 == 1)
}

/// Whom a frame is for.
pub fn dst(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let mac = p.text("eth.dst").filter(|mac| mac != BLANK)?;
    let draft = Draft::new("eth.dst", p, &["eth.dst"])?;
    let draft = if mac == BROADCAST {
        draft.is("for-all").not("for-ip-host").not("for-group").not("for-router")
    } else if is_group(&mac) {
        draft.is("for-group").not("for-all").not("for-one").not("for-ip-host")
    } else {
        draft.is("for-one").not("for-ip-host").not("for-all").not("for-group")
    };
    Some(draft)
}

/// Which address the answer carries.
pub fn reply_dst(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let (src, dst) = (p.text("eth.src")?, p.text("eth.dst")?);
    let arp = p.any(&[Kind::ArpRequest]).is_some();
    if is_group(&src) || src == BLANK || src == dst || (!arp && is_group(&dst)) {
        return None;
    }
    let draft = Draft::new("eth.reply-dst", p, &["eth.dst", "eth.src"])?.right(src);
    let draft = if dst == BROADCAST { draft } else { draft.wrong(dst, "macs-not-swapped") };
    let draft = draft.wrong(BROADCAST.to_owned(), "reply-broadcast");
    Some(if arp { draft.wrong(BLANK.to_owned(), "mac-blank") } else { draft })
}

/// What is inside.
pub fn inside(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let id = match p.uint("eth.type")? {
        0x0800 => "inside-ipv4",
        0x0806 => "inside-arp",
        0x86dd => "inside-ipv6",
        0x8100 => "inside-vlan",
        _ => return None,
    };
    let draft = Draft::new("eth.type", p, &["eth.type"])?.is(id);
    Some(["inside-arp", "inside-ipv4", "inside-ipv6", "inside-vlan"].into_iter().fold(draft, Draft::not))
}

/// Who gave the sender its address.
pub fn local(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let src = p.text("eth.src").filter(|mac| mac != BLANK && !is_group(mac))?;
    let first = u8::from_str_radix(src.get(..2)?, 16).ok()?;
    let draft = Draft::new("eth.local", p, &["eth.src"])?.with("first", format!("0x{first:02x}"));
    let draft = draft.with("bits", format!("{first:08b}"));
    let (right, wrong) = if first & 2 == 2 { ("mac-local", "mac-maker") } else { ("mac-maker", "mac-local") };
    Some(draft.is(right).not(wrong).not("mac-group"))
}

/// The headers before the data of an application: Ethernet or with VLAN tags, IP without extension headers, TCP or UDP.
fn headers(p: &Facts) -> Option<Vec<Protocol>> {
    if p.fragment {
        return None;
    }
    let at = p.layers.iter().position(|layer| matches!(layer.protocol, Protocol::Tcp | Protocol::Udp))?;
    let headers: Vec<Protocol> = p.layers[..=at].iter().map(|layer| layer.protocol).collect();
    let known = |protocol: &Protocol| {
        matches!(
            protocol,
            Protocol::Ethernet
                | Protocol::Vlan
                | Protocol::Ipv4
                | Protocol::Ipv6
                | Protocol::Tcp
                | Protocol::Udp
        )
    };
    let plain = p.layers[..at].iter().all(|l| l.protocol != Protocol::Ipv6 || l.header_end - l.start == 40);
    (headers.first() == Some(&Protocol::Ethernet) && headers.iter().all(known) && plain).then_some(headers)
}

/// How many headers there are.
pub fn count(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let headers = headers(p)?;
    let count = headers.len() as u64;
    let tcp = headers.last() == Some(&Protocol::Tcp);
    if tcp && p.uint("tcp.len")? == 0 || !tcp && p.uint("udp.length")? <= 8 {
        return None;
    }
    let fields: &[&str] = match (p.has("ip.proto"), tcp) {
        (true, true) => &["eth.type", "ip.proto", "tcp.len"],
        (true, false) => &["eth.type", "ip.proto", "udp.length"],
        (false, true) => &["eth.type", "ipv6.nxt", "tcp.len"],
        (false, false) => &["eth.type", "ipv6.nxt", "udp.length"],
    };
    Some(
        Draft::new("layers.count", p, fields)?
            .with("names", titles(&headers))
            .right(count)
            .wrong(7u64, "osi-seven")
            .wrong(count - 1, "link-forgotten")
            .wrong(1u64, "one-header"),
    )
}

/// Where the data begin.
pub fn offset(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let headers = headers(p)?;
    if headers != [Protocol::Ethernet, Protocol::Ipv4, Protocol::Tcp] || p.uint("tcp.len")? == 0 {
        return None;
    }
    let (ip, tcp) = (p.uint("ip.hdr_len")?, p.uint("tcp.hdr_len")?);
    let draft = Draft::new("layers.offset", p, &["ip.hdr_len", "tcp.hdr_len"])?.right(14 + ip + tcp);
    Some(
        draft
            .wrong(14u64 + 20 + 20, "headers-fixed")
            .wrong(ip + tcp, "link-forgotten")
            .wrong(14 + ip + tcp + 4, "checksum-in-front")
            .wrong(14 + tcp, "ip-forgotten"),
    )
}

fn titles(headers: &[Protocol]) -> String {
    headers.iter().map(|protocol| short(*protocol)).collect::<Vec<_>>().join(" → ")
}

fn short(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Ethernet => "Ethernet",
        Protocol::Vlan => "VLAN",
        Protocol::Ipv4 => "IPv4",
        Protocol::Ipv6 => "IPv6",
        Protocol::Tcp => "TCP",
        Protocol::Udp => "UDP",
        other => other.title(),
    }
}

/// Which header comes first.
pub fn order(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let headers = headers(p).filter(|headers| headers.len() == 3)?;
    let of = |order: [usize; 3]| titles(&order.map(|at| headers[at]));
    Some(
        Draft::new("layers.order", p, &["eth.type"])?
            .right(of([0, 1, 2]))
            .wrong(of([2, 1, 0]), "inside-out")
            .wrong(of([1, 0, 2]), "ip-outermost")
            .wrong(of([0, 2, 1]), "transport-before-ip"),
    )
}

/// Which layer of the OSI model a header belongs to.
pub fn osi(p: &Facts, dice: &mut Dice) -> Option<Draft> {
    const ASKED: &[(Protocol, &str)] = &[
        (Protocol::Ethernet, "eth"),
        (Protocol::Ipv4, "ip"),
        (Protocol::Tcp, "tcp"),
        (Protocol::Udp, "udp"),
        (Protocol::Dns, "dns"),
    ];
    let there: Vec<_> = ASKED.iter().filter(|(protocol, _)| p.layer(*protocol).is_some()).collect();
    let (protocol, name) = there.get(dice.below(there.len() as u64) as usize)?;
    let draft = Draft::new("layers.osi", p, &[])?.show(p.number, "protocol", *name);
    let draft = draft.with("title", short(*protocol).to_owned());
    let id = |layer: u8| match layer {
        2 => "osi-2",
        3 => "osi-3",
        4 => "osi-4",
        _ => "osi-7",
    };
    let draft = draft.is(id(protocol.osi()));
    let nearest: &[u8] = match protocol.osi() {
        2 => &[3, 4, 7],
        3 => &[2, 4, 7],
        4 => &[3, 7, 2],
        _ => &[4, 3, 2],
    };
    Some(nearest.iter().fold(draft, |draft, layer| draft.not(id(*layer))))
}
