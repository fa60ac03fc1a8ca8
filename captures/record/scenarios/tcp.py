"""TCP: opening, talking, closing, in all the forms that Linux shows.

All calls of a scenario are made by one thread, client and server alike, so their order is the order of the lines.
A connection is complete when `connect` returns: the kernel shakes hands by itself, `accept` only picks up the result.
"""

import socket
import struct

from . import scenario

TCP_SYNCNT, TCP_QUICKACK, TCP_FASTOPEN = 7, 12, 23
RESET_ON_CLOSE = (socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
DELAY_ACKS = (socket.IPPROTO_TCP, TCP_QUICKACK, 0)

OPENING = ["tcp.handshake.syn", "tcp.handshake.syn-ack", "tcp.handshake.ack"]


def two_hosts(lab, delay=None):
    """client 10.0.0.1 and server 10.0.0.2 on one link; returns (client, server, client's port, server's port)."""
    client, server = lab.host("client"), lab.host("server")
    return (client, server, *lab.link(client, "10.0.0.1/24", server, "10.0.0.2/24", delay=delay))


def take_fin(end):
    """Read the end of the stream, and send its acknowledgment at once (else it waits 40 ms for company)."""
    if end.recv(100):
        raise RuntimeError("data where the end was due")
    end.setsockopt(socket.IPPROTO_TCP, TCP_QUICKACK, 1)


def close_in_turn(lab, first, second, apart=0.1, after=0.2):
    """`first` closes, `second` so many seconds later: four segments. Then so many seconds of silence."""
    first.close()
    take_fin(second)
    lab.wait(apart)
    second.close()
    lab.wait(after)


@scenario("tcp-basic", "One TCP connection: three segments to open, three exchanges, four to close",
          expect=["arp.request", "arp.reply", *OPENING, "tcp.close.fin", "tcp.close.ack", "tcp.close.time-wait"],
          shows=["tcp.flags.syn == 1 && tcp.flags.ack == 0", "tcp.flags.syn == 1 && tcp.flags.ack == 1",
                 ("tcp.flags.fin == 1", 2), ("tcp.len > 0", 6)])
def tcp_basic(lab):
    """client (10.0.0.1) and server (10.0.0.2) on one link, captured at the client. The client finds the server's
    hardware address by ARP, connects, and speaks three times; each time the server answers. Then the client closes; the
    server closes 20 ms later."""
    client, server, at_client, _ = two_hosts(lab)
    listener = server.listen(7000)
    lab.record(at_client)

    ours = client.connect(("10.0.0.2", 7000), port=50001)
    theirs, _ = listener.accept()
    for question, answer in ((b"hello", b"hello, client"), (b"how are you?", b"fine"), (b"goodbye", b"see you")):
        lab.wait(0.05)
        ours.sendall(question)
        theirs.recv(100)
        lab.wait(0.01)
        theirs.sendall(answer)
        ours.recv(100)
    lab.wait(0.1)
    ours.close()
    take_fin(theirs)
    lab.wait(0.02)
    theirs.close()


@scenario("tcp-two-sides", "One connection seen from both ends of a long path",
          expect=[*OPENING, "tcp.close.fin", "tcp.close.time-wait"],
          shows=["tcp.flags.syn == 1 && frame.interface_id == 0", "tcp.flags.syn == 1 && frame.interface_id == 1",
                 ("tcp.flags.fin == 1 && frame.interface_id == 0", 2)])
def tcp_two_sides(lab):
    """client (10.0.0.1) and server (10.0.0.2) with 40 ms each way between them (a relay holds each frame back),
    captured at both. The client is ESTABLISHED 40 ms before the server: it sends its acknowledgment and at once a
    question; both reach the server one way later. Then the answer, and the client closes."""
    client, server, at_client, at_server = two_hosts(lab, delay=0.04)
    client.knows(at_server)
    server.knows(at_client)
    listener = server.listen(7000)
    lab.record(at_client, at_server)

    ours = client.connect(("10.0.0.2", 7000), port=50001)
    ours.sendall(b"What time is it at your end?\n")  # the server is not yet ESTABLISHED
    theirs, _ = listener.accept()
    theirs.recv(100)
    theirs.sendall(b"40 ms later than you think.\n")
    ours.recv(100)
    lab.wait(0.3)
    close_in_turn(lab, ours, theirs, apart=0.2)


@scenario("tcp-close-variants", "Seven ways to end a TCP connection",
          expect=[*OPENING, "tcp.close.fin", "tcp.close.fin-ack", "tcp.close.ack", "tcp.close.reset",
                  "tcp.close.time-wait"],
          shows=["tcp.dstport == 7001 && tcp.flags.fin == 1", "tcp.srcport == 7003 && tcp.len > 0",
                 "tcp.srcport == 7004 && tcp.flags.fin == 1", "tcp.dstport == 7006 && tcp.flags.reset == 1",
                 "tcp.srcport == 7007 && tcp.flags.reset == 1"])
def tcp_close_variants(lab):
    """client (10.0.0.1) and server (10.0.0.2) with 10 ms each way between them (a relay), captured at the client.
    One connection after another, told apart by the server's port: 7001 the client closes first, the server 100 ms
    later: four segments. 7002 the server closes at once: its FIN and its acknowledgment share a segment, three in
    all. 7003 the client closes its half only; the server still sends data 107 ms later, then closes. 7004 the server
    closes first. 7005 both close at the same time, the FINs cross. 7006 the client aborts (SO_LINGER 0): RST. 7007 the
    server closes without having read what the client sent: RST."""
    client, server, at_client, at_server = two_hosts(lab, delay=0.01)
    client.knows(at_server)
    server.knows(at_client)
    listeners = {port: server.listen(port) for port in range(7001, 7008)}
    lab.record(at_client)

    def converse(port, question=b"question\n", answer=b"answer\n"):
        """A connection to `port` on which the client has asked and the server answered."""
        ours = client.connect(("10.0.0.2", port), port=port + 43000)
        theirs, _ = listeners[port].accept()
        ours.sendall(question)
        theirs.recv(100)
        theirs.sendall(answer)
        ours.recv(100)
        lab.wait(0.1)  # the acknowledgment of the answer has arrived
        return ours, theirs

    ours, theirs = converse(7001)
    close_in_turn(lab, ours, theirs)

    ours, theirs = converse(7002)
    theirs.setsockopt(*DELAY_ACKS)
    ours.close()
    theirs.recv(100)
    theirs.close()  # within the 40 ms that the acknowledgment waits
    lab.wait(0.2)

    ours, theirs = converse(7003)
    ours.shutdown(socket.SHUT_WR)
    take_fin(theirs)
    lab.wait(0.107)
    theirs.sendall(b"one thing more\n")
    ours.recv(100)
    lab.wait(0.1)
    theirs.close()
    ours.recv(100)
    ours.close()
    lab.wait(0.2)

    ours, theirs = converse(7004)
    close_in_turn(lab, theirs, ours)

    ours, theirs = converse(7005)
    ours.close()
    theirs.close()  # microseconds later; the client's FIN needs 10 ms to get there
    lab.wait(0.2)

    ours, theirs = converse(7006)
    ours.setsockopt(*RESET_ON_CLOSE)
    ours.close()
    lab.wait(0.1)
    theirs.close()
    lab.wait(0.2)

    ours, theirs = converse(7007)
    ours.sendall(b"Nobody will read this.\n")
    lab.wait(0.1)
    theirs.close()
    lab.wait(0.1)
    ours.close()


@scenario("tcp-syn-anomalies", "Openings that go another way: refused, lost, repeated, with data, simultaneous",
          expect=[*OPENING, "tcp.handshake.refused", "tcp.handshake.simultaneous", "tcp.analysis.retransmission",
                  "tcp.close.fin"],
          shows=["tcp.srcport == 7001 && tcp.flags.reset == 1", ("tcp.dstport == 7002 && tcp.flags.syn == 1", 2),
                 ("tcp.dstport == 7003 && tcp.flags.syn == 1", 4),
                 ("tcp.srcport == 7004 && tcp.flags.syn == 1", 2), "tcp.options.tfo.request",
                 "tcp.options.tfo.cookie && tcp.flags.syn == 1 && tcp.len > 0",
                 "tcp.srcport == 7007 && tcp.flags.syn == 1 && tcp.flags.ack == 0"])
def tcp_syn_anomalies(lab):
    """client (10.0.0.1) and server (10.0.0.2) with 20 ms each way between them (a relay), captured at the client.
    By the server's port: 7001 nobody listens: RST. 7002 the server loses everything: the client repeats its SYN once
    and gives up. 7003 the server loses three SYNs: the client repeats after 1, 2 and 4 s, the fourth is answered.
    7004 the server loses the client's acknowledgment: it repeats the SYN+ACK after a second. 7005 TCP Fast Open,
    first time: the client asks for a cookie. 7006 Fast Open again: the cookie and data in the SYN. 7007 both ends
    connect to each other: the SYNs cross. (Loss by nftables at the server's input. Since 6.5 Linux repeats the first
    four SYNs each second; tcp_syn_linear_timeouts=0 gives the doubling of RFC 6298.)"""
    client, server, at_client, at_server = two_hosts(lab, delay=0.02)
    client.knows(at_server)
    server.knows(at_client)
    client.sysctl({"net.ipv4.tcp_fastopen": 1})
    server.sysctl({"net.ipv4.tcp_fastopen": 2})
    client.attempt("sysctl", "-q", "net.ipv4.tcp_syn_linear_timeouts=0")  # not there before 6.5
    listeners = {port: server.listen(port) for port in (7002, 7003, 7004)}
    # The cookie belongs to the server's address, not to a port.
    listeners.update({port: server.listen(port, [(socket.IPPROTO_TCP, TCP_FASTOPEN, 5)]) for port in (7005, 7006)})
    lab.record(at_client)

    try:
        client.connect(("10.0.0.2", 7001), port=50001)
    except ConnectionRefusedError:
        lab.wait(0.2)

    server.drop("tcp dport 7002")
    try:
        client.connect(("10.0.0.2", 7002), port=50002, options=[(socket.IPPROTO_TCP, TCP_SYNCNT, 1)])
    except TimeoutError:
        server.drop_no_more()

    server.drop("tcp dport 7003 quota until 181 bytes")  # three SYNs of 60 bytes
    ours = client.connect(("10.0.0.2", 7003), port=50003)
    theirs, _ = listeners[7003].accept()
    server.drop_no_more()
    close_in_turn(lab, ours, theirs)

    server.drop("tcp dport 7004 tcp flags & (syn|ack) == ack quota until 53 bytes")  # one segment of 52 bytes
    ours = client.connect(("10.0.0.2", 7004), port=50004)
    theirs, _ = listeners[7004].accept()
    server.drop_no_more()
    lab.wait(0.1)
    close_in_turn(lab, ours, theirs)

    for port in (7005, 7006):
        ours = client.socket(address="10.0.0.1", port=port + 43000)
        ours.setblocking(True)  # with a time limit Python would not wait for the handshake here
        ours.sendto(b"GET the weather\n", socket.MSG_FASTOPEN, ("10.0.0.2", port))
        theirs, _ = listeners[port].accept()
        theirs.recv(100)
        theirs.sendall(b"sunny\n")
        ours.recv(100)
        lab.wait(0.1)
        close_in_turn(lab, ours, theirs)

    ours = client.connect(("10.0.0.2", 7007), port=50007, wait=False)
    theirs = server.connect(("10.0.0.1", 50007), port=7007, wait=False)
    lab.wait(0.2)
    ours.sendall(b"Who called whom?\n")
    theirs.recv(100)
    lab.wait(0.1)
    close_in_turn(lab, ours, theirs)
