//! Questions that a capture answers: each computed from its packets, with the right answer from their fields, wrong options that
//! are real mistakes on this packet, and the reason.
//!
//! A [`Collector`] watches a capture go by and keeps what questions need; [`ask`] asks one question about one packet, [`quiz`] a
//! number of them, spread over kinds and conversations. The same seed gives the same questions.
//! One file a family of `KINDS`; all prose is in docs/words/questions.toml. Leaves out: showing and grading.

mod arp;
mod close;
mod dhcp;
mod dice;
mod dns;
mod draft;
mod facts;
mod handshake;
mod http;
mod icmp;
mod ip;
mod link;
mod relay;
mod ssh;
mod tcp;
mod tls;
mod udp;
mod web;

use std::collections::BTreeMap;

use crate::flow::{FlowId, Kind as Event};
use crate::protocol::Protocol;
use crate::words::Lang;
use dice::Dice;
use draft::Draft;
pub use facts::{Collector, Facts, Kept};

/// A question with its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Which kind: a name of `KINDS`.
    pub kind: &'static str,
    /// The packet it is about.
    pub packet: u64,
    /// What is asked.
    pub stem: String,
    /// What the learner is shown: all that the answer needs.
    pub shown: Vec<Shown>,
    /// Two to four answers, one of them right.
    pub options: Vec<Choice>,
    /// Why the right one is right.
    pub reason: String,
    /// Where that is specified.
    pub spec: String,
    /// The answer for programs.
    pub key: Key,
}

/// A value that is shown with a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The packet that has it.
    pub packet: u64,
    /// The field's name.
    pub name: String,
    /// Its value, as a packet's fields are shown; flags are 1 and 0.
    pub value: String,
}

/// A possible answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The answer.
    pub text: String,
    /// Whether it is the right one.
    pub right: bool,
    /// The mistake behind a wrong one.
    pub why_not: Option<String>,
}

/// The right answer for programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The packet it is about.
    pub packet: u64,
    /// What it follows from: packet, Wireshark's field name, value.
    pub fields: Vec<(u64, String, String)>,
    /// The value, or the name of the words that are the answer.
    pub value: String,
}

impl Question {
    /// The same with all its texts changed: made safe for where they go.
    pub fn map(mut self, change: &dyn Fn(&str) -> String) -> Question {
        let all = [&mut self.stem, &mut self.reason, &mut self.key.value];
        all.into_iter().for_each(|text| *text = change(text));
        for shown in &mut self.shown {
            shown.value = change(&shown.value);
        }
        for (_, _, value) in &mut self.key.fields {
            *value = change(value);
        }
        for option in &mut self.options {
            option.text = change(&option.text);
            option.why_not = option.why_not.as_deref().map(change);
        }
        self
    }

    /// Which option is right.
    pub fn right(&self) -> usize {
        self.options.iter().position(|option| option.right).unwrap_or(0)
    }
}

/// When a question of a kind may be asked about a packet, as far as that is seen at once.
#[derive(Debug, Clone, Copy)]
pub(crate) enum When {
    /// It has such a header.
    Layer(Protocol),
    /// It is a TCP segment with data.
    Data,
    /// One of these happened in it.
    Event(&'static [Event]),
    /// Its sender's state changes with it.
    State,
    /// It is a piece of a datagram.
    Fragment,
    /// It is a TCP segment without data.
    NoData,
    /// It has an IP header.
    Ip,
    /// A router had to be asked for before it could be sent.
    Gateway,
}

/// A kind of question.
pub(crate) struct Kind {
    pub name: &'static str,
    pub when: When,
    /// Makes the question; none where the packet does not decide it.
    make: fn(&Facts, &mut Dice) -> Option<Draft>,
}

const fn kind(name: &'static str, when: When, make: fn(&Facts, &mut Dice) -> Option<Draft>) -> Kind {
    Kind { name, when, make }
}

const SYNS: &[Event] = &[Event::TcpSyn, Event::TcpSynAck];
const FINS: &[Event] = &[Event::TcpFin, Event::TcpFinAck];
const HTTP: &[Event] = &[Event::HttpRequest, Event::HttpResponse];
const ICMP_ERRORS: &[Event] =
    &[Event::IcmpUnreachable, Event::IcmpTimeExceeded, Event::IcmpFragmentationNeeded];
const AGAIN: &[Event] =
    &[Event::TcpRetransmission, Event::TcpFastRetransmission, Event::TcpSpuriousRetransmission];
const SERVICES: &[Event] = &[
    Event::TcpSyn,
    Event::TcpSynAck,
    Event::UdpDatagram,
    Event::DnsQuery,
    Event::DhcpDiscover,
    Event::NtpRequest,
];
const APPLICATION: &[Event] = &[
    Event::HttpRequest,
    Event::HttpResponse,
    Event::DnsQuery,
    Event::DnsResponse,
    Event::UdpDatagram,
    Event::TlsClientHello,
    Event::TlsServerHello,
    Event::SshVersion,
    Event::FtpCommand,
    Event::SmtpCommand,
];

/// All kinds, from the link up.
#[rustfmt::skip]
pub(crate) static KINDS: &[Kind] = &[
    kind("eth.dst", When::Layer(Protocol::Ethernet), link::dst),
    kind("eth.reply-dst", When::Event(&[Event::ArpRequest, Event::IcmpEchoRequest, Event::TcpSyn, Event::DnsQuery]), link::reply_dst),
    kind("eth.type", When::Layer(Protocol::Ethernet), link::inside),
    kind("eth.local", When::Layer(Protocol::Ethernet), link::local),
    kind("layers.count", When::Event(APPLICATION), link::count),
    kind("layers.offset", When::Data, link::offset),
    kind("layers.order", When::Layer(Protocol::Ethernet), link::order),
    kind("layers.osi", When::Layer(Protocol::Ethernet), link::osi),
    kind("arp.who-answers", When::Event(&[Event::ArpRequest]), arp::who_answers),
    kind("arp.reply-to", When::Event(&[Event::ArpRequest]), arp::reply_to),
    kind("arp.target-mac", When::Event(&[Event::ArpRequest]), arp::target_mac),
    kind("arp.learned", When::Event(&[Event::ArpReply]), arp::learned),
    kind("arp.purpose", When::Layer(Protocol::Arp), arp::purpose),
    kind("arp.off-link", When::Gateway, arp::off_link),
    kind("ip.ttl-next", When::Ip, ip::ttl_next),
    kind("ip.protocol", When::Layer(Protocol::Ipv4), ip::protocol),
    kind("ip.header-length", When::Layer(Protocol::Ipv4), ip::header_length),
    kind("ip.payload-length", When::Layer(Protocol::Ipv4), ip::payload_length),
    kind("ip.fragment-offset", When::Fragment, ip::fragment_offset),
    kind("ip.fragment-last", When::Fragment, ip::fragment_last),
    kind("ip.reassembly", When::Fragment, ip::reassembly),
    kind("ip.router-keeps", When::Layer(Protocol::Ipv4), ip::router_keeps),
    kind("nat.who-changed", When::Event(&[Event::TcpSyn]), ip::nat),
    kind("icmp.answer", When::Event(&[Event::IcmpEchoRequest]), icmp::answer),
    kind("icmp.quote", When::Event(ICMP_ERRORS), icmp::quote),
    kind("icmp.who-sent", When::Event(ICMP_ERRORS), icmp::who_sent),
    kind("icmp.meaning", When::Event(ICMP_ERRORS), icmp::meaning),
    kind("icmp.port", When::Event(&[Event::IcmpEchoRequest, Event::IcmpEchoReply]), icmp::port),
    kind("udp.length", When::Layer(Protocol::Udp), udp::length),
    kind("udp.reply-ports", When::Layer(Protocol::Udp), udp::reply_ports),
    kind("udp.service", When::Event(SERVICES), udp::service),
    kind("udp.lost", When::Event(&[Event::UdpDatagram, Event::DnsQuery]), udp::lost),
    kind("dhcp.next", When::Event(&[Event::DhcpDiscover, Event::DhcpOffer, Event::DhcpRequest]), dhcp::next),
    kind("dhcp.source", When::Event(&[Event::DhcpDiscover, Event::DhcpRequest]), dhcp::source),
    kind("dhcp.offered", When::Event(&[Event::DhcpOffer, Event::DhcpAck]), dhcp::offered),
    kind("handshake.ack", When::Event(SYNS), handshake::ack),
    kind("handshake.who-established", When::Event(&[Event::TcpSyn, Event::TcpSynAck, Event::TcpHandshakeAck]), handshake::who_established),
    kind("handshake.flags", When::Event(SYNS), handshake::flags),
    kind("handshake.mss", When::Event(SYNS), handshake::mss),
    kind("handshake.syn-window", When::Event(SYNS), handshake::syn_window),
    kind("handshake.unanswered", When::Event(&[Event::TcpSyn]), handshake::unanswered),
    kind("tcp.next-seq", When::Data, tcp::next_seq),
    kind("tcp.ack-of", When::Data, tcp::ack_of),
    kind("tcp.acked", When::NoData, tcp::acked),
    kind("tcp.window-scaled", When::Layer(Protocol::Tcp), tcp::window_scaled),
    kind("tcp.flags", When::Layer(Protocol::Tcp), tcp::flags),
    kind("tcp.retransmitted", When::Event(AGAIN), tcp::retransmitted),
    kind("tcp.state-after", When::State, tcp::state_after),
    kind("tcp.header-length", When::Layer(Protocol::Tcp), tcp::header_length),
    kind("tcp.payload-length", When::Data, tcp::payload_length),
    kind("tcp.reply-ports", When::Event(&[Event::TcpSyn]), udp::reply_ports),
    kind("tcp.sack-gap", When::Event(&[Event::TcpDuplicateAck]), tcp::sack_gap),
    kind("tcp.duplicate-ack", When::Event(&[Event::TcpDuplicateAck]), tcp::duplicate_ack),
    kind("tcp.zero-window", When::Event(&[Event::TcpZeroWindow]), tcp::zero_window),
    kind("stream.messages", When::Event(&[Event::HttpRequest]), tcp::messages),
    kind("stream.recv", When::Data, tcp::recv),
    kind("close.ack-of-fin", When::Event(FINS), close::ack_of_fin),
    kind("close.who-time-wait", When::Event(FINS), close::who_time_wait),
    kind("close.kind", When::Event(&[Event::TcpFinAck, Event::TcpCloseAck]), close::kind),
    kind("close.who-first", When::Event(FINS), close::who_first),
    kind("close.half", When::Event(FINS), close::half),
    kind("close.reset-meaning", When::Event(&[Event::TcpReset, Event::TcpRefused]), close::reset_meaning),
    kind("dns.type", When::Event(&[Event::DnsQuery]), dns::kind),
    kind("dns.recursion", When::Event(&[Event::DnsQuery, Event::DnsResponse]), dns::recursion),
    kind("dns.answer-id", When::Event(&[Event::DnsQuery]), dns::answer_id),
    kind("dns.ttl", When::Event(&[Event::DnsResponse]), dns::ttl),
    kind("dns.rcode", When::Event(&[Event::DnsResponse]), dns::rcode),
    kind("dns.authoritative", When::Event(&[Event::DnsResponse]), dns::authoritative),
    kind("dns.truncated", When::Event(&[Event::DnsResponse]), dns::truncated),
    kind("dns.several", When::Event(&[Event::DnsResponse]), dns::several),
    kind("dns.other-source", When::Event(&[Event::DnsResponse]), relay::other_source),
    kind("http.status-class", When::Event(&[Event::HttpResponse]), http::status_class),
    kind("http.method-meaning", When::Event(&[Event::HttpRequest]), http::method_meaning),
    kind("http.body-length", When::Event(HTTP), http::body_length),
    kind("http.message-length", When::Event(HTTP), http::message_length),
    kind("http.connection", When::Event(&[Event::HttpResponse]), http::connection),
    kind("http.host", When::Event(&[Event::HttpRequest]), http::host_for),
    kind("http.url", When::Event(&[Event::HttpRequest]), http::url),
    kind("http.redirect", When::Event(&[Event::HttpResponse]), http::redirect),
    kind("http.query", When::Event(&[Event::HttpRequest]), web::query),
    kind("http.target", When::Event(&[Event::HttpRequest]), web::target),
    kind("http.readable", When::Event(&[Event::HttpRequest]), web::readable),
    kind("http.cookie-back", When::Event(&[Event::HttpResponse]), web::cookie_back),
    kind("http.range-length", When::Event(&[Event::HttpResponse]), web::range_length),
    kind("http.not-modified", When::Event(&[Event::HttpResponse]), web::not_modified),
    kind("http.denied", When::Event(&[Event::HttpResponse]), web::denied),
    kind("http.fault", When::Event(&[Event::HttpResponse]), web::fault),
    kind("http.media-type", When::Event(&[Event::HttpResponse]), web::media_type),
    kind("http.upgrade", When::Event(&[Event::HttpResponse]), web::upgrade),
    kind("http.pair", When::Event(&[Event::HttpResponse]), web::pair),
    kind("http2.stream", When::Event(&[Event::HttpRequest]), web::stream),
    kind("relay.server", When::Event(&[Event::HttpRequest]), relay::server),
    kind("relay.client", When::Event(&[Event::HttpRequest]), relay::client),
    kind("tls.version", When::Event(&[Event::TlsServerHello]), tls::version),
    kind("tls.readable", When::Event(&[Event::TlsClientHello]), tls::readable),
    kind("tls.sni", When::Event(&[Event::TlsClientHello]), tls::sni),
    kind("tls.certificate", When::Event(&[Event::TlsServerHello]), tls::certificate),
    kind("tls.record-length", When::Event(&[Event::TlsClientHello, Event::TlsServerHello, Event::TlsData]), tls::record_length),
    kind("tls.suite", When::Event(&[Event::TlsServerHello]), tls::suite),
    kind("tls.alert", When::Event(&[Event::TlsAlert]), tls::alert),
    kind("ssh.version", When::Event(&[Event::SshVersion]), ssh::version),
    kind("ssh.readable", When::Event(&[Event::SshVersion]), ssh::readable),
    kind("rpc.xid", When::Event(&[Event::RpcCall]), udp::rpc_xid),
    kind("flow.rtt", When::Event(&[Event::TcpSyn, Event::TcpHandshakeAck]), handshake::rtt),
    kind("flow.count-packets", When::Event(&[Event::UdpDatagram, Event::TcpSyn]), udp::count_packets),
];

/// The names of all kinds, from the link up.
pub fn kinds() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|kind| kind.name)
}

/// A question of a kind about a packet; none where there is no such kind, the packet was not kept or is not whole, or it does
/// not decide the question.
pub fn ask(kind: &str, packet: u64, kept: &Kept, lang: Lang, seed: u64) -> Option<Question> {
    let kind = KINDS.iter().find(|known| known.name == kind)?;
    let of_headers = ["eth.", "layers.", "ip."].iter().any(|area| kind.name.starts_with(area));
    let facts = kept.packet(packet).filter(|facts| facts.sound && (!facts.copy || of_headers))?;
    let mut dice = Dice::new(&[seed, Dice::hash(kind.name), packet]);
    let draft = (kind.make)(facts, &mut dice)?;
    draft.question(kind.name, packet, lang, dice)
}

/// Questions about a capture.
#[derive(Debug, Default)]
pub struct Quiz {
    /// As many as wanted, or as could be asked.
    pub questions: Vec<Question>,
    /// How many of each kind the kept packets could be asked.
    pub askable: Vec<(&'static str, usize)>,
}

/// A number of questions about what was kept of a capture: of kinds whose names begin with one of `prefixes`, or of all; spread over
/// kinds first, then over conversations.
pub fn quiz(kept: &Kept, count: usize, prefixes: &[String], lang: Lang, seed: u64) -> Quiz {
    let wanted =
        |name: &str| prefixes.is_empty() || prefixes.iter().any(|prefix| name.starts_with(&**prefix));
    let mut dice = Dice::new(&[seed, 1]);
    let mut quiz = Quiz::default();
    let mut pools: Vec<(&'static str, Vec<Question>)> = Vec::new();
    for (kind, packets) in kept.by_kind.iter().filter(|(kind, _)| wanted(kind)) {
        let mut questions: Vec<Question> = Vec::new();
        for question in packets.iter().filter_map(|packet| ask(kind, *packet, kept, lang, seed)) {
            // What reads the same is the same question.
            let same = |other: &Question| {
                other.stem == question.stem && other.shown_values().eq(question.shown_values())
            };
            if !questions.iter().any(same) {
                questions.push(question);
            }
        }
        quiz.askable.push((kind, questions.len()));
        dice.shuffle(&mut questions);
        pools.push((kind, questions));
    }
    pools.retain(|(_, questions)| !questions.is_empty());
    dice.shuffle(&mut pools);
    let mut flows: BTreeMap<Option<FlowId>, usize> = BTreeMap::new();
    let mut packets: BTreeMap<u64, usize> = BTreeMap::new();
    while quiz.questions.len() < count && !pools.is_empty() {
        for (_, questions) in &mut pools {
            if quiz.questions.len() == count {
                break;
            }
            let flow = |packet: u64| kept.packet(packet).and_then(|facts| facts.flow);
            let used = |question: &Question| {
                let of = packets.get(&question.packet).copied().unwrap_or(0);
                (of, flows.get(&flow(question.packet)).copied().unwrap_or(0))
            };
            let best = (0..questions.len()).min_by_key(|at| used(&questions[*at]));
            if let Some(at) = best {
                let question = questions.swap_remove(at);
                *flows.entry(flow(question.packet)).or_default() += 1;
                *packets.entry(question.packet).or_default() += 1;
                quiz.questions.push(question);
            }
        }
        pools.retain(|(_, questions)| !questions.is_empty());
    }
    quiz
}

impl Question {
    fn shown_values(&self) -> impl Iterator<Item = (&str, &str)> {
        self.shown.iter().map(|shown| (&*shown.name, &*shown.value))
    }
}
