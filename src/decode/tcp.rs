//! The TCP header as the fast lane gives it: read by etherparse, also where the capture cut it within its options.
//!
//! RFC 9293 section 3.1. The first 20 bytes say all that following needs; a short snap length takes away options, and
//! a connection must not be lost over them. Leaves out: the options' meaning (`flow::tcp::segment`), and a header of
//! which fewer than 20 bytes were captured.

use etherparse::{TcpHeaderSlice, TcpSlice};

/// Length of the header without options.
const FIXED: usize = 20;
/// Where the header's length stands: the upper half of this byte, in words of four bytes.
const DATA_OFFSET: usize = 12;

/// A TCP header, options and payload as far as captured.
#[derive(Debug, Clone)]
pub struct Tcp<'a> {
    bytes: &'a [u8],
    header_len: usize,
    fixed: [u8; FIXED],
}

impl<'a> Tcp<'a> {
    /// The whole header.
    pub fn whole(tcp: &TcpSlice<'a>) -> Tcp<'a> {
        Tcp::new(tcp.slice(), tcp.header_slice().len())
    }

    /// A header whose options the capture cut off; `length` is the segment's on the wire. `None` where the fixed part is
    /// not there, or the header claims more than was sent.
    pub fn cut(bytes: &'a [u8], length: usize) -> Option<Tcp<'a>> {
        let header_len = usize::from(bytes.get(DATA_OFFSET)? >> 4) * 4;
        (bytes.len() >= FIXED && (FIXED..=length).contains(&header_len)).then(|| Tcp::new(bytes, header_len))
    }

    fn new(bytes: &'a [u8], header_len: usize) -> Tcp<'a> {
        let mut fixed = [0; FIXED];
        fixed.copy_from_slice(&bytes[..FIXED]);
        fixed[DATA_OFFSET] = fixed[DATA_OFFSET] & 0x0f | 5 << 4; // by itself it is a header without options
        Tcp { bytes, header_len, fixed }
    }

    fn header(&self) -> TcpHeaderSlice<'_> {
        TcpHeaderSlice::from_slice(&self.fixed).expect("20 bytes that say they are 20")
    }

    /// Length of the header with its options, in bytes, as it says itself.
    pub fn header_len(&self) -> usize {
        self.header_len
    }

    /// The options, as far as captured.
    pub fn options(&self) -> &'a [u8] {
        &self.bytes[FIXED..self.header_len.min(self.bytes.len())]
    }

    /// The payload, as far as captured.
    pub fn payload(&self) -> &'a [u8] {
        self.bytes.get(self.header_len..).unwrap_or_default()
    }
}

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident: $kind:ty;)*) => {
        impl Tcp<'_> {
            $($(#[$doc])* pub fn $name(&self) -> $kind { self.header().$name() })*
        }
    };
}

numbers! {
    /// Port of the sender.
    source_port: u16;
    /// Port of the receiver.
    destination_port: u16;
    /// Sequence number.
    sequence_number: u32;
    /// Acknowledgment number.
    acknowledgment_number: u32;
    /// Window, unscaled.
    window_size: u16;
    /// Checksum.
    checksum: u16;
    /// FIN flag.
    fin: bool;
    /// SYN flag.
    syn: bool;
    /// RST flag.
    rst: bool;
    /// PSH flag.
    psh: bool;
    /// ACK flag.
    ack: bool;
    /// URG flag.
    urg: bool;
    /// ECE flag.
    ece: bool;
    /// CWR flag.
    cwr: bool;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rustfmt::skip]
    const SYN: [u8; 24] = [
        0xc3, 0x51, 0x00, 0x50, // ports 50001, 80
        0, 0, 0, 7,             // seq 7
        0, 0, 0, 0,             // ack 0
        0x60, 0x02, 0xff, 0xff, // 24 bytes of header; SYN; window 65535
        0, 0, 0, 0,             // checksum, urgent pointer
        2, 4, 0x05, 0xb4,       // MSS 1460
    ];

    #[test]
    fn a_cut_within_the_options_leaves_the_rest() {
        for length in FIXED..SYN.len() {
            let tcp = Tcp::cut(&SYN[..length], SYN.len()).expect("the fixed part is there");
            assert_eq!((tcp.source_port(), tcp.destination_port()), (50001, 80));
            assert_eq!((tcp.sequence_number(), tcp.syn(), tcp.ack()), (7, true, false));
            assert_eq!((tcp.header_len(), tcp.options()), (24, &SYN[FIXED..length]));
            assert!(tcp.payload().is_empty());
        }
        assert!(Tcp::cut(&SYN[..FIXED - 1], SYN.len()).is_none());
    }

    #[test]
    fn a_header_longer_than_its_segment_is_none() {
        assert!(Tcp::cut(&SYN[..FIXED], 20).is_none());
        assert!(Tcp::cut(&[0; FIXED], FIXED).is_none(), "a header of 0 bytes");
    }

    #[test]
    fn whole_headers_are_etherparses() {
        let mut bytes = SYN.to_vec();
        bytes.extend(b"hello");
        let slice = TcpSlice::from_slice(&bytes).unwrap();
        let tcp = Tcp::whole(&slice);
        assert_eq!((tcp.header_len(), tcp.payload()), (slice.header_slice().len(), slice.payload()));
        assert_eq!(tcp.options(), slice.options());
        assert_eq!(tcp.window_size(), slice.window_size());
    }
}
