//! Questions about DNS. RFC 1034, RFC 1035, RFC 2308 section 2.

use super::dice::Dice;
use super::draft::Draft;
use super::facts::Facts;
use crate::flow::{Datum, Event, Kind};
use crate::protocol::Protocol;

/// A query of the usual kind, or the usual answer to one: no multicast, no update.
fn message(p: &Facts, kind: Kind) -> Option<&Event> {
    let event = p.event(kind)?;
    let plain =
        event.get("opcode").is_none() && event.get("name").is_some() && event.get("decrypted").is_none();
    let odd = matches!(
        event.variant,
        "multicast" | "probe" | "transfer" | "no-question" | "announcement" | "goodbye"
    );
    (plain && !odd && p.layer(Protocol::Dns).is_some()).then_some(event)
}

/// What is asked for.
pub fn kind(p: &Facts, _: &mut Dice) -> Option<Draft> {
    message(p, Kind::DnsQuery)?;
    const TYPES: &[(u64, &str)] = &[
        (1, "asks-a"),
        (28, "asks-aaaa"),
        (15, "asks-mx"),
        (12, "asks-ptr"),
        (2, "asks-ns"),
        (5, "asks-cname"),
        (16, "asks-txt"),
        (6, "asks-soa"),
        (33, "asks-srv"),
    ];
    let asked = p.uint("dns.qry.type").filter(|_| p.count("dns.qry.type") == 1)?;
    let (_, right) = TYPES.iter().find(|(number, _)| *number == asked)?;
    let draft = Draft::new("dns.type", p, &["dns.qry.name", "dns.qry.type"])?.is(right);
    let first = match *right {
        "asks-a" => "asks-aaaa",
        "asks-ptr" => "asks-a",
        _ => "asks-a",
    };
    let draft = draft.not(first);
    Some(TYPES.iter().filter(|(_, id)| *id != first).fold(draft, |draft, (_, id)| draft.not(id)))
}

/// Who asks for recursion, who offers it.
pub fn recursion(p: &Facts, _: &mut Dice) -> Option<Draft> {
    if message(p, Kind::DnsQuery).is_some() {
        let draft = Draft::new("dns.recursion", p, &["dns.flags.response", "dns.flags.recdesired"])?;
        return Some(if p.flag("dns.flags.recdesired") {
            draft.is("rd-find-all").not("rd-is-ra").not("rd-iterative").not("rd-authoritative")
        } else {
            draft.is("rd-iterative").not("rd-find-all").not("rd-is-ra").not("rd-authoritative")
        });
    }
    message(p, Kind::DnsResponse)?;
    let fields = ["dns.flags.response", "dns.flags.recdesired", "dns.flags.recavail"];
    let draft = Draft::new("dns.recursion/answer", p, &fields)?;
    let (desired, available) = (p.flag("dns.flags.recdesired"), p.flag("dns.flags.recavail"));
    Some(match (desired, available) {
        (true, true) => draft.is("ra-both").not("ra-only-asked").not("ra-only-offered").not("ra-neither"),
        (true, false) => draft.is("ra-only-asked").not("ra-both").not("ra-only-offered").not("ra-neither"),
        (false, true) => draft.is("ra-only-offered").not("ra-both").not("ra-only-asked").not("ra-neither"),
        (false, false) => draft.is("ra-neither").not("ra-both").not("ra-only-asked").not("ra-only-offered"),
    })
}

/// The number that the answer has.
pub fn answer_id(p: &Facts, dice: &mut Dice) -> Option<Draft> {
    message(p, Kind::DnsQuery)?;
    let id = p.uint("dns.id")?;
    let hex = |n: u64| format!("0x{:04x}", n & 0xffff);
    Some(
        Draft::new("dns.answer-id", p, &["dns.id"])?
            .right(hex(id))
            .wrong(hex(id + 1), "id-counts-on")
            .wrong(hex(dice.below(0x1_0000)), "id-own")
            .wrong(hex(!id), "id-inverted"),
    )
}

/// How long an answer may be kept.
pub fn ttl(p: &Facts, _: &mut Dice) -> Option<Draft> {
    message(p, Kind::DnsResponse)?;
    // Of several records all must say the same.
    let answers = usize::try_from(p.uint("dns.count.answers")?).ok()?;
    let ttls = p.uints("dns.resp.ttl");
    let ttl = *ttls.first().filter(|ttl| (10..=604_800).contains(*ttl))?;
    if answers == 0 || ttls.len() < answers || ttls[..answers].iter().any(|other| *other != ttl) {
        return None;
    }
    let gone = ttl / 3;
    Some(
        Draft::new("dns.ttl", p, &["dns.qry.name", "dns.resp.ttl"])?
            .with("gone", gone)
            .right(ttl - gone)
            .wrong(ttl, "ttl-begins-again")
            .wrong(gone, "ttl-is-age")
            .wrong(ttl + gone, "ttl-grows"),
    )
}

/// What the answer's code says.
pub fn rcode(p: &Facts, _: &mut Dice) -> Option<Draft> {
    message(p, Kind::DnsResponse)?;
    let answers = p.uint("dns.count.answers")?;
    let draft = Draft::new("dns.rcode", p, &["dns.qry.name", "dns.flags.rcode", "dns.count.answers"])?;
    Some(match p.uint("dns.flags.rcode")? {
        0 if answers == 0 && p.uint("dns.count.auth_rr")? > 0 && p.flag("dns.flags.authoritative") => {
            draft.is("name-without-type").not("name-unknown").not("name-server-failed").not("name-answered")
        }
        0 if answers > 0 => {
            draft.is("name-answered").not("name-unknown").not("name-without-type").not("name-server-failed")
        }
        2 => draft.is("name-server-failed").not("name-unknown").not("name-refused").not("name-answered"),
        3 => draft.is("name-unknown").not("name-without-type").not("name-server-failed").not("name-answered"),
        5 => draft.is("name-refused").not("name-unknown").not("name-server-failed").not("name-answered"),
        _ => return None,
    })
}

/// Whether the answer comes from those who know.
pub fn authoritative(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let event = message(p, Kind::DnsResponse)?;
    if !matches!(event.get("answers"), Some(Datum::Uint(1..))) {
        return None;
    }
    let draft = Draft::new("dns.authoritative", p, &["dns.flags.authoritative", "dns.flags.recavail"])?;
    Some(if p.flag("dns.flags.authoritative") {
        draft.is("from-zone").not("from-cache").not("from-root").not("from-signed")
    } else {
        draft.is("from-cache").not("from-zone").not("from-root").not("from-signed")
    })
}

/// What is done about an answer that does not fit.
pub fn truncated(p: &Facts, _: &mut Dice) -> Option<Draft> {
    message(p, Kind::DnsResponse)?;
    if !p.flag("dns.flags.truncated") || p.layer(Protocol::Udp).is_none() {
        return None;
    }
    Some(
        Draft::new("dns.truncated", p, &["dns.flags.truncated", "udp.length"])?
            .is("again-over-tcp")
            .not("rest-follows")
            .not("name-unknown")
            .not("ask-another"),
    )
}

/// Addresses that are shown of many.
const SHOWN: usize = 6;

/// Which of several addresses is taken.
pub fn several(p: &Facts, _: &mut Dice) -> Option<Draft> {
    message(p, Kind::DnsResponse)?;
    let mut addresses = p.texts("dns.a");
    addresses.dedup();
    if addresses.len() < 2 || p.uint("dns.qry.type")? != 1 || p.uint("dns.flags.rcode")? != 0 {
        return None;
    }
    let mut shown = addresses.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(" ");
    if addresses.len() > SHOWN {
        shown.push_str(" …");
    }
    let draft = Draft::new("dns.several", p, &["dns.qry.name"])?.show(p.number, "dns.a", shown);
    Some(draft.is("several-any").not("several-idle").not("several-all").not("several-spare"))
}
