//! Giving up privileges once the sockets are open and before the first packet is looked at: back to the user who asked, no
//! capabilities, no way to new ones, and, where the kernel has Landlock, no files and no connections.
//!
//! capabilities(7), landlock(7), `PR_SET_NO_NEW_PRIVS`. Must happen before any other thread runs: each of these holds for the thread that
//! does it, and for those it starts.

use std::env;
use std::io;
use std::path::Path;

use caps::{CapSet, Capability};
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};

use super::sys;

/// What the kernel lets this process do to files and connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fence {
    /// All that was asked for is forbidden.
    Full,
    /// As much of it as this kernel knows.
    Partial,
    /// This kernel has no Landlock.
    None,
}

impl Fence {
    /// Its name, in records and among the words.
    pub fn name(self) -> &'static str {
        match self {
            Fence::Full => "full",
            Fence::Partial => "partial",
            Fence::None => "none",
        }
    }
}

/// What is still held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Who the process runs as.
    pub uid: u32,
    /// And its group.
    pub gid: u32,
    /// Capabilities in any of its sets, but the bounding set.
    pub capabilities: Vec<String>,
    /// Those that programs it runs could still get.
    pub bounding: Vec<String>,
    /// Whether programs that it runs can get none.
    pub no_new_privileges: bool,
    /// Landlock.
    pub fence: Fence,
}

/// Goes back to the user who asked: the one before `sudo`, or the real one of a program that runs as its owner. Files are written as that user.
///
/// # Errors
/// Where the kernel refuses.
pub(super) fn become_invoker() -> io::Result<()> {
    // Takes a capability that another user has not: whoever has only CAP_NET_RAW keeps the set, and it is of no use any more once
    // nothing new can be had.
    let _ = caps::clear(None, CapSet::Bounding);
    let (real, effective, gid) = sys::ids();
    if effective != 0 {
        return Ok(());
    }
    if real != 0 {
        return sys::become_user(None, real, gid);
    }
    let number = |name| env::var(name).ok()?.parse::<u32>().ok();
    match (number("SUDO_UID"), number("SUDO_GID")) {
        (Some(uid), Some(gid)) if uid != 0 => {
            let name = env::var("SUDO_USER").ok();
            sys::become_user(name.as_deref(), uid, gid)
        }
        _ => Ok(()),
    }
}

/// Gives up all capabilities and forbids files and connections; in `folder`, if one is given, files may be made and removed.
///
/// # Errors
/// Where one of these does not succeed, though the kernel has it.
pub(super) fn confine(folder: Option<&Path>) -> io::Result<Held> {
    let failed = |error: caps::errors::CapsError| io::Error::other(error.to_string());
    // A kernel without ambient capabilities has none.
    let _ = caps::clear(None, CapSet::Ambient);
    caps::clear(None, CapSet::Effective).map_err(failed)?;
    caps::clear(None, CapSet::Permitted).map_err(failed)?;
    caps::clear(None, CapSet::Inheritable).map_err(failed)?;
    sys::set_no_new_privileges()?;
    let fence = fence(folder).map_err(|error| io::Error::other(error.to_string()))?;
    let (_, uid, gid) = sys::ids();
    let mut capabilities = Vec::new();
    for set in [CapSet::Effective, CapSet::Permitted, CapSet::Inheritable, CapSet::Ambient] {
        capabilities.extend(names(caps::read(None, set).unwrap_or_default()));
    }
    capabilities.sort();
    capabilities.dedup();
    let bounding = names(caps::read(None, CapSet::Bounding).unwrap_or_default());
    Ok(Held { uid, gid, capabilities, bounding, no_new_privileges: sys::has_no_new_privileges(), fence })
}

fn names(set: impl IntoIterator<Item = Capability>) -> Vec<String> {
    let mut names: Vec<String> = set.into_iter().map(|one| one.to_string()).collect();
    names.sort();
    names
}

/// Landlock: as much as this kernel has of it.
fn fence(folder: Option<&Path>) -> Result<Fence, RulesetError> {
    let abi = ABI::V6;
    let mut rules = Ruleset::default()
        .handle_access(AccessFs::from_all(abi))?
        .handle_access(AccessNet::from_all(abi))?
        .scope(Scope::from_all(abi))?
        .create()?;
    // A folder that cannot be opened now is told of when a file is to be made there.
    if let Some(folder) = folder.and_then(|folder| PathFd::new(folder).ok()) {
        let may: BitFlags<AccessFs> =
            AccessFs::MakeReg | AccessFs::WriteFile | AccessFs::Truncate | AccessFs::RemoveFile;
        rules = rules.add_rule(PathBeneath::new(folder, may))?;
    }
    Ok(match rules.restrict_self()?.ruleset {
        RulesetStatus::FullyEnforced => Fence::Full,
        RulesetStatus::PartiallyEnforced => Fence::Partial,
        RulesetStatus::NotEnforced => Fence::None,
    })
}

/// Whether this process may open packet sockets, as far as its capabilities tell.
pub fn may_capture() -> bool {
    caps::has_cap(None, CapSet::Effective, Capability::CAP_NET_RAW).unwrap_or(false)
}
