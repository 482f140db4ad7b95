//! The counter object: as an expression it counts for its rule, as an object for all that name it.

use std::fmt;

use super::{Counter, Kind, Named, ObjectKind};
use crate::table::TableRef;
use crate::wire::{AttrWriter, Name};

impl Counter {
    /// A named counter that begins at zero (Linux 4.10). [`Named::new`] makes one that begins elsewhere.
    pub fn named(table: impl AsRef<TableRef>, name: impl Into<Name>) -> Named<Self> {
        Named::new(table, name, Self::default())
    }
}

impl Kind for Counter {
    const KIND: ObjectKind = ObjectKind::COUNTER;

    fn encode_object(&self, w: &mut AttrWriter) {
        // nft sends the zeros of an object, unlike those of an expression.
        self.encode_whole(w);
    }

    fn fmt_nft(&self, f: &mut dyn fmt::Write) -> fmt::Result {
        if *self == Self::default() {
            return Ok(());
        }
        write!(f, "packets {} bytes {}", self.packets, self.bytes)
    }
}
