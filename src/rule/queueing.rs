//! The statement that hands packets to programs: `queue`.

use std::ops::RangeInclusive;

use super::*;
use crate::datum::{HostInteger16, HostInteger32};
use crate::expr::{Queue, QueueFlags, Reg};
use crate::field::{AnOperand, Field, IntoOperand, MapLookup};
use crate::wire::Family;

impl RuleBuilder {
    /// Hands the packet to a program, by a queue of `nfnetlink_queue` (`queue to 3`): a number, a range of them, what
    /// a map has for a field, or a [`QueueTarget`]. For families ip, ip6, inet and bridge.
    ///
    /// ```
    /// use nftlink::field::meta;
    /// use nftlink::{QueueTarget, Rule};
    ///
    /// // queue to 3
    /// let one = Rule::new().queue(3);
    /// // queue flags bypass,fanout to 0-3
    /// let by_processor = Rule::new().queue(QueueTarget::from(0..=3).bypass().fanout());
    /// // queue to oifname map { "eth0" : 0, "eth1" : 2 }
    /// let by_device = Rule::new().queue(meta::oifname().map([("eth0", 0), ("eth1", 2)]));
    /// ```
    pub fn queue(self, to: impl Into<QueueTarget>) -> Rule {
        self.end(Step::Queue(Box::new(to.into())))
    }
}

/// The queues that `queue` leads to, and options.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct QueueTarget {
    to: To,
    flags: QueueFlags,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum To {
    /// The kernel chooses one of them.
    Numbers { first: u16, last: u16 },
    /// The packet chooses.
    Computed(Operand),
    /// As its author wrote it.
    Expression(Queue),
}

impl QueueTarget {
    fn computed<V>(number: impl IntoOperand<V>) -> Self {
        let AnOperand(number) = number.into_operand();
        Self { to: To::Computed(number), flags: QueueFlags::empty() }
    }

    /// Accepts the packet if no program listens, instead of dropping it (`bypass`).
    pub fn bypass(mut self) -> Self {
        self.flags |= QueueFlags::BYPASS;
        self
    }

    /// Chooses the queue by processor, not by connection (`fanout`). A batch refuses it where there is but one queue
    /// to choose, or the packet chooses.
    pub fn fanout(mut self) -> Self {
        self.flags |= QueueFlags::CPU_FANOUT;
        self
    }

    /// Whether packets have to be of several types, for which nft has a set.
    pub(super) fn implies_set(&self) -> bool {
        matches!(&self.to, To::Computed(number) if number.implies_set())
    }

    /// The map that the rule has to itself for the number.
    pub(super) fn own_set(&self) -> Option<(&Anonymous, &Source)> {
        match &self.to {
            To::Computed(number) => number.own_set(),
            _ => None,
        }
    }

    pub(super) fn lower(&self, context: &mut Context<'_>, sink: &mut impl Sink) {
        if matches!(context.family(), Family::ARP | Family::NETDEV) {
            return sink.fail(context.not_in_family("queue"));
        }
        let several = matches!(&self.to, To::Numbers { first, last } if first < last);
        if self.flags.contains(QueueFlags::CPU_FANOUT) && !several && !matches!(self.to, To::Expression(_)) {
            let [wants, has] = ["a range of queues", "one queue"].map(Into::into);
            sink.fail(BuildErrorKind::Contradiction { field: "fanout", wants, has });
        }
        match &self.to {
            To::Numbers { first, last } if first > last => {
                let [start, end] = [first, last].map(|number| number.to_string().into());
                sink.fail(BuildErrorKind::RangeReversed { start, end });
            }
            // All numbers are one more than the kernel's field can say.
            To::Numbers { first: 0, last: u16::MAX } => {
                let (what, value) = ("the number of queues", 1 << 16);
                sink.fail(BuildErrorKind::OutOfRange { what, value, min: 1, max: u16::MAX.into() });
            }
            To::Numbers { first, last } => sink.put(Queue::range(*first, last - first + 1).flags(self.flags)),
            To::Computed(number) => {
                context.require_operand(number, sink);
                context.lower_operand(number, Reg::R1, sink);
                sink.put(Queue::from_reg(Reg::R1).flags(self.flags));
            }
            To::Expression(queue) => sink.put(Queue { flags: queue.flags | self.flags, ..*queue }),
        }
    }
}

impl From<u16> for QueueTarget {
    fn from(queue: u16) -> Self {
        Self::from(queue..=queue)
    }
}

impl From<RangeInclusive<u16>> for QueueTarget {
    fn from(queues: RangeInclusive<u16>) -> Self {
        let (first, last) = queues.into_inner();
        Self { to: To::Numbers { first, last }, flags: QueueFlags::empty() }
    }
}

impl From<Queue> for QueueTarget {
    fn from(queue: Queue) -> Self {
        Self { to: To::Expression(queue), flags: QueueFlags::empty() }
    }
}

/// A number that is reckoned, as by `numgen` or `jhash`.
impl<A> From<Field<HostInteger32, A>> for QueueTarget {
    fn from(number: Field<HostInteger32, A>) -> Self {
        Self::computed::<HostInteger32>(number)
    }
}

impl From<MapLookup<HostInteger16>> for QueueTarget {
    fn from(number: MapLookup<HostInteger16>) -> Self {
        Self::computed(number)
    }
}
