//! Live capture in network namespaces that are made for it and removed again: what is recorded against what is explained and against a
//! tcpdump beside it, what is counted, and what happens when something ends. Where namespaces are not permitted, or a tool is missing, that
//! is said and the test passes.

#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use pcaplain::capture::{self, Source};

#[path = "common/program.rs"]
mod program;

const BINARY: &str = env!("CARGO_BIN_EXE_pcaplain");

/// Two hosts on one link: `va` 10.9.0.1 and `vb` 10.9.0.2, each in a namespace of its own.
struct Net {
    a: String,
    b: String,
    folder: tempfile::TempDir,
}

fn has(tool: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .any(|path| path.join(tool).exists())
}

/// Whether these tools are there; says which is not.
fn have(tools: &[&str]) -> bool {
    let missing: Vec<_> = tools.iter().filter(|tool| !has(tool)).collect();
    if !missing.is_empty() {
        eprintln!("skipped: {missing:?} not installed");
    }
    missing.is_empty()
}

fn ok(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn ip(arguments: &str) -> bool {
    ok(Command::new("ip").args(arguments.split(' ')))
}

impl Net {
    fn new() -> Option<Net> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name =
            |end: &str| format!("pl{}x{}{end}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let (a, b) = (name("a"), name("b"));
        if !has("ip") || !ip(&format!("netns add {a}")) {
            eprintln!("skipped: network namespaces are not permitted here");
            return None;
        }
        let net = Net { a, b, folder: tempfile::tempdir().expect("a folder") };
        let (a, b) = (&net.a, &net.b);
        let mut works = ip(&format!("netns add {b}"));
        for end in [a, b] {
            // Nothing is to be on the link but what the test sends.
            let quiet = "net.ipv6.conf.all.disable_ipv6=1";
            ok(Command::new("ip").args(["netns", "exec", end, "sysctl", "-qw", quiet]));
            works &= ip(&format!("-n {end} link set lo up"));
        }
        for step in [
            format!("link add va netns {a} type veth peer name vb netns {b}"),
            format!("-n {a} addr add 10.9.0.1/24 dev va"),
            format!("-n {b} addr add 10.9.0.2/24 dev vb"),
            format!("-n {a} link set va up"),
            format!("-n {b} link set vb up"),
        ] {
            works &= ip(&step);
        }
        if !works {
            eprintln!("skipped: a link between namespaces cannot be made here");
        }
        works.then_some(net)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self, name: &str) -> String {
        self.path(name).to_str().expect("UTF-8").to_owned()
    }

    /// VLAN 7 between the two hosts, 10.8.0.1 and 10.8.0.2; whether there can be one.
    fn vlan(&self) -> bool {
        for (end, device, address) in [(&self.a, "va", "10.8.0.1"), (&self.b, "vb", "10.8.0.2")] {
            if !ip(&format!("-n {end} link add link {device} name {device}.7 type vlan id 7")) {
                eprintln!("skipped: VLAN interfaces cannot be made here");
                return false;
            }
            ip(&format!("-n {end} addr add {address}/24 dev {device}.7"));
            ip(&format!("-n {end} link set {device}.7 up"));
        }
        true
    }

    /// A command in the namespace of one of the two hosts.
    fn within(&self, end: &str, words: &[&str]) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", end]).args(words);
        for name in program::ENVIRONMENT.iter().chain(&["SUDO_UID", "SUDO_GID", "SUDO_USER"]) {
            command.env_remove(name);
        }
        command
    }

    /// Live capture on host b, once it receives.
    fn live(&self, arguments: &[&str]) -> Live {
        let words: Vec<&str> = [BINARY, "live"].iter().chain(arguments).copied().collect();
        Live::start(self.within(&self.b, &words))
    }

    fn ping(&self, count: u32, size: u32) {
        let (count, size) = (count.to_string(), size.to_string());
        let words = ["ping", "-q", "-i", "0.002", "-c", &count, "-s", &size, "10.9.0.2"];
        assert!(ok(&mut self.within(&self.a, &words)), "ping");
    }

    /// Packets that passed `vb` so far.
    fn passed(&self) -> u64 {
        let one = |what: &str| {
            let output = self
                .within(&self.b, &["cat", &format!("/sys/class/net/vb/statistics/{what}_packets")])
                .output();
            String::from_utf8(output.expect("cat").stdout)
                .expect("text")
                .trim()
                .parse::<u64>()
                .expect("a number")
        };
        one("rx") + one("tx")
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        ip(&format!("netns del {}", self.a));
        ip(&format!("netns del {}", self.b));
    }
}

/// A lesson that needs no more than a ping.
const PING: &str = r#"# Asked and answered

<!-- lesson
capture = "icmp-basic"
-->

## One question

<!-- step ask
record = "ping -c 1 10.9.0.2"
-->
<!-- bind ask = icmp.echo-request where ip.src == 10.9.0.1 -->
<!-- bind reply = icmp.echo-reply in ask after ask with request_packet == ask.packet -->

**Think first.** Who answers?

<!-- show fields ask ip.src ip.dst -->
<!-- /show -->

The question went from {ask.ip.src} to {ask.ip.dst}, the answer from {reply.ip.src} back.

<!-- ask icmp.answer ask -->
<!-- /ask -->
"#;

/// A capture that runs.
struct Live {
    child: Option<Child>,
    /// What it has said on standard error so far.
    said: String,
    errors: BufReader<std::process::ChildStderr>,
}

impl Live {
    fn start(mut command: Command) -> Live {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
        let errors = BufReader::new(child.stderr.take().expect("piped"));
        let mut live = Live { child: Some(child), said: String::new(), errors };
        live.until("capturing on");
        live
    }

    /// Waits until it says so.
    fn until(&mut self, what: &str) {
        while !self.said.contains(what) {
            let read = self.errors.read_line(&mut self.said).expect("text");
            assert!(read > 0, "it never said {what:?}: {}", self.said);
        }
    }

    fn signal(&self, name: &str) {
        let pid = self.child.as_ref().expect("it runs").id().to_string();
        assert!(ok(Command::new("kill").args([&format!("-{name}"), &pid])));
    }

    /// Ends it, and gives what it wrote.
    fn end(self, signal: &str) -> Ended {
        // What was sent last is on its way through the ring.
        sleep(Duration::from_millis(150));
        self.signal(signal);
        self.wait()
    }

    fn wait(mut self) -> Ended {
        // Both pipes are read, or one could fill while the other is waited for.
        let mut child = self.child.take().expect("it runs");
        let mut out = child.stdout.take().expect("piped");
        let reader = std::thread::spawn(move || {
            let mut text = String::new();
            out.read_to_string(&mut text).expect("text");
            text
        });
        self.errors.read_to_string(&mut self.said).expect("text");
        let out = reader.join().expect("read");
        let status = child.wait().expect("it ends").code();
        Ended { status, out, said: std::mem::take(&mut self.said) }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

struct Ended {
    status: Option<i32>,
    out: String,
    said: String,
}

impl Ended {
    /// The numbers of the line that has these words.
    fn numbers(&self, words: &str) -> Vec<u64> {
        let line =
            self.said.lines().find(|line| line.contains(words)).unwrap_or_else(|| panic!("{}", self.said));
        line.replace(',', "").split_whitespace().filter_map(|word| word.parse().ok()).collect()
    }

    /// Packets received, dropped, captured.
    fn counts(&self) -> [u64; 3] {
        self.numbers("received").try_into().unwrap_or_else(|_| panic!("{}", self.said))
    }
}

fn run(arguments: &[&str]) -> Output {
    program::command(arguments).output().expect("it runs")
}

/// Time and bytes of each packet of a file, and how many were lost.
fn packets(path: &Path) -> (Vec<(i64, Vec<u8>)>, u64) {
    let mut source = capture::open(path.to_str().expect("UTF-8")).expect("a capture");
    let mut packets = Vec::new();
    while let Some(frame) = source.next().expect("whole") {
        packets.push((frame.time_ns, frame.bytes.to_vec()));
    }
    (packets, source.dropped())
}

/// `epb_flags` of each packet of a pcapng file that this program wrote, in this machine's byte order.
fn flags(path: &Path) -> Vec<u32> {
    let file = fs::read(path).expect("a file");
    let word = |at: usize| u32::from_ne_bytes(file[at..at + 4].try_into().expect("four bytes"));
    let (mut at, mut flags) = (0, Vec::new());
    while at < file.len() {
        let length = word(at + 4) as usize;
        if word(at) == 6 {
            let options = at + 28 + (word(at + 20) as usize).next_multiple_of(4);
            flags.push(word(options + 4));
        }
        at += length;
    }
    flags
}

/// Something of everything: ARP, ICMP, HTTP from nginx, DNS from dnsmasq, as far as they are installed.
fn traffic(net: &Net) {
    let (folder, mut servers) = (net.folder.path(), Vec::new());
    if has("nginx") && has("curl") {
        fs::write(folder.join("page.html"), "x".repeat(30_000)).expect("a page");
        let root = folder.display();
        let config = format!(
            "user root; daemon off; master_process off; pid {root}/nginx.pid; error_log /dev/null; events {{}}\n\
             http {{ access_log off; client_body_temp_path {root}/t1; proxy_temp_path {root}/t2;\n\
             fastcgi_temp_path {root}/t3; uwsgi_temp_path {root}/t4; scgi_temp_path {root}/t5;\n\
             server {{ listen 80; root {root}; location /old {{ return 302 /page.html; }} }} }}"
        );
        fs::write(folder.join("nginx.conf"), config).expect("a file");
        servers.push(
            net.within(&net.b, &["nginx", "-c", &net.file("nginx.conf")]).stderr(Stdio::null()).spawn(),
        );
    }
    if has("dnsmasq") {
        let words = "dnsmasq -k -C /dev/null -h --no-resolv --address=/example.test/10.9.0.9 \
                     --listen-address=10.9.0.2 --bind-interfaces --pid-file= -u root";
        let words: Vec<&str> = words.split_whitespace().collect();
        servers.push(net.within(&net.b, &words).stderr(Stdio::null()).spawn());
    }
    sleep(Duration::from_millis(400));
    net.ping(5, 56);
    for page in ["page.html", "old", "nothing"] {
        let url = format!("http://10.9.0.2/{page}");
        ok(&mut net.within(&net.a, &["curl", "-s", "-m", "3", "-L", "-o", "/dev/null", &url]));
    }
    // Nobody listens here: refused.
    ok(&mut net.within(&net.a, &["curl", "-s", "-m", "2", "http://10.9.0.2:81/"]));
    if has("python3") {
        let ask = "import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.settimeout(1)\n\
                   for n in (b'a', b'b'):\n \
                   s.sendto(b'\\x12\\x34\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0\\1' + n + b'\\7example\\4test\\0\\0\\1\\0\\1', ('10.9.0.2', 53))\n \
                   s.recv(512)\n";
        ok(&mut net.within(&net.a, &["python3", "-c", ask]));
    }
    for server in servers.into_iter().flatten() {
        let mut server = server;
        let _ = server.kill();
        let _ = server.wait();
    }
}

#[test]
fn live_equals_file() {
    let Some(net) = Net::new() else { return };
    let file = net.file("trace.pcapng");
    let live = net.live(&["-i", "vb", "-w", &file, "--format", "json"]);
    traffic(&net);
    let ended = live.end("INT");
    assert_eq!(ended.status, Some(0), "{}", ended.said);
    let read = run(&["annotate", "--format", "json", &file]);
    assert_eq!(read.status.code(), Some(0));
    let read = String::from_utf8(read.stdout).expect("text");
    let different = ended.out.lines().zip(read.lines()).find(|(live, read)| live != read);
    assert_eq!(different, None);
    assert!(ended.out == read, "one is longer");
    let kinds = ["\"packet\"", "\"event\"", "\"state\"", "\"flow\"", "\"claim\""];
    for kind in kinds {
        assert!(read.contains(&format!("{{\"record\":{kind}")), "no {kind}");
    }
    let [received, dropped, captured] = ended.counts();
    assert_eq!((received, dropped), (captured, 0));
    assert_eq!(ended.numbers("explained"), [captured, 0]);
}

/// VLAN tags, which the kernel takes off; stamps; who sent a packet: all as a tcpdump has them that captures the same.
#[test]
fn packets_are_those_that_tcpdump_sees() {
    let Some(net) = Net::new() else { return };
    if !have(&["tcpdump"]) {
        return;
    }
    if !net.vlan() {
        return;
    }
    let (ours, theirs, received) = (net.file("ours.pcapng"), net.file("theirs.pcap"), net.file("in.pcap"));
    let mut beside = Vec::new();
    for (file, more) in [(&theirs, &["-U"][..]), (&received, &["-U", "-Q", "in"][..])] {
        let words = ["tcpdump", "-i", "vb", "-n", "-Z", "root", "--time-stamp-precision=nano", "-w", file];
        let words: Vec<&str> = words.iter().chain(more).copied().collect();
        let mut child = net.within(&net.b, &words).stderr(Stdio::piped()).spawn().expect("it runs");
        let mut errors = BufReader::new(child.stderr.take().expect("piped"));
        let mut line = String::new();
        while !line.contains("listening") && errors.read_line(&mut line).expect("text") > 0 {}
        beside.push((child, errors));
    }
    let live = net.live(&["-i", "vb", "-q", "-w", &ours]);
    net.ping(20, 200);
    assert!(ok(&mut net.within(&net.a, &["ping", "-q", "-i", "0.002", "-c", "20", "10.8.0.2"])));
    let ended = live.end("TERM");
    sleep(Duration::from_millis(1200));
    for (mut child, _errors) in beside {
        ok(Command::new("kill").args(["-INT", &child.id().to_string()]));
        child.wait().expect("it ends");
    }
    assert_eq!(ended.status, Some(0), "{}", ended.said);
    let (ours_read, theirs_read) = (packets(Path::new(&ours)).0, packets(Path::new(&theirs)).0);
    assert!(ours_read.len() >= 80, "{}", ours_read.len());
    assert!(ours_read == theirs_read, "{} packets, tcpdump has {}", ours_read.len(), theirs_read.len());
    let tagged = ours_read.iter().filter(|(_, bytes)| bytes[12..16] == [0x81, 0, 0, 7]).count();
    assert!(tagged >= 40, "{tagged} packets with a tag");
    let received: Vec<i64> = packets(Path::new(&received)).0.iter().map(|(time, _)| *time).collect();
    let in_ours = ours_read.iter().zip(flags(Path::new(&ours))).filter(|(_, flags)| flags & 3 == 1);
    assert_eq!(in_ours.map(|((time, _), _)| *time).collect::<Vec<_>>(), received);
    assert!(flags(Path::new(&ours)).iter().all(|flags| matches!(flags & 3, 1 | 2)));
}

/// On loopback and on `any` each packet is seen once.
#[test]
fn loopback_and_any_show_each_packet_once() {
    let Some(net) = Net::new() else { return };
    for (interface, link_type) in [("lo", 1), ("any", 276)] {
        let file = net.file("trace.pcapng");
        let live = net.live(&["-i", interface, "-q", "-w", &file]);
        assert!(ok(&mut net.within(&net.b, &["ping", "-q", "-i", "0.002", "-c", "5", "127.0.0.1"])));
        let ended = live.end("INT");
        assert_eq!(ended.counts(), [10, 0, 10], "{interface}: {}", ended.said);
        assert_eq!(packets(Path::new(&file)).0.len(), 10);
        let source = capture::open(&file).expect("a capture");
        assert_eq!(source.interfaces()[0].link_type, link_type);
        assert_eq!(source.interfaces()[0].name.as_deref(), Some(interface));
    }
}

/// Packets of several interfaces come in the order of their stamps.
#[test]
fn several_interfaces_are_one_story() {
    let Some(net) = Net::new() else { return };
    let file = net.file("trace.pcapng");
    let live = net.live(&["-i", "vb", "-i", "lo", "-w", &file, "--format", "json"]);
    for _ in 0..10 {
        net.ping(2, 56);
        assert!(ok(&mut net.within(&net.b, &["ping", "-q", "-c", "1", "127.0.0.1"])));
    }
    let ended = live.end("INT");
    let read = String::from_utf8(run(&["annotate", "--format", "json", &file]).stdout).expect("text");
    assert!(ended.out == read);
    let times: Vec<i64> = packets(Path::new(&file)).0.iter().map(|(time, _)| *time).collect();
    assert!(times.len() >= 60 && times.is_sorted(), "{times:?}");
}

/// What the kernel drops is told, and goes into the file: sent less written.
#[test]
fn drops_are_what_is_missing() {
    let Some(net) = Net::new() else { return };
    net.ping(1, 56);
    let file = net.file("trace.pcapng");
    let before = net.passed();
    let live = net.live(&["-i", "vb", "-q", "-B", "2", "-w", &file]);
    // A program that does not get its turn: the ring fills.
    live.signal("STOP");
    net.ping(2000, 1400);
    live.signal("CONT");
    sleep(Duration::from_millis(100));
    net.ping(10, 56);
    let ended = live.end("INT");
    let passed = net.passed() - before;
    let [received, dropped, captured] = ended.counts();
    let (written, in_file) = packets(Path::new(&file));
    assert!(dropped > 1000, "{}", ended.said);
    assert_eq!(received, passed);
    assert_eq!(dropped, passed - written.len() as u64);
    assert_eq!((captured, in_file), (written.len() as u64, dropped));
}

#[test]
fn what_is_written_outlives_the_program() {
    let Some(net) = Net::new() else { return };
    let file = net.file("trace.pcapng");
    let before = net.passed();
    let live = net.live(&["-i", "vb", "-q", "-w", &file]);
    net.ping(100, 500);
    let ended = live.end("KILL");
    assert_eq!(ended.status, None);
    assert_eq!(packets(Path::new(&file)).0.len() as u64, net.passed() - before);
}

#[test]
fn an_interface_may_go_and_come_back() {
    let Some(net) = Net::new() else { return };
    let file = net.file("trace.pcapng");
    let mut live = net.live(&["-i", "vb", "-q", "-w", &file]);
    net.ping(1, 56);
    assert!(ip(&format!("-n {} link set vb down", net.b)));
    live.until("vb is down");
    assert!(ip(&format!("-n {} link set vb up", net.b)));
    live.until("vb is up again");
    net.ping(3, 56);
    sleep(Duration::from_millis(200));
    assert!(ip(&format!("-n {} link del vb", net.b)));
    let ended = live.wait();
    assert!(ended.said.contains("vb is there no more"), "{}", ended.said);
    assert!(ended.said.contains("no interface is left"), "{}", ended.said);
    assert_eq!(ended.status, Some(1));
    assert!(packets(Path::new(&file)).0.len() >= 8);
}

#[test]
fn a_full_disk_is_told_and_leaves_what_was_written() {
    let Some(net) = Net::new() else { return };
    let disk = net.path("disk");
    fs::create_dir(&disk).expect("a folder");
    // Within the namespace of `ip netns exec` a mount is seen by that command alone.
    let script = format!(
        "mount -t tmpfs -o size=128k none {0} && {BINARY} live -i vb -q -w {0}/trace.pcapng; \
         echo status $?; cp {0}/trace.pcapng {1}",
        disk.display(),
        net.file("copy.pcapng")
    );
    let live = Live::start(net.within(&net.b, &["sh", "-c", &script]));
    net.ping(200, 1000);
    let ended = live.wait();
    assert!(ended.out.contains("status 1"), "{} {}", ended.out, ended.said);
    assert!(ended.said.contains("No space left on device"), "{}", ended.said);
    let (read, _) = packets(&net.path("copy.pcapng"));
    assert!(read.len() > 50, "{}", read.len());
    let line = ended.said.lines().find(|line| line.contains("No space left")).expect("a line");
    assert!(line.contains(&format!("The {} packets", read.len())), "{line}, {} are there", read.len());
}

#[test]
fn files_of_a_ring() {
    let Some(net) = Net::new() else { return };
    fs::create_dir(net.path("ring")).expect("a folder");
    let file = net.file("ring/trace.pcapng");
    let live = net.live(&["-i", "vb", "-w", &file, "-b", "packets:10", "-b", "files:3", "--format", "json"]);
    net.ping(30, 56);
    let ended = live.end("INT");
    assert_eq!(ended.status, Some(0), "{}", ended.said);
    let mut names: Vec<String> = fs::read_dir(net.path("ring"))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
        .collect();
    names.sort();
    let numbers: Vec<u32> = names
        .iter()
        .map(|name| {
            let middle = name.strip_prefix("trace_").and_then(|n| n.strip_suffix(".pcapng")).expect("a name");
            let (number, time) = middle.split_once('_').expect("two parts");
            assert_eq!((number.len(), time.len()), (5, 14), "{name}");
            number.parse().expect("a number")
        })
        .collect();
    assert_eq!(numbers.len(), 3, "{names:?}");
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1) && numbers[0] > 1, "{names:?}");
    for name in &names[..2] {
        assert_eq!(packets(&net.path("ring").join(name)).0.len(), 10);
    }
}

#[test]
fn limits_end_a_capture() {
    let Some(net) = Net::new() else { return };
    let file = net.file("trace.pcapng");
    let live = net.live(&["-i", "vb", "-w", &file, "-c", "7", "--format", "json", "--records", "packet"]);
    net.ping(10, 56);
    let ended = live.wait();
    assert_eq!((ended.status, packets(Path::new(&file)).0.len()), (Some(0), 7));
    assert_eq!(ended.out.lines().filter(|line| line.contains("\"packet\"")).count(), 7);

    let began = Instant::now();
    let ended = net.live(&["-i", "vb", "-q", "-w", &file, "-a", "duration:0.6"]).wait();
    assert_eq!(ended.status, Some(0));
    assert!((500..3000).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());

    let live = net.live(&["-i", "vb", "-q", "-w", &file, "-s", "60", "-a", "filesize:2"]);
    net.ping(40, 1000);
    let ended = live.wait();
    let (read, _) = packets(Path::new(&file));
    assert_eq!(ended.status, Some(0));
    assert!(
        read.iter().all(|(_, bytes)| bytes.len() <= 60) && (10..30).contains(&read.len()),
        "{}",
        read.len()
    );
}

/// The filter chooses what is told and what is written.
#[test]
fn a_filter_chooses() {
    let Some(net) = Net::new() else { return };
    let file = net.file("trace.pcapng");
    let live = net.live(&[
        "-i",
        "vb",
        "-w",
        &file,
        "-Y",
        "icmp.type == 8",
        "--format",
        "json",
        "--records",
        "packet",
    ]);
    net.ping(6, 56);
    let ended = live.end("INT");
    assert_eq!(packets(Path::new(&file)).0.len(), 6, "{}", ended.said);
    assert_eq!(ended.out.lines().filter(|line| line.contains("\"record\":\"packet\"")).count(), 6);
    assert!(ended.said.contains("icmp.type == 8"), "{}", ended.said);
}

/// What can be told by headers the kernel tells, tags that it took off included; nothing else comes up.
#[test]
fn the_kernel_leaves_out_what_a_filter_cannot_choose() {
    let Some(net) = Net::new() else { return };
    if !net.vlan() {
        return;
    }
    // Interface, filter, packets that it chooses, packets of the conversations that it chooses from.
    for (interface, filter, count, received) in [
        ("vb", "ip.addr == 10.8.0.2", 10, 10),
        ("vb", "icmp.type == 8 and ip.dst == 10.8.0.2", 5, 10),
        ("vb", "icmp and vlan.id == 7", 10, 24),
        // What passes the VLAN's own interface is seen again there, without its tag.
        ("any", "vlan.id == 7 and ip.addr == 10.8.0.2", 10, 20),
        ("any", "ip.src == 10.9.0.2 and icmp", 7, 14),
    ] {
        let file = net.file("filtered.pcapng");
        let live = net.live(&["-i", interface, "-q", "-w", &file, "-Y", filter]);
        net.ping(7, 56);
        assert!(ok(&mut net.within(&net.a, &["ping", "-q", "-i", "0.002", "-c", "5", "10.8.0.2"])));
        let ended = live.end("INT");
        let written = packets(Path::new(&file)).0.len();
        assert_eq!(written, count, "{interface} {filter}: {}", ended.said);
        assert_eq!(ended.numbers("received")[0], received, "{interface} {filter}: {}", ended.said);
    }
}

/// A reader that is slow, or gone, is no reason to lose packets.
#[test]
fn a_terminal_that_does_not_read() {
    let Some(net) = Net::new() else { return };
    let file = net.file("trace.pcapng");
    let before = net.passed();
    // Nobody reads its standard output until the end.
    let live = net.live(&["-i", "vb", "-w", &file, "--format", "json"]);
    net.ping(500, 1000);
    sleep(Duration::from_millis(300));
    let written = packets(Path::new(&file)).0.len() as u64;
    assert_eq!(written, net.passed() - before, "what is written does not wait for the reader");
    let ended = live.end("INT");
    assert_eq!(ended.counts()[1], 0, "{}", ended.said);

    let words = [BINARY, "live", "-i", "vb"];
    let mut child =
        net.within(&net.b, &words).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("runs");
    sleep(Duration::from_millis(300));
    drop(child.stdout.take());
    net.ping(2, 56);
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

#[test]
fn privileges_are_given_up() {
    let Some(net) = Net::new() else { return };
    let words = [BINARY, "live", "-i", "vb", "--check", "--format", "json"];
    let mut command = net.within(&net.b, &words);
    command.env("SUDO_UID", "65534").env("SUDO_GID", "65534");
    let output = command.output().expect("it runs");
    let record: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(record["record"], "privileges");
    assert_eq!((&record["uid"], &record["gid"]), (&65534.into(), &65534.into()));
    for held in ["capabilities", "bounding"] {
        assert_eq!(record[held], serde_json::json!([]), "{held}");
    }
    assert_eq!(record["no_new_privs"], true);
    assert!(["full", "partial", "none"].contains(&record["landlock"].as_str().expect("text")));

    // Files belong to whoever asked, and that user's rights decide whether they can be made.
    fs::create_dir(net.path("theirs")).expect("a folder");
    std::os::unix::fs::chown(net.path("theirs"), Some(65534), Some(65534)).expect("root may");
    fs::set_permissions(net.folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .expect("ours");
    let file = net.file("theirs/trace.pcapng");
    for (file, status) in [(file.as_str(), 0), (net.file("mine.pcapng").as_str(), 2)] {
        let words = [BINARY, "live", "-i", "vb", "-q", "-w", file, "--duration", "0.3"];
        let mut command = net.within(&net.b, &words);
        command.env("SUDO_UID", "65534").env("SUDO_GID", "65534");
        let output = command.output().expect("it runs");
        assert_eq!(output.status.code(), Some(status), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let made = fs::metadata(&file).expect("a file");
    assert_eq!((made.uid(), made.mode() & 0o777), (65534, 0o600));
    assert!(!net.path("mine.pcapng").exists());

    // While it runs: what the kernel says of both threads.
    let live = net.live(&["-i", "vb"]);
    let pid = live.child.as_ref().expect("it runs").id();
    sleep(Duration::from_millis(200));
    let mut threads = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task")).expect("a folder") {
        let status = fs::read_to_string(thread.expect("one").path().join("status")).expect("text");
        let of: BTreeMap<&str, &str> = status.lines().filter_map(|line| line.split_once(":\t")).collect();
        for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
            assert_eq!(of[set], "0000000000000000", "{set}");
        }
        assert_eq!(of["NoNewPrivs"], "1");
        threads += 1;
    }
    assert!(threads >= 2, "{threads}");
    assert_eq!(live.end("INT").status, Some(0));
}

#[test]
fn without_the_privilege_it_says_how_to_get_it() {
    if !have(&["setpriv"]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("pcap lain");
    fs::copy(BINARY, &program).expect("a copy");
    fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("ours");
    for (lang, words) in [("en", "takes the privilege CAP_NET_RAW"), ("zh", "需要 CAP_NET_RAW 权限")] {
        let mut command = Command::new("setpriv");
        command.args([
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            "--inh-caps=-all",
            "--bounding-set=-all",
        ]);
        command.arg(&program).args(["live", "-i", "lo", "-Y", "tcp.port == 80", "--lang", lang]);
        let output = command.output().expect("it runs");
        let said = String::from_utf8(output.stderr).expect("text");
        if said.contains("setpriv:") {
            eprintln!("skipped: privileges cannot be given up here: {said}");
            return;
        }
        assert_eq!(output.status.code(), Some(2), "{said}");
        let path = program.canonicalize().expect("it is there");
        assert!(said.contains(words), "{said}");
        assert!(said.contains(&format!("sudo setcap cap_net_raw+ep '{}'", path.display())), "{said}");
        let again = format!("sudo '{}' live -i lo -Y 'tcp.port == 80' --lang {lang}", path.display());
        assert!(said.contains(&again), "{said}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn mistakes_are_told() {
    for (arguments, status) in [
        (&["live", "-i", "no-such-one"][..], 2),
        (&["live", "-q"], 2),
        (&["live", "-i", "lo", "-w", "-"], 2),
        (&["live", "-i", "lo", "-b", "filesize:9"], 2),
        (&["live", "-i", "lo", "-w", "x", "-b", "files:9"], 2),
        (&["live", "-i", "lo", "-a", "hours:9"], 2),
        (&["live", "-i", "lo", "-Y", "no.such.field == 1"], 2),
    ] {
        let output = run(arguments);
        let said = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {said}");
        assert!(said.starts_with("pcaplain: ") && said.lines().count() <= 3, "{arguments:?}: {said}");
    }
}

/// A lesson records first, until Ctrl-C, and is told then with what was recorded.
#[test]
fn a_lesson_is_told_with_what_is_recorded_now() {
    let Some(net) = Net::new() else { return };
    let (lesson, scratch) = (net.file("ping.md"), net.file("scratch"));
    fs::write(&lesson, PING).expect("a file");
    fs::create_dir(&scratch).expect("a folder");
    let words = [BINARY, "lesson", &lesson, "--all", "--on", "live:vb"];
    let mut command = net.within(&net.b, &words);
    // Ctrl-C reaches all of a terminal's foreground: the lesson and the capture that it has begun.
    command.env("TMPDIR", &scratch).process_group(0);
    let live = Live::start(command);
    assert!(live.said.contains("ping -c 1 10.9.0.2"), "what to do is said first: {}", live.said);
    net.ping(1, 56);
    sleep(Duration::from_millis(150));
    let group = format!("-{}", live.child.as_ref().expect("it runs").id());
    assert!(ok(Command::new("kill").args(["-INT", "--", &group])));
    let ended = live.wait();
    assert_eq!(ended.status, Some(0), "{}", ended.said);
    for part in [
        "told with live:vb",
        "The question went from 10.9.0.1 to 10.9.0.2, the answer from 10.9.0.2 back.",
        "ip.src",
        "Answer:",
    ] {
        assert!(ended.out.contains(part), "{part}\n{}", ended.out);
    }
    let left: Vec<_> = fs::read_dir(&scratch).expect("a folder").collect();
    assert!(left.is_empty(), "the recording is kept only while the lesson is told: {left:?}");
}

/// Where nothing can be recorded, that is said, and no lesson is told.
#[test]
fn a_lesson_without_its_recording_is_not_told() {
    let Some(net) = Net::new() else { return };
    let output = net
        .within(&net.b, &[BINARY, "lesson", "icmp", "--all", "--on", "live:nosuch"])
        .stdin(Stdio::null())
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).expect("text");
    assert!(said.contains("nosuch"), "{said}");
    assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
}
