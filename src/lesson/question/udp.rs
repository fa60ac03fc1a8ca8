//! Questions about UDP and about ports. RFC 768, RFC 6335.

use super::dice::Dice;
use super::draft::Draft;
use super::facts::Facts;
use crate::flow::{Endpoint, Kind as Event};
use crate::protocol::Protocol;

/// How many bytes of data a datagram carries.
pub fn length(p: &Facts, _: &mut Dice) -> Option<Draft> {
    p.layer(Protocol::Udp)?;
    let length = p.uint("udp.length").filter(|n| *n > 8)?;
    let draft =
        Draft::new("udp.length", p, &["udp.length"])?.right(length - 8).wrong(length, "udp-length-data");
    Some(draft.wrong(length + 8, "udp-header-added").wrong(length.saturating_sub(20), "udp-header-twenty"))
}

/// The ports of the answer, of UDP or TCP.
pub fn reply_ports(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let tcp = p.layer(Protocol::Tcp).is_some();
    let fields = if tcp { ["tcp.srcport", "tcp.dstport"] } else { ["udp.srcport", "udp.dstport"] };
    let (src, dst) = (p.uint(fields[0])?, p.uint(fields[1])?);
    // Answers to groups and to everyone have rules of their own.
    let to = p.text("ip.dst").or_else(|| p.text("ipv6.dst"))?;
    let one = to.parse::<std::net::IpAddr>().is_ok_and(|ip| match ip {
        std::net::IpAddr::V4(v4) => !v4.is_multicast() && !v4.is_broadcast(),
        std::net::IpAddr::V6(v6) => !v6.is_multicast(),
    });
    // In trivial file transfer and others a server answers from a new port.
    if src == dst || !one || dst == 69 || p.record.as_ref()?.packets.contains(&0) {
        return None;
    }
    let pair = |a: u64, b: u64| format!("{a} → {b}");
    let stem = match tcp {
        true if p.flag("tcp.flags.syn") && !p.flag("tcp.flags.ack") => "tcp.reply-ports",
        true => "tcp.reply-ports/segment",
        false => "udp.reply-ports",
    };
    Some(
        Draft::new(stem, p, &fields)?
            .with("src", src)
            .with("dst", dst)
            .right(pair(dst, src))
            .wrong(pair(src, dst), "ports-not-swapped")
            .wrong(pair(dst, dst), "both-well-known")
            .wrong(pair((src + 1) & 0xffff, src), "new-port"),
    )
}

/// What a server's port is for.
pub fn service(p: &Facts, _: &mut Dice) -> Option<Draft> {
    const SERVICES: &[(u64, &str)] = &[
        (22, "service-ssh"),
        (25, "service-smtp"),
        (53, "service-dns"),
        (67, "service-dhcp"),
        (80, "service-http"),
        (123, "service-ntp"),
        (443, "service-https"),
        (21, "service-ftp"),
        (3306, "service-mysql"),
        (873, "service-rsync"),
    ];
    let record = p.record.as_ref()?;
    let port = u64::from(record.server.port?);
    let (_, right) = SERVICES.iter().find(|(known, _)| *known == port)?;
    let tcp = p.layer(Protocol::Tcp).is_some();
    let from_server = p.from()? == Endpoint::Server;
    let field = match (tcp, from_server) {
        (true, true) => "tcp.srcport",
        (true, false) => "tcp.dstport",
        (false, true) => "udp.srcport",
        (false, false) => "udp.dstport",
    };
    let draft = Draft::new("udp.service", p, &[field])?.with("port", port).is(right);
    // The neighbours in the list come first: those that are mixed up most.
    let first = match port {
        80 => "service-https",
        443 => "service-http",
        22 => "service-ftp",
        _ => "service-http",
    };
    let draft = draft.not(first);
    Some(SERVICES.iter().filter(|(_, id)| *id != first).fold(draft, |draft, (_, id)| draft.not(id)))
}

/// What happens when a datagram is lost.
pub fn lost(p: &Facts, _: &mut Dice) -> Option<Draft> {
    p.layer(Protocol::Udp)?;
    p.any(&[Event::UdpDatagram, Event::DnsQuery])?;
    Some(
        Draft::new("udp.lost", p, &["udp.srcport", "udp.dstport", "udp.length", "udp.checksum"])?
            .is("lost-silent")
            .not("lost-resent")
            .not("lost-icmp")
            .not("lost-receiver-asks"),
    )
}

/// What UDP itself sends back; how many segments only open and close a TCP connection.
pub fn count_packets(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let record = p.record.as_ref()?;
    let [sent, back] = record.packets;
    if record.protocol == crate::flow::FlowProtocol::Udp && sent >= 2 {
        let half = sent.div_ceil(2);
        return Some(
            Draft::new("flow.count-packets", p, &[])?
                .show(p.number, "flow.client.packets", sent.to_string())
                .with("sent", sent)
                .right(0u64)
                .wrong(sent, "udp-acks-each")
                .wrong(1u64, "udp-acks-once")
                .wrong(half, "udp-acks-half"),
        );
    }
    let tcp = p.tcp()?;
    if tcp.opening != "three-way" || tcp.closing != "four-segment" || tcp.retransmitted != [0, 0] {
        return None;
    }
    Some(
        Draft::new("flow.count-packets/tcp", p, &[])?
            .show(p.number, "flow.opening", tcp.opening)
            .show(p.number, "flow.closing", tcp.closing)
            .with("all", sent + back)
            .right(7u64)
            .wrong(8u64, "open-with-four")
            .wrong(6u64, "close-with-three")
            .wrong(4u64, "opening-forgotten"),
    )
}

/// The number that the answer to a remote call has.
pub fn rpc_xid(p: &Facts, dice: &mut Dice) -> Option<Draft> {
    p.event(Event::RpcCall)?;
    if p.count("rpc.xid") != 1 {
        return None;
    }
    let xid = p.uint("rpc.xid")?;
    let hex = |n: u64| format!("0x{:08x}", n & 0xffff_ffff);
    Some(
        Draft::new("rpc.xid", p, &[])?
            .show(p.number, "rpc.xid", hex(xid))
            .show(p.number, "rpc.program", p.text("rpc.program")?)
            .right(hex(xid))
            .wrong(hex(xid + 1), "xid-counts-on")
            .wrong(hex(dice.below(1 << 32)), "xid-own")
            .wrong(hex(p.uint("rpc.program")?), "xid-is-program"),
    )
}
