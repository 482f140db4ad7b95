//! `fib`: what the routing tables know of an address of the packet.

use nftlink::datum::{CtState, FibAddrType};
use nftlink::expr::Verdict;
use nftlink::field::{concat, ct, fib, meta};

use super::comparisons::*;
use super::*;

pub(super) fn pairs() -> Vec<Pair> {
    const NO_ROUTES: &str = "no kernel looks routes up there";
    let pairs = all([of_routes(), of_addresses()]);
    each(pairs, |pair| pair.not_in(Family::ARP, NO_ROUTES).not_in(Family::BRIDGE, NO_ROUTES))
}

fn of_routes() -> Vec<Pair> {
    let back = || fib::saddr().and_iif();
    let mut pairs = vec![
        is("fib saddr . iif oif missing", back().oif().missing()),
        is("fib saddr . iif oif exists", back().oif().exists()),
        is("fib daddr oif exists", fib::daddr().oif().exists()),
        is("fib saddr . mark . iif oif missing", fib::saddr().and_mark().and_iif().oif().missing()),
        is("fib saddr . mark . iif oif missing", back().and_mark().oif().missing())
            .typed("fib saddr . iif . mark oif missing"),
        is("fib daddr . mark oif \"lo\"", fib::daddr().and_mark().oif().eq(1)),
        is("fib saddr . iif oifname \"eth0\"", back().oifname().eq("eth0")),
        is("fib saddr . iif oifname \"eth*\"", back().oifname().starts_with("eth")),
        is("fib saddr . iif oifname != \"eth*\"", back().oifname().not_starts_with("eth")),
        is("fib saddr . iif oifname { \"lo\", \"eth0\" }", back().oifname().one_of(["lo", "eth0"])),
        is("fib saddr . iif oif 0", back().oif().eq(0)),
    ];
    pairs.extend(ordered("fib saddr . iif oif", back().oif(), [("\"lo\"", 1.into()), ("5", 5.into())]));
    pairs
}

fn of_addresses() -> Vec<Pair> {
    let local = [(FibAddrType::LOCAL, Verdict::ACCEPT), (FibAddrType::from_raw(77), Verdict::DROP)];
    let two = [("local", FibAddrType::LOCAL), ("broadcast", FibAddrType::BROADCAST)];
    let mut pairs = plain("fib daddr type", fib::daddr().fib_type(), two);
    pairs.extend(plain("fib saddr . iif type", fib::saddr().and_iif().fib_type(), two));
    pairs.extend([
        is("fib daddr . oif type anycast", fib::daddr().and_oif().fib_type().eq(FibAddrType::ANYCAST))
            .not_in(Family::NETDEV, "the kernel refuses the chain"),
        does(
            "fib daddr . iif type vmap { local : accept, 77 : drop }",
            Rule::new().vmap(fib::daddr().and_iif().fib_type(), local),
        ),
        is(
            "fib saddr type . ct state { local . new }",
            concat((fib::saddr().fib_type(), ct::state())).one_of([(FibAddrType::LOCAL, CtState::NEW)]),
        ),
        is(
            "fib saddr type . meta mark { local . 0x00000001 }",
            concat((fib::saddr().fib_type(), meta::mark())).one_of([(FibAddrType::LOCAL, 1)]),
        ),
    ]);
    pairs
}
