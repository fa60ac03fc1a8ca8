//! Questions about TCP's numbers: sequence numbers, acknowledgments, windows, flags, lengths. RFC 9293, RFC 7323 section 2,
//! RFC 2018, RFC 5681.
//!
//! Numbers count modulo 2^32. Leaves out: opening (`handshake`), closing (`close`).

use super::dice::Dice;
use super::draft::Draft;
use super::facts::Facts;
use crate::flow::{Basis, Datum, Event, Kind, State};

/// The sequence number.
pub fn seq(p: &Facts) -> Option<u32> {
    number(p, "tcp.seq_raw")
}

/// A field of 32 bits or less.
pub fn number(p: &Facts, name: &str) -> Option<u32> {
    p.uint(name).and_then(|n| u32::try_from(n).ok())
}

/// The data of a segment that nothing makes doubtful: sequence number, length, FIN.
fn data(p: &Facts) -> Option<(u32, u32, u32)> {
    let (seq, len, fin) = (seq(p)?, number(p, "tcp.len")?, number(p, "tcp.flags.fin")?);
    let plain = len > 0 && p.is_clean_segment() && !p.flag("tcp.flags.syn") && !p.flag("tcp.flags.reset");
    (plain && p.flag("tcp.flags.ack")).then_some((seq, len, fin))
}

/// Where the sender goes on.
pub fn next_seq(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let (seq, len, fin) = data(p)?;
    let (ack, header) = (number(p, "tcp.ack_raw")?, number(p, "tcp.hdr_len")?);
    let end = seq.wrapping_add(len);
    let fields = ["tcp.seq_raw", "tcp.ack_raw", "tcp.len", "tcp.hdr_len", "tcp.flags.fin"];
    let draft = Draft::new("tcp.next-seq", p, &fields)?.right(end.wrapping_add(fin));
    let draft = if fin == 1 { draft.wrong(end, "fin-not-counted") } else { draft };
    Some(
        draft
            .wrong(seq.wrapping_add(1), "counts-segments")
            .wrong(end.wrapping_add(header).wrapping_add(fin), "header-counted")
            .wrong(ack, "peers-number"),
    )
}

/// What the receiver answers when all has arrived.
pub fn ack_of(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let (seq, len, fin) = data(p)?;
    let ack = number(p, "tcp.ack_raw")?;
    let next = seq.wrapping_add(len).wrapping_add(fin);
    Some(
        Draft::new("tcp.ack-of", p, &["tcp.seq_raw", "tcp.ack_raw", "tcp.len", "tcp.flags.fin"])?
            .right(next)
            .wrong(seq, "ack-is-seq")
            .wrong(next.wrapping_sub(1), "ack-last-byte")
            .wrong(seq.wrapping_add(1), "counts-segments")
            .wrong(ack.wrapping_add(len), "wrong-base"),
    )
}

/// Which byte an acknowledgment confirms last.
pub fn acked(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let plain = number(p, "tcp.len")? == 0 && p.flag("tcp.flags.ack") && p.is_clean_segment();
    if !plain || ["tcp.flags.syn", "tcp.flags.fin", "tcp.flags.reset"].iter().any(|flag| p.flag(flag)) {
        return None;
    }
    // Below that, what is confirmed is a SYN, or was not captured.
    p.uint("tcp.ack").filter(|relative| *relative > 2)?;
    let (seq, ack) = (seq(p)?, number(p, "tcp.ack_raw")?);
    Some(
        Draft::new("tcp.acked", p, &["tcp.seq_raw", "tcp.ack_raw", "tcp.len"])?
            .right(ack.wrapping_sub(1))
            .wrong(ack, "ack-inclusive")
            .wrong(ack.wrapping_add(1), "ack-off-by-two")
            .wrong(seq, "own-number"),
    )
}

/// The window in bytes.
pub fn window_scaled(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let raw = p.uint("tcp.window_size_value")?;
    let from = p.from()?;
    let scale = p.tcp()?.window_scale;
    let shift = u32::from(scale[from.index()]?);
    let other = u32::from(scale[from.peer().index()]?);
    if raw == 0 || shift == 0 || other > 14 || p.flag("tcp.flags.syn") || p.flag("tcp.flags.reset") {
        return None;
    }
    let bytes = p.uint("tcp.window_size").filter(|n| *n == raw << shift)?;
    let draft = Draft::new("tcp.window-scaled", p, &["tcp.window_size_value"])?
        .show(p.number, "tcp.options.wscale.shift", shift.to_string())
        .show(p.number, "tcp.options.wscale.shift peer", other.to_string())
        .right(bytes)
        .wrong(raw, "window-not-scaled")
        .wrong(raw * u64::from(shift), "shift-multiplied");
    Some(draft.wrong(raw << other, "peers-shift").wrong(raw << (shift - 1), "shift-off-by-one"))
}

const FLAGS: [(&str, u64); 6] = [("FIN", 1), ("SYN", 2), ("RST", 4), ("PSH", 8), ("ACK", 16), ("URG", 32)];

fn names(bits: u64) -> String {
    FLAGS.iter().filter(|(_, bit)| bits & bit != 0).map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

/// What the byte of flags says.
pub fn flags(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let bits = p.uint("tcp.flags").filter(|bits| (1..64).contains(bits))?;
    let mirrored = (0..6).filter(|at| bits & (1 << at) != 0).fold(0, |all, at| all | 1 << (5 - at));
    let draft = Draft::new("tcp.flags", p, &[])?
        .show(p.number, "tcp.flags", format!("0x{bits:03x}"))
        .with("bits", format!("{bits:06b}"))
        .right(names(bits));
    let wrong = [
        (mirrored, "flags-mirrored"),
        (bits ^ 16, "flags-ack-bit"),
        (bits ^ 8, "flags-psh-bit"),
        (bits ^ 2, "flags-syn-bit"),
    ];
    let some = wrong.into_iter().filter(|(bits, _)| *bits != 0);
    Some(some.fold(draft, |draft, (bits, why)| draft.wrong(names(bits), why)))
}

/// Why a segment brings nothing new.
pub fn retransmitted(p: &Facts, _: &mut Dice) -> Option<Draft> {
    const KINDS: &[Kind] =
        &[Kind::TcpRetransmission, Kind::TcpFastRetransmission, Kind::TcpSpuriousRetransmission];
    let event = p.any(KINDS)?;
    let Some(Datum::Uint(original)) = event.get("original") else { return None };
    if matches!(event.variant, "conflict" | "extended" | "damaged") {
        return None;
    }
    // The original need not begin at the same number: what was sent in one piece may come again in others.
    let fields = ["tcp.seq_raw", "tcp.len", "tcp.flags.syn", "tcp.flags.fin"];
    let draft = Draft::new("tcp.retransmitted", p, &fields)?.with("original", *original);
    Some(draft.is("sent-again").not("sent-new").not("sent-ack-only").not("sent-reordered"))
}

/// The state of the sender after its segment.
pub fn state_after(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let own = || p.states.iter().filter(|change| change.basis == Basis::Sent && change.from != change.to);
    let change = own().next().filter(|_| own().count() == 1)?;
    if change.from == State::Unknown || !p.events.iter().all(|event| event.variant != "again") {
        return None;
    }
    use State::{
        CloseWait, Closed, Closing, Established, FinWait1, FinWait2, LastAck, SynReceived, SynSent, TimeWait,
    };
    let wrong: &[State] = match (change.from, change.to) {
        (Closed, SynSent) => &[SynReceived, Established, State::Listen],
        (State::Listen, SynReceived) => &[Established, SynSent, State::Listen],
        (Established | SynReceived, FinWait1) => &[CloseWait, TimeWait, Closed, LastAck],
        (CloseWait, LastAck) => &[TimeWait, FinWait1, Closed, Closing],
        (_, Closed) => &[TimeWait, FinWait1, CloseWait],
        (_, Established) => &[SynReceived, SynSent, FinWait1],
        (_, FinWait2) => &[FinWait1, TimeWait, CloseWait],
        _ => return None,
    };
    let flags = names(p.uint("tcp.flags")? & 0x17);
    let draft = Draft::new("tcp.state-after", p, &[])?
        .show(p.number, "tcp.flags", flags)
        .show(p.number, "state", change.from.name())
        .right(change.to.name().to_owned());
    let why = |state: &State| match state {
        TimeWait => "state-time-wait",
        CloseWait => "state-close-wait",
        Closed => "state-closed",
        Established => "state-established",
        SynReceived => "state-syn-received",
        SynSent => "state-syn-sent",
        FinWait1 => "state-fin-wait-1",
        LastAck => "state-last-ack",
        Closing => "state-closing",
        _ => "state-listen",
    };
    Some(wrong.iter().fold(draft, |draft, state| draft.wrong(state.name().to_owned(), why(state))))
}

/// How long the header is.
pub fn header_length(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let length = p.uint("tcp.hdr_len").filter(|n| n.is_multiple_of(4) && (20..=60).contains(n))?;
    let words = length / 4;
    Some(
        Draft::new("tcp.header-length", p, &[])?
            .show(p.number, "tcp[12] >> 4", words.to_string())
            .with("words", words)
            .right(length)
            .wrong(words, "words-as-bytes")
            .wrong(20u64, "header-always-twenty")
            .wrong(20 + words, "words-added")
            .wrong(words * 8, "words-of-eight"),
    )
}

/// How much data there is, which no field says.
pub fn payload_length(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let (total, ip, tcp) = (p.uint("ip.len")?, p.uint("ip.hdr_len")?, p.uint("tcp.hdr_len")?);
    let len = p.uint("tcp.len").filter(|n| *n > 0 && total == ip + tcp + n)?;
    Some(
        Draft::new("tcp.payload-length", p, &["ip.len", "ip.hdr_len", "tcp.hdr_len"])?
            .right(len)
            .wrong(total - 40.min(total), "headers-of-twenty")
            .wrong(total - ip, "tcp-header-kept")
            .wrong(total, "length-without-header")
            .wrong(total - tcp, "ip-header-kept"),
    )
}

/// What is missing between what is acknowledged and what is reported beyond it.
pub fn sack_gap(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let (lefts, rights) = (p.uints("tcp.options.sack_le"), p.uints("tcp.options.sack_re"));
    let ([left], [right]) = (&lefts[..], &rights[..]) else { return None };
    let ack = p.uint("tcp.ack").filter(|ack| *ack > 1 && ack < left && left < right)?;
    let range = |a: u64, b: u64| format!("{a}–{b}");
    Some(
        Draft::new("tcp.sack-gap", p, &["tcp.ack", "tcp.options.sack_le", "tcp.options.sack_re"])?
            .right(range(ack, left - 1))
            .wrong(range(*left, right - 1), "sack-is-missing")
            .wrong(range(ack, right - 1), "sack-ignored")
            .wrong(range(ack + 1, *left), "gap-shifted"),
    )
}

/// What a repeated acknowledgment says.
pub fn duplicate_ack(p: &Facts, _: &mut Dice) -> Option<Draft> {
    p.event(Kind::TcpDuplicateAck)?;
    Some(
        Draft::new("tcp.duplicate-ack", p, &["tcp.ack_raw", "tcp.len"])?
            .is("again-missing")
            .not("again-all-arrived")
            .not("again-lost-ack")
            .not("again-close"),
    )
}

/// What a window of nothing says.
pub fn zero_window(p: &Facts, _: &mut Dice) -> Option<Draft> {
    p.event(Kind::TcpZeroWindow)?;
    if p.uint("tcp.window_size_value")? != 0 {
        return None;
    }
    Some(
        Draft::new("tcp.zero-window", p, &["tcp.window_size_value", "tcp.flags.reset", "tcp.flags.fin"])?
            .is("window-wait")
            .not("window-closed")
            .not("window-congestion")
            .not("window-lost"),
    )
}

/// How many messages a segment has.
pub fn messages(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let (_, len, _) = data(p)?;
    // Requests without bodies alone: where bodies end is a question of its own.
    let plain = |event: &&Event| {
        let get = matches!(event.get("method"), Some(Datum::Text(m)) if m == "GET" || m == "HEAD");
        let bare = !["decrypted", "stream_id", "content_length", "ambiguous_length"]
            .iter()
            .any(|key| event.get(key).is_some());
        get && bare && event.get("chunked") == Some(&Datum::Flag(false))
    };
    let requests = p.events.iter().filter(|event| event.kind == Kind::HttpRequest).count();
    let without_body = p.events.iter().filter(|event| event.kind == Kind::HttpRequest).filter(plain).count();
    if requests < 2 || requests != without_body || p.has("http.transfer_encoding") {
        return None;
    }
    let shown = requests as u64;
    let lines = p.texts("http.request.uri").join(" ");
    if p.count("http.request.uri") != requests {
        return None;
    }
    Some(
        Draft::new("stream.messages", p, &["tcp.len"])?
            .show(p.number, "http.request.uri", lines)
            .with("len", len)
            .right(shown)
            .wrong(1u64, "message-is-segment")
            .wrong(0u64, "message-needs-own")
            .wrong(shown + 1, "message-and-answer"),
    )
}

/// How much one call of `recv` gets.
pub fn recv(p: &Facts, _: &mut Dice) -> Option<Draft> {
    const ROOM: u32 = 1024;
    let (_, len, fin) = data(p)?;
    if fin == 1 {
        return None;
    }
    let draft = Draft::new("stream.recv", p, &["tcp.len", "tcp.hdr_len"])?
        .right(len.min(ROOM))
        .wrong(ROOM, "recv-fills")
        .wrong(len, "recv-whole-segment")
        .wrong(number(p, "tcp.hdr_len")? + len, "recv-with-header");
    Some(draft.wrong(0u64, "recv-waits"))
}
