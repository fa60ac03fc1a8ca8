//! Questions about how a TCP connection opens. RFC 9293 section 3.5, RFC 6691, RFC 7323 section 2.2.

use super::dice::Dice;
use super::draft::Draft;
use super::facts::Facts;
use super::tcp::{number, seq};
use crate::flow::{Datum, Event, Kind};

/// The SYN or SYN+ACK of a packet that nothing is odd about.
fn opening(p: &Facts) -> Option<&Event> {
    let event = p.any(&[Kind::TcpSyn, Kind::TcpSynAck])?;
    (matches!(event.variant, "" | "again" | "syn-not-seen") && number(p, "tcp.len")? == 0).then_some(event)
}

/// A SYN must be acknowledged by its number plus one.
pub fn ack(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let event = opening(p)?;
    let both = event.kind == Kind::TcpSynAck;
    let stem = if both { "handshake.ack/third" } else { "handshake.ack" };
    let fields: &[&str] = if both {
        &["tcp.seq_raw", "tcp.ack_raw", "tcp.flags.syn", "tcp.flags.ack"]
    } else {
        &["tcp.seq_raw", "tcp.flags.syn", "tcp.flags.ack"]
    };
    let (seq, ack) = (seq(p)?, number(p, "tcp.ack_raw")?);
    let draft = Draft::new(stem, p, fields)?.right(seq.wrapping_add(1)).wrong(seq, "syn-not-counted");
    Some(if both {
        draft.wrong(ack, "other-direction").wrong(ack.wrapping_add(1), "other-direction-plus")
    } else {
        draft.wrong(1u32, "relative-number").wrong(0u32, "ack-zero")
    })
}

/// Which ends are ESTABLISHED once a segment has arrived.
pub fn who_established(p: &Facts, _: &mut Dice) -> Option<Draft> {
    if p.tcp()?.opening != "three-way" {
        return None;
    }
    let flags = ["tcp.flags.syn", "tcp.flags.ack"];
    if let Some(event) = opening(p).filter(|event| event.variant.is_empty()) {
        return Some(if event.kind == Kind::TcpSyn {
            Draft::new("handshake.who-established", p, &flags)?
                .is("established-none")
                .not("established-sender")
                .not("established-receiver")
                .not("established-both")
        } else {
            Draft::new("handshake.who-established", p, &flags)?
                .is("established-client")
                .not("established-both")
                .not("established-server")
                .not("established-none")
        });
    }
    p.event(Kind::TcpHandshakeAck)?;
    Some(
        Draft::new("handshake.who-established", p, &flags)?
            .is("established-both")
            .not("established-client")
            .not("established-server")
            .not("established-none"),
    )
}

/// Which flags the answer has.
pub fn flags(p: &Facts, _: &mut Dice) -> Option<Draft> {
    if p.tcp()?.opening != "three-way" {
        return None;
    }
    let event = opening(p)?;
    let draft = Draft::new("handshake.flags", p, &["tcp.flags.syn", "tcp.flags.ack"])?;
    Some(if event.kind == Kind::TcpSyn {
        draft.is("flags-syn-ack").not("flags-ack-first").not("flags-syn-only").not("flags-rst")
    } else {
        draft.is("flags-ack").not("flags-syn-ack-again").not("flags-syn-after").not("flags-nothing")
    })
}

/// How much a segment may carry.
pub fn mss(p: &Facts, _: &mut Dice) -> Option<Draft> {
    opening(p)?;
    let mss = p.uint("tcp.options.mss_val").filter(|n| *n >= 64)?;
    let window = p.uint("tcp.window_size_value")?;
    if window <= mss {
        return None;
    }
    Some(
        Draft::new("handshake.mss", p, &["tcp.options.mss_val", "tcp.window_size_value"])?
            .right(mss)
            .wrong(mss - 40, "mss-with-headers")
            .wrong(mss + 40, "mss-is-mtu")
            .wrong(window, "mss-is-window"),
    )
}

/// The window of a SYN is never scaled.
pub fn syn_window(p: &Facts, _: &mut Dice) -> Option<Draft> {
    opening(p)?;
    let window = p.uint("tcp.window_size_value").filter(|n| *n > 0)?;
    let shift = p.uint("tcp.options.wscale.shift").filter(|n| (1..=14).contains(n))?;
    Some(
        Draft::new(
            "handshake.syn-window",
            p,
            &["tcp.window_size_value", "tcp.options.wscale.shift", "tcp.flags.syn"],
        )?
        .right(window)
        .wrong(window << shift, "syn-scaled")
        .wrong(window * shift, "shift-multiplied")
        .wrong(window >> shift, "shifted-down"),
    )
}

/// How long it takes at least until the answer to a first request begins to arrive.
pub fn rtt(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let tcp = p.tcp()?;
    let ns = tcp.rtt_handshake.filter(|ns| *ns >= 1_000)?;
    if tcp.opening != "three-way" {
        return None;
    }
    // Microseconds, halves included.
    let us = |half: i64| {
        let ns = ns / 1_000 * 500 * half;
        format!("{}.{:03} ms", ns / 1_000_000, ns / 1_000 % 1_000)
    };
    let first = p.record.as_ref()?.first;
    let shown = Datum::Duration(ns / 1_000 * 1_000).to_string();
    Some(
        Draft::new("flow.rtt", p, &[])?
            .show(first, "flow.rtt.handshake", shown)
            .with("one", us(2))
            .right(us(4))
            .wrong(us(2), "rtt-once")
            .wrong(us(6), "rtt-thrice")
            .wrong(us(1), "rtt-half"),
    )
}

/// What silence tells.
pub fn unanswered(p: &Facts, _: &mut Dice) -> Option<Draft> {
    p.event(Kind::TcpSyn)?;
    if p.complained || p.tcp()?.opening != "unanswered" || p.record.as_ref()?.packets[1] != 0 {
        return None;
    }
    let draft = Draft::new("handshake.unanswered", p, &["tcp.flags.syn", "tcp.flags.ack", "tcp.dstport"])?;
    Some(draft.is("silence-any").not("silence-no-program").not("silence-off").not("silence-firewall"))
}
