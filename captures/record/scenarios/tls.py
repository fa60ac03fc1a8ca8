"""TLS: what it shows and hides, in versions 1.2 and 1.3; certificates that are refused, and those that clients have."""

from lab import AT_ONCE, hasten
from relay import Tcp
from services import Authority, nginx

from . import scenario

OPENING = ["tcp.handshake.syn", "tcp.handshake.syn-ack", "tcp.handshake.ack"]

# One nginx server per kind of handshake: (port, certificate, key, more settings).
SERVER = """
    server {{
        listen 10.0.0.2:{port} ssl;
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        {settings}
        default_type text/plain;
        location / {{ return 200 "You have reached port {port}.\\n"; }}
        location /login {{ return 200 "Welcome, alice.\\n"; }}
    }}
"""
GET = "GET / HTTP/1.1\\r\\nHost: www.example.test\\r\\n\\r\\n"
FORM = "user=alice&password=not-a-secret"


def two_hosts(lab, delay):
    """client 10.0.0.1 and server 10.0.0.2, which the client's hosts file calls www.example.test; a file for the keys.
    Returns (client, server, client's port, server's port, file)."""
    client, server = lab.host("client"), lab.host("server")
    at_client, at_server = lab.link(client, "10.0.0.1/24", server, "10.0.0.2/24", delay=delay)
    at_client.cable.together = 0.004
    # When an ACK waits hangs on single octets, and the length of a signature varies: the client acknowledges at once.
    client.run("ip", "route", "change", "10.0.0.0/24", "dev", "eth0", "quickack", 1)
    client.knows(at_server)
    server.knows(at_client)
    client.etc("hosts", "10.0.0.2 www.example.test\n")
    keys = lab.folder / "keys.log"
    lab.key_logs.append(keys)
    return client, server, at_client, at_server, keys


def web(lab, server, *servers, more=""):
    """nginx with TLS servers: (port, (certificate, key), settings) each. It goes before all but the client."""
    http = more + "".join(SERVER.format(port=port, certificate=pair[0], key=pair[1], settings=settings)
                          for port, pair, settings in servers)
    hasten(nginx(lab, server, http, f"10.0.0.2:{servers[-1][0]}"))


class Client:
    """curl and openssl s_client on a host, with fixed ports; they trust `authority` and write their keys down."""

    def __init__(self, lab, host, authority, keys):
        self.lab, self.host, self.authority, self.keys = lab, host, authority, keys

    def curl(self, port, *requests):
        """One request after another on one connection; each is a URL, or a list of curl's words for it. Its exit
        status does not matter: that it fails may be the story, and what it must have sent is among the promises."""
        words = []
        for request in requests:
            words += ["--next"] if words else []
            words += ["-s", "-S", "--noproxy", "*", "--http1.1", "--cacert", self.authority.file, "--local-port", port,
                      *([request] if isinstance(request, str) else request)]
        self.host.attempt(*AT_ONCE, "env", f"SSLKEYLOGFILE={self.keys}", "curl", *words)
        self.lab.wait(0.2)

    def s_client(self, port, server, *words, says=""):
        """Connect to `server` (port), say something, and close after half a second."""
        self.host.attempt("sh", "-c", '(printf "$0"; sleep 0.5) | exec chrt --fifo 2 openssl s_client "$@"', says,
                          "-connect", f"10.0.0.2:{server}", "-bind", f"10.0.0.1:{port}", "-CAfile", self.authority.file,
                          "-servername", "www.example.test", "-keylogfile", self.keys, *words)
        self.lab.wait(0.2)


@scenario("tls12", "TLS 1.2: a handshake in clear, a short one that resumes, RSA key exchange, a CBC cipher",
          needs=["nginx", "curl", "openssl", "ss", "chrt"],
          expect=[*OPENING, "tcp.close.fin"],
          shows=[('tls.handshake.type == 1 && tls.handshake.extensions_server_name == "www.example.test"', 5),
                 ("tls.handshake.type == 1 && tls.record.version == 0x0301 && tls.handshake.version == 0x0303", 5),
                 ("tls.handshake.type == 2 && tls.handshake.type == 12 && tls.handshake.type == 14", 3),
                 ('tls.handshake.type == 11 && x509sat.uTF8String == "www.example.test"', 4),
                 ("tls.handshake.type == 11 && !(tls.handshake.type == 12)", 1),
                 ("tls.handshake.type == 16", 4), ("tls.handshake.type == 4", 1),
                 ("tls.handshake.type == 2 && tls.handshake.type == 20", 1),
                 ("tls.handshake.type == 2 && tls.handshake.ciphersuite == 0x009c", 1),
                 ("tls.handshake.type == 2 && tls.handshake.ciphersuite == 0xc02b", 3),
                 ("tls.handshake.type == 2 && tls.handshake.ciphersuite == 0xc023", 1),
                 ('http.request.method == "POST" && tls && http.file_data contains "not-a-secret"', 1),
                 ('http.request.uri contains "not-a-secret" && tls', 1), ("http.response.code == 200", 6),
                 ("tls.alert_message.desc == 0", 5)])
def tls12(lab):
    """client (10.0.0.1) and server (10.0.0.2, nginx, TLS 1.2 only) with 10 ms each way between them (a relay),
    captured at the client. The keys are in the file. (1) Port 443, curl: a full handshake, all in clear until the
    keys are agreed on (ECDHE, signed with the server's ECDSA key), 60 ms from SYN to the first request that is
    encrypted; a password in a POST, and the same in a GET's address, on the same connection; close_notify and FIN.
    (2) The same server, openssl s_client: the server also gives a session ticket. (3) s_client comes back with the
    ticket: a short handshake, without certificate. (4) Port 8443: RSA key exchange; the client encrypts the first
    secret with the key in the server's certificate. (5) Port 8444: a CBC cipher, whose records are a multiple of 16
    octets long."""
    client, server, at_client, _, keys = two_hosts(lab, delay=0.01)
    authority = Authority(lab)
    elliptic, rsa = authority.certificate("www.example.test"), authority.certificate("www.example.test", key="rsa")
    settings = "ssl_protocols TLSv1.2; ssl_prefer_server_ciphers on; ssl_ciphers {};".format
    web(lab, server, (443, elliptic, settings("ECDHE-ECDSA-AES128-GCM-SHA256")),
        (8443, rsa, settings("AES128-GCM-SHA256")), (8444, elliptic, settings("ECDHE-ECDSA-AES128-SHA256")))
    browser = Client(lab, client, authority, keys)
    lab.record(at_client)

    browser.curl(50001, ["-d", FORM, "https://www.example.test/login"], f"https://www.example.test/login?{FORM}")
    session = lab.folder / "session"
    browser.s_client(50002, 443, "-sess_out", session, says=GET)
    browser.s_client(50003, 443, "-sess_in", session, says=GET)
    browser.curl(50004, "https://www.example.test:8443/")
    browser.curl(50005, "https://www.example.test:8444/")


@scenario("tls13", "TLS 1.3: one round trip, resumption, a request in the first flight, a second try; HTTP beside it",
          needs=["nginx", "curl", "openssl", "ss", "chrt"],
          expect=[*OPENING, "http.request", "http.response", "tcp.close.fin"],
          shows=[("json && tcp.dstport == 80 && !tls", 1), ("json && tcp.dstport == 443 && tls", 1),
                 ('http.content_encoding == "gzip"', 2),
                 ('tls.handshake.type == 1 && tls.handshake.extensions_server_name == "www.example.test"', 6),
                 ("tls.handshake.type == 2 && tls.handshake.extensions.supported_version == 0x0304", 6),
                 ("tls.handshake.type == 1 && tls.handshake.extensions_key_share_group == 29", 5),
                 ("tls.handshake.extensions_key_share_selected_group == 24", 1),
                 ("tls.handshake.type == 1 && tls.handshake.extensions_key_share_group == 24", 1),
                 ("tls.handshake.type == 8 && tls.handshake.type == 11 && tls.handshake.type == 15", 3),
                 ('tls.handshake.type == 8 && tls.handshake.extensions_alpn_str == "http/1.1"', 2),
                 ("tls.handshake.type == 4", 8), ("tls.handshake.type == 1 && tls.handshake.extension.type == 41", 2),
                 ("tls.handshake.type == 2 && tls.handshake.extension.type == 41 && !(tls.handshake.type == 11)", 2),
                 ("tls.handshake.type == 1 && http.request.method == GET", 1), ("tls.handshake.type == 5", 1),
                 ("http.response.code == 200 && tls", 5), ("tls.alert_message.desc == 0", 5)])
def tls13(lab):
    """client (10.0.0.1) and server (10.0.0.2, nginx, TLS 1.2 and 1.3) with 10 ms each way between them (a relay),
    captured at the client. The keys are in the file. (1) Port 80, curl: a POST of JSON, readable by anyone. (2) Port
    443, curl, the same POST: after ServerHello all is encrypted, the certificate too; 40 ms from SYN to the request.
    Then two session tickets, and the answer. (3) Port 443, openssl s_client: the same, to get tickets. (4) It comes
    back with one: resumption, without certificate. (5) It comes back again and sends its request in the first flight,
    with the ClientHello (0-RTT): 20 ms from SYN to the request. (6) Port 8443, curl: the server wants another group
    than the one that the client has sent a key share for: HelloRetryRequest, and a second ClientHello."""
    client, server, at_client, _, keys = two_hosts(lab, delay=0.01)
    authority = Authority(lab)
    pair = authority.certificate("www.example.test")
    versions = "ssl_protocols TLSv1.2 TLSv1.3;"
    web(lab, server, (443, pair, f"{versions} ssl_early_data on;"),
        (8443, pair, f"{versions} ssl_ecdh_curve secp384r1;"),
        more="gzip on; gzip_min_length 1; gzip_types text/plain;"
             'server { listen 10.0.0.2:80; location / { return 200 "Welcome, alice.\n"; } }')
    browser = Client(lab, client, authority, keys)
    lab.record(at_client)

    order = ["--compressed", "--json", '{"user": "alice", "password": "not-a-secret"}']
    browser.curl(50001, [*order, "http://www.example.test/login"])
    browser.curl(50002, [*order, "https://www.example.test/login"])
    session, early = lab.folder / "session", lab.folder / "early"
    early.write_text(GET.replace("\\r\\n", "\r\n"))
    browser.s_client(50003, 443, "-sess_out", session, says=GET)
    browser.s_client(50004, 443, "-sess_in", session, says=GET)
    browser.s_client(50005, 443, "-sess_in", session, "-early_data", early)
    browser.curl(50006, "https://www.example.test:8443/")


PAGE = "Pay 100 euros to alice. " * 40


def swap_words(frame, outward):
    """Let two pairs of octets change places in a page that the server sends: TCP's checksum, a sum, stays right."""
    if not outward and len(Tcp(frame).payload) > len(PAGE):
        frame = frame[:-64] + frame[-62:-60] + frame[-64:-62] + frame[-60:]
    return [(0, frame)]


@scenario("tls-bad-cert", "Certificates that a client refuses, each with its alert; a record changed on its way",
          needs=["nginx", "curl", "openssl", "ss", "chrt"],
          expect=[*OPENING, "tcp.close.fin", "tcp.close.reset"],
          shows=[('tls.handshake.type == 11 && x509sat.uTF8String == "other.example.test"', 2),
                 ("tls.alert_message.desc == 42 && tcp.srcport == 50001", 1),
                 ("tls.alert_message && tcp.port == 50002", 1),
                 ("tls.alert_message.desc == 0 && tcp.srcport == 50002", 1),
                 ("tls.alert_message.desc == 48 && tcp.srcport == 50003", 1),
                 ("http.response.code == 200 && tcp.dstport == 50004", 1),
                 ("tls.alert_message.desc == 45 && tcp.srcport == 50005", 1),
                 ("tls.alert_message.desc == 46 && tcp.srcport == 50006", 1),
                 ("tls.alert_message.desc == 20 && tcp.srcport == 50007 && tls.record.content_type == 21", 1),
                 ("tls.alert_message.desc == 20 && tcp.srcport == 50008 && tls.record.opaque_type == 23", 1),
                 ("tls.record.length > 960 && tls.app_data && !http", 2), ("http.response", 1)])
def tls_bad_cert(lab):
    """client (10.0.0.1) and server (10.0.0.2, nginx) with 10 ms each way between them (a relay), captured at the
    client, who wants www.example.test and trusts one authority; TLS 1.2, so that all can be read, except in (8). The
    keys are in the file. (1) Port 8441 has the certificate of other.example.test; openssl s_client, told to compare
    names, refuses it: alert 42. (2) curl, the same: it compares the names itself, after the handshake, and closes
    without having asked for anything. (3) Port 8442, a certificate that is signed by itself: alert 48, and RST, as
    curl leaves the rest of the server's flight unread. (4) The same with --insecure: curl takes it and gets its page.
    (5) Port 8443, a certificate that expired the day before it was made: alert 45. (6) Port 8444, a certificate from
    an authority that may only certify names under corp.test: alert 46. (7) Port 8445, a good certificate; on the way
    to the client two pairs of octets in the page change places, which TCP's checksum cannot notice; TLS does: alert
    20, encrypted. (8) Port 8446, the same with TLS 1.3, where the alert looks like any other record."""
    client, server, at_client, _, keys = two_hosts(lab, delay=0.01)
    authority, itself = Authority(lab), Authority(lab, "www.example.test", ["subjectAltName=DNS:www.example.test"])
    narrow = Authority(lab, "authority of corp.test", ["nameConstraints=critical,permitted;DNS:corp.test"])
    good, old = authority.certificate("www.example.test"), authority.certificate("www.example.test", days=-1)
    tls12, tls13 = "ssl_protocols TLSv1.2;", "ssl_protocols TLSv1.3;"
    page = f'location /page {{ return 200 "{PAGE}"; }}'
    web(lab, server, (8441, authority.certificate("other.example.test"), tls12),
        (8442, (itself.file, itself.key), tls12), (8443, old, tls12),
        (8444, narrow.certificate("www.example.test"), tls12),
        (8445, good, tls12 + page), (8446, good, tls13 + page))
    browser = Client(lab, client, authority, keys)
    address = "https://www.example.test:{}/".format
    lab.record(at_client)

    browser.s_client(50001, 8441, "-verify_hostname", "www.example.test", "-verify_return_error")
    browser.curl(50002, address(8441))
    browser.curl(50003, address(8442))
    browser.curl(50004, ["--insecure", address(8442)])
    browser.curl(50005, address(8443))
    browser.curl(50006, ["--cacert", narrow.file, address(8444)])
    at_client.cable.meddle = swap_words
    browser.curl(50007, address(8445) + "page")
    browser.curl(50008, address(8446) + "page")


@scenario("tls-mutual", "The client has a certificate too: asked for, shown, missing, from a stranger; TLS 1.2 and 1.3",
          needs=["openssl", "ss", "chrt"],
          expect=[*OPENING, "tcp.close.fin"],
          shows=[("tls.handshake.type == 14 && !(tls.handshake.type == 13) && tcp.dstport == 50001", 1),
                 ("tls.handshake.type == 11 && tcp.srcport == 50001", 0),
                 ("tls.handshake.type == 13 && tls.handshake.type == 14", 3), ("tls.handshake.type == 13", 5),
                 ('tls.handshake.type == 11 && tls.handshake.type == 15 && tcp.srcport == 50002 && '
                  'x509sat.uTF8String == "alice"', 1),
                 ("tls.handshake.certificates_length == 0 && tcp.srcport == 50003", 1),
                 ("tls.alert_message.desc == 40 && tcp.dstport == 50003", 1),
                 ("tls.handshake.type == 15 && tcp.srcport == 50004", 1),
                 ("tls.alert_message.desc == 48 && tcp.dstport == 50004", 1),
                 ("tls.handshake.type == 13 && tls.handshake.type == 8", 2),
                 ("tls.handshake.type == 11 && tls.handshake.type == 15 && tcp.srcport == 50005", 1),
                 ("tls.alert_message.desc == 116 && tcp.dstport == 50006", 1),
                 ("tls.app_data && tcp.dstport == 50001", 1), ("tls.app_data && tcp.dstport == 50002", 1)])
def tls_mutual(lab):
    """client (10.0.0.1, openssl s_client) and server (10.0.0.2, openssl s_server, which sends back each line with its
    letters in reverse) with 10 ms each way between them (a relay), captured at the client. The keys are in the file.
    (1) Port 8441, TLS 1.2: the server does not ask for a certificate, and the client, which has one, does not show
    it. (2) Port 8442, TLS 1.2: the server asks (CertificateRequest); the client sends its certificate, and a
    signature that proves that it has the key (CertificateVerify). (3) The client has none and sends an empty list:
    alert 40. (4) The client's is signed by an authority that the server does not know: alert 48. (5) Port 8443, TLS
    1.3: as (2), all encrypted. (6) As (3) in TLS 1.3: the client believes the handshake done, and speaks; then comes
    alert 116."""
    client, server, at_client, _, keys = two_hosts(lab, delay=0.01)
    authority = Authority(lab)
    certificate, key = authority.certificate("www.example.test")
    alice, stranger = (["-cert", crt, "-key", key] for crt, key in (
        authority.certificate("alice", client=True), Authority(lab, "stranger").certificate("alice", client=True)))
    asking = ["-Verify", 1, "-verify_return_error", "-CAfile", authority.file]
    for port, words in ((8441, ["-tls1_2"]), (8442, ["-tls1_2", *asking]), (8443, ["-tls1_3", *asking])):
        hasten(server.start("openssl", "s_server", "-accept", f"10.0.0.2:{port}", "-cert", certificate, "-key", key,
                            "-rev", *words, ready=lambda: f"10.0.0.2:{port} " in server.run("ss", "-ltn")))
    user = Client(lab, client, authority, keys)
    lab.record(at_client)

    hello = "Hello, server\\n"
    user.s_client(50001, 8441, *alice, says=hello)
    user.s_client(50002, 8442, *alice, says=hello)
    user.s_client(50003, 8442, says=hello)
    user.s_client(50004, 8442, *stranger, says=hello)
    user.s_client(50005, 8443, *alice, says=hello)
    user.s_client(50006, 8443, says=hello)
