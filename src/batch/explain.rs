//! From the kernel's refusal of a message to what a person wants to know.

use super::Batch;
use super::show::Part;
use crate::chain::{ChainFlags, NFTA_CHAIN_FLAGS};
use crate::error::{AttrPath, Errno, Op, Rejection};
use crate::expr::Exprs;
use crate::flowtable::{FlowtableFlags, NFTA_FLOWTABLE_FLAGS};
use crate::set::{first_entries, show_entries};
use crate::table::TableFlags;
use crate::wire::AttrReader;
use crate::wire::message::{ExtAck, HEADER_LEN};
use crate::wire::path::{Schema, locate};
use crate::wire::reader::Notes;
use crate::{chain, flowtable, object, rule, set, table};

impl Batch {
    /// Tells of the refused message with that sequence.
    pub(crate) fn explain(&self, sequence: u32, errno: Errno, extended: &ExtAck) -> Option<Rejection> {
        let op = self.op_of(sequence)?;
        let (_, part, (kind, intervals)) = self.parts_of(op).find(|(number, ..)| *number == sequence)?;
        let path = path(&part, extended);
        let expression_at = path.as_ref().and_then(AttrPath::expression);
        let step = expression_at.and_then(|at| match self.is_of_own_chain(op, sequence) {
            true => self.last_step(op.index()),
            false => self.step_of(op.index(), at),
        });
        let text = path.as_ref().and_then(|path| {
            if let Some(at) = path.expression() {
                return expression(&part, at);
            }
            let at = path.element()?;
            // The entry that ends an interval comes behind the one that is at fault.
            let mut before = 0;
            let elements = show_entries(&first_entries(part.attrs, at + 2), kind, intervals);
            elements.into_iter().find_map(|(element, count)| {
                before += count;
                (at < before).then_some(element)
            })
        });
        let message = match (&extended.text, &extended.policy) {
            (Some(text), Some(policy)) => Some(format!("{text}: {policy}").into()),
            (Some(text), None) => Some(text.clone()),
            (None, policy) => policy.clone(),
        };
        let operation = if self.is_guarded(op) { self.describe(op) } else { part.command() }.into();
        let hint = hint(&part, errno, path.as_ref());
        let suspects = part.suspects(errno, path.as_ref());
        let part = text.map(Into::into);
        Some(Rejection { op, errno, operation, path, part, step, message, hint, suspects, unsupported: None })
    }

    /// Whether a message adds a rule of the chain that the operation's rule has to itself: that is behind it.
    fn is_of_own_chain(&self, op: Op, sequence: u32) -> bool {
        self.parts_of(op).any(|(number, part, _)| number > sequence && part.kind == rule::NFT_MSG_NEWRULE)
    }

    /// The step of a rule that leads to the chain which the rule has to itself.
    fn last_step(&self, op: usize) -> Option<usize> {
        let start = self.ops.get(op)?.detail as usize;
        self.steps.get(start..)?.iter().position(|&count| count == 0)?.checked_sub(1)
    }

    /// The step of a rule that made an expression.
    fn step_of(&self, op: usize, expression: usize) -> Option<usize> {
        let start = self.ops.get(op)?.detail as usize;
        for (step, &count) in self.steps.get(start..)?.iter().enumerate() {
            if count == 0 {
                return None;
            }
            if expression < usize::from(count) {
                return Some(step);
            }
        }
        None
    }
}

/// What an errno most likely means for a message.
fn hint(part: &Part<'_>, errno: Errno, path: Option<&AttrPath>) -> Option<&'static str> {
    let at = path.map(AttrPath::as_str);
    let is_new = |kind| part.kind == kind;
    match errno {
        // Without the privilege over the namespace nothing is refused by itself.
        Errno::EPERM if matches!(at, Some("table" | "name" | "handle")) || is_new(table::NFT_MSG_NEWTABLE) => {
            Some("the table belongs to another connection, which alone may change it")
        }
        Errno::EPERM if is_new(rule::NFT_MSG_NEWRULE) && at.is_some_and(|at| at.ends_with(".payload")) => {
            Some("this kernel takes rules that write to packets only from the first user namespace")
        }
        // At a device it is one that another chain has.
        Errno::EEXIST if at.is_none_or(|at| at == "name") && part.is_chain_at_devices() => Some(
            "the chain is there already: at another hook or priority, or with other devices, which Linux before 6.4 does \
                 not change",
        ),
        Errno::EBUSY if is_new(rule::NFT_MSG_NEWRULE) && at.is_some_and(|at| at.ends_with(".lookup")) => {
            Some("the set belongs to another rule: `TableContents::to_rule` copies a rule with its sets")
        }
        Errno::EPROTO if is_new(rule::NFT_MSG_NEWRULE) && at.is_some_and(|at| at.ends_with(".ct")) => {
            Some("this family has no connection tracking, or not in this kernel")
        }
        Errno::EOPNOTSUPP if is_new(rule::NFT_MSG_NEWRULE) && at.is_some_and(|at| at.ends_with(".dynset")) => {
            Some("packets change a set that is `dynamic`, and set timeouts in one with `timeouts`")
        }
        Errno::EOPNOTSUPP if is_new(rule::NFT_MSG_NEWRULE) && at.is_none() => {
            Some("an expression may not work at this chain's hook, in its kind or in its family")
        }
        Errno::ENOENT if is_new(rule::NFT_MSG_NEWRULE) && at.is_some_and(is_an_expression_that_names_nothing) => {
            Some("this kernel has no such expression, or not in this family")
        }
        Errno::ENOENT if is_new(flowtable::NFT_MSG_NEWFLOWTABLE) && at.is_none() => {
            Some("a device is not there, or this kernel was built without flowtables (NF_FLOW_TABLE)")
        }
        Errno::EOPNOTSUPP if is_new(table::NFT_MSG_NEWTABLE) && at.is_none() => Some(
            "a table that is there gets or loses neither owner nor persistence, and sleeps only without an owner: \
                 a `destroy` before makes it anew",
        ),
        Errno::EOPNOTSUPP if is_new(flowtable::NFT_MSG_NEWFLOWTABLE) && part.offloads_flows() => {
            Some("a device may have no hardware offload")
        }
        Errno::EOPNOTSUPP if part.chain_flags().contains(ChainFlags::HW_OFFLOAD) && at.is_none() => {
            Some("a device or a rule may not be up to hardware offload")
        }
        Errno::EOPNOTSUPP if is_new(chain::NFT_MSG_NEWCHAIN) && at.is_none() && part.hook(|_| ()).is_some() => Some(
            "a chain of this kind may not be at this hook or priority; one that is there keeps both until it is deleted",
        ),
        _ => None,
    }
}

/// Whether it is an expression as a whole that is meant, and none that may name something absent.
fn is_an_expression_that_names_nothing(at: &str) -> bool {
    const NAMING: [&str; 5] = ["lookup", "immediate", "objref", "dynset", "flow_offload"];
    let mut parts = at.split('.');
    let is_one = parts.next().is_some_and(|list| list.starts_with("expressions["));
    let name = parts.next().filter(|name| is_one && !NAMING.contains(name));
    name.is_some() && parts.next().is_none()
}

impl Part<'_> {
    pub(super) fn table_flags(&self) -> TableFlags {
        let is_table = self.kind == table::NFT_MSG_NEWTABLE;
        let flags = is_table.then(|| self.number(table::NFTA_TABLE_FLAGS)).flatten();
        TableFlags::from_bits_retain(flags.unwrap_or_default())
    }

    /// Whether it makes a chain at devices, and is no change of its devices.
    fn is_chain_at_devices(&self) -> bool {
        let changes = self.hook(chain::changed_devices).flatten().is_some();
        !changes && self.kind == chain::NFT_MSG_NEWCHAIN && self.hook(chain::devices).is_some_and(|on| !on.is_empty())
    }

    fn offloads_flows(&self) -> bool {
        let flags = self.number(NFTA_FLOWTABLE_FLAGS).unwrap_or_default();
        FlowtableFlags::from_bits_retain(flags).contains(FlowtableFlags::HW_OFFLOAD)
    }

    fn chain_flags(&self) -> ChainFlags {
        let is_chain = self.kind == chain::NFT_MSG_NEWCHAIN;
        let flags = is_chain.then(|| self.number(NFTA_CHAIN_FLAGS)).flatten();
        ChainFlags::from_bits_retain(flags.unwrap_or_default())
    }
}

fn path(part: &Part<'_>, extended: &ExtAck) -> Option<AttrPath> {
    let schema: &Schema = match part.kind {
        table::NFT_MSG_NEWTABLE | table::NFT_MSG_DELTABLE | table::NFT_MSG_DESTROYTABLE => &table::SCHEMA,
        chain::NFT_MSG_NEWCHAIN | chain::NFT_MSG_DELCHAIN | chain::NFT_MSG_DESTROYCHAIN => &chain::SCHEMA,
        rule::NFT_MSG_NEWRULE | rule::NFT_MSG_DELRULE | rule::NFT_MSG_DESTROYRULE => &rule::SCHEMA,
        set::NFT_MSG_NEWSET | set::NFT_MSG_DELSET | set::NFT_MSG_DESTROYSET => &set::SCHEMA,
        flowtable::NFT_MSG_NEWFLOWTABLE | flowtable::NFT_MSG_DELFLOWTABLE | flowtable::NFT_MSG_DESTROYFLOWTABLE => {
            &flowtable::SCHEMA
        }
        object::NFT_MSG_NEWOBJ | object::NFT_MSG_DELOBJ | object::NFT_MSG_DESTROYOBJ => {
            object::schema_of(part.object_kind().unwrap_or(object::ObjectKind::from_raw(0)))
        }
        _ if part.is_elements() => &set::LIST_SCHEMA,
        _ => return None,
    };
    let offset = extended.offset.or(extended.missing_in).and_then(|offset| usize::try_from(offset).ok());
    locate(part.attrs, HEADER_LEN, offset, extended.missing, schema)
}

fn expression(part: &Part<'_>, at: usize) -> Option<String> {
    let notes = Notes::default();
    let (_, list) = AttrReader::new(part.attrs, &notes)
        .map_while(Result::ok)
        .find(|(number, _)| *number == rule::NFTA_RULE_EXPRESSIONS)?;
    let expr = Exprs::new(list.bytes()).nth(at)?.ok()?;
    Some(format!("[ {expr} ]"))
}
