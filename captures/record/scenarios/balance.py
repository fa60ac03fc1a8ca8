"""Load balancing: haproxy spreads requests over servers and looks after their health; nginx is each of the servers."""

import time

import services
from lab import AT_ONCE

from . import scenario

HAPROXY = """\
global
    nbthread 1
    spread-checks 0
defaults
    mode http
    timeout connect 1s
    timeout client 20s
    timeout server 20s
    option http-server-close
    option forwardfor
"""

# `source`: ports taken in turn, so that none comes again by chance.
SPREADING = """\
listen round-robin
    bind 10.0.10.2:80
    default-server source 10.0.20.1:41000-41999
    balance roundrobin
    server a 10.0.20.11:8080
    server b 10.0.20.12:8080
    server c 10.0.20.13:8080
listen source-hash
    bind 10.0.10.2:81
    default-server source 10.0.20.1:42000-42999
    balance source
    server a 10.0.20.11:8080
    server b 10.0.20.12:8080
    server c 10.0.20.13:8080
listen sticky
    bind 10.0.10.2:82
    default-server source 10.0.20.1:43000-43999
    balance roundrobin
    cookie SERVERID insert indirect nocache
    server a 10.0.20.11:8080 cookie a
    server b 10.0.20.12:8080 cookie b
    server c 10.0.20.13:8080 cookie c
listen least-connections
    mode tcp
    bind 10.0.10.2:83
    default-server source 10.0.20.1:44000-44999
    balance leastconn
    server a 10.0.20.11:8080
    server b 10.0.20.12:8080
    server c 10.0.20.13:8080
listen silent
    bind 10.0.10.2:84
    default-server source 10.0.20.1:45000-45999
    timeout server 1s
    server a 10.0.20.11:9000
"""

# How each server answers: with its name, and with what it was told of the client.
ANSWER = """
    server {{
        listen {address}:8080;
        default_type text/plain;
        root {{folder}};
        location / {{
            return 200 "Server {name}; the request came from $remote_addr, for: $http_x_forwarded_for\\n";
        }}
        location = /health {{ try_files /health.txt =503; }}
    }}
"""


def behind(lab, balancer, names):
    """A link from a client (10.0.10.1) to the balancer (10.0.10.2), and a switch with the balancer (10.0.20.1) and
    servers called `names` (10.0.20.11 and up) with nginx on port 8080. Returns the client, the ports of the client
    and of the balancer's inner side, the servers, and a function that starts one's nginx."""
    client = lab.host("client")
    servers = [lab.host(name) for name in names]
    at_client, at_balancer = lab.link(client, "10.0.10.1/24", balancer, "10.0.10.2/24")
    inside, *at_servers = lab.switch((balancer, "10.0.20.1/24"),
                                     *((server, f"10.0.20.{number}/24") for number, server in enumerate(servers, 11)))
    client.knows(at_balancer)
    balancer.knows(at_client, *at_servers)
    for server in servers:
        server.knows(inside)

    def serve(server):
        answer = ANSWER.format(address=server.ports[0].ip, name=server.name)
        return services.nginx(lab, server, answer, ready=f"{server.ports[0].ip}:8080")

    return client, at_client, inside, servers, serve


def haproxy(lab, host, settings, ready):
    """haproxy with `settings` behind the common ones."""
    config = lab.folder / "haproxy.cfg"
    config.write_text(HAPROXY + settings)
    # Before the servers, behind the client (AT_ONCE): from its first check on, so not by `hasten`.
    return host.start("chrt", "--fifo", 1, "haproxy", "-db", "-f", config,
                      ready=lambda: f"{ready} " in host.run("ss", "-ltn"))


def asker(lab, client, pause):
    """A function that has curl ask the balancer's `port` from the next client port, 50001 and up, and wait."""
    used = iter(range(50001, 50100))

    def ask(port, *words):
        client.run(*AT_ONCE, "curl", "-s", "-S", "--noproxy", "*", "--local-port", next(used), *words,
                   f"http://10.0.10.2:{port}/")
        lab.wait(pause)

    return ask


@scenario("lb-round-robin", "A load balancer: round robin, by the client's address, by a cookie, to the least busy",
          needs=["chrt", "curl", "haproxy", "nginx", "ping", "ss"],
          expect=["tcp.handshake.syn", "tcp.handshake.syn-ack", "tcp.handshake.ack", "http.request", "http.response",
                  "tcp.close.fin"],
          shows=[(f"http.request && ip.dst == {server} && http.x_forwarded_for == {client}", count)
                 for server, client, count in (("10.0.20.11", "10.0.10.1", 8), ("10.0.20.12", "10.0.10.1", 3),
                                               ("10.0.20.13", "10.0.10.1", 2), ("10.0.20.13", "10.0.10.3", 2),
                                               ("10.0.20.12", "10.0.10.5", 2))]
          + [("http.set_cookie contains SERVERID && ip.dst == 10.0.10.1", 2),
             ('http.cookie == "SERVERID=a"', 2),
             ("http.request && tcp.dstport == 83", 5),
             ("http.request && ip.src == 10.0.20.1 && !http.x_forwarded_for", 5),
             ("http.response.code == 504 && tcp.srcport == 84", 1)])
def lb_round_robin(lab):
    """client (10.0.10.1, .3 and .5, curl), balancer (10.0.10.2 outside, 10.0.20.1 inside, haproxy) and behind it
    servers a, b, c (10.0.20.11, .12, .13, nginx on port 8080); captured at the client and at the balancer's inner
    side. (1) Port 80, round robin: six requests, a b c a b c; each server learns the client's address only from
    X-Forwarded-For. (2) Port 81, by a hash of the client's address: two requests from each of the client's three
    addresses: .1 gets a, .3 c, .5 b. (3) Port 82, by a cookie: the answer to the first request sets SERVERID; two
    more with that cookie go to the same server, one without it to the next. (4) Port 83, TCP only, the server with
    the fewest connections: one client keeps its connection to a open and says nothing, four short ones share b and c,
    then the first asks, and a answers. The bytes pass as they are, no header is added. (5) Port 84: a server that
    accepts and never answers: after 1 s the balancer says 504. (This kernel has no IPVS: LVS, which balances by
    rewriting packets, is not shown.)"""
    balancer = lab.host("balancer")
    client, at_client, inside, servers, serve = behind(lab, balancer, "abc")
    for address in ("10.0.10.3", "10.0.10.5"):
        client.run("ip", "addr", "add", f"{address}/24", "dev", "eth0")
        balancer.run("ip", "neigh", "replace", address, "lladdr", at_client.mac, "dev", "eth0", "nud", "permanent")
    for server in servers:
        serve(server)
        server.run("ping", "-c", 1, "10.0.20.1")  # the switch learns who is where
    haproxy(lab, balancer, SPREADING, ready="10.0.10.2:84")
    silent = servers[0].listen(9000)
    lab.record(at_client, inside)

    ask = asker(lab, client, 0.15)
    for _ in range(6):
        ask(80)
    for address in ("10.0.10.1", "10.0.10.3", "10.0.10.5") * 2:
        ask(81, "--interface", address)
    jar = lab.folder / "cookies"
    for _ in range(3):
        ask(82, "-b", jar, "-c", jar)
    ask(82)
    patient = client.connect(("10.0.10.2", 83), port=50080)
    lab.wait(0.15)
    for _ in range(4):
        ask(83)
    patient.sendall(b"GET / HTTP/1.0\r\n\r\n")
    while patient.recv(1000):
        pass
    patient.close()
    lab.wait(0.15)
    ask(84)
    silent.accept()[0].close()
    lab.wait(0.1)


CHECKING = """\
listen looks-at-a-page
    bind 10.0.10.2:80
    default-server source 10.0.20.1:41000-41999
    balance roundrobin
    option httpchk GET /health
    default-server check inter 600ms fall 2 rise 2
    server a 10.0.20.11:8080
    server b 10.0.20.12:8080
listen only-connects
    bind 10.0.10.2:81
    default-server source 10.0.20.1:42000-42999
    balance roundrobin
    retries 0
    default-server check inter 600ms fall 2 rise 2
    server a 10.0.20.11:8080
    server b 10.0.20.12:8080
listen does-not-look
    bind 10.0.10.2:82
    default-server source 10.0.20.1:43000-43999
    balance roundrobin
    retries 0
    server a 10.0.20.11:8080
    server b 10.0.20.12:8080
"""
BEAT = 0.15  # haproxy spreads its four checks over the interval


@scenario("lb-health", "Health checks: a server whose page says it is ill, then one that is gone, then back",
          needs=["chrt", "curl", "haproxy", "nginx", "ping", "ss"],
          expect=["tcp.handshake.syn", "tcp.handshake.syn-ack", "tcp.handshake.ack", "tcp.handshake.refused",
                  "tcp.close.reset", "http.request", "http.response"],
          shows=[('http.request.uri == "/health" && ip.dst == 10.0.20.11', 9),
                 ('http.request.uri == "/health" && ip.dst == 10.0.20.12', 11),
                 ("http.response.code == 503 && ip.src == 10.0.20.11", 3),
                 ("http.response.code == 503 && tcp.srcport == 82", 1),
                 ("tcp.flags.syn == 1 && tcp.flags.ack == 0 && ip.dst == 10.0.20.12", 33),
                 ("tcp.flags.reset == 1 && ip.src == 10.0.20.11", 6),
                 ('http.file_data contains "Server a" && tcp.srcport == 80', 2),
                 ('http.file_data contains "Server b" && tcp.srcport == 80', 4),
                 ('http.file_data contains "Server a" && tcp.srcport == 81', 3),
                 ('http.file_data contains "Server b" && tcp.srcport == 81', 5)])
def lb_health(lab):
    """client (10.0.10.1, curl), balancer (10.0.10.2 outside, 10.0.20.1 inside, haproxy) and behind it servers a and b
    (10.0.20.11 and .12, nginx on port 8080); captured at the client and at the balancer's inner side. haproxy
    balances the same two servers thrice: port 80 with checks that ask for a page (GET /health must be answered 200),
    port 81 with checks that only connect and reset, each every 600 ms, out after two failures and in after two
    successes; port 82 without any check. (1) haproxy starts; all is well: requests to ports 80, 81 and 82 are served
    by a and b in turn. (2) a's page says 503: port 80 leaves a out, while port 81 still uses it. (3) nginx on a is
    stopped: the checks are refused; now port 81 leaves a out as well, while on port 82 every second request goes to
    a, is refused, and the client gets 503. (4) a is back and well: two checks later it gets requests again.
    (keepalived, which checks for LVS, does not run without IPVS, which this kernel lacks.)"""
    balancer = lab.host("balancer")
    client, at_client, inside, (a, b), serve = behind(lab, balancer, "ab")
    for server in (a, b):
        services.pages(lab, server, health_txt="well\n")
        server.run("ping", "-c", 1, "10.0.20.1")
    gone = serve(a)
    serve(b)
    lab.record(at_client, inside)
    checker = haproxy(lab, balancer, CHECKING, ready="10.0.10.2:82")
    first = lab.points[-1][1]
    lab.until(lambda: first.stat().st_size > 24, "no check was seen")  # more than the capture file's head
    began = time.monotonic()
    ask = asker(lab, client, 0)

    def after(check):
        """Wait until check `check` (page a, page b, connect a, connect b, page a ...) is done."""
        lab.wait(max(0, began + (check + 0.3) * BEAT - time.monotonic()))

    def ask_after(check, *ports):
        for number, port in enumerate(ports, check):
            after(number)
            ask(port)

    ask_after(2, 80, 80, 81, 81, 82, 82)
    after(8)
    (services.site(lab, a) / "health.txt").unlink()
    ask_after(17, 80, 80, 81, 81)
    after(21)
    lab.stop(gone)
    ask_after(22, 82, 82)
    ask_after(27, 81, 81)
    after(30)
    services.pages(lab, a, health_txt="well\n")
    serve(a)
    ask_after(39, 80, 80, 81, 81)
    after(43)
    lab.stop(checker)
