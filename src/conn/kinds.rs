//! The kinds of things that are listed: how they are asked for, and known again.

use crate::chain::{NFT_MSG_GETCHAIN, NFT_MSG_NEWCHAIN, NFTA_CHAIN_HANDLE, NFTA_CHAIN_TABLE};
use crate::engine::{Identify, Link, Linked, NumberOf, Query, Told, Transport};
use crate::error::Error;
use crate::flowtable::{NFT_MSG_GETFLOWTABLE, NFT_MSG_NEWFLOWTABLE, NFTA_FLOWTABLE_HANDLE, NFTA_FLOWTABLE_TABLE};
use crate::object::{NFT_MSG_GETOBJ, NFT_MSG_NEWOBJ, NFTA_OBJ_HANDLE, NFTA_OBJ_TABLE};
use crate::rule::{
    NFT_MSG_GETRULE, NFT_MSG_NEWRULE, NFTA_RULE_EXPRESSIONS, NFTA_RULE_HANDLE, NFTA_RULE_POSITION, NFTA_RULE_TABLE,
};
use crate::set::{NFT_MSG_GETSET, NFT_MSG_NEWSET, NFTA_SET_HANDLE, NFTA_SET_TABLE};
use crate::table::{NFT_MSG_GETTABLE, NFT_MSG_NEWTABLE, NFTA_TABLE_HANDLE, NFTA_TABLE_NAME};
use crate::wire::keyed::Sequence;
use crate::wire::reader::Notes;
use crate::wire::{Attr, AttrReader, AttrWriter, Family, NLA_HDRLEN};

/// A kind of things that are listed.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    /// What they are called.
    pub(super) what: &'static str,
    /// How they are asked for (`NFT_MSG_GET…`).
    pub(super) get: u16,
    /// What the answers are (`NFT_MSG_NEW…`).
    pub(super) new: u16,
    /// What tells one from another.
    pub(super) identify: Identify,
    /// What each stands behind.
    link: NumberOf,
}

pub(super) const TABLES: Kind = Kind::new("tables", NFT_MSG_GETTABLE, NFT_MSG_NEWTABLE, |attrs, things| {
    parts(attrs, [NFTA_TABLE_NAME, NFTA_TABLE_HANDLE], things);
});
pub(super) const CHAINS: Kind = Kind::new("chains", NFT_MSG_GETCHAIN, NFT_MSG_NEWCHAIN, |attrs, things| {
    parts(attrs, [NFTA_CHAIN_TABLE, NFTA_CHAIN_HANDLE], things);
});
pub(super) const RULES: Kind = Kind {
    link: |attrs| {
        let (mut table, mut number, mut behind) = (0..0, None, None);
        let notes = Notes::default();
        let mut reader = AttrReader::new(attrs, &notes);
        loop {
            let start = attrs.len() - reader.left() + NLA_HDRLEN;
            match reader.next() {
                Some(Ok((NFTA_RULE_TABLE, value))) => table = start..start + value.bytes().len(),
                Some(Ok((NFTA_RULE_HANDLE, value))) => number = value.u64().ok(),
                Some(Ok((NFTA_RULE_POSITION, value))) => behind = value.u64().ok(),
                // The kernel tells where a rule is before it tells what it does. One that did not would be
                // taken for one that says nothing, and read again.
                Some(Ok((NFTA_RULE_EXPRESSIONS, _)) | Err(_)) | None => break,
                Some(Ok(_)) => {}
            }
        }
        Some(Linked { table: attrs.get(table)?, number: number?, behind })
    },
    ..Kind::new("rules", NFT_MSG_GETRULE, NFT_MSG_NEWRULE, |attrs, things| {
        let notes = Notes::default();
        let mut reader = AttrReader::new(attrs, &notes);
        let mut has_table = false;
        while let Some(Ok((number, _))) = reader.next() {
            has_table |= number == NFTA_RULE_TABLE;
            if number == NFTA_RULE_HANDLE && has_table {
                // The names of table and chain, and the number, as the kernel puts them.
                return things.note(attrs.get(..attrs.len() - reader.left()).unwrap_or_default());
            }
        }
        things.note(attrs);
    })
};
pub(super) const SETS: Kind = Kind::new("sets", NFT_MSG_GETSET, NFT_MSG_NEWSET, |attrs, things| {
    parts(attrs, [NFTA_SET_TABLE, NFTA_SET_HANDLE], things);
});
pub(super) const OBJECTS: Kind = Kind::new("objects", NFT_MSG_GETOBJ, NFT_MSG_NEWOBJ, |attrs, things| {
    parts(attrs, [NFTA_OBJ_TABLE, NFTA_OBJ_HANDLE], things);
});
pub(super) const FLOWTABLES: Kind =
    Kind::new("flowtables", NFT_MSG_GETFLOWTABLE, NFT_MSG_NEWFLOWTABLE, |attrs, things| {
        parts(attrs, [NFTA_FLOWTABLE_TABLE, NFTA_FLOWTABLE_HANDLE], things);
    });

impl Kind {
    const fn new(what: &'static str, get: u16, new: u16, identify: Identify) -> Self {
        Self { what, get, new, identify, link: |_| None }
    }

    /// Asks for all there are.
    pub(super) fn query(&self, family: Family, attrs: impl FnOnce(&mut AttrWriter)) -> Query {
        let mut query = Query::new(self.get, self.new, family, true, attrs);
        query.link = self.link;
        query
    }

    /// Reads all there are, and tells whether none was moved meanwhile.
    pub(super) fn read<T: Transport>(
        &self,
        link: &mut Link<T>,
        query: &Query,
        what: &dyn Fn() -> String,
        take: &mut impl FnMut(Family, &[u8]) -> Result<(), Error>,
    ) -> Result<bool, Error> {
        let mut told = Told::new(self.identify);
        let whole = link.query(query, what, &mut |family, attrs| {
            told.note(attrs);
            take(family, attrs)
        })?;
        if !whole || !link.may_have_moved() {
            return Ok(whole);
        }
        let mut again = told.again();
        let whole = link.query(query, what, &mut |_, attrs| {
            again.note(attrs);
            Ok(())
        })?;
        Ok(whole && again == told)
    }
}

/// Notes the values of two attributes.
fn parts(attrs: &[u8], [one, other]: [u16; 2], things: &mut Sequence) {
    each(attrs, |number, value| {
        if number == one || number == other {
            things.note(value.bytes());
        }
    });
}

fn each(attrs: &[u8], mut take: impl FnMut(u16, Attr<'_>)) {
    let notes = Notes::default();
    for (number, value) in AttrReader::new(attrs, &notes).map_while(Result::ok) {
        take(number, value);
    }
}
