"""Proxies: one that acts for the client, one that stands before the servers; tinyproxy, nginx and gunicorn."""

import services
from lab import AT_ONCE, hasten

from . import scenario

TINYPROXY = """\
Port 8888
Listen 10.0.10.2
Timeout 60
MaxClients 10
ViaProxyName "tinyproxy"
LogFile "{folder}/tinyproxy.log"
LogLevel Critical
PidFile "{folder}/tinyproxy.pid"
ConnectPort 443
"""

# nginx as a forward proxy: it takes any http:// URL (the upstream's name is the host asked for), keeps what it gets,
# tells whom it asks for, and changes a word under way.
CACHING = """
    proxy_cache_path {folder}/cache keys_zone=pages:1m;
    upstream www.example.test { server 10.0.10.80:80; }
    server {
        listen 10.0.10.2:3128;
        location / {
            proxy_pass http://$host;
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_cache pages;
            add_header X-Cache-Status $upstream_cache_status;
            sub_filter_types text/plain;
            sub_filter 8:30 9:45;
        }
    }
"""

ORIGIN = """
    server {
        listen 10.0.10.80:80;
        listen 10.0.10.80:443 ssl;
        server_name www.example.test;
        ssl_certificate CERTIFICATE;
        ssl_certificate_key KEY;
        ssl_protocols TLSv1.3;
        root {folder};
        location /hello.txt { expires 1h; }
    }
"""
NAMES = "127.0.0.1 localhost\n10.0.10.80 www.example.test\n"


@scenario("proxy-forward", "A forward proxy: whole URLs, a tunnel by CONNECT, a cache, the variables that name it",
          needs=["chrt", "curl", "nginx", "openssl", "ping", "ss", "tinyproxy"],
          expect=["tcp.handshake.syn", "tcp.handshake.syn-ack", "tcp.handshake.ack", "http.request", "http.response",
                  "tcp.close.fin"],
          shows=[('http.request.uri == "http://www.example.test/hello.txt" && ip.dst == 10.0.10.2', 4),
                 ('http.request.uri == "/hello.txt" && ip.src == 10.0.10.2 && http.request.line contains "Via"', 2),
                 ('http.x_forwarded_for == "10.0.10.1"', 2),
                 ('http.response.line contains "X-Cache-Status: HIT"', 1),
                 ('http.file_data contains "8:30" && frame.interface_name == "client-eth0"', 1),
                 ('http.file_data contains "9:45"', 1),
                 ('http.request.method == "CONNECT" && http.request.uri == "www.example.test:443"', 2),
                 ("tls.handshake.type == 1 && ip.src == 10.0.10.1", 2),
                 ("tls.handshake.type == 1 && ip.src == 10.0.10.2", 2),
                 ("http.request && ip.src == 10.0.10.1 && ip.dst == 10.0.10.80 && "
                  'frame.interface_name == "client-eth0"', 2)])
def proxy_forward(lab):
    """client (10.0.10.1, curl), proxy (10.0.10.2) and origin (10.0.10.80, nginx, www.example.test) on one switch,
    captured at the client and at the origin. On the proxy runs tinyproxy (port 8888) and nginx as a forward proxy
    with a cache (port 3128). (1) curl -x, tinyproxy: the client sends the whole URL to the proxy; the origin gets the
    request from the proxy, with Via and without the client's address. (2) The same page through nginx, which tells
    the client's address in X-Forwarded-For: a cache miss. (3) Once more: a hit, nothing reaches the origin. (4) A
    timetable through tinyproxy, as it is. (5) The same through nginx, which changes 8:30 to 9:45: every checksum is
    right. (6) curl -x of an https URL: CONNECT, then TLS from end to end through the tunnel (the keys are in the
    file). (7) No -x: http_proxy names the proxy. (8) https_proxy, with an http:// proxy: CONNECT. (9) HTTP_PROXY in
    capitals, which curl does not heed: direct. (10) http_proxy is set, but no_proxy has the origin's name: direct.
    Client ports 50001 to 50010; the client acknowledges each segment at once."""
    client, proxy, origin = lab.host("client"), lab.host("proxy"), lab.host("origin")
    ports = lab.switch((client, "10.0.10.1/24"), (proxy, "10.0.10.2/24"), (origin, "10.0.10.80/24"))
    for host in (client, proxy, origin):
        host.knows(*(port for port in ports if port.host is not host))
        host.etc("hosts", NAMES)
    authority = services.Authority(lab)
    certificate, key = authority.certificate("www.example.test")
    services.pages(lab, origin, hello_txt="Hello from the origin.\n", train_txt="The train leaves at 8:30.\n")
    services.nginx(lab, origin, ORIGIN.replace("CERTIFICATE", str(certificate)).replace("KEY", str(key)),
                   ready="10.0.10.80:443")
    hasten(services.nginx(lab, proxy, CACHING, ready="10.0.10.2:3128"))
    # tinyproxy sends small pieces, and each waits for the acknowledgment of the one before (Nagle).
    client.run("ip", "route", "change", "10.0.10.0/24", "dev", "eth0", "quickack", 1)
    config = services.site(lab, proxy) / "tinyproxy.conf"
    config.write_text(TINYPROXY.format(folder=services.site(lab, proxy)))
    hasten(proxy.start("tinyproxy", "-d", "-c", config, ready=lambda: "10.0.10.2:8888 " in proxy.run("ss", "-ltn")))
    keys = lab.folder / "keys.log"
    lab.key_logs.append(keys)
    for host, other in ((client, "10.0.10.2"), (proxy, "10.0.10.80"), (origin, "10.0.10.1")):
        host.run("ping", "-c", 1, other)  # the switch learns who is where, and need not flood
    at_client, _, at_origin = ports
    lab.record(at_client, at_origin)

    used = iter(range(50001, 50011))

    def curl(url, *words, **variables):
        settings = [f"{name}={value}" for name, value in variables.items()]
        client.run(*AT_ONCE, "env", f"SSLKEYLOGFILE={keys}", *settings, "curl", "-s", "-S", "--cacert", authority.file,
                   "--local-port", next(used), *words, url)
        lab.wait(0.3)

    page, train, secure = (f"{scheme}://www.example.test/{name}" for scheme, name in (
        ("http", "hello.txt"), ("http", "train.txt"), ("https", "hello.txt")))
    tinyproxy, caching = "http://10.0.10.2:8888", "http://10.0.10.2:3128"
    curl(page, "-x", tinyproxy)
    curl(page, "-x", caching)
    curl(page, "-x", caching)
    curl(train, "-x", tinyproxy)
    curl(train, "-x", caching)
    curl(secure, "-x", tinyproxy)
    curl(page, http_proxy=tinyproxy)
    curl(secure, https_proxy=tinyproxy)
    curl(page, HTTP_PROXY=tinyproxy)
    curl(page, http_proxy=tinyproxy, no_proxy="www.example.test")


REVERSE = """
    server {
        listen 10.0.10.2:80;
        listen 10.0.10.2:443 ssl;
        server_name www.example.test;
        ssl_certificate CERTIFICATE;
        ssl_certificate_key KEY;
        ssl_protocols TLSv1.3;
        proxy_set_header Host $host;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto $scheme;
        location / { proxy_pass http://10.0.20.11:8080; }
        location /app { proxy_pass http://10.0.20.11:8000; }
        location /app/slow { proxy_pass http://10.0.20.11:8000; proxy_read_timeout 1s; }
        location /down { proxy_pass http://10.0.20.11:8001; }
        location /again { proxy_pass https://10.0.20.11:8443/; proxy_ssl_protocols TLSv1.3; }
    }
"""

BACKEND = """
    server {
        listen 10.0.20.11:8080;
        listen 10.0.20.11:8443 ssl;
        ssl_certificate CERTIFICATE;
        ssl_certificate_key KEY;
        ssl_protocols TLSv1.3;
        default_type text/plain;
        return 200 "$remote_addr asked, for $http_x_forwarded_for, who used $http_x_forwarded_proto.\\n";
    }
"""

# What gunicorn calls: a function by the rules of WSGI.
APPLICATION = '''\
import time


def application(environ, start_response):
    if environ["PATH_INFO"] == "/app/slow":
        time.sleep(2)
    names = ("REQUEST_METHOD", "PATH_INFO", "REMOTE_ADDR", "HTTP_X_FORWARDED_FOR", "wsgi.url_scheme", "wsgi.version")
    body = "".join(f"{name} = {environ.get(name)}\\n" for name in names).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
'''


@scenario("proxy-reverse", "A reverse proxy: TLS ends there, servers behind it, 502 and 504, a Python application",
          needs=["chrt", "curl", "gunicorn", "nginx", "openssl", "ss"],
          expect=["tcp.handshake.syn", "tcp.handshake.syn-ack", "tcp.handshake.ack", "tcp.handshake.refused",
                  "http.request", "http.response", "tcp.close.fin", "tcp.close.reset"],
          shows=[('http.server contains "nginx" && ip.src == 10.0.10.2', 8),
                 ('http.x_forwarded_for == "10.0.10.1" && ip.dst == 10.0.20.11', 4),
                 ('tls.handshake.type == 1 && ip.src == 10.0.10.1', 3),
                 ('tls.handshake.type == 1 && ip.src == 10.0.20.1', 1),
                 ('http.server contains "gunicorn" && ip.src == 10.0.20.11', 1),
                 ('http.response.code == 200 && tls && ip.dst == 10.0.10.1', 3),
                 ("http.response.code == 502 && !tls", 3),
                 ("tcp.flags.reset == 1 && tcp.srcport == 8001", 3),
                 ("http.response.code == 504", 1)])
def proxy_reverse(lab):
    """client (10.0.10.1, curl), proxy (10.0.10.2 outside, 10.0.20.1 inside, nginx, www.example.test) and backend
    (10.0.20.11) in a row, captured at the client and at the proxy's inner side. On the backend: nginx on port 8080
    and, with TLS, on 8443; gunicorn on port 8000 with a small Python application (WSGI); nobody on port 8001. (1)
    HTTP: the proxy asks the backend on a connection of its own, with X-Forwarded-For. (2) HTTPS outside (the keys are
    in the file), plain HTTP inside. (3) HTTPS outside, and TLS again inside (no keys of this second connection: nginx
    keeps them to itself). (4) HTTPS to the application: two hops of HTTP; the call of the Python function is on no
    wire. (5) The application takes 2 s, the proxy waits 1 s: 504. (6) Nobody listens: the SYN inside is refused, 502.
    curl was told to try again: after 1 s and after 2 s more it repeats the request."""
    client, proxy, backend = lab.host("client"), lab.host("proxy"), lab.host("backend")
    at_client, at_proxy = lab.link(client, "10.0.10.1/24", proxy, "10.0.10.2/24")
    at_proxy_inside, at_backend = lab.link(proxy, "10.0.20.1/24", backend, "10.0.20.11/24")
    client.knows(at_proxy)
    proxy.knows(at_client, at_backend)
    backend.knows(at_proxy_inside)
    client.etc("hosts", "10.0.10.2 www.example.test\n")
    authority = services.Authority(lab)

    def certified(text, name):
        certificate, key = authority.certificate(name)
        return text.replace("CERTIFICATE", str(certificate)).replace("KEY", str(key))

    services.nginx(lab, backend, certified(BACKEND, "backend.example.test"), ready="10.0.20.11:8443")
    hasten(services.nginx(lab, proxy, certified(REVERSE, "www.example.test"), ready="10.0.10.2:443"))
    services.pages(lab, backend, application_py=APPLICATION)
    backend.start("gunicorn", "--chdir", services.site(lab, backend), "--bind", "10.0.20.11:8000", "application",
                  ready=lambda: "10.0.20.11:8000 " in backend.run("ss", "-ltn"))
    keys = lab.folder / "keys.log"
    lab.key_logs.append(keys)
    lab.wait(1)  # gunicorn's worker has the application loaded
    lab.record(at_client, at_proxy_inside)

    def curl(port, url, *words):
        client.run(*AT_ONCE, "env", f"SSLKEYLOGFILE={keys}", "curl", "-s", "-S", "--cacert", authority.file,
                   "--noproxy", "*", "--local-port", port, *words, url)
        lab.wait(0.3)

    curl(50001, "http://www.example.test/")
    curl(50002, "https://www.example.test/")
    curl(50003, "https://www.example.test/again")
    curl(50004, "https://www.example.test/app")
    curl(50005, "http://www.example.test/app/slow")
    lab.wait(1.2)  # the application is done, and nobody wants its answer any more
    curl(50006, "http://www.example.test/down", "--retry", 2)
