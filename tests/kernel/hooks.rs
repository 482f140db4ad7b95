//! What is attached to the hooks of netfilter, by nf_tables and by others.

use std::process::Command;

use nftlink::datum::{CtState, IfName};
use nftlink::field::ct;
use nftlink::{Conn, Errno, Error, Family, Hook, HookInfo, Priority, Rule, Table};

use crate::support::lab::{Namespace, veth};
use crate::support::{self, linux};
use crate::{commit, conn, fw};

/// Whether this kernel cannot tell what is attached to hooks.
pub(crate) fn no_list_of_hooks() -> Result<(), String> {
    support::hooks().map_or(Ok(()), |()| Err("this kernel lists hooks".to_owned()))
}

/// For the extensions of iptables that are older than nf_tables: asks iptables to add a rule.
pub(crate) fn machine_has_iptables_legacy() -> Result<(), String> {
    support::hooks()?;
    let done = iptables_legacy();
    done.and_then(|done| if done { Ok(()) } else { Err("this kernel has no iptables of its own".to_owned()) })
}

/// For flowtables among what is attached.
pub(crate) fn hooks_and_flowtables() -> Result<(), String> {
    support::hooks().and_then(|()| support::flowtables())
}

fn iptables_legacy() -> Result<bool, String> {
    let command = ["/usr/sbin/iptables-legacy", "/sbin/iptables-legacy"];
    let Some(path) = command.into_iter().find(|path| std::path::Path::new(path).exists()) else {
        return Err("iptables-legacy not found".to_owned());
    };
    // Its lock is a file that others than root may not write.
    let lock = std::env::temp_dir().join(format!("nftlink-xtables-{}.lock", nix::unistd::gettid()));
    let output = Command::new(path).args(["-A", "INPUT", "-j", "ACCEPT"]).env("XTABLES_LOCKFILE", &lock).output();
    let _ = std::fs::remove_file(lock);
    output.map(|output| output.status.success()).map_err(|error| error.to_string())
}

fn functions(conn: &mut Conn, family: Family, hook: Hook) -> Vec<(i32, String)> {
    let hooks = conn.hooks(family).unwrap();
    let here = hooks.iter().filter(|info| info.hook() == hook);
    here.map(|info| (info.priority(), info.function().unwrap().to_string())).collect()
}

const NOTHING: [&str; 0] = [];

/// The chains among what is attached. (A security module has entries of its own in every namespace.)
fn told(hooks: &[HookInfo]) -> Vec<String> {
    let line = |info: &HookInfo| {
        assert!(!info.has_unknown() && info.device().is_none(), "{info:?}");
        Some(format!("{} {} {} {}", info.family(), info.hook(), info.named_priority(), info.chain()?))
    };
    hooks.iter().filter_map(line).collect()
}

pub(crate) fn hooks_tell_chains_in_the_order_of_packets() {
    let mut conn = conn();
    assert_eq!(told(&conn.hooks(..).unwrap()), NOTHING);
    let (arp, bridge) = (Table::arp("a"), Table::bridge("b"));
    commit(&mut conn, |batch| {
        batch.add(&fw()).add(&arp).add(&bridge);
        batch.add(&fw().chain("late").filter(Hook::INPUT, Priority::SECURITY));
        batch.add(&fw().chain("early").filter(Hook::INPUT, Priority::RAW - 5));
        batch.add(&fw().chain("routed").route(Hook::OUTPUT, Priority::MANGLE));
        batch.add(&arp.chain("in").filter(Hook::INPUT, Priority::FILTER));
        batch.add(&bridge.chain("through").filter(Hook::FORWARD, Priority::FILTER));
        batch.add(&fw().chain("regular"))
    });
    let of_ip = ["ip input raw - 5 inet fw early", "ip input security inet fw late", "ip output mangle inet fw routed"];
    let of_ip6 = of_ip.map(|line| line.replacen("ip", "ip6", 1));
    let hooks = conn.hooks(..).unwrap();
    let others = ["arp input filter arp a in", "bridge forward filter bridge b through"].map(str::to_owned);
    assert_eq!(told(&hooks), [&of_ip.map(str::to_owned)[..], &of_ip6, &others].concat());
    assert_eq!(told(&conn.hooks(Family::IP).unwrap()), of_ip);
    assert_eq!(told(&conn.hooks(Family::INET).unwrap()), told(&hooks)[..6]);
    assert_eq!(told(&conn.hooks(Family::BRIDGE).unwrap()), others[1..]);
    let chains = hooks.iter().filter(|info| info.chain().is_some());
    let functions: Vec<_> = chains.take(3).map(|info| info.function().unwrap().to_string()).collect();
    assert_eq!(functions, ["nft_do_chain_inet", "nft_do_chain_inet", "nf_route_table_inet"]);

    commit(&mut conn, |batch| batch.delete(&fw()).delete(&arp));
    assert_eq!(told(&conn.hooks(..).unwrap()), others[1..]);
}

pub(crate) fn hooks_of_devices_are_asked_for_by_name() {
    let here = Namespace::current().unwrap();
    veth((&here, "v0"), (&here, "v1")).unwrap();
    let mut conn = conn();
    let netdev = Table::netdev("n");
    commit(&mut conn, |batch| {
        batch.add(&netdev).add(&netdev.chain("in").filter(Hook::INGRESS, Priority::FILTER - 1).device("v0"));
        batch.add(&fw()).add(&fw().chain("in").filter(Hook::INGRESS, Priority::FILTER).device("v0"))
    });
    let v0 = conn.hooks("v0").unwrap();
    let chains: Vec<_> = v0.iter().map(|info| info.chain().unwrap().to_string()).collect();
    assert_eq!(chains, ["netdev n in", "inet fw in"]);
    for info in &v0 {
        let place = (info.family(), info.hook(), info.device());
        assert_eq!(place, (Family::NETDEV, Hook::INGRESS, Some(IfName::new("v0"))));
    }
    assert_eq!(conn.hooks("v1").unwrap(), []);
    if linux() >= (5, 16) {
        let out = netdev.chain("out").filter(Hook::EGRESS, 7).device("v1");
        commit(&mut conn, |batch| batch.add(&out));
        let v1 = conn.hooks("v1").unwrap();
        assert_eq!(HookInfo::listing(&v1).to_string().lines().count(), 5);
        assert_eq!((v1[0].hook(), v1[0].priority(), v1[0].chain()), (Hook::EGRESS, 7, Some(out.at())));
    }
    assert_eq!(told(&conn.hooks(..).unwrap()), NOTHING, "what belongs to devices is asked for by device");
}

pub(crate) fn hooks_tell_what_other_subsystems_have_there() {
    let mut conn = conn();
    let nat = Table::ip("nat");
    let (input, out) = (
        fw().chain("input").filter(Hook::INPUT, Priority::FILTER),
        nat.chain("out").nat(Hook::POSTROUTING, Priority::SRCNAT),
    );
    commit(&mut conn, |batch| {
        batch.add(&fw()).add(&input).add(&nat).add(&out).append(&out, Rule::new().masquerade());
        batch.append(&input, Rule::new().when(ct::state().has(CtState::NEW)).accept())
    });
    let has = |functions: &[(i32, String)], priority, name: &str| {
        assert!(
            functions.iter().any(|(at, function)| (*at, function.as_str()) == (priority, name)),
            "{name}: {functions:?}"
        );
    };
    let pre = functions(&mut conn, Family::IP, Hook::PREROUTING);
    has(&pre, -400, "ipv4_conntrack_defrag");
    has(&pre, -200, "ipv4_conntrack_in");
    assert!(pre.is_sorted_by_key(|(priority, _)| *priority), "{pre:?}");
    has(&functions(&mut conn, Family::IP6, Hook::PREROUTING), -200, "ipv6_conntrack_in");
    let post = functions(&mut conn, Family::IP, Hook::POSTROUTING);
    assert!(post.iter().any(|(at, name)| *at == 100 && name.contains("nat")), "{post:?}");
    assert!(post.iter().any(|(_, name)| name.contains("confirm")), "{post:?}");

    let hooks = conn.hooks(Family::INET).unwrap();
    let [one, other] =
        [0, 1].map(|is_chain| hooks.iter().filter(move |info| usize::from(info.chain().is_some()) == is_chain));
    assert!(one.clone().count() > 8 && other.count() >= 2, "{}", HookInfo::listing(&hooks));
    for info in one {
        assert_eq!((info.flowtable(), info.bpf_program(), info.has_unknown()), (None, None, false), "{info:?}");
    }
    let conntrack = hooks.iter().find(|info| info.function().is_some_and(|name| *name == "ipv4_conntrack_in")).unwrap();
    let modules = std::fs::read_to_string("/proc/modules").unwrap_or_default();
    let is_module = modules.lines().any(|line| line.starts_with("nf_conntrack "));
    assert_eq!(conntrack.module().map(ToString::to_string), is_module.then(|| "nf_conntrack".to_owned()));
}

pub(crate) fn hooks_tell_the_iptables_of_before() {
    assert_eq!(iptables_legacy(), Ok(true));
    let mut conn = conn();
    let input = conn.hooks(Family::IP).unwrap();
    let tables = input.iter().filter(|info| info.hook() == Hook::INPUT && info.priority() == 0);
    assert_eq!(tables.clone().count(), 1, "{}", HookInfo::listing(&input));
    for info in tables {
        assert_eq!((info.chain(), info.named_priority()), (None, Priority::FILTER), "{info:?}");
        assert!(info.function().is_some_and(|name| name.as_bytes().starts_with(b"ipt")), "{info:?}");
    }
}

pub(crate) fn hooks_tell_flowtables() {
    let here = Namespace::current().unwrap();
    veth((&here, "v0"), (&here, "v1")).unwrap();
    let mut conn = conn();
    let fast = fw().flowtable("fast", Priority::FILTER - 5).devices(["v0", "v1"]);
    commit(&mut conn, |batch| batch.add(&fw()).add(&fast));
    for device in ["v0", "v1"] {
        let hooks = conn.hooks(IfName::new(device)).unwrap();
        let [info] = &hooks[..] else { panic!("{hooks:?}") };
        assert_eq!((info.hook(), info.priority(), info.chain()), (Hook::INGRESS, -5, None));
        assert!(info.function().is_some_and(|name| name.as_bytes().starts_with(b"nf_flow_offload")), "{info:?}");
        let told = info.flowtable().map(ToString::to_string);
        assert_eq!(told.as_deref(), (linux() >= (6, 17)).then_some("inet fw fast"), "{info:?}");
    }
}

pub(crate) fn hooks_in_many_datagrams_are_all_told_in_order() {
    // The kernel takes up to 1,024 at a hook.
    const COUNT: i32 = 600;
    let mut conn = conn();
    commit(&mut conn, |batch| {
        batch.add(&fw());
        (0..COUNT).rev().for_each(|n| _ = batch.add(&fw().chain(format!("{n:0>100}")).filter(Hook::INPUT, n)));
        batch
    });
    let mut hooks = conn.hooks(Family::IP6).unwrap();
    hooks.retain(|info| info.chain().is_some());
    assert_eq!(hooks.iter().map(HookInfo::priority).collect::<Vec<_>>(), Vec::from_iter(0..COUNT));
    let name = |n: i32| format!("inet fw {n:0>100}");
    assert!(hooks.iter().all(|info| info.chain().unwrap().to_string() == name(info.priority())));
}

pub(crate) fn hooks_that_no_kernel_has_are_refused() {
    let mut conn = conn();
    let mut refused = |scope: nftlink::HookScope| match conn.hooks(scope).unwrap_err() {
        Error::Query(error) => (error.errno(), error.to_string()),
        error => panic!("{error:?}"),
    };
    let (errno, text) = refused(Family::NETDEV.into());
    assert_eq!(errno, Errno::ENODEV);
    assert_eq!(text, "hooks of family netdev, which are asked for by device: no such device");
    let (errno, text) = refused(Family::from_raw(12).into());
    assert_eq!(errno, Errno::EPROTONOSUPPORT);
    assert_eq!(text, "hooks of family 12: protocol not supported");
    for name in ["", "longer than it may be", "a\0b"] {
        assert_eq!(refused(IfName::new(name).into()).0, Errno::ENODEV, "{name:?}");
    }
}

pub(crate) fn hooks_of_absent_devices_are_refused() {
    let error = conn().hooks(IfName::new("absent")).unwrap_err();
    assert_eq!(error.errno(), Some(Errno::ENODEV));
    assert_eq!(error.to_string(), "hooks of device absent: no such device");
}

pub(crate) fn kernel_that_cannot_tell_hooks_says_so() {
    let mut conn = conn();
    for error in [conn.hooks(..).unwrap_err(), conn.hooks("lo").unwrap_err()] {
        assert!(matches!(error, Error::Unsupported { since: "5.14", .. }), "{error:?}");
        let text = "listing what is attached to hooks needs Linux 5.14, built with NETFILTER_NETLINK_HOOK";
        assert_eq!(error.to_string(), text);
    }
    // The connection is as good as before.
    assert_eq!(conn.tables(..).unwrap(), []);
}
