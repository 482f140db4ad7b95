//! Which [features](Feature) operations need.

use super::Batch;
use super::show::Part;
use crate::chain::{self, ChainInfo, Device, Hook, changed_devices, devices};
use crate::error::{AttrPath, Errno, Feature, Features};
use crate::expr::{Base, BitwiseOp, Expr, ExprInfo, Exprs, ExthdrOp, MetaKey, SocketKey};
use crate::flowtable::{self, flow_devices};
use crate::object::{self, ObjectKind};
use crate::rule;
use crate::set::{self, ElementFlags, SetInfo, first_entries};
use crate::table::TableFlags;
use crate::wire::Family;

/// What the kernel answers to what it does not know.
const UNKNOWN: [Errno; 5] = [Errno::EINVAL, Errno::EOPNOTSUPP, Errno::ENOENT, Errno::ERANGE, Errno::EAFNOSUPPORT];
/// The attributes that name something: what is wrong with them is no feature.
const NAMES: [&str; 9] = ["table", "chain", "set", "set_id", "name", "handle", "position", "position_id", "chain_id"];

impl Batch {
    /// Returns the features that the batch needs, of those that some supported kernels lack.
    ///
    /// Without what the kernel [has](crate::Conn::features) they are what it lacks to take the batch.
    ///
    /// ```no_run
    /// # use nftlink::{Batch, Conn};
    /// # fn check(conn: &mut Conn, batch: &Batch) -> Result<(), nftlink::Error> {
    /// let missing = batch.features().without(conn.features()?);
    /// if !missing.is_empty() {
    ///     eprintln!("this kernel lacks {missing}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn features(&self) -> Features {
        let mut needed = Features::new();
        Part::all(self.as_bytes()).for_each(|(_, part)| needed.extend(part.features(None).iter()));
        needed
    }

    /// The messages that need one of the features, by their sequences.
    pub(crate) fn needing(&self, features: Features) -> impl Iterator<Item = u32> {
        let needs = move |part: &Part<'_>| part.features(None).iter().any(|feature| features.has(feature));
        Part::all(self.as_bytes()).filter(move |(_, part)| needs(part)).map(|(sequence, _)| sequence)
    }
}

impl Part<'_> {
    /// What the kernel may have refused the message for with an errno, there, if it lacks it.
    pub(super) fn suspects(&self, errno: Errno, at: Option<&AttrPath>) -> Features {
        let names = at.is_some_and(|at| NAMES.contains(&at.as_str()));
        if names || !UNKNOWN.contains(&errno) {
            return Features::new();
        }
        // What the kernel looks for by name it does not find; what else it has against that is another matter.
        self.features(at).iter().filter(|&feature| errno == Errno::ENOENT || !feature.is_found_by_name()).collect()
    }

    /// What the message needs; where an expression or element in it is named, what that one needs.
    fn features(&self, at: Option<&AttrPath>) -> Features {
        let mut needed = Features::new();
        match self.kind {
            _ if self.destroys() => needed.extend([Feature::Destroy]),
            chain::NFT_MSG_NEWCHAIN | chain::NFT_MSG_DELCHAIN => self.of_chain(&mut needed),
            rule::NFT_MSG_NEWRULE => self.of_rule(at.and_then(AttrPath::expression), &mut needed),
            set::NFT_MSG_NEWSET => {
                if let Ok(set) = SetInfo::decode(self.family, self.attrs) {
                    of_each_element(set.stateful(), self.family, &mut needed);
                }
            }
            set::NFT_MSG_NEWSETELEM | set::NFT_MSG_DELSETELEM => {
                let (from, count) = at.and_then(AttrPath::element).map_or((0, usize::MAX), |at| (at, 1));
                for entry in first_entries(self.attrs, from.saturating_add(count)).iter().skip(from) {
                    needed.extend(entry.flags().contains(ElementFlags::CATCHALL).then_some(Feature::CatchAll));
                    of_each_element(entry.stateful(), self.family, &mut needed);
                }
            }
            object::NFT_MSG_NEWOBJ => needed.extend(self.object_kind().and_then(of_object)),
            flowtable::NFT_MSG_NEWFLOWTABLE => {
                needed.extend([Feature::Flowtables]);
                let devices = self.flow_hook(flow_devices).unwrap_or_default();
                needed.extend(devices.iter().any(Device::is_prefix).then_some(Feature::DevicePrefix));
            }
            // Nothing but a new table has flags.
            _ => {
                let flags = self.table_flags();
                needed.extend(flags.contains(TableFlags::OWNER).then_some(Feature::OwnedTable));
                needed.extend(flags.contains(TableFlags::PERSIST).then_some(Feature::PersistentTable));
            }
        }
        needed
    }

    fn of_chain(&self, needed: &mut Features) {
        needed.extend(self.hook(changed_devices).flatten().map(|_| Feature::ChainDevices));
        let devices = self.hook(devices).unwrap_or_default();
        needed.extend(devices.iter().any(Device::is_prefix).then_some(Feature::DevicePrefix));
        let hook = ChainInfo::decode(self.family, self.attrs).ok().and_then(|chain| chain.hook());
        needed.extend((hook == Some(Hook::EGRESS)).then_some(Feature::Egress));
    }

    fn of_rule(&self, at: Option<usize>, needed: &mut Features) {
        self.attr(rule::NFTA_RULE_EXPRESSIONS, |list| {
            for (n, expr) in Exprs::new(list.bytes()).map_while(Result::ok).enumerate() {
                if at.is_none_or(|at| at == n) {
                    of_expr(&expr, self.family, needed);
                }
            }
        });
    }
}

/// What is needed for the stateful expressions of an element.
fn of_each_element(exprs: &[ExprInfo], family: Family, needed: &mut Features) {
    needed.extend((exprs.len() > 1).then_some(Feature::ElementExprs));
    exprs.iter().for_each(|expr| of_expr(expr, family, needed));
}

fn of_expr(expr: &Expr, family: Family, needed: &mut Features) {
    let feature = match expr {
        Expr::Bitwise(bitwise) => {
            let combines = matches!(bitwise.op, BitwiseOp::AND | BitwiseOp::OR | BitwiseOp::XOR);
            combines.then_some(Feature::CombinedRegisters)
        }
        Expr::Connlimit(_) => Some(Feature::Connlimit),
        Expr::Ct(_) | Expr::Notrack(_) => Some(Feature::Conntrack),
        Expr::Dup(_) => (family != Family::NETDEV).then_some(Feature::Dup),
        Expr::Dynset(dynset) => {
            dynset.exprs.iter().for_each(|expr| of_expr(expr, family, needed));
            (dynset.exprs.len() > 1).then_some(Feature::ElementExprs)
        }
        Expr::Exthdr(exthdr) => match exthdr.op {
            ExthdrOp::SCTP => Some(Feature::SctpChunk),
            ExthdrOp::DCCP => Some(Feature::DccpOption),
            ExthdrOp::TCPOPT if exthdr.dreg.is_none() && exthdr.sreg.is_none() => Some(Feature::TcpOptionReset),
            _ => None,
        },
        Expr::Fib(_) => Some(Feature::Fib),
        Expr::FlowOffload(_) => Some(Feature::FlowOffload),
        Expr::Fwd(_) => (family == Family::NETDEV).then_some(Feature::Fwd),
        Expr::Hash(_) => Some(Feature::Hash),
        Expr::Inner(_) => Some(Feature::Inner),
        Expr::Last(_) => Some(Feature::Last),
        Expr::Limit(_) => Some(Feature::Limit),
        Expr::Log(_) => Some(Feature::Log),
        Expr::Masq(_) => Some(Feature::Masq),
        Expr::Meta(meta) => match meta.key {
            MetaKey::BRI_BROUTE => Some(Feature::Broute),
            MetaKey::BRI_IIFNAME | MetaKey::BRI_OIFNAME | MetaKey::BRI_IIFPVID | MetaKey::BRI_IIFVPROTO => {
                (family == Family::BRIDGE).then_some(Feature::BridgeMeta)
            }
            _ => None,
        },
        Expr::Nat(_) => Some(Feature::Nat),
        Expr::Numgen(_) => Some(Feature::Numgen),
        Expr::Osf(_) => Some(Feature::Osf),
        Expr::Payload(payload) => {
            needed.extend((payload.base == Base::INNER).then_some(Feature::InnerHeader));
            (payload.offset > 255).then_some(Feature::FarPayload)
        }
        Expr::Queue(_) => Some(Feature::Queue),
        Expr::Quota(_) => Some(Feature::Quota),
        Expr::Redir(_) => Some(Feature::Redir),
        Expr::Reject(_) => Some(match family {
            Family::BRIDGE => Feature::BridgeReject,
            Family::NETDEV => Feature::NetdevReject,
            _ => Feature::Reject,
        }),
        Expr::Socket(socket) => {
            needed.extend((socket.key == SocketKey::CGROUPV2).then_some(Feature::SocketCgroup));
            Some(Feature::Socket)
        }
        Expr::Synproxy(_) => Some(Feature::Synproxy),
        Expr::Tproxy(_) => Some(Feature::Tproxy),
        Expr::Tunnel(_) => (family == Family::NETDEV).then_some(Feature::Tunnel),
        Expr::Xfrm(_) => Some(Feature::Xfrm),
        Expr::XtMatch(_) | Expr::XtTarget(_) => Some(Feature::Compat),
        _ => None,
    };
    needed.extend(feature);
}

fn of_object(kind: ObjectKind) -> Option<Feature> {
    match kind {
        ObjectKind::CONNLIMIT => Some(Feature::Connlimit),
        ObjectKind::CT_EXPECT | ObjectKind::CT_HELPER => Some(Feature::Conntrack),
        ObjectKind::CT_TIMEOUT => Some(Feature::CtTimeout),
        ObjectKind::LIMIT => Some(Feature::Limit),
        ObjectKind::QUOTA => Some(Feature::Quota),
        ObjectKind::SYNPROXY => Some(Feature::Synproxy),
        ObjectKind::TUNNEL => Some(Feature::Tunnel),
        _ => None,
    }
}
