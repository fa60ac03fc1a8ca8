use pcaplain::capture::{self, Source};
use pcaplain::flow::{Outcome, Tracker};
fn main() {
    let mut f = capture::open(&std::env::args().nth(1).unwrap()).unwrap();
    let mut t = Tracker::default();
    let mut o = Outcome::default();
    let show = |o: &Outcome| {
        for e in &o.events {
            println!(
                "#{} {} {} {:?} {}",
                e.packet,
                e.flow.map_or(-1, |f| f as i64),
                e.kind.name(),
                e.variant,
                e.data
                    .iter()
                    .filter(|(k, _)| !matches!(*k, "client" | "server" | "peer" | "stream"))
                    .map(|(k, v)| format!("{k}={v}"))
                    .collect::<Vec<_>>()
                    .join(" ")
            );
        }
        for s in &o.states {
            println!(
                "      #{} flow {} {:?} {} -> {} {}",
                s.packet,
                s.flow,
                s.endpoint,
                s.from.name(),
                s.to.name(),
                s.basis.name()
            );
        }
        for r in &o.ended {
            if let Some(t) = &r.tcp {
                println!(
                    "   END {} {} {} {:?} {:?} {:?}",
                    r.id, t.opening, t.closing, t.initiator_of_close, t.states, t.completeness
                );
            }
        }
    };
    while let Some(frame) = f.next().unwrap() {
        let p = pcaplain::decode::decode(&frame);
        t.process(&frame, &p, &mut o);
        show(&o);
    }
    t.finish(&mut o);
    show(&o);
}
