"""HTTP and memory: cookies and sessions; copies that a client keeps, and how it asks whether they still hold."""

import os
import secrets
from http.server import BaseHTTPRequestHandler

from lab import hasten
from services import nginx, pages, python_server, site

from . import scenario
from .http import MESSAGES, TOOLS, client_and_server, curl

# What /set answers with: one cookie of each kind. The last two are not kept: one has expired, and one may only be set
# over TLS.
KINDS = [
    "theme=dark", "lang=zh; Max-Age=3600", "seen=tea; Expires=Fri, 01 Jan 2100 00:00:00 GMT", "brief=1; Max-Age=1",
    "basket=%7B%22tea%22%3A2%7D; Path=/shop", "hidden=1; HttpOnly", "strict=1; SameSite=Strict",
    "old=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "safe=1; Secure",
]


class Shop(BaseHTTPRequestHandler):
    """A site that one logs in to. nginx knows no sessions."""
    protocol_version, server_version, sys_version = "HTTP/1.1", "Shop", ""
    wbufsize = -1  # an answer leaves in one piece
    sessions = {}

    def answer(self, text, cookies=(), status=200):
        self.send_response(status)
        for cookie in cookies:
            self.send_header("Set-Cookie", cookie)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def session(self):
        """The number of the session that the request's cookies name, if the server knows it."""
        cookies = dict(pair.split("=", 1) for pair in self.headers.get("Cookie", "").split("; ") if pair)
        return cookies.get("session") if cookies.get("session") in Shop.sessions else None

    def do_POST(self):
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/logout":
            Shop.sessions.pop(self.session(), None)
            self.answer("Goodbye.\n", ["session=; Path=/; Max-Age=0"])
        elif sent == b"user=alice&password=not-a-secret":
            number = secrets.token_hex(16)
            Shop.sessions[number] = 0
            self.answer("Welcome, alice.\n", [f"session={number}; Path=/; HttpOnly; SameSite=Lax"])
        else:
            self.answer("Wrong password.\n", status=403)

    def do_GET(self):
        session = self.session()
        if self.path == "/set":
            self.answer("Take these.\n", KINDS)
        elif self.path == "/large":
            self.answer("Take these.\n", [f"fits={'x' * 4000}", f"large={'x' * 4200}"])
        elif session:
            Shop.sessions[session] += 1
            self.answer(f"Hello, alice. You have been here {Shop.sessions[session]} times.\n")
        else:
            self.answer("Hello. Who are you?\n")

    def log_message(self, *_):
        pass


@scenario("http-cookies", "Cookies: a session from login to logout, what makes a cookie go, and one that is too large",
          needs=TOOLS,
          expect=MESSAGES,
          shows=[('http.set_cookie matches "^session=[0-9a-f]{32}; Path=/; HttpOnly; SameSite=Lax"', 1),
                 ('http.cookie matches "session=[0-9a-f]{32}"', 9), ('http.set_cookie contains "Secure"', 1),
                 ('http.cookie contains "safe="', 0), ('http.cookie contains "old="', 0),
                 ('http.cookie contains "basket="', 1), ('http.cookie contains "brief="', 2),
                 ('http.set_cookie contains "SameSite=Strict"', 1), ('http.set_cookie contains "Expires="', 1),
                 ('http.set_cookie contains "session=; Path=/; Max-Age=0"', 1), ("len(http.cookie) > 4000", 1),
                 ('http.set_cookie contains "large="', 1), ('http.cookie contains "large="', 0),
                 ('http.request.method == "POST" && http.request.uri == "/logout"', 1)])
def http_cookies(lab):
    """client (10.0.0.1, curl with a file for its cookies) and server (10.0.0.2, a small server in Python that keeps
    sessions) on one link, captured at the client. By the client's port: 50001 a request without a cookie; a login
    with a wrong password (403); the right one: the answer sets the cookie `session`; two requests that carry it, and
    the server counts them. 50002 another connection, another run of curl: the cookie comes from the file, and the
    server knows alice. 50003 a stranger who has read the number of the session, and nothing else, is taken for alice.
    50004 an answer that sets nine cookies; the next request carries those that apply: not `basket` (for /shop only),
    `old` (expired) or `safe` (Secure, and this is no TLS); a request for /shop/ carries `basket` too. 50005 after 2.5
    s `brief` has expired; logout deletes `session`. 50006 curl as a browser that was closed and opened: only cookies
    with an end date are left. 50007 with no cookies at first: a cookie with a value of 4000 octets comes back, one of
    4200 is not kept."""
    client, server, at_client = client_and_server(lab)
    Shop.sessions.clear()
    python_server(server, 80, Shop)
    lab.record(at_client)

    www, jar = "http://www.example.test", f"-b {lab.folder}/jar -c {lab.folder}/jar"
    curl(lab, client, 50001, f"{jar} {www}/me", f"{jar} -d user=alice -d password=guess {www}/login",
         f"{jar} -d user=alice -d password=not-a-secret {www}/login", f"{jar} {www}/me", f"{jar} {www}/me")
    curl(lab, client, 50002, f"{jar} {www}/me")
    curl(lab, client, 50003, f"-b session={next(iter(Shop.sessions))} {www}/me")
    curl(lab, client, 50004, f"{jar} {www}/set", f"{jar} {www}/me", f"{jar} {www}/shop/")
    lab.wait(2.5)
    curl(lab, client, 50005, f"{jar} {www}/me", f"{jar} -X POST {www}/logout", f"{jar} {www}/me")
    curl(lab, client, 50006, f"{jar} -j {www}/me")
    large = f"-b {lab.folder}/jar-2 -c {lab.folder}/jar-2"
    curl(lab, client, 50007, f"{large} {www}/large", f"{large} {www}/me")


CACHE = """
    server_tokens off;
    gzip_comp_level 9;
    gzip_min_length 100;
    gzip_vary on;
    map $http_accept_language $language { default en; ~^zh zh; }
    server {
        listen 10.0.0.2:80;
        server_name www.example.test;
        root {folder};
        location /kept.html { add_header Cache-Control max-age=3600; }
        location /news.html { add_header Cache-Control no-cache; }
        location /account.html { add_header Cache-Control no-store; }
        location /search { default_type text/plain; return 200 "Found.\\n"; }
        location /now.html { ssi on; gzip on; }
        location /tea.html { gzip on; }
        location /hello {
            add_header Content-Language $language;
            add_header Vary Accept-Language;
            try_files $uri.$language.html =404;
        }
    }
"""

LINES = "".join(f"Line {number:3} of a long file.\n" for number in range(30))
NOW = "<p>The address is <!--#echo var='REQUEST_URI' -->.</p>\n" + 10 * "<p>The same again, and again the same.</p>\n"
BEFORE, CHANGED = "Thu, 01 Jan 2026 00:00:00 GMT", "Fri, 01 May 2026 00:00:00 GMT"


@scenario("http-cache-coding", "HTTP: is my copy still good (304), parts of files (206), compressed, which language",
          needs=TOOLS,
          expect=MESSAGES,
          shows=[("http.response.code == 304", 3), ('http.request.line contains "If-None-Match"', 2),
                 ('http.request.line contains "If-Modified-Since"', 2), ('http.cache_control == "max-age=3600"', 5),
                 ('http.response && http.cache_control == "no-cache"', 2), ('http.cache_control == "no-store"', 1),
                 ('http.request && http.cache_control == "no-cache"', 1), ("http.response.code == 206", 2),
                 ("http.response.code == 416", 1), ('http.request.line contains "Range: bytes=300-"', 1),
                 ('http.response.line contains "Content-Range: bytes 0-99/750"', 1),
                 ('http.content_encoding == "gzip" && http.transfer_encoding == "chunked"', 2),
                 ('http.response.line contains "Vary: Accept-Encoding"', 3),
                 ('http.response.line contains "Content-Language: zh"', 1),
                 ('http.accept_language == "zh-CN,zh;q=0.9"', 1)])
def http_cache_coding(lab):
    """client (10.0.0.1, curl) and server (10.0.0.2, nginx) on one link, captured at the client. By the client's port:
    50001 a page that may be kept for an hour; is my copy good, by ETag: 304; by the date of change: 304; for a date
    before it: 200; a forced reload (Cache-Control: no-cache in the request): 200. 50002 a page with no-cache, which
    may be kept but must be asked for each time: the second time 304; a page with no-store; a POST. 50003 the first
    100 octets of a file of 750: 206; the rest of a download that stopped after 300 octets: 206; from octet 9000: 416.
    50004 a page as it is; the same page and one that is made while it is sent, both gzip and both chunked, since the
    server does not know beforehand how long they become. 50005 one address in two languages, by Accept-Language."""
    client, server, at_client = client_and_server(lab)
    pages(lab, server, kept_html="<p>This stays.</p>\n", news_html="<p>This is new.</p>\n", lines_txt=LINES,
          account_html="<p>This is yours alone.</p>\n", now_html=NOW, tea_html=NOW, hello_en_html="<p>Hello</p>\n",
          hello_zh_html="<p>你好</p>\n")
    for page in site(lab, server).glob("*.*"):
        os.utime(page, (1777593600, 1777593600))  # CHANGED
    pages(lab, client, part_txt=LINES[:300])
    hasten(nginx(lab, server, CACHE, "10.0.0.2:80"))
    lab.record(at_client)

    www, files = "http://www.example.test", site(lab, client)
    keep, check = f"--etag-save {files}/etag", f"--etag-compare {files}/etag"
    curl(lab, client, 50001, f"{keep} {www}/kept.html", f"{check} {www}/kept.html", f"-z '{CHANGED}' {www}/kept.html",
         f"-z '{BEFORE}' {www}/kept.html", f"-H 'Cache-Control: no-cache' {www}/kept.html")
    curl(lab, client, 50002, f"{keep} {www}/news.html", f"{check} {www}/news.html", f"{www}/account.html",
         f"-d word=tea {www}/search")
    curl(lab, client, 50003, f"-r 0-99 {www}/lines.txt", f"-C - -o {files}/part.txt {www}/lines.txt",
         f"-r 9000- {www}/lines.txt")
    curl(lab, client, 50004, f"{www}/tea.html", f"--compressed {www}/tea.html", f"--compressed {www}/now.html")
    curl(lab, client, 50005, *[f"-H 'Accept-Language: {wanted}' {www}/hello" for wanted in ("en", "zh-CN,zh;q=0.9")])
