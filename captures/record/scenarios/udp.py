"""UDP: datagrams, and nothing else: no opening, no order, no repetition."""

import socket
import struct

from . import scenario

SO_NO_CHECK = 11


@scenario("udp-basic", "UDP: question and answer, a closed port, loss and disorder, no checksum, broadcast",
          expect=["udp.datagram", "icmp.unreachable"])
def udp_basic(lab):
    """client (10.0.1.2), router (10.0.1.1), server (10.0.2.2), captured at the server. (1) Question and answer, twice:
    port 40001 of the client, port 7001 of the server. (2) A datagram to a port that nobody has: ICMP says so. (3) A
    telephone call: twelve RTP packets of 20 ms each, numbered by the application; the sender swaps numbers 6 and 7,
    the router loses numbers 3 and 9 (nftables), nothing repeats or sorts them. (4) A datagram without a checksum
    (SO_NO_CHECK). (5) An empty datagram. (6) A broadcast on the server's link."""
    client, router, server = lab.host("client"), lab.router("router"), lab.host("server")
    lab.link(client, "10.0.1.2/24", router, "10.0.1.1/24")
    at_router, at_server = lab.link(router, "10.0.2.1/24", server, "10.0.2.2/24")
    client.route("default", "via", "10.0.1.1")
    server.route("default", "via", "10.0.2.1")
    router.knows(at_server)
    server.knows(at_router)
    lab.record(at_server)

    asking, answering = client.udp(40001), server.udp(7001)
    for question, answer in ((b"ping", b"pong"), (b"What does UDP promise?", b"Nothing.")):
        asking.sendto(question, ("10.0.2.2", 7001))
        _, caller = answering.recvfrom(1500)
        answering.sendto(answer, caller)
        asking.recvfrom(1500)
        lab.wait(0.1)

    asking.sendto(b"Is anyone there?", ("10.0.2.2", 9999))
    lab.wait(0.1)

    # Numbers 3 and 9, by the RTP sequence number in bytes 2 and 3 of the datagram's data.
    router.drop("udp dport 5004 @th,80,16 { 3, 9 }", hook="forward")
    calling, hearing = client.udp(5004), server.udp(5004)
    for number in (1, 2, 3, 4, 5, 7, 6, 8, 9, 10, 11, 12):
        calling.sendto(rtp(number), ("10.0.2.2", 5004))
        lab.wait(0.02)
    router.drop_no_more()
    lab.wait(0.1)

    unchecked = client.udp(40002, [(socket.SOL_SOCKET, SO_NO_CHECK, 1)])
    unchecked.sendto(b"Believe me.", ("10.0.2.2", 7001))
    lab.wait(0.1)
    asking.sendto(b"", ("10.0.2.2", 7001))
    lab.wait(0.1)

    everyone = server.udp(40003, [(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)])
    everyone.sendto(b"Hello, everyone on this link!", ("10.0.2.255", 7001))
    lab.wait(0.1)
    hearing.close()


def rtp(number):
    """An RTP packet (RFC 3550): version 2, payload type 0 (G.711), 20 ms further, with 20 bytes of silence."""
    return struct.pack("!BBHII", 0x80, 0, number, number * 160, 0x00C0FFEE) + b"\xff" * 20
