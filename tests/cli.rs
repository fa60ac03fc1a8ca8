//! The command line end to end: what is written where, and with which exit status, over bundled captures and
//! damaged files. Leaves out: what the sentences say.

use std::io::{Read, Write};
use std::process::{Output, Stdio};

use serde_json::Value;

#[path = "common/program.rs"]
mod program;

use program::command;

fn run(arguments: &[&str]) -> Output {
    command(arguments).output().expect("the program runs")
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

fn records(arguments: &[&str]) -> Vec<Value> {
    let output = run(arguments);
    assert!(output.status.success(), "{}", err(&output));
    out(&output).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn names() -> Vec<String> {
    let list = records(&["captures", "list", "--format", "json"]);
    list.iter().map(|one| format!("@{}", one["name"].as_str().expect("a name"))).collect()
}

/// A copy of a bundled capture in a file.
fn extracted(folder: &tempfile::TempDir, name: &str) -> std::path::PathBuf {
    let path = folder.path().join("copy.pcapng");
    let output = run(&["captures", "extract", name, "-o", path.to_str().expect("UTF-8")]);
    assert!(output.status.success(), "{}", err(&output));
    path
}

#[test]
fn every_command_works_on_every_bundled_capture() {
    for name in names() {
        for lang in ["en", "zh"] {
            for arguments in [
                vec!["annotate", &name],
                vec!["annotate", "-v", &name],
                vec!["packets", &name],
                vec!["packet", &name, "1"],
                vec!["flows", &name],
                vec!["layers", &name],
                vec!["layers", &name, "1"],
            ] {
                let mut arguments = arguments;
                arguments.extend(["--lang", lang]);
                let output = run(&arguments);
                assert!(output.status.success(), "{arguments:?}: {}", err(&output));
                assert!(err(&output).is_empty(), "{arguments:?}: {}", err(&output));
                let text = out(&output);
                assert!(!text.trim().is_empty(), "{arguments:?}");
                assert!(!text.contains('\x1b'), "{arguments:?}: colour without a terminal");
            }
        }
    }
}

#[test]
fn no_line_is_wider_than_the_page() {
    use unicode_width::UnicodeWidthStr;
    for name in names() {
        for lang in ["en", "zh"] {
            let output = run(&["annotate", &name, "--width", "100", "--lang", lang]);
            for line in out(&output).lines() {
                // Ladders need what their states and numbers need.
                let ladder = line.contains(['▶', '◀']);
                assert!(ladder || line.width() <= 100, "{name}: {line}");
            }
        }
    }
}

#[test]
fn every_sentence_is_filled() {
    for name in names() {
        for lang in ["en", "zh"] {
            let arguments = ["annotate", &name, "--format", "json", "--records", "event", "--lang", lang];
            for record in records(&arguments).iter().filter(|record| record["record"] == "event") {
                let text = record["text"].as_str().expect("text");
                assert!(!text.contains(['{', '}']) && !text.is_empty(), "{name}: {record}");
            }
        }
    }
}

#[test]
fn records_come_as_the_contract_says() {
    let all = records(&["annotate", "--format", "json", "@tcp-basic"]);
    assert_eq!(all[0]["record"], "capture");
    assert_eq!(all[0]["format"], "pcapng");
    assert_eq!(all[0]["interfaces"][0]["link_type"], 1);
    let packets: Vec<&Value> = all.iter().filter(|r| r["record"] == "packet").collect();
    assert_eq!(packets.len(), 19);
    for (at, packet) in packets.iter().enumerate() {
        assert_eq!(packet["number"], at + 1);
        let (seconds, nanos) = packet["time"].as_str().and_then(|t| t.split_once('.')).expect("time");
        assert!(seconds.parse::<u64>().is_ok() && nanos.len() == 9);
        assert_eq!(packet["layers"][0]["protocol"], "eth");
    }
    let flow = all.iter().find(|r| r["record"] == "flow" && r["protocol"] == "tcp").expect("a flow");
    assert_eq!((&flow["opening"], &flow["closing"]), (&"three-way".into(), &"four-segment".into()));
    for key in ["id", "stream", "client", "server", "first", "last", "start", "end", "packets", "bytes"] {
        assert!(!flow[key].is_null(), "{key}");
    }
    let state = all.iter().find(|r| r["record"] == "state").expect("a state");
    assert!(all.iter().filter(|r| r["record"] == "state").all(|r| r["from"] != r["to"]));
    for key in ["flow", "packet", "endpoint", "from", "to", "basis"] {
        assert!(!state[key].is_null(), "{key}");
    }
}

#[test]
fn each_captured_byte_is_in_exactly_one_leaf() {
    for name in names() {
        for packet in records(&["packets", "--format", "json", &name]) {
            let captured = packet["captured"].as_u64().expect("captured") as usize;
            let mut bits = vec![0u32; captured * 8];
            let layers = packet["layers"].as_array().expect("layers");
            let fields = layers.iter().flat_map(|layer| layer["fields"].as_array().expect("fields"));
            for field in fields.filter(|f| f["derived"].is_null() && f["source"].is_null()) {
                let number = |key: &str| field[key].as_u64().expect("a number") as usize;
                let (mut first, mut count) = (number("offset") * 8, number("length") * 8);
                if let Some(part) = field["bits"].as_array() {
                    first += part[0].as_u64().expect("first") as usize;
                    count = part[1].as_u64().expect("count") as usize;
                }
                bits[first..first + count].iter_mut().for_each(|owners| *owners += 1);
            }
            assert!(bits.iter().all(|owners| *owners == 1), "{name} #{}", packet["number"]);
        }
    }
}

#[test]
fn records_can_be_chosen() {
    let kinds = |wanted: &str| {
        let all = records(&["annotate", "--format", "json", "--records", wanted, "@tcp-basic"]);
        let mut kinds: Vec<String> =
            all.iter().map(|r| r["record"].as_str().expect("a record").to_owned()).collect();
        kinds.sort();
        kinds.dedup();
        kinds
    };
    assert_eq!(kinds("flow"), ["capture", "flow"]);
    assert_eq!(kinds("state,event"), ["capture", "event", "state"]);
    let unknown = run(&["annotate", "--format", "json", "--records", "nonsense", "@tcp-basic"]);
    assert_eq!(unknown.status.code(), Some(2));
}

#[test]
fn a_filter_chooses_packets_and_conversations() {
    let packets = records(&["packets", "--format", "json", "@tcp-basic", "--filter", "arp"]);
    assert_eq!(packets.len(), 2);
    let flows = records(&["flows", "--format", "json", "@tcp-basic", "--filter", "flow.protocol == \"tcp\""]);
    assert_eq!(flows.len(), 1);
    let flows = records(&["flows", "--format", "json", "@tcp-basic", "-Y", "tcp.flags.syn == 1"]);
    assert_eq!(flows.len(), 1);
    let mistake = run(&["packets", "@tcp-basic", "--filter", "tcp.port = 80"]);
    assert_eq!(mistake.status.code(), Some(2));
    assert!(err(&mistake).contains("\n           ^"), "{}", err(&mistake));
}

#[test]
fn files_can_be_named_in_every_way() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = extracted(&folder, "tcp-basic");
    let path = path.to_str().expect("UTF-8");
    let plain = out(&run(&["packets", path]));
    assert_eq!(out(&run(&["packets", "-r", path])), plain);
    assert_eq!(out(&run(&["packets", "-nn", "-r", path])), plain);
    assert_eq!(out(&run(&["packet", "-r", path, "3"])), out(&run(&["packet", path, "3"])));
    let mut child = command(&["packets", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let bytes = std::fs::read(path).expect("the copy");
    child.stdin.take().expect("a pipe").write_all(&bytes).expect("written");
    assert_eq!(out(&child.wait_with_output().expect("an end")), plain);
}

#[test]
fn several_files_are_read_as_one() {
    let all = records(&["annotate", "--format", "json", "@tcp-basic", "@eth-arp"]);
    let captures: Vec<&Value> = all.iter().filter(|r| r["record"] == "capture").collect();
    assert_eq!(captures.len(), 2);
    assert_eq!(captures[1]["file"], "@eth-arp");
    assert_eq!(captures[1]["interfaces"][0]["id"], 1);
    let last = all.iter().rfind(|r| r["record"] == "packet").expect("packets");
    assert_eq!(last["number"], 19 + 18);
    assert_eq!(last["interface"], 1);
}

#[test]
fn a_cut_file_is_told_up_to_the_cut() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = extracted(&folder, "tcp-basic");
    let bytes = std::fs::read(&path).expect("the copy");
    std::fs::write(&path, &bytes[..bytes.len() - 301]).expect("written");
    let path = path.to_str().expect("UTF-8");

    let output = run(&["annotate", "--format", "json", path]);
    assert_eq!(output.status.code(), Some(1));
    let text = out(&output);
    let all: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let damage = all.iter().find(|r| r["kind"] == "capture.damaged").expect("an event");
    assert!(damage["data"]["offset"].as_u64().expect("an offset") > 0);
    assert!(all.iter().any(|r| r["record"] == "packet" && r["number"] == 10));
    assert!(all.iter().any(|r| r["record"] == "flow"));
    assert_eq!(err(&output).lines().count(), 1);

    let output = run(&["annotate", path]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        out(&output)
            .contains(err(&output).trim().trim_start_matches("pcaplain: ").split(':').next().unwrap())
    );
    for arguments in [vec!["packets", path], vec!["flows", path], vec!["flows", "--format", "json", path]] {
        assert_eq!(run(&arguments).status.code(), Some(1), "{arguments:?}");
    }
}

#[test]
fn what_cannot_be_read_ends_with_two_and_one_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let empty = folder.path().join("empty.pcap");
    std::fs::write(&empty, b"").expect("written");
    let garbage = folder.path().join("garbage.pcap");
    std::fs::write(&garbage, b"this is no capture at all").expect("written");
    let (empty, garbage) = (empty.to_str().expect("UTF-8"), garbage.to_str().expect("UTF-8"));
    let nowhere = "/nowhere/to/be/found.pcap";
    for file in [empty, garbage, nowhere, "/", "@no-such-capture"] {
        for command in ["annotate", "packets", "flows"] {
            let output = run(&[command, file]);
            assert_eq!(output.status.code(), Some(2), "{command} {file}");
            assert!(output.stdout.is_empty(), "{command} {file}");
            let line = err(&output);
            assert_eq!(line.lines().count(), 1, "{command} {file}: {line}");
            assert!(line.contains(file.trim_start_matches('@')), "{command} {file}: {line}");
        }
    }
    for arguments in [
        vec!["packet", "@tcp-basic", "20"],
        vec!["packet", "@tcp-basic", "0"],
        vec!["packet", "@tcp-basic", "x"],
        vec!["packet", "@tcp-basic"],
        vec!["ladder", "@tcp-basic", "--flow", "7"],
        vec!["annotate", "@tcp-basic", "--flow", "tcp:9"],
        vec!["annotate", "--format", "json", "@tcp-basic", "--flow", "99"],
        vec!["annotate"],
        vec!["annotate", "--nonsense"],
        vec!["nonsense"],
        vec!["annotate", "@tcp-basic", nowhere],
    ] {
        let output = run(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_reader_that_has_enough_is_no_error() {
    let mut child = command(&["annotate", "--format", "json", "@tcp-close-variants"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let mut first = [0; 10];
    child.stdout.take().expect("a pipe").read_exact(&mut first).expect("a beginning");
    // The pipe is closed now.
    let output = child.wait_with_output().expect("an end");
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty());
}

#[test]
fn what_a_packet_says_cannot_reach_the_terminal() {
    // A UDP datagram whose payload is an escape sequence, over raw IPv4.
    let payload = b"\x1b[31mred\x07\xe2\x80\xae";
    let length = 28 + payload.len() as u16;
    let mut packet = vec![0x45, 0, (length >> 8) as u8, length as u8, 0, 1, 0, 0, 64, 17, 0, 0];
    packet.extend([10, 0, 0, 1, 10, 0, 0, 2, 0x9c, 0x41, 0x27, 0x0f, 0, length as u8 - 20, 0, 0]);
    packet.extend(payload);
    let mut file: Vec<u8> = [0xa1b2_c3d4u32, 0x0004_0002, 0, 0, 65535, 101].map(u32::to_le_bytes).concat();
    file.extend([1u32, 0, packet.len() as u32, packet.len() as u32].map(u32::to_le_bytes).concat());
    file.extend(&packet);
    let folder = tempfile::tempdir().expect("a folder");
    // The file's name is hostile, too.
    let path = folder.path().join("evil\x1b[2J.pcap");
    std::fs::write(&path, &file).expect("written");
    let path = path.to_str().expect("UTF-8");
    for arguments in
        [vec!["annotate", "-v", path], vec!["packets", path], vec!["packet", path, "1"], vec!["flows", path]]
    {
        let output = run(&arguments);
        assert!(output.status.success(), "{}", err(&output));
        let text = out(&output);
        let bad = text.chars().find(|c| c.is_control() && *c != '\n' || *c == '\u{202e}');
        assert_eq!(bad, None, "{arguments:?}");
    }
    let output = run(&["annotate", &format!("{path}.not-there")]);
    assert!(!err(&output).contains('\x1b'));
}

#[test]
fn colours_come_when_asked_for() {
    let always = run(&["packet", "@tcp-basic", "1", "--color", "always"]);
    assert!(out(&always).contains('\x1b'));
    assert!(!out(&run(&["packet", "@tcp-basic", "1"])).contains('\x1b'));
    let plain: String = {
        let text = out(&always);
        let mut plain = String::new();
        let mut rest = text.as_str();
        while let Some(at) = rest.find('\x1b') {
            plain.push_str(&rest[..at]);
            rest = rest[at..].split_once('m').expect("an end").1;
        }
        plain + rest
    };
    assert_eq!(plain, out(&run(&["packet", "@tcp-basic", "1"])), "colour changes nothing but colour");
}

#[test]
fn the_language_comes_from_the_environment_too() {
    let output = command(&["annotate", "@tcp-basic"]).env("LANG", "zh_CN.UTF-8").output().expect("runs");
    assert_eq!(out(&output), out(&run(&["annotate", "@tcp-basic", "--lang", "zh"])));
    assert!(out(&output).contains("三次握手"));
}

#[test]
fn a_ladder_shows_both_ends_and_both_kinds_of_numbers() {
    let text = out(&run(&["ladder", "@tcp-basic", "--flow", "tcp:0"]));
    for part in ["CLOSED", "LISTEN", "SYN-SENT", "FIN-WAIT-2", "TIME-WAIT", "▶", "◀", "seq +1 ("] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let raw = out(&run(&["ladder", "@tcp-basic", "--flow", "tcp:0", "-S"]));
    assert!(!raw.contains("seq +"), "{raw}");
}

#[test]
fn the_list_of_packets_stops_and_filters() {
    let text = out(&run(&["packets", "@tcp-basic", "-c", "3"]));
    assert_eq!(text.lines().count(), 4);
    let text = out(&run(&["packets", "@tcp-basic", "-Y", "tcp.flags.syn == 1", "-t", "e"]));
    assert_eq!(text.lines().count(), 3);
}

#[test]
fn help_is_in_both_languages() {
    let english = run(&["annotate", "--help"]);
    assert!(english.status.success() && out(&english).contains("Usage:"));
    let chinese = out(&run(&["--lang", "zh", "annotate", "--help"]));
    assert!(chinese.contains("用法"), "{chinese}");
    assert!(run(&["--version"]).status.success());
}

#[test]
fn a_claim_is_shown_with_the_fields_and_bytes_that_decide_it() {
    let text = out(&run(&["claims", "show", "arp-request-broadcast", "--on", "@eth-arp"]));
    assert!(text.contains("eth.dst  ff:ff:ff:ff:ff:ff"), "{text}");
    let dump = text.lines().position(|line| line.starts_with("0000  ff ff ff ff ff ff 02")).expect("a dump");
    assert_eq!(text.lines().nth(dump + 1), Some("      ^^ ^^ ^^ ^^ ^^ ^^"), "the bytes are marked");
}

#[test]
fn conflicts_of_the_notes_are_decided_by_packets() {
    let text = out(&run(&["claims", "conflicts"]));
    assert!(text.contains("note-conflict-layer-of-arp") && text.contains("@eth-arp  In #1"), "{text}");
}
