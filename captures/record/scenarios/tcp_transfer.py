"""TCP moving much data: how fast it may go, and how it finds out."""

import functools
import socket

from relay import Tcp

from . import scenario
from .tcp import OPENING, close_in_turn

SO_SNDBUFFORCE, SO_RCVBUFFORCE, TCP_WINDOW_CLAMP = 32, 33, 10

# Reno is the congestion control of RFC 5681, without a clock of its own. No connection starts with what an earlier one
# to the same address had learnt about the path, segments are handed to the interface one by one, and each segment
# beyond a gap is acknowledged at once.
PLAIN = {"net.ipv4.tcp_congestion_control": "reno", "net.ipv4.tcp_no_metrics_save": 1,
         "net.ipv4.tcp_min_tso_segs": 1, "net.ipv4.tcp_comp_sack_nr": 0}


def buffers(window, room):
    """Socket options: room for all that is sent, a receive buffer of `room` octets (the kernel doubles it, for what it
    needs itself), and a `window` that is not more, however much room there is (0: as much as there is room)."""
    options = [(socket.SOL_SOCKET, SO_SNDBUFFORCE, 1 << 20), (socket.SOL_SOCKET, SO_RCVBUFFORCE, room)]
    return options + [(socket.IPPROTO_TCP, TCP_WINDOW_CLAMP, window)] * bool(window)


# The window stays the same, whenever the program reads: the transfer does not depend on how busy the machine is.
UNHURRIED = buffers(65535, 4 << 20)

CLOSING = ["tcp.close.fin", "tcp.close.ack", "tcp.close.time-wait"]


class SlowCable:
    """What a cable does that is slower than its ends: a segment with data occupies it for `pause` seconds, and the
    next one waits. It also meddles with single segments, which are counted within their connection: segment n is the
    n-th piece of `size` octets. `lose` {n: times}, `damage` {n: change of the frame} once, `hold` {n: seconds} once,
    and `lose_ack` [n]: once, the acknowledgment that covers the segments to n and no more. Segment 0 is the SYN."""

    def __init__(self, cable, pause, size):
        self.cable, self.pause, self.size = cable, pause, size
        self.free = {True: 0.0, False: 0.0}
        self.initial = {}
        self.lose, self.damage, self.hold, self.lose_ack = {}, {}, {}, []

    def __call__(self, frame, outward):
        segment, now = Tcp(frame), self.cable.now
        if segment.flags is None:
            return [(0, frame)]
        if "S" in segment.flags:
            self.initial[segment.source, segment.destination] = segment.seq + 1
        begins = max(now, self.free[outward])
        if segment.payload:
            self.free[outward] = begins + self.pause
        return [(begins - now + extra, passed) for extra, passed in self._meddle(segment, frame)]

    def _meddle(self, segment, frame):
        if segment.payload:
            number = self._count(segment.seq, (segment.source, segment.destination)) + 1
        elif "S" in segment.flags:
            number = 0
        else:
            covered = self._count(segment.ack, (segment.destination, segment.source))
            if covered not in self.lose_ack:
                return [(0, frame)]
            self.lose_ack.remove(covered)
            return []
        if self.lose.get(number):
            self.lose[number] -= 1
            return []
        change = self.damage.pop(number, None)
        return [(self.hold.pop(number, 0), change(frame) if change else frame)]

    def _count(self, number, direction):
        """How many segments of this direction lie before this sequence number."""
        return (number - self.initial.get(direction, number)) % 2**32 // self.size


def far_apart(lab, delay, pause, mtu=1500):
    """client 10.0.0.1 and server 10.0.0.2 on a long and slow cable: (client, server, client's port, server's port,
    cable). With MTU 1500 a full segment is 1448 octets, with 576 it is 524."""
    client, server = lab.host("client"), lab.host("server")
    at_client, at_server = lab.link(client, "10.0.0.1/24", server, "10.0.0.2/24", mtu=mtu, delay=delay)
    client.knows(at_server)
    server.knows(at_client)
    client.sysctl(PLAIN)
    server.sysctl(PLAIN)
    at_client.cable.meddle = SlowCable(at_client.cable, pause, mtu - 52)
    return client, server, at_client, at_server, at_client.cable.meddle


def text(octets):
    """Lines that tell where in the stream they are."""
    return b"".join(b"octets %07d and the 31 after\n" % at for at in range(0, octets, 32))[:octets]


def transfer(lab, sender, receiver, octets, seconds):
    """Send, let the kernels do it, and read it all when it is there."""
    sender.sendall(text(octets))
    lab.wait(seconds)
    while octets:
        octets -= len(receiver.recv(octets, socket.MSG_DONTWAIT))


def opened(client, server, port, options=UNHURRIED, at=None):
    """A connection to the server's `port`: (client's end, server's end). `at`: the two ports to use, if not the first
    ones."""
    here, there = at or (client.ports[0], server.ports[0])
    listener = server.socket(address=there.ip, port=port, options=options)
    listener.listen()
    ours = client.socket(address=here.ip, port=port + 43000, options=options)
    ours.connect((there.ip, port))
    return ours, listener.accept()[0]


finish = functools.partial(close_in_turn, after=0.1)


@scenario("tcp-slow-start", "Slow start and what comes after: flights of 10, 20, 40 and 80 segments, then a loss",
          expect=[*OPENING, "tcp.analysis.duplicate_ack", "tcp.analysis.fast_retransmission", *CLOSING],
          shows=[("tcp.len == 1448", 301), ("tcp.analysis.duplicate_ack_num == 3", 1),
                 ("tcp.analysis.fast_retransmission", 1), ("tcp.dstport == 7001 && tcp.seq == 107153", 2)])
def tcp_slow_start(lab):
    """client (10.0.0.1) and server (10.0.0.2) with 40 ms each way between them (a relay; a full segment occupies it
    for 0.4 ms), captured at the client. Both use Reno, the congestion control of RFC 5681. Of each frame 100 octets
    are kept; the frames were longer. The client sends 300 full segments (434,400 octets) at once, as far as it may.
    (1) Slow start: each flight, one round trip (80 ms) after the last, is twice as large: 10, 20, 40, 80 segments.
    (2) Segment 75, in the fourth flight, gets lost. After three duplicate acknowledgments the client sends it again
    and halves its window: 47 segments in that round trip. (3) Congestion avoidance: one segment more in each round
    trip, 42 and 43. The last 19 end the transfer."""
    client, server, at_client, _, cable = far_apart(lab, 0.04, 0.0004)
    lab.record(at_client, snaplen=100)

    ours, theirs = opened(client, server, 7001, buffers(4 * 65535, 4 << 20))
    cable.lose = {75: 1}
    transfer(lab, ours, theirs, 300 * 1448, 1.2)
    finish(lab, ours, theirs)


@scenario("tcp-bulk", "Much data at once: full segments and delayed acknowledgments, two connections, giant segments",
          expect=[*OPENING, *CLOSING],
          shows=[("tcp.dstport == 7001 && tcp.len == 1448", 60),
                 ("tcp.srcport == 7001 && tcp.ack > 1 && tcp.ack <= 86881", 41),
                 ("tcp.dstport in {7002, 7003} && tcp.len == 1448", 60),
                 ("tcp.len > 1460 && frame.interface_name == \"client-eth1\"", 6), ("tcp.len == 28960", 2)])
def tcp_bulk(lab):
    """client and server on two cables, captured at the client's end of both. The first (10.0.0.1 to 10.0.0.2) takes
    30 ms each way (a relay; a full segment occupies it for 1 ms, which is 12 Mbit/s) and has no offloads. (1) Port
    7001: the client sends 60 full segments of 1448 octets. The server acknowledges the first 22 one by one and then
    two at a time: 41 acknowledgments. It takes 0.21 s, in flights of 10, 20 and 30. (2) Ports 7002 and 7003: two
    connections at once, 30 segments each. Each has a congestion window of its own, so two flights are enough: 0.16 s.
    (3) The second cable (10.0.1.1 to 10.0.1.2) has no length, and offloads are on. Port 7004: the client sends 10,
    20, 20 and 20 segments' worth of data (101,360 octets in all). They leave as six giant segments of 7,240 to 28,960
    octets, which a network card would cut up; the checksums are not yet filled in."""
    client, server, at_plain, _, _ = far_apart(lab, 0.03, 0.001)
    at_giant, server_giant = lab.link(client, "10.0.1.1/24", server, "10.0.1.2/24", offload=True)
    client.knows(server_giant)
    server.knows(at_giant)
    lab.record(at_plain, at_giant)

    ours, theirs = opened(client, server, 7001, options=buffers(0, 64 << 10))
    ours.sendall(text(60 * 1448))
    theirs.recv(60 * 1448, socket.MSG_WAITALL)  # as it comes: the window is no larger than what is sent
    lab.wait(0.3)
    finish(lab, ours, theirs)

    pairs = [opened(client, server, port) for port in (7002, 7003)]
    half = text(30 * 1448)
    for ours, _ in pairs:
        ours.sendall(half)
    lab.wait(0.5)
    for ours, theirs in pairs:
        theirs.recv(len(half), socket.MSG_WAITALL)
        finish(lab, ours, theirs)

    ours, theirs = opened(client, server, 7004, at=(at_giant, server_giant))
    for segments in (10, 20, 20, 20):
        transfer(lab, ours, theirs, segments * 1448, 0.05)
    finish(lab, ours, theirs)


@scenario("tcp-window", "A slow reader: full window, zero window, probes, and a window update that gets lost",
          expect=[*OPENING, "tcp.analysis.zero_window", "tcp.analysis.window_full", "tcp.analysis.window_update",
                  *CLOSING],
          shows=[("tcp.analysis.zero_window", 10), ("tcp.analysis.window_full", 7),
                 ("tcp.len == 0 && tcp.dstport == 7001 && tcp.seq == 20272", 3),
                 ("tcp.len == 0 && tcp.dstport == 7001 && tcp.seq == 43440", 1),
                 ("tcp.analysis.window_update && tcp.window_size == 2896", 2),
                 ("tcp.analysis.window_update && tcp.window_size == 4344", 4),
                 ("tcp.analysis.window_update && tcp.window_size == 14480", 1)])
def tcp_window(lab):
    """client (10.0.0.1) and server (10.0.0.2) with 30 ms each way between them (a relay), captured at the client. The
    server's receive buffer is small, and its program reads slowly. (1) The client sends 50,000 octets; nobody reads.
    The window closes when 20,272 have arrived. The client probes after 0.3 s, then twice more, each time after about
    twice as long. (Linux probes without data, with a number that is already acknowledged, as in a keep-alive.) Each
    time the answer is: still 0. (2) The server reads 4,000 octets every 0.2 s, six times. It opens the window by two
    or three full segments, not by less, and each time the client fills it. (3) The server reads 14,000 octets, but
    its window update gets lost: both would wait for ever. A probe finds the window open. (4) The server reads the
    rest, and the client closes. Nothing was lost but that one acknowledgment."""
    client, server, at_client, _, cable = far_apart(lab, 0.03, 0.001)
    server.sysctl({"net.ipv4.tcp_invalid_ratelimit": 0})  # else it answers at most one probe in half a second
    lab.record(at_client)

    ours, theirs = opened(client, server, 7001, options=buffers(0, 16384))
    ours.sendall(text(50000))
    lab.wait(2.7)
    for _ in range(6):
        theirs.recv(4000, socket.MSG_WAITALL)
        lab.wait(0.2)
    at_client.cable.meddle = lambda frame, outward: [(0, frame)] if outward else []
    theirs.recv(14000, socket.MSG_WAITALL)
    lab.wait(0.05)
    at_client.cable.meddle = cable
    lab.wait(0.6)
    theirs.recv(12000, socket.MSG_WAITALL)
    lab.wait(0.2)
    finish(lab, ours, theirs)
