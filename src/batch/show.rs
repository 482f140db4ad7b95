//! Operations as nft's commands, rendered from their bytes when somebody asks.

use std::fmt::{self, Write};

use super::Batch;
use super::chains::GUARDED;
use crate::chain::{self, Device, NFTA_CHAIN_HANDLE, NFTA_CHAIN_HOOK, NFTA_CHAIN_ID, NFTA_CHAIN_NAME, changed_devices};
use crate::datum::DataType;
use crate::error::Op;
use crate::flowtable::{self, NFTA_FLOWTABLE_HANDLE, NFTA_FLOWTABLE_HOOK, NFTA_FLOWTABLE_NAME, changed_flow_devices};
use crate::object::{self, NFTA_OBJ_HANDLE, NFTA_OBJ_NAME, NFTA_OBJ_TYPE, ObjectInfo, ObjectKind};
use crate::rule::{
    self, Bytecode, NFTA_RULE_CHAIN, NFTA_RULE_CHAIN_ID, NFTA_RULE_EXPRESSIONS, NFTA_RULE_HANDLE, NFTA_RULE_POSITION,
};
use crate::set::{
    self, NFTA_SET_ELEM_LIST_ELEMENTS, NFTA_SET_FLAGS, NFTA_SET_HANDLE, NFTA_SET_KEY_TYPE, NFTA_SET_NAME, SetFlags,
    first_entries, show_entries,
};
use crate::table::{self, NFTA_TABLE_HANDLE};
use crate::wire::message::{Content, Messages, NLM_F_APPEND, NLM_F_EXCL, NLM_F_REPLACE, len_and_kind};
use crate::wire::reader::Notes;
use crate::wire::{Attr, AttrReader, Family, Name};

/// How many entries of an element list are shown.
const SHOWN: usize = 16;

/// One message of a batch.
pub(super) struct Part<'a> {
    pub(super) kind: u16,
    pub(super) flags: u16,
    pub(super) family: Family,
    pub(super) attrs: &'a [u8],
}

impl<'a> Part<'a> {
    /// Reads the messages of an operation.
    pub(super) fn all(bytes: &'a [u8]) -> impl Iterator<Item = (u32, Self)> {
        Messages::new(bytes).map_while(Result::ok).filter_map(|message| match message.content() {
            Ok(Content::Nft { kind, family, attrs, .. }) => {
                Some((message.sequence, Self { kind, flags: message.flags, family, attrs }))
            }
            _ => None,
        })
    }

    pub(super) fn attr<T>(&self, wanted: u16, read: impl FnOnce(Attr<'_>) -> T) -> Option<T> {
        let notes = Notes::default();
        AttrReader::new(self.attrs, &notes)
            .map_while(Result::ok)
            .find(|(number, _)| *number == wanted)
            .map(|(_, value)| read(value))
    }

    pub(super) fn number(&self, number: u16) -> Option<u32> {
        self.attr(number, |value| value.u32())?.ok()
    }

    fn name(&self, number: u16) -> Option<Name> {
        self.attr(number, |value| value.name())
    }

    /// The command, without what is in braces: `add rule inet fw input`. But for devices that a chain
    /// is to have or not: all of the chain is another matter.
    pub(super) fn command(&self) -> String {
        let create = if self.flags & NLM_F_EXCL != 0 { "create" } else { "add" };
        // The names by which the kind of message has its object, in the order of nft's commands.
        let (verb, what, name) = match self.kind {
            table::NFT_MSG_NEWTABLE => (create, "table", None),
            table::NFT_MSG_DELTABLE if self.name(1).is_none() && self.handle().is_none() => {
                return self.flush_ruleset();
            }
            table::NFT_MSG_DELTABLE => ("delete", "table", None),
            table::NFT_MSG_DESTROYTABLE => ("destroy", "table", None),
            chain::NFT_MSG_NEWCHAIN if self.renamed().is_some() => ("rename", "chain", None),
            chain::NFT_MSG_NEWCHAIN => (create, "chain", Some(NFTA_CHAIN_NAME)),
            chain::NFT_MSG_DELCHAIN => ("delete", "chain", Some(NFTA_CHAIN_NAME)),
            chain::NFT_MSG_DESTROYCHAIN => ("destroy", "chain", Some(NFTA_CHAIN_NAME)),
            rule::NFT_MSG_NEWRULE if self.flags & NLM_F_REPLACE != 0 => ("replace", "rule", Some(NFTA_RULE_CHAIN)),
            rule::NFT_MSG_NEWRULE if self.flags & NLM_F_APPEND != 0 => ("add", "rule", Some(NFTA_RULE_CHAIN)),
            rule::NFT_MSG_NEWRULE => ("insert", "rule", Some(NFTA_RULE_CHAIN)),
            rule::NFT_MSG_DELRULE if self.name(NFTA_RULE_CHAIN).is_none() => ("flush", "table", None),
            rule::NFT_MSG_DELRULE if self.is_flush_of_chain() => ("flush", "chain", Some(NFTA_RULE_CHAIN)),
            rule::NFT_MSG_DELRULE => ("delete", "rule", Some(NFTA_RULE_CHAIN)),
            rule::NFT_MSG_DESTROYRULE => ("destroy", "rule", Some(NFTA_RULE_CHAIN)),
            set::NFT_MSG_NEWSET => (create, "set", Some(NFTA_SET_NAME)),
            set::NFT_MSG_DELSET => ("delete", "set", Some(NFTA_SET_NAME)),
            set::NFT_MSG_DESTROYSET => ("destroy", "set", Some(NFTA_SET_NAME)),
            set::NFT_MSG_NEWSETELEM => (create, "element", Some(NFTA_SET_NAME)),
            set::NFT_MSG_DELSETELEM if self.attr(NFTA_SET_ELEM_LIST_ELEMENTS, |_| ()).is_none() => {
                ("flush", "set", Some(NFTA_SET_NAME))
            }
            set::NFT_MSG_DELSETELEM => ("delete", "element", Some(NFTA_SET_NAME)),
            set::NFT_MSG_DESTROYSETELEM => ("destroy", "element", Some(NFTA_SET_NAME)),
            object::NFT_MSG_NEWOBJ => (create, "object", Some(NFTA_OBJ_NAME)),
            object::NFT_MSG_DELOBJ => ("delete", "object", Some(NFTA_OBJ_NAME)),
            object::NFT_MSG_DESTROYOBJ => ("destroy", "object", Some(NFTA_OBJ_NAME)),
            flowtable::NFT_MSG_NEWFLOWTABLE => (create, "flowtable", Some(NFTA_FLOWTABLE_NAME)),
            flowtable::NFT_MSG_DELFLOWTABLE => ("delete", "flowtable", Some(NFTA_FLOWTABLE_NAME)),
            flowtable::NFT_MSG_DESTROYFLOWTABLE => ("destroy", "flowtable", Some(NFTA_FLOWTABLE_NAME)),
            other => return format!("message {other}"),
        };
        let mut text = format!("{verb} ");
        let _ = match self.object_kind().filter(|_| what == "object") {
            Some(kind) => write!(text, "{kind} {}", self.family),
            None => write!(text, "{what} {}", self.family),
        };
        for name in [Some(1), name].into_iter().flatten().filter_map(|number| self.name(number)) {
            let _ = write!(text, " {name}");
        }
        // A chain that a rule has to itself has a number instead of a name.
        let id = match self.kind {
            chain::NFT_MSG_NEWCHAIN => self.number(NFTA_CHAIN_ID),
            rule::NFT_MSG_NEWRULE => self.number(NFTA_RULE_CHAIN_ID),
            _ => None,
        };
        if let Some(id) = id.filter(|_| name.is_none_or(|name| self.name(name).is_none())) {
            let _ = write!(text, " id {id}");
        }
        if let Some((handle, new)) = self.renamed() {
            let _ = write!(text, " handle {handle} {new}");
        }
        if let Some(handle) = self.handle() {
            let _ = write!(text, " handle {handle}");
        }
        if let Some(devices) = self.changed_devices() {
            let devices: Vec<_> = devices.iter().map(Device::to_string).collect();
            let _ = write!(text, " {{ devices = {{ {} }}; }}", devices.join(", "));
        }
        text
    }

    /// The kind of an object, in messages on objects.
    pub(super) fn object_kind(&self) -> Option<ObjectKind> {
        self.attr(NFTA_OBJ_TYPE, |value| value.u32()).and_then(Result::ok).map(ObjectKind::from_raw)
    }

    /// The handle by which something else than a rule is deleted.
    fn handle(&self) -> Option<u64> {
        let number = match self.kind {
            table::NFT_MSG_DELTABLE => NFTA_TABLE_HANDLE,
            chain::NFT_MSG_DELCHAIN => NFTA_CHAIN_HANDLE,
            flowtable::NFT_MSG_DELFLOWTABLE => NFTA_FLOWTABLE_HANDLE,
            set::NFT_MSG_DELSET => NFTA_SET_HANDLE,
            object::NFT_MSG_DELOBJ | object::NFT_MSG_DESTROYOBJ => NFTA_OBJ_HANDLE,
            _ => return None,
        };
        self.attr(number, |value| value.u64())?.ok()
    }

    /// The devices of a chain or flowtable that are only to be added or deleted.
    pub(super) fn changed_devices(&self) -> Option<Vec<Device>> {
        self.hook(changed_devices).or_else(|| self.flow_hook(changed_flow_devices)).flatten()
    }

    /// What a flowtable's message says of its hook.
    pub(super) fn flow_hook<T>(&self, read: impl FnOnce(Attr<'_>) -> T) -> Option<T> {
        let is_flowtable = matches!(self.kind, flowtable::NFT_MSG_NEWFLOWTABLE | flowtable::NFT_MSG_DELFLOWTABLE);
        is_flowtable.then(|| self.attr(NFTA_FLOWTABLE_HOOK, read)).flatten()
    }

    /// Which chain gets which name.
    fn renamed(&self) -> Option<(u64, Name)> {
        let handle = self.attr(NFTA_CHAIN_HANDLE, |value| value.u64())?.ok()?;
        (self.kind == chain::NFT_MSG_NEWCHAIN).then_some((handle, self.name(NFTA_CHAIN_NAME)?))
    }

    /// What a chain's message says of its hook.
    pub(super) fn hook<T>(&self, read: impl FnOnce(Attr<'_>) -> T) -> Option<T> {
        let is_chain = matches!(self.kind, chain::NFT_MSG_NEWCHAIN | chain::NFT_MSG_DELCHAIN);
        is_chain.then(|| self.attr(NFTA_CHAIN_HOOK, read)).flatten()
    }

    fn flush_ruleset(&self) -> String {
        match self.family {
            Family::UNSPEC => "flush ruleset".to_owned(),
            family => format!("flush ruleset {family}"),
        }
    }

    fn is_flush_of_chain(&self) -> bool {
        self.attr(NFTA_RULE_HANDLE, |_| ()).is_none() && self.attr(rule::NFTA_RULE_ID, |_| ()).is_none()
    }

    /// The whole message as a line.
    fn show(&self, (kind, intervals): (DataType, bool), f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.command())?;
        for (word, number) in [("position", NFTA_RULE_POSITION), ("handle", NFTA_RULE_HANDLE)] {
            if self.is_rule() {
                if let Some(Ok(handle)) = self.attr(number, |value| value.u64()) {
                    write!(f, " {word} {handle}")?;
                }
            }
        }
        if self.is_rule() {
            let code = self.attr(NFTA_RULE_EXPRESSIONS, |list| Bytecode(list.bytes()).to_string()).unwrap_or_default();
            code.lines().try_for_each(|line| write!(f, " {}", line.trim()))?;
        }
        if self.kind == object::NFT_MSG_NEWOBJ {
            let info = ObjectInfo::decode(self.family, self.attrs).ok();
            if let Some(body) = info.and_then(|info| info.nft_body()) {
                write!(f, " {{ {body} }}")?;
            }
        }
        if self.is_elements() {
            // An interval has two entries.
            let elements = show_entries(&first_entries(self.attrs, 2 * SHOWN + 2), kind, intervals);
            for (n, (element, _)) in elements.iter().take(SHOWN).enumerate() {
                write!(f, "{}{element}", if n == 0 { " { " } else { ", " })?;
            }
            match elements.len() {
                0 => {}
                n if n > SHOWN => f.write_str(", … }")?,
                _ => f.write_str(" }")?,
            }
        }
        f.write_char('\n')
    }

    /// The data type of the keys of a set that is added, and whether they are intervals.
    fn key_type(&self) -> (DataType, bool) {
        let number = |wanted| self.attr(wanted, |value| value.u32()).and_then(Result::ok).unwrap_or_default();
        let flags = SetFlags::from_bits_retain(number(NFTA_SET_FLAGS));
        (DataType::from_raw(number(NFTA_SET_KEY_TYPE)), flags.contains(SetFlags::INTERVAL))
    }

    fn is_rule(&self) -> bool {
        matches!(self.kind, rule::NFT_MSG_NEWRULE | rule::NFT_MSG_DELRULE | rule::NFT_MSG_DESTROYRULE)
    }

    pub(super) fn destroys(&self) -> bool {
        (table::NFT_MSG_DESTROYTABLE..=flowtable::NFT_MSG_DESTROYFLOWTABLE).contains(&self.kind)
    }

    pub(super) fn is_elements(&self) -> bool {
        matches!(self.kind, set::NFT_MSG_NEWSETELEM | set::NFT_MSG_DELSETELEM | set::NFT_MSG_DESTROYSETELEM)
    }
}

/// Where in the messages of an operation its rule is, if it adds one: it is the last of them.
pub(super) fn place_of_rule(bytes: &[u8]) -> Option<usize> {
    let (mut at, mut last) = (0, None);
    for message in Messages::new(bytes).map_while(Result::ok) {
        let is_rule = matches!(message.content(), Ok(Content::Nft { kind: rule::NFT_MSG_NEWRULE, .. }));
        last = is_rule.then_some(at);
        at += len_and_kind(bytes.get(at..)?.first_chunk()?).0;
    }
    last
}

impl Batch {
    /// The bytes of an operation's messages.
    pub(super) fn bytes_of(&self, op: Op) -> &[u8] {
        let Some(entry) = self.ops.get(op.index()) else { return &[] };
        let end = self.ops.get(op.index() + 1).map_or(self.w.len(), |next| next.offset);
        self.as_bytes().get(entry.offset..end).unwrap_or_default()
    }

    /// The messages of an operation, those on elements with the data type of the keys and whether
    /// these are intervals.
    pub(super) fn parts_of(&self, op: Op) -> impl Iterator<Item = (u32, Part<'_>, (DataType, bool))> {
        let mut keys = self.key_type(op);
        Part::all(self.bytes_of(op)).map(move |(sequence, part)| {
            // A set that a rule has to itself comes before its elements.
            if part.kind == set::NFT_MSG_NEWSET {
                keys = part.key_type();
            }
            (sequence, part, keys)
        })
    }

    /// The messages of an operation that say what it does.
    fn shown(&self, op: Op) -> impl Iterator<Item = (Part<'_>, (DataType, bool))> {
        self.parts_of(op).skip(usize::from(self.is_guarded(op))).map(|(_, part, keys)| (part, keys))
    }

    /// The command of an operation.
    pub(super) fn describe(&self, op: Op) -> String {
        // What a rule has to itself comes before it.
        let rule = self.shown(op).filter(|(part, _)| part.is_rule()).last();
        rule.or_else(|| self.shown(op).next()).map(|(part, _)| part.command()).unwrap_or_default()
    }

    /// Whether the first message of an operation is no part of what it does.
    pub(super) fn is_guarded(&self, op: Op) -> bool {
        let marked = self.ops.get(op.index()).is_some_and(|entry| entry.detail == GUARDED);
        // Rules and elements have details of their own.
        marked && Part::all(self.bytes_of(op)).next().is_some_and(|(_, part)| part.kind == chain::NFT_MSG_NEWCHAIN)
    }

    pub(super) fn show_op(&self, op: Op, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shown(op).try_for_each(|(part, keys)| part.show(keys, f))
    }
}
