//! Chains: their devices, other names, and what they count.

use std::net::UdpSocket;

use nftlink::expr::Counter;
use nftlink::{
    Batch, Chain, ChainInfo, ChainKind, Conn, Device, Errno, Error, Family, Hook, Hooked, Policy, Priority, Rule, Table,
};

use crate::support::lab::{Namespace, veth};
use crate::support::{self, linux};
use crate::{Ruleset, comments, commit, conn, fw, input, refused, rule};

pub(crate) fn before_linux_6_4() -> Result<(), String> {
    support::linux_6_4().map_or(Ok(()), |()| Err("Linux 6.4 knows other devices of a chain".to_owned()))
}

pub(crate) fn no_prefixes_of_devices() -> Result<(), String> {
    support::prefixes_of_devices().map_or(Ok(()), |()| Err("this kernel knows prefixes of devices".to_owned()))
}

/// Four devices: two cables whose ends are both here.
fn cables() {
    let here = Namespace::current().unwrap();
    veth((&here, "v0"), (&here, "v1")).unwrap();
    veth((&here, "v2"), (&here, "v3")).unwrap();
}

fn wire() -> Table {
    Table::netdev("wire")
}

fn ingress(name: &str) -> Chain<Hooked> {
    wire().chain(name).filter(Hook::INGRESS, Priority::FILTER)
}

fn names(conn: &mut Conn, chain: &Chain<Hooked>) -> Vec<String> {
    let mut names: Vec<_> = conn.chain(chain).unwrap().devices().iter().map(Device::to_string).collect();
    names.sort();
    names
}

// ---- at devices ----

pub(crate) fn chains_at_devices_are_read_as_written() {
    cables();
    let mut conn = conn();
    let inet = fw().chain("ingress").filter(Hook::INGRESS, Priority::FILTER + 5).device("v3").policy(Policy::DROP);
    let (one, two) = (ingress("one").device("v0"), ingress("two").device("v2").devices(["v1", "lo"]));
    commit(&mut conn, |batch| batch.add(&wire()).add(&one).add(&two).add(&fw()).add(&inet));
    let read = conn.chain(&one).unwrap();
    assert_eq!(read.devices(), [Device::from("v0")]);
    assert_eq!((read.kind(), read.hook(), read.priority()), (Some(&ChainKind::Filter), Some(Hook::INGRESS), Some(0)));
    assert_eq!(conn.chain(&two).unwrap().devices(), ["v2", "v1", "lo"].map(Device::from));
    let read = conn.chain(&inet).unwrap();
    assert_eq!(read.devices(), [Device::from("v3")]);
    assert_eq!((read.hook(), read.policy()), (Some(Hook::INGRESS), Some(Policy::DROP)));
    assert_eq!(read.named_priority(), Some(Priority::FILTER + 5));
    // Added again as they are, nothing changes.
    let before = Ruleset::read(&mut conn);
    commit(&mut conn, |batch| batch.add(&one).add(&two).add(&inet));
    assert_eq!(Ruleset::read(&mut conn).chains, before.chains);
    commit(&mut conn, |batch| batch.add(&input()));
    assert_eq!(conn.chain(input()).unwrap().devices(), []);
}

pub(crate) fn chains_at_egress_are_read_as_written() {
    cables();
    let mut conn = conn();
    let egress = wire().chain("egress").filter(Hook::EGRESS, -5).devices(["v0", "v1"]).policy(Policy::DROP);
    commit(&mut conn, |batch| batch.add(&wire()).add(&egress));
    let read = conn.chain(&egress).unwrap();
    assert_eq!((read.hook(), read.priority(), read.policy()), (Some(Hook::EGRESS), Some(-5), Some(Policy::DROP)));
    assert_eq!(read.devices(), ["v0", "v1"].map(Device::from));
}

pub(crate) fn device_that_is_not_there_is_waited_for_or_refused() {
    let mut conn = conn();
    let mut batch = Batch::new();
    batch.add(&wire()).add(&ingress("early").device("later"));
    match conn.commit(&batch) {
        Ok(()) => {
            assert!(linux() > (6, 12), "it was refused there");
            assert_eq!(names(&mut conn, &ingress("early")), ["later"]);
            // As many as there may be.
            let many = ingress("many").devices((0..255).map(|n| format!("d{n}")));
            commit(&mut conn, |batch| batch.add(&many));
            assert_eq!(names(&mut conn, &many).len(), 255);
            put_back(&mut conn);
        }
        Err(error) => {
            assert!(linux() < (6, 18), "it is waited for there");
            assert!(error.is_not_found(), "{error}");
        }
    }
}

pub(crate) fn device_given_twice_is_refused_by_its_place() {
    cables();
    let mut conn = conn();
    commit(&mut conn, |batch| batch.add(&wire()));
    let twice = ingress("twice").devices(["v0", "v1", "v0"]);
    let error = refused(&mut conn, |batch| batch.add(&twice));
    assert!(error.is_exists(), "{error}");
    // Older kernels do not say which it is.
    if linux() >= (6, 4) {
        assert_eq!(error.to_string(), "operation 0 (add chain netdev wire twice): file exists at hook.devs[2]");
    }
}

pub(crate) fn chains_with_devices_can_be_put_back() {
    cables();
    let mut conn = conn();
    commit(&mut conn, |batch| {
        let inet = fw().chain("ingress").filter(Hook::INGRESS, 1).devices(["v2", "v3"]);
        batch.add(&wire()).add(&ingress("one").device("v0").policy(Policy::DROP)).add(&fw()).add(&inet);
        batch.add(&ingress("two").devices(["v2", "v1"]).comment("two of them")).add(&wire().chain("regular"))
    });
    put_back(&mut conn);
}

/// Has each table deleted and made again with its chains; they are as they were.
#[track_caller]
fn put_back(conn: &mut Conn) {
    let before = Ruleset::read(conn);
    commit(conn, |batch| {
        let batch = before.tables.iter().fold(batch, |batch, table| batch.delete(table).add(table));
        before.chains.iter().fold(batch, Batch::create)
    });
    // In the order in which they were made they get the same handles again, as each table has its own count.
    assert_eq!(Ruleset::read(conn).chains, before.chains);
}

pub(crate) fn chains_are_put_back_from_their_specs() {
    cables();
    let mut conn = conn();
    commit(&mut conn, |batch| {
        let inet = fw().chain("ingress").filter(Hook::INGRESS, 1).devices(["v2", "v3"]).userdata([9, 1, 0xff]);
        batch.add(&wire()).add(&ingress("one").device("v0").policy(Policy::DROP)).add(&fw()).add(&inet);
        let counting = fw().chain("in").nat(Hook::INPUT, -199).count_from(Counter::new(7, 8));
        batch.add(&ingress("two").devices(["v2", "v1"]).comment("two of them")).add(&wire().chain("regular"));
        batch.add(&counting).add(&Table::arp("a")).add(&Table::arp("a").chain("c").filter(Hook::OUTPUT, i32::MIN))
    });
    let before = Ruleset::read(&mut conn);
    commit(&mut conn, |batch| {
        let batch = before.tables.iter().fold(batch, |batch, table| batch.delete(table).add(&Table::from(table)));
        before.chains.iter().fold(batch, |batch, info| batch.create(&Chain::<Option<Hooked>>::from(info)))
    });
    assert_eq!(Ruleset::read(&mut conn).chains, before.chains);
    // Given again, all of it is what is there already, but for the count.
    commit(&mut conn, |batch| {
        before.chains.iter().fold(batch, |batch, info| batch.add(&Chain::<Option<Hooked>>::from(info)))
    });
    assert_eq!(Ruleset::read(&mut conn).chains, before.chains);
}

pub(crate) fn device_without_hardware_offload_is_refused() {
    let mut conn = conn();
    let error = refused(&mut conn, |batch| batch.add(&wire()).add(&ingress("c").device("lo").offload()));
    let text = "operation 1 (add chain netdev wire c): operation not supported \
                (a device or a rule may not be up to hardware offload)";
    assert_eq!(error.to_string(), text);
}

pub(crate) fn chain_that_is_there_keeps_its_hook_and_priority() {
    let mut conn = conn();
    let late = fw().chain("input").filter(Hook::INPUT, Priority::SECURITY);
    commit(&mut conn, |batch| batch.add(&fw()).add(&input()).append(input(), rule("a")));
    let error = refused(&mut conn, |batch| batch.add(&late));
    let text = "operation 0 (add chain inet fw input): operation not supported \
                (a chain of this kind may not be at this hook or priority; one that is there keeps both until it is deleted)";
    assert_eq!(error.to_string(), text);
    // A new one is refused in the same way.
    let nat = fw().chain("nat").nat(Hook::FORWARD, 0);
    assert_eq!(refused(&mut conn, |batch| batch.add(&nat)).to_string(), text.replace("input", "nat"));
    commit(&mut conn, |batch| batch.delete(&input()).add(&late).append(&late, rule("b")));
    assert_eq!(comments(&mut conn, &late), ["b"]);
    assert_eq!(conn.chain(&late).unwrap().named_priority(), Some(Priority::SECURITY));
}

// ---- other devices ----

pub(crate) fn devices_are_added_and_deleted_and_the_rules_stay() {
    cables();
    let mut conn = conn();
    let chain = ingress("c").device("v0").policy(Policy::DROP);
    commit(&mut conn, |batch| batch.add(&wire()).add(&chain).append(&chain, rule("a")));
    commit(&mut conn, |batch| batch.add_devices(&chain, ["v1", "v2"]));
    assert_eq!(names(&mut conn, &chain), ["v0", "v1", "v2"]);
    // Those that are there stay, also if the whole chain is added again.
    commit(&mut conn, |batch| batch.add_devices(&chain, ["v2", "v3"]).add(&chain));
    assert_eq!(names(&mut conn, &chain), ["v0", "v1", "v2", "v3"]);
    // By what was read, by name, and of one's own making.
    let read = conn.chain(&chain).unwrap();
    commit(&mut conn, |batch| batch.delete_devices(&read, &read.devices()[1..3]).delete_devices(&chain, ["v0"]));
    assert_eq!(names(&mut conn, &chain), ["v3"]);
    commit(&mut conn, |batch| batch.delete_devices(&chain, ["v3"]).add_devices(&chain, ["v0"]));
    assert_eq!(names(&mut conn, &chain), ["v0"]);
    let other = ingress("other").device("v0");
    commit(&mut conn, |batch| batch.add(&other).add_devices(&other, ["v1"]).delete_devices(&other, ["v0"]));
    assert_eq!(names(&mut conn, &other), ["v1"]);
    // In family inet not all hooks have devices.
    let inet = fw().chain("ingress").filter(Hook::INGRESS, 0).device("v0");
    commit(&mut conn, |batch| batch.add(&fw()).add(&inet));
    commit(&mut conn, |batch| batch.add_devices(&inet, ["v1"]).delete_devices(&inet, ["v0"]));
    assert_eq!(names(&mut conn, &inet), ["v1"]);

    commit(&mut conn, |batch| batch.delete_devices(&chain, ["v0"]));
    let read = conn.chain(&chain).unwrap();
    assert_eq!((read.devices(), read.hook(), read.policy()), (&[][..], Some(Hook::INGRESS), Some(Policy::DROP)));
    assert_eq!(comments(&mut conn, &chain), ["a"]);
    commit(&mut conn, |batch| batch.add_devices(&chain, [""; 0]).delete_devices(&chain, [""; 0]));
    assert_eq!(comments(&mut conn, &chain), ["a"], "no devices are no operation");
}

pub(crate) fn chain_is_never_deleted_for_its_devices() {
    cables();
    let mut conn = conn();
    let (chain, regular) = (ingress("c").device("v0"), wire().chain("regular"));
    commit(&mut conn, |batch| batch.add(&wire()).add(&chain).add(&regular).add(&fw()).add(&input()));
    // On their own the kernel would delete these for it, rules and all.
    let error = refused(&mut conn, |batch| batch.delete_devices(&regular, ["v0"]));
    assert_eq!(
        error.to_string(),
        "operation 0 (delete chain netdev wire regular { devices = { v0 }; }): file exists at name"
    );
    let error = refused(&mut conn, |batch| batch.delete_devices(input(), ["v0"]));
    assert_eq!(error.errno(), Some(Errno::EOPNOTSUPP), "{error}");

    let error = refused(&mut conn, |batch| batch.add(&Table::ip("x")).delete_devices(&chain, ["v0", "v1"]));
    assert_eq!(
        error.to_string(),
        "operation 1 (delete chain netdev wire c { devices = { v0, v1 }; }): no such file or directory"
    );
    let absent = ingress("absent");
    let error = refused(&mut conn, |batch| batch.add_devices(&absent, ["v0"]).delete_devices(&absent, ["v0"]));
    assert_eq!(
        error.to_string(),
        "2 operations refused:\n  \
         operation 0 (add chain netdev wire absent { devices = { v0 }; }): no such file or directory at name\n  \
         operation 1 (delete chain netdev wire absent { devices = { v0 }; }): no such file or directory at name"
    );
    let error = refused(&mut conn, |batch| batch.add_devices(&chain, ["v1", "v2", "v1"]));
    assert_eq!(
        error.to_string(),
        "operation 0 (add chain netdev wire c { devices = { v1, v2, v1 }; }): file exists at hook.devs[2]"
    );
}

pub(crate) fn other_devices_are_refused_by_kernels_before_linux_6_4() {
    cables();
    let mut conn = conn();
    let (one, two) = (ingress("one").device("v0"), ingress("two").devices(["v0", "v1"]));
    commit(&mut conn, |batch| {
        batch.add(&wire()).add(&one).add(&two).add(&wire().chain("regular")).append(&one, rule("a"))
    });
    let verbs: [fn(&mut Batch) -> &mut Batch; 4] = [
        |b| b.add_devices(ingress("one"), ["v1"]),
        |b| b.delete_devices(ingress("one"), ["v0"]),
        |b| b.delete_devices(ingress("two"), ["v0"]),
        |b| b.delete_devices(ingress("two"), ["v0", "v1"]),
    ];
    for verb in verbs {
        let error = refused(&mut conn, |batch| verb(batch));
        assert!(matches!(error, Error::Unsupported { .. }), "{error:?}");
        let text = "changing the devices of a chain needs Linux 6.4: operation 0 (";
        assert!(error.to_string().starts_with(text), "{error}");
    }
    let error = refused(&mut conn, |batch| batch.delete_devices(wire().chain("regular"), ["v0"]));
    assert!(error.is_exists(), "{error}");
    // It says the same of a chain at another hook.
    let error = refused(&mut conn, |batch| batch.add(&ingress("one").devices(["v0", "v1"])));
    assert!(error.is_exists() && error.to_string().contains("Linux before 6.4"), "{error}");
}

pub(crate) fn prefixes_of_devices_are_read_as_written() {
    cables();
    let mut conn = conn();
    let chain = ingress("c").device(Device::prefix("v")).device("lo");
    commit(&mut conn, |batch| batch.add(&wire()).add(&chain));
    assert_eq!(conn.chain(&chain).unwrap().devices(), [Device::prefix("v"), Device::from("lo")]);
    put_back(&mut conn);
    commit(&mut conn, |batch| {
        batch.add_devices(&chain, [Device::prefix("eth")]).delete_devices(&chain, [Device::prefix("v")])
    });
    assert_eq!(names(&mut conn, &chain), ["eth*", "lo"]);
    commit(&mut conn, |batch| batch.delete_devices(&chain, ["lo"]));
    put_back(&mut conn);
    // The longest: names have one byte more, which is zero.
    commit(&mut conn, |batch| batch.add_devices(&chain, [Device::prefix("fifteen-bytes-a")]));
    assert_eq!(names(&mut conn, &chain), ["eth*", "fifteen-bytes-a*"]);
    put_back(&mut conn);
    commit(&mut conn, |batch| batch.delete_devices(&chain, [Device::prefix("fifteen-bytes-a")]));
    commit(&mut conn, |batch| batch.delete_devices(&chain, [Device::prefix("eth")]));
    // Without any.
    put_back(&mut conn);
}

pub(crate) fn prefixes_of_devices_are_refused_by_kernels_that_lack_them() {
    cables();
    let mut conn = conn();
    commit(&mut conn, |batch| batch.add(&wire()));
    let error = refused(&mut conn, |batch| batch.add(&ingress("c").device(Device::prefix("v"))));
    assert!(error.to_string().starts_with("a prefix of device names needs Linux 6.17: operation 0 ("), "{error}");
}

// ---- names ----

pub(crate) fn renamed_chain_is_still_led_to() {
    let mut conn = conn();
    let (old, new) = (fw().chain("old"), fw().chain("new"));
    commit(&mut conn, |batch| {
        batch.add(&fw()).add(&input()).add(&old.clone().comment("mine"));
        batch.append(&old, rule("inside")).append(input(), Rule::new().counter().jump(&old));
        batch.append(input(), Rule::new().goto(&old))
    });
    let read = conn.chain(&old).unwrap();
    // Until all is applied it goes by the old name.
    commit(&mut conn, |batch| batch.rename(&read, "new").append(&old, rule("too")));
    let renamed = conn.chain(&new).unwrap();
    assert_eq!((renamed.handle(), renamed.comment(), renamed.uses()), (read.handle(), Some("mine"), 4));
    let inside: Vec<_> = conn.rules(&new).unwrap().iter().map(|r| r.comment().unwrap().to_owned()).collect();
    assert_eq!(inside, ["inside", "too"]);
    let error = conn.chain(&old).unwrap_err();
    assert!(error.is_not_found(), "{error}");
    let leads = conn.rules(&input()).unwrap().iter().map(|rule| rule.bytecode().to_string()).collect::<String>();
    assert_eq!(
        leads,
        "  [ counter pkts 0 bytes 0 ]\n  [ immediate reg 0 jump -> new ]\n  [ immediate reg 0 goto -> new ]\n"
    );

    // By a handle that was kept, base chains too.
    let base = conn.chain(input()).unwrap().handle();
    commit(&mut conn, |batch| batch.rename((input(), base), "door").rename((&new, read.handle()), "old"));
    let names: Vec<_> = conn.chains(&fw()).unwrap().iter().map(|chain| chain.name().to_string()).collect();
    assert_eq!(names, ["door", "old"]);
    assert_eq!(conn.rules(&fw().chain("door")).unwrap().len(), 2);
}

pub(crate) fn name_that_is_taken_and_handle_that_is_absent_are_refused() {
    let mut conn = conn();
    let (a, b) = (fw().chain("a"), fw().chain("b"));
    commit(&mut conn, |batch| batch.add(&fw()).add(&a).add(&b));
    let [a, b] = [a, b].map(|chain| conn.chain(&chain).unwrap());
    let text = |conn: &mut Conn, fill: fn(&mut Batch, &ChainInfo, &ChainInfo)| {
        refused(conn, |batch| {
            fill(batch, &a, &b);
            batch
        })
        .to_string()
    };
    let taken = text(&mut conn, |batch, a, _| _ = batch.rename(a, "b"));
    assert_eq!(taken, "operation 0 (rename chain inet fw handle 1 b): file exists at name");
    let same = text(&mut conn, |batch, a, _| _ = batch.rename(a, "a"));
    assert_eq!(same, "operation 0 (rename chain inet fw handle 1 a): file exists at name");
    let swapped = text(&mut conn, |batch, a, b| _ = batch.rename(a, "tmp").rename(b, "a"));
    assert_eq!(swapped, "operation 1 (rename chain inet fw handle 2 a): file exists at name");
    commit(&mut conn, |batch| batch.delete(&b));
    let absent = text(&mut conn, |batch, _, b| _ = batch.rename(b, "c"));
    assert_eq!(absent, "operation 0 (rename chain inet fw handle 2 c): no such file or directory at handle");
}

// ---- counters ----

pub(crate) fn policy_counts_what_no_rule_decides_on() {
    let mut conn = conn();
    let output = fw().chain("output").filter(Hook::OUTPUT, Priority::FILTER).counters();
    let plain = fw().chain("plain").filter(Hook::OUTPUT, Priority::FILTER);
    commit(&mut conn, |batch| {
        batch.add(&fw()).add(&output).add(&plain);
        batch.append(&output, Rule::new().when(nftlink::field::udp::dport().eq(9)).accept())
    });
    let counted = |conn: &mut Conn| conn.chain(&output).unwrap().counters();
    assert_eq!(counted(&mut conn), Some(Counter::new(0, 0)));
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let _servers = [9, 10].map(|port| UdpSocket::bind(("127.0.0.1", port)).unwrap());
    for port in [9, 10, 9, 10, 10] {
        socket.send_to(b"?", ("127.0.0.1", port)).unwrap();
    }
    let seen = counted(&mut conn).unwrap();
    assert_eq!(seen, Counter::new(3, 3 * 29));
    assert_eq!(conn.chain(&plain).unwrap().counters(), None);
    // Put back, it goes on; added again, it begins anew.
    commit(&mut conn, |batch| batch.flush(&output));
    put_back(&mut conn);
    assert_eq!(counted(&mut conn), Some(seen));
    commit(&mut conn, |batch| batch.add(&output));
    assert_eq!(counted(&mut conn), Some(Counter::new(0, 0)));
}

// ---- families ----

pub(crate) fn each_family_has_its_hooks_and_priorities() {
    let mut conn = conn();
    let mut batch = Batch::new();
    let (bridge, arp) = (Table::bridge("t"), Table::arp("t"));
    let hooks = [Hook::PREROUTING, Hook::INPUT, Hook::FORWARD, Hook::OUTPUT, Hook::POSTROUTING];
    let priorities = [Priority::DSTNAT, Priority::FILTER, Priority::FILTER + 3, Priority::OUT, Priority::SRCNAT - 1];
    batch.add(&bridge).add(&arp);
    for (hook, priority) in hooks.into_iter().zip(priorities) {
        batch.add(&bridge.chain(hook.to_string()).filter(hook, priority).policy(Policy::DROP));
    }
    for hook in [Hook::INPUT, Hook::OUTPUT] {
        batch.add(&arp.chain(hook.to_string()).filter(hook, Priority::FILTER - 1));
    }
    conn.commit(&batch).unwrap();
    let read = conn.chains(&bridge).unwrap();
    assert_eq!(read.iter().map(|chain| chain.priority().unwrap()).collect::<Vec<_>>(), [-300, -200, -197, 100, 299]);
    let words: Vec<_> = read.iter().map(|chain| chain.named_priority().unwrap().to_string()).collect();
    assert_eq!(words, ["dstnat", "filter", "filter + 3", "out", "srcnat - 1"]);
    for chain in read {
        assert_eq!(chain.hook().unwrap().to_string(), chain.name().to_string());
        assert_eq!((chain.policy(), chain.table().family()), (Some(Policy::DROP), Family::BRIDGE));
    }
    for chain in conn.chains(&arp).unwrap() {
        assert_eq!(chain.hook().unwrap().to_string(), chain.name().to_string());
        assert_eq!(chain.named_priority(), Some(Priority::FILTER - 1));
    }
}
