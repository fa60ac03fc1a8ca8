"""HTTP messages: methods, status codes, what is sent in an address, in a body, and how a body is labelled."""

import json
import os
from http.server import BaseHTTPRequestHandler

from lab import PYTHON, hasten
from services import nginx, pages, python_server, site

from . import scenario
from .http import MESSAGES, TOOLS, client_and_server, curl

METHODS = """
    limit_req_zone $server_name zone=slow:1m rate=1r/m;
    server_tokens off;
    server {
        listen 10.0.0.2:80;
        server_name www.example.test;
        root {folder};
        default_type text/plain;
        client_max_body_size 1k;
        large_client_header_buffers 4 1k;
        location /notes/ { dav_methods PUT DELETE; }
        location /guestbook { return 200 "Thank you.\\n"; }
        location /moved { return 302 /index.html; }
        location /members/ { auth_basic "members"; auth_basic_user_file {folder}/passwords; }
        location /dear { return 402; }
        location /secret { deny all; }
        location /busy { limit_req zone=slow; limit_req_status 429; error_page 429 @later; alias {folder}/index.html; }
        location @later { add_header Retry-After 60 always; return 429; }
        location /circle { try_files /nothing /circle/again; }
        location /down { proxy_pass http://127.0.0.1:9; }
        location /closed { return 503; }
        location /mute { proxy_pass http://127.0.0.1:9000; proxy_read_timeout 1s; }
    }
    server {
        listen 10.0.0.2:80;
        server_name shop.example.test;
        default_type text/plain;
        location / { return 200 "This is the shop, on the same address and port.\\n"; }
    }
"""

# nginx closes a connection whose request comes too slowly without a word; haproxy says 408.
IMPATIENT = """
defaults
    mode http
    timeout client 5s
    timeout server 5s
    timeout connect 5s
    timeout http-request 1s
frontend slow
    bind 10.0.0.2:8081
"""


# A WebSocket that is opened and closed; see the capture `websocket` for more.
DOOR = """
import asyncio, websockets
async def main():
    async with websockets.serve(lambda socket: socket.wait_closed(), "10.0.0.2", 8082, compression=None):
        await asyncio.Future()
asyncio.run(main())
"""
KNOCK = """
import asyncio, websockets
async def main():
    async with websockets.connect("ws://www.example.test:8082/", local_addr=("10.0.0.1", 50013), compression=None):
        await asyncio.sleep(0.1)
asyncio.run(main())
"""


class Notes(BaseHTTPRequestHandler):
    """What nginx without further modules has no answer for: POST that makes something new, PATCH, OPTIONS, TRACE, GET
    that changes something, operations named in the body, 202, 303."""
    protocol_version, server_version, sys_version = "HTTP/1.1", "Notes", ""
    wbufsize = -1  # an answer leaves in one piece
    made = 0

    def answer(self, status, text="", **fields):
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        if status != 204:
            self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()

    def do_POST(self):
        sent = self.body()
        if self.path == "/notes/":
            Notes.made += 1
            self.answer(201, Location=f"/notes/{Notes.made}")
        elif self.path == "/jobs":
            self.answer(202, "It will be done.\n")
        elif self.path == "/orders":
            self.answer(303, Location="/orders/1")
        elif self.path == "/rpc":
            self.answer(200, json.dumps({"done": json.loads(sent)["do"]}), Content_Type="application/json")
        else:
            self.answer(405, Allow="GET, HEAD, OPTIONS, PATCH")

    def do_PATCH(self):
        self.answer(200, f"Changed: {self.body()}\n")

    def do_OPTIONS(self):
        self.answer(204, Allow="GET, HEAD, OPTIONS, PATCH")

    def do_TRACE(self):
        self.answer(200, f"{self.requestline}\r\n{self.headers}", Content_Type="message/http")

    def do_CONNECT(self):
        self.answer(405, Allow="GET, HEAD, OPTIONS, PATCH")

    def do_GET(self):
        if self.path == "/notes/delete?note=1":
            Notes.made = 0
            self.answer(200, "Deleted.\n")
        elif self.path == "/notes/1" and not Notes.made:
            self.answer(404, "No such note.\n")
        else:
            self.answer(200, "Here it is.\n")

    def log_message(self, *_):
        pass


class Mute(BaseHTTPRequestHandler):
    """Takes requests and never answers."""

    def do_GET(self):
        self.rfile.read()

    def log_message(self, *_):
        pass


STATUSES = [100, 101, 200, 201, 202, 204, 301, 302, 303, 304, 400, 401, 402, 403, 404, 405, 408, 413, 414, 429, 500,
            501, 502, 503, 504]


@scenario("http-methods-status", "All nine HTTP methods, and statuses from 100 to 504",
          needs=[*TOOLS, "haproxy", "python:websockets"],
          expect=MESSAGES,
          shows=[*[f"http.request.method == {method}" for method in
                   ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "CONNECT")],
                 *[f"http.response.code == {status}" for status in STATUSES],
                 'http.request.method == "POST" && http.request.uri == "/rpc"'])
def http_methods_status(lab):
    """client (10.0.0.1, curl) and server (10.0.0.2) on one link, captured at the client. By the client's port: 50001,
    to nginx on port 80: GET with User-Agent, Referer and Origin, HEAD; the second virtual host (shop) on the same
    address; then one address, /notes/today, with GET (404), PUT (201), GET, PUT (204), GET, DELETE (204), GET (404),
    and PUT again with Expect: 100-continue. 50002: 301, 302 and the page it leads to, 304, 401, the page with the
    password, 402, 403, 405, a POST answered 200, the same page twice within a minute (the second: 429), 502 (nobody
    is behind the proxy), 503, 504 (who is behind the proxy does not answer for 1 s). Then five that end the
    connection, 50003 to 50007: 400 (no Host), 413 (the body is refused before it is sent), 414, 500 (a configuration
    that runs in circles), 501 (an unknown transfer coding). 50010, to a server in Python on port 8080, because nginx
    has no answer for these: POST twice (two notes, 201), PATCH, OPTIONS, TRACE, 405 with Allow, a GET that deletes,
    and the note is gone; 202; 303 and the page it leads to; three operations on one address, named in the body of a
    POST. 50011: CONNECT, which is refused (405). 50012, to haproxy on port 8081: half a request, and silence: 408
    after a second. 50013, to port 8082: 101 to WebSocket."""
    client, server, at_client = client_and_server(lab)
    pages(lab, server, index_html="<h1>Welcome</h1>\n", passwords="alice:{PLAIN}not-a-secret\n")
    for folder in ("notes", "books", "members"):
        (site(lab, server) / folder).mkdir()
    (site(lab, server) / "members" / "index.html").write_text("<h1>Members only</h1>\n")
    os.utime(site(lab, server) / "index.html", (1767225600, 1767225600))  # 2026-01-01
    python_server(server, 8080, Notes)
    python_server(server, 9000, Mute, address="127.0.0.1")
    impatient = lab.folder / "haproxy.cfg"
    impatient.write_text(IMPATIENT)
    hasten(server.start("haproxy", "-db", "-f", impatient, ready=lambda: ":8081 " in server.run("ss", "-ltn")))
    hasten(server.start(PYTHON, "-c", DOOR, ready=lambda: ":8082 " in server.run("ss", "-ltn")))
    hasten(nginx(lab, server, METHODS, "10.0.0.2:80"))
    lab.record(at_client)

    www, shop, api = "http://www.example.test", "http://shop.example.test", "http://www.example.test:8080"
    note, text = f"{www}/notes/today", "-H 'Content-Type: text/plain'"
    curl(lab, client, 50001,
         f"{www}/ -e {shop}/offers -A 'Mozilla/5.0 (pcaplain)' -H 'Origin: {shop}'", f"-I {www}/", f"{shop}/",
         note, f"-X PUT {text} -d first {note}", note, f"-X PUT {text} -d second {note}", note,
         f"-X DELETE {note}", note,
         f"-X PUT -H 'Expect: 100-continue' {text} -d third {note}")
    curl(lab, client, 50002,
         f"{www}/books", f"{www}/moved -L", f"{www}/ -H 'If-Modified-Since: Thu, 01 Jan 2026 00:00:00 GMT'",
         f"{www}/members/", f"{www}/members/ -u alice:not-a-secret", f"{www}/dear", f"{www}/secret",
         f"-d hello {www}/index.html", f"-d hello {www}/guestbook", f"{www}/busy", f"{www}/busy", f"{www}/down",
         f"{www}/closed", f"{www}/mute")
    for port, request in enumerate((f"{www}/ -H Host:", f"{www}/guestbook -H 'Expect: 100-continue' -d {'x' * 1025}",
                                    f"{www}/?{'x' * 1025}", f"{www}/circle",
                                    f"{www}/guestbook -H 'Transfer-Encoding: unheard-of' -d hello"), 50003):
        curl(lab, client, port, request)
    curl(lab, client, 50010,
         f"{text} -d hello {api}/notes/", f"{text} -d hello {api}/notes/", f"-X PATCH {text} -d Hello! {api}/notes/1",
         f"-X OPTIONS {api}/notes/1", f"-X TRACE {api}/notes/1", f"-d hello {api}/notes/1",
         f"{api}/notes/delete?note=1", f"{api}/notes/1", f"-d print {api}/jobs", f"-d tea -L {api}/orders",
         *[f"{api}/rpc -H 'Content-Type: application/json' --data-raw '{json.dumps({'do': verb, 'note': 1})}'"
           for verb in ("read", "write", "delete")])
    client.attempt("curl", "-q", "-s", "--local-port", 50011, "--proxytunnel", "--proxy", api, f"{shop}/")
    lab.wait(0.2)

    slow = client.connect(("10.0.0.2", 8081), port=50012)
    slow.sendall(b"GET /index.html HTTP/1.1\r\nHost: www.exam")
    slow.recv(1000)
    lab.wait(0.1)
    slow.close()
    lab.wait(0.2)
    client.run(PYTHON, "-c", KNOCK)
    lab.wait(0.2)


FORMS = """
    server_tokens off;
    server {
        listen 10.0.0.2:80;
        listen 10.0.0.2:8080;
        server_name www.example.test;
        root {folder};
        default_type text/plain;
        location /search { return 200 "Found.\\n"; }
        location /post { client_max_body_size 16k; proxy_pass http://127.0.0.1:9000; }
        location /private/ { auth_basic "members"; auth_basic_user_file {folder}/passwords; alias {folder}/; }
    }
    server {  # behind the first, which reads the whole body before it passes a request on
        listen 127.0.0.1:9000;
        default_type text/plain;
        location / { return 200 "Received.\\n"; }
    }
"""

# A JPEG file, complete: 8 by 8 points, all of the same grey.
JPEG = bytes.fromhex("ffd8" "ffe000104a46494600010100000100010000" "ffdb004300" + 64 * "01" +
                     "ffc0000b080008000801011100" "ffc400140001" + 16 * "00" + "ffc400141001" + 16 * "00" +
                     "ffda0008010100003f00" "3f" "ffd9")


@scenario("http-forms", "What a form sends, in the address or in the body, and what of an address is sent at all",
          needs=TOOLS,
          expect=MESSAGES,
          shows=[('http.request.method == "GET" && http.request.uri.query.parameter == "page=2"', 2),
                 ('http.request.uri matches "(?i)%E4%BD%A0%E5%A5%BD"', 2),
                 ("http.request.uri matches \"[\\x80-\\xff]\"", 1), 'http.request.uri contains "%23"',
                 ("len(http.request.uri) > 4000 && len(http.request.uri) < 5000", 1),
                 ("len(http.request.uri) > 9000", 1), ("http.response.code == 414", 1),
                 ("http.response.code == 413", 1), ('http.request.method == "GET" && http.content_length > 0', 1),
                 "http.content_length > 10000", 'urlencoded-form.value == "not-a-secret"', "json", "mime_multipart",
                 "image-jfif || mime_multipart.header.content-type == \"image/jpeg\"",
                 ('http.authbasic == "alice:not-a-secret"', 2), ('http.authbasic == "alice:guess"', 1),
                 ("http.response.code == 401", 2), ('http.host == "www.example.test:8080"', 1)])
def http_forms(lab):
    """client (10.0.0.1, curl) and server (10.0.0.2, nginx) on one link, captured at the client. By the client's port:
    50001 GET with data in the query: two parameters; two Chinese characters percent-encoded, by hand and by curl; the
    same raw, as an address may not have them; an encoded #; two parameters parted by a semicolon; an address with
    #chapter-2, which is not sent; a GET with a body; a query of 4005 characters. 50002 one of 9005: 414. 50003 POST:
    a form with a password that all can read; an empty body with the data in the query; JSON; a form with a text and a
    picture (multipart/form-data); 12,005 octets. 50004 20,005 octets: 413, said before the body is sent. 50005 a page
    that needs a password: without one 401, with a wrong one 401, with the right one 200. 50006 one address that has
    all parts: the userinfo becomes Authorization, the host and port become Host, the fragment is not sent."""
    client, server, at_client = client_and_server(lab)
    pages(lab, server, index_html="<h1>Welcome</h1>\n", passwords="alice:{PLAIN}not-a-secret\n")
    pages(lab, client, photo_jpg=JPEG, order_json='{"tea": 2, "cup": "green"}')
    hasten(nginx(lab, server, FORMS, "10.0.0.2:80"))
    lab.record(at_client)

    www, files = "http://www.example.test", site(lab, client)
    curl(lab, client, 50001,
         f"'{www}/search?word=tea&page=2'", f"{www}/search?word=%E4%BD%A0%E5%A5%BD",
         f"-G --data-urlencode word=你好 {www}/search", f"{www}/search?word=你好", f"{www}/search?word=%23",
         f"'{www}/search?word=tea;page=2'", f"{www}/index.html#chapter-2",
         f"-X GET -d word=tea {www}/search", f"{www}/search?word={'x' * 4000}")
    curl(lab, client, 50002, f"{www}/search?word={'x' * 9000}")
    curl(lab, client, 50003,
         f"-d user=alice -d password=not-a-secret {www}/post", f"-X POST -d '' '{www}/post?user=alice'",
         f"-H 'Content-Type: application/json' --data-binary @{files}/order.json {www}/post",
         f"-F 'caption=你好' -F photo=@{files}/photo.jpg {www}/post", f"-H Expect: -d text={'x' * 12000} {www}/post")
    curl(lab, client, 50004, f"-H 'Expect: 100-continue' -d text={'x' * 20000} {www}/post")
    curl(lab, client, 50005, f"{www}/private/",
         *[f"-u alice:{password} {www}/private/" for password in ("guess", "not-a-secret")])
    curl(lab, client, 50006, "'http://alice:not-a-secret@www.example.test:8080/private/index.html?page=2#top'")
