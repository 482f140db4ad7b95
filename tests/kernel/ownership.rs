//! Tables that belong to a connection.

use std::os::fd::{AsRawFd as _, OwnedFd};

use nftlink::{Batch, Conn, Rule, Table, TableFlags};

use nix::sys::socket::{AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, socket};

use crate::{commit, conn, fw, input};

fn owned() -> Table {
    fw().flags(TableFlags::OWNER)
}

pub(crate) fn owned_table_is_changed_by_its_owner_alone_and_dies_with_it() {
    let (mut owner, mut other) = (conn(), conn());
    commit(&mut owner, |batch| batch.add(&owned()).add(&input()).append(input(), Rule::new().drop()));
    commit(&mut other, |batch| batch.add(&Table::ip("others")));
    let info = other.table(fw()).unwrap();
    assert!(info.flags().contains(TableFlags::OWNER) && info.owner().is_some());

    let mut batch = Batch::new();
    batch.append(input(), Rule::new().accept());
    let refused = other.commit(&batch).unwrap_err();
    assert!(refused.is_permission_denied(), "{refused}");
    assert_eq!(refused.rejections().next().unwrap().path().unwrap().to_string(), "table");
    assert!(refused.to_string().ends_with("at table (the table has another owner)"), "{refused}");
    batch.clear();
    assert!(other.commit(batch.delete(&fw())).unwrap_err().is_permission_denied());
    // To empty the whole ruleset leaves it alone.
    batch.clear();
    other.commit(batch.flush_ruleset()).unwrap();
    assert_eq!(other.tables(..).unwrap().len(), 1);
    assert_eq!(other.rules(&input()).unwrap().len(), 1);

    commit(&mut owner, |batch| batch.append(input(), Rule::new().accept()));
    drop(owner);
    assert!(other.table(fw()).unwrap_err().is_not_found());
}

pub(crate) fn persistent_table_outlives_its_owner_and_is_adopted() {
    let (mut owner, mut heir, mut other) = (conn(), conn(), conn());
    let persistent = || fw().flags(TableFlags::OWNER | TableFlags::PERSIST);
    commit(&mut owner, |batch| batch.add(&persistent()).add(&input()));
    let adopt = |conn: &mut Conn| conn.commit(Batch::new().add(&persistent()));
    assert!(adopt(&mut heir).unwrap_err().is_permission_denied());
    drop(owner);
    let orphan = other.table(fw()).unwrap();
    assert_eq!((orphan.flags(), orphan.owner()), (TableFlags::PERSIST, None));
    assert_eq!(other.chains(&fw()).unwrap().len(), 1);

    adopt(&mut heir).unwrap();
    assert!(other.commit(Batch::new().append(input(), Rule::new().drop())).unwrap_err().is_permission_denied());
    commit(&mut heir, |batch| batch.append(input(), Rule::new().drop()));
}

pub(crate) fn table_of_nobodys_cannot_be_taken() {
    let mut conn = conn();
    commit(&mut conn, |batch| batch.add(&fw()));
    let refused = conn.commit(Batch::new().add(&owned())).unwrap_err();
    assert!(refused.rejections().next().is_some(), "{refused}");
    assert_eq!(conn.table(fw()).unwrap().flags(), TableFlags::empty());
}

pub(crate) fn persistent_table_needs_no_owner() {
    let (mut conn, mut other) = (conn(), conn());
    commit(&mut conn, |batch| batch.add(&fw().flags(TableFlags::PERSIST)));
    let read = other.table(fw()).unwrap();
    assert_eq!((read.flags(), read.owner()), (TableFlags::PERSIST, None));
    // Nobody's, it is anybody's to change, until it is adopted.
    commit(&mut other, |batch| batch.add(&input()));
    commit(&mut other, |batch| batch.add(&fw().flags(TableFlags::OWNER | TableFlags::PERSIST)));
    let adopted = conn.table(fw()).unwrap();
    assert_eq!((adopted.handle(), adopted.owner().is_some()), (read.handle(), true));
    assert!(conn.commit(Batch::new().delete(&fw())).unwrap_err().is_permission_denied());
}

pub(crate) fn owner_and_persistence_are_for_new_tables() {
    let mut conn = conn();
    let sleeping = owned().flags(TableFlags::OWNER | TableFlags::DORMANT);
    let persistent = fw().flags(TableFlags::PERSIST);
    for (table, change) in [(fw(), owned()), (fw(), persistent.clone()), (persistent, fw()), (owned(), sleeping)] {
        let error = conn.commit(Batch::new().add(&table).add(&change)).unwrap_err();
        let text = "operation 1 (add table inet fw): operation not supported \
                    (a table that is there gets or loses neither owner nor persistence, and sleeps only without an owner)";
        assert_eq!(error.to_string(), text);
    }
    // As it is, it may be added again.
    commit(&mut conn, |batch| batch.add(&owned()).add(&owned()));
}

/// A socket that hears of changes to the ruleset: the datagrams that are there by now.
struct Heard(OwnedFd);

impl Heard {
    /// `NFNLGRP_NFTABLES`, as a bit.
    const GROUP: u32 = 1 << (7 - 1);

    fn new() -> Self {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let socket = socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkNetFilter).unwrap();
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, Self::GROUP)).unwrap();
        Self(socket)
    }

    /// The kinds of the messages that came since it was asked last.
    fn kinds(&self) -> Vec<u16> {
        let (mut kinds, mut buffer) = (Vec::new(), [0; 16 * 1024]);
        while let Ok(len) = recv(self.0.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
            let mut rest = &buffer[..len];
            while rest.len() >= 16 {
                let len = u32::from_ne_bytes(rest[..4].try_into().unwrap()) as usize;
                kinds.push(u16::from_ne_bytes(rest[4..6].try_into().unwrap()) & 0xff);
                rest = &rest[len.div_ceil(4) * 4..];
            }
        }
        kinds
    }
}

pub(crate) fn facts() {
    let (mut owner, mut other) = (conn(), conn());
    let heard = Heard::new();
    commit(&mut owner, |batch| batch.add(&owned()).add(&input()));
    println!("adding: {:?} gen {}", heard.kinds(), other.generation().unwrap());
    drop(owner);
    println!(
        "dead: {:?} gen {} there {:?}",
        heard.kinds(),
        other.generation().unwrap(),
        other.tables(..).unwrap().len()
    );
    let mut owner = conn();
    let p = fw().flags(TableFlags::OWNER | TableFlags::PERSIST);
    commit(&mut owner, |batch| batch.add(&p).add(&input()));
    println!("adding: {:?} gen {}", heard.kinds(), other.generation().unwrap());
    drop(owner);
    println!("orphan: {:?} gen {} there {:?}", heard.kinds(), other.generation().unwrap(), other.tables(..).unwrap());
    commit(&mut other, |batch| batch.add(&p));
    println!("adopt: {:?} gen {} there {:?}", heard.kinds(), other.generation().unwrap(), other.tables(..).unwrap());
}
