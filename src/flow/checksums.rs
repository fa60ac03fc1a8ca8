//! Checksums of a packet's layers: told where they are wrong, and once where the sender left them to its card, or somebody
//! changed addresses and not the sums (`rewritten`).
//!
//! The verdict is `decode::verify`'s; here it becomes an event, and Wireshark's `<protocol>.checksum.status`
//! (0 bad, 1 good, 2 not verified, 3 not present).

use super::event::{Datum, Event, Kind};
use super::rewritten::{Pairs, Rewritten, Wrong};
use crate::capture::Frame;
use crate::decode::{self, Computed, Header, Packet};
use crate::protocol::Protocol;
use crate::protocol::checksum::{Checksum, Ends};
use crate::wire::{Field, Value};

/// A wrong sum is damage on the way where it is rare: for each one, so many that are right. Where every packet of a capture
/// has a wrong one (addresses rewritten, sums left to a card that marks nothing), packets were received all the same.
const RIGHT_FOR_WRONG: u64 = 16;

/// Remembers what was told, and how many sums were right.
#[derive(Debug, Default)]
pub struct Checksums {
    told_offload: bool,
    right: u64,
    wrong: u64,
    /// Packets whose TCP or UDP sum is right: a router mends that of IP.
    sound: u64,
    doubtful: bool,
    pairs: Pairs,
}

static IP: Field = Field::new("ip.checksum.status");
static TCP: Field = Field::new("tcp.checksum.status");
static UDP: Field = Field::new("udp.checksum.status");
static ICMP: Field = Field::new("icmp.checksum.status");
static ICMPV6: Field = Field::new("icmpv6.checksum.status");
static IGMP: Field = Field::new("igmp.checksum.status");
static VRRP: Field = Field::new("vrrp.checksum.status");

fn status_field(protocol: Protocol) -> Option<&'static Field> {
    Some(match protocol {
        Protocol::Ipv4 => &IP,
        Protocol::Tcp => &TCP,
        Protocol::Udp => &UDP,
        Protocol::Icmp => &ICMP,
        Protocol::Icmpv6 => &ICMPV6,
        Protocol::Igmp => &IGMP,
        Protocol::Vrrp => &VRRP,
        _ => return None,
    })
}

impl Checksums {
    /// Whether the packet looked at last has a wrong sum in a capture where most are right. Too few may be right yet to say that
    /// it was dropped; but what it says is no evidence against another.
    pub fn doubtful(&self) -> bool {
        self.doubtful
    }

    /// Checks every layer of a packet. Returns whether it was damaged on its way, so that its receiver drops it: IP by the
    /// header's sum (RFC 1122 section 3.2.1.2), TCP and UDP by their own (RFC 9293 section 3.1, RFC 768).
    pub fn check(
        &mut self,
        frame: &Frame<'_>,
        packet: &Packet<'_>,
        computed: Option<&mut Vec<Computed>>,
        events: &mut Vec<Event>,
    ) -> bool {
        let (mut bad, mut sound) = (Vec::new(), false);
        let mut statuses = computed;
        for (index, layer) in packet.layers.iter().enumerate() {
            let Some(field) = status_field(layer.protocol) else { continue };
            let Some(checksum) = decode::verify(frame, packet, index) else { continue };
            let status = match checksum {
                Checksum::Bad { .. } => 0,
                Checksum::Good => 1,
                Checksum::Offloaded | Checksum::Unverifiable => 2,
                Checksum::Absent => 3,
            };
            if let Some(statuses) = &mut statuses {
                let (protocol, at) = (layer.protocol, Some(layer.start));
                statuses.push(Computed { protocol, at, field, value: Value::Uint(status) });
            }
            let event = |kind| about(kind, frame.number, layer.protocol);
            match checksum {
                Checksum::Good => {
                    self.right += 1;
                    sound |= matches!(layer.protocol, Protocol::Tcp | Protocol::Udp);
                    if self.pairs.is_any()
                        && let Some(ends) = summed(packet, index)
                    {
                        self.pairs.right(ends, layer.protocol);
                    }
                }
                Checksum::Bad { expected, found, length } => {
                    bad.push((index, Wrong { packet: frame.number, expected, found, length }));
                }
                Checksum::Offloaded if !self.told_offload => {
                    self.told_offload = true;
                    let variant = if is_loopback(packet) { "loopback" } else { "" };
                    events.push(event(Kind::ChecksumOffloaded).variant(variant));
                }
                _ => {}
            }
        }
        let damaged = self.wrong(packet, &bad, events);
        self.doubtful = damaged && self.sound > self.wrong;
        if !damaged {
            self.sound += u64::from(sound);
            return false;
        }
        self.wrong += 1;
        self.right >= RIGHT_FOR_WRONG * self.wrong
    }

    /// Tells of wrong sums. Whether one of them is damage that makes a receiver drop the packet.
    fn wrong(&mut self, packet: &Packet<'_>, bad: &[(usize, Wrong)], events: &mut Vec<Event>) -> bool {
        let mut damaged = false;
        let mut rest = bad;
        while let [(index, wrong), behind @ ..] = rest {
            rest = behind;
            let protocol = packet.layers[*index].protocol;
            let rewritten = match (summed(packet, *index), behind) {
                (None, _) => None,
                // The header's sum is settled with that of the segment in it.
                (Some(ends), [(inside, other), further @ ..])
                    if protocol == Protocol::Ipv4
                        && *inside == index + 1
                        && other.difference() == wrong.difference()
                        && summed(packet, *inside).is_some() =>
                {
                    rest = further;
                    Some((ends, self.pairs.both(ends, packet.layers[*inside].protocol, *wrong, *other)))
                }
                (Some(ends), _) => self.pairs.look(ends, protocol, *wrong).map(|rewritten| (ends, rewritten)),
            };
            if let Some((ends, rewritten)) = rewritten {
                if rewritten != Rewritten::Known {
                    let event = about(Kind::CaptureRewritten, wrong.packet, protocol);
                    events.push(told(rewritten, event, ends, protocol));
                }
                continue;
            }
            damaged |= matches!(protocol, Protocol::Ipv4 | Protocol::Tcp | Protocol::Udp);
            events.push(
                about(Kind::ChecksumBad, wrong.packet, protocol)
                    .with("found", Datum::Text(format!("0x{:04x}", wrong.found)))
                    .with("expected", Datum::Text(format!("0x{:04x}", wrong.expected))),
            );
        }
        damaged
    }
}

fn about(kind: Kind, number: u64, protocol: Protocol) -> Event {
    Event::new(kind, number, None).with("protocol", Datum::Text(protocol.field().name.into()))
}

/// Between which addresses a sum holds that has to do with addresses.
fn summed(packet: &Packet<'_>, index: usize) -> Option<Ends> {
    let ip = match packet.layers[index].protocol {
        Protocol::Ipv4 => index,
        Protocol::Tcp | Protocol::Udp => index.checked_sub(1)?,
        _ => return None,
    };
    decode::ends(&packet.layers[ip])
}

/// What changed addresses are told with.
fn told(rewritten: Rewritten, event: Event, ends: Ends, protocol: Protocol) -> Event {
    let (src, dst) = ends.addresses();
    let event = event.with("src", Datum::Ip(src)).with("dst", Datum::Ip(dst));
    let (original, variant) = match rewritten {
        Rewritten::Known => return event,
        Rewritten::Both => return event.variant("both"),
        Rewritten::Alike { first } => (first, if protocol == Protocol::Ipv4 { "header" } else { "" }),
        Rewritten::Lengths { first } => (first, "offloaded"),
    };
    event.variant(variant).with("original", Datum::Uint(original))
}

/// Whether it passed the interface on which a machine talks to itself: Linux gives it no hardware addresses, BSD a header of
/// its own.
fn is_loopback(packet: &Packet<'_>) -> bool {
    packet.layers.first().is_some_and(|layer| match &layer.header {
        Header::Ethernet(e) => e.src == [0; 6] && e.dst == [0; 6],
        _ => layer.protocol == Protocol::Null,
    })
}
