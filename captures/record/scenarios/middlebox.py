"""Boxes between the ends that do more than forward: address translation, firewalls, the bridge of a container host."""

import socket
import struct

from lab import Port
from services import Authority, dnsmasq, nginx, pages, site

from . import scenario
from .paths import curl
from .tcp import OPENING, close_in_turn


def rules(host, text):
    """Give a host these nftables rules."""
    path = host.lab.folder / f"rules-{host.name}"
    path.write_text(text)
    host.run("nft", "-f", path)


# ---- address translation

MASQUERADE = """
table ip nat {
    chain outward { type nat hook postrouting priority srcnat; oifname "eth1" masquerade; }
    chain inward { type nat hook prerouting priority dstnat; iifname "eth1" tcp dport 8080 dnat to 192.168.1.11:7001; }
}
"""


@scenario("nat-both-sides", "Address translation from inside and outside: the same segments under other addresses",
          needs=["ping"],
          expect=[*OPENING, "tcp.close.fin", "udp.datagram", "icmp.echo-request", "icmp.echo-reply",
                  "icmp.unreachable"],
          shows=[("ip.src == 192.168.1.10 && tcp.srcport == 50001 && tcp.flags.syn == 1", 1),
                 ("ip.src == 192.168.1.11 && tcp.srcport == 50001 && tcp.flags.syn == 1", 1),
                 ("ip.src == 203.0.113.1 && tcp.srcport == 50001 && tcp.flags.syn == 1 && tcp.flags.ack == 0", 1),
                 ("ip.src == 203.0.113.1 && tcp.srcport != 50001 && tcp.srcport != 8080 && tcp.flags.syn == 1", 1),
                 ("ip.src == 203.0.113.1 && udp.srcport == 40001 && udp.dstport == 7000", 1),
                 ("ip.src == 203.0.113.1 && udp.srcport != 40001 && udp.dstport == 7000", 1),
                 ("ip.src == 203.0.113.1 && icmp.type == 8 && icmp.ident == 7", 1),
                 ("ip.src == 203.0.113.1 && icmp.type == 8 && icmp.ident != 7", 1),
                 ("icmp.type == 0 && ip.dst == 192.168.1.10 && icmp.ident == 7", 1),
                 ("icmp.type == 0 && ip.dst == 192.168.1.11 && icmp.ident == 7", 1),
                 ("icmp.type == 3 && ip.src == 203.0.113.80 && ip.dst == 192.168.1.10 && udp.srcport == 40002", 1),
                 ("icmp.type == 3 && ip.src == 203.0.113.1 && udp.dstport == 40009", 1),
                 ("ip.dst == 203.0.113.1 && tcp.dstport == 8080 && tcp.flags.syn == 1", 1),
                 ("ip.dst == 192.168.1.11 && tcp.dstport == 7001 && tcp.flags.syn == 1", 1),
                 ("frame.interface_name == nat-eth1 && ip.addr == 192.168.1.0/24 && !icmp.type == 3", 0)])
def nat_both_sides(lab):
    """alice (192.168.1.10) and bob (192.168.1.11) on one switch have private addresses; nat (192.168.1.1 inside,
    203.0.113.1 outside) puts its own outside address in their place (nftables, masquerade); server
    (203.0.113.80) knows no way to 192.168.1.0/24 and needs none. Captured at both interfaces of nat. (1)
    alice connects from port 50001 to port 7000 and asks; the connection stays open. Outside it has another
    source address; sequence numbers, data and, as it is free, the port are the same. (2) bob does the same at
    the same time, from the same port: nat must choose another one, else the answers could not be told apart.
    Both close. (3) Both send a UDP question from port 40001: again bob's port is changed. (4) Both ping with
    the identifier 7: ICMP has no ports, so nat changes bob's identifier. (5) alice sends a datagram to a port
    that nobody has: the server's ICMP error quotes the translated packet, and nat translates the quotation
    back. (6) The server sends a datagram to port 40009 of 203.0.113.1, which belongs to no one inside: nat
    has no entry for it, takes it for itself, and nobody listens. (7) The other direction needs a fixed entry:
    port 8080 of 203.0.113.1 is bob's port 7001; the server connects to it."""
    alice, bob, nat, server = lab.host("alice"), lab.host("bob"), lab.router("nat"), lab.host("server")
    at_alice, at_bob, inside = lab.switch((alice, "192.168.1.10/24"), (bob, "192.168.1.11/24"),
                                          (nat, "192.168.1.1/24"))
    outside, at_server = lab.link(nat, "203.0.113.1/24", server, "203.0.113.80/24")
    nat.knows(at_alice, at_bob, at_server)
    server.knows(outside)
    for host in (alice, bob):
        host.knows(inside)
        host.route("default", "via", "192.168.1.1")
    rules(nat, MASQUERADE)
    listener, published = server.listen(7000), bob.listen(7001)
    answering = server.udp(7000)
    lab.record(inside, outside)

    def converse(ours, theirs, question, answer):
        ours.sendall(question)
        theirs.recv(100)
        theirs.sendall(answer)
        ours.recv(100)
        lab.wait(0.1)

    pairs = []
    for host, name in ((alice, b"alice"), (bob, b"bob")):
        ours = host.connect(("203.0.113.80", 7000), port=50001)
        theirs, seen = listener.accept()
        pairs.append((ours, theirs))
        converse(ours, theirs, b"This is %s. Who am I to you?\n" % name, b"Someone at %s.\n" % seen[0].encode())
    for ours, theirs in pairs:
        close_in_turn(lab, ours, theirs)

    for host, name in ((alice, b"alice"), (bob, b"bob")):
        asking = host.udp(40001)
        asking.sendto(b"This is %s.\n" % name, ("203.0.113.80", 7000))
        _, caller = answering.recvfrom(100)
        answering.sendto(b"Hello, %s.\n" % name, caller)
        asking.recv(100)
        lab.wait(0.1)
    for host in (alice, bob):
        host.run("ping", "-c", 1, "-e", 7, "203.0.113.80")
        lab.wait(0.1)

    alice.udp(40002).sendto(b"Is anyone there?\n", ("203.0.113.80", 9999))
    lab.wait(0.1)
    answering.sendto(b"Nobody asked me.\n", ("203.0.113.1", 40009))
    lab.wait(0.1)
    ours = server.connect(("203.0.113.1", 8080), port=50080)
    theirs, _ = published.accept()
    converse(ours, theirs, b"Who is behind this port?\n", b"bob\n")
    close_in_turn(lab, ours, theirs)


# ---- the bridge of a container host

CONTAINER_HOST = """
table ip nat {
    chain outward { type nat hook postrouting priority srcnat;
        ip saddr 172.17.0.0/16 oifname != "docker0" masquerade
        ip saddr 172.18.0.0/16 oifname != "br-other" masquerade
    }
    chain published { type nat hook prerouting priority dstnat;
        fib daddr type local tcp dport 8080 dnat to 172.17.0.2:80
    }
}
table ip filter {
    chain forward { type filter hook forward priority filter;
        iifname "docker0" oifname "br-other" drop
        iifname "br-other" oifname "docker0" drop
    }
}
"""
SAYS = """server {{ listen {}; default_type text/plain;
    location / {{ return 200 "{}, asked by $remote_addr.\\n"; }} }}"""


def bridge(host, name, address, *ports):
    """Make a bridge of these interfaces, with an address of the host's own; it as a Port."""
    made = Port(host, name, address)
    host.run("ip", "link", "add", name, "type", "bridge", "stp_state", "0", "mcast_snooping", "0")
    host.run("ip", "link", "set", name, "address", made.mac, "up")
    host.run("ip", "addr", "add", address, "dev", name)
    host.attempt("ethtool", "-K", name, "tx", "off", "sg", "off", "tso", "off", "gso", "off", "gro", "off")
    host.sysctl({f"net.ipv4.neigh.{name}.base_reachable_time_ms": 3600000,  # ARP entries do not age
                 f"net.ipv4.neigh.{name}.delay_first_probe_time": 3600})
    for port in ports:
        host.run("ip", "link", "set", port.device, "master", name)
    return made


@scenario("container-bridge", "Containers: free talk on one bridge, translation outward, no way to the next bridge",
          needs=["nginx", "curl", "ping", "ss", "bridge"],
          expect=["arp.request", "arp.reply", "icmp.echo-request", "icmp.echo-reply", "icmp.unanswered", *OPENING,
                  "http.request", "http.response", "tcp.close.fin"],
          shows=[("icmp.type == 0 && ip.src == 172.17.0.3 && ip.dst == 172.17.0.2", 1),
                 ("arp.opcode == 1 && arp.src.proto_ipv4 == 172.17.0.2 && arp.dst.proto_ipv4 == 172.17.0.3", 1),
                 ("http.request && ip.src == 172.17.0.2 && frame.interface_name == machine-docker0", 1),
                 ("http.request && ip.src == 192.168.1.10 && ip.dst == 192.168.1.20", 2),
                 ("http.request && ip.dst == 192.168.1.10 && tcp.dstport == 8080", 1),
                 ("http.request && ip.dst == 172.17.0.2 && tcp.dstport == 80", 1),
                 ("icmp.type == 8 && ip.dst == 172.18.0.2", 2),
                 ("icmp.type == 0 && ip.src == 172.18.0.2", 0),
                 ("icmp.type == 8 && ip.src == 172.18.0.2 && frame.interface_name == machine-br-other", 1),
                 ("frame.interface_name == machine-br-other && ip.addr == 172.17.0.0/16", 0)])
def container_bridge(lab):
    """machine (192.168.1.10) runs containers as Docker sets them up by default, here by hand: each is a network
    namespace with a cable to a Linux bridge of the machine. web (172.17.0.2) and db (172.17.0.3) are on the bridge
    docker0 (172.17.0.1), job (172.18.0.2) on br-other (172.18.0.1), a second network. server (192.168.1.20) is
    another machine. Captured on docker0, br-other and the machine's eth0. (1) web pings db: ARP and echo pass
    docker0 freely. (2) web fetches a page from server: on eth0 the packets come from 192.168.1.10 (masquerade).
    (3) server fetches a page from port 8080 of the machine, which is published as web's port 80: the destination
    is translated. (4) web pings job: the machine drops what goes from one bridge to the other, twice. (5) job can
    ping server: its bridge works. (6) A program in host mode, that is without a namespace of its own, fetches the
    page of (2): its packets have the machine's own addresses and pass no bridge."""
    machine, server = lab.router("machine"), lab.host("server")
    web, db, job = lab.host("web"), lab.host("db"), lab.host("job")
    outside, at_server = lab.link(machine, "192.168.1.10/24", server, "192.168.1.20/24")
    machine.knows(at_server)
    server.knows(outside)
    ends = [lab.link(machine, None, container, address)[0]
            for container, address in ((web, "172.17.0.2/16"), (db, "172.17.0.3/16"), (job, "172.18.0.2/16"))]
    docker0 = bridge(machine, "docker0", "172.17.0.1/16", *ends[:2])
    other = bridge(machine, "br-other", "172.18.0.1/16", *ends[2:])
    for container, gateway in ((web, docker0), (db, docker0), (job, other)):
        container.route("default", "via", gateway.ip)
    rules(machine, CONTAINER_HOST)
    nginx(lab, web, SAYS.format("172.17.0.2:80", "web"), "172.17.0.2:80")
    nginx(lab, server, SAYS.format("192.168.1.20:80", "server"), "192.168.1.20:80")
    lab.record(docker0, other, outside)

    web.run("ping", "-c", 1, "172.17.0.3")
    lab.wait(0.2)
    curl(lab, web, 50001, "http://192.168.1.20/")
    curl(lab, server, 50002, "http://192.168.1.10:8080/")
    web.attempt("ping", "-c", 2, "-W", 1, "172.18.0.2")
    lab.wait(0.2)
    job.run("ping", "-c", 1, "192.168.1.20")
    lab.wait(0.2)
    curl(lab, machine, 50003, "http://192.168.1.20/")


# ---- a firewall

FIREWALL = """
table ip filter {
    chain forward { type filter hook forward priority filter; policy drop;
        tcp dport 7025 accept
        tcp sport 7025 accept
        ct state established,related accept
        iifname "eth0" tcp dport { 80, 443 } tcp flags & (fin|syn|rst|ack) == syn accept
        iifname "eth0" tcp dport 7002 reject with icmp port-unreachable
        iifname "eth0" tcp dport 7003 reject with icmp admin-prohibited
        iifname "eth0" tcp dport 7004 reject with tcp reset
        iifname "eth1" udp dport 53 accept
        iifname "eth1" tcp dport 443 tcp flags & (fin|syn|rst|ack) == syn accept
    }
}
"""
# Without tickets for a later session, which the server may send before or after its answer.
TLS = "ssl_protocols TLSv1.3; ssl_conf_command NumTickets 0; ssl_certificate {}; ssl_certificate_key {};"
# The slash that is missing after "/files" lets "/files../" out of the folder: a mistake often made with alias.
SERVICE = """
server {{ listen 10.0.0.2:80; location /files {{ alias {{folder}}/files/; }} }}
server {{ listen 10.0.0.2:443 ssl; {tls}
    default_type text/plain; location / {{ return 200 "This is the service.\\n"; }} }}
"""
UPLOADS = """
server {{ listen 203.0.113.5:443 ssl; {tls}
    default_type text/plain; location / {{ return 200 "Taken.\\n"; }} }}
"""
NAMES = "no-resolv no-hosts bind-interfaces listen-address=203.0.113.5 host-record=www.example.test,203.0.113.5,300"


def lone_ack(host, source, target):
    """Send an acknowledgment that belongs to no connection, from (address, port) to (address, port). No program that
    uses the stack as intended can do this; port scanners do."""
    def segment(checksum):
        return struct.pack("!HHIIBBHHH", source[1], target[1], 1000, 2000, 5 << 4, 0x10, 1024, checksum, 0)

    pseudo = socket.inet_aton(source[0]) + socket.inet_aton(target[0]) + struct.pack("!BBH", 0, 6, 20) + segment(0)
    total = sum(struct.unpack(f"!{len(pseudo) // 2}H", pseudo))
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    with host.within(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)) as raw:
        raw.sendto(segment(~total & 0xFFFF), (target[0], 0))


@scenario("firewall-drop-reject", "A firewall from both sides: what it drops, rejects and lets through, good or bad",
          needs=["nginx", "curl", "openssl", "dnsmasq", "ping", "ss"],
          expect=["icmp.echo-request", "icmp.unanswered", "icmp.unreachable", *OPENING, "tcp.handshake.refused",
                  "tcp.analysis.retransmission", "tcp.close.reset", "tcp.close.fin", "dns.query", "dns.response",
                  "http.request", "http.response"],
          shows=[("icmp.type == 8 && frame.interface_name == firewall-eth0", 2),
                 ("icmp.type == 8 && frame.interface_name == firewall-eth1", 0),
                 ("icmp.type == 0", 0),
                 ("tcp.srcport == 443 && ip.src == 10.0.0.2 && tcp.flags.syn == 1 && tcp.flags.ack == 1", 2),
                 ("tcp.dstport == 7001 && frame.interface_name == firewall-eth0", 3),
                 ("tcp.port in {7001, 7002, 7003, 7004} && frame.interface_name == firewall-eth1", 0),
                 ("icmp.type == 3 && icmp.code == 3 && tcp.dstport == 7002", 1),
                 ("icmp.type == 3 && icmp.code == 13 && tcp.dstport == 7003", 1),
                 ("tcp.srcport == 7004 && tcp.flags.reset == 1", 1),
                 ("tcp.srcport == 50007 && tcp.dstport == 443 && tcp.flags == 0x010", 1),
                 ("tcp.srcport == 50008 && tcp.dstport == 7025 && tcp.flags == 0x010", 2),
                 ("tcp.srcport == 7025 && tcp.flags.reset == 1", 2),
                 ('tcp contains "GET /files../passwords.txt"', 2),
                 ('tcp contains "admin: not-a-secret"', 2),
                 ("dns.flags.response == 1 && dns.a == 203.0.113.5", 4),
                 ("ip.dst == 203.0.113.5 && tcp.dstport == 80 && frame.interface_name == firewall-eth1", 2),
                 ("ip.dst == 203.0.113.5 && tcp.dstport == 80 && frame.interface_name == firewall-eth0", 0),
                 ('tls.record.opaque_type == 23 && ip.src == 10.0.0.2 && http.request.method == "POST"', 1)])
def firewall_drop_reject(lab):
    """outside (203.0.113.5; nginx and dnsmasq, www.example.test by name) and server (10.0.0.2, nginx) have firewall
    (203.0.113.1 and 10.0.0.1, nftables) between them, 10 ms from outside each way (a relay); captured at both
    interfaces of firewall, so that what is dropped is seen on one side and is missing on the other. What no rule
    allows is dropped. (1) outside pings the server twice: no answer. (2) And yet its port 443 answers (HTTPS). (3)
    Port 7001 is dropped: outside repeats its SYN after 1 and 2 s more, in vain. (4) Port 7002 is rejected with
    ICMP port unreachable, (5) port 7003 with ICMP administratively prohibited, (6) port 7004 with a reset, which
    looks as if the server had sent it. (7) An acknowledgment without a connection, to port 443: the firewall keeps
    account of connections (stateful) and knows none, and a new one must begin with a SYN: dropped. (8) The same to
    port 7025, whose rule looks at the port only (stateless): it passes, and the server itself answers RST. (9) An
    attack over the permitted port 80: nginx is misconfigured, and /files../passwords.txt leads out of the folder that
    it should serve. The firewall lets it pass, and the answer too. (10) The server wants http://www.example.test/: its
    question to DNS may leave, its connection to port 80 may not; the SYN is repeated after 1 s. (11) The server
    uploads passwords.txt to https://www.example.test/: port 443 may leave, and what it carries is encrypted. (The
    keys are in this file; the firewall had none.)"""
    outside, firewall, server = lab.host("outside"), lab.router("firewall"), lab.host("server")
    at_outside, outer = lab.link(outside, "203.0.113.5/24", firewall, "203.0.113.1/24", delay=0.01)
    inner, at_server = lab.link(firewall, "10.0.0.1/24", server, "10.0.0.2/24")
    firewall.knows(at_outside, at_server)
    for host, port, network in ((outside, outer, "10.0.0.0/24"), (server, inner, "203.0.113.0/24")):
        host.knows(port)
        host.route(network, "via", port.ip)
        host.attempt("sysctl", "-q", "net.ipv4.tcp_syn_linear_timeouts=0")  # not there before 6.5
    server.etc("resolv.conf", "nameserver 203.0.113.5\n")
    rules(firewall, FIREWALL)

    authority = Authority(lab)
    for host, config, name, ready in ((server, SERVICE, "server.example.test", "10.0.0.2:443"),
                                      (outside, UPLOADS, "www.example.test", "203.0.113.5:443")):
        nginx(lab, host, config.format(tls=TLS.format(*authority.certificate(name))), ready)
    (site(lab, server) / "files").mkdir()
    pages(lab, server, passwords_txt="admin: not-a-secret\n")
    dnsmasq(lab, outside, NAMES, "203.0.113.5")
    keys = lab.folder / "keys"
    lab.key_logs.append(keys)
    https = ("--cacert", authority.file)
    lab.record(outer, inner)

    outside.attempt("ping", "-c", 2, "-W", 1, "10.0.0.2")
    lab.wait(0.2)
    curl(lab, outside, 50001, *https, "--connect-to", "::10.0.0.2:", "https://server.example.test/", keys=keys)
    dropped = outside.connect(("10.0.0.2", 7001), port=50003, wait=False)
    lab.wait(4)
    dropped.close()
    for port in (7002, 7003, 7004):
        outside.connect(("10.0.0.2", port), port=port + 43000, wait=False)
        lab.wait(0.2)
    lone_ack(outside, ("203.0.113.5", 50007), ("10.0.0.2", 443))
    lab.wait(0.2)
    lone_ack(outside, ("203.0.113.5", 50008), ("10.0.0.2", 7025))
    lab.wait(0.2)
    curl(lab, outside, 50009, "--path-as-is", "http://10.0.0.2/files../passwords.txt")
    curl(lab, server, 50010, "-4", "--connect-timeout", 2, "http://www.example.test/")
    lab.wait(2)
    curl(lab, server, 50011, "-4", *https, "--data-binary", f"@{site(lab, server)}/passwords.txt",
         "https://www.example.test/upload", keys=keys)
