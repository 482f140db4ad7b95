//! `@ll`, `@nh`, `@th` and `@ih`: bytes wherever they are.

use std::net::Ipv4Addr;

use nftlink::datum::{Bytes, Integer8, Integer16, Integer24, Integer32, L4Proto};
use nftlink::expr::Verdict;
use nftlink::field::{concat, ip, meta, raw};

use super::comparisons::*;
use super::*;

pub(super) fn pairs() -> Vec<Pair> {
    all([
        ordered("@nh,480,32", raw::network::<Integer32>(480), two!(0x5, 0xa000001)),
        ordered("@ll,8,8", raw::link::<Integer8>(8), two!(0x5, 0xff)),
        ordered("@th,32,16", raw::transport::<Integer16>(32), two!(0x5, 0x1234)),
        ordered("@nh,320,24", raw::network::<Integer24>(320), two!(0x5, 0x450000)),
        ordered("@ih,0,32", raw::inner::<Integer32>(0), two!(0x5, 0x1234)),
        bytes(),
        bits(),
        others(),
        set(),
    ])
}

fn bytes() -> Vec<Pair> {
    vec![
        is("@ll,320,48 0x20000000001", raw::link::<Bytes<6>>(320).eq([2, 0, 0, 0, 0, 1])),
        is("@ll,320,48 != 0x20000000001", raw::link::<Bytes<6>>(320).ne([2, 0, 0, 0, 0, 1])),
        is("@nh,384,64 0x4006000000000000", raw::network::<Bytes<8>>(384).eq([0x40, 6, 0, 0, 0, 0, 0, 0])),
        is("@nh,512,128 0x1", raw::network::<Bytes<16>>(512).eq([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])),
        is("@nh,320,40 { 0x1, 0x2 }", raw::network::<Bytes<5>>(320).one_of([[0, 0, 0, 0, 1], [0, 0, 0, 0, 2]])),
    ]
}

/// nft lists bits as a part of whole bytes.
fn bits() -> Vec<Pair> {
    vec![
        is("@ll,0,8 & 0x80 == 0x80", raw::link_bits::<Integer8>(0, 1).eq(1)).typed("@ll,0,1 1"),
        is("@nh,328,8 & 0x70 == 0x50", raw::network_bits::<Integer8>(329, 3).eq(5)).typed("@nh,329,3 5"),
        is("@nh,328,24 & 0xfff80 == 0x280", raw::network_bits::<Integer16>(332, 13).eq(5)).typed("@nh,332,13 5"),
        is("@nh,320,24 & 0xfffff0 == 0x50", raw::network_bits::<Integer24>(320, 20).eq(5)).typed("@nh,320,20 5"),
        is("@nh,320,24 0x5", raw::network_bits::<Integer32>(320, 24).eq(5)),
        is("@th,0,8 & 0x3c == 0x14", raw::transport_bits::<Integer8>(2, 4).eq(5)).typed("@th,2,4 5"),
        is("@ih,0,8 & 0xf0 != 0x50", raw::inner_bits::<Integer8>(0, 4).ne(5)).typed("@ih,0,4 != 5"),
        is("@nh,328,8 & 0x80 == 0x80", raw::network::<Integer8>(328).and(0x80).eq(0x80)),
    ]
}

fn others() -> Vec<Pair> {
    let tcp = || Rule::new().when(meta::l4proto().eq(L4Proto::TCP));
    vec![
        // What nft has a name for, it lists by that.
        is("th dport 22", raw::transport::<Integer16>(16).eq(22)).typed("@th,16,16 22"),
        does("tcp dport 22", tcp().when(raw::transport::<Integer16>(16).eq(22))).typed("meta l4proto tcp @th,16,16 22"),
        // Two are compared at once, and listed as one.
        does(
            "@nh,416,32 0x50006",
            Rule::new().when(raw::network::<Integer16>(416).eq(5)).when(raw::network::<Integer16>(432).eq(6)),
        )
        .typed("@nh,416,16 5 @nh,432,16 6"),
        is(
            "@nh,416,32 . @nh,448,32 { 0x5 . 0x6 }",
            concat((raw::network::<Integer32>(416), raw::network::<Integer32>(448))).one_of([(5, 6)]),
        ),
        is(
            "@nh,480,16 . ip saddr { 0x5 . 1.1.1.1 }",
            concat((raw::network::<Integer16>(480), ip::saddr())).one_of([(5, Ipv4Addr::new(1, 1, 1, 1))]),
        ),
        does(
            "@th,32,16 vmap { 5 : accept }",
            Rule::new().vmap(raw::transport::<Integer16>(32), [(5, Verdict::ACCEPT)]),
        ),
    ]
}

/// Checksums stay as they are.
fn set() -> Vec<Pair> {
    vec![
        does("@nh,328,8 set 0x5", Rule::new().set(raw::network::<Integer8>(328), 5)),
        does("@nh,416,32 set 0x5", Rule::new().set(raw::network::<Integer32>(416), 5)),
        does("@ll,320,48 set 0x5", Rule::new().set(raw::link::<Bytes<6>>(320), [0, 0, 0, 0, 0, 5])),
        does(
            "@th,32,16 set @th,48,16",
            Rule::new().set(raw::transport::<Integer16>(32), raw::transport::<Integer16>(48)),
        ),
        does("@nh,328,8 set @nh,328,8 & 0xbf | 0xa0", Rule::new().set(raw::network_bits::<Integer8>(328, 3), 5))
            .typed("@nh,328,3 set 5"),
    ]
}
