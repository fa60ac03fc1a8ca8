//! Changed copies for the claims about HTTP's header fields, cookies and further codes.

use super::{Changed, Film, bundled, changed, replace};

/// Some bytes by as many others, in all frames.
fn rewritten(name: &str, from: &[u8], to: &[u8]) -> Film {
    let mut film = bundled(name);
    for shot in film.iter_mut().filter(|shot| shot.bytes.windows(from.len()).any(|w| w == from)) {
        replace(&mut shot.bytes, from, to);
        shot.summed();
    }
    film
}

#[rustfmt::skip]
pub fn films() -> Changed {
    let own_host = changed("http-bodies", &[38], |shot| {
        replace(&mut shot.bytes, b"www.example.test", b"tea.example.test");
        shot.summed();
    });
    let larger = changed("http-cookies", &[98], |shot| {
        let end = shot.bytes.len() - 4;
        shot.bytes.splice(end..end, [b'x'; 200]);
        shot.mended();
    });
    let film = |what, name, from: &[u8], to: &[u8]| (what, rewritten(name, from, to));
    vec![
        ("one server of two names", own_host),
        ("a larger cookie", larger),
        film("a 304 that nobody asked for", "http-cache-coding", b"If-None-Match", b"Xf-None-Match"),
        film("a 401 that names no scheme", "http-methods-status", b"WWW-Authenticate", b"XWW-Authenticate"),
        film("a 502 for a request that was passed on", "proxy-reverse", b"HTTP/1.1 504", b"HTTP/1.1 502"),
        film("a type that was not accepted", "http-bodies", b"Accept: text/html", b"Accept: image/gif"),
        film("a coding that was not offered", "http-cache-coding", b"deflate, gzip,", b"deflate, abcd,"),
        film("a location of the content", "http-cache-coding", b"Accept-Ranges: bytes", b"Content-Location: /a"),
        film("a cookie beyond ASCII", "http-cookies", b"theme=dark", "theme=därk".as_bytes().split_last().unwrap().1),
        film("a cookie for TLS alone", "http-cookies", b"SameSite=Lax", b"Secure      "),
        film("a POST again", "proxy-reverse", b"GET /down HTTP", b"POST /dow HTTP"),
        film("a server without ranges", "http-cache-coding", b"HTTP/1.1 206", b"HTTP/1.1 200"),
    ]
}
