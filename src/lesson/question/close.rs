//! Questions about how a TCP connection ends. RFC 9293 sections 3.5.2 and 3.6.

use super::dice::Dice;
use super::draft::{Draft, say};
use super::facts::Facts;
use super::tcp::{number, seq};
use crate::flow::{Datum, Endpoint, Event, Kind};

fn fin(p: &Facts) -> Option<&Event> {
    p.any(&[Kind::TcpFin, Kind::TcpFinAck]).filter(|event| event.variant != "again")
}

/// How a FIN is acknowledged.
pub fn ack_of_fin(p: &Facts, _: &mut Dice) -> Option<Draft> {
    fin(p)?;
    if !p.is_clean_segment()
        || !p.flag("tcp.flags.fin")
        || p.flag("tcp.flags.reset")
        || p.flag("tcp.flags.syn")
    {
        return None;
    }
    let (seq, len, ack) = (seq(p)?, number(p, "tcp.len")?, number(p, "tcp.ack_raw")?);
    let next = seq.wrapping_add(len).wrapping_add(1);
    let draft =
        Draft::new("close.ack-of-fin", p, &["tcp.seq_raw", "tcp.ack_raw", "tcp.len", "tcp.flags.fin"])?
            .right(next)
            .wrong(next.wrapping_sub(1), "fin-not-counted");
    let draft = if len > 0 { draft.wrong(seq.wrapping_add(1), "only-fin-counted") } else { draft };
    Some(draft.wrong(ack, "peers-number").wrong(next.wrapping_add(1), "fin-counted-twice"))
}

/// A connection that both ends closed, one first; and who that was.
fn closed_by(p: &Facts) -> Option<Endpoint> {
    let tcp = p.tcp()?;
    if !matches!(tcp.closing, "four-segment" | "three-segment") {
        return None;
    }
    match tcp.initiator_of_close? {
        "client" => Some(Endpoint::Client),
        "server" => Some(Endpoint::Server),
        _ => None,
    }
}

fn role(end: Endpoint) -> &'static str {
    match end {
        Endpoint::Client => "role-client",
        Endpoint::Server => "role-server",
    }
}

/// Which end waits.
pub fn who_time_wait(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let event = fin(p)?;
    let first = closed_by(p)?;
    if event.get("fin_packet").is_some() || event.variant == "crossing" || p.from()? != first {
        return None;
    }
    let draft = Draft::new("close.who-time-wait", p, &["tcp.flags.fin", "tcp.seq_raw"])?
        .with("first", say(role(first)))
        .with("other", say(role(first.peer())));
    Some(draft.is("waits-first").not("waits-other").not("waits-both").not("waits-none"))
}

/// How many segments a close takes.
pub fn kind(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let closing = p.tcp()?.closing;
    closed_by(p)?;
    let event = p.any(&[Kind::TcpFinAck, Kind::TcpCloseAck])?;
    let before = event.uint("fin_packet")?;
    let fields = ["tcp.flags.fin", "tcp.flags.ack", "tcp.ack_raw"];
    let draft = Draft::new("close.kind", p, &fields)?.with("before", before);
    match (event.kind, event.variant, closing) {
        (Kind::TcpFinAck, _, "three-segment") => {
            let seq = event.uint("ack_raw")?.wrapping_sub(1) & 0xffff_ffff;
            let draft = draft.show(before, "tcp.seq_raw of the FIN", seq.to_string());
            Some(draft.is("three-segments").not("four-segments").not("two-segments").not("reset-close"))
        }
        (Kind::TcpCloseAck, "half", "four-segment") => {
            let seq = event.uint("fin_seq_raw")?;
            let draft = draft.show(before, "tcp.seq_raw of the FIN", seq.to_string());
            Some(draft.is("four-segments").not("three-segments").not("two-segments").not("reset-close"))
        }
        _ => None,
    }
}

/// Who closed first.
pub fn who_first(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let event = fin(p)?;
    let first = closed_by(p)?;
    let before = event.uint("fin_packet").filter(|before| *before < p.number)?;
    if p.from()? == first || event.variant == "crossing" {
        return None;
    }
    let record = p.record.as_ref()?;
    let of = |end: Endpoint| {
        let party = if end == Endpoint::Client { &record.client } else { &record.server };
        Some(Datum::Socket(party.addr?, party.port?).to_string())
    };
    let (active, passive) = (of(first)?, of(first.peer())?);
    let draft = Draft::new("close.who-first", p, &["tcp.flags.fin"])?
        .with("before", before)
        .show(before, "tcp.flags.fin from", active)
        .show(p.number, "tcp.flags.fin from", passive)
        .is("first-earlier-fin")
        .not("first-this-fin");
    // The end of which people say that it always closes first, where it did not.
    let always = if first == Endpoint::Server { "first-client-always" } else { "first-server-always" };
    Some(draft.not(always).not("first-both"))
}

/// What a RST says.
pub fn reset_meaning(p: &Facts, _: &mut Dice) -> Option<Draft> {
    if let Some(event) = p.event(Kind::TcpRefused).filter(|event| event.variant.is_empty()) {
        let port = event.uint("port")?;
        return Some(
            Draft::new("close.reset-meaning/refused", p, &["tcp.flags.reset", "tcp.srcport"])?
                .with("port", port)
                .is("reset-no-listener")
                .not("reset-host-off")
                .not("reset-busy")
                .not("reset-like-fin"),
        );
    }
    let event = p.event(Kind::TcpReset)?;
    if !matches!(event.variant, "" | "unread" | "answer" | "aborted") {
        return None;
    }
    Some(
        Draft::new("close.reset-meaning", p, &["tcp.flags.reset", "tcp.flags.fin"])?
            .is("reset-at-once")
            .not("reset-like-fin")
            .not("reset-resend")
            .not("reset-waits"),
    )
}

/// Who may still send after a FIN.
pub fn half(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let event = fin(p)?;
    let first = closed_by(p)?;
    if event.get("fin_packet").is_some() || event.variant == "crossing" || p.from()? != first {
        return None;
    }
    let draft = Draft::new("close.half", p, &["tcp.flags.fin", "tcp.flags.reset"])?
        .with("first", say(role(first)))
        .with("other", say(role(first.peer())));
    Some(draft.is("half-other-sends").not("half-nobody").not("half-first-sends").not("half-both"))
}
