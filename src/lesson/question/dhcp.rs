//! Questions about DHCP. RFC 2131.

use super::dice::Dice;
use super::draft::Draft;
use super::facts::Facts;
use crate::flow::Kind;

/// Which message follows.
pub fn next(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let right = match p.any(&[Kind::DhcpDiscover, Kind::DhcpOffer, Kind::DhcpRequest])?.kind {
        Kind::DhcpDiscover => "dhcp-offer",
        Kind::DhcpOffer => "dhcp-request",
        _ => "dhcp-ack",
    };
    let draft = Draft::new("dhcp.next", p, &["dhcp.option.dhcp"])?.is(right);
    let order: [&str; 4] = match right {
        "dhcp-offer" => ["dhcp-ack", "dhcp-request", "dhcp-discover", "dhcp-ack"],
        "dhcp-request" => ["dhcp-ack", "dhcp-discover", "dhcp-release", "dhcp-ack"],
        _ => ["dhcp-offer", "dhcp-discover", "dhcp-release", "dhcp-offer"],
    };
    Some(order.into_iter().fold(draft, Draft::not))
}

/// Why the sender has no address.
pub fn source(p: &Facts, _: &mut Dice) -> Option<Draft> {
    p.any(&[Kind::DhcpDiscover, Kind::DhcpRequest])?;
    if p.text("ip.src")? != "0.0.0.0" {
        return None;
    }
    Some(
        Draft::new("dhcp.source", p, &["ip.src", "ip.dst", "dhcp.option.dhcp"])?
            .is("no-address-yet")
            .not("address-of-all")
            .not("address-hidden")
            .not("address-of-server"),
    )
}

/// Which address is offered.
pub fn offered(p: &Facts, _: &mut Dice) -> Option<Draft> {
    p.any(&[Kind::DhcpOffer, Kind::DhcpAck])?;
    let yours = p.text("dhcp.ip.your").filter(|ip| ip != "0.0.0.0")?;
    let (src, dst) = (p.text("ip.src")?, p.text("ip.dst")?);
    let mut draft = Draft::new("dhcp.offered", p, &["ip.src", "ip.dst", "dhcp.ip.client", "dhcp.ip.your"])?
        .right(yours)
        .wrong(src, "address-of-the-server")
        .wrong(p.text("dhcp.ip.client")?, "address-had-before");
    if dst == "255.255.255.255" {
        draft = draft.wrong(dst, "address-broadcast");
    }
    Some(draft)
}
