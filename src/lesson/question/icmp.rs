//! Questions about ICMP: echoes, and errors with the packet they quote. RFC 792, RFC 1122 section 3.2.2.
//!
//! Leaves out: ICMPv6.

use super::dice::Dice;
use super::draft::Draft;
use super::facts::Facts;
use crate::flow::{Event, Kind};

const ERRORS: &[Kind] = &[Kind::IcmpUnreachable, Kind::IcmpTimeExceeded, Kind::IcmpFragmentationNeeded];

/// What the answer to an echo request has.
pub fn answer(p: &Facts, _: &mut Dice) -> Option<Draft> {
    p.event(Kind::IcmpEchoRequest).filter(|event| event.packet == p.number)?;
    if p.uint("icmp.type")? != 8 {
        return None;
    }
    let (ident, seq) = (p.uint("icmp.ident")?, p.uint("icmp.seq")?);
    let three =
        |kind: u64, ident: u64, seq: u64| format!("icmp.type {kind}, icmp.ident {ident}, icmp.seq {seq}");
    let next = |n: u64| (n + 1) & 0xffff;
    Some(
        Draft::new("icmp.answer", p, &[])?
            .show(p.number, "icmp.type", "8")
            .show(p.number, "icmp.ident", ident.to_string())
            .show(p.number, "icmp.seq", seq.to_string())
            .right(three(0, ident, seq))
            .wrong(three(0, ident, next(seq)), "echo-counts-on")
            .wrong(three(8, ident, seq), "echo-same-type")
            .wrong(three(0, next(ident), seq), "echo-own-ident"),
    )
}

fn error(p: &Facts) -> Option<&Event> {
    p.any(ERRORS).filter(|event| event.get("quoted_src").is_some() && p.has("icmp.type"))
}

/// Which packet caused an error.
pub fn quote(p: &Facts, _: &mut Dice) -> Option<Draft> {
    error(p)?;
    let (src, dst) = (p.quoted("ip.src")?, p.quoted("ip.dst")?);
    let (from, to) = (p.text("ip.src")?, p.text("ip.dst")?);
    let arrow = |a: &str, b: &str| format!("{a} → {b}");
    Some(
        Draft::new("icmp.quote", p, &["icmp.type", "icmp.code", "ip.src", "ip.dst"])?
            .show(p.number, "ip.src quoted", src.clone())
            .show(p.number, "ip.dst quoted", dst.clone())
            .right(arrow(&src, &dst))
            .wrong(arrow(&from, &to), "outer-header")
            .wrong(arrow(&dst, &src), "quote-backwards")
            .wrong(arrow(&src, &from), "sent-to-router"),
    )
}

/// Who sends an error.
pub fn who_sent(p: &Facts, _: &mut Dice) -> Option<Draft> {
    error(p)?;
    let (src, dst) = (p.quoted("ip.src")?, p.quoted("ip.dst")?);
    let from = p.text("ip.src")?;
    let draft = Draft::new("icmp.who-sent", p, &["icmp.type", "icmp.code", "ip.src"])?
        .show(p.number, "ip.src quoted", src.clone())
        .show(p.number, "ip.dst quoted", dst.clone());
    if from == src {
        None
    } else if from == dst {
        Some(draft.is("error-target").not("error-router").not("error-sender").not("error-program"))
    } else {
        Some(draft.is("error-router").not("error-target").not("error-sender").not("error-program"))
    }
}

/// What an error says.
pub fn meaning(p: &Facts, _: &mut Dice) -> Option<Draft> {
    error(p)?;
    const ALL: &[&str] =
        &["means-port", "means-host", "means-ttl", "means-too-big", "means-prohibited", "means-net"];
    let right = match (p.uint("icmp.type")?, p.uint("icmp.code")?) {
        (3, 0) => "means-net",
        (3, 1) => "means-host",
        (3, 3) => "means-port",
        (3, 4) => "means-too-big",
        (3, 9 | 10 | 13) => "means-prohibited",
        (11, 0) => "means-ttl",
        _ => return None,
    };
    let draft = Draft::new("icmp.meaning", p, &["icmp.type", "icmp.code"])?.is(right);
    let first = if right == "means-port" { "means-host" } else { "means-port" };
    let draft = draft.not(first);
    // A network without a way and a host that does not answer are too near to each other.
    let near = |id: &str| matches!((right, id), ("means-net", "means-host") | ("means-host", "means-net"));
    Some(ALL.iter().filter(|id| **id != first && !near(id)).fold(draft, |draft, id| draft.not(id)))
}

/// Which port a ping uses.
pub fn port(p: &Facts, _: &mut Dice) -> Option<Draft> {
    p.any(&[Kind::IcmpEchoRequest, Kind::IcmpEchoReply])?;
    Some(
        Draft::new("icmp.port", p, &["ip.proto", "icmp.type"])?
            .is("port-none")
            .wrong(7u64, "port-echo")
            .wrong(80u64, "port-web")
            .wrong(1u64, "port-is-protocol"),
    )
}
