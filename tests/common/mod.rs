//! What must hold of every frame, whatever it contains, and the walk that looks: reader, decoder, follower, tree.
//!
//! Shared by `properties.rs`, `corpus.rs` and the fuzz targets. A breach is an `Err` that says where and what.
#![allow(dead_code)] // each test uses its part

use std::fmt::Write;
use std::sync::OnceLock;

use pcaplain::capture::bundled::BUNDLED;
use pcaplain::capture::{self, Damage, Frame, Source};
use pcaplain::decode::{self, Header, Layer, Packet};
use pcaplain::flow::{Outcome, Tracker};
use pcaplain::wire::{Node, NodeKind, Tree, Value};

/// What was broken, and where.
pub type Held = Result<(), String>;

/// More than one packet can honestly bring: a guard against output that grows without bound.
const MAX_EVENTS: usize = 400_000;

/// The program's path for frames, with every property looked at on the way.
pub struct Walk {
    tracker: Tracker,
    outcome: Outcome,
    tree: Tree,
    spans: Vec<(usize, usize, &'static str)>,
    /// Frames taken in.
    pub frames: u64,
    /// Events told.
    pub events: u64,
}

impl Default for Walk {
    /// With the secrets that the bundled captures bring along, so that mutants of what they hold are decrypted, too.
    fn default() -> Walk {
        static SECRETS: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
        let secrets = SECRETS.get_or_init(|| {
            let sources = BUNDLED.iter().filter_map(|b| capture::open(&format!("@{}", b.name)).ok());
            sources.flat_map(|source| source.secrets().take()).collect()
        });
        let mut tracker = Tracker::default();
        secrets.iter().for_each(|text| tracker.add_secrets(text));
        let (outcome, tree, spans) = (Outcome::default(), Tree::default(), Vec::new());
        Walk { tracker, outcome, tree, spans, frames: 0, events: 0 }
    }
}

impl Walk {
    /// Takes in the next frame.
    pub fn frame(&mut self, frame: &Frame<'_>) -> Held {
        self.frames += 1;
        let packet = decode::decode(frame);
        layers_nest(frame, &packet).map_err(|e| at(frame, &e))?;
        self.outcome.wants_context = true;
        self.tracker.process(frame, &packet, &mut self.outcome);
        self.told().map_err(|e| at(frame, &e))?;
        decode::build(frame, &packet, &self.outcome.context, &mut self.tree);
        tiles(frame.bytes, &self.tree, &mut self.spans).map_err(|e| at(frame, &e))?;
        lanes_agree(frame.bytes, &packet, &self.tree).map_err(|e| at(frame, &e))
    }

    /// The capture is over.
    pub fn finish(&mut self) -> Held {
        self.tracker.finish(&mut self.outcome);
        self.told()
    }

    /// Reads a source to its end. Damage is no breach: it is what a broken capture has to give.
    pub fn source(&mut self, source: &mut dyn Source) -> Result<Option<Damage>, String> {
        loop {
            match source.next() {
                Ok(Some(frame)) => self.frame(&frame)?,
                Ok(None) => break,
                Err(damage) => {
                    self.finish()?;
                    return Ok(Some(damage));
                }
            }
        }
        self.finish()?;
        Ok(None)
    }

    /// What was told is of frames that there were, and not without end.
    fn told(&mut self) -> Held {
        let outcome = &self.outcome;
        self.events += outcome.events.len() as u64;
        if outcome.events.len() + outcome.states.len() > MAX_EVENTS {
            return Err(format!("{} events at once", outcome.events.len()));
        }
        Ok(())
    }
}

fn at(frame: &Frame<'_>, what: &str) -> String {
    let mut hex = String::new();
    for byte in frame.bytes.iter().take(160) {
        let _ = write!(hex, "{byte:02x}");
    }
    let (number, link, length) = (frame.number, frame.link_type, frame.bytes.len());
    format!("frame {number} (link type {link}, {length} bytes): {what}\n    {hex}")
}

/// Layers lie in the frame, begin before they end, and never end after the one that carries them.
pub fn layers_nest(frame: &Frame<'_>, packet: &Packet<'_>) -> Held {
    let mut outer = (0, frame.bytes.len());
    for l in &packet.layers {
        let ordered =
            outer.0 <= l.start && l.start <= l.header_end && l.header_end <= l.end && l.end <= outer.1;
        if !ordered {
            let (start, header_end, end) = (l.start, l.header_end, l.end);
            return Err(format!("{:?} {start}..{header_end}..{end} is not within {outer:?}", l.protocol));
        }
        outer = (l.header_end, l.end);
    }
    Ok(())
}

/// Each bit of the frame, and of each buffer put together from several frames, lies in exactly one leaf.
pub fn tiles(frame: &[u8], tree: &Tree, spans: &mut Vec<(usize, usize, &'static str)>) -> Held {
    for buffer in 0..=tree.buffers.len() {
        let length = if buffer == 0 { frame.len() } else { tree.buffers[buffer - 1].len() };
        spans.clear();
        let own = |n: &&Node| n.kind == NodeKind::Leaf && usize::from(n.buffer) == buffer;
        spans.extend(tree.nodes.iter().filter(own).map(|n| (n.bit, n.bits, n.field.name)));
        spans.sort_unstable();
        let (mut next, mut before) = (0, "the beginning");
        for &(bit, bits, name) in spans.iter() {
            if bits == 0 {
                return Err(format!("buffer {buffer}: {name} owns nothing at bit {bit}"));
            }
            if bit != next {
                let what = if bit > next { "nobody owns" } else { "two own" };
                let (low, high) = (bit.min(next), bit.max(next));
                return Err(format!(
                    "buffer {buffer}: {what} bits {low}..{high}, between {before} and {name}"
                ));
            }
            next = bit + bits;
            before = name;
        }
        if next != length * 8 {
            return Err(format!("buffer {buffer}: leaves end at bit {next} of {} with {before}", length * 8));
        }
    }
    Ok(())
}

/// The tree has the layers that the fast lane found, in that order, and gives their headers the same values.
pub fn lanes_agree(frame: &[u8], packet: &Packet<'_>, tree: &Tree) -> Held {
    let mut shown = tree.nodes.iter().enumerate().filter(|(_, n)| n.kind == NodeKind::Layer && n.buffer == 0);
    for layer in &packet.layers {
        let name = layer.protocol.field().name;
        let found = shown.find(|(_, n)| n.field.name == name && n.offset() == layer.start);
        let Some((index, _)) = found else {
            return Err(format!("the tree has no layer {name} at byte {}", layer.start));
        };
        let nodes = &tree.nodes[index + 1..];
        let end = nodes.iter().position(|n| n.kind == NodeKind::Layer).unwrap_or(nodes.len());
        header_agrees(frame, layer, &nodes[..end]).map_err(|e| format!("in {name}: {e}"))?;
    }
    Ok(())
}

fn header_agrees(frame: &[u8], layer: &Layer<'_>, nodes: &[Node]) -> Held {
    let is = |name: &str, want: Value| match nodes.iter().find(|n| n.field.name == name) {
        Some(node) if node.value == want => Ok(()),
        Some(node) => Err(format!("{name} is {want:?} in the fast lane, {:?} in the tree", node.value)),
        None => Err(format!("{name} is {want:?} in the fast lane, missing in the tree")),
    };
    let number = |n: u64| Value::Uint(n);
    match &layer.header {
        Header::None => Ok(()),
        Header::Ethernet(e) => {
            is("eth.dst", Value::Mac(e.dst))?;
            is("eth.src", Value::Mac(e.src))
        }
        Header::Arp(a) => {
            is("arp.hw.type", number(a.hw_addr_type().0.into()))?;
            is("arp.hw.size", number(a.hw_addr_size().into()))?;
            is("arp.opcode", number(a.operation().0.into()))
        }
        Header::Ipv4(h) => {
            is("ip.len", number(h.total_len().into()))?;
            is("ip.id", number(h.identification().into()))?;
            is("ip.ttl", number(h.ttl().into()))?;
            is("ip.proto", number(h.protocol().0.into()))?;
            is("ip.checksum", number(h.header_checksum().into()))?;
            is("ip.src", Value::Ipv4(h.source()))?;
            is("ip.dst", Value::Ipv4(h.destination()))
        }
        Header::Ipv6(h) => {
            is("ipv6.plen", number(h.payload_length().into()))?;
            is("ipv6.nxt", number(h.next_header().0.into()))?;
            is("ipv6.hlim", number(h.hop_limit().into()))?;
            is("ipv6.flow", number(h.flow_label().value().into()))?;
            is("ipv6.src", Value::Ipv6(h.source()))?;
            is("ipv6.dst", Value::Ipv6(h.destination()))
        }
        Header::Icmp(h) => {
            is("icmp.type", number(h.kind.into()))?;
            is("icmp.code", number(h.code.into()))
        }
        Header::Icmpv6(h) => {
            is("icmpv6.type", number(h.kind.into()))?;
            is("icmpv6.code", number(h.code.into()))
        }
        Header::Tcp(t) => {
            is("tcp.srcport", number(t.source_port().into()))?;
            is("tcp.dstport", number(t.destination_port().into()))?;
            is("tcp.seq_raw", number(t.sequence_number().into()))?;
            is("tcp.ack_raw", number(t.acknowledgment_number().into()))?;
            is("tcp.window_size_value", number(t.window_size().into()))?;
            is("tcp.checksum", number(t.checksum().into()))?;
            is("tcp.flags.syn", Value::Flag(t.syn()))?;
            is("tcp.flags.ack", Value::Flag(t.ack()))?;
            is("tcp.flags.fin", Value::Flag(t.fin()))?;
            is("tcp.flags.reset", Value::Flag(t.rst()))
        }
        Header::Udp(u) => {
            is("udp.srcport", number(u.source_port().into()))?;
            is("udp.dstport", number(u.destination_port().into()))?;
            is("udp.length", number(u.length().into()))?;
            is("udp.checksum", number(u.checksum().into()))
        }
    }?;
    // A header that could be read in the fast lane is read in the tree: at most its options or extensions are not.
    let fixed = match &layer.header {
        Header::None => return Ok(()),
        Header::Tcp(_) | Header::Ipv4(_) => 20,
        Header::Ipv6(_) => 40,
        Header::Icmp(_) | Header::Icmpv6(_) => 4,
        _ => layer.header_end - layer.start,
    };
    let unread = |n: &&Node| n.field.name.ends_with(".unreadable") && n.offset() < layer.start + fixed;
    match nodes.iter().find(unread) {
        Some(node) => Err(format!("{} at byte {} of {}", node.field.name, node.offset(), frame.len())),
        None => Ok(()),
    }
}
