//! What the kernel wants to be told of rules with extensions of xtables.

use crate::expr::{Base, Cmp, CmpOp, Expr, Meta, MetaKey, Payload, Reg};
use crate::wire::path::{AttrName, Schema};
use crate::wire::{AttrWriter, Family, order};

const NFTA_RULE_COMPAT_PROTO: u16 = 1;
const NFTA_RULE_COMPAT_FLAGS: u16 = 2;

pub(super) const SCHEMA: Schema =
    Schema(&[AttrName::value(NFTA_RULE_COMPAT_PROTO, "proto"), AttrName::value(NFTA_RULE_COMPAT_FLAGS, "flags")]);

bitflags::bitflags! {
    /// How the protocol of a rule with extensions of xtables is meant (`enum nft_rule_compat_flags`).
    #[doc(alias = "nft_rule_compat_flags")]
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct CompatFlags: u32 {
        /// The rule is for all protocols but that.
        const INV = 2;
        /// What later kernels add.
        const _ = !0;
    }
}

/// The protocol that a rule says it is for; what [`RuleBuilder::compat`](super::RuleBuilder::compat)
/// sets.
#[doc(alias = "nft_rule_compat_attributes")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct Compat {
    /// The protocol's number: above IP, and in family bridge that of the frame, as a number of the
    /// host's order whose bytes are those of the header. 0 is any.
    pub proto: u16,
    /// How it is meant.
    pub flags: CompatFlags,
}

impl Compat {
    /// A rule for a protocol, or for all others.
    pub(super) const fn new(proto: u16, flags: CompatFlags) -> Self {
        Self { proto, flags }
    }

    pub(super) fn write(self, w: &mut AttrWriter, attr: u16) {
        w.nest(attr, |w| {
            w.u32s([(NFTA_RULE_COMPAT_PROTO, self.proto.into()), (NFTA_RULE_COMPAT_FLAGS, self.flags.bits())]);
        });
    }

    /// What a rule with extensions of xtables says about its protocol, by its first match on one.
    ///
    /// iptables sends it of its own, and the kernel does not tell it: but for every rule that has
    /// it there is such a match.
    pub(super) fn derive<'a>(family: Family, exprs: impl Iterator<Item = &'a Expr> + Clone) -> Option<Self> {
        if !exprs.clone().any(|expr| matches!(expr, Expr::XtMatch(_) | Expr::XtTarget(_))) {
            return None;
        }
        let mut loaded = None;
        for expr in exprs {
            match (expr, loaded) {
                (Expr::Cmp(Cmp { sreg, op: op @ (CmpOp::EQ | CmpOp::NEQ), data }), Some(reg)) if *sreg == reg => {
                    let proto = match *data.as_bytes() {
                        [proto] => proto.into(),
                        [high, low] => order::from_host_u16([high, low]),
                        _ => return None,
                    };
                    let flags = if *op == CmpOp::EQ { CompatFlags::empty() } else { CompatFlags::INV };
                    return Some(Self::new(proto, flags));
                }
                _ => loaded = protocol_load(family, expr),
            }
        }
        None
    }
}

/// Where an expression puts the packet's protocol, if it does.
fn protocol_load(family: Family, expr: &Expr) -> Option<Reg> {
    let (key, place) = match family {
        Family::BRIDGE => (MetaKey::PROTOCOL, Some((Base::LINK, 12, 2))),
        Family::IP => (MetaKey::L4PROTO, Some((Base::NETWORK, 9, 1))),
        Family::IP6 => (MetaKey::L4PROTO, Some((Base::NETWORK, 6, 1))),
        _ => (MetaKey::L4PROTO, None),
    };
    match expr {
        Expr::Meta(Meta { key: loaded, dreg, .. }) if *loaded == key => *dreg,
        Expr::Payload(Payload { base, offset, len, dreg, .. }) if Some((*base, *offset, *len)) == place => *dreg,
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::{Counter, Exprs, XtMatch};
    use crate::wire::AttrReader;
    use crate::wire::message::{Content, Messages};
    use crate::wire::reader::Notes;

    fn derived(family: Family, exprs: &[Expr]) -> Option<(u16, CompatFlags)> {
        Compat::derive(family, exprs.iter()).map(|compat| (compat.proto, compat.flags))
    }

    #[test]
    fn the_protocol_is_that_of_the_first_match_on_one() {
        let extension = Expr::from(XtMatch::new("tcp", 0, []));
        let load = |key| Expr::from(Meta::load(key, Reg::R1));
        let cmp = |op, bytes: &[u8]| Expr::from(Cmp::new(op, Reg::R1, bytes));
        let (plain, inv) = (CompatFlags::empty(), CompatFlags::INV);

        let tcp = [load(MetaKey::L4PROTO), cmp(CmpOp::EQ, &[6]), extension.clone()];
        assert_eq!(derived(Family::IP, &tcp), Some((6, plain)));
        assert_eq!(derived(Family::INET, &tcp), Some((6, plain)));
        assert_eq!(derived(Family::BRIDGE, &tcp), None, "that is not the frame's");
        assert_eq!(derived(Family::IP, &tcp[..2]), None, "nobody asks for it");
        let others = [load(MetaKey::L4PROTO), cmp(CmpOp::NEQ, &[17]), extension.clone()];
        assert_eq!(derived(Family::IP6, &others), Some((17, inv)));
        let header = [Payload::load(Base::NETWORK, 9, 1, Reg::R1).into(), cmp(CmpOp::EQ, &[1]), extension.clone()];
        assert_eq!((derived(Family::IP, &header), derived(Family::IP6, &header)), (Some((1, plain)), None));
        let frame = [Payload::load(Base::LINK, 12, 2, Reg::R1).into(), cmp(CmpOp::EQ, &[8, 6]), extension.clone()];
        assert_eq!(derived(Family::BRIDGE, &frame), Some((u16::from_ne_bytes([8, 6]), plain)));
        let other = [load(MetaKey::MARK), cmp(CmpOp::EQ, &[6]), extension.clone()];
        assert_eq!(derived(Family::IP, &other), None);
        let later = [load(MetaKey::L4PROTO), Counter::default().into(), cmp(CmpOp::EQ, &[6]), extension];
        assert_eq!(derived(Family::IP, &later), None);
    }

    /// What iptables-nft sent is what we would make of the rule that the kernel has.
    #[test]
    fn the_corpus_says_what_is_derived() {
        const NFT_MSG_NEWRULE: u16 = 6;
        let Some(dir) = std::env::var_os("NFTLINK_CORPUS") else {
            return eprintln!("NFTLINK_CORPUS is not set: nothing was compared");
        };
        let (mut compared, mut protocols) = (0, 0);
        for tool in ["arp", "eb", "ip", "ip6"] {
            let path = std::path::Path::new(&dir).join(format!("rulesets/own-xt-{tool}.req"));
            let bytes = std::fs::read(path).unwrap();
            for message in Messages::new(&bytes).map_while(Result::ok) {
                let Ok(Content::Nft { kind: NFT_MSG_NEWRULE, family, attrs, .. }) = message.content() else { continue };
                let notes = Notes::default();
                let (mut exprs, mut sent) = (Vec::new(), None);
                for attr in AttrReader::new(attrs, &notes) {
                    match attr.unwrap() {
                        (super::super::NFTA_RULE_EXPRESSIONS, v) => {
                            exprs = Exprs::new(v.bytes()).map(|expr| expr.unwrap().forget_unknown()).collect();
                        }
                        (super::super::NFTA_RULE_COMPAT, v) => sent = Some(v.bytes().to_vec()),
                        _ => {}
                    }
                }
                let derived = Compat::derive(family, exprs.iter());
                let mut w = AttrWriter::new();
                // Where we say nothing iptables may say 0, which says nothing.
                derived.unwrap_or_default().write(&mut w, super::super::NFTA_RULE_COMPAT);
                if exprs.iter().any(|expr| matches!(expr, Expr::XtMatch(_) | Expr::XtTarget(_))) && sent.is_some() {
                    assert_eq!(w.bytes_written().get(4..), sent.as_deref(), "{tool}: {exprs:?}");
                    compared += 1;
                    protocols += usize::from(derived.is_some());
                }
            }
        }
        assert_eq!((compared, protocols), (46, 18));
    }
}
