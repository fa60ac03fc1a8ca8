//! Captures that are still being made: files that grow and streams that come with pauses, told as they come, to their ends.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

#[path = "common/program.rs"]
mod program;

use program::command;

/// Long enough for a busy machine; nothing waits for it that works.
const PATIENCE: Duration = Duration::from_secs(30);
/// Long enough to see that nothing comes.
const QUIET: Duration = Duration::from_millis(300);

/// The program while it runs, and its lines as they come.
struct Running {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Running {
    fn start(arguments: &[&str]) -> (Running, ChildStdin) {
        let mut child = command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program runs");
        let input = child.stdin.take().expect("a pipe");
        let out = BufReader::new(child.stdout.take().expect("a pipe"));
        let (send, lines) = channel();
        std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
        (Running { child, lines, seen: Vec::new() }, input)
    }

    /// Waits until a line has this in it.
    fn until(&mut self, what: &str) {
        while !self.seen.iter().any(|line| line.contains(what)) {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => self.seen.push(line),
                Err(_) => panic!("{what} never came; so far:\n{}", self.seen.join("\n")),
            }
        }
    }

    /// Takes what there is; then nothing more comes by itself.
    fn is_quiet(&mut self) {
        while let Ok(line) = self.lines.recv_timeout(QUIET) {
            self.seen.push(line);
        }
    }

    fn interrupt(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().expect("kill").success());
    }

    /// Everything it wrote, standard error, exit status.
    fn end(mut self) -> (String, String, Option<i32>) {
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            self.seen.push(line);
        }
        let mut said = String::new();
        self.child.stderr.take().expect("a pipe").read_to_string(&mut said).expect("text");
        let status = self.child.wait().expect("it ends").code();
        (self.seen.join("\n"), said, status)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A bundled capture as bytes, and where each of its packets begins (pcapng's blocks of kind 6).
fn capture(name: &str) -> (Vec<u8>, Vec<usize>) {
    let output = command(&["captures", "extract", name, "-o", "-"]).output().expect("it runs");
    let bytes = output.stdout;
    let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    let (mut at, mut starts) = (0, Vec::new());
    while at < bytes.len() {
        if word(at) == 6 {
            starts.push(at);
        }
        at += word(at + 4) as usize;
    }
    starts.push(bytes.len());
    (bytes, starts)
}

fn records(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// `annotate -` alone: a capture that is whole is told conversation by conversation, one that is being made as it comes.
#[test]
fn standard_input_is_told_as_it_comes_where_it_pauses() {
    let (bytes, starts) = capture("tcp-basic");
    let (mut running, mut input) = Running::start(&["annotate", "--lang", "en", "-"]);
    input.write_all(&bytes[..starts[4]]).expect("written");
    running.until("#4");
    input.write_all(&bytes[starts[4]..]).expect("written");
    running.until("#19");
    drop(input);
    let (text, said, status) = running.end();
    assert_eq!((status, said.as_str()), (Some(0), ""), "{text}");

    let (running, mut input) = Running::start(&["annotate", "--lang", "en", "-"]);
    input.write_all(&bytes).expect("written");
    drop(input);
    let (text, said, status) = running.end();
    assert_eq!((status, said.as_str()), (Some(0), ""), "{text}");
    assert!(text.contains("What to look at") && text.contains("FIN-WAIT-1"), "{text}");
}

/// A file with a handshake in it, half a record more, then the rest: each is told when it is there.
#[test]
fn a_file_is_told_as_it_grows() {
    let (bytes, starts) = capture("tcp-basic");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("grows.pcapng");
    let mut file = File::create(&path).expect("a file");
    let cases = [
        (
            "en",
            "The client picks a starting number",
            "The client confirms the FIN",
            "closed in four segments",
        ),
        ("zh", "客户端选定自己的初始序号", "客户端确认了", "四次挥手"),
    ];
    for (lang, first, last, end) in cases {
        file.set_len(0).expect("emptied");
        std::io::Seek::rewind(&mut file).expect("from its beginning");
        // Packet 3 is the SYN; of packet 4 there is only a part.
        file.write_all(&bytes[..starts[3] + 30]).expect("written");
        let (mut running, _input) =
            Running::start(&["annotate", "--lang", lang, "--follow", path.to_str().expect("UTF-8")]);
        running.until(first);
        running.is_quiet();
        assert!(!running.seen.iter().any(|line| line.starts_with("#4")), "half a record is no packet");
        file.write_all(&bytes[starts[3] + 30..starts[10]]).expect("written");
        running.until("#10");
        file.write_all(&bytes[starts[10]..]).expect("written");
        running.until("#19");
        running.until(last);
        running.interrupt();
        let (text, said, status) = running.end();
        assert_eq!((status, said.as_str()), (Some(0), ""), "{text}");
        assert!(text.contains(end), "what ended is told at the end: {text}");
    }
}

/// A stream that pauses, over a pipe that stays open: each line is there before the pause is over; the records are those of the file.
#[test]
fn a_stream_is_told_before_it_goes_on() {
    let (bytes, starts) = capture("dns-basic");
    let whole = command(&["annotate", "@dns-basic", "--format", "json"]).output().expect("it runs");
    let whole = String::from_utf8(whole.stdout).expect("UTF-8");
    for follow in
        [&["annotate", "--format", "json", "-"][..], &["annotate", "--follow", "--format", "json", "-"]]
    {
        let (mut running, mut input) = Running::start(follow);
        for (number, part) in starts.windows(2).enumerate() {
            let from = if number == 0 { 0 } else { part[0] };
            // In two pieces, as networks are.
            let middle = (from + part[1]) / 2;
            input.write_all(&bytes[from..middle]).expect("written");
            input.flush().expect("sent");
            std::thread::sleep(Duration::from_millis(5));
            input.write_all(&bytes[middle..part[1]]).expect("written");
            running.until(&format!("\"record\":\"packet\",\"number\":{},", number + 1));
        }
        drop(input);
        let (text, said, status) = running.end();
        assert_eq!((status, said.as_str()), (Some(0), ""));
        assert_eq!(records(&text)[1..], records(&whole)[1..], "all but the file's name");
    }
}

/// A stream that goes on and on is ended as a file that ends: what was waited for is told.
#[test]
fn an_interrupt_ends_a_stream_in_good_order() {
    let (bytes, starts) = capture("tcp-basic");
    let (mut running, mut input) = Running::start(&["annotate", "--follow", "-"]);
    input.write_all(&bytes[..starts[5] + 9]).expect("written");
    running.until("#5");
    running.interrupt();
    let (text, said, status) = running.end();
    assert_eq!((status, said.as_str()), (Some(0), ""), "{text}");
    assert!(text.contains("── TCP  connection 0  #3–#5"), "the open connection is told: {text}");
    drop(input);
}

#[test]
fn a_list_grows_a_line_a_packet() {
    let (bytes, starts) = capture("tcp-basic");
    let (mut running, mut input) = Running::start(&["packets", "--follow", "-", "-Y", "tcp"]);
    running.until("What it means");
    for number in [5, 12, 19] {
        let from = match number {
            5 => 0,
            12 => starts[5],
            _ => starts[12],
        };
        input.write_all(&bytes[from..starts[number]]).expect("written");
        running.until(&format!("{number:>3}  "));
    }
    drop(input);
    let (text, _, status) = running.end();
    assert_eq!((text.lines().count(), status), (1 + 17, Some(0)), "{text}");
}

/// Enough is enough: the writer is still there.
#[test]
fn a_count_and_a_conversation_are_kept_to() {
    let (bytes, starts) = capture("tcp-basic");
    let (mut running, mut input) =
        Running::start(&["annotate", "--follow", "-", "-c", "4", "--flow", "tcp:0"]);
    input.write_all(&bytes[..starts[10]]).expect("written");
    running.until("#4");
    let (text, _, status) = running.end();
    assert_eq!(status, Some(0));
    assert!(!text.contains("#5 ") && !text.contains("ARP"), "{text}");
    drop(input);
}

/// A file that is emptied is no longer the one that was read.
#[test]
fn a_file_that_becomes_shorter_is_told_of() {
    let (bytes, starts) = capture("tcp-basic");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("grows.pcapng");
    std::fs::write(&path, &bytes[..starts[4]]).expect("written");
    let (mut running, _input) = Running::start(&["annotate", "--follow", path.to_str().expect("UTF-8")]);
    running.until("#4");
    File::create(&path).expect("emptied");
    let (_, said, status) = running.end();
    assert_eq!(status, Some(1));
    assert!(said.contains("became shorter"), "{said}");
}
