//! Huffman code of HPACK: frequent characters take five bits, rare ones up to thirty.
//!
//! RFC 7541 section 5.2 and appendix B. The code is canonical: among codes of one length the numbers follow the symbols,
//! and each length goes on where the shorter one stopped. So the lengths alone make up the table. Leaves out: encoding.

/// Length of each symbol's code, in bits; the last is EOS, the end of a string, which is never sent whole.
#[rustfmt::skip]
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
    6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
    30,
];

const SHORTEST: usize = 5;
const LONGEST: usize = 30;
const EOS: u16 = 256;

/// Codes of one length.
#[derive(Clone, Copy)]
struct Row {
    /// The first.
    first: u32,
    /// How many.
    count: u32,
    /// Where their symbols begin in [`SYMBOLS`].
    offset: u32,
}

const fn rows() -> [Row; LONGEST + 1] {
    let mut rows = [Row { first: 0, count: 0, offset: 0 }; LONGEST + 1];
    let mut symbol = 0;
    while symbol < LENGTHS.len() {
        rows[LENGTHS[symbol] as usize].count += 1;
        symbol += 1;
    }
    let mut length = 1;
    while length <= LONGEST {
        let before = rows[length - 1];
        rows[length].first = (before.first + before.count) << 1;
        rows[length].offset = before.offset + before.count;
        length += 1;
    }
    rows
}

/// The symbols, short codes first.
const fn symbols() -> [u16; 257] {
    let (mut symbols, mut at, mut length) = ([0; 257], 0, 0);
    while length <= LONGEST {
        let mut symbol = 0;
        while symbol < LENGTHS.len() {
            if LENGTHS[symbol] as usize == length {
                symbols[at] = symbol as u16;
                at += 1;
            }
            symbol += 1;
        }
        length += 1;
    }
    symbols
}

static ROWS: [Row; LONGEST + 1] = rows();
static SYMBOLS: [u16; 257] = symbols();

/// The string that these bytes stand for; `None` where they are no code: EOS among them, or an end that is not the
/// beginning of EOS, or longer than seven bits.
pub fn decode(coded: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(coded.len() * 8 / SHORTEST);
    let (mut bits, mut have) = (0u64, 0usize);
    let mut bytes = coded.iter();
    loop {
        while have <= 56 {
            let Some(byte) = bytes.next() else { break };
            bits = bits << 8 | u64::from(*byte);
            have += 8;
        }
        let found = (SHORTEST..=LONGEST.min(have)).find_map(|length| {
            let code = (bits >> (have - length)) as u32 & ((1 << length) - 1);
            let row = ROWS[length];
            let index = code.wrapping_sub(row.first);
            (index < row.count).then(|| (SYMBOLS[(row.offset + index) as usize], length))
        });
        match found {
            Some((EOS, _)) => return None,
            Some((symbol, length)) => {
                out.push(symbol as u8);
                have -= length;
                bits &= (1 << have) - 1;
            }
            // RFC 7541 section 5.2: padding is the beginning of EOS, which is ones, and shorter than a byte.
            None => return (have < 8 && bits == (1 << have) - 1).then_some(out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_of_the_rfc() {
        // RFC 7541 appendix C.4.1, C.6.1.
        let host = [0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff];
        assert_eq!(decode(&host).unwrap(), b"www.example.com");
        assert_eq!(decode(&[0x64, 0x02]).unwrap(), b"302");
        assert_eq!(decode(&[]).unwrap(), b"");
    }

    #[test]
    fn what_is_no_code() {
        // "0" is 00000: three bits of padding that are not ones.
        assert_eq!(decode(&[0b0000_0000]), None);
        assert_eq!(decode(&[0b0000_0111]).unwrap(), b"0");
        // A whole byte of padding.
        assert_eq!(decode(&[0b0000_0111, 0xff]), None);
        // EOS itself: thirty ones.
        assert_eq!(decode(&[0xff, 0xff, 0xff, 0xff]), None);
        // A code that is cut after more than seven bits.
        assert_eq!(decode(&[0xff, 0xfe]), None);
    }

    #[test]
    fn all_bytes_decode_or_not_without_trouble() {
        for a in 0..=255u8 {
            for b in 0..=255u8 {
                let _ = decode(&[a, b, a ^ b, 0xff]);
            }
        }
    }
}
