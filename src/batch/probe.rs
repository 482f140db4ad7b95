//! A batch that asks for features: to be checked, never to be committed.
//!
//! What is in it touches no packet even while the kernel looks at it: rules are in chains without a hook, chains at hooks
//! in a table that sleeps, and expressions for which the kernel would start something (connection tracking, a log) lack
//! what they need, which is found out only by a kernel that knows them.

use super::Batch;
use crate::chain::{Chain, Device, Hook, Hooked, Regular};
use crate::datum::Port;
use crate::error::{Errno, Feature, Features, Op, Rejection};
use crate::expr::{
    Base, Bitwise, Counter, Exthdr, ExthdrOp, Immediate, Inner, Last, Meta, MetaKey, Payload, Reg, Socket, TcpOption,
};
use crate::object::{NFT_MSG_NEWOBJ, NFTA_OBJ_DATA, NFTA_OBJ_NAME, NFTA_OBJ_TYPE, ObjectKind};
use crate::rule::{NFT_MSG_NEWRULE, NFTA_RULE_EXPRESSIONS, Rule, RuleBuilder};
use crate::set::{Element, Set};
use crate::table::{Table, TableFlags, TableRef};
use crate::wire::AttrWriter;
use crate::wire::message::{NLM_F_APPEND, NLM_F_CREATE};

const NFTA_LIST_ELEM: u16 = 1;
const NFTA_EXPR_NAME: u16 = 1;
const NFTA_EXPR_DATA: u16 = 2;
const NFTA_LOG_GROUP: u16 = 1;
const NFTA_LOG_LEVEL: u16 = 5;
const NFTA_MASQ_FLAGS: u16 = 1;
const NFTA_REDIR_FLAGS: u16 = 3;
const NFTA_SYNPROXY_FLAGS: u16 = 3;

/// Nobody has a table of this name, and nobody gets it.
pub(crate) const NAME: &str = "nftlink\u{1}probe";

/// A batch that asks for features, and which operation asks for which.
pub(crate) struct Probe {
    pub(crate) batch: Batch,
    asks: Vec<(Op, Feature, Question)>,
}

#[derive(Clone, Copy, PartialEq)]
enum Question {
    /// A kernel that has the feature takes the operation.
    Whole,
    /// A kernel that has it finds something else wrong with the operation.
    Incomplete,
}

impl Probe {
    /// Asks for features, but for those that are no part of a batch.
    pub(crate) fn new(features: Features) -> Self {
        let mut probe = Self { batch: Batch::new(), asks: Vec::new() };
        if features.iter().any(|feature| !is_query(feature)) {
            for table in [Table::inet(NAME), Table::ip(NAME), Table::bridge(NAME)] {
                probe.batch.add(&table).add(&table.chain(NAME));
            }
            let asleep = asleep();
            probe.batch.add(&asleep).add(&asleep.chain(NAME)).add(&ingress());
            features.iter().for_each(|feature| probe.ask(feature));
        }
        probe
    }

    /// What an answer to one of the operations says of the features: which one it asks for, and whether the kernel
    /// has it. None if it says something else.
    pub(crate) fn answer(&self, refused: &Rejection) -> Option<(Feature, bool)> {
        let &(_, feature, question) = self.asks.iter().find(|(op, ..)| *op == refused.op)?;
        let has = match refused.errno {
            Errno::ENOENT => false,
            Errno::EINVAL | Errno::EOPNOTSUPP | Errno::ERANGE | Errno::EAFNOSUPPORT => question == Question::Incomplete,
            _ => return None,
        };
        Some((feature, has))
    }

    fn ask(&mut self, feature: Feature) {
        let inet = Table::inet(NAME);
        match feature {
            Feature::Limit => self.expr(feature, &inet, "limit", |_| {}),
            // A level and a group exclude each other.
            Feature::Log => self.expr(feature, &inet, "log", |w| {
                w.u16(NFTA_LOG_GROUP, 0);
                w.u32(NFTA_LOG_LEVEL, 0);
            }),
            Feature::Conntrack => self.expr(feature, &inet, "ct", |_| {}),
            Feature::Nat => self.expr(feature, &inet, "nat", |_| {}),
            Feature::Compat => self.expr(feature, &inet, "match", |_| {}),
            Feature::Reject => self.expr(feature, &inet, "reject", |_| {}),
            Feature::Queue => self.expr(feature, &inet, "queue", |_| {}),
            Feature::BridgeMeta => {
                self.rule(feature, &Table::bridge(NAME), Rule::new().expr(Meta::load(MetaKey::BRI_IIFNAME, Reg::R1)));
            }
            // Flags that there are not.
            Feature::Masq => self.expr(feature, &inet, "masq", |w| w.u32(NFTA_MASQ_FLAGS, !0)),
            Feature::Redir => self.expr(feature, &inet, "redir", |w| w.u32(NFTA_REDIR_FLAGS, !0)),
            Feature::Synproxy => self.expr(feature, &inet, "synproxy", |w| w.u32(NFTA_SYNPROXY_FLAGS, !0)),
            Feature::BridgeReject => self.expr(feature, &Table::bridge(NAME), "reject", |_| {}),
            Feature::Dup => self.expr(feature, &Table::ip(NAME), "dup", |_| {}),
            Feature::Fwd => self.expr(feature, &asleep(), "fwd", |_| {}),
            Feature::Hash => self.expr(feature, &inet, "hash", |_| {}),
            Feature::Numgen => self.expr(feature, &inet, "numgen", |_| {}),
            Feature::Quota => self.expr(feature, &inet, "quota", |_| {}),
            Feature::Fib => self.expr(feature, &inet, "fib", |_| {}),
            Feature::Flowtables => self.whole(feature, |batch| batch.add(&inet.flowtable(NAME, 0))),
            Feature::FlowOffload => self.expr(feature, &inet, "flow_offload", |_| {}),
            Feature::Connlimit => self.expr(feature, &inet, "connlimit", |_| {}),
            Feature::Socket => self.expr(feature, &inet, "socket", |_| {}),
            Feature::CtTimeout => self.ct_timeout(feature),
            Feature::Osf => self.expr(feature, &inet, "osf", |_| {}),
            Feature::Tproxy => self.expr(feature, &inet, "tproxy", |_| {}),
            Feature::Tunnel => self.expr(feature, &asleep(), "tunnel", |_| {}),
            Feature::Xfrm => self.expr(feature, &inet, "xfrm", |_| {}),
            Feature::ElementExprs => {
                let set = Set::<Port>::new(&inet, "exprs");
                let set = set.stateful(Counter::default()).stateful(Counter::default());
                self.whole(feature, |batch| batch.add(&set));
            }
            Feature::NetdevReject => self.expr(feature, &asleep(), "reject", |_| {}),
            Feature::OwnedTable => self.whole(feature, |batch| batch.create(&Table::ip6(NAME).owned())),
            Feature::CatchAll => {
                let set = Set::<Port>::new(&inet, "catch-all");
                self.batch.add(&set);
                self.whole(feature, |batch| batch.add_elements(&set, [Element::catch_all()]));
            }
            Feature::SocketCgroup => self.rule(feature, &inet, Rule::new().expr(Socket::cgroupv2(1, Reg::R1))),
            Feature::Last => self.rule(feature, &inet, Rule::new().expr(Last::default())),
            Feature::SctpChunk => {
                self.rule(feature, &inet, Rule::new().expr(Exthdr::load(ExthdrOp::SCTP, 0, 0, 1, Reg::R1)));
            }
            Feature::Egress => {
                let egress = asleep().chain("egress").filter(Hook::EGRESS, 0).device("lo");
                self.whole(feature, |batch| batch.add(&egress));
            }
            Feature::InnerHeader => self.rule(feature, &inet, load(Base::INNER, 0)),
            Feature::TcpOptionReset => {
                self.rule(feature, &inet, Rule::new().expr(Exthdr::strip(TcpOption::MAXSEG.get())));
            }
            Feature::Inner => {
                let inner = Inner::vxlan(Meta::load(MetaKey::PROTOCOL, Reg::R1));
                self.rule(feature, &inet, Rule::new().expr(inner));
            }
            Feature::Destroy => self.whole(feature, |batch| batch.destroy(&Table::ip6(NAME))),
            Feature::Broute => {
                let rule =
                    Rule::new().expr(Immediate::data(Reg::R1, [1])).expr(Meta::set(MetaKey::BRI_BROUTE, Reg::R1));
                self.rule(feature, &Table::bridge(NAME), rule);
            }
            Feature::ChainDevices => self.whole(feature, |batch| batch.delete_devices(ingress(), ["lo"])),
            Feature::DccpOption => {
                self.rule(feature, &inet, Rule::new().expr(Exthdr::present(ExthdrOp::DCCP, 0, Reg::R1)));
            }
            Feature::PersistentTable => self.whole(feature, |batch| batch.create(&Table::arp(NAME).persistent())),
            Feature::CombinedRegisters => {
                let load = |reg| Immediate::data(reg, [0; 4]);
                let both = Bitwise::and(Reg::R1, Reg::R2, 4);
                self.rule(feature, &inet, Rule::new().expr(load(Reg::R1)).expr(load(Reg::R2)).expr(both));
            }
            Feature::DevicePrefix => {
                // No device has such a name.
                let chain = asleep().chain("prefix").filter(Hook::INGRESS, 0).device(Device::prefix("/"));
                self.whole(feature, |batch| batch.add(&chain));
            }
            Feature::FarPayload => self.rule(feature, &inet, load(Base::TRANSPORT, 256)),
            Feature::HookList | Feature::RuleReset | Feature::ElementReset => {}
        }
    }

    fn whole(&mut self, feature: Feature, fill: impl FnOnce(&mut Batch) -> &mut Batch) {
        fill(&mut self.batch);
        self.asks.push((self.batch.last(), feature, Question::Whole));
    }

    fn rule(&mut self, feature: Feature, table: &Table, rule: RuleBuilder) {
        self.whole(feature, |batch| batch.append(chain(table), rule));
    }

    /// Asks by a rule of one expression that has no more than these attributes.
    fn expr(&mut self, feature: Feature, table: &Table, name: &str, attrs: impl FnOnce(&mut AttrWriter)) {
        let chain = chain(table);
        let at = chain.at();
        self.incomplete(feature, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, at.table(), |w| {
            super::write_rule_chain(at, w);
            w.nest(NFTA_RULE_EXPRESSIONS, |w| {
                w.nest(NFTA_LIST_ELEM, |w| {
                    w.string(NFTA_EXPR_NAME, name.as_bytes());
                    w.nest(NFTA_EXPR_DATA, attrs);
                });
            });
        });
    }

    fn ct_timeout(&mut self, feature: Feature) {
        let table = Table::inet(NAME);
        let at = table.at();
        self.incomplete(feature, NFT_MSG_NEWOBJ, NLM_F_CREATE, at, |w| {
            at.write(w);
            w.string(NFTA_OBJ_NAME, NAME.as_bytes());
            w.u32(NFTA_OBJ_TYPE, ObjectKind::CT_TIMEOUT.get());
            w.nest(NFTA_OBJ_DATA, |_| {});
        });
    }

    fn incomplete(
        &mut self,
        feature: Feature,
        kind: u16,
        flags: u16,
        table: &TableRef,
        write: impl FnOnce(&mut AttrWriter),
    ) {
        self.batch.op(0, |batch| batch.message(kind, flags, table.family(), write));
        self.asks.push((self.batch.last(), feature, Question::Incomplete));
    }
}

/// Whether it is asked for by a query.
fn is_query(feature: Feature) -> bool {
    matches!(feature, Feature::HookList | Feature::RuleReset | Feature::ElementReset)
}

/// A table whose chains are at no hook.
fn asleep() -> Table {
    Table::netdev(NAME).flags(TableFlags::DORMANT)
}

fn ingress() -> Chain<Hooked> {
    asleep().chain("ingress").filter(Hook::INGRESS, 0).device("lo")
}

fn chain(table: &Table) -> Chain<Regular> {
    table.chain(NAME)
}

fn load(base: Base, offset: u32) -> RuleBuilder {
    Rule::new().expr(Payload::load(base, offset, 1, Reg::R1))
}
