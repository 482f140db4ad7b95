//! The parts of `examples/unprivileged.rs`: what a thread that has given up its privileges can do, and what not.

use std::process::Command;
use std::thread;
use std::time::Duration;

use nftlink::datum::Port;
use nftlink::field::tcp;
use nftlink::monitor::Monitor;
use nftlink::trace::Tracer;
use nftlink::{Batch, Conn, Hook, Policy, Priority, Rule, Set, Table};

#[allow(dead_code, reason = "the user is the whole process's: it stays as it is")]
#[path = "../../examples/unprivileged/privileges.rs"]
mod privileges;

use privileges::FORBIDDEN;

/// Runs `work` on a thread of its own, without privileges: they come back to no thread that has given them up.
fn without_privileges(work: fn()) {
    let thread = thread::spawn(move || {
        privileges::forget_bounds().unwrap();
        privileges::keep_net_admin().unwrap();
        work();
    });
    thread.join().unwrap();
}

/// The value that /proc tells of this thread.
fn held(name: &str) -> String {
    let held = privileges::held().unwrap();
    held.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).expect(name).to_owned()
}

const NET_ADMIN: &str = "0000000000001000";

pub(super) fn net_admin_alone_is_enough_to_write_read_and_watch() {
    without_privileges(|| {
        let (mut monitor, mut conn) = (Monitor::open().unwrap(), Conn::open().unwrap());
        let fw = Table::inet("fw");
        let input = fw.chain("input").filter(Hook::INPUT, Priority::FILTER).policy(Policy::DROP);
        let ports = Set::<Port>::new(&fw, "ports");
        let mut batch = Batch::new();
        // More than fits the send buffer that a socket begins with.
        batch.add(&fw).add(&input).add(&ports).add_elements(&ports, 1..20_000u16);
        batch.append(&input, Rule::new().when(tcp::dport().in_set(&ports)).counter().accept());
        conn.commit(&batch).unwrap();
        assert_eq!(conn.rules(&input).unwrap().len(), 1);
        assert_eq!(conn.elements(&ports).unwrap().len(), 19_999);
        conn.ruleset(..).unwrap();
        assert!(monitor.receive_timeout(Duration::from_secs(5)).unwrap().is_some());
        drop(Tracer::open().unwrap());
    });
}

pub(super) fn what_takes_another_privilege_is_refused() {
    // The environment of process 1 is closed to an ordinary user in any case.
    let allowed: Vec<_> = FORBIDDEN.iter().filter(|forbidden| !forbidden.is_refused()).map(|it| it.what).collect();
    assert!(allowed.len() + 1 >= FORBIDDEN.len(), "before, too: {allowed:?}");
    without_privileges(|| {
        let allowed: Vec<_> = FORBIDDEN.iter().filter(|forbidden| !forbidden.is_refused()).map(|it| it.what).collect();
        assert_eq!(allowed, [""; 0]);
    });
}

pub(super) fn threads_and_programs_get_no_more() {
    without_privileges(|| {
        for set in ["CapPrm", "CapEff", "CapBnd"] {
            assert_eq!(thread::spawn(move || held(set)).join().unwrap(), NET_ADMIN, "{set}");
        }
        assert_eq!(held("NoNewPrivs"), "1");
        let child = Command::new("cat").arg("/proc/self/status").output().unwrap();
        let status = String::from_utf8(child.stdout).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("CapPrm:\t")).unwrap();
        let permitted = u64::from_str_radix(line, 16).unwrap();
        assert_eq!(permitted & !0x1000, 0, "{line}");
    });
}
