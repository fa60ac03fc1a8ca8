//! The vocabulary of what can happen: every event there is, and the values it is told with.
//!
//! The names are the contract's; the meaning of each event's data is in docs/events.md. What people
//! read of an event is chosen by its kind and filled from its data; the sentences are in docs/words.

use std::fmt;

/// Where an event stands between "this is how it works" and "this is broken".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The usual working of a protocol.
    Chat,
    /// Worth a look, not wrong.
    Note,
    /// Something did not go as it should.
    Warn,
    /// Something failed.
    Error,
}

impl Severity {
    /// The name in the JSON contract.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Chat => "chat",
            Severity::Note => "note",
            Severity::Warn => "warn",
            Severity::Error => "error",
        }
    }
}

macro_rules! kinds {
    ($($variant:ident $name:literal $severity:ident;)*) => {
        /// Everything that can happen.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Kind { $(#[doc = concat!("`", $name, "`")] $variant,)* }

        impl Kind {
            /// All of them, in the contract's order.
            pub const ALL: &'static [Kind] = &[$(Kind::$variant,)*];

            /// The name in the JSON contract and in checks of claims.
            pub fn name(self) -> &'static str {
                match self { $(Kind::$variant => $name,)* }
            }

            /// Its usual severity.
            pub fn severity(self) -> Severity {
                match self { $(Kind::$variant => Severity::$severity,)* }
            }

            /// The kind of that name.
            pub fn from_name(name: &str) -> Option<Kind> {
                match name { $($name => Some(Kind::$variant),)* _ => None }
            }
        }
    };
}

kinds! {
    TcpSyn "tcp.handshake.syn" Chat;
    TcpSynAck "tcp.handshake.syn-ack" Chat;
    TcpHandshakeAck "tcp.handshake.ack" Chat;
    TcpRefused "tcp.handshake.refused" Warn;
    TcpSimultaneousOpen "tcp.handshake.simultaneous" Note;
    TcpFin "tcp.close.fin" Chat;
    TcpFinAck "tcp.close.fin-ack" Chat;
    TcpCloseAck "tcp.close.ack" Chat;
    TcpReset "tcp.close.reset" Warn;
    TcpTimeWait "tcp.close.time-wait" Chat;
    TcpRetransmission "tcp.analysis.retransmission" Note;
    TcpFastRetransmission "tcp.analysis.fast_retransmission" Note;
    TcpSpuriousRetransmission "tcp.analysis.spurious_retransmission" Note;
    TcpOutOfOrder "tcp.analysis.out_of_order" Note;
    TcpLostSegment "tcp.analysis.lost_segment" Warn;
    TcpAckLostSegment "tcp.analysis.ack_lost_segment" Warn;
    TcpDuplicateAck "tcp.analysis.duplicate_ack" Note;
    TcpKeepAlive "tcp.analysis.keep_alive" Note;
    TcpKeepAliveAck "tcp.analysis.keep_alive_ack" Note;
    TcpZeroWindow "tcp.analysis.zero_window" Warn;
    TcpZeroWindowProbe "tcp.analysis.zero_window_probe" Note;
    TcpZeroWindowProbeAck "tcp.analysis.zero_window_probe_ack" Note;
    TcpWindowFull "tcp.analysis.window_full" Note;
    TcpWindowUpdate "tcp.analysis.window_update" Chat;
    TcpReusedPorts "tcp.analysis.reused_ports" Note;
    TcpConflict "tcp.segment.overlap.conflict" Warn;
    ArpRequest "arp.request" Chat;
    ArpReply "arp.reply" Chat;
    ArpGratuitous "arp.gratuitous" Chat;
    ArpProbe "arp.probe" Chat;
    ArpAnnouncement "arp.announcement" Chat;
    ArpUnanswered "arp.unanswered" Note;
    ArpRefresh "arp.refresh" Chat;
    ArpConflict "arp.conflict" Warn;
    ArpUnsolicitedReply "arp.unsolicited-reply" Note;
    IpFragment "ip.fragment" Chat;
    IpReassembled "ip.reassembled" Chat;
    IcmpEchoRequest "icmp.echo-request" Chat;
    IcmpEchoReply "icmp.echo-reply" Chat;
    IcmpUnanswered "icmp.unanswered" Note;
    IcmpUnreachable "icmp.unreachable" Warn;
    IcmpFragmentationNeeded "icmp.fragmentation-needed" Note;
    IcmpTimeExceeded "icmp.time-exceeded" Note;
    IcmpParameterProblem "icmp.parameter-problem" Warn;
    IcmpRedirect "icmp.redirect" Note;
    IcmpNeighborSolicitation "icmp.neighbor-solicitation" Chat;
    IcmpNeighborAdvertisement "icmp.neighbor-advertisement" Chat;
    IcmpRouterSolicitation "icmp.router-solicitation" Chat;
    IcmpRouterAdvertisement "icmp.router-advertisement" Chat;
    IcmpOther "icmp.other" Chat;
    IgmpQuery "igmp.query" Chat;
    IgmpReport "igmp.report" Chat;
    IgmpLeave "igmp.leave" Chat;
    VrrpAdvertisement "vrrp.advertisement" Chat;
    StpRoot "stp.root" Chat;
    StpTopologyChange "stp.topology-change" Note;
    UdpDatagram "udp.datagram" Chat;
    DnsQuery "dns.query" Chat;
    DnsResponse "dns.response" Chat;
    DnsUnanswered "dns.unanswered" Warn;
    DhcpDiscover "dhcp.discover" Chat;
    DhcpOffer "dhcp.offer" Chat;
    DhcpRequest "dhcp.request" Chat;
    DhcpAck "dhcp.ack" Chat;
    DhcpNak "dhcp.nak" Warn;
    DhcpRelease "dhcp.release" Chat;
    DhcpDecline "dhcp.decline" Warn;
    DhcpInform "dhcp.inform" Chat;
    DhcpUnanswered "dhcp.unanswered" Warn;
    DhcpOther "dhcp.other" Chat;
    Dhcpv6Request "dhcpv6.request" Chat;
    Dhcpv6Reply "dhcpv6.reply" Chat;
    Dhcpv6Unanswered "dhcpv6.unanswered" Warn;
    NtpRequest "ntp.request" Chat;
    NtpReply "ntp.reply" Chat;
    NtpUnanswered "ntp.unanswered" Note;
    NtpOther "ntp.other" Chat;
    SnmpRequest "snmp.request" Chat;
    SnmpResponse "snmp.response" Chat;
    SnmpTrap "snmp.trap" Note;
    SnmpUnanswered "snmp.unanswered" Warn;
    SnmpOther "snmp.other" Chat;
    HttpRequest "http.request" Chat;
    HttpResponse "http.response" Chat;
    Http2Preface "http2.preface" Chat;
    Http2Settings "http2.settings" Chat;
    Http2Ping "http2.ping" Chat;
    Http2PushPromise "http2.push-promise" Note;
    Http2RstStream "http2.rst-stream" Note;
    Http2GoAway "http2.goaway" Note;
    Http2WindowExhausted "http2.window-exhausted" Note;
    Http2WindowUpdate "http2.window-update" Chat;
    WebsocketOpen "websocket.open" Chat;
    WebsocketMessage "websocket.message" Chat;
    WebsocketPing "websocket.ping" Chat;
    WebsocketClose "websocket.close" Chat;
    TlsClientHello "tls.client-hello" Chat;
    TlsServerHello "tls.server-hello" Chat;
    TlsHelloRetry "tls.hello-retry" Note;
    TlsExtensions "tls.encrypted-extensions" Chat;
    TlsCertificate "tls.certificate" Chat;
    TlsKeyExchange "tls.key-exchange" Chat;
    TlsCertificateRequest "tls.certificate-request" Chat;
    TlsCertificateVerify "tls.certificate-verify" Chat;
    TlsChangeCipherSpec "tls.change-cipher-spec" Chat;
    TlsFinished "tls.finished" Chat;
    TlsSessionTicket "tls.session-ticket" Chat;
    TlsKeyUpdate "tls.key-update" Chat;
    TlsData "tls.application-data" Chat;
    TlsDecrypted "tls.decrypted" Chat;
    TlsNotAuthentic "tls.not-authentic" Warn;
    TlsAlert "tls.alert" Chat;
    HttpBody "http.body" Chat;
    HttpCookie "http.cookie" Chat;
    HttpCredentials "http.credentials" Note;
    FtpCommand "ftp.command" Chat;
    FtpReply "ftp.reply" Chat;
    FtpData "ftp.data" Chat;
    SmtpCommand "smtp.command" Chat;
    SmtpReply "smtp.reply" Chat;
    PopCommand "pop.command" Chat;
    PopReply "pop.reply" Chat;
    ImapCommand "imap.command" Chat;
    ImapReply "imap.reply" Chat;
    MailHeader "mail.header" Chat;
    SshVersion "ssh.version" Chat;
    SshAlgorithms "ssh.algorithms" Chat;
    SshHostKey "ssh.host-key" Chat;
    SshEncrypted "ssh.encrypted" Chat;
    SshDisconnect "ssh.disconnect" Note;
    TelnetOptions "telnet.options" Chat;
    TelnetLine "telnet.line" Chat;
    RpcCall "rpc.call" Chat;
    RpcReply "rpc.reply" Chat;
    SocksLogin "socks.login" Note;
    SocksRequest "socks.request" Chat;
    SocksReply "socks.reply" Chat;
    RtspRequest "rtsp.request" Chat;
    RtspResponse "rtsp.response" Chat;
    MysqlGreeting "mysql.greeting" Chat;
    MysqlLogin "mysql.login" Chat;
    MysqlCommand "mysql.command" Chat;
    MysqlReply "mysql.reply" Chat;
    PgsqlLogin "pgsql.login" Chat;
    PgsqlCommand "pgsql.command" Chat;
    PgsqlReply "pgsql.reply" Chat;
    IrcCommand "irc.command" Chat;
    ChecksumBad "checksum.bad" Warn;
    ChecksumOffloaded "checksum.offloaded" Chat;
    Malformed "malformed" Warn;
    Truncated "truncated" Note;
    CaptureDamaged "capture.damaged" Error;
    MemoryLimit "capture.memory-limit" Warn;
    CaptureCopy "capture.artifact.copy" Chat;
    CaptureMidFlow "capture.artifact.mid-flow" Chat;
    CaptureOffload "capture.artifact.offload" Chat;
    CaptureReordered "capture.artifact.reordered" Note;
    CaptureDropped "capture.artifact.dropped" Note;
    CaptureOneDirection "capture.artifact.one-direction" Note;
    CaptureChecksum "capture.artifact.checksum" Note;
    CaptureRewritten "capture.artifact.rewritten" Note;
}

/// A value that an event is told with.
#[derive(Debug, Clone, PartialEq)]
pub enum Datum {
    /// A number: counts, bytes, ports, sequence numbers.
    Uint(u64),
    /// A signed number.
    Int(i64),
    /// A span of time in nanoseconds; seconds with 9 decimals in JSON.
    Duration(i64),
    /// A yes or no.
    Flag(bool),
    /// A name or a text from the packet (not yet made safe for a terminal).
    Text(String),
    /// A name of the program's own: an endpoint (`client`, `server`), a kind of evidence.
    Name(&'static str),
    /// A hardware address.
    Mac([u8; 6]),
    /// Address and port.
    Socket(std::net::IpAddr, u16),
    /// An address.
    Ip(std::net::IpAddr),
    /// Frame numbers.
    Frames(Vec<u64>),
}

impl fmt::Display for Datum {
    /// As a sentence shows it; JSON has its own form.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Datum::Uint(n) => write!(f, "{n}"),
            Datum::Int(n) => write!(f, "{n}"),
            Datum::Duration(ns) => write!(f, "{}.{:09}", ns / 1_000_000_000, (ns % 1_000_000_000).abs()),
            Datum::Flag(b) => write!(f, "{b}"),
            Datum::Text(t) => f.write_str(t),
            Datum::Name(n) => f.write_str(n),
            Datum::Socket(ip, port) if ip.is_ipv6() => write!(f, "[{ip}]:{port}"),
            Datum::Socket(ip, port) => write!(f, "{ip}:{port}"),
            Datum::Mac(m) => {
                write!(f, "{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", m[0], m[1], m[2], m[3], m[4], m[5])
            }
            Datum::Ip(ip) => write!(f, "{ip}"),
            Datum::Frames(n) => {
                for (i, n) in n.iter().enumerate() {
                    write!(f, "{}#{n}", if i > 0 { ", " } else { "" })?;
                }
                Ok(())
            }
        }
    }
}

/// Number of a conversation, from 0 in order of first packets, over all protocols.
pub type FlowId = u64;

/// Something happened, in a packet.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// What.
    pub kind: Kind,
    /// The packet that shows it (`frame.number`); for what did not come, the packet it was waited for after.
    pub packet: u64,
    /// The conversation it belongs to.
    pub flow: Option<FlowId>,
    /// How serious.
    pub severity: Severity,
    /// Which of the kind's sentences tells it best: a suffix of the kind's id in docs/words, or empty.
    /// E.g. `fast-open` for a SYN that carries data.
    pub variant: &'static str,
    /// The numbers and names it is told with. Keys are the contract's, and the words' placeholders.
    pub data: Vec<(&'static str, Datum)>,
}

impl Event {
    /// An event with its usual severity and no data yet.
    pub fn new(kind: Kind, packet: u64, flow: Option<FlowId>) -> Event {
        Event { kind, packet, flow, severity: kind.severity(), variant: "", data: Vec::new() }
    }

    /// The same event told by another of its kind's sentences.
    pub fn variant(mut self, variant: &'static str) -> Event {
        self.variant = variant;
        self
    }

    /// The same event, more or less serious than usual.
    pub fn severity(mut self, severity: Severity) -> Event {
        self.severity = severity;
        self
    }

    /// The same event with one more value.
    pub fn with(mut self, key: &'static str, value: Datum) -> Event {
        self.data.push((key, value));
        self
    }

    /// The value under a key.
    pub fn get(&self, key: &str) -> Option<&Datum> {
        self.data.iter().find(|(k, _)| *k == key).map(|(_, v)| v)
    }

    /// The number under a key, where that is one without a sign.
    pub fn uint(&self, key: &str) -> Option<u64> {
        match self.get(key) {
            Some(Datum::Uint(n)) => Some(*n),
            _ => None,
        }
    }

    /// The text or name under a key.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.get(key) {
            Some(Datum::Text(text)) => Some(text),
            Some(Datum::Name(name)) => Some(name),
            _ => None,
        }
    }
}
