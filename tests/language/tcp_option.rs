//! `tcp option`: the options of TCP.

use nftlink::datum::{Integer8, Integer16, Integer32};
use nftlink::expr::TcpOption;
use nftlink::field::tcp;

use super::comparisons::*;
use super::*;

pub(super) fn pairs() -> Vec<Pair> {
    all([
        options(),
        fields(),
        ordered("tcp option maxseg size", tcp::option::maxseg::size(), two!(536, 1460)),
        by_number(),
        set(),
        reset(),
    ])
}

fn options() -> Vec<Pair> {
    vec![
        is("tcp option eol missing", tcp::option::eol().missing()),
        is("tcp option nop exists", tcp::option::nop().exists()),
        is("tcp option maxseg exists", tcp::option::maxseg().exists()),
        is("tcp option window missing", tcp::option::window().missing()),
        is("tcp option sack-perm exists", tcp::option::sack_perm().exists()),
        is("tcp option sack exists", tcp::option::sack().exists()),
        is("tcp option timestamp missing", tcp::option::timestamp().missing()),
        is("tcp option mptcp exists", tcp::option::mptcp().exists()),
        is("tcp option md5sig exists", tcp::option::md5sig().exists()),
        is("tcp option fastopen missing", tcp::option::fastopen().missing()),
    ]
}

fn fields() -> Vec<Pair> {
    all([
        chosen("tcp option maxseg length", tcp::option::maxseg::length(), two!(1, 9)),
        chosen("tcp option maxseg size", tcp::option::maxseg::size(), two!(1, 9)),
        chosen("tcp option window length", tcp::option::window::length(), two!(1, 9)),
        chosen("tcp option window count", tcp::option::window::count(), two!(1, 9)),
        chosen("tcp option sack-perm length", tcp::option::sack_perm::length(), two!(1, 9)),
        chosen("tcp option sack length", tcp::option::sack::length(), two!(1, 9)),
        chosen("tcp option sack left", tcp::option::sack::left(), two!(1, 9)),
        chosen("tcp option sack right", tcp::option::sack::right(), two!(1, 9)),
        chosen("tcp option timestamp length", tcp::option::timestamp::length(), two!(1, 9)),
        chosen("tcp option timestamp tsval", tcp::option::timestamp::tsval(), two!(1, 9)),
        chosen("tcp option timestamp tsecr", tcp::option::timestamp::tsecr(), two!(1, 9)),
        chosen("tcp option mptcp length", tcp::option::mptcp::length(), two!(1, 9)),
        chosen("tcp option mptcp subtype", tcp::option::mptcp::subtype(), two!(1, 9)),
        chosen("tcp option md5sig length", tcp::option::md5sig::length(), two!(1, 9)),
        chosen("tcp option fastopen length", tcp::option::fastopen::length(), two!(1, 9)),
        chosen("tcp option sack1 left", tcp::option::sack1::left(), two!(1, 9)),
        chosen("tcp option sack1 right", tcp::option::sack1::right(), two!(1, 9)),
        chosen("tcp option sack2 left", tcp::option::sack2::left(), two!(1, 9)),
        chosen("tcp option sack2 right", tcp::option::sack2::right(), two!(1, 9)),
        chosen("tcp option sack3 left", tcp::option::sack3::left(), two!(1, 9)),
        chosen("tcp option sack3 right", tcp::option::sack3::right(), two!(1, 9)),
    ])
}

fn by_number() -> Vec<Pair> {
    vec![
        is("tcp option 254 exists", tcp::option::any(254).exists()),
        is("tcp option mptcp missing", tcp::option::any(TcpOption::MPTCP).missing()),
        // nft crashes where such an option has its length compared, and where it lists some bits of one.
        is("tcp option @254,8,8 4", tcp::option::length(254).eq(4)),
        is("tcp option timestamp length 4", tcp::option::length(TcpOption::TIMESTAMP).eq(4)),
        is("tcp option mptcp subtype 5", tcp::option::raw_bits::<Integer8>(TcpOption::MPTCP, 16, 4).eq(5))
            .typed("tcp option @30,16,4 5"),
        is("tcp option @42,16,16 != 5", tcp::option::raw::<Integer16>(42, 16).ne(5)),
        is("tcp option @42,16,32 < 5", tcp::option::raw::<Integer32>(42, 16).lt(5)),
        is("tcp option maxseg size 5", tcp::option::raw::<Integer16>(TcpOption::MAXSEG, 16).eq(5))
            .typed("tcp option @2,16,16 5"),
    ]
}

fn set() -> Vec<Pair> {
    vec![
        does("tcp option maxseg size set 7", Rule::new().set(tcp::option::maxseg::size(), 7)),
        does("tcp option sack left set 7", Rule::new().set(tcp::option::sack::left(), 7)),
        does("tcp option sack right set 7", Rule::new().set(tcp::option::sack::right(), 7)),
        does("tcp option timestamp tsval set 7", Rule::new().set(tcp::option::timestamp::tsval(), 7)),
        does("tcp option timestamp tsecr set 7", Rule::new().set(tcp::option::timestamp::tsecr(), 7)),
        does("tcp option sack1 left set 7", Rule::new().set(tcp::option::sack1::left(), 7)),
        does("tcp option sack1 right set 7", Rule::new().set(tcp::option::sack1::right(), 7)),
        does("tcp option sack2 left set 7", Rule::new().set(tcp::option::sack2::left(), 7)),
        does("tcp option sack2 right set 7", Rule::new().set(tcp::option::sack2::right(), 7)),
        does("tcp option sack3 left set 7", Rule::new().set(tcp::option::sack3::left(), 7)),
        does("tcp option sack3 right set 7", Rule::new().set(tcp::option::sack3::right(), 7)),
        does("tcp option @42,16,32 set 5", Rule::new().set(tcp::option::raw::<Integer32>(42, 16), 5)),
    ]
}

fn reset() -> Vec<Pair> {
    vec![
        does("reset tcp option sack-perm", Rule::new().reset_tcp_option(TcpOption::SACK_PERM)),
        does("reset tcp option 253", Rule::new().reset_tcp_option(253)),
        does(
            "tcp dport 443 reset tcp option mptcp counter packets 0 bytes 0",
            Rule::new().when(tcp::dport().eq(443)).reset_tcp_option(TcpOption::MPTCP).counter(),
        ),
    ]
}
