"""HTTP: real servers and real clients."""

from . import scenario

NGINX = """
user root;
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder};
    proxy_temp_path {folder}; fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
    types {{ text/html html; text/plain txt; }}
    server {{
        listen 10.0.0.2:80;
        server_name www.example.test;
        root {folder};
        location /time.html {{ ssi on; }}
        location /guestbook {{ default_type text/plain; return 200 "Thank you.\\n"; }}
    }}
    server {{
        listen 10.0.0.2:8080;
        default_type text/plain;
        location / {{ return 200 "This is the server on port 8080.\\n"; }}
    }}
}}
"""


@scenario("http11-basic", "HTTP/1.1: two requests on one connection, a chunked body, 404, POST, a second port",
          needs=["nginx", "curl", "ss"],
          expect=["tcp.handshake.syn", "tcp.handshake.syn-ack", "tcp.handshake.ack", "http.request", "http.response",
                  "tcp.close.fin"])
def http11_basic(lab):
    """client (10.0.0.1, curl) and server (10.0.0.2, nginx) on one link, captured at the client. (1) One connection, two
    requests: a page with Content-Length, then one that the server makes while it sends (server-side include), with
    Transfer-Encoding: chunked. (2) A page that does not exist: 404. (3) A small POST. (4) A second server on port
    8080: the port then stands in the Host header."""
    client, server = lab.host("client"), lab.host("server")
    at_client, at_server = lab.link(client, "10.0.0.1/24", server, "10.0.0.2/24")
    client.knows(at_server)
    server.knows(at_client)
    (lab.folder / "hello.txt").write_text("Hello from nginx.\n")
    (lab.folder / "time.html").write_text('<p>You asked for <!--#echo var="REQUEST_URI" --> at '
                                          '<!--#echo var="DATE_LOCAL" -->.</p>\n')
    config = lab.folder / "nginx.conf"
    config.write_text(NGINX.format(folder=lab.folder))
    server.start("nginx", "-p", lab.folder, "-c", config, ready=lambda: "10.0.0.2:8080" in server.run("ss", "-ltn"))
    lab.record(at_client)

    names = [word for port in (80, 8080) for word in ("--connect-to", f"www.example.test:{port}:10.0.0.2:{port}")]

    def curl(port, *words):
        client.run("curl", "-s", "-S", "--noproxy", "*", "--local-port", port, *names, *words)
        lab.wait(0.2)

    curl(50001, "http://www.example.test/hello.txt", "http://www.example.test/time.html")
    curl(50002, "http://www.example.test/nothing-here")
    curl(50003, "-d", "name=Ada&message=hello", "http://www.example.test/guestbook")
    curl(50004, "http://www.example.test:8080/")
