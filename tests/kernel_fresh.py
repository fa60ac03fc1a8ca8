#!/usr/bin/env python3
"""Record TCP over a bad network, new each time, and hold our labels against the kernel's account.

usage: kernel_fresh.py --bin PCAPLAIN [--seeds N] [--first N] [--keep FOLDER] [--again FOLDER] [--few] [NAME...]

Two hosts in network namespaces of their own, with a cable between them that loses, delays, reorders and duplicates
frames at random (captures/record/relay.py: the decisions come from a seed; when a segment is sent, from the kernel).
Captured at both ends. What was sent again: what the sender's own capture, which holds all that it sent, shows a
second time; the tracepoints tcp:tcp_retransmit_skb and tcp_retransmit_synack must agree in number, socket by socket,
and in time. Each file is then judged as captured at either end alone, and at both.

A segment that was sent before, of which no earlier copy passed the capture point ("unseen"), stands alone in the capture. Of those
that are not called sent again some are counted apart, and not as missed, because the capture holds nothing that could tell
(`apart`, judged here from the frames alone):
  SYN       a SYN: neither its time nor its identification can be compared with anything before it
  SYN+ACK   no timestamps, or they echo the latest SYN: it may well be the first answer to that
  ACK-due   the sender's numbering shows that something is missing, but no more than the acknowledgments that it owed
  window    the same with announcements of a grown window
  early     so far the capture has not shown how this sender numbers its datagrams
  count     nothing shows that this sender does not count all its datagrams together: no timestamps, no neighbour
  no-jump   the numbering has no hole: what was lost came before the first datagram that was seen
The recall is given over those that could be told, and over all.

`--few`: three short recordings. `--keep`: leave the files there; `--again`: judge files left by an earlier run.
Exit status: 1 if precision or recall over all is below 0.995 (two wrong and two missed are let pass, where there are few), or the two
accounts of the sender disagree.
Root is needed to record.
"""

import argparse
import json
import random
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict, namedtuple
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "captures" / "record"))

import lab as laboratory  # noqa: E402
import pcapng  # noqa: E402
from relay import Tcp  # noqa: E402

GOAL = 0.995
CLOSE_NS = 20_000_000  # how far the kernel's word may be from the frame that it is about
NO_MEMORY = {"net.ipv4.tcp_no_metrics_save": 1}


class Weather:
    """What the cable does. Shares of 1; `lose` of the segments that `what` (flags, has data) chooses, by direction.
    `late`: held back so many seconds more, so that others overtake them."""

    def __init__(self, seed, lose=(0, 0), what=None, twice=0, late=0, late_by=0.003, jitter=0):
        self.random = random.Random(seed)
        self.lose, self.what, self.twice, self.late, self.late_by = lose, what, twice, late, late_by
        self.jitter = jitter

    def __call__(self, frame, outward):
        chance = self.random.random
        segment = Tcp(frame)
        concerned = segment.flags is not None and (self.what is None or self.what(segment))
        if concerned and chance() < self.lose[0 if outward else 1]:
            return []
        extra = self.late_by * (0.3 + chance()) if concerned and chance() < self.late else 0
        passed = [(extra + self.jitter * chance(), frame)]
        if concerned and chance() < self.twice:
            passed.append((extra + 0.004 * chance() * chance(), frame))
        return passed


# ---- what the hosts say to each other

def pump(sender, receiver, octets, pause=0, piece=4096):
    """Send so much, read it at the other end; with `pause` the reader is slow."""
    def send():
        try:
            sender.sendall(bytes(octets))
            sender.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def read():
        try:
            while receiver.recv(piece):
                if pause:
                    time.sleep(pause)
        except OSError:
            pass
    threads = [threading.Thread(target=send, daemon=True), threading.Thread(target=read, daemon=True)]
    for thread in threads:
        thread.start()
    return threads


def opened(client, server, port, options=()):
    listener = server.listen(port, options)
    ours = client.socket(options=options)
    ours.connect((server.ports[0].ip, port))
    theirs = listener.accept()[0]
    theirs.settimeout(15)
    client.lab.sockets.append(theirs)
    return ours, theirs


def upload(client, server, rng, octets=1_500_000, options=(), pause=0):
    ours, theirs = opened(client, server, 7000, options)
    for thread in pump(ours, theirs, octets, pause):
        thread.join(15)
    theirs.close()
    ours.close()


def download(client, server, rng, octets=1_500_000, options=(), pause=0):
    ours, theirs = opened(client, server, 7000, options)
    for thread in pump(theirs, ours, octets, pause):
        thread.join(15)
    ours.close()
    theirs.close()


def duplex(client, server, rng):
    ours, theirs = opened(client, server, 7000)
    threads = pump(ours, theirs, 150_000) + pump(theirs, ours, 150_000)
    for thread in threads:
        thread.join(15)
    ours.close()
    theirs.close()


def talk(client, server, rng, rounds=60):
    """Question and answer on one connection: each segment is waited for."""
    ours, theirs = opened(client, server, 7000)
    try:
        for _ in range(rounds):
            asked = rng.choice((20, 300, 1800))
            ours.sendall(bytes(asked))
            while asked:
                asked -= len(theirs.recv(asked))
            told = rng.choice((20, 500, 5000))
            theirs.sendall(bytes(told))
            while told:
                told -= len(ours.recv(told))
    except OSError:
        pass
    ours.close()
    theirs.close()


def short(client, server, rng, count=120, sizes=(1, 1000, 20000), at_once=12):
    """Many connections, a question and an answer on each; either side may close first."""
    listener = server.listen(7000)
    listener.listen(128)

    def serve(peer):
        try:
            peer.settimeout(12)
            wanted = struct.unpack("!I", peer.recv(4, socket.MSG_WAITALL))[0]
            peer.sendall(bytes(wanted & 0x7FFFFFFF))
            if not wanted >> 31:
                peer.recv(1)
        except (OSError, struct.error):
            pass
        peer.close()

    def accept():
        while True:
            try:
                peer = listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=serve, args=(peer,), daemon=True).start()

    def ask(number):
        try:
            made = client.within(lambda: socket.socket())
            made.settimeout(12)
            made.connect((server.ports[0].ip, 7000))
            first = number % 2
            made.sendall(struct.pack("!I", rng.choice(sizes) | first << 31))
            got = 1
            while got and (got := len(made.recv(65536))):
                if not first and rng.random() < 0.3:
                    break
        except OSError:
            pass
        made.close()

    threading.Thread(target=accept, daemon=True).start()
    threads = []
    for number in range(count):
        thread = threading.Thread(target=ask, args=(number,), daemon=True)
        thread.start()
        threads.append(thread)
        time.sleep(0.02 if number % at_once else 0.1)
    for thread in threads:
        thread.join(15)
    listener.close()


# ---- the scenarios

Scenario = namedtuple("Scenario", "talk weather settings delay pause offload")


def scenario(talk, delay=0.01, pause=0.0002, settings=None, offload=None, **weather):
    return Scenario(talk, weather, settings or {}, delay, pause, offload)


def has_data(segment):
    return bool(segment.payload)


def is_ack(segment):
    return not segment.payload and not segment.flags & set("SFR")


def opens(segment):
    return "S" in segment.flags


def closes(segment):
    return "F" in segment.flags


NO_STAMPS = {"net.ipv4.tcp_timestamps": 0}
NO_SACK = {"net.ipv4.tcp_sack": 0}
SMALL = [(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)]

SCENARIOS = {
    "upload": scenario(upload, lose=(0.02, 0.02)),
    "download": scenario(download, lose=(0.02, 0.02)),
    "upload-0.5": scenario(upload, lose=(0.005, 0.005)),
    "upload-10": scenario(lambda *a: upload(*a, octets=300_000), lose=(0.1, 0.1)),
    "download-no-stamps": scenario(download, lose=(0.03, 0.01), settings=NO_STAMPS),
    "upload-no-stamps": scenario(upload, lose=(0.03, 0.01), settings=NO_STAMPS),
    "upload-no-sack": scenario(upload, lose=(0.02, 0.02), settings=NO_SACK),
    "upload-plain": scenario(upload, lose=(0.02, 0.02), settings=NO_SACK | NO_STAMPS),
    "no-rack": scenario(upload, lose=(0.03, 0.03), settings={"net.ipv4.tcp_recovery": 0, "net.ipv4.tcp_early_retrans": 0}),
    "duplex": scenario(duplex, lose=(0.03, 0.03)),
    "talk": scenario(talk, lose=(0.05, 0.05)),
    "talk-no-stamps": scenario(talk, lose=(0.05, 0.05), settings=NO_STAMPS),
    "lost-acks": scenario(upload, lose=(0, 0.3), what=is_ack),
    "lost-acks-talk": scenario(talk, lose=(0.3, 0.3), what=is_ack),
    "handshakes": scenario(short, lose=(0.3, 0.3), what=opens),
    "fins": scenario(short, lose=(0.4, 0.4), what=closes),
    "short": scenario(short, lose=(0.05, 0.05)),
    "short-no-stamps": scenario(short, lose=(0.05, 0.05), settings=NO_STAMPS),
    "reorder": scenario(upload, late=0.03),
    "reorder-no-stamps": scenario(upload, late=0.03, settings=NO_STAMPS),
    "reorder-lose": scenario(download, lose=(0.01, 0.02), late=0.03),
    "reorder-far": scenario(download, lose=(0.01, 0.01), late=0.02, late_by=0.03),
    "jitter": scenario(duplex, lose=(0.01, 0.01), jitter=0.004),
    "duplicates": scenario(upload, twice=0.03),
    "duplicates-lose": scenario(download, lose=(0.01, 0.02), twice=0.03, late=0.01),
    "duplicates-no-stamps": scenario(download, lose=(0.01, 0.01), twice=0.03, settings=NO_STAMPS),
    "small-window": scenario(lambda *a: upload(*a, octets=300_000, options=SMALL), lose=(0.03, 0.03)),
    "slow-reader": scenario(lambda *a: upload(*a, octets=150_000, options=SMALL, pause=0.02), lose=(0.03, 0.03)),
    "near": scenario(upload, delay=0.0005, pause=0, lose=(0.02, 0.02)),
    "near-short": scenario(short, delay=0.0005, pause=0, lose=(0.05, 0.05)),
    "giants": scenario(upload, lose=(0.02, 0.02), offload="sender"),
    "giants-down": scenario(download, lose=(0.02, 0.02), offload="sender"),
    "giants-no-stamps": scenario(upload, lose=(0.02, 0.02), offload="sender", settings=NO_STAMPS),
    "giants-whole": scenario(upload, lose=(0.05, 0.02), offload="both", delay=0, pause=0),
    "giants-short": scenario(short, lose=(0.05, 0.05), offload="both", delay=0, pause=0),
}
FEW = ["upload-10", "short", "reorder-lose"]


class Slow:
    """A cable that takes `pause` seconds for each segment with data."""

    def __init__(self, cable, pause, weather):
        self.cable, self.pause, self.weather, self.free = cable, pause, weather, {True: 0.0, False: 0.0}

    def __call__(self, frame, outward):
        begins = max(self.cable.now, self.free[outward])
        if len(frame) > 200:
            self.free[outward] = begins + self.pause
        return [(begins - self.cable.now + extra, passed) for extra, passed in self.weather(frame, outward)]


def build(lab, plan, seed):
    """Client and server, and what lies between them; the two ports to capture at."""
    weather = Weather(seed, **plan.weather)
    client, server = lab.host("client"), lab.host("server")
    if plan.offload is None:
        here, there = lab.link(client, "10.0.0.1/24", server, "10.0.0.2/24", delay=plan.delay)
        client.knows(there)
        server.knows(here)
        here.cable.meddle = Slow(here.cable, plan.pause, weather)
    else:
        # Each end hands its card giant segments. A router in between passes them on whole, or cut by its own card.
        router = lab.router("router")
        here, r1 = lab.link(client, "10.0.0.1/24", router, "10.0.0.254/24", offload=True)
        if plan.offload == "sender":
            r2, there = lab.link(router, "10.0.1.254/24", server, "10.0.1.2/24", delay=plan.delay)
            there.cable.meddle = Slow(there.cable, plan.pause, weather)
        else:
            r2, there = lab.link(router, "10.0.1.254/24", server, "10.0.1.2/24", offload=True)
            rules = "".join(f"add rule ip weather w iif {device} meta l4proto tcp numgen random mod 1000 < {round(share * 1000)} drop; "
                            for device, share in zip((r1.device, r2.device), plan.weather["lose"]))
            router.run("nft", "table ip weather { chain w { type filter hook forward priority 0; }; }; " + rules)
        for host, port, gate in ((client, here, r1), (server, there, r2)):
            host.knows(gate)
            router.knows(port)
            host.route("default", "via", gate.ip)
    for host in (client, server):
        host.sysctl(NO_MEMORY | plan.settings)
    return client, server, here, there


def record(name, seed, folder):
    plan = SCENARIOS[name]
    with laboratory.Lab() as lab:
        client, server, here, there = build(lab, plan, seed)
        lab.record(here, there, snaplen=128)
        plan.talk(client, server, random.Random(seed))
        lab.wait(0.5)
        interfaces = lab.finish()
        account = lab.witness.account(name, lab.addresses())
        base = folder / f"{name}.{seed}"
        write = [(f"{base}.both.pcapng", interfaces), (f"{base}.client.pcapng", interfaces[:1]),
                 (f"{base}.server.pcapng", interfaces[1:])]
        for path, points in write:
            pcapng.write(Path(path), f"{name}, seed {seed}", "Linux", "tests/kernel_fresh.py", points)
        Path(f"{base}.kernel.json").write_text(json.dumps(account))


# ---- what was sent

Frame = namedtuple("Frame", "number time at socket seq length end syn fin rst ack id tsval echo window size")


def frames(path):
    """The TCP segments of a file that pcapng.write wrote."""
    raw, at, number, found = path.read_bytes(), 0, 0, []
    while at < len(raw):
        kind, length = struct.unpack_from("<II", raw, at)
        if kind == pcapng.PACKET:
            number += 1
            interface, high, low, captured, _ = struct.unpack_from("<IIIII", raw, at + 8)
            data = raw[at + 28:at + 28 + captured]
            made = parse(number, (high << 32) + low, interface, data)
            if made:
                found.append(made)
        at += length
    return found


def parse(number, time_ns, interface, data):
    if data[12:14] != b"\x08\x00" or data[23] != 6:
        return None
    size, identifier = struct.unpack_from("!HH", data, 16)
    ends = [socket.inet_ntoa(data[26:30]), socket.inet_ntoa(data[30:34])]
    at = 14 + (data[14] & 15) * 4
    sport, dport, seq, ack, head, flags = struct.unpack_from("!HHIIBB", data, at)
    head = (head >> 4) * 4
    length = size - (at - 14) - head
    options, tsval, echo = data[at + 20:at + head], None, None
    while options and options[0]:
        if options[0] == 8:
            tsval, echo = struct.unpack_from("!II", options, 2)
        options = options[1:] if options[0] == 1 else options[options[1]:]
    syn, fin, rst = flags >> 1 & 1, flags & 1, flags >> 2 & 1
    return Frame(number, time_ns, interface, (ends[0], sport, ends[1], dport), seq, length + syn + fin,
                 (seq + length + syn + fin) % 2**32, syn, fin, rst, ack if flags & 16 else None, identifier, tsval, echo,
                 struct.unpack_from("!H", data, at + 14)[0], length)


def before(a, b):
    return (a - b) % 2**32 >= 2**31


Sent = namedtuple("Sent", "frame order again")


def sent(all_frames, own):
    """What each socket sent, in order, and whether its numbers had been sent before; from the captures at the senders."""
    by = defaultdict(list)
    highest = {}
    for frame in all_frames:
        if frame.at != own[frame.socket[0]]:
            continue
        key, again = frame.socket, False
        if frame.length and not frame.rst:
            if key in highest and frame.syn and frame.ack is None and highest[key][1] != frame.seq:
                del highest[key]
            if key in highest and before(frame.seq, highest[key][0]):
                again = True
            if key not in highest:
                highest[key] = (frame.end, frame.seq)
            elif before(highest[key][0], frame.end):
                highest[key] = (frame.end, highest[key][1])
        by[key].append(Sent(frame, len(by[key]), again))
    return by


def kernels(path):
    """When the kernel sent something again, by socket."""
    deeds = defaultdict(list)
    for event in json.loads(path.read_text())["events"]:
        if event["event"].startswith("tcp_retransmit"):
            seconds, nanoseconds = event["time"].split(".")
            key = (event["saddr"], event["sport"], event["daddr"], event["dport"])
            deeds[key].append(int(seconds) * 10**9 + int(nanoseconds))
    return deeds


def disagreements(by, deeds):
    """Where the capture at the sender and the kernel do not say the same. One word of the kernel's may be about several
    frames that left together, cut from one."""
    wrong = []
    for key in by.keys():  # others are of somebody else's recording with the same addresses
        bursts, last = [], None
        for one in (one for one in by.get(key, ()) if one.again):
            frame = one.frame
            joined = last and last.end == frame.seq and (frame.id - last.id) % 2**16 == 1 and last.tsval == frame.tsval
            if joined and len(bursts) >= len(deeds.get(key, ())) or not joined or frame.time - last.time > 200_000:
                bursts.append([])
            bursts[-1].append(frame)
            last = frame
        told = sorted(deeds.get(key, ()))
        again = [one.frame for one in by.get(key, ()) if one.again]
        # Each word of the kernel's has its frame close by, and each frame its word.
        lone = [t for t in told if not any(abs(f.time - t) < CLOSE_NS for f in again)]
        unsaid = [f.number for f in again if not any(abs(f.time - t) < CLOSE_NS for t in told)]
        if lone or unsaid or len(told) > len(again):
            wrong.append(f"{key}: the kernel {len(told)}, the capture {len(again)}; without a frame {len(lone)}, "
                         f"without a word {unsaid[:5]}")
    return wrong


def identity(frame):
    return frame.socket, frame.seq, frame.length, frame.id, frame.tsval, frame.ack


# ---- what is told

RESENT = ("tcp.analysis.retransmission", "tcp.analysis.fast_retransmission", "tcp.analysis.spurious_retransmission")
LATE = "tcp.analysis.out_of_order"
COPY = "capture.artifact.copy"


def labels(binary, path):
    command = [binary, "annotate", "--format", "json", "--records", "event", str(path)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=120)
    told = defaultdict(list)
    for line in done.stdout.splitlines():
        event = json.loads(line)
        if event.get("record") == "event":
            told[event["packet"]].append(event["kind"] + ("/" + event["variant"] if event.get("variant") else ""))
    return told


class Counts(Counter):
    def line(self, name):
        right, false, missed = self["right"], self["false"], self["missed"]
        apart = sum(value for key, value in self.items() if key.startswith("apart"))
        return (f"{name:32} n {right + missed + apart:6}  precision {share(right, right + false)}  recall {share(right, right + missed)}"
                f"  of all {share(right, right + missed + apart)}  false {false:3}  missed {missed:3}  unseen told {self['unseen told']:4} of "
                f"{self['unseen']:4}  late told {self['late told']:4} of {self['late']:4}, as resent {self['late called again']}"
                f"  resent told late {self['again called late']}"
                + "".join(f"  {key} {value}" for key, value in sorted(self.items()) if key.startswith("apart") and value))


class History:
    """What the capture had shown before a frame, for the question whether it could be told that it was sent before."""

    def __init__(self):
        self.of = defaultdict(list)  # by socket: its frames
        self.steps = Counter()  # by socket: how often an identification was the next
        self.hosts = defaultdict(set)  # by host: its sockets with two datagrams

    def add(self, frame):
        earlier = self.of[frame.socket]
        if earlier and frame.id and (frame.id - earlier[-1].id) % 2**16 == max(1, -(-earlier[-1].size // 1448)):
            self.steps[frame.socket] += 1
            self.hosts[frame.socket[0]].add(frame.socket)
        earlier.append(frame)

    def apart(self, frame):
        """Why it cannot be told that this was sent before; None where it could."""
        mine, theirs = self.of[frame.socket], self.of[frame.socket[2:] + frame.socket[:2]]
        if frame.syn:
            if frame.ack is None:
                return "SYN"
            asked = [other for other in theirs if other.syn]
            tellable = frame.echo and asked and len(asked) == len(theirs) and before(frame.echo, asked[-1].tsval)
            return None if tellable else "SYN+ACK"
        numbered = [other for other in mine if other.id]
        if not numbered or self.steps[frame.socket] < 16 and len(self.hosts[frame.socket[0]]) < 6:
            return "early"
        if not frame.tsval and len(self.hosts[frame.socket[0]]) < 6 and mine[0].id:
            return "count"
        last = numbered[-1]
        for other in numbered:
            if not before(other.id, last.id):
                last = other
        missing = (frame.id - last.id) % 2**16 - max(1, -(-last.size // 1448))
        if not 0 < missing < 64:
            return "no-jump"
        acked = max((other.ack for other in mine if other.ack is not None), default=None,
                    key=lambda ack: (ack - mine[0].ack if mine[0].ack is not None else ack - theirs[0].seq) % 2**32)
        arrived = [other for other in theirs if other.length and not (frame.echo and other.tsval and before(frame.echo, other.tsval))]
        due = sum(1 for other in arrived if acked is None or before(acked, other.end) or other.time > mine[-1].time)
        if missing <= due:
            return "ACK-due"
        if not mine[-1].syn and frame.window > mine[-1].window and missing <= due + (frame.window - mine[-1].window + 1) // 2:
            return "window"
        return None


def share(part, whole):
    return f"{part / whole:.4f}" if whole else "  -   "


def judge(binary, base, verbose):
    """Counts for each of the three views, and where the senders' two accounts disagree."""
    everything = frames(Path(f"{base}.both.pcapng"))
    own = {}
    for frame in everything:  # the client is captured first
        own.setdefault(frame.socket[0], frame.at)
    by = sent(everything, own)
    wrong = disagreements(by, kernels(Path(f"{base}.kernel.json")))
    origin = defaultdict(list)  # a sender without marks sends the very same packet again
    for all_sent in by.values():
        for one in all_sent:
            origin[identity(one.frame)].append(one)
    results = {}
    for view in ("client", "server", "both"):
        path = Path(f"{base}.{view}.pcapng")
        told, counts, history = labels(binary, path), Counts(), History()
        passed, sighted, latest = defaultdict(list), Counter(), {}
        for frame in frames(path):
            same = [one for one in origin[identity(frame)] if one.frame.time <= frame.time] or cut(by, frame)
            if not same:
                counts["strangers"] += 1
                continue
            if not frame.length or frame.rst:
                history.add(frame)
                continue
            kinds = told.get(frame.number, [])
            called = any(kind.split("/")[0] in RESENT for kind in kinds)
            late_label = any(kind.startswith(LATE) for kind in kinds)
            sighted[identity(frame), frame.at] += 1
            # Where both ends are looked at, the sender's own capture has it already.
            elsewhere = view == "both" and frame.at != own[frame.socket[0]]
            copy = elsewhere or sighted[identity(frame), frame.at] > len(same)
            one = same[-1]
            again = one.again and not copy
            unseen = again and not any(before(a, frame.end) and before(frame.seq, b) for a, b in passed[frame.socket])
            # Emitted before one that passed already, and neither a copy nor sent again.
            late = not one.again and not copy and one.order < latest.get(frame.socket, -1)
            latest[frame.socket] = max(one.order, latest.get(frame.socket, -1))
            passed[frame.socket].append((frame.seq, frame.end))
            counts["unseen"] += unseen
            counts["unseen told"] += unseen and called
            counts["late"] += late
            counts["late told"] += late and late_label
            counts["late called again"] += late and called
            counts["again called late"] += again and late_label
            reason = history.apart(frame) if unseen and not called else None
            history.add(frame)
            if reason:
                counts["apart " + reason] += 1
                again = False
            verdict = {(True, True): "right", (True, False): "missed", (False, True): "false", (False, False): ""}[again, called]
            if verdict:
                counts[verdict] += 1
            if verbose and verdict in ("missed", "false"):
                print(f"  {path.name} #{frame.number} {verdict}: {kind_of(frame)}, {'first copy never seen, ' if unseen else ''}"
                      f"{'late, ' if late else ''}{'copy, ' if copy else ''}told {kinds}")
        results[view] = counts
    return results, wrong


def kind_of(frame):
    if frame.syn:
        return "SYN+ACK" if frame.ack is not None else "SYN"
    return "FIN" if frame.fin else "data"


def cut(by, frame):
    """The giant segment that this one was cut from, as a list."""
    last = []
    for one in by.get(frame.socket, ()):
        whole = one.frame
        inside = not before(frame.seq, whole.seq) and not before(whole.end, frame.end) and whole.length > frame.length
        if inside and whole.tsval == frame.tsval and (frame.id - whole.id) % 2**16 < 64 and frame.rst == whole.rst:
            last = [one]
    return last


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--bin", required=True)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--few", action="store_true")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--again", type=Path)
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    names = options.names or (FEW if options.few else list(SCENARIOS))

    with tempfile.TemporaryDirectory(prefix="pcaplain-fresh-") as scratch:
        folder = options.again or options.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        total, disagree = Counts(), 0
        for name in names:
            by_view = defaultdict(Counts)
            if options.again:
                seeds = sorted(int(path.name.split(".")[-3]) for path in folder.glob(f"{name}.*.kernel.json"))
            else:
                seeds = range(options.first, options.first + options.seeds)
            for seed in seeds:
                if not options.again:
                    record(name, seed, folder)
                results, wrong = judge(options.bin, folder / f"{name}.{seed}", options.verbose)
                disagree += len(wrong)
                for complaint in wrong:
                    print(f"  {name}.{seed}: {complaint}")
                for view, counts in results.items():
                    by_view[view] += counts
                    total += counts
            for view, counts in by_view.items():
                print(Counts(counts).line(f"{name}, {view}"), flush=True)
        total = Counts(total)
        print(total.line("all"))
        right = total["right"]
        good = right and all(wrong <= max(2, (1 - GOAL) * (right + wrong)) for wrong in (total["false"], total["missed"]))
        return 0 if good and not disagree else 1


if __name__ == "__main__":
    sys.exit(main())
