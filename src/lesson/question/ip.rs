//! Questions about IP: TTL, lengths, what is carried, fragments, addresses on the way. RFC 791, RFC 1812 section 5, RFC 3022.

use super::dice::Dice;
use super::draft::Draft;
use super::facts::Facts;
use crate::flow::Kind;
use crate::protocol::Protocol;

/// The TTL behind the next router.
pub fn ttl_next(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let (field, ttl) = match p.uint("ip.ttl") {
        Some(ttl) => ("ip.ttl", ttl),
        None => ("ipv6.hlim", p.uint("ipv6.hlim")?),
    };
    let group = p.text("eth.dst").is_some_and(|mac| super::link::is_group(&mac));
    if ttl < 3 || group {
        return None;
    }
    let start: u64 = match ttl {
        0..=64 => 64,
        65..=128 => 128,
        _ => 255,
    };
    Some(
        Draft::new("ip.ttl-next", p, &[field])?
            .with("ttl", ttl)
            .right(ttl - 1)
            .wrong(ttl, "ttl-same")
            .wrong(ttl + 1, "ttl-up")
            .wrong(start, "ttl-afresh"),
    )
}

/// What stands behind the header.
pub fn protocol(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let id = match p.uint("ip.proto")? {
        1 => "carries-icmp",
        2 => "carries-igmp",
        6 => "carries-tcp",
        17 => "carries-udp",
        89 => "carries-ospf",
        112 => "carries-vrrp",
        132 => "carries-sctp",
        _ => return None,
    };
    let draft = Draft::new("ip.protocol", p, &["ip.proto"])?.is(id);
    let all = ["carries-tcp", "carries-udp", "carries-icmp", "carries-http", "carries-igmp"];
    Some(all.into_iter().fold(draft, Draft::not))
}

/// How long the header is.
pub fn header_length(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let length = p.uint("ip.hdr_len").filter(|n| n.is_multiple_of(4) && (20..=60).contains(n))?;
    let words = length / 4;
    let first = format!("0x4{words:x}");
    Some(
        Draft::new("ip.header-length", p, &[])?
            .show(p.number, "ip[0]", first)
            .with("words", words)
            .right(length)
            .wrong(words, "words-as-bytes")
            .wrong(40 + words, "byte-as-decimal")
            .wrong(64 + words, "byte-as-number")
            .wrong(words * 8, "words-of-eight"),
    )
}

/// How much the packet carries.
pub fn payload_length(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let (total, header) = (p.uint("ip.len")?, p.uint("ip.hdr_len")?);
    let payload = total.checked_sub(header).filter(|n| *n > 8)?;
    let layer = p.layer(Protocol::Ipv4)?;
    if layer.header_end - layer.start != header as usize {
        return None;
    }
    Some(
        Draft::new("ip.payload-length", p, &["ip.len", "ip.hdr_len"])?
            .right(payload)
            .wrong(total, "length-without-header")
            .wrong(total + header, "header-added")
            .wrong(total.saturating_sub(14), "frame-header-off"),
    )
}

/// Where a piece belongs.
pub fn fragment_offset(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let field = p.uint("ip.frag_offset").filter(|n| *n > 0)?;
    let (total, header) = (p.uint("ip.len")?, p.uint("ip.hdr_len")?);
    Some(
        Draft::new("ip.fragment-offset", p, &["ip.frag_offset", "ip.len", "ip.hdr_len"])?
            .right(field * 8)
            .wrong(field, "offset-in-bytes")
            .wrong(field * 4, "offset-in-words")
            .wrong(field * 8 + header, "offset-with-header")
            .wrong(total, "offset-is-length"),
    )
}

/// Whether a piece is the last.
pub fn fragment_last(p: &Facts, _: &mut Dice) -> Option<Draft> {
    p.event(Kind::IpFragment)?;
    let more = p.flag("ip.flags.mf");
    if !more && p.uint("ip.frag_offset")? == 0 {
        return None;
    }
    let draft = Draft::new("ip.fragment-last", p, &["ip.flags.mf", "ip.frag_offset"])?;
    Some(match (more, p.uint("ip.frag_offset")?) {
        (true, 0) => draft.is("piece-first").not("piece-middle").not("piece-last").not("piece-whole"),
        (true, _) => draft.is("piece-middle").not("piece-first").not("piece-last").not("piece-whole"),
        (false, _) => draft.is("piece-last").not("piece-first").not("piece-middle").not("piece-whole"),
    })
}

/// Who puts the pieces together.
pub fn reassembly(p: &Facts, _: &mut Dice) -> Option<Draft> {
    p.event(Kind::IpFragment)?;
    Some(
        Draft::new("ip.reassembly", p, &["ip.src", "ip.dst", "ip.frag_offset", "ip.flags.mf"])?
            .is("joins-destination")
            .not("joins-router")
            .not("joins-switch")
            .not("joins-application"),
    )
}

/// Which addresses a router leaves alone.
pub fn router_keeps(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let mac = p.text("eth.dst").filter(|mac| !super::link::is_group(mac))?;
    let ttl = p.uint("ip.ttl").filter(|ttl| *ttl > 1)?;
    let (src, dst) = (p.text("ip.src")?, p.text("ip.dst")?);
    if src == dst || mac == p.text("eth.src")? {
        return None;
    }
    Some(
        Draft::new("ip.router-keeps", p, &["eth.src", "eth.dst", "ip.src", "ip.dst"])?
            .with("ttl", ttl)
            .is("macs-change")
            .not("ips-change")
            .not("nothing-changes")
            .not("all-change"),
    )
}

/// What a translator has changed.
pub fn nat(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let before = p.around("nat.packet")?.to_string().parse().ok()?;
    let value = |name: &str| p.around(name).map(ToString::to_string);
    let draft = Draft::new("nat.who-changed", p, &["ip.src", "ip.dst"])?
        .with("before", before)
        .show(before, "ip.src before", value("nat.src")?)
        .show(before, "ip.dst before", value("nat.dst")?);
    let (src, dst) = (value("nat.src") != p.text("ip.src"), value("nat.dst") != p.text("ip.dst"));
    Some(match (src, dst) {
        (true, false) => draft.is("nat-source").not("nat-router").not("nat-destination").not("nat-sender"),
        (false, true) => draft.is("nat-destination").not("nat-router").not("nat-source").not("nat-sender"),
        _ => return None,
    })
}
