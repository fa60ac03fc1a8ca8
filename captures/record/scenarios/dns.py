"""DNS: names to addresses, with real servers and real clients."""

from services import dnsmasq, named, nginx, site, unbound

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
          expect=["dns.query", "dns.response"],
          shows=["dns.qry.type == 1", "dns.qry.type == 28", "dns.resp.type == 5", "dns.qry.type == 15",
                 "dns.flags.rcode == 3", ("dns.flags.response == 0 && dns.qry.name == \"mail.example.test\"", 3), "dns.count.answers == 3"])
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


# A TXT record for each service that wants proof that the domain is ours: such lists grow.
PROOFS = "\n".join(f'example.test. IN TXT "{service}-site-verification={"0123456789abcdef" * 5}"'
                   for service in ("mail", "office", "search", "shop", "meeting", "backup", "survey", "wiki", "chat",
                                   "signature", "invoice", "video", "storage", "analytics"))
WORDY_ZONE = f"""
$TTL 300
@ IN SOA ns.example.test. hostmaster.example.test. 1 3600 600 86400 60
@ IN NS ns.example.test.
ns IN A 10.0.1.53
www IN A 203.0.113.10
mail IN A 203.0.113.25
key IN TXT "v=DKIM1; k=rsa; p={"0123456789abcdef" * 14}" "{"fedcba9876543210" * 15}" "{"0123456789abcdef" * 4}"
{PROOFS}
"""


@scenario("dns-tcp", "DNS over TCP: an answer too long for UDP is cut, and asked for again over TCP",
          needs=["named", "dig", "ss"],
          expect=["dns.query", "dns.response", "tcp.handshake.syn", "tcp.handshake.syn-ack", "tcp.handshake.ack",
                  "tcp.close.fin"],
          shows=[("dns.flags.truncated == 1 && udp", 2), ("dns.qry.type == 16 && dns.flags.response == 0 && tcp", 2),
                 ("dns.length > 1232 && dns.flags.response == 1", 1), ("dns.count.answers == 14 && tcp", 1),
                 ("udp.length > 520 && dns.count.answers == 1 && dns.resp.type == 41", 1),
                 ("tcp.srcport == 50004 && dns.flags.response == 0", 2)])
def dns_tcp(lab):
    """client (10.0.1.2, dig) and name server (10.0.1.53, BIND) on one link, captured at the client. (1) The TXT
    records of example.test: they are longer than the 1232 octets that dig offers to take by UDP (EDNS), so the answer
    comes empty with the TC bit set, and dig asks again over TCP, where each message has its length in two octets
    before it; the answer needs two segments (BIND and dig ask for an MSS of 1220, so that nothing is fragmented).
    (2) A TXT record of some 600 octets, asked without EDNS: it does not fit into 512 octets, TC and TCP again. (3) The
    same with EDNS: it comes by UDP. (4) Two short questions that dig asks over TCP from the beginning (+tcp), one after
    the other on one connection (+keepopen)."""
    client, server = lab.host("client"), lab.host("server")
    at_client, at_server = lab.link(client, "10.0.1.2/24", server, "10.0.1.53/24")
    client.knows(at_server)
    server.knows(at_client)
    named(lab, server, "10.0.1.53", {"example.test": WORDY_ZONE})
    lab.record(at_client)

    def dig(port, *words):
        client.run("dig", "@10.0.1.53", "-b", f"10.0.1.2#{port}", "+nocookie", *words)
        lab.wait(0.2)

    dig(50001, "example.test", "TXT")
    dig(50002, "+noedns", "key.example.test", "TXT")
    dig(50003, "key.example.test", "TXT")
    dig(50004, "+tcp", "+keepopen", "www.example.test", "A", "mail.example.test", "A")


ROOT_HINTS = """
. 3600000 IN NS a.root.test.
a.root.test. 3600000 IN A 192.0.2.53
"""
START = "$TTL {ttl}\n@ IN SOA {ns}. hostmaster.example.test. 1 3600 600 86400 60\n@ IN NS {ns}.\n"
ROOT_ZONE = START.format(ttl=86400, ns="a.root.test") + """
a.root.test. IN A 192.0.2.53
test. IN NS ns.nic.test.
ns.nic.test. IN A 198.51.100.53
"""
TLD_ZONE = START.format(ttl=86400, ns="ns.nic.test") + """
ns.nic IN A 198.51.100.53
example IN NS ns.example.test.
ns.example IN A 203.0.113.53
"""
EXAMPLE_ZONE = START.format(ttl=300, ns="ns.example.test") + """
ns IN A 203.0.113.53
www IN A 203.0.113.10
mail IN A 203.0.113.25
"""


RESOLVER_ASKS = "dns.flags.response == 0 && ip.src == 10.0.2.53 && dns.flags.recdesired == 0"
REFERRAL = "dns.flags.rcode == 0 && dns.count.answers == 0 && dns.resp.type == 2 && dns.resp.type == 1"


@scenario("dns-iterative", "DNS: a resolver asks the root, the top-level domain and the domain, one after the other",
          needs=["named", "unbound", "dig", "ss"],
          expect=["dns.query", "dns.response"],
          shows=[("dns.flags.recdesired == 1 && dns.flags.response == 0 && ip.dst == 10.0.1.53", 4),
                 ("dns.flags.recavail == 1 && dns.flags.response == 1 && ip.src == 10.0.1.53", 4),
                 (f"{RESOLVER_ASKS} && ip.dst == 192.0.2.53 && dns.qry.type == 2", 1),
                 (f"{RESOLVER_ASKS} && ip.dst == 192.0.2.53 && dns.qry.type == 1", 1),
                 (f"{RESOLVER_ASKS} && ip.dst == 198.51.100.53", 2), (f"{RESOLVER_ASKS} && ip.dst == 203.0.113.53", 2),
                 (f"{REFERRAL} && ip.dst == 10.0.2.53 && dns.flags.recavail == 0", 2),
                 ("dns.flags.authoritative == 1 && dns.a == 203.0.113.10 && ip.src == 203.0.113.53", 1),
                 ("dns.resp.ttl < 300 && ip.src == 10.0.1.53 && dns.a == 203.0.113.10", 1),
                 ("dns.flags.rcode == 3 && dns.flags.authoritative == 1 && ip.src == 198.51.100.53", 1),
                 ("dns.flags.recdesired == 1 && ip.dst == 192.0.2.53", 2),
                 (f"{REFERRAL} && ip.dst == 10.0.1.2 && dns.flags.recdesired == 1 && dns.flags.recavail == 0", 2)])
def dns_iterative(lab):
    """client (10.0.1.2, dig); gateway (10.0.1.53 inside, 10.0.2.53 outside), which is also its resolver (unbound,
    with an empty cache, without DNSSEC and query name minimisation); behind a router three name servers (BIND),
    each of which knows only its own zone: the root's (192.0.2.53), that of the top-level domain test
    (198.51.100.53), that of example.test (203.0.113.53). Captured at the client and at the gateway's outside. (1)
    The client asks for www.example.test, with RD=1: "do all that is needed". The resolver first asks the root
    server who the root servers are (priming), then asks all three in turn with RD=0; the first two answer with
    referrals: NS in the authority section, the address in the additional one. Only then the client has its answer.
    (2) The same question two seconds later: from the cache. (3) mail.example.test: the resolver remembers whom to
    ask, and asks only that one. (4) nowhere.test: the top-level domain knows that it does not exist. (5) The client
    itself asks the root server, with RD=1: it gets a referral with RA=0, for that server does not ask others for
    anyone."""
    client, gateway, router = lab.host("client"), lab.router("gateway"), lab.router("router")
    at_client, inside = lab.link(client, "10.0.1.2/24", gateway, "10.0.1.53/24")
    outside, at_router = lab.link(gateway, "10.0.2.53/24", router, "10.0.2.1/24")
    client.knows(inside)
    gateway.knows(at_client, at_router)
    router.knows(outside)
    client.route("default", "via", "10.0.1.53")
    gateway.route("default", "via", "10.0.2.1")
    router.route("10.0.1.0/24", "via", "10.0.2.53")
    for name, network, zone, lines in (("root", "192.0.2", ".", ROOT_ZONE), ("tld", "198.51.100", "test", TLD_ZONE),
                                       ("domain", "203.0.113", "example.test", EXAMPLE_ZONE)):
        server = lab.host(name)
        lab.link(router, f"{network}.1/24", server, f"{network}.53/24")
        server.route("default", "via", f"{network}.1")
        named(lab, server, f"{network}.53", {zone: lines})
    hints = site(lab, gateway) / "root.hints"
    hints.write_text(ROOT_HINTS)
    unbound(lab, gateway, "10.0.1.53", f'  module-config: "iterator"\n  root-hints: "{hints}"')
    lab.record(at_client, outside)

    def dig(port, server, name):
        client.run("dig", f"@{server}", "-b", f"10.0.1.2#{port}", "+nocookie", name, "A")
        lab.wait(0.2)

    dig(50001, "10.0.1.53", "www.example.test")
    lab.wait(2)
    dig(50002, "10.0.1.53", "www.example.test")
    dig(50003, "10.0.1.53", "mail.example.test")
    dig(50004, "10.0.1.53", "nowhere.test")
    dig(50005, "192.0.2.53", "www.example.test")


NAMES = """
    no-resolv no-hosts bind-interfaces listen-address=10.0.0.53 local=/example.test/
    host-record=www.example.test,10.0.0.10,300
"""
TWO_SITES = """
    default_type text/plain;
    server { listen 10.0.0.10:80; location / { return 200 "This is the real site.\n"; } }
    server { listen 10.0.0.20:80; location / { return 200 "This is the test site.\n"; } }
"""


@scenario("dns-hosts", "A name in the hosts file: a connection without a DNS query, then one with it",
          needs=["dnsmasq", "nginx", "curl", "getent", "dig", "ss"],
          expect=["tcp.handshake.syn", "http.request", "http.response", "dns.query", "dns.response", "tcp.close.fin"],
          shows=[("tcp.flags.syn == 1 && tcp.flags.ack == 0 && ip.dst == 10.0.0.20", 1),
                 ("tcp.flags.syn == 1 && tcp.flags.ack == 0 && ip.dst == 10.0.0.10", 1),
                 ('http.host == "www.example.test"', 2), ("dns.flags.response == 0", 2),
                 ('frame.number > 10 && dns.qry.name == "www.example.test" && dns.a == 10.0.0.10', 2)])
def dns_hosts(lab):
    """client (10.0.0.2), name server (10.0.0.53, dnsmasq) and web server (10.0.0.10 and 10.0.0.20, nginx) on one
    switch, captured at the client. To the name server www.example.test is 10.0.0.10. (1) The client's hosts file says
    "10.0.0.20 www.example.test": curl connects to it without any query; the Host header has the name as ever. (2) The
    entry is taken out: curl asks DNS, and connects to 10.0.0.10. (3) The entry is put back: getent finds it there, and
    no packet is sent; dig, which knows only DNS, asks and gets 10.0.0.10."""
    client, server, web = lab.host("client"), lab.host("server"), lab.host("web")
    at_client, at_server, at_web = lab.switch((client, "10.0.0.2/24"), (server, "10.0.0.53/24"), (web, "10.0.0.10/24"))
    web.run("ip", "addr", "add", "10.0.0.20/24", "dev", "eth0")
    client.knows(at_server, at_web)
    client.run("ip", "neigh", "replace", "10.0.0.20", "lladdr", at_web.mac, "dev", "eth0", "nud", "permanent")
    server.knows(at_client)
    web.knows(at_client)
    dnsmasq(lab, server, NAMES, "10.0.0.53")
    nginx(lab, web, TWO_SITES, "10.0.0.20:80")
    client.etc("nsswitch.conf", "hosts: files dns\n")
    client.etc("resolv.conf", "nameserver 10.0.0.53\n")
    lab.record(at_client)

    def curl(port):
        client.run("curl", "-s", "-S", "-4", "--noproxy", "*", "--local-port", port, "http://www.example.test/")
        lab.wait(0.2)

    own, plain = "127.0.0.1 localhost\n10.0.0.20 www.example.test\n", "127.0.0.1 localhost\n"
    client.etc("hosts", own)
    curl(50001)
    client.etc("hosts", plain)
    curl(50002)
    client.etc("hosts", own)
    client.run("getent", "ahostsv4", "www.example.test")
    client.run("dig", "-b", "10.0.0.2#50003", "+nocookie", "www.example.test", "A")
    lab.wait(0.2)
