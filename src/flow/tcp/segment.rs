//! A segment as the follower sees it: numbers, flags, options, and which bytes were captured.
//!
//! RFC 9293 section 3.1 (header), 3.2 (options); RFC 7323 (window scale, timestamps); RFC 2018 (SACK);
//! RFC 7413 (Fast Open). The fast lane's own walk over the options: it keeps what following needs.

use super::damaged::Run;
use crate::decode::Tcp;

/// Options that bear on following.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Maximum segment size (SYN only).
    pub mss: Option<u16>,
    /// Window scale, a power of two, at most 14 (SYN only).
    pub window_scale: Option<u8>,
    /// SACK permitted (SYN only).
    pub sack_permitted: bool,
    /// Timestamp value and echo.
    pub timestamps: Option<(u32, u32)>,
    /// First SACK block: received bytes beyond the acknowledgement, or a duplicate (RFC 2883).
    pub sack: Option<(u32, u32)>,
    /// A Fast Open cookie or the request for one.
    pub fast_open: bool,
}

impl Options {
    /// Reads the options of a header. Trouble in them ends the walk: what was read stands.
    pub fn read(mut bytes: &[u8]) -> Options {
        let mut o = Options::default();
        // What almost every segment of a modern stack carries: NOP, NOP, timestamps.
        if let [1, 1, 8, 10, v @ ..] = bytes
            && v.len() == 8
        {
            o.timestamps = Some((be32(&v[0..4]), be32(&v[4..8])));
            return o;
        }
        while let [kind, rest @ ..] = bytes {
            match kind {
                0 => break,
                1 => bytes = rest,
                _ => {
                    let Some(&length) = rest.first() else { break };
                    let length = usize::from(length);
                    if length < 2 || length > bytes.len() {
                        break;
                    }
                    let value = &bytes[2..length];
                    match (kind, value.len()) {
                        (2, 2) => o.mss = Some(u16::from_be_bytes([value[0], value[1]])),
                        (3, 1) => o.window_scale = Some(value[0].min(14)), // RFC 7323 section 2.3
                        (4, 0) => o.sack_permitted = true,
                        (5, 8..) => o.sack = Some((be32(&value[0..4]), be32(&value[4..8]))),
                        (8, 8) => o.timestamps = Some((be32(&value[0..4]), be32(&value[4..8]))),
                        (34, _) => o.fast_open = true,
                        (254, 2..) if value[..2] == [0xf9, 0x89] => o.fast_open = true, // RFC 7413 section 4.1.1
                        _ => {}
                    }
                    bytes = &bytes[length..];
                }
            }
        }
        o
    }
}

/// Both ends of every SACK block among the options (RFC 2018 section 3).
pub fn sack_edges(mut bytes: &[u8], each: &mut dyn FnMut(u32, u32)) {
    while let [kind, rest @ ..] = bytes {
        let length = match (kind, rest.first()) {
            (0, _) => return,
            (1, _) => 1,
            (_, Some(&length)) if length >= 2 && usize::from(length) <= bytes.len() => usize::from(length),
            _ => return,
        };
        if *kind == 5 {
            bytes[2..length].chunks_exact(8).for_each(|b| each(be32(&b[..4]), be32(&b[4..])));
        }
        bytes = &bytes[length..];
    }
}

fn be32(b: &[u8]) -> u32 {
    u32::from_be_bytes([b[0], b[1], b[2], b[3]])
}

/// One segment.
#[derive(Debug, Clone, Copy)]
pub struct Segment<'a> {
    /// Packet number.
    pub packet: u64,
    /// Packet time.
    pub time_ns: i64,
    /// Sequence number on the wire.
    pub seq: u32,
    /// Acknowledgement number on the wire; meaningless without `ack_flag`.
    pub ack: u32,
    /// SYN.
    pub syn: bool,
    /// ACK.
    pub ack_flag: bool,
    /// FIN.
    pub fin: bool,
    /// RST.
    pub rst: bool,
    /// PSH.
    pub psh: bool,
    /// Window as on the wire, unscaled.
    pub window: u16,
    /// Payload bytes the segment had on the wire.
    pub len: u32,
    /// Payload bytes captured.
    pub payload: &'a [u8],
    /// Offset of the payload in the buffer that holds the segment.
    pub payload_at: usize,
    /// Options.
    pub options: Options,
    /// The options' bytes, for those who show all of them.
    pub options_bytes: &'a [u8],
    /// IPv4 identification, where there is one.
    pub ip_id: Option<u16>,
    /// TTL or hop limit.
    pub ttl: u8,
    /// The capture point.
    pub interface: u32,
    /// Its checksum is wrong, and those of most packets are right.
    pub doubtful: bool,
    /// The packet in which the same numbers passed before, damaged.
    pub damaged_before: Option<u64>,
    /// Damaged segments of its sender that carried the bytes before its own.
    pub follows_damaged: Option<Run>,
    /// Damaged segments of its receiver that carried the last bytes it acknowledges.
    pub acks_damaged: Option<Run>,
}

impl<'a> Segment<'a> {
    /// Whether it neither opens nor closes.
    pub fn is_plain(&self) -> bool {
        !self.syn && !self.fin && !self.rst
    }

    /// Sequence number of the payload's first byte: a SYN counts as one before it (RFC 9293 section 3.4).
    pub fn data_seq(&self) -> u32 {
        self.seq.wrapping_add(u32::from(self.syn))
    }

    /// Sequence numbers it takes up: its payload, one for SYN, one for FIN (RFC 9293 section 3.4).
    pub fn length(&self) -> u32 {
        self.len.wrapping_add(u32::from(self.syn)).wrapping_add(u32::from(self.fin))
    }

    /// The sequence number after it.
    pub fn end(&self) -> u32 {
        self.seq.wrapping_add(self.length())
    }

    /// Whether it is how a host answers a SYN for which nobody listens (RFC 9293 section 3.10.7.1): it had no number to use.
    pub fn refuses(&self) -> bool {
        self.rst && self.ack_flag && self.seq == 0
    }

    /// The header's numbers.
    pub fn new(tcp: &Tcp<'a>, payload_at: usize, transport_len: usize) -> Segment<'a> {
        let options = tcp.options();
        Segment {
            packet: 0,
            time_ns: 0,
            seq: tcp.sequence_number(),
            ack: tcp.acknowledgment_number(),
            syn: tcp.syn(),
            ack_flag: tcp.ack(),
            fin: tcp.fin(),
            rst: tcp.rst(),
            psh: tcp.psh(),
            window: tcp.window_size(),
            len: transport_len.saturating_sub(tcp.header_len()) as u32,
            payload: tcp.payload(),
            payload_at,
            options_bytes: options,
            options: if options.is_empty() { Options::default() } else { Options::read(options) },
            ip_id: None,
            ttl: 0,
            interface: 0,
            doubtful: false,
            damaged_before: None,
            follows_damaged: None,
            acks_damaged: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_linux_syn() {
        #[rustfmt::skip]
        let o = Options::read(&[
            2, 4, 0x05, 0xb4,                    // MSS 1460
            4, 2,                                // SACK permitted
            8, 10, 0, 0, 0, 1, 0, 0, 0, 0,       // timestamps 1, 0
            1,                                   // NOP
            3, 3, 7,                             // window scale 7
        ]);
        assert_eq!(o.mss, Some(1460));
        assert_eq!(o.window_scale, Some(7));
        assert_eq!(o.timestamps, Some((1, 0)));
        assert!(o.sack_permitted);
    }

    #[test]
    fn lying_lengths_end_the_walk() {
        assert_eq!(Options::read(&[2, 40, 1, 1]).mss, None);
        assert_eq!(Options::read(&[2]).mss, None);
        assert_eq!(Options::read(&[2, 0, 2, 4, 1, 1]).mss, None);
        assert_eq!(Options::read(&[3, 3, 255]).window_scale, Some(14));
    }
}
