//! Changed copies for the claims about TCP's reliability: headers without options, video, and what UDP carries of web and files.

use super::{Changed, IP_SRC, TCP, alone, begins, bundled, changed, replace};

pub fn films() -> Changed {
    let datagram = |port: u16, bytes: &'static [u8]| {
        alone("udp-basic", 3, move |shot| {
            shot.set(TCP + 2, &port.to_be_bytes());
            begins(shot, bytes);
        })
    };
    let mut video = bundled("http11-basic");
    for shot in &mut video {
        replace(&mut shot.bytes, b"Content-Type: text/plain\r\n", b"Content-Type: video/mp2t\r\n");
        if shot.bytes[IP_SRC - 3] == 6 {
            shot.summed();
        }
    }
    vec![
        (
            "an ACK without options",
            changed("tcp-basic", &[5], |shot| {
                shot.bytes.truncate(TCP + 20);
                shot.set(TCP + 12, &[0x50]).mended();
            }),
        ),
        ("a film", video),
        ("quic", datagram(443, &[0xc0, 0, 0, 0, 1, 8])),
        ("tftp", datagram(69, b"\0\x01a\0octet\0")),
    ]
}
