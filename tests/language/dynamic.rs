//! Sets that packets change: `add @seen { ip saddr timeout 10m }`.

use std::net::Ipv4Addr;
use std::time::Duration;

use nftlink::datum::{Mark, Port};
use nftlink::expr::{Connlimit, Counter, Limit, Quota};
use nftlink::field::{concat, ct, ip, meta, tcp};
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

fn timed(table: &Table) -> Set<(Ipv4Addr, Port)> {
    Set::<(Ipv4Addr, Port)>::new(table, "timed").dynamic().timeouts().size(1000)
}

fn marks(table: &Table) -> Map<Ipv4Addr, Mark> {
    Map::<Ipv4Addr, Mark>::new(table, "marks").dynamic().size(1000)
}

fn routes(table: &Table) -> Map<(Ipv4Addr, Port), (Ipv4Addr, Port)> {
    Map::<(Ipv4Addr, Port), (Ipv4Addr, Port)>::new(table, "routes").dynamic().timeouts().size(1000)
}

pub(super) fn pairs(table: &Table) -> Vec<Pair> {
    all([plainly(table), with_more(table)])
}

fn with_more(table: &Table) -> Vec<Pair> {
    let limit = || Limit::packets(10, Limit::SECOND);
    let seconds = Duration::from_secs;
    let pair = || concat((ip::saddr(), tcp::dport()));
    vec![
        does("add @flood { ip saddr ct count over 5 } drop", {
            Rule::new().add_to(&flood(table), ip::saddr().element().stateful(Connlimit::new(5).over())).drop()
        }),
        does("update @flood { ip saddr limit rate 1 mbytes/second }", {
            let each = Limit::bytes(1 << 20, Limit::SECOND);
            Rule::new().update_in(&flood(table), ip::saddr().element().stateful(each))
        }),
        does("add @flood { ip saddr & 255.255.0.0 }", {
            Rule::new().add_to(&flood(table), ip::saddr().and(Ipv4Addr::new(255, 255, 0, 0)))
        }),
        does("add @flood { ip daddr quota 10 mbytes }", {
            Rule::new().add_to(&flood(table), ip::daddr().element().stateful(Quota::new(10 << 20)))
        }),
        does("delete @flood { ip daddr } accept", Rule::new().delete_from(&flood(table), ip::daddr()).accept()),
        does("delete @timed { ip saddr . tcp dport }", Rule::new().delete_from(&timed(table), pair())),
        does("add @timed { ip saddr . tcp dport timeout 5s limit rate 10/second burst 3 packets counter }", {
            let each = pair().timeout(seconds(5)).stateful(limit().burst(3)).stateful(Counter::default());
            Rule::new().add_to(&timed(table), each)
        }),
        does("update @timed { ip saddr . tcp dport timeout 1m quota over 10 mbytes counter } accept", {
            let each = pair().timeout(seconds(60)).stateful(Quota::new(10 << 20).over());
            Rule::new().update_in(&timed(table), each.stateful(Counter::default())).accept()
        }),
        does("update @marks { ip saddr : ct mark }", {
            Rule::new().update_in(&marks(table), ip::saddr().element().to(ct::mark()))
        }),
        does("add @marks { ip saddr counter : 0x00000005 }", {
            Rule::new().add_to(&marks(table), ip::saddr().element().stateful(Counter::default()).to(5))
        }),
        does("add @routes { ip saddr . tcp sport timeout 5s : ip daddr . tcp dport }", {
            let from = concat((ip::saddr(), tcp::sport())).timeout(seconds(5));
            Rule::new().add_to(&routes(table), from.to(concat((ip::daddr(), tcp::dport()))))
        }),
    ]
}

fn plainly(table: &Table) -> Vec<Pair> {
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
        does(
            "tcp dport 234 add @timed { ip saddr . 345 timeout 1s }",
            Rule::new()
                .when(tcp::dport().eq(234))
                .add_to(&timed(table), concat((ip::saddr(), Port::new(345))).timeout(Duration::from_secs(1))),
        ),
        does(
            "add @timed { 10.0.0.9 . tcp dport }",
            Rule::new().add_to(&timed(table), concat((Ipv4Addr::new(10, 0, 0, 9), tcp::dport()))),
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
        declare("set timed { type ipv4_addr . inet_service; flags dynamic,timeout; size 1000; }", |t, b| {
            _ = b.add(&timed(t));
        }),
        declare("map marks { type ipv4_addr : mark; flags dynamic; size 1000; }", |t, b| _ = b.add(&marks(t))),
        declare(
            "map routes { type ipv4_addr . inet_service : ipv4_addr . inet_service; flags dynamic,timeout; size 1000; }",
            |t, b| _ = b.add(&routes(t)),
        ),
        declare("map marked { type mark : ipv4_addr; flags dynamic; size 1000; }", |t, b| _ = b.add(&marked(t))),
    ]
}
