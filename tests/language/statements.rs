//! Statements.

use nftlink::datum::{CtState, PktType};
use nftlink::expr::{Connlimit, Limit, Log, LogFlags, LogLevel, Quota};
use nftlink::field::{ct, meta, tcp};
use nftlink::object;

use super::*;

pub(super) fn pairs(table: &Table) -> Vec<Pair> {
    all([everywhere(table), of_connections(), of_few_kernels(table)])
}

pub(super) fn declarations() -> Vec<Declaration> {
    vec![
        declare("counter web", |t, b| _ = b.add(&object::Counter::named(t, "web"))),
        declare("flowtable fast { hook ingress priority 0; }", |t, b| _ = b.add(&t.flowtable("fast", 0))),
    ]
}

fn everywhere(table: &Table) -> Vec<Pair> {
    let (other, web) = (table.chain("other"), object::Counter::named(table, "web"));
    vec![
        does("counter packets 0 bytes 0", Rule::new().counter()),
        does("counter name \"web\"", Rule::new().object(&web)),
        does(
            "counter name tcp dport map { 80 : \"web\", 443 : \"web\" }",
            Rule::new().object_map(tcp::dport(), [(80, &web), (443, &web)]),
        ),
        does(
            "iifname \"eth0\" meta mark 0x00000001 counter packets 0 bytes 0 drop",
            Rule::new().when_all([meta::iifname().eq("eth0"), meta::mark().eq(1)]).counter().drop(),
        ),
        does("accept", Rule::new().accept()),
        does("drop", Rule::new().drop()),
        does("return", Rule::new().return_()),
        does("jump other", Rule::new().jump(&other)),
        does("goto other", Rule::new().goto(&other)),
        does("accept comment \"with a comment\"", Rule::new().accept().comment("with a comment")),
        does("limit rate 10/second", Rule::new().limit(Limit::packets(10, Limit::SECOND))),
        does(
            "limit rate over 10/minute burst 7 packets",
            Rule::new().limit(Limit::packets(10, Limit::MINUTE).burst(7).over()),
        ),
        does("limit rate 3/hour", Rule::new().limit(Limit::packets(3, Limit::HOUR))),
        does("limit rate 3/day", Rule::new().limit(Limit::packets(3, Limit::DAY))),
        does("limit rate 3/week", Rule::new().limit(Limit::packets(3, Limit::WEEK))),
        does("limit rate 10 kbytes/second", Rule::new().limit(Limit::bytes(10240, Limit::SECOND))),
        does(
            "limit rate over 1 mbytes/minute burst 3 kbytes",
            Rule::new().limit(Limit::bytes(1 << 20, Limit::MINUTE).burst(3072).over()),
        ),
        does("quota 100 mbytes", Rule::new().quota(Quota::new(100 << 20))),
        does("quota over 25 bytes", Rule::new().quota(Quota::new(25).over())),
        does("log", Rule::new().log(Log::new())),
        does("log prefix \"new: \"", Rule::new().log("new: ")),
        does(
            "log prefix \"new: \" level debug flags all",
            Rule::new().log(Log::prefixed("new: ").level(LogLevel::DEBUG).flags(LogFlags::from_bits_retain(0x2f))),
        ),
        does(
            "log level err flags tcp sequence,options",
            Rule::new().log(Log::new().level(LogLevel::ERR).flags(LogFlags::TCPSEQ | LogFlags::TCPOPT)),
        ),
        does("log flags skuid", Rule::new().log(Log::new().flags(LogFlags::UID))),
        does("log group 2", Rule::new().log(Log::group(2))),
        does(
            "log prefix \"x\" group 2 snaplen 100 queue-threshold 5",
            Rule::new().log(Log::group(2).prefix("x").snaplen(100).queue_threshold(5)),
        ),
    ]
}

fn of_connections() -> Vec<Pair> {
    vec![
        does("ct count 20", Rule::new().connlimit(Connlimit::new(20))),
        does("ct count over 20 drop", Rule::new().connlimit(Connlimit::new(20).over()).drop()),
        does("notrack", Rule::new().notrack()),
    ]
}

/// Why nothing is offloaded there.
const NOT_FORWARDED: &str = "no connections are forwarded there, and kernels refuse a flowtable";

fn of_few_kernels(table: &Table) -> Vec<Pair> {
    let fast = || table.flowtable("fast", 0);
    let not_of_frames = |pair: Pair| {
        [Family::ARP, Family::BRIDGE, Family::NETDEV].iter().fold(pair, |pair, &of| pair.not_in(of, NOT_FORWARDED))
    };
    let known = ct::state().has_any(CtState::ESTABLISHED | CtState::RELATED);
    vec![
        not_of_frames(does("flow add @fast", Rule::new().flow_offload(fast()))),
        not_of_frames(does("tcp dport 80 flow add @fast", Rule::new().when(tcp::dport().eq(80)).flow_offload(fast()))),
        not_of_frames(does(
            "ct state established,related flow add @fast",
            Rule::new().when(known).flow_offload(fast()),
        )),
        does("meta pkttype set host", Rule::new().set(meta::pkttype(), PktType::HOST)),
    ]
}
