//! `hbh`, `rt`, `frag`, `dst` and `mh`: the extension headers of IPv6.

use std::net::Ipv6Addr;

use nftlink::datum::{L4Proto, MhType};
use nftlink::field::{dst, exthdr, frag, hbh, mh, rt, rt0, rt2, srh};

use super::comparisons::*;
use super::*;

const ONE: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);

pub(super) fn pairs() -> Vec<Pair> {
    all([existence(), next_headers(), fields(), types(), fragments(), routes()])
}

fn existence() -> Vec<Pair> {
    vec![
        is("exthdr hbh exists", exthdr::hbh().exists()),
        is("exthdr hbh missing", exthdr::hbh().missing()),
        is("exthdr rt exists", exthdr::rt().exists()),
        is("exthdr rt missing", exthdr::rt().missing()),
        is("exthdr frag exists", exthdr::frag().exists()),
        is("exthdr frag missing", exthdr::frag().missing()),
        is("exthdr dst exists", exthdr::dst().exists()),
        is("exthdr dst missing", exthdr::dst().missing()),
        is("exthdr mh exists", exthdr::mh().exists()),
        is("exthdr mh missing", exthdr::mh().missing()),
    ]
}

fn next_headers() -> Vec<Pair> {
    let two = [("icmp", L4Proto::ICMP), ("udp", L4Proto::UDP)];
    let numbers = ["1", "17"];
    all([
        ordered_as("hbh nexthdr", hbh::nexthdr(), two, numbers),
        ordered_as("rt nexthdr", rt::nexthdr(), two, numbers),
        ordered_as("frag nexthdr", frag::nexthdr(), two, numbers),
        ordered_as("dst nexthdr", dst::nexthdr(), two, numbers),
        ordered_as("mh nexthdr", mh::nexthdr(), two, numbers),
    ])
}

fn fields() -> Vec<Pair> {
    all([
        ordered("hbh hdrlength", hbh::hdrlength(), two!(1, 9)),
        ordered("rt hdrlength", rt::hdrlength(), two!(1, 9)),
        ordered("rt type", rt::rt_type(), two!(2, 4)),
        ordered("rt seg-left", rt::seg_left(), two!(1, 9)),
        ordered("srh last-entry", srh::last_entry(), two!(1, 9)),
        ordered("srh flags", srh::flags(), two!(1, 9)),
        ordered("srh tag", srh::tag(), two!(1, 900)),
        ordered("dst hdrlength", dst::hdrlength(), two!(1, 9)),
        ordered("mh hdrlength", mh::hdrlength(), two!(1, 9)),
        ordered("mh reserved", mh::reserved(), two!(1, 9)),
        ordered("mh checksum", mh::checksum(), two!(1, 900)),
    ])
}

fn types() -> Vec<Pair> {
    let two = [("binding-update", MhType::BINDING_UPDATE), ("binding-error", MhType::BINDING_ERROR)];
    let rest = [
        MhType::BINDING_REFRESH_REQUEST,
        MhType::HOME_TEST_INIT,
        MhType::CAREOF_TEST_INIT,
        MhType::HOME_TEST,
        MhType::CAREOF_TEST,
        MhType::BINDING_ACKNOWLEDGEMENT,
        MhType::FAST_BINDING_UPDATE,
        MhType::FAST_BINDING_ACKNOWLEDGEMENT,
        MhType::FAST_BINDING_ADVERTISEMENT,
        MhType::EXPERIMENTAL_MOBILITY_HEADER,
        MhType::HOME_AGENT_SWITCH_MESSAGE,
    ];
    let words = rest.map(|kind| kind.to_string()).join(", ");
    let mut pairs = ordered_as("mh type", mh::mh_type(), two, ["5", "7"]);
    pairs.push(is(format!("mh type {{ {words} }}"), mh::mh_type().one_of(rest)));
    pairs
}

fn fragments() -> Vec<Pair> {
    all([
        ordered("frag reserved", frag::reserved(), two!(1, 9)),
        ordered("frag frag-off", frag::frag_off(), two!(1, 900)),
        ordered("frag reserved2", frag::reserved2(), two!(1, 3)),
        ordered("frag id", frag::id(), two!(1, 70000)),
        vec![
            is("frag more-fragments 1", frag::more_fragments().eq(true)),
            is("frag more-fragments 0", frag::more_fragments().eq(false)),
        ],
    ])
}

/// nft names an address as that of the last kind of header that has one there.
fn routes() -> Vec<Pair> {
    vec![
        is("srh sid[1] fd00::1", srh::sid(1).eq(ONE)),
        is("srh sid[2] != fd00::1", srh::sid(2).ne(ONE)),
        is("srh sid[2] { fd00::1, fd00::2 }", srh::sid(2).one_of([ONE, Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2)])),
        is("srh sid[1] fd00::/12", srh::sid(1).in_prefix(ONE, 12)),
        does("rt type 0 srh sid[1] fd00::1", Rule::new().when(rt::rt_type().eq(0)).when(rt0::addr(1).eq(ONE)))
            .typed("rt type 0 rt0 addr[1] fd00::1"),
        // nft has no values for this field.
        does("rt type 2 srh sid[1] fd00::1", Rule::new().when(rt::rt_type().eq(2)).when(rt2::addr().eq(ONE))),
    ]
}
