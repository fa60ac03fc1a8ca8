//! Lessons: every one of the program's checks clean in both languages and shows what its captures show; none of them can be
//! brought to say something of a capture that the capture does not say.
//!
//! `BLESS=1 cargo test --test lessons` fills the files anew; read the difference before it is kept.
//! Captures made elsewhere: tests/lessons_corpus.rs.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use pcaplain::capture::bundled::BUNDLED;
use pcaplain::lesson::{Lesson, parse, shelf};

#[path = "common/program.rs"]
mod program;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn command(arguments: &[&str]) -> Command {
    let mut command = program::command(arguments);
    command.current_dir(root()).stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    command(arguments).output().expect("the program runs")
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

/// Files of lessons in a folder, from the package's root.
fn files(folder: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir(root().join(folder)) else { return Vec::new() };
    let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    let mut files: Vec<String> =
        names.filter(|name| name.ends_with(".md")).map(|name| format!("{folder}/{name}")).collect();
    files.sort();
    files
}

/// The lessons of the program, and the one that the tests have of their own.
fn all() -> Vec<String> {
    let mut all = files("docs/lessons");
    all.retain(|file| file.ends_with(".en.md") || file.ends_with(".zh.md"));
    all.extend(files("tests/lessons"));
    all
}

fn read(file: &str) -> Lesson {
    parse(file, &fs::read_to_string(root().join(file)).unwrap()).0
}

#[test]
fn every_lesson_is_embedded_in_both_languages() {
    let mut stems: Vec<String> = files("docs/lessons")
        .iter()
        .filter_map(|file| file.strip_prefix("docs/lessons/")?.strip_suffix(".en.md").map(str::to_owned))
        .collect();
    stems.sort();
    let embedded: Vec<&str> = shelf::LESSONS.iter().map(|lesson| lesson.stem).collect();
    assert_eq!(stems, embedded, "the list in src/lesson/shelf.rs is the folder docs/lessons, in order");
}

#[test]
fn every_lesson_checks_clean_and_is_filled() {
    let all = all();
    let mut arguments = vec!["lesson", if std::env::var_os("BLESS").is_some() { "fill" } else { "check" }];
    arguments.extend(all.iter().map(String::as_str));
    let output = run(&arguments);
    assert!(output.status.success(), "{}\n`BLESS=1` fills the files anew", err(&output));
    assert_eq!(out(&output).lines().count(), all.len(), "{}", out(&output));
}

#[test]
fn lessons_are_listed_for_programs() {
    let output = run(&["lesson", "list", "--format", "json"]);
    assert!(output.status.success(), "{}", err(&output));
    let text = out(&output);
    let records: Vec<serde_json::Value> =
        text.lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
    assert_eq!(records.len(), shelf::LESSONS.len());
    for record in &records {
        assert!(record["name"].is_string() && record["title"].is_string(), "{record}");
        assert!(record["steps"].as_u64().is_some_and(|steps| steps > 0), "{record}");
        assert!(record["captures"].as_array().is_some_and(|captures| !captures.is_empty()), "{record}");
    }
}

/// What must not be in what is shown: a slot without its value, a mark of one, a directive, what moves a terminal's cursor.
fn faults(lesson: &Lesson, text: &str) -> Option<String> {
    let binds = lesson.sections.iter().flat_map(|section| section.binds());
    let slots: Vec<String> = binds.map(|bind| format!("{{{}.", bind.name)).collect();
    for (number, line) in text.lines().enumerate() {
        let at = |what: &str| Some(format!("line {}: {what}: {line}", number + 1));
        if slots.iter().any(|slot| line.contains(slot)) || line.contains("{capture}") {
            return at("a slot");
        }
        if line.chars().any(|c| c >= '\u{f0000}') {
            return at("the mark of a slot");
        }
        if line.contains("<!--") {
            return at("a directive");
        }
        if line
            .chars()
            .any(|c| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
        {
            return at("a control character");
        }
    }
    None
}

fn told(file: &str, lesson: &Lesson, capture: &str, wrong: &mut Vec<String>) {
    let output = run(&["lesson", file, "--on", capture]);
    // 1: a damaged capture, of which all before the damage is told; 2: one that cannot be read at all.
    if !matches!(output.status.code(), Some(0 | 1)) && !err(&output).starts_with("pcaplain") {
        wrong.push(format!("{file} --on {capture}: {:?} {}", output.status.code(), err(&output)));
    }
    wrong.extend(faults(lesson, &out(&output)).map(|fault| format!("{file} --on {capture}: {fault}")));
}

/// Any lesson on any bundled capture says what that capture shows, or that it cannot show it.
#[test]
fn every_lesson_can_be_told_with_any_capture() {
    let mut wrong = Vec::new();
    for (at, file) in all().iter().enumerate() {
        let lesson = read(file);
        // All with all takes minutes: each lesson meets every eighth capture, others each.
        for (_, bundled) in BUNDLED.iter().enumerate().filter(|(number, _)| number % 8 == at % 8) {
            told(file, &lesson, &format!("@{}", bundled.name), &mut wrong);
        }
    }
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_example_is_told_whole_and_the_same_each_time() {
    for lang in ["en", "zh"] {
        let file = format!("tests/lessons/example.{lang}.md");
        let first = run(&["lesson", &file, "--all"]);
        assert!(first.status.success(), "{}", err(&first));
        assert_eq!(out(&first), out(&run(&["lesson", &file])), "without a terminal there are no pauses");
        let text = out(&first);
        for part in ["SYN-SENT", "^^", "┌──", "tcp-handshake-second-ack", "@tcp-close-variants"] {
            assert!(text.contains(part), "{lang}: {part}\n{text}");
        }
        assert!(!text.contains('\x1b'), "colour without a terminal");
    }
}

#[test]
fn a_step_that_a_capture_cannot_show_says_what_is_missing() {
    let output = run(&["lesson", "tests/lessons/example.en.md", "--on", "@dns-basic"]);
    let text = out(&output);
    for part in [
        "it has no SYN",
        "Looked for: syn = tcp.handshake.syn where endpoint == \"client\"",
        "Nor is there: answer = tcp.handshake.syn-ack in syn after syn",
        "pcaplain live -i IFACE -w my.pcapng",
        "curl -s http://example.com/",
        "pcaplain lesson tests/lessons/example.en.md --on @tcp-basic",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(!text.contains("The client"), "{text}");
}

/// A lesson of one step, on any capture.
fn one_step(directives: &str) -> String {
    format!("# T\n\n<!-- lesson\ncapture = \"tcp-basic\"\n-->\n\n## S\n\n<!-- step s -->\n{directives}\n")
}

fn told_of(capture: &str, directives: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("one.md");
    fs::write(&file, one_step(directives)).unwrap();
    let output = run(&["lesson", file.to_str().unwrap(), "--all", "--on", capture]);
    assert!(output.status.success(), "{}", err(&output));
    out(&output)
}

/// As in a display filter: also where the protocol is found in a stream, and no header has it.
#[test]
fn a_protocols_name_alone_chooses_its_packets() {
    let text = told_of(
        "@tls13",
        "<!-- bind hello = packet where tls and tcp.len > 500 -->\n\nIt is {hello.packet}.\n\n\
         <!-- show packets where tls max 3 -->\n<!-- /show -->",
    );
    assert!(text.contains("It is #") && text.contains("  TLS  "), "{text}");
    let text = told_of("@dns-tcp", "<!-- show packets where dns and tcp -->\n<!-- /show -->");
    assert!(text.contains("asked in #") && !text.contains("SYN"), "{text}");
}

#[test]
fn the_answer_to_this_very_question_is_bound_and_what_led_to_it_is_shown() {
    let text = told_of(
        "@dns-basic",
        "<!-- bind answer = dns.response where query_packet and answers > 0 -->\n\
         <!-- bind query = dns.query before answer with packet == answer.query_packet -->\n\n\
         Asked in {query.packet}, says {answer.query_packet}: {query.dns.id} and {answer.dns.id}.\n\n\
         <!-- show packets from query to answer max 2 -->\n<!-- /show -->\n\
         <!-- show packets to answer max 1 -->\n<!-- /show -->",
    );
    let sentence = text.lines().find(|line| line.starts_with("Asked in")).expect("a sentence");
    let words: Vec<&str> = sentence.split([' ', ',', ':', '.']).filter(|word| !word.is_empty()).collect();
    assert_eq!((words[2], words[5]), (words[4], words[7]), "{sentence}");
    let wrong = "<!-- bind answer = dns.response -->\n\
         <!-- bind query = dns.query before answer with dns.id == answer.tcp.srcport -->";
    let text = told_of("@dns-basic", wrong);
    assert!(text.contains("none that fits") && text.contains("where answer = dns.response"), "{text}");
}

#[test]
fn a_capture_may_come_from_standard_input() {
    let bytes = BUNDLED.iter().find(|bundled| bundled.name == "tcp-basic").unwrap().bytes;
    let mut child = command(&["lesson", "tests/lessons/example.en.md", "--on", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program runs");
    child.stdin.take().unwrap().write_all(bytes).expect("it reads");
    let piped = out(&child.wait_with_output().expect("it ends"));
    let named = out(&run(&["lesson", "tests/lessons/example.en.md", "--on", "@tcp-basic"]));
    let same =
        |text: &str| text.lines().filter(|line| !line.contains("@tcp-basic") && !line.contains(" -")).count();
    assert_eq!(same(&piped), same(&named), "{piped}");
    assert!(piped.contains("told with -\n"), "{piped}");
}

#[test]
fn a_worksheet_has_its_key_apart() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sheet.md");
    let output =
        run(&["lesson", "tests/lessons/example.en.md", "--sheet", "md", "-o", file.to_str().unwrap()]);
    assert!(output.status.success(), "{}", err(&output));
    let sheet = fs::read_to_string(&file).unwrap();
    let key = fs::read_to_string(folder.path().join("sheet.key.md")).unwrap();
    assert!(
        sheet.contains("Think first.") && sheet.contains("tcp.seq_raw") && sheet.contains("Check:"),
        "{sheet}"
    );
    assert!(!sheet.contains("1344307401:") && !sheet.contains("uses up one sequence number"), "{sheet}");
    let closing = "acknowledges the number itself";
    assert!(
        !sheet.contains(closing) && key.contains(closing),
        "what closes a lesson is for the key: {sheet}"
    );
    assert!(key.contains("uses up one sequence number") && key.contains("tcp-isn-random"), "{key}");
}

/// Stars behind a full stop end nothing in Markdown where a letter follows at once.
#[test]
fn what_is_bold_in_a_chinese_worksheet_is_bold() {
    let output = run(&["lesson", "tests/lessons/example.zh.md", "--sheet", "md"]);
    assert!(out(&output).contains("**先想一想。** "), "{}", out(&output));
}

const BROKEN: &str = r#"# A lesson

<!-- lesson
capture = "tcp-basik"
-->

## One

<!-- step one
capture = "tcp-basic"
colour = "red"
-->
<!-- bind syn = tcp.handshake.sin -->
<!-- bind ack = tcp.handshake.ack where tcp.flags.sny == 1 in syn -->
<!-- bind data = packet where tcp.len > 0 in ack after ack -->
<!-- shov fields data tcp.len -->

It is {data.tcp.lem}, {data}, {nobody.tcp.len} and {data.tcp.len +}.
{data.tcp.len} bytes.

<!-- show fields data tcp.lenn -->
<!-- /show -->
<!-- show packet data tcq -->
<!-- /show -->
<!-- show ladder data -->

<!-- claims tcp-isn-randon -->
<!-- /claims -->
<!-- ask tcp.nothing data -->
<!-- /ask -->
<!-- end -->
"#;

#[test]
fn what_is_wrong_is_told_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("broken.en.md");
    fs::write(&file, BROKEN).unwrap();
    let output = run(&["lesson", "check", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    let text = err(&output);
    let expected: &[(usize, &str)] = &[
        (0, "the other language is missing"),
        (1, "“tcp-basik” (the nearest: tcp-basic"),
        (9, "cannot be read"),
        (13, "“tcp.handshake.sin” is no kind of event"),
        (14, "“tcp.flags.sny” (the nearest: tcp.flags.syn"),
        (14, "“syn” is bound to no packet here"),
        (16, "“shov” is no directive"),
        (18, "“tcp.lem” (the nearest: tcp.len"),
        (18, "“nobody” is bound to no packet here"),
        (18, "“data.tcp.len +” is no slot"),
        (18, "“data” is no slot"),
        (19, "a line may not begin with a slot"),
        (21, "“tcp.lenn”"),
        (23, "no protocol called “tcq”"),
        (25, "“show” has no end"),
        (27, "no claim “tcp-isn-randon” (the nearest: tcp-isn-random"),
        (29, "no kind of question “tcp.nothing”"),
        (31, "“end” ends or continues something that has not begun"),
    ];
    for (line, what) in expected {
        let place = if *line == 0 { String::new() } else { format!(":{line}:") };
        let told = text.lines().any(|told| told.contains(&place) && told.contains(what));
        assert!(told, "line {line}: {what}\n{text}");
    }
}

/// A lesson that is well written, and does not fit to its capture.
#[test]
fn evidence_that_binds_nowhere_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("nowhere.md");
    let text = "# T\n\n<!-- lesson\ncapture = \"tcp-basic\"\n-->\n\n## S\n\n<!-- step s -->\n<!-- bind q = dns.query -->\n\
        <!-- ask dns.type q -->\n<!-- /ask -->\n\n## T\n\n<!-- step t -->\n<!-- bind s = tcp.handshake.syn -->\n\n\
        Its number is 1344307400, says #3; and {s.dns.id}.\n\n<!-- show fields s udp.length -->\n<!-- /show -->\n\n\
        <!-- ask tcp.flags s -->\n<!-- /ask -->\n";
    fs::write(&file, text).unwrap();
    let output = run(&["lesson", "check", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    let text = err(&output);
    for (line, what) in [
        (10, "“q” binds nowhere"),
        (19, "“s.dns.id” has no value"),
        (19, "“1344307400” is a number of the capture"),
        (19, "“#3” is a number of the capture"),
        (21, "has no “udp.length”"),
    ] {
        let told = text.lines().any(|told| told.contains(&format!(":{line}:")) && told.contains(what));
        assert!(told, "line {line}: {what}\n{text}");
    }
}
