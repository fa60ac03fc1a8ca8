#!/usr/bin/env python3
"""Questions against tshark: each key is worked out again from the fields that tshark gives for the packet.

    python3 tests/quiz_tshark.py --bin target/release/pcaplain [--count 400] [--seed 1] FILES...

For every question: the right option is what tshark's fields give, no wrong option is the same, one option is right, and what
the answer needs is in what is shown. Kinds whose answer is words are compared where a field decides the words. One run of
tshark a capture. Ends with 1 where something differs."""

import argparse, collections, json, os, subprocess, sys

M = 1 << 32

FIELDS = """frame.number eth.dst eth.src eth.type eth.src.lg arp.opcode arp.src.hw_mac arp.src.proto_ipv4 arp.dst.hw_mac
arp.dst.proto_ipv4 ip.src ip.dst ip.ttl ip.proto ip.hdr_len ip.len ip.frag_offset ip.flags.mf ipv6.hlim icmp.type icmp.code
icmp.ident icmp.seq udp.srcport udp.dstport udp.length tcp.srcport tcp.dstport tcp.seq_raw tcp.ack_raw tcp.len tcp.hdr_len
tcp.flags tcp.flags.syn tcp.flags.fin tcp.flags.ack tcp.flags.reset tcp.window_size_value tcp.window_size tcp.options.mss_val
tcp.options.wscale.shift tcp.ack tcp.options.sack_le tcp.options.sack_re dhcp.ip.your dhcp.option.dhcp dns.id
dns.flags.recdesired dns.flags.recavail dns.flags.authoritative dns.flags.rcode dns.count.answers dns.qry.type dns.resp.ttl
dns.flags.truncated http.response.code http.request.method http.content_length_header http.host http.request.full_uri
http.request.uri http.location tls.record.length tls.handshake.version tls.handshake.extensions.supported_version
tls.handshake.extensions_server_name tcp.analysis.initial_rtt tcp.stream udp.stream""".split()

NAMES = {"inside-ipv4": 0x800, "inside-arp": 0x806, "inside-ipv6": 0x86DD, "inside-vlan": 0x8100}
CARRIES = {"carries-tcp": 6, "carries-udp": 17, "carries-icmp": 1, "carries-igmp": 2}
TYPES = dict(a=1, aaaa=28, mx=15, ptr=12, ns=2, cname=5, txt=16, soa=6, srv=33)
PORTS = dict(ssh=22, smtp=25, dns=53, dhcp=67, http=80, ntp=123, https=443, ftp=21, mysql=3306)
VERSIONS = {0x301: "TLS 1.0", 0x302: "TLS 1.1", 0x303: "TLS 1.2", 0x304: "TLS 1.3"}
FLAGS = [("FIN", 1), ("SYN", 2), ("RST", 4), ("PSH", 8), ("ACK", 16), ("URG", 32)]


class Packet(dict):
    """The values of a packet: all of a field, or its first."""

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
    chosen = p["tls.handshake.extensions.supported_version"]
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
    if p("arp.opcode") == "2":
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
    proto = "tcp" if p["tcp.srcport"] else "udp"
    ports = {p.n(proto + ".dstport"), p.n(proto + ".srcport")}
    return {"service-" + name for name, port in PORTS.items() if port in ports}


def shown(q, name):
    return next(s["value"] for s in q["shown"] if s["name"] == name)


# What the key must be: a function of the packet; `None` where no field decides.
KEYS = {
    "eth.dst": destination,
    "eth.reply-dst": lambda p: p("eth.src"),
    "eth.type": lambda p: reverse(NAMES, p.n("eth.type")),
    "eth.local": lambda p: "mac-local" if int(p("eth.src")[:2], 16) & 2 else "mac-maker",
    "layers.offset": lambda p: 14 + p.n("ip.hdr_len") + p.n("tcp.hdr_len"),
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
    "icmp.who-sent": lambda p: "error-target" if p["ip.src"][0] == p["ip.dst"][1] else "error-router",
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
    "tcp.payload-length": lambda p: p.n("tcp.len"),
    "tcp.sack-gap": sack,
    "close.ack-of-fin": lambda p: (p.n("tcp.seq_raw") + p.n("tcp.len") + 1) % M,
    "arp.purpose": purpose,
    "arp.target-mac": lambda p: "mac-is-the-question" if p("arp.dst.hw_mac") == "00:00:00:00:00:00" else "",
    "arp.learned": lambda p: "learns-pair" if p("arp.opcode") == "2" else "",
    "arp.who-answers": lambda p: "arp-owner" if p("arp.opcode") == "1" and p("arp.src.proto_ipv4") != p("arp.dst.proto_ipv4") else "",
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
    "stream.messages": lambda p: len(p["http.request.method"]),
    "dns.type": lambda p: "asks-" + reverse(TYPES, p.n("dns.qry.type")),
    "dns.recursion": recursion,
    "dns.answer-id": lambda p: "0x%04x" % p.n("dns.id"),
    "dns.ttl": lambda p: p.n("dns.resp.ttl") - p.n("dns.resp.ttl") // 3,
    "dns.rcode": rcode,
    "dns.authoritative": lambda p: "from-zone" if p.n("dns.flags.authoritative") else "from-cache",
    "dns.truncated": lambda p: "again-over-tcp" if p.n("dns.flags.truncated") else "",
    "http.status-class": lambda p: {2: "class-success", 3: "class-redirect", 4: "class-client", 5: "class-server"}[
        p.n("http.response.code") // 100],
    "http.method-meaning": method,
    "http.body-length": lambda p: p.n("http.content_length_header"),
    "http.url": lambda p: p("http.request.full_uri"),
    "tls.version": version,
    "tls.certificate": lambda p: "cert-hidden" if version(p) == "TLS 1.3" else "cert-clear",
    "tls.record-length": lambda p: p.n("tls.record.length") + 5,
}


def expected(q, p):
    """The key by tshark, or None where its fields do not decide it."""
    if q["kind"] == "flow.rtt":
        return rtt(p, q) if p["tcp.analysis.initial_rtt"] else None
    if q["kind"] == "http.message-length":
        head = int(shown(q, "http head bytes"))
        return head + p.n("http.content_length_header")
    if q["kind"] == "tcp.retransmitted":
        return "sent-again"
    key = KEYS.get(q["kind"])
    return key(p) if key else None


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
    found = {}
    for line in out.split("\n"):
        values = line.split("\x1e")
        if len(values) == len(FIELDS) and int(values[0]) in numbers:
            found[int(values[0])] = Packet({n: v.split("\x1f") if v else [] for n, v in zip(FIELDS, values)})
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", default="target/release/pcaplain")
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("files", nargs="+")
    args = parser.parse_args()
    undecoded = 0
    tally, decided, faults = collections.Counter(), collections.Counter(), []
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
        known = packets(path, {q["packet"] for q in questions})
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
                        same = same or q["kind"] == "tcp.state-after" and s["name"] == "tcp.flags"
                    if not same and not (s["name"].startswith("tcp.options.wscale") and q["kind"] == "tcp.window-scaled"):
                        faults.append(at + ("shown " + s["name"], mine, theirs))
            try:
                key = expected(q, p)
            except (IndexError, KeyError, ValueError, StopIteration) as error_:
                # Applications that tshark does not look for on this port, or not behind what it could not read.
                if q["kind"].split(".")[0] in ("http", "tls", "stream", "dns"):
                    undecoded += 1
                else:
                    faults.append(at + ("tshark has no value", q["key"]["value"], repr(error_)))
                continue
            if key is None:
                continue
            decided[q["kind"]] += 1
            mine = q["key"]["value"]
            if mine not in {str(k) for k in (key if isinstance(key, set) else [key])}:
                faults.append(at + ("key", mine, key))
            if not isinstance(key, set) and str(key) in [o["text"] for o in q["options"] if not o["right"]]:
                faults.append(at + ("wrong option is right", mine, key))
    for fault in faults[:200]:
        print(*fault, sep="\t")
    print(f"{sum(tally.values())} questions of {len(tally)} kinds; {sum(decided.values())} decided by tshark's fields, {undecoded} not decoded by "
          f"tshark; "
          f"{len(faults)} faults")
    print("never asked or not decided:", sorted(set(tally) - set(decided)))
    return 1 if faults else 0


sys.exit(main())
