"""TCP carries bytes, not messages; and it carries them both ways at once."""

import socket
import struct

from . import scenario
from .tcp import OPENING, close_in_turn, two_hosts

NO_DELAY = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
WRITES = (b"one", b"two", b"six")


def read(end, size, length):
    """Read `length` octets with calls that ask for `size`; returns what each call gave."""
    pieces = []
    while sum(map(len, pieces)) < length:
        pieces.append(end.recv(size))
    return pieces


def framed(message):
    """A message with its length before it, in two octets: so that the reader knows where it ends."""
    return struct.pack("!H", len(message)) + message


def read_framed(end):
    """One message, whatever pieces the stream comes in."""
    length, = struct.unpack("!H", b"".join(read(end, 2, 2)))
    message = b""
    while len(message) < length:
        message += end.recv(min(4, length - len(message)))
    return message


@scenario("tcp-stream", "A stream has no messages: writes joined, split, repeated as one, and read in other pieces",
          expect=[*OPENING, "tcp.analysis.retransmission", "tcp.close.fin", "tcp.close.time-wait"],
          shows=[("tcp.port == 7001 && tcp.len == 3", 1), ("tcp.port == 7001 && tcp.len == 6", 1),
                 ("tcp.port == 7002 && tcp.len == 3", 3),
                 ("frame.interface_id == 0 && tcp.port == 7003 && tcp.len == 3", 3),
                 ("frame.interface_id == 0 && tcp.port == 7003 && tcp.len == 9 && tcp.analysis.retransmission", 1),
                 ("frame.interface_id == 1 && tcp.dstport == 7003 && tcp.len > 0", 1),
                 ("tcp.dstport == 7004 && tcp.len == 1448", 3), ("tcp.dstport == 7004 && tcp.len == 656", 1),
                 ("tcp.dstport == 7005 && tcp.len == 3", 3),
                 ('tcp.srcport == 7005 && tcp.payload contains "reads: 9"', 1),
                 ("tcp.dstport == 7006 && tcp.len == 3", 3),
                 ('tcp.srcport == 7006 && tcp.payload contains "reads: 4 4 1"', 1),
                 ('tcp.srcport == 7007 && tcp.payload contains "messages: one|two|six"', 1),
                 ("udp.dstport == 7008 && udp.length == 11", 3),
                 ('udp.srcport == 7008 && data contains "reads: 3 3 3"', 1)])
def tcp_stream(lab):
    """client (10.0.0.1) and server (10.0.0.2) with 20 ms each way between them (a relay), captured at the client.
    The client writes "one", "two", "six", three octets each, with three calls one right after the other; the server
    tells how many octets each of its reads gave. By the server's port: (7001) As Linux does it by itself (Nagle):
    "one" leaves at once, "twosix" in one segment when "one" is acknowledged. (7002) With TCP_NODELAY: three
    segments. (7003) The same three, but the cable loses them: the client repeats all nine octets in one segment.
    Only this connection is captured at the server too: one segment with data arrives. (Tail loss probes are off,
    tcp_early_retrans=0.) (7004) One write of 5000 octets: four segments, none larger than the MSS of 1460 less 12
    for the time stamps. (7005) Three segments 50 ms apart; the server reads later: one read gives all nine octets.
    (7006) The same, and the server asks for four octets at a time. (7007) Each message with its length before it
    (two octets), all in one write: the server reads in pieces of at most four octets and finds the three messages
    again. (7008) The three writes over UDP, read late: three datagrams, three reads."""
    client, server, at_client, at_server = two_hosts(lab, delay=0.02)
    client.knows(at_server)
    server.knows(at_client)
    client.sysctl({"net.ipv4.tcp_early_retrans": 0})
    listeners = {port: server.listen(port) for port in range(7001, 7008)}
    lab.record(at_client)
    lab.record(at_server, only="tcp port 7003")

    def connection(port, *options):
        """Both ends of a connection to `port`; the server has the client's last segment of three."""
        ours = client.connect(("10.0.0.2", port), port=port + 43000, options=options)
        lab.wait(0.1)
        return ours, listeners[port].accept()[0]

    def finish(ours, theirs, answer):
        """The server says what it read; the client closes, the server 100 ms later."""
        theirs.sendall(answer.encode())
        ours.recv(100)
        lab.wait(0.1)
        close_in_turn(lab, ours, theirs)

    def told(pieces):
        return "reads: " + " ".join(str(len(piece)) for piece in pieces)

    ours, theirs = connection(7001)
    for write in WRITES:
        ours.sendall(write)
    finish(ours, theirs, told(read(theirs, 1024, 9)))

    ours, theirs = connection(7002, NO_DELAY)
    for write in WRITES:
        ours.sendall(write)
    lab.wait(0.1)
    finish(ours, theirs, told(read(theirs, 1024, 9)))

    ours, theirs = connection(7003, NO_DELAY)
    at_client.cable.meddle = lambda frame, outward: []
    for write in WRITES:
        ours.sendall(write)
    lab.wait(0.05)
    at_client.cable.meddle = None
    finish(ours, theirs, told(read(theirs, 1024, 9)))

    ours, theirs = connection(7004)
    ours.sendall(bytes(range(32, 82)) * 100)
    lab.wait(0.1)
    finish(ours, theirs, told(read(theirs, 5000, 5000)))

    for port, size in ((7005, 1024), (7006, 4)):
        ours, theirs = connection(port)
        for write in WRITES:
            ours.sendall(write)
            lab.wait(0.05)
        lab.wait(0.1)
        finish(ours, theirs, told(read(theirs, size, 9)))

    ours, theirs = connection(7007)
    ours.sendall(b"".join(map(framed, WRITES)))
    messages = [read_framed(theirs) for _ in WRITES]
    finish(ours, theirs, "messages: " + "|".join(message.decode() for message in messages))

    ours, theirs = client.udp(50008), server.udp(7008)
    for write in WRITES:
        ours.sendto(write, ("10.0.0.2", 7008))
    lab.wait(0.1)
    pieces = [theirs.recvfrom(1024)[0] for _ in WRITES]
    theirs.sendto(told(pieces).encode(), ("10.0.0.1", 50008))
    ours.recv(100)


@scenario("tcp-duplex", "Both directions at once: each side sends before it hears the other",
          expect=[*OPENING, "tcp.close.fin", "tcp.close.ack", "tcp.close.time-wait"],
          shows=[("ip.src == 10.0.0.1 && tcp.len == 500 && tcp.ack == 1", 3),
                 ("ip.src == 10.0.0.2 && tcp.len == 500 && tcp.ack == 1", 3)])
def tcp_duplex(lab):
    """client (10.0.0.1) and server (10.0.0.2) with 20 ms each way between them (a relay), captured at the client.
    (1) The connection opens. (2) At one moment each side sends three segments of 500 octets. They cross on the way:
    the server's reach the client 20 ms after its own left, and all six acknowledge nothing but the opening (ack 1),
    for when they were sent neither side had heard any data of the other. (3) The acknowledgments cross as well. (4)
    The client closes, the server 100 ms later."""
    client, server, at_client, at_server = two_hosts(lab, delay=0.02)
    client.knows(at_server)
    server.knows(at_client)
    listener = server.listen(7000)
    lab.record(at_client)

    ours = client.connect(("10.0.0.2", 7000), port=50001, options=[NO_DELAY])
    theirs, _ = listener.accept()
    theirs.setsockopt(*NO_DELAY)
    lab.wait(0.2)
    for _ in range(3):
        ours.sendall(b"C" * 500)
        theirs.sendall(b"S" * 500)
    lab.wait(0.1)
    for end in (ours, theirs):
        read(end, 2000, 1500)
    lab.wait(0.1)

    close_in_turn(lab, ours, theirs, after=0.1)
