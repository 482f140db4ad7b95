//! `queue`: packets for programs.

use std::net::Ipv4Addr;

use nftlink::datum::{EtherType, Port};
use nftlink::expr::{Queue, QueueFlags};
use nftlink::field::{concat, ether, hash, ip, meta, numgen, tcp};
use nftlink::{Interval, QueueTarget};

use super::*;

pub(super) fn pairs() -> Vec<Pair> {
    let net = Interval::prefix(Ipv4Addr::new(10, 0, 0, 0), 8);
    let pairs = vec![
        does("queue to 0", Rule::new().queue(0)).typed("queue"),
        does("queue to 3", Rule::new().queue(3)).typed("queue num 3"),
        does("queue to 3", Rule::new().queue(Queue::new(3))),
        does("queue flags bypass to 65535", Rule::new().queue(QueueTarget::from(65535).bypass()))
            .typed("queue num 65535 bypass"),
        does("queue to 1-3", Rule::new().queue(1..=3)).typed("queue num 1-3"),
        does("queue flags bypass,fanout to 1-3", Rule::new().queue(QueueTarget::from(1..=3).bypass().fanout()))
            .typed("queue num 1-3 bypass,fanout"),
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
        does("queue to oifname map { \"eth0\" : 1, \"eth1\" : 2 }", {
            Rule::new().queue(meta::oifname().map([("eth0", 1), ("eth1", 2)]))
        }),
        does("queue to ip saddr map { 10.0.0.0/8 : 2 }", Rule::new().queue(ip::saddr().map([(net, 2)]))),
        does("queue to ether type map { ip : 3 }", Rule::new().queue(ether::ether_type().map([(EtherType::IP, 3)]))),
    ];
    const NO_QUEUE: &str = "kernels refuse queues there, those that have them";
    each(pairs, |pair| pair.not_in(Family::ARP, NO_QUEUE).not_in(Family::NETDEV, NO_QUEUE))
}
