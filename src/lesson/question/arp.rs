//! Questions about ARP. RFC 826, RFC 5227; next hops: RFC 1122 section 3.3.1.

use super::dice::Dice;
use super::draft::Draft;
use super::facts::Facts;
use super::link::{BLANK, BROADCAST};
use crate::flow::Kind;

/// Who answers a question.
pub fn who_answers(p: &Facts, _: &mut Dice) -> Option<Draft> {
    p.event(Kind::ArpRequest)?;
    Some(
        Draft::new(
            "arp.who-answers",
            p,
            &["arp.opcode", "eth.dst", "arp.src.proto_ipv4", "arp.dst.proto_ipv4"],
        )?
        .is("arp-owner")
        .not("arp-everyone")
        .not("arp-switch")
        .not("arp-asker"),
    )
}

/// Whom the answer goes to.
pub fn reply_to(p: &Facts, _: &mut Dice) -> Option<Draft> {
    p.event(Kind::ArpRequest)?;
    let asker = p.text("arp.src.hw_mac").filter(|mac| p.text("eth.src").as_ref() == Some(mac))?;
    if p.text("eth.dst")? != BROADCAST {
        return None;
    }
    Some(
        Draft::new("arp.reply-to", p, &["eth.dst", "eth.src", "arp.src.hw_mac", "arp.dst.hw_mac"])?
            .right(asker)
            .wrong(BROADCAST.to_owned(), "reply-broadcast")
            .wrong(BLANK.to_owned(), "mac-blank"),
    )
}

/// Why a field is empty.
pub fn target_mac(p: &Facts, _: &mut Dice) -> Option<Draft> {
    p.event(Kind::ArpRequest)?;
    if p.text("arp.dst.hw_mac")? != BLANK {
        return None;
    }
    Some(
        Draft::new("arp.target-mac", p, &["arp.opcode", "arp.dst.hw_mac", "arp.dst.proto_ipv4"])?
            .is("mac-is-the-question")
            .not("mac-means-all")
            .not("mac-of-router")
            .not("mac-target-off"),
    )
}

/// Who learns what of whom.
pub fn learned(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let event = p.event(Kind::ArpReply)?;
    let (from, to) = (p.text("arp.src.hw_mac")?, p.text("arp.dst.hw_mac")?);
    if from == to || !event.variant.is_empty() || p.text("eth.dst")? == BROADCAST {
        return None;
    }
    Some(
        Draft::new(
            "arp.learned",
            p,
            &["eth.dst", "arp.src.proto_ipv4", "arp.src.hw_mac", "arp.dst.proto_ipv4", "arp.dst.hw_mac"],
        )?
        .is("learns-pair")
        .not("learns-swapped")
        .not("learns-all")
        .not("learns-own"),
    )
}

/// What a message is for.
pub fn purpose(p: &Facts, _: &mut Dice) -> Option<Draft> {
    const KINDS: &[(Kind, &str)] = &[
        (Kind::ArpRequest, "arp-asks"),
        (Kind::ArpReply, "arp-answers"),
        (Kind::ArpProbe, "arp-probes"),
        (Kind::ArpAnnouncement, "arp-announces"),
        (Kind::ArpRefresh, "arp-checks"),
    ];
    let mine: Vec<_> = KINDS.iter().filter(|(kind, _)| p.event(*kind).is_some()).collect();
    let [(kind, right)] = mine[..] else { return None };
    let fields = ["eth.dst", "arp.opcode", "arp.src.proto_ipv4", "arp.dst.proto_ipv4", "arp.dst.hw_mac"];
    let draft = Draft::new("arp.purpose", p, &fields)?.is(right);
    // The likeliest confusion first.
    let first = match kind {
        Kind::ArpRequest => "arp-answers",
        _ => "arp-asks",
    };
    let draft = draft.not(first);
    let others = KINDS.iter().map(|(_, id)| *id).filter(|id| id != right && *id != first);
    Some(others.fold(draft, Draft::not))
}

/// Whose address a frame has whose packet goes beyond the link.
pub fn off_link(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let gateway = p.around("hop.gateway")?.to_string();
    let answered = p.around("hop.gateway_packet")?.to_string().parse().ok()?;
    let (mac, dst) = (p.text("eth.dst")?, p.text("ip.dst")?);
    if gateway == dst || super::link::is_group(&mac) || gateway == p.text("ip.src")? {
        return None;
    }
    Some(
        Draft::new("arp.off-link", p, &["ip.dst", "eth.dst"])?
            .show(answered, "arp.src.proto_ipv4", gateway)
            .show(answered, "arp.src.hw_mac", mac)
            .is("mac-next-hop")
            .not("mac-final-host")
            .not("mac-every-router")
            .not("mac-switch"),
    )
}
