//! The recorder that keeps everything: a packet as a list of nodes, layers and groups before what is in them.

use super::{Field, Recorder, Value};

/// What a node of the tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeKind {
    /// A protocol layer begins; it owns no bytes itself, its leaves do.
    Layer,
    /// A group of leaves, for display only.
    Group,
    /// A part of the packet: the owner of its bits.
    Leaf,
    /// A value that follows from others; owns nothing.
    Derived,
}

/// One line of a packet's tree.
#[derive(Debug, Clone)]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// Its name; for a layer the protocol's short name.
    pub field: &'static Field,
    /// How deep it stands: 0 for layers.
    pub depth: u8,
    /// 0: the frame's own bytes; n: the n-th of [`Tree::buffers`], put together from several frames.
    pub buffer: u8,
    /// First bit, counted from the buffer's first byte, most significant bit first.
    pub bit: usize,
    /// How many bits.
    pub bits: usize,
    /// Its value; [`Value::Bytes`] for layers and groups.
    pub value: Value,
}

impl Node {
    /// Offset of the first byte it touches.
    pub fn offset(&self) -> usize {
        self.bit / 8
    }

    /// Number of bytes it touches.
    pub fn length(&self) -> usize {
        if self.bits == 0 { 0 } else { (self.bit + self.bits).div_ceil(8) - self.bit / 8 }
    }

    /// Whether it is not made of whole bytes.
    pub fn is_partial(&self) -> bool {
        !self.bit.is_multiple_of(8) || !self.bits.is_multiple_of(8)
    }
}

/// A packet taken apart. Reused from packet to packet: [`Tree::clear`] keeps the memory.
#[derive(Debug, Default, Clone)]
pub struct Tree {
    /// Layers and groups stand before what is in them.
    pub nodes: Vec<Node>,
    /// Data put together from several frames (IP datagrams, TCP messages); nodes refer to them by number, from 1.
    pub buffers: Vec<Vec<u8>>,
    depth: u8,
    buffer: u8,
    /// Indices of the groups that are open, innermost last.
    open: Vec<usize>,
}

impl Tree {
    /// Forget the packet, keep the memory.
    pub fn clear(&mut self) {
        self.nodes.clear();
        self.buffers.clear();
        self.open.clear();
        self.depth = 0;
        self.buffer = 0;
    }

    /// A layer begins. `length` bytes from `start` of the current buffer are its header and what it owns itself.
    pub fn layer(&mut self, name: &'static Field, start: usize, length: usize) {
        self.depth = 1;
        let node = Node {
            kind: NodeKind::Layer,
            field: name,
            depth: 0,
            buffer: self.buffer,
            bit: start * 8,
            bits: length * 8,
            value: Value::Bytes,
        };
        self.nodes.push(node);
    }

    /// Leaves that follow lie in this buffer (0 = the frame).
    pub fn in_buffer(&mut self, buffer: u8) {
        self.buffer = buffer;
    }

    /// Where leaves lie now (0 = the frame).
    pub fn current_buffer(&self) -> u8 {
        self.buffer
    }

    /// The bytes a node's span counts in: the frame's or a reassembled buffer's.
    pub fn bytes_of<'t>(&'t self, node: &Node, frame: &'t [u8]) -> &'t [u8] {
        let whole = match node.buffer {
            0 => frame,
            n => self.buffers.get(usize::from(n) - 1).map_or(&[][..], |b| b),
        };
        whole.get(node.offset()..node.offset() + node.length()).unwrap_or(&[])
    }

    /// The leaf that owns byte `offset` of the frame.
    pub fn owner_of(&self, offset: usize) -> Option<&Node> {
        self.nodes.iter().find(|n| {
            n.kind == NodeKind::Leaf
                && n.buffer == 0
                && n.offset() <= offset
                && offset < n.offset() + n.length()
        })
    }

    /// All values under a name, in wire order, with their nodes.
    pub fn find<'t>(&'t self, name: &'t str) -> impl Iterator<Item = &'t Node> {
        self.nodes
            .iter()
            .filter(move |n| matches!(n.kind, NodeKind::Leaf | NodeKind::Derived) && n.field.name == name)
    }
}

impl Recorder for Tree {
    const ON: bool = true;

    fn leaf(&mut self, field: &'static Field, at: usize, bits: usize, value: Value) {
        let node = Node {
            kind: NodeKind::Leaf,
            field,
            depth: self.depth,
            buffer: self.buffer,
            bit: at,
            bits,
            value,
        };
        self.nodes.push(node);
    }

    fn derived(&mut self, field: &'static Field, at: usize, value: Value) {
        let node = Node {
            kind: NodeKind::Derived,
            field,
            depth: self.depth,
            buffer: self.buffer,
            bit: at,
            bits: 0,
            value,
        };
        self.nodes.push(node);
    }

    fn open(&mut self, field: &'static Field, at: usize, bits: usize) {
        let node = Node {
            kind: NodeKind::Group,
            field,
            depth: self.depth,
            buffer: self.buffer,
            bit: at,
            bits,
            value: Value::Bytes,
        };
        self.open.push(self.nodes.len());
        self.nodes.push(node);
        self.depth = self.depth.saturating_add(1);
    }

    fn close(&mut self, at: usize) {
        match self.open.pop() {
            // A group that the packet ended before has nothing to show.
            Some(group) if group + 1 == self.nodes.len() => self.nodes.truncate(group),
            Some(group) => self.nodes[group].bits = at.saturating_sub(self.nodes[group].bit),
            None => {}
        }
        self.depth = self.depth.saturating_sub(1);
    }
}
