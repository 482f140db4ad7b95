//! The laboratory and the harness themselves: what every other test relies on.

use std::fs;
use std::io::ErrorKind;
use std::net::{IpAddr, UdpSocket};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

#[macro_use]
mod support;

use support::lab::{self, Answer, Client, Namespace, Server, Stream};

fn main() -> ExitCode {
    support::main(&[
        test!(veth_passes_udp_and_tcp_over_ipv4_and_ipv6),
        test!(router_passes_what_is_not_its_own),
        test!(closed_port_refuses),
        test!(silent_host_drops),
        test!(late_udp_answer_is_not_taken_for_the_next),
        test!(streams_tell_which_numbers_arrived),
        test!(stream_tells_what_its_sender_was_refused),
        test!(datagrams_of_another_stream_do_not_count),
        test!(namespaces_do_not_reach_each_other),
        test!(process_has_left_the_machines_namespace),
        test!(tests_have_namespaces_of_their_own_one),
        test!(tests_have_namespaces_of_their_own_two),
        test!(panic_of_a_namespace_thread_arrives_with_its_payload),
        test!(nft_sees_the_namespace_of_its_caller).needs_nft(),
        test!(source_translation_shows_in_the_answer).needs_nft(),
        test!(destination_translation_shows_in_the_answer).needs_nft(),
        test!(firewall_drops_or_rejects).needs_nft(),
        test!(refused_script_is_told).needs_nft(),
        test!(bytecode_is_free_of_handles_and_hash_order).needs_nft(),
        test!(test_without_its_requirement_does_not_run).requires(|| Err("no kernel has this".to_owned())),
    ])
}

const FAMILIES: [(&str, &str, u8); 2] = [("10.0.0.1", "10.0.0.2", 24), ("fd00::1", "fd00::2", 64)];

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// Two hosts on one cable, each with an address of both families.
fn two_hosts() -> (Namespace, Namespace) {
    let (left, right) = (Namespace::current().unwrap(), Namespace::new().unwrap());
    lab::veth((&left, "eth0"), (&right, "eth0")).unwrap();
    for (left_ip, right_ip, prefix_len) in FAMILIES {
        left.address("eth0", ip(left_ip), prefix_len).unwrap();
        right.address("eth0", ip(right_ip), prefix_len).unwrap();
    }
    (left, right)
}

fn veth_passes_udp_and_tcp_over_ipv4_and_ipv6() {
    let (left, right) = two_hosts();
    for (left_ip, right_ip, _) in FAMILIES {
        let from = (ip(left_ip), 4000).into();
        let servers = [
            (Server::udp(&right, (ip(right_ip), 53)), Client::udp(&left, from).unwrap()),
            (Server::tcp(&right, (ip(right_ip), 80)), Client::tcp(&left, from)),
        ];
        for (server, client) in servers {
            let server = server.unwrap();
            let address = server.address();
            let passed = Answer::Passed { client: from, server: address };
            assert_eq!(client.ask(address), passed);
            assert_eq!(server.peers(), [from]);
        }
    }
}

/// How often streams send.
const EVERY: Duration = Duration::from_millis(1);

fn streams_tell_which_numbers_arrived() {
    let (left, right) = two_hosts();
    let streams =
        FAMILIES.map(|(from, to, _)| Stream::start((&left, (ip(from), 0)), (&right, (ip(to), 4000)), EVERY).unwrap());
    // Sent to the same machine, where nobody listens.
    let nobody = (&right, (ip("10.0.0.2"), 4002));
    let astray = Stream::translated((&left, (ip("10.0.0.1"), 0)), (ip("10.0.0.2"), 4001), nobody, EVERY).unwrap();
    Stream::wait_for_all(streams.iter().chain([&astray]), 20);
    for stream in streams {
        let flow = stream.stop();
        assert!(flow.sent >= 20);
        assert_eq!((flow.lost(), &flow.refused), (vec![], &vec![]));
        assert!(flow.arrived.is_sorted(), "numbers and times rise");
        assert_eq!(flow.arrived.len() as u64, flow.sent);
    }
    let flow = astray.stop();
    assert_eq!((flow.lost(), flow.arrived), ((0..flow.sent).collect(), vec![]));
}

fn stream_tells_what_its_sender_was_refused() {
    let (left, right) = two_hosts();
    // There is no route.
    let elsewhere = (ip("192.0.2.1"), 4000);
    let to = (&right, (ip("10.0.0.2"), 4000));
    let stream = Stream::translated((&left, (ip("10.0.0.1"), 0)), elsewhere, to, EVERY).unwrap();
    stream.wait_for(3);
    let flow = stream.stop();
    assert_eq!(flow.refused, (0..flow.sent).map(|n| (n, ErrorKind::NetworkUnreachable)).collect::<Vec<_>>());
    assert_eq!(flow.lost().len() as u64, flow.sent);
}

fn datagrams_of_another_stream_do_not_count() {
    let (left, right) = two_hosts();
    let (from, to) = (ip("10.0.0.1"), ip("10.0.0.2"));
    // The second one's go to the first one's receiver.
    let right_one = Stream::start((&left, (from, 0)), (&right, (to, 4000)), EVERY).unwrap();
    let wrong_one = Stream::translated((&left, (from, 0)), (to, 4000), (&right, (to, 4001)), EVERY).unwrap();
    Stream::wait_for_all([&right_one, &wrong_one], 20);
    let (right_one, wrong_one) = (right_one.stop(), wrong_one.stop());
    assert_eq!(right_one.arrived.len() as u64, right_one.sent);
    assert_eq!(wrong_one.arrived, []);
}

fn router_passes_what_is_not_its_own() {
    let router = Namespace::current().unwrap();
    let (inside, outside) = (Namespace::new().unwrap(), Namespace::new().unwrap());
    lab::veth((&router, "in"), (&inside, "eth0")).unwrap();
    lab::veth((&router, "out"), (&outside, "eth0")).unwrap();
    for [router_in, host_in, router_out, host_out] in
        [["10.0.1.1", "10.0.1.2", "10.0.2.1", "10.0.2.2"], ["fd00:1::1", "fd00:1::2", "fd00:2::1", "fd00:2::2"]]
    {
        let prefix_len = if ip(host_in).is_ipv4() { 24 } else { 64 };
        router.address("in", ip(router_in), prefix_len).unwrap();
        router.address("out", ip(router_out), prefix_len).unwrap();
        inside.address("eth0", ip(host_in), prefix_len).unwrap();
        outside.address("eth0", ip(host_out), prefix_len).unwrap();
        inside.default_route(ip(router_in)).unwrap();
        outside.default_route(ip(router_out)).unwrap();
    }
    let clients = || {
        ["10.0.1.2", "fd00:1::2"].map(|host| {
            let udp = Client::udp(&inside, (ip(host), 0)).unwrap();
            [udp, Client::tcp(&inside, (ip(host), 0))]
        })
    };
    let servers = ["10.0.2.2", "fd00:2::2"].map(|host| {
        let udp = Server::udp(&outside, (ip(host), 7)).unwrap();
        [udp, Server::tcp(&outside, (ip(host), 7)).unwrap()]
    });
    let answers = || -> Vec<Answer> {
        let pairs = clients().into_iter().flatten().zip(servers.iter().flatten());
        pairs.map(|(client, server)| client.ask(server.address())).collect()
    };
    assert_eq!(answers(), [Answer::Dropped; 4], "before it forwards");
    router.forwarding().unwrap();
    assert!(answers().into_iter().all(Answer::passed), "{:?}", answers());
}

fn closed_port_refuses() {
    let (left, _right) = two_hosts();
    for (left_ip, right_ip, _) in FAMILIES {
        let from = (ip(left_ip), 0);
        let refused = Answer::Refused(ErrorKind::ConnectionRefused);
        let udp = Client::udp(&left, from).unwrap();
        // The second question finds no trace of what became of the first.
        assert_eq!([(); 2].map(|()| udp.ask((ip(right_ip), 9))), [refused; 2]);
        assert_eq!(Client::tcp(&left, from).ask((ip(right_ip), 9)), refused);
    }
    let elsewhere = Client::tcp(&left, ([10, 0, 0, 1], 0)).ask(([192, 0, 2, 1], 9));
    assert_eq!(elsewhere, Answer::Refused(ErrorKind::NetworkUnreachable));
}

fn silent_host_drops() {
    let (left, _right) = two_hosts();
    for from in ["10.0.0.1", "fd00::1"] {
        let nobody = if ip(from).is_ipv4() { "10.0.0.9" } else { "fd00::9" };
        assert_eq!(Client::udp(&left, (ip(from), 0)).unwrap().ask((ip(nobody), 9)), Answer::Dropped);
        assert_eq!(Client::tcp(&left, (ip(from), 0)).ask((ip(nobody), 9)), Answer::Dropped);
    }
}

fn late_udp_answer_is_not_taken_for_the_next() {
    let here = Namespace::current().unwrap();
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    let client = Client::udp(&here, ([127, 0, 0, 1], 0)).unwrap().timeout(Duration::from_millis(20));
    assert_eq!(client.ask(address), Answer::Dropped);
    let serve = || {
        let mut question = [0; 64];
        let (_, peer) = server.recv_from(&mut question).unwrap();
        server.send_to(b"0 127.0.0.1:1 127.0.0.1:1", peer).unwrap();
        server.recv_from(&mut question).unwrap();
        server.send_to(b"1 127.0.0.1:2 127.0.0.1:2", peer).unwrap();
    };
    let answer = thread::scope(|scope| {
        scope.spawn(serve);
        client.timeout(lab::PATIENCE).ask(address)
    });
    assert_eq!(answer.client(), Some(([127, 0, 0, 1], 2).into()));
}

fn namespaces_do_not_reach_each_other() {
    let (one, other) = (Namespace::new().unwrap(), Namespace::new().unwrap());
    for localhost in ["127.0.0.1", "::1"] {
        let server = Server::udp(&other, (ip(localhost), 0)).unwrap();
        let refused = Answer::Refused(ErrorKind::ConnectionRefused);
        assert_eq!(Client::udp(&one, (ip(localhost), 0)).unwrap().ask(server.address()), refused);
        assert!(Client::udp(&other, (ip(localhost), 0)).unwrap().ask(server.address()).passed());
        assert_eq!(server.peers().len(), 1);
    }
}

fn process_has_left_the_machines_namespace() {
    // Of the process's first thread; after two lines of headings, a line for each link.
    let links = fs::read_to_string("/proc/self/net/dev").unwrap();
    let links: Vec<_> = links.lines().skip(2).filter_map(|line| line.trim().split(':').next()).collect();
    assert_eq!(links, ["lo"]);
}

/// Fails if another test has been in this namespace before, or it is the process's.
fn be_first_in_the_namespace() {
    let namespace = |thread| fs::read_link(format!("/proc/{thread}/ns/net")).unwrap();
    assert_ne!(namespace("thread-self"), namespace("self"));
    let here = Namespace::current().unwrap();
    lab::veth((&here, "eth0"), (&here, "eth1")).unwrap();
    here.address("eth0", [10, 0, 0, 1], 24).unwrap();
    assert!(here.address("eth0", [10, 0, 0, 1], 24).is_err());
}

fn tests_have_namespaces_of_their_own_one() {
    be_first_in_the_namespace();
}

fn tests_have_namespaces_of_their_own_two() {
    be_first_in_the_namespace();
}

fn panic_of_a_namespace_thread_arrives_with_its_payload() {
    let namespace = Namespace::new().unwrap();
    let outcome = catch_unwind(AssertUnwindSafe(|| namespace.run(|| panic!("payload"))));
    assert_eq!(outcome.unwrap_err().downcast_ref(), Some(&"payload"));
}

fn test_without_its_requirement_does_not_run() {
    unreachable!("the kernel of the future is here");
}

fn nft_sees_the_namespace_of_its_caller() {
    let other = Namespace::new().unwrap();
    support::nft_load("table ip here {}");
    other.run(|| support::nft_load("table ip there {}"));
    assert_eq!(support::nft_ruleset(), "table ip here {\n}\n");
    assert_eq!(other.run(support::nft_ruleset), "table ip there {\n}\n");
}

fn source_translation_shows_in_the_answer() {
    let (left, right) = two_hosts();
    support::nft_load(
        "table inet nat {
            chain post {
                type nat hook postrouting priority srcnat;
                meta l4proto udp ip saddr 10.0.0.1 snat ip to 10.0.0.3:1234
                meta l4proto udp ip6 saddr fd00::1 snat ip6 to [fd00::3]:1234
            }
        }",
    );
    // Replies to an address that only the translation knows need somebody to claim it on the cable.
    left.address("eth0", ip("10.0.0.3"), 24).unwrap();
    left.address("eth0", ip("fd00::3"), 64).unwrap();
    for (family, (left_ip, right_ip, _)) in FAMILIES.into_iter().enumerate() {
        let server = Server::udp(&right, (ip(right_ip), 53)).unwrap();
        let answer = Client::udp(&left, (ip(left_ip), 0)).unwrap().ask(server.address());
        assert_eq!(answer.client(), Some((ip(["10.0.0.3", "fd00::3"][family]), 1234).into()));
        assert_eq!(server.peers(), [answer.client().unwrap()]);
    }
}

fn destination_translation_shows_in_the_answer() {
    let (left, right) = two_hosts();
    right.run(|| {
        support::nft_load(
            "table inet nat {
                chain pre {
                    type nat hook prerouting priority dstnat;
                    meta l4proto { tcp, udp } th dport 8080 redirect to :80
                }
            }",
        );
    });
    for (left_ip, right_ip, _) in FAMILIES {
        let (from, published, actual) = ((ip(left_ip), 0), (ip(right_ip), 8080), (ip(right_ip), 80));
        let _servers = (Server::udp(&right, actual).unwrap(), Server::tcp(&right, actual).unwrap());
        let clients = [Client::udp(&left, from).unwrap(), Client::tcp(&left, from)];
        for client in clients {
            assert_eq!(client.ask(published).server(), Some(actual.into()));
        }
    }
}

fn firewall_drops_or_rejects() {
    let (left, right) = two_hosts();
    right.run(|| {
        support::nft_load(
            "table inet fw {
                chain input {
                    type filter hook input priority filter;
                    th dport 1 drop
                    th dport 2 reject with icmpx admin-prohibited
                    tcp dport 3 reject with tcp reset
                    udp dport 3 reject
                }
            }",
        );
    });
    support::nft_load(
        "table inet fw {
            chain output {
                type filter hook output priority filter;
                udp dport 4 drop
            }
        }",
    );
    let [refused, prohibited, unreachable] =
        [ErrorKind::ConnectionRefused, ErrorKind::PermissionDenied, ErrorKind::HostUnreachable].map(Answer::Refused);
    for (left_ip, right_ip, _) in FAMILIES {
        let from = (ip(left_ip), 0);
        let (udp, tcp) = (Client::udp(&left, from).unwrap(), Client::tcp(&left, from));
        let ask = |client: &Client, port: u16| client.ask((ip(right_ip), port));
        let rejected = if ip(right_ip).is_ipv4() { unreachable } else { prohibited };
        assert_eq!([&udp, &tcp].map(|client| ask(client, 1)), [Answer::Dropped; 2]);
        assert_eq!([&udp, &tcp].map(|client| ask(client, 2)), [rejected; 2]);
        assert_eq!([&udp, &tcp].map(|client| ask(client, 3)), [refused; 2]);
        // What the output hook drops the sender hears of at once.
        assert_eq!(ask(&udp, 4), prohibited);
    }
}

fn refused_script_is_told() {
    assert!(support::nft_check_fails("add rule ip absent input accept").contains("No such file"));
    let script = "table ip fresh {}";
    let accepted = catch_unwind(|| support::nft_check_fails(script)).unwrap_err();
    assert!(accepted.downcast_ref::<String>().unwrap().contains(script));
    assert_eq!(support::nft_ruleset(), "", "a check loads nothing");
    let refused = catch_unwind(|| support::nft_load("nonsense")).unwrap_err();
    assert!(refused.downcast_ref::<String>().unwrap().contains("syntax error"));
}

fn bytecode_is_free_of_handles_and_hash_order() {
    let script = "table ip fw {
        set hosts {
            type ipv4_addr
            elements = { 1.0.0.1, 1.0.0.2, 1.0.0.3, 1.0.0.4, 1.0.0.5, 1.0.0.6, 1.0.0.7, 1.0.0.8, 1.0.0.9 }
        }
        chain input {
            type filter hook input priority filter;
            ip saddr @hosts counter drop
            accept
        }
    }";
    support::nft_load(script);
    let bytecode = support::nft_bytecode();
    support::nft_load(&format!("flush ruleset; table ip first {{ chain c {{}}; }}; {script}"));
    support::nft(&["delete", "table", "first"]);
    assert_eq!(support::nft_bytecode(), bytecode);
    let (set, rules) = bytecode.split_once("ip fw input\n").unwrap();
    assert_eq!(set.lines().count(), 1 + 9);
    assert_eq!(
        rules,
        "  [ payload load 4b @ network header + 12 => reg 1 ]
  [ lookup reg 1 set hosts 0x0 ]
  [ counter pkts 0 bytes 0 ]
  [ immediate reg 0 drop ]
ip fw input
  [ immediate reg 0 accept ]
"
    );
}
