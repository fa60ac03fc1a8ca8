//! Questions about SSH: its line in clear. RFC 4253 sections 4.2, 6 and 7.

use super::dice::Dice;
use super::draft::Draft;
use super::facts::Facts;
use crate::flow::Kind;

/// The two parts of a line `SSH-2.0-software comments`.
fn line(p: &Facts) -> Option<(String, String)> {
    p.event(Kind::SshVersion).filter(|event| event.variant != "old")?;
    let line = p.text("ssh.protocol")?;
    let (protocol, software) = line.strip_prefix("SSH-")?.split_once('-')?;
    let software = software.split(' ').next().filter(|s| !s.is_empty())?;
    let good = |text: &str| text.len() < 40 && text.bytes().all(|b| b.is_ascii_graphic());
    (good(protocol) && good(software)).then(|| (protocol.to_owned(), software.to_owned()))
}

/// What the line says.
pub fn version(p: &Facts, _: &mut Dice) -> Option<Draft> {
    let (protocol, software) = line(p)?;
    let draft = Draft::new("ssh.version", p, &["ssh.protocol"])?
        .with("protocol", protocol)
        .with("software", software);
    Some(draft.is("ssh-two-versions").not("ssh-swapped").not("ssh-user").not("ssh-key"))
}

/// What a listener reads.
pub fn readable(p: &Facts, _: &mut Dice) -> Option<Draft> {
    line(p)?;
    let draft = Draft::new("ssh.readable", p, &["ssh.protocol"])?;
    Some(draft.is("ssh-reads-lists").not("ssh-reads-user").not("ssh-reads-nothing").not("ssh-reads-commands"))
}
