//! Changed copies for the claims about HTTP.

use super::{Changed, Film, bundled, replace};

/// Some bytes by others, in all frames.
fn rewritten(name: &str, from: &[u8], to: &[u8]) -> Film {
    let mut film = bundled(name);
    for shot in &mut film {
        let before = shot.bytes.clone();
        replace(&mut shot.bytes, from, to);
        if shot.bytes != before {
            shot.summed();
        }
    }
    film
}

pub fn films() -> Changed {
    vec![
        ("a fragment in the request line", rewritten("http-forms", b"word=%23", b"word=a#b")),
        ("a status code of no class", rewritten("http11-basic", b"HTTP/1.1 404", b"HTTP/1.1 604")),
    ]
}
