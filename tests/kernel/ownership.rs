//! Tables that belong to a connection.

use nftlink::{Batch, Conn, Rule, Table, TableFlags};

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
    println!("{:?} {:?}", read.flags(), read.owner());
    let adopt = other.commit(Batch::new().add(&fw().flags(TableFlags::OWNER | TableFlags::PERSIST)));
    println!("adopt by other: {adopt:?} {:?}", conn.table(fw()).unwrap());
    let persist =
        conn.commit(Batch::new().add(&Table::ip("plain")).add(&Table::ip("plain").flags(TableFlags::PERSIST)));
    println!("persist on plain: {persist:?}");
    let drop_persist = conn.commit(Batch::new().add(&Table::ip("p2").flags(TableFlags::PERSIST)).add(&Table::ip("p2")));
    println!("plain on persist: {drop_persist:?} {:?}", conn.table(Table::ip("p2")).map(|t| t.flags()));
    let owned_readd = conn.commit(Batch::new().add(&Table::ip("p3").flags(TableFlags::OWNER)).add(&Table::ip("p3")));
    println!("owned re-added without flag: {owned_readd:?} {:?}", conn.table(Table::ip("p3")).map(|t| t.flags()));
    let owned_readd = conn.commit(
        Batch::new()
            .add(&Table::ip("p4").flags(TableFlags::OWNER))
            .add(&Table::ip("p4").flags(TableFlags::OWNER | TableFlags::DORMANT)),
    );
    println!("owned dormant: {owned_readd:?} {:?}", conn.table(Table::ip("p4")).map(|t| t.flags()));
    panic!("look");
}

pub(crate) fn limits_of_devices() {
    let mut conn = conn();
    for n in [254, 255, 256, 257] {
        let names: Vec<String> = (0..n).map(|n| format!("d{n}")).collect();
        let chain = Table::netdev("t").chain("c").filter(nftlink::Hook::INGRESS, 0).devices(names);
        println!("{n}: {:?}", conn.check(Batch::new().add(&Table::netdev("t")).add(&chain)));
    }
    let off = Table::netdev("t").chain("c").filter(nftlink::Hook::INGRESS, 0).device("lo").offload();
    println!("{}", conn.check(Batch::new().add(&Table::netdev("t")).add(&off)).unwrap_err());
    let off = Table::inet("t").chain("c").filter(nftlink::Hook::INPUT, 0).offload();
    println!("{:?}", conn.check(Batch::new().add(&Table::inet("t")).add(&off)));
    panic!("look");
}
