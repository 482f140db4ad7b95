//! Arbitrary expressions, of each kind that the kernel has.

use arbitrary::{Result, Unstructured};
use nftlink::Family;
use nftlink::expr::{
    Base, Bitwise, BitwiseOp, Byteorder, ByteorderOp, Cmp, CmpOp, Connlimit, Counter, Ct, CtDirection, CtKey, Data,
    Dup, Dynset, DynsetFlags, DynsetOp, Expr, Exthdr, ExthdrFlags, ExthdrOp, Fib, FibFlags, FibResult, FlowOffload,
    Fwd, Hash, Immediate, Inner, InnerFlags, InnerKind, Last, Limit, LimitFlags, Log, LogFlags, LogLevel, Lookup,
    LookupFlags, Masq, Meta, MetaKey, Nat, NatFlags, NatKind, Notrack, Numgen, Objref, Osf, OsfFlags, OsfTtl, Payload,
    Queue, QueueFlags, Quota, QuotaFlags, Range, RangeOp, Redir, Reg, Reject, RejectKind, Rt, RtKey, Socket, SocketKey,
    Synproxy, SynproxyFlags, Tproxy, Tunnel, TunnelKey, TunnelMode, Verdict, VerdictCode, Xfrm, XfrmDirection, XfrmKey,
    XtMatch, XtTarget,
};
use nftlink::object::ObjectKind;

use crate::operations::{family, maybe, name, text};

/// How many kinds [`any`] knows.
const KINDS: u8 = 41;

/// A number: mostly one of those that the kernel gives a meaning.
fn number(source: &mut Unstructured<'_>) -> Result<u32> {
    if source.ratio(1, 16)? { source.arbitrary() } else { source.int_in_range(0..=31) }
}

fn byte(source: &mut Unstructured<'_>) -> Result<u8> {
    Ok(number(source)? as u8)
}

fn register(source: &mut Unstructured<'_>) -> Result<Reg> {
    // The verdict's, the four of sixteen bytes, and the sixteen of four.
    const ALL: [u32; 21] = [0, 1, 2, 3, 4, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23];
    let register = if source.ratio(1, 32)? { source.arbitrary()? } else { *source.choose(&ALL)? };
    Ok(Reg::from_raw(register))
}

fn maybe_register(source: &mut Unstructured<'_>) -> Result<Option<Reg>> {
    maybe(source, register)
}

/// Register contents.
pub(crate) fn data(source: &mut Unstructured<'_>) -> Result<Data> {
    match source.int_in_range(0..=31)? {
        0 => Ok(Data::new(source.arbitrary()?)),
        1 => Ok(Data::new(source.bytes(16)?)),
        2 => Ok(Data::new(source.bytes(2)?)),
        _ => Ok(Data::new(source.bytes(4)?)),
    }
}

/// A verdict.
pub(crate) fn verdict(source: &mut Unstructured<'_>) -> Result<Verdict> {
    Ok(match source.int_in_range(0..=3)? {
        0 => Verdict::jump(name(source)?),
        1 => Verdict::goto(name(source)?),
        _ => Verdict::plain(VerdictCode::from_raw(source.int_in_range(-5..=4)?)),
    })
}

/// An expression that counts or limits, as elements have them.
pub(crate) fn stateful(source: &mut Unstructured<'_>) -> Result<Expr> {
    Ok(match source.int_in_range(0..=4)? {
        0 => Counter::new(source.arbitrary()?, source.arbitrary()?).into(),
        1 => limit(source)?.into(),
        2 => {
            let mut quota =
                Quota::new(source.int_in_range(1..=u64::MAX >> 16)?).used(source.arbitrary::<u32>()?.into());
            quota.flags = QuotaFlags::from_bits_retain(number(source)?);
            quota.into()
        }
        3 => Connlimit::new(source.arbitrary()?).into(),
        _ => Last::ago(source.arbitrary::<u32>()?.into()).into(),
    })
}

pub(crate) fn limit(source: &mut Unstructured<'_>) -> Result<Limit> {
    const UNITS: [u64; 5] = [1, 60, 3_600, 86_400, 604_800];
    let unit = if source.ratio(1, 32)? { source.arbitrary()? } else { *source.choose(&UNITS)? };
    let rate = source.int_in_range(1..=1_000_000)?;
    let mut limit = if source.arbitrary()? { Limit::packets(rate, unit) } else { Limit::bytes(rate, unit) };
    limit.burst = source.int_in_range(0..=1_000_000)?;
    limit.flags = LimitFlags::from_bits_retain(number(source)?);
    Ok(limit)
}

/// As many as a set or an element may have, rarely more.
pub(crate) fn several_stateful(source: &mut Unstructured<'_>) -> Result<Vec<Expr>> {
    let most = if source.ratio(1, 32)? { 5 } else { 2 };
    (0..source.int_in_range(0..=most)?).map(|_| stateful(source)).collect()
}

/// Any expression at all.
pub(crate) fn any(source: &mut Unstructured<'_>, depth: u8) -> Result<Expr> {
    let kind = source.int_in_range(0..=KINDS - 1)?;
    Ok(match kind {
        0 => match source.int_in_range(0..=5)? {
            0 => Bitwise::shl(register(source)?, source.arbitrary()?),
            1 => Bitwise::shr(register(source)?, source.arbitrary()?),
            2 => Bitwise::and(register(source)?, register(source)?, number(source)?),
            3 => {
                let mut bitwise = Bitwise::or(register(source)?, register(source)?, number(source)?);
                bitwise.op = BitwiseOp::from_raw(number(source)?);
                bitwise.mask = maybe(source, data)?;
                bitwise
            }
            _ => Bitwise::mask_xor(register(source)?, data(source)?, data(source)?),
        }
        .into(),
        1 => Byteorder::new(ByteorderOp::from_raw(number(source)?), register(source)?, number(source)?).into(),
        2 => Cmp::new(CmpOp::from_raw(number(source)?), register(source)?, data(source)?).into(),
        3..=7 => stateful(source)?,
        8 => match source.int_in_range(0..=2)? {
            0 => Ct::load(CtKey::from_raw(number(source)?), register(source)?),
            1 => Ct::set(CtKey::from_raw(number(source)?), register(source)?),
            _ => Ct::load_of(CtKey::from_raw(number(source)?), CtDirection::from_raw(byte(source)?), register(source)?),
        }
        .into(),
        9 if source.arbitrary()? => Dup::to_addr(register(source)?).into(),
        9 => Dup::to(register(source)?, register(source)?).into(),
        10 => {
            let mut dynset = Dynset::new(DynsetOp::from_raw(number(source)?), name(source)?, register(source)?);
            dynset.set_id = maybe(source, number)?;
            dynset.data = maybe_register(source)?;
            dynset.timeout = source.arbitrary()?;
            dynset.exprs = several_stateful(source)?;
            dynset.flags = DynsetFlags::from_bits_retain(number(source)?);
            dynset.into()
        }
        11 => {
            let op = ExthdrOp::from_raw(number(source)?);
            let mut exthdr = Exthdr::load(op, source.arbitrary()?, number(source)?, number(source)?, register(source)?);
            exthdr.flags = ExthdrFlags::from_bits_retain(number(source)?);
            match source.int_in_range(0..=3)? {
                0 => Exthdr::strip(byte(source)?),
                1 => Exthdr::write(byte(source)?, number(source)?, number(source)?, register(source)?),
                _ => exthdr,
            }
            .into()
        }
        12 => {
            let flags = FibFlags::from_bits_retain(number(source)?);
            Fib::new(FibResult::from_raw(number(source)?), flags, register(source)?).into()
        }
        13 => FlowOffload::new(name(source)?).into(),
        14 if source.arbitrary()? => Fwd::new(register(source)?).into(),
        14 => Fwd::to_neighbour(register(source)?, register(source)?, family(source)?).into(),
        15 if source.arbitrary()? => Hash::symmetric(number(source)?, register(source)?).into(),
        15 => {
            let hash = Hash::jenkins(register(source)?, number(source)?, number(source)?, register(source)?);
            hash.seed(source.arbitrary()?).offset(source.arbitrary()?).into()
        }
        16 if source.arbitrary()? => Immediate::data(register(source)?, data(source)?).into(),
        16 => Immediate::verdict(verdict(source)?).into(),
        17 if depth > 0 => {
            let flags = InnerFlags::from_bits_retain(number(source)?);
            let inside = any(source, depth - 1)?;
            Inner::new(InnerKind::from_raw(number(source)?), flags, number(source)?, inside).into()
        }
        17 | 18 => {
            let mut log = Log::new();
            log.prefix = maybe(source, text)?.map(|prefix| prefix.as_str().into());
            log.group = source.arbitrary()?;
            log.snaplen = source.arbitrary()?;
            log.qthreshold = source.arbitrary()?;
            log.level = maybe(source, number)?.map(LogLevel::from_raw);
            log.flags = LogFlags::from_bits_retain(number(source)?);
            log.into()
        }
        19 => {
            let mut lookup = Lookup::new(name(source)?, register(source)?);
            lookup.set_id = maybe(source, number)?;
            lookup.dreg = maybe_register(source)?;
            lookup.flags = LookupFlags::from_bits_retain(number(source)?);
            lookup.into()
        }
        20 => {
            let mut masq = Masq::new();
            (masq.proto_min, masq.proto_max) = (maybe_register(source)?, maybe_register(source)?);
            masq.flags = NatFlags::from_bits_retain(number(source)?);
            masq.into()
        }
        21 if source.arbitrary()? => Meta::load(MetaKey::from_raw(number(source)?), register(source)?).into(),
        21 => Meta::set(MetaKey::from_raw(number(source)?), register(source)?).into(),
        22 => {
            let mut nat = Nat::new(NatKind::from_raw(number(source)?), family(source)?);
            (nat.addr_min, nat.addr_max) = (maybe_register(source)?, maybe_register(source)?);
            (nat.proto_min, nat.proto_max) = (maybe_register(source)?, maybe_register(source)?);
            nat.flags = NatFlags::from_bits_retain(number(source)?);
            nat.into()
        }
        23 => Notrack::new().into(),
        24 if source.arbitrary()? => Numgen::incremental(number(source)?, register(source)?).into(),
        24 => Numgen::random(number(source)?, register(source)?).offset(source.arbitrary()?).into(),
        25 if source.arbitrary()? => Objref::new(ObjectKind::from_raw(number(source)?), name(source)?).into(),
        25 => {
            let mut map = Objref::map(register(source)?, name(source)?);
            map.set_id = maybe(source, number)?;
            map.into()
        }
        26 => {
            let mut osf = Osf::load(register(source)?);
            osf.ttl = OsfTtl::from_raw(byte(source)?);
            osf.flags = OsfFlags::from_bits_retain(number(source)?);
            osf.into()
        }
        27 => {
            let base = Base::from_raw(number(source)?);
            let (offset, len) = (source.arbitrary()?, source.arbitrary()?);
            let register = register(source)?;
            if source.arbitrary()? {
                Payload::load(base, offset, len, register)
            } else {
                let mut write = Payload::write(base, offset, len, register);
                write.checksum_type = number(source)?;
                write.checksum_offset = number(source)?;
                write.checksum_flags = number(source)?;
                write
            }
            .into()
        }
        28 => {
            let queue = match source.int_in_range(0..=2)? {
                0 => Queue::new(source.arbitrary()?),
                1 => Queue::range(source.arbitrary()?, source.arbitrary()?),
                _ => Queue::from_reg(register(source)?),
            };
            queue.flags(QueueFlags::from_bits_retain(number(source)? as u16)).into()
        }
        29 => {
            let op = RangeOp::from_raw(number(source)?);
            Range::new(op, register(source)?, data(source)?, data(source)?).into()
        }
        30 => {
            let mut redir = Redir::new();
            (redir.proto_min, redir.proto_max) = (maybe_register(source)?, maybe_register(source)?);
            redir.flags = NatFlags::from_bits_retain(number(source)?);
            redir.into()
        }
        31 => {
            let mut reject = Reject::icmp(source.arbitrary()?);
            reject.kind = RejectKind::from_raw(number(source)?);
            reject.into()
        }
        32 => Rt::load(RtKey::from_raw(number(source)?), register(source)?).into(),
        33 if source.arbitrary()? => Socket::cgroupv2(number(source)?, register(source)?).into(),
        33 => Socket::load(SocketKey::from_raw(number(source)?), register(source)?).into(),
        34 => {
            let synproxy = Synproxy::new().mss(source.arbitrary()?).wscale(source.int_in_range(0..=15)?);
            synproxy.flags(SynproxyFlags::from_bits_retain(number(source)?)).into()
        }
        35 => match source.int_in_range(0..=2)? {
            0 => Tproxy::to_port(family(source)?, register(source)?),
            1 => Tproxy::to_addr(family(source)?, register(source)?),
            _ => Tproxy::to(Family::from_raw(byte(source)?), register(source)?, register(source)?),
        }
        .into(),
        36 => {
            let mode = TunnelMode::from_raw(number(source)?);
            Tunnel::load(TunnelKey::from_raw(number(source)?), register(source)?).mode(mode).into()
        }
        37 => {
            let direction = XfrmDirection::from_raw(byte(source)?);
            Xfrm::load(direction, XfrmKey::from_raw(number(source)?), register(source)?).spnum(number(source)?).into()
        }
        38 => XtMatch::new(name(source)?, number(source)?, source.arbitrary::<&[u8]>()?).into(),
        39 => XtTarget::new(name(source)?, number(source)?, source.arbitrary::<&[u8]>()?).into(),
        _ => Dup::to_dev(register(source)?).into(),
    })
}
