//! From the kernel's refusal of a message to what a person wants to know.

use super::Batch;
use super::show::Part;
use crate::chain::{Device, changed_devices, devices};
use crate::error::{AttrPath, Errno, Rejection};
use crate::expr::Exprs;
use crate::set::{first_entries, show_entries};
use crate::wire::AttrReader;
use crate::wire::message::{ExtAck, HEADER_LEN};
use crate::wire::path::{Schema, locate};
use crate::wire::reader::Notes;
use crate::{chain, object, rule, set, table};

impl Batch {
    /// Tells of the refused message with that sequence.
    pub(crate) fn explain(&self, sequence: u32, errno: Errno, extended: &ExtAck) -> Option<Rejection> {
        let op = self.op_of(sequence)?;
        let (_, part, (kind, intervals)) = self.parts_of(op).find(|(number, ..)| *number == sequence)?;
        let path = path(&part, extended);
        let step = path.as_ref().and_then(AttrPath::expression).and_then(|at| self.step_of(op.index(), at));
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
        Some(Rejection { op, errno, operation, path, part: text.map(Into::into), step, message })
    }

    /// The feature that a kernel lacks which refuses an operation so, and the first that has it.
    pub(crate) fn lacking(&self, rejection: &Rejection) -> Option<(&'static str, &'static str)> {
        if rejection.errno != Errno::EINVAL || rejection.path.is_some() {
            return None;
        }
        let (_, part) = Part::all(self.bytes_of(rejection.op)).next()?;
        let changes_devices = part.hook(changed_devices).flatten().is_some();
        match part.hook(devices).unwrap_or_default().iter().any(Device::is_prefix) {
            true => Some(("a prefix of device names", "6.17")),
            // Before, a hook was of no use without its priority.
            false if changes_devices => Some(("changing the devices of a chain", "6.4")),
            false => part.destroys().then_some(("destroy", "6.3")),
        }
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

fn path(part: &Part<'_>, extended: &ExtAck) -> Option<AttrPath> {
    let schema: &Schema = match part.kind {
        table::NFT_MSG_NEWTABLE | table::NFT_MSG_DELTABLE | table::NFT_MSG_DESTROYTABLE => &table::SCHEMA,
        chain::NFT_MSG_NEWCHAIN | chain::NFT_MSG_DELCHAIN | chain::NFT_MSG_DESTROYCHAIN => &chain::SCHEMA,
        rule::NFT_MSG_NEWRULE | rule::NFT_MSG_DELRULE | rule::NFT_MSG_DESTROYRULE => &rule::SCHEMA,
        set::NFT_MSG_NEWSET | set::NFT_MSG_DELSET | set::NFT_MSG_DESTROYSET => &set::SCHEMA,
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
