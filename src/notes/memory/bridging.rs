//! Switches and broadcasts seen at several capture points: where a frame came out, and where it did not.
//!
//! A frame that is seen at a second capture point with the same hardware addresses and the same TTL was bridged; capture points that
//! frames join so are ports of one switch (or of switches joined by a trunk). Where a station's frames come in is its home.
//!
//! * `bridge.*`, with the copy of a bridged frame: `seen` at how many points by now, `ports` how many the switch has; `star` whether it is one, and
//!   not a cable with several taps: a frame between two of its ports was not seen at a third; `home` whether this is
//!   the addressee's home, told by its own frame `home_packet`; `away` whether its home is another; `hub` how often, by now, frames to it came
//!   out elsewhere after it had just shown where it is: a switch has no reason for a second time.
//! * `past.*`, with the copy of a bridged frame: the one to a single station before it, of the same switch, by now with all its copies:
//!   `packet`, `copy`, `seen`, `ports`, `home` and `home_packet` as above, `dst`.
//! * `reach.*`, with any frame: the broadcast before it at the same capture point, by now with all its copies: `packet`, `seen`, `ports`; `routed`
//!   whether a router joins this point to one that did not see it; `vlan` its tag, `other_vlan` the only one of a port that did not see it.
//!
//! Bounded: [`MAX_KNOWN`] stations, then all are forgotten; [`MAX_OPEN`] frames whose copies are waited for; [`MAX_PORTS`] capture points.
//! Leaves out: capture points beyond that; what spanning tree decides.

use std::collections::{HashMap, HashSet, VecDeque};

use arrayvec::ArrayVec;
use foldhash::fast::RandomState;

use crate::capture::Frame;
use crate::decode::{Header, Packet};
use crate::flow::{Datum, Event, FlowId, Kind, Outcome};
use crate::notes::expression::{self, Operand};
use crate::protocol::Protocol;

use super::Memory;

/// Stations remembered.
const MAX_KNOWN: usize = 16_384;
/// Frames whose copies are waited for.
const MAX_OPEN: usize = 256;
/// Capture points told apart.
const MAX_PORTS: usize = 32;
/// Frames up to this size are not cut or glued on their way, bytes.
const SMALL: usize = 600;
/// After this time no further copy comes, nanoseconds.
const SETTLED_NS: i64 = 20_000_000;

/// The names, and the kinds of their values.
pub const NAMES: &[(&str, expression::Kind)] = &[
    ("bridge.seen", expression::Kind::Number),
    ("bridge.ports", expression::Kind::Number),
    ("bridge.star", expression::Kind::Flag),
    ("bridge.home", expression::Kind::Flag),
    ("bridge.home_packet", expression::Kind::Number),
    ("bridge.away", expression::Kind::Flag),
    ("bridge.hub", expression::Kind::Number),
    ("past.packet", expression::Kind::Number),
    ("past.copy", expression::Kind::Number),
    ("past.seen", expression::Kind::Number),
    ("past.ports", expression::Kind::Number),
    ("past.home", expression::Kind::Flag),
    ("past.home_packet", expression::Kind::Number),
    ("past.dst", expression::Kind::Mac),
    ("reach.packet", expression::Kind::Number),
    ("reach.seen", expression::Kind::Number),
    ("reach.ports", expression::Kind::Number),
    ("reach.routed", expression::Kind::Flag),
    ("reach.vlan", expression::Kind::Number),
    ("reach.other_vlan", expression::Kind::Number),
];

type Mac = [u8; 6];

/// A frame and where it was seen.
#[derive(Debug, Clone)]
struct Sighting {
    packet: u64,
    time_ns: i64,
    src: Mac,
    dst: Mac,
    vlan: Option<u16>,
    small: bool,
    /// Where, the first point first.
    points: ArrayVec<u32, 8>,
    copy: Option<u64>,
    /// All copies came out at the addressee's home, which that frame of its own had told.
    home: Option<u64>,
}

/// What a station's own frames have told.
#[derive(Debug, Clone, Copy)]
struct Home {
    point: u32,
    packet: u64,
    /// The last frame to it that came out elsewhere, and how many did after it had shown where it is.
    strayed: u64,
    strays: u64,
}

#[derive(Debug, Clone, Default)]
struct Bridged {
    seen: usize,
    ports: usize,
    star: bool,
    home: Option<(bool, u64)>,
    hub: u64,
}

#[derive(Debug, Default)]
struct Now {
    bridged: Option<Bridged>,
    past: Option<(Sighting, usize)>,
    reach: Option<(Sighting, usize, bool, Option<u16>)>,
}

/// The memory.
#[derive(Debug, Default)]
pub struct Bridging {
    now: Now,
    open: VecDeque<Sighting>,
    homes: HashMap<Mac, Home, RandomState>,
    /// Which switch a capture point belongs to, by the lowest of its points.
    switch_of: HashMap<u32, u32, RandomState>,
    routed: HashSet<(u32, u32), RandomState>,
    /// Ports of which it is known that a frame between two others does not get there.
    apart: HashSet<u32, RandomState>,
    vlans: HashMap<u32, ArrayVec<u16, 8>, RandomState>,
    /// By switch, the latest frame to one station that has all its copies.
    past: HashMap<u32, Sighting, RandomState>,
    /// By capture point, the latest broadcast.
    casts: HashMap<u32, Sighting, RandomState>,
}

impl Bridging {
    fn switch(&self, point: u32) -> u32 {
        self.switch_of.get(&point).copied().unwrap_or(point)
    }

    fn points_of(&self, point: u32) -> impl Iterator<Item = u32> + '_ {
        let switch = self.switch(point);
        self.switch_of.iter().filter(move |(_, s)| **s == switch).map(|(p, _)| *p)
    }

    fn join(&mut self, a: u32, b: u32) {
        if self.switch_of.len() >= MAX_PORTS {
            return;
        }
        let (a, b) = (self.switch_of.get(&a).copied().unwrap_or(a), {
            self.switch_of.entry(a).or_insert(a);
            *self.switch_of.entry(b).or_insert(b)
        });
        if a != b {
            self.switch_of.values_mut().filter(|s| **s == a.max(b)).for_each(|s| *s = a.min(b));
        }
    }

    /// Frames whose copies have all come by now.
    fn settle(&mut self, now_ns: i64) {
        let due = |s: &Sighting| now_ns - s.time_ns > SETTLED_NS;
        while self.open.len() > MAX_OPEN || self.open.front().is_some_and(due) {
            let Some(frame) = self.open.pop_front() else { return };
            let Some(point) = frame.points.first().copied() else { continue };
            if frame.dst == [0xff; 6] {
                if self.casts.len() < MAX_PORTS || self.casts.contains_key(&point) {
                    self.casts.insert(point, frame);
                }
            } else if frame.dst[0] & 1 == 0 && frame.points.len() > 1 {
                self.tells_apart(&frame);
                self.past.insert(self.switch(point), frame);
            }
        }
    }

    /// What a frame between two stations, seen at their homes only, says of the other ports.
    fn tells_apart(&mut self, frame: &Sighting) {
        let home = |mac: Mac| self.homes.get(&mac).map(|home| home.point);
        let ends = [home(frame.src), home(frame.dst)];
        let between = frame.points.len() == 2 && frame.points.iter().all(|p| ends.contains(&Some(*p)));
        if !between || !frame.small || ends[0] == ends[1] {
            return;
        }
        let others: ArrayVec<u32, MAX_PORTS> =
            self.points_of(frame.points[0]).filter(|p| !frame.points.contains(p)).take(MAX_PORTS).collect();
        self.apart.extend(others);
    }

    /// A copy of a frame at another port.
    fn bridged(&mut self, frame: &Frame<'_>, original: u64, macs: (Mac, Mac), vlan: Option<u16>) {
        let Some(at) = self.open.iter().position(|s| s.packet == original && (s.src, s.dst) == macs) else {
            return;
        };
        let here = frame.interface;
        let first = self.open[at].points[0];
        self.join(first, here);
        if let Some(vlan) = vlan.or(self.open[at].vlan) {
            for point in [first, here] {
                let known = self.vlans.entry(point).or_default();
                if !known.contains(&vlan) {
                    let _ = known.try_push(vlan);
                }
            }
            self.open[at].vlan = Some(vlan);
        }
        let (src, dst) = macs;
        if self.homes.len() >= MAX_KNOWN && !self.homes.contains_key(&src) {
            self.homes.clear();
        }
        let new = Home { point: first, packet: original, strayed: 0, strays: 0 };
        let home = self.homes.entry(src).or_insert(new);
        (home.point, home.packet) = (first, original);
        let mut told = None;
        let mut hub = 0;
        if let Some(home) = self.homes.get_mut(&dst).filter(|_| dst[0] & 1 == 0) {
            told = Some((home.point == here, home.packet));
            if home.point != here && home.strayed != original {
                home.strays += u64::from(home.strayed > 0 && home.packet > home.strayed);
                home.strayed = original;
            }
            hub = home.strays;
        }
        let sighting = &mut self.open[at];
        if !sighting.points.contains(&here) {
            let _ = sighting.points.try_push(here);
        }
        sighting.home = told.filter(|(home, _)| *home && sighting.copy.is_none()).map(|(_, packet)| packet);
        sighting.copy = Some(frame.number);
        let seen = sighting.points.len();
        let ports = self.points_of(here).count();
        let star = self.points_of(here).any(|port| self.apart.contains(&port));
        self.now.bridged = Some(Bridged { seen, ports, star, home: told, hub });
        // Told once.
        self.now.past = self.past.remove(&self.switch(here)).map(|past| (past, ports));
    }

    /// What became of the broadcast before this frame.
    fn reach(&mut self, point: u32) {
        let Some(cast) = self.casts.get(&point) else { return };
        let missed = |p: u32| !cast.points.contains(&p);
        let routed = self
            .routed
            .iter()
            .any(|(a, b)| *a == point && missed(*b) && self.switch(*b) != self.switch(point));
        let other = cast.vlan.and_then(|vlan| {
            self.points_of(point)
                .filter(|p| missed(*p))
                .filter_map(|p| self.vlans.get(&p))
                .find_map(|vlans| (vlans.len() == 1 && vlans[0] != vlan).then_some(vlans[0]))
        });
        self.now.reach = Some((cast.clone(), self.points_of(point).count(), routed, other));
    }
}

impl Memory for Bridging {
    fn packet(&mut self, frame: &Frame<'_>, packet: &Packet<'_>, outcome: &Outcome) {
        self.now = Now::default();
        let Some(Header::Ethernet(e)) = packet.layers.first().map(|layer| &layer.header) else { return };
        self.settle(frame.time_ns);
        let vlan = packet.layers.iter().find(|layer| layer.protocol == Protocol::Vlan).and_then(|layer| {
            let tag = frame.bytes.get(layer.start..layer.start + 2)?;
            Some(u16::from_be_bytes([tag[0], tag[1]]) & 0xfff)
        });
        let copy = |e: &&Event| e.kind == Kind::CaptureCopy && e.packet == frame.number;
        let Some(event) = outcome.events.iter().find(copy) else {
            let mut points = ArrayVec::new();
            points.push(frame.interface);
            self.open.push_back(Sighting {
                packet: frame.number,
                time_ns: frame.time_ns,
                src: e.src,
                dst: e.dst,
                vlan,
                small: frame.bytes.len() <= SMALL,
                points,
                copy: None,
                home: None,
            });
            return self.reach(frame.interface);
        };
        let (Some(&Datum::Uint(original)), Some(&Datum::Uint(from))) =
            (event.get("original"), event.get("original_interface"))
        else {
            return;
        };
        if from == u64::from(frame.interface) {
            return;
        }
        match event.variant {
            "" | "frame" => self.bridged(frame, original, (e.src, e.dst), vlan),
            "forwarded" if self.routed.len() < MAX_PORTS * MAX_PORTS => {
                let from = from as u32;
                self.routed.extend([(from, frame.interface), (frame.interface, from)]);
            }
            _ => {}
        }
    }

    fn values(&self, name: &str, _: Option<FlowId>, each: &mut dyn FnMut(Operand<'_>)) {
        let Some((area, field)) = name.split_once('.') else { return };
        match area {
            "bridge" => self.now.bridged.iter().for_each(|b| of_bridged(b, field, each)),
            "past" => self.now.past.iter().for_each(|(s, ports)| of_past(s, *ports, field, each)),
            "reach" => {
                let Some((cast, ports, routed, other)) = &self.now.reach else { return };
                let value = match field {
                    "packet" => Some(cast.packet as usize),
                    "seen" => Some(cast.points.len()),
                    "ports" => Some(*ports),
                    "vlan" => cast.vlan.map(usize::from),
                    "other_vlan" => other.map(usize::from),
                    "routed" => return each(Operand::Bool(*routed)),
                    _ => None,
                };
                value.iter().for_each(|n| each(Operand::Int(*n as i128)));
            }
            _ => {}
        }
    }
}

fn of_bridged(bridged: &Bridged, field: &str, each: &mut dyn FnMut(Operand<'_>)) {
    match (field, bridged.home) {
        ("seen", _) => each(Operand::Int(bridged.seen as i128)),
        ("ports", _) => each(Operand::Int(bridged.ports as i128)),
        ("star", _) => each(Operand::Bool(bridged.star)),
        ("hub", _) => each(Operand::Int(bridged.hub.into())),
        ("home", Some((home, _))) => each(Operand::Bool(home)),
        ("away", Some((home, _))) => each(Operand::Bool(!home)),
        ("home_packet", Some((_, packet))) => each(Operand::Int(packet.into())),
        _ => {}
    }
}

fn of_past(past: &Sighting, ports: usize, field: &str, each: &mut dyn FnMut(Operand<'_>)) {
    let mut int = |n: u64| each(Operand::Int(n.into()));
    match (field, past.copy, past.home) {
        ("packet", ..) => int(past.packet),
        ("copy", Some(copy), _) => int(copy),
        ("seen", ..) => int(past.points.len() as u64),
        ("ports", ..) => int(ports as u64),
        ("home_packet", _, Some(packet)) => int(packet),
        ("home", _, home) => each(Operand::Bool(home.is_some())),
        ("dst", ..) => each(Operand::Mac(past.dst)),
        _ => {}
    }
}
