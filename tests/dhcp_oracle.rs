//! DHCP messages read by pcaplain and by `dhcproto`, a library of another author: where both read a value, it is the same.
//! Over the bundled capture, and over a folder of captures where PCAPLAIN_CORPUS names one.

use std::path::{Path, PathBuf};

use dhcproto::v4::{self, DhcpOption, OptionCode};
use dhcproto::{Decodable, Decoder};
use pcaplain::capture::{self, Source};
use pcaplain::decode;
use pcaplain::protocol::{Protocol, dhcp};
use pcaplain::wire::{Cursor, Off};

/// Compares one message; whether there was something to compare.
fn same(bytes: &[u8], at: &str) -> bool {
    let mut bad = None;
    let mut off = Off;
    let ours = dhcp::dissect_noting(&mut Cursor::new(bytes, 0, bytes.len(), &mut off), &mut bad);
    // The library has assertions about lengths that damaged messages fail in builds for tests, and it reads
    // all of a message or nothing.
    let (Ok(ours), None) = (ours, bad) else { return false };
    if !ours.has_options {
        return false;
    }
    let Ok(theirs) = v4::Message::decode(&mut Decoder::new(bytes)) else { return false };
    assert_eq!(ours.id, theirs.xid(), "{at}");
    assert_eq!(ours.client, theirs.ciaddr().octets(), "{at}");
    assert_eq!(ours.your, theirs.yiaddr().octets(), "{at}");
    assert_eq!(ours.relay, theirs.giaddr().octets(), "{at}");
    assert_eq!(ours.broadcast, theirs.flags().broadcast(), "{at}");
    if ours.hw_type == 1 && ours.hw_addr.len() == 6 {
        assert_eq!(ours.hw_addr, theirs.chaddr(), "{at}");
    }
    let options = theirs.opts();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    // The library does not look for options in the fields for names.
    if options.get(OptionCode::OptionOverload).is_some() {
        return true;
    }
    assert_eq!(ours.kind, theirs.opts().msg_type().map(u8::from), "{at}");
    for (_, option) in options.iter() {
        match option {
            DhcpOption::SubnetMask(a) => assert_eq!(ours.mask, Some(a.octets()), "{at}"),
            DhcpOption::RequestedIpAddress(a) => assert_eq!(ours.requested, Some(a.octets()), "{at}"),
            DhcpOption::ServerIdentifier(a) => assert_eq!(ours.server_id, Some(a.octets()), "{at}"),
            DhcpOption::AddressLeaseTime(n) => assert_eq!(ours.lease, Some(*n), "{at}"),
            DhcpOption::Renewal(n) => assert_eq!(ours.renewal, Some(*n), "{at}"),
            DhcpOption::Rebinding(n) => assert_eq!(ours.rebinding, Some(*n), "{at}"),
            DhcpOption::Router(list) => {
                let list: Vec<_> = list.iter().take(dhcp::KEPT).map(|a| a.octets()).collect();
                assert_eq!(ours.routers.as_slice(), list, "{at}");
            }
            DhcpOption::DomainNameServer(list) => {
                let list: Vec<_> = list.iter().take(dhcp::KEPT).map(|a| a.octets()).collect();
                assert_eq!(ours.dns.as_slice(), list, "{at}");
            }
            DhcpOption::Hostname(name) => {
                assert_eq!(text(&ours.host), name.split('\0').next().unwrap_or_default(), "{at}");
            }
            DhcpOption::ClassIdentifier(class) => {
                assert_eq!(&*ours.vendor, class.split(|b| *b == 0).next().unwrap_or_default(), "{at}");
            }
            _ => {}
        }
    }
    true
}

fn compare(name: &str) -> u64 {
    let Ok(mut source) = capture::open(name) else { return 0 };
    let mut compared = 0;
    while let Ok(Some(frame)) = source.next() {
        let packet = decode::decode(&frame);
        for layer in packet.layers.iter().filter(|l| l.protocol == Protocol::Dhcp && !l.quoted) {
            let at = format!("{name} #{}", frame.number);
            compared += u64::from(same(&frame.bytes[layer.start..layer.end], &at));
        }
    }
    compared
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

#[test]
fn values_are_those_of_another_reader() {
    assert_eq!(compare("@dhcp-dora"), 13, "messages of the bundled capture");
    match std::env::var_os("PCAPLAIN_CORPUS") {
        Some(folder) => {
            let mut found = Vec::new();
            files(Path::new(&folder), &mut found);
            let compared: u64 = found.iter().map(|path| compare(&path.to_string_lossy())).sum();
            println!("{compared} messages compared in {} captures", found.len());
        }
        None => eprintln!("PCAPLAIN_CORPUS is not set: only the bundled capture was looked at"),
    }
}
