//! How a process gives up what it may do, for good, but for the administration of its network namespace.

use std::error::Error;
use std::fs;

use caps::{CapSet, Capability, CapsHashSet};
use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl::set_no_new_privs;
use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket};
use nix::unistd::{Gid, Uid, chroot, geteuid, setgroups, setresgid, setresuid};

/// The user and group that own nothing, on most systems.
const NOBODY: u32 = 65534;

/// Keeps `CAP_NET_ADMIN` alone, and becomes the user nobody where it was root.
///
/// To be called before the process starts a thread: capabilities belong to a thread, and are inherited by those that it
/// starts later.
///
/// # Errors
///
/// If there is no `CAP_NET_ADMIN` to keep, or the kernel refuses a step.
pub(crate) fn drop_all_but_net_admin() -> Result<(), Box<dyn Error>> {
    if !caps::has_cap(None, CapSet::Permitted, Capability::CAP_NET_ADMIN)? {
        return Err("this needs CAP_NET_ADMIN: run it as root, or give the program the capability".into());
    }
    forget_bounds()?;
    leave_root()?;
    keep_net_admin()
}

/// Takes the capabilities out of the bounding set: no program that is started later can have them.
pub(crate) fn forget_bounds() -> Result<(), Box<dyn Error>> {
    // Whoever may not change the set is held back by `no_new_privs`, see below.
    if caps::has_cap(None, CapSet::Effective, Capability::CAP_SETPCAP)? {
        for capability in caps::read(None, CapSet::Bounding)? {
            if capability != Capability::CAP_NET_ADMIN {
                caps::drop(None, CapSet::Bounding, capability)?;
            }
        }
    }
    Ok(())
}

/// Becomes the user nobody: root's files, and the settings in /proc/sys, are root's without any capability.
fn leave_root() -> Result<(), Box<dyn Error>> {
    if !geteuid().is_root() {
        return Ok(());
    }
    // Else capabilities go with the user.
    caps::securebits::set_keepcaps(true)?;
    let (user, group) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
    match setresgid(group, group, group) {
        // A user namespace with one user: its root is an ordinary user outside.
        Err(Errno::EINVAL) => return Ok(()),
        result => result?,
    }
    setgroups(&[])?;
    Ok(setresuid(user, user, user)?)
}

/// Gives up all capabilities of this thread but the one, and what programs could gain by being started.
pub(crate) fn keep_net_admin() -> Result<(), Box<dyn Error>> {
    let (none, kept) = (CapsHashSet::new(), CapsHashSet::from([Capability::CAP_NET_ADMIN]));
    caps::clear(None, CapSet::Ambient)?;
    caps::set(None, CapSet::Effective, &kept)?;
    caps::set(None, CapSet::Permitted, &kept)?;
    caps::set(None, CapSet::Inheritable, &none)?;
    Ok(set_no_new_privs()?)
}

/// The lines of /proc that tell what this thread may do.
pub(crate) fn held() -> Result<String, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/thread-self/status")?;
    let told = ["Uid:", "CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:", "NoNewPrivs:"];
    let lines = status.lines().filter(|line| told.iter().any(|name| line.starts_with(name)));
    Ok(lines.map(|line| line.replacen('\t', " ", 1)).collect::<Vec<_>>().join("\n"))
}

/// Something that takes another privilege.
pub(crate) struct Forbidden {
    pub(crate) what: &'static str,
    try_it: fn() -> nix::Result<()>,
}

impl Forbidden {
    /// Whether the kernel refuses it for want of a privilege.
    pub(crate) fn is_refused(&self) -> bool {
        matches!((self.try_it)(), Err(Errno::EPERM | Errno::EACCES))
    }
}

/// What takes other privileges, and harms nothing where it is allowed.
pub(crate) const FORBIDDEN: [Forbidden; 4] = [
    Forbidden {
        what: "a raw socket (CAP_NET_RAW)",
        try_it: || {
            let icmp = SockProtocol::Icmp;
            socket(AddressFamily::Inet, SockType::Raw, SockFlag::SOCK_CLOEXEC, icmp).map(drop)
        },
    },
    Forbidden { what: "another root directory (CAP_SYS_CHROOT)", try_it: || chroot("/") },
    Forbidden { what: "a mount namespace of its own (CAP_SYS_ADMIN)", try_it: || unshare(CloneFlags::CLONE_NEWNS) },
    Forbidden {
        what: "the environment of process 1 (CAP_SYS_PTRACE)",
        try_it: || match fs::read("/proc/1/environ") {
            Err(error) => Err(Errno::from_raw(error.raw_os_error().unwrap_or_default())),
            Ok(_) => Ok(()),
        },
    },
];
