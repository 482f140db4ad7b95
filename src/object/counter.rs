//! The counter object: as an expression it counts for its rule, as an object for all that name it.

use super::{Counter, Named, Object, ObjectKind};
use crate::error::DecodeError;
use crate::expr::Wire;
use crate::table::TableRef;
use crate::wire::reader::Notes;
use crate::wire::{AttrReader, AttrWriter, Name};

impl Counter {
    /// A named counter that begins at zero (Linux 4.10).
    pub fn named(table: impl AsRef<TableRef>, name: impl Into<Name>) -> Named<Self> {
        Named::new(table, name, Self::default())
    }
}

impl Object for Counter {
    const KIND: ObjectKind = ObjectKind::COUNTER;

    fn encode(&self, w: &mut AttrWriter) {
        Wire::encode(self, w);
    }

    fn decode(attrs: &[u8]) -> Result<Self, DecodeError> {
        let notes = Notes::default();
        Wire::decode(&mut AttrReader::new(attrs, &notes))
    }
}
