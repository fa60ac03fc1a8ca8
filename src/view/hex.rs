//! Bytes as a dump in which each byte shows which field owns it.
//!
//! Leaves out: colours.

use super::span::Role;

/// Sixteen bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HexLine {
    /// Offset of the first.
    pub offset: usize,
    /// The bytes with the role of the field that owns each; up to 16.
    pub bytes: Vec<(u8, Role)>,
}

/// A dump of `bytes`; `roles` has one entry a byte.
pub fn dump(bytes: &[u8], roles: &[Role]) -> Vec<HexLine> {
    let role = |at: usize| roles.get(at).copied().unwrap_or(Role::Plain);
    let lines = bytes.chunks(16).enumerate().map(|(row, chunk)| HexLine {
        offset: row * 16,
        bytes: chunk.iter().enumerate().map(|(at, byte)| (*byte, role(row * 16 + at))).collect(),
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_hold_sixteen_bytes() {
        let bytes: Vec<u8> = (0..18).collect();
        let lines = dump(&bytes, &[]);
        assert_eq!(lines.len(), 2);
        assert_eq!((lines[1].offset, lines[1].bytes.len()), (16, 2));
        assert_eq!(lines[0].bytes[15], (15, Role::Plain));
        assert!(dump(&[], &[]).is_empty());
    }
}
