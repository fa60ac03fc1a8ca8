//! The contract's records: what programs read. Each borrows what it tells of and knows how to be serialised, keys in
//! the contract's order; nothing is copied on the way out.
//!
//! Leaves out: the writing, one object a line (`render::json`); sentences, which come from `view::say`.

use std::fmt;

use serde::ser::{SerializeMap, SerializeSeq, SerializeStruct};
use serde::{Serialize, Serializer};

use super::osi::{self, Work};
use crate::capture::{Format, Frame, Interface, link_name};
use crate::flow::{Datum, Event, FlowRecord, Party, StateChange};
use crate::protocol::Protocol;
use crate::wire::{Node, NodeKind, Tree, Value};

/// A capture begins.
#[derive(Debug)]
pub struct CaptureRecord<'a> {
    /// As the user named it.
    pub file: &'a str,
    /// Container format.
    pub format: Format,
    /// Interfaces known so far.
    pub interfaces: &'a [Interface],
    /// Comments of its sections.
    pub comments: &'a [String],
}

impl Serialize for CaptureRecord<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut map = s.serialize_struct("capture", 5)?;
        map.serialize_field("record", "capture")?;
        map.serialize_field("file", self.file)?;
        map.serialize_field("format", self.format.name())?;
        map.serialize_field("interfaces", &Each(self.interfaces, InterfaceObject))?;
        map.serialize_field("comments", self.comments)?;
        map.end()
    }
}

/// A slice serialised with each element in a wrapper.
struct Each<'a, T, F>(&'a [T], F);

impl<'a, T, W: Serialize, F: Fn(&'a T) -> W> Serialize for Each<'a, T, F> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(self.0.iter().map(&self.1))
    }
}

struct InterfaceObject<'a>(&'a Interface);

impl Serialize for InterfaceObject<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut map = s.serialize_struct("interface", 5)?;
        map.serialize_field("id", &self.0.id)?;
        map.serialize_field("link_type", &self.0.link_type)?;
        map.serialize_field("link_name", &link_name(self.0.link_type))?;
        map.serialize_field("name", &self.0.name)?;
        map.serialize_field("snaplen", &self.0.snaplen)?;
        map.end()
    }
}

/// A packet with its fields.
#[derive(Debug)]
pub struct PacketRecord<'a> {
    /// The frame.
    pub frame: &'a Frame<'a>,
    /// Its fields.
    pub tree: &'a Tree,
}

impl Serialize for PacketRecord<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let frame = self.frame;
        let work = osi::work_of(self.tree);
        let mut map = s.serialize_struct("packet", 7 + usize::from(!work.is_empty()))?;
        map.serialize_field("record", "packet")?;
        map.serialize_field("number", &frame.number)?;
        map.serialize_field("time", &Epoch(frame.time_ns))?;
        map.serialize_field("interface", &frame.interface)?;
        map.serialize_field("length", &frame.wire_len)?;
        map.serialize_field("captured", &frame.bytes.len())?;
        map.serialize_field("layers", &Layers { tree: self.tree, frame: frame.bytes })?;
        if !work.is_empty() {
            map.serialize_field("osi_work", &Each(&work, WorkObject))?;
        }
        map.end()
    }
}

/// Work of OSI's layers 5 and 6, with the field that does it; its value stands there.
struct WorkObject<'a>(&'a Work<'a>);

impl Serialize for WorkObject<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let Work { osi, job, node } = self.0;
        let mut map = s.serialize_struct("work", 5)?;
        map.serialize_field("osi", osi)?;
        map.serialize_field("job", job)?;
        map.serialize_field("field", node.field.name)?;
        map.serialize_field("offset", &node.offset())?;
        map.serialize_field("length", &node.length())?;
        map.end()
    }
}

/// Seconds since the epoch with 9 decimals, as a string: a float would lose nanoseconds.
struct Epoch(i64);

impl Serialize for Epoch {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let ns = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:09}", ns / 1_000_000_000, ns % 1_000_000_000)
    }
}

struct Layers<'a> {
    tree: &'a Tree,
    frame: &'a [u8],
}

impl Serialize for Layers<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut seq = s.serialize_seq(None)?;
        // A layer's fields stand behind it, up to the next layer. What precedes all layers cannot be.
        let mut nodes = &self.tree.nodes[..];
        while let Some((layer, rest)) = nodes.split_first() {
            let count = rest.iter().position(|n| n.kind == NodeKind::Layer).unwrap_or(rest.len());
            if layer.kind == NodeKind::Layer {
                let fields = Fields { nodes: &rest[..count], tree: self.tree, frame: self.frame };
                seq.serialize_element(&LayerObject { layer, fields })?;
            }
            nodes = &rest[count..];
        }
        seq.end()
    }
}

struct LayerObject<'a> {
    layer: &'a Node,
    fields: Fields<'a>,
}

impl Serialize for LayerObject<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let protocol = Protocol::ALL.iter().find(|p| p.field().name == self.layer.field.name);
        let mut map = s.serialize_struct("layer", 7)?;
        map.serialize_field("protocol", self.layer.field.name)?;
        map.serialize_field("osi", &protocol.map_or(7, |p| p.osi()))?;
        map.serialize_field("tcpip", protocol.map_or("application", |p| p.tcpip().name()))?;
        map.serialize_field("offset", &self.layer.offset())?;
        map.serialize_field("length", &self.layer.length())?;
        if self.layer.buffer != 0 {
            map.serialize_field("source", "reassembled")?;
        }
        map.serialize_field("fields", &self.fields)?;
        map.end()
    }
}

struct Fields<'a> {
    nodes: &'a [Node],
    tree: &'a Tree,
    frame: &'a [u8],
}

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut seq = s.serialize_seq(None)?;
        for node in self.nodes {
            if matches!(node.kind, NodeKind::Leaf | NodeKind::Derived) {
                seq.serialize_element(&FieldObject { node, tree: self.tree, frame: self.frame })?;
            }
        }
        seq.end()
    }
}

struct FieldObject<'a> {
    node: &'a Node,
    tree: &'a Tree,
    frame: &'a [u8],
}

impl Serialize for FieldObject<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let node = self.node;
        let mut map = s.serialize_struct("field", 7)?;
        map.serialize_field("name", node.field.name)?;
        map.serialize_field("offset", &node.offset())?;
        map.serialize_field("length", &node.length())?;
        if node.kind == NodeKind::Leaf && node.is_partial() {
            map.serialize_field("bits", &[node.bit % 8, node.bits])?;
        }
        if node.kind == NodeKind::Derived {
            map.serialize_field("derived", &true)?;
        }
        if node.buffer != 0 {
            map.serialize_field("source", "reassembled")?;
        }
        match &node.value {
            Value::Uint(n) => map.serialize_field("value", n)?,
            Value::Int(n) => map.serialize_field("value", n)?,
            Value::Time(ns) => map.serialize_field("value", &seconds(*ns))?,
            Value::Flag(flag) => map.serialize_field("value", flag)?,
            Value::Mac(address) => map.serialize_field("value", &Mac(address))?,
            Value::Ipv4(address) => map.serialize_field("value", &std::net::Ipv4Addr::from(*address))?,
            Value::Ipv6(address) => map.serialize_field("value", &std::net::Ipv6Addr::from(*address))?,
            Value::Text(text) => map.serialize_field("value", text)?,
            Value::Bytes => map.serialize_field("value", &Hex(self.tree.bytes_of(node, self.frame)))?,
        }
        map.end()
    }
}

/// A hardware address as text.
struct Mac<'a>(&'a [u8; 6]);

impl Serialize for Mac<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl fmt::Display for Mac<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let m = self.0;
        write!(f, "{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", m[0], m[1], m[2], m[3], m[4], m[5])
    }
}

/// Bytes as lower-case hex without separators.
struct Hex<'a>(&'a [u8]);

impl Serialize for Hex<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Payloads are most of a capture's bytes: formatting them one by one would dominate everything.
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0u8; 128];
        for chunk in self.0.chunks(text.len() / 2) {
            for (at, byte) in chunk.iter().enumerate() {
                text[at * 2] = DIGITS[usize::from(byte >> 4)];
                text[at * 2 + 1] = DIGITS[usize::from(byte & 15)];
            }
            f.write_str(std::str::from_utf8(&text[..chunk.len() * 2]).map_err(|_| fmt::Error)?)?;
        }
        Ok(())
    }
}

/// Something happened. `text` is its sentence, `claims` what it bears on.
#[derive(Debug)]
pub struct EventRecord<'a> {
    /// The event.
    pub event: &'a Event,
    /// Its sentence in the reader's language.
    pub text: &'a str,
    /// Ids of claims it bears on.
    pub claims: &'a [&'a str],
}

impl Serialize for EventRecord<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let event = self.event;
        let mut map = s.serialize_struct("event", 9)?;
        map.serialize_field("record", "event")?;
        map.serialize_field("kind", event.kind.name())?;
        map.serialize_field("packet", &event.packet)?;
        map.serialize_field("flow", &event.flow)?;
        map.serialize_field("severity", event.severity.name())?;
        if !event.variant.is_empty() {
            map.serialize_field("variant", event.variant)?;
        }
        map.serialize_field("data", &Data(&event.data))?;
        map.serialize_field("text", self.text)?;
        map.serialize_field("claims", self.claims)?;
        map.end()
    }
}

struct Data<'a>(&'a [(&'static str, Datum)]);

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut map = s.serialize_map(Some(self.0.len()))?;
        for (key, datum) in self.0 {
            map.serialize_entry(key, &DatumValue(datum))?;
        }
        map.end()
    }
}

struct DatumValue<'a>(&'a Datum);

impl Serialize for DatumValue<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Datum::Uint(n) => s.serialize_u64(*n),
            Datum::Int(n) => s.serialize_i64(*n),
            Datum::Duration(ns) => s.serialize_f64(seconds(*ns)),
            Datum::Flag(flag) => s.serialize_bool(*flag),
            Datum::Text(text) => s.serialize_str(text),
            Datum::Name(name) => s.serialize_str(name),
            Datum::Socket(..) => s.collect_str(self.0),
            Datum::Mac(mac) => Mac(mac).serialize(s),
            Datum::Ip(ip) => ip.serialize(s),
            Datum::Frames(frames) => frames.serialize(s),
        }
    }
}

/// Durations are JSON numbers in seconds; they are short enough for a float to hold each nanosecond.
fn seconds(ns: i64) -> f64 {
    ns as f64 / 1e9
}

/// An endpoint changed its state.
#[derive(Debug)]
pub struct StateRecord<'a>(pub &'a StateChange);

impl Serialize for StateRecord<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut map = s.serialize_struct("state", 7)?;
        map.serialize_field("record", "state")?;
        map.serialize_field("flow", &self.0.flow)?;
        map.serialize_field("packet", &self.0.packet)?;
        map.serialize_field("endpoint", self.0.endpoint.name())?;
        map.serialize_field("from", self.0.from.name())?;
        map.serialize_field("to", self.0.to.name())?;
        map.serialize_field("basis", self.0.basis.name())?;
        map.end()
    }
}

/// A conversation summed up.
#[derive(Debug)]
pub struct FlowObject<'a>(pub &'a FlowRecord);

impl Serialize for FlowObject<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let flow = self.0;
        let mut map = s.serialize_struct("flow", 24)?;
        map.serialize_field("record", "flow")?;
        map.serialize_field("id", &flow.id)?;
        map.serialize_field("protocol", flow.protocol.name())?;
        map.serialize_field("stream", &flow.stream)?;
        map.serialize_field("client", &PartyObject(&flow.client))?;
        map.serialize_field("server", &PartyObject(&flow.server))?;
        map.serialize_field("first", &flow.first)?;
        map.serialize_field("last", &flow.last)?;
        map.serialize_field("start", &Epoch(flow.start_ns))?;
        map.serialize_field("end", &Epoch(flow.end_ns))?;
        map.serialize_field("packets", &flow.packets)?;
        map.serialize_field("bytes", &flow.bytes)?;
        if let Some(tcp) = &flow.tcp {
            map.serialize_field("completeness", &tcp.completeness)?;
            map.serialize_field("opening", tcp.opening)?;
            map.serialize_field("closing", tcp.closing)?;
            map.serialize_field("initiator_of_close", &tcp.initiator_of_close)?;
            map.serialize_field("client_state", tcp.states[0].name())?;
            map.serialize_field("server_state", tcp.states[1].name())?;
            map.serialize_field("payload", &tcp.payload)?;
            map.serialize_field("retransmitted", &tcp.retransmitted)?;
            map.serialize_field("rtt", &Rtt(tcp.rtt_handshake, tcp.rtt))?;
        }
        map.serialize_field("application", &flow.application)?;
        map.end()
    }
}

struct Rtt(Option<i64>, Option<[i64; 3]>);

impl Serialize for Rtt {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut map = s.serialize_struct("rtt", 4)?;
        map.serialize_field("handshake", &self.0.map(seconds))?;
        map.serialize_field("min", &self.1.map(|r| seconds(r[0])))?;
        map.serialize_field("median", &self.1.map(|r| seconds(r[1])))?;
        map.serialize_field("max", &self.1.map(|r| seconds(r[2])))?;
        map.end()
    }
}

struct PartyObject<'a>(&'a Party);

impl Serialize for PartyObject<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut map = s.serialize_struct("party", 3)?;
        map.serialize_field("addr", &self.0.addr)?;
        map.serialize_field("port", &self.0.port)?;
        map.serialize_field("mac", &self.0.mac.as_ref().map(Mac))?;
        map.end()
    }
}

/// A bundled capture, in the list of them.
#[derive(Debug, Serialize)]
pub struct BundledRecord<'a> {
    /// What comes after the `@`.
    pub name: &'a str,
    /// What it shows.
    pub title: &'a str,
    /// Frames in it.
    pub packets: u64,
    /// Size of the file.
    pub bytes: u64,
    /// Ids of the claims it is there for.
    pub claims: Vec<String>,
}

/// A network interface of this machine.
#[derive(Debug, Serialize)]
pub struct InterfaceRecord {
    /// Its name.
    pub name: String,
    /// Its number.
    pub index: u32,
    /// Hardware address.
    pub mac: Option<String>,
    /// Addresses with prefix lengths.
    pub addresses: Vec<String>,
    /// Whether it is switched on.
    pub up: bool,
    /// Whether it leads back to this machine.
    pub loopback: bool,
    /// Whether this program may capture there; the same for all of them.
    pub capture: bool,
}

/// What a live capture holds once it is open.
#[derive(Debug, Serialize)]
pub struct PrivilegesRecord<'a> {
    /// `privileges`.
    pub record: &'static str,
    /// Interfaces that are captured on.
    pub interfaces: Vec<&'a str>,
    /// Bytes of the rings.
    pub ring: u64,
    /// Who it runs as.
    pub uid: u32,
    /// And its group.
    pub gid: u32,
    /// Capabilities that are held.
    pub capabilities: &'a [String],
    /// Those that programs it runs could still get.
    pub bounding: &'a [String],
    /// Whether they can get none.
    pub no_new_privs: bool,
    /// `full`, `partial`, `none`.
    pub landlock: &'a str,
}

/// A lesson in the list of them.
#[derive(Debug, Serialize)]
pub struct LessonRecord<'a> {
    /// What it is called.
    pub name: &'a str,
    /// Its heading.
    pub title: &'a str,
    /// How many steps it has.
    pub steps: usize,
    /// The bundled captures it is told with.
    pub captures: Vec<&'a str>,
}
