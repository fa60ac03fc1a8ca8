use pcaplain::capture::{self, Source};
use pcaplain::flow::{Outcome, Tracker};
use pcaplain::wire::*;
use serde_json::{Value as J, json};
use std::io::Write;
fn main() {
    let path = std::env::args().last().unwrap();
    let mut f = match capture::open(&path) {
        Ok(f) => f,
        Err(e) => {
            eprintln!("{e:?}");
            std::process::exit(2)
        }
    };
    let mut t = Tracker::default();
    let mut o = Outcome { wants_context: true, ..Outcome::default() };
    let out = std::io::stdout();
    let mut out = std::io::BufWriter::new(out.lock());
    let mut tree = Tree::default();
    let mut code = 0;
    let emit = |o: &Outcome, out: &mut dyn Write| {
        for e in &o.events {
            writeln!(out, "{}", json!({"record":"event","kind":e.kind.name(),"packet":e.packet})).unwrap();
        }
        for r in &o.ended {
            if let Some(t) = &r.tcp {
                writeln!(
                    out,
                    "{}",
                    json!({"record":"flow","protocol":"tcp","stream":r.stream,"completeness":t.completeness})
                )
                .unwrap();
            }
        }
    };
    loop {
        let frame = match f.next() {
            Ok(Some(x)) => x,
            Ok(None) => break,
            Err(e) => {
                eprintln!("{e:?}");
                code = 1;
                break;
            }
        };
        let p = pcaplain::decode::decode(&frame);
        t.process(&frame, &p, &mut o);
        pcaplain::decode::build(&frame, &p, &o.context, &mut tree);
        let mut layers: Vec<J> = vec![];
        for n in &tree.nodes {
            match n.kind {
                NodeKind::Layer => layers.push(json!({"protocol": n.field.name, "fields": []})),
                NodeKind::Group => {}
                _ => {
                    let v = match &n.value {
                        Value::Uint(u) => json!(u),
                        Value::Int(i) => json!(i),
                        Value::Flag(b) => json!(b),
                        Value::Mac(m) => {
                            json!(m.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(":"))
                        }
                        Value::Ipv4(a) => json!(std::net::Ipv4Addr::from(*a).to_string()),
                        Value::Ipv6(a) => json!(std::net::Ipv6Addr::from(*a).to_string()),
                        Value::Text(s) => json!(s),
                        Value::Bytes => json!(
                            tree.bytes_of(n, frame.bytes)
                                .iter()
                                .map(|b| format!("{b:02x}"))
                                .collect::<String>()
                        ),
                    };
                    layers.last_mut().unwrap()["fields"]
                        .as_array_mut()
                        .unwrap()
                        .push(json!({"name": n.field.name, "value": v}));
                }
            }
        }
        writeln!(out, "{}", json!({"record":"packet","number":frame.number,"length":frame.wire_len,"captured":frame.bytes.len(),"layers":layers})).unwrap();
        emit(&o, &mut out);
    }
    t.finish(&mut o);
    emit(&o, &mut out);
    out.flush().unwrap();
    std::process::exit(code);
}
