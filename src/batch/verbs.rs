//! What each verb takes, and what it writes.

use crate::chain::{
    Chain, ChainInfo, ChainRef, NFT_MSG_DELCHAIN, NFT_MSG_DESTROYCHAIN, NFT_MSG_NEWCHAIN, NFTA_CHAIN_HANDLE, State,
};
use crate::error::Op;
use crate::flowtable::{
    Flowtable, FlowtableInfo, FlowtableRef, NFT_MSG_DELFLOWTABLE, NFT_MSG_DESTROYFLOWTABLE, NFT_MSG_NEWFLOWTABLE,
    NFTA_FLOWTABLE_HANDLE,
};
use crate::object::{self, Content, NFT_MSG_DELOBJ, NFT_MSG_DESTROYOBJ, NFT_MSG_NEWOBJ, ObjectInfo, ObjectRef};
use crate::rule::{
    NFT_MSG_DELRULE, NFT_MSG_DESTROYRULE, NFTA_RULE_CHAIN, NFTA_RULE_CHAIN_ID, NFTA_RULE_HANDLE, RuleHandle, RuleHead,
    RuleInfo,
};
use crate::set::{
    Key, Mapped, NFT_MSG_DELSET, NFT_MSG_DELSETELEM, NFT_MSG_DESTROYSET, NFT_MSG_NEWSET, NFTA_SET_HANDLE, Set, SetInfo,
    SetRef, UntypedSet,
};
use crate::table::{
    NFT_MSG_DELTABLE, NFT_MSG_DESTROYTABLE, NFT_MSG_NEWTABLE, NFTA_TABLE_HANDLE, Table, TableInfo, TableRef,
};
use crate::wire::{AttrWriter, Family};

/// A rule's place: before or after which one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Position {
    /// A rule that the kernel has.
    Handle(RuleHandle),
    /// A rule that this batch adds.
    Op(Op),
}

impl From<RuleHandle> for Position {
    fn from(handle: RuleHandle) -> Self {
        Self::Handle(handle)
    }
}

impl From<Op> for Position {
    fn from(op: Op) -> Self {
        Self::Op(op)
    }
}

impl From<&RuleInfo> for Position {
    fn from(rule: &RuleInfo) -> Self {
        Self::Handle(rule.handle())
    }
}

/// What [`Batch::add`](super::Batch::add) and [`create`](super::Batch::create) take: tables,
/// chains, sets, objects and flowtables, as a program wants them or as the kernel had them.
pub trait Declare {
    #[doc(hidden)]
    fn new_message(&self) -> (u16, Family);

    #[doc(hidden)]
    fn write_new(&self, id: u32, w: &mut AttrWriter);
}

macro_rules! declare {
    ($([$($generics:tt)*] $type:ty: $kind:ident, |$this:ident| $family:expr, |$id:ident, $w:ident| $write:expr;)*) => {$(
        impl<$($generics)*> Declare for $type {
            fn new_message(&self) -> (u16, Family) {
                let $this = self;
                ($kind, $family)
            }

            fn write_new(&self, $id: u32, $w: &mut AttrWriter) {
                let $this = self;
                $write;
            }
        }
    )*};
}

declare! {
    [] Table: NFT_MSG_NEWTABLE, |this| this.at().family, |_id, w| this.encode(w);
    [] TableInfo: NFT_MSG_NEWTABLE, |this| this.family(), |_id, w| this.encode(w);
    [S: State] Chain<S>: NFT_MSG_NEWCHAIN, |this| this.at().table.family, |_id, w| this.encode(w);
    [] ChainInfo: NFT_MSG_NEWCHAIN, |this| this.table().family, |_id, w| this.encode(w);
    [K: Key, V: Mapped] Set<K, V>: NFT_MSG_NEWSET, |this| this.at().table.family, |id, w| this.encode(id, w);
    [] SetInfo: NFT_MSG_NEWSET, |this| this.table().family, |id, w| this.encode(id, w);
    [] UntypedSet: NFT_MSG_NEWSET, |this| this.at.table.family, |id, w| this.encode(id, w);
    [T: Content] object::Named<T>: NFT_MSG_NEWOBJ, |this| this.at().table.family, |_id, w| this.encode(w);
    [] ObjectInfo: NFT_MSG_NEWOBJ, |this| this.table().family, |_id, w| this.encode(w);
    [] Flowtable: NFT_MSG_NEWFLOWTABLE, |this| this.at().table.family, |_id, w| this.encode(w);
    [] FlowtableInfo: NFT_MSG_NEWFLOWTABLE, |this| this.table().family, |_id, w| this.encode(w);
}

/// What [`Batch::delete`](super::Batch::delete) and [`destroy`](super::Batch::destroy) take:
/// whatever names a table, chain, set, object or flowtable, and rules that were read.
pub trait Delete {
    /// The messages that delete, and that destroy.
    #[doc(hidden)]
    fn messages(&self) -> (u16, u16);

    #[doc(hidden)]
    fn family(&self) -> Family;

    #[doc(hidden)]
    fn write_name(&self, w: &mut AttrWriter);
}

/// What [`Batch::flush`](super::Batch::flush) takes: whatever names a table, chain or set.
pub trait Flush {
    #[doc(hidden)]
    fn flush_message(&self) -> u16;

    #[doc(hidden)]
    fn flush_family(&self) -> Family;

    #[doc(hidden)]
    fn write_flush(&self, w: &mut AttrWriter);
}

macro_rules! named {
    ($([$($generics:tt)*] $type:ty as $reference:ty, $delete:ident, $destroy:ident;)*) => {$(
        impl<$($generics)*> Delete for $type {
            fn messages(&self) -> (u16, u16) {
                ($delete, $destroy)
            }

            fn family(&self) -> Family {
                family_of(AsRef::<$reference>::as_ref(self))
            }

            fn write_name(&self, w: &mut AttrWriter) {
                AsRef::<$reference>::as_ref(self).write(w);
            }
        }
    )*};
}

named! {
    [] TableRef as TableRef, NFT_MSG_DELTABLE, NFT_MSG_DESTROYTABLE;
    [] Table as TableRef, NFT_MSG_DELTABLE, NFT_MSG_DESTROYTABLE;
    [] TableInfo as TableRef, NFT_MSG_DELTABLE, NFT_MSG_DESTROYTABLE;
    [] ChainRef as ChainRef, NFT_MSG_DELCHAIN, NFT_MSG_DESTROYCHAIN;
    [S] Chain<S> as ChainRef, NFT_MSG_DELCHAIN, NFT_MSG_DESTROYCHAIN;
    [] ChainInfo as ChainRef, NFT_MSG_DELCHAIN, NFT_MSG_DESTROYCHAIN;
    [] SetRef as SetRef, NFT_MSG_DELSET, NFT_MSG_DESTROYSET;
    [K, V] Set<K, V> as SetRef, NFT_MSG_DELSET, NFT_MSG_DESTROYSET;
    [] SetInfo as SetRef, NFT_MSG_DELSET, NFT_MSG_DESTROYSET;
    [] UntypedSet as SetRef, NFT_MSG_DELSET, NFT_MSG_DESTROYSET;
    [] ObjectRef as ObjectRef, NFT_MSG_DELOBJ, NFT_MSG_DESTROYOBJ;
    [T] object::Named<T> as ObjectRef, NFT_MSG_DELOBJ, NFT_MSG_DESTROYOBJ;
    [] ObjectInfo as ObjectRef, NFT_MSG_DELOBJ, NFT_MSG_DESTROYOBJ;
    [] FlowtableRef as FlowtableRef, NFT_MSG_DELFLOWTABLE, NFT_MSG_DESTROYFLOWTABLE;
    [] Flowtable as FlowtableRef, NFT_MSG_DELFLOWTABLE, NFT_MSG_DESTROYFLOWTABLE;
    [] FlowtableInfo as FlowtableRef, NFT_MSG_DELFLOWTABLE, NFT_MSG_DESTROYFLOWTABLE;
}

impl Delete for RuleHead {
    fn messages(&self) -> (u16, u16) {
        (NFT_MSG_DELRULE, NFT_MSG_DESTROYRULE)
    }

    fn family(&self) -> Family {
        self.chain().table.family
    }

    fn write_name(&self, w: &mut AttrWriter) {
        write_rule_chain(self.chain(), w);
        w.u64(NFTA_RULE_HANDLE, self.handle().get());
    }
}

impl Delete for RuleInfo {
    fn messages(&self) -> (u16, u16) {
        (NFT_MSG_DELRULE, NFT_MSG_DESTROYRULE)
    }

    fn family(&self) -> Family {
        self.chain().table.family
    }

    fn write_name(&self, w: &mut AttrWriter) {
        write_rule_chain(self.chain(), w);
        w.u64(NFTA_RULE_HANDLE, self.handle().get());
    }
}

/// What [`Batch::delete_by_handle`](super::Batch::delete_by_handle) takes: what was read, and so has a handle.
pub trait DeleteByHandle {
    #[doc(hidden)]
    fn handle_messages(&self) -> (u16, Family);

    #[doc(hidden)]
    fn write_handle(&self, w: &mut AttrWriter);
}

impl DeleteByHandle for TableInfo {
    fn handle_messages(&self) -> (u16, Family) {
        (NFT_MSG_DELTABLE, self.family())
    }

    fn write_handle(&self, w: &mut AttrWriter) {
        w.u64(NFTA_TABLE_HANDLE, self.handle().get());
    }
}

impl DeleteByHandle for ChainInfo {
    fn handle_messages(&self) -> (u16, Family) {
        (NFT_MSG_DELCHAIN, self.table().family)
    }

    fn write_handle(&self, w: &mut AttrWriter) {
        self.table().write(w);
        w.u64(NFTA_CHAIN_HANDLE, self.handle().get());
    }
}

impl DeleteByHandle for SetInfo {
    fn handle_messages(&self) -> (u16, Family) {
        (NFT_MSG_DELSET, self.table().family)
    }

    fn write_handle(&self, w: &mut AttrWriter) {
        match self.handle() {
            Some(handle) => {
                self.table().write(w);
                w.u64(NFTA_SET_HANDLE, handle.get());
            }
            None => self.at().write(w),
        }
    }
}

impl DeleteByHandle for ObjectInfo {
    fn handle_messages(&self) -> (u16, Family) {
        (NFT_MSG_DELOBJ, self.table().family)
    }

    fn write_handle(&self, w: &mut AttrWriter) {
        self.write_by_handle(w);
    }
}

impl DeleteByHandle for FlowtableInfo {
    fn handle_messages(&self) -> (u16, Family) {
        (NFT_MSG_DELFLOWTABLE, self.table().family)
    }

    fn write_handle(&self, w: &mut AttrWriter) {
        self.table().write(w);
        w.u64(NFTA_FLOWTABLE_HANDLE, self.handle().get());
    }
}

/// What has a family.
trait Familiar {
    fn table(&self) -> &TableRef;
}

fn family_of(what: &impl Familiar) -> Family {
    what.table().family
}

impl Familiar for TableRef {
    fn table(&self) -> &TableRef {
        self
    }
}

impl Familiar for ChainRef {
    fn table(&self) -> &TableRef {
        self.table()
    }
}

impl Familiar for SetRef {
    fn table(&self) -> &TableRef {
        self.table()
    }
}

impl Familiar for FlowtableRef {
    fn table(&self) -> &TableRef {
        self.table()
    }
}

impl Familiar for ObjectRef {
    fn table(&self) -> &TableRef {
        self.table()
    }
}

macro_rules! flush {
    ($([$($generics:tt)*] $type:ty as $reference:ty, $kind:ident, $write:expr;)*) => {$(
        impl<$($generics)*> Flush for $type {
            fn flush_message(&self) -> u16 {
                $kind
            }

            fn flush_family(&self) -> Family {
                family_of(AsRef::<$reference>::as_ref(self))
            }

            fn write_flush(&self, w: &mut AttrWriter) {
                let write: fn(&$reference, &mut AttrWriter) = $write;
                write(self.as_ref(), w);
            }
        }
    )*};
}

flush! {
    [] TableRef as TableRef, NFT_MSG_DELRULE, TableRef::write;
    [] Table as TableRef, NFT_MSG_DELRULE, TableRef::write;
    [] TableInfo as TableRef, NFT_MSG_DELRULE, TableRef::write;
    [] ChainRef as ChainRef, NFT_MSG_DELRULE, write_rule_chain;
    [S] Chain<S> as ChainRef, NFT_MSG_DELRULE, write_rule_chain;
    [] ChainInfo as ChainRef, NFT_MSG_DELRULE, write_rule_chain;
    [] SetRef as SetRef, NFT_MSG_DELSETELEM, SetRef::write;
    [K, V] Set<K, V> as SetRef, NFT_MSG_DELSETELEM, SetRef::write;
    [] SetInfo as SetRef, NFT_MSG_DELSETELEM, SetRef::write;
    [] UntypedSet as SetRef, NFT_MSG_DELSETELEM, SetRef::write;
}

/// Writes table and chain as attributes of a rule's message.
pub(crate) fn write_rule_chain(chain: &ChainRef, w: &mut AttrWriter) {
    chain.table.write(w);
    w.check(chain.name.check("chain"));
    w.name(NFTA_RULE_CHAIN, &chain.name);
}

/// [`write_rule_chain`] of a chain of the batch that has no name, but a number.
pub(super) fn write_rule_chain_id(chain: &ChainRef, id: u32, w: &mut AttrWriter) {
    chain.table.write(w);
    w.u32(NFTA_RULE_CHAIN_ID, id);
}
