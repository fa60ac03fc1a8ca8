//! Who was given which hardware addresses: the first 24, 28 or 36 bits name the buyer of a block.
//!
//! IEEE Std 802-2014 clause 8.2 (the form of an address), IEEE Registration Authority: MA-L, MA-M, MA-S and the older IAB
//! listings as of 2026-10, in `tables/vendors.bin`, which `tables/make.py` makes. IEEE claims no copyright in the listing.
//! Leaves out: addresses that nobody was given: groups, and those that a host or program made up (the "local" bit).

use std::io::Read;
use std::sync::OnceLock;

/// Blocks of one size: prefixes in order, each with the number of its owner's name.
type Blocks = Vec<(u64, u32)>;

struct Table {
    names: String,
    /// Where each name begins.
    starts: Vec<u32>,
    /// Blocks with prefixes of 24, 28 and 36 bits.
    blocks: [Blocks; 3],
}

/// The name that the block of this address is registered under, as its owner wrote it.
pub fn vendor(address: [u8; 6]) -> Option<&'static str> {
    if address[0] & 3 != 0 {
        return None; // a group, or nobody's
    }
    static TABLE: OnceLock<Table> = OnceLock::new();
    let table = TABLE.get_or_init(unpack);
    let number = address.iter().fold(0u64, |n, byte| n << 8 | u64::from(*byte));
    // The longest prefix wins: small blocks are cut out of large ones.
    let name = [36, 28, 24].iter().zip(table.blocks.iter().rev()).find_map(|(bits, blocks)| {
        let at = blocks.binary_search_by_key(&(number >> (48 - bits)), |row| row.0).ok()?;
        Some(blocks[at].1)
    })?;
    let start = *table.starts.get(name as usize)? as usize;
    table.names[start..].lines().next()
}

/// The table, empty where it cannot be read; a test sees to it that it can.
fn unpack() -> Table {
    let mut bytes = Vec::new();
    let packed: &[u8] = include_bytes!("tables/vendors.bin");
    // An error leaves what was read so far: fewer names, never wrong ones.
    let _ = flate2::read::ZlibDecoder::new(packed).read_to_end(&mut bytes);
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    let mut rest = bytes.get(end + 1..).unwrap_or(&[]);
    let blocks = [(); 3].map(|()| read_blocks(&mut rest).unwrap_or_default());
    bytes.truncate(end);
    let names = String::from_utf8(bytes).unwrap_or_default();
    let mut starts = vec![0];
    starts.extend(names.match_indices('\n').map(|(at, _)| at as u32 + 1));
    Table { names, starts, blocks }
}

fn read_blocks(rest: &mut &[u8]) -> Option<Blocks> {
    let count = varint(rest)?;
    let mut prefix = 0;
    let mut blocks = Blocks::new();
    for _ in 0..count {
        prefix += varint(rest)?;
        blocks.push((prefix, u32::try_from(varint(rest)?).ok()?));
    }
    Some(blocks)
}

/// Seven bits a byte, the lowest first; the top bit says that more follow.
fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (first, after) = rest.split_first()?;
        *rest = after;
        number |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_whole_and_in_order() {
        let table = unpack();
        let counts = [0, 1, 2].map(|at| table.blocks[at].len());
        assert!(counts[0] > 30_000 && counts[1] > 5_000 && counts[2] > 10_000, "{counts:?}");
        for blocks in &table.blocks {
            assert!(blocks.is_sorted_by(|a, b| a.0 < b.0));
            assert!(blocks.iter().all(|row| (row.1 as usize) < table.starts.len()));
        }
    }

    #[test]
    fn names() {
        assert_eq!(vendor([0x00, 0x00, 0x0c, 1, 2, 3]), Some("Cisco Systems, Inc"));
        assert_eq!(vendor([0x08, 0x00, 0x27, 1, 2, 3]), Some("PCS Systemtechnik GmbH"));
        assert_eq!(vendor([0x02, 0x00, 0x0c, 1, 2, 3]), None, "made up by a host");
        assert_eq!(vendor([0x01, 0x00, 0x5e, 1, 2, 3]), None, "a group");
        assert_eq!(vendor([0xff; 6]), None);
    }

    #[test]
    fn a_small_block_is_its_own_owners() {
        // MA-S: 8C-1F-64 is cut into 4,096 blocks (IEEE listing oui36.csv).
        assert_eq!(vendor([0x8c, 0x1f, 0x64, 0xaf, 0xa0, 1]), Some("DATA ELECTRONIC DEVICES, INC"));
    }
}
