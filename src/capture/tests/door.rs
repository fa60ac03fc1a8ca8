//! The front door: names of files, several files as one, and inputs that come as they please.

use std::fs;
use std::io::Write;

use tempfile::TempDir;

use super::super::file::from_reader;
use super::super::{Damage, Reason, Source, open, open_all};
use super::{Drip, drain, pcapng, read_sound};

/// A sound pcap of one frame.
const PCAP: &[u8] = &[
    0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, // magic, version
    0, 0, 0, 0, 0, 0, 0, 0, // time zone, accuracy
    0, 0, 4, 0, 101, 0, 0, 0, // snaplen, raw IP
    1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0,    // record header
    0x45, // data
];

/// A folder with files in it, and their names as a user gives them.
fn folder(files: &[&[u8]]) -> (TempDir, Vec<String>) {
    let folder = TempDir::new().unwrap();
    let names = files.iter().enumerate().map(|(number, bytes)| {
        let path = folder.path().join(number.to_string());
        fs::File::create(&path).unwrap().write_all(bytes).unwrap();
        path.into_os_string().into_string().unwrap()
    });
    let names = names.collect();
    (folder, names)
}

fn refused(name: &str) -> Reason {
    let Damage { file, offset, frame, reason } = open(name).err().expect("opened");
    assert_eq!((&file[..], offset, frame), (name, 0, 1));
    reason
}

#[test]
fn a_file_by_its_path() {
    let (_folder, names) = folder(&[PCAP]);
    let mut source = open(&names[0]).unwrap();
    assert_eq!(source.name(), names[0]);
    let outcome = drain(&mut source);
    assert_eq!((outcome.frames.len(), outcome.damage), (1, None));
}

#[test]
fn names_that_lead_nowhere() {
    let (folder, names) = folder(&[b""]);
    assert_eq!(refused(&names[0]), Reason::Empty);
    assert_eq!(refused(folder.path().to_str().unwrap()), Reason::Directory);
    let missing = folder.path().join("missing");
    let Reason::Io { message } = refused(missing.to_str().unwrap()) else { panic!() };
    assert!(!message.is_empty());
    assert!(matches!(refused("@no such capture"), Reason::NoSuchBundled { .. }));
}

#[cfg(unix)]
#[test]
fn a_file_that_may_not_be_read() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, names) = folder(&[PCAP]);
    fs::set_permissions(&names[0], fs::Permissions::from_mode(0o000)).unwrap();
    if fs::File::open(&names[0]).is_ok() {
        eprintln!("skipped: this user may read everything");
        return;
    }
    assert!(matches!(refused(&names[0]), Reason::Io { .. }));
}

#[test]
fn several_files_count_on() {
    let ng = [pcapng::SECTION, pcapng::ETHERNET, pcapng::PACKET].concat();
    let (_folder, names) = folder(&[&ng, PCAP, &ng]);
    let mut source = open_all(&names).unwrap();
    for (number, interface, name) in [(1, 0, 0), (2, 1, 1), (3, 2, 2)] {
        let frame = source.next().unwrap().unwrap();
        assert_eq!((frame.number, frame.interface), (number, interface));
        assert_eq!(source.name(), names[name]);
    }
    assert!(source.next().unwrap().is_none());
    let links: Vec<_> = source.interfaces().iter().map(|i| (i.id, i.link_type)).collect();
    assert_eq!(links, [(0, 1), (1, 101), (2, 1)]);
    assert_eq!(source.comments().len(), 2);
}

#[test]
fn damage_in_one_file_leaves_the_next() {
    let cut = &PCAP[..PCAP.len() - 1];
    let (folder, mut names) = folder(&[PCAP, cut, b"text", PCAP]);
    let mut source = open_all(&names).unwrap();
    assert_eq!(source.next().unwrap().unwrap().number, 1);
    let damage = source.next().unwrap_err();
    assert_eq!((&damage.file, damage.offset, damage.frame), (&names[1], 24, 1));
    assert_eq!(damage.reason, Reason::Cut { need: 17, have: 16 });
    let damage = source.next().unwrap_err();
    assert_eq!(
        (damage.file, damage.reason),
        (names[2].clone(), Reason::NotACapture { magic: b"text".to_vec() })
    );
    assert_eq!(source.next().unwrap().unwrap().number, 2);
    assert!(source.next().unwrap().is_none());

    // A file that is not there is said before any is read.
    names.push(folder.path().join("missing").to_str().unwrap().to_owned());
    let damage = open_all(&names).err().unwrap();
    assert_eq!(damage.file, names[4]);
}

#[test]
fn a_reader_can_go_to_another_thread() {
    fn check<T: Send>(_: T) {}
    check(open_all(&[]).ok());
}

#[test]
fn no_file_at_all() {
    assert_eq!(open_all(&[]).err().unwrap().reason, Reason::Empty);
}

#[test]
fn a_pipe_that_drips_gives_the_same_frames() {
    let image = [pcapng::SECTION, pcapng::ETHERNET, pcapng::PACKET, pcapng::UNKNOWN, pcapng::PACKET].concat();
    for (image, portion) in [(&image[..], 1), (&image, 7), (PCAP, 1), (PCAP, 23)] {
        let outcome = drain(&mut from_reader("-", Box::new(Drip::new(image, portion))).unwrap());
        assert_eq!(outcome.damage, None);
        assert_eq!(outcome.frames, read_sound(image).frames);
    }
}

#[test]
fn a_disk_that_fails_in_the_middle() {
    let mut drip = Drip::new(&PCAP[..30], 30);
    drip.end = Some(5); // EIO
    let mut source = from_reader("test", Box::new(drip)).unwrap();
    let damage = source.next().unwrap_err();
    assert_eq!((damage.offset, damage.frame), (24, 1));
    assert!(matches!(damage.reason, Reason::Io { .. }));
    assert!(source.next().unwrap().is_none());
}
