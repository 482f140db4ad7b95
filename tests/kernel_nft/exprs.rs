//! Rules of the kernel's level, which nft lists in its own words.

use nftlink::expr::{
    Base, Bitwise, Byteorder, ByteorderOp, Cmp, CmpOp, Data, Expr, Exthdr, ExthdrOp, Fib, FibFlags, FibResult, Hash,
    Immediate, Meta, MetaKey, Numgen, Osf, OsfFlags, OsfTtl, Payload, Reg, Rt, RtKey, Socket, SocketKey, Xfrm,
    XfrmDirection, XfrmKey,
};
use nftlink::{Batch, Hook, Priority, Rule, Table};

use crate::written::assert_written;

const R1: Reg = Reg::R1;
const IPV4: u8 = 2;
const IPV6: u8 = 10;

/// Goes on if the first register has these bytes.
fn eq(data: impl Into<Data>) -> Expr {
    Cmp::new(CmpOp::EQ, R1, data).into()
}

/// Goes on if the first register has this number in the host's order.
fn is(number: u32) -> Expr {
    eq(number.to_ne_bytes())
}

/// Text with zeros after it.
fn text(text: &str) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..text.len()].copy_from_slice(text.as_bytes());
    bytes
}

/// Goes on for packets of one family.
fn family(family: u8) -> [Expr; 2] {
    [Meta::load(MetaKey::NFPROTO, R1).into(), eq([family])]
}

/// Sets the mark.
fn set_mark() -> Expr {
    Meta::set(MetaKey::MARK, R1).into()
}

pub(super) fn expressions_that_load() {
    let fw = Table::inet("fw");
    let input = fw.chain("input").filter(Hook::INPUT, Priority::FILTER);
    let forward = fw.chain("forward").filter(Hook::FORWARD, Priority::FILTER);
    let mut batch = Batch::new();
    batch.add(&fw).add(&input).add(&forward);

    let saddr = || Payload::load(Base::NETWORK, 12, 4, Reg::R2).into();
    let daddr = || Payload::load(Base::NETWORK, 16, 4, Reg::from_raw(13)).into();
    let reverse = FibFlags::SADDR | FibFlags::IIF;
    let osf = |ttl, flags| {
        let mut osf = Osf::load(R1);
        (osf.ttl, osf.flags) = (ttl, flags);
        osf.into()
    };
    let one_and = |first: Expr, then: Expr| vec![first, then];
    let of_family = |of: u8, exprs: Vec<Expr>| family(of).into_iter().chain(exprs).collect::<Vec<_>>();
    let at_input: Vec<Vec<Expr>> = vec![
        of_family(IPV6, one_and(Exthdr::present(ExthdrOp::IPV6, 44, R1).into(), eq([1]))),
        of_family(
            IPV6,
            vec![
                Exthdr::load(ExthdrOp::IPV6, 44, 2, 2, R1).into(),
                Bitwise::mask_xor(R1, [0xff, 0xf8], [0, 0]).into(),
                eq((33_u16 << 3).to_be_bytes()),
            ],
        ),
        one_and(Exthdr::load(ExthdrOp::TCPOPT, 2, 2, 2, R1).into(), eq(1400_u16.to_be_bytes())),
        one_and(Exthdr::present(ExthdrOp::TCPOPT, 4, R1).into(), eq([1])),
        one_and(Exthdr::present(ExthdrOp::TCPOPT, 8, R1).into(), eq([0])),
        of_family(IPV4, one_and(Exthdr::load(ExthdrOp::IPV4, 148, 2, 2, R1).into(), eq([0, 1]))),
        one_and(Exthdr::present(ExthdrOp::SCTP, 0, R1).into(), eq([1])),
        one_and(Exthdr::load(ExthdrOp::SCTP, 0, 4, 4, R1).into(), eq(17_u32.to_be_bytes())),
        one_and(Fib::new(FibResult::OIF, reverse | FibFlags::PRESENT, R1).into(), is(0)),
        one_and(Fib::new(FibResult::OIF, reverse | FibFlags::PRESENT, R1).into(), is(1)),
        one_and(Fib::new(FibResult::ADDRTYPE, FibFlags::DADDR, R1).into(), is(2)),
        one_and(Fib::new(FibResult::OIFNAME, FibFlags::SADDR | FibFlags::MARK, R1).into(), eq(text("lo"))),
        one_and(Rt::load(RtKey::CLASSID, R1).into(), is(7)),
        one_and(Rt::load(RtKey::NEXTHOP4, R1).into(), eq([10, 0, 0, 1])),
        one_and(Rt::load(RtKey::NEXTHOP6, R1).into(), eq(1_u128.to_be_bytes())),
        one_and(Rt::load(RtKey::IPSEC, R1).into(), eq([1])),
        one_and(Socket::load(SocketKey::TRANSPARENT, R1).into(), eq([1])),
        one_and(Socket::load(SocketKey::MARK, R1).into(), is(7)),
        one_and(Socket::load(SocketKey::WILDCARD, R1).into(), eq([0])),
        one_and(osf(OsfTtl::STRICT, OsfFlags::empty()), eq(text("Linux"))),
        one_and(osf(OsfTtl::SKIP, OsfFlags::VERSION), eq(text("Linux:4.20"))),
        one_and(osf(OsfTtl::LOOSE, OsfFlags::empty()), eq(text("Windows"))),
        one_and(Xfrm::load(XfrmDirection::IN, XfrmKey::REQID, R1).into(), is(5)),
        one_and(Xfrm::load(XfrmDirection::IN, XfrmKey::SPI, R1).spnum(5).into(), eq(7_u32.to_be_bytes())),
        one_and(Xfrm::load(XfrmDirection::IN, XfrmKey::SADDR_IP4, R1).into(), eq([10, 0, 0, 1])),
        one_and(Numgen::incremental(2, R1).into(), is(0)),
        one_and(Numgen::random(4, R1).offset(100).into(), is(101)),
        one_and(Numgen::incremental(3, R1).into(), set_mark()),
        of_family(IPV4, vec![saddr(), Hash::jenkins(Reg::R2, 4, 5, R1).seed(7).into(), is(2)]),
        one_and(Hash::symmetric(7, R1).offset(1).into(), is(2)),
        of_family(IPV4, vec![saddr(), daddr(), Hash::jenkins(Reg::R2, 8, 2, R1).seed(0xdead_beef).into(), set_mark()]),
        one_and(Hash::symmetric(2, R1).offset(100).into(), set_mark()),
    ];
    let at_forward: Vec<Vec<Expr>> = vec![
        one_and(Fib::new(FibResult::ADDRTYPE, FibFlags::DADDR | FibFlags::OIF, R1).into(), is(1)),
        vec![
            Rt::load(RtKey::TCPMSS, R1).into(),
            Byteorder::new(ByteorderOp::HTON, R1, 2).into(),
            Exthdr::write(2, 2, 2, R1).into(),
        ],
        one_and(Immediate::data(R1, 1360_u16.to_be_bytes()).into(), Exthdr::write(2, 2, 2, R1).into()),
        vec![Exthdr::strip(4).into()],
        one_and(Xfrm::load(XfrmDirection::OUT, XfrmKey::DADDR_IP6, R1).into(), eq(1_u128.to_be_bytes())),
    ];
    for (chain, rules) in [(&input, at_input), (&forward, at_forward)] {
        for exprs in rules {
            batch.append(chain, exprs.into_iter().fold(Rule::new(), |rule, expr| rule.expr(expr)));
        }
    }
    assert_written(&batch, include_str!("expressions_that_load.nft"));
}
