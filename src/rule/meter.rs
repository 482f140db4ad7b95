//! Meters: dynamic sets that a rule has to itself.

use super::update::{DynamicElement, Update};
use super::*;
use crate::set::{Key, OwnDynamic};
use crate::wire::Name;

impl RuleBuilder {
    /// Counts, limits or bounds by something that packets have: each value has a statement with state of its own,
    /// in a set that comes and goes with the rule
    /// (`meter flood { ip saddr limit rate over 10/second }`).
    ///
    /// A [dynamic](crate::Set::dynamic) set of the table and [`add_to`](Self::add_to) do the same, for several rules
    /// and with a set that outlives them.
    pub fn meter(self, meter: Meter) -> Self {
        self.push(Step::Meter(Box::new(meter)))
    }
}

/// A dynamic set of a rule's own, for [`RuleBuilder::meter`].
///
/// ```
/// use std::time::Duration;
/// use nftlink::expr::Limit;
/// use nftlink::field::{ip, tcp};
/// use nftlink::{Meter, Rule};
///
/// // tcp dport 22 meter ssh size 1000 { ip saddr timeout 1m limit rate over 3/minute } drop
/// let each = ip::saddr().timeout(Duration::from_secs(60));
/// let ssh = Meter::new("ssh", each, Limit::packets(3, Limit::MINUTE).over()).size(1000);
/// let rule = Rule::new().when(tcp::dport().eq(22)).meter(ssh).drop();
/// ```
#[derive(Debug, Clone)]
#[must_use = "a meter does nothing until a rule has it"]
pub struct Meter {
    pub(super) set: OwnDynamic,
    update: Update,
}

impl Meter {
    /// A meter that has `stateful` for each of the elements that packets add: a limit, a counter, a quota, a number
    /// of connections. Its name is no other set's and no other meter's in the table.
    ///
    /// An element with a timeout stays for so long after its last packet.
    pub fn new<F: Key>(
        name: impl Into<Name>,
        element: impl Into<DynamicElement<F>>,
        stateful: impl Into<Expr>,
    ) -> Self {
        let element = element.into().stateful(stateful);
        let name = name.into();
        let set = OwnDynamic::new::<F>(name.clone(), element.has_timeout());
        Self { set, update: element.of_meter(name) }
    }

    /// Sets how many elements there are at most: 65535 where nothing is said.
    pub fn size(mut self, elements: u32) -> Self {
        self.set.size = Some(elements);
        self
    }

    /// Whether packets have to be of several types, for which nft has a set.
    pub(super) fn implies_set(&self) -> bool {
        self.update.implies_set()
    }

    pub(super) fn lower(&self, context: &mut Context<'_>, sink: &mut impl Sink) {
        self.update.lower(context, sink);
    }
}
