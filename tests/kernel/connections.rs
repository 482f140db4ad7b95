//! Connections: whose namespace they are in, and what becomes of their descriptors.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::path::PathBuf;
use std::thread;

use nftlink::{Conn, Errno, Error, Table};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::process::send;
use crate::support::lab::Namespace;
use crate::{commit, conn, fw};

/// The namespace of the calling thread, by its number.
fn here() -> PathBuf {
    fs::read_link("/proc/thread-self/ns/net").unwrap()
}

pub(crate) fn namespace_is_entered_by_path_by_descriptor_and_by_name() {
    // A `/run/netns` of our own, which no other thread sees.
    unshare(CloneFlags::CLONE_NEWNS).unwrap();
    let nothing: Option<&str> = None;
    mount(nothing, "/", nothing, MsFlags::MS_REC | MsFlags::MS_SLAVE, nothing).unwrap();
    mount(Some("tmpfs"), "/run", Some("tmpfs"), MsFlags::empty(), nothing).unwrap();
    fs::create_dir("/run/netns").unwrap();
    let other = Namespace::new().unwrap();
    let path = format!("/proc/self/fd/{}", other.as_fd().as_raw_fd());
    File::create("/run/netns/blue").unwrap();
    mount(Some(path.as_str()), "/run/netns/blue", nothing, MsFlags::MS_BIND, nothing).unwrap();

    let before = here();
    let mut inside = other.run(conn);
    for (n, options) in [
        Conn::options().namespace_path(&path),
        Conn::options().namespace_fd(other.as_fd()),
        Conn::options().namespace("blue"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut conn = options.open().unwrap();
        assert_eq!(here(), before, "the calling thread stays where it is");
        commit(&mut conn, |batch| batch.add(&Table::ip(format!("t{n}"))));
        assert_eq!(inside.tables(..).unwrap().len(), n + 1);
    }
    assert_eq!(conn().tables(..).unwrap(), []);
}

pub(crate) fn absent_or_bad_namespace_is_told() {
    let error = Conn::options().namespace("nftlink-absent").open().unwrap_err();
    assert!(error.is_not_found(), "{error}");
    assert_eq!(error.to_string(), "opening network namespace /run/netns/nftlink-absent: no such file or directory");
    let error = Conn::options().namespace_path("/nonexistent/ns").open().unwrap_err();
    assert!(error.is_not_found(), "{error}");
    assert_eq!(error.to_string(), "opening network namespace /nonexistent/ns: no such file or directory");
    // Not out of the directory of names.
    for bad in ["", ".", "..", "../../proc/self/ns/net", "/proc/self/ns/net", "a/b", "a\0b"] {
        let error = Conn::options().namespace(bad).open().unwrap_err();
        assert!(matches!(error, Error::Io(_)) && error.errno() == Some(Errno::EINVAL), "{bad:?}: {error:?}");
    }
    // What is no network namespace: a plain file, and a namespace of another kind.
    let user = File::open("/proc/self/ns/user").unwrap();
    for options in [
        Conn::options().namespace_path("/proc/self/exe"),
        Conn::options().namespace_fd(File::open("/proc/self/exe").unwrap().as_fd()),
        Conn::options().namespace_fd(user.as_fd()),
    ] {
        let error = options.open().unwrap_err();
        assert!(matches!(error, Error::Io(_)) && error.errno() == Some(Errno::EINVAL), "{error:?}");
    }
}

pub(crate) fn connection_keeps_its_namespace_on_other_threads() {
    let mut conn = conn();
    commit(&mut conn, |batch| batch.add(&fw()));
    let other = Namespace::new().unwrap();
    let mut conn = thread::spawn(move || {
        commit(&mut conn, |batch| batch.add(&Table::ip("thread")));
        conn
    })
    .join()
    .unwrap();
    let (mut conn, seen, of_other) = other.run(move || {
        commit(&mut conn, |batch| batch.add(&Table::ip("elsewhere")));
        let seen = conn.tables(..).unwrap().len();
        (conn, seen, self::conn().tables(..).unwrap().len())
    });
    assert_eq!((seen, of_other), (3, 0));
    assert_eq!(conn.tables(..).unwrap().len(), 3);
}

/// The numbers of the open descriptors.
pub(crate) fn descriptors() -> BTreeSet<i32> {
    let names = fs::read_dir("/proc/self/fd").unwrap().map(|entry| entry.unwrap().file_name());
    let numbers: Vec<i32> = names.map(|name| name.to_str().unwrap().parse().unwrap()).collect();
    // The listing's own descriptor is closed by now.
    numbers.into_iter().filter(|n| fs::symlink_metadata(format!("/proc/self/fd/{n}")).is_ok()).collect()
}

pub(crate) fn descriptor_above_1024_works() {
    commit(&mut conn(), |batch| batch.add(&fw()));
    send("with_a_high_descriptor");
    assert_eq!(conn().tables(..).unwrap().len(), 2);
}

pub(crate) fn with_a_high_descriptor() {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, most.min(4096), most).unwrap();
    let mut taken = vec![File::open("/dev/null").unwrap()];
    while taken[taken.len() - 1].as_raw_fd() <= 1024 {
        taken.push(taken[0].try_clone().unwrap());
    }
    let before = descriptors();
    let mut conn = conn();
    let new: Vec<_> = descriptors().difference(&before).copied().collect();
    assert!(new.len() == 1 && new[0] > 1024, "{new:?}");
    assert_eq!(conn.tables(..).unwrap().len(), 1);
    commit(&mut conn, |batch| batch.add(&Table::ip("high")));
    let mut conn = Conn::options().namespace_path("/proc/self/ns/net").open().unwrap();
    assert_eq!(conn.tables(..).unwrap().len(), 2);
}

pub(crate) fn descriptor_is_closed_on_exec() {
    send("closes_its_descriptor_on_exec");
}

pub(crate) fn closes_its_descriptor_on_exec() {
    /// `O_CLOEXEC`, as `/proc` shows it.
    const CLOEXEC: u32 = 0o2_000_000;
    let before = descriptors();
    let _conns = (conn(), Conn::options().namespace_path("/proc/self/ns/net").open().unwrap());
    let new: Vec<_> = descriptors().difference(&before).copied().collect();
    assert_eq!(new.len(), 2, "{new:?}");
    for fd in new {
        let info = fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).unwrap();
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).expect("flags");
        let flags = u32::from_str_radix(flags.trim(), 8).unwrap();
        assert_eq!(flags & CLOEXEC, CLOEXEC, "{info}");
    }
}
