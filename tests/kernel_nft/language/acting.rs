//! Statements that lead packets elsewhere, bound, count and log them, and hand them to objects and meters.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::time::Duration;

use nftlink::datum::{CtState, IfIndex, L4Proto, Mark, Port};
use nftlink::expr::{
    Connlimit, Counter, Limit, Log, LogFlags, LogLevel, Queue, QueueFlags, Quota, Synproxy, SynproxyFlags, Verdict,
};
use nftlink::field::{concat, ct, ether, hash, ip, ip6, meta, numgen, tcp, udp};
use nftlink::{Interval, Map, Meter, QueueTarget, Set, TproxyTarget, object};

use super::*;

const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const B: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const A6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);
const B6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2);
/// The device `lo`.
const LO: IfIndex = IfIndex::new(1);

const OF_IP: [Family; 3] = [Family::IP, Family::IP6, Family::INET];

fn of_tcp() -> RuleBuilder {
    Rule::new().when(meta::l4proto().eq(L4Proto::TCP))
}

fn transparent() -> Vec<Pair> {
    vec![
        does("meta l4proto tcp tproxy to :50080", of_tcp().tproxy(50080)),
        does("udp dport 53 tproxy to :5353 accept", {
            Rule::new().when(udp::dport().eq(53)).tproxy(Port::new(5353)).accept()
        }),
        does(
            "meta l4proto { tcp, udp } tproxy to :50080 meta mark set 0x00000001 accept",
            Rule::new()
                .when(meta::l4proto().one_of([L4Proto::TCP, L4Proto::UDP]))
                .tproxy(50080)
                .set(meta::mark(), 1)
                .accept(),
        ),
        // A port that is no constant nft sends, and does not list.
        does("meta l4proto tcp tproxy to :tcp sport", of_tcp().tproxy(tcp::sport()))
            .listed_as("meta l4proto tcp tproxy to"),
        does(
            "meta l4proto tcp tproxy to :tcp dport map { 80 : 8080 }",
            of_tcp().tproxy(tcp::dport().map::<Port>([(80, 8080)])),
        )
        .listed_as("meta l4proto tcp tproxy to"),
    ]
}

fn transparent_in_ip(family: Family) -> Vec<Pair> {
    let to = if family == Family::INET { "tproxy ip to" } else { "tproxy to" };
    let web = || Rule::new().when(tcp::dport().eq(80));
    let mapped = || ip::daddr().map::<Ipv4Addr>([(A, B)]);
    let text = |text: &str| text.replace("TO", to);
    vec![
        does(text("tcp dport 80 TO 10.0.0.1"), web().tproxy(A)),
        does(text("tcp dport 80 TO 10.0.0.1:50080"), web().tproxy(SocketAddrV4::new(A, 50080))),
        does(text("tcp dport 80 TO 10.0.0.2:50080"), web().tproxy(SocketAddr::from((B, 50080)))),
        does(text("meta l4proto tcp TO ip daddr"), of_tcp().tproxy(ip::daddr())),
        does(text("meta l4proto tcp TO ip daddr:50080"), of_tcp().tproxy(TproxyTarget::from(ip::daddr()).port(50080))),
        does(text("meta l4proto tcp TO ip daddr map { 10.0.0.1 : 10.0.0.2 }"), of_tcp().tproxy(mapped())),
        does(
            text("meta l4proto tcp TO ip daddr map { 10.0.0.1 : 10.0.0.2 }:50080"),
            of_tcp().tproxy(TproxyTarget::from(mapped()).port(50080)),
        ),
        does(
            text("meta l4proto tcp TO ip daddr map { 10.0.0.1 : 10.0.0.2 }:tcp dport map { 80 : 8080 }"),
            of_tcp().tproxy(TproxyTarget::from(mapped()).port(tcp::dport().map([(80, 8080)]))),
        )
        .listed_as(text("meta l4proto tcp TO ip daddr map { 10.0.0.1 : 10.0.0.2 }")),
        does(
            text("meta l4proto tcp TO meta mark map { 0x00000001 : 10.0.0.2 }:50080"),
            of_tcp().tproxy(TproxyTarget::from(meta::mark().map::<Ipv4Addr>([(1, B)])).port(50080)),
        ),
        does(text("udp dport 53 TO :5353"), {
            Rule::new().when(udp::dport().eq(53)).tproxy(TproxyTarget::from(5353).ip())
        }),
        // A rule for IPv4 says so to the statement, too.
        does(
            text("ip saddr 10.0.0.1 tcp dport 80 TO :50080"),
            Rule::new().when(ip::saddr().eq(A)).when(tcp::dport().eq(80)).tproxy(50080),
        ),
    ]
}

fn transparent_in_ip6(family: Family) -> Vec<Pair> {
    let to = if family == Family::INET { "tproxy ip6 to" } else { "tproxy to" };
    let web = || Rule::new().when(tcp::dport().eq(80));
    let mapped = || ip6::daddr().map::<Ipv6Addr>([(A6, B6)]);
    let text = |text: &str| text.replace("TO", to);
    vec![
        does(text("tcp dport 80 TO [fd00::1]"), web().tproxy(A6)),
        does(text("tcp dport 80 TO [fd00::1]:50080"), web().tproxy(SocketAddrV6::new(A6, 50080, 0, 0))),
        does(text("meta l4proto tcp TO ip6 daddr map { fd00::1 : fd00::2 }"), of_tcp().tproxy(mapped())),
        does(
            text("meta l4proto tcp TO ip6 daddr map { fd00::1 : fd00::2 }:50080"),
            of_tcp().tproxy(TproxyTarget::from(mapped()).port(50080)),
        ),
        does(text("udp dport 53 TO :5353"), {
            Rule::new().when(udp::dport().eq(53)).tproxy(TproxyTarget::from(5353).ip6())
        }),
        does(
            text("ip6 saddr fd00::1 tcp dport 80 TO :50080"),
            Rule::new().when(ip6::saddr().eq(A6)).when(tcp::dport().eq(80)).tproxy(50080),
        ),
    ]
}

pub(in super::super) fn transparent_proxies() {
    for family in OF_IP {
        let mut pairs = transparent();
        if family != Family::IP6 {
            pairs.extend(transparent_in_ip(family));
        }
        if family != Family::IP {
            pairs.extend(transparent_in_ip6(family));
        }
        compare(family, vec![], pairs);
    }
}

fn copies_in_ip() -> Vec<Pair> {
    let hosts = || ip::saddr().map::<Ipv4Addr>([(A, B)]);
    let devices = || tcp::dport().map([(80, LO)]);
    vec![
        does("dup to 10.0.0.1", Rule::new().dup(A)),
        does("dup to 10.0.0.1 device \"lo\"", Rule::new().dup_via(A, LO)),
        does("dup to 10.0.0.1 device iif", Rule::new().dup_via(A, meta::iif())),
        does("dup to 10.0.0.1 device tcp dport map { 80 : \"lo\" }", Rule::new().dup_via(A, devices())),
        does("dup to ip saddr", Rule::new().dup(ip::saddr())),
        does("dup to ip saddr map { 10.0.0.1 : 10.0.0.2 }", Rule::new().dup(hosts())),
        does("dup to ip saddr map { 10.0.0.1 : 10.0.0.2 } device \"lo\"", Rule::new().dup_via(hosts(), 1)),
        does(
            "dup to ip saddr map { 10.0.0.1 : 10.0.0.2 } device tcp dport map { 80 : \"lo\" } drop",
            Rule::new().dup_via(hosts(), devices()).drop(),
        ),
        does(
            "dup to tcp dport map { 80 : 10.0.0.1 } device ip saddr map { 10.0.0.1 : \"lo\" }",
            Rule::new().dup_via(tcp::dport().map::<Ipv4Addr>([(80, A)]), ip::saddr().map([(A, LO)])),
        ),
    ]
}

fn copies_in_ip6() -> Vec<Pair> {
    let hosts = || ip6::saddr().map::<Ipv6Addr>([(A6, B6)]);
    vec![
        does("dup to fd00::1", Rule::new().dup(A6)),
        does("dup to fd00::1 device \"lo\"", Rule::new().dup_via(A6, LO)),
        does("dup to ip6 saddr map { fd00::1 : fd00::2 }", Rule::new().dup(hosts())),
        does("dup to ip6 saddr map { fd00::1 : fd00::2 } device \"lo\"", Rule::new().dup_via(hosts(), LO)),
    ]
}

fn forwards() -> Vec<Pair> {
    let by_mark = || meta::mark().map([(1, LO)]);
    vec![
        does("dup to \"lo\"", Rule::new().dup_to_device(LO)),
        does("dup to \"lo\" drop", Rule::new().dup_to_device(1).drop()),
        does("dup to iif", Rule::new().dup_to_device(meta::iif())),
        does("dup to meta mark map { 0x00000001 : \"lo\" }", Rule::new().dup_to_device(by_mark())),
        does(
            "dup to tcp dport map { 80 : \"lo\" } accept",
            Rule::new().dup_to_device(tcp::dport().map([(80, LO)])).accept(),
        ),
        does("fwd to \"lo\"", Rule::new().fwd(LO)),
        does("fwd to iif", Rule::new().fwd(meta::iif())),
        does("fwd to meta mark map { 0x00000001 : \"lo\" }", Rule::new().fwd(by_mark())),
        does("fwd to ip saddr map { 10.0.0.1 : \"lo\" }", Rule::new().fwd(ip::saddr().map([(A, LO)]))),
        does("fwd ip to 10.0.0.1 device \"lo\"", Rule::new().fwd_via(A, LO)),
        does("fwd ip6 to fd00::1 device \"lo\"", Rule::new().fwd_via(A6, LO)),
        does("fwd ip to ip daddr device \"lo\"", Rule::new().fwd_via(ip::daddr(), LO)),
        does(
            "fwd ip6 to ip6 daddr map { fd00::1 : fd00::2 } device \"lo\"",
            Rule::new().fwd_via(ip6::daddr().map::<Ipv6Addr>([(A6, B6)]), LO),
        ),
        does(
            "fwd ip to 10.0.0.1 device ip saddr map { 10.0.0.2 : \"lo\" }",
            Rule::new().fwd_via(A, ip::saddr().map([(B, LO)])),
        ),
        // The device is looked up first.
        does(
            "fwd ip to tcp dport map { 80 : 10.0.0.1 } device meta mark map { 0x00000001 : \"lo\" }",
            Rule::new().fwd_via(tcp::dport().map::<Ipv4Addr>([(80, A)]), by_mark()),
        ),
        does("ip saddr 10.0.0.2 fwd ip to 10.0.0.1 device \"lo\"", {
            Rule::new().when(ip::saddr().eq(B)).fwd_via(A, LO)
        }),
    ]
}

pub(in super::super) fn copies_and_forwards() {
    compare(Family::IP, vec![], copies_in_ip());
    compare(Family::IP6, vec![], copies_in_ip6());
    compare(Family::NETDEV, vec![], forwards());
}

fn answers() -> Vec<Pair> {
    let with = |synproxy| Rule::new().synproxy(synproxy);
    vec![
        does("synproxy", with(Synproxy::new())),
        does("synproxy mss 1460 wscale 0", with(Synproxy::new().mss(1460))).typed("synproxy mss 1460"),
        does("synproxy mss 0 wscale 7", with(Synproxy::new().wscale(7))).typed("synproxy wscale 7"),
        does("synproxy mss 1460 wscale 14", with(Synproxy::new().mss(1460).wscale(14))),
        does("synproxy timestamp", with(Synproxy::new().timestamp())),
        does("synproxy sack-perm", with(Synproxy::new().sack_perm())),
        does("synproxy timestamp sack-perm", {
            with(Synproxy::new().flags(SynproxyFlags::TIMESTAMP | SynproxyFlags::SACK_PERM))
        }),
        does(
            "ct state invalid,untracked synproxy mss 1460 wscale 7 timestamp sack-perm",
            Rule::new()
                .when(ct::state().has_any(CtState::INVALID | CtState::UNTRACKED))
                .synproxy(Synproxy::new().mss(1460).wscale(7).timestamp().sack_perm()),
        ),
        does("synproxy mss 1300 wscale 9 timestamp counter packets 0 bytes 0 drop", {
            with(Synproxy::new().mss(1300).wscale(9).timestamp()).counter().drop()
        })
        .typed("synproxy mss 1300 wscale 9 timestamp counter drop"),
    ]
}

pub(in super::super) fn synproxies() {
    OF_IP.into_iter().for_each(|family| compare(family, vec![], answers()));
}

fn bounds() -> Vec<Pair> {
    let packets = |rate| Limit::packets(rate, Limit::SECOND);
    let bytes = |rate| Limit::bytes(rate, Limit::SECOND);
    vec![
        does("limit rate 5/second burst 20 packets accept", Rule::new().limit(packets(5).burst(20)).accept()),
        does("limit rate over 400/minute", Rule::new().limit(Limit::packets(400, Limit::MINUTE).over())),
        does("limit rate over 3/hour burst 1 packets", {
            Rule::new().limit(Limit::packets(3, Limit::HOUR).burst(1).over())
        }),
        does("limit rate over 20/week drop", Rule::new().limit(Limit::packets(20, Limit::WEEK).over()).drop()),
        does("limit rate 512 bytes/second", Rule::new().limit(bytes(512))),
        does("limit rate 1 kbytes/second burst 1 mbytes", Rule::new().limit(bytes(1024).burst(1 << 20))),
        does("limit rate 1025 bytes/second burst 512 bytes", Rule::new().limit(bytes(1025).burst(512))),
        does("limit rate over 4 mbytes/hour", Rule::new().limit(Limit::bytes(4 << 20, Limit::HOUR).over())),
        does(
            "limit rate over 100 kbytes/day drop",
            Rule::new().limit(Limit::bytes(100 << 10, Limit::DAY).over()).drop(),
        ),
        does("limit rate 29 kbytes/week", Rule::new().limit(Limit::bytes(29 << 10, Limit::WEEK))),
        does("quota 512 bytes used 100 bytes", Rule::new().quota(Quota::new(512).used(100))),
        does("quota over 2 mbytes used 1 kbytes drop", Rule::new().quota(Quota::new(2 << 20).used(1024).over()).drop()),
        does("quota 3 kbytes", Rule::new().quota(Quota::new(3 << 10))).typed("quota until 3 kbytes"),
        does("counter packets 5 bytes 420", Rule::new().counter_from(5, 420)),
        does("counter packets 5 bytes 420 accept", Rule::new().counter_from(5, 420).accept()),
        does("continue", Rule::new().continue_()),
        does("counter packets 0 bytes 0 continue", Rule::new().counter().continue_()),
    ]
}

fn logs() -> Vec<Pair> {
    let at = |level| Rule::new().log(Log::new().level(level));
    let levels = [
        ("emerg", LogLevel::EMERG),
        ("alert", LogLevel::ALERT),
        ("crit", LogLevel::CRIT),
        ("err", LogLevel::ERR),
        ("notice", LogLevel::NOTICE),
        ("info", LogLevel::INFO),
        ("debug", LogLevel::DEBUG),
        ("audit", LogLevel::AUDIT),
    ];
    let flags = [
        ("tcp sequence", LogFlags::TCPSEQ),
        ("tcp options", LogFlags::TCPOPT),
        ("ip options", LogFlags::IPOPT),
        ("ether", LogFlags::MACDECODE),
        ("all", LogFlags::ALL),
        ("tcp sequence,options flags ip options", LogFlags::TCPSEQ | LogFlags::TCPOPT | LogFlags::IPOPT),
        ("skuid flags ether", LogFlags::UID | LogFlags::MACDECODE),
    ];
    let mut pairs = vec![
        // What the kernel takes where nothing is said.
        does("log", at(LogLevel::WARNING)).typed("log level warn"),
        does(
            "log prefix \"in: \" level crit drop",
            Rule::new().log(Log::prefixed("in: ").level(LogLevel::CRIT)).drop(),
        ),
        does("log prefix \"in: \" level info flags ip options", {
            Rule::new().log(Log::prefixed("in: ").level(LogLevel::INFO).flags(LogFlags::IPOPT))
        }),
        does("log group 0", Rule::new().log(Log::group(0))),
        does("log prefix \"in\" group 7", Rule::new().log(Log::group(7).prefix("in"))),
        does("log group 7 snaplen 64", Rule::new().log(Log::group(7).snaplen(64))),
        does("log group 7 queue-threshold 20", Rule::new().log(Log::group(7).queue_threshold(20))),
        does("log group 7 snaplen 64 queue-threshold 20 counter packets 0 bytes 0", {
            Rule::new().log(Log::group(7).snaplen(64).queue_threshold(20)).counter()
        }),
    ];
    pairs.extend(levels.map(|(word, level)| does(format!("log level {word}"), at(level))));
    pairs.extend(
        flags.map(|(words, flags)| does(format!("log flags {words}"), Rule::new().log(Log::new().flags(flags)))),
    );
    pairs
}

pub(in super::super) fn bounds_counters_and_logs() {
    for family in [Family::IP, Family::IP6, Family::INET, Family::BRIDGE, Family::NETDEV, Family::ARP] {
        compare(family, vec![], bounds().into_iter().chain(logs()).collect());
    }
    let verdicts = |table: &Table| {
        let other = table.chain("other");
        let map = [
            (1, Verdict::ACCEPT),
            (2, Verdict::DROP),
            (3, Verdict::CONTINUE),
            (4, Verdict::RETURN),
            (5, Verdict::jump(&other)),
            (6, Verdict::goto(&other)),
        ];
        does(
            "tcp dport vmap { 1 : accept, 2 : drop, 3 : continue, 4 : return, 5 : jump other, 6 : goto other }",
            Rule::new().vmap(tcp::dport(), map),
        )
    };
    for family in OF_IP {
        compare(family, vec![], vec![verdicts(&table(family))]);
    }
}

pub(in super::super) fn named_objects() {
    for family in OF_IP {
        let table = table(family);
        let web = object::Counter::named(&table, "web");
        let month = object::Quota::new(10 << 20).named(&table, "month");
        let slow = object::Limit::packets(10, object::Limit::SECOND).named(&table, "slow");
        let ftp = object::CtHelper::new("ftp", L4Proto::TCP).named(&table, "ftp");
        let answers = object::Synproxy::new().mss(1460).wscale(7).timestamp().sack_perm().named(&table, "answers");
        let pairs = vec![
            does("counter name \"web\" drop", Rule::new().object(&web).drop()),
            does("counter name tcp dport map { 80 : \"web\", 443 : \"web\" }", {
                Rule::new().object_map(tcp::dport(), [(80, &web), (443, &web)])
            }),
            does("quota name \"month\" drop", Rule::new().object(&month).drop()),
            does("quota name meta mark map { 0x00000001 : \"month\" } drop", {
                Rule::new().object_map(meta::mark(), [(1, &month)]).drop()
            }),
            does("limit name \"slow\" accept", Rule::new().object(&slow).accept()),
            does("limit name udp dport map { 53 : \"slow\" } accept", {
                Rule::new().object_map(udp::dport(), [(53, &slow)]).accept()
            }),
            does("ct helper set \"ftp\"", Rule::new().object(&ftp)),
            does("tcp dport 21 ct helper set \"ftp\"", Rule::new().when(tcp::dport().eq(21)).object(&ftp)),
            does("ct helper set tcp dport map { 21 : \"ftp\", 2121 : \"ftp\" }", {
                Rule::new().object_map(tcp::dport(), [(21, &ftp), (2121, &ftp)])
            }),
            does("synproxy name \"answers\"", Rule::new().object(&answers)),
            does("synproxy name tcp dport map { 80 : \"answers\" }", {
                Rule::new().object_map(tcp::dport(), [(80, &answers)])
            }),
        ];
        let declarations = vec![
            declare("counter web", move |b| _ = b.add(&web)),
            declare("quota month { 10 mbytes }", move |b| _ = b.add(&month)),
            declare("limit slow { rate 10/second; }", move |b| _ = b.add(&slow)),
            declare("ct_helper ftp { type \"ftp\" protocol tcp; }", move |b| _ = b.add(&ftp)),
            declare("synproxy answers { mss 1460; wscale 7; timestamp sack-perm; }", move |b| _ = b.add(&answers)),
        ];
        compare(family, declarations, pairs);
    }
}

pub(in super::super) fn objects_of_connections() {
    for family in [Family::IP, Family::IP6] {
        let table = table(family);
        let patient = object::CtTimeout::new(L4Proto::TCP)
            .policy(object::TimeoutState::TCP_ESTABLISHED, Duration::from_secs(100))
            .named(&table, "patient");
        let expected =
            object::CtExpect::new(L4Proto::TCP, 9876, Duration::from_secs(120), 12).named(&table, "expected");
        let pairs = vec![
            does("ct timeout set \"patient\"", Rule::new().object(&patient)),
            does("ct timeout set tcp dport map { 22 : \"patient\" }", {
                Rule::new().object_map(tcp::dport(), [(22, &patient)])
            }),
            does("ct expectation set \"expected\"", Rule::new().object(&expected)),
            does("ct expectation set tcp dport map { 22 : \"expected\" }", {
                Rule::new().object_map(tcp::dport(), [(22, &expected)])
            }),
        ];
        let declarations = vec![
            declare("ct_timeout patient { protocol tcp; policy = { established : 100 }; }", move |b| {
                _ = b.add(&patient);
            }),
            declare("ct_expectation expected { protocol tcp; dport 9876; timeout 2m; size 12; }", move |b| {
                _ = b.add(&expected);
            }),
        ];
        compare(family, declarations, pairs);
    }
}

pub(in super::super) fn meters() {
    let limit = || Limit::packets(10, Limit::SECOND);
    let seconds = Duration::from_secs;
    for family in [Family::IP, Family::INET, Family::BRIDGE, Family::NETDEV] {
        let mut pairs = vec![
            does("meter m0 size 65535 { ip saddr limit rate over 10/second } drop", {
                Rule::new().meter(Meter::new("m0", ip::saddr(), limit().over())).drop()
            })
            .typed("meter m0 { ip saddr limit rate over 10/second } drop"),
            does("meter m1 size 1000 { ip saddr limit rate 10/second burst 20 packets }", {
                Rule::new().meter(Meter::new("m1", ip::saddr(), limit().burst(20)).size(1000))
            }),
            does("meter m2 size 1000 { ip saddr timeout 10s limit rate 10/second }", {
                Rule::new().meter(Meter::new("m2", ip::saddr().timeout(seconds(10)), limit()).size(1000))
            }),
            does("meter m3 size 1000 { ip saddr . tcp dport timeout 1m counter }", {
                let pair = concat((ip::saddr(), tcp::dport())).timeout(seconds(60));
                Rule::new().meter(Meter::new("m3", pair, Counter::default()).size(1000))
            }),
            does("tcp dport 25 meter m4 size 100 { ip daddr quota over 1 mbytes } drop", {
                let each = Meter::new("m4", ip::daddr(), Quota::new(1 << 20).over()).size(100);
                Rule::new().when(tcp::dport().eq(25)).meter(each).drop()
            }),
            does("meter m5 size 100 { meta mark limit rate 1 mbytes/second }", {
                let each = Limit::bytes(1 << 20, Limit::SECOND);
                Rule::new().meter(Meter::new("m5", meta::mark(), each).size(100))
            }),
            does("meter m6 size 100 { iifname . tcp dport counter } accept", {
                let pair = concat((meta::iifname(), tcp::dport())).element();
                Rule::new().meter(Meter::new("m6", pair, Counter::default()).size(100)).accept()
            }),
            does("meter m7 size 100 { ip saddr & 255.255.255.0 counter }", {
                let net = ip::saddr().and(Ipv4Addr::new(255, 255, 255, 0));
                Rule::new().meter(Meter::new("m7", net.element(), Counter::default()).size(100))
            }),
        ];
        if matches!(family, Family::IP | Family::INET) {
            pairs.push(does("tcp dport 22 meter m8 size 100 { ip saddr ct count over 3 } drop", {
                let each = Meter::new("m8", ip::saddr(), Connlimit::new(3).over()).size(100);
                Rule::new().when(tcp::dport().eq(22)).meter(each).drop()
            }));
        }
        compare(family, vec![], pairs);
    }
}

pub(in super::super) fn what_packets_put_into_sets() {
    let limit = || Limit::packets(10, Limit::SECOND);
    let seconds = Duration::from_secs;
    for family in [Family::IP, Family::INET] {
        let table = table(family);
        let seen = Set::<Ipv4Addr>::new(&table, "seen").dynamic().size(1000);
        let timed = Set::<(Ipv4Addr, Port)>::new(&table, "timed").dynamic().timeouts().size(1000);
        let marks = Map::<Ipv4Addr, Mark>::new(&table, "marks").dynamic().size(1000);
        let routes = Map::<(Ipv4Addr, Port), (Ipv4Addr, Port)>::new(&table, "routes").dynamic().timeouts().size(1000);
        let pair = || concat((ip::saddr(), tcp::dport()));
        let pairs = vec![
            does("add @seen { ip saddr ct count over 5 } drop", {
                Rule::new().add_to(&seen, ip::saddr().element().stateful(Connlimit::new(5).over())).drop()
            }),
            does("update @seen { ip saddr limit rate 1 mbytes/second }", {
                let each = Limit::bytes(1 << 20, Limit::SECOND);
                Rule::new().update_in(&seen, ip::saddr().element().stateful(each))
            }),
            does("add @seen { ip saddr & 255.255.0.0 }", {
                Rule::new().add_to(&seen, ip::saddr().and(Ipv4Addr::new(255, 255, 0, 0)))
            }),
            does("add @seen { ip daddr quota 10 mbytes }", {
                Rule::new().add_to(&seen, ip::daddr().element().stateful(Quota::new(10 << 20)))
            }),
            does("delete @seen { ip daddr } accept", Rule::new().delete_from(&seen, ip::daddr()).accept()),
            does("delete @timed { ip saddr . tcp dport }", Rule::new().delete_from(&timed, pair())),
            does("add @timed { ip saddr . tcp dport timeout 5s limit rate 10/second burst 3 packets counter }", {
                let each = pair().timeout(seconds(5)).stateful(limit().burst(3)).stateful(Counter::default());
                Rule::new().add_to(&timed, each)
            }),
            does("update @timed { ip saddr . tcp dport timeout 1m quota over 10 mbytes counter } accept", {
                let each = pair().timeout(seconds(60)).stateful(Quota::new(10 << 20).over());
                Rule::new().update_in(&timed, each.stateful(Counter::default())).accept()
            }),
            does("update @marks { ip saddr : ct mark }", {
                Rule::new().update_in(&marks, ip::saddr().element().to(ct::mark()))
            }),
            does("add @marks { ip saddr counter : 0x00000005 }", {
                Rule::new().add_to(&marks, ip::saddr().element().stateful(Counter::default()).to(5))
            }),
            does("add @routes { ip saddr . tcp sport timeout 5s : ip daddr . tcp dport }", {
                let from = concat((ip::saddr(), tcp::sport())).timeout(seconds(5));
                Rule::new().add_to(&routes, from.to(concat((ip::daddr(), tcp::dport()))))
            }),
        ];
        let declarations = vec![
            declare("set seen { type ipv4_addr; flags dynamic; size 1000; }", move |b| _ = b.add(&seen)),
            declare("set timed { type ipv4_addr . inet_service; flags dynamic,timeout; size 1000; }", move |b| {
                _ = b.add(&timed);
            }),
            declare("map marks { type ipv4_addr : mark; flags dynamic; size 1000; }", move |b| _ = b.add(&marks)),
            declare(
                "map routes { type ipv4_addr . inet_service : ipv4_addr . inet_service; flags dynamic,timeout; size 1000; }",
                move |b| _ = b.add(&routes),
            ),
        ];
        compare(family, declarations, pairs);
    }
}

pub(in super::super) fn what_this_kernel_lacks_is_sent_as_nft_does() {
    let queues = || {
        vec![
            does("queue num 0", Rule::new().queue(0)).typed("queue"),
            does("queue num 3", Rule::new().queue(3)),
            does("queue num 3", Rule::new().queue(Queue::new(3))).typed("queue to 3"),
            does("queue num 65535 bypass", Rule::new().queue(QueueTarget::from(65535).bypass())),
            does("queue num 1-3", Rule::new().queue(1..=3)),
            does("queue num 1-3 bypass,fanout", Rule::new().queue(QueueTarget::from(1..=3).bypass().fanout())),
            does("queue flags fanout to 1-3", Rule::new().queue(Queue::range(1, 3).flags(QueueFlags::CPU_FANOUT))),
            does("queue flags bypass to 5", Rule::new().queue(QueueTarget::from(Queue::new(5)).bypass())),
            does("queue to meta mark map { 0x00000001 : 5 }", Rule::new().queue(meta::mark().map([(1, 5)]))),
            does("queue flags bypass to meta mark map { 0x00000001 : 5 }", {
                Rule::new().queue(QueueTarget::from(meta::mark().map([(1, 5)])).bypass())
            }),
            does("queue to numgen inc mod 4", Rule::new().queue(numgen::inc(0..4))),
            does("queue flags bypass to symhash mod 65536", {
                Rule::new().queue(QueueTarget::from(hash::symhash(0..65536)).bypass())
            }),
            does("queue to jhash iifname . meta mark mod 32", {
                Rule::new().queue(hash::jhash(concat((meta::iifname(), meta::mark())), 0..32))
            }),
            does("queue to tcp dport map { 80 : 1, 90-100 : 2 }", {
                let by_port = [(Interval::<Port>::value(80), 1), (Interval::range(90..=100), 2)];
                Rule::new().queue(tcp::dport().map(by_port))
            }),
        ]
    };
    for family in [Family::IP, Family::IP6, Family::INET, Family::BRIDGE] {
        compare_messages(family, queues());
    }
    for family in OF_IP {
        let by_device = Rule::new().queue(meta::oifname().map([("eth0", 1), ("eth1", 2)]));
        let by_address = Rule::new().queue(ip::saddr().map([(Interval::prefix(A, 8), 2)]));
        let mut pairs = vec![does("queue to oifname map { \"eth0\" : 1, \"eth1\" : 2 }", by_device)];
        if family != Family::IP6 {
            pairs.push(does("queue to ip saddr map { 10.0.0.0/8 : 2 }", by_address));
        }
        compare_messages(family, pairs);
        let table = table(family);
        let fast = table.flowtable("fast", 0);
        let secret = object::Secmark::new("system_u:object_r:ssh_server_packet_t:s0").named(&table, "secret");
        let pairs = vec![
            does("tcp dport 80 flow add @fast", Rule::new().when(tcp::dport().eq(80)).flow_offload(&fast)),
            does("ct state established,related flow add @fast", {
                let known = ct::state().has_any(CtState::ESTABLISHED | CtState::RELATED);
                Rule::new().when(known).flow_offload(&fast)
            }),
            does("meta secmark set \"secret\"", Rule::new().object(&secret)),
            does("meta secmark set tcp dport map { 22 : \"secret\" }", {
                Rule::new().object_map(tcp::dport(), [(22, &secret)])
            }),
        ];
        compare_messages(family, pairs);
    }
    let frames = ether::ether_type().map([(nftlink::datum::EtherType::IP, 3)]);
    compare_messages(Family::BRIDGE, vec![does("queue to ether type map { ip : 3 }", Rule::new().queue(frames))]);
}

pub(in super::super) fn what_makes_no_sense_is_refused() {
    use super::mistakes::{does_not_exist, refused};
    const NO_IP: &[Family] = &[Family::ARP, Family::BRIDGE, Family::NETDEV];
    const NO_NETDEV: &[Family] = &[Family::IP, Family::IP6, Family::INET, Family::BRIDGE, Family::ARP];
    let of = |protocol| Rule::new().when(meta::l4proto().eq(protocol));
    does_not_exist(NO_IP, "tproxy", of_tcp().tproxy(80));
    does_not_exist(&[Family::IP], "tproxy ip6", of_tcp().tproxy(A6));
    does_not_exist(&[Family::IP6], "tproxy ip", of_tcp().tproxy(TproxyTarget::from(80).ip()));
    does_not_exist(NO_IP, "synproxy", of_tcp().synproxy(Synproxy::new()));
    does_not_exist(&[Family::ARP, Family::NETDEV], "queue", Rule::new().queue(3));
    does_not_exist(&[Family::INET, Family::NETDEV, Family::BRIDGE], "dup to an address", Rule::new().dup(A));
    does_not_exist(NO_NETDEV, "dup to a device", Rule::new().dup_to_device(LO));
    does_not_exist(NO_NETDEV, "fwd", Rule::new().fwd(LO));
    does_not_exist(NO_NETDEV, "fwd", Rule::new().fwd_via(A, LO));

    let excludes = |field: &str, wants: &str, has: &str| {
        format!("{field} wants {wants}, which an earlier part of the rule excludes: it wants {has}")
    };
    let inet = |rule: RuleBuilder, says: &str| refused(Family::INET, rule, says);
    inet(Rule::new().tproxy(80), "tproxy needs a match on tcp or udp before it");
    inet(of(L4Proto::ICMP).tproxy(80), "tproxy needs a match on tcp or udp before it");
    inet(of_tcp().tproxy(0), "\"0\" is no port of a socket: it is the absence of one");
    inet(of_tcp().tproxy(TproxyTarget::from(A).ip6()), &excludes("the address of tproxy", "ip", "ip6"));
    inet(of_tcp().when(ip6::saddr().eq(A6)).tproxy(A), &excludes("tproxy ip", "ip", "ip6"));
    refused(Family::IP, Rule::new().dup(A6), &excludes("the address of dup", "ip6", "ip"));
    refused(Family::IP6, Rule::new().dup_via(A, LO), &excludes("the address of dup", "ip", "ip6"));
    let other = Rule::new().when(ip::saddr().eq(A)).fwd_via(A6, LO);
    refused(Family::NETDEV, other, &excludes("the address of fwd", "ip6", "ip"));
    inet(Rule::new().synproxy(Synproxy::new().wscale(15)), "a synproxy's wscale of 15: the kernel takes 0 to 14");

    let queue = |to: QueueTarget, says: &str| refused(Family::INET, Rule::new().queue(to), says);
    queue(std::ops::RangeInclusive::new(3, 1).into(), "the range 3-1 ends before it starts");
    queue((0..=u16::MAX).into(), "the number of queues of 65536: the kernel takes 1 to 65535");
    queue(QueueTarget::from(3).fanout(), &excludes("fanout", "a range of queues", "one queue"));
    queue(QueueTarget::from(numgen::inc(0..4)).fanout(), &excludes("fanout", "a range of queues", "one queue"));

    let log = |log: Log, says: &str| refused(Family::INET, Rule::new().log(log), says);
    let line = "a line of the kernel's log";
    log(Log::group(2).level(LogLevel::ERR), &excludes("the level of a log", line, "a group"));
    log(Log::group(2).flags(LogFlags::UID), &excludes("the flags of a log", line, "a group"));
    let audit = Log::new().level(LogLevel::AUDIT);
    log(audit.clone().prefix("x"), &excludes("the prefix of a log", line, "a record of the audit"));
    log(audit.flags(LogFlags::ALL), &excludes("the flags of a log", line, "a record of the audit"));
    log(Log::new().snaplen(9), "snaplen is for a log with a group: the kernel would forget it");
    log(Log::new().queue_threshold(9), "queue-threshold is for a log with a group: the kernel would forget it");

    let meter = |name: &str| Rule::new().meter(Meter::new(name, ip::saddr(), Counter::default()));
    inet(meter(""), "the set name must not be empty");
    inet(meter("m%d"), "the set name must not have a `%` in it: the kernel would replace it");
    let two = ip::saddr().element().stateful(Counter::default()).stateful(Limit::packets(1, Limit::SECOND));
    let three = Rule::new().meter(Meter::new("m", two, Quota::new(1)));
    inet(three, "the number of expressions of 3: the kernel takes 0 to 2");
    let none = Rule::new().quota(Quota::new(100).used(101));
    inet(none, "the consumed bytes of a quota of 101: the kernel takes 0 to 100");
}
