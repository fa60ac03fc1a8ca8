use pcaplain::capture::{self, Source};
use pcaplain::flow::{Outcome, Tracker};
fn main() {
    let mode = std::env::args().nth(2).unwrap_or_default();
    let mut f = capture::open(&std::env::args().nth(1).unwrap()).unwrap();
    let mut t = Tracker::default();
    let mut o = Outcome::default();
    let (mut n, mut e, mut r) = (0u64, 0usize, 0usize);
    while let Some(frame) = f.next().unwrap() {
        n += 1;
        if mode == "read" {
            continue;
        }
        let p = pcaplain::decode::decode(&frame);
        if mode == "decode" {
            e += p.layers.len();
            continue;
        }
        t.process(&frame, &p, &mut o);
        e += o.events.len();
        r += o.ended.len();
    }
    t.finish(&mut o);
    e += o.events.len();
    r += o.ended.len();
    println!("{n} packets {e} events {r} flows");
}
