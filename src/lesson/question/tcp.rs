//! Questions about TCP's numbers: sequence numbers, acknowledgments, windows, flags, lengths. RFC 9293, RFC 7323 section 2.
//!
//! Numbers count modulo 2^32. Leaves out: opening (`handshake`), closing (`close`).

use super::dice::Dice;
use super::draft::Draft;
use super::facts::Facts;
use crate::flow::Kind;

fn seq(p: &Facts) -> Option<u32> {
    p.uint("tcp.seq_raw").and_then(|n| u32::try_from(n).ok())
}

fn number(p: &Facts, name: &str) -> Option<u32> {
    p.uint(name).and_then(|n| u32::try_from(n).ok())
}

/// A SYN must be acknowledged by its number plus one.
pub fn handshake_ack(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let event = p.any(&[Kind::TcpSyn, Kind::TcpSynAck])?;
    if number(p, "tcp.len")? != 0 {
        return None;
    }
    let both = event.kind == Kind::TcpSynAck;
    let stem = if both { "handshake.ack/third" } else { "handshake.ack" };
    let fields: &[&str] = if both {
        &["tcp.seq_raw", "tcp.ack_raw", "tcp.flags.syn", "tcp.flags.ack", "tcp.len"]
    } else {
        &["tcp.seq_raw", "tcp.flags.syn", "tcp.flags.ack", "tcp.len"]
    };
    let (seq, ack) = (seq(p)?, number(p, "tcp.ack_raw")?);
    let mut draft = Draft::new(stem, p, fields)?.right(seq.wrapping_add(1)).wrong(seq, "syn-not-counted");
    if both {
        draft = draft.wrong(ack, "other-direction").wrong(ack.wrapping_add(1), "other-direction-plus");
    } else {
        draft = draft.wrong(1u32, "relative-number").wrong(0u32, "ack-zero");
    }
    Some(draft)
}

/// Where the sender goes on.
pub fn next_seq(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let (seq, len, ack) = (seq(p)?, number(p, "tcp.len")?, number(p, "tcp.ack_raw")?);
    let (syn, fin) = (number(p, "tcp.flags.syn")?, number(p, "tcp.flags.fin")?);
    if len == 0 || syn != 0 || !p.is_clean_segment() || p.flag("tcp.flags.reset") {
        return None;
    }
    let next = seq.wrapping_add(len).wrapping_add(fin);
    let header = number(p, "tcp.hdr_len")?;
    let mut draft = Draft::new(
        "tcp.next-seq",
        p,
        &["tcp.seq_raw", "tcp.len", "tcp.hdr_len", "tcp.flags.fin", "tcp.ack_raw"],
    )?
    .right(next)
    .wrong(seq.wrapping_add(1), "counts-segments");
    if fin == 1 {
        draft = draft.wrong(next.wrapping_sub(1), "fin-not-counted");
    }
    Some(draft.wrong(seq.wrapping_add(len).wrapping_add(header), "header-counted").wrong(ack, "peers-number"))
}

/// What the receiver answers when all has arrived.
pub fn ack_of(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let (seq, len, ack) = (seq(p)?, number(p, "tcp.len")?, number(p, "tcp.ack_raw")?);
    let fin = number(p, "tcp.flags.fin")?;
    if len == 0 || p.flag("tcp.flags.syn") || !p.is_clean_segment() || p.flag("tcp.flags.reset") {
        return None;
    }
    let next = seq.wrapping_add(len).wrapping_add(fin);
    Some(
        Draft::new("tcp.ack-of", p, &["tcp.seq_raw", "tcp.len", "tcp.flags.fin", "tcp.ack_raw"])?
            .right(next)
            .wrong(seq, "ack-is-seq")
            .wrong(next.wrapping_sub(1), "ack-last-byte")
            .wrong(seq.wrapping_add(1), "counts-segments")
            .wrong(ack.wrapping_add(len), "wrong-base"),
    )
}

/// The window in bytes.
pub fn window_scaled(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let raw = p.uint("tcp.window_size_value")?;
    let from = p.from()?;
    let tcp = p.tcp()?;
    let [Some(_), Some(_)] = tcp.window_scale else { return None };
    let shift = u32::from(tcp.window_scale[from.index()]?);
    let other = u32::from(tcp.window_scale[from.peer().index()]?);
    if raw == 0 || shift == 0 || p.flag("tcp.flags.syn") || p.flag("tcp.flags.reset") {
        return None;
    }
    let bytes = p.uint("tcp.window_size").filter(|n| *n == raw << shift)?;
    Some(
        Draft::new("tcp.window-scaled", p, &["tcp.window_size_value"])?
            .show(p.number, "tcp.options.wscale.shift", shift.to_string())
            .show(p.number, "tcp.options.wscale.shift.peer", other.to_string())
            .right(bytes)
            .wrong(raw, "window-not-scaled")
            .wrong(raw * u64::from(shift), "shift-multiplied")
            .wrong(raw << other, "peers-shift")
            .wrong(raw << (shift - 1), "shift-off-by-one"),
    )
}
