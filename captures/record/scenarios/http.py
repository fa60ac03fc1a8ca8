"""HTTP: real servers and real clients; here connections: one for many requests, who closes, requests in a row."""

import shlex
import time
from http.server import BaseHTTPRequestHandler

from lab import hasten
from services import nginx, pages, python_server

from . import scenario
from .tcp import OPENING, take_fin

MESSAGES = [*OPENING, "http.request", "http.response", "tcp.close.fin"]
TOOLS = ["nginx", "curl", "ss"]
NAMES = "www.example.test shop.example.test"


def client_and_server(lab):
    """client 10.0.0.1 and server 10.0.0.2 (whose names the client knows) on one link, without ARP."""
    client, server = lab.host("client"), lab.host("server")
    at_client, at_server = lab.link(client, "10.0.0.1/24", server, "10.0.0.2/24")
    client.knows(at_server)
    server.knows(at_client)
    client.etc("hosts", f"10.0.0.2 {NAMES}\n")
    for host in (client, server):  # no tail loss probes: an acknowledgment that a busy machine delays is no loss
        host.sysctl({"net.ipv4.tcp_early_retrans": 0})
    return client, server, at_client


def curl(lab, client, port, *requests):
    """One run of curl from a fixed port: each of `requests` (words as in a shell) one after another, on one
    connection as long as the server keeps it."""
    words = []
    for request in requests:
        words += ["--next"] if words else ["-q"]
        words += ["-s", "-S", "--noproxy", "*", "--local-port", port]
        words += [*([] if " -o " in f" {request}" else ["-o", "/dev/null"]), *shlex.split(request)]
    client.run("curl", *words)
    lab.wait(0.2)


TIME_PAGE = '<p>You asked for <!--#echo var="REQUEST_URI" --> at <!--#echo var="DATE_LOCAL" -->.</p>\n'

BASIC = """
    server {
        listen 10.0.0.2:80;
        server_name www.example.test;
        root {folder};
        location /time.html { ssi on; }
        location /guestbook { default_type text/plain; return 200 "Thank you.\\n"; }
    }
    server {
        listen 10.0.0.2:8080;
        default_type text/plain;
        location / { return 200 "This is the server on port 8080.\\n"; }
    }
"""


@scenario("http11-basic", "HTTP/1.1: two requests on one connection, a chunked body, 404, POST, a second port",
          needs=TOOLS,
          expect=MESSAGES,
          shows=[("http.request.method == GET", 4), ("http.request.method == POST", 1), "http.content_length == 18",
                 ("http.transfer_encoding == chunked", 1), ("http.response.code == 404", 1),
                 ('http.host == "www.example.test:8080"', 1), ("tcp.flags.syn == 1 && tcp.flags.ack == 0", 4)])
def http11_basic(lab):
    """client (10.0.0.1, curl) and server (10.0.0.2, nginx) on one link, captured at the client. (1) One connection,
    two requests: a page with Content-Length, then one that the server makes while it sends (server-side include),
    with Transfer-Encoding: chunked. (2) A page that does not exist: 404. (3) A small POST. (4) A second server on
    port 8080: the port then stands in the Host header."""
    client, server, at_client = client_and_server(lab)
    pages(lab, server, hello_txt="Hello from nginx.\n", time_html=TIME_PAGE)
    hasten(nginx(lab, server, BASIC, "10.0.0.2:8080"))
    lab.record(at_client)

    curl(lab, client, 50001, "http://www.example.test/hello.txt", "http://www.example.test/time.html")
    curl(lab, client, 50002, "http://www.example.test/nothing-here")
    curl(lab, client, 50003, "-d 'name=Ada&message=hello' http://www.example.test/guestbook")
    curl(lab, client, 50004, "http://www.example.test:8080/")


CLOSING = """
    server {
        listen 10.0.0.2:80;
        server_name www.example.test;
        root {folder};
        server_tokens off;
        location /time.html { ssi on; }
        location /impatient/ { alias {folder}/; keepalive_timeout 1s; }
        location /twice/ { alias {folder}/; keepalive_requests 2; }
    }
"""
QUESTION = b"GET %s HTTP/1.1\r\nHost: www.example.test\r\n\r\n"


@scenario("http-close", "Who closes an HTTP connection, and when: Connection: close, HTTP/1.0, keep-alive, time limit",
          needs=TOOLS,
          expect=[*MESSAGES, "tcp.close.time-wait"],
          shows=[('http.request && http.connection == "close"', 1), ('http.request.version == "HTTP/1.0"', 3),
                 ('http.request && http.connection == "keep-alive"', 2),
                 ('http.response && http.connection == "close"', 3),
                 "tcp.srcport == 80 && tcp.flags.fin == 1 && tcp.stream == 0",
                 ("http.request && tcp.stream == 2", 2), ("http.request && tcp.stream == 3", 2)])
def http_close(lab):
    """client (10.0.0.1, curl) and server (10.0.0.2, nginx) on one link, captured at the client. By the client's port:
    50001 the client asks for Connection: close; the server closes first. 50002 HTTP/1.0 without any Connection field,
    and a page that is made while it is sent: it has no length, its end is the end of the connection. 50003 HTTP/1.0
    with Connection: keep-alive: two requests. 50004 HTTP/1.1 without any Connection field: two requests, and the
    client closes first. 50005 the client (here a Python socket) keeps silent after the answer: the server's limit
    (keepalive_timeout, 1 s) runs out and the server closes. 50006 the server grants two requests for each connection
    (keepalive_requests) and says Connection: close in its second answer."""
    client, server, at_client = client_and_server(lab)
    pages(lab, server, hello_txt="Hello from nginx.\n", time_html=TIME_PAGE)
    hasten(nginx(lab, server, CLOSING, "10.0.0.2:80"))  # else it were luck who of the two closes first
    lab.record(at_client)

    hello, made = "http://www.example.test/hello.txt", "http://www.example.test/time.html"
    curl(lab, client, 50001, f"-H 'Connection: close' {hello}")
    curl(lab, client, 50002, f"-0 {made}")
    curl(lab, client, 50003, *[f"-0 -H 'Connection: keep-alive' {hello}"] * 2)
    curl(lab, client, 50004, hello, hello)

    silent = client.connect(("10.0.0.2", 80), port=50005)
    silent.sendall(QUESTION % b"/impatient/hello.txt")
    silent.recv(1000)
    take_fin(silent)
    lab.wait(0.1)
    silent.close()
    lab.wait(0.2)

    curl(lab, client, 50006, *["http://www.example.test/twice/hello.txt"] * 2)


class Slow(BaseHTTPRequestHandler):
    """Answers after 0.3 s."""
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        time.sleep(0.3)
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", "16")
        self.end_headers()
        self.wfile.write(b"This took long.\n")

    def log_message(self, *_):
        pass


PIPELINE = """
    server {
        listen 10.0.0.2:80;
        server_name www.example.test;
        root {folder};
        server_tokens off;
        location /slow { proxy_pass http://127.0.0.1:9000; }
    }
"""


@scenario("http-pipelining", "HTTP/1.1 pipelining: several requests in one segment, one request in several segments",
          needs=["nginx", "ss"],
          expect=MESSAGES,
          shows=[('http.request.uri == "/one.txt" && http.request.uri == "/two.txt"', 1),
                 ('http.request.uri == "/slow" && http.request.uri == "/one.txt"', 1),
                 ('http.request.uri == "/two.txt" && tcp.segment', 1), ("http.request", 3), ("http.response", 5)])
def http_pipelining(lab):
    """client (10.0.0.1, a Python socket: no common client does this any more) and server (10.0.0.2, nginx) on one
    link, captured at the client. One connection. (1) Two requests in one write, and so in one segment: two answers,
    in the order of the requests. (2) Again two in one segment; the first is for a page that takes 0.3 s (nginx
    fetches it from a slow program behind it). The second page is ready at once, but its answer must wait for its
    turn. (3) One request in three writes, 0.1 s apart: three segments, one answer after the last."""
    client, server, at_client = client_and_server(lab)
    pages(lab, server, one_txt="The first page.\n", two_txt="The second page.\n")
    python_server(server, 9000, Slow, address="127.0.0.1")
    hasten(nginx(lab, server, PIPELINE, "10.0.0.2:80"))
    lab.record(at_client)

    ours = client.connect(("10.0.0.2", 80), port=50001)

    def ask(*parts):
        for part in parts:
            ours.sendall(part)
            lab.wait(0.1)
        lab.wait(0.5)
        ours.recv(4000)

    one, two = QUESTION % b"/one.txt", QUESTION % b"/two.txt"
    ask(one + two)
    ask(QUESTION % b"/slow" + one)
    ask(two[:9], two[9:30], two[30:])
    ours.close()
    lab.wait(0.2)
