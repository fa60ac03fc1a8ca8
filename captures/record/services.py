"""Real servers, set up in a line: nginx, dnsmasq, BIND, unbound, a certificate authority, and small servers in Python.

Each takes a host of the laboratory and what is particular to the scenario; whatever else the program needs to run in a
folder of its own, without touching the machine's configuration, stands here. A server that only one scenario uses is
set up in that scenario.
"""

import http.server
import threading
from pathlib import Path

from lab import NGINX_MODULE, command

NGINX = """\
user root;
daemon off;
master_process off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {folder};
    proxy_temp_path {folder}; fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
    types {{ text/html html; text/css css; text/plain txt; application/json json; image/jpeg jpg; }}
{http}
}}
"""


def nginx(lab, host, http, ready, module=None):
    """nginx with `http` (the inside of its http block; `{folder}` is a folder of its own, where `pages` puts files).
    `ready`: the address:port that it will listen on; `module`: one to load. Returns the process."""
    folder = site(lab, host)
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(folder=folder, http=http.replace("{folder}", str(folder))))
    load = ["-g", f"load_module {NGINX_MODULE.format(module)};"] if module else []
    return host.start("nginx", "-p", folder, "-c", config, *load,
                      ready=lambda: f"{ready} " in host.run("ss", "-ltn"))


def site(lab, host):
    """The folder that belongs to a host's servers."""
    folder = lab.folder / f"site-{host.name}"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    return folder


def pages(lab, host, **files):
    """Put files into the host's folder: a name with `_` for the dot, and the content (text or bytes)."""
    for name, content in files.items():
        path = site(lab, host) / name.replace("_", ".")
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def dnsmasq(lab, host, settings, address):
    """A dnsmasq that is configured by `settings` (words of its configuration file) and nothing else."""
    config = lab.folder / f"dnsmasq-{host.name}.conf"
    config.write_text("\n".join(settings.split()) + "\nuser=root\npid-file=\n")
    return host.start("dnsmasq", "--keep-in-foreground", f"--conf-file={config}", "--log-facility=-",
                      ready=lambda: f"{address}:53 " in host.run("ss", "-lun"))


NAMED = """\
options {{
    directory "{folder}"; pid-file none; session-keyfile none;
    listen-on {{ {address}; }}; listen-on-v6 {{ none; }};
    recursion no; notify no; dnssec-validation no; empty-zones-enable no;
}};
controls {{ }};
{config}
"""


def named(lab, host, address, zones, config=None):
    """BIND as an authoritative name server: `zones` are {name: the lines of its zone file}, each put into a file
    `NAME.zone` (the root's is `root.zone`). `config` says how they are served, if not simply all to everyone."""
    folder = site(lab, host)
    files = {name: "root.zone" if name == "." else f"{name}.zone" for name in zones}
    for name, lines in zones.items():
        (folder / files[name]).write_text(lines)
    config = config or "\n".join(f'zone "{name}" {{ type primary; file "{file}"; }};' for name, file in files.items())
    path = folder / "named.conf"
    path.write_text(NAMED.format(folder=folder, address=address, config=config))
    return host.start("named", "-f", "-4", "-n", 1, "-u", "root", "-c", path,
                      ready=lambda: f"{address}:53 " in host.run("ss", "-lun"))


UNBOUND = """\
server:
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: ""
  use-syslog: no
  do-daemonize: no
  interface: {address}
  access-control: 10.0.0.0/8 allow
  do-ip6: no
  qname-minimisation: no
  target-fetch-policy: "0 0 0 0 0"
  local-zone: "test." nodefault
{settings}
remote-control:
  control-enable: no
"""


def unbound(lab, host, address, settings):
    """unbound as a resolver that asks no more than it must, and whole names; `settings` continue its server clause."""
    folder = site(lab, host)
    config = folder / "unbound.conf"
    config.write_text(UNBOUND.format(folder=folder, address=address, settings=settings))
    return host.start("unbound", "-c", config, ready=lambda: f"{address}:53 " in host.run("ss", "-lun"))


def python_server(host, port, handler, address=None):
    """An HTTP server in Python on the host's first address (or `address`): `handler` is a subclass of
    http.server.BaseHTTPRequestHandler. It answers in a thread of its own until the recording ends."""
    listener = host.socket(address=address or host.ports[0].ip, port=port)
    listener.listen()
    listener.settimeout(None)
    server = http.server.ThreadingHTTPServer(listener.getsockname(), handler, bind_and_activate=False)
    server.socket.close()
    server.socket = listener
    server.daemon_threads = True
    threading.Thread(target=_serve, args=(server,), daemon=True).start()
    return server


def _serve(server):
    try:
        server.serve_forever(poll_interval=0.05)
    except (OSError, ValueError):
        pass  # the listener was closed: the recording is over


def with_own_folders(*words):
    """The words that start a program with a /run and a /var/log of its own: what it leaves there goes with it."""
    return ("sh", "-c", "for folder in /run /var/log; do mount -t tmpfs none $folder || exit; done; mkdir /run/sshd; "
            'exec "$@"', "sh", *words)


class Authority:
    """A certificate authority of the laboratory's own: `file` is its certificate (signed by itself), `key` its key;
    `extensions` are put into it, as openssl.cnf has them. `certificate` gives (certificate file, key file)."""

    def __init__(self, lab, name="pcaplain test authority", extensions=()):
        self.folder = lab.folder / name.replace(" ", "-")
        self.folder.mkdir(exist_ok=True)
        self.file, self.key = self.folder / "ca.crt", self.folder / "ca.key"
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                      "-days", 30, "-subj", f"/CN={name}", "-keyout", self.key, "-out", self.file,
                      *[word for extension in extensions for word in ("-addext", extension)])

    def certificate(self, *names, key="ec", days=30, client=False):
        """A certificate for these host names (the first is its subject), with an `ec` or an `rsa` key."""
        stem = self.folder / f"{names[0]}-{key}-{days}"
        kind = ["-newkey", "rsa:2048"] if key == "rsa" else ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        self._openssl("req", *kind, "-nodes", "-subj", f"/CN={names[0]}", "-keyout", f"{stem}.key", "-out",
                      f"{stem}.csr")
        extensions = Path(f"{stem}.ext")
        extensions.write_text("subjectAltName=" + ",".join(f"DNS:{name}" for name in names) + "\n"
                              + f"extendedKeyUsage={'clientAuth' if client else 'serverAuth'}\n")
        self._openssl("x509", "-req", "-in", f"{stem}.csr", "-CA", self.file, "-CAkey", self.key, "-CAcreateserial",
                      "-days", days, "-extfile", extensions, "-out", f"{stem}.crt")
        return Path(f"{stem}.crt"), Path(f"{stem}.key")

    @staticmethod
    def _openssl(*words):
        command("openssl", *words)
