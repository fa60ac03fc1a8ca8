//! A packet's tree as facts.
//!
//! Leaves out: flows and events; chain theirs before or after with [`super::Chain`].

use crate::capture::Frame;
use crate::wire::{Node, NodeKind, Tree, Value};

use super::{Facts, Operand};

/// A packet taken apart, and the frame it came from: its leaves, derived values, groups and protocols under their names,
/// and of the frame itself `frame` (its bytes), `frame.number`, `frame.len`, `frame.cap_len`, `frame.time_epoch`,
/// `frame.interface_id`.
#[derive(Clone, Copy)]
pub struct TreeFacts<'a> {
    /// The packet taken apart.
    pub tree: &'a Tree,
    /// The frame it was taken from.
    pub frame: &'a Frame<'a>,
}

impl TreeFacts<'_> {
    fn operand<'t>(&'t self, node: &'t Node) -> Operand<'t> {
        match &node.value {
            Value::Uint(n) => Operand::Int((*n).into()),
            Value::Int(n) => Operand::Int((*n).into()),
            Value::Time(ns) => Operand::Time((*ns).into()),
            Value::Flag(flag) => Operand::Bool(*flag),
            Value::Mac(address) => Operand::Mac(*address),
            Value::Ipv4(address) => Operand::V4(*address),
            Value::Ipv6(address) => Operand::V6(*address),
            Value::Text(text) => Operand::Text(text),
            Value::Bytes => Operand::Bytes(self.tree.bytes_of(node, self.frame.bytes)),
        }
    }

    fn of_frame(&self, name: &str) -> Option<Operand<'_>> {
        let frame = self.frame;
        Some(match name {
            "frame" => Operand::Bytes(frame.bytes),
            "frame.number" => Operand::Int(frame.number.into()),
            "frame.len" => Operand::Int(frame.wire_len.into()),
            "frame.cap_len" => Operand::Int(frame.bytes.len() as i128),
            "frame.time_epoch" => Operand::Time(frame.time_ns.into()),
            "frame.interface_id" => Operand::Int(frame.interface.into()),
            _ => return None,
        })
    }
}

impl Facts for TreeFacts<'_> {
    fn values(&self, name: &str, each: &mut dyn FnMut(Operand<'_>)) {
        if let Some(operand) = name.starts_with("frame").then(|| self.of_frame(name)).flatten() {
            return each(operand);
        }
        for node in self.tree.nodes.iter().filter(|node| node.field.name == name) {
            each(self.operand(node));
        }
    }

    fn has(&self, name: &str) -> bool {
        name.starts_with("frame") && self.of_frame(name).is_some()
            || self.tree.nodes.iter().any(|node| node.field.name == name)
    }

    /// Layers are counted per protocol, from the outermost: the packet that an ICMP error quotes has the second `ip`.
    fn layer_values(&self, name: &str, layer: u16, each: &mut dyn FnMut(Operand<'_>)) {
        let nodes = &self.tree.nodes;
        let is_layer = |node: &&Node| node.kind == NodeKind::Layer;
        let mut current: &[Node] = &[];
        for (at, node) in nodes.iter().enumerate() {
            if node.kind == NodeKind::Layer {
                current = &nodes[..=at];
            }
            if node.field.name != name {
                continue;
            }
            let protocol = current.last().map(|layer| layer.field.name);
            let count = current.iter().filter(is_layer).filter(|n| Some(n.field.name) == protocol).count();
            if count == usize::from(layer) {
                each(self.operand(node));
            }
        }
    }
}
