"""DHCP: how a host that has no address gets one, keeps it, loses it and gives it back."""

import signal

from services import dnsmasq, site

from . import scenario

# The gateway's DHCP server. It does not serve names (port=0); those who get an address from it are sent to the
# provider's name server. Without no-ping it would itself look by ping whether an address is free.
OFFERS = """
    port=0 bind-interfaces interface=eth0 dhcp-authoritative no-ping leasefile-ro dhcp-sequential-ip
    dhcp-range={first},{last},255.255.255.0,2h
    dhcp-option=option:router,10.0.0.1 dhcp-option=option:dns-server,203.0.113.53
"""
NAMES = """
    no-resolv no-hosts bind-interfaces listen-address=203.0.113.53 local=/example.test/
    host-record=www.example.test,203.0.113.10,300
"""
# What udhcpc runs whenever something changes: it writes down what it was given.
SCRIPT = """\
#!/bin/sh
case "$1" in
deconfig) ip addr flush dev eth0; : >/etc/resolv.conf ;;
bound|renew)
    ip addr replace "$ip/$mask" broadcast + dev eth0
    ip route replace default via "$router"
    echo "nameserver $dns" >/etc/resolv.conf ;;
esac
"""


@scenario("dhcp-dora", "DHCP: discover, offer, request, acknowledge; renewal, refusal, release",
          needs=["busybox", "dig", "dnsmasq", "ping", "ss", "udhcpc"],
          expect=["dhcp.discover", "dhcp.offer", "dhcp.request", "dhcp.ack", "arp.request", "arp.reply", "arp.probe", "dns.query", "dns.response",
                  "icmp.echo-request", "icmp.echo-reply"],
          shows=[("dhcp.option.dhcp == 1 && ip.src == 0.0.0.0 && ip.dst == 255.255.255.255", 2),
                 "dhcp.option.dhcp == 2 && dhcp.ip.your == 10.0.0.100",
                 ("dhcp.option.dhcp == 3 && ip.src == 0.0.0.0 && udp.srcport == 68 && udp.dstport == 67", 2),
                 ("dhcp.option.dhcp == 3 && ip.src == 10.0.0.100 && ip.dst == 10.0.0.1", 2),
                 ("dhcp.option.dhcp == 5", 3), ("dhcp.option.dhcp == 6", 1),
                 ("dhcp.option.dhcp == 7 && ip.src == 10.0.0.150", 1),
                 "dhcp.option.dhcp == 5 && dhcp.option.router == 10.0.0.1",
                 "dhcp.option.dhcp == 5 && dhcp.option.domain_name_server == 203.0.113.53",
                 "arp.opcode == 1 && arp.src.proto_ipv4 == 0.0.0.0 && arp.dst.proto_ipv4 == 10.0.0.100",
                 "icmp.type == 8 && ip.src == 0.0.0.0 && !icmp.resp_in",
                 "dns.flags.response == 0 && ip.src == 10.0.0.100 && ip.dst == 203.0.113.53",
                 ("icmp.type == 0 && ip.dst == 10.0.0.100", 1), ("icmp.type == 0 && ip.dst == 10.0.0.150", 1)])
def dhcp_dora(lab):
    """A client without an address (02:00:0a:00:00:99) and a gateway (10.0.0.1) whose DHCP server is dnsmasq, 2 ms
    of cable between them; behind the gateway the provider's name server (203.0.113.53, dnsmasq). The client uses
    udhcpc. Captured at the client. (1) Before it has an address the client pings the gateway from 0.0.0.0: nothing
    comes back. (2) DISCOVER, OFFER, REQUEST, ACK: the client gets 10.0.0.100 for two hours, a router and a name
    server. It asks by ARP whether someone has the address already; nobody answers. (3) The client asks the name
    server it was given, by way of the router it was given, and repeats the ping of (1), which is now answered. (4) It
    renews its lease (made to by SIGUSR1, long before half the time is over): REQUEST and ACK, from its address
    straight to the server; udhcpc then asks by ARP once more. (5) The server is started again with other addresses to
    give out; the next renewal gets a NAK. Three seconds later the client begins anew, gets 10.0.0.150, and pings the
    gateway from there. (6) It gives the address back: RELEASE, which nobody answers."""
    client, gateway, provider = lab.host("client"), lab.router("gateway"), lab.host("provider")
    # The cable takes time because udhcpc sends a renewal from a socket that it closes only after: an answer at once
    # would go to that socket and be lost.
    at_client, at_gateway = lab.link(client, None, gateway, "10.0.0.1/24", delay=0.002)
    client.run("ip", "link", "set", "eth0", "address", "02:00:0a:00:00:99")
    at_provider, _ = lab.link(provider, "203.0.113.53/24", gateway, "203.0.113.1/24")
    provider.route("default", "via", "203.0.113.1")
    client.etc("resolv.conf", "")
    dnsmasq(lab, provider, NAMES, at_provider.ip)
    script = site(lab, client) / "changed"
    script.write_text(SCRIPT)
    script.chmod(0o755)
    server = serve(lab, gateway, "10.0.0.100", "10.0.0.149")
    lab.record(at_client)

    client.route("10.0.0.1", "dev", "eth0")
    client.run("ip", "neigh", "add", "10.0.0.1", "lladdr", at_gateway.mac, "dev", "eth0")
    client.attempt("ping", "-c", 1, "-W", 1, "10.0.0.1")
    client.run("ip", "neigh", "del", "10.0.0.1", "dev", "eth0")
    client.run("ip", "route", "del", "10.0.0.1", "dev", "eth0")

    asking = client.start("udhcpc", "-f", "-a500", "-i", "eth0", "-s", script)
    until_address(lab, client, "10.0.0.100")
    lab.wait(0.5)
    client.run("dig", "www.example.test", "A")
    client.run("ping", "-c", 1, "10.0.0.1")
    lab.wait(1)
    asking.send_signal(signal.SIGUSR1)
    lab.wait(1)

    lab.stop(server)
    serve(lab, gateway, "10.0.0.150", "10.0.0.199")
    asking.send_signal(signal.SIGUSR1)
    until_address(lab, client, "10.0.0.150")
    lab.wait(0.5)
    client.run("ping", "-c", 1, "10.0.0.1")
    lab.wait(0.5)
    asking.send_signal(signal.SIGUSR2)
    lab.wait(0.5)


def serve(lab, gateway, first, last):
    """Start a DHCP server that gives out the addresses from `first` to `last`."""
    config = lab.folder / "dhcp.conf"
    config.write_text("\n".join(OFFERS.format(first=first, last=last).split()) + "\nuser=root\npid-file=\n")
    return gateway.start("dnsmasq", "--keep-in-foreground", f"--conf-file={config}", "--log-facility=-",
                         ready=lambda: ":67 " in gateway.run("ss", "-lun"))


def until_address(lab, host, address):
    lab.until(lambda: f" {address}/" in host.run("ip", "addr", "show", "dev", "eth0"), f"no address {address}", 15)
