"""TCP: resets that come from somebody else."""

import select
import socket
import struct

from relay import Tcp

from . import scenario
from .tcp import OPENING, close_in_turn

RST, ACK = 4, 16
FORGED_TTL = 250  # the hosts send 64


class Intruder:
    """A host that hears what passes and sends segments in another's name, with a packet socket."""

    def __init__(self, host):
        self.raw = host.within(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800)))
        self.raw.bind((host.ports[0].device, 0))
        host.lab.sockets.append(self.raw)
        self.heard = {}  # the last frame from each port
        self.number = 6000

    def reset(self, port, shift=0):
        """Send a RST as if from `port`, numbered to come next after what was heard from there, or `shift` later."""
        while select.select([self.raw], [], [], 0)[0]:
            frame = self.raw.recv(2000)
            self.heard[Tcp(frame).source] = frame
        frame = self.heard[port]
        heard = Tcp(frame)
        seq = (heard.seq + len(heard.payload) + shift) % 2**32
        self.number += 1
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40, self.number, 0, FORGED_TTL, socket.IPPROTO_TCP, 0, frame[26:30],
                         frame[30:34])
        ip = ip[:10] + checksum(ip) + ip[12:]
        tcp = struct.pack(">HHIIBBHHH", heard.source, heard.destination, seq, heard.ack, 5 << 4, RST | ACK, 0, 0, 0)
        pseudo = ip[12:20] + struct.pack(">HH", socket.IPPROTO_TCP, len(tcp))
        self.raw.send(frame[:14] + ip + tcp[:16] + checksum(pseudo + tcp) + tcp[18:])


def checksum(octets):
    """The Internet checksum (RFC 1071)."""
    total = sum(struct.unpack(f">{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack(">H", total ^ 0xFFFF)


@scenario("tcp-injected-reset", "Forged resets: one hits, one is questioned, one misses, one goes to each end",
          expect=[*OPENING, "tcp.close.reset", "tcp.close.fin", "tcp.close.time-wait"],
          shows=[("tcp.flags.reset == 1 && ip.ttl == 250", 5),
                 ("tcp.dstport == 7001 && tcp.flags.reset == 1 && ip.ttl == 64", 1),
                 ("tcp.srcport == 7001 && tcp.len > 0 && ip.ttl == 64", 2),
                 ("tcp.dstport == 7002 && tcp.analysis.duplicate_ack", 1),  # the challenge ACK
                 *[(f"tcp.srcport == {port} && tcp.flags.reset == 1", 1) for port in (7001, 7002, 7003, 7004)],
                 ("tcp.dstport == 7004 && tcp.flags.reset == 1", 1),
                 *[(f"tcp.port == {port} && tcp.flags.fin == 1", 2) for port in (7002, 7003)]])
def tcp_injected_reset(lab):
    """client (10.0.0.1), server (10.0.0.2) and an intruder (10.0.0.66) on a hub (a bridge that learns nothing and
    sends all to all), captured at the client. The intruder hears each connection and forges RST segments with the
    sender's addresses, also the hardware address; only TTL (250 instead of 64) and IP id (6001, 6002 ...) give it
    away. By the server's port, each after one exchange: 7001 the RST has exactly the number that the client expects
    next: the client gives up; the server knows nothing, sends 100 ms later, and is answered with a RST. 7002 the
    number is 1000 too high, inside the window: the client asks back with an ACK ("challenge ACK", RFC 5961), nothing
    is broken, the two talk on and close. 7003 the number is 1000000 too high, outside the window: ignored. 7004 two
    forged RSTs, to the client in the server's name and to the server in the client's: both give up, nobody says a
    word more."""
    client, server, intruder = lab.host("client"), lab.host("server"), lab.host("intruder")
    at_client, at_server, _ = lab.switch((client, "10.0.0.1/24"), (server, "10.0.0.2/24"), (intruder, "10.0.0.66/24"),
                                         name="hub")
    client.knows(at_server)
    server.knows(at_client)
    hub = at_client.peer.host
    hub.run("ip", "link", "set", "br0", "type", "bridge", "ageing_time", 0)
    listeners = {port: server.listen(port) for port in range(7001, 7005)}
    forger = Intruder(intruder)
    lab.record(at_client)

    def converse(port, ends=None):
        """An exchange with `port`, on a new connection if there is none yet."""
        ours, theirs = ends or (client.connect(("10.0.0.2", port), port=port + 43000), listeners[port].accept()[0])
        lab.wait(0.05)
        ours.sendall(b"question\n")
        theirs.recv(100)
        theirs.sendall(b"answer\n")
        ours.recv(100)
        lab.wait(0.1)
        return ours, theirs

    ours, theirs = converse(7001)
    forger.reset(7001)
    lab.wait(0.1)
    theirs.sendall(b"Are you still there?\n")
    lab.wait(0.1)
    ours.close()
    theirs.close()
    lab.wait(0.2)

    for port, shift in ((7002, 1000), (7003, 1000000)):
        ours, theirs = converse(port)
        forger.reset(port, shift)
        lab.wait(0.1)
        converse(port, (ours, theirs))
        close_in_turn(lab, ours, theirs, apart=0.05)

    ours, theirs = converse(7004)
    for port in (7004, 50004):
        forger.reset(port)
        lab.wait(0.05)
    ours.close()
    theirs.close()
