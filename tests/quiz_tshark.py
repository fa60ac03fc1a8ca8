#!/usr/bin/env python3
"""Questions against tshark: each key is worked out again from the fields that tshark gives for the packet.

    python3 tests/quiz_tshark.py --bin target/release/pcaplain [--count 400] [--seed 1] FILES...

For every question: one option is right, and it is what tshark's fields give; no wrong option is what they give, nor, where it
is words whose truth a field decides, true of this packet; the same key follows from the values that are shown with the question
alone, so that whoever sees only these can answer; and what is shown is what tshark has. One run of tshark a capture. Ends with
1 where something differs.

In `RULES` the answer is a rule of the protocol, which no field can contradict: there the fields say only whether the rule is
about this packet (a flag, a code, an earlier packet), and that is checked."""

import argparse, collections, json, os, re, subprocess, sys, tomllib

M = 1 << 32

FIELDS = """frame.number eth.dst eth.src eth.type eth.src.lg arp.opcode arp.src.hw_mac arp.src.proto_ipv4 arp.dst.hw_mac
arp.dst.proto_ipv4 ip.src ip.dst ip.ttl ip.proto ip.hdr_len ip.len ip.frag_offset ip.flags.mf ipv6.hlim icmp.type icmp.code
icmp.ident icmp.seq udp.srcport udp.dstport udp.length tcp.srcport tcp.dstport tcp.seq_raw tcp.ack_raw tcp.len tcp.hdr_len
tcp.flags tcp.flags.syn tcp.flags.fin tcp.flags.ack tcp.flags.reset tcp.window_size_value tcp.window_size tcp.options.mss_val
tcp.options.wscale.shift tcp.ack tcp.options.sack_le tcp.options.sack_re dhcp.ip.your dhcp.option.dhcp dns.id
dns.flags.recdesired dns.flags.recavail dns.flags.authoritative dns.flags.rcode dns.count.answers dns.qry.type dns.resp.ttl
dns.flags.truncated http.response.code http.request.method http.content_length_header http.host http.request.full_uri
http.request.uri http.location tls.record.length tls.handshake.version tls.handshake.extensions.supported_version
tls.handshake.extensions_server_name tcp.analysis.initial_rtt tcp.stream udp.stream frame.protocols vlan.id ipv6.dst ipv6.src
http.response.version http.connection http.request_in http.request.uri.query http.set_cookie http.response.line
http.www_authenticate http.upgrade http.content_type tls.handshake.ciphersuite tls.handshake.extension.type
tls.alert_message.level tls.alert_message.desc tls.record.version ssh.protocol rpc.xid rpc.program dns.a dns.qry.name
dns.flags.response udp.checksum ipv6.nxt dhcp.ip.client http2.streamid http2.type""".split()

NAMES = {"inside-ipv4": 0x800, "inside-arp": 0x806, "inside-ipv6": 0x86DD, "inside-vlan": 0x8100}
CARRIES = {"carries-tcp": 6, "carries-udp": 17, "carries-icmp": 1, "carries-igmp": 2, "carries-ospf": 89, "carries-vrrp": 112,
           "carries-sctp": 132}
TYPES = dict(a=1, aaaa=28, mx=15, ptr=12, ns=2, cname=5, txt=16, soa=6, srv=33)
PORTS = dict(ssh=22, smtp=25, dns=53, dhcp=67, http=80, ntp=123, https=443, ftp=21, mysql=3306, rsync=873)
VERSIONS = {0x301: "TLS 1.0", 0x302: "TLS 1.1", 0x303: "TLS 1.2", 0x304: "TLS 1.3"}
ALERTS = {"alert-issuer": 48, "alert-certificate": 42, "alert-tag": 20, "alert-end": 0, "alert-no-choice": 40, "alert-date": 45, "alert-version": 70,
          "alert-name": 112}
FLAGS = [("FIN", 1), ("SYN", 2), ("RST", 4), ("PSH", 8), ("ACK", 16), ("URG", 32)]
TITLES = dict(eth="Ethernet", vlan="VLAN", ip="IPv4", ipv6="IPv6", tcp="TCP", udp="UDP")
# The state of a sender after its segment: RFC 9293, figure 5. A RST leads to CLOSED from everywhere.
AFTER = {("CLOSED", "SYN"): "SYN-SENT", ("LISTEN", "SYN, ACK"): "SYN-RECEIVED", ("SYN-SENT", "ACK"): "ESTABLISHED",
         ("ESTABLISHED", "FIN, ACK"): "FIN-WAIT-1", ("SYN-RECEIVED", "FIN, ACK"): "FIN-WAIT-1",
         ("CLOSE-WAIT", "FIN, ACK"): "LAST-ACK", ("ESTABLISHED", "FIN"): "FIN-WAIT-1", ("CLOSE-WAIT", "FIN"): "LAST-ACK"}


class Packet(dict):
    """The values of a packet: all of a field, or its first."""

    alone = False

    def __missing__(self, name):
        return []

    def __call__(self, name):
        return self[name][0]

    def n(self, name):
        value = self[name][0]
        return {"True": 1, "False": 0}.get(value) if value in ("True", "False") else int(value, 0)

    def ns(self, name):
        return [int(v, 0) for v in self[name]]


def next_seq(p):
    return (p.n("tcp.seq_raw") + p.n("tcp.len") + p.n("tcp.flags.fin")) % M


def flags(p):
    bits = p.n("tcp.flags")
    return ", ".join(name for name, bit in FLAGS if bits & bit)


def sack(p):
    return "%d–%d" % (p.n("tcp.ack"), p.n("tcp.options.sack_le") - 1)


def destination(p):
    dst = p("eth.dst")
    return "for-all" if dst == "ff:ff:ff:ff:ff:ff" else "for-group" if int(dst[:2], 16) & 1 else "for-one"


def version(p):
    chosen = [v for v in p["tls.handshake.extensions.supported_version"] if v != "–"]
    return VERSIONS[int(chosen[0], 0) if chosen else p.n("tls.handshake.version")]


def piece(p):
    more, offset = p.n("ip.flags.mf"), p.n("ip.frag_offset")
    return "piece-last" if not more else "piece-middle" if offset else "piece-first"


def recursion(p):
    desired = p.n("dns.flags.recdesired")
    if not p["dns.flags.recavail"]:
        return "rd-find-all" if desired else "rd-iterative"
    return {(1, 1): "ra-both", (1, 0): "ra-only-asked", (0, 1): "ra-only-offered", (0, 0): "ra-neither"}[
        desired, p.n("dns.flags.recavail")]


def rcode(p):
    code, answers = p.n("dns.flags.rcode"), p.n("dns.count.answers")
    return {0: "name-answered" if answers else "name-without-type", 2: "name-server-failed", 3: "name-unknown",
            5: "name-refused"}[code]


def error(p):
    kind, code = p.n("icmp.type"), p.n("icmp.code")
    return {(3, 0): "means-net", (3, 1): "means-host", (3, 3): "means-port", (3, 4): "means-too-big",
            (3, 9): "means-prohibited", (3, 10): "means-prohibited", (3, 13): "means-prohibited",
            (11, 0): "means-ttl"}[kind, code]


def swapped(p):
    proto = "tcp" if p["tcp.srcport"] else "udp"
    return "%s → %s" % (p(proto + ".dstport"), p(proto + ".srcport"))


def purpose(p):
    if p.n("arp.opcode") == 2:
        return "arp-answers"
    if p("arp.src.proto_ipv4") == "0.0.0.0":
        return "arp-probes"
    if p("arp.src.proto_ipv4") == p("arp.dst.proto_ipv4"):
        return "arp-announces"
    return "arp-asks" if p("eth.dst") == "ff:ff:ff:ff:ff:ff" else "arp-checks"


def established(p):
    return {(1, 0): "established-none", (1, 1): "established-client", (0, 1): "established-both"}[
        p.n("tcp.flags.syn"), p.n("tcp.flags.ack")]


def method(p):
    m = p("http.request.method")
    return "method-safe" if m in ("GET", "HEAD", "OPTIONS") else "method-idempotent" if m in ("PUT", "DELETE") else "method-neither"


def reverse(table, value):
    return next(name for name, number in table.items() if number == value)


def rtt(p, q):
    one = int(round(float(p("tcp.analysis.initial_rtt")) * 1e9))
    us = one // 1000
    return "%d.%03d ms" % (us * 2 // 1000, us * 2 % 1000)


def service(p):
    proto = "tcp" if p["tcp.srcport"] or p["tcp.dstport"] else "udp"
    ports = set(p.ns(proto + ".dstport") + p.ns(proto + ".srcport"))
    return {"service-" + name for name, port in PORTS.items() if port in ports}


def shown(q, name):
    return next(s["value"] for s in q["shown"] if s["name"] == name)


def packet_of(q, name):
    """The packet that a value is shown of."""
    return next(s["packet"] for s in q["shown"] if s["name"] == name)


def headers(p):
    """The headers up to the transport, as tshark lists them."""
    names = [n for n in p("frame.protocols").split(":") if n not in ("ethertype", "ethervlan")]
    at = next(i for i, n in enumerate(names) if n in ("tcp", "udp"))
    return [TITLES[n] for n in names[:at + 1]]


def osi(q, p):
    name = shown(q, "protocol")
    there = not p["frame.protocols"] or name in p("frame.protocols").split(":")
    return "osi-%d" % dict(eth=2, ip=3, tcp=4, udp=4, dns=7)[name] if there else ""


def tokens(p):
    return {t.strip().lower() for line in p["http.connection"] if line != "–" for t in line.split(",")}


def connection(p):
    said = tokens(p)
    if p("http.response.version") == "HTTP/1.1":
        return "conn-close-said" if "close" in said else "conn-stays"
    return "conn-kept-said" if "keep-alive" in said else "conn-old-closes"


def target(p):
    uri = p("http.request.uri")
    if p("http.request.method") == "CONNECT":
        return "target-tunnel"
    return "target-path" if uri[0] == "/" else "target-proxy"


def fault(p):
    code = p.n("http.response.code")
    return "fault-request" if code < 500 else "fault-behind" if code in (502, 504) else "fault-server"


def part(p):
    """The length of a part: tshark has no field for Content-Range but the line."""
    line = next((l for l in p["http.response.line"] if l.lower().startswith("content-range:")), None)
    text = p("http.content_range") if line is None else line.split(":", 1)[1]
    first, last = re.search(r"bytes (\d+)-(\d+)/", text).groups()
    return int(last) - int(first) + 1


SUITES = {}


def suite(p):
    """The cipher in the name of the suite, which tshark knows by its number."""
    if not SUITES:
        out = subprocess.run(["tshark", "-G", "values"], capture_output=True, check=False).stdout.decode("utf-8", "replace")
        rows = (line.split("\t") for line in out.split("\n"))
        SUITES.update((int(r[2], 0), r[3]) for r in rows if r[:2] == ["V", "tls.handshake.ciphersuite"])
    name = SUITES[p.n("tls.handshake.ciphersuite")]
    return name.removeprefix("TLS_").split("_WITH_")[-1].rsplit("_", 1)[0]


def same_segment(q, p, known):
    """Whether an earlier packet of the same sender had what stands at the number."""
    before = known[int(re.search(r"before, in #(\d+)", q["stem"])[1])]
    same = all(before[n] == p[n] for n in ("ip.src", "ipv6.src", "tcp.srcport", "tcp.dstport"))
    length = before.n("tcp.len") + before.n("tcp.flags.syn") + before.n("tcp.flags.fin")
    return "sent-again" if same and (p.n("tcp.seq_raw") - before.n("tcp.seq_raw")) % M < length else ""


def gateway(q, p, known):
    reply = known[packet_of(q, "arp.src.hw_mac")]
    mac, address = shown(q, "arp.src.hw_mac"), shown(q, "arp.src.proto_ipv4")
    told = mac in reply["arp.src.hw_mac"] and address in reply["arp.src.proto_ipv4"]
    return "mac-next-hop" if told and p("eth.dst") == mac and p("ip.dst") != address else ""


def nat(q, p, known):
    before = known[packet_of(q, "ip.src before")]
    if before["tcp.seq_raw"] != p["tcp.seq_raw"]:
        return ""
    src, dst = before["ip.src"] != p["ip.src"], before["ip.dst"] != p["ip.dst"]
    return {(True, False): "nat-source", (False, True): "nat-destination"}.get((src, dst), "")


def relayed(q, p, known):
    """Whether the same was asked of somebody before."""
    front = known[packet_of(q, "ip.src in front")]
    fits = shown(q, "ip.src in front") in front["ip.src"] and shown(q, "ip.dst in front") in front["ip.dst"]
    return fits and front["http.request.method"] == p["http.request.method"]


def elsewhere(q, p, known):
    used = known[packet_of(q, "ip.dst used")]
    address = shown(q, "ip.dst used")
    given = [a for text in p["dns.a"] for a in text.split(" ")]
    return "source-elsewhere" if address in used["ip.dst"] and address not in given else ""


def pair(q, p, known):
    asked = re.search(r"the request #(\d+)", q["stem"])[1]
    return "pair-by-order" if not p["http.request_in"] or asked in p["http.request_in"] else ""


def by(rule, yes):
    """The answer that a rule gives, where the packet is one that the rule is about."""
    return lambda p: yes if rule(p) else ""


def code_is(*codes):
    return lambda p: p.n("http.response.code") in codes


# What the key must be, by the fields of the packet.
KEYS = {
    "eth.dst": destination,
    "eth.reply-dst": lambda p: p("eth.src"),
    "eth.type": lambda p: reverse(NAMES, p.n("eth.type")),
    "eth.local": lambda p: "mac-local" if int(p("eth.src")[:2], 16) & 2 else "mac-maker",
    "layers.offset": lambda p: 14 + p.n("ip.hdr_len") + p.n("tcp.hdr_len"),
    "ip.router-keeps": by(lambda p: not int(p("eth.dst")[:2], 16) & 1 and p("ip.src") != p("ip.dst"), "macs-change"),
    "arp.reply-to": lambda p: p("arp.src.hw_mac"),
    "ip.ttl-next": lambda p: p.n("ip.ttl" if p["ip.ttl"] else "ipv6.hlim") - 1,
    "ip.protocol": lambda p: reverse(CARRIES, p.n("ip.proto")),
    "ip.header-length": lambda p: p.n("ip.hdr_len"),
    "ip.payload-length": lambda p: p.n("ip.len") - p.n("ip.hdr_len"),
    # tshark gives the offset in units of 8 bytes.
    "ip.fragment-offset": lambda p: p.n("ip.frag_offset") * 8,
    "ip.fragment-last": piece,
    "icmp.answer": lambda p: "icmp.type 0, icmp.ident %d, icmp.seq %d" % (p.n("icmp.ident"), p.n("icmp.seq")),
    "icmp.quote": lambda p: "%s → %s" % (p["ip.src"][1], p["ip.dst"][1]),
    "icmp.who-sent": lambda p: "error-target" if p["ip.src"][0] == p["ip.dst"][-1] else "error-router",
    "icmp.meaning": error,
    "udp.length": lambda p: p.n("udp.length") - 8,
    "udp.reply-ports": swapped,
    "tcp.reply-ports": swapped,
    "udp.service": service,
    "dhcp.next": lambda p: {1: "dhcp-offer", 2: "dhcp-request", 3: "dhcp-ack"}[p.n("dhcp.option.dhcp")],
    "dhcp.offered": lambda p: p("dhcp.ip.your"),
    "handshake.ack": lambda p: (p.n("tcp.seq_raw") + 1) % M,
    "handshake.mss": lambda p: p.n("tcp.options.mss_val"),
    "handshake.syn-window": lambda p: p.n("tcp.window_size_value"),
    "tcp.next-seq": next_seq,
    "tcp.ack-of": next_seq,
    "tcp.acked": lambda p: (p.n("tcp.ack_raw") - 1) % M,
    "tcp.window-scaled": lambda p: p.n("tcp.window_size"),
    "tcp.flags": flags,
    "tcp.header-length": lambda p: p.n("tcp.hdr_len"),
    "tcp.payload-length": lambda p: p.n("ip.len") - p.n("ip.hdr_len") - p.n("tcp.hdr_len"),
    "tcp.sack-gap": sack,
    "close.ack-of-fin": lambda p: (p.n("tcp.seq_raw") + p.n("tcp.len") + 1) % M,
    "arp.purpose": purpose,
    "arp.target-mac": lambda p: "mac-is-the-question" if p("arp.dst.hw_mac") == "00:00:00:00:00:00" else "",
    "arp.learned": by(lambda p: not p["arp.opcode"] or p.n("arp.opcode") == 2, "learns-pair"),
    "arp.who-answers": by(lambda p: p.n("arp.opcode") == 1 and p("arp.src.proto_ipv4") != p("arp.dst.proto_ipv4"), "arp-owner"),
    "dhcp.source": lambda p: "no-address-yet" if p("ip.src") == "0.0.0.0" else "",
    "handshake.flags": lambda p: "flags-ack" if p.n("tcp.flags.ack") else "flags-syn-ack" if p.n("tcp.flags.syn") else "",
    "handshake.who-established": established,
    "close.reset-meaning": lambda p: {"reset-at-once", "reset-no-listener"} if p.n("tcp.flags.reset") else "",
    "close.who-first": lambda p: "first-earlier-fin" if p.n("tcp.flags.fin") else "",
    "close.who-time-wait": lambda p: "waits-first" if p.n("tcp.flags.fin") else "",
    "close.half": lambda p: "half-other-sends" if p.n("tcp.flags.fin") else "",
    "close.kind": lambda p: "three-segments" if p.n("tcp.flags.fin") else "four-segments",
    "tcp.zero-window": lambda p: "window-wait" if p.n("tcp.window_size_value") == 0 else "",
    "ip.reassembly": lambda p: "joins-destination" if p.n("ip.flags.mf") or p.n("ip.frag_offset") else "",
    "stream.messages": lambda p: len([u for text in p["http.request.uri"] for u in text.split(" ")]),
    "dns.type": lambda p: "asks-" + reverse(TYPES, p.n("dns.qry.type")),
    "dns.recursion": recursion,
    "dns.answer-id": lambda p: "0x%04x" % p.n("dns.id"),
    "dns.ttl": lambda p: p.n("dns.resp.ttl") - p.n("dns.resp.ttl") // 3,
    "dns.rcode": rcode,
    "dns.authoritative": lambda p: "from-zone" if p.n("dns.flags.authoritative") else "from-cache",
    "dns.truncated": lambda p: "again-over-tcp" if p.n("dns.flags.truncated") else "",
    "dns.several": by(lambda p: len([a for text in p["dns.a"] for a in text.split(" ")]) > 1, "several-any"),
    "http.status-class": lambda p: {2: "class-success", 3: "class-redirect", 4: "class-client", 5: "class-server"}[
        p.n("http.response.code") // 100],
    "http.method-meaning": method,
    "http.connection": connection,
    "http.host": by(lambda p: re.search("[a-z]", p("http.host"), re.I), "host-chooses-site"),
    "http.redirect": by(lambda p: p("http.location") and p.n("http.response.code") in (301, 302, 303, 307, 308), "redirect-follow"),
    "http.query": lambda p: p("http.request.uri").split("?", 1)[1],
    "http.target": target,
    "http.readable": by(lambda p: "tls" not in "".join(p["frame.protocols"]), "read-by-all"),
    "http.cookie-back": lambda p: p("http.set_cookie").split(";")[0].strip(),
    "http.range-length": part,
    "http.not-modified": by(code_is(304), "copy-own"),
    "http.denied": by(code_is(401), "denied-say-who"),
    "http.fault": fault,
    "http.media-type": by(lambda p: p("http.content_type"), "type-by-field"),
    "http.upgrade": by(lambda p: p.n("http.response.code") == 101 and p("http.upgrade").lower() == "websocket", "upgrade-goes-on"),
    "http.body-length": lambda p: p.n("http.content_length_header"),
    "http.url": lambda p: "http://%s%s" % (p("http.host"), p("http.request.uri")),
    "tls.version": version,
    "tls.certificate": lambda p: "cert-hidden" if (p["version"] or [version(p)])[0] == "TLS 1.3" else "cert-clear",
    # tshark lists the streams of all frames of the packet.
    "http2.stream": lambda p: set(p.ns("http2.streamid")) - {0},
    "tls.readable": by(lambda p: p("tls.handshake.extensions_server_name") and "65037" not in p["tls.handshake.extension.type"], "reads-name"),
    "tls.sni": by(lambda p: p("tls.handshake.extensions_server_name"), "sni-certificate"),
    "tls.suite": suite,
    "tls.alert": lambda p: reverse(ALERTS, p.n("tls.alert_message.desc")),
    "ssh.version": by(lambda p: re.match(r"SSH-[^-]+-\S", p("ssh.protocol")), "ssh-two-versions"),
    "ssh.readable": by(lambda p: re.match(r"SSH-[^-]+-\S", p("ssh.protocol")), "ssh-reads-lists"),
    "rpc.xid": lambda p: "0x%08x" % p.n("rpc.xid"),
    "stream.recv": lambda p: min(p.n("tcp.len"), 1024),
    "tcp.duplicate-ack": by(lambda p: p.n("tcp.len") == 0, "again-missing"),
    "icmp.port": by(lambda p: p.n("ip.proto") == 1, "port-none"),
    "udp.lost": by(lambda p: p["udp.length"], "lost-silent"),
    "tls.record-length": lambda p: p.n("tls.record.length") + 5,
}

# The same for those that another packet decides, or a value that is shown under a name that is no field.
AMONG = {
    "tcp.retransmitted": same_segment,
    "arp.off-link": gateway,
    "nat.who-changed": nat,
    "relay.server": lambda q, p, known: p("ip.dst") if relayed(q, p, known) else "",
    "relay.client": lambda q, p, known: p("ip.src") if relayed(q, p, known) else "",
    "dns.other-source": elsewhere,
    "http.pair": pair,
    "layers.osi": lambda q, p, known: osi(q, p),
    "layers.count": lambda q, p, known: len(headers(p)),
    "layers.order": lambda q, p, known: " → ".join(headers(p)),
    "tcp.state-after": lambda q, p, known: AFTER.get((shown(q, "state"), shown(q, "tcp.flags")), "CLOSED"),
    "http.message-length": lambda q, p, known: int(shown(q, "http head bytes")) + p.n("http.content_length_header"),
    "handshake.unanswered": lambda q, p, known: "silence-any" if p.n("tcp.flags.syn") and not p.n("tcp.flags.ack") and p.alone else "",
    "flow.count-packets": lambda q, p, known: 7 if any(s["name"] == "flow.opening" for s in q["shown"]) else 0,
    "flow.rtt": lambda q, p, known: rtt(p, q) if p["tcp.analysis.initial_rtt"] else None,
}

RULES = """arp.target-mac arp.learned arp.who-answers dhcp.source dhcp.next handshake.flags handshake.who-established
handshake.unanswered close.reset-meaning close.who-first close.who-time-wait close.half tcp.zero-window tcp.duplicate-ack
tcp.state-after tcp.retransmitted ip.reassembly ip.router-keeps icmp.port udp.lost flow.count-packets dns.truncated dns.several
dns.other-source http.host http.redirect http.readable http.not-modified http.denied http.media-type http.upgrade http.pair
tls.readable tls.sni tls.certificate ssh.version ssh.readable arp.off-link""".split()

# What cannot be seen from the values that stand beside the question, because the question itself says it: the headers (their names are the
# options), the time of a round trip, the number of the request, that the capture has no answer.
SAID = "layers.count layers.order flow.rtt handshake.unanswered tcp.retransmitted".split()

# When the words of an option are true of a packet. Words that are not here are mistakes about the protocol: no packet makes them true.
TRUE = {
    "for-all": lambda p: destination(p) == "for-all", "for-group": lambda p: destination(p) == "for-group",
    "for-one": lambda p: destination(p) == "for-one",
    "mac-local": lambda p: int(p("eth.src")[:2], 16) & 3 == 2, "mac-maker": lambda p: int(p("eth.src")[:2], 16) & 3 == 0,
    "mac-group": lambda p: int(p("eth.src")[:2], 16) & 1,
    "arp-asker": lambda p: p("arp.src.proto_ipv4") == p("arp.dst.proto_ipv4"),
    "learns-all": lambda p: p("eth.dst") == "ff:ff:ff:ff:ff:ff",
    "learns-swapped": lambda p: p("arp.src.hw_mac") == p("arp.dst.hw_mac"),
    "learns-own": lambda p: p("arp.src.proto_ipv4") == p("arp.dst.proto_ipv4"),
    "no-address-yet": lambda p: p("ip.src") == "0.0.0.0", "address-of-all": lambda p: p("ip.src") == "255.255.255.255",
    "error-target": lambda p: p["ip.src"][0] == p["ip.dst"][1], "error-sender": lambda p: p["ip.src"][0] == p["ip.src"][1],
    "error-router": lambda p: p["ip.src"][0] not in (p["ip.dst"][1], p["ip.src"][1]),
    "mac-final-host": lambda p: False,
    "cert-hidden": lambda p: version(p) == "TLS 1.3", "cert-clear": lambda p: version(p) != "TLS 1.3",
    "three-segments": lambda p: p.n("tcp.flags.fin"), "four-segments": lambda p: not p.n("tcp.flags.fin"),
    "reset-like-fin": lambda p: p.n("tcp.flags.fin") and not p.n("tcp.flags.reset"),
    "window-closed": lambda p: p.n("tcp.flags.fin") or p.n("tcp.flags.reset"),
    "sent-ack-only": lambda p: p.n("tcp.len") == 0 and not p.n("tcp.flags") & 3,
    "conn-close-always": lambda p: False,
    "established-sender": lambda p: p.n("tcp.flags.ack") and not p.n("tcp.flags.syn"),
    "established-receiver": lambda p: p.n("tcp.flags.ack"),
    "established-server": lambda p: False,
    "class-success": lambda p: p.n("http.response.code") // 100 == 2, "class-redirect": lambda p: p.n("http.response.code") // 100 == 3,
    "class-client": lambda p: p.n("http.response.code") // 100 == 4, "class-server": lambda p: p.n("http.response.code") // 100 == 5,
    "copy-elsewhere": lambda p: p["http.location"], "denied-elsewhere": lambda p: p["http.location"],
    "denied-for-good": lambda p: p.n("http.response.code") == 403, "denied-wait": lambda p: p.n("http.response.code") in (429, 503),
    "redirect-error": lambda p: p.n("http.response.code") >= 400,
    "source-this-answer": lambda p: False,
}
for ids, give in [
    (NAMES, lambda p: reverse(NAMES, p.n("eth.type"))), (CARRIES, lambda p: reverse(CARRIES, p.n("ip.proto"))),
    (ALERTS, lambda p: reverse(ALERTS, p.n("tls.alert_message.desc"))),
    (["asks-" + name for name in TYPES], lambda p: "asks-" + reverse(TYPES, p.n("dns.qry.type"))),
    (["arp-asks", "arp-answers", "arp-probes", "arp-announces", "arp-checks"], purpose),
    (["piece-first", "piece-middle", "piece-last"], piece),
    (["established-none", "established-client", "established-both"], established),
    (["rd-find-all", "rd-iterative", "ra-both", "ra-only-asked", "ra-only-offered", "ra-neither"], recursion),
    (["name-answered", "name-without-type", "name-server-failed", "name-unknown", "name-refused"], rcode),
    (["from-zone", "from-cache"], lambda p: "from-zone" if p.n("dns.flags.authoritative") else "from-cache"),
    (["means-net", "means-host", "means-port", "means-too-big", "means-prohibited", "means-ttl"], error),
    (["method-safe", "method-idempotent", "method-neither"], method),
    (["conn-close-said", "conn-stays", "conn-kept-said", "conn-old-closes"], connection),
    (["target-path", "target-proxy", "target-tunnel"], target), (["fault-request", "fault-server", "fault-behind"], fault),
]:
    TRUE.update((name, lambda p, name=name, give=give: give(p) == name) for name in ids)
TRUE.update(("service-" + name, lambda p, name=name: "service-" + name in service(p)) for name in PORTS)


def options_in_words():
    """The words of options: their names, by what they read like in English."""
    path = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "docs", "words", "questions.toml")
    words = {}
    with open(path, "rb") as file:
        for key, entry in tomllib.load(file).items():
            if key.startswith("say."):
                pattern = re.sub(r"\\\{\w+\\\}", ".+?", re.escape(entry["en"]))
                words[key[4:]] = re.compile(pattern + r"\Z")
    return words


def expected(q, p, known):
    """The key by tshark, or None where its fields do not decide it."""
    if q["kind"] in AMONG:
        return AMONG[q["kind"]](q, p, known)
    key = KEYS.get(q["kind"])
    return key(p) if key else None


def only_shown(q):
    """The packets as far as the question shows them."""
    known = collections.defaultdict(Packet)
    for s in q["shown"]:
        p = known[s["packet"]]
        name, value = s["name"], s["value"]
        if name == "ip[0]":
            name, value = "ip.hdr_len", str((int(value, 0) & 15) * 4)
        elif name.startswith("tcp[12]"):
            name, value = "tcp.hdr_len", str(int(value) * 4)
        elif name == "tcp.options.wscale.shift" and q["kind"] == "tcp.window-scaled":
            p.setdefault("tcp.window_size", [str(p.n("tcp.window_size_value") << int(value))])
        p.setdefault(name if name.endswith("bytes") else name.split(" ")[0], []).append(value)
    return known


def strings(value):
    """Every text in a record."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from strings(inner)


def packets(path, numbers):
    """What tshark says of these packets."""
    command = ["tshark", "-r", path, "-n", "-o", "http.desegment_body:FALSE", "-T", "fields", "-E", "occurrence=a",
               "-E", "aggregator=\x1f", "-E", "separator=\x1e"]
    for field in FIELDS:
        command += ["-e", field]
    out = subprocess.run(command, capture_output=True, check=False).stdout.decode("utf-8", "replace")
    found, sides, trips, syns = {}, collections.defaultdict(set), {}, collections.Counter()
    for line in out.split("\n"):
        values = line.split("\x1e")
        if len(values) != len(FIELDS):
            continue
        p = Packet({n: v.split("\x1f") for n, v in zip(FIELDS, values) if v})
        if p["tcp.stream"]:
            stream = p("tcp.stream")
            # A forged RST in the middle of a handshake is taken for its answer.
            syns[stream] += 2 if p.n("tcp.flags") & 4 and not trips.get(stream) else 0
            trips[stream] = trips.get(stream) or p["tcp.analysis.initial_rtt"]
            syns[stream] += p.n("tcp.flags") & 18 == 2
            sides[stream].add(tuple(p["ip.src"][:1] + p["ipv6.src"][:1] + p["tcp.srcport"]))
        if int(values[0]) in numbers:
            found[int(values[0])] = p
    for p in found.values():
        # Where the handshake was captured on two links, tshark takes the time from one to the other.
        p["tcp.analysis.initial_rtt"] = trips[p("tcp.stream")] if p["tcp.stream"] and syns[p("tcp.stream")] == 1 else []
        p.alone = len(sides[p("tcp.stream")]) == 1 if p["tcp.stream"] else False
    return found


# Families of words that belong to kinds of questions: the same words may mean something else in another.
FAMILIES = {"arp-": "arp", "mac-": "eth arp", "for-": "eth", "inside-": "eth", "carries-": "ip", "piece-": "ip", "error-": "icmp", "means-": "icmp",
            "established-": "handshake", "rd-": "dns", "ra-": "dns", "name-": "dns", "from-": "dns", "asks-": "dns", "service-": "udp",
            "alert-": "tls", "cert-": "tls", "class-": "http", "method-": "http", "conn-": "http", "target-": "http", "fault-": "http"}


def fits(name, kind):
    family = next((kinds for start, kinds in FAMILIES.items() if name.startswith(start)), None)
    return family is None or kind.split(".")[0] in family.split()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", default="target/release/pcaplain")
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("files", nargs="+")
    args = parser.parse_args()
    undecoded = 0
    tally, decided, faults, judged = collections.Counter(), collections.Counter(), [], 0
    words = options_in_words()
    for path in args.files:
        command = [args.bin, "quiz", path, "--count", str(args.count), "--seed", str(args.seed), "--format", "json",
                   "--lang", "en"]
        run = subprocess.run(command, capture_output=True, check=False)
        if run.returncode not in (0, 1, 2) or b"panicked" in run.stderr:
            faults.append((path, 0, "crash", run.returncode, run.stderr.decode("utf-8", "replace")[-300:]))
            continue
        questions = [json.loads(line) for line in run.stdout.decode().splitlines()]
        if not questions:
            continue
        numbers = {s["packet"] for q in questions for s in q["shown"]} | {q["packet"] for q in questions}
        numbers |= {int(number) for q in questions for number in re.findall(r"#(\d+)", q["stem"])}
        known = packets(path, numbers)
        for q in questions:
            at = (os.path.basename(path), q["packet"], q["kind"])
            tally[q["kind"]] += 1
            right = [o["text"] for o in q["options"] if o["right"]]
            texts = [o["text"] for o in q["options"]]
            if len(right) != 1 or len(set(texts)) != len(texts) or not 2 <= len(texts) <= 4:
                faults.append(at + ("options", texts, ""))
            if not q["shown"]:
                faults.append(at + ("nothing shown", "", ""))
            if any(ord(c) < 32 or 127 <= ord(c) < 160 or c in "\u202e\u2066" for text in strings(q) for c in text):
                faults.append(at + ("control character", "", ""))
            p = known.get(q["packet"])
            if p is None:
                faults.append(at + ("no packet", "", ""))
                continue
            # What is shown is what tshark has.
            for s in q["shown"]:
                if s["packet"] == q["packet"] and s["name"] in FIELDS and p[s["name"]]:
                    mine, theirs = s["value"], p[s["name"]]
                    try:
                        same = int(mine, 0) in [{"True": 1, "False": 0}.get(v, None) if v in ("True", "False") else int(v, 0) for v in theirs]
                    except ValueError:
                        same = mine in theirs or mine == " ".join(theirs)
                        # The first of many.
                        same = same or mine.endswith(" …") and " ".join(theirs).startswith(mine[:-2])
                        same = same or q["kind"] == "tcp.state-after" and s["name"] == "tcp.flags"
                    # A scheme, without what it asks besides.
                    same = same or s["name"] == "http.www_authenticate" and any(v.startswith(mine) for v in theirs)
                    if not same and not (s["name"].startswith("tcp.options.wscale") and q["kind"] == "tcp.window-scaled"):
                        faults.append(at + ("shown " + s["name"], mine, theirs))
            mine = q["key"]["value"]
            try:
                key = expected(q, p, known)
            except (IndexError, KeyError, ValueError, StopIteration) as error_:
                # Applications that tshark does not look for on this port, or not behind what it could not read.
                if p["frame.protocols"] == ["data"] or q["kind"].split(".")[0] in ("http", "tls", "stream", "dns", "ssh", "rpc", "relay"):
                    undecoded += 1
                else:
                    faults.append(at + ("tshark has no value", mine, repr(error_)))
                continue
            if key is None:
                continue
            decided[q["kind"]] += 1
            keys = {str(k) for k in (key if isinstance(key, set) else [key])}
            if mine not in keys:
                faults.append(at + ("key", mine, key))
            # Whoever sees only what is shown comes to the same.
            if q["kind"] not in SAID:
                among = only_shown(q)
                try:
                    again = expected(q, among[q["packet"]], among)
                    again = {str(k) for k in (again if isinstance(again, set) else [again])}
                except (IndexError, KeyError, ValueError, StopIteration) as error_:
                    again = {repr(error_)}
                if mine not in again:
                    faults.append(at + ("not to be told from what is shown", mine, again))
            # No wrong option is right as well.
            for option in q["options"]:
                if option["right"]:
                    continue
                if option["text"] in keys:
                    faults.append(at + ("wrong option is right", mine, key))
                for name in [name for name, pattern in words.items() if pattern.match(option["text"]) and name in TRUE]:
                    if not fits(name, q["kind"]):
                        continue
                    try:
                        judged += 1
                        if TRUE[name](p):
                            faults.append(at + ("wrong option is true", option["text"], name))
                    except (IndexError, KeyError, ValueError, StopIteration):
                        pass
    for fault in faults[:200]:
        print(*fault, sep="\t")
    rules = sum(count for kind, count in decided.items() if kind in RULES)
    print(f"{sum(tally.values())} questions of {len(tally)} kinds; {sum(decided.values())} decided by tshark's fields ({rules} of them by a "
          f"rule that the fields call for), {undecoded} not decoded by tshark; {judged} wrong options in words judged by fields; "
          f"{len(faults)} faults")
    print("never asked or not decided:", sorted(set(tally) - set(decided)))
    return 1 if faults else 0


sys.exit(main())
