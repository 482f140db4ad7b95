//! Sets that packets change: `add @seen { ip saddr timeout 10m }`.

use std::net::Ipv4Addr;
use std::time::Duration;

use nftlink::datum::{Mark, Port};
use nftlink::expr::{Counter, Limit, Quota};
use nftlink::field::{concat, ip, meta, tcp};
use nftlink::{Map, Set};

use super::*;

fn seen(table: &Table) -> Set<Ipv4Addr> {
    Set::<Ipv4Addr>::new(table, "seen").dynamic().timeouts().size(1000)
}

fn flood(table: &Table) -> Set<Ipv4Addr> {
    Set::<Ipv4Addr>::new(table, "flood").dynamic().size(1000)
}

fn hosts(table: &Table) -> Set<(Ipv4Addr, Port)> {
    Set::<(Ipv4Addr, Port)>::new(table, "hosts").dynamic().size(1000)
}

fn owners(table: &Table) -> Map<Ipv4Addr, Mark> {
    Map::<Ipv4Addr, Mark>::new(table, "owners").dynamic().timeouts().size(1000)
}

fn sockets(table: &Table) -> Map<(Ipv4Addr, Port), Mark> {
    Map::<(Ipv4Addr, Port), Mark>::new(table, "sockets").dynamic().size(1000)
}

fn marked(table: &Table) -> Map<Mark, Ipv4Addr> {
    Map::<Mark, Ipv4Addr>::new(table, "marked").dynamic().size(1000)
}

pub(super) fn pairs(table: &Table) -> Vec<Pair> {
    let minutes = |n: u64| Duration::from_secs(60 * n);
    let limit = || Limit::packets(10, Limit::SECOND).over();
    vec![
        does("add @seen { ip saddr }", Rule::new().add_to(&seen(table), ip::saddr())),
        does("add @seen { ip saddr timeout 10m }", Rule::new().add_to(&seen(table), ip::saddr().timeout(minutes(10)))),
        does(
            "update @seen { ip saddr timeout 1h30m }",
            Rule::new().update_in(&seen(table), ip::saddr().timeout(minutes(90))),
        ),
        does("delete @seen { ip saddr }", Rule::new().delete_from(&seen(table), ip::saddr())),
        does(
            "add @flood { ip saddr limit rate over 10/second } drop",
            Rule::new().add_to(&flood(table), ip::saddr().element().stateful(limit())).drop(),
        ),
        does(
            "add @flood { ip saddr counter }",
            Rule::new().add_to(&flood(table), ip::saddr().element().stateful(Counter::default())),
        ),
        does(
            "add @flood { ip saddr quota over 25 bytes }",
            Rule::new().add_to(&flood(table), ip::saddr().element().stateful(Quota::new(25).over())),
        ),
        does(
            "update @seen { ip daddr timeout 1m limit rate over 10/second }",
            Rule::new().update_in(&seen(table), ip::daddr().timeout(minutes(1)).stateful(limit())),
        ),
        does(
            "add @flood { ip saddr limit rate over 10/second counter }",
            Rule::new().add_to(&flood(table), ip::saddr().element().stateful(limit()).stateful(Counter::default())),
        ),
        does(
            "add @hosts { ip saddr . tcp dport }",
            Rule::new().add_to(&hosts(table), concat((ip::saddr(), tcp::dport()))),
        ),
        does("add @owners { ip saddr : 0x00000001 }", Rule::new().add_to(&owners(table), ip::saddr().element().to(1))),
        does(
            "add @owners { ip saddr : meta mark }",
            Rule::new().add_to(&owners(table), ip::saddr().element().to(meta::mark())),
        ),
        does(
            "update @owners { ip saddr timeout 10m : meta mark }",
            Rule::new().update_in(&owners(table), ip::saddr().timeout(minutes(10)).to(meta::mark())),
        ),
        does(
            "add @sockets { ip saddr . tcp dport : meta mark }",
            Rule::new().add_to(&sockets(table), concat((ip::saddr(), tcp::dport())).element().to(meta::mark())),
        ),
        // The value needs a test, the key none.
        does(
            "add @marked { meta mark : ip saddr }",
            Rule::new().add_to(&marked(table), meta::mark().element().to(ip::saddr())),
        ),
    ]
}

pub(super) fn declarations() -> Vec<Declaration> {
    vec![
        declare("set seen { type ipv4_addr; flags timeout,dynamic; size 1000; }", |t, b| _ = b.add(&seen(t))),
        declare("set flood { type ipv4_addr; flags dynamic; size 1000; }", |t, b| _ = b.add(&flood(t))),
        declare("set hosts { type ipv4_addr . inet_service; flags dynamic; size 1000; }", |t, b| _ = b.add(&hosts(t))),
        declare("map owners { type ipv4_addr : mark; flags timeout,dynamic; size 1000; }", |t, b| {
            _ = b.add(&owners(t))
        }),
        declare("map sockets { type ipv4_addr . inet_service : mark; flags dynamic; size 1000; }", |t, b| {
            _ = b.add(&sockets(t))
        }),
        declare("map marked { type mark : ipv4_addr; flags dynamic; size 1000; }", |t, b| _ = b.add(&marked(t))),
    ]
}
