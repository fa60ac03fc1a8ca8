"""Services that speak in the clear, each on its port: the real servers, as far as there are light ones."""

import shutil
import socket
import struct
import threading
from pathlib import Path

from lab import AT_ONCE, PYTHON, command, hasten
from services import site, with_own_folders

from . import scenario
from .tcp import close_in_turn

SERVER = "10.0.30.2"
PASSWORD = "not-a-secret"

VSFTPD = """\
listen=YES
listen_address=10.0.30.2
background=NO
anonymous_enable=NO
local_enable=YES
pam_service_name=vsftpd
pasv_min_port=30000
pasv_max_port=30000
secure_chroot_dir={empty}
isolate=NO
isolate_network=NO
seccomp_sandbox=NO
chroot_local_user=YES
"""

MAIL_SERVER = """\
import time
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
Controller(Sink(), hostname="10.0.30.2", port=25, server_hostname="mail.example.test", ident="ESMTP").start()
time.sleep(3600)
"""
MAIL = "From: alice@example.test\r\nTo: bob@example.test\r\nSubject: Lunch\r\n\r\nAt one o'clock?\r\n"

# What the Telnet server runs for a visitor, in place of the machine's own login. It pauses, so that what it says and
# the echo of what it reads are sent apart, each time.
LOGIN = """\
#!/bin/sh
sleep 0.1; printf 'login: '; read name
stty -echo; sleep 0.1; printf 'Password: '; read password
stty echo; sleep 0.1; printf '\\nWelcome, %s.\\n$ ' "$name"; read words
sleep 0.1; echo 'Goodbye.'; sleep 0.1
"""
INETD = "telnet stream tcp nowait root /usr/sbin/telnetd telnetd -h -n -E {login}\n"

SNMPD = """\
agentaddress udp:10.0.30.2:161
rocommunity public
sysname switch.example.test
"""

ETC = {
    "hosts": "127.0.0.1 localhost\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nshadow: files\nhosts: files\nservices: files\nrpc: files\n",
    "pam.d/vsftpd": "auth required pam_unix.so\naccount required pam_unix.so\nsession required pam_permit.so\n",
}


def starting(lab, server):
    """Start all the servers but those that Python plays."""
    folder = site(lab, server)
    hashed = command("openssl", "passwd", "-6", PASSWORD).strip()
    home = folder / "home"
    home.mkdir()
    (home / "notes.txt").write_text("Notes of alice, sent in the clear.\n")
    for name, text in ETC.items():
        server.etc(name, text)
    server.etc("passwd", Path("/etc/passwd").read_text() + f"alice:x:2000:2000::{home}:/bin/sh\n")
    server.etc("shadow", f"root:*:1::::::\nalice:{hashed}:1::::::\n")

    def listening(port):
        return lambda: f"{port} " in server.run("ss", "-lntu")

    def write(name, text):
        (folder / name).write_text(text)
        return folder / name

    (folder / "empty").mkdir()
    server.start("vsftpd", write("vsftpd.conf", VSFTPD.format(empty=folder / "empty")),
                 ready=listening(f"{SERVER}:21"))
    server.start(PYTHON, "-c", MAIL_SERVER, ready=listening(f"{SERVER}:25"))
    login = write("login", LOGIN)
    login.chmod(0o755)
    inetd = write("inetd.conf", INETD.format(login=login))
    server.start(*with_own_folders("inetutils-inetd", "-d", inetd), ready=listening(":23"))
    server.start("env", f"SNMP_PERSISTENT_DIR={folder}", "snmpd", "-f", "-Lo", "-C", "-c",
                 write("snmpd.conf", SNMPD), ready=listening(f"{SERVER}:161"))
    mapper = server.start(*with_own_folders("rpcbind", "-f", "-h", SERVER, "-i"), ready=listening(f"{SERVER}:111"))
    hasten(mapper)  # so that it is done with a client before the NFS server begins

    data = folder / "mariadb"
    command("mariadb-install-db", "--no-defaults", f"--datadir={data}", "--skip-test-db", "--user=root")
    users = write("users.sql", f"create user alice@'%' identified by '{PASSWORD}';\n")
    server.start("mariadbd", "--no-defaults", f"--datadir={data}", f"--socket={folder}/mariadb.sock", "--user=root",
                 f"--bind-address={SERVER}", "--skip-name-resolve", f"--init-file={users}",
                 ready=listening(f"{SERVER}:3306"))

    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
    data, secret = folder / "postgresql", write("password", PASSWORD)
    data.mkdir()
    for path in (data, secret):
        shutil.chown(path, "postgres", "postgres")
    as_postgres = ("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups")
    server.run(*as_postgres, programs / "initdb", "-D", data, "-U", "alice", "-A", "password", f"--pwfile={secret}",
               "-E", "UTF8", "--locale=C", "--no-sync")
    with open(data / "pg_hba.conf", "a", encoding="ascii") as rules:
        rules.write("host all all 10.0.30.0/24 password\n")  # the password itself, not a digest of it
    server.start(*as_postgres, programs / "postgres", "-D", data, "-h", SERVER, "-k", "",
                 ready=listening(f"{SERVER}:5432"))


# Services without a light server or client are played by Python, message by message.

LECTURE = b"v=0\r\no=- 1 1 IN IP4 10.0.30.2\r\ns=Lecture\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\nm=audio 0 RTP/AVP 0\r\n"
RTSP = [
    (b"OPTIONS rtsp://10.0.30.2/lecture RTSP/1.0\r\nCSeq: 1\r\n\r\n",
     b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nPublic: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n\r\n"),
    (b"DESCRIBE rtsp://10.0.30.2/lecture RTSP/1.0\r\nCSeq: 2\r\nAccept: application/sdp\r\n\r\n",
     b"RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n" % len(LECTURE)
     + LECTURE),
]


def netbios_name(name, service):
    """A NetBIOS name as it is sent (RFC 1001, 14.1): 16 octets, each as two letters."""
    octets = f"{name:15}".encode() + bytes([service])
    return b"\x20" + b"".join(bytes([65 + octet // 16, 65 + octet % 16]) for octet in octets) + b"\0"


NAME, VISITOR = netbios_name("SERVER", 0x20), netbios_name("CLIENT", 0)
NAME_QUERY = struct.pack(">HHHHHH", 7, 0x0100, 1, 0, 0, 0) + NAME + struct.pack(">HH", 32, 1)
NAME_ANSWER = (struct.pack(">HHHHHH", 7, 0x8500, 0, 1, 0, 0) + NAME
               + struct.pack(">HHIHH", 32, 1, 300, 6, 0) + socket.inet_aton(SERVER))
NETBIOS_SESSION = [(struct.pack(">BBH", 0x81, 0, 68) + NAME + VISITOR, struct.pack(">BBH", 0x82, 0, 0))]


def pptp(kind, layout, *values):
    """A PPTP control message (RFC 2637, 2)."""
    body = struct.pack(f">{layout}", *values)
    return struct.pack(">HHIHH", 12 + len(body), 1, 0x1A2B3C4D, kind, 0) + body


PPTP = [
    (pptp(1, "HHIIHH64s64s", 0x0100, 0, 1, 1, 0, 0, b"client.example.test", b"pcaplain"),
     pptp(2, "HBBIIHH64s64s", 0x0100, 1, 0, 1, 1, 1, 0, b"server.example.test", b"pcaplain")),
    (pptp(7, "HHIIIIHHHH64s64s", 11, 1, 300, 100000000, 3, 3, 64, 0, 0, 0, b"", b""),
     pptp(8, "HHBBHIHHI", 22, 11, 1, 0, 0, 100000000, 64, 0, 0)),
]
PPTP_END = [(pptp(3, "BBH", 1, 0, 0), pptp(4, "BBH", 1, 0, 0))]


def ppp_in_gre(call, code):
    """PPP in GRE as PPTP has it (RFC 2637, 4.1): an LCP message, Configure-Request (1) or Configure-Ack (2)."""
    ppp = b"\xff\x03\xc0\x21" + struct.pack(">BBHBBHBBI", code, 1, 14, 1, 4, 1400, 5, 6, 0x01020304)
    return struct.pack(">HHHHI", 0x3001, 0x880B, len(ppp), call, 0) + ppp


def name_query(lab, client, server):
    """NetBIOS over UDP: where is SERVER?"""
    asking, answering = client.udp(137), server.udp(137)
    asking.sendto(NAME_QUERY, (SERVER, 137))
    _, asker = answering.recvfrom(1000)
    answering.sendto(NAME_ANSWER, asker)
    asking.recv(1000)
    lab.wait(0.1)


def converse(lab, client, server, port, own, steps):
    """A connection from `own` to `port`; a step is (question, answer), or a function. The client closes."""
    listener = server.listen(port)
    ours = client.connect((SERVER, port), own)
    theirs, _ = listener.accept()
    for step in steps:
        if callable(step):
            step()
            continue
        ours.sendall(step[0])
        theirs.recv(1000)
        theirs.sendall(step[1])
        ours.recv(1000)
        lab.wait(0.1)
    close_in_turn(lab, ours, theirs)


def nfs(server):
    """The part of an NFS server that answers "are you there" (procedure 0), known to the port mapper. The real one is
    in the kernel, and not in every kernel."""
    registration = struct.pack(">10I4I", 1, 0, 2, 100000, 2, 1, 0, 0, 0, 0, 100003, 3, 6, 2049)
    with server.socket(socket.SOCK_DGRAM) as mapper:
        mapper.sendto(registration, ("127.0.0.1", 111))
        if mapper.recv(100)[-4:] != b"\0\0\0\1":
            raise RuntimeError("the port mapper refused")
    listener = server.listen(2049)

    def answer():
        theirs, _ = listener.accept()
        call = theirs.recv(1000)
        theirs.sendall(struct.pack(">I4s5I", 0x80000018, call[4:8], 1, 0, 0, 0, 0))
        theirs.recv(1)
        theirs.close()

    threading.Thread(target=answer, daemon=True).start()


@scenario("services-plain", "Services in the clear, each on its port: FTP, mail, Telnet, SNMP, RPC, databases",
          needs=["chrt", "curl", "inetutils-inetd", "mariadb", "mariadb-install-db", "mariadbd", "openssl", "psql",
                 "python:aiosmtpd", "rpcbind", "rpcinfo", "setpriv", "snmpd", "snmpget", "ss", "telnet", "telnetd",
                 "vsftpd"],
          expect=["tcp.handshake.syn", "tcp.handshake.syn-ack", "tcp.handshake.ack", "udp.datagram", "tcp.close.fin",
                  "tcp.close.fin-ack", "tcp.close.ack", "tcp.close.time-wait"],
          shows=[("ftp.response.code == 220 && tcp.srcport == 21", 1), ('ftp.request.command == "PASS"', 1),
                 ("ftp.response.code == 227", 1), ("ftp-data && tcp.srcport == 30000", 1),
                 ("smtp.response.code == 220 && tcp.srcport == 25", 1), ('smtp.req.command == "EHLO"', 1),
                 ('imf.subject == "Lunch"', 1), ("telnet.cmd", None),
                 ('telnet.data contains "not-a-secret" && tcp.dstport == 23', 1),
                 ("snmp.community == public && udp.dstport == 161", 1), ("snmp.data == 2 && udp.srcport == 161", 1),
                 ("portmap.procedure_v2 == 4 && rpc.msgtyp == 0", 1),
                 ("rpc.program == 100003 && rpc.msgtyp == 0 && tcp.dstport == 2049", 1),
                 ("mysql.server_greeting && tcp.srcport == 3306", 1), ('mysql.query == "select 6*7"', 1),
                 ('pgsql.password == "not-a-secret" && tcp.dstport == 5432', 1), ('pgsql.query == "select 6*7"', 1),
                 ('rtsp.method == "DESCRIBE" && tcp.dstport == 554', 1), ("sdp", 1),
                 ("nbns.flags.response == 1", 1), ("nbss.type == 0x81 && tcp.dstport == 139", 1),
                 ("pptp.control_message_type == 1", 1), ("gre.proto == 0x880b && lcp", 4)])
def services_plain(lab):
    """client (10.0.30.1) and server (10.0.30.2) on one link, captured at the client; one address, eleven services,
    told apart by the port. User alice, password not-a-secret. (1) FTP, vsftpd, port 21: name and password in the
    clear; the file comes on a second connection, to the port that the server names (PASV). (2) Mail, SMTP, aiosmtpd,
    port 25: what a mailto: link leads to in the end. (3) Telnet, port 23, GNU inetutils, the lines typed by a script:
    first both ends settle options, then name and password, readable. (4) SNMP, net-snmp, UDP port 161: the name of
    the device, for the community public. (5) ONC RPC, rpcbind, port 111: rpcinfo asks which programs are registered.
    (6) rpcinfo asks there for NFS (program 100003) and calls its procedure 0 on port 2049. (7) MariaDB, port 3306:
    the greeting, a login (only a digest of the password), a query. (8) PostgreSQL, port 5432: a login with the
    password itself, a query. (9) RTSP, port 554: OPTIONS and DESCRIBE. (10) NetBIOS: a name query on UDP port 137, a
    session request on TCP port 139. (11) PPTP: the control connection on port 1723, and between its messages PPP
    settings in GRE (IP protocol 47). NFS, RTSP, NetBIOS and PPTP are played by Python: there is no light real server,
    or it needs what this kernel lacks. rpcinfo's own ports are below 1024, the other clients' from 50001 on."""
    client, server = lab.host("client"), lab.host("server")
    at_client, at_server = lab.link(client, "10.0.30.1/24", server, f"{SERVER}/24")
    client.knows(at_server)
    server.knows(at_client)
    starting(lab, server)
    for name in ("hosts", "nsswitch.conf"):
        client.etc(name, ETC[name])
    mail = lab.folder / "mail.txt"
    mail.write_text(MAIL)
    nfs(server)
    lab.wait(2)  # the databases have done what they do after their start
    lab.record(at_client)

    def run(port, *words):
        """Run a client whose own port is `port`."""
        client.sysctl({"net.ipv4.ip_local_port_range": f"{port} {port}"})
        client.run(*AT_ONCE, *words)
        lab.wait(0.3)

    curl = ("curl", "-s", "-S", "--noproxy", "*", "--local-port")
    run(50001, *curl, "50001-50002", "--disable-epsv", "-u", f"alice:{PASSWORD}", f"ftp://{SERVER}/notes.txt")
    run(50011, *curl, 50011, "--mail-from", "alice@example.test", "--mail-rcpt", "bob@example.test", "-T", mail,
        f"smtp://{SERVER}/client.example.test")
    run(50021, "sh", "-c", f"(sleep 0.5; echo alice; sleep 0.4; echo {PASSWORD}; sleep 0.4; echo logout; sleep 0.6) | "
                           f"TERM=vt100 telnet {SERVER} || true")
    run(50031, "env", f"SNMP_PERSISTENT_DIR={lab.folder}", "snmpget", "-m", "", "-v", "2c", "-c", "public",
        SERVER, "1.3.6.1.2.1.1.5.0")  # sysName
    run(50041, "rpcinfo", "-p", SERVER)
    run(50051, "rpcinfo", "-t", SERVER, 100003, 3)
    run(50061, "mariadb", "--no-defaults", "-h", SERVER, "-u", "alice", f"-p{PASSWORD}", "-e", "select 6*7")
    run(50071, "env", f"PGPASSWORD={PASSWORD}", "PGSSLMODE=disable", "PGGSSENCMODE=disable", "psql", "-h", SERVER,
        "-U", "alice", "-d", "postgres", "-c", "select 6*7")
    converse(lab, client, server, 554, 50081, RTSP)
    name_query(lab, client, server)
    converse(lab, client, server, 139, 50091, NETBIOS_SESSION)
    tunnel = {host: host.within(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_GRE))
              for host in (client, server)}
    lab.sockets += tunnel.values()

    def settings():
        """Each end of the tunnel proposes PPP settings, the other agrees."""
        for asker, answerer, calls in ((client, server, (22, 11)), (server, client, (11, 22))):
            tunnel[asker].sendto(ppp_in_gre(calls[0], 1), (answerer.ports[0].ip, 0))
            lab.wait(0.05)
            tunnel[answerer].sendto(ppp_in_gre(calls[1], 2), (asker.ports[0].ip, 0))
            lab.wait(0.05)

    converse(lab, client, server, 1723, 50101, [*PPTP, settings, *PPTP_END])
