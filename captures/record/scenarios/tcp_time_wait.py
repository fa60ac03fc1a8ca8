"""TIME-WAIT: what the side that closes first waits for, and for how long."""

import errno
import functools
import socket
import time

from relay import Tcp

from . import scenario
from .tcp import OPENING, close_in_turn, take_fin, two_hosts

BEFORE, AFTER = 55, 67  # seconds: TIME-WAIT lasts 60 on Linux, and its timer may be some seconds late
FIRST = (7001, 7002, 7003, 7004)


class Copies:
    """The cable keeps a copy of the first SYN, question and FIN of each client port; `late` sends it again."""

    def __init__(self, lab, client, cable):
        self.lab, self.client, self.frames = lab, client, {}
        cable.meddle = self.keep

    def keep(self, frame, outward):
        segment = Tcp(frame)
        if outward and segment.flags:
            kind = "SYN" if "S" in segment.flags else "FIN" if "F" in segment.flags else "data"
            if kind != "data" or segment.payload:
                self.frames.setdefault((segment.source, kind), frame)
        return [(0, frame)]

    def late(self, port, kind):
        raw = self.client.within(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
        with raw:
            raw.bind((self.client.ports[0].device, 0))
            raw.send(self.frames[port, kind])
        self.lab.wait(0.2)


def strictly(host, address, port):
    """A socket bound without SO_REUSEADDR, which the scenarios' other sockets have."""
    made = host.within(socket.socket)
    host.lab.sockets.append(made)
    made.bind((address, port))
    return made


def refused(action, number):
    """Do what must fail with the error `number`."""
    try:
        action()
    except OSError as error:
        if error.errno == number:
            return
        raise
    raise RuntimeError(f"no {errno.errorcode[number]}")


@scenario("tcp-time-wait", "TIME-WAIT: a lost last ACK, late copies, the same port again, and the 60 seconds",
          needs=["ss"],
          expect=[*OPENING, "tcp.close.fin", "tcp.close.ack", "tcp.close.time-wait", "tcp.close.reset",
                  "tcp.analysis.retransmission"],
          shows=[("tcp.flags == 0x010 && tcp.srcport == 7001 && frame.time_relative > 50", 1),
                 ("tcp.flags == 0x010 && tcp.srcport == 7003 && frame.time_relative > 50", 1),
                 ("tcp.flags.reset == 1 && tcp.srcport == 7002", 1),
                 ("tcp.flags.reset == 1 && tcp.srcport == 7004", 1),
                 ("tcp.flags.fin == 1 && tcp.srcport == 7007", 2),
                 ("tcp.flags == 0x010 && tcp.dstport == 7007 && tcp.ack == 9", 2),
                 ("tcp.flags.fin == 1 && tcp.srcport == 7008", 2),
                 ("tcp.flags.reset == 1 && tcp.dstport == 7008", 1),
                 ("tcp.flags.reset == 1 && tcp.srcport == 7005 && tcp.dstport == 50005", 1),
                 ("tcp.analysis.reused_ports && tcp.dstport == 7011", 1),
                 ("tcp.flags == 0x012 && tcp.srcport == 7011", 2), ("tcp.flags == 0x012 && tcp.srcport == 7012", 2),
                 ("tcp.flags.reset == 1 && tcp.srcport == 7012", 1), ("tcp.flags == 0x012 && tcp.srcport == 7005", 3)])
def tcp_time_wait(lab):
    """client (10.0.0.1) and server (10.0.0.2) with 10 ms each way between them (a relay), captured at the server.
    The client's port is the server's plus 43000. A late copy is a segment of the client that a raw socket sends once
    more, as it was. (7001, 7002) The server closes first. (7003, 7004) The same, now with tcp_fin_timeout and
    tcp_keepalive_time at 5 s on the server. (7005) The client closes first. It asks for port 50005 again, without
    SO_REUSEADDR: "address in use", no SYN leaves; port 51005 works, and there the server closes first. A late copy
    of the question from 50005 gets RST: the server closed second, nothing waits there. (7006) The client closes
    first and opens again from the same port at once, as SO_REUSEADDR lets it. (7007) The client closes first; its
    last ACK arrives but is lost in the server (nftables): the FIN comes again and gets another ACK. (7008) The same
    with a client that may not keep TIME-WAIT (tcp_max_tw_buckets=0): the second FIN gets RST. (7009) The server
    closes first. A late copy of the question gets an ACK from TIME-WAIT; the client, which knows nothing of it,
    answers with RST, and that ends TIME-WAIT. (7010) The same with a late copy of the SYN. (7011) The server closes
    first; a second later the client opens again from the same port: TIME-WAIT lets a newer SYN in. A late copy of
    the first question then gets only an ACK, and the new connection goes on. (7012) The server closes first and its
    program ends. Started again without SO_REUSEADDR it gets "address in use", and the client RST; with SO_REUSEADDR
    the client is served. (7001 and 7003, 55 to 57 s after the server's last ACK) A late copy of the client's FIN
    gets an ACK: still TIME-WAIT. (7002 and 7004, 67 to 69 s after it) It gets RST: TIME-WAIT is over, and the two
    settings changed nothing. (7005) Now port 50005 is free; a connection is opened from it, and a late copy of the
    first one's question gets only an ACK."""
    client, server, at_client, at_server = two_hosts(lab, delay=0.01)
    client.knows(at_server)
    server.knows(at_client)
    listeners = {port: server.listen(port) for port in range(7001, 7013)}
    copies = Copies(lab, client, at_client.cable)
    lab.record(at_server)

    def converse(port, base=43000, question=b"question\n"):
        """A connection to `port` on which the client has asked and the server answered."""
        ours = client.connect(("10.0.0.2", port), port=port + base)
        theirs, _ = listeners[port].accept()
        ours.sendall(question)
        theirs.recv(100)
        theirs.sendall(b"answer\n")
        ours.recv(100)
        lab.wait(0.05)
        return ours, theirs

    close = functools.partial(close_in_turn, lab, apart=0.05, after=0.1)

    def must_wait(*ports):
        """Of the first four ports, the server must have these in TIME-WAIT, no others."""
        listed = server.run("ss", "-Htan", "state", "time-wait")
        found = tuple(port for port in FIRST if f"10.0.0.2:{port} " in listed)
        if found != ports:
            raise RuntimeError(f"in TIME-WAIT at the server: {found}, not {ports}")

    for port in FIRST:
        if port == 7003:
            server.sysctl({"net.ipv4.tcp_fin_timeout": 5, "net.ipv4.tcp_keepalive_time": 5})
        close(*reversed(converse(port)))
    closed = time.monotonic()

    close(*converse(7005))
    refused(lambda: strictly(client, "10.0.0.1", 50005), errno.EADDRINUSE)
    close(*reversed(converse(7005, base=44000)))
    copies.late(50005, "data")

    close(*converse(7006))
    close(*converse(7006, question=b"new question\n"))

    for port in (7007, 7008):
        if port == 7008:
            client.sysctl({"net.ipv4.tcp_max_tw_buckets": 0})
        ours, theirs = converse(port)
        ours.shutdown(socket.SHUT_WR)
        take_fin(theirs)
        lab.wait(0.05)
        server.drop("limit rate 1/hour burst 1 packets")  # the last ACK only
        theirs.close()
        lab.wait(0.6)
        server.drop_no_more()
        ours.close()
    client.sysctl({"net.ipv4.tcp_max_tw_buckets": 4096})

    for port, kind in ((7009, "data"), (7010, "SYN")):
        close(*reversed(converse(port)))
        copies.late(port + 43000, kind)

    close(*reversed(converse(7011)))
    lab.wait(1)
    ours, theirs = converse(7011, question=b"new question\n")
    copies.late(50011, "data")
    ours.sendall(b"another question\n")
    theirs.recv(100)
    theirs.sendall(b"answer\n")
    ours.recv(100)
    close(ours, theirs)

    close(*reversed(converse(7012)))
    listeners[7012].close()
    refused(lambda: strictly(server, "10.0.0.2", 7012), errno.EADDRINUSE)
    refused(lambda: client.connect(("10.0.0.2", 7012), port=51012), errno.ECONNREFUSED)
    listeners[7012] = server.listen(7012)
    close(*converse(7012, base=45000))

    lab.wait(closed + BEFORE - time.monotonic())
    must_wait(*FIRST)
    copies.late(50001, "FIN")
    copies.late(50003, "FIN")
    lab.wait(closed + AFTER - time.monotonic())
    must_wait()
    copies.late(50002, "FIN")
    copies.late(50004, "FIN")
    strictly(client, "10.0.0.1", 50005).close()
    ours, theirs = converse(7005, question=b"new question\n")
    copies.late(50005, "data")
    close(ours, theirs)
