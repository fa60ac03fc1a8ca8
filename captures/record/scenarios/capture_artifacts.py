"""What a capture itself gets wrong: order, copies, missing halves, segments that no cable carried, cut frames.

The connections in these captures are ordinary ones. What looks odd comes from where and how they were captured.
"""

import functools
import socket

from lab import Port
from services import dnsmasq, nginx, pages

from . import scenario
from .tcp import OPENING, RESET_ON_CLOSE, close_in_turn, take_fin, two_hosts

CLOSING = ["tcp.close.fin", "tcp.close.time-wait"]
MIRRORED = ["tc", "bridge"]


def mirrored_switch(lab):
    """client 10.0.0.1 and server 10.0.0.2 on one switch, and a monitor without an address that the switch can mirror
    to. Returns (client, server, switch's port of the client, switch's port of the server, monitor)."""
    client, server, monitor = lab.host("client"), lab.host("server"), lab.host("monitor")
    at_client, at_server = lab.switch((client, "10.0.0.1/24"), (server, "10.0.0.2/24"))
    client.knows(at_server)
    server.knows(at_client)
    return client, server, at_client.peer, at_server.peer, monitor


def mirror(port, way, to):
    """Have a switch copy what comes in (`ingress`) or goes out (`egress`) at `port` to its port `to`."""
    port.host.run("tc", "qdisc", "replace", "dev", port.device, "clsact")
    port.host.run("tc", "filter", "add", "dev", port.device, way, "protocol", "all", "u32", "match", "u32", 0, 0,
                  "action", "mirred", "egress", "mirror", "dev", to.device)


def joined(monitor, *ports):
    """Make one interface of several: a bridge that hands everything up, and passes nothing from port to port."""
    monitor.run("ip", "link", "add", "br0", "type", "bridge", "stp_state", "0", "mcast_snooping", "0")
    for port in ports:
        monitor.run("ip", "link", "set", port.device, "master", "br0")
        monitor.run("bridge", "link", "set", "dev", port.device, "isolated", "on")
    monitor.run("ip", "link", "set", "br0", "up")
    return Port(monitor, "br0")


def ask(lab, ours, theirs, question=b"question\n", answer=b"answer\n"):
    """One exchange, and time for the last acknowledgment."""
    ours.sendall(question)
    theirs.recv(10000)
    theirs.sendall(answer)
    ours.recv(10000)
    lab.wait(0.1)


close = functools.partial(close_in_turn, apart=0.05, after=0.15)


def refused(host, address, port, options=()):
    """A connection that nobody waits for."""
    try:
        host.connect(address, port, options)
    except ConnectionRefusedError:
        return
    raise RuntimeError("somebody answered")


@scenario("capture-reordered", "A mirror port that delays one direction: answers captured before their questions",
          needs=MIRRORED,
          expect=[*OPENING, "tcp.handshake.refused", *CLOSING],
          shows=["frame.number == 1 && tcp.flags == 0x12", "frame.number == 2 && tcp.flags == 0x02",
                 ("tcp.flags.reset == 1 && tcp.port == 7002", 1),
                 "frame.number < 7 && tcp.srcport == 7001 && tcp.len > 0", "tcp.flags.fin == 1",
                 ("tcp.analysis.spurious_retransmission", 2)])  # tshark is misled: nothing was sent twice
def capture_reordered(lab):
    """client (10.0.0.1) and server (10.0.0.2) on one switch, which mirrors what comes in at the client's port and
    what goes out there to a monitor, over two cables: the server's frames arrive at once, the client's 5 ms late (a
    relay). The monitor joins both cables into one interface; captured there. Nothing was lost, repeated or reordered
    between the two hosts; only the monitor sees it so. (1) Port 7001: the client opens, asks twice, closes first: the
    SYN+ACK is captured before the SYN, each acknowledgment and answer before the question. (2) Port 7002: nobody
    listens: the RST is captured before the SYN that it refuses. (3) Port 7003: the server speaks first and closes
    first."""
    client, server, client_port, _, monitor = mirrored_switch(lab)
    switch = client_port.host
    slow, slow_end = lab.link(switch, None, monitor, None, delay=0.005)
    fast, fast_end = lab.link(switch, None, monitor, None)
    mirror(client_port, "ingress", slow)
    mirror(client_port, "egress", fast)
    at_monitor = joined(monitor, slow_end, fast_end)
    listeners = {port: server.listen(port) for port in (7001, 7003)}
    lab.record(at_monitor)

    ours = client.connect(("10.0.0.2", 7001), port=50001)
    theirs, _ = listeners[7001].accept()
    lab.wait(0.05)
    ask(lab, ours, theirs)
    ask(lab, ours, theirs, b"second question\n", b"second answer\n")
    close(lab, ours, theirs)

    refused(client, ("10.0.0.2", 7002), port=50002)
    lab.wait(0.2)

    ours = client.connect(("10.0.0.2", 7003), port=50003)
    theirs, _ = listeners[7003].accept()
    lab.wait(0.05)
    theirs.sendall(b"welcome\n")
    ours.recv(100)
    lab.wait(0.1)
    close(lab, theirs, ours)


@scenario("capture-duplicated", "Mirroring two ports of one switch: each frame captured twice",
          needs=["tc", "ping"],
          expect=[*OPENING, *CLOSING, "capture.artifact.copy", "tcp.analysis.retransmission", "udp.datagram",
                  "icmp.echo-request", "icmp.echo-reply"],
          shows=[("tcp.flags == 0x02", 2), ("tcp.flags == 0x12", 2), ("icmp.type == 8", 2), ("icmp.type == 0", 2),
                 ("udp.port == 7002", 4), ('tcp.payload contains "lost once"', 4), "tcp.flags.fin == 1"])
def capture_duplicated(lab):
    """client (10.0.0.1) and server (10.0.0.2) on one switch, which mirrors both of their ports, in and out, to a
    monitor; captured there. So each frame comes twice, microseconds apart, the same to the last bit: once as it
    enters the switch and once as it leaves. (1) A ping. (2) A question and an answer over UDP. (3) A TCP connection
    to port 7001 with one exchange; then one segment of the client is lost in earnest (nftables, at the server's
    input) and sent again after a good 200 ms: four frames with the same data, two IP ids. The client closes."""
    client, server, client_port, server_port, monitor = mirrored_switch(lab)
    to_monitor, at_monitor = lab.link(client_port.host, None, monitor, None)
    for port in (client_port, server_port):
        mirror(port, "ingress", to_monitor)
        mirror(port, "egress", to_monitor)
    client.sysctl({"net.ipv4.tcp_early_retrans": 0})  # no loss probe: the plain retransmission timer
    listener = server.listen(7001)
    asking, answering = client.udp(50002), server.udp(7002)
    lab.record(at_monitor)

    client.run("ping", "-c", 1, "10.0.0.2")
    lab.wait(0.1)
    asking.sendto(b"question\n", ("10.0.0.2", 7002))
    answering.recv(100)
    answering.sendto(b"answer\n", ("10.0.0.1", 50002))
    asking.recv(100)
    lab.wait(0.1)

    ours = client.connect(("10.0.0.2", 7001), port=50001)
    theirs, _ = listener.accept()
    lab.wait(0.05)
    ask(lab, ours, theirs)
    server.drop("tcp dport 7001 limit rate 1/hour burst 1 packets")
    ask(lab, ours, theirs, b"lost once\n")
    server.drop_no_more()
    close(lab, ours, theirs)


@scenario("capture-one-direction", "Half of each conversation: only what goes out, only what comes in",
          expect=["tcp.handshake.syn", "tcp.handshake.syn-ack", "tcp.close.fin", "tcp.close.reset"], whole=False,
          shows=[("tcp.flags == 0x02 && ip.src == 10.0.1.1", 3), ("ip.src == 10.0.1.2", 0), ("ip.src == 10.0.2.1", 0),
                 ("tcp.flags == 0x12 && ip.src == 10.0.2.2", 2), ("tcp.flags.reset == 1 && tcp.srcport == 7002", 1),
                 ("tcp.flags.reset == 1 && tcp.srcport == 7003", 1), "ip.src == 10.0.1.1 && tcp.len > 0",
                 "ip.src == 10.0.2.2 && tcp.len > 0", ("tcp.flags.fin == 1 && ip.src == 10.0.1.1", 1),
                 ("tcp.flags.fin == 1 && ip.src == 10.0.2.2", 1)])
def capture_one_direction(lab):
    """client (10.0.1.1 and 10.0.2.1) and server (10.0.1.2 and 10.0.2.2) on two links, captured at the client: on the
    first link only what the client sends, on the second only what it receives. The same happens on both. (1) Port
    7001: the client opens, asks twice, gets a short and a long answer (4005 octets, three segments), and closes
    first. (2) Port 7002: nobody listens; the server refuses with a RST. (3) Port 7003: one exchange, then the server
    aborts with a RST."""
    client, server = lab.host("client"), lab.host("server")
    points = []
    for net in ("10.0.1", "10.0.2"):
        at_client, at_server = lab.link(client, f"{net}.1/24", server, f"{net}.2/24")
        client.knows(at_server)
        server.knows(at_client)
        points.append(at_client)
    listeners = {port: server.socket(port=port) for port in (7001, 7003)}
    for listener in listeners.values():
        listener.listen()
    lab.record(points[0], direction="out")
    lab.record(points[1], direction="in")

    for net in ("10.0.1", "10.0.2"):
        def connect(port):
            ours = client.socket(address=f"{net}.1", port=port + 43000)
            ours.connect((f"{net}.2", port))
            return ours

        ours = connect(7001)
        theirs, _ = listeners[7001].accept()
        lab.wait(0.05)
        ask(lab, ours, theirs)
        ask(lab, ours, theirs, b"second question\n", b"a long answer. " * 267)
        close(lab, ours, theirs)
        try:
            connect(7002)
        except ConnectionRefusedError:
            lab.wait(0.2)
        ours = connect(7003)
        theirs, _ = listeners[7003].accept()
        lab.wait(0.05)
        ask(lab, ours, theirs)
        theirs.setsockopt(*RESET_ON_CLOSE)
        theirs.close()
        lab.wait(0.1)
        ours.close()
        lab.wait(0.2)


@scenario("capture-offload", "Network cards that cut and glue segments: two at the sender, nine on the cable",
          expect=[*OPENING, "checksum.offloaded", "udp.datagram", *CLOSING],
          shows=[('frame.interface_name == "client-eth0" && tcp.len > 1448', 2),
                 ('frame.interface_name == "cable-eth1" && tcp.len == 1448 && tcp.dstport == 7001', 8),
                 ('frame.interface_name == "cable-eth1" && tcp.len == 416 && tcp.dstport == 7001', 1),
                 ('frame.interface_name == "server-eth0" && tcp.len > 1448', 2), ("udp.dstport == 7002", 3)])
def capture_offload(lab):
    """client (10.0.0.1) and server (10.0.0.2), captured at three points: at the client, on the cable between them
    (cable-eth1, a bridge) and at the server. The client hands its network card segments larger than the MSS and
    leaves the checksums to it (TSO and checksum offload); on the cable there are segments of at most 1448 octets with
    true checksums; the server's card puts them together again (GRO). (1) A datagram to port 7002. (2) Over TCP to
    port 7001 the client writes 12000 octets at once: two segments at the client, nine on the cable, two at the
    server. The server answers; the client closes."""
    client, server, cable = lab.host("client"), lab.host("server"), lab.host("cable")
    at_client, into = lab.link(client, "10.0.0.1/24", cable, None, offload=True)
    out, at_server = lab.link(cable, None, server, "10.0.0.2/24", offload=True)
    for host, port, features in ((cable, out, ("tx", "off", "tso", "off", "gso", "off", "sg", "off")),
                                 (server, at_server, ("gro", "on"))):
        host.run("ethtool", "-K", port.device, *features)
    cable.run("ip", "link", "add", "br0", "type", "bridge", "stp_state", "0", "mcast_snooping", "0")
    for port in (into, out):
        cable.run("ip", "link", "set", port.device, "master", "br0")
    cable.run("ip", "link", "set", "br0", "up")
    client.knows(at_server)
    server.knows(at_client)
    listener = server.listen(7001)
    asking, _ = client.udp(50002), server.udp(7002)
    lab.record(at_client, out, at_server)

    asking.sendto(b"one datagram\n", ("10.0.0.2", 7002))
    lab.wait(0.1)
    ours = client.connect(("10.0.0.2", 7001), port=50001)
    theirs, _ = listener.accept()
    lab.wait(0.05)
    ours.sendall(b"cut me up. . . " * 800)
    lab.wait(0.1)
    if len(theirs.recv(20000)) != 12000:
        raise RuntimeError("not everything has come")
    theirs.sendall(b"12000 octets received\n")
    ours.recv(100)
    lab.wait(0.1)
    close(lab, ours, theirs)


@scenario("capture-short-snaplen", "68 octets of each frame: headers without what they announce",
          needs=["nginx", "curl", "dnsmasq", "dig", "ss"],
          expect=[*OPENING, "truncated", *CLOSING],
          shows=["frame.cap_len < frame.len", ("frame.cap_len > 68", 0), ("tcp.flags.syn == 1 && frame.len == 74", 2),
                 ("udp.dstport == 53 && frame.len > 68", 1), "tcp.srcport == 80 && frame.len > 1000",
                 "tcp.flags.fin == 1 && frame.cap_len == 66"])
def capture_short_snaplen(lab):
    """client (10.0.0.1) and server (10.0.0.2, dnsmasq and nginx) on one link, captured at the client with a snap
    length of 68 octets, once tcpdump's default: of each frame the first 68 octets are kept, and how long it was. (1)
    dig asks for www.example.test: question and answer are cut in the name. (2) curl fetches two pages of 100 and 5000
    octets over one connection: in the SYN and the SYN+ACK the TCP options are cut (window scale is gone), of the data
    there are 2 octets a segment."""
    client, server, at_client, at_server = two_hosts(lab)
    client.knows(at_server)
    server.knows(at_client)
    dnsmasq(lab, server, """no-resolv no-hosts bind-interfaces listen-address=10.0.0.2 local=/example.test/
                            host-record=www.example.test,10.0.0.2,300""", "10.0.0.2")
    pages(lab, server, short_txt="0123456789" * 10, long_txt="0123456789" * 500)
    nginx(lab, server, "server { listen 10.0.0.2:80; root {folder}; }", "10.0.0.2:80")
    lab.record(at_client, snaplen=68)

    client.run("dig", "@10.0.0.2", "+timeout=1", "+tries=1", "-b", "10.0.0.1#50001", "www.example.test", "A")
    lab.wait(0.1)
    client.run("curl", "-s", "-S", "--noproxy", "*", "--local-port", 50002,
               "--resolve", "www.example.test:80:10.0.0.2", "http://www.example.test/short.txt",
               "http://www.example.test/long.txt")
    lab.wait(0.2)


@scenario("capture-mid-connection", "Coming late: connections that had begun before the capture did", whole=False,
          expect=["tcp.close.fin", "tcp.close.reset", "tcp.analysis.keep_alive", "tcp.analysis.keep_alive_ack"],
          shows=[("tcp.flags.syn == 1", 0), ("tcp.port == 7002 && tcp.flags.fin == 1", 2),
                 ("tcp.port == 7003 && tcp.flags.fin == 1", 1), ("tcp.port == 7003", 3),
                 ("tcp.port == 7005", 1), ("tcp.port == 7005 && tcp.flags.reset == 1", 1),
                 ("tcp.port == 7004 && tcp.srcport == 50004 && tcp.flags.fin == 0 && tcp.len == 0", 3)])
def capture_mid_connection(lab):
    """client (10.0.0.1) and server (10.0.0.2) with 450 ms each way between them (a relay), captured at the client.
    Five connections were opened and used before the capture began. By the server's port: 7001 the client had just
    sent a question: the capture begins with its acknowledgment; an answer, another exchange, the client closes. 7002
    nothing is said any more: the client closes, the server 50 ms later. 7003 the client's FIN had been sent, too: its
    acknowledgment, the server's FIN and the last acknowledgment are all there is. 7004 is idle: the client sends two
    keep-alives 3 s apart (TCP_KEEPIDLE 1 s); then the client closes. 7005 the client aborts: one RST."""
    client, server, at_client, at_server = two_hosts(lab, delay=0.45)
    client.knows(at_server)
    server.knows(at_client)
    listeners = {port: server.listen(port) for port in range(7001, 7006)}
    lab.watch()

    ends = {}
    for port in listeners:
        ends[port] = client.connect(("10.0.0.2", port), port + 43000, wait=False)
    lab.wait(1.5)
    ends = {port: (ours, listeners[port].accept()[0]) for port, ours in ends.items()}
    for ours, theirs in ends.values():
        ours.sendall(b"before the capture\n")
        lab.wait(0.02)
    for ours, theirs in ends.values():
        theirs.recv(100)
        theirs.sendall(b"before the capture, too\n")
    for ours, theirs in ends.values():
        ours.recv(100)
    lab.wait(1)

    ours, theirs = ends[7001]
    ours.sendall(b"on its way as the capture begins\n")
    lab.wait(0.03)
    ends[7003][0].close()
    lab.record(at_client)
    theirs.recv(100)
    lab.wait(0.1)
    theirs.sendall(b"the answer\n")
    take_fin(ends[7003][1])
    lab.wait(0.1)
    ends[7003][1].close()
    ours.recv(100)
    ask(lab, ours, theirs)
    lab.wait(0.5)
    close(lab, ours, theirs)
    lab.wait(1)

    close(lab, *ends[7002])
    lab.wait(1)

    ours, theirs = ends[7004]
    for option, value in ((socket.TCP_KEEPIDLE, 1), (socket.TCP_KEEPINTVL, 3)):
        ours.setsockopt(socket.IPPROTO_TCP, option, value)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    lab.wait(5.5)
    close(lab, ours, theirs)
    lab.wait(1)

    ours, theirs = ends[7005]
    ours.setsockopt(*RESET_ON_CLOSE)
    ours.close()
    lab.wait(0.6)
    theirs.close()
