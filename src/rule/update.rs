//! Sets that packets change.

use std::time::Duration;

use super::*;
use crate::expr::{Dynset, DynsetOp, Reg};
use crate::field::{AnOperand, Field, IntoOperand};
use crate::set::{KeyFor, MapValue, Mapped, Set, SetRef, milliseconds};
use crate::wire::Name;

impl RuleBuilder {
    /// Adds an element for the packet to a [dynamic](Set::dynamic) set of the same table; one that
    /// is there stays as it is (`add @seen { ip saddr timeout 10m }`). Goes on if the element is in
    /// the set afterwards, and its stateful expressions do.
    ///
    /// ```
    /// use std::net::Ipv4Addr;
    /// use std::time::Duration;
    /// use nftlink::field::ip;
    /// use nftlink::{Rule, Set, Table};
    ///
    /// let seen = Set::<Ipv4Addr>::new(Table::inet("fw"), "seen").dynamic().timeouts();
    /// let rule = Rule::new().add_to(&seen, ip::saddr().timeout(Duration::from_secs(600)));
    /// ```
    pub fn add_to<F, K: KeyFor<F>, V: Mapped>(self, set: &Set<K, V>, element: impl Into<DynamicElement<F, V>>) -> Self {
        self.update_set(DynsetOp::ADD, set, element.into())
    }

    /// [`add_to`](Self::add_to), and begins the timeout of one that is there anew
    /// (`update @seen { ip saddr timeout 10m }`).
    pub fn update_in<F, K: KeyFor<F>, V: Mapped>(
        self,
        set: &Set<K, V>,
        element: impl Into<DynamicElement<F, V>>,
    ) -> Self {
        self.update_set(DynsetOp::UPDATE, set, element.into())
    }

    /// Deletes the packet's element from a [dynamic](Set::dynamic) set of the same table
    /// (`delete @seen { ip saddr }`; Linux 5.4).
    pub fn delete_from<F, K: KeyFor<F>, V: Mapped, A>(self, set: &Set<K, V>, key: Field<F, A>) -> Self {
        self.update_set(DynsetOp::DELETE, set, DynamicElement::<F>::from(key))
    }

    fn update_set<F, V, K, T>(self, op: DynsetOp, set: &Set<K, T>, element: DynamicElement<F, V>) -> Self {
        let set = AsRef::<SetRef>::as_ref(set).clone();
        self.push(Step::Update(Box::new(Update { op, set: Target::Named(set), parts: element.parts })))
    }
}

/// An element that a packet adds to a set: a field of it, and what the element has beside.
///
/// ```
/// use std::net::Ipv4Addr;
/// use nftlink::expr::Limit;
/// use nftlink::field::ip;
/// use nftlink::{Rule, Set, Table};
///
/// // Each sender's packets beyond ten a second are dropped.
/// let flood = Set::<Ipv4Addr>::new(Table::ip("fw"), "flood").dynamic();
/// let element = ip::saddr().element().stateful(Limit::packets(10, Limit::SECOND).over());
/// let rule = Rule::new().add_to(&flood, element).drop();
/// ```
#[derive(Debug, Clone)]
#[must_use = "an element does nothing until a statement has it"]
pub struct DynamicElement<F, V = ()> {
    parts: Parts,
    of: std::marker::PhantomData<fn() -> (F, V)>,
}

#[derive(Debug, Clone)]
struct Parts {
    key: Source,
    value: Option<Operand>,
    timeout: Option<Duration>,
    exprs: Vec<Expr>,
}

impl<F, A> Field<F, A> {
    /// The element that a packet adds to a set.
    pub fn element(&self) -> DynamicElement<F> {
        self.clone().into()
    }

    /// The element that a packet adds to a set, for so long.
    pub fn timeout(&self, timeout: Duration) -> DynamicElement<F> {
        self.element().timeout(timeout)
    }
}

impl<F, V> DynamicElement<F, V> {
    /// Sets how long the element stays. The kernel counts milliseconds; a part of one is rounded
    /// up. The set has to be one [with timeouts](Set::timeouts).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.parts.timeout = Some(timeout);
        self
    }

    /// Adds a stateful expression that the element gets for its own: a limit, a counter, a quota …
    pub fn stateful(mut self, expr: impl Into<Expr>) -> Self {
        self.parts.exprs.push(expr.into());
        self
    }
}

impl<F> DynamicElement<F> {
    pub(super) fn has_timeout(&self) -> bool {
        self.parts.timeout.is_some()
    }

    /// What a packet does to the set of a meter: with a timeout, each begins it anew.
    pub(super) fn of_meter(self, name: Name) -> Update {
        let op = if self.has_timeout() { DynsetOp::UPDATE } else { DynsetOp::ADD };
        Update { op, set: Target::Own(name), parts: self.parts }
    }

    /// Makes it an element of a map, with that value (`add @owners { ip saddr : meta mark }`).
    pub fn to<V: MapValue>(self, value: impl IntoOperand<V>) -> DynamicElement<F, V> {
        let AnOperand(value) = value.into_operand();
        let parts = Parts { value: Some(value), ..self.parts };
        DynamicElement { parts, of: std::marker::PhantomData }
    }
}

impl<F, A> From<Field<F, A>> for DynamicElement<F> {
    fn from(key: Field<F, A>) -> Self {
        let parts = Parts { key: key.source, value: None, timeout: None, exprs: Vec::new() };
        Self { parts, of: std::marker::PhantomData }
    }
}

/// A change of a set, a step of a rule.
#[derive(Debug, Clone)]
pub(super) struct Update {
    op: DynsetOp,
    set: Target,
    parts: Parts,
}

#[derive(Debug, Clone)]
enum Target {
    Named(SetRef),
    /// A meter's own.
    Own(Name),
}

impl Update {
    pub(super) fn lower(&self, context: &mut Context<'_>, sink: &mut impl Sink) {
        let Parts { key, value, timeout, exprs } = &self.parts;
        let (name, set) = match &self.set {
            Target::Named(set) => (&set.name, set.clone()),
            Target::Own(name) => (name, SetRef::new(&context.chain.table, name)),
        };
        context.check_set(&set, sink);
        let set = Container::Named { set, intervals: false };
        context.require_fields(key, sink);
        if let Some(value) = value {
            context.require_operand(value, sink);
        }
        context.load_key(key, &set, Reg::R1, sink);
        let mut update = Dynset::new(self.op, name, Reg::R1);
        update.set_id = matches!(self.set, Target::Own(_)).then(|| sink.next_set());
        if let Some(value) = value {
            // nft gives each value registers of 16 bytes.
            let words: u32 = key.parts().iter().map(|part| u32::from(part.len).div_ceil(4)).sum();
            match Reg::word(words.next_multiple_of(4)) {
                Some(reg) => {
                    let reg = reg.normalized();
                    context.lower_operand(value, reg, sink);
                    update.data = Some(reg);
                }
                None => return sink.fail(BuildErrorKind::TooManyFields),
            }
        }
        match timeout.map(milliseconds).transpose() {
            Ok(millis) => update.timeout = millis,
            Err(mistake) => sink.fail(mistake),
        }
        update.exprs = exprs.clone();
        sink.put(update);
    }

    pub(super) fn implies_set(&self) -> bool {
        self.parts.key.implies_set() || self.parts.value.as_ref().is_some_and(Operand::implies_set)
    }

    /// The map that the rule has to itself for the element's value.
    pub(super) fn own_set(&self) -> Option<(&Anonymous, &Source)> {
        self.parts.value.as_ref()?.own_set()
    }
}
