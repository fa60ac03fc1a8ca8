"""HTTP/2 and WebSocket: what came after one request at a time."""

from lab import PYTHON, hasten
from services import Authority, nginx, pages

from . import scenario
from .http import OPENING, client_and_server

HTTP2 = """
    server_tokens off;
    http2_chunk_size 1k;
    server {
        listen 10.0.0.2:80 http2;
        listen 10.0.0.2:443 ssl http2;
        server_name www.example.test;
        ssl_certificate %s;
        ssl_certificate_key %s;
        ssl_protocols TLSv1.2 TLSv1.3;
        root {folder};
        location /index.html { http2_push /style.css; }
    }
"""


@scenario("http2", "HTTP/2: streams interleaved on one connection, compressed headers, push, windows, and over TLS",
          needs=["nginx", "curl", "nghttp", "openssl", "ss"],
          expect=[*OPENING, "tcp.close.fin"],
          shows=[("http2.magic", 6), "http2.type == 4", ("http2.type == 5", 1), ("http2.type == 7", 4),
                 ("http2.window_update.window_size_increment && http2.streamid == 3", 1),
                 ("tcp.stream == 0 && http2.type == 0 && http2.streamid == 1 && ip.src == 10.0.0.2", 4),
                 ("tcp.stream == 0 && http2.type == 0 && http2.streamid == 3 && ip.src == 10.0.0.2", 4),
                 ("http2.settings.enable_push == 0", 3), 'http2.header.repr == "Indexed Header Field"',
                 ("http2.headers.status == 404", 1),
                 ("tls && http2.headers.status == 200", 2), ("tls.handshake.extensions_alpn_str == \"h2\"", 2)])
def http2(lab):
    """client (10.0.0.1) and server (10.0.0.2, nginx) on one link, captured at the client. The first five connections
    are in clear, with prior knowledge. By the client's port: 50001 (nghttp) three requests in one segment. The
    client's window is 2047 octets for each stream, so the server sends 2047 octets of the first page, as much of the
    second, and the rest as WINDOW_UPDATE allows: the streams 1, 3 and 5 are interleaved. 50002 (nghttp) the same
    address three times: the second and third header block are far shorter, as they name fields by their number in the
    table. 50003 (nghttp) a page with which the server pushes its style sheet unasked (PUSH_PROMISE, stream 2). 50004
    (nghttp --no-push) the same page; the client has said that it takes no push. 50005 (curl, which takes none either)
    a page that is not there: 404. 50006 (curl) over TLS, HTTP/2 chosen in the handshake (ALPN), twice the same page;
    the keys are in the file. nghttp says GOAWAY before it closes, curl just closes."""
    client, server, at_client = client_and_server(lab)
    pages(lab, server, one_txt=120 * "The first page, line after line.\n", two_txt=120 * "The second page: another.\n",
          index_html="<link rel=stylesheet href=style.css><h1>Welcome</h1>\n", style_css="h1 { color: green }\n")
    authority = Authority(lab)
    hasten(nginx(lab, server, HTTP2 % authority.certificate("www.example.test"), "10.0.0.2:443"))
    keys = lab.folder / "keys"
    lab.key_logs.append(keys)
    lab.record(at_client)

    def nghttp(port, *words):
        client.sysctl({"net.ipv4.ip_local_port_range": f"{port} {port}"})  # nghttp cannot be told a port
        client.run("nghttp", "--no-dep", "--null-out", *words)
        lab.wait(0.2)

    def curl(port, *words):
        client.run("env", f"SSLKEYLOGFILE={keys}", "curl", "-q", "-s", "-S", "--noproxy", "*", "--local-port", port,
                   "--cacert", authority.file, "--remote-name-all", "--output-dir", lab.folder, *words)
        lab.wait(0.2)

    www = "http://www.example.test"
    nghttp(50001, "--window-bits=11", f"{www}/one.txt", f"{www}/two.txt", f"{www}/style.css")
    nghttp(50002, "--multiply=3", f"{www}/style.css")
    nghttp(50003, f"{www}/index.html")
    nghttp(50004, "--no-push", f"{www}/index.html")
    curl(50005, "--http2-prior-knowledge", f"{www}/nothing-here")  # this curl cannot do two of these on one connection
    curl(50006, *["https://www.example.test/style.css"] * 2)


# Each a program of its own, on Debian's Python with its package `websockets`.
ECHO = """
import asyncio, websockets
async def echo(socket):
    await asyncio.sleep(0.3)
    await socket.send("Nobody asked, but it rains.")
    async for message in socket:
        await socket.send(message)
async def main():
    async with websockets.serve(echo, "10.0.0.2", 80, ping_interval=None, server_header="chat",
                                compression=None):
        await asyncio.Future()
asyncio.run(main())
"""

TALK = """
import asyncio, websockets
async def main():
    async with websockets.connect("ws://www.example.test/chat", local_addr=("10.0.0.1", 50001), ping_interval=None,
                                  origin="http://www.example.test", user_agent_header="talk",
                                  compression=None) as socket:
        await socket.recv()
        await asyncio.sleep(0.1)
        for message in ("Hello!", "你好", bytes(range(16)), ["one message ", "in ", "pieces"], 10 * "ten times over "):
            await socket.send(message)
            await socket.recv()
            await asyncio.sleep(0.1)
        await (await socket.ping(b"are you there?"))
        await asyncio.sleep(0.1)
asyncio.run(main())
"""


@scenario("websocket", "WebSocket: HTTP is left by 101, then both sides send messages when they like",
          needs=["python:websockets", "ss"],
          expect=[*OPENING, "http.request", "http.response", "tcp.close.fin"],
          shows=[('http.upgrade == "websocket" && http.request', 1), ("http.response.code == 101", 1),
                 ("websocket.opcode == 2", 2), "websocket.opcode == 9", "websocket.opcode == 10",
                 ("websocket.opcode == 8", 2), ("websocket.opcode == 0", 3), ("websocket.opcode == 1", 9),
                 "websocket.fin == 0",
                 "websocket.mask == 1 && ip.src == 10.0.0.1", "websocket.mask == 0 && ip.src == 10.0.0.2",
                 ("websocket.payload.close.status_code == 1000", 2)])
def websocket(lab):
    """client (10.0.0.1) and server (10.0.0.2), both Python with the library websockets, on one link, captured at the
    client. (1) An HTTP request with Upgrade: websocket, answered by 101: from then on no HTTP. (2) The server speaks
    first, 0.3 s later, unasked. (3) The client sends five messages, each of which the server sends back: two texts
    (the second in Chinese, UTF-8), 16 octets of binary data, a text in four frames (the last is empty), and a text of
    150 octets, whose length needs two octets more. What the client sends is masked, what the server sends is not. (4)
    The client's ping and the server's pong. (5) Both say close with code 1000; then the server ends the TCP
    connection."""
    client, server, at_client = client_and_server(lab)
    hasten(server.start(PYTHON, "-c", ECHO, ready=lambda: "10.0.0.2:80 " in server.run("ss", "-ltn")))
    lab.record(at_client)
    client.run(PYTHON, "-c", TALK)
    lab.wait(0.2)
