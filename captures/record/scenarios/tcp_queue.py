"""The queue before accept(), and what many short connections leave behind."""

import functools

from services import nginx, pages

from . import scenario
from .tcp import OPENING, close_in_turn, two_hosts


@scenario("tcp-accept-queue", "The kernel opens connections by itself; and what it does when nobody takes them",
          expect=[*OPENING, "tcp.analysis.retransmission", "tcp.close.reset", "tcp.close.fin"],
          shows=[("tcp.srcport == 7001 && tcp.dstport == 50003 && tcp.flags == 0x012", 3),
                 ("tcp.srcport == 50003 && tcp.len == 0 && tcp.seq == 1 && tcp.ack == 1", 3),
                 ("tcp.srcport == 50004 && tcp.flags == 0x002", 3),
                 ("tcp.srcport == 7001 && tcp.dstport == 50004 && tcp.flags == 0x012", 1),
                 ("tcp.dstport == 7001 && tcp.flags == 0x002", 9),
                 ("tcp.srcport == 7002 && tcp.dstport == 50013 && tcp.flags.reset == 1", 1)])
def tcp_accept_queue(lab):
    """client (10.0.0.1) and server (10.0.0.2) with 20 ms each way between them (a relay), captured at the client.
    The server's program calls listen(1): Linux then keeps up to two opened connections until accept() takes them.
    (1) Port 50001 connects and asks; the program has not called accept(), yet the kernel shakes hands and
    acknowledges the question. (2) Ports 50002 and 50003 connect at the same time: both SYNs are answered, but the
    ACK of 50002 fills the queue, and the server ignores that of 50003: it repeats its SYN+ACK after 1 and 3 s,
    though the client thinks the connection open. (3) The queue is full: the SYN of 50004 is ignored and comes again
    after 1 and 3 s. (4) 2 s after that SYN the program begins to call accept(): the next repeated SYN+ACK and the
    next repeated SYN find room, and all four are served. (5) Three more connect, each taken by accept() at once:
    seven are open at the same time. They close. (6) Port 7002, the same overflow with tcp_abort_on_overflow=1: the
    third ACK is answered with RST. (tcp_syn_linear_timeouts=0: else Linux repeats the first four SYNs each
    second.)"""
    client, server, at_client, at_server = two_hosts(lab, delay=0.02)
    client.knows(at_server)
    server.knows(at_client)
    client.attempt("sysctl", "-q", "net.ipv4.tcp_syn_linear_timeouts=0")  # not there before 6.5

    def listen(port):
        made = server.socket(address="10.0.0.2", port=port)
        made.listen(1)
        return made

    def ask(ours, name):
        ours.sendall(f"May I come in? {name}\n".encode())

    def serve(ours, theirs):
        theirs.recv(100)
        theirs.sendall(b"Come in.\n")
        ours.recv(100)

    finish = functools.partial(close_in_turn, lab, apart=0.05, after=0.1)

    patient, strict = listen(7001), listen(7002)
    lab.record(at_client)

    def connect(port, to=7001, wait=True):
        return client.connect(("10.0.0.2", to), port=port, wait=wait)

    first = connect(50001)
    ask(first, "50001")
    lab.wait(0.2)
    second, third = (connect(port, wait=False) for port in (50002, 50003))
    lab.wait(0.2)
    fourth = connect(50004, wait=False)
    lab.wait(2)
    served = [patient.accept()[0] for _ in range(4)]
    lab.wait(0.2)
    for ours, name in ((second, "50002"), (third, "50003"), (fourth, "50004")):
        ask(ours, name)
    lab.wait(0.2)
    pairs = list(zip((first, second, third, fourth), served))
    for ours, theirs in pairs:
        serve(ours, theirs)
    lab.wait(0.2)
    for port in (50005, 50006, 50007):
        ours = connect(port)
        pairs.append((ours, patient.accept()[0]))
    for ours, theirs in pairs:
        finish(ours, theirs)

    server.sysctl({"net.ipv4.tcp_abort_on_overflow": 1})
    first = connect(50011, 7002)
    second, third = (connect(port, 7002, wait=False) for port in (50012, 50013))
    lab.wait(0.2)
    for ours in (first, second):
        finish(ours, strict.accept()[0])


SITE = """
    server_tokens off; etag off; max_ranges 0; add_header Last-Modified ""; default_type "";
    sendfile on; tcp_nopush on;  # the end of the answer and the FIN of `close` share a segment
    lingering_close off;
    server {
        listen 10.0.0.2:80; listen 10.0.0.2:81;
        keepalive_timeout 60; keepalive_requests 1000;
        root {folder};
    }
    server {
        listen 10.0.0.2:8080;
        keepalive_timeout 0;
        root {folder};
    }
"""
# One curl for each request, each with a source port of its own. The range that the kernel may choose from is made to
# hold just one: else it chooses at random.
LOOP = """
for port in $(seq 50001 50100); do
    echo $port $port > /proc/sys/net/ipv4/ip_local_port_range
    {curl} http://10.0.0.2:{to}/ok || exit 1
done
echo 50001 50100 > /proc/sys/net/ipv4/ip_local_port_range
"""
CURL = 'curl -s -S -o /dev/null --noproxy "*" -H User-Agent: -H Accept:'


def time_wait(host):
    """How many connections a host has in TIME-WAIT, by the server's port."""
    counts = {}
    for line in host.run("ss", "-Htan", "state", "time-wait").splitlines():
        port = next(port for port in ("80", "81", "8080") if f"10.0.0.2:{port} " in f"{line} ")
        counts[port] = counts.get(port, 0) + 1
    return counts


@scenario("tcp-many-short", "200 requests on 200 short connections, and the same 200 on one",
          needs=["nginx", "curl", "ss"],
          expect=[*OPENING, "http.request", "http.response", "tcp.close.fin", "tcp.close.time-wait"],
          shows=[("tcp.flags == 0x002 && tcp.dstport == 80", 100), ("tcp.flags == 0x002 && tcp.dstport == 8080", 100),
                 ("tcp.flags == 0x002 && tcp.dstport == 81", 1), ("http.request && tcp.dstport == 81", 200)])
def tcp_many_short(lab):
    """client (10.0.0.1, curl) and server (10.0.0.2, nginx) on one link, captured at the client, which may use the
    source ports 50001 to 50100. (1) 100 requests to port 80, each by a curl of its own: the client closes first.
    Then ss lists 100 connections in TIME-WAIT on the client, none on the server. (2) One more request to port 80
    fails: "Cannot assign requested address", for each of the 100 ports still waits; no SYN leaves. (3) 100 requests
    to port 8080, where nginx closes after each answer: the same source ports, free towards another port. ss lists
    100 in TIME-WAIT on the server; on the client no more than before. (4) The 200 requests again, to port 81, by one
    curl on one connection. ss lists one more on the client: 101."""
    client, server = lab.host("client"), lab.host("server")
    at_client, at_server = lab.link(client, "10.0.0.1/24", server, "10.0.0.2/24")
    client.knows(at_server)
    server.knows(at_client)
    pages(lab, server, ok="ok\n")
    nginx(lab, server, SITE, "10.0.0.2:8080")
    lab.record(at_client)

    def many(port):
        client.run("sh", "-c", LOOP.format(curl=CURL, to=port))
        lab.wait(0.2)

    def must_wait(at_client, at_server):
        found = time_wait(client), time_wait(server)
        if found != (at_client, at_server):
            raise RuntimeError(f"in TIME-WAIT at client and server: {found}")

    many(80)
    must_wait({"80": 100}, {})
    said = client.run("sh", "-c", f"{CURL} -v http://10.0.0.2/ok || true")
    if "Cannot assign requested address" not in said:
        raise RuntimeError(f"a source port was left: {said}")
    many(8080)
    must_wait({"80": 100}, {"8080": 100})
    client.sysctl({"net.ipv4.ip_local_port_range": "50001 50001"})
    client.run("sh", "-c", f'{CURL} "http://10.0.0.2:81/ok?[1-200]"')
    lab.wait(0.2)
    must_wait({"80": 100, "81": 1}, {"8080": 100})
