"""IP and ICMP: routing, fragments, and the errors that routers and hosts send back."""

import socket

from . import scenario

IP_MTU_DISCOVER, DONT_FRAGMENT_SET, FRAGMENT = 10, 2, 0  # socket option and two of its values (linux/in.h)


@scenario("routed-two-links", "One router between two links: the same packets on both sides",
          needs=["ping"],
          expect=["arp.request", "arp.reply", "icmp.echo-request", "icmp.echo-reply", "tcp.handshake.syn",
                  "tcp.handshake.syn-ack", "tcp.handshake.ack", "tcp.close.fin", "udp.datagram"],
          shows=["ip.ttl == 64 && icmp.type == 8", "ip.ttl == 63 && icmp.type == 8", "tcp.flags.fin == 1",
                 "udp && eth.dst == ff:ff:ff:ff:ff:ff"])
def routed_two_links(lab):
    """client (10.0.1.2), router (10.0.1.1 and 10.0.2.1), server (10.0.2.2), captured on both interfaces of the
    router. (1) ping: the client asks ARP for the router only; on the other link the same packet has new hardware
    addresses and a TTL one smaller. (2) One TCP connection with a request and an answer. (3) A UDP broadcast of the
    client: it stays on its link. (4) ARP for a neighbour that does not exist: that broadcast stays too."""
    client, router, server = lab.host("client"), lab.router("router"), lab.host("server")
    _, left = lab.link(client, "10.0.1.2/24", router, "10.0.1.1/24")
    right, _ = lab.link(router, "10.0.2.1/24", server, "10.0.2.2/24")
    client.route("default", "via", "10.0.1.1")
    server.route("default", "via", "10.0.2.1")
    lab.record(left, right)

    client.run("ping", "-c", 1, "10.0.2.2")
    lab.wait(0.2)
    listener = server.listen(7000)
    asking = client.connect(("10.0.2.2", 7000), port=50001)
    answering, _ = listener.accept()
    asking.sendall(b"Where are you?\n")
    answering.recv(100)
    answering.sendall(b"One router away.\n")
    asking.recv(100)
    asking.close()
    answering.recv(100)
    lab.wait(0.1)
    answering.close()
    lab.wait(0.2)
    everyone = client.udp(40000, [(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)])
    everyone.sendto(b"Anybody on this link?\n", ("10.0.1.255", 9999))
    lab.wait(0.2)
    client.attempt("ping", "-c", 1, "-W", 4, "10.0.1.77")


@scenario("icmp-basic", "ICMP: echo, and the errors of routers and hosts",
          needs=["ping", "traceroute"],
          expect=["icmp.echo-request", "icmp.echo-reply", "icmp.time-exceeded", "icmp.unreachable",
                  "icmp.fragmentation-needed", "udp.datagram"],
          shows=[("icmp.type == 0", 3), "icmp.type == 11 && icmp.code == 0", "icmp.type == 3 && icmp.code == 3",
                 "icmp.type == 3 && icmp.code == 1", "icmp.type == 3 && icmp.code == 0",
                 "icmp.type == 3 && icmp.code == 4"])
def icmp_basic(lab):
    """client (10.0.1.2), router (10.0.1.1), server (10.0.2.2, on a link with an MTU of 1400), captured at the client.
    (1) ping, three times. (2) traceroute: UDP with TTL 1 dies at the router (time exceeded), with TTL 2 it reaches
    the server, where no one listens (port unreachable). (3) A datagram to a closed port, from a program. (4) ping
    of 10.0.2.77: the router asks for it by ARP in vain (host unreachable). (5) ping of a network that the router has
    no route to (network unreachable). (6) A ping of 1500 bytes that must not be fragmented meets the smaller MTU
    (fragmentation needed)."""
    client, router, server = lab.host("client"), lab.router("router"), lab.host("server")
    at_client, at_router = lab.link(client, "10.0.1.2/24", router, "10.0.1.1/24")
    lab.link(router, "10.0.2.1/24", server, "10.0.2.2/24", mtu=1400)
    client.route("default", "via", "10.0.1.1")
    server.route("default", "via", "10.0.2.1")
    client.knows(at_router)
    router.knows(at_client)
    lab.record(at_client)

    client.run("ping", "-c", 3, "-i", 0.3, "10.0.2.2")
    lab.wait(0.3)
    client.run("traceroute", "-n", "-q", 1, "-N", 1, "10.0.2.2")
    lab.wait(0.3)
    asking = client.udp(40001)
    asking.connect(("10.0.2.2", 9999))
    asking.send(b"Is anyone there?\n")
    lab.wait(0.3)
    client.attempt("ping", "-c", 1, "-W", 5, "10.0.2.77")
    lab.wait(0.3)
    client.attempt("ping", "-c", 1, "-W", 1, "203.0.113.9")
    lab.wait(0.3)
    client.attempt("ping", "-c", 1, "-W", 1, "-M", "do", "-s", 1472, "10.0.2.2")


@scenario("ip-fragments", "IP fragments, and the refusal to fragment",
          needs=["ping"],
          expect=["ip.fragment", "ip.reassembled", "icmp.echo-request", "icmp.echo-reply", "udp.datagram",
                  "icmp.fragmentation-needed"],
          shows=["ip.flags.mf == 1 && ip.frag_offset == 0", "ip.frag_offset > 0",
                 "ip.flags.df == 1 && ip.len > 1000", "icmp.type == 3 && icmp.code == 4"])
def ip_fragments(lab):
    """client (10.0.1.2), router (10.0.1.1), server (10.0.2.2; MTU 1500) and narrow (10.0.3.2; its link has an MTU of
    1000), captured at the client. (1) ping with 4000 bytes: three fragments there, three back. (2) A UDP datagram
    of 5000 bytes and its answer of 3000: only the first fragment of each has the ports. (3) 1400 bytes towards narrow
    with "don't fragment" set: the router drops it and says which size would pass. (4) Again, with 900 bytes. (5) The
    same 1400 bytes without "don't fragment": the client, which has learnt the path's MTU, cuts them itself."""
    client, router = lab.host("client"), lab.router("router")
    server, narrow = lab.host("server"), lab.host("narrow")
    at_client, at_router = lab.link(client, "10.0.1.2/24", router, "10.0.1.1/24")
    lab.link(router, "10.0.2.1/24", server, "10.0.2.2/24")
    lab.link(router, "10.0.3.1/24", narrow, "10.0.3.2/24", mtu=1000)
    client.route("default", "via", "10.0.1.1")
    server.route("default", "via", "10.0.2.1")
    narrow.route("default", "via", "10.0.3.1")
    client.knows(at_router)
    router.knows(at_client)
    lab.record(at_client)

    client.run("ping", "-c", 1, "-s", 4000, "10.0.2.2")
    lab.wait(0.2)
    asking, answering = client.udp(40001), server.udp(7001)
    asking.sendto(text(5000), ("10.0.2.2", 7001))
    answering.recvfrom(9000)
    answering.sendto(text(3000), ("10.0.1.2", 40001))
    asking.recvfrom(9000)
    lab.wait(0.2)
    receiving = narrow.udp(7002)
    for size, rule in ((1400, DONT_FRAGMENT_SET), (900, DONT_FRAGMENT_SET), (1400, FRAGMENT)):
        sending = client.udp(40002, [(socket.IPPROTO_IP, IP_MTU_DISCOVER, rule)])
        sending.sendto(text(size), ("10.0.3.2", 7002))
        lab.wait(0.2)
        sending.close()
    receiving.recv(9000)
    receiving.recv(9000)


def text(size):
    """`size` bytes of numbered lines, so that a reader sees where a fragment begins."""
    return b"".join(b"This line begins at byte %4d.\n" % at for at in range(0, size, 31))[:size]
