"""The kernel as witness: what its own TCP sockets did while a capture was made.

A program that reads packets can only infer the state of the two ends. The kernel knows it, and says so through
tracepoints. This module listens to them in a trace instance of its own (so that other users of tracing are not
disturbed), reads the ring buffer's binary pages (the text form rounds to microseconds and leaves the socket's
identity out), and writes the account in the clock of the capture.

What to know when reading an account:
* A socket of the client has source port 0 in its first transition unless it was bound to a port beforehand.
* A listening side has no socket before the third segment: its SYN-RECEIVED appears only then (a half-open
  connection is a "request", not a socket). With data in the SYN (Fast Open) the socket exists at once.
* TIME-WAIT is no socket state here: the transition FIN_WAIT2 -> CLOSE (or CLOSING -> CLOSE) of an active closer
  is its beginning, and its end is not reported.
"""

import ipaddress
import os
import platform
import re
import struct
import subprocess
import time
from pathlib import Path

TRACING = Path("/sys/kernel/tracing")
REQUIRED = ["sock/inet_sock_set_state", "tcp/tcp_retransmit_skb", "tcp/tcp_retransmit_synack",
            "tcp/tcp_send_reset"]
OPTIONAL = ["tcp/tcp_receive_reset"]
STATES = ["UNKNOWN", "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT", "CLOSE",
          "CLOSE_WAIT", "LAST_ACK", "LISTEN", "CLOSING", "NEW_SYN_RECV"]
TCP, AF_INET, AF_INET6 = 6, 2, 10


class Witness:
    """Records from `start` to `stop`; `account` tells what concerned the given addresses."""

    def __init__(self):
        self.instance = None

    def start(self):
        if not (TRACING / "events").exists():
            subprocess.run(["mount", "-t", "tracefs", "tracefs", str(TRACING)], check=True)
        missing = [event for event in REQUIRED if not (TRACING / "events" / event).exists()]
        if missing:
            raise RuntimeError(f"this kernel has no tracepoint {', '.join(missing)}")
        self.instance = TRACING / "instances" / f"pcaplain-{os.getpid()}"
        self.instance.mkdir()
        self._set("trace_clock", "mono")
        self._set("buffer_size_kb", "2048")
        self.events = {}
        for name in REQUIRED + OPTIONAL:
            folder = self.instance / "events" / name
            if folder.exists():
                number, layout = _layout((folder / "format").read_text())
                self.events[number] = (name.split("/")[1], layout)
                (folder / "enable").write_text("1")
        self._set("tracing_on", "1")
        self.offset = _realtime_minus_monotonic()
        self.started = time.monotonic_ns()

    def stop(self):
        """Stop listening and keep what was heard."""
        self._set("tracing_on", "0")
        self.drift = _realtime_minus_monotonic() - self.offset
        if abs(self.drift) > 1_000_000:
            raise RuntimeError(f"the machine's clock was set during the recording ({self.drift} ns)")
        heard = []
        for cpu in sorted(self.instance.glob("per_cpu/cpu*")):
            statistics = (cpu / "stats").read_text()
            if not re.search(r"^overrun: 0$", statistics, re.M):
                raise RuntimeError("the trace buffer was too small: events were lost")
            heard += _read_ring_buffer(cpu / "trace_pipe_raw")
        self.heard = sorted(heard, key=lambda event: event[0])

    def close(self):
        """Remove the trace instance; safe to call at any time."""
        if self.instance and self.instance.exists():
            self._set("tracing_on", "0")
            self.instance.rmdir()

    def account(self, capture, addresses, loopback_ports=()):
        """The account as plain data for JSON: only TCP, only sockets with one of `addresses`, or on loopback with one
        of `loopback_ports` (the account hears of all namespaces, and each has its 127.0.0.1). None without TCP."""
        addresses = set(addresses)
        events, sockets, current = [], [], {}
        for stamp, payload in self.heard:
            name, layout = self.events[struct.unpack_from("<H", payload)[0]]
            seen = _decode(name, layout, payload)
            if seen is None or not _concerns(seen, addresses, loopback_ports):
                continue
            if "newstate" in seen and seen["newstate"] == seen["oldstate"]:
                continue  # close() after shutdown() sets FIN_WAIT1 a second time: nothing changed
            key = seen.pop("skaddr")
            event = {"time": _seconds(stamp + self.offset), **seen}
            if name == "inet_sock_set_state":
                # A socket object that is used again after CLOSE is another socket.
                socket = current.get(key)
                if socket is None or socket["states"][-1] == "CLOSE":
                    socket = {"socket": len(sockets) + 1, "states": [seen["oldstate"]]}
                    sockets.append(socket)
                    current[key] = socket
                socket["states"].append(seen["newstate"])
                socket.update({field: seen[field] for field in ("saddr", "sport", "daddr", "dport") if seen[field]})
            if key in current:
                event["socket"] = current[key]["socket"]
            events.append(event)
        if not any(socket.get("dport") for socket in sockets):
            return None  # no connection: at most a service that also listens on TCP
        order = ("socket", "saddr", "sport", "daddr", "dport", "states")
        return {
            "capture": capture,
            "kernel": f"Linux {platform.release()}",
            "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime((self.started + self.offset) // 10**9)),
            "clock": {
                "trace": "mono",
                "offset_ns": self.offset,
                "offset_change_ns": self.drift,
                "note": "time = trace clock + offset = CLOCK_REALTIME, the clock of the capture's stamps",
            },
            "sockets": [{field: socket.get(field, 0) for field in order} for socket in sockets],
            "events": events,
        }

    def _set(self, name, value):
        (self.instance / name).write_text(value)


def _concerns(seen, addresses, loopback_ports):
    ends = {seen["saddr"], seen["daddr"]}
    if any(ipaddress.ip_address(end).is_loopback for end in ends):
        return bool({seen["sport"], seen["dport"]} & set(loopback_ports))
    return bool(ends & addresses)


def _realtime_minus_monotonic():
    """Nanoseconds between the two clocks: the tightest of many readings."""
    readings = []
    for _ in range(200):
        before = time.monotonic_ns()
        real = time.time_ns()
        after = time.monotonic_ns()
        readings.append((after - before, real - (before + after) // 2))
    return min(readings)[1]


def _seconds(nanoseconds):
    return f"{nanoseconds // 10**9}.{nanoseconds % 10**9:09}"


def _layout(text):
    """An event's number, and where each of its fields lies: {name: (offset, size)}."""
    fields = re.findall(r"field:[^;]*?(\w+)(?:\[\d+\])?;\s*offset:(\d+);\s*size:(\d+);", text)
    return int(re.search(r"ID: (\d+)", text)[1]), {name: (int(at), int(size)) for name, at, size in fields}


def _read_ring_buffer(path):
    """The events of one CPU's buffer, as (time in ns, bytes): Documentation/trace/ring-buffer-design in the kernel.

    Each page: its time (u64), its length (u64, two flag bits above), then entries. An entry begins with a word of
    5 bits of type and 27 of time since the entry before.
    """
    events = []
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        while True:
            try:
                page = os.read(file, os.sysconf("SC_PAGE_SIZE"))
            except BlockingIOError:
                return events
            if not page:
                return events
            clock, commit = struct.unpack_from("<QQ", page)
            at, end = 16, 16 + (commit & 0xFFFFFFF)
            while at < end:
                word, = struct.unpack_from("<I", page, at)
                kind, delta = word & 31, word >> 5
                at += 4
                if kind == 29:  # padding: nothing more on this page
                    if delta == 0:
                        break
                    at += struct.unpack_from("<I", page, at)[0]
                elif kind in (30, 31):  # a longer time difference, or a full time stamp
                    value = struct.unpack_from("<I", page, at)[0] << 27 | delta
                    clock = clock + value if kind == 30 else clock & ~((1 << 59) - 1) | value
                    at += 4
                else:
                    size = kind * 4
                    clock += delta
                    if kind == 0:
                        size, = struct.unpack_from("<I", page, at)
                        events.append((clock, page[at + 4:at + size]))
                    else:
                        events.append((clock, page[at:at + size]))
                    at += size
    finally:
        os.close(file)


def _decode(name, layout, payload):
    """One event's fields by name; None if it is not about TCP over IPv4 or IPv6."""
    def number(field):
        at, size = layout[field]
        return int.from_bytes(payload[at:at + size], "little")

    def octets(field):
        at, size = layout[field]
        return payload[at:at + size]

    seen = {"event": name}
    if name == "inet_sock_set_state" and number("protocol") != TCP:
        return None
    if name == "tcp_send_reset":  # here the addresses are struct sockaddr_in or sockaddr_in6
        family, = struct.unpack_from("<H", octets("saddr"))
        ends = [_socket_address(octets(field)) for field in ("saddr", "daddr")]
    else:
        family = number("family")
        form = ("saddr", "daddr") if family == AF_INET else ("saddr_v6", "daddr_v6")
        ends = [(str(ipaddress.ip_address(octets(field))), number(port))
                for field, port in zip(form, ("sport", "dport"))]
    if family not in (AF_INET, AF_INET6):
        return None
    seen["family"] = "AF_INET" if family == AF_INET else "AF_INET6"
    (seen["saddr"], seen["sport"]), (seen["daddr"], seen["dport"]) = ends
    for field in ("oldstate", "newstate", "state"):
        if field in layout:
            seen[field] = STATES[number(field)]
    seen["skaddr"] = number("skaddr")
    return seen


def _socket_address(raw):
    family, = struct.unpack_from("<H", raw)
    port, = struct.unpack_from(">H", raw, 2)
    address = raw[8:24] if family == AF_INET6 else raw[4:8]
    return str(ipaddress.ip_address(address)), port
