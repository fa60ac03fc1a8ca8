"""The link layer: what a switch does with a frame, frames of many kinds, and networks inside networks."""

import os
import socket
import struct

import frames
from lab import Port
from userspace import Tuns

from . import scenario
from .tcp import OPENING, close_in_turn

GRE, IP_IN_IP = 47, 4
GRE_HEADER = b"\x00\x00\x08\x00"  # RFC 2784: no checksum, version 0, and the EtherType of what follows

# The two switches with VLANs. Port 1 belongs to VLAN 10, port 2 to VLAN 20, both without tags; port 3 is the trunk,
# where frames of both VLANs pass with their tag.
VLANS = """\
vlan/create 10
vlan/create 20
port/setvlan 1 10
port/setvlan 2 20
vlan/addport 10 3
vlan/addport 20 3
"""


@scenario("bridge-three-ports", "A switch at three ports at once; two VLANs, and the trunk between two switches",
          needs=["ping", "vde_switch"],
          expect=["arp.request", "arp.reply", "arp.unanswered", "icmp.echo-request", "icmp.echo-reply",
                  "udp.datagram"],
          shows=[("icmp.type == 8 && ip.dst == 10.0.0.2 && frame.interface_name == switch-port0", 2),
                 ("icmp.type == 8 && ip.dst == 10.0.0.2 && frame.interface_name == switch-port1", 2),
                 ("icmp.type == 8 && ip.dst == 10.0.0.2 && frame.interface_name == switch-port2", 1),
                 ("icmp.type == 0 && ip.src == 10.0.0.2 && frame.interface_name == switch-port2", 0),
                 ("arp.opcode == 1 && arp.dst.proto_ipv4 == 10.0.0.4 && eth.dst == ff:ff:ff:ff:ff:ff", 3),
                 ("arp.opcode == 2 && arp.src.proto_ipv4 == 10.0.0.4", 1),
                 ("udp && ip.addr == 10.0.0.1 && frame.interface_name == switch-port2", 1),
                 ("udp && ip.addr == 10.0.0.3 && frame.interface_name == switch-port2", 6),
                 ("udp && ip.addr == 10.0.0.3 && frame.interface_name != switch-port2", 0),
                 ("frame.interface_name == trunk-eth0 && !vlan", 0), ("frame.interface_name != trunk-eth0 && vlan", 0),
                 ("vlan.id == 10 && icmp", 2), ("vlan.id == 20 && icmp", 2), ("vlan.id == 10 && arp.opcode == 1", 2),
                 ("frame.interface_name == blue2-eth0 && arp.dst.proto_ipv4 == 10.0.9.12", 0),
                 ("frame.interface_name == red2-eth0 && arp.dst.proto_ipv4 == 10.0.9.22", 1),
                 ("arp.src.proto_ipv4 == 10.0.9.11 && frame.interface_name == blue2-eth0", 0)])
def bridge_three_ports(lab):
    """Four hosts on a Linux bridge, alice (10.0.0.1), bob (.2), carol (.3) and dave (.4); captured at the ports where
    the first three are plugged in (port0, port1, port2). Alice and bob know each other's hardware address from the
    beginning, and so do carol and dave. (1) Alice pings bob. The bridge has not yet heard of bob: the request leaves
    at every port, also at carol's; the reply goes to alice's port only. (2) The same again: now carol's port sees
    nothing of it. (3) Alice looks for dave by ARP: the broadcast leaves at every port, the answer at one. (4) Alice
    sends to bob and carol to dave, three datagrams each, at the same time, and they answer: carol's port is busy with
    its own. (5) The bridge's table is emptied: alice's next datagram to bob is at every port once more. Then two
    switches with VLANs (vde_switch, programs, since this kernel has no VLANs), joined by a trunk; at each a red host
    in VLAN 10 (red1 10.0.9.11, red2 10.0.9.12) and a blue one in VLAN 20 (blue1 10.0.9.21, blue2 10.0.9.22); captured
    on the trunk, at red2 and at blue2. (6) red1 pings red2: on the trunk all has tag 10, at red2 no tag, at blue2 is
    nothing. (7) blue1 pings blue2: tag 20. (8) red1 looks for 10.0.9.22, which only blue2 has: the broadcast gets to
    red2, not to blue2, and nobody answers."""
    alice, bob, carol, dave = (lab.host(name) for name in ("alice", "bob", "carol", "dave"))
    at_alice, at_bob, at_carol, at_dave = lab.switch(
        (alice, "10.0.0.1/24"), (bob, "10.0.0.2/24"), (carol, "10.0.0.3/24"), (dave, "10.0.0.4/24"))
    alice.knows(at_bob)
    bob.knows(at_alice)
    carol.knows(at_dave)
    dave.knows(at_carol)
    red1, blue1, at_red2, at_blue2, trunk = vlans(lab)
    lab.record(at_alice.peer, at_bob.peer, at_carol.peer, trunk, at_red2, at_blue2)

    for _ in range(2):
        alice.run("ping", "-c", 1, "10.0.0.2")
        lab.wait(0.1)
    alice.run("ping", "-c", 1, "10.0.0.4")
    lab.wait(0.1)

    pairs = [(one.udp(40001), other.udp(7001)) for one, other in ((alice, bob), (carol, dave))]
    for number in range(1, 4):
        for ours, theirs in pairs:
            ours.sendto(b"question %d" % number, theirs.getsockname())
        for ours, theirs in pairs:
            theirs.sendto(b"answer %d" % number, ours.getsockname())
        lab.wait(0.1)

    at_alice.peer.host.run("ip", "link", "set", "br0", "type", "bridge", "fdb_flush")
    ours, theirs = pairs[0]
    ours.sendto(b"question 4", theirs.getsockname())
    lab.wait(0.1)

    red1.run("ping", "-c", 1, "10.0.9.12")
    lab.wait(0.1)
    blue1.run("ping", "-c", 1, "10.0.9.22")
    lab.wait(0.1)
    red1.attempt("arping", "-c", 1, "-i", "eth0", "10.0.9.22")


def vlans(lab):
    """Two switches with VLANs, joined by a trunk; at each a red host in VLAN 10 and a blue one in VLAN 20. Returns
    the two hosts at the first switch, the ports of those at the second, and a port on the trunk."""
    red1, blue1, red2, blue2 = (lab.host(name) for name in ("red1", "blue1", "red2", "blue2"))
    trunk = lab.host("trunk")
    trunk.run("ip", "link", "add", "br0", "type", "bridge", "stp_state", "0", "mcast_snooping", "0")
    trunk.run("ip", "link", "set", "br0", "up")
    for number, (red, blue) in enumerate(((red1, blue1), (red2, blue2)), 1):
        switch = lab.host(f"switch{number}")
        vde_switch(lab, switch, VLANS, "red", "blue", "trunk")
        lab.plug(red, f"10.0.9.1{number}/24", switch, "red")
        lab.plug(blue, f"10.0.9.2{number}/24", switch, "blue")
        end = lab.plug(trunk, None, switch, "trunk")
        trunk.run("ip", "link", "set", end.device, "master", "br0")
    return red1, blue1, red2.ports[0], blue2.ports[0], trunk.ports[0]


def vde_switch(lab, inside, commands, *taps, options=()):
    """The program vde_switch (Virtual Distributed Ethernet) on the host `inside`; `taps` are TAP interfaces that it
    makes, as its ports 1, 2, ...; `commands` set it up."""
    config, console = lab.folder / f"{inside.name}.rc", lab.folder / f"{inside.name}.console"
    config.write_text(commands)
    os.mkfifo(console)  # it ends when nobody can give it commands any more
    return inside.start("sh", "-c", 'exec "$0" "$@" <>' + str(console), "vde_switch", "-s", lab.folder / inside.name,
                        "-f", config, *options, *[word for tap in taps for word in ("-t", tap)],
                        ready=lambda: all(f"{tap}:" in inside.run("ip", "-o", "link") for tap in taps))


@scenario("link-types", "Frames of many kinds: 802.3 with LLC, a tag, spanning tree, RARP, Wi-Fi, PPP, SLIP, FDDI",
          needs=["ping", "rarpd", "vde_switch"],
          expect=["arp.request", "arp.reply", "arp.unanswered", "icmp.echo-request", "icmp.echo-reply"],
          shows=["stp.version == 0 && stp.type == 0x00", "stp.type == 0x80", "stp.flags.tcack == 1",
                 "stp.version == 2",
                 ("eth.type == 0x0806", 2), ("eth.len && llc.type == 0x0806", 2),
                 ("vlan.id == 10 && vlan.priority == 5", 1),
                 ("eth.type == 0x8035 && arp.opcode == 3", 1), ("eth.type == 0x8035 && arp.opcode == 4", 1),
                 ("wlan.fc.type_subtype == 0x0008", 1), ("wlan.fc.type_subtype == 0x001d", 2),
                 ("wlan.fc.retry == 1 && icmp.type == 8", 1), ("wlan && icmp", 3), "radiotap.dbm_antsignal",
                 ("ppp && lcp", 6), ("ppp && ipcp", 6), ("ipcp && ppp.code == 3", 1), ("ppp && icmp", 2),
                 ("frame.encap_type == 3", 2), ("fddi && arp", 2)])
def link_types(lab):
    """Frames of Ethernet on three cables, and of four other link layers. What this kernel can send and receive is
    real. Wi-Fi, PPP, SLIP and FDDI it does not have: their frames are built octet by octet by the recording program
    (captures/record/frames.py, which names the sections of the standards), and have passed no such link; only the
    pings inside are real, carried from one host to another by that program. (1) bridge1-eth0: the cable between two
    Linux bridges that speak the spanning tree protocol (STP). Both say that they are the root; the one with the lower
    address is. When the other's ports begin to forward, it tells the root that the topology has changed. (2) alice-
    eth0: alice (10.0.0.1) pings bob (10.0.0.2): ARP and IP in Ethernet II. (3) The same ARP question in an 802.3
    frame, with a length where the EtherType was, and LLC and SNAP behind it. Linux does not understand it; the
    answer, too, is sent through a raw socket. (4) The question once more with an 802.1Q tag: VLAN 10, priority 5. Bob
    has no such VLAN and is silent. (5) Alice asks by RARP which IP address belongs to her hardware address; rarpd at
    bob's answers. (6) air: an access point's beacon; a station's ping gets no ACK, is sent again with the retry bit
    set, and gets one; the answer comes and is acknowledged. (7) ppp: LCP agrees on the line, IPCP gives an address to
    the one who asked for 0.0.0.0, a ping, the end. (8) slip: a ping. (9) ring: an ARP question and its answer on
    FDDI. (10) computer2-eth0: what a computer hears of a switch (vde_switch) that speaks the rapid spanning tree
    protocol (RSTP)."""
    bridge1, bridge2, computer = (lab.host(name) for name in ("bridge1", "bridge2", "computer"))
    alice, bob = lab.host("alice"), lab.host("bob")
    between_bridges, _ = lab.link(bridge1, None, bridge2, None)
    lab.link(bridge2, None, computer, None)
    for number, bridge in enumerate((bridge1, bridge2), 1):
        spanning_bridge(bridge, f"02:00:00:00:00:0{number}")
    at_alice, at_bob = lab.link(alice, "10.0.0.1/24", bob, "10.0.0.2/24")
    rarpd(lab, bob, at_alice.mac, at_alice.ip)
    station, wired = lab.host("station"), lab.host("wired")
    lines = {name: Tuns(lab, name, station, f"10.0.{net}.1/24", wired, f"10.0.{net}.2/24")
             for net, name in enumerate(("wifi", "ppp", "slip"), 1)}
    lab.record(between_bridges, at_alice)
    built = "built by the recording program"
    air = lab.built("air", f"802.11 with radiotap, {built}", frames.RADIOTAP)
    ppp = lab.built("ppp", f"a PPP line, {built}", frames.PPP)
    slip = lab.built("slip", f"a SLIP line, {built}", frames.SLIP)
    ring = lab.built("ring", f"an FDDI ring, {built}", frames.FDDI)

    for bridge in (bridge2, bridge1):
        bridge.run("ip", "link", "set", "br0", "up")
        lab.wait(0.5)
    # The kernel lets its hello timer run out on full seconds: not times can be waited for, only frames.
    lab.until(lambda: lab.seen(between_bridges) >= 7, "the bridges are silent", 15)
    for bridge in (bridge1, bridge2):
        bridge.run("ip", "link", "set", "br0", "down")

    alice.run("ping", "-c", 1, "10.0.0.2")
    lab.wait(0.1)
    mac1, mac2 = (frames.mac(port.mac) for port in (at_alice, at_bob))
    snap_question, snap_answer = (frames.snap(frames.ARP, content) for content in arp_pair(
        mac1, at_alice.ip, mac2, at_bob.ip, frames.IEEE_802_HARDWARE))
    put(alice, frames.ieee_802_3(frames.BROADCAST, mac1, snap_question))
    lab.wait(0.1)
    put(bob, frames.ieee_802_3(mac1, mac2, snap_answer))
    lab.wait(0.1)
    question, _ = arp_pair(mac1, at_alice.ip, mac2, at_bob.ip)
    put(alice, frames.ethernet(frames.BROADCAST, mac1, frames.VLAN, frames.vlan_tag(10, 5, frames.ARP, question)))
    lab.wait(0.1)
    put(alice, frames.ethernet(frames.BROADCAST, mac1, frames.RARP, frames.arp(3, mac1, "0.0.0.0", mac1, "0.0.0.0")))
    lab.wait(0.2)

    wifi_ping(lab, air, lines["wifi"])
    ppp_call(lab, ppp, lines["ppp"])

    def slip_line(packet, outward):
        slip(frames.slip(packet, sent=outward))
        return packet

    lines["slip"].ping(slip_line)
    lab.wait(0.1)
    mac1, mac2 = (frames.mac(f"02:00:0a:00:04:0{number}") for number in (1, 2))
    question, answer = (frames.snap(frames.ARP, content) for content in arp_pair(mac1, "10.0.4.1", mac2, "10.0.4.2"))
    ring(frames.fddi(frames.BROADCAST, mac1, question))
    lab.wait(0.01)
    ring(frames.fddi(mac1, mac2, answer))

    rapid, computer2 = lab.host("rapid"), lab.host("computer2")
    vde_switch(lab, rapid, "", "cable", options=("-F", "--macaddr", "02:00:00:00:00:03"))
    at_computer2 = lab.plug(computer2, None, rapid, "cable")
    lab.record(at_computer2)
    lab.until(lambda: lab.seen(at_computer2), "the rapid switch is silent")


def spanning_bridge(host, address):
    """A Linux bridge, still down, between the host's interfaces, that talks with its neighbours by the spanning tree
    protocol. It listens and learns for 2 s each (instead of 15) before it forwards."""
    host.run("ip", "link", "add", "br0", "address", address, "type", "bridge", "stp_state", 1, "forward_delay", 200)
    host.run("ip", "link", "set", "eth0", "address", address)
    for port in host.ports:
        host.run("ip", "link", "set", port.device, "master", "br0")


def rarpd(lab, host, hardware, address):
    """A RARP server that knows one pair. It looks in /etc/ethers, which this machine need not have."""
    etc = lab.folder / "etc"
    etc.mkdir()
    (etc / "ethers").write_text(f"{hardware} {address}\n")
    (etc / "hosts").write_text(f"{address} alice\n")
    host.start("sh", "-c", 'mount --bind "$0" /etc && exec rarpd -e -d eth0', etc)


def arp_pair(asker, asker_ip, owner, owner_ip, hardware=frames.ETHERNET_HARDWARE):
    """Question and answer of ARP."""
    return (frames.arp(1, asker, asker_ip, bytes(6), owner_ip, hardware),
            frames.arp(2, owner, owner_ip, asker, asker_ip, hardware))


def put(host, frame):
    """Send a frame as it is."""
    with host.within(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW)) as raw:
        raw.bind(("eth0", 0))
        raw.send(frame)


def wifi_ping(lab, air, line):
    """A beacon; then a ping from a station to a host behind the access point. The first request is lost."""
    point, station, host = (frames.mac(f"02:00:0a:00:01:{number}") for number in ("fe", "01", "02"))
    air(frames.wifi(0x80, [frames.BROADCAST, point, point], number=100, body=frames.beacon("pcaplain"), signal=-48))
    lab.wait(0.05)

    def carry(packet, outward):
        addresses = [point, station, host] if outward else [station, point, host]
        data = {"duration": 258, "number": 7 if outward else 101, "rate": 22, "body": frames.snap(frames.IPV4, packet)}
        signal = -55 if outward else -48
        air(frames.wifi(0x08, addresses, flags=0x01 if outward else 0x02, signal=signal, **data))
        if outward:
            lab.wait(0.001)
            air(frames.wifi(0x08, addresses, flags=0x09, signal=signal, **data))
        air(frames.wifi(0xD4, [station if outward else point], rate=4, signal=-48 if outward else -55))
        return packet

    line.ping(carry)
    lab.wait(0.1)


def ppp_call(lab, see, line):
    """A dialled call: the link is agreed on (LCP), then the addresses (IPCP), then there is IP; then the link ends."""
    lcp, ipcp, ip = 0xC021, 0x8021, 0x0021

    def agree(protocol, *packets):
        for packet in packets:
            see(frames.ppp(protocol, frames.control(*packet)))
            lab.wait(0.02)

    def address(last):
        return struct.pack("!BB4s", 3, 6, socket.inet_aton(last))

    def carry(packet, _):
        see(frames.ppp(ip, packet))
        return packet

    ours, theirs = (struct.pack("!BBHBBI", 1, 4, 1500, 5, 6, magic) for magic in (0x11111111, 0x22222222))
    agree(lcp, (1, 1, ours), (2, 1, ours), (1, 1, theirs), (2, 1, theirs))
    agree(ipcp, (1, 1, address("0.0.0.0")), (3, 1, address("10.0.2.1")), (1, 2, address("10.0.2.1")),
          (2, 2, address("10.0.2.1")), (1, 1, address("10.0.2.2")), (2, 1, address("10.0.2.2")))
    line.ping(carry)
    lab.wait(0.05)
    agree(lcp, (5, 2), (6, 2))


@scenario("tunnel", "Packets inside packets: VXLAN, GRE and IP in IP, seen inside and outside of the tunnel",
          needs=["ping"],
          expect=["arp.request", "arp.reply", "icmp.echo-request", "icmp.echo-reply", *OPENING, "tcp.close.fin",
                  "tcp.close.ack", "tcp.close.time-wait"],
          shows=[("vxlan.vni == 42 && arp.opcode == 1", 1), ("vxlan.vni == 42 && arp.opcode == 2", 1),
                 ("vxlan && icmp.type == 8", 1), ("vxlan && icmp.type == 0", 1), ("!vxlan && arp", 2),
                 ("vxlan && tcp.flags.syn == 1", 2), ("vxlan && tcp.flags.fin == 1", 2),
                 'vxlan && tcp contains "The same"',
                 "vxlan && eth.src == 02:00:0a:00:01:02 && eth.src == 02:00:c0:a8:07:01",
                 ("ip.proto == 47 && gre.proto == 0x0800 && icmp", 2), ("ip.proto == 4 && icmp", 2)])
def tunnel(lab):
    """Two hosts, left (10.0.1.2) and right (10.0.2.2), with a router between them, captured at left, on the cable
    (eth0) and at the tunnel's mouth (vxlan0). (1) A VXLAN tunnel (the kernel's, network number 42, UDP port 4789)
    makes one Ethernet of them: in it they are 192.168.7.1 and 192.168.7.2. Left pings right: ARP and ping pass
    through the router as the data of UDP datagrams. (2) A TCP connection inside the tunnel, one question and one
    answer. (3) The same ping through a GRE tunnel (192.168.8.1, 192.168.8.2), (4) and with an IP packet directly
    inside an IP packet (192.168.9.1, 192.168.9.2). This kernel has neither: the recording program takes the ping's
    packets from a TUN interface and sends them through raw sockets of IP protocol 47 (with the four octets of RFC
    2784) and 4."""
    left, router, right = lab.host("left"), lab.router("router"), lab.host("right")
    at_left, at_router = lab.link(left, "10.0.1.2/24", router, "10.0.1.1/24")
    at_far_router, at_right = lab.link(router, "10.0.2.1/24", right, "10.0.2.2/24")
    left.route("default", "via", "10.0.1.1")
    right.route("default", "via", "10.0.2.1")
    for host, port in ((left, at_router), (router, at_left), (router, at_right), (right, at_far_router)):
        host.knows(port)
    inside_left = vxlan(left, at_left, at_right, "192.168.7.1/24")
    vxlan(right, at_right, at_left, "192.168.7.2/24")
    listener = right.socket(address="192.168.7.2", port=7000)
    listener.listen()
    tuns = {protocol: Tuns(lab, name, left, f"{net}.1/24", right, f"{net}.2/24")
            for protocol, name, net in ((GRE, "gre", "192.168.8"), (IP_IN_IP, "ipip", "192.168.9"))}
    lab.record(at_left, inside_left)

    left.run("ping", "-c", 1, "192.168.7.2")
    lab.wait(0.1)

    ours = left.socket(address="192.168.7.1", port=50001)
    ours.connect(("192.168.7.2", 7000))
    theirs, _ = listener.accept()
    ours.sendall(b"What is around me?\n")
    theirs.recv(100)
    theirs.sendall(b"The same again, and more.\n")
    ours.recv(100)
    lab.wait(0.1)
    close_in_turn(lab, ours, theirs, after=0.1)

    for protocol, header in ((GRE, GRE_HEADER), (IP_IN_IP, b"")):
        ends = [raw_socket(lab, host, protocol) for host in (left, right)]

        def carry(packet, outward):
            sender, receiver = ends if outward else reversed(ends)
            address = at_right.ip if outward else at_left.ip
            sender.sendto(header + packet, (address, 0))
            return receiver.recv(2000)[20 + len(header):]  # behind the outer IP header

        tuns[protocol].ping(carry)
        lab.wait(0.1)


def vxlan(host, here, there, address):
    """One end of a VXLAN tunnel between two ports; returns the new interface as a port."""
    port = Port(host, "vxlan0", address)
    host.ports.append(port)
    # The source port would be a hash of what is inside, different at each recording.
    host.run("ip", "link", "add", port.device, "address", port.mac, "type", "vxlan", "id", 42, "local", here.ip,
             "remote", there.ip, "dstport", 4789, "srcport", 50000, 50001, "dev", here.device)
    host.run("ethtool", "-K", port.device, "tx", "off")  # checksums are filled in before the tunnel, not behind it
    host.run("ip", "addr", "add", address, "dev", port.device)
    host.run("ip", "link", "set", port.device, "up")
    return port


def raw_socket(lab, host, protocol):
    made = host.within(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, protocol))
    made.settimeout(5)
    lab.sockets.append(made)
    return made
