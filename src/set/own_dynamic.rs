//! Dynamic sets that a rule has to itself, of meters.

use super::{Key, NFTA_SET_NAME, SetFlags, field_lens, write_desc, write_types};
use crate::datum::{ByteOrder, DataType};
use crate::error::BuildErrorKind;
use crate::table::TableRef;
use crate::userdata::{self, OfData, OfSet};
use crate::wire::{AttrWriter, Name};

/// A set that packets fill, and that comes and goes with its rule.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct OwnDynamic {
    name: Name,
    kind: DataType,
    len: usize,
    order: ByteOrder,
    timeouts: bool,
    pub(crate) size: Option<u32>,
}

impl OwnDynamic {
    pub(crate) fn new<K: Key>(name: Name, timeouts: bool) -> Self {
        Self { name, kind: K::TYPE, len: K::LEN, order: K::ORDER, timeouts, size: None }
    }

    /// Writes the attributes of the set, which has the number `id` in its batch.
    pub(crate) fn encode(&self, table: &TableRef, id: u32, w: &mut AttrWriter) {
        table.write(w);
        w.check(self.name.check("set"));
        if self.name.as_bytes().contains(&b'%') {
            w.fail(BuildErrorKind::NameHasPercent);
        }
        w.name(NFTA_SET_NAME, &self.name);
        let mut flags = SetFlags::ANONYMOUS | SetFlags::EVAL;
        flags.set(SetFlags::TIMEOUT, self.timeouts);
        write_types(flags, (self.kind, self.len), None, id, w);
        write_desc(self.size, field_lens(flags, &[]), &[], w);
        let userdata = OfSet {
            key_order: self.order,
            data_order: None,
            data_intervals: None,
            merge: false,
            key_typeof: &[],
            // nft takes no note of the keys of a meter.
            key_is_concatenation: false,
            data: OfData::Plain,
            data_typeof: &[],
            comment: None,
        };
        userdata::write_set(w, super::NFTA_SET_USERDATA, &userdata);
    }
}
