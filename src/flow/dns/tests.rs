//! Queries and responses in the orders that captures show them.

use super::*;

const SECOND: i64 = 1_000_000_000;
const CLIENT: &str = "192.0.2.1:40000";
const SERVER: &str = "192.0.2.53:53";

/// A message with one question for `name` and, in a response, A records with these times to live.
fn message(id: u16, flags: u16, name: &str, ttls: &[u32]) -> Vec<u8> {
    let mut m = Vec::new();
    for word in [id, flags, 1, ttls.len() as u16, 0, 0] {
        m.extend(word.to_be_bytes());
    }
    for label in name.split('.') {
        m.push(label.len() as u8);
        m.extend(label.as_bytes());
    }
    m.extend([0, 0, 1, 0, 1]);
    for ttl in ttls {
        m.extend([0xc0, 12, 0, 1, 0, 1]);
        m.extend(ttl.to_be_bytes());
        m.extend([0, 4, 192, 0, 2, 9]);
    }
    m
}

#[derive(Default)]
struct Wire {
    tracker: DnsTracker,
    events: Vec<Event>,
    packet: u64,
}

impl Wire {
    fn send(&mut self, seconds: f64, from: &str, to: &str, bytes: &[u8]) -> &mut Wire {
        self.packet += 1;
        let info = MessageInfo {
            packet: self.packet,
            time_ns: (seconds * SECOND as f64) as i64,
            flow: 3,
            from: from.parse().unwrap(),
            to: to.parse().unwrap(),
            over_tcp: false,
            whole: true,
        };
        self.tracker.expire(info.time_ns, &mut self.events);
        self.tracker.message(&info, bytes, &mut self.events);
        self
    }

    fn ask(&mut self, seconds: f64, id: u16, name: &str) -> &mut Wire {
        self.send(seconds, CLIENT, SERVER, &message(id, 0x0100, name, &[]))
    }

    fn answer(&mut self, seconds: f64, id: u16, flags: u16, name: &str, ttls: &[u32]) -> &mut Wire {
        self.send(seconds, SERVER, CLIENT, &message(id, flags, name, ttls))
    }

    fn finish(&mut self) -> Vec<String> {
        self.tracker.finish(&mut self.events);
        self.events.iter().map(|e| format!("{} {} {}", e.kind.name(), e.packet, e.variant)).collect()
    }
}

#[test]
fn a_query_and_its_response() {
    let mut wire = Wire::default();
    wire.ask(1.0, 7, "www.Example.com").answer(1.25, 7, 0x8180, "www.example.COM", &[300, 60]);
    assert_eq!(wire.finish(), ["dns.query 1 ", "dns.response 2 "]);
    let response = &wire.events[1];
    assert_eq!(response.get("query_packet"), Some(&Datum::Uint(1)));
    assert_eq!(response.get("after"), Some(&Datum::Duration(SECOND / 4)));
    assert_eq!(response.get("type"), Some(&Datum::Text("A".into())));
    assert_eq!(response.get("rcode_name"), Some(&Datum::Text("NoError".into())));
    assert_eq!(response.get("first_answers"), Some(&Datum::Text("192.0.2.9, 192.0.2.9".into())));
    assert_eq!(response.get("ttl"), Some(&Datum::Uint(60)));
}

#[test]
fn what_the_response_says_is_its_variant() {
    for (flags, ttls, variant) in [
        (0x8183, &[][..], "nxdomain"),
        (0x8182, &[], "error"),
        (0x8180, &[], "empty"),
        (0x8380, &[1], "truncated"),
    ] {
        let mut wire = Wire::default();
        wire.ask(1.0, 7, "a").answer(1.1, 7, flags, "a", ttls);
        assert_eq!(wire.events[1].variant, variant);
    }
}

#[test]
fn asked_again_then_answered_twice() {
    let mut wire = Wire::default();
    wire.ask(1.0, 7, "a").ask(3.0, 7, "a").answer(3.5, 7, 0x8180, "a", &[9]);
    wire.answer(3.6, 7, 0x8180, "a", &[9]).ask(4.0, 7, "a");
    assert_eq!(
        wire.finish(),
        [
            "dns.query 1 ",
            "dns.query 2 retry",
            "dns.response 3 ",
            "dns.response 4 duplicate",
            "dns.query 5 ",
            "dns.unanswered 5 capture-ended",
        ]
    );
    assert_eq!(wire.events[1].get("first_packet"), Some(&Datum::Uint(1)));
    assert_eq!(wire.events[2].get("after"), Some(&Datum::Duration(SECOND / 2)), "since it was last asked");
    assert_eq!(wire.events[3].get("first_response"), Some(&Datum::Uint(3)));
}

#[test]
fn an_answer_needs_the_right_question_endpoint_and_number() {
    let mut wire = Wire::default();
    wire.ask(1.0, 7, "a");
    wire.answer(6.1, 8, 0x8180, "a", &[9]).answer(6.2, 7, 0x8180, "b", &[9]).ask(6.2, 7, "a");
    wire.send(6.3, "203.0.113.5:53", CLIENT, &message(7, 0x8180, "a", &[9]));
    let responses = wire.events.iter().filter(|e| e.kind == Kind::DnsResponse);
    assert_eq!(responses.map(|e| e.variant).collect::<Vec<_>>(), ["unasked"; 3]);
}

#[test]
fn that_nobody_asked_needs_evidence() {
    let mut wire = Wire::default();
    wire.answer(1.0, 7, 0x8180, "a", &[9]);
    assert_eq!(wire.events[0].variant, "query-not-seen", "the capture may have begun after the query");
    wire.answer(9.0, 8, 0x8180, "a", &[9]);
    assert_eq!(wire.events[1].variant, "query-not-seen", "this client's queries were never seen");
}

#[test]
fn patience_counts_from_the_last_try() {
    let mut wire = Wire::default();
    wire.ask(1.0, 7, "a").ask(4.0, 7, "a").ask(8.9, 8, "b").ask(9.0, 9, "c");
    assert_eq!(wire.events[3].kind, Kind::DnsUnanswered, "told before the packet that shows it");
    assert_eq!(wire.events[3].packet, 2);
    assert_eq!(wire.events[3].get("attempts"), Some(&Datum::Uint(2)));
    assert_eq!(wire.finish().len(), 7);
}

#[test]
fn a_cache_counts_down() {
    let mut wire = Wire::default();
    wire.ask(1.0, 1, "a").answer(1.1, 1, 0x8180, "a", &[300]);
    wire.ask(11.0, 2, "a").answer(11.1, 2, 0x8180, "a", &[290]);
    wire.ask(31.0, 3, "a").answer(31.1, 3, 0x8180, "a", &[300]);
    wire.ask(41.0, 4, "a").answer(41.1, 4, 0x8180, "a", &[100]);
    let variants: Vec<_> =
        wire.events.iter().filter(|e| e.kind == Kind::DnsResponse).map(|e| e.variant).collect();
    assert_eq!(variants, ["", "cached", "", ""]);
    assert_eq!(wire.events[3].get("earlier_packet"), Some(&Datum::Uint(2)));
    assert_eq!(wire.events[3].get("earlier_ttl"), Some(&Datum::Uint(300)));
}

#[test]
fn groups_owe_no_answer() {
    let mut wire = Wire::default();
    wire.send(1.0, "192.0.2.1:5353", "224.0.0.251:5353", &message(0, 0, "x.local", &[]));
    wire.send(1.1, "192.0.2.9:5353", "224.0.0.251:5353", &message(0, 0x8400, "x.local", &[9]));
    wire.send(2.0, "192.0.2.1:40001", "224.0.0.252:5355", &message(5, 0, "pc", &[]));
    wire.send(2.1, "192.0.2.9:5355", "192.0.2.1:40001", &message(5, 0x8000, "pc", &[9]));
    assert_eq!(
        wire.finish(),
        ["dns.query 1 multicast", "dns.response 2 announcement", "dns.query 3 multicast", "dns.response 4 "]
    );
    assert_eq!(wire.events[3].get("query_packet"), Some(&Datum::Uint(3)), "LLMNR answers the asker alone");
}

#[test]
fn damaged_messages_are_told_with_what_could_be_read() {
    let mut wire = Wire::default();
    let whole = message(7, 0x0100, "abc", &[]);
    wire.send(1.0, CLIENT, SERVER, &whole[..whole.len() - 1]);
    assert_eq!(wire.events.len(), 2);
    let bad = &wire.events[1];
    assert_eq!(bad.kind, Kind::Malformed);
    assert_eq!(bad.get("field"), Some(&Datum::Text("dns.qry.class".into())));
    assert_eq!((bad.get("needed"), bad.get("had")), (Some(&Datum::Uint(2)), Some(&Datum::Uint(1))));
    wire.send(1.1, CLIENT, SERVER, &whole[..5]);
    assert_eq!(wire.events.len(), 3, "without a header it is neither query nor response");
}

#[test]
fn memory_is_bounded() {
    let mut wire = Wire::default();
    for n in 0..MAX_QUERIES + 500 {
        let name = format!("n{n}");
        wire.ask(1.0, n as u16, &name).answer(1.0, n as u16 ^ 1, 0x8180, &name, &[9]);
    }
    assert!(wire.tracker.queries.len() <= MAX_QUERIES && wire.tracker.answers.len() <= MAX_ANSWERS);
    assert!(wire.tracker.due.len() <= 2 * MAX_QUERIES);
    assert_eq!(wire.events.iter().filter(|e| e.kind == Kind::MemoryLimit).count(), 1);
}

/// A message of multicast DNS: no question, one answer `pc.local A 192.0.2.9` under the top bit of the class.
#[rustfmt::skip]
fn announcement(ttl: u8) -> Vec<u8> {
    vec![
        0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0,                   // authoritative response, one answer
        2, b'p', b'c', 5, b'l', b'o', b'c', b'a', b'l', 0,       // pc.local
        0, 1, 0x80, 1, 0, 0, 0, ttl, 0, 4, 192, 0, 2, 9,         // A, cache flush and IN
    ]
}

#[test]
fn multicast_dns_says_who_announces_what_and_who_goes() {
    let mut wire = Wire::default();
    wire.send(0.0, "192.0.2.9:5353", "224.0.0.251:5353", &announcement(120));
    wire.send(1.0, "192.0.2.9:5353", "224.0.0.251:5353", &announcement(0));
    let records = Some(&Datum::Text("pc.local A 192.0.2.9".to_owned()));
    let told: Vec<_> = wire.events.iter().map(|e| (e.variant, e.get("records"))).collect();
    assert_eq!(told, [("announcement", records), ("goodbye", records)]);
    assert_eq!(wire.events[0].get("src"), Some(&Datum::Ip("192.0.2.9".parse().unwrap())));
}

#[test]
fn a_probe_an_update_and_a_transfer_are_no_plain_questions() {
    let mut wire = Wire::default();
    let mut probe = message(0, 0, "pc.local", &[120]);
    probe[6..10].copy_from_slice(&[0, 0, 0, 1]); // the record stands in the authority section
    wire.send(0.0, "192.0.2.9:5353", "224.0.0.251:5353", &probe);
    let mut update = message(7, 0x2800, "example", &[60]);
    update[6..10].copy_from_slice(&[0, 0, 0, 1]);
    wire.send(1.0, CLIENT, SERVER, &update);
    let mut transfer = message(8, 0, "example", &[]);
    let at = transfer.len() - 3;
    transfer[at] = 252;
    wire.send(2.0, CLIENT, SERVER, &transfer);
    let told: Vec<_> = wire.events.iter().map(|e| e.variant).collect();
    assert_eq!(told, ["probe", "update", "transfer"]);
    assert_eq!(wire.events[1].get("changes"), Some(&Datum::Text("+ example A 192.0.2.9".to_owned())));
}

#[test]
fn what_was_asked_without_a_question_is_answered() {
    let mut wire = Wire::default();
    let asked = [&message(7, 0x0800, "", &[])[..4], &[0; 8]].concat(); // an inverse query, and no question
    wire.send(1.0, CLIENT, SERVER, &asked).answer(1.25, 7, 0x8880, "example.com", &[]);
    assert_eq!(wire.finish(), ["dns.query 1 no-question", "dns.response 2 other-opcode"]);
    assert_eq!(wire.events[1].get("query_packet"), Some(&Datum::Uint(1)));
}

#[test]
fn a_lifetime_of_zero_is_told_as_such() {
    let mut wire = Wire::default();
    wire.ask(1.0, 7, "example.com").answer(1.25, 7, 0x8180, "example.com", &[0]);
    assert_eq!(wire.finish(), ["dns.query 1 ", "dns.response 2 not-kept"]);
}
