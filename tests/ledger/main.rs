//! The ledger of claims: complete in both languages, its checks sound, each shown by the captures it names, and each
//! that can fail failing somewhere.

mod corpus;
mod films;

use std::collections::{BTreeMap, BTreeSet};

use pcaplain::capture::bundled::BUNDLED;
use pcaplain::notes::check::{Answer, On};
use pcaplain::notes::facts::HeaderFacts;
use pcaplain::notes::ledger::{self, Text};
use pcaplain::notes::{Claim, ClaimResult, Status, Verdict, syllabus, vocabulary};
use pcaplain::view;
use pcaplain::words::{self, Lang};

use films::{Film, bundled, mutated, run};

/// What is asked of every claim, whatever it says.
#[test]
fn every_claim_is_complete() {
    let mut ids = BTreeSet::new();
    let mut wrong = Vec::new();
    for claim in ledger::all() {
        let mut complain = |what: &str| wrong.push(format!("{}: {what}", claim.id));
        if !ids.insert(&claim.id) {
            complain("twice");
        }
        if !claim.id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-') {
            complain("an id is of lower-case letters, digits and hyphens");
        }
        if !said(&claim.text) {
            complain("both languages must say it");
        }
        for (what, text) in [
            ("correction", &claim.correction),
            ("rider", &claim.rider),
            ("unobservable", &claim.unobservable),
        ] {
            if !said(text) && !unsaid(text) {
                complain(&format!("{what} in one language only"));
            }
        }
        let needs_correction =
            matches!(claim.verdict, Verdict::False | Verdict::Conditional | Verdict::Disputed);
        if needs_correction && !said(&claim.correction) {
            complain("what is right instead?");
        }
        if claim.verdict == Verdict::True && said(&claim.correction) {
            complain("a claim that stands has a rider, no correction");
        }
        if claim.authority.is_empty() || claim.authority.iter().any(String::is_empty) {
            complain("who says so?");
        }
        let notes = ["000", "001", "002", "003", "004"];
        let placed = |p: &ledger::Place| notes.contains(&&*p.note) && !p.section.is_empty();
        if claim.sources.is_empty() || !claim.sources.iter().all(placed) {
            complain("where do the notes say it?");
        }
        if claim.checks.is_empty() == unsaid(&claim.unobservable) {
            complain("either checks or a reason why there are none");
        }
        if claim.verdict == Verdict::OutsideTheWire && !claim.checks.is_empty() {
            complain("what is outside the wire has no checks");
        }
        if claim.checks.is_empty() != claim.captures.is_empty() {
            complain("a claim that is put to packets names captures that decide it, another none");
        }
        if claim.is_conflict() {
            let told = claim.positions.iter().all(|p| said(&p.text) && p.sources.iter().all(placed));
            if claim.positions.len() < 2 || !told {
                complain("a conflict has two sides, and each its place in the notes");
            }
        } else if !claim.positions.is_empty() {
            complain("only a conflict has positions");
        }
        for name in &claim.captures {
            if !BUNDLED.iter().any(|b| b.name == name) {
                complain(&format!("no capture @{name} is bundled"));
            }
        }
        for check in &claim.checks {
            if check.shows.is_none() && check.contradicts.is_none() {
                complain("a check that finds nothing");
            }
            for (what, expression, text) in [
                ("shown", &check.shows, &check.shown),
                ("contradicted", &check.contradicts, &check.contradicted),
            ] {
                if expression.is_some() != said(text) || expression.is_none() != unsaid(text) {
                    complain(&format!(
                        "on {}: {what} without a sentence, or a sentence too many",
                        check.on.name()
                    ));
                }
                if placeholders(&text[0]) != placeholders(&text[1]) || numbers(&text[0]) != numbers(&text[1])
                {
                    complain(&format!("on {}: {what} differs in its numbers by language", check.on.name()));
                }
            }
        }
    }
    for topic in ledger::topics() {
        assert!(said(&topic.title), "{}: a title", topic.name);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn said(text: &Text) -> bool {
    text.iter().all(|t| !t.trim().is_empty())
}

fn unsaid(text: &Text) -> bool {
    text.iter().all(String::is_empty)
}

/// The names in braces.
fn placeholders(text: &str) -> BTreeSet<&str> {
    text.split('{').skip(1).filter_map(|rest| rest.split(['}', '|', '?']).next()).collect()
}

/// The numbers that stand in a text itself; names with digits in them are no numbers.
fn numbers(text: &str) -> Vec<String> {
    let bare = text.replace(['{', '}'], " ");
    let mut found: Vec<String> = bare
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.'))
        .map(|word| word.trim_matches('.'))
        .filter(|word| word.starts_with(|c: char| c.is_ascii_digit()))
        .map(str::to_owned)
        .collect();
    found.sort();
    found.dedup();
    found
}

#[test]
fn every_name_in_a_check_is_known() {
    let known = vocabulary::checks();
    let mut wrong = Vec::new();
    for claim in ledger::all() {
        for check in &claim.checks {
            for (key, expression) in check.expressions() {
                if let Err(why) = expression.check(&known) {
                    wrong.push(format!("{}: {key} = {expression}: {why:?}", claim.id));
                }
            }
            // Every packet is asked: that must cost nothing where there is nothing to say.
            if check.on == On::Packet {
                let gate = check.when.as_ref();
                if gate.is_none_or(|when| !when.names().all(HeaderFacts::knows)) {
                    wrong.push(format!("{}: on = \"packet\" needs a when over headers", claim.id));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn names_that_do_not_exist_are_told() {
    for (source, nearest) in [
        ("tcp.flag.syn == 1", "tcp.flags.syn"),
        ("flow.client.adr == 1.2.3.4", "flow.client.addr"),
        ("arp.src.hw_mc == 02:00:00:00:00:01", "arp.src.hw_mac"),
    ] {
        let expression = pcaplain::notes::expression::Expression::parse(source).expect("it can be read");
        let why = format!("{:?}", expression.check(&vocabulary::filters()).expect_err("no such name"));
        assert!(why.contains(nearest), "{source}: {why}");
    }
    assert_eq!(ledger::by_id("tcp-isn-radnom").unwrap_err(), ["tcp-isn-random"]);
    assert_eq!(ledger::by_id("tcp-isn-random").unwrap().topic_name(), "tcp-handshake");
    assert!(ledger::by_id("of-something-else").unwrap_err().is_empty());
}

/// Findings of the bundled captures, by name.
fn of_bundled() -> BTreeMap<&'static str, Vec<ClaimResult>> {
    BUNDLED.iter().map(|b| (b.name, run(&bundled(b.name)))).collect()
}

#[test]
fn every_capture_named_has_what_it_is_named_for() {
    let found = of_bundled();
    let decides = |result: &ClaimResult| result.status != Status::NotObserved;
    let mut wrong = Vec::new();
    for (at, claim) in ledger::all().iter().enumerate() {
        for name in &claim.captures {
            if !decides(&found[name.as_str()][at]) {
                wrong.push(format!("{}: @{name} neither shows nor contradicts it", claim.id));
            }
        }
        // A claim that stands is borne out somewhere; one that does not, or not always, may only be refuted.
        let shown = found.values().any(|all| all[at].shown_count > 0);
        if !claim.checks.is_empty() && claim.verdict == Verdict::True && !shown {
            wrong.push(format!("{}: stands, and no bundled capture shows it", claim.id));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// captures/syllabus.toml lists for a capture what it was recorded for; the checks say whether it does that.
#[test]
fn the_syllabus_agrees_with_the_checks() {
    let found = of_bundled();
    let mut wrong = Vec::new();
    for (name, results) in &found {
        let listed = syllabus::claims(name);
        for result in results {
            let id = &result.claim.id;
            let is_listed = listed.contains(id);
            if is_listed && result.status == Status::NotObserved {
                wrong.push(format!("{id}: listed for @{name}, which does not decide it"));
            }
            if !is_listed && result.claim.captures.iter().any(|capture| capture == name) {
                wrong.push(format!("{id}: its entry names @{name}, the list of that does not name it"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// How many claims the notes make, and how many of them at least are put to packets.
const CLAIMS: usize = 394;
const CHECKED: usize = 340;

/// What has no checks has its reason: see `every_claim_is_complete`.
#[test]
fn all_claims_are_here_and_most_are_checked() {
    println!("{:16} {:>6} {:>7} {:>8} {:>8}", "topic", "claims", "checked", "captured", "reasoned");
    let (mut all, mut checked) = (0, 0);
    for (at, topic) in ledger::topics().iter().enumerate() {
        let count = |is: &dyn Fn(&Claim) -> bool| {
            ledger::all().iter().filter(|claim| claim.topic == at && is(claim)).count()
        };
        let put = count(&|c| !c.checks.is_empty());
        let shown = count(&|c| !c.captures.is_empty());
        let reasoned = count(&|c| said(&c.unobservable));
        println!("{:16} {:6} {put:7} {shown:8} {reasoned:8}", topic.name, count(&|_| true));
        (all, checked) = (all + count(&|_| true), checked + put);
    }
    println!("{:16} {all:6} {checked:7}", "all");
    assert_eq!(all, CLAIMS);
    assert!(checked >= CHECKED, "only {checked} claims are put to packets");
}

#[test]
fn every_check_can_show_and_can_contradict() {
    let mut fired: BTreeSet<(usize, usize, bool)> = BTreeSet::new();
    let mut note = |results: &[ClaimResult]| {
        for (at, result) in results.iter().enumerate() {
            for evidence in &result.evidence {
                let check = result.claim.checks.iter().position(|c| std::ptr::eq(c, evidence.check));
                fired.insert((at, check.expect("its own check"), evidence.status == Status::Contradicted));
            }
        }
    };
    of_bundled().values().for_each(|results| note(results));
    mutated().iter().for_each(|(_, film)| note(&run(film)));
    let mut never = Vec::new();
    for (at, claim) in ledger::all().iter().enumerate() {
        for (k, check) in claim.checks.iter().enumerate() {
            for (contradicts, wanted) in [(false, check.shows.is_some()), (true, check.contradicts.is_some())]
            {
                if wanted && !fired.contains(&(at, k, contradicts)) {
                    let what = if contradicts { "contradicts" } else { "shows" };
                    never.push(format!("{} on {}: {what} nowhere", claim.id, check.on.name()));
                }
            }
        }
    }
    assert!(never.is_empty(), "{}", never.join("\n"));
}

#[test]
fn values_fill_every_sentence() {
    let mut wrong = BTreeSet::new();
    let films = mutated().into_iter().map(|(_, film)| film);
    for film in BUNDLED.iter().map(|b| bundled(b.name)).chain(films) {
        for result in run(&film) {
            for (at, evidence) in result.evidence.iter().enumerate() {
                let mut complain = |what: &str| {
                    wrong.insert(format!("{} on {}: {what}", result.claim.id, evidence.check.on.name()));
                };
                let text = match evidence.status {
                    Status::Contradicted => &evidence.check.contradicted[0],
                    _ => &evidence.check.shown[0],
                };
                for asked in words::placeholders(text).iter().filter(|p| !p.optional && p.name != "packet") {
                    if !evidence.values.iter().any(|(known, _)| *known == asked.name) {
                        complain(&format!("{{{}}}", asked.name));
                    }
                }
                let [english, chinese] = [Lang::En, Lang::Zh].map(|lang| sentence(lang, &result, at));
                if figures(&english) != figures(&chinese) {
                    complain(&format!("other numbers in Chinese\n  {english}\n  {chinese}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.into_iter().collect::<Vec<_>>().join("\n"));
}

/// The sentence of a piece of evidence, as it is read.
fn sentence(lang: Lang, result: &ClaimResult, at: usize) -> String {
    view::evidence::of(lang, "", result).exhibits[at].line.text()
}

/// All runs of digits in a filled sentence; their order may differ.
fn figures(text: &str) -> Vec<&str> {
    let mut found: Vec<_> = text.split(|c: char| !c.is_ascii_digit()).filter(|run| !run.is_empty()).collect();
    found.sort_unstable();
    found
}

#[test]
fn nothing_is_found_where_nothing_is() {
    let decided = |film: &Film| -> Vec<&'static Claim> {
        let counted = |r: &ClaimResult| r.shown_count + r.contradicted_count > 0;
        run(film).into_iter().filter(counted).map(|r| r.claim).collect()
    };
    for film in [Film::new(), films::noise()] {
        let ids: Vec<_> = decided(&film).iter().map(|c| &c.id).collect();
        assert!(ids.is_empty(), "{ids:?}");
    }
    for capture in BUNDLED {
        let film = bundled(capture.name);
        let (tcp, arp) = films::protocols(&film);
        for claim in decided(&film) {
            let topic = claim.topic_name();
            // What UDP does otherwise is told beside what TCP does.
            let of_tcp = topic.starts_with("tcp-") && !claim.id.contains("udp");
            assert!(tcp || !of_tcp, "@{} has no TCP, but {}", capture.name, claim.id);
            assert!(arp || topic != "arp", "@{} has no ARP, but {}", capture.name, claim.id);
        }
    }
}

#[test]
fn no_claim_is_decided_by_every_capture() {
    let found = of_bundled();
    for (at, claim) in ledger::all().iter().enumerate() {
        let everywhere = found.values().all(|all| all[at].status != Status::NotObserved);
        assert!(!everywhere, "{}: every capture decides it, so it says nothing", claim.id);
    }
}

#[test]
fn what_changes_a_capture_changes_its_verdict() {
    let films: BTreeMap<_, _> = mutated().into_iter().collect();
    let status = |film: &Film, id: &str| {
        let all = run(film);
        all.iter().find(|r| r.claim.id == id).map(|r| r.status).expect("a claim of that name")
    };
    let basic = bundled("tcp-basic");
    for (film, id) in [
        ("data in the SYN+ACK", "tcp-handshake-third-ack"),
        ("an old SYN+ACK", "tcp-syn-flag-means-request"),
        ("data after the FIN", "tcp-fin-means-no-more-data"),
        ("a FIN with data", "tcp-fin-consumes-sequence"),
    ] {
        assert_eq!(status(&basic, id), Status::Shown, "{id} before");
        assert_eq!(status(&films[film], id), Status::Contradicted, "{id} after: {film}");
    }
}

/// What the standard allows besides is told as an exception, with what bears the claim out; what it forbids is not.
#[test]
fn an_exception_is_no_contradiction() {
    let films: BTreeMap<_, _> = mutated().into_iter().collect();
    let answer = |film: &Film, id: &str| {
        let all = run(film);
        all.iter().find(|r| r.claim.id == id).map(ClaimResult::answer).expect("a claim of that name")
    };
    let spoof = bundled("arp-spoof");
    for (film, id, told) in [
        (&films["a FIN with data"], "tcp-fin-consumes-sequence", Answer::Excepted),
        (&films["data in the SYN+ACK"], "tcp-handshake-third-ack", Answer::Exception),
        (&films["data after the FIN"], "tcp-fin-means-no-more-data", Answer::Contradicted),
        (&films["an old SYN+ACK"], "tcp-handshake-second-ack", Answer::Contradicted),
        (&spoof, "arp-only-target-replies", Answer::Excepted),
        (&spoof, "arp-spoofing", Answer::Shown),
        (&spoof, "tcp-isn-random", Answer::NotObserved),
    ] {
        assert_eq!(answer(film, id), told, "{id}");
    }
}
