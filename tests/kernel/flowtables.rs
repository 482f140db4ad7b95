//! Flowtables: the connections that need no more rules.

use std::net::{Ipv4Addr, SocketAddr};

use nftlink::expr::{Expr, FlowOffload};
use nftlink::field::tcp;
use nftlink::{
    Batch, Chain, Conn, Device, Errno, Flowtable, FlowtableFlags, FlowtableInfo, Handle, Hook, Hooked, Priority, Rule,
};

use crate::support::lab::{Client, Namespace, Server, veth};
use crate::support::{self, linux};
use crate::{commit, conn, fw, refused};

/// Whether this kernel was built without flowtables.
pub(crate) fn no_flowtables() -> Result<(), String> {
    support::flowtables().map_or(Ok(()), |()| Err("this kernel has flowtables".to_owned()))
}

/// Four devices: two cables whose ends are both here.
fn cables() {
    let here = Namespace::current().unwrap();
    veth((&here, "v0"), (&here, "v1")).unwrap();
    veth((&here, "v2"), (&here, "v3")).unwrap();
}

fn fast() -> Flowtable {
    fw().flowtable("fast", Priority::FILTER - 5)
}

fn forward() -> Chain<Hooked> {
    fw().chain("forward").filter(Hook::FORWARD, Priority::FILTER)
}

fn names(info: &FlowtableInfo) -> Vec<String> {
    let mut names: Vec<_> = info.devices().iter().map(Device::to_string).collect();
    names.sort();
    names
}

pub(crate) fn flowtables_are_read_as_written_and_put_back() {
    cables();
    let mut conn = conn();
    let (fast, bare) = (fast().devices(["v0", "v2", "lo"]).counter(), fw().flowtable("bare", 7));
    let mut batch = Batch::new();
    batch.add(&fw()).add(&fast);
    let op = batch.last();
    batch.add(&bare).add(&forward()).append(forward(), Rule::new().when(tcp::dport().eq(80)).flow_offload(&fast));
    let applied = conn.commit_with_handles(&batch).unwrap();

    let read = conn.flowtable(&fast).unwrap();
    assert_eq!(applied.handle(op), Some(Handle::Flowtable(read.handle())));
    assert_eq!((read.hook(), read.priority(), read.uses()), (Hook::INGRESS, -5, 1));
    assert_eq!((read.flags(), names(&read)), (FlowtableFlags::COUNTER, vec!["lo".into(), "v0".into(), "v2".into()]));
    assert_eq!(read.named_priority(), Priority::FILTER - 5);
    let listed = conn.flowtables(..).unwrap();
    assert_eq!(listed.iter().map(|ft| ft.name().to_string()).collect::<Vec<_>>(), ["fast", "bare"]);
    assert_eq!(conn.flowtables(&fw()).unwrap(), listed);
    assert_eq!(conn.flowtables(nftlink::Family::IP).unwrap(), []);
    assert_eq!((listed[1].devices(), listed[1].flags()), (&[][..], FlowtableFlags::empty()));
    let rule = conn.rules(&forward()).unwrap().remove(0);
    assert_eq!(rule.exprs().last().unwrap().unwrap().get(), &Expr::from(FlowOffload::new("fast")));
    assert_eq!(
        conn.find_rules(forward(), &Rule::new().when(tcp::dport().eq(80)).flow_offload(&fast)).unwrap(),
        std::slice::from_ref(&rule)
    );

    // As it was read, and from a spec.
    for from_spec in [false, true] {
        commit(&mut conn, |batch| {
            batch.delete(&fw()).add(&fw());
            listed.iter().for_each(|ft| {
                _ = if from_spec { batch.create(&Flowtable::from(ft)) } else { batch.create(ft) };
            });
            batch.add(&forward()).append(forward(), &rule)
        });
        let again = conn.flowtables(..).unwrap();
        // Their handles are the same again: each table has its own count.
        assert_eq!(again, listed);
    }
}

pub(crate) fn flowtables_are_created_deleted_and_in_use() {
    let mut conn = conn();
    let fast = fast().device("lo");
    commit(&mut conn, |batch| batch.add(&fw()).create(&fast).add(&fast).add(&forward()));
    let error = refused(&mut conn, |batch| batch.create(&fast));
    assert_eq!(error.to_string(), "operation 0 (create flowtable inet fw fast): file exists at name");
    commit(&mut conn, |batch| batch.append(forward(), Rule::new().flow_offload(&fast)));
    let error = refused(&mut conn, |batch| batch.delete(&fast));
    assert!(error.is_busy(), "{error}");
    commit(&mut conn, |batch| batch.flush(&forward()).delete(&fast));
    let error = conn.flowtable(&fast).unwrap_err();
    assert!(error.is_not_found(), "{error}");
    let error = refused(&mut conn, |batch| batch.delete(&fast));
    assert_eq!(error.to_string(), "operation 0 (delete flowtable inet fw fast): no such file or directory at name");

    commit(&mut conn, |batch| batch.add(&fast));
    let read = conn.flowtable(&fast).unwrap();
    commit(&mut conn, |batch| batch.delete_by_handle(&read));
    assert_eq!(conn.flowtables(..).unwrap(), []);
    let error = refused(&mut conn, |batch| batch.delete_by_handle(&read));
    let handle = read.handle();
    let text = format!("operation 0 (delete flowtable inet fw handle {handle}): no such file or directory at handle");
    assert_eq!(error.to_string(), text);
    if linux() >= (6, 3) {
        commit(&mut conn, |batch| batch.add(&fast).destroy(&fast).destroy(&fast));
        assert_eq!(conn.flowtables(..).unwrap(), []);
    }
    let absent = Rule::new().flow_offload(&fast);
    let error = refused(&mut conn, |batch| batch.append(forward(), &absent));
    assert!(error.is_not_found(), "{error}");
    assert_eq!(error.rejections().next().unwrap().part(), Some("[ flow_offload flowtable fast ]"));
}

pub(crate) fn flowtables_get_and_lose_devices() {
    cables();
    let mut conn = conn();
    let fast = fast().device("v0");
    commit(&mut conn, |batch| batch.add(&fw()).add(&fast));
    commit(&mut conn, |batch| batch.add_devices(&fast, ["v1", "v2"]).delete_devices(&fast, ["v0"]));
    let read = conn.flowtable(&fast).unwrap();
    assert_eq!(names(&read), ["v1", "v2"]);
    commit(&mut conn, |batch| batch.add(&fast).delete_devices(&read, read.devices()));
    assert_eq!(names(&conn.flowtable(&fast).unwrap()), ["v0"]);
    let error = refused(&mut conn, |batch| batch.delete_devices(&fast, ["v3"]));
    assert!(error.is_not_found(), "{error}");
    let text = "operation 0 (delete flowtable inet fw fast { devices = { v3 }; }): no such file or directory";
    assert!(error.to_string().starts_with(text), "{error}");
}

pub(crate) fn device_without_hardware_offload_is_refused() {
    let mut conn = conn();
    let error = refused(&mut conn, |batch| batch.add(&fw()).add(&fast().device("lo").offload()));
    assert_eq!(error.errno(), Some(Errno::EOPNOTSUPP), "{error}");
    assert!(error.to_string().ends_with("(a device may have no hardware offload)"), "{error}");
}

pub(crate) fn packets_of_its_connections_pass_the_rules_by() {
    const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 2);
    const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);
    let (client, here, server) = (Namespace::new().unwrap(), Namespace::current().unwrap(), Namespace::new().unwrap());
    veth((&client, "up"), (&here, "lan")).unwrap();
    veth((&server, "up"), (&here, "wan")).unwrap();
    for (namespace, link, address) in [
        (&client, "up", CLIENT),
        (&here, "lan", Ipv4Addr::new(10, 0, 1, 1)),
        (&here, "wan", Ipv4Addr::new(10, 0, 2, 1)),
        (&server, "up", SERVER),
    ] {
        namespace.address(link, address, 24).unwrap();
        namespace.up(link).unwrap();
    }
    client.default_route(Ipv4Addr::new(10, 0, 1, 1)).unwrap();
    server.default_route(Ipv4Addr::new(10, 0, 2, 1)).unwrap();
    here.forwarding().unwrap();
    let mut conn = conn();
    let fast = fast().devices(["lan", "wan"]);
    let seen = |conn: &mut Conn| conn.rules(&forward()).unwrap()[0].counter().unwrap().packets;
    let service = Server::udp(&server, SocketAddr::from((SERVER, 0))).unwrap();
    let ask_ten_times = || {
        let asking = Client::udp(&client, SocketAddr::from((CLIENT, 0))).unwrap();
        assert!((0..10).all(|_| asking.ask(service.address()).passed()));
    };
    commit(&mut conn, |batch| {
        batch.add(&fw()).add(&fast).add(&forward()).append(forward(), Rule::new().counter());
        // Connections are tracked where something asks for them.
        batch
            .append(forward(), Rule::new().when(nftlink::field::ct::state().has(nftlink::datum::CtState::NEW)).accept())
    });
    ask_ten_times();
    assert_eq!(seen(&mut conn), 20);
    commit(&mut conn, |batch| batch.insert(forward(), Rule::new().counter().flow_offload(&fast)));
    ask_ten_times();
    let more = seen(&mut conn);
    assert!((2..=4).contains(&more), "{more} of 20 packets met the rules");
}

pub(crate) fn kernel_without_flowtables_is_told_of() {
    let mut conn = conn();
    let error = refused(&mut conn, |batch| batch.add(&fw()).add(&fast().device("lo")));
    let text = "a flowtable needs a kernel that is built with NF_FLOW_TABLE_INET";
    assert_eq!(error.to_string(), format!("{text}: operation 1 (add flowtable inet fw fast)"));
    let refused: Vec<_> = error.rejections().map(ToString::to_string).collect();
    let told = format!("operation 1 (add flowtable inet fw fast): no such file or directory ({text})");
    assert_eq!(refused, [told]);
    assert_eq!(conn.flowtables(..).unwrap(), []);
    let error = conn.flowtable(fast()).unwrap_err();
    assert!(error.is_not_found(), "{error}");
}
