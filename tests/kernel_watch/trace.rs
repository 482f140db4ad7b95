//! Traces of real packets.

use std::io::Read as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::thread;
use std::time::{Duration, Instant};

use nftlink::datum::{ArpOp, CtState, IfType, L4Proto, Mark};
use nftlink::expr::{CtDirection, Verdict, VerdictCode};
use nftlink::field::{ct, ip, ip6, meta, udp};
use nftlink::trace::{Arm, Network, PacketTrace, PacketTracer, TraceEvent, TraceKind, Traced, Tracer, Transport};
use nftlink::{Batch, Chain, Conn, Error, Family, Hook, Hooked, Policy, Priority, Rule, RuleHandle, Table};
use nix::net::if_::if_nametoindex;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::beside_nft::NftMonitor;
use crate::process;
use crate::support::lab::{self, Namespace};
use crate::support::{linux, nft};
use crate::{commit, conn};

/// How long something may take that has to come.
const LONG: Duration = Duration::from_secs(20);

const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const CLIENT6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);
const SERVER6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2);

/// A client at a cable; the test runs at the other end of it, where nobody serves.
fn client() -> Namespace {
    let (client, here) = (Namespace::new().unwrap(), Namespace::current().unwrap());
    lab::veth((&here, "eth0"), (&client, "eth0")).unwrap();
    client.address("eth0", CLIENT, 24).unwrap();
    here.address("eth0", SERVER, 24).unwrap();
    client.address("eth0", CLIENT6, 64).unwrap();
    here.address("eth0", SERVER6, 64).unwrap();
    client
}

fn send(client: &Namespace, from: impl Into<IpAddr>, to: impl Into<IpAddr>, port: u16) {
    let (from, to) = (SocketAddr::new(from.into(), 4000), SocketAddr::new(to.into(), port));
    client.run(|| UdpSocket::bind(from).unwrap().send_to(b"question", to).unwrap());
}

/// Rules that have traced what the client sends over UDP.
fn trace_client(conn: &mut Conn) {
    let table = Table::inet("tracing");
    let chain = table.chain("early").filter(Hook::PREROUTING, Priority::RAW);
    let mut batch = Batch::new();
    batch.add(&table).add(&chain);
    for question in [ip::saddr().eq(CLIENT), ip6::saddr().eq(CLIENT6)] {
        let rule = Rule::new().when(question).when(meta::l4proto().eq(L4Proto::UDP)).set(meta::nftrace(), 1);
        batch.append(&chain, rule.comment("traced"));
    }
    conn.commit(&batch).unwrap();
}

struct Firewall {
    table: Table,
    pre: Chain<Hooked>,
    input: Chain<Hooked>,
    sub: Chain,
    last: Chain,
}

/// What packets pass: a mark, a map that jumps, a jump that returns, a goto, rules that accept and drop, a policy.
fn firewall(conn: &mut Conn) -> Firewall {
    let table = Table::inet("fw");
    let fw = Firewall {
        pre: table.chain("pre").filter(Hook::PREROUTING, Priority::MANGLE),
        input: table.chain("input").filter(Hook::INPUT, Priority::FILTER).policy(Policy::DROP),
        sub: table.chain("sub"),
        last: table.chain("last"),
        table,
    };
    let mut batch = Batch::new();
    batch.add(&fw.table).add(&fw.pre).add(&fw.input).add(&fw.sub).add(&fw.last);
    batch.append(&fw.pre, Rule::new().set(meta::mark(), 42).comment("all are marked"));
    let ports = [(7, Verdict::jump(&fw.sub)), (8, Verdict::jump(&fw.sub)), (9, Verdict::goto(&fw.last))];
    batch.append(&fw.input, Rule::new().vmap(udp::dport(), ports));
    batch.append(&fw.input, Rule::new().when(ct::state().has(CtState::NEW)).counter().comment("new ones"));
    // Neighbours have to find each other.
    batch.append(&fw.input, Rule::new().when(meta::l4proto().eq(L4Proto::ICMPV6)).accept());
    batch.append(&fw.sub, Rule::new().when(udp::dport().eq(7)).return_());
    batch.append(&fw.sub, Rule::new().accept());
    batch.append(&fw.last, Rule::new().when(udp::dport().eq(9)).drop());
    conn.commit(&batch).unwrap();
    fw
}

fn handles(conn: &mut Conn, chain: impl AsRef<nftlink::ChainRef>) -> Vec<RuleHandle> {
    conn.rules(chain.as_ref()).unwrap().iter().map(nftlink::RuleInfo::handle).collect()
}

/// The next packet, and not an overrun.
#[track_caller]
fn packet(tracer: &mut PacketTracer) -> PacketTrace {
    let traced = tracer.receive_timeout(LONG).unwrap().expect("a packet is traced");
    traced.seen().expect("nothing is lost")
}

/// What rules and policies did; that chains ended the kernels tell in different ways.
fn decisions(packet: &PacketTrace) -> Vec<(String, Option<RuleHandle>, String)> {
    let events = packet.steps().iter().map(|step| step.event());
    let deciding = events.filter(|event| event.rule().is_some() || event.policy().is_some());
    deciding
        .map(|event| {
            let policy = event.policy().map(|policy| format!("policy {policy}"));
            let verdict = event.verdict().map(Verdict::to_string);
            (event.chain().name().to_string(), event.rule(), policy.or(verdict).unwrap_or_default())
        })
        .collect()
}

pub(crate) fn packet_is_traced_through_jumps_maps_returns_and_policies() {
    let (client, mut conn) = (client(), Conn::open().unwrap());
    trace_client(&mut conn);
    let fw = firewall(&mut conn);
    let mut tracer = Tracer::open().unwrap().packets();
    let rule = |conn: &mut Conn, chain: &dyn AsRef<nftlink::ChainRef>, n: usize| Some(handles(conn, chain.as_ref())[n]);
    for (number, (from, to)) in
        [(CLIENT.into(), IpAddr::from(SERVER)), (CLIENT6.into(), SERVER6.into())].into_iter().enumerate()
    {
        let from: IpAddr = from;
        let traced = Some(conn.rules(&Table::inet("tracing")).unwrap()[number].handle());
        let step = |chain: &str, rule, verdict: &str| (chain.to_owned(), rule, verdict.to_owned());
        let begin = [
            step("early", traced, "continue"),
            step("early", None, "policy accept"),
            step("pre", rule(&mut conn, &fw.pre, 0), "continue"),
            step("pre", None, "policy accept"),
        ];
        let map = rule(&mut conn, &fw.input, 0);
        let new = step("input", rule(&mut conn, &fw.input, 1), "continue");
        let closed = step("input", None, "policy drop");
        let ends = [
            (6, vec![new.clone(), closed.clone()]),
            (
                7,
                vec![
                    step("input", map, "jump -> sub"),
                    step("sub", rule(&mut conn, &fw.sub, 0), "return"),
                    new,
                    closed,
                ],
            ),
            (8, vec![step("input", map, "jump -> sub"), step("sub", rule(&mut conn, &fw.sub, 1), "accept")]),
            (9, vec![step("input", map, "goto -> last"), step("last", rule(&mut conn, &fw.last, 0), "drop")]),
        ];
        for (port, end) in ends {
            send(&client, from, to, port);
            let packet = packet(&mut tracer);
            assert_eq!(decisions(&packet), [&begin[..], &end].concat(), "{packet}");
            assert!(packet.is_complete());
            assert_eq!(packet.dropped_at().is_some(), port != 8);
            let headers = packet.headers().unwrap();
            assert_eq!((headers.saddr(), headers.daddr()), (Some(from), Some(to)));
            assert_eq!(headers.dport().unwrap().get(), port);
            // Each base chain tells the headers once.
            let told = packet.steps().iter().filter(|step| step.event().has_headers()).count();
            assert_eq!(told, 3, "{packet}");
        }
    }
}

pub(crate) fn events_have_all_fields() {
    let (client, mut conn) = (client(), Conn::open().unwrap());
    trace_client(&mut conn);
    let _fw = firewall(&mut conn);
    let mut tracer = Tracer::open().unwrap();
    send(&client, CLIENT, SERVER, 9);
    let mut events: Vec<TraceEvent> = Vec::new();
    while !events.last().is_some_and(TraceEvent::is_final) {
        events.extend(tracer.receive_timeout(LONG).unwrap().expect("the packet has not been dropped").seen());
    }
    let first = &events[0];
    assert_eq!(first.table().to_string(), "inet tracing");
    assert_eq!((first.kind(), first.nfproto()), (TraceKind::RULE, Some(Family::IP)));
    let input = first.input().unwrap();
    assert_eq!((input.index.get(), input.kind), (if_nametoindex("eth0").unwrap(), Some(IfType::ETHER)));
    assert_eq!((first.output(), first.verdict()), (None, Some(&Verdict::CONTINUE)));
    let headers = first.headers().unwrap();
    assert_eq!(headers.ether.unwrap().kind, nftlink::datum::EtherType::IP);
    let Some(Network::Ip(network)) = headers.network else { panic!("{headers}") };
    assert_eq!((network.ttl, network.protocol, network.length), (64, L4Proto::UDP, 20 + 8 + 8));
    let Some(Transport::Udp(transport)) = headers.transport else { panic!("{headers}") };
    assert_eq!((transport.sport.get(), transport.dport.get(), transport.length), (4000, 9, 8 + 8));
    assert_eq!(headers.transport_rest, b"question");
    assert!(events.iter().all(|event| event.id() == first.id() && !event.has_unknown()));
    let at_pre = events.iter().find(|event| event.policy().is_some() && event.chain().name() == "pre").unwrap();
    assert_eq!((at_pre.kind(), at_pre.mark()), (TraceKind::POLICY, Some(Mark::new(42))));
    let at_input = events.iter().find(|event| event.chain().name() == "input").unwrap();
    let jump = at_input.verdict().unwrap();
    assert_eq!((jump.code, jump.chain.as_ref().unwrap()), (VerdictCode::GOTO, &nftlink::Name::from("last")));
    if linux() >= (6, 16) {
        assert_eq!(at_input.ct_state(), Some(CtState::NEW));
        assert_eq!(at_input.ct_direction(), Some(CtDirection::ORIGINAL));
        // The status of a connection that is not confirmed yet is 0, which is not told.
        assert!(at_input.ct_id().is_some() && at_input.ct_status().is_none());
        // Connections are not known so early.
        assert_eq!((first.ct_state(), first.ct_id()), (None, None));
    }
    let last = events.last().unwrap();
    assert!(last.is_drop() && last.rule().is_some());
}

pub(crate) fn steps_have_their_rules_as_they_are_then() {
    let (client, mut conn) = (client(), Conn::open().unwrap());
    trace_client(&mut conn);
    let fw = firewall(&mut conn);
    let mut tracer = Tracer::open().unwrap().packets();
    let of_pre = |packet: &PacketTrace| {
        let mut steps = packet.steps().iter().filter(|step| step.event().rule().is_some());
        steps.find(|step| step.event().chain().name() == "pre").map(|step| step.rule().cloned())
    };
    send(&client, CLIENT, SERVER, 9);
    let seen = packet(&mut tracer);
    for step in seen.steps() {
        assert_eq!(step.rule().map(nftlink::RuleInfo::handle), step.event().rule(), "{step}");
    }
    let read = conn.rules(&fw.pre).unwrap().remove(0);
    let shown = of_pre(&seen).unwrap().unwrap();
    assert_eq!(shown.comment(), Some("all are marked"));
    assert_eq!(shown.bytecode().to_string(), read.bytecode().to_string());
    assert!(seen.to_string().lines().next().unwrap().ends_with("(verdict continue) comment \"traced\""), "{seen}");

    conn.commit(Batch::new().replace(&fw.pre, read.handle(), Rule::new().set(meta::mark(), 43).comment("other")))
        .unwrap();
    send(&client, CLIENT, SERVER, 9);
    assert_eq!(of_pre(&packet(&mut tracer)).unwrap().unwrap().comment(), Some("other"));

    // The packet passes the rule, which is gone before the event is looked at.
    send(&client, CLIENT, SERVER, 9);
    wait_until("the packet is traced", || is_readable(&tracer));
    conn.commit(Batch::new().flush(&fw.pre)).unwrap();
    assert_eq!(of_pre(&packet(&mut tracer)), Some(None));
    send(&client, CLIENT, SERVER, 9);
    assert_eq!(of_pre(&packet(&mut tracer)), None);
}

fn is_readable(socket: &impl AsFd) -> bool {
    poll(&mut [PollFd::new(socket.as_fd(), PollFlags::POLLIN)], PollTimeout::ZERO).unwrap() > 0
}

#[track_caller]
fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + LONG;
    while !done() {
        assert!(Instant::now() < deadline, "{what}");
        thread::sleep(Duration::from_millis(1));
    }
}

pub(crate) fn tracer_waits_only_as_long_as_it_is_told() {
    let (client, mut conn) = (client(), Conn::open().unwrap());
    let mut tracer = Tracer::open().unwrap();
    assert_eq!(tracer.try_receive().unwrap(), None);
    let begin = Instant::now();
    assert_eq!(tracer.receive_timeout(Duration::from_millis(20)).unwrap(), None);
    assert!(begin.elapsed() >= Duration::from_millis(20));
    assert!(!is_readable(&tracer));
    trace_client(&mut conn);
    send(&client, CLIENT, SERVER, 9);
    wait_until("the file descriptor tells", || is_readable(&tracer));
    assert!(matches!(tracer.try_receive().unwrap(), Some(Traced::Seen(_))));

    // A packet that nothing drops is given out when it is quiet, also to who does not wait.
    // Long enough to read the packet's rules in, on a busy machine, too.
    let mut packets = tracer.packets().quiet(Duration::from_secs(2));
    wait_until("what is left is given out", || packets.try_receive().unwrap().is_some());
    assert_eq!((packets.wakes_at(), packets.try_receive().unwrap()), (None, None));
    send(&client, CLIENT, SERVER, 9);
    wait_until("the file descriptor tells", || is_readable(&packets));
    assert_eq!(packets.try_receive().unwrap(), None);
    assert!(packets.wakes_at().is_some_and(|at| at > Instant::now() - LONG));
    let packet = packet(&mut packets);
    assert!(packet.is_complete() && packet.dropped_at().is_none());
}

pub(crate) fn overrun_is_told_where_events_are_lost() {
    let mut conn = Conn::open().unwrap();
    let table = Table::ip("tracing");
    let chain = table.chain("out").filter(Hook::OUTPUT, Priority::FILTER).policy(Policy::DROP);
    let mut batch = Batch::new();
    batch.add(&table).add(&chain).append(&chain, Rule::new().set(meta::nftrace(), 1));
    conn.commit(&batch).unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let send = |count: u16| {
        for _ in 0..count {
            // What output drops is refused.
            socket.send_to(b"x", "127.0.0.1:9").unwrap_err();
        }
    };

    // The kernel does not give less than its default.
    let small = || Conn::options().receive_buffer(1).tracer().unwrap();
    let (mut events, mut packets) = (small(), small().packets());
    send(3000);
    let (mut before, mut overrun) = (0, false);
    while let Some(traced) = events.try_receive().unwrap() {
        match traced {
            Traced::Seen(event) => {
                assert!(!overrun, "what is in the queue comes before: {event}");
                before += 1;
            }
            _ => overrun = true,
        }
    }
    assert!(overrun && before > 100, "{before}");

    let mut seen = Vec::new();
    while let Some(traced) = packets.try_receive().unwrap() {
        seen.push(traced.seen().map(|packet| packet.is_complete()));
    }
    assert_eq!(seen.pop(), Some(None), "the overrun is the last");
    // Where the loss is among them cannot be seen: the kernel tells of it first.
    assert!(seen.len() > 30 && seen.iter().all(|complete| *complete == Some(false)), "{seen:?}");

    send(1);
    assert!(matches!(events.receive().unwrap(), Traced::Seen(_)));
    assert!(packet(&mut packets).is_complete());
}

// ---- arming ----

/// For the refusal of kernels that have no such tables.
pub(crate) fn before_linux_5_12() -> Result<(), String> {
    if linux() < (5, 12) { Ok(()) } else { Err("Linux 5.12 has owners of tables".to_owned()) }
}

/// The tables that trace packets.
fn armed(conn: &mut Conn) -> Vec<String> {
    let tables = conn.tables(..).unwrap();
    let names = tables.iter().map(|table| table.name().to_string());
    names.filter(|name| name.starts_with("nftlink-trace-")).collect()
}

/// Waits until these are all: a program that another test starts has a copy of each socket, and so keeps the tables
/// that belong to it, until it is executed.
fn await_armed(conn: &mut Conn, tables: &[String]) {
    wait_until("tables are gone", || armed(conn) == tables);
}

pub(crate) fn armed_packets_are_traced_until_the_guard_is_dropped() {
    let (client, mut conn) = (client(), Conn::open().unwrap());
    let mut tracer = Tracer::open().unwrap().packets().quiet(Duration::from_millis(20));
    let to_port_9 = Arm::inet().when(ip::saddr().eq(CLIENT)).when(udp::dport().eq(9));
    let both = to_port_9.clone().or().when(ip6::saddr().eq(CLIENT6)).when(udp::dport().eq(9));
    let (one, other) = (tracer.arm(&both).unwrap(), Tracer::open().unwrap().arm(&to_port_9).unwrap());
    assert_ne!(one.table(), other.table());
    assert_eq!(armed(&mut conn).len(), 2);
    drop(other);
    assert_eq!(armed(&mut conn), [one.table().name().to_string()]);

    for (from, to) in [(IpAddr::from(CLIENT), IpAddr::from(SERVER)), (CLIENT6.into(), SERVER6.into())] {
        send(&client, from, to, 8);
        send(&client, from, to, 9);
        let packet = packet(&mut tracer);
        assert_eq!(packet.headers().unwrap().dport().unwrap().get(), 9, "{packet}");
        assert!(packet.steps().iter().all(|step| step.event().table() == one.table()), "{packet}");
        let first = &packet.steps()[0];
        assert_eq!(first.event().chain().name(), &"prerouting");
        assert!(first.rule().unwrap().bytecode().to_string().contains("meta set nftrace with reg"), "{first}");
    }
    drop(one);
    assert!(armed(&mut conn).is_empty());
    send(&client, CLIENT, SERVER, 9);
    assert_eq!(tracer.receive_timeout(Duration::from_millis(100)).unwrap(), None);
}

pub(crate) fn names_that_others_have_taken_are_passed_over() {
    let (mut conn, tracer) = (conn(), Tracer::open().unwrap());
    let first = tracer.arm(&Arm::inet()).unwrap();
    let (process, number) = first.table().name().as_str().unwrap().rsplit_once('-').unwrap();
    let number: u32 = number.parse().unwrap();
    let taken: Vec<Table> = (0..30).map(|n| Table::inet(format!("{process}-{}", number + n))).collect();
    commit(&mut conn, |batch| taken[1..].iter().fold(batch, Batch::add));
    let second = tracer.arm(&Arm::inet()).unwrap();
    assert!(taken.iter().all(|taken| taken.as_ref() != second.table()), "{}", second.table());
}

pub(crate) fn packets_of_each_family_are_armed() {
    let (client, _conn) = (client(), Conn::open().unwrap());
    let tracer = || Tracer::open().unwrap().packets().quiet(Duration::from_millis(20));
    for (arm, family) in [
        (Arm::ip().when(udp::dport().eq(9)), Family::IP),
        (Arm::inet().when(udp::dport().eq(9)), Family::INET),
        (Arm::netdev(["eth0"]).when(udp::dport().eq(9)), Family::NETDEV),
    ] {
        let mut tracer = tracer();
        let armed = tracer.arm(&arm).unwrap();
        send(&client, CLIENT, SERVER, 9);
        let packet = packet(&mut tracer);
        assert_eq!(armed.table().family(), family);
        let headers = packet.headers().unwrap();
        assert_eq!(headers.saddr(), Some(CLIENT.into()), "{packet}");
    }
    let mut v6 = tracer();
    let armed = v6.arm(&Arm::ip6().when(udp::dport().eq(9))).unwrap();
    send(&client, CLIENT6, SERVER6, 9);
    assert_eq!(packet(&mut v6).headers().unwrap().saddr(), Some(CLIENT6.into()));
    drop(armed);

    // Who has an address that nobody has is asked for.
    let mut arp = tracer();
    let armed = arp.arm(&Arm::arp()).unwrap();
    send(&client, CLIENT, Ipv4Addr::new(10, 0, 0, 9), 9);
    let headers = packet(&mut arp).headers().unwrap();
    let Some(Network::Arp(asked)) = headers.network else { panic!("{headers}") };
    assert_eq!(asked.operation, ArpOp::REQUEST);
    let addresses = asked.addresses.unwrap();
    assert_eq!((addresses.saddr_ip, addresses.daddr_ip), (CLIENT, Ipv4Addr::new(10, 0, 0, 9)));
    drop(armed);

    // Frames are the bridge's only if there is one.
    drop(tracer().arm(&Arm::bridge()).unwrap());
    let refused = tracer().arm(&Arm::arp().when(udp::dport().eq(9))).unwrap_err();
    assert!(matches!(refused, Error::Build(_)), "{refused}");
}

pub(crate) fn limit_traces_only_so_many_packets() {
    use nftlink::expr::Limit;
    let client = client();
    let mut tracer = Tracer::open().unwrap().packets().quiet(Duration::from_millis(20));
    let _armed =
        tracer.arm(&Arm::ip().when(udp::dport().eq(9)).limit(Limit::packets(1, Limit::HOUR).burst(2))).unwrap();
    (0..10).for_each(|_| send(&client, CLIENT, SERVER, 9));
    let mut seen = 0;
    while tracer.receive_timeout(Duration::from_millis(200)).unwrap().is_some() {
        seen += 1;
    }
    assert!((1..=3).contains(&seen), "{seen} packets");
}

pub(crate) fn tracer_arms_its_own_namespace_from_wherever_it_is() {
    let (client, here) = (client(), Namespace::current().unwrap());
    let there = Conn::options().namespace_fd(here.as_fd());
    let mut from_elsewhere = client.run(|| there.tracer().unwrap().packets());
    let taken_along = Tracer::open().unwrap();
    let arms = [
        client.run(|| from_elsewhere.arm(&Arm::ip().when(udp::dport().eq(9))).unwrap()),
        client.run(|| taken_along.arm(&Arm::ip().when(udp::dport().eq(9))).unwrap()),
    ];
    let mut conn = Conn::open().unwrap();
    assert_eq!(armed(&mut conn).len(), 2);
    assert_eq!(client.run(|| armed(&mut Conn::open().unwrap())).len(), 0);
    send(&client, CLIENT, SERVER, 9);
    assert!(packet(&mut from_elsewhere).steps().iter().any(|step| step.rule().is_some()));
    drop(arms);
    await_armed(&mut conn, &[]);
}

/// Arms, and waits to be killed.
pub(crate) fn arm_and_wait() {
    let tracer = Tracer::open().unwrap();
    let _armed = tracer.arm(&Arm::inet()).unwrap();
    // Nobody writes.
    let _ = std::io::stdin().read(&mut [0]);
}

pub(crate) fn killed_program_leaves_nothing_armed() {
    let mut conn = Conn::open().unwrap();
    let mut child = process::start("arm_and_wait");
    wait_until("the other program has armed", || !armed(&mut conn).is_empty());
    child.kill().unwrap();
    child.wait().unwrap();
    await_armed(&mut conn, &[]);
}

pub(crate) fn kernel_without_owners_cannot_arm() {
    let error = Tracer::open().unwrap().arm(&Arm::inet()).unwrap_err();
    assert!(matches!(error, Error::Unsupported { since: "5.12", .. }), "{error}");
    assert_eq!(armed(&mut Conn::open().unwrap()), [] as [String; 0]);
}

// ---- beside nft ----

/// The text of each rule of a table, by its handle.
fn rule_texts(family: &str, table: &str) -> Vec<(RuleHandle, String)> {
    let listing = nft(&["-a", "list", "table", family, table]);
    let rules = listing.lines().filter_map(|line| {
        // Tables and chains have handles, too.
        let (text, handle) = line.split_once(" # handle ").filter(|(text, _)| !text.ends_with('{'))?;
        Some((RuleHandle::from_raw(handle.trim().parse().ok()?), text.trim().to_owned()))
    });
    rules.collect()
}

/// The lines that nft prints for an event; none for those of which it says nothing.
fn as_nft_prints(event: &TraceEvent, rules: &[(RuleHandle, String)]) -> Vec<String> {
    let begin = format!("trace id {} {} ", event.id(), event.chain());
    let shown = event.to_string();
    let after = shown.strip_prefix(&begin).unwrap();
    let mut lines = Vec::new();
    let mut rest = after;
    if let Some(headers) = event.headers() {
        let headers = headers.to_string();
        let at = after.find(&headers).unwrap() + headers.len();
        // nft tells the name where this library tells the index.
        let index = if_nametoindex("eth0").unwrap();
        let packet = after[..at].replace(&format!("iif {index} "), "iif \"eth0\" ");
        lines.push(format!("{begin}{packet}"));
        rest = after[at..].trim_start();
    }
    if event.kind() == TraceKind::RETURN {
        // nft prints no rule for it.
    } else if let Some(handle) = event.rule() {
        let text = rules.iter().find(|(known, _)| *known == handle).map(|(_, text)| text.as_str());
        let verdict = rest.split_once(" (").unwrap().1.split_once(')').unwrap().0;
        lines.push(format!("{begin}rule {} ({verdict})", text.unwrap()));
    } else if event.policy().is_some() {
        lines.push(format!("{begin}{rest}"));
    }
    lines
}

pub(crate) fn nft_prints_the_same() {
    let (client, mut conn) = (client(), Conn::open().unwrap());
    trace_client(&mut conn);
    let fw = firewall(&mut conn);
    let mut tracer = Tracer::open().unwrap();
    let mut nft = NftMonitor::start(&["monitor", "trace"], 9);
    for port in 6..=9 {
        send(&client, CLIENT, SERVER, port);
        send(&client, CLIENT6, SERVER6, port);
    }
    send(&client, CLIENT, SERVER, 10);
    let mut rules = rule_texts("inet", "tracing");
    let names = [fw.pre.at(), fw.input.at(), fw.sub.at(), fw.last.at()].map(|chain| chain.name().to_string());
    let of_firewall = rule_texts("inet", "fw");
    rules.retain(|(_, text)| text.contains("nftrace"));
    let mut ours = Vec::new();
    let mut ended = 0;
    while ended < 9 {
        let event = tracer.receive_timeout(LONG).unwrap().unwrap().seen().unwrap();
        // Accepted at input it is not dropped, and is at its end nevertheless.
        let accepted = event.verdict() == Some(&Verdict::ACCEPT) && event.chain().name() == "sub";
        ended += u32::from(event.is_final() || accepted);
        let known = if names.contains(&event.chain().name().to_string()) { &of_firewall } else { &rules };
        ours.extend(as_nft_prints(&event, known));
    }
    let last = ours.last().unwrap().clone();
    let printed = nft.until(&last);
    let theirs: Vec<_> = printed.iter().filter(|line| !is_chain_end(line)).collect();
    let changing = |line: &str| line.split(" counter packets").next().unwrap_or_default().to_owned();
    let (theirs, ours): (Vec<_>, Vec<_>) =
        (theirs.into_iter().map(|line| changing(line)).collect(), ours.iter().map(|line| changing(line)).collect());
    assert_eq!(ours, theirs);
    assert!(ours.len() > 9 * 6);
}

/// Older kernels tell of a chain's end, and of rules that end it, as such.
fn is_chain_end(line: &str) -> bool {
    line.split(' ').nth(6).is_some_and(|word| word == "return" || word == "verdict")
}
