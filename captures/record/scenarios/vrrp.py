"""VRRP: two servers share an address, and what a client notices when it moves."""

import socket

from lab import Port

from . import scenario
from .tcp import OPENING, RESET_ON_CLOSE, take_fin

SERVICE = ("10.0.0.100", 7000)
KEEPALIVED = """
global_defs {{
    router_id {name}
}}
vrrp_instance shared {{
    state BACKUP
    interface eth0
    virtual_router_id 51
    priority {priority}
    advert_int 1
    garp_master_repeat 2
    garp_master_delay 0
    virtual_ipaddress {{
        10.0.0.100/24
    }}
}}
"""


def keepalived(lab, host, priority):
    """keepalived with configuration and process files of its own. Returns the process."""
    stem = lab.folder / f"keepalived-{host.name}"
    config = stem.with_suffix(".conf")
    config.write_text(KEEPALIVED.format(name=host.name, priority=priority))
    return host.start("keepalived", "--dont-fork", "--vrrp", "--no-syslog", "--log-console", "--log-detail",
                      "--use-file", config, "--pid", f"{stem}.pid", "--vrrp_pid", f"{stem}-vrrp.pid")


class Advertisements:
    """Hears the advertisements at a host's first interface: the story is timed by them."""

    def __init__(self, lab, host):
        self.lab = lab
        self.heard = host.within(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800)))
        lab.sockets.append(self.heard)
        self.heard.bind((host.ports[0].device, 0x0800))
        self.heard.settimeout(15)

    def wait(self, node, after):
        """Wait for the next advertisement of `node`, and `after` seconds more."""
        self.heard.setblocking(False)
        try:
            while True:
                self.heard.recv(100)  # what came before now
        except BlockingIOError:
            self.heard.settimeout(15)
        while True:
            frame = self.heard.recv(100)
            if frame[23] == 112 and socket.inet_ntoa(frame[26:30]) == node.ports[0].ip:
                return self.lab.wait(after)


@scenario("vrrp-failover", "VRRP: a backup takes over a shared address; the connections to it do not survive",
          needs=["keepalived", "ping"],
          expect=["arp.request", "arp.reply", "arp.announcement", "icmp.echo-request", "icmp.echo-reply", *OPENING,
                  "tcp.analysis.retransmission", "tcp.close.reset", "tcp.close.fin"],
          shows=["vrrp.type == 1 && vrrp.prio == 110 && ip.src == 10.0.0.11",
                 "vrrp.type == 1 && vrrp.prio == 100 && ip.src == 10.0.0.12",
                 ("vrrp && !(ip.proto == 112 && ip.ttl == 255 && ip.dst == 224.0.0.18)", 0),
                 ("vrrp.prio == 0 && ip.src == 10.0.0.11", 1),
                 ("arp.isgratuitous && arp.src.proto_ipv4 == 10.0.0.100 && eth.src == 02:00:0a:00:00:0c", 4),
                 ("arp.isgratuitous && arp.src.proto_ipv4 == 10.0.0.100 && eth.src == 02:00:0a:00:00:0b", 2),
                 ("arp.opcode == 2 && arp.src.proto_ipv4 == 10.0.0.100", 2),
                 ("tcp.flags.reset == 1 && eth.src == 02:00:0a:00:00:0c && ip.src == 10.0.0.100", 2),
                 ("tcp.flags.syn == 1 && tcp.flags.ack == 1 && eth.src == 02:00:0a:00:00:0b", 2),
                 ("tcp.flags.syn == 1 && tcp.flags.ack == 1 && eth.src == 02:00:0a:00:00:0c", 1),
                 ("tcp.analysis.retransmission && tcp.port == 50001", 5),
                 ("icmp && (ip.addr == 10.0.0.11 || ip.addr == 10.0.0.12)", 0),
                 ("frame.interface_name == gateway-eth1 && !icmp", 0)])
def vrrp_failover(lab):
    """node1 (10.0.0.11, priority 110) and node2 (10.0.0.12, priority 100) run keepalived for the shared address
    10.0.0.100, where each offers a service on TCP port 7000. They, client (10.0.0.1) and gateway (10.0.0.254
    and 10.0.2.254) are on one switch, remote (10.0.2.1) is behind the gateway. Captured on the switch (all that
    passes it) and on the gateway's other link. (1) node1 is master and advertises each second. remote pings the
    shared address, client connects to it and keeps the connection; ARP leads both to node1. (2) node1's cable
    is pulled out. The client sends and repeats, without answer. 3.6 s after the last advertisement node2 takes
    over and announces the address by gratuitous ARP; the client's next repetition reaches node2, which knows no
    such connection: RST (first node2 asks by ARP where the client is). (3) remote's ping and a new connection
    go to node2. (4) The cable is back: node1 hears lower priorities only, and after 3.6 s takes the address
    back; a new connection goes to node1. (5) keepalived on node1 is stopped in an orderly way: it advertises
    priority 0, and node2 takes over in 0.6 s. Again the connection is reset. (6) node2 is stopped too. On
    remote's link there are neither advertisements nor gratuitous ARP. (The nodes are set not to report their
    membership in 224.0.0.18 by IGMP.)"""
    client, gateway, remote = lab.host("client"), lab.router("gateway"), lab.host("remote")
    node1, node2 = lab.host("node1"), lab.host("node2")
    _, at_node1, _, _ = lab.switch((client, "10.0.0.1/24"), (node1, "10.0.0.11/24"),
                                   (node2, "10.0.0.12/24"), (gateway, "10.0.0.254/24"))
    away, at_remote = lab.link(gateway, "10.0.2.254/24", remote, "10.0.2.1/24")
    remote.knows(away)
    gateway.knows(at_remote)
    remote.route("default", "via", "10.0.2.254")
    listeners = {}
    for node in (node1, node2):
        node.route("default", "via", "10.0.0.254")
        node.sysctl({"net.ipv4.igmp_link_local_mcast_reports": 0})
        listeners[node] = node.socket(address="0.0.0.0", port=7000)
        listeners[node].listen()
    first = keepalived(lab, node1, 110)
    lab.until(lambda: "10.0.0.100" in node1.run("ip", "addr"), "node1 did not become master")
    second = keepalived(lab, node2, 100)
    switch, cable = at_node1.peer.host, at_node1.peer.device
    advertisements = Advertisements(lab, client)
    lab.record(Port(switch, "br0"), away)

    def converse(port, node):
        """A connection that `node` accepts and answers: both ends of it."""
        ours = client.connect(SERVICE, port=port)
        theirs, _ = listeners[node].accept()
        ours.sendall(b"Who are you?\n")
        theirs.recv(100)
        theirs.sendall(f"{node.name}\n".encode())
        ours.recv(100)
        return ours, theirs

    def ask_again(ours, theirs):
        """Ask on a connection whose other end has moved away, and be reset. That end would wait for hours: it is
        given up here, and its RST cannot leave."""
        ours.sendall(b"Are you still there?\n")
        try:
            ours.recv(100)
        except ConnectionResetError:
            theirs.setsockopt(*RESET_ON_CLOSE)
            theirs.close()

    advertisements.wait(node1, 0.2)
    remote.run("ping", "-c", 1, SERVICE[0])
    ours, theirs = converse(50001, node1)

    advertisements.wait(node1, 0.3)
    switch.run("ip", "link", "set", cable, "down")
    lab.wait(0.7)
    ask_again(ours, theirs)

    advertisements.wait(node2, 0.2)
    remote.run("ping", "-c", 1, SERVICE[0])
    ours, theirs = converse(50002, node2)
    lab.wait(0.1)
    ours.close()
    take_fin(theirs)
    theirs.close()

    advertisements.wait(node2, 0.8)
    switch.run("ip", "link", "set", cable, "up")
    advertisements.wait(node1, 0.3)
    ours, theirs = converse(50003, node1)

    advertisements.wait(node1, 0.3)
    lab.stop(first)
    advertisements.wait(node2, 0.3)
    ask_again(ours, theirs)
    lab.wait(0.2)
    lab.stop(second)
