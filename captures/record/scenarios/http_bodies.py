"""HTTP bodies: what is sent, how it is labelled, and what the client said it can take."""

import gzip

from lab import hasten
from services import nginx, pages

from . import scenario
from .http import MESSAGES, TOOLS, client_and_server, curl
from .http_messages import JPEG

BODIES = """
    server_tokens off;
    gzip_static on;
    map $http_accept $wanted {
        default "";
        "~application/json" .json;
        "~text/html|\\*/\\*" .html;
    }
    server {
        listen 10.0.0.2:80;
        server_name www.example.test;
        root {folder};
        location /photo.txt { alias {folder}/photo.jpg; types { } default_type text/plain; }
        location /weather {
            if ($wanted = "") { return 406; }
            add_header Vary Accept;
            try_files $uri$wanted =404;
        }
        location /ni.html { charset utf-8; }
        location /hao.html { charset gb18030; }
    }
"""

LONG = "<title>Tea</title>\n" + 12 * "<p>Tea, tea, and again tea: this page says the same thing many times.</p>\n"


@scenario("http-bodies", "What an HTTP body is: Content-Type, charset, gzip, and what the client accepts",
          needs=TOOLS,
          expect=MESSAGES,
          shows=[('http.content_type == "text/html"', 6), ('http.content_type == "application/json"', 2),
                 ('http.content_type == "image/jpeg" && image-jfif', 1),
                 ('http.content_type == "text/plain" && tcp.payload contains ff:d8:ff', 1),
                 ('http.content_encoding == "gzip" && tcp.payload contains 1f:8b:08', 1),
                 ("http.content_length == 907", 1),
                 ("http.response.code == 406", 1), ('http.content_type == "text/html; charset=utf-8"', 1),
                 ('http.content_type == "text/html; charset=gb18030"', 1),
                 ('http.accept == "application/json"', 1), ("tcp.payload contains e4:bd:a0:e5:a5:bd", 1),
                 ("tcp.payload contains c4:e3:ba:c3", 1)])
def http_bodies(lab):
    """client (10.0.0.1, curl) and server (10.0.0.2, nginx) on one link, captured at the client. By the client's port:
    50001 a page, a file of data and a picture: text/html, application/json, image/jpeg (159 octets, which begin with
    ff d8 ff); then the same picture labelled text/plain, because the server is told so. 50002 the same page twice:
    without Accept-Encoding it comes as it is, 907 octets; with it as gzip (it begins with 1f 8b), a file that was
    compressed beforehand. 50003 one address, /weather, for which there are two files: the field Accept decides which
    is sent (HTML for */*, then for text/html, then JSON), and for image/png there is none: 406. 50004 the same two
    Chinese characters in UTF-8 (six octets) and in GB18030 (four); only the charset in Content-Type tells which."""
    client, server, at_client = client_and_server(lab)
    pages(lab, server, tea_html=LONG, order_json='{"tea": 2}\n', photo_jpg=JPEG, weather_html="<p>Sunny.</p>\n",
          weather_json='{"weather": "sunny"}\n', ni_html="<p>你好</p>\n", hao_html="<p>你好</p>\n".encode("gb18030"),
          index_html="<h1>Welcome</h1>\n", tea_html_gz=gzip.compress(LONG.encode(), mtime=0))
    hasten(nginx(lab, server, BODIES, "10.0.0.2:80"))
    lab.record(at_client)

    www = "http://www.example.test"
    curl(lab, client, 50001, f"{www}/", f"{www}/order.json", f"{www}/photo.jpg", f"{www}/photo.txt")
    curl(lab, client, 50002, f"{www}/tea.html", f"--compressed {www}/tea.html")
    curl(lab, client, 50003, f"{www}/weather",
         *[f"-H 'Accept: {accept}' {www}/weather" for accept in ("text/html", "application/json", "image/png")])
    curl(lab, client, 50004, f"{www}/ni.html", f"{www}/hao.html")
