"""DNS: names to addresses, with a real resolver and a real client."""

from services import dnsmasq

from . import scenario

# What the name server that the resolver asks knows. The numbers are times to live, in seconds.
ZONE = """
    no-resolv no-hosts log-queries bind-interfaces listen-address=10.0.2.53 local=/example.test/
    host-record=www.example.test,203.0.113.10,2001:db8::10,300
    host-record=mail.example.test,203.0.113.25,300
    host-record=pool.example.test,203.0.113.31,300
    host-record=pool.example.test,203.0.113.32,300
    host-record=pool.example.test,203.0.113.33,300
    cname=shop.example.test,www.example.test,60
    mx-host=example.test,mail.example.test,10
"""
RESOLVER = "no-resolv no-hosts bind-interfaces listen-address=10.0.1.53 server=10.0.2.53 cache-size=100"


@scenario("dns-basic", "DNS: A, AAAA, CNAME, MX, a name that does not exist, a retry, the cache, several addresses",
          needs=["dnsmasq", "dig", "ss"],
          expect=["dns.query", "dns.response"])
def dns_basic(lab):
    """client (10.0.1.2) asks its resolver (10.0.1.53, dnsmasq), which asks a name server on another link (10.0.2.53,
    dnsmasq); captured at the client, which asks with dig. (1) A, AAAA, CNAME, MX of example.test. (2) A name that does
    not exist. (3) The first query is lost (nftables): dig asks again after a second, under the same id. (4) The same
    question three seconds after its first answer: from the cache, with a smaller TTL. (5) A name with three
    addresses, asked three times."""
    client, resolver, authority = lab.host("client"), lab.host("resolver"), lab.host("authority")
    at_client, at_resolver = lab.link(client, "10.0.1.2/24", resolver, "10.0.1.53/24")
    lab.link(resolver, "10.0.2.1/24", authority, "10.0.2.53/24")
    client.knows(at_resolver)
    resolver.knows(at_client)
    dnsmasq(lab, authority, ZONE, "10.0.2.53")
    dnsmasq(lab, resolver, RESOLVER, "10.0.1.53")
    lab.record(at_client)

    def dig(name, kind, *options):
        client.run("dig", "@10.0.1.53", "-p", 53, "+timeout=1", "+tries=2", *options, name, kind)
        lab.wait(0.1)

    for name, kind in (("www.example.test", "A"), ("www.example.test", "AAAA"), ("shop.example.test", "A"),
                       ("example.test", "MX"), ("nowhere.example.test", "A")):
        dig(name, kind)
    resolver.drop("udp dport 53 limit rate 1/hour burst 1 packets")  # the first one only
    dig("mail.example.test", "A")
    resolver.drop_no_more()
    lab.wait(3)
    dig("mail.example.test", "A")
    for _ in range(3):
        dig("pool.example.test", "A", "+noedns")

