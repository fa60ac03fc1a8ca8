//! Streams made by hand, segment by segment, through the tracker: copies that contradict each other, and ten gigabytes in
//! bounded memory.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use pcaplain::capture::Frame;
use pcaplain::decode;
use pcaplain::flow::{Datum, Event, FlowRecord, Kind, Outcome, Tracker};

/// Counts what is allocated.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
/// Only one test at a time, so that what is counted is its own.
static ALONE: Mutex<()> = Mutex::new(());

#[allow(unsafe_code)] // an allocator can be written no other way; it hands everything on
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size(), Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// An IPv4 and a TCP header; what varies is filled in.
#[rustfmt::skip]
const HEADERS: [u8; 40] = [
    0x45, 0x00, 0x00, 0x00,             // version 4, header 20; total length
    0x00, 0x00, 0x40, 0x00,             // identification 0, do not fragment
    0x40, 0x06, 0x00, 0x00,             // TTL 64, TCP; checksum
    0x0a, 0x00, 0x00, 0x01,             // 10.0.0.1, the client
    0x0a, 0x00, 0x00, 0x02,             // 10.0.0.2, the server
    0xc3, 0x50, 0x27, 0x0f,             // port 50000 to 9999
    0x00, 0x00, 0x00, 0x00,             // sequence number
    0x00, 0x00, 0x00, 0x00,             // acknowledgment
    0x50, 0x10, 0xff, 0xff,             // header 20, flags, window 65535
    0x00, 0x00, 0x00, 0x00,             // checksum, urgent pointer
];

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;

#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Client,
    Server,
}
use By::{Client, Server};

/// A conversation under test. Numbers are relative: the first byte of each side is 1.
struct Talk {
    tracker: Tracker,
    outcome: Outcome,
    packet: u64,
    isn: [u32; 2],
    port: u16,
    ttl: u8,
    window: u16,
    /// So many bytes of payload a frame are captured.
    snap: usize,
    /// The TCP checksum is wrong.
    damage: bool,
    /// How long nobody said anything, in all; otherwise a packet comes each millisecond.
    idle_ns: i64,
    events: Vec<Event>,
    ended: Vec<FlowRecord>,
    frame: Vec<u8>,
}

impl Talk {
    fn new() -> Talk {
        Talk {
            tracker: Tracker::default(),
            outcome: Outcome::default(),
            packet: 0,
            isn: [1_000, u32::MAX - 20],
            port: 9_999,
            ttl: 64,
            window: 0xffff,
            snap: usize::MAX,
            damage: false,
            idle_ns: 0,
            events: Vec::new(),
            ended: Vec::new(),
            frame: Vec::new(),
        }
    }

    /// Three segments, and the conversation is open.
    fn open() -> Talk {
        let mut talk = Talk::new();
        talk.send(Client, SYN, 0, 0, b"").send(Server, SYN | ACK, 0, 1, b"").send(Client, ACK, 1, 1, b"");
        talk
    }

    fn send(&mut self, by: By, flags: u8, seq: u64, ack: u64, payload: &[u8]) -> &mut Talk {
        self.send_claimed(by, flags, seq, ack, (payload, payload.len()))
    }

    /// Sends a segment of so many bytes, of which the first are these.
    fn send_claimed(
        &mut self,
        by: By,
        flags: u8,
        seq: u64,
        ack: u64,
        (payload, claimed): (&[u8], usize),
    ) -> &mut Talk {
        self.packet += 1;
        let (me, peer) = if by == Client { (0, 1) } else { (1, 0) };
        let payload = &payload[..payload.len().min(self.snap)];
        let f = &mut self.frame;
        f.clear();
        f.extend_from_slice(&HEADERS);
        f[2..4].copy_from_slice(&((40 + claimed) as u16).to_be_bytes());
        f[8] = self.ttl;
        f[22..24].copy_from_slice(&self.port.to_be_bytes());
        f[24..28].copy_from_slice(&self.isn[me].wrapping_add(seq as u32).to_be_bytes());
        if flags & ACK != 0 {
            f[28..32].copy_from_slice(&self.isn[peer].wrapping_add(ack as u32).to_be_bytes());
        }
        f[33] = flags;
        f[34..36].copy_from_slice(&self.window.to_be_bytes());
        if by == Server {
            let (addresses, ports) = (f[12..20].to_vec(), f[20..24].to_vec());
            f[12..16].copy_from_slice(&addresses[4..]);
            f[16..20].copy_from_slice(&addresses[..4]);
            f[20..22].copy_from_slice(&ports[2..]);
            f[22..24].copy_from_slice(&ports[..2]);
        }
        f.extend_from_slice(payload);
        let length = ((20 + claimed) as u16).to_be_bytes();
        let ip_sum = sum(&f[..20], 0);
        let pseudo = sum(&[0, 6, length[0], length[1]], sum(&f[12..20], 0));
        let tcp_sum = sum(&f[20..], pseudo);
        f[10..12].copy_from_slice(&(!ip_sum).to_be_bytes());
        f[36..38].copy_from_slice(&(!tcp_sum ^ u16::from(self.damage)).to_be_bytes());
        let frame = Frame {
            number: self.packet,
            time_ns: self.packet as i64 * 1_000_000 + self.idle_ns,
            interface: 0,
            link_type: 101,
            wire_len: (40 + claimed) as u32,
            bytes: &self.frame,
        };
        self.tracker.process(&frame, &decode::decode(&frame), &mut self.outcome);
        self.events.append(&mut self.outcome.events);
        self.ended.append(&mut self.outcome.ended);
        self
    }

    /// Sends an empty segment with these numbers as they stand in the header.
    fn send_raw(&mut self, by: By, flags: u8, seq: u32, ack: u32) -> &mut Talk {
        let isn = std::mem::take(&mut self.isn);
        self.send(by, flags, seq.into(), ack.into(), b"");
        self.isn = isn;
        self
    }

    fn of(&self, kind: Kind) -> Vec<&Event> {
        self.events.iter().filter(|e| e.kind == kind).collect()
    }

    /// The only conflict: packet, variant and what it is told with.
    fn conflict(&self) -> (u64, &'static str, String) {
        let [event] = &self.of(Kind::TcpConflict)[..] else { panic!("one conflict: {:?}", self.events) };
        let keys = ["original", "from", "to", "compared", "differ", "at", "original_byte", "byte"];
        let told = keys.map(|key| event.get(key).map_or_else(|| "-".to_owned(), Datum::to_string));
        (event.packet, event.variant, told.join(" "))
    }

    fn finish(&mut self) -> FlowRecord {
        self.tracker.finish(&mut self.outcome);
        self.events.append(&mut self.outcome.events);
        self.ended.append(&mut self.outcome.ended);
        self.ended.pop().expect("one conversation")
    }
}

/// The sum of RFC 1071 over bytes, added to another.
fn sum(bytes: &[u8], before: u16) -> u16 {
    let mut sum = u32::from(before);
    for pair in bytes.chunks(2) {
        sum += u32::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)]));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

#[test]
fn a_forged_answer_wins_the_race() {
    let _alone = ALONE.lock();
    // Once where nobody reads the stream, once where it is HTTP.
    for port in [9_999, 80] {
        let mut talk = Talk::open();
        talk.port = port;
        if port == 80 {
            talk = Talk { port, ..Talk::new() };
            talk.send(Client, SYN, 0, 0, b"").send(Server, SYN | ACK, 0, 1, b"").send(Client, ACK, 1, 1, b"");
        }
        talk.send(Client, ACK, 1, 1, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        talk.ttl = 56;
        talk.send(Server, ACK, 1, 28, b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n");
        talk.ttl = 64;
        talk.send(Client, ACK, 28, 42, b"");
        talk.ttl = 54;
        talk.send(Server, ACK, 1, 28, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ntrue body");
        let (packet, variant, told) = talk.conflict();
        assert_eq!((packet, variant), (7, "acked"), "port {port}");
        assert!(told.starts_with("5 1 41 41 "), "{told}");
        assert!(told.ends_with(" 10 0x33 0x32"), "{told}");
        let event = talk.of(Kind::TcpConflict)[0];
        assert_eq!(event.get("original_ttl"), Some(&Datum::Uint(56)));
        assert_eq!(event.get("ttl"), Some(&Datum::Uint(54)));
        assert_eq!(event.get("acked_by"), Some(&Datum::Uint(6)));
        let label =
            talk.events.iter().find(|e| e.kind == Kind::TcpRetransmission).expect("its numbers were used");
        assert_eq!(label.variant, "conflict");
    }
}

#[test]
fn other_boundaries_and_the_wrap_make_no_difference() {
    let _alone = ALONE.lock();
    let mut talk = Talk::open(); // the server's numbers wrap after 20 bytes
    talk.send(Server, ACK, 1, 1, b"abcdefghij").send(Server, ACK, 11, 1, b"klmnopqrst");
    talk.send(Server, ACK, 21, 1, b"uvwxyz").send(Server, ACK, 6, 1, b"fghijklmnopqrstuVWxyz!");
    assert_eq!(talk.conflict(), (7, "", "6 6 26 21 2 22 0x76 0x56".into()));
    talk.send(Server, ACK, 1, 1, b"abcdefghijklmnopqrstuvwxyz!");
    assert_eq!(talk.of(Kind::TcpConflict).len(), 1, "the same bytes again are no conflict");
}

#[test]
fn the_third_copy_is_held_against_the_first() {
    let _alone = ALONE.lock();
    let mut talk = Talk::open();
    talk.send(Client, ACK, 1, 1, b"one").send(Client, ACK, 1, 1, b"two").send(Client, ACK, 1, 1, b"two");
    let conflicts = talk.of(Kind::TcpConflict);
    assert_eq!(conflicts.len(), 2);
    assert!(conflicts.iter().all(|e| e.get("original") == Some(&Datum::Uint(4))));
}

#[test]
fn behind_a_gap() {
    let _alone = ALONE.lock();
    let mut talk = Talk::open();
    talk.send(Client, ACK, 1, 1, b"abc").send(Client, ACK, 11, 1, b"klmno").send(
        Client,
        ACK,
        9,
        1,
        b"ijKLmnop",
    );
    assert_eq!(talk.conflict(), (6, "waiting", "5 11 15 5 2 11 0x6b 0x4b".into()));
}

#[test]
fn what_was_not_captured_is_not_compared() {
    let _alone = ALONE.lock();
    let mut talk = Talk::open();
    talk.snap = 4;
    talk.send(Client, ACK, 1, 1, b"abcdefgh");
    talk.snap = 8;
    talk.send(Client, ACK, 1, 1, b"abcdEFGH");
    assert!(talk.of(Kind::TcpConflict).is_empty());
    talk.send(Client, ACK, 1, 1, b"abXdEFGH");
    assert_eq!(talk.conflict(), (6, "", "4 1 8 8 1 3 0x63 0x58".into()));
}

#[test]
fn probes_and_resets_say_nothing_of_the_stream() {
    let _alone = ALONE.lock();
    let mut talk = Talk::open();
    talk.send(Client, ACK, 1, 1, b"abc").send(Server, ACK, 1, 4, b"");
    talk.idle_ns = 7_200_000_000_000;
    talk.send(Client, ACK, 3, 1, b"\0"); // a keep-alive with one byte, after two hours (RFC 9293 section 3.8.4)
    talk.send(Server, ACK, 1, 4, b"");
    assert_eq!(talk.of(Kind::TcpKeepAlive).len(), 1);
    let mut one_way = Talk::new();
    one_way.send(Client, ACK, 1, 1, b"abc");
    one_way.idle_ns = 7_200_000_000_000;
    one_way.send(Client, ACK, 3, 1, b"\0"); // the same, the other side not captured
    talk.window = 0;
    talk.send(Server, ACK, 1, 4, b"");
    talk.window = 0xffff;
    talk.send(Client, ACK, 4, 1, b"d"); // one byte to ask whether the window is still closed: refused
    assert_eq!(talk.of(Kind::TcpZeroWindowProbe).len(), 1);
    talk.send(Server, ACK, 1, 4, b"").send(Client, ACK, 4, 1, b"xyz");
    talk.send(Client, RST | ACK, 1, 1, b"no such user"); // RFC 9293 section 3.5.3: a RST may carry its reason
    for talk in [talk, one_way] {
        assert!(talk.of(Kind::TcpConflict).is_empty(), "{:?}", talk.of(Kind::TcpConflict));
    }
}

#[test]
fn damaged_bytes_that_are_acknowledged_have_arrived() {
    let _alone = ALONE.lock();
    let mut talk = Talk::open();
    let mut at = 1;
    for _ in 0..40 {
        talk.send(Client, ACK, at, 1, b"0123456789"); // right sums, so that a wrong one is damage
        at += 10;
    }
    talk.send(Server, ACK, 1, at, b"");
    talk.damage = true;
    talk.send(Client, ACK, at, 1, b"abcdefghij").send(Client, ACK, at + 10, 1, b"klmnopqrst");
    talk.damage = false;
    talk.send(Client, ACK, at + 20, 1, b"uvwxyz"); // no gap: what is between was captured
    talk.send(Server, ACK, 1, at + 26, b"");
    talk.damage = true;
    talk.send(Client, ACK, at + 26, 1, b"the end");
    talk.damage = false;
    talk.send(Server, ACK, 1, at + 33, b"");
    talk.send(Client, ACK, at + 33, 1, b"more").send(Server, ACK, 1, at + 37, b"");
    assert_eq!(talk.of(Kind::ChecksumBad).len(), 3);
    assert!(talk.of(Kind::TcpLostSegment).is_empty() && talk.of(Kind::TcpAckLostSegment).is_empty());
    let [event] = talk.of(Kind::CaptureChecksum)[..] else { panic!("{:?}", talk.events) };
    assert_eq!((event.packet, event.get("bytes")), (50, Some(&Datum::Uint(7))));
    assert_eq!(event.get("original"), Some(&Datum::Uint(49)));
    // What was damaged and is asked for again is another matter.
    talk.damage = true;
    talk.send(Client, ACK, at + 37, 1, b"lost");
    talk.damage = false;
    talk.send(Server, ACK, 1, at + 45, b"");
    assert_eq!(
        talk.of(Kind::TcpAckLostSegment).len(),
        1,
        "more was acknowledged than the damaged segment carried"
    );
}

#[test]
fn a_wrong_checksum_contradicts_nobody() {
    let _alone = ALONE.lock();
    let mut talk = Talk::open();
    talk.damage = true; // too early to be sure that it was dropped, too late to be sure that it was not
    talk.send(Client, ACK, 1, 1, b"abc");
    talk.damage = false;
    talk.send(Client, ACK, 1, 1, b"xyz");
    assert!(talk.of(Kind::TcpConflict).is_empty());
    talk.send(Client, ACK, 1, 1, b"xyw");
    assert_eq!(talk.conflict(), (6, "", "5 1 3 3 1 3 0x7a 0x77".into()));
    // Where no sum is right, sums say nothing.
    let mut talk = Talk::new();
    talk.damage = true;
    talk.send(Client, ACK, 1, 1, b"abc").send(Client, ACK, 1, 1, b"abx");
    assert_eq!(talk.of(Kind::TcpConflict).len(), 1);
}

#[test]
fn a_refusal_that_was_not_the_servers() {
    let _alone = ALONE.lock();
    let mut talk = Talk::new();
    talk.send(Client, SYN, 0, 0, b"");
    talk.ttl = 128;
    // Another machine's RST: number 0, and it acknowledges the SYN.
    let acks = talk.isn[0].wrapping_add(1);
    talk.send_raw(Server, RST | ACK, 0, acks);
    talk.ttl = 64;
    talk.send(Server, SYN | ACK, 0, 1, b"").send(Client, ACK, 1, 1, b"").send(Client, ACK, 1, 1, b"hello");
    talk.send(Server, ACK, 1, 6, b"world").send(Client, FIN | ACK, 6, 6, b"").send(
        Server,
        FIN | ACK,
        6,
        7,
        b"",
    );
    talk.send(Client, ACK, 7, 7, b"");
    let tcp = talk.finish().tcp.expect("TCP");
    assert_eq!((tcp.opening, tcp.closing), ("three-way", "three-segment"));
    assert_eq!(tcp.payload, [5, 5]);
    assert_eq!(talk.of(Kind::TcpHandshakeAck).len(), 1);
}

#[test]
fn a_reset_within_the_handshake_that_was_nobodys() {
    let _alone = ALONE.lock();
    let open = |talk: &mut Talk| {
        talk.send(Client, SYN, 0, 0, b"").send(Server, SYN | ACK, 0, 1, b"");
        talk.send(Server, RST, 1, 0, b"").send(Client, ACK, 1, 1, b"hello");
    };
    let mut talk = Talk::new();
    open(&mut talk);
    assert_eq!(talk.finish().tcp.expect("TCP").opening, "reset-during", "nothing shows that it went on");
    let mut talk = Talk::new();
    open(&mut talk);
    talk.send(Server, ACK, 1, 6, b"world").send(Client, ACK, 6, 6, b"more").send(Server, ACK, 6, 10, b"");
    assert_eq!(talk.finish().tcp.expect("TCP").opening, "three-way");
}

/// Sends `segments` of 64 KiB less the headers as a server does that leaves the cutting to its card; `order` says in which
/// turn they go, `None` for one that never comes. Returns the record, and what memory grew by after the first tenth.
fn pour(segments: u64, lost: Option<u64>, order: fn(u64) -> u64) -> (FlowRecord, usize) {
    const EACH: u64 = 65_480;
    let mut talk = Talk { port: 80, ..Talk::new() };
    talk.send(Client, SYN, 0, 0, b"").send(Server, SYN | ACK, 0, 1, b"").send(Client, ACK, 1, 1, b"");
    talk.send(Client, ACK, 1, 1, b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    let asked = 31;
    let first = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", segments * EACH);
    let body = [0x55; 64];
    let (mut early, mut most) = (0, 0);
    for i in 0..segments {
        let n = order(i);
        if lost == Some(n) {
            continue;
        }
        let payload = if n == 0 { first.as_bytes() } else { &body };
        talk.send_claimed(Server, ACK, 1 + n * EACH, asked, (payload, EACH as usize));
        if i % 2 == 1 {
            // A receiver that misses something says what it misses.
            let all = 1 + (i + 1) * EACH;
            talk.send(Client, ACK, asked, lost.filter(|l| *l <= i).map_or(all, |l| 1 + l * EACH), b"");
        }
        if i % 4_096 == 0 {
            talk.events = Vec::new();
            let held = HELD.load(Ordering::Relaxed);
            if i <= segments / 10 {
                early = early.max(held);
            }
            most = most.max(held);
        }
    }
    talk.send(Server, FIN | ACK, 1 + segments * EACH, asked, b"");
    (talk.finish(), most.saturating_sub(early))
}

/// More than 10 GB, and more than two rounds of the sequence numbers.
const SEGMENTS: u64 = 164_000;
const EACH: u64 = 65_480;
/// Room for tables that double, and no more.
const SLACK: usize = 512 << 10;

#[test]
fn ten_gigabytes_in_order() {
    let _alone = ALONE.lock();
    let (record, grown) = pour(SEGMENTS, None, |i| i);
    let tcp = record.tcp.expect("TCP");
    assert_eq!(tcp.payload, [30, SEGMENTS * EACH]);
    assert_eq!(tcp.retransmitted, [0, 0]);
    assert!(record.bytes[1] > 10 << 30);
    assert!(grown < SLACK, "{grown} bytes more than after the first gigabyte");
}

#[test]
fn ten_gigabytes_out_of_order() {
    let _alone = ALONE.lock();
    let (record, grown) = pour(SEGMENTS, None, |i| i ^ 1);
    assert_eq!(record.tcp.expect("TCP").payload, [30, SEGMENTS * EACH]);
    assert!(grown < SLACK, "{grown} bytes more than after the first gigabyte");
}

#[test]
fn ten_gigabytes_behind_a_gap() {
    let _alone = ALONE.lock();
    let (record, grown) = pour(SEGMENTS, Some(3), |i| i);
    assert_eq!(record.tcp.expect("TCP").payload, [30, (SEGMENTS - 1) * EACH]);
    assert!(grown < SLACK, "{grown} bytes more than after the first gigabyte");
}

/// As XMPP and LDAP do: some words in a protocol that nobody here reads, then TLS.
#[test]
fn tls_begins_within_a_stream_that_nobody_reads() {
    let _alone = ALONE.lock();
    #[rustfmt::skip]
    let mut hello = vec![
        22, 3, 1, 0, 45,                    // handshake record of 45 bytes
        1, 0, 0, 41, 3, 3,                  // ClientHello of 41 bytes, version TLS 1.2
    ];
    hello.extend([7; 32]); // random
    hello.extend([0, 0, 2, 0x13, 0x01, 1, 0]); // no session, one suite, no compression
    let mut talk = Talk::open();
    talk.send(Client, ACK, 1, 1, b"<starttls/>").send(Server, ACK, 1, 12, b"<proceed/>");
    talk.send(Client, ACK, 12, 11, &hello);
    let told: Vec<_> = talk.of(Kind::TlsClientHello).iter().map(|event| event.packet).collect();
    assert_eq!(told, [6]);

    // A hello whose lengths do not agree is none, and neither is what the server sends.
    let mut talk = Talk::open();
    talk.send(Client, ACK, 1, 1, b"<starttls/>").send(Server, ACK, 1, 12, &hello);
    hello[8] += 1;
    talk.send(Client, ACK, 12, 51, &hello);
    assert!(talk.of(Kind::TlsClientHello).is_empty());
}
