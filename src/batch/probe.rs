//! A batch that asks for features: to be checked, never to be committed.
//!
//! What is in it touches no packet even while the kernel looks at it: rules are in chains without a hook, chains at
//! hooks in a table that sleeps, and expressions for which the kernel would start something (connection tracking, a
//! log) lack what they need, which is found out only by a kernel that knows them.

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
const OWNED: &str = "nftlink\u{1}owned";
const PERSISTENT: &str = "nftlink\u{1}persistent";

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

    /// Returns which feature the kernel lacks by its answer to one of the operations, if that says so; as an error if
    /// it says something else, as for want of memory.
    pub(crate) fn answer(&self, refused: &Rejection) -> Result<Option<Feature>, ()> {
        let asked = self.asked_by(refused.op);
        match refused.errno {
            Errno::ENOENT => Ok(asked.map(|(feature, _)| feature)),
            // Of what asks for nothing: a kernel without that family, in which nothing is found then.
            Errno::EINVAL | Errno::EOPNOTSUPP | Errno::ERANGE | Errno::EAFNOSUPPORT => {
                Ok(asked.filter(|&(_, is_whole)| is_whole).map(|(feature, _)| feature))
            }
            _ => Err(()),
        }
    }

    /// Returns what an operation asks for, and whether a kernel that has it takes the operation.
    pub(crate) fn asked_by(&self, op: Op) -> Option<(Feature, bool)> {
        let asked = self.asks.iter().find(|(asking, ..)| *asking == op);
        asked.map(|(_, feature, question)| (*feature, *question == Question::Whole))
    }

    fn ask(&mut self, feature: Feature) {
        let (ip, inet) = (Table::ip(NAME), Table::inet(NAME));
        match feature {
            Feature::Limit => self.expr(feature, &ip, "limit", |_| {}),
            // A level and a group exclude each other.
            Feature::Log => self.expr(feature, &ip, "log", |w| {
                w.u16(NFTA_LOG_GROUP, 0);
                w.u32(NFTA_LOG_LEVEL, 0);
            }),
            Feature::Conntrack => self.expr(feature, &ip, "ct", |_| {}),
            Feature::Nat => self.expr(feature, &ip, "nat", |_| {}),
            Feature::Compat => self.expr(feature, &ip, "match", |_| {}),
            Feature::Reject => self.expr(feature, &inet, "reject", |_| {}),
            Feature::Queue => self.expr(feature, &ip, "queue", |_| {}),
            Feature::BridgeMeta => {
                self.rule(feature, &Table::bridge(NAME), Rule::new().expr(Meta::load(MetaKey::BRI_IIFNAME, Reg::R1)));
            }
            // Flags that there are not.
            Feature::Masq => self.expr(feature, &ip, "masq", |w| w.u32(NFTA_MASQ_FLAGS, !0)),
            Feature::Redir => self.expr(feature, &ip, "redir", |w| w.u32(NFTA_REDIR_FLAGS, !0)),
            Feature::Synproxy => self.expr(feature, &ip, "synproxy", |w| w.u32(NFTA_SYNPROXY_FLAGS, !0)),
            Feature::BridgeReject => self.expr(feature, &Table::bridge(NAME), "reject", |_| {}),
            Feature::Dup => self.expr(feature, &ip, "dup", |_| {}),
            Feature::Fwd => self.expr(feature, &asleep(), "fwd", |_| {}),
            Feature::Hash => self.expr(feature, &ip, "hash", |_| {}),
            Feature::Numgen => self.expr(feature, &ip, "numgen", |_| {}),
            Feature::Quota => self.expr(feature, &ip, "quota", |_| {}),
            Feature::Fib => self.expr(feature, &inet, "fib", |_| {}),
            Feature::Flowtables => self.whole(feature, |batch| batch.add(&inet.flowtable(NAME, 0))),
            Feature::FlowOffload => self.expr(feature, &ip, "flow_offload", |_| {}),
            Feature::Connlimit => self.expr(feature, &ip, "connlimit", |_| {}),
            Feature::Socket => self.expr(feature, &ip, "socket", |_| {}),
            Feature::CtTimeout => self.ct_timeout(feature),
            Feature::Osf => self.expr(feature, &ip, "osf", |_| {}),
            Feature::Tproxy => self.expr(feature, &ip, "tproxy", |_| {}),
            Feature::Tunnel => self.expr(feature, &asleep(), "tunnel", |_| {}),
            Feature::Xfrm => self.expr(feature, &ip, "xfrm", |_| {}),
            Feature::ElementExprs => {
                let set = Set::<Port>::new(&ip, "exprs");
                let set = set.stateful(Counter::default()).stateful(Counter::default());
                self.whole(feature, |batch| batch.add(&set));
            }
            Feature::NetdevReject => self.expr(feature, &asleep(), "reject", |_| {}),
            Feature::OwnedTable => self.whole(feature, |batch| batch.create(&Table::ip(OWNED).owned())),
            Feature::CatchAll => {
                let set = Set::<Port>::new(&ip, "catch-all");
                self.batch.add(&set);
                self.whole(feature, |batch| batch.add_elements(&set, [Element::catch_all()]));
            }
            Feature::SocketCgroup => self.rule(feature, &ip, Rule::new().expr(Socket::cgroupv2(1, Reg::R1))),
            Feature::Last => self.rule(feature, &ip, Rule::new().expr(Last::default())),
            Feature::SctpChunk => {
                self.rule(feature, &ip, Rule::new().expr(Exthdr::load(ExthdrOp::SCTP, 0, 0, 1, Reg::R1)));
            }
            Feature::Egress => {
                let egress = asleep().chain("egress").filter(Hook::EGRESS, 0).device("lo");
                self.whole(feature, |batch| batch.add(&egress));
            }
            Feature::InnerHeader => self.rule(feature, &ip, load(Base::INNER, 0)),
            Feature::TcpOptionReset => {
                self.rule(feature, &ip, Rule::new().expr(Exthdr::strip(TcpOption::MAXSEG.get())));
            }
            Feature::Inner => {
                let inner = Inner::vxlan(Meta::load(MetaKey::PROTOCOL, Reg::R1));
                self.rule(feature, &ip, Rule::new().expr(inner));
            }
            Feature::Destroy => self.whole(feature, |batch| batch.destroy(&Table::ip(OWNED))),
            Feature::Broute => {
                let rule =
                    Rule::new().expr(Immediate::data(Reg::R1, [1])).expr(Meta::set(MetaKey::BRI_BROUTE, Reg::R1));
                self.rule(feature, &Table::bridge(NAME), rule);
            }
            Feature::ChainDevices => self.whole(feature, |batch| batch.delete_devices(ingress(), ["lo"])),
            Feature::DccpOption => {
                self.rule(feature, &ip, Rule::new().expr(Exthdr::present(ExthdrOp::DCCP, 0, Reg::R1)));
            }
            Feature::PersistentTable => self.whole(feature, |batch| batch.create(&Table::ip(PERSISTENT).persistent())),
            Feature::CombinedRegisters => {
                let load = |reg| Immediate::data(reg, [0; 4]);
                let both = Bitwise::and(Reg::R1, Reg::R2, 4);
                self.rule(feature, &ip, Rule::new().expr(load(Reg::R1)).expr(load(Reg::R2)).expr(both));
            }
            Feature::DevicePrefix => {
                // No device has such a name.
                let chain = asleep().chain("prefix").filter(Hook::INGRESS, 0).device(Device::prefix("/"));
                self.whole(feature, |batch| batch.add(&chain));
            }
            Feature::FarPayload => self.rule(feature, &ip, load(Base::TRANSPORT, 256)),
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
        let table = Table::ip(NAME);
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
