//! Questions about requests that somebody passes on: balancers, proxies; and about names that were used otherwise than DNS had it.
//! RFC 9110 section 3.7, RFC 9293 section 3.1.
//!
//! What earlier packets say of a packet (`relay.*`, `names.*`) decides them.

use super::dice::Dice;
use super::draft::Draft;
use super::facts::Facts;
use super::http::message;
use crate::flow::Kind;

/// What earlier packets say.
fn around(p: &Facts, name: &str) -> Option<String> {
    p.around(name).map(ToString::to_string)
}

/// A request that was passed on: the packet in front, the client, who was asked, who passed it on, to whom.
fn passed(p: &Facts) -> Option<(u64, String, String, String, String)> {
    message(p, Kind::HttpRequest)?;
    let front = around(p, "relay.packet")?.parse().ok()?;
    let (client, asked) = (around(p, "relay.client")?, around(p, "relay.front")?);
    let (from, to) = (p.text("ip.src")?, p.text("ip.dst")?);
    (to != asked && to != client).then_some((front, client, asked, from, to))
}

fn shown(stem: &'static str, p: &Facts) -> Option<(Draft, [String; 4])> {
    let (front, client, asked, from, to) = passed(p)?;
    let draft = Draft::new(stem, p, &["ip.src", "ip.dst"])?
        .with("front", front)
        .show(front, "ip.src in front", client.clone())
        .show(front, "ip.dst in front", asked.clone());
    Some((draft, [client, asked, from, to]))
}

/// Which server was chosen.
pub fn server(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let (draft, [client, asked, from, to]) = shown("relay.server", p)?;
    let draft = draft.right(to).wrong(asked, "server-is-front").wrong(client, "server-is-client");
    Some(draft.wrong(from, "server-is-relay"))
}

/// Whom the server takes for its client.
pub fn client(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let (draft, [client, asked, from, to]) = shown("relay.client", p)?;
    Some(
        draft
            .right(from)
            .wrong(client, "client-is-real")
            .wrong(asked, "client-is-front")
            .wrong(to, "client-is-itself"),
    )
}

/// Where an address came from that DNS does not give.
pub fn other_source(p: &Facts, _: &mut Dice) -> Option<Draft> {
    p.event(Kind::DnsResponse)?;
    let (used, address) = (around(p, "names.used_packet")?.parse().ok()?, around(p, "names.used_address")?);
    let given = p.texts("dns.a");
    if given.is_empty() || given.contains(&address) {
        return None;
    }
    let draft = Draft::new("dns.other-source", p, &["dns.qry.name"])?
        .show(p.number, "dns.a", given.join(" "))
        .with("used", used)
        .show(used, "ip.dst used", address);
    Some(draft.is("source-elsewhere").not("source-this-answer").not("source-arp").not("source-router"))
}
