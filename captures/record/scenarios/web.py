"""The web in the large: a visit from the name to the page, sites that share an address and one that moves away, and a
content delivery network."""

import signal

from lab import AT_ONCE, hasten
from services import Authority, dnsmasq, named, nginx, pages, unbound

from . import scenario

OPENING = ["tcp.handshake.syn", "tcp.handshake.syn-ack", "tcp.handshake.ack"]
NAMES = """
    no-resolv no-hosts bind-interfaces listen-address=10.0.0.53 local=/example.test/
    host-record=www.example.test,10.0.0.10,300
"""
SITE = """
    server {{
        listen 10.0.0.10:80;
        server_name www.example.test;
        return 301 https://$host$request_uri;
    }}
    server {{
        listen 10.0.0.10:443 ssl http2;
        server_name www.example.test;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        root {{folder}};
        index index.html;
    }}
"""


@scenario("browser-visit", "A visit to a web site: name, ping, redirect to HTTPS, TLS, the page; HTTP/1.1, then HTTP/2",
          needs=["dnsmasq", "nginx", "curl", "ping", "openssl", "ss", "chrt"],
          expect=["dns.query", "dns.response", "icmp.echo-request", "icmp.echo-reply", *OPENING, "http.request",
                  "http.response", "tcp.close.fin"],
          shows=[("frame.number < 5 && dns.a == 10.0.0.10", 1), ("icmp.type == 8 && ip.dst == 10.0.0.10", 1),
                 ("dns.flags.response == 0 && dns.qry.type == 1", 3),
                 ("dns.flags.response == 0 && dns.qry.type == 28", 3),
                 ('http.request.line contains "Upgrade-Insecure-Requests: 1" && tcp.dstport == 80', 1),
                 ('http.response.code == 301 && http.location == "https://www.example.test/"', 1),
                 ("tls.handshake.type == 1 && tcp.srcport == 50002", 1),
                 ("tls.handshake.type == 1 && tcp.srcport == 50003 && tls.handshake.extension.type == 41", 1),
                 ('tls.handshake.type == 8 && tls.handshake.extensions_alpn_str == "http/1.1"', 1),
                 ('tls.handshake.type == 8 && tls.handshake.extensions_alpn_str == "h2"', 1),
                 ('http.request.uri == "/" && tcp.srcport == 50002', 1), ("http.response.code == 200 && tls", 2),
                 ('http2.headers.path == "/"', 1), ('http2.headers.path == "/style.css"', 1),
                 ("http2.headers.status == 200", 2), ("tcp.flags.fin == 1", 6)])
def browser_visit(lab):
    """client (10.0.0.2, curl), name server (10.0.0.53, dnsmasq) and web server (10.0.0.10, nginx) on one switch,
    captured at the client. The keys are in the file. (1) ping www.example.test: the name comes first, then the echo.
    (2) One curl process does what a browser does. It asks for the name again (this client has no cache outside of
    programs), for IPv4 and IPv6, and sends http://www.example.test/ in clear, with Upgrade-Insecure-Requests: 1 as
    browsers do; the answer is a redirect to https. (3) It asks for the name once more, since curl keeps names by
    port, opens a second connection to port 443, and sends the same request through TLS 1.3, then the page's style
    sheet (HTTP/1.1). (4) The same page and style sheet over HTTP/2, on a third connection: now without a query, the
    name is in curl's own cache; and TLS resumes the session of (3). (5) All three are closed."""
    client, names, web = lab.host("client"), lab.host("names"), lab.host("web")
    at_client, at_names, at_web = lab.switch((client, "10.0.0.2/24"), (names, "10.0.0.53/24"), (web, "10.0.0.10/24"))
    client.knows(at_names, at_web)
    names.knows(at_client)
    web.knows(at_client)
    # When an ACK waits hangs on single octets, and the length of a signature varies: the client acknowledges at once.
    client.run("ip", "route", "change", "10.0.0.0/24", "dev", "eth0", "quickack", 1)
    resolves_by(client, "10.0.0.53")
    authority = Authority(lab)
    certificate, key = authority.certificate("www.example.test")
    dnsmasq(lab, names, NAMES, "10.0.0.53")
    pages(lab, web, index_html='<link rel="stylesheet" href="style.css"><h1>Welcome.</h1>\n',
          style_css="h1 { color: teal }\n")
    hasten(nginx(lab, web, SITE.format(certificate=certificate, key=key), "10.0.0.10:443"))
    keys = lab.folder / "keys.log"
    lab.key_logs.append(keys)
    lab.record(at_client)

    client.run("ping", "-4", "-n", "-c", 1, "www.example.test")
    lab.wait(0.2)
    common = ["-s", "-S", "--noproxy", "*", "--location", "--cacert", authority.file,
              "-H", "Upgrade-Insecure-Requests: 1"]
    client.run(*AT_ONCE, "env", f"SSLKEYLOGFILE={keys}", "curl", *common, "--local-port", "50001-50002", "--http1.1",
               "http://www.example.test/", "https://www.example.test/style.css",
               "--next", *common, "--local-port", 50003, "--http2",
               "https://www.example.test/", "https://www.example.test/style.css")
    lab.wait(0.2)


def resolves_by(host, server):
    """Let a host's programs ask this name server, and have nothing in the hosts file."""
    host.etc("nsswitch.conf", "hosts: files dns\n")
    host.etc("hosts", "127.0.0.1 localhost\n")
    host.etc("resolv.conf", f"nameserver {server}\n")


SHARED = """
    default_type text/plain;
    server { listen 10.0.0.10:80; server_name tea.example.test; return 200 "Here is tea.\n"; }
    server { listen 10.0.0.10:80; server_name blog.example.test; return 200 "Here is the blog.\n"; }
    server { listen 10.0.0.10:8080; return 200 "Here is the shop.\n"; }
    server { listen 10.0.0.20:80; server_name blog.example.test; return 200 "Here is the blog, in its new home.\n"; }
"""
HOSTED = "no-resolv no-hosts bind-interfaces listen-address=10.0.0.53 local=/example.test/ local-ttl=2 addn-hosts={table}"


@scenario("virtual-hosts", "Two sites at one address, told apart by name; then one of them moves to another address",
          needs=["dnsmasq", "nginx", "curl", "ss"],
          expect=["arp.request", "arp.reply", "dns.query", "dns.response", *OPENING, "http.request", "http.response",
                  "tcp.close.fin"],
          shows=[("arp.opcode == 2 && arp.src.proto_ipv4 == 10.0.0.53", 1),
                 ("dns.a == 10.0.0.10 && dns.resp.ttl == 2", 3), ('dns.qry.name == "blog.example.test" && dns.a == 10.0.0.20', 1),
                 ('http.request.uri == "/hello" && ip.dst == 10.0.0.10 && tcp.dstport == 80', 2),
                 ('http.file_data contains "Here is tea."', 1), ('http.file_data contains "Here is the blog."', 1),
                 ('tcp.srcport == 8080 && http.file_data contains "Here is the shop."', 1),
                 ('ip.src == 10.0.0.20 && http.file_data contains "in its new home"', 1), ("tcp.flags.fin == 1", 8)])
def virtual_hosts(lab):
    """client (10.0.0.2, curl), its resolver (10.0.0.53, dnsmasq) and a web server (nginx, 10.0.0.10 and 10.0.0.20) on
    one switch, captured at the client. No neighbour is known: ARP asks for the resolver first, then for each address
    of the web server. (1) curl gets /hello from tea.example.test and (2) from blog.example.test: DNS gives one
    address for both, the connections go to one port, and only the Host field differs; nginx answers with two sites.
    (3) A third site is at port 8080 of the same address. (4) The resolver's table is changed (blog.example.test is
    10.0.0.20 now), three seconds later, when the TTL of two seconds is over, curl asks again: same name, another
    address, and the page comes from there."""
    client, resolver, web = lab.host("client"), lab.host("resolver"), lab.host("web")
    at_client, *_ = lab.switch((client, "10.0.0.2/24"), (resolver, "10.0.0.53/24"), (web, "10.0.0.10/24"))
    web.run("ip", "addr", "add", "10.0.0.20/24", "dev", "eth0")
    resolves_by(client, "10.0.0.53")
    table = lab.folder / "names"

    def names(blog):
        table.write_text(f"10.0.0.10 tea.example.test\n10.0.0.10 shop.example.test\n{blog} blog.example.test\n")

    names(blog="10.0.0.10")
    names_server = dnsmasq(lab, resolver, HOSTED.format(table=table), "10.0.0.53")
    hasten(nginx(lab, web, SHARED, "10.0.0.20:80"))
    lab.record(at_client)

    def curl(port, url):
        client.run("curl", "-s", "-S", "-4", "--noproxy", "*", "--local-port", port, url)
        lab.wait(0.4)

    curl(50001, "http://tea.example.test/hello")
    curl(50002, "http://blog.example.test/hello")
    curl(50003, "http://shop.example.test:8080/hello")
    names(blog="10.0.0.20")
    names_server.send_signal(signal.SIGHUP)
    lab.wait(3)
    curl(50004, "http://blog.example.test/hello")


START = "$TTL 20\n@ IN SOA ns.{zone}. hostmaster.{zone}. 1 3600 600 86400 60\n@ IN NS ns.{zone}.\nns IN A 192.0.2.53\n"
CUSTOMER_ZONE = START.format(zone="example.test") + "www IN CNAME www.cdn.test.\norigin IN A 203.0.113.80\n"
CDN_ZONE = START.format(zone="cdn.test") + "www IN A {edge}\n"
# Who asks decides which zone cdn.test is answered from.
VIEW = """
view "{region}" {{
    match-clients {{ {resolver}; }};
    zone "example.test" {{ type primary; file "example.test.zone"; }};
    zone "cdn.test" {{ type primary; file "{region}.zone"; }};
}};
"""
ORIGIN = """
    default_type text/plain;
    add_header Cache-Control "public, max-age=5";
    server { listen 203.0.113.80:80; location / { return 200 "From the origin.\\n"; } }
"""
# nginx keeps what it caches but does not say how old it is; the Date that the origin gave tells.
EDGE = """
    perl_require Time/Piece.pm;
    perl_set $age 'sub {{
        my $r = shift;
        return "" unless $r->variable("upstream_cache_status") =~ /HIT|STALE/;
        return time - Time::Piece->strptime($r->variable("upstream_http_date"), "%a, %d %b %Y %T GMT")->epoch;
    }}';
    proxy_cache_path {{folder}}/cache keys_zone=pages:1m;
    server {{
        listen {address}:80;
        location / {{
            proxy_pass http://203.0.113.80;
            proxy_set_header Host www.example.test;
            proxy_cache pages;
            proxy_cache_use_stale error timeout;
            proxy_connect_timeout 1500ms;
            add_header X-Cache $upstream_cache_status always;
            add_header Age $age always;
        }}
    }}
"""
RESOLVER = """\
  module-config: "subnetcache iterator"
  send-client-subnet: 192.0.2.53
stub-zone:
  name: "test"
  stub-addr: 192.0.2.53
"""
RESPONSE = "http.response.code == 200 && http.response.line contains"
UNANSWERED = "tcp.flags.syn == 1 && tcp.flags.ack == 0 && ip.src == 10.1.0.80"


@scenario("cdn-cache", "A content delivery network: DNS gives the nearest edge; miss, hit, and an origin that is away",
          needs=["unbound", "named", "nginx", "nginx:http_perl", "curl", "ping", "ss", "chrt"],
          expect=["dns.query", "dns.response", *OPENING, "http.request", "http.response", "tcp.close.fin",
                  "tcp.analysis.retransmission"],
          shows=[('dns.cname == "www.cdn.test" && dns.a == 10.1.0.80 && ip.dst == 10.1.0.2', 4),
                 ('dns.cname == "www.cdn.test" && dns.a == 10.2.0.80 && ip.dst == 10.2.0.2', 1),
                 ('dns.opt.code == 8 && dns.flags.response == 0 && dns.qry.name == "www.cdn.test"', 2),
                 (f'{RESPONSE} "X-Cache: MISS" && tcp.dstport == 50001', 2),
                 (f'{RESPONSE} "X-Cache: HIT" && http.response.line contains "Age: " && tcp.dstport == 50002', 1),
                 (f'{RESPONSE} "X-Cache: STALE" && http.response.line contains "Age: " && tcp.dstport == 50004', 1),
                 ("http.request && ip.src == 10.1.0.80", 1), ("http.request && ip.src == 10.2.0.80", 1),
                 (f"{UNANSWERED} && frame.time_relative > 7", 4),
                 ("http.response.code == 504 && tcp.dstport == 50005", 1),
                 ("tcp.srcport == 50003 && tcp.flags.syn == 1 && ip.dst == 203.0.113.80", 2)])
def cdn_cache(lab):
    """Two regions, east (10.1.0.0/24) and west (10.2.0.0/24), each with a client (.2, curl), the client's resolver
    (.53, unbound) and an edge of the network (.80, nginx with a cache); far away, 40 ms each way (a relay), the
    origin (203.0.113.80, nginx), whose pages may be kept for 5 s; a name server (192.0.2.53, BIND) for example.test
    and cdn.test, which answers each resolver with the edge in its region. Captured at both clients, at the name
    server and at the origin, so that what passes between client-east and the origin itself is seen twice. (1)
    client-east gets http://www.example.test/: a CNAME leads to www.cdn.test, that is 10.1.0.80; the resolver tells
    the name server the client's network (EDNS client subnet). The edge asks the origin: X-Cache: MISS. (2) Again, 2 s
    later: HIT, with Age, and nothing is seen at the origin. (3) client-west: another address, another edge, which has
    its own cache: MISS. (4) client-east goes to the origin itself (origin.example.test), with 80 ms of round trip.
    (5) The origin loses all that comes for port 80 (nftables), and the page is no longer fresh: the edge's SYNs stay
    unanswered, and after 1.5 s it gives the client the old page: STALE. (6) A page that it does not have: 504."""
    backbone, authority, origin = lab.router("backbone"), lab.host("authority"), lab.host("origin")
    clients, edges, points, residents = [], {}, [], []
    for region, network in (("east", "10.1.0"), ("west", "10.2.0")):
        client, resolver, edge = (lab.host(f"{kind}-{region}") for kind in ("client", "resolver", "edge"))
        ports = lab.switch((client, f"{network}.2/24"), (resolver, f"{network}.53/24"), (edge, f"{network}.80/24"),
                           (backbone, f"{network}.1/24"), name=f"switch-{region}")
        for host in (client, resolver, edge):
            host.route("default", "via", f"{network}.1")
        for port in ports:
            port.host.knows(*(other for other in ports if other is not port))
        residents += [client, resolver, edge]
        resolves_by(client, f"{network}.53")
        unbound(lab, resolver, f"{network}.53", RESOLVER)
        clients.append(client)
        edges[edge] = f"{network}.80"
        points.append(ports[0])
    at_authority, towards = lab.link(authority, "192.0.2.53/24", backbone, "192.0.2.1/24")
    at_origin, far = lab.link(origin, "203.0.113.80/24", backbone, "203.0.113.1/24", delay=0.04)
    far.cable.together = 0.001
    for port, gateway in ((at_authority, towards), (at_origin, far)):
        port.host.knows(gateway)
        backbone.knows(port)
        port.host.route("default", "via", gateway.ip)
    zones = {"example.test": CUSTOMER_ZONE, "east": CDN_ZONE.format(edge="10.1.0.80"),
             "west": CDN_ZONE.format(edge="10.2.0.80")}
    named(lab, authority, "192.0.2.53", zones, VIEW.format(region="east", resolver="10.1.0.53")
          + VIEW.format(region="west", resolver="10.2.0.53"))
    hasten(nginx(lab, origin, ORIGIN, "203.0.113.80:80"))
    for edge, address in edges.items():
        hasten(nginx(lab, edge, EDGE.format(address=address), f"{address}:80", module="http_perl"))
    for host in residents:  # the switches learn where everyone is, and need not flood
        host.run("ping", "-c", 1, "192.0.2.53")
    lab.record(*points, at_authority, at_origin)

    def curl(client, port, url):
        client.run(*AT_ONCE, "curl", "-s", "-S", "-4", "--noproxy", "*", "--local-port", port, url)
        lab.wait(0.4)

    east, west = clients
    curl(east, 50001, "http://www.example.test/")
    lab.wait(2)
    curl(east, 50002, "http://www.example.test/")
    curl(west, 50001, "http://www.example.test/")
    curl(east, 50003, "http://origin.example.test/")
    origin.drop("tcp dport 80")
    lab.wait(4)
    curl(east, 50004, "http://www.example.test/")
    curl(east, 50005, "http://www.example.test/other")
