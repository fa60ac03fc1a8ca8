"""Calling a procedure on another machine: gRPC, JSON-RPC, REST, MCP: four ways to say what to do."""

import json
import ssl
import time
from http.server import BaseHTTPRequestHandler

from services import Authority, python_server

from lab import PYTHON

from . import scenario
from .tcp import OPENING, two_hosts

TOKEN = "not-a-secret"

# Generic handlers take and give octets: no code need be generated from a description of the service. The octets are
# Protocol Buffers all the same: field 1, a text.
GRPC_SERVER = """\
import grpc, sys
from concurrent import futures

def get(request, context):
    city = request[2:].decode()
    if city != "Paris":
        context.abort(grpc.StatusCode.NOT_FOUND, "no such city")
    return bytes([10, 5]) + b"sunny"

server = grpc.server(futures.ThreadPoolExecutor(max_workers=1), options=[("grpc.http2.bdp_probe", 0)])
server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(
    "lab.Weather", {"Get": grpc.unary_unary_rpc_method_handler(get)})])
server.add_insecure_port("10.0.0.2:8080")
server.start()
server.wait_for_termination()
"""

GRPC_CLIENT = """\
import grpc, time

options = [("grpc.http2.bdp_probe", 0), ("grpc.enable_http_proxy", 0), ("grpc.enable_retries", 0)]
channel = grpc.insecure_channel("ipv4:10.0.0.2:8080", options)
for method, city in (("Get", "Paris"), ("Get", "Atlantis"), ("Set", "Paris")):
    try:
        channel.unary_unary("/lab.Weather/" + method)(bytes([10, len(city)]) + city.encode(), wait_for_ready=True)
    except grpc.RpcError as error:
        print(error.code())
    time.sleep(0.2)
channel.close()
time.sleep(0.2)
"""

class Api(BaseHTTPRequestHandler):
    """A REST interface at /cities/NAME, JSON-RPC at /rpc, MCP at /mcp. In Python, as all three are programs."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # header and body in one segment
    cities = {"paris": {"name": "Paris", "weather": "sunny"}}

    def log_message(self, *_):
        pass

    def answer(self, code, content=None, **fields):
        """Send a response, with `content` as JSON if there is any."""
        body = b"" if content is None else json.dumps(content).encode() + b"\n"
        self.send_response(code)
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        if content is not None:
            self.send_header("Content-Type", "application/json")
        if code != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def body(self):
        return json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or "null")

    def resource(self):
        """REST: the path names the thing, the method what to do with it."""
        path, _, query = self.path.partition("?")
        sent, city = self.body(), path.rpartition("/")[2]
        if self.headers.get("Authorization") != f"Bearer {TOKEN}" and query != f"access_token={TOKEN}":
            self.answer(401, {"error": "token missing"}, WWW_Authenticate='Bearer realm="cities"')
        elif self.command == "PUT":
            self.cities[city] = sent
            self.answer(201, sent)
        elif city not in self.cities:
            self.answer(404, {"error": "no such city"})
        elif self.command == "DELETE":
            del self.cities[city]
            self.answer(204)
        else:
            self.answer(200, self.cities[city])

    do_GET = do_PUT = do_DELETE = resource

    def do_POST(self):
        """JSON-RPC 2.0: what to do stands in the body."""
        call = self.body()
        methods = {"/rpc": {"weather": lambda city: "sunny" if city == "paris" else "unknown"},
                   "/mcp": {"initialize": initialize, "tools/list": list_tools}}[self.path]
        if "id" not in call:
            self.answer(202)  # a notification: nobody waits for an answer
        elif call["method"] in methods:
            result = methods[call["method"]](**call.get("params", {}))
            session = {"Mcp_Session_Id": "session-1"} if call["method"] == "initialize" else {}
            self.answer(200, {"jsonrpc": "2.0", "id": call["id"], "result": result}, **session)
        else:
            error = {"code": -32601, "message": "Method not found"}
            self.answer(200, {"jsonrpc": "2.0", "id": call["id"], "error": error})


class SecureApi(Api):
    """The same over TLS, in version 1.2, where the two speak strictly in turn: the same segments each time."""

    context = None

    def setup(self):
        self.request = self.context.wrap_socket(self.request, server_side=True)
        super().setup()

    def finish(self):
        super().finish()
        time.sleep(0.02)  # until the client's FIN is here, which follows its closing alert at once
        self.request.close()


def initialize(**_):
    """MCP: what this server can do."""
    return {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}},
            "serverInfo": {"name": "weather", "version": "1"}}


def list_tools():
    """MCP: which tools there are."""
    return {"tools": [{"name": "weather", "description": "Weather of a city", "inputSchema": {
        "type": "object", "properties": {"city": {"type": "string"}}}}]}


def call(method, number=None, **params):
    """A call as JSON-RPC 2.0 writes it; without a number it is a notification."""
    said = {"jsonrpc": "2.0", "method": method}
    if number is not None:
        said["id"] = number
    if params:
        said["params"] = params
    return json.dumps(said)


@scenario("rpc", "Remote procedure calls: gRPC, JSON-RPC, a REST interface with a token, MCP",
          needs=["curl", "openssl", "python:grpc", "ss"],
          expect=[*OPENING, "http.request", "http.response", "tcp.close.fin"],
          shows=[('http2.headers.path == "/lab.Weather/Get"', 2), ('http2.headers.path == "/lab.Weather/Set"', 1),
                 ('http2.header.value == "application/grpc"', 6),
                 *[(f'http2.header.name == "grpc-status" && http2.header.value == "{status}"', 1)
                   for status in (0, 5, 12)],
                 ('http.request.uri == "/rpc" && http.request.method == "POST" && frame contains "jsonrpc"', 3),
                 ('http.response && frame contains "\\"result\\": \\"sunny\\""', 1),
                 ('http.response && frame contains "-32601"', 1),
                 ('http.authorization == "Bearer not-a-secret"', 4), ("http.response.code == 401", 1),
                 ("http.response.code == 201", 1), ("http.response.code == 204", 1), ("http.response.code == 404", 1),
                 ('http.request.uri == "/cities/oslo" && http.request.method == "PUT"', 1),
                 ('http.request.uri == "/cities/oslo" && http.request.method == "DELETE"', 1),
                 ('http.request.uri == "/mcp" && frame contains "initialize"', 2),
                 ('http.request.uri == "/mcp" && frame contains "tools/list"', 1),
                 ("tls.record.content_type == 23", 2), ("tcp.port == 443 && http", 0)])
def rpc(lab):
    """client (10.0.0.1) and server (10.0.0.2) with 50 ms each way between them (a relay, which keeps the client's
    first words of HTTP/2 for 50 ms more), captured at the client; both acknowledge all data at once (quickack). (1)
    gRPC over HTTP/2 without TLS, port 8080: /lab.Weather/Get for a city that is known (status 0) and one that is not
    (5, NOT_FOUND), then a method that does not exist (12, UNIMPLEMENTED). (2) JSON-RPC 2.0, POST to port 80: a call,
    an unknown method (error -32601 in a response 200), a notification (no id, no result). (3) A REST interface on
    port 80: GET without a token (401), with Authorization: Bearer (200), with the token in the URL, where logs and
    histories keep it (200); PUT, DELETE and GET of one URL (201, 204, 404). (4) MCP, JSON-RPC again: initialize,
    notifications/initialized, tools/list. (5) The REST call once more over TLS on port 443: the token and the JSON
    cannot be read; the file has no keys for it."""
    client, server, at_client, at_server = two_hosts(lab, delay=0.05)
    client.knows(at_server)
    server.knows(at_client)
    for host in (client, server):  # else it would depend on a program's haste whether an ACK travels alone
        host.run("ip", "route", "change", "10.0.0.0/24", "dev", "eth0", "scope", "link", "src", host.ports[0].ip,
                 "proto", "kernel", "quickack", 1)
    authority = Authority(lab)
    certificate, key = authority.certificate("api.example.test")
    scripts = {}
    for name, text in (("server", GRPC_SERVER), ("client", GRPC_CLIENT)):
        scripts[name] = lab.folder / f"grpc-{name}.py"
        scripts[name].write_text(text)
    server.start(PYTHON, scripts["server"], ready=lambda: "10.0.0.2:8080" in server.run("ss", "-ltn"))
    SecureApi.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    SecureApi.context.maximum_version = ssl.TLSVersion.TLSv1_2
    SecureApi.context.load_cert_chain(certificate, key)
    python_server(server, 80, Api)
    python_server(server, 443, SecureApi)
    # Both ends of gRPC speak as soon as they can: their first words cross, when the client's are held back a little.
    at_client.cable.meddle = lambda frame, outward: [(0.05 if b"PRI * HTTP/2" in frame else 0, frame)]
    lab.record(at_client)

    client.sysctl({"net.ipv4.ip_local_port_range": "50001 50001"})  # gRPC's client cannot be told its port
    client.run(PYTHON, scripts["client"])
    lab.wait(0.3)

    names = [word for port in (80, 443) for word in ("--resolve", f"api.example.test:{port}:10.0.0.2")]

    def curl(port, *requests):
        """One connection from `port` for these requests (words of curl)."""
        words = []
        for request in requests:
            words += [*(["--next"] if words else []), "-s", "-S", "--noproxy", "*", "--local-port", port, *names,
                      "--cacert", authority.file, "-o", "/dev/null", *request]
        client.run("curl", *words)
        lab.wait(0.3)

    def post(path, said, *words):
        return ["-H", "Content-Type: application/json", "-d", said, *words, f"http://api.example.test{path}"]

    curl(50002, post("/rpc", call("weather", 1, city="paris")), post("/rpc", call("forecast", 2, city="paris")),
         post("/rpc", call("weather", city="paris")))

    paris, oslo = (f"http://api.example.test/cities/{city}" for city in ("paris", "oslo"))
    token = ["-H", f"Authorization: Bearer {TOKEN}"]
    curl(50003, [paris], [*token, paris], [f"{paris}?access_token={TOKEN}"],
         [*token, "-X", "PUT", "-H", "Content-Type: application/json", "-d", '{"name": "Oslo"}', oslo],
         [*token, "-X", "DELETE", oslo], [*token, oslo])

    accept = ["-H", "Accept: application/json, text/event-stream"]
    session = [*accept, "-H", "Mcp-Session-Id: session-1", "-H", "MCP-Protocol-Version: 2025-06-18"]
    curl(50004, post("/mcp", call("initialize", 1, protocolVersion="2025-06-18", capabilities={},
                                  clientInfo={"name": "lab", "version": "1"}), *accept),
         post("/mcp", call("notifications/initialized"), *session), post("/mcp", call("tools/list", 2), *session))

    curl(50005, [*token, "https://api.example.test/cities/paris"])
