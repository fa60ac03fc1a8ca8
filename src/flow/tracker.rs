//! The entrance: one packet after another in, an [`Outcome`] out.
//!
//! Finds the conversation a packet belongs to and hands it to that protocol's follower; adds what the tree
//! lane should know of it. Judges nothing itself.

use std::collections::HashSet;
use std::net::IpAddr;

use foldhash::fast::RandomState;

use super::arp::{Arp, Numbers};
use super::checksums::Checksums;
use super::copies::Copies;
use super::datagrams::Applications;
use super::dns::MessageInfo;
use super::event::{Datum, Event, FlowId, Kind};
use super::fragments::Fragments;
use super::icmp::{self, Icmp};
use super::igmp;
use super::info::{PacketInfo, envelope};
use super::record::{Endpoint, FlowRecord, Party};
use super::stp::Trees;
use super::stream::{self, Output, Shared, Stream};
use super::table::{Base, Key, Table};
use super::tcp::damaged::{Damaged, DamagedSegments};
use super::tcp::history::{self, Histories};
use super::tcp::identification::Counting;
use super::tcp::segment::Segment;
use super::tcp::state::StateChange;
use super::tcp::why::Reason;
use super::tcp::{self, Compat, Connection, Step};
use super::udp::{self, Udp};
use super::vrrp::VirtualRouters;
use crate::capture::Frame;
use crate::decode::{self, Computed, Context, Header, Layer, Packet};
use crate::protocol::{Protocol, ports, stp, vrrp};
use crate::wire::{Cursor, Field, Off, Problem, Value};

/// What one packet brought. Reused: [`Outcome::clear`] keeps the memory.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The conversation the packet belongs to.
    pub flow: Option<FlowId>,
    /// Whether `context` is to be filled: only where a tree will be built.
    pub wants_context: bool,
    /// What the tree lane should know of the packet.
    pub context: Context,
    /// What happened.
    pub events: Vec<Event>,
    /// Who changed state. An assumed change is told when the receiver's next segment does not contradict it, so
    /// its `packet` may be an earlier one.
    pub states: Vec<StateChange>,
    /// Conversations that ended and were let go.
    pub ended: Vec<FlowRecord>,
    /// Whether `why` is to be filled.
    pub wants_why: bool,
    /// Which rules were put to the packet's TCP segment, and how they were answered.
    pub why: Vec<Reason>,
}

impl Outcome {
    /// Forgets the packet, keeps the memory.
    pub fn clear(&mut self) {
        self.flow = None;
        self.context.clear();
        self.events.clear();
        self.states.clear();
        self.ended.clear();
        self.why.clear();
    }
}

/// A connection and what reads its stream.
#[derive(Debug)]
struct Tcp {
    connection: Connection,
    stream: Stream,
}

impl super::table::Follow for Tcp {
    fn base(&self) -> &Base {
        self.connection.base()
    }

    fn is_over(&self) -> bool {
        self.connection.is_over()
    }
}

/// Follows all conversations of a capture.
#[derive(Debug, Default)]
pub struct Tracker {
    flows: u64,
    streams: [u64; 4],
    tcp: Table<Tcp>,
    udp: Udp,
    arp: Arp,
    icmp: Icmp,
    shared: Shared,
    virtual_routers: VirtualRouters,
    trees: Trees,
    applications: Applications,
    fragments: Fragments,
    copies: Copies,
    checksums: Checksums,
    /// Hardware addresses that single frames came to: their traffic passes this capture point.
    macs: HashSet<[u8; 6], RandomState>,
    /// Hosts that number the datagrams of each connection one by one.
    counting: Counting,
    /// The latest bytes of TCP's directions.
    histories: Histories,
    now_ns: i64,
    told_cut: bool,
    told_limit: bool,
    told_left_out: bool,
    /// The current packet was damaged on its way: its receiver drops it.
    damaged: bool,
    /// Such segments.
    damaged_segments: DamagedSegments,
    compat: Option<Compat>,
    /// Where the conversation of the current packet is found.
    current: Option<Current>,
}

#[derive(Debug, Clone, Copy)]
enum Current {
    Tcp(Key),
    Udp(Key),
}

/// Ports from here on are handed out to clients: Linux's default, below RFC 6335's 49152.
const EPHEMERAL: u16 = 32_768;
/// Hardware addresses remembered as reached by single frames.
const MAX_MACS: usize = 4_096;

/// Steps back in time beyond this are no disorder of frames.
const BACKWARDS_NS: i64 = 10_000_000_000;

const TCP: usize = 0;
const UDP: usize = 1;
const ICMP: usize = 2;
const ARP: usize = 3;

static UDP_STREAM: Field = Field::new("udp.stream");

impl Tracker {
    /// A follower that labels TCP segments as another tool does.
    pub fn with_compat(compat: Option<Compat>) -> Tracker {
        Tracker { compat, ..Tracker::default() }
    }

    /// Takes in lines of a TLS key log.
    pub fn add_secrets(&mut self, text: &[u8]) {
        self.shared.tls.keys.add(text);
    }

    /// Takes in the next packet. `outcome` is cleared first.
    pub fn process(&mut self, frame: &Frame<'_>, packet: &Packet<'_>, outcome: &mut Outcome) {
        outcome.clear();
        self.current = None;
        let info = PacketInfo::new(frame, packet);
        if let Some((_, dst)) = info.macs
            && dst[0] & 1 == 0
            && self.macs.len() < MAX_MACS
        {
            self.macs.insert(dst);
        }
        self.tick(info.time_ns, outcome);
        self.trouble(frame, packet, outcome);
        let computed = outcome.wants_context.then_some(&mut outcome.context.computed);
        // Wireshark follows damaged packets and copies like any other.
        let discerning = self.compat.is_none();
        self.damaged = self.checksums.check(frame, packet, computed, &mut outcome.events) && discerning;
        // Of a damaged packet nobody can say whether it is a copy.
        if discerning
            && !self.damaged
            && let Some((event, flow)) = self.copies.look(frame, &info, packet)
        {
            self.note_copy(&info, packet, &event, outcome);
            outcome.flow = flow;
            outcome.events.push(event);
            return;
        }
        self.tunnels(&info, packet, outcome);
        self.follow(&info, frame.bytes, packet, outcome);
        if let Some(fragment) = &packet.fragment
            && let Some((protocol, payload)) = self.fragments.add(&info, fragment, &mut outcome.events)
        {
            let whole = decode::decode_datagram(protocol, &payload);
            self.tunnels(&info, &whole, outcome);
            // A tunnel's datagram has addresses of its own inside.
            let inside = PacketInfo::new(frame, &whole);
            let info =
                if inside.addresses.is_some() { PacketInfo { macs: info.macs, ..inside } } else { info };
            self.follow(&info, &payload, &whole, outcome);
            drop(whole);
            if outcome.wants_context {
                outcome.context.datagram = Some((protocol, payload));
            }
        }
        let flow = outcome.flow;
        self.copies.note_flow(flow);
        for event in &mut outcome.events {
            event.flow = event.flow.or(flow);
        }
    }

    /// Datagrams that carry another packet are a conversation, too: of the tunnel's two ends. A packet is counted with the one
    /// inside, unless nothing inside is followed.
    fn tunnels(&mut self, info: &PacketInfo, packet: &Packet<'_>, outcome: &mut Outcome) {
        let (mut ends, followed) = (info.addresses, followed(packet));
        for (index, layer) in packet.layers.iter().enumerate().filter(|(_, l)| !l.quoted) {
            match &layer.header {
                Header::Ipv4(_) | Header::Ipv6(_) => ends = envelope(layer).0,
                Header::Udp(datagram) if Some(index) != followed => {
                    let info = PacketInfo { addresses: ends, ..*info };
                    let numbers = Numbers { flow: &mut self.flows, stream: &mut self.streams[UDP] };
                    let Some(place) = self.udp.place(&info, datagram, numbers, &mut outcome.ended) else {
                        continue;
                    };
                    outcome.flow = Some(place.flow);
                    if outcome.wants_context {
                        outcome.context.computed.push(udp_stream(Some(layer.start), place.stream));
                    }
                }
                _ => {}
            }
        }
    }

    /// Hands a packet to its protocol's follower.
    fn follow(&mut self, info: &PacketInfo, bytes: &[u8], packet: &Packet<'_>, outcome: &mut Outcome) {
        let Some(layer) = followed(packet).map(|index| &packet.layers[index]) else { return };
        match &layer.header {
            Header::Arp(arp) => {
                let numbers = Numbers { flow: &mut self.flows, stream: &mut self.streams[ARP] };
                outcome.flow = self.arp.packet(info, arp, numbers, &mut outcome.events, &mut outcome.ended);
            }
            Header::Tcp(tcp) => {
                let mut segment = Segment::new(tcp, layer.header_end, packet.transport_len);
                segment.packet = info.number;
                segment.time_ns = info.time_ns;
                segment.ip_id = info.ip_id;
                segment.interface = info.interface;
                segment.ttl = info.ttl;
                self.segment(info, &segment, (tcp.source_port(), tcp.destination_port()), outcome);
            }
            Header::Udp(datagram) => self.datagram(info, bytes, packet, datagram, outcome),
            Header::Icmp(h) => {
                let message = icmp::Message {
                    v6: false,
                    kind: h.kind,
                    code: h.code,
                    echo: h.ident.zip(h.seq),
                    bytes: &bytes[layer.start..layer.end],
                };
                self.icmp_message(info, bytes, packet, &message, outcome);
            }
            Header::Icmpv6(h) => {
                let message = icmp::Message {
                    v6: true,
                    kind: h.kind,
                    code: h.code,
                    echo: h.ident.zip(h.seq),
                    bytes: &bytes[layer.start..layer.end],
                };
                self.icmp_message(info, bytes, packet, &message, outcome);
            }
            _ => self.unconnected(info, layer.protocol, &bytes[layer.start..layer.end], &mut outcome.events),
        }
    }

    /// Protocols whose messages stand alone: no conversation, but something to tell.
    fn unconnected(&mut self, info: &PacketInfo, protocol: Protocol, bytes: &[u8], events: &mut Vec<Event>) {
        let mut off = Off;
        let mut c = Cursor::new(bytes, 0, bytes.len(), &mut off);
        match protocol {
            Protocol::Igmp => igmp::message(info, bytes, events),
            Protocol::Vrrp => {
                if let Ok(vrrp) = vrrp::dissect(&mut c) {
                    self.virtual_routers.advertisement(info, &vrrp, events);
                }
            }
            Protocol::Stp | Protocol::Pvst => {
                if let Ok(bpdu) = stp::dissect(&mut c) {
                    self.trees.bpdu(info, &bpdu, events);
                }
            }
            _ => {}
        }
    }

    fn icmp_message(
        &mut self,
        info: &PacketInfo,
        bytes: &[u8],
        packet: &Packet<'_>,
        message: &icmp::Message<'_>,
        outcome: &mut Outcome,
    ) {
        let quoted = icmp::quoted(bytes, packet);
        let about = quoted.and_then(|q| {
            let (sport, dport) = q.ports?;
            let (a, b) = ((q.src, sport), (q.dst, dport));
            match q.protocol {
                6 => {
                    let t = self.tcp.live(&Key::new(a, b))?;
                    if message.is_unreachable() {
                        let to = side_of(&t.connection.base, a);
                        t.connection.unreachable(info.number, to);
                    }
                    Some((t.connection.base.id, t.connection.base.last))
                }
                17 => self.udp.flow_between(a, b),
                _ => None,
            }
        });
        let numbers = Numbers { flow: &mut self.flows, stream: &mut self.streams[ICMP] };
        outcome.flow =
            self.icmp.message(info, message, quoted, about, numbers, &mut outcome.events, &mut outcome.ended);
    }

    fn datagram(
        &mut self,
        info: &PacketInfo,
        bytes: &[u8],
        packet: &Packet<'_>,
        datagram: &etherparse::UdpSlice<'_>,
        outcome: &mut Outcome,
    ) {
        let numbers = Numbers { flow: &mut self.flows, stream: &mut self.streams[UDP] };
        let Some(place) = self.udp.place(info, datagram, numbers, &mut outcome.ended) else { return };
        outcome.flow = Some(place.flow);
        if outcome.wants_context {
            outcome.context.computed.push(udp_stream(None, place.stream));
        }
        let Some((src, dst)) = info.addresses else { return };
        let (a, b) = ((src, datagram.source_port()), (dst, datagram.destination_port()));
        self.current = Some(Current::Udp(Key::new(a, b)));
        let message = MessageInfo {
            packet: info.number,
            time_ns: info.time_ns,
            flow: place.flow,
            from: a.into(),
            to: b.into(),
            over_tcp: false,
            whole: usize::from(datagram.length()) <= datagram.slice().len(),
        };
        let layer = packet.layers.iter().find(|l| l.protocol.osi() == 7 && !l.quoted);
        let protocol = layer.map(|l| l.protocol);
        let said = layer.map_or(&[][..], |l| &bytes[l.start..l.end]);
        let application = match protocol {
            Some(dns @ (Protocol::Dns | Protocol::Mdns | Protocol::Llmnr)) => {
                self.shared.dns.message(&message, said, &mut outcome.events);
                dns.field().name
            }
            Some(other)
                if self.applications.message(
                    other,
                    &message,
                    said,
                    &mut outcome.context.message,
                    &mut outcome.events,
                ) =>
            {
                other.field().name
            }
            other => {
                outcome.events.extend(udp::datagram_event(info, datagram, &place));
                let Some(known) = other.filter(|other| *other != Protocol::Data) else { return };
                known.field().name
            }
        };
        self.udp.recognise(a, b, application);
    }

    fn segment(&mut self, info: &PacketInfo, s: &Segment<'_>, ports: (u16, u16), outcome: &mut Outcome) {
        let Some((src, dst)) = info.addresses else { return };
        let (a, b) = ((src, ports.0), (dst, ports.1));
        let key = Key::new(a, b);
        let numbers = Damaged { from: a, to: b, syn: s.syn, seq: s.seq, len: s.len, packet: info.number };
        if self.damaged {
            // Neither its numbers nor its flags can be trusted, and no endpoint will act on them.
            self.damaged_segments.note(numbers);
            if let Some(t) = self.tcp.live(&key) {
                outcome.flow = Some(t.connection.base.id);
                if outcome.wants_context {
                    let from = side_of(&t.connection.base, a);
                    tcp::computed::place(&t.connection, s, from, &mut outcome.context);
                }
            }
            return;
        }
        let mut s = *s;
        s.doubtful = self.checksums.doubtful();
        if !self.damaged_segments.is_empty() {
            s.damaged_before = self.damaged_segments.take(&numbers);
            s.follows_damaged = self.damaged_segments.run_before(a, b, s.seq);
            s.acks_damaged = self.damaged_segments.run_before(b, a, s.ack).filter(|_| s.ack_flag);
        }
        let s = &s;
        let mut reopened = None;
        let known = match self.tcp.live(&key) {
            Some(t) => {
                let from = side_of(&t.connection.base, a);
                if t.connection.is_reopened_by(s, from) {
                    let base = &t.connection.base;
                    reopened = Some((base.id, info.time_ns - base.end_ns));
                    false
                } else {
                    true
                }
            }
            None => false,
        };
        if !known {
            let past = self.tcp.past(&key);
            if reopened.is_none()
                && s.syn
                && let Some(past) = past
            {
                reopened = Some((past.id, info.time_ns - past.end_ns));
            }
            self.open(info, s, (a, b), key, past.filter(|_| !s.syn).map(|p| p.stream), outcome);
            if let Some((previous, gap)) = reopened
                && let Some(t) = self.tcp.live(&key)
            {
                let base = &t.connection.base;
                outcome.events.push(
                    Event::new(Kind::TcpReusedPorts, info.number, Some(base.id))
                        .with("endpoint", Datum::Name(side_of(base, a).name()))
                        .with("stream", Datum::Uint(base.stream))
                        .with("previous_flow", Datum::Uint(previous))
                        .with("gap", Datum::Duration(gap)),
                );
            }
        }
        let Some(t) = self.tcp.live(&key) else { return };
        let from = side_of(&t.connection.base, a);
        t.connection.base.goes_on(info);
        let side = &mut t.connection.sides[from.index()];
        side.bytes += info.wire_len;
        if side.ids.is_doubtful(s.ip_id) {
            side.ids.host = side.ids.host.max(self.counting.knows(src));
        }
        outcome.flow = Some(t.connection.base.id);
        self.current = Some(Current::Tcp(key));
        let why = outcome.wants_why.then_some(&mut outcome.why);
        let histories = Some(&mut self.histories);
        let mut step = Step { events: &mut outcome.events, states: &mut outcome.states, why, histories };
        t.connection.segment(s, from, &mut step);
        let ids = &mut t.connection.sides[from.index()].ids;
        self.counting.learn((src, dst), t.connection.base.id, info.time_ns, ids);
        if self.histories.left_out() && !self.told_left_out {
            self.told_left_out = true;
            outcome.events.push(
                Event::new(Kind::MemoryLimit, info.number, Some(t.connection.base.id))
                    .variant("copies")
                    .with("limit", Datum::Uint(history::BYTES as u64)),
            );
        }
        if outcome.wants_context {
            tcp::computed::put(&t.connection, s, from, &mut outcome.context);
        }
        let output = Output {
            wants_tree: outcome.wants_context,
            pieces: &mut outcome.context.pieces,
            events: &mut outcome.events,
            shared: &mut self.shared,
        };
        stream::read(&mut t.stream, &mut t.connection, s, from, output);
    }

    /// A packet passed a second capture point: what it carries came that far.
    fn note_copy(&mut self, info: &PacketInfo, packet: &Packet<'_>, copy: &Event, outcome: &mut Outcome) {
        let (Some((src, dst)), Some(layer)) = (info.addresses, packet.transport()) else { return };
        match &layer.header {
            Header::Tcp(tcp) => {
                let (a, b) = ((src, tcp.source_port()), (dst, tcp.destination_port()));
                let Some(t) = self.tcp.live(&Key::new(a, b)) else { return };
                let from = side_of(&t.connection.base, a);
                if let Some(Datum::Uint(original)) = copy.get("original") {
                    t.connection.note_copy(*original, info.interface, from);
                }
                if outcome.wants_context {
                    let segment = Segment::new(tcp, layer.header_end, packet.transport_len);
                    tcp::computed::place(&t.connection, &segment, from, &mut outcome.context);
                }
            }
            Header::Udp(udp) if outcome.wants_context => {
                let ends = Key::new((src, udp.source_port()), (dst, udp.destination_port()));
                if let Some(d) = self.udp.table.live(&ends) {
                    outcome.context.computed.push(udp_stream(None, d.base.stream));
                }
            }
            _ => {}
        }
    }

    /// Opens a connection with the first segment seen of it.
    fn open(
        &mut self,
        info: &PacketInfo,
        s: &Segment<'_>,
        ends: ((IpAddr, u16), (IpAddr, u16)),
        key: Key,
        resumed: Option<u64>,
        outcome: &mut Outcome,
    ) {
        let ((src, sport), (dst, dport)) = ends;
        let (src_mac, dst_mac) = (info.macs.map(|m| m.0), info.macs.map(|m| m.1));
        let sender = Party { addr: Some(src), port: Some(sport), mac: src_mac };
        let receiver = Party { addr: Some(dst), port: Some(dport), mac: dst_mac };
        // A SYN is the client's, a SYN+ACK the server's. In mid-stream the port with a registered service serves,
        // or the one that is not handed out to clients.
        let from_server = match (s.syn, s.ack_flag) {
            (true, ack) => ack,
            _ if s.refuses() => true,
            _ => match (ports::service(sport, true).is_some(), ports::service(dport, true).is_some()) {
                (false, false) => sport < EPHEMERAL && dport >= EPHEMERAL,
                (sender, receiver) => sender && !receiver,
            },
        };
        let (client, server) = if from_server { (receiver, sender) } else { (sender, receiver) };
        let mut numbers = Numbers { flow: &mut self.flows, stream: &mut self.streams[TCP] };
        let (id, stream) = match resumed {
            Some(stream) => {
                let id = *numbers.flow;
                *numbers.flow += 1;
                (id, stream)
            }
            None => numbers.take(),
        };
        let base = Base::new(info, (id, stream), client, server);
        let tcp = Tcp { connection: Connection::new(base, self.compat), stream: Stream::default() };
        if let Some(old) = self.tcp.insert(key, tcp) {
            let_go(*old, info.time_ns, outcome);
        }
        let mut gone = Vec::new();
        self.tcp.sweep(info.time_ns, &mut |t| gone.push(t));
        for t in gone {
            let_go(*t, info.time_ns, outcome);
        }
        if self.tcp.evicted() > 0 && !self.told_limit {
            self.told_limit = true;
            outcome.events.push(
                Event::new(Kind::MemoryLimit, info.number, None)
                    .with("flows", Datum::Uint(self.tcp.evicted()))
                    .with("limit", Datum::Uint(super::table::MAX_LIVE as u64)),
            );
        }
    }

    /// What could not be read, and what the capture cut off.
    fn trouble(&mut self, frame: &Frame<'_>, packet: &Packet<'_>, outcome: &mut Outcome) {
        let cut_by_capture = frame.bytes.len() < frame.wire_len as usize;
        if let Some((protocol, bad)) = &packet.malformed {
            let cut = cut_by_capture && bad.problem == Problem::Cut;
            let kind = if cut { Kind::Truncated } else { Kind::Malformed };
            let mut event = Event::new(kind, frame.number, None)
                .with("layer", Datum::Text(protocol.field().name.into()))
                .with("field", Datum::Text(bad.field.into()))
                .with("offset", Datum::Uint(bad.at as u64))
                .with("needed", Datum::Uint(bad.need as u64))
                .with("had", Datum::Uint(bad.have as u64))
                .with("captured", Datum::Uint(frame.bytes.len() as u64))
                .with("length", Datum::Uint(frame.wire_len.into()));
            if !cut && bad.problem == Problem::Content {
                event = event.variant("content");
            }
            outcome.events.push(event);
        } else if cut_by_capture && !self.told_cut {
            // Once a capture: every long frame of it is cut alike.
            self.told_cut = true;
            outcome.events.push(
                Event::new(Kind::Truncated, frame.number, None)
                    .variant("payload")
                    .with("captured", Datum::Uint(frame.bytes.len() as u64))
                    .with("length", Datum::Uint(frame.wire_len.into())),
            );
        }
    }

    /// Time has come this far: what was waited for is given up.
    fn tick(&mut self, now_ns: i64, outcome: &mut Outcome) {
        // Frames may step back a little; waiting does not. A long step back is another recording, or a clock that
        // was set: what was waited for before cannot be judged by it.
        if self.now_ns - now_ns > BACKWARDS_NS {
            self.now_ns = now_ns;
            self.shared.dns.back_to(now_ns);
            self.applications.back_to(now_ns);
        }
        self.now_ns = self.now_ns.max(now_ns);
        let macs = &self.macs;
        self.arp.expire(self.now_ns, false, |mac| macs.contains(mac), &mut outcome.events);
        self.icmp.expire(self.now_ns, false, &mut outcome.events);
        self.shared.dns.expire(self.now_ns, &mut outcome.events);
        self.applications.expire(self.now_ns, &mut outcome.events);
    }

    /// The capture is over: what was waited for did not come, what is still open is summed up.
    pub fn finish(&mut self, outcome: &mut Outcome) {
        outcome.clear();
        let macs = &self.macs;
        self.arp.expire(self.now_ns, true, |mac| macs.contains(mac), &mut outcome.events);
        self.icmp.expire(self.now_ns, true, &mut outcome.events);
        self.shared.dns.finish(&mut outcome.events);
        self.applications.finish(&mut outcome.events);
        let mut all = Vec::new();
        self.tcp.drain(&mut |t| all.push(t));
        for t in all {
            let_go(*t, self.now_ns, outcome);
        }
        self.udp.table.drain(&mut |d| outcome.ended.push(d.record()));
        self.icmp.table.drain(&mut |m| outcome.ended.push(m.record()));
        self.arp.table.drain(&mut |r| outcome.ended.push(r.record()));
        outcome.ended.sort_by_key(|r| r.id);
    }

    /// The conversation that the last packet belongs to, as far as it has come; `None` for another, or where
    /// that packet belongs to none that is kept.
    pub fn snapshot(&mut self, flow: FlowId) -> Option<FlowRecord> {
        let record = match self.current? {
            Current::Tcp(key) => self.tcp.live(&key)?.connection.record(),
            Current::Udp(key) => self.udp.table.live(&key)?.record(),
        };
        (record.id == flow).then_some(record)
    }
}

/// Only the innermost header that was really sent here: what an ICMP error quotes is not a packet. What an application says is
/// followed with the transport that carries it.
fn followed(packet: &Packet<'_>) -> Option<usize> {
    let carried = |l: &Layer<'_>| l.quoted || l.protocol.osi() == 7 || l.protocol == Protocol::Quic;
    packet.layers.iter().rposition(|l| !carried(l))
}

fn udp_stream(at: Option<usize>, stream: u64) -> Computed {
    Computed { protocol: Protocol::Udp, at, field: &UDP_STREAM, value: Value::Uint(stream) }
}

fn side_of(base: &Base, sender: (IpAddr, u16)) -> Endpoint {
    if (base.client.addr, base.client.port) == (Some(sender.0), Some(sender.1)) {
        Endpoint::Client
    } else {
        Endpoint::Server
    }
}

/// A connection is over: its last states are told, its record handed out.
fn let_go(mut t: Tcp, now_ns: i64, outcome: &mut Outcome) {
    let (events, states) = (&mut outcome.events, &mut outcome.states);
    t.connection.end(now_ns, &mut Step { events, states, why: None, histories: None });
    outcome.ended.push(t.connection.record());
}
