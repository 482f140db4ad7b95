//! The limit object: a rate that all rules which name it share.

use std::fmt;

use super::{Kind, Limit, ObjectKind};

impl Kind for Limit {
    const KIND: ObjectKind = ObjectKind::LIMIT;

    fn fmt_object(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rate, unit, burst, .. } = self;
        let (kind, flags) = (self.kind.get(), self.flags.bits());
        write!(f, "limit rate {rate} unit {unit} burst {burst} type {kind} flags {flags}")
    }
}
