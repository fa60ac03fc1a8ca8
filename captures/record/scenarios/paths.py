"""Paths: which of a host's addresses and interfaces packets take, and how long a way takes."""

import os

from lab import Port
from services import nginx, pages, site

from . import scenario
from .tcp import OPENING

EVERYWHERE = """
server { listen 0.0.0.0:8080; listen unix:{folder}/socket; default_type text/plain;
    location / { return 200 "You reached me at $server_addr.\\n"; } }
server { listen 127.0.0.1:8081; default_type text/plain; location / { return 200 "This host only.\\n"; } }
"""


def curl(lab, host, port, *words, keys=os.devnull):
    """Fetch from the fixed `port` (whether it succeeds is part of the story), and let the connection close. TLS keys
    are written to the file `keys`."""
    host.attempt("env", f"SSLKEYLOGFILE={keys}", "curl", "-s", "--noproxy", "*", "--local-port", port, *words)
    lab.wait(0.2)


@scenario("bind-addresses", "A server on 0.0.0.0 answers at each of its host's addresses, one on 127.0.0.1 on lo only",
          needs=["nginx", "curl", "ss"],
          expect=[*OPENING, "tcp.handshake.refused", "http.request", "http.response", "tcp.close.fin",
                  "checksum.offloaded"],
          shows=[("ip.src == 10.0.0.2 && tcp.srcport == 8080 && tcp.flags.syn == 1 && tcp.flags.ack == 1", 2),
                 ("ip.src == 10.0.0.3 && tcp.srcport == 8080 && tcp.flags.syn == 1 && tcp.flags.ack == 1", 1),
                 ("ip.src == 127.0.0.1 && tcp.srcport == 8080 && tcp.flags.syn == 1 && tcp.flags.ack == 1", 2),
                 ("ip.src == 10.0.0.2 && tcp.srcport == 8081 && tcp.flags.reset == 1", 1),
                 ("ip.src == 127.0.0.1 && tcp.srcport == 8081 && tcp.flags.syn == 1 && tcp.flags.ack == 1", 1),
                 ('http.host == "0.0.0.0:8080" && ip.dst == 127.0.0.1', 1),
                 ("frame.interface_name == server-lo && ip.src == 10.0.0.2 && ip.dst == 10.0.0.2 && http.request", 1),
                 ("http.response.code == 200", 6),
                 ("ip.addr == 0.0.0.0", 0)])
def bind_addresses(lab):
    """client (10.0.0.1, curl) and server (10.0.0.2 and 10.0.0.3 on one interface, nginx) on one link, captured at the
    server's eth0 and at its loopback interface lo. One nginx listens on 0.0.0.0, port 8080: on all addresses. It also
    listens on 127.0.0.1, port 8081: on that one only. (1) The client fetches from 10.0.0.2, port 8080. (2) And from
    10.0.0.3: the same server, that address answers. (3) The client tries port 8081 of 10.0.0.2: RST. On the server
    itself, all of it on lo: (4) it fetches from 127.0.0.1, port 8080; (5) from its own 10.0.0.2: this too stays on
    lo; (6) from 127.0.0.1, port 8081: here it is answered; (7) from http://0.0.0.0:8080/: Linux takes this for
    127.0.0.1, and no packet carries 0.0.0.0. (8) From the same nginx over a Unix domain socket: no packet at all. What
    passes lo is on no cable: its hardware addresses are zero, and nobody computes its TCP checksums."""
    client, server = lab.host("client"), lab.host("server")
    at_client, at_server = lab.link(client, "10.0.0.1/24", server, "10.0.0.2/24")
    server.run("ip", "addr", "add", "10.0.0.3/24", "dev", "eth0")
    client.run("ip", "neigh", "replace", "10.0.0.3", "lladdr", at_server.mac, "dev", "eth0", "nud", "permanent")
    client.knows(at_server)
    server.knows(at_client)
    lab.loopback_ports = {8080, 8081}
    nginx(lab, server, EVERYWHERE, "127.0.0.1:8081")
    lab.record(at_server, Port(server, "lo"))

    curl(lab, client, 50001, "http://10.0.0.2:8080/")
    curl(lab, client, 50002, "http://10.0.0.3:8080/")
    curl(lab, client, 50003, "http://10.0.0.2:8081/")
    curl(lab, server, 50004, "http://127.0.0.1:8080/")
    curl(lab, server, 50005, "http://10.0.0.2:8080/")
    curl(lab, server, 50006, "http://127.0.0.1:8081/")
    curl(lab, server, 50007, "http://0.0.0.0:8080/")
    server.run("curl", "-s", "-S", "--unix-socket", site(lab, server) / "socket", "http://localhost/")


@scenario("rtt-lan-wan", "The same exchange over a near, a far and a slow link: delay is one thing, speed another",
          needs=["nginx", "curl", "ping", "ss", "tc"],
          expect=["icmp.echo-request", "icmp.echo-reply", *OPENING, "http.request", "http.response", "tcp.close.fin"],
          shows=[("icmp.resptime < 5 && ip.src == 10.0.1.2", 3),
                 ("icmp.resptime > 80 && icmp.resptime < 90 && ip.src == 203.0.113.2", 3),
                 ("icmp.resptime < 5 && ip.src == 10.0.3.2", 3),
                 "tcp.analysis.initial_rtt < 0.005 && ip.addr == 10.0.1.2",
                 "tcp.analysis.initial_rtt > 0.08 && tcp.analysis.initial_rtt < 0.09 && ip.addr == 203.0.113.2",
                 "tcp.analysis.initial_rtt < 0.005 && ip.addr == 10.0.3.2",
                 ("http.time < 0.05 && ip.src == 10.0.1.2", 1),
                 ("http.time > 0.08 && http.time < 0.2 && ip.src == 203.0.113.2", 1),
                 ("http.time > 0.3 && ip.src == 10.0.3.2", 1),
                 ("http.response.code == 200", 3),
                 ("tcp.analysis.flags && !tcp.analysis.window_update", 0)])
def rtt_lan_wan(lab):
    """client (10.0.1.1, 203.0.113.1 and 10.0.3.1) has three links, captured at the client on each: to near (10.0.1.2)
    by a plain cable, to far (203.0.113.2) with 40 ms each way (a relay holds each frame back), to slow (10.0.3.2) by
    a short cable that takes only 200 kbit/s from there (tbf). With each it does the same: (1) three pings, (2) one
    HTTP request for a page of 12000 bytes (curl, nginx). near: a round trip takes less than a millisecond, and so
    does the page. far: about 80 ms the round trip; the page needs two of them, one to open the connection and one
    to ask, and its segments then arrive close together. slow: a round trip is as short as to near, but the segments
    arrive 60 ms apart, and the page takes longer than from far."""
    client, near, far, slow = (lab.host(name) for name in ("client", "near", "far", "slow"))
    links = [(near, lab.link(client, "10.0.1.1/24", near, "10.0.1.2/24")),
             (far, lab.link(client, "203.0.113.1/24", far, "203.0.113.2/24", delay=0.04)),
             (slow, lab.link(client, "10.0.3.1/24", slow, "10.0.3.2/24"))]
    slow.sysctl({"net.ipv4.tcp_early_retrans": 0})  # no probe for what only waits in the own queue
    slow.run("tc", "qdisc", "add", "dev", "eth0", "root", "tbf", "rate", "200kbit", "burst", 1600, "latency", "2s")
    page = "".join(f"<p>This is line {number:3} of 400.</p>" for number in range(400))[:12000]
    for host, (at_client, at_host) in links:
        client.knows(at_host)
        host.knows(at_client)
        pages(lab, host, page_html=page)
        nginx(lab, host, f"server {{ listen {at_host.ip}:80; root {{folder}}; }}", f"{at_host.ip}:80")
    lab.record(*[at_client for _, (at_client, _) in links])

    for number, (host, (_, at_host)) in enumerate(links):
        client.run("ping", "-c", 3, "-i", 0.3, at_host.ip)
        lab.wait(0.2)
        curl(lab, client, 50001 + number, "-o", "/dev/null", f"http://{at_host.ip}/page.html")
        lab.wait(0.2)
