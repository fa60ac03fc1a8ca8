//! Changed copies for the claims about SSH and rsync.

use super::{Changed, Film, bundled, replace};

const CAPTURE: &str = "ssh-scp-rsync";

pub fn films() -> Changed {
    vec![
        ("a server with a DSA key", with(b"ssh-ed25519", b"ssh-dss,abc")),
        (
            "a client that asks SSH for compression",
            with(b"none,zlib@openssh.com,zlib", b"zlib@openssh.com,none,zlib"),
        ),
        (
            "SSH that encrypts nothing",
            with(b"chacha20-poly1305@openssh.com", b"none,xxxxxxxxxxxxxxxxxxxxxxxx"),
        ),
        ("rsync of whole files", with(b"-te.LsfxCIvu", b"-Wte.LsfxCIv")),
    ]
}

/// Some bytes replaced by as many others, wherever they stand.
fn with(from: &[u8], to: &[u8]) -> Film {
    let mut film = bundled(CAPTURE);
    for shot in film.iter_mut().filter(|shot| shot.bytes.windows(from.len()).any(|w| w == from)) {
        replace(&mut shot.bytes, from, to);
        shot.summed();
    }
    film
}
