"""UDP: datagrams, and nothing else: no opening, no order, no repetition."""

import socket
import struct

from . import scenario

SO_NO_CHECK = 11


@scenario("udp-basic", "UDP: question and answer, a closed port, loss and disorder, no checksum, broadcast",
          expect=["udp.datagram", "icmp.unreachable"],
          shows=["udp.srcport == 40001 && udp.dstport == 7001", "udp.srcport == 7001 && udp.dstport == 40001",
                 "icmp.type == 3 && icmp.code == 3", "udp.checksum == 0", "udp.length == 8",
                 "ip.dst == 10.0.2.255 || ip.dst == 255.255.255.255"])
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


# avahi-daemon, the mDNS responder, without the system's message bus and with nothing to say but its name.
AVAHI = """\
[server]
host-name=printer
use-ipv6=no
enable-dbus=no
allow-interfaces=eth0
[publish]
publish-hinfo=no
publish-workstation=no
[wide-area]
enable-wide-area=no
"""
GROUP, MDNS = "239.1.2.3", "224.0.0.251"


@scenario("udp-multicast", "One datagram for many: broadcast, multicast, who joins and leaves a group, mDNS",
          needs=["avahi-daemon"],
          expect=["udp.datagram", "dns.query", "dns.response"],
          shows=[("udp && ip.dst == 255.255.255.255", 3),
                 ("igmp.type == 0x22 && igmp.maddr == 239.1.2.3 && igmp.record_type == 4", 6),
                 ("igmp.type == 0x22 && igmp.maddr == 239.1.2.3 && igmp.record_type == 3", 3),
                 ("udp && eth.dst == 01:00:5e:01:02:03 && frame.interface_name == alice-eth0", 3),
                 ("udp && ip.dst == 239.1.2.3 && frame.interface_name == carol-eth0", 2),
                 ("mdns && dns.flags.response == 0 && dns.qry.name == printer.local", 3),
                 ("mdns && dns.flags.response == 1 && dns.a == 10.0.0.5 && dns.resp.ttl > 0", 3),
                 ("mdns && dns.resp.ttl == 0", 3),
                 ("igmp.type == 0x11 && ip.src == 0.0.0.0 && igmp.maddr == 0.0.0.0", 3),
                 ("igmp.type == 0x16 && ip.dst == 239.1.2.3 && frame.interface_name == alice-eth0", 1),
                 ("igmp.type == 0x17 && frame.interface_name == alice-eth0", 1),
                 ("igmp.type == 0x11 && igmp.maddr == 239.1.2.3", 1), ("icmp", 0)])
def udp_multicast(lab):
    """sender (10.0.0.1), alice (10.0.0.2), bob (10.0.0.3), carol (10.0.0.4) and printer (10.0.0.5) on one Linux
    bridge; captured at alice, bob and carol, so what reaches all three is seen three times. (1) The sender
    broadcasts: all get it; alice and bob have a program at port 7001, and nobody tells the sender that carol has
    none. (2) Alice and bob join the group 239.1.2.3: an IGMP report each. (3) One datagram to the group: the
    bridge, which does not look at IGMP yet, passes it to all, and carol's stack drops it. (4) Multicast DNS: alice
    joins 224.0.0.251 and asks for printer.local (the recording program sends the query, since dig takes no answer
    from another address than it asked); avahi-daemon at the printer answers to the group. It is stopped, takes its
    records back (TTL 0) and leaves the group; alice leaves, too. (5) Bob leaves 239.1.2.3. Another datagram to the
    group reaches him all the same. (6) The bridge begins to look at IGMP, and asks (from 0.0.0.0, as it has no
    address) who wants what: alice reports. The next datagram to the group goes to alice's port only. (7) Alice
    leaves, and the bridge asks at her port whether anyone else there is in the group."""
    sender, alice, bob, carol, printer = (lab.host(name) for name in ("sender", "alice", "bob", "carol", "printer"))
    hosts = (sender, alice, bob, carol, printer)
    for host in hosts:
        host.sysctl({"net.ipv4.igmp_qrv": 1})  # say it once; else a report is repeated after a random time
    _, at_alice, at_bob, at_carol, _ = lab.switch(
        *[(host, f"10.0.0.{number}/24") for number, host in enumerate(hosts, 1)])
    config = lab.folder / "avahi.conf"
    config.write_text(AVAHI)
    responder = printer.start("sh", "-c", "mount -t tmpfs none /run && exec avahi-daemon --no-drop-root --no-chroot"
                              ' --no-rlimits -f "$0"', config)  # /run, because its process number goes there
    lab.wait(6)  # it makes sure that it alone has its name, and announces it
    lab.record(at_alice, at_bob, at_carol)

    speaking = sender.udp(40001, [(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)])
    hearing = [host.socket(socket.SOCK_DGRAM, port=7001) for host in (alice, bob)]

    def say(words, address):
        speaking.sendto(words, (address, 7001))
        lab.wait(0.2)

    say(b"To all on this link", "255.255.255.255")
    for end, port in zip(hearing, (at_alice, at_bob)):
        join(end, port, GROUP)
        lab.wait(0.2)
    say(b"To the group", GROUP)

    asking = alice.socket(socket.SOCK_DGRAM, port=5353,
                          options=[(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(at_alice.ip)),
                                   (socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255),
                                   (socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)])
    join(asking, at_alice, MDNS)
    lab.wait(0.2)
    question = struct.pack("!6H", 0, 0, 1, 0, 0, 0) + b"\7printer\5local\0" + struct.pack("!2H", 1, 1)
    asking.sendto(question, (MDNS, 5353))
    asking.recvfrom(1500)
    lab.wait(0.5)
    lab.stop(responder)
    lab.wait(0.2)
    asking.close()
    lab.wait(0.2)

    hearing[1].close()
    lab.wait(0.2)
    say(b"To the group, without bob", GROUP)

    switch = at_alice.peer.host
    switch.sysctl({"net.ipv4.igmp_link_local_mcast_reports": 0})  # it need not answer its own question
    for settings in (("mcast_query_response_interval", 100, "mcast_startup_query_count", 1), ("mcast_snooping", 1),
                     ("mcast_querier", 1)):
        switch.run("ip", "link", "set", "br0", "type", "bridge", *settings)
    lab.wait(1.5)
    say(b"To the group, past the others", GROUP)
    hearing[0].close()
    lab.wait(0.5)


def join(end, port, group):
    """Make a socket a member of a multicast group, on the port's interface."""
    membership = socket.inet_aton(group) + socket.inet_aton(port.ip)
    end.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
