//! What both container formats give to the front door: where a frame lies, and what was met on the way to it.
//!
//! Leaves out: the formats themselves (`pcap`, `pcapng`) and the numbering of frames (`file`).

use std::collections::BTreeMap;
use std::ops::Range;

use super::{Interface, Reason, Secrets};

/// A frame by its place in the read buffer. [`super::Frame`] borrows the bytes and adds the number.
#[derive(Debug, Clone, Default)]
pub(super) struct Record {
    pub(super) time_ns: i64,
    pub(super) interface: u32,
    pub(super) link_type: u16,
    pub(super) wire_len: u32,
    pub(super) bytes: Range<usize>,
}

/// Most interfaces of one call. Only a forged file has so many, and memory must not grow with it.
const INTERFACES: usize = 1 << 20;

/// Most bytes of names, descriptions and comments of one call, for the same reason; what is beyond is not kept.
const TEXT: usize = 16 << 20;

/// What stays when a section or a file ends.
#[derive(Debug, Default)]
pub(super) struct Met {
    pub(super) interfaces: Vec<Interface>,
    pub(super) comments: Vec<String>,
    /// Packets that the recording itself lost, by interface, as its statistics say so far.
    dropped: BTreeMap<u32, u64>,
    text: usize,
    /// What comes along to decrypt.
    pub(super) secrets: Secrets,
}

impl Met {
    /// Packets that recording lost, over all interfaces.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.values().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Statistics of an interface: each block has the count since the recording began.
    pub(super) fn statistics(&mut self, interface: u32, dropped: u64) {
        if dropped > 0 && (interface as usize) < self.interfaces.len() {
            self.dropped.insert(interface, dropped);
        }
    }

    /// A text of the file, readable as far as it is UTF-8; `None` for an empty one.
    pub(super) fn text(&mut self, bytes: &[u8]) -> Option<String> {
        // Some writers count the zero byte that ends a C string.
        let text = String::from_utf8_lossy(bytes).trim_end_matches('\0').to_owned();
        self.text += text.len();
        (!text.is_empty() && self.text <= TEXT).then_some(text)
    }

    pub(super) fn interface(
        &mut self,
        link_type: u16,
        snaplen: u32,
        name: Option<String>,
        description: Option<String>,
    ) -> Result<(), Reason> {
        let id = self.interfaces.len();
        if id == INTERFACES {
            return Err(Reason::NoSuchInterface { interface: id as u32, known: id as u32 });
        }
        self.interfaces.push(Interface { id: id as u32, link_type, name, description, snaplen });
        Ok(())
    }
}
